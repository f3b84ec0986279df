//! One behaviour of the exporter a test.

use bgp_wire::{Community, Family, V4Prefix};

use super::{World, attrs, key, marking, plain, v4, v6, with_policy};
use crate::{
    PeerKind, RowId,
    export::{ExportScope, GroupKey, NotSent, SessionKind},
    policy::{Chain, Policy},
};

const EBGP: PeerKind = PeerKind::Ebgp;

#[test]
fn members_share_the_very_same_bytes() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let (a, b) = (world.peer(EBGP), world.peer(EBGP));
    world.join(a, key(SessionKind::Ebgp));
    world.join(b, key(SessionKind::Ebgp));
    world.announce(source, v4(1), &plain(&[65001]));
    world.pump();
    let of = |peer| world.sink.frames.iter().filter(move |(to, _)| *to == peer).map(|(_, f)| f);
    assert!(of(a).count() > 0);
    for (one, other) in of(a).zip(of(b)) {
        assert_eq!(one.as_ptr(), other.as_ptr());
    }
    assert_eq!(world.exports.groups().count(), 1);
}

#[test]
fn routes_with_equal_attributes_travel_in_one_message() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let to = world.peer(EBGP);
    for n in 0..100 {
        world.announce(source, v4(n), &plain(&[65001]));
    }
    world.join(to, key(SessionKind::Ebgp));
    let World { rib, exports, sink, .. } = &mut world;
    exports.pump(rib, sink, 1000);
    assert_eq!(world.held(to).routes.len(), 100);
    let bytes: usize = world.sink.frames.iter().map(|(_, frame)| frame.len()).sum();
    assert!(bytes < 100 * 3 + 150, "{bytes} octets");
}

#[test]
fn a_late_joiner_is_sent_everything_and_disturbs_nobody() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let early = world.peer(EBGP);
    world.join(early, key(SessionKind::Ebgp));
    for n in 0..5 {
        world.announce(source, v4(n), &plain(&[65001]));
        world.announce(source, v6(n), &plain(&[65001]));
    }
    world.pump();
    world.sink.frames.clear();
    let late = world.peer(EBGP);
    world.join(late, key(SessionKind::Ebgp));
    world.pump();
    assert!(world.sink.frames.iter().all(|(to, _)| *to == late));
    assert_eq!(world.held(late).routes, world.held(early).routes);
    let ends = world.held(late).end_of_rib;
    assert_eq!(ends, [Family::IPV4_UNICAST, Family::IPV6_UNICAST]);
}

#[test]
fn joiners_of_one_moment_catch_up_together() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let early = world.peer(EBGP);
    world.join(early, key(SessionKind::Ebgp));
    for n in 0..9 {
        world.announce(source, v4(n), &plain(&[65001]));
    }
    world.pump();
    world.sink.frames.clear();
    let late: Vec<_> = (0..4).map(|_| world.peer(EBGP)).collect();
    for peer in &late {
        world.join(*peer, key(SessionKind::Ebgp));
    }
    world.pump();
    let distinct: std::collections::BTreeSet<_> =
        world.sink.frames.iter().map(|(_, frame)| frame.as_ptr()).collect();
    assert_eq!(world.sink.frames.len(), late.len() * distinct.len());
    assert!(late.iter().all(|peer| world.held(*peer).routes.len() == 9));
}

#[test]
fn end_of_rib_is_sent_without_any_route() {
    let mut world = World::new();
    let to = world.peer(EBGP);
    world.join(to, key(SessionKind::Ebgp));
    world.pump();
    assert_eq!(world.held(to).end_of_rib.len(), 2);
}

#[test]
fn a_route_is_not_sent_back_and_flips_with_its_source() {
    let mut world = World::new();
    let (a, b) = (world.peer(EBGP), world.peer(EBGP));
    world.join(a, key(SessionKind::Ebgp));
    world.join(b, key(SessionKind::Ebgp));
    world.announce(a, v4(1), &plain(&[65001, 65009]));
    world.pump();
    assert_eq!((world.held(a).routes.len(), world.held(b).routes.len()), (0, 1));
    world.announce(b, v4(1), &plain(&[65001]));
    world.pump();
    assert_eq!((world.held(a).routes.len(), world.held(b).routes.len()), (1, 0));
    assert_eq!(world.held(b).withdrawn, 1);
    world.withdraw(b, 0, v4(1));
    world.pump();
    assert_eq!((world.held(a).routes.len(), world.held(b).routes.len()), (0, 1));
}

