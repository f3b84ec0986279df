//! MAC addresses and Ethernet segment identifiers.
//!
//! What for: what EVPN routes name stations and multihomed segments by.
//! Where: fields of [`EvpnRoute`](super::EvpnRoute), and of EVPN communities.
//! How: the octets as they are on the wire. An [`Esi`] has a text for each type that says how it was
//! made, and ten octets in hex for all that do not follow their type.
//! Invariants: none; every bit pattern is a value, and its text parses back to it.
//! References: RFC 7432 section 5.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, net::Ipv4Addr, str::FromStr};

use super::rd::digits;
use crate::error::ParseError;

/// A MAC address, shown as `00:11:22:aa:bb:cc`.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Default)]
pub struct MacAddr(pub [u8; 6]);

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        colons(f, &self.0)
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for MacAddr {
    type Err = ParseError;

    /// Six pairs of hex digits with `:` or `-` between.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        pairs(s).map(Self).ok_or(ParseError::new("a MAC address such as 00:11:22:aa:bb:cc"))
    }
}

/// An Ethernet segment identifier (RFC 7432 section 5): `0` for a single-homed site, `lacp:MAC:KEY`,
/// `bridge:MAC:PRIORITY`, `mac:MAC:NUMBER`, `router:192.0.2.1:NUMBER`, `as:65001:NUMBER`, else
/// ten octets in hex (`00:01:...:09`).
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Default)]
pub struct Esi(pub [u8; 10]);

/// How an [`Esi`] was made, by its first octet (RFC 7432 section 5).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub enum EsiKind {
    /// Type 0: nine octets somebody chose.
    Arbitrary([u8; 9]),
    /// Type 1: LACP system address and port key of the customer's device.
    Lacp {
        /// System MAC address.
        mac: MacAddr,
        /// Port key.
        key: u16,
    },
    /// Type 2: the root bridge of the customer's spanning tree.
    Bridge {
        /// Root bridge MAC address.
        mac: MacAddr,
        /// Root bridge priority.
        priority: u16,
    },
    /// Type 3: a system's MAC address and a number of its own.
    Mac {
        /// System MAC address.
        mac: MacAddr,
        /// Local discriminator, 24 bits.
        number: u32,
    },
    /// Type 4: a router id and a number of its own.
    Router {
        /// Router id.
        id: Ipv4Addr,
        /// Local discriminator.
        number: u32,
    },
    /// Type 5: an AS number and a number of its own.
    As {
        /// AS number.
        asn: u32,
        /// Local discriminator.
        number: u32,
    },
    /// A type without meaning.
    Unknown,
}

impl Esi {
    /// The identifier of single-homed sites.
    pub const ZERO: Self = Self([0; 10]);
    /// All ones: stands for all segments in Ethernet A-D routes per VPN (RFC 7432 section 5).
    pub const MAX: Self = Self([0xff; 10]);

    /// What the octets say. A last octet that a type leaves unused is not looked at.
    pub const fn kind(self) -> EsiKind {
        let [kind, a, b, c, d, e, f, g, h, i] = self.0;
        let mac = MacAddr([a, b, c, d, e, f]);
        let high = u32::from_be_bytes([a, b, c, d]);
        let number = u32::from_be_bytes([e, f, g, h]);
        match kind {
            0 => EsiKind::Arbitrary([a, b, c, d, e, f, g, h, i]),
            1 => EsiKind::Lacp { mac, key: u16::from_be_bytes([g, h]) },
            2 => EsiKind::Bridge { mac, priority: u16::from_be_bytes([g, h]) },
            3 => EsiKind::Mac { mac, number: u32::from_be_bytes([0, g, h, i]) },
            4 => EsiKind::Router { id: Ipv4Addr::from_bits(high), number },
            5 => EsiKind::As { asn: high, number },
            _ => EsiKind::Unknown,
        }
    }

    fn from_mac(kind: u8, mac: MacAddr, tail: [u8; 3]) -> Self {
        let ([a, b, c, d, e, f], [g, h, i]) = (mac.0, tail);
        Self([kind, a, b, c, d, e, f, g, h, i])
    }

    fn from_two(kind: u8, high: u32, number: u32) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (high.to_be_bytes(), number.to_be_bytes());
        Self([kind, a, b, c, d, e, f, g, h, 0])
    }
}

