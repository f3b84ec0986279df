//! The prefix-SID attribute: label index, SRGB, SRv6 services.
//!
//! What for: the segment a prefix is reached by, for MPLS and for SRv6.
//! Where: over the value of BGP Prefix-SID; its verdict is asked of [`check`] by the canonicaliser.
//! How: a borrowed slice and an iterator over its TLVs; unknown TLVs are kept and passed on.
//! Text: `label-index=100 srgb=16000/8000,24000/1000 l3-service[sid[...]] 9=0x0102`; see
//! [`srv6`] for what is in a service.
//! Invariants: views over bytes that [`check`] refuses end early and never panic.
//! References: RFC 8669 sections 3 and 6, RFC 9252 sections 2 and 7.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::fmt;

use super::{
    hex::Hex,
    srv6::{self, Service},
    text::{Body, hex, items, join, number},
    tlv::{Tlvs, put_short, take_short, walk},
};
use crate::error::ParseError;

/// TLV types.
mod kind {
    pub(super) const LABEL_INDEX: u8 = 1;
    pub(super) const ORIGINATOR_SRGB: u8 = 3;
    pub(super) const L3_SERVICE: u8 = 5;
    pub(super) const L2_SERVICE: u8 = 6;
}

/// A prefix-SID attribute that cannot be used.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Malformed {
    /// Offset of the fault within the value, in octets.
    pub at: usize,
    /// Whether it is inside an SRv6 Service TLV (RFC 9252 section 7) rather than in the attribute
    /// itself (RFC 8669 section 6).
    pub in_service: bool,
}

/// Judges the value of the attribute (RFC 8669 section 6, RFC 9252 section 7): TLVs that do not add
/// up, a label index not of 7 octets, an SRGB not of 2 octets and a multiple of 6, a service that
/// [`srv6::check`] refuses. Repeated and unknown TLVs are no fault.
///
/// # Errors
/// Where the first fault is.
pub fn check(value: &[u8]) -> Result<(), Malformed> {
    let mut in_service = false;
    walk(value, take_short, |kind, value| match kind {
        kind::LABEL_INDEX if value.len() != 7 => Err(0),
        kind::ORIGINATOR_SRGB => match value.split_first_chunk::<2>() {
            Some((_flags, ranges)) if !ranges.is_empty() && ranges.len().is_multiple_of(6) => {
                Ok(())
            }
            _ => Err(0),
        },
        kind::L3_SERVICE | kind::L2_SERVICE => {
            srv6::check(value).inspect_err(|_| in_service = true)
        }
        _ => Ok(()),
    })
    .map_err(|at| Malformed { at, in_service })
}

/// The value of a prefix-SID attribute.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct PrefixSid<'a>(&'a [u8]);

impl<'a> PrefixSid<'a> {
    /// Reads the value of the attribute.
    pub const fn new(value: &'a [u8]) -> Self {
        Self(value)
    }

    /// The value, as on the wire.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The TLVs, in order.
    pub fn tlvs(self) -> impl Iterator<Item = Tlv<'a>> + Clone {
        Tlvs::new(self.0, take_short).map(|(kind, value)| Tlv { kind, value })
    }

    /// The label index: the first, others are to be ignored (RFC 8669 section 3).
    pub fn label_index(self) -> Option<u32> {
        self.tlvs().find_map(|tlv| match tlv.view() {
            TlvView::LabelIndex(index) => Some(index),
            _ => None,
        })
    }

    /// The SRv6 L3 service: the first, others are to be ignored (RFC 9252 section 7).
    pub fn l3_service(self) -> Option<Service<'a>> {
        self.tlvs().find_map(|tlv| match tlv.view() {
            TlvView::L3Service(service) => Some(service),
            _ => None,
        })
    }

    /// The SRv6 L2 service: the first, others are to be ignored (RFC 9252 section 7).
    pub fn l2_service(self) -> Option<Service<'a>> {
        self.tlvs().find_map(|tlv| match tlv.view() {
            TlvView::L2Service(service) => Some(service),
            _ => None,
        })
    }

    /// Appends the value of an attribute given as text.
    ///
    /// # Errors
    /// Unknown names, numbers out of range, values too long for their length field.
    pub fn parse(text: &str, out: &mut Vec<u8>) -> Result<(), ParseError> {
        for item in items(text, BAD) {
            match item? {
                ("label-index", Body::Value(index)) => {
                    let [a, b, c, d] = number::<u32>(index, BAD)?.to_be_bytes();
                    put_short(out, kind::LABEL_INDEX, &[0, 0, 0, a, b, c, d])?;
                }
                ("srgb", Body::Value(ranges)) => {
                    let mut value = vec![0, 0];
                    for range in ranges.split(',') {
                        let (base, size) = range.split_once('/').ok_or(BAD)?;
                        for n in [number::<u32>(base, BAD)?, number::<u32>(size, BAD)?] {
                            let [0, octets @ ..] = n.to_be_bytes() else { return Err(BAD) };
                            value.extend_from_slice(&octets);
                        }
                    }
                    put_short(out, kind::ORIGINATOR_SRGB, &value)?;
                }
                (name @ ("l3-service" | "l2-service"), Body::Items(text)) => {
                    let mut value = Vec::new();
                    srv6::parse_service(text, &mut value)?;
                    let l3 = name == "l3-service";
                    put_short(out, if l3 { kind::L3_SERVICE } else { kind::L2_SERVICE }, &value)?;
                }
                (kind, Body::Value(value)) => {
                    put_short(out, number(kind, BAD)?, &hex(value, BAD)?)?
                }
                _ => return Err(BAD),
            }
        }
        Ok(())
    }
}

