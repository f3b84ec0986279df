//! What the decision process and the export rules need of an attribute set, in 32 bytes.
//!
//! What for: comparing routes without touching their attribute bytes.
//! Where: made once for each distinct set, on the intern miss, and kept beside the bytes.
//! How: one walk over the canonical bytes.
//! Invariants: `Summary::of` is a pure function of the bytes; the type stays within 32 bytes.
//! References: RFC 4271 section 9.1.2.2, RFC 4456 section 9, RFC 1997, RFC 8326, RFC 9494.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, net::Ipv4Addr};

use super::{AsPath, AttrType, Community, SegmentType, attrs, flags, origin};
use crate::asn::Asn;

/// The decision inputs of an attribute set.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Summary {
    /// AS_PATH length; an AS_SET counts one, confederation segments nothing.
    pub as_path_len: u16,
    /// CLUSTER_LIST length, in clusters.
    pub cluster_len: u16,
    /// The neighbouring AS for MED comparison; 0 when the path is empty or begins with a set.
    pub neighbor_as: Asn,
    /// MULTI_EXIT_DISC; a missing one counts as 0 in the decision (RFC 4271 section 9.1.2.2 c).
    pub med: Option<u32>,
    /// LOCAL_PREF.
    pub local_pref: Option<u32>,
    /// ORIGINATOR_ID.
    pub originator_id: Option<Ipv4Addr>,
    /// ORIGIN; 2 (incomplete) when there is none.
    pub origin: u8,
    /// Communities and oddities that decide about propagation.
    pub flags: SummaryFlags,
}

const _: () = assert!(size_of::<Summary>() <= 32);

/// Bits of [`Summary::flags`].
#[derive(Copy, Clone, Eq, PartialEq, Hash, Default)]
pub struct SummaryFlags(u16);

impl SummaryFlags {
    /// Carries NO_EXPORT.
    pub const NO_EXPORT: Self = Self(1);
    /// Carries NO_ADVERTISE.
    pub const NO_ADVERTISE: Self = Self(1 << 1);
    /// Carries NO_EXPORT_SUBCONFED.
    pub const NO_EXPORT_SUBCONFED: Self = Self(1 << 2);
    /// Carries LLGR_STALE.
    pub const LLGR_STALE: Self = Self(1 << 3);
    /// Carries NO_LLGR.
    pub const NO_LLGR: Self = Self(1 << 4);
    /// Carries GRACEFUL_SHUTDOWN.
    pub const GRACEFUL_SHUTDOWN: Self = Self(1 << 5);
    /// Carries BLACKHOLE.
    pub const BLACKHOLE: Self = Self(1 << 6);
    /// The path holds an AS_SET or AS_CONFED_SET (RFC 9774).
    pub const HAS_AS_SET: Self = Self(1 << 7);
    /// Carries ATOMIC_AGGREGATE.
    pub const ATOMIC_AGGREGATE: Self = Self(1 << 8);
    /// Some attribute has the Partial bit: it passed a router that did not know it.
    pub const PARTIAL: Self = Self(1 << 9);

    const NAMES: [(Self, &str); 10] = [
        (Self::NO_EXPORT, "no-export"),
        (Self::NO_ADVERTISE, "no-advertise"),
        (Self::NO_EXPORT_SUBCONFED, "no-export-subconfed"),
        (Self::LLGR_STALE, "llgr-stale"),
        (Self::NO_LLGR, "no-llgr"),
        (Self::GRACEFUL_SHUTDOWN, "graceful-shutdown"),
        (Self::BLACKHOLE, "blackhole"),
        (Self::HAS_AS_SET, "as-set"),
        (Self::ATOMIC_AGGREGATE, "atomic-aggregate"),
        (Self::PARTIAL, "partial"),
    ];

    /// Whether all bits of `other` are set.
    #[inline]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any bit of `other` is set.
    #[inline]
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets of bits.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether no bit is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn set(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for SummaryFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = Self::NAMES.iter().filter(|(bit, _)| self.contains(*bit)).map(|(_, name)| name);
        f.debug_set().entries(set).finish()
    }
}

impl Default for Summary {
    /// The summary of a set without attributes.
    fn default() -> Self {
        Self {
            as_path_len: 0,
            cluster_len: 0,
            neighbor_as: Asn::ZERO,
            med: None,
            local_pref: None,
            originator_id: None,
            origin: origin::INCOMPLETE,
            flags: SummaryFlags::default(),
        }
    }
}

