//! Two namespaces and what lies between, a cable or a router; one eBGP session of our binary with a daemon.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::cosmos::{Cosmos, Fib};
use testkit::daemon::{Config, Kind, Neighbor, Speaker};
use testkit::netns::{End, NetNs};
use testkit::privilege::in_namespaces;
use testkit::route::{Announcement, Route, router_id};
use testkit::skip::skip;
use testkit::wait::eventually;

pub(crate) const BIN: &str = env!("CARGO_BIN_EXE_cosmos");
pub(crate) const OUR_AS: u32 = 65001;
pub(crate) const THEIR_AS: u32 = 65002;
pub(crate) const ALL: &[Kind] = &Kind::ALL;

/// What lies between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A cable, and the session over IPv4.
    V4,
    /// A cable, and the session over IPv6.
    V6,
    /// A router.
    Routed,
}

/// The namespaces.
pub(crate) struct Wires {
    pub(crate) our_ns: Arc<NetNs>,
    pub(crate) peer_ns: Arc<NetNs>,
    _router: Option<NetNs>,
}

/// Ours, the daemon, and what lies between.
pub(crate) struct Lab {
    pub(crate) ours: Cosmos,
    pub(crate) peer: Box<dyn Speaker>,
    pub(crate) kind: Kind,
    /// Our address, as the daemon's configuration has it.
    pub(crate) us: IpAddr,
    /// The daemon's.
    pub(crate) them: IpAddr,
    pub(crate) wires: Wires,
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Runs `body` with those of `kinds` that are installed.
pub(crate) fn with(test: &str, kinds: &[Kind], body: impl FnOnce(&[Kind])) {
    in_namespaces(|| {
        let here = |kind: &&Kind| kind.installed().inspect_err(|why| skip(test, why)).is_ok();
        let here: Vec<Kind> = kinds.iter().filter(here).copied().collect();
        if !here.is_empty() {
            body(&here);
        }
    });
}

/// Runs `body` with each of `kinds` that is installed, one after the other.
pub(crate) fn each(test: &str, kinds: &[Kind], body: impl Fn(Kind)) {
    with(test, kinds, |here| here.iter().for_each(|kind| body(*kind)));
}

impl Wires {
    /// Nothing between them.
    pub(crate) fn apart() -> Self {
        let our_ns = Arc::new(NetNs::new("ours").unwrap());
        let peer_ns = Arc::new(NetNs::new("peer").unwrap());
        Self { our_ns, peer_ns, _router: None }
    }

    pub(crate) fn new(way: Way) -> Self {
        let Self { our_ns, peer_ns, .. } = Self::apart();
        let end = |addresses: &[&str]| End::new("eth0", addresses);
        if way != Way::Routed {
            let ours = end(&["192.0.2.1/24", "2001:db8::1/64"]);
            our_ns.link(&ours, &peer_ns, &end(&["192.0.2.2/24", "2001:db8::2/64"])).unwrap();
            return Self { our_ns, peer_ns, _router: None };
        }
        let router = NetNs::new("router").unwrap();
        router.run(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")).unwrap();
        router
            .link(&End::new("near", &["192.0.2.254/24"]), &our_ns, &end(&["192.0.2.1/24"]))
            .unwrap();
        let far = End::new("far", &["198.51.100.254/24"]);
        router.link(&far, &peer_ns, &end(&["198.51.100.2/24"])).unwrap();
        // FRR does not dial where only a default route leads.
        our_ns.ip("route add 198.51.100.0/24 via 192.0.2.254").unwrap();
        peer_ns.ip("route add 192.0.2.0/24 via 198.51.100.254").unwrap();
        Self { our_ns, peer_ns, _router: Some(router) }
    }
}

/// Both configurations as they are without a test's changes: ours, the daemon's.
pub(crate) fn configs(way: Way) -> (Config, Config) {
    let (us, them) = match way {
        Way::V4 => (ip("192.0.2.1"), ip("192.0.2.2")),
        Way::V6 => (ip("2001:db8::1"), ip("2001:db8::2")),
        Way::Routed => (ip("192.0.2.1"), ip("198.51.100.2")),
    };
    let config = |asn, local, remote, remote_as, n: u8| {
        let mut config = Config::new(asn, router_id(n));
        config.neighbors.push(Neighbor::new(local, remote, remote_as));
        let announce = |m: u8| {
            let text = match way {
                Way::V6 => format!("2001:db8:{n}:{m}::/64"),
                _ => format!("10.{n}.{m}.0/24"),
            };
            // FRR sends a MED with each, so that all do here.
            Announcement { med: Some(0), ..Announcement::new(&text) }
        };
        config.announcements = (0..3).map(announce).collect();
        config
    };
    (config(OUR_AS, us, them, THEIR_AS, 1), config(THEIR_AS, them, us, OUR_AS, 2))
}

impl Lab {
    /// Both started; `change` gets our and the daemon's configuration.
    pub(crate) fn new(kind: Kind, way: Way, change: impl FnOnce(&mut Config, &mut Config)) -> Self {
        Self::on(Wires::new(way), kind, way, change)
    }

