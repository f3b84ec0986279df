//! What people and programs see: a message of each type, family and feature, handmade in hex.

use crate::run::text;

/// A message with its header, in hex.
pub(crate) fn message(kind: u8, body: &str) -> String {
    let body: String = body.split_whitespace().collect();
    assert!(body.len().is_multiple_of(2), "half an octet: {body}");
    format!("{}{:04x}{kind:02x}{body}", "ff".repeat(16), 19 + body.len() / 2)
}

/// An UPDATE of withdrawn routes, attributes and announced routes.
pub(crate) fn update(withdrawn: &str, attributes: &str, nlri: &str) -> String {
    let [withdrawn, attributes] =
        [withdrawn, attributes].map(|part| part.split_whitespace().collect::<String>());
    let [w, a] = [&withdrawn, &attributes].map(|part| part.len() / 2);
    message(2, &format!("{w:04x}{withdrawn}{a:04x}{attributes}{nlri}"))
}

const ORIGIN: &str = "40010100";
const PATH: &str = "40020a0202 0000fde9 0000fdea";

/// Shows a message as text, as one line a route and as JSON.
fn shown(args: &[&str], hex: &str) -> String {
    let with = |form: &[&str]| text(&[args, form].concat(), hex);
    format!("{}\n{}\n{}", with(&["--notes"]), with(&["-1"]), with(&["-o", "json"]))
}

fn mp_reach(value: &str) -> String {
    let value: String = value.split_whitespace().collect();
    format!("{ORIGIN} {PATH} 800e{:02x}{value}", value.len() / 2)
}

#[test]
fn open_and_keepalive() {
    let capabilities: String = "010400010001 010400020001 0200 41040000fde9 450400010103 4002c078 \
                                490c 056e6f646531 056c6f63616c 090103"
        .split_whitespace()
        .collect();
    let n = capabilities.len() / 2;
    let body = format!("04fde9005ac0000201{:02x}02{n:02x}{capabilities}", n + 2);
    insta::assert_snapshot!(shown(&[], &(message(1, &body) + &message(4, ""))));
}

#[test]
fn notification_with_a_shutdown_text() {
    let text = "0602 0b 6d61696e74656e616e6365";
    insta::assert_snapshot!(shown(&[], &message(3, text)));
}

#[test]
fn route_refresh() {
    insta::assert_snapshot!(shown(&[], &message(5, "00010101")));
}

#[test]
fn ipv4_with_every_classic_attribute() {
    let attributes = format!(
        "{ORIGIN} 400214 0202 0000fde9 0000fdea 0102 00000001 00000002 400304c0000201 \
         80040400000064 40050400000096 400600 c007080000fdeac0000201 c00808fde90064ffffff01 \
         800904c0000203 800a08c0000204c0000205 c010080002fde900000064 \
         c0200c0000fde90000000100000002"
    );
    insta::assert_snapshot!(shown(&["--ibgp"], &update("18c63364", &attributes, "18cb0071 00")));
}

#[test]
fn ipv6_with_a_link_local_next_hop() {
    let value = "0002 01 20 20010db8000000000000000000000001 fe800000000000000000000000000001 00 \
                 20 20010db8 40 20010db800010000";
    insta::assert_snapshot!(shown(&["--ebgp"], &update("", &mp_reach(value), "")));
}

#[test]
fn ipv4_with_path_identifiers() {
    let attributes = format!("{ORIGIN} {PATH} 400304c0000201");
    let nlri = "00000001 18cb0071 00000002 18cb0071";
    // Found without help: read plainly, the identifiers would be default routes, several times.
    insta::assert_snapshot!(shown(&[], &update("", &attributes, nlri)));
}

#[test]
fn two_octet_as_numbers_with_as4_path() {
    let attributes =
        format!("{ORIGIN} 400206 0202 5ba0 fdea 400304c0000201 c0110a 0202 fa56ea00 0000fdea");
    insta::assert_snapshot!(shown(&["--as2"], &update("", &attributes, "18cb0071")));
}

#[test]
fn paths_of_two_octet_speakers_are_merged() {
    let merged = |attributes: &str| {
        let list = format!("{ORIGIN} 400304c0000201 {attributes}");
        let line = text(&["--as2", "--ebgp", "-1"], &update("", &list, "18cb0071"));
        line.trim_end().split_once(" | merged path ").map(|(_, path)| path.to_owned())
    };
    let path = "400208 0203 fdf2 5ba0 fdea";
    let as4_path = "c0110a 0202 fa56ea00 0000fdea";
    let some = |path: &str| Some(path.to_owned());
    assert_eq!(merged(&format!("{path} {as4_path}")), some("65010 4200000000 65002"));
    // RFC 6793 section 4.2.3: who aggregated knew nothing of four octets, and AS4_PATH is stale;
    let aggregator = "c00706 fdea c0000201";
    assert_eq!(
        merged(&format!("{path} {aggregator} {as4_path} c012080000fdeac0000201")),
        some("65010 23456 65002")
    );
    // an AS4_PATH longer than AS_PATH is none.
    assert_eq!(merged(&format!("400200 {as4_path}")), some("(empty)"));
    assert_eq!(merged(path), None);
    // AS 0 costs the routes, and the path is shown as it came.
    assert_eq!(merged(&format!("400204 0201 0000 {as4_path}")), None);
}

