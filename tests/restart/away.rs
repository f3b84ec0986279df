//! A neighbour that does not come back in its time, or comes back as another.

use std::time::Duration;

use anyhow::ensure;
use testkit::daemon::{Config, Kind, Neighbor};
use testkit::route::{Announcement, router_id};
use testkit::wait;

use crate::bed::{Bed, THEIR_PREFIX, THEM, US, each, ip, kernel, neighbor, wait_kernel_empty};

/// Our kernel has its route for as long as it said, and no longer.
#[test]
fn the_restart_time_runs_out() {
    each(Kind::Bird, || {
        let mut bed = Bed::new(Kind::Bird, 5);
        let before = wait::clock();
        bed.peer.kill();
        bed.wait_restart_state("waiting-for-peer");
        bed.demand(wait_kernel_empty(&bed.our_ns));
        // Its clock starts when we see that it is lost, so never before this.
        let took = wait::clock() - before;
        assert!(took >= Duration::from_secs(5), "gone after {took:?}");
        bed.wait_log("time is up; stale routes go", 1);
    });
}

/// Back without graceful restart, and with another prefix: the stale one goes at once.
#[test]
fn back_without_the_capability() {
    each(Kind::Bird, || {
        let mut bed = Bed::new(Kind::Bird, 60);
        bed.peer.kill();
        bed.wait_restart_state("waiting-for-peer");
        assert_eq!(kernel(&bed.our_ns).unwrap(), [THEIR_PREFIX]);
        let mut back = Neighbor::new(ip(THEM), ip(US), 65001);
        back.extra = vec!["graceful restart off;".to_owned()];
        let plain = Config {
            neighbors: vec![back],
            announcements: vec![Announcement::new("10.3.1.0/24")],
            ..Config::new(65002, router_id(2))
        };
        bed.peer = Kind::Bird.start(&bed.peer_ns, plain).unwrap();
        bed.demand(wait::eventually("only the new route", || {
            let routes = kernel(&bed.our_ns)?;
            ensure!(routes == ["10.3.1.0/24"], "{routes:?}");
            Ok(())
        }));
        let restart = bed.demand(neighbor(&bed.ours))["restart"].clone();
        assert!(restart.is_null(), "nothing was agreed on: {restart}");
    });
}
