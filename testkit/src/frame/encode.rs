//! Whole messages, appended to a buffer.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::{Attributes, HEADER, KEEPALIVE, MAX_MESSAGE, NOTIFICATION, OPEN, Segment, UPDATE};
use crate::route::{Family, Origin};

/// Octets of a message left for prefixes and attributes.
const BODY: usize = MAX_MESSAGE - HEADER;

/// A message of any type, right or wrong: hostile tests need the wrong ones.
///
/// # Panics
/// When it does not fit the length field.
pub fn message(kind: u8, body: &[u8], out: &mut Vec<u8>) {
    let len = u16::try_from(HEADER + body.len()).expect("body fits the length field");
    out.extend_from_slice(&[0xff; 16]);
    out.extend_from_slice(&len.to_be_bytes());
    out.push(kind);
    out.extend_from_slice(body);
}

/// KEEPALIVE.
pub fn keepalive(out: &mut Vec<u8>) {
    message(KEEPALIVE, &[], out);
}

/// NOTIFICATION.
pub fn notification(code: u8, subcode: u8, data: &[u8], out: &mut Vec<u8>) {
    message(NOTIFICATION, &[&[code, subcode], data].concat(), out);
}

/// OPEN with multiprotocol, route refresh and, unless `asn4` is false, 4-octet AS capabilities.
pub fn open(
    asn: u32,
    hold_time: u16,
    router_id: Ipv4Addr,
    families: &[Family],
    asn4: bool,
    out: &mut Vec<u8>,
) {
    let families = families.iter().map(|family| (u16::from(afi(*family)), 1));
    open_for(asn, hold_time, router_id, families, asn4, out);
}

/// [`open`] for families by AFI and SAFI.
pub fn open_for(
    asn: u32,
    hold_time: u16,
    router_id: Ipv4Addr,
    families: impl IntoIterator<Item = (u16, u8)>,
    asn4: bool,
    out: &mut Vec<u8>,
) {
    let mut capabilities = Vec::new();
    for (afi, safi) in families {
        let [high, low] = afi.to_be_bytes();
        capabilities.extend_from_slice(&[1, 4, high, low, 0, safi]);
    }
    capabilities.extend_from_slice(&[2, 0]);
    if asn4 {
        capabilities.extend_from_slice(&[65, 4]);
        capabilities.extend_from_slice(&asn.to_be_bytes());
    }
    let my_as = u16::try_from(asn).unwrap_or(23456); // AS_TRANS
    let mut body = vec![4];
    body.extend_from_slice(&my_as.to_be_bytes());
    body.extend_from_slice(&hold_time.to_be_bytes());
    body.extend_from_slice(&router_id.octets());
    let len = u8::try_from(capabilities.len()).expect("few capabilities");
    body.extend_from_slice(&[len + 2, 2, len]);
    body.extend_from_slice(&capabilities);
    message(OPEN, &body, out);
}

/// UPDATEs that announce `prefixes` (all of one family), as few as fit.
///
/// IPv4 prefixes with an IPv4 next hop go the classic way, all else in MP_REACH_NLRI.
///
/// # Panics
/// When the attributes alone fill a message.
pub fn update(attributes: &Attributes, prefixes: &[IpNet], out: &mut Vec<u8>) {
    let Some(first) = prefixes.first() else { return };
    let family = Family::of(&first.addr());
    let common = common_attributes(attributes);
    let classic = family == Family::Ipv4 && attributes.next_hop.is_ipv4();
    let mut fixed = Vec::new();
    if classic {
        let IpAddr::V4(next_hop) = attributes.next_hop else { unreachable!("checked above") };
        attribute(0x40, 3, &next_hop.octets(), &mut fixed);
    } else {
        fixed.extend_from_slice(&[0, afi(family), 1]);
        match attributes.next_hop {
            IpAddr::V4(a) => fixed.extend_from_slice(&[&[4][..], &a.octets()].concat()),
            IpAddr::V6(a) => fixed.extend_from_slice(&[&[16][..], &a.octets()].concat()),
        }
        fixed.push(0); // reserved
    }
    // Two length fields, and the header of an extended-length attribute around MP_REACH_NLRI.
    let room = BODY - 4 - 4 - common.len() - fixed.len();
    for column in columns(prefixes, room) {
        let mut attributes = common.clone();
        if classic {
            attributes.extend_from_slice(&fixed);
            update_body(&[], &attributes, &column, out);
        } else {
            attribute(0x80, 14, &[fixed.as_slice(), &column].concat(), &mut attributes);
            update_body(&[], &attributes, &[], out);
        }
    }
}

