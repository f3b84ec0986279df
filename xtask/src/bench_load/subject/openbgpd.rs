//! OpenBGPD: three processes, all of which count. It keeps kernel routes to itself (`fib-update no`).

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Result;
use testkit::netns::NetNs;

use super::{Subject, version};
use crate::bench_load::plan::{DAEMON_AS, HOLD_TIME, Plan, ROUTER_ID, Role};
use crate::bench_load::root::{Daemon, Root};

const PROGRAM: &str = "/usr/sbin/bgpd";
/// Tells it apart from another bgpd.
const CLIENT: &str = "/usr/sbin/bgpctl";

/// Home of its user in Debian.
const CELL: &str = "/run/openbgpd";

/// One bgpd.
#[derive(Debug)]
pub(super) struct Openbgpd {
    root: Root,
    version: String,
}

impl Openbgpd {
    /// The one in `root`, if there is one.
    pub(super) fn find(root: &Root) -> Result<Option<Self>> {
        if !root.has(PROGRAM) || !root.has(CLIENT) {
            return Ok(None);
        }
        let version = version(&root.first_line(PROGRAM, "-V")?, "OpenBGPD ");
        Ok(Some(Self { root: root.clone(), version }))
    }
}

impl Subject for Openbgpd {
    fn label(&self) -> String {
        format!("OpenBGPD {}", self.version)
    }

    fn start(&self, plan: &Plan, ns: &Arc<NetNs>, pin: Option<u32>) -> Result<Daemon> {
        // Its processes lock themselves up there; systemd makes it otherwise.
        self.root.make_folder(CELL)?;
        let desk = self.root.desk()?;
        let file = desk.write("bgpd.conf", &config(plan, &desk.path("ctl")))?;
        desk.start(ns, pin, PROGRAM, &["-d".into(), "-f".into(), file])
    }
}

fn config(plan: &Plan, socket: &str) -> String {
    let mut out = format!(
        "AS {DAEMON_AS}\nrouter-id {ROUTER_ID}\nfib-update no\nholdtime {HOLD_TIME}\n\
         socket \"{socket}\"\nnexthop qualify via default\n"
    );
    let family = if plan.is_vpn() { "vpn" } else { "unicast" };
    for seat in &plan.seats {
        let habit = match plan.role {
            Role::Transit => "set nexthop self".to_owned(),
            Role::Reflector => format!("route-reflector {ROUTER_ID}"),
        };
        let _ = writeln!(
            out,
            "neighbor {} {{\n remote-as {}\n local-address {}\n passive\n announce IPv4 {family}\n {habit}\n}}",
            seat.address(),
            plan.asn(*seat),
            seat.daemon(),
        );
    }
    out.push_str("allow from any\nallow to any\n");
    out
}
