//! Codecs nobody here wrote, beside ours.
//!
//! What for: two readings of one message that were made independently. Where they differ, ours is
//! mended or the difference is written down in `fuzz/DISAGREEMENTS.md` with the sentence that
//! decides.
//! Where: outside of every product crate: used by the fuzz target `differential`, by the tests that
//! replay its corpus and the recorded messages, and by the benches beside other codecs.
//! How: each codec's reading becomes an [`Update`] or [`Open`] of plain octets ([`ours`],
//! [`netgauze`], [`routecore`], [`bgpkit`]); [`compare`] holds ours against each of the others.
//! Invariants: an agreement is equality, octet for octet, of everything both can read; a difference
//! is an error unless [`compare::KNOWN`] names it. A foreign panic is caught and is a difference.
//! References: RFC 4271, RFC 4760, RFC 7606.
#![forbid(unsafe_code)]

pub mod bgpkit;
pub mod compare;
pub mod netgauze;
pub mod ours;
pub mod routecore;

use std::{collections::BTreeMap, net::IpAddr};

use bgp_wire::{Afi, AttrType, Family, HEADER_LEN, Safi, attrs};

/// A route as octets: family, path identifier (0 without ADD-PATH), NLRI as sent.
pub type Route = (Family, u32, Vec<u8>);

/// What an UPDATE says, in octets that do not depend on a codec.
#[derive(Clone, Eq, PartialEq, Debug, Default)]
pub struct Update {
    /// Announced routes, sorted.
    pub announced: Vec<Route>,
    /// Withdrawn routes, sorted.
    pub withdrawn: Vec<Route>,
    /// NEXT_HOP, when there are classic NLRI.
    pub next_hop: Option<IpAddr>,
    /// Addresses of the next hop of MP_REACH_NLRI: one, or a global and a link-local one.
    pub mp_next_hop: Vec<IpAddr>,
    /// Values of all other attributes, AS numbers four octets wide, by type.
    pub attributes: BTreeMap<u8, Vec<u8>>,
}

/// What an OPEN says.
#[derive(Clone, Eq, PartialEq, Debug, Default)]
pub struct Open {
    /// Version.
    pub version: u8,
    /// The two-octet AS field.
    pub my_as: u16,
    /// Hold time in seconds.
    pub hold_time: u16,
    /// BGP identifier.
    pub id: [u8; 4],
    /// Capabilities: code and value as sent, in order.
    pub capabilities: Vec<(u8, Vec<u8>)>,
}

/// A codec's opinion of a message.
#[derive(Clone, Eq, PartialEq, Debug)]
pub enum Reading<T> {
    /// Nothing wrong with it.
    Good(T),
    /// Refused, in whole or in part, or read with a complaint; the reason.
    Bad(String),
    /// The codec has no notion of something in it; nothing can be compared.
    Unable,
}

impl<T> Reading<T> {
    /// The same opinion of something else.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Reading<U> {
        match self {
            Self::Good(read) => Reading::Good(make(read)),
            Self::Bad(why) => Reading::Bad(why),
            Self::Unable => Reading::Unable,
        }
    }
}

/// The attribute section of an UPDATE message; nothing if its lengths do not add up.
fn attribute_section(message: &[u8]) -> &[u8] {
    let section = || {
        let body = message.get(HEADER_LEN..)?;
        let (withdrawn, rest) = body.split_first_chunk()?;
        let rest = rest.get(usize::from(u16::from_be_bytes(*withdrawn))..)?;
        let (length, rest) = rest.split_first_chunk()?;
        rest.get(..usize::from(u16::from_be_bytes(*length)))
    };
    section().unwrap_or_default()
}

/// The flags of the first attribute of this type.
fn attribute_flags(message: &[u8], kind: u8) -> Option<u8> {
    attrs(attribute_section(message)).find(|a| a.kind.0 == kind).map(|a| a.flags)
}

/// The families of the MP attributes of an UPDATE message, as far as they can be read. Some codecs
/// take routes of families they do not know for plain prefixes; this is how they are kept apart.
pub fn mp_families(message: &[u8]) -> Vec<Family> {
    attrs(attribute_section(message))
        .filter(|a| matches!(a.kind, AttrType::MP_REACH_NLRI | AttrType::MP_UNREACH_NLRI))
        .filter_map(|a| a.value.first_chunk())
        .map(|&[high, low, safi]| Family::new(Afi(u16::from_be_bytes([high, low])), Safi(safi)))
        .collect()
}
