//! Two namespaces, a speaker in each, an address behind each, and pings that do not stop.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;
use testkit::cosmos::{Cosmos, Fib, KERNEL_PROTOCOL};
use testkit::daemon::{Config, Graceful, Kind, Neighbor, Speaker};
use testkit::netns::{End, NetNs};
use testkit::ping::Pings;
use testkit::privilege::in_namespaces;
use testkit::route::{Announcement, router_id};
use testkit::skip::skip;
use testkit::wait;

pub(crate) const OUR_PREFIX: &str = "10.1.1.0/24";
pub(crate) const THEIR_PREFIX: &str = "10.2.1.0/24";
const OUR_HOST: &str = "10.1.1.1";
const THEIR_HOST: &str = "10.2.1.1";
/// Our address on the link.
pub(crate) const US: &str = "192.0.2.1";
/// The neighbour's.
pub(crate) const THEM: &str = "192.0.2.2";

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Runs `body` in namespaces, if the daemon is installed.
pub(crate) fn each(kind: Kind, body: impl FnOnce()) {
    in_namespaces(|| match kind.installed() {
        Ok(()) => body(),
        Err(missing) => skip("restart", &missing),
    });
}

/// How our process ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Stop,
}

impl Ending {
    pub(crate) fn end(self, ours: &mut Cosmos) {
        match self {
            Self::Kill => ours.kill(),
            Self::Stop => ours.stop().unwrap(),
        }
    }
}

/// The namespaces and the link: ours first.
pub(crate) fn places() -> (Arc<NetNs>, Arc<NetNs>) {
    let our_ns = Arc::new(NetNs::new("ours").unwrap());
    let peer_ns = Arc::new(NetNs::new("peer").unwrap());
    let (here, there) = (End::new("eth0", &["192.0.2.1/24"]), End::new("eth0", &["192.0.2.2/24"]));
    our_ns.link(&here, &peer_ns, &there).unwrap();
    our_ns.add_address("lo", format!("{OUR_HOST}/32").parse().unwrap()).unwrap();
    peer_ns.add_address("lo", format!("{THEIR_HOST}/32").parse().unwrap()).unwrap();
    (our_ns, peer_ns)
}

/// Ours, not started, with its state in `state`; it waits for the neighbour's connection if `passive`.
pub(crate) fn ours(ns: &Arc<NetNs>, state: &TempDir, passive: bool, graceful: bool) -> Cosmos {
    let neighbor = Neighbor { passive, ..Neighbor::new(ip(US), ip(THEM), 65002) };
    let config = Config {
        neighbors: vec![neighbor],
        announcements: vec![Announcement::new(OUR_PREFIX)],
        ..Config::new(65001, router_id(1))
    };
    let mut ours = Cosmos::new(env!("CARGO_BIN_EXE_cosmos"), ns, config, Fib::Kernel).unwrap();
    keep_state(&mut ours, state, graceful);
    ours
}

/// Options and settings of every daemon here.
pub(crate) fn keep_state(ours: &mut Cosmos, state: &TempDir, graceful: bool) {
    ours.add_options(&["--state-dir", state.path().to_str().unwrap()]);
    if graceful {
        ours.set_router_field("gracefulRestart", "{enabled: true, restartTime: 60}");
    }
}

/// Our only neighbour, as `cosmos show peers` has it.
pub(crate) fn neighbor(ours: &Cosmos) -> Result<Value> {
    ours.show("peers")?.into_iter().next().context("a neighbour")
}

/// See the module's documentation.
pub(crate) struct Bed {
    kind: Kind,
    pub(crate) ours: Cosmos,
    pub(crate) peer: Box<dyn Speaker>,
    pub(crate) our_ns: Arc<NetNs>,
    pub(crate) peer_ns: Arc<NetNs>,
    _state: TempDir,
}

impl Bed {
    /// Both up, with each other's routes in the kernel; the neighbour says that it comes back in
    /// `restart_time` seconds.
    pub(crate) fn new(kind: Kind, restart_time: u16) -> Self {
        Self::with(kind, restart_time, true)
    }

