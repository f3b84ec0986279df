//! NLRI fields: checked once, then iterated without errors.
//!
//! What for: the innermost loops of the import path.
//! Where: `UpdateView` checks fields with [`check`] or [`check_family`] and hands out [`NlriIter`]s.
//! How: a family names its type once for a field, here; the loops are of that type alone. The two
//! that matter are `Nlri::scan` (lengths only) and `Nlri::read_all` (into a column), which types
//! override beside the wire form they know.
//! Invariants: an iterator is only made over bytes that `check` accepted for its type.
//! References: RFC 4271 section 4.3, RFC 4760 section 5, RFC 7911 section 3.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::marker::PhantomData;

use crate::{
    family::Family,
    nlri::{AnyNlri, Nlri, any::of_family, scan},
};

/// A checked NLRI field.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Field<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) count: usize,
}

/// The form routes have in a field.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) struct Form {
    /// That of MP_UNREACH_NLRI.
    pub(super) withdrawn: bool,
    /// With path identifiers.
    pub(super) add_path: bool,
}

/// Checks a field of `N`; the error is the offset of the route that is wrong.
#[inline]
pub(super) fn check<N: Nlri>(bytes: &[u8], form: Form) -> Result<Field<'_>, usize> {
    let count = match form {
        Form { withdrawn: false, add_path: false } => N::scan(bytes)?,
        Form { withdrawn: true, add_path: false } => N::scan_withdrawn(bytes)?,
        Form { withdrawn: false, add_path: true } => scan(bytes, |b| N::take(behind_id(b)?))?,
        Form { withdrawn: true, add_path: true } => {
            scan(bytes, |b| N::take_withdrawn(behind_id(b)?))?
        }
    };
    Ok(Field { bytes, count })
}

/// Checks a field of `family`'s routes; `None` if this crate has no type for them.
#[inline]
pub(super) fn check_family(
    family: Family,
    bytes: &[u8],
    form: Form,
) -> Option<Result<Field<'_>, usize>> {
    of_family!(family, N => Some(check::<N>(bytes, form)))
}

#[inline]
fn behind_id(bytes: &[u8]) -> Option<&[u8]> {
    bytes.split_first_chunk::<4>().map(|(_, rest)| rest)
}

/// The routes of a checked field of `family`, one at a time as what they are.
pub(super) fn any(
    family: Family,
    field: Field<'_>,
    form: Form,
) -> impl Iterator<Item = (u32, AnyNlri)> + Clone {
    let mut rest = field.bytes;
    std::iter::from_fn(move || {
        let mut id = 0;
        if form.add_path {
            let (chunk, tail) = rest.split_first_chunk::<4>()?;
            id = u32::from_be_bytes(*chunk);
            rest = tail;
        }
        let (route, tail) = AnyNlri::take(family, form.withdrawn, rest)?;
        rest = tail;
        Some((id, route))
    })
}

/// Routes of an UPDATE with their path identifiers (0 without ADD-PATH), in wire order.
#[derive(Clone, Debug)]
pub struct NlriIter<'a, N> {
    rest: &'a [u8],
    /// A second field to go on with: withdrawals can be in two places.
    then: &'a [u8],
    left: usize,
    form: Form,
    family: PhantomData<N>,
}

impl<'a, N: Nlri> NlriIter<'a, N> {
    #[inline]
    pub(super) fn announced(field: Field<'a>, add_path: bool) -> Self {
        let form = Form { withdrawn: false, add_path };
        Self { rest: field.bytes, then: &[], left: field.count, form, family: PhantomData }
    }

    #[inline]
    pub(super) fn withdrawn(first: Field<'a>, then: Field<'a>, add_path: bool) -> Self {
        let left = first.count.saturating_add(then.count);
        let form = Form { withdrawn: true, add_path };
        Self { rest: first.bytes, then: then.bytes, left, form, family: PhantomData }
    }

    /// Whether the routes have path identifiers.
    pub const fn has_path_ids(&self) -> bool {
        self.form.add_path
    }

    /// Appends all remaining routes, without their path identifiers, to a column. The quickest way
    /// to read a field without ADD-PATH.
    #[inline]
    pub fn read_into(self, out: &mut Vec<N>) {
        if self.form.add_path {
            out.extend(self.map(|(_, route)| route));
            return;
        }
        out.reserve(self.left);
        let read_all = if self.form.withdrawn { N::read_all_withdrawn } else { N::read_all };
        read_all(self.rest, out);
        read_all(self.then, out);
    }
}

impl<N: Nlri> Iterator for NlriIter<'_, N> {
    /// Path identifier and route.
    type Item = (u32, N);

    #[inline]
    fn next(&mut self) -> Option<(u32, N)> {
        if self.rest.is_empty() {
            self.rest = std::mem::take(&mut self.then);
        }
        let mut rest = self.rest;
        let mut id = 0;
        if self.form.add_path {
            let (chunk, tail) = rest.split_first_chunk::<4>()?;
            id = u32::from_be_bytes(*chunk);
            rest = tail;
        }
        let (route, rest) =
            if self.form.withdrawn { N::take_withdrawn(rest)? } else { N::take(rest)? };
        self.rest = rest;
        self.left = self.left.saturating_sub(1);
        Some((id, route))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<N: Nlri> ExactSizeIterator for NlriIter<'_, N> {}
impl<N: Nlri> std::iter::FusedIterator for NlriIter<'_, N> {}
