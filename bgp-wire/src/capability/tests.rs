//! Capabilities: wire forms, limits, malformed values.

use super::*;
use crate::DecodeErrorKind;

const V4: Family = Family::IPV4_UNICAST;
const V6: Family = Family::IPV6_UNICAST;

fn wire(c: &Capability) -> Vec<u8> {
    let mut out = Vec::new();
    c.put(&mut out);
    out
}

/// Read as its low octet, 0x0480 would be VPN-IPv4, which the peer has not offered.
#[test]
fn extended_next_hop_safi_beyond_an_octet_is_not_understood() {
    let value = [0, 1, 0, 1, 0, 2, 0, 1, 4, 0x80, 0, 2];
    let read = Capability::decode(code::EXTENDED_NEXT_HOP, &value, 0).unwrap();
    assert!(!matches!(read, Capability::ExtendedNextHop(_)), "{read:?}");
    assert_eq!(wire(&read)[2..], value);
}

#[test]
fn wire_forms() {
    let cases: [(Capability, &[u8]); 15] = [
        (Capability::MultiProtocol(V6), &[1, 4, 0, 2, 0, 1]),
        (Capability::RouteRefresh, &[2, 0]),
        (
            Capability::ExtendedNextHop(vec![ExtendedNextHop { family: V4, next_hop: Afi::IPV6 }]),
            &[5, 6, 0, 1, 0, 1, 0, 2],
        ),
        (Capability::ExtendedMessage, &[6, 0]),
        (Capability::Role(3), &[9, 1, 3]),
        (
            Capability::GracefulRestart {
                restarting: true,
                notification: true,
                restart_time: 120,
                families: vec![GracefulFamily { family: V4, forwarding: true }],
            },
            &[64, 6, 0xc0, 120, 0, 1, 1, 0x80],
        ),
        (Capability::FourOctetAs(Asn(65536)), &[65, 4, 0, 1, 0, 0]),
        (
            Capability::AddPath(vec![(V4, AddPathDirection::Both), (V6, AddPathDirection::Send)]),
            &[69, 8, 0, 1, 1, 3, 0, 2, 1, 2],
        ),
        (
            Capability::LongLivedGracefulRestart(vec![LongLivedFamily {
                family: V6,
                forwarding: false,
                stale_time: 0x01_0203,
            }]),
            &[71, 7, 0, 2, 1, 0, 1, 2, 3],
        ),
        (
            Capability::Fqdn { hostname: "n1".into(), domain: "x".into() },
            &[73, 5, 2, b'n', b'1', 1, b'x'],
        ),
        (Capability::SoftwareVersion("c/1".into()), &[75, 4, 3, b'c', b'/', b'1']),
        (
            Capability::OutboundRouteFiltering(vec![
                OrfFamily { family: V4, filters: vec![(64, AddPathDirection::Both)] },
                OrfFamily { family: V6, filters: vec![] },
            ]),
            &[3, 12, 0, 1, 0, 1, 1, 64, 3, 0, 2, 0, 1, 0],
        ),
        (Capability::MultipleLabels(vec![(Family::IPV4_LABELED, 3)]), &[8, 4, 0, 1, 4, 3]),
        (Capability::PathsLimit(vec![(V4, 300)]), &[76, 5, 0, 1, 1, 1, 44]),
        (Capability::LinkLocalNextHop, &[77, 0]),
    ];
    for (capability, bytes) in cases {
        assert_eq!(wire(&capability), bytes, "{capability:?}");
        assert_eq!(Capability::decode(bytes[0], &bytes[2..], 0), Ok(capability));
    }
}

#[test]
fn unknown_is_kept() {
    let c = Capability::decode(200, &[1, 2, 3], 0).unwrap();
    assert_eq!(wire(&c), [200, 3, 1, 2, 3]);
}

/// CVE-2022-37032, CVE-2023-31489, CVE-2023-41361 class: shorter or longer than the capability can
/// be.
#[test]
fn impossible_lengths_are_2_0() {
    for (code, lengths) in [
        (1u8, &[0usize, 3, 5][..]),
        (2, &[1]),
        (5, &[1, 5, 7]),
        (6, &[1]),
        (9, &[0, 2]),
        (64, &[0, 1, 3, 5, 7]),
        (65, &[0, 3, 5]),
        (69, &[1, 3, 5]),
        (70, &[4]),
        (71, &[1, 6, 8]),
    ] {
        for &length in lengths {
            let e = Capability::decode(code, &vec![1; length], 31).unwrap_err();
            assert_eq!(e.kind, DecodeErrorKind::MalformedCapability(code));
            assert_eq!(e.at, 31);
            assert_eq!(e.kind.code(), (2, 0));
        }
    }
}

