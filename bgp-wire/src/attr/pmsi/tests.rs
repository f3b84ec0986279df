//! PMSI_TUNNEL: each tunnel type, faults, text both ways.

use proptest::{collection::vec, prelude::*};

use super::*;

fn value(flags: u8, tunnel: u8, label: [u8; 3], id: &[u8]) -> Vec<u8> {
    [&[flags, tunnel][..], &label, id].concat()
}

#[track_caller]
fn shown(bytes: &[u8], text: &str) {
    let pmsi = Pmsi::new(bytes).unwrap();
    assert_eq!(pmsi.to_string(), text);
    assert_eq!(Pmsi::parse(text).unwrap(), bytes);
    let mut again = Vec::new();
    pmsi.put(&mut again);
    assert_eq!(again, bytes);
}

#[test]
fn every_type() {
    shown(&value(0, 0, [0; 3], &[]), "no-tunnel label-field 0x000000");
    shown(
        &value(1, 6, [0, 6, 0x40], &[192, 0, 2, 1]),
        "ingress-replication endpoint 192.0.2.1 label-field 0x000640 (label 100, VNI 1600) \
         leaf-info-required",
    );
    let v6 = "2001:db8::1".parse::<Ipv6Addr>().unwrap().octets();
    shown(
        &value(0, 6, [0; 3], &v6),
        "ingress-replication endpoint 2001:db8::1 label-field 0x000000",
    );
    shown(
        &value(2, 1, [0; 3], &[10, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0, 7]),
        "rsvp-te-p2mp extended-tunnel-id 10.0.0.1 tunnel-id 5 p2mp-id 7 label-field 0x000000 \
         flags 0x02",
    );
    shown(
        &value(0, 1, [0; 3], &[&v6[..], &[0, 1, 0, 5, 0, 0, 0, 7]].concat()),
        "rsvp-te-p2mp extended-tunnel-id 2001:db8::1 tunnel-id 5 p2mp-id 7 reserved 1 \
         label-field 0x000000",
    );
    shown(
        &value(0, 2, [0; 3], &[6, 0, 1, 4, 10, 0, 0, 1, 0, 3, 1, 2, 3]),
        "mldp-p2mp fec 6 root 10.0.0.1 opaque 0x010203 label-field 0x000000",
    );
    shown(
        &value(0, 7, [0; 3], &[8, 0, 1, 4, 10, 0, 0, 1, 0, 0]),
        "mldp-mp2mp fec 8 root 10.0.0.1 opaque 0x label-field 0x000000",
    );
    for (kind, name) in [(3, "pim-ssm"), (4, "pim-sm"), (5, "pim-bidir")] {
        shown(
            &value(0, kind, [0; 3], &[10, 0, 0, 1, 232, 0, 0, 1]),
            &format!("{name} source 10.0.0.1 group 232.0.0.1 label-field 0x000000"),
        );
        shown(
            &value(0, kind, [0; 3], &[v6, v6].concat()),
            &format!("{name} source 2001:db8::1 group 2001:db8::1 label-field 0x000000"),
        );
    }
    shown(&value(0, 11, [0; 3], &[1, 2]), "type-11 identifier 0x0102 label-field 0x000000");
}

#[test]
fn malformed() {
    for length in 0..5 {
        assert_eq!(Pmsi::new(&[0; 4][..length.min(4)]), None);
    }
    for kind in [0x0e, 0x20, 0x7a, 0x7f, 0xff] {
        assert_eq!(Pmsi::new(&value(0, kind, [0; 3], &[10, 0, 0, 1])), None, "type {kind}");
    }
    let wrong: [(u8, &[usize]); 5] = [
        (0, &[1, 4]),
        (1, &[0, 4, 8, 11, 13, 23, 25]),
        (3, &[0, 4, 7, 9, 20, 31, 33]),
        (5, &[0, 4, 7, 9, 20, 31, 33]),
        (6, &[0, 3, 5, 8, 15, 17]),
    ];
    for (kind, lengths) in wrong {
        for length in lengths {
            assert_eq!(Pmsi::new(&value(0, kind, [0; 3], &vec![1; *length])), None, "{kind}");
        }
    }
    let fec = [6, 0, 1, 4, 10, 0, 0, 1, 0, 3, 1, 2, 3];
    for cut in 0..fec.len() {
        assert_eq!(Pmsi::new(&value(0, 2, [0; 3], &fec[..cut])), None, "{cut}");
    }
    assert_eq!(Pmsi::new(&value(0, 2, [0; 3], &[&fec[..], &[0]].concat())), None);
    // Address family and length disagree.
    assert_eq!(Pmsi::new(&value(0, 2, [0; 3], &[6, 0, 2, 4, 10, 0, 0, 1, 0, 0])), None);
}

#[test]
fn wrong_texts() {
    for bad in [
        "",
        "no-tunnel",
        "type-255 identifier 0x label-field 0x000000",
        "type-256 identifier 0x label-field 0x000000",
        "ingress-replication label-field 0x000000",
        "ingress-replication endpoint 10.0.0 label-field 0x000000",
        "ingress-replication endpoint 10.0.0.1 label-field 0x00",
        "ingress-replication endpoint 10.0.0.1 label-field 0x000000 flags 0x0000",
        "ingress-replication endpoint 10.0.0.1 label-field 0x000000 (",
        "pim-sm source 10.0.0.1 group 2001:db8::1 label-field 0x000000",
        "no-tunnel label-field 0x000000 more",
    ] {
        assert!(Pmsi::parse(bad).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn text_parses_back(
        flags: u8,
        kind in prop_oneof![0u8..14, any::<u8>()],
        label: [u8; 3],
        id in prop_oneof![
            vec(any::<u8>(), 0..40),
            vec(any::<u8>(), 4),
            vec(any::<u8>(), 8),
            vec(any::<u8>(), 12),
            vec(any::<u8>(), 32),
            (any::<u8>(), any::<[u8; 4]>(), vec(any::<u8>(), 0..20)).prop_map(|(fec, root, opaque)| {
                [&[fec, 0, 1, 4][..], &root, &[0, opaque.len() as u8], &opaque].concat()
            }),
        ],
    ) {
        let bytes = value(flags, kind, label, &id);
        if let Some(pmsi) = Pmsi::new(&bytes) {
            prop_assert_eq!(Pmsi::parse(&pmsi.to_string()).unwrap(), &bytes[..]);
            let mut again = Vec::new();
            pmsi.put(&mut again);
            prop_assert_eq!(again, bytes);
        }
    }
}
