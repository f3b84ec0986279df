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
//! Invariants: a [`Life`] exists exactly while its session is Established; its attribute reference is
//! released with it; originated paths belong to the one `Local` peer.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Instant;

use bgp_fsm::session::{Established, Outbox};
use bgp_wire::update::{AttrScratch, UpdateContext};
use bgp_wire::{Family, FamilySet, NextHop, Prefix};
use bytes::Bytes;
use rib::export::{Exports, FrameSink, MemberId};
use rib::policy::ImportPolicy;
use rib::{
    AttrId, ConsumerIx, Interest, NextHopId, NextHopKey, PathFlags, PeerInfo, PeerIx, PeerKind,
    Resolution, Rib,
};

use crate::alarm::Alarms;
use crate::config::{NeighborConfig, Origination, RouterConfig};
use crate::kernel::{Kernel, Reached};
use crate::limits::{Held, Limit, LimitNote};
use crate::local::Ends;
use crate::soft::{Originals, Reimport};
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
}

/// One configured neighbour.
#[derive(Debug)]
pub(crate) struct Neighbor {
    pub(crate) config: Arc<NeighborConfig>,
    pub(crate) life: Option<PeerIx>,
    /// Counts of the sessions before the present one.
    pub(crate) past: Tally,
    /// Why there is no session although there should be one.
    pub(crate) problem: Option<String>,
    /// Down because it announced too much.
    pub(crate) held: Option<Held>,
}

/// Sessions that are up.
#[derive(Debug, Default)]
pub(crate) struct Lives(Vec<Option<Life>>);

/// What an Established session holds here.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) name: Arc<str>,
    pub(crate) config: Arc<NeighborConfig>,
    pub(crate) established: Established,
    pub(crate) outbox: Outbox,
    pub(crate) member: Option<MemberId>,
    pub(crate) import: ImportPolicy,
    pub(crate) context: UpdateContext,
    pub(crate) ends: Ends,
    pub(crate) scratch: AttrScratch,
    pub(crate) last: Option<LastSet>,
    pub(crate) end_of_rib: FamilySet,
    /// When the last UPDATE came, for "has it told us everything".
    pub(crate) heard: Instant,
    /// Announcements refused because `maximum_prefix` was reached.
    pub(crate) over_limit: u64,
    /// What the neighbour has told us in this session.
    pub(crate) tally: Tally,
    /// Where each family stands with `maximum_prefix`.
    pub(crate) limits: [Limit; 2],
    /// What was sent, where policy changed it; only without route refresh.
    pub(crate) originals: Option<Originals>,
}

/// The attributes of the message before, the first level of interning: full tables come in runs.
#[derive(Debug)]
pub(crate) struct LastSet {
    pub(crate) raw: Vec<u8>,
    /// One reference is held.
    pub(crate) attr: AttrId,
    pub(crate) flags: PathFlags,
}

impl Life {
    /// Directly connected, so that a dead link means a dead session.
    pub(crate) fn runs_over_link(&self) -> bool {
        let single_hop = self.established.ifindex != 0
            || (self.established.negotiated.ebgp && self.config.ttl.is_none_or(|ttl| ttl == 1));
        single_hop && self.ends.ifindex != 0 && !self.established.local.ip().is_loopback()
    }
}

impl Lives {
    /// Takes a session's state out while it and the tables are worked on together.
    pub(crate) fn take(&mut self, ix: PeerIx) -> Option<Life> {
        self.0.get_mut(ix.index())?.take()
    }

    /// Puts back what [`take`](Self::take) took.
    pub(crate) fn put_back(&mut self, ix: PeerIx, life: Life) {
        self.insert(ix, life);
    }

