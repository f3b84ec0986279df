//! BGP's small values: AS numbers, families and communities.
//!
//! **For**: configuration and display; the codec has its own, faster ones. **Sits**: at the bottom
//! of this crate. **How it works**: each value prints in the spelling operators know and reads
//! that spelling back. **Invariants**: an [`Asn`] is never 0 (RFC 7607).
//! **References**: RFC 6793, RFC 5396, RFC 1997, RFC 4360, RFC 8092, RFC 7999, RFC 8326.

use std::{fmt, net::Ipv4Addr, num::NonZeroU32, str::FromStr};

use serde::{Deserialize, Serialize};

/// An autonomous system number, 1 to 4294967295; printed as a plain decimal (RFC 5396 asplain).
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Asn(NonZeroU32);

impl Asn {
    /// `None` for 0, which RFC 7607 reserves.
    pub fn new(asn: u32) -> Option<Self> {
        NonZeroU32::new(asn).map(Self)
    }

    /// The number.
    pub fn value(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Asn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AS{}", self.0)
    }
}

/// A text that is not what its type's `FromStr` expects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct ParseError {
    text: String,
    expected: &'static str,
}

impl ParseError {
    pub(crate) fn new(text: &str, expected: &'static str) -> Self {
        Self { text: text.to_owned(), expected }
    }
}

/// An address family a session can carry.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Family {
    /// AFI 1, SAFI 1.
    Ipv4Unicast,
    /// AFI 2, SAFI 1.
    Ipv6Unicast,
    /// AFI 1, SAFI 4 (RFC 8277).
    Ipv4Labeled,
    /// AFI 2, SAFI 4 (RFC 8277).
    Ipv6Labeled,
    /// AFI 1, SAFI 128 (RFC 4364).
    Ipv4Vpn,
    /// AFI 2, SAFI 128 (RFC 4659).
    Ipv6Vpn,
    /// AFI 25, SAFI 70 (RFC 7432).
    L2vpnEvpn,
    /// AFI 1, SAFI 132: which routes with route targets are wanted (RFC 4684).
    Ipv4RouteTarget,
}

impl Family {
    /// Every family, in order of AFI and SAFI.
    pub const ALL: [Self; 8] = [
        Self::Ipv4Unicast,
        Self::Ipv4Labeled,
        Self::Ipv4Vpn,
        Self::Ipv4RouteTarget,
        Self::Ipv6Unicast,
        Self::Ipv6Labeled,
        Self::Ipv6Vpn,
        Self::L2vpnEvpn,
    ];

    /// Whether routes of this family go to the kernel and can be announced by an advertisement.
    pub fn is_unicast(self) -> bool {
        matches!(self, Self::Ipv4Unicast | Self::Ipv6Unicast)
    }

    /// `ipv4/unicast` and the like.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4Unicast => "ipv4/unicast",
            Self::Ipv6Unicast => "ipv6/unicast",
            Self::Ipv4Labeled => "ipv4/labeled-unicast",
            Self::Ipv6Labeled => "ipv6/labeled-unicast",
            Self::Ipv4Vpn => "ipv4/vpn",
            Self::Ipv6Vpn => "ipv6/vpn",
            Self::L2vpnEvpn => "l2vpn/evpn",
            Self::Ipv4RouteTarget => "ipv4/route-target",
        }
    }

    /// Address Family Identifier.
    pub fn afi(self) -> u16 {
        match self {
            Self::Ipv4Unicast | Self::Ipv4Labeled | Self::Ipv4Vpn | Self::Ipv4RouteTarget => 1,
            Self::Ipv6Unicast | Self::Ipv6Labeled | Self::Ipv6Vpn => 2,
            Self::L2vpnEvpn => 25,
        }
    }

    /// Subsequent Address Family Identifier.
    pub fn safi(self) -> u8 {
        match self {
            Self::Ipv4Unicast | Self::Ipv6Unicast => 1,
            Self::Ipv4Labeled | Self::Ipv6Labeled => 4,
            Self::Ipv4RouteTarget => 132,
            Self::Ipv4Vpn | Self::Ipv6Vpn => 128,
            Self::L2vpnEvpn => 70,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Family {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        Self::ALL
            .into_iter()
            .find(|family| family.as_str() == s)
            .ok_or_else(|| ParseError::new(s, "an address family such as ipv4/unicast"))
    }
}

impl TryFrom<String> for Family {
    type Error = ParseError;

    fn try_from(s: String) -> Result<Self, ParseError> {
        s.parse()
    }
}

impl From<Family> for String {
    fn from(family: Family) -> Self {
        family.as_str().to_owned()
    }
}

/// A standard community (RFC 1997). Reads `ASN:NN`, the well-known names and plain decimals.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Community(pub u32);

/// Names of well-known communities, as in the IANA registry.
const WELL_KNOWN: [(&str, u32); 8] = [
    ("graceful-shutdown", 0xffff_0000),
    ("accept-own", 0xffff_0001),
    ("llgr-stale", 0xffff_0006),
    ("no-llgr", 0xffff_0007),
    ("blackhole", 0xffff_029a),
    ("no-export", 0xffff_ff01),
    ("no-advertise", 0xffff_ff02),
    ("no-export-subconfed", 0xffff_ff03),
];

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match WELL_KNOWN.iter().find(|(_, value)| *value == self.0) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff),
        }
    }
}

