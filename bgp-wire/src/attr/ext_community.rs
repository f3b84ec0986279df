//! Extended communities.
//!
//! What for: typed values with the text people write in policies and read in `show`.
//! Where: the values inside EXTENDED_COMMUNITIES.
//! How: eight octets; [`ExtCommunity::kind`] says what they mean. The text names what it can and is
//! `0x` and 16 digits where a bit would be lost, so that every text reads back to the same octets.
//!
//! | text | what | reference |
//! |---|---|---|
//! | `rt:65001:100`, `rt:192.0.2.1:7`, `rt:70000L:7` | route target | RFC 4360, 5668 |
//! | `soo:` as above | route origin, site of origin | RFC 4360, 5668 |
//! | `ospf-domain:` as above; `ospf-route-type:0.0.0.0:5:0x01`; `ospf-router-id:192.0.2.1` | OSPF | RFC 4577 |
//! | `vrf-import:192.0.2.1:7`, `source-as:65001:0` | multicast VPN | RFC 6514 |
//! | `color:100`, `color:0x4000:100` (flags) | colour | RFC 9012 |
//! | `encap:vxlan` | encapsulation | RFC 9012, 8365 |
//! | `lbw:65001:1250000`, `lbw:transitive:65001:1250000` | link bandwidth, octets a second | draft-ietf-idr-link-bandwidth |
//! | `default-gw` | default gateway | RFC 7432 |
//! | `mac-mobility:5`, `mac-mobility:sticky:5` | MAC mobility | RFC 7432 |
//! | `esi-label:100`, `esi-label:single-active:100` | ESI label | RFC 7432 |
//! | `es-import:00:00:5e:00:53:01`, `router-mac:00:00:5e:00:53:01` | EVPN | RFC 7432, 9135 |
//! | `l2-attr:0x0002:1500` | flags and MTU of a layer 2 service | RFC 8214 |
//! | `rate:1000`, `rate:65001:1000`; `rate-packets:` likewise | flowspec limit, octets or packets a second | RFC 8955 |
//! | `action:none`, `action:sample`, `action:terminal`, `action:sample:terminal` | flowspec traffic action | RFC 8955 |
//! | `redirect:65001:100` and the other forms of a route target | flowspec redirect | RFC 8955, 7674 |
//! | `mark:46` | flowspec DSCP | RFC 8955 |
//! | `ov:valid`, `ov:not-found`, `ov:invalid`, `ov:9` | origin validation state | RFC 8097 |
//!
//! Invariants: none; every bit pattern is a community.
//! References: RFC 7153 and the IANA registry of BGP Extended Communities, besides those above.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, net::Ipv4Addr, str::FromStr};

use super::{
    AttrType, find,
    text::{hex_array, number},
    tunnel_encap::TunnelType,
};
use crate::{error::ParseError, nlri::MacAddr};

/// An extended community (RFC 4360), shown as the table in the [module](self) says.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct ExtCommunity(pub [u8; 8]);

