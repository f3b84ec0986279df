//! What an edit of a policy can change.
//!
//! **For**: looking again only at routes for which another policy may say something else. **Sits**:
//! between whoever holds the routes and a new [`Chain`]. **How it works**: of each stage, the terms that
//! are the same at its beginning and its end are left out (names do not count); a route that none of
//! the rest can match is decided by the same term as before. Which families a term can match is read
//! off its conditions. **Invariants**: conservative: a family that an edit does not concern gets the
//! same result for every route, with every class and attribute set.
//! **References**: RFC 4271 section 9.1.1.

use bgp_wire::{Afi, Family, Prefix};

use super::{Chain, Match, Policy, PrefixRange, Term};

/// The difference between two chains, as far as routes can notice it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Conditions of each term that is not in both chains at the same place.
    changed: Vec<Vec<Match>>,
    /// More has changed than terms.
    everything: bool,
}

impl Edit {
    /// From `old` to `new`.
    pub fn between(old: &Chain, new: &Chain) -> Self {
        let (old, new) = (old.stages(), new.stages());
        let alike = |(a, b): (&Policy, &Policy)| a.default == b.default;
        if old.len() != new.len() || !old.iter().zip(new).all(alike) {
            return Self { changed: Vec::new(), everything: true };
        }
        let mut changed = Vec::new();
        for (a, b) in old.iter().zip(new) {
            let (mut a, mut b) = (&*a.terms, &*b.terms);
            while let ([first, rest @ ..], [other, others @ ..]) = (a, b)
                && same(first, other)
            {
                (a, b) = (rest, others);
            }
            while let ([rest @ .., last], [others @ .., other]) = (a, b)
                && same(last, other)
            {
                (a, b) = (rest, others);
            }
            changed.extend(a.iter().chain(b).map(|term| term.matches.clone()));
        }
        Self { changed, everything: false }
    }

    /// No route is treated in another way.
    pub fn is_empty(&self) -> bool {
        !self.everything && self.changed.is_empty()
    }

    /// Some route of `family` may be treated in another way.
    pub fn concerns(&self, family: Family) -> bool {
        self.everything
            || self.changed.iter().any(|matches| matches.iter().all(|m| can_hold(m, family)))
    }
}

fn same(a: &Term, b: &Term) -> bool {
    a.matches == b.matches && a.action == b.action
}

/// Whether a route of `family` may meet a condition.
fn can_hold(condition: &Match, family: Family) -> bool {
    match condition {
        Match::Family(wanted) => *wanted == family,
        Match::PrefixIn(ranges) => ranges.iter().any(|range| can_lie_in(range, family)),
        Match::EvpnType(_) | Match::EvpnVni(_) | Match::EvpnMac(_) => family == Family::EVPN,
        Match::Any
        | Match::AsPath(_)
        | Match::NextHopIn(_)
        | Match::AnyCommunity(_)
        | Match::AnyLargeCommunity(_)
        | Match::AnyExtCommunity(_)
        | Match::LocalPref(_)
        | Match::Med(_)
        | Match::StickyMac => true,
    }
}

fn can_lie_in(range: &PrefixRange, family: Family) -> bool {
    let other = matches!(
        (range.prefix(), family.afi),
        (Prefix::V4(_), Afi::IPV6) | (Prefix::V6(_), Afi::IPV4)
    );
    !other
}