#[test]
fn as_zero_is_shown() {
    let two = "400206 0202 fde9 0000 c00706 0000 c0000201 c01106 0201 00000000 \
               c01208 00000000 c0000201";
    let four =
        format!("{ORIGIN} 40020a 0202 0000fde9 00000000 400304c0000201 c00708 00000000 c0000201");
    let two = format!("{ORIGIN} {two} 400304c0000201");
    insta::assert_snapshot!(
        shown(&["--as2", "--ebgp"], &update("", &two, "18cb0071"))
            + "\n"
            + &shown(&["--as4", "--ebgp"], &update("", &four, "18cb0071"))
    );
}

#[test]
fn structured_attributes() {
    // VXLAN with VNI 5, color 7 and the next hop as endpoint.
    let tunnels = "c01724 0008 0020 010c 80000005 0000000000000000 0408 030b0000 00000007 \
                   0606 00000000 0000";
    let attributes = format!(
        "{ORIGIN} 400212 0301 0000fdf2 0401 0000fdf3 0201 0000fde9 400304c0000201 40050400000064 \
         {tunnels} 801a0b 01000b 0000000000000009"
    );
    insta::assert_snapshot!(shown(&["--as4", "--ibgp"], &update("", &attributes, "18cb0071")));
}

#[test]
fn labeled_unicast() {
    let value = "0001 04 04 c0000201 00 30 000641 cb0071";
    insta::assert_snapshot!(shown(&[], &update("", &mp_reach(value), "")));
}

#[test]
fn vpn_ipv4_and_vpn_ipv6() {
    let v4 = "0001 80 0c 0000000000000000c0000201 00 70 000641 0000fde900000064 cb0071";
    let v6 = "0002 80 18 0000000000000000 20010db8000000000000000000000001 00 \
              78 000651 0001c00002010007 20010db8";
    let target = "c010080002fde900000064";
    let [v4, v6] = [v4, v6].map(|value| update("", &format!("{} {target}", mp_reach(value)), ""));
    insta::assert_snapshot!(shown(&[], &(v4 + &v6)));
}

#[test]
fn evpn_mac_multicast_and_prefix() {
    let rd = "0001c00002010064";
    let esi = "00".repeat(10);
    let mac = format!("02 21 {rd} {esi} 00000000 30 020000000001 00 002710");
    let multicast = format!("03 11 {rd} 00000000 20 c0000201");
    let prefix = format!("05 22 {rd} {esi} 00000000 18 cb007100 00000000 002710");
    let value = format!("0019 46 04 c0000201 00 {mac} {multicast} {prefix}");
    let pmsi = "c01609 00 06 002710 c0000201";
    insta::assert_snapshot!(shown(&[], &update("", &format!("{} {pmsi}", mp_reach(&value)), "")));
}

#[test]
fn route_target_membership() {
    let value = "0001 84 04 c0000201 00 60 0000fde9 0002fde900000064";
    insta::assert_snapshot!(shown(&[], &update("", &mp_reach(value), "")));
}

#[test]
fn flow_specification() {
    let value = "0001 85 00 00 0c 01 18 cb0071 03 81 06 05 91 01bb";
    insta::assert_snapshot!(shown(&[], &update("", &mp_reach(value), "")));
}

#[test]
fn srv6_service_and_only_to_customer() {
    let sid = "05 0022 00 01 001e 00 20010db8000100020000000000000000 00 0013 00 01 0006 \
               201810100000";
    let value: String = sid.split_whitespace().collect();
    let attributes = format!(
        "{} c02304 0000fde9 c028{:02x}{value}",
        mp_reach("0001 80 0c 0000000000000000c0000201 00 70 000641 0000fde900000064 cb0071"),
        value.len() / 2
    );
    insta::assert_snapshot!(shown(&[], &update("", &attributes, "")));
}

#[test]
fn end_of_rib() {
    let ipv6 = update("", "800f03 0002 01", "");
    insta::assert_snapshot!(shown(&[], &(update("", "", "") + &ipv6)));
}

#[test]
fn an_unknown_attribute_and_odd_flags() {
    let attributes = format!("{ORIGIN} {PATH} 400304c0000201 e00804fde90064 c06303 010203");
    insta::assert_snapshot!(shown(&["--ebgp"], &update("", &attributes, "18cb0071")));
}

#[test]
fn faults_and_what_they_cost() {
    let origin = format!("40010109 {PATH} 400304c0000201");
    let discard = format!("{ORIGIN} {PATH} 400304c0000201 40060100");
    let cut = format!("{ORIGIN} {PATH} 400304c0000201");
    let messages = update("", &origin, "18cb0071")
        + &update("", &discard, "18cb0071")
        + &update("", &cut, "21cb0071");
    insta::assert_snapshot!(shown(&["--ebgp"], &messages));
}
