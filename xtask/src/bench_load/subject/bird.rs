//! BIRD 2, and BIRD 3 with one thread (its default) and with two.

use std::fmt::Write as _;
use std::sync::Arc;

use anyhow::Result;
use testkit::netns::NetNs;

use super::{Subject, version};
use crate::bench_load::plan::{DAEMON_AS, HOLD_TIME, Plan, ROUTER_ID, Role};
use crate::bench_load::root::{Daemon, Root};

const PROGRAM: &str = "/usr/sbin/bird";

/// One BIRD with one setting.
#[derive(Debug)]
pub(in crate::bench_load) struct Bird {
    root: Root,
    version: String,
    /// Worker threads, where there is a choice.
    threads: Option<u8>,
}

impl Bird {
    /// Every setting of the BIRD in `root`; none when there is no BIRD.
    pub(in crate::bench_load) fn find(root: &Root) -> Result<Vec<Self>> {
        if !root.has(PROGRAM) {
            return Ok(Vec::new());
        }
        let version = version(&root.first_line(PROGRAM, "--version")?, "version ");
        let threads = if major(&version) >= 3 { vec![Some(1), Some(2)] } else { vec![None] };
        let one = |threads| Self { root: root.clone(), version: version.clone(), threads };
        Ok(threads.into_iter().map(one).collect())
    }
}

fn major(version: &str) -> u32 {
    version.split('.').next().and_then(|word| word.parse().ok()).unwrap_or(2)
}

/// From 2.14 on MPLS labels belong to domains.
fn has_mpls_domains(version: &str) -> bool {
    let minor = version.split('.').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    major(version) >= 3 || minor >= 14
}

impl Subject for Bird {
    fn label(&self) -> String {
        match self.threads {
            None => format!("BIRD {}", self.version),
            Some(1) => format!("BIRD {}, 1 thread", self.version),
            Some(threads) => format!("BIRD {}, {threads} threads", self.version),
        }
    }

    fn start(&self, plan: &Plan, ns: &Arc<NetNs>, pin: Option<u32>) -> Result<Daemon> {
        let desk = self.root.desk()?;
        let file = desk.write("bird.conf", &config(plan, self.threads, &self.version))?;
        let args = ["-f".into(), "-c".into(), file, "-s".into(), desk.path("ctl")];
        desk.start(ns, pin, PROGRAM, &args)
    }
}

fn config(plan: &Plan, threads: Option<u8>, version: &str) -> String {
    let mut out = String::new();
    if let Some(threads) = threads {
        let _ = writeln!(out, "threads {threads};");
    }
    let _ = writeln!(
        out,
        "log stderr {{ error, fatal, warning, bug }};\nrouter id {ROUTER_ID};\n\
         protocol device {{}}\nprotocol direct {{ ipv4; }}"
    );
    let mut channel = "import all; export where source = RTS_BGP;".to_owned();
    match plan.role {
        Role::Transit => channel.push_str(" next hop self;"),
        Role::Reflector => channel.push_str(" next hop keep;"),
    }
    let channels = if plan.is_vpn() {
        out.push_str("vpn4 table vpntab;\n");
        let mut mpls = "";
        if has_mpls_domains(version) {
            // Labels are passed on as they came; the domain is needed to have a channel at all.
            out.push_str("mpls domain mdom;\nmpls table mtab;\n");
            mpls = " mpls { label policy aggregate; };";
        }
        format!("vpn4 mpls {{ table vpntab; {channel} }};{mpls}")
    } else {
        format!("ipv4 {{ {channel} }};")
    };
    // A session that ended may come back at once.
    let _ = writeln!(
        out,
        "template bgp one {{ {channels} passive on; hold time {HOLD_TIME}; \
         error wait time 1, 1; error forget time 1; }}"
    );
    for (number, seat) in plan.seats.iter().enumerate() {
        let client = match plan.role {
            Role::Transit => String::new(),
            Role::Reflector => format!(" rr client; rr cluster id {ROUTER_ID};"),
        };
        let _ = writeln!(
            out,
            "protocol bgp n{number} from one {{ local {} as {DAEMON_AS}; neighbor {} as {};{client} }}",
            seat.daemon(),
            seat.address(),
            plan.asn(*seat),
        );
    }
    out
}
