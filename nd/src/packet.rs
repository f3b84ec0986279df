//! Router Solicitation and Router Advertisement: bytes and back, RFC 4861 sections 4.1, 4.2 and 6.1.
//!
//! Used by the runner; owns nothing. Decoding makes all checks of section 6.1 but the checksum, which
//! the kernel verifies (and fills in on sending). Of the options the source link-layer address is kept,
//! all others are skipped, known or not, as the RFC wants it.
//!
//! ```text
//!  | Type 134 | Code 0 |  Checksum   | Hop limit | M O ... | Router lifetime | Reachable | Retrans | options
//!  | Type 133 | Code 0 |  Checksum   |         Reserved                      | options
//!  option: | Type | Length in units of 8 octets, not 0 | ...
//! ```
//!
//! Invariants: a decoded message came from a link-local address (a solicitation may come from `::`) over
//! no router. No input panics.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::fmt;
use std::net::Ipv6Addr;

use crate::HOP_LIMIT;

/// The longest packet looked at: the IPv6 minimum MTU (RFC 8200 section 5).
pub const MAX_PACKET: usize = 1280;

const SOLICITATION: u8 = 133;
const ADVERTISEMENT: u8 = 134;
const SOURCE_LINK_LAYER: u8 = 1;
const SOLICITATION_LEN: usize = 8;
const ADVERTISEMENT_LEN: usize = 16;

/// An Ethernet address as the source link-layer address option carries it (RFC 2464 section 6).
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub struct LinkLayer(pub [u8; 6]);

impl fmt::Display for LinkLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// A message of the two kinds that find neighbours.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub enum Message {
    /// "Is a router here?"
    Solicitation(RouterSolicitation),
    /// "A router is here."
    Advertisement(RouterAdvertisement),
}

/// Router Solicitation, RFC 4861 section 4.1.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Hash)]
pub struct RouterSolicitation {
    /// The sender's Ethernet address.
    pub link_layer: Option<LinkLayer>,
}

/// Router Advertisement, RFC 4861 section 4.2. 0 in a field means "not specified by this router".
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Hash)]
pub struct RouterAdvertisement {
    /// Hop limit that hosts should send with.
    pub hop_limit: u8,
    /// The octet of flags: M (0x80), O (0x40) and those of later RFCs.
    pub flags: u8,
    /// Seconds the sender is good as a default router; 0: it is none.
    pub router_lifetime: u16,
    /// Milliseconds a neighbour counts as reachable after a confirmation.
    pub reachable_time: u32,
    /// Milliseconds between retransmitted neighbour solicitations.
    pub retrans_timer: u32,
    /// The sender's Ethernet address.
    pub link_layer: Option<LinkLayer>,
}

/// Why a packet is not a message that may be believed, RFC 4861 section 6.1.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PacketError {
    /// It may have been forwarded by a router.
    #[error("hop limit is {0}, not 255: it does not come from this link")]
    HopLimit(u8),
    /// The fixed part is not complete.
    #[error("{0} octets are too few")]
    TooShort(usize),
    /// Neither solicitation nor advertisement.
    #[error("ICMPv6 type {0} is no router message")]
    Type(u8),
    /// Only code 0 is defined.
    #[error("ICMPv6 code {0} is not 0")]
    Code(u8),
    /// An advertisement must come from a link-local address.
    #[error("advertisement from {0}, which is not link-local")]
    Source(Ipv6Addr),
    /// An option of length 0 would never end.
    #[error("an option has length 0")]
    OptionLength,
    /// An option is longer than what is left.
    #[error("an option goes beyond the end")]
    OptionEnd,
    /// Who has no address yet cannot name its link-layer address.
    #[error("solicitation from :: with a link-layer address")]
    LinkLayerWithoutSource,
}

