//! Many sessions in one process, peers that flap, and connections that mean nothing: figures and bounds.
//!
//! The daemon runs in a namespace where two /16 are local addresses; five hundred peers are played by this test,
//! one listening socket for all. Figures are printed (`--nocapture`). `COSMOS_SOAK=600` flaps for ten minutes
//! instead of three rounds.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

#[path = "scale/peers.rs"]
mod peers;
#[path = "scale/process.rs"]
mod process;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use socket2::{Domain, Socket, Type};
use testkit::cosmos::{Cosmos, Fib};
use testkit::daemon::{Config, Neighbor, Speaker as _};
use testkit::netns::NetNs;
use testkit::privilege::in_namespaces;
use testkit::wait::{clock, eventually, within};

use peers::Peers;
use process::Process;

const SESSIONS: u16 = 500;
const FLAPPING: u16 = 100;
const PORT: u16 = 1790;
const OURS: Ipv4Addr = Ipv4Addr::new(10, 9, 255, 1);

/// Address of a peer, from 0 on.
fn peer(n: u16) -> Ipv4Addr {
    let [high, low] = n.to_be_bytes();
    Ipv4Addr::new(10, 9, high + 1, low)
}

/// A namespace in which 10.9.0.0/16 (peers) and 10.10.0.0/16 (strangers) are local.
fn namespace() -> Arc<NetNs> {
    let ns = Arc::new(NetNs::new("scale").unwrap());
    for command in [
        "link set lo up",
        "address add 10.9.255.1/32 dev lo",
        "route add local 10.9.0.0/16 dev lo",
        "route add local 10.10.0.0/16 dev lo",
    ] {
        ns.ip(command).unwrap();
    }
    ns
}

fn daemon(ns: &Arc<NetNs>, sessions: u16, change: impl FnOnce(&mut Config)) -> Cosmos {
    let mut config = Config::new(65001, OURS);
    for n in 0..sessions {
        let mut neighbor = Neighbor::new(OURS.into(), peer(n).into(), 65002);
        neighbor.extra = vec![format!("remotePort: {PORT}"), "holdTime: 60s".into()];
        config.neighbors.push(neighbor);
    }
    change(&mut config);
    let mut ours = Cosmos::new(env!("CARGO_BIN_EXE_cosmos"), ns, config, Fib::None).unwrap();
    ours.start().unwrap();
    ours
}

#[test]
fn five_hundred_sessions_and_a_hundred_that_flap() {
    in_namespaces(|| {
        let ns = namespace();
        let peers = Peers::start(&ns, PORT);
        let begun = clock();
        let ours = daemon(&ns, SESSIONS, |_| {});
        let all_up = || {
            ensure!(peers.up() == usize::from(SESSIONS), "{} are up", peers.up());
            Ok(())
        };
        eventually("all up", all_up).unwrap_or_else(|e| panic!("{e:#}\n{}", ours.log()));
        let took = begun.elapsed();
        let process = Process::new(ours.process_id().unwrap());
        eprintln!("{SESSIONS} sessions up {took:.1?} after the start: {}", process.figures());
        let (cpu, span) = process.cpu_over(Duration::from_secs(6));
        eprintln!("steady: {:.2} % of a core over {span:.0?}", 100.0 * cpu / span.as_secs_f64());

        let soak = std::env::var("COSMOS_SOAK").ok().and_then(|secs| secs.parse().ok());
        let until = clock() + Duration::from_secs(soak.unwrap_or(0));
        let (mut rounds, mut after_first) = (0, None);
        while rounds < 3 || clock() < until {
            peers.close(|address| (0..FLAPPING).any(|n| peer(n) == address));
            eventually("closed", || {
                ensure!(peers.closed() >= usize::from(FLAPPING) * (rounds + 1));
                Ok(())
            })
            .unwrap();
            within(Duration::from_secs(90), "all up again", all_up).unwrap();
            rounds += 1;
            let now = process.figures();
            let first = *after_first.get_or_insert(now);
            assert!(now.descriptors <= first.descriptors + 8, "{now} after {first}");
            assert!(now.rss_kib < first.rss_kib + 16 * 1024, "{now} after {first}");
            // Threads of the runtime's pool for blocking work come and go.
            assert!(now.threads <= first.threads + 4, "{now} after {first}");
        }
        eprintln!("{rounds} rounds of {FLAPPING}: {}", process.figures());
    });
}

