//! SRv6 services: the TLVs that tell which SID reaches a VPN or an Ethernet segment.
//!
//! What for: the SID, its behaviour and its structure, and the SID as it is to be used when part of
//! it travels in the label field of the NLRI.
//! Where: inside the prefix-SID attribute ([`prefix_sid`](super::prefix_sid)).
//! How: borrowed views over three levels of type, two-octet length and value; unknown ones are kept.
//! Text: `sid[address=2001:db8:1:: behavior=End.DT4 structure=40/24/16/0/16/64]`; the six numbers are
//! block, node, function and argument length, transposition length and offset, in bits.
//! Invariants: views over bytes that [`check`] refuses end early and never panic.
//! References: RFC 9252 sections 2 to 4 and 7, RFC 8986, RFC 9800, the IANA registry of SRv6 Endpoint
//! Behaviors.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, net::Ipv6Addr, str::FromStr};

use super::{
    hex::Hex,
    text::{Body, hex, items, number},
    tlv::{Tlvs, put_short, take_short, walk},
};
use crate::error::ParseError;

/// Sub-TLV type of SRv6 SID Information.
const SID_INFORMATION: u8 = 1;
/// Sub-sub-TLV type of SRv6 SID Structure.
const SID_STRUCTURE: u8 = 1;

/// The octet offset of the first fault in an SRv6 L3 or L2 Service TLV's value (RFC 9252 section 7): a
/// length that contradicts the one around it, SID Information under 21 octets, SID Structure under 6.
///
/// # Errors
/// The offset within `value`.
pub fn check(value: &[u8]) -> Result<(), usize> {
    let (_reserved, sub_tlvs) = value.split_first().ok_or(0usize)?;
    walk(sub_tlvs, take_short, |kind, value| match kind {
        SID_INFORMATION => {
            let (_, below) = value.split_first_chunk::<21>().ok_or(0usize)?;
            walk(below, take_short, |kind, value| {
                if kind == SID_STRUCTURE && value.len() < 6 { Err(0) } else { Ok(()) }
            })
            .map_err(|at| at.saturating_add(21))
        }
        _ => Ok(()),
    })
    .map_err(|at| at.saturating_add(1))
}

/// The value of an SRv6 L3 or L2 Service TLV.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Service<'a>(&'a [u8]);

impl<'a> Service<'a> {
    /// Reads the value of the TLV, reserved octet included.
    pub const fn new(value: &'a [u8]) -> Self {
        Self(value)
    }

    /// The value, as on the wire.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The sub-TLVs, in order.
    pub fn sub_tlvs(self) -> impl Iterator<Item = ServiceSubTlv<'a>> + Clone {
        let below = self.0.get(1..).unwrap_or_default();
        Tlvs::new(below, take_short).map(|(kind, value)| ServiceSubTlv { kind, value })
    }

    /// The SID in use: the first, others are to be ignored (RFC 9252 section 7).
    pub fn sid(self) -> Option<SidInformation<'a>> {
        self.sub_tlvs().find_map(ServiceSubTlv::sid)
    }
}

impl fmt::Display for Service<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::text::join(f, " ", self.sub_tlvs())
    }
}

/// Appends the value of a Service TLV given as its [`Service`] text.
pub(super) fn parse_service(text: &str, out: &mut Vec<u8>) -> Result<(), ParseError> {
    out.push(0);
    for item in items(text, BAD) {
        match item? {
            ("sid", Body::Items(text)) => {
                let mut value = Vec::new();
                parse_sid(text, &mut value)?;
                put_short(out, SID_INFORMATION, &value)?;
            }
            (kind, Body::Value(value)) => put_short(out, number(kind, BAD)?, &hex(value, BAD)?)?,
            _ => return Err(BAD),
        }
    }
    Ok(())
}

const BAD: ParseError = ParseError::new(
    "an SRv6 service such as sid[address=2001:db8:1:: behavior=End.DT4 structure=40/24/16/0/0/0]",
);

/// One sub-TLV of a service.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct ServiceSubTlv<'a> {
    /// Its type.
    pub kind: u8,
    /// Its value.
    pub value: &'a [u8],
}

impl<'a> ServiceSubTlv<'a> {
    /// The SID information it is, if it is.
    pub fn sid(self) -> Option<SidInformation<'a>> {
        let (head, below) = self.value.split_first_chunk::<21>()?;
        let (_reserved, rest) = head.split_first()?;
        let (sid, &[flags, high, low, _reserved]) = rest.split_first_chunk::<16>()? else {
            return None;
        };
        (self.kind == SID_INFORMATION).then(|| SidInformation {
            sid: Ipv6Addr::from(*sid),
            flags,
            behavior: EndpointBehavior(u16::from_be_bytes([high, low])),
            below,
        })
    }
}

