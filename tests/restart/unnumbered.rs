//! A link with link-local addresses only: IPv4 and IPv6 go by them, across our restart.

use std::sync::Arc;

use anyhow::{Result, ensure};
use testkit::cosmos::{Cosmos, Fib};
use testkit::daemon::{Config, Graceful, Kind, Speaker as _};
use testkit::netns::{End, NetNs};
use testkit::ping::Pings;
use testkit::route::{Announcement, router_id};
use testkit::wait;

use crate::bed::{Ending, each, keep_state, kernel, neighbor, wait_log};

const PEER: &str = "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPeer\n\
    metadata: {name: link, namespace: default}\nspec:\n  routerRef: {name: dut}\n  \
    addressFamilies: [{afi: ipv4, safi: unicast}, {afi: ipv6, safi: unicast}]\n  \
    interface: eth0\n  remoteAS: external\n";

fn host(n: u8) -> Arc<NetNs> {
    let ns = NetNs::new(&format!("host {n}")).unwrap();
    // Duplicate address detection takes a second or two.
    ns.run(|| std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0")).unwrap();
    ns.add_address("lo", format!("10.0.{n}.1/32").parse().unwrap()).unwrap();
    ns.add_address("lo", format!("fd00:{n}::1/128").parse().unwrap()).unwrap();
    Arc::new(ns)
}

fn config(n: u8, asn: u32) -> Config {
    let prefixes = [format!("10.0.{n}.0/24"), format!("fd00:{n}::/64")];
    let announcements = prefixes.iter().map(|prefix| Announcement::new(prefix)).collect();
    Config { announcements, ..Config::new(asn, router_id(n)) }
}

fn frr() -> Config {
    let mut config = config(2, 65002);
    Graceful { restart_time: 60, long_lived: None }.add_to(Kind::Frr, &mut config);
    let lines = [
        "neighbor eth0 interface remote-as external",
        "neighbor eth0 timers connect 1",
        "neighbor eth0 advertisement-interval 0",
    ];
    config.extra.extend(lines.map(str::to_owned));
    for family in ["ipv4", "ipv6"] {
        config.extra.push(format!("address-family {family} unicast"));
        config.extra.push("neighbor eth0 activate".to_owned());
        config.extra.push("exit-address-family".to_owned());
    }
    config
}

fn we_restart(how: Ending) {
    let (here, there) = (host(1), host(2));
    here.link(&End::new("eth0", &[]), &there, &End::new("eth0", &[])).unwrap();
    let state = tempfile::tempdir().unwrap();
    let ours = Config { extra: vec![PEER.to_owned()], ..config(1, 65001) };
    let mut ours = Cosmos::new(env!("CARGO_BIN_EXE_cosmos"), &here, ours, Fib::Kernel).unwrap();
    keep_state(&mut ours, &state, true);
    ours.start().unwrap();
    let peer = Kind::Frr.start(&there, frr()).unwrap();
    let demand = |result: Result<()>, ours: &Cosmos| {
        result.unwrap_or_else(|error| panic!("{error:#}\n{}\n--- FRR\n{}", ours.log(), peer.log()));
    };
    let converged = |ours: &Cosmos| {
        let result = wait::eventually("routes both ways", || {
            let shown = neighbor(ours)?;
            ensure!(shown["state"] == "Established", "{shown}");
            let routes = kernel(&here)?;
            ensure!(routes.len() == 2, "{routes:?}");
            there.exec("ping", &["-c1", "-W1", "-I", "10.0.2.1", "10.0.1.1"])?;
            there.exec("ping", &["-c1", "-W1", "-I", "fd00:2::1", "fd00:1::1"])?;
            Ok(())
        });
        demand(result, ours);
    };
    converged(&ours);
    demand(wait_log(&ours, "kernel routes are in step", 1), &ours);
    let ways = [
        (&there, "10.0.2.1", "10.0.1.1"),
        (&here, "10.0.1.1", "10.0.2.1"),
        (&there, "fd00:2::1", "fd00:1::1"),
        (&here, "fd00:1::1", "fd00:2::1"),
    ];
    let pings = ways.map(|(from, source, to)| Pings::start(from, source, to).unwrap());
    how.end(&mut ours);
    ours.start().unwrap();
    demand(wait_log(&ours, "restart: routes are selected and announced", 1), &ours);
    demand(wait_log(&ours, "kernel routes are in step", 2), &ours);
    converged(&ours);
    for pings in pings {
        demand(pings.none_is_lost(), &ours);
    }
}

#[test]
fn killed() {
    each(Kind::Frr, || we_restart(Ending::Kill));
}

#[test]
fn stopped() {
    each(Kind::Frr, || we_restart(Ending::Stop));
}
