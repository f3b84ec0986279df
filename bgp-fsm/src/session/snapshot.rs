//! What can be seen of a peer from outside.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use bgp_wire::{Notification, Open};
use tokio::net::TcpStream;

use super::counters::{Counters, Tally};
use super::outbox::Outbox;
use super::record::{
    Attempts, Deadlines, DownRecord, History, OpenRecord, RefusedOpen, Transition, TransportRecord,
};
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
    /// How often a session that was Established has ended.
    pub dropped_count: u64,
    /// The last of those ends.
    pub last_down: Option<DownRecord>,
    /// Our end of the connection that has got furthest.
    pub local: Option<SocketAddr>,
    /// The peer's end of it; the configured address while there is no connection.
    pub remote: SocketAddr,
    /// Which side opened it.
    pub connection: Option<ConnId>,
    /// An attempt to connect is under way.
    pub is_dialing: bool,
    /// Connections tried, both ways.
    pub attempts: Attempts,
    /// The OPEN we send, as configured now; `None` for the first moment of the task.
    pub offered: Option<Arc<Open>>,
    /// The last OPEN of the peer, accepted or not.
    pub received_open: Option<Arc<OpenRecord>>,
    /// The last OPEN of the peer that was refused.
    pub refused_open: Option<RefusedOpen>,
    /// When the timers expire.
    pub deadlines: Deadlines,
    /// When a message of the peer last arrived.
    pub heard_at: Option<Instant>,
    /// When a message last left.
    pub said_at: Option<Instant>,
    /// The last state changes, oldest first; at most [`HISTORY`](super::HISTORY).
    pub history: Vec<Transition>,
    /// What the OPENs agreed on, while Established.
    pub negotiated: Option<Arc<Negotiated>>,
    /// Messages and octets, both ways.
    pub counters: Counters,
    /// Octets that wait in the outbox.
    pub queued_bytes: usize,
    /// The last connection or attempt that ended without a NOTIFICATION.
    pub last_transport: Option<TransportRecord>,
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
    /// Milliseconds after `origin`, plus one; 0 is never.
    heard: AtomicU64,
    said: AtomicU64,
    origin: Instant,
}

/// The facts that change with events, not with messages.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) snapshot: PeerSnapshot,
    pub(super) outbox: Option<Outbox>,
    pub(super) history: History,
    /// The connection that has got furthest; its owner is the task.
    pub(super) stream: Weak<TcpStream>,
}

impl View {
    pub(super) fn new(remote: SocketAddr, now: Instant) -> Self {
        let snapshot = PeerSnapshot {
            state: StateName::Idle,
            is_running: false,
            since: now,
            established_at: None,
            established_count: 0,
            dropped_count: 0,
            last_down: None,
            local: None,
            remote,
            connection: None,
            is_dialing: false,
            attempts: Attempts::default(),
            offered: None,
            received_open: None,
            refused_open: None,
            deadlines: Deadlines::default(),
            heard_at: None,
            said_at: None,
            history: Vec::new(),
            negotiated: None,
            counters: Counters::default(),
            queued_bytes: 0,
            last_transport: None,
            last_error: None,
            last_sent: None,
            last_received: None,
        };
        let facts = Mutex::new(Facts {
            snapshot,
            outbox: None,
            history: History::default(),
            stream: Weak::new(),
        });
        Self {
            facts,
            received: Tally::default(),
            sent: Tally::default(),
            heard: AtomicU64::new(0),
            said: AtomicU64::new(0),
            origin: now,
        }
    }

    pub(super) fn facts(&self) -> MutexGuard<'_, Facts> {
        // The facts are plain values; half of an update is still a valid one.
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A message of the peer arrived.
    pub(super) fn note_heard(&self, now: Instant) {
        self.note(&self.heard, now);
    }

    /// A message left.
    pub(super) fn note_said(&self, now: Instant) {
        self.note(&self.said, now);
    }

    fn note(&self, slot: &AtomicU64, now: Instant) {
        let millis = now.saturating_duration_since(self.origin).as_millis();
        slot.store(u64::try_from(millis).unwrap_or(u64::MAX - 1) + 1, Ordering::Relaxed);
    }

    fn moment(&self, slot: &AtomicU64) -> Option<Instant> {
        let millis = slot.load(Ordering::Relaxed).checked_sub(1)?;
        self.origin.checked_add(Duration::from_millis(millis))
    }

    pub(super) fn snapshot(&self) -> PeerSnapshot {
        let facts = self.facts();
        let mut snapshot = facts.snapshot.clone();
        snapshot.queued_bytes = facts.outbox.as_ref().map_or(0, Outbox::queued_bytes);
        snapshot.history = facts.history.list();
        drop(facts);
        snapshot.heard_at = self.moment(&self.heard);
        snapshot.said_at = self.moment(&self.said);
        if let (Some(negotiated), Some(heard)) = (&snapshot.negotiated, snapshot.heard_at)
            && let Some(hold) = negotiated.hold_time
        {
            // The machine looks at what was heard only when its old deadline comes.
            snapshot.deadlines.hold = Some(heard + hold);
        }
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
