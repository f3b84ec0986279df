//! What happens to links while our daemon runs at both ends.

use std::os::unix::fs::PermissionsExt as _;

use testkit::cosmos::{Cosmos, Fib};
use testkit::daemon::Speaker as _;
use testkit::netns::NetNs;
use testkit::privilege::in_namespaces;
use testkit::skip::{Reason, skip};

use crate::lab::{
    config, cosmos, host, link_locals, peer, wait_again, wait_legs, wait_ping, wait_reason,
    wait_up, wire,
};

/// Two hosts on `eth0`, peering by interface.
struct Pair {
    a: std::sync::Arc<NetNs>,
    b: std::sync::Arc<NetNs>,
    at_a: Cosmos,
    at_b: Cosmos,
}

impl Pair {
    fn new() -> Self {
        let (a, b) = (host("a", 1), host("b", 2));
        wire(&a, &b, "eth0");
        let peers = || vec![peer("link", &["interface: eth0", "remoteAS: external"])];
        let at_a = cosmos(&a, 1, 65001, peers());
        let at_b = cosmos(&b, 2, 65002, peers());
        let pair = Self { a, b, at_a, at_b };
        wait_up(&pair.at_a, "link");
        wait_up(&pair.at_b, "link");
        wait_ping(&pair.a, 1, 2);
        pair
    }

    /// Up again at both ends, with the neighbour's present address.
    fn wait_back(&self, before: &serde_json::Value) {
        let seen = wait_again(&self.at_a, "link", before);
        wait_up(&self.at_b, "link");
        let there = link_locals(&self.b, "eth0")[0];
        assert_eq!(seen["address"], there.to_string());
        wait_legs(&self.a, 2, &[(there, "eth0")]);
        wait_ping(&self.a, 1, 2);
    }
}

#[test]
fn a_link_that_flaps() {
    in_namespaces(|| {
        let pair = Pair::new();
        for ns in [&pair.a, &pair.b] {
            let before = wait_up(&pair.at_a, "link");
            ns.ip("link set eth0 down").unwrap();
            wait_reason(&pair.at_a, "link", "link eth0 is down");
            wait_reason(&pair.at_b, "link", "link eth0 is down");
            ns.ip("link set eth0 up").unwrap();
            pair.wait_back(&before);
        }
    });
}

#[test]
fn an_interface_that_is_removed_and_made_again() {
    in_namespaces(|| {
        let pair = Pair::new();
        let before = wait_up(&pair.at_a, "link");
        pair.a.ip("link delete eth0").unwrap();
        wait_reason(&pair.at_a, "link", "there is no interface eth0");
        wait_reason(&pair.at_b, "link", "there is no interface eth0");
        // So that the new one gets another index.
        pair.a.ip("link add other type veth peer name another").unwrap();
        wire(&pair.a, &pair.b, "eth0");
        pair.wait_back(&before);
    });
}

#[test]
fn an_interface_that_is_renamed_away_and_back() {
    in_namespaces(|| {
        let pair = Pair::new();
        let before = wait_up(&pair.at_a, "link");
        let rename = |from: &str, to: &str| {
            pair.a.ip(&format!("link set {from} down")).unwrap();
            pair.a.ip(&format!("link set {from} name {to}")).unwrap();
            pair.a.ip(&format!("link set {to} up")).unwrap();
        };
        rename("eth0", "away");
        wait_reason(&pair.at_a, "link", "there is no interface eth0");
        rename("away", "eth0");
        pair.wait_back(&before);
    });
}

/// Seen from `a` the neighbour's address changes, seen from `b` our own.
#[test]
fn an_end_that_changes_its_link_local_address() {
    in_namespaces(|| {
        let pair = Pair::new();
        let before = wait_up(&pair.at_a, "link");
        let old = link_locals(&pair.b, "eth0")[0];
        pair.b.ip("address add fe80::b/64 dev eth0 nodad").unwrap();
        pair.b.ip(&format!("address delete {old}/64 dev eth0")).unwrap();
        pair.wait_back(&before);
        assert_eq!(wait_up(&pair.at_a, "link")["address"], "fe80::b");
    });
}

#[test]
fn a_numbered_link_local_neighbour_whose_interface_comes_later() {
    in_namespaces(|| {
        let (a, b) = (host("a", 1), host("b", 2));
        let peers = |address: &str| {
            let address = format!("address: {address}");
            vec![peer("link", &[&address, "updateSource: eth0", "remoteAS: external"])]
        };
        let at_a = cosmos(&a, 1, 65001, peers("fe80::b"));
        let at_b = cosmos(&b, 2, 65002, peers("fe80::a"));
        wait_reason(&at_a, "link", "there is no interface eth0");
        let up = |first: bool| {
            wire(&a, &b, "eth0");
            for (ns, address) in [(&a, "fe80::a"), (&b, "fe80::b")] {
                let kernels = link_locals(ns, "eth0")[0];
                ns.ip(&format!("address add {address}/64 dev eth0 nodad")).unwrap();
                ns.ip(&format!("address delete {kernels}/64 dev eth0")).unwrap();
            }
            let seen = wait_up(&at_a, "link");
            wait_up(&at_b, "link");
            wait_legs(&a, 2, &[("fe80::b".parse().unwrap(), "eth0")]);
            wait_ping(&a, 1, 2);
            assert_eq!(seen["address"], "fe80::b", "first: {first}");
        };
        up(true);
        a.ip("link delete eth0").unwrap();
        wait_reason(&at_a, "link", "there is no interface eth0");
        up(false);
    });
}

#[test]
fn without_the_right_to_a_raw_socket_the_neighbour_says_so() {
    let setpriv = "/usr/bin/setpriv";
    if !std::path::Path::new(setpriv).exists() {
        return skip("CAP_NET_RAW missing", &Reason::Program("util-linux (setpriv)"));
    }
    in_namespaces(|| {
        let (a, b) = (host("a", 1), host("b", 2));
        wire(&a, &b, "eth0");
        let folder = tempfile::tempdir().unwrap();
        let wrapper = folder.path().join("cosmos");
        let binary = env!("CARGO_BIN_EXE_cosmos");
        let script = format!("#!/bin/sh\nexec {setpriv} --bounding-set -net_raw {binary} \"$@\"\n");
        std::fs::write(&wrapper, script).unwrap();
        std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut config = config(1, 65001);
        config.extra = vec![peer("link", &["interface: eth0", "remoteAS: external"])];
        let mut at_a = Cosmos::new(&wrapper, &a, config, Fib::Kernel).unwrap();
        at_a.start().unwrap();
        wait_reason(&at_a, "link", "CAP_NET_RAW");
    });
}
