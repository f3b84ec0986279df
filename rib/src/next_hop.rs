//! Next hops: each (address, interface) once, with what the kernel's routes say of it.
//!
//! **Where it sits.** The speaker interns the next hop of an UPDATE, resolves it (longest match
//! over the kernel's routes) and calls [`Rib::set_next_hop`](crate::Rib::set_next_hop) whenever the
//! answer changes. The decision process asks whether it is reachable and at which IGP metric (RFC
//! 4271 section 9.1.2).
//!
//! **How it works.** A change marks the entry; the rows which use it are found by the walk of
//! [`Rib::sweep`](crate::Rib::sweep), which ends as soon as it has seen as many path slots as the
//! entry had. Nothing here keeps a list of rows: losing a next hop is rare, announcing is not.
//!
//! Where NLRI hold more than a key (labels), that rest is interned together with the next hop, under
//! an id of its own: see [`pairs`].
//!
//! **Invariants.** Id 0 is [`NextHopId::LOCAL`], resolved for ever. An entry lives while path slots
//! use it or a reference from [`NextHopTable::intern`] is out.

mod pairs;

use std::hash::BuildHasher;

use bgp_wire::NextHop;
use foldhash::fast::RandomState;
use hashbrown::HashTable;

use self::pairs::Pairs;
use crate::NextHopId;

/// What identifies a next hop.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct NextHopKey {
    /// The address as the peer sent it.
    pub next_hop: NextHop,
    /// The interface a link-local address belongs to, 0 for every other.
    pub ifindex: u32,
}

/// Whether a next hop can be reached.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Resolution {
    /// No route leads there: paths through it are not eligible.
    Unresolved,
    /// Reachable at this IGP metric; lower is better, connected is 0.
    Resolved {
        /// Metric of the route which leads there.
        metric: u32,
    },
}

impl Resolution {
    /// Whether the next hop can be reached.
    pub const fn is_resolved(self) -> bool {
        matches!(self, Self::Resolved { .. })
    }
}

/// Interned next hops with their resolution.
#[derive(Debug)]
pub struct NextHopTable {
    entries: Vec<Entry>,
    index: HashTable<u32>,
    free: Vec<u32>,
    pairs: Pairs,
    /// Path slots still to be visited because their next hop changed; never too low.
    pub(crate) to_visit: u64,
    /// Entries marked, so that the walk can unmark them.
    marked: Vec<u32>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Entry {
    key: NextHopKey,
    resolution: Resolution,
    /// References of callers.
    refs: u32,
    /// Path slots.
    slots: u32,
    marked: bool,
}

impl Default for NextHopTable {
    fn default() -> Self {
        Self::new()
    }
}

impl NextHopTable {
    /// A table which knows only [`NextHopId::LOCAL`].
    pub fn new() -> Self {
        let mut table = Self {
            entries: Vec::new(),
            index: HashTable::new(),
            free: Vec::new(),
            pairs: Pairs::default(),
            to_visit: 0,
            marked: Vec::new(),
            hasher: RandomState::default(),
        };
        let unspecified = NextHop::V4(std::net::Ipv4Addr::UNSPECIFIED);
        let local = table.intern(NextHopKey { next_hop: unspecified, ifindex: 0 });
        debug_assert_eq!(local, NextHopId::LOCAL);
        table.entries[0].resolution = Resolution::Resolved { metric: 0 };
        table
    }

    /// The id of `key`, with one reference which now belongs to the caller.
    ///
    /// A new next hop starts unresolved.
    pub fn intern(&mut self, key: NextHopKey) -> NextHopId {
        self.intern_with(key, |_| Resolution::Unresolved)
    }

    /// Like [`Self::intern`]; a new next hop starts with the answer of `resolve`.
    pub fn intern_with(
        &mut self,
        key: NextHopKey,
        resolve: impl FnOnce(&NextHopKey) -> Resolution,
    ) -> NextHopId {
        let hash = self.hasher.hash_one(key);
        if let Some(&id) = self.index.find(hash, |&id| self.entries[id as usize].key == key) {
            self.entries[id as usize].refs += 1;
            return NextHopId(id);
        }
        let entry = Entry { key, resolution: resolve(&key), refs: 1, slots: 0, marked: false };
        let id = if let Some(id) = self.free.pop() {
            self.entries[id as usize] = entry;
            id
        } else {
            self.entries.push(entry);
            u32::try_from(self.entries.len() - 1).expect("fewer next hops than addresses")
        };
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.index.insert_unique(hash, id, |&id| hasher.hash_one(entries[id as usize].key));
        NextHopId(id)
    }

    /// Take one more reference.
    pub fn retain(&mut self, id: NextHopId) {
        if id.is_pair() {
            return self.pairs.retain(id);
        }
        self.entries[id.index()].refs += 1;
    }

    /// Give one reference back; an entry without references and path slots goes.
    pub fn release(&mut self, id: NextHopId) {
        if id.is_pair() {
            if let Some(base) = self.pairs.release(id) {
                self.release(base);
            }
            return;
        }
        let entry = &mut self.entries[id.index()];
        debug_assert!(entry.refs > 0, "released more often than retained");
        entry.refs -= 1;
        self.collect(id);
    }

