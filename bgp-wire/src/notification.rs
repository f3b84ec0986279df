//! NOTIFICATION: the last message of a session, and what its codes mean.
//!
//! What for: building and reading NOTIFICATIONs, and showing them in the words of the RFCs.
//! Where: made by decoders and the state machine, shown by status, logs and the command.
//! How: code and subcode stay numbers, so an unknown one survives; names and `Display` are in `text`.
//! Invariants: an encoded NOTIFICATION never passes 4096 octets.
//! References: RFC 4271 sections 4.5 and 6, RFC 4486, RFC 6608, RFC 7313, RFC 8538, RFC 9003,
//! RFC 9234, RFC 9384, RFC 9687.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

mod text;

use bytes::Bytes;

use crate::{
    capability::Capability,
    cursor::Cursor,
    error::{DecodeError, DecodeErrorKind},
    family::{Afi, Family, Safi},
    frame::{HEADER_LEN, MAX_MESSAGE, MessageType, begin_message, finish_message},
    open::decode_capabilities,
};

/// Error codes (RFC 4271 section 4.5 and later).
pub mod code {
    /// Message Header Error.
    pub const HEADER: u8 = 1;
    /// OPEN Message Error.
    pub const OPEN: u8 = 2;
    /// UPDATE Message Error.
    pub const UPDATE: u8 = 3;
    /// Hold Timer Expired.
    pub const HOLD_TIMER: u8 = 4;
    /// Finite State Machine Error.
    pub const FSM: u8 = 5;
    /// Cease.
    pub const CEASE: u8 = 6;
    /// ROUTE-REFRESH Message Error (RFC 7313).
    pub const ROUTE_REFRESH: u8 = 7;
    /// Send Hold Timer Expired (RFC 9687).
    pub const SEND_HOLD_TIMER: u8 = 8;
}

/// Subcodes of Message Header Error.
pub mod header {
    /// Connection Not Synchronized.
    pub const NOT_SYNCHRONIZED: u8 = 1;
    /// Bad Message Length.
    pub const BAD_LENGTH: u8 = 2;
    /// Bad Message Type.
    pub const BAD_TYPE: u8 = 3;
}

/// Subcodes of OPEN Message Error.
pub mod open {
    /// Unsupported Version Number.
    pub const UNSUPPORTED_VERSION: u8 = 1;
    /// Bad Peer AS.
    pub const BAD_PEER_AS: u8 = 2;
    /// Bad BGP Identifier.
    pub const BAD_IDENTIFIER: u8 = 3;
    /// Unsupported Optional Parameter.
    pub const UNSUPPORTED_PARAMETER: u8 = 4;
    /// Authentication Failure (deprecated).
    pub const AUTHENTICATION: u8 = 5;
    /// Unacceptable Hold Time.
    pub const UNACCEPTABLE_HOLD_TIME: u8 = 6;
    /// Unsupported Capability (RFC 5492).
    pub const UNSUPPORTED_CAPABILITY: u8 = 7;
    /// Role Mismatch (RFC 9234).
    pub const ROLE_MISMATCH: u8 = 11;
}

/// Subcodes of UPDATE Message Error.
pub mod update {
    /// Malformed Attribute List.
    pub const MALFORMED_ATTRIBUTE_LIST: u8 = 1;
    /// Unrecognized Well-known Attribute.
    pub const UNRECOGNIZED_WELL_KNOWN: u8 = 2;
    /// Missing Well-known Attribute.
    pub const MISSING_WELL_KNOWN: u8 = 3;
    /// Attribute Flags Error.
    pub const ATTRIBUTE_FLAGS: u8 = 4;
    /// Attribute Length Error.
    pub const ATTRIBUTE_LENGTH: u8 = 5;
    /// Invalid ORIGIN Attribute.
    pub const INVALID_ORIGIN: u8 = 6;
    /// AS Routing Loop (deprecated).
    pub const AS_LOOP: u8 = 7;
    /// Invalid NEXT_HOP Attribute.
    pub const INVALID_NEXT_HOP: u8 = 8;
    /// Optional Attribute Error.
    pub const OPTIONAL_ATTRIBUTE: u8 = 9;
    /// Invalid Network Field.
    pub const INVALID_NETWORK_FIELD: u8 = 10;
    /// Malformed AS_PATH.
    pub const MALFORMED_AS_PATH: u8 = 11;
}

/// Subcodes of Finite State Machine Error (RFC 6608).
pub mod fsm {
    /// Unexpected message in OpenSent.
    pub const OPEN_SENT: u8 = 1;
    /// Unexpected message in OpenConfirm.
    pub const OPEN_CONFIRM: u8 = 2;
    /// Unexpected message in Established.
    pub const ESTABLISHED: u8 = 3;
}

