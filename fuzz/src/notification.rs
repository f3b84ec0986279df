//! A NOTIFICATION body of any bytes: shown without a panic, the same after a round trip.
//!
//! What for: its data is of the peer's making and ends up in logs.
//! Where: `Notification`.
//! How: decode, show, wrap, encode, decode.
//! Invariants: only a body without code and subcode is refused; text holds no control characters.
//! References: RFC 4271 section 4.5, RFC 8538, RFC 9003.

use bgp_wire::{HEADER_LEN, MAX_MESSAGE, Notification};

/// Input: the body.
pub fn target(body: &[u8]) {
    let Ok(n) = Notification::decode(body) else {
        assert!(body.len() < 2);
        return;
    };
    let text = n.to_string();
    assert!(!text.is_empty() && !text.chars().any(char::is_control), "{text:?}");
    assert!(n.hard_reset().data.len() <= Notification::MAX_DATA);
    let mut wire = Vec::new();
    n.encode(&mut wire);
    assert!(wire.len() <= MAX_MESSAGE);
    if n.data.len() <= Notification::MAX_DATA {
        assert_eq!(Notification::decode(&wire[HEADER_LEN..]), Ok(n));
    }
}
