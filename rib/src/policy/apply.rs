//! Applying the changes of a term to canonical attributes.
//!
//! **For**: evaluation. **Sits**: under [`super::eval`]. **How it works**: an [`AttrBuilder`] over
//! the given attributes; the changes are made in the order they are written. **Invariants**: the
//! result is canonical; a list attribute that would become empty is removed; what does not fit into
//! an attribute (65,535 octets) is told, never cut. **References**: RFC 4271 section 4.3, RFC 9012
//! section 4.3.

use bgp_wire::{Asn, AttrBuilder, Community, ExtCommunity, ExtKind, LargeCommunity};

use super::{NextHopSet, Set};

/// What the changes did beyond the attributes themselves.
#[derive(Copy, Clone, Debug, Default)]
pub(super) struct Changes {
    /// MULTI_EXIT_DISC was set (`true`) or removed (`false`).
    pub(super) med: Option<bool>,
    pub(super) next_hop: Option<NextHopSet>,
}

/// Writes `canonical` with `sets` applied to `out`, which is cleared first. `None` if an attribute
/// would be too long.
pub(super) fn apply(
    sets: &[Set],
    canonical: &[u8],
    local_as: Asn,
    out: &mut Vec<u8>,
) -> Option<Changes> {
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
            Set::LargeCommunitiesReplace(list) => add(large.insert(Vec::new()), list),
            Set::Color(color) => {
                let list =
                    extended.get_or_insert_with(|| ExtCommunity::of(canonical).collect::<Vec<_>>());
                list.retain(|community| !matches!(community.kind(), ExtKind::Color { .. }));
                let [a, b, c, d] = color.to_be_bytes();
                list.push(ExtCommunity([0x03, 0x0b, 0, 0, a, b, c, d]));
            }
            Set::AsPathReplace(path) => {
                builder.replace_as_path(path);
            }
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
    builder.finish(out).then_some(changes)
}

fn add<T: PartialEq + Copy>(to: &mut Vec<T>, list: &[T]) {
    for item in list {
        if !to.contains(item) {
            to.push(*item);
        }
    }
}
