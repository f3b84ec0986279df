//! A ROUTE-REFRESH body of any bytes.
//!
//! What for: small, but a message of its own.
//! Where: `RouteRefresh`.
//! How: decode, encode, decode.
//! Invariants: exactly four octets are accepted; anything else is 7/1 with the message as data.
//! References: RFC 2918 section 3, RFC 7313 section 5.

use bgp_wire::{HEADER_LEN, Notification, RouteRefresh};

/// Input: the body.
pub fn target(body: &[u8]) {
    match RouteRefresh::decode(body) {
        Ok(refresh) => {
            let mut wire = Vec::new();
            refresh.encode(&mut wire);
            assert_eq!(&wire[HEADER_LEN..], body);
        }
        Err(e) => {
            assert_ne!(body.len(), 4);
            let message = [&[0xff; HEADER_LEN][..], body].concat();
            let n = e.notification(&message);
            assert_eq!((n.code, n.subcode), (7, 1));
            assert!(n.data.len() <= Notification::MAX_DATA);
        }
    }
}
