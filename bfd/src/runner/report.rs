//! What can be seen of a session from outside its thread.
//!
//! [`Status`] is the little that protocols act on and travels by a watch channel; [`Report`] is all
//! that people may ask, written by the thread after each event and read at leisure.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::Endpoints;
use crate::packet::{Diagnostic, State};
use crate::session::{SessionConfig, Snapshot};

/// What a protocol that depends on the path acts on, RFC 5882.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Status {
    /// Our state.
    pub state: State,
    /// The peer holds the session down by intent: no sign of a fault (RFC 5882 section 3.2), and no reason
    /// to wait for Up (section 4.1).
    pub is_peer_admin_down: bool,
    /// How often the session has left Up because of a fault since the first [`super::Watch`] of the path.
    pub failures: u64,
    /// Why there are no packets, when there are none.
    pub problem: Option<String>,
}

impl Status {
    pub(super) const UNKNOWN: Self =
        Self { state: State::Down, is_peer_admin_down: false, failures: 0, problem: None };
}

/// Packets of a session.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Sent.
    pub sent: u64,
    /// That could not be sent.
    pub send_errors: u64,
    /// Received and believed.
    pub received: u64,
    /// Dropped because their TTL was below 255 (single hop): something crossed a router, or forges.
    pub low_ttl: u64,
    /// Times the session came Up.
    pub ups: u64,
    /// Times it left Up because of a fault.
    pub failures: u64,
}

/// How a session last left Up.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct LastDown {
    /// When.
    pub at: Instant,
    /// Why, as we say it.
    pub diagnostic: Diagnostic,
    /// Why the peer had last left Up, as it said.
    pub remote_diagnostic: Diagnostic,
    /// The peer held it down by intent, or we did.
    pub is_intended: bool,
}

/// A session as an operator wants to see it.
#[derive(Clone, Debug)]
pub struct Report {
    /// Where it runs.
    pub endpoints: Endpoints,
    /// What it is configured to be: the shortest that its watches ask for.
    pub config: SessionConfig,
    /// The machine; `None` while no socket could be opened.
    pub session: Option<Snapshot>,
    /// When the state was entered.
    pub since: Instant,
    /// Our UDP source port.
    pub source_port: Option<u16>,
    /// When the peer was last heard.
    pub last_heard: Option<Instant>,
    /// Packets and changes.
    pub counters: Counters,
    /// How it last left Up.
    pub last_down: Option<LastDown>,
    /// Why there are no packets, or the last one could not be sent.
    pub problem: Option<String>,
}

impl Report {
    pub(super) fn new(endpoints: Endpoints, config: SessionConfig, now: Instant) -> Self {
        Self {
            endpoints,
            config,
            session: None,
            since: now,
            source_port: None,
            last_heard: None,
            counters: Counters::default(),
            last_down: None,
            problem: None,
        }
    }

    /// Our state; Down before there is a machine.
    pub fn state(&self) -> State {
        self.session.map_or(State::Down, |session| session.state)
    }

    /// Our address.
    pub fn local(&self) -> IpAddr {
        self.endpoints.local()
    }
}

/// A report that the thread writes and others read.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<Report>>);

impl Shared {
    pub(super) fn new(report: Report) -> Self {
        Self(Arc::new(Mutex::new(report)))
    }

    pub(super) fn read(&self) -> Report {
        self.lock().clone()
    }

    /// Never held longer than a few assignments.
    pub(super) fn lock(&self) -> MutexGuard<'_, Report> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
