//! A connection is up while our OPEN is delayed: what Connect and Active have in common.
//!
//! Connect differs in two inputs and handles those before it comes here: it dials anew when
//! ConnectRetry expires, and goes to Active when TCP fails.
//!
//! References: RFC 4271 section 8.2.2, "Connect state" and "Active state"; RFC 6608.

use bgp_wire::Notification;
use bgp_wire::notification::cease;

use super::{Context, State};
use crate::event::Input;
use crate::timers::Timer;

/// `stay` is the state in which the delay goes on.
pub(super) fn on(input: Input<'_>, stay: State, cx: &mut Context<'_>) -> State {
    match input {
        Input::Start | Input::TcpConfirmed => stay,
        Input::Stop(reason) => cx.stop(reason),
        Input::Expired(Timer::DelayOpen) => cx.send_open(),
        Input::TcpFails(error) => cx.lost(error),
        Input::Open(peer) => cx.open_before_ours(peer),
        // Sent without an OPEN (SendNOTIFICATIONwithoutOPEN is TRUE here).
        Input::HeaderErr(n) | Input::OpenErr(n) => cx.refuse(n),
        Input::CollisionDump => cx.refuse(Notification::cease(cease::COLLISION)),
        Input::NotificationVersion(n) | Input::Notification(n) => cx.received(n),
        Input::Expired(
            Timer::ConnectRetry
            | Timer::Hold
            | Timer::Keepalive
            | Timer::IdleHold
            | Timer::SendHold,
        )
        | Input::Keepalive
        | Input::Update
        | Input::UpdateErr(_)
        | Input::RouteRefresh => cx.refuse(Notification::fsm_error(0)),
    }
}
