//! The value of any attribute, typed.
//!
//! What for: showing attributes and reading them from text, one type for all.
//! Where: for tools, tests and origination; the receive path never needs it.
//! How: [`AttrValue::decode`] checks a value by the rules the canonicaliser goes by and borrows it;
//! `Display` and [`AttrValue::parse`] are inverse to each other. MP_REACH_NLRI and MP_UNREACH_NLRI are
//! for [`UpdateView`](crate::UpdateView), and raw here; so is what this crate has no type for.
//! Invariants: [`AttrValue::put`] gives the octets that were decoded; so does parsing the text.
//! References: RFC 4271 section 5, RFC 7606 section 7, and those of each attribute's module.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, net::Ipv4Addr};

use thiserror::Error;

use super::{
    Aigp, AsPath, AttrType, Community, ExtCommunity, Ipv6ExtCommunity, LargeCommunity,
    as_path::{self, AsPath2},
    hex::{self, Hex},
    list::List,
    origin,
    pmsi::Pmsi,
    prefix_sid::{self, PrefixSid},
    table,
    text::number,
    tunnel_encap::{self, TunnelEncap},
};
use crate::{
    asn::Asn,
    error::{DecodeErrorKind, ParseError},
};

#[cfg(feature = "serde")]
mod json;

/// The value of an attribute.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum AttrValue<'a> {
    /// ORIGIN; see [`origin`].
    Origin(u8),
    /// AS_PATH with AS numbers four octets wide.
    AsPath(AsPath<'a>),
    /// AS_PATH with AS numbers two octets wide.
    AsPath2(AsPath2<'a>),
    /// NEXT_HOP.
    NextHop(Ipv4Addr),
    /// MULTI_EXIT_DISC.
    Med(u32),
    /// LOCAL_PREF.
    LocalPref(u32),
    /// ATOMIC_AGGREGATE.
    AtomicAggregate,
    /// AGGREGATOR.
    Aggregator(Aggregator),
    /// COMMUNITIES.
    Communities(List<'a, Community>),
    /// ORIGINATOR_ID.
    OriginatorId(Ipv4Addr),
    /// CLUSTER_LIST.
    ClusterList(List<'a, Ipv4Addr>),
    /// EXTENDED_COMMUNITIES.
    ExtCommunities(List<'a, ExtCommunity>),
    /// AS4_PATH.
    As4Path(AsPath<'a>),
    /// AS4_AGGREGATOR.
    As4Aggregator(Aggregator),
    /// PMSI_TUNNEL.
    PmsiTunnel(Pmsi<'a>),
    /// TUNNEL_ENCAPSULATION.
    TunnelEncapsulation(TunnelEncap<'a>),
    /// IPV6_EXTENDED_COMMUNITIES.
    Ipv6ExtCommunities(List<'a, Ipv6ExtCommunity>),
    /// AIGP.
    Aigp(Aigp<'a>),
    /// LARGE_COMMUNITY.
    LargeCommunities(List<'a, LargeCommunity>),
    /// ONLY_TO_CUSTOMER.
    OnlyToCustomer(Asn),
    /// PREFIX_SID.
    PrefixSid(PrefixSid<'a>),
    /// Anything else, as it is.
    Raw(AttrType, &'a [u8]),
}

/// A value that its attribute cannot have.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Error)]
#[error("{kind} (octet {at} of the value)")]
pub struct Fault {
    /// Offset of the fault within the value, in octets; 0 where the whole value is at fault.
    pub at: usize,
    /// What is wrong.
    pub kind: DecodeErrorKind,
}

/// Who aggregated the route (RFC 4271 section 5.1.7, RFC 6793).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Aggregator {
    /// Its AS; AS_TRANS may stand for one that two octets cannot carry.
    pub asn: Asn,
    /// Its BGP identifier.
    pub id: Ipv4Addr,
    /// Whether the AS number is four octets wide.
    pub as4: bool,
}

impl Aggregator {
    fn read(value: &[u8]) -> Option<Self> {
        let (asn, id) = value.split_last_chunk::<4>()?;
        let (asn, as4) = match *asn {
            [a, b] => (Asn::from(u16::from_be_bytes([a, b])), false),
            [a, b, c, d] => (Asn(u32::from_be_bytes([a, b, c, d])), true),
            _ => return None,
        };
        // AS 0: RFC 7607 section 2.
        (asn != Asn::ZERO).then(|| Self { asn, id: Ipv4Addr::from(*id), as4 })
    }

    fn put(&self, out: &mut Vec<u8>) {
        if self.as4 {
            out.extend_from_slice(&self.asn.0.to_be_bytes());
        } else {
            out.extend_from_slice(&self.asn.to_two_octets().to_be_bytes());
        }
        out.extend_from_slice(&self.id.octets());
    }

    fn parse(text: &str, as4: bool) -> Result<Self, ParseError> {
        let bad = ParseError::new("an aggregator such as 65001 192.0.2.1");
        let (asn, id) = text.trim().split_once(char::is_whitespace).ok_or(bad)?;
        let asn: Asn = asn.parse()?;
        if !as4 && asn.is_four_octet() {
            return Err(bad);
        }
        Ok(Self { asn, id: id.trim_start().parse().map_err(|_| bad)?, as4 })
    }
}

impl fmt::Display for Aggregator {
    /// `65001 192.0.2.1`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.asn, self.id)
    }
}

impl<'a> AttrValue<'a> {
    /// Reads the value of an attribute of type `kind`; `as4` for a four-octet session, and for
    /// canonical bytes. Confederation segments are allowed in AS_PATH. Of a type without a view here
    /// any value is good.
    ///
    /// # Errors
    /// A length or a content the attribute cannot have, as the canonicaliser judges it.
    pub fn decode(kind: AttrType, value: &'a [u8], as4: bool) -> Result<Self, Fault> {
        let fault = |at, kind| Fault { at, kind };
        if table::row(kind).is_some_and(|row| !row.allows(value.len(), as4)) {
            return Err(fault(0, DecodeErrorKind::AttributeLength(kind.0)));
        }
        let malformed = fault(0, DecodeErrorKind::OptionalAttribute(kind.0));
        // What has a fixed length has it now.
        let number = || value.first_chunk::<4>().map(|n| u32::from_be_bytes(*n)).ok_or(malformed);
        Ok(match kind {
            AttrType::ORIGIN => match value {
                [origin @ 0..=2] => Self::Origin(*origin),
                _ => return Err(fault(0, DecodeErrorKind::InvalidOrigin)),
            },
            AttrType::AS_PATH if as4 => {
                check_path::<4>(value)?;
                Self::AsPath(AsPath::new(value))
            }
            AttrType::AS_PATH => {
                check_path::<2>(value)?;
                Self::AsPath2(AsPath2::new(value))
            }
            AttrType::NEXT_HOP => Self::NextHop(Ipv4Addr::from_bits(number()?)),
            AttrType::MED => Self::Med(number()?),
            AttrType::LOCAL_PREF => Self::LocalPref(number()?),
            AttrType::ATOMIC_AGGREGATE => Self::AtomicAggregate,
            AttrType::AGGREGATOR => Self::Aggregator(Aggregator::read(value).ok_or(malformed)?),
            AttrType::COMMUNITIES => Self::Communities(List::new(value).ok_or(malformed)?),
            AttrType::ORIGINATOR_ID => Self::OriginatorId(Ipv4Addr::from_bits(number()?)),
            AttrType::CLUSTER_LIST => Self::ClusterList(List::new(value).ok_or(malformed)?),
            AttrType::EXT_COMMUNITIES => Self::ExtCommunities(List::new(value).ok_or(malformed)?),
            AttrType::AS4_PATH => {
                check_path::<4>(value).map_err(|f| fault(f.at, malformed.kind))?;
                Self::As4Path(AsPath::new(value))
            }
            AttrType::AS4_AGGREGATOR => {
                Self::As4Aggregator(Aggregator::read(value).ok_or(malformed)?)
            }
            AttrType::PMSI_TUNNEL => Self::PmsiTunnel(Pmsi::new(value).ok_or(malformed)?),
            AttrType::TUNNEL_ENCAPSULATION => {
                tunnel_encap::check(value).map_err(|at| fault(at, malformed.kind))?;
                Self::TunnelEncapsulation(TunnelEncap::new(value))
            }
            AttrType::IPV6_EXT_COMMUNITIES => {
                Self::Ipv6ExtCommunities(List::new(value).ok_or(malformed)?)
            }
            AttrType::AIGP => Self::Aigp(Aigp::new(value).ok_or(malformed)?),
            AttrType::LARGE_COMMUNITIES => {
                Self::LargeCommunities(List::new(value).ok_or(malformed)?)
            }
            AttrType::ONLY_TO_CUSTOMER => Self::OnlyToCustomer(Asn(number()?)),
            AttrType::PREFIX_SID => {
                prefix_sid::check(value).map_err(|m| fault(m.at, malformed.kind))?;
                Self::PrefixSid(PrefixSid::new(value))
            }
            kind => Self::Raw(kind, value),
        })
    }

    /// The value of an attribute from the text that `Display` writes, AS numbers four octets wide.
    ///
    /// # Errors
    /// Text that is not the attribute's, or says what the attribute cannot have.
    pub fn parse(kind: AttrType, text: &str) -> Result<Vec<u8>, ParseError> {
        Self::parse_for(kind, text, true)
    }

    /// As [`Self::parse`]; `as4` says whether AS numbers in AS_PATH and AGGREGATOR are four octets
    /// wide, or two.
    ///
    /// # Errors
    /// As [`Self::parse`], and AS numbers over 65535 when two octets are to hold them.
    pub fn parse_for(kind: AttrType, text: &str, as4: bool) -> Result<Vec<u8>, ParseError> {
        let text = text.trim();
        let mut out = Vec::new();
        match kind {
            AttrType::ORIGIN => out.push(parse_origin(text)?),
            AttrType::AS_PATH if !as4 => out = AsPath2::parse(text)?,
            AttrType::AS_PATH | AttrType::AS4_PATH => out = AsPath::parse(text)?,
            AttrType::NEXT_HOP | AttrType::ORIGINATOR_ID => {
                let bad = ParseError::new("an IPv4 address");
                let address = text.parse::<Ipv4Addr>().map_err(|_| bad)?;
                out.extend_from_slice(&address.octets());
            }
            AttrType::MED | AttrType::LOCAL_PREF => {
                let bad = ParseError::new("a number 0..4294967295");
                out.extend_from_slice(&number::<u32>(text, bad)?.to_be_bytes());
            }
            AttrType::ATOMIC_AGGREGATE if text.is_empty() => {}
            AttrType::ATOMIC_AGGREGATE => {
                return Err(ParseError::new("nothing: ATOMIC_AGGREGATE has no value"));
            }
            AttrType::AGGREGATOR => Aggregator::parse(text, as4)?.put(&mut out),
            AttrType::AS4_AGGREGATOR => Aggregator::parse(text, true)?.put(&mut out),
            AttrType::COMMUNITIES => {
                out = List::<Community>::parse(text, "communities such as 65001:100 no-export")?;
            }
            AttrType::CLUSTER_LIST => {
                out = List::<Ipv4Addr>::parse(text, "cluster ids such as 192.0.2.1 192.0.2.2")?;
            }
            AttrType::EXT_COMMUNITIES => {
                let expected = "extended communities such as rt:65001:100 color:5";
                out = List::<ExtCommunity>::parse(text, expected)?;
            }
            AttrType::IPV6_EXT_COMMUNITIES => {
                let expected = "IPv6 extended communities such as rt:[2001:db8::1]:100";
                out = List::<Ipv6ExtCommunity>::parse(text, expected)?;
            }
            AttrType::LARGE_COMMUNITIES => {
                out = List::<LargeCommunity>::parse(text, "large communities such as 65001:1:2")?;
            }
            AttrType::PMSI_TUNNEL => out = Pmsi::parse(text)?,
            AttrType::TUNNEL_ENCAPSULATION => TunnelEncap::parse(text, &mut out)?,
            AttrType::AIGP => out = Aigp::parse(text)?,
            AttrType::ONLY_TO_CUSTOMER => {
                out.extend_from_slice(&text.parse::<Asn>()?.0.to_be_bytes());
            }
            AttrType::PREFIX_SID => PrefixSid::parse(text, &mut out)?,
            _ => {
                let bad = ParseError::new("octets in hexadecimal such as 0x0a1b");
                out = hex::parse(text).ok_or(bad)?;
            }
        }
        match u16::try_from(out.len()).is_ok() && AttrValue::decode(kind, &out, as4).is_ok() {
            true => Ok(out),
            false => Err(ParseError::new("a value that the attribute can have")),
        }
    }

    /// The type of the attribute.
    pub const fn kind(&self) -> AttrType {
        match self {
            Self::Origin(_) => AttrType::ORIGIN,
            Self::AsPath(_) | Self::AsPath2(_) => AttrType::AS_PATH,
            Self::NextHop(_) => AttrType::NEXT_HOP,
            Self::Med(_) => AttrType::MED,
            Self::LocalPref(_) => AttrType::LOCAL_PREF,
            Self::AtomicAggregate => AttrType::ATOMIC_AGGREGATE,
            Self::Aggregator(_) => AttrType::AGGREGATOR,
            Self::Communities(_) => AttrType::COMMUNITIES,
            Self::OriginatorId(_) => AttrType::ORIGINATOR_ID,
            Self::ClusterList(_) => AttrType::CLUSTER_LIST,
            Self::ExtCommunities(_) => AttrType::EXT_COMMUNITIES,
            Self::As4Path(_) => AttrType::AS4_PATH,
            Self::As4Aggregator(_) => AttrType::AS4_AGGREGATOR,
            Self::PmsiTunnel(_) => AttrType::PMSI_TUNNEL,
            Self::TunnelEncapsulation(_) => AttrType::TUNNEL_ENCAPSULATION,
            Self::Ipv6ExtCommunities(_) => AttrType::IPV6_EXT_COMMUNITIES,
            Self::Aigp(_) => AttrType::AIGP,
            Self::LargeCommunities(_) => AttrType::LARGE_COMMUNITIES,
            Self::OnlyToCustomer(_) => AttrType::ONLY_TO_CUSTOMER,
            Self::PrefixSid(_) => AttrType::PREFIX_SID,
            Self::Raw(kind, _) => *kind,
        }
    }

    /// Appends the value, without a header.
    pub fn put(&self, out: &mut Vec<u8>) {
        let octets = match self {
            Self::Origin(origin) => return out.push(*origin),
            Self::NextHop(id) | Self::OriginatorId(id) => {
                return out.extend_from_slice(&id.octets());
            }
            Self::Med(n) | Self::LocalPref(n) | Self::OnlyToCustomer(Asn(n)) => {
                return out.extend_from_slice(&n.to_be_bytes());
            }
            Self::AtomicAggregate => return,
            Self::Aggregator(aggregator) | Self::As4Aggregator(aggregator) => {
                return aggregator.put(out);
            }
            Self::PmsiTunnel(pmsi) => return pmsi.put(out),
            Self::AsPath(path) | Self::As4Path(path) => path.as_bytes(),
            Self::AsPath2(path) => path.as_bytes(),
            Self::Communities(list) => list.as_bytes(),
            Self::ClusterList(list) => list.as_bytes(),
            Self::ExtCommunities(list) => list.as_bytes(),
            Self::Ipv6ExtCommunities(list) => list.as_bytes(),
            Self::LargeCommunities(list) => list.as_bytes(),
            Self::TunnelEncapsulation(tunnels) => tunnels.as_bytes(),
            Self::Aigp(aigp) => aigp.as_bytes(),
            Self::PrefixSid(sid) => sid.as_bytes(),
            Self::Raw(_, octets) => octets,
        };
        out.extend_from_slice(octets);
    }
}

impl fmt::Display for AttrValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Origin(value) => f.write_str(origin::name(*value)),
            Self::AsPath(path) | Self::As4Path(path) => path.fmt(f),
            Self::AsPath2(path) => path.fmt(f),
            Self::NextHop(address) | Self::OriginatorId(address) => address.fmt(f),
            Self::Med(n) | Self::LocalPref(n) => n.fmt(f),
            Self::AtomicAggregate => Ok(()),
            Self::Aggregator(aggregator) | Self::As4Aggregator(aggregator) => aggregator.fmt(f),
            Self::Communities(list) => list.fmt(f),
            Self::ClusterList(list) => list.fmt(f),
            Self::ExtCommunities(list) => list.fmt(f),
            Self::Ipv6ExtCommunities(list) => list.fmt(f),
            Self::LargeCommunities(list) => list.fmt(f),
            Self::PmsiTunnel(pmsi) => pmsi.fmt(f),
            Self::TunnelEncapsulation(tunnels) => tunnels.fmt(f),
            Self::Aigp(aigp) => aigp.fmt(f),
            Self::OnlyToCustomer(asn) => asn.fmt(f),
            Self::PrefixSid(sid) => sid.fmt(f),
            Self::Raw(_, octets) => Hex(octets).fmt(f),
        }
    }
}

/// Checks a path; the fault is at the first segment that cannot stand.
fn check_path<const N: usize>(value: &[u8]) -> Result<(), Fault> {
    let mut rest = value;
    while !rest.is_empty() {
        let count = rest.get(1).copied().map_or(0, usize::from);
        let length = count.saturating_mul(N).saturating_add(2);
        let segment = rest.split_at_checked(length);
        match segment.filter(|(segment, _)| as_path::validate::<N>(segment, true)) {
            Some((_, behind)) => rest = behind,
            None => {
                let at = value.len().saturating_sub(rest.len());
                return Err(Fault { at, kind: DecodeErrorKind::MalformedAsPath });
            }
        }
    }
    Ok(())
}

fn parse_origin(text: &str) -> Result<u8, ParseError> {
    [origin::IGP, origin::EGP, origin::INCOMPLETE]
        .into_iter()
        .find(|value| origin::name(*value).eq_ignore_ascii_case(text))
        .ok_or(ParseError::new("an origin: IGP, EGP or incomplete"))
}

#[cfg(test)]
mod tests;
