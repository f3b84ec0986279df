//! Type-length-value structures inside attributes.
//!
//! What for: one bounds-checked step for each header shape, and one walk that says where a fault is.
//! Where: private to the attribute views (tunnel encapsulation, prefix-SID, SRv6 services).
//! How: `take_*` yields type, value and what follows, or `None` when the structure is cut short.
//! Invariants: a value never reaches past the bytes it was taken from.
//! References: RFC 9012 section 2, RFC 8669 section 3, RFC 9252 section 2.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use crate::error::ParseError;

/// Type, value, and the bytes behind.
pub(super) type Taken<'a, T> = Option<(T, &'a [u8], &'a [u8])>;

/// One octet of type, two of length: prefix-SID TLVs and all below them.
pub(super) fn take_short(bytes: &[u8]) -> Taken<'_, u8> {
    let (&[kind, high, low], rest) = bytes.split_first_chunk::<3>()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
    Some((kind, value, rest))
}

/// Two octets of type, two of length: tunnels.
pub(super) fn take_tunnel(bytes: &[u8]) -> Taken<'_, u16> {
    let (&[a, b, high, low], rest) = bytes.split_first_chunk::<4>()?;
    let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
    Some((u16::from_be_bytes([a, b]), value, rest))
}

/// Sub-TLVs of a tunnel: the length has one octet below type 128, two from there on.
pub(super) fn take_sub_tunnel(bytes: &[u8]) -> Taken<'_, u8> {
    if bytes.first()? & 0x80 != 0 {
        return take_short(bytes);
    }
    let (&[kind, length], rest) = bytes.split_first_chunk::<2>()?;
    let (value, rest) = rest.split_at_checked(usize::from(length))?;
    Some((kind, value, rest))
}

/// Steps through `bytes`, which must hold whole structures. `each` gets type and value and answers
/// with the offset of a fault within the value. The error is an offset within `bytes`: of the header
/// that is cut short, or of what `each` objects to.
pub(super) fn walk<'a, T>(
    bytes: &'a [u8],
    take: impl Fn(&'a [u8]) -> Taken<'a, T>,
    mut each: impl FnMut(T, &'a [u8]) -> Result<(), usize>,
) -> Result<(), usize> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let (kind, value, behind) =
            take(rest).ok_or_else(|| bytes.len().saturating_sub(rest.len()))?;
        let start = bytes.len().saturating_sub(behind.len()).saturating_sub(value.len());
        each(kind, value).map_err(|at| start.saturating_add(at))?;
        rest = behind;
    }
    Ok(())
}

/// An iterator over whole structures; ends at the first that is cut short.
#[derive(Copy, Clone, Debug)]
pub(super) struct Tlvs<'a, T> {
    rest: &'a [u8],
    take: fn(&'a [u8]) -> Taken<'a, T>,
}

impl<'a, T> Tlvs<'a, T> {
    pub(super) const fn new(bytes: &'a [u8], take: fn(&'a [u8]) -> Taken<'a, T>) -> Self {
        Self { rest: bytes, take }
    }
}

impl<'a, T> Iterator for Tlvs<'a, T> {
    type Item = (T, &'a [u8]);

    fn next(&mut self) -> Option<(T, &'a [u8])> {
        let (kind, value, rest) = (self.take)(self.rest)?;
        self.rest = rest;
        Some((kind, value))
    }
}

/// Appends type (one octet), length (two octets) and value.
pub(super) fn put_short(out: &mut Vec<u8>, kind: u8, value: &[u8]) -> Result<(), ParseError> {
    let length = u16::try_from(value.len()).map_err(|_| TOO_LONG)?;
    out.push(kind);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
    Ok(())
}

/// Appends a tunnel.
pub(super) fn put_tunnel(out: &mut Vec<u8>, kind: u16, value: &[u8]) -> Result<(), ParseError> {
    let length = u16::try_from(value.len()).map_err(|_| TOO_LONG)?;
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(value);
    Ok(())
}

/// Appends a sub-TLV of a tunnel.
pub(super) fn put_sub_tunnel(out: &mut Vec<u8>, kind: u8, value: &[u8]) -> Result<(), ParseError> {
    if kind & 0x80 != 0 {
        return put_short(out, kind, value);
    }
    let length = u8::try_from(value.len()).map_err(|_| TOO_LONG)?;
    out.extend_from_slice(&[kind, length]);
    out.extend_from_slice(value);
    Ok(())
}

const TOO_LONG: ParseError = ParseError::new("a value that fits its length field");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walk_says_where() {
        let bytes = [1, 0, 2, 9, 9, 2, 0, 0, 3, 0, 5, 1];
        assert_eq!(walk(&bytes, take_short, |_, _| Ok(())), Err(8));
        assert_eq!(walk(&bytes[..8], take_short, |_, _| Ok(())), Ok(()));
        let odd = |kind, _: &[u8]| if kind == 1 { Err(1) } else { Ok(()) };
        assert_eq!(walk(&bytes, take_short, odd), Err(4));
        assert_eq!(Tlvs::new(&bytes, take_short).count(), 2);
    }

    #[test]
    fn sub_tunnel_lengths() {
        for (kind, header) in [(127u8, 2), (128, 3)] {
            let mut out = Vec::new();
            put_sub_tunnel(&mut out, kind, &[7; 200]).unwrap();
            assert_eq!(out.len(), 200 + header);
            assert_eq!(take_sub_tunnel(&out), Some((kind, &[7; 200][..], &[][..])));
        }
        assert!(put_sub_tunnel(&mut Vec::new(), 1, &[0; 256]).is_err());
        assert!(put_tunnel(&mut Vec::new(), 1, &[0; 65536]).is_err());
    }
}
