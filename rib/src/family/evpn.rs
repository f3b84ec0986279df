//! Key and rest of EVPN routes.
//!
//! RFC 7432 section 7 and RFC 9136 section 3.1 say of each route type which fields are its key:
//!
//! | type | key | rest |
//! |---|---|---|
//! | 1 Ethernet auto-discovery | distinguisher, segment, tag | label |
//! | 2 MAC/IP | distinguisher, tag, MAC, IP | segment, labels |
//! | 3 inclusive multicast | distinguisher, tag, originator | nothing |
//! | 4 Ethernet segment | distinguisher, segment, originator | nothing |
//! | 5 IP prefix | distinguisher, tag, prefix | segment, gateway, label |
//! | other | all octets | nothing |
//!
//! The key is kept as octets of one size, so that rows are dense. Routes of other types with values
//! longer than that cannot be kept; those defined so far (RFC 9251) fit with IPv4 addresses.
//!
//! **Invariants.** Octets behind the length are zero, so comparing and hashing need no thought.
//!
//! **Cost.** 36 octets a key.

use std::{fmt, net::IpAddr, str::FromStr};

use bgp_wire::{
    Esi, EvpnKey, EvpnLabel, EvpnPrefix, EvpnRoute, MacAddr, Nlri, ParseError, Prefix,
    RouteDistinguisher, V4Prefix, V6Prefix,
};

use super::{TableFamily, in_tables};
use crate::table::{Table, Tables};

/// Octets of the longest key.
const LONGEST: usize = 34;

/// The key of an EVPN route.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct EvpnRowKey {
    kind: u8,
    len: u8,
    octets: [u8; LONGEST],
}

const _: () = assert!(size_of::<EvpnRowKey>() == 36);

impl EvpnRowKey {
    /// The key of a route; `None` for a malformed one, and for one of an unknown type that is too long.
    pub fn of(route: &EvpnRoute) -> Option<Self> {
        if route.is_malformed() {
            return None;
        }
        let mut key = Self { kind: route.kind(), len: 0, octets: [0; LONGEST] };
        match route.key() {
            EvpnKey::EthernetAd(rd, esi, tag) => {
                key.push(&rd.0)?.push(&esi.0)?.push(&tag.to_be_bytes())?;
            }
            EvpnKey::MacIp(rd, tag, mac, ip) => {
                key.push(&rd.0)?.push(&tag.to_be_bytes())?.push(&mac.0)?;
                if let Some(ip) = ip {
                    key.push_addr(ip)?;
                }
            }
            EvpnKey::InclusiveMulticast(rd, tag, originator) => {
                key.push(&rd.0)?.push(&tag.to_be_bytes())?.push_addr(originator)?;
            }
            EvpnKey::EthernetSegment(rd, esi, originator) => {
                key.push(&rd.0)?.push(&esi.0)?.push_addr(originator)?;
            }
            EvpnKey::IpPrefix(rd, tag, prefix) => {
                key.push(&rd.0)?.push(&tag.to_be_bytes())?.push(&[prefix.len()])?;
                key.push_addr(prefix.addr())?;
            }
            EvpnKey::Opaque(route) => {
                key.push(route.value())?;
            }
        }
        Some(key)
    }

    /// The route type.
    pub const fn kind(&self) -> u8 {
        self.kind
    }

    /// The route distinguisher; `None` for types without meaning here.
    pub fn rd(&self) -> Option<RouteDistinguisher> {
        self.parts().rd()
    }

    fn push(&mut self, octets: &[u8]) -> Option<&mut Self> {
        let from = usize::from(self.len);
        self.octets.get_mut(from..from + octets.len())?.copy_from_slice(octets);
        self.len = u8::try_from(from + octets.len()).ok()?;
        Some(self)
    }

    fn push_addr(&mut self, addr: IpAddr) -> Option<&mut Self> {
        match addr {
            IpAddr::V4(addr) => self.push(&addr.octets()),
            IpAddr::V6(addr) => self.push(&addr.octets()),
        }
    }

    fn value(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }

    fn take<const N: usize>(&self, from: usize) -> [u8; N] {
        let octets = self.octets.get(from..).and_then(|octets| octets.first_chunk());
        *octets.expect("fields end before the longest key does")
    }

    fn addr(&self, from: usize) -> Option<IpAddr> {
        match usize::from(self.len).saturating_sub(from) {
            4 => Some(IpAddr::from(self.take::<4>(from))),
            16 => Some(IpAddr::from(self.take::<16>(from))),
            _ => None,
        }
    }

    /// The route with nothing but its key.
    fn parts(&self) -> EvpnRoute {
        let rd = RouteDistinguisher(self.take(0));
        let (esi, label) = (Esi::default(), EvpnLabel::default());
        let tag = |from| u32::from_be_bytes(self.take(from));
        let opaque = || {
            EvpnRoute::from_value(self.kind, self.value())
                .expect("a key is shorter than 256 octets")
        };
        match self.kind {
            // A value of these types that does not fit them is malformed and never gets here.
            1 => EvpnRoute::EthernetAd { rd, esi: Esi(self.take(8)), tag: tag(18), label },
            2 => EvpnRoute::MacIp {
                rd,
                esi,
                tag: tag(8),
                mac: MacAddr(self.take(12)),
                ip: self.addr(18),
                label,
                ip_label: None,
            },
            3 => match self.addr(12) {
                Some(originator) => EvpnRoute::InclusiveMulticast { rd, tag: tag(8), originator },
                None => opaque(),
            },
            4 => match self.addr(18) {
                Some(originator) => {
                    EvpnRoute::EthernetSegment { rd, esi: Esi(self.take(8)), originator }
                }
                None => opaque(),
            },
            5 => match self.ip_prefix([0; 16]) {
                Some(route) => EvpnRoute::IpPrefix { rd, esi, tag: tag(8), route, label },
                None => opaque(),
            },
            _ => opaque(),
        }
    }