#[test]
fn floods_neither_block_a_session_nor_leak() {
    in_namespaces(|| {
        let ns = namespace();
        let _peers = Peers::start(&ns, PORT);
        // The second neighbour never answers where we dial: its connections are all its own.
        let quiet = peer(1);
        let ours = daemon(&ns, 2, |config| {
            config.neighbors[0].extra =
                vec![format!("remotePort: {PORT}"), "timers: {holdTime: 9, keepalive: 1}".into()];
            config.neighbors[1].extra = vec!["remotePort: 9".into()];
        });
        let real = IpAddr::V4(peer(0));
        ours.wait_established(real).unwrap();
        let ours_at = SocketAddr::from((OURS, 179));
        let before = settled(&ours);
        let session = session_of(&ours, real);

        let strangers: Vec<_> = (0..1000u16)
            .map(|n| {
                let [high, low] = n.to_be_bytes();
                dial(&ns, Ipv4Addr::new(10, 10, high, low), ours_at)
            })
            .collect();
        for stranger in &strangers {
            assert_eq!(octets_until_the_end(stranger), 0, "a stranger is told nothing");
        }
        drop(strangers);
        eprintln!("1000 strangers: {before}, then {}", settled(&ours));

        // Silent, and one octet of a header at a time, from an address that we know.
        let known: Vec<_> = (0..1000).map(|_| dial(&ns, quiet, ours_at)).collect();
        for stream in known.iter().step_by(2) {
            use std::io::Write as _;
            let _may_be_closed_already = (&mut &*stream).write_all(&[0xff]);
        }
        let heard = received(&ours, real);
        eventually("the real session goes on", || {
            ensure!(received(&ours, real) > heard + 2);
            Ok(())
        })
        .unwrap();
        let process = Process::new(ours.process_id().unwrap());
        let under = process.figures();
        assert!(under.descriptors <= before.descriptors + 40, "{before}, then {under}");
        drop(known);
        let after = settled(&ours);
        eprintln!("1000 half-open from a neighbour: {before}, under way {under}, then {after}");
        assert!(after.descriptors <= before.descriptors + 2, "{before}, then {after}");
        assert!(after.rss_kib < before.rss_kib + 16 * 1024, "{before}, then {after}");
        assert_eq!(session_of(&ours, real), session, "the real session was not touched");
    });
}

fn dial(ns: &NetNs, from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    ns.run(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
        socket.connect_timeout(&to.into(), Duration::from_secs(10)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket.into()
    })
}

/// What comes before the other side closes; a reset is an end too.
fn octets_until_the_end(mut stream: &TcpStream) -> usize {
    use std::io::Read as _;
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => all.len(),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => all.len(),
        Err(error) => panic!("not closed: {error}"),
    }
}

/// Figures once the daemon has no connection that is only being closed.
fn settled(ours: &Cosmos) -> process::Figures {
    let process = Process::new(ours.process_id().unwrap());
    let mut last = process.figures();
    eventually("descriptors at rest", || {
        let now = process.figures();
        let same = std::mem::replace(&mut last, now).descriptors == now.descriptors;
        ensure!(same && process.connections() <= 2, "{now}, {} connections", process.connections());
        Ok(now)
    })
    .unwrap()
}

fn view(ours: &Cosmos, peer: IpAddr) -> serde_json::Value {
    let views = ours.show("peers").unwrap();
    let found = views.into_iter().find(|view| view["address"] == peer.to_string());
    found.context("the neighbour").unwrap()
}

fn received(ours: &Cosmos, peer: IpAddr) -> u64 {
    view(ours, peer)["received"]["keepalive"].as_u64().unwrap()
}

fn session_of(ours: &Cosmos, peer: IpAddr) -> (u64, u64) {
    let view = view(ours, peer);
    let count = |name: &str| view[name].as_u64().unwrap_or(0);
    (count("establishedCount"), count("droppedCount"))
}
