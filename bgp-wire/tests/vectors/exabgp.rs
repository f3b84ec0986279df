//! ExaBGP (BSD-3-Clause): messages with the JSON its own decoder makes of them.

use bgp_wire::{
    Community, ExtCommunity, Family, HEADER_LEN, LargeCommunity, NextHop, UpdateContext,
    attr::{self, AttrType},
};
use serde_json::Value;

use crate::read::{Outcome, Update, context, folder, frames, hex, update};

/// Messages we refuse: the end of the octets, and why.
const EXCEPTIONS: [(&str, &str); 3] = [
    (
        "DEADBEEFDEADBEEFDEADBEEFDEADBEEF",
        "RFC 2545 section 3: the next hop of an IPv6 route is 16 or 32 octets, here it is 4",
    ),
    // The configuration writes flags 0x60 and 0x70 on purpose.
    ("609904000000642065656565", UNKNOWN_WELL_KNOWN),
    ("647099000400000064206F6F6F6F", UNKNOWN_WELL_KNOWN),
];
const UNKNOWN_WELL_KNOWN: &str = "RFC 4271 section 6.3: without the Optional flag an attribute is \
                                  well-known, and one that is not recognised ends the session";

/// The family of a name such as `ipv4 mpls-vpn`; `None` for one that is not carried.
fn family(name: &str) -> Option<Family> {
    Some(match name {
        "ipv4 unicast" => Family::IPV4_UNICAST,
        "ipv6 unicast" => Family::IPV6_UNICAST,
        "ipv4 multicast" => Family::IPV4_MULTICAST,
        "ipv6 multicast" => Family::IPV6_MULTICAST,
        "ipv4 nlri-mpls" => Family::IPV4_LABELED,
        "ipv6 nlri-mpls" => Family::IPV6_LABELED,
        "ipv4 mpls-vpn" => Family::IPV4_VPN,
        "ipv6 mpls-vpn" => Family::IPV6_VPN,
        "ipv4 flow" => Family::IPV4_FLOW_SPEC,
        "ipv6 flow" => Family::IPV6_FLOW_SPEC,
        "l2vpn evpn" => Family::EVPN,
        _ => return None,
    })
}

fn hop_text(hop: Option<NextHop>) -> String {
    match hop {
        None => "no-nexthop".into(),
        Some(NextHop::V4(addr)) => addr.to_string(),
        Some(NextHop::V6(addr) | NextHop::V6WithLinkLocal { global: addr, .. }) => addr.to_string(),
    }
}

/// Compares routes; returns how many there were.
fn routes(json: &Value, got: &Update) -> usize {
    let mut expected = 0;
    let by_family = |key: &str| json[key].as_object().cloned().unwrap_or_default();
    for (name, hops) in by_family("announce") {
        let Some(family) = family(&name) else {
            assert_eq!(got.ignored, 1, "{name}");
            continue;
        };
        for (hop, list) in hops.as_object().unwrap() {
            for route in list.as_array().unwrap() {
                let mut found = got.announced.iter().filter(|(f, h, _, n)| {
                    *f == family && hop_text(*h) == *hop && is_route(route, &n.to_string())
                });
                assert!(found.next().is_some(), "{route} by {hop} in {:?}", got.announced);
                expected += 1;
            }
        }
    }
    assert_eq!(got.announced.len(), expected);
    for (name, list) in by_family("withdraw") {
        let family = family(&name).unwrap();
        let list = list.as_array().unwrap();
        let ours: Vec<_> = got.withdrawn.iter().filter(|(f, ..)| *f == family).collect();
        assert_eq!(ours.len(), list.len(), "{name}");
        for (route, (.., n)) in list.iter().zip(ours) {
            assert!(is_route(route, &n.to_string()), "{route} is not {n}");
            expected += 1;
        }
    }
    expected
}

/// Whether our text of a route holds what the JSON says of it.
fn is_route(json: &Value, text: &str) -> bool {
    let has = |key: &str| json[key].as_str().is_none_or(|part| text.contains(part));
    let mac = json["mac"].as_str().is_none_or(|mac| text.contains(&mac.to_lowercase()));
    let labels = json["label"].as_array().into_iter().flatten().all(|label| {
        let value = if label.is_array() { &label[0] } else { label };
        text.contains(&value.to_string())
    });
    has("nlri") && has("rd") && mac && labels
}

