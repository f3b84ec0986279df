//! EVPN routes.
//!
//! What for: the routes of Ethernet VPNs: segments, stations, multicast, IP prefixes.
//! Where: NLRI of `l2vpn/evpn`.
//! How: a route type, a length, a value. Types 1 to 5 are read into fields; a type without meaning
//! here, or a value that does not fit its type, is kept octet for octet ([`OpaqueEvpn`]) so that one
//! odd route costs only itself; what is malformed says so ([`Nlri::is_malformed`]). Only a length that
//! runs past the field is a fault of the field. Equality, order and hash take all fields in; tables
//! key by [`EvpnRoute::key`].
//! Invariants: an opaque value is not one that could be read into fields; it has at most 255 octets.
//! Cost: 64 bytes; types 1 to 5 and values up to 32 octets allocate nothing.
//! References: RFC 7432 section 7, RFC 9136 section 3.1, RFC 8365 section 5.1.3.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

mod read;
mod text;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smallvec::SmallVec;

use super::{Esi, MacAddr, Nlri, join, put_cut, rd::RouteDistinguisher};
use crate::{
    family::Family,
    prefix::{Prefix, V4Prefix, V6Prefix},
};

/// The three octets an EVPN route has for a label: an MPLS label in the high 20 bits, or with VXLAN
/// and the like a VNI of 24 bits (RFC 8365 section 5.1.3). Which of the two, the encapsulation
/// community says. Shown as the number of 24 bits.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Default)]
pub struct EvpnLabel(pub [u8; 3]);

impl EvpnLabel {
    /// From a VNI or any number of 24 bits; `None` if it needs more.
    pub const fn from_vni(vni: u32) -> Option<Self> {
        match vni.to_be_bytes() {
            [0, a, b, c] => Some(Self([a, b, c])),
            _ => None,
        }
    }

    /// From an MPLS label of 20 bits, with the low four bits zero but the bottom bit; `None` if it
    /// needs more.
    pub const fn from_mpls(label: u32) -> Option<Self> {
        if label > 0xf_ffff { None } else { Self::from_vni(label << 4 | 1) }
    }

    /// All 24 bits: the VNI.
    pub const fn vni(self) -> u32 {
        let [a, b, c] = self.0;
        u32::from_be_bytes([0, a, b, c])
    }

    /// The high 20 bits: the MPLS label.
    pub const fn mpls_label(self) -> u32 {
        self.vni() >> 4
    }
}

/// A route of `l2vpn/evpn`. The text is a type and named fields, as in
/// `mac-ip rd 65001:1 esi 0 tag 0 mac 00:11:22:aa:bb:cc ip 192.0.2.1 label 100`.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub enum EvpnRoute {
    /// Type 1: Ethernet auto-discovery (RFC 7432 section 7.1).
    EthernetAd {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// Ethernet segment.
        esi: Esi,
        /// Ethernet tag; all ones for the route of the whole segment.
        tag: u32,
        /// Label.
        label: EvpnLabel,
    },
    /// Type 2: MAC/IP advertisement (RFC 7432 section 7.2).
    MacIp {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// Ethernet segment.
        esi: Esi,
        /// Ethernet tag.
        tag: u32,
        /// The station.
        mac: MacAddr,
        /// Its address, if known.
        ip: Option<IpAddr>,
        /// Label of the bridge (label 1).
        label: EvpnLabel,
        /// Label of the IP VRF (label 2).
        ip_label: Option<EvpnLabel>,
    },
    /// Type 3: inclusive multicast Ethernet tag (RFC 7432 section 7.3).
    InclusiveMulticast {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// Ethernet tag.
        tag: u32,
        /// Address of the originating router.
        originator: IpAddr,
    },
    /// Type 4: Ethernet segment (RFC 7432 section 7.4).
    EthernetSegment {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// Ethernet segment.
        esi: Esi,
        /// Address of the originating router.
        originator: IpAddr,
    },
    /// Type 5: IP prefix (RFC 9136 section 3.1). Prefix and gateway must be of one family.
    IpPrefix {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// Ethernet segment, an overlay index if not zero.
        esi: Esi,
        /// Ethernet tag.
        tag: u32,
        /// The prefix and its gateway.
        route: EvpnPrefix,
        /// Label of the IP VRF.
        label: EvpnLabel,
    },
    /// Another type, or a value that does not fit its type.
    Opaque(OpaqueEvpn),
}

const _: () = assert!(size_of::<EvpnRoute>() <= 64);

/// Prefix and gateway of a type 5 route: of one family, for the length of the route says which. A
/// gateway of zero means none.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum EvpnPrefix {
    /// IPv4.
    V4(V4Prefix, Ipv4Addr),
    /// IPv6.
    V6(V6Prefix, Ipv6Addr),
}

impl EvpnPrefix {
    /// The prefix.
    pub const fn prefix(&self) -> Prefix {
        match self {
            Self::V4(prefix, _) => Prefix::V4(*prefix),
            Self::V6(prefix, _) => Prefix::V6(*prefix),
        }
    }

