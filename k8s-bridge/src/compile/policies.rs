//! Policies: from their objects to the neutral form, and onto peers.
//!
//! **For**: what a peer may send and is sent. **Sits**: before peers are built. **How it works**: every
//! policy object is lowered once. Those attached to a router and matching a peer form, by ascending
//! priority and then name, one list of terms that denies at its end: the first stage of the peer's
//! chain. A peer's own route map is the second. **Invariants**: fail closed: a policy that
//! cannot be used, or does not exist, denies. **References**: RFC 4271 section 9.1, RFC 1997, RFC 8092.

use std::collections::BTreeMap;

use intent::{
    Action, Disposition, ObjectRef, Policy, PolicyChain, PolicyName, Reason, RouterName, Term,
};

use super::{
    lower::{Lowered, lower_policy, lower_statements},
    routers::{Routers, instance_router},
    verdict::{Refusal, Verdicts},
};
use crate::{
    Index,
    crd::{Direction, LabelSelector},
    selector::Labels,
};

/// A policy attached to routers.
#[derive(Debug)]
struct Attached {
    /// Ascending; the order of evaluation.
    order: (u16, ObjectRef),
    direction: Direction,
    routers: Vec<RouterName>,
    /// Only peers with these labels.
    peers: Option<LabelSelector>,
    terms: Vec<Term>,
}

/// Every policy, lowered.
#[derive(Debug, Default)]
pub(super) struct Policies {
    attached: Vec<Attached>,
    /// BGPPolicy objects by namespace and name; `None` for one that cannot be used.
    named: BTreeMap<ObjectRef, (Direction, Option<Vec<Term>>)>,
}

/// Where a BGPRoutePolicy stands that does not say.
const DEFAULT_PRIORITY: u16 = 100;

impl Policies {
    pub(super) fn new(index: &Index, routers: &Routers, verdicts: &mut Verdicts) -> Self {
        let mut policies = Self::default();
        policies.policies(index, routers, verdicts);
        policies.route_policies(index, routers, verdicts);
        policies.attached.sort_by(|a, b| a.order.cmp(&b.order));
        policies
    }

    fn policies(&mut self, index: &Index, routers: &Routers, verdicts: &mut Verdicts) {
        for entry in index.policies() {
            let spec = &entry.object.spec;
            let namespace = entry.key.namespace.as_deref().unwrap_or_default();
            let lowered = accept(lower_policy(entry.key, spec), entry.key, verdicts);
            self.named.insert(entry.key.clone(), (spec.direction, lowered.clone()));
            let targets = target_routers(
                index,
                routers,
                namespace,
                spec.router_ref.as_ref().map(|r| r.name.as_str()),
                spec.router_selector.as_ref(),
            );
            let here = match targets {
                Ok(here) => here,
                Err(refusal) => {
                    verdicts.refuse(entry.key, refusal);
                    continue;
                }
            };
            if here.is_empty() {
                verdicts.elsewhere(entry.key, "its routers run on other nodes");
            }
            here.iter().for_each(|router| verdicts.used(entry.key, router));
            self.attached.push(Attached {
                order: (DEFAULT_PRIORITY, entry.key.clone()),
                direction: spec.direction,
                routers: here,
                peers: None,
                terms: lowered.unwrap_or_else(|| vec![deny_everything(entry.key)]),
            });
        }
    }

    fn route_policies(&mut self, index: &Index, routers: &Routers, verdicts: &mut Verdicts) {
        for entry in index.route_policies() {
            let spec = &entry.object.spec;
            let instance = ObjectRef::cluster("BGPInstance", &spec.instance_ref);
            if index.get(&instance).is_none() {
                verdicts.refuse(entry.key, instance_not_found(&spec.instance_ref));
                continue;
            }
            let here: Vec<_> = routers
                .drafts
                .values()
                .filter(|draft| draft.router.source == instance)
                .map(|draft| draft.router.name.clone())
                .collect();
            if here.is_empty() {
                verdicts.elsewhere(entry.key, "its instance runs on other nodes");
            }
            here.iter().for_each(|router| verdicts.used(entry.key, router));
            let directions = [
                (Direction::Import, &spec.import_statements),
                (Direction::Export, &spec.export_statements),
            ];
            for (direction, statements) in directions {
                let Some(statements) = statements.as_deref().filter(|s| !s.is_empty()) else {
                    continue;
                };
                let lowered = lower_statements(entry.key, direction, statements);
                let lowered = accept(lowered, entry.key, verdicts);
                self.attached.push(Attached {
                    order: (spec.priority.unwrap_or(DEFAULT_PRIORITY), entry.key.clone()),
                    direction,
                    routers: here.clone(),
                    peers: spec.peer_selector.clone(),
                    terms: lowered.unwrap_or_else(|| vec![deny_everything(entry.key)]),
                });
            }
        }
    }

