//! Connect: TCP is connecting, or is up while our OPEN is delayed.
//!
//! One departure from the text of the RFC: when the attempt fails, the machine goes to Active with
//! the ConnectRetry timer running, not to Idle. Idle would come back through the automatic start
//! after the same kind of wait, but would refuse the peer's own connection meanwhile.
//!
//! References: RFC 4271 section 8.2.2, "Connect state"; RFC 6608.

use super::{Context, State, delaying};
use crate::event::Input;
use crate::timers::Timer;

/// Data of the Connect state.
#[derive(Copy, Clone, Debug)]
pub enum Connect {
    /// The attempt is under way.
    Dialing,
    /// TCP is up, the DelayOpen timer runs.
    Delaying,
}

impl Connect {
    pub(crate) fn on(self, input: Input<'_>, cx: &mut Context<'_>) -> State {
        match (self, input) {
            (_, Input::Expired(Timer::ConnectRetry)) => {
                cx.give_up();
                cx.dial()
            }
            (_, Input::TcpFails(error)) => cx.lost_early(error),
            (Self::Delaying, input) => delaying::on(input, State::Connect(self), cx),
            (Self::Dialing, Input::Start) => State::Connect(self),
            (Self::Dialing, Input::Stop(_)) => cx.give_up(),
            (Self::Dialing, Input::TcpConfirmed) => cx.connected(State::Connect(Self::Delaying)),
            // Without a connection there is no one to tell.
            (
                Self::Dialing,
                Input::Expired(
                    Timer::Hold
                    | Timer::Keepalive
                    | Timer::DelayOpen
                    | Timer::IdleHold
                    | Timer::SendHold,
                )
                | Input::Open(_)
                | Input::HeaderErr(_)
                | Input::OpenErr(_)
                | Input::CollisionDump
                | Input::NotificationVersion(_)
                | Input::Notification(_)
                | Input::Keepalive
                | Input::Update
                | Input::UpdateErr(_)
                | Input::RouteRefresh,
            ) => cx.give_up(),
        }
    }
}
