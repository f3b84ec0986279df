//! Properties of routes of every family: octets and text lead back to the route, and no octets lead
//! astray.

use bgp_wire::{
    AnyNlri, EvpnRoute, Family, FlowSpec, Labeled, Nlri, RouteTargetMembership, V4Prefix, V6Prefix,
    Vpn, VpnFlowSpec,
};
use proptest::{collection::vec, prelude::*};

use crate::arb_nlri::{FAMILIES, any_route, route};

fn octets(route: &AnyNlri, withdrawn: bool) -> Vec<u8> {
    let mut out = Vec::new();
    if withdrawn {
        route.put_withdrawn(&mut out);
    } else {
        route.put(&mut out);
    }
    out
}

/// Octets of routes with a few of them changed, or the end cut off.
fn damaged() -> impl Strategy<Value = (Family, Vec<u8>)> {
    let family = proptest::sample::select(&FAMILIES[..]);
    family.prop_flat_map(|family| {
        let routes = vec(route(family), 1..5);
        let harm = vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4);
        (routes, harm, any::<proptest::sample::Index>()).prop_map(move |(routes, harm, cut)| {
            let mut field: Vec<u8> = routes.iter().flat_map(|r| octets(r, false)).collect();
            for (at, octet) in harm {
                let at = at.index(field.len());
                field[at] = octet;
            }
            let keep = if cut.index(3) == 0 { cut.index(field.len()) } else { field.len() };
            field.truncate(keep);
            (family, field)
        })
    })
}

/// What `take` makes of a field, and that it always goes on and is stable.
fn walk(family: Family, withdrawn: bool, field: &[u8]) -> Result<usize, usize> {
    let (mut rest, mut count) = (field, 0);
    while !rest.is_empty() {
        let Some((route, tail)) = AnyNlri::take(family, withdrawn, rest) else {
            return Err(field.len() - rest.len());
        };
        assert!(tail.len() < rest.len() && rest.ends_with(tail));
        assert!(route.fits(family));
        let canonical = octets(&route, withdrawn);
        assert_eq!(
            AnyNlri::take(family, withdrawn, &canonical),
            Some((route.clone(), &[][..])),
            "{family} {route}"
        );
        // Only labels of withdrawals and long forms of lengths are written anew; in number of
        // octets no route grows.
        assert!(canonical.len() <= rest.len() - tail.len());
        assert_eq!(AnyNlri::parse(family, &route.to_string()), Ok(route), "{family}");
        (rest, count) = (tail, count + 1);
    }
    Ok(count)
}

/// The two readings of a field that `N` has of its own agree with one route after the other.
fn agree<N: Nlri>(field: &[u8])
where
    AnyNlri: From<N>,
{
    for family in N::FAMILIES {
        let (mut read, mut withdrawn) = (Vec::new(), Vec::new());
        assert_eq!(N::scan(field), walk(*family, false, field), "{family}");
        assert_eq!(N::scan_withdrawn(field), walk(*family, true, field), "{family} withdrawn");
        N::read_all(field, &mut read);
        N::read_all_withdrawn(field, &mut withdrawn);
        if let Ok(count) = N::scan(field) {
            assert_eq!(read.len(), count);
        }
        if let Ok(count) = N::scan_withdrawn(field) {
            assert_eq!(withdrawn.len(), count);
        }
        assert!(read.iter().all(|route| AnyNlri::from(route.clone()).fits(*family)));
    }
}

fn agree_all(field: &[u8]) {
    agree::<V4Prefix>(field);
    agree::<V6Prefix>(field);
    agree::<Labeled<V4Prefix>>(field);
    agree::<Labeled<V6Prefix>>(field);
    agree::<Vpn<V4Prefix>>(field);
    agree::<Vpn<V6Prefix>>(field);
    agree::<EvpnRoute>(field);
    agree::<RouteTargetMembership>(field);
    agree::<FlowSpec<V4Prefix>>(field);
    agree::<FlowSpec<V6Prefix>>(field);
    agree::<VpnFlowSpec<V4Prefix>>(field);
    agree::<VpnFlowSpec<V6Prefix>>(field);
}

#[test]
fn every_family_has_routes() {
    for family in FAMILIES {
        assert!(AnyNlri::reads(family), "{family}");
    }
}

proptest! {
    #[test]
    fn octets_lead_back((family, route) in any_route(), tail in vec(any::<u8>(), 0..20)) {
        let wire = octets(&route, false);
        prop_assert_eq!(wire.len(), route.encoded_len());
        let field = [&wire[..], &tail].concat();
        prop_assert_eq!(AnyNlri::take(family, false, &field), Some((route.clone(), &tail[..])));
        for cut in 0..wire.len() {
            prop_assert_eq!(AnyNlri::take(family, false, &wire[..cut]), None);
        }
        let withdrawn = octets(&route, true);
        prop_assert!(withdrawn.len() <= wire.len());
        let field = [&withdrawn[..], &tail].concat();
        let (back, rest) = AnyNlri::take(family, true, &field).unwrap();
        prop_assert_eq!(rest, &tail[..]);
        prop_assert_eq!((back.prefix(), back.rd()), (route.prefix(), route.rd()));
        prop_assert_eq!(octets(&back, true), withdrawn);
    }

    #[test]
    fn text_leads_back((family, route) in any_route()) {
        prop_assert_eq!(AnyNlri::parse(family, &route.to_string()), Ok(route));
    }

    #[test]
    fn damaged_routes((_, field) in damaged()) {
        agree_all(&field);
    }

    #[test]
    fn arbitrary_octets(field in vec(any::<u8>(), 0..300)) {
        agree_all(&field);
    }

    #[test]
    fn arbitrary_text(family in proptest::sample::select(&FAMILIES[..]), text in "\\PC{0,60}") {
        if let Ok(route) = AnyNlri::parse(family, &text) {
            prop_assert_eq!(AnyNlri::parse(family, &route.to_string()), Ok(route));
        }
    }
}
