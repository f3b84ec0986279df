//! The table of wishes: what is asked for, by whom, and where the answers go.
//!
//! Written by any thread, read by the BFD thread when [`Wishes::changed`] wakes it. Its size is that of
//! the configuration, whatever the rate of changes, so that nothing queues up.
//!
//! Invariant: an entry exists while it has at least one wish.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, watch};

use super::Endpoints;
use super::report::{Report, Shared, Status};
use crate::demux::PathKey;
use crate::session::SessionConfig;

/// What tells sessions apart: paths in different VRFs may look the same.
#[derive(Clone, Debug, Eq, PartialEq, Hash)]
pub(super) struct Key {
    pub(super) path: PathKey,
    pub(super) device: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Wishes {
    entries: Mutex<HashMap<Key, Entry>>,
    notify: Notify,
    ids: AtomicU64,
    is_stopped: AtomicBool,
}

/// All that is asked for on one path.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) endpoints: Endpoints,
    pub(super) output: Output,
    wishes: BTreeMap<u64, Wish>,
}

/// What one watch asks for.
#[derive(Copy, Clone, Debug)]
pub(super) struct Wish {
    pub(super) config: SessionConfig,
    pub(super) is_held: bool,
}

/// Where a session tells what happens.
#[derive(Clone, Debug)]
pub(super) struct Output {
    pub(super) status: watch::Sender<Status>,
    pub(super) report: Shared,
}

impl Entry {
    /// The shortest intervals and the smallest multiplier of all, and whether anyone holds it down.
    pub(super) fn merged(&self) -> Option<Wish> {
        self.wishes.values().copied().reduce(|a, b| Wish {
            config: SessionConfig {
                role: a.config.role,
                desired_min_tx: a.config.desired_min_tx.min(b.config.desired_min_tx),
                required_min_rx: a.config.required_min_rx.min(b.config.required_min_rx),
                detect_mult: a.config.detect_mult.min(b.config.detect_mult),
            },
            is_held: a.is_held || b.is_held,
        })
    }
}

impl Wishes {
    pub(super) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn add(
        &self,
        key: Key,
        id: u64,
        endpoints: Endpoints,
        config: SessionConfig,
        now: Instant,
    ) -> (watch::Receiver<Status>, Shared) {
        let mut entries = self.entries();
        let entry = entries.entry(key).or_insert_with(|| {
            let report = Shared::new(Report::new(endpoints.clone(), config, now));
            let output = Output { status: watch::Sender::new(Status::UNKNOWN), report };
            Entry { endpoints, output, wishes: BTreeMap::new() }
        });
        entry.wishes.insert(id, Wish { config, is_held: false });
        let outlets = (entry.output.status.subscribe(), entry.output.report.clone());
        drop(entries);
        self.notify.notify_one();
        outlets
    }

    pub(super) fn change(&self, key: &Key, id: u64, change: impl FnOnce(&mut Wish)) {
        if let Some(wish) = self.entries().get_mut(key).and_then(|e| e.wishes.get_mut(&id)) {
            change(wish);
        }
        self.notify.notify_one();
    }

    pub(super) fn remove(&self, key: &Key, id: u64) {
        let mut entries = self.entries();
        if let Some(entry) = entries.get_mut(key) {
            entry.wishes.remove(&id);
            if entry.wishes.is_empty() {
                entries.remove(key);
            }
        }
        drop(entries);
        self.notify.notify_one();
    }

    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Waits until something was asked for or given up.
    pub(super) async fn changed(&self) {
        self.notify.notified().await;
    }

    pub(super) fn entries(&self) -> MutexGuard<'_, HashMap<Key, Entry>> {
        // Nothing that runs under the lock can leave the table half changed.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU8;

    use super::*;
    use crate::session::Interval;

    #[test]
    fn watches_of_a_path_share_the_shortest_intervals() {
        let config = |tx, rx, mult| SessionConfig {
            desired_min_tx: Interval::from_millis(tx).unwrap(),
            required_min_rx: Interval::from_millis(rx).unwrap(),
            detect_mult: NonZeroU8::new(mult).unwrap(),
            ..SessionConfig::default()
        };
        let ends = Endpoints::SingleHop {
            local: [10, 0, 0, 1].into(),
            remote: [10, 0, 0, 2].into(),
            ifindex: 2,
            device: None,
        };
        let (wishes, key) = (Wishes::default(), ends.key());
        let now = super::super::clock();
        let (first, _) = wishes.add(key.clone(), 1, ends.clone(), config(50, 300, 5), now);
        let (second, _) = wishes.add(key.clone(), 2, ends, config(300, 100, 3), now);
        assert!(first.same_channel(&second));
        let merged = || wishes.entries()[&key].merged().unwrap();
        assert_eq!(merged().config, config(50, 100, 3));
        wishes.change(&key, 2, |wish| wish.is_held = true);
        assert!(merged().is_held);
        wishes.remove(&key, 2);
        assert_eq!((merged().config, merged().is_held), (config(50, 300, 5), false));
        wishes.remove(&key, 1);
        assert!(wishes.entries().is_empty());
    }
}