/// UPDATEs that withdraw `prefixes` (all of one family), as few as fit.
pub fn withdraw(prefixes: &[IpNet], out: &mut Vec<u8>) {
    let Some(first) = prefixes.first() else { return };
    let family = Family::of(&first.addr());
    for column in columns(prefixes, BODY - 4 - 4 - 3) {
        if family == Family::Ipv4 {
            update_body(&column, &[], &[], out);
        } else {
            let mut attributes = Vec::new();
            attribute(
                0x80,
                15,
                &[&[0, afi(family), 1], column.as_slice()].concat(),
                &mut attributes,
            );
            update_body(&[], &attributes, &[], out);
        }
    }
}

/// End-of-RIB (RFC 4724 section 2).
pub fn end_of_rib(family: Family, out: &mut Vec<u8>) {
    let mut attributes = Vec::new();
    if family != Family::Ipv4 {
        attribute(0x80, 15, &[0, afi(family), 1], &mut attributes);
    }
    update_body(&[], &attributes, &[], out);
}

/// One UPDATE from its three parts, right or wrong.
pub fn update_body(withdrawn: &[u8], attributes: &[u8], nlri: &[u8], out: &mut Vec<u8>) {
    let len = |part: &[u8]| u16::try_from(part.len()).expect("fits a message").to_be_bytes();
    let body = [&len(withdrawn), withdrawn, &len(attributes), attributes, nlri].concat();
    message(UPDATE, &body, out);
}

/// One attribute with its header; Extended Length only when needed.
pub fn attribute(flags: u8, kind: u8, value: &[u8], out: &mut Vec<u8>) {
    match u8::try_from(value.len()) {
        Ok(len) => out.extend_from_slice(&[flags, kind, len]),
        Err(_) => {
            let len = u16::try_from(value.len()).expect("fits a message").to_be_bytes();
            out.extend_from_slice(&[flags | 0x10, kind, len[0], len[1]]);
        }
    }
    out.extend_from_slice(value);
}

/// One prefix: length, and as many octets of the address as it takes.
pub fn prefix(prefix: &IpNet, out: &mut Vec<u8>) {
    out.push(prefix.prefix_len());
    let octets = usize::from(prefix.prefix_len()).div_ceil(8);
    match prefix.network() {
        IpAddr::V4(a) => out.extend_from_slice(&a.octets()[..octets]),
        IpAddr::V6(a) => out.extend_from_slice(&a.octets()[..octets]),
    }
}

/// The attribute section without next hop and prefixes, in ascending type order.
#[must_use]
pub fn common_attributes(a: &Attributes) -> Vec<u8> {
    let mut out = Vec::new();
    let origin = match a.origin {
        Origin::Igp => 0,
        Origin::Egp => 1,
        Origin::Incomplete => 2,
    };
    attribute(0x40, 1, &[origin], &mut out);
    let mut path = Vec::new();
    for segment in &a.as_path {
        let (kind, asns) = match segment {
            Segment::Set(asns) => (1, asns),
            Segment::Sequence(asns) => (2, asns),
        };
        path.extend_from_slice(&[kind, u8::try_from(asns.len()).expect("a segment's limit")]);
        path.extend(asns.iter().flat_map(|asn| asn.to_be_bytes()));
    }
    attribute(0x40, 2, &path, &mut out);
    if let Some(med) = a.med {
        attribute(0x80, 4, &med.to_be_bytes(), &mut out);
    }
    if let Some(local_pref) = a.local_pref {
        attribute(0x40, 5, &local_pref.to_be_bytes(), &mut out);
    }
    if a.atomic_aggregate {
        attribute(0x40, 6, &[], &mut out);
    }
    if let Some((asn, address)) = a.aggregator {
        attribute(0xc0, 7, &[asn.to_be_bytes(), address.octets()].concat(), &mut out);
    }
    if !a.communities.is_empty() {
        let value: Vec<u8> = a.communities.iter().flat_map(|c| c.to_be_bytes()).collect();
        attribute(0xc0, 8, &value, &mut out);
    }
    if !a.ext_communities.is_empty() {
        attribute(0xc0, 16, &a.ext_communities.concat(), &mut out);
    }
    if !a.large_communities.is_empty() {
        let value: Vec<u8> =
            a.large_communities.iter().flatten().flat_map(|n| n.to_be_bytes()).collect();
        attribute(0xc0, 32, &value, &mut out);
    }
    for (flags, kind, value) in &a.other {
        attribute(*flags, *kind, value, &mut out);
    }
    out
}

/// Encoded prefixes in pieces of at most `room` octets.
fn columns(prefixes: &[IpNet], room: usize) -> Vec<Vec<u8>> {
    let mut columns = vec![Vec::new()];
    for one in prefixes {
        let column = columns.last_mut().expect("starts with one");
        let before = column.len();
        prefix(one, column);
        if column.len() > room {
            let moved = column.split_off(before);
            assert!(!column.is_empty(), "attributes leave no room for a prefix");
            columns.push(moved);
        }
    }
    columns
}

const fn afi(family: Family) -> u8 {
    match family {
        Family::Ipv4 => 1,
        Family::Ipv6 => 2,
    }
}
