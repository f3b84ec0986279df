//! Restarts of the real process and of its neighbours, with traffic running across.
//!
//! The daemon is killed, or stopped, and started again beside FRR, BIRD and GoBGP. A ping every 10 ms
//! goes each way all the time, and every one of them has to be answered. GoBGP writes no kernel routes:
//! a static one stands for them. `away` has neighbours that do not come back, or come back otherwise;
//! `wire` what a neighbour is told with a scripted one; `unnumbered` a link without addresses.
//! `speaker/tests/restart.rs` has the restarts of each neighbour.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

#[path = "restart/away.rs"]
mod away;
#[path = "restart/bed.rs"]
mod bed;
#[path = "restart/unnumbered.rs"]
mod unnumbered;
#[path = "restart/wire.rs"]
mod wire;

use anyhow::ensure;
use testkit::daemon::{Kind, Speaker as _};
use testkit::netns::NetNs;
use testkit::wait;

use bed::{Bed, Ending, each};

/// The neighbour keeps our routes, the kernel the neighbour's.
fn we_restart(kind: Kind, how: Ending) {
    let mut bed = Bed::new(kind, 60);
    let pings = bed.ping_both_ways();
    how.end(&mut bed.ours);
    bed.ours.start().unwrap();
    bed.wait_log("restart: routes are selected and announced", 1);
    bed.wait_log("kernel routes are in step", 2);
    bed.wait_converged();
    for pings in pings {
        bed.demand(pings.none_is_lost());
    }
    bed.wait_log("an earlier run has left routes", 1);
}

#[test]
fn killed_beside_frr() {
    each(Kind::Frr, || we_restart(Kind::Frr, Ending::Kill));
}

#[test]
fn killed_beside_bird() {
    each(Kind::Bird, || we_restart(Kind::Bird, Ending::Kill));
}

#[test]
fn killed_beside_gobgp() {
    each(Kind::Gobgp, || we_restart(Kind::Gobgp, Ending::Kill));
}

#[test]
fn stopped_beside_frr() {
    each(Kind::Frr, || we_restart(Kind::Frr, Ending::Stop));
}

#[test]
fn stopped_beside_bird() {
    each(Kind::Bird, || we_restart(Kind::Bird, Ending::Stop));
}

#[test]
fn stopped_beside_gobgp() {
    each(Kind::Gobgp, || we_restart(Kind::Gobgp, Ending::Stop));
}

/// What the other tests would see if nobody kept anything.
#[test]
fn without_graceful_restart_packets_are_lost() {
    each(Kind::Bird, || {
        let mut bed = Bed::with(Kind::Bird, 60, false);
        let [there, _back] = bed.ping_both_ways();
        bed.ours.kill();
        let has_route = |ns: &NetNs| -> anyhow::Result<bool> {
            Ok(!ns.ip(&format!("route show {}", bed::OUR_PREFIX))?.trim().is_empty())
        };
        bed.demand(wait::eventually("BIRD withdraws", || {
            ensure!(!has_route(&bed.peer_ns)?, "the route is there");
            Ok(())
        }));
        bed.ours.start().unwrap();
        bed.wait_converged();
        let (_, lost) = bed.demand(there.finish());
        assert!(!lost.is_empty());
    });
}
