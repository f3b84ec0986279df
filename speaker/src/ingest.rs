//! The way in: a burst of UPDATEs becomes rows.
//!
//! ```text
//!   frame ──> UpdateView (one pass) ──> canonical attributes ──> AttrId ──> import policy ──> Rib
//!                 │                        │  same as last message: skipped
//!                 └── NLRI columns ────────┴──────────────────────────────────────────────────┘
//! ```
//!
//! Nothing is allocated per UPDATE: the scratch buffers belong to the session's life, attribute sets
//! are interned once, and a run of UPDATEs with the same attributes (the common case in a full
//! table) does not even look them up again.
//!
//! What a route fails of is kept as a flag on its path (`as-path-loop`, `invalid-next-hop`,
//! `filtered`), so that `show received` can say why it is not used; such paths take no part in the
//! decision (RFC 4271 section 9.1.2).
//!
//! Invariants: withdrawals of a message are applied before its announcements, so that a prefix in
//! both is announced (RFC 4271 section 4.3); a malformed attribute set costs its routes, never more
//! (RFC 7606), and never leaves an older route of theirs in place.

use std::time::Instant;

use bgp_wire::attr::{AttrType, find};
use bgp_wire::update::{AttrOutcome, MpReach, MpUnreach, UpdateView};
use bgp_wire::{Family, HEADER_LEN, NextHop, Nlri, Notification};
use rib::policy::{ImportVerdict, Subject};
use rib::{
    AttrId, AttrTable, MAX_PATHS, NextHopId, PathFlags, PeerIx, Rib, TableFamily, family_index,
    keeps_next_hop, with_family,
};
use tracing::{debug, warn};

use crate::config::{OverLimit, RouterConfig};
use crate::core::Core;
use crate::life::{LastSet, Life};
use crate::soft::{Originals, PathName};

/// What the session has to be told after a burst.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Families whose End-of-RIB arrived in it.
    pub(crate) end_of_rib: Vec<Family>,
    /// The bound on prefixes was passed and asks for the end of the session.
    pub(crate) over_limit: Option<(Family, u32)>,
}

impl Core {
    /// Takes in whole UPDATE frames, back to back.
    ///
    /// # Errors
    /// The NOTIFICATION that ends the session (RFC 7606 section 3: only where nothing less will do).
    pub(crate) fn ingest(
        &mut self,
        ix: PeerIx,
        mut burst: &[u8],
        now: Instant,
    ) -> Result<Outcome, Notification> {
        let mut outcome = Outcome::default();
        let Some(life) = self.lives.get_mut(ix) else { return Ok(outcome) };
        life.heard = now;
        // The life is taken apart from the core while its routes go into the core's tables.
        let Some(mut life) = self.lives.take(ix) else { return Ok(outcome) };
        let refused = self.rib.refused();
        let result = loop {
            let Some((frame, rest)) = split_frame(burst) else { break Ok(()) };
            burst = rest;
            if let Err(notification) = self.update(ix, &mut life, frame, &mut outcome) {
                break Err(notification);
            }
        };
        let refused = self.rib.refused() - refused;
        if refused > 0 {
            if life.over_limit == 0 {
                warn!(peer = %life.name, "a prefix has {MAX_PATHS} paths; more are not accepted");
            }
            life.over_limit += refused;
        }
        let targets = std::mem::take(&mut life.targets_changed);
        self.lives.put_back(ix, life);
        if targets {
            self.review_targets(ix);
        }
        self.review_limits(ix, now);
        result.map(|()| outcome)
    }

