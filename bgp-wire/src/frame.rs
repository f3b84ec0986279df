//! Framing: cutting messages out of the TCP stream, and the header of those we send.
//!
//! What for: finding where a message ends, and refusing a bad header before its body has arrived.
//! Where: called in a loop on the session's read buffer.
//! How: [`next_frame`] looks at the 19 octets of the header only: marker, length, type, in the order
//! of RFC 4271 section 6.1; nothing is copied.
//! Invariants: a frame that is handed out has the length its type allows.
//! References: RFC 4271 sections 4.1 and 6.1, RFC 8654 (extended messages).
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::fmt;

use crate::error::{DecodeError, DecodeErrorKind};

/// Length of the message header, in octets.
pub const HEADER_LEN: usize = 19;
/// Longest message without RFC 8654, in octets.
pub const MAX_MESSAGE: usize = 4096;
/// Longest message with RFC 8654, in octets.
pub const MAX_EXTENDED: usize = 65535;

/// A whole KEEPALIVE message.
pub const KEEPALIVE: [u8; HEADER_LEN] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0, 19, 4,
];

/// The type octet of the header.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct MessageType(pub u8);

impl MessageType {
    /// OPEN.
    pub const OPEN: Self = Self(1);
    /// UPDATE.
    pub const UPDATE: Self = Self(2);
    /// NOTIFICATION.
    pub const NOTIFICATION: Self = Self(3);
    /// KEEPALIVE.
    pub const KEEPALIVE: Self = Self(4);
    /// ROUTE-REFRESH (RFC 2918).
    pub const ROUTE_REFRESH: Self = Self(5);
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::OPEN => f.write_str("OPEN"),
            Self::UPDATE => f.write_str("UPDATE"),
            Self::NOTIFICATION => f.write_str("NOTIFICATION"),
            Self::KEEPALIVE => f.write_str("KEEPALIVE"),
            Self::ROUTE_REFRESH => f.write_str("ROUTE-REFRESH"),
            Self(other) => write!(f, "type {other}"),
        }
    }
}

/// What is at the front of a read buffer.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Framed<'a> {
    /// Not a whole message yet.
    Incomplete {
        /// How many octets, counted from the start of the buffer, are needed to go on.
        needed: usize,
    },
    /// A whole message.
    Message {
        /// Its type, always one of the five that are defined.
        kind: MessageType,
        /// All of it, header included.
        frame: &'a [u8],
    },
}

/// Looks at the front of `buf`. `max_len` is [`MAX_MESSAGE`], or [`MAX_EXTENDED`] when the receiver
/// has offered extended messages; OPEN stays at 4096 and KEEPALIVE at 19 either way, the other types
/// may be long (RFC 8654 section 4).
///
/// # Errors
/// Marker (1/1), length (1/2) or type (1/3), as soon as the header is there. `at` is relative to
/// the start of `buf`, which is the start of the message.
#[inline]
pub fn next_frame(buf: &[u8], max_len: usize) -> Result<Framed<'_>, DecodeError> {
    let Some(header) = buf.first_chunk::<HEADER_LEN>() else {
        return Ok(Framed::Incomplete { needed: HEADER_LEN });
    };
    let [marker @ .., high, low, kind] = *header;
    if marker != [0xff; 16] {
        return Err(DecodeError::new(0, DecodeErrorKind::ConnectionNotSynchronized));
    }
    let field = u16::from_be_bytes([high, low]);
    let bad_length = Err(DecodeError::new(16, DecodeErrorKind::BadMessageLength(field)));
    let length = usize::from(field);
    if length < HEADER_LEN || length > max_len {
        return bad_length;
    }
    let kind = MessageType(kind);
    let allowed = match kind {
        MessageType::OPEN => 29..=MAX_MESSAGE,
        MessageType::UPDATE | MessageType::ROUTE_REFRESH => 23..=max_len,
        MessageType::NOTIFICATION => 21..=max_len,
        MessageType::KEEPALIVE => HEADER_LEN..=HEADER_LEN,
        MessageType(other) => {
            return Err(DecodeError::new(18, DecodeErrorKind::BadMessageType(other)));
        }
    };
    if !allowed.contains(&length) {
        return bad_length;
    }
    match buf.get(..length) {
        Some(frame) => Ok(Framed::Message { kind, frame }),
        None => Ok(Framed::Incomplete { needed: length }),
    }
}