impl Message {
    /// Takes a packet apart: what a raw ICMPv6 socket gives, from the type on.
    ///
    /// # Errors
    /// The first check of RFC 4861 section 6.1 that it fails; such packets are dropped.
    pub fn decode(packet: &[u8], source: Ipv6Addr, hop_limit: u8) -> Result<Self, PacketError> {
        if hop_limit != HOP_LIMIT {
            return Err(PacketError::HopLimit(hop_limit));
        }
        let too_short = PacketError::TooShort(packet.len());
        let [kind, code, _, _] = *packet.first_chunk::<4>().ok_or(too_short)?;
        if kind != SOLICITATION && kind != ADVERTISEMENT {
            return Err(PacketError::Type(kind));
        }
        if code != 0 {
            return Err(PacketError::Code(code));
        }
        if kind == SOLICITATION {
            let (_, rest) = packet.split_first_chunk::<SOLICITATION_LEN>().ok_or(too_short)?;
            let link_layer = options(rest)?;
            if source.is_unspecified() && link_layer.is_some() {
                return Err(PacketError::LinkLayerWithoutSource);
            }
            return Ok(Self::Solicitation(RouterSolicitation { link_layer }));
        }
        if !source.is_unicast_link_local() {
            return Err(PacketError::Source(source));
        }
        let (fixed, rest) = packet.split_first_chunk::<ADVERTISEMENT_LEN>().ok_or(too_short)?;
        let [_, _, _, _, hop_limit, flags, l0, l1, r0, r1, r2, r3, t0, t1, t2, t3] = *fixed;
        Ok(Self::Advertisement(RouterAdvertisement {
            hop_limit,
            flags,
            router_lifetime: u16::from_be_bytes([l0, l1]),
            reachable_time: u32::from_be_bytes([r0, r1, r2, r3]),
            retrans_timer: u32::from_be_bytes([t0, t1, t2, t3]),
            link_layer: options(rest)?,
        }))
    }

    /// The packet, with a checksum of 0 for the kernel to fill in.
    pub fn encode(&self) -> Vec<u8> {
        let (mut out, link_layer) = match self {
            Self::Solicitation(rs) => (vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0], rs.link_layer),
            Self::Advertisement(ra) => {
                let mut out = vec![ADVERTISEMENT, 0, 0, 0, ra.hop_limit, ra.flags];
                out.extend_from_slice(&ra.router_lifetime.to_be_bytes());
                out.extend_from_slice(&ra.reachable_time.to_be_bytes());
                out.extend_from_slice(&ra.retrans_timer.to_be_bytes());
                (out, ra.link_layer)
            }
        };
        if let Some(LinkLayer(octets)) = link_layer {
            out.extend_from_slice(&[SOURCE_LINK_LAYER, 1]);
            out.extend_from_slice(&octets);
        }
        out
    }
}

