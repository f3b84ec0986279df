//! The tables of one router and what is bound to them: sessions that are up, groups, originations.
//!
//! A plain synchronous struct; [`crate::router::Shared`] keeps it behind one lock and every task of
//! the router (sessions, pump, FIB writer, kernel follower, views) takes short steps on it.
//!
//! ```text
//!   neighbours (by name) ── life: PeerIx ──> Rib (Adj-RIB-In = Loc-RIB rows)
//!        │                                     │ dirty rows
//!        └── outbox, group member <── Exports ─┴─> FIB consumer
//! ```
//!
//! Invariants: originated paths belong to the one `Local` peer.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bgp_wire::{Family, NextHop, Prefix};
use rib::export::Exports;
use rib::{
    ConsumerIx, Interest, NextHopId, NextHopKey, PathFlags, PeerInfo, PeerIx, PeerKind, Resolution,
    Rib,
};

use crate::alarm::Alarms;
use crate::config::{NeighborConfig, Origination, RouterConfig};
use crate::kernel::{Kernel, Reached};
use crate::life::Lives;
use crate::limits::{Held, LimitNote};
use crate::restart::helper::Kept;
use crate::restart::own::OwnRestart;
use crate::soft::Reimport;
use crate::tally::Tally;

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Core {
    /// The router's own settings; its `peers` and `originations` are kept below instead.
    pub(crate) config: RouterConfig,
    pub(crate) rib: Rib,
    pub(crate) exports: Exports,
    pub(crate) neighbors: BTreeMap<Arc<str>, Neighbor>,
    /// Sessions that are up, by [`PeerIx`].
    pub(crate) lives: Lives,
    /// The reader of best-path changes that writes the kernel, when routes are installed.
    pub(crate) fib: Option<ConsumerIx>,
    /// Whom originated paths belong to.
    pub(crate) local: PeerIx,
    pub(crate) originations: BTreeMap<Prefix, Origination>,
    /// Sets of neighbours that some origination is limited to; the position plus one is the path
    /// identifier of such paths.
    pub(crate) origination_sets: Vec<Vec<String>>,
    pub(crate) kernel: Option<Arc<Kernel>>,
    /// How each next hop is reached, by [`NextHopId`].
    reached: Vec<Option<Reached>>,
    pub(crate) alarms: Alarms,
    /// Changes nobody has been told of yet.
    pub(crate) notes: Vec<LimitNote>,
    /// Neighbours whose import settings are being applied anew.
    pub(crate) reimports: Vec<Reimport>,
    /// Our own restart.
    pub(crate) own: OwnRestart,
}

/// One configured neighbour.
#[derive(Debug)]
pub(crate) struct Neighbor {
    pub(crate) config: Arc<NeighborConfig>,
    pub(crate) life: Option<PeerIx>,
    /// Stale routes of a session that has ended.
    pub(crate) kept: Option<Kept>,
    /// Counts of the sessions before the present one.
    pub(crate) past: Tally,
    /// Why there is no session although there should be one.
    pub(crate) problem: Option<String>,
    /// Down because it announced too much.
    pub(crate) held: Option<Held>,
    /// Its address, where that is not configured.
    pub(crate) found: Option<IpAddr>,
    /// The template this one came from, when it is a dynamic neighbour.
    pub(crate) template: Option<Arc<str>>,
}

impl Neighbor {
    /// Whether a session should be up by itself: not for a template, nor for whoever came by it.
    pub(crate) fn is_expected(&self) -> bool {
        let is_template = matches!(self.config.remote, crate::options::Remote::Range { .. });
        let is_gone = self.template.is_some() && self.life.is_none();
        self.config.shutdown.is_none() && !is_template && !is_gone
    }
}

impl Core {
    /// Empty tables for a router; neighbours and originations come with [`crate::router`].
    pub(crate) fn new(config: &RouterConfig, kernel: Option<Arc<Kernel>>, own: OwnRestart) -> Self {
        let mut rib = Rib::new(config.decision.clone());
        let local = rib
            .add_peer(PeerInfo {
                addr: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                ifindex: 0,
                asn: config.asn,
                router_id: config.router_id,
                kind: PeerKind::Local,
            })
            .expect("an empty table has room for the local peer");
        Self {
            config: RouterConfig {
                peers: BTreeMap::new(),
                originations: BTreeMap::new(),
                ..config.clone()
            },
            rib,
            exports: Exports::new(),
            neighbors: BTreeMap::new(),
            lives: Lives::default(),
            fib: None,
            local,
            originations: BTreeMap::new(),
            origination_sets: Vec::new(),
            kernel,
            reached: Vec::new(),
            own,
            alarms: Alarms::default(),
            notes: Vec::new(),
            reimports: Vec::new(),
        }
    }

    /// Begins or ends the reading of best paths for the kernel.
    pub(crate) fn set_install(&mut self, install: bool) {
        match (install, self.fib) {
            (true, None) => {
                let families = [Family::IPV4_UNICAST, Family::IPV6_UNICAST].into_iter().collect();
                self.fib = Some(self.rib.register_consumer(Interest::Multipath, families));
            }
            (false, Some(consumer)) => {
                self.rib.remove_consumer(consumer);
                self.fib = None;
            }
            _ => {}
        }
    }

