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

/// Every octet of a shutdown communication that cannot be read is shown, up to the longest there is.
#[test]
fn communications_of_every_length() {
    for length in [1usize, 128, 255] {
        let text = "x".repeat(length);
        let n = Notification::admin_shutdown(&text);
        assert_eq!((n.data.len(), n.shutdown_communication()), (length + 1, Some(&text[..])));
        for wrong in [length - 1, length + 1] {
            let mut data = n.data.to_vec();
            data[0] = wrong as u8;
            let n = Notification::with_data(6, 4, data);
            assert_eq!(n.shutdown_communication(), None, "{length} said to be {wrong}");
            let hex = n.to_string().split_once('[').unwrap().1.len() - 1;
            assert_eq!(hex, 2 * (length + 1));
        }
    }
    // Only these two subcodes carry one, and zero octets of text are none.
    assert_eq!(Notification::with_data(6, 3, vec![1, b'x']).shutdown_communication(), None);
    assert_eq!(Notification::with_data(6, 2, vec![0]).shutdown_communication(), None);
    let hostile = Notification::admin_shutdown("a\u{1b}[2J\n");
    assert_eq!(hostile.to_string(), "Cease/Administrative Shutdown \"a\\u{1b}[2J\\n\"");
}

/// A Hard Reset in a Hard Reset, as deep as a message allows: shown without recursion.
#[test]
fn nested_hard_resets_cost_no_stack() {
    let n = Notification::decode(&[6, 9].repeat(30_000)).unwrap();
    let text = n.to_string();
    assert!(text.starts_with("Cease/Hard Reset (Cease/Hard Reset [0609"), "{text}");
    assert!(text.len() < 200);
}

#[test]
fn every_defined_code_has_a_name() {
    for subcode in 1..=10 {
        assert!(Notification::cease(subcode).subcode_name().is_some(), "cease {subcode}");
    }
    for (code, subcodes) in [(1u8, 1..=3u8), (2, 1..=7), (3, 1..=11), (5, 1..=3), (7, 1..=1)] {
        assert!(Notification::new(code, 0).code_name().is_some());
        for subcode in subcodes {
            let named = Notification::new(code, subcode).subcode_name().is_some();
            assert!(named, "{code}/{subcode}");
        }
    }
    assert_eq!(Notification::hold_timer_expired().to_string(), "Hold Timer Expired");
    assert_eq!(Notification::send_hold_timer_expired().to_string(), "Send Hold Timer Expired");
}

#[test]
fn data_that_says_something() {
    let missing = [Capability::RouteRefresh, Capability::MultiProtocol(Family::IPV6_UNICAST)];
    let n = Notification::unsupported_capability(&missing);
    assert_eq!(
        n.to_string(),
        "OPEN Message Error/Unsupported Capability (route-refresh; ipv6/unicast)"
    );
    assert_eq!(n.required_capabilities().unwrap(), missing);
    let cut = Notification::with_data(2, 7, n.data.slice(..3));
    assert_eq!(cut.required_capabilities(), None);
    assert_eq!(cut.to_string(), "OPEN Message Error/Unsupported Capability [020001]");
    assert_eq!(Notification::with_data(6, 1, vec![0, 1, 1]).prefix_bound(), None);
}
