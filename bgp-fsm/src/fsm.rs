//! The machine of one connection.
//!
//! [`Fsm`] is RFC 4271 section 8 for a single TCP connection: it takes an [`Input`], moves between
//! the six states and leaves effects. It knows neither the peer's other connection nor how long a
//! failed peer has to rest: that is [`Peer`](crate::Peer), its only caller outside of tests.

use std::sync::Arc;
use std::time::Instant;

use crate::config::PeerConfig;
use crate::effect::{DownReason, Effects};
use crate::event::{ConnId, Input};
use crate::jitter::Jitter;
use crate::negotiate::Negotiated;
use crate::state::{Active, Context, Idle, State, StateName};
use crate::timers::{Timer, Timers};

/// One connection as a state machine.
#[derive(Clone, Debug)]
pub struct Fsm {
    id: ConnId,
    state: State,
    timers: Timers,
    ended: Option<DownReason>,
}

impl Fsm {
    /// The machine that dials, in Idle.
    pub fn dialing() -> Self {
        Self::new(ConnId::Outgoing, State::Idle(Idle))
    }

    /// A machine for a connection of the peer, in Active; its first input is
    /// [`Input::TcpConfirmed`].
    pub fn listening() -> Self {
        Self::new(ConnId::Incoming, State::Active(Active::Listening))
    }

    fn new(id: ConnId, state: State) -> Self {
        Self { id, state, timers: Timers::default(), ended: None }
    }

    /// Handles one input at time `now`.
    pub fn handle(
        &mut self,
        now: Instant,
        input: Input<'_>,
        cfg: &PeerConfig,
        jitter: &mut Jitter,
        out: &mut Effects,
    ) {
        let Self { id, state, timers, ended } = self;
        let mut cx = Context { id: *id, cfg, timers, jitter, now, out, ended };
        let before = std::mem::replace(state, State::Idle(Idle));
        *state = before.on(input, &mut cx);
    }

    /// Handles every timer that is due.
    pub fn poll_timers(
        &mut self,
        now: Instant,
        cfg: &PeerConfig,
        jitter: &mut Jitter,
        out: &mut Effects,
    ) {
        while let Some(timer) = self.timers.pop_expired(now) {
            self.handle(now, Input::Expired(timer), cfg, jitter, out);
        }
    }

    /// Holds an idle machine until `deadline`, when it starts by itself.
    pub fn hold_idle(&mut self, deadline: Instant) {
        debug_assert!(self.name() == StateName::Idle, "only an idle machine is held");
        self.timers.arm(Timer::IdleHold, deadline);
    }

    /// Takes a machine without a connection to Idle and stops its timers: another one is at work.
    /// Does nothing while an attempt or a connection is under way.
    pub fn park(&mut self) {
        if matches!(self.state, State::Idle(_) | State::Active(Active::Listening)) {
            self.timers.clear_all();
            self.state = State::Idle(Idle);
        }
    }

    /// Notes that the peer was heard (UPDATE or KEEPALIVE), in Established.
    pub fn heard(&mut self, now: Instant) {
        if let State::Established(state) = &mut self.state {
            state.heard(now);
        }
    }

    /// Notes that a whole message left, in Established.
    pub fn sent(&mut self, now: Instant) {
        if let State::Established(state) = &mut self.state {
            state.sent(now);
        }
    }

    /// Takes the reason for which the last connection or attempt ended, if one did since.
    pub(crate) fn take_ended(&mut self) -> Option<DownReason> {
        self.ended.take()
    }

    /// The earliest deadline.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.timers.next_deadline()
    }

    /// When `timer` expires, if it runs.
    pub fn deadline(&self, timer: Timer) -> Option<Instant> {
        self.timers.deadline(timer)
    }

    /// Which connection this is.
    pub fn id(&self) -> ConnId {
        self.id
    }

    /// The state with its data.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The state without its data.
    pub fn name(&self) -> StateName {
        self.state.name()
    }

    /// What the OPENs agreed on, from OpenConfirm on.
    pub fn negotiated(&self) -> Option<&Arc<Negotiated>> {
        match &self.state {
            State::OpenConfirm(state) => Some(&state.negotiated),
            State::Established(state) => Some(&state.negotiated),
            State::Idle(_) | State::Connect(_) | State::Active(_) | State::OpenSent(_) => None,
        }
    }

    /// When Established was entered, in that state.
    pub fn established_since(&self) -> Option<Instant> {
        match &self.state {
            State::Established(state) => Some(state.since),
            _ => None,
        }
    }
}
