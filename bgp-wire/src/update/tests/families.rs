//! Families other than IPv4 and IPv6 unicast, and what a fault in one costs.

use super::*;
use crate::{
    family::{Afi, FamilySet, Safi},
    nlri::{EvpnRoute, Labeled, Nlri, RouteTargetMembership, Vpn},
};

const RD: [u8; 8] = [0, 0, 0xfd, 0xe9, 0, 0, 0, 100];
/// Ethernet A-D, which is 25 octets; and the same cut to 24 by its own length octet.
const EVPN_AD: [u8; 27] =
    [1, 25, 0, 0, 0xfd, 0xe9, 0, 0, 0, 100, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 7, 0, 1, 0];

fn all(list: &[Family]) -> UpdateContext {
    let families = list.iter().copied().chain(UpdateContext::default().families.iter()).collect();
    UpdateContext { families, ..UpdateContext::default() }
}

fn disabling(list: &[Family]) -> UpdateContext {
    UpdateContext { mp_fault: MpFault::DisableFamily, ..all(list) }
}

fn announce(family: Family, next_hop: &[u8], nlri: &[u8]) -> Vec<u8> {
    let reach = mp_reach(family.afi.0, family.safi.0, next_hop, nlri);
    body(&[], &[&reach, ORIGIN, AS_PATH], &[])
}

fn withdraw(family: Family, nlri: &[u8]) -> Vec<u8> {
    body(&[], &[&mp_unreach(family, nlri)], &[])
}

fn mp_unreach(family: Family, nlri: &[u8]) -> Vec<u8> {
    let value = [&family.afi.0.to_be_bytes()[..], &[family.safi.0], nlri].concat();
    attr(0x80, 15, &value)
}

fn texts<N: Nlri>(iter: Option<NlriIter<'_, N>>) -> Vec<String> {
    let iter = iter.unwrap();
    let mut column = Vec::new();
    iter.clone().read_into(&mut column);
    assert_eq!((iter.len(), column.len()), (iter.clone().count(), iter.len()));
    assert!(iter.clone().map(|(_, route)| route).eq(column));
    iter.map(|(id, route)| if id == 0 { route.to_string() } else { format!("{route} id {id}") })
        .collect()
}

/// Why the routes of a message are to be treated as withdrawn.
fn refusal(body: &[u8], ctx: &UpdateContext) -> Option<Kind> {
    match parse(body, ctx).attrs(&mut AttrScratch::default()) {
        AttrOutcome::TreatAsWithdraw(e) => Some(e.kind),
        AttrOutcome::Ok { .. } => None,
    }
}

#[test]
fn vpn() {
    let ctx = all(&[Family::IPV4_VPN]);
    let route = [&[112, 0, 6, 0x41][..], &RD, &[192, 0, 2]].concat();
    let b = announce(Family::IPV4_VPN, &[&RD[..], &[10, 0, 0, 1]].concat(), &route);
    let view = parse(&b, &ctx);
    let mp = view.mp_reach().unwrap();
    assert_eq!((mp.family(), mp.len(), mp.is_empty()), (Family::IPV4_VPN, 1, false));
    assert_eq!(mp.next_hop(), Some(NextHop::V4(Ipv4Addr::new(10, 0, 0, 1))));
    assert_eq!(texts(mp.iter::<Vpn<V4Prefix>>()), ["65001:100:192.0.2.0/24 label 100"]);
    assert!(mp.iter::<V4Prefix>().is_none() && mp.iter::<Vpn<V6Prefix>>().is_none());
    // It is nobody's unicast, yet it is an announcement, with all that is asked of one.
    assert!(view.has_reach() && !view.has_unreach() && view.mp_unreach().is_none());
    assert_eq!((view.reach_v4().len(), view.next_hop_v4(), view.next_hop_v6()), (0, None, None));
    let reach = mp_reach(1, 128, &[&RD[..], &[10, 0, 0, 1]].concat(), &route);
    let b = body(&[], &[&reach, ORIGIN], &[]);
    assert_eq!(refusal(&b, &ctx), Some(Kind::MissingWellKnown(2)));
    let b = announce(Family::IPV4_VPN, &[0; 12], &route);
    assert_eq!(refusal(&b, &ctx), Some(Kind::InvalidNextHop));
    assert_eq!(parse(&b, &UpdateContext::default()).ignored_fields(), 1);
}

/// A withdrawn label means nothing: whatever its bottom bit, it is one field (RFC 8277).
#[test]
fn withdrawals_have_a_form_of_their_own() {
    let ctx = all(&[Family::IPV6_LABELED]);
    for label in [[0x80, 0, 0], [0, 0, 0], [0, 6, 0x41]] {
        let nlri = [&[56][..], &label, &[0x20, 1, 0xd, 0xb8]].concat();
        let b = withdraw(Family::IPV6_LABELED, &nlri);
        let view = parse(&b, &ctx);
        let mp = view.mp_unreach().unwrap();
        assert_eq!((mp.family(), mp.len()), (Family::IPV6_LABELED, 1));
        assert_eq!(texts(mp.iter::<Labeled<V6Prefix>>()), ["2001:db8::/32"]);
        assert!(mp.iter::<V6Prefix>().is_none() && view.unreach_v6().len() == 0);
        assert!(view.has_unreach() && view.end_of_rib().is_none());
    }
}

