//! Which route targets a member has asked for.
//!
//! **For**: route target constraint: VPN and EVPN routes go only to peers that want one of their route
//! targets. **Sits**: part of the [`GroupKey`](super::GroupKey), so that members that want the same
//! share a group; asked by the export rules once an attribute set. **How it works**: whole memberships
//! are a sorted list, partial ones are tried one by one, for they are rare.
//! **Invariants**: equal wishes are equal values. A route without route targets is wanted only by who
//! wants everything.
//! **References**: RFC 4684 sections 4 and 6.

use std::sync::Arc;

use bgp_wire::{ExtCommunity, RouteTargetMembership};

/// What a member wants of the families that RFC 4684 constrains.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum RouteTargets {
    /// Everything: it does not take part, or has asked for everything.
    #[default]
    All,
    /// It has not said yet: nothing is sent, End-of-RIB neither.
    Pending,
    /// Only routes with one of these.
    Only(Arc<TargetSet>),
}

/// Route targets, whole and by their first bits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TargetSet {
    whole: Vec<ExtCommunity>,
    partial: Vec<RouteTargetMembership>,
}

impl RouteTargets {
    /// From the memberships that a peer has announced.
    pub fn of(memberships: impl IntoIterator<Item = RouteTargetMembership>) -> Self {
        let mut set = TargetSet::default();
        for membership in memberships {
            match membership.len() {
                96 => set.whole.push(membership.target()),
                // An origin AS alone asks for every target (RFC 4684 section 4).
                0..=32 => return Self::All,
                bits => {
                    let anyone = bgp_wire::Asn(0);
                    let target = membership.target();
                    set.partial.extend(RouteTargetMembership::partial(anyone, target, bits));
                }
            }
        }
        set.whole.sort_unstable();
        set.whole.dedup();
        set.partial.sort_unstable();
        set.partial.dedup();
        Self::Only(Arc::new(set))
    }

    /// Whether a route with these attributes is wanted.
    pub fn admit(&self, canonical: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Pending => false,
            Self::Only(set) => ExtCommunity::of(canonical)
                .filter(|community| is_route_target(*community))
                .any(|target| set.covers(target)),
        }
    }
}

impl TargetSet {
    fn covers(&self, target: ExtCommunity) -> bool {
        self.whole.binary_search(&target).is_ok()
            || self.partial.iter().any(|membership| membership.covers(target))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.whole.len() + self.partial.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A route target of one of the three forms (RFC 4360 section 4, RFC 5668).
const fn is_route_target(community: ExtCommunity) -> bool {
    matches!(community.0, [0..=2, 2, ..])
}

#[cfg(test)]
mod tests {
    use bgp_wire::{Asn, AttrBuilder};

    use super::*;

    fn with(targets: &[ExtCommunity]) -> Vec<u8> {
        let mut out = Vec::new();
        AttrBuilder::new().set_origin(0).set_ext_communities(targets).finish(&mut out);
        out
    }

    #[test]
    fn wanted_is_what_was_asked_for() {
        let target = |number| ExtCommunity::route_target(65000, number);
        let asked = |number| RouteTargetMembership::new(Asn(65001), target(number));
        let two = RouteTargets::of([asked(2), asked(1), asked(2)]);
        assert_eq!(two, RouteTargets::of([asked(1), asked(2)]), "order and origin do not matter");
        assert!(two.admit(&with(&[target(9), target(2)])));
        assert!(!two.admit(&with(&[target(3)])));
        assert!(!two.admit(&with(&[])));
        // The same number as a site of origin is no route target.
        assert!(!two.admit(&with(&[ExtCommunity([0, 3, 0xfd, 0xe8, 0, 0, 0, 1])])));

        let none = RouteTargets::of([]);
        assert!(!none.admit(&with(&[target(1)])) && !none.admit(&with(&[])));
        assert!(!RouteTargets::Pending.admit(&with(&[target(1)])));
        let all = RouteTargets::of([asked(1), RouteTargetMembership::DEFAULT]);
        assert_eq!(all, RouteTargets::All);
        assert!(all.admit(&with(&[])));

        // 65000:256 to 65000:511.
        let partial = RouteTargetMembership::partial(Asn(65001), target(256), 88);
        let range = RouteTargets::of(partial);
        assert!(range.admit(&with(&[target(300)])) && !range.admit(&with(&[target(512)])));
    }
}
