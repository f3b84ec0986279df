//! Address families: AFI, SAFI, their pair, and sets of pairs.
//!
//! What for: naming what an MP attribute, a capability or a table carries.
//! Where: shared by the codec, the session negotiation and the tables.
//! How: numbers are kept as they are on the wire, so an unknown family survives a round trip;
//! `FamilySet` is a bit set over the families this crate has names for.
//! Invariants: a family that has no bit can never be a member of a `FamilySet`.
//! References: RFC 4760 sections 3 and 8; IANA "Address Family Numbers" and "SAFI" registries.

use std::{fmt, str::FromStr};

use crate::error::ParseError;

/// Address Family Identifier (RFC 4760).
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Afi(pub u16);

impl Afi {
    /// IPv4.
    pub const IPV4: Self = Self(1);
    /// IPv6.
    pub const IPV6: Self = Self(2);
    /// Layer 2 VPN (EVPN, VPLS).
    pub const L2VPN: Self = Self(25);
    /// BGP-LS (RFC 9552).
    pub const LINK_STATE: Self = Self(16388);

    const NAMES: [(Self, &str); 4] = [
        (Self::IPV4, "ipv4"),
        (Self::IPV6, "ipv6"),
        (Self::L2VPN, "l2vpn"),
        (Self::LINK_STATE, "link-state"),
    ];
}

impl fmt::Display for Afi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(afi, _)| afi == self) {
            Some((_, name)) => f.pad(name),
            None => write!(f, "afi-{}", self.0),
        }
    }
}

/// Subsequent Address Family Identifier (RFC 4760).
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Safi(pub u8);

impl Safi {
    /// Unicast forwarding.
    pub const UNICAST: Self = Self(1);
    /// Multicast RPF.
    pub const MULTICAST: Self = Self(2);
    /// Unicast with MPLS labels (RFC 8277).
    pub const LABELED: Self = Self(4);
    /// VPLS (RFC 4761).
    pub const VPLS: Self = Self(65);
    /// EVPN (RFC 7432).
    pub const EVPN: Self = Self(70);
    /// BGP-LS (RFC 9552).
    pub const LINK_STATE: Self = Self(71);
    /// SR policy (RFC 9830).
    pub const SR_POLICY: Self = Self(73);
    /// BGP MUP.
    pub const MUP: Self = Self(85);
    /// MPLS-labelled VPN (RFC 4364, 4659).
    pub const VPN: Self = Self(128);
    /// Route target constraint (RFC 4684).
    pub const ROUTE_TARGET: Self = Self(132);
    /// Flow specification (RFC 8955).
    pub const FLOW_SPEC: Self = Self(133);
    /// Flow specification within a VPN (RFC 8955).
    pub const FLOW_SPEC_VPN: Self = Self(134);

    const NAMES: [(Self, &str); 12] = [
        (Self::UNICAST, "unicast"),
        (Self::MULTICAST, "multicast"),
        (Self::LABELED, "labeled-unicast"),
        (Self::VPLS, "vpls"),
        (Self::EVPN, "evpn"),
        (Self::LINK_STATE, "link-state"),
        (Self::SR_POLICY, "sr-policy"),
        (Self::MUP, "mup"),
        (Self::VPN, "vpn"),
        (Self::ROUTE_TARGET, "route-target"),
        (Self::FLOW_SPEC, "flowspec"),
        (Self::FLOW_SPEC_VPN, "flowspec-vpn"),
    ];
}

impl fmt::Display for Safi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(safi, _)| safi == self) {
            Some((_, name)) => f.pad(name),
            None => write!(f, "safi-{}", self.0),
        }
    }
}

/// An AFI/SAFI pair, shown as `ipv4/unicast`; unknown numbers as `afi-9/safi-200`.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Family {
    /// The address family.
    pub afi: Afi,
    /// The subsequent address family.
    pub safi: Safi,
}

