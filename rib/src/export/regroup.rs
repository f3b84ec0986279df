//! Changing a member's group without disturbing its session.
//!
//! **For**: a new policy, next hop address or set of originations for a running session. **Sits**:
//! part of [`Exports`]. **How it works**: a member alone in its group takes the group along. Otherwise
//! it moves: into a group that exists already by comparing what it holds with what that group
//! advertises, entry by entry; else into a new group that starts with a copy of the old entries. In
//! each case the session is sent the differences only.
//! **Invariants**: what the member holds is accounted for before and after the move.

use super::{
    Exports, GroupKey, MemberId, adj_out::EntryIx, family::FamilyExport, group::Group,
    outstanding::Outstanding, roster::Place,
};
use crate::{GroupIx, PeerIx, Rib, RowId, TableFamily, each_family};

impl Exports {
    /// Changes what a running session is sent to what `key` says. Only differences are sent. The
    /// families are those of the session and stay, whatever `key` says; so does whether prefixes have
    /// path identifiers.
    pub fn rekey(&mut self, rib: &mut Rib, member: MemberId, key: GroupKey) {
        let Some(from) = self.group_of(member) else { return };
        self.moves.retain(|(moving, _)| *moving != member);
        let group = self.group(from);
        let key = key.normalized().bound_to(&group.core.key);
        if group.core.key == key {
            return;
        }
        let alone = group.roster.members().count() == 1;
        match self.find(&key) {
            None if alone => self.group_mut(from).rekey(rib, key),
            None => {
                let group = self.offshoot(rib, from, key);
                let to = self.add(group);
                self.transfer_state(from, to, member.peer());
                self.change(rib, from, to, member);
            }
            // A group that has not seen all rows yet would seem to withdraw the rest.
            Some(to) if self.group(to).fresh => self.moves.push((member, key)),
            Some(to) => {
                self.compare(rib, from, to, member.peer());
                self.change(rib, from, to, member);
            }
        }
    }

    /// Tries the moves that had to wait. Returns whether some happened.
    pub(super) fn retry_moves(&mut self, rib: &mut Rib) -> bool {
        let waiting = std::mem::take(&mut self.moves);
        let before = waiting.len();
        for (member, key) in waiting {
            self.rekey(rib, member, key);
        }
        self.moves.len() < before
    }

    /// A group of its own key that advertises what `from` does, for the time being.
    fn offshoot(&self, rib: &mut Rib, from: GroupIx, key: GroupKey) -> Group {
        let mut group = Group::new(rib, key);
        let old = &self.group(from).families;
        each_family!(P => group.families.of_mut::<P>().adopt(rib, old.of::<P>()));
        group.fresh = false;
        group
    }

    /// Into a copy of the old group: the member lacks there what it lacks here.
    fn transfer_state(&mut self, from: GroupIx, to: GroupIx, peer: PeerIx) {
        let Place::Cohort(at) = self.group(from).roster.place(peer) else {
            self.group_mut(to).roster.put(peer, Place::InSync);
            return;
        };
        let cohort = self.group_mut(to).new_cohort(true);
        each_family!(P => {
            let lacking = self.group(from).families.of::<P>().outstanding[usize::from(at)].clone();
            *self.group_mut(to).families.of_mut::<P>().outstanding_mut(cohort) = lacking;
        });
        self.group_mut(to).roster.put(peer, Place::Cohort(cohort));
    }

    /// Into another group: the member lacks what that one advertises and it does not hold.
    fn compare(&mut self, rib: &Rib, from: GroupIx, to: GroupIx, peer: PeerIx) {
        let cohort = self.group_mut(to).new_cohort(true);
        each_family!(P => {
            let lacking = difference::<P>(rib, self.group(from), self.group(to), peer);
            *self.group_mut(to).families.of_mut::<P>().outstanding_mut(cohort) = lacking;
        });
        self.group_mut(to).roster.put(peer, Place::Cohort(cohort));
    }

    /// The end of a move: the new group has the member already.
    fn change(&mut self, rib: &mut Rib, from: GroupIx, to: GroupIx, member: MemberId) {
        if self.group(from).roster.owes_end_of_rib(member.peer()) {
            self.group_mut(to).roster.owe_end_of_rib(member.peer());
        }
        // What the new group advertises alike is not outstanding: a refresh begins anew.
        for family in self.group_mut(from).refreshes.take(member.peer()) {
            self.group_mut(to).refresh_enhanced(member.peer(), family);
        }
        self.place(member.peer(), Some(to));
        self.remove_member(rib, from, member.peer());
    }
}

fn difference<P: TableFamily>(rib: &Rib, old: &Group, new: &Group, peer: PeerIx) -> Outstanding<P> {
    let table = rib.table::<P>();
    let lacking = match old.roster.place(peer) {
        Place::Cohort(at) => Some(&old.families.of::<P>().outstanding[usize::from(at)]),
        Place::InSync | Place::Absent => None,
    };
    let (old, new) = (old.families.of::<P>(), new.families.of::<P>());
    let mut outstanding = Outstanding::new();
    let held = |at: EntryIx| match lacking {
        Some(lacking) => lacking.holds(at, old.adj.entry(at), peer),
        None => old.adj.entry(at).reaches(peer),
    };
    for (at, entry) in new.adj.iter() {
        let (row, id) = new.place(at);
        let before = old.find(row, id);
        let held = before.is_some_and(held);
        let settled = before.is_some_and(|before| {
            held && !lacking.is_some_and(|lacking| lacking.is_pending(before))
                && entry.source != peer
                && new.same_as(rib, entry.out, old, old.adj.entry(before).out)
        });
        if !settled {
            outstanding.add(at, held);
        }
    }
    for (at, _) in old.adj.iter() {
        let (row, id) = old.place(at);
        if held(at) && advertised(new, row, id).is_none() {
            outstanding.owe(old.nlri(rib, at), None);
        }
    }
    for (id, prefix) in lacking.iter().flat_map(|lacking| lacking.owed_to(peer)) {
        // The other group may have looked at the prefix's new row before this one did.
        match table.row(prefix).and_then(|row| advertised(new, row, id)) {
            Some(at) => outstanding.hold(at),
            None => outstanding.owe((id, prefix), None),
        }
    }
    outstanding
}

/// The entry under which a group advertises a prefix with a path identifier.
fn advertised<P: TableFamily>(family: &FamilyExport<P>, row: RowId, id: u32) -> Option<EntryIx> {
    family.find(row, id).filter(|at| !family.adj.entry(*at).is_none())
}
