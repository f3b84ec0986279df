//! Cases collected from FRR's test suites, for the attributes that are known here.

use bgp_wire::{AttrType, attr};
use serde_json::Value;
use testkit::{data, skip::skip};

use super::{Verdict, body, hex, ibgp, verdict, with};

#[test]
fn frr() {
    let path = match data::file("vectors/frr/rfc7606_cases.json") {
        Ok(path) => path,
        Err(reason) => return skip("rfc7606::collected::frr", &reason),
    };
    let cases: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let (mut run, mut unknown) = (0, vec![]);
    for case in cases.as_array().unwrap() {
        let text = |name: &str| case[name].as_str().unwrap();
        let octet = |name: &str| case[name].as_u64().map(|n| u8::try_from(n).unwrap());
        // One is about NEXT_HOP itself and names no attribute.
        let (kind, flags, value) = match octet("attr_type") {
            Some(kind) => (kind, octet("flags").unwrap(), hex(text("value_hex"))),
            None => {
                let next_hop: std::net::Ipv4Addr = text("nexthop").parse().unwrap();
                (3, 0x40, next_hop.octets().to_vec())
            }
        };
        if attr::table::row(AttrType(kind)).is_none() {
            unknown.push(text("name"));
            continue;
        }
        let want = match text("outcome") {
            "DISCARD" => Verdict::Discard,
            "WITHDRAW" => Verdict::Withdraw,
            "RESET" => Verdict::Reset,
            other => panic!("outcome {other}"),
        };
        let body = body(&with(&ibgp(), (flags, kind, value)), &[8, 10]);
        assert_eq!(verdict(&body, &ibgp(), kind).0, want, "{}", text("name"));
        run += 1;
    }
    // A draft's attribute, which we relay.
    assert_eq!(unknown, ["nhc-bad-afi-safi"]);
    assert_eq!(run, 21);
}
