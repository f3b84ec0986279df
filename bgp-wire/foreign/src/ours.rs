//! Our own reading, through the public interface of `bgp-wire`.
//!
//! What for: one side of every comparison.
//! Where: [`compare`](crate::compare).
//! How: an internal four-octet session without ADD-PATH that has negotiated every family we carry.
//! Invariants: `Good` means that nothing was refused, discarded or skipped.
//! References: RFC 7606.

use std::net::IpAddr;

use bgp_wire::{
    AttrOutcome, AttrScratch, EvpnRoute, Family, FamilySet, HEADER_LEN, Labeled, MpReach,
    MpUnreach, NextHop, Nlri, NlriIter, RouteTargetMembership, UpdateContext, UpdateView, V4Prefix,
    V6Prefix, Vpn, attrs,
};

use crate::{Open, Reading, Route, Update};

/// The families compared.
const FAMILIES: [Family; 10] = [
    Family::IPV4_UNICAST,
    Family::IPV6_UNICAST,
    Family::IPV4_MULTICAST,
    Family::IPV6_MULTICAST,
    Family::IPV4_LABELED,
    Family::IPV6_LABELED,
    Family::IPV4_VPN,
    Family::IPV6_VPN,
    Family::EVPN,
    Family::ROUTE_TARGET,
];

/// The session messages are read in.
pub fn context() -> UpdateContext {
    let families: FamilySet = FAMILIES.into_iter().collect();
    UpdateContext {
        ebgp: false,
        confederation: true,
        aigp: true,
        extended_next_hop: families,
        families,
        ..UpdateContext::default()
    }
}

/// Reads a whole UPDATE message.
pub fn update(message: &[u8]) -> Reading<Update> {
    let view = match UpdateView::parse(&message[HEADER_LEN..], &context()) {
        Ok(view) => view,
        Err(e) => return Reading::Bad(format!("{:?}", e.kind)),
    };
    if view.ignored_fields() > 0 {
        return Reading::Unable;
    }
    let mut scratch = AttrScratch::default();
    let canonical = match view.attrs(&mut scratch) {
        AttrOutcome::Ok { canonical, discarded: 0, .. } => canonical,
        AttrOutcome::Ok { .. } => return Reading::Bad("Discarded".into()),
        AttrOutcome::TreatAsWithdraw(e) => return Reading::Bad(format!("{:?}", e.kind)),
    };
    let mut update = Update::default();
    // Those of MP_UNREACH_NLRI and MP_REACH_NLRI come below.
    let classic = view.withdrawn_v4().len()
        - view.mp_unreach().filter(|u| u.family() == Family::IPV4_UNICAST).map_or(0, |u| u.len());
    put(Family::IPV4_UNICAST, view.withdrawn_v4().take(classic), &mut update.withdrawn);
    let mp_v4 = view.mp_reach().is_some_and(|r| r.family() == Family::IPV4_UNICAST);
    if !mp_v4 || view.second_reach_v4().is_some() {
        put(Family::IPV4_UNICAST, view.reach_v4(), &mut update.announced);
        if view.reach_v4().len() > 0 {
            update.next_hop = view.next_hop_v4().map(|hop| hop.addr());
        }
    }
    if let Some(reach) = view.mp_reach() {
        update.mp_next_hop = reach.next_hop().map(addresses).unwrap_or_default();
        match reach.family() {
            Family::IPV4_UNICAST | Family::IPV4_MULTICAST => {
                announced::<V4Prefix>(reach, &mut update)
            }
            Family::IPV6_UNICAST | Family::IPV6_MULTICAST => {
                announced::<V6Prefix>(reach, &mut update)
            }
            Family::IPV4_LABELED => announced::<Labeled<V4Prefix>>(reach, &mut update),
            Family::IPV6_LABELED => announced::<Labeled<V6Prefix>>(reach, &mut update),
            Family::IPV4_VPN => announced::<Vpn<V4Prefix>>(reach, &mut update),
            Family::IPV6_VPN => announced::<Vpn<V6Prefix>>(reach, &mut update),
            Family::EVPN => announced::<EvpnRoute>(reach, &mut update),
            _ => announced::<RouteTargetMembership>(reach, &mut update),
        }
    }
    if let Some(unreach) = view.mp_unreach() {
        match unreach.family() {
            Family::IPV4_UNICAST | Family::IPV4_MULTICAST => {
                withdrawn::<V4Prefix>(unreach, &mut update)
            }
            Family::IPV6_UNICAST | Family::IPV6_MULTICAST => {
                withdrawn::<V6Prefix>(unreach, &mut update)
            }
            Family::IPV4_LABELED => withdrawn::<Labeled<V4Prefix>>(unreach, &mut update),
            Family::IPV6_LABELED => withdrawn::<Labeled<V6Prefix>>(unreach, &mut update),
            Family::IPV4_VPN => withdrawn::<Vpn<V4Prefix>>(unreach, &mut update),
            Family::IPV6_VPN => withdrawn::<Vpn<V6Prefix>>(unreach, &mut update),
            Family::EVPN => withdrawn::<EvpnRoute>(unreach, &mut update),
            _ => withdrawn::<RouteTargetMembership>(unreach, &mut update),
        }
    }
    update.announced.sort();
    update.withdrawn.sort();
    update.attributes = attrs(canonical).map(|a| (a.kind.0, a.value.to_vec())).collect();
    Reading::Good(update)
}

fn announced<N: Nlri>(reach: MpReach<'_>, update: &mut Update) {
    put(reach.family(), reach.iter::<N>().expect("its own type"), &mut update.announced);
}

fn withdrawn<N: Nlri>(unreach: MpUnreach<'_>, update: &mut Update) {
    let iter: NlriIter<'_, N> = unreach.iter().expect("its own type");
    update.withdrawn.extend(iter.map(|(id, route)| {
        let mut wire = Vec::new();
        route.put_withdrawn(&mut wire);
        (unreach.family(), id, wire)
    }));
}

/// Reads the body of an OPEN.
pub fn open(body: &[u8]) -> Reading<Open> {
    match bgp_wire::Open::decode(body) {
        Ok(open) => {
            let mut capabilities = Vec::new();
            for capability in &open.capabilities {
                let mut wire = Vec::new();
                capability.put(&mut wire);
                if let [code, _, value @ ..] = &wire[..] {
                    capabilities.push((*code, value.to_vec()));
                }
            }
            Reading::Good(Open {
                version: open.version,
                my_as: open.my_as_field,
                hold_time: open.hold_time,
                id: open.router_id.octets(),
                capabilities,
            })
        }
        Err(e) => Reading::Bad(format!("{:?}", e.kind)),
    }
}

fn put<N: Nlri>(family: Family, routes: impl Iterator<Item = (u32, N)>, out: &mut Vec<Route>) {
    out.extend(routes.map(|(id, route)| {
        let mut wire = Vec::new();
        route.put(&mut wire);
        (family, id, wire)
    }));
}

fn addresses(hop: NextHop) -> Vec<IpAddr> {
    std::iter::once(hop.addr()).chain(hop.link_local().map(IpAddr::V6)).collect()
}