/// GoBGP's software-version crash (CVE-2025-43971 class): informational ones are never fatal.
#[test]
fn malformed_informational_is_kept_raw() {
    for value in [&[][..], &[5, b'a'], &[1, b'a', b'b'], &[1, 0xff]] {
        for code in [code::FQDN, code::SOFTWARE_VERSION] {
            let c = Capability::decode(code, value, 0).unwrap();
            assert!(matches!(c, Capability::Unknown { .. }), "{c:?}");
        }
    }
    for (code, value) in [
        (code::OUTBOUND_ROUTE_FILTERING, &[0, 1, 0, 1][..]),
        (code::OUTBOUND_ROUTE_FILTERING, &[0, 1, 0, 1, 2, 64, 3]),
        (code::OUTBOUND_ROUTE_FILTERING, &[0, 1, 0, 1, 1, 64, 4]),
        (code::MULTIPLE_LABELS, &[0, 1, 4]),
        (code::PATHS_LIMIT, &[0, 1, 1, 0]),
        (code::LINK_LOCAL_NEXT_HOP, &[0]),
    ] {
        let c = Capability::decode(code, value, 0).unwrap();
        assert_eq!(c, Capability::Unknown { code, value: value.to_vec().into() });
    }
    let bad_direction = [0, 1, 1, 0];
    let c = Capability::decode(code::ADD_PATH, &bad_direction, 0).unwrap();
    assert!(matches!(c, Capability::Unknown { code: code::ADD_PATH, .. }));
}

#[test]
fn long_lists_are_continued() {
    let list = vec![(V4, AddPathDirection::Both); 100];
    let bytes = wire(&Capability::AddPath(list));
    assert_eq!((bytes[1], bytes[254 + 1]), (252, 148));
    assert_eq!(bytes.len(), 4 + 400);
}

#[test]
fn long_texts_are_cut() {
    let long = "x".repeat(300);
    let bytes = wire(&Capability::Fqdn { hostname: long.clone(), domain: long.clone() });
    assert_eq!((bytes.len(), bytes[1], bytes[2]), (257, 255, 253));
    assert_eq!(wire(&Capability::SoftwareVersion(long)).len(), 257);
    assert!(wire(&Capability::Unknown { code: 9, value: vec![0; 256].into() }).is_empty());
}

#[test]
fn long_filters_are_continued() {
    let filters = vec![(64, AddPathDirection::Send); 255];
    let list = vec![OrfFamily { family: V4, filters }; 2];
    let bytes = wire(&Capability::OutboundRouteFiltering(list));
    let (mut rest, mut filters) = (&bytes[..], 0);
    while let [code, length, tail @ ..] = rest {
        let (value, tail) = tail.split_at(usize::from(*length));
        let Capability::OutboundRouteFiltering(list) = Capability::decode(*code, value, 0).unwrap()
        else {
            panic!("{value:?}")
        };
        filters += list.iter().map(|entry| entry.filters.len()).sum::<usize>();
        rest = tail;
    }
    assert_eq!(filters, 510);
}

#[test]
fn text() {
    let graceful = |restarting, notification, families| Capability::GracefulRestart {
        restarting,
        notification,
        restart_time: 120,
        families,
    };
    let v4 = GracefulFamily { family: V4, forwarding: true };
    let v6 = GracefulFamily { family: V6, forwarding: false };
    let long = |stale_time| LongLivedFamily { family: V4, forwarding: true, stale_time };
    let filters = vec![(64, AddPathDirection::Both), (128, AddPathDirection::Send)];
    for (capability, text) in [
        (Capability::MultiProtocol(V4), "ipv4/unicast"),
        (Capability::RouteRefresh, "route-refresh"),
        (Capability::EnhancedRouteRefresh, "enhanced-route-refresh"),
        (Capability::ExtendedMessage, "extended-message"),
        (
            Capability::ExtendedNextHop(vec![ExtendedNextHop { family: V4, next_hop: Afi::IPV6 }]),
            "extended-next-hop ipv4/unicast over ipv6",
        ),
        (graceful(false, true, vec![v4]), "graceful-restart 120 s, notification, ipv4/unicast(F)"),
        (
            graceful(true, false, vec![v4, v6]),
            "graceful-restart 120 s, restarting, ipv4/unicast(F), ipv6/unicast",
        ),
        (graceful(false, false, vec![]), "graceful-restart 120 s"),
        (Capability::FourOctetAs(Asn(65536)), "four-octet-as 65536"),
        (
            Capability::AddPath(vec![(V4, AddPathDirection::Both), (V6, AddPathDirection::Send)]),
            "add-path ipv4/unicast both, ipv6/unicast send",
        ),
        (Capability::AddPath(vec![]), "add-path"),
        (Capability::Role(2), "role route-server-client"),
        (Capability::Role(77), "role 77"),
        (Capability::Fqdn { hostname: "n1".into(), domain: "a.b".into() }, "fqdn n1.a.b"),
        (Capability::Fqdn { hostname: "n\n".into(), domain: "".into() }, "fqdn n\\n"),
        (Capability::SoftwareVersion("c \"1\"".into()), r#"software-version "c \"1\"""#),
        (
            Capability::LongLivedGracefulRestart(vec![long(60), long(7)]),
            "long-lived-graceful-restart ipv4/unicast(F) 60 s, ipv4/unicast(F) 7 s",
        ),
        (
            Capability::OutboundRouteFiltering(vec![OrfFamily { family: V4, filters }]),
            "outbound-route-filtering ipv4/unicast type 64 both type 128 send",
        ),
        (
            Capability::MultipleLabels(vec![(Family::IPV6_LABELED, 255)]),
            "multiple-labels ipv6/labeled-unicast 255",
        ),
        (Capability::PathsLimit(vec![(V4, 8)]), "paths-limit ipv4/unicast 8"),
        (Capability::LinkLocalNextHop, "link-local-next-hop"),
        (Capability::Unknown { code: 200, value: vec![1, 2].into() }, "capability 200 [0102]"),
    ] {
        assert_eq!(capability.to_string(), text);
    }
}
