//! Several paths of a prefix (RFC 7911): the Adj-RIB-Out entry by entry instead of row by row.
//!
//! **For**: groups whose members expect path identifiers. **Sits**: part of [`FamilyExport`], beside
//! the way of the single best path, with which it shares the memo, the sets as sent, the entries and
//! what cohorts lack. **How it works**: for each changed row the paths to send are chosen and decided
//! about; the result is merged with the row's slots, both in the order of (source, identifier
//! received):
//!
//! ```text
//! row ──> eligible paths, all or the best n ──> memo ──> (source, received, OutId) ┐
//!     └─> slots of the row, with their entries ─────────────────────────────────────┴ merge
//!             in both: replaced in place if the set differs     first only: a new slot
//!             second only: withdrawn by its identifier, slot freed
//! ```
//!
//! **Invariants**: a slot is in use exactly while its entry is advertised; one path's coming and going
//! touches no other path's entry.
//! **Cost**: two small sorts a row that changed.
//! **References**: RFC 7911 sections 3 and 5.

use bgp_wire::EncodeContext;

use super::{
    AddPathSend, FrameSink, GroupKey,
    adj_out::{AdjOut, EntryIx},
    batch::Batch,
    family::{self, Core, FamilyExport},
    roster::{Place, Roster},
    slots::Slots,
};
use crate::{OutId, Path, PeerIx, Rib, RowId, TableFamily};

#[derive(Debug)]
pub(super) struct Several<P> {
    pub(super) slots: Slots,
    pub(super) batch: Batch<P, u32>,
    // Buffers of a row.
    chosen: Vec<Path>,
    wanted: Vec<(PeerIx, u32, OutId)>,
    there: Vec<(PeerIx, u32, EntryIx)>,
}

impl<P: TableFamily> Several<P> {
    pub(super) fn new() -> Self {
        Self {
            slots: Slots::new(),
            batch: Batch::new(),
            chosen: Vec::new(),
            wanted: Vec::new(),
            there: Vec::new(),
        }
    }
}

impl<P: TableFamily> FamilyExport<P> {
    /// Looks at rows that may have changed.
    pub(super) fn drain_several(
        &mut self,
        several: &mut Several<P>,
        core: &mut Core,
        roster: &Roster,
        rib: &mut Rib,
        rows: &[RowId],
        sink: &mut impl FrameSink,
        context: &EncodeContext,
    ) {
        for &row in rows {
            self.merge_row(several, core, roster, rib, row);
        }
        several.batch.flush((&self.outs, &rib.attrs), context, roster.in_sync(), sink);
    }

    fn merge_row(
        &mut self,
        several: &mut Several<P>,
        core: &mut Core,
        roster: &Roster,
        rib: &mut Rib,
        row: RowId,
    ) {
        let prefix = rib.table::<P>().prefix(row);
        let mut chosen = std::mem::take(&mut several.chosen);
        choose::<P>(rib, &core.key, row, &mut chosen);
        several.wanted.clear();
        for path in &chosen {
            let out = self.evaluate(core, rib, path, prefix);
            if out != OutId(0) {
                several.wanted.push((path.peer, path.path_id, out));
            }
        }
        several.chosen = chosen;
        several.wanted.sort_unstable();
        several.there.clear();
        let there = several.slots.of(row).map(|(at, slot)| {
            let source = self.adj.entry(at).source;
            (source, slot.received, at)
        });
        several.there.extend(there);
        several.there.sort_unstable_by_key(|(source, received, _)| (*source, *received));
        let (mut wanted, mut there) = (0, 0);
        loop {
            let want = several.wanted.get(wanted).copied();
            let have = several.there.get(there).copied();
            let order = match (&want, &have) {
                (None, None) => return,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(want), Some(have)) => (want.0, want.1).cmp(&(have.0, have.1)),
            };
            if let Some((source, received, out)) = want
                && order.is_le()
            {
                let at = match have {
                    Some((_, _, at)) if order.is_eq() => at,
                    _ => several.slots.add(row, source, received),
                };
                self.set_entry(several, roster, at, prefix, AdjOut { out, source });
                wanted += 1;
                there += usize::from(order.is_eq());
            } else if let Some((_, _, at)) = have {
                self.set_entry(several, roster, at, prefix, AdjOut::NONE);
                several.slots.remove(at);
                there += 1;
            }
        }
    }

    fn set_entry(
        &mut self,
        several: &mut Several<P>,
        roster: &Roster,
        at: EntryIx,
        prefix: P,
        new: AdjOut,
    ) {
        let old = self.adj.entry(at);
        if old == new {
            return;
        }
        self.adj.set(at, new);
        let id = several.slots.slot(at).id;
        if !roster.in_sync().is_empty() {
            let standing = |peer: PeerIx| roster.place(peer) == Place::InSync;
            let outs = &mut self.outs;
            family::announce_change(&mut several.batch, outs, id, prefix, old, new, standing);
        }
        for cohort in roster.cohorts() {
            let member = |peer| roster.place(peer) == Place::Cohort(cohort);
            let outstanding = &mut self.outstanding[usize::from(cohort)];
            outstanding.changed(at, (id, prefix), old, new, member);
        }
    }
}

/// The paths of a row that concern a group of several paths.
pub(super) fn choose<P: TableFamily>(
    rib: &Rib,
    key: &GroupKey,
    row: RowId,
    chosen: &mut Vec<Path>,
) {
    let meant = |path: &Path| {
        path.path_id == 0
            || key.includes_origination(path.path_id)
            || !family::is_local(rib, path.peer)
    };
    match key.add_path(P::FAMILY) {
        AddPathSend::Off => {
            chosen.clear();
            chosen.extend(family::chosen::<P>(rib, key, row));
        }
        AddPathSend::Best(most) => rib.ranked::<P>(row, usize::from(most.get()), meant, chosen),
        AddPathSend::All => {
            let judge = rib.judge(rib.prefix::<P>(row));
            let eligible = |path: &&Path| judge.ineligible(path).is_none() && meant(path);
            chosen.clear();
            chosen.extend(rib.paths::<P>(row).filter(eligible));
        }
    }
}
