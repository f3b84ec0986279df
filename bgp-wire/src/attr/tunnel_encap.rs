//! The tunnel encapsulation attribute: how to reach a next hop by a tunnel.
//!
//! What for: tunnels and what is said of each: type, egress endpoint, VNI, keys, colour.
//! Where: over the value of TUNNEL_ENCAPSULATION; its verdict is asked of [`check`] by the
//! canonicaliser.
//! How: a borrowed slice and iterators over tunnels and their sub-TLVs; unknown ones are kept.
//! Text: `vxlan[endpoint=192.0.2.1 encapsulation[vni=100] color=5] gre[endpoint=next-hop 12=0x00]`.
//! Invariants: views over bytes that [`check`] refuses end early and never panic.
//! References: RFC 9012 sections 2, 3, 4.1 and 13; the IANA registry of BGP Tunnel Encapsulation.
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
    str::FromStr,
};

use super::{
    hex::Hex,
    prefix_sid::{self, PrefixSid},
    text::{Body, items, join, number},
    tlv::{Tlvs, put_tunnel, take_sub_tunnel, take_tunnel, walk},
};
use crate::{error::ParseError, nlri::MacAddr};

mod parse;

/// Sub-TLV types (RFC 9012 section 3).
mod kind {
    pub(super) const ENCAPSULATION: u8 = 1;
    pub(super) const PROTOCOL_TYPE: u8 = 2;
    pub(super) const COLOR: u8 = 4;
    pub(super) const ENDPOINT: u8 = 6;
    pub(super) const DS_FIELD: u8 = 7;
    pub(super) const UDP_PORT: u8 = 8;
    pub(super) const EMBEDDED_LABEL: u8 = 9;
    pub(super) const LABEL_STACK: u8 = 10;
    pub(super) const PREFIX_SID: u8 = 11;
}

/// Judges the value of the attribute (RFC 9012 section 13): the lengths of tunnels must add up to
/// it, those of sub-TLVs to their tunnel. What a sub-TLV says is no fault of the attribute: one with
/// an impossible value counts as unknown.
///
/// # Errors
/// The offset of the first fault within `value`, in octets.
pub fn check(value: &[u8]) -> Result<(), usize> {
    walk(value, take_tunnel, |_, tunnel| walk(tunnel, take_sub_tunnel, |_, _| Ok(())))
}

/// The value of a tunnel encapsulation attribute.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct TunnelEncap<'a>(&'a [u8]);

impl<'a> TunnelEncap<'a> {
    /// Reads the value of the attribute.
    pub const fn new(value: &'a [u8]) -> Self {
        Self(value)
    }

    /// The value, as on the wire.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The tunnels, in order.
    pub fn tunnels(self) -> impl Iterator<Item = Tunnel<'a>> + Clone {
        Tlvs::new(self.0, take_tunnel).map(|(kind, value)| Tunnel { kind: TunnelType(kind), value })
    }

    /// Appends the value of an attribute given as text.
    ///
    /// # Errors
    /// Unknown names, numbers out of range, values too long for their length field.
    pub fn parse(text: &str, out: &mut Vec<u8>) -> Result<(), ParseError> {
        for item in items(text, BAD) {
            let (name, body) = item?;
            let kind: TunnelType = name.parse()?;
            let mut tunnel = Vec::new();
            match body {
                Body::Items(text) => parse::sub_tlvs(kind, text, &mut tunnel)?,
                Body::Value(_) => return Err(BAD),
            }
            put_tunnel(out, kind.0, &tunnel)?;
        }
        Ok(())
    }
}

const BAD: ParseError = ParseError::new(
    "tunnels such as vxlan[endpoint=192.0.2.1 encapsulation[vni=100] color=5 12=0x00]",
);

impl fmt::Display for TunnelEncap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, " ", self.tunnels())
    }
}

/// One tunnel.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Tunnel<'a> {
    /// Its type.
    pub kind: TunnelType,
    /// Its sub-TLVs, as on the wire.
    pub value: &'a [u8],
}

