//! The routers: one `cosmos run` each, inside its namespace, watched and ended with the lab.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::clock;
use super::net::Net;
use super::netns::Namespace;
use super::topology::{Role, Router, Topology};
use crate::control::Client;

/// How long a router may take to say goodbye to its peers.
const STOP_TIME: Duration = Duration::from_secs(3);

/// A router of the lab, running.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) router: Router,
    // Before the namespace: the thread that starts a process must outlive it.
    process: Option<Child>,
    pub(super) namespace: Namespace,
    folder: PathBuf,
}

impl Running {
    /// Makes the namespace; the process comes with [`Running::start`].
    pub(super) fn new(router: &Router, folder: &Path) -> io::Result<Self> {
        let namespace = Namespace::new(router.name)?;
        let folder = folder.join(router.name);
        Ok(Self { router: router.clone(), process: None, namespace, folder })
    }

    /// Prepares the namespace as a router's: loopback, forwarding, traffic shared by flow.
    /// Says which kernel settings could not be made.
    pub(super) fn prepare(&self) -> Result<Vec<&'static str>, super::net::NetError> {
        let router = self.router.clone();
        self.namespace.run(move |net: &mut Net| {
            net.set_up("lo", true)?;
            for address in &router.addresses {
                net.add_address("lo", *address)?;
            }
            let forwarding = if router.role == Role::Transit { "1" } else { "0" };
            let settings = [
                ("net/ipv4/ip_forward", forwarding),
                ("net/ipv6/conf/all/forwarding", forwarding),
                // Link-local addresses, the next hops of IPv6 routes, usable at once.
                ("net/ipv6/conf/default/accept_dad", "0"),
                // By address and port, so that one client's flows use both legs.
                ("net/ipv4/fib_multipath_hash_policy", "1"),
                ("net/ipv6/fib_multipath_hash_policy", "1"),
                // The way back may be another one than the way there.
                ("net/ipv4/conf/all/rp_filter", "0"),
                ("net/ipv4/conf/default/rp_filter", "0"),
            ];
            let refused = |(name, value): &(&str, &str)| {
                fs::write(Path::new("/proc/sys").join(name), value).is_err()
            };
            Ok(settings.into_iter().filter(refused).map(|(name, _)| name).collect())
        })
    }

    /// Writes the manifests and starts the daemon.
    pub(super) fn start(&mut self, topology: &Topology, index: usize) -> io::Result<u32> {
        let manifests = self.folder.join("manifests");
        fs::create_dir_all(&manifests)?;
        fs::write(manifests.join("router.yaml"), topology.manifests(index))?;
        let mut command = Command::new("/proc/self/exe");
        command
            .args(["run", "--fib", "kernel", "--workers", "1", "--node", self.router.name])
            .arg("--manifests")
            .arg(&manifests)
            .arg("--control")
            .arg(self.control())
            .arg("--die-with-parent")
            .arg(std::process::id().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(self.log())?);
        // A group of its own: Ctrl-C is for the lab, which then stops the routers in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = self.namespace.run(move |_| command.spawn())?;
        let pid = child.id();
        self.process = Some(child);
        Ok(pid)
    }

    /// Whether the daemon has ended by itself, and how.
    pub(super) fn ended(&mut self) -> Option<String> {
        let status = self.process.as_mut()?.try_wait().ok()??;
        Some(format!("{} stopped ({status})", self.router.name))
    }

    /// The control socket.
    pub(super) fn control(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// A client of the control socket.
    pub(super) fn client(&self) -> Client {
        Client::new(self.control())
    }

    /// What the daemon logs.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The last lines of the log.
    pub(super) fn log_tail(&self) -> String {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    }

    /// Process id of the daemon.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    fn terminate(&self) {
        if let Some(pid) = self.pid().and_then(|pid| i32::try_from(pid).ok()) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
    }
}

/// Asks all daemons to stop, waits, and ends those that do not.
pub(super) fn stop_all(routers: &mut [Running]) {
    routers.iter().for_each(Running::terminate);
    let deadline = clock() + STOP_TIME;
    for running in routers {
        let Some(mut child) = running.process.take() else { continue };
        while matches!(child.try_wait(), Ok(None)) && clock() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}
