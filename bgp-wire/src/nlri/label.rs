//! MPLS labels and label stacks of NLRI.
//!
//! What for: the labels in front of a labelled or VPN prefix.
//! Where: the first part of [`Labeled`](super::Labeled) and [`Vpn`](super::Vpn) routes.
//! How: three octets a label, kept as they came: label, traffic class, bottom-of-stack bit. An
//! announcement's stack ends with the first label that has the bottom bit; if none has it before the
//! room for labels ends, there is one label and the bit is ignored, as a speaker that did not offer
//! the Multiple Labels capability must. So a stack is written with the octets it was read from. A
//! withdrawal has one field whose content means nothing: it is read as the empty stack and written as
//! 0x800000.
//! Invariants: at most [`LabelStack::MAX`] labels; all but the last have no bottom bit; the last has,
//! unless it is alone; unused places are zero, so that comparing and hashing need no thought.
//! Cost: `LabelStack` 31 bytes, never allocates.
//! References: RFC 3032 section 2.1, RFC 3107 section 3, RFC 8277 sections 2.2 to 2.4.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, str::FromStr};

use super::rd::digits;
use crate::error::ParseError;

/// One label field: 20 bits of label, 3 of traffic class, the bottom-of-stack bit (RFC 3032).
/// Shown as `100`, with a traffic class as `100/tc=3`; the bottom bit is the stack's affair.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Default)]
pub struct Label([u8; 3]);

impl Label {
    /// Implicit null (label 3): the label that stands for none (RFC 3032).
    pub const IMPLICIT_NULL: Self = Self([0, 0, 0x30]);
    /// What a withdrawal has in place of labels (RFC 8277 section 2.4).
    pub const WITHDRAWN: Self = Self([0x80, 0, 0]);

    /// A label of 0..=1048575, traffic class 0, no bottom bit; `None` if it needs more than 20 bits.
    pub const fn new(value: u32) -> Option<Self> {
        if value > 0xf_ffff {
            return None;
        }
        let [_, a, b, c] = (value << 4).to_be_bytes();
        Some(Self([a, b, c]))
    }

    /// From the octets on the wire.
    #[inline]
    pub const fn from_bytes(octets: [u8; 3]) -> Self {
        Self(octets)
    }

    /// The octets on the wire.
    #[inline]
    pub const fn to_bytes(self) -> [u8; 3] {
        self.0
    }

    /// The label, 0..=1048575.
    pub const fn value(self) -> u32 {
        let [a, b, c] = self.0;
        u32::from_be_bytes([0, a, b, c]) >> 4
    }

    /// The traffic class, 0..=7 (RFC 5462).
    pub const fn traffic_class(self) -> u8 {
        let [_, _, c] = self.0;
        c >> 1 & 7
    }

    /// The same label with another traffic class, of which the low three bits count.
    #[must_use]
    pub const fn with_traffic_class(self, class: u8) -> Self {
        let [a, b, c] = self.0;
        Self([a, b, c & 0xf1 | (class & 7) << 1])
    }

    /// Whether the bottom-of-stack bit is set.
    #[inline]
    pub const fn is_bottom(self) -> bool {
        let [_, _, c] = self.0;
        c & 1 == 1
    }

    const fn with_bottom(self, bottom: bool) -> Self {
        let [a, b, c] = self.0;
        Self([a, b, c & 0xfe | bottom as u8])
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value())?;
        match self.traffic_class() {
            0 => Ok(()),
            class => write!(f, "/tc={class}"),
        }
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        f.write_str(if self.is_bottom() { "/s=1" } else { "/s=0" })
    }
}

/// The labels of a route, top first; empty for a withdrawn one. Shown as `100,200`; a lone label
/// whose bottom bit is missing as `100/s=0`.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Default)]
pub struct LabelStack {
    labels: [Label; Self::MAX],
    len: u8,
}

const _: () = assert!(size_of::<LabelStack>() == 31);

impl LabelStack {
    /// The most labels that fit the length octet of NLRI, which counts bits.
    pub const MAX: usize = 10;
    /// No label: what a withdrawal is read as.
    pub const EMPTY: Self = Self { labels: [Label([0; 3]); Self::MAX], len: 0 };

    /// A stack of one label, which gets the bottom bit.
    #[inline]
    pub const fn single(label: Label) -> Self {
        Self::one(label.with_bottom(true))
    }

