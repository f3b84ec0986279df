//! Routes which are kept although nobody stands behind them for the moment.
//!
//! **What it is for.** A neighbour restarts and its routes stay in use until it has announced them
//! again (RFC 4724); a neighbour begins to send everything once more and what it does not repeat is
//! to go (RFC 7313); a neighbour stays away and its routes are used as a last resort (RFC 9494).
//!
//! **Where it sits.** Between [`PeerTable`], which holds the marks of each peer and family, and
//! the walk of [`Rib::sweep`], which does what has to be done to each path.
//!
//! **How it works.** A path carries the number of the generation it was announced in, the peer and
//! family the number of the present one. Marking all paths as stale is counting up; announcing an
//! identical route writes the present number and nobody is told, for nothing has changed.
//!
//! ```text
//! generation   .. 4     5     6     7          8 = current
//!                 removed    |  stale, kept    |  fresh
//!                            keep
//! ```
//!
//! **Invariants.** A path's generation is never ahead of the present one, and at most 63 behind:
//! before the number would come round, one pass over the rows renumbers what is left (that takes 60
//! marks without a sweep between them).
//!
//! **Cost.** Six bits in the flags a path has anyway, 5 bytes a peer and family.
//!
//! References: RFC 4724 section 4.2, RFC 7313 section 4, RFC 9494 section 4.

use bgp_wire::{AttrBuilder, Community, Family, SummaryFlags};

use crate::{
    AttrId, FAMILIES, Path, PathFlags, PeerInfo, PeerIx, PeerTable, Rib, RowId, TableFamily,
    family_index, with_family,
};

/// Generations of paths of one peer and family.
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub(crate) struct Marks {
    /// The generation of what is announced now.
    current: u8,
    /// The oldest generation which is kept.
    keep: u8,
    /// How far back the oldest path can be, as a distance from `current`.
    depth: u8,
    /// Paths older than this generation are to become long-lived stale ones.
    long_lived: Option<u8>,
    /// Paths older than `keep`.
    pub(crate) doomed: u32,
}

impl Marks {
    const fn age(self, generation: u8) -> u8 {
        self.current.wrapping_sub(generation) % PathFlags::GENERATIONS
    }

    pub(crate) const fn current(self) -> u8 {
        self.current
    }

    #[inline]
    pub(crate) const fn is_stale(self, flags: PathFlags) -> bool {
        flags.generation() != self.current
    }

    #[inline]
    pub(crate) const fn is_doomed(self, flags: PathFlags) -> bool {
        self.doomed > 0 && self.age(flags.generation()) > self.age(self.keep)
    }

    #[inline]
    const fn is_long_lived(self, flags: PathFlags) -> bool {
        match self.long_lived {
            Some(before) => self.age(flags.generation()) > self.age(before),
            None => false,
        }
    }

    /// No path is behind the present generation.
    pub(crate) const fn all_fresh(&mut self) {
        self.keep = self.current;
        self.depth = 0;
        self.long_lived = None;
    }

    /// The walk has removed what was older than `keep`.
    pub(crate) const fn swept(&mut self) {
        self.depth = self.age(self.keep);
        self.long_lived = None;
    }

    const fn is_full(self) -> bool {
        self.depth + 3 >= PathFlags::GENERATIONS
    }

    const fn advance(&mut self) {
        self.current = (self.current + 1) % PathFlags::GENERATIONS;
        self.depth += 1;
    }
}

impl PeerTable {
    /// What the walk has to do with a path.
    #[inline]
    pub(crate) fn fate(&self, path: &Path, family: usize) -> Fate {
        if !self.is_up(path.peer) {
            return Fate::Remove;
        }
        let marks = self.marks(path.peer, family);
        if !marks.is_stale(path.flags) {
            return Fate::Keep;
        }
        match (marks.is_doomed(path.flags), marks.is_long_lived(path.flags)) {
            (true, _) => Fate::Remove,
            (false, true) => Fate::LongLived,
            (false, false) => Fate::Keep,
        }
    }
}

/// See [`PeerTable::fate`].
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum Fate {
    Keep,
    Remove,
    LongLived,
}

/// Attribute sets with LLGR_STALE added, the last one: neighbouring rows share theirs.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    /// The set before and after; a reference to each is held.
    last: Option<(AttrId, AttrId)>,
    bytes: Vec<u8>,
}

impl Rib {
    /// Mark all paths of a peer in a family as stale: [`Rib::sweep_stale`] removes those not
    /// announced again until then. They count as any other path meanwhile. What was stale already
    /// stays so. Other families than those with a table are ignored.
    ///
    /// Cost: none that depends on how many there are.
    pub fn mark_stale(&mut self, peer: PeerIx, family: Family) {
        let Some(index) = family_index(family) else { return };
        if !self.peers.is_up(peer) {
            return;
        }
        let counts = self.peers.counts(peer, index);
        if counts.stale == 0 {
            self.peers.marks_mut(peer, index).all_fresh();
        }
        if counts.received == 0 {
            return;
        }
        if self.peers.marks(peer, index).is_full() {
            with_family!(index, P => self.renumber::<P>(peer));
        }
        self.peers.marks_mut(peer, index).advance();
        self.peers.counts_mut(peer, index).stale = counts.received;
    }

