//! FRR's bgpd, alone: without zebra (`-Z`), since no kernel route is asked for.
//!
//! `coalesce-time 0`: update groups are otherwise formed a second or more late. `input-queue-limit` as
//! high as it goes (where there is one): with the default it pauses in big loads. No time between
//! advertisements.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Result;
use testkit::netns::NetNs;

use super::{Subject, version};
use crate::bench_load::plan::{DAEMON_AS, HOLD_TIME, Plan, ROUTER_ID, Role};
use crate::bench_load::root::{Daemon, Root};

const PROGRAM: &str = "/usr/lib/frr/bgpd";

/// One bgpd.
#[derive(Debug)]
pub(super) struct Frr {
    root: Root,
    version: String,
}

impl Frr {
    /// The one in `root`, if there is one.
    pub(super) fn find(root: &Root) -> Result<Option<Self>> {
        if !root.has(PROGRAM) {
            return Ok(None);
        }
        let version = version(&root.first_line(PROGRAM, "--version")?, "version ");
        Ok(Some(Self { root: root.clone(), version }))
    }

    /// 9.0 brought the limits of the queues.
    fn has_queue_limits(&self) -> bool {
        self.version
            .split('.')
            .next()
            .and_then(|word| word.parse().ok())
            .is_some_and(|n: u32| n >= 9)
    }
}

impl Subject for Frr {
    fn label(&self) -> String {
        format!("FRR {}", self.version)
    }

    fn start(&self, plan: &Plan, ns: &Arc<NetNs>, pin: Option<u32>) -> Result<Daemon> {
        let desk = self.root.desk()?;
        let file = desk.write("bgpd.conf", &config(plan, self.has_queue_limits()))?;
        let folder = desk.folder("vty")?;
        let mut args: Vec<String> =
            ["-S", "-Z", "-P", "0", "--log", "stdout", "--log-level", "warnings", "-f"]
                .map(str::to_owned)
                .into();
        args.extend([file, "-i".into(), desk.path("pid"), "--vty_socket".into(), folder]);
        desk.start(ns, pin, PROGRAM, &args)
    }
}

fn config(plan: &Plan, has_queue_limits: bool) -> String {
    let mut out = String::new();
    if has_queue_limits {
        out.push_str("bgp input-queue-limit 4294967295\nbgp output-queue-limit 4294967295\n");
    }
    let _ = writeln!(
        out,
        "router bgp {DAEMON_AS}\n bgp router-id {ROUTER_ID}\n no bgp ebgp-requires-policy\n \
         no bgp default ipv4-unicast\n coalesce-time 0\n timers bgp {} {HOLD_TIME}",
        HOLD_TIME / 3
    );
    if plan.role == Role::Reflector {
        let _ = writeln!(out, " bgp cluster-id {ROUTER_ID}");
    }
    for seat in &plan.seats {
        let address = seat.address();
        let _ = writeln!(
            out,
            " neighbor {address} remote-as {}\n neighbor {address} update-source {}\n \
             neighbor {address} passive\n neighbor {address} advertisement-interval 0\n \
             neighbor {address} timers connect 1",
            plan.asn(*seat),
            seat.daemon(),
        );
    }
    let family = if plan.is_vpn() { "vpn" } else { "unicast" };
    let _ = writeln!(out, " address-family ipv4 {family}");
    for seat in &plan.seats {
        let address = seat.address();
        let habit = match plan.role {
            Role::Transit => "next-hop-self",
            Role::Reflector => "route-reflector-client",
        };
        let _ = writeln!(out, "  neighbor {address} activate\n  neighbor {address} {habit}");
    }
    out.push_str(" exit-address-family\n");
    out
}
