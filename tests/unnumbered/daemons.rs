//! FRR, BIRD and GoBGP at the other end.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use testkit::cosmos::Cosmos;
use testkit::daemon::{Config, Kind, Speaker};
use testkit::netns::NetNs;
use testkit::privilege::in_namespaces;
use testkit::skip::skip;
use testkit::wait;

use crate::lab::{
    config, cosmos, host, link_locals, peer, wait_again, wait_legs, wait_ping, wait_up, wire,
};

const OURS: u32 = 65001;

/// We on host 1, a daemon on host 2, one wire.
struct Lab {
    a: Arc<NetNs>,
    b: Arc<NetNs>,
    ours: Cosmos,
    theirs: Box<dyn Speaker>,
}

impl Lab {
    /// `theirs` are lines of the daemon's language; it gets our link-local address.
    fn new(kind: Kind, asn: u32, ours: &[&str], theirs: impl FnOnce(&str) -> Vec<String>) -> Self {
        let (a, b) = (host("ours", 1), host("theirs", 2));
        wire(&a, &b, "eth0");
        let here = link_locals(&a, "eth0")[0].to_string();
        let ours = cosmos(&a, 1, OURS, vec![peer("link", &[&["interface: eth0"], ours].concat())]);
        if kind == Kind::Gobgp {
            // It looks once, at its start.
            wait::eventually("a neighbour in the kernel", || {
                let seen = b.ip("-6 neighbor show dev eth0")?;
                ensure!(seen.contains(&here), "{seen}");
                Ok(())
            })
            .unwrap();
        }
        let config = Config { extra: theirs(&here), ..config(2, asn) };
        let theirs = kind.start(&b, config).unwrap();
        Self { a, b, ours, theirs }
    }

    /// Up, everything of theirs here, and ours there as the daemon shows it.
    #[track_caller]
    fn wait_exchanged(&self, command: &str) {
        wait_up(&self.ours, "link");
        let there = link_locals(&self.b, "eth0")[0];
        wait_legs(&self.a, 2, &[(there, "eth0")]);
        for prefix in ["10.0.1.0/24", "fd00:1::/64"] {
            let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
            let command = command.replace("FAMILY", family).replace("PREFIX", prefix);
            let seen = wait::eventually(&command, || {
                let text = self.theirs.command(&command)?;
                ensure!(text.contains(prefix), "{text}");
                Ok(())
            });
            seen.unwrap_or_else(|error| panic!("{error:#}\n--- ours\n{}", self.ours.log()));
        }
    }
}

const FRR_ROUTE: &str = "show bgp FAMILY unicast PREFIX json";

fn frr(remote_as: &str, more: &[&str]) -> Vec<String> {
    let mut lines = vec![
        format!("neighbor eth0 interface remote-as {remote_as}"),
        "neighbor eth0 timers connect 1".to_owned(),
        "neighbor eth0 advertisement-interval 0".to_owned(),
    ];
    lines.extend(more.iter().map(|&line| line.to_owned()));
    for family in ["ipv4", "ipv6"] {
        lines.push(format!("address-family {family} unicast"));
        lines.push("neighbor eth0 activate".to_owned());
        lines.push("exit-address-family".to_owned());
    }
    lines
}

fn with_frr(asn: u32, ours: &[&str], remote_as: &str, more: &[&str]) -> Option<Lab> {
    if let Err(missing) = Kind::Frr.installed() {
        skip("unnumbered with FRR", &missing);
        return None;
    }
    let lab = Lab::new(Kind::Frr, asn, ours, |_| frr(remote_as, more));
    lab.wait_exchanged(FRR_ROUTE);
    wait_ping(&lab.a, 1, 2);
    Some(lab)
}

#[test]
fn frr_external() {
    in_namespaces(|| {
        let Some(lab) = with_frr(65002, &["remoteAS: external"], "external", &[]) else { return };
        // Neither end has anything configured but the interface, and both know the other's address.
        let text = lab.theirs.command("show bgp neighbors eth0 json").unwrap();
        let seen: serde_json::Value = serde_json::from_str(&text).unwrap();
        let here = link_locals(&lab.a, "eth0")[0].to_string();
        assert_eq!(seen["eth0"]["bgpNeighborAddr"], here.as_str());
        assert_eq!(seen["eth0"]["remoteAs"], OURS);
    });
}

#[test]
fn frr_internal() {
    in_namespaces(|| drop(with_frr(OURS, &["remoteAS: internal"], "internal", &[])));
}

#[test]
fn frr_by_number_is_dialled() {
    let passive = ["neighbor eth0 passive"];
    in_namespaces(|| drop(with_frr(65002, &["peerASN: 65002"], "65001", &passive)));
}

#[test]
fn frr_by_number_dials() {
    let ours = ["peerASN: 65002", "passive: true"];
    in_namespaces(|| drop(with_frr(65002, &ours, "65001", &[])));
}

#[test]
fn frr_through_the_life_of_a_link() {
    in_namespaces(|| {
        let Some(mut lab) = with_frr(65002, &["remoteAS: external"], "external", &[]) else {
            return;
        };
        let back = |lab: &Lab, before: &serde_json::Value| {
            wait_again(&lab.ours, "link", before);
            lab.wait_exchanged(FRR_ROUTE);
            wait_ping(&lab.a, 1, 2);
        };

        // It flaps, seen from either end.
        for at_ours in [true, false] {
            let before = wait_up(&lab.ours, "link");
            let ns = if at_ours { &lab.a } else { &lab.b };
            ns.ip("link set eth0 down").unwrap();
            wait::eventually("session ends", || lab.check_down()).unwrap();
            ns.ip("link set eth0 up").unwrap();
            back(&lab, &before);
        }

        // FRR dies and returns.
        let before = wait_up(&lab.ours, "link");
        lab.theirs.kill();
        wait::eventually("session ends", || lab.check_down()).unwrap();
        lab.theirs.start().unwrap();
        back(&lab, &before);

        // The wire is replaced.
        let before = wait_up(&lab.ours, "link");
        lab.a.ip("link delete eth0").unwrap();
        wait::eventually("session ends", || lab.check_down()).unwrap();
        wire(&lab.a, &lab.b, "eth0");
        back(&lab, &before);
    });
}

