//! Coming up, reading, and what is answered to bytes that are no BGP.

use std::net::{Ipv4Addr, Ipv6Addr};

use bgp_fsm::session::{Direction, SocketSetup};
use bgp_fsm::{ConnId, DownReason, StateName};
use bgp_wire::{
    Asn, Capability, Family, FamilySet, KEEPALIVE, MessageType, Notification, Open, RouteRefresh,
};
use tokio::net::TcpListener;

use crate::script::{
    OUR_ID, Script, config, encoded, established, listener, open, snapshot_until, start, update,
};

#[tokio::test]
async fn dials_negotiates_and_reports() {
    let (listener, addr) = listener().await;
    let (handle, log) = start(config(addr));
    let mut script = Script::accept(&listener).await;
    let ours = script.handshake(&open(30)).await;
    assert_eq!((ours.asn, ours.router_id, ours.hold_time), (Asn(65001), OUR_ID, 90));
    log.up(1).await;

    let snapshot = snapshot_until(&handle, |s| s.state == StateName::Established).await;
    assert_eq!(snapshot.remote, addr);
    assert_eq!(snapshot.local, Some(script.stream.peer_addr().unwrap()));
    assert_eq!(snapshot.connection, Some(ConnId::Outgoing));
    assert_eq!(snapshot.established_count, 1);
    let negotiated = snapshot.negotiated.unwrap();
    assert_eq!(negotiated.hold_time.unwrap().as_secs(), 30);
    assert_eq!(negotiated.families, FamilySet::IPV4_UNICAST, "the script offers nothing more");
    assert_eq!((snapshot.counters.received.open, snapshot.counters.sent.open), (1, 1));
    assert_eq!((snapshot.counters.received.keepalive, snapshot.counters.sent.keepalive), (1, 1));
    log.with(|seen| {
        use StateName::{Connect, Established, OpenConfirm, OpenSent};
        assert_eq!(seen.states, [Connect, OpenSent, OpenConfirm, Established]);
        assert_eq!(seen.established[0].remote, addr);
        assert_eq!(seen.established[0].ifindex, 0);
    });
}

#[tokio::test]
async fn coalesced_messages_are_one_burst() {
    let (listener, addr) = listener().await;
    let (handle, log) = start(config(addr));
    let mut script = Script::accept(&listener).await;
    script.expect(MessageType::OPEN).await;
    // Handshake and UPDATEs in one write, a KEEPALIVE between the UPDATEs.
    let first = [update(1, 23), update(2, 100), update(3, 23)].concat();
    let second = [update(4, 23), update(5, 64)].concat();
    let all = [&encoded(&open(90))[..], &KEEPALIVE, &first, &KEEPALIVE, &second].concat();
    script.send(&all).await;
    log.until(|seen| (seen.bursts.concat().len() == first.len() + second.len()).then_some(()))
        .await;
    log.with(|seen| assert_eq!(seen.bursts, [first, second]));
    let counters = snapshot_until(&handle, |s| s.counters.received.update == 5).await.counters;
    assert_eq!(counters.received.keepalive, 2);
    assert_eq!(counters.received.octets, all.len() as u64);
}

#[tokio::test]
async fn fragments_are_put_together() {
    let (_handle, log, mut script) = established(90).await;
    let updates = [update(7, 23), update(8, 30)].concat();
    for octet in &updates {
        script.send(&[*octet]).await;
        tokio::task::yield_now().await;
    }
    log.until(|seen| (seen.bursts.concat() == updates).then_some(())).await;
    log.with(|seen| {
        assert!(seen.bursts.iter().all(|burst| burst.len() >= 23), "whole frames only")
    });
}

