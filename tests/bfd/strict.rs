//! BGP that waits for BFD, and what stands in BFD's way.

use std::net::UdpSocket;

use anyhow::ensure;
use testkit::daemon::{Kind, Speaker as _};
use testkit::privilege::in_namespaces;
use testkit::skip::skip;

use crate::lab::{FAST, Lab, Path, Wires, configs, cosmos};

const STRICT: &str =
    "bfd: {enabled: true, minimumTx: 300000, minimumRx: 300000, detectMultiplier: 3, strict: true}";

#[test]
fn strict_bgp_waits_for_bfd_and_falls_and_rises_with_it() {
    in_namespaces(|| {
        if let Err(reason) = Kind::Frr.installed() {
            return skip("strict_bgp_waits_for_bfd_and_falls_and_rises_with_it", &reason);
        }
        let (mut ours, mut theirs) = configs(Path::Ipv4);
        ours.neighbors[0].extra.push(STRICT.to_owned());
        let our_address = theirs.neighbors[0].address;
        // bfdd runs, but does not watch this neighbour yet.
        theirs.extra.push("! without bfd".to_owned());
        let lab = Lab::start(Wires::new(), ours, theirs, |ns, config| {
            Kind::Frr.start(ns, config).unwrap()
        });
        let held = lab.wait_view("our packets", |view| {
            view["bfd"]["sent"].as_u64().is_some_and(|sent| sent >= 3)
        });
        assert_eq!((&held["state"], &held["bfd"]["holdsBgp"]), (&"Idle".into(), &true.into()));
        assert_eq!(held["establishedCount"], 0, "{held:#}");
        let line = format!(
            "configure terminal\nrouter bgp 65002\nneighbor {our_address} bfd profile fast"
        );
        lab.peer.command(&line).unwrap();
        let up = lab.wait_up();
        assert_eq!(up["bfd"]["holdsBgp"], false, "{up:#}");

        lab.cut();
        lab.wait_down_by_bfd();
        let held = lab.wait_view("held again", |view| view["bfd"]["holdsBgp"] == true);
        assert_eq!(held["state"], "Idle", "{held:#}");
        lab.mend();
        let up = lab.wait_up();
        assert_eq!(up["establishedCount"], 2, "{up:#}");
    });
}

#[test]
fn a_port_in_use_is_said_where_an_operator_looks_and_costs_nothing_else() {
    in_namespaces(|| {
        let (mut ours, mut theirs) = configs(Path::Ipv4);
        ours.neighbors[0].extra.push(FAST.to_owned());
        theirs.neighbors[0].extra.push(FAST.to_owned());
        let wires = Wires::new();
        let other = wires.our_ns.run(|| UdpSocket::bind("0.0.0.0:3784").unwrap());
        let lab = Lab::start(wires, ours, theirs, cosmos);
        let view = lab.wait_view("the problem", |view| {
            view["bfd"]["problem"].as_str().is_some_and(|text| text.contains("UDP port 3784"))
        });
        assert_eq!(view["state"], "Established", "{view:#}");
        let text = lab.ours.command("show peers").unwrap();
        assert!(text.contains("in use by another process"), "{text}");
        drop(other);
        let up = lab.wait_up();
        assert_eq!(up["establishedCount"], 1, "{up:#}");
    });
}

#[test]
fn link_local_neighbours_are_watched_on_their_link() {
    in_namespaces(|| {
        let wires = Wires::new();
        for (n, ns) in [(1, &wires.our_ns), (2, &wires.peer_ns)] {
            ns.add_address("eth0", format!("fe80::{n}/64").parse().unwrap()).unwrap();
        }
        let (ours, theirs) = configs(Path::Ipv4);
        let mut lab = Lab::start(wires, ours, theirs, cosmos);
        let peer = |n: u8, asn: u32, name: &str| {
            format!(
                "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPeer\n\
                 metadata: {{name: {name}, namespace: default}}\nspec:\n  routerRef: {{name: dut}}\n  \
                 address: \"fe80::{n}\"\n  updateSource: eth0\n  peerASN: {asn}\n  {FAST}\n  \
                 addressFamilies: [{{afi: ipv6, safi: unicast}}]"
            )
        };
        let (ours, theirs) = (peer(2, 65002, "local"), peer(1, 65001, "local"));
        lab.ours.reconfigure(|config| config.extra.push(ours)).unwrap();
        lab.peer.reconfigure(|config| config.extra.push(theirs)).unwrap();
        let find = || -> anyhow::Result<serde_json::Value> {
            let peers = lab.ours.show("peers")?;
            let found = peers.into_iter().find(|peer| peer["address"] == "fe80::2");
            found.ok_or_else(|| anyhow::anyhow!("no such neighbour"))
        };
        let up = testkit::wait::eventually("BFD between link-local addresses", || {
            let view = find()?;
            ensure!(view["bfd"]["state"] == "Up" && view["state"] == "Established", "{view:#}");
            Ok(view)
        });
        let up = lab.demand(up);
        assert_eq!(up["bfd"]["interface"], "eth0", "{up:#}");
        lab.cut();
        let down = testkit::wait::eventually("the session ends", || {
            let view = find()?;
            ensure!(view["state"] != "Established", "{view:#}");
            Ok(view)
        });
        let down = lab.demand(down);
        assert_eq!(
            (&down["lastSent"]["code"], &down["lastSent"]["subcode"]),
            (&6.into(), &10.into())
        );
    });
}
