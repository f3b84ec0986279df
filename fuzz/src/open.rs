//! An OPEN body of any bytes: what decodes, encodes and decodes to the same.
//!
//! What for: the only message a stranger may always send.
//! Where: `Open` and `Capability`.
//! How: decode, encode, decode.
//! Invariants: an accepted OPEN has an AS, an identifier and a possible hold time; a refused one
//! gives NOTIFICATION code 2, or 1 when it is too short.
//! References: RFC 4271 section 6.2, RFC 5492, RFC 9072.

use bgp_wire::{Asn, Capability, HEADER_LEN, MAX_MESSAGE, Notification, Open};

/// Input: the body.
pub fn target(body: &[u8]) {
    match Open::decode(body) {
        Ok(open) => {
            assert!(open.asn != Asn(0) && !matches!(open.hold_time, 1 | 2));
            assert!(!open.router_id.is_unspecified());
            // Each capability took at least two octets.
            assert!(open.capabilities.len() * 2 <= body.len());
            let mut wire = Vec::new();
            open.encode(&mut wire);
            // Long lists may be cut when they are sent again; short ones must survive whole.
            if wire.len() <= MAX_MESSAGE && !open.capabilities.iter().any(is_long) {
                assert_eq!(Open::decode(&wire[HEADER_LEN..]).as_ref(), Ok(&open));
            }
        }
        Err(e) => {
            let message = [&[0xff; HEADER_LEN][..], body].concat();
            assert!(usize::from(e.at) <= message.len());
            let n = e.notification(&message);
            assert!(n.code == 2 || n.code == 1);
            assert!(n.data.len() <= Notification::MAX_DATA);
        }
    }
}

/// Graceful restart lists are cut at 63 families, and names lose what does not fit 253 octets.
fn is_long(capability: &Capability) -> bool {
    match capability {
        Capability::GracefulRestart { families, .. } => families.len() > 63,
        Capability::Fqdn { hostname, domain } => hostname.len() + domain.len() > 253,
        _ => false,
    }
}
