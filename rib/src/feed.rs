//! The readers' side: who is told of changed rows, and how rows are claimed.
//!
//! A consumer registers once, then drains:
//!
//! ```text
//! rib.next_dirty::<V4Prefix>(me, 1000, &mut rows)   each row once, however often it changed
//!   for row in rows: rib.prefix(row), rib.best(row) / rib.ecmp(row)       what is true now
//! ```
//!
//! A drained row keeps its prefix until the consumer drains the same family again, even if it has
//! no path any more; a drain which finds nothing closes the last one. Who remembers row ids for
//! longer (a member of an update group that lags behind) claims them with [`Rib::hold_row`].

use bgp_wire::FamilySet;

use crate::{
    ConsumerIx, FAMILIES, FAMILY_COUNT, Interest, Rib, RowId, dirty::RowSet, each_family,
    family::TableFamily,
};

impl Rib {
    /// Register a reader of changes; all rows there are become dirty for it.
    ///
    /// Cost: 1/8 byte a row, and about 2 ns for each row there is.
    pub fn register_consumer(&mut self, interest: Interest, families: FamilySet) -> ConsumerIx {
        let wanted = FAMILIES.map(|family| families.contains(family));
        let consumer = self.consumers.add(interest, wanted);
        for family in 0..FAMILY_COUNT {
            self.mark_all(consumer, family);
        }
        consumer
    }

    /// Make all rows of family `P` dirty for one consumer: a route refresh, another policy.
    pub fn replay<P: TableFamily>(&mut self, consumer: ConsumerIx) {
        self.mark_all(consumer, P::INDEX);
    }

    /// Unregister a reader and let go of the rows it kept.
    pub fn remove_consumer(&mut self, consumer: ConsumerIx) {
        let Some(mut left) = self.consumers.remove(consumer) else { return };
        each_family!(P => {
            let rows = std::mem::take(&mut left.rows[P::INDEX]);
            let drained = std::mem::take(&mut left.drained[P::INDEX]);
            self.let_go::<P>(drained, rows);
        });
    }

    /// Append at most `max` changed rows of family `P` to `rows`. Returns how many.
    ///
    /// The rows of this consumer's previous call are let go of first: ids of that call must not be
    /// used any more, unless held.
    pub fn next_dirty<P: TableFamily>(
        &mut self,
        consumer: ConsumerIx,
        max: usize,
        rows: &mut Vec<RowId>,
    ) -> usize {
        let Some(last) = self.consumers.drained_mut(consumer, P::INDEX) else { return 0 };
        let mut drained = std::mem::take(last);
        for row in drained.drain(..) {
            self.release_row::<P>(row);
        }
        let start = rows.len();
        let table = P::table_mut(&mut self.tables);
        if let Some(dirty) = self.consumers.rows_mut(consumer, P::INDEX) {
            while rows.len() - start < max
                && let Some(row) = dirty.take()
            {
                if row.0 >= table.slots() || table.row_ref(row).is_free() {
                    continue;
                }
                if table.row_ref(row).len == 0 {
                    table.hold(row, true);
                    drained.push(row);
                }
                rows.push(row);
            }
        }
        if let Some(last) = self.consumers.drained_mut(consumer, P::INDEX) {
            *last = drained;
        }
        rows.len() - start
    }

    /// Whether a consumer should call [`Rib::next_dirty`]: rows have changed, or a drain which held
    /// withdrawn rows is to be closed.
    pub fn has_dirty(&self, consumer: ConsumerIx) -> bool {
        self.dirty_count(consumer) > 0 || self.consumers.has_drained(consumer)
    }

    /// Rows a consumer has still to look at, of all families; at most this many.
    pub fn dirty_count(&self, consumer: ConsumerIx) -> usize {
        self.consumers.dirty(consumer).iter().sum()
    }

    /// Claim a row: its id and prefix stay until as many [`Rib::release_row`], even without paths.
    pub fn hold_row<P: TableFamily>(&mut self, row: RowId) {
        P::table_mut(&mut self.tables).hold(row, true);
    }

    /// Give up a claim.
    pub fn release_row<P: TableFamily>(&mut self, row: RowId) {
        P::table_mut(&mut self.tables).hold(row, false);
        self.free_if_unused::<P>(row);
    }

    fn mark_all(&mut self, consumer: ConsumerIx, family: usize) {
        let mut slots = [0; FAMILY_COUNT];
        each_family!(P => slots[P::INDEX] = self.table::<P>().slots());
        if self.consumers.follows(consumer, family)
            && let Some(rows) = self.consumers.rows_mut(consumer, family)
        {
            rows.fill(slots[family]);
        }
    }

    fn let_go<P: TableFamily>(&mut self, drained: Vec<RowId>, mut dirty: RowSet) {
        for row in drained {
            self.release_row::<P>(row);
        }
        while let Some(row) = dirty.take() {
            let table = self.table::<P>();
            if row.0 < table.slots() && !table.row_ref(row).is_free() {
                self.free_if_unused::<P>(row);
            }
        }
    }
}
