//! ROUTE-REFRESH.
//!
//! What for: asking for, and bracketing, a fresh Adj-RIB-Out of one family.
//! Where: the session hands it to the table side; the table side sends BoRR and EoRR.
//! How: family and subtype; ORF contents are not supported and a message that has them is refused,
//! because the ORF capability is never offered.
//! Invariants: an encoded message is always 23 octets.
//! References: RFC 2918, RFC 7313.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use crate::{
    error::{DecodeError, DecodeErrorKind},
    family::{Afi, Family, Safi},
    frame::{HEADER_LEN, MessageType, begin_message, finish_message},
};

/// A ROUTE-REFRESH message.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct RouteRefresh {
    /// The family to refresh; may be one that was not negotiated, then it is to be ignored.
    pub family: Family,
    /// 0 request, 1 beginning (BoRR), 2 end (EoRR); unknown ones are to be ignored (RFC 7313).
    pub subtype: u8,
}

impl RouteRefresh {
    /// Please send everything of the family again (RFC 2918).
    pub const REQUEST: u8 = 0;
    /// What follows replaces what was sent before (RFC 7313).
    pub const BEGIN: u8 = 1;
    /// All was sent; what was not repeated is stale (RFC 7313).
    pub const END: u8 = 2;

    /// Reads a body (without header).
    ///
    /// # Errors
    /// [`DecodeErrorKind::RouteRefreshLength`] (7/1) when it is not 4 octets.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let &[high, low, subtype, safi] = body else {
            return Err(DecodeError::new(HEADER_LEN, DecodeErrorKind::RouteRefreshLength));
        };
        let afi = Afi(u16::from_be_bytes([high, low]));
        Ok(Self { family: Family::new(afi, Safi(safi)), subtype })
    }

    /// Appends the whole message, header included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = begin_message(out, MessageType::ROUTE_REFRESH);
        out.extend_from_slice(&self.family.afi.0.to_be_bytes());
        out.extend_from_slice(&[self.subtype, self.family.safi.0]);
        finish_message(out, start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let rr = RouteRefresh { family: Family::IPV6_UNICAST, subtype: RouteRefresh::BEGIN };
        let mut out = Vec::new();
        rr.encode(&mut out);
        assert_eq!(out[16..], [0, 23, 5, 0, 2, 1, 1]);
        assert_eq!(RouteRefresh::decode(&out[19..]), Ok(rr));
    }

    #[test]
    fn wrong_length_is_7_1_with_the_message() {
        let message = [&[0xff; 16][..], &[0, 24, 5, 0, 1, 1, 1, 9]].concat();
        let e = RouteRefresh::decode(&message[19..]).unwrap_err();
        let n = e.notification(&message);
        assert_eq!((n.code, n.subcode, &n.data[..]), (7, 1, &message[..]));
    }
}
