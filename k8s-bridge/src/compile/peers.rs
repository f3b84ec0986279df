//! Which peers go into which routers.
//!
//! **For**: every BGPPeer and every expanded session. **Sits**: after routers and policies. **How it works**:
//! each candidate names its routers; for each of them a [`intent::Peer`] is built; candidates come
//! oldest first, so that of one neighbour given twice the older stays.
//! **Invariants**: one neighbour once a router; no two routers that share a port share a
//! neighbour, since a connection from it could belong to either.
//! **References**: RFC 4271 section 6.8.

use std::{borrow::Cow, collections::BTreeMap};

use intent::{
    Attributes, LocalEnd, ObjectRef, Origination, Peer, PeerName, PeerScope, Reason, Router,
    RouterName,
};

use super::{
    Age,
    lower::route_origin,
    node::LocalNode,
    peer::{Context, build},
    policies::{Policies, instance_not_found, instance_routers, target_routers},
    routers::Routers,
    sessions,
    verdict::{Refusal, Verdicts},
};
use crate::{
    Index,
    crd::{BgpPeer, BgpPeerSpec},
    index::Entry,
    selector::Labels,
};

/// A peer to be.
#[derive(Debug)]
pub(super) struct Candidate<'a> {
    pub(super) name: PeerName,
    /// Told what becomes of it.
    pub(super) source: ObjectRef,
    pub(super) namespace: String,
    pub(super) labels: Labels,
    pub(super) spec: Cow<'a, BgpPeerSpec>,
    pub(super) age: Age,
    /// Of this node.
    pub(super) routers: Vec<RouterName>,
}

/// Labels of placed peers, for selectors.
pub(super) type PeerLabels = BTreeMap<(RouterName, PeerName), Labels>;

#[derive(Debug)]
pub(super) struct Peers<'a> {
    /// Oldest first.
    candidates: Vec<Candidate<'a>>,
}

impl<'a> Peers<'a> {
    pub(super) fn new(
        index: &'a Index,
        node: &LocalNode,
        routers: &Routers,
        verdicts: &mut Verdicts,
    ) -> Self {
        let mut candidates = sessions::expand(index, node, verdicts);
        for entry in index.peers() {
            let meant = match (&entry.object.spec.instance_ref, &entry.object.spec) {
                (Some(instance), _) => of_instance(&entry, instance, index, node),
                (None, spec) => target_routers(
                    index,
                    routers,
                    entry.key.namespace.as_deref().unwrap_or_default(),
                    spec.router_ref.as_ref().map(|r| r.name.as_str()),
                    spec.router_selector.as_ref(),
                ),
            };
            match meant {
                Err(refusal) => verdicts.refuse(entry.key, refusal),
                Ok(here) if here.is_empty() => {
                    verdicts.elsewhere(entry.key, "concerns other nodes only");
                }
                Ok(here) => candidates.push(candidate(&entry, here)),
            }
        }
        candidates.sort_by(|a, b| (&a.age, &a.name).cmp(&(&b.age, &b.name)));
        count_references(index, verdicts);
        Self { candidates }
    }

    /// Builds every peer and puts it into its routers.
    pub(super) fn place(
        &self,
        index: &Index,
        node: &LocalNode,
        policies: &Policies,
        routers: &mut Routers,
        verdicts: &mut Verdicts,
    ) -> PeerLabels {
        let mut labels = PeerLabels::new();
        for candidate in &self.candidates {
            for name in &candidate.routers {
                let context = Context { index, node, policies };
                let placed = self.place_on(candidate, name, &context, routers, verdicts);
                match placed {
                    Ok(()) => {
                        verdicts.used(&candidate.source, name);
                        let key = (name.clone(), candidate.name.clone());
                        labels.insert(key, candidate.labels.clone());
                    }
                    Err((Reason::SkippedSelfPeer, message))
                        if candidate.source.kind == "BGPSession" =>
                    {
                        // A session of the whole fleet names each member too.
                        verdicts.used(&candidate.source, name);
                        verdicts.note(&candidate.source, message);
                    }
                    Err(refusal) => verdicts.refuse_on(&candidate.source, name, refusal),
                }
            }
        }
        labels
    }

    fn place_on(
        &self,
        candidate: &Candidate<'_>,
        name: &RouterName,
        context: &Context<'_>,
        routers: &mut Routers,
        verdicts: &mut Verdicts,
    ) -> Result<(), Refusal> {
        let Some(draft) = routers.drafts.get(name) else {
            return Err(match routers.failed.get(name) {
                Some(object) => {
                    (Reason::ConfigurationFailed, format!("router {name} is refused: see {object}"))
                }
                None => {
                    let message = "the instance does not select this provider".to_owned();
                    (Reason::InstanceNotMatchedOnProvider, message)
                }
            });
        };
        let built = build(candidate, draft, context)?;
        verdicts.not_realised(&candidate.source, built.not_realised);
        for note in built.notes {
            verdicts.note(&candidate.source, note);
        }
        for (reason, message) in built.problems {
            let kind = reason.as_str();
            verdicts.condition(&candidate.source, kind, true, reason, message);
        }
        if let Some((other, shared)) = same_neighbor(routers, &draft.router, &built.peer) {
            let about = format!("neighbour {}", built.peer.address);
            verdicts.conflict(&candidate.source, &other, &about);
            let message = format!("{about} is already given by {other}{shared}");
            return Err((Reason::Conflict, message));
        }
        let draft = routers.drafts.get_mut(name).expect("found above");
        if let Some(origin) = candidate.spec.default_origin_route {
            let families = built.peer.families.iter().filter_map(|family| match family {
                intent::Family::Ipv4Unicast => Some("0.0.0.0/0"),
                intent::Family::Ipv6Unicast => Some("::/0"),
                _ => None,
            });
            draft.router.originations.extend(families.map(|prefix| Origination {
                prefix: prefix.parse().expect("a default route"),
                attributes: Attributes { origin: route_origin(origin), ..Attributes::default() },
                peers: PeerScope::Only([candidate.name.clone()].into()),
                source: candidate.source.clone(),
            }));
        }
        draft.router.peers.insert(candidate.name.clone(), built.peer);
        Ok(())
    }
}

