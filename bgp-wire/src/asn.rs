//! Autonomous System numbers.
//!
//! What for: one type for every AS number, always four octets wide.
//! Where: used by OPEN, AS_PATH, communities and everything above this crate.
//! How: two-octet peers are handled by the codec (RFC 6793), never by the users of the type.
//! Invariants: none; zero is representable because it arrives on the wire and must be judged there.
//! References: RFC 6793 (four-octet AS), RFC 7607 (AS 0), RFC 5396 (textual form).

use std::{fmt, str::FromStr};

use crate::error::ParseError;

/// A four-octet Autonomous System number (RFC 6793), shown as plain decimal (RFC 5396 asplain).
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Default)]
pub struct Asn(pub u32);

impl Asn {
    /// AS_TRANS, which stands for a number that a two-octet speaker cannot carry (RFC 6793).
    pub const TRANS: Self = Self(23456);
    /// AS 0, which must never be used in a path (RFC 7607).
    pub const ZERO: Self = Self(0);

    /// The number if it fits in two octets, else AS_TRANS: the OPEN's My Autonomous System field.
    pub const fn to_two_octets(self) -> u16 {
        if self.0 <= 0xffff { (self.0 & 0xffff) as u16 } else { 23456 }
    }

    /// Whether the number needs four octets.
    pub const fn is_four_octet(self) -> bool {
        self.0 > 0xffff
    }

    /// Whether the number is reserved for private use (RFC 6996).
    pub const fn is_private(self) -> bool {
        matches!(self.0, 64512..=65534 | 4_200_000_000..=4_294_967_294)
    }
}

impl From<u32> for Asn {
    fn from(n: u32) -> Self {
        Self(n)
    }
}

impl From<u16> for Asn {
    fn from(n: u16) -> Self {
        Self(u32::from(n))
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Asn {
    type Err = ParseError;

    /// Accepts asplain (`4200000000`) and asdot (`64086.59904`), RFC 5396; an `AS` prefix is allowed.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let digits = match s.get(..2) {
            Some(p) if p.eq_ignore_ascii_case("as") => s.get(2..).unwrap_or_default(),
            _ => s,
        };
        let bad = ParseError::new("an AS number 0..4294967295 (65001 or 64086.59904)");
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(bad);
        }
        match digits.split_once('.') {
            None => digits.parse().map(Self).map_err(|_| bad),
            Some((high, low)) => match (high.parse::<u16>(), low.parse::<u16>()) {
                (Ok(high), Ok(low)) => Ok(Self((u32::from(high) << 16) | u32::from(low))),
                _ => Err(bad),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms() {
        assert_eq!("65001".parse(), Ok(Asn(65001)));
        assert_eq!("AS65001".parse(), Ok(Asn(65001)));
        assert_eq!("1.0".parse(), Ok(Asn(65536)));
        for bad in ["", "as", "-1", "+1", "1.65536", "4294967296", "1.2.3", "x"] {
            assert!(bad.parse::<Asn>().is_err(), "{bad}");
        }
        assert_eq!(Asn(4_200_000_000).to_string(), "4200000000");
    }

    #[test]
    fn two_octet_field() {
        assert_eq!(Asn(65001).to_two_octets(), 65001);
        assert_eq!(Asn(65536).to_two_octets(), 23456);
    }
}