    /// The address and interface of a next hop.
    pub fn key(&self, id: NextHopId) -> &NextHopKey {
        &self.entries[self.base(id).index()].key
    }

    /// The next hop alone, without the rest of the NLRI that an id may stand for.
    #[inline]
    pub fn base(&self, id: NextHopId) -> NextHopId {
        if id.is_pair() { self.pairs.base(id) } else { id }
    }

    /// What NLRI hold beside their key, as far as this id stands for it; else nothing.
    #[inline]
    pub fn rest(&self, id: NextHopId) -> &[u8] {
        if id.is_pair() { self.pairs.rest(id) } else { &[] }
    }

    /// The id of a next hop together with the rest of the NLRI, with one reference which now belongs
    /// to the caller. With nothing in `rest` it is `next_hop` itself.
    ///
    /// [`Self::key`] and [`Self::resolution`] of the id are those of `next_hop`, always.
    pub fn with_rest(&mut self, next_hop: NextHopId, rest: &[u8]) -> NextHopId {
        let base = self.base(next_hop);
        if rest.is_empty() {
            self.retain(base);
            return base;
        }
        let (id, new) = self.pairs.intern(base, rest);
        if new {
            self.retain(base);
        }
        id
    }

    /// Whether and at which metric a next hop can be reached.
    #[inline]
    pub fn resolution(&self, id: NextHopId) -> Resolution {
        self.entries[self.base(id).index()].resolution
    }

    /// Path slots which use a next hop, with whatever rest.
    pub fn slots(&self, id: NextHopId) -> u32 {
        self.entries[self.base(id).index()].slots
    }

    /// Different pairs of a next hop and the rest of NLRI.
    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// Every next hop in use, [`NextHopId::LOCAL`] left out.
    pub fn iter(&self) -> impl Iterator<Item = (NextHopId, &NextHopKey, Resolution)> {
        (0u32..)
            .zip(&self.entries)
            .skip(1)
            .filter(|(_, e)| e.refs + e.slots > 0)
            .map(|(id, e)| (NextHopId(id), &e.key, e.resolution))
    }

    /// Next hops in use, [`NextHopId::LOCAL`] left out.
    pub fn len(&self) -> usize {
        self.index.len() - 1
    }

    /// Whether no next hop is in use.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Record a new answer. Returns whether rows must be decided again.
    pub(crate) fn set(&mut self, id: NextHopId, resolution: Resolution) -> bool {
        assert_ne!(id, NextHopId::LOCAL, "the local next hop is always resolved");
        let entry = &mut self.entries[id.index()];
        if entry.resolution == resolution {
            return false;
        }
        entry.resolution = resolution;
        self.mark(id)
    }

    /// Have the walk look at every row which uses `id`. Returns whether there is any.
    pub(crate) fn mark(&mut self, id: NextHopId) -> bool {
        let entry = &mut self.entries[id.index()];
        if entry.slots == 0 {
            return false;
        }
        if !entry.marked {
            entry.marked = true;
            self.marked.push(id.0);
        }
        true
    }

    #[inline]
    pub(crate) fn is_marked(&self, id: NextHopId) -> bool {
        self.entries[self.base(id).index()].marked
    }

    /// A walk over all rows begins: all slots of the marked entries are to be seen.
    pub(crate) fn begin_walk(&mut self) {
        let slots = |id: &u32| u64::from(self.entries[*id as usize].slots);
        self.to_visit = self.marked.iter().map(slots).sum();
    }

    /// The walk has seen them all.
    pub(crate) fn end_walk(&mut self) {
        self.to_visit = 0;
        for id in self.marked.drain(..) {
            self.entries[id as usize].marked = false;
        }
    }

    #[inline]
    pub(crate) fn add_slot(&mut self, id: NextHopId) {
        if id.is_pair() {
            self.pairs.retain(id);
        }
        let base = self.base(id);
        let entry = &mut self.entries[base.index()];
        entry.slots += 1;
        if entry.marked {
            // The walk may or may not meet the new slot: count it, so that it never ends early.
            self.to_visit += 1;
        }
    }

    #[inline]
    pub(crate) fn remove_slot(&mut self, id: NextHopId) {
        let base = self.base(id);
        let entry = &mut self.entries[base.index()];
        entry.slots -= 1;
        if entry.slots == 0 {
            self.collect(base);
        }
        if id.is_pair() {
            self.release(id);
        }
    }

    fn collect(&mut self, id: NextHopId) {
        let entry = &mut self.entries[id.index()];
        if entry.refs + entry.slots > 0 {
            return;
        }
        if entry.marked {
            entry.marked = false;
            self.marked.retain(|&marked| marked != id.0);
        }
        let hash = self.hasher.hash_one(entry.key);
        let found = self.index.find_entry(hash, |&other| other == id.0);
        found.expect("an entry in use is in the index").remove();
        self.free.push(id.0);
    }
}
