//! One update group: members, families, and the order of its work.
//!
//! **For**: peers that are sent the same bytes. **Sits**: owned by [`super::Exports`]. **How it
//! works**: a turn of the pump does, in this order and within its budget:
//!
//! 1. members in sync without room are detached into a cohort of their own;
//! 2. changed rows are drained (all rows are, after a change of policy);
//! 3. cohorts with room are served, the rest of a cohort splits off; who lacks nothing is in sync;
//! 4. members that have just got in sync for the first time are sent End-of-RIB.
//!
//! **Invariants**: the group never waits for a member. A member's frames are pushed in the order in
//! which the entries changed, so the last one about a prefix says what the entry says.
//! **References**: RFC 4724 section 2 (End-of-RIB), RFC 2918 (refresh).

use std::{any::Any, sync::Arc};

use bgp_wire::{RouteTargetMembership, V4Prefix, V6Prefix};
use bytes::Bytes;

use super::{
    AddPathSend, FrameSink, GroupKey, RouteTargets,
    family::{Core, FamilyExport},
    outstanding::Outstanding,
    refresh::Refreshes,
    roster::{Place, Roster},
    rules::Buffers,
};
use crate::{
    ConsumerIx, FAMILIES, Interest, PeerIx, Rib, RowId, TableFamily, each_family,
    family::{EvpnRowKey, LabeledKey, VpnKey},
    family_index,
    policy::{Compiled, Edit},
    with_family,
};

/// Rows looked at between two checks of who has room, so that a queue overshoots by a few MiB at
/// worst.
const STEP: usize = 32 * 1024;

#[derive(Debug)]
pub(super) struct Group {
    pub(super) core: Core,
    pub(super) roster: Roster,
    pub(super) families: Families,
    pub(super) refreshes: Refreshes,
    consumer: ConsumerIx,
    /// The rows that were there when the group was made have not all been looked at yet.
    pub(super) fresh: bool,
}

#[derive(Debug)]
pub(super) struct Families {
    v4: FamilyExport<V4Prefix>,
    v6: FamilyExport<V6Prefix>,
    labeled_v4: FamilyExport<LabeledKey<V4Prefix>>,
    labeled_v6: FamilyExport<LabeledKey<V6Prefix>>,
    vpn_v4: FamilyExport<VpnKey<V4Prefix>>,
    vpn_v6: FamilyExport<VpnKey<V6Prefix>>,
    evpn: FamilyExport<EvpnRowKey>,
    route_target: FamilyExport<RouteTargetMembership>,
}

/// The field of a family, as something to be downcast.
macro_rules! field {
    ($families:expr, $index:expr, $($mutable:tt)?) => {
        match $index {
            V4Prefix::INDEX => &$($mutable)? $families.v4,
            V6Prefix::INDEX => &$($mutable)? $families.v6,
            LabeledKey::<V4Prefix>::INDEX => &$($mutable)? $families.labeled_v4,
            LabeledKey::<V6Prefix>::INDEX => &$($mutable)? $families.labeled_v6,
            VpnKey::<V4Prefix>::INDEX => &$($mutable)? $families.vpn_v4,
            VpnKey::<V6Prefix>::INDEX => &$($mutable)? $families.vpn_v6,
            EvpnRowKey::INDEX => &$($mutable)? $families.evpn,
            _ => &$($mutable)? $families.route_target,
        }
    };
}

impl Families {
    fn new(key: &GroupKey) -> Self {
        Self {
            v4: FamilyExport::new(key),
            v6: FamilyExport::new(key),
            labeled_v4: FamilyExport::new(key),
            labeled_v6: FamilyExport::new(key),
            vpn_v4: FamilyExport::new(key),
            vpn_v6: FamilyExport::new(key),
            evpn: FamilyExport::new(key),
            route_target: FamilyExport::new(key),
        }
    }

    /// Nothing is advertised in any family.
    fn is_empty(&self) -> bool {
        let mut empty = true;
        each_family!(P => empty &= self.of::<P>().adj.is_empty());
        empty
    }

    /// A cohort lacks nothing of any family.
    fn is_settled(&self, cohort: usize) -> bool {
        let mut settled = true;
        each_family!(P => settled &= self.of::<P>().outstanding[cohort].is_empty());
        settled
    }

    /// The family of prefix type `P`.
    #[inline]
    pub(super) fn of<P: TableFamily>(&self) -> &FamilyExport<P> {
        let family: &dyn Any = field!(self, P::INDEX,);
        family.downcast_ref().expect("the index of a family tells its type")
    }

    /// The family of prefix type `P`.
    #[inline]
    pub(super) fn of_mut<P: TableFamily>(&mut self) -> &mut FamilyExport<P> {
        let family: &mut dyn Any = field!(self, P::INDEX, mut);
        family.downcast_mut().expect("the index of a family tells its type")
    }
}

