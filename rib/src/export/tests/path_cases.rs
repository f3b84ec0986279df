//! Several paths of a prefix (RFC 7911), one behaviour a test.

use std::{collections::BTreeMap, num::NonZeroU8};

use bgp_wire::{AsPath, V4Prefix};

use super::{World, attrs, key, marking, plain, v4, v6, with_policy};
use crate::{
    FAMILY_COUNT, PeerIx, PeerKind, RowId,
    export::{AddPathSend, ExportScope, GroupKey, MemberId, NotSent, SessionKind},
};

const EBGP: PeerKind = PeerKind::Ebgp;

fn all(session: SessionKind) -> GroupKey {
    several(key(session), AddPathSend::All)
}

fn several(key: GroupKey, send: AddPathSend) -> GroupKey {
    GroupKey { add_path: [send; FAMILY_COUNT], ..key }
}

fn best(most: u8) -> AddPathSend {
    AddPathSend::Best(NonZeroU8::new(most).unwrap())
}

/// AS paths by identifier of what a peer holds for a prefix.
fn held(world: &World, peer: PeerIx, prefix: V4Prefix) -> BTreeMap<u32, String> {
    let path = |values: &super::naive::Values| AsPath::new(&values[&2]).to_string();
    let routes = world.held(peer).routes.into_iter();
    let wanted = routes.filter(|((held, _), _)| *held == prefix.into());
    wanted.map(|((_, id), (values, _))| (id, path(&values))).collect()
}

#[test]
fn rfc7911_3_every_path_is_sent_under_an_identifier_of_its_own() {
    let mut world = World::new();
    let sources = [world.peer(EBGP), world.peer(EBGP), world.peer(EBGP)];
    let to = world.peer(EBGP);
    world.join(to, all(SessionKind::Ebgp));
    for (n, source) in (1..).zip(sources) {
        world.announce(source, v4(1), &plain(&[65001, n]));
        world.announce(source, v6(1), &plain(&[65001, n]));
    }
    world.pump();
    let paths = held(&world, to, v4(1));
    let mut seen: Vec<_> = paths.values().cloned().collect();
    seen.sort();
    assert_eq!(seen, ["65000 65001 1", "65000 65001 2", "65000 65001 3"]);
    assert_eq!(world.held(to).routes.len(), 6);
    assert_eq!(world.exports.advertised_count(MemberId(to), bgp_wire::Family::IPV4_UNICAST), 3);
    let page = world.exports.adj_rib_out::<V4Prefix>(&world.rib, MemberId(to), RowId(0), 10);
    let ids: Vec<_> = page.routes.iter().map(|route| route.path_id).collect();
    assert_eq!(ids, paths.keys().copied().map(Some).collect::<Vec<_>>());
}

#[test]
fn rfc7911_3_an_identifier_stays_while_other_paths_come_and_go() {
    let mut world = World::new();
    let sources = [world.peer(EBGP), world.peer(EBGP), world.peer(EBGP)];
    let to = world.peer(EBGP);
    world.join(to, all(SessionKind::Ebgp));
    world.announce(sources[1], v4(1), &plain(&[65001, 2]));
    world.pump();
    let first = held(&world, to, v4(1));
    // A better one, a worse one, several of one peer: nothing is said about the first.
    let before = world.held(to).announced;
    world.announce(sources[0], v4(1), &plain(&[65001]));
    world.announce(sources[2], v4(1), &plain(&[65001, 3, 3]));
    world.announce_as(sources[2], 7, v4(1), &plain(&[65001, 4]));
    world.announce_as(sources[2], u32::MAX, v4(1), &plain(&[65001, 5]));
    world.pump();
    let more = held(&world, to, v4(1));
    assert_eq!((more.len(), world.held(to).announced - before), (5, 4));
    assert!(first.iter().all(|route| more.get(route.0) == Some(route.1)));
    // Replaced in place.
    world.announce_as(sources[2], u32::MAX, v4(1), &plain(&[65001, 6]));
    world.pump();
    let replaced = held(&world, to, v4(1));
    assert_eq!(replaced.keys().collect::<Vec<_>>(), more.keys().collect::<Vec<_>>());
    assert_eq!((world.held(to).withdrawn, world.held(to).announced - before), (0, 5));
    // Withdrawn by identifier.
    world.withdraw(sources[0], 0, v4(1));
    world.withdraw(sources[2], 7, v4(1));
    world.pump();
    let fewer = held(&world, to, v4(1));
    assert_eq!((fewer.len(), world.held(to).withdrawn), (3, 2));
    assert_eq!(world.held(to).announced - before, 5, "nothing else was said");
    assert!(fewer.iter().all(|(id, path)| replaced.get(id) == Some(path)));
    // A source that goes takes its paths along.
    world.rib.peer_down(sources[2]);
    world.pump();
    assert_eq!(held(&world, to, v4(1)), first);
}

