//! Tables: TABLE_DUMP, and TABLE_DUMP_V2 with its peer index.
//!
//! What for: the routes of a collector or router at one moment.
//! Where: called by [`Mrt`](super::Mrt) for each such record.
//! How: a RIB record is one NLRI and entries, each a peer by number, a time and attributes;
//! [`Entries`] gives one item a call.
//! Invariants: an entry that names an unknown peer is told and the next one is read; one that is
//! longer than its record ends the record.
//! References: RFC 6396 sections 4.2 and 4.3, RFC 8050 section 4.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use bgp_wire::{Afi, Family, Safi};

use super::Head;
use crate::item::Item;
use crate::octets::Octets;
use crate::record::{Endpoint, Peer, Record, RouteRecord, StateKind, StateRecord, Timestamp};

const SHORT: &str = "the record is shorter than its fixed fields";

/// A prefix in wire form that had to be put together.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Plain {
    octets: [u8; 17],
    length: usize,
}

impl Plain {
    fn new(bits: u8, addr: IpAddr) -> Option<Self> {
        let (max, whole): (u8, [u8; 16]) = match addr {
            IpAddr::V4(a) => (32, {
                let mut whole = [0; 16];
                whole.first_chunk_mut::<4>()?.copy_from_slice(&a.octets());
                whole
            }),
            IpAddr::V6(a) => (128, a.octets()),
        };
        if bits > max {
            return None;
        }
        let mut octets = [0; 17];
        let [first, rest @ ..] = &mut octets;
        *first = bits;
        *rest = whole;
        Some(Self { octets, length: usize::from(bits.div_ceil(8)).saturating_add(1) })
    }

