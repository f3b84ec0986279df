//! A stream of any bytes: framed, decoded, never a panic, always progress.
//!
//! What for: the first thing a peer's bytes meet.
//! Where: `next_frame` and `Message::decode`.
//! How: frames are taken off until the stream ends or is refused, for both maximum lengths.
//! Invariants: every frame is longer than nothing and shorter than asked for; a fault lies inside the
//! message and its NOTIFICATION is of the right code and fits a message.
//! References: RFC 4271 sections 4.1 and 6.1, RFC 8654.

use bgp_wire::{Framed, HEADER_LEN, MAX_EXTENDED, MAX_MESSAGE, Message, Notification, next_frame};

/// Input: the stream.
pub fn target(stream: &[u8]) {
    for max_len in [MAX_MESSAGE, MAX_EXTENDED] {
        let mut rest = stream;
        loop {
            match next_frame(rest, max_len) {
                Ok(Framed::Incomplete { needed }) => {
                    assert!(needed > rest.len() && needed <= max_len);
                    break;
                }
                Ok(Framed::Message { frame, kind }) => {
                    assert!(frame.len() >= HEADER_LEN && frame.len() <= max_len);
                    match Message::decode(frame) {
                        Ok(message) => assert_eq!(message.kind(), kind),
                        Err(e) => {
                            assert!(usize::from(e.at) <= frame.len());
                            let n = e.notification(frame);
                            assert!(n.data.len() <= Notification::MAX_DATA);
                        }
                    }
                    rest = &rest[frame.len()..];
                }
                Err(e) => {
                    assert_eq!(e.notification(rest).code, 1);
                    break;
                }
            }
        }
    }
}