#[tokio::test]
async fn a_stream_larger_than_the_buffer_arrives_whole() {
    let (_handle, log, mut script) = established(90).await;
    let mut sent = Vec::new();
    for number in 0..1000 {
        sent.extend(update(number, 23 + (number * 37 % 4000) as u16));
    }
    script.send(&sent).await;
    let total = sent.len();
    log.until(|seen| (seen.bursts.iter().map(Vec::len).sum::<usize>() == total).then_some(()))
        .await;
    log.with(|seen| assert!(seen.bursts.concat() == sent, "the same octets in the same order"));
}

#[tokio::test]
async fn malformed_headers_get_the_exact_notification() {
    let mut bad_marker = KEEPALIVE;
    bad_marker[3] = 0;
    let mut too_long = KEEPALIVE.to_vec();
    too_long[16..19].copy_from_slice(&[0x10, 0x01, 2]);
    let mut bad_type = KEEPALIVE;
    bad_type[18] = 9;
    let cases = [
        (&bad_marker[..], Notification::new(1, 1)),
        (&too_long[..], Notification::with_data(1, 2, vec![0x10, 0x01])),
        (&bad_type[..], Notification::with_data(1, 3, vec![9])),
    ];
    for (bytes, expected) in cases {
        // Once as the first message, once within a session.
        let (listener, addr) = listener().await;
        let (handle, _log) = start(config(addr));
        let mut script = Script::accept(&listener).await;
        script.expect(MessageType::OPEN).await;
        script.send(bytes).await;
        assert_eq!(script.expect_notification().await, expected);
        let record = snapshot_until(&handle, |s| s.last_sent.is_some()).await.last_sent.unwrap();
        assert_eq!(record.notification, Some(expected.clone()));
        assert_eq!(record.text, expected.to_string());

        let (_handle, log, mut script) = established(90).await;
        script.send(&[&update(1, 23), bytes].concat()).await;
        assert_eq!(script.expect_notification().await, expected);
        assert_eq!(log.down().await, DownReason::Sent(expected));
        log.with(|seen| assert_eq!(seen.bursts, [update(1, 23)], "what came before counts"));
    }
}

#[tokio::test]
async fn a_wrong_open_is_refused() {
    let (listener, addr) = listener().await;
    let (_handle, log) = start(config(addr));
    let mut script = Script::accept(&listener).await;
    script.expect(MessageType::OPEN).await;
    let id = Ipv4Addr::new(10, 0, 0, 9);
    script.send_open(&Open::new(Asn(65077), 90, id, [])).await;
    assert_eq!(script.expect_notification().await, Notification::bad_peer_as());
    log.with(|seen| assert!(seen.established.is_empty() && seen.downs.is_empty()));
}

#[tokio::test]
async fn messages_out_of_place_are_fsm_errors() {
    let (listener, addr) = listener().await;
    let (_handle, _log) = start(config(addr));
    let mut script = Script::accept(&listener).await;
    script.expect(MessageType::OPEN).await;
    script.send(&update(1, 23)).await;
    assert_eq!(script.expect_notification().await, Notification::fsm_error(1));

    let (_handle, log, mut script) = established(90).await;
    script.send_open(&open(90)).await;
    assert_eq!(script.expect_notification().await, Notification::fsm_error(3));
    assert_eq!(log.down().await.name(), "NotificationSent");
}

#[tokio::test]
async fn the_handler_can_reset_the_session() {
    let (_handle, log, mut script) = established(90).await;
    let verdict = Notification::new(3, 1);
    log.with(|seen| seen.verdict = Some(verdict.clone()));
    script.send(&[update(1, 23), update(2, 23)].concat()).await;
    assert_eq!(script.expect_notification().await, verdict);
    assert_eq!(log.down().await, DownReason::Sent(verdict));
}

