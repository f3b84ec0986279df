//! Active: waiting for the peer, or for the time to dial again; or a connection of the peer is up
//! while our OPEN is delayed.
//!
//! A machine for an incoming connection begins here with `TcpConfirmed`. The dialing machine of a
//! passive peer stays here without a timer.
//!
//! References: RFC 4271 section 8.2.2, "Active state"; RFC 6608.

use super::{Context, State, delaying};
use crate::event::Input;
use crate::timers::Timer;

/// Data of the Active state.
#[derive(Copy, Clone, Debug)]
pub enum Active {
    /// No connection.
    Listening,
    /// TCP is up, the DelayOpen timer runs.
    Delaying,
}

impl Active {
    pub(crate) fn on(self, input: Input<'_>, cx: &mut Context<'_>) -> State {
        match (self, input) {
            (Self::Delaying, input) => delaying::on(input, State::Active(self), cx),
            (Self::Listening, Input::Start) => State::Active(self),
            (Self::Listening, Input::Stop(_)) => {
                cx.timers.clear_all();
                State::Idle(super::Idle)
            }
            (Self::Listening, Input::Expired(Timer::ConnectRetry)) => cx.dial(),
            (Self::Listening, Input::TcpConfirmed) => cx.connected(State::Active(Self::Delaying)),
            // The other connection wins before this one exists.
            (Self::Listening, Input::CollisionDump) => {
                cx.timers.clear_all();
                State::Idle(super::Idle)
            }
            // Without a connection nothing of this can arrive; listening goes on.
            (
                Self::Listening,
                Input::Expired(
                    Timer::Hold
                    | Timer::Keepalive
                    | Timer::DelayOpen
                    | Timer::IdleHold
                    | Timer::SendHold,
                )
                | Input::TcpFails(_)
                | Input::Open(_)
                | Input::HeaderErr(_)
                | Input::OpenErr(_)
                | Input::NotificationVersion(_)
                | Input::Notification(_)
                | Input::Keepalive
                | Input::Update
                | Input::UpdateErr(_)
                | Input::RouteRefresh,
            ) => State::Active(self),
        }
    }
}
