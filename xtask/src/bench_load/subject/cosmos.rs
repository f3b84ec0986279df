//! Our own binary, built in release mode unless one is named.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use testkit::netns::NetNs;

use super::{Subject, version};
use crate::bench_load::plan::{DAEMON_AS, HOLD_TIME, Plan, ROUTER_ID, Role};
use crate::bench_load::root::{Daemon, Root};

const HEADER: &str = "apiVersion: bgp.miloapis.com/v1alpha1\n";

/// Our binary.
#[derive(Debug)]
pub(in crate::bench_load) struct Cosmos {
    binary: PathBuf,
    version: String,
}

impl Cosmos {
    /// `binary`, or a fresh release build.
    pub(in crate::bench_load) fn find(workspace: &Path, binary: Option<&Path>) -> Result<Self> {
        let binary = match binary {
            Some(binary) => std::path::absolute(binary)?,
            None => build(workspace, &["--release"])?,
        };
        ensure!(binary.is_file(), "{} is not there", binary.display());
        let line = Root::HOST.first_line(&binary.display().to_string(), "--version")?;
        Ok(Self { binary, version: version(&line, "cosmos ") })
    }
}

/// Builds our binary; where it lies.
pub(in crate::bench_load) fn build(workspace: &Path, options: &[&str]) -> Result<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .current_dir(workspace)
        .args(["build", "--locked", "--bin", "cosmos"])
        .args(options)
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("run cargo build")?;
    ensure!(output.status.success(), "cosmos does not build");
    // The last artifact with an executable is the one asked for.
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .context("cargo build names no executable")
}

impl Subject for Cosmos {
    fn label(&self) -> String {
        format!("Cosmos {}", self.version)
    }

    fn is_ours(&self) -> bool {
        true
    }

    fn start(&self, plan: &Plan, ns: &Arc<NetNs>, pin: Option<u32>) -> Result<Daemon> {
        let desk = Root::HOST.desk()?;
        let folder = desk.folder("manifests")?;
        desk.write("manifests/bench.yaml", &manifests(plan))?;
        let mut args: Vec<String> =
            ["run", "--node", "bench", "--fib", "none", "--manifests"].map(str::to_owned).into();
        args.extend([folder, "--control".into(), desk.path("control.sock")]);
        desk.start(ns, pin, &self.binary.display().to_string(), &args)
    }
}

fn manifests(plan: &Plan) -> String {
    let family =
        format!("[{{afi: ipv4, safi: {}}}]", if plan.is_vpn() { "vpn" } else { "unicast" });
    let mut out = format!(
        "{HEADER}kind: BGPRouter\nmetadata: {{name: bench, namespace: default}}\nspec:\n  \
         targetRef: {{kind: Node, name: bench}}\n  roles: [transit]\n  localASN: {DAEMON_AS}\n  \
         routerID: {ROUTER_ID}\n  installRoutes: false\n  addressFamilies: {family}\n  \
         timers: {{holdTime: {HOLD_TIME}s, idleHold: 1s}}\n"
    );
    if plan.role == Role::Reflector {
        let _ = writeln!(out, "  clusterID: {ROUTER_ID}");
    }
    for (number, seat) in plan.seats.iter().enumerate() {
        let _ = write!(
            out,
            "---\n{HEADER}kind: BGPPeer\nmetadata: {{name: n{number}, namespace: default}}\nspec:\n  \
             routerRef: {{name: bench}}\n  address: {}\n  peerASN: {}\n  passive: true\n  \
             maximumPrefix: {{limit: 10000000, action: warning-only}}\n  addressFamilies: {family}\n",
            seat.address(),
            plan.asn(*seat),
        );
        out.push_str(match plan.role {
            Role::Transit => "  nextHopSelf: true\n",
            Role::Reflector => "  routeReflectorClient: true\n",
        });
    }
    out
}
