//! The decision process clause by clause, and what is explained of it.

#![allow(clippy::unwrap_used, reason = "test code outside of test functions")]

mod common;

use std::net::{IpAddr, Ipv6Addr};

use bgp_wire::V4Prefix;
use rib::{
    DecisionConfig, Explanation, PathFlags, PeerInfo, PeerIx, PeerKind, Reason, Resolution, Rib,
    Verdict,
};

use common::{Set, ebgp, next_hop, next_hop_key, peer_info, settle, v4};

const IBGP: PeerKind = PeerKind::Ibgp { client: false };

/// Announce prefix 0 with `set` through next hop `hop` at metric 0.
fn announce(rib: &mut Rib, peer: PeerIx, set: &Set, hop: u8) {
    let attr = rib.attrs.intern(&set.canonical());
    let next_hop = next_hop(rib, hop, 0);
    rib.announce(peer, 0, v4(0), attr, next_hop, PathFlags::NONE);
    rib.attrs.release(attr);
}

fn best(rib: &Rib) -> Option<PeerIx> {
    rib.best::<V4Prefix>(rib.row(v4(0))?).map(|path| path.peer)
}

fn ecmp(rib: &Rib) -> Vec<PeerIx> {
    let row = rib.row(v4(0)).unwrap();
    let mut peers: Vec<_> = rib.ecmp::<V4Prefix>(row).map(|path| path.peer).collect();
    peers.sort_unstable();
    peers
}

fn explain(rib: &Rib) -> Explanation<V4Prefix> {
    rib.explain(v4(0)).unwrap()
}

/// Two eBGP peers announce `winner` and `loser`; the first must lose against it for `reason`, in
/// either order of arrival.
#[track_caller]
fn decides(winner: &Set, loser: &Set, reason: Reason) {
    for first in [0, 1] {
        let mut rib = Rib::default();
        // The loser has the lower address and router id, so nothing later can help the winner.
        let peers = [ebgp(&mut rib, 2), ebgp(&mut rib, 1)];
        let sets = [winner, loser];
        for at in [first, 1 - first] {
            announce(&mut rib, peers[at], sets[at], 1);
        }
        assert_eq!(best(&rib), Some(peers[0]));
        let explained = explain(&rib);
        assert_eq!(explained.decided_by, Some(reason));
        assert_eq!(explained.candidates[0].verdict, Verdict::Best);
        assert_eq!(explained.candidates[1].verdict, Verdict::Lost(reason));
        assert_eq!(explained.candidates[1].path.peer, peers[1]);
    }
}

/// The same for two given peers with equal attributes and next hops of their own.
#[track_caller]
fn decides_peers(winner: PeerInfo, loser: PeerInfo, metrics: [u32; 2], reason: Reason) {
    for first in [0, 1] {
        let mut rib = Rib::default();
        let peers = [&winner, &loser].map(|info| rib.add_peer(info.clone()).unwrap());
        let attr = rib.attrs.intern(&Set::path(&[1]).canonical());
        for at in [first, 1 - first] {
            let next_hop = next_hop(&mut rib, at as u8 + 1, metrics[at]);
            rib.announce(peers[at], 0, v4(0), attr, next_hop, PathFlags::NONE);
        }
        assert_eq!(best(&rib), Some(peers[0]));
        assert_eq!(explain(&rib).decided_by, Some(reason));
    }
}

#[test]
fn higher_local_pref_wins_and_a_missing_one_counts_as_default() {
    let path = Set::path(&[1, 2, 3]);
    let pref = |n| Set { local_pref: Some(n), ..path.clone() };
    decides(&pref(101), &path, Reason::LocalPref);
    decides(&path, &pref(99), Reason::LocalPref);
    decides(&pref(u32::MAX), &Set::path(&[1]), Reason::LocalPref);
    decides(&pref(1), &pref(0), Reason::LocalPref);
}