    pub(super) fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

/// TABLE_DUMP: one route a record, two-octet AS numbers.
pub(super) fn table_dump(mut o: Octets<'_>, head: Head) -> Result<(Item, Plain), &'static str> {
    let six = head.subtype == 2;
    o.span(4).ok_or(SHORT)?; // view and sequence number
    let (addr, bits) = o.addr(six).zip(o.u8()).ok_or(SHORT)?;
    let nlri = Plain::new(bits, addr).ok_or("a prefix longer than its address")?;
    o.u8().ok_or(SHORT)?; // status, always 1
    let originated = o.u32().ok_or(SHORT)?;
    let (peer, asn) = o.addr(six).zip(o.asn(false)).ok_or(SHORT)?;
    let length = o.u16().ok_or(SHORT)?;
    let span = o.span(usize::from(length)).ok_or("the attributes end outside the record")?;
    if !o.rest().is_empty() {
        return Err("octets are left after the attributes");
    }
    let peer = Peer { addr: peer, asn, id: Ipv4Addr::UNSPECIFIED };
    let family = if six { Family::IPV6_UNICAST } else { Family::IPV4_UNICAST };
    let attrs = Octets::starting(o.whole(), span.start).take(span.len()).unwrap_or_default();
    let record = Record::Route(RouteRecord {
        origin: head.origin,
        time: Some(Timestamp::from_secs(originated)),
        dumped: head.time,
        peer,
        family,
        path_id: None,
        nlri: &[],
        attrs: &[],
        as4: false,
        abbreviated_mp_reach: is_abbreviated(attrs),
    });
    Ok((Item::new(record, span), nlri))
}

/// PEER_INDEX_TABLE: the peers that the RIB records number.
pub(super) fn peer_index(
    mut o: Octets<'_>,
    head: Head,
    peers: &mut Vec<Peer>,
) -> Result<Item, &'static str> {
    const PEERS: &str = "the peers end outside the record";
    peers.clear();
    let (collector, length) = o.ipv4().zip(o.u16()).ok_or(SHORT)?;
    let view = o.span(usize::from(length)).ok_or("the view name ends outside the record")?;
    let count = o.u16().ok_or(SHORT)?;
    for _ in 0..count {
        let (kind, id) = o.u8().zip(o.ipv4()).ok_or(PEERS)?;
        let addr = o.addr(kind & 1 != 0).ok_or(PEERS)?;
        let asn = o.asn(kind & 2 != 0).ok_or(PEERS)?;
        peers.push(Peer { addr, asn, id });
    }
    if !o.rest().is_empty() {
        return Err("octets are left after the peers");
    }
    let record = StateRecord {
        origin: head.origin,
        time: Some(head.time),
        remote: Endpoint::default(),
        local: Endpoint { addr: Some(collector.into()), port: None, asn: None },
        kind: StateKind::PeerIndex { collector, peers: count },
        data: &[],
        bmp: None,
    };
    Ok(Item::new(Record::State(record), view))
}

/// The walk over the entries of one RIB record.
#[derive(Debug)]
pub(super) struct Entries {
    head: Head,
    family: Family,
    nlri: Range<usize>,
    add_path: bool,
    left: u16,
    at: usize,
}

impl Entries {
    pub(super) fn open(mut o: Octets<'_>, head: Head) -> Result<Self, &'static str> {
        o.u32().ok_or(SHORT)?; // sequence number
        let family = match head.subtype {
            2 | 8 => Family::IPV4_UNICAST,
            3 | 9 => Family::IPV4_MULTICAST,
            4 | 10 => Family::IPV6_UNICAST,
            5 | 11 => Family::IPV6_MULTICAST,
            _ => {
                let (afi, safi) = o.u16().zip(o.u8()).ok_or(SHORT)?;
                Family::new(Afi(afi), Safi(safi))
            }
        };
        let length = nlri_length(family, o.rest()).ok_or(SHORT)?;
        let nlri = o.span(length).ok_or("the NLRI ends outside the record")?;
        let left = o.u16().ok_or(SHORT)?;
        let add_path = head.subtype >= 8;
        Ok(Self { head, family, nlri, add_path, left, at: o.position() })
    }

    /// The next entry. The error says whether the walk can go on behind it.
    pub(super) fn next(
        &mut self,
        record: &[u8],
        peers: &[Peer],
    ) -> Result<Option<Item>, (&'static str, bool)> {
        const ENTRY: (&str, bool) = ("an entry ends outside the record", false);
        let mut o = Octets::starting(record, self.at);
        let Some(left) = self.left.checked_sub(1) else {
            return if o.rest().is_empty() {
                Ok(None)
            } else {
                Err(("octets are left after the entries", false))
            };
        };
        let (index, originated) = o.u16().zip(o.u32()).ok_or(ENTRY)?;
        let path_id = if self.add_path { Some(o.u32().ok_or(ENTRY)?) } else { None };
        let length = usize::from(o.u16().ok_or(ENTRY)?);
        let span = o.span(length).ok_or(ENTRY)?;
        (self.left, self.at) = (left, o.position());
        let peer = *peers
            .get(usize::from(index))
            .ok_or(("an entry of a peer that the peer index does not have", true))?;
        let abbreviated = self.family != Family::IPV4_UNICAST
            && is_abbreviated(record.get(span.clone()).unwrap_or_default());
        let route = RouteRecord {
            origin: self.head.origin,
            time: Some(Timestamp::from_secs(originated)),
            dumped: self.head.time,
            peer,
            family: self.family,
            path_id,
            nlri: &[],
            attrs: &[],
            as4: true,
            abbreviated_mp_reach: abbreviated,
        };
        let mut item = Item::new(Record::Route(route), span);
        item.nlri = self.nlri.clone();
        Ok(Some(item))
    }
}

/// Octets of one NLRI at the front of `bytes`, without path identifier. Families beyond plain
/// prefixes come in RIB_GENERIC, which does not say how long the NLRI is.
fn nlri_length(family: Family, bytes: &[u8]) -> Option<usize> {
    let mut o = Octets::new(bytes);
    let body = match (family.afi, family.safi) {
        // Route type and length (RFC 7432 section 7; MCAST-VPN: RFC 6514 section 4).
        (Afi::L2VPN, Safi::EVPN) | (_, Safi(5)) => {
            o.u8()?;
            usize::from(o.u8()?)
        }
        // Length in octets (RFC 4761 section 3.2.2).
        (_, Safi::VPLS) => usize::from(o.u16()?),
        // Type and length (RFC 9552 section 5.2).
        (Afi::LINK_STATE, _) => {
            o.u16()?;
            usize::from(o.u16()?)
        }
        // One octet below 240, else twelve bits (RFC 8955 section 4.1).
        (_, Safi::FLOW_SPEC | Safi::FLOW_SPEC_VPN) => {
            let first = o.u8()?;
            if first < 0xf0 {
                usize::from(first)
            } else {
                usize::from(u16::from_be_bytes([first & 0x0f, o.u8()?]))
            }
        }
        // Length in bits.
        _ => usize::from(o.u8()?.div_ceil(8)),
    };
    o.position().checked_add(body)
}

/// Whether MP_REACH_NLRI (type 14) holds the next hop alone: its first octet is then a length, which
/// is never 0, where the whole attribute has the high octet of a small AFI.
fn is_abbreviated(attrs: &[u8]) -> bool {
    let mut o = Octets::new(attrs);
    while let Some((flags, kind)) = o.u8().zip(o.u8()) {
        let length =
            if flags & 0x10 != 0 { o.u16() } else { o.u8().map(u16::from) }.map(usize::from);
        let Some(value) = length.and_then(|l| o.take(l)) else { return false };
        if kind == 14 {
            // BGP-LS has AFI 16388, whose high octet is 64: no next hop is so long.
            return !matches!(value.first(), None | Some(0 | 0x40));
        }
    }
    false
}