    fn update(
        &mut self,
        ix: PeerIx,
        life: &mut Life,
        frame: &[u8],
        outcome: &mut Outcome,
    ) -> Result<(), Notification> {
        let body = frame.get(HEADER_LEN..).unwrap_or_default();
        let view = UpdateView::parse(body, &life.context).map_err(|e| e.notification(frame))?;
        if let Some(family) = view.end_of_rib() {
            life.end_of_rib.insert(family);
            life.targets_changed |= family == Family::ROUTE_TARGET;
            self.end_of_kept(&life.name, family);
            outcome.end_of_rib.push(family);
            return Ok(());
        }
        let withdrawn = (
            self.withdraw_all(ix, life, view.withdrawn_v4()),
            self.withdraw_all(ix, life, view.unreach_v6()),
        );
        life.tally.withdrawn(Family::IPV4_UNICAST, withdrawn.0);
        life.tally.withdrawn(Family::IPV6_UNICAST, withdrawn.1);
        if let Some((mp, index)) = view.mp_unreach().and_then(|mp| Some((mp, beyond(mp.family())?)))
        {
            with_family!(index, P => self.withdraw_beyond::<P>(ix, life, &mp));
        }
        if !view.has_reach() {
            return Ok(());
        }
        let Some((attr, flags)) = self.attributes(life, &view) else {
            self.treat_as_withdraw(ix, life, &view);
            return Ok(());
        };
        if let Some(next_hop) = view.next_hop_v4() {
            let (id, nh_flags) = self.checked_next_hop(life, Family::IPV4_UNICAST, next_hop);
            let nlri = view.reach_v4().map(|(path_id, prefix)| (path_id, prefix, id));
            self.reach(ix, life, nlri, attr, flags.with(nh_flags), outcome);
            self.rib.next_hops.release(id);
        }
        if let Some((next_hop, nlri)) = view.second_reach_v4() {
            let (id, nh_flags) = self.checked_next_hop(life, Family::IPV4_UNICAST, next_hop);
            let nlri = nlri.map(|(path_id, prefix)| (path_id, prefix, id));
            self.reach(ix, life, nlri, attr, flags.with(nh_flags), outcome);
            self.rib.next_hops.release(id);
        }
        if let Some(next_hop) = view.next_hop_v6() {
            let (id, nh_flags) = self.checked_next_hop(life, Family::IPV6_UNICAST, next_hop);
            let nlri = view.reach_v6().map(|(path_id, prefix)| (path_id, prefix, id));
            self.reach(ix, life, nlri, attr, flags.with(nh_flags), outcome);
            self.rib.next_hops.release(id);
        }
        if let Some((mp, index)) = view.mp_reach().and_then(|mp| Some((mp, beyond(mp.family())?))) {
            with_family!(index, P => self.reach_beyond::<P>(ix, life, &mp, attr, flags, outcome));
        }
        Ok(())
    }

    /// The message's attribute set, interned and checked; `None` to treat it as a withdrawal.
    fn attributes(
        &mut self,
        life: &mut Life,
        view: &UpdateView<'_>,
    ) -> Option<(AttrId, PathFlags)> {
        // With equal attributes only the need for a NEXT_HOP can differ.
        let complete = view.next_hop_v4().is_some() || view.reach_v4().next().is_none();
        if let Some(last) = &life.last
            && complete
            && last.raw == view.raw_attrs()
        {
            return Some((last.attr, last.flags));
        }
        let (canonical, own_as) = match view.attrs(&mut life.scratch) {
            AttrOutcome::Ok { canonical, discarded, own_as } => {
                life.tally.attributes_discarded += u64::from(discarded);
                (canonical, own_as)
            }
            AttrOutcome::TreatAsWithdraw(error) => {
                debug!(peer = %life.name, %error, "malformed attributes; routes withdrawn");
                return None;
            }
        };
        let unicast = view.mp_reach().is_none_or(|mp| beyond(mp.family()).is_none());
        let (canonical, wrong) = life.inbound.apply(unicast, canonical, &mut life.edited);
        let same = life
            .last
            .as_ref()
            .filter(|last| last.unicast == unicast && self.rib.attrs.bytes(last.attr) == canonical);
        let (attr, flags) = match same {
            Some(last) => (last.attr, last.flags),
            None => {
                let attr = self.rib.attrs.intern(canonical);
                let allowed = life.config.allow_as_in;
                let mut flags = self.config.loop_flags(allowed, own_as, canonical).with(wrong);
                // Our other AS counts by itself, as the one that the neighbour sees does.
                if life.inbound.router_as_count(canonical) > usize::from(allowed) {
                    flags = flags.with(PathFlags::AS_LOOP);
                }
                if let Some(last) = &life.last {
                    self.rib.attrs.release(last.attr);
                }
                (attr, flags)
            }
        };
        let mut raw = life.last.take().map_or_else(Vec::new, |last| last.raw);
        raw.clear();
        raw.extend_from_slice(view.raw_attrs());
        life.last = Some(LastSet { raw, attr, flags, unicast });
        Some((attr, flags))
    }