#[test]
fn shorter_as_path_wins_and_an_as_set_counts_one() {
    decides(&Set::path(&[1, 2]), &Set::path(&[1, 2, 3]), Reason::AsPathLen);
    let set = Set { as_path: vec![(false, vec![1]), (true, vec![5, 6, 7])], ..Set::default() };
    decides(&set, &Set::path(&[1, 2, 3]), Reason::AsPathLen);
}

#[test]
fn lower_origin_wins() {
    let origin = |origin| Set { origin, ..Set::path(&[1]) };
    decides(&origin(0), &origin(1), Reason::Origin);
    decides(&origin(1), &origin(2), Reason::Origin);
}

#[test]
fn lower_med_wins_within_one_neighbour_as_and_a_missing_one_is_zero() {
    let med = |med| Set { med, ..Set::path(&[1, 9]) };
    decides(&med(Some(5)), &med(Some(6)), Reason::Med);
    decides(&med(None), &med(Some(1)), Reason::Med);
}

#[test]
fn med_of_different_neighbour_ases_is_compared_only_if_configured() {
    let high = Set { med: Some(10), ..Set::path(&[1]) };
    let low = Set { med: Some(5), ..Set::path(&[2]) };
    for always_compare_med in [false, true] {
        let config = DecisionConfig { always_compare_med, ..DecisionConfig::default() };
        let mut rib = Rib::new(config);
        let (one, two) = (ebgp(&mut rib, 1), ebgp(&mut rib, 2));
        announce(&mut rib, one, &high, 1);
        announce(&mut rib, two, &low, 1);
        assert_eq!(best(&rib), Some(if always_compare_med { two } else { one }));
        let reason = if always_compare_med { Reason::Med } else { Reason::RouterId };
        assert_eq!(explain(&rib).decided_by, Some(reason));
    }
}

/// A removed by B (MED), B beaten by C: withdrawing B, which was not the best, makes A the best.
#[test]
fn a_path_which_is_not_best_can_hide_another_by_med() {
    let mut rib = Rib::default();
    let peers = [1, 2, 3].map(|n| ebgp(&mut rib, n));
    let hops = [(1, 0), (2, 30), (3, 20)].map(|(n, metric)| next_hop(&mut rib, n, metric));
    let sets = [
        Set { med: Some(10), ..Set::path(&[1]) },
        Set { med: Some(0), ..Set::path(&[1]) },
        Set::path(&[2]),
    ];
    for ((peer, hop), set) in peers.into_iter().zip(hops).zip(&sets) {
        let attr = rib.attrs.intern(&set.canonical());
        rib.announce(peer, 0, v4(0), attr, hop, PathFlags::NONE);
    }
    assert_eq!(best(&rib), Some(peers[2]));
    let by_peer = |rib: &Rib, peer| {
        let explained = explain(rib);
        explained.candidates.iter().find(|c| c.path.peer == peer).unwrap().verdict
    };
    assert_eq!(by_peer(&rib, peers[0]), Verdict::Lost(Reason::Med));
    assert_eq!(by_peer(&rib, peers[1]), Verdict::Lost(Reason::IgpMetric));
    assert!(rib.withdraw(peers[1], 0, v4(0)).best());
    assert_eq!(best(&rib), Some(peers[0]));
}

/// The best path hides the near one of its own AS by MED: that one, not the far one, follows it.
#[test]
fn explained_paths_are_in_the_order_in_which_they_would_follow() {
    let mut rib = Rib::default();
    let peers = [1, 2, 3].map(|n| ebgp(&mut rib, n));
    let hops = [(1, 1), (2, 2), (3, 5)].map(|(n, metric)| next_hop(&mut rib, n, metric));
    let sets = [Set::path(&[1]), Set { med: Some(10), ..Set::path(&[1]) }, Set::path(&[2])];
    for ((peer, hop), set) in peers.into_iter().zip(hops).zip(&sets) {
        let attr = rib.attrs.intern(&set.canonical());
        rib.announce(peer, 0, v4(0), attr, hop, PathFlags::NONE);
    }
    let explained = explain(&rib);
    let order: Vec<_> = explained.candidates.iter().map(|c| (c.path.peer, c.verdict)).collect();
    let expected = [
        (peers[0], Verdict::Best),
        (peers[1], Verdict::Lost(Reason::Med)),
        (peers[2], Verdict::Lost(Reason::IgpMetric)),
    ];
    assert_eq!(order, expected);
    assert_eq!(explained.decided_by, Some(Reason::Med));
    rib.withdraw(peers[0], 0, v4(0));
    assert_eq!(best(&rib), Some(peers[1]));
}

