//! A bounds-checked reader that knows its offset in the message.
//!
//! What for: every decoder that is not the NLRI loop takes its octets through this.
//! Where: private to the crate; made over a whole message body, or a part of it.
//! How: each `take` either advances or leaves the reader as it was and yields `None`; the caller
//! names the fault, because the same short read means a different NOTIFICATION in each place.
//! Invariants: `at()` is the offset from the first octet of the message header.
//! References: RFC 4271 section 4.1.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use crate::error::{DecodeError, DecodeErrorKind};

/// A reader over a part of a message.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// Reads `bytes`, the first of which is `at` octets into the message.
    pub(crate) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { rest: bytes, at }
    }

    pub(crate) fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.rest.split_at_checked(n)?;
        self.rest = rest;
        self.at = self.at.saturating_add(n);
        Some(head)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        self.at = self.at.saturating_add(N);
        Some(*head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    /// A part of `n` octets as a reader of its own, with the right offsets.
    pub(crate) fn sub(&mut self, n: usize) -> Option<Self> {
        let at = self.at;
        self.take(n).map(|bytes| Self { rest: bytes, at })
    }

    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// An error of `kind` at the present offset.
    pub(crate) fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(self.at, kind)
    }
}
