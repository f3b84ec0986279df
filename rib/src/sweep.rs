//! Work which follows a peer's end or a next hop's change, in slices.
//!
//! **What it is for.** A session with a million routes ends; a next hop of half the table becomes
//! unreachable. Neither may stop other sessions for the time it takes to visit the rows.
//!
//! **How it works.** One walk over the rows in row order serves all causes: it removes paths of
//! peers which are down, decides rows whose next hop is marked, or all rows after a change of
//! knobs, and does what [`stale`](crate::stale) asks for. It goes round from where it is; a new cause makes it go one full round more. It ends
//! early when all slots of the peers which are down and of the marked next hops have been met.
//!
//! **Cost.** About 6 ns a row which is not concerned (rows lie in a line) and 35 to 40 ns a route
//! removed. A peer with a handful of routes in a table of a million costs at most 6 ms, in slices;
//! a list of rows per peer would cost 8 bytes a path to save that.
//!
//! References: RFC 4271 sections 6.7, 9.1.2, 9.2.1.

use crate::{FAMILY_COUNT, PathFlags, Rib, RowId, each_family, family::TableFamily, stale::Fate};

/// Where the walk is.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    active: bool,
    /// Decide every row, whatever its paths.
    pub(crate) every_row: bool,
    /// Go round to the end: how many paths are concerned is not known.
    pub(crate) whole: bool,
    rounds: [Round; FAMILY_COUNT],
}

/// One round over the rows of a family, from somewhere to the end and from the first to there.
#[derive(Copy, Clone, Debug, Default)]
struct Round {
    cursor: u32,
    /// Where the round began.
    start: u32,
    wrapped: bool,
    done: bool,
}

impl Round {
    const fn begin(&mut self) {
        *self = Self { cursor: self.cursor, start: self.cursor, wrapped: false, done: false };
    }

    /// The next row of the round among rows `0..slots`, which may grow meanwhile.
    fn next(&mut self, slots: u32) -> Option<RowId> {
        if !self.wrapped && self.cursor >= slots {
            self.wrapped = true;
            self.cursor = 0;
        }
        if self.wrapped && self.cursor >= self.start.min(slots) {
            self.done = true;
            return None;
        }
        self.cursor += 1;
        Some(RowId(self.cursor - 1))
    }
}

impl Rib {
    /// Do at most about `budget` rows of pending work; a row is one unit. Returns whether there is
    /// more.
    ///
    /// Pending work comes from [`Rib::peer_down`], [`Rib::peer_back`], [`Rib::sweep_stale`],
    /// [`Rib::begin_long_lived`], [`Rib::set_next_hop`], [`Rib::touch_next_hop`] and
    /// [`Rib::set_config`].
    pub fn sweep(&mut self, mut budget: usize) -> bool {
        if !self.walk.active {
            return false;
        }
        each_family!(P => self.sweep_family::<P>(&mut budget));
        if self.is_walking() {
            return true;
        }
        self.walk.active = false;
        self.walk.every_row = false;
        self.walk.whole = false;
        self.next_hops.end_walk();
        self.forget_rewritten();
        self.peers.swept(&self.consumers);
        false
    }

    /// Whether [`Rib::sweep`] has work to do.
    pub const fn has_pending_work(&self) -> bool {
        self.walk.active
    }

    pub(crate) fn begin_walk(&mut self) {
        self.walk.active = true;
        self.walk.rounds.iter_mut().for_each(Round::begin);
        self.next_hops.begin_walk();
    }

    fn is_walking(&self) -> bool {
        let whole = self.walk.every_row || self.walk.whole;
        let cause = whole || self.peers.to_sweep > 0 || self.next_hops.to_visit > 0;
        cause && self.walk.rounds.iter().any(|round| !round.done)
    }

    fn sweep_family<P: TableFamily>(&mut self, budget: &mut usize) {
        while *budget > 0 && self.is_walking() {
            let slots = self.table::<P>().slots();
            let Some(row) = self.walk.rounds[P::INDEX].next(slots) else { return };
            *budget -= 1;
            self.visit::<P>(row);
        }
    }

    fn visit<P: TableFamily>(&mut self, row: RowId) {
        let table = P::table(&self.tables);
        let (mut acts, mut marked, mut moved, mut renamed) = (false, 0, false, false);
        for path in table.paths(row) {
            acts |= self.peers.fate(path, P::INDEX) != Fate::Keep;
            if self.peers.is_renamed(path.peer) {
                renamed = true;
                moved |= path.flags.any(PathFlags::MULTIPATH);
            }
            if self.next_hops.is_marked(path.next_hop) {
                marked += 1;
                moved |= path.flags.any(PathFlags::MULTIPATH);
            }
        }
        if !acts && !renamed && marked == 0 && !self.walk.every_row {
            return;
        }
        self.next_hops.to_visit = self.next_hops.to_visit.saturating_sub(marked);
        let before = table.best(row).copied();
        if acts {
            for slot in (0..table.path_len(row)).rev() {
                let path = self.table::<P>().path(row, slot);
                let multipath = path.flags.any(PathFlags::MULTIPATH);
                let gone = match self.peers.fate(path, P::INDEX) {
                    Fate::Keep => continue,
                    Fate::Remove => {
                        self.take::<P>(row, slot);
                        true
                    }
                    Fate::LongLived => !self.make_long_lived::<P>(row, slot),
                };
                moved |= multipath && gone;
            }
        }
        let renamed = renamed && before.is_some_and(|best| self.peers.is_renamed(best.peer));
        let change = self.decide_and_finish::<P>(row, before, true, moved);
        if renamed && !change.best() && self.best::<P>(row).is_some() {
            // The same path of what looks like another router: it may be sent on differently.
            self.consumers.mark(P::INDEX, row, true);
        }
    }
}
