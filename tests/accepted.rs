//! What we encode is accepted by the others: every family, packed full, with rich attributes.
//!
//! A scripted peer sends FRR, BIRD and GoBGP what [`bgp_wire::pack_announce`] makes of thousands of
//! routes: with and without path identifiers, in messages of 4096 and of 65535 octets. The daemon must
//! count every route as accepted, keep the session, and have none left after the withdrawals. One
//! session a family, so that a fault has a name.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

#[path = "accepted/daemons.rs"]
mod daemons;
#[path = "accepted/peer.rs"]
mod peer;
#[path = "accepted/routes.rs"]
mod routes;

use std::sync::Arc;

use testkit::daemon::Kind;
use testkit::netns::{End, NetNs};
use testkit::privilege::in_namespaces;
use testkit::skip::skip;

use crate::daemons::Daemon;
use crate::peer::Peer;
use crate::routes::{Cargo, cargos};

#[test]
fn by_frr() {
    accepted_by("accepted_by_frr", Kind::Frr);
}

#[test]
fn by_bird() {
    accepted_by("accepted_by_bird", Kind::Bird);
}

#[test]
fn by_gobgp() {
    accepted_by("accepted_by_gobgp", Kind::Gobgp);
}

fn accepted_by(test: &'static str, kind: Kind) {
    in_namespaces(|| {
        if let Err(missing) = kind.installed() {
            return skip(test, &missing);
        }
        let carried: Vec<Cargo> =
            cargos().into_iter().filter(|c| daemons::carries(kind, c.family)).collect();
        assert!(carried.len() >= 8, "{kind:?} carries {} families only", carried.len());
        let (ours, theirs) = (NetNs::new("script").unwrap(), NetNs::new("peer").unwrap());
        let theirs = Arc::new(theirs);
        // One neighbour a run: some daemons rest after a session has ended.
        let families: Vec<_> = carried.iter().flat_map(|c| [c.family; 2]).collect();
        let addresses: Vec<String> =
            (0..families.len()).map(|i| format!("{}/24", peer::address(i))).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let end = |addresses: &[&str]| End::new("eth0", addresses);
        ours.link(&end(&addresses), &theirs, &end(&[&format!("{}/24", daemons::ADDRESS)])).unwrap();
        let daemon = Daemon::start(kind, &theirs, &families).unwrap();

        let mut with_paths = 0;
        for (n, cargo) in carried.iter().enumerate() {
            for (i, add_path) in [(2 * n, false), (2 * n + 1, true)] {
                if add_path && daemons::misreads_paths(kind, cargo.family) {
                    continue;
                }
                let run = format!("{kind:?} {} add-path {add_path}", cargo.family);
                let mut peer = Peer::connect(&ours, i, cargo.family, add_path).unwrap();
                let ctx = peer.context();
                with_paths += usize::from(ctx.add_path);
                let (announce, withdraw) = cargo.messages(&ctx);
                peer.send(&announce).unwrap();
                daemon.wait_accepted(i, cargo.family, cargo.routes).expect(&run);
                peer.send(&withdraw).unwrap();
                daemon.wait_accepted(i, cargo.family, 0).expect(&run);
                peer.close().expect(&run);
            }
        }
        assert!(with_paths >= 6, "{kind:?} takes path identifiers in {with_paths} families only");
    });
}
