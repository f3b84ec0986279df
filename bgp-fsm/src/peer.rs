//! A peer: up to two connections, of which at most one survives.
//!
//! The dialing machine lives as long as the peer. A machine for an incoming connection appears with
//! the connection and goes with it. [`Peer`] is the only code that knows there can be two: it checks
//! OPENs against the configuration, resolves collisions, refuses connections that cannot win, holds
//! the peer in Idle after faults, and reports one state for both (the one that has got further).
//!
//! ```text
//!   Event ──> Peer ──Input──> Fsm (Outgoing) ──┐
//!              │ └───Input──> Fsm (Incoming)? ─┴──> Effects
//!              └── settle: ends noted, loser dumped, dialing machine resumed or held
//! ```
//!
//! While an incoming connection is in its handshake, the dialing machine starts no new attempt, but
//! one that is under way goes on and collides in the regular way (`contest`). Of two incoming
//! connections the newer replaces the older as long as that is not Established: a peer opens a second
//! one only when it has given up the first.
//!
//! Invariants: never two machines in Established; every `Up` has one `Down`; a running peer that is
//! neither passive nor without a hold timer always has a deadline.
//!
//! References: RFC 4271 sections 6.8, 8.1.1 and 8.2.1; RFC 4486; RFC 6286.

mod contest;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_wire::notification::cease;
use bgp_wire::{Notification, Open};

use self::contest::Contest;
use crate::collision::survivor;
use crate::config::PeerConfig;
use crate::damping::Damping;
use crate::effect::{DownReason, Effect, Effects};
use crate::event::{ConnId, Event, Input, Message, StopReason};
use crate::fsm::Fsm;
use crate::jitter::Jitter;
use crate::negotiate::{Negotiated, check};
use crate::notify;
use crate::state::{Active, State, StateName};

/// One configured peer as a pure state machine.
#[derive(Clone, Debug)]
pub struct Peer {
    cfg: PeerConfig,
    jitter: Jitter,
    damping: Damping,
    running: bool,
    dialer: Fsm,
    incoming: Option<Fsm>,
    contest: Option<Contest>,
    /// The Established connection has other keys, under which the peer has said nothing yet.
    unproven: bool,
    reported: StateName,
    errors: Errors,
    connect_retry_counter: u32,
}

/// The last things that went wrong, each with its time.
#[derive(Clone, Default, Debug)]
pub struct Errors {
    /// The last end of a connection or attempt, whatever the cause.
    pub last: Option<(Instant, DownReason)>,
    /// The last NOTIFICATION we sent.
    pub sent: Option<(Instant, Notification)>,
    /// The last NOTIFICATION the peer sent.
    pub received: Option<(Instant, Notification)>,
}

impl Peer {
    /// A peer that waits for [`Event::Start`]. `seed` decides the jitter of its timers.
    pub fn new(cfg: PeerConfig, seed: u64) -> Self {
        Self {
            cfg,
            jitter: Jitter::new(seed),
            damping: Damping::default(),
            running: false,
            dialer: Fsm::dialing(),
            incoming: None,
            contest: None,
            unproven: false,
            reported: StateName::Idle,
            errors: Errors::default(),
            connect_retry_counter: 0,
        }
    }

    /// Handles one event at time `now` and appends what is to be done to `out`.
    pub fn handle(&mut self, now: Instant, event: Event<'_>, out: &mut Effects) {
        match event {
            Event::Start => self.start(now, out),
            Event::Stop(reason) => self.stop(now, &reason, out),
            Event::Restart(reason) => {
                if self.running {
                    self.stop(now, &reason, out);
                    self.start(now, out);
                }
            }
            Event::Connected => self.input(now, ConnId::Outgoing, Input::TcpConfirmed, out),
            Event::ConnectFailed(error) => {
                self.input(now, ConnId::Outgoing, Input::TcpFails(Some(error)), out);
            }
            Event::Accepted => self.accepted(now, out),
            Event::Closed(id, error) => self.input(now, id, Input::TcpFails(error), out),
            Event::Message(id, message) => self.message(now, id, message, out),
            Event::DecodeFailed(id, notification) => {
                let input = match notification.code {
                    1 => Input::HeaderErr(notification),
                    2 => Input::OpenErr(notification),
                    _ => Input::UpdateErr(notification),
                };
                self.input(now, id, input, out);
            }
            Event::RestartState(state) => self.cfg.restart_state = state,
            Event::KeysChanged => self.unproven = self.established().is_some(),
            Event::Reconfigured(cfg) => self.reconfigured(now, cfg, out),
        }
        self.report(out);
    }