#[test]
fn what_was_never_sent_is_never_withdrawn() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let to = world.peer(EBGP);
    world.join(to, key(SessionKind::Ebgp));
    world.pump();
    world.sink.frames.clear();
    world.announce(
        source,
        v4(1),
        &attrs(&[65001], |b| {
            b.set_communities(&[Community::NO_EXPORT]);
        }),
    );
    world.pump();
    world.withdraw(source, 0, v4(1));
    world.announce(source, v4(2), &plain(&[65001]));
    world.withdraw(source, 0, v4(2));
    world.pump();
    assert!(world.sink.frames.is_empty());
}

#[test]
fn a_slow_member_holds_nobody_up_and_is_sent_each_prefix_once() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let (slow, quick) = (world.peer(EBGP), world.peer(EBGP));
    world.join(slow, key(SessionKind::Ebgp));
    world.join(quick, key(SessionKind::Ebgp));
    for n in 0..3 {
        world.announce(source, v4(n), &plain(&[65001]));
    }
    world.pump();
    world.sink.slow.push(slow);
    for flap in 0..50 {
        world.announce(source, v4(0), &plain(&[65001, 65100 + flap % 2]));
        world.withdraw(source, 0, v4(1));
        world.pump();
        world.announce(source, v4(1), &plain(&[65001, 65100 + flap % 2]));
        world.pump();
    }
    world.withdraw(source, 0, v4(2));
    world.pump();
    assert_eq!(world.held(quick).routes.len(), 2);
    assert_eq!(world.held(slow).routes.len(), 3, "nothing was sent to it meanwhile");
    let summary = world.exports.groups().next().unwrap();
    assert_eq!((summary.in_sync, summary.catching_up), (vec![quick], vec![(slow, 3)]));
    let member = super::MemberId(slow);
    assert_eq!(world.exports.advertised_count(member, Family::IPV4_UNICAST), 3);
    let before = world.held(slow);
    world.sink.slow.clear();
    world.pump();
    let after = world.held(slow);
    assert_eq!(after.routes, world.held(quick).routes);
    assert_eq!(after.announced - before.announced, 2);
    assert_eq!(after.withdrawn - before.withdrawn, 1);
    assert_eq!(after.end_of_rib.len(), 2, "once");
    assert_eq!(world.exports.groups().next().unwrap().in_sync.len(), 2);
}

#[test]
fn the_pump_does_not_spin_on_a_slow_member() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let to = world.peer(EBGP);
    world.join(to, key(SessionKind::Ebgp));
    world.sink.slow.push(to);
    world.announce(source, v4(1), &plain(&[65001]));
    world.pump();
    assert!(world.sink.frames.is_empty());
    let World { rib, exports, sink, .. } = &mut world;
    assert!(!exports.pump(rib, sink, 100));
}

#[test]
fn a_refresh_concerns_one_member_and_one_family() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let (a, b) = (world.peer(EBGP), world.peer(EBGP));
    let member = world.join(a, key(SessionKind::Ebgp));
    world.join(b, key(SessionKind::Ebgp));
    for n in 0..4 {
        world.announce(source, v4(n), &plain(&[65001]));
        world.announce(source, v6(n), &plain(&[65001]));
    }
    world.announce(a, v4(9), &plain(&[65001]));
    world.pump();
    let before = world.held(a);
    world.sink.frames.clear();
    world.exports.refresh(member, Family::IPV4_UNICAST);
    world.pump();
    assert!(world.sink.frames.iter().all(|(to, _)| *to == a));
    let after = world.held(a);
    assert_eq!(after.announced - before.announced, 4);
    assert_eq!((after.withdrawn, &after.routes), (0, &before.routes));
}

#[test]
fn rfc7313_4_a_refresh_is_bracketed_and_waits_for_the_end_of_rib() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    for n in 0..4 {
        world.announce(source, v4(n), &plain(&[65001]));
        world.announce(source, v6(n), &plain(&[65001]));
    }
    let (a, b) = (world.peer(EBGP), world.peer(EBGP));
    let member = world.join(a, key(SessionKind::Ebgp));
    world.join(b, key(SessionKind::Ebgp));
    // Asked before the first transfer is over; the receiving end checks the order.
    world.exports.refresh_enhanced(member, Family::IPV6_UNICAST);
    world.pump();
    assert_eq!((world.held(a).refreshed, world.held(a).routes.len()), (1, 8));
    assert_eq!(world.held(a).announced, 12);
    // A change in the middle, and asked again: one end for all that.
    world.exports.refresh_enhanced(member, Family::IPV4_UNICAST);
    let World { rib, exports, sink, .. } = &mut world;
    exports.pump(rib, sink, 2);
    world.withdraw(source, 0, v4(3));
    world.exports.refresh_enhanced(member, Family::IPV4_UNICAST);
    world.pump();
    let held = world.held(a);
    assert_eq!((held.refreshed, held.routes.len(), held.stale.len()), (2, 7, 0));
    // With nothing to send, the brackets alone.
    for n in 0..4 {
        world.withdraw(source, 0, v6(n));
    }
    world.pump();
    world.exports.refresh_enhanced(member, Family::IPV6_UNICAST);
    world.pump();
    assert_eq!((world.held(a).refreshed, world.held(a).routes.len()), (3, 3));
    assert_eq!(world.held(b).refreshed, 0, "nobody else is told");
}

