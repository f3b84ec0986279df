//! IPv6 address specific extended communities.
//!
//! What for: route targets and their like whose administrator is an IPv6 address.
//! Where: the values inside IPV6_EXTENDED_COMMUNITIES.
//! How: twenty octets; [`Ipv6ExtCommunity::kind`] says what they mean. The text is
//! `rt:[2001:db8::1]:100`, likewise `soo:`, `vrf-import:` and `redirect:`, `redirect-ip:[2001:db8::1]:0`,
//! `lbw:65001:1250000` and `lbw:transitive:65001:1250000`, and `0x` with 40 digits for all else.
//! Invariants: none; every bit pattern is a community, and its text reads back to the same octets.
//! References: RFC 5701, RFC 6515 (VRF route import), RFC 8956 (redirect),
//! draft-ietf-idr-flowspec-redirect-ip, draft-li-idr-link-bandwidth-ext.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, net::Ipv6Addr, str::FromStr};

use super::{
    AttrType, find,
    hex::Hex,
    text::{hex_array, number},
};
use crate::error::ParseError;

/// An IPv6 address specific extended community (RFC 5701); its text is in the [module](self).
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Ipv6ExtCommunity(pub [u8; 20]);

impl Ipv6ExtCommunity {
    /// The IPv6 extended communities of a canonical attribute set.
    pub fn of(canonical: &[u8]) -> impl Iterator<Item = Self> + Clone + '_ {
        let value = find(canonical, AttrType::IPV6_EXT_COMMUNITIES).unwrap_or_default();
        value.as_chunks().0.iter().map(|c| Self(*c))
    }

    /// Whether it goes beyond the neighbouring AS (RFC 4360 section 2: the T bit is 0).
    pub const fn is_transitive(self) -> bool {
        let [kind, ..] = self.0;
        kind & 0x40 == 0
    }

    /// What it says. Reserved bits are ignored, as receivers do.
    pub fn kind(self) -> Ipv6ExtKind {
        let [kind, subtype, rest @ ..] = self.0;
        let (address, number) = split(rest);
        match (kind, subtype) {
            (0x00, 0x02) => Ipv6ExtKind::RouteTarget(address, number),
            (0x00, 0x03) => Ipv6ExtKind::RouteOrigin(address, number),
            (0x00, 0x0b) => Ipv6ExtKind::VrfRouteImport(address, number),
            (0x00, 0x0c) => Ipv6ExtKind::RedirectToIp(address, number),
            (0x00, 0x0d) => Ipv6ExtKind::Redirect(address, number),
            (0x02 | 0x42, 0x06) => {
                let [_, _, a, b, c, d, e, f, g, h, i, j, k, l, ..] = rest;
                Ipv6ExtKind::LinkBandwidth {
                    transitive: kind == 0x02,
                    asn: u32::from_be_bytes([i, j, k, l]),
                    octets: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
                }
            }
            _ => Ipv6ExtKind::Unknown,
        }
    }
}

/// What an [`Ipv6ExtCommunity`] says. Where there is an address, a number of the administrator's
/// choice follows.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub enum Ipv6ExtKind {
    /// Which VPNs import the route (RFC 5701 section 3).
    RouteTarget(Ipv6Addr, u16),
    /// Where the route entered (RFC 5701 section 3): the site of origin.
    RouteOrigin(Ipv6Addr, u16),
    /// Upstream PE and VRF of a multicast VPN (RFC 6515 section 4).
    VrfRouteImport(Ipv6Addr, u16),
    /// Flowspec: to the VRF that imports this route target (RFC 8956 section 6.1).
    Redirect(Ipv6Addr, u16),
    /// Flowspec: towards this address; bit 0 of the number asks for a copy
    /// (draft-ietf-idr-flowspec-redirect-ip).
    RedirectToIp(Ipv6Addr, u16),
    /// Bandwidth of the link to the next hop in 64 bits (draft-li-idr-link-bandwidth-ext).
    LinkBandwidth {
        /// Whether it goes beyond the neighbouring AS.
        transitive: bool,
        /// AS of who measured it.
        asn: u32,
        /// Octets a second.
        octets: u64,
    },
    /// Anything else.
    Unknown,
}

impl Ipv6ExtKind {
    /// The community that says this, reserved bits zero; `None` for [`Self::Unknown`].
    pub fn encode(self) -> Option<Ipv6ExtCommunity> {
        let (subtype, address, number) = match self {
            Self::RouteTarget(address, number) => (0x02, address, number),
            Self::RouteOrigin(address, number) => (0x03, address, number),
            Self::VrfRouteImport(address, number) => (0x0b, address, number),
            Self::RedirectToIp(address, number) => (0x0c, address, number),
            Self::Redirect(address, number) => (0x0d, address, number),
            Self::LinkBandwidth { transitive, asn, octets } => {
                let [a, b, c, d, e, f, g, h] = octets.to_be_bytes();
                let [i, j, k, l] = asn.to_be_bytes();
                let kind = if transitive { 0x02 } else { 0x42 };
                return Some(Ipv6ExtCommunity([
                    kind, 0x06, 0, 0, a, b, c, d, e, f, g, h, i, j, k, l, 0, 0, 0, 0,
                ]));
            }
            Self::Unknown => return None,
        };
        let mut octets = [0; 20];
        let all = [0, subtype].into_iter().chain(address.octets()).chain(number.to_be_bytes());
        octets.iter_mut().zip(all).for_each(|(to, from)| *to = from);
        Some(Ipv6ExtCommunity(octets))
    }
}

