//! What is measured: our binary, BIRD, or nothing at all between sender and sink.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use tempfile::TempDir;
use testkit::daemon::bird;
use testkit::netns::NetNs;
use testkit::process::Process;

use super::{DAEMON_AS, SENDER, SENDER_AS, SINK, SINK_AS, TO_SENDER, TO_SINK};

/// Choices of `--subject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Subject {
    /// No daemon: the sender straight into the sink, the ceiling of the machine
    None,
    /// Our own, release build
    Cosmos,
    /// BIRD 2
    Bird,
}

impl Subject {
    pub(super) const ALL: [Self; 3] = [Self::None, Self::Cosmos, Self::Bird];
}

/// A subject that can be started.
#[derive(Debug)]
pub(super) struct Running {
    subject: Subject,
    binary: PathBuf,
    version: String,
}

/// A started subject and its files.
#[derive(Debug)]
pub(super) struct Daemon {
    process: Process,
    _folder: TempDir,
}

impl Daemon {
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }
}

impl Running {
    /// Finds or builds the program.
    pub(super) fn prepare(subject: Subject, binary: Option<&Path>, root: &Path) -> Result<Self> {
        let binary = match subject {
            Subject::None => PathBuf::new(),
            Subject::Bird => bird::BIRD.into(),
            Subject::Cosmos => match binary {
                Some(binary) => std::path::absolute(binary)?,
                None => build(root)?,
            },
        };
        let version = match subject {
            Subject::None => "no daemon between".to_owned(),
            _ => version(&binary)?,
        };
        Ok(Self { subject, binary, version })
    }

    pub(super) const fn name(&self) -> &'static str {
        match self.subject {
            Subject::None => "none",
            Subject::Cosmos => "cosmos",
            Subject::Bird => "bird",
        }
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Starts it; `None` when there is nothing to start.
    pub(super) fn start(&self, ns: &Arc<NetNs>, pin: Option<u32>) -> Result<Option<Daemon>> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| folder.path().join(name).display().to_string();
        let mut args: Vec<String> = match self.subject {
            Subject::None => return Ok(None),
            Subject::Bird => {
                std::fs::write(path("bird.conf"), bird_config())?;
                vec!["-f".into(), "-c".into(), path("bird.conf"), "-s".into(), path("ctl")]
            }
            Subject::Cosmos => {
                std::fs::create_dir(path("manifests"))?;
                std::fs::write(path("manifests/bench.yaml"), manifests())?;
                let words = ["run", "--node", "bench", "--fib", "none", "--manifests"];
                let mut args: Vec<String> = words.iter().map(|&w| w.to_owned()).collect();
                args.extend([path("manifests"), "--control".into(), path("control.sock")]);
                args
            }
        };
        let mut program = self.binary.clone();
        if let Some(core) = pin {
            args.splice(
                0..0,
                ["-c".to_owned(), core.to_string(), self.binary.display().to_string()],
            );
            program = "/usr/bin/taskset".into();
        }
        let mut process = ns.spawn(&program, &args, &folder.path().join("log"))?;
        process.check_running()?;
        Ok(Some(Daemon { process, _folder: folder }))
    }
}

/// Builds the release binary; where it lies.
fn build(root: &Path) -> Result<PathBuf> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["build", "--release", "--locked", "--bin", "cosmos"])
        .args(["--message-format", "json-render-diagnostics"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("run cargo build")?;
    ensure!(output.status.success(), "cosmos does not build in release mode");
    // The last artifact with an executable is the one asked for.
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .next_back()
        .context("cargo build names no executable")
}

/// First line of `--version`, which some print to stderr.
fn version(binary: &Path) -> Result<String> {
    if !binary.exists() {
        bail!("{} is not installed", binary.display());
    }
    let output = Command::new(binary)
        .arg("--version")
        .output()
        .with_context(|| format!("run {}", binary.display()))?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().next().unwrap_or("unknown version").to_owned())
}

fn bird_config() -> String {
    format!(
        "router id 10.255.0.2;\nprotocol device {{}}\nprotocol direct {{ ipv4; }}\n\
         template bgp one {{ ipv4 {{ import all; export where source = RTS_BGP; next hop self; }}; passive on; }}\n\
         protocol bgp sender from one {{ local {TO_SENDER} as {DAEMON_AS}; neighbor {SENDER} as {SENDER_AS}; }}\n\
         protocol bgp sink from one {{ local {TO_SINK} as {DAEMON_AS}; neighbor {SINK} as {SINK_AS}; }}\n"
    )
}

fn manifests() -> String {
    let head = "apiVersion: bgp.miloapis.com/v1alpha1\n";
    let mut out = format!(
        "{head}kind: BGPRouter\nmetadata: {{name: bench, namespace: default}}\nspec:\n  \
         targetRef: {{kind: Node, name: bench}}\n  roles: [transit]\n  localASN: {DAEMON_AS}\n  \
         routerID: 10.255.0.2\n  installRoutes: false\n  addressFamilies: [{{afi: ipv4, safi: unicast}}]\n"
    );
    for (name, address, asn) in [("sender", SENDER, SENDER_AS), ("sink", SINK, SINK_AS)] {
        out.push_str(&format!(
            "---\n{head}kind: BGPPeer\nmetadata: {{name: {name}, namespace: default}}\nspec:\n  \
             routerRef: {{name: bench}}\n  address: {address}\n  peerASN: {asn}\n  passive: true\n  \
             maximumPrefix: {{limit: 10000000, action: warning-only}}\n  \
             addressFamilies: [{{afi: ipv4, safi: unicast}}]\n"
        ));
    }
    out
}
