//! The routing information base: the only place where tables change.
//!
//! **Where it sits.** The speaker owns one [`Rib`], feeds it from its sessions and lets update
//! groups and the kernel's routes read from it. Synchronous and single-threaded; the speaker
//! decides about locks and threads.
//!
//! **How it works.** A change of a path goes through the same four steps:
//!
//! ```text
//! announce / withdraw / sweep
//!   1 path slot, references and counters           (put, withdraw)
//!   2 can it matter? one comparison with the best  (matters)
//!   3 decide the row anew                          (redecide)
//!   4 tell consumers, free the row if unused       (finish)
//! ```
//!
//! **Invariants.** Every row is decided whenever one of its paths changes. Rows touched by a peer's
//! end or a next hop's change are decided when [`Rib::sweep`] meets them, or earlier when a path of
//! theirs changes; until then they show what was decided before.
//!
//! References: RFC 4271 sections 3.2, 9.1, 9.2.

use smallvec::SmallVec;

use crate::{
    AttrId, AttrTable, DecisionConfig, NextHopId, NextHopTable, Path, PathFlags, PeerCounts,
    PeerInfo, PeerIx, PeerTable, Resolution, RowId,
    decide::{Candidate, Judge},
    dirty::Consumers,
    family::TableFamily,
    stale::Rewritten,
    sweep::Walk,
    table::{Table, Tables},
};

/// What an operation did to a row.
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub struct Change(u8);

impl Change {
    /// Nothing a consumer is told.
    pub const NONE: Self = Self(0);
    /// The best path is another one or gone.
    pub const BEST: Self = Self(1);
    /// The multipath set is another one.
    pub const MULTIPATH: Self = Self(2);
    /// Nothing was done: the session is not up, or the prefix has
    /// [`MAX_PATHS`](crate::MAX_PATHS) paths.
    pub const REFUSED: Self = Self(4);

    /// Whether the best path changed.
    pub const fn best(self) -> bool {
        self.0 & Self::BEST.0 != 0
    }

    /// Whether the multipath set changed.
    pub const fn multipath(self) -> bool {
        self.0 & Self::MULTIPATH.0 != 0
    }

    /// Whether the announcement was refused.
    pub const fn is_refused(self) -> bool {
        self.0 & Self::REFUSED.0 != 0
    }

    const fn of(best: bool, multipath: bool) -> Self {
        Self(best as u8 | (multipath as u8) << 1)
    }
}

/// Attributes, next hops, peers and the tables of all families.
#[derive(Debug, Default)]
pub struct Rib {
    /// Interned attribute sets.
    pub attrs: AttrTable,
    /// Interned next hops; their resolution changes through [`Rib::set_next_hop`].
    pub next_hops: NextHopTable,
    pub(crate) peers: PeerTable,
    pub(crate) tables: Tables,
    pub(crate) consumers: Consumers,
    pub(crate) config: DecisionConfig,
    pub(crate) walk: Walk,
    /// Announcements refused because the prefix had [`MAX_PATHS`](crate::MAX_PATHS).
    pub(crate) refused: u64,
    /// Scratch of the decision.
    pub(crate) set: Vec<Candidate>,
    pub(crate) rewritten: Rewritten,
}

