//! The rows of one family: exact index from prefix to row, rows in chunks, path slots.
//!
//! **Where it sits.** Pure storage under [`Rib`](crate::Rib), which alone changes it: nothing here
//! decides, counts references or tells consumers. Readers get rows by id or prefix.
//!
//! **How it works.**
//!
//! ```text
//! prefix -> hash -> HashTable<u32> -> rows[RowId] { prefix, slot 0, extra } -> slots 1 and up
//! ```
//!
//! **Invariants.** A prefix has at most one row. Rows without paths stay in the index until nobody
//! refers to them; free rows are linked through `extra`. When the last row goes, so does all
//! memory.
//!
//! **Cost.** 5 bytes of index an entry at a load of 44 to 87 %: 6 to 11 bytes; row 32 or 44 bytes.

use std::{fmt, hash::BuildHasher, slice};

use bgp_wire::{RouteTargetMembership, V4Prefix, V6Prefix};
use foldhash::fast::RandomState;
use hashbrown::{HashTable, hash_table::Entry};

use crate::{
    RowId,
    chunks::Chunks,
    each_family,
    extra::ExtraPaths,
    family::{EvpnRowKey, LabeledKey, TableFamily, VpnKey},
    row::{FREE, Path, Row},
};

/// Most paths of one prefix; more are refused.
pub const MAX_PATHS: u16 = 65_000;

const END: u32 = u32::MAX;

/// All rows of one family.
pub struct Table<P> {
    index: HashTable<u32>,
    rows: Chunks<Row<P>, 4096>,
    extra: ExtraPaths,
    free: u32,
    paths: usize,
    pub(crate) best: usize,
    hasher: RandomState,
}

impl<P: TableFamily> Default for Table<P> {
    fn default() -> Self {
        Self {
            index: HashTable::new(),
            rows: Chunks::new(),
            extra: ExtraPaths::default(),
            free: END,
            paths: 0,
            best: 0,
            hasher: RandomState::default(),
        }
    }
}

/// The paths of one row, slot 0 first.
pub type Paths<'a> = std::iter::Chain<slice::Iter<'a, Path>, slice::Iter<'a, Path>>;

impl<P: TableFamily> Table<P> {
    /// The row of `prefix`, made if need be.
    #[inline]
    pub(crate) fn row_or_insert(&mut self, prefix: P, vacant: Path) -> RowId {
        if self.index.len() == self.index.capacity() {
            self.grow();
        }
        let hash = self.hasher.hash_one(prefix);
        let (rows, hasher) = (&self.rows, &self.hasher);
        let entry = self.index.entry(
            hash,
            |&row| rows[row].prefix == prefix,
            |&row| hasher.hash_one(rows[row].prefix),
        );
        match entry {
            Entry::Occupied(entry) => RowId(*entry.get()),
            Entry::Vacant(entry) => {
                let row = Row { first: vacant, extra: 0, len: 0, holds: 0, prefix };
                let id = if self.free == END {
                    let id = self.rows.len();
                    entry.insert(id);
                    self.rows.push(row);
                    id
                } else {
                    let id = self.free;
                    entry.insert(id);
                    self.free = self.rows[id].extra;
                    self.rows[id] = row;
                    id
                };
                RowId(id)
            }
        }
    }

    /// Append a path to a row; `false` if it has [`MAX_PATHS`].
    #[inline]
    pub(crate) fn push(&mut self, row: RowId, path: Path) -> bool {
        let row = &mut self.rows[row.0];
        match row.len {
            0 => row.first = path,
            MAX_PATHS.. => return false,
            len => row.extra = self.extra.push(row.extra, len as usize - 1, path),
        }
        row.len += 1;
        self.paths += 1;
        true
    }

    /// Remove a path; the row's last one takes its slot.
    pub(crate) fn remove(&mut self, row: RowId, slot: usize) -> Path {
        let removed = *self.path(row, slot);
        let row = &mut self.rows[row.0];
        row.len -= 1;
        self.paths -= 1;
        let extras = row.len as usize;
        if extras > 0 {
            let (last, block) = self.extra.pop(row.extra, extras);
            row.extra = block;
            if slot == 0 {
                row.first = last;
            } else if slot < extras {
                self.extra.slice_mut(block, extras - 1)[slot - 1] = last;
            }
        }
        removed
    }

    #[inline]
    pub(crate) fn path(&self, row: RowId, slot: usize) -> &Path {
        let row = &self.rows[row.0];
        if slot == 0 {
            return &row.first;
        }
        &self.extra.slice(row.extra, row.len as usize - 1)[slot - 1]
    }

    #[inline]
    pub(crate) fn path_mut(&mut self, row: RowId, slot: usize) -> &mut Path {
        let row = &mut self.rows[row.0];
        if slot == 0 {
            return &mut row.first;
        }
        &mut self.extra.slice_mut(row.extra, row.len as usize - 1)[slot - 1]
    }

    pub(crate) fn swap(&mut self, row: RowId, slot: usize) {
        if slot != 0 {
            let (first, other) = (*self.path(row, 0), *self.path(row, slot));
            *self.path_mut(row, 0) = other;
            *self.path_mut(row, slot) = first;
        }
    }

