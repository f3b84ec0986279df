//! What lies under a session, between two speakers over a real link: keys that change, templates of neighbours by
//! prefix, devices.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bgp_wire::Asn;
use bgp_wire::attr::AttrBuilder;
use rib::DecisionConfig;
use rib::export::ExportScope;
use rib::policy::Chain;
use speaker::view::PeerView;
use speaker::{
    Auth, Listen, Md5Key, NeighborConfig, Origination, Remote, RouterConfig, SpeakerConfig,
    SpeakerHandle, SpeakerOptions,
};
use testkit::netns::{End, NetNs};
use testkit::privilege::in_namespaces;
use testkit::wait::eventually;
use tokio::runtime::{Builder, Runtime};

/// A speaker in a namespace of its own.
struct Node {
    _ns: NetNs,
    runtime: Runtime,
    speaker: SpeakerHandle,
}

impl Node {
    fn start(ns: NetNs) -> Self {
        // Worker threads inherit the namespace of the thread that makes them.
        let runtime = ns.run(|| {
            Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
        });
        let started = runtime.spawn(SpeakerHandle::start(SpeakerOptions::default()));
        let speaker = runtime.block_on(started).expect("no panic").expect("netlink");
        Self { _ns: ns, runtime, speaker }
    }

    fn apply(&self, config: RouterConfig) -> speaker::ApplyReport {
        let speaker = self.speaker.clone();
        let routers = BTreeMap::from([("r".to_owned(), config)]);
        let applied =
            self.runtime.spawn(async move { speaker.apply(SpeakerConfig { routers }).await });
        self.runtime.block_on(applied).expect("no panic")
    }

    fn peer(&self) -> PeerView {
        self.speaker.peers(None).pop().expect("one neighbour is configured")
    }

    fn named(&self, name: &str) -> Result<PeerView> {
        self.speaker
            .peers(None)
            .into_iter()
            .find(|p| p.name == name)
            .with_context(|| name.to_owned())
    }

    fn established(&self) -> Result<()> {
        let peer = self.peer();
        ensure!(peer.state == "Established", "{} {:?}", peer.state, peer.last_error);
        Ok(())
    }

    fn stop(&self) {
        let speaker = self.speaker.clone();
        let stopped = self.runtime.spawn(async move { speaker.stop("test over", false).await });
        self.runtime.block_on(stopped).expect("no panic");
    }
}

fn router(asn: u32, id: u8, neighbour: &str, remote_as: u32, prefixes: &[&str]) -> RouterConfig {
    let mut attributes = Vec::new();
    AttrBuilder::new().set_origin(0).replace_as_path(&[]).finish(&mut attributes);
    let origination = Origination { attributes, next_hop: None, peers: None };
    RouterConfig {
        asn: Asn(asn),
        router_id: [192, 0, 2, id].into(),
        listen: Listen::default(),
        cluster_id: None,
        decision: DecisionConfig::default(),
        export_scope: ExportScope::AllBest,
        install_routes: true,
        install_default: false,
        originations: prefixes
            .iter()
            .map(|p| (p.parse().expect("a prefix"), origination.clone()))
            .collect(),
        peers: BTreeMap::from([("other".to_owned(), neighbor(neighbour, remote_as))]),
    }
}

fn neighbor(address: &str, remote_as: u32) -> NeighborConfig {
    NeighborConfig {
        description: String::new(),
        remote: Remote::Address(address.parse().expect("an address")),
        remote_as: speaker::RemoteAs::Asn(Asn(remote_as)),
        remote_port: 179,
        passive: false,
        local_address: None,
        local_interface: None,
        families: vec![bgp_wire::Family::IPV4_UNICAST, bgp_wire::Family::IPV6_UNICAST],
        hold_time: 90,
        keepalive: None,
        connect_retry: Duration::from_secs(1),
        idle_hold: Duration::from_secs(1),
        extended_next_hop: false,
        extended_message: true,
        ttl: None,
        min_ttl: None,
        auth: Auth::None,
        route_reflector_client: false,
        next_hop: speaker::NextHopMode::Standard,
        remove_private_as: None,
        local_as: None,
        bind_device: None,
        add_path: speaker::AddPath::default(),
        role: None,
        graceful_restart: None,
        bfd: None,
        allow_as_in: 0,
        maximum_prefix: None,
        import: Arc::new(Chain::permit_all()),
        export: Arc::new(Chain::permit_all()),
        shutdown: None,
    }
}

fn pair() -> Result<(Node, Node)> {
    let (a, b) = (NetNs::new("a")?, NetNs::new("b")?);
    a.link(
        &End::new("eth0", &["10.0.0.1/24", "2001:db8::1/64"]),
        &b,
        &End::new("eth0", &["10.0.0.2/24", "2001:db8::2/64"]),
    )?;
    Ok((Node::start(a), Node::start(b)))
}

