//! FRR, BIRD and GoBGP with one passive neighbour a family, and how many routes each accepted.
//!
//! zebra is not needed: all sessions run over IPv4. None of the daemons validates next hops or
//! flows here beyond what its parser does; a route that it refuses is missing in its count.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bgp_wire::{Family, Safi};
use serde_json::Value;
use tempfile::TempDir;
use testkit::daemon::{Kind, bird, frr, gobgp};
use testkit::netns::NetNs;
use testkit::process::Process;
use testkit::wait;

use crate::peer;

/// The daemon's address.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// A running daemon.
pub(crate) struct Daemon {
    kind: Kind,
    ns: Arc<NetNs>,
    folder: TempDir,
    process: Process,
}

/// The daemon's name of a family, where it carries it.
fn name(kind: Kind, family: Family) -> Option<&'static str> {
    let names: &[(Family, &str)] = match kind {
        Kind::Frr => &[
            (Family::IPV4_UNICAST, "ipv4 unicast"),
            (Family::IPV6_UNICAST, "ipv6 unicast"),
            (Family::IPV4_MULTICAST, "ipv4 multicast"),
            (Family::IPV6_MULTICAST, "ipv6 multicast"),
            (Family::IPV4_LABELED, "ipv4 labeled-unicast"),
            (Family::IPV6_LABELED, "ipv6 labeled-unicast"),
            (Family::IPV4_VPN, "ipv4 vpn"),
            (Family::IPV6_VPN, "ipv6 vpn"),
            (Family::EVPN, "l2vpn evpn"),
            (Family::IPV4_FLOW_SPEC, "ipv4 flowspec"),
            (Family::IPV6_FLOW_SPEC, "ipv6 flowspec"),
        ],
        Kind::Bird => &[
            (Family::IPV4_UNICAST, "ipv4"),
            (Family::IPV6_UNICAST, "ipv6"),
            (Family::IPV4_MULTICAST, "ipv4 multicast"),
            (Family::IPV6_MULTICAST, "ipv6 multicast"),
            (Family::IPV4_LABELED, "ipv4 mpls"),
            (Family::IPV6_LABELED, "ipv6 mpls"),
            (Family::IPV4_VPN, "vpn4 mpls"),
            (Family::IPV6_VPN, "vpn6 mpls"),
            (Family::IPV4_FLOW_SPEC, "flow4"),
            (Family::IPV6_FLOW_SPEC, "flow6"),
        ],
        Kind::Gobgp => &[
            (Family::IPV4_UNICAST, "ipv4-unicast"),
            (Family::IPV6_UNICAST, "ipv6-unicast"),
            (Family::IPV4_LABELED, "ipv4-labelled-unicast"),
            (Family::IPV6_LABELED, "ipv6-labelled-unicast"),
            (Family::IPV4_VPN, "l3vpn-ipv4-unicast"),
            (Family::IPV6_VPN, "l3vpn-ipv6-unicast"),
            (Family::EVPN, "l2vpn-evpn"),
            (Family::ROUTE_TARGET, "rtc"),
            (Family::IPV4_FLOW_SPEC, "ipv4-flowspec"),
            (Family::IPV6_FLOW_SPEC, "ipv6-flowspec"),
            (Family::IPV4_FLOW_SPEC_VPN, "l3vpn-ipv4-flowspec"),
            (Family::IPV6_FLOW_SPEC_VPN, "l3vpn-ipv6-flowspec"),
        ],
    };
    names.iter().find(|(f, _)| *f == family).map(|(_, name)| *name)
}

/// Whether the daemon carries the family.
pub(crate) fn carries(kind: Kind, family: Family) -> bool {
    name(kind, family).is_some()
}

/// FRR 8.4 offers to receive path identifiers of flow specifications and then takes them for routes.
pub(crate) fn misreads_paths(kind: Kind, family: Family) -> bool {
    kind == Kind::Frr && matches!(family.safi, Safi::FLOW_SPEC | Safi::FLOW_SPEC_VPN)
}

impl Daemon {
    /// Starts it; the neighbour with number `i` has the family with number `i`.
    pub(crate) fn start(kind: Kind, ns: &Arc<NetNs>, families: &[Family]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        let (program, args): (_, Vec<String>) = match kind {
            Kind::Frr => (frr::BGPD, {
                let options = ["-Z", "-S", "-P", "0", "--log", "stdout", "-f"];
                let files = [path("conf"), "-i".into(), path("pid")];
                let vty = ["--vty_socket".into(), folder.path().display().to_string()];
                options.map(str::to_owned).into_iter().chain(files).chain(vty).collect()
            }),
            Kind::Bird => {
                (bird::BIRD, vec!["-f".into(), "-c".into(), path("conf"), "-s".into(), path("ctl")])
            }
            Kind::Gobgp => (gobgp::GOBGPD, {
                let options = ["-t", "toml", "--api-hosts", "127.0.0.1:50051", "-f"];
                options.map(str::to_owned).into_iter().chain([path("conf")]).collect()
            }),
        };
        let numbered: Vec<_> = families.iter().copied().enumerate().collect();
        let text = match kind {
            Kind::Frr => frr_text(&numbered),
            Kind::Bird => bird_text(&numbered),
            Kind::Gobgp => gobgp_text(&numbered),
        };
        std::fs::write(path("conf"), text)?;
        if kind == Kind::Frr {
            std::fs::write(path("vtysh.conf"), "")?;
        }
        let process = ns.spawn(Path::new(program), &args, &folder.path().join("log"))?;
        let mut daemon = Self { kind, ns: Arc::clone(ns), folder, process };
        wait::eventually("the daemon answers", || {
            daemon.process.check_running()?;
            daemon.accepted(0, families[0])
        })?;
        Ok(daemon)
    }

