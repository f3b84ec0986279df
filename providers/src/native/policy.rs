//! Policies from their neutral form to the table's.
//!
//! **For**: `convert`. **Sits**: pure functions below it. **How it works**: one to one; equal chains
//! become one [`ir::Chain`], so that a pattern is compiled once however many neighbours it serves.
//! **Invariants**: nothing is left out: a chain that cannot be carried out refuses its neighbour.

use std::collections::HashMap;
use std::sync::Arc;

use bgp_wire::attr::{Community, ExtCommunity, LargeCommunity};
use bgp_wire::{Asn, Family, MacAddr};
use intent::{NextHopSet, Reason};
use rib::policy as ir;

use super::convert::prefix;

/// Chains that have been converted.
#[derive(Debug, Default)]
pub(super) struct Chains<'a>(HashMap<&'a intent::PolicyChain, Arc<ir::Chain>>);

impl<'a> Chains<'a> {
    /// The table's form of a chain.
    ///
    /// # Errors
    /// A pattern that the table's engine refuses. Those of an intent have been checked, by the same
    /// bounds; this is the second lock.
    pub(super) fn of(
        &mut self,
        chain: &'a intent::PolicyChain,
    ) -> Result<Arc<ir::Chain>, (Reason, String)> {
        if let Some(known) = self.0.get(chain) {
            return Ok(Arc::clone(known));
        }
        let stages: Result<Vec<_>, _> = chain.stages().iter().map(policy).collect();
        let converted = Arc::new(ir::Chain::new(stages?));
        self.0.insert(chain, Arc::clone(&converted));
        Ok(converted)
    }
}

fn policy(policy: &intent::Policy) -> Result<ir::Policy, (Reason, String)> {
    let terms: Result<Vec<_>, _> = policy.terms.iter().map(|t| term(policy, t)).collect();
    Ok(ir::Policy {
        terms: terms?,
        default: match policy.default {
            intent::Disposition::Permit => ir::Disposition::Permit,
            intent::Disposition::Deny => ir::Disposition::Deny,
        },
    })
}

fn term(policy: &intent::Policy, term: &intent::Term) -> Result<ir::Term, (Reason, String)> {
    let name = format!("{}/{}", policy.name, term.name);
    let matches: Result<Vec<_>, _> = term.matches.iter().map(condition).collect();
    let matches = matches.map_err(|(reason, why)| (reason, format!("term {name}: {why}")))?;
    let action = match &term.action {
        intent::Action::Permit(sets) => ir::Action::Permit(sets.iter().map(set).collect()),
        intent::Action::Deny => ir::Action::Deny,
    };
    Ok(ir::Term { name, matches, action })
}

fn condition(condition: &intent::Match) -> Result<ir::Match, (Reason, String)> {
    Ok(match condition {
        intent::Match::Family(f) => {
            ir::Match::Family(Family::new(bgp_wire::Afi(f.afi()), bgp_wire::Safi(f.safi())))
        }
        intent::Match::PrefixIn(ranges) => ir::Match::PrefixIn(
            ranges
                .iter()
                .map(|r| {
                    ir::PrefixRange::new(prefix(r.prefix()), r.ge(), r.le())
                        .expect("intent holds ranges to the same rule")
                })
                .collect(),
        ),
        intent::Match::AsPath(pattern) => {
            let compiled = ir::AsPathPattern::new(pattern.expression());
            ir::Match::AsPath(compiled.map_err(|error| {
                (Reason::InvalidSpec, format!("AS path pattern {pattern}: {error}"))
            })?)
        }
        intent::Match::NextHopIn(nets) => {
            ir::Match::NextHopIn(nets.iter().map(|net| prefix(*net)).collect())
        }
        intent::Match::AnyCommunity(any) => ir::Match::AnyCommunity(standard(any)),
        intent::Match::AnyLargeCommunity(any) => ir::Match::AnyLargeCommunity(large(any)),
        intent::Match::AnyExtCommunity(any) => ir::Match::AnyExtCommunity(ext(any)),
        intent::Match::LocalPref(value) => ir::Match::LocalPref(*value),
        intent::Match::Med(value) => ir::Match::Med(*value),
        intent::Match::EvpnType(any) => {
            ir::Match::EvpnType(any.iter().map(|kind| evpn_type(*kind)).collect())
        }
        intent::Match::EvpnVni(vni) => ir::Match::EvpnVni(*vni),
        intent::Match::EvpnMac(mac) => ir::Match::EvpnMac(MacAddr(mac.0)),
        intent::Match::StickyMac => ir::Match::StickyMac,
    })
}

