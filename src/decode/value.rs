//! Attribute values: as JSON, and as text.
//!
//! How: numbers, addresses and lists where the value is one; text that reads back for everything
//! with more structure; octets in hex when the value is malformed or the attribute unknown.
//! Invariants: an attribute is never left out; one that cannot be read shows its octets.
//! References: RFC 4271 section 4.3, RFC 6793; each attribute's own RFC.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv4Addr;

use bgp_wire::attr::{Aigp, Ipv6ExtCommunity, Pmsi, origin, prefix_sid, table, tunnel_encap};
use bgp_wire::attr::{AsPath, AttrType, Community, ExtCommunity, LargeCommunity, SegmentType};
use bgp_wire::attr::{prefix_sid::PrefixSid, tunnel_encap::TunnelEncap};
use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};

use super::hex::Hex;
use super::message::{Attribute, NextHops, Update};

/// An attribute with what is needed to read it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    /// The attribute.
    pub(crate) attr: Attribute<'a>,
    /// The message it is in.
    pub(crate) update: &'a Update<'a>,
}

/// What the octets are.
enum Read<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    Present,
    Path(Cow<'a, [u8]>),
    Aggregator { asn: u32, address: Ipv4Addr },
    Addresses(&'a [[u8; 4]]),
    Communities(&'a [[u8; 4]]),
    ExtCommunities(&'a [[u8; 8]]),
    Ipv6ExtCommunities(&'a [[u8; 20]]),
    LargeCommunities(&'a [[u8; 12]]),
    Routes { announced: bool },
    Malformed,
    Unknown,
}

fn text<'a>(value: &impl fmt::Display) -> Read<'a> {
    Read::Text(value.to_string().into())
}

fn chunks<const N: usize>(value: &[u8]) -> Option<&[[u8; N]]> {
    match value.as_chunks::<N>() {
        (chunks, []) if !chunks.is_empty() => Some(chunks),
        _ => None,
    }
}

fn number(value: &[u8]) -> Option<u64> {
    value.try_into().ok().map(|b| u64::from(u32::from_be_bytes(b)))
}

/// A path of numbers `N` octets wide, as four-octet numbers; `None` when it is malformed.
fn widen<const N: usize>(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len() * 2);
    let mut rest = value;
    while let Some((&[kind, count], tail)) = rest.split_first_chunk::<2>() {
        let (numbers, tail) = tail.split_at_checked(usize::from(count) * N)?;
        if !(1..=4).contains(&kind) {
            return None;
        }
        out.extend_from_slice(&[kind, count]);
        for asn in numbers.as_chunks::<N>().0 {
            out.extend_from_slice(&[0; 4][N.min(4)..]);
            out.extend_from_slice(asn);
        }
        rest = tail;
    }
    rest.is_empty().then_some(out)
}

fn aggregator(value: &[u8]) -> Option<Read<'_>> {
    let (asn, address) = match value {
        [a, b, c, d, address @ ..] if address.len() == 4 => {
            (u32::from_be_bytes([*a, *b, *c, *d]), address)
        }
        [a, b, address @ ..] if address.len() == 4 => (u32::from_be_bytes([0, 0, *a, *b]), address),
        _ => return None,
    };
    let address = Ipv4Addr::from(*address.first_chunk::<4>()?);
    Some(Read::Aggregator { asn, address })
}

impl<'a> Value<'a> {
    fn read(&self) -> Read<'a> {
        let value = self.attr.value;
        let as4 = self.update.as4;
        let read = match self.attr.kind {
            AttrType::ORIGIN => match value {
                [origin @ 0..=2] => Some(Read::Text(origin::name(*origin).into())),
                _ => None,
            },
            AttrType::AS_PATH if as4 => path(value),
            AttrType::AS_PATH => widen::<2>(value).map(|path| Read::Path(path.into())),
            AttrType::AS4_PATH => path(value),
            AttrType::NEXT_HOP | AttrType::ORIGINATOR_ID => value
                .try_into()
                .ok()
                .map(|b: [u8; 4]| Read::Text(Ipv4Addr::from(b).to_string().into())),
            AttrType::MED | AttrType::LOCAL_PREF => number(value).map(Read::Number),
            AttrType::ATOMIC_AGGREGATE => value.is_empty().then_some(Read::Present),
            AttrType::AGGREGATOR if value.len() == if as4 { 8 } else { 6 } => aggregator(value),
            AttrType::AS4_AGGREGATOR if value.len() == 8 => aggregator(value),
            AttrType::COMMUNITIES => chunks(value).map(Read::Communities),
            AttrType::CLUSTER_LIST => chunks(value).map(Read::Addresses),
            AttrType::EXT_COMMUNITIES => chunks(value).map(Read::ExtCommunities),
            AttrType::LARGE_COMMUNITIES => chunks(value).map(Read::LargeCommunities),
            AttrType::IPV6_EXT_COMMUNITIES => chunks(value).map(Read::Ipv6ExtCommunities),
            AttrType::PMSI_TUNNEL => Pmsi::new(value).map(|v| text(&v)),
            AttrType::TUNNEL_ENCAPSULATION => {
                tunnel_encap::check(value).is_ok().then(|| text(&TunnelEncap::new(value)))
            }
            AttrType::AIGP => Aigp::new(value).map(|v| text(&v)),
            AttrType::ONLY_TO_CUSTOMER => number(value).map(Read::Number),
            AttrType::PREFIX_SID => {
                prefix_sid::check(value).is_ok().then(|| text(&PrefixSid::new(value)))
            }
            AttrType::BGP_LS => Some(Read::Unknown),
            AttrType::MP_REACH_NLRI => Some(Read::Routes { announced: true }),
            AttrType::MP_UNREACH_NLRI => Some(Read::Routes { announced: false }),
            _ => None,
        };
        let known = || table::row(self.attr.kind).is_some();
        read.unwrap_or_else(|| if known() { Read::Malformed } else { Read::Unknown })
    }

    /// Family and number of routes of an MP attribute.
    fn routes(&self, announced: bool) -> Option<(bgp_wire::Family, usize)> {
        if let Some(family) = self.update.table {
            return Some((family, self.update.announced.len()));
        }
        let &[high, low, safi] = self.attr.value.first_chunk::<3>()?;
        let afi = bgp_wire::Afi(u16::from_be_bytes([high, low]));
        let family = bgp_wire::Family::new(afi, bgp_wire::Safi(safi));
        let list = if announced { &self.update.announced } else { &self.update.withdrawn };
        let count = list.iter().filter(|route| route.family == family).count();
        (!announced || self.update.next_hop(family).is_some()).then_some((family, count))
    }
}

fn path(value: &[u8]) -> Option<Read<'_>> {
    widen::<4>(value).map(|_| Read::Path(value.into()))
}

/// The name an attribute has in JSON and text: that of its RFC, or its number.
pub(crate) fn name(kind: AttrType) -> Cow<'static, str> {
    match table::row(kind) {
        Some(row) => row.name.into(),
        None => kind.to_string().into(),
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = Hex(self.attr.value);
        match self.read() {
            Read::Text(text) => f.write_str(&text),
            Read::Number(n) => write!(f, "{n}"),
            Read::Present => Ok(()),
            Read::Path(path) if path.is_empty() => f.write_str("(empty)"),
            Read::Path(path) => write!(f, "{}", AsPath::new(&path)),
            Read::Aggregator { asn, address } => write!(f, "{asn} {address}"),
            Read::Addresses(list) => words(f, list.iter().map(|b| Ipv4Addr::from(*b))),
            Read::Communities(list) => {
                words(f, list.iter().map(|b| Community(u32::from_be_bytes(*b))))
            }
            Read::ExtCommunities(list) => words(f, list.iter().map(|b| ExtCommunity(*b))),
            Read::Ipv6ExtCommunities(list) => words(f, list.iter().map(|b| Ipv6ExtCommunity(*b))),
            Read::LargeCommunities(list) => words(f, list.iter().map(large)),
            Read::Routes { announced } => match self.routes(announced) {
                Some((family, 1)) => write!(f, "{family}, 1 route"),
                Some((family, n)) => write!(f, "{family}, {n} routes"),
                None => write!(f, "{hex}"),
            },
            Read::Malformed => write!(f, "malformed 0x{hex}"),
            Read::Unknown => {
                write!(f, "flags {:#04x} value 0x{hex}", self.attr.flags)
            }
        }
    }
}

