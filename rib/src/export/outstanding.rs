//! What members that are not in sync still have to be sent.
//!
//! **For**: late joiners and slow members, which must not hold up the group. **Sits**: one a cohort
//! (members that lack the same things) and family. **How it works**: an entry is either *settled*, then
//! every member of the cohort holds exactly what the group advertises for it (the source of the
//! route excepted), or *pending*, then it has to be sent, and `had` says whether the members hold an
//! older version. What the group no longer advertises but members still hold is owed a withdrawal,
//! by prefix, because the row may be reused for another prefix in the meantime.
//!
//! ```text
//!            group changes row                     cohort is served
//! settled ───────────────────────> pending(had) ─────────────────────> settled
//!    │  group withdraws row            │ group withdraws row
//!    └───────────────> owed withdrawal <┘ (only if had) ──── served ──> nothing
//! ```
//!
//! **Invariants**: a pending row is advertised by the group; `had` and `lacks` only hold pending
//! rows; a prefix owed a withdrawal is not advertised by the group. At most one member of a cohort
//! lacks a route that the others hold: the one that was its source.
//! **Cost**: two bits a row while a member catches up; a flapping prefix costs nothing more.

use foldhash::fast::RandomState;
use hashbrown::HashMap;

use super::{
    adj_out::{AdjOut, EntryIx},
    bitmap::Bitmap,
};
use crate::{PeerIx, TableFamily};

#[derive(Clone, Debug)]
pub(super) struct Outstanding<P> {
    pending: Bitmap,
    /// Pending rows of which the members hold an older version.
    had: Bitmap,
    /// Of those, the one member that does not.
    lacks: HashMap<EntryIx, PeerIx, RandomState>,
    /// Prefixes to withdraw, with their path identifiers, and the one member that does not hold them.
    owed: HashMap<(u32, P), Option<PeerIx>, RandomState>,
    cursor: u32,
}

/// A pending row taken out to be sent.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) at: EntryIx,
    /// Members hold an older version of it.
    pub(super) had: bool,
    /// But this one does not.
    pub(super) lacks: Option<PeerIx>,
}

impl<P: TableFamily> Outstanding<P> {
    /// Nothing is outstanding.
    pub(super) fn new() -> Self {
        Self {
            pending: Bitmap::default(),
            had: Bitmap::default(),
            lacks: HashMap::default(),
            owed: HashMap::default(),
            cursor: 0,
        }
    }

    /// Marks a row to be sent; `held` says whether the (only) member holds a version of it.
    pub(super) fn add(&mut self, at: EntryIx, held: bool) {
        if self.pending.insert(at.0) && held {
            self.had.insert(at.0);
        }
    }

    /// Records that the (only) member holds a version of a row that is to be sent.
    pub(super) fn hold(&mut self, at: EntryIx) {
        self.pending.insert(at.0);
        self.had.insert(at.0);
    }

    /// Marks a prefix to be withdrawn.
    pub(super) fn owe(&mut self, nlri: (u32, P), lacks: Option<PeerIx>) {
        self.owed.insert(nlri, lacks);
    }

    /// The group's entry for a row has changed.
    pub(super) fn changed(
        &mut self,
        at: EntryIx,
        nlri: (u32, P),
        old: AdjOut,
        new: AdjOut,
        is_member: impl Fn(PeerIx) -> bool,
    ) {
        let old_source = is_member(old.source).then_some(old.source);
        if old.is_none() {
            let owed = self.owed.remove(&nlri);
            self.add(at, owed.is_some());
            if let Some(Some(lacks)) = owed {
                self.lacks.insert(at, lacks);
            }
        } else if new.is_none() {
            if !self.pending.remove(at.0) {
                self.owe(nlri, old_source);
                return;
            }
            let lacks = self.lacks.remove(&at);
            if self.had.remove(at.0) {
                self.owe(nlri, lacks);
            }
        } else if !self.pending.contains(at.0) {
            if old.out == new.out && old_source.is_none() && !is_member(new.source) {
                return;
            }
            self.add(at, true);
            if let Some(source) = old_source {
                self.lacks.insert(at, source);
            }
        }
    }

    /// Takes a prefix to be withdrawn, with the member that does not hold it.
    pub(super) fn take_owed(&mut self, max: usize) -> Vec<((u32, P), Option<PeerIx>)> {
        if max >= self.owed.len() {
            return self.owed.drain().collect();
        }
        let taken: Vec<_> =
            self.owed.iter().take(max).map(|(nlri, lacks)| (*nlri, *lacks)).collect();
        for (nlri, _) in &taken {
            self.owed.remove(nlri);
        }
        taken
    }

    /// Takes the next pending row.
    pub(super) fn take_entry(&mut self) -> Option<Taken> {
        let next = self.pending.next_from(self.cursor).or_else(|| self.pending.next_from(0))?;
        self.cursor = next + 1;
        self.pending.remove(next);
        let at = EntryIx(next);
        let had = self.had.remove(next);
        Some(Taken { at, had, lacks: if had { self.lacks.remove(&at) } else { None } })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.owed.is_empty()
    }

    /// Rows and prefixes still to be sent.
    pub(super) fn len(&self) -> usize {
        self.pending.len() + self.owed.len()
    }

    pub(super) fn is_pending(&self, at: EntryIx) -> bool {
        self.pending.contains(at.0)
    }

    /// Whether `member` holds a version of a row, given what the group advertises for it.
    pub(super) fn holds(&self, at: EntryIx, entry: AdjOut, member: PeerIx) -> bool {
        if self.pending.contains(at.0) {
            self.had.contains(at.0) && self.lacks.get(&at) != Some(&member)
        } else {
            entry.reaches(member)
        }
    }

    pub(super) fn pending_entries(&self) -> impl Iterator<Item = EntryIx> + '_ {
        self.pending.iter().map(EntryIx)
    }

    /// Prefixes that `member` holds and the group no longer advertises.
    pub(super) fn owed_to(&self, member: PeerIx) -> impl Iterator<Item = (u32, P)> + '_ {
        let held = move |(nlri, lacks): (&(u32, P), &Option<PeerIx>)| {
            (*lacks != Some(member)).then_some(*nlri)
        };
        self.owed.iter().filter_map(held)
    }
}
