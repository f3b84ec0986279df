//! The runner between network namespaces: every kind of path, failures, sharing, ports in use.
//!
//! Times are printed, not asserted: the machine may be busy. What is asserted is what happened and why.
#![allow(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use std::net::{IpAddr, UdpSocket};
use std::num::NonZeroU8;
use std::time::Duration;

use anyhow::{Result, ensure};
use bfd::runner::{Endpoints, Report, Runner, Watch};
use bfd::{ControlPacket, Diagnostic, Interval, SessionConfig, State};
use testkit::netns::{End, NetNs};
use testkit::privilege::in_namespaces;
use testkit::wait::{clock, eventually, within};

fn config(millis: u32) -> SessionConfig {
    let interval = Interval::from_millis(millis).unwrap();
    SessionConfig {
        desired_min_tx: interval,
        required_min_rx: interval,
        detect_mult: NonZeroU8::new(3).unwrap(),
        ..SessionConfig::default()
    }
}

/// Two namespaces on a switch, and a runner in each.
struct Lab {
    ns: [NetNs; 2],
    switch: NetNs,
    runners: [Runner; 2],
}

impl Lab {
    fn new() -> Self {
        let ns = ["left", "right"].map(|label| NetNs::new(label).unwrap());
        let switch = NetNs::new("switch").unwrap();
        switch.bridge("br0").unwrap();
        for (at, n) in [(0, 1), (1, 2)] {
            let addresses = [format!("192.0.2.{n}/24"), format!("2001:db8::{n}/64")];
            let end = End::new("eth0", &[&addresses[0], &addresses[1]]);
            switch.attach("br0", &format!("p{n}"), &ns[at], &end).unwrap();
        }
        for (at, other) in [(0, 2), (1, 1)] {
            ns[at].add_address("lo", format!("198.51.100.{}/32", at + 1).parse().unwrap()).unwrap();
            ns[at].ip(&format!("route add 198.51.100.{}/32 via 192.0.2.{other}", 2 - at)).unwrap();
        }
        let runners = [0, 1].map(|at: usize| ns[at].run(|| Runner::start().unwrap()));
        Self { ns, switch, runners }
    }

    fn ifindex(&self, at: usize) -> u32 {
        let text = self.ns[at].ip("-j link show dev eth0").unwrap();
        let links: serde_json::Value = serde_json::from_str(&text).unwrap();
        u32::try_from(links[0]["ifindex"].as_u64().unwrap()).unwrap()
    }

    fn link_local(&self, at: usize) -> IpAddr {
        eventually("a link-local address", || {
            let text = self.ns[at].ip("-o -6 address show dev eth0 scope link")?;
            let line = text.lines().find(|line| !line.contains("tentative"));
            let word =
                line.and_then(|line| line.split_whitespace().find(|w| w.starts_with("fe80")));
            let address = word.and_then(|word| word.split('/').next());
            Ok(address.ok_or_else(|| anyhow::anyhow!("{text}"))?.parse()?)
        })
        .unwrap()
    }

    /// Neighbours, with the last octet 1 on the left and 2 on the right.
    fn single(&self, at: usize, ends: [IpAddr; 2]) -> Endpoints {
        let (local, remote) = (ends[at], ends[1 - at]);
        Endpoints::SingleHop { local, remote, ifindex: self.ifindex(at), device: None }
    }

    fn multi(at: usize, ends: [IpAddr; 2]) -> Endpoints {
        Endpoints::MultiHop { local: ends[at], remote: ends[1 - at], device: None }
    }

    fn watch(&self, endpoints: impl Fn(usize) -> Endpoints, config: SessionConfig) -> [Watch; 2] {
        [0, 1].map(|at| self.runners[at].watch(endpoints(at), config))
    }

    /// Nothing passes any more although the links of both ends stay up.
    fn cut(&self) {
        self.switch.ip("link set p1 nomaster").unwrap();
    }

    fn mend(&self) {
        self.switch.ip("link set p1 master br0").unwrap();
    }
}

const V4: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const V6: [&str; 2] = ["2001:db8::1", "2001:db8::2"];
const LOOPBACKS: [&str; 2] = ["198.51.100.1", "198.51.100.2"];

fn ips(texts: [&str; 2]) -> [IpAddr; 2] {
    texts.map(|text| text.parse().unwrap())
}

#[track_caller]
fn wait_state(watch: &Watch, state: State) -> Report {
    eventually(&format!("state {state}"), || {
        let report = watch.report();
        ensure!(report.state() == state, "{report:?}");
        Ok(report)
    })
    .unwrap()
}