impl Group {
    /// A group without members that has yet to look at every row.
    pub(super) fn new(rib: &mut Rib, key: GroupKey) -> Self {
        let several = FAMILIES.iter().any(|family| key.add_path(*family) != AddPathSend::Off);
        let interest = if several { Interest::Paths } else { Interest::Best };
        let consumer = rib.register_consumer(interest, key.families);
        Self {
            families: Families::new(&key),
            core: Core { policy: Compiled::new(&key.policy), key, buffers: Buffers::default() },
            roster: Roster::default(),
            refreshes: Refreshes::default(),
            consumer,
            fresh: true,
        }
    }

    /// Gives back everything held in the tables.
    pub(super) fn dissolve(mut self, rib: &mut Rib) {
        each_family!(P => self.families.of_mut::<P>().dissolve(rib));
        rib.remove_consumer(self.consumer);
    }

    /// Changes what the group stands for; its members are sent the differences. Of another policy
    /// alone, only the families that it concerns are looked at again.
    pub(super) fn rekey(&mut self, rib: &mut Rib, key: GroupKey) {
        let before = &self.core.key;
        let only_policy = GroupKey { policy: Arc::clone(&before.policy), ..key.clone() } == *before;
        let edit = Edit::between(&before.policy, &key.policy);
        let concerned = |family| !only_policy || edit.concerns(family);
        self.core.policy = Compiled::new(&key.policy);
        self.core.key = key;
        each_family!(P => {
            self.families.of_mut::<P>().rekey(rib, &self.core.key);
            if concerned(P::FAMILY) {
                rib.replay::<P>(self.consumer);
            }
        });
    }

    /// A peer that holds nothing becomes a member.
    pub(super) fn join(&mut self, peer: PeerIx) {
        self.roster.owe_end_of_rib(peer);
        if self.families.is_empty() {
            self.roster.put(peer, Place::InSync);
            return;
        }
        let cohort = match self.roster.joinable() {
            Some(cohort) => cohort,
            None => {
                let cohort = self.new_cohort(false);
                each_family!(P => self.want_all::<P>(cohort));
                cohort
            }
        };
        self.roster.put(peer, Place::Cohort(cohort));
    }

    fn want_all<P: TableFamily>(&mut self, cohort: u16) {
        let family = self.families.of_mut::<P>();
        let mut outstanding = Outstanding::new();
        for (at, _) in family.adj.iter() {
            outstanding.add(at, false);
        }
        *family.outstanding_mut(cohort) = outstanding;
    }

    /// An empty cohort that lacks nothing.
    pub(super) fn new_cohort(&mut self, started: bool) -> u16 {
        let cohort = self.roster.new_cohort(started);
        each_family!(P => {
            *self.families.of_mut::<P>().outstanding_mut(cohort) = Outstanding::new();
        });
        cohort
    }

    /// Sends everything of a family to a member once more (RFC 2918).
    pub(super) fn refresh<P: TableFamily>(&mut self, peer: PeerIx) {
        let cohort = self.isolate(peer);
        let family = self.families.of_mut::<P>();
        let outstanding = &mut family.outstanding[usize::from(cohort)];
        for (at, entry) in family.adj.iter() {
            outstanding.add(at, entry.reaches(peer));
        }
    }

    /// Gives a member a cohort of its own, which lacks what it lacks.
    fn isolate(&mut self, peer: PeerIx) -> u16 {
        match self.roster.place(peer) {
            Place::Cohort(from) if self.roster.cohort(from).len() > 1 => self.split(from, &[peer]),
            Place::Cohort(own) => {
                self.roster.start(own);
                own
            }
            Place::InSync | Place::Absent => {
                let own = self.new_cohort(true);
                self.roster.put(peer, Place::Cohort(own));
                own
            }
        }
    }

    fn split(&mut self, from: u16, peers: &[PeerIx]) -> u16 {
        let to = self.roster.new_cohort(true);
        each_family!(P => {
            let family = self.families.of_mut::<P>();
            *family.outstanding_mut(to) = family.outstanding[usize::from(from)].clone();
        });
        for &peer in peers {
            self.roster.put(peer, Place::Cohort(to));
        }
        to
    }

    /// One turn of work; takes what it uses off `budget`. Returns whether there is more to do now.
    pub(super) fn pump(
        &mut self,
        rib: &mut Rib,
        sink: &mut impl FrameSink,
        budget: &mut usize,
    ) -> bool {
        let mut more = false;
        each_family!(P => more |= self.drain::<P>(rib, sink, budget));
        let drained = !more;
        more |= self.serve_cohorts(rib, sink, budget);
        if drained {
            self.fresh = false;
            more |= self.finish_members(sink);
        }
        each_family!(P => self.families.of_mut::<P>().tidy(rib));
        more
    }