    /// Handles every timer that is due at `now`.
    pub fn poll_timers(&mut self, now: Instant, out: &mut Effects) {
        let up = self.established_since();
        self.dialer.poll_timers(now, &self.cfg, &mut self.jitter, out);
        if let Some(incoming) = &mut self.incoming {
            incoming.poll_timers(now, &self.cfg, &mut self.jitter, out);
        }
        self.settle(now, up, out);
        self.poll_contest(now, out);
        self.report(out);
    }

    /// Notes that UPDATEs or KEEPALIVEs arrived on the Established connection; once a burst.
    pub fn heard(&mut self, now: Instant) {
        self.unproven = false;
        self.machines().for_each(|fsm| fsm.heard(now));
    }

    /// Notes that at least one whole message left on the Established connection; once a write.
    pub fn sent(&mut self, now: Instant) {
        self.machines().for_each(|fsm| fsm.sent(now));
    }

    /// The earliest deadline; call [`Peer::poll_timers`] then.
    pub fn next_deadline(&self) -> Option<Instant> {
        let incoming = self.incoming.as_ref().and_then(Fsm::next_deadline);
        let timers = [self.dialer.next_deadline(), incoming, self.contest_deadline()];
        timers.into_iter().flatten().min()
    }

    /// The state of the peer: that of the connection which has got further.
    pub fn state(&self) -> StateName {
        let incoming = self.incoming.as_ref().map_or(StateName::Idle, Fsm::name);
        self.dialer.name().max(incoming)
    }

    /// Whether the peer was started and not stopped.
    pub fn is_running(&self) -> bool {
        self.running
    }

    /// The Established connection.
    pub fn established(&self) -> Option<ConnId> {
        self.connections().find(|fsm| fsm.established_since().is_some()).map(Fsm::id)
    }

    /// When the Established connection became so.
    pub fn established_since(&self) -> Option<Instant> {
        self.connections().find_map(Fsm::established_since)
    }

    /// What the Established session agreed on.
    pub fn negotiated(&self) -> Option<&Arc<Negotiated>> {
        self.connections().find(|fsm| fsm.established_since().is_some())?.negotiated()
    }

    /// The machine of a connection; for inspection.
    pub fn connection(&self, id: ConnId) -> Option<&Fsm> {
        match id {
            ConnId::Outgoing => Some(&self.dialer),
            ConnId::Incoming => self.incoming.as_ref(),
        }
    }

    /// The last errors.
    pub fn errors(&self) -> &Errors {
        &self.errors
    }

    /// The reason why a connection or an attempt last ended.
    pub fn last_error(&self) -> Option<&DownReason> {
        self.errors.last.as_ref().map(|(_, reason)| reason)
    }

    /// ConnectRetryCounter of RFC 4271 section 8: ends since the peer was last started.
    pub fn connect_retry_counter(&self) -> u32 {
        self.connect_retry_counter
    }

    /// The configuration.
    pub fn config(&self) -> &PeerConfig {
        &self.cfg
    }

    fn start(&mut self, now: Instant, out: &mut Effects) {
        if self.running {
            return;
        }
        self.running = true;
        self.damping.reset();
        self.input(now, ConnId::Outgoing, Input::Start, out);
    }

    fn stop(&mut self, now: Instant, reason: &StopReason, out: &mut Effects) {
        self.running = false;
        self.input(now, ConnId::Outgoing, Input::Stop(reason), out);
        self.input(now, ConnId::Incoming, Input::Stop(reason), out);
        self.dialer.park();
        self.connect_retry_counter = 0;
    }

