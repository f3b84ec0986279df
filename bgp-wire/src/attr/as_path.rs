//! AS_PATH in its four-octet form.
//!
//! What for: reading paths: length for the decision, loops, neighbour AS; their text is in `text`.
//! Where: over the value of AS_PATH in canonical bytes.
//! How: a borrowed slice and iterators over it; nothing is copied.
//! Invariants: `validate` has accepted the bytes. On others the iterators end early and never panic.
//! References: RFC 4271 sections 4.3 and 5.1.2, RFC 5065 (confederations), RFC 6793, RFC 7607.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use super::{AttrType, find};
use crate::asn::Asn;

mod text;

/// The type of a path segment.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct SegmentType(pub u8);

impl SegmentType {
    /// AS_SET: unordered.
    pub const SET: Self = Self(1);
    /// AS_SEQUENCE: ordered.
    pub const SEQUENCE: Self = Self(2);
    /// AS_CONFED_SEQUENCE (RFC 5065).
    pub const CONFED_SEQUENCE: Self = Self(3);
    /// AS_CONFED_SET (RFC 5065).
    pub const CONFED_SET: Self = Self(4);
}

/// The most AS numbers in one segment.
pub const MAX_SEGMENT: usize = 255;

/// The value of an AS_PATH, AS numbers four octets wide.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Default)]
pub struct AsPath<'a>(&'a [u8]);

/// One segment of a path.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Segment<'a> {
    /// Its type.
    pub kind: SegmentType,
    numbers: &'a [[u8; 4]],
}

impl<'a> Segment<'a> {
    /// Its AS numbers, as on the wire: the nearest first.
    #[inline]
    pub fn asns(self) -> impl DoubleEndedIterator<Item = Asn> + ExactSizeIterator + Clone + 'a {
        self.numbers.iter().map(|n| Asn(u32::from_be_bytes(*n)))
    }

    /// How many AS numbers there are.
    pub const fn count(&self) -> usize {
        self.numbers.len()
    }

    /// Whether it is one of a confederation.
    pub const fn is_confederation(&self) -> bool {
        matches!(self.kind, SegmentType::CONFED_SEQUENCE | SegmentType::CONFED_SET)
    }

    /// The octets of the segment's AS numbers.
    pub(crate) const fn numbers(&self) -> &'a [u8] {
        self.numbers.as_flattened()
    }

    /// What the segment adds to the path length: a set counts one, a confederation nothing.
    #[inline]
    pub const fn path_len(&self) -> usize {
        match self.kind {
            SegmentType::SEQUENCE => self.numbers.len(),
            SegmentType::SET => 1,
            _ => 0,
        }
    }
}

impl<'a> AsPath<'a> {
    /// The path in the value of an AS_PATH attribute.
    #[inline]
    pub const fn new(value: &'a [u8]) -> Self {
        Self(value)
    }

    /// The AS_PATH of a canonical attribute set; empty if it has none.
    pub fn of(canonical: &'a [u8]) -> Self {
        Self(find(canonical, AttrType::AS_PATH).unwrap_or_default())
    }

    /// The value, as on the wire.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The segments, nearest first.
    #[inline]
    pub fn segments(self) -> impl Iterator<Item = Segment<'a>> + Clone {
        Segments(self.0)
    }

    /// Every AS number, sets and confederations included, nearest first.
    pub fn asns(self) -> impl Iterator<Item = Asn> + Clone + 'a {
        Segments(self.0).flat_map(Segment::asns)
    }

    /// Whether `asn` is anywhere in the path: a loop, when it is one's own (RFC 4271 section 9.1.2).
    pub fn contains(self, asn: Asn) -> bool {
        self.asns().any(|a| a == asn)
    }

    /// How often `asn` is in the path.
    pub fn count(self, asn: Asn) -> usize {
        self.asns().filter(|a| *a == asn).count()
    }

    /// Path length as the decision process counts it: AS_SET 1, confederation segments 0.
    pub fn len(self) -> usize {
        Segments(self.0).map(|s| s.path_len()).sum()
    }

    /// Whether there is no segment at all (a route of the own AS).
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The neighbouring AS for MED comparison: the first number of the first segment that is not of
    /// a confederation, if that is a sequence (RFC 4271 section 9.1.2.2).
    pub fn neighbor(self) -> Option<Asn> {
        let first = Segments(self.0)
            .find(|s| matches!(s.kind, SegmentType::SEQUENCE | SegmentType::SET))?;
        if first.kind == SegmentType::SEQUENCE { first.asns().next() } else { None }
    }

    /// Type and first number of the leftmost segment: what a path from a peer must begin with, a
    /// sequence with the peer's AS (RFC 4271 section 6.3), or a confederation sequence with its
    /// member AS (RFC 5065 section 5). `None` for the empty path.
    pub fn first(self) -> Option<(SegmentType, Asn)> {
        let first = Segments(self.0).next()?;
        Some((first.kind, first.asns().next()?))
    }

    /// Whether the path has a confederation segment.
    pub fn has_confederation(self) -> bool {
        Segments(self.0).any(|s| s.is_confederation())
    }

    /// The AS that originated the route: the last number, if the path ends in a sequence.
    pub fn origin(self) -> Option<Asn> {
        let last = Segments(self.0).last()?;
        if last.kind == SegmentType::SEQUENCE { last.asns().next_back() } else { None }
    }
}