/// Up, at the intervals agreed on, and the poll answered.
fn wait_settled(watches: &[Watch; 2], millis: u64) {
    for watch in watches {
        wait_state(watch, State::Up);
        eventually("the agreed intervals", || {
            let session = watch.report().session.unwrap();
            ensure!(!session.is_polling, "{session:?}");
            ensure!(
                session.transmit_interval == Some(Duration::from_millis(millis)),
                "{session:?}"
            );
            ensure!(session.detection_time == Some(Duration::from_millis(3 * millis)));
            Ok(())
        })
        .unwrap();
    }
}

#[test]
fn every_kind_of_path_comes_up_and_its_failure_is_noticed_and_mended() {
    in_namespaces(|| {
        let lab = Lab::new();
        let locals = [0, 1].map(|at| lab.link_local(at));
        let paths = [
            ("IPv4", lab.watch(|at| lab.single(at, ips(V4)), config(50))),
            ("IPv6", lab.watch(|at| lab.single(at, ips(V6)), config(50))),
            ("link-local", lab.watch(|at| lab.single(at, locals), config(50))),
            ("multihop", lab.watch(|at| Lab::multi(at, ips(LOOPBACKS)), config(50))),
        ];
        for (name, watches) in &paths {
            eprintln!("{name}");
            wait_settled(watches, 50);
        }
        let ports: std::collections::BTreeSet<_> =
            paths.iter().map(|(_, watches)| watches[0].report().source_port.unwrap()).collect();
        assert_eq!(ports.len(), paths.len(), "each session has a source port of its own");
        assert!(ports.iter().all(|port| bfd::SOURCE_PORTS.contains(port)));

        let cut = clock();
        lab.cut();
        for (name, watches) in &paths {
            for watch in watches {
                let down = wait_state(watch, State::Down).last_down.unwrap();
                eprintln!(
                    "{name}: down {:?} after the cut",
                    down.at.saturating_duration_since(cut)
                );
                assert_eq!(down.diagnostic, Diagnostic::TIME_EXPIRED);
                assert!(!down.is_intended);
                assert_eq!(watch.status().borrow().failures, 1);
            }
        }
        lab.mend();
        for (_, watches) in &paths {
            wait_settled(watches, 50);
            assert_eq!(watches[0].report().counters.ups, 2);
        }
    });
}

#[test]
fn intervals_change_without_a_flap_and_watches_share() {
    in_namespaces(|| {
        let lab = Lab::new();
        let ends = |at: usize| lab.single(at, ips(V4));
        let watches = lab.watch(ends, config(200));
        wait_settled(&watches, 200);
        let second = lab.runners[0].watch(ends(0), config(60));
        let third = lab.runners[1].watch(ends(1), config(60));
        assert!(second.status().same_channel(&watches[0].status()));
        wait_settled(&watches, 60);
        drop((second, third));
        wait_settled(&watches, 200);
        for watch in &watches {
            watch.reconfigure(config(100));
        }
        wait_settled(&watches, 100);
        for watch in &watches {
            let counters = watch.report().counters;
            assert_eq!((counters.ups, counters.failures), (1, 0));
        }
    });
}

#[test]
fn an_intended_end_is_no_failure() {
    in_namespaces(|| {
        let lab = Lab::new();
        let ends = |at: usize| lab.single(at, ips(V4));
        let [left, right] = lab.watch(ends, config(50));
        let both = [left, right];
        wait_settled(&both, 50);
        let [left, right] = both;
        left.set_admin_down(true);
        wait_state(&left, State::AdminDown);
        let seen = wait_state(&right, State::Down);
        assert!(seen.last_down.unwrap().is_intended);
        let status = right.status().borrow().clone();
        assert_eq!((status.is_peer_admin_down, status.failures), (true, 0));
        left.set_admin_down(false);
        wait_state(&right, State::Up);
        drop(left);
        let seen = wait_state(&right, State::Down);
        assert!(seen.last_down.unwrap().is_intended, "removal is told as AdminDown");
        assert_eq!(right.report().counters.failures, 0);
        // Wanted again within the time it lingers, and after a whole process has gone.
        let left = lab.runners[0].watch(ends(0), config(50));
        wait_state(&right, State::Up);
        let Lab { ns: _ns, switch: _switch, runners: [first, second] } = lab;
        drop(first);
        assert!(wait_state(&right, State::Down).last_down.unwrap().is_intended);
        assert_eq!(right.report().counters.failures, 0);
        drop((left, second));
    });
}