/// The pairwise comparison of old routers depends on what came first; ours by default does not.
#[test]
fn without_deterministic_med_the_order_of_arrival_decides() {
    let sets = [
        Set { med: Some(10), ..Set::path(&[1]) },
        Set::path(&[2]),
        Set { med: Some(0), ..Set::path(&[1]) },
    ];
    let outcome = |deterministic_med, order: [usize; 3]| {
        let mut rib = Rib::new(DecisionConfig { deterministic_med, ..DecisionConfig::default() });
        // Router ids: the first of AS 1 beats AS 2, which beats the second of AS 1.
        let peers = [1, 2, 3].map(|n| ebgp(&mut rib, n));
        for at in order {
            announce(&mut rib, peers[at], &sets[at], 1);
        }
        peers.iter().position(|peer| Some(*peer) == best(&rib)).unwrap()
    };
    assert_eq!(outcome(true, [0, 1, 2]), outcome(true, [2, 1, 0]));
    assert_eq!(outcome(true, [0, 1, 2]), 1);
    assert_ne!(outcome(false, [0, 1, 2]), outcome(false, [1, 2, 0]));
}

#[test]
fn ebgp_wins_over_ibgp() {
    decides_peers(
        peer_info(9, 9, PeerKind::Ebgp),
        peer_info(1, 1, IBGP),
        [50, 0],
        Reason::EbgpOverIbgp,
    );
}

#[test]
fn nearer_next_hop_wins() {
    let metrics = [10, 11];
    decides_peers(peer_info(9, 9, IBGP), peer_info(1, 1, IBGP), metrics, Reason::IgpMetric);
}

#[test]
fn lower_router_id_then_lower_address_then_interface() {
    let kind = PeerKind::Ebgp;
    decides_peers(peer_info(9, 1, kind), peer_info(1, 2, kind), [0; 2], Reason::RouterId);
    decides_peers(peer_info(1, 1, kind), peer_info(2, 1, kind), [0; 2], Reason::PeerAddress);
    let link_local = |ifindex| PeerInfo {
        addr: IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1)),
        ifindex,
        ..peer_info(1, 1, kind)
    };
    decides_peers(link_local(2), link_local(3), [0; 2], Reason::PeerAddress);
}

#[test]
fn originator_id_stands_for_the_router_id_and_cluster_list_length_follows() {
    for first in [0, 1] {
        let mut rib = Rib::default();
        let peers = [(9, 9), (1, 1)].map(|(n, id)| rib.add_peer(peer_info(n, id, IBGP)).unwrap());
        let originated = |originator, clusters| Set {
            originator: Some(originator),
            clusters,
            ..Set::path(&[1])
        };
        let sets = [originated(3, 2), originated(4, 1)];
        for at in [first, 1 - first] {
            announce(&mut rib, peers[at], &sets[at], 1);
        }
        assert_eq!(best(&rib), Some(peers[0]));
        assert_eq!(explain(&rib).decided_by, Some(Reason::RouterId));
        announce(&mut rib, peers[0], &originated(3, 1), 1);
        announce(&mut rib, peers[1], &originated(3, 2), 1);
        assert_eq!(best(&rib), Some(peers[0]));
        assert_eq!(explain(&rib).decided_by, Some(Reason::ClusterListLen));
    }
}