fn words(f: &mut fmt::Formatter<'_>, list: impl Iterator<Item = impl fmt::Display>) -> fmt::Result {
    for (ix, word) in list.enumerate() {
        write!(f, "{}{word}", if ix == 0 { "" } else { " " })?;
    }
    Ok(())
}

fn large(octets: &[u8; 12]) -> LargeCommunity {
    LargeCommunity::from_bytes(*octets)
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.read() {
            Read::Text(text) => s.serialize_str(&text),
            Read::Number(n) => s.serialize_u64(n),
            Read::Present => s.serialize_bool(true),
            Read::Path(path) => PathJson(AsPath::new(&path)).serialize(s),
            Read::Aggregator { asn, address } => {
                let mut map = s.serialize_map(Some(2))?;
                map.serialize_entry("as", &asn)?;
                map.serialize_entry("address", &address)?;
                map.end()
            }
            Read::Addresses(list) => s.collect_seq(list.iter().map(|b| Ipv4Addr::from(*b))),
            Read::Communities(list) => {
                texts(s, list.iter().map(|b| Community(u32::from_be_bytes(*b))))
            }
            Read::ExtCommunities(list) => texts(s, list.iter().map(|b| ExtCommunity(*b))),
            Read::Ipv6ExtCommunities(list) => texts(s, list.iter().map(|b| Ipv6ExtCommunity(*b))),
            Read::LargeCommunities(list) => texts(s, list.iter().map(large)),
            Read::Routes { announced } => match self.routes(announced) {
                Some((family, routes)) => {
                    let mut map = s.serialize_map(None)?;
                    map.serialize_entry("family", &Text(&family))?;
                    map.serialize_entry("routes", &routes)?;
                    map.end()
                }
                None => self.octets(s, None),
            },
            Read::Malformed => self.octets(s, Some("malformed")),
            Read::Unknown => self.octets(s, Some("flags")),
        }
    }
}

