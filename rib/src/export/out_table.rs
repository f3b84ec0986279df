//! Attribute sets as sent, interned per group and family.
//!
//! **For**: an Adj-RIB-Out entry is then four bytes, "same as before" is one comparison, and routes
//! with equal attributes meet in one message whatever their attributes were on arrival.
//! **Sits**: inside a group's family, filled by the memo on a miss. **How it works**: a hash table of
//! ids into dense entries (canonical bytes and next hop). There are no reference counts: when the
//! table has doubled since the last collection, the owner marks what its Adj-RIB-Out still uses and
//! the rest is freed. **Invariants**: between collections an id never changes its meaning; whoever
//! remembers ids (the memo) forgets them all at a collection.
//! **Cost**: about 80 B a set beside its bytes; no work a route.

use std::hash::BuildHasher;

use bgp_wire::NextHop;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::OutId;

#[derive(Debug)]
pub(super) struct Out {
    pub(super) canonical: Box<[u8]>,
    pub(super) next_hop: NextHop,
    /// Kept so that a growing table does not hash its contents again.
    hash: u64,
    /// First bucket of the current batch with this set, see [`super::batch`].
    pub(super) bucket: u32,
}

#[derive(Debug)]
pub(super) struct OutTable {
    /// Indexed by id; entry 0 stays empty, for 0 means "nothing sent".
    entries: Vec<Option<Out>>,
    free: Vec<u32>,
    index: HashTable<u32>,
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

    pub(super) fn entry(&self, id: OutId) -> &Out {
        self.entries[id.0 as usize].as_ref().expect("an id in use is live")
    }

    pub(super) fn entry_mut(&mut self, id: OutId) -> &mut Out {
        self.entries[id.0 as usize].as_mut().expect("an id in use is live")
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn wants_collection(&self) -> bool {
        self.len() > MIN_COLLECT.max(2 * self.floor)
    }

    /// Frees all sets but those `in_use`, among which 0 may be.
    pub(super) fn collect(&mut self, in_use: impl Iterator<Item = OutId>) {
        let mut used = vec![false; self.entries.len()];
        for id in in_use {
            used[id.0 as usize] = true;
        }
        let Self { index, entries, free, .. } = self;
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
