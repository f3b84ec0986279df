//! PMSI_TUNNEL: how multicast, or BUM traffic of an EVPN, is carried between routers.
//!
//! What for: reading the tunnel, checking the attribute, its text.
//! Where: over the value of the attribute; the canonicaliser calls [`Pmsi::new`] for each one.
//! How: flags, tunnel type, a label field of three octets, and a tunnel identifier whose form the
//! type decides. Types of RFC 6514 are read; later ones of the registry are carried unread.
//! Invariants: a [`Pmsi`] has a tunnel type that exists and an identifier of that type's form.
//! References: RFC 6514 section 5, RFC 6388 section 2.2 (FEC elements), RFC 6515 (IPv6), RFC 7385 and
//! RFC 8317 (registry, composite tunnels), RFC 7902 (further flags), RFC 8365 section 5.1.3 (VNI).
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
};

use super::hex::{self, Hex};
use crate::{cursor::Cursor, error::ParseError};

/// The flag Leaf Information Required (RFC 6514 section 5).
const LEAF: u8 = 1;

/// A PMSI tunnel type (RFC 7385).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct TunnelType(pub u8);

impl TunnelType {
    /// No tunnel information present.
    pub const NONE: Self = Self(0);
    /// RSVP-TE point-to-multipoint LSP.
    pub const RSVP_TE: Self = Self(1);
    /// mLDP point-to-multipoint LSP.
    pub const MLDP_P2MP: Self = Self(2);
    /// PIM-SSM tree.
    pub const PIM_SSM: Self = Self(3);
    /// PIM-SM tree.
    pub const PIM_SM: Self = Self(4);
    /// BIDIR-PIM tree.
    pub const PIM_BIDIR: Self = Self(5);
    /// Ingress replication.
    pub const INGRESS_REPLICATION: Self = Self(6);
    /// mLDP multipoint-to-multipoint LSP.
    pub const MLDP_MP2MP: Self = Self(7);

    const NAMES: [(Self, &str); 8] = [
        (Self::NONE, "no-tunnel"),
        (Self::RSVP_TE, "rsvp-te-p2mp"),
        (Self::MLDP_P2MP, "mldp-p2mp"),
        (Self::PIM_SSM, "pim-ssm"),
        (Self::PIM_SM, "pim-sm"),
        (Self::PIM_BIDIR, "pim-bidir"),
        (Self::INGRESS_REPLICATION, "ingress-replication"),
        (Self::MLDP_MP2MP, "mldp-mp2mp"),
    ];

    /// Whether some RFC gives the type a meaning: 0 to 13 are assigned, 0x7b to 0x7e and 0xfb to
    /// 0xfe are for experiments, 0x80 to 0xfa are composite tunnels (RFC 8317).
    pub const fn is_defined(self) -> bool {
        matches!(self.0, 0..=0x0d | 0x7b..=0x7e | 0x80..=0xfe)
    }
}

impl fmt::Display for TunnelType {
    /// `ingress-replication`; types without a name here as `type-11`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMES.iter().find(|(kind, _)| kind == self) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "type-{}", self.0),
        }
    }
}

impl TunnelType {
    fn parse(word: &str) -> Option<Self> {
        if let Some((kind, _)) = Self::NAMES.iter().find(|(_, name)| *name == word) {
            return Some(*kind);
        }
        word.strip_prefix("type-")?.parse().ok().map(Self)
    }
}

/// A tunnel identifier.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum TunnelId<'a> {
    /// None: no tunnel information.
    None,
    /// RSVP-TE: the P2MP SESSION object's fields.
    RsvpTe {
        /// Extended Tunnel ID.
        extended: IpAddr,
        /// Reserved; zero unless the sender broke the rule.
        reserved: u16,
        /// Tunnel ID.
        tunnel: u16,
        /// P2MP ID.
        p2mp: u32,
    },
    /// mLDP: a FEC element.
    Mldp {
        /// FEC element type: 6 P2MP, 7 MP2MP upstream, 8 MP2MP downstream.
        fec: u8,
        /// Root node address.
        root: IpAddr,
        /// Opaque value, LDP MP opaque TLVs.
        opaque: &'a [u8],
    },
    /// PIM.
    Pim {
        /// Root (PIM-SSM) or sender address.
        source: IpAddr,
        /// P-multicast group.
        group: IpAddr,
    },
    /// Ingress replication: the unicast endpoint.
    Endpoint(IpAddr),
    /// A type whose identifiers are not read here.
    Opaque(&'a [u8]),
}

/// The value of a PMSI_TUNNEL attribute.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Pmsi<'a> {
    /// Flags as they came; unknown ones are carried.
    pub flags: u8,
    /// Tunnel type.
    pub tunnel: TunnelType,
    /// The MPLS Label field, 24 bits; see [`Self::label`] and [`Self::vni`].
    pub label_field: u32,
    /// Tunnel identifier.
    pub id: TunnelId<'a>,
}

