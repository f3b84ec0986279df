//! NLRI fields: checked once, then iterated without errors.
//!
//! What for: the innermost loops of the import path.
//! Where: `UpdateView` checks fields with [`check`] and hands out [`NlriIter`]s.
//! How: the two loops that matter are `NlriPrefix::scan` (lengths only) and `NlriPrefix::read_all`
//! (into a column); both are in `prefix.rs`, beside the wire form they know.
//! Invariants: an iterator is only made over bytes that `check` accepted.
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

use crate::prefix::NlriPrefix;

/// A checked NLRI field.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Field<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) count: usize,
}

/// Checks a field of `P`; the error is the offset of the prefix that is wrong.
#[inline]
pub(super) fn check<P: NlriPrefix>(bytes: &[u8], add_path: bool) -> Result<Field<'_>, usize> {
    let count = if add_path { scan_with_ids::<P>(bytes)? } else { P::scan(bytes)? };
    Ok(Field { bytes, count })
}

fn scan_with_ids<P: NlriPrefix>(bytes: &[u8]) -> Result<usize, usize> {
    let mut rest = bytes;
    let mut count = 0usize;
    while !rest.is_empty() {
        match rest.split_first_chunk::<4>().and_then(|(_, tail)| P::take(tail)) {
            Some((_, tail)) => rest = tail,
            None => return Err(bytes.len().saturating_sub(rest.len())),
        }
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// Prefixes of an UPDATE with their path identifiers (0 without ADD-PATH), in wire order.
#[derive(Clone, Debug)]
pub struct NlriIter<'a, P> {
    rest: &'a [u8],
    /// A second field to go on with: withdrawals can be in two places.
    then: &'a [u8],
    left: usize,
    add_path: bool,
    family: PhantomData<P>,
}

impl<'a, P: NlriPrefix> NlriIter<'a, P> {
    pub(super) fn new(first: Field<'a>, then: Field<'a>, add_path: bool) -> Self {
        let left = first.count.saturating_add(then.count);
        Self { rest: first.bytes, then: then.bytes, left, add_path, family: PhantomData }
    }

    /// Whether the prefixes have path identifiers.
    pub const fn has_path_ids(&self) -> bool {
        self.add_path
    }

    /// Appends all remaining prefixes, without their path identifiers, to a column. The quickest way
    /// to read a field without ADD-PATH.
    #[inline]
    pub fn read_into(self, out: &mut Vec<P>) {
        if self.add_path {
            out.extend(self.map(|(_, prefix)| prefix));
            return;
        }
        out.reserve(self.left);
        P::read_all(self.rest, out);
        P::read_all(self.then, out);
    }
}

impl<P: NlriPrefix> Iterator for NlriIter<'_, P> {
    /// Path identifier and prefix.
    type Item = (u32, P);

    #[inline]
    fn next(&mut self) -> Option<(u32, P)> {
        if self.rest.is_empty() {
            self.rest = std::mem::take(&mut self.then);
        }
        let mut rest = self.rest;
        let mut id = 0;
        if self.add_path {
            let (chunk, tail) = rest.split_first_chunk::<4>()?;
            id = u32::from_be_bytes(*chunk);
            rest = tail;
        }
        let (prefix, rest) = P::take(rest)?;
        self.rest = rest;
        self.left = self.left.saturating_sub(1);
        Some((id, prefix))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<P: NlriPrefix> ExactSizeIterator for NlriIter<'_, P> {}
impl<P: NlriPrefix> std::iter::FusedIterator for NlriIter<'_, P> {}