const BAD: ParseError = ParseError::new(
    "a prefix-SID such as label-index=100 srgb=16000/8000, l3-service[...] or 9=0x0102",
);

impl fmt::Display for PrefixSid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, " ", self.tlvs())
    }
}

/// One TLV of a prefix-SID attribute.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Tlv<'a> {
    /// Its type.
    pub kind: u8,
    /// Its value.
    pub value: &'a [u8],
}

/// What a [`Tlv`] says. Reserved octets and the flags, none of which is defined, are left out.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub enum TlvView<'a> {
    /// The index of the prefix into the SRGB.
    LabelIndex(u32),
    /// The originator's SRGB.
    OriginatorSrgb(Srgb<'a>),
    /// A VPN service over SRv6.
    L3Service(Service<'a>),
    /// An Ethernet service over SRv6.
    L2Service(Service<'a>),
    /// Anything else, or a value its type cannot have.
    Unknown,
}

/// Ranges of labels, each a first label and how many there are.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Srgb<'a>(&'a [[u8; 6]]);

impl<'a> Srgb<'a> {
    /// First label and number of labels of each range.
    pub fn ranges(self) -> impl ExactSizeIterator<Item = (u32, u32)> + Clone + 'a {
        self.0.iter().map(|[a, b, c, d, e, f]| {
            (u32::from_be_bytes([0, *a, *b, *c]), u32::from_be_bytes([0, *d, *e, *f]))
        })
    }
}

impl<'a> Tlv<'a> {
    /// What it says.
    pub fn view(self) -> TlvView<'a> {
        match (self.kind, self.value) {
            (kind::LABEL_INDEX, &[_, _, _, a, b, c, d]) => {
                TlvView::LabelIndex(u32::from_be_bytes([a, b, c, d]))
            }
            (kind::ORIGINATOR_SRGB, [_, _, ranges @ ..]) => match ranges.as_chunks() {
                (ranges @ [_, ..], []) => TlvView::OriginatorSrgb(Srgb(ranges)),
                _ => TlvView::Unknown,
            },
            (kind::L3_SERVICE, value) if srv6::check(value).is_ok() => {
                TlvView::L3Service(Service::new(value))
            }
            (kind::L2_SERVICE, value) if srv6::check(value).is_ok() => {
                TlvView::L2Service(Service::new(value))
            }
            _ => TlvView::Unknown,
        }
    }
}

impl fmt::Display for Tlv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Named only if nothing is lost.
        match (self.view(), self.value) {
            (TlvView::LabelIndex(index), [0, 0, 0, ..]) => write!(f, "label-index={index}"),
            (TlvView::OriginatorSrgb(srgb), [0, 0, ..]) => {
                f.write_str("srgb=")?;
                let range = |(base, size)| format!("{base}/{size}");
                join(f, ",", srgb.ranges().map(range))
            }
            (TlvView::L3Service(service), [0, ..]) => write!(f, "l3-service[{service}]"),
            (TlvView::L2Service(service), [0, ..]) => write!(f, "l2-service[{service}]"),
            _ => write!(f, "{}={}", self.kind, Hex(self.value)),
        }
    }
}

#[cfg(test)]
mod tests;