/// FRR's address changes, then ours. FRR keeps a session whose own address is gone until the hold time
/// is over, and refuses the new one meanwhile.
#[test]
fn frr_and_addresses_that_change() {
    in_namespaces(|| {
        let ours = ["remoteAS: external", "holdTime: 6s", "keepaliveTime: 2s"];
        let more = ["neighbor eth0 timers 2 6"];
        let Some(lab) = with_frr(65002, &ours, "external", &more) else { return };
        for (at_ours, address) in [(true, "fe80::1:1"), (false, "fe80::2:2")] {
            let before = wait_up(&lab.ours, "link");
            let ns = if at_ours { &lab.a } else { &lab.b };
            let old = link_locals(ns, "eth0")[0];
            ns.ip(&format!("address add {address}/64 dev eth0 nodad")).unwrap();
            ns.ip(&format!("address delete {old}/64 dev eth0")).unwrap();
            wait_again(&lab.ours, "link", &before);
            lab.wait_exchanged(FRR_ROUTE);
            wait_ping(&lab.a, 1, 2);
        }
    });
}

impl Lab {
    fn check_down(&self) -> anyhow::Result<()> {
        let peer = crate::lab::shown(&self.ours, "link")?;
        ensure!(peer["state"] != "Established", "still up");
        Ok(())
    }
}

const BIRD_CHANNELS: &str = "ipv4 { import all; export filter export_all; next hop self; \
     extended next hop on; }; ipv6 { import all; export filter export_all; next hop self; };";

/// Routes learned go to the kernel, so that pings come back.
const BIRD_KERNEL: &str = "protocol kernel { ipv4 { export where source = RTS_BGP; }; }\n\
     protocol kernel { ipv6 { export where source = RTS_BGP; }; }";

fn with_bird(ours: &[&str], theirs: impl FnOnce(&str) -> Vec<String>) {
    if let Err(missing) = Kind::Bird.installed() {
        return skip("unnumbered with BIRD", &missing);
    }
    let lab = Lab::new(Kind::Bird, 65002, ours, |here| {
        let mut lines = vec![BIRD_KERNEL.to_owned()];
        lines.extend(theirs(here));
        lines
    });
    lab.wait_exchanged("show route PREFIX all");
    wait_ping(&lab.a, 1, 2);
}

/// It advertises, so that we find it; it knows our address by configuration.
#[test]
fn bird_advertises_and_is_dialled() {
    in_namespaces(|| {
        with_bird(&["peerASN: 65002"], |here| {
            vec![
                "protocol radv { interface \"eth0\" { max ra interval 4; default lifetime 0; }; }"
                    .into(),
                format!(
                    "protocol bgp u {{ local as 65002; neighbor {here}%eth0 as 65001; passive on; \
                     {BIRD_CHANNELS} }}"
                ),
            ]
        });
    });
}

/// It says nothing about itself: we know it by its connection.
#[test]
fn bird_dials_without_advertising() {
    in_namespaces(|| {
        with_bird(&["remoteAS: external"], |here| {
            vec![format!(
                "protocol bgp u {{ local as 65002; neighbor {here}%eth0 as 65001; \
                 connect delay time 1; connect retry time 1; {BIRD_CHANNELS} }}"
            )]
        });
    });
}

/// It accepts whoever is on the link.
#[test]
fn bird_accepts_a_range() {
    in_namespaces(|| {
        with_bird(&["remoteAS: external"], |_| {
            vec![
                "protocol radv { interface \"eth0\" { max ra interval 4; }; }".into(),
                format!(
                    "protocol bgp u {{ local as 65002; neighbor range fe80::/10 external; \
                     interface \"eth0\"; direct; dynamic name \"dyn\"; {BIRD_CHANNELS} }}"
                ),
            ]
        });
    });
}

/// GoBGP's `neighbor-interface`; it dials, and sends no advertisements.
#[test]
fn gobgp_by_interface() {
    if let Err(missing) = Kind::Gobgp.installed() {
        return skip("unnumbered with GoBGP", &missing);
    }
    in_namespaces(|| {
        let lab = Lab::new(Kind::Gobgp, 65002, &["remoteAS: external"], |_| {
            let mut lines = vec![
                "[[neighbors]]".to_owned(),
                "[neighbors.config]".to_owned(),
                "neighbor-interface = \"eth0\"".to_owned(),
                "peer-as = 65001".to_owned(),
                "[neighbors.timers.config]".to_owned(),
                "connect-retry = 1".to_owned(),
            ];
            for family in ["ipv4", "ipv6"] {
                lines.push("[[neighbors.afi-safis]]".to_owned());
                lines.push("[neighbors.afi-safis.config]".to_owned());
                lines.push(format!("afi-safi-name = \"{family}-unicast\""));
            }
            lines
        });
        lab.wait_exchanged("global rib -a FAMILY");
        let routes = lab.ours.show("routes").context("routes").unwrap();
        let theirs: Vec<_> = routes.iter().filter(|r| r["peer"] == "default/link").collect();
        assert_eq!(theirs.len(), 2, "{routes:?}");
    });
}
