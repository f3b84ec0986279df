//! Facts in, the name of the cause out; one row a cause.

use std::collections::BTreeSet;

use super::*;
use crate::view::{
    AttemptsView, ConfiguredView, DownView, FamilyCountsView, NotificationView, OpenView,
    PeerFamilyView, RefusedOpenView, TimersView, TransitionView, TransportView, UnnumberedView,
};

/// An external neighbour on a connected subnet that we try to reach.
fn peer() -> PeerView {
    PeerView {
        router: "r".into(),
        name: "leaf1".into(),
        address: "192.0.2.2".parse().ok(),
        local_as: 65001,
        local_router_id: "10.0.0.1".parse().ok(),
        remote_as: 65002,
        session_type: "eBGP".into(),
        state: "Active".into(),
        since_secs: 3,
        attempts: AttemptsView { dialed: 4, failed: 4, ..AttemptsView::default() },
        configured: ConfiguredView {
            remote_as: "65002".into(),
            remote_port: 179,
            hold_time_secs: 90,
            families: vec!["ipv4/unicast".into()],
            auth: "none".into(),
            ..ConfiguredView::default()
        },
        ..PeerView::default()
    }
}

fn host() -> HostFacts {
    HostFacts {
        interfaces_known: true,
        interfaces: vec![link("eth0", true, true), link("eth1", true, false)],
        addresses: BTreeSet::from(["192.0.2.1".parse().unwrap()]),
        route: RouteFact::Connected {
            source: "192.0.2.1".parse().unwrap(),
            interface: Some("eth0".into()),
        },
        ..HostFacts::default()
    }
}

fn link(name: &str, up: bool, running: bool) -> InterfaceFact {
    InterfaceFact { name: name.into(), up, running, networks: Vec::new() }
}

fn behind_a_router() -> HostFacts {
    let source = "192.0.2.1".parse().unwrap();
    HostFacts { route: RouteFact::Gateway { source, interface: Some("eth0".into()) }, ..host() }
}

fn transport(fault: &str, phase: &str) -> Option<TransportView> {
    Some(TransportView {
        secs_ago: 3,
        fault: fault.into(),
        phase: phase.into(),
        connection: "outgoing".into(),
        text: format!("the system says {fault}"),
    })
}

fn notification(code: u8, subcode: u8) -> Option<NotificationView> {
    let text = format!("received {code}/{subcode}");
    Some(NotificationView { secs_ago: 3, code, subcode, text, communication: None })
}

fn refused(subcode: u8, open: OpenView) -> Option<RefusedOpenView> {
    Some(RefusedOpenView {
        secs_ago: 3,
        open: Some(open),
        code: 2,
        subcode,
        text: "refused".into(),
        expected: "something else".into(),
    })
}

fn open() -> OpenView {
    OpenView {
        asn: 64999,
        router_id: "10.0.0.1".into(),
        hold_time_secs: 90,
        families: vec!["ipv6/unicast".into()],
        capabilities: vec!["role provider".into()],
        ..OpenView::default()
    }
}

/// The causes, and that each finding can be acted on.
fn causes(peer: &PeerView, host: &HostFacts) -> Vec<&'static str> {
    let diagnosis = diagnose(peer, host);
    for finding in &diagnosis.findings {
        assert!(!finding.summary.is_empty(), "{finding:?}");
        assert!(!finding.evidence.is_empty(), "{finding:?}");
        assert!(!finding.fix.is_empty(), "{finding:?}");
    }
    diagnosis.findings.iter().map(|f| f.cause.as_str()).collect()
}

#[track_caller]
fn is(change: impl FnOnce(&mut PeerView, &mut HostFacts), wanted: &str) -> Diagnosis {
    let (mut peer, mut host) = (peer(), host());
    change(&mut peer, &mut host);
    assert_eq!(causes(&peer, &host), [wanted]);
    diagnose(&peer, &host)
}

#[test]
fn transport_faults_have_a_cause_each() {
    let table = [
        ("refused", "connecting", "connection-refused"),
        ("timed-out", "connecting", "connection-timed-out"),
        ("host-unreachable", "connecting", "neighbor-silent"),
        ("network-unreachable", "connecting", "no-route"),
        ("address-not-here", "connecting", "update-source-not-here"),
        ("no-device", "connecting", "interface-missing"),
        ("denied", "connecting", "connect-denied"),
        ("link-down", "connecting", "interface-down"),
        ("closed", "before-open", "closed-before-open"),
        ("reset", "before-open", "closed-before-open"),
        ("reset", "connecting", "connection-reset"),
        ("closed", "after-open", "closed-after-open"),
        ("closed", "established", "connection-lost"),
        ("timed-out", "established", "connection-lost"),
        ("link-down", "established", "interface-down"),
        ("other", "connecting", "connection-reset"),
    ];
    for (fault, phase, cause) in table {
        is(|p, _| p.last_transport = transport(fault, phase), cause);
    }
}

