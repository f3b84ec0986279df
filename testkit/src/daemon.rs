//! FRR, BIRD and GoBGP as neighbours: one configuration, one view, whatever the dialect.
//!
//! A test builds a [`Config`], starts a [`Speaker`] in a namespace, and asks it what it sees in
//! normal form ([`Route`]). Run-time changes go through the daemon's own control program. Each driver
//! knows the habits of its daemon and undoes them, so that tests compare attributes, not dialects.
//!
//! Habits that cannot be undone and that tests must allow for: FRR always sends MULTI_EXIT_DISC with
//! routes it originates (0 unless set).

pub mod bird;
pub mod frr;
pub mod gobgp;
mod graceful;

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail, ensure};
use ipnet::IpNet;

use crate::netns::NetNs;
use crate::route::{Announcement, Family, Route, difference};
use crate::skip::Reason;
use crate::wait;

pub use graceful::Graceful;

/// One neighbour of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbor {
    /// Its address.
    pub address: IpAddr,
    /// Our address towards it.
    pub local_address: IpAddr,
    /// Its AS; equal to ours means iBGP.
    pub remote_as: u32,
    /// Families to negotiate.
    pub families: Vec<Family>,
    /// Whoever connects from this prefix is this neighbour, and nobody is dialed; `address` is then only
    /// where it is asked for.
    pub range: Option<IpNet>,
    /// TCP port it listens on; `None` is 179.
    pub port: Option<u16>,
    /// TCP port we listen on for it; `None` is 179. Only BIRD can have several.
    pub local_port: Option<u16>,
    /// Wait for its connection instead of connecting.
    pub passive: bool,
    /// Speak 4-octet AS numbers (RFC 6793). Only BIRD can switch it off.
    pub four_octet_as: bool,
    /// TCP MD5 password (RFC 2385).
    pub password: Option<String>,
    /// Prefixes accepted; `None` is the daemon's default. Only our own has one that matters.
    pub maximum_prefix: Option<u32>,
    /// Lines of the daemon's own language for this neighbour: in `router bgp` for FRR, in the
    /// `protocol` for BIRD (in each channel if they begin with `channel `), in the `[[neighbors]]` for
    /// GoBGP, in the `spec` for our own, where an `updateSource` takes the place of `local_address`.
    pub extra: Vec<String>,
}

impl Neighbor {
    /// A neighbour for the family of the session's addresses.
    #[must_use]
    pub fn new(local_address: IpAddr, address: IpAddr, remote_as: u32) -> Self {
        Self {
            address,
            local_address,
            remote_as,
            families: vec![Family::of(&address)],
            range: None,
            port: None,
            local_port: None,
            passive: false,
            four_octet_as: true,
            password: None,
            maximum_prefix: None,
            extra: Vec::new(),
        }
    }
}

/// What a daemon is told at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Its AS.
    pub asn: u32,
    /// Its BGP Identifier.
    pub router_id: Ipv4Addr,
    /// Its neighbours.
    pub neighbors: Vec<Neighbor>,
    /// What it originates.
    pub announcements: Vec<Announcement>,
    /// Lines of the daemon's own language: in `router bgp` for FRR, at the top level for BIRD, in
    /// `[global.config]` for GoBGP, further YAML documents for our own.
    pub extra: Vec<String>,
}

impl Config {
    /// Without neighbours and announcements.
    #[must_use]
    pub const fn new(asn: u32, router_id: Ipv4Addr) -> Self {
        Self { asn, router_id, neighbors: Vec::new(), announcements: Vec::new(), extra: Vec::new() }
    }

    /// The neighbour at `address`.
    ///
    /// # Errors
    /// When there is none.
    pub fn neighbor(&self, address: IpAddr) -> Result<&Neighbor> {
        self.neighbors
            .iter()
            .find(|n| n.address == address)
            .with_context(|| format!("no neighbour {address} is configured"))
    }

    /// The port to listen on, if it is not 179.
    pub(crate) fn local_port(&self) -> Option<u16> {
        self.neighbors.iter().find_map(|n| n.local_port)
    }

    /// Whether the session with `neighbor` is eBGP.
    #[must_use]
    pub const fn is_ebgp(&self, neighbor: &Neighbor) -> bool {
        self.asn != neighbor.remote_as
    }

    pub(crate) fn change(
        &mut self,
        address: IpAddr,
        change: &dyn Fn(&mut Neighbor),
    ) -> Result<(usize, Neighbor)> {
        let mut all = self.neighbors.iter_mut().enumerate();
        let (index, neighbor) = all
            .find(|(_, n)| n.address == address)
            .with_context(|| format!("no neighbour {address} is configured"))?;
        let before = neighbor.clone();
        change(neighbor);
        ensure!(neighbor.address == address, "an address is not changed at run time");
        Ok((index, before))
    }

    pub(crate) fn forget(&mut self, prefix: IpNet) -> Result<Announcement> {
        let index = self
            .announcements
            .iter()
            .position(|a| a.prefix == prefix)
            .with_context(|| format!("{prefix} was not announced"))?;
        Ok(self.announcements.remove(index))
    }
}

/// RFC 4271 section 4.5: what a daemon received when its neighbour said goodbye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Error code; 6 is Cease.
    pub code: u8,
    /// Error subcode; 2 under Cease is Administrative Shutdown (RFC 4486).
    pub subcode: u8,
}

