//! Figures of a running process, from /proc.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use testkit::wait::clock;

pub(crate) struct Process {
    folder: PathBuf,
}

/// At one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figures {
    pub(crate) descriptors: usize,
    pub(crate) rss_kib: u64,
    pub(crate) threads: u64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { descriptors, rss_kib, threads } = self;
        write!(f, "{descriptors} descriptors, {} MiB, {threads} threads", rss_kib / 1024)
    }
}

impl Process {
    pub(crate) fn new(id: u32) -> Self {
        Self { folder: format!("/proc/{id}").into() }
    }

    pub(crate) fn figures(&self) -> Figures {
        let status = std::fs::read_to_string(self.folder.join("status")).unwrap();
        let field = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        Figures {
            descriptors: std::fs::read_dir(self.folder.join("fd")).unwrap().count(),
            rss_kib: field("VmRSS:"),
            threads: field("Threads:"),
        }
    }

    /// TCP connections of port 179 that are not over, of everybody in its namespace.
    pub(crate) fn connections(&self) -> usize {
        const ESTABLISHED: &str = "01";
        const CLOSE_WAIT: &str = "08";
        let table = std::fs::read_to_string(self.folder.join("net/tcp")).unwrap();
        let of_bgp = |line: &&str| {
            let mut fields = line.split_whitespace().skip(1);
            let local = fields.next().is_some_and(|local| local.ends_with(":00B3"));
            let state = fields.nth(1);
            local && matches!(state, Some(ESTABLISHED | CLOSE_WAIT))
        };
        table.lines().filter(of_bgp).count()
    }

    /// Seconds of CPU used in the time to come, and how long that was.
    pub(crate) fn cpu_over(&self, time: Duration) -> (f64, Duration) {
        let (begun, before) = (clock(), self.cpu());
        // A measurement takes its time; nothing is waited for.
        std::thread::sleep(time);
        (self.cpu() - before, begun.elapsed())
    }

    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(self.folder.join("stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<u32>().map(f64::from).unwrap();
        // utime and stime, in hundredths of a second on every Linux.
        (ticks(11) + ticks(12)) / 100.0
    }
}
