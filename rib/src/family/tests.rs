//! What goes into a row's key and what into the rest, and that both make the route again.

use bgp_wire::{EvpnRoute, Labeled, Vpn};

use super::*;

/// Splits and joins; returns the key's text and the rest.
fn halves<P: TableFamily>(route: &P::Wire) -> (P, Vec<u8>) {
    let mut rest = Vec::new();
    let key = P::split(route, &mut rest).expect("a route that can be kept");
    assert_eq!(key.join(&rest), *route);
    (key, rest)
}

#[test]
fn indices_and_families_agree() {
    let mut seen = Vec::new();
    each_family!(P => {
        assert_eq!(family_index(<P as TableFamily>::FAMILY), Some(<P as TableFamily>::INDEX));
        assert!(<<P as TableFamily>::Wire as Nlri>::FAMILIES.contains(&<P as TableFamily>::FAMILY));
        let found = with_family!(<P as TableFamily>::INDEX, Q => <Q as TableFamily>::FAMILY);
        assert_eq!(found, Some(<P as TableFamily>::FAMILY));
        seen.push(<P as TableFamily>::FAMILY);
    });
    assert_eq!(seen, FAMILIES);
    assert_eq!(family_index(Family::IPV4_FLOW_SPEC), None);
    assert_eq!(with_family!(8, P => <P as TableFamily>::INDEX), None);
}

#[test]
fn labels_are_no_part_of_the_key() {
    for text in [
        "65001:100:192.0.2.0/24 label 100",
        "65001:100:192.0.2.0/24 label 100,200,300",
        "192.0.2.1:7:0.0.0.0/0 label 3",
        "65001:100:192.0.2.0/24 label 100/tc=3",
    ] {
        let route: Vpn<V4Prefix> = text.parse().unwrap();
        let (key, rest) = halves::<VpnKey<V4Prefix>>(&route);
        assert_eq!(key.to_string(), text.split(' ').next().unwrap());
        assert_eq!(key.to_string().parse(), Ok(key));
        assert_eq!(rest.len(), 3 * route.labels().len());
        assert_eq!(key.prefix(), Some(Prefix::V4(route.prefix())));
        assert!(key.join(&[]).labels().is_empty());
    }
    let (a, b): (Labeled<V6Prefix>, Labeled<V6Prefix>) =
        ("2001:db8::/32 label 1".parse().unwrap(), "2001:db8::/32 label 2".parse().unwrap());
    let (key, one) = halves::<LabeledKey<V6Prefix>>(&a);
    let (same, two) = halves::<LabeledKey<V6Prefix>>(&b);
    assert_eq!(key, same);
    assert_ne!(one, two);
}

#[test]
fn evpn_keys_are_those_of_the_rfcs() {
    for (text, key, rest) in [
        (
            "ethernet-ad rd 65001:1 esi as:65001:7 tag 7 label 9",
            "ethernet-ad rd 65001:1 esi as:65001:7 tag 7",
            3,
        ),
        (
            "mac-ip rd 65001:1 esi 0 tag 5 mac 00:11:22:aa:bb:cc label 100",
            "mac-ip rd 65001:1 tag 5 mac 00:11:22:aa:bb:cc",
            13,
        ),
        (
            "mac-ip rd 65001:1 esi as:65001:7 tag 5 mac 00:11:22:aa:bb:cc ip 192.0.2.1 label 100,200",
            "mac-ip rd 65001:1 tag 5 mac 00:11:22:aa:bb:cc ip 192.0.2.1",
            16,
        ),
        (
            "mac-ip rd 65001:1 esi 0 tag 5 mac 00:11:22:aa:bb:cc ip 2001:db8::1 label 100",
            "mac-ip rd 65001:1 tag 5 mac 00:11:22:aa:bb:cc ip 2001:db8::1",
            13,
        ),
        (
            "multicast rd 65001:1 tag 0 originator 192.0.2.1",
            "multicast rd 65001:1 tag 0 originator 192.0.2.1",
            0,
        ),
        (
            "multicast rd 65001:1 tag 0 originator 2001:db8::1",
            "multicast rd 65001:1 tag 0 originator 2001:db8::1",
            0,
        ),
        (
            "segment rd 65001:1 esi as:65001:7 originator 2001:db8::1",
            "segment rd 65001:1 esi as:65001:7 originator 2001:db8::1",
            0,
        ),
        (
            "ip-prefix rd 65001:1 esi 0 tag 0 prefix 192.0.2.0/24 gateway 198.51.100.1 label 100",
            "ip-prefix rd 65001:1 tag 0 prefix 192.0.2.0/24",
            17,
        ),
        (
            "ip-prefix rd 65001:1 esi 0 tag 0 prefix 2001:db8::/32 gateway 2001:db8::9 label 100",
            "ip-prefix rd 65001:1 tag 0 prefix 2001:db8::/32",
            29,
        ),
        ("type-9 0x0102", "type-9 0x0102", 0),
    ] {
        let route: EvpnRoute = text.parse().unwrap();
        let (row, octets) = halves::<EvpnRowKey>(&route);
        assert_eq!((row.to_string().as_str(), octets.len()), (key, rest), "{text}");
        assert_eq!(row.to_string().parse(), Ok(row), "{text}");
        assert_eq!(text.parse(), Ok(row));
        // A withdrawal names the same row.
        assert_eq!(EvpnRowKey::of(&row.join(&[])), Some(row), "{text}");
        assert_eq!(row.is_station(), text.starts_with("mac-ip"));
    }
    let long = EvpnRoute::from_value(9, &[7; 35]).unwrap();
    assert_eq!(EvpnRowKey::split(&long, &mut Vec::new()), None);
}
