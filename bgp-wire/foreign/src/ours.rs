//! Our own reading, through the public interface of `bgp-wire`.
//!
//! What for: one side of every comparison.
//! Where: [`compare`](crate::compare).
//! How: an internal four-octet session without ADD-PATH that has negotiated every family we carry.
//! Invariants: `Good` means that nothing was refused, discarded or skipped. An EVPN route that does not
//! fit its type costs only itself, and makes the message `Unable`.
//! References: RFC 7606.

use std::net::IpAddr;

use bgp_wire::{
    AnyNlri, AttrOutcome, AttrScratch, Family, FamilySet, HEADER_LEN, NextHop, Nlri, Safi,
    UpdateContext, UpdateView, attrs,
};

use crate::{Open, Reading, Route, Update};

/// The session messages are read in.
pub fn context() -> UpdateContext {
    // The families compared: the others read no flow specifications of VPNs.
    let families: FamilySet = AnyNlri::FAMILIES
        .into_iter()
        .filter(|family| {
            family.safi != Safi::FLOW_SPEC_VPN && *family != Family::L2VPN_ROUTE_TARGET
        })
        .collect();
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
    if let Some((_, e)) = view.disabled_family() {
        return Reading::Bad(format!("{:?}", e.kind));
    }
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
        for (id, route) in reach.any() {
            if route.is_malformed() {
                return Reading::Unable;
            }
            let mut wire = Vec::new();
            route.put(&mut wire);
            update.announced.push((reach.family(), id, wire));
        }
    }
    if let Some(unreach) = view.mp_unreach() {
        for (id, route) in unreach.any() {
            if route.is_malformed() {
                return Reading::Unable;
            }
            let mut wire = Vec::new();
            route.put_withdrawn(&mut wire);
            update.withdrawn.push((unreach.family(), id, wire));
        }
    }
    update.announced.sort();
    update.withdrawn.sort();
    update.attributes = attrs(canonical).map(|a| (a.kind.0, a.value.to_vec())).collect();
    Reading::Good(update)
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
