//! EVPN values of types 1 to 5, octets to fields.
//!
//! What for: reading a route without moving it: the enum is 64 octets, and a copy of it on the way
//! into a column costs as much as reading it.
//! Where: behind [`EvpnRoute::from_value`], `take` and `read_all` of the parent.
//! How: each type's fixed part is one array, so that only its length is checked; the route is made in
//! the call of `sink`, which puts it where it is to stay.
//! Invariants: a value is read whole or is opaque.
//! References: RFC 7432 section 7, RFC 9136 section 3.1.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smallvec::SmallVec;

use super::{EvpnLabel, EvpnPrefix, EvpnRoute, OpaqueEvpn};
use crate::{
    nlri::{Esi, MacAddr, RouteDistinguisher},
    prefix::{V4Prefix, V6Prefix},
};

/// Reads a value and hands the route to `sink`.
#[inline]
pub(super) fn read<R>(kind: u8, value: &[u8], sink: impl FnOnce(EvpnRoute) -> R) -> R {
    match kind {
        1 => {
            if let Some(((rd, esi, tag), &[a, b, c])) = segment_head(value) {
                let label = EvpnLabel([a, b, c]);
                return sink(EvpnRoute::EthernetAd { rd, esi, tag, label });
            }
        }
        2 => {
            if let Some(((rd, esi, tag), rest)) = segment_head(value)
                && let Some((mac, ip, label, ip_label)) = station(rest)
            {
                return sink(EvpnRoute::MacIp { rd, esi, tag, mac, ip, label, ip_label });
            }
        }
        3 => {
            if let Some((rd, rest)) = value.split_first_chunk::<8>()
                && let Some((tag, rest)) = rest.split_first_chunk::<4>()
                && let Some(originator) = originator(rest)
            {
                let (rd, tag) = (RouteDistinguisher(*rd), u32::from_be_bytes(*tag));
                return sink(EvpnRoute::InclusiveMulticast { rd, tag, originator });
            }
        }
        4 => {
            if let Some((rd, rest)) = value.split_first_chunk::<8>()
                && let Some((esi, rest)) = rest.split_first_chunk::<10>()
                && let Some(originator) = originator(rest)
            {
                let (rd, esi) = (RouteDistinguisher(*rd), Esi(*esi));
                return sink(EvpnRoute::EthernetSegment { rd, esi, originator });
            }
        }
        5 => {
            if let Ok(value) = <&[u8; 34]>::try_from(value) {
                if let Some(((rd, esi, tag), rest)) = segment_head(value)
                    && let Some((len, addr, gateway, label)) = prefix_and_gateway::<4>(rest)
                    && let Some(prefix) = V4Prefix::from_bits(u32::from_be_bytes(addr), len)
                {
                    let route = EvpnPrefix::V4(prefix, Ipv4Addr::from_octets(gateway));
                    return sink(EvpnRoute::IpPrefix { rd, esi, tag, route, label });
                }
            } else if let Ok(value) = <&[u8; 58]>::try_from(value)
                && let Some(((rd, esi, tag), rest)) = segment_head(value)
                && let Some((len, addr, gateway, label)) = prefix_and_gateway::<16>(rest)
                && let Some(prefix) = V6Prefix::from_bits(u128::from_be_bytes(addr), len)
            {
                let route = EvpnPrefix::V6(prefix, Ipv6Addr::from_octets(gateway));
                return sink(EvpnRoute::IpPrefix { rd, esi, tag, route, label });
            }
        }
        _ => {}
    }
    sink(opaque(kind, value))
}

#[cold]
fn opaque(kind: u8, value: &[u8]) -> EvpnRoute {
    EvpnRoute::Opaque(OpaqueEvpn { kind, value: SmallVec::from_slice(value) })
}

/// What types 1, 2 and 5 begin with: distinguisher, segment, tag.
type SegmentHead = (RouteDistinguisher, Esi, u32);

/// Reads the head and hands back what follows.
#[inline(always)]
fn segment_head(value: &[u8]) -> Option<(SegmentHead, &[u8])> {
    let (head, rest) = value.split_first_chunk::<22>()?;
    let (rd, tail) = head.split_first_chunk::<8>()?;
    let (esi, tail) = tail.split_first_chunk::<10>()?;
    let tag = tail.first_chunk::<4>()?;
    Some(((RouteDistinguisher(*rd), Esi(*esi), u32::from_be_bytes(*tag)), rest))
}

/// What type 2 goes on with: the station, its address, one label or two.
#[inline(always)]
fn station(rest: &[u8]) -> Option<(MacAddr, Option<IpAddr>, EvpnLabel, Option<EvpnLabel>)> {
    let (&[48, m0, m1, m2, m3, m4, m5, bits], rest) = rest.split_first_chunk::<8>()? else {
        return None;
    };
    let (ip, labels) = match bits {
        0 => (None, rest),
        32 => {
            let (octets, rest) = rest.split_first_chunk::<4>()?;
            (Some(IpAddr::from(*octets)), rest)
        }
        128 => {
            let (octets, rest) = rest.split_first_chunk::<16>()?;
            (Some(IpAddr::from(*octets)), rest)
        }
        _ => return None,
    };
    let (label, ip_label) = match *labels {
        [a, b, c] => (EvpnLabel([a, b, c]), None),
        [a, b, c, d, e, f] => (EvpnLabel([a, b, c]), Some(EvpnLabel([d, e, f]))),
        _ => return None,
    };
    Some((MacAddr([m0, m1, m2, m3, m4, m5]), ip, label, ip_label))
}

/// What types 3 and 4 end with: an address behind its length in bits.
#[inline(always)]
fn originator(rest: &[u8]) -> Option<IpAddr> {
    match *rest {
        [32, a, b, c, d] => Some(IpAddr::from([a, b, c, d])),
        [128, ref octets @ ..] => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    }
}

/// What type 5 ends with: prefix length, prefix and gateway of `N` octets, label.
#[inline(always)]
fn prefix_and_gateway<const N: usize>(rest: &[u8]) -> Option<(u8, [u8; N], [u8; N], EvpnLabel)> {
    let (&len, rest) = rest.split_first()?;
    let (addr, rest) = rest.split_first_chunk::<N>()?;
    let (gateway, rest) = rest.split_first_chunk::<N>()?;
    let label = <[u8; 3]>::try_from(rest).ok()?;
    Some((len, *addr, *gateway, EvpnLabel(label)))
}
