//! Flow specifications: octets of the RFCs, text both ways, and what is malformed.

use super::*;
use crate::prefix::{V4Prefix, V6Prefix};

type Spec4 = FlowSpec<V4Prefix>;
type Spec6 = FlowSpec<V6Prefix>;

/// Text and octets (behind the length) of the same filter.
fn same<P: NlriPrefix>(text: &str, value: &[u8]) -> FlowSpec<P> {
    let spec: FlowSpec<P> = text.parse().unwrap();
    assert_eq!((spec.value(), spec.to_string().as_str()), (value, text));
    assert!(!spec.is_malformed());
    let mut out = Vec::new();
    spec.put(&mut out);
    assert_eq!((out.len(), &out[1..]), (spec.encoded_len(), value));
    assert_eq!(FlowSpec::take(&out), Some((spec.clone(), &[][..])));
    spec
}

#[test]
fn the_examples_of_rfc_8955() {
    // Section 4.3.1: packets to 192.0.2.0/24 with TCP and port 25.
    let spec = same::<V4Prefix>(
        "dst 192.0.2.0/24 proto =6 port =25",
        &[1, 0x18, 0xc0, 0, 2, 3, 0x81, 6, 4, 0x81, 0x19],
    );
    assert_eq!(spec.destination(), Some("192.0.2.0/24".parse().unwrap()));
    // Section 4.3.2: from 203.0.113.0/24, port 137 to 139 or 8080.
    let value =
        [1, 0x18, 0xc0, 0, 2, 2, 0x18, 0xcb, 0, 0x71, 4, 3, 0x89, 0x45, 0x8b, 0x91, 0x1f, 0x90];
    let spec =
        same::<V4Prefix>("dst 192.0.2.0/24 src 203.0.113.0/24 port >=137 &<=139 =8080", &value);
    let Some(Component { value: ComponentValue::Numeric(tests), .. }) = spec.components().nth(2)
    else {
        panic!("no ports")
    };
    let passes: Vec<Vec<u64>> = tests
        .map(|test| [136, 137, 139, 140, 8080].into_iter().filter(|n| test.passes(*n)).collect())
        .collect();
    assert_eq!(passes, [vec![137, 139, 140, 8080], vec![136, 137, 139], vec![8080]]);
    // Section 4.3.3: never-fragmented packets... as an exact match of no fragment bits.
    same::<V4Prefix>("dst 192.0.2.1/32 fragment !0x0f", &[1, 0x20, 0xc0, 0, 2, 1, 12, 0x82, 0x0f]);
}

#[test]
fn the_examples_of_rfc_8956() {
    // Section 3.8.1: to ::1234:5678:9a00:0, bits 64 to 104, and with an upper-layer protocol.
    let value = [1, 0x68, 0x40, 0x12, 0x34, 0x56, 0x78, 0x9a];
    let spec = same::<V6Prefix>("dst ::1234:5678:9a00:0/64-104", &value);
    assert_eq!(spec.destination(), None);
    same::<V6Prefix>(
        "dst ::1234:5678:9a00:0/65-104",
        &[1, 0x68, 0x41, 0x24, 0x68, 0xac, 0xf1, 0x34],
    );
    same::<V6Prefix>(
        "src 2001:db8::/32 flow-label =1",
        &[2, 32, 0, 0x20, 1, 0xd, 0xb8, 13, 0xa1, 0, 0, 0, 1],
    );
    same::<V6Prefix>("dst ::/0", &[1, 0, 0]);
}

#[test]
fn tests_of_bits_and_numbers() {
    same::<V4Prefix>("tcp-flags =0x04 =0x09", &[9, 1, 4, 0x81, 9]);
    same::<V4Prefix>("tcp-flags 0x90 &!0x41", &[9, 0, 0x90, 0xc2, 0x41]);
    // AND in the first test means nothing, and is kept.
    same::<V4Prefix>("proto &=6", &[3, 0xc1, 6]);
    same::<V4Prefix>("tcp-flags !=0x0012", &[9, 0x93, 0, 0x12]);
    same::<V4Prefix>(
        "dport =80:2 !=65536 true1 false0:8",
        &[5, 0x11, 0, 80, 0x26, 0, 1, 0, 0, 7, 1, 0xb0, 0, 0, 0, 0, 0, 0, 0, 0],
    );
    same::<V4Prefix>(
        "icmp-type =8 icmp-code =0 length >1500 dscp =46",
        &[7, 0x81, 8, 8, 0x81, 0, 10, 0x92, 5, 0xdc, 11, 0x81, 46],
    );
    let bits = BitmaskTest { and: false, not: false, all: true, octets: 1, value: 0x12 };
    assert!(bits.passes(0x13) && !bits.passes(0x10));
    assert!(BitmaskTest { all: false, ..bits }.passes(0x10));
    assert!(BitmaskTest { not: true, ..bits }.passes(0x10));
}

#[test]
fn what_the_text_has_no_place_for() {
    for value in [
        &[1, 23, 192, 0, 3][..], // a host bit
        &[3, 0x89, 6],           // a reserved operator bit
    ] {
        let spec = Spec4::from_value(value).unwrap();
        assert!(!spec.is_malformed());
        assert_eq!(spec.value(), value);
        let text = spec.to_string();
        assert!(text.starts_with("0x"), "{text}");
        assert_eq!(text.parse(), Ok(spec));
    }
}

