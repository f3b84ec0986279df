//! OpenSent: our OPEN is out, the peer's is awaited.
//!
//! A departure from the text of the RFC, which lists a NOTIFICATION among the unexpected messages
//! here: it is not answered, as nowhere else (section 6.4).
//!
//! References: RFC 4271 section 8.2.2, "OpenSent"; RFC 6608.

use bgp_wire::notification::{cease, fsm};
use bgp_wire::{Notification, Open};

use super::{Context, State};
use crate::event::Input;
use crate::timers::Timer;

/// Data of the OpenSent state.
#[derive(Clone, Debug)]
pub struct OpenSent {
    /// The OPEN we sent.
    pub local: Open,
}

impl OpenSent {
    pub(crate) fn on(self, input: Input<'_>, cx: &mut Context<'_>) -> State {
        match input {
            Input::Start | Input::TcpConfirmed => State::OpenSent(self),
            Input::Stop(reason) => cx.stop(reason),
            Input::Expired(Timer::Hold) => cx.refuse(Notification::hold_timer_expired()),
            Input::TcpFails(error) => cx.lost_early(error),
            Input::Open(peer) => cx.accept_open(&self.local, peer),
            Input::HeaderErr(n) | Input::OpenErr(n) => cx.refuse(n),
            Input::CollisionDump => cx.refuse(Notification::cease(cease::COLLISION)),
            Input::NotificationVersion(n) | Input::Notification(n) => cx.received(n),
            Input::Expired(
                Timer::ConnectRetry
                | Timer::Keepalive
                | Timer::DelayOpen
                | Timer::IdleHold
                | Timer::SendHold,
            )
            | Input::Keepalive
            | Input::Update
            | Input::UpdateErr(_)
            | Input::RouteRefresh => cx.refuse(Notification::fsm_error(fsm::OPEN_SENT)),
        }
    }
}