impl ExtCommunity {
    /// The extended communities of a canonical attribute set.
    pub fn of(canonical: &[u8]) -> impl Iterator<Item = Self> + Clone + '_ {
        let value = find(canonical, AttrType::EXT_COMMUNITIES).unwrap_or_default();
        value.as_chunks().0.iter().map(|c| Self(*c))
    }

    /// Whether it goes beyond the neighbouring AS (RFC 4360 section 2: the T bit is 0).
    pub const fn is_transitive(self) -> bool {
        let [kind, ..] = self.0;
        kind & 0x40 == 0
    }

    /// Route target with a two-octet AS (`rt:65001:100`).
    pub const fn route_target(asn: u16, number: u32) -> Self {
        let ([a, b], [c, d, e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
        Self([0x00, 0x02, a, b, c, d, e, f])
    }

    /// What it says. Reserved bits are ignored, as receivers do.
    pub fn kind(self) -> ExtKind {
        let [kind, subtype, a, b, c, d, e, f] = self.0;
        let low = u32::from_be_bytes([c, d, e, f]);
        let asn = u16::from_be_bytes([a, b]);
        let administrator = Administrator::read(kind & 0x3f, [a, b, c, d, e, f]);
        match (kind, subtype, administrator) {
            (0x00..=0x02, 0x02, Some(target)) => ExtKind::RouteTarget(target),
            (0x00..=0x02, 0x03, Some(origin)) => ExtKind::RouteOrigin(origin),
            // The second code is the one used before the registry (RFC 4577 section 4.2.8).
            (0x00..=0x02, 0x05, Some(domain)) => ExtKind::OspfDomainId(domain),
            (0x03, 0x06, _) | (0x80, 0x00, _) => ExtKind::OspfRouteType {
                area: Ipv4Addr::new(a, b, c, d),
                route_type: e,
                options: f,
            },
            (0x01, 0x07, _) | (0x80, 0x01, _) => ExtKind::OspfRouterId(Ipv4Addr::new(a, b, c, d)),
            (0x00 | 0x02, 0x09, Some(source)) => ExtKind::SourceAs(source),
            (0x01, 0x0b, Some(vrf)) => ExtKind::VrfRouteImport(vrf),
            (0x00 | 0x40, 0x04, _) => {
                ExtKind::LinkBandwidth { transitive: kind == 0, asn, octets: f32::from_bits(low) }
            }
            (0x03, 0x0b, _) => ExtKind::Color { flags: asn, color: low },
            (0x03, 0x0c, _) => ExtKind::Encapsulation(TunnelType(u16::from_be_bytes([e, f]))),
            (0x03, 0x0d, _) => ExtKind::DefaultGateway,
            (0x06, 0x00, _) => ExtKind::MacMobility { sticky: a & 1 != 0, sequence: low },
            (0x06, 0x01, _) => {
                ExtKind::EsiLabel { single_active: a & 1 != 0, field: low & 0x00ff_ffff }
            }
            (0x06, 0x02, _) => ExtKind::EsImport(MacAddr([a, b, c, d, e, f])),
            (0x06, 0x03, _) => ExtKind::RouterMac(MacAddr([a, b, c, d, e, f])),
            (0x06, 0x04, _) => ExtKind::Layer2 { flags: asn, mtu: u16::from_be_bytes([c, d]) },
            (0x80, 0x06, _) => ExtKind::TrafficRate { asn, octets: f32::from_bits(low) },
            (0x80, 0x0c, _) => ExtKind::TrafficRatePackets { asn, packets: f32::from_bits(low) },
            (0x80, 0x07, _) => ExtKind::TrafficAction { sample: f & 2 != 0, terminal: f & 1 != 0 },
            (0x80..=0x82, 0x08, Some(target)) => ExtKind::Redirect(target),
            (0x80, 0x09, _) => ExtKind::TrafficMarking(f & 0x3f),
            (0x43, 0x00, _) => ExtKind::OriginValidation(f),
            _ => ExtKind::Unknown,
        }
    }
}

/// The part of a community that says who gives the number and the number (RFC 4360 sections 3.1 and
/// 3.2, RFC 5668).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum Administrator {
    /// A two-octet AS and a four-octet number: `65001:100`.
    As2(u16, u32),
    /// An IPv4 address and a two-octet number: `192.0.2.1:7`.
    Ipv4(Ipv4Addr, u16),
    /// A four-octet AS and a two-octet number: `70000L:7`.
    As4(u32, u16),
}

impl Administrator {
    fn read(kind: u8, [a, b, c, d, e, f]: [u8; 6]) -> Option<Self> {
        let low = u16::from_be_bytes([e, f]);
        match kind {
            0 => Some(Self::As2(u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]))),
            1 => Some(Self::Ipv4(Ipv4Addr::new(a, b, c, d), low)),
            2 => Some(Self::As4(u32::from_be_bytes([a, b, c, d]), low)),
            _ => None,
        }
    }

    /// The low bits of the type that tell the form, and the six octets.
    fn octets(self) -> (u8, [u8; 6]) {
        let (kind, [a, b, c, d], [e, f]) = match self {
            Self::As2(asn, number) => {
                let ([a, b], [c, d, e, f]) = (asn.to_be_bytes(), number.to_be_bytes());
                return (0, [a, b, c, d, e, f]);
            }
            Self::Ipv4(address, number) => (1, address.octets(), number.to_be_bytes()),
            Self::As4(asn, number) => (2, asn.to_be_bytes(), number.to_be_bytes()),
        };
        (kind, [a, b, c, d, e, f])
    }
}

