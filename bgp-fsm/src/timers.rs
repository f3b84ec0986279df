//! The timers of one connection: kinds are an enum, deadlines a table.
//!
//! Nothing here sleeps. The state machine arms and clears entries, the shell asks for the earliest
//! deadline, sleeps until then and asks for what expired.
//!
//! The Hold, Keepalive and SendHold timers restart with every message, which would be a write per
//! UPDATE and a re-armed sleep per burst. They are lazy instead: the machine notes when the peer was
//! last heard or written to, and only when the old deadline passes is it compared with that note
//! (see `Established`).
//!
//! Invariant: a cleared timer never expires, an armed one expires once.
//!
//! References: RFC 4271 sections 8.1.3 and 10, RFC 9687.

use std::time::Instant;

/// The timers of a connection.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum Timer {
    /// Time until the next attempt to connect, or the limit of the present one.
    ConnectRetry,
    /// The peer has to be heard before it ends.
    Hold,
    /// Time until we have to say something.
    Keepalive,
    /// Time in which the peer may send its OPEN first.
    DelayOpen,
    /// Time to stay in Idle before the automatic start (peer oscillation damping).
    IdleHold,
    /// The peer has to take something from us before it ends (RFC 9687).
    SendHold,
}

impl Timer {
    /// All kinds, in the order in which simultaneous expiries are handled.
    pub const ALL: [Self; 6] = [
        Self::ConnectRetry,
        Self::Hold,
        Self::Keepalive,
        Self::DelayOpen,
        Self::IdleHold,
        Self::SendHold,
    ];

    /// The name RFC 4271 section 8.1.3 gives to the expiry.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectRetry => "ConnectRetryTimer",
            Self::Hold => "HoldTimer",
            Self::Keepalive => "KeepaliveTimer",
            Self::DelayOpen => "DelayOpenTimer",
            Self::IdleHold => "IdleHoldTimer",
            Self::SendHold => "SendHoldTimer",
        }
    }
}

/// The deadlines of one connection.
#[derive(Clone, Default, Debug)]
pub struct Timers {
    deadlines: [Option<Instant>; Timer::ALL.len()],
}

impl Timers {
    /// Arms `timer`, replacing an earlier deadline.
    pub fn arm(&mut self, timer: Timer, deadline: Instant) {
        self.deadlines[timer as usize] = Some(deadline);
    }

    /// Stops `timer`.
    pub fn clear(&mut self, timer: Timer) {
        self.deadlines[timer as usize] = None;
    }

    /// Stops all of them.
    pub fn clear_all(&mut self) {
        *self = Self::default();
    }

    /// When `timer` will expire, if it runs.
    pub fn deadline(&self, timer: Timer) -> Option<Instant> {
        self.deadlines[timer as usize]
    }

    /// The earliest deadline.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.iter().flatten().min().copied()
    }

    /// Takes the earliest timer that is due at `now`; ties go in the order of [`Timer::ALL`].
    pub fn pop_expired(&mut self, now: Instant) -> Option<Timer> {
        let (timer, _) = Timer::ALL
            .iter()
            .filter_map(|&timer| Some((timer, self.deadline(timer)?)))
            .filter(|&(_, at)| at <= now)
            .min_by_key(|&(_, at)| at)?;
        self.clear(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of a test")]
    fn earliest_first_and_each_once() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut timers = Timers::default();
        assert_eq!(timers.next_deadline(), None);
        timers.arm(Timer::Hold, at(90));
        timers.arm(Timer::Keepalive, at(30));
        timers.arm(Timer::DelayOpen, at(30));
        timers.arm(Timer::IdleHold, at(5));
        timers.clear(Timer::IdleHold);
        assert_eq!(timers.next_deadline(), Some(at(30)));
        assert_eq!(timers.pop_expired(at(29)), None);
        assert_eq!(timers.pop_expired(at(100)), Some(Timer::Keepalive));
        assert_eq!(timers.pop_expired(at(100)), Some(Timer::DelayOpen));
        assert_eq!(timers.pop_expired(at(100)), Some(Timer::Hold));
        assert_eq!(timers.pop_expired(at(100)), None);
    }
}