impl Rib {
    /// An empty RIB.
    pub fn new(config: DecisionConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Begin a session (or a source of local routes). `None` when 65,536 are up or unforgotten.
    pub fn add_peer(&mut self, info: PeerInfo) -> Option<PeerIx> {
        self.peers.add(info, &self.consumers)
    }

    /// End a session: its paths are ineligible at once, and removed by [`Rib::sweep`].
    pub fn peer_down(&mut self, peer: PeerIx) {
        if self.peers.down(peer) {
            self.begin_walk();
        }
    }

    /// Record how a next hop is reached now. Rows which use it are decided again by [`Rib::sweep`].
    ///
    /// # Panics
    ///
    /// For [`NextHopId::LOCAL`], which is always resolved.
    pub fn set_next_hop(&mut self, id: NextHopId, resolution: Resolution) {
        if self.next_hops.set(id, resolution) {
            self.begin_walk();
        }
    }

    /// The way to a next hop has changed but not its metric (another gateway): report the rows
    /// which use it to the consumers of multipath sets, by [`Rib::sweep`].
    pub fn touch_next_hop(&mut self, id: NextHopId) {
        if self.next_hops.mark(id) {
            self.begin_walk();
        }
    }

    /// Add or replace (RFC 4271 section 9.1.4, implicit withdraw) the path of `peer` with
    /// `path_id`.
    ///
    /// The row takes references of its own to `attr` and `next_hop`. Of `flags` only those which
    /// make a path ineligible are looked at.
    #[inline]
    pub fn announce<P: TableFamily>(
        &mut self,
        peer: PeerIx,
        path_id: u32,
        prefix: P,
        attr: AttrId,
        next_hop: NextHopId,
        flags: PathFlags,
    ) -> Change {
        if !self.peers.is_up(peer) {
            return Change::REFUSED;
        }
        let generation = self.peers.marks(peer, P::INDEX).current();
        let flags = PathFlags(flags.0 & PathFlags::EXCLUDED.0).of_generation(generation);
        self.put(prefix, Path { attr, next_hop, path_id, peer, flags })
    }

    /// [`Rib::announce`] for all prefixes of an UPDATE. Returns how many rows have another best
    /// path.
    pub fn announce_all<P: TableFamily>(
        &mut self,
        peer: PeerIx,
        attr: AttrId,
        next_hop: NextHopId,
        flags: PathFlags,
        nlri: impl IntoIterator<Item = (u32, P)>,
    ) -> usize {
        let announce =
            |(path_id, prefix)| self.announce(peer, path_id, prefix, attr, next_hop, flags).best();
        nlri.into_iter().map(announce).filter(|best| *best).count()
    }

    /// Remove the path of `peer` with `path_id`, if there is one.
    pub fn withdraw<P: TableFamily>(&mut self, peer: PeerIx, path_id: u32, prefix: P) -> Change {
        let table = P::table(&self.tables);
        let Some(row) = table.row(prefix) else { return Change::NONE };
        let Some(slot) = find(table, row, peer, path_id) else { return Change::NONE };
        let before = table.best(row).copied();
        let old = *table.path(row, slot);
        let matters = self.matters(prefix, before.as_ref(), Some(&old), None);
        self.take::<P>(row, slot);
        self.decide_and_finish::<P>(row, before, matters, old.flags.any(PathFlags::MULTIPATH))
    }

    /// Announcements ever refused because their prefix had [`MAX_PATHS`](crate::MAX_PATHS) paths.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// The decision knobs in force.
    pub const fn config(&self) -> &DecisionConfig {
        &self.config
    }

    /// Change the decision knobs; all rows are decided again by [`Rib::sweep`].
    pub fn set_config(&mut self, config: DecisionConfig) {
        if self.config != config {
            self.config = config;
            self.walk.every_row = true;
            self.begin_walk();
        }
    }

    /// Sessions and local sources.
    pub const fn peers(&self) -> &PeerTable {
        &self.peers
    }

    /// Routes of one peer in family `P`.
    pub fn counts<P: TableFamily>(&self, peer: PeerIx) -> PeerCounts {
        self.peers.counts(peer, P::INDEX)
    }

    /// The table of family `P`.
    #[inline]
    pub fn table<P: TableFamily>(&self) -> &Table<P> {
        P::table(&self.tables)
    }

    /// The row of exactly this prefix.
    #[inline]
    pub fn row<P: TableFamily>(&self, prefix: P) -> Option<RowId> {
        self.table::<P>().row(prefix)
    }

    /// The prefix of a row.
    #[inline]
    pub fn prefix<P: TableFamily>(&self, row: RowId) -> P {
        self.table::<P>().prefix(row)
    }

    /// The best path of a row.
    #[inline]
    pub fn best<P: TableFamily>(&self, row: RowId) -> Option<&Path> {
        self.table::<P>().best(row)
    }

    /// All paths of a row, the best one first if there is one.
    #[inline]
    pub fn paths<P: TableFamily>(&self, row: RowId) -> impl Iterator<Item = &Path> {
        self.table::<P>().paths(row)
    }

    /// The paths of a row which share its traffic, the best one first.
    pub fn ecmp<P: TableFamily>(&self, row: RowId) -> impl Iterator<Item = &Path> {
        self.paths::<P>(row).filter(|path| path.flags.any(PathFlags::MULTIPATH))
    }

    /// Bytes in use: tables, attribute sets, dirty bits.
    pub fn memory(&self) -> usize {
        self.tables.memory() + self.attrs.memory() + self.consumers.memory()
    }

    /// The decision process for a row.
    #[inline]
    pub(crate) fn judge<P: TableFamily>(&self, prefix: P) -> Judge<'_> {
        Judge {
            attrs: &self.attrs,
            next_hops: &self.next_hops,
            peers: &self.peers,
            config: &self.config,
            station: P::HAS_STATIONS && prefix.is_station(),
        }
    }

