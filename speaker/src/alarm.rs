//! What a router has to do at a certain time, although nothing happens.
//!
//! **For**: bounds on waiting that belong to the tables and not to a session's state machine.
//! **Sits**: one a router, in [`Core`](crate::core::Core); the pump task sleeps until the earliest.
//! **How it works**: a sorted set; setting an alarm again moves it. **Invariants**: one time an
//! alarm; none outlives the session it belongs to.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use bgp_wire::Family;
use rib::PeerIx;

/// What is to be done.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Alarm {
    /// The neighbour began a refresh (BoRR) and has not ended it (RFC 7313 section 4).
    RefreshOverdue(PeerIx, Family),
    /// There is room again for prefixes that were refused: ask for them.
    AskAgain(PeerIx, Family),
    /// The neighbour has not said which route targets it wants (RFC 4684 section 6).
    TargetsOverdue(PeerIx),
}

impl Alarm {
    const fn peer(self) -> PeerIx {
        match self {
            Self::RefreshOverdue(peer, _)
            | Self::AskAgain(peer, _)
            | Self::TargetsOverdue(peer) => peer,
        }
    }
}

/// All alarms that are set.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    order: BTreeSet<(Instant, Alarm)>,
    times: BTreeMap<Alarm, Instant>,
}

impl Alarms {
    /// Sets an alarm, or moves it.
    pub(crate) fn set(&mut self, alarm: Alarm, at: Instant) {
        self.clear(alarm);
        self.times.insert(alarm, at);
        self.order.insert((at, alarm));
    }

    /// Takes an alarm off. Returns whether it was set.
    pub(crate) fn clear(&mut self, alarm: Alarm) -> bool {
        let at = self.times.remove(&alarm);
        at.is_some_and(|at| self.order.remove(&(at, alarm)))
    }

    /// Whether an alarm is set.
    pub(crate) fn is_set(&self, alarm: Alarm) -> bool {
        self.times.contains_key(&alarm)
    }

    /// The session has ended.
    pub(crate) fn forget(&mut self, peer: PeerIx) {
        self.order.retain(|(_, alarm)| alarm.peer() != peer);
        self.times.retain(|alarm, _| alarm.peer() != peer);
    }

    /// The time of the earliest one.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes one that is due.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Alarm> {
        let (at, alarm) = *self.order.first()?;
        if at > now {
            return None;
        }
        self.clear(alarm);
        Some(alarm)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock;

    #[test]
    fn each_goes_off_once_in_order_unless_taken_off() {
        let (now, mut alarms) = (clock(), Alarms::default());
        let at = |secs| now + Duration::from_secs(secs);
        let overdue = |n| Alarm::RefreshOverdue(PeerIx(n), Family::IPV4_UNICAST);
        alarms.set(overdue(1), at(5));
        alarms.set(overdue(2), at(1));
        let ask = Alarm::AskAgain(PeerIx(2), Family::IPV6_UNICAST);
        alarms.set(ask, at(3));
        alarms.set(overdue(2), at(4));
        assert_eq!(alarms.next(), Some(at(3)));
        assert_eq!(alarms.take_due(at(2)), None);
        alarms.forget(PeerIx(1));
        let mut due = std::iter::from_fn(|| alarms.take_due(at(9)));
        assert_eq!(due.by_ref().collect::<Vec<_>>(), [ask, overdue(2)]);
        assert!(!alarms.clear(overdue(1)) && alarms.next().is_none());
    }
}