    /// The chain of a peer in one direction. A route map that cannot be used denies; the refusal
    /// says why.
    pub(super) fn chain(
        &self,
        router: &RouterName,
        direction: Direction,
        labels: &Labels,
        route_map: Option<(&str, &str)>,
    ) -> (PolicyChain, Option<Refusal>) {
        let attached = self.attached.iter().filter(|policy| {
            policy.direction == direction
                && policy.routers.contains(router)
                && policy.peers.as_ref().is_none_or(|s| s.matches(labels))
        });
        let attached: Vec<_> = attached.collect();
        let mut stages = Vec::new();
        if !attached.is_empty() {
            stages.push(Policy {
                name: PolicyName::new(format!("{router} {}", word(direction))),
                terms: attached.into_iter().flat_map(|p| p.terms.clone()).collect(),
                default: Disposition::Deny,
            });
        }
        let mut problem = None;
        if let Some((namespace, name)) = route_map {
            let (stage, refusal) = self.named(namespace, name, direction);
            stages.push(stage);
            problem = refusal;
        }
        (PolicyChain(stages), problem)
    }

    /// The BGPPolicy of this name, or one that denies everything and why.
    pub(super) fn named(
        &self,
        namespace: &str,
        name: &str,
        direction: Direction,
    ) -> (Policy, Option<Refusal>) {
        let key = ObjectRef::namespaced("BGPPolicy", namespace, name);
        let shown = format!("{namespace}/{name}");
        let problem = match self.named.get(&key) {
            Some((found, Some(terms))) if *found == direction => {
                let name = PolicyName::new(shown);
                let terms = terms.clone();
                return (Policy { name, terms, default: Disposition::Deny }, None);
            }
            Some((_, None)) => format!("BGPPolicy {shown} cannot be used"),
            Some((found, _)) => {
                let (found, wanted) = (word(*found), word(direction));
                format!("BGPPolicy {shown} has direction {found}, not {wanted}")
            }
            None => format!("there is no BGPPolicy {shown}"),
        };
        let message = format!("{problem}: every route is denied until there is one that can");
        (Policy::deny_all(shown), Some((Reason::PolicyNotFound, message)))
    }
}

/// Routers of this node that a reference or a selector means; an error when it means none at all.
pub(super) fn target_routers(
    index: &Index,
    routers: &Routers,
    namespace: &str,
    name: Option<&str>,
    selector: Option<&LabelSelector>,
) -> Result<Vec<RouterName>, Refusal> {
    let none = Labels::new();
    let mut meant = index
        .routers()
        .filter(|entry| entry.key.namespace.as_deref() == Some(namespace))
        .filter(|entry| match (name, selector) {
            (Some(name), _) => entry.key.name == name,
            (None, Some(selector)) => {
                selector.matches(entry.object.metadata.labels.as_ref().unwrap_or(&none))
            }
            (None, None) => false,
        })
        .peekable();
    if meant.peek().is_none() {
        let message = match name {
            Some(name) => format!("there is no BGPRouter {name} in namespace {namespace}"),
            None => format!("routerSelector matches no BGPRouter in namespace {namespace}"),
        };
        return Err((Reason::RouterNotFound, message));
    }
    let names = meant.map(|entry| RouterName::new(format!("{namespace}/{}", entry.key.name)));
    let here =
        |name: &RouterName| routers.drafts.contains_key(name) || routers.failed.contains_key(name);
    Ok(names.filter(here).collect())
}

/// Routers of this node that an instance means on the providers given.
pub(super) fn instance_routers<'a>(
    instance: &str,
    providers: impl Iterator<Item = &'a str>,
) -> Vec<RouterName> {
    providers.map(|provider| instance_router(instance, provider)).collect()
}

pub(super) fn instance_not_found(name: &str) -> Refusal {
    (Reason::InstanceNotFound, format!("there is no BGPInstance {name}"))
}

fn accept(
    lowered: Result<Lowered, Refusal>,
    object: &ObjectRef,
    verdicts: &mut Verdicts,
) -> Option<Vec<Term>> {
    match lowered {
        Ok(lowered) => {
            verdicts.not_realised(object, lowered.not_realised);
            Some(lowered.terms)
        }
        Err((reason, message)) => {
            let message = format!("{message}; until then it denies every route");
            verdicts.refuse(object, (reason, message));
            None
        }
    }
}

fn deny_everything(object: &ObjectRef) -> Term {
    Term { name: format!("{object} (cannot be used)"), matches: Vec::new(), action: Action::Deny }
}

pub(super) fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Import => "import",
        Direction::Export => "export",
    }
}
