//! Each way of editing an intent, and what it is called.

use std::collections::BTreeSet;

use super::*;
use crate::*;

fn peer(name: &str, address: &str) -> Peer {
    Peer {
        name: name.into(),
        source: ObjectRef::namespaced("BGPPeer", "default", name),
        description: None,
        address: PeerAddress::Ip(address.parse().unwrap()),
        remote_as: RemoteAs::Asn(Asn::new(65001).unwrap()),
        remote_port: 179,
        passive: false,
        local: LocalEnd::Auto,
        timers: PeerTimers::default(),
        families: BTreeSet::from([Family::Ipv4Unicast]),
        ttl: Ttl::Default,
        auth: Auth::None,
        extended_next_hop: false,
        extended_message: true,
        route_reflector_client: false,
        next_hop: NextHopMode::Standard,
        remove_private_as: None,
        bind_device: None,
        local_as: None,
        add_paths: AddPaths::default(),
        role: None,
        graceful_restart: None,
        bfd: None,
        allow_as_in: AllowAsIn::default(),
        maximum_prefix: MaximumPrefix::DEFAULT,
        import: PolicyChain::default(),
        export: PolicyChain::default(),
        shutdown: None,
    }
}

fn origination(prefix: &str) -> Origination {
    Origination {
        prefix: prefix.parse().unwrap(),
        attributes: Attributes::default(),
        peers: PeerScope::All,
        source: ObjectRef::namespaced("BGPAdvertisement", "default", "a"),
    }
}

fn intent(peers: Vec<Peer>) -> Intent {
    let router = Router {
        name: "default/r".into(),
        source: ObjectRef::namespaced("BGPRouter", "default", "r"),
        provider: Provider { name: "n-native".into(), kind: ProviderKind::Native },
        asn: Asn::new(65000).unwrap(),
        router_id: "10.0.0.1".parse().unwrap(),
        listen: Listen::default(),
        families: BTreeSet::from([Family::Ipv4Unicast]),
        best_path: BestPath::default(),
        cluster_id: None,
        require_policy: false,
        install_routes: true,
        install_default_route: false,
        export_scope: ExportScope::Originated,
        originations: vec![origination("10.1.0.0/24")],
        peers: peers.into_iter().map(|p| (p.name.clone(), p)).collect(),
    };
    Intent { routers: [(router.name.clone(), router)].into() }
}

fn only_router(diff: &IntentDiff) -> &RouterDiff {
    match diff.routers.values().next() {
        Some(RouterChange::Changed(diff)) => diff,
        other => panic!("not one changed router: {other:?}"),
    }
}

#[test]
fn equal_intents_do_not_differ() {
    let a = intent(vec![peer("a", "10.0.0.2")]);
    assert!(diff(&a, &a.clone()).is_empty());
    assert!(a.validate().is_empty());
}

#[test]
fn routers_come_and_go() {
    let a = intent(vec![]);
    let none = Intent::default();
    assert_eq!(diff(&none, &a).routers["default/r"], RouterChange::Added);
    assert_eq!(diff(&a, &none).routers["default/r"], RouterChange::Removed);
}

#[test]
fn a_new_description_leaves_the_session_alone() {
    let mut edited = peer("a", "10.0.0.2");
    edited.description = Some("top of rack".into());
    let found = diff(&intent(vec![peer("a", "10.0.0.2")]), &intent(vec![edited]));
    let change = &only_router(&found).peers["a"];
    assert_eq!(*change, PeerChange::Changed(vec![PeerAspect::Description]));
    assert_eq!(change.impact(), Impact::None);
    assert!(!only_router(&found).identity);
}

