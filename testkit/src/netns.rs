//! Network namespaces held by file descriptor: no names, nothing to clean up.
//!
//! A [`NetNs`] is one thread that left for a fresh namespace, and an open handle to it. Children are
//! started from that thread, so they are born inside and die with it; closures run on short-lived
//! threads that enter by `setns`. When the handle and the processes are gone the kernel removes the
//! namespace and its links: also after a panic, also after SIGKILL.

use std::fs::File;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, bail};
use ipnet::IpNet;
use nix::sched::{CloneFlags, setns, unshare};

use crate::process::Process;

type Job = Box<dyn FnOnce() + Send>;

/// A network of its own.
#[derive(Debug)]
pub struct NetNs {
    label: String,
    handle: File,
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// One end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Interface name, up to 15 octets.
    pub interface: String,
    /// Addresses with prefix length.
    pub addresses: Vec<IpNet>,
}

impl End {
    /// An end with these addresses, in text form.
    ///
    /// # Panics
    /// When an address does not parse: tests write them literally.
    #[must_use]
    pub fn new(interface: &str, addresses: &[&str]) -> Self {
        let parse = |text: &&str| text.parse().unwrap_or_else(|_| panic!("{text}: no address/len"));
        Self { interface: interface.to_owned(), addresses: addresses.iter().map(parse).collect() }
    }
}

impl NetNs {
    /// A fresh namespace with loopback up and nothing else. `label` appears in errors.
    ///
    /// # Errors
    /// Without the right to make one.
    pub fn new(label: &str) -> Result<Self> {
        let (jobs, inbox) = sync_channel::<Job>(1);
        let (ready, is_ready) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name(format!("netns {label}"))
            .spawn(move || {
                let opened = unshare(CloneFlags::CLONE_NEWNET).context("unshare").and_then(|()| {
                    File::open("/proc/thread-self/ns/net").context("open namespace")
                });
                let is_open = opened.is_ok();
                let _ = ready.send(opened);
                if is_open {
                    inbox.iter().for_each(|job| job());
                }
            })
            .context("start thread")?;
        let handle = is_ready.recv().context("namespace thread ended")??;
        let ns = Self { label: label.to_owned(), handle, jobs: Some(jobs), thread: Some(thread) };
        ns.ip("link set lo up")?;
        Ok(ns)
    }

    /// The label given to [`NetNs::new`].
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// A path other processes can open the namespace by, while this value lives.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.handle.as_raw_fd()).into()
    }

    /// Runs `body` on a thread inside. Sockets and threads it makes stay inside.
    ///
    /// # Panics
    /// When the body does.
    pub fn run<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let inside = scope.spawn(|| {
                setns(self.handle.as_fd(), CloneFlags::CLONE_NEWNET)
                    .expect("who made a namespace may enter it");
                body()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Runs a program inside to its end; its stdout.
    ///
    /// # Errors
    /// When it cannot start or fails, with its stderr.
    pub fn exec<S: AsRef<str>>(&self, program: impl AsRef<Path>, args: &[S]) -> Result<String> {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command.args(args.iter().map(AsRef::as_ref));
        let output = self
            .run(|| command.output())
            .with_context(|| format!("run {} in {}", program.display(), self.label))?;
        if !output.status.success() {
            let args: Vec<_> = args.iter().map(AsRef::as_ref).collect();
            bail!(
                "{} {} in {}: {} {}",
                program.display(),
                args.join(" "),
                self.label,
                String::from_utf8_lossy(&output.stderr).trim(),
                String::from_utf8_lossy(&output.stdout).trim(),
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// `ip ARGS`, split at blanks.
    ///
    /// # Errors
    /// As [`NetNs::exec`].
    pub fn ip(&self, args: &str) -> Result<String> {
        self.exec("ip", &args.split_whitespace().collect::<Vec<_>>())
    }

    /// Starts a program inside that lives until dropped; its output is appended to `log`.
    ///
    /// # Errors
    /// When it cannot start.
    pub fn spawn(&self, program: &Path, args: &[String], log: &Path) -> Result<Process> {
        let (program, args, log) = (program.to_owned(), args.to_vec(), log.to_owned());
        let (answer, started) = sync_channel(1);
        let job: Job = Box::new(move || {
            let _ = answer.send(Process::start(&program, &args, &log));
        });
        let jobs = self.jobs.as_ref().context("namespace is being dropped")?;
        jobs.send(job).ok().context("namespace thread ended")?;
        started.recv().context("namespace thread ended")?
    }

    /// A veth pair between this namespace and `other`, both ends up and with their addresses.
    ///
    /// # Errors
    /// When an interface of that name exists, or an address is refused.
    pub fn link(&self, ours: &End, other: &Self, theirs: &End) -> Result<()> {
        self.ip(&format!(
            "link add {} type veth peer name {} netns {}",
            ours.interface,
            theirs.interface,
            other.path().display()
        ))?;
        self.set_up(ours)?;
        other.set_up(theirs)
    }

    /// A bridge that is up, and to which [`NetNs::attach`] adds ports.
    ///
    /// # Errors
    /// When an interface of that name exists.
    pub fn bridge(&self, name: &str) -> Result<()> {
        self.ip(&format!("link add {name} type bridge"))?;
        self.ip(&format!("link set {name} up"))?;
        Ok(())
    }

    /// Joins `other` to our bridge by a veth pair whose far end is `theirs`.
    ///
    /// # Errors
    /// When there is no such bridge, or an interface of that name exists.
    pub fn attach(&self, bridge: &str, port: &str, other: &Self, theirs: &End) -> Result<()> {
        self.link(&End::new(port, &[]), other, theirs)?;
        self.ip(&format!("link set {port} master {bridge}"))?;
        Ok(())
    }

    /// Adds one more address, usable at once (no duplicate address detection).
    ///
    /// # Errors
    /// When it is refused.
    pub fn add_address(&self, interface: &str, address: IpNet) -> Result<()> {
        let nodad = if matches!(address, IpNet::V6(_)) { " nodad" } else { "" };
        self.ip(&format!("address add {address} dev {interface}{nodad}"))?;
        Ok(())
    }

    fn set_up(&self, end: &End) -> Result<()> {
        for address in &end.addresses {
            self.add_address(&end.interface, *address)?;
        }
        self.ip(&format!("link set {} up", end.interface))?;
        Ok(())
    }

    /// The kernel's routes of protocol `protocol` (a name or number) as `ip -j` prints them.
    ///
    /// # Errors
    /// When `ip` fails or prints no JSON.
    pub fn kernel_routes(&self, protocol: &str) -> Result<Vec<serde_json::Value>> {
        let mut routes = Vec::new();
        for family in ["-4", "-6"] {
            let text = self.ip(&format!("-j -d {family} route show proto {protocol}"))?;
            if !text.trim().is_empty() {
                let mut some: Vec<serde_json::Value> =
                    serde_json::from_str(&text).context("ip -j route")?;
                routes.append(&mut some);
            }
        }
        Ok(routes)
    }

    /// Whether `address` answers one ping.
    #[must_use]
    pub fn can_ping(&self, address: IpAddr) -> bool {
        self.exec("ping", &["-c", "1", "-W", "1", &address.to_string()]).is_ok()
    }
}

impl Drop for NetNs {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
