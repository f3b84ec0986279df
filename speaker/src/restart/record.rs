//! What the next process has to know of this one: whether the kernel still forwards for it.
//!
//! **How it works.** One small JSON file, written whole and renamed, at the start, when the kernel's
//! routes are in step, and when the last route of a family goes or the first comes. The next process
//! believes it only while the machine has not been started anew and the network namespace, table
//! and protocol are the same, and then looks whether the routes are really there.
//!
//! **Invariants.** A missing, broken or strange file is the same as none: nothing was preserved.
//! Failing to write it is said once and costs the next restart its grace, nothing else.
//!
//! References: RFC 4724 section 4.1 (the F bit only if forwarding state "has indeed been preserved").

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io};

use bgp_wire::{Family, FamilySet};
use fib_netlink::Status;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::config::{FibMode, SpeakerOptions};

/// The file, and what it said before us.
#[derive(Debug)]
pub(crate) struct Recorder {
    path: Option<PathBuf>,
    /// What is in the file now.
    present: Mutex<Option<Record>>,
    pub(crate) found: Found,
}

/// What an earlier process left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// An earlier process ran here since the machine was started.
    pub(crate) restarted: bool,
    /// Families whose routes in the kernel are those it had.
    pub(crate) preserved: FamilySet,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u8,
    place: Place,
    ipv4: Routes,
    ipv6: Routes,
}

/// Where a process ran; forwarding state is kept only in the same place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Place {
    boot_id: String,
    /// Inode of the network namespace.
    network_namespace: u64,
    table: u32,
    protocol: u8,
}

/// The kernel's routes of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Routes {
    /// Not in step with the tables yet.
    Unknown,
    /// In step, and there are none.
    None,
    /// In step, and there are some.
    Some,
}

const VERSION: u8 = 1;

impl Recorder {
    /// Reads what an earlier process left, and leaves our own mark. `status` is that of the kernel's
    /// routes as found.
    pub(crate) fn open(options: &SpeakerOptions, status: Option<&Status>) -> Self {
        let Some(path) = options.state_file.clone() else { return Self::off() };
        let place = match Place::here(options) {
            Ok(place) => place,
            Err(error) => {
                warn!(%error, "cannot tell one start of the machine from another; no graceful restart of our own");
                return Self::off();
            }
        };
        Self::at(path, place, status)
    }

    fn at(path: PathBuf, place: Place, status: Option<&Status>) -> Self {
        let earlier = read(&path).filter(|record| record.place == place);
        let kept = |routes: fn(&Record) -> Routes, now: fn(&Status) -> usize| {
            let routes = earlier.as_ref().map_or(Routes::Unknown, routes);
            let there = status.is_none_or(|status| now(status) > 0);
            if routes == Routes::Some && !there { Routes::Unknown } else { routes }
        };
        let ipv4 = kept(|record| record.ipv4, |status| status.routes_v4);
        let ipv6 = kept(|record| record.ipv6, |status| status.routes_v6);
        let families = [(Family::IPV4_UNICAST, ipv4), (Family::IPV6_UNICAST, ipv6)];
        let preserved = families.iter().filter(|(_, routes)| *routes != Routes::Unknown);
        let found = Found {
            restarted: earlier.is_some(),
            preserved: preserved.map(|(family, _)| *family).collect(),
        };
        if found.restarted {
            info!(ipv4 = ?ipv4, ipv6 = ?ipv6, "an earlier run has left routes");
        }
        let recorder = Self { path: Some(path), present: Mutex::new(None), found };
        recorder.write(Record { version: VERSION, place, ipv4, ipv6 });
        recorder
    }

    fn off() -> Self {
        Self { path: None, present: Mutex::new(None), found: Found::default() }
    }

    /// The kernel is in step with the tables.
    pub(crate) fn in_step(&self, status: &Status) {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(record) = present else { return };
        let routes = |count: usize| if count > 0 { Routes::Some } else { Routes::None };
        let ipv4 = routes(status.routes_v4);
        self.write(Record { ipv4, ipv6: routes(status.routes_v6), ..record });
    }