#[test]
fn a_timeout_is_told_apart_by_what_the_node_knows() {
    let timed_out = |p: &mut PeerView| p.last_transport = transport("timed-out", "connecting");
    is(|p, h| (timed_out(p), *h = behind_a_router()).1, "multihop-needed");
    let no_ebgp = |p: &mut PeerView| p.session_type = "iBGP".into();
    is(|p, h| (timed_out(p), no_ebgp(p), *h = behind_a_router()).2, "connection-timed-out");
    is(
        |p, h| (timed_out(p), p.configured.ttl = Some(4), *h = behind_a_router()).2,
        "connection-timed-out",
    );
    let keyed =
        is(|p, _| (timed_out(p), p.configured.auth = "md5".into()).1, "key-mismatch-suspected");
    assert!(keyed.findings[0].evidence.iter().any(|e| e.contains("may be the neighbour")));
    let counted = is(
        |p, h| {
            timed_out(p);
            p.configured.auth = "md5".into();
            h.drops.failure = 7;
        },
        "key-mismatch-suspected",
    );
    assert!(
        counted.findings[0].evidence.iter().any(|e| e.contains("7 segments signed with another"))
    );
    is(|p, h| (timed_out(p), h.drops.unexpected = 2).1, "key-mismatch-suspected");
    let near = |p: &mut PeerView, h: &mut HostFacts| {
        timed_out(p);
        p.configured.min_ttl = Some(255);
        h.drops.min_ttl = 3;
    };
    is(near, "ttl-too-low");
    is(|p, h| (timed_out(p), h.route = RouteFact::Blocked("blackhole".into())).1, "no-route");
    let far = |p: &mut PeerView, h: &mut HostFacts| {
        p.last_transport = transport("host-unreachable", "connecting");
        *h = behind_a_router();
    };
    is(far, "multihop-needed");
    is(|p, h| (far(p, h), p.session_type = "iBGP".into()).1, "host-unreachable");
}

#[test]
fn notifications_received_have_a_cause_each() {
    let table = [
        (2, 2, "neighbor-expects-another-as"),
        (2, 3, "router-id-conflict"),
        (2, 6, "hold-time-unacceptable"),
        (2, 7, "capability-mismatch"),
        (2, 11, "role-mismatch"),
        (2, 4, "open-refused"),
        (4, 0, "hold-expired-there"),
        (6, 1, "prefix-limit-there"),
        (6, 2, "shut-down-there"),
        (6, 3, "removed-there"),
        (6, 4, "reset-there"),
        (6, 5, "rejected-by-neighbor"),
        (6, 6, "reset-there"),
        (6, 7, "collision-loop"),
        (6, 8, "out-of-resources"),
        (6, 9, "reset-there"),
        (6, 10, "bfd-down"),
        (8, 0, "not-reading"),
        (1, 2, "malformed-message"),
        (3, 5, "malformed-message"),
        (5, 1, "malformed-message"),
    ];
    for (code, subcode, cause) in table {
        is(|p, _| p.last_received = notification(code, subcode), cause);
    }
}

#[test]
fn notifications_sent_have_a_cause_each() {
    let table = [
        (4, 0, "no-open"),
        (8, 0, "not-reading"),
        (6, 1, "prefix-limit-here"),
        (6, 5, "back-off"),
        (6, 7, "collision-loop"),
        (6, 6, "reset-here"),
        (6, 8, "out-of-resources"),
        (6, 10, "bfd-down"),
        (3, 5, "malformed-message"),
        (1, 1, "malformed-message"),
    ];
    for (code, subcode, cause) in table {
        is(|p, _| p.last_sent = notification(code, subcode), cause);
    }
    let was_up = |p: &mut PeerView| {
        p.last_down = Some(DownView { secs_ago: 3, up_secs: 60, ..DownView::default() });
    };
    is(|p, _| (p.last_sent = notification(4, 0), was_up(p)).1, "hold-expired-here");
}

