//! Drift: routes that the kernel dropped or refused, noticed and put back.
//!
//! Part of the owner thread. The kernel drops routes by itself: IPv4 ones silently when their link goes
//! down, IPv6 ones with a notification each. So a link, address or route that goes only *schedules* work:
//!
//! ```text
//! link or address gone, route of ours gone, notifications lost -> audit: dump ours, compare, put back
//! link or address or foreign route new, foreign route gone    -> retry all pending
//! nothing for a while                                          -> retry some pending, ever more rarely
//! ```
//!
//! Both are spaced so that they take at most about a tenth of the time, however much the network flaps.
//!
//! Invariant: whatever is pending has a deadline, so no route waits for an event that does not come.

use std::io;
use std::time::Duration;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use tokio::time::Instant;

use super::{Owner, Pending};
use crate::error::Error;
use crate::event::KernelEvent;
use crate::nl::read::messages;
use crate::nl::socket::AsyncEvents;
use crate::plan::Op;
use crate::route::{Route, satisfies};
use crate::status::Applied;

/// How long to gather further notifications before acting on the first.
const GATHER: Duration = Duration::from_millis(20);
/// Least time between two audits, or two retries.
const SPACING: Duration = Duration::from_millis(200);
/// An audit or retry that took `t` is followed by at least `COST_FACTOR * t` without another.
const COST_FACTOR: u32 = 10;
/// Pause before pending routes are tried without any sign of change; doubles up to the last.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_LAST: Duration = Duration::from_secs(30);
/// How many pending routes such a blind retry tries.
const RETRY_SAMPLE: usize = 1024;

/// What is to be done when, and what it is based on.
pub(super) struct Repair {
    audit: Schedule,
    retry: Schedule,
    /// Whether each link could forward when last heard of.
    links: HashMap<u32, bool, RandomState>,
    /// The next retry without a sign of change, the pause after it, and where it starts.
    blind_due: Option<Instant>,
    blind_pause: Duration,
    blind_from: usize,
}

impl Default for Repair {
    fn default() -> Self {
        Self {
            audit: Schedule::default(),
            retry: Schedule::default(),
            links: HashMap::default(),
            blind_due: None,
            blind_pause: RETRY_FIRST,
            blind_from: 0,
        }
    }
}

impl Repair {
    /// Our routes may differ from what we believe.
    pub(super) fn ask_audit(&mut self) {
        self.audit.ask(clock());
    }

    /// What was refused may be accepted now.
    pub(super) fn ask_retry(&mut self) {
        self.retry.ask(clock());
    }

    /// When [`Owner::maintain`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        [self.audit.due, self.retry.due, self.blind_due].into_iter().flatten().min()
    }

    /// The position from which to try some of `count` pending routes, when it is time.
    fn take_blind(&mut self, now: Instant, count: usize) -> Option<usize> {
        let pause = self.blind_pause;
        let due = *self.blind_due.get_or_insert_with(|| now + pause);
        if due > now {
            return None;
        }
        let start = if self.blind_from < count { self.blind_from } else { 0 };
        self.blind_from = start + RETRY_SAMPLE;
        self.blind_pause = (pause * 2).min(RETRY_LAST);
        self.blind_due = Some(now + self.blind_pause);
        Some(start)
    }
}

/// Work that is asked for often and done seldom.
#[derive(Default)]
struct Schedule {
    due: Option<Instant>,
    not_before: Option<Instant>,
}

impl Schedule {
    fn ask(&mut self, now: Instant) {
        let wanted = now + GATHER;
        let not_before = self.not_before;
        self.due.get_or_insert_with(|| not_before.map_or(wanted, |at| at.max(wanted)));
    }

    fn take(&mut self, now: Instant) -> bool {
        self.due.take_if(|due| *due <= now).is_some()
    }

    fn done(&mut self, started: Instant, now: Instant) {
        self.not_before = Some(now + SPACING.max((now - started) * COST_FACTOR));
    }
}

impl Owner {
    /// Take in one datagram of notifications, or the news that some were lost.
    pub(super) fn notified(&mut self, read: io::Result<()>, events: &AsyncEvents) {
        let now = clock();
        if let Err(error) = read {
            tracing::debug!(%error, "kernel notifications were lost");
            self.repair.audit.ask(now);
            self.repair.retry.ask(now);
            return;
        }
        for message in messages(events.datagram()) {
            if message.port == self.requests.port() {
                continue;
            }
            let Some(event) = message.event() else { continue };
            match event {
                KernelEvent::Link(link) => {
                    let usable = link.is_usable();
                    let before = self.repair.links.insert(link.index, usable);
                    match (before, usable) {
                        (Some(false), false) | (Some(true), true) => {}
                        (_, true) => self.repair.retry.ask(now),
                        (_, false) => self.suspect(link.index, now),
                    }
                }
                KernelEvent::LinkGone { index } => {
                    self.repair.links.remove(&index);
                    self.suspect(index, now);
                }
                KernelEvent::AddressGone(address) => self.suspect(address.ifindex, now),
                KernelEvent::RouteGone(route)
                    if route.protocol == self.config.protocol
                        && route.table == self.config.table =>
                {
                    self.repair.audit.ask(now);
                }
                _ => self.repair.retry.ask(now),
            }
        }
    }

