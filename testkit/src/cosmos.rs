//! Our own binary, driven as an operator drives it: manifests in, `cosmos show -o json` out.
//!
//! [`Cosmos`] is one more [`Speaker`], so that a scenario treats both ends alike. A change at run time
//! is an edit of the manifest folder, picked up without a restart. Only the command line, the manifests
//! and the JSON are used: nothing of the crates under test is linked in.
//!
//! The manifests have no field for large communities on what is originated; asking for them is an
//! error here. A path in front of the own AS is made by a policy that prepends one AS several times.

mod manifest;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use ipnet::IpNet;
use serde_json::Value;
use tempfile::TempDir;

use crate::daemon::{Config, Neighbor, Notification, Speaker};
use crate::netns::NetNs;
use crate::process::Process;
use crate::route::{Announcement, Route};
use crate::wait;

/// Protocol id of our routes in the kernel.
pub const KERNEL_PROTOCOL: &str = "179";

/// Where best paths go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fib {
    /// Into the namespace's kernel.
    Kernel,
    /// Nowhere.
    None,
}

/// One `cosmos run` in one namespace.
#[derive(Debug)]
pub struct Cosmos {
    binary: PathBuf,
    ns: Arc<NetNs>,
    config: Config,
    fib: Fib,
    options: Vec<String>,
    router_fields: BTreeMap<String, String>,
    folder: TempDir,
    process: Option<Process>,
}

impl Cosmos {
    /// Prepares, without starting. Tests of the root package pass `env!("CARGO_BIN_EXE_cosmos")`.
    ///
    /// # Errors
    /// When no temporary folder can be made.
    pub fn new(
        binary: impl Into<PathBuf>,
        ns: &Arc<NetNs>,
        config: Config,
        fib: Fib,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("manifests"))?;
        Ok(Self {
            binary: binary.into(),
            ns: Arc::clone(ns),
            config,
            fib,
            options: Vec::new(),
            router_fields: BTreeMap::new(),
            folder,
            process: None,
        })
    }

    /// Adds options of `cosmos run` for the next start.
    pub fn add_options(&mut self, options: &[&str]) {
        self.options.extend(options.iter().map(|&o| o.to_owned()));
    }

    /// Sets a field of the BGPRouter's spec from the next start or reconfiguration on, as YAML:
    /// `("bestPath", "{compareRouterId: true}")`.
    pub fn set_router_field(&mut self, field: &str, value: &str) {
        self.router_fields.insert(field.to_owned(), value.to_owned());
    }

    /// The folder of manifests; further files in it are read too.
    #[must_use]
    pub fn manifests(&self) -> PathBuf {
        self.folder.path().join("manifests")
    }

    /// Name of the router object and the node.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        manifest::NAME
    }

    /// SIGTERM; waits until the process ends, which must be with exit code 0.
    ///
    /// # Errors
    /// When it is not running, does not end, or ends otherwise.
    pub fn stop(&mut self) -> Result<()> {
        let mut process = self.process.take().context("cosmos is not running")?;
        let status = process.terminate()?;
        ensure!(status.success(), "cosmos ended with {status}:\n{}", process.output());
        Ok(())
    }

    /// Changes the configuration and the manifests, at run time or before.
    ///
    /// # Errors
    /// When the new manifests cannot be written.
    pub fn reconfigure(&mut self, change: impl FnOnce(&mut Config)) -> Result<()> {
        change(&mut self.config);
        self.write_manifests()
    }

    /// `cosmos show WHAT -o json`: the array of items. `what` is split at blanks.
    ///
    /// # Errors
    /// When the command fails, with its stderr, or prints no array.
    pub fn show(&self, what: &str) -> Result<Vec<Value>> {
        self.ask(&format!("show {what}"))
    }

    /// `cosmos explain route PREFIX -o json`.
    ///
    /// # Errors
    /// As [`Cosmos::show`].
    pub fn explain(&self, prefix: IpNet) -> Result<Vec<Value>> {
        self.ask(&format!("explain route {prefix}"))
    }

    /// All paths, with neighbour address and whether each is best.
    ///
    /// # Errors
    /// When the daemon does not answer, or its JSON lacks a field.
    pub fn paths(&self) -> Result<Vec<view::Path>> {
        self.show("routes")?.iter().map(|item| view::path(item, &self.config)).collect()
    }

    /// Routes to be sent to the neighbour at `neighbor` (Adj-RIB-Out).
    ///
    /// # Errors
    /// As [`Cosmos::paths`].
    pub fn advertised_to(&self, neighbor: IpAddr) -> Result<BTreeSet<Route>> {
        let ebgp = self.config.is_ebgp(self.config.neighbor(neighbor)?);
        let items = self.show(&format!("advertised {neighbor}"))?;
        items.iter().map(|item| view::route(item, ebgp)).collect()
    }

    fn ask(&self, question: &str) -> Result<Vec<Value>> {
        let control = self.control();
        let control = control.to_str().context("temporary folders have UTF-8 names")?;
        let mut args: Vec<&str> = question.split_whitespace().collect();
        args.extend(["--control", control, "-o", "json"]);
        let text = self.ns.exec(&self.binary, &args)?;
        match serde_json::from_str(&text).with_context(|| format!("cosmos {question}: {text}"))? {
            Value::Array(items) => Ok(items),
            other => Ok(vec![other]),
        }
    }

    fn peer(&self, neighbor: IpAddr) -> Result<Value> {
        self.show("peers")?
            .into_iter()
            .find(|peer| view::address(&peer["address"]) == Some(neighbor))
            .with_context(|| format!("cosmos does not know the neighbour {neighbor}"))
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("control.sock")
    }

    /// In one step, so that a half-written file is never read.
    fn write_manifests(&self) -> Result<()> {
        let text = manifest::text(&self.config, self.fib == Fib::Kernel, &self.router_fields)?;
        let draft = self.folder.path().join("draft");
        std::fs::write(&draft, text).context("write manifests")?;
        std::fs::rename(&draft, self.manifests().join("router.yaml")).context("move manifests")
    }
}

