//! Numbers for the entries of an Adj-RIB-Out that holds several paths of a prefix (RFC 7911).
//!
//! **For**: groups whose members are sent more than one path; the rest of the exporter then works on
//! entries as it does on rows otherwise. **Sits**: in [`super::paths`]. **How it works**: a slot stands
//! for one path as advertised, known by its source and the identifier it was received with; the slots
//! of a row are a list. The identifier a slot is sent with follows from those two where the received
//! one is small, so that it is the same in every group and a member that changes groups keeps it; else
//! from the number of the slot:
//!
//! ```text
//! 0 │ received * 65,537 + source + 1 │        received < 32,767
//! 1 │ number of the slot             │        otherwise
//! ```
//!
//! **Invariants**: an identifier never changes while its slot is in use, and two slots of a row never
//! have the same. No identifier is 0.
//! **Cost**: 16 B a path and 4 B a row.
//! **References**: RFC 7911 sections 2 and 3.

use super::adj_out::EntryIx;
use crate::{PeerIx, RowId};

const END: u32 = u32::MAX;
const BY_SLOT: u32 = 1 << 31;
/// One more than there are peers, so that each pair has a number of its own.
const STRIDE: u32 = 65_537;
const SMALL: u32 = BY_SLOT / STRIDE;

#[derive(Clone, Debug)]
pub(super) struct Slots {
    /// First slot of each row.
    heads: Vec<u32>,
    slots: Vec<Slot>,
    /// First free slot, the others linked through `next`.
    free: u32,
}

#[derive(Copy, Clone, Debug)]
pub(super) struct Slot {
    pub(super) row: RowId,
    /// Path identifier as sent.
    pub(super) id: u32,
    /// Path identifier as received.
    pub(super) received: u32,
    next: u32,
}

const _: () = assert!(size_of::<Slot>() == 16);

impl Slots {
    pub(super) fn new() -> Self {
        Self { heads: Vec::new(), slots: Vec::new(), free: END }
    }

    /// The slot in use behind an entry.
    pub(super) fn slot(&self, at: EntryIx) -> &Slot {
        &self.slots[at.index()]
    }

    /// The slots of a row.
    pub(super) fn of(&self, row: RowId) -> impl Iterator<Item = (EntryIx, &Slot)> + '_ {
        let mut next = self.heads.get(row.index()).copied().unwrap_or(END);
        std::iter::from_fn(move || {
            let at = EntryIx(next);
            let slot = self.slots.get(at.index())?;
            next = slot.next;
            Some((at, slot))
        })
    }

    /// The slot of a row that is sent with identifier `id`.
    pub(super) fn find(&self, row: RowId, id: u32) -> Option<EntryIx> {
        self.of(row).find(|(_, slot)| slot.id == id).map(|(at, _)| at)
    }

    /// A slot for a path of `row`.
    pub(super) fn add(&mut self, row: RowId, source: PeerIx, received: u32) -> EntryIx {
        if self.heads.len() <= row.index() {
            self.heads.resize(row.index() + 1, END);
        }
        let at = match self.free {
            END => u32::try_from(self.slots.len()).expect("fewer paths than 32 bits count"),
            free => {
                self.free = self.slots[free as usize].next;
                free
            }
        };
        let id = if received < SMALL {
            received * STRIDE + u32::from(source.0) + 1
        } else {
            BY_SLOT | at
        };
        let head = &mut self.heads[row.index()];
        let slot = Slot { row, id, received, next: *head };
        *head = at;
        match self.slots.get_mut(at as usize) {
            Some(free) => *free = slot,
            None => self.slots.push(slot),
        }
        EntryIx(at)
    }

    /// Frees a slot.
    pub(super) fn remove(&mut self, at: EntryIx) {
        let Slot { row, next, .. } = self.slots[at.index()];
        let head = &mut self.heads[row.index()];
        if *head == at.0 {
            *head = next;
        } else {
            let mut before = *head as usize;
            while self.slots[before].next != at.0 {
                before = self.slots[before].next as usize;
            }
            self.slots[before].next = next;
        }
        self.slots[at.index()].next = self.free;
        self.free = at.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_apart_within_a_row_and_never_zero() {
        let mut slots = Slots::new();
        let row = RowId(3);
        let received = [0, 1, 2, SMALL - 1, SMALL, SMALL + 1, u32::MAX];
        let sources = [PeerIx(0), PeerIx(1), PeerIx(u16::MAX)];
        for source in sources {
            for received in received {
                slots.add(row, source, received);
            }
        }
        let mut ids: Vec<_> = slots.of(row).map(|(_, slot)| slot.id).collect();
        assert_eq!(ids.len(), received.len() * sources.len());
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), received.len() * sources.len());
        assert!(!ids.contains(&0));
    }

    #[test]
    fn slots_are_reused_and_the_others_stay() {
        let mut slots = Slots::new();
        let (a, b) = (RowId(0), RowId(9));
        let all: Vec<_> = (1..5).map(|peer| slots.add(a, PeerIx(peer), 0)).collect();
        let ids: Vec<_> = all.iter().map(|at| slots.slot(*at).id).collect();
        slots.remove(all[1]);
        slots.remove(all[3]);
        let left: Vec<_> = slots.of(a).map(|(at, slot)| (at, slot.id)).collect();
        assert_eq!(left, [(all[2], ids[2]), (all[0], ids[0])]);
        assert_eq!(slots.add(b, PeerIx(7), 0), all[3]);
        assert_eq!(slots.add(b, PeerIx(8), 0), all[1]);
        assert_eq!(slots.find(b, 9), Some(all[1]));
        assert_eq!(slots.find(b, 1), None);
        assert_eq!(slots.of(RowId(100)).count(), 0);
    }
}
