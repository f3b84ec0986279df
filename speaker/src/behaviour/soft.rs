//! A new import policy on routes that are here already.

use super::*;

fn without_refresh(config: &mut NeighborConfig, theirs: &mut PeerConfig) {
    config.import = policy(200);
    theirs.route_refresh = false;
}

#[test]
fn without_route_refresh_the_routes_held_are_judged_again() {
    let mut desk = Desk::new(without_refresh);
    let sets = desk.core.rib.attrs.len();
    desk.announce(0, 0..12);
    let marked = |value| {
        (0..12).map(move |n| {
            (
                n,
                if n < 4 {
                    Some(value)
                } else if n < 8 {
                    None
                } else {
                    Some(100)
                },
            )
        })
    };
    assert_eq!(desk.held(), marked(200).collect());
    let kept = |desk: &Desk| desk.life().originals.as_ref().map_or(0, |o| o.len());
    assert_eq!(kept(&desk), 4, "only where policy made another set of it");

    desk.edit(|c| c.import = policy(300));
    desk.pump();
    assert_eq!(desk.held(), marked(300).collect());
    // Nothing is edited or refused any more; what was refused comes back as it was sent.
    desk.edit(|c| c.import = Arc::new(Chain::permit_all()));
    desk.pump();
    assert_eq!(desk.held(), (0..12).map(|n| (n, Some(100))).collect());
    assert_eq!(kept(&desk), 0);
    desk.edit(|c| c.import = policy(200));
    desk.pump();
    assert_eq!((desk.held(), kept(&desk)), (marked(200).collect(), 4));
    // Gone with their paths, by withdrawal and at the end.
    desk.withdraw(0..2);
    assert_eq!(kept(&desk), 2);
    assert!(desk.refreshes().is_empty(), "a neighbour that cannot be asked is not asked");
    desk.end();
    assert_eq!(desk.core.rib.attrs.len(), sets, "each set was given back");
}

#[test]
fn our_own_as_in_the_path_is_judged_again_too() {
    let mut desk = Desk::new(|_, theirs| theirs.route_refresh = false);
    let mut attributes = Vec::new();
    let path = [Asn(65002), Asn(65001)];
    assert!(AttrBuilder::new().set_origin(0).replace_as_path(&path).finish(&mut attributes));
    let next_hop = NextHop::V4(Ipv4Addr::new(192, 0, 2, 2));
    let (mut frames, family) = (Vec::new(), Family::IPV4_UNICAST);
    let context = EncodeContext::default();
    pack_announce::<V4Prefix>(
        family,
        &attributes,
        Some(&next_hop),
        &context,
        [(0, v4(1))],
        &mut frames,
    );
    desk.hear(&frames);
    assert_eq!(desk.held(), BTreeMap::from([(1, None)]));
    desk.edit(|c| c.allow_as_in = 1);
    desk.pump();
    assert_eq!(desk.held(), BTreeMap::from([(1, Some(100))]));
    desk.edit(|c| c.allow_as_in = 0);
    desk.pump();
    assert_eq!(desk.held(), BTreeMap::from([(1, None)]));
}

#[test]
fn rfc2918_with_route_refresh_the_neighbour_is_asked_and_nothing_is_kept() {
    let mut desk = Desk::new(|config, _| config.import = policy(200));
    desk.announce(0, 0..12);
    assert!(desk.life().originals.is_none());
    desk.edit(|c| c.import = policy(300));
    // No term of either policy can match an IPv6 route.
    assert_eq!(desk.refreshes(), ["ipv4/unicast request"]);
    desk.announce(0, 0..12);
    assert_eq!(desk.held()[&0], Some(300));
}

/// Refuses 10.0.0.0/24 to 10.0.3.0/24.
fn filter(name: &str) -> Arc<Chain> {
    let mut stages = policy(1).stages().to_vec();
    stages[0].terms.truncate(1);
    stages[0].terms[0].name = name.into();
    stages[0].terms[0].action = Action::Deny;
    Arc::new(Chain::new(stages))
}