impl<'a> Pmsi<'a> {
    /// Reads a value; `None` when it is malformed (RFC 6514 section 5): shorter than five octets, a
    /// tunnel type that does not exist, or an identifier that is not of the type's form.
    pub fn new(value: &'a [u8]) -> Option<Self> {
        let (&[flags, tunnel, a, b, c], id) = value.split_first_chunk::<5>()?;
        let tunnel = TunnelType(tunnel);
        if !tunnel.is_defined() {
            return None;
        }
        let id = TunnelId::read(tunnel, id)?;
        Some(Self { flags, tunnel, label_field: u32::from_be_bytes([0, a, b, c]), id })
    }

    /// Whether Leaf Information Required is set.
    pub const fn wants_leaf_info(&self) -> bool {
        self.flags & LEAF != 0
    }

    /// The MPLS label, the upper 20 bits of the field; 0 for none (RFC 6514 section 5).
    pub const fn label(&self) -> u32 {
        self.label_field >> 4
    }

    /// The virtual network identifier, all 24 bits of the field, with VXLAN and its like
    /// (RFC 8365 section 5.1.3). Which of the two it is, the encapsulation community says.
    pub const fn vni(&self) -> u32 {
        self.label_field
    }

    /// Appends the value.
    pub fn put(&self, out: &mut Vec<u8>) {
        let [_, a, b, c] = self.label_field.to_be_bytes();
        out.extend_from_slice(&[self.flags, self.tunnel.0, a, b, c]);
        self.id.put(out);
    }

    /// Reads the text that `Display` writes (what is in parentheses may be missing); yields the
    /// octets of the value.
    ///
    /// # Errors
    /// When the text is not that, or makes no valid attribute.
    pub fn parse(text: &str) -> Result<Vec<u8>, ParseError> {
        parse(text).filter(|value| Pmsi::new(value).is_some()).ok_or(ParseError::new(
            "a PMSI tunnel such as \"ingress-replication endpoint 192.0.2.1 label-field 0x000640\"",
        ))
    }
}

impl<'a> TunnelId<'a> {
    fn read(tunnel: TunnelType, id: &'a [u8]) -> Option<Self> {
        Some(match tunnel {
            TunnelType::NONE => return id.is_empty().then_some(Self::None),
            TunnelType::RSVP_TE => {
                let (address, rest) = id.split_at_checked(id.len().checked_sub(8)?)?;
                let mut c = Cursor::new(rest, 0);
                Self::RsvpTe {
                    extended: ip(address)?,
                    reserved: c.u16()?,
                    tunnel: c.u16()?,
                    p2mp: c.array().map(u32::from_be_bytes)?,
                }
            }
            TunnelType::MLDP_P2MP | TunnelType::MLDP_MP2MP => {
                let mut c = Cursor::new(id, 0);
                let (fec, family, length) = (c.u8()?, c.u16()?, c.u8()?);
                if !matches!((family, length), (1, 4) | (2, 16)) {
                    return None;
                }
                let root = ip(c.take(usize::from(length))?)?;
                let length = c.u16()?;
                let opaque = c.take(usize::from(length))?;
                if !c.is_empty() {
                    return None;
                }
                Self::Mldp { fec, root, opaque }
            }
            TunnelType::PIM_SSM | TunnelType::PIM_SM | TunnelType::PIM_BIDIR => {
                // An odd length makes halves of different lengths, which are no addresses.
                let (source, group) = id.split_at_checked(id.len() >> 1)?;
                Self::Pim {
                    source: ip(source)?,
                    group: ip(group).filter(|_| source.len() == group.len())?,
                }
            }
            TunnelType::INGRESS_REPLICATION => Self::Endpoint(ip(id)?),
            _ => Self::Opaque(id),
        })
    }

    fn put(&self, out: &mut Vec<u8>) {
        match *self {
            Self::None => {}
            Self::RsvpTe { extended, reserved, tunnel, p2mp } => {
                put_ip(extended, out);
                out.extend_from_slice(&reserved.to_be_bytes());
                out.extend_from_slice(&tunnel.to_be_bytes());
                out.extend_from_slice(&p2mp.to_be_bytes());
            }
            Self::Mldp { fec, root, opaque } => {
                let (family, length) = if root.is_ipv4() { (1, 4) } else { (2, 16) };
                out.extend_from_slice(&[fec, 0, family, length]);
                put_ip(root, out);
                // What came in an attribute, or is checked after parsing, fits the field.
                let length = u16::try_from(opaque.len()).unwrap_or(u16::MAX);
                out.extend_from_slice(&length.to_be_bytes());
                out.extend_from_slice(opaque);
            }
            Self::Pim { source, group } => {
                put_ip(source, out);
                put_ip(group, out);
            }
            Self::Endpoint(address) => put_ip(address, out),
            Self::Opaque(octets) => out.extend_from_slice(octets),
        }
    }
}

