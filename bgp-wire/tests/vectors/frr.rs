//! FRR's unit tests of bgpd (octets only; the RFC 7606 cases are with the other verdicts).

use bgp_wire::{AsPath, Capability, DecodeErrorKind, Open, UpdateContext};

use crate::read::{Outcome, body, context, field, hex, json, update};

const FILE: &str = "vectors/frr/bgpd_unit_vectors.json";

/// The verdict on one capability, or on whole parameters (names with a capital C or A).
fn capabilities(name: &str, octets: &[u8]) -> Result<Vec<Capability>, DecodeErrorKind> {
    let is_parameters = name.starts_with("Cap-") || name.starts_with("AS4");
    let parameters = if is_parameters {
        octets.to_vec()
    } else {
        [&[2, u8::try_from(octets.len()).unwrap()], octets].concat()
    };
    let length = u8::try_from(parameters.len()).unwrap();
    let head = [4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1, length];
    Open::decode(&[&head[..], &parameters].concat())
        .map(|open| open.capabilities)
        .map_err(|error| error.kind)
}

/// A route with this AS_PATH from an external peer of two-octet numbers.
fn path(octets: &[u8], confederation: bool) -> Result<String, DecodeErrorKind> {
    let length = u16::try_from(octets.len()).unwrap().to_be_bytes();
    let list = [&[0x40, 1, 1, 0, 0x40, 3, 4, 192, 0, 2, 1, 0x50, 2][..], &length, octets].concat();
    let ctx = UpdateContext { as4: false, ebgp: true, confederation, ..context() };
    match update(&body(&list, &[8, 10]), &ctx) {
        Outcome::Good(update) => Ok(AsPath::of(&update.canonical).to_string()),
        Outcome::Withdraw(error) | Outcome::Reset(error) => Err(error.kind),
    }
}

/// An MP attribute with the mandatory ones.
fn multiprotocol(kind: u8, octets: &[u8]) -> Result<Vec<String>, DecodeErrorKind> {
    let head = [0x80, kind, u8::try_from(octets.len()).unwrap()];
    let mandatory: &[u8] = &[0x40, 1, 1, 0, 0x40, 2, 0];
    match update(&body(&[mandatory, &head, octets].concat(), &[]), &context()) {
        Outcome::Good(u) => {
            let announced = u.announced.iter().map(|(.., route)| route.to_string());
            Ok(announced.chain(u.withdrawn.iter().map(|(.., route)| route.to_string())).collect())
        }
        Outcome::Withdraw(error) | Outcome::Reset(error) => Err(error.kind),
    }
}

#[test]
fn unit_vectors() {
    let Some(cases) = json("frr::unit_vectors", FILE) else { return };
    let mut seen = [0; 3];
    for case in &cases {
        let (file, name) = (field(case, "file"), field(case, "name"));
        let octets = hex(field(case, "hex"));
        match file {
            "test_capability.c" => {
                seen[0] += 1;
                let found = capabilities(name, &octets);
                match name {
                    // FRR takes it; RFC 2918 section 2 gives this capability a length of zero.
                    "padded" => assert_eq!(found, Err(DecodeErrorKind::MalformedCapability(2))),
                    // FRR refuses the session; we make no use of the capability, and what is not
                    // understood is ignored (RFC 5492 section 3).
                    "minsize" => {
                        let kept = Capability::Unknown { code: 3, value: vec![0, 0].into() };
                        assert_eq!(found.unwrap(), [kept]);
                    }
                    // One octet longer than its parameter.
                    "ORFlu" => {
                        assert_eq!(found, Err(DecodeErrorKind::MalformedOptionalParameters));
                    }
                    "GR" => {
                        // Fourteen octets: a head and three families.
                        let Ok([Capability::GracefulRestart { families, restart_time, .. }]) =
                            found.as_deref()
                        else {
                            panic!("{found:?}")
                        };
                        assert_eq!((families.len(), *restart_time), (3, 0x112));
                    }
                    "Cap-singlets" => assert_eq!(found.unwrap().len(), 4),
                    "AS4more" | "AS4series" => {
                        let list = found.unwrap();
                        let asn = Capability::FourOctetAs(bgp_wire::Asn(196_614));
                        assert!(list.contains(&asn), "{list:?}");
                    }
                    _ => {
                        let [one] = &found.unwrap()[..] else { panic!("{name}") };
                        assert!(!matches!(one, Capability::Unknown { .. }), "{name}");
                    }
                }
            }
            "test_aspath.c" => {
                seen[1] += 1;
                let found = path(&octets, name.contains("confed"));
                match name {
                    // RFC 7607.
                    name if name.starts_with("BGP_AS_ZERO") => {
                        assert_eq!(found, Err(DecodeErrorKind::MalformedAsPath));
                    }
                    "seq2" => assert_eq!(found.unwrap(), "8722 | 4"),
                    "long" => assert_eq!(found.unwrap().split(' ').count(), 250),
                    name => {
                        // "seq(1,2) set(3,4)": the numbers, in that order.
                        let desc = field(case, "desc").replace("0.", "");
                        let numbers = |text: &str| -> Vec<u32> {
                            text.split(|c: char| !c.is_ascii_digit())
                                .filter_map(|n| n.parse().ok())
                                .collect()
                        };
                        assert_eq!(numbers(&found.unwrap()), numbers(&desc), "{name}");
                    }
                }
            }
            _ => {
                seen[2] += 1;
                let kind = if name.contains("unreach") { 15 } else { 14 };
                let found = multiprotocol(kind, &octets);
                // Their next hop, fffe:102:..., is a multicast address; RFC 4271 section 6.3 has a
                // route to one ignored. With a unicast one the rest is as they expect.
                let with_unicast = || {
                    assert_eq!(found, Err(DecodeErrorKind::InvalidNextHop), "{name}");
                    let mut octets = octets.clone();
                    octets[4] = 0x20;
                    multiprotocol(kind, &octets).unwrap()
                };
                let refused = Err(DecodeErrorKind::OptionalAttribute(kind));
                match name {
                    "IPv6" => assert_eq!(with_unicast(), ["fffe:102::/32"]),
                    "IPv6-2" => {
                        assert_eq!(with_unicast(), ["fffe:102::/32", "fffe:1:2:3::/64"]);
                    }
                    "IPv4" => {
                        assert_eq!(found.unwrap(), ["10.1.0.0/16", "10.2.0.0/17", "0.0.0.0/0"]);
                    }
                    "PREFIX-SID" => {
                        // Not of this attribute: a label index and an SRGB.
                        let list = [&[0xc0, 40, 21][..], &octets].concat();
                        let mandatory = [0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 3, 4, 192, 0, 2, 1];
                        let whole = body(&[&mandatory[..], &list].concat(), &[8, 10]);
                        let good = update(&whole, &context()).good();
                        assert_eq!(good.discarded, 0);
                        assert!(good.canonical.ends_with(&list));
                    }
                    // Without the multiple labels capability there is one label, whatever its S bit
                    // (RFC 8277 section 2.2): both routes fill their lengths.
                    "IPv4-VPNv4-plenn-short" => {
                        let routes = found.unwrap();
                        assert_eq!(routes.len(), 2);
                        assert!(routes[0].contains("10.1.0.0/16"), "{routes:?}");
                        assert!(routes[1].contains("0.0.0.0/2"), "{routes:?}");
                    }
                    _ => assert_eq!(found, refused, "{name}"),
                }
            }
        }
    }
    assert_eq!(seen, [14, 9, 8]);
}
