//! What can be wrong with a message, and the NOTIFICATION that says so.
//!
//! What for: one small `Copy` error for all decoders, so that the receive path formats nothing and
//! allocates nothing when a peer misbehaves.
//! Where: every decoder returns it; the session turns it into a NOTIFICATION, the tables into a
//! counter, the command line into a sentence.
//! How: `at` points into the message, header included; [`DecodeError::notification`] reads the
//! offending octets from the message itself when the RFC wants them in the data field.
//! Invariants: every kind has exactly one code and subcode.
//! References: RFC 4271 section 6, RFC 4760 section 7, RFC 5492, RFC 7313 section 5, RFC 7606.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use bytes::Bytes;
use thiserror::Error;

use crate::notification::{Notification, code, header, open, update};

/// A fault in a received message.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Error)]
#[error("{kind} (octet {at} of the message)")]
pub struct DecodeError {
    /// Offset of the fault from the first octet of the message header, in octets.
    pub at: u16,
    /// What is wrong.
    pub kind: DecodeErrorKind,
}

/// The kinds of fault. Each maps to one NOTIFICATION code and subcode.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The marker is not all ones (1/1).
    #[error("marker is not all ones")]
    ConnectionNotSynchronized,
    /// The length field is outside what the message type allows (1/2); carries the field.
    #[error("bad message length {0}")]
    BadMessageLength(u16),
    /// No such message type (1/3).
    #[error("bad message type {0}")]
    BadMessageType(u8),
    /// OPEN: a version other than 4 (2/1).
    #[error("unsupported BGP version {0}")]
    UnsupportedVersion(u8),
    /// OPEN: AS number 0 (2/2, RFC 7607).
    #[error("bad peer AS {0}")]
    BadPeerAs(u32),
    /// OPEN: BGP identifier 0 (2/3, RFC 6286).
    #[error("BGP identifier is zero")]
    BadBgpIdentifier,
    /// OPEN: a parameter other than capabilities (2/4).
    #[error("unsupported optional parameter {0}")]
    UnsupportedOptionalParameter(u8),
    /// OPEN: hold time of 1 or 2 seconds (2/6).
    #[error("unacceptable hold time {0} s")]
    UnacceptableHoldTime(u16),
    /// OPEN: the optional parameters do not add up (2/0).
    #[error("malformed optional parameters")]
    MalformedOptionalParameters,
    /// OPEN: a capability we know has an impossible length or value (2/0).
    #[error("malformed capability {0}")]
    MalformedCapability(u8),
    /// NOTIFICATION shorter than its code and subcode (never answered; 1/2 if it had to be).
    #[error("truncated NOTIFICATION")]
    TruncatedNotification,
    /// ROUTE-REFRESH of a wrong length (7/1).
    #[error("ROUTE-REFRESH of a wrong length")]
    RouteRefreshLength,
    /// UPDATE: withdrawn or attribute length runs past the message, or an MP attribute comes twice
    /// (3/1).
    #[error("malformed attribute list")]
    MalformedAttributeList,
    /// UPDATE: a well-known attribute we do not know (3/2).
    #[error("unrecognized well-known attribute {0}")]
    UnrecognizedWellKnown(u8),
    /// UPDATE: a mandatory attribute is missing (3/3).
    #[error("missing well-known attribute {0}")]
    MissingWellKnown(u8),
    /// UPDATE: Optional or Transitive flag contradicts the type (3/4).
    #[error("bad flags of attribute {0}")]
    AttributeFlags(u8),
    /// UPDATE: a length the attribute cannot have (3/5).
    #[error("bad length of attribute {0}")]
    AttributeLength(u8),
    /// UPDATE: ORIGIN over 2 (3/6).
    #[error("invalid ORIGIN")]
    InvalidOrigin,
    /// UPDATE: next hop that is no unicast host address (3/8).
    #[error("invalid NEXT_HOP")]
    InvalidNextHop,
    /// UPDATE: an optional attribute whose content is wrong (3/9).
    #[error("malformed optional attribute {0}")]
    OptionalAttribute(u8),
    /// UPDATE: a prefix in the withdrawn or NLRI field is too long or cut short (3/10).
    #[error("invalid network field")]
    InvalidNetworkField,
    /// UPDATE: AS_PATH with a bad segment, AS 0, or a confederation segment from outside (3/11).
    #[error("malformed AS_PATH")]
    MalformedAsPath,
}

