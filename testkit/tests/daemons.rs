//! The drivers, proven on each other: no code of ours speaks BGP here.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use testkit::daemon::{Config, Kind, Neighbor, Notification, Speaker};
use testkit::netns::{End, NetNs};
use testkit::privilege::in_namespaces;
use testkit::route::{Announcement, Route, router_id};
use testkit::skip::skip;
use testkit::wait;

/// Two daemons on one link, speaking over IPv4 (`v6` false) or IPv6.
struct Pair {
    left: Box<dyn Speaker>,
    right: Box<dyn Speaker>,
    left_address: IpAddr,
    right_address: IpAddr,
}

fn announcement(asn: u16, v6: bool, n: u8) -> Announcement {
    let prefix = if v6 { format!("2001:db8:{n}::/48") } else { format!("10.{n}.0.0/16") };
    Announcement {
        as_path: vec![64999, 64998],
        med: Some(u32::from(n)),
        local_pref: Some(200),
        communities: vec![(asn, 1), (asn, u16::from(n))],
        large_communities: vec![(u32::from(asn), 1, 2)],
        ..Announcement::new(&prefix)
    }
}

fn pair(left: Kind, right: Kind, left_as: u16, right_as: u16, v6: bool) -> Pair {
    let (a, b) = (Arc::new(NetNs::new("left").unwrap()), Arc::new(NetNs::new("right").unwrap()));
    a.link(
        &End::new("eth0", &["192.0.2.1/24", "2001:db8::1/64"]),
        &b,
        &End::new("eth0", &["192.0.2.2/24", "2001:db8::2/64"]),
    )
    .unwrap();
    let [left_address, right_address]: [IpAddr; 2] = if v6 {
        ["2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap()]
    } else {
        ["192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap()]
    };
    let config = |asn: u16, id, local, remote, remote_as: u16, n| Config {
        asn: u32::from(asn),
        router_id: router_id(id),
        neighbors: vec![Neighbor::new(local, remote, u32::from(remote_as))],
        announcements: vec![announcement(asn, v6, n)],
        extra: vec![],
    };
    Pair {
        left: left.start(&a, config(left_as, 1, left_address, right_address, right_as, 1)).unwrap(),
        right: right
            .start(&b, config(right_as, 2, right_address, left_address, left_as, 2))
            .unwrap(),
        left_address,
        right_address,
    }
}

fn expected(
    announcements: &[Announcement],
    asn: u16,
    next_hop: IpAddr,
    ebgp: bool,
) -> BTreeSet<Route> {
    announcements.iter().map(|a| a.seen_by_neighbor(u32::from(asn), next_hop, ebgp)).collect()
}

fn exchange(left: Kind, right: Kind, left_as: u16, right_as: u16, v6: bool) {
    let ebgp = left_as != right_as;
    let mut p = pair(left, right, left_as, right_as, v6);
    p.left.wait_established(p.right_address).unwrap();
    p.right.wait_established(p.left_address).unwrap();
    let right_sees = |left: &[Announcement]| expected(left, left_as, p.left_address, ebgp);
    let one = p.left.config().announcements.clone();
    p.right.wait_routes(p.left_address, &right_sees(&one)).unwrap();
    let theirs = p.right.config().announcements.clone();
    p.left
        .wait_routes(p.right_address, &expected(&theirs, right_as, p.right_address, ebgp))
        .unwrap();

    let more = announcement(left_as, v6, 3);
    p.left.announce(more.clone()).unwrap();
    let two = [one[0].clone(), more.clone()];
    p.right.wait_routes(p.left_address, &right_sees(&two)).unwrap();
    p.left.withdraw(more.prefix).unwrap();
    p.right.wait_routes(p.left_address, &right_sees(&one)).unwrap();

    p.left.kill();
    wait::eventually("the session ends", || {
        anyhow::ensure!(p.right.check_established(p.left_address).is_err(), "still up");
        Ok(())
    })
    .unwrap();
    p.left.start().unwrap();
    p.right.wait_routes(p.left_address, &right_sees(&one)).unwrap();
}

fn with(kinds: &[Kind], test: &str, body: impl FnOnce()) {
    match kinds.iter().find_map(|kind| kind.installed().err()) {
        Some(missing) => skip(test, &missing),
        None => body(),
    }
}

#[test]
fn frr_and_bird_exchange_routes_over_ebgp_ipv4() {
    in_namespaces(|| {
        with(&[Kind::Frr, Kind::Bird], "frr_and_bird", || {
            exchange(Kind::Frr, Kind::Bird, 65001, 65002, false);
        });
    });
}

#[test]
fn bird_and_gobgp_exchange_routes_over_ibgp_ipv6() {
    in_namespaces(|| {
        with(&[Kind::Bird, Kind::Gobgp], "bird_and_gobgp", || {
            exchange(Kind::Bird, Kind::Gobgp, 65001, 65001, true);
        });
    });
}

#[test]
fn gobgp_and_frr_exchange_routes_over_ebgp_ipv6() {
    in_namespaces(|| {
        with(&[Kind::Gobgp, Kind::Frr], "gobgp_and_frr", || {
            exchange(Kind::Gobgp, Kind::Frr, 65001, 65002, true);
        });
    });
}

/// Which NOTIFICATION each daemon reports, told by one that sends a known one: GoBGP when its
/// neighbour is disabled by hand (Cease/Administrative Shutdown).
#[test]
fn a_received_cease_is_reported_by_each() {
    in_namespaces(|| {
        with(&Kind::ALL, "a_received_cease", || {
            for kind in Kind::ALL {
                let net = Arc::new(NetNs::new("sender").unwrap());
                let other = Arc::new(NetNs::new("receiver").unwrap());
                let ends =
                    (End::new("eth0", &["192.0.2.1/24"]), End::new("eth0", &["192.0.2.2/24"]));
                net.link(&ends.0, &other, &ends.1).unwrap();
                let addresses: (IpAddr, IpAddr) =
                    ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
                let config = |asn, local, remote, remote_as, id| Config {
                    asn,
                    router_id: router_id(id),
                    neighbors: vec![Neighbor::new(local, remote, remote_as)],
                    announcements: vec![],
                    extra: vec![],
                };
                let sender = Kind::Gobgp
                    .start(&net, config(65001, addresses.0, addresses.1, 65002, 1))
                    .unwrap();
                let receiver =
                    kind.start(&other, config(65002, addresses.1, addresses.0, 65001, 2)).unwrap();
                sender.wait_established(addresses.1).unwrap();
                receiver.wait_established(addresses.0).unwrap();
                assert!(receiver.last_notification(addresses.0).is_err(), "{kind:?}");
                net.exec("gobgp", &["neighbor", "192.0.2.2", "disable"]).unwrap();
                let seen =
                    wait::eventually("NOTIFICATION", || receiver.last_notification(addresses.0))
                        .unwrap_or_else(|e| panic!("{kind:?}: {e:#}\n{}", receiver.log()));
                assert_eq!(seen, Notification { code: 6, subcode: 2 }, "{kind:?}");
            }
        });
    });
}

#[test]
fn a_prefix_keeps_its_host_bits_out_of_the_expectation() {
    let route = Announcement::new("10.1.2.3/16").seen_by_neighbor(1, [192, 0, 2, 1].into(), true);
    assert_eq!(route.prefix, "10.1.0.0/16".parse::<IpNet>().unwrap());
}
