//! Paged views for people and scripts: Adj-RIB-In of a peer, Loc-RIB, everything.
//!
//! A view must not stop the owner of the tables for the time a million rows take. Each call looks
//! at a bounded number of rows from a cursor on, which is a [`RowId`]; the caller comes back with
//! the next cursor. Rows which change between two pages are shown as they are when their page is
//! made.

use crate::{Path, PathFlags, PeerIx, Rib, RowId, family::TableFamily};

/// One page of a view.
#[derive(Clone, Debug)]
pub struct Page<P> {
    /// What was found, in row order.
    pub paths: Vec<(P, Path)>,
    /// Where the next page begins; `None` after the last one.
    pub next: Option<RowId>,
}

impl Rib {
    /// Rows with at least one path among the `rows` row ids from `from` on.
    pub fn rows<P: TableFamily>(&self, from: RowId, rows: u32) -> impl Iterator<Item = RowId> {
        let table = self.table::<P>();
        let end = from.0.saturating_add(rows).min(table.slots());
        (from.0..end).map(RowId).filter(|row| table.paths(*row).next().is_some())
    }

    /// Where the page after the `rows` row ids from `from` on begins.
    pub fn next_page<P: TableFamily>(&self, from: RowId, rows: u32) -> Option<RowId> {
        let next = from.0.saturating_add(rows.max(1));
        (next < self.table::<P>().slots()).then_some(RowId(next))
    }

    /// Adj-RIB-In of `peer` (RFC 4271 section 3.2), refused paths included: what is in the `rows`
    /// row ids from `from` on. Begin with `RowId(0)`.
    pub fn adj_rib_in<P: TableFamily>(&self, peer: PeerIx, from: RowId, rows: u32) -> Page<P> {
        self.page(from, rows, |path| path.peer == peer)
    }

    /// Loc-RIB, multipath sets included, best path of a prefix first; as [`Rib::adj_rib_in`].
    pub fn loc_rib<P: TableFamily>(&self, from: RowId, rows: u32) -> Page<P> {
        self.page(from, rows, |path| path.flags.any(PathFlags::MULTIPATH))
    }

    fn page<P: TableFamily>(
        &self,
        from: RowId,
        rows: u32,
        wanted: impl Fn(&Path) -> bool,
    ) -> Page<P> {
        let table = self.table::<P>();
        let mut paths = Vec::new();
        for row in self.rows::<P>(from, rows.max(1)) {
            let found = table.paths(row).filter(|path| wanted(path));
            paths.extend(found.map(|path| (table.prefix(row), *path)));
        }
        Page { paths, next: self.next_page::<P>(from, rows) }
    }
}
