//! Every capture against tshark, message by message and field by field: type, prefixes, next hops,
//! ORIGIN, AS_PATH, MED, LOCAL_PREF, AGGREGATOR, communities of all kinds, labels, distinguishers.

use std::path::Path;
use std::process::Command;

use bgp_wire::ExtCommunity;
use serde_json::Value;
use testkit::{data, skip};

use crate::run::{difference, json, list_of, str_of};

/// Messages that differ, and why: file, number of the message from 1 (0 for their count), reason.
const DISAGREEMENTS: &[(&str, usize, &str)] = &[
    (
        "500-IPFIXv10-BGP-CISCO-SRv6/traffic-00.pcap",
        5,
        "tshark 4.0 gives no field for a VPN-IPv6 route that is announced with an SRv6 SID",
    ),
    (
        "bgp-encap.pcap",
        1,
        "tshark shows four of the eight octets of an encapsulation community, and names the EVPN \
         distinguisher bgp.evpn.nlri.rd",
    ),
    (
        "bgp-extended-optional-parameters-length.pcapng",
        1,
        "tshark 4.0 does not know the extended optional parameters of RFC 9072; tcpdump does",
    ),
];

/// Captures of broken messages, where tshark gives up on the first and takes no further one out of the
/// stream. How many there are, tcpdump agrees on with us.
const BROKEN: &[(&str, &str)] = &[
    ("bgp-aigp-oobr.pcap", "tshark stops 440 messages early"),
    ("bgp-ub.pcap", "tshark takes octets in the middle of a message for another"),
    ("bgp_mp_reach_nlri-oobr.pcap", "tshark stops after the first message"),
    ("bgp_mvpn_6_and_7_oobr.pcap", "tshark takes a marker that is not all ones"),
    ("bgp_withdraw.cap", "the port is 1179, which tshark does not take for BGP"),
];

#[test]
fn captures_say_what_tshark_says() {
    let test = "captures_say_what_tshark_says";
    if Command::new("tshark").arg("--version").output().is_err() {
        return skip::skip(test, &skip::Reason::Program("tshark"));
    }
    let index = match data::file("INDEX.md") {
        Ok(path) => std::fs::read_to_string(path).expect("text"),
        Err(reason) => return skip::skip(test, &reason),
    };
    let mut messages = 0;
    let mut wrong: Vec<(String, usize, String)> = Vec::new();
    for row in index.lines().filter(|row| row.starts_with("| pcap/")) {
        let name = row.split('|').nth(1).expect("a cell").trim();
        if name.ends_with(".out") || name.ends_with(".json") {
            continue;
        }
        let path = match data::file(name) {
            Ok(path) => path,
            Err(reason) => return skip::skip(test, &reason),
        };
        if let Some((_, reason)) = BROKEN.iter().find(|(file, _)| name.ends_with(file)) {
            let given_up =
                tshark(&path).len() != json(&path, &[]).iter().filter(is_message).count();
            assert!(given_up, "{name} agrees by now, though {reason}");
            continue;
        }
        let theirs = tshark(&path);
        let ours: Vec<Vec<String>> =
            json(&path, &[]).iter().filter(is_message).map(facts).collect();
        messages += ours.len();
        if ours.len() != theirs.len() {
            wrong.push((
                name.to_owned(),
                0,
                format!("ours {}, theirs {}", ours.len(), theirs.len()),
            ));
        }
        for (ix, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            let differing = difference(ours, theirs);
            if !differing.is_empty() {
                wrong.push((name.to_owned(), ix + 1, differing.join("\n    ")));
            }
        }
    }
    for (file, number, reason) in DISAGREEMENTS {
        let before = wrong.len();
        wrong.retain(|(f, n, _)| !(f.ends_with(file) && n == number));
        assert!(wrong.len() < before, "{file} message {number} agrees by now, though {reason}");
    }
    assert!(messages > 150, "only {messages} messages compared");
    let lines: Vec<String> =
        wrong.iter().map(|(f, n, d)| format!("{f} message {n}:\n    {d}")).collect();
    assert!(wrong.is_empty(), "{} messages differ:\n{}", wrong.len(), lines.join("\n"));
}

fn is_message(object: &&Value) -> bool {
    !["STATE", "GAP"].contains(&str_of(object, "/type"))
}

/// An element of tshark's PDML; each stands on a line of its own.
struct Element {
    depth: usize,
    name: String,
    show: String,
    value: String,
}

impl Element {
    fn of(line: &str) -> Option<Self> {
        let start = line.find('<')?;
        let rest = line.get(start..)?;
        if !rest.starts_with("<proto ") && !rest.starts_with("<field ") {
            return None;
        }
        let attribute = |key: &str| {
            let begin = rest.find(&format!(" {key}=\""))? + key.len() + 3;
            let text = rest.get(begin..)?;
            text.get(..text.find('"')?).map(str::to_owned)
        };
        Some(Self {
            depth: start,
            name: attribute("name").unwrap_or_default(),
            show: attribute("show").unwrap_or_default(),
            value: attribute("value").unwrap_or_default(),
        })
    }
}