    /// Our routes are taken away on purpose: the next process begins from nothing.
    pub(crate) fn erase(&self) {
        let Some(path) = &self.path else { return };
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                warn!(%error, path = %path.display(), "cannot remove the file of our state");
            }
            _ => {}
        }
    }

    fn write(&self, record: Record) {
        let Some(path) = &self.path else { return };
        let mut present = self.present.lock().unwrap_or_else(PoisonError::into_inner);
        if present.as_ref() == Some(&record) {
            return;
        }
        if let Err(error) = replace(path, &record) {
            warn!(%error, path = %path.display(), "cannot write the file of our state; neighbours will drop our routes at the next restart");
        }
        *present = Some(record);
    }
}

impl Place {
    /// Where this thread is.
    fn here(options: &SpeakerOptions) -> io::Result<Self> {
        let (table, protocol) = match options.fib {
            FibMode::Kernel => (options.table, options.protocol),
            FibMode::None => (0, 0),
        };
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        let network_namespace = fs::metadata("/proc/thread-self/ns/net")?.ino();
        Ok(Self { boot_id, network_namespace, table, protocol })
    }
}

/// How long this machine has been up; zero if it does not say.
pub(crate) fn machine_up_for() -> Duration {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text.split('.').next().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

fn read(path: &Path) -> Option<Record> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                warn!(%error, path = %path.display(), "cannot read the file of our state");
            }
            return None;
        }
    };
    match serde_json::from_slice::<Record>(&text) {
        Ok(record) if record.version == VERSION => Some(record),
        Ok(record) => {
            warn!(path = %path.display(), version = record.version, "the file of our state is of another version");
            None
        }
        Err(error) => {
            warn!(%error, path = %path.display(), "the file of our state is not whole");
            None
        }
    }
}

/// Whole or not at all: no reader ever sees a part.
fn replace(path: &Path, record: &Record) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let temporary = path.with_extension("new");
    fs::write(&temporary, serde_json::to_vec(record)?)?;
    fs::rename(&temporary, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(boot: &str, netns: u64) -> Place {
        Place { boot_id: boot.to_owned(), network_namespace: netns, table: 254, protocol: 179 }
    }

    fn status(v4: usize, v6: usize) -> Status {
        Status { routes_v4: v4, routes_v6: v6, ..Status::default() }
    }

    fn both() -> FamilySet {
        [Family::IPV4_UNICAST, Family::IPV6_UNICAST].into_iter().collect()
    }

    #[test]
    fn only_what_was_in_step_and_is_there_was_preserved() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/restart.json");
        let open = |place, v4, v6| Recorder::at(path.clone(), place, Some(&status(v4, v6)));
        let here = || place("a", 1);
        let first = open(here(), 0, 0);
        assert_eq!(first.found, Found::default(), "no file");
        let second = open(here(), 5, 0);
        assert!(second.found.restarted);
        assert!(second.found.preserved.is_empty(), "the first run never got in step");
        second.in_step(&status(5, 0));
        assert_eq!(open(here(), 5, 0).found.preserved, both());
        // A crash before the next run is in step loses nothing.
        assert_eq!(open(here(), 4, 0).found.preserved, both());
        let flushed = open(here(), 0, 0).found;
        assert_eq!(flushed.preserved, [Family::IPV6_UNICAST].into_iter().collect());
        assert!(open(here(), 5, 0).found.preserved.len() == 1, "somebody else's routes by now");
        assert_eq!(open(place("b", 1), 5, 0).found, Found::default(), "the machine was restarted");
        assert_eq!(open(place("b", 2), 5, 0).found, Found::default(), "another namespace");
    }

    #[test]
    fn a_broken_file_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("restart.json");
        let open = || Recorder::at(path.clone(), place("a", 1), Some(&status(5, 5)));
        open().in_step(&status(5, 5));
        let whole = fs::read_to_string(&path).unwrap();
        for broken in [&whole[..whole.len() / 2], "", "{}", &whole.replace(":1", ":2")] {
            fs::write(&path, broken).unwrap();
            assert_eq!(open().found, Found::default(), "{broken}");
        }
        fs::write(&path, &whole).unwrap();
        let recorder = open();
        assert_eq!(recorder.found.preserved, both());
        recorder.erase();
        assert!(!path.exists());
        recorder.in_step(&status(1, 1));
        assert!(!path.exists(), "it stays away");
    }
}
