//! Our daemon at both ends: every kind of session, and what is installed.

use testkit::daemon::Speaker as _;
use testkit::privilege::in_namespaces;

use crate::lab::{
    cosmos, host, link_locals, peer, shown, wait_legs, wait_ping, wait_reason, wait_up, wire,
};

/// Two hosts on one wire with these lines for each end; up, installed and reached both ways.
fn life(asn: u32, ours: &[&str], theirs: &[&str]) {
    let (a, b) = (host("a", 1), host("b", 2));
    wire(&a, &b, "eth0");
    let line = |extra: &[&str]| {
        let lines = [&["interface: eth0"], extra].concat();
        vec![peer("link", &lines)]
    };
    let at_a = cosmos(&a, 1, 65001, line(ours));
    let at_b = cosmos(&b, 2, asn, line(theirs));
    let seen = wait_up(&at_a, "link");
    wait_up(&at_b, "link");
    let there = link_locals(&b, "eth0")[0];
    assert_eq!(seen["address"], there.to_string(), "shown once it is found");
    assert_eq!(seen["interface"], "eth0");
    assert_eq!(seen["remoteAs"], asn);
    wait_legs(&a, 2, &[(there, "eth0")]);
    wait_ping(&a, 1, 2);
    let text = at_a.command("show peers").unwrap();
    assert!(text.contains(&format!("{there}%eth0")), "{text}");
}

#[test]
fn external_by_relation() {
    in_namespaces(|| life(65002, &["remoteAS: external"], &["remoteAS: external"]));
}

#[test]
fn internal_by_relation() {
    in_namespaces(|| life(65001, &["remoteAS: internal"], &["remoteAS: internal"]));
}

#[test]
fn by_number_we_dial() {
    in_namespaces(|| life(65002, &["peerASN: 65002"], &["peerASN: 65001", "passive: true"]));
}

#[test]
fn by_number_we_are_dialled() {
    in_namespaces(|| life(65002, &["peerASN: 65002", "passive: true"], &["peerASN: 65001"]));
}

#[test]
fn with_a_password() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: key, namespace: default}\n\
                  stringData: {password: \"between us\"}\n";
    in_namespaces(|| {
        let (a, b) = (host("a", 1), host("b", 2));
        wire(&a, &b, "eth0");
        let lines = ["interface: eth0", "remoteAS: external", "authSecretRef: {name: key}"];
        let peers = || vec![peer("link", &lines), secret.to_owned()];
        let at_a = cosmos(&a, 1, 65001, peers());
        let at_b = cosmos(&b, 2, 65002, peers());
        wait_up(&at_a, "link");
        wait_up(&at_b, "link");
        wait_ping(&a, 1, 2);
    });
}

#[test]
fn another_as_than_expected_is_refused_with_both_numbers() {
    in_namespaces(|| {
        let (a, b) = (host("a", 1), host("b", 2));
        wire(&a, &b, "eth0");
        let at_a = cosmos(&a, 1, 65001, vec![peer("link", &["interface: eth0", "peerASN: 65003"])]);
        let _at_b =
            cosmos(&b, 2, 65002, vec![peer("link", &["interface: eth0", "remoteAS: external"])]);
        wait_reason(&at_a, "link", "Bad Peer AS");
    });
}

#[test]
fn two_links_share_the_load() {
    in_namespaces(|| {
        let (a, b) = (host("a", 1), host("b", 2));
        wire(&a, &b, "eth0");
        wire(&a, &b, "eth1");
        let peers = || -> Vec<String> {
            ["eth0", "eth1"]
                .iter()
                .map(|i| peer(i, &[&format!("interface: {i}"), "remoteAS: external"]))
                .collect()
        };
        let at_a = cosmos(&a, 1, 65001, peers());
        let at_b = cosmos(&b, 2, 65002, peers());
        for name in ["eth0", "eth1"] {
            wait_up(&at_a, name);
            wait_up(&at_b, name);
        }
        let there = |i: &str| link_locals(&b, i)[0];
        wait_legs(&a, 2, &[(there("eth0"), "eth0"), (there("eth1"), "eth1")]);
        wait_ping(&a, 1, 2);
        // One of them fails: the other carries all.
        b.ip("link set eth0 down").unwrap();
        wait_legs(&a, 2, &[(there("eth1"), "eth1")]);
        wait_reason(&at_a, "eth0", "link eth0 is down");
        wait_ping(&a, 1, 2);
        b.ip("link set eth0 up").unwrap();
        wait_up(&at_a, "eth0");
        wait_legs(&a, 2, &[(there("eth0"), "eth0"), (there("eth1"), "eth1")]);
    });
}

#[test]
fn two_neighbours_on_a_link_are_refused_until_one_is_gone() {
    in_namespaces(|| {
        let (a, b, c, switch) = (host("a", 1), host("b", 2), host("c", 3), host("switch", 9));
        switch.bridge("br0").unwrap();
        for (port, ns) in [("p1", &a), ("p2", &b), ("p3", &c)] {
            switch.attach("br0", port, ns, &testkit::netns::End::new("eth0", &[])).unwrap();
        }
        let lines = ["interface: eth0", "remoteAS: external", "holdTime: 3s", "keepaliveTime: 1s"];
        let peers = || vec![peer("link", &lines)];
        let at_b = cosmos(&b, 2, 65002, peers());
        let at_c = cosmos(&c, 3, 65003, peers());
        // They have each other.
        wait_up(&at_b, "link");
        wait_up(&at_c, "link");
        let at_a = cosmos(&a, 1, 65001, peers());
        let seen = wait_reason(&at_a, "link", "two neighbours on eth0");
        for ns in [&b, &c] {
            let said = seen["problem"].as_str().unwrap();
            assert!(said.contains(&link_locals(ns, "eth0")[0].to_string()), "{said}");
        }
        // A session that is up is proof enough of who the neighbour is.
        assert_eq!(shown(&at_b, "link").unwrap()["state"], "Established");
        switch.ip("link delete p3").unwrap();
        let seen = wait_up(&at_a, "link");
        assert_eq!(seen["remoteAs"], 65002);
        wait_ping(&a, 1, 2);
    });
}
