//! Attributes that are lists of elements of one width.
//!
//! What for: communities of every kind and cluster lists, as one borrowed type.
//! Where: in [`AttrValue`](super::AttrValue).
//! How: a slice and the element's width; elements are read as they are asked for.
//! Invariants: a [`List`] has whole elements only.
//! References: RFC 1997, 4360, 4456, 5701, 8092.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, marker::PhantomData, net::Ipv4Addr, str::FromStr};

use super::{Community, ExtCommunity, Ipv6ExtCommunity, LargeCommunity, text::join};
use crate::error::ParseError;

/// What a [`List`] can hold. The texts of elements have no blanks in them.
pub trait Element: Copy + fmt::Display + FromStr + 'static {
    /// Width in octets.
    const OCTETS: usize;

    /// Reads an element; `None` unless `octets` is [`Self::OCTETS`] long.
    fn read(octets: &[u8]) -> Option<Self>;

    /// Appends an element.
    fn put(&self, out: &mut Vec<u8>);
}

impl Element for Community {
    const OCTETS: usize = 4;

    fn read(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(|octets| Self(u32::from_be_bytes(octets)))
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0.to_be_bytes());
    }
}

impl Element for ExtCommunity {
    const OCTETS: usize = 8;

    fn read(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

impl Element for Ipv6ExtCommunity {
    const OCTETS: usize = 20;

    fn read(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self)
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }
}

impl Element for LargeCommunity {
    const OCTETS: usize = 12;

    fn read(octets: &[u8]) -> Option<Self> {
        octets.try_into().ok().map(Self::from_bytes)
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_bytes());
    }
}

/// A cluster of CLUSTER_LIST.
impl Element for Ipv4Addr {
    const OCTETS: usize = 4;

    fn read(octets: &[u8]) -> Option<Self> {
        <[u8; 4]>::try_from(octets).ok().map(Self::from)
    }

    fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.octets());
    }
}

/// The elements of an attribute, in order. Shown with blanks between them.
#[derive(Copy, Clone, Eq, PartialEq, Hash)]
pub struct List<'a, T> {
    octets: &'a [u8],
    of: PhantomData<T>,
}

impl<'a, T: Element> List<'a, T> {
    /// The list in `octets`; `None` unless they are whole elements, at least one.
    pub fn new(octets: &'a [u8]) -> Option<Self> {
        let whole = !octets.is_empty() && octets.len().is_multiple_of(T::OCTETS);
        whole.then_some(Self { octets, of: PhantomData })
    }

    /// The octets.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.octets
    }

    /// How many elements there are, at least one.
    pub fn count(&self) -> usize {
        self.iter().count()
    }

    /// The elements.
    pub fn iter(&self) -> impl Iterator<Item = T> + Clone + 'a {
        self.octets.chunks_exact(T::OCTETS).filter_map(T::read)
    }
}

impl<T: Element> List<'_, T> {
    /// The octets of a list from the text that `Display` writes; `expected` names it in the error.
    ///
    /// # Errors
    /// An element that cannot be read, or none at all.
    pub(super) fn parse(text: &str, expected: &'static str) -> Result<Vec<u8>, ParseError> {
        let mut out = Vec::new();
        for word in text.split_whitespace() {
            word.parse::<T>().map_err(|_| ParseError::new(expected))?.put(&mut out);
        }
        if out.is_empty() { Err(ParseError::new(expected)) } else { Ok(out) }
    }
}

impl<T: Element> fmt::Display for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, " ", self.iter())
    }
}

impl<T: Element> fmt::Debug for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_elements_only() {
        assert!(List::<Community>::new(&[]).is_none());
        assert!(List::<Community>::new(&[0; 5]).is_none());
        assert!(List::<Ipv6ExtCommunity>::new(&[0; 24]).is_none());
        let list = List::<Community>::new(&[0, 1, 0, 2, 0xff, 0xff, 0xff, 1]).unwrap();
        assert_eq!((list.to_string().as_str(), list.count()), ("1:2 no-export", 2));
        assert_eq!(List::<Community>::parse("1:2  no-export", "x").unwrap(), list.as_bytes());
        assert!(List::<Community>::parse("", "x").is_err());
        assert!(List::<Ipv4Addr>::parse("10.0.0.1 10.0.0", "x").is_err());
    }
}
