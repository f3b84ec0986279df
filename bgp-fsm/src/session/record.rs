//! What is remembered of a peer's past: transport failures, OPENs, ends, state changes.
//!
//! What for: `show peer` and `doctor`, which have to say why a session is not up long after it
//! happened. Where: filled by the runner, part of [`PeerSnapshot`](super::PeerSnapshot). How: one
//! record of each kind, the latest, and a ring of the last [`HISTORY`] state changes. Invariants:
//! the memory of a peer's past is bounded whatever the peer does; nothing here decides anything.
//!
//! References: RFC 4271 sections 6.2 and 8.2.2.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_wire::{Notification, Open};

use crate::effect::DownReason;
use crate::event::ConnId;
use crate::state::StateName;

/// State changes remembered a peer.
pub const HISTORY: usize = 16;

/// What went wrong with a TCP connection, as far as this end can tell.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum TransportFault {
    /// An RST answered our SYN, or a firewall did so in the peer's name.
    Refused,
    /// Nothing answered.
    TimedOut,
    /// No host answers at the address (ARP, neighbour discovery), or a router says so.
    HostUnreachable,
    /// No route leads there.
    NetworkUnreachable,
    /// The local address to connect from is not on this node.
    AddressNotHere,
    /// The interface to connect over is not there.
    NoDevice,
    /// The kernel or a local filter forbids it.
    Denied,
    /// The interface or link went down.
    LinkDown,
    /// The peer, or something in between, reset the connection.
    Reset,
    /// The peer closed the connection without a NOTIFICATION.
    Closed,
    /// Anything else; the text says what.
    Other,
}

impl TransportFault {
    /// Stable name for status, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::TimedOut => "timed-out",
            Self::HostUnreachable => "host-unreachable",
            Self::NetworkUnreachable => "network-unreachable",
            Self::AddressNotHere => "address-not-here",
            Self::NoDevice => "no-device",
            Self::Denied => "denied",
            Self::LinkDown => "link-down",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Other => "other",
        }
    }

    /// What an error of the operating system means for a connection.
    pub fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::HostUnreachable => Self::HostUnreachable,
            io::ErrorKind::NetworkUnreachable => Self::NetworkUnreachable,
            io::ErrorKind::AddrNotAvailable => Self::AddressNotHere,
            io::ErrorKind::PermissionDenied => Self::Denied,
            io::ErrorKind::NetworkDown => Self::LinkDown,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => Self::Reset,
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ if error.raw_os_error() == Some(ENODEV) => Self::NoDevice,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for TransportFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// How far a connection had got.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum Phase {
    /// TCP was connecting.
    Connecting,
    /// TCP was up, the peer's OPEN had not come.
    BeforeOpen,
    /// The OPENs were exchanged, the session was not up.
    AfterOpen,
    /// The session was up.
    Established,
}

impl Phase {
    /// Stable name for status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::BeforeOpen => "before-open",
            Self::AfterOpen => "after-open",
            Self::Established => "established",
        }
    }

    pub(super) fn of(state: Option<StateName>) -> Self {
        match state {
            Some(StateName::Established) => Self::Established,
            Some(StateName::OpenConfirm) => Self::AfterOpen,
            _ => Self::BeforeOpen,
        }
    }
}

/// The end of a connection, or of an attempt to open one, without a NOTIFICATION.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct TransportRecord {
    /// When.
    pub at: Instant,
    /// What happened.
    pub fault: TransportFault,
    /// How far it had got.
    pub phase: Phase,
    /// Who had opened the connection.
    pub connection: ConnId,
    /// The operating system's words.
    pub text: Arc<str>,
}

impl TransportRecord {
    pub(super) fn new(
        at: Instant,
        error: Option<&io::Error>,
        phase: Phase,
        connection: ConnId,
    ) -> Self {
        let fault = error.map_or(TransportFault::Closed, TransportFault::of);
        let text = match error {
            Some(error) => error.to_string().into(),
            None => "closed by the peer".into(),
        };
        Self { at, fault, phase, connection, text }
    }
}

/// How often connections were tried, since the peer's task was started.
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub struct Attempts {
    /// Connections we began to open.
    pub dialed: u64,
    /// Those of them that did not open.
    pub failed: u64,
    /// Connections of the peer that were taken.
    pub accepted: u64,
    /// Connections of the peer that were turned away.
    pub refused: u64,
}

/// An OPEN the peer sent.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct OpenRecord {
    /// When.
    pub at: Instant,
    /// Who had opened the connection it came on.
    pub connection: ConnId,
    /// What it said.
    pub open: Open,
}

/// An OPEN of the peer that was refused.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct RefusedOpen {
    /// When.
    pub at: Instant,
    /// What it said; `None` when it could not be decoded.
    pub open: Option<Arc<OpenRecord>>,
    /// What answered it.
    pub notification: Notification,
    /// Why, in words.
    pub text: Arc<str>,
}

/// The end of a session that was Established.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct DownRecord {
    /// When.
    pub at: Instant,
    /// How long the session had been up.
    pub up_for: Duration,
    /// Why.
    pub reason: DownReason,
}

/// One change of state.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct Transition {
    /// When.
    pub at: Instant,
    /// The state left.
    pub from: StateName,
    /// The state entered.
    pub to: StateName,
    /// Why, where a connection or an attempt ended.
    pub reason: Option<Arc<str>>,
}

/// When the timers of a peer expire; `None` is one that does not run.
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub struct Deadlines {
    /// The peer counts as lost unless it is heard before.
    pub hold: Option<Instant>,
    /// A KEEPALIVE is due unless something else is sent before.
    pub keepalive: Option<Instant>,
    /// The next attempt to connect.
    pub connect_retry: Option<Instant>,
    /// The end of the rest in Idle after a fault.
    pub idle_hold: Option<Instant>,
}

/// The last state changes, oldest first.
#[derive(Clone, Default, Debug)]
pub(super) struct History(VecDeque<Transition>);

impl History {
    pub(super) fn push(&mut self, transition: Transition) {
        if self.0.len() >= HISTORY {
            self.0.pop_front();
        }
        self.0.push_back(transition);
    }

    pub(super) fn list(&self) -> Vec<Transition> {
        self.0.iter().cloned().collect()
    }
}

/// Linux's number; `io::ErrorKind` has no name for it.
const ENODEV: i32 = 19;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_get_names() {
        let of = |number| TransportFault::of(&io::Error::from_raw_os_error(number)).as_str();
        let table = [
            (111, "refused"),
            (110, "timed-out"),
            (113, "host-unreachable"),
            (101, "network-unreachable"),
            (99, "address-not-here"),
            (19, "no-device"),
            (13, "denied"),
            (100, "link-down"),
            (104, "reset"),
            (22, "other"),
        ];
        for (number, name) in table {
            assert_eq!(of(number), name, "errno {number}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of a test")]
    fn history_keeps_the_latest() {
        let at = Instant::now();
        let mut history = History::default();
        for n in 0..HISTORY + 3 {
            let reason = Some(n.to_string().into());
            history.push(Transition {
                at,
                from: StateName::Connect,
                to: StateName::Active,
                reason,
            });
        }
        let list = history.list();
        assert_eq!(list.len(), HISTORY);
        assert_eq!(list.first().and_then(|t| t.reason.as_deref()), Some("3"));
    }
}