#[test]
fn a_packet_that_crossed_a_router_is_dropped_and_counted() {
    in_namespaces(|| {
        let lab = Lab::new();
        let watch = lab.runners[0].watch(lab.single(0, ips(V4)), config(50));
        eventually("our first packet", || {
            ensure!(watch.report().counters.sent > 0);
            Ok(())
        })
        .unwrap();
        let packet = ControlPacket {
            diagnostic: Diagnostic::NONE,
            state: State::Down,
            poll: false,
            is_final: false,
            control_plane_independent: false,
            demand: false,
            detect_mult: NonZeroU8::MIN,
            my_discriminator: bfd::Discriminator::MIN,
            your_discriminator: None,
            desired_min_tx: 1_000_000,
            required_min_rx: 1_000_000,
            required_min_echo_rx: 0,
        };
        let send = |ttl| {
            lab.ns[1].run(|| {
                let socket = UdpSocket::bind(("192.0.2.2", 50_000)).unwrap();
                socket.set_ttl(ttl).unwrap();
                socket.send_to(&packet.encode(), ("192.0.2.1", bfd::SINGLE_HOP_PORT)).unwrap();
            });
        };
        send(254);
        eventually("the drop is counted", || {
            ensure!(watch.report().counters.low_ttl == 1, "{:?}", watch.report());
            Ok(())
        })
        .unwrap();
        assert_eq!(watch.report().counters.received, 0);
        send(255);
        wait_state(&watch, State::Init);
    });
}

#[test]
fn a_port_in_use_is_said_and_taken_when_it_is_free() {
    in_namespaces(|| {
        let lab = Lab::new();
        let other = lab.ns[0].run(|| UdpSocket::bind(("0.0.0.0", bfd::SINGLE_HOP_PORT)).unwrap());
        let watches = lab.watch(|at| lab.single(at, ips(V4)), config(50));
        let problem = eventually("a problem", || {
            let status = watches[0].status().borrow().clone();
            status.problem.ok_or_else(|| anyhow::anyhow!("none"))
        })
        .unwrap();
        assert!(problem.contains("UDP port 3784 is in use by another process"), "{problem}");
        assert_eq!(watches[0].report().counters.sent, 0, "nothing is sent in the owner's name");
        drop(other);
        wait_settled(&watches, 50);
        assert_eq!(watches[0].status().borrow().problem, None);
    });
}

#[test]
fn an_address_that_is_not_there_is_said_and_used_when_it_is() {
    in_namespaces(|| {
        let lab = Lab::new();
        let ends = ips(["192.0.2.11", "192.0.2.2"]);
        let watches = lab.watch(|at| lab.single(at, ends), config(50));
        let problem = || watches[0].status().borrow().problem.clone();
        eventually("a problem", || {
            ensure!(problem().is_some_and(|text| text.contains("192.0.2.11 is not an address")));
            Ok(())
        })
        .unwrap();
        lab.ns[0].add_address("eth0", "192.0.2.11/24".parse().unwrap()).unwrap();
        wait_settled(&watches, 50);
    });
}

/// Not run by default: figures of the processor's share and of the stability at 50 ms.
#[test]
#[ignore = "takes a minute and prints figures; run with --ignored --nocapture"]
fn figures_of_many_sessions() {
    in_namespaces(|| {
        for count in [1u8, 10, 50] {
            let lab = Lab::new();
            for at in [0, 1] {
                for n in 0..count {
                    let address = format!("10.0.{n}.{}/24", at + 1).parse().unwrap();
                    lab.ns[at].add_address("eth0", address).unwrap();
                }
            }
            let watches: Vec<[Watch; 2]> = (0..count)
                .map(|n| {
                    let ends: [IpAddr; 2] = [[10, 0, n, 1].into(), [10, 0, n, 2].into()];
                    lab.watch(|at| lab.single(at, ends), config(50))
                })
                .collect();
            watches.iter().for_each(|pair| wait_settled(pair, 50));
            let (before, began) = (cpu(), clock());
            let flapped: Result<()> = within(Duration::from_secs(20), "a flap", || {
                ensure!(watches.iter().flatten().any(|w| w.report().counters.failures > 0));
                Ok(())
            });
            assert!(flapped.is_err(), "a session went down on a good path");
            let share = (cpu() - before) / began.elapsed().as_secs_f64() / 2.0;
            eprintln!("{count} sessions at 50 ms: {:.2} % of a core an end", share * 100.0);
        }
    });
}

/// Seconds of CPU of the runners' threads.
fn cpu() -> f64 {
    let mut ticks = 0;
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let text = std::fs::read_to_string(task.unwrap().path().join("stat")).unwrap_or_default();
        let Some((head, tail)) = text.rsplit_once(')') else { continue };
        if head.ends_with("(bfd") {
            let fields: Vec<&str> = tail.split_whitespace().collect();
            ticks += fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        }
    }
    ticks as f64 / 100.0
}
