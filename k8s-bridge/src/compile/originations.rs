//! What each router announces on its own account.
//!
//! **For**: BGPAdvertisement, and default routes of peers. **Sits**: last step of compiling.
//! **How it works**: advertisements come oldest first; each prefix passes the advertisement's own policy,
//! then is laid over what the router has already. The same prefix with the same attributes
//! reaches the peers of both; with other attributes the older object counts.
//! **Invariants**: one origination a prefix and router. **References**: RFC 4271 section 9.1.

use std::collections::{BTreeMap, BTreeSet};

use intent::{
    Action, Attributes, Family, Match, ObjectRef, Origination, PeerName, PeerScope, PolicyChain,
    Reason, Router, RouterName,
};
use ipnet::IpNet;

use super::{
    Age,
    lower::communities,
    peers::PeerLabels,
    policies::{Policies, instance_not_found},
    routers::Routers,
    verdict::{Refusal, Verdicts},
};
use crate::{
    Index,
    crd::{BgpAdvertisement, BgpAdvertisementSpec, Direction, LabelSelector},
    index::Entry,
};

#[derive(Debug)]
pub(super) struct Originations {
    by_router: BTreeMap<RouterName, BTreeMap<IpNet, Origination>>,
}

impl Originations {
    pub(super) fn new(
        index: &Index,
        routers: &Routers,
        policies: &Policies,
        labels: &PeerLabels,
        verdicts: &mut Verdicts,
    ) -> Self {
        let mut this = Self { by_router: BTreeMap::new() };
        let mut advertisements: Vec<_> = index.advertisements().collect();
        advertisements.sort_by_key(|entry| Age::of(entry.stored));
        for entry in advertisements {
            match targets(&entry, index, routers) {
                Err(refusal) => verdicts.refuse(entry.key, refusal),
                Ok(here) if here.is_empty() => {
                    verdicts.elsewhere(entry.key, "concerns other nodes only");
                }
                Ok(here) => {
                    for name in here {
                        this.advertise(&entry, &name, routers, policies, labels, verdicts);
                    }
                }
            }
        }
        // Default routes of single peers yield to advertisements, which speak of the prefix itself.
        for draft in routers.drafts.values() {
            for origination in &draft.router.originations {
                this.lay(&draft.router, origination.clone(), verdicts);
            }
        }
        this
    }

    /// Puts them into their routers, and settles what depends on them.
    pub(super) fn place(self, routers: &mut Routers) {
        for draft in routers.drafts.values_mut() {
            draft.router.originations.clear();
            draft.router.install_default_route = admits_default(&draft.router);
        }
        for (name, originations) in self.by_router {
            let draft = routers.drafts.get_mut(&name).expect("made for a router that exists");
            draft.router.originations = originations.into_values().collect();
        }
    }

    fn advertise(
        &mut self,
        entry: &Entry<'_, BgpAdvertisement>,
        name: &RouterName,
        routers: &Routers,
        policies: &Policies,
        labels: &PeerLabels,
        verdicts: &mut Verdicts,
    ) {
        let Some(draft) = routers.drafts.get(name) else {
            let message = match routers.failed.get(name) {
                Some(object) => format!("router {name} is refused: see {object}"),
                None => format!("there is no router {name}"),
            };
            return verdicts.refuse_on(entry.key, name, (Reason::ConfigurationFailed, message));
        };
        let made = self.made(entry, &draft.router, policies, labels, verdicts);
        match made {
            Ok(originations) => {
                verdicts.used(entry.key, name);
                for origination in originations {
                    self.lay(&draft.router, origination, verdicts);
                }
            }
            Err(refusal) => verdicts.refuse_on(entry.key, name, refusal),
        }
    }

    fn made(
        &self,
        entry: &Entry<'_, BgpAdvertisement>,
        router: &Router,
        policies: &Policies,
        labels: &PeerLabels,
        verdicts: &mut Verdicts,
    ) -> Result<Vec<Origination>, Refusal> {
        let spec = &entry.object.spec;
        let unrealised = [
            (spec.redistribute.as_ref().is_some_and(|r| !r.is_empty()), "spec.redistribute"),
            (spec.originate_from.is_some(), "spec.originateFrom"),
        ];
        let unrealised = unrealised.into_iter().filter(|(given, _)| *given);
        verdicts.not_realised(entry.key, unrealised.map(|(_, field)| field.to_owned()));
        let attributes = attributes(spec)?;
        let scope = scope(spec.peer_selector.as_ref(), router, labels);
        let chain = match &spec.policy_ref {
            None => PolicyChain::default(),
            Some(reference) => {
                let namespace = entry.key.namespace.as_deref().unwrap_or_default();
                let (policy, problem) =
                    policies.named(namespace, &reference.name, Direction::Export);
                if let Some(refusal) = problem {
                    return Err(refusal);
                }
                PolicyChain(vec![policy])
            }
        };
        let mut originations = Vec::new();
        for prefix in prefixes(entry, router, verdicts)? {
            let origination = Origination {
                prefix,
                attributes: attributes.clone(),
                peers: scope.clone(),
                source: entry.key.clone(),
            };
            match chain.originate(origination, router.asn) {
                Some(origination) => originations.push(origination),
                None => verdicts.note(entry.key, format!("{prefix} is denied by policyRef")),
            }
        }
        Ok(originations)
    }

