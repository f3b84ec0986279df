//! The handle an embedder holds: apply a configuration, read views, stop.
//!
//! ```text
//!   SpeakerHandle ── apply ──> Engine ──┬─> Router (one per BGP instance; see `router`)
//!                                       ├─> Listener (one per address:port; see `listener`)
//!                                       └─> Kernel watch (one; see `kernel`)
//! ```
//!
//! `apply` is serialised, idempotent, and a diff: what did not change is not touched. A router
//! whose identity (AS, BGP Identifier, cluster id) changed is stopped with a Cease and started
//! anew, since every session and every advertised attribute depends on it.
//!
//! Invariants: no lock is held across an await that waits for a neighbour; stopping is bounded.

mod follow;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::broadcast;

use crate::bfd::Service;
use crate::config::{FibMode, Listen, RouterConfig, SpeakerConfig, SpeakerOptions};
use crate::diagnose::Baseline;
use crate::fib::FibWriter;
use crate::kernel::Kernel;
use crate::links::Links;
use crate::listener::{Directory, Listener};
use crate::restart::record::{Found, Recorder};
use crate::router::Router;
use crate::view::SpeakerEvent;

/// Events a slow subscriber may lag behind before it loses the oldest.
const EVENT_BACKLOG: usize = 1024;

/// How long a stop waits for neighbours to take the Cease.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a speaker could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The kernel's routing tables cannot be reached; run as root, with CAP_NET_ADMIN, or without
    /// a FIB.
    #[error("cannot open the kernel's routing tables: {0}")]
    Kernel(String),
}

/// A running speaker. Clones share it; it runs until [`stop`](Self::stop).
#[derive(Clone, Debug)]
pub struct SpeakerHandle {
    engine: Arc<Engine>,
}

#[derive(Debug)]
struct Engine {
    options: SpeakerOptions,
    directory: Arc<Directory>,
    kernel: Option<Arc<Kernel>>,
    links: Arc<Links>,
    fib: Option<FibWriter>,
    recorder: Arc<Recorder>,
    bfd: Arc<Service>,
    events: broadcast::Sender<SpeakerEvent>,
    /// What the kernel had counted when we began.
    baseline: Baseline,
    routers: RwLock<BTreeMap<String, Arc<Router>>>,
    /// Serialises `apply` and `stop`.
    applied: tokio::sync::Mutex<Applied>,
}

#[derive(Debug, Default)]
struct Applied {
    /// Routers have been started: later ones have not been restarted.
    begun: bool,
    listeners: HashMap<SocketAddr, Listener>,
    stopped: bool,
}

/// What an [`apply`](SpeakerHandle::apply) did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApplyReport {
    /// Routers started, restarted or stopped.
    pub routers_changed: Vec<String>,
    /// Sessions that were reset, with the reason, as (router, neighbour, reason).
    pub sessions_reset: Vec<(String, String, String)>,
    /// Things that could not be done, as (router, neighbour or empty, what and why).
    pub problems: Vec<(String, String, String)>,
}

impl SpeakerHandle {
    /// Starts a speaker with nothing configured.
    ///
    /// # Errors
    /// With [`FibMode::Kernel`], when netlink is not to be had.
    pub async fn start(options: SpeakerOptions) -> Result<Self, StartError> {
        let (events, _) = broadcast::channel(EVENT_BACKLOG);
        let (kernel, fib) = match options.fib {
            FibMode::None => (None, None),
            FibMode::Kernel => {
                let kernel = Kernel::open(&options).await?;
                let fib = FibWriter::open(&options).await;
                (Some(kernel), Some(fib.map_err(|e| StartError::Kernel(e.to_string()))?))
            }
        };
        let recorder = match &fib {
            Some(fib) => fib.recorder(),
            None => Arc::new(Recorder::open(&options, None)),
        };
        let links = Arc::new(Links::new(kernel.clone()));
        let (directory, strangers) = Directory::new(Arc::clone(&links));
        let changes = kernel.as_ref().map(|kernel| kernel.changes());
        let wake = Arc::clone(&links.wake);
        let engine = Arc::new(Engine {
            options,
            recorder,
            directory: Arc::new(directory),
            kernel,
            links,
            fib,
            bfd: Arc::default(),
            events,
            baseline: Baseline::now(),
            routers: RwLock::default(),
            applied: tokio::sync::Mutex::default(),
        });
        tokio::spawn(follow::follow(Arc::downgrade(&engine), changes, wake, strangers));
        Ok(Self { engine })
    }