    fn accepted(&mut self, now: Instant, out: &mut Effects) {
        let held = self.incoming.is_none() && self.dialer.name() == StateName::Idle;
        if !self.running || (held && self.damping.refuses()) {
            out.push(Effect::Refuse(notify::encode(&Notification::cease(cease::REJECTED))));
            return;
        }
        if let Some((id, why)) = self.given_up_by_peer(now) {
            out.push(Effect::Close(id));
            self.input(now, id, Input::TcpFails(Some(why)), out);
        }
        if self.established().is_some() {
            out.push(Effect::Refuse(notify::encode(&Notification::cease(cease::COLLISION))));
            return;
        }
        if let Some(mut older) = self.incoming.take() {
            older.handle(now, Input::CollisionDump, &self.cfg, &mut self.jitter, out);
            if let Some(reason) = older.take_ended() {
                self.note_end(now, reason, None);
            }
        }
        self.dialer.park();
        out.push(Effect::Adopt);
        self.incoming = Some(Fsm::listening());
        self.input(now, ConnId::Incoming, Input::TcpConfirmed, out);
    }

    /// The Established connection, if a further one means that the peer has left it, and why. With
    /// graceful restart it has restarted (RFC 4724 section 4.2); in the first moments of a session it
    /// may be a connection that lost the collision. A peer that resets when its own key changes says
    /// so under the old key: we no longer hear that, and what it opens then carries the new one.
    fn given_up_by_peer(&self, now: Instant) -> Option<(ConnId, &'static str)> {
        let (id, since) = (self.established()?, self.established_since()?);
        if self.unproven {
            return Some((id, NEW_KEYS));
        }
        let graceful = self.negotiated().is_some_and(|n| n.restart.is_some());
        let old = now.saturating_duration_since(since) >= COLLISION_WINDOW;
        (graceful && old).then_some((id, NEW_CONNECTION))
    }

    fn message(&mut self, now: Instant, id: ConnId, message: Message<'_>, out: &mut Effects) {
        if self.keeps_back(id) && matches!(message, Message::Update | Message::RouteRefresh) {
            self.input(now, id, Input::Keepalive, out);
        }
        let input = match message {
            Message::Open(open) => match check(&self.cfg, open) {
                Err(refusal) => Input::OpenErr(refusal),
                Ok(()) if !self.wins_collision(now, id, open) => Input::CollisionDump,
                Ok(()) => Input::Open(open),
            },
            Message::Keepalive if self.keep_back(now, id) => return,
            Message::Keepalive => Input::Keepalive,
            Message::Update => Input::Update,
            Message::RouteRefresh => Input::RouteRefresh,
            Message::Notification(n) if (n.code, n.subcode) == (2, 1) => {
                Input::NotificationVersion(n)
            }
            Message::Notification(n) => Input::Notification(n),
        };
        self.input(now, id, input, out);
    }

    /// RFC 4271 section 6.8, on receipt of a good OPEN on `id`: whether that connection may go on.
    /// If it may, the other one, when in OpenConfirm, goes as soon as the peer confirms that.
    fn wins_collision(&mut self, now: Instant, id: ConnId, open: &Open) -> bool {
        let waits_for_open = self.connection(id).is_some_and(|fsm| match fsm.state() {
            State::OpenSent(_) => true,
            State::Connect(_) | State::Active(_) => true,
            State::Idle(_) | State::OpenConfirm(_) | State::Established(_) => false,
        });
        let other = id.other();
        match self.connection(other).map(Fsm::name) {
            // Out of place on this connection: no collision to resolve.
            _ if !waits_for_open => true,
            Some(StateName::Established) => false,
            Some(StateName::OpenConfirm) => {
                let local = (self.cfg.router_id, self.cfg.local_as);
                let wins = survivor(local, (open.router_id, open.asn)) == id;
                if wins {
                    self.contest(now, other);
                }
                wins
            }
            _ => true,
        }
    }

    fn reconfigured(&mut self, now: Instant, cfg: PeerConfig, out: &mut Effects) {
        let impact = self.cfg.impact(&cfg);
        let in_handshake_or_up = self.state() > StateName::Active
            || self.incoming.is_some()
            || matches!(self.dialer.state(), State::Active(Active::Delaying));
        let restart = self.running
            && if in_handshake_or_up { impact.needs_reset() } else { !impact.is_none() };
        if restart {
            self.stop(now, &StopReason::ConfigurationChange, out);
        }
        self.cfg = cfg;
        if restart {
            self.start(now, out);
        }
    }

