//! What is missing on our own node.

use std::net::TcpListener;

use testkit::daemon::{Kind, Neighbor, Speaker};
use testkit::privilege::in_namespaces;
use testkit::skip::skip;

use crate::lab::{Lab, OURS, PEER, ip, neighbor, their_config};

#[test]
fn an_interface_that_is_missing_or_down_is_named() {
    in_namespaces(|| {
        let mut lab = Lab::new();
        lab.start(neighbor());
        lab.add_peer("missing", &["address: 192.0.2.8", "updateSource: eth9", "peerASN: 65009"]);
        lab.expect("default/missing", "interface-missing", &["eth9", "eth0", "create or rename"]);
        lab.our_ns.ip("link add eth7 type veth peer name eth8").unwrap();
        lab.add_peer("down", &["address: 192.0.2.9", "updateSource: eth7", "peerASN: 65010"]);
        lab.expect("default/down", "interface-down", &["eth7", "ip link set eth7 up"]);
    });
}

#[test]
fn an_update_source_that_is_elsewhere_is_named() {
    in_namespaces(|| {
        let mut lab = Lab::new();
        lab.start(Neighbor::new(ip("192.0.2.55"), ip(PEER), 65002));
        lab.expect("default/n0", "update-source-not-here", &["192.0.2.55", "spec.updateSource"]);
    });
}

#[test]
fn a_port_that_is_taken_is_named() {
    in_namespaces(|| {
        let mut lab = Lab::new();
        let squatter = lab.our_ns.run(|| TcpListener::bind("0.0.0.0:179")).unwrap();
        lab.start(neighbor());
        lab.expect("", "not-listening", &["0.0.0.0:179", "ss -ltnp"]);
        drop(squatter);
    });
}

#[test]
fn an_object_without_its_secret_is_named() {
    in_namespaces(|| {
        let mut lab = Lab::new();
        lab.start(neighbor());
        let spec = ["address: 192.0.2.9", "peerASN: 65009", "authSecretRef: {name: nowhere}"];
        lab.add_peer("keyed", &spec);
        lab.expect("", "secret-missing", &["keyed", "nowhere"]);
    });
}

#[test]
fn what_we_shut_down_ourselves_is_no_fault() {
    in_namespaces(|| {
        let mut lab = Lab::new();
        let mut neighbor = neighbor();
        neighbor.extra.push("shutdown: {reason: rack moves tonight}".into());
        lab.start(neighbor);
        lab.expect("default/n0", "shut-down-here", &["rack moves tonight"]);
    });
}

#[test]
fn when_all_is_well_the_exit_code_is_0_and_the_page_shows_the_session() {
    in_namespaces(|| {
        if let Err(reason) = Kind::Bird.installed() {
            return skip("doctor: all is well", &reason);
        }
        let mut lab = Lab::new();
        let peer = Kind::Bird.start(&lab.peer_ns, their_config()).unwrap();
        lab.start(neighbor());
        lab.ours().wait_established(ip(PEER)).unwrap();
        peer.wait_established(ip(OURS)).unwrap();
        let (diagnoses, code) = lab.doctor().unwrap();
        assert_eq!(code, 0, "{diagnoses:?}");
        assert!(lab.page(&["doctor"]).contains("1 of 1 neighbour Established; all is well"));
        let page = lab.page(&["show", "peer", PEER]);
        for part in ["Established for", "hold time", "both", "four-octet-as", "Messages", "History"]
        {
            assert!(page.contains(part), "{part:?} is not in\n{page}");
        }
        let one = lab.run(&["show", "peer", "n0", "-o", "json"]);
        let one: serde_json::Value = serde_json::from_slice(&one.stdout).unwrap();
        assert_eq!(one[0]["openReceived"]["asn"], 65002, "{one}");
        assert_eq!(one[0]["history"].as_array().unwrap().last().unwrap()["to"], "Established");
        assert!(one[0]["tcp"]["segmentSize"].as_u64().unwrap() > 0, "{one}");
    });
}