    #[inline]
    fn put<P: TableFamily>(&mut self, prefix: P, path: Path) -> Change {
        let table = P::table_mut(&mut self.tables);
        let row = table.row_or_insert(prefix, path);
        let before = table.best(row).copied();
        let slot = find(table, row, path.peer, path.path_id);
        let old = slot.map(|slot| *table.path(row, slot));
        if let Some(old) = old
            && old.same_route(&path)
            && (old.flags.0 ^ path.flags.0) & PathFlags::EXCLUDED.0 == 0
        {
            if let Some(slot) = slot
                && old.flags.generation() != path.flags.generation()
            {
                self.peers.refreshed(path.peer, P::INDEX, old.flags);
                let flags = old.flags.of_generation(path.flags.generation());
                P::table_mut(&mut self.tables).path_mut(row, slot).flags = flags;
            }
            return Change::NONE;
        }
        let matters = self.matters(prefix, before.as_ref(), old.as_ref(), Some(&path));
        let table = P::table_mut(&mut self.tables);
        if let (Some(slot), Some(old)) = (slot, old) {
            let selected = old.flags.0 & PathFlags::SELECTED.0;
            *table.path_mut(row, slot) =
                Path { flags: path.flags.with(PathFlags(selected)), ..path };
        } else if !table.push(row, path) {
            self.refused += 1;
            return Change::REFUSED;
        }
        self.attrs.retain(path.attr);
        self.next_hops.add_slot(path.next_hop);
        let counts = self.peers.counts_mut(path.peer, P::INDEX);
        counts.accepted += u32::from(!path.flags.any(PathFlags::EXCLUDED));
        let mut multipath = false;
        if let Some(old) = old {
            counts.accepted -= u32::from(!old.flags.any(PathFlags::EXCLUDED));
            multipath = old.flags.any(PathFlags::MULTIPATH) && old.next_hop != path.next_hop;
            self.peers.refreshed(path.peer, P::INDEX, old.flags);
            self.attrs.release(old.attr);
            self.next_hops.remove_slot(old.next_hop);
        } else {
            counts.received += 1;
        }
        self.decide_and_finish::<P>(row, before, matters, multipath)
    }

    /// Remove a path slot with its references and counts.
    pub(crate) fn take<P: TableFamily>(&mut self, row: RowId, slot: usize) {
        let path = P::table_mut(&mut self.tables).remove(row, slot);
        self.attrs.release(path.attr);
        self.next_hops.remove_slot(path.next_hop);
        self.peers.removed(path.peer, P::INDEX, path.flags);
    }

    /// Whether replacing `old` by `new` can change the best path or the multipath set.
    ///
    /// A path whose rank is below the best one's takes part in no later step, not even MED, so its
    /// coming and going is of no consequence.
    #[inline]
    fn matters<P: TableFamily>(
        &self,
        prefix: P,
        best: Option<&Path>,
        old: Option<&Path>,
        new: Option<&Path>,
    ) -> bool {
        let Some(best) = best else { return true };
        let judge = self.judge(prefix);
        if old.is_some_and(|old| old.flags.any(PathFlags::SELECTED))
            || judge.ineligible(best).is_some()
        {
            return true;
        }
        let rank = judge.rank(best);
        old.is_some_and(|old| judge.rank(old) >= rank)
            || new.is_some_and(|new| judge.ineligible(new).is_none() && judge.rank(new) >= rank)
    }