    /// Makes the speaker what `config` says, touching only what differs.
    pub async fn apply(&self, config: SpeakerConfig) -> ApplyReport {
        let mut applied = self.engine.applied.lock().await;
        let mut report = ApplyReport::default();
        if applied.stopped {
            report.problems.push((String::new(), String::new(), "the speaker is stopped".into()));
            return report;
        }
        self.drop_routers(&config, &mut report).await;
        self.reconcile_listeners(&mut applied, &config, &mut report);
        let begins = !config.routers.is_empty();
        for (name, router_config) in config.routers {
            self.apply_router(&applied, name, router_config, &mut report).await;
        }
        applied.begun |= begins;
        // Neighbours that are looked for on a link: from now on.
        self.engine.links.wake.notify_one();
        if let Some(fib) = &self.engine.fib {
            fib.set_routers(self.routers().iter().map(|r| Arc::downgrade(&r.shared)).collect());
            if !report.routers_changed.is_empty() {
                // Routes of a router that is gone or began anew are stale until stated again.
                fib.resync().await;
            }
        }
        report
    }

    /// Events from now on.
    pub fn events(&self) -> broadcast::Receiver<SpeakerEvent> {
        self.engine.events.subscribe()
    }

    /// Stops every session. Kernel routes stay unless `remove_routes`, so that forwarding goes on
    /// over a restart, and neighbours with graceful restart are left so that they keep our routes:
    /// without a NOTIFICATION, or with one that is no Hard Reset (RFC 8538). All others get a Cease
    /// (Administrative Shutdown, `reason` as the shutdown communication of RFC 9003).
    pub async fn stop(&self, reason: &str, remove_routes: bool) {
        let mut applied = self.engine.applied.lock().await;
        applied.stopped = true;
        applied.listeners.clear();
        match &self.engine.fib {
            Some(fib) if remove_routes => {
                self.engine.recorder.erase();
                fib.remove_all().await;
            }
            // Withdrawals that follow from our own stop must not reach the kernel.
            Some(fib) => fib.freeze(),
            None => {}
        }
        self.engine.links.stop().await;
        let routers = self.routers();
        let all =
            futures_util::future::join_all(routers.iter().map(|r| r.stop(reason, !remove_routes)));
        if tokio::time::timeout(STOP_TIMEOUT, all).await.is_err() {
            tracing::warn!("some neighbours did not take the Cease within {STOP_TIMEOUT:?}");
        }
        self.engine.bfd.stop();
    }

    pub(crate) fn routers(&self) -> Vec<Arc<Router>> {
        self.engine.routers()
    }

    /// Stops routers that are gone or have another identity now.
    async fn drop_routers(&self, config: &SpeakerConfig, report: &mut ApplyReport) {
        for router in self.routers() {
            if config.routers.get(router.name()).is_some_and(|c| router.same_identity(c)) {
                continue;
            }
            report.routers_changed.push(router.name().to_owned());
            // Out of the list first: what it withdraws from its tables must not reach the kernel.
            {
                let mut routers =
                    self.engine.routers.write().unwrap_or_else(PoisonError::into_inner);
                routers.remove(router.name());
            }
            if let Some(fib) = &self.engine.fib {
                fib.set_routers(self.routers().iter().map(|r| Arc::downgrade(&r.shared)).collect());
            }
            router.stop("router reconfigured", false).await;
        }
    }

