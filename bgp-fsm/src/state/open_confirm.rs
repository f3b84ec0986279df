//! OpenConfirm: the OPENs are agreed on, the peer's KEEPALIVE is awaited.
//!
//! References: RFC 4271 section 8.2.2, "OpenConfirm state"; RFC 6608.

use std::sync::Arc;

use bgp_wire::notification::{cease, fsm};
use bgp_wire::{KEEPALIVE, Notification};
use bytes::Bytes;

use super::{Context, Established, State};
use crate::event::Input;
use crate::negotiate::Negotiated;
use crate::timers::Timer;

/// Data of the OpenConfirm state.
#[derive(Clone, Debug)]
pub struct OpenConfirm {
    /// What the two OPENs agreed on.
    pub negotiated: Arc<Negotiated>,
}

impl OpenConfirm {
    pub(crate) fn on(self, input: Input<'_>, cx: &mut Context<'_>) -> State {
        match input {
            Input::Start | Input::TcpConfirmed => State::OpenConfirm(self),
            Input::Stop(reason) => cx.stop(reason),
            Input::Expired(Timer::Hold) => cx.refuse(Notification::hold_timer_expired()),
            Input::Expired(Timer::Keepalive) => {
                cx.send(Bytes::from_static(&KEEPALIVE));
                cx.arm_keepalive(&self.negotiated);
                State::OpenConfirm(self)
            }
            Input::TcpFails(error) => cx.lost(error),
            Input::HeaderErr(n) | Input::OpenErr(n) => cx.refuse(n),
            Input::CollisionDump => cx.refuse(Notification::cease(cease::COLLISION)),
            Input::NotificationVersion(n) | Input::Notification(n) => cx.received(n),
            Input::Keepalive => Established::enter(self.negotiated, cx),
            // A second OPEN on one connection is no collision, it is out of place.
            Input::Expired(
                Timer::ConnectRetry | Timer::DelayOpen | Timer::IdleHold | Timer::SendHold,
            )
            | Input::Open(_)
            | Input::Update
            | Input::UpdateErr(_)
            | Input::RouteRefresh => cx.refuse(Notification::fsm_error(fsm::OPEN_CONFIRM)),
        }
    }
}
