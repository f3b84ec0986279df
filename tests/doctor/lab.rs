//! Two namespaces with a link, our daemon in one of them, and asking its doctor.

use std::net::IpAddr;
use std::process::Output;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::cosmos::{Cosmos, Fib};
use testkit::daemon::{Config, Neighbor, Speaker};
use testkit::netns::{End, NetNs};
use testkit::route::router_id;
use testkit::wait;

const BIN: &str = env!("CARGO_BIN_EXE_cosmos");

pub(crate) const OURS: &str = "192.0.2.1";
pub(crate) const PEER: &str = "192.0.2.2";
pub(crate) const OUR_AS: u32 = 65001;
pub(crate) const PEER_AS: u32 = 65002;

/// The widest line for a terminal of 80 columns.
const WIDTH: usize = 80;

pub(crate) struct Lab {
    pub(crate) our_ns: Arc<NetNs>,
    pub(crate) peer_ns: Arc<NetNs>,
    pub(crate) ours: Option<Cosmos>,
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Our neighbour as it should be.
pub(crate) fn neighbor() -> Neighbor {
    Neighbor::new(ip(OURS), ip(PEER), PEER_AS)
}

/// The other side of it.
pub(crate) fn their_config() -> Config {
    let mut config = Config::new(PEER_AS, router_id(2));
    config.neighbors.push(Neighbor::new(ip(PEER), ip(OURS), OUR_AS));
    config
}

impl Lab {
    /// The two namespaces, nobody in them.
    pub(crate) fn new() -> Self {
        let our_ns = Arc::new(NetNs::new("ours").unwrap());
        let peer_ns = Arc::new(NetNs::new("peer").unwrap());
        let (ours, theirs) =
            (End::new("eth0", &["192.0.2.1/24"]), End::new("eth0", &["192.0.2.2/24"]));
        our_ns.link(&ours, &peer_ns, &theirs).unwrap();
        Self { our_ns, peer_ns, ours: None }
    }

    /// Starts our daemon with this neighbour, named `default/n0`.
    pub(crate) fn start(&mut self, neighbor: Neighbor) {
        let mut config = Config::new(OUR_AS, router_id(1));
        config.neighbors.push(neighbor);
        let mut ours = Cosmos::new(BIN, &self.our_ns, config, Fib::Kernel).unwrap();
        ours.start().unwrap();
        self.ours = Some(ours);
    }

    pub(crate) fn ours(&mut self) -> &mut Cosmos {
        self.ours.as_mut().unwrap()
    }

    /// Adds a BGPPeer to the running daemon: name and lines of its `spec`.
    pub(crate) fn add_peer(&self, name: &str, spec: &[&str]) {
        let folder = self.ours.as_ref().unwrap().manifests();
        let mut text = format!(
            "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPeer\nmetadata: {{name: {name}, \
             namespace: default}}\nspec:\n  routerRef: {{name: dut}}\n  \
             addressFamilies: [{{afi: ipv4, safi: unicast}}]\n"
        );
        for line in spec {
            text += &format!("  {line}\n");
        }
        let draft = folder.parent().unwrap().join(name);
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, folder.join(format!("{name}.yaml"))).unwrap();
    }

    /// `cosmos ARGS` with the daemon's socket, whatever the exit code.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let folder = self.ours.as_ref().unwrap().manifests();
        let control = folder.parent().unwrap().join("control.sock");
        let mut command = std::process::Command::new(BIN);
        command.args(args).arg("--control").arg(control);
        self.our_ns.run(|| command.output()).unwrap()
    }

    /// The diagnoses, and the exit code that came with them.
    pub(crate) fn doctor(&self) -> Result<(Vec<Value>, i32)> {
        let output = self.run(&["doctor", "-o", "json"]);
        let code = output.status.code().context("ended by a signal")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(errors.is_empty(), "{errors}");
        Ok((serde_json::from_slice(&output.stdout)?, code))
    }

    /// Waits until the doctor names this cause for this neighbour (or, with an empty name, for what
    /// is no neighbour), with these words in its summary, evidence or fix. Gives back the page.
    #[track_caller]
    pub(crate) fn expect(&self, peer: &str, cause: &str, words: &[&str]) -> String {
        let seen = wait::eventually(&format!("doctor names {cause}"), || {
            let (diagnoses, code) = self.doctor()?;
            let of_peer = diagnoses.iter().filter(|d| d["peer"] == peer);
            let findings: Vec<_> =
                of_peer.flat_map(|d| d["findings"].as_array().into_iter().flatten()).collect();
            let text = serde_json::to_string(&findings)?;
            let finding = findings.iter().find(|f| f["cause"] == cause).context(text)?;
            let all = finding.to_string();
            for word in words {
                ensure!(all.contains(word), "{word:?} is not in {all}");
            }
            let has = |part: &str| finding[part].as_array().is_some_and(|list| !list.is_empty());
            ensure!(has("evidence") && has("fix"), "{all}");
            ensure!(code == i32::from(finding["severity"] != "note"), "exit code {code}");
            Ok(())
        });
        let log = self.ours.as_ref().map(Speaker::log).unwrap_or_default();
        seen.unwrap_or_else(|error| panic!("{error:#}\n--- our log\n{log}"));
        let page = self.page(&["doctor"]);
        assert!(page.contains(cause), "{page}");
        if !peer.is_empty() {
            self.page(&["show", "peer", peer]);
        }
        page
    }

    /// What a person sees; fits the terminal.
    #[track_caller]
    pub(crate) fn page(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let page = String::from_utf8(output.stdout).unwrap();
        let long = page.lines().find(|line| line.chars().count() > WIDTH);
        assert_eq!(long, None, "wider than {WIDTH} columns:\n{page}");
        assert!(!page.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        if std::env::var_os("SHOW_PAGES").is_some() {
            let _ = std::io::Write::write_all(&mut std::io::stderr(), page.as_bytes());
        }
        page
    }
}
