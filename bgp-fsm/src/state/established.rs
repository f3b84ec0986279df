//! Established: routes flow.
//!
//! UPDATE, ROUTE-REFRESH and KEEPALIVE normally do not pass through `on`: the shell calls `heard`
//! once a burst and `sent` once a write. Those only note the time; the timers look at the notes when
//! their old deadline comes, and are armed again for what is left, if something is.
//!
//! Invariant: entering emits `Up`, leaving emits one `Down`, after the `Close`.
//!
//! References: RFC 4271 section 8.2.2, "Established state"; RFC 6608; RFC 7606 section 2; RFC 9687.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_wire::notification::{cease, fsm};
use bgp_wire::{KEEPALIVE, Notification};
use bytes::Bytes;

use super::{Context, State};
use crate::effect::Effect;
use crate::event::Input;
use crate::negotiate::Negotiated;
use crate::timers::Timer;

/// Data of the Established state.
#[derive(Clone, Debug)]
pub struct Established {
    /// What the two OPENs agreed on.
    pub negotiated: Arc<Negotiated>,
    /// When the state was entered.
    pub since: Instant,
    heard: Instant,
    sent: Instant,
    /// The present interval between KEEPALIVEs, jitter included.
    keepalive: Duration,
}

impl Established {
    pub(crate) fn enter(negotiated: Arc<Negotiated>, cx: &mut Context<'_>) -> State {
        cx.timers.clear_all();
        if let Some(hold) = negotiated.hold_time {
            cx.timers.arm(Timer::Hold, cx.now + hold);
            cx.timers.arm(Timer::SendHold, cx.now + send_hold(hold));
        }
        let keepalive = cx.arm_keepalive(&negotiated);
        cx.out.push(Effect::Up(cx.id, Arc::clone(&negotiated)));
        State::Established(Self {
            negotiated,
            since: cx.now,
            heard: cx.now,
            sent: cx.now,
            keepalive,
        })
    }

    pub(crate) fn on(mut self, input: Input<'_>, cx: &mut Context<'_>) -> State {
        let left = match input {
            Input::Start | Input::TcpConfirmed => return State::Established(self),
            Input::Keepalive | Input::Update | Input::RouteRefresh => {
                self.heard(cx.now);
                return State::Established(self);
            }
            Input::Expired(Timer::Hold) => match self.negotiated.hold_time {
                Some(hold) if self.heard + hold > cx.now => {
                    cx.timers.arm(Timer::Hold, self.heard + hold);
                    return State::Established(self);
                }
                _ => cx.refuse(Notification::hold_timer_expired()),
            },
            Input::Expired(Timer::SendHold) => match self.negotiated.hold_time.map(send_hold) {
                Some(hold) if self.sent + hold > cx.now => {
                    cx.timers.arm(Timer::SendHold, self.sent + hold);
                    return State::Established(self);
                }
                _ => cx.refuse(Notification::send_hold_timer_expired()),
            },
            Input::Expired(Timer::Keepalive) => {
                let due = self.sent + self.keepalive;
                if due > cx.now {
                    cx.timers.arm(Timer::Keepalive, due);
                } else {
                    cx.send(Bytes::from_static(&KEEPALIVE));
                    self.keepalive = cx.arm_keepalive(&self.negotiated);
                }
                return State::Established(self);
            }
            Input::Stop(reason) => cx.leave(reason, &self.negotiated),
            Input::TcpFails(error) => cx.lost(error),
            Input::HeaderErr(n) | Input::OpenErr(n) | Input::UpdateErr(n) => cx.refuse(n),
            Input::CollisionDump => cx.refuse(Notification::cease(cease::COLLISION)),
            Input::NotificationVersion(n) | Input::Notification(n) => cx.received(n),
            Input::Expired(Timer::ConnectRetry | Timer::DelayOpen | Timer::IdleHold)
            | Input::Open(_) => cx.refuse(Notification::fsm_error(fsm::ESTABLISHED)),
        };
        let reason = cx.ended.clone().expect("each way out of Established sets the reason");
        cx.out.push(Effect::Down(reason));
        left
    }

    /// The peer was heard: all the hold timer needs to know.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// A whole message left: all the keepalive and send hold timers need to know.
    pub(crate) fn sent(&mut self, now: Instant) {
        self.sent = now;
    }
}

/// RFC 9687 section 3.1: the larger of eight minutes and twice the hold time.
pub(crate) fn send_hold(hold: Duration) -> Duration {
    (hold * 2).max(Duration::from_secs(480))
}
