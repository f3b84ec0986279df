//! Path attributes: types, flags, and walking over canonical attribute bytes.
//!
//! What for: the one form in which attribute sets live above the codec, and the means to read it.
//! Where: [`update`](crate::update) produces canonical bytes, the RIB interns them, policy reads and
//! edits them ([`AttrBuilder`]), the packer sends them.
//! How: canonical bytes are wire attributes, in ascending type order, flags normalised (Extended
//! Length only where the length needs it), AS_PATH and AGGREGATOR always four-octet, without
//! NEXT_HOP, MP_REACH_NLRI, MP_UNREACH_NLRI, AS4_PATH and AS4_AGGREGATOR. Equal sets are equal
//! bytes, so interning is hashing and comparing is `memcmp`.
//! Invariants: each type at most once; every attribute was valid when it came in.
//! References: RFC 4271 sections 4.3 and 5, RFC 6793, RFC 7606.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::fmt;

pub mod aigp;
pub mod as_path;
pub mod builder;
pub mod communities;
pub mod ext_community;
pub(crate) mod hex;
pub mod ipv6_ext_community;
pub mod list;
pub mod pmsi;
pub mod prefix_sid;
pub mod srv6;
pub mod summary;
pub mod table;
mod text;
mod tlv;
pub mod tunnel_encap;
pub mod value;

pub use aigp::Aigp;
pub use as_path::{AsPath, Segment, SegmentType};
pub use builder::AttrBuilder;
pub use communities::{Community, LargeCommunity};
pub use ext_community::{ExtCommunity, ExtKind};
pub use ipv6_ext_community::{Ipv6ExtCommunity, Ipv6ExtKind};
pub use list::List;
pub use pmsi::Pmsi;
pub use summary::{Summary, SummaryFlags};
pub use value::AttrValue;

/// Attribute flag bits (RFC 4271 section 4.3).
pub mod flags {
    /// Optional.
    pub const OPTIONAL: u8 = 0x80;
    /// Transitive.
    pub const TRANSITIVE: u8 = 0x40;
    /// Partial: some router on the way did not know the attribute.
    pub const PARTIAL: u8 = 0x20;
    /// The length field has two octets.
    pub const EXTENDED_LENGTH: u8 = 0x10;
}

/// An attribute type code.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub struct AttrType(pub u8);

impl AttrType {
    /// ORIGIN.
    pub const ORIGIN: Self = Self(1);
    /// AS_PATH.
    pub const AS_PATH: Self = Self(2);
    /// NEXT_HOP.
    pub const NEXT_HOP: Self = Self(3);
    /// MULTI_EXIT_DISC.
    pub const MED: Self = Self(4);
    /// LOCAL_PREF.
    pub const LOCAL_PREF: Self = Self(5);
    /// ATOMIC_AGGREGATE.
    pub const ATOMIC_AGGREGATE: Self = Self(6);
    /// AGGREGATOR.
    pub const AGGREGATOR: Self = Self(7);
    /// COMMUNITIES (RFC 1997).
    pub const COMMUNITIES: Self = Self(8);
    /// ORIGINATOR_ID (RFC 4456).
    pub const ORIGINATOR_ID: Self = Self(9);
    /// CLUSTER_LIST (RFC 4456).
    pub const CLUSTER_LIST: Self = Self(10);
    /// MP_REACH_NLRI (RFC 4760).
    pub const MP_REACH_NLRI: Self = Self(14);
    /// MP_UNREACH_NLRI (RFC 4760).
    pub const MP_UNREACH_NLRI: Self = Self(15);
    /// EXTENDED COMMUNITIES (RFC 4360).
    pub const EXT_COMMUNITIES: Self = Self(16);
    /// AS4_PATH (RFC 6793).
    pub const AS4_PATH: Self = Self(17);
    /// AS4_AGGREGATOR (RFC 6793).
    pub const AS4_AGGREGATOR: Self = Self(18);
    /// PMSI_TUNNEL (RFC 6514).
    pub const PMSI_TUNNEL: Self = Self(22);
    /// Tunnel Encapsulation (RFC 9012).
    pub const TUNNEL_ENCAPSULATION: Self = Self(23);
    /// IPv6 Address Specific Extended Community (RFC 5701).
    pub const IPV6_EXT_COMMUNITIES: Self = Self(25);
    /// AIGP (RFC 7311).
    pub const AIGP: Self = Self(26);
    /// BGP-LS Attribute (RFC 9552).
    pub const BGP_LS: Self = Self(29);
    /// LARGE_COMMUNITY (RFC 8092).
    pub const LARGE_COMMUNITIES: Self = Self(32);
    /// Only to Customer (RFC 9234).
    pub const ONLY_TO_CUSTOMER: Self = Self(35);
    /// BGP Prefix-SID (RFC 8669, RFC 9252).
    pub const PREFIX_SID: Self = Self(40);
}

impl fmt::Display for AttrType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = table::row(*self).map(|row| row.name);
        match name.or_else(|| table::name_without_row(*self)) {
            Some(name) => f.write_str(name),
            None => write!(f, "attribute {}", self.0),
        }
    }
}

