//! Next hop and rest of NLRI, each pair once.
//!
//! A label means something only to the router that the next hop is, so the two are interned together:
//! a path has one id for both, and another label is another next hop for everybody who compares.
//! Resolution stays with the next hop alone; the kernel's changes never walk the pairs.
//!
//! **Invariants.** A pair lives while it is referenced, by callers and path slots alike, and holds one
//! reference to its next hop.
//!
//! **Cost.** 40 octets and an index entry a pair; rests over 16 octets are boxed. One label for all
//! routes of a VRF is one pair, a label for each route is a pair for each.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::NextHopId;

#[derive(Debug, Default)]
pub(super) struct Pairs {
    entries: Vec<Pair>,
    index: HashTable<u32>,
    free: Vec<u32>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Pair {
    base: NextHopId,
    refs: u32,
    rest: SmallVec<[u8; 16]>,
}

const _: () = assert!(size_of::<Pair>() <= 40);

impl Pairs {
    /// The pair's id, with one more reference, and whether it is new.
    pub(super) fn intern(&mut self, base: NextHopId, rest: &[u8]) -> (NextHopId, bool) {
        let hash = self.hasher.hash_one((base, rest));
        let entries = &self.entries;
        let same = |id: &u32| {
            let pair = &entries[*id as usize];
            pair.base == base && *pair.rest == *rest
        };
        if let Some(&number) = self.index.find(hash, same) {
            self.entries[number as usize].refs += 1;
            return (NextHopId::of_pair(number), false);
        }
        let pair = Pair { base, refs: 1, rest: rest.into() };
        let number = match self.free.pop() {
            Some(number) => {
                self.entries[number as usize] = pair;
                number
            }
            None => {
                self.entries.push(pair);
                u32::try_from(self.entries.len() - 1).expect("fewer pairs than path slots")
            }
        };
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.index.insert_unique(hash, number, |number| {
            let pair = &entries[*number as usize];
            hasher.hash_one((pair.base, &*pair.rest))
        });
        (NextHopId::of_pair(number), true)
    }

    pub(super) fn retain(&mut self, id: NextHopId) {
        self.entries[id.pair()].refs += 1;
    }

    /// Gives a reference back. With the last one the pair goes: its next hop, to be released.
    pub(super) fn release(&mut self, id: NextHopId) -> Option<NextHopId> {
        let pair = &mut self.entries[id.pair()];
        debug_assert!(pair.refs > 0, "released more often than retained");
        pair.refs -= 1;
        if pair.refs > 0 {
            return None;
        }
        let rest = std::mem::take(&mut pair.rest);
        let base = pair.base;
        let number = u32::try_from(id.pair()).expect("numbers of pairs are 31 bits");
        let hash = self.hasher.hash_one((base, &*rest));
        let found = self.index.find_entry(hash, |other| *other == number);
        found.expect("a pair in use is in the index").remove();
        self.free.push(number);
        if self.index.is_empty() {
            *self = Self { hasher: self.hasher.clone(), ..Self::default() };
        }
        Some(base)
    }

    #[inline]
    pub(super) fn base(&self, id: NextHopId) -> NextHopId {
        self.entries[id.pair()].base
    }

    #[inline]
    pub(super) fn rest(&self, id: NextHopId) -> &[u8] {
        &self.entries[id.pair()].rest
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }
}

#[cfg(test)]
mod tests {
    use bgp_wire::NextHop;

    use crate::{NextHopId, NextHopKey, NextHopTable, Resolution};

    fn key(last: u8) -> NextHopKey {
        NextHopKey { next_hop: NextHop::V4([192, 0, 2, last].into()), ifindex: 0 }
    }

    #[test]
    fn a_pair_is_its_next_hop_with_something_more_and_goes_with_its_last_reference() {
        let mut table = NextHopTable::new();
        let (a, b) = (table.intern(key(1)), table.intern(key(2)));
        let labelled = table.with_rest(a, &[0, 6, 0x41]);
        assert_eq!(table.with_rest(a, &[0, 6, 0x41]), labelled);
        let other = table.with_rest(b, &[0, 6, 0x41]);
        let second = table.with_rest(labelled, &[0, 0, 0x31]);
        assert_eq!(table.pairs(), 3);
        assert_eq!((table.base(labelled), table.base(second), table.base(other)), (a, a, b));
        assert_eq!(table.key(labelled), &key(1));
        assert_eq!((table.rest(labelled), table.rest(a)), (&[0, 6, 0x41][..], &[][..]));
        assert_eq!(table.with_rest(labelled, &[]), a);
        assert!(table.set(a, Resolution::Resolved { metric: 7 }) || table.slots(a) == 0);
        assert_eq!(table.resolution(labelled), Resolution::Resolved { metric: 7 });

        // Slots of a pair are slots of its next hop, and keep both.
        table.add_slot(labelled);
        assert_eq!((table.slots(a), table.slots(labelled)), (1, 1));
        for _ in 0..2 {
            table.release(labelled);
            table.release(a);
        }
        assert_eq!(table.key(labelled), &key(1));
        assert!(table.mark(a));
        assert!(table.is_marked(labelled) && !table.is_marked(other));
        table.end_walk();
        table.remove_slot(labelled);
        table.release(second);
        table.release(other);
        table.release(b);
        assert_eq!((table.pairs(), table.len()), (0, 0));
        assert_eq!(table.intern(key(3)), NextHopId(2), "ids are used again");
    }
}