    /// The next hop's id, with one reference; resolved on first sight.
    pub(crate) fn next_hop(&mut self, next_hop: NextHop, ifindex: u32) -> NextHopId {
        let scope = if is_scoped(&next_hop) { ifindex } else { 0 };
        let key = NextHopKey { next_hop, ifindex: scope };
        let mut seen = None;
        let kernel = self.kernel.as_deref();
        let id = self.rib.next_hops.intern_with(key, |key| {
            let reached = reach(kernel, key);
            seen = Some(reached);
            resolution(kernel, reached)
        });
        if let Some(reached) = seen {
            self.set_reached(id, reached);
        }
        id
    }

    /// How a next hop is reached, as last resolved; `None` when it is not, or without a kernel.
    pub(crate) fn reached(&self, id: NextHopId) -> Option<Reached> {
        self.reached.get(self.rib.next_hops.base(id).index()).copied().flatten()
    }

    fn set_reached(&mut self, id: NextHopId, reached: Option<Reached>) {
        if self.reached.len() <= id.index() {
            self.reached.resize(id.index() + 1, None);
        }
        self.reached[id.index()] = reached;
    }

    /// Resolves every next hop anew; rows whose next hop changed are decided again by the pump.
    pub(crate) fn resolve_next_hops(&mut self) {
        let Some(kernel) = self.kernel.clone() else { return };
        let answers: Vec<_> = self
            .rib
            .next_hops
            .iter()
            .map(|(id, key, before)| (id, before, reach(Some(&kernel), key)))
            .collect();
        for (id, before, reached) in answers {
            let now = resolution(Some(&kernel), reached);
            if before != now {
                self.rib.set_next_hop(id, now);
            } else if self.reached(id) != reached {
                // The same cost over another gateway or interface: only the kernel's routes change.
                self.rib.touch_next_hop(id);
            }
            self.set_reached(id, reached);
        }
    }

    /// Replaces what this router originates; only differences are announced or withdrawn.
    pub(crate) fn set_originations(&mut self, wanted: BTreeMap<Prefix, Origination>) {
        let sets_before = self.origination_sets.clone();
        for origination in wanted.values() {
            if let Some(peers) = &origination.peers
                && !self.origination_sets.contains(peers)
            {
                self.origination_sets.push(peers.clone());
            }
        }
        let before = std::mem::take(&mut self.originations);
        for (prefix, old) in &before {
            if wanted.get(prefix) != Some(old) {
                let id = self.origination_id(old);
                let same_id = wanted.get(prefix).is_some_and(|new| self.origination_id(new) == id);
                if !same_id {
                    match *prefix {
                        Prefix::V4(p) => self.rib.withdraw(self.local, id, p),
                        Prefix::V6(p) => self.rib.withdraw(self.local, id, p),
                    };
                    self.reconsider(*prefix, id);
                }
            }
        }
        for (prefix, new) in &wanted {
            if before.get(prefix) != Some(new) {
                self.originate(*prefix, new);
            }
        }
        self.originations = wanted;
        if self.origination_sets != sets_before {
            self.regroup_all();
        }
    }

    fn originate(&mut self, prefix: Prefix, origination: &Origination) {
        let id = self.origination_id(origination);
        let attr = self.rib.attrs.intern(&origination.attributes);
        let next_hop = match origination.next_hop {
            None => NextHopId::LOCAL,
            Some(IpAddr::V4(a)) => self.next_hop(NextHop::V4(a), 0),
            Some(IpAddr::V6(a)) => self.next_hop(NextHop::V6(a), 0),
        };
        match prefix {
            Prefix::V4(p) => {
                self.rib.announce(self.local, id, p, attr, next_hop, PathFlags::NONE);
            }
            Prefix::V6(p) => {
                self.rib.announce(self.local, id, p, attr, next_hop, PathFlags::NONE);
            }
        }
        self.reconsider(prefix, id);
        self.rib.attrs.release(attr);
        if next_hop != NextHopId::LOCAL {
            self.rib.next_hops.release(next_hop);
        }
    }

    /// Paths with a limited audience can change what a group is sent without being best.
    fn reconsider(&mut self, prefix: Prefix, id: u32) {
        if id == 0 {
            return;
        }
        match prefix {
            Prefix::V4(p) => self.exports.reconsider(&self.rib, p),
            Prefix::V6(p) => self.exports.reconsider(&self.rib, p),
        }
    }

    /// Path identifier of an origination: 0 for all neighbours, else the number of its set.
    fn origination_id(&self, origination: &Origination) -> u32 {
        let Some(peers) = &origination.peers else { return 0 };
        (1u32..).zip(&self.origination_sets).find(|(_, set)| *set == peers).map_or(0, |(id, _)| id)
    }

    /// Moves every session to the group its settings ask for now.
    pub(crate) fn regroup_all(&mut self) {
        let lives: Vec<PeerIx> = self.lives.iter().map(|(ix, _)| ix).collect();
        for ix in lives {
            self.regroup(ix);
        }
    }
}

/// Link-local next hops mean something only together with their interface (RFC 4007).
fn is_scoped(next_hop: &NextHop) -> bool {
    match next_hop {
        NextHop::V4(_) => false,
        NextHop::V6(a) => a.is_unicast_link_local(),
        NextHop::V6WithLinkLocal { .. } => true,
    }
}

fn reach(kernel: Option<&Kernel>, key: &NextHopKey) -> Option<Reached> {
    kernel?.reach(&key.next_hop, key.ifindex)
}

/// Without a kernel every next hop counts as reachable.
fn resolution(kernel: Option<&Kernel>, reached: Option<Reached>) -> Resolution {
    match (kernel, reached) {
        (None, _) => Resolution::Resolved { metric: 0 },
        (Some(_), Some(reached)) => Resolution::Resolved { metric: reached.metric },
        (Some(_), None) => Resolution::Unresolved,
    }
}
