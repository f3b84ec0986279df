//! RFC 4271 section 6.8: both ends dial at once, again and again; one session is left, and it works.

use anyhow::ensure;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testkit::daemon::{Kind, Speaker as _};
use testkit::netns::NetNs;

use crate::lab::{ALL, Lab, Way, each};

/// TCP connections of port 179, at either end, that are open in both directions.
fn connections(ns: &NetNs) -> usize {
    const ESTABLISHED: &str = "01";
    const BGP: &str = ":00B3";
    let table = ns.run(|| std::fs::read_to_string("/proc/thread-self/net/tcp")).unwrap();
    let of_bgp = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, remote, state, ..] = fields[..] else { return false };
        state == ESTABLISHED && (local.ends_with(BGP) || remote.ends_with(BGP))
    };
    table.lines().filter(of_bgp).count()
}

/// One session, and the routes of both ends.
fn settles(lab: &Lab) {
    lab.exchanged();
    lab.until("one connection", || {
        let open = connections(&lab.wires.peer_ns);
        ensure!(open == 1, "{open} connections");
        Ok(())
    });
    lab.exchanged();
    assert_eq!(connections(&lab.wires.peer_ns), 1, "{:?}", lab.kind);
}

#[test]
fn rfc4271_6_8_both_ends_reset_at_once() {
    each("rfc4271_6_8_both_ends_reset_at_once", ALL, |kind| {
        let lab = Lab::new(kind, Way::V4, |_, _| {});
        settles(&lab);
        let reset = match kind {
            Kind::Frr => "clear bgp ipv4 unicast *",
            Kind::Bird => "restart n0",
            Kind::Gobgp => "neighbor 192.0.2.1 reset",
        };
        for _ in 0..10 {
            let up = lab.count("/establishedCount");
            lab.demand(lab.ours.command("clear peer n0"));
            lab.demand(lab.peer.command(reset));
            lab.until("another session", || {
                let now = lab.count("/establishedCount");
                ensure!(now > up, "{now} sessions so far, {up} before");
                Ok(())
            });
            settles(&lab);
        }
    });
}

/// The daemon is stopped while it waits for its next attempt; its kernel takes our connection. When it goes on it dials
/// and finds ours, which has our OPEN in it.
#[test]
fn rfc4271_6_8_it_dials_while_our_open_waits_for_it() {
    each("rfc4271_6_8_it_dials_while_our_open_waits_for_it", ALL, |kind| {
        let mut lab = Lab::new(kind, Way::V4, |_, _| {});
        settles(&lab);
        let id = Pid::from_raw(i32::try_from(lab.peer.process_id().unwrap()).unwrap());
        let mut collisions = 0;
        for _ in 0..5 {
            lab.ours.kill();
            lab.until("it has lost us", || {
                ensure!(lab.peer.check_established(lab.us).is_err());
                Ok(())
            });
            kill(id, Signal::SIGSTOP).unwrap();
            lab.ours.start().unwrap();
            lab.until("our OPEN waits", || {
                let view = lab.view()?;
                ensure!(view["state"] == "OpenSent", "{view}");
                Ok(())
            });
            kill(id, Signal::SIGCONT).unwrap();
            settles(&lab);
            let view = lab.view().unwrap();
            let accepted = view["attempts"]["accepted"].as_u64().unwrap();
            collisions += u32::from(accepted > 0);
        }
        eprintln!("{kind:?}: {collisions} of 5 times both had dialed");
    });
}