impl DecodeErrorKind {
    /// NOTIFICATION error code and subcode.
    pub const fn code(self) -> (u8, u8) {
        match self {
            Self::ConnectionNotSynchronized => (code::HEADER, header::NOT_SYNCHRONIZED),
            Self::BadMessageLength(_) | Self::TruncatedNotification => {
                (code::HEADER, header::BAD_LENGTH)
            }
            Self::BadMessageType(_) => (code::HEADER, header::BAD_TYPE),
            Self::UnsupportedVersion(_) => (code::OPEN, open::UNSUPPORTED_VERSION),
            Self::BadPeerAs(_) => (code::OPEN, open::BAD_PEER_AS),
            Self::BadBgpIdentifier => (code::OPEN, open::BAD_IDENTIFIER),
            Self::UnsupportedOptionalParameter(_) => (code::OPEN, open::UNSUPPORTED_PARAMETER),
            Self::UnacceptableHoldTime(_) => (code::OPEN, open::UNACCEPTABLE_HOLD_TIME),
            Self::MalformedOptionalParameters | Self::MalformedCapability(_) => (code::OPEN, 0),
            Self::RouteRefreshLength => (code::ROUTE_REFRESH, 1),
            Self::MalformedAttributeList => (code::UPDATE, update::MALFORMED_ATTRIBUTE_LIST),
            Self::UnrecognizedWellKnown(_) => (code::UPDATE, update::UNRECOGNIZED_WELL_KNOWN),
            Self::MissingWellKnown(_) => (code::UPDATE, update::MISSING_WELL_KNOWN),
            Self::AttributeFlags(_) => (code::UPDATE, update::ATTRIBUTE_FLAGS),
            Self::AttributeLength(_) => (code::UPDATE, update::ATTRIBUTE_LENGTH),
            Self::InvalidOrigin => (code::UPDATE, update::INVALID_ORIGIN),
            Self::InvalidNextHop => (code::UPDATE, update::INVALID_NEXT_HOP),
            Self::OptionalAttribute(_) => (code::UPDATE, update::OPTIONAL_ATTRIBUTE),
            Self::InvalidNetworkField => (code::UPDATE, update::INVALID_NETWORK_FIELD),
            Self::MalformedAsPath => (code::UPDATE, update::MALFORMED_AS_PATH),
        }
    }
}

impl DecodeError {
    /// An error at offset `at`, counted from the first octet of the message header.
    pub(crate) fn new(at: usize, kind: DecodeErrorKind) -> Self {
        Self { at: u16::try_from(at).unwrap_or(u16::MAX), kind }
    }

    /// The NOTIFICATION that reports this fault. `message` is the offending message with its header
    /// (or as much of it as there is); it supplies the data field where the RFC asks for it.
    pub fn notification(&self, message: &[u8]) -> Notification {
        let (code, subcode) = self.kind.code();
        let data = match self.kind {
            DecodeErrorKind::BadMessageLength(length) => {
                Bytes::copy_from_slice(&length.to_be_bytes())
            }
            DecodeErrorKind::TruncatedNotification => {
                Bytes::copy_from_slice(message.get(16..18).unwrap_or_default())
            }
            DecodeErrorKind::BadMessageType(kind) => Bytes::copy_from_slice(&[kind]),
            // The largest locally supported version below the one the peer asked for.
            DecodeErrorKind::UnsupportedVersion(_) => Bytes::from_static(&[0, 4]),
            DecodeErrorKind::MissingWellKnown(attr) => Bytes::copy_from_slice(&[attr]),
            DecodeErrorKind::RouteRefreshLength => Bytes::copy_from_slice(message),
            DecodeErrorKind::UnrecognizedWellKnown(_)
            | DecodeErrorKind::AttributeFlags(_)
            | DecodeErrorKind::AttributeLength(_)
            | DecodeErrorKind::InvalidOrigin
            | DecodeErrorKind::InvalidNextHop
            | DecodeErrorKind::OptionalAttribute(_) => {
                Bytes::copy_from_slice(attribute_at(message, usize::from(self.at)))
            }
            _ => Bytes::new(),
        };
        // A NOTIFICATION itself may not pass 4096 octets even when the message did (RFC 8654).
        let room = data.len().min(Notification::MAX_DATA);
        Notification { code, subcode, data: data.slice(..room) }
    }
}

/// The attribute (type, length, value) that begins at `at`, or what is left of it.
fn attribute_at(message: &[u8], at: usize) -> &[u8] {
    let rest = message.get(at..).unwrap_or_default();
    let whole = match rest {
        [flags, _, high, low, ..] if flags & 0x10 != 0 => {
            usize::from(u16::from_be_bytes([*high, *low])).saturating_add(4)
        }
        [_, _, length, ..] => usize::from(*length).saturating_add(3),
        _ => rest.len(),
    };
    rest.get(..whole).unwrap_or(rest)
}

/// Text that is not what a `FromStr` of this crate expects.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Error)]
#[error("expected {expected}")]
pub struct ParseError {
    expected: &'static str,
}

impl ParseError {
    /// What should have been there, as in "a prefix such as 192.0.2.0/24".
    pub const fn new(expected: &'static str) -> Self {
        Self { expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_the_offending_attribute() {
        let message = [0, 0, 0, 0x40, 1, 1, 9, 0xff];
        let e = DecodeError::new(3, DecodeErrorKind::InvalidOrigin);
        let n = e.notification(&message);
        assert_eq!((n.code, n.subcode, &n.data[..]), (3, 6, &[0x40, 1, 1, 9][..]));
        let long = [0x50, 2, 0, 2, 7, 7, 7];
        let e = DecodeError::new(0, DecodeErrorKind::AttributeLength(2));
        assert_eq!(&e.notification(&long).data[..], &long[..6]);
        // Cut short: what is left, nothing invented.
        assert_eq!(&e.notification(&long[..5]).data[..], &long[..5]);
        assert!(e.notification(&[]).data.is_empty());
    }

    #[test]
    fn display_names_the_octet() {
        let e = DecodeError::new(23, DecodeErrorKind::MalformedAsPath);
        assert_eq!(e.to_string(), "malformed AS_PATH (octet 23 of the message)");
    }

    #[test]
    fn is_small() {
        assert!(size_of::<DecodeError>() <= 12);
    }
}
