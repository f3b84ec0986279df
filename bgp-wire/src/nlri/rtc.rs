//! Route target membership: which VPN routes a peer wants.
//!
//! What for: constrained distribution of VPN routes.
//! Where: NLRI of `ipv4/route-target` (there is also the number of `l2vpn/route-target`).
//! How: a prefix over twelve octets, the origin AS and a route target. The length is 0 (all route
//! targets) or 32 to 96 bits; any other is impossible, because an origin AS cannot be partial.
//! Invariants: bits behind the length are zero; a length of 0 has AS 0.
//! References: RFC 4684 section 4.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, str::FromStr};

use super::{Nlri, rd::digits};
use crate::{
    asn::Asn,
    attr::ExtCommunity,
    error::ParseError,
    family::{Afi, Family, Safi},
};

/// A route of `ipv4/route-target`: `default`, or origin AS, route target and length in bits as in
/// `65001:rt:65001:100/96`.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct RouteTargetMembership {
    bits: u8,
    origin: [u8; 4],
    target: [u8; 8],
}

impl RouteTargetMembership {
    /// Every route target (RFC 4684 section 4: a prefix of length zero).
    pub const DEFAULT: Self = Self { bits: 0, origin: [0; 4], target: [0; 8] };

    /// Membership in one route target.
    pub const fn new(origin: Asn, target: ExtCommunity) -> Self {
        Self { bits: 96, origin: origin.0.to_be_bytes(), target: target.0 }
    }

    /// Membership in the route targets whose first `bits - 32` bits are those of `target`; `None`
    /// unless `bits` is 32..=96.
    pub fn partial(origin: Asn, target: ExtCommunity, bits: u8) -> Option<Self> {
        let target_bits = bits.checked_sub(32).filter(|bits| *bits <= 64)?;
        let target = (u64::from_be_bytes(target.0) & mask(target_bits)).to_be_bytes();
        Some(Self { bits, origin: origin.0.to_be_bytes(), target })
    }

    /// Prefix length in bits: 0 or 32..=96.
    #[expect(clippy::len_without_is_empty, reason = "a prefix length, not a count")]
    pub const fn len(&self) -> u8 {
        self.bits
    }

    /// Whether this is the route that asks for every route target.
    pub const fn is_default(&self) -> bool {
        self.bits == 0
    }

    /// The AS that asks; `None` in the default route.
    pub const fn origin_as(&self) -> Option<Asn> {
        if self.is_default() { None } else { Some(Asn(u32::from_be_bytes(self.origin))) }
    }

    /// The route target, the bits behind the length zero.
    pub const fn target(&self) -> ExtCommunity {
        ExtCommunity(self.target)
    }

    /// Whether routes with this route target are asked for.
    pub fn covers(&self, target: ExtCommunity) -> bool {
        let mask = mask(self.bits.saturating_sub(32));
        u64::from_be_bytes(target.0) & mask == u64::from_be_bytes(self.target)
    }
}

/// The top `bits` bits set. `bits` is at most 64.
fn mask(bits: u8) -> u64 {
    u64::MAX.checked_shl(64u32.saturating_sub(u32::from(bits))).unwrap_or(0)
}

impl Nlri for RouteTargetMembership {
    const FAMILIES: &'static [Family] =
        &[Family::ROUTE_TARGET, Family::new(Afi::L2VPN, Safi::ROUTE_TARGET)];
    const MAX_LEN: usize = 13;

    fn encoded_len(&self) -> usize {
        usize::from(self.bits).div_ceil(8).saturating_add(1)
    }

    fn put(&self, out: &mut Vec<u8>) {
        let end = out.len().saturating_add(self.encoded_len());
        out.push(self.bits);
        out.extend_from_slice(&self.origin);
        out.extend_from_slice(&self.target);
        out.truncate(end);
    }

    fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&bits, rest) = bytes.split_first()?;
        if bits == 0 {
            return Some((Self::DEFAULT, rest));
        }
        let (head, rest) = rest.split_at_checked(usize::from(bits).div_ceil(8))?;
        let (origin, head) = head.split_first_chunk::<4>()?;
        let mut target = [0; 8];
        target.get_mut(..head.len())?.copy_from_slice(head);
        let origin = Asn(u32::from_be_bytes(*origin));
        Some((Self::partial(origin, ExtCommunity(target), bits)?, rest))
    }
}

impl fmt::Display for RouteTargetMembership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin_as() {
            Some(origin) => write!(f, "{origin}:{}/{}", self.target(), self.bits),
            None => f.write_str("default"),
        }
    }
}

impl fmt::Debug for RouteTargetMembership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RouteTargetMembership {
    type Err = ParseError;

    /// `default`, `65001:rt:65001:100/96`; a length of 96 need not be written.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let bad = ParseError::new("default, or a membership such as 65001:rt:65001:100/96");
        if s == "default" {
            return Ok(Self::DEFAULT);
        }
        let (route, bits) = s.rsplit_once('/').unwrap_or((s, "96"));
        let (origin, target) = route.split_once(':').ok_or(bad)?;
        let origin = Asn(digits(origin).ok_or(bad)?);
        Self::partial(origin, target.parse()?, digits(bits).ok_or(bad)?).ok_or(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_octets() {
        for (text, octets) in [
            ("default", &[0][..]),
            ("65001:rt:65001:100/96", &[96, 0, 0, 0xfd, 0xe9, 0, 2, 0xfd, 0xe9, 0, 0, 0, 100]),
            ("65001:rt:65001:0/64", &[64, 0, 0, 0xfd, 0xe9, 0, 2, 0xfd, 0xe9]),
            ("4200000000:0x0000000000000000/32", &[32, 0xfa, 0x56, 0xea, 0]),
            ("1:rt:192.0.2.1:7/96", &[96, 0, 0, 0, 1, 1, 2, 192, 0, 2, 1, 0, 7]),
        ] {
            let route: RouteTargetMembership = text.parse().unwrap();
            let mut out = Vec::new();
            route.put(&mut out);
            assert_eq!((out.as_slice(), route.to_string().parse()), (octets, Ok(route)));
            assert_eq!(RouteTargetMembership::take(octets), Some((route, &[][..])));
        }
        // Bits behind the length are cleared.
        let (odd, _) = RouteTargetMembership::take(&[33, 0, 0, 0, 1, 0xff]).unwrap();
        assert_eq!(odd.target().0, [0x80, 0, 0, 0, 0, 0, 0, 0]);
        for bad in ["", "0", "65001", "65001:rt:65001:100/31", "65001:rt:65001:100/97", "1:x:1:1"] {
            assert!(bad.parse::<RouteTargetMembership>().is_err(), "{bad}");
        }
    }

    #[test]
    fn impossible_lengths() {
        for bits in 1..=255u8 {
            let octets = [&[bits][..], &[1; 32]].concat();
            let taken = RouteTargetMembership::take(&octets);
            assert_eq!(taken.is_some(), (32..=96).contains(&bits), "{bits}");
            let cut = &octets[..usize::from(bits).div_ceil(8)];
            assert_eq!(RouteTargetMembership::take(cut), None, "{bits} cut");
        }
    }

    #[test]
    fn what_is_asked_for() {
        let rt = ExtCommunity::route_target(65001, 100);
        let other = ExtCommunity::route_target(65001, 101);
        let exact = RouteTargetMembership::new(Asn(65001), rt);
        let partial = RouteTargetMembership::partial(Asn(65001), rt, 64).unwrap();
        assert!(exact.covers(rt) && !exact.covers(other));
        assert!(partial.covers(rt) && partial.covers(other));
        assert!(!partial.covers(ExtCommunity::route_target(65002, 100)));
        assert!(RouteTargetMembership::DEFAULT.covers(other));
    }
}
