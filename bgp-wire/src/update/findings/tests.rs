//! Findings: the lines, their order, the bound.

use super::*;
use crate::update::tests::body;

fn lines(body: &[u8], ctx: &UpdateContext) -> Vec<String> {
    findings(body, ctx).iter().map(ToString::to_string).collect()
}

#[test]
fn a_clean_message_has_none() {
    let b = body(&[], &[&[0x40, 1, 1, 0], &[0x40, 2, 0], &[0x40, 3, 4, 10, 0, 0, 1]], &[8, 10]);
    assert!(lines(&b, &UpdateContext::default()).is_empty());
    assert!(lines(&[0; 4], &UpdateContext::default()).is_empty());
}

#[test]
fn everything_is_listed_the_decisive_first() {
    let b = body(
        &[17, 11, 0, 0xff],
        &[
            &[0x5f, 1, 0, 1, 0],
            &[0x40, 3, 4, 10, 0, 0, 1],
            &[0x40, 2, 6, 3, 1, 0, 0, 0, 1],
            &[0xc0, 8, 3, 0, 0, 0],
            &[0x40, 5, 4, 0, 0, 0, 1],
            &[0xc0, 7, 1, 0],
            &[0xc0, 99, 0],
            &[0x80, 99, 0],
            &[0x80, 98, 0],
            &[0x80, 26, 0],
            &[0xc0, 32, 12, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3],
        ],
        &[8, 10],
    );
    assert_eq!(
        lines(&b, &UpdateContext::default()),
        [
            "octet 39: AS_PATH is malformed: treat-as-withdraw (RFC 5065 section 5)",
            "octet 48: COMMUNITIES has a bad length: treat-as-withdraw (RFC 7606 section 7.8)",
            "octet 54: LOCAL_PREF is not for this peer to send: attribute discard \
             (RFC 7606 section 7.5)",
            "octet 61: AGGREGATOR has a bad length: attribute discard (RFC 7606 section 7.7)",
            "octet 68: attribute 99 comes again, the first counts: attribute discard \
             (RFC 7606 section 3)",
            "octet 21: a prefix has bits behind its length, which are ignored: note \
             (RFC 4271 section 4.3)",
            "octet 27: ORIGIN has an extended length it does not need: note \
             (RFC 4271 section 4.3)",
            "octet 27: ORIGIN has flag bits without meaning: note (RFC 4271 section 4.3)",
            "octet 39: AS_PATH stands behind an attribute of a higher type: note \
             (RFC 4271 section 5)",
            "octet 54: LOCAL_PREF stands behind an attribute of a higher type: note \
             (RFC 4271 section 5)",
            "octet 61: AGGREGATOR stands behind an attribute of a higher type: note \
             (RFC 4271 section 5)",
            "octet 65: attribute 99 is unknown, and relayed: note (RFC 4271 section 5)",
            "octet 71: attribute 98 stands behind an attribute of a higher type: note \
             (RFC 4271 section 5)",
            "octet 71: attribute 98 is unknown, and not relayed: note (RFC 4271 section 5)",
            "octet 74: AIGP stands behind an attribute of a higher type: note \
             (RFC 4271 section 5)",
            "octet 74: AIGP is not enabled here, and ignored: note (RFC 7311 section 3.3)",
            "octet 77: LARGE_COMMUNITY stands behind an attribute of a higher type: note \
             (RFC 4271 section 5)",
        ]
    );
}

#[test]
fn a_reset_goes_before_all() {
    let mp = [0x80, 15, 3, 0, 2, 1];
    let b = body(&[33], &[&[0x40, 1, 1, 9], &mp, &mp, &[0x40, 77, 0]], &[8, 10]);
    let all = lines(&b, &UpdateContext::default());
    assert_eq!(
        all,
        [
            "octet 21: invalid network field: session reset (RFC 7606 section 5.3)",
            "octet 34: MP_UNREACH_NLRI comes a second time: session reset (RFC 7606 section 3)",
            "octet 40: attribute 77 is unknown, and flagged well-known: session reset \
             (RFC 4271 section 6.3)",
            "octet 24: ORIGIN is malformed: treat-as-withdraw (RFC 7606 section 7.1)",
            "octet 43: AS_PATH is missing: treat-as-withdraw (RFC 7606 section 3)",
            "octet 43: NEXT_HOP is missing: treat-as-withdraw (RFC 7606 section 3)",
        ]
    );
}

#[test]
fn without_routes_a_fault_ends_the_session() {
    let b = body(&[8, 10], &[&[0x40, 1, 1, 9]], &[]);
    assert_eq!(
        lines(&b, &UpdateContext::default()),
        ["octet 25: ORIGIN is malformed: session reset (RFC 7606 section 5.2)"]
    );
    assert_eq!(
        lines(&[0, 9, 0, 0], &UpdateContext::default()),
        ["octet 19: the attribute list does not add up: session reset (RFC 7606 section 3)"]
    );
}

#[test]
fn the_list_is_bounded() {
    let mut attrs = [0x80, 98, 0].repeat(5000);
    let b = body(&[], &[&attrs], &[8, 10]);
    let list = findings(&b, &UpdateContext::default());
    assert!(list.len() <= MAX_FINDINGS + 2, "{}", list.len());
    attrs.extend_from_slice(&[0x40, 77, 0]);
    let list = findings(&body(&[], &[&attrs], &[8, 10]), &UpdateContext::default());
    assert_eq!(list[0].verdict, Verdict::Reset);
}

#[test]
fn other_messages() {
    let ctx = UpdateContext::default();
    let lines = |m: &[u8]| -> Vec<String> {
        message_findings(m, &ctx).iter().map(ToString::to_string).collect()
    };
    let message = |kind: u8, body: &[u8]| {
        let length = (HEADER_LEN + body.len()) as u16;
        [&[0xff; 16], &length.to_be_bytes()[..], &[kind], body].concat()
    };
    assert!(lines(&crate::frame::KEEPALIVE).is_empty());
    let twice = crate::frame::KEEPALIVE.repeat(2);
    assert_eq!(
        lines(&twice),
        ["octet 19: octets behind the end of the message: note (RFC 4271 section 4.1)"]
    );
    assert_eq!(
        lines(&twice[..10]),
        ["octet 10: the message ends before its length says: note (RFC 4271 section 4.1)"]
    );
    assert_eq!(
        lines(&message(9, &[])),
        ["octet 18: bad message type 9: session reset (RFC 4271 section 6.1)"]
    );
    assert_eq!(
        lines(&message(1, &[4, 0, 1, 0, 1, 10, 0, 0, 1, 0])),
        ["octet 22: unacceptable hold time 1 s: session reset (RFC 4271 section 6.2)"]
    );
    assert_eq!(
        lines(&message(1, &[4, 0, 1, 0, 90, 0, 0, 0, 0, 0])),
        ["octet 24: BGP identifier is zero: session reset (RFC 6286 section 2.2)"]
    );
    let refresh = lines(&message(5, &[0, 1, 1, 1, 0]));
    assert_eq!(refresh.len(), 1);
    assert!(
        refresh[0].ends_with("ROUTE-REFRESH of a wrong length: session reset (RFC 7313 section 5)")
    );
    let long = message(2, &body(&[], &[&[0xd0, 99, 0x10, 0], &[0; 4096]], &[]));
    assert!(lines(&long).iter().any(|l| l.contains("longer than 4096 octets")));
}
