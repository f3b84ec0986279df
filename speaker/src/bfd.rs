//! Sessions watched by BFD: from a neighbour's configuration to a Cease within its detection time.
//!
//! One thread for the whole speaker runs BFD ([`Service`]); each watched neighbour has a small task
//! ([`watcher`]) that asks it for a session between the ends of the BGP session and acts on what it
//! tells:
//!
//! ```text
//!   apply_peer ── attend ──┐                        ┌── reset / gate ──> session's task
//!   established, down ─────┴──> watcher (per peer) ─┤
//!                                 ^  | Watch        └── view
//!                                 └──┴── bfd::runner (own thread)
//! ```
//!
//! BFD that fails ends the session with Cease (BFD Down, RFC 9384) and lets it begin again at once; BFD
//! that was never up, or that the neighbour holds down by intent, ends nothing (RFC 5882 sections 3.2
//! and 4). In strict mode (as RFC 9355 for OSPF) a gate keeps the session from running until BFD is up,
//! unless the neighbour says AdminDown.
//!
//! Invariants: the BFD session outlives the BGP session; a neighbour that leaves the configuration,
//! or whose `bfd` does, is told AdminDown.

mod path;
mod view;
mod watcher;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bfd::runner::{Endpoints, Runner, Watch};
use bgp_fsm::session::{Established, SessionHandle};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{NeighborConfig, RouterConfig};
use crate::options::BfdConfig;
use crate::view::BfdView;
use watcher::{Inputs, Seen, Watcher};

/// The BFD thread of a speaker, started when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct Service(Mutex<Option<Runner>>);

impl Service {
    fn watch(&self, endpoints: Endpoints, config: bfd::SessionConfig) -> Result<Watch, String> {
        let mut runner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if runner.is_none() {
            let started = Runner::start().map_err(|error| format!("cannot start BFD: {error}"))?;
            *runner = Some(started);
        }
        let runner = runner.as_ref().expect("it was just put there");
        Ok(runner.watch(endpoints, config))
    }

    /// Tells all neighbours AdminDown and ends the thread.
    pub(crate) fn stop(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

/// The watched neighbours of a router.
#[derive(Debug)]
pub(crate) struct Attendance {
    router: Arc<str>,
    service: Arc<Service>,
    peers: Mutex<HashMap<Arc<str>, Attended>>,
}

#[derive(Debug)]
struct Attended {
    inputs: watch::Sender<Inputs>,
    seen: Arc<Mutex<Seen>>,
    session: std::sync::Weak<SessionHandle>,
    task: JoinHandle<()>,
}

impl Drop for Attended {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is asked for one neighbour.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    config: BfdConfig,
    remote: SocketAddr,
    local: Option<IpAddr>,
    device: Option<String>,
    is_external: bool,
    /// The session may cross routers: multihop, or GTSM with less than 255.
    is_multihop: bool,
}

impl Attendance {
    pub(crate) fn new(router: Arc<str>, service: Arc<Service>) -> Self {
        Self { router, service, peers: Mutex::default() }
    }

    /// Watches a neighbour's session as its configuration says: begins, changes or ends it. To be called
    /// whenever a session was started or reconfigured.
    pub(crate) fn attend(
        &self,
        name: &Arc<str>,
        router: &RouterConfig,
        config: &NeighborConfig,
        remote: SocketAddr,
        local: Option<IpAddr>,
        session: &Arc<SessionHandle>,
    ) {
        let mut peers = self.peers();
        let Some(bfd) = config.bfd else {
            if peers.remove(name).is_some() {
                let session = Arc::clone(session);
                tokio::spawn(async move {
                    // Closed: the task has ended, and with it the gate.
                    let _closed = session.open_gate().await;
                });
            }
            return;
        };
        let asked = Asked {
            config: bfd,
            remote,
            local,
            device: config.bind_device.clone(),
            is_external: crate::peer::is_external(router, config),
            is_multihop: config.ttl.is_some_and(|ttl| ttl > 1)
                || config.min_ttl.is_some_and(|least| least < u8::MAX),
        };
        if let Some(attended) = peers.get(name)
            && std::ptr::eq(attended.session.as_ptr(), Arc::as_ptr(session))
        {
            attended.inputs.send_if_modified(|inputs| {
                let differs = inputs.asked != asked;
                inputs.asked = asked;
                differs
            });
            return;
        }
        let ends = ends_of(session);
        let is_up = ends.is_some();
        let (inputs, receiver) = watch::channel(Inputs { asked, ends, is_up });
        let seen = Arc::new(Mutex::new(Seen::default()));
        let session = Arc::downgrade(session);
        let watcher = Watcher::new(
            Arc::clone(&self.router),
            Arc::clone(name),
            Arc::clone(&self.service),
            session.clone(),
            receiver,
            Arc::clone(&seen),
        );
        let task = tokio::spawn(watcher.run());
        peers.insert(Arc::clone(name), Attended { inputs, seen, session, task });
    }

    /// The neighbour has left the configuration, or is shut down.
    pub(crate) fn leave(&self, name: &str) {
        self.peers().remove(name);
    }

    /// Nobody is watched any more.
    pub(crate) fn leave_all(&self) {
        self.peers().clear();
    }

    /// The session is up between these ends.
    pub(crate) fn established(&self, name: &str, info: &Established) {
        let ends = (info.local.ip(), info.remote.ip(), info.ifindex);
        self.tell(name, |inputs| (inputs.ends, inputs.is_up) = (Some(ends), true));
    }

    /// The session has ended.
    pub(crate) fn down(&self, name: &str) {
        self.tell(name, |inputs| inputs.is_up = false);
    }

    /// What is to be shown of a neighbour's BFD; `None` when it has none.
    pub(crate) fn view(&self, name: &str, now: std::time::Instant) -> Option<BfdView> {
        let peers = self.peers();
        let attended = peers.get(name)?;
        let strict = attended.inputs.borrow().asked.config.strict;
        let seen = attended.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Some(view::of(&seen, strict, now))
    }

    fn tell(&self, name: &str, change: impl FnOnce(&mut Inputs)) {
        if let Some(attended) = self.peers().get(name) {
            attended.inputs.send_modify(change);
        }
    }

    fn peers(&self) -> MutexGuard<'_, HashMap<Arc<str>, Attended>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ends of a session that is Established already.
fn ends_of(session: &SessionHandle) -> Option<(IpAddr, IpAddr, u32)> {
    let snapshot = session.snapshot();
    let local = snapshot.local.filter(|_| snapshot.established_at.is_some())?;
    let scope = match snapshot.remote {
        SocketAddr::V6(v6) => v6.scope_id(),
        SocketAddr::V4(_) => 0,
    };
    Some((local.ip(), snapshot.remote.ip(), scope))
}
