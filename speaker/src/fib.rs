//! From best paths to kernel routes: the one writer for all routers.
//!
//! ```text
//!   Rib (router 1) ──dirty rows──┐
//!   Rib (router 2) ──dirty rows──┼──> FIB writer ──batches──> fib_netlink::Fib ──> kernel
//!   ...                          ┘    one winner a prefix
//! ```
//!
//! Pull, not push: the writer drains changed rows when the kernel has taken the batch before, and
//! reads what is best *then*. When several routers have a route to one prefix, the first by name
//! is installed; the others' take over when it goes.
//!
//! After a start the kernel still holds the routes of the run before. They stay until every router
//! has converged (each neighbour's End-of-RIB, or quiet, or [`SYNC_LIMIT`]), then those nobody
//! stated again are swept: a restart removes no working route before its replacement is known.
//!
//! Invariants: originated prefixes never go to the kernel; a default route only where admitted;
//! after [`FibWriter::freeze`] nothing is written any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use bgp_wire::{NlriPrefix, V4Prefix, V6Prefix};
use fib_netlink::{Change, Fib, FibConfig, Route};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rib::{PeerKind, RowId, TableFamily};
use tokio::sync::Notify;
use tracing::{debug, info, warn};

use crate::clock;
use crate::config::SpeakerOptions;
use crate::core::Core;
use crate::restart::record::Recorder;
use crate::router::Shared;

/// Rows read under one hold of a router's lock.
const BATCH_ROWS: usize = 4096;

/// How long stale routes are kept for neighbours that do not come back.
const SYNC_LIMIT: Duration = Duration::from_secs(90);

/// How often convergence is looked at while stale routes are kept.
const SYNC_POLL: Duration = Duration::from_millis(250);

/// Handle to the writer; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct FibWriter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    fib: Fib,
    wake: Notify,
    frozen: AtomicBool,
    /// In the order of their names, which is their precedence.
    routers: RwLock<Vec<Weak<Shared>>>,
    /// When the present synchronisation began; `None` when there are no stale routes.
    syncing: Mutex<Option<Instant>>,
    recorder: Arc<Recorder>,
}

impl FibWriter {
    /// Opens the kernel's table and starts the writer.
    pub(crate) async fn open(options: &SpeakerOptions) -> Result<Self, fib_netlink::Error> {
        let config = FibConfig { table: options.table, protocol: options.protocol, metric: None };
        let fib = Fib::open(config).await?;
        let recorder = Arc::new(Recorder::open(options, Some(&fib.status())));
        let inner = Arc::new(Inner {
            fib,
            recorder,
            wake: Notify::new(),
            frozen: AtomicBool::new(false),
            routers: RwLock::default(),
            syncing: Mutex::new(Some(clock())),
        });
        tokio::spawn(Arc::clone(&inner).run());
        Ok(Self(inner))
    }

    /// What the run before has left.
    pub(crate) fn recorder(&self) -> Arc<Recorder> {
        Arc::clone(&self.0.recorder)
    }

    /// There may be changed rows.
    pub(crate) fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// The routers to read, in order of precedence.
    pub(crate) fn set_routers(&self, routers: Vec<Weak<Shared>>) {
        *self.0.routers.write().unwrap_or_else(PoisonError::into_inner) = routers;
        self.wake();
    }

    /// From now on the kernel stays as it is, whatever happens to the sessions.
    pub(crate) fn freeze(&self) {
        self.0.frozen.store(true, Ordering::SeqCst);
    }

    /// States everything anew: what is in the kernel counts as stale until stated again.
    pub(crate) async fn resync(&self) {
        if self.0.fib.begin_sync().await.is_err() {
            return;
        }
        *self.0.syncing.lock().unwrap_or_else(PoisonError::into_inner) = Some(clock());
        for shared in self.0.routers() {
            let mut core = shared.core();
            if let Some(consumer) = core.fib {
                core.rib.replay::<V4Prefix>(consumer);
                core.rib.replay::<V6Prefix>(consumer);
            }
        }
        self.wake();
    }

    /// Removes all of our routes from the kernel.
    pub(crate) async fn remove_all(&self) {
        self.freeze();
        let removed = async {
            self.0.fib.begin_sync().await?;
            self.0.fib.end_sync().await
        };
        if let Err(error) = removed.await {
            warn!(%error, "cannot remove our routes from the kernel");
        }
    }

    /// Waits until everything read so far is in the kernel.
    pub(crate) async fn flush(&self) {
        if let Err(error) = self.0.fib.flush().await {
            debug!(%error, "flush");
        }
    }

    /// The kernel's side.
    pub(crate) fn fib(&self) -> &Fib {
        &self.0.fib
    }
}

impl Inner {
    fn routers(&self) -> Vec<Arc<Shared>> {
        let routers = self.routers.read().unwrap_or_else(PoisonError::into_inner);
        routers.iter().filter_map(Weak::upgrade).collect()
    }

