//! EVPN routes: octets of each type, text both ways, keys, and values that do not fit their type.

use super::*;

const RD: [u8; 8] = [0, 1, 192, 0, 2, 1, 0, 7];
const ESI: [u8; 10] = [5, 0, 0, 0xfd, 0xe9, 0, 0, 0, 9, 0];
const TAG: [u8; 4] = [0, 0, 1, 0];
const V6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// Text and octets of the same route.
fn same(text: &str, kind: u8, value: &[&[u8]]) -> EvpnRoute {
    let value = value.concat();
    let octets = [&[kind, u8::try_from(value.len()).unwrap()], value.as_slice()].concat();
    let route: EvpnRoute = text.parse().unwrap();
    let mut out = Vec::new();
    route.put(&mut out);
    assert_eq!((out.as_slice(), route.to_string().as_str()), (octets.as_slice(), text));
    assert_eq!(route.encoded_len(), octets.len());
    assert_eq!(EvpnRoute::take(&octets), Some((route.clone(), &[][..])));
    assert_eq!((EvpnRoute::scan(&octets), route.kind()), (Ok(1), kind));
    route
}

#[test]
fn types_one_to_five() {
    let rd = "rd 192.0.2.1:7";
    let ad = same(
        &format!("ethernet-ad {rd} esi as:65001:9 tag 256 label 1601"),
        1,
        &[&RD, &ESI, &TAG, &[0, 6, 0x41]],
    );
    assert_eq!(ad.labels().map(EvpnLabel::mpls_label).collect::<Vec<_>>(), [100]);
    let mac = [48, 0, 0x11, 0x22, 0xaa, 0xbb, 0xcc];
    let head = format!("mac-ip {rd} esi 0 tag 256 mac 00:11:22:aa:bb:cc");
    same(&format!("{head} label 10100"), 2, &[&RD, &[0; 10], &TAG, &mac, &[0], &[0, 0x27, 0x74]]);
    same(
        &format!("{head} ip 192.0.2.9 label 10100"),
        2,
        &[&RD, &[0; 10], &TAG, &mac, &[32, 192, 0, 2, 9], &[0, 0x27, 0x74]],
    );
    let both = same(
        &format!("{head} ip 2001:db8::1 label 10100,5000"),
        2,
        &[&RD, &[0; 10], &TAG, &mac, &[128], &V6, &[0, 0x27, 0x74], &[0, 0x13, 0x88]],
    );
    assert_eq!(both.labels().map(EvpnLabel::vni).collect::<Vec<_>>(), [10100, 5000]);
    same(
        &format!("multicast {rd} tag 256 originator 192.0.2.9"),
        3,
        &[&RD, &TAG, &[32, 192, 0, 2, 9]],
    );
    same(&format!("multicast {rd} tag 256 originator 2001:db8::1"), 3, &[&RD, &TAG, &[128], &V6]);
    same(
        &format!("segment {rd} esi as:65001:9 originator 192.0.2.9"),
        4,
        &[&RD, &ESI, &[32, 192, 0, 2, 9]],
    );
    same(
        &format!("ip-prefix {rd} esi 0 tag 0 prefix 198.51.100.0/24 label 5000"),
        5,
        &[&RD, &[0; 14], &[24, 198, 51, 100, 0], &[0; 4], &[0, 0x13, 0x88]],
    );
    same(
        &format!("ip-prefix {rd} esi 0 tag 0 prefix 198.51.100.0/24 gateway 192.0.2.9 label 0"),
        5,
        &[&RD, &[0; 14], &[24, 198, 51, 100, 0], &[192, 0, 2, 9], &[0; 3]],
    );
    same(
        &format!("ip-prefix {rd} esi 0 tag 0 prefix 2001:db8::1/128 gateway 2001:db8::1 label 0"),
        5,
        &[&RD, &[0; 14], &[128], &V6, &V6, &[0; 3]],
    );
}

