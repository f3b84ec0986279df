//! Two speakers on a bridge that can be cut in the middle.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::cosmos::{Cosmos, Fib};
use testkit::daemon::{Config, Kind, Neighbor, Speaker};
use testkit::netns::{End, NetNs};
use testkit::route::{Announcement, router_id};
use testkit::wait;

/// Which path is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Ipv4,
    Ipv6,
    /// An internal session between loopback addresses.
    Multihop,
}

/// 50 ms and multiplier 3 in our manifest.
pub(crate) const FAST: &str =
    "bfd: {enabled: true, minimumTx: 50000, minimumRx: 50000, detectMultiplier: 3}";

/// Slow enough for a neighbour that gets no processor for a while, where time is not the question.
pub(crate) const CALM: &str =
    "bfd: {enabled: true, minimumTx: 300000, minimumRx: 300000, detectMultiplier: 3}";

/// Our daemon, its neighbour and the bridge between them.
pub(crate) struct Lab<P: Speaker + ?Sized> {
    pub(crate) ours: Cosmos,
    pub(crate) peer: Box<P>,
    pub(crate) peer_ns: Arc<NetNs>,
    switch: NetNs,
    pub(crate) our_address: IpAddr,
    pub(crate) peer_address: IpAddr,
}

/// Namespaces without speakers yet.
pub(crate) struct Wires {
    pub(crate) our_ns: Arc<NetNs>,
    pub(crate) peer_ns: Arc<NetNs>,
    pub(crate) switch: NetNs,
}

impl Wires {
    pub(crate) fn new() -> Self {
        let our_ns = Arc::new(NetNs::new("ours").unwrap());
        let peer_ns = Arc::new(NetNs::new("peer").unwrap());
        let switch = NetNs::new("switch").unwrap();
        switch.bridge("br0").unwrap();
        for (n, ns) in [(1, &our_ns), (2, &peer_ns)] {
            let other = 3 - n;
            let (v4, v6) = (format!("192.0.2.{n}/24"), format!("2001:db8::{n}/64"));
            let end = End::new("eth0", &[&v4, &v6]);
            switch.attach("br0", &format!("p{n}"), ns, &end).unwrap();
            ns.add_address("lo", format!("198.51.100.{n}/32").parse().unwrap()).unwrap();
            ns.ip(&format!("route add 198.51.100.{other}/32 via 192.0.2.{other}")).unwrap();
        }
        Self { our_ns, peer_ns, switch }
    }
}

/// Configurations of both ends; BFD is not in them.
pub(crate) fn configs(path: Path) -> (Config, Config) {
    let address = |n: u8| -> IpAddr {
        match path {
            Path::Ipv4 => IpAddr::from([192, 0, 2, n]),
            Path::Ipv6 => format!("2001:db8::{n}").parse().unwrap(),
            Path::Multihop => IpAddr::from([198, 51, 100, n]),
        }
    };
    let our_as = 65001;
    let peer_as = if path == Path::Multihop { our_as } else { our_as + 1 };
    let config = |asn, n: u8, remote_as| {
        let mut config = Config::new(asn, router_id(n));
        config.neighbors.push(Neighbor::new(address(n), address(3 - n), remote_as));
        let prefix = match path {
            Path::Ipv6 => format!("2001:db8:{n}::/64"),
            _ => format!("10.{n}.0.0/24"),
        };
        config.announcements.push(Announcement { med: Some(0), ..Announcement::new(&prefix) });
        config
    };
    (config(our_as, 1, peer_as), config(peer_as, 2, our_as))
}

/// Our daemon in a namespace.
pub(crate) fn cosmos(ns: &Arc<NetNs>, config: Config) -> Box<Cosmos> {
    let mut cosmos = Cosmos::new(env!("CARGO_BIN_EXE_cosmos"), ns, config, Fib::Kernel).unwrap();
    cosmos.start().unwrap();
    Box::new(cosmos)
}

impl Lab<dyn Speaker> {
    /// With FRR or BIRD, and BFD at both ends.
    pub(crate) fn with(kind: Kind, path: Path) -> Self {
        Self::with_our(FAST, kind, path)
    }