/// Subcodes of ROUTE-REFRESH Message Error (RFC 7313).
pub mod route_refresh {
    /// Invalid Message Length.
    pub const LENGTH: u8 = 1;
}

/// Subcodes of Cease (RFC 4486 and later).
pub mod cease {
    /// Maximum Number of Prefixes Reached.
    pub const MAX_PREFIXES: u8 = 1;
    /// Administrative Shutdown.
    pub const ADMIN_SHUTDOWN: u8 = 2;
    /// Peer De-configured.
    pub const DECONFIGURED: u8 = 3;
    /// Administrative Reset.
    pub const ADMIN_RESET: u8 = 4;
    /// Connection Rejected.
    pub const REJECTED: u8 = 5;
    /// Other Configuration Change.
    pub const CONFIG_CHANGE: u8 = 6;
    /// Connection Collision Resolution.
    pub const COLLISION: u8 = 7;
    /// Out of Resources.
    pub const RESOURCES: u8 = 8;
    /// Hard Reset (RFC 8538).
    pub const HARD_RESET: u8 = 9;
    /// BFD Down (RFC 9384).
    pub const BFD_DOWN: u8 = 10;
}

/// A NOTIFICATION message.
#[derive(Clone, Eq, PartialEq, Hash, Debug)]
pub struct Notification {
    /// Error code.
    pub code: u8,
    /// Error subcode; 0 means unspecific.
    pub subcode: u8,
    /// Diagnostic data, as on the wire.
    pub data: Bytes,
}

impl Notification {
    /// The most data a NOTIFICATION can carry, in octets.
    pub const MAX_DATA: usize = MAX_MESSAGE - HEADER_LEN - 2;
    /// The longest shutdown communication, in octets of UTF-8 (RFC 9003).
    pub const MAX_SHUTDOWN_TEXT: usize = 255;

    /// A NOTIFICATION without data.
    pub const fn new(code: u8, subcode: u8) -> Self {
        Self { code, subcode, data: Bytes::new() }
    }

    /// A NOTIFICATION with data.
    pub fn with_data(code: u8, subcode: u8, data: impl Into<Bytes>) -> Self {
        Self { code, subcode, data: data.into() }
    }

    /// Hold Timer Expired (4/0).
    pub const fn hold_timer_expired() -> Self {
        Self::new(code::HOLD_TIMER, 0)
    }

    /// Send Hold Timer Expired (8/0, RFC 9687).
    pub const fn send_hold_timer_expired() -> Self {
        Self::new(code::SEND_HOLD_TIMER, 0)
    }

    /// Finite State Machine Error with the subcode of the state (see [`fsm`], RFC 6608).
    pub const fn fsm_error(subcode: u8) -> Self {
        Self::new(code::FSM, subcode)
    }

    /// Bad Peer AS (2/2): the OPEN's AS is not the configured one.
    pub const fn bad_peer_as() -> Self {
        Self::new(code::OPEN, open::BAD_PEER_AS)
    }

    /// Bad BGP Identifier (2/3).
    pub const fn bad_identifier() -> Self {
        Self::new(code::OPEN, open::BAD_IDENTIFIER)
    }

    /// Unacceptable Hold Time (2/6).
    pub const fn unacceptable_hold_time() -> Self {
        Self::new(code::OPEN, open::UNACCEPTABLE_HOLD_TIME)
    }

    /// Unsupported Capability (2/7); data are the capabilities we require, as on the wire.
    pub fn unsupported_capability(missing: &[Capability]) -> Self {
        let mut data = Vec::new();
        for capability in missing {
            capability.put(&mut data);
        }
        Self::with_data(code::OPEN, open::UNSUPPORTED_CAPABILITY, data)
    }

    /// Role Mismatch (2/11, RFC 9234).
    pub const fn role_mismatch() -> Self {
        Self::new(code::OPEN, open::ROLE_MISMATCH)
    }

    /// Cease with a subcode of [`cease`] and no data.
    pub const fn cease(subcode: u8) -> Self {
        Self::new(code::CEASE, subcode)
    }

    /// Cease/Administrative Shutdown with a text for the other side's operator (RFC 9003); the text
    /// is cut at 255 octets, on a character boundary. An empty text sends no data.
    pub fn admin_shutdown(text: &str) -> Self {
        Self::with_data(code::CEASE, cease::ADMIN_SHUTDOWN, shutdown_communication(text))
    }

    /// Cease/Administrative Reset with a text, as [`Self::admin_shutdown`].
    pub fn admin_reset(text: &str) -> Self {
        Self::with_data(code::CEASE, cease::ADMIN_RESET, shutdown_communication(text))
    }