    /// The gateway, an overlay index; `None` if it is zero.
    pub const fn gateway(&self) -> Option<IpAddr> {
        match self {
            Self::V4(_, gateway) if !gateway.is_unspecified() => Some(IpAddr::V4(*gateway)),
            Self::V6(_, gateway) if !gateway.is_unspecified() => Some(IpAddr::V6(*gateway)),
            _ => None,
        }
    }
}

/// The octets of an EVPN route that is not read into fields.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct OpaqueEvpn {
    kind: u8,
    value: SmallVec<[u8; 32]>,
}

impl OpaqueEvpn {
    /// The route type.
    pub const fn kind(&self) -> u8 {
        self.kind
    }

    /// The octets behind the length.
    pub fn value(&self) -> &[u8] {
        &self.value
    }
}

/// What names an EVPN route in a table: RFC 7432 section 7 and RFC 9136 section 3.1 say of each type
/// which fields are part of the route key. The others (labels; the segment and gateway of types 2 and
/// 5) belong to the path.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum EvpnKey {
    /// Type 1: distinguisher, segment, tag.
    EthernetAd(RouteDistinguisher, Esi, u32),
    /// Type 2: distinguisher, tag, MAC address, IP address.
    MacIp(RouteDistinguisher, u32, MacAddr, Option<IpAddr>),
    /// Type 3: distinguisher, tag, originator.
    InclusiveMulticast(RouteDistinguisher, u32, IpAddr),
    /// Type 4: distinguisher, segment, originator.
    EthernetSegment(RouteDistinguisher, Esi, IpAddr),
    /// Type 5: distinguisher, tag, prefix.
    IpPrefix(RouteDistinguisher, u32, Prefix),
    /// All octets.
    Opaque(OpaqueEvpn),
}

impl EvpnRoute {
    /// Reads the value of a route of type `kind`; what does not fit becomes [`Self::Opaque`]. `None`
    /// if the value is over 255 octets.
    pub fn from_value(kind: u8, value: &[u8]) -> Option<Self> {
        u8::try_from(value.len()).ok()?;
        Some(read::read(kind, value, |route| route))
    }

    /// The route type, 1 to 5 for those read into fields.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::EthernetAd { .. } => 1,
            Self::MacIp { .. } => 2,
            Self::InclusiveMulticast { .. } => 3,
            Self::EthernetSegment { .. } => 4,
            Self::IpPrefix { .. } => 5,
            Self::Opaque(route) => route.kind,
        }
    }

    /// What names the route in a table.
    pub fn key(&self) -> EvpnKey {
        match *self {
            Self::EthernetAd { rd, esi, tag, .. } => EvpnKey::EthernetAd(rd, esi, tag),
            Self::MacIp { rd, tag, mac, ip, .. } => EvpnKey::MacIp(rd, tag, mac, ip),
            Self::InclusiveMulticast { rd, tag, originator } => {
                EvpnKey::InclusiveMulticast(rd, tag, originator)
            }
            Self::EthernetSegment { rd, esi, originator } => {
                EvpnKey::EthernetSegment(rd, esi, originator)
            }
            Self::IpPrefix { rd, tag, route, .. } => EvpnKey::IpPrefix(rd, tag, route.prefix()),
            Self::Opaque(ref route) => EvpnKey::Opaque(route.clone()),
        }
    }

    /// The route distinguisher, which an opaque route may not have.
    pub const fn rd(&self) -> Option<RouteDistinguisher> {
        match self {
            Self::EthernetAd { rd, .. }
            | Self::MacIp { rd, .. }
            | Self::InclusiveMulticast { rd, .. }
            | Self::EthernetSegment { rd, .. }
            | Self::IpPrefix { rd, .. } => Some(*rd),
            Self::Opaque(_) => None,
        }
    }

    /// The labels, first label 1.
    pub fn labels(&self) -> impl Iterator<Item = EvpnLabel> {
        let (first, second) = match *self {
            Self::EthernetAd { label, .. } | Self::IpPrefix { label, .. } => (Some(label), None),
            Self::MacIp { label, ip_label, .. } => (Some(label), ip_label),
            _ => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// Octets of the value.
    #[inline]
    fn value_len(&self) -> usize {
        match self {
            Self::EthernetAd { .. } => 25,
            Self::MacIp { ip, ip_label, .. } => ip
                .map_or(33, |ip| addr_len(ip).saturating_add(33))
                .saturating_add(if ip_label.is_some() { 3 } else { 0 }),
            Self::InclusiveMulticast { originator, .. } => addr_len(*originator).saturating_add(13),
            Self::EthernetSegment { originator, .. } => addr_len(*originator).saturating_add(19),
            Self::IpPrefix { route: EvpnPrefix::V4(..), .. } => 34,
            Self::IpPrefix { route: EvpnPrefix::V6(..), .. } => 58,
            Self::Opaque(route) => route.value.len(),
        }
    }
}

/// Type and value of the route in front, and what comes after it.
#[inline(always)]
fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, len], rest) = bytes.split_first_chunk::<2>()?;
    let (value, rest) = rest.split_at_checked(usize::from(len))?;
    Some((kind, value, rest))
}