#[test]
fn while_policy_only_filters_nobody_is_asked_and_all_is_judged_again() {
    let mut desk = Desk::new(|_, _| {});
    desk.announce(0, 0..6);
    let held = |refused: std::ops::Range<u8>| {
        (0..6).map(|n| (n, (!refused.contains(&n)).then_some(100))).collect::<BTreeMap<_, _>>()
    };
    desk.edit(|c| c.import = filter("a"));
    desk.pump();
    assert_eq!(desk.held(), held(0..4));
    // Another name is no other policy.
    desk.edit(|c| c.import = filter("b"));
    assert!(desk.core.reimports.is_empty());
    assert_eq!(desk.held(), held(0..4));
    let explained = |desk: &Desk, n| {
        let row = desk.core.rib.row(v4(n)).expect("it is held");
        let path = *desk.core.rib.paths::<V4Prefix>(row).next().expect("by one path");
        desk.core.import_trace(v4(n), &path)
    };
    let trace = explained(&desk, 0).expect("there is a policy");
    assert_eq!((trace.denied_by(), trace.permitted), (Some("b"), false));
    assert!(explained(&desk, 5).expect("there is a policy").permitted);
    desk.edit(|c| c.import = Arc::new(Chain::permit_all()));
    desk.pump();
    assert_eq!(desk.held(), held(0..0));
    assert!(explained(&desk, 0).is_none());
    // The first policy that changes routes finds them as they were sent; the next does not.
    desk.edit(|c| c.import = policy(200));
    desk.pump();
    assert_eq!(desk.held()[&0], Some(200));
    assert_eq!(desk.refreshes(), [""; 0]);
    // What was accepted and changed tells its term as long as that is remembered.
    let trace = explained(&desk, 0).expect("it was judged just now");
    assert_eq!(trace.stages[0].term.as_deref(), Some("mark"));
    desk.edit(|c| c.import = filter("c"));
    assert_eq!(desk.refreshes(), ["ipv4/unicast request"]);
    assert!(explained(&desk, 0).is_none_or(|trace| !trace.permitted));
    desk.announce(0, 0..6);
    assert_eq!(desk.held(), held(0..4));
    // From now on what is held need not be what was sent.
    desk.edit(|c| c.import = Arc::new(Chain::permit_all()));
    assert_eq!(desk.refreshes(), ["ipv4/unicast request", "ipv6/unicast request"]);
}

#[test]
fn a_walk_under_way_is_not_forgotten_by_the_next_edit() {
    let mut desk = Desk::new(|_, _| {});
    desk.announce(0, 0..6);
    desk.edit(|c| c.import = filter("a"));
    // Concerns IPv6 only, while the rows of IPv4 have not been looked at.
    let six = "2001:db8::/32".parse::<bgp_wire::V6Prefix>().expect("a prefix").into();
    let mut stages = filter("a").stages().to_vec();
    stages[0].terms.push(Term {
        name: "six".into(),
        matches: vec![Match::PrefixIn(vec![PrefixRange::or_longer(six)])],
        action: Action::Deny,
    });
    desk.edit(|c| c.import = Arc::new(Chain::new(stages)));
    desk.pump();
    assert_eq!(desk.held().values().filter(|held| held.is_none()).count(), 4);
}

#[test]
fn our_own_as_is_judged_again_without_asking_too() {
    let mut desk = Desk::new(|_, _| {});
    desk.announce(0, 0..2);
    desk.edit(|c| c.allow_as_in = 1);
    desk.pump();
    assert_eq!(desk.refreshes(), [""; 0]);
    assert_eq!(desk.held().len(), 2);
}

#[test]
fn what_did_not_change_is_not_told_to_anybody() {
    for refresh in [true, false] {
        let mut desk = Desk::new(|config, theirs| {
            config.import = policy(200);
            theirs.route_refresh = refresh;
        });
        let families = Family::IPV4_UNICAST;
        let interest = rib::Interest::Best;
        let families = [families].into_iter().collect();
        let reader = desk.core.rib.register_consumer(interest, families);
        desk.announce(0, 0..12);
        desk.pump();
        let mut rows = Vec::new();
        desk.core.rib.next_dirty::<V4Prefix>(reader, 100, &mut rows);
        assert_eq!(rows.len(), 8, "refused ones are nobody's best");
        desk.edit(|c| c.import = policy(300));
        desk.announce(0, if refresh { 0..12 } else { 0..0 });
        desk.pump();
        rows.clear();
        desk.core.rib.next_dirty::<V4Prefix>(reader, 100, &mut rows);
        assert_eq!(rows.len(), 4, "only those with another LOCAL_PREF; refresh: {refresh}");
    }
}