fn split(rest: [u8; 18]) -> (Ipv6Addr, u16) {
    let [head @ .., a, b] = rest;
    (Ipv6Addr::from(head), u16::from_be_bytes([a, b]))
}

impl fmt::Display for Ipv6ExtCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        if kind.encode() != Some(*self) {
            return Hex(&self.0).fmt(f);
        }
        match kind {
            Ipv6ExtKind::RouteTarget(address, number) => write!(f, "rt:[{address}]:{number}"),
            Ipv6ExtKind::RouteOrigin(address, number) => write!(f, "soo:[{address}]:{number}"),
            Ipv6ExtKind::VrfRouteImport(address, number) => {
                write!(f, "vrf-import:[{address}]:{number}")
            }
            Ipv6ExtKind::Redirect(address, number) => write!(f, "redirect:[{address}]:{number}"),
            Ipv6ExtKind::RedirectToIp(address, number) => {
                write!(f, "redirect-ip:[{address}]:{number}")
            }
            Ipv6ExtKind::LinkBandwidth { transitive, asn, octets } => {
                write!(f, "lbw:{}{asn}:{octets}", if transitive { "transitive:" } else { "" })
            }
            Ipv6ExtKind::Unknown => Ok(()),
        }
    }
}

const BAD: ParseError =
    ParseError::new("an IPv6 extended community such as rt:[2001:db8::1]:100, or 0x and 40 digits");

impl FromStr for Ipv6ExtCommunity {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        if s.starts_with("0x") {
            return hex_array(s, BAD).map(Self);
        }
        let (name, rest) = s.split_once(':').ok_or(BAD)?;
        let administrator = || {
            let (address, local) = rest.strip_prefix('[')?.split_once("]:")?;
            Some((address.parse::<Ipv6Addr>().ok()?, number::<u16>(local, BAD).ok()?))
        };
        let kind = match name.to_ascii_lowercase().as_str() {
            "rt" | "target" => Ipv6ExtKind::RouteTarget,
            "soo" | "origin" => Ipv6ExtKind::RouteOrigin,
            "vrf-import" => Ipv6ExtKind::VrfRouteImport,
            "redirect" => Ipv6ExtKind::Redirect,
            "redirect-ip" => Ipv6ExtKind::RedirectToIp,
            "lbw" => {
                let bare = rest.strip_prefix("transitive:");
                let (asn, octets) = bare.unwrap_or(rest).split_once(':').ok_or(BAD)?;
                let (asn, octets) = (number(asn, BAD)?, number(octets, BAD)?);
                let transitive = bare.is_some();
                return Ipv6ExtKind::LinkBandwidth { transitive, asn, octets }.encode().ok_or(BAD);
            }
            _ => return Err(BAD),
        };
        let (address, number) = administrator().ok_or(BAD)?;
        kind(address, number).encode().ok_or(BAD)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn with_address(subtype: u8, number: u8) -> Ipv6ExtCommunity {
        Ipv6ExtCommunity([
            0, subtype, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, number,
        ])
    }

    #[test]
    fn golden() {
        let bandwidth = |kind| {
            Ipv6ExtCommunity([
                kind, 6, 0, 0, 0, 0, 0, 2, 0x54, 11, 0xe4, 0, 0, 0, 0xfd, 0xe9, 0, 0, 0, 0,
            ])
        };
        for (text, community) in [
            ("rt:[2001:db8::1]:100", with_address(2, 100)),
            ("soo:[2001:db8::1]:7", with_address(3, 7)),
            ("vrf-import:[2001:db8::1]:0", with_address(11, 0)),
            ("redirect-ip:[2001:db8::1]:1", with_address(12, 1)),
            ("redirect:[2001:db8::1]:255", with_address(13, 255)),
            ("lbw:65001:10000000000", bandwidth(0x42)),
            ("lbw:transitive:65001:10000000000", bandwidth(0x02)),
        ] {
            assert_eq!(community.to_string(), text);
            assert_eq!(text.parse(), Ok(community));
        }
        assert!(with_address(2, 1).is_transitive() && !bandwidth(0x42).is_transitive());
        // An unknown type of GoBGP's test (osrg/gobgp, pkg/packet/bgp/bgp_test.go, Apache-2.0).
        let text = "0x99770102030405060708090a0b0c0d0e0f101112";
        assert_eq!(text.parse::<Ipv6ExtCommunity>().unwrap().to_string(), text);
        for bad in [
            "",
            "rt",
            "rt:1:2",
            "rt:[::1]",
            "rt:[::1]:65536",
            "rt:::1:5",
            "0x00",
            "lbw:1",
            "xx:[::]:1",
        ] {
            assert!(bad.parse::<Ipv6ExtCommunity>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_reads_back(
            kind in prop_oneof![Just(0u8), Just(2), Just(0x42), any::<u8>()],
            subtype in prop_oneof![0u8..16, any::<u8>()],
            rest in prop_oneof![any::<[u8; 18]>(), Just([0; 18])],
            bandwidth in any::<[u8; 12]>(),
        ) {
            let mut octets = [kind, subtype, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            octets[2..].copy_from_slice(&rest);
            let any = Ipv6ExtCommunity(octets);
            prop_assert_eq!(any.to_string().parse(), Ok(any));
            octets[2..].fill(0);
            octets[4..16].copy_from_slice(&bandwidth);
            let bandwidth = Ipv6ExtCommunity(octets);
            prop_assert_eq!(bandwidth.to_string().parse(), Ok(bandwidth));
        }
    }
}
