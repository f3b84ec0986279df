//! What the export rules said about an attribute set, remembered.
//!
//! **For**: policy, rewriting and interning run once a set instead of once a route. **Sits**: one a
//! group and family, between rows and [`super::rules`]. **How it works**: a direct-mapped cache that
//! doubles while it fills, up to [`MAX_SLOTS`]. Ids are dense, so neighbouring sets never push each
//! other out. A key is everything the rules look at: attribute set, next hop where it is kept, the
//! kind of source (and its identifier where a reflected route carries it), and the class of the
//! prefix where policy asks; an entry without class says whether policy asks at all.
//! **Invariants**: an entry holds a reference to its attribute set and next hop, so that neither id
//! can be reused under it; [`Memo::clear`] gives them back. Ids of the out table in here are live.
//! **Cost**: 28 B a slot, about 2 ns a hit.

use crate::{AttrId, NextHopId, OutId, Rib};

/// What a result depends on.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) struct MemoKey {
    pub(super) attr: AttrId,
    /// The next hop if it is sent on, else [`NextHopId::LOCAL`].
    pub(super) next_hop: NextHopId,
    /// The BGP Identifier of the source if the route is reflected, else 0.
    pub(super) source_id: u32,
    /// Prefix class, or [`ANY_CLASS`].
    pub(super) class: u32,
    /// Kind of source, as numbered by the caller.
    pub(super) kind: u8,
}

/// The class of an entry that holds whatever the prefix.
pub(super) const ANY_CLASS: u32 = u32::MAX;

/// A remembered result.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Remembered {
    /// Send this, or nothing if it is 0.
    Out(OutId),
    /// Depends on the class of the prefix.
    ByPrefix,
}

/// At most this many results are kept, 3.5 MiB.
const MAX_SLOTS: usize = 1 << 17;
const MIN_SLOTS: usize = 1 << 8;

const _: () = assert!(size_of::<Option<(MemoKey, Remembered)>>() <= 28);

#[derive(Debug, Default)]
pub(super) struct Memo {
    slots: Vec<Option<(MemoKey, Remembered)>>,
    used: usize,
}

impl Memo {
    #[inline]
    pub(super) fn lookup(&self, key: &MemoKey) -> Option<Remembered> {
        match self.slots.get(self.slot(key))? {
            Some((found, result)) if found == key => Some(*result),
            _ => None,
        }
    }

    pub(super) fn insert(&mut self, rib: &mut Rib, key: MemoKey, result: Remembered) {
        if self.used * 2 >= self.slots.len() && self.slots.len() < MAX_SLOTS {
            self.grow(rib);
        }
        rib.attrs.retain(key.attr);
        rib.next_hops.retain(key.next_hop);
        let slot = self.slot(&key);
        match self.slots[slot].replace((key, result)) {
            Some((old, _)) => forget(rib, &old),
            None => self.used += 1,
        }
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self, rib: &mut Rib) {
        for (key, _) in self.slots.drain(..).flatten() {
            forget(rib, &key);
        }
        self.slots = Vec::new();
        self.used = 0;
    }

    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// The out ids remembered.
    pub(super) fn outs(&self) -> impl Iterator<Item = OutId> + '_ {
        self.slots.iter().flatten().filter_map(|(_, result)| match result {
            Remembered::Out(out) => Some(*out),
            Remembered::ByPrefix => None,
        })
    }

    fn grow(&mut self, rib: &mut Rib) {
        let size = (self.slots.len() * 2).max(MIN_SLOTS);
        let old = std::mem::replace(&mut self.slots, vec![None; size]);
        self.used = 0;
        for (key, result) in old.into_iter().flatten() {
            let slot = self.slot(&key);
            match self.slots[slot].replace((key, result)) {
                Some((old, _)) => forget(rib, &old),
                None => self.used += 1,
            }
        }
    }

    #[inline]
    fn slot(&self, key: &MemoKey) -> usize {
        // Odd multipliers spread what varies beside the set; the set itself stays in order.
        let mix = key.next_hop.0.wrapping_mul(0x9e37_79b1)
            ^ key.source_id.wrapping_mul(0x85eb_ca6b)
            ^ key.class.wrapping_add(1).wrapping_mul(0xc2b2_ae35)
            ^ u32::from(key.kind).wrapping_mul(0x27d4_eb2f);
        let at = key.attr.0.wrapping_add(mix ^ mix >> 15);
        at as usize & self.slots.len().wrapping_sub(1)
    }
}

fn forget(rib: &mut Rib, key: &MemoKey) {
    rib.attrs.release(key.attr);
    rib.next_hops.release(key.next_hop);
}
