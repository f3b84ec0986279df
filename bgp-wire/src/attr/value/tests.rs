//! Values of every attribute: octets, text and back, and what no attribute can be.

use super::*;

fn shown(kind: AttrType, value: &[u8], as4: bool) -> String {
    let decoded = AttrValue::decode(kind, value, as4).unwrap();
    assert_eq!(decoded.kind(), kind);
    let mut again = Vec::new();
    decoded.put(&mut again);
    assert_eq!(again, value);
    let text = decoded.to_string();
    assert_eq!(AttrValue::parse_for(kind, &text, as4).as_deref(), Ok(value), "{text}");
    text
}

/// Values of NetGauze's tests (NetGauze/NetGauze, bgp-pkt, src/wire/tests/path_attribute.rs,
/// Apache-2.0), headers taken off, and one of each attribute from its RFC's figure.
#[test]
fn golden() {
    for (kind, value, as4, text) in [
        (AttrType::ORIGIN, &[0][..], true, "IGP"),
        (AttrType::ORIGIN, &[2], true, "incomplete"),
        (AttrType::NEXT_HOP, &[0xac, 0x10, 3, 2], true, "172.16.3.2"),
        (AttrType::MED, &[0, 0, 0, 1], true, "1"),
        (AttrType::AGGREGATOR, &[0, 0x64, 0xac, 0x10, 0, 0x0a], false, "100 172.16.0.10"),
        (AttrType::AGGREGATOR, &[0, 0, 0, 0x64, 0xac, 0x10, 0, 0x0a], true, "100 172.16.0.10"),
        (AttrType::COMMUNITIES, &[0, 0xef, 0, 0x20], true, "239:32"),
        (AttrType::EXT_COMMUNITIES, &[1, 2, 10, 11, 12, 8, 0, 45], true, "rt:10.11.12.8:45"),
        (AttrType::AS_PATH, &[], true, ""),
        (AttrType::AS_PATH, &[2, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 7], true, "65536 {7}"),
        (AttrType::AS_PATH, &[2, 2, 0xfd, 0xe9, 0x5b, 0xa0, 3, 1, 0, 7], false, "65001 23456 (7)"),
        (AttrType::LOCAL_PREF, &[0, 0, 0, 100], true, "100"),
        (AttrType::ATOMIC_AGGREGATE, &[], true, ""),
        (AttrType::ORIGINATOR_ID, &[10, 0, 0, 1], true, "10.0.0.1"),
        (AttrType::CLUSTER_LIST, &[10, 0, 0, 1, 10, 0, 0, 2], true, "10.0.0.1 10.0.0.2"),
        (AttrType::AS4_PATH, &[2, 1, 0, 1, 0, 0], false, "65536"),
        (AttrType::AS4_AGGREGATOR, &[0, 1, 0, 0, 10, 0, 0, 1], false, "65536 10.0.0.1"),
        (
            AttrType::PMSI_TUNNEL,
            &[0, 6, 0, 6, 0x40, 192, 0, 2, 1],
            true,
            "ingress-replication endpoint 192.0.2.1 label-field 0x000640 (label 100, VNI 1600)",
        ),
        (AttrType::TUNNEL_ENCAPSULATION, &[0, 2, 0, 0], true, "gre[]"),
        (
            AttrType::IPV6_EXT_COMMUNITIES,
            &[0, 2, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 9],
            true,
            "rt:[2001:db8::1]:9",
        ),
        (AttrType::AIGP, &[1, 0, 11, 0, 0, 0, 0, 0, 0, 0, 9], true, "metric 9"),
        (AttrType::LARGE_COMMUNITIES, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3], true, "1:2:3"),
        (AttrType::ONLY_TO_CUSTOMER, &[0, 0, 0xfd, 0xe9], true, "65001"),
        (AttrType::PREFIX_SID, &[1, 0, 7, 0, 0, 0, 0, 0, 0, 5], true, "label-index=5"),
        (AttrType(200), &[], true, "0x"),
        (AttrType(200), &[0xab], true, "0xab"),
        (AttrType::MP_UNREACH_NLRI, &[0, 1, 1], true, "0x000101"),
    ] {
        assert_eq!(shown(kind, value, as4), text);
    }
}

#[test]
fn faults() {
    let path = DecodeErrorKind::MalformedAsPath;
    let optional = DecodeErrorKind::OptionalAttribute;
    for (kind, value, at, fault) in [
        (AttrType::ORIGIN, &[3][..], 0, DecodeErrorKind::InvalidOrigin),
        (AttrType::ORIGIN, &[], 0, DecodeErrorKind::AttributeLength(1)),
        (AttrType::AS_PATH, &[2, 1, 0, 0, 0, 1, 2, 0], 6, path),
        (AttrType::AS_PATH, &[2, 1, 0, 0, 0, 1, 2], 6, path),
        (AttrType::AS_PATH, &[2, 1, 0, 0, 0, 1, 2, 1, 0, 0, 0, 0], 6, path),
        (AttrType::AS_PATH, &[9, 1, 0, 0, 0, 1], 0, path),
        (AttrType::MED, &[0; 3], 0, DecodeErrorKind::AttributeLength(4)),
        (AttrType::AGGREGATOR, &[0; 8], 0, optional(7)),
        (AttrType::AGGREGATOR, &[1; 6], 0, DecodeErrorKind::AttributeLength(7)),
        (AttrType::COMMUNITIES, &[], 0, DecodeErrorKind::AttributeLength(8)),
        (AttrType::AS4_PATH, &[2, 1, 0, 0, 0, 1, 2], 6, optional(17)),
        (AttrType::TUNNEL_ENCAPSULATION, &[0, 8, 0, 3, 6, 2, 0], 4, optional(23)),
        (AttrType::PREFIX_SID, &[1, 0, 3, 0, 0, 0], 3, optional(40)),
        (AttrType::AIGP, &[1, 0, 3], 0, optional(26)),
    ] {
        assert_eq!(AttrValue::decode(kind, value, true), Err(Fault { at, kind: fault }));
    }
    let fault = Fault { at: 6, kind: path };
    assert_eq!(fault.to_string(), "malformed AS_PATH (octet 6 of the value)");
}

#[test]
fn bad_texts() {
    for (kind, bad) in [
        (AttrType::ORIGIN, "invalid"),
        (AttrType::ATOMIC_AGGREGATE, "yes"),
        (AttrType::MED, "-1"),
        (AttrType::MED, ""),
        (AttrType::AGGREGATOR, "0 192.0.2.1"),
        (AttrType::AGGREGATOR, "1"),
        (AttrType::COMMUNITIES, ""),
        (AttrType::NEXT_HOP, "2001:db8::1"),
        (AttrType::AS4_PATH, ""),
        (AttrType::TUNNEL_ENCAPSULATION, ""),
        (AttrType::PREFIX_SID, "l3-service[1=0x00]"),
        (AttrType(99), "0x0"),
    ] {
        // An empty AS4_PATH is as valid as an empty AS_PATH.
        let good = kind == AttrType::AS4_PATH;
        assert_eq!(AttrValue::parse(kind, bad).is_ok(), good, "{kind} {bad}");
    }
    assert!(AttrValue::parse_for(AttrType::AGGREGATOR, "65536 192.0.2.1", false).is_err());
    assert!(AttrValue::parse_for(AttrType::AS_PATH, "65536", false).is_err());
}
