//! A stream of any bytes: framed, decoded, never a panic, always progress.
#![no_main]

use bgp_wire::{Framed, MAX_EXTENDED, MAX_MESSAGE, Message, next_frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| {
    for max_len in [MAX_MESSAGE, MAX_EXTENDED] {
        let mut rest = stream;
        loop {
            match next_frame(rest, max_len) {
                Ok(Framed::Incomplete { needed }) => {
                    assert!(needed > rest.len() && needed <= max_len);
                    break;
                }
                Ok(Framed::Message { frame, kind }) => {
                    match Message::decode(frame) {
                        Ok(message) => assert_eq!(message.kind(), kind),
                        Err(e) => assert!(usize::from(e.at) <= frame.len()),
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
});
