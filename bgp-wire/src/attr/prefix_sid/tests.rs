//! Prefix-SID and SRv6 services: octets of their RFCs, text both ways, and what is malformed where.

use std::net::Ipv6Addr;

use super::*;
use crate::attr::srv6::{EndpointBehavior, SidStructure};

fn parsed(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    PrefixSid::parse(text, &mut out).unwrap();
    assert_eq!(check(&out), Ok(()));
    out
}

/// Label index and SRGB, octet by octet from the figures of RFC 8669 section 3.
#[test]
fn mpls() {
    let value = [
        &[1u8, 0, 7, 0, 0, 0, 0, 0, 0, 100][..],
        &[3, 0, 14, 0, 0, 0x00, 0x3e, 0x80, 0x00, 0x1f, 0x40, 0x00, 0x5d, 0xc0, 0x00, 0x03, 0xe8],
    ]
    .concat();
    let text = "label-index=100 srgb=16000/8000,24000/1000";
    assert_eq!(PrefixSid::new(&value).to_string(), text);
    assert_eq!(parsed(text), value);
    assert_eq!(PrefixSid::new(&value).label_index(), Some(100));
}

/// An SRv6 L3 service, octet by octet from the figures of RFC 9252 sections 2 and 3.
#[test]
fn srv6_service() {
    let value = [
        &[5u8, 0, 34, 0, 1, 0, 30, 0][..],
        &[0x20, 1, 0x0d, 0xb8, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0, 0, 19, 0, 1, 0, 6, 40, 24, 16, 0, 16, 64],
    ]
    .concat();
    let text =
        "l3-service[sid[address=2001:db8:1:1:: behavior=End.DT4 structure=40/24/16/0/16/64]]";
    assert_eq!(PrefixSid::new(&value).to_string(), text);
    assert_eq!(parsed(text), value);
    let sid = PrefixSid::new(&value).l3_service().unwrap().sid().unwrap();
    assert_eq!(sid.behavior, EndpointBehavior::END_DT4);
    assert_eq!(PrefixSid::new(&value).l2_service(), None);
    // 16 bits of function from a 20-bit label, 0xe0010 in the upper bits of the field.
    let whole: Ipv6Addr = "2001:db8:1:1:e001::".parse().unwrap();
    assert_eq!(sid.transposed([0xe0, 0x01, 0x01]), Some(whole));
}

#[test]
fn transposition() {
    let sid = |text: &str, label| {
        let value = parsed(&format!("l2-service[sid[address=2001:db8:ffff:ffff:ffff:: {text}]]"));
        let sid = PrefixSid::new(&value).l2_service().unwrap().sid().unwrap();
        sid.transposed(label).map(|sid| sid.to_string())
    };
    let (behavior, label) = ("behavior=End.DT2U", [0xab, 0xcd, 0xef]);
    let sent = Some("2001:db8:ffff:ffff:ffff::".to_owned());
    assert_eq!(sid(behavior, label), sent);
    assert_eq!(sid(&format!("{behavior} structure=32/16/16/0/0/0"), label), sent);
    // What is sent where the transposed bits belong is replaced.
    let moved = sid(&format!("{behavior} structure=32/16/16/16/16/48"), label);
    assert_eq!(moved.as_deref(), Some("2001:db8:ffff:abcd:ffff::"));
    let moved = sid(&format!("{behavior} structure=32/32/16/16/24/72"), label);
    assert_eq!(moved.as_deref(), Some("2001:db8:ffff:ffff:ffab:cdef::"));
    let last = sid(&format!("{behavior} structure=64/32/16/16/4/124"), label);
    assert_eq!(last.as_deref(), Some("2001:db8:ffff:ffff:ffff::a"));
    for impossible in ["64/64/1/0/0/0", "32/16/16/0/25/0", "32/16/16/0/16/49"] {
        assert_eq!(sid(&format!("{behavior} structure={impossible}"), label), None, "{impossible}");
    }
    assert_eq!("1/2/3/4/5/6".parse::<SidStructure>().unwrap().octets(), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn texts_are_what_they_say() {
    for text in [
        "",
        "9=0x 255=0x0102",
        "label-index=4294967295 label-index=0",
        "l2-service[] l3-service[7=0xab sid[address=:: behavior=1234 flags=0x80]]",
        "l3-service[sid[address=::1 behavior=opaque 1=0x01020304050607 2=0x]]",
        "l2-service[sid[address=::1 behavior=End.DT2M] sid[address=::2 behavior=End/PSP+USD]]",
    ] {
        assert_eq!(PrefixSid::new(&parsed(text)).to_string(), text);
    }
}

#[test]
fn odd_bits_are_kept_in_hex() {
    let mut sid = parsed("l3-service[sid[address=::1 behavior=End.DT46]]");
    for at in [3, 7, 27] {
        sid[at] = 1;
        let text = PrefixSid::new(&sid).to_string();
        assert!(text.contains("=0x"), "{text}");
        assert_eq!(parsed(&text), sid);
        // Receivers ignore such bits (RFC 9252 section 3), and so does the view.
        assert!(PrefixSid::new(&sid).l3_service().unwrap().sid().is_some());
        sid[at] = 0;
    }
    for value in [&[1u8, 0, 7, 0, 0x80, 0, 0, 0, 0, 1][..], &[3, 0, 8, 0, 1, 0, 0, 1, 0, 0, 1]] {
        assert_eq!(parsed(&PrefixSid::new(value).to_string()), value);
    }
}

/// Short TLVs and sub-TLVs as in CVE-2023-31490 and CVE-2024-31948.
#[test]
fn faults_are_found_where_they_are() {
    for (value, at, in_service) in [
        (&[1u8][..], 0, false),
        (&[1, 0, 7], 0, false),
        (&[1, 0, 3, 0, 0, 0], 3, false),
        (&[1, 0, 0], 3, false),
        (&[3, 0, 2, 0, 0], 3, false),
        (&[3, 0, 5, 0, 0, 1, 2, 3], 3, false),
        (&[5, 0, 0], 3, true),
        (&[5, 0, 2, 0, 1], 4, true),
        (&[5, 0, 5, 0, 1, 0, 1, 0], 7, true),
        (&[6, 0, 6, 0, 1, 0, 30, 0, 0], 4, true),
        (&[9, 0, 1, 1, 9, 0], 4, false),
    ] {
        assert_eq!(check(value), Err(Malformed { at, in_service }), "{value:?}");
        let _ = PrefixSid::new(value).to_string();
    }
    // A SID Structure of five octets, and one cut short.
    let good = parsed("l3-service[sid[address=::1 behavior=End.DT46 1=0x010203040506]]");
    let mut short = good[..good.len() - 1].to_vec();
    (short[2], short[6], short[30]) = (33, 29, 5);
    assert_eq!(check(&short), Err(Malformed { at: 31, in_service: true }));
    short[30] = 6;
    assert_eq!(check(&short), Err(Malformed { at: 28, in_service: true }));
}

#[test]
fn bad_texts() {
    for bad in [
        "label-index",
        "label-index=-1",
        "srgb=",
        "srgb=1",
        "srgb=16777216/1",
        "l3-service=1",
        "l3-service[sid[address=::1]]",
        "l3-service[sid[behavior=End]]",
        "l3-service[sid[address=::1 behavior=Start]]",
        "l3-service[sid[address=::1 behavior=End structure=1/2/3]]",
        "256=0x",
    ] {
        assert!(PrefixSid::parse(bad, &mut Vec::new()).is_err(), "{bad}");
    }
}
