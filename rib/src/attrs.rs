//! The attribute store: every distinct attribute set once, behind a `u32`.
//!
//! **Where it sits.** The speaker interns the canonical bytes of an UPDATE (next hop and NLRI
//! apart) and announces routes with the [`AttrId`]; update groups intern what they rewrote.
//!
//! **How it works.** An index of ids hashed by content, the bytes in boxes of their exact size, and
//! one decoded [`Summary`] per set, made once on a miss: the decision process never parses.
//!
//! ```text
//! hash(bytes) -> HashTable<u32> -> bytes: Box<[u8]>          (interning compares here)
//!                               -> Meta { Summary, refs }    (decision and counting read here)
//! ```
//!
//! **Invariants.** A set lives as long as it is referenced: once per path slot of a table, and once
//! per [`AttrTable::intern`] or [`AttrTable::retain`] not yet [`AttrTable::release`]d. Its id is
//! reused only after that, so a holder of a reference can keep an `AttrId` as long as it wants.
//!
//! **Cost.** 16 (box) + 36 (summary, count) + about 8 (index) bytes a set, and the bytes themselves
//! plus the allocator's rounding. Hashing is foldhash seeded per table: not meant to resist an
//! attacker who sees the seed, unpredictable to one who does not.
//!
//! References: RFC 4271 section 5.

use std::{fmt, hash::BuildHasher};

use bgp_wire::attr::Summary;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use crate::{AttrId, chunks::Chunks};

/// Interned attribute sets with counted references.
pub struct AttrTable {
    index: HashTable<u32>,
    bytes: Chunks<Box<[u8]>, 1024>,
    meta: Chunks<Meta, 1024>,
    /// Head of the list of free ids, linked through `Meta::refs`.
    free: u32,
    payload: usize,
    hasher: RandomState,
}

#[derive(Copy, Clone)]
struct Meta {
    summary: Summary,
    /// References; of a free id the next free one.
    refs: u32,
}

const END: u32 = u32::MAX;

const _: () = assert!(size_of::<Meta>() <= 36);

impl Default for AttrTable {
    fn default() -> Self {
        Self::new()
    }
}

impl AttrTable {
    /// An empty store with a hash seed of its own.
    pub fn new() -> Self {
        Self {
            index: HashTable::new(),
            bytes: Chunks::new(),
            meta: Chunks::new(),
            free: END,
            payload: 0,
            hasher: RandomState::default(),
        }
    }

    /// The id of `canonical`, with one reference which now belongs to the caller.
    ///
    /// The caller gives it back with [`Self::release`] when it no longer needs the id: after
    /// announcing the routes of the UPDATE, or when its "same set as last time" cache moves on.
    pub fn intern(&mut self, canonical: &[u8]) -> AttrId {
        let hash = self.hasher.hash_one(canonical);
        if let Some(&id) = self.index.find(hash, |&id| *self.bytes[id] == *canonical) {
            self.meta[id].refs += 1;
            return AttrId(id);
        }
        self.insert(hash, canonical)
    }

    /// The id of `canonical` if it is stored; takes no reference.
    pub fn find(&self, canonical: &[u8]) -> Option<AttrId> {
        let hash = self.hasher.hash_one(canonical);
        self.index.find(hash, |&id| *self.bytes[id] == *canonical).map(|&id| AttrId(id))
    }

    /// Take one more reference.
    #[inline]
    pub fn retain(&mut self, id: AttrId) {
        self.meta[id.0].refs += 1;
    }

    /// Give one reference back; the last one frees the set and its id.
    #[inline]
    pub fn release(&mut self, id: AttrId) {
        let meta = &mut self.meta[id.0];
        debug_assert!(meta.refs > 0, "released more often than retained");
        meta.refs -= 1;
        if meta.refs == 0 {
            self.remove(id.0);
        }
    }

    /// The canonical bytes of a set.
    #[inline]
    pub fn bytes(&self, id: AttrId) -> &[u8] {
        &self.bytes[id.0]
    }

    /// What the decision process needs of a set.
    #[inline]
    pub fn summary(&self, id: AttrId) -> &Summary {
        &self.meta[id.0].summary
    }

    /// References to a set now.
    pub fn references(&self, id: AttrId) -> u32 {
        self.meta[id.0].refs
    }

    /// Distinct sets stored.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no set is stored.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Bytes in use: columns, index and attribute bytes, without the allocator's own overhead.
    pub fn memory(&self) -> usize {
        self.bytes.memory() + self.meta.memory() + self.index.allocation_size() + self.payload
    }

    #[cold]
    fn insert(&mut self, hash: u64, canonical: &[u8]) -> AttrId {
        let meta = Meta { summary: Summary::of(canonical), refs: 1 };
        let id = if self.free == END {
            self.bytes.push(Box::default());
            self.meta.push(meta)
        } else {
            let id = self.free;
            self.free = self.meta[id].refs;
            self.meta[id] = meta;
            id
        };
        self.bytes[id] = canonical.into();
        self.payload += canonical.len();
        if self.index.len() == self.index.capacity() {
            self.grow();
        }
        let (bytes, hasher) = (&self.bytes, &self.hasher);
        self.index.insert_unique(hash, id, |&id| hasher.hash_one(&*bytes[id]));
        AttrId(id)
    }

    /// Double the index. Entries go over in the order of ids, in which their bytes were allocated;
    /// the index's own way of growing would read them in the order of their hashes.
    fn grow(&mut self) {
        let mut ids: Vec<u32> = self.index.iter().copied().collect();
        ids.sort_unstable();
        let (bytes, hasher) = (&self.bytes, &self.hasher);
        let hash = |&id: &u32| hasher.hash_one(&*bytes[id]);
        let mut index = HashTable::with_capacity((ids.len() * 2).max(64));
        for id in ids {
            index.insert_unique(hash(&id), id, hash);
        }
        self.index = index;
    }

    #[cold]
    fn remove(&mut self, id: u32) {
        let hash = self.hasher.hash_one(&*self.bytes[id]);
        let entry = self.index.find_entry(hash, |&other| other == id);
        entry.expect("a stored set is in the index").remove();
        self.payload -= self.bytes[id].len();
        if self.index.is_empty() {
            self.index = HashTable::new();
            self.bytes.clear();
            self.meta.clear();
            self.free = END;
            return;
        }
        self.bytes[id] = Box::default();
        self.meta[id].refs = self.free;
        self.free = id;
    }
}

impl fmt::Debug for AttrTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttrTable").field("sets", &self.len()).finish_non_exhaustive()
    }
}
