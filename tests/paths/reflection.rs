//! RFC 4456: three clients, one of each daemon, and a neighbour that is none.

use std::collections::BTreeSet;
use std::net::IpAddr;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use testkit::daemon::{Kind, Speaker};
use testkit::privilege::in_namespaces;
use testkit::route::Route;
use testkit::skip::skip;

use crate::lan::{Lan, address, config, eventually, plain};

const ASN: u32 = 65001;
const RR: u8 = 1;
const CLIENTS: [(u8, Kind); 3] = [(2, Kind::Frr), (3, Kind::Bird), (4, Kind::Gobgp)];
/// Two that are no clients: nothing goes from one to the other.
const OTHERS: [u8; 2] = [5, 6];

fn prefix(n: u8) -> String {
    format!("10.{n}.1.0/24")
}

/// What everybody sees of the route of node `n`: as it was, its next hop too.
fn route(n: u8) -> Route {
    plain(&prefix(n)).seen_by_neighbor(ASN, address(n), false)
}

#[test]
fn three_clients_and_two_others() {
    in_namespaces(|| {
        for (_, kind) in CLIENTS {
            if let Err(missing) = kind.installed() {
                return skip("reflection", &missing);
            }
        }
        reflect();
    });
}

fn reflect() {
    let lan = Lan::new();
    let own = |n: u8| config(n, ASN, &[(RR, ASN, &[])], vec![plain(&prefix(n))]);
    let clients = CLIENTS.map(|(n, kind)| (n, lan.daemon(n, kind, own(n))));
    let others = OTHERS.map(|n| (n, lan.cosmos(n, own(n), &[])));
    let client = &["routeReflectorClient: true"][..];
    let neighbors: Vec<_> = CLIENTS
        .iter()
        .map(|(n, _)| (*n, ASN, client))
        .chain(OTHERS.map(|n| (n, ASN, &[][..])))
        .collect();
    let rr = config(RR, ASN, &neighbors, vec![]);
    let rr = lan.cosmos(RR, rr, &[("clusterID", "9.9.9.9")]);

    let mut all: Vec<(u8, &dyn Speaker)> = Vec::new();
    all.extend(clients.iter().map(|(n, speaker)| (*n, &**speaker)));
    all.extend(others.iter().map(|(n, speaker)| (*n, speaker as &dyn Speaker)));
    let is_client = |n: u8| CLIENTS.iter().any(|(client, _)| *client == n);
    for (to, speaker) in &all {
        let from = all.iter().map(|(n, _)| *n).filter(|from| from != to);
        let wanted: BTreeSet<_> =
            from.filter(|from| is_client(*to) || is_client(*from)).map(route).collect();
        eventually(&format!("what node {to} is reflected"), &[&rr, *speaker], || {
            let seen = speaker.routes_from(address(RR))?;
            ensure!(seen == wanted, "{}", testkit::route::difference(&wanted, &seen));
            Ok(())
        });
    }
    // The marks of reflection, as FRR reads them: BIRD's route over us.
    let marks = clients[0].1.command(&format!("show bgp ipv4 unicast {} json", prefix(3))).unwrap();
    let marks: Value = serde_json::from_str(&marks).unwrap();
    let path = &marks["paths"][0];
    assert_eq!(path["originatorId"], "10.255.0.3", "{path}");
    let clusters = path["clusterList"]["list"].as_array().context("clusterList").unwrap();
    assert_eq!(clusters, &[Value::from("9.9.9.9")]);
    // A route that goes is gone everywhere.
    drop(clients);
    eventually("the clients' routes are gone", &[&rr, &others[0].1], || {
        let left = others[0].1.routes_from(IpAddr::from([192, 0, 2, RR]))?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    });
}
