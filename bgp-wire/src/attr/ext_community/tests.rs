//! Extended communities: octets of their RFCs, and text that reads back whatever the octets.

use proptest::prelude::*;

use super::*;

/// Texts and octets; the octets from the figures of the RFCs in the module's table.
const GOLDEN: &[(&str, [u8; 8])] = &[
    ("rt:65001:100", [0, 2, 0xfd, 0xe9, 0, 0, 0, 100]),
    ("soo:192.0.2.1:7", [1, 3, 192, 0, 2, 1, 0, 7]),
    ("rt:4200000000L:7", [2, 2, 0xfa, 0x56, 0xea, 0, 0, 7]),
    ("rt:100L:7", [2, 2, 0, 0, 0, 100, 0, 7]),
    ("ospf-domain:0:512", [0, 5, 0, 0, 0, 0, 2, 0]),
    ("ospf-domain:10.0.0.1:512", [1, 5, 10, 0, 0, 1, 2, 0]),
    ("ospf-route-type:0.0.0.1:5:0x01", [3, 6, 0, 0, 0, 1, 5, 1]),
    ("ospf-router-id:192.0.2.1", [1, 7, 192, 0, 2, 1, 0, 0]),
    ("source-as:65001:0", [0, 9, 0xfd, 0xe9, 0, 0, 0, 0]),
    ("source-as:70000L:0", [2, 9, 0, 1, 0x11, 0x70, 0, 0]),
    ("vrf-import:192.0.2.1:7", [1, 11, 192, 0, 2, 1, 0, 7]),
    ("lbw:65001:1250000", [0x40, 4, 0xfd, 0xe9, 0x49, 0x98, 0x96, 0x80]),
    ("lbw:transitive:65001:1250000", [0, 4, 0xfd, 0xe9, 0x49, 0x98, 0x96, 0x80]),
    ("color:100", [3, 11, 0, 0, 0, 0, 0, 100]),
    ("color:0x4000:100", [3, 11, 0x40, 0, 0, 0, 0, 100]),
    ("encap:vxlan", [3, 12, 0, 0, 0, 0, 0, 8]),
    ("encap:300", [3, 12, 0, 0, 0, 0, 1, 44]),
    ("default-gw", [3, 13, 0, 0, 0, 0, 0, 0]),
    ("mac-mobility:5", [6, 0, 0, 0, 0, 0, 0, 5]),
    ("mac-mobility:sticky:5", [6, 0, 1, 0, 0, 0, 0, 5]),
    ("esi-label:100", [6, 1, 0, 0, 0, 0, 6, 0x40]),
    ("esi-label:single-active:0x000641", [6, 1, 1, 0, 0, 0, 6, 0x41]),
    ("es-import:00:00:5e:00:53:01", [6, 2, 0, 0, 0x5e, 0, 0x53, 1]),
    ("router-mac:00:00:5e:00:53:01", [6, 3, 0, 0, 0x5e, 0, 0x53, 1]),
    ("l2-attr:0x0002:1500", [6, 4, 0, 2, 5, 220, 0, 0]),
    ("rate:0", [0x80, 6, 0, 0, 0, 0, 0, 0]),
    ("rate:65001:1000.5", [0x80, 6, 0xfd, 0xe9, 0x44, 0x7a, 0x20, 0]),
    ("rate-packets:1000", [0x80, 12, 0, 0, 0x44, 0x7a, 0, 0]),
    ("action:none", [0x80, 7, 0, 0, 0, 0, 0, 0]),
    ("action:sample", [0x80, 7, 0, 0, 0, 0, 0, 2]),
    ("action:sample:terminal", [0x80, 7, 0, 0, 0, 0, 0, 3]),
    ("redirect:65001:100", [0x80, 8, 0xfd, 0xe9, 0, 0, 0, 100]),
    ("redirect:192.0.2.1:7", [0x81, 8, 192, 0, 2, 1, 0, 7]),
    ("redirect:70000L:7", [0x82, 8, 0, 1, 0x11, 0x70, 0, 7]),
    ("mark:46", [0x80, 9, 0, 0, 0, 0, 0, 46]),
    ("ov:valid", [0x43, 0, 0, 0, 0, 0, 0, 0]),
    ("ov:invalid", [0x43, 0, 0, 0, 0, 0, 0, 2]),
    ("ov:9", [0x43, 0, 0, 0, 0, 0, 0, 9]),
    // What a name would lose: reserved bits, infinity, a negative rate, unknown types.
    ("0x030c000000010008", [3, 12, 0, 0, 0, 1, 0, 8]),
    ("0x4004fde97f800000", [0x40, 4, 0xfd, 0xe9, 0x7f, 0x80, 0, 0]),
    ("0x8006000080000000", [0x80, 6, 0, 0, 0x80, 0, 0, 0]),
    ("0x8009000000000040", [0x80, 9, 0, 0, 0, 0, 0, 64]),
    ("0x0109c0000201000a", [1, 9, 192, 0, 2, 1, 0, 10]),
    ("0x0600030000000005", [6, 0, 3, 0, 0, 0, 0, 5]),
    ("0x8000000000010501", [0x80, 0, 0, 0, 0, 1, 5, 1]),
    ("0x4002fde900000064", [0x40, 2, 0xfd, 0xe9, 0, 0, 0, 100]),
    ("0xffffffffffffffff", [0xff; 8]),
];

