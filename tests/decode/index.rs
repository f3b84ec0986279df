//! Counts of messages, attributes and routes of every capture and MRT file against the index of the
//! data folder, which was counted with other tools.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use testkit::{data, skip};

use crate::run::{each_json, list_of, str_of, type_code};

/// Files whose counts differ, and why.
const DISAGREEMENTS: &[(&str, &str)] = &[
    (
        "mrt/mrtparse/openbgpd_rib_table-v2",
        "the index leaves out the two VPN routes of its RIB_GENERIC records",
    ),
    ("pcap/tcpdump/bgp-aigp-oobr.pcap", BROKEN),
    ("pcap/tcpdump/bgp-ub.pcap", BROKEN),
    ("pcap/tcpdump/bgp_mp_reach_nlri-oobr.pcap", BROKEN),
    ("pcap/tcpdump/bgp_mvpn_6_and_7_oobr.pcap", BROKEN),
];

const BROKEN: &str =
    "the index has tshark's count, which gives up on broken messages; tcpdump counts as we do";

/// Tables that are counted by a test of their own, beside the others.
const LARGE: [&str; 3] = [
    "mrt/built/full-1m-1peer.rib.bz2",
    "mrt/built/rrc06-20100701-reencoded.rib.bz2",
    "mrt/pyasn/rib.20140523.0600_firstMB.bz2",
];

#[test]
fn counts_are_those_of_the_index() {
    let index = match data::file("INDEX.md") {
        Ok(path) => std::fs::read_to_string(path).expect("text"),
        Err(reason) => return skip::skip("counts_are_those_of_the_index", &reason),
    };
    let mut files = 0;
    let mut wrong = Vec::new();
    for row in index.lines() {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let [_, name, .., contents, _] = cells.as_slice() else { continue };
        let is_capture = name.starts_with("pcap/") && (name.contains("cap"));
        let is_text = name.ends_with(".out") || name.ends_with(".json");
        let is_table = name.starts_with("mrt/") && !name.starts_with("mrt/bgpdump-expect/");
        if is_text || !(is_capture || is_table) {
            continue;
        }
        let expected = expected(contents);
        if LARGE.contains(name) {
            continue;
        }
        let path = match data::file(name) {
            Ok(path) => path,
            Err(reason) => return skip::skip("counts_are_those_of_the_index", &reason),
        };
        let ours = counted(&path);
        files += 1;
        for (count, n) in &expected {
            let m = ours.get(count).copied().unwrap_or_default();
            if m != *n {
                wrong.push(format!("{name}: {count}: ours {m}, index {n}"));
            }
        }
    }
    for (file, reason) in DISAGREEMENTS {
        let before = wrong.len();
        wrong.retain(|line| !line.starts_with(&format!("{file}: ")));
        assert!(wrong.len() < before, "{file} agrees by now, though {reason}");
    }
    assert!(files > 25, "only {files} files compared");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_table_of_a_million_routes_counts_as_in_the_index() {
    table("a_table_of_a_million_routes_counts_as_in_the_index", LARGE[0]);
}

#[test]
fn a_table_of_five_peers_counts_as_in_the_index() {
    table("a_table_of_five_peers_counts_as_in_the_index", LARGE[1]);
}

#[test]
fn a_table_that_is_cut_counts_as_in_the_index() {
    table("a_table_that_is_cut_counts_as_in_the_index", LARGE[2]);
}

/// Routes and attributes of a table are those the index has, no more and no less.
fn table(test: &str, name: &str) {
    let files = data::file("INDEX.md").and_then(|index| Ok((index, data::file(name)?)));
    let (index, path) = match files {
        Ok(files) => files,
        Err(reason) => return skip::skip(test, &reason),
    };
    let index = std::fs::read_to_string(index).expect("text");
    let row = index.lines().find(|row| row.starts_with(&format!("| {name} |")));
    let contents = row.expect("a row").trim_end_matches([' ', '|']).rsplit('|').next();
    let expected = expected(contents.expect("a cell"));
    assert!(expected["entries"] > 100_000 && expected.len() > 5, "{expected:?}");
    let mut ours = counted(&path);
    // By family the index counts UPDATEs only.
    ours.retain(|count, _| !count.contains('/'));
    assert_eq!(ours, expected);
}

/// What the index says: `UPDATE`, `attr 14 2/1`, `nlri-v4`, `entries`, ...
fn expected(contents: &str) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    let words = |text: &str, out: &mut BTreeMap<String, u64>, prefix: &str| {
        for word in text.split([',', ' ']).filter(|word| !word.is_empty()) {
            let Some((key, n)) = word.rsplit_once(':') else { return };
            let Ok(n) = n.parse() else { return };
            let key = key.replacen(':', " ", 1);
            let key = match key.as_str() {
                "NOTIF" => "NOTIFICATION".to_owned(),
                "RR" => "ROUTE-REFRESH".to_owned(),
                _ if key.starts_with(|c: char| c.is_ascii_digit()) => format!("{prefix}{key}"),
                _ => key,
            };
            out.insert(key, n);
        }
    };
    for part in contents.split(';').map(str::trim) {
        if let Some(list) = part.strip_prefix("attrs ") {
            words(list, &mut out, "attr ");
        } else if let Some(list) = part.strip_prefix("msgs ").or_else(|| part.strip_prefix("bgp "))
        {
            words(list, &mut out, "type ");
        } else if let Some((n, _)) = part.split_once(" RIB entries")
            && let Ok(n) = n.parse()
        {
            out.insert("entries".to_owned(), n);
        }
    }
    out
}

/// The same counts of what we print.
fn counted(path: &Path) -> BTreeMap<String, u64> {
    let mut out = BTreeMap::new();
    let mut add = |key: String| *out.entry(key).or_default() += 1;
    each_json(path, &[], |object| {
        let object = &object;
        match str_of(object, "/type") {
            "ROUTE" => add("entries".to_owned()),
            "UNKNOWN" => add(format!("type {}", object["typeCode"])),
            other => add(other.to_owned()),
        }
        let attributes = object["attributes"].as_object();
        for (name, value) in attributes.into_iter().flatten() {
            let code = type_code(name);
            add(format!("attr {code}"));
            if let Some(family) = value.get("family").and_then(Value::as_str) {
                add(format!("attr {code} {}", numbers(family)));
            }
        }
        let is_classic = |routes: &str, attribute: &str| {
            let family = format!("/attributes/{attribute}/family");
            str_of(object, &family) != "ipv4/unicast"
                && list_of(object, routes).iter().any(|r| str_of(r, "/family") == "ipv4/unicast")
        };
        if str_of(object, "/type") == "UPDATE" {
            if is_classic("announced", "MP_REACH_NLRI") {
                add("nlri-v4".to_owned());
            }
            if is_classic("withdrawn", "MP_UNREACH_NLRI") {
                add("withdrawn-v4".to_owned());
            }
        }
    });
    out
}

/// `1/128` of `ipv4/vpn`.
fn numbers(family: &str) -> String {
    let family: bgp_wire::Family = family.parse().expect("a family");
    format!("{}/{}", family.afi.0, family.safi.0)
}
