//! Which listening sockets carry whose keys.
//!
//! Called by the router when a neighbour comes, changes or goes. A key is on every socket that the neighbour
//! can arrive at before the neighbour is in the directory; one that cannot be set keeps the neighbour out.
//!
//! References: RFC 2385, RFC 5925.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bgp_fsm::StopReason;
use tracing::{debug, warn};

use crate::config::{Listen, NeighborConfig};
use crate::keys::{self, Place};
use crate::listener::Listener;
use crate::options::{Auth, Remote};
use crate::router::{Router, RunningPeer};

/// Puts the neighbour's keys on the listening sockets it can arrive at, and takes old ones off.
pub(crate) fn protect(
    listeners: &HashMap<SocketAddr, Listener>,
    listen: &Listen,
    before: Option<&(Arc<NeighborConfig>, Place)>,
    wanted: &NeighborConfig,
    place: Place,
) -> io::Result<()> {
    keys::supported(&wanted.auth)?;
    let was = before.map(|(config, at)| (config, *at));
    let stays = was.filter(|(old, at)| *at == place && old.bind_device == wanted.bind_device);
    for listener in listeners.values().filter(|l| Some(l.address().port()) == listen.port) {
        if let (Some((old, at)), None) = (was, stays) {
            let device = old.bind_device.as_deref();
            if let Err(error) = listener.set_keys(at, &Auth::None, Some(&old.auth), device) {
                warn!(%error, "cannot remove an old key");
            }
        }
        let old = stays.map(|(old, _)| &old.auth);
        listener.set_keys(place, &wanted.auth, old, wanted.bind_device.as_deref())?;
    }
    Ok(())
}

/// Takes the neighbour's keys off.
pub(crate) fn unprotect(
    listeners: &HashMap<SocketAddr, Listener>,
    name: &str,
    config: &NeighborConfig,
    place: Place,
) {
    for listener in listeners.values() {
        let device = config.bind_device.as_deref();
        if let Err(error) = listener.set_keys(place, &Auth::None, Some(&config.auth), device) {
            debug!(peer = name, %error, "no key to remove");
        }
    }
}

/// Whose keys are on the listening sockets for a neighbour, and for whom.
pub(crate) fn keys_of(peer: &RunningPeer) -> Option<(Arc<NeighborConfig>, Place)> {
    let place = match &peer.config.remote {
        Remote::Range { prefix, .. } => (*prefix).into(),
        _ => peer.ends?.0.ip().into(),
    };
    Some((Arc::clone(&peer.config), place))
}

impl Router {
    /// Makes a template of dynamic neighbours what `wanted` says.
    ///
    /// # Errors
    /// Why nobody is accepted by it.
    pub(crate) async fn apply_template(
        &self,
        name: &Arc<str>,
        before: Option<RunningPeer>,
        wanted: &Arc<NeighborConfig>,
        listen: &Listen,
        listeners: &HashMap<SocketAddr, Listener>,
    ) -> Result<(), String> {
        let Remote::Range { prefix, .. } = wanted.remote else { return Ok(()) };
        let was = before.as_ref().and_then(keys_of);
        let set = protect(listeners, listen, was.as_ref(), wanted, prefix.into());
        if let Some(session) = before.and_then(|peer| peer.session) {
            // It was one neighbour before.
            self.directory.remove(self.name(), name);
            self.shared.sessions().remove(name);
            self.shared.bfd.leave(name);
            session.stop(StopReason::ConfigurationChange).await;
        }
        if let Err(error) = set {
            self.dynamic.remove_template(name, &StopReason::ConfigurationChange).await;
            let why = format!("cannot protect the sessions: {error}");
            self.shared.core().set_problem(name, &why);
            return Err(why);
        }
        self.dynamic.set_template(name, wanted, listen.port).await;
        Ok(())
    }
}
