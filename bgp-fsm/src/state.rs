//! The six states of RFC 4271 section 8.2.2, one file each.
//!
//! A state's data lives in its variant and is dropped on the way out. Each state has one function,
//! `on`, which matches over all inputs without a wildcard: a new input is a compile error in six
//! places, which is the point.
//!
//! `Context` is what a state may use: configuration, the timers of its connection, jitter, the
//! buffer of effects. The ways out that several states share (refuse, fail, send the OPEN) are its
//! methods, so that a NOTIFICATION is always followed by a Close, and all timers stop on the way to
//! Idle.

mod active;
mod connect;
mod delaying;
mod established;
mod idle;
mod open_confirm;
mod open_sent;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_wire::{KEEPALIVE, Notification, Open};
use bytes::Bytes;

pub use self::active::Active;
pub use self::connect::Connect;
pub use self::established::Established;
pub(crate) use self::established::send_hold;
pub use self::idle::Idle;
pub use self::open_confirm::OpenConfirm;
pub use self::open_sent::OpenSent;
use crate::config::PeerConfig;
use crate::effect::{DownReason, Effect, Effects};
use crate::event::{ConnId, Input, StopReason};
use crate::jitter::Jitter;
use crate::negotiate::{Negotiated, local_open, negotiate};
use crate::notify;
use crate::timers::{Timer, Timers};

/// The state of one connection, with its data.
#[derive(Clone, Debug)]
pub enum State {
    /// Nothing is asked of TCP; connections are refused.
    Idle(Idle),
    /// TCP is connecting, or is up and our OPEN is delayed.
    Connect(Connect),
    /// Waiting for a connection of the peer or for the next attempt, or TCP is up and our OPEN is
    /// delayed.
    Active(Active),
    /// Our OPEN is sent, the peer's is awaited.
    OpenSent(OpenSent),
    /// Both OPENs are agreed on, the peer's KEEPALIVE is awaited.
    OpenConfirm(OpenConfirm),
    /// UPDATEs flow.
    Established(Established),
}

impl State {
    /// Moves on. Takes the state by value: what is not carried over is gone.
    pub(crate) fn on(self, input: Input<'_>, cx: &mut Context<'_>) -> Self {
        match self {
            Self::Idle(state) => state.on(input, cx),
            Self::Connect(state) => state.on(input, cx),
            Self::Active(state) => state.on(input, cx),
            Self::OpenSent(state) => state.on(input, cx),
            Self::OpenConfirm(state) => state.on(input, cx),
            Self::Established(state) => state.on(input, cx),
        }
    }

    /// The state without its data.
    pub fn name(&self) -> StateName {
        match self {
            Self::Idle(_) => StateName::Idle,
            Self::Connect(_) => StateName::Connect,
            Self::Active(_) => StateName::Active,
            Self::OpenSent(_) => StateName::OpenSent,
            Self::OpenConfirm(_) => StateName::OpenConfirm,
            Self::Established(_) => StateName::Established,
        }
    }
}

/// A state as a word; ordered by how far the session has got.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum StateName {
    /// See [`State::Idle`].
    Idle,
    /// See [`State::Connect`].
    Connect,
    /// See [`State::Active`].
    Active,
    /// See [`State::OpenSent`].
    OpenSent,
    /// See [`State::OpenConfirm`].
    OpenConfirm,
    /// See [`State::Established`].
    Established,
}

impl StateName {
    /// The RFC's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        }
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a state may use while it handles an input.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    pub(crate) id: ConnId,
    pub(crate) cfg: &'a PeerConfig,
    pub(crate) timers: &'a mut Timers,
    pub(crate) jitter: &'a mut Jitter,
    pub(crate) now: Instant,
    pub(crate) out: &'a mut Effects,
    /// Set when a connection or an attempt ended.
    pub(crate) ended: &'a mut Option<DownReason>,
}