fn evpn_type(kind: intent::EvpnType) -> ir::EvpnType {
    match kind {
        intent::EvpnType::MacIp => ir::EvpnType::MacIp,
        intent::EvpnType::InclusiveMulticast => ir::EvpnType::InclusiveMulticast,
        intent::EvpnType::IpPrefixV4 => ir::EvpnType::IpPrefixV4,
        intent::EvpnType::IpPrefixV6 => ir::EvpnType::IpPrefixV6,
    }
}

fn set(set: &intent::Set) -> ir::Set {
    match set {
        intent::Set::LocalPref(value) => ir::Set::LocalPref(*value),
        intent::Set::Med(value) => ir::Set::Med(Some(*value)),
        intent::Set::Origin(value) => ir::Set::Origin(origin(*value)),
        intent::Set::CommunitiesAdd(list) => ir::Set::CommunitiesAdd(standard(list)),
        intent::Set::CommunitiesRemove(list) => ir::Set::CommunitiesRemove(standard(list)),
        intent::Set::CommunitiesReplace(list) => ir::Set::CommunitiesReplace(standard(list)),
        intent::Set::LargeCommunitiesAdd(list) => ir::Set::LargeCommunitiesAdd(large(list)),
        intent::Set::LargeCommunitiesRemove(list) => ir::Set::LargeCommunitiesRemove(large(list)),
        intent::Set::LargeCommunitiesReplace(list) => ir::Set::LargeCommunitiesReplace(large(list)),
        intent::Set::ExtCommunitiesAdd(list) => ir::Set::ExtCommunitiesAdd(ext(list)),
        intent::Set::ExtCommunitiesRemove(list) => ir::Set::ExtCommunitiesRemove(ext(list)),
        intent::Set::Color(color) => ir::Set::Color(*color),
        intent::Set::Prepend { asn, count } => {
            ir::Set::Prepend { asn: asn.map(|a| Asn(a.value())), count: *count }
        }
        intent::Set::AsPathReplace(path) => {
            ir::Set::AsPathReplace(path.iter().map(|a| Asn(a.value())).collect())
        }
        intent::Set::NextHop(NextHopSet::Own) => ir::Set::NextHop(ir::NextHopSet::Own),
        intent::Set::NextHop(NextHopSet::Address(address)) => {
            ir::Set::NextHop(ir::NextHopSet::Address(*address))
        }
    }
}

fn standard(list: &[intent::Community]) -> Vec<Community> {
    list.iter().map(|c| Community(c.0)).collect()
}

fn large(list: &[intent::LargeCommunity]) -> Vec<LargeCommunity> {
    list.iter().map(|c| LargeCommunity(c.0, c.1, c.2)).collect()
}

fn ext(list: &[intent::ExtCommunity]) -> Vec<ExtCommunity> {
    list.iter().map(|c| ExtCommunity(c.0)).collect()
}

pub(super) fn origin(origin: intent::Origin) -> ir::Origin {
    match origin {
        intent::Origin::Igp => ir::Origin::Igp,
        intent::Origin::Egp => ir::Origin::Egp,
        intent::Origin::Incomplete => ir::Origin::Incomplete,
    }
}

#[cfg(test)]
mod tests;