impl fmt::Display for Administrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::As2(asn, number) => write!(f, "{asn}:{number}"),
            Self::Ipv4(address, number) => write!(f, "{address}:{number}"),
            // The trailing L tells a small four-octet AS from a two-octet one.
            Self::As4(asn, number) => write!(f, "{asn}L:{number}"),
        }
    }
}

impl FromStr for Administrator {
    type Err = ParseError;

    /// The forms shown, and `70000:7`, which needs no `L`.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let (admin, local) = s.split_once(':').ok_or(BAD)?;
        if admin.contains('.') {
            return Ok(Self::Ipv4(admin.parse().map_err(|_| BAD)?, number(local, BAD)?));
        }
        if let Some(admin) = admin.strip_suffix('L') {
            return Ok(Self::As4(number(admin, BAD)?, number(local, BAD)?));
        }
        let asn: u32 = number(admin, BAD)?;
        match u16::try_from(asn) {
            Ok(short) => Ok(Self::As2(short, number(local, BAD)?)),
            Err(_) => Ok(Self::As4(asn, number(local, BAD)?)),
        }
    }
}

const BAD: ParseError =
    ParseError::new("an extended community such as rt:65001:100 or 0x0002fde900000064");

/// What an [`ExtCommunity`] says.
#[derive(Copy, Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum ExtKind {
    /// Which VPNs import the route (RFC 4360 section 4).
    RouteTarget(Administrator),
    /// Where the route entered (RFC 4360 section 5): the site of origin.
    RouteOrigin(Administrator),
    /// OSPF domain identifier (RFC 4577 section 4.2.4).
    OspfDomainId(Administrator),
    /// OSPF route type (RFC 4577 section 4.2.6).
    OspfRouteType {
        /// Area.
        area: Ipv4Addr,
        /// 1 or 2 intra-area, 3 inter-area, 5 external, 7 NSSA.
        route_type: u8,
        /// Bit 0: the metric is of external type 2.
        options: u8,
    },
    /// OSPF router id (RFC 4577 section 4.2.7).
    OspfRouterId(Ipv4Addr),
    /// Source AS of a multicast VPN (RFC 6514 section 6); the number is 0.
    SourceAs(Administrator),
    /// Upstream PE and VRF of a multicast VPN (RFC 6514 section 7).
    VrfRouteImport(Administrator),
    /// Bandwidth of the link to the next hop (draft-ietf-idr-link-bandwidth).
    LinkBandwidth {
        /// Whether it goes beyond the neighbouring AS.
        transitive: bool,
        /// AS of who measured it.
        asn: u16,
        /// Octets a second.
        octets: f32,
    },
    /// Colour (RFC 9012 section 4.3).
    Color {
        /// Flags; the upper two bits are CO (RFC 9256 section 8.8.1).
        flags: u16,
        /// Colour.
        color: u32,
    },
    /// A tunnel type the next hop accepts (RFC 9012 section 4.1).
    Encapsulation(TunnelType),
    /// The MAC address of the route is a default gateway's (RFC 7432 section 7.8).
    DefaultGateway,
    /// MAC mobility (RFC 7432 section 7.7).
    MacMobility {
        /// The address must not move.
        sticky: bool,
        /// Sequence number.
        sequence: u32,
    },
    /// ESI label (RFC 7432 section 7.5).
    EsiLabel {
        /// One active link at a time, rather than all.
        single_active: bool,
        /// The three octets; a label is in their upper 20 bits.
        field: u32,
    },
    /// ES-import route target (RFC 7432 section 7.6).
    EsImport(MacAddr),
    /// The router's MAC address (RFC 9135 section 8.1).
    RouterMac(MacAddr),
    /// Flags and MTU of a layer 2 service (RFC 8214 section 3.1).
    Layer2 {
        /// Bit 0 backup, bit 1 primary, bit 2 control word.
        flags: u16,
        /// MTU in octets, 0 for any.
        mtu: u16,
    },
    /// Flowspec: limit in octets a second, 0 to drop (RFC 8955 section 7.1).
    TrafficRate {
        /// AS of who asks; informational.
        asn: u16,
        /// Octets a second.
        octets: f32,
    },
    /// Flowspec: limit in packets a second (RFC 8955 section 7.2).
    TrafficRatePackets {
        /// AS of who asks; informational.
        asn: u16,
        /// Packets a second.
        packets: f32,
    },
    /// Flowspec: what else to do (RFC 8955 section 7.3).
    TrafficAction {
        /// Sample and log.
        sample: bool,
        /// The T bit: later rules are evaluated too.
        terminal: bool,
    },
    /// Flowspec: to the VRF that imports this route target (RFC 8955 section 7.4).
    Redirect(Administrator),
    /// Flowspec: the DSCP to set, 0 to 63 (RFC 8955 section 7.5).
    TrafficMarking(u8),
    /// Origin validation state (RFC 8097 section 2): 0 valid, 1 not found, 2 invalid.
    OriginValidation(u8),
    /// Anything else.
    Unknown,
}