/// The facts of every message, in tshark's order.
fn tshark(path: &Path) -> Vec<Vec<String>> {
    let output = Command::new("tshark")
        .args(["-n", "-T", "pdml", "-r"])
        .arg(path)
        .output()
        .expect("tshark was found before");
    let text = String::from_utf8_lossy(&output.stdout);
    let elements: Vec<Element> = text.lines().filter_map(Element::of).collect();
    let begins = elements.iter().enumerate().filter(|(_, e)| e.name == "bgp" && e.depth == 2);
    begins
        .filter_map(|(ix, _)| {
            let message = elements.get(ix + 1..).unwrap_or_default();
            let end = message.iter().position(|e| e.depth <= 2).unwrap_or(message.len());
            their_facts(message.get(..end).unwrap_or_default())
        })
        .collect()
}

/// `None` for what is no message: octets before the first marker.
fn their_facts(message: &[Element]) -> Option<Vec<String>> {
    let kind = message.iter().find(|e| e.name == "bgp.type")?;
    let mut out = vec![format!("type {}", kind.show)];
    let mut bits = String::new();
    let mut segment: Option<String> = None;
    for (ix, e) in message.iter().enumerate() {
        let name = e.name.strip_prefix("bgp.").unwrap_or(&e.name);
        let short = name.strip_prefix("update.path_attribute.").unwrap_or(name);
        if !short.starts_with("as_path_segment.as") {
            out.extend(segment.take_if(|_| short != "as_path_segment.length"));
        }
        match short {
            "type_code" => out.push(format!("attribute {}", e.show)),
            "origin" => out.push(format!("origin {}", e.show)),
            "next_hop" => out.push(format!("next hop {}", e.show)),
            "mp_reach_nlri.next_hop.ipv4" | "mp_reach_nlri.next_hop.ipv6" => {
                out.push(format!("next hop {}", e.show));
            }
            "mp_reach_nlri.next_hop.ipv6.link_local" => out.push(format!("next hop {}", e.show)),
            "multi_exit_disc" => out.push(format!("med {}", e.show)),
            "local_pref" => out.push(format!("local-pref {}", e.show)),
            "aggregator_as" => out.push(format!("aggregator {}", e.show)),
            "aggregator_origin" => out.push(format!("aggregator {}", e.show)),
            "originator_id" => out.push(format!("originator {}", e.show)),
            "path_attribute.cluster_id" => out.push(format!("cluster {}", e.show)),
            "as_path_segment.type" => segment = Some(format!("segment {}", e.show)),
            "as_path_segment.as2" | "as_path_segment.as4" => {
                if let Some(segment) = &mut segment {
                    segment.push_str(&format!(" {}", e.show));
                }
            }
            "community_as" => {
                let value = message.get(ix + 1).map_or("", |next| next.show.as_str());
                out.push(format!("community {}:{value}", e.show));
            }
            "community_wellknown" => {
                let number = u32::from_str_radix(&e.value, 16).expect("hex");
                out.push(format!("community {}:{}", number >> 16, number & 0xffff));
            }
            "ext_community" => {
                let children = message.get(ix + 1..).unwrap_or_default();
                let octets: String = children
                    .iter()
                    .take_while(|c| c.depth > e.depth)
                    .filter(|c| c.depth == e.depth + 2)
                    .map(|c| c.value.as_str())
                    .collect();
                // Octets that tshark gives no name, at the end, are zero in all captures.
                out.push(format!("ext-community {octets:0<16}"));
            }
            "prefix_length" => bits.clone_from(&e.show),
            "nlri_prefix" | "mp_reach_nlri_ipv4_prefix" | "mp_reach_nlri_ipv6_prefix" => {
                out.push(format!("announced {}/{bits}", e.show));
            }
            "withdrawn_prefix" | "mp_unreach_nlri_ipv4_prefix" | "mp_unreach_nlri_ipv6_prefix" => {
                out.push(format!("withdrawn {}/{bits}", e.show));
            }
            // tshark 4.0 says VPN-IPv6 routes in one field only, whose octets it gives.
            "label_stack" if e.show.contains("IPv6=%s") => vpn_ipv6(&e.value, &mut out),
            "label_stack" => {
                let labels = e.show.split(' ').next().unwrap_or_default();
                out.extend(labels.split(',').map(|label| format!("label {label}")));
            }
            "rd" => out.push(format!("rd {}", e.show)),
            "notify.major_error" => out.push(format!("code {}", e.show)),
            "open.myas" => out.push(format!("my-as {}", e.show)),
            "open.holdtime" => out.push(format!("hold-time {}", e.show)),
            "open.identifier" => out.push(format!("identifier {}", e.show)),
            "cap.type" => out.push(format!("capability {}", e.show)),
            _ if short.starts_with("notify.minor_error") => out.push(format!("subcode {}", e.show)),
            _ => {}
        }
    }
    out.extend(segment);
    Some(out)
}

