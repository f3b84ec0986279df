//! What a session's settings make of a received attribute set, before import policy sees it.
//!
//! | what came | what becomes of it |
//! |---|---|
//! | an AS_SET or AS_CONFED_SET in AS_PATH | not eligible, `as-set` (RFC 9774) |
//! | ONLY_TO_CUSTOMER from a customer, a route server client, or with another AS from a peer | not eligible, `route-leak` (RFC 9234 section 5) |
//! | no ONLY_TO_CUSTOMER from a provider, route server or peer | it is added with the neighbour's AS |
//! | GRACEFUL_SHUTDOWN from another AS | LOCAL_PREF 0 (RFC 8326 section 4.2); import policy may set another |
//! | BLACKHOLE from another AS, neither NO_EXPORT nor NO_ADVERTISE | NO_EXPORT is added (RFC 7999 section 3.2) |
//! | anything, on a session with a local AS | that AS goes in front of AS_PATH, unless told not to |
//! | a next hop off the subnet of a one-hop external session | not eligible, `invalid-next-hop` (RFC 4271 section 6.3) |
//!
//! Pure: a function of the session's settings and the octets; [`crate::ingest`] calls it once a set.
//!
//! Invariants: canonical in, canonical out; what is not listed stays as it came.

use std::net::IpAddr;

use bgp_fsm::session::Established;
use bgp_fsm::{Negotiated, Role};
use bgp_wire::attr::{AsPath, AttrBuilder, AttrType, Community, SegmentType, attrs};
use bgp_wire::{Asn, NextHop};
use rib::PathFlags;

use crate::config::{NeighborConfig, RouterConfig};
use crate::subnets::Subnets;

/// The settings of a session that concern received attributes.
#[derive(Clone, Debug)]
pub(crate) struct Inbound {
    external: bool,
    role: Option<Role>,
    peer_as: Asn,
    /// Goes in front of AS_PATH.
    prepend: Option<Asn>,
    /// The router's AS, where the session has another: a second one to look for in loops.
    router_as: Option<Asn>,
    /// The neighbour's address and our subnets, where it is one hop away in another AS.
    link: Option<(IpAddr, Subnets)>,
}

impl Inbound {
    pub(crate) fn of(
        router: &RouterConfig,
        config: &NeighborConfig,
        established: &Established,
        subnets: Option<&Subnets>,
    ) -> Self {
        let Negotiated { ebgp, role, peer_as, local_as, .. } = *established.negotiated;
        let local = config.local_as.filter(|_| ebgp);
        Self {
            external: ebgp,
            role,
            peer_as,
            prepend: local.filter(|local| !local.no_prepend).map(|local| local.asn),
            router_as: (router.asn != local_as).then_some(router.asn),
            link: subnets.map(|subnets| (established.remote.ip(), subnets.clone())),
        }
    }

    /// The set as it is to be stored, in `canonical` itself or in `edited`, and what is wrong with it.
    /// `unicast`: its routes are, for of others roles say nothing (RFC 9234 section 5).
    pub(crate) fn apply<'a>(
        &self,
        unicast: bool,
        canonical: &'a [u8],
        edited: &'a mut Vec<u8>,
    ) -> (&'a [u8], PathFlags) {
        let mut flags = PathFlags::NONE;
        let (mut communities, mut otc) = (Communities::default(), None);
        for attr in attrs(canonical) {
            match attr.kind {
                AttrType::AS_PATH if has_set(attr.value) => flags = flags.with(PathFlags::AS_SET),
                AttrType::COMMUNITIES if self.external => communities.read(attr.value),
                AttrType::ONLY_TO_CUSTOMER => otc = asn(attr.value),
                _ => {}
            }
        }
        let role = self.role.filter(|_| unicast);
        let leaked = match role {
            Some(Role::Provider | Role::RouteServer) => otc.is_some(),
            Some(Role::Peer) => otc.is_some_and(|otc| otc != self.peer_as),
            Some(Role::Customer | Role::RouteServerClient) | None => false,
        };
        if leaked {
            flags = flags.with(PathFlags::ROUTE_LEAK);
        }
        let upstream = matches!(role, Some(Role::Customer | Role::RouteServerClient | Role::Peer));
        let mark = upstream && otc.is_none();
        let contain = communities.blackhole && !communities.contained;
        if !mark && !contain && !communities.graceful_shutdown && self.prepend.is_none() {
            return (canonical, flags);
        }
        let mut edit = AttrBuilder::edit(canonical);
        if mark {
            edit.set_only_to_customer(Some(self.peer_as));
        }
        if communities.graceful_shutdown {
            edit.set_local_pref(Some(0));
        }
        if contain {
            let mut list: Vec<_> = Community::of(canonical).collect();
            list.push(Community::NO_EXPORT);
            edit.set_communities(&list);
        }
        if let Some(asn) = self.prepend {
            edit.prepend(asn, 1);
        }
        edited.clear();
        edit.finish(edited);
        (edited, flags)
    }

    /// Whether a set that [`apply`](Self::apply) has made is a loop: `local_as`, ours on the session, or
    /// the router's own is in the path more often than allowed.
    pub(crate) fn is_loop(&self, stored: &[u8], local_as: Asn, allowed: u8) -> bool {
        let put_there = usize::from(self.prepend == Some(local_as));
        let own = AsPath::of(stored).count(local_as).saturating_sub(put_there);
        own.max(self.router_as_count(stored)) > usize::from(allowed)
    }

    /// How often the router's own AS is in a path, where the session goes by another one.
    pub(crate) fn router_as_count(&self, canonical: &[u8]) -> usize {
        self.router_as.map_or(0, |asn| AsPath::of(canonical).count(asn))
    }

    /// Whether the other end may name this next hop (RFC 4271 section 6.3): one hop away in another
    /// AS it must be the neighbour itself or on a subnet that we share with it.
    pub(crate) fn accepts(&self, next_hop: &NextHop) -> bool {
        let Some((neighbor, subnets)) = &self.link else { return true };
        match next_hop {
            NextHop::V6WithLinkLocal { global, .. } if !global.is_unicast_link_local() => {
                // Some leave the first half empty: the link-local address is on the link by itself.
                global.is_unspecified()
                    || IpAddr::V6(*global) == *neighbor
                    || subnets.cover(IpAddr::V6(*global))
            }
            _ if next_hop.link_local().is_some() => true,
            _ => next_hop.addr() == *neighbor || subnets.cover(next_hop.addr()),
        }
    }
}

#[derive(Debug, Default)]
struct Communities {
    graceful_shutdown: bool,
    blackhole: bool,
    /// It does not leave our AS as it is.
    contained: bool,
}

impl Communities {
    fn read(&mut self, value: &[u8]) {
        for raw in value.chunks_exact(4) {
            let Ok(octets) = raw.try_into() else { continue };
            match Community(u32::from_be_bytes(octets)) {
                Community::GRACEFUL_SHUTDOWN => self.graceful_shutdown = true,
                Community::BLACKHOLE => self.blackhole = true,
                Community::NO_EXPORT | Community::NO_ADVERTISE => self.contained = true,
                _ => {}
            }
        }
    }
}

fn asn(value: &[u8]) -> Option<Asn> {
    Some(Asn(u32::from_be_bytes(value.try_into().ok()?)))
}

fn has_set(path: &[u8]) -> bool {
    let set = |kind| matches!(kind, SegmentType::SET | SegmentType::CONFED_SET);
    AsPath::new(path).segments().any(|segment| set(segment.kind))
}

#[cfg(test)]
mod tests;
