//! The command: filters, exit codes, inputs, streams.

use std::process::{Command, Stdio};

use crate::golden::{message, update};
use crate::run::{decode, text};

fn two_updates() -> String {
    let attributes = "40010100 400206 0201 0000fde9 400304c0000201";
    update("", attributes, "18cb0071") + &update("", attributes, "08 0a 10 0a01") + &message(4, "")
}

fn lines(args: &[&str]) -> Vec<String> {
    text(&[&["-1"], args].concat(), &two_updates()).lines().map(str::to_owned).collect()
}

#[test]
fn filters_choose_messages_and_routes() {
    assert_eq!(lines(&[]).len(), 4);
    assert_eq!(lines(&["--type", "keepalive"]), ["KEEPALIVE"]);
    assert_eq!(lines(&["--type", "update,open"]).len(), 3);
    assert_eq!(lines(&["--limit", "1"]).len(), 1);
    let prefixes = |args: &[&str]| {
        let prefix = |line: &String| line.split(' ').nth(2).unwrap_or_default().to_owned();
        lines(args).iter().map(prefix).collect::<Vec<_>>()
    };
    assert_eq!(prefixes(&["--prefix", "10.0.0.0/8"]), ["10.0.0.0/8"]);
    assert_eq!(prefixes(&["--prefix", "10.0.0.0/8", "--longer"]), ["10.0.0.0/8", "10.1.0.0/16"]);
    assert_eq!(prefixes(&["--prefix", "10.1.0.0/16", "--covering"]), ["10.0.0.0/8", "10.1.0.0/16"]);
    assert_eq!(prefixes(&["--prefix", "203.0.113.9"]), ["203.0.113.0/24"]);
    assert_eq!(prefixes(&["--family", "ipv4"]).len(), 3);
    let nothing: [String; 0] = [];
    assert_eq!(prefixes(&["--family", "ipv6/unicast"]), nothing);
    assert_eq!(prefixes(&["--peer", "192.0.2.9"]), nothing);
    assert_eq!(prefixes(&["--only-findings"]), nothing);
}

#[test]
fn exit_codes_tell_findings_from_unreadable_input() {
    let bad = update("", "40010109 400206 0201 0000fde9 400304c0000201", "18cb0071");
    let code = |args: &[&str], input: &str| decode(args, input.as_bytes()).status.code();
    assert_eq!(code(&[], &bad), Some(0));
    assert_eq!(code(&["--strict"], &bad), Some(1));
    assert_eq!(code(&["--strict"], &two_updates()), Some(0));
    assert_eq!(code(&["/nonexistent"], ""), Some(2));
    assert_eq!(code(&["--format", "pcap"], &bad), Some(2));
    assert_eq!(code(&["--prefix", "nonsense"], &bad), Some(2));
}

#[test]
fn an_unreadable_file_does_not_stop_the_others() {
    let output = decode(&["/nonexistent", "-"], two_updates().as_bytes());
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stdout).contains("203.0.113.0/24"), "{output:?}");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(complaint.contains("/nonexistent") && complaint.lines().count() == 1, "{complaint}");
}

#[test]
fn raw_messages_and_hex_are_the_same() {
    let hex = two_updates();
    let raw: Vec<u8> = (0..hex.len() / 2)
        .map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).expect("hex"))
        .collect();
    let output = decode(&[], &raw);
    assert_eq!(String::from_utf8_lossy(&output.stdout), text(&[], &hex));
    let dashes = hex.as_bytes().chunks(32).map(|c| String::from_utf8_lossy(c)).collect::<Vec<_>>();
    assert_eq!(text(&[], &dashes.join("\n")), text(&[], &hex));
}

#[test]
fn a_summary_goes_to_standard_error() {
    let output = decode(&["--summary", "--type", "keepalive"], two_updates().as_bytes());
    let summary = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        summary,
        "messages: KEEPALIVE 1, UPDATE 2\nannounced: ipv4/unicast 3\nwithdrawn: none\n\
         findings: none\nshown: 1\n"
    );
}

#[test]
fn colours_only_where_asked() {
    assert!(!text(&[], &two_updates()).contains('\x1b'));
    assert!(text(&["--color", "always"], &two_updates()).contains("\x1b[32m"));
}

