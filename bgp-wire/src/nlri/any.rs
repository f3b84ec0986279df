//! A route of any family.
//!
//! What for: tools, logs and tests that meet families as they come; tables use the types themselves.
//! Where: beside the types, over all of them.
//! How: a variant for each type. A plain prefix stands for unicast and multicast alike, so the family
//! is an argument wherever it is needed, and [`AnyNlri::fits`] says whether a route is one of it.
//! Invariants: `take` and `parse` of a family yield a route that fits it.
//! References: those of the types.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::fmt;

use super::{
    EvpnPrefix, EvpnRoute, FlowSpec, Label, Labeled, Nlri, RouteDistinguisher,
    RouteTargetMembership, Vpn, VpnFlowSpec,
};
use crate::{
    error::ParseError,
    family::Family,
    prefix::{Prefix, V4Prefix, V6Prefix},
};

/// A route of any family whose NLRI this crate reads.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum AnyNlri {
    /// IPv4 unicast or multicast.
    V4(V4Prefix),
    /// IPv6 unicast or multicast.
    V6(V6Prefix),
    /// IPv4 with labels.
    LabeledV4(Labeled<V4Prefix>),
    /// IPv6 with labels.
    LabeledV6(Labeled<V6Prefix>),
    /// VPN-IPv4.
    VpnV4(Vpn<V4Prefix>),
    /// VPN-IPv6.
    VpnV6(Vpn<V6Prefix>),
    /// EVPN.
    Evpn(EvpnRoute),
    /// Route target membership.
    RouteTarget(RouteTargetMembership),
    /// IPv4 flow specification.
    FlowSpecV4(FlowSpec<V4Prefix>),
    /// IPv6 flow specification.
    FlowSpecV6(FlowSpec<V6Prefix>),
    /// VPN-IPv4 flow specification.
    VpnFlowSpecV4(VpnFlowSpec<V4Prefix>),
    /// VPN-IPv6 flow specification.
    VpnFlowSpecV6(VpnFlowSpec<V6Prefix>),
}

const _: () = assert!(size_of::<AnyNlri>() <= 72);

/// Does the same with the route of every variant.
macro_rules! each {
    ($any:expr, $route:ident => $body:expr) => {
        match $any {
            AnyNlri::V4($route) => $body,
            AnyNlri::V6($route) => $body,
            AnyNlri::LabeledV4($route) => $body,
            AnyNlri::LabeledV6($route) => $body,
            AnyNlri::VpnV4($route) => $body,
            AnyNlri::VpnV6($route) => $body,
            AnyNlri::Evpn($route) => $body,
            AnyNlri::RouteTarget($route) => $body,
            AnyNlri::FlowSpecV4($route) => $body,
            AnyNlri::FlowSpecV6($route) => $body,
            AnyNlri::VpnFlowSpecV4($route) => $body,
            AnyNlri::VpnFlowSpecV6($route) => $body,
        }
    };
}

/// Does the same with the type of the routes of a family, here called `$n`; `None` for a family whose
/// NLRI this crate does not read.
macro_rules! of_family {
    ($family:expr, $n:ident => $body:expr) => {
        match $family {
            $crate::Family::IPV4_UNICAST | $crate::Family::IPV4_MULTICAST => {
                type $n = $crate::V4Prefix;
                $body
            }
            $crate::Family::IPV6_UNICAST | $crate::Family::IPV6_MULTICAST => {
                type $n = $crate::V6Prefix;
                $body
            }
            $crate::Family::IPV4_LABELED => {
                type $n = $crate::nlri::Labeled<$crate::V4Prefix>;
                $body
            }
            $crate::Family::IPV6_LABELED => {
                type $n = $crate::nlri::Labeled<$crate::V6Prefix>;
                $body
            }
            $crate::Family::IPV4_VPN => {
                type $n = $crate::nlri::Vpn<$crate::V4Prefix>;
                $body
            }
            $crate::Family::IPV6_VPN => {
                type $n = $crate::nlri::Vpn<$crate::V6Prefix>;
                $body
            }
            $crate::Family::EVPN => {
                type $n = $crate::nlri::EvpnRoute;
                $body
            }
            $crate::Family::ROUTE_TARGET | $crate::Family::L2VPN_ROUTE_TARGET => {
                type $n = $crate::nlri::RouteTargetMembership;
                $body
            }
            $crate::Family::IPV4_FLOW_SPEC => {
                type $n = $crate::nlri::FlowSpec<$crate::V4Prefix>;
                $body
            }
            $crate::Family::IPV6_FLOW_SPEC => {
                type $n = $crate::nlri::FlowSpec<$crate::V6Prefix>;
                $body
            }
            $crate::Family::IPV4_FLOW_SPEC_VPN => {
                type $n = $crate::nlri::VpnFlowSpec<$crate::V4Prefix>;
                $body
            }
            $crate::Family::IPV6_FLOW_SPEC_VPN => {
                type $n = $crate::nlri::VpnFlowSpec<$crate::V6Prefix>;
                $body
            }
            _ => None,
        }
    };
}

