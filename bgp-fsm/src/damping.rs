//! Peer oscillation damping: how long a peer stays in Idle before it is started again.
//!
//! RFC 4271 section 8.1.1 asks that a peer whose session ends with errors again and again is held in
//! Idle longer each time. Here a fault (a NOTIFICATION about a broken message, a refused OPEN, a
//! limit) doubles the wait, up to [`LONGEST`]; an ordinary end (lost TCP connection, hold timer,
//! shutdown or restart of the peer, collision) waits only the configured time. A session that
//! stayed up for [`FORGIVEN_AFTER`] wipes the slate.
//!
//! While the fault was found by *us*, connections of the peer are refused as well, or it would be
//! the peer that sets the pace. When it was the peer that refused us, its own connection is welcome:
//! it has changed its mind.

use std::time::Duration;

use bgp_wire::notification::{cease, code};

use crate::effect::DownReason;
use crate::event::StopReason;

/// The longest wait in Idle, unless the configured time is longer.
pub const LONGEST: Duration = Duration::from_secs(120);

/// A session that was up for this long is taken as healthy.
pub const FORGIVEN_AFTER: Duration = Duration::from_secs(120);

/// The record of a peer's faults.
#[derive(Clone, Default, Debug)]
pub struct Damping {
    faults: u32,
    refuse: bool,
}

impl Damping {
    /// Notes the end of a connection. `up_for` is how long it was Established, if it was.
    pub fn note(&mut self, reason: &DownReason, up_for: Option<Duration>) {
        if up_for.is_some_and(|up| up >= FORGIVEN_AFTER) {
            self.faults = 0;
        }
        let fault = is_fault(reason, up_for.is_some());
        self.refuse = fault && !matches!(reason, DownReason::Received(_));
        if fault {
            self.faults = self.faults.saturating_add(1);
        }
    }

    /// How long to stay in Idle now, before jitter.
    pub fn wait(&self, base: Duration) -> Duration {
        let doublings = self.faults.saturating_sub(1).min(16);
        let base = if self.faults > 0 { base.max(Duration::from_secs(1)) } else { base };
        base.saturating_mul(1 << doublings).min(LONGEST.max(base))
    }

    /// Whether a connection of the peer is to be refused while it is held in Idle.
    pub fn refuses(&self) -> bool {
        self.refuse
    }

    /// Forgets everything: the operator started or reconfigured the peer.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

fn is_fault(reason: &DownReason, was_up: bool) -> bool {
    match reason {
        DownReason::Transport(_) | DownReason::Left(_) => false,
        DownReason::Stopped { reason, .. } => {
            matches!(reason, StopReason::MaximumPrefixes { .. } | StopReason::OutOfResources)
        }
        // Other Ceases and expired timers say nothing against what the peer sent.
        DownReason::Sent(n) => match n.code {
            code::CEASE => matches!(n.subcode, cease::MAX_PREFIXES | cease::RESOURCES),
            sent => !matches!(sent, code::HOLD_TIMER | code::SEND_HOLD_TIMER),
        },
        DownReason::Received(n) => match (n.code, n.subcode) {
            (code::CEASE, cease::MAX_PREFIXES | cease::RESOURCES) => true,
            // A peer that does not want us yet is not asked every few seconds.
            (code::CEASE, cease::ADMIN_SHUTDOWN | cease::DECONFIGURED | cease::REJECTED) => !was_up,
            (code::CEASE | code::HOLD_TIMER | code::SEND_HOLD_TIMER, _) => false,
            _ => true,
        },
    }
}

#[cfg(test)]
mod tests {
    use bgp_wire::Notification;

    use super::*;

    const BASE: Duration = Duration::from_secs(5);

    #[test]
    fn faults_double_the_wait_up_to_the_cap_and_health_forgives() {
        let fault = DownReason::Sent(Notification::bad_peer_as());
        let mut damping = Damping::default();
        assert_eq!(damping.wait(BASE), BASE);
        let waits: Vec<_> = (0..8)
            .map(|_| {
                damping.note(&fault, None);
                damping.wait(BASE).as_secs()
            })
            .collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 120, 120, 120]);
        assert!(damping.refuses());
        // An ordinary end neither adds nor forgives.
        damping.note(&DownReason::Transport("reset".into()), Some(FORGIVEN_AFTER / 2));
        assert_eq!(damping.wait(BASE), LONGEST);
        assert!(!damping.refuses());
        damping.note(&DownReason::Transport("reset".into()), Some(FORGIVEN_AFTER));
        assert_eq!(damping.wait(BASE), BASE);
    }

    #[test]
    fn a_peer_that_refuses_us_is_asked_less_often_but_welcome() {
        let mut damping = Damping::default();
        for _ in 0..3 {
            damping.note(&DownReason::Received(Notification::cease(cease::REJECTED)), None);
        }
        assert_eq!(damping.wait(BASE), BASE * 4);
        assert!(!damping.refuses());
        let shutdown = DownReason::Received(Notification::admin_shutdown("bye"));
        let mut damping = Damping::default();
        damping.note(&shutdown, Some(BASE));
        assert_eq!(damping.wait(BASE), BASE);
    }
}