impl Value<'_> {
    fn octets<S: Serializer>(&self, s: S, with: Option<&'static str>) -> Result<S::Ok, S::Error> {
        let mut map = s.serialize_map(None)?;
        match with {
            Some("malformed") => map.serialize_entry("malformed", &true)?,
            Some(_) => map.serialize_entry("flags", &format_args!("{:#04x}", self.attr.flags))?,
            None => {}
        }
        map.serialize_entry("hex", &Text(&Hex(self.attr.value)))?;
        map.end()
    }
}

fn texts<S: Serializer>(
    s: S,
    list: impl ExactSizeIterator<Item = impl fmt::Display>,
) -> Result<S::Ok, S::Error> {
    let mut seq = s.serialize_seq(Some(list.len()))?;
    for word in list {
        seq.serialize_element(&Text(&word))?;
    }
    seq.end()
}

/// Serializes as a string of its `Display`.
pub(crate) struct Text<'a, T: fmt::Display>(pub(crate) &'a T);

impl<T: fmt::Display> Serialize for Text<'_, T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self.0)
    }
}

/// Numbers of sequences one after the other, other segments as objects.
struct PathJson<'a>(AsPath<'a>);

impl Serialize for PathJson<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let mut seq = s.serialize_seq(None)?;
        for segment in self.0.segments() {
            let name = match segment.kind {
                SegmentType::SEQUENCE => {
                    segment.asns().try_for_each(|asn| seq.serialize_element(&asn.0))?;
                    continue;
                }
                SegmentType::SET => "set",
                SegmentType::CONFED_SEQUENCE => "confedSequence",
                _ => "confedSet",
            };
            let numbers: Vec<u32> = segment.asns().map(|asn| asn.0).collect();
            seq.serialize_element(&std::collections::BTreeMap::from([(name, numbers)]))?;
        }
        seq.end()
    }
}

impl fmt::Display for NextHops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Address { rd, address, link_local } => {
                if let Some(rd) = rd {
                    write!(f, "{rd}:")?;
                }
                write!(f, "{address}")?;
                link_local.map_or(Ok(()), |local| write!(f, " ({local})"))
            }
            Self::Odd(octets) => write!(f, "{} octets {}", octets.len(), Hex(octets)),
        }
    }
}