/// Compares attributes; returns how many there were.
fn attributes(json: &Value, canonical: &[u8]) -> usize {
    let value = |kind: AttrType| attr::find(canonical, kind).unwrap_or_else(|| panic!("{kind:?}"));
    let numbers = |item: &Value| -> Vec<u32> {
        let list = item.as_array().into_iter().flatten();
        list.map(|n| u32::try_from(n.as_u64().unwrap()).unwrap()).collect()
    };
    let mut seen = 0;
    for (name, said) in json["attribute"].as_object().into_iter().flatten() {
        seen += 1;
        let list = || said.as_array().unwrap().iter();
        match name.as_str() {
            "origin" => {
                let names = ["igp", "egp", "incomplete"];
                assert_eq!(said, names[usize::from(value(AttrType::ORIGIN)[0])]);
            }
            "med" | "local-preference" => {
                let kind = if name == "med" { AttrType::MED } else { AttrType::LOCAL_PREF };
                let number = u32::from_be_bytes(value(kind).try_into().unwrap());
                assert_eq!(said.as_u64(), Some(number.into()));
            }
            "community" => {
                let expected: Vec<_> =
                    list().map(numbers).map(|c| Community(c[0] << 16 | c[1])).collect();
                assert!(Community::of(canonical).eq(expected));
            }
            "large-community" => {
                let expected: Vec<_> =
                    list().map(numbers).map(|c| LargeCommunity(c[0], c[1], c[2])).collect();
                assert!(LargeCommunity::of(canonical).eq(expected));
            }
            "extended-community" => {
                let expected: Vec<_> = list()
                    .map(|c| ExtCommunity(c["value"].as_u64().unwrap().to_be_bytes()))
                    .collect();
                assert!(ExtCommunity::of(canonical).eq(expected), "{said}");
            }
            // "attribute-0x99-0x60": type and flags.
            name if name.starts_with("attribute-0x") => {
                let kind = u8::from_str_radix(&name[12..14], 16).unwrap();
                assert_eq!(
                    value(AttrType(kind)),
                    hex(said.as_str().unwrap().trim_start_matches("0x"))
                );
            }
            // SR policy's, text of another kind; the octets are relayed.
            "bgp-tunnel-encap" | "tunnel-encap" => assert!(!value(AttrType(23)).is_empty()),
            "bgp-ls" | "link-state" => {
                assert!(attr::find(canonical, AttrType(29)).is_none(), "not passed on");
            }
            "as-path" => assert!(attr::find(canonical, AttrType::AS_PATH).is_some()),
            other => panic!("{other}: {said}"),
        }
    }
    seen
}

/// A message in ExaBGP's spelling: with or without colons, spaces, header.
fn message(text: &str) -> Vec<u8> {
    let octets = hex(text);
    if octets.starts_with(&[0xff; 16]) {
        return octets;
    }
    let length = u16::try_from(octets.len() + HEADER_LEN).unwrap().to_be_bytes();
    [&[0xff; 16][..], &length, &[2], &octets].concat()
}

#[test]
fn encoding() {
    let known = "vectors/exabgp/encoding/conf-vpn.ci";
    let Some(files) = folder("exabgp::encoding", known) else { return };
    let (mut messages, mut compared, mut refused) = (0, 0, 0);
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        let as4 = !path.ends_with("conf-no-asn4.ci");
        let ctx = UpdateContext { as4, ..context() };
        let mut last = None;
        for line in text.lines() {
            if let Some(raw) = line.strip_prefix("1:raw:") {
                messages += 1;
                let octets = message(raw);
                let outcome = update(&frames(&octets)[0][HEADER_LEN..], &ctx);
                if EXCEPTIONS.iter().any(|(end, why)| raw.ends_with(end) && why.contains("RFC")) {
                    assert!(matches!(outcome, Outcome::Reset(_)), "{raw}");
                    refused += 1;
                    last = None;
                    continue;
                }
                let good = outcome.good();
                assert_eq!(good.discarded, 0, "{raw}");
                let says = good.announced.len() + good.withdrawn.len() + usize::from(good.ignored);
                assert!(says > 0 || good.end_of_rib.is_some(), "{raw}");
                last = Some(good);
            } else if let (Some(json), Some(good)) = (line.strip_prefix("1:json:"), last.take()) {
                let json: Value = serde_json::from_str(json).unwrap();
                let said = &json["neighbor"]["message"]["update"];
                compared += routes(said, &good).min(1) + attributes(said, &good.canonical).min(1);
            }
        }
    }
    assert_eq!((files.len(), messages, refused), (12, 46, EXCEPTIONS.len()));
    assert!(compared >= 30, "{compared}");
}

#[test]
fn decoding() {
    let known = "vectors/exabgp/decoding/bgp-evpn-1";
    let Some(files) = folder("exabgp::decoding", known) else { return };
    let (mut compared, mut foreign) = (0, 0);
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines = text.lines();
        let (Some(head), Some(octets), Some(json)) = (lines.next(), lines.next(), lines.next())
        else {
            panic!("{}", path.display())
        };
        if !head.starts_with("update") {
            // A bare BGP-LS NLRI.
            foreign += 1;
            continue;
        }
        let octets = message(octets);
        let good = update(&frames(&octets)[0][HEADER_LEN..], &context()).good();
        let json: Value = serde_json::from_str(json).unwrap();
        let said = &json["neighbor"]["message"]["update"];
        if head.contains("bgp-ls") || head.contains("sr-policy") {
            // Families that are not carried: their routes are left out, the session stays.
            assert_eq!((good.ignored, good.announced.len()), (1, 0), "{}", path.display());
            foreign += 1;
            continue;
        }
        compared += routes(said, &good);
        attributes(said, &good.canonical);
    }
    assert_eq!((files.len(), foreign), (10, 5));
    assert!(compared >= 9, "{compared}");
}