pub(crate) use of_family;

impl AnyNlri {
    /// The families whose NLRI this crate reads.
    pub const FAMILIES: [Family; 15] = [
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
        Family::L2VPN_ROUTE_TARGET,
        Family::IPV4_FLOW_SPEC,
        Family::IPV6_FLOW_SPEC,
        Family::IPV4_FLOW_SPEC_VPN,
        Family::IPV6_FLOW_SPEC_VPN,
    ];

    /// Reads one route of `family` off the front of a field of MP_REACH_NLRI or, if `withdrawn`, of
    /// MP_UNREACH_NLRI (without path identifier). `None` if the route's length is impossible, it is cut
    /// short, or this crate does not read the family's NLRI ([`Self::reads`]).
    pub fn take(family: Family, withdrawn: bool, bytes: &[u8]) -> Option<(Self, &[u8])> {
        of_family!(family, N => {
            let taken = if withdrawn { N::take_withdrawn(bytes) } else { N::take(bytes) };
            taken.map(|(route, rest)| (route.into(), rest))
        })
    }

    /// Whether this crate reads the NLRI of `family`.
    pub fn reads(family: Family) -> bool {
        of_family!(family, N => Some(size_of::<N>())).is_some()
    }

    /// Whether this can be a route of `family`.
    pub fn fits(&self, family: Family) -> bool {
        fn families<N: Nlri>(_: &N) -> &'static [Family] {
            N::FAMILIES
        }
        each!(self, route => families(route)).contains(&family)
    }

    /// Octets on the wire, as [`Nlri::encoded_len`].
    pub fn encoded_len(&self) -> usize {
        each!(self, route => route.encoded_len())
    }

    /// Appends the form for MP_REACH_NLRI.
    pub fn put(&self, out: &mut Vec<u8>) {
        each!(self, route => route.put(out));
    }

    /// Appends the form for MP_UNREACH_NLRI.
    pub fn put_withdrawn(&self, out: &mut Vec<u8>) {
        each!(self, route => route.put_withdrawn(out));
    }

    /// Whether the route is to be treated as withdrawn, as [`Nlri::is_malformed`].
    pub fn is_malformed(&self) -> bool {
        each!(self, route => route.is_malformed())
    }

    /// Reads the text of a route of `family`.
    ///
    /// # Errors
    /// Text that is no route of this family, or a family whose NLRI this crate does not read.
    pub fn parse(family: Family, text: &str) -> Result<Self, ParseError> {
        let unread = ParseError::new(
            "a family with routes, such as ipv4/unicast, ipv6/vpn, l2vpn/evpn or ipv4/flowspec",
        );
        of_family!(family, N => Some(text.parse::<N>().map(Self::from))).unwrap_or(Err(unread))
    }

    /// The prefix, of the families that are about prefixes and of EVPN type 5.
    pub fn prefix(&self) -> Option<Prefix> {
        match self {
            Self::V4(prefix) => Some((*prefix).into()),
            Self::V6(prefix) => Some((*prefix).into()),
            Self::LabeledV4(route) => Some(route.prefix().into()),
            Self::LabeledV6(route) => Some(route.prefix().into()),
            Self::VpnV4(route) => Some(route.prefix().into()),
            Self::VpnV6(route) => Some(route.prefix().into()),
            Self::Evpn(EvpnRoute::IpPrefix { route, .. }) => Some(EvpnPrefix::prefix(route)),
            _ => None,
        }
    }

    /// The route distinguisher, of the families that have one.
    pub const fn rd(&self) -> Option<RouteDistinguisher> {
        match self {
            Self::VpnV4(route) => Some(route.rd()),
            Self::VpnV6(route) => Some(route.rd()),
            Self::Evpn(route) => route.rd(),
            Self::VpnFlowSpecV4(route) => Some(route.rd()),
            Self::VpnFlowSpecV6(route) => Some(route.rd()),
            _ => None,
        }
    }

    /// The MPLS labels, top first, of the families that have a label stack. Those of EVPN may be VNIs
    /// and are not among them ([`EvpnRoute::labels`]).
    pub fn labels(&self) -> &[Label] {
        match self {
            Self::LabeledV4(route) => route.labels().as_slice(),
            Self::LabeledV6(route) => route.labels().as_slice(),
            Self::VpnV4(route) => route.labels().as_slice(),
            Self::VpnV6(route) => route.labels().as_slice(),
            _ => &[],
        }
    }
}