    /// Remove the paths of a peer and family which are still stale, by [`Rib::sweep`].
    pub fn sweep_stale(&mut self, peer: PeerIx, family: Family) {
        let Some(index) = family_index(family) else { return };
        if self.peers.is_up(peer) && self.peers.doom(peer, index) {
            self.begin_walk();
        }
    }

    /// A session has ended and its routes are kept: all are stale from now on. Ended by
    /// [`Rib::peer_back`] or [`Rib::peer_down`]. Families whose routes are not to be kept, or were
    /// stale before, are given to [`Rib::sweep_stale`] (before, to keep what was fresh).
    pub fn peer_lost(&mut self, peer: PeerIx) {
        if self.peers.lose(peer) {
            for family in FAMILIES {
                self.mark_stale(peer, family);
            }
        }
    }

    /// A peer whose routes were kept has a session again, under the same index. Its routes stay
    /// stale until they are announced again or swept. Returns whether it was lost; if not, nothing
    /// is done.
    pub fn peer_back(&mut self, peer: PeerIx, info: PeerInfo) -> bool {
        let Some(same) = self.peers.back(peer, info) else { return false };
        if !same {
            // Router id, address or kind take part in the decision and in what is sent on.
            self.walk.whole = true;
            self.begin_walk();
        }
        true
    }

    /// The stale paths of a peer and family become long-lived stale ones (RFC 9494 section 4.2), by
    /// [`Rib::sweep`]: those with NO_LLGR go, the others get LLGR_STALE, which makes them the least
    /// preferred.
    pub fn begin_long_lived(&mut self, peer: PeerIx, family: Family) {
        let Some(index) = family_index(family) else { return };
        if self.peers.is_up(peer) && self.peers.counts(peer, index).stale > 0 {
            let marks = self.peers.marks_mut(peer, index);
            marks.long_lived = Some(marks.current);
            self.walk.whole = true;
            self.begin_walk();
        }
    }

    /// Whether a path of family `P` is stale: its peer's session has ended, or the peer is sending
    /// everything again and has not come to it yet.
    pub fn is_stale<P: TableFamily>(&self, path: &Path) -> bool {
        self.peers.marks(path.peer, P::INDEX).is_stale(path.flags)
    }

    /// Give a long-lived stale path its community. Returns whether the path is still there.
    pub(crate) fn make_long_lived<P: TableFamily>(&mut self, row: RowId, slot: usize) -> bool {
        let path = *self.table::<P>().path(row, slot);
        let flags = self.attrs.summary(path.attr).flags;
        if flags.contains(SummaryFlags::NO_LLGR) {
            self.take::<P>(row, slot);
            return false;
        }
        if flags.contains(SummaryFlags::LLGR_STALE) {
            return true;
        }
        let attr = self.with_llgr_stale(path.attr);
        self.attrs.retain(attr);
        P::table_mut(&mut self.tables).path_mut(row, slot).attr = attr;
        self.attrs.release(path.attr);
        true
    }

    fn with_llgr_stale(&mut self, attr: AttrId) -> AttrId {
        if let Some((before, after)) = self.rewritten.last
            && before == attr
        {
            return after;
        }
        let canonical = self.attrs.bytes(attr);
        let mut communities: Vec<Community> = Community::of(canonical).collect();
        communities.push(Community::LLGR_STALE);
        let mut builder = AttrBuilder::edit(canonical);
        builder.set_communities(&communities);
        self.rewritten.bytes.clear();
        builder.finish(&mut self.rewritten.bytes);
        let after = self.attrs.intern(&self.rewritten.bytes);
        self.attrs.retain(attr);
        self.forget_rewritten();
        self.rewritten.last = Some((attr, after));
        after
    }

    /// The walk has ended: give back what was held for it.
    pub(crate) fn forget_rewritten(&mut self) {
        if let Some((before, after)) = self.rewritten.last.take() {
            self.attrs.release(before);
            self.attrs.release(after);
        }
    }

    /// One pass over all rows: paths of a peer get the lowest generation which says the same.
    #[cold]
    fn renumber<P: TableFamily>(&mut self, peer: PeerIx) {
        let marks = *self.peers.marks(peer, P::INDEX);
        let back = |n: u8| marks.current.wrapping_sub(n) % PathFlags::GENERATIONS;
        let table = P::table_mut(&mut self.tables);
        for row in (0..table.slots()).map(RowId) {
            for slot in 0..table.path_len(row) {
                let path = table.path_mut(row, slot);
                if path.peer != peer || !marks.is_stale(path.flags) {
                    continue;
                }
                let behind = match (marks.is_doomed(path.flags), marks.is_long_lived(path.flags)) {
                    (true, _) => 3,
                    (false, true) => 2,
                    (false, false) => 1,
                };
                path.flags = path.flags.of_generation(back(behind));
            }
        }
        let marks = self.peers.marks_mut(peer, P::INDEX);
        marks.keep = back(2);
        marks.long_lived = marks.long_lived.map(|_| back(1));
        marks.depth = 3;
    }
}

impl Marks {
    /// Nothing older than the present generation is kept.
    pub(crate) const fn keep_current(&mut self) {
        self.keep = self.current;
    }
}