impl fmt::Display for TunnelId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::RsvpTe { extended, reserved, tunnel, p2mp } => {
                write!(f, " extended-tunnel-id {extended} tunnel-id {tunnel} p2mp-id {p2mp}")?;
                if *reserved == 0 { Ok(()) } else { write!(f, " reserved {reserved}") }
            }
            Self::Mldp { fec, root, opaque } => {
                write!(f, " fec {fec} root {root} opaque {}", Hex(opaque))
            }
            Self::Pim { source, group } => write!(f, " source {source} group {group}"),
            Self::Endpoint(address) => write!(f, " endpoint {address}"),
            Self::Opaque(octets) => write!(f, " identifier {}", Hex(octets)),
        }
    }
}

impl fmt::Display for Pmsi<'_> {
    /// `ingress-replication endpoint 192.0.2.1 label-field 0x000640 (label 100, VNI 1600)`, with
    /// `leaf-info-required` or, when other flags are set, `flags 0x03` behind it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{} label-field {:#08x}", self.tunnel, self.id, self.label_field)?;
        if self.label_field != 0 {
            write!(f, " (label {}, VNI {})", self.label(), self.vni())?;
        }
        match self.flags {
            0 => Ok(()),
            LEAF => f.write_str(" leaf-info-required"),
            flags => write!(f, " flags {flags:#04x}"),
        }
    }
}

/// The fields a text has named so far.
#[derive(Default)]
struct Fields<'t>(Vec<(&'t str, &'t str)>);

impl Fields<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| *n == name).map(|(_, value)| *value)
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name)?.parse().ok()
    }

    fn octets(&self, name: &str) -> Option<Vec<u8>> {
        hex::parse(self.text(name)?)
    }
}

fn parse(text: &str) -> Option<Vec<u8>> {
    let bare = match text.split_once('(') {
        Some((head, tail)) => [head, tail.split_once(')')?.1].join(" "),
        None => text.to_owned(),
    };
    let mut words = bare.split_whitespace();
    let tunnel = TunnelType::parse(words.next()?)?;
    let mut flags = 0;
    let mut fields = Fields::default();
    while let Some(name) = words.next() {
        match name {
            "leaf-info-required" => flags = LEAF,
            "flags" => flags = *hex::parse(words.next()?)?.as_array::<1>().map(|[f]| f)?,
            "label-field" | "extended-tunnel-id" | "tunnel-id" | "p2mp-id" | "reserved" | "fec"
            | "root" | "opaque" | "source" | "group" | "endpoint" | "identifier" => {
                fields.0.push((name, words.next()?));
            }
            _ => return None,
        }
    }
    let field = fields.octets("label-field")?;
    let &[a, b, c] = field.first_chunk::<3>().filter(|_| field.len() == 3)?;
    let octets;
    let id = match tunnel {
        TunnelType::NONE => TunnelId::None,
        TunnelType::RSVP_TE => TunnelId::RsvpTe {
            extended: fields.number("extended-tunnel-id")?,
            reserved: if fields.text("reserved").is_some() {
                fields.number("reserved")?
            } else {
                0
            },
            tunnel: fields.number("tunnel-id")?,
            p2mp: fields.number("p2mp-id")?,
        },
        TunnelType::MLDP_P2MP | TunnelType::MLDP_MP2MP => {
            octets = fields.octets("opaque")?;
            TunnelId::Mldp {
                fec: fields.number("fec")?,
                root: fields.number("root")?,
                opaque: &octets,
            }
        }
        TunnelType::PIM_SSM | TunnelType::PIM_SM | TunnelType::PIM_BIDIR => {
            TunnelId::Pim { source: fields.number("source")?, group: fields.number("group")? }
        }
        TunnelType::INGRESS_REPLICATION => TunnelId::Endpoint(fields.number("endpoint")?),
        _ => {
            octets = fields.octets("identifier")?;
            TunnelId::Opaque(&octets)
        }
    };
    let mut out = Vec::new();
    Pmsi { flags, tunnel, label_field: u32::from_be_bytes([0, a, b, c]), id }.put(&mut out);
    Some(out)
}

fn ip(octets: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(octets) {
        return Some(Ipv4Addr::from(v4).into());
    }
    <[u8; 16]>::try_from(octets).ok().map(|v6| Ipv6Addr::from(v6).into())
}

fn put_ip(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(v4) => out.extend_from_slice(&v4.octets()),
        IpAddr::V6(v6) => out.extend_from_slice(&v6.octets()),
    }
}

#[cfg(test)]
mod tests;