const fn addr_len(addr: IpAddr) -> usize {
    if addr.is_ipv4() { 4 } else { 16 }
}

/// Appends fields and behind them an address with its length in bits in front, which is 0 when there
/// is none. `N` is `A` and 17.
#[inline]
fn put_behind<const A: usize, const N: usize>(
    fields: [u8; A],
    addr: Option<IpAddr>,
    out: &mut Vec<u8>,
) {
    let (addr, len): ([u8; 17], usize) = match addr {
        None => ([0; 17], 1),
        Some(IpAddr::V4(addr)) => (join(join::<1, 4, 5>([32], addr.octets()), [0; 12]), 5),
        Some(IpAddr::V6(addr)) => (join([128], addr.octets()), 17),
    };
    put_cut::<N>(join(fields, addr), A.saturating_add(len), out);
}

/// The fields that types 1, 2 and 5 begin with, behind the route type and the length.
#[inline]
fn head(kind: u8, len: u8, rd: RouteDistinguisher, esi: Esi, tag: u32) -> [u8; 24] {
    join(join::<2, 8, 10>([kind, len], rd.0), join::<10, 4, 14>(esi.0, tag.to_be_bytes()))
}

impl Nlri for EvpnRoute {
    const FAMILIES: &'static [Family] = &[Family::EVPN];
    const MAX_LEN: usize = 257;

    #[inline]
    fn encoded_len(&self) -> usize {
        self.value_len().saturating_add(2)
    }

    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        let len = u8::try_from(self.value_len()).expect("from_value allows 255 octets");
        // As few copies as can be, each of fixed size.
        match *self {
            Self::EthernetAd { rd, esi, tag, label } => {
                let octets: [u8; 27] = join(head(1, len, rd, esi, tag), label.0);
                out.extend_from_slice(&octets);
            }
            Self::MacIp { rd, esi, tag, mac, ip, label, ip_label } => {
                let station: [u8; 7] = join([48], mac.0);
                let fields: [u8; 31] = join(head(2, len, rd, esi, tag), station);
                put_behind::<31, 48>(fields, ip, out);
                let labels: [u8; 6] = join(label.0, ip_label.unwrap_or_default().0);
                put_cut(labels, if ip_label.is_some() { 6 } else { 3 }, out);
            }
            Self::InclusiveMulticast { rd, tag, originator } => {
                let fields: [u8; 14] = join(join::<2, 8, 10>([3, len], rd.0), tag.to_be_bytes());
                put_behind::<14, 31>(fields, Some(originator), out);
            }
            Self::EthernetSegment { rd, esi, originator } => {
                let fields: [u8; 20] = join(join::<2, 8, 10>([4, len], rd.0), esi.0);
                put_behind::<20, 37>(fields, Some(originator), out);
            }
            Self::IpPrefix { rd, esi, tag, route, label } => match route {
                EvpnPrefix::V4(prefix, gateway) => {
                    let addrs: [u8; 8] = join(prefix.addr().octets(), gateway.octets());
                    let tail: [u8; 12] = join(join::<1, 8, 9>([prefix.len()], addrs), label.0);
                    out.extend_from_slice(&join::<24, 12, 36>(head(5, len, rd, esi, tag), tail));
                }
                EvpnPrefix::V6(prefix, gateway) => {
                    let addrs: [u8; 32] = join(prefix.addr().octets(), gateway.octets());
                    let tail: [u8; 36] = join(join::<1, 32, 33>([prefix.len()], addrs), label.0);
                    out.extend_from_slice(&join::<24, 36, 60>(head(5, len, rd, esi, tag), tail));
                }
            },
            Self::Opaque(ref route) => {
                out.extend_from_slice(&[route.kind, len]);
                out.extend_from_slice(&route.value);
            }
        }
    }

    #[inline]
    fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (kind, value, rest) = split(bytes)?;
        read::read(kind, value, |route| Some((route, rest)))
    }

    #[inline]
    fn read_all(field: &[u8], out: &mut Vec<Self>) {
        let mut rest = field;
        while let Some((kind, value, tail)) = split(rest) {
            read::read(kind, value, |route| out.push(route));
            rest = tail;
        }
    }

    // A route is withdrawn as it is announced.
    #[inline]
    fn read_all_withdrawn(field: &[u8], out: &mut Vec<Self>) {
        Self::read_all(field, out);
    }

    fn scan(field: &[u8]) -> Result<usize, usize> {
        super::scan(field, |rest| match rest {
            [_, len, tail @ ..] => tail.get(usize::from(*len)..).map(|tail| ((), tail)),
            _ => None,
        })
    }

    fn scan_withdrawn(field: &[u8]) -> Result<usize, usize> {
        Self::scan(field)
    }

    /// Whether the type is one of 1 to 5 and the value does not fit it.
    fn is_malformed(&self) -> bool {
        matches!(self, Self::Opaque(OpaqueEvpn { kind: 1..=5, .. }))
    }
}

#[cfg(test)]
mod tests;