    /// The next hop's id with one reference, and whether it can be one at all (RFC 4271 section
    /// 6.3: syntactically right, not one of our own addresses, and where the link demands it on it).
    fn checked_next_hop(
        &mut self,
        life: &Life,
        family: Family,
        next_hop: NextHop,
    ) -> (NextHopId, PathFlags) {
        // Beyond unicast it is a router somewhere (RFC 4364 section 10 c), not one on the link.
        let unicast = beyond(family).is_none();
        let address = next_hop.addr();
        let ours = life.ends.contains(address)
            || self.kernel.as_ref().is_some_and(|k| k.is_local(address));
        let placed = !unicast || life.inbound.accepts(&next_hop);
        let flags = match next_hop.is_valid() && !ours && placed {
            true => PathFlags::NONE,
            false => PathFlags::INVALID_NEXT_HOP,
        };
        (self.next_hop(next_hop, life.ends.ifindex), flags)
    }

    fn reach<P: TableFamily>(
        &mut self,
        ix: PeerIx,
        life: &mut Life,
        nlri: impl Iterator<Item = (u32, P, NextHopId)>,
        attr: AttrId,
        flags: PathFlags,
        outcome: &mut Outcome,
    ) {
        let limit = life.config.maximum_prefix.map_or(u32::MAX, |m| m.limit);
        let plain = life.originals.as_ref().is_none_or(Originals::is_empty);
        if life.import.is_permit_all() && limit == u32::MAX && plain {
            let mut count = 0;
            for (path_id, prefix, next_hop) in nlri {
                count += 1;
                self.rib.announce(ix, path_id, prefix, attr, next_hop, flags);
            }
            life.tally.announced(P::FAMILY, count, flags);
            return;
        }
        let (mut count, mut denied, mut over) = (0, 0, 0);
        for (path_id, prefix, next_hop) in nlri {
            count += 1;
            if self.rib.counts::<P>(ix).received >= limit && !self.has_path(ix, path_id, prefix) {
                life.over_limit += 1;
                over += 1;
                if let Some(limit) = life.limit_mut(P::FAMILY) {
                    limit.refused = true;
                }
                let action = life.config.maximum_prefix.map(|m| m.action);
                if !matches!(action, Some(OverLimit::Refuse)) {
                    outcome.over_limit = Some((P::FAMILY, limit));
                }
                continue;
            }
            // The policy keeps its reference to the set until the next call.
            let Rib { attrs, next_hops, .. } = &mut self.rib;
            let subject =
                |attrs: &AttrTable| Subject::of(prefix, next_hops, next_hop, attrs.bytes(attr));
            let (accepted, flags) = match life.import.apply(attrs, attr, subject) {
                ImportVerdict::Accept(accepted) => (accepted, flags),
                ImportVerdict::Deny => {
                    denied += 1;
                    (attr, flags.with(PathFlags::FILTERED))
                }
            };
            self.rib.announce(ix, path_id, prefix, accepted, next_hop, flags);
            if let Some(originals) = &mut life.originals {
                let name = PathName::of(prefix, path_id);
                originals.note(&mut self.rib.attrs, name, attr, accepted);
            }
        }
        life.tally.announced(P::FAMILY, count, flags);
        if let Some(counts) = life.tally.family(P::FAMILY) {
            counts.denied_by_policy += denied;
            counts.over_limit += over;
        }
    }

    fn has_path<P: TableFamily>(&self, ix: PeerIx, path_id: u32, prefix: P) -> bool {
        let Some(row) = self.rib.row(prefix) else { return false };
        self.rib.paths::<P>(row).any(|p| p.peer == ix && p.path_id == path_id)
    }

    fn treat_as_withdraw(&mut self, ix: PeerIx, life: &mut Life, view: &UpdateView<'_>) {
        life.tally.treated_as_withdraw += 1;
        self.withdraw_all(ix, life, view.reach_v4());
        let second = view.second_reach_v4().into_iter().flat_map(|(_, nlri)| nlri);
        self.withdraw_all(ix, life, second);
        self.withdraw_all(ix, life, view.reach_v6());
        if let Some((mp, index)) = view.mp_reach().and_then(|mp| Some((mp, beyond(mp.family())?))) {
            with_family!(index, P => {
                let routes = mp.iter::<<P as TableFamily>::Wire>().into_iter().flatten();
                self.withdraw_all(ix, life, keys::<P>(routes))
            });
        }
    }