impl<'a> Tunnel<'a> {
    /// The sub-TLVs, in order.
    pub fn sub_tlvs(self) -> impl Iterator<Item = SubTlv<'a>> + Clone {
        Tlvs::new(self.value, take_sub_tunnel).map(move |(kind, value)| SubTlv {
            tunnel: self.kind,
            kind,
            value,
        })
    }

    /// The egress endpoint: the first, others are to be ignored (RFC 9012 section 13).
    pub fn endpoint(self) -> Option<Endpoint> {
        self.sub_tlvs().find_map(|sub| match sub.view() {
            SubTlvView::Endpoint(endpoint) => Some(endpoint),
            _ => None,
        })
    }

    /// The encapsulation: the first, others are to be ignored (RFC 9012 section 13).
    pub fn encapsulation(self) -> Option<Encapsulation<'a>> {
        self.sub_tlvs().find_map(|sub| match sub.view() {
            SubTlvView::Encapsulation(encapsulation) => Some(encapsulation),
            _ => None,
        })
    }
}

impl fmt::Display for Tunnel<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.kind)?;
        join(f, " ", self.sub_tlvs())?;
        f.write_str("]")
    }
}

/// A tunnel type (RFC 9012 section 3.2; also in the encapsulation community, section 4.1), shown by
/// name, `vxlan`, or number.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct TunnelType(pub u16);

impl TunnelType {
    /// L2TPv3 over IP.
    pub const L2TPV3: Self = Self(1);
    /// GRE.
    pub const GRE: Self = Self(2);
    /// IP in IP.
    pub const IP_IN_IP: Self = Self(7);
    /// VXLAN.
    pub const VXLAN: Self = Self(8);
    /// NVGRE.
    pub const NVGRE: Self = Self(9);
    /// MPLS.
    pub const MPLS: Self = Self(10);
    /// MPLS in GRE.
    pub const MPLS_IN_GRE: Self = Self(11);
    /// VXLAN GPE.
    pub const VXLAN_GPE: Self = Self(12);
    /// Geneve.
    pub const GENEVE: Self = Self(19);

    const NAMES: [(u16, &str); 15] = [
        (1, "l2tpv3"),
        (2, "gre"),
        (7, "ip-in-ip"),
        (8, "vxlan"),
        (9, "nvgre"),
        (10, "mpls"),
        (11, "mpls-in-gre"),
        (12, "vxlan-gpe"),
        (13, "mpls-in-udp"),
        (14, "ipv6-tunnel"),
        (15, "sr-policy"),
        (16, "bare"),
        (17, "sr-tunnel"),
        (19, "geneve"),
        (20, "any"),
    ];
}

impl fmt::Display for TunnelType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(code, _)| *code == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

impl FromStr for TunnelType {
    type Err = ParseError;

    /// A name, whatever its case, or a number.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        match Self::NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(s)) {
            Some((code, _)) => Ok(Self(*code)),
            None => {
                number(s, ParseError::new("a tunnel type such as vxlan, or its number")).map(Self)
            }
        }
    }
}

/// One sub-TLV of a tunnel.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct SubTlv<'a> {
    /// The type of the tunnel it is in, which decides the form of an encapsulation.
    pub tunnel: TunnelType,
    /// Its type.
    pub kind: u8,
    /// Its value.
    pub value: &'a [u8],
}