    fn suspect(&mut self, ifindex: u32, now: Instant) {
        if self.owned.may_use(ifindex) {
            self.repair.audit.ask(now);
        }
    }

    /// Do what is due.
    pub(super) fn maintain(&mut self) {
        let now = clock();
        if self.repair.audit.take(now) {
            match self.compare() {
                Ok(()) => self.status.lock().audits += 1,
                Err(error) => {
                    tracing::warn!(%error, "cannot read our routes back");
                    self.repair.audit.not_before = Some(now + RETRY_FIRST);
                    self.repair.audit.ask(now);
                }
            }
            self.repair.audit.done(now, clock());
        }
        if self.repair.retry.take(now) {
            self.repair.blind_pause = RETRY_FIRST;
            self.try_pending(0, usize::MAX);
            self.repair.retry.done(now, clock());
        }
        if self.pending.is_empty() {
            self.repair.blind_due = None;
            self.repair.blind_pause = RETRY_FIRST;
            return;
        }
        let Some(start) = self.repair.take_blind(now, self.pending.len()) else { return };
        if self.try_pending(start, RETRY_SAMPLE) > 0 {
            self.repair.retry.ask(now);
        }
    }

    /// Try pending routes again. Returns how many are installed now.
    fn try_pending(&mut self, start: usize, count: usize) -> usize {
        let ops: Vec<Op> = self
            .pending
            .iter()
            .skip(start)
            .take(count)
            .map(|(prefix, pending)| {
                let route = Route { prefix: *prefix, next_hops: pending.hops.clone() };
                match self.owned.contains(prefix) {
                    true => Op::Replace(route),
                    false => Op::Create(route),
                }
            })
            .collect();
        let mut applied = Applied::default();
        self.execute(&ops, &mut applied);
        applied.created + applied.replaced
    }

    /// The audit: what the kernel holds against what we believe; put back what is missing or altered.
    fn compare(&mut self) -> Result<(), Error> {
        let found = self.dump()?;
        let (mut lost, mut altered) = (Vec::new(), Vec::new());
        for (prefix, wished) in self.owned.iter() {
            match found.routes.next_hops(&prefix) {
                None => lost.push(Route::new(prefix, wished.iter().copied())),
                Some(have) if satisfies(have, wished) => {}
                Some(_) => altered.push(Route::new(prefix, wished.iter().copied())),
            }
        }
        let mut ops = Vec::new();
        for route in lost {
            let is_wished = self.owned.is_confirmed(&route.prefix);
            self.owned.remove(&route.prefix);
            if is_wished {
                self.expect_back(route, &mut ops, Op::Create);
            }
        }
        for route in altered {
            if self.owned.is_confirmed(&route.prefix) {
                self.expect_back(route, &mut ops, Op::Replace);
            } else if let Some(have) = found.routes.next_hops(&route.prefix) {
                self.owned.insert_stale(&route.prefix, have);
            }
        }
        for (prefix, have) in found.routes.iter() {
            if self.owned.contains(&prefix) {
                continue;
            }
            match self.pending.get(&prefix) {
                // A request whose answer was lost had succeeded.
                Some(pending) if satisfies(have, &pending.hops) => {
                    self.pending.remove(&prefix);
                    self.owned.insert(&prefix, have);
                }
                Some(_) => self.owned.insert(&prefix, have),
                // Somebody made a route in our name: it lives until the next sweep.
                None => self.owned.insert_stale(&prefix, have),
            }
        }
        self.execute(&ops, &mut Applied::default());
        Ok(())
    }

    fn expect_back(&mut self, route: Route, ops: &mut Vec<Op>, op: fn(Route) -> Op) {
        // A wish newer than what was installed is tried by the retry instead.
        if self.pending.contains_key(&route.prefix) {
            return;
        }
        let (errno, text) = (0, "the kernel dropped it".into());
        let lost = Pending { hops: route.next_hops.clone(), errno, text, was_lost: true };
        self.pending.insert(route.prefix, lost);
        ops.push(op(route));
    }
}

fn clock() -> Instant {
    Instant::now()
}
