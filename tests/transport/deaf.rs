//! A neighbour that takes nothing: TCP is up, its window is shut, and there is much to tell it.
//!
//! RFC 9687 ends such a session, after eight minutes at least; that is tested in virtual time
//! (`rfc9687_send_hold_time_is_eight_minutes_or_twice_the_hold_time`). Here: what it costs until then.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ipnet::IpNet;
use serde_json::Value;
use socket2::{Domain, Socket, Type};
use testkit::cosmos::{Cosmos, Fib};
use testkit::daemon::{Config, Neighbor, Speaker as _};
use testkit::frame::{UPDATE, decode};
use testkit::netns::{End, NetNs};
use testkit::privilege::in_namespaces;
use testkit::process::Usage;
use testkit::route::{Family, router_id};
use testkit::script::{Identity, Session};
use testkit::sender::Sender;
use testkit::sink::Sink;
use testkit::table::{Diversity, Table};
use testkit::wait::{PATIENCE, eventually};

use crate::lab::{BIN, OUR_AS, ip};

const ROUTES: usize = 100_000;
const ROUNDS: u32 = 6;
const FEEDER: u32 = 65010;

/// Node `n` of AS 65008 + n is 192.0.2.n; ours is the first.
fn address(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

fn identity(n: u8, hold_time: u16) -> Identity {
    let families = vec![Family::Ipv4];
    Identity { hold_time, families, ..Identity::new(65008 + u32::from(n), router_id(n)) }
}

/// The same prefixes in each round, every attribute set another one.
fn table(round: u32) -> Table {
    let mut table = Table::synthetic(ROUTES, Diversity::One, FEEDER, [192, 0, 2, 2].into());
    for (attributes, _) in &mut table.sets {
        attributes.communities.truncate(1);
        attributes.communities[0] += round * u32::try_from(ROUTES).unwrap();
    }
    table
}

/// A connection with little room for what comes.
fn connect(ns: &NetNs, from: IpAddr) -> Session {
    ns.run(|| {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(8 << 10).unwrap();
        socket.bind(&SocketAddr::new(from, 0).into()).unwrap();
        let to = SocketAddr::new(address(1), 179);
        socket.connect_timeout(&to.into(), PATIENCE).unwrap();
        Session::new(socket.into()).unwrap()
    })
}

fn view(ours: &Cosmos, peer: IpAddr) -> Result<Value> {
    let all = ours.show("peers")?;
    let peer = peer.to_string();
    all.into_iter().find(|view| view["address"] == peer.as_str()).context("the neighbour")
}

/// Reads until the neighbour has exactly this table.
fn read_all(session: &mut Session, wanted: &Table) {
    let wanted: HashMap<IpNet, u32> = wanted.expected().collect();
    let (mut held, mut right) = (HashMap::new(), 0);
    while right < wanted.len() {
        let message = session.receive().unwrap();
        if message.kind != UPDATE {
            continue;
        }
        let update = decode::update(&message.body).unwrap();
        let tag = update.attributes.and_then(|a| a.communities.first().copied());
        let is_right = |prefix: &IpNet, tag: Option<u32>| wanted.get(prefix).copied() == tag;
        for prefix in update.withdrawn {
            right -= usize::from(held.remove(&prefix).is_some_and(|t| is_right(&prefix, t)));
        }
        for prefix in update.announced {
            right += usize::from(is_right(&prefix, tag));
            let before = held.insert(prefix, tag);
            right -= usize::from(before.is_some_and(|t| is_right(&prefix, t)));
        }
    }
    assert_eq!(held.len(), wanted.len());
}

#[test]
fn a_neighbour_that_never_reads_disturbs_nobody_and_costs_little() {
    in_namespaces(|| {
        let ours_ns = Arc::new(NetNs::new("ours").unwrap());
        let others = NetNs::new("others").unwrap();
        let theirs = End::new("eth0", &["192.0.2.2/24", "192.0.2.3/24", "192.0.2.4/24"]);
        ours_ns.link(&End::new("eth0", &["192.0.2.1/24"]), &others, &theirs).unwrap();
        let mut config = Config::new(OUR_AS, router_id(1));
        config.neighbors = (2..=4)
            .map(|n: u8| Neighbor {
                passive: true,
                maximum_prefix: Some(1_000_000),
                ..Neighbor::new(address(1), address(n), 65008 + u32::from(n))
            })
            .collect();
        let mut ours = Cosmos::new(BIN, &ours_ns, config, Fib::None).unwrap();
        ours.start().unwrap();
        let at = SocketAddr::new(ip("192.0.2.1"), 179);

        // Without keepalives, or its silence would end it.
        let mut deaf = connect(&others, address(3));
        deaf.handshake(&identity(3, 0)).unwrap();
        let reader = Session::connect(&others, address(4), at).unwrap();
        let reader = Sink::start(reader, &identity(4, 9), table(0).expected(), false).unwrap();
        let feeder = Session::connect(&others, address(2), at).unwrap();
        let feeder = Sender::start(feeder, &identity(2, 90)).unwrap();

        let id = ours.process_id().unwrap();
        let (mut memory, mut waiting) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let table = table(round);
            reader.expect(table.expected());
            feeder.send(&table.frames()).unwrap();
            reader.wait_complete(Duration::from_secs(120)).unwrap();
            memory.push(Usage::of(id).unwrap().resident_kib / 1024);
            let stuck = view(&ours, address(3)).unwrap();
            assert_eq!(stuck["state"], "Established", "{stuck}");
            let queued = stuck["queuedOctets"].as_u64().unwrap();
            waiting.push(queued);
            assert!(queued < 32 << 20, "round {round}: {queued} octets wait");
        }
        eprintln!(
            "MiB after each of {ROUNDS} rounds of {ROUTES} routes: {memory:?}; octets that wait: {waiting:?}"
        );
        assert!(waiting.last() > Some(&0), "it takes what it is sent: {waiting:?}");
        // Without a bound each round would add its 9 MB of messages, and hold its attributes.
        let (first, last) = (memory[1], memory[memory.len() - 1]);
        assert!(last < first + 24, "{memory:?} MiB");
        eventually("the other session has had its KEEPALIVEs", || {
            let view = view(&ours, address(4))?;
            ensure!(view["received"]["keepalive"].as_u64() > Some(3), "{view}");
            Ok(())
        })
        .unwrap();
        let other = view(&ours, address(4)).unwrap();
        assert_eq!((&other["state"], &other["droppedCount"]), (&"Established".into(), &0.into()));

        // What it has missed is not lost: it gets the table as it is now.
        read_all(&mut deaf, &table(ROUNDS - 1));
        assert!(feeder.ended().is_none(), "{:?}", feeder.ended());
        assert!(!ours.log().contains("panicked"), "{}", ours.log());
    });
}