#[test]
fn two_paths_of_one_peer_are_told_apart_by_path_id() {
    let mut rib = Rib::default();
    let peer = ebgp(&mut rib, 1);
    let attr = rib.attrs.intern(&Set::path(&[1]).canonical());
    let hop = next_hop(&mut rib, 1, 0);
    for path_id in [7, 3, 5] {
        rib.announce(peer, path_id, v4(0), attr, hop, PathFlags::NONE);
    }
    let row = rib.row(v4(0)).unwrap();
    assert_eq!(rib.best::<V4Prefix>(row).unwrap().path_id, 3);
    let explained = explain(&rib);
    assert_eq!(explained.decided_by, Some(Reason::PathId));
    let order: Vec<_> = explained.candidates.iter().map(|c| c.path.path_id).collect();
    assert_eq!(order, [3, 5, 7]);
}

#[test]
fn a_local_route_wins_over_any_local_pref_and_needs_no_next_hop() {
    let mut rib = Rib::default();
    let remote = ebgp(&mut rib, 1);
    let local = rib.add_peer(peer_info(9, 9, PeerKind::Local)).unwrap();
    let strong = Set { local_pref: Some(u32::MAX), ..Set::default() };
    announce(&mut rib, remote, &strong, 1);
    let attr = rib.attrs.intern(&Set { origin: 2, ..Set::default() }.canonical());
    rib.announce(local, 0, v4(0), attr, rib::NextHopId::LOCAL, PathFlags::NONE);
    assert_eq!(best(&rib), Some(local));
    assert_eq!(explain(&rib).decided_by, Some(Reason::LocallyOriginated));
    assert_eq!(ecmp(&rib), [local]);
    rib.withdraw(local, 0, v4(0));
    assert_eq!(best(&rib), Some(remote));
}

#[test]
fn without_compare_router_id_the_best_path_there_is_stays() {
    for compare_router_id in [true, false] {
        let mut rib = Rib::new(DecisionConfig { compare_router_id, ..DecisionConfig::default() });
        let peers = [3, 2, 1].map(|n| ebgp(&mut rib, n));
        for peer in peers {
            announce(&mut rib, peer, &Set::path(&[1]), 1);
        }
        let (winner, reason) = if compare_router_id {
            (peers[2], Reason::RouterId)
        } else {
            (peers[0], Reason::Existing)
        };
        assert_eq!(best(&rib), Some(winner));
        assert_eq!(explain(&rib).decided_by, Some(reason));
        rib.withdraw(winner, 0, v4(0));
        let next = if compare_router_id { peers[1] } else { peers[2] };
        assert_eq!(best(&rib), Some(next));
    }
}

#[test]
fn what_makes_a_path_ineligible_is_said() {
    let mut rib = Rib::default();
    let attr = rib.attrs.intern(&Set::path(&[1]).canonical());
    let hop = next_hop(&mut rib, 1, 0);
    let unresolved = rib.next_hops.intern(next_hop_key(2));
    let cases = [
        (PathFlags::FILTERED, hop, Reason::Filtered),
        (PathFlags::AS_LOOP, hop, Reason::AsLoop),
        (PathFlags::REFLECTION_LOOP, hop, Reason::ReflectionLoop),
        (PathFlags::INVALID_NEXT_HOP, hop, Reason::InvalidNextHop),
        (PathFlags::ROUTE_LEAK, hop, Reason::RouteLeak),
        (PathFlags::AS_SET, hop, Reason::AsSet),
        (PathFlags::NONE, unresolved, Reason::Unresolved),
        // Flags of the decision are not the announcer's to set.
        (PathFlags::FILTERED.with(PathFlags::BEST), hop, Reason::Filtered),
    ];
    for (n, (flags, hop, reason)) in (1u8..).zip(cases) {
        let peer = ebgp(&mut rib, n);
        assert!(!rib.announce(peer, 0, v4(0), attr, hop, flags).best());
        let explained = explain(&rib);
        let mine = explained.candidates.iter().find(|c| c.path.peer == peer).unwrap();
        assert_eq!(mine.verdict, Verdict::Ineligible(reason));
        assert!(reason.is_ineligible());
        assert_eq!(best(&rib), None);
        assert_eq!(explained.decided_by, None);
    }
    let down = ebgp(&mut rib, 100);
    assert!(rib.announce(down, 0, v4(0), attr, hop, PathFlags::NONE).best());
    rib.peer_down(down);
    let last = explain(&rib).candidates.into_iter().find(|c| c.path.peer == down).unwrap();
    assert_eq!(last.verdict, Verdict::Ineligible(Reason::PeerDown));
    settle(&mut rib);
    assert_eq!(best(&rib), None);
    assert!(rib.announce(down, 0, v4(0), attr, hop, PathFlags::NONE).is_refused());
}

