//! What the compiler says about each object.
//!
//! **For**: conditions, `cosmos show objects`, logs. **Sits**: filled while compiling, finished at the
//! end. **How it works**: an object is accepted unless something refused it, as a whole or on one
//! router; further conditions are kept by type. Fields nobody acts on are collected into one
//! condition. **Invariants**: every object of ours has exactly one [`Verdict`]; conditions are
//! ordered by type, with `Accepted` first. **References**: Kubernetes API conventions, conditions.

use std::collections::{BTreeMap, BTreeSet};

use intent::{
    ObjectRef, Reason, RouterName,
    observed::{Condition, ConditionStatus},
};

use crate::{Index, object::Origin};

/// What became of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Which object.
    pub object: ObjectRef,
    /// Whether all of it is in use as written.
    pub accepted: bool,
    /// The gravest reason.
    pub reason: Reason,
    /// One line for people, with the fix where there is one.
    pub message: String,
    /// `Accepted` first, then others by type.
    pub conditions: Vec<Condition>,
    /// How it fares on each router of this node it concerns.
    pub routers: Vec<RouterVerdict>,
    /// Where it was read, for objects of a folder.
    pub origin: Option<Origin>,
    /// The file is broken by now; this is about the last good version.
    pub retained: bool,
}

/// What became of one object on one router.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouterVerdict {
    /// Which router.
    pub router: RouterName,
    /// Whether the object is in use there.
    pub accepted: bool,
    /// Why, or why not.
    pub reason: Reason,
    /// One line for people.
    pub message: String,
}

/// A refusal: why, and what to do.
pub(super) type Refusal = (Reason, String);

/// Reasons that are a condition of their own too, true while they last.
const OWN_CONDITION: [Reason; 7] = [
    Reason::InstanceNotFound,
    Reason::RouterNotFound,
    Reason::ProviderNotMatched,
    Reason::PolicyNotFound,
    Reason::ExternalPeerNotFound,
    Reason::SecretNotFound,
    Reason::UnsupportedAddressFamily,
];

#[derive(Debug, Default)]
pub(super) struct Verdicts {
    drafts: BTreeMap<ObjectRef, Draft>,
}

#[derive(Debug, Default)]
struct Draft {
    refused: Option<Refusal>,
    routers: BTreeMap<RouterName, Option<Refusal>>,
    elsewhere: Option<String>,
    conditions: BTreeMap<String, Condition>,
    not_realised: BTreeSet<String>,
    notes: BTreeSet<String>,
}

impl Verdicts {
    fn draft(&mut self, object: &ObjectRef) -> &mut Draft {
        if !self.drafts.contains_key(object) {
            self.drafts.insert(object.clone(), Draft::default());
        }
        self.drafts.get_mut(object).expect("just inserted")
    }

    /// The object is not used at all; the first refusal is kept.
    pub(super) fn refuse(&mut self, object: &ObjectRef, (reason, message): Refusal) {
        if OWN_CONDITION.contains(&reason) {
            self.condition(object, reason.as_str(), true, reason, message.clone());
        }
        self.draft(object).refused.get_or_insert((reason, message));
    }

    /// The object is in use on this router.
    pub(super) fn used(&mut self, object: &ObjectRef, router: &RouterName) {
        self.draft(object).routers.entry(router.clone()).or_default();
    }

    /// The object is not used on this router.
    pub(super) fn refuse_on(
        &mut self,
        object: &ObjectRef,
        router: &RouterName,
        (reason, message): Refusal,
    ) {
        if OWN_CONDITION.contains(&reason) {
            self.condition(object, reason.as_str(), true, reason, message.clone());
        }
        let entry = self.draft(object).routers.entry(router.clone()).or_default();
        entry.get_or_insert((reason, message));
    }

    /// The object concerns other nodes only, and why.
    pub(super) fn elsewhere(&mut self, object: &ObjectRef, why: impl Into<String>) {
        self.draft(object).elsewhere.get_or_insert_with(|| why.into());
    }

    /// These fields are accepted and nothing acts on them.
    pub(super) fn not_realised(
        &mut self,
        object: &ObjectRef,
        fields: impl IntoIterator<Item = String>,
    ) {
        self.draft(object).not_realised.extend(fields);
    }

