//! Labelled prefixes: SAFI 4.
//!
//! What for: unicast routes with the MPLS labels that reach them.
//! Where: NLRI of `ipv4/labeled-unicast` and `ipv6/labeled-unicast`.
//! How: a length octet in bits, label fields ([`LabelStack`] says where they end), the prefix.
//! Equality, order and hash take the labels in; tables key by [`Labeled::key`], for labels belong to
//! the path.
//! Invariants: labels and prefix together are at most 255 bits.
//! References: RFC 8277 section 2, RFC 3107 section 3.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, net::IpAddr, str::FromStr};

use super::{Label, Nlri, join, label::LabelStack, put_cut};
use crate::{
    error::ParseError,
    family::Family,
    prefix::{NlriPrefix, V4Prefix, V6Prefix},
};

/// A prefix and its labels, shown as `192.0.2.0/24 label 100,200`; a withdrawn one has no labels.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Labeled<P> {
    prefix: P,
    labels: LabelStack,
}

const _: () = assert!(size_of::<Labeled<V4Prefix>>() == 40);
const _: () = assert!(size_of::<Labeled<V6Prefix>>() == 48);

impl<P: NlriPrefix> Labeled<P> {
    /// A labelled prefix; `None` if labels and prefix are more than 255 bits, or if a lone label
    /// without bottom bit would be taken for the first of several. With an empty stack it is announced
    /// with implicit null.
    pub fn new(labels: LabelStack, prefix: P) -> Option<Self> {
        let bits = labels.bits().saturating_add(u16::from(prefix.len()));
        u8::try_from(bits).ok()?;
        let route = Self { prefix, labels };
        (!labels.is_open() || super::reads_back(&route)).then_some(route)
    }

    /// What names the route in a table: the prefix alone.
    pub const fn key(&self) -> P {
        self.prefix
    }

    /// The prefix.
    pub const fn prefix(&self) -> P {
        self.prefix
    }

    /// The labels; empty for a withdrawn route.
    pub const fn labels(&self) -> &LabelStack {
        &self.labels
    }

    /// Reads a route with one label, which is nearly always so: its parts, so that a column is filled
    /// without a copy of the whole.
    #[inline]
    fn take_lone(bytes: &[u8]) -> Option<(Label, P, &[u8])> {
        let (&[bits, l, m, n], rest) = bytes.split_first_chunk::<4>()?;
        let label = Label::from_bytes([l, m, n]);
        let len = bits.checked_sub(24)?;
        let (prefix, rest) =
            if label.is_bottom() { P::take_addr(len, rest)? } else { return None };
        Some((label, prefix, rest))
    }

    /// Reads a route with any labels.
    #[cold]
    fn take_deep(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&bits, rest) = bytes.split_first()?;
        let (labels, len, rest) = LabelStack::take(bits, 0, rest)?;
        let (prefix, rest) = P::take_addr(len, rest)?;
        Some((Self { prefix, labels }, rest))
    }

    /// Bits of an announcement, as the length octet counts.
    fn bits(&self) -> u8 {
        let bits = self.labels.bits().saturating_add(u16::from(self.prefix.len()));
        u8::try_from(bits).expect("new and take allow at most 255 bits")
    }
}

/// Appends a route with one label field.
#[inline]
fn put_lone<P: NlriPrefix>(label: Label, prefix: P, out: &mut Vec<u8>) {
    let [l, m, n] = label.to_bytes();
    // Any prefix and one label are at most 152 bits.
    let bits = prefix.len().saturating_add(24);
    let octets = usize::from(bits).div_ceil(8).saturating_add(1);
    let head = [bits, l, m, n];
    match prefix.addr() {
        IpAddr::V4(addr) => put_cut::<8>(join(head, addr.octets()), octets, out),
        IpAddr::V6(addr) => put_cut::<20>(join(head, addr.octets()), octets, out),
    }
}

impl<P: NlriPrefix> Nlri for Labeled<P> {
    const FAMILIES: &'static [Family] =
        if P::MAX_BITS == 32 { &[Family::IPV4_LABELED] } else { &[Family::IPV6_LABELED] };
    const MAX_LEN: usize = 33;

    #[inline]
    fn encoded_len(&self) -> usize {
        usize::from(self.bits()).div_ceil(8).saturating_add(1)
    }

    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        if let [label] = self.labels.as_slice() {
            return put_lone(*label, self.prefix, out);
        }
        out.push(self.bits());
        self.labels.put(out);
        self.prefix.put_addr(out);
    }

    #[inline]
    fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
        match Self::take_lone(bytes) {
            Some((label, prefix, rest)) => {
                Some((Self { prefix, labels: LabelStack::single(label) }, rest))
            }
            None => Self::take_deep(bytes),
        }
    }

    #[inline]
    fn read_all(field: &[u8], out: &mut Vec<Self>) {
        let mut rest = field;
        loop {
            while let Some((label, prefix, tail)) = Self::take_lone(rest) {
                out.push(Self { prefix, labels: LabelStack::single(label) });
                rest = tail;
            }
            let Some((route, tail)) = Self::take_deep(rest) else { return };
            out.push(route);
            rest = tail;
        }
    }

    #[inline]
    fn put_withdrawn(&self, out: &mut Vec<u8>) {
        put_lone(Label::WITHDRAWN, self.prefix, out);
    }

    #[inline]
    fn take_withdrawn(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&bits, rest) = bytes.split_first()?;
        let (labels, len, rest) = LabelStack::take_withdrawn(bits, 0, rest)?;
        let (prefix, rest) = P::take_addr(len, rest)?;
        Some((Self { prefix, labels }, rest))
    }
}

