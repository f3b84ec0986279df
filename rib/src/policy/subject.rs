//! What conditions can ask of a route beside its attribute set.
//!
//! **For**: evaluation and `explain`, for every address family. **Sits**: made by whoever holds the
//! route, read by [`super::Compiled::class`]. **How it works**: plain fields; a family fills in what
//! its routes have, and a condition on what a route has not is false. **Invariants**: a function of
//! NLRI, next hop and (EVPN type 3 only) attributes. **Cost**: a copy of some 60 octets, made only
//! where a policy asks.
//! **References**: RFC 4364 section 4.3.1, RFC 7432 section 7, RFC 8365 section 5.1.3, RFC 9136
//! section 3.1.

use std::{any::Any, net::IpAddr};

use bgp_wire::{
    AttrType, EvpnRoute, Family, MacAddr, NextHop, NlriPrefix, Prefix,
    attr::{find, pmsi::Pmsi},
};

use crate::{NextHopId, NextHopTable, TableFamily};

/// An EVPN route type, as policy tells them apart.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum EvpnType {
    /// Type 1.
    EthernetAutoDiscovery,
    /// Type 2.
    MacIp,
    /// Type 3.
    InclusiveMulticast,
    /// Type 4.
    EthernetSegment,
    /// Type 5, an IPv4 prefix.
    IpPrefixV4,
    /// Type 5, an IPv6 prefix.
    IpPrefixV6,
    /// Any other, or one whose value does not fit its type.
    Other(u8),
}

/// The fields of an EVPN route that conditions ask about.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct EvpnFields {
    /// Its type.
    pub kind: EvpnType,
    /// The VNIs it names: types 1 and 5 one, type 2 one or two, type 3 that of its tunnel.
    pub vnis: [Option<u32>; 2],
    /// The station (type 2).
    pub mac: Option<MacAddr>,
}

/// A route as policy sees it, without its attribute set.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Address family.
    pub family: Family,
    /// The prefix; behind the route distinguisher for VPN and EVPN type 5.
    pub prefix: Option<Prefix>,
    /// The next hop as received; `None` for a route originated here.
    pub next_hop: Option<IpAddr>,
    /// What an EVPN route says.
    pub evpn: Option<EvpnFields>,
}

impl Subject {
    /// A route of a table: the key of its row, its next hop (with what else its NLRI has) and its
    /// canonical attributes.
    #[inline]
    pub fn of<P: TableFamily>(
        key: P,
        next_hops: &NextHopTable,
        next_hop: NextHopId,
        canonical: &[u8],
    ) -> Self {
        let subject = if P::FAMILY == Family::EVPN {
            let route = key.join(next_hops.rest(next_hop));
            let route = (&route as &dyn Any).downcast_ref::<EvpnRoute>();
            Self::evpn(route.expect("the family says what its routes are"), canonical)
        } else {
            Self { family: P::FAMILY, prefix: key.prefix(), next_hop: None, evpn: None }
        };
        subject.via(next_hops.key(next_hop).next_hop)
    }

    /// A unicast route, next hop not told yet.
    #[inline]
    pub fn unicast<P: NlriPrefix>(prefix: P) -> Self {
        Self::prefix(P::FAMILY, prefix)
    }

    /// A route of another family whose NLRI has a prefix: VPN, labelled unicast.
    #[inline]
    pub fn prefix(family: Family, prefix: impl Into<Prefix>) -> Self {
        Self { family, prefix: Some(prefix.into()), next_hop: None, evpn: None }
    }

    /// An EVPN route with all its NLRI fields (labels included, which are no part of its key) and its
    /// canonical attributes.
    pub fn evpn(route: &EvpnRoute, canonical: &[u8]) -> Self {
        let mut prefix = None;
        let mut fields = EvpnFields { kind: EvpnType::Other(0), vnis: [None; 2], mac: None };
        match route {
            EvpnRoute::EthernetAd { label, .. } => {
                fields.kind = EvpnType::EthernetAutoDiscovery;
                fields.vnis[0] = Some(label.vni());
            }
            EvpnRoute::MacIp { mac, label, ip_label, .. } => {
                fields.kind = EvpnType::MacIp;
                fields.vnis = [Some(label.vni()), ip_label.map(|label| label.vni())];
                fields.mac = Some(*mac);
            }
            EvpnRoute::InclusiveMulticast { .. } => {
                fields.kind = EvpnType::InclusiveMulticast;
                let tunnel = find(canonical, AttrType::PMSI_TUNNEL).and_then(Pmsi::new);
                fields.vnis[0] = tunnel.map(|tunnel| tunnel.vni());
            }
            EvpnRoute::EthernetSegment { .. } => fields.kind = EvpnType::EthernetSegment,
            EvpnRoute::IpPrefix { route, label, .. } => {
                prefix = Some(route.prefix());
                fields.kind = match route.prefix() {
                    Prefix::V4(_) => EvpnType::IpPrefixV4,
                    Prefix::V6(_) => EvpnType::IpPrefixV6,
                };
                fields.vnis[0] = Some(label.vni());
            }
            EvpnRoute::Opaque(opaque) => fields.kind = EvpnType::Other(opaque.kind()),
        }
        Self { family: Family::EVPN, prefix, next_hop: None, evpn: Some(fields) }
    }

    /// With the next hop as received; that of a route originated here (unspecified) is none.
    #[inline]
    #[must_use]
    pub fn via(mut self, next_hop: NextHop) -> Self {
        let addr = next_hop.addr();
        self.next_hop = (!addr.is_unspecified()).then_some(addr);
        self
    }
}