/// One attribute of a set.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Attr<'a> {
    /// Flags as they are in the bytes; see [`flags`].
    pub flags: u8,
    /// Type code.
    pub kind: AttrType,
    /// The value, without the header.
    pub value: &'a [u8],
    /// The whole attribute with its header.
    pub raw: &'a [u8],
}

/// The attributes of a canonical set, in ascending type order.
///
/// Ends at the first attribute that is cut short, which canonical bytes do not have.
#[inline]
pub const fn attrs(canonical: &[u8]) -> AttrIter<'_> {
    AttrIter { rest: canonical }
}

/// The value of one attribute of a canonical set.
pub fn find(canonical: &[u8], kind: AttrType) -> Option<&[u8]> {
    attrs(canonical).take_while(|a| a.kind <= kind).find(|a| a.kind == kind).map(|a| a.value)
}

/// See [`attrs`]. Also walks attribute bytes of a message: [`AttrIter::rest`] is then what could not
/// be read.
#[derive(Clone, Debug)]
pub struct AttrIter<'a> {
    rest: &'a [u8],
}

impl<'a> AttrIter<'a> {
    /// What has not been read; after the end, what cannot be.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for AttrIter<'a> {
    type Item = Attr<'a>;

    #[inline]
    fn next(&mut self) -> Option<Attr<'a>> {
        let bytes = self.rest;
        let &[flags, kind, high] = bytes.first_chunk::<3>()?;
        let (header, length) = if flags & flags::EXTENDED_LENGTH == 0 {
            (3, usize::from(high))
        } else {
            (4, usize::from(u16::from_be_bytes([high, *bytes.get(3)?])))
        };
        let (raw, rest) = bytes.split_at_checked(length.saturating_add(header))?;
        let value = raw.get(header..)?;
        self.rest = rest;
        Some(Attr { flags, kind: AttrType(kind), value, raw })
    }
}

impl std::iter::FusedIterator for AttrIter<'_> {}

/// Appends a header for a value of `length` octets, Extended Length only if needed. False, with
/// nothing appended, when the length does not fit its field.
pub(crate) fn put_header(out: &mut Vec<u8>, flags: u8, kind: AttrType, length: usize) -> bool {
    let flags = flags & (flags::OPTIONAL | flags::TRANSITIVE | flags::PARTIAL);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) => out.extend_from_slice(&[flags, kind.0, short]),
        (_, Ok(long)) => {
            let [high, low] = long.to_be_bytes();
            out.extend_from_slice(&[flags | flags::EXTENDED_LENGTH, kind.0, high, low]);
        }
        _ => return false,
    }
    true
}

/// Appends a whole attribute; false, with nothing appended, when the value is over 65535 octets.
pub(crate) fn put_attr(out: &mut Vec<u8>, flags: u8, kind: AttrType, value: &[u8]) -> bool {
    let fits = put_header(out, flags, kind, value.len());
    if fits {
        out.extend_from_slice(value);
    }
    fits
}

/// ORIGIN values (RFC 4271 section 5.1.1).
pub mod origin {
    /// Interior to the originating AS.
    pub const IGP: u8 = 0;
    /// Learned by EGP.
    pub const EGP: u8 = 1;
    /// By some other means.
    pub const INCOMPLETE: u8 = 2;

    /// `IGP`, `EGP`, `incomplete`; anything else is `invalid`.
    pub const fn name(value: u8) -> &'static str {
        match value {
            IGP => "IGP",
            EGP => "EGP",
            INCOMPLETE => "incomplete",
            _ => "invalid",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walk() {
        let mut bytes = Vec::new();
        assert!(put_attr(&mut bytes, 0x4f, AttrType::ORIGIN, &[0]));
        assert!(put_attr(&mut bytes, 0xd0, AttrType::COMMUNITIES, &[7; 300]));
        assert_eq!(bytes[..4], [0x40, 1, 1, 0]);
        assert_eq!(bytes[4..8], [0xd0, 8, 1, 44]);
        let all: Vec<_> = attrs(&bytes).collect();
        assert_eq!((all.len(), all[1].value.len(), all[1].raw.len()), (2, 300, 304));
        assert_eq!(find(&bytes, AttrType::ORIGIN), Some(&[0][..]));
        assert_eq!(find(&bytes, AttrType::MED), None);
        for cut in 0..bytes.len() {
            let mut iter = attrs(&bytes[..cut]);
            assert_eq!(iter.by_ref().count(), usize::from(cut >= 4));
            assert_eq!(iter.rest().len(), if cut >= 4 { cut - 4 } else { cut });
        }
    }

    #[test]
    fn too_long_is_refused() {
        let mut bytes = Vec::new();
        assert!(!put_attr(&mut bytes, 0xc0, AttrType(99), &vec![0; 65536]));
        assert!(bytes.is_empty());
        assert!(put_attr(&mut bytes, 0xc0, AttrType(99), &vec![0; 65535]));
    }

    #[test]
    fn names() {
        assert_eq!(AttrType::AS_PATH.to_string(), "AS_PATH");
        assert_eq!(AttrType(200).to_string(), "attribute 200");
    }
}