#[test]
fn a_new_policy_sends_the_differences_only() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let to = world.peer(EBGP);
    // The policy marks 10.0/16 to 10.3/16 and prepends to all others.
    let only_marks = Chain::new([Policy {
        terms: marking().stages()[0].terms[..2].to_vec(),
        ..Policy::PERMIT_ALL
    }]);
    let member = world.join(to, key(SessionKind::Ebgp));
    for n in 0..8 {
        world.announce(source, v4(n), &plain(&[65001]));
    }
    world.pump();
    let before = world.held(to);
    let group = world.exports.group_of(member).unwrap();
    world.exports.set_policy(&mut world.rib, group, only_marks.into());
    world.pump();
    let after = world.held(to);
    assert_eq!(after.announced - before.announced, 4);
    assert_eq!(after.withdrawn, 0);
    world.exports.set_policy(&mut world.rib, group, Chain::new([Policy::DENY_ALL]).into());
    world.pump();
    assert_eq!((world.held(to).routes.len(), world.held(to).withdrawn), (0, 8));
}

#[test]
fn a_member_changes_its_group_without_a_flap() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let (a, b) = (world.peer(EBGP), world.peer(EBGP));
    let member = world.join(a, key(SessionKind::Ebgp));
    world.join(b, key(SessionKind::Ebgp));
    for n in 0..8 {
        world.announce(source, v4(n), &plain(&[65001]));
    }
    world.pump();
    let before = world.held(a);
    let other = with_policy(SessionKind::Ebgp, marking());
    world.exports.rekey(&mut world.rib, member, other);
    world.pump();
    let there = world.held(a);
    assert_eq!((there.announced - before.announced, there.withdrawn), (8, 0));
    assert_eq!(world.exports.groups().count(), 2);
    world.exports.rekey(&mut world.rib, member, key(SessionKind::Ebgp));
    world.pump();
    let back = world.held(a);
    assert_eq!((back.announced - there.announced, back.withdrawn), (8, 0));
    assert_eq!(back.routes, before.routes);
    assert_eq!(world.exports.groups().count(), 1);
}

#[test]
fn originated_only_sends_nothing_else() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let to = world.peer(EBGP);
    world.join(to, GroupKey { scope: ExportScope::OriginatedOnly, ..key(SessionKind::Ebgp) });
    world.announce(source, v4(1), &plain(&[65001]));
    world.announce(world.local, v4(2), &plain(&[]));
    world.pump();
    assert_eq!(world.held(to).routes.keys().copied().collect::<Vec<_>>(), [(v4(2).into(), 0)]);
    let verdict = world.exports.explain(&world.rib, v4(1), to).remove(0);
    assert_eq!(verdict.withheld, Some(NotSent::NotOriginated));
}

#[test]
fn an_origination_reaches_the_peers_it_is_meant_for() {
    let mut world = World::new();
    let (a, b) = (world.peer(EBGP), world.peer(EBGP));
    let set =
        |id: u32| GroupKey { originations: [id].into_iter().collect(), ..key(SessionKind::Ebgp) };
    world.join(a, set(1));
    world.join(b, set(2));
    let local = world.local;
    world.announce_as(
        local,
        1,
        v4(1),
        &attrs(&[], |b| {
            b.set_med(Some(1));
        }),
    );
    world.pump();
    assert_eq!((world.held(a).routes.len(), world.held(b).routes.len()), (1, 0));
    let verdict = world.exports.explain(&world.rib, v4(1), b).remove(0);
    assert_eq!(verdict.withheld, Some(NotSent::OtherPeersOnly));
    world.announce_as(
        local,
        2,
        v4(1),
        &attrs(&[], |b| {
            b.set_med(Some(2));
        }),
    );
    world.pump();
    let med = |peer| world.held(peer).routes[&(v4(1).into(), 0)].0[&4].clone();
    assert_eq!((med(a), med(b)), (vec![0, 0, 0, 1], vec![0, 0, 0, 2]));
    world.withdraw(local, 1, v4(1));
    world.pump();
    assert_eq!((world.held(a).routes.len(), world.held(b).routes.len()), (0, 1));
}