impl fmt::Debug for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Community {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let expected = "a community: ASN:NN with both parts 0 to 65535, a 32-bit number or a well-known name such as no-export";
        let named = s.to_ascii_lowercase().replace('_', "-");
        if let Some((_, value)) = WELL_KNOWN.iter().find(|(name, _)| *name == named) {
            return Ok(Self(*value));
        }
        let error = || ParseError::new(s, expected);
        match s.split_once(':') {
            None => decimal(s).map(Self).ok_or_else(error),
            Some((asn, value)) => match (decimal::<u16>(asn), decimal::<u16>(value)) {
                (Some(asn), Some(value)) => Ok(Self(u32::from(asn) << 16 | u32::from(value))),
                _ => Err(error()),
            },
        }
    }
}

/// A large community (RFC 8092), `ASN:function:parameter`.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LargeCommunity(pub u32, pub u32, pub u32);

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.0, self.1, self.2)
    }
}

impl fmt::Debug for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for LargeCommunity {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let mut parts = s.split(':').map(decimal::<u32>);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Some(a)), Some(Some(b)), Some(Some(c)), None) => Ok(Self(a, b, c)),
            _ => Err(ParseError::new(s, "a large community: three 32-bit numbers, ASN:NN:NN")),
        }
    }
}

/// An extended community (RFC 4360), kept as its eight octets. Reads `rt:` or `soo:` followed by
/// `ASN:NN` or `IP:NN`, or sixteen hexadecimal digits (colons between them allowed).
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ExtCommunity(pub [u8; 8]);

impl ExtCommunity {
    /// A Color community with flags 0 (RFC 9012 section 4.3).
    pub fn color(color: u32) -> Self {
        let [a, b, c, d] = color.to_be_bytes();
        Self([0x03, 0x0b, 0, 0, a, b, c, d])
    }

    /// A Color community, whatever its flags.
    pub fn is_color(&self) -> bool {
        matches!(self.0, [0x03, 0x0b, ..])
    }

    /// A MAC Mobility community with the sticky flag (RFC 7432 section 7.7).
    pub fn is_sticky_mac(&self) -> bool {
        matches!(self.0, [0x06, 0x00, flags, ..] if flags & 1 == 1)
    }
}

impl fmt::Display for ExtCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [kind, subtype, a, b, c, d, e, g] = self.0;
        let label = match subtype {
            2 => "rt",
            3 => "soo",
            _ => "",
        };
        match kind {
            0 if !label.is_empty() => {
                let asn = u16::from_be_bytes([a, b]);
                write!(f, "{label}:{asn}:{}", u32::from_be_bytes([c, d, e, g]))
            }
            1 if !label.is_empty() => {
                let ip = Ipv4Addr::new(a, b, c, d);
                write!(f, "{label}:{ip}:{}", u16::from_be_bytes([e, g]))
            }
            2 if !label.is_empty() => {
                let asn = u32::from_be_bytes([a, b, c, d]);
                write!(f, "{label}:{asn}:{}", u16::from_be_bytes([e, g]))
            }
            _ => write!(f, "{:016x}", u64::from_be_bytes(self.0)),
        }
    }
}

impl fmt::Debug for ExtCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ExtCommunity {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        labelled(s).or_else(|| hexadecimal(s)).map(Self).ok_or_else(|| {
            ParseError::new(
                s,
                "an extended community: rt:ASN:NN, rt:IP:NN, soo:... or 16 hexadecimal digits",
            )
        })
    }
}

/// A MAC address; prints as `00:11:22:aa:bb:cc` and reads that.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Mac {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let error = || ParseError::new(s, "a MAC address such as 00:11:22:aa:bb:cc");
        let mut octets = [0; 6];
        let mut parts = s.split(':');
        for octet in &mut octets {
            let is_octet = |p: &&str| p.len() == 2 && p.bytes().all(|b| b.is_ascii_hexdigit());
            let part = parts.next().filter(is_octet).ok_or_else(error)?;
            *octet = u8::from_str_radix(part, 16).map_err(|_| error())?;
        }
        if parts.next().is_some() { Err(error()) } else { Ok(Self(octets)) }
    }
}

