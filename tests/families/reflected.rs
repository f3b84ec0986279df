//! VPN-IPv4, VPN-IPv6 and EVPN through us: route sets and attributes equal on the far side.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use testkit::daemon::{Kind, Speaker};
use testkit::privilege::in_namespaces;
use testkit::route::router_id;
use testkit::skip::skip;

use crate::lab::{self, ASN, OURS, Seen, client, reflector};
use crate::lan::{Lan, address, config, eventually};

const GOBGP: u8 = 11;
const OTHER: u8 = 12;

const ROUTES: &[(&str, &str)] = &[
    ("vpnv4", "10.1.1.0/24 label 100 rd 65000:1 rt 65000:1 nexthop 192.0.2.11"),
    ("vpnv4", "10.1.1.0/24 label 200 rd 65000:2 rt 65000:2 nexthop 192.0.2.11"),
    ("vpnv4", "10.1.2.0/24 label 101 rd 65000:1 rt 65000:1 nexthop 192.0.2.11"),
    ("vpnv6", "2001:db8:1::/64 label 300 rd 65000:1 rt 65000:1 nexthop 2001:db8::11"),
    (
        "evpn",
        "macadv 02:00:00:00:00:01 10.0.0.5 etag 0 label 1000 rd 65000:1 rt 65000:1 encap vxlan nexthop 192.0.2.11",
    ),
    ("evpn", "multicast 192.0.2.11 etag 0 rd 65000:1 rt 65000:1 encap vxlan nexthop 192.0.2.11"),
    ("evpn", "prefix 10.5.0.0/16 etag 0 label 2000 rd 65000:1 rt 65000:1 nexthop 192.0.2.11"),
];
const FAMILIES: [&str; 3] = ["vpnv4", "vpnv6", "evpn"];
const GOBGP_FAMILIES: &[&str] = &["l3vpn-ipv4-unicast", "l3vpn-ipv6-unicast", "l2vpn-evpn"];

fn add(gobgp: &dyn Speaker, family: &str, route: &str) {
    gobgp.command(&format!("global rib add -a {family} {route}")).unwrap();
}

/// What the far side must hold: the same with the marks of reflection.
fn reflected(sent: BTreeMap<String, Seen>) -> BTreeMap<String, Seen> {
    let mark = |(name, seen)| {
        let originator = Some(format!("\"{}\"", router_id(GOBGP)));
        (name, Seen { originator, clusters: Some("[\"10.99.0.1\"]".to_owned()), ..seen })
    };
    sent.into_iter().map(mark).collect()
}

fn tables(speaker: &dyn Speaker) -> Result<Vec<BTreeMap<String, Seen>>> {
    FAMILIES.iter().map(|family| lab::table(speaker, family)).collect()
}

#[test]
fn gobgp_to_gobgp() {
    in_namespaces(|| {
        if let Err(missing) = Kind::Gobgp.installed() {
            return skip("VPN and EVPN with GoBGP", &missing);
        }
        let lan = Lan::new();
        let ours = reflector(&lan, &[GOBGP, OTHER], false, &[]);
        let from = client(&lan, GOBGP, Kind::Gobgp, GOBGP_FAMILIES);
        let to = client(&lan, OTHER, Kind::Gobgp, GOBGP_FAMILIES);
        for (family, route) in ROUTES {
            add(&*from, family, route);
        }
        let arrived = |what: &str| {
            eventually(what, &[&ours, &*from, &*to], || {
                let sent: Vec<_> = tables(&*from)?.into_iter().map(reflected).collect();
                let there = tables(&*to)?;
                ensure!(there == sent, "sent {sent:#?}, there {there:#?}");
                Ok(there.iter().map(BTreeMap::len).collect::<Vec<_>>())
            })
        };
        assert_eq!(arrived("all routes are there"), [3, 1, 3]);
        // Another label for the same route, and one route less.
        add(&*from, "vpnv4", "10.1.1.0/24 label 111 rd 65000:1 rt 65000:1 nexthop 192.0.2.11");
        from.command("global rib del -a vpnv4 10.1.2.0/24 label 101 rd 65000:1").unwrap();
        assert_eq!(arrived("the changes are there"), [2, 1, 3]);

        let shown = ours.show("routes --family vpnv4").unwrap();
        let of = |prefix: &str| shown.iter().find(|r| r["prefix"] == prefix).unwrap().clone();
        let route = of("65000:1:10.1.1.0/24");
        assert_eq!((&route["rd"], &route["labels"]), (&"65000:1".into(), &vec![111].into()));
        assert_eq!((&route["nextHop"], &route["best"]), (&"192.0.2.11".into(), &true.into()));
        let evpn = ours.show(&format!("advertised {} --family evpn", address(OTHER))).unwrap();
        assert_eq!(evpn.len(), 3, "{evpn:#?}");
        let station = evpn.iter().find(|r| r["prefix"].as_str().unwrap().starts_with("mac-ip"));
        assert_eq!(station.unwrap()["labels"], serde_json::json!([1000]), "a VNI, for it is VXLAN");
    });
}