impl ExtKind {
    /// The community that says this, reserved bits zero; `None` for [`Self::Unknown`] and for an
    /// administrator of a form the kind does not have.
    pub fn encode(self) -> Option<ExtCommunity> {
        let pair = |asn: u16, number: u32| Administrator::As2(asn, number).octets().1;
        let of = |kind: u8, subtype: u8, [a, b, c, d, e, f]: [u8; 6]| {
            Some(ExtCommunity([kind, subtype, a, b, c, d, e, f]))
        };
        let admin = |high: u8, subtype: u8, administrator: Administrator| {
            let (kind, octets) = administrator.octets();
            of(high | kind, subtype, octets)
        };
        match self {
            Self::RouteTarget(target) => admin(0, 0x02, target),
            Self::RouteOrigin(origin) => admin(0, 0x03, origin),
            Self::OspfDomainId(domain) => admin(0, 0x05, domain),
            Self::OspfRouteType { area, route_type, options } => {
                let [a, b, c, d] = area.octets();
                of(0x03, 0x06, [a, b, c, d, route_type, options])
            }
            Self::OspfRouterId(id) => admin(0, 0x07, Administrator::Ipv4(id, 0)),
            Self::SourceAs(Administrator::Ipv4(..)) => None,
            Self::SourceAs(source) => admin(0, 0x09, source),
            Self::VrfRouteImport(vrf @ Administrator::Ipv4(..)) => admin(0, 0x0b, vrf),
            Self::VrfRouteImport(_) => None,
            Self::LinkBandwidth { transitive, asn, octets } => {
                of(if transitive { 0x00 } else { 0x40 }, 0x04, pair(asn, octets.to_bits()))
            }
            Self::Color { flags, color } => of(0x03, 0x0b, pair(flags, color)),
            Self::Encapsulation(TunnelType(kind)) => of(0x03, 0x0c, pair(0, u32::from(kind))),
            Self::DefaultGateway => of(0x03, 0x0d, [0; 6]),
            Self::MacMobility { sticky, sequence } => {
                of(0x06, 0x00, pair(u16::from(sticky) << 8, sequence))
            }
            Self::EsiLabel { single_active, field } => {
                of(0x06, 0x01, pair(u16::from(single_active) << 8, field & 0x00ff_ffff))
            }
            Self::EsImport(mac) => of(0x06, 0x02, mac.0),
            Self::RouterMac(mac) => of(0x06, 0x03, mac.0),
            Self::Layer2 { flags, mtu } => of(0x06, 0x04, pair(flags, u32::from(mtu) << 16)),
            Self::TrafficRate { asn, octets } => of(0x80, 0x06, pair(asn, octets.to_bits())),
            Self::TrafficRatePackets { asn, packets } => {
                of(0x80, 0x0c, pair(asn, packets.to_bits()))
            }
            Self::TrafficAction { sample, terminal } => {
                of(0x80, 0x07, [0, 0, 0, 0, 0, (u8::from(sample) << 1) | u8::from(terminal)])
            }
            Self::Redirect(target) => admin(0x80, 0x08, target),
            Self::TrafficMarking(dscp) => of(0x80, 0x09, [0, 0, 0, 0, 0, dscp & 0x3f]),
            Self::OriginValidation(state) => of(0x43, 0x00, [0, 0, 0, 0, 0, state]),
            Self::Unknown => None,
        }
    }
}

mod format;

#[cfg(test)]
mod tests;
