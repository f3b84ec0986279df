//! Dynamic neighbours: whoever connects from a prefix becomes a neighbour with its template's settings.
//!
//! ```text
//!   Listener ── no neighbour has that address ──> most specific range ──> Dynamic::adopt
//!                                                                            │ NAME@ADDRESS
//!        reap (every few seconds) ── gone for a while ──> removed            v
//!        apply ── template changed or gone ──> every child            session task
//! ```
//!
//! A child never dials. It is removed when its handshake comes to nothing, or when its session has been down for
//! [`LINGER`] (with graceful restart: for as long as its routes may be kept). At the limit a newcomer takes the
//! place of the oldest child that has no session; when all have one it is turned away with a Cease (Connection Rejected)
//! and counted. So connections that never become sessions cannot keep real neighbours out.
//!
//! Invariants: never more children of a template than its limit; a child exists here, in the tables and in the directory,
//! or in none of them; the lock is never held across an await.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use bgp_fsm::session::{SessionHandle, spawn};
use bgp_fsm::{StateName, StopReason};
use bgp_wire::notification::cease;
use bgp_wire::{Notification, Prefix};
use tokio::net::TcpStream;
use tracing::{debug, info, warn};

use crate::clock;
use crate::config::NeighborConfig;
use crate::keys;
use crate::listener::{Directory, Entry, RangeEntry};
use crate::options::{Auth, Remote};
use crate::router::Shared;
use crate::session::NeighborSession;
use crate::view::DynamicView;

/// How long a child whose session has ended is kept for its neighbour to come back.
const LINGER: Duration = Duration::from_secs(60);

/// How often children are looked over.
const REAP_EVERY: Duration = Duration::from_secs(2);

/// The dynamic neighbours of one router.
#[derive(Debug)]
pub(crate) struct Dynamic {
    shared: Arc<Shared>,
    directory: Arc<Directory>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    templates: BTreeMap<Arc<str>, Template>,
    children: HashMap<Arc<str>, Child>,
}

#[derive(Debug)]
struct Template {
    config: Arc<NeighborConfig>,
    prefix: Prefix,
    limit: u32,
    port: Option<u16>,
    refused: u64,
    /// The limit was reached and has been spoken of.
    is_full: bool,
}

#[derive(Debug)]
struct Child {
    template: Arc<str>,
    remote: SocketAddr,
    config: Arc<NeighborConfig>,
    session: Arc<SessionHandle>,
    born: Instant,
}