    /// As [`Bed::new`]; we do graceful restart only if `graceful`.
    pub(crate) fn with(kind: Kind, restart_time: u16, graceful: bool) -> Self {
        let (our_ns, peer_ns) = places();
        // FRR 8.4 that comes out of a connection collision takes a restarted neighbour for one without
        // families, and its routes with it: here only we dial.
        let passive = kind == Kind::Frr;
        let mut theirs = Config {
            neighbors: vec![Neighbor { passive, ..Neighbor::new(ip(THEM), ip(US), 65001) }],
            announcements: vec![Announcement { med: Some(0), ..Announcement::new(THEIR_PREFIX) }],
            ..Config::new(65002, router_id(2))
        };
        Graceful { restart_time, long_lived: None }.add_to(kind, &mut theirs);
        if kind == Kind::Gobgp {
            peer_ns.ip(&format!("route add {OUR_PREFIX} via {US} src {THEIR_HOST}")).unwrap();
        }
        let peer = kind.start(&peer_ns, theirs).unwrap();
        let state = tempfile::tempdir().unwrap();
        let mut ours = ours(&our_ns, &state, false, graceful);
        ours.start().unwrap();
        let bed = Self { kind, ours, peer, our_ns, peer_ns, _state: state };
        bed.wait_converged();
        bed.wait_log("kernel routes are in step", 1);
        bed
    }

    /// Waits until both have each other's route and can reach each other over them.
    #[track_caller]
    pub(crate) fn wait_converged(&self) {
        let converged = self
            .ours
            .wait_established(ip(THEM))
            .and_then(|()| self.peer.wait_established(ip(US)))
            .and_then(|()| {
                wait::eventually("routes on both sides", || {
                    ensure!(self.ours.routes_from(ip(THEM))?.len() == 1, "not here");
                    ensure!(self.peer.routes_from(ip(US))?.len() == 1, "not there");
                    self.peer_ns.exec("ping", &["-c1", "-W1", "-I", THEIR_HOST, OUR_HOST])
                })
            });
        self.demand(converged);
    }

    /// The value, or a failure that shows what both sides wrote.
    #[track_caller]
    pub(crate) fn demand<T>(&self, result: Result<T>) -> T {
        result.unwrap_or_else(|error| {
            let (ours, peer) = (self.ours.log(), self.peer.log());
            let lines: Vec<&str> = peer.lines().collect();
            let peer = lines[lines.len().saturating_sub(60)..].join("\n");
            panic!("{:?}: {error:#}\n--- our log\n{ours}\n--- peer's log\n{peer}", self.kind)
        })
    }

    /// Waits until our log says `words` so often, all runs together.
    #[track_caller]
    pub(crate) fn wait_log(&self, words: &str, times: usize) {
        self.demand(wait_log(&self.ours, words, times));
    }

    /// Waits until we say so of the neighbour's restart.
    #[track_caller]
    pub(crate) fn wait_restart_state(&self, state: &str) {
        self.demand(wait::eventually(state, || {
            let restart = &neighbor(&self.ours)?["restart"];
            ensure!(restart["state"] == state, "{restart}");
            Ok(())
        }));
    }

    /// Pings from behind the neighbour to behind us, and the other way.
    pub(crate) fn ping_both_ways(&self) -> [Pings; 2] {
        [(&self.peer_ns, THEIR_HOST, OUR_HOST), (&self.our_ns, OUR_HOST, THEIR_HOST)]
            .map(|(from, source, to)| self.demand(Pings::start(from, source, to)))
    }
}

/// Waits until the log of `ours` says `words` so often, all runs together.
pub(crate) fn wait_log(ours: &Cosmos, words: &str, times: usize) -> Result<()> {
    wait::eventually(words, || {
        let seen = ours.log().matches(words).count();
        ensure!(seen >= times, "said {seen} times");
        Ok(())
    })
}

/// The destinations our daemon has in the kernel of `ns`.
pub(crate) fn kernel(ns: &NetNs) -> Result<Vec<String>> {
    let routes = ns.kernel_routes(KERNEL_PROTOCOL)?;
    Ok(routes.iter().filter_map(|route| Some(route["dst"].as_str()?.to_owned())).collect())
}

/// Waits until our daemon has no route in the kernel of `ns`.
pub(crate) fn wait_kernel_empty(ns: &NetNs) -> Result<()> {
    wait::eventually("no kernel route of ours", || {
        let routes = kernel(ns)?;
        ensure!(routes.is_empty(), "{routes:?}");
        Ok(())
    })
}