impl fmt::Display for AnyNlri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        each!(self, route => fmt::Display::fmt(route, f))
    }
}

impl fmt::Debug for AnyNlri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! from {
    ($($variant:ident($route:ty)),+ $(,)?) => {$(
        impl From<$route> for AnyNlri {
            fn from(route: $route) -> Self {
                Self::$variant(route)
            }
        }
    )+};
}

from!(
    V4(V4Prefix),
    V6(V6Prefix),
    LabeledV4(Labeled<V4Prefix>),
    LabeledV6(Labeled<V6Prefix>),
    VpnV4(Vpn<V4Prefix>),
    VpnV6(Vpn<V6Prefix>),
    Evpn(EvpnRoute),
    RouteTarget(RouteTargetMembership),
    FlowSpecV4(FlowSpec<V4Prefix>),
    FlowSpecV6(FlowSpec<V6Prefix>),
    VpnFlowSpecV4(VpnFlowSpec<V4Prefix>),
    VpnFlowSpecV6(VpnFlowSpec<V6Prefix>),
);

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [(&str, &str); 14] = [
        ("ipv4/unicast", "192.0.2.0/24"),
        ("ipv4/multicast", "192.0.2.0/24"),
        ("ipv6/unicast", "2001:db8::/32"),
        ("ipv4/labeled-unicast", "192.0.2.0/24 label 100"),
        ("ipv6/labeled-unicast", "2001:db8::/32 label 100,200"),
        ("ipv4/vpn", "65001:100:192.0.2.0/24 label 100"),
        ("ipv6/vpn", "192.0.2.1:7:2001:db8::/32 label 100"),
        ("l2vpn/evpn", "ip-prefix rd 65001:1 esi 0 tag 0 prefix 192.0.2.0/24 label 100"),
        ("ipv4/route-target", "65001:rt:65001:100/96"),
        ("l2vpn/route-target", "default"),
        ("ipv4/flowspec", "dst 192.0.2.0/24 proto =6"),
        ("ipv6/flowspec", "dst 2001:db8::/32 proto =6"),
        ("ipv4/flowspec-vpn", "rd 65001:1 dst 192.0.2.0/24"),
        ("ipv6/flowspec-vpn", "rd 65001:1 dst 2001:db8::/32"),
    ];

    #[test]
    fn families_and_types_agree() {
        for family in AnyNlri::FAMILIES {
            let agree = of_family!(family, N => Some(<N as Nlri>::FAMILIES.contains(&family)));
            assert_eq!(agree, Some(true), "{family}");
        }
    }

    #[test]
    fn every_family() {
        for (family, text) in TEXTS {
            let family: Family = family.parse().unwrap();
            let route = AnyNlri::parse(family, text).unwrap();
            assert!(route.fits(family) && AnyNlri::reads(family) && !route.is_malformed());
            assert_eq!(route.to_string(), text);
            let mut out = Vec::new();
            route.put(&mut out);
            assert_eq!(out.len(), route.encoded_len());
            assert_eq!(AnyNlri::take(family, false, &out), Some((route.clone(), &[][..])));
            out.clear();
            route.put_withdrawn(&mut out);
            assert!(out.len() <= route.encoded_len());
            let (withdrawn, rest) = AnyNlri::take(family, true, &out).unwrap();
            assert!(rest.is_empty() && withdrawn.labels().is_empty());
            assert_eq!((withdrawn.rd(), withdrawn.prefix()), (route.rd(), route.prefix()));
            // Of all families only those of its own type take the route.
            let fitting = TEXTS.iter().filter(|(f, _)| route.fits(f.parse().unwrap())).count();
            assert!((1..=2).contains(&fitting), "{text}");
        }
    }

    #[test]
    fn families_without_routes() {
        let vpls = "l2vpn/vpls".parse().unwrap();
        assert!(!AnyNlri::reads(vpls));
        assert_eq!(AnyNlri::take(vpls, false, &[0; 64]), None);
        assert!(AnyNlri::parse(vpls, "192.0.2.0/24").is_err());
        assert!(AnyNlri::parse(Family::IPV6_UNICAST, "192.0.2.0/24").is_err());
    }

    #[test]
    fn parts() {
        let vpn = AnyNlri::parse(Family::IPV4_VPN, "1:2:10.0.0.0/8 label 5,6").unwrap();
        assert_eq!(vpn.labels().iter().map(|l| l.value()).collect::<Vec<_>>(), [5, 6]);
        assert_eq!(vpn.rd(), Some(RouteDistinguisher::from_asn2(1, 2)));
        assert_eq!(vpn.prefix(), Some("10.0.0.0/8".parse().unwrap()));
    }
}