#[test]
fn golden() {
    for (text, bytes) in GOLDEN {
        assert_eq!(ExtCommunity(*bytes).to_string(), *text);
        assert_eq!(text.parse(), Ok(ExtCommunity(*bytes)), "{text}");
    }
}

#[test]
fn views_ignore_reserved_bits() {
    let kind = |bytes| ExtCommunity(bytes).kind();
    let mobility = ExtKind::MacMobility { sticky: true, sequence: 5 };
    assert_eq!(kind([6, 0, 0xff, 0xff, 0, 0, 0, 5]), mobility);
    let route_type =
        ExtKind::OspfRouteType { area: Ipv4Addr::LOCALHOST, route_type: 5, options: 1 };
    assert_eq!(kind([0x80, 0, 127, 0, 0, 1, 5, 1]), route_type);
    assert_eq!(kind([0x80, 9, 0, 0, 0, 0, 0, 0xc1]), ExtKind::TrafficMarking(1));
    assert_eq!(kind([0x12; 8]), ExtKind::Unknown);
}

#[test]
fn other_texts() {
    for (text, same) in [
        ("rt:4200000000:7", "rt:4200000000L:7"),
        ("target:1:2", "rt:1:2"),
        ("ORIGIN:1:2", "soo:1:2"),
        ("rate:0:5", "rate:5"),
        ("rate:1e3", "rate:1000"),
        ("encap:8", "encap:vxlan"),
        ("encap:VXLAN", "encap:vxlan"),
        ("esi-label:0x000640", "esi-label:100"),
        ("ov:1", "ov:not-found"),
    ] {
        assert_eq!(text.parse::<ExtCommunity>().unwrap().to_string(), same);
    }
    assert_eq!(ExtCommunity::route_target(65001, 100), "rt:65001:100".parse().unwrap());
    assert!(!ExtCommunity([0x40, 0, 0, 0, 0, 0, 0, 0]).is_transitive());
    for bad in [
        "",
        ":",
        "rt:1",
        "xx:1:1",
        "rt:70000:65536",
        "0x12",
        "rt:1.2.3:1",
        "rt:1:1:1",
        "rt:+1:1",
        "color:",
        "color:0x1:1",
        "color:4294967296",
        "mac-mobility:-1",
        "mac-mobility:sticky",
        "default-gw:1",
        "lbw:65001",
        "lbw:65001:-1",
        "lbw:65001:inf",
        "lbw:65001:1e99",
        "mark:64",
        "esi-label:1048576",
        "action:",
        "ov:maybe",
        "source-as:192.0.2.1:0",
        "vrf-import:1:2",
        "encap:warp",
        "0x0002fde9000000640",
    ] {
        assert!(bad.parse::<ExtCommunity>().is_err(), "{bad}");
    }
}

/// Communities of every type the module knows, and of none.
fn any_community() -> impl Strategy<Value = ExtCommunity> {
    let kinds = prop::sample::select(GOLDEN).prop_map(|(_, bytes)| bytes);
    let octet = prop_oneof![Just(0u8), Just(0x80), any::<u8>()];
    (kinds, prop::array::uniform6(octet)).prop_map(|([kind, subtype, ..], [a, b, c, d, e, f])| {
        ExtCommunity([kind, subtype, a, b, c, d, e, f])
    })
}

proptest! {
    #[test]
    fn text_reads_back(known in any_community(), any in any::<[u8; 8]>()) {
        for community in [known, ExtCommunity(any)] {
            prop_assert_eq!(community.to_string().parse(), Ok(community));
        }
    }

    /// Every finite rate has a text that reads back to the same bits.
    #[test]
    fn rates_are_exact(bits in 0u32..0x7f80_0000, asn in any::<u16>()) {
        let rate = ExtKind::TrafficRate { asn, octets: f32::from_bits(bits) }.encode().unwrap();
        prop_assert!(rate.to_string().starts_with("rate:"));
        prop_assert_eq!(rate.to_string().parse(), Ok(rate));
    }

    #[test]
    fn any_text(text in "[a-z0-9:.x-]{0,24}") {
        if let Ok(community) = text.parse::<ExtCommunity>() {
            prop_assert_eq!(community.to_string().parse(), Ok(community));
        }
    }
}