    fn drain<P: TableFamily>(
        &mut self,
        rib: &mut Rib,
        sink: &mut impl FrameSink,
        budget: &mut usize,
    ) -> bool {
        if !self.core.key.families.contains(P::FAMILY) {
            return false;
        }
        let mut rows = std::mem::take(&mut self.families.of_mut::<P>().rows);
        let more = loop {
            rows.clear();
            if *budget == 0 {
                break self.has_work::<P>(rib);
            }
            self.next_rows::<P>(rib, STEP.min(*budget), &mut rows);
            if rows.is_empty() {
                break false;
            }
            *budget -= rows.len();
            self.detach_slow(sink);
            let family = self.families.of_mut::<P>();
            family.drain(&mut self.core, &self.roster, rib, &rows, sink);
        };
        self.families.of_mut::<P>().rows = rows;
        more
    }

    /// Rows to look at: changed ones, then those to be visited again.
    fn next_rows<P: TableFamily>(&mut self, rib: &mut Rib, max: usize, rows: &mut Vec<RowId>) {
        if rib.next_dirty::<P>(self.consumer, max, rows) > 0 {
            return;
        }
        let family = self.families.of_mut::<P>();
        let end = rib.table::<P>().slots();
        while rows.len() < max
            && let Some(row) = family.revisit.next_from(0)
        {
            family.revisit.remove(row);
            if row < end {
                rows.push(RowId(row));
            }
        }
    }

    fn has_work<P: TableFamily>(&self, rib: &Rib) -> bool {
        rib.has_dirty(self.consumer) || !self.families.of::<P>().revisit.is_empty()
    }

    fn detach_slow(&mut self, sink: &impl FrameSink) {
        let slow = |peer: &&PeerIx| !sink.has_room(**peer);
        let slow: Vec<_> = self.roster.in_sync().iter().filter(slow).copied().collect();
        if slow.is_empty() {
            return;
        }
        let cohort = self.new_cohort(true);
        for peer in slow {
            self.roster.put(peer, Place::Cohort(cohort));
        }
    }

    fn serve_cohorts(&mut self, rib: &Rib, sink: &mut impl FrameSink, budget: &mut usize) -> bool {
        let cohorts: Vec<_> = self.roster.cohorts().collect();
        let mut more = false;
        for cohort in cohorts {
            more |= self.serve(rib, cohort, sink, budget);
        }
        more
    }

    /// Serves a cohort until it lacks nothing, nobody in it has room, or the budget is used up. Only
    /// in the last case there is more to do now (`true`).
    fn serve(
        &mut self,
        rib: &Rib,
        cohort: u16,
        sink: &mut impl FrameSink,
        budget: &mut usize,
    ) -> bool {
        let at = usize::from(cohort);
        loop {
            let members = self.roster.cohort(cohort);
            let slow: Vec<_> = members.iter().filter(|p| !sink.has_room(**p)).copied().collect();
            if slow.len() == members.len() {
                return false;
            }
            if !slow.is_empty() {
                self.split(cohort, &slow);
            }
            if !self.refreshes.is_empty() {
                let members = self.roster.cohort(cohort);
                self.refreshes.begin(members, sink);
                let families = &self.families;
                let is_done = |family| {
                    let index = family_index(family);
                    let done = |index: usize| with_family!(index, P => families.of::<P>().outstanding[at].is_empty());
                    index.and_then(done).unwrap_or(true)
                };
                self.refreshes.end(members, is_done, sink);
            }
            if self.families.is_settled(at) {
                break;
            }
            if *budget == 0 {
                return true;
            }
            self.roster.start(cohort);
            let mut served = 0;
            each_family!(P => if served == 0 {
                let family = self.families.of_mut::<P>();
                served = family.serve(&self.roster, rib, cohort, STEP.min(*budget), sink);
            });
            *budget -= served;
        }
        for peer in self.roster.cohort(cohort).to_vec() {
            self.roster.put(peer, Place::InSync);
        }
        false
    }

    /// Returns whether that makes more to do.
    fn finish_members(&mut self, sink: &mut impl FrameSink) -> bool {
        if !self.roster.has_unfinished() || self.core.key.targets == RouteTargets::Pending {
            return false;
        }
        let finished = self.roster.take_finished();
        if finished.is_empty() {
            return false;
        }
        let mut buf = Vec::new();
        for family in FAMILIES {
            if self.core.key.families.contains(family) {
                bgp_wire::end_of_rib(family, &mut buf);
            }
        }
        let frame = Bytes::from(buf);
        for &peer in &finished {
            sink.push(peer, &frame);
        }
        self.open_refreshes(&finished)
    }
}