    pub(crate) fn get(&self, ix: PeerIx) -> Option<&Life> {
        self.0.get(ix.index())?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, ix: PeerIx) -> Option<&mut Life> {
        self.0.get_mut(ix.index())?.as_mut()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (PeerIx, &Life)> {
        (0..).map(PeerIx).zip(&self.0).filter_map(|(ix, life)| Some((ix, life.as_ref()?)))
    }

    fn insert(&mut self, ix: PeerIx, life: Life) {
        if self.0.len() <= ix.index() {
            self.0.resize_with(ix.index() + 1, || None);
        }
        self.0[ix.index()] = Some(life);
    }
}

/// Frames go straight to the sessions' outboxes. A push is never refused for want of room here: the
/// exporter asks `has_room` before each batch, and the outbox takes a batch beyond its bound.
impl FrameSink for Lives {
    fn push(&mut self, peer: PeerIx, frame: &Bytes) {
        if let Some(life) = self.get(peer) {
            // Closed: the session is ending and `session_down` is on its way.
            let _closed = life.outbox.push(frame.clone());
        }
    }

    fn has_room(&self, peer: PeerIx) -> bool {
        self.get(peer).is_none_or(|life| life.outbox.has_room())
    }
}

impl Core {
    /// Empty tables for a router; neighbours and originations come with [`crate::router`].
    pub(crate) fn new(config: &RouterConfig, kernel: Option<Arc<Kernel>>) -> Self {
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

    /// A session is Established: from now on its routes count and it is sent ours.
    pub(crate) fn session_up(
        &mut self,
        name: &Arc<str>,
        established: &Established,
        outbox: Outbox,
        now: Instant,
    ) -> Option<PeerIx> {
        let config = Arc::clone(&self.neighbors.get(name)?.config);
        let negotiated = Arc::clone(&established.negotiated);
        let kind = match negotiated.ebgp {
            true => PeerKind::Ebgp,
            false => PeerKind::Ibgp { client: config.route_reflector_client },
        };
        let ends = Ends::of(established.local.ip(), established.ifindex);
        let ix = self.rib.add_peer(PeerInfo {
            addr: established.remote.ip(),
            ifindex: established.ifindex,
            asn: negotiated.peer_as,
            router_id: negotiated.peer_router_id,
            kind,
        })?;
        let life = Life {
            name: Arc::clone(name),
            import: ImportPolicy::new(&config.import, self.config.asn).ok()?,
            config,
            established: established.clone(),
            outbox,
            member: None,
            context: UpdateContext {
                as4: negotiated.as4,
                ebgp: negotiated.ebgp,
                local_as: negotiated.local_as,
                families: negotiated.families,
                add_path: negotiated.add_path_rx,
                extended_next_hop: match negotiated.ext_next_hop_v4 {
                    true => FamilySet::IPV4_UNICAST,
                    false => FamilySet::EMPTY,
                },
                // Confederations and AIGP cannot be configured.
                ..UpdateContext::default()
            },
            ends,
            scratch: AttrScratch::default(),
            last: None,
            end_of_rib: FamilySet::EMPTY,
            heard: now,
            over_limit: 0,
            tally: Tally::default(),
            limits: Default::default(),
            originals: (!negotiated.route_refresh).then(Originals::default),
        };
        let key = self.group_key(&life);
        self.lives.insert(ix, life);
        let member = self.exports.join(&mut self.rib, key, ix);
        if let Some(life) = self.lives.get_mut(ix) {
            life.member = Some(member);
        }
        if let Some(neighbor) = self.neighbors.get_mut(name) {
            neighbor.life = Some(ix);
            neighbor.held = None;
        }
        Some(ix)
    }

    /// The session has ended: its routes stop counting at once and are swept in slices.
    pub(crate) fn session_down(&mut self, ix: PeerIx) {
        let Some(mut life) = self.lives.take(ix) else { return };
        life.import.clear(&mut self.rib.attrs);
        if let Some(originals) = &mut life.originals {
            originals.clear(&mut self.rib.attrs);
        }
        self.alarms.forget(ix);
        self.reimports.retain(|walk| walk.peer != ix);
        if let Some(last) = life.last {
            self.rib.attrs.release(last.attr);
        }
        if let Some(member) = life.member {
            self.exports.leave(&mut self.rib, member);
        }
        self.rib.peer_down(ix);
        if let Some(neighbor) = self.neighbors.get_mut(&life.name) {
            neighbor.past.add(&life.tally);
            if neighbor.life == Some(ix) {
                neighbor.life = None;
            }
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
        self.reached.get(id.index()).copied().flatten()
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
