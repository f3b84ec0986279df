//! Route distinguishers.
//!
//! What for: what keeps equal prefixes of different VPNs apart.
//! Where: in front of the prefix of VPN routes, and inside EVPN and VPN flowspec routes.
//! How: the eight octets as they are on the wire; `Display` and `FromStr` are inverse to each other,
//! in the notation of route targets ([`ExtCommunity`](crate::ExtCommunity)).
//! Invariants: none; every bit pattern is a route distinguisher.
//! References: RFC 4364 section 4.2.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, net::Ipv4Addr, str::FromStr};

use crate::error::ParseError;

/// A route distinguisher (RFC 4364 section 4.2): `65001:100` (type 0), `192.0.2.1:7` (type 1),
/// `4200000000L:7` (type 2), else `0x` and 16 digits.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Default)]
pub struct RouteDistinguisher(pub [u8; 8]);

impl RouteDistinguisher {
    /// All zero: what stands in front of a VPN next hop (RFC 4364 section 4.3.2).
    pub const ZERO: Self = Self([0; 8]);

    /// Type 0: a two-octet AS number and a number.
    pub const fn from_asn2(asn: u16, number: u32) -> Self {
        let ([a, b], [c, d, e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
        Self([0, 0, a, b, c, d, e, f])
    }

    /// Type 1: an IPv4 address and a number.
    pub const fn from_ipv4(addr: Ipv4Addr, number: u16) -> Self {
        let ([a, b, c, d], [e, f]) = (addr.octets(), number.to_be_bytes());
        Self([0, 1, a, b, c, d, e, f])
    }

    /// Type 2: a four-octet AS number and a number.
    pub const fn from_asn4(asn: u32, number: u16) -> Self {
        let ([a, b, c, d], [e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
        Self([0, 2, a, b, c, d, e, f])
    }

    /// The type field: 0, 1 and 2 have a meaning.
    pub const fn kind(self) -> u16 {
        let [a, b, ..] = self.0;
        u16::from_be_bytes([a, b])
    }
}

impl fmt::Display for RouteDistinguisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, _, a, b, c, d, e, g] = self.0;
        let low = u16::from_be_bytes([e, g]);
        match self.kind() {
            0 => {
                let number = u32::from_be_bytes([c, d, e, g]);
                write!(f, "{}:{number}", u16::from_be_bytes([a, b]))
            }
            1 => write!(f, "{}:{low}", Ipv4Addr::new(a, b, c, d)),
            // The trailing L tells a small four-octet AS from a two-octet one.
            2 => write!(f, "{}L:{low}", u32::from_be_bytes([a, b, c, d])),
            _ => write!(f, "0x{:016x}", u64::from_be_bytes(self.0)),
        }
    }
}

impl fmt::Debug for RouteDistinguisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for RouteDistinguisher {
    type Err = ParseError;

    /// `65001:100`, `192.0.2.1:7`, `4200000000:7` (or `70000L:7`), or `0x0003000000000001`.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let bad = ParseError::new("a route distinguisher such as 65001:100 or 192.0.2.1:7");
        if let Some(hex) = s.strip_prefix("0x") {
            if hex.len() != 16 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(bad);
            }
            return u64::from_str_radix(hex, 16).map(|n| Self(n.to_be_bytes())).map_err(|_| bad);
        }
        let (admin, number) = s.split_once(':').ok_or(bad)?;
        if admin.contains('.') {
            let addr = admin.parse().map_err(|_| bad)?;
            return Ok(Self::from_ipv4(addr, digits(number).ok_or(bad)?));
        }
        if let Some(asn) = admin.strip_suffix('L') {
            let asn = digits(asn).ok_or(bad)?;
            return Ok(Self::from_asn4(asn, digits(number).ok_or(bad)?));
        }
        let asn: u32 = digits(admin).ok_or(bad)?;
        match u16::try_from(asn) {
            Ok(asn) => Ok(Self::from_asn2(asn, digits(number).ok_or(bad)?)),
            Err(_) => Ok(Self::from_asn4(asn, digits(number).ok_or(bad)?)),
        }
    }
}

/// A decimal number without a sign.
pub(super) fn digits<T: FromStr>(s: &str) -> Option<T> {
    s.starts_with(|c: char| c.is_ascii_digit()).then(|| s.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text() {
        for (text, octets) in [
            ("65001:100", [0, 0, 0xfd, 0xe9, 0, 0, 0, 100]),
            ("0:4294967295", [0, 0, 0, 0, 255, 255, 255, 255]),
            ("192.0.2.1:7", [0, 1, 192, 0, 2, 1, 0, 7]),
            ("4200000000L:7", [0, 2, 0xfa, 0x56, 0xea, 0, 0, 7]),
            ("100L:65535", [0, 2, 0, 0, 0, 100, 255, 255]),
            ("0x0003000000000001", [0, 3, 0, 0, 0, 0, 0, 1]),
        ] {
            assert_eq!(text.parse(), Ok(RouteDistinguisher(octets)));
            assert_eq!(RouteDistinguisher(octets).to_string(), text);
        }
        assert_eq!("70000:1".parse(), Ok(RouteDistinguisher::from_asn4(70000, 1)));
        for bad in ["", "1", "1:", ":1", "+1:1", "1:+1", "70000:65536", "1.2.3:4", "0x00", "1:2:3"]
        {
            assert!(bad.parse::<RouteDistinguisher>().is_err(), "{bad}");
        }
    }
}
