//! A session behind a gate: nothing runs while it is closed, whatever is asked for.

use bgp_fsm::session::SessionConfig;
use bgp_fsm::{StateName, StopReason};
use bgp_wire::Notification;
use bgp_wire::notification::cease;

use crate::script::{Script, config, listener, open, snapshot_until, start};

#[tokio::test]
async fn a_gated_session_neither_dials_nor_accepts_until_the_gate_opens() {
    let (listener, addr) = listener().await;
    let gated = SessionConfig { starts_gated: true, ..config(addr) };
    let (handle, log) = start(gated.clone());
    // Neither of these is a way around the gate.
    handle.start().await.unwrap();
    handle.reconfigure(gated).await.unwrap();
    let mut refused = Script::connect(&handle).await;
    assert_eq!(refused.expect_notification().await, Notification::cease(cease::REJECTED));
    assert!(!handle.snapshot().is_running);
    handle.open_gate().await.unwrap();
    let mut script = Script::accept(&listener).await;
    script.handshake(&open(90)).await;
    log.up(1).await;

    handle.close_gate(StopReason::BfdDown).await.unwrap();
    assert_eq!(script.expect_notification().await, Notification::cease(cease::BFD_DOWN));
    let snapshot = snapshot_until(&handle, |s| s.state == StateName::Idle).await;
    assert!(!snapshot.is_running);
    let mut refused = Script::connect(&handle).await;
    assert_eq!(refused.expect_notification().await, Notification::cease(cease::REJECTED));
    handle.open_gate().await.unwrap();
    let mut again = Script::accept(&listener).await;
    again.handshake(&open(90)).await;
    log.up(2).await;
}

#[tokio::test]
async fn a_session_held_for_another_reason_stays_held_when_the_gate_opens() {
    let (listener, addr) = listener().await;
    let (handle, _log) = start(config(addr));
    let mut script = Script::accept(&listener).await;
    script.handshake(&open(90)).await;
    handle.hold(StopReason::OutOfResources).await.unwrap();
    assert_eq!(script.expect_notification().await, Notification::cease(cease::RESOURCES));
    handle.close_gate(StopReason::BfdDown).await.unwrap();
    handle.open_gate().await.unwrap();
    // Commands are taken in order: this refusal comes after the gate has opened.
    let mut refused = Script::connect(&handle).await;
    assert_eq!(refused.expect_notification().await, Notification::cease(cease::REJECTED));
    assert!(!handle.snapshot().is_running);
}