fn edit(config: &mut RouterConfig, change: impl FnOnce(&mut NeighborConfig)) {
    change(config.peers.get_mut("other").expect("configured above"));
}

fn md5(key: &str) -> Auth {
    Auth::Md5(Md5Key::new(key).expect("1 to 80 octets"))
}

fn range(prefix: &str, limit: u32) -> Remote {
    Remote::Range { prefix: prefix.parse().expect("a prefix"), limit }
}

#[test]
fn a_password_changes_under_the_session() {
    in_namespaces(|| rotation().unwrap());
}

fn rotation() -> Result<()> {
    let (a, b) = pair()?;
    let mut config_a = router(65001, 1, "10.0.0.2", 65002, &[]);
    let mut config_b = router(65002, 2, "10.0.0.1", 65001, &[]);
    // KEEPALIVEs every second: what is signed wrongly shows soon.
    for config in [&mut config_a, &mut config_b] {
        edit(config, |p| (p.auth, p.hold_time, p.keepalive) = (md5("first"), 30, Some(1)));
    }
    assert_eq!(a.apply(config_a.clone()).problems, []);
    assert_eq!(b.apply(config_b.clone()).problems, []);
    eventually("up", || a.established().and_then(|()| b.established()))?;
    for key in ["second", "third"] {
        edit(&mut config_a, |p| p.auth = md5(key));
        edit(&mut config_b, |p| p.auth = md5(key));
        assert_eq!(a.apply(config_a.clone()).sessions_reset, []);
        assert_eq!(b.apply(config_b.clone()).sessions_reset, []);
        let said = b.peer().received.keepalive;
        eventually("KEEPALIVEs with the new key", || {
            ensure!(b.peer().received.keepalive > said + 1);
            Ok(())
        })?;
    }
    for node in [&a, &b] {
        assert_eq!((node.peer().established_count, node.peer().dropped_count), (1, 0));
    }
    // No password where one was is another kind of session.
    edit(&mut config_a, |p| p.auth = Auth::None);
    assert_eq!(a.apply(config_a).sessions_reset.len(), 1);
    eventually("a down", || {
        ensure!(a.peer().state != "Established");
        Ok(())
    })?;
    a.stop();
    b.stop();
    Ok(())
}

#[test]
fn rfc5082_both_ends_ask_for_255_whoever_dials() {
    in_namespaces(|| near().unwrap());
}

fn near() -> Result<()> {
    for (ours, theirs) in [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")] {
        let (a, b) = pair()?;
        let mut config_a = router(65001, 1, theirs, 65002, &[]);
        let mut config_b = router(65002, 2, ours, 65001, &[]);
        edit(&mut config_a, |p| (p.passive, p.min_ttl) = (true, Some(255)));
        edit(&mut config_b, |p| p.min_ttl = Some(255));
        assert_eq!(a.apply(config_a).problems, []);
        assert_eq!(b.apply(config_b).problems, []);
        eventually("up", || a.established().and_then(|()| b.established()))?;
        a.stop();
        b.stop();
    }
    Ok(())
}

#[test]
fn whoever_connects_from_a_range_is_a_neighbour_up_to_the_limit() {
    in_namespaces(|| dynamic().unwrap());
}

fn dynamic() -> Result<()> {
    let (a, b) = pair()?;
    let mut hub = router(65001, 1, "10.0.0.2", 65002, &["198.51.100.0/24"]);
    edit(&mut hub, |p| (p.remote, p.auth) = (range("10.0.0.0/24", 1), md5("shared")));
    // A wider range must not get what a narrower one holds.
    let mut wide = hub.peers["other"].clone();
    wide.remote = range("10.0.0.0/8", 5);
    wide.remote_as = speaker::RemoteAs::Asn(Asn(1));
    hub.peers.insert("wide".into(), wide);
    assert_eq!(a.apply(hub.clone()).problems, []);
    let mut spoke = router(65002, 2, "10.0.0.1", 65001, &[]);
    edit(&mut spoke, |p| p.auth = md5("shared"));
    assert_eq!(b.apply(spoke.clone()).problems, []);
    eventually("b up", || b.established())?;
    let child = "other@10.0.0.2";
    eventually("a has the child", || {
        let view = a.named(child)?;
        ensure!(view.state == "Established", "{view:#?}");
        ensure!(view.template.as_deref() == Some("other"), "{view:#?}");
        Ok(())
    })?;
    let census = a.named("other")?.dynamic.context("a template has a census")?;
    assert_eq!((census.limit, census.neighbors, census.refused), (1, 1, 0));

    // A second one is beyond the limit, and says so.
    let mut second = neighbor("10.0.0.1", 65001);
    (second.local_address, second.auth) = (Some("10.0.0.3".parse()?), md5("shared"));
    second.passive = false;
    b._ns.ip("address add 10.0.0.3/24 dev eth0")?;
    let mut both = spoke.clone();
    edit(&mut both, |p| p.local_address = "10.0.0.2".parse().ok());
    both.peers.insert("second".into(), second);
    b.apply(both);
    eventually("the second is turned away", || {
        let census = a.named("other")?.dynamic.context("a template has a census")?;
        ensure!(census.refused > 0 && census.neighbors == 1, "{census:?}");
        Ok(())
    })?;
    b.apply(spoke);
    eventually("a has the child again", || {
        ensure!(a.named(child)?.state == "Established");
        Ok(())
    })?;

    // The template's settings are the child's, and its end is the child's end.
    edit(&mut hub, |p| p.description = "a spoke".into());
    assert_eq!(a.apply(hub.clone()).sessions_reset, []);
    assert_eq!(a.named(child)?.description, "a spoke");
    hub.peers.remove("other");
    a.apply(hub);
    assert!(a.named(child).is_err());
    eventually("b was told", || {
        let seen = b.peer().last_received.context("no NOTIFICATION yet")?;
        ensure!((seen.code, seen.subcode) == (6, 3), "{seen:?}");
        Ok(())
    })?;
    a.stop();
    b.stop();
    Ok(())
}