    /// The same with another line in our manifest; the slower end of each direction decides.
    pub(crate) fn with_our(line: &str, kind: Kind, path: Path) -> Self {
        let (mut ours, mut theirs) = configs(path);
        ours.neighbors[0].extra.push(line.to_owned());
        let our_address = theirs.neighbors[0].address;
        match kind {
            Kind::Frr => {
                let line = format!("neighbor {our_address} bfd profile fast");
                theirs.neighbors[0].extra.push(line);
            }
            Kind::Bird => {
                theirs.extra.push(
                    "protocol bfd { \
                     interface \"*\" { interval 50 ms; idle tx interval 1 s; multiplier 3; }; \
                     multihop { interval 50 ms; multiplier 3; }; }"
                        .to_owned(),
                );
                theirs.neighbors[0].extra.push("bfd on;".to_owned());
            }
            Kind::Gobgp => unreachable!("GoBGP has no BFD"),
        }
        Self::start(Wires::new(), ours, theirs, |ns, config| kind.start(ns, config).unwrap())
    }
}

impl<P: Speaker + ?Sized> Lab<P> {
    pub(crate) fn start(
        wires: Wires,
        ours: Config,
        theirs: Config,
        peer: impl FnOnce(&Arc<NetNs>, Config) -> Box<P>,
    ) -> Self {
        let Wires { our_ns, peer_ns, switch } = wires;
        let (our_address, peer_address) = (theirs.neighbors[0].address, ours.neighbors[0].address);
        let peer = peer(&peer_ns, theirs);
        let ours = *cosmos(&our_ns, ours);
        Self { ours, peer, peer_ns, switch, our_address, peer_address }
    }

    /// Nothing passes any more; both links stay up.
    pub(crate) fn cut(&self) -> SystemTime {
        self.switch.ip("link set p2 nomaster").unwrap();
        now()
    }

    pub(crate) fn mend(&self) {
        self.switch.ip("link set p2 master br0").unwrap();
    }

    /// Our view of the neighbour.
    pub(crate) fn view(&self) -> Result<Value> {
        self.ours.show("peers")?.into_iter().next().context("a neighbour")
    }

    #[track_caller]
    pub(crate) fn wait_view(&self, what: &str, look: impl Fn(&Value) -> bool) -> Value {
        let seen = wait::eventually(what, || {
            let view = self.view()?;
            ensure!(look(&view), "{view:#}");
            Ok(view)
        });
        self.demand(seen)
    }

    /// Both sessions up at both ends.
    #[track_caller]
    pub(crate) fn wait_up(&self) -> Value {
        self.demand(self.ours.wait_established(self.peer_address));
        self.demand(self.peer.wait_established(self.our_address));
        self.wait_view("BFD up", |view| view["bfd"]["state"] == "Up")
    }

    /// The session has ended by BFD and is down.
    #[track_caller]
    pub(crate) fn wait_down_by_bfd(&self) -> Value {
        let view = self.wait_view("the session ends", |view| view["state"] != "Established");
        let sent = &view["lastSent"];
        assert_eq!((&sent["code"], &sent["subcode"]), (&6.into(), &10.into()), "{view:#}");
        view
    }

    /// The value, or a failure that shows what both sides wrote.
    #[track_caller]
    pub(crate) fn demand<T>(&self, result: Result<T>) -> T {
        result.unwrap_or_else(|error| {
            let (ours, peer) = (self.ours.log(), self.peer.log());
            panic!("{error:#}\n--- our log\n{ours}\n--- peer's log\n{peer}")
        })
    }

    /// Milliseconds from `cut` to the last line of our log with `words`.
    pub(crate) fn millis_to(&self, cut: SystemTime, words: &str) -> Option<i64> {
        let log = self.ours.log();
        let line = log.lines().rev().find(|line| line.contains(words))?;
        let stamp: jiff::Timestamp = line.split_whitespace().next()?.parse().ok()?;
        let cut = jiff::Timestamp::try_from(cut).ok()?;
        Some(stamp.as_millisecond() - cut.as_millisecond())
    }
}

#[expect(clippy::disallowed_methods, reason = "compared with the times in a log")]
fn now() -> SystemTime {
    SystemTime::now()
}
