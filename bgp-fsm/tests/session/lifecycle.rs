//! Ending, restarting, reconfiguring.

use std::time::Duration;

use bgp_fsm::{DownReason, HoldTime, StateName, StopReason};
use bgp_wire::notification::cease;
use bgp_wire::{Family, KEEPALIVE, MessageType, Notification};

use crate::script::{Script, config, established, listener, open, snapshot_until, start, update};

#[tokio::test]
async fn stop_sends_the_cease_with_the_text_and_waits_for_it() {
    let (handle, log, mut script) = established(90).await;
    let reason = StopReason::AdministrativeShutdown(Some("maintenance".into()));
    let (notification, ()) =
        tokio::join!(script.expect_notification(), handle.stop(reason.clone()));
    assert_eq!(notification, Notification::admin_shutdown("maintenance"));
    let sent = notification;
    log.with(|seen| assert_eq!(seen.downs, [DownReason::Stopped { reason, sent }]));
}

#[tokio::test]
async fn the_cease_survives_data_that_nobody_read() {
    let (handle, _log, mut script) = established(90).await;
    // What arrives after the session has closed must not turn the end into a reset.
    let noise: Vec<u8> = (0..2000).flat_map(|number| update(number, 1000)).collect();
    script.send(&noise).await;
    let stop = handle.stop(StopReason::PeerDeconfigured);
    let (notification, ()) = tokio::join!(script.expect_notification(), stop);
    assert_eq!(notification, Notification::cease(cease::DECONFIGURED));
}

#[tokio::test]
async fn a_dropped_handle_ends_the_session_with_a_cease() {
    let (handle, log, mut script) = established(90).await;
    drop(handle);
    assert_eq!(script.expect_notification().await, Notification::cease(cease::DECONFIGURED));
    assert_eq!(log.down().await.name(), "PeerDeconfigured");
}

#[tokio::test]
async fn a_received_notification_is_not_answered() {
    let (handle, log, mut script) = established(90).await;
    let cease = Notification::admin_reset("new keys");
    let mut wire = update(1, 23);
    cease.encode(&mut wire);
    script.send(&wire).await;
    script.expect_end().await;
    assert_eq!(log.down().await, DownReason::Received(cease.clone()));
    log.with(|seen| assert_eq!(seen.bursts.len(), 1));
    let record = snapshot_until(&handle, |s| s.last_received.is_some()).await.last_received;
    let text = record.unwrap().text;
    assert!(text.contains("new keys"), "{text}");
}

#[tokio::test]
async fn the_session_comes_back_after_the_peer_went_away() {
    let (listener, addr) = listener().await;
    let (handle, log) = start(config(addr));
    let mut script = Script::accept(&listener).await;
    script.handshake(&open(90)).await;
    log.up(1).await;
    drop(script);
    assert_eq!(log.down().await.name(), "TransportFailed");
    let mut again = Script::accept(&listener).await;
    again.handshake(&open(90)).await;
    log.up(2).await;
    let snapshot = snapshot_until(&handle, |s| s.established_count == 2).await;
    assert!(snapshot.last_error.is_some());
}

#[tokio::test]
async fn silence_ends_the_session_after_the_hold_time() {
    let (_handle, log, mut script) = established(90).await;
    // From here on time runs only when everybody waits for it.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let mut keepalives = 0;
    let notification = loop {
        let frame = script.frame_without_limit().await.expect("closed without a NOTIFICATION");
        if frame[..] != KEEPALIVE {
            break Notification::decode(&frame[19..]).unwrap();
        }
        keepalives += 1;
    };
    assert_eq!(notification, Notification::hold_timer_expired());
    let lasted = began.elapsed();
    assert!((85..=91).contains(&lasted.as_secs()), "{lasted:?}");
    assert!((2..=4).contains(&keepalives), "{keepalives}");
    assert_eq!(log.down().await, DownReason::Sent(notification));
}

#[tokio::test]
async fn a_silent_peer_in_open_sent_is_given_up_too() {
    let (listener, addr) = listener().await;
    let (_handle, _log) = start(config(addr));
    let mut script = Script::accept(&listener).await;
    script.expect(MessageType::OPEN).await;
    tokio::time::pause();
    let frame = script.frame_without_limit().await.unwrap();
    assert_eq!(Notification::decode(&frame[19..]).unwrap(), Notification::hold_timer_expired());
}

#[tokio::test]
async fn reconfiguration_resets_only_what_it_must() {
    let (listener, addr) = listener().await;
    let (handle, log) = start(config(addr));
    let mut script = Script::accept(&listener).await;
    script.handshake(&open(90)).await;
    log.up(1).await;

    let mut cfg = config(addr);
    cfg.peer.connect_retry = Duration::from_secs(2);
    cfg.outbox_high = 1 << 20;
    assert!(!config(addr).impact(&cfg).needs_reset());
    handle.reconfigure(cfg.clone()).await.unwrap();
    script.send(&update(1, 23)).await;
    log.until(|seen| (!seen.bursts.is_empty()).then_some(())).await;
    log.with(|seen| assert!(seen.downs.is_empty()));

    // A new hold time is said in the OPEN: a new session, at once.
    cfg.peer.hold_time = HoldTime::from_secs(33);
    handle.reconfigure(cfg.clone()).await.unwrap();
    assert_eq!(script.expect_notification().await, Notification::cease(cease::CONFIG_CHANGE));
    let mut script = Script::accept(&listener).await;
    assert_eq!(script.handshake(&open(90)).await.hold_time, 33);
    log.up(2).await;

    // So does a changed socket setup.
    cfg.setup_revision = 1;
    handle.reconfigure(cfg).await.unwrap();
    assert_eq!(script.expect_notification().await, Notification::cease(cease::CONFIG_CHANGE));
    let mut again = Script::accept(&listener).await;
    again.handshake(&open(90)).await;
    log.up(3).await;
    log.with(|seen| assert_eq!(seen.downs.len(), 2));
}