#[test]
fn refused_opens_show_both_sides() {
    let wrong_as = is(|p, _| p.open_refused = refused(2, open()), "wrong-as");
    assert_eq!(wrong_as.findings[0].summary, "the neighbour is AS 64999, configured is AS 65002");
    assert!(wrong_as.findings[0].fix[0].contains("peerASN: 64999"), "{wrong_as:?}");
    is(|p, _| p.open_refused = refused(3, open()), "router-id-conflict");
    is(|p, _| p.open_refused = refused(6, open()), "hold-time-unacceptable");
    let families = is(|p, _| p.open_refused = refused(7, open()), "capability-mismatch");
    assert_eq!(families.findings[0].evidence[0], "we offer ipv4/unicast; it offers ipv6/unicast");
    let roles = is(
        |p, _| {
            p.configured.role = Some("provider".into());
            p.open_refused = refused(11, open());
        },
        "role-mismatch",
    );
    assert!(roles.findings[0].summary.contains("ours is provider, the neighbour's is provider"));
    is(|p, _| p.open_refused = refused(4, open()), "open-refused");
}

#[test]
fn both_sides_may_expect_another_as() {
    let mut peer = peer();
    peer.open_refused = refused(2, open());
    peer.last_sent = notification(2, 2);
    peer.last_received = notification(2, 2);
    assert_eq!(causes(&peer, &host()), ["wrong-as", "neighbor-expects-another-as"]);
}

#[test]
fn the_newest_story_counts() {
    // A neighbour that refused us and then went away altogether.
    let mut peer = peer();
    peer.last_received = notification(6, 2);
    peer.last_received.as_mut().unwrap().secs_ago = 60;
    peer.last_transport = transport("refused", "connecting");
    assert_eq!(causes(&peer, &host()), ["connection-refused"]);
    // Closing right after the NOTIFICATION adds nothing to it.
    peer.last_transport = transport("closed", "before-open");
    assert_eq!(causes(&peer, &host()), ["shut-down-there"]);
    // What happened long before does not explain what happens now.
    peer.last_received.as_mut().unwrap().secs_ago = 4000;
    assert_eq!(causes(&peer, &host()), ["closed-before-open"]);
}

#[test]
fn what_is_missing_here_comes_first() {
    is(|p, _| p.interface = Some("eth9".into()), "interface-missing");
    is(|p, _| p.configured.bind_device = Some("vrf1".into()), "interface-missing");
    is(|p, _| p.interface = Some("eth1".into()), "interface-down");
    is(|p, h| (p.interface = Some("eth0".into()), h.interfaces[0].up = false).1, "interface-down");
    is(|p, _| p.configured.local_address = "192.0.2.77".parse().ok(), "update-source-not-here");
    is(
        |p, _| {
            p.configured.local_interface = Some("eth0".into());
            p.problem = Some("interface eth0 has no address".into());
        },
        "update-source-not-here",
    );
    is(|p, _| p.problem = Some("cannot set the TCP MD5 key".into()), "not-possible");
    is(|p, _| (p.address = None, p.interface = Some("eth0".into())).1, "no-link-local-neighbor");
    is(
        |p, _| {
            p.address = None;
            p.interface = Some("eth0".into());
            let neighbors = vec!["fe80::1".into(), "fe80::2".into()];
            p.unnumbered = Some(UnnumberedView { neighbors, ..UnnumberedView::default() });
        },
        "several-neighbors",
    );
    is(
        |p, _| {
            p.address = None;
            p.interface = Some("eth0".into());
            p.problem = Some("two neighbours, fe80::1 and fe80::2, are on eth0".into());
        },
        "several-neighbors",
    );
    is(
        |p, _| {
            p.held = Some("stopped by us".into());
            p.last_sent = notification(6, 1);
        },
        "prefix-limit-here",
    );
    is(|p, _| p.held = Some("stopped by us".into()), "not-possible");
}

#[test]
fn a_session_without_a_story_is_waited_for() {
    is(|p, _| p.attempts = AttemptsView { dialing: true, ..AttemptsView::default() }, "connecting");
    is(|p, _| p.configured.passive = true, "waiting-for-neighbor");
    is(|p, _| (p.state = "OpenSent".into(), p.since_secs = 30).1, "no-open");
    // Without an attempt of ours there is only what the kernel has dropped.
    let waits = |p: &mut PeerView| (p.configured.passive, p.configured.auth) = (true, "md5".into());
    is(|p, h| (waits(p), h.drops.not_found = 1).1, "key-mismatch-suspected");
    is(|p, h| (waits(p), h.drops.min_ttl = 1).1, "waiting-for-neighbor");
    is(|p, h| (p.configured.passive, h.drops.unexpected) = (true, 1), "key-mismatch-suspected");
    let far = |p: &mut PeerView, h: &mut HostFacts| {
        p.configured.min_ttl = Some(255);
        h.drops.min_ttl = 3;
    };
    is(|p, h| (far(p, h), p.configured.passive = true).1, "ttl-too-low");
    for state in ["OpenSent", "OpenConfirm"] {
        is(|p, h| (far(p, h), p.state = state.into(), p.since_secs = 30).2, "ttl-too-low");
    }
    is(|p, h| (far(p, h), p.last_sent = notification(4, 0)).1, "ttl-too-low");
    let shut = is(|p, _| p.shutdown = Some("maintenance".into()), "shut-down-here");
    assert!(!shut.is_wrong(), "what is configured is not wrong");
    let mut template = peer();
    template.range = Some("192.0.2.0/24".into());
    assert!(diagnose(&template, &host()).findings.is_empty());
}