impl Summary {
    /// Reads canonical attribute bytes.
    pub fn of(canonical: &[u8]) -> Self {
        let mut s = Self::default();
        for attr in attrs(canonical) {
            if attr.flags & flags::PARTIAL != 0 {
                s.flags.set(SummaryFlags::PARTIAL);
            }
            match attr.kind {
                AttrType::ORIGIN => s.origin = attr.value.first().copied().unwrap_or(s.origin),
                AttrType::AS_PATH => s.read_as_path(AsPath::new(attr.value)),
                AttrType::MED => s.med = number(attr.value),
                AttrType::LOCAL_PREF => s.local_pref = number(attr.value),
                AttrType::ATOMIC_AGGREGATE => s.flags.set(SummaryFlags::ATOMIC_AGGREGATE),
                AttrType::COMMUNITIES => s.read_communities(attr.value),
                AttrType::ORIGINATOR_ID => {
                    s.originator_id = number(attr.value).map(Ipv4Addr::from_bits);
                }
                AttrType::CLUSTER_LIST => {
                    s.cluster_len = clamp(attr.value.as_chunks::<4>().0.len())
                }
                _ => {}
            }
        }
        s
    }

    fn read_as_path(&mut self, path: AsPath<'_>) {
        let mut len = 0usize;
        for segment in path.segments() {
            len = len.saturating_add(segment.path_len());
            if matches!(segment.kind, SegmentType::SET | SegmentType::CONFED_SET) {
                self.flags.set(SummaryFlags::HAS_AS_SET);
            }
        }
        self.as_path_len = clamp(len);
        self.neighbor_as = path.neighbor().unwrap_or(Asn::ZERO);
    }

    fn read_communities(&mut self, value: &[u8]) {
        for community in value.as_chunks::<4>().0 {
            // All well-known ones share the upper half.
            if !matches!(community, [0xff, 0xff, ..]) {
                continue;
            }
            self.flags.set(match Community(u32::from_be_bytes(*community)) {
                Community::NO_EXPORT => SummaryFlags::NO_EXPORT,
                Community::NO_ADVERTISE => SummaryFlags::NO_ADVERTISE,
                Community::NO_EXPORT_SUBCONFED => SummaryFlags::NO_EXPORT_SUBCONFED,
                Community::LLGR_STALE => SummaryFlags::LLGR_STALE,
                Community::NO_LLGR => SummaryFlags::NO_LLGR,
                Community::GRACEFUL_SHUTDOWN => SummaryFlags::GRACEFUL_SHUTDOWN,
                Community::BLACKHOLE => SummaryFlags::BLACKHOLE,
                _ => continue,
            });
        }
    }
}

fn number(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

fn clamp(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::AttrBuilder;

    #[test]
    fn of_a_full_set() {
        let mut bytes = Vec::new();
        AttrBuilder::new()
            .set_origin(origin::EGP)
            .replace_as_path(&[Asn(65001), Asn(65002)])
            .set_med(Some(5))
            .set_local_pref(Some(200))
            .set_communities(&[Community::NO_EXPORT, Community::new(1, 2), Community::BLACKHOLE])
            .set(AttrType::ORIGINATOR_ID, 0x80, &[10, 0, 0, 1])
            .set(AttrType::CLUSTER_LIST, 0x80, &[1; 12])
            .finish(&mut bytes);
        let s = Summary::of(&bytes);
        assert_eq!((s.origin, s.as_path_len, s.neighbor_as), (1, 2, Asn(65001)));
        assert_eq!((s.med, s.local_pref, s.cluster_len), (Some(5), Some(200), 3));
        assert_eq!(s.originator_id, Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(format!("{:?}", s.flags), "{\"no-export\", \"blackhole\"}");
    }

    #[test]
    fn of_nothing() {
        assert_eq!(Summary::of(&[]), Summary::default());
        assert_eq!(Summary::default().origin, 2);
    }

    #[test]
    fn as_sets_show() {
        let mut bytes = Vec::new();
        AttrBuilder::new()
            .set(AttrType::AS_PATH, 0x40, &[1, 2, 0, 0, 0, 1, 0, 0, 0, 2])
            .set(AttrType(99), 0xe0, &[1])
            .finish(&mut bytes);
        let s = Summary::of(&bytes);
        assert_eq!((s.as_path_len, s.neighbor_as), (1, Asn(0)));
        assert!(s.flags.contains(SummaryFlags::HAS_AS_SET.union(SummaryFlags::PARTIAL)));
    }
}