#[test]
fn a_neighbour_bound_to_a_device_is_met_there_only() {
    in_namespaces(|| devices().unwrap());
}

fn devices() -> Result<()> {
    let (a, b) = pair()?;
    a._ns.link(&End::new("eth1", &["10.0.1.1/24"]), &b._ns, &End::new("eth1", &["10.0.1.2/24"]))?;
    let mut config_a = router(65001, 1, "10.0.0.2", 65002, &[]);
    edit(&mut config_a, |p| (p.passive, p.bind_device) = (true, Some("eth1".into())));
    let config_b = router(65002, 2, "10.0.0.1", 65001, &[]);
    assert_eq!(a.apply(config_a.clone()).problems, []);
    assert_eq!(b.apply(config_b).problems, []);
    eventually("b is closed out", || {
        let peer = b.peer();
        ensure!(peer.state != "Established" && peer.attempts.dialed > 1, "{peer:#?}");
        ensure!(a.peer().attempts.accepted == 0, "the connection came over eth0");
        Ok(())
    })?;
    edit(&mut config_a, |p| p.bind_device = Some("eth0".into()));
    a.apply(config_a);
    eventually("b up", || b.established())?;
    a.stop();
    b.stop();
    Ok(())
}

#[test]
fn tcp_ao_is_refused_with_a_reason_where_the_kernel_has_it_not() {
    in_namespaces(|| authentication_option().unwrap());
}

fn authentication_option() -> Result<()> {
    let (a, b) = pair()?;
    let key = |id: u8, secret: &str| speaker::AoKey {
        key: Md5Key::new(secret).expect("1 to 80 octets"),
        send_id: id,
        recv_id: id,
        algorithm: speaker::AoAlgorithm::HmacSha1,
    };
    let mut config_a = router(65001, 1, "10.0.0.2", 65002, &[]);
    let mut config_b = router(65002, 2, "10.0.0.1", 65001, &[]);
    for config in [&mut config_a, &mut config_b] {
        let first = vec![key(1, "first")];
        edit(config, |p| (p.auth, p.hold_time, p.keepalive) = (Auth::Ao(first), 30, Some(1)));
    }
    let problems = a.apply(config_a.clone()).problems;
    if let Err(why) = sockopt::ao_support() {
        assert!(std::env::var_os("COSMOS_TCP_AO").is_none(), "{why}");
        assert!(problems.iter().any(|(_, peer, what)| peer == "other" && what.contains(why)));
        assert!(a.peer().problem.is_some_and(|problem| problem.contains("TCP-AO")));
        assert_eq!((a.peer().state.as_str(), a.peer().attempts.dialed), ("Idle", 0));
        a.stop();
        return Ok(());
    }
    assert_eq!(problems, []);
    b.apply(config_b.clone());
    eventually("up", || a.established().and_then(|()| b.established()))?;
    // Both have the new key; both ask for it; both let the old one go.
    for keys in [
        vec![key(1, "first"), key(2, "second")],
        vec![key(2, "second"), key(1, "first")],
        vec![key(2, "second")],
    ] {
        for (node, config) in [(&a, &mut config_a), (&b, &mut config_b)] {
            edit(config, |p| p.auth = Auth::Ao(keys.clone()));
            assert_eq!(node.apply(config.clone()).sessions_reset, []);
        }
        let said = b.peer().received.keepalive;
        eventually("KEEPALIVEs with these keys", || {
            ensure!(b.peer().received.keepalive > said + 1);
            Ok(())
        })?;
    }
    assert_eq!((a.peer().established_count, b.peer().established_count), (1, 1));
    a.stop();
    b.stop();
    Ok(())
}