    fn input(&mut self, now: Instant, id: ConnId, input: Input<'_>, out: &mut Effects) {
        let up = self.established_since();
        let fsm = match id {
            ConnId::Outgoing => Some(&mut self.dialer),
            ConnId::Incoming => self.incoming.as_mut(),
        };
        if let Some(fsm) = fsm {
            fsm.handle(now, input, &self.cfg, &mut self.jitter, out);
        }
        self.settle(now, up, out);
    }

    /// Draws the consequences of what the machines did; `up` is since when one was Established.
    fn settle(&mut self, now: Instant, up: Option<Instant>, out: &mut Effects) {
        let up_for = up
            .filter(|_| self.established_since().is_none())
            .map(|since| now.saturating_duration_since(since));
        let incoming_ended = self.incoming.as_mut().and_then(Fsm::take_ended);
        if self.incoming.as_ref().is_some_and(|fsm| fsm.name() == StateName::Idle) {
            self.incoming = None;
        }
        let dialer_ended = self.dialer.take_ended();
        for reason in [incoming_ended, dialer_ended].into_iter().flatten() {
            self.note_end(now, reason, up_for);
        }
        self.settle_contest(now, out);
        self.unproven &= self.established().is_some();
        if let Some(winner) = self.established() {
            self.contest = None;
            self.dump(now, winner.other(), out);
        }
        if self.running && self.incoming.is_none() {
            self.resume(now);
        }
    }

    /// The other connection is Established: this one, or the attempt to open it, ends.
    fn dump(&mut self, now: Instant, loser: ConnId, out: &mut Effects) {
        let mut ended = None;
        match loser {
            ConnId::Outgoing if self.dialer.name() != StateName::Idle => {
                self.dialer.handle(now, Input::CollisionDump, &self.cfg, &mut self.jitter, out);
                ended = self.dialer.take_ended();
            }
            ConnId::Incoming => {
                if let Some(mut fsm) = self.incoming.take() {
                    fsm.handle(now, Input::CollisionDump, &self.cfg, &mut self.jitter, out);
                    ended = fsm.take_ended();
                }
            }
            ConnId::Outgoing => {}
        }
        if let Some(reason) = ended {
            self.note_end(now, reason, None);
        }
    }

    /// No connection of the peer is left: the dialing machine takes over again, after a rest.
    fn resume(&mut self, now: Instant) {
        if self.dialer.name() == StateName::Idle && self.dialer.next_deadline().is_none() {
            let wait = self.jitter.scale(self.damping.wait(self.cfg.idle_hold));
            self.dialer.hold_idle(now + wait);
        }
    }

    fn note_end(&mut self, now: Instant, reason: DownReason, up_for: Option<Duration>) {
        self.damping.note(&reason, up_for);
        self.connect_retry_counter = self.connect_retry_counter.saturating_add(1);
        match &reason {
            DownReason::Stopped { sent, .. } | DownReason::Sent(sent) => {
                self.errors.sent = Some((now, sent.clone()));
            }
            DownReason::Received(received) => {
                self.errors.received = Some((now, received.clone()));
            }
            DownReason::Transport(_) | DownReason::Left(_) => {}
        }
        self.errors.last = Some((now, reason));
    }

    fn report(&mut self, out: &mut Effects) {
        let (from, to) = (self.reported, self.state());
        if from != to {
            self.reported = to;
            out.push(Effect::StateChanged { from, to });
        }
    }

    fn connections(&self) -> impl Iterator<Item = &Fsm> {
        std::iter::once(&self.dialer).chain(self.incoming.as_ref())
    }

    fn machines(&mut self) -> impl Iterator<Item = &mut Fsm> {
        std::iter::once(&mut self.dialer).chain(self.incoming.as_mut())
    }
}

/// A connection opened at the same time as the one which won arrives within this time.
const COLLISION_WINDOW: Duration = Duration::from_secs(5);
const NEW_CONNECTION: &str = "the peer opened a new connection: it has restarted";
const NEW_KEYS: &str = "the peer opened a new connection under the new keys: it has reset the session under the old ones";

#[cfg(test)]
mod tests;
