//! The paths of a row in the order of the decision.
//!
//! **What it is for.** Explaining a decision, and sending the best so many paths (RFC 7911). **How it
//! works.** The decision is made again without the paths that have won already; as MED is no order of
//! paths, sorting them would not do. **Cost.** A pass over the row for each path asked for.
//!
//! References: RFC 4271 section 9.1.2.2.

use crate::{
    Path, Rib, RowId,
    decide::{Candidate, Judge},
    family::TableFamily,
};

impl Rib {
    /// Leave in `chosen` at most `most` eligible paths of a row that `meant` lets take part: the best,
    /// then what would be best without it, and so on.
    pub(crate) fn ranked<P: TableFamily>(
        &self,
        row: RowId,
        most: usize,
        meant: impl Fn(&Path) -> bool,
        chosen: &mut Vec<Path>,
    ) {
        chosen.clear();
        let table = self.table::<P>();
        let judge = self.judge(table.prefix(row));
        let mut left = Vec::new();
        for (slot, path) in (0u16..).zip(table.paths(row)) {
            if judge.ineligible(path).is_none() && meant(path) {
                left.push(judge.candidate(slot, path, judge.rank(path)));
            }
        }
        while chosen.len() < most
            && let Some(next) = take_best(&judge, &mut left)
        {
            chosen.push(*table.path(row, usize::from(next.slot)));
        }
    }
}

/// Remove the path which wins among `left`.
pub(crate) fn take_best(judge: &Judge<'_>, left: &mut Vec<Candidate>) -> Option<Candidate> {
    let top = left.iter().map(|candidate| candidate.rank).max()?;
    let mut set: Vec<_> = left.iter().filter(|c| c.rank == top).copied().collect();
    judge.narrow(&mut set);
    let best = set[0];
    left.retain(|candidate| candidate.slot != best.slot);
    Some(best)
}