impl fmt::Display for ServiceSubTlv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Named only if nothing is lost: reserved octets zero, no odd octets at the end.
        let named = self.sid().filter(|sid| {
            self.value.first() == Some(&0)
                && self.value.get(20) == Some(&0)
                && walk(sid.below, take_short, |_, _| Ok(())).is_ok()
        });
        match named {
            Some(sid) => write!(f, "sid[{sid}]"),
            None => write!(f, "{}={}", self.kind, Hex(self.value)),
        }
    }
}

/// SRv6 SID Information (RFC 9252 section 3.1).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct SidInformation<'a> {
    /// The SID as sent; see [`Self::transposed`].
    pub sid: Ipv6Addr,
    /// Flags; none is defined.
    pub flags: u8,
    /// What the SID does.
    pub behavior: EndpointBehavior,
    below: &'a [u8],
}

impl<'a> SidInformation<'a> {
    /// The sub-sub-TLVs: type and value.
    pub fn sub_sub_tlvs(self) -> impl Iterator<Item = (u8, &'a [u8])> + Clone {
        Tlvs::new(self.below, take_short)
    }

    /// The first SID Structure; others are to be ignored (RFC 9252 section 7).
    pub fn structure(self) -> Option<SidStructure> {
        self.sub_sub_tlvs()
            .find(|(kind, _)| *kind == SID_STRUCTURE)
            .and_then(|(_, value)| SidStructure::read(value))
    }

    /// The SID as it is to be used, `label` being the three-octet label field of the NLRI (or of the
    /// ESI Label community): the transposed bits, which lead the field, are put back at their offset
    /// (RFC 9252 section 4). Without a structure, or with a transposition length of zero, the SID is
    /// as sent. `None` when the structure is impossible, which makes the route unusable.
    pub fn transposed(self, label: [u8; 3]) -> Option<Ipv6Addr> {
        let Some(structure) = self.structure() else { return Some(self.sid) };
        if !structure.is_valid() {
            return None;
        }
        let (length, offset) =
            (u32::from(structure.transposition_length), u32::from(structure.transposition_offset));
        let [a, b, c] = label;
        let moved = u128::from(u32::from_be_bytes([a, b, c, 0])) << 96;
        // A shift by the full width, which a length of zero gives, makes an empty mask.
        let mask = u128::MAX.checked_shl(128u32.checked_sub(length)?).unwrap_or(0);
        let sid = self.sid.to_bits() & !mask.checked_shr(offset).unwrap_or(0);
        Some(Ipv6Addr::from_bits(sid | (moved & mask).checked_shr(offset).unwrap_or(0)))
    }
}

impl fmt::Display for SidInformation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "address={} behavior={}", self.sid, self.behavior)?;
        if self.flags != 0 {
            write!(f, " flags={:#04x}", self.flags)?;
        }
        for (kind, value) in self.sub_sub_tlvs() {
            match SidStructure::read(value).filter(|_| kind == SID_STRUCTURE && value.len() == 6) {
                Some(structure) => write!(f, " structure={structure}")?,
                None => write!(f, " {kind}={}", Hex(value))?,
            }
        }
        Ok(())
    }
}

fn parse_sid(text: &str, out: &mut Vec<u8>) -> Result<(), ParseError> {
    let (mut sid, mut behavior, mut flags) = (None, None, 0);
    let mut below = Vec::new();
    for item in items(text, BAD) {
        let (key, body) = item?;
        let value = body.value(BAD)?;
        match key {
            "address" => sid = Some(value.parse::<Ipv6Addr>().map_err(|_| BAD)?),
            "behavior" => behavior = Some(value.parse::<EndpointBehavior>()?),
            "flags" => [flags] = super::text::hex_array(value, BAD)?,
            "structure" => {
                put_short(&mut below, SID_STRUCTURE, &value.parse::<SidStructure>()?.octets())?;
            }
            kind => put_short(&mut below, number(kind, BAD)?, &hex(value, BAD)?)?,
        }
    }
    let (sid, behavior) = (sid.ok_or(BAD)?, behavior.ok_or(BAD)?);
    out.push(0);
    out.extend_from_slice(&sid.octets());
    out.push(flags);
    out.extend_from_slice(&behavior.0.to_be_bytes());
    out.push(0);
    out.extend_from_slice(&below);
    Ok(())
}

/// SRv6 SID Structure (RFC 9252 section 3.2.1), all in bits.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct SidStructure {
    /// Locator block length.
    pub block: u8,
    /// Locator node length.
    pub node: u8,
    /// Function length.
    pub function: u8,
    /// Argument length.
    pub argument: u8,
    /// How many bits of the SID travel in the label field.
    pub transposition_length: u8,
    /// Where in the SID they belong, from its first bit.
    pub transposition_offset: u8,
}

impl SidStructure {
    /// Whether it can describe a SID: the parts within 128 bits, the transposed part within them and
    /// within a label field of 24 bits.
    pub fn is_valid(self) -> bool {
        let sum = |parts: &[u8]| parts.iter().map(|p| u16::from(*p)).fold(0, u16::saturating_add);
        let total = sum(&[self.block, self.node, self.function, self.argument]);
        total <= 128
            && self.transposition_length <= 24
            && sum(&[self.transposition_offset, self.transposition_length]) <= total
    }

