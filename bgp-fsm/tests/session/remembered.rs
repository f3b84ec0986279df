//! What a session remembers for people: refused OPENs, transport failures, changes of state.

use bgp_fsm::StateName;
use bgp_fsm::session::{HISTORY, Phase, Transition, TransportFault};
use bgp_wire::{Asn, MessageType, Notification, Open};

use crate::script::{Script, config, established, listener, open, snapshot_until, start};

#[tokio::test]
async fn a_refused_open_is_kept_with_what_it_said() {
    let (listener, addr) = listener().await;
    let (handle, _log) = start(config(addr));
    let mut script = Script::accept(&listener).await;
    script.expect(MessageType::OPEN).await;
    let stranger = Open::new(Asn(64999), 90, open(90).router_id, []);
    script.send_open(&stranger).await;
    assert_eq!(script.expect_notification().await, Notification::bad_peer_as());
    let snapshot = snapshot_until(&handle, |s| s.refused_open.is_some()).await;
    let refused = snapshot.refused_open.unwrap();
    assert_eq!(refused.notification, Notification::bad_peer_as());
    assert_eq!(refused.open.unwrap().open.asn, Asn(64999));
    assert_eq!(snapshot.received_open.unwrap().open.asn, Asn(64999));
    assert!(snapshot.offered.is_some());
    let is_end = |t: &&Transition| (t.from, t.to) == (StateName::OpenSent, StateName::Idle);
    let last = snapshot.history.iter().find(is_end).unwrap();
    assert!(last.reason.as_deref().unwrap().contains("Bad Peer AS"), "{last:?}");
    assert!(snapshot.deadlines.idle_hold.is_some(), "the rest after a fault is shown");
}

#[tokio::test]
async fn a_refused_connection_is_named() {
    let (listener, addr) = listener().await;
    drop(listener);
    let (handle, _log) = start(config(addr));
    let snapshot = snapshot_until(&handle, |s| s.attempts.failed > 0).await;
    let record = snapshot.last_transport.unwrap();
    assert_eq!((record.fault, record.phase), (TransportFault::Refused, Phase::Connecting));
    assert!(snapshot.attempts.dialed >= snapshot.attempts.failed);
}

#[tokio::test]
async fn the_end_of_a_connection_says_how_far_it_had_got() {
    let (listener, addr) = listener().await;
    let (handle, _log) = start(config(addr));
    drop(Script::accept(&listener).await);
    let snapshot = snapshot_until(&handle, |s| s.last_transport.is_some()).await;
    assert_eq!(snapshot.last_transport.unwrap().phase, Phase::BeforeOpen);

    let (handle, _log, script) = established(90).await;
    let up = snapshot_until(&handle, |s| s.state == StateName::Established).await;
    assert!(up.heard_at.is_some() && up.said_at.is_some() && up.deadlines.hold.is_some());
    assert_eq!(up.dropped_count, 0);
    drop(script);
    let snapshot = snapshot_until(&handle, |s| s.dropped_count == 1).await;
    assert_eq!(snapshot.last_transport.unwrap().phase, Phase::Established);
    assert_eq!(snapshot.last_down.unwrap().reason.name(), "TransportFailed");
    assert!(snapshot.history.len() <= HISTORY);
    assert!(snapshot.history.iter().any(|t| t.to == StateName::Established));
}