impl Speaker for Cosmos {
    fn config(&self) -> &Config {
        &self.config
    }

    fn start(&mut self) -> Result<()> {
        self.write_manifests()?;
        let fib = if self.fib == Fib::Kernel { "kernel" } else { "none" };
        let mut args: Vec<String> = ["run", "--node", manifest::NAME, "--fib", fib, "--manifests"]
            .iter()
            .map(|&a| a.to_owned())
            .collect();
        args.push(self.manifests().display().to_string());
        args.extend(["--control".to_owned(), self.control().display().to_string()]);
        args.extend(self.options.iter().cloned());
        let log = self.folder.path().join("log");
        let mut process = self.ns.spawn(Path::new(&self.binary), &args, &log)?;
        wait::eventually("cosmos answers", || {
            process.check_running()?;
            let peers = self.show("peers")?;
            // Neighbours may also be among the further documents.
            ensure!(peers.len() >= self.config.neighbors.len(), "{} neighbours", peers.len());
            Ok(())
        })
        .with_context(|| process.output())?;
        self.process = Some(process);
        Ok(())
    }

    fn process_id(&self) -> Result<u32> {
        Ok(self.process.as_ref().context("cosmos is not running")?.id())
    }

    fn kill(&mut self) {
        self.process = None;
    }

    fn announce(&mut self, announcement: Announcement) -> Result<()> {
        self.reconfigure(|config| config.announcements.push(announcement))
    }

    fn withdraw(&mut self, prefix: IpNet) -> Result<()> {
        self.config.forget(prefix)?;
        self.write_manifests()
    }

    fn change_neighbor(&mut self, neighbor: IpAddr, change: &dyn Fn(&mut Neighbor)) -> Result<()> {
        self.config.change(neighbor, change)?;
        self.write_manifests()
    }

    fn routes_from(&self, neighbor: IpAddr) -> Result<BTreeSet<Route>> {
        let ebgp = self.config.is_ebgp(self.config.neighbor(neighbor)?);
        let items = self.show(&format!("received {neighbor}"))?;
        // The Adj-RIB-In holds refused paths too: what FRR sends back to us, for example.
        let eligible = items.iter().filter(|item| item["status"] == "eligible");
        eligible.map(|item| view::route(item, ebgp)).collect()
    }

    fn check_established(&self, neighbor: IpAddr) -> Result<()> {
        let peer = self.peer(neighbor)?;
        ensure!(peer["state"] == "Established", "cosmos: {} {}", peer["state"], peer["lastError"]);
        Ok(())
    }

    fn last_notification(&self, neighbor: IpAddr) -> Result<Notification> {
        let peer = self.peer(neighbor)?;
        let words = peer["lastReceived"].as_str().context("cosmos: no NOTIFICATION received")?;
        view::notification(words)
    }

    fn command(&self, command: &str) -> Result<String> {
        let control = self.control();
        let control = control.to_str().context("temporary folders have UTF-8 names")?;
        let mut args: Vec<&str> = command.split_whitespace().collect();
        args.extend(["--control", control]);
        self.ns.exec(&self.binary, &args)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

pub use view::Path as PathView;
