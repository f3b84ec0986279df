//! A BGPSession taken apart into peers.
//!
//! **For**: [`super::peers`]. **Sits**: beside it. **How it works**: every local provider the from-side
//! selects gets one peer for each remote end, named as the controller names generated objects.
//! Where the generated BGPPeer exists already, it takes the place of the one made here.
//! **References**: the fleet model's generated names.

use std::{borrow::Cow, collections::BTreeSet};

use intent::{ObjectRef, PeerName, Reason};

use super::{
    Age,
    node::{LocalNode, MANAGED_BY_LABEL},
    peers::Candidate,
    policies::{instance_not_found, instance_routers},
    verdict::Verdicts,
};
use crate::{
    Index,
    crd::{BgpPeerSpec, BgpSession, SessionPeer},
    index::Entry,
    object::DEFAULT_NAMESPACE,
    selector::Labels,
};

const SESSION_LABEL: &str = "bgp.miloapis.com/session-name";

/// Peers of every session on this node.
pub(super) fn expand<'a>(
    index: &'a Index,
    node: &LocalNode,
    verdicts: &mut Verdicts,
) -> Vec<Candidate<'a>> {
    let generated = generated_peers(index);
    let mut candidates = Vec::new();
    for entry in index.sessions() {
        let spec = &entry.object.spec;
        if spec.from_external_peer_ref.is_some() {
            let message = "the from-side is an external device: nothing is generated".to_owned();
            let reason = Reason::ExternalPeerRef;
            verdicts.condition(entry.key, "PeersReconciled", true, reason, message.clone());
            verdicts.elsewhere(entry.key, message);
            continue;
        }
        let Some(selector) = &spec.from_provider_selector else { continue };
        let local: Vec<_> = node.providers.iter().filter(|p| selector.matches(&p.labels)).collect();
        if local.is_empty() {
            no_provider(&entry, index, selector, verdicts);
            continue;
        }
        let mut made = 0;
        for remote in spec.to_peers.iter().flatten() {
            let Some((address, as_number)) = resolve(remote, index, entry.key, verdicts) else {
                continue;
            };
            let instance = remote.instance_ref.as_ref().or(spec.from_instance_ref.as_ref());
            let instance = instance.map(String::as_str).unwrap_or_default();
            if index.get(&ObjectRef::cluster("BGPInstance", instance)).is_none() {
                verdicts.refuse(entry.key, instance_not_found(instance));
                continue;
            }
            for provider in &local {
                made += 1;
                let provider = &provider.provider.name;
                let name = generated_name(&entry.key.name, provider, &address);
                if generated.contains(&name) {
                    continue;
                }
                candidates.push(Candidate {
                    name: PeerName::new(format!("{DEFAULT_NAMESPACE}/{name}")),
                    source: entry.key.clone(),
                    namespace: DEFAULT_NAMESPACE.to_owned(),
                    labels: generated_labels(&entry.key.name),
                    spec: Cow::Owned(peer_spec(&entry, remote, instance, &address, as_number)),
                    age: Age::of(entry.stored),
                    routers: instance_routers(instance, [provider.as_str()].into_iter()),
                });
            }
        }
        let message = format!("{made} peer(s) reconciled");
        verdicts.condition(entry.key, "PeersReconciled", true, Reason::Reconciled, message);
    }
    candidates
}

fn no_provider(
    entry: &Entry<'_, BgpSession>,
    index: &Index,
    selector: &crate::crd::LabelSelector,
    verdicts: &mut Verdicts,
) {
    let none = Labels::new();
    let mut all = index.providers();
    if all.any(|p| selector.matches(p.object.metadata.labels.as_ref().unwrap_or(&none))) {
        verdicts.elsewhere(entry.key, "selects providers of other nodes only");
        return;
    }
    let message = "fromProviderSelector matches no BGPProvider: compare its labels with those of \
                   the providers";
    let reason = Reason::NoMatchedProviders;
    verdicts.condition(entry.key, "PeersReconciled", false, reason, message.to_owned());
    verdicts.refuse(entry.key, (reason, message.to_owned()));
}

/// Address and AS of a remote end.
fn resolve(
    remote: &SessionPeer,
    index: &Index,
    session: &ObjectRef,
    verdicts: &mut Verdicts,
) -> Option<(String, u32)> {
    let Some(reference) = &remote.external_peer_ref else {
        return Some((remote.address.clone()?, remote.as_number?));
    };
    let device = index.external_peers().find(|e| e.key.name == reference.name);
    if device.is_none() {
        let message = format!("there is no BGPExternalPeer {}", reference.name);
        verdicts.refuse(session, (Reason::ExternalPeerNotFound, message));
    }
    device.map(|e| (e.object.spec.address.clone(), e.object.spec.as_number))
}

fn peer_spec(
    entry: &Entry<'_, BgpSession>,
    remote: &SessionPeer,
    instance: &str,
    address: &str,
    as_number: u32,
) -> BgpPeerSpec {
    let spec = &entry.object.spec;
    BgpPeerSpec {
        instance_ref: Some(instance.to_owned()),
        address: Some(address.to_owned()),
        as_number: Some(as_number),
        remote_port: remote.remote_port,
        route_reflector_client: remote.route_reflector_client,
        address_families: Some(spec.address_families.clone()),
        timers: spec.timers.clone(),
        allow_as_in: spec.allow_as_in,
        ..BgpPeerSpec::default()
    }
}

/// Names of BGPPeers a controller made from sessions.
fn generated_peers(index: &Index) -> BTreeSet<String> {
    let made = index.peers().filter(|entry| {
        entry.object.metadata.labels.as_ref().is_some_and(|l| l.contains_key(SESSION_LABEL))
    });
    made.map(|entry| entry.key.name.clone()).collect()
}

fn generated_labels(session: &str) -> Labels {
    [(SESSION_LABEL, session), (MANAGED_BY_LABEL, "cosmos-management")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into()
}

/// `session-provider-address` in characters a name may have.
fn generated_name(session: &str, provider: &str, address: &str) -> String {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let joined = format!("{session}-{provider}-{address}");
    let mut name: String = joined.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
    name.truncate(253);
    name.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_are_names() {
        assert_eq!(
            generated_name("fabric", "n1-native", "2001:DB8::1"),
            "fabric-n1-native-2001---8--1"
        );
        assert_eq!(generated_name("s", "p", "2001:db8::"), "s-p-2001-db8");
        assert_eq!(generated_name(&"x".repeat(300), "p", "::1").len(), 253);
    }
}
