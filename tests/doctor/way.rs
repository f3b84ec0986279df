//! What happens on the way to the neighbour.

use std::sync::Arc;

use testkit::daemon::Neighbor;
use testkit::netns::{End, NetNs};
use testkit::privilege::in_namespaces;

use crate::lab::{Lab, OURS, ip, neighbor};

#[test]
fn nobody_listens() {
    in_namespaces(|| {
        let mut lab = Lab::new();
        lab.start(neighbor());
        lab.expect("default/n0", "connection-refused", &["192.0.2.2:179", "start BGP"]);
    });
}

#[test]
fn nobody_answers() {
    in_namespaces(|| {
        let mut lab = Lab::new();
        // The neighbour's kernel throws its answers away: to us that is silence.
        lab.peer_ns.ip(&format!("route add blackhole {OURS}/32")).unwrap();
        lab.start(neighbor());
        lab.expect("default/n0", "connection-timed-out", &["192.0.2.2:179", "filter on the way"]);
    });
}

#[test]
fn nobody_is_at_the_address() {
    in_namespaces(|| {
        let mut lab = Lab::new();
        lab.start(Neighbor::new(ip(OURS), ip("192.0.2.77"), 65002));
        lab.expect("default/n0", "neighbor-silent", &["192.0.2.77", "eth0", "VLAN"]);
    });
}

#[test]
fn no_route_and_a_route_that_forbids() {
    in_namespaces(|| {
        let mut lab = Lab::new();
        lab.start(Neighbor::new(ip(OURS), ip("198.51.100.9"), 65002));
        lab.expect("default/n0", "no-route", &["198.51.100.9", "add a route"]);
        lab.our_ns.ip("route add blackhole 203.0.113.0/24").unwrap();
        lab.add_peer("hole", &["address: 203.0.113.5", "peerASN: 65009"]);
        lab.expect("default/hole", "no-route", &["203.0.113.5", "forbids sending"]);
    });
}

#[test]
fn an_external_neighbour_behind_a_router_needs_multihop() {
    in_namespaces(|| {
        let mut lab = Lab::new();
        let far = Arc::new(NetNs::new("far").unwrap());
        let (near, end) =
            (End::new("eth1", &["198.51.100.1/24"]), End::new("eth0", &["198.51.100.2/24"]));
        lab.peer_ns.link(&near, &far, &end).unwrap();
        lab.peer_ns.run(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")).unwrap();
        far.ip("route add default via 198.51.100.1").unwrap();
        lab.our_ns.ip("route add 198.51.100.0/24 via 192.0.2.2").unwrap();
        lab.start(Neighbor::new(ip(OURS), ip("198.51.100.2"), 65002));
        lab.expect("default/n0", "multihop-needed", &["198.51.100.2", "spec.ebgpMultihop"]);
    });
}