#[tokio::test]
async fn administrative_shutdown_holds_the_peer_down() {
    let (listener, addr) = listener().await;
    let (handle, log) = start(config(addr));
    let mut script = Script::accept(&listener).await;
    script.handshake(&open(90)).await;
    log.up(1).await;

    let mut cfg = config(addr);
    cfg.shutdown = Some("on leave".into());
    handle.reconfigure(cfg).await.unwrap();
    assert_eq!(script.expect_notification().await, Notification::admin_shutdown("on leave"));
    let snapshot = snapshot_until(&handle, |s| s.state == StateName::Idle).await;
    assert!(!snapshot.is_running);
    let mut refused = Script::connect(&handle).await;
    assert_eq!(refused.expect_notification().await, Notification::cease(cease::REJECTED));

    handle.reconfigure(config(addr)).await.unwrap();
    let mut again = Script::accept(&listener).await;
    again.handshake(&open(90)).await;
    log.up(2).await;
}

#[tokio::test]
async fn reset_and_fail_end_the_session_and_it_returns() {
    let (listener, addr) = listener().await;
    let (handle, log) = start(config(addr));
    let mut script = Script::accept(&listener).await;
    script.handshake(&open(90)).await;
    log.up(1).await;
    handle.reset(StopReason::AdministrativeReset(None)).await.unwrap();
    assert_eq!(script.expect_notification().await, Notification::cease(cease::ADMIN_RESET));

    let mut script = Script::accept(&listener).await;
    script.handshake(&open(90)).await;
    log.up(2).await;
    handle.fail(Notification::new(3, 9)).await.unwrap();
    assert_eq!(script.expect_notification().await, Notification::new(3, 9));
    // This one counts as a fault: the peer rests for a second, then dials again.
    let mut again = Script::accept(&listener).await;
    again.handshake(&open(90)).await;
    log.up(3).await;
}

#[tokio::test]
async fn a_held_peer_stays_down_until_it_is_started() {
    let (listener, addr) = listener().await;
    let (handle, log) = start(config(addr));
    let mut script = Script::accept(&listener).await;
    script.handshake(&open(90)).await;
    log.up(1).await;

    let reason = StopReason::MaximumPrefixes { family: Family::IPV4_UNICAST, bound: 100 };
    handle.hold(reason.clone()).await.unwrap();
    assert_eq!(script.expect_notification().await, reason.cease());
    let snapshot = snapshot_until(&handle, |s| s.state == StateName::Idle).await;
    assert!(!snapshot.is_running);
    let mut refused = Script::connect(&handle).await;
    assert_eq!(refused.expect_notification().await, Notification::cease(cease::REJECTED));

    handle.start().await.unwrap();
    let mut again = Script::accept(&listener).await;
    again.handshake(&open(90)).await;
    log.up(2).await;
}

#[tokio::test]
async fn a_lost_link_ends_the_session_without_waiting_for_the_hold_time() {
    let (listener, addr) = listener().await;
    let (handle, log) = start(config(addr));
    let mut script = Script::accept(&listener).await;
    script.handshake(&open(90)).await;
    log.up(1).await;
    handle.link_down("interface eth9 is down".into()).await.unwrap();
    let reason = log.down().await;
    assert_eq!(reason.name(), "TransportFailed");
    assert!(reason.to_string().contains("eth9"), "{reason}");
    let mut again = Script::accept(&listener).await;
    again.handshake(&open(90)).await;
    log.up(2).await;
}

#[tokio::test]
async fn a_second_stop_returns_at_once() {
    let (handle, log, mut script) = established(90).await;
    let stop = handle.stop(StopReason::PeerDeconfigured);
    let (notification, ()) = tokio::join!(script.expect_notification(), stop);
    assert_eq!(notification, Notification::cease(cease::DECONFIGURED));
    handle.stop(StopReason::OutOfResources).await;
    assert!(handle.reset(StopReason::BfdDown).await.is_err());
    log.with(|seen| assert_eq!(seen.downs.len(), 1));
}

#[tokio::test]
async fn connections_that_are_refused_cannot_cost_the_session_its_cease() {
    let (handle, _log, mut script) = established(90).await;
    // Refused ones that do not close their side linger for a moment.
    let mut refused = Vec::new();
    for _ in 0..12 {
        let mut late = Script::connect(&handle).await;
        late.expect_end_or_notification().await;
        refused.push(late);
    }
    let stop = handle.stop(StopReason::PeerDeconfigured);
    let (notification, ()) = tokio::join!(script.expect_notification(), stop);
    assert_eq!(notification, Notification::cease(cease::DECONFIGURED));
}
