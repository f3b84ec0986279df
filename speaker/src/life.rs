//! What an Established session holds in the tables: its life, from up to down.
//!
//! Part of [`Core`](crate::core::Core), which owns all lives and steps on them under its lock.
//!
//! Invariants: a [`Life`] exists exactly while its session is Established; its attribute reference is
//! released with it.

use std::sync::Arc;
use std::time::Instant;

use bgp_fsm::DownReason;
use bgp_fsm::session::{Established, Outbox};
use bgp_wire::FamilySet;
use bgp_wire::update::{AttrScratch, UpdateContext};
use bytes::Bytes;
use rib::export::{FrameSink, MemberId, RouteTargets};
use rib::policy::ImportPolicy;
use rib::{AttrId, FAMILY_COUNT, PathFlags, PeerInfo, PeerIx, PeerKind};

use crate::config::NeighborConfig;
use crate::core::Core;
use crate::inbound::Inbound;
use crate::limits::Limit;
use crate::local::Ends;
use crate::soft::Originals;
use crate::subnets::Subnets;
use crate::tally::Tally;
use crate::targets::first_targets;

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
    pub(crate) inbound: Inbound,
    /// Of the interface that the session runs over.
    pub(crate) subnets: Subnets,
    pub(crate) context: UpdateContext,
    pub(crate) ends: Ends,
    pub(crate) scratch: AttrScratch,
    /// Attributes as [`Inbound`] has changed them.
    pub(crate) edited: Vec<u8>,
    pub(crate) last: Option<LastSet>,
    pub(crate) end_of_rib: FamilySet,
    /// When the last UPDATE came, for "has it told us everything".
    pub(crate) heard: Instant,
    /// Announcements refused because `maximum_prefix` was reached.
    pub(crate) over_limit: u64,
    /// What the neighbour has told us in this session.
    pub(crate) tally: Tally,
    /// Where each family stands with `maximum_prefix`.
    pub(crate) limits: [Limit; FAMILY_COUNT],
    /// What it wants of VPN and EVPN routes (RFC 4684).
    pub(crate) targets: RouteTargets,
    /// Its memberships have changed in the burst under way.
    pub(crate) targets_changed: bool,
    /// Every path held, refused ones included, has the attributes it was sent with: no import policy
    /// of this session has changed routes.
    pub(crate) as_sent: bool,
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
    /// It was looked at as a set of unicast routes.
    pub(crate) unicast: bool,
}

impl Life {
    /// Directly connected, so that a dead link means a dead session.
    pub(crate) fn runs_over_link(&self) -> bool {
        let single_hop = self.established.ifindex != 0
            || (self.established.negotiated.ebgp && self.config.ttl.is_none_or(|ttl| ttl == 1));
        single_hop && self.ends.ifindex != 0 && !self.established.local.ip().is_loopback()
    }
}

/// External and, as far as its settings say, one IP hop away.
pub(crate) fn is_one_hop(config: &NeighborConfig, established: &Established, ends: &Ends) -> bool {
    established.negotiated.ebgp
        && config.ttl.is_none_or(|ttl| ttl == 1)
        && config.min_ttl.is_none_or(|least| least == u8::MAX)
        && ends.ifindex != 0
        && !established.local.ip().is_loopback()
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
        let info = PeerInfo {
            addr: established.remote.ip(),
            ifindex: established.ifindex,
            asn: negotiated.peer_as,
            router_id: negotiated.peer_router_id,
            kind,
        };
        let ix = match self.return_of(name, &info, &negotiated, now) {
            Some(ix) => ix,
            None => self.rib.add_peer(info)?,
        };
        let subnets = Subnets::of(ends.ifindex);
        let one_hop = is_one_hop(&config, established, &ends);
        let import = ImportPolicy::new(&config.import, self.config.asn).ok()?;
        let life = Life {
            name: Arc::clone(name),
            inbound: Inbound::of(&self.config, &config, established, one_hop.then_some(&subnets)),
            subnets,
            as_sent: !import.changes_routes(),
            import,
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
                extended_next_hop: negotiated.ext_next_hop,
                // Confederations and AIGP cannot be configured.
                ..UpdateContext::default()
            },
            ends,
            scratch: AttrScratch::default(),
            edited: Vec::new(),
            last: None,
            end_of_rib: FamilySet::EMPTY,
            heard: now,
            over_limit: 0,
            tally: Tally::default(),
            limits: Default::default(),
            targets: first_targets(&negotiated),
            targets_changed: false,
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
        self.begin_targets(ix, now);
        Some(ix)
    }

    /// The session has ended. Its routes stop counting at once and are swept in slices, unless they
    /// are kept ([`Core::keep_or_drop`]).
    pub(crate) fn session_down(&mut self, ix: PeerIx, reason: &DownReason, now: Instant) {
        let Some(mut life) = self.lives.take(ix) else { return };
        life.import.clear(&mut self.rib.attrs);
        if let Some(originals) = &mut life.originals {
            originals.clear(&mut self.rib.attrs);
        }
        self.alarms.forget(ix);
        self.reimports.retain(|walk| walk.peer != ix);
        if let Some(last) = life.last.take() {
            self.rib.attrs.release(last.attr);
        }
        if let Some(member) = life.member {
            self.exports.leave(&mut self.rib, member);
        }
        self.keep_or_drop(ix, &life, reason, now);
        if let Some(neighbor) = self.neighbors.get_mut(&life.name) {
            neighbor.past.add(&life.tally);
            if neighbor.life == Some(ix) {
                neighbor.life = None;
            }
        }
    }
}
