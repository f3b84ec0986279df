//! MP_REACH_NLRI and MP_UNREACH_NLRI: their fixed parts, and the routes in them.
//!
//! What for: family, next hop and routes of the one such attribute of each kind a message may have.
//! Where: read by the view, which checks the routes and hands out [`MpReach`] and [`MpUnreach`].
//! How: a cursor. The family is read by itself, because only a fault behind it is confined to that
//! family (RFC 7606 section 7.11).
//! Invariants: an [`MpReach`] or [`MpUnreach`] is of a negotiated family, its routes are checked and
//! its next hop has a length the family allows on this session.
//! References: RFC 4760 sections 3, 4 and 7, RFC 7606 sections 7.11 and 7.12.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use super::nlri::{self, Field, Form, NlriIter};
use crate::{
    cursor::Cursor,
    family::{Afi, Family, Safi},
    next_hop::NextHop,
    nlri::{AnyNlri, Nlri},
};

/// MP_REACH_NLRI: routes announced.
#[derive(Copy, Clone, Debug)]
pub struct MpReach<'a> {
    pub(super) family: Family,
    pub(super) next_hop: Option<NextHop>,
    pub(super) nlri: Field<'a>,
    pub(super) add_path: bool,
}

/// MP_UNREACH_NLRI: routes withdrawn.
#[derive(Copy, Clone, Debug)]
pub struct MpUnreach<'a> {
    pub(super) family: Family,
    pub(super) nlri: Field<'a>,
    pub(super) add_path: bool,
}

impl<'a> MpReach<'a> {
    /// The family of the routes.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// The next hop of the routes; `None` for flow specifications, which have none. It may be one
    /// that [`UpdateView::attrs`](super::UpdateView::attrs) refuses.
    pub const fn next_hop(&self) -> Option<NextHop> {
        self.next_hop
    }

    /// How many routes there are.
    pub const fn len(&self) -> usize {
        self.nlri.count
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.nlri.bytes.is_empty()
    }

    /// The routes; `None` if routes of this family are not of type `N`.
    ///
    /// Those of which [`Nlri::is_malformed`] holds are to be treated as withdrawn.
    #[inline]
    pub fn iter<N: Nlri>(&self) -> Option<NlriIter<'a, N>> {
        let iter = || NlriIter::announced(self.nlri, self.add_path);
        N::FAMILIES.contains(&self.family).then(iter)
    }

    /// The routes whatever their type, with their path identifiers (0 without ADD-PATH).
    pub fn any(&self) -> impl Iterator<Item = (u32, AnyNlri)> + Clone + use<'a> {
        let form = Form { withdrawn: false, add_path: self.add_path };
        nlri::any(self.family, self.nlri, form)
    }
}

impl<'a> MpUnreach<'a> {
    /// The family of the routes.
    pub const fn family(&self) -> Family {
        self.family
    }

    /// How many routes there are. Without one, and with nothing else in the message, it is the
    /// End-of-RIB marker of the family.
    pub const fn len(&self) -> usize {
        self.nlri.count
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.nlri.bytes.is_empty()
    }

    /// The routes; `None` if routes of this family are not of type `N`.
    #[inline]
    pub fn iter<N: Nlri>(&self) -> Option<NlriIter<'a, N>> {
        let iter = || NlriIter::withdrawn(self.nlri, Field::default(), self.add_path);
        N::FAMILIES.contains(&self.family).then(iter)
    }

    /// The routes whatever their type, with their path identifiers (0 without ADD-PATH).
    pub fn any(&self) -> impl Iterator<Item = (u32, AnyNlri)> + Clone + use<'a> {
        let form = Form { withdrawn: true, add_path: self.add_path };
        nlri::any(self.family, self.nlri, form)
    }
}

/// The family an MP attribute begins with; `None` when it is shorter than three octets.
pub(super) fn family(c: &mut Cursor<'_>) -> Option<Family> {
    Some(Family::new(Afi(c.u16()?), Safi(c.u8()?)))
}

/// Next hop and NLRI field of MP_REACH_NLRI, from behind its family; `None` when the attribute is
/// shorter than it says.
pub(super) fn reach_fields<'a>(mut c: Cursor<'a>) -> Option<(&'a [u8], Cursor<'a>)> {
    let length = c.u8()?;
    let next_hop = c.take(usize::from(length))?;
    // Reserved: must be ignored (RFC 4760 section 3).
    c.u8()?;
    Some((next_hop, c))
}
