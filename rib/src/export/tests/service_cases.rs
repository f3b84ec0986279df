//! Routes with labels, EVPN and route target constraint, towards each kind of peer.

use bgp_wire::{Asn, ExtCommunity, Family, NextHop, RouteTargetMembership, V4Prefix};

use super::{
    OWN_V4, World, attrs,
    decode::{Held, Name},
    for_target, key, plain, station, v4, vpn,
};
use crate::{
    FAMILIES, NextHopKey, PathFlags, PeerIx, PeerKind, Resolution, RowId,
    export::{ExportVerdict, GroupKey, NextHopMode, NotSent, OtcRule, RouteTargets, SessionKind},
    keys::{EvpnRowKey, VpnKey},
    policy::{Action, Chain, Disposition, Match, NextHopSet, Policy, Set, Term},
};

const CLIENT: PeerKind = PeerKind::Ibgp { client: true };

fn services(session: SessionKind) -> GroupKey {
    GroupKey { families: FAMILIES.into_iter().collect(), ..key(session) }
}

/// Announces a VPN route with a label.
fn announce(world: &mut World, from: PeerIx, number: u8, label: u8) {
    let attr = world.rib.attrs.intern(&plain(&[]));
    let next_hop = NextHop::V4([203, 0, 113, number].into());
    let at = NextHopKey { next_hop, ifindex: 0 };
    let base = world.rib.next_hops.intern_with(at, |_| Resolution::Resolved { metric: 0 });
    let id = world.rib.next_hops.with_rest(base, &[0, label, 0x41]);
    world.rib.announce(from, 0, vpn(number), attr, id, PathFlags::NONE);
    world.rib.attrs.release(attr);
    world.rib.next_hops.release(id);
    world.rib.next_hops.release(base);
}

fn label(held: &Held, number: u8) -> Option<(u8, NextHop)> {
    let (values, next_hop) = held.routes.get(&(Name::Vpn(vpn(number)), 0))?;
    Some((values[&0][1], *next_hop))
}

#[test]
fn a_label_is_of_the_path_and_goes_with_it() {
    let mut world = World::new();
    let (from, to) = (world.peer(CLIENT), world.peer(CLIENT));
    world.join(to, services(SessionKind::IbgpClient));
    announce(&mut world, from, 1, 7);
    world.pump();
    let hop = NextHop::V4([203, 0, 113, 1].into());
    assert_eq!(label(&world.held(to), 1), Some((7, hop)));
    // An implicit withdraw replaces the label although the key and all else is the same.
    announce(&mut world, from, 1, 8);
    world.pump();
    let held = world.held(to);
    assert_eq!((label(&held, 1), held.withdrawn), (Some((8, hop)), 0));
    assert_eq!(world.rib.table::<VpnKey<V4Prefix>>().path_count(), 1);
    // Said once more, it is not sent once more.
    let frames = world.sink.frames.len();
    announce(&mut world, from, 1, 8);
    world.pump();
    assert_eq!(world.sink.frames.len(), frames);
    world.withdraw(from, 0, vpn(1));
    world.pump();
    assert!(world.held(to).routes.is_empty());
}

#[test]
fn a_label_for_each_route_is_no_message_for_each() {
    let mut world = World::new();
    let (from, to) = (world.peer(CLIENT), world.peer(CLIENT));
    world.join(to, services(SessionKind::IbgpClient));
    world.pump();
    world.sink.frames.clear();
    let attr = world.rib.attrs.intern(&plain(&[]));
    let hop = NextHop::V4([203, 0, 113, 1].into());
    let at = NextHopKey { next_hop: hop, ifindex: 0 };
    let base = world.rib.next_hops.intern_with(at, |_| Resolution::Resolved { metric: 0 });
    for number in 0..200 {
        let id = world.rib.next_hops.with_rest(base, &[number, 0, 0x11]);
        world.rib.announce(from, 0, vpn(number), attr, id, PathFlags::NONE);
        world.rib.next_hops.release(id);
    }
    while world.exports.pump(&mut world.rib, &mut world.sink, 1000) {}
    let held = world.held(to);
    assert_eq!(held.routes.len(), 200);
    let messages: usize = world.sink.frames.iter().map(|(_, frame)| frame.len()).sum();
    assert!(messages < 200 * 16 + 400, "one set of attributes in each message: {messages}");
    assert_eq!(held.routes[&(Name::Vpn(vpn(77)), 0)].0[&0], [77, 0, 0x11]);
}

