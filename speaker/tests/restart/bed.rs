//! Two namespaces, a speaker in each, an address behind each, and pings that do not stop.
//!
//! Ours runs on a runtime of its own: dropping that is what SIGKILL is to a process, for its sockets
//! close without a word and nothing is written any more.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use bgp_wire::Asn;
use bgp_wire::attr::AttrBuilder;
use rib::policy::Chain;
use speaker::view::{Cursor, PeerView, RouteQuery, RouteTable, RouteView};
use speaker::{
    AddPath, Auth, GracefulRestart, Listen, NeighborConfig, NextHopMode, Origination, Remote,
    RemoteAs, RouterConfig, SpeakerConfig, SpeakerHandle, SpeakerOptions,
};
use tempfile::TempDir;
use testkit::daemon::{Config, Graceful, Kind, Neighbor, Speaker};
use testkit::netns::{End, NetNs};
use testkit::ping::Pings;
use testkit::route::{Announcement, router_id};
use testkit::wait;
use tokio::runtime::{Builder, Runtime};

const OUR_PREFIX: &str = "10.1.1.0/24";
const THEIR_PREFIX: &str = "10.2.1.0/24";
const OUR_HOST: &str = "10.1.1.1";
const THEIR_HOST: &str = "10.2.1.1";

/// Our speaker.
pub(crate) struct Ours {
    runtime: Runtime,
    speaker: SpeakerHandle,
}

impl Ours {
    fn start(ns: &NetNs, state_file: PathBuf, long_lived: Option<u32>) -> Self {
        // Worker threads inherit the namespace of the thread that makes them.
        let runtime =
            ns.run(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());
        let options = SpeakerOptions { state_file: Some(state_file), ..SpeakerOptions::default() };
        let started = runtime.spawn(SpeakerHandle::start(options));
        let speaker = runtime.block_on(started).unwrap().unwrap();
        let routers = BTreeMap::from([("r".to_owned(), router(long_lived))]);
        let handle = speaker.clone();
        let applied = runtime.spawn(async move { handle.apply(SpeakerConfig { routers }).await });
        let report = runtime.block_on(applied).unwrap();
        assert!(report.problems.is_empty(), "{report:?}");
        Self { runtime, speaker }
    }

    pub(crate) fn peer(&self) -> PeerView {
        self.speaker.peers(None).pop().unwrap()
    }

    pub(crate) fn routes(&self) -> Vec<RouteView> {
        let query =
            RouteQuery { router: None, family: None, prefix: None, table: RouteTable::LocRib };
        self.speaker.routes(&query, Cursor::default()).items
    }

    /// No word to anybody.
    fn crash(self) {
        // The tasks first: a handle that is dropped while they run makes them say goodbye.
        self.runtime.shutdown_timeout(Duration::from_secs(5));
        drop(self.speaker);
    }

    /// As SIGTERM does it.
    fn stop(self) {
        let speaker = self.speaker.clone();
        let stopped = self.runtime.spawn(async move { speaker.stop("restart", false).await });
        self.runtime.block_on(stopped).unwrap();
        self.crash();
    }
}

/// How our speaker ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    Crash,
    Stop,
}

/// See the module's documentation.
pub(crate) struct Bed {
    kind: Kind,
    ours: Option<Ours>,
    pub(crate) peer: Box<dyn Speaker>,
    our_ns: Arc<NetNs>,
    peer_ns: Arc<NetNs>,
    long_lived: Option<u32>,
    folder: TempDir,
}

impl Bed {
    /// Both up, with each other's routes in the kernel.
    pub(crate) fn new(kind: Kind, long_lived: Option<u32>) -> Self {
        let our_ns = Arc::new(NetNs::new("ours").unwrap());
        let peer_ns = Arc::new(NetNs::new("peer").unwrap());
        let (here, there) =
            (End::new("eth0", &["192.0.2.1/24"]), End::new("eth0", &["192.0.2.2/24"]));
        our_ns.link(&here, &peer_ns, &there).unwrap();
        our_ns.add_address("lo", format!("{OUR_HOST}/32").parse().unwrap()).unwrap();
        peer_ns.add_address("lo", format!("{THEIR_HOST}/32").parse().unwrap()).unwrap();
        let (us, them): (IpAddr, IpAddr) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
        // FRR 8.4 that comes out of a connection collision takes a restarted neighbour for one without
        // families, and its routes with it: here only we dial.
        let passive = kind == Kind::Frr;
        let mut theirs = Config {
            neighbors: vec![Neighbor { passive, ..Neighbor::new(them, us, 65001) }],
            announcements: vec![Announcement { med: Some(0), ..Announcement::new(THEIR_PREFIX) }],
            ..Config::new(65002, router_id(2))
        };
        let restart_time = if long_lived.is_some() { 2 } else { 60 };
        let long = long_lived.map(|_| 600);
        Graceful { restart_time, long_lived: long }.add_to(kind, &mut theirs);
        if kind == Kind::Gobgp {
            peer_ns.ip(&format!("route add {OUR_PREFIX} via 192.0.2.1 src {THEIR_HOST}")).unwrap();
        }
        let peer = kind.start(&peer_ns, theirs).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut bed = Self { kind, ours: None, peer, our_ns, peer_ns, long_lived, folder };
        bed.start();
        bed.wait_converged();
        bed
    }