/// An Established session with one family.
fn up(
    change: impl FnOnce(&mut PeerView, &mut PeerFamilyView, &mut HostFacts),
) -> Vec<&'static str> {
    let (mut peer, mut host) = (peer(), host());
    peer.state = "Established".into();
    peer.since_secs = 4000;
    let mut family = PeerFamilyView {
        family: "ipv4/unicast".into(),
        received: 10,
        accepted: 10,
        best: 10,
        ..PeerFamilyView::default()
    };
    change(&mut peer, &mut family, &mut host);
    peer.families = vec![family];
    causes(&peer, &host)
}

#[test]
fn troubles_of_sessions_that_are_up() {
    assert!(up(|_, _, _| {}).is_empty(), "all is well");
    let limit = |p: &mut PeerView| p.configured.maximum_prefix = Some(12);
    assert_eq!(up(|p, _, _| limit(p)), ["prefixes-near-limit"]);
    let over = |f: &mut PeerFamilyView| {
        f.received = 12;
        f.told.over_limit = 4;
    };
    assert_eq!(up(|p, f, _| (limit(p), over(f)).1), ["prefixes-over-limit"]);
    let denied = |f: &mut PeerFamilyView| {
        f.accepted = 0;
        f.told = FamilyCountsView { denied_by_policy: 10, looped: 1, ..f.told };
    };
    assert_eq!(up(|_, f, _| denied(f)), ["no-route-accepted"]);
    let unresolved = |h: &mut HostFacts| {
        h.statuses.insert("unresolved".into(), 3);
    };
    assert_eq!(up(|_, _, h| unresolved(h)), ["next-hop-unresolved"]);
    let two = |p: &mut PeerView| p.configured.families.push("ipv6/unicast".into());
    assert_eq!(up(|p, _, _| two(p)), ["family-not-shared"]);
    let stuck = |p: &mut PeerView| {
        p.queued_octets = 9000;
        p.timers = TimersView { said_secs_ago: Some(45), ..TimersView::default() };
    };
    assert_eq!(up(|p, _, _| stuck(p)), ["not-reading"]);
    let flapping = |p: &mut PeerView| {
        p.since_secs = 20;
        p.last_down = Some(DownView { secs_ago: 25, up_secs: 30, ..DownView::default() });
        let loss = TransitionView { from: "Established".into(), ..TransitionView::default() };
        p.history = vec![loss.clone(), loss];
    };
    assert_eq!(up(|p, _, _| flapping(p)), ["flapping"]);
}

#[test]
fn routers_kernel_and_objects() {
    assert!(!router("r", &[]).is_wrong());
    let deaf = router("r", &["0.0.0.0:179: in use".to_owned()]);
    assert_eq!(deaf.findings[0].cause, Cause::NotListening);
    let totals = FibTotalsView { pending: 2, failures: 4, ..FibTotalsView::default() };
    let refused = kernel(&totals, &["10.0.0.0/8: no such device".to_owned()]);
    assert_eq!(refused.findings[0].cause, Cause::KernelRefusesRoutes);
    assert!(refused.is_wrong() && !kernel(&FibTotalsView::default(), &[]).is_wrong());
    let secret = refused_object("BGPPeer a", "SecretNotFound", "no Secret tor", Some("peers.yaml"));
    assert_eq!(secret.findings[0].cause, Cause::SecretMissing);
    let object = refused_object("BGPPeer a", "RouterNotFound", "no BGPRouter r9", None);
    assert_eq!(object.findings[0].cause, Cause::ObjectRefused);
}

#[test]
fn names_are_unique_and_survive_json() {
    let names: BTreeSet<_> = Cause::ALL.iter().map(|c| c.as_str()).collect();
    assert_eq!(names.len(), Cause::ALL.len());
    let finding = Finding::broken(Cause::WrongAs, "x").seen("y").fix("z");
    assert_eq!(finding.cause.as_str(), "wrong-as");
}