#[test]
fn split_horizon_is_by_path_and_member() {
    let mut world = World::new();
    let members = [world.peer(EBGP), world.peer(EBGP), world.peer(EBGP)];
    for (n, member) in (1..).zip(members) {
        world.join(member, all(SessionKind::Ebgp));
        world.announce(member, v4(1), &plain(&[65001, n]));
    }
    world.pump();
    for (n, member) in (1..).zip(members) {
        let mut others = vec![1, 2, 3];
        others.retain(|other| *other != n);
        let expected: Vec<_> = others.iter().map(|n| format!("65000 65001 {n}")).collect();
        let mut seen: Vec<_> = held(&world, member, v4(1)).into_values().collect();
        seen.sort();
        assert_eq!(seen, expected);
    }
    assert_eq!(world.exports.groups().count(), 1);
}

#[test]
fn reflection_is_by_path() {
    let mut world = World::new();
    let client = world.peer(PeerKind::Ibgp { client: true });
    let other = world.peer(PeerKind::Ibgp { client: false });
    let outside = world.peer(EBGP);
    let to_client = world.peer(PeerKind::Ibgp { client: true });
    let to_other = world.peer(PeerKind::Ibgp { client: false });
    world.join(to_client, all(SessionKind::IbgpClient));
    world.join(to_other, all(SessionKind::Ibgp));
    world.announce(client, v4(1), &plain(&[1]));
    world.announce(other, v4(1), &plain(&[2]));
    world.announce(outside, v4(1), &plain(&[3]));
    world.pump();
    let paths = |peer| {
        let mut paths: Vec<_> = held(&world, peer, v4(1)).into_values().collect();
        paths.sort();
        paths
    };
    assert_eq!(paths(to_client), ["1", "2", "3"]);
    assert_eq!(paths(to_other), ["1", "3"]);
    let why = world.exports.explain(&world.rib, v4(1), to_other);
    let withheld: Vec<_> = why.iter().filter_map(|verdict| verdict.withheld).collect();
    assert_eq!((why.len(), withheld), (3, vec![NotSent::NotReflected]));
}

#[test]
fn the_best_so_many_follow_the_decision() {
    let mut world = World::new();
    let sources: Vec<_> = (0..4).map(|_| world.peer(EBGP)).collect();
    let to = world.peer(EBGP);
    let member = world.join(to, several(key(SessionKind::Ebgp), best(2)));
    for (n, source) in (1u32..).zip(&sources) {
        let path: Vec<_> = (0..5 - n).map(|_| 65001).collect();
        world.announce(*source, v4(1), &plain(&path));
    }
    world.pump();
    let lengths = |world: &World, to| {
        let paths = held(world, to, v4(1)).into_values();
        let mut lengths: Vec<_> = paths.map(|path| path.split(' ').count() - 1).collect();
        lengths.sort_unstable();
        lengths
    };
    assert_eq!(lengths(&world, to), [1, 2]);
    let why = world.exports.explain(&world.rib, v4(1), to);
    let withheld: Vec<_> = why.iter().map(|verdict| verdict.withheld).collect();
    let left_out = Some(NotSent::NotAmongBest);
    assert_eq!(withheld, [None, None, left_out, left_out]);
    // The third moves up; the second keeps its identifier.
    let second = held(&world, to, v4(1));
    world.withdraw(sources[3], 0, v4(1));
    world.pump();
    assert_eq!(lengths(&world, to), [2, 3]);
    let kept = held(&world, to, v4(1));
    assert_eq!(second.iter().filter(|(id, path)| kept.get(id) == Some(path)).count(), 1);
    // More of them, without a new session.
    let key = several(key(SessionKind::Ebgp), AddPathSend::All);
    world.exports.rekey(&mut world.rib, member, key);
    world.pump();
    assert_eq!(lengths(&world, to), [2, 3, 4]);
    assert!(kept.iter().all(|(id, path)| held(&world, to, v4(1)).get(id) == Some(path)));
}

