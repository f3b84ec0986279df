//! One BGP instance: its tables, its sessions, and the tasks that work on them.
//!
//! ```text
//!   session tasks ──┐                  ┌─ pump task:   sweep, export   (woken by `wake`)
//!   kernel task ────┼── lock ── Core ──┤
//!   views ──────────┘                  └─ FIB writer:  see `fib`       (woken by `wake`)
//! ```
//!
//! The lock is held for one slice of work at a time (about a millisecond), never across an await.
//! Bursts from sessions only mark rows; the pump drains what is marked, so a storm of changes to
//! one prefix costs one export.
//!
//! Invariants: what is configured and what runs agree after every `reconfigure`; a session is
//! reset only for a change that the session itself cannot take on.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use bgp_fsm::StopReason;
use bgp_fsm::session::{PeerSnapshot, SessionHandle, spawn};
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinHandle;
use tracing::info;

use crate::bfd::{self, Attendance};
use crate::clock;
use crate::config::{Listen, NeighborConfig, RouterConfig};
use crate::core::Core;
use crate::dynamic::Dynamic;
use crate::engine::ApplyReport;
use crate::fib::FibWriter;
use crate::kernel::Kernel;
use crate::keys::{self, Place};
use crate::links::{Links, Waiting};
use crate::listener::{Directory, Entry, Listener};
use crate::options::Remote;
use crate::protect::{keys_of, protect, unprotect};
use crate::restart::own::OwnRestart;
use crate::restart::record::Found;
use crate::session::NeighborSession;
use crate::view::SpeakerEvent;

/// Rows a pump step works on under one hold of the lock.
const PUMP_ROWS: usize = 8192;

/// One running BGP instance.
#[derive(Debug)]
pub(crate) struct Router {
    pub(crate) shared: Arc<Shared>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) links: Arc<Links>,
    pub(crate) dynamic: Arc<Dynamic>,
    pub(crate) running: tokio::sync::Mutex<Running>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// What the tasks of a router share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: Arc<str>,
    core: Mutex<Core>,
    pump: Notify,
    /// A deadline of a restart may have changed.
    pub(crate) restarts: Notify,
    fib: Option<FibWriter>,
    pub(crate) kernel: Option<Arc<Kernel>>,
    pub(crate) links: Arc<Links>,
    events: broadcast::Sender<SpeakerEvent>,
    pub(crate) bfd: Attendance,
    /// Sessions by name, for resets that the tables ask for.
    sessions: Mutex<HashMap<Arc<str>, Weak<SessionHandle>>>,
}

#[derive(Debug, Default)]
pub(crate) struct Running {
    pub(crate) listen: Listen,
    pub(crate) peers: BTreeMap<String, RunningPeer>,
}

#[derive(Debug)]
pub(crate) struct RunningPeer {
    pub(crate) config: Arc<NeighborConfig>,
    /// `None` while administratively down.
    pub(crate) session: Option<Arc<SessionHandle>>,
    /// What the session runs between; `None` while it waits.
    pub(crate) ends: Option<Ends>,
}

/// The neighbour's socket address, and ours when one is asked for.
pub(crate) type Ends = (SocketAddr, Option<IpAddr>);

impl RunningPeer {
    /// One without a session.
    fn idle(config: Arc<NeighborConfig>) -> Self {
        Self { config, session: None, ends: None }
    }
}

impl Shared {
    /// The tables. Held for one step, never across an await.
    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is something to export or install.
    pub(crate) fn wake(&self) {
        self.pump.notify_one();
        if let Some(fib) = &self.fib {
            fib.wake();
        }
    }

    pub(crate) fn emit(&self, event: SpeakerEvent) {
        // No subscriber is no error.
        let _nobody_listens = self.events.send(event);
    }

    /// What a session shows of itself now; `None` while it is administratively down.
    pub(crate) fn snapshot(&self, name: &str) -> Option<PeerSnapshot> {
        let session = self.sessions().get(name).and_then(Weak::upgrade);
        session.map(|session| session.snapshot())
    }

    /// Every session that runs.
    pub(crate) fn all_sessions(&self) -> Vec<Arc<SessionHandle>> {
        self.sessions().values().filter_map(Weak::upgrade).collect()
    }

