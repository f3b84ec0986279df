//! How many messages of each type tcpdump found in its own captures, broken ones included.

use testkit::{data, skip};

use crate::run::{json, str_of};

/// Captures with tcpdump's text, whose name differs where there are two. One is left out:
/// bgp-shutdown-communication.pcapng sends other octets again under the same sequence numbers; tcpdump,
/// which puts no streams together, shows both messages, a TCP receiver (and tshark) gets the first.
const FILES: [(&str, &str); 10] = [
    ("bgp-aigp-oobr.pcap", "bgp-aigp-oobr-nossl.out"),
    ("bgp-encap.pcap", "bgp-encap.out"),
    (
        "bgp-extended-optional-parameters-length.pcapng",
        "bgp-extended-optional-parameters-length.out",
    ),
    ("bgp-link-bw-extcommunity.pcapng", "bgp-link-bw-extcommunity.out"),
    ("bgp-ovs.pcapng", "bgp-ovs.out"),
    ("bgp-rt-prefix.pcap", "bgp-rt-prefix.out"),
    ("bgp-ub.pcap", "bgp-ub.out"),
    ("bgp_mp_reach_nlri-oobr.pcap", "bgp_mp_reach_nlri-oobr.out"),
    ("bgp_mvpn_6_and_7_oobr.pcap", "bgp_mvpn_6_and_7_oobr.out"),
    ("mpbgp-linklocal-nexthop.pcap", "mpbgp-linklocal-nexthop.out"),
];

#[test]
fn as_many_messages_as_tcpdump_found() {
    for (capture, text) in FILES {
        let files = data::file(&format!("pcap/tcpdump/{capture}"))
            .and_then(|capture| data::file(&format!("pcap/tcpdump/{text}")).map(|t| (capture, t)));
        let (path, text) = match files {
            Ok(files) => files,
            Err(reason) => return skip::skip("as_many_messages_as_tcpdump_found", &reason),
        };
        let text = std::fs::read(text).expect("readable");
        let text = String::from_utf8_lossy(&text);
        let objects = json(&path, &[]);
        let mut any = 0;
        for (title, kind) in [
            ("Open Message (1)", "OPEN"),
            ("Update Message (2)", "UPDATE"),
            ("Notification Message (3)", "NOTIFICATION"),
            ("Keepalive Message (4)", "KEEPALIVE"),
        ] {
            let theirs = text.matches(title).count();
            let ours = objects.iter().filter(|o| str_of(o, "/type") == kind).count();
            assert_eq!(ours, theirs, "{capture}: {kind}");
            any += ours;
        }
        assert!(any > 0, "{capture}: no message");
    }
}

#[test]
fn extended_optional_parameters_and_shutdown_texts_are_read() {
    let file = |name: &str| data::file(&format!("pcap/tcpdump/{name}"));
    let files = file("bgp-extended-optional-parameters-length.pcapng")
        .and_then(|open| file("bgp-shutdown-communication.pcapng").map(|n| (open, n)));
    let (open, notification) = match files {
        Ok(files) => files,
        Err(reason) => {
            return skip::skip("extended_optional_parameters_and_shutdown_texts_are_read", &reason);
        }
    };
    let open = json(&open, &[]).remove(0);
    // As in tcpdump's text, which names them.
    let capabilities = open["open"]["capabilities"].as_array().expect("a list");
    assert_eq!(capabilities.len(), 11, "{open}");
    let notification = json(&notification, &[]).remove(0);
    assert!(!str_of(&notification, "/notification/communication").is_empty(), "{notification}");
}
