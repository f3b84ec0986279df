//! Two connections at once (RFC 4271 section 6.8).

use std::net::Ipv4Addr;

use bgp_fsm::ConnId;
use bgp_wire::notification::cease;
use bgp_wire::{KEEPALIVE, MessageType, Notification};

use crate::script::{
    Script, config, established, listener, open, open_from, snapshot_until, start,
};

/// Brings both connections to the OPEN and sends the script's on `first`, then on the other.
async fn collide(script_id: Ipv4Addr, first: ConnId) -> ConnId {
    let (listener, addr) = listener().await;
    let (handle, log) = start(config(addr));
    let mut outgoing = Script::accept(&listener).await;
    outgoing.expect(MessageType::OPEN).await;
    let mut incoming = Script::connect(&handle).await;
    incoming.expect(MessageType::OPEN).await;

    let open = open_from(script_id, 90);
    let (one, two) = match first {
        ConnId::Outgoing => (&mut outgoing, &mut incoming),
        ConnId::Incoming => (&mut incoming, &mut outgoing),
    };
    one.send_open(&open).await;
    one.expect(MessageType::KEEPALIVE).await;
    two.send_open(&open).await;

    let winner =
        if script_id > crate::script::OUR_ID { ConnId::Incoming } else { ConnId::Outgoing };
    let (winning, losing) = match winner {
        ConnId::Outgoing => (&mut outgoing, &mut incoming),
        ConnId::Incoming => (&mut incoming, &mut outgoing),
    };
    assert_eq!(losing.expect_notification().await, Notification::cease(cease::COLLISION));
    if winner != first {
        winning.expect(MessageType::KEEPALIVE).await;
    }
    winning.send(&KEEPALIVE).await;
    log.up(1).await;
    let snapshot = snapshot_until(&handle, |s| s.established_at.is_some()).await;
    assert_eq!(snapshot.connection, Some(winner));
    log.with(|seen| assert!(seen.downs.is_empty()));
    winner
}

#[tokio::test]
async fn higher_remote_identifier_keeps_the_incoming_connection_in_both_orders() {
    let higher = Ipv4Addr::new(10, 0, 0, 9);
    assert_eq!(collide(higher, ConnId::Outgoing).await, ConnId::Incoming);
    assert_eq!(collide(higher, ConnId::Incoming).await, ConnId::Incoming);
}

#[tokio::test]
async fn higher_local_identifier_keeps_the_outgoing_connection_in_both_orders() {
    let lower = Ipv4Addr::new(10, 0, 0, 1);
    assert_eq!(collide(lower, ConnId::Outgoing).await, ConnId::Outgoing);
    assert_eq!(collide(lower, ConnId::Incoming).await, ConnId::Outgoing);
}

#[tokio::test]
async fn established_wins() {
    let (handle, log, mut script) = established(90).await;
    let mut late = Script::connect(&handle).await;
    assert_eq!(late.expect_notification().await, Notification::cease(cease::COLLISION));
    // The session goes on.
    script.send(&crate::script::update(1, 23)).await;
    log.until(|seen| (!seen.bursts.is_empty()).then_some(())).await;
    log.with(|seen| assert!(seen.downs.is_empty()));
}

#[tokio::test]
async fn a_passive_session_takes_what_comes_and_never_dials() {
    let (listener, addr) = listener().await;
    let mut cfg = config(addr);
    cfg.peer.passive = true;
    let (handle, log) = start(cfg);
    let mut stale = Script::connect(&handle).await;
    stale.expect(MessageType::OPEN).await;
    // A second connection of the peer replaces one that is not Established.
    let mut script = Script::connect(&handle).await;
    assert_eq!(stale.expect_notification().await, Notification::cease(cease::COLLISION));
    script.handshake(&open(90)).await;
    log.up(1).await;
    assert_eq!(handle.snapshot().connection, Some(ConnId::Incoming));
    assert!(futures_never(listener.accept()).await, "a passive session must not connect");
}

/// Whether `future` is not ready now.
async fn futures_never<T>(future: impl Future<Output = T>) -> bool {
    tokio::select! {
        biased;
        _ = future => false,
        () = tokio::task::yield_now() => true,
    }
}