impl<P: NlriPrefix> fmt::Display for Labeled<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.prefix)?;
        self.labels.fmt_behind(f)
    }
}

impl<P: NlriPrefix> fmt::Debug for Labeled<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<P: NlriPrefix + FromStr<Err = ParseError>> FromStr for Labeled<P> {
    type Err = ParseError;

    /// `192.0.2.0/24 label 100` or `192.0.2.0/24`.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let bad = ParseError::new("a prefix and labels of at most 255 bits");
        let (prefix, labels) = LabelStack::split_text(s)?;
        Self::new(labels, prefix.parse()?).ok_or(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put<N: Nlri>(route: &N) -> Vec<u8> {
        let mut out = Vec::new();
        route.put(&mut out);
        assert_eq!(out.len(), route.encoded_len());
        out
    }

    #[test]
    fn announced() {
        for (text, octets) in [
            ("192.0.2.0/24 label 100", &[48, 0, 6, 0x41, 192, 0, 2][..]),
            ("0.0.0.0/0 label 3", &[24, 0, 0, 0x31]),
            ("10.0.0.0/9 label 1,2/tc=7", &[57, 0, 0, 0x10, 0, 0, 0x2f, 10, 0]),
            ("192.0.2.0/24 label 100/s=0", &[48, 0, 6, 0x40, 192, 0, 2]),
        ] {
            let route: Labeled<V4Prefix> = text.parse().unwrap();
            assert_eq!((put(&route).as_slice(), route.to_string().as_str()), (octets, text));
            assert_eq!(Labeled::take(octets), Some((route, &[][..])));
        }
        // Ten labels are the most, and leave fifteen bits.
        let ten = LabelStack::new(&[Label::default(); 10]).unwrap();
        let deep = Labeled::new(ten, "10.2.0.0/15".parse::<V4Prefix>().unwrap()).unwrap();
        assert_eq!(Labeled::take(&put(&deep)), Some((deep, &[][..])));
        assert_eq!(Labeled::new(ten, "10.2.0.0/16".parse::<V4Prefix>().unwrap()), None);
    }

    #[test]
    fn a_stack_that_would_not_read_back() {
        // The prefix's third octet is odd: with the label before it, a stack of two.
        assert!("192.0.2.0/24 label 100/s=0".parse::<Labeled<V4Prefix>>().is_ok());
        assert!("192.0.3.0/24 label 100/s=0".parse::<Labeled<V4Prefix>>().is_err());
        assert!("192.0.3.0/23 label 100/s=0".parse::<Labeled<V4Prefix>>().is_ok());
    }

    #[test]
    fn withdrawn() {
        let route: Labeled<V4Prefix> = "192.0.2.0/24".parse().unwrap();
        let mut out = Vec::new();
        route.put_withdrawn(&mut out);
        assert_eq!(out, [48, 0x80, 0, 0, 192, 0, 2]);
        // The content of the field means nothing.
        for field in [[0x80, 0, 0], [0, 0, 0], [0, 6, 0x41], [0xff; 3]] {
            let octets = [&[48], &field[..], &[192, 0, 2, 9]].concat();
            assert_eq!(Labeled::take_withdrawn(&octets), Some((route, &[9][..])));
        }
        // Announced without labels: implicit null.
        assert_eq!(put(&route), [48, 0, 0, 0x31, 192, 0, 2]);
    }

    #[test]
    fn impossible_lengths() {
        for octets in [
            &[][..],
            &[23, 0, 0, 1],
            &[0],
            &[57, 0, 0, 1, 1, 2, 3, 4, 5],
            &[48, 0, 0, 1, 1, 2],
            &[255, 0, 0, 1],
            &[24, 0, 0],
        ] {
            assert_eq!(Labeled::<V4Prefix>::take(octets), None, "{octets:?}");
            assert_eq!(Labeled::<V4Prefix>::take_withdrawn(octets), None, "{octets:?}");
        }
        assert!(
            Labeled::<V6Prefix>::take(&[[152, 0, 0, 1].as_slice(), &[1; 16]].concat()).is_some()
        );
        assert!(
            Labeled::<V6Prefix>::take(&[[153, 0, 0, 1].as_slice(), &[1; 17]].concat()).is_none()
        );
    }
}
