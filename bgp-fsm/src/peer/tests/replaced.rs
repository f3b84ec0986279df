//! Ends and restarts: who may take an Established connection's place, what is said at the end.

use super::*;

fn graceful_open(notification: bool) -> Open {
    let family = bgp_wire::Family::IPV4_UNICAST;
    let families = vec![bgp_wire::GracefulFamily { family, forwarding: true }];
    let restart = bgp_wire::Capability::GracefulRestart {
        restarting: false,
        notification,
        restart_time: 120,
        families,
    };
    Open::new(Asn(65002), 90, Ipv4Addr::new(10, 0, 0, 9), [restart])
}

fn graceful(notification: bool) -> Bench {
    let restart = crate::GracefulRestart { restart_time: 120, long_lived: None };
    let mut bench = Bench::new(|cfg| cfg.graceful_restart = Some(restart));
    bench.event(Event::Connected);
    bench.message(ConnId::Outgoing, Message::Open(&graceful_open(notification)));
    bench.message(ConnId::Outgoing, Message::Keepalive);
    assert_eq!(bench.peer.state(), StateName::Established);
    bench
}

#[test]
fn rfc4724_4_2_a_new_connection_of_an_established_peer_replaces_the_old_one() {
    let mut bench = graceful(false);
    // At once it is one that was opened at the same time as ours.
    assert_eq!(bench.event(Event::Accepted), ["refuse 6/7"]);
    bench.wait(6 * SECOND);
    let did = ["out close", "down TransportFailed", "adopt", "in OPEN"];
    assert_eq!(bench.event(Event::Accepted), did);
    bench.message(ConnId::Incoming, Message::Open(&graceful_open(false)));
    assert_eq!(bench.message(ConnId::Incoming, Message::Keepalive), ["in up"]);
    // Without graceful restart the session that is there stays.
    let mut bench = Bench::new(|_| {});
    bench.up(90);
    bench.wait(6 * SECOND);
    assert_eq!(bench.event(Event::Accepted), ["refuse 6/7"]);
}

#[test]
fn rfc2385_a_peer_not_heard_under_the_new_key_may_connect_anew() {
    let mut bench = Bench::new(|_| {});
    bench.up(90);
    // Nobody but the peer has the key, so this connection is the peer's.
    assert!(bench.event(Event::KeysChanged).is_empty());
    let did = ["out close", "down TransportFailed", "adopt", "in OPEN"];
    assert_eq!(bench.event(Event::Accepted), did);
    bench.message(ConnId::Incoming, Message::Open(&peer_open(90)));
    assert_eq!(bench.message(ConnId::Incoming, Message::Keepalive), ["in up"]);
    // The mark is not inherited.
    assert_eq!(bench.event(Event::Accepted), ["refuse 6/7"]);
    // Once heard it keeps its session: collisions are what they were.
    bench.event(Event::KeysChanged);
    bench.peer.heard(bench.now);
    assert_eq!(bench.event(Event::Accepted), ["refuse 6/7"]);
}

#[test]
fn rfc4724_4_and_8538_3_ends_that_keep_routes_and_ends_that_do_not() {
    let leave = || StopReason::Restarting(None);
    assert_eq!(graceful(false).event(Event::Stop(leave())), ["out close", "down Restarting"]);
    let soft = ["out 6/4", "out close", "down Restarting"];
    assert_eq!(graceful(true).event(Event::Stop(leave())), soft);
    let hard = ["out 6/9", "out close", "down AdministrativeShutdown"];
    let shutdown = || StopReason::AdministrativeShutdown(None);
    assert_eq!(graceful(true).event(Event::Stop(shutdown())), hard);
    let plain = ["out 6/2", "out close", "down AdministrativeShutdown"];
    assert_eq!(graceful(false).event(Event::Stop(shutdown())), plain);
}

#[test]
fn rfc4724_4_1_the_next_open_says_what_is_true_then() {
    let restart = crate::GracefulRestart { restart_time: 120, long_lived: None };
    let mut bench = Bench::new(|cfg| cfg.graceful_restart = Some(restart));
    let state = crate::RestartState { restarting: true, ..Default::default() };
    assert!(bench.event(Event::RestartState(state)).is_empty());
    assert_eq!(bench.peer.config().restart_state, state);
}