#[test]
fn the_next_hop_of_a_label_stays() {
    let hop = NextHop::V4([203, 0, 113, 1].into());
    for mode in [NextHopMode::Standard, NextHopMode::Own, NextHopMode::Unchanged] {
        for (kind, session) in
            [(PeerKind::Ebgp, SessionKind::Ebgp), (CLIENT, SessionKind::IbgpClient)]
        {
            let mut world = World::new();
            let (from, to) = (world.peer(CLIENT), world.peer(kind));
            world.join(to, GroupKey { next_hop: mode, ..services(session) });
            announce(&mut world, from, 1, 7);
            world.pump();
            assert_eq!(label(&world.held(to), 1), Some((7, hop)), "{mode:?} {session:?}");
        }
    }
    // A policy that sets another one is refused by name.
    let policy = Chain::new([Policy {
        terms: vec![Term {
            name: "self".into(),
            matches: vec![Match::Any],
            action: Action::Permit(vec![Set::NextHop(NextHopSet::Own)]),
        }],
        default: Disposition::Permit,
    }]);
    let mut world = World::new();
    let (from, to) = (world.peer(CLIENT), world.peer(CLIENT));
    let key = GroupKey { policy: policy.into(), ..services(SessionKind::IbgpClient) };
    world.join(to, key);
    announce(&mut world, from, 1, 7);
    world.announce(from, v4(1), &plain(&[]));
    world.pump();
    assert_eq!(withheld(&world, to), Some(NotSent::LabelNotOurs));
    let routes = world.held(to).routes;
    assert_eq!(routes.values().map(|(_, hop)| *hop).collect::<Vec<_>>(), [NextHop::V4(OWN_V4)]);
}

fn withheld(world: &World, to: PeerIx) -> Option<NotSent> {
    let verdicts = world.exports.explain(&world.rib, vpn(1), to);
    let [ExportVerdict { withheld, .. }] = &verdicts[..] else { panic!("{verdicts:?}") };
    *withheld
}

#[test]
fn routes_go_to_who_asked_for_their_targets() {
    let asked = |number| {
        let target = ExtCommunity::route_target(65000, number);
        RouteTargetMembership::new(Asn(65000), target)
    };
    let wanting = |targets| GroupKey { targets, ..services(SessionKind::IbgpClient) };
    let mut world = World::new();
    let from = world.peer(CLIENT);
    let peers = [(); 4].map(|()| world.peer(CLIENT));
    let [all, one, pending, none] = peers;
    world.join(all, wanting(RouteTargets::All));
    let member = world.join(one, wanting(RouteTargets::of([asked(1)])));
    let waiting = world.join(pending, wanting(RouteTargets::Pending));
    world.join(none, wanting(RouteTargets::of([])));
    for number in [1, 2] {
        world.announce(from, vpn(number), &for_target(number.into()));
        world.announce(from, station(number), &for_target(number.into()));
        world.announce(from, v4(number), &for_target(number.into()));
    }
    world.pump();
    let names = |world: &World, peer| world.held(peer).routes.into_keys().map(|(name, _)| name);
    let count = |world: &World, peer| {
        let constrained = |name: &Name| !matches!(name, Name::Ip(_));
        (names(world, peer).filter(constrained).count(), names(world, peer).count())
    };
    let counts = peers.map(|peer| count(&world, peer));
    assert_eq!(counts, [(4, 6), (2, 4), (0, 2), (0, 2)], "unicast is not constrained");
    let ends = peers.map(|peer| world.held(peer).end_of_rib.len());
    assert_eq!(ends, [8, 8, 0, 8], "no End-of-RIB before the wishes are known");
    assert_eq!(withheld(&world, pending), Some(NotSent::RouteTarget));
    assert_eq!(withheld(&world, one), None);

    // Wishes change: only the difference is sent.
    let before = world.held(one).announced;
    world.exports.rekey(&mut world.rib, member, wanting(RouteTargets::of([asked(2)])));
    world.exports.rekey(&mut world.rib, waiting, wanting(RouteTargets::of([asked(2)])));
    world.pump();
    let held = world.held(one);
    assert_eq!((held.announced - before, held.withdrawn), (2, 2));
    assert_eq!(held.routes, world.held(pending).routes);
    assert_eq!(world.held(pending).end_of_rib.len(), 8);
    let page = world.exports.adj_rib_out::<EvpnRowKey>(&world.rib, member, RowId(0), 9);
    assert_eq!(page.routes.iter().map(|r| r.prefix).collect::<Vec<_>>(), [station(2)]);
    assert_eq!(page.routes[0].rest.len(), 13);
    assert_eq!(world.exports.advertised_count(member, Family::IPV4_VPN), 1);
}

/// RFC 9234 section 5: the procedures are those of unicast.
#[test]
fn roles_are_about_unicast_only() {
    let mut world = World::new();
    let (from, to) = (world.peer(CLIENT), world.peer(PeerKind::Ebgp));
    let otc = OtcRule { attach: true, stop: true };
    world.join(to, GroupKey { otc, ..services(SessionKind::Ebgp) });
    announce(&mut world, from, 1, 7);
    world.announce(from, v4(1), &plain(&[]));
    world.pump();
    let marked = |name: Name| world.held(to).routes[&(name, 0)].0.contains_key(&35);
    assert_eq!((marked(v4(1).into()), marked(vpn(1).into())), (true, false));
    let marked = attrs(&[], |b| {
        b.set_only_to_customer(Some(Asn(65009)));
    });
    world.announce(from, v4(1), &marked);
    world.announce(from, vpn(2), &marked);
    world.pump();
    let names: Vec<_> = world.held(to).routes.into_keys().map(|(name, _)| name).collect();
    assert_eq!(names, [vpn(1).into(), vpn(2).into()], "the unicast route stops");
}
