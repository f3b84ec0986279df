//! A NOTIFICATION body of any bytes: shown without a panic, the same after a round trip.
#![no_main]

use bgp_wire::{HEADER_LEN, Notification};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(n) = Notification::decode(body) else {
        assert!(body.len() < 2);
        return;
    };
    assert!(!n.to_string().is_empty());
    assert!(n.hard_reset().data.len() <= Notification::MAX_DATA);
    let mut wire = Vec::new();
    n.encode(&mut wire);
    if n.data.len() <= Notification::MAX_DATA {
        assert_eq!(Notification::decode(&wire[HEADER_LEN..]), Ok(n));
    }
});