/// Walks the options; the first Ethernet address counts.
fn options(mut rest: &[u8]) -> Result<Option<LinkLayer>, PacketError> {
    let mut link_layer = None;
    while let Some((&[kind, units], _)) = rest.split_first_chunk::<2>() {
        if units == 0 {
            return Err(PacketError::OptionLength);
        }
        let len = usize::from(units).saturating_mul(8);
        let (option, after) = rest.split_at_checked(len).ok_or(PacketError::OptionEnd)?;
        if let (SOURCE_LINK_LAYER, None, &[_, _, a, b, c, d, e, f]) = (kind, link_layer, option) {
            link_layer = Some(LinkLayer([a, b, c, d, e, f]));
        }
        rest = after;
    }
    // A lone octet is an option that goes beyond the end.
    if rest.is_empty() { Ok(link_layer) } else { Err(PacketError::OptionEnd) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SOURCE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

    fn decode(packet: &[u8]) -> Result<Message, PacketError> {
        Message::decode(packet, SOURCE, 255)
    }

    /// What zebra of FRR 8.4.4 sends for an unnumbered neighbour, without its checksum.
    const FRR: &[u8] = &[
        134, 0, 0, 0, 64, 0, 0, 30, 0, 0, 0, 0, 0, 0, 0, 0, // fixed part
        1, 1, 0x02, 0x42, 0xac, 0x11, 0x00, 0x02, // source link-layer address
    ];

    #[test]
    fn an_advertisement_of_frr() {
        let Ok(Message::Advertisement(ra)) = decode(FRR) else { panic!("not read") };
        assert_eq!((ra.hop_limit, ra.router_lifetime), (64, 30));
        assert_eq!(ra.link_layer.unwrap().to_string(), "02:42:ac:11:00:02");
        assert_eq!(Message::Advertisement(ra).encode(), FRR);
    }

    #[test]
    fn options_are_skipped_up_to_the_first_link_layer_address() {
        let mut packet = FRR[..16].to_vec();
        packet.extend([5, 1, 0, 0, 0, 0, 5, 220]); // MTU
        packet.extend([200, 2].into_iter().chain([0xee; 14])); // not assigned
        packet.extend([1, 3].into_iter().chain([9; 22])); // InfiniBand's address is no Ethernet one
        packet.extend([1, 1, 2, 0, 0, 0, 0, 1]);
        packet.extend([1, 1, 2, 0, 0, 0, 0, 2]);
        let Ok(Message::Advertisement(ra)) = decode(&packet) else { panic!("not read") };
        assert_eq!(ra.link_layer, Some(LinkLayer([2, 0, 0, 0, 0, 1])));
    }

    /// RFC 4861 section 6.1.2, check by check.
    #[test]
    fn advertisements_that_must_be_dropped() {
        let global: Ipv6Addr = "2001:db8::1".parse().unwrap();
        assert_eq!(Message::decode(FRR, global, 255), Err(PacketError::Source(global)));
        assert_eq!(Message::decode(FRR, SOURCE, 254), Err(PacketError::HopLimit(254)));
        assert_eq!(decode(&FRR[..15]), Err(PacketError::TooShort(15)));
        assert_eq!(decode(&[]), Err(PacketError::TooShort(0)));
        assert_eq!(decode(&[135, 0, 0, 0]), Err(PacketError::Type(135)));
        let changed = |at: usize, to: u8| {
            let mut packet = FRR.to_vec();
            packet[at] = to;
            decode(&packet)
        };
        assert_eq!(changed(1, 1), Err(PacketError::Code(1)));
        assert_eq!(changed(17, 0), Err(PacketError::OptionLength));
        assert_eq!(changed(17, 2), Err(PacketError::OptionEnd));
        assert_eq!(decode(&[FRR, &[1]].concat()), Err(PacketError::OptionEnd));
    }

    /// RFC 4861 section 6.1.1.
    #[test]
    fn solicitations() {
        let link_layer = Some(LinkLayer([2, 0, 0, 0, 0, 1]));
        let named = Message::Solicitation(RouterSolicitation { link_layer });
        assert_eq!(decode(&named.encode()), Ok(named));
        let any = Ipv6Addr::UNSPECIFIED;
        let why = Message::decode(&named.encode(), any, 255);
        assert_eq!(why, Err(PacketError::LinkLayerWithoutSource));
        let bare = Message::Solicitation(RouterSolicitation::default());
        assert_eq!(Message::decode(&bare.encode(), any, 255), Ok(bare));
        assert_eq!(decode(&bare.encode()[..7]), Err(PacketError::TooShort(7)));
    }

    proptest! {
        #[test]
        fn no_input_panics_and_what_is_read_can_be_written(
            kind in prop_oneof![Just(133u8), Just(134u8), any::<u8>()],
            rest in prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..80),
        ) {
            let mut packet = vec![kind, 0];
            packet.extend(rest);
            if let Ok(message) = decode(&packet) {
                prop_assert_eq!(decode(&message.encode()), Ok(message));
            }
        }
    }
}
