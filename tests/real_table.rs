//! A real table through the whole daemon: 641,957 paths of five peers, replayed over TCP.
//!
//! Three independent readings must agree for every prefix: the parse of the MRT file by a third-party
//! crate with a naive decision process on top; what a sixth peer is sent; and what the kernel holds,
//! with all legs of a multipath route. Then the process is killed without warning, the world changes,
//! and after its return no route is stale and none is missing.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use ipnet::IpNet;
use testkit::cosmos::{Cosmos, Fib, KERNEL_PROTOCOL};
use testkit::daemon::{Config, Speaker as _};
use testkit::mrt::Dump;
use testkit::netns::NetNs;
use testkit::privilege::in_namespaces;
use testkit::replay::Habits;
use testkit::replay::{self, Expected};
use testkit::route::router_id;
use testkit::skip::skip;
use testkit::{data, oracle, wait};

/// A table of this size on a busy machine in a debug build.
const LONG: Duration = Duration::from_secs(300);

const HABITS: Habits = Habits { keeps_third_party_next_hops: true, refuses_as_sets: true };

/// Our routes in the kernel with all their gateways.
fn kernel(ns: &NetNs) -> anyhow::Result<BTreeMap<IpNet, BTreeSet<IpAddr>>> {
    let gateway = |leg: &serde_json::Value| -> anyhow::Result<IpAddr> {
        Ok(leg["gateway"].as_str().with_context(|| format!("no gateway: {leg}"))?.parse()?)
    };
    let mut out = BTreeMap::new();
    for route in ns.kernel_routes(KERNEL_PROTOCOL)? {
        let dst = match route["dst"].as_str().context("dst")? {
            "default" => "0.0.0.0/0",
            dst => dst,
        };
        let prefix = dst.parse::<IpNet>().or_else(|_| dst.parse::<IpAddr>().map(IpNet::from))?;
        let gateways = match route["nexthops"].as_array() {
            Some(legs) => legs.iter().map(gateway).collect::<Result<_, _>>()?,
            None => BTreeSet::from([gateway(&route)?]),
        };
        ensure!(out.insert(prefix, gateways).is_none(), "{prefix} is there twice");
    }
    Ok(out)
}

fn wait_kernel(ns: &NetNs, expected: &Expected) {
    wait::within(LONG, "the kernel's table", || {
        let seen = kernel(ns)?;
        ensure!(seen.len() == expected.len(), "{} routes, not {}", seen.len(), expected.len());
        let wrong = expected.iter().find(|(p, want)| seen.get(p) != Some(&want.gateways));
        ensure!(wrong.is_none(), "{wrong:?}: kernel has {:?}", wrong.map(|(p, _)| seen.get(p)));
        Ok(())
    })
    .unwrap();
}

#[test]
fn every_best_path_of_a_real_table_reaches_peer_and_kernel_and_survives_a_kill() {
    in_namespaces(|| {
        let path = match data::file(data::RRC06) {
            Ok(path) => path,
            Err(reason) => return skip("every_best_path_of_a_real_table", &reason),
        };
        let mut dump = Dump::load(&path).unwrap();
        assert_eq!((dump.entries.len(), dump.peers.len()), (641_957, 5));
        // The default route is refused unless policy admits it; nothing here does.
        dump.entries.retain(|entry| entry.prefix.prefix_len() > 0);
        let want = replay::expected(&dump, oracle::Options::default(), HABITS);
        let balanced = want.values().filter(|outcome| outcome.gateways.len() > 1).count();
        assert!(balanced > 1000, "{balanced} prefixes with several equal paths");

        let ours = Arc::new(NetNs::new("ours").unwrap());
        let feeds = NetNs::new("feeds").unwrap();
        replay::wire(&ours, &feeds, &dump).unwrap();
        let neighbors = replay::neighbors(&dump);
        let config = Config {
            asn: replay::SPEAKER_AS,
            router_id: router_id(1),
            neighbors,
            announcements: vec![],
            extra: vec![],
        };
        let mut cosmos =
            Cosmos::new(env!("CARGO_BIN_EXE_cosmos"), &ours, config, Fib::Kernel).unwrap();
        // Without it the oldest of equal external paths stays (RFC 5004), whatever the order was.
        cosmos.set_router_field("bestPath", "{compareRouterId: true}");
        cosmos.start().unwrap();

        let sink = replay::sink(&feeds, &want).unwrap();
        let senders = replay::feed(&feeds, &dump).unwrap();
        replay::wait_sink(&sink, &want).unwrap();
        wait_kernel(&ours, &want);
        senders.iter().for_each(|sender| sender.check_running().unwrap());

        // Killed; forwarding goes on; meanwhile every tenth prefix leaves the world.
        let before = kernel(&ours).unwrap();
        cosmos.kill();
        drop((senders, sink));
        assert_eq!(kernel(&ours).unwrap(), before, "routes stay when the process is killed");
        let gone: BTreeSet<IpNet> = want.keys().step_by(10).copied().collect();
        dump.entries.retain(|entry| !gone.contains(&entry.prefix));
        let want = replay::expected(&dump, oracle::Options::default(), HABITS);
        cosmos.start().unwrap();
        let sink = replay::sink(&feeds, &want).unwrap();
        let senders = replay::feed(&feeds, &dump).unwrap();
        replay::wait_sink(&sink, &want).unwrap();
        wait_kernel(&ours, &want);
        senders.iter().for_each(|sender| sender.check_running().unwrap());
        cosmos.stop().unwrap();
    });
}
