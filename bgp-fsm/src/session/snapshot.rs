//! What can be seen of a peer from outside.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bgp_wire::Notification;

use super::counters::{Counters, Tally};
use super::outbox::Outbox;
use crate::effect::DownReason;
use crate::event::ConnId;
use crate::negotiate::Negotiated;
use crate::peer::Errors;
use crate::state::StateName;

/// A peer at one moment.
#[derive(Clone, Debug)]
pub struct PeerSnapshot {
    /// The state of the connection that has got furthest.
    pub state: StateName,
    /// Whether the peer is meant to run: false after a stop.
    pub is_running: bool,
    /// When that state was entered.
    pub since: Instant,
    /// When the session became Established, if it is.
    pub established_at: Option<Instant>,
    /// How often the session has become Established.
    pub established_count: u64,
    /// Our end of the connection that has got furthest.
    pub local: Option<SocketAddr>,
    /// The peer's end of it; the configured address while there is no connection.
    pub remote: SocketAddr,
    /// Which side opened it.
    pub connection: Option<ConnId>,
    /// What the OPENs agreed on, while Established.
    pub negotiated: Option<Arc<Negotiated>>,
    /// Messages and octets, both ways.
    pub counters: Counters,
    /// Octets that wait in the outbox.
    pub queued_bytes: usize,
    /// Why a connection or an attempt last ended.
    pub last_error: Option<ErrorRecord>,
    /// The last NOTIFICATION we sent.
    pub last_sent: Option<ErrorRecord>,
    /// The last NOTIFICATION the peer sent.
    pub last_received: Option<ErrorRecord>,
}

impl PeerSnapshot {
    /// How long the session has been Established at `now`.
    pub fn uptime(&self, now: Instant) -> Option<Duration> {
        self.established_at.map(|at| now.saturating_duration_since(at))
    }
}

/// Something that went wrong, decoded.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct ErrorRecord {
    /// When.
    pub at: Instant,
    /// In words, for people.
    pub text: String,
    /// The NOTIFICATION, if one was sent or received.
    pub notification: Option<Notification>,
}

impl ErrorRecord {
    fn of_reason((at, reason): &(Instant, DownReason)) -> Self {
        let notification = reason.notification().cloned();
        Self { at: *at, text: reason.to_string(), notification }
    }

    fn of_notification((at, notification): &(Instant, Notification)) -> Self {
        Self { at: *at, text: notification.to_string(), notification: Some(notification.clone()) }
    }
}

/// What the task shows and the handle reads. The counters need no lock.
#[derive(Debug)]
pub(super) struct View {
    facts: Mutex<Facts>,
    pub(super) received: Tally,
    pub(super) sent: Tally,
}

/// The facts that change with events, not with messages.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) snapshot: PeerSnapshot,
    pub(super) outbox: Option<Outbox>,
}

impl View {
    pub(super) fn new(remote: SocketAddr, now: Instant) -> Self {
        let snapshot = PeerSnapshot {
            state: StateName::Idle,
            is_running: false,
            since: now,
            established_at: None,
            established_count: 0,
            local: None,
            remote,
            connection: None,
            negotiated: None,
            counters: Counters::default(),
            queued_bytes: 0,
            last_error: None,
            last_sent: None,
            last_received: None,
        };
        let facts = Mutex::new(Facts { snapshot, outbox: None });
        Self { facts, received: Tally::default(), sent: Tally::default() }
    }

    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        // The facts are plain values; half of an update is still a valid one.
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn snapshot(&self) -> PeerSnapshot {
        let facts = self.facts();
        let mut snapshot = facts.snapshot.clone();
        snapshot.queued_bytes = facts.outbox.as_ref().map_or(0, Outbox::queued_bytes);
        drop(facts);
        snapshot.counters = Counters { received: self.received.read(), sent: self.sent.read() };
        snapshot
    }
}

impl Facts {
    pub(super) fn set_errors(&mut self, errors: &Errors) {
        let snapshot = &mut self.snapshot;
        // Text is made only when something new happened.
        if snapshot.last_error.as_ref().map(|e| e.at) != errors.last.as_ref().map(|e| e.0) {
            snapshot.last_error = errors.last.as_ref().map(ErrorRecord::of_reason);
        }
        if snapshot.last_sent.as_ref().map(|e| e.at) != errors.sent.as_ref().map(|e| e.0) {
            snapshot.last_sent = errors.sent.as_ref().map(ErrorRecord::of_notification);
        }
        if snapshot.last_received.as_ref().map(|e| e.at) != errors.received.as_ref().map(|e| e.0) {
            snapshot.last_received = errors.received.as_ref().map(ErrorRecord::of_notification);
        }
    }
}
