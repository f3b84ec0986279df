//! Adj-RIB-Out of a group, turned sideways: what is advertised, once for all members.
//!
//! **For**: telling changes from non-changes, and what a member may hold. **Sits**: one a group and
//! family, indexed by [`EntryIx`]. **How it works**: an entry names the attribute set sent and the peer
//! the route came from. A member in sync holds every entry whose source is not itself.
//! **Invariants**: counts equal what a scan would find. **Cost**: 8 B an entry.
//! **References**: RFC 4271 section 3.2.

use crate::{OutId, PeerIx};

/// Number of an entry: that of the row where one path a prefix is sent, else that of a slot (see
/// [`super::slots`]).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct EntryIx(pub(super) u32);

impl EntryIx {
    #[inline]
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a group advertises under a number.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AdjOut {
    /// 0 while nothing is advertised.
    pub(super) out: OutId,
    /// Where the route came from; never sent back there. 0 while nothing is advertised.
    pub(super) source: PeerIx,
}

const _: () = assert!(size_of::<AdjOut>() == 8);

impl AdjOut {
    pub(super) const NONE: Self = Self { out: OutId(0), source: PeerIx(0) };

    pub(super) fn is_none(self) -> bool {
        self.out == OutId(0)
    }

    /// A member in sync with the group holds the route.
    pub(super) fn reaches(self, member: PeerIx) -> bool {
        !self.is_none() && self.source != member
    }
}

#[derive(Debug, Default)]
pub(super) struct AdjRibOut {
    entries: Vec<AdjOut>,
    advertised: u32,
    /// Advertised entries by source.
    by_source: Vec<u32>,
}

impl AdjRibOut {
    #[inline]
    pub(super) fn entry(&self, at: EntryIx) -> AdjOut {
        self.entries.get(at.index()).copied().unwrap_or(AdjOut::NONE)
    }

    #[inline]
    pub(super) fn set(&mut self, at: EntryIx, new: AdjOut) {
        if self.entries.len() <= at.index() {
            self.entries.resize(at.index() + 1, AdjOut::NONE);
        }
        let old = std::mem::replace(&mut self.entries[at.index()], new);
        if !old.is_none() {
            self.advertised -= 1;
            self.by_source[old.source.index()] -= 1;
        }
        if !new.is_none() {
            self.advertised += 1;
            if self.by_source.len() <= new.source.index() {
                self.by_source.resize(new.source.index() + 1, 0);
            }
            self.by_source[new.source.index()] += 1;
        }
    }

    /// Entries advertised to a member in sync.
    pub(super) fn advertised_to(&self, member: PeerIx) -> u32 {
        self.advertised - self.by_source.get(member.index()).copied().unwrap_or(0)
    }

    /// How many entries are advertised.
    pub(super) const fn len(&self) -> usize {
        self.advertised as usize
    }

    /// All advertised entries.
    pub(super) fn iter(&self) -> impl Iterator<Item = (EntryIx, AdjOut)> + '_ {
        self.iter_from(EntryIx(0))
    }

    /// Nothing is advertised.
    pub(super) fn is_empty(&self) -> bool {
        self.advertised == 0
    }

    /// Advertised entries from `from` on, ascending.
    pub(super) fn iter_from(&self, from: EntryIx) -> impl Iterator<Item = (EntryIx, AdjOut)> + '_ {
        let start = from.index().min(self.entries.len());
        (from.0..)
            .map(EntryIx)
            .zip(self.entries[start..].iter().copied())
            .filter(|(_, entry)| !entry.is_none())
    }
}