    /// Something worth knowing that is no fault.
    pub(super) fn note(&mut self, object: &ObjectRef, text: impl Into<String>) {
        self.draft(object).notes.insert(text.into());
    }

    /// One object contradicts another and loses on this point; both are told.
    pub(super) fn conflict(&mut self, loser: &ObjectRef, winner: &ObjectRef, about: &str) {
        let lost = format!("{about}: {winner} is older and counts");
        let won = format!("{about}: this object is older and counts, {loser} does not");
        self.condition(loser, "Conflict", true, Reason::Conflict, lost);
        if loser != winner {
            self.condition(winner, "Conflict", true, Reason::ConflictIgnored, won);
        }
    }

    /// Sets a condition; of several with one type, texts are joined.
    pub(super) fn condition(
        &mut self,
        object: &ObjectRef,
        kind: &str,
        holds: bool,
        reason: Reason,
        message: String,
    ) {
        let status = if holds { ConditionStatus::True } else { ConditionStatus::False };
        let conditions = &mut self.draft(object).conditions;
        match conditions.get_mut(kind) {
            Some(known) if known.message.contains(&message) => {}
            Some(known) => {
                known.message = format!("{}; {message}", known.message);
                // Losing is graver than winning.
                if reason == Reason::Conflict {
                    known.reason = reason;
                }
            }
            None => {
                let kind = kind.to_owned();
                conditions.insert(kind.clone(), Condition { kind, status, reason, message });
            }
        }
    }

    /// One verdict for every object of ours.
    pub(super) fn finish(mut self, index: &Index) -> Vec<Verdict> {
        let ours = index.iter().filter(|(_, stored)| stored.object.metadata().is_some());
        ours.map(|(key, stored)| {
            let draft = self.drafts.remove(key).unwrap_or_default();
            draft.finish(key, stored.origin.clone(), stored.retained)
        })
        .collect()
    }
}

impl Draft {
    fn finish(self, object: &ObjectRef, origin: Option<Origin>, retained: bool) -> Verdict {
        let refused_on = self.routers.iter().find_map(|(router, refusal)| {
            let (reason, message) = refusal.as_ref()?;
            Some((*reason, format!("on router {router}: {message}")))
        });
        let refusal = self.refused.clone().or(refused_on);
        let accepted = refusal.is_none();
        let (reason, mut message) = match refusal {
            Some(refusal) => refusal,
            None if self.routers.is_empty() && self.elsewhere.is_some() => {
                (Reason::NotOnThisNode, self.elsewhere.clone().unwrap_or_default())
            }
            None => (Reason::Accepted, in_use(self.routers.keys())),
        };
        for note in &self.notes {
            message = format!("{message}; {note}");
        }
        let status = if accepted { ConditionStatus::True } else { ConditionStatus::False };
        let kind = "Accepted".to_owned();
        let mut conditions = vec![Condition { kind, status, reason, message: message.clone() }];
        conditions.extend(self.conditions.into_values());
        if !self.not_realised.is_empty() {
            let fields: Vec<_> = self.not_realised.into_iter().collect();
            conditions.push(Condition {
                kind: Reason::NotRealised.as_str().to_owned(),
                status: ConditionStatus::True,
                reason: Reason::NotRealised,
                message: format!("accepted, but nothing acts on it yet: {}", fields.join(", ")),
            });
        }
        if let Some(rest) = conditions.get_mut(1..) {
            rest.sort_by(|a, b| a.kind.cmp(&b.kind));
        }
        let routers = self.routers.into_iter().map(|(router, refusal)| match refusal {
            Some((reason, message)) => RouterVerdict { router, accepted: false, reason, message },
            None => RouterVerdict {
                router,
                accepted: accepted || self.refused.is_none(),
                reason: Reason::Accepted,
                message: "in use".to_owned(),
            },
        });
        Verdict {
            object: object.clone(),
            accepted,
            reason,
            message,
            conditions,
            routers: routers.collect(),
            origin,
            retained,
        }
    }
}

fn in_use<'a>(routers: impl Iterator<Item = &'a RouterName>) -> String {
    let names: Vec<_> = routers.map(RouterName::as_str).collect();
    match names.as_slice() {
        [] => "accepted".to_owned(),
        [one] => format!("in use on router {one}"),
        many => format!("in use on routers {}", many.join(", ")),
    }
}
