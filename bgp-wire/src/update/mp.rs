//! The fixed parts of MP_REACH_NLRI and MP_UNREACH_NLRI.
//!
//! What for: family, next hop and the place of the NLRI.
//! Where: called by the view for the one such attribute a message may have.
//! How: a cursor; a fault is a session reset, since the routes meant cannot be known.
//! Invariants: the next hop has a length its family allows on this session.
//! References: RFC 4760 sections 3, 4 and 7, RFC 2545 section 3, RFC 7606 sections 7.11 and 7.12,
//! RFC 8950 section 3.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::net::{Ipv4Addr, Ipv6Addr};

use super::UpdateContext;
use crate::{
    cursor::Cursor,
    family::{Afi, Family, Safi},
    next_hop::NextHop,
};

/// MP_REACH_NLRI up to its NLRI.
pub(super) struct Reach<'a> {
    pub(super) family: Family,
    /// The next hop field as it came.
    next_hop: &'a [u8],
    pub(super) nlri: Cursor<'a>,
}

impl<'a> Reach<'a> {
    /// `None` when the attribute is too short for what it says.
    pub(super) fn read(mut c: Cursor<'a>) -> Option<Self> {
        let family = family(&mut c)?;
        let length = c.u8()?;
        let next_hop = c.take(usize::from(length))?;
        // Reserved: must be ignored (RFC 4760 section 3).
        c.u8()?;
        Some(Self { family, next_hop, nlri: c })
    }

    /// The next hop, if its length is one that `family` may have on this session.
    pub(super) fn next_hop(&self, ctx: &UpdateContext) -> Option<NextHop> {
        let v6_allowed = self.family.afi == Afi::IPV6 || ctx.extended_next_hop_v4;
        if let Ok(addr) = <[u8; 4]>::try_from(self.next_hop) {
            return (self.family.afi == Afi::IPV4).then(|| NextHop::V4(Ipv4Addr::from(addr)));
        }
        if !v6_allowed {
            return None;
        }
        let (addr, rest) = self.next_hop.split_first_chunk::<16>()?;
        let global = Ipv6Addr::from(*addr);
        if rest.is_empty() {
            return Some(NextHop::V6(global));
        }
        let link_local = Ipv6Addr::from(<[u8; 16]>::try_from(rest).ok()?);
        if link_local.is_unspecified() {
            return Some(NextHop::V6(global));
        }
        Some(NextHop::V6WithLinkLocal { global, link_local })
    }
}

/// Family and NLRI of MP_UNREACH_NLRI; `None` when it is shorter than three octets.
pub(super) fn read_unreach(mut c: Cursor<'_>) -> Option<(Family, Cursor<'_>)> {
    let family = family(&mut c)?;
    Some((family, c))
}

fn family(c: &mut Cursor<'_>) -> Option<Family> {
    Some(Family::new(Afi(c.u16()?), Safi(c.u8()?)))
}
