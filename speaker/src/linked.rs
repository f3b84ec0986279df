//! Neighbours that come and go with an interface: unnumbered ones and link-local addresses.
//!
//! Called by [`crate::engine`]'s follower whenever an interface, an address or what was found on a link
//! may have changed. Compares each such neighbour's session with what is true now and acts on the
//! difference; called once too often it does nothing.
//!
//! | now | the session |
//! |---|---|
//! | interface gone, renamed away, down | ends at once, waits; the reason is shown |
//! | neighbour known, was not, or another | starts, or ends and starts with the new one |
//! | nobody or two found, session up | stays: it is proof enough |
//! | nobody or two found, session not up | waits; the reason is shown |
//! | our own address of the session gone | ends at once, starts again |
//!
//! Invariants: what waits keeps its history; a neighbour without an address is dialled by nobody and is
//! in no directory.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use bgp_fsm::StopReason;
use bgp_fsm::session::SessionHandle;
use tracing::{debug, info, warn};

use crate::core::Core;
use crate::engine::ApplyReport;
use crate::links::Waiting;
use crate::listener::Listener;
use crate::options::Remote;
use crate::protect::unprotect;
use crate::router::{Router, Running};

impl Router {
    /// Interfaces that unnumbered neighbours are named by, each with the neighbour a session is up with.
    pub(crate) async fn unnumbered(&self) -> Vec<(String, Option<Ipv6Addr>)> {
        let running = self.running.lock().await;
        let peers = running.peers.values().filter(|peer| peer.config.shutdown.is_none());
        peers
            .filter_map(|peer| match &peer.config.remote {
                Remote::Interface(name) => {
                    let up = peer.session.as_ref().and_then(|s| established_with(s));
                    Some((name.clone(), up))
                }
                _ => None,
            })
            .collect()
    }

    /// Brings the sessions of neighbours named by an interface in step with the interfaces.
    pub(crate) async fn follow_links(&self, listeners: &HashMap<SocketAddr, Listener>) {
        let mut running = self.running.lock().await;
        let names: Vec<String> = running
            .peers
            .iter()
            .filter(|(_, p)| p.config.shutdown.is_none() && p.config.remote.interface().is_some())
            .map(|(name, _)| name.clone())
            .collect();
        for name in names {
            self.follow_link(&mut running, &name, listeners).await;
        }
    }

    async fn follow_link(
        &self,
        running: &mut Running,
        name: &str,
        listeners: &HashMap<SocketAddr, Listener>,
    ) {
        let Some(peer) = running.peers.get(name) else { return };
        let config = Arc::clone(&peer.config);
        let session = peer.session.clone();
        let is_up = session.as_ref().is_some_and(|s| established_with(s).is_some());
        match self.ends(&config) {
            Ok(ends) if peer.ends == Some(ends) => {
                if let Some(session) = session {
                    self.check_own_address(&config.remote, &session).await;
                }
            }
            // It announced too much: when that is over, the next look starts it.
            Ok(_) if self.is_held(name) => {}
            Ok(_) => {
                let before = running.peers.remove(name);
                let router = self.shared.core().config.clone();
                let mut report = ApplyReport::default();
                let peer_name = name.to_owned();
                self.run_peer(running, &router, peer_name, before, config, listeners, &mut report)
                    .await;
                for (_, _, problem) in report.problems {
                    warn!(router = self.name(), peer = name, "{problem}");
                }
                for (_, _, reason) in report.sessions_reset {
                    info!(router = self.name(), peer = name, "session reset: {reason} changed");
                }
                self.shared.wake();
            }
            Err(Waiting::Neighbor(why)) if is_up => {
                debug!(router = self.name(), peer = name, "the session stays: {why}");
            }
            Err(waiting) => self.wait(running, name, &waiting, listeners).await,
        }
    }

    fn is_held(&self, name: &str) -> bool {
        self.shared.core().neighbors.get(name).is_some_and(|n| n.held.is_some())
    }

    /// The session cannot run now: it ends if it is up, and stays as it is until that changes.
    pub(crate) async fn wait(
        &self,
        running: &mut Running,
        name: &str,
        waiting: &Waiting,
        listeners: &HashMap<SocketAddr, Listener>,
    ) {
        let Some(peer) = running.peers.get_mut(name) else { return };
        let why = waiting.to_string();
        if let Some((remote, _)) = peer.ends.take() {
            self.directory.remove(self.name(), name);
            unprotect(listeners, name, &peer.config, remote.ip().into());
            info!(router = self.name(), peer = name, "waits: {why}");
            if let Some(session) = &peer.session {
                if matches!(waiting, Waiting::Link(_)) {
                    let _closed = session.link_down(why.clone()).await;
                }
                let _closed = session.hold(StopReason::ConfigurationChange).await;
            }
        }
        self.shared.core().set_waiting(name, &why);
    }

    /// A session that began on an address that is no longer ours hears nothing any more.
    async fn check_own_address(&self, remote: &Remote, session: &SessionHandle) {
        let snapshot = session.snapshot();
        let Some(IpAddr::V6(own)) = snapshot.local.map(|local| local.ip()) else { return };
        if snapshot.established_at.is_none() || !own.is_unicast_link_local() {
            return;
        }
        let Some(Ok(link)) = remote.interface().map(|name| self.links.look(name)) else { return };
        if !link.link_locals.contains(&own) {
            let why = format!("our address {own} is gone");
            info!(router = self.name(), remote = %snapshot.remote, "{why}; session begins again");
            let _closed = session.link_down(why).await;
            let _closed = session.reset(StopReason::ConfigurationChange).await;
        }
    }
}

impl Core {
    /// A neighbour's address is known, or none is needed any more.
    pub(crate) fn set_found(&mut self, name: &str, address: IpAddr) {
        if let Some(neighbor) = self.neighbors.get_mut(name) {
            neighbor.found = Some(address);
            neighbor.problem = None;
        }
    }

    fn set_waiting(&mut self, name: &str, why: &str) {
        if let Some(neighbor) = self.neighbors.get_mut(name) {
            neighbor.found = None;
            neighbor.problem = Some(why.to_owned());
        }
    }
}

/// The link-local address that a session is up with.
fn established_with(session: &SessionHandle) -> Option<Ipv6Addr> {
    let snapshot = session.snapshot();
    match snapshot.remote.ip() {
        IpAddr::V6(v6) if snapshot.established_at.is_some() && v6.is_unicast_link_local() => {
            Some(v6)
        }
        _ => None,
    }
}
