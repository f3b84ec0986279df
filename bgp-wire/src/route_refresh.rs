//! ROUTE-REFRESH.
//!
//! What for: asking for, and bracketing, a fresh Adj-RIB-Out of one family; carrying outbound route
//! filters.
//! Where: the session hands it to the table side; the table side sends BoRR and EoRR. The ORF
//! capability is never offered, so filters are for tools to look at; the session reads such a
//! message as the request it also is.
//! How: family and subtype are fields; what follows them in a request is kept as it came, and
//! [`RouteRefresh::orf`] reads it in place.
//! Invariants: an encoded BoRR or EoRR is 23 octets; reading filters allocates nothing and never
//! passes the end of the message.
//! References: RFC 2918, RFC 5291, RFC 5292, RFC 7313.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

mod orf;

use std::fmt;

use bytes::Bytes;

pub use self::orf::{Orf, OrfAction, OrfEntries, OrfLists, PrefixOrf, PrefixOrfs};
use crate::{
    error::{DecodeError, DecodeErrorKind},
    family::{Afi, Family, Safi},
    frame::{HEADER_LEN, MAX_EXTENDED, MessageType, begin_message, finish_message},
};

/// A ROUTE-REFRESH message.
#[derive(Clone, Eq, PartialEq, Hash, Debug)]
pub struct RouteRefresh {
    /// The family to refresh; may be one that was not negotiated, then it is to be ignored.
    pub family: Family,
    /// 0 request, 1 beginning (BoRR), 2 end (EoRR); unknown ones are to be ignored (RFC 7313).
    pub subtype: u8,
    /// What follows: outbound route filters in a request (RFC 5291), else empty. Octets past the
    /// longest message are not sent.
    pub filters: Bytes,
}

impl RouteRefresh {
    /// Please send everything of the family again (RFC 2918).
    pub const REQUEST: u8 = 0;
    /// What follows replaces what was sent before (RFC 7313).
    pub const BEGIN: u8 = 1;
    /// All was sent; what was not repeated is stale (RFC 7313).
    pub const END: u8 = 2;

    /// A message without filters.
    pub const fn new(family: Family, subtype: u8) -> Self {
        Self { family, subtype, filters: Bytes::new() }
    }

    /// Reads a body (without header).
    ///
    /// # Errors
    /// [`DecodeErrorKind::RouteRefreshLength`] (7/1) for fewer than 4 octets, and for BoRR and EoRR
    /// of other than 4 (RFC 7313 section 5). A subtype nobody defined is to be ignored whatever its
    /// length, and a request may carry filters.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let &[high, low, subtype, safi, ref filters @ ..] = body else {
            return Err(DecodeError::new(HEADER_LEN, DecodeErrorKind::RouteRefreshLength));
        };
        if matches!(subtype, Self::BEGIN | Self::END) && !filters.is_empty() {
            return Err(DecodeError::new(HEADER_LEN, DecodeErrorKind::RouteRefreshLength));
        }
        let family = Family::new(Afi(u16::from_be_bytes([high, low])), Safi(safi));
        Ok(Self { family, subtype, filters: Bytes::copy_from_slice(filters) })
    }

    /// Appends the whole message, header included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        const ROOM: usize = MAX_EXTENDED - HEADER_LEN - 4;
        let start = begin_message(out, MessageType::ROUTE_REFRESH);
        out.extend_from_slice(&self.family.afi.0.to_be_bytes());
        out.extend_from_slice(&[self.subtype, self.family.safi.0]);
        out.extend_from_slice(self.filters.get(..ROOM).unwrap_or(&self.filters));
        finish_message(out, start);
    }

    /// The filters of a request; `None` if it carries none.
    pub fn orf(&self) -> Option<Orf<'_>> {
        if self.subtype != Self::REQUEST {
            return None;
        }
        Orf::of(self.family.afi, &self.filters)
    }
}

impl fmt::Display for RouteRefresh {
    /// `ipv4/unicast request`, `ipv6/unicast BoRR`, `ipv4/unicast request with filters (immediate),
    /// type 64: add 5 permit 10.0.0.0/8 ge 9 le 24`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.family)?;
        match self.subtype {
            Self::REQUEST => f.write_str("request")?,
            Self::BEGIN => f.write_str("BoRR")?,
            Self::END => f.write_str("EoRR")?,
            other => write!(f, "subtype {other}")?,
        }
        match self.orf() {
            Some(orf) => write!(f, " with {orf}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
