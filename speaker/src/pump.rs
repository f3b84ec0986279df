//! The router's background work, a slice at a time: alarms, sweeps, re-imports, exports.
//!
//! **Sits**: between the pump task of [`router`](crate::router) and the tables. **Invariants**: a
//! slice is bounded by its budget of rows; what is not due yet is told by
//! [`Core::next_alarm`], so that nobody polls.

use std::time::Instant;

use crate::alarm::Alarm;
use crate::core::Core;
use crate::limits::LimitNote;

impl Core {
    /// One slice of background work. Returns whether there is more that can be done now.
    pub(crate) fn pump(&mut self, budget: usize, now: Instant) -> bool {
        while let Some(alarm) = self.alarms.take_due(now) {
            match alarm {
                Alarm::RefreshOverdue(peer, family) => self.refresh_overdue(peer, family),
                Alarm::AskAgain(peer, family) => self.ask_again(peer, family, now),
                Alarm::TargetsOverdue(peer) => self.targets_overdue(peer),
            }
        }
        let had_to_sweep = self.rib.has_pending_work();
        let sweeping = self.rib.sweep(budget);
        if had_to_sweep && !sweeping {
            self.review_all_limits(now);
        }
        let reimporting = self.reimport_some(budget);
        let exporting =
            !self.is_deferring() && self.exports.pump(&mut self.rib, &mut self.lives, budget);
        sweeping || reimporting || exporting
    }

    /// When [`pump`](Self::pump) has something to do although nothing happens.
    pub(crate) fn next_alarm(&self) -> Option<Instant> {
        self.alarms.next()
    }

    /// Changes that log and subscribers have not been told of.
    pub(crate) fn take_notes(&mut self) -> Vec<LimitNote> {
        std::mem::take(&mut self.notes)
    }
}
