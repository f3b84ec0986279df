//! RFC 7911 with each daemon, both ways at once: two neighbours announce the same prefix to us and to the
//! daemon, and each of us sends the other both paths.
//!
//! BIRD and GoBGP do not show received path identifiers in their tables; with them the paths are
//! compared, with FRR the identifiers too.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::daemon::{Kind, Speaker};
use testkit::privilege::in_namespaces;
use testkit::route::{Announcement, normal_as_path};
use testkit::skip::skip;

use crate::lan::{Lan, address, config, eventually, paths, plain};

const PREFIX: &str = "10.9.0.0/24";
const OURS: u8 = 1;
const PEER: u8 = 2;
const SOURCES: [u8; 2] = [11, 12];

const FRR: &[&str] = &[
    "address-family ipv4 unicast",
    "neighbor 192.0.2.1 addpath-tx-all-paths",
    "exit-address-family",
];
const BIRD: &[&str] = &["channel add paths on;"];
const GOBGP: &[&str] =
    &["[neighbors.afi-safis.add-paths.config]", "receive = true", "send-max = 8"];

fn asn(n: u8) -> u32 {
    65000 + u32::from(n)
}

/// AS_PATH, next hop, and the identifier where the daemon tells it.
type Path = (String, String, Option<u64>);

fn from_us(kind: Kind, peer: &dyn Speaker) -> Result<BTreeSet<Path>> {
    if kind != Kind::Frr {
        let routes = peer.routes_from(address(OURS))?.into_iter();
        let wanted = routes.filter(|route| route.prefix.to_string() == PREFIX);
        return Ok(wanted.map(|r| (r.as_path, r.next_hop.to_string(), None)).collect());
    }
    let text = peer.command(&format!("show bgp ipv4 unicast {PREFIX} json"))?;
    let detail: Value = serde_json::from_str(&text)?;
    let ours = address(OURS).to_string();
    let all = detail["paths"].as_array().map_or(&[][..], Vec::as_slice);
    all.iter()
        .filter(|path| path["peer"]["peerId"] == ours.as_str())
        .map(|path| {
            let as_path = path["aspath"]["string"].as_str().context("aspath")?;
            let next_hop = path["nexthops"][0]["ip"].as_str().context("next hop")?;
            let id = path["addpathRxId"].as_u64().with_context(|| format!("no id in {path}"))?;
            Ok((normal_as_path(as_path), next_hop.to_owned(), Some(id)))
        })
        .collect()
}

fn both_ways(kind: Kind, extra: &[&str]) {
    if let Err(missing) = kind.installed() {
        return skip(&format!("ADD-PATH {kind:?}"), &missing);
    }
    let lan = Lan::new();
    let add_paths = "addPaths: {receive: true, send: all}";
    let to_sources = SOURCES.map(|n| (n, asn(n), &[][..]));
    let [a, b] = to_sources;
    let mut sources = SOURCES.map(|n| {
        let neighbors = [(OURS, asn(OURS), &[][..]), (PEER, asn(PEER), &[][..])];
        // They announce only what is theirs.
        let fields = [("roles", "[fabric]")];
        lan.cosmos(n, config(n, asn(n), &neighbors, vec![plain(PREFIX)]), &fields)
    });
    let peer =
        lan.daemon(PEER, kind, config(PEER, asn(PEER), &[(OURS, asn(OURS), extra), a, b], vec![]));
    let neighbors = [(PEER, asn(PEER), &[add_paths][..]), a, b];
    let ours = lan.cosmos(OURS, config(OURS, asn(OURS), &neighbors, vec![]), &[]);

    let sent = |n: u8| (format!("{} {}", asn(OURS), asn(n)), address(n).to_string());
    let check = |expected: &[u8]| {
        eventually("both ends hold every path", &[&ours, &*peer], || {
            let there = from_us(kind, &*peer)?;
            let told = paths(&ours.show(&format!("advertised {}", address(PEER)))?, PREFIX)?;
            let wanted: BTreeSet<_> = expected.iter().map(|n| sent(*n)).collect();
            let seen: BTreeSet<_> =
                there.iter().map(|(path, hop, _)| (path.clone(), hop.clone())).collect();
            ensure!(seen == wanted && there.len() == wanted.len(), "at the peer: {there:?}");
            // Each under its own identifier, and under the one that we say we send.
            let ids: BTreeSet<_> = told.iter().map(|(_, _, id)| *id).collect();
            ensure!(ids.len() == wanted.len() && !ids.contains(&0), "we say {told:?}");
            if kind == Kind::Frr {
                let told = told.iter();
                let told: BTreeSet<Path> =
                    told.map(|(path, hop, id)| (path.clone(), hop.clone(), Some(*id))).collect();
                ensure!(there == told, "at the peer {there:?}, we say {told:?}");
            }
            // What the peer sends of the same prefix.
            let here = paths(&ours.show(&format!("received {}", address(PEER)))?, PREFIX)?;
            let seen: BTreeSet<_> = here.iter().map(|(path, _, _)| path.clone()).collect();
            let wanted: BTreeSet<_> =
                expected.iter().map(|n| format!("{} {}", asn(PEER), asn(*n))).collect();
            let ids: BTreeSet<_> = here.iter().map(|(_, _, id)| *id).collect();
            ensure!(seen == wanted && here.len() == wanted.len(), "from the peer: {here:?}");
            ensure!(ids.len() == wanted.len(), "from the peer: {here:?}");
            Ok(there)
        })
    };
    let before = check(&SOURCES);
    // One goes: its path goes by its identifier, the other keeps its own.
    let prefix = plain(PREFIX).prefix;
    sources[0].withdraw(prefix).unwrap();
    let left = check(&SOURCES[1..]);
    assert!(left.is_subset(&before), "{left:?} is not of {before:?}");
    let again = Announcement { communities: vec![(65011, 7)], ..plain(PREFIX) };
    sources[0].announce(again).unwrap();
    assert_eq!(check(&SOURCES), before);
}

#[test]
fn frr_both_ways() {
    in_namespaces(|| both_ways(Kind::Frr, FRR));
}

#[test]
fn bird_both_ways() {
    in_namespaces(|| both_ways(Kind::Bird, BIRD));
}

#[test]
fn gobgp_both_ways() {
    in_namespaces(|| both_ways(Kind::Gobgp, GOBGP));
}