    fn start(&mut self) {
        let file = self.folder.path().join("restart.json");
        self.ours = Some(Ours::start(&self.our_ns, file, self.long_lived));
    }

    pub(crate) fn ours(&self) -> &Ours {
        self.ours.as_ref().unwrap()
    }

    /// We end and begin again.
    pub(crate) fn restart(&mut self, how: Ending) {
        let ours = self.ours.take().unwrap();
        match how {
            Ending::Crash => ours.crash(),
            Ending::Stop => ours.stop(),
        }
        self.start();
    }

    /// Waits until both have each other's route, ours is in step with the kernel, and both can reach
    /// each other.
    #[track_caller]
    pub(crate) fn wait_converged(&self) {
        let us: IpAddr = [192, 0, 2, 1].into();
        let converged = self.peer.wait_established(us).and_then(|()| {
            wait::eventually("routes on both sides", || {
                let peer = self.ours().peer();
                ensure!(peer.state == "Established", "{}", peer.state);
                ensure!(peer.families[0].accepted == 1, "not here");
                ensure!(peer.families[0].end_of_rib_received, "no End-of-RIB here");
                ensure!(self.peer.routes_from(us)?.len() == 1, "not there");
                let fib = self.ours().speaker.fib_totals();
                ensure!(
                    fib.as_ref().is_some_and(|fib| fib.installed == 1 && !fib.is_syncing),
                    "{fib:?}"
                );
                self.peer_ns.exec("ping", &["-c1", "-W1", "-I", THEIR_HOST, OUR_HOST])
            })
        });
        self.demand(converged);
    }

    /// The value, or a failure that shows what the neighbour wrote.
    #[track_caller]
    pub(crate) fn demand<T>(&self, result: anyhow::Result<T>) -> T {
        result.unwrap_or_else(|error| {
            let ours = self.ours.as_ref().map(Ours::peer);
            let log = self.peer.log();
            let log: Vec<&str> = log.lines().rev().take(60).collect();
            let log: Vec<&str> = log.into_iter().rev().collect();
            panic!("{:?}: {error:#}\n{ours:#?}\n--- peer's log\n{}", self.kind, log.join("\n"))
        })
    }

    /// Waits until we say so of the neighbour's restart.
    #[track_caller]
    pub(crate) fn wait_restart_state(&self, state: &str) {
        self.demand(wait::eventually(state, || {
            let restart = self.ours().peer().restart;
            ensure!(restart.as_ref().is_some_and(|r| r.state == state), "{restart:?}");
            Ok(())
        }));
    }

    /// Whether our kernel has the neighbour's route.
    pub(crate) fn kernel_has_route(&self) -> bool {
        !self.our_ns.kernel_routes("179").unwrap().is_empty()
    }

    /// Pings from behind the neighbour to behind us: there by its kernel's routes, back by ours.
    pub(crate) fn ping_us(&self) -> Pings {
        self.pings(&self.peer_ns, THEIR_HOST, OUR_HOST)
    }

    /// Pings from us to behind the neighbour: there by our kernel's route.
    pub(crate) fn ping_neighbour(&self) -> Pings {
        self.pings(&self.our_ns, "192.0.2.1", THEIR_HOST)
    }

    fn pings(&self, from: &NetNs, source: &str, to: &str) -> Pings {
        self.demand(Pings::start(from, source, to))
    }
}

fn router(long_lived: Option<u32>) -> RouterConfig {
    let mut attributes = Vec::new();
    AttrBuilder::new().set_origin(0).replace_as_path(&[]).finish(&mut attributes);
    let origination = Origination { attributes, next_hop: None, peers: None };
    RouterConfig {
        asn: Asn(65001),
        router_id: [192, 0, 2, 1].into(),
        listen: Listen::default(),
        cluster_id: None,
        decision: Default::default(),
        export_scope: rib::export::ExportScope::AllBest,
        install_routes: true,
        install_default: false,
        originations: BTreeMap::from([(OUR_PREFIX.parse().unwrap(), origination)]),
        peers: BTreeMap::from([("n".to_owned(), neighbor(long_lived))]),
    }
}

fn neighbor(long_lived: Option<u32>) -> NeighborConfig {
    NeighborConfig {
        description: String::new(),
        remote: Remote::Address([192, 0, 2, 2].into()),
        remote_as: RemoteAs::External,
        local_as: None,
        remote_port: 179,
        passive: false,
        local_address: None,
        local_interface: None,
        bind_device: None,
        families: vec![bgp_wire::Family::IPV4_UNICAST],
        hold_time: 90,
        keepalive: None,
        connect_retry: Duration::from_secs(1),
        idle_hold: Duration::from_secs(1),
        extended_next_hop: false,
        extended_message: true,
        ttl: None,
        min_ttl: None,
        auth: Auth::None,
        add_path: AddPath::default(),
        role: None,
        graceful_restart: Some(GracefulRestart { restart_time: 60, stale_time: 60, long_lived }),
        bfd: None,
        route_reflector_client: false,
        next_hop: NextHopMode::Standard,
        remove_private_as: None,
        allow_as_in: 0,
        maximum_prefix: None,
        import: Arc::new(Chain::permit_all()),
        export: Arc::new(Chain::permit_all()),
        shutdown: None,
    }
}
