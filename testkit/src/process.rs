//! A child process that never outlives its test.
//!
//! Output goes to a file, for reading later. On drop the child is killed and reaped. `setpriv
//! --pdeathsig KILL` covers the case that the test itself is killed: the kernel then kills the child
//! with the thread that started it, which is why [`crate::netns::NetNs`] starts children from one
//! thread of its own.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait;

/// A running child and the file with its output.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program args` with stdout and stderr appended to `log`.
    ///
    /// # Errors
    /// When the log cannot be opened or the program not started.
    pub fn start(program: &Path, args: &[String], log: &Path) -> Result<Self> {
        let out = File::options().append(true).create(true).open(log).context("open log")?;
        let name = program.file_name().map_or_else(String::new, |n| n.to_string_lossy().into());
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(out.try_clone().context("clone log handle")?)
            .stderr(out)
            .spawn()
            .with_context(|| format!("start {} (through setpriv)", program.display()))?;
        Ok(Self { name, child, log: log.to_owned() })
    }

    /// Process id. The program keeps the id of what was started: every wrapper `exec`s.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything printed so far.
    #[must_use]
    pub fn output(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Fails, with the last lines printed, when the child has ended.
    ///
    /// # Errors
    /// When it has ended.
    pub fn check_running(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let output = self.output();
            let tail: Vec<_> = output.lines().rev().take(15).collect();
            let tail: Vec<_> = tail.into_iter().rev().collect();
            bail!("{} ended with {status}:\n{}", self.name, tail.join("\n"));
        }
        Ok(())
    }

    /// Sends `signal`.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let id = i32::try_from(self.child.id()).context("process id")?;
        kill(Pid::from_raw(id), signal).with_context(|| format!("signal {}", self.name))
    }

    /// SIGTERM, then waits for the end.
    ///
    /// # Errors
    /// When it does not end in time.
    pub fn terminate(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::SIGTERM)?;
        wait::eventually(&format!("{} ends after SIGTERM", self.name), || {
            self.child.try_wait()?.context("still running")
        })
    }

    /// SIGKILL, and reaps.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// CPU time and memory of a process, from `/proc`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User plus system time of all threads, in seconds.
    pub cpu_seconds: f64,
    /// Peak resident memory in KiB.
    pub peak_kib: u64,
    /// Resident memory now, in KiB.
    pub resident_kib: u64,
    /// Threads now.
    pub threads: u32,
}

impl Usage {
    /// Reads the figures of process `id`.
    ///
    /// # Errors
    /// When it is gone or `/proc` reads differently than documented.
    pub fn of(id: u32) -> Result<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).context("read stat")?;
        // The second field, in parentheses, may hold anything; count from behind it.
        let fields: Vec<_> = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().collect())
            .context("stat has a name in parentheses")?;
        let ticks = |index: usize| -> Result<f64> {
            fields.get(index).context("stat field")?.parse().context("stat field is a number")
        };
        let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK)?
            .context("clock ticks per second are known")?;
        let status =
            std::fs::read_to_string(format!("/proc/{id}/status")).context("read status")?;
        let field = |name: &str| -> Result<u64> {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .and_then(|rest| rest.split_whitespace().next())
                .with_context(|| format!("status has {name}"))?
                .parse()
                .with_context(|| format!("{name} is a number"))
        };
        Ok(Self {
            cpu_seconds: (ticks(11)? + ticks(12)?) / per_second as f64,
            peak_kib: field("VmHWM")?,
            resident_kib: field("VmRSS")?,
            threads: u32::try_from(field("Threads")?)?,
        })
    }

    /// The sum over process `id` and everything it started that is still there. Peaks of several
    /// processes need not fall together, and shared pages count once in each: an upper bound.
    ///
    /// # Errors
    /// When process `id` is gone.
    pub fn of_tree(id: u32) -> Result<Self> {
        let mut sum = Self::of(id)?;
        for child in descendants(id)? {
            // One that ends meanwhile takes its figures with it.
            if let Ok(usage) = Self::of(child) {
                sum.cpu_seconds += usage.cpu_seconds;
                sum.peak_kib += usage.peak_kib;
                sum.resident_kib += usage.resident_kib;
                sum.threads += usage.threads;
            }
        }
        Ok(sum)
    }
}

/// Children of `id`, their children, and so on.
fn descendants(id: u32) -> Result<Vec<u32>> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc").context("read /proc")? {
        let name = entry?.file_name();
        let Some(child) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{child}/stat")) else { continue };
        let parent = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(1));
        parents.extend(parent.and_then(|p| p.parse::<u32>().ok()).map(|parent| (parent, child)));
    }
    let mut found = vec![id];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(parents.iter().filter(|(p, _)| *p == parent).map(|(_, child)| *child));
        next += 1;
    }
    found.remove(0);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usage_of_this_process() {
        let usage = Usage::of(std::process::id()).unwrap();
        assert!(usage.peak_kib > 0 && usage.resident_kib > 0 && usage.threads > 0);
    }

    #[test]
    fn usage_of_a_tree_counts_children_of_children() {
        let folder = tempfile::tempdir().unwrap();
        let script = "sh -c 'sleep 1000 & wait' & wait";
        let args = ["-c".to_owned(), script.to_owned()];
        let process =
            Process::start(Path::new("/bin/sh"), &args, &folder.path().join("log")).unwrap();
        wait::eventually("three processes", || {
            let tree = Usage::of_tree(process.id())?;
            anyhow::ensure!(tree.threads == 3, "{tree:?}");
            assert!(tree.peak_kib > Usage::of(process.id())?.peak_kib);
            Ok(())
        })
        .unwrap();
        for id in descendants(process.id()).unwrap() {
            kill(Pid::from_raw(i32::try_from(id).unwrap()), Signal::SIGKILL).unwrap();
        }
    }

    #[test]
    fn a_child_is_gone_after_drop_and_its_output_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let args = ["-c".to_owned(), "echo hello; exec sleep 1000".to_owned()];
        let mut process = Process::start(Path::new("/bin/sh"), &args, &log).unwrap();
        wait::eventually("hello", || {
            anyhow::ensure!(process.output() == "hello\n", "{:?}", process.output());
            Ok(())
        })
        .unwrap();
        process.check_running().unwrap();
        let id = process.id();
        drop(process);
        assert!(!Path::new(&format!("/proc/{id}")).exists());
    }

    #[test]
    fn an_ended_child_is_reported_with_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let args = ["-c".to_owned(), "echo last words; exit 3".to_owned()];
        let mut process = Process::start(Path::new("/bin/sh"), &args, &log).unwrap();
        let error = wait::eventually("the end", || match process.check_running() {
            Ok(()) => bail!("running"),
            Err(error) => Ok(error.to_string()),
        })
        .unwrap();
        assert!(error.contains("last words") && error.contains("3"), "{error}");
    }
}
