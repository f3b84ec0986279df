//! Golden tables and texts.

use speaker::view::{AttributesView, ExportView, PeerFamilyView, PolicyStepView};

use super::*;
use crate::cli::example_peer;
use crate::cli::output::Table;

fn route(peer: &str, best: bool, multipath: bool, status: &str) -> RouteView {
    RouteView {
        nlri: Default::default(),
        router: "fabric".into(),
        prefix: "10.10.10.10/32".into(),
        family: "ipv4/unicast".into(),
        peer: peer.into(),
        peer_address: Some("10.1.0.1".parse().unwrap()),
        path_id: 0,
        best,
        multipath,
        status: status.into(),
        attributes: AttributesView {
            next_hop: "10.1.0.1".into(),
            origin: "igp".into(),
            as_path: "65001".into(),
            local_pref: Some(100),
            ..AttributesView::default()
        },
    }
}

fn table(columns: Columns, rows: Vec<Vec<String>>) -> String {
    let mut out = Vec::new();
    let mut table = Table::new(&mut out, columns, &["ROUTER"]);
    rows.into_iter().for_each(|row| table.row(row).unwrap());
    table.finish().unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn durations_have_two_units() {
    let said: Vec<_> = [0, 59, 60, 249, 3725, 86_399, 86_400, 273_600, 604_800, 7_516_800]
        .into_iter()
        .map(duration)
        .collect();
    assert_eq!(
        said,
        ["0s", "59s", "1m00s", "4m09s", "1h02m", "23h59m", "1d00h", "3d04h", "1w0d", "12w3d"]
    );
}

#[test]
fn peers_show_counts_when_up_and_the_reason_when_not() {
    let mut up = example_peer("node1", "Established", vec![]);
    up.families = vec![
        PeerFamilyView {
            family: "ipv4/unicast".into(),
            received: 1_000_000,
            accepted: 999_999,
            best: 5,
            advertised: 12,
            end_of_rib_received: true,
            ..PeerFamilyView::default()
        },
        PeerFamilyView { family: "ipv6/unicast".into(), ..PeerFamilyView::default() },
    ];
    let mut down = example_peer("node2", "Active", vec![]);
    down.remote_as = 0;
    down.last_error = Some("connection refused".into());
    down.address = Some("fe80::1".parse().unwrap());
    down.interface = Some("eth1".into());
    let mut off = example_peer("old", "Idle", vec![]);
    off.shutdown = Some("maintenance".into());
    off.families = vec![PeerFamilyView { family: "ipv4/unicast".into(), ..Default::default() }];
    let rows = [up, down, off].iter().flat_map(peer_rows).collect();
    insta::assert_snapshot!(table(PEER_COLUMNS, rows));
}

#[test]
fn routes_carry_their_mark_and_the_reason_when_they_take_no_part() {
    let mut tagged = route("node3", false, false, "eligible");
    tagged.attributes.communities = vec!["65001:1".into(), "no-export".into()];
    tagged.attributes.med = Some(50);
    tagged.path_id = 7;
    let mut local = route("local", false, false, "eligible");
    local.attributes.next_hop = "0.0.0.0".into();
    local.attributes.as_path.clear();
    let rows = [
        route("node1", true, true, "eligible"),
        route("node2", false, true, "eligible"),
        tagged,
        route("node4", false, false, "unresolved"),
        local,
    ];
    insta::assert_snapshot!(table(ROUTE_COLUMNS, rows.iter().map(route_row).collect()));
}

fn fib(hops: &[(&str, &str)], installed: bool, error: Option<&str>) -> FibView {
    FibView {
        prefix: "10.10.10.10/32".into(),
        next_hops: hops
            .iter()
            .map(|(via, dev)| FibHopView {
                via: via.parse().ok(),
                dev: Some((*dev).to_owned()),
                weight: 1,
            })
            .collect(),
        installed,
        error: error.map(str::to_owned),
    }
}

#[test]
fn kernel_routes_have_a_line_a_leg() {
    let rows = [
        fib(&[("10.1.0.1", "node1"), ("10.1.0.3", "node2")], true, None),
        fib(&[("fe80::1", "eth1")], false, Some("Network unreachable")),
        fib(&[("", "eth2")], false, None),
    ];
    insta::assert_snapshot!(table(FIB_COLUMNS, rows.iter().flat_map(fib_rows).collect()));
}

#[test]
fn objects_say_where_they_stand_and_what_is_wrong() {
    let object = |namespace: Option<&str>, accepted: bool, message: &str| ObjectView {
        kind: "BGPPeer".into(),
        namespace: namespace.map(str::to_owned),
        name: "leaf1".into(),
        accepted,
        reason: "RouterNotFound".into(),
        message: message.into(),
        status: vec!["Active: connection refused".into()],
        warnings: vec!["spec.bfd does nothing".into()],
        source: Some("peers.yaml#2".into()),
    };
    let rows = [object(Some("default"), true, ""), object(None, false, "no BGPRouter r1")];
    insta::assert_snapshot!(table(OBJECT_COLUMNS, rows.iter().map(object_row).collect()));
}

#[test]
fn an_explanation_reads_from_the_winner_down() {
    let mut second = route("node2", false, true, "eligible");
    second.attributes.communities = vec!["65001:1".into()];
    let candidate = |route, decided_by: &str, detail: &str| CandidateView {
        route,
        decided_by: decided_by.into(),
        detail: detail.into(),
        import_policy: Vec::new(),
    };
    let mut refused = candidate(route("node4", false, false, "filtered"), "filtered", "");
    let term = Some("fabric/from-node:20".to_owned());
    refused.import_policy = vec![
        PolicyStepView { term, permitted: true },
        PolicyStepView { term: Some("fabric/map:10".into()), permitted: false },
    ];
    let view = ExplainView {
        router: "fabric".into(),
        prefix: "10.10.10.10/32".into(),
        candidates: vec![
            candidate(route("node1", true, true, "eligible"), "best", ""),
            candidate(second, "router-id", "10.0.0.2 > 10.0.0.1"),
            candidate(route("node3", false, false, "unresolved"), "unresolved", "10.9.9.9"),
            refused,
        ],
        kernel: Some(fib(&[("10.1.0.1", "node1"), ("10.1.0.3", "node2")], true, None)),
        advertised: vec![
            ExportView {
                peer: "node2".into(),
                path_id: None,
                sent: true,
                reason: "sent".into(),
                export_policy: vec![PolicyStepView {
                    term: Some("fabric/to-node:10".into()),
                    permitted: true,
                }],
            },
            ExportView {
                peer: "node1".into(),
                path_id: Some(65_539),
                sent: false,
                reason: "split-horizon".into(),
                export_policy: Vec::new(),
            },
            ExportView {
                peer: "node4".into(),
                path_id: None,
                sent: false,
                reason: "policy".into(),
                export_policy: vec![PolicyStepView { term: None, permitted: false }],
            },
        ],
    };
    insta::assert_snapshot!(explain_text(&view));
}
