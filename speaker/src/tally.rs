//! Counting what a neighbour tells us, family by family.
//!
//! A [`Tally`] counts one life of a session; when that ends it is added to what the neighbour had
//! before, so that counts run on from session to session. Fixed size, no locks: it lives beside the
//! tables.

use bgp_wire::Family;
use rib::PathFlags;

use crate::view::FamilyCountsView;

/// Counts of one session, or of all sessions with a neighbour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    v4: FamilyCountsView,
    v6: FamilyCountsView,
    /// UPDATEs whose attributes were malformed (RFC 7606 treat-as-withdraw).
    pub(crate) treated_as_withdraw: u64,
    /// Malformed attributes that were dropped (RFC 7606 attribute discard).
    pub(crate) attributes_discarded: u64,
}

impl Tally {
    /// Counts of a family.
    pub(crate) fn of(&self, family: Family) -> FamilyCountsView {
        match family {
            Family::IPV4_UNICAST => self.v4,
            Family::IPV6_UNICAST => self.v6,
            _ => FamilyCountsView::default(),
        }
    }

    /// Counts of a family, to count on; those of a family without a table are not kept.
    pub(crate) fn family(&mut self, family: Family) -> Option<&mut FamilyCountsView> {
        match family {
            Family::IPV4_UNICAST => Some(&mut self.v4),
            Family::IPV6_UNICAST => Some(&mut self.v6),
            _ => None,
        }
    }

    /// All families that have a table.
    pub(crate) fn families(&self) -> impl Iterator<Item = &FamilyCountsView> {
        [&self.v4, &self.v6].into_iter()
    }

    /// `count` prefixes of one message were announced, with these flags.
    pub(crate) fn announced(&mut self, family: Family, count: u64, flags: PathFlags) {
        let Some(f) = self.family(family) else { return };
        f.announced += count;
        if flags.any(PathFlags::AS_LOOP) || flags.any(PathFlags::REFLECTION_LOOP) {
            f.looped += count;
        }
        if flags.any(PathFlags::INVALID_NEXT_HOP) {
            f.bad_next_hop += count;
        }
    }

    /// `count` prefixes of one message were withdrawn.
    pub(crate) fn withdrawn(&mut self, family: Family, count: u64) {
        if let Some(f) = self.family(family) {
            f.withdrawn += count;
        }
    }

    /// Adds what another session counted.
    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in [(&mut self.v4, &other.v4), (&mut self.v6, &other.v6)] {
            mine.announced += theirs.announced;
            mine.withdrawn += theirs.withdrawn;
            mine.denied_by_policy += theirs.denied_by_policy;
            mine.looped += theirs.looped;
            mine.bad_next_hop += theirs.bad_next_hop;
            mine.over_limit += theirs.over_limit;
            mine.refresh_requests += theirs.refresh_requests;
            mine.refreshes_asked += theirs.refreshes_asked;
        }
        self.treated_as_withdraw += other.treated_as_withdraw;
        self.attributes_discarded += other.attributes_discarded;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_add_up_family_by_family() {
        let mut life = Tally::default();
        life.announced(Family::IPV4_UNICAST, 3, PathFlags::AS_LOOP);
        life.announced(Family::IPV6_UNICAST, 2, PathFlags::INVALID_NEXT_HOP);
        life.withdrawn(Family::IPV4_UNICAST, 1);
        life.treated_as_withdraw += 1;
        let mut total = life;
        total.add(&life);
        let v4 = total.of(Family::IPV4_UNICAST);
        assert_eq!((v4.announced, v4.looped, v4.bad_next_hop, v4.withdrawn), (6, 6, 0, 2));
        let v6 = total.of(Family::IPV6_UNICAST);
        assert_eq!((v6.announced, v6.looped, v6.bad_next_hop), (4, 0, 4));
        assert_eq!(total.treated_as_withdraw, 2);
    }
}