#[test]
fn identifiers_come_and_go_with_a_session_only() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let (with, without) = (world.peer(EBGP), world.peer(EBGP));
    let with_member = world.join(with, all(SessionKind::Ebgp));
    let without_member = world.join(without, key(SessionKind::Ebgp));
    world.announce(source, v4(1), &plain(&[65001]));
    world.pump();
    world.exports.rekey(&mut world.rib, with_member, key(SessionKind::Ebgp));
    world.exports.rekey(&mut world.rib, without_member, all(SessionKind::Ebgp));
    world.announce(source, v4(2), &plain(&[65001]));
    world.pump();
    // The receiving ends read with and without identifiers as before.
    assert_eq!((world.held(with).routes.len(), world.held(without).routes.len()), (2, 2));
    assert_eq!(world.exports.groups().count(), 2);
}

#[test]
fn a_move_to_another_group_keeps_identifiers() {
    let mut world = World::new();
    let sources = [world.peer(EBGP), world.peer(EBGP)];
    let (a, b) = (world.peer(EBGP), world.peer(EBGP));
    let member = world.join(a, all(SessionKind::Ebgp));
    let policy = several(with_policy(SessionKind::Ebgp, marking()), AddPathSend::All);
    world.join(b, policy.clone());
    for source in sources {
        world.announce(source, v4(1), &plain(&[65001]));
        world.announce(source, v4(9), &plain(&[65001]));
    }
    world.pump();
    let before = world.held(a);
    world.exports.rekey(&mut world.rib, member, policy);
    world.pump();
    let after = world.held(a);
    let ids = |held: &super::Held| held.routes.keys().copied().collect::<Vec<_>>();
    assert_eq!(ids(&after), ids(&before));
    assert_eq!((after.withdrawn, after.routes), (0, world.held(b).routes));
}

#[test]
fn a_slow_member_catches_up_path_by_path() {
    let mut world = World::new();
    let sources = [world.peer(EBGP), world.peer(EBGP), world.peer(EBGP)];
    let (quick, slow) = (world.peer(EBGP), world.peer(EBGP));
    world.join(quick, all(SessionKind::Ebgp));
    world.join(slow, all(SessionKind::Ebgp));
    world.announce(sources[0], v4(1), &plain(&[65001]));
    world.announce(sources[1], v4(1), &plain(&[65001, 1]));
    world.pump();
    world.sink.slow.push(slow);
    world.withdraw(sources[0], 0, v4(1));
    world.announce(sources[1], v4(1), &plain(&[65001, 2]));
    world.announce(sources[2], v4(1), &plain(&[65001, 3]));
    world.pump();
    // A path that comes and goes meanwhile costs the slow one nothing.
    world.announce_as(sources[2], 1, v4(1), &plain(&[65001, 4]));
    world.pump();
    world.withdraw(sources[2], 1, v4(1));
    world.pump();
    let before = world.held(slow);
    assert_eq!(before.routes.len(), 2);
    world.sink.slow.clear();
    world.pump();
    let after = world.held(slow);
    assert_eq!(after.routes, world.held(quick).routes);
    assert_eq!((after.withdrawn, after.announced - before.announced), (1, 2));
}

#[test]
fn originations_for_some_and_a_narrow_scope_hold_for_each_path() {
    let mut world = World::new();
    let source = world.peer(EBGP);
    let (a, b) = (world.peer(EBGP), world.peer(EBGP));
    world.join(a, GroupKey { originations: [3].into_iter().collect(), ..all(SessionKind::Ebgp) });
    world.join(b, GroupKey { scope: ExportScope::OriginatedOnly, ..all(SessionKind::Ebgp) });
    let local = world.local;
    world.announce(source, v4(1), &plain(&[65001]));
    world.announce(local, v4(1), &plain(&[]));
    world.announce_as(
        local,
        3,
        v4(1),
        &attrs(&[], |b| {
            b.set_med(Some(3));
        }),
    );
    world.pump();
    assert_eq!(held(&world, a, v4(1)).len(), 3);
    assert_eq!(held(&world, b, v4(1)).into_values().collect::<Vec<_>>(), ["65000"]);
    let why = world.exports.explain(&world.rib, v4(1), b);
    let withheld: Vec<_> = why.iter().map(|verdict| verdict.withheld).collect();
    let expected = [None, Some(NotSent::OtherPeersOnly), Some(NotSent::NotOriginated)];
    assert_eq!(withheld, expected);
}
