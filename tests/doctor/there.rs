//! What the neighbour refuses or does: FRR, BIRD and GoBGP.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::daemon::frr::Frr;
use testkit::daemon::{Config, Kind, Speaker};
use testkit::privilege::in_namespaces;
use testkit::route::{Family, router_id};
use testkit::skip::skip;

use crate::lab::{Lab, PEER, ip, neighbor, their_config};

/// Runs a scenario with each daemon that is installed.
fn with_each(name: &str, mut scenario: impl FnMut(Kind)) {
    for kind in Kind::ALL {
        match kind.installed() {
            Ok(()) => scenario(kind),
            Err(reason) => skip(name, &reason),
        }
    }
}

#[test]
fn another_as_than_configured_is_shown_with_both_numbers() {
    in_namespaces(|| {
        with_each("doctor: wrong AS", |kind| {
            let mut lab = Lab::new();
            let mut theirs = their_config();
            theirs.asn = 64999;
            let _peer = kind.start(&lab.peer_ns, theirs).unwrap();
            lab.start(neighbor());
            let words = ["64999", "65002", "spec.peerASN: 64999"];
            lab.expect("default/n0", "wrong-as", &words);
        });
    });
}

#[test]
fn a_neighbour_that_expects_another_as_is_named() {
    in_namespaces(|| {
        with_each("doctor: neighbour expects another AS", |kind| {
            let mut lab = Lab::new();
            let mut theirs = their_config();
            theirs.neighbors[0].remote_as = 65077;
            let _peer = kind.start(&lab.peer_ns, theirs).unwrap();
            lab.start(neighbor());
            lab.expect("default/n0", "neighbor-expects-another-as", &["65001", "remote AS"]);
        });
    });
}

#[test]
fn a_neighbour_that_does_not_know_us_is_named() {
    in_namespaces(|| {
        // With a neighbour, or they do not listen at all.
        with_each("doctor: not configured there", |kind| {
            let mut lab = Lab::new();
            let mut theirs = Config::new(65002, router_id(2));
            let stranger = testkit::daemon::Neighbor::new(ip(PEER), ip("192.0.2.99"), 65099);
            theirs.neighbors.push(stranger);
            let _peer = kind.start(&lab.peer_ns, theirs).unwrap();
            lab.start(neighbor());
            lab.expect("default/n0", "closed-before-open", &["our address 192.0.2.1"]);
        });
    });
}

#[test]
fn no_family_in_common_is_named() {
    in_namespaces(|| {
        with_each("doctor: families", |kind| {
            let mut lab = Lab::new();
            let mut theirs = their_config();
            theirs.neighbors[0].families = vec![Family::Ipv6];
            let _peer = kind.start(&lab.peer_ns, theirs).unwrap();
            lab.start(neighbor());
            lab.expect("default/n0", "capability-mismatch", &[]);
        });
    });
}

#[test]
fn keys_that_differ_or_are_missing_are_suspected() {
    in_namespaces(|| {
        with_each("doctor: TCP MD5", |kind| {
            let mut lab = Lab::new();
            let mut theirs = their_config();
            theirs.neighbors[0].password = Some("theirs".into());
            let _peer = kind.start(&lab.peer_ns, theirs).unwrap();
            let mut ours = neighbor();
            ours.password = Some("ours".into());
            lab.start(ours);
            lab.expect(
                "default/n0",
                "key-mismatch-suspected",
                &["another key", "spec.authSecretRef"],
            );
            // Without a key here what the neighbour signs is dropped, and it drops what we do not sign.
            let took = lab.ours().reconfigure(|config| config.neighbors[0].password = None);
            took.unwrap();
            lab.expect("default/n0", "key-mismatch-suspected", &["no key is configured"]);
        });
    });
}

#[test]
fn a_frozen_neighbour_lets_the_hold_time_expire() {
    in_namespaces(|| {
        if let Err(reason) = Kind::Frr.installed() {
            return skip("doctor: hold time", &reason);
        }
        let mut lab = Lab::new();
        let mut frr = Frr::new(&lab.peer_ns, their_config()).unwrap();
        frr.start().unwrap();
        let mut ours = neighbor();
        ours.extra.push("holdTime: 3s".into());
        lab.start(ours);
        lab.ours().wait_established(ip(PEER)).unwrap();
        let id = Pid::from_raw(i32::try_from(frr.process_id().unwrap()).unwrap());
        kill(id, Signal::SIGSTOP).unwrap();
        let page = lab.expect("default/n0", "hold-expired-here", &["silent", "3 s"]);
        kill(id, Signal::SIGCONT).unwrap();
        assert!(page.contains("not stuck"), "{page}");
    });
}

#[test]
fn the_operators_words_reach_the_other_side() {
    in_namespaces(|| {
        if let Err(reason) = Kind::Frr.installed() {
            return skip("doctor: shutdown there", &reason);
        }
        let mut lab = Lab::new();
        let peer = Kind::Frr.start(&lab.peer_ns, their_config()).unwrap();
        lab.start(neighbor());
        lab.ours().wait_established(ip(PEER)).unwrap();
        peer.command(
            "configure terminal\nrouter bgp 65002\nneighbor 192.0.2.1 shutdown message new cable tonight",
        )
        .unwrap();
        lab.expect("default/n0", "shut-down-there", &["new cable tonight", "operator"]);
    });
}