#[test]
fn path_identifiers_family_by_family() {
    let families = [Family::IPV4_MULTICAST, Family::EVPN];
    let ctx = UpdateContext { add_path: [families[0]].into_iter().collect(), ..all(&families) };
    let b = announce(Family::IPV4_MULTICAST, &[10, 0, 0, 1], &[0, 0, 0, 5, 8, 10, 0, 0, 0, 6, 0]);
    let mp = parse(&b, &ctx).mp_reach().unwrap();
    assert_eq!(texts(mp.iter::<V4Prefix>()), ["10.0.0.0/8 id 5", "0.0.0.0/0 id 6"]);
    assert!(mp.iter::<V4Prefix>().unwrap().has_path_ids());
    // The classic fields are of another family.
    let b = body(&[], &[ORIGIN, AS_PATH, NEXT_HOP], &[8, 10]);
    assert_eq!(v4(parse(&b, &ctx).reach_v4()), ["10.0.0.0/8"]);
    let b = announce(Family::EVPN, &[10, 0, 0, 1], &EVPN_AD);
    assert_eq!(texts(parse(&b, &ctx).mp_reach().unwrap().iter::<EvpnRoute>()).len(), 1);
    let both = UpdateContext { add_path: families.into_iter().collect(), ..ctx };
    assert!(UpdateView::parse(&b, &both).is_err());
}

/// A route of a known EVPN type and an impossible length can be told from its neighbours: it costs
/// itself, not the session.
#[test]
fn evpn_routes_that_do_not_fit_their_type() {
    let ctx = all(&[Family::EVPN]);
    let mut short = EVPN_AD[..26].to_vec();
    short[1] = 24;
    let b = announce(Family::EVPN, &[10, 0, 0, 1], &[&short[..], &EVPN_AD].concat());
    let mp = parse(&b, &ctx).mp_reach().unwrap();
    let odd: Vec<_> = mp.iter::<EvpnRoute>().unwrap().map(|(_, r)| r.is_malformed()).collect();
    assert_eq!(odd, [true, false]);
    let b = announce(Family::EVPN, &[10, 0, 0, 1], &EVPN_AD[..20]);
    assert_eq!(UpdateView::parse(&b, &ctx).unwrap_err().kind, Kind::OptionalAttribute(14));
}

#[test]
fn route_targets_of_both_address_families() {
    let l2vpn = Family::new(Afi::L2VPN, Safi::ROUTE_TARGET);
    for family in [Family::ROUTE_TARGET, l2vpn] {
        let b = announce(family, &[10, 0, 0, 1], &[0]);
        let view = parse(&b, &all(&[family]));
        let mp = view.mp_reach().unwrap();
        assert_eq!(texts(mp.iter::<RouteTargetMembership>()), ["default"]);
    }
}

#[test]
fn end_of_rib_of_every_family() {
    let every = all_families();
    let ctx = UpdateContext { families: every, ..UpdateContext::default() };
    assert_eq!(every.len(), 21);
    for family in every.iter() {
        let mut wire = Vec::new();
        end_of_rib(family, &mut wire);
        assert_eq!(parse(&wire[HEADER_LEN..], &ctx).end_of_rib(), Some(family), "{family}");
        let b = withdraw(family, &[]);
        assert_eq!(parse(&b, &ctx).end_of_rib(), Some(family), "{family}");
        assert_eq!(parse(&b, &ctx).ignored_fields(), 0);
        let none = UpdateContext { families: FamilySet::EMPTY, ..ctx };
        assert_eq!(parse(&b, &none).end_of_rib(), None);
        // With anything else beside it, it is none.
        let b = body(&[], &[&mp_unreach(family, &[]), ORIGIN], &[]);
        assert_eq!(parse(&b, &ctx).end_of_rib(), None);
    }
}

fn all_families() -> FamilySet {
    let numbers = [1, 2, 25, 16388].into_iter().flat_map(|a| (0..=255).map(move |s| (a, s)));
    numbers.map(|(afi, safi)| Family::new(Afi(afi), Safi(safi))).collect()
}

/// Families without a type are ignored and counted, their faults included.
#[test]
fn families_without_a_type() {
    let vpls = Family::new(Afi::L2VPN, Safi::VPLS);
    for ctx in [all(&[vpls]), disabling(&[vpls])] {
        let b = announce(vpls, &[1, 2, 3], &[9, 9, 9]);
        let view = parse(&b, &ctx);
        assert_eq!((view.ignored_fields(), view.has_reach()), (1, false));
        assert!(view.mp_reach().is_none() && view.disabled_family().is_none());
        let b = withdraw(vpls, &[9, 9, 9]);
        let view = parse(&b, &ctx);
        assert_eq!((view.ignored_fields(), view.has_unreach()), (1, false));
        assert!(view.mp_unreach().is_none() && view.end_of_rib().is_none());
    }
}