    #[inline]
    pub(crate) fn row_ref(&self, row: RowId) -> &Row<P> {
        &self.rows[row.0]
    }

    /// Add to or take from a row's claims.
    pub(crate) fn hold(&mut self, row: RowId, hold: bool) {
        let row = &mut self.rows[row.0];
        debug_assert!(!row.is_free(), "a free row cannot be claimed");
        row.holds = if hold { row.holds.checked_add(1) } else { row.holds.checked_sub(1) }
            .expect("claims of a row are balanced and fewer than 65,536");
    }

    /// Whether nothing but a consumer keeps this row.
    #[inline]
    pub(crate) fn is_idle(&self, row: RowId) -> bool {
        let row = &self.rows[row.0];
        row.len == 0 && row.holds == 0
    }

    /// Free an idle row. Returns whether the table is empty now and has given its memory back.
    pub(crate) fn free(&mut self, row: RowId) -> bool {
        debug_assert!(self.is_idle(row));
        let hash = self.hasher.hash_one(self.rows[row.0].prefix);
        let entry = self.index.find_entry(hash, |&other| other == row.0);
        entry.expect("a row which is not free is in the index").remove();
        if self.index.is_empty() {
            *self = Self { hasher: self.hasher.clone(), ..Self::default() };
            return true;
        }
        let slot = &mut self.rows[row.0];
        slot.len = FREE;
        slot.extra = self.free;
        self.free = row.0;
        false
    }

    /// Double the index. Entries go over in row order: rows are read in a line, where the index's
    /// own way of growing would read them in the order of their hashes.
    #[cold]
    fn grow(&mut self) {
        let mut index = HashTable::with_capacity((self.index.len() * 2).max(64));
        for id in 0..self.rows.len() {
            let row = &self.rows[id];
            if !row.is_free() {
                let hasher = |&id: &u32| self.hasher.hash_one(self.rows[id].prefix);
                index.insert_unique(self.hasher.hash_one(row.prefix), id, hasher);
            }
        }
        self.index = index;
    }

    /// The row of exactly this prefix.
    #[inline]
    pub fn row(&self, prefix: P) -> Option<RowId> {
        let hash = self.hasher.hash_one(prefix);
        self.index.find(hash, |&row| self.rows[row].prefix == prefix).map(|&row| RowId(row))
    }

    /// The prefix of a row.
    #[inline]
    pub fn prefix(&self, row: RowId) -> P {
        self.rows[row.0].prefix
    }

    /// All paths of a row, the best one first if there is one.
    #[inline]
    pub fn paths(&self, row: RowId) -> Paths<'_> {
        let row = &self.rows[row.0];
        let len = if row.is_free() { 0 } else { row.len as usize };
        let first = &slice::from_ref(&row.first)[..len.min(1)];
        first.iter().chain(self.extra.slice(row.extra, len.saturating_sub(1)))
    }

    /// How many paths a row has.
    #[inline]
    pub fn path_len(&self, row: RowId) -> usize {
        let row = &self.rows[row.0];
        if row.is_free() { 0 } else { row.len as usize }
    }

    /// The best path of a row.
    #[inline]
    pub fn best(&self, row: RowId) -> Option<&Path> {
        let row = &self.rows[row.0];
        row.has_best().then_some(&row.first)
    }

    /// Rows ever in use at the same time: ids are below this.
    pub fn slots(&self) -> u32 {
        self.rows.len()
    }

    /// Prefixes in the table, those without paths but not yet drained included.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether the table has no row.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Paths of all rows (Adj-RIB-In of all peers).
    pub const fn path_count(&self) -> usize {
        self.paths
    }

    /// Rows with a best path (Loc-RIB).
    pub const fn best_count(&self) -> usize {
        self.best
    }

    /// Bytes allocated.
    pub fn memory(&self) -> usize {
        self.index.allocation_size() + self.rows.memory() + self.extra.memory()
    }
}

impl<P> fmt::Debug for Table<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table")
            .field("rows", &self.index.len())
            .field("paths", &self.paths)
            .field("best", &self.best)
            .finish_non_exhaustive()
    }
}

/// The tables of a [`Rib`](crate::Rib), one a family.
#[derive(Debug, Default)]
pub struct Tables {
    pub(crate) v4: Table<V4Prefix>,
    pub(crate) v6: Table<V6Prefix>,
    pub(crate) labeled_v4: Table<LabeledKey<V4Prefix>>,
    pub(crate) labeled_v6: Table<LabeledKey<V6Prefix>>,
    pub(crate) vpn_v4: Table<VpnKey<V4Prefix>>,
    pub(crate) vpn_v6: Table<VpnKey<V6Prefix>>,
    pub(crate) evpn: Table<EvpnRowKey>,
    pub(crate) route_target: Table<RouteTargetMembership>,
}

impl Tables {
    /// Bytes allocated.
    pub(crate) fn memory(&self) -> usize {
        let mut bytes = 0;
        each_family!(P => bytes += P::table(self).memory());
        bytes
    }
}
