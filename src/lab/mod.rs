//! `cosmos lab`: a small fabric on this machine, running, watched, cut and healed.
//!
//! Four routers, each a `cosmos run` process in a network namespace of its own, linked by veth
//! pairs; see `topology` for who and how. No root (a user namespace, see `userns`), no other
//! program (netlink, see `net`), nothing left behind: processes die with the lab, namespaces with
//! their last process, the folder of manifests and logs is removed.
//!
//! ```text
//!   main thread: story            namespace thread x4 (netns): netlink, sockets, starts processes
//!     asks control sockets  <-->  cosmos run x4
//!   signal thread: Ctrl-C -> a flag every wait looks at
//! ```

mod net;
mod netns;
mod probe;
mod report;
mod routers;
mod story;
mod topology;
mod userns;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::cli::{Failure, LabArgs};
use report::Report;
use routers::Running;
use topology::Topology;
use userns::Rights;

/// Time for the whole demonstration.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `cosmos lab`.
///
/// # Errors
/// The machine does not allow it, or something that should be seen was not.
pub fn run(args: LabArgs) -> Result<(), Failure> {
    let rights = userns::gain_rights().map_err(Failure::Failed)?;
    let report = Report::new(PATIENCE)?;
    let folder = Folder::new(args.keep)?;
    let mut lab = Lab::new(rights, folder)?;
    report.say(match rights {
        Rights::Own => "four network namespaces",
        Rights::UserNamespace => "four network namespaces in a user namespace of our own",
    })?;
    let told = story::tell(&mut lab, &report).and_then(|()| lab.stay(&args, &report));
    let told = match told {
        Err(Failure::Failed(text)) if !report.interrupted() => {
            lab.show_logs();
            let kept = if args.keep { "" } else { "; --keep keeps manifests and logs" };
            Err(Failure::Failed(format!("{text}{kept}")))
        }
        Err(_) if report.interrupted() && !args.once => Ok(()),
        other => other,
    };
    routers::stop_all(&mut lab.routers);
    told
}

/// The routers and their folder.
struct Lab {
    topology: Topology,
    routers: Vec<Running>,
    rights: Rights,
    folder: Folder,
}

impl Lab {
    fn new(rights: Rights, folder: Folder) -> io::Result<Self> {
        let topology = Topology::new();
        let routers = topology
            .routers
            .iter()
            .map(|router| Running::new(router, &folder.path))
            .collect::<io::Result<_>>()?;
        Ok(Self { topology, routers, rights, folder })
    }

    fn router(&self, name: &str) -> &Running {
        let found = self.routers.iter().find(|r| r.router.name == name);
        found.expect("names come from the topology")
    }

    /// Stays up for a person to look around, or opens a shell, or returns at once with `--once`.
    fn stay(&self, args: &LabArgs, report: &Report) -> Result<(), Failure> {
        if args.once {
            return Ok(());
        }
        let exe = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("cosmos"));
        let exe = exe.display();
        report.plain("")?;
        report.plain("Look around, from another terminal:")?;
        for running in &self.routers {
            report
                .plain(&format!("  {exe} show routes --control {}", running.control().display()))?;
        }
        let user = if self.rights == Rights::Own { "" } else { " -U --preserve-credentials" };
        report.plain("Enter a router (then: ip route, ping, tcpdump, ...):")?;
        for running in &self.routers {
            let pid = running.pid().unwrap_or_default();
            report.plain(&format!("  nsenter -t {pid}{user} -n   # {}", running.router.name))?;
        }
        match &args.shell {
            Some(name) => self.shell(name, report),
            None => {
                report.plain("Ctrl-C ends the lab and leaves nothing behind.")?;
                report.wait_for_interrupt();
                Ok(())
            }
        }
    }

    fn shell(&self, name: &str, report: &Report) -> Result<(), Failure> {
        let running = self.router(name);
        let shell = std::env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into());
        report.plain(&format!(
            "A shell inside {name}; cosmos show peers works; exit ends the lab."
        ))?;
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        if let Some(folder) = std::env::current_exe()?.parent() {
            path.push(":");
            path.push(folder);
        }
        let mut command = Command::new(shell);
        command.env("PATH", path).env("COSMOS_CONTROL", running.control());
        let mut child = running.namespace.run(move |_| command.spawn())?;
        child.wait()?;
        Ok(())
    }

    fn show_logs(&self) {
        use io::Write as _;
        let mut err = io::stderr().lock();
        for running in &self.routers {
            let tail = running.log_tail();
            if !tail.is_empty() {
                let _ = writeln!(err, "--- last lines of {}'s log\n{tail}", running.router.name);
            }
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        routers::stop_all(&mut self.routers);
        if self.folder.keep {
            use io::Write as _;
            let kept = self.folder.path.display();
            let _ = writeln!(io::stderr(), "manifests and logs are kept in {kept}");
        }
    }
}

/// A private folder for manifests, sockets and logs.
struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    fn new(keep: bool) -> io::Result<Self> {
        let template = std::env::temp_dir().join("cosmos-lab-XXXXXX");
        let path = nix::unistd::mkdtemp(&template)?;
        Ok(Self { path, keep })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.keep {
            let _ = fs::remove_dir_all(Path::new(&self.path));
        }
    }
}

/// The lab's clock.
#[expect(clippy::disallowed_methods, reason = "the lab measures; it holds no protocol logic")]
fn clock() -> Instant {
    Instant::now()
}