#[test]
fn multipath_takes_paths_equal_up_to_the_igp_metric() {
    let build = |config: DecisionConfig| {
        let mut rib = Rib::new(config);
        let peers = [1, 2, 3, 4].map(|n| ebgp(&mut rib, n));
        let inside = rib.add_peer(peer_info(5, 5, IBGP)).unwrap();
        for (peer, path) in peers.into_iter().zip([[1, 9], [1, 9], [2, 9], [1, 9]]) {
            announce(&mut rib, peer, &Set::path(&path), peer.0 as u8 + 1);
        }
        announce(&mut rib, inside, &Set::path(&[1, 9]), 9);
        let far = next_hop(&mut rib, 4, 0);
        rib.set_next_hop(far, Resolution::Resolved { metric: 7 });
        settle(&mut rib);
        (ecmp(&rib), peers)
    };
    // The third has another AS_PATH, the fourth a farther next hop, the fifth is iBGP.
    let (set, peers) = build(DecisionConfig::default());
    assert_eq!(set, peers[..2]);
    let relax = |maximum_paths| DecisionConfig {
        multipath_relax: true,
        maximum_paths,
        ..DecisionConfig::default()
    };
    // 0 means the best path only.
    for (most, members) in [(64, 3), (2, 2), (1, 1), (0, 1)] {
        let (set, peers) = build(relax(most));
        assert_eq!(set, peers[..members]);
    }
}

#[test]
fn multipath_of_ibgp_paths_counts_clusters_and_originators_as_tie_breakers_only() {
    let mut rib = Rib::default();
    let peers = [1, 2].map(|n| rib.add_peer(peer_info(n, n, IBGP)).unwrap());
    announce(&mut rib, peers[0], &Set { clusters: 3, ..Set::path(&[1]) }, 1);
    announce(&mut rib, peers[1], &Set { originator: Some(8), ..Set::path(&[1]) }, 2);
    assert_eq!(ecmp(&rib), peers);
}

#[test]
fn a_next_hop_lost_and_found_moves_the_best_path() {
    let mut rib = Rib::default();
    let (near, far) = (ebgp(&mut rib, 1), ebgp(&mut rib, 2));
    announce(&mut rib, near, &Set::path(&[1]), 1);
    announce(&mut rib, far, &Set::path(&[1, 2]), 2);
    let hop = next_hop(&mut rib, 1, 0);
    rib.set_next_hop(hop, Resolution::Unresolved);
    assert_eq!(best(&rib), Some(near), "decided when the sweep meets the row");
    settle(&mut rib);
    assert_eq!(best(&rib), Some(far));
    rib.set_next_hop(hop, Resolution::Resolved { metric: 3 });
    settle(&mut rib);
    assert_eq!(best(&rib), Some(near));
}

#[test]
fn a_worse_path_takes_over_at_once_from_one_which_is_no_longer_eligible() {
    let mut rib = Rib::default();
    let (gone, there) = (ebgp(&mut rib, 1), ebgp(&mut rib, 2));
    announce(&mut rib, gone, &Set::path(&[1]), 1);
    rib.peer_down(gone);
    announce(&mut rib, there, &Set::path(&[1, 2]), 2);
    assert_eq!(best(&rib), Some(there), "without waiting for the sweep");
}

