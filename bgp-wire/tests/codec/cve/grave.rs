//! CVE-2023-4481, CVE-2023-40457 and the rest of VU#347067: an attribute that a router on the way did
//! not look at never costs the session, and one we do not know leaves as it came, Partial set.

use super::*;

const GARBAGE: [&[u8]; 6] =
    [&[], &[0], &[0xff; 7], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], &[0xff; 255], &[0; 40]];
const CODES: [u8; 22] =
    [11, 12, 13, 19, 20, 21, 22, 23, 24, 27, 28, 30, 31, 33, 34, 35, 36, 40, 127, 128, 243, 255];

fn attribute(flags: u8, kind: u8, value: &[u8]) -> Vec<u8> {
    match u8::try_from(value.len()) {
        Ok(length) if flags & 0x10 == 0 => bytes(&[&[flags, kind, length], value]),
        _ => {
            let length = u16::try_from(value.len()).unwrap().to_be_bytes();
            bytes(&[&[flags | 0x10, kind], &length, value])
        }
    }
}

#[test]
fn optional_attributes_never_reset_a_session() {
    let mut seen = (0, 0, 0);
    for kind in CODES {
        for flags in [0xc0, 0xe0, 0xd0, 0xf0, 0x80, 0xa0, 0x90, 0xcf] {
            for value in GARBAGE {
                let out = with(&attribute(flags, kind, value));
                match out {
                    Kept(_, 0) => seen.0 += 1,
                    Kept(canonical, 1) => {
                        assert_eq!(canonical, good());
                        seen.1 += 1;
                    }
                    Withdraw(_) => {
                        assert!(attr::table::row(AttrType(kind)).is_some(), "{kind} unknown");
                        seen.2 += 1;
                    }
                    other => panic!("{kind} {flags:#x} {value:?}: {other:?}"),
                }
            }
        }
    }
    let (kept, discarded, withdrawn) = seen;
    assert_eq!(kept + discarded + withdrawn, CODES.len() * 8 * GARBAGE.len());
    assert!(kept > 300 && discarded > 20 && withdrawn > 100, "{seen:?}");
}

#[test]
fn unknown_transitive_attributes_are_relayed_octet_for_octet() {
    let mut relayed = 0;
    for kind in CODES.into_iter().filter(|kind| attr::table::row(AttrType(*kind)).is_none()) {
        for flags in [0xc0, 0xe0, 0xd0] {
            for value in GARBAGE {
                let Kept(canonical, 0) = with(&attribute(flags, kind, value)) else {
                    panic!("{kind} {flags:#x}")
                };
                let mut found = bgp_wire::attrs(&canonical).filter(|a| a.kind.0 == kind);
                let kept = found.next().unwrap();
                assert_eq!(kept.value, value);
                assert_eq!(kept.flags & 0xe0, 0xe0, "Partial marks that we did not read it");
                assert!(found.next().is_none());
                relayed += 1;
            }
        }
        // Optional non-transitive and unknown: quietly left out (RFC 4271 section 5).
        assert_eq!(with(&attribute(0x80, kind, &[1])), Kept(good(), 0), "{kind}");
    }
    assert!(relayed >= 15 * 3 * GARBAGE.len(), "{relayed}");
}

/// Old BIRD re-made attribute 35 with a wrong length (October 2025): a route, not the session.
#[test]
fn only_to_customer_of_every_length() {
    for length in 0..16 {
        let out = with(&attribute(0xe0, 35, &vec![1; length]));
        match length {
            4 => assert!(matches!(out, Kept(_, 0))),
            _ => assert_eq!(out, Withdraw(Kind::AttributeLength(35))),
        }
    }
}
