//! Applying the changes of a term to canonical attributes.
//!
//! **For**: evaluation. **Sits**: under [`super::eval`]. **How it works**: an [`AttrBuilder`] over
//! the given attributes; the changes are made in the order they are written. **Invariants**: the
//! result is canonical; a list attribute that would become empty is removed.

use bgp_wire::{Asn, AttrBuilder, Community, ExtCommunity, LargeCommunity};

use super::{NextHopSet, Set};

/// What the changes did beyond the attributes themselves.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Changes {
    /// MULTI_EXIT_DISC was set (`true`) or removed (`false`).
    pub(super) med: Option<bool>,
    pub(super) next_hop: Option<NextHopSet>,
}

/// Writes `canonical` with `sets` applied to `out`, which is cleared first.
pub(super) fn apply(sets: &[Set], canonical: &[u8], local_as: Asn, out: &mut Vec<u8>) -> Changes {
    let mut changes = Changes::default();
    let mut builder = AttrBuilder::edit(canonical);
    let mut standard = None;
    let mut large = None;
    let mut extended = None;
    for set in sets {
        match set {
            Set::LocalPref(value) => {
                builder.set_local_pref(Some(*value));
            }
            Set::Med(value) => {
                changes.med = Some(value.is_some());
                builder.set_med(*value);
            }
            Set::Origin(origin) => {
                builder.set_origin(*origin as u8);
            }
            Set::CommunitiesAdd(list) => {
                add(standard.get_or_insert_with(|| Community::of(canonical).collect()), list);
            }
            Set::CommunitiesRemove(list) => standard
                .get_or_insert_with(|| Community::of(canonical).collect::<Vec<_>>())
                .retain(|community| !list.contains(community)),
            Set::CommunitiesReplace(list) => add(standard.insert(Vec::new()), list),
            Set::LargeCommunitiesAdd(list) => {
                add(large.get_or_insert_with(|| LargeCommunity::of(canonical).collect()), list);
            }
            Set::LargeCommunitiesRemove(list) => large
                .get_or_insert_with(|| LargeCommunity::of(canonical).collect::<Vec<_>>())
                .retain(|community| !list.contains(community)),
            Set::ExtCommunitiesAdd(list) => {
                add(extended.get_or_insert_with(|| ExtCommunity::of(canonical).collect()), list);
            }
            Set::ExtCommunitiesRemove(list) => extended
                .get_or_insert_with(|| ExtCommunity::of(canonical).collect::<Vec<_>>())
                .retain(|community| !list.contains(community)),
            Set::Prepend { asn, count } => {
                if *count > 0 {
                    builder.prepend(asn.unwrap_or(local_as), *count);
                }
            }
            Set::NextHop(to) => changes.next_hop = Some(*to),
        }
    }
    if let Some(list) = standard {
        builder.set_communities(&list);
    }
    if let Some(list) = large {
        builder.set_large_communities(&list);
    }
    if let Some(list) = extended {
        builder.set_ext_communities(&list);
    }
    out.clear();
    builder.finish(out);
    changes
}

fn add<T: PartialEq + Copy>(to: &mut Vec<T>, list: &[T]) {
    for item in list {
        if !to.contains(item) {
            to.push(*item);
        }
    }
}