    /// Steps 3 and 4 of a change. `multipath`: the set has changed already.
    #[inline]
    pub(crate) fn decide_and_finish<P: TableFamily>(
        &mut self,
        row: RowId,
        before: Option<Path>,
        decide: bool,
        multipath: bool,
    ) -> Change {
        self.consumers.mark_paths(P::INDEX, row);
        if !decide {
            return Change::NONE;
        }
        let Self { attrs, next_hops, peers, config, tables, set, .. } = self;
        let table = P::table_mut(tables);
        let station = P::HAS_STATIONS && table.prefix(row).is_station();
        let judge = Judge { attrs, next_hops, peers, config, station };
        let multipath = redecide(table, &judge, set, row) || multipath;
        let after = table.best(row);
        let best = match (&before, after) {
            (Some(before), Some(after)) => !before.same_route(after),
            (before, after) => before.is_some() != after.is_some(),
        };
        if best {
            if let Some(before) = before {
                peers.counts_mut(before.peer, P::INDEX).best -= 1;
            }
            if let Some(after) = after {
                peers.counts_mut(after.peer, P::INDEX).best += 1;
            }
            let count = table.best + usize::from(after.is_some());
            table.best = count - usize::from(before.is_some());
        }
        if best || multipath {
            self.consumers.mark(P::INDEX, row, best);
        }
        self.free_if_unused::<P>(row);
        Change::of(best, multipath)
    }

    /// Free a row which has no path and of which nobody has to be told.
    #[inline]
    pub(crate) fn free_if_unused<P: TableFamily>(&mut self, row: RowId) {
        let table = P::table_mut(&mut self.tables);
        if table.is_idle(row) && !self.consumers.any_dirty(P::INDEX, row) && table.free(row) {
            self.consumers.shrink(P::INDEX);
        }
    }
}

#[inline]
fn find<P: TableFamily>(table: &Table<P>, row: RowId, peer: PeerIx, path_id: u32) -> Option<usize> {
    table.paths(row).position(|path| path.peer == peer && path.path_id == path_id)
}

/// Decide a row: flag its best path and multipath set, and put the best path into slot 0. Returns
/// whether another set of slots is flagged than before.
fn redecide<P: TableFamily>(
    table: &mut Table<P>,
    judge: &Judge<'_>,
    set: &mut Vec<Candidate>,
    row: RowId,
) -> bool {
    let len = table.path_len(row);
    if len < 2 {
        let Some(path) = table.paths(row).next() else { return false };
        let was = path.flags.any(PathFlags::MULTIPATH);
        let is = judge.ineligible(path).is_none();
        let flags = path.flags.without(PathFlags::SELECTED);
        table.path_mut(row, 0).flags = if is { flags.with(PathFlags::SELECTED) } else { flags };
        return was != is;
    }
    judge.select(table.paths(row), set);
    let mut was = SmallVec::<[u16; 16]>::new();
    for slot in 0..len {
        let path = table.path_mut(row, slot);
        if path.flags.any(PathFlags::SELECTED) {
            if path.flags.any(PathFlags::MULTIPATH) {
                was.push(u16::try_from(slot).expect("rows have fewer than 65,536 paths"));
            }
            path.flags = path.flags.without(PathFlags::SELECTED);
        }
    }
    let mut is: SmallVec<[u16; 16]> = set.iter().map(|candidate| candidate.slot).collect();
    for &slot in &is {
        let path = table.path_mut(row, usize::from(slot));
        path.flags = path.flags.with(PathFlags::MULTIPATH);
    }
    if let Some(winner) = set.first() {
        let path = table.path_mut(row, usize::from(winner.slot));
        path.flags = path.flags.with(PathFlags::BEST);
        table.swap(row, usize::from(winner.slot));
    }
    is.sort_unstable();
    was != is
}
