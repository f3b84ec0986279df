//! The oracle: for one peer and one prefix, what it should hold, computed the slow and obvious way.

use std::collections::BTreeMap;

use bgp_wire::{Asn, Community, Family, NextHop, Prefix, attrs};

use super::{CLUSTER, OWN_V4, OWN_V6, World};
use crate::{
    ExplainedPath, Path, PeerIx, PeerKind, TableFamily, Verdict,
    export::{AddPathSend, ExportScope, GroupKey, NextHopMode, SessionKind},
    policy::{Action, Chain, Disposition, Match, Set},
};

/// Attribute values by type.
pub(super) type Values = BTreeMap<u8, Vec<u8>>;

pub(super) fn values(canonical: &[u8]) -> Values {
    attrs(canonical).map(|attr| (attr.kind.0, attr.value.to_vec())).collect()
}

/// The paths of `prefix` that a member with `key` may be sent at all, before the rules.
fn candidates<P: TableFamily>(world: &World, key: &GroupKey, prefix: P) -> Vec<Path> {
    let rib = &world.rib;
    let is_local = |path: &Path| path.peer == world.local;
    let meant = |path: &Path| {
        !is_local(path) || path.path_id == 0 || key.originations.contains(&path.path_id)
    };
    let Some(explanation) = rib.explain(prefix) else { return Vec::new() };
    let eligible = |path: &&ExplainedPath| !matches!(path.verdict, Verdict::Ineligible(_));
    let ranked = explanation.candidates.iter().filter(eligible).map(|path| path.path);
    match key.add_path(P::FAMILY) {
        AddPathSend::All => ranked.filter(meant).collect(),
        AddPathSend::Best(most) => ranked.filter(meant).take(most.get().into()).collect(),
        AddPathSend::Off => {
            let ranked: Vec<_> = ranked.collect();
            let Some(best) = ranked.first().copied() else { return Vec::new() };
            if meant(&best) {
                return vec![best];
            }
            let others = ranked.iter().filter(|p| is_local(p) && meant(p));
            others.min_by_key(|p| p.path_id).copied().into_iter().collect()
        }
    }
}

/// What `peer` should hold for `prefix` as a member with `key`, in no order.
pub(super) fn expected<P: TableFamily>(
    world: &World,
    key: &GroupKey,
    peer: PeerIx,
    prefix: P,
) -> Vec<(Values, NextHop)> {
    let paths = candidates(world, key, prefix).into_iter();
    paths.filter_map(|path| sent(world, key, peer, prefix, path)).collect()
}

fn sent<P: TableFamily>(
    world: &World,
    key: &GroupKey,
    peer: PeerIx,
    prefix: P,
    path: Path,
) -> Option<(Values, NextHop)> {
    let rib = &world.rib;
    if path.peer == peer {
        return None;
    }
    let source = rib.peers().info(path.peer);
    let originated = source.kind == PeerKind::Local;
    let ebgp = key.session == SessionKind::Ebgp;
    let mut out = values(rib.attrs.bytes(path.attr));
    if !originated {
        if key.scope == ExportScope::OriginatedOnly {
            return None;
        }
        let communities = list(&out);
        if communities.contains(&Community::NO_ADVERTISE.0)
            || (ebgp && communities.contains(&Community::NO_EXPORT.0))
        {
            return None;
        }
        if source.kind == (PeerKind::Ibgp { client: false }) && key.session == SessionKind::Ibgp {
            return None;
        }
    }
    let med_set = policy(&key.policy, P::FAMILY, prefix.prefix(), key.local_as, &mut out)?;
    let v4 = P::FAMILY != Family::IPV6_UNICAST;
    let own = if v4 { NextHop::V4(OWN_V4) } else { NextHop::V6(OWN_V6) };
    let labelled = P::FAMILY == Family::IPV4_VPN || P::FAMILY == Family::EVPN;
    let mut next_hop = own;
    if labelled && !originated {
        next_hop = rib.next_hops.key(path.next_hop).next_hop;
    }
    if ebgp {
        for kind in [5, 9, 10] {
            out.remove(&kind);
        }
        if !originated && !med_set {
            out.remove(&4);
        }
        prepend(&mut out, key.local_as, 1);
    } else {
        out.entry(5).or_insert_with(|| 100u32.to_be_bytes().to_vec());
        if !originated && key.next_hop != NextHopMode::Own {
            next_hop = rib.next_hops.key(path.next_hop).next_hop;
        }
        if matches!(source.kind, PeerKind::Ibgp { .. }) {
            out.entry(9).or_insert_with(|| source.router_id.octets().to_vec());
            let clusters = out.entry(10).or_default();
            clusters.splice(0..0, CLUSTER.octets());
        }
    }
    if P::HAS_REST {
        out.insert(0, rib.next_hops.rest(path.next_hop).to_vec());
    }
    Some((out, next_hop))
}

/// `None` if denied, else whether MED was set.
fn policy(
    chain: &Chain,
    family: Family,
    prefix: Option<Prefix>,
    local_as: Asn,
    out: &mut Values,
) -> Option<bool> {
    let mut med_set = false;
    for stage in chain.stages() {
        let holds = |condition: &Match, out: &Values| match condition {
            Match::Any => true,
            Match::Family(wanted) => *wanted == family,
            Match::PrefixIn(ranges) => ranges.iter().any(|range| match (range.prefix(), prefix) {
                (Prefix::V4(wide), Some(Prefix::V4(p))) => {
                    wide.covers(&p) && (range.ge()..=range.le()).contains(&p.len())
                }
                _ => false,
            }),
            Match::AnyCommunity(wanted) => wanted.iter().any(|c| list(out).contains(&c.0)),
            Match::Med(wanted) => out.get(&4) == Some(&wanted.to_be_bytes().to_vec()),
            other => panic!("the oracle does not know {other:?}"),
        };
        let term = stage.terms.iter().find(|t| t.matches.iter().all(|m| holds(m, out)));
        let sets = match term.map(|term| &term.action) {
            Some(Action::Deny) => return None,
            Some(Action::Permit(sets)) => sets.as_slice(),
            None if stage.default == Disposition::Deny => return None,
            None => &[],
        };
        for set in sets {
            match set {
                Set::Med(Some(med)) => {
                    out.insert(4, med.to_be_bytes().to_vec());
                    med_set = true;
                }
                Set::CommunitiesAdd(more) => {
                    let mut all = list(out);
                    all.extend(more.iter().map(|c| c.0).filter(|c| !list(out).contains(c)));
                    out.insert(8, all.iter().flat_map(|c| c.to_be_bytes()).collect());
                }
                Set::Prepend { asn: None, count } => prepend(out, local_as, *count),
                other => panic!("the oracle does not know {other:?}"),
            }
        }
    }
    Some(med_set)
}

fn list(out: &Values) -> Vec<u32> {
    let raw = out.get(&8).map_or(&[][..], |value| value);
    raw.chunks(4).map(|c| u32::from_be_bytes(c.try_into().unwrap())).collect()
}

/// Paths here are short: at most one sequence.
fn prepend(out: &mut Values, asn: Asn, count: u8) {
    let path = out.get_mut(&2).unwrap();
    if path.is_empty() {
        path.extend([2, 0]);
    }
    assert_eq!(path[0], 2, "only sequences");
    path[1] += count;
    for _ in 0..count {
        path.splice(2..2, asn.0.to_be_bytes());
    }
}