#[test]
fn gobgp_and_frr() {
    in_namespaces(|| {
        for kind in [Kind::Gobgp, Kind::Frr] {
            if let Err(missing) = kind.installed() {
                return skip("VPN and EVPN with FRR", &missing);
            }
        }
        let lan = Lan::new();
        let ours = reflector(&lan, &[GOBGP, OTHER], false, &[]);
        let from = client(&lan, GOBGP, Kind::Gobgp, GOBGP_FAMILIES);
        let activate = format!("neighbor {} activate", address(OURS));
        let lines = [
            "address-family ipv4 vpn",
            &activate,
            "network 10.2.1.0/24 rd 65000:9 label 400",
            "exit-address-family",
            "address-family ipv6 vpn",
            &activate,
            "network 2001:db8:2::/64 rd 65000:9 label 401",
            "exit-address-family",
            "address-family l2vpn evpn",
            &activate,
            "exit-address-family",
        ];
        let frr = lan.daemon(OTHER, Kind::Frr, config(OTHER, ASN, &[(OURS, ASN, &lines)], vec![]));
        for (family, route) in ROUTES {
            add(&*from, family, route);
        }
        eventually("FRR holds the VPN routes", &[&ours, &*from, &*frr], || {
            for (command, wanted) in [
                (
                    "show bgp ipv4 vpn 10.1.1.0/24",
                    ["65000:1", "label: 100", "192.0.2.11", "RT:65000:1"],
                ),
                (
                    "show bgp ipv4 vpn 10.1.1.0/24",
                    ["65000:2", "label: 200", "Originator", "10.99.0.1"],
                ),
                (
                    "show bgp ipv4 vpn 10.1.2.0/24",
                    ["65000:1", "label: 101", "192.0.2.11", "RT:65000:1"],
                ),
                (
                    "show bgp ipv6 vpn 2001:db8:1::/64",
                    ["65000:1", "label: 300", "2001:db8::11", "RT:65000:1"],
                ),
            ] {
                let text = frr.command(command)?;
                let missing = wanted.iter().find(|part| !text.contains(**part));
                ensure!(missing.is_none(), "{missing:?} is not in: {text}");
            }
            let evpn = frr.command("show bgp l2vpn evpn")?;
            for part in [
                "[2]:[0]:[48]:[02:00:00:00:00:01]:[32]:[10.0.0.5]",
                "[3]:[0]:[32]:[192.0.2.11]",
                "[5]:[0]:[16]:[10.5.0.0]",
            ] {
                ensure!(evpn.contains(part), "{part} is not in: {evpn}");
            }
            Ok(())
        });
        eventually("GoBGP holds what FRR announces", &[&ours, &*from, &*frr], || {
            let v4 = lab::table(&*from, "vpnv4")?;
            let label = v4.get("65000:9:10.2.1.0/24").map(|route| route.labels.as_str());
            ensure!(label == Some("[400]"), "{v4:#?}");
            let here = ours.show(&format!("received {} --family vpnv6", address(OTHER)))?;
            ensure!(here.len() == 1 && here[0]["labels"] == serde_json::json!([401]), "{here:#?}");
            // Without an IPv6 address FRR names its link-local one once there is one, which goes no
            // further, and before that the IPv4 address.
            let goes_on = !here[0]["nextHop"].to_string().contains("fe80:");
            let v6 = lab::table(&*from, "vpnv6")?;
            let label = v6.get("65000:9:2001:db8:2::/64").map(|route| route.labels.as_str());
            ensure!(label == goes_on.then_some("[401]"), "{label:?} after {here:#?}");
            Ok(())
        });
    });
}