impl Context<'_> {
    /// To Idle, sending `notification`.
    pub(crate) fn refuse(&mut self, notification: Notification) -> State {
        self.send_and_close(&notification);
        self.ended_in_idle(DownReason::Sent(notification))
    }

    /// To Idle before there was a session, because we were told to, sending the Cease.
    pub(crate) fn stop(&mut self, reason: &StopReason) -> State {
        if self.cfg.graceful_restart.is_some() && matches!(reason, StopReason::Restarting(_)) {
            // The peer may keep routes of ours from a session before.
            self.out.push(Effect::Close(self.id));
            return self.ended_in_idle(DownReason::Left(reason.clone()));
        }
        let sent = reason.cease();
        self.send_and_close(&sent);
        self.ended_in_idle(DownReason::Stopped { reason: reason.clone(), sent })
    }

    /// To Idle from a session, because we were told to: what is said depends on whether the peer is
    /// to keep our routes.
    pub(crate) fn leave(&mut self, reason: &StopReason, negotiated: &Negotiated) -> State {
        let sent = match &negotiated.restart {
            Some(restart) => restart.farewell(reason),
            None => Some(reason.cease()),
        };
        let reason = reason.clone();
        match sent {
            Some(sent) => {
                self.send_and_close(&sent);
                self.ended_in_idle(DownReason::Stopped { reason, sent })
            }
            None => {
                self.out.push(Effect::Close(self.id));
                self.ended_in_idle(DownReason::Left(reason))
            }
        }
    }

    /// To Idle because the peer sent `notification`, which is never answered (RFC 4271 section 6.4).
    pub(crate) fn received(&mut self, notification: &Notification) -> State {
        self.out.push(Effect::Close(self.id));
        self.ended_in_idle(DownReason::Received(notification.clone()))
    }

    /// To Idle because TCP is gone. Nothing is left to close.
    pub(crate) fn lost(&mut self, error: Option<&str>) -> State {
        self.ended_in_idle(transport(error))
    }

    /// TCP failed before the OPENs were exchanged: the dialing machine goes on listening and tries
    /// again later, the other one has nothing to listen to.
    pub(crate) fn lost_early(&mut self, error: Option<&str>) -> State {
        match self.id {
            ConnId::Outgoing => {
                self.timers.clear_all();
                *self.ended = Some(transport(error));
                self.arm_connect_retry();
                State::Active(Active::Listening)
            }
            ConnId::Incoming => self.lost(error),
        }
    }

    /// To Idle without a word: there was no connection yet.
    pub(crate) fn give_up(&mut self) -> State {
        self.out.push(Effect::Close(self.id));
        self.timers.clear_all();
        State::Idle(Idle)
    }

    /// Starts an attempt to connect; a passive peer only listens.
    pub(crate) fn dial(&mut self) -> State {
        self.timers.clear_all();
        if self.cfg.passive {
            return State::Active(Active::Listening);
        }
        self.arm_connect_retry();
        self.out.push(Effect::Connect);
        State::Connect(Connect::Dialing)
    }

    /// TCP is up: sends the OPEN, unless the peer is to be given time for its own, which is the
    /// state `delaying` then.
    pub(crate) fn connected(&mut self, delaying: State) -> State {
        self.timers.clear(Timer::ConnectRetry);
        match self.cfg.delay_open.filter(|delay| !delay.is_zero()) {
            Some(delay) => {
                self.timers.arm(Timer::DelayOpen, self.now + delay);
                delaying
            }
            None => self.send_open(),
        }
    }

    /// Sends our OPEN and waits for the peer's.
    pub(crate) fn send_open(&mut self) -> State {
        let local = local_open(self.cfg);
        self.send(notify::encode_open(&local));
        self.timers.clear_all();
        let patience = match self.id {
            ConnId::Outgoing => OPEN_HOLD,
            ConnId::Incoming => INCOMING_OPEN_HOLD,
        };
        self.timers.arm(Timer::Hold, self.now + patience);
        State::OpenSent(OpenSent { local })
    }

    /// The peer's OPEN came while ours was delayed.
    pub(crate) fn open_before_ours(&mut self, peer: &Open) -> State {
        let local = local_open(self.cfg);
        self.send(notify::encode_open(&local));
        self.accept_open(&local, peer)
    }

    /// The peer's OPEN is good: confirms it.
    pub(crate) fn accept_open(&mut self, local: &Open, peer: &Open) -> State {
        let negotiated = Arc::new(negotiate(self.cfg, local, peer));
        self.send(Bytes::from_static(&KEEPALIVE));
        self.timers.clear_all();
        if let Some(hold) = negotiated.hold_time {
            self.timers.arm(Timer::Hold, self.now + hold);
        }
        self.arm_keepalive(&negotiated);
        State::OpenConfirm(OpenConfirm { negotiated })
    }

    /// Draws the next interval between KEEPALIVEs and arms the timer for it.
    pub(crate) fn arm_keepalive(&mut self, negotiated: &Negotiated) -> Duration {
        let Some(base) = negotiated.keepalive else { return Duration::ZERO };
        // Never more than one a second (RFC 4271 section 4.4), whatever jitter makes of it.
        let interval = self.jitter.scale(base).max(Duration::from_secs(1));
        self.timers.arm(Timer::Keepalive, self.now + interval);
        interval
    }

    pub(crate) fn send(&mut self, message: Bytes) {
        self.out.push(Effect::Send(self.id, message));
    }

    /// A passive peer never dials, so its timer does not run.
    fn arm_connect_retry(&mut self) {
        if !self.cfg.passive {
            let wait = self.jitter.scale(self.cfg.connect_retry).max(Duration::from_secs(1));
            self.timers.arm(Timer::ConnectRetry, self.now + wait);
        }
    }

    fn send_and_close(&mut self, notification: &Notification) {
        self.send(notify::encode(notification));
        self.out.push(Effect::Close(self.id));
    }

    fn ended_in_idle(&mut self, reason: DownReason) -> State {
        self.timers.clear_all();
        *self.ended = Some(reason);
        State::Idle(Idle)
    }
}

fn transport(error: Option<&str>) -> DownReason {
    DownReason::Transport(error.unwrap_or("connection closed by the peer").into())
}

/// The "large value" of RFC 4271 section 8.2.2 for the hold timer while the OPEN is awaited.
const OPEN_HOLD: Duration = Duration::from_secs(240);

/// The same for a connection that the peer opened. Who opens one has something to say; until it is said we do not dial
/// ourselves, so a silent one must not last.
const INCOMING_OPEN_HOLD: Duration = Duration::from_secs(60);
