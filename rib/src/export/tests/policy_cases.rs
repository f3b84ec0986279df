//! Export policy beside the rest: what an edit sends, conditions on the next hop.

use bgp_wire::Prefix;

use super::*;

const EBGP: PeerKind = PeerKind::Ebgp;

fn by_next_hop(last: u8) -> Chain {
    let from = V4Prefix::new(Ipv4Addr::new(192, 0, 2, last), 32).unwrap();
    let matches = vec![Match::NextHopIn(vec![from.into()])];
    let term = Term { name: "from".into(), matches, action: Action::Deny };
    Chain::new([Policy { terms: vec![term], default: Disposition::Permit }])
}

#[test]
fn the_next_hop_of_the_path_counts_not_that_of_another_with_the_same_attributes() {
    let mut world = World::new();
    let (near, far, to) = (world.peer(EBGP), world.peer(EBGP), world.peer(EBGP));
    let last = world.rib.peers().info(far).router_id.octets()[3];
    world.join(to, with_policy(SessionKind::Ebgp, by_next_hop(last)));
    // One attribute set, two next hops, none of which is sent.
    for n in 0..4 {
        world.announce(if n < 2 { near } else { far }, v4(n), &plain(&[65001]));
    }
    world.pump();
    let held: Vec<_> = world.held(to).routes.keys().map(|(prefix, _)| *prefix).collect();
    assert_eq!(held, [v4(0).into(), v4(1).into()]);
    let verdict = world.exports.explain(&world.rib, v4(3), to).remove(0);
    assert_eq!(verdict.withheld, Some(NotSent::Policy));
    assert_eq!(verdict.policy.unwrap().denied_by(), Some("from"));
    // The other way round.
    world.withdraw(near, 0, v4(0));
    world.announce(far, v4(0), &plain(&[65001]));
    world.withdraw(far, 0, v4(2));
    world.announce(near, v4(2), &plain(&[65001]));
    world.announce(world.local, v4(5), &plain(&[]));
    world.pump();
    let held: Vec<_> = world.held(to).routes.keys().map(|(prefix, _)| *prefix).collect();
    assert_eq!(held, [v4(1).into(), v4(2).into(), v4(5).into()]);
}

#[test]
fn an_edit_sends_what_differs_in_the_families_that_it_concerns() {
    let mut world = World::new();
    let (source, to) = (world.peer(EBGP), world.peer(EBGP));
    let member = world.join(to, with_policy(SessionKind::Ebgp, marking()));
    for n in 0..8 {
        world.announce(source, v4(n), &plain(&[65001]));
        world.announce(source, v6(n), &plain(&[65001]));
    }
    world.pump();
    let group = world.exports.group_of(member).unwrap();
    let marks = marking();
    let [rest @ .., last] = &marks.stages()[0].terms[..] else { panic!("it has terms") };
    let six: V6Prefix = "2001:db8::/16".parse().unwrap();
    let six = Term {
        name: "six".into(),
        matches: vec![Match::PrefixIn(vec![PrefixRange::or_longer(six.into())])],
        action: Action::Permit(vec![Set::Med(Some(1))]),
    };
    let edited = [rest, &[six, last.clone()]].concat();
    let default = marks.stages()[0].default;
    let edited = Arc::new(Chain::new([Policy { terms: edited, default }]));
    let before = world.held(to);
    world.exports.set_policy(&mut world.rib, group, Arc::clone(&edited));
    world.pump();
    let after = world.held(to);
    assert_eq!((after.announced - before.announced, after.withdrawn), (8, 0));
    let changed = |held: &Held, six: bool| {
        let routes = held
            .routes
            .iter()
            .filter(|((prefix, _), _)| matches!(prefix, decode::Name::Ip(Prefix::V6(_))) == six);
        routes.map(|(key, route)| (*key, format!("{route:?}"))).collect::<Vec<_>>()
    };
    assert_eq!(changed(&before, false), changed(&after, false));
    assert_ne!(changed(&before, true), changed(&after, true));
    // A name alone is no change at all, but explained by its new one.
    let mut stages = edited.stages().to_vec();
    stages[0].terms.iter_mut().for_each(|term| term.name.insert_str(0, "new-"));
    let renamed = Arc::new(Chain::new(stages));
    world.exports.set_policy(&mut world.rib, group, renamed);
    world.pump();
    assert_eq!(world.held(to).announced, after.announced);
    let verdict = world.exports.explain(&world.rib, v6(1), to).remove(0);
    assert_eq!(verdict.policy.unwrap().stages[0].term.as_deref(), Some("new-six"));
    // Rows that changed in the meantime are judged by the policy of the day.
    world.announce(source, v4(9), &plain(&[65001]));
    world.exports.set_policy(&mut world.rib, group, Arc::new(Chain::permit_all()));
    world.pump();
    assert_eq!(world.held(to).routes.len(), 17);
}

/// Announces a station in a network.
fn learn(world: &mut World, from: PeerIx, number: u8, vni: u8) {
    let attr = world.rib.attrs.intern(&plain(&[]));
    let next_hop = NextHop::V4([203, 0, 113, 1].into());
    let at = NextHopKey { next_hop, ifindex: 0 };
    let base = world.rib.next_hops.intern_with(at, |_| Resolution::Resolved { metric: 0 });
    let id = world.rib.next_hops.with_rest(base, &[&[0; 10][..], &[0, 0, vni]].concat());
    world.rib.announce(from, 0, station(number), attr, id, PathFlags::NONE);
    world.rib.attrs.release(attr);
    world.rib.next_hops.release(id);
    world.rib.next_hops.release(base);
}

#[test]
fn evpn_and_vpn_routes_are_judged_by_their_fields() {
    let mut world = World::new();
    let client = PeerKind::Ibgp { client: true };
    let (from, to) = (world.peer(client), world.peer(client));
    let deny = |name: &str, condition| Term {
        name: name.into(),
        matches: vec![condition],
        action: Action::Deny,
    };
    let prefix = Match::PrefixIn(vec![PrefixRange::exact(v4(1).into())]);
    let terms = vec![deny("network", Match::EvpnVni(100)), deny("prefix", prefix)];
    let chain = Chain::new([Policy { terms, default: Disposition::Permit }]);
    let families = FAMILIES.into_iter().collect();
    world.join(to, GroupKey { families, ..with_policy(SessionKind::IbgpClient, chain) });
    let held = |world: &mut World| {
        world.pump();
        world.held(to).routes.into_keys().map(|(name, _)| name).collect::<Vec<_>>()
    };
    // One attribute set and next hop; the network is in the label.
    learn(&mut world, from, 1, 100);
    learn(&mut world, from, 2, 200);
    assert_eq!(held(&mut world), [decode::Name::Evpn(station(2))]);
    let verdict = world.exports.explain(&world.rib, station(1), to).remove(0);
    assert_eq!(verdict.policy.unwrap().denied_by(), Some("network"));
    // Both change their network.
    learn(&mut world, from, 1, 200);
    learn(&mut world, from, 2, 100);
    assert_eq!(held(&mut world), [decode::Name::Evpn(station(1))]);
    for number in 1..3 {
        world.announce(from, vpn(number), &plain(&[]));
    }
    let wanted = [decode::Name::Vpn(vpn(2)), decode::Name::Evpn(station(1))];
    let found = held(&mut world);
    assert!(found.len() == 2 && wanted.iter().all(|name| found.contains(name)), "{found:?}");
}