/// Every field of a peer, edited alone, is seen and named.
#[test]
fn every_field_of_a_peer_is_seen() {
    let asn = Asn::new(65009).unwrap();
    let permit = || PolicyChain(vec![Policy::deny_all("p")]);
    type Edit = Box<dyn Fn(&mut Peer)>;
    let edits: Vec<(PeerAspect, Edit)> = vec![
        (PeerAspect::Description, Box::new(|p| p.source = ObjectRef::cluster("BGPSession", "s"))),
        (PeerAspect::Endpoint, Box::new(|p| p.remote_port = 1179)),
        (PeerAspect::Endpoint, Box::new(|p| p.passive = true)),
        (PeerAspect::Endpoint, Box::new(|p| p.local = LocalEnd::Address([10, 0, 0, 9].into()))),
        (
            PeerAspect::Endpoint,
            Box::new(|p| p.address = PeerAddress::Interface("eth1".parse().unwrap())),
        ),
        (PeerAspect::RemoteAs, Box::new(move |p| p.remote_as = RemoteAs::Asn(asn))),
        (PeerAspect::Hold, Box::new(|p| p.timers.hold = None)),
        (PeerAspect::Intervals, Box::new(|p| p.timers.idle_hold *= 2)),
        (PeerAspect::Capabilities, Box::new(|p| p.extended_next_hop = true)),
        (PeerAspect::Capabilities, Box::new(|p| p.extended_message = false)),
        (PeerAspect::Capabilities, Box::new(|p| _ = p.families.insert(Family::Ipv6Unicast))),
        (PeerAspect::Ttl, Box::new(|p| p.ttl = Ttl::Security(255.try_into().unwrap()))),
        (PeerAspect::Auth, Box::new(|p| p.auth = Auth::Md5(Secret::new("x").unwrap()))),
        (PeerAspect::Reflection, Box::new(|p| p.route_reflector_client = true)),
        (PeerAspect::NextHop, Box::new(|p| p.next_hop = NextHopMode::Own)),
        (PeerAspect::PrivateAs, Box::new(|p| p.remove_private_as = Some(RemovePrivateAs::Remove))),
        (PeerAspect::Endpoint, Box::new(|p| p.bind_device = Some("eth1".parse().unwrap()))),
        (
            PeerAspect::LocalAs,
            Box::new(move |p| {
                p.local_as = Some(LocalAs { asn, no_prepend: false, replace: false });
            }),
        ),
        (PeerAspect::Capabilities, Box::new(|p| p.add_paths.receive = true)),
        (
            PeerAspect::Capabilities,
            Box::new(|p| p.role = Some(PeerRole { role: Role::Peer, strict: false })),
        ),
        (
            PeerAspect::Restart,
            Box::new(|p| {
                p.graceful_restart = Some(GracefulRestart {
                    restart_time: 120,
                    stale_path_time: 360,
                    long_lived: None,
                });
            }),
        ),
        (
            PeerAspect::Bfd,
            Box::new(|p| {
                let interval = std::time::Duration::from_millis(50);
                p.bfd = Some(Bfd {
                    min_tx: interval,
                    min_rx: interval,
                    multiplier: 3,
                    multihop: None,
                    strict: false,
                });
            }),
        ),
        (PeerAspect::AllowAsIn, Box::new(|p| p.allow_as_in = AllowAsIn::new(1).unwrap())),
        (PeerAspect::MaximumPrefix, Box::new(|p| p.maximum_prefix.limit = 7)),
        (PeerAspect::Import, Box::new(move |p| p.import = permit())),
        (PeerAspect::Export, Box::new(move |p| p.export = permit())),
        (PeerAspect::Shutdown, Box::new(|p| p.shutdown = Some("maintenance".into()))),
    ];
    for (aspect, edit) in edits {
        let mut edited = peer("a", "10.0.0.2");
        edit(&mut edited);
        let found = diff(&intent(vec![peer("a", "10.0.0.2")]), &intent(vec![edited]));
        assert_eq!(only_router(&found).peers["a"], PeerChange::Changed(vec![aspect]));
    }
}

#[test]
fn originations_are_told_apart_by_content() {
    let (a, mut b) = (intent(vec![]), intent(vec![]));
    let router = b.routers.get_mut("default/r").unwrap();
    router.originations = vec![origination("10.2.0.0/24")];
    let found = diff(&a, &b);
    assert_eq!(only_router(&found).originate, [origination("10.2.0.0/24")]);
    assert_eq!(only_router(&found).withdraw, [origination("10.1.0.0/24")]);
}

#[test]
fn contradictions_are_found() {
    let mut internal = peer("b", "10.0.0.2");
    internal.remote_as = RemoteAs::Internal;
    internal.ttl = Ttl::Multihop(2.try_into().unwrap());
    let mut scoped = peer("c", "fe80::1");
    scoped.remote_port = 0;
    let found = intent(vec![peer("a", "10.0.0.2"), internal, scoped]).validate();
    let texts: Vec<_> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        texts,
        [
            "router default/r: peers a and b are the same neighbour 10.0.0.2",
            "router default/r: peer b is internal and cannot be multihop",
            "router default/r: peer c: fe80::1 needs an interface exactly when it is link-local",
            "router default/r: peer c: remote port 0",
        ]
    );
}

#[test]
fn timers_hold_only_what_the_rfc_allows() {
    assert_eq!(HoldTimes::new(9, None).unwrap().keepalive(), 3);
    assert_eq!(HoldTimes::new(180, None).unwrap().keepalive(), 30);
    assert_eq!(HoldTimes::new(2, None), Err(TimerError::HoldTooShort(2)));
    assert_eq!(HoldTimes::new(9, Some(4)), Err(TimerError::Keepalive { hold: 9, keepalive: 4 }));
}