impl fmt::Display for Esi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [.., last] = self.0;
        match self.kind() {
            _ if *self == Self::ZERO => f.write_str("0"),
            EsiKind::Mac { mac, number } => write!(f, "mac:{mac}:{number}"),
            EsiKind::Lacp { mac, key } if last == 0 => write!(f, "lacp:{mac}:{key}"),
            EsiKind::Bridge { mac, priority } if last == 0 => write!(f, "bridge:{mac}:{priority}"),
            EsiKind::Router { id, number } if last == 0 => write!(f, "router:{id}:{number}"),
            EsiKind::As { asn, number } if last == 0 => write!(f, "as:{asn}:{number}"),
            _ => colons(f, &self.0),
        }
    }
}

impl fmt::Debug for Esi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Esi {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let bad = ParseError::new(
            "an ESI: 0, ten octets in hex, or one such as lacp:00:11:22:aa:bb:cc:100",
        );
        if s == "0" {
            return Ok(Self::ZERO);
        }
        if let Some(octets) = pairs(s) {
            return Ok(Self(octets));
        }
        let (kind, rest) = s.split_once(':').ok_or(bad)?;
        let (admin, number) = rest.rsplit_once(':').ok_or(bad)?;
        let mac = || admin.parse::<MacAddr>().map_err(|_| bad);
        let short = || digits::<u16>(number).map(u16::to_be_bytes).ok_or(bad);
        let long = || digits::<u32>(number).ok_or(bad);
        match kind {
            "lacp" | "bridge" => {
                let [g, h] = short()?;
                Ok(Self::from_mac(if kind == "lacp" { 1 } else { 2 }, mac()?, [g, h, 0]))
            }
            "mac" => match long()?.to_be_bytes() {
                [0, g, h, i] => Ok(Self::from_mac(3, mac()?, [g, h, i])),
                _ => Err(bad),
            },
            "router" => {
                let id: Ipv4Addr = admin.parse().map_err(|_| bad)?;
                Ok(Self::from_two(4, id.to_bits(), long()?))
            }
            "as" => Ok(Self::from_two(5, digits(admin).ok_or(bad)?, long()?)),
            _ => Err(bad),
        }
    }
}

/// Octets in hex with colons between.
fn colons(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    for (at, octet) in octets.iter().enumerate() {
        write!(f, "{}{octet:02x}", if at == 0 { "" } else { ":" })?;
    }
    Ok(())
}

/// Exactly `N` pairs of hex digits with `:` or `-` between.
fn pairs<const N: usize>(s: &str) -> Option<[u8; N]> {
    let mut octets = [0; N];
    let mut words = s.split([':', '-']);
    for octet in &mut octets {
        let word = words.next().filter(|w| w.len() == 2)?;
        let hex = word.bytes().all(|b| b.is_ascii_hexdigit());
        *octet = u8::from_str_radix(word, 16).ok().filter(|_| hex)?;
    }
    words.next().is_none().then_some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn esi_text() {
        let mac = [0, 0x11, 0x22, 0xaa, 0xbb, 0xcc];
        for (text, octets) in [
            ("0", [0; 10]),
            ("00:00:00:00:00:00:00:00:00:01", [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
            ("lacp:00:11:22:aa:bb:cc:258", [1, 0, 0x11, 0x22, 0xaa, 0xbb, 0xcc, 1, 2, 0]),
            ("bridge:00:11:22:aa:bb:cc:65535", [2, 0, 0x11, 0x22, 0xaa, 0xbb, 0xcc, 255, 255, 0]),
            ("mac:00:11:22:aa:bb:cc:1", [3, 0, 0x11, 0x22, 0xaa, 0xbb, 0xcc, 0, 0, 1]),
            ("router:192.0.2.1:9", [4, 192, 0, 2, 1, 0, 0, 0, 9, 0]),
            ("as:65001:9", [5, 0, 0, 0xfd, 0xe9, 0, 0, 0, 9, 0]),
            ("05:00:00:fd:e9:00:00:00:09:01", [5, 0, 0, 0xfd, 0xe9, 0, 0, 0, 9, 1]),
            ("ff:ff:ff:ff:ff:ff:ff:ff:ff:ff", [255; 10]),
        ] {
            assert_eq!((Esi(octets).to_string().as_str(), text.parse()), (text, Ok(Esi(octets))));
        }
        assert_eq!("00-11-22-AA-BB-CC".parse(), Ok(MacAddr(mac)));
        for bad in
            ["", "1", "mac:00:11:22:aa:bb:cc:16777216", "lacp:00:11:22:aa:bb:65536", "as:1:+1"]
        {
            assert!(bad.parse::<Esi>().is_err(), "{bad}");
        }
        for bad in
            ["", "00:11:22:aa:bb", "00:11:22:aa:bb:cc:dd", "+0:11:22:aa:bb:cc", "0:11:22:aa:bb:cc"]
        {
            assert!(bad.parse::<MacAddr>().is_err(), "{bad}");
        }
    }
}