    #[inline]
    const fn one(label: Label) -> Self {
        let zero = Label([0; 3]);
        Self { labels: [label, zero, zero, zero, zero, zero, zero, zero, zero, zero], len: 1 }
    }

    /// A stack of these labels, top first; the bottom bits are set as they must be. `None` if there
    /// are more than [`Self::MAX`].
    pub fn new(labels: &[Label]) -> Option<Self> {
        let mut stack = Self { len: u8::try_from(labels.len()).ok()?, ..Self::EMPTY };
        stack.labels.get_mut(..labels.len())?.copy_from_slice(labels);
        let mut left = labels.len();
        for label in stack.labels.iter_mut().take(labels.len()) {
            left = left.saturating_sub(1);
            *label = label.with_bottom(left == 0);
        }
        Some(stack)
    }

    /// The labels, top first.
    #[inline]
    pub fn as_slice(&self) -> &[Label] {
        self.labels.get(..self.len()).unwrap_or_default()
    }

    /// The labels, top first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Label> + '_ {
        self.as_slice().iter().copied()
    }

    /// How many labels there are, 0..=10.
    #[inline]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there is no label, as in withdrawals.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether the last label lacks the bottom bit. What is behind such a stack decides whether it is
    /// read as it was written.
    pub(super) fn is_open(&self) -> bool {
        self.as_slice().last().is_some_and(|last| !last.is_bottom())
    }

    /// Bits of the label fields of an announcement: one label even for an empty stack.
    #[inline]
    pub(super) const fn bits(&self) -> u16 {
        (if self.len == 0 { 1 } else { self.len as u16 }).saturating_mul(24)
    }

    /// Appends the fields for an announcement; an empty stack is sent as implicit null.
    pub(super) fn put(&self, out: &mut Vec<u8>) {
        if self.is_empty() {
            out.extend_from_slice(&Label::IMPLICIT_NULL.with_bottom(true).0);
        }
        for label in self.as_slice() {
            out.extend_from_slice(&label.0);
        }
    }

    /// Reads the labels of an announced route of `bits` bits in all, of which at least `behind` come
    /// after the labels: the stack, the bits that are left, the octets that are left.
    #[inline]
    pub(super) fn take(bits: u8, behind: u8, octets: &[u8]) -> Option<(Self, u8, &[u8])> {
        let left = bits.checked_sub(24).filter(|left| *left >= behind)?;
        let (&first, rest) = octets.split_first_chunk::<3>()?;
        let first = Label(first);
        if first.is_bottom() {
            Some((Self::one(first), left, rest))
        } else {
            Self::deep(first, left, behind, rest)
        }
    }

    /// The same for a first label without the bottom bit.
    #[cold]
    fn deep(first: Label, left: u8, behind: u8, octets: &[u8]) -> Option<(Self, u8, &[u8])> {
        let mut stack = Self::one(first);
        let (mut below, mut rest) = (left, octets);
        for place in stack.labels.iter_mut().skip(1) {
            let Some(after) = below.checked_sub(24).filter(|after| *after >= behind) else { break };
            let (&label, tail) = rest.split_first_chunk::<3>()?;
            *place = Label(label);
            (below, rest) = (after, tail);
            stack.len = stack.len.saturating_add(1);
            if place.is_bottom() {
                return Some((stack, below, rest));
            }
        }
        // No bottom anywhere: one label, its bit ignored (RFC 8277 section 2.2).
        Some((Self::one(first), left, octets))
    }

    /// Skips the one field of a withdrawn route.
    #[inline]
    pub(super) fn take_withdrawn(bits: u8, behind: u8, octets: &[u8]) -> Option<(Self, u8, &[u8])> {
        let left = bits.checked_sub(24).filter(|left| *left >= behind)?;
        Some((Self::EMPTY, left, octets.get(3..)?))
    }

    /// Writes ` label 100,200` behind a prefix; nothing for an empty stack.
    pub(super) fn fmt_behind(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() { Ok(()) } else { write!(f, " label {self}") }
    }

    /// The reverse: what is before ` label `, and the stack.
    pub(super) fn split_text(s: &str) -> Result<(&str, Self), ParseError> {
        match s.split_once(" label ") {
            Some((head, labels)) => Ok((head, labels.parse()?)),
            None => Ok((s, Self::EMPTY)),
        }
    }
}

