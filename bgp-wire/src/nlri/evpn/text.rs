//! Text of EVPN routes: a type, and the fields by name.
//!
//! What for: logs, `show`, filters and tests.
//! Where: `Display` and `FromStr` of [`EvpnRoute`] and its label.
//! How: names and values in turn, in wire order, every field that is there; parsing takes them in the
//! same order. An opaque route is `type-9 0x0102`.
//! Invariants: the text of every route parses back to it.
//! References: as the parent module.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::{FromStr, SplitAsciiWhitespace},
};

use super::{EvpnLabel, EvpnPrefix, EvpnRoute};
use crate::{
    error::ParseError,
    nlri::{
        hex::{Hex, unhex},
        rd::digits,
    },
    prefix::Prefix,
};

impl fmt::Display for EvpnLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.vni(), f)
    }
}

impl fmt::Debug for EvpnLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for EvpnLabel {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        digits(s)
            .and_then(Self::from_vni)
            .ok_or(ParseError::new("a label or VNI of 24 bits (0..16777215)"))
    }
}

impl fmt::Display for EvpnRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EthernetAd { rd, esi, tag, label } => {
                write!(f, "ethernet-ad rd {rd} esi {esi} tag {tag} label {label}")
            }
            Self::MacIp { rd, esi, tag, mac, ip, label, ip_label } => {
                write!(f, "mac-ip rd {rd} esi {esi} tag {tag} mac {mac}")?;
                if let Some(ip) = ip {
                    write!(f, " ip {ip}")?;
                }
                write!(f, " label {label}")?;
                match ip_label {
                    Some(label) => write!(f, ",{label}"),
                    None => Ok(()),
                }
            }
            Self::InclusiveMulticast { rd, tag, originator } => {
                write!(f, "multicast rd {rd} tag {tag} originator {originator}")
            }
            Self::EthernetSegment { rd, esi, originator } => {
                write!(f, "segment rd {rd} esi {esi} originator {originator}")
            }
            Self::IpPrefix { rd, esi, tag, route, label } => {
                write!(f, "ip-prefix rd {rd} esi {esi} tag {tag} prefix {}", route.prefix())?;
                if let Some(gateway) = route.gateway() {
                    write!(f, " gateway {gateway}")?;
                }
                write!(f, " label {label}")
            }
            Self::Opaque(route) => write!(f, "type-{} {}", route.kind, Hex(&route.value)),
        }
    }
}

impl fmt::Debug for EvpnRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

const BAD: ParseError = ParseError::new(
    "an EVPN route such as: ip-prefix rd 65001:1 esi 0 tag 0 prefix 192.0.2.0/24 label 100 \
     (or ethernet-ad, mac-ip, multicast, segment, type-9 0x0102)",
);

/// The words of a route's text.
struct Words<'a>(SplitAsciiWhitespace<'a>);

impl<'a> Words<'a> {
    fn word(&mut self) -> Result<&'a str, ParseError> {
        self.0.next().ok_or(BAD)
    }

    /// The text of the field that must come next.
    fn text(&mut self, name: &str) -> Result<&'a str, ParseError> {
        if self.word()? == name { self.word() } else { Err(BAD) }
    }

    /// The value of the field that must come next.
    fn field<T: FromStr>(&mut self, name: &str) -> Result<T, ParseError> {
        self.text(name)?.parse().map_err(|_| BAD)
    }

    /// The value of a field if it comes next.
    fn optional<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, ParseError> {
        let mut ahead = self.0.clone();
        if ahead.next() == Some(name) { self.field(name).map(Some) } else { Ok(None) }
    }

    fn tag(&mut self) -> Result<u32, ParseError> {
        digits(self.text("tag")?).ok_or(BAD)
    }
}

impl FromStr for EvpnRoute {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let mut words = Words(s.split_ascii_whitespace());
        let w = &mut words;
        let route = match w.word()? {
            "ethernet-ad" => Self::EthernetAd {
                rd: w.field("rd")?,
                esi: w.field("esi")?,
                tag: w.tag()?,
                label: w.field("label")?,
            },
            "mac-ip" => {
                let (rd, esi, tag) = (w.field("rd")?, w.field("esi")?, w.tag()?);
                let (mac, ip) = (w.field("mac")?, w.optional("ip")?);
                let labels = w.text("label")?;
                let (label, ip_label) = match labels.split_once(',') {
                    Some((first, second)) => (first, Some(second.parse()?)),
                    None => (labels, None),
                };
                Self::MacIp { rd, esi, tag, mac, ip, label: label.parse()?, ip_label }
            }
            "multicast" => Self::InclusiveMulticast {
                rd: w.field("rd")?,
                tag: w.tag()?,
                originator: w.field("originator")?,
            },
            "segment" => Self::EthernetSegment {
                rd: w.field("rd")?,
                esi: w.field("esi")?,
                originator: w.field("originator")?,
            },
            "ip-prefix" => {
                let (rd, esi, tag) = (w.field("rd")?, w.field("esi")?, w.tag()?);
                let route = match (w.field("prefix")?, w.optional("gateway")?) {
                    (Prefix::V4(prefix), None) => EvpnPrefix::V4(prefix, Ipv4Addr::UNSPECIFIED),
                    (Prefix::V6(prefix), None) => EvpnPrefix::V6(prefix, Ipv6Addr::UNSPECIFIED),
                    (Prefix::V4(prefix), Some(IpAddr::V4(gw))) => EvpnPrefix::V4(prefix, gw),
                    (Prefix::V6(prefix), Some(IpAddr::V6(gw))) => EvpnPrefix::V6(prefix, gw),
                    _ => return Err(BAD),
                };
                Self::IpPrefix { rd, esi, tag, route, label: w.field("label")? }
            }
            word => {
                let kind = word.strip_prefix("type-").and_then(digits).ok_or(BAD)?;
                let value = unhex(w.word()?).ok_or(BAD)?;
                Self::from_value(kind, &value).ok_or(BAD)?
            }
        };
        if w.0.next().is_some() { Err(BAD) } else { Ok(route) }
    }
}
