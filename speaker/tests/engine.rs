//! Two speakers over a real link: sessions, routes, kernel, reconfiguration, stop, link down.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bgp_wire::Asn;
use bgp_wire::attr::AttrBuilder;
use rib::DecisionConfig;
use rib::export::ExportScope;
use rib::policy::Chain;
use speaker::view::{Cursor, PeerView, RouteQuery, RouteTable, RouteView};
use speaker::{
    Listen, NeighborConfig, Origination, RouterConfig, SpeakerConfig, SpeakerHandle, SpeakerOptions,
};
use testkit::netns::{End, NetNs};
use testkit::privilege::in_namespaces;
use testkit::wait::eventually;
use tokio::runtime::{Builder, Runtime};

/// A speaker in a namespace of its own.
struct Node {
    ns: NetNs,
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
        Self { ns, runtime, speaker }
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

    fn established(&self) -> Result<()> {
        let peer = self.peer();
        ensure!(peer.state == "Established", "{} {:?}", peer.state, peer.last_error);
        Ok(())
    }

    fn routes(&self, table: RouteTable) -> Vec<RouteView> {
        let query = RouteQuery { router: None, family: None, prefix: None, table };
        let (mut all, mut cursor) = (Vec::new(), Cursor::default());
        loop {
            let page = self.speaker.routes(&query, cursor);
            all.extend(page.items);
            match page.next {
                Some(next) => cursor = next,
                None => return all,
            }
        }
    }

