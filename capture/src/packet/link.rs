//! From a captured packet to its TCP segment.
//!
//! What for: captures come from Ethernet ports, tunnels, loopbacks and "any" pseudo-interfaces.
//! Where: called by [`Packets`](super::Packets) for each packet.
//! How: the link header is taken off here where it is a few octets (SLL, loopback, PPP, HDLC) or
//! labels (MPLS); Ethernet with VLAN tags, IP, extension headers and TCP are `etherparse`'s work, in its lax form that allows
//! packets cut by the snap length.
//! Invariants: `missing` is what the IP header promised and the capture lacks.
//! References: the link-layer header types of tcpdump.org; RFC 791, 8200, 9293, 1661.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::net::{IpAddr, SocketAddr};

use etherparse::{
    EtherType, IpNumber, LaxNetSlice, LaxSlicedPacket, NetSlice, SlicedPacket, TcpSlice,
    TransportSlice,
};

/// A TCP segment.
#[derive(Debug)]
pub(super) struct Segment<'a> {
    pub(super) from: SocketAddr,
    pub(super) to: SocketAddr,
    pub(super) seq: u32,
    pub(super) syn: bool,
    pub(super) ack: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
    pub(super) payload: &'a [u8],
    /// Octets of payload that were sent and not captured.
    pub(super) missing: usize,
}

impl<'a> Segment<'a> {
    pub(super) fn new(from: IpAddr, to: IpAddr, tcp: &TcpSlice<'a>, missing: usize) -> Self {
        Self {
            from: SocketAddr::new(from, tcp.source_port()),
            to: SocketAddr::new(to, tcp.destination_port()),
            seq: tcp.sequence_number(),
            syn: tcp.syn(),
            ack: tcp.ack(),
            fin: tcp.fin(),
            rst: tcp.rst(),
            payload: tcp.payload(),
            missing,
        }
    }
}

/// What is in a packet.
#[derive(Debug)]
pub(super) enum Found<'a> {
    Segment(Segment<'a>),
    /// A part of a TCP segment.
    Fragment(Box<SlicedPacket<'a>>),
    Nothing,
}

/// Whether packets of this link type are read.
pub(super) const fn is_read(link: u32) -> bool {
    matches!(link, 0 | 1 | 9 | 12 | 14 | 50 | 101 | 104 | 108 | 113 | 228 | 229 | 276)
}

/// The packet behind its link header.
enum Inner<'a> {
    Ethernet(&'a [u8]),
    Typed(u16, &'a [u8]),
    Ip(&'a [u8]),
}

fn inner(link: u32, packet: &[u8]) -> Option<Inner<'_>> {
    let typed = |at: usize, header: usize| {
        let kind = packet.get(at..)?.first_chunk::<2>()?;
        Some(Inner::Typed(u16::from_be_bytes(*kind), packet.get(header..)?))
    };
    match link {
        1 => Some(Inner::Ethernet(packet)),
        // BSD loopback: the address family, in either byte order; the IP version tells as well.
        0 | 108 => packet.get(4..).map(Inner::Ip),
        12 | 14 | 101 | 228 | 229 => Some(Inner::Ip(packet)),
        // Cisco HDLC: address, control, EtherType.
        104 => typed(2, 4),
        // Linux "any", versions 1 and 2.
        113 => typed(14, 16),
        276 => typed(0, 20),
        // PPP, with or without address and control; the protocol may be one octet (RFC 1661).
        9 | 50 => {
            let body = packet.strip_prefix(&[0xff, 3]).unwrap_or(packet);
            match body {
                [0x21, rest @ ..] | [0, 0x21, rest @ ..] => Some(Inner::Ip(rest)),
                [0x57, rest @ ..] | [0, 0x57, rest @ ..] => Some(Inner::Ip(rest)),
                _ => None,
            }
        }
        _ => None,
    }
}

/// The IP packet behind an MPLS label stack (RFC 3032).
fn mpls<'a>(lax: &LaxSlicedPacket<'a>, inner: &Inner<'a>) -> Option<&'a [u8]> {
    let (kind, mut bytes) = match (lax.ether_payload(), inner) {
        (Some(payload), _) => (payload.ether_type.0, payload.payload),
        (None, Inner::Typed(kind, bytes)) => (*kind, *bytes),
        (None, _) => return None,
    };
    if !matches!(kind, 0x8847 | 0x8848) {
        return None;
    }
    loop {
        let (label, rest) = bytes.split_first_chunk::<4>()?;
        let [_, _, bottom, _] = label;
        bytes = rest;
        if bottom & 1 != 0 {
            return Some(bytes);
        }
    }
}

/// Finds the TCP segment.
pub(super) fn segment(link: u32, packet: &[u8]) -> Found<'_> {
    let Some(mut inner) = inner(link, packet) else { return Found::Nothing };
    let lax = match inner {
        Inner::Ethernet(bytes) => LaxSlicedPacket::from_ethernet(bytes).ok(),
        Inner::Typed(kind, bytes) => Some(LaxSlicedPacket::from_ether_type(EtherType(kind), bytes)),
        Inner::Ip(bytes) => LaxSlicedPacket::from_ip(bytes).ok(),
    };
    let Some(mut lax) = lax else { return Found::Nothing };
    if let Some(labelled) = mpls(&lax, &inner) {
        let Ok(ip) = LaxSlicedPacket::from_ip(labelled) else { return Found::Nothing };
        (lax, inner) = (ip, Inner::Ip(labelled));
    }
    let Some(payload) = lax.net.as_ref().and_then(LaxNetSlice::ip_payload_ref) else {
        return Found::Nothing;
    };
    if payload.fragmented {
        if payload.ip_number != IpNumber::TCP {
            return Found::Nothing;
        }
        let strict = match inner {
            Inner::Ethernet(bytes) => SlicedPacket::from_ethernet(bytes).ok(),
            Inner::Typed(kind, bytes) => SlicedPacket::from_ether_type(EtherType(kind), bytes).ok(),
            Inner::Ip(bytes) => SlicedPacket::from_ip(bytes).ok(),
        };
        return strict.map_or(Found::Nothing, |p| Found::Fragment(Box::new(p)));
    }
    let Some(TransportSlice::Tcp(tcp)) = &lax.transport else { return Found::Nothing };
    let (from, to, promised) = match &lax.net {
        Some(LaxNetSlice::Ipv4(ip)) => {
            let header = ip.header();
            let promised = usize::from(header.total_len()).saturating_sub(header.slice().len());
            (IpAddr::V4(header.source_addr()), IpAddr::V4(header.destination_addr()), promised)
        }
        Some(LaxNetSlice::Ipv6(ip)) => {
            let header = ip.header();
            let extensions = ip.extensions().slice().len();
            let promised = usize::from(header.payload_length()).saturating_sub(extensions);
            (IpAddr::V6(header.source_addr()), IpAddr::V6(header.destination_addr()), promised)
        }
        _ => return Found::Nothing,
    };
    let missing =
        if payload.incomplete { promised.saturating_sub(payload.payload.len()) } else { 0 };
    Found::Segment(Segment::new(from, to, tcp, missing))
}

/// Source and destination of a whole packet.
pub(super) fn addresses(packet: &SlicedPacket<'_>) -> Option<(IpAddr, IpAddr)> {
    match &packet.net {
        Some(NetSlice::Ipv4(ip)) => {
            let header = ip.header();
            Some((header.source_addr().into(), header.destination_addr().into()))
        }
        Some(NetSlice::Ipv6(ip)) => {
            let header = ip.header();
            Some((header.source_addr().into(), header.destination_addr().into()))
        }
        _ => None,
    }
}