    async fn run(self: Arc<Self>) {
        loop {
            let syncing = self.syncing.lock().unwrap_or_else(PoisonError::into_inner).is_some();
            if syncing {
                let _timeout = tokio::time::timeout(SYNC_POLL, self.wake.notified()).await;
            } else {
                self.wake.notified().await;
            }
            if self.routers().iter().any(|router| router.core().is_deferring()) {
                // After a restart the kernel goes on with what it has until we know better.
                continue;
            }
            let mut wrote = false;
            while !self.frozen.load(Ordering::SeqCst) {
                let changes = self.changes();
                if changes.is_empty() {
                    break;
                }
                wrote = true;
                if self.fib.apply(changes).await.is_err() {
                    warn!("the kernel's route writer has ended; routes are no longer installed");
                    return;
                }
            }
            if wrote && !syncing {
                self.recorder.in_step(&self.fib.status());
            }
            self.end_sync_if_converged().await;
        }
    }

    /// The next batch of changes, from the first router that has any.
    fn changes(&self) -> Vec<Change> {
        let routers = self.routers();
        let mut changes = Vec::new();
        let mut rows = Vec::new();
        for shared in &routers {
            self.drain::<V4Prefix>(&routers, shared, &mut rows, &mut changes);
            self.drain::<V6Prefix>(&routers, shared, &mut rows, &mut changes);
        }
        changes
    }

    fn drain<P: TableFamily + ToNet>(
        &self,
        routers: &[Arc<Shared>],
        shared: &Arc<Shared>,
        rows: &mut Vec<RowId>,
        changes: &mut Vec<Change>,
    ) {
        rows.clear();
        let mut core = shared.core();
        let Some(consumer) = core.fib else { return };
        core.rib.next_dirty::<P>(consumer, BATCH_ROWS, rows);
        if let [_only] = routers {
            changes.extend(rows.iter().map(|row| {
                let prefix: P = core.rib.prefix(*row);
                change(prefix.to_net(), core.kernel_route::<P>(*row))
            }));
            return;
        }
        let prefixes: Vec<P> = rows.iter().map(|row| core.rib.prefix(*row)).collect();
        drop(core);
        for prefix in prefixes {
            let winner = routers.iter().find_map(|router| {
                let core = router.core();
                core.fib?;
                let row = core.rib.row(prefix)?;
                core.kernel_route::<P>(row)
            });
            changes.push(change(prefix.to_net(), winner));
        }
    }

    async fn end_sync_if_converged(&self) {
        let began = *self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(began) = began else { return };
        if self.frozen.load(Ordering::SeqCst) {
            return;
        }
        let now = clock();
        let routers = self.routers();
        let waited = now.saturating_duration_since(began);
        let converged = !routers.is_empty() && routers.iter().all(|r| r.core().is_converged(now));
        if !converged && waited < SYNC_LIMIT {
            return;
        }
        // Rows that changed since the drain above are stated first.
        if routers.iter().any(|r| r.core().has_kernel_changes()) {
            self.wake.notify_one();
            return;
        }
        *self.syncing.lock().unwrap_or_else(PoisonError::into_inner) = None;
        match self.fib.end_sync().await {
            Ok(applied) => {
                info!(
                    stale = applied.removed,
                    after_ms = waited.as_millis(),
                    converged,
                    "kernel routes are in step"
                );
                self.recorder.in_step(&self.fib.status());
                for router in routers {
                    if router.core().forwarding_is_whole() {
                        router.tell_restart_state();
                    }
                }
            }
            Err(error) => warn!(%error, "cannot sweep stale kernel routes"),
        }
    }
}

fn change(prefix: IpNet, route: Option<Route>) -> Change {
    match route {
        Some(route) => Change::Replace(route),
        None => Change::Remove(prefix),
    }
}

impl Core {
    /// What the kernel should hold for a row; `None` for nothing.
    pub(crate) fn kernel_route<P: TableFamily + ToNet>(&self, row: RowId) -> Option<Route> {
        let best = self.rib.best::<P>(row)?;
        if self.rib.peers().info(best.peer).kind == PeerKind::Local {
            return None;
        }
        let prefix: P = self.rib.prefix(row);
        if prefix.len() == 0 && !self.config.install_default {
            return None;
        }
        let hops =
            self.rib.ecmp::<P>(row).filter_map(|path| Some(self.reached(path.next_hop)?.hop));
        let route = Route::new(prefix.to_net(), hops);
        (!route.next_hops.is_empty()).then_some(route)
    }

    /// Whether the FIB writer has something to read.
    pub(crate) fn has_rows_for_kernel(&self) -> bool {
        self.fib.is_some_and(|consumer| self.rib.has_dirty(consumer))
    }

    fn has_kernel_changes(&self) -> bool {
        self.has_rows_for_kernel() || self.rib.has_pending_work()
    }
}

/// To the type of the kernel's side.
pub(crate) trait ToNet: NlriPrefix {
    /// The same prefix.
    fn to_net(&self) -> IpNet;
}

impl ToNet for V4Prefix {
    fn to_net(&self) -> IpNet {
        let net = Ipv4Net::new(self.addr(), self.len());
        IpNet::V4(net.expect("a prefix is at most 32 long"))
    }
}

impl ToNet for V6Prefix {
    fn to_net(&self) -> IpNet {
        let net = Ipv6Net::new(self.addr(), self.len());
        IpNet::V6(net.expect("a prefix is at most 128 long"))
    }
}
