//! Routes as ExaBGP sends them and has seen them, octet for octet.
//!
//! Origin of the octets: Exa-Networks/exabgp at 4460078e0019, `qa/decoding/bgp-evpn-1`,
//! `qa/decoding/bgp-flow-{1,2,4}`, `qa/encoding/conf-vpn.ci`; licence BSD-3-Clause. The meaning beside
//! them is what ExaBGP's own files say.

use bgp_wire::AnyNlri;

fn octets(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        hex.bytes().filter_map(|c| char::from(c).to_digit(16)).map(|d| d as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The routes of a field, which are written as they were read.
fn read(family: &str, withdrawn: bool, hex: &str) -> Vec<String> {
    let (family, field) = (family.parse().unwrap(), octets(hex));
    let (mut rest, mut texts, mut written) = (&field[..], Vec::new(), Vec::new());
    while !rest.is_empty() {
        let (route, tail) = AnyNlri::take(family, withdrawn, rest).unwrap();
        assert!(!route.is_malformed(), "{route}");
        if withdrawn {
            route.put_withdrawn(&mut written);
        } else {
            route.put(&mut written);
        }
        texts.push(route.to_string());
        rest = tail;
    }
    assert_eq!(written, field);
    texts
}

#[test]
fn evpn_withdrawals_among_them_a_type_without_fields() {
    let field = "08260001252C37768EAD000002001600000000030000085D0020EFFFFFFF20252C37760000000000
        02210001252C37370001000000000000000000000000076D30FC15B4787B8F00000000
        02250001252C372E0001000000000000000000000000051530E88088308BE9200A22100A000000";
    assert_eq!(
        read("l2vpn/evpn", true, field),
        [
            "type-8 0x0001252c37768ead000002001600000000030000085d0020efffffff20252c37760000000000",
            "mac-ip rd 37.44.55.55:1 esi 0 tag 1901 mac fc:15:b4:78:7b:8f label 0",
            "mac-ip rd 37.44.55.46:1 esi 0 tag 1301 mac e8:80:88:30:8b:e9 ip 10.34.16.10 label 0",
        ]
    );
}

#[test]
fn filters() {
    let v6 = "280180002A0229B8192500000000000000002E69024000BEEFF00E000000000381060C000400028008";
    assert_eq!(
        read("ipv6/flowspec", false, v6),
        ["dst 2a02:29b8:1925::2e69/128 src beef:f00e::/64 proto =6 fragment 0x04 0x02 0x08"]
    );
    assert_eq!(read("ipv4/flowspec", false, "050901048109"), ["tcp-flags =0x04 =0x09"]);
    assert_eq!(read("ipv4/flowspec", false, "05090090C241"), ["tcp-flags 0x90 &!0x41"]);
}

#[test]
fn vpn_routes() {
    let route = "71 003e81 0000fde800000001 0a000000";
    assert_eq!(read("ipv4/vpn", false, route), ["65000:1:10.0.0.0/25 label 1000"]);
}
