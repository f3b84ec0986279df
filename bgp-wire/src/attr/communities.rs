//! Communities: standard, extended, large.
//!
//! What for: typed values with the text people write in policies and read in `show`.
//! Where: the values inside COMMUNITIES, EXTENDED_COMMUNITIES and LARGE_COMMUNITY.
//! How: each type is the number on the wire; `Display` and `FromStr` are inverse to each other.
//! Invariants: none; every bit pattern is a community.
//! References: RFC 1997, RFC 3765, RFC 4360, RFC 5668, RFC 7153, RFC 7999, RFC 8092, RFC 8326,
//! RFC 9494.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, net::Ipv4Addr, str::FromStr};

use super::{AttrType, find};
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

/// A number without sign.
fn number<T: FromStr>(s: &str, bad: ParseError) -> Result<T, ParseError> {
    if !s.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(bad);
    }
    s.parse().map_err(|_| bad)
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

/// An extended community (RFC 4360): `rt:65001:100`, `soo:192.0.2.1:1`, else `0x` and 16 digits.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct ExtCommunity(pub [u8; 8]);

impl ExtCommunity {
    /// The extended communities of a canonical attribute set.
    pub fn of(canonical: &[u8]) -> impl Iterator<Item = Self> + Clone + '_ {
        let value = find(canonical, AttrType::EXT_COMMUNITIES).unwrap_or_default();
        value.as_chunks().0.iter().map(|c| Self(*c))
    }

    /// Whether it goes beyond the neighbouring AS (RFC 4360 section 2: the T bit is 0).
    pub const fn is_transitive(self) -> bool {
        let [kind, ..] = self.0;
        kind & 0x40 == 0
    }

    /// Route target with a two-octet AS (`rt:65001:100`).
    pub const fn route_target(asn: u16, number: u32) -> Self {
        let ([a, b], [c, d, e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
        Self([0x00, 0x02, a, b, c, d, e, f])
    }
}

impl fmt::Display for ExtCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [kind, subtype, a, b, c, d, e, g] = self.0;
        let name = match subtype {
            2 => "rt",
            3 => "soo",
            _ => "",
        };
        if !name.is_empty() {
            let low = u16::from_be_bytes([e, g]);
            match kind {
                0x00 => {
                    let number = u32::from_be_bytes([c, d, e, g]);
                    return write!(f, "{name}:{}:{number}", u16::from_be_bytes([a, b]));
                }
                0x01 => return write!(f, "{name}:{}:{low}", Ipv4Addr::new(a, b, c, d)),
                0x02 => {
                    // The trailing L tells a small four-octet AS from a two-octet one.
                    return write!(f, "{name}:{}L:{low}", u32::from_be_bytes([a, b, c, d]));
                }
                _ => {}
            }
        }
        write!(f, "0x{:016x}", u64::from_be_bytes(self.0))
    }
}

impl FromStr for ExtCommunity {
    type Err = ParseError;

    /// `rt:65001:100`, `rt:4200000000:1` (or `rt:70000L:1`), `rt:192.0.2.1:1`, the same with `soo`,
    /// or `0x0002fde900000064`.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let bad =
            ParseError::new("an extended community such as rt:65001:100 or 0x0002fde900000064");
        if let Some(hex) = s.strip_prefix("0x") {
            if hex.len() != 16 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(bad);
            }
            return u64::from_str_radix(hex, 16).map(|n| Self(n.to_be_bytes())).map_err(|_| bad);
        }
        let mut parts = s.split(':');
        let (Some(name), Some(admin), Some(local), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad);
        };
        let subtype = match name.to_ascii_lowercase().as_str() {
            "rt" | "target" => 2,
            "soo" | "origin" => 3,
            _ => return Err(bad),
        };
        let (kind, [a, b, c, d]) = if admin.contains('.') {
            (0x01, admin.parse::<Ipv4Addr>().map_err(|_| bad)?.octets())
        } else if let Some(admin) = admin.strip_suffix('L') {
            (0x02, number::<u32>(admin, bad)?.to_be_bytes())
        } else {
            let asn: u32 = number(admin, bad)?;
            if let Ok(short) = u16::try_from(asn) {
                let ([a, b], [c, d, e, f]) =
                    (short.to_be_bytes(), number::<u32>(local, bad)?.to_be_bytes());
                return Ok(Self([0x00, subtype, a, b, c, d, e, f]));
            }
            (0x02, asn.to_be_bytes())
        };
        let [e, f] = number::<u16>(local, bad)?.to_be_bytes();
        Ok(Self([kind, subtype, a, b, c, d, e, f]))
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

    #[test]
    fn extended() {
        for (text, bytes) in [
            ("rt:65001:100", [0, 2, 0xfd, 0xe9, 0, 0, 0, 100]),
            ("soo:192.0.2.1:7", [1, 3, 192, 0, 2, 1, 0, 7]),
            ("rt:4200000000L:7", [2, 2, 0xfa, 0x56, 0xea, 0, 0, 7]),
            ("rt:100L:7", [2, 2, 0, 0, 0, 100, 0, 7]),
            ("0x030c000000000008", [3, 12, 0, 0, 0, 0, 0, 8]),
        ] {
            assert_eq!(text.parse(), Ok(ExtCommunity(bytes)));
            assert_eq!(ExtCommunity(bytes).to_string(), text);
        }
        assert_eq!("rt:4200000000:7".parse::<ExtCommunity>().unwrap().0[0], 2);
        assert_eq!(ExtCommunity::route_target(65001, 100), "rt:65001:100".parse().unwrap());
        assert!(!ExtCommunity([0x40, 0, 0, 0, 0, 0, 0, 0]).is_transitive());
        for bad in ["rt:1", "xx:1:1", "rt:70000:65536", "0x12", "rt:1.2.3:1", "rt:1:1:1"] {
            assert!(bad.parse::<ExtCommunity>().is_err(), "{bad}");
        }
    }
}