    /// Cease/Maximum Number of Prefixes Reached with family and bound (RFC 4486 section 4).
    pub fn max_prefixes(family: Family, bound: u32) -> Self {
        let mut data = Vec::with_capacity(7);
        data.extend_from_slice(&family.afi.0.to_be_bytes());
        data.push(family.safi.0);
        data.extend_from_slice(&bound.to_be_bytes());
        Self::with_data(code::CEASE, cease::MAX_PREFIXES, data)
    }

    /// Cease/Hard Reset around another NOTIFICATION (RFC 8538 section 3.1).
    pub fn hard_reset(&self) -> Self {
        let mut data = Vec::with_capacity(self.data.len().saturating_add(2));
        data.extend_from_slice(&[self.code, self.subcode]);
        data.extend_from_slice(&self.data);
        data.truncate(Self::MAX_DATA);
        Self::with_data(code::CEASE, cease::HARD_RESET, data)
    }

    /// Reads a NOTIFICATION body (without header).
    ///
    /// # Errors
    /// Only when code and subcode are not both there; such a message is never answered.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let [code, subcode, data @ ..] = body else {
            return Err(DecodeError::new(HEADER_LEN, DecodeErrorKind::TruncatedNotification));
        };
        Ok(Self { code: *code, subcode: *subcode, data: Bytes::copy_from_slice(data) })
    }

    /// Appends the whole message, header included. Data past [`Self::MAX_DATA`] are cut.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = begin_message(out, MessageType::NOTIFICATION);
        out.extend_from_slice(&[self.code, self.subcode]);
        out.extend_from_slice(self.data.get(..Self::MAX_DATA).unwrap_or(&self.data));
        finish_message(out, start);
    }

    /// Whether this is a Cease.
    pub const fn is_cease(&self) -> bool {
        self.code == code::CEASE
    }

    /// The operator's text of an administrative shutdown or reset (RFC 9003); `None` if there is
    /// none, its length octet does not fit the data, or it is not UTF-8 (then [`fmt::Display`] shows
    /// all octets).
    ///
    /// [`fmt::Display`]: std::fmt::Display
    pub fn shutdown_communication(&self) -> Option<&str> {
        if !self.has_communication() {
            return None;
        }
        let (length, text) = self.data.split_first()?;
        if text.is_empty() || text.len() != usize::from(*length) {
            return None;
        }
        std::str::from_utf8(text).ok()
    }

    const fn has_communication(&self) -> bool {
        self.code == code::CEASE
            && matches!(self.subcode, cease::ADMIN_SHUTDOWN | cease::ADMIN_RESET)
    }

    /// Family and bound of Cease/Maximum Number of Prefixes Reached; sending them is optional
    /// (RFC 4486 section 4).
    pub fn prefix_bound(&self) -> Option<(Family, u32)> {
        if (self.code, self.subcode) != (code::CEASE, cease::MAX_PREFIXES) {
            return None;
        }
        let &[a, b, safi, c, d, e, f] = &*self.data else { return None };
        let family = Family::new(Afi(u16::from_be_bytes([a, b])), Safi(safi));
        Some((family, u32::from_be_bytes([c, d, e, f])))
    }

    /// The capabilities an Unsupported Capability asks for (RFC 5492 section 5), as far as they can
    /// be read.
    pub fn required_capabilities(&self) -> Option<Vec<Capability>> {
        if (self.code, self.subcode) != (code::OPEN, open::UNSUPPORTED_CAPABILITY) {
            return None;
        }
        let mut list = Vec::new();
        decode_capabilities(Cursor::new(&self.data, HEADER_LEN.saturating_add(2)), &mut list)
            .ok()?;
        Some(list)
    }

    /// The NOTIFICATION inside a Hard Reset (RFC 8538).
    pub fn hard_reset_inner(&self) -> Option<Self> {
        if self.code != code::CEASE || self.subcode != cease::HARD_RESET {
            return None;
        }
        let [code, subcode, ..] = *self.data else { return None };
        Some(Self { code, subcode, data: self.data.slice(2..) })
    }
}

/// Length octet and text, cut on a character boundary; nothing at all for an empty text.
fn shutdown_communication(text: &str) -> Vec<u8> {
    let cut = text.floor_char_boundary(Notification::MAX_SHUTDOWN_TEXT);
    let text = text.get(..cut).unwrap_or_default();
    match u8::try_from(text.len()) {
        Ok(length) if length > 0 => {
            let mut data = vec![length];
            data.extend_from_slice(text.as_bytes());
            data
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
