//! What we do to AS paths and next hops, as each daemon sees it, and each change without a new session.

use anyhow::ensure;
use testkit::cosmos::Cosmos;
use testkit::daemon::{Kind, Speaker};
use testkit::privilege::in_namespaces;
use testkit::route::{Announcement, Origin};
use testkit::skip::skip;

use crate::lan::{Lan, address, config, eventually, only_path, plain};

const OURS: (u8, u32) = (1, 3001);
const PEER: (u8, u32) = (2, 3002);
/// A private AS behind us.
const SOURCE: (u8, u32) = (11, 64_711);
const LOCAL_AS: u32 = 3100;
const BEHIND: &str = "10.11.0.0/24";
const PEERS: &str = "10.2.0.0/24";

struct Bench {
    ours: Cosmos,
    peer: Box<dyn Speaker>,
    _source: Cosmos,
    _lan: Lan,
}

impl Bench {
    /// `told` is the AS that the daemon believes us in.
    fn new(kind: Kind, told: u32, fields: &[&str], announcements: Vec<Announcement>) -> Self {
        let lan = Lan::new();
        let source = config(SOURCE.0, SOURCE.1, &[(OURS.0, OURS.1, &[])], vec![plain(BEHIND)]);
        let source = lan.cosmos(SOURCE.0, source, &[]);
        let peer = config(PEER.0, PEER.1, &[(OURS.0, told, &[])], announcements);
        let peer = lan.daemon(PEER.0, kind, peer);
        let neighbors = [(PEER.0, PEER.1, fields), (SOURCE.0, SOURCE.1, &[][..])];
        let ours = lan.cosmos(OURS.0, config(OURS.0, OURS.1, &neighbors, vec![]), &[]);
        Self { ours, peer, _source: source, _lan: lan }
    }

    /// Other lines in the spec of our peer object.
    fn set(&mut self, fields: &[&str]) {
        let lines = fields.iter().map(|&line| line.to_owned()).collect();
        self.ours.reconfigure(|config| config.neighbors[0].extra = lines).unwrap();
    }

    /// The peer sees the source's prefix with this path and next hop.
    #[track_caller]
    fn peer_sees(&self, as_path: &str, next_hop: u8) {
        let wanted = (as_path.to_owned(), address(next_hop));
        eventually(as_path, &[&self.ours, &*self.peer], || {
            let seen = self.peer.routes_from(address(OURS.0))?;
            let seen: Vec<_> = seen.into_iter().map(|r| (r.as_path, r.next_hop)).collect();
            ensure!(seen == std::slice::from_ref(&wanted), "{seen:?}");
            Ok(())
        });
    }

    /// We see the peer's prefix with this path.
    #[track_caller]
    fn we_see(&self, as_path: &str) {
        eventually(as_path, &[&self.ours, &*self.peer], || {
            let items = self.ours.show(&format!("received {}", address(PEER.0)))?;
            let (seen, _) = only_path(&items, PEERS)?;
            ensure!(seen == as_path, "{seen}");
            Ok(())
        });
    }

    fn established_count(&self) -> u64 {
        let peers = self.ours.show("peers").unwrap();
        let text = address(PEER.0).to_string();
        let peer = peers.iter().find(|peer| peer["address"] == text.as_str()).unwrap();
        peer["establishedCount"].as_u64().unwrap()
    }
}

fn local_as_and_private_as(kind: Kind) {
    if let Err(missing) = kind.installed() {
        return skip(&format!("local-as {kind:?}"), &missing);
    }
    let local = format!("localASN: {LOCAL_AS}");
    let mut bench = Bench::new(kind, LOCAL_AS, &[&local], vec![plain(PEERS)]);
    bench.peer_sees("3100 3001 64711", SOURCE.0);
    bench.we_see("3100 3002");
    let count = bench.established_count();
    bench.set(&[&local, "localASReplace: true"]);
    bench.peer_sees("3100 64711", SOURCE.0);
    bench.set(&[&local, "localASNoPrepend: true"]);
    bench.peer_sees("3100 3001 64711", SOURCE.0);
    bench.we_see("3002");
    bench.set(&[&local, "removePrivateAS: 0"]);
    bench.peer_sees("3100 3001", SOURCE.0);
    bench.we_see("3100 3002");
    bench.set(&[&local, "removePrivateAS: 3333", "nextHopSelf: true"]);
    bench.peer_sees("3100 3001 3333", OURS.0);
    assert_eq!(bench.established_count(), count, "no change has cost the session");
}

fn own_as_in_the_path(kind: Kind) {
    if let Err(missing) = kind.installed() {
        return skip(&format!("allowas-in {kind:?}"), &missing);
    }
    let looped = Announcement { origin: Origin::Igp, as_path: vec![OURS.1], ..plain(PEERS) };
    let mut bench = Bench::new(kind, OURS.1, &[], vec![looped]);
    let why = |bench: &Bench, wanted: &str| {
        eventually(wanted, &[&bench.ours, &*bench.peer], || {
            let items = bench.ours.show(&format!("received {}", address(PEER.0)))?;
            let found: Vec<_> = items.iter().filter(|item| item["prefix"] == PEERS).collect();
            let seen: Vec<_> = found.iter().map(|item| item["status"].to_string()).collect();
            ensure!(seen == [format!("\"{wanted}\"")], "{seen:?}");
            Ok(())
        });
    };
    why(&bench, "as-loop");
    let count = bench.established_count();
    bench.set(&["allowAsIn: 1"]);
    why(&bench, "eligible");
    bench.set(&[]);
    why(&bench, "as-loop");
    assert_eq!(bench.established_count(), count);
}

#[test]
fn frr_local_as_and_private_as() {
    in_namespaces(|| local_as_and_private_as(Kind::Frr));
}

#[test]
fn bird_local_as_and_private_as() {
    in_namespaces(|| local_as_and_private_as(Kind::Bird));
}

#[test]
fn gobgp_local_as_and_private_as() {
    in_namespaces(|| local_as_and_private_as(Kind::Gobgp));
}

#[test]
fn frr_own_as_in_the_path() {
    in_namespaces(|| own_as_in_the_path(Kind::Frr));
}

#[test]
fn bird_own_as_in_the_path() {
    in_namespaces(|| own_as_in_the_path(Kind::Bird));
}

#[test]
fn gobgp_own_as_in_the_path() {
    in_namespaces(|| own_as_in_the_path(Kind::Gobgp));
}
