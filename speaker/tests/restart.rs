//! Restarts with traffic running across: ours and the neighbour's, without a word or in good order.
//!
//! A ping every 10 ms crosses the link all the time; every sequence number has to be answered. FRR,
//! BIRD and GoBGP are the neighbours. GoBGP writes no kernel routes: a static one stands for them. And
//! GoBGP is told what to originate only when it runs: its End-of-RIB may come before that, and its
//! routes rightly go for a moment, so of its own restart only the way through the states is seen.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

#[path = "restart/bed.rs"]
mod bed;

use anyhow::ensure;
use testkit::daemon::Kind;
use testkit::privilege::in_namespaces;
use testkit::wait;

use bed::{Bed, Ending};

/// A busy FRR 8.4 that comes back sends End-of-RIB some 40 ms before the route it originates. RFC 4724
/// section 4.2 has us remove the route at once, so some pings may find no way; half a second of them here.
const EARLY_END_OF_RIB: usize = 50;

/// The neighbour keeps our routes, the kernel the neighbour's.
fn we_restart(kind: Kind, how: Ending) {
    let mut bed = Bed::new(kind, None);
    let pings = bed.ping_us();
    bed.restart(how);
    bed.wait_converged();
    bed.demand(pings.none_is_lost());
}

/// We keep the routes of a neighbour that is killed and started again.
fn the_neighbour_is_killed(kind: Kind) {
    let mut bed = Bed::new(kind, None);
    let pings = bed.ping_neighbour();
    bed.peer.kill();
    bed.wait_restart_state("waiting-for-peer");
    bed.peer.start().unwrap();
    bed.wait_restart_state("inactive");
    bed.wait_converged();
    match kind {
        Kind::Bird => bed.demand(pings.none_is_lost()),
        Kind::Frr => bed.demand(pings.one_gap(EARLY_END_OF_RIB)),
        Kind::Gobgp => {}
    }
}

/// Killed for good: after two seconds its routes are long-lived stale ones, still in the kernel.
fn the_neighbour_stays_away(kind: Kind) {
    let mut bed = Bed::new(kind, Some(3600));
    bed.peer.kill();
    bed.wait_restart_state("long-lived");
    bed.demand(wait::eventually("the community", || {
        let communities: Vec<String> =
            bed.ours().routes().into_iter().flat_map(|r| r.attributes.communities).collect();
        ensure!(communities.iter().any(|c| c == "llgr-stale"), "{communities:?}");
        Ok(())
    }));
    assert!(bed.kernel_has_route());
}

#[test]
fn we_crash_beside_frr() {
    in_namespaces(|| we_restart(Kind::Frr, Ending::Crash));
}

#[test]
fn we_are_stopped_beside_frr() {
    in_namespaces(|| we_restart(Kind::Frr, Ending::Stop));
}

#[test]
fn frr_is_killed() {
    in_namespaces(|| the_neighbour_is_killed(Kind::Frr));
}

#[test]
fn frr_stays_away() {
    in_namespaces(|| the_neighbour_stays_away(Kind::Frr));
}

#[test]
fn we_crash_beside_bird() {
    in_namespaces(|| we_restart(Kind::Bird, Ending::Crash));
}

#[test]
fn we_are_stopped_beside_bird() {
    in_namespaces(|| we_restart(Kind::Bird, Ending::Stop));
}

#[test]
fn bird_is_killed() {
    in_namespaces(|| the_neighbour_is_killed(Kind::Bird));
}

#[test]
fn bird_stays_away() {
    in_namespaces(|| the_neighbour_stays_away(Kind::Bird));
}

#[test]
fn we_crash_beside_gobgp() {
    in_namespaces(|| we_restart(Kind::Gobgp, Ending::Crash));
}

#[test]
fn we_are_stopped_beside_gobgp() {
    in_namespaces(|| we_restart(Kind::Gobgp, Ending::Stop));
}

#[test]
fn gobgp_is_killed() {
    in_namespaces(|| the_neighbour_is_killed(Kind::Gobgp));
}

#[test]
fn gobgp_stays_away() {
    in_namespaces(|| the_neighbour_stays_away(Kind::Gobgp));
}
