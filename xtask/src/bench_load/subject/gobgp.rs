//! GoBGP, with its defaults: it uses all cores and has no settings for load.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Result;
use testkit::netns::NetNs;

use super::{Subject, version};
use crate::bench_load::plan::{DAEMON_AS, HOLD_TIME, Plan, ROUTER_ID, Role};
use crate::bench_load::root::{Daemon, Root};

const PROGRAM: &str = "/usr/bin/gobgpd";

/// One gobgpd.
#[derive(Debug)]
pub(super) struct Gobgp {
    root: Root,
    version: String,
}

impl Gobgp {
    /// The one in `root`, if there is one.
    pub(super) fn find(root: &Root) -> Result<Option<Self>> {
        if !root.has(PROGRAM) {
            return Ok(None);
        }
        let version = version(&root.first_line(PROGRAM, "--version")?, "version ");
        Ok(Some(Self { root: root.clone(), version }))
    }
}

impl Subject for Gobgp {
    fn label(&self) -> String {
        format!("GoBGP {}", self.version)
    }

    fn start(&self, plan: &Plan, ns: &Arc<NetNs>, pin: Option<u32>) -> Result<Daemon> {
        let desk = self.root.desk()?;
        let file = desk.write("gobgpd.toml", &config(plan))?;
        let mut args = vec!["-f".to_owned(), file];
        let words =
            ["-t", "toml", "--api-hosts", "127.0.0.1:50051", "--pprof-disable", "-l", "warn"];
        args.extend(words.map(str::to_owned));
        desk.start(ns, pin, PROGRAM, &args)
    }
}

fn config(plan: &Plan) -> String {
    let mut out = format!("[global.config]\n  as = {DAEMON_AS}\n  router-id = \"{ROUTER_ID}\"\n");
    let family = if plan.is_vpn() { "l3vpn-ipv4-unicast" } else { "ipv4-unicast" };
    for seat in &plan.seats {
        let _ = write!(
            out,
            "[[neighbors]]\n  [neighbors.config]\n    neighbor-address = \"{}\"\n    peer-as = {}\n  \
             [neighbors.transport.config]\n    local-address = \"{}\"\n    passive-mode = true\n  \
             [neighbors.timers.config]\n    hold-time = {HOLD_TIME}\n    keepalive-interval = {}\n    \
             connect-retry = 1\n    idle-hold-time-after-reset = 1\n",
            seat.address(),
            plan.asn(*seat),
            seat.daemon(),
            HOLD_TIME / 3,
        );
        if plan.role == Role::Reflector {
            let _ = write!(
                out,
                "  [neighbors.route-reflector.config]\n    route-reflector-client = true\n    \
                 route-reflector-cluster-id = \"{ROUTER_ID}\"\n"
            );
        }
        let _ = write!(
            out,
            "  [[neighbors.afi-safis]]\n    [neighbors.afi-safis.config]\n      \
             afi-safi-name = \"{family}\"\n"
        );
    }
    out
}