/// What a [`SubTlv`] says; reserved bits are left out.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub enum SubTlvView<'a> {
    /// What the encapsulation header holds (RFC 9012 section 3.2).
    Encapsulation(Encapsulation<'a>),
    /// EtherType of the payload (section 3.4.1).
    ProtocolType(u16),
    /// Colour: the flags and the value of a color extended community (section 3.4.2).
    Color {
        /// Flags.
        flags: u16,
        /// Colour.
        color: u32,
    },
    /// Where the tunnel ends (section 3.1).
    Endpoint(Endpoint),
    /// DS field of the outer header (section 3.3.1).
    DsField(u8),
    /// UDP destination port of the outer header (section 3.3.2).
    UdpPort(u16),
    /// What becomes of the label in the NLRI (section 3.5): 1 it is the top label, 2 it is the VNI.
    EmbeddedLabelHandling(u8),
    /// Labels to push (section 3.6), each as its four-octet label stack entry.
    LabelStack(&'a [[u8; 4]]),
    /// Prefix-SID TLVs (section 3.7).
    PrefixSid(PrefixSid<'a>),
    /// Anything else, or a value its type cannot have.
    Unknown,
}

/// Where a tunnel ends (RFC 9012 section 3.1).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum Endpoint {
    /// At the next hop of the route.
    NextHop,
    /// At an address.
    Address(IpAddr),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NextHop => f.write_str("next-hop"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// What an encapsulation header holds (RFC 9012 section 3.2).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum Encapsulation<'a> {
    /// VXLAN and NVGRE: virtual network and inner destination MAC address, where they are given.
    Virtual {
        /// VNI or VSID.
        vni: Option<u32>,
        /// MAC address.
        mac: Option<MacAddr>,
    },
    /// VXLAN GPE: version and VNI, where it is given.
    Gpe {
        /// Version, 0 to 3.
        version: u8,
        /// VNI.
        vni: Option<u32>,
    },
    /// GRE and MPLS in GRE: the key.
    Key(u32),
    /// L2TPv3: session and cookie.
    Session {
        /// Session id.
        id: u32,
        /// Cookie; RFC 9012 has none, 4 and 8 octets.
        cookie: &'a [u8],
    },
}

impl fmt::Display for Encapsulation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Virtual { vni, mac } => {
                let vni = vni.map(|vni| format!("vni={vni}"));
                let mac = mac.map(|mac| format!("mac={mac}"));
                join(f, " ", [vni, mac].into_iter().flatten())
            }
            Self::Gpe { version, vni } => {
                write!(f, "version={version}")?;
                vni.map_or(Ok(()), |vni| write!(f, " vni={vni}"))
            }
            Self::Key(key) => write!(f, "key={key}"),
            Self::Session { id, cookie: [] } => write!(f, "session={id}"),
            Self::Session { id, cookie } => write!(f, "session={id} cookie={}", Hex(cookie)),
        }
    }
}

/// V and M of VXLAN and NVGRE: VNI and MAC address are valid.
const VNI_VALID: u8 = 0x80;
const MAC_VALID: u8 = 0x40;
/// Version and V of VXLAN GPE.
const GPE_VERSION: u8 = 0xc0;
const GPE_VNI_VALID: u8 = 0x20;

impl<'a> Encapsulation<'a> {
    fn read(tunnel: TunnelType, value: &'a [u8]) -> Option<Self> {
        match (tunnel, value) {
            (TunnelType::VXLAN | TunnelType::NVGRE, &[flags, a, b, c, ref tail @ ..]) => {
                let &[d, e, f, g, h, i, _, _] = tail else { return None };
                Some(Self::Virtual {
                    vni: (flags & VNI_VALID != 0).then(|| u32::from_be_bytes([0, a, b, c])),
                    mac: (flags & MAC_VALID != 0).then_some(MacAddr([d, e, f, g, h, i])),
                })
            }
            (TunnelType::VXLAN_GPE, &[flags, _, _, _, a, b, c, _]) => Some(Self::Gpe {
                version: (flags & GPE_VERSION) >> 6,
                vni: (flags & GPE_VNI_VALID != 0).then(|| u32::from_be_bytes([0, a, b, c])),
            }),
            (TunnelType::GRE | TunnelType::MPLS_IN_GRE, &[a, b, c, d]) => {
                Some(Self::Key(u32::from_be_bytes([a, b, c, d])))
            }
            (TunnelType::L2TPV3, &[a, b, c, d, ref cookie @ ..]) => {
                Some(Self::Session { id: u32::from_be_bytes([a, b, c, d]), cookie })
            }
            _ => None,
        }
    }

    /// Appends the value of the sub-TLV; a VNI over 24 bits loses its upper octet.
    pub fn put(&self, out: &mut Vec<u8>) {
        match *self {
            Self::Virtual { vni, mac } => {
                let flag = |set: bool, flag| if set { flag } else { 0 };
                out.push(flag(vni.is_some(), VNI_VALID) | flag(mac.is_some(), MAC_VALID));
                let [_, low @ ..] = vni.unwrap_or(0).to_be_bytes();
                out.extend_from_slice(&low);
                out.extend_from_slice(&mac.unwrap_or_default().0);
                out.extend_from_slice(&[0, 0]);
            }
            Self::Gpe { version, vni } => {
                let valid = if vni.is_some() { GPE_VNI_VALID } else { 0 };
                out.extend_from_slice(&[(version << 6) | valid, 0, 0, 0]);
                let [_, low @ ..] = vni.unwrap_or(0).to_be_bytes();
                out.extend_from_slice(&low);
                out.push(0);
            }
            Self::Key(key) => out.extend_from_slice(&key.to_be_bytes()),
            Self::Session { id, cookie } => {
                out.extend_from_slice(&id.to_be_bytes());
                out.extend_from_slice(cookie);
            }
        }
    }
}

