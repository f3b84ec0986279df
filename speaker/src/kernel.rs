//! The kernel as the routers see it: which next hops are reachable, which links are up.
//!
//! One task follows the kernel's events and keeps a [`KernelView`]; routers read it when they meet
//! a new next hop and are told through a version number when an answer may have changed. Bursts of
//! events (a link down takes its addresses and routes along) make one version.
//!
//! Invariants: nobody waits for the kernel while holding a router's lock; before the first dump is
//! complete no speaker exists, so "no route" always means no route.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bgp_wire::NextHop;
use fib_netlink::{FibConfig, Hop, KernelEvent, KernelView};
use tokio::sync::{mpsc, watch};
use tracing::{debug, warn};

use crate::config::SpeakerOptions;
use crate::engine::StartError;

/// How long the first dump may take.
const FIRST_DUMP: Duration = Duration::from_secs(20);

/// Events taken in before the routers are told.
const BURST: usize = 4096;

/// Follower of the kernel's links, addresses and foreign routes.
#[derive(Debug)]
pub(crate) struct Kernel {
    view: RwLock<KernelView>,
    version: watch::Sender<u64>,
}

/// How a BGP next hop is reached, ready for the kernel.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reached {
    /// Cost for the decision process (RFC 4271 section 9.1.2.2 e).
    pub(crate) metric: u32,
    /// The leg of a kernel route that leads there.
    pub(crate) hop: Hop,
}

impl Kernel {
    /// Opens the event stream and waits for the first full picture.
    pub(crate) async fn open(options: &SpeakerOptions) -> Result<Arc<Self>, StartError> {
        let config = FibConfig { table: options.table, protocol: options.protocol, metric: None };
        let mut events =
            fib_netlink::monitor(&config).map_err(|e| StartError::Kernel(e.to_string()))?;
        let mut view = KernelView::new(&config);
        let dump = async {
            while let Some(event) = events.recv().await {
                view.apply(&event);
                if view.is_synced() {
                    return true;
                }
            }
            false
        };
        match tokio::time::timeout(FIRST_DUMP, dump).await {
            Ok(true) => {}
            Ok(false) => return Err(StartError::Kernel("the event stream ended".into())),
            Err(_) => return Err(StartError::Kernel("the first dump did not end".into())),
        }
        let (version, _) = watch::channel(0);
        let kernel = Arc::new(Self { view: RwLock::new(view), version });
        tokio::spawn(Arc::clone(&kernel).follow(events));
        Ok(kernel)
    }

    /// A receiver that changes whenever an earlier answer may be wrong.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// How the kernel reaches a next hop learned over `ifindex` (0: no particular interface).
    pub(crate) fn reach(&self, next_hop: &NextHop, ifindex: u32) -> Option<Reached> {
        let scope = (ifindex != 0).then_some(ifindex);
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        let (address, resolved) = match *next_hop {
            NextHop::V4(a) => (IpAddr::V4(a), view.resolve(IpAddr::V4(a), None)?),
            NextHop::V6(a) => (IpAddr::V6(a), view.resolve(IpAddr::V6(a), scope)?),
            // RFC 2545: on the shared link the link-local address is the one to send to.
            NextHop::V6WithLinkLocal { global, link_local } => {
                match view.resolve(IpAddr::V6(link_local), scope) {
                    Some(resolved) => (IpAddr::V6(link_local), resolved),
                    None => (IpAddr::V6(global), view.resolve(IpAddr::V6(global), None)?),
                }
            }
        };
        let gateway = resolved.gateway.unwrap_or(address);
        Some(Reached { metric: resolved.metric, hop: Hop::via(gateway).dev(resolved.ifindex) })
    }

    /// Whether the address is ours.
    pub(crate) fn is_local(&self, address: IpAddr) -> bool {
        self.view.read().unwrap_or_else(PoisonError::into_inner).is_local(address)
    }

    /// Reads the picture; `read` must not wait.
    pub(crate) fn with_view<T>(&self, read: impl FnOnce(&KernelView) -> T) -> T {
        read(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether packets can leave over the interface.
    pub(crate) fn is_usable(&self, ifindex: u32) -> bool {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        view.link(ifindex).is_some_and(fib_netlink::Link::is_usable)
    }

    /// Name of the interface of this index.
    pub(crate) fn name_of(&self, ifindex: u32) -> Option<String> {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        view.link(ifindex).map(|l| l.name.clone())
    }

    async fn follow(self: Arc<Self>, mut events: mpsc::Receiver<KernelEvent>) {
        let mut burst = Vec::with_capacity(64);
        loop {
            if events.recv_many(&mut burst, BURST).await == 0 {
                warn!("the kernel's event stream ended; next hops are no longer followed");
                return;
            }
            let mut changed = false;
            {
                let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
                for event in burst.drain(..) {
                    debug!(?event, "kernel");
                    changed |= view.apply(&event);
                }
                // A re-dump is under way: half a picture would say "unreachable" to everything.
                changed &= view.is_synced();
            }
            if changed {
                self.version.send_modify(|v| *v += 1);
            }
        }
    }
}
