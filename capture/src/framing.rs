//! Cutting BGP messages out of a run of octets, and finding the next one where the run is broken.
//!
//! What for: raw files, hex text and reassembled TCP streams are the same thing here.
//! Where: called by `raw`, `hex` and `tcp`.
//! How: a message is a marker and a length of at least 19. A message is handed out whatever its type,
//! since judging is the decoder's work; but a place to begin anew must have a header that
//! [`next_frame`] accepts.
//! Invariants: every [`Cut`] but `More` moves forward by at least one octet.
//! References: RFC 4271 section 4.1, RFC 8654.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use bgp_wire::{HEADER_LEN, MAX_EXTENDED, next_frame};

use crate::record::GapReason;

const MARKER: [u8; 16] = [0xff; 16];

/// What is at the front of a run of octets.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum Cut {
    /// A message of so many octets.
    Message(usize),
    /// So many octets are needed to tell more.
    More(usize),
    /// So many octets belong to no message.
    Skip(usize, GapReason),
}

/// Looks at the front of `bytes`.
pub(crate) fn cut(bytes: &[u8]) -> Cut {
    let seen = bytes.get(..MARKER.len()).unwrap_or(bytes);
    if seen.iter().any(|&b| b != 0xff) {
        return Cut::Skip(next_start(bytes), GapReason::NoMarker);
    }
    let Some([.., high, low, _]) = bytes.first_chunk::<HEADER_LEN>() else {
        return Cut::More(HEADER_LEN);
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if length < HEADER_LEN {
        Cut::Skip(next_start(bytes), GapReason::BadLength)
    } else if length <= bytes.len() {
        Cut::Message(length)
    } else {
        Cut::More(length)
    }
}

/// Whether `bytes` begins with a header that looks right: marker, type, and a length for the type.
pub(crate) fn is_header(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_LEN && next_frame(bytes, MAX_EXTENDED).is_ok()
}

/// Offset, at least 1, of the next header that looks right, or of the rest that may become one.
fn next_start(bytes: &[u8]) -> usize {
    let mut at = 1_usize;
    while let Some(rest) = bytes.get(at..) {
        // The last octet of a marker that would begin here; if it is not of ones, none begins before it.
        let marker = rest.get(..MARKER.len()).unwrap_or(rest);
        match marker.iter().rposition(|&b| b != 0xff) {
            Some(stop) => at = at.saturating_add(stop).saturating_add(1),
            None if rest.len() < HEADER_LEN || is_header(rest) => return at,
            None => at = at.saturating_add(1),
        }
    }
    bytes.len().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bgp_wire::KEEPALIVE;

    #[test]
    fn messages_are_cut_whatever_their_type() {
        assert_eq!(cut(&KEEPALIVE), Cut::Message(19));
        assert_eq!(cut(&KEEPALIVE[..18]), Cut::More(19));
        assert_eq!(cut(&[]), Cut::More(19));
        let mut odd = KEEPALIVE;
        odd[18] = 20;
        assert_eq!(cut(&odd), Cut::Message(19));
        odd[17] = 200;
        assert_eq!(cut(&odd), Cut::More(200));
    }

    #[test]
    fn the_next_marker_is_found() {
        let mut late = vec![1, 2, 0xff, 3];
        late.extend_from_slice(&KEEPALIVE);
        assert_eq!(cut(&late), Cut::Skip(4, GapReason::NoMarker));
        // Ones before the marker do not hide it.
        let mut ones = vec![0, 0xff, 0xff];
        ones.extend_from_slice(&KEEPALIVE);
        assert_eq!(cut(&ones), Cut::Skip(3, GapReason::NoMarker));
        // The beginning of a marker at the end is kept.
        assert_eq!(cut(&[0, 0xff, 0xff]), Cut::Skip(1, GapReason::NoMarker));
        assert_eq!(cut(&[0, 0xff, 0]), Cut::Skip(3, GapReason::NoMarker));
        let mut short = KEEPALIVE.to_vec();
        short[17] = 18;
        short.extend_from_slice(&KEEPALIVE);
        assert_eq!(cut(&short), Cut::Skip(19, GapReason::BadLength));
    }
}