    /// Waits until exactly `routes` routes of neighbour `i` are accepted.
    pub(crate) fn wait_accepted(&self, i: usize, family: Family, routes: usize) -> Result<()> {
        wait::eventually(&format!("{routes} routes of {family}"), || {
            let accepted = self.accepted(i, family)?;
            ensure!(accepted == routes, "{accepted} accepted");
            Ok(())
        })
        .with_context(|| {
            let log = self.process.output();
            let tail: Vec<_> = log.lines().rev().take(20).collect();
            tail.into_iter().rev().collect::<Vec<_>>().join("\n")
        })
    }

    fn accepted(&self, i: usize, family: Family) -> Result<usize> {
        let folder = self.folder.path().display().to_string();
        let neighbor = peer::address(i).to_string();
        match self.kind {
            Kind::Frr => {
                let name = name(self.kind, family).context("a name")?;
                let command = format!("show bgp {name} summary json");
                let args = ["--config_dir", &folder, "--vty_socket", &folder, "-c", &command];
                let text = self.ns.exec(frr::VTYSH, &args)?;
                let value: Value = serde_json::from_str(&text)?;
                let of_peer = &value["peers"][&neighbor]["pfxRcd"];
                Ok(usize::try_from(of_peer.as_u64().with_context(|| format!("FRR: {text}"))?)?)
            }
            Kind::Bird => {
                let control = format!("{folder}/ctl");
                let command = format!("show protocols all p{i}");
                let text = self.ns.exec(bird::BIRDC, &["-s", &control, &command])?;
                ensure!(text.contains("BIRD"), "BIRD: {text}");
                let line = text.lines().find_map(|l| l.trim().strip_prefix("Routes:"));
                // Without a session there is no such line.
                let imported = line.and_then(|l| l.trim().split(' ').next());
                Ok(imported.map_or(Ok(0), str::parse)?)
            }
            Kind::Gobgp => {
                let name = name(self.kind, family).context("a name")?;
                let text = self.ns.exec(gobgp::GOBGP, &["-j", "neighbor", &neighbor])?;
                let value: Value = serde_json::from_str(&text)?;
                let all =
                    value["afi_safis"].as_array().with_context(|| format!("{name}: {text}"))?;
                let counts = all.iter().map(|f| f["state"]["accepted"].as_u64());
                Ok(usize::try_from(counts.flatten().sum::<u64>())?)
            }
        }
    }
}

fn frr_text(families: &[(usize, Family)]) -> String {
    let mut out = format!(
        "router bgp {}\n bgp router-id {ADDRESS}\n no bgp default ipv4-unicast\n",
        peer::ASN
    );
    for (i, family) in families {
        let (neighbor, name) = (peer::address(*i), name(Kind::Frr, *family).unwrap());
        let _ = write!(
            out,
            " neighbor {neighbor} remote-as {asn}\n neighbor {neighbor} passive\n \
             neighbor {neighbor} capability extended-nexthop\n \
             address-family {name}\n  neighbor {neighbor} activate\n exit-address-family\n",
            asn = peer::ASN,
        );
    }
    out
}

fn bird_text(families: &[(usize, Family)]) -> String {
    let mut out = format!(
        "log stderr all;\nrouter id {ADDRESS};\nipv4 table mcast4;\nipv6 table mcast6;\n\
         vpn4 table vpn4tab;\nvpn6 table vpn6tab;\nflow4 table flow4tab;\nflow6 table flow6tab;\n\
         mpls table mtab;\nprotocol device {{}}\n"
    );
    for (i, family) in families {
        let table = match name(Kind::Bird, *family).unwrap() {
            "ipv4 multicast" => "table mcast4; ",
            "ipv6 multicast" => "table mcast6; ",
            _ => "",
        };
        let _ = writeln!(
            out,
            "protocol bgp p{i} {{ local {ADDRESS} as {asn}; neighbor {neighbor} as {asn}; passive; \
             enable extended messages; {name} {{ {table}import all; export none; add paths rx; \
             extended next hop; }}; }}",
            asn = peer::ASN,
            neighbor = peer::address(*i),
            name = name(Kind::Bird, *family).unwrap(),
        );
    }
    out
}

fn gobgp_text(families: &[(usize, Family)]) -> String {
    let mut out = format!(
        "[global.config]\n  as = {}\n  router-id = \"{ADDRESS}\"\n  \
         local-address-list = [\"{ADDRESS}\"]\n",
        peer::ASN
    );
    for (i, family) in families {
        let _ = write!(
            out,
            "[[neighbors]]\n  [neighbors.config]\n    neighbor-address = \"{}\"\n    \
             peer-as = {}\n  [neighbors.transport.config]\n    passive-mode = true\n  \
             [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      \
             afi-safi-name = \"{}\"\n    [neighbors.afi-safis.add-paths.config]\n      \
             receive = true\n",
            peer::address(*i),
            peer::ASN,
            name(Kind::Gobgp, *family).unwrap(),
        );
    }
    out
}
