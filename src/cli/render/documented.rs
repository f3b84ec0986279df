//! The examples of `docs/show-peer.md` and `docs/doctor.md` are what the program prints, and their
//! tables name everything there is.
//!
//! `COSMOS_WRITE_DOCS=1 cargo test documented` writes the examples anew.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use speaker::diagnose::{Cause, HostFacts, RouteFact, diagnose, refused_object};
use speaker::view::{
    AttemptsView, ConfiguredView, DownView, FamilyCountsView, MessageCounts, NotificationView,
    OpenView, PeerFamilyView, PeerView, RefusedOpenView, TcpView, TimersView, TransitionView,
    TransportView,
};

use super::{doctor_text, peer_text};

fn document(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

/// Compares the block under `heading` of a document with `wanted`, or writes it.
fn example(name: &str, heading: &str, wanted: &str) {
    let path = document(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let start = text.find(&format!("{heading}\n")).unwrap_or_else(|| panic!("no {heading:?}"));
    let start = start + heading.len() + 1;
    let end = start + text[start..].find("```").unwrap();
    if std::env::var_os("COSMOS_WRITE_DOCS").is_some() {
        let new = format!("{}{wanted}{}", &text[..start], &text[end..]);
        std::fs::write(&path, new).unwrap();
        return;
    }
    assert_eq!(&text[start..end], wanted, "{name}: write it anew with COSMOS_WRITE_DOCS=1");
}

fn open(asn: u32, id: &str, capabilities: &[&str]) -> OpenView {
    OpenView {
        secs_ago: None,
        asn,
        router_id: id.into(),
        hold_time_secs: 90,
        families: vec!["ipv4/unicast".into(), "ipv6/unicast".into()],
        capabilities: capabilities.iter().map(|&c| c.to_owned()).collect(),
    }
}

fn change(secs_ago: u64, from: &str, to: &str, reason: Option<&str>) -> TransitionView {
    let reason = reason.map(str::to_owned);
    TransitionView { secs_ago, from: from.into(), to: to.into(), reason }
}

/// A session that is up and has seen something.
fn up() -> PeerView {
    let ours = ["route-refresh", "four-octet-as 65101", "graceful-restart 0 s"];
    let theirs = [
        "route-refresh",
        "enhanced-route-refresh",
        "four-octet-as 65001",
        "graceful-restart 120 s, notification",
    ];
    let reset = "received Cease/Administrative Reset: new software";
    PeerView {
        router: "fabric".into(),
        name: "default/leaf1".into(),
        address: "10.1.0.1".parse().ok(),
        description: "rack 4, port 12".into(),
        local_as: 65101,
        local_router_id: "10.1.0.2".parse().ok(),
        remote_as: 65001,
        session_type: "eBGP".into(),
        state: "Established".into(),
        since_secs: 3725,
        established_count: 2,
        dropped_count: 1,
        last_error: Some(reset.into()),
        last_error_secs: Some(3731),
        last_down: Some(DownView {
            secs_ago: 3731,
            up_secs: 86_400,
            reason: "NotificationReceived".into(),
            text: reset.into(),
        }),
        last_received: Some(NotificationView {
            secs_ago: 3731,
            code: 6,
            subcode: 4,
            text: reset.into(),
            communication: Some("new software".into()),
        }),
        local_endpoint: "10.1.0.2:42910".parse().ok(),
        remote_endpoint: "10.1.0.1:179".parse().ok(),
        connection: Some("outgoing".into()),
        attempts: AttemptsView { dialed: 3, failed: 1, accepted: 0, refused: 0, dialing: false },
        remote_router_id: "10.255.0.1".parse().ok(),
        hold_time_secs: 90,
        keepalive_secs: 30,
        timers: TimersView {
            hold_secs: Some(87),
            keepalive_secs: Some(12),
            heard_secs_ago: Some(3),
            said_secs_ago: Some(18),
            ..TimersView::default()
        },
        capabilities: vec!["four-octet-as".into(), "route-refresh".into()],
        open_sent: Some(open(65101, "10.1.0.2", &ours)),
        open_received: Some(OpenView {
            secs_ago: Some(3725),
            ..open(65001, "10.255.0.1", &theirs)
        }),
        families: vec![
            PeerFamilyView {
                family: "ipv4/unicast".into(),
                received: 1204,
                accepted: 1200,
                best: 800,
                advertised: 3,
                end_of_rib_received: true,
                told: FamilyCountsView {
                    announced: 2410,
                    withdrawn: 2,
                    denied_by_policy: 8,
                    refresh_requests: 1,
                    ..FamilyCountsView::default()
                },
                ..PeerFamilyView::default()
            },
            PeerFamilyView {
                family: "ipv6/unicast".into(),
                end_of_rib_received: true,
                ..PeerFamilyView::default()
            },
        ],
        received: counts([2, 130, 1, 3012, 1, 91_022]),
        sent: counts([3, 4, 0, 3010, 0, 57_504]),
        tcp: Some(TcpView {
            rtt_micros: 412,
            rtt_variation_micros: 80,
            retransmits: 0,
            unacked: 0,
            segment_size: 1448,
            congestion_window: 10,
        }),
        configured: ConfiguredView {
            remote_as: "65001".into(),
            remote_port: 179,
            hold_time_secs: 90,
            families: vec!["ipv4/unicast".into(), "ipv6/unicast".into()],
            auth: "md5".into(),
            maximum_prefix: Some(100_000),
            maximum_prefix_warning: Some(80),
            ..ConfiguredView::default()
        },
        history: vec![
            change(3731, "Established", "Idle", Some(reset)),
            change(3727, "Idle", "Connect", None),
            change(3726, "Connect", "OpenSent", None),
            change(3726, "OpenSent", "OpenConfirm", None),
            change(3725, "OpenConfirm", "Established", None),
        ],
        ..PeerView::default()
    }
}

fn counts(
    [open, update, notification, keepalive, route_refresh, octets]: [u64; 6],
) -> MessageCounts {
    MessageCounts { open, update, notification, keepalive, route_refresh, octets }
}

/// A neighbour that says it is somebody else, and one that does not answer.
fn down() -> [PeerView; 2] {
    let configured = ConfiguredView {
        remote_as: "65002".into(),
        remote_port: 179,
        families: vec!["ipv4/unicast".into()],
        auth: "none".into(),
        ..ConfiguredView::default()
    };
    let stranger = PeerView {
        router: "fabric".into(),
        name: "default/leaf2".into(),
        address: "10.2.0.1".parse().ok(),
        local_as: 65101,
        remote_as: 65002,
        session_type: "eBGP".into(),
        state: "Idle".into(),
        since_secs: 4,
        configured: configured.clone(),
        open_refused: Some(RefusedOpenView {
            secs_ago: 4,
            open: Some(open(64999, "10.255.0.2", &[])),
            code: 2,
            subcode: 2,
            text: "OPEN Message Error/Bad Peer AS".into(),
            expected: "AS 65002".into(),
        }),
        ..PeerView::default()
    };
    let silent = PeerView {
        name: "default/leaf3".into(),
        address: "10.3.0.1".parse().ok(),
        open_refused: None,
        state: "Active".into(),
        since_secs: 2,
        attempts: AttemptsView { dialed: 14, failed: 14, ..AttemptsView::default() },
        last_transport: Some(TransportView {
            secs_ago: 2,
            fault: "refused".into(),
            phase: "connecting".into(),
            connection: "outgoing".into(),
            text: "Connection refused (os error 111)".into(),
        }),
        configured,
        ..stranger.clone()
    };
    [stranger, silent]
}

fn host(source: &str) -> HostFacts {
    let route =
        RouteFact::Connected { source: source.parse().unwrap(), interface: Some("eth1".into()) };
    HostFacts { route, ..HostFacts::default() }
}

#[test]
fn documented_page_and_json_of_a_peer() {
    let peer = up();
    example("show-peer.md", "```console\n$ cosmos show peer leaf1", &peer_text(&peer));
    let mut json = serde_json::to_string_pretty(&[peer]).unwrap();
    json.push('\n');
    example("show-peer.md", "```json", &json);
}

#[test]
fn documented_answer_of_the_doctor() {
    let [stranger, silent] = down();
    let secret = refused_object(
        "BGPPeer leaf4",
        "SecretNotFound",
        "Secret default/leaf4 does not exist",
        Some("peers.yaml, document 4"),
    );
    let all = [
        diagnose(&up(), &HostFacts::default()),
        diagnose(&stranger, &host("10.2.0.2")),
        diagnose(&silent, &host("10.3.0.2")),
        secret,
    ];
    example("doctor.md", "```console\n$ cosmos doctor", &doctor_text(&all, false));
    let mut json = serde_json::to_string_pretty(&all[1..2]).unwrap();
    json.push('\n');
    example("doctor.md", "```json", &json);
}

#[test]
fn documented_causes_are_all_there_are() {
    let text = std::fs::read_to_string(document("doctor.md")).unwrap();
    let documented: Vec<_> =
        text.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let there: BTreeSet<_> = Cause::ALL.iter().map(|cause| cause.as_str()).collect();
    assert_eq!(documented.iter().copied().collect::<BTreeSet<_>>(), there);
    assert_eq!(documented.len(), there.len(), "each cause once");
}

#[test]
fn pages_fit_a_terminal_of_80_columns() {
    let [stranger, silent] = down();
    let pages = [&up(), &stranger, &silent].map(peer_text).concat();
    let long = pages.lines().find(|line| line.chars().count() > super::page::WIDTH);
    assert_eq!(long, None);
}
