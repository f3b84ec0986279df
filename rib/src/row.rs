//! One prefix: its paths, the best of them, and which ones share the traffic.
//!
//! A row is Adj-RIB-In (all its paths, filter by peer) and Loc-RIB (the path with
//! [`PathFlags::BEST`]) at once. The best path always stands in slot 0, inline, so that reading
//! the Loc-RIB never follows a pointer; further paths stand in a block of
//! [`ExtraPaths`](crate::extra::ExtraPaths).
//!
//! **Cost.** [`Path`] 16 bytes; row 32 bytes for IPv4, 44 for IPv6, first path included.
//!
//! References: RFC 4271 sections 3.2 and 9.1.

use bgp_wire::{V4Prefix, V6Prefix};

use crate::{AttrId, NextHopId, PeerIx};

/// One path to a prefix.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Path {
    /// Attributes after import policy.
    pub attr: AttrId,
    /// Next hop with its interface.
    pub next_hop: NextHopId,
    /// Path identifier the peer sent (RFC 7911), 0 without ADD-PATH.
    pub path_id: u32,
    /// Who sent it.
    pub peer: PeerIx,
    /// What is known about it.
    pub flags: PathFlags,
}

impl Path {
    /// Whether `other` would be sent and installed the same: source, attributes and next hop.
    #[inline]
    pub fn same_route(&self, other: &Self) -> bool {
        self.attr == other.attr
            && self.next_hop == other.next_hop
            && self.path_id == other.path_id
            && self.peer == other.peer
    }
}

/// A set of facts about a path.
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub struct PathFlags(pub u16);

impl PathFlags {
    /// Nothing special.
    pub const NONE: Self = Self(0);
    /// Import policy denied it; kept to be shown.
    pub const FILTERED: Self = Self(1);
    /// Our AS is in its AS_PATH more often than allowed (RFC 4271 section 9.1.2).
    pub const AS_LOOP: Self = Self(1 << 1);
    /// Our ORIGINATOR_ID or cluster id is in it (RFC 4456 section 8).
    pub const REFLECTION_LOOP: Self = Self(1 << 2);
    /// Its next hop is not acceptable: our own address, or off-subnet (RFC 4271 section 6.3).
    pub const INVALID_NEXT_HOP: Self = Self(1 << 3);
    /// ONLY_TO_CUSTOMER in it says that it should not have come this way (RFC 9234 section 5).
    pub const ROUTE_LEAK: Self = Self(1 << 4);
    /// Its AS_PATH has an AS_SET or a confederation's (RFC 9774).
    pub const AS_SET: Self = Self(1 << 5);
    /// Bits of the generation it was announced in; see [`stale`](crate::stale).
    const GENERATION: Self = Self(0b11_1111 << Self::GENERATION_SHIFT);
    const GENERATION_SHIFT: u32 = 8;
    /// How many generations can be told apart.
    pub(crate) const GENERATIONS: u8 = 64;
    /// The best path. Set by the decision process, ignored on input.
    pub const BEST: Self = Self(1 << 14);
    /// In the multipath set. Set by the decision process, ignored on input.
    pub const MULTIPATH: Self = Self(1 << 15);

    /// What a caller of `announce` may say; any of these makes the path ineligible.
    pub(crate) const EXCLUDED: Self = Self(0b11_1111);
    pub(crate) const SELECTED: Self = Self(Self::BEST.0 | Self::MULTIPATH.0);

    /// The generation the path was announced in.
    #[inline]
    pub(crate) const fn generation(self) -> u8 {
        ((self.0 & Self::GENERATION.0) >> Self::GENERATION_SHIFT) as u8
    }

    /// The same facts, announced in another generation.
    #[inline]
    pub(crate) const fn of_generation(self, generation: u8) -> Self {
        let bits = (generation as u16) << Self::GENERATION_SHIFT;
        Self(self.0 & !Self::GENERATION.0 | bits & Self::GENERATION.0)
    }

    /// Whether any fact of `other` holds.
    #[inline]
    pub const fn any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The facts of both.
    #[inline]
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The facts without those of `other`.
    #[inline]
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

/// A prefix and its paths; see the module head.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Row<P> {
    /// Path slot 0; meaningless while `len` is 0.
    pub(crate) first: Path,
    /// Block of slots 1 and up; of a free row the next free row.
    pub(crate) extra: u32,
    /// Path slots in use, or [`FREE`].
    pub(crate) len: u16,
    /// Claims which keep an empty row from being reused.
    pub(crate) holds: u16,
    pub(crate) prefix: P,
}

/// `Row::len` of a row which belongs to no prefix.
pub(crate) const FREE: u16 = u16::MAX;

impl<P> Row<P> {
    #[inline]
    pub(crate) const fn has_best(&self) -> bool {
        self.len != 0 && self.len != FREE && self.first.flags.any(PathFlags::BEST)
    }

    #[inline]
    pub(crate) const fn is_free(&self) -> bool {
        self.len == FREE
    }
}

const _: () = assert!(size_of::<V4Prefix>() == 8);
const _: () = assert!(size_of::<Path>() == 16);
const _: () = assert!(size_of::<Row<V4Prefix>>() == 32);
const _: () = assert!(size_of::<Row<V6Prefix>>() == 44);