impl<'a> SubTlv<'a> {
    /// What it says.
    pub fn view(self) -> SubTlvView<'a> {
        match (self.kind, self.value) {
            (kind::ENCAPSULATION, value) => Encapsulation::read(self.tunnel, value)
                .map_or(SubTlvView::Unknown, SubTlvView::Encapsulation),
            (kind::PROTOCOL_TYPE, &[a, b]) => SubTlvView::ProtocolType(u16::from_be_bytes([a, b])),
            (kind::COLOR, &[0x03, 0x0b, a, b, c, d, e, f]) => SubTlvView::Color {
                flags: u16::from_be_bytes([a, b]),
                color: u32::from_be_bytes([c, d, e, f]),
            },
            (kind::ENDPOINT, [_, _, _, _, 0, afi, address @ ..]) => match afi {
                0 if address.is_empty() => SubTlvView::Endpoint(Endpoint::NextHop),
                1 => <[u8; 4]>::try_from(address).map_or(SubTlvView::Unknown, |address| {
                    SubTlvView::Endpoint(Endpoint::Address(Ipv4Addr::from(address).into()))
                }),
                2 => <[u8; 16]>::try_from(address).map_or(SubTlvView::Unknown, |address| {
                    SubTlvView::Endpoint(Endpoint::Address(Ipv6Addr::from(address).into()))
                }),
                _ => SubTlvView::Unknown,
            },
            (kind::DS_FIELD, &[ds]) => SubTlvView::DsField(ds),
            (kind::UDP_PORT, &[a, b]) => SubTlvView::UdpPort(u16::from_be_bytes([a, b])),
            (kind::EMBEDDED_LABEL, &[handling]) => SubTlvView::EmbeddedLabelHandling(handling),
            (kind::LABEL_STACK, value) => match value.as_chunks() {
                (entries @ [_, ..], []) => SubTlvView::LabelStack(entries),
                _ => SubTlvView::Unknown,
            },
            (kind::PREFIX_SID, value) if prefix_sid::check(value).is_ok() => {
                SubTlvView::PrefixSid(PrefixSid::new(value))
            }
            _ => SubTlvView::Unknown,
        }
    }

    /// Whether the name says all: every bit it does not show is zero.
    fn is_plain(self, view: SubTlvView<'_>) -> bool {
        match view {
            SubTlvView::Encapsulation(encapsulation) => {
                let mut again = Vec::with_capacity(self.value.len());
                encapsulation.put(&mut again);
                again == self.value
            }
            SubTlvView::Endpoint(_) => self.value.first_chunk::<4>() == Some(&[0; 4]),
            SubTlvView::Unknown => false,
            _ => true,
        }
    }
}

impl fmt::Display for SubTlv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let view = self.view();
        if !self.is_plain(view) {
            return write!(f, "{}={}", self.kind, Hex(self.value));
        }
        match view {
            SubTlvView::Encapsulation(encapsulation) => write!(f, "encapsulation[{encapsulation}]"),
            SubTlvView::ProtocolType(protocol) => write!(f, "protocol={protocol:#06x}"),
            SubTlvView::Color { flags: 0, color } => write!(f, "color={color}"),
            SubTlvView::Color { flags, color } => write!(f, "color={flags:#06x}:{color}"),
            SubTlvView::Endpoint(endpoint) => write!(f, "endpoint={endpoint}"),
            SubTlvView::DsField(ds) => write!(f, "ds={ds:#04x}"),
            SubTlvView::UdpPort(port) => write!(f, "udp-port={port}"),
            SubTlvView::EmbeddedLabelHandling(handling) => write!(f, "embedded-label={handling}"),
            SubTlvView::LabelStack(entries) => {
                f.write_str("labels=")?;
                join(f, ",", entries.iter().map(|e| parse::LabelEntry(u32::from_be_bytes(*e))))
            }
            SubTlvView::PrefixSid(sid) => write!(f, "prefix-sid[{sid}]"),
            SubTlvView::Unknown => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