    async fn apply_router(
        &self,
        applied: &Applied,
        name: String,
        config: RouterConfig,
        report: &mut ApplyReport,
    ) {
        let existing = {
            let routers = self.engine.routers.read().unwrap_or_else(PoisonError::into_inner);
            routers.get(&name).cloned()
        };
        let router = existing.unwrap_or_else(|| {
            let router = Router::start(
                &name,
                &config,
                Arc::clone(&self.engine.directory),
                self.engine.kernel.clone(),
                Arc::clone(&self.engine.links),
                self.engine.fib.clone(),
                Arc::clone(&self.engine.bfd),
                self.engine.events.clone(),
                if applied.begun { Found::default() } else { self.engine.recorder.found },
            );
            if !report.routers_changed.contains(&name) {
                report.routers_changed.push(name.clone());
            }
            let mut routers = self.engine.routers.write().unwrap_or_else(PoisonError::into_inner);
            routers.insert(name.clone(), Arc::clone(&router));
            router
        });
        router.reconfigure(config, &applied.listeners, report).await;
    }

    /// Opens and closes listening sockets so that each router's addresses are covered once.
    fn reconcile_listeners(
        &self,
        applied: &mut Applied,
        config: &SpeakerConfig,
        report: &mut ApplyReport,
    ) {
        let wanted: BTreeSet<SocketAddr> =
            config.routers.values().flat_map(|r| sockets(&r.listen)).collect();
        applied.listeners.retain(|address, _| wanted.contains(address));
        for address in wanted {
            let here = config.routers.values().filter(|r| sockets(&r.listen).contains(&address));
            let devices = here
                .flat_map(|r| r.peers.values().filter_map(|peer| peer.bind_device.clone()))
                .collect();
            applied
                .listeners
                .entry(address)
                .or_insert_with(|| Listener::start(address, Arc::clone(&self.engine.directory)))
                .set_devices(&devices);
        }
        for (name, router) in &config.routers {
            for address in sockets(&router.listen) {
                if let Some(Err(why)) = applied.listeners.get(&address).map(Listener::bound) {
                    let what = format!("cannot listen on {address}: {why}; trying again");
                    report.problems.push((name.clone(), String::new(), what));
                }
            }
        }
    }

    /// Addresses the routers listen on now.
    pub(crate) async fn listening(&self, listen: &Listen) -> Vec<SocketAddr> {
        let applied = self.engine.applied.lock().await;
        sockets(listen)
            .into_iter()
            .filter_map(|a| applied.listeners.get(&a).and_then(|l| l.bound().ok()))
            .collect()
    }

    /// Addresses the routers should listen on and do not, with the reason.
    pub(crate) async fn deaf(&self, listen: &Listen) -> Vec<String> {
        let applied = self.engine.applied.lock().await;
        let why = |a: SocketAddr| match applied.listeners.get(&a).map(Listener::bound)? {
            Ok(_) => None,
            Err(why) => Some(format!("{a}: {why}")),
        };
        sockets(listen).into_iter().filter_map(why).collect()
    }

    /// What the kernel had counted when the speaker was started.
    pub(crate) fn baseline(&self) -> Baseline {
        self.engine.baseline
    }

    /// The options it was started with.
    pub fn options(&self) -> &SpeakerOptions {
        &self.engine.options
    }

    pub(crate) fn kernel(&self) -> Option<&Arc<Kernel>> {
        self.engine.kernel.as_ref()
    }

    pub(crate) fn fib_writer(&self) -> Option<&FibWriter> {
        self.engine.fib.as_ref()
    }
}

impl Engine {
    fn routers(&self) -> Vec<Arc<Router>> {
        let routers = self.routers.read().unwrap_or_else(PoisonError::into_inner);
        routers.values().cloned().collect()
    }
}

fn sockets(listen: &Listen) -> Vec<SocketAddr> {
    let Some(port) = listen.port else { return Vec::new() };
    if listen.addresses.is_empty() {
        let any = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        return any.map(|a| SocketAddr::new(a, port)).into();
    }
    listen.addresses.iter().map(|a| SocketAddr::new(*a, port)).collect()
}
