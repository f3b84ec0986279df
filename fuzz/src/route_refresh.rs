//! A ROUTE-REFRESH body of any bytes.
//!
//! What for: requests, the markers around an answer, and the filters a request may carry.
//! Where: `RouteRefresh` and `Orf`.
//! How: decode, encode, decode; walk the filters and show them.
//! Invariants: what is refused is 7/1 with the message as data; a walk over filters takes no more
//! steps than there are octets; entries of a list that is taken are in order and fit their family.
//! References: RFC 2918 section 3, RFC 5291 section 4, RFC 5292 section 3, RFC 7313 section 5.

use bgp_wire::route_refresh::{OrfEntries, PrefixOrf};
use bgp_wire::{HEADER_LEN, Notification, RouteRefresh};

/// Input: the body.
pub fn target(body: &[u8]) {
    match RouteRefresh::decode(body) {
        Ok(refresh) => {
            let mut wire = Vec::new();
            refresh.encode(&mut wire);
            assert_eq!(&wire[HEADER_LEN..], body);
            assert!(!refresh.to_string().is_empty());
            filters(&refresh);
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

fn filters(refresh: &RouteRefresh) {
    let Some(orf) = refresh.orf() else { return };
    let mut octets = 1;
    for (_, entries) in orf.lists() {
        octets += 1;
        match entries {
            OrfEntries::Opaque(list) => octets += 2 + list.len(),
            OrfEntries::Malformed => {}
            OrfEntries::Prefixes(list) => {
                for entry in list {
                    octets += 1;
                    assert!(!entry.to_string().is_empty());
                    let PrefixOrf::Entry { min, max, prefix, .. } = entry else { continue };
                    assert!(min == 0 || min >= prefix.len());
                    assert!(max == 0 || (max >= prefix.len() && max >= min));
                }
            }
        }
    }
    assert!(octets <= refresh.filters.len() + 1, "{octets} for {}", refresh.filters.len());
}
