//! Two namespaces, two links: feeds on one subnet, receivers on the other.
//!
//! The upper half of each subnet is local to the peers' namespace as a whole, so that two hundred
//! peers need no two hundred addresses.

use std::sync::Arc;

use anyhow::Result;
use testkit::netns::{End, NetNs};

/// The network of one round.
#[derive(Debug)]
pub(super) struct Net {
    /// Where the daemon runs.
    pub(super) daemon: Arc<NetNs>,
    /// Where all peers are.
    pub(super) peers: NetNs,
}

impl Net {
    pub(super) fn new() -> Result<Self> {
        let (daemon, peers) = (NetNs::new("daemon")?, NetNs::new("peers")?);
        for (side, name) in [(18, "in"), (19, "out")] {
            daemon.link(
                &End::new(name, &[&format!("198.{side}.0.1/16")]),
                &peers,
                &End::new(name, &[&format!("198.{side}.0.2/16")]),
            )?;
            peers.ip(&format!("route add local 198.{side}.128.0/17 dev {name}"))?;
        }
        Ok(Self { daemon: Arc::new(daemon), peers })
    }
}