/// The value of an AS_PATH as a two-octet speaker sends it (RFC 4271 section 4.3).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Default)]
pub struct AsPath2<'a>(&'a [u8]);

impl<'a> AsPath2<'a> {
    /// The path in the value of an AS_PATH attribute from a two-octet session.
    pub const fn new(value: &'a [u8]) -> Self {
        Self(value)
    }

    /// The value, as on the wire.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The segments, nearest first: type and AS numbers.
    pub fn segments(
        self,
    ) -> impl Iterator<Item = (SegmentType, impl ExactSizeIterator<Item = Asn> + Clone + 'a)> + Clone
    {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (&[kind, count], tail) = rest.split_first_chunk::<2>()?;
            let (numbers, tail) = tail.split_at_checked(usize::from(count).saturating_mul(2))?;
            rest = tail;
            let asns = numbers.as_chunks().0.iter().map(|n| Asn::from(u16::from_be_bytes(*n)));
            Some((SegmentType(kind), asns))
        })
    }
}

#[derive(Clone, Debug)]
struct Segments<'a>(&'a [u8]);

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    #[inline]
    fn next(&mut self) -> Option<Segment<'a>> {
        let (&[kind, count], rest) = self.0.split_first_chunk::<2>()?;
        let (numbers, rest) = rest.split_at_checked(usize::from(count).saturating_mul(4))?;
        self.0 = rest;
        Some(Segment { kind: SegmentType(kind), numbers: numbers.as_chunks().0 })
    }
}

/// Whether `value` is a well-formed path of AS numbers `N` octets wide: known segment types, no
/// empty segment, nothing left over, no AS 0 (RFC 7606 section 7.2, RFC 7607). Confederation
/// segments are refused unless `confederation`.
pub(crate) fn validate<const N: usize>(value: &[u8], confederation: bool) -> bool {
    let mut rest = value;
    while let Some((&[kind, count], tail)) = rest.split_first_chunk::<2>() {
        let known = match SegmentType(kind) {
            SegmentType::SET | SegmentType::SEQUENCE => true,
            SegmentType::CONFED_SEQUENCE | SegmentType::CONFED_SET => confederation,
            _ => false,
        };
        let Some((numbers, tail)) = tail.split_at_checked(usize::from(count).saturating_mul(N))
        else {
            return false;
        };
        if !known || count == 0 || numbers.as_chunks::<N>().0.contains(&[0; N]) {
            return false;
        }
        rest = tail;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(segments: &[(u8, &[u32])]) -> Vec<u8> {
        let mut out = Vec::new();
        for (kind, numbers) in segments {
            out.extend_from_slice(&[*kind, numbers.len() as u8]);
            numbers.iter().for_each(|n| out.extend_from_slice(&n.to_be_bytes()));
        }
        out
    }

    #[test]
    fn reading() {
        let bytes = path(&[(3, &[65100, 65101]), (2, &[65001, 65002]), (1, &[65003, 4200000000])]);
        let p = AsPath::new(&bytes);
        assert_eq!(p.to_string(), "(65100 65101) 65001 65002 {65003 4200000000}");
        assert_eq!(p.len(), 3);
        assert_eq!(p.neighbor(), Some(Asn(65001)));
        assert_eq!(p.origin(), None);
        assert!(p.contains(Asn(65003)) && !p.contains(Asn(1)));
        assert_eq!(AsPath::new(&path(&[(2, &[7, 8, 7])])).count(Asn(7)), 2);
        assert_eq!(AsPath::new(&path(&[(2, &[7, 8])])).origin(), Some(Asn(8)));
        assert_eq!(AsPath::new(&path(&[(1, &[7, 8])])).neighbor(), None);
        assert!(AsPath::default().is_empty() && AsPath::default().neighbor().is_none());
    }

    #[test]
    fn validation() {
        assert!(validate::<4>(&[], false));
        assert!(validate::<4>(&path(&[(2, &[1]), (1, &[2])]), false));
        assert!(validate::<2>(&[2, 1, 0xfd, 0xe9], false));
        for bad in [
            &[2u8][..],
            &[2, 0],
            &[0, 1, 0, 0, 0, 1],
            &[5, 1, 0, 0, 0, 1],
            &[2, 1, 0, 0, 1],
            &[2, 2, 0, 0, 0, 1],
            &[2, 1, 0, 0, 0, 1, 9],
            &[2, 1, 0, 0, 0, 0],
            &[3, 1, 0, 0, 0, 1],
        ] {
            assert!(!validate::<4>(bad, false), "{bad:?}");
        }
        assert!(validate::<4>(&[3, 1, 0, 0, 0, 1], true));
        assert!(!validate::<2>(&[2, 1, 0, 0], false));
    }
}