    /// The six octets of the sub-sub-TLV.
    pub const fn octets(self) -> [u8; 6] {
        [
            self.block,
            self.node,
            self.function,
            self.argument,
            self.transposition_length,
            self.transposition_offset,
        ]
    }

    fn read(value: &[u8]) -> Option<Self> {
        let &[block, node, function, argument, transposition_length, transposition_offset] =
            value.first_chunk::<6>()?;
        Some(Self { block, node, function, argument, transposition_length, transposition_offset })
    }
}

impl fmt::Display for SidStructure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        super::text::join(f, "/", self.octets())
    }
}

impl FromStr for SidStructure {
    type Err = ParseError;

    /// `40/24/16/0/16/64`: block, node, function, argument, transposition length and offset.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let bad = ParseError::new("a SID structure such as 40/24/16/0/16/64");
        let numbers: Vec<u8> = s.split('/').map(|n| number(n, bad)).collect::<Result<_, _>>()?;
        let octets = <[u8; 6]>::try_from(numbers.as_slice()).map_err(|_| bad)?;
        Self::read(&octets).ok_or(bad)
    }
}

/// What a SID does (the IANA registry of SRv6 Endpoint Behaviors), shown as `End.DT4`; flavours
/// follow a slash, `End/PSP+USD`. One without a name is its number.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct EndpointBehavior(pub u16);

impl EndpointBehavior {
    /// Decapsulate, look up IPv6 in a table.
    pub const END_DT6: Self = Self(18);
    /// Decapsulate, look up IPv4 in a table.
    pub const END_DT4: Self = Self(19);
    /// Decapsulate, look up IPv4 or IPv6 in a table.
    pub const END_DT46: Self = Self(20);
    /// Decapsulate, unicast lookup in a bridge table.
    pub const END_DT2U: Self = Self(23);
    /// Decapsulate, flood a bridge table.
    pub const END_DT2M: Self = Self(24);
    /// The receiver needs not know.
    pub const OPAQUE: Self = Self(0xffff);

    const NAMES: [(u16, &str); 54] = [
        (1, "End"),
        (2, "End/PSP"),
        (3, "End/USP"),
        (4, "End/PSP+USP"),
        (5, "End.X"),
        (6, "End.X/PSP"),
        (7, "End.X/USP"),
        (8, "End.X/PSP+USP"),
        (9, "End.T"),
        (10, "End.T/PSP"),
        (11, "End.T/USP"),
        (12, "End.T/PSP+USP"),
        (14, "End.B6.Encaps"),
        (15, "End.BM"),
        (16, "End.DX6"),
        (17, "End.DX4"),
        (18, "End.DT6"),
        (19, "End.DT4"),
        (20, "End.DT46"),
        (21, "End.DX2"),
        (22, "End.DX2V"),
        (23, "End.DT2U"),
        (24, "End.DT2M"),
        (27, "End.B6.Encaps.Red"),
        (28, "End/USD"),
        (29, "End/PSP+USD"),
        (30, "End/USP+USD"),
        (31, "End/PSP+USP+USD"),
        (32, "End.X/USD"),
        (33, "End.X/PSP+USD"),
        (34, "End.X/USP+USD"),
        (35, "End.X/PSP+USP+USD"),
        (36, "End.T/USD"),
        (37, "End.T/PSP+USD"),
        (38, "End.T/USP+USD"),
        (39, "End.T/PSP+USP+USD"),
        (43, "End/NEXT-CSID"),
        (44, "End/NEXT-CSID+PSP"),
        (45, "End/NEXT-CSID+USP"),
        (46, "End/NEXT-CSID+PSP+USP"),
        (52, "End.X/NEXT-CSID"),
        (53, "End.X/NEXT-CSID+PSP"),
        (54, "End.X/NEXT-CSID+USP"),
        (55, "End.X/NEXT-CSID+PSP+USP"),
        (60, "End.DX6/NEXT-CSID"),
        (61, "End.DX4/NEXT-CSID"),
        (62, "End.DT6/NEXT-CSID"),
        (63, "End.DT4/NEXT-CSID"),
        (64, "End.DT46/NEXT-CSID"),
        (65, "End.DX2/NEXT-CSID"),
        (66, "End.DX2V/NEXT-CSID"),
        (67, "End.DT2U/NEXT-CSID"),
        (68, "End.DT2M/NEXT-CSID"),
        (0xffff, "opaque"),
    ];
}

impl fmt::Display for EndpointBehavior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(code, _)| *code == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl FromStr for EndpointBehavior {
    type Err = ParseError;

    /// A name, whatever its case, or a number.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        match Self::NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(s)) {
            Some((code, _)) => Ok(Self(*code)),
            None => number(s, ParseError::new("an endpoint behavior such as End.DT4")).map(Self),
        }
    }
}