/// Appends a header with the length left open; returns where the message begins in `out`.
pub(crate) fn begin_message(out: &mut Vec<u8>, kind: MessageType) -> usize {
    let start = out.len();
    let [head @ .., _] = KEEPALIVE;
    out.extend_from_slice(&head);
    out.push(kind.0);
    start
}

/// Fills in the length of the message that begins at `start` and ends at the end of `out`.
pub(crate) fn finish_message(out: &mut [u8], start: usize) {
    let length = out.len().saturating_sub(start);
    debug_assert!(length <= MAX_EXTENDED, "a message longer than its length field");
    let length = u16::try_from(length).unwrap_or(u16::MAX);
    if let Some(field) = out.get_mut(start.saturating_add(16)..).and_then(|b| b.first_chunk_mut()) {
        *field = length.to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::Notification;

    fn message(length: u16, kind: u8, body: usize) -> Vec<u8> {
        let mut m = vec![0xff; 16];
        m.extend_from_slice(&length.to_be_bytes());
        m.push(kind);
        m.resize(HEADER_LEN + body, 0);
        m
    }

    fn refused(m: &[u8], max: usize) -> Notification {
        next_frame(m, max).unwrap_err().notification(m)
    }

    #[test]
    fn stream_is_cut_at_message_borders() {
        let two = [&KEEPALIVE[..], &message(23, 2, 4)].concat();
        let Ok(Framed::Message { kind, frame }) = next_frame(&two, MAX_MESSAGE) else { panic!() };
        assert_eq!((kind, frame.len()), (MessageType::KEEPALIVE, 19));
        let rest = &two[frame.len()..];
        let Ok(Framed::Message { kind, frame }) = next_frame(rest, MAX_MESSAGE) else { panic!() };
        assert_eq!((kind, frame.len()), (MessageType::UPDATE, 23));
        for cut in 0..23 {
            let needed = if cut < 19 { 19 } else { 23 };
            assert_eq!(next_frame(&rest[..cut], MAX_MESSAGE), Ok(Framed::Incomplete { needed }));
        }
    }

    #[test]
    fn marker() {
        let mut m = KEEPALIVE;
        m[15] = 0xfe;
        let n = refused(&m, MAX_MESSAGE);
        assert_eq!((n.code, n.subcode, n.data.len()), (1, 1, 0));
    }

    #[test]
    fn lengths() {
        for (length, kind) in [
            (18, 4),
            (0, 2),
            (20, 4),
            (28, 1),
            (22, 2),
            (20, 3),
            (22, 5),
            (4097, 2),
            (4097, 1),
            (65535, 3),
        ] {
            let n = refused(&message(length, kind, 0), MAX_MESSAGE);
            assert_eq!((n.code, n.subcode), (1, 2), "{length} {kind}");
            assert_eq!(n.data[..], length.to_be_bytes());
        }
        assert_eq!(
            next_frame(&message(65535, 2, 0), MAX_EXTENDED),
            Ok(Framed::Incomplete { needed: 65535 })
        );
        assert_eq!(refused(&message(4097, 1, 0), MAX_EXTENDED).subcode, 2);
    }

    /// CVE-2023-46565 class: a type nobody defined.
    #[test]
    fn unknown_type() {
        for kind in [0, 6, 255] {
            let n = refused(&message(19, kind, 0), MAX_MESSAGE);
            assert_eq!((n.code, n.subcode, &n.data[..]), (1, 3, &[kind][..]));
        }
    }
}
