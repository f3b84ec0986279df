//! Capabilities: wire forms, limits, malformed values.

use super::*;

const V4: Family = Family::IPV4_UNICAST;
const V6: Family = Family::IPV6_UNICAST;

fn wire(c: &Capability) -> Vec<u8> {
    let mut out = Vec::new();
    c.put(&mut out);
    out
}

#[test]
fn wire_forms() {
    let cases: [(Capability, &[u8]); 11] = [
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