    fn kernel(&self) -> Vec<String> {
        let four = self.ns.ip("-N route show proto 179").unwrap_or_default();
        let six = self.ns.ip("-N -6 route show proto 179").unwrap_or_default();
        four.lines().chain(six.lines()).map(str::to_owned).collect()
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
        remote: speaker::Remote::Address(address.parse().expect("an address")),
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
        auth: speaker::Auth::None,
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

#[test]
fn routes_both_ways_and_into_the_kernel() {
    in_namespaces(|| both_ways().unwrap());
}

fn both_ways() -> Result<()> {
    let (a, b) = pair()?;
    let config_a = router(65001, 1, "10.0.0.2", 65002, &["198.51.100.0/24", "2001:db8:a::/48"]);
    let config_b = router(65002, 2, "10.0.0.1", 65001, &["203.0.113.0/24", "2001:db8:b::/48"]);
    assert_eq!(a.apply(config_a.clone()).problems, []);
    assert_eq!(b.apply(config_b).problems, []);
    eventually("a up", || a.established())?;
    eventually("b up", || b.established())?;

    eventually("b has a's routes", || {
        let received = b.routes(RouteTable::Received("other".into()));
        let mut prefixes: Vec<_> = received.iter().map(|r| r.prefix.as_str()).collect();
        prefixes.sort_unstable();
        ensure!(prefixes == ["198.51.100.0/24", "2001:db8:a::/48"], "{received:#?}");
        for route in &received {
            ensure!(route.best && route.status == "eligible", "{route:#?}");
            ensure!(route.attributes.as_path == "65001", "{route:#?}");
        }
        Ok(())
    })?;
    eventually("b's kernel", || {
        let kernel = b.kernel();
        ensure!(kernel.len() == 2, "{kernel:?}");
        ensure!(kernel[0].starts_with("198.51.100.0/24 via 10.0.0.1 dev eth0"), "{kernel:?}");
        ensure!(
            kernel[1].contains("via 2001:db8::1 dev eth0") || kernel[1].contains("via fe80::"),
            "{kernel:?}"
        );
        Ok(())
    })?;
    let advertised = a.routes(RouteTable::Advertised("10.0.0.2".into()));
    assert_eq!(advertised.len(), 2, "{advertised:#?}");

    // A changed description touches nothing; a withdrawn prefix goes everywhere.
    let established_count = a.peer().established_count;
    let mut changed = config_a;
    changed.peers.get_mut("other").expect("configured above").description = "other one".into();
    changed.originations.remove(&"198.51.100.0/24".parse()?);
    let report = a.apply(changed);
    assert_eq!((report.sessions_reset, report.problems), (vec![], vec![]));
    eventually("withdrawn", || {
        let kernel = b.kernel();
        ensure!(kernel.len() == 1 && kernel[0].starts_with("2001:db8:a::/48"), "{kernel:?}");
        Ok(())
    })?;
    assert_eq!(a.peer().established_count, established_count, "the session stayed up");
    assert_eq!(a.peer().description, "other one");

    // Our stop is a Cease with its words, and leaves our own kernel routes in place.
    a.stop();
    eventually("b saw the Cease", || {
        let seen = b.peer().last_received.context("no NOTIFICATION yet")?;
        ensure!((seen.code, seen.subcode) == (6, 2), "{seen:?}");
        ensure!(seen.text.contains("test over"), "{seen:?}");
        Ok(())
    })?;
    eventually("b's kernel is clean", || {
        let kernel = b.kernel();
        ensure!(kernel.is_empty(), "{kernel:?}");
        Ok(())
    })?;
    assert_eq!(a.kernel().len(), 2, "a restart must go on forwarding");
    b.stop();
    Ok(())
}

#[test]
fn a_dead_link_ends_the_session_at_once() {
    in_namespaces(|| dead_link().unwrap());
}

fn dead_link() -> Result<()> {
    let (a, b) = pair()?;
    a.apply(router(65001, 1, "10.0.0.2", 65002, &["198.51.100.0/24"]));
    b.apply(router(65002, 2, "10.0.0.1", 65001, &[]));
    eventually("b up", || b.established())?;
    let installed = || {
        let kernel = b.kernel();
        ensure!(kernel.len() == 1, "{kernel:?}");
        Ok(())
    };
    eventually("installed", installed)?;
    // Hold time is 90 s: only the link event can be quicker than what `eventually` waits for.
    a.ns.ip("link set eth0 down")?;
    eventually("b lost the session", || {
        let peer = b.peer();
        ensure!(peer.state != "Established");
        ensure!(peer.last_error.as_deref().is_some_and(|e| e.contains("eth0")), "{peer:#?}");
        Ok(())
    })?;
    eventually("and the route", || {
        ensure!(b.kernel().is_empty());
        Ok(())
    })?;
    a.ns.ip("link set eth0 up")?;
    eventually("b up again", || b.established())?;
    eventually("installed again", installed)?;
    a.stop();
    b.stop();
    Ok(())
}

#[test]
fn a_lost_session_leaves_no_kernel_route() {
    in_namespaces(|| lost_sessions().unwrap());
}

/// The sweep of a lost session's routes and the FIB writer are two tasks: whichever runs first, the
/// kernel must be told. Only after the first synchronisation, which looks by itself now and then.
fn lost_sessions() -> Result<()> {
    let (a, b) = pair()?;
    let up = router(65001, 1, "10.0.0.2", 65002, &["198.51.100.0/24", "2001:db8:a::/48"]);
    let mut down = up.clone();
    down.peers.get_mut("other").expect("configured above").shutdown = Some("round".into());
    b.apply(router(65002, 2, "10.0.0.1", 65001, &[]));
    a.apply(up.clone());
    eventually("in step", || {
        let totals = b.speaker.fib_totals().context("there is a FIB")?;
        ensure!(!totals.is_syncing && totals.installed == 2, "{totals:?}");
        Ok(())
    })?;
    for round in 0..12 {
        a.apply(down.clone());
        eventually("the kernel has let go", || {
            let kernel = b.kernel();
            ensure!(kernel.is_empty(), "round {round}: {kernel:?}");
            Ok(())
        })?;
        a.apply(up.clone());
        eventually("the kernel has them again", || {
            let kernel = b.kernel();
            ensure!(kernel.len() == 2, "round {round}: {kernel:?}");
            Ok(())
        })?;
    }
    a.stop();
    b.stop();
    Ok(())
}
