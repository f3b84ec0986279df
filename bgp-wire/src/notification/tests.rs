//! NOTIFICATION: round trips, names, shutdown texts.

use super::*;

fn encoded(n: &Notification) -> Vec<u8> {
    let mut out = Vec::new();
    n.encode(&mut out);
    out
}

#[test]
fn round_trip() {
    let n = Notification::max_prefixes(Family::IPV6_UNICAST, 1000);
    let bytes = encoded(&n);
    assert_eq!(bytes.len(), 28);
    assert_eq!(bytes[16..21], [0, 28, 3, 6, 1]);
    assert_eq!(Notification::decode(&bytes[19..]).unwrap(), n);
    assert_eq!(n.to_string(), "Cease/Maximum Number of Prefixes Reached (ipv6/unicast over 1000)");
}

#[test]
fn shutdown_text_is_cut_on_a_boundary() {
    let n = Notification::admin_shutdown("maintenance");
    assert_eq!(n.shutdown_communication(), Some("maintenance"));
    assert_eq!(n.to_string(), "Cease/Administrative Shutdown \"maintenance\"");
    let long = "\u{e9}".repeat(200);
    let n = Notification::admin_reset(&long);
    assert_eq!(n.data[0], 254);
    assert_eq!(n.shutdown_communication().unwrap().len(), 254);
    assert!(Notification::admin_shutdown("").data.is_empty());
}

/// CVE-2019-16159 class: the length octet of the text is not to be believed.
#[test]
fn lying_shutdown_length_is_shown_raw() {
    let n = Notification::with_data(6, 2, vec![200, b'h', b'i']);
    assert_eq!(n.shutdown_communication(), None);
    assert_eq!(n.to_string(), "Cease/Administrative Shutdown [c86869]");
    let n = Notification::with_data(6, 2, vec![2, 0xff, 0xfe]);
    assert_eq!(n.to_string(), "Cease/Administrative Shutdown [02fffe]");
}

#[test]
fn hard_reset_wraps() {
    let inner = Notification::admin_shutdown("bye");
    let n = inner.hard_reset();
    assert_eq!((n.code, n.subcode), (6, 9));
    assert_eq!(n.hard_reset_inner(), Some(inner));
    assert_eq!(n.to_string(), "Cease/Hard Reset (Cease/Administrative Shutdown \"bye\")");
    assert_eq!(Notification::with_data(6, 9, vec![1]).hard_reset_inner(), None);
}

#[test]
fn unknown_codes_survive() {
    let n = Notification::decode(&[9, 3, 1, 2]).unwrap();
    assert_eq!(n.to_string(), "code 9/subcode 3 [0102]");
    assert!(Notification::decode(&[6]).is_err());
    assert!(Notification::decode(&[]).is_err());
}

#[test]
fn never_longer_than_a_message() {
    let n = Notification::with_data(3, 1, vec![7; 9000]);
    assert_eq!(encoded(&n).len(), MAX_MESSAGE);
    assert_eq!(n.hard_reset().data.len(), Notification::MAX_DATA);
}