/// A running BGP daemon.
pub trait Speaker: fmt::Debug {
    /// Its configuration, with the changes made at run time.
    fn config(&self) -> &Config;

    /// Starts it (again) with its configuration and waits until it answers.
    ///
    /// # Errors
    /// When it does not come up; the text holds its last words.
    fn start(&mut self) -> Result<()>;

    /// Process id of the daemon that speaks BGP.
    ///
    /// # Errors
    /// When it is not running.
    fn process_id(&self) -> Result<u32>;

    /// SIGKILL: no NOTIFICATION, the kernel closes the connections.
    fn kill(&mut self);

    /// Announces at run time.
    ///
    /// # Errors
    /// When the daemon refuses.
    fn announce(&mut self, announcement: Announcement) -> Result<()>;

    /// Withdraws at run time.
    ///
    /// # Errors
    /// When it was not announced, or the daemon refuses.
    fn withdraw(&mut self, prefix: IpNet) -> Result<()>;

    /// Changes what is configured for `neighbor` at run time, in the daemon's own way: vtysh, `birdc
    /// configure`, a SIGHUP for GoBGP, an edited manifest. FRR's driver knows the AS and the password only.
    ///
    /// # Errors
    /// When it is not configured, or the daemon or its driver refuses the change.
    fn change_neighbor(&mut self, neighbor: IpAddr, change: &dyn Fn(&mut Neighbor)) -> Result<()>;

    /// Routes learned from the neighbour at `neighbor`, best or not.
    ///
    /// # Errors
    /// When the daemon does not answer, or in words not understood.
    fn routes_from(&self, neighbor: IpAddr) -> Result<BTreeSet<Route>>;

    /// Whether the session is Established; otherwise the daemon's word for the state.
    ///
    /// # Errors
    /// When the daemon does not answer, or the session is not Established.
    fn check_established(&self, neighbor: IpAddr) -> Result<()>;

    /// The last NOTIFICATION received from `neighbor`.
    ///
    /// # Errors
    /// When the daemon does not answer, or none was received.
    fn last_notification(&self, neighbor: IpAddr) -> Result<Notification>;

    /// Runs a command of the daemon's own client and gives back what it prints: vtysh (a line each),
    /// birdc, gobgp, or `cosmos` itself (the control socket is added).
    ///
    /// # Errors
    /// When the client fails or does not know the command.
    fn command(&self, command: &str) -> Result<String>;

    /// What the daemon wrote: for the report of a failed test.
    fn log(&self) -> String;

    /// Waits for Established.
    ///
    /// # Errors
    /// When it does not happen in time.
    fn wait_established(&self, neighbor: IpAddr) -> Result<()> {
        wait::eventually(&format!("session with {neighbor}"), || self.check_established(neighbor))
            .with_context(|| format!("daemon's log:\n{}", tail(&self.log())))
    }

    /// Waits until the routes from `neighbor` are exactly these.
    ///
    /// # Errors
    /// The difference, when it does not happen in time.
    fn wait_routes(&self, neighbor: IpAddr, expected: &BTreeSet<Route>) -> Result<()> {
        wait::eventually(&format!("{} routes from {neighbor}", expected.len()), || {
            let seen = self.routes_from(neighbor)?;
            ensure!(&seen == expected, "\n{}", difference(expected, &seen));
            Ok(())
        })
    }
}

/// Which daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// FRR's bgpd and zebra.
    Frr,
    /// BIRD 2.
    Bird,
    /// GoBGP.
    Gobgp,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Frr, Self::Bird, Self::Gobgp];

    /// Whether its programs are installed.
    ///
    /// # Errors
    /// The missing program, for [`skip`](crate::skip::skip).
    pub fn installed(self) -> Result<(), Reason> {
        let programs: &[(&str, &'static str)] = match self {
            Self::Frr => &[(frr::BGPD, "FRR"), (frr::ZEBRA, "FRR"), (frr::VTYSH, "FRR (vtysh)")],
            Self::Bird => &[(bird::BIRD, "BIRD"), (bird::BIRDC, "BIRD (birdc)")],
            Self::Gobgp => &[(gobgp::GOBGPD, "GoBGP"), (gobgp::GOBGP, "GoBGP (gobgp)")],
        };
        for (path, name) in programs {
            if !Path::new(path).exists() {
                return Err(Reason::Program(name));
            }
        }
        Ok(())
    }

    /// Starts it in `ns`.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(self, ns: &Arc<NetNs>, config: Config) -> Result<Box<dyn Speaker>> {
        let mut speaker: Box<dyn Speaker> = match self {
            Self::Frr => Box::new(frr::Frr::new(ns, config)?),
            Self::Bird => Box::new(bird::Bird::new(ns, config)?),
            Self::Gobgp => Box::new(gobgp::Gobgp::new(ns, config)?),
        };
        speaker.start()?;
        Ok(speaker)
    }
}

/// The last lines of a log.
pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// The text after `key`, trimmed, if `line` begins with it.
fn field<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    line.trim_start().strip_prefix(key).map(str::trim)
}

/// A JSON number that must fit 32 bits; `None` when absent.
pub(crate) fn number(value: &serde_json::Value) -> Result<Option<u32>> {
    if value.is_null() {
        return Ok(None);
    }
    match value.as_u64().and_then(|n| u32::try_from(n).ok()) {
        Some(n) => Ok(Some(n)),
        None => bail!("{value} is no 32-bit number"),
    }
}