fn candidate<'a>(entry: &Entry<'a, BgpPeer>, routers: Vec<RouterName>) -> Candidate<'a> {
    let namespace = entry.key.namespace.clone().unwrap_or_default();
    Candidate {
        name: PeerName::new(format!("{namespace}/{}", entry.key.name)),
        source: entry.key.clone(),
        namespace,
        labels: entry.object.metadata.labels.clone().unwrap_or_default(),
        spec: Cow::Borrowed(&entry.object.spec),
        age: Age::of(entry.stored),
        routers,
    }
}

/// Routers of this node that a peer of the fleet shape means.
fn of_instance(
    entry: &Entry<'_, BgpPeer>,
    instance: &str,
    index: &Index,
    node: &LocalNode,
) -> Result<Vec<RouterName>, Refusal> {
    let spec = &entry.object.spec;
    if index.get(&ObjectRef::cluster("BGPInstance", instance)).is_none() {
        return Err(instance_not_found(instance));
    }
    let none = Labels::new();
    let meant = |name: &str, labels: &Labels| match (&spec.provider_ref, &spec.provider_selector) {
        (Some(reference), _) => reference == name,
        (None, Some(selector)) => selector.matches(labels),
        (None, None) => false,
    };
    let local = node.providers.iter().filter(|p| meant(&p.provider.name, &p.labels));
    let local: Vec<_> = local.map(|p| p.provider.name.as_str()).collect();
    let mut all = index.providers();
    let elsewhere =
        all.any(|e| meant(&e.key.name, e.object.metadata.labels.as_ref().unwrap_or(&none)));
    if local.is_empty() && !elsewhere {
        let message = match &spec.provider_ref {
            Some(name) => format!("there is no BGPProvider {name}"),
            None => "providerSelector matches no BGPProvider: compare its labels with those of \
                     the providers"
                .to_owned(),
        };
        return Err((Reason::ProviderNotMatched, message));
    }
    Ok(instance_routers(instance, local.into_iter()))
}

/// The object that already has this neighbour where a connection could not be told apart.
fn same_neighbor(routers: &Routers, router: &Router, peer: &Peer) -> Option<(ObjectRef, String)> {
    if let Some(other) = router.peers.values().find(|p| p.address == peer.address) {
        return Some((other.source.clone(), String::new()));
    }
    let sharing = routers
        .drafts
        .values()
        .map(|draft| &draft.router)
        .filter(|other| other.name != router.name && shares_listener(router, other));
    sharing.flat_map(|other| other.peers.values().map(move |p| (other, p))).find_map(
        |(other, p)| {
            let same = p.address == peer.address && !apart(&p.local, &peer.local);
            same.then(|| {
                let hint = format!(
                    " on router {}, which listens on the same port: use another listenPort or updateSource",
                    other.name
                );
                (p.source.clone(), hint)
            })
        },
    )
}

fn shares_listener(a: &Router, b: &Router) -> bool {
    let (x, y) = (&a.listen, &b.listen);
    let overlap = x.addresses.is_empty()
        || y.addresses.is_empty()
        || x.addresses.iter().any(|address| y.addresses.contains(address));
    a.provider == b.provider && x.port.is_some() && x.port == y.port && overlap
}

/// Whether our ends differ, so that a connection tells by its local address whose it is.
fn apart(a: &LocalEnd, b: &LocalEnd) -> bool {
    *a != LocalEnd::Auto && *b != LocalEnd::Auto && a != b
}

/// How many sessions name each external peer.
fn count_references(index: &Index, verdicts: &mut Verdicts) {
    for entry in index.external_peers() {
        let address = &entry.object.spec.address;
        let named = index.sessions().filter(|session| {
            let spec = &session.object.spec;
            let is_this = |r: &crate::crd::LocalRef| r.name == entry.key.name;
            spec.from_external_peer_ref.as_ref().is_some_and(is_this)
                || spec.to_peers.iter().flatten().any(|to| {
                    to.external_peer_ref.as_ref().is_some_and(is_this)
                        || to.address.as_ref() == Some(address)
                })
        });
        let count = named.count();
        let message = format!("{count} session(s) refer to it");
        verdicts.condition(entry.key, "InUse", count > 0, Reason::ReferenceCount, message);
    }
}
