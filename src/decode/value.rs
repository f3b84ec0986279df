//! Attribute values: as JSON, and as text.
//!
//! How: the codec's [`AttrValue`] says what the octets are, in both forms; here is what it leaves to
//! others: the MP attributes, whose routes are shown apart, and octets in hex when the value is
//! malformed or the attribute unknown. AS 0 costs the routes (RFC 7607), but can be shown.
//! Invariants: an attribute is never left out; one that cannot be read shows its octets.
//! References: RFC 4271 section 4.3, RFC 6793, RFC 7607; each attribute's own RFC.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv4Addr;

use bgp_wire::Asn;
use bgp_wire::attr::as_path::AsPath2;
use bgp_wire::attr::value::Aggregator;
use bgp_wire::attr::{AsPath, AttrType, AttrValue, table};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::hex::Hex;
use super::message::{Attribute, NextHops, Update};
use super::session::path_fits;

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
    Value(AttrValue<'a>),
    Routes { announced: bool },
    Malformed,
    Unknown,
}

impl<'a> Value<'a> {
    fn read(&self) -> Read<'a> {
        let Attribute { kind, value, .. } = self.attr;
        match kind {
            AttrType::MP_REACH_NLRI => return Read::Routes { announced: true },
            AttrType::MP_UNREACH_NLRI => return Read::Routes { announced: false },
            _ => {}
        }
        match AttrValue::decode(kind, value, self.update.as4) {
            Ok(AttrValue::Raw(..)) => Read::Unknown,
            Ok(value) => Read::Value(value),
            Err(_) => self.with_as_zero().map_or(Read::Malformed, Read::Value),
        }
    }

    /// A value at fault for nothing but AS 0 in it.
    fn with_as_zero(&self) -> Option<AttrValue<'a>> {
        let value = self.attr.value;
        Some(match (self.attr.kind, self.update.as4) {
            (AttrType::AS_PATH, true) if path_fits::<4>(value) => {
                AttrValue::AsPath(AsPath::new(value))
            }
            (AttrType::AS_PATH, false) if path_fits::<2>(value) => {
                AttrValue::AsPath2(AsPath2::new(value))
            }
            (AttrType::AS4_PATH, _) if path_fits::<4>(value) => {
                AttrValue::As4Path(AsPath::new(value))
            }
            (AttrType::AGGREGATOR, as4) => AttrValue::Aggregator(of_as_zero(value, as4)?),
            (AttrType::AS4_AGGREGATOR, _) => AttrValue::As4Aggregator(of_as_zero(value, true)?),
            _ => return None,
        })
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

/// An aggregator of AS 0.
fn of_as_zero(value: &[u8], as4: bool) -> Option<Aggregator> {
    let (asn, id) = value.split_last_chunk::<4>()?;
    (asn == &[0; 4][..if as4 { 4 } else { 2 }]).then(|| Aggregator {
        asn: Asn::ZERO,
        id: Ipv4Addr::from(*id),
        as4,
    })
}

/// The name an attribute has in JSON and text: that of its RFC, or its number.
pub(crate) fn name(kind: AttrType) -> Cow<'static, str> {
    match table::row(kind) {
        Some(row) => row.name.into(),
        None => kind.to_string().into(),
    }
}

/// A value as text; a path without segments says so.
pub(crate) struct Shown<'a>(pub(crate) AttrValue<'a>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = match self.0 {
            AttrValue::AsPath(path) | AttrValue::As4Path(path) => path.as_bytes(),
            AttrValue::AsPath2(path) => path.as_bytes(),
            other => return other.fmt(f),
        };
        if octets.is_empty() { f.write_str("(empty)") } else { self.0.fmt(f) }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = Hex(self.attr.value);
        match self.read() {
            Read::Value(value) => Shown(value).fmt(f),
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

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.read() {
            Read::Value(value) => value.serialize(s),
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

/// Serializes as a string of its `Display`.
pub(crate) struct Text<'a, T: fmt::Display>(pub(crate) &'a T);

impl<T: fmt::Display> Serialize for Text<'_, T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self.0)
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
