//! Text to tunnels.
//!
//! What for: the inverse of the `Display` of the views in [`tunnel_encap`](super).
//! Where: behind [`TunnelEncap::parse`](super::TunnelEncap::parse).
//! How: one function for each level; unknown types are `type=0xHEX`.
//! Invariants: what parses is well-formed for [`check`](super::check).
//! References: RFC 9012 section 3, RFC 3032 section 2.1 (label stack entries).
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, net::IpAddr, str::FromStr};

use super::{BAD, Encapsulation, PrefixSid, TunnelType, kind};
use crate::{
    attr::{
        text::{Body, hex, hex_array, items, number},
        tlv::put_sub_tunnel,
    },
    error::ParseError,
    nlri::MacAddr,
};

pub(super) fn sub_tlvs(
    tunnel: TunnelType,
    text: &str,
    out: &mut Vec<u8>,
) -> Result<(), ParseError> {
    for item in items(text, BAD) {
        let (key, body) = item?;
        let mut value = Vec::new();
        let kind = match (key, body) {
            ("encapsulation", Body::Items(text)) => {
                encapsulation_value(tunnel, text, &mut value)?;
                kind::ENCAPSULATION
            }
            ("prefix-sid", Body::Items(text)) => {
                PrefixSid::parse(text, &mut value)?;
                kind::PREFIX_SID
            }
            (key, Body::Value(text)) => simple_value(key, text, &mut value)?,
            _ => return Err(BAD),
        };
        put_sub_tunnel(out, kind, &value)?;
    }
    Ok(())
}

/// Appends the value of a sub-TLV without inner items and answers its type.
fn simple_value(key: &str, text: &str, out: &mut Vec<u8>) -> Result<u8, ParseError> {
    Ok(match key {
        "protocol" => {
            out.extend_from_slice(&hex_array::<2>(text, BAD)?);
            kind::PROTOCOL_TYPE
        }
        "color" => {
            let (flags, color) = match text.split_once(':') {
                Some((flags, color)) => (hex_array::<2>(flags, BAD)?, color),
                None => ([0, 0], text),
            };
            out.extend_from_slice(&[0x03, 0x0b]);
            out.extend_from_slice(&flags);
            out.extend_from_slice(&number::<u32>(color, BAD)?.to_be_bytes());
            kind::COLOR
        }
        "endpoint" => {
            out.extend_from_slice(&[0; 5]);
            match text {
                "next-hop" => out.push(0),
                _ => match text.parse().map_err(|_| BAD)? {
                    IpAddr::V4(address) => {
                        out.push(1);
                        out.extend_from_slice(&address.octets());
                    }
                    IpAddr::V6(address) => {
                        out.push(2);
                        out.extend_from_slice(&address.octets());
                    }
                },
            }
            kind::ENDPOINT
        }
        "ds" => {
            out.extend_from_slice(&hex_array::<1>(text, BAD)?);
            kind::DS_FIELD
        }
        "udp-port" => {
            out.extend_from_slice(&number::<u16>(text, BAD)?.to_be_bytes());
            kind::UDP_PORT
        }
        "embedded-label" => {
            out.push(number(text, BAD)?);
            kind::EMBEDDED_LABEL
        }
        "labels" => {
            for entry in text.split(',') {
                out.extend_from_slice(&entry.parse::<LabelEntry>()?.0.to_be_bytes());
            }
            kind::LABEL_STACK
        }
        kind => {
            out.extend_from_slice(&hex(text, BAD)?);
            number(kind, BAD)?
        }
    })
}

fn encapsulation_value(
    tunnel: TunnelType,
    text: &str,
    out: &mut Vec<u8>,
) -> Result<(), ParseError> {
    let (mut vni, mut mac_address, mut version, mut key, mut session) = (None, None, 0, None, None);
    let mut cookie = Vec::new();
    for item in items(text, BAD) {
        let (name, body) = item?;
        let value = body.value(BAD)?;
        match name {
            "vni" => vni = Some(number::<u32>(value, BAD)?),
            "mac" => mac_address = Some(value.parse::<MacAddr>()?),
            "version" => version = number::<u8>(value, BAD)?,
            "key" => key = Some(number::<u32>(value, BAD)?),
            "session" => session = Some(number::<u32>(value, BAD)?),
            "cookie" => cookie = hex(value, BAD)?,
            _ => return Err(BAD),
        }
    }
    if vni.is_some_and(|vni| vni > 0xff_ffff) || version > 3 {
        return Err(BAD);
    }
    match tunnel {
        TunnelType::VXLAN | TunnelType::NVGRE => Encapsulation::Virtual { vni, mac: mac_address },
        TunnelType::VXLAN_GPE => Encapsulation::Gpe { version, vni },
        TunnelType::GRE | TunnelType::MPLS_IN_GRE => Encapsulation::Key(key.ok_or(BAD)?),
        TunnelType::L2TPV3 => Encapsulation::Session { id: session.ok_or(BAD)?, cookie: &cookie },
        _ => return Err(BAD),
    }
    .put(out);
    Ok(())
}

/// A label stack entry as `label:traffic-class:bottom:ttl`.
pub(super) struct LabelEntry(pub(super) u32);

impl fmt::Display for LabelEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [.., ttl] = self.0.to_be_bytes();
        write!(f, "{}:{}:{}:{ttl}", self.0 >> 12, (self.0 >> 9) & 7, (self.0 >> 8) & 1)
    }
}

impl FromStr for LabelEntry {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let fields: Vec<u32> = s.split(':').map(|n| number(n, BAD)).collect::<Result<_, _>>()?;
        match fields[..] {
            [label @ ..0x10_0000, class @ ..8, bottom @ ..2, ttl @ ..256] => {
                Ok(Self((label << 12) | (class << 9) | (bottom << 8) | ttl))
            }
            _ => Err(BAD),
        }
    }
}