/// Every fault that is confined to a family, both ways of taking it.
#[test]
fn a_fault_costs_the_family() {
    let good = mp_unreach(Family::IPV6_UNICAST, &[32, 0x20, 1, 0xd, 0xb8]);
    let next_hop_runs_out = attr(0x80, 14, &[0, 25, 70, 9, 10, 0, 0, 1]);
    let no_reserved_octet = attr(0x80, 14, &[0, 25, 70, 4, 10, 0, 0, 1]);
    for bad in [
        mp_reach(25, 70, &[10, 0, 0, 1], &EVPN_AD[..20]),
        mp_reach(25, 70, &[10, 0, 0, 1, 9], &EVPN_AD),
        next_hop_runs_out,
        no_reserved_octet,
    ] {
        let b = body(&[8, 11], &[&bad, ORIGIN, AS_PATH, NEXT_HOP, &good], &[8, 10]);
        let e = UpdateView::parse(&b, &all(&[Family::EVPN])).unwrap_err();
        assert_eq!(e.kind, Kind::OptionalAttribute(14));

        let ctx = disabling(&[Family::EVPN]);
        let view = parse(&b, &ctx);
        assert_eq!(view.disabled_family(), Some((Family::EVPN, e)));
        assert!(view.mp_reach().is_none() && view.ignored_fields() == 0);
        // The rest is delivered.
        assert_eq!(v4(view.withdrawn_v4()), ["11.0.0.0/8"]);
        assert_eq!(v4(view.reach_v4()), ["10.0.0.0/8"]);
        assert_eq!(v6(view.unreach_v6()), ["2001:db8::/32"]);
        assert_eq!(canonical(&b, &ctx), [ORIGIN, AS_PATH].concat());
        // From then on it is a family like any that was not negotiated.
        let view = parse(&b, &disabling(&[])).disabled_family();
        assert_eq!(view, None);
    }
}

/// Attribute errors beside a disabled family cost what they cost, not the session: there may have
/// been routes (RFC 7606 section 5.2).
#[test]
fn errors_beside_a_disabled_family() {
    let bad = mp_reach(25, 70, &[10, 0, 0, 1], &EVPN_AD[..20]);
    let b = body(&[], &[&bad, &[0x40, 1, 1, 9]], &[]);
    let ctx = disabling(&[Family::EVPN]);
    let view = parse(&b, &ctx);
    assert!(view.disabled_family().is_some() && !view.has_reach());
    assert_eq!(refusal(&b, &ctx), Some(Kind::InvalidOrigin));
}

/// The routes of a disabled family are nowhere: not in the other attribute, not in classic fields.
#[test]
fn nothing_of_a_disabled_family_is_delivered() {
    let ctx = disabling(&[Family::EVPN]);
    let bad = mp_unreach(Family::EVPN, &EVPN_AD[..20]);
    let reach = mp_reach(25, 70, &[10, 0, 0, 1], &EVPN_AD);
    let b = body(&[], &[&reach, ORIGIN, AS_PATH, &bad], &[]);
    let view = parse(&b, &ctx);
    assert_eq!(view.disabled_family().unwrap().0, Family::EVPN);
    assert!(view.mp_reach().is_none() && view.mp_unreach().is_none() && !view.has_reach());

    let bad = mp_reach(1, 1, &[10, 0, 0], &[8, 12]);
    let b = body(&[8, 11], &[&bad, ORIGIN, AS_PATH, NEXT_HOP], &[8, 10]);
    let view = parse(&b, &ctx);
    assert_eq!(view.disabled_family().unwrap().0, Family::IPV4_UNICAST);
    assert_eq!((view.withdrawn_v4().len(), view.reach_v4().len()), (0, 0));
    assert!(!view.has_reach() && !view.has_unreach() && view.end_of_rib().is_none());
}

/// What is not confined to one family ends the session all the same.
#[test]
fn faults_that_no_family_answers_for() {
    let ctx = disabling(&[Family::EVPN]);
    let reach = mp_reach(25, 70, &[10, 0, 0, 1], &EVPN_AD[..20]);
    let unreach = mp_unreach(Family::IPV6_UNICAST, &[200]);
    for (attrs, kind) in [
        (vec![attr(0x80, 14, &[0, 25])], Kind::OptionalAttribute(14)),
        (vec![attr(0x80, 15, &[0, 25])], Kind::OptionalAttribute(15)),
        (vec![reach.clone(), reach.clone()], Kind::MalformedAttributeList),
        (vec![reach, unreach], Kind::OptionalAttribute(15)),
    ] {
        let attrs: Vec<&[u8]> = attrs.iter().map(Vec::as_slice).collect();
        let b = body(&[], &attrs, &[]);
        assert_eq!(UpdateView::parse(&b, &ctx).unwrap_err().kind, kind);
    }
    // As before: an impossible prefix outside the attributes.
    let b = body(&[], &[ORIGIN, AS_PATH, NEXT_HOP], &[33]);
    assert_eq!(UpdateView::parse(&b, &ctx).unwrap_err().kind, Kind::InvalidNetworkField);
}