#[test]
fn what_does_not_fit_is_kept() {
    let unknown = same("type-9 0x0102", 9, &[&[1, 2]]);
    assert!(!unknown.is_malformed() && unknown.rd().is_none());
    assert!(same("type-2 0x", 2, &[]).is_malformed());
    // Each known type at every length: read into fields or kept, never lost, and what follows is
    // found.
    for kind in 0..=6u8 {
        for len in 0..=255u8 {
            let octets = [&[kind, len][..], &vec![32; usize::from(len)], &[9, 0]].concat();
            let (route, rest) = EvpnRoute::take(&octets).unwrap();
            assert_eq!(rest, [9, 0]);
            let mut out = Vec::new();
            route.put(&mut out);
            // Only the host bits of an IP prefix are not kept.
            let cleared = (kind, len) == (5, 58);
            assert_eq!(out != octets[..octets.len() - 2], cleared, "type {kind} length {len}");
            assert_eq!(EvpnRoute::take(&out), Some((route.clone(), &[][..])));
            assert_eq!(route.to_string().parse(), Ok(route));
        }
    }
    // A prefix too long, a MAC address of other than 48 bits, an address of 33 bits.
    for (kind, value) in [
        (5, [&RD[..], &[0; 14], &[33], &[0; 11]].concat()),
        (2, [&RD[..], &[0; 14], &[47], &[0; 10]].concat()),
        (3, [&RD[..], &TAG, &[33], &[0; 4]].concat()),
        (1, vec![0; 26]),
    ] {
        assert!(EvpnRoute::from_value(kind, &value).unwrap().is_malformed(), "type {kind}");
    }
    assert_eq!(EvpnRoute::from_value(9, &[0; 256]), None);
}

/// A column is filled with what is read one by one.
#[test]
fn columns() {
    let mut field = Vec::new();
    for kind in 0..=6u8 {
        for len in 0..=70u8 {
            for bits in [0, 24, 32, 48, 128] {
                field.extend([kind, len]);
                field.extend(vec![bits; usize::from(len)]);
            }
        }
    }
    // A station with each form of address and labels.
    for (bits, octets) in [(0, 0), (32, 4), (128, 16)] {
        for labels in [3, 6] {
            let value =
                [&RD[..], &ESI, &TAG, &[48], &[2; 6], &[bits], &vec![9; octets + labels]].concat();
            field.extend([2, u8::try_from(value.len()).unwrap()]);
            field.extend(&value);
        }
    }
    let (mut column, mut withdrawn, mut rest) = (Vec::new(), Vec::new(), &field[..]);
    EvpnRoute::read_all(&field, &mut column);
    EvpnRoute::read_all_withdrawn(&field, &mut withdrawn);
    assert_eq!((Ok(column.len()), &column), (EvpnRoute::scan(&field), &withdrawn));
    for route in &column {
        let (taken, tail) = EvpnRoute::take(rest).unwrap();
        let value = EvpnRoute::from_value(rest[0], &rest[2..rest.len() - tail.len()]);
        assert_eq!((Some(&taken), value.as_ref()), (Some(route), Some(route)));
        rest = tail;
    }
    assert!(rest.is_empty());
    assert!(column.iter().rev().take(6).all(|route| !route.is_malformed()));
}

#[test]
fn a_length_past_the_field_is_a_fault() {
    for octets in [&[2][..], &[2, 1], &[9, 3, 1, 2]] {
        assert_eq!(EvpnRoute::take(octets), None);
        assert_eq!(EvpnRoute::scan(octets), Err(0));
    }
    assert_eq!(EvpnRoute::scan(&[9, 0, 9, 1]), Err(2));
}

#[test]
fn keys_leave_out_what_belongs_to_the_path() {
    let key = |text: &str| text.parse::<EvpnRoute>().unwrap().key();
    let mac = |esi: &str, label: u32| {
        key(&format!("mac-ip rd 1:1 esi {esi} tag 0 mac 00:11:22:aa:bb:cc label {label}"))
    };
    assert_eq!(mac("0", 1), mac("as:1:1", 2));
    let ad = |esi: &str| key(&format!("ethernet-ad rd 1:1 esi {esi} tag 0 label 0"));
    assert_ne!(ad("0"), ad("as:1:1"));
    let five = |rest: &str| key(&format!("ip-prefix rd 1:1 esi 0 tag 0 prefix 10.0.0.0/8 {rest}"));
    assert_eq!(five("label 1"), five("gateway 192.0.2.1 label 2"));
}

#[test]
fn bad_text() {
    for bad in [
        "",
        "mac-ip",
        "multicast rd 1:1 tag 0 originator 192.0.2.1 more",
        "multicast rd 1:1 tag +0 originator 192.0.2.1",
        "ip-prefix rd 1:1 esi 0 tag 0 prefix 10.0.0.0/8 gateway ::1 label 1",
        "ethernet-ad rd 1:1 esi 0 tag 0 label 16777216",
        "type-256 0x",
        "type-9 01",
    ] {
        assert!(bad.parse::<EvpnRoute>().is_err(), "{bad}");
    }
}