impl Dynamic {
    pub(crate) fn new(shared: Arc<Shared>, directory: Arc<Directory>) -> Arc<Self> {
        Arc::new(Self { shared, directory, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a template or takes over its new settings, for the children that it has too.
    pub(crate) async fn set_template(
        self: &Arc<Self>,
        name: &Arc<str>,
        config: &Arc<NeighborConfig>,
        port: Option<u16>,
    ) {
        let Remote::Range { prefix, limit } = config.remote else { return };
        let (mut changed, mut stopped, mut over) = (Vec::new(), Vec::new(), Vec::new());
        {
            let mut state = self.state();
            let (refused, same) = match state.templates.get(name) {
                Some(before) => (before.refused, before.config == *config && before.port == port),
                None => (0, false),
            };
            if same {
                return;
            }
            let before = state.templates.get(name).map(|before| Arc::clone(&before.config));
            let template = Template {
                config: Arc::clone(config),
                prefix,
                limit,
                port,
                refused,
                is_full: false,
            };
            state.templates.insert(Arc::clone(name), template);
            let names: Vec<Arc<str>> =
                state.children_of(name).map(|(n, _)| Arc::clone(n)).collect();
            for child in names {
                let stays = state.children.get(&child).is_some_and(|c| {
                    contains(&prefix, c.remote.ip())
                        && !before.as_ref().is_some_and(|b| keys::clash(&b.auth, &config.auth))
                });
                if !stays {
                    stopped.extend(self.forget(&mut state, &child));
                    continue;
                }
                let Some(at) = state.children.get_mut(&child) else { continue };
                at.config = Arc::new(child_config(config, at.remote));
                let key_before = before.as_ref().map(|b| &b.auth);
                let session =
                    self.session_config(&child, &at.config, at.remote, prefix, key_before);
                let exceeded =
                    self.shared.core().set_neighbor(&child, Arc::clone(&at.config), clock());
                over.extend(exceeded.map(|exceeded| (Arc::clone(&child), exceeded)));
                changed.push((Arc::clone(&at.session), session));
            }
            // The newest do not stay beyond a lowered limit.
            while state.children_of(name).count() > limit as usize {
                let newest = state.children_of(name).max_by_key(|(_, c)| c.born);
                let Some(newest) = newest.map(|(n, _)| Arc::clone(n)) else { break };
                stopped.extend(self.forget(&mut state, &newest));
            }
        }
        if let Some(port) = port {
            let entry = RangeEntry {
                router: Arc::clone(&self.shared.name),
                template: Arc::clone(name),
                prefix,
                local: config.local_address,
                device: config.bind_device.clone(),
                auth: config.auth.clone(),
                owner: Arc::downgrade(self),
            };
            self.directory.insert_range(port, entry);
        }
        for (session, config) in changed {
            // Closed: the task has ended, and the next look takes the child away.
            let _closed = session.reconfigure(config).await;
        }
        for (child, exceeded) in over {
            self.shared.end_over_limit(&child, exceeded);
        }
        stop_all(stopped, &StopReason::ConfigurationChange).await;
    }

    /// Removes a template and ends the sessions of its children.
    pub(crate) async fn remove_template(&self, name: &str, reason: &StopReason) {
        self.directory.remove_range(&self.shared.name, name);
        let stopped: Vec<_> = {
            let mut state = self.state();
            state.templates.remove(name);
            let names: Vec<_> = state.children_of(name).map(|(n, _)| Arc::clone(n)).collect();
            names.iter().filter_map(|child| self.forget(&mut state, child)).collect()
        };
        stop_all(stopped, reason).await;
    }

    /// Ends every child; for the end of the router.
    pub(crate) async fn stop(&self, reason: &StopReason) {
        let templates: Vec<_> = self.state().templates.keys().cloned().collect();
        let all = templates.iter().map(|name| self.remove_template(name, reason));
        futures_util::future::join_all(all).await;
    }

    /// What a template has now.
    pub(crate) fn census(&self, name: &str) -> Option<DynamicView> {
        let state = self.state();
        let template = state.templates.get(name)?;
        let neighbors = u32::try_from(state.children_of(name).count()).unwrap_or(u32::MAX);
        Some(DynamicView { limit: template.limit, neighbors, refused: template.refused })
    }

    /// A connection from an address of the template's prefix that is no neighbour yet.
    pub(crate) fn adopt(&self, template: &Arc<str>, stream: TcpStream, remote: SocketAddr) {
        let mut state = self.state();
        let Some(at) = state.templates.get(template) else { return };
        let (limit, prefix, port) = (at.limit as usize, at.prefix, at.port);
        let config = Arc::new(child_config(&at.config, remote));
        let name: Arc<str> = child_name(template, remote).into();
        if let Some(child) = state.children.get(&name) {
            // Another connection while the first is being taken in.
            let _refused = child.session.incoming(stream);
            return;
        }
        if state.children_of(template).count() >= limit {
            let Some(victim) = state.without_session(template) else {
                return state.refuse(template, &self.shared.name, &stream, remote);
            };
            debug!(router = %self.shared.name, peer = %victim, "gives its place to {remote}");
            if let Some(session) = self.forget(&mut state, &victim) {
                tokio::spawn(async move { session.stop(StopReason::OutOfResources).await });
            }
        }
        {
            let mut core = self.shared.core();
            // New: nothing of it can be beyond a limit.
            let _nothing = core.set_neighbor(&name, Arc::clone(&config), clock());
            core.set_template(&name, template);
        }
        let session_config = self.session_config(&name, &config, remote, prefix, None);
        let handler = NeighborSession::new(Arc::clone(&self.shared), Arc::clone(&name));
        let session = Arc::new(spawn(session_config, handler));
        self.shared.sessions().insert(Arc::clone(&name), Arc::downgrade(&session));
        let router = self.shared.core().config.clone();
        let local = config.local_address;
        self.shared.bfd.attend(&name, &router, &config, remote, local, &session);
        if let Some(port) = port {
            let entry = Entry {
                router: Arc::clone(&self.shared.name),
                peer: Arc::clone(&name),
                local: config.local_address,
                ifindex: scope(remote),
                device: config.bind_device.clone(),
                // The key is on the listening socket for the whole range.
                auth: Auth::None,
                session: Arc::clone(&session),
            };
            self.directory.insert(port, remote.ip(), entry);
        }
        if session.incoming(stream).is_err() {
            debug!(router = %self.shared.name, peer = %name, "the first connection came to nothing");
        }
        info!(router = %self.shared.name, peer = %name, "dynamic neighbour");
        let (template, born) = (Arc::clone(template), clock());
        state.children.insert(name, Child { template, remote, config, session, born });
    }

    /// Takes away the children that are gone, again and again, while there is a router.
    pub(crate) async fn look_after(dynamic: Weak<Self>) {
        loop {
            tokio::time::sleep(REAP_EVERY).await;
            let Some(dynamic) = dynamic.upgrade() else { return };
            dynamic.reap();
        }
    }

    fn reap(&self) {
        let now = clock();
        let mut state = self.state();
        let gone: Vec<Arc<str>> = state
            .children
            .iter()
            .filter(|(_, child)| child.is_gone(now))
            .map(|(name, _)| Arc::clone(name))
            .collect();
        for name in gone {
            info!(router = %self.shared.name, peer = %name, "dynamic neighbour gone");
            if let Some(session) = self.forget(&mut state, &name) {
                tokio::spawn(async move { session.stop(StopReason::PeerDeconfigured).await });
            }
        }
        let State { templates, children } = &mut *state;
        for (name, template) in templates {
            let count = children.values().filter(|c| c.template == *name).count();
            template.is_full &= count >= template.limit as usize;
        }
    }

    /// Takes a child out of everything but its own task.
    fn forget(&self, state: &mut State, name: &Arc<str>) -> Option<Arc<SessionHandle>> {
        let child = state.children.remove(name)?;
        self.directory.remove(&self.shared.name, name);
        self.shared.sessions().remove(name);
        self.shared.bfd.leave(name);
        self.shared.core().remove_neighbor(name);
        Some(child.session)
    }

    fn session_config(
        &self,
        name: &str,
        config: &NeighborConfig,
        remote: SocketAddr,
        range: Prefix,
        before: Option<&Auth>,
    ) -> bgp_fsm::session::SessionConfig {
        let (router, restart_state) = {
            let core = self.shared.core();
            (core.config.clone(), core.own.state())
        };
        let mut session =
            crate::peer::session_config(&router, name, config, remote, config.local_address);
        session.peer.restart_state = restart_state;
        session.setup = keys::hook(config, remote.ip(), Some(range), before);
        session
    }
}

impl State {
    fn children_of<'a>(
        &'a self,
        template: &'a str,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a Child)> {
        self.children.iter().filter(move |(_, child)| *child.template == *template)
    }

    /// The child that a newcomer may replace: one that never had a session first, the oldest of them.
    fn without_session(&self, template: &str) -> Option<Arc<str>> {
        self.children_of(template)
            .filter_map(|(name, child)| {
                let snapshot = child.session.snapshot();
                let idle = snapshot.state != StateName::Established
                    && (snapshot.established_count == 0 || child.config.graceful_restart.is_none());
                idle.then_some((snapshot.established_count > 0, child.born, name))
            })
            .min_by_key(|(had_one, born, _)| (*had_one, *born))
            .map(|(_, _, name)| Arc::clone(name))
    }

    fn refuse(
        &mut self,
        template: &Arc<str>,
        router: &str,
        stream: &TcpStream,
        remote: SocketAddr,
    ) {
        let mut frame = Vec::new();
        Notification::cease(cease::REJECTED).encode(&mut frame);
        // It is a courtesy: what the socket does not take at once is not worth waiting for.
        let _courtesy = stream.try_write(&frame);
        let Some(at) = self.templates.get_mut(template) else { return };
        at.refused = at.refused.saturating_add(1);
        if !std::mem::replace(&mut at.is_full, true) {
            warn!(router, peer = %template, %remote, limit = at.limit,
                "the limit of dynamic neighbours is reached; raise addressRangeLimit to accept more");
        }
    }
}

impl Child {
    fn is_gone(&self, now: Instant) -> bool {
        let snapshot = self.session.snapshot();
        let connected = matches!(
            snapshot.state,
            StateName::OpenSent | StateName::OpenConfirm | StateName::Established
        );
        let since = snapshot.last_down.as_ref().map_or(self.born, |down| down.at);
        let idle = now.saturating_duration_since(since.max(snapshot.since));
        let patience = match (snapshot.established_count, self.config.graceful_restart) {
            (0, _) => REAP_EVERY,
            (_, None) => LINGER,
            (_, Some(restart)) => LINGER.max(Duration::from_secs(
                u64::from(restart.stale_time.max(restart.restart_time))
                    + u64::from(restart.long_lived.unwrap_or(0)),
            )),
        };
        !connected && idle >= patience
    }
}

async fn stop_all(sessions: Vec<Arc<SessionHandle>>, reason: &StopReason) {
    let stops = sessions.iter().map(|session| session.stop(reason.clone()));
    futures_util::future::join_all(stops).await;
}

fn child_config(template: &NeighborConfig, remote: SocketAddr) -> NeighborConfig {
    let remote = match (remote, scope(remote)) {
        (SocketAddr::V6(v6), Some(index)) => {
            Remote::LinkLocal { address: *v6.ip(), interface: interface(index) }
        }
        _ => Remote::Address(remote.ip()),
    };
    NeighborConfig { remote, passive: true, ..template.clone() }
}

fn child_name(template: &str, remote: SocketAddr) -> String {
    match scope(remote) {
        Some(index) => format!("{template}@{}%{}", remote.ip(), interface(index)),
        None => format!("{template}@{}", remote.ip()),
    }
}

/// The interface of a link-local address.
fn scope(remote: SocketAddr) -> Option<u32> {
    match remote {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() => Some(v6.scope_id()),
        _ => None,
    }
}

fn interface(index: u32) -> String {
    let name = nix::net::if_::if_indextoname(index).ok();
    name.and_then(|name| name.into_string().ok()).unwrap_or_else(|| index.to_string())
}

/// Whether an address is in a prefix.
pub(crate) fn contains(prefix: &Prefix, address: IpAddr) -> bool {
    match (prefix, address) {
        (Prefix::V4(prefix), IpAddr::V4(address)) => prefix.contains(address),
        (Prefix::V6(prefix), IpAddr::V6(address)) => prefix.contains(address),
        _ => false,
    }
}

/// Where a range's connections go; held by the directory, which must not keep a router alive.
pub(crate) type Owner = Weak<Dynamic>;