impl Family {
    /// IPv4 unicast, the family of the classic NLRI fields.
    pub const IPV4_UNICAST: Self = Self::new(Afi::IPV4, Safi::UNICAST);
    /// IPv6 unicast (RFC 2545).
    pub const IPV6_UNICAST: Self = Self::new(Afi::IPV6, Safi::UNICAST);
    /// IPv4 multicast (RFC 4760): routes for reverse path forwarding.
    pub const IPV4_MULTICAST: Self = Self::new(Afi::IPV4, Safi::MULTICAST);
    /// IPv6 multicast (RFC 4760).
    pub const IPV6_MULTICAST: Self = Self::new(Afi::IPV6, Safi::MULTICAST);
    /// IPv4 with MPLS labels (RFC 8277).
    pub const IPV4_LABELED: Self = Self::new(Afi::IPV4, Safi::LABELED);
    /// IPv6 with MPLS labels (RFC 8277).
    pub const IPV6_LABELED: Self = Self::new(Afi::IPV6, Safi::LABELED);
    /// VPN-IPv4 (RFC 4364).
    pub const IPV4_VPN: Self = Self::new(Afi::IPV4, Safi::VPN);
    /// VPN-IPv6 (RFC 4659).
    pub const IPV6_VPN: Self = Self::new(Afi::IPV6, Safi::VPN);
    /// Ethernet VPN (RFC 7432).
    pub const EVPN: Self = Self::new(Afi::L2VPN, Safi::EVPN);
    /// Route target constraint (RFC 4684).
    pub const ROUTE_TARGET: Self = Self::new(Afi::IPV4, Safi::ROUTE_TARGET);
    /// Route target constraint for layer 2 VPNs (RFC 4684).
    pub const L2VPN_ROUTE_TARGET: Self = Self::new(Afi::L2VPN, Safi::ROUTE_TARGET);
    /// IPv4 flow specification (RFC 8955).
    pub const IPV4_FLOW_SPEC: Self = Self::new(Afi::IPV4, Safi::FLOW_SPEC);
    /// IPv6 flow specification (RFC 8956).
    pub const IPV6_FLOW_SPEC: Self = Self::new(Afi::IPV6, Safi::FLOW_SPEC);
    /// VPN-IPv4 flow specification (RFC 8955 section 8).
    pub const IPV4_FLOW_SPEC_VPN: Self = Self::new(Afi::IPV4, Safi::FLOW_SPEC_VPN);
    /// VPN-IPv6 flow specification (RFC 8956 section 4).
    pub const IPV6_FLOW_SPEC_VPN: Self = Self::new(Afi::IPV6, Safi::FLOW_SPEC_VPN);

    /// The families that can be members of a [`FamilySet`]; a family's index is its bit.
    const SETTABLE: [Self; 21] = [
        Self::IPV4_UNICAST,
        Self::IPV6_UNICAST,
        Self::new(Afi::IPV4, Safi::MULTICAST),
        Self::new(Afi::IPV6, Safi::MULTICAST),
        Self::new(Afi::IPV4, Safi::LABELED),
        Self::new(Afi::IPV6, Safi::LABELED),
        Self::new(Afi::IPV4, Safi::VPN),
        Self::new(Afi::IPV6, Safi::VPN),
        Self::new(Afi::L2VPN, Safi::EVPN),
        Self::new(Afi::L2VPN, Safi::VPLS),
        Self::new(Afi::IPV4, Safi::ROUTE_TARGET),
        Self::new(Afi::IPV4, Safi::FLOW_SPEC),
        Self::new(Afi::IPV6, Safi::FLOW_SPEC),
        Self::new(Afi::IPV4, Safi::FLOW_SPEC_VPN),
        Self::new(Afi::IPV6, Safi::FLOW_SPEC_VPN),
        Self::new(Afi::IPV4, Safi::SR_POLICY),
        Self::new(Afi::IPV6, Safi::SR_POLICY),
        Self::new(Afi::LINK_STATE, Safi::LINK_STATE),
        Self::new(Afi::IPV4, Safi::MUP),
        Self::new(Afi::IPV6, Safi::MUP),
        Self::new(Afi::L2VPN, Safi::ROUTE_TARGET),
    ];

    /// A pair of any numbers.
    pub const fn new(afi: Afi, safi: Safi) -> Self {
        Self { afi, safi }
    }

    /// The family's bit in a [`FamilySet`]; 0 for a family without a name.
    #[inline]
    const fn bit(self) -> u32 {
        static BITS: [[u32; 4]; 256] = bits();
        match column(self.afi) {
            Some(column) => BITS[self.safi.0 as usize][column],
            None => 0,
        }
    }
}

/// Which column of the table of bits an address family has.
const fn column(afi: Afi) -> Option<usize> {
    match afi {
        Afi::IPV4 => Some(0),
        Afi::IPV6 => Some(1),
        Afi::L2VPN => Some(2),
        Afi::LINK_STATE => Some(3),
        _ => None,
    }
}

/// Bits by SAFI and column: sets are asked for each MP attribute, so no search.
const fn bits() -> [[u32; 4]; 256] {
    let mut bits = [[0; 4]; 256];
    let mut at = 0;
    while at < Family::SETTABLE.len() {
        let family = Family::SETTABLE[at];
        if let Some(column) = column(family.afi) {
            bits[family.safi.0 as usize][column] = 1 << at;
        }
        at += 1;
    }
    bits
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.afi, self.safi)
    }
}