    fn lay(&mut self, router: &Router, origination: Origination, verdicts: &mut Verdicts) {
        let known = self.by_router.entry(router.name.clone()).or_default();
        let Some(there) = known.get_mut(&origination.prefix) else {
            known.insert(origination.prefix, origination);
            return;
        };
        if there.attributes == origination.attributes {
            there.peers = union(&there.peers, &origination.peers);
        } else if there.source != origination.source {
            let about = format!("attributes of {} on router {}", origination.prefix, router.name);
            verdicts.conflict(&origination.source, &there.source.clone(), &about);
        }
    }
}

/// Routers of this node an advertisement means; an error when it means none at all.
fn targets(
    entry: &Entry<'_, BgpAdvertisement>,
    index: &Index,
    routers: &Routers,
) -> Result<Vec<RouterName>, Refusal> {
    let spec = &entry.object.spec;
    if let Some(instance) = &spec.instance_ref {
        let source = ObjectRef::cluster("BGPInstance", instance);
        if index.get(&source).is_none() {
            return Err(instance_not_found(instance));
        }
        let made = routers.drafts.values().filter(|d| d.router.source == source);
        let made = made.map(|d| &d.router.name);
        let failed = routers.failed.iter().filter(|(_, object)| **object == source);
        return Ok(made.chain(failed.map(|(name, _)| name)).cloned().collect());
    }
    let namespace = entry.key.namespace.as_deref().unwrap_or_default();
    let name = spec.router_ref.as_ref().map(|r| r.name.as_str());
    super::policies::target_routers(index, routers, namespace, name, None)
}

fn attributes(spec: &BgpAdvertisementSpec) -> Result<Attributes, Refusal> {
    let listed = spec.communities.as_deref().unwrap_or_default();
    let (standard, large) = communities("spec.communities", listed)?;
    Ok(Attributes {
        local_pref: spec.local_preference,
        communities: standard.into_iter().collect(),
        large_communities: large.into_iter().collect(),
        ..Attributes::default()
    })
}

/// The prefixes, without host bits, in families the router carries.
fn prefixes(
    entry: &Entry<'_, BgpAdvertisement>,
    router: &Router,
    verdicts: &mut Verdicts,
) -> Result<BTreeSet<IpNet>, Refusal> {
    let spec = &entry.object.spec;
    let declared = spec.address_family.and_then(|f| f.family());
    if let Some(family) = declared
        && !family.is_unicast()
    {
        let message = format!("addressFamily {family}: only unicast prefixes can be announced");
        return Err((Reason::UnsupportedAddressFamily, message));
    }
    let mut found = BTreeSet::new();
    for (i, text) in spec.prefixes.iter().flatten().enumerate() {
        let prefix: IpNet = text.parse().map_err(|_| {
            let message = format!("prefixes[{i}]: {text:?} is no prefix such as 10.0.0.0/24");
            (Reason::InvalidSpec, message)
        })?;
        let family = match prefix {
            IpNet::V4(_) => Family::Ipv4Unicast,
            IpNet::V6(_) => Family::Ipv6Unicast,
        };
        if declared.is_some_and(|declared| declared != family) {
            let message = format!("prefixes[{i}]: {text} is not {}", declared.unwrap_or(family));
            return Err((Reason::AddressFamilyMismatch, message));
        }
        if !router.families.contains(&family) {
            let message = format!("{family} is not carried by router {}", router.name);
            return Err((Reason::UnsupportedAddressFamily, message));
        }
        if prefix.trunc() != prefix {
            verdicts.note(entry.key, format!("{text} is announced as {}", prefix.trunc()));
        }
        found.insert(prefix.trunc());
    }
    Ok(found)
}

fn scope(selector: Option<&LabelSelector>, router: &Router, labels: &PeerLabels) -> PeerScope {
    let Some(selector) = selector else { return PeerScope::All };
    let selected =
        labels.iter().filter(|((name, _), l)| *name == router.name && selector.matches(l));
    PeerScope::Only(selected.map(|((_, peer), _)| peer.clone()).collect::<BTreeSet<PeerName>>())
}

fn union(a: &PeerScope, b: &PeerScope) -> PeerScope {
    match (a, b) {
        (PeerScope::Only(a), PeerScope::Only(b)) => PeerScope::Only(a.union(b).cloned().collect()),
        _ => PeerScope::All,
    }
}

/// Whether an import policy names the default route in a term that permits.
fn admits_default(router: &Router) -> bool {
    let stages = router.peers.values().flat_map(|peer| peer.import.stages());
    let mut permits =
        stages.flat_map(|s| &s.terms).filter(|term| matches!(term.action, Action::Permit(_)));
    permits.any(|term| {
        term.matches.iter().any(|condition| match condition {
            Match::PrefixIn(ranges) => ranges.iter().any(|range| range.ge() == 0),
            _ => false,
        })
    })
}