#[tokio::test]
async fn route_refresh_reaches_the_handler_when_it_was_negotiated() {
    let (_handle, log, mut script) = established(90).await;
    let request = RouteRefresh::new(Family::IPV4_UNICAST, RouteRefresh::REQUEST);
    let other_family = RouteRefresh::new(Family::IPV6_UNICAST, RouteRefresh::REQUEST);
    let enhanced = RouteRefresh::new(Family::IPV4_UNICAST, RouteRefresh::BEGIN);
    let mut wire = Vec::new();
    for refresh in [&other_family, &enhanced, &request] {
        refresh.encode(&mut wire);
    }
    script.send(&wire).await;
    log.until(|seen| (!seen.refreshes.is_empty()).then_some(())).await;
    log.with(|seen| assert_eq!(seen.refreshes, [request]));
}

#[tokio::test]
async fn refusal_is_recorded_and_tried_again() {
    let (first, addr) = listener().await;
    drop(first);
    let (handle, log) = start(config(addr));
    let snapshot = snapshot_until(&handle, |s| s.last_error.is_some()).await;
    let text = snapshot.last_error.unwrap().text;
    assert!(text.contains(&addr.to_string()) && text.contains("refused"), "{text}");
    assert_eq!(snapshot.state, StateName::Active);
    let listener = TcpListener::bind(addr).await.unwrap();
    let mut again = Script::accept(&listener).await;
    again.handshake(&open(90)).await;
    log.up(1).await;
}

#[tokio::test]
async fn the_setup_hook_sees_every_socket_and_can_refuse() {
    let (listener, addr) = listener().await;
    let calls = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&calls);
    let mut cfg = config(addr);
    cfg.ttl = Some(7);
    cfg.local = Some((Ipv4Addr::new(127, 0, 0, 3), 0).into());
    cfg.setup = SocketSetup::new(move |socket, direction| {
        let connected = socket.peer_addr().is_ok();
        seen.lock().unwrap().push((direction, connected, socket.ttl_v4()?));
        Ok(())
    });
    let (handle, _log) = start(cfg.clone());
    let script = Script::accept(&listener).await;
    assert_eq!(script.stream.peer_addr().unwrap().ip(), Ipv4Addr::new(127, 0, 0, 3));
    let mut incoming = Script::connect(&handle).await;
    incoming.expect(MessageType::OPEN).await;
    assert_eq!(
        *calls.lock().unwrap(),
        [(Direction::Outgoing, false, 7), (Direction::Incoming, true, 7)]
    );

    cfg.setup = SocketSetup::new(|_, _| Err(std::io::Error::other("no key")));
    let (handle, _log) = start(cfg);
    let snapshot = snapshot_until(&handle, |s| s.last_error.is_some()).await;
    assert!(snapshot.last_error.unwrap().text.contains("no key"));
}

#[tokio::test]
async fn rfc8654_long_messages_are_taken_by_whoever_offered_them() {
    for offered in [false, true] {
        let (listener, addr) = listener().await;
        let mut cfg = config(addr);
        cfg.peer.extended_message = offered;
        let (_handle, log) = start(cfg);
        let mut script = Script::accept(&listener).await;
        // What the peer offers says what it takes, not what it sends (section 4).
        let mut theirs = open(90);
        theirs.capabilities.extend((!offered).then_some(Capability::ExtendedMessage));
        script.handshake(&theirs).await;
        log.up(1).await;
        let long = update(1, 65535);
        if offered {
            script.send(&long).await;
            log.until(|seen| (seen.bursts.concat() == long).then_some(())).await;
        } else {
            script.send(&long[..4000]).await;
            let refusal = Notification::with_data(1, 2, vec![0xff, 0xff]);
            assert_eq!(script.expect_notification().await, refusal);
        }
    }
}

#[tokio::test]
async fn works_over_ipv6() {
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let mut cfg = config(addr);
    cfg.ttl = Some(255);
    cfg.local = Some((Ipv6Addr::LOCALHOST, 0).into());
    let (handle, log) = start(cfg);
    let mut script = Script::accept(&listener).await;
    script.handshake(&open(90)).await;
    log.up(1).await;
    assert_eq!(handle.snapshot().remote, addr);
}