fn labelled(s: &str) -> Option<[u8; 8]> {
    let (label, rest) = s.split_once(':')?;
    let subtype = match label {
        "rt" => 2,
        "soo" => 3,
        _ => return None,
    };
    let (administrator, value) = rest.split_once(':')?;
    if let Ok(ip) = administrator.parse::<Ipv4Addr>() {
        let [a, b, c, d] = ip.octets();
        let [e, g] = decimal::<u16>(value)?.to_be_bytes();
        return Some([1, subtype, a, b, c, d, e, g]);
    }
    if let Some(asn) = decimal::<u16>(administrator) {
        let [a, b] = asn.to_be_bytes();
        let [c, d, e, g] = decimal::<u32>(value)?.to_be_bytes();
        return Some([0, subtype, a, b, c, d, e, g]);
    }
    let [a, b, c, d] = decimal::<u32>(administrator)?.to_be_bytes();
    let [e, g] = decimal::<u16>(value)?.to_be_bytes();
    Some([2, subtype, a, b, c, d, e, g])
}

fn hexadecimal(s: &str) -> Option<[u8; 8]> {
    let digits: String = s.chars().filter(|c| *c != ':').collect();
    if digits.len() != 16 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(&digits, 16).ok().map(u64::to_be_bytes)
}

/// Digits only: `str::parse` would also take a leading `+`.
fn decimal<T: FromStr>(s: &str) -> Option<T> {
    if s.is_empty() || !s.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    s.parse().ok()
}

macro_rules! through_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = ParseError;

            fn try_from(s: String) -> Result<Self, ParseError> {
                s.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )*};
}

through_text!(Community, LargeCommunity, ExtCommunity, Mac);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn communities_read_what_they_print() {
        for text in ["65000:1", "no-export", "graceful-shutdown", "0:0"] {
            assert_eq!(text.parse::<Community>().unwrap().to_string(), text);
        }
        assert_eq!("NO_EXPORT".parse(), Ok(Community(0xffff_ff01)));
        assert_eq!("4259840001".parse(), Ok(Community(65000 << 16 | 1)));
        for text in ["", "1:2:3", "65536:1", "-1:1", "+1:1", "a:b", "1:"] {
            assert!(text.parse::<Community>().is_err(), "{text}");
        }
    }

    #[test]
    fn large_and_extended_communities_read_what_they_print() {
        let large = "4200000000:1:2";
        assert_eq!(large.parse::<LargeCommunity>().unwrap().to_string(), large);
        assert!("1:2".parse::<LargeCommunity>().is_err());
        for text in ["rt:65000:7", "soo:10.0.0.1:7", "rt:4200000000:7", "030c000000000008"] {
            assert_eq!(text.parse::<ExtCommunity>().unwrap().to_string(), text);
        }
        assert_eq!("03:0c:00:00:00:00:00:08".parse(), Ok(ExtCommunity([3, 12, 0, 0, 0, 0, 0, 8])));
        assert!("rt:1".parse::<ExtCommunity>().is_err());
    }

    #[test]
    fn mac_addresses_read_what_they_print() {
        let mac: Mac = "00:11:22:aA:Bb:cc".parse().unwrap();
        assert_eq!((mac.to_string().as_str(), mac.0[5]), ("00:11:22:aa:bb:cc", 0xcc));
        let bad =
            ["", "00:11:22:aa:bb", "00:11:22:aa:bb:cc:dd", "0:11:22:aa:bb:cc", "+0:11:22:aa:bb:cc"];
        for text in bad {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }

    #[test]
    fn colors_and_sticky_addresses_are_told() {
        assert!(ExtCommunity::color(7).is_color() && !ExtCommunity::color(7).is_sticky_mac());
        assert_eq!(ExtCommunity::color(7).to_string(), "030b000000000007");
        assert!("0600010000000005".parse::<ExtCommunity>().unwrap().is_sticky_mac());
        assert!(!"0600000000000005".parse::<ExtCommunity>().unwrap().is_sticky_mac());
    }

    #[test]
    fn an_as_number_is_never_zero() {
        assert_eq!(Asn::new(0), None);
        assert!(serde_json::from_str::<Asn>("0").is_err());
        assert_eq!(serde_json::to_string(&Asn::new(4_294_967_295)).unwrap(), "4294967295");
    }
}