#[test]
fn malformed_values_cost_only_themselves() {
    for value in [
        &[][..],                    // nothing at all
        &[1],                       // no length
        &[1, 33, 1, 2, 3, 4, 5],    // too long a prefix
        &[1, 24, 192, 0],           // cut short
        &[3],                       // no test
        &[3, 0x01, 6],              // no end
        &[3, 0x91, 6],              // a value cut short
        &[4, 0x81, 25, 3, 0x81, 6], // out of order
        &[3, 0x81, 6, 3, 0x81, 6],  // twice
        &[13, 0x81, 1],             // a flow label in IPv4
        &[14, 0x81, 1],             // unknown
        &[0, 0x81, 1],
        &[12, 0x91, 0, 1],      // a fragment mask of two octets
        &[11, 0x91, 0, 1],      // a DSCP of two octets
        &[9, 0xa1, 0, 0, 0, 1], // TCP flags of four octets
        &[255; 19],
    ] {
        let mut octets = vec![u8::try_from(value.len()).unwrap()];
        octets.extend_from_slice(value);
        octets.extend_from_slice(&[3, 3, 0x81, 6]);
        let (spec, rest) = Spec4::take(&octets).unwrap();
        assert!(spec.is_malformed() && spec.components().count() == 0, "{value:?}");
        assert_eq!(spec.to_string().parse(), Ok(spec));
        assert_eq!(Spec4::take(rest).unwrap().0.to_string(), "proto =6");
        assert_eq!(Spec4::scan(&octets), Ok(2));
    }
    for value in [&[1, 64, 64][..], &[1, 0, 1], &[1, 129, 0], &[1, 64, 0, 1, 2]] {
        assert!(Spec6::from_value(value).unwrap().is_malformed(), "{value:?}");
    }
}

#[test]
fn lengths() {
    // 239 octets have a length of one octet, 240 one of two, 4095 is the end.
    for (octets, head) in [(239, &[0xef][..]), (240, &[0xf0, 0xf0]), (4095, &[0xff, 0xff])] {
        let spec = Spec4::from_value(&vec![0x11; octets]).unwrap();
        let mut out = Vec::new();
        spec.put(&mut out);
        assert_eq!(&out[..head.len()], head);
        assert_eq!((out.len(), Spec4::take(&out)), (spec.encoded_len(), Some((spec, &[][..]))));
        assert_eq!(Spec4::take(&out[..out.len() - 1]), None);
    }
    assert_eq!(Spec4::from_value(&[0; 4096]), None);
    // Two octets where one would do are understood.
    let (spec, rest) = Spec4::take(&[0xf0, 3, 3, 0x81, 6, 9]).unwrap();
    assert_eq!((spec.to_string().as_str(), rest), ("proto =6", &[9][..]));
    for short in [&[][..], &[1], &[0xf0], &[0xf0, 1], &[0xff, 0xff, 0]] {
        assert_eq!(Spec4::take(short), None, "{short:?}");
    }
}

#[test]
fn in_a_vpn() {
    let text = "rd 65001:1 dst 192.0.2.0/24 proto =17";
    let spec: VpnFlowSpec<V4Prefix> = text.parse().unwrap();
    let octets = [16, 0, 0, 0xfd, 0xe9, 0, 0, 0, 1, 1, 24, 192, 0, 2, 3, 0x81, 17];
    let mut out = Vec::new();
    spec.put(&mut out);
    assert_eq!((out.as_slice(), spec.to_string().as_str()), (&octets[..], text));
    assert_eq!(VpnFlowSpec::take(&octets), Some((spec.clone(), &[][..])));
    assert_eq!((spec.rd().to_string().as_str(), spec.encoded_len()), ("65001:1", 17));
    // No room for the distinguisher; room for nothing else.
    for len in 0..8 {
        assert_eq!(VpnFlowSpec::<V4Prefix>::take(&[&[len][..], &[0; 8]].concat()), None);
    }
    let (empty, _) = VpnFlowSpec::<V4Prefix>::take(&[8, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
    assert!(empty.is_malformed());
    assert_eq!(empty.to_string().parse(), Ok(empty));
    let longest = Spec4::from_value(&[0; 4087]).unwrap();
    assert!(VpnFlowSpec::new(RouteDistinguisher::ZERO, longest).is_some());
    let longer = Spec4::from_value(&[0; 4088]).unwrap();
    assert!(VpnFlowSpec::new(RouteDistinguisher::ZERO, longer).is_none());
}

#[test]
fn bad_text() {
    for bad in [
        "",
        "dst",
        "dst 192.0.2.0",
        "proto",
        "proto 6",
        "proto =",
        "proto =6:3",
        "proto =256:1",
        "dport =80 proto =6",
        "fragment =0x0001",
        "tcp-flags =2",
        "flow-label =1",
        "what =1",
        "dst 192.0.2.0/24 =6",
        "0x0",
    ] {
        assert!(bad.parse::<Spec4>().is_err(), "{bad}");
    }
    for bad in ["dst ::/64-64", "dst ::/65-64", "dst ::/129", "dst 192.0.2.0/24", "dst ::/0-129"] {
        assert!(bad.parse::<Spec6>().is_err(), "{bad}");
    }
}
