//! Idle: no connection, and none wanted yet.
//!
//! A peer rests here when it was stopped, while oscillation damping holds it (the IdleHold timer
//! runs), and while the other of its two connections is the one that counts. All that can happen is
//! the start; connections of the peer are refused or let in by the arbiter before they get here.
//!
//! References: RFC 4271 section 8.2.2, "Idle state".

use super::{Context, State};
use crate::event::Input;
use crate::timers::Timer;

/// Data of the Idle state: none.
#[derive(Copy, Clone, Debug)]
pub struct Idle;

impl Idle {
    pub(crate) fn on(self, input: Input<'_>, cx: &mut Context<'_>) -> State {
        match input {
            Input::Start | Input::Expired(Timer::IdleHold) => cx.dial(),
            Input::Stop(_) => {
                cx.timers.clear_all();
                State::Idle(self)
            }
            Input::Expired(
                Timer::ConnectRetry
                | Timer::Hold
                | Timer::Keepalive
                | Timer::DelayOpen
                | Timer::SendHold,
            )
            | Input::TcpConfirmed
            | Input::TcpFails(_)
            | Input::Open(_)
            | Input::HeaderErr(_)
            | Input::OpenErr(_)
            | Input::CollisionDump
            | Input::NotificationVersion(_)
            | Input::Notification(_)
            | Input::Keepalive
            | Input::Update
            | Input::UpdateErr(_)
            | Input::RouteRefresh => State::Idle(self),
        }
    }
}