/// The facts of one announced VPN-IPv6 route with one label, from its octets in hex.
fn vpn_ipv6(hex: &str, out: &mut Vec<String>) {
    let octet = |n: usize| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).expect("hex");
    let number = |range: std::ops::Range<usize>| {
        range.fold(0u32, |number, n| number << 8 | u32::from(octet(n)))
    };
    let mut address = [0; 16];
    for (ix, place) in address.iter_mut().enumerate() {
        *place = if hex.len() > 2 * (12 + ix) { octet(12 + ix) } else { 0 };
    }
    out.push(format!("announced {}/{}", std::net::Ipv6Addr::from(address), octet(0)));
    out.push(format!("label {}", number(1..4) >> 4));
    out.push(match number(4..6) {
        0 => format!("rd {}:{}", number(6..8), number(8..12)),
        _ => format!("rd {}:{}", number(6..10), number(10..12)),
    });
}

/// The same facts of one of our objects.
fn facts(object: &Value) -> Vec<String> {
    let kind = match str_of(object, "/type") {
        "OPEN" => "1".to_owned(),
        "UPDATE" => "2".to_owned(),
        "NOTIFICATION" => "3".to_owned(),
        "KEEPALIVE" => "4".to_owned(),
        "ROUTE-REFRESH" => "5".to_owned(),
        _ => object["typeCode"].to_string(),
    };
    let mut out = vec![format!("type {kind}")];
    if let Some(open) = object.get("open") {
        out.push(format!("my-as {}", open["myAs"]));
        out.push(format!("hold-time {}", open["holdTime"]));
        out.push(format!("identifier {}", str_of(open, "/routerId")));
        let codes =
            list_of(open, "capabilities").iter().map(|c| format!("capability {}", c["code"]));
        out.extend(codes);
    }
    if let Some(notification) = object.get("notification") {
        out.push(format!("code {}", notification["code"]));
        out.push(format!("subcode {}", notification["subcode"]));
    }
    for (name, value) in object["attributes"].as_object().into_iter().flatten() {
        out.push(format!("attribute {}", crate::run::type_code(name)));
        attribute_facts(name, value, &mut out);
    }
    for hop in list_of(object, "nextHops") {
        for key in ["/nextHop", "/linkLocal"] {
            let address = str_of(hop, key);
            if !address.is_empty() {
                out.push(format!("next hop {address}"));
            }
        }
    }
    for way in ["announced", "withdrawn"] {
        for route in list_of(object, way) {
            let labels = list_of(route, "labels");
            out.extend(labels.iter().map(|label| format!("label {label}")));
            let rd = str_of(route, "/rd");
            let mut bits = 24 * labels.len();
            if !rd.is_empty() {
                // Here a number that was sent in four octets but fits two ends in L.
                out.push(format!("rd {}", rd.replace("L:", ":")));
                bits += 64;
            }
            if let Some((address, length)) = str_of(route, "/prefix").split_once('/') {
                bits += length.parse::<usize>().expect("a length");
                out.push(format!("{way} {address}/{bits}"));
            }
        }
    }
    out
}

fn attribute_facts(name: &str, value: &Value, out: &mut Vec<String>) {
    let texts = || value.as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(Value::as_str);
    match name {
        "ORIGIN" => {
            let number =
                ["IGP", "EGP", "incomplete"].iter().position(|n| Some(*n) == value.as_str());
            out.extend(number.map(|n| format!("origin {n}")));
        }
        "AS_PATH" | "AS4_PATH" => path_facts(value, out),
        "MULTI_EXIT_DISC" => out.push(format!("med {value}")),
        "LOCAL_PREF" => out.push(format!("local-pref {value}")),
        "ORIGINATOR_ID" => out.push(format!("originator {}", value.as_str().unwrap_or_default())),
        "CLUSTER_LIST" => out.extend(texts().map(|id| format!("cluster {id}"))),
        "AGGREGATOR" => {
            out.push(format!("aggregator {}", value["asn"]));
            out.push(format!("aggregator {}", str_of(value, "/id")));
        }
        "COMMUNITIES" => out.extend(texts().map(|text| {
            let number = text.parse::<bgp_wire::Community>().expect("a community").0;
            format!("community {}:{}", number >> 16, number & 0xffff)
        })),
        "EXTENDED_COMMUNITIES" => out.extend(texts().map(|text| {
            let octets = text.parse::<ExtCommunity>().expect("an extended community").0;
            let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
            format!("ext-community {hex}")
        })),
        _ => {}
    }
}

fn path_facts(value: &Value, out: &mut Vec<String>) {
    let mut sequence = String::new();
    for item in value.as_array().map_or(&[][..], Vec::as_slice) {
        let Value::Object(segment) = item else {
            sequence.push_str(&format!(" {item}"));
            continue;
        };
        for (kind, list) in segment {
            let number =
                ["", "set", "", "confedSequence", "confedSet"].iter().position(|k| k == kind);
            let numbers = list.as_array().map_or(&[][..], Vec::as_slice).iter();
            let numbers: String = numbers.map(|n| format!(" {n}")).collect();
            out.push(format!("segment {}{numbers}", number.expect("a kind of segment")));
        }
    }
    if !sequence.is_empty() {
        out.push(format!("segment 2{sequence}"));
    }
}