#[test]
fn octets_are_added_where_asked() {
    let keepalive = message(4, "");
    assert!(text(&["--hex"], &keepalive).contains(&keepalive));
    assert!(
        text(&["--hex", "-o", "json"], &keepalive).contains(&format!("\"hex\":\"{keepalive}\""))
    );
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("many.hex");
    std::fs::write(&path, two_updates().repeat(5000)).expect("written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_cosmos"))
        .arg("decode")
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn both_opens_settle_how_updates_are_read() {
    // Neither side has four-octet AS numbers, so the path is read with two octets and no note.
    let open = |asn: &str, id: &str| message(1, &format!("04 {asn} 005a {id} 00"));
    let path = update("", "40010100 400204 0201 fde9 400304c0000201", "18cb0071");
    let one = open("fde9", "c0000201") + &path;
    let shown = text(&["--type", "update"], &one);
    assert!(shown.contains("AS_PATH: 65001\n") && !shown.contains("note:"), "{shown}");
    // Nobody's OPEN: found out, and said.
    let shown = text(&[], &path);
    assert!(shown.contains("AS_PATH: 65001\n"), "{shown}");
    assert!(shown.contains("note: AS numbers read as two octets"), "{shown}");
    // Told.
    let shown = text(&["--as4"], &path);
    assert!(shown.contains("AS_PATH: malformed"), "{shown}");
}

#[test]
fn bmp_streams_have_peer_time_and_messages() {
    let update = update("", "40010100 400206 0201 0000fde9 400304c0000201", "18cb0071");
    // Per-peer header: global instance, 192.0.2.1 of AS 65001, 2020-09-13T12:26:40.000005Z.
    let peer = format!(
        "0000{}{}c0000201 0000fde9 c0000201 5f5e1000 00000005",
        "00".repeat(8),
        "00".repeat(12)
    );
    let peer: String = peer.split_whitespace().collect();
    let hex = format!("03{:08x}00{peer}{update}", 6 + (peer.len() + update.len()) / 2);
    let octets: Vec<u8> = (0..hex.len() / 2)
        .map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).expect("hex"))
        .collect();
    for format in ["auto", "bmp"] {
        let output = decode(&["--format", format, "-o", "json"], &octets);
        let line = String::from_utf8_lossy(&output.stdout);
        let object: serde_json::Value = serde_json::from_str(&line).expect("one object");
        assert_eq!(object["time"], "2020-09-13T12:26:40.000005Z", "{line}");
        assert_eq!(object["peer"]["address"], "192.0.2.1");
        assert_eq!(object["peer"]["as"], 65001);
        assert_eq!(object["announced"][0]["prefix"], "203.0.113.0/24");
        assert!(object.get("notes").is_none(), "BMP says how wide AS numbers are: {line}");
    }
}

#[test]
fn table_routes_of_two_octet_speakers_have_a_merged_path() {
    // TABLE_DUMP (RFC 6396 section 4.2): 203.0.113.0/24 from 192.0.2.1, AS 65001.
    let attributes: &[u8] = &[
        0x40, 1, 1, 0, 0x40, 2, 6, 2, 2, 0xfd, 0xe9, 0x5b, 0xa0, 0x40, 3, 4, 192, 0, 2, 1, 0xc0,
        17, 6, 2, 1, 0xfa, 0x56, 0xea, 0,
    ];
    let mut record = vec![0, 0, 0, 1, 0, 12, 0, 1, 0, 0, 0, 22 + attributes.len() as u8];
    record.extend([0, 0, 0, 0, 203, 0, 113, 0, 24, 1, 0, 0, 0, 1, 192, 0, 2, 1, 0xfd, 0xe9, 0]);
    record.push(attributes.len() as u8);
    record.extend(attributes);
    let output = decode(&["-o", "json", "--format", "mrt"], &record);
    let route: serde_json::Value = serde_json::from_slice(&output.stdout).expect("one route");
    assert_eq!(route["attributes"]["AS_PATH"], serde_json::json!([65001, 23456]));
    assert_eq!(route["asPathMerged"], serde_json::json!([65001, 4_200_000_000_u32]));
}
