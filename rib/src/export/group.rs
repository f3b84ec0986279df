//! One update group: members, both families, and the order of its work.
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

use std::any::Any;

use bgp_wire::{Family, V4Prefix, V6Prefix};
use bytes::Bytes;

use super::{
    AddPathSend, FrameSink, GroupKey,
    family::{Core, FamilyExport},
    outstanding::Outstanding,
    refresh::Refreshes,
    roster::{Place, Roster},
    rules::Buffers,
};
use crate::{ConsumerIx, Interest, PeerIx, Rib, RowId, TableFamily, policy::Compiled};

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
    pub(super) v4: FamilyExport<V4Prefix>,
    pub(super) v6: FamilyExport<V6Prefix>,
}

impl Families {
    /// The family of prefix type `P`.
    #[inline]
    pub(super) fn of<P: TableFamily>(&self) -> &FamilyExport<P> {
        let family: &dyn Any = if P::INDEX == V4Prefix::INDEX { &self.v4 } else { &self.v6 };
        family.downcast_ref().expect("the index of a family tells its type")
    }

    /// The family of prefix type `P`.
    #[inline]
    pub(super) fn of_mut<P: TableFamily>(&mut self) -> &mut FamilyExport<P> {
        let family: &mut dyn Any =
            if P::INDEX == V4Prefix::INDEX { &mut self.v4 } else { &mut self.v6 };
        family.downcast_mut().expect("the index of a family tells its type")
    }
}

impl Group {
    /// A group without members that has yet to look at every row.
    pub(super) fn new(rib: &mut Rib, key: GroupKey) -> Self {
        let several = [key.add_path_v4, key.add_path_v6].iter().any(|s| *s != AddPathSend::Off);
        let interest = if several { Interest::Paths } else { Interest::Best };
        let consumer = rib.register_consumer(interest, key.families);
        Self {
            families: Families { v4: FamilyExport::new(&key), v6: FamilyExport::new(&key) },
            core: Core { policy: Compiled::new(&key.policy), key, buffers: Buffers::default() },
            roster: Roster::default(),
            refreshes: Refreshes::default(),
            consumer,
            fresh: true,
        }
    }

    /// Gives back everything held in the tables.
    pub(super) fn dissolve(mut self, rib: &mut Rib) {
        self.families.v4.forget(rib);
        self.families.v6.forget(rib);
        rib.remove_consumer(self.consumer);
    }

    /// Changes what the group stands for; its members are sent the differences.
    pub(super) fn rekey(&mut self, rib: &mut Rib, key: GroupKey) {
        self.core.policy = Compiled::new(&key.policy);
        self.core.key = key;
        self.families.v4.rekey(rib, &self.core.key);
        self.families.v6.rekey(rib, &self.core.key);
        rib.replay::<V4Prefix>(self.consumer);
        rib.replay::<V6Prefix>(self.consumer);
    }

    /// A peer that holds nothing becomes a member.
    pub(super) fn join(&mut self, peer: PeerIx) {
        self.roster.owe_end_of_rib(peer);
        let nothing = self.families.v4.adj.is_empty() && self.families.v6.adj.is_empty();
        if nothing {
            self.roster.put(peer, Place::InSync);
            return;
        }
        let cohort = match self.roster.joinable() {
            Some(cohort) => cohort,
            None => {
                let cohort = self.new_cohort(false);
                self.want_all::<V4Prefix>(cohort);
                self.want_all::<V6Prefix>(cohort);
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
        *self.families.v4.outstanding_mut(cohort) = Outstanding::new();
        *self.families.v6.outstanding_mut(cohort) = Outstanding::new();
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
        let Families { v4, v6 } = &mut self.families;
        *v4.outstanding_mut(to) = v4.outstanding[usize::from(from)].clone();
        *v6.outstanding_mut(to) = v6.outstanding[usize::from(from)].clone();
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
        let mut more = self.drain::<V4Prefix>(rib, sink, budget);
        more |= self.drain::<V6Prefix>(rib, sink, budget);
        let drained = !more;
        more |= self.serve_cohorts(rib, sink, budget);
        if drained {
            self.fresh = false;
            more |= self.finish_members(sink);
        }
        self.families.v4.tidy(rib);
        self.families.v6.tidy(rib);
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
            let Families { v4, v6 } = &mut self.families;
            if !self.refreshes.is_empty() {
                let members = self.roster.cohort(cohort);
                self.refreshes.begin(members, sink);
                let is_done = |family| match family {
                    Family::IPV4_UNICAST => v4.outstanding[at].is_empty(),
                    _ => v6.outstanding[at].is_empty(),
                };
                self.refreshes.end(members, is_done, sink);
            }
            if v4.outstanding[at].is_empty() && v6.outstanding[at].is_empty() {
                break;
            }
            if *budget == 0 {
                return true;
            }
            self.roster.start(cohort);
            let mut served = v4.serve(&self.roster, rib, cohort, STEP.min(*budget), sink);
            if served == 0 {
                served = v6.serve(&self.roster, rib, cohort, STEP.min(*budget), sink);
            }
            *budget -= served;
        }
        for peer in self.roster.cohort(cohort).to_vec() {
            self.roster.put(peer, Place::InSync);
        }
        false
    }

    /// Returns whether that makes more to do.
    fn finish_members(&mut self, sink: &mut impl FrameSink) -> bool {
        if !self.roster.has_unfinished() {
            return false;
        }
        let finished = self.roster.take_finished();
        if finished.is_empty() {
            return false;
        }
        let mut buf = Vec::new();
        for family in [Family::IPV4_UNICAST, Family::IPV6_UNICAST] {
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