impl fmt::Display for LabelStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, label) in self.iter().enumerate() {
            write!(f, "{}{label}", if at == 0 { "" } else { "," })?;
        }
        f.write_str(if self.is_open() { "/s=0" } else { "" })
    }
}

impl fmt::Debug for LabelStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl FromStr for LabelStack {
    type Err = ParseError;

    /// `100`, `100,200`, `100/tc=3,200`, `100/s=0`; the empty text is the empty stack.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let bad = ParseError::new("labels such as 100 or 100,200 (0..1048575, at most ten)");
        if s.is_empty() {
            return Ok(Self::EMPTY);
        }
        let (list, bottom) = match s.strip_suffix("/s=0") {
            Some(list) => (list, false),
            None => (s, true),
        };
        let mut labels = Vec::new();
        for item in list.split(',') {
            let (value, class) = item.split_once("/tc=").unwrap_or((item, "0"));
            let label = digits(value).and_then(Label::new).ok_or(bad)?;
            let class = digits::<u8>(class).filter(|class| *class <= 7).ok_or(bad)?;
            labels.push(label.with_traffic_class(class));
        }
        let stack = Self::new(&labels).ok_or(bad)?;
        match (bottom, labels.as_slice()) {
            (true, _) => Ok(stack),
            (false, [label]) => Ok(Self::one(*label)),
            (false, _) => Err(bad),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        let label = Label::new(0xf_ffff).unwrap().with_traffic_class(5);
        assert_eq!((label.value(), label.traffic_class(), label.is_bottom()), (0xf_ffff, 5, false));
        assert_eq!(label.to_bytes(), [0xff, 0xff, 0xfa]);
        assert_eq!(Label::new(1 << 20), None);
        assert_eq!(Label::WITHDRAWN.value(), 524_288);
        let stack = LabelStack::new(&[label, label]).unwrap();
        assert_eq!(stack.iter().map(Label::is_bottom).collect::<Vec<_>>(), [false, true]);
        assert_eq!(LabelStack::new(&[label; 11]), None);
        assert_eq!(LabelStack::new(&[label; 10]).unwrap().len(), 10);
        assert_eq!(LabelStack::new(&[label]).unwrap(), LabelStack::single(label));
    }

    #[test]
    fn text() {
        let odd = LabelStack::one(Label::new(7).unwrap().with_traffic_class(1));
        for (text, stack) in [
            ("", LabelStack::EMPTY),
            ("100", LabelStack::single(Label::new(100).unwrap())),
            ("7/tc=1/s=0", odd),
            ("1,2/tc=7", "1/tc=0,2/tc=7".parse().unwrap()),
        ] {
            assert_eq!((stack.to_string().as_str(), text.parse()), (text, Ok(stack)));
        }
        for bad in
            [",", "1,", "1048576", "1/tc=8", "1,2/s=0", "1/s=1", "x", "1,1,1,1,1,1,1,1,1,1,1"]
        {
            assert!(bad.parse::<LabelStack>().is_err(), "{bad}");
        }
    }

    #[test]
    fn where_the_stack_ends() {
        let take = |octets: &[u8], bits, behind| {
            LabelStack::take(bits, behind, octets)
                .map(|(s, left, rest)| (s.len(), left, rest.len()))
        };
        // One label; two; no bottom at all: one label, as RFC 8277 section 2.2 has it.
        assert_eq!(take(&[0, 0, 1, 9], 32, 0), Some((1, 8, 1)));
        assert_eq!(take(&[0, 0, 0, 0, 0, 1, 9], 56, 0), Some((2, 8, 1)));
        assert_eq!(take(&[0, 0, 0, 0, 0, 2, 9], 56, 0), Some((1, 32, 4)));
        // The labels leave room for what is behind them.
        assert_eq!(take(&[0, 0, 0, 0, 0, 1, 9], 56, 8), Some((2, 8, 1)));
        assert_eq!(take(&[0, 0, 0, 0, 0, 1, 9], 56, 9), Some((1, 32, 4)));
        assert_eq!(take(&[0, 0, 1], 23, 0), None);
        assert_eq!(take(&[0, 0, 1], 31, 8), None);
        assert_eq!(take(&[0, 0], 24, 0), None);
    }
}
