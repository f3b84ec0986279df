//! Counting what a neighbour tells us, family by family.
//!
//! A [`Tally`] counts one life of a session; when that ends it is added to what the neighbour had
//! before, so that counts run on from session to session. Fixed size, no locks: it lives beside the
//! tables.

use bgp_wire::Family;
use rib::{FAMILY_COUNT, PathFlags, family_index};

use crate::view::FamilyCountsView;

/// Counts of one session, or of all sessions with a neighbour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    families: [FamilyCountsView; FAMILY_COUNT],
    /// EVPN routes whose value does not fit their type (RFC 7606 section 5.4), and routes of unknown
    /// types with more octets than are kept.
    pub(crate) unusable_routes: u64,
    /// UPDATEs whose attributes were malformed (RFC 7606 treat-as-withdraw).
    pub(crate) treated_as_withdraw: u64,
    /// Malformed attributes that were dropped (RFC 7606 attribute discard).
    pub(crate) attributes_discarded: u64,
}

impl Tally {
    /// Counts of a family.
    pub(crate) fn of(&self, family: Family) -> FamilyCountsView {
        family_index(family).map_or_else(Default::default, |index| self.families[index])
    }

    /// Counts of a family, to count on; those of a family without a table are not kept.
    pub(crate) fn family(&mut self, family: Family) -> Option<&mut FamilyCountsView> {
        family_index(family).map(|index| &mut self.families[index])
    }

    /// All families that have a table.
    pub(crate) fn families(&self) -> impl Iterator<Item = &FamilyCountsView> {
        self.families.iter()
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
        self.unusable_routes += other.unusable_routes;
        for (mine, theirs) in self.families.iter_mut().zip(&other.families) {
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
