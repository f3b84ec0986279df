//! Attribute sets as sent, interned per group and family.
//!
//! **For**: an Adj-RIB-Out entry is then four bytes, "same as before" is one comparison, and routes
//! with equal attributes meet in one message whatever their attributes were on arrival.
//! **Sits**: inside a group's family, filled by the memo on a miss. **How it works**: a hash table of
//! ids into dense entries (canonical bytes and next hop). Where routes have something beside their key
//! (labels), a set and such a rest have an id together, in a second table: the memo knows sets, entries
//! know pairs, and routes of one set share messages whatever their labels. There are no reference
//! counts: when the tables have doubled since the last collection, the owner marks what its Adj-RIB-Out
//! still uses and the rest is freed. **Invariants**: between collections an id never changes its
//! meaning; whoever remembers ids (the memo) is asked at a collection; a pair in use keeps its set.
//! **Cost**: about 80 B a set beside its bytes, 48 B a pair; no work a route without labels.

use std::hash::BuildHasher;

use bgp_wire::NextHop;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use crate::OutId;

#[derive(Debug)]
pub(super) struct Out {
    pub(super) canonical: Box<[u8]>,
    pub(super) next_hop: NextHop,
    /// Kept so that a growing table does not hash its contents again.
    hash: u64,
    /// First bucket of the current batch with this set, see [`super::batch`].
    bucket: u32,
}

/// A set together with what routes have beside their key.
#[derive(Debug)]
struct Pair {
    out: OutId,
    rest: SmallVec<[u8; 16]>,
    bucket: u32,
}

const _: () = assert!(size_of::<Pair>() <= 40);

#[derive(Debug)]
pub(super) struct OutTable {
    /// Indexed by id; entry 0 stays empty, for 0 means "nothing sent".
    entries: Vec<Option<Out>>,
    free: Vec<u32>,
    index: HashTable<u32>,
    pairs: Vec<Pair>,
    free_pairs: Vec<u32>,
    pair_index: HashTable<u32>,
    hasher: RandomState,
    /// Entries left by the last collection.
    floor: usize,
}

/// Below this size a collection is not worth its scan.
const MIN_COLLECT: usize = 1024;

impl OutTable {
    pub(super) fn new() -> Self {
        Self {
            entries: vec![None],
            free: Vec::new(),
            index: HashTable::new(),
            pairs: Vec::new(),
            free_pairs: Vec::new(),
            pair_index: HashTable::new(),
            hasher: RandomState::default(),
            floor: 0,
        }
    }

    pub(super) fn intern(&mut self, canonical: &[u8], next_hop: NextHop) -> OutId {
        let hash = self.hasher.hash_one((canonical, next_hop));
        let entries = &self.entries;
        let same = |id: &u32| {
            entries[*id as usize].as_ref().is_some_and(|out| {
                out.hash == hash && out.next_hop == next_hop && *out.canonical == *canonical
            })
        };
        if let Some(id) = self.index.find(hash, same) {
            return OutId(*id);
        }
        let out = Some(Out { canonical: canonical.into(), next_hop, hash, bucket: u32::MAX });
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = out;
                id
            }
            None => {
                self.entries.push(out);
                u32::try_from(self.entries.len() - 1).expect("fewer sets than rows")
            }
        };
        let entries = &self.entries;
        self.index.insert_unique(hash, id, |id| {
            entries[*id as usize].as_ref().expect("indexed entries are live").hash
        });
        OutId(id)
    }

    /// The id of a set together with a rest; of the set itself where there is none.
    pub(super) fn with_rest(&mut self, out: OutId, rest: &[u8]) -> OutId {
        if rest.is_empty() {
            return out;
        }
        let hash = self.hasher.hash_one((out, rest));
        let pairs = &self.pairs;
        let same = |id: &u32| {
            let pair = &pairs[*id as usize];
            pair.out == out && *pair.rest == *rest
        };
        if let Some(number) = self.pair_index.find(hash, same) {
            return OutId::of_pair(*number);
        }
        let pair = Pair { out, rest: rest.into(), bucket: u32::MAX };
        let number = match self.free_pairs.pop() {
            Some(number) => {
                self.pairs[number as usize] = pair;
                number
            }
            None => {
                self.pairs.push(pair);
                u32::try_from(self.pairs.len() - 1).expect("fewer pairs than rows")
            }
        };
        let (pairs, hasher) = (&self.pairs, &self.hasher);
        self.pair_index.insert_unique(hash, number, |number| {
            let pair = &pairs[*number as usize];
            hasher.hash_one((pair.out, &*pair.rest))
        });
        OutId::of_pair(number)
    }

    /// The set, whatever the rest.
    #[inline]
    pub(super) fn base(&self, id: OutId) -> OutId {
        if id.is_pair() { self.pairs[id.pair()].out } else { id }
    }

    /// What routes with this id have beside their key.
    #[inline]
    pub(super) fn rest(&self, id: OutId) -> &[u8] {
        if id.is_pair() { &self.pairs[id.pair()].rest } else { &[] }
    }

    pub(super) fn entry(&self, id: OutId) -> &Out {
        self.entries[self.base(id).0 as usize].as_ref().expect("an id in use is live")
    }

    /// First bucket of the current batch with this id.
    #[inline]
    pub(super) fn bucket_mut(&mut self, id: OutId) -> &mut u32 {
        if id.is_pair() {
            return &mut self.pairs[id.pair()].bucket;
        }
        &mut self.entries[id.0 as usize].as_mut().expect("an id in use is live").bucket
    }

    pub(super) fn len(&self) -> usize {
        self.index.len() + self.pair_index.len()
    }

    pub(super) fn wants_collection(&self) -> bool {
        self.len() > MIN_COLLECT.max(2 * self.floor)
    }

    /// Frees all but those `in_use`, among which 0 may be.
    pub(super) fn collect(&mut self, in_use: impl Iterator<Item = OutId>) {
        let mut used = vec![false; self.entries.len()];
        let mut used_pairs = vec![false; self.pairs.len()];
        for id in in_use {
            used[self.base(id).0 as usize] = true;
            if id.is_pair() {
                used_pairs[id.pair()] = true;
            }
        }
        let Self { index, entries, free, pairs, free_pairs, pair_index, .. } = self;
        pair_index.retain(|number| {
            let keep = used_pairs[*number as usize];
            if !keep {
                pairs[*number as usize].rest = SmallVec::new();
                free_pairs.push(*number);
            }
            keep
        });
        index.retain(|id| {
            let keep = used[*id as usize];
            if !keep {
                entries[*id as usize] = None;
                free.push(*id);
            }
            keep
        });
        self.floor = self.len();
    }
}