    pub(crate) fn sessions(&self) -> MutexGuard<'_, HashMap<Arc<str>, Weak<SessionHandle>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn pump(self: Arc<Self>) {
        loop {
            let alarm = self.core().next_alarm();
            tokio::select! {
                () = self.pump.notified() => {}
                () = until(alarm) => {}
            }
            loop {
                let (more, install, notes) = {
                    let mut core = self.core();
                    let more = core.pump(PUMP_ROWS, clock());
                    (more, core.has_rows_for_kernel(), core.take_notes())
                };
                self.tell(notes);
                // A sweep makes rows dirty long after whoever asked for it has woken the writer.
                if let (true, Some(fib)) = (install, &self.fib) {
                    fib.wake();
                }
                if !more {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
    }

    /// Follows the kernel: next hops, and links that sessions run over.
    async fn follow_kernel(self: Arc<Self>, kernel: Arc<Kernel>) {
        let mut changes = kernel.changes();
        while changes.changed().await.is_ok() {
            changes.mark_unchanged();
            let lost = {
                let mut core = self.core();
                core.resolve_next_hops();
                core.sessions_without_link(&kernel)
            };
            self.wake();
            for (name, link) in lost {
                info!(router = %self.name, peer = %name, "{link}; session ends at once");
                let session = self.sessions().get(&*name).and_then(Weak::upgrade);
                if let Some(session) = session {
                    let _closed = session.link_down(link).await;
                }
            }
        }
    }
}

impl Router {
    /// Starts a router without neighbours; [`reconfigure`](Self::reconfigure) adds them.
    pub(crate) fn start(
        name: &str,
        config: &RouterConfig,
        directory: Arc<Directory>,
        kernel: Option<Arc<Kernel>>,
        links: Arc<Links>,
        fib: Option<FibWriter>,
        bfd: Arc<bfd::Service>,
        events: broadcast::Sender<SpeakerEvent>,
        found: Found,
    ) -> Arc<Self> {
        let shared = Arc::new(Shared {
            name: name.into(),
            core: Mutex::new(Core::new(config, kernel.clone(), OwnRestart::new(found, clock()))),
            pump: Notify::new(),
            restarts: Notify::new(),
            fib,
            kernel: kernel.clone(),
            links: Arc::clone(&links),
            events,
            bfd: Attendance::new(name.into(), bfd),
            sessions: Mutex::default(),
        });
        let mut tasks = vec![
            tokio::spawn(Arc::clone(&shared).pump()),
            tokio::spawn(Arc::clone(&shared).watch_restarts()),
        ];
        if let Some(kernel) = kernel {
            tasks.push(tokio::spawn(Arc::clone(&shared).follow_kernel(kernel)));
        }
        let dynamic = Dynamic::new(Arc::clone(&shared), Arc::clone(&directory));
        tasks.push(tokio::spawn(Dynamic::look_after(Arc::downgrade(&dynamic))));
        Arc::new(Self {
            shared,
            dynamic,
            directory,
            links,
            running: tokio::sync::Mutex::default(),
            tasks: Mutex::new(tasks),
        })
    }

    pub(crate) fn name(&self) -> &str {
        &self.shared.name
    }

    /// Whether `config` can be reached from what runs without a new start.
    pub(crate) fn same_identity(&self, config: &RouterConfig) -> bool {
        let core = self.shared.core();
        (core.config.asn, core.config.router_id, core.config.cluster_id)
            == (config.asn, config.router_id, config.cluster_id)
    }

    /// Makes the router what `config` says.
    pub(crate) async fn reconfigure(
        &self,
        config: RouterConfig,
        listeners: &HashMap<SocketAddr, Listener>,
        report: &mut ApplyReport,
    ) {
        let mut running = self.running.lock().await;
        running.listen = config.listen.clone();
        let RouterConfig { peers, originations, .. } = config.clone();
        {
            let mut core = self.shared.core();
            core.configure(&config);
            core.set_install(config.install_routes && self.shared.fib.is_some());
            core.set_originations(originations);
            core.judge_own_restart(&config);
        }
        let gone: Vec<String> =
            running.peers.keys().filter(|name| !peers.contains_key(*name)).cloned().collect();
        for name in gone {
            if let Some(peer) = running.peers.remove(&name) {
                self.drop_peer(&name, peer, StopReason::PeerDeconfigured, listeners).await;
                self.shared.core().remove_neighbor(&name);
            }
        }
        for (name, wanted) in peers {
            self.apply_peer(&mut running, &config, name, wanted, listeners, report).await;
        }
        self.shared.core().sources_are_synced();
        self.shared.restarts.notify_one();
        self.shared.wake();
    }

    async fn apply_peer(
        &self,
        running: &mut Running,
        router: &RouterConfig,
        name: String,
        wanted: NeighborConfig,
        listeners: &HashMap<SocketAddr, Listener>,
        report: &mut ApplyReport,
    ) {
        let same = running.peers.get(&name).is_some_and(|p| *p.config == wanted);
        let is_up = running.peers.get(&name).is_some_and(|p| p.session.is_some());
        if same && (is_up || wanted.shutdown.is_some()) {
            return;
        }
        let wanted = Arc::new(wanted);
        let key: Arc<str> = name.as_str().into();
        let exceeded = self.shared.core().set_neighbor(&key, Arc::clone(&wanted), clock());
        let before = running.peers.remove(&name);
        if let Some(text) = &wanted.shutdown {
            if let Some(peer) = before {
                let reason = StopReason::AdministrativeShutdown(Some(text.clone()));
                self.drop_peer(&name, peer, reason, listeners).await;
            }
            running.peers.insert(name, RunningPeer::idle(wanted));
            return;
        }
        if matches!(wanted.remote, Remote::Range { .. }) {
            let outcome = self.apply_template(&key, before, &wanted, &running.listen, listeners);
            let problem = |why| (self.name().to_owned(), name.clone(), why);
            report.problems.extend(outcome.await.err().map(problem));
            running.peers.insert(name, RunningPeer::idle(wanted));
            return;
        }
        self.run_peer(running, router, name, before, wanted, listeners, report).await;
        if let Some(exceeded) = exceeded {
            self.shared.end_over_limit(&key, exceeded);
        }
    }

    /// Starts a neighbour's session, or changes the one `before` had.
    pub(crate) async fn run_peer(
        &self,
        running: &mut Running,
        router: &RouterConfig,
        name: String,
        before: Option<RunningPeer>,
        wanted: Arc<NeighborConfig>,
        listeners: &HashMap<SocketAddr, Listener>,
        report: &mut ApplyReport,
    ) {
        let problem = |what: String| (self.name().to_owned(), name.clone(), what);
        let key: Arc<str> = name.as_str().into();
        let (remote, local) = match self.ends(&wanted) {
            Ok(ends) => ends,
            Err(waiting @ (Waiting::Link(_) | Waiting::Neighbor(_))) => {
                // Not a fault: the interface's events start the session when it can run.
                let before = before.unwrap_or_else(|| RunningPeer::idle(Arc::clone(&wanted)));
                let peer = RunningPeer { config: wanted, ..before };
                running.peers.insert(name.clone(), peer);
                return self.wait(running, &name, &waiting, listeners).await;
            }
            Err(Waiting::Refused(why)) => {
                if let Some(peer) = before {
                    self.drop_peer(&name, peer, StopReason::ConfigurationChange, listeners).await;
                }
                self.shared.core().set_problem(&name, &why);
                report.problems.push(problem(why));
                running.peers.insert(name, RunningPeer::idle(wanted));
                return;
            }
        };
        let was = before.as_ref().and_then(keys_of);
        let before = match before {
            Some(peer)
                if keys::clash(&peer.config.auth, &wanted.auth)
                    || matches!(peer.config.remote, Remote::Range { .. }) =>
            {
                self.drop_peer(&name, peer, StopReason::ConfigurationChange, listeners).await;
                None
            }
            before => before,
        };
        let place = Place::from(remote.ip());
        let set = protect(listeners, &running.listen, was.as_ref(), &wanted, place);
        if let Err(error) = set {
            let why = format!("cannot protect the session: {error}");
            self.shared.core().set_problem(&name, &why);
            report.problems.push(problem(why));
            // Fail closed: no session without its key.
            if let Some(peer) = before {
                self.drop_peer(&name, peer, StopReason::ConfigurationChange, listeners).await;
            }
            running.peers.insert(name, RunningPeer::idle(wanted));
            return;
        }
        let mut session_config = crate::peer::session_config(router, &name, &wanted, remote, local);
        session_config.peer.restart_state = self.shared.core().own.state();
        let old_keys = was.as_ref().map(|(config, _)| &config.auth);
        session_config.setup = keys::hook(&wanted, remote.ip(), None, old_keys);
        let session = match before {
            Some(RunningPeer { session: Some(session), config, ends }) => {
                let (was, from) = ends.unwrap_or((remote, local));
                let impact = crate::peer::session_config(router, &name, &config, was, from)
                    .impact(&session_config);
                if impact.needs_reset() && session.snapshot().established_at.is_some() {
                    report.sessions_reset.push((
                        self.name().to_owned(),
                        name.clone(),
                        impact.reset.join(", "),
                    ));
                }
                if session.reconfigure(session_config).await.is_err() {
                    report.problems.push(problem("the session's task has ended".into()));
                }
                session
            }
            _ => {
                let handler = NeighborSession::new(Arc::clone(&self.shared), Arc::clone(&key));
                Arc::new(spawn(session_config, handler))
            }
        };
        self.shared.sessions().insert(Arc::clone(&key), Arc::downgrade(&session));
        self.shared.bfd.attend(&key, router, &wanted, remote, local, &session);
        self.directory.remove(self.name(), &name);
        if let Some(port) = running.listen.port {
            let ifindex = match remote {
                SocketAddr::V6(v6) if v6.scope_id() != 0 => Some(v6.scope_id()),
                _ => None,
            };
            let entry = Entry {
                router: Arc::clone(&self.shared.name),
                peer: key,
                local,
                ifindex,
                device: wanted.bind_device.clone(),
                auth: wanted.auth.clone(),
                session: Arc::clone(&session),
            };
            self.directory.insert(port, remote.ip(), entry);
        }
        if wanted.remote.interface().is_some() {
            self.shared.core().set_found(&name, remote.ip());
        }
        let ends = Some((remote, local));
        running.peers.insert(name, RunningPeer { config: wanted, session: Some(session), ends });
    }

    /// What the session runs between, or why it cannot run now.
    pub(crate) fn ends(&self, config: &NeighborConfig) -> Result<Ends, Waiting> {
        let remote = self.remote(config)?;
        Ok((remote, crate::local::local_end(config).map_err(Waiting::Refused)?))
    }

    /// The neighbour's socket address, link-local ones with their interface.
    fn remote(&self, config: &NeighborConfig) -> Result<SocketAddr, Waiting> {
        let (v6, index) = match &config.remote {
            Remote::Address(address) => {
                return Ok(SocketAddr::new(*address, config.remote_port));
            }
            Remote::LinkLocal { address, interface } => {
                (*address, self.links.look(interface)?.index)
            }
            Remote::Interface(interface) => self.links.neighbor(interface)?,
            Remote::Range { prefix, .. } => {
                let why = format!("{prefix} is a template, not a neighbour");
                return Err(Waiting::Refused(why));
            }
        };
        Ok(SocketAddrV6::new(v6, config.remote_port, 0, index).into())
    }

    async fn drop_peer(
        &self,
        name: &str,
        peer: RunningPeer,
        reason: StopReason,
        listeners: &HashMap<SocketAddr, Listener>,
    ) {
        self.directory.remove(self.name(), name);
        self.shared.sessions().remove(name);
        self.shared.bfd.leave(name);
        if let Remote::Range { .. } = peer.config.remote {
            self.dynamic.remove_template(name, &reason).await;
        }
        if let Some((config, place)) = keys_of(&peer) {
            unprotect(listeners, name, &config, place);
        }
        if let Some(session) = peer.session {
            session.stop(reason).await;
        }
    }

    /// Ends all sessions and all tasks. `comes_back`: neighbours that can are to keep our routes.
    pub(crate) async fn stop(&self, reason: &str, comes_back: bool) {
        let mut running = self.running.lock().await;
        let text = Some(reason.to_owned());
        let reason = match comes_back {
            true => StopReason::Restarting(text),
            false => StopReason::AdministrativeShutdown(text),
        };
        let reason = &reason;
        let stops = std::mem::take(&mut running.peers).into_iter().map(|(name, peer)| async move {
            self.directory.remove(self.name(), &name);
            if let Some(session) = peer.session {
                session.stop(reason.clone()).await;
            }
        });
        let dynamic = self.dynamic.stop(reason);
        futures_util::future::join(futures_util::future::join_all(stops), dynamic).await;
        self.shared.sessions().clear();
        self.shared.bfd.leave_all();
        for task in self.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }

    /// Where it accepts connections, as configured.
    pub(crate) async fn listen(&self) -> Listen {
        self.running.lock().await.listen.clone()
    }
}

async fn until(alarm: Option<Instant>) {
    match alarm {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
