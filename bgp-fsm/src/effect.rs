//! What a peer wants done.
//!
//! The shell owns an [`Effects`] buffer, lends it to every call and then carries out what is in it,
//! in order. The order is part of the contract:
//!
//! - a NOTIFICATION is a `Send` directly followed by the `Close` of the same connection;
//! - `Close` follows the last `Send` of a connection; what was sent before it must still leave;
//! - `Up` follows the last handshake `Send`; `Down` follows the `Close` of the connection that was up;
//! - `Adopt` follows the `Close` of an older incoming connection, if that has to make room;
//! - `StateChanged` is last, once per call at most.
//!
//! Invariants: every `Up` has exactly one `Down`; at most one `Up` is open at a time; nothing is
//! sent to a connection after its `Close`.

use std::fmt;
use std::sync::Arc;

use bgp_wire::Notification;
use bytes::Bytes;
use smallvec::SmallVec;

use crate::event::{ConnId, StopReason};
use crate::negotiate::Negotiated;
use crate::state::StateName;

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Open a TCP connection to the peer; answer with `Event::Connected` or `Event::ConnectFailed`.
    Connect,
    /// The connection announced by `Event::Accepted` is now `ConnId::Incoming`.
    Adopt,
    /// The connection announced by `Event::Accepted` is not wanted: send this message (a Cease) and
    /// close it.
    Refuse(Bytes),
    /// Send this encoded message, ahead of any UPDATE that still waits.
    Send(ConnId, Bytes),
    /// Send what was handed over before, then end the connection; or give up the attempt to open
    /// it. No event about it is expected any more.
    Close(ConnId),
    /// The session is Established.
    Up(ConnId, Arc<Negotiated>),
    /// The session that was Established has ended.
    Down(DownReason),
    /// The state of the peer as a whole changed.
    StateChanged {
        /// The state before the event.
        from: StateName,
        /// The state after it.
        to: StateName,
    },
}

/// The effects of one call, in order. Caller-owned, so that a steady state allocates nothing.
#[derive(Default, Debug)]
pub struct Effects(SmallVec<[Effect; 8]>);

impl Effects {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the effects out, in order.
    pub fn drain(&mut self) -> impl Iterator<Item = Effect> {
        self.0.drain(..)
    }

    /// The effects, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Effect> {
        self.0.iter()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many effects wait.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn push(&mut self, effect: Effect) {
        self.0.push(effect);
    }
}

/// Why a connection or session ended.
#[derive(Clone, Eq, PartialEq, Debug)]
pub enum DownReason {
    /// We were told to end it, and sent this Cease.
    Stopped {
        /// What we were told.
        reason: StopReason,
        /// The Cease.
        sent: Notification,
    },
    /// We were told to end it and said nothing, so that the peer keeps our routes.
    Left(StopReason),
    /// We found a fault, a timer ran out or the connection lost a collision, and sent this.
    Sent(Notification),
    /// The peer sent this.
    Received(Notification),
    /// TCP failed or was ended by the peer; the text is for people.
    Transport(Box<str>),
}

impl DownReason {
    /// Stable name for status, logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stopped { reason, .. } | Self::Left(reason) => reason.name(),
            Self::Sent(_) => "NotificationSent",
            Self::Received(_) => "NotificationReceived",
            Self::Transport(_) => "TransportFailed",
        }
    }

    /// The NOTIFICATION that was sent or received, if one was.
    pub fn notification(&self) -> Option<&Notification> {
        match self {
            Self::Stopped { sent: n, .. } | Self::Sent(n) | Self::Received(n) => Some(n),
            Self::Transport(_) | Self::Left(_) => None,
        }
    }
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped { sent, .. } => write!(f, "stopped by us: {sent}"),
            Self::Left(_) => f.write_str("left by us without a NOTIFICATION"),
            Self::Sent(n) => write!(f, "sent {n}"),
            Self::Received(n) => write!(f, "received {n}"),
            Self::Transport(text) => f.write_str(text),
        }
    }
}
