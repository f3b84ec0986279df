//! An OPEN body of any bytes: what decodes, encodes and decodes to the same.
#![no_main]

use bgp_wire::{Asn, Capability, HEADER_LEN, MAX_MESSAGE, Open};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    match Open::decode(body) {
        Ok(open) => {
            assert!(open.asn != Asn(0) && !matches!(open.hold_time, 1 | 2));
            let mut wire = Vec::new();
            open.encode(&mut wire);
            // Long lists may be cut when they are sent again; short ones must survive whole.
            if wire.len() <= MAX_MESSAGE && !open.capabilities.iter().any(is_long) {
                assert_eq!(Open::decode(&wire[HEADER_LEN..]).as_ref(), Ok(&open));
            }
        }
        Err(e) => {
            let n = e.notification(body);
            assert!(n.code == 2 || n.code == 1);
        }
    }
});

/// Graceful restart lists are cut at 63 families, and names lose what does not fit 253 octets.
fn is_long(capability: &Capability) -> bool {
    match capability {
        Capability::GracefulRestart { families, .. } => families.len() > 63,
        Capability::Fqdn { hostname, domain } => hostname.len() + domain.len() > 253,
        _ => false,
    }
}