    fn ip_prefix(&self, gateway: [u8; 16]) -> Option<EvpnPrefix> {
        let [len] = self.take(12);
        match self.addr(13)? {
            IpAddr::V4(addr) => {
                let [a, b, c, d, ..] = gateway;
                Some(EvpnPrefix::V4(V4Prefix::new(addr, len)?, [a, b, c, d].into()))
            }
            IpAddr::V6(addr) => Some(EvpnPrefix::V6(V6Prefix::new(addr, len)?, gateway.into())),
        }
    }
}

impl TableFamily for EvpnRowKey {
    const INDEX: usize = 6;
    const HAS_REST: bool = true;
    const HAS_STATIONS: bool = true;
    type Wire = EvpnRoute;

    fn split(route: &EvpnRoute, rest: &mut Vec<u8>) -> Option<Self> {
        let key = Self::of(route)?;
        match route {
            EvpnRoute::EthernetAd { label, .. } => rest.extend_from_slice(&label.0),
            EvpnRoute::MacIp { esi, label, ip_label, .. } => {
                rest.extend_from_slice(&esi.0);
                rest.extend_from_slice(&label.0);
                rest.extend(ip_label.iter().flat_map(|label| label.0));
            }
            EvpnRoute::IpPrefix { esi, route, label, .. } => {
                rest.extend_from_slice(&esi.0);
                match route {
                    EvpnPrefix::V4(_, gateway) => rest.extend_from_slice(&gateway.octets()),
                    EvpnPrefix::V6(_, gateway) => rest.extend_from_slice(&gateway.octets()),
                }
                rest.extend_from_slice(&label.0);
            }
            EvpnRoute::InclusiveMulticast { .. }
            | EvpnRoute::EthernetSegment { .. }
            | EvpnRoute::Opaque(_) => {}
        }
        Some(key)
    }

    fn join(self, rest: &[u8]) -> EvpnRoute {
        let mut route = self.parts();
        let (head, tail) = rest.split_first_chunk::<10>().unwrap_or((&[0; 10], rest));
        match &mut route {
            EvpnRoute::EthernetAd { label, .. } => label.0 = first(rest),
            EvpnRoute::MacIp { esi, label, ip_label, .. } => {
                esi.0 = *head;
                label.0 = first(tail);
                *ip_label = tail
                    .get(3..)
                    .filter(|second| second.len() == 3)
                    .map(|second| EvpnLabel(first(second)));
            }
            EvpnRoute::IpPrefix { esi, route, label, .. } => {
                esi.0 = *head;
                let mut gateway = [0; 16];
                let len = tail.len().saturating_sub(3).min(16);
                gateway[..len].copy_from_slice(&tail[..len]);
                label.0 = first(&tail[len..]);
                if let Some(whole) = self.ip_prefix(gateway) {
                    *route = whole;
                }
            }
            EvpnRoute::InclusiveMulticast { .. }
            | EvpnRoute::EthernetSegment { .. }
            | EvpnRoute::Opaque(_) => {}
        }
        route
    }

    fn prefix(&self) -> Option<Prefix> {
        match self.parts() {
            EvpnRoute::IpPrefix { route, .. } => Some(route.prefix()),
            _ => None,
        }
    }

    #[inline]
    fn is_station(&self) -> bool {
        self.kind == 2
    }

    in_tables!(evpn);
}

/// The first label of what is left; zeros if there is none.
fn first(octets: &[u8]) -> [u8; 3] {
    octets.first_chunk().copied().unwrap_or_default()
}

/// Type and key fields by name, as in `mac-ip rd 65001:1 tag 0 mac 00:11:22:aa:bb:cc ip 192.0.2.1`.
impl fmt::Display for EvpnRowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            EvpnRoute::EthernetAd { rd, esi, tag, .. } => {
                write!(f, "ethernet-ad rd {rd} esi {esi} tag {tag}")
            }
            EvpnRoute::MacIp { rd, tag, mac, ip, .. } => {
                write!(f, "mac-ip rd {rd} tag {tag} mac {mac}")?;
                ip.map_or(Ok(()), |ip| write!(f, " ip {ip}"))
            }
            EvpnRoute::IpPrefix { rd, tag, route, .. } => {
                write!(f, "ip-prefix rd {rd} tag {tag} prefix {}", route.prefix())
            }
            whole => fmt::Display::fmt(&whole, f),
        }
    }
}

impl fmt::Debug for EvpnRowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for EvpnRowKey {
    type Err = ParseError;

    /// The text of the key, or of a whole route.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let long = ParseError::new("an EVPN route whose key is at most 34 octets");
        if let Ok(route) = s.parse::<EvpnRoute>() {
            return Self::of(&route).ok_or(long);
        }
        // What the key leaves out, put in where the whole route has it.
        let mut whole = match s.split_once(" tag ") {
            Some((head, tail)) if !head.contains(" esi ") => format!("{head} esi 0 tag {tail}"),
            _ => s.to_owned(),
        };
        whole.push_str(" label 0");
        Self::of(&whole.parse()?).ok_or(long)
    }
}
