//! From wishes to the fewest kernel operations, in an order without a gap. Pure.
//!
//! Called by the netlink thread for every batch; owns nothing. Of several changes to one prefix
//! only the last counts; a route that is already there is not written again; a removal of what is
//! not ours disappears. All writes come before all deletes, and a change of next hops is one
//! atomic replace, so traffic that had a route keeps one at every step: when a covering route is
//! exchanged for more specific ones (or the other way round) the new are there before the old go.
//!
//! Invariant (property test): applying the plan to `owned` gives what the changes wish.

use foldhash::fast::RandomState;
use hashbrown::HashSet;
use ipnet::IpNet;

use crate::error::RouteError;
use crate::owned::OwnedRoutes;
use crate::route::{Change, Route, satisfies};

/// One operation for the kernel.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Op {
    /// Not ours yet: create, and fail if somebody else holds prefix and metric.
    Create(Route),
    /// Ours already: exchange the next hops in one step.
    Replace(Route),
    /// Ours: take it out.
    Delete(IpNet),
}

impl Op {
    /// The destination.
    pub fn prefix(&self) -> IpNet {
        match self {
            Self::Create(route) | Self::Replace(route) => route.prefix,
            Self::Delete(prefix) => *prefix,
        }
    }
}

/// What to do about a batch of changes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// Operations in the order they must reach the kernel.
    pub ops: Vec<Op>,
    /// Wished routes that are there already.
    pub unchanged: Vec<IpNet>,
    /// Wishes that no kernel would accept.
    pub refused: Vec<RouteError>,
    /// Changes that a later one of the same batch replaced.
    pub collapsed: usize,
}

/// Plan a batch of changes against what is in the kernel.
pub fn plan(owned: &OwnedRoutes, changes: Vec<Change>) -> Plan {
    let mut plan = Plan::default();
    let mut deletes = Vec::new();
    let mut seen: HashSet<IpNet, RandomState> =
        HashSet::with_capacity_and_hasher(changes.len(), RandomState::default());
    // The last word on a prefix counts: look from the end.
    for change in changes.into_iter().rev() {
        if !seen.insert(change.prefix()) {
            plan.collapsed += 1;
            continue;
        }
        match change {
            Change::Remove(prefix) => {
                let prefix = prefix.trunc();
                if owned.contains(&prefix) {
                    deletes.push(Op::Delete(prefix));
                }
            }
            Change::Replace(route) => match route.normal() {
                Err(refused) => plan.refused.push(refused),
                Ok(route) => match owned.next_hops(&route.prefix) {
                    None => plan.ops.push(Op::Create(route)),
                    Some(have) if satisfies(have, &route.next_hops) => {
                        plan.unchanged.push(route.prefix);
                    }
                    Some(_) => plan.ops.push(Op::Replace(route)),
                },
            },
        }
    }
    plan.ops.reverse();
    deletes.reverse();
    plan.ops.append(&mut deletes);
    plan
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use smallvec::SmallVec;

    use super::*;
    use crate::route::Hop;

    type Table = BTreeMap<IpNet, SmallVec<[Hop; 4]>>;

    fn hop() -> impl Strategy<Value = Hop> {
        (0u8..4, 1u32..4, 0u8..3).prop_map(|(last, ifindex, weight)| Hop {
            via: Some([10, 0, 0, last].into()),
            ifindex: Some(ifindex),
            weight,
        })
    }

    fn prefix() -> impl Strategy<Value = IpNet> {
        prop_oneof![
            (0u8..8, 8u8..=24)
                .prop_map(|(octet, len)| { IpNet::new([10, octet, 0, 1].into(), len).unwrap() }),
            (0u16..4)
                .prop_map(|n| IpNet::new([0x2001, 0xdb8, n, 0, 0, 0, 0, 1].into(), 48).unwrap()),
        ]
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            3 => (prefix(), prop::collection::vec(hop(), 0..4))
                .prop_map(|(prefix, hops)| Change::Replace(Route::new(prefix, hops))),
            1 => prefix().prop_map(Change::Remove),
        ]
    }

    /// What the table is after each change is applied one by one, without any cleverness.
    fn naive(table: &mut Table, changes: &[Change]) {
        let last: BTreeMap<IpNet, &Change> = changes.iter().map(|c| (c.prefix(), c)).collect();
        for (prefix, change) in last {
            match change {
                Change::Remove(_) => {
                    table.remove(&prefix);
                }
                Change::Replace(route) => {
                    // A wish that cannot be installed leaves what was there.
                    if let Ok(route) = route.clone().normal() {
                        table.insert(prefix, route.next_hops);
                    }
                }
            }
        }
    }

    fn covered(table: &Table, prefix: &IpNet) -> bool {
        table.keys().any(|net| net.contains(prefix))
    }

    proptest! {
        #[test]
        fn applying_the_plan_gives_what_was_wished(
            before in prop::collection::vec(change(), 0..20),
            changes in prop::collection::vec(change(), 0..30),
        ) {
            let mut old = Table::new();
            naive(&mut old, &before);
            let owned: OwnedRoutes =
                old.iter().map(|(net, hops)| Route::new(*net, hops.iter().copied())).collect();
            let mut wished = old.clone();
            naive(&mut wished, &changes);

            let plan = plan(&owned, changes);
            let mut table = old.clone();
            for op in &plan.ops {
                match op {
                    Op::Create(route) => {
                        prop_assert!(table.insert(route.prefix, route.next_hops.clone()).is_none());
                    }
                    Op::Replace(route) => {
                        let was = table.insert(route.prefix, route.next_hops.clone());
                        prop_assert!(was.is_some_and(|was| was != route.next_hops));
                    }
                    Op::Delete(prefix) => prop_assert!(table.remove(prefix).is_some()),
                }
                // No window: who is reachable before and after is reachable at every step.
                for prefix in old.keys().filter(|net| covered(&wished, net)) {
                    prop_assert!(covered(&table, prefix), "{prefix} lost its route at {op:?}");
                }
            }
            prop_assert_eq!(table, wished);
        }
    }

    #[test]
    fn the_last_change_of_a_prefix_wins_and_equal_routes_are_not_written() {
        let net: IpNet = "10.0.0.0/8".parse().unwrap();
        let route = |last: u8| Route::new(net, [Hop::via([192, 0, 2, last].into()).dev(7)]);
        let owned: OwnedRoutes = [route(1)].into_iter().collect();
        let plan = plan(
            &owned,
            vec![Change::Remove(net), Change::Replace(route(2)), Change::Replace(route(1))],
        );
        assert!(plan.ops.is_empty(), "{plan:?}");
        assert_eq!((plan.unchanged.as_slice(), plan.collapsed), ([net].as_slice(), 2));
    }
}