impl FromStr for Family {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let bad = ParseError::new("a family such as ipv4/unicast or ipv6/unicast");
        let (afi, safi) = s.split_once('/').ok_or(bad)?;
        let afi = match Afi::NAMES.iter().find(|(_, name)| *name == afi) {
            Some((afi, _)) => *afi,
            None => Afi(afi.strip_prefix("afi-").and_then(|n| n.parse().ok()).ok_or(bad)?),
        };
        let safi = match Safi::NAMES.iter().find(|(_, name)| *name == safi) {
            Some((safi, _)) => *safi,
            None => Safi(safi.strip_prefix("safi-").and_then(|n| n.parse().ok()).ok_or(bad)?),
        };
        Ok(Self { afi, safi })
    }
}

/// A set of families, in four bytes. Holds only families this crate has a name for.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Default)]
pub struct FamilySet(u32);

impl FamilySet {
    /// The set without members.
    pub const EMPTY: Self = Self(0);
    /// Only IPv4 unicast: what a session without capabilities carries (RFC 4271).
    pub const IPV4_UNICAST: Self = Self(1);

    /// Adds `family`; returns whether it is now a member (false for a family without a name).
    pub fn insert(&mut self, family: Family) -> bool {
        self.0 |= family.bit();
        family.bit() != 0
    }

    /// Takes `family` out.
    pub fn remove(&mut self, family: Family) {
        self.0 &= !family.bit();
    }

    /// Whether `family` is a member.
    #[inline]
    pub const fn contains(self, family: Family) -> bool {
        self.0 & family.bit() != 0
    }

    /// Whether IPv4 unicast is a member.
    pub const fn has_ipv4_unicast(self) -> bool {
        self.0 & 1 != 0
    }

    /// Whether IPv6 unicast is a member.
    pub const fn has_ipv6_unicast(self) -> bool {
        self.0 & 2 != 0
    }

    /// The families in both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The families in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is no member.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many members there are.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// The members, IPv4 unicast first.
    pub fn iter(self) -> impl Iterator<Item = Family> {
        Family::SETTABLE.into_iter().filter(move |f| self.contains(*f))
    }
}

impl FromIterator<Family> for FamilySet {
    fn from_iter<I: IntoIterator<Item = Family>>(families: I) -> Self {
        let mut set = Self::EMPTY;
        for family in families {
            set.insert(family);
        }
        set
    }
}

impl Extend<Family> for FamilySet {
    fn extend<I: IntoIterator<Item = Family>>(&mut self, families: I) {
        for family in families {
            self.insert(family);
        }
    }
}

impl fmt::Debug for FamilySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|family| family.to_string())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trip() {
        for family in Family::SETTABLE {
            assert_eq!(family.to_string().parse(), Ok(family));
        }
        let all: FamilySet = Family::SETTABLE.into_iter().collect();
        assert_eq!((all.len(), all.iter().count()), (21, 21), "each has a bit of its own");
        let odd = Family::new(Afi(9), Safi(200));
        assert!(!all.contains(odd) && !all.contains(Family::new(Afi::L2VPN, Safi::UNICAST)));
        assert_eq!(odd.to_string(), "afi-9/safi-200");
        assert_eq!("afi-9/safi-200".parse(), Ok(odd));
        for bad in ["ipv4", "ipv4/", "ipv5/unicast", "ipv4/afi-1", "afi-65536/unicast"] {
            assert!(bad.parse::<Family>().is_err(), "{bad}");
        }
    }

    #[test]
    fn set_operations() {
        let mut set: FamilySet = [Family::IPV6_UNICAST].into_iter().collect();
        assert!(set.has_ipv6_unicast() && !set.has_ipv4_unicast());
        assert!(set.insert(Family::IPV4_UNICAST) && set.has_ipv4_unicast());
        assert!(!set.insert(Family::new(Afi(9), Safi(1))));
        assert_eq!(set.len(), 2);
        assert_eq!(
            set.iter().collect::<Vec<_>>(),
            vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST]
        );
        assert_eq!(set.intersection(FamilySet::IPV4_UNICAST), FamilySet::IPV4_UNICAST);
        set.remove(Family::IPV4_UNICAST);
        assert!(!set.contains(Family::IPV4_UNICAST));
        assert_eq!(FamilySet::EMPTY.union(set), set);
    }
}
