//! Communities: standard and large.
//!
//! What for: typed values with the text people write in policies and read in `show`.
//! Where: the values inside COMMUNITIES and LARGE_COMMUNITY; extended ones have a module of their own,
//! [`ext_community`](super::ext_community).
//! How: each type is the number on the wire; `Display` and `FromStr` are inverse to each other.
//! Invariants: none; every bit pattern is a community.
//! References: RFC 1997, RFC 3765, RFC 7999, RFC 8092, RFC 8326, RFC 9494.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, str::FromStr};

use super::{AttrType, find, text::number};
use crate::error::ParseError;

/// A standard community (RFC 1997), shown as `65001:100` or by its well-known name.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct Community(pub u32);

impl Community {
    /// Routes are to be given less preference: the link goes down soon (RFC 8326).
    pub const GRACEFUL_SHUTDOWN: Self = Self(0xffff_0000);
    /// RFC 7611.
    pub const ACCEPT_OWN: Self = Self(0xffff_0001);
    /// The route is stale and least preferred (RFC 9494).
    pub const LLGR_STALE: Self = Self(0xffff_0006);
    /// The route must not be kept as stale (RFC 9494).
    pub const NO_LLGR: Self = Self(0xffff_0007);
    /// Traffic is to be dropped (RFC 7999).
    pub const BLACKHOLE: Self = Self(0xffff_029a);
    /// Not to leave the AS or confederation.
    pub const NO_EXPORT: Self = Self(0xffff_ff01);
    /// Not to any peer.
    pub const NO_ADVERTISE: Self = Self(0xffff_ff02);
    /// Not to leave the member AS of a confederation.
    pub const NO_EXPORT_SUBCONFED: Self = Self(0xffff_ff03);
    /// Not to peers of a bilateral kind (RFC 3765).
    pub const NOPEER: Self = Self(0xffff_ff04);

    const NAMES: [(Self, &str); 9] = [
        (Self::GRACEFUL_SHUTDOWN, "graceful-shutdown"),
        (Self::ACCEPT_OWN, "accept-own"),
        (Self::LLGR_STALE, "llgr-stale"),
        (Self::NO_LLGR, "no-llgr"),
        (Self::BLACKHOLE, "blackhole"),
        (Self::NO_EXPORT, "no-export"),
        (Self::NO_ADVERTISE, "no-advertise"),
        (Self::NO_EXPORT_SUBCONFED, "no-export-subconfed"),
        (Self::NOPEER, "no-peer"),
    ];

    /// The community `high:low`.
    pub const fn new(high: u16, low: u16) -> Self {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Self(u32::from_be_bytes([a, b, c, d]))
    }

    /// The two halves.
    pub const fn halves(self) -> (u16, u16) {
        let [a, b, c, d] = self.0.to_be_bytes();
        (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]))
    }

    /// The communities of a canonical attribute set.
    pub fn of(canonical: &[u8]) -> impl Iterator<Item = Self> + Clone + '_ {
        let value = find(canonical, AttrType::COMMUNITIES).unwrap_or_default();
        value.as_chunks().0.iter().map(|c| Self(u32::from_be_bytes(*c)))
    }
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((_, name)) = Self::NAMES.iter().find(|(c, _)| c == self) {
            return f.write_str(name);
        }
        let (high, low) = self.halves();
        write!(f, "{high}:{low}")
    }
}

impl FromStr for Community {
    type Err = ParseError;

    /// `65001:100`, a well-known name (`no-export`, `NO_EXPORT`), or a plain number.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let name = s.to_ascii_lowercase().replace('_', "-");
        if let Some((c, _)) = Self::NAMES.iter().find(|(_, n)| *n == name) {
            return Ok(*c);
        }
        let bad = ParseError::new("a community such as 65001:100 or no-export");
        match s.split_once(':') {
            Some((high, low)) => Ok(Self::new(number(high, bad)?, number(low, bad)?)),
            None => number(s, bad).map(Self),
        }
    }
}

/// A large community (RFC 8092), shown as `65001:1:2`.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct LargeCommunity(pub u32, pub u32, pub u32);

impl LargeCommunity {
    /// From twelve octets.
    pub const fn from_bytes(b: [u8; 12]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = b;
        Self(
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
            u32::from_be_bytes([i, j, k, l]),
        )
    }

    /// Twelve octets.
    pub const fn to_bytes(self) -> [u8; 12] {
        let ([a, b, c, d], [e, f, g, h], [i, j, k, l]) =
            (self.0.to_be_bytes(), self.1.to_be_bytes(), self.2.to_be_bytes());
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }

    /// The large communities of a canonical attribute set.
    pub fn of(canonical: &[u8]) -> impl Iterator<Item = Self> + Clone + '_ {
        let value = find(canonical, AttrType::LARGE_COMMUNITIES).unwrap_or_default();
        value.as_chunks().0.iter().map(|c| Self::from_bytes(*c))
    }
}

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.0, self.1, self.2)
    }
}

impl FromStr for LargeCommunity {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let bad = ParseError::new("a large community such as 65001:1:2");
        let mut parts = s.split(':').map(|part| number(part, bad));
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(a), Some(b), Some(c), None) => Ok(Self(a?, b?, c?)),
            _ => Err(bad),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard() {
        assert_eq!(Community::new(65001, 100).to_string(), "65001:100");
        assert_eq!("65001:100".parse(), Ok(Community(0xfde9_0064)));
        assert_eq!("NO_EXPORT".parse(), Ok(Community::NO_EXPORT));
        assert_eq!("100".parse(), Ok(Community(100)));
        for (c, name) in Community::NAMES {
            assert_eq!((c.to_string().as_str(), name.parse()), (name, Ok(c)));
        }
        for bad in ["", ":", "65536:1", "1:65536", "1:2:3", "+1:2", "no-exporter"] {
            assert!(bad.parse::<Community>().is_err(), "{bad}");
        }
    }

    #[test]
    fn large() {
        let c = LargeCommunity(4_200_000_000, 1, 2);
        assert_eq!(c.to_string().parse(), Ok(c));
        assert_eq!(LargeCommunity::from_bytes(c.to_bytes()), c);
        for bad in ["1:2", "1:2:3:4", "1::3", "4294967296:1:1"] {
            assert!(bad.parse::<LargeCommunity>().is_err(), "{bad}");
        }
    }
}
