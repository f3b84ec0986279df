//! Attribute sets as sent, interned per group and family.
//!
//! **For**: an Adj-RIB-Out entry is then four bytes, "same as before" is one comparison, and routes
//! with equal attributes meet in one message whatever their attributes were on arrival.
//! **Sits**: inside a group's family, filled by the memo on a miss. **How it works**: a hash table of
//! ids into dense entries. An entry keeps what was received by reference, and the difference to it
//! ([`super::delta`]). Where routes have something beside their key (labels), a set and such a rest have
//! an id together, in a second table: the memo knows sets, entries know pairs, and routes of one set
//! share messages whatever their labels. There are no reference counts: when the tables have doubled
//! since the last collection, or hardly anything is advertised any more, the owner marks what its
//! Adj-RIB-Out still uses and the rest is freed. **Invariants**: between collections an id never changes
//! its meaning; whoever remembers ids (the memo) is asked at a collection; a pair in use keeps its set;
//! an entry holds a reference to its attribute set. **Cost**: 20 B a set, some 20 B of difference and 9 B
//! of index; 48 B a pair; no work a route without labels.

use std::hash::BuildHasher;

use bgp_wire::NextHop;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use smallvec::SmallVec;

use super::delta;
use crate::{AttrId, AttrTable, OutId};

#[derive(Copy, Clone, Debug)]
struct Entry {
    /// The set it was made of; [`NO_SET`] in a free entry.
    base: AttrId,
    /// Where the difference lies.
    delta: At,
    next_hop: u32,
    /// Kept so that a growing table does not hash its contents again.
    hash: u32,
    /// First bucket of the current batch with this set, see [`super::batch`].
    bucket: u32,
}

const _: () = assert!(size_of::<Entry>() == 20);

const NO_SET: AttrId = AttrId(u32::MAX);
const FREE: Entry = Entry { base: NO_SET, delta: At(0), next_hop: 0, hash: 0, bucket: u32::MAX };

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
    /// Indexed by id; entry 0 stays free, for 0 means "nothing sent".
    entries: Vec<Entry>,
    free: Vec<u32>,
    index: HashTable<u32>,
    deltas: Arena,
    /// Next hops by number, each once.
    next_hops: Vec<NextHop>,
    next_hop_index: HashTable<u32>,
    pairs: Vec<Pair>,
    free_pairs: Vec<u32>,
    pair_index: HashTable<u32>,
    hasher: RandomState,
    scratch: Vec<u8>,
    /// Entries left by the last collection.
    floor: usize,
}

/// Below this size a collection is not worth its scan.
const MIN_COLLECT: usize = 1024;

impl OutTable {
    pub(super) fn new() -> Self {
        Self {
            entries: vec![FREE],
            free: Vec::new(),
            index: HashTable::new(),
            deltas: Arena::default(),
            next_hops: Vec::new(),
            next_hop_index: HashTable::new(),
            pairs: Vec::new(),
            free_pairs: Vec::new(),
            pair_index: HashTable::new(),
            hasher: RandomState::default(),
            scratch: Vec::new(),
            floor: 0,
        }
    }

    /// The id of `canonical`, which export made of `base`, with a next hop.
    pub(super) fn intern(
        &mut self,
        attrs: &mut AttrTable,
        base: AttrId,
        canonical: &[u8],
        next_hop: NextHop,
    ) -> OutId {
        let hash = self.hasher.hash_one((canonical, next_hop)) as u32;
        let Self { entries, index, deltas, next_hops, .. } = self;
        let same = |id: &u32| {
            let entry = &entries[*id as usize];
            entry.hash == hash
                && next_hops[entry.next_hop as usize] == next_hop
                && delta::makes(attrs.bytes(entry.base), deltas.get(entry.delta), canonical)
        };
        if let Some(id) = index.find(spread(hash), same) {
            return OutId(*id);
        }
        self.scratch.clear();
        delta::encode(attrs.bytes(base), canonical, &mut self.scratch);
        attrs.retain(base);
        let delta = self.deltas.push(&self.scratch);
        let next_hop = self.next_hop(next_hop);
        let entry = Entry { base, delta, next_hop, hash, bucket: u32::MAX };
        let id = match self.free.pop() {
            Some(id) => {
                self.entries[id as usize] = entry;
                id
            }
            None => {
                self.entries.push(entry);
                u32::try_from(self.entries.len() - 1).expect("fewer sets than rows")
            }
        };
        let entries = &self.entries;
        self.index.insert_unique(spread(hash), id, |id| spread(entries[*id as usize].hash));
        OutId(id)
    }