#[test]
fn what_no_longer_fits_into_a_message_is_withdrawn() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let to = world.peer(EBGP);
    world.join(to, key(SessionKind::Ebgp));
    let communities = |count: u16| {
        let all: Vec<_> = (0..count).map(|n| Community::new(1, n)).collect();
        attrs(&[65001], |b| {
            b.set_communities(&all);
        })
    };
    world.announce(source, v4(1), &communities(1000));
    world.pump();
    assert_eq!(world.held(to).routes.len(), 1);
    world.announce(source, v4(1), &communities(1100));
    world.pump();
    assert_eq!(world.held(to).routes.len(), 0);
    let verdict = world.exports.explain(&world.rib, v4(1), to).remove(0);
    assert_eq!(verdict.withheld, Some(NotSent::TooLarge));
}

#[test]
fn adj_rib_out_is_paged_by_row() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let to = world.peer(EBGP);
    let member = world.join(to, key(SessionKind::Ebgp));
    for n in 0..10 {
        world.announce(source, v4(n), &plain(&[65001]));
    }
    world.announce(to, v4(50), &plain(&[65001]));
    world.pump();
    let mut from = Some(RowId(0));
    let mut seen = Vec::new();
    while let Some(at) = from {
        let page = world.exports.adj_rib_out::<V4Prefix>(&world.rib, member, at, 4);
        assert!(page.routes.len() <= 4);
        seen.extend(page.routes.into_iter().map(|route| {
            assert!(!route.pending);
            route.prefix
        }));
        from = page.next;
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..10).map(v4).collect::<Vec<_>>());
    assert_eq!(world.exports.advertised_count(member, Family::IPV4_UNICAST), 10);
    assert_eq!(world.exports.advertised_count(member, Family::IPV6_UNICAST), 0);
}

#[test]
fn explain_names_the_policy_term() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let to = world.peer(EBGP);
    let why =
        |world: &World, number: u8| world.exports.explain(&world.rib, v4(number), to).remove(0);
    assert_eq!(why(&world, 1).withheld, Some(NotSent::NotEstablished));
    world.join(to, with_policy(SessionKind::Ebgp, marking()));
    assert_eq!(why(&world, 1).withheld, Some(NotSent::UnknownPrefix));
    world.announce(
        source,
        v4(1),
        &attrs(&[65001], |b| {
            b.set_communities(&[Community::new(65000, 666)]);
        }),
    );
    world.announce(source, v4(2), &plain(&[65001]));
    assert!(why(&world, 2).pending, "not looked at yet");
    world.pump();
    let denied = why(&world, 1);
    assert_eq!(denied.withheld, Some(NotSent::Policy));
    assert_eq!(denied.policy.unwrap().denied_by(), Some("drop"));
    let sent = why(&world, 2);
    assert!(sent.withheld.is_none() && sent.sent.is_some() && !sent.pending);
    assert_eq!(sent.policy.unwrap().stages[0].term.as_deref(), Some("mark"));
    world.announce(to, v4(3), &plain(&[65001]));
    assert_eq!(why(&world, 3).withheld, Some(NotSent::SplitHorizon));
    assert_eq!(NotSent::SplitHorizon.to_string(), "split-horizon");
}

#[test]
fn work_is_sliced() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let to = world.peer(EBGP);
    world.join(to, key(SessionKind::Ebgp));
    for n in 0..10 {
        world.announce(source, v4(n), &plain(&[65001]));
    }
    let World { rib, exports, sink, .. } = &mut world;
    assert!(exports.pump(rib, sink, 4));
    assert_eq!(world.held(to).routes.len(), 4);
    assert!(world.held(to).end_of_rib.is_empty());
    world.pump();
    assert_eq!(world.held(to).routes.len(), 10);
}

#[test]
fn a_member_does_not_change_to_a_group_that_has_not_seen_all_routes() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let (a, b, c) = (world.peer(EBGP), world.peer(EBGP), world.peer(EBGP));
    let member = world.join(a, key(SessionKind::Ebgp));
    world.join(b, key(SessionKind::Ebgp));
    for n in 0..8 {
        world.announce(source, v4(n), &plain(&[65001]));
    }
    world.pump();
    let other = with_policy(SessionKind::Ebgp, marking());
    world.join(c, other.clone());
    world.exports.rekey(&mut world.rib, member, other);
    world.pump();
    let held = world.held(a);
    assert_eq!((held.routes.len(), held.withdrawn, held.announced), (8, 0, 16));
    assert_eq!(held.routes, world.held(c).routes);
    assert_eq!(world.exports.group_of(member), world.exports.group_of(super::MemberId(c)));
}
