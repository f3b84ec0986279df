//! NetGauze's decoding of its captures: types, networks, labels, next hops and AS numbers.

use serde_json::Value;
use testkit::{data, skip};

use crate::run::{difference, json, list_of, path_text, str_of};

const FILES: [&str; 4] = [
    "301-BGP-CISCO-pretag/traffic-00",
    "305-BGP-mem-leak-test/bgp-multi-sources-open",
    "500-IPFIXv10-BGP-CISCO-SRv6/traffic-00",
    "501-IPFIXv10-BGP-IPv6-CISCO-MPLS/traffic-00",
];

#[test]
fn captures_say_what_netgauze_says() {
    for name in FILES {
        let files = data::file(&format!("pcap/netgauze/{name}.pcap"))
            .and_then(|c| data::file(&format!("pcap/netgauze/{name}-bgp.json")).map(|t| (c, t)));
        let (path, expected) = match files {
            Ok(files) => files,
            Err(reason) => return skip::skip("captures_say_what_netgauze_says", &reason),
        };
        let text = std::fs::read_to_string(expected).expect("text");
        let theirs: Vec<String> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .flat_map(|message: Value| their_facts(&message))
            .collect();
        let ours: Vec<String> = json(&path, &[])
            .iter()
            .filter(|o| !["STATE", "GAP"].contains(&str_of(o, "/type")))
            .flat_map(our_facts)
            .collect();
        assert!(!ours.is_empty());
        let differing = difference(&ours, &theirs);
        assert!(differing.is_empty(), "{name}:\n{}", differing.join("\n"));
    }
}

fn their_facts(message: &Value) -> Vec<String> {
    if message == "KeepAlive" {
        return vec!["KEEPALIVE".to_owned()];
    }
    let mut out = Vec::new();
    if let Some(open) = message.get("Open") {
        out.push("OPEN".to_owned());
        out.push(format!("hold time {}", open["hold_time"]));
        out.push(format!("identifier {}", str_of(open, "/bgp_id")));
        out.push(format!("my AS {}", open["my_as"]));
    }
    if message.get("Update").is_some() {
        out.push("UPDATE".to_owned());
        every(message, &mut |key, value| match key {
            "network" => out.push(format!("network {}", value.as_str().unwrap_or_default())),
            "label_stack" => out.extend(list(value).iter().map(|label| {
                let octets: Vec<u64> = list(label).iter().filter_map(Value::as_u64).collect();
                let number = octets.iter().fold(0, |n, octet| n << 8 | octet) >> 4;
                format!("label {number}")
            })),
            "as_numbers" => {
                let words: Vec<String> = list(value).iter().map(Value::to_string).collect();
                out.push(format!("path {}", words.join(" ")));
            }
            "Origin" => {
                out.push(format!("origin {}", value.as_str().unwrap_or_default().to_uppercase()));
            }
            _ => {}
        });
    }
    out
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Visits every key of every object inside.
fn every(value: &Value, visit: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                visit(key, value);
                every(value, visit);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| every(item, visit)),
        _ => {}
    }
}

fn our_facts(object: &Value) -> Vec<String> {
    let mut out = vec![str_of(object, "/type").to_owned()];
    if let Some(open) = object.get("open") {
        out.push(format!("hold time {}", open["holdTime"]));
        out.push(format!("identifier {}", str_of(open, "/routerId")));
        out.push(format!("my AS {}", open["myAs"]));
    }
    for route in ["announced", "withdrawn"].into_iter().flat_map(|way| list_of(object, way)) {
        out.push(format!("network {}", str_of(route, "/prefix")));
        out.extend(list_of(route, "labels").iter().map(|label| format!("label {label}")));
    }
    if let Some(path) = object.pointer("/attributes/AS_PATH").map(path_text)
        && !path.is_empty()
    {
        out.push(format!("path {path}"));
    }
    if let Some(origin) = object.pointer("/attributes/ORIGIN").and_then(Value::as_str) {
        out.push(format!("origin {}", origin.to_uppercase()));
    }
    out
}