    /// Routes of a family beyond unicast, each with what its NLRI has beside the key.
    fn reach_beyond<P: TableFamily>(
        &mut self,
        ix: PeerIx,
        life: &mut Life,
        mp: &MpReach<'_>,
        attr: AttrId,
        flags: PathFlags,
        outcome: &mut Outcome,
    ) {
        let (Some(next_hop), Some(routes)) = (mp.next_hop(), mp.iter::<P::Wire>()) else { return };
        let next_hop = unmapped(P::FAMILY, next_hop);
        let (base, nh_flags) = self.checked_next_hop(life, P::FAMILY, next_hop);
        life.targets_changed |= P::FAMILY == Family::ROUTE_TARGET;
        let (mut nlri, mut rest) = (Vec::with_capacity(routes.len()), Vec::new());
        for (path_id, route) in routes {
            rest.clear();
            match P::split(&route, &mut rest) {
                Some(key) => {
                    nlri.push((path_id, key, self.rib.next_hops.with_rest(base, &rest)));
                }
                None => {
                    life.tally.unusable_routes += 1;
                    debug!(peer = %life.name, family = %P::FAMILY, %route, malformed = route.is_malformed(),
                        "a route that cannot be kept");
                }
            }
        }
        self.reach(ix, life, nlri.iter().copied(), attr, flags.with(nh_flags), outcome);
        for (_, _, next_hop) in nlri {
            self.rib.next_hops.release(next_hop);
        }
        self.rib.next_hops.release(base);
    }

    fn withdraw_beyond<P: TableFamily>(&mut self, ix: PeerIx, life: &mut Life, mp: &MpUnreach<'_>) {
        let Some(routes) = mp.iter::<P::Wire>() else { return };
        life.targets_changed |= P::FAMILY == Family::ROUTE_TARGET;
        let count = self.withdraw_all(ix, life, keys::<P>(routes));
        life.tally.withdrawn(P::FAMILY, count);
    }

    /// Returns how many there were.
    fn withdraw_all<P: TableFamily>(
        &mut self,
        ix: PeerIx,
        life: &mut Life,
        nlri: impl Iterator<Item = (u32, P)>,
    ) -> u64 {
        let mut count = 0;
        for (path_id, prefix) in nlri {
            count += 1;
            self.rib.withdraw(ix, path_id, prefix);
            if let Some(originals) = &mut life.originals {
                originals.forget(&mut self.rib.attrs, &PathName::of(prefix, path_id));
            }
        }
        count
    }
}

impl RouterConfig {
    /// RFC 4271 section 9.1.2 (AS loop) and RFC 4456 section 8 (reflection loop).
    fn loop_flags(&self, allowed: u8, own_as: u16, canonical: &[u8]) -> PathFlags {
        let mut flags = PathFlags::NONE;
        if own_as > u16::from(allowed) {
            flags = flags.with(PathFlags::AS_LOOP);
        }
        let originator = find(canonical, AttrType::ORIGINATOR_ID);
        let clusters = find(canonical, AttrType::CLUSTER_LIST).unwrap_or_default();
        let cluster = self.cluster_id.unwrap_or(self.router_id).octets();
        if originator == Some(&self.router_id.octets())
            || clusters.chunks_exact(4).any(|id| id == cluster)
        {
            flags = flags.with(PathFlags::REFLECTION_LOOP);
        }
        flags
    }
}

/// The index of a family with a table that is not unicast.
fn beyond(family: Family) -> Option<usize> {
    let unicast = matches!(family, Family::IPV4_UNICAST | Family::IPV6_UNICAST);
    if unicast { None } else { family_index(family) }
}

/// An IPv4 address that an IPv6 family had to carry mapped (RFC 4659 section 3.2.1.2, RFC 4798
/// section 2), as what it is: that is how it is resolved.
fn unmapped(family: Family, next_hop: NextHop) -> NextHop {
    match next_hop {
        NextHop::V6(addr) if keeps_next_hop(family) => {
            addr.to_ipv4_mapped().map_or(next_hop, NextHop::V4)
        }
        _ => next_hop,
    }
}

/// The keys of routes that can be kept.
fn keys<P: TableFamily>(
    routes: impl Iterator<Item = (u32, P::Wire)>,
) -> impl Iterator<Item = (u32, P)> {
    let mut rest = Vec::new();
    routes.filter_map(move |(path_id, route)| {
        rest.clear();
        Some((path_id, P::split(&route, &mut rest)?))
    })
}

/// The first message, header included, and what follows it; the runner has checked the headers.
fn split_frame(burst: &[u8]) -> Option<(&[u8], &[u8])> {
    let len = usize::from(u16::from_be_bytes([*burst.get(16)?, *burst.get(17)?]));
    burst.split_at_checked(len.max(HEADER_LEN))
}