    /// As [`Lab::new`], in these namespaces.
    pub(crate) fn on(
        wires: Wires,
        kind: Kind,
        way: Way,
        change: impl FnOnce(&mut Config, &mut Config),
    ) -> Self {
        let (mut ours, mut theirs) = configs(way);
        change(&mut ours, &mut theirs);
        let (us, them) = (theirs.neighbors[0].address, ours.neighbors[0].address);
        let peer = kind.start(&wires.peer_ns, theirs).unwrap();
        let mut ours = Cosmos::new(BIN, &wires.our_ns, ours, Fib::None).unwrap();
        ours.start().unwrap();
        Self { ours, peer, kind, us, them, wires }
    }

    /// What `cosmos show peers` says of the daemon.
    pub(crate) fn view(&self) -> Result<Value> {
        let all = self.ours.show("peers")?;
        let them = self.them.to_string();
        all.into_iter().find(|view| view["address"] == them.as_str()).context("the neighbour")
    }

    /// A number in our view, by JSON pointer.
    pub(crate) fn count(&self, pointer: &str) -> u64 {
        let view = self.demand(self.view());
        view.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
    }

    /// Waits until `look` is content.
    #[track_caller]
    pub(crate) fn until<T>(&self, what: &str, look: impl FnMut() -> Result<T>) -> T {
        self.demand(eventually(what, look))
    }

    /// Waits until both ends have the session and exactly each other's routes.
    #[track_caller]
    pub(crate) fn exchanged(&self) {
        self.demand(self.ours.wait_established(self.them));
        self.demand(self.peer.wait_established(self.us));
        self.demand(self.ours.wait_routes(self.them, &announced(self.peer.config(), self.them)));
        self.demand(self.peer.wait_routes(self.us, &announced(self.ours.config(), self.us)));
    }

    /// What the doctor says of the neighbour.
    fn findings(&self) -> Result<Vec<Value>> {
        let control = self.ours.manifests().with_file_name("control.sock");
        let mut command = Command::new(BIN);
        command.args(["doctor", "-o", "json", "--control"]).arg(control);
        let output = self.wires.our_ns.run(|| command.output())?;
        let all: Vec<Value> = serde_json::from_slice(&output.stdout)
            .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
        let of_all = all.iter().flat_map(|d| d["findings"].as_array().cloned().unwrap_or_default());
        Ok(of_all.collect())
    }

    /// Waits until the doctor names this cause, with these words in what it saw or advises.
    #[track_caller]
    pub(crate) fn doctor(&self, cause: &str, words: &[&str]) {
        self.until(&format!("doctor names {cause}"), || {
            let findings = self.findings()?;
            let found = findings.iter().find(|f| f["cause"] == cause);
            let text = found.with_context(|| format!("{findings:?}"))?.to_string();
            for word in words {
                ensure!(text.contains(word), "{word:?} is not in {text}");
            }
            Ok(())
        });
    }

    /// Sees that the session has never been up when a count is `enough`. What the daemon believes is its own affair: it
    /// may take our KEEPALIVE for the end of a handshake of which we have heard nothing.
    #[track_caller]
    pub(crate) fn never_up(&self, what: &str, enough: u64, count: impl Fn() -> u64) {
        self.until(what, || {
            let now = count();
            ensure!(now >= enough, "{now}");
            Ok(())
        });
        let view = self.demand(self.view());
        assert_eq!(view["establishedCount"], 0, "{:?}: it came up: {view}", self.kind);
        assert_ne!(view["state"], "Established", "{:?}: {view}", self.kind);
    }

    /// The value, or a failure that shows what both sides wrote.
    #[track_caller]
    pub(crate) fn demand<T>(&self, result: Result<T>) -> T {
        result.unwrap_or_else(|error| {
            let (ours, peer) = (self.ours.log(), self.peer.log());
            let tail = |text: &str| {
                let lines: Vec<&str> = text.lines().collect();
                lines[lines.len().saturating_sub(60)..].join("\n")
            };
            panic!(
                "{:?}: {error:#}\n{:?}\n--- our log\n{}\n--- peer's log\n{}",
                self.kind,
                self.ours.show("peers"),
                tail(&ours),
                tail(&peer)
            )
        })
    }
}

/// What a neighbour must see of a configuration's announcements.
pub(crate) fn announced(config: &Config, next_hop: IpAddr) -> BTreeSet<Route> {
    config.announcements.iter().map(|a| a.seen_by_neighbor(config.asn, next_hop, true)).collect()
}

/// A counter of the namespace's TCP, such as `TCPMD5Failure`.
pub(crate) fn tcp_counter(ns: &NetNs, name: &str) -> u64 {
    let text = ns.run(|| std::fs::read_to_string("/proc/thread-self/net/netstat")).unwrap();
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let mut pairs = names.split_whitespace().zip(values.split_whitespace());
        if let Some((_, value)) = pairs.find(|(found, _)| *found == name) {
            return value.parse().unwrap();
        }
    }
    panic!("this kernel does not count {name}");
}
