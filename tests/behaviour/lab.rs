//! Two namespaces, one cable, one eBGP session between our binary and a daemon.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::cosmos::{Cosmos, Fib};
use testkit::daemon::{Config, Kind, Neighbor, Speaker};
use testkit::netns::{End, NetNs};
use testkit::privilege::in_namespaces;
use testkit::route::{Announcement, router_id};
use testkit::skip::skip;
use testkit::wait::eventually;

/// Ours, the daemon, and what lies between.
pub(crate) struct Lab {
    pub(crate) ours: Cosmos,
    pub(crate) peer: Box<dyn Speaker>,
    kind: Kind,
}

/// Our address, and what the daemon calls us.
pub(crate) const OURS: &str = "192.0.2.1";
/// The daemon's address.
pub(crate) const THEIRS: &str = "192.0.2.2";

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Runs `body` with each of `kinds` that is installed.
pub(crate) fn each(test: &str, kinds: &[Kind], body: impl Fn(Kind)) {
    in_namespaces(|| {
        for kind in kinds {
            match kind.installed() {
                Ok(()) => body(*kind),
                Err(missing) => skip(test, &missing),
            }
        }
    });
}

impl Lab {
    /// Both started; `change` gets our and the daemon's configuration.
    pub(crate) fn new(kind: Kind, change: impl FnOnce(&mut Config, &mut Config)) -> Self {
        Self::with(kind, change, |_| {})
    }

    /// As [`Lab::new`], with a change of our binary before its start.
    pub(crate) fn with(
        kind: Kind,
        change: impl FnOnce(&mut Config, &mut Config),
        prepare: impl FnOnce(&mut Cosmos),
    ) -> Self {
        let our_ns = Arc::new(NetNs::new("ours").unwrap());
        let peer_ns = Arc::new(NetNs::new("peer").unwrap());
        let ends = [End::new("eth0", &["192.0.2.1/24"]), End::new("eth0", &["192.0.2.2/24"])];
        our_ns.link(&ends[0], &peer_ns, &ends[1]).unwrap();
        let config = |asn, local, remote, remote_as, n: u8| Config {
            asn,
            router_id: router_id(n),
            neighbors: vec![Neighbor::new(ip(local), ip(remote), remote_as)],
            announcements: prefixes(n, 0..3),
            extra: vec![],
        };
        let mut ours = config(65001, OURS, THEIRS, 65002, 1);
        let mut theirs = config(65002, THEIRS, OURS, 65001, 2);
        change(&mut ours, &mut theirs);
        let peer = kind.start(&peer_ns, theirs).unwrap();
        let mut ours = Cosmos::new(env!("CARGO_BIN_EXE_cosmos"), &our_ns, ours, Fib::None).unwrap();
        prepare(&mut ours);
        ours.start().unwrap();
        Self { ours, peer, kind }
    }

    /// What `cosmos show peers` says of the daemon.
    pub(crate) fn view(&self) -> Result<Value> {
        self.ours.show("peers")?.into_iter().next().context("one neighbour is configured")
    }

    /// Waits until the field of our view at this JSON pointer holds `wanted` as part of its text.
    pub(crate) fn sees(&self, pointer: &str, wanted: &str) {
        self.demand(eventually(&format!("{pointer} with {wanted:?}"), || {
            let view = self.view()?;
            let found = view.pointer(pointer).map(ToString::to_string).unwrap_or_default();
            ensure!(found.contains(wanted), "{found}; last error {}", view["lastError"]);
            Ok(())
        }));
    }

    /// Waits until `look` is content.
    pub(crate) fn until(&self, what: &str, look: impl FnMut() -> Result<()>) {
        self.demand(eventually(what, look));
    }

    /// Waits until both ends have the session.
    pub(crate) fn established(&self) {
        self.demand(self.ours.wait_established(ip(THEIRS)));
        self.demand(self.peer.wait_established(ip(OURS)));
    }

    /// Waits until so many routes are eligible here and seen there.
    pub(crate) fn routes(&self, here: usize, there: usize) {
        self.until("routes", || {
            let received = self.ours.routes_from(ip(THEIRS))?.len();
            let sent = self.peer.routes_from(ip(OURS))?.len();
            ensure!((received, sent) == (here, there), "{received} here, {sent} there");
            Ok(())
        });
    }

    /// How often the session has come up.
    pub(crate) fn times_up(&self) -> u64 {
        self.demand(self.view())["establishedCount"].as_u64().unwrap_or_default()
    }

    /// The daemon's own client.
    pub(crate) fn tell(&self, command: &str) -> String {
        self.demand(self.peer.command(command))
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
            let view = self.view();
            panic!(
                "{:?}: {error:#}\n{view:?}\n--- our log\n{}\n--- peer's log\n{}",
                self.kind,
                tail(&ours),
                tail(&peer)
            )
        })
    }
}

/// 10.N.X.0/24 for each X.
pub(crate) fn prefixes(n: u8, each: impl IntoIterator<Item = u8>) -> Vec<Announcement> {
    each.into_iter().map(|x| Announcement::new(&format!("10.{n}.{x}.0/24"))).collect()
}