#[test]
fn another_default_local_pref_decides_all_rows_again() {
    let mut rib = Rib::default();
    let (one, two) = (ebgp(&mut rib, 1), ebgp(&mut rib, 2));
    announce(&mut rib, one, &Set { local_pref: Some(150), ..Set::path(&[1]) }, 1);
    announce(&mut rib, two, &Set::path(&[1]), 1);
    assert_eq!(best(&rib), Some(one));
    rib.set_config(DecisionConfig { default_local_pref: 200, ..rib.config().clone() });
    settle(&mut rib);
    assert_eq!(best(&rib), Some(two));
}

#[test]
fn reason_names_are_stable() {
    let names = [
        (Reason::LocalPref, "local-pref"),
        (Reason::AsPathLen, "as-path-len"),
        (Reason::Origin, "origin"),
        (Reason::Med, "med"),
        (Reason::EbgpOverIbgp, "ebgp-over-ibgp"),
        (Reason::IgpMetric, "igp-metric"),
        (Reason::RouterId, "router-id"),
        (Reason::ClusterListLen, "cluster-list-len"),
        (Reason::PeerAddress, "peer-address"),
        (Reason::Unresolved, "unresolved"),
        (Reason::Filtered, "filtered"),
        (Reason::AsLoop, "as-loop"),
    ];
    for (reason, name) in names {
        assert_eq!(reason.to_string(), name);
    }
}

/// RFC 7432 section 15: where a station is now, is said by the highest sequence number.
#[test]
fn a_station_is_where_it_moved_to_last() {
    let mut rib = Rib::default();
    let (a, b) = (ebgp(&mut rib, 1), ebgp(&mut rib, 2));
    let at = next_hop(&mut rib, 9, 0);
    let key = "mac-ip rd 65001:1 tag 0 mac 02:00:00:00:00:01";
    let key: rib::keys::EvpnRowKey = key.parse().unwrap();
    let announce = |rib: &mut Rib, peer, mobility, local_pref| {
        let set = Set { mobility, local_pref: Some(local_pref), ..Set::path(&[1]) };
        let attr = rib.attrs.intern(&set.canonical());
        rib.announce(peer, 0, key, attr, at, PathFlags::NONE);
        rib.attrs.release(attr);
        let explained = rib.explain(key).unwrap();
        (explained.candidates[0].path.peer, explained.decided_by)
    };
    announce(&mut rib, a, None, 200);
    let moved = announce(&mut rib, b, Some((false, 1)), 100);
    assert_eq!(moved, (b, Some(Reason::MacMobility)), "before LOCAL_PREF");
    assert_eq!(announce(&mut rib, a, Some((false, 2)), 50), (a, Some(Reason::MacMobility)));
    let sticky = announce(&mut rib, b, Some((true, 0)), 50);
    assert_eq!(sticky, (b, Some(Reason::MacMobility)), "sticky beats any number");
    // No community and sequence number 0 are the same.
    announce(&mut rib, a, Some((false, 0)), 100);
    assert_eq!(announce(&mut rib, b, None, 200), (b, Some(Reason::LocalPref)));
    // Only stations move.
    let multicast = "multicast rd 65001:1 tag 0 originator 192.0.2.1";
    let multicast: rib::keys::EvpnRowKey = multicast.parse().unwrap();
    for (peer, mobility) in [(a, None), (b, Some((true, 7)))] {
        let attr = rib.attrs.intern(&Set { mobility, ..Set::path(&[1]) }.canonical());
        rib.announce(peer, 0, multicast, attr, at, PathFlags::NONE);
    }
    let explained = rib.explain(multicast).unwrap();
    assert_eq!(
        (explained.candidates[0].path.peer, explained.decided_by),
        (a, Some(Reason::RouterId))
    );
}
