//! Tunnel encapsulation: octets of RFC 9012, text both ways, and what is malformed where.

use super::*;

fn parsed(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    TunnelEncap::parse(text, &mut out).unwrap();
    assert_eq!(check(&out), Ok(()));
    out
}

/// One tunnel with all that RFC 9012 section 3 defines, octet by octet from its figures.
#[test]
fn every_sub_tlv() {
    let value = [
        &[0u8, 8, 0, 72][..],
        &[6, 10, 0, 0, 0, 0, 0, 1, 192, 0, 2, 1],
        &[1, 12, 0xc0, 0, 0, 100, 0, 0, 0x5e, 0, 0x53, 1, 0, 0],
        &[4, 8, 3, 11, 0x40, 0, 0, 0, 0, 5],
        &[2, 2, 0x65, 0x58],
        &[7, 1, 0xb8],
        &[8, 2, 0x12, 0xb5],
        &[9, 1, 1],
        &[10, 4, 0x00, 0x06, 0x41, 0xff],
        &[11, 10, 1, 0, 7, 0, 0, 0, 0, 0, 0, 9],
        &[0x80, 0, 1, 0xaa],
    ]
    .concat();
    let text = "vxlan[endpoint=192.0.2.1 encapsulation[vni=100 mac=00:00:5e:00:53:01] \
                color=0x4000:5 protocol=0x6558 ds=0xb8 udp-port=4789 embedded-label=1 \
                labels=100:0:1:255 prefix-sid[label-index=9] 128=0xaa]";
    assert_eq!(TunnelEncap::new(&value).to_string(), text);
    assert_eq!(parsed(text), value);
    let tunnel = TunnelEncap::new(&value).tunnels().next().unwrap();
    assert_eq!(tunnel.kind, TunnelType::VXLAN);
    assert_eq!(tunnel.endpoint(), Some(Endpoint::Address(Ipv4Addr::new(192, 0, 2, 1).into())));
    let mac = Some(MacAddr([0, 0, 0x5e, 0, 0x53, 1]));
    assert_eq!(tunnel.encapsulation(), Some(Encapsulation::Virtual { vni: Some(100), mac }));
}

#[test]
fn texts_are_what_they_say() {
    for text in [
        "",
        "gre[]",
        "gre[encapsulation[key=4294967295]] mpls-in-gre[encapsulation[key=0]]",
        "l2tpv3[encapsulation[session=7]] l2tpv3[encapsulation[session=7 cookie=0x0102030405060708]]",
        "vxlan-gpe[encapsulation[version=1 vni=16777215]] vxlan-gpe[encapsulation[version=0]]",
        "nvgre[encapsulation[]]",
        "geneve[endpoint=2001:db8::1] 777[endpoint=next-hop 200=0x 1=0x01]",
        "any[color=7 labels=1048575:7:0:0,0:0:1:1]",
        "mpls[endpoint=::ffff:192.0.2.1]",
    ] {
        assert_eq!(TunnelEncap::new(&parsed(text)).to_string(), text);
    }
}

#[test]
fn odd_bits_are_kept_in_hex() {
    for value in [
        // Reserved bits, an address family unknown, an address too short, a VNI not said to be valid.
        &[0u8, 8, 0, 8, 6, 6, 1, 0, 0, 0, 0, 0][..],
        &[0, 8, 0, 9, 6, 7, 0, 0, 0, 0, 0, 9, 1],
        &[0, 8, 0, 9, 6, 7, 0, 0, 0, 0, 0, 1, 1],
        &[0, 8, 0, 14, 1, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        &[0, 2, 0, 2, 10, 0],
        &[0, 2, 0, 6, 11, 4, 1, 0, 1, 0],
    ] {
        let text = TunnelEncap::new(value).to_string();
        assert!(text.contains("=0x"), "{text}");
        assert_eq!(parsed(&text), value);
    }
}

/// The shapes that brought down routers two hops away in 2023 (CVE-2023-38802): attributes of a few
/// octets, lengths past the end.
#[test]
fn faults_are_found_where_they_are() {
    for (value, at) in [
        (&[0u8][..], 0),
        (&[0, 8, 0], 0),
        (&[0, 8, 0, 1], 0),
        (&[0, 8, 0, 1, 6], 4),
        (&[0, 8, 0, 3, 6, 2, 0], 4),
        (&[0, 8, 0, 0, 0, 2], 4),
        (&[0, 8, 0, 4, 7, 1, 0, 6], 7),
        (&[0, 8, 0, 2, 0x80, 0], 4),
        (&[0, 8, 0, 3, 0x80, 0, 1, 9], 4),
    ] {
        assert_eq!(check(value), Err(at), "{value:?}");
        // Reading all the same ends, and does not panic.
        let _ = TunnelEncap::new(value).to_string();
    }
    assert_eq!(check(&[]), Ok(()));
}

#[test]
fn bad_texts() {
    for bad in [
        "vxlan",
        "vxlan=1",
        "warp[]",
        "65536[]",
        "vxlan[endpoint=here]",
        "vxlan[encapsulation[vni=16777216]]",
        "gre[encapsulation[]]",
        "mpls[encapsulation[]]",
        "gre[labels=]",
        "gre[labels=1:8:0:0]",
        "gre[256=0x]",
        "gre[1=0x0]",
        "gre[color]",
    ] {
        assert!(TunnelEncap::parse(bad, &mut Vec::new()).is_err(), "{bad}");
    }
}