    /// The number of a next hop.
    fn next_hop(&mut self, next_hop: NextHop) -> u32 {
        let Self { next_hops, next_hop_index, hasher, .. } = self;
        let hash = hasher.hash_one(next_hop);
        let same = |number: &u32| next_hops[*number as usize] == next_hop;
        if let Some(number) = next_hop_index.find(hash, same) {
            return *number;
        }
        next_hops.push(next_hop);
        let number = u32::try_from(next_hops.len() - 1).expect("fewer next hops than sets");
        let hash_of = |number: &u32| hasher.hash_one(next_hops[*number as usize]);
        next_hop_index.insert_unique(hash, number, hash_of);
        number
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

    fn entry(&self, id: OutId) -> &Entry {
        let entry = &self.entries[self.base(id).0 as usize];
        debug_assert_ne!(entry.base, NO_SET, "an id in use is live");
        entry
    }

    /// Appends the attributes of a set to `out`.
    pub(super) fn write(&self, attrs: &AttrTable, id: OutId, out: &mut Vec<u8>) {
        let entry = self.entry(id);
        delta::apply(attrs.bytes(entry.base), self.deltas.get(entry.delta), out);
    }

    /// Whether the attributes of a set are these.
    pub(super) fn is(&self, attrs: &AttrTable, id: OutId, canonical: &[u8]) -> bool {
        let entry = self.entry(id);
        delta::makes(attrs.bytes(entry.base), self.deltas.get(entry.delta), canonical)
    }

    /// The set a set was made of.
    pub(super) fn made_of(&self, id: OutId) -> AttrId {
        self.entry(id).base
    }

    /// The next hop of a set.
    pub(super) fn next_hop_of(&self, id: OutId) -> &NextHop {
        &self.next_hops[self.entry(id).next_hop as usize]
    }

    /// First bucket of the current batch with this id.
    #[inline]
    pub(super) fn bucket_mut(&mut self, id: OutId) -> &mut u32 {
        if id.is_pair() {
            return &mut self.pairs[id.pair()].bucket;
        }
        &mut self.entries[id.0 as usize].bucket
    }

    pub(super) fn len(&self) -> usize {
        self.index.len() + self.pair_index.len()
    }

    /// Whether there is something to be gained, with so many entries advertised. One needs a set and
    /// perhaps a pair, and the memo may hold as many sets again.
    pub(super) fn wants_collection(&self, advertised: usize) -> bool {
        let bound = match advertised {
            0 => 0,
            _ => MIN_COLLECT + (2 * self.floor).min(4 * advertised),
        };
        self.len() > bound
    }

    /// Frees all but those `in_use`, among which 0 may be.
    pub(super) fn collect(&mut self, attrs: &mut AttrTable, in_use: impl Iterator<Item = OutId>) {
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
        index.retain(|id| used[*id as usize]);
        // In the order in which they came, backwards: kind to the caches, and the next ones ascend.
        for (id, entry) in entries.iter_mut().enumerate().rev() {
            if !used[id] && entry.base != NO_SET {
                attrs.release(entry.base);
                *entry = FREE;
                free.push(u32::try_from(id).expect("ids have 32 bits"));
            }
        }
        self.floor = self.len();
        if self.floor == 0 {
            *self = Self::new();
            return;
        }
        self.compact();
    }

    /// Leaves out the differences and next hops of entries that are gone.
    fn compact(&mut self) {
        let old = std::mem::take(&mut self.deltas);
        let next_hops = std::mem::take(&mut self.next_hops);
        self.next_hop_index.clear();
        for at in 0..self.entries.len() {
            let Entry { base, delta, next_hop, .. } = self.entries[at];
            if base != NO_SET {
                self.entries[at].delta = self.deltas.push(old.get(delta));
                self.entries[at].next_hop = self.next_hop(next_hops[next_hop as usize]);
            }
        }
    }
}

/// A hash of 32 bits for a table that uses both ends of 64.
const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// A place in an [`Arena`]: a chunk, and an offset into it.
#[derive(Copy, Clone, Debug)]
struct At(u32);

/// Short strings of octets behind a number of four.
#[derive(Debug, Default)]
struct Arena {
    chunks: Vec<Vec<u8>>,
}

/// Octets a chunk takes, unless a single string is longer.
const CHUNK: usize = 1 << 16;

impl Arena {
    fn push(&mut self, octets: &[u8]) -> At {
        let length = octets.len() + 3;
        if self.chunks.last().is_none_or(|chunk| chunk.len() + length > CHUNK) {
            self.chunks.push(Vec::new());
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let at = number << 16 | chunk.len();
        delta::put(octets.len(), chunk);
        chunk.extend_from_slice(octets);
        At(u32::try_from(at).expect("four gigabytes of differences do not fit in memory"))
    }

    fn get(&self, At(at): At) -> &[u8] {
        let mut octets = &self.chunks[at as usize >> 16][at as usize & (CHUNK - 1)..];
        let length = delta::get(&mut octets);
        &octets[..length]
    }
}
