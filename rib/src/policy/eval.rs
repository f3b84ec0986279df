//! Evaluation of a compiled chain.
//!
//! **For**: import and export. **Sits**: called on a memo miss only, so once an attribute set (and
//! prefix class). **How it works**: terms are tried in order on the attributes; the first that
//! matches and does not ask about the prefix decides. Where a term would match but for its prefix
//! conditions and no class was given, the result is [`Outcome::NeedsPrefix`]: the caller classifies
//! the prefix and asks again. **Invariants**: the edited attributes are canonical again.

use std::sync::Arc;

use bgp_wire::{Asn, Community, ExtCommunity, ExtKind, LargeCommunity, Summary};

use super::{
    Action, AsPathPattern, Compiled, Disposition, NextHopSet, PrefixClass, Subject, apply,
    as_path::PathMemo,
    compile::{AttributeTest, CompiledTerm, Stage},
    prefix_index::{Bits, has_bit},
};

/// Buffers of an evaluation, reused between calls.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The attributes as edited, valid when [`Outcome::Permit::edited`] says so.
    pub canonical: Vec<u8>,
    previous: Vec<u8>,
    paths: PathMemo,
}

/// What a chain says about a route.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Passes.
    Permit {
        /// The attributes to use are in [`Scratch::canonical`]; otherwise those given.
        edited: bool,
        /// MULTI_EXIT_DISC was set by a term and is meant for the receiver.
        med_set: bool,
        /// The next hop a term chose.
        next_hop: Option<NextHopSet>,
        /// The class took part in the decision.
        by_prefix: bool,
    },
    /// Stopped: by a term, a default, or because a change does not fit into an attribute.
    Deny {
        /// The class took part in the decision.
        by_prefix: bool,
    },
    /// Not decided by the attributes alone; give a class.
    NeedsPrefix,
}

/// Which term of which stage decided, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// One entry a stage that was reached.
    pub stages: Vec<StageTrace>,
    /// The whole chain lets the route pass.
    pub permitted: bool,
}

impl Trace {
    /// The term that stopped the route; `None` where it passes or a default stopped it.
    pub fn denied_by(&self) -> Option<&str> {
        if self.permitted { None } else { self.stages.last()?.term.as_deref() }
    }
}

/// What one stage of a chain said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageTrace {
    /// The term that matched; `None` when the default decided.
    pub term: Option<String>,
    /// The stage lets the route pass.
    pub permitted: bool,
}

impl Compiled {
    /// Evaluates the chain on canonical attributes. `class` may be `None` for a first try.
    /// `local_as` stands for the AS in a prepend that names none.
    pub fn eval(
        &self,
        class: Option<PrefixClass>,
        canonical: &[u8],
        summary: &Summary,
        local_as: Asn,
        scratch: &mut Scratch,
    ) -> Outcome {
        let bits = class.map(|class| self.class_bits(class));
        self.run(bits, canonical, summary, local_as, scratch, |_, _| {})
    }

    /// Evaluates the chain for a route that meets these conditions.
    pub(super) fn eval_bits(
        &self,
        bits: &[u64],
        canonical: &[u8],
        summary: &Summary,
        local_as: Asn,
        scratch: &mut Scratch,
    ) -> Outcome {
        self.run(Some(bits), canonical, summary, local_as, scratch, |_, _| {})
    }

    /// Evaluates the chain for one route and says which terms decided.
    pub fn trace(
        &self,
        subject: &Subject,
        canonical: &[u8],
        summary: &Summary,
        local_as: Asn,
    ) -> Trace {
        let mut bits = Bits::new();
        self.bits(subject, &mut bits);
        let mut stages = Vec::new();
        let mut scratch = Scratch::default();
        let outcome =
            self.run(Some(&bits), canonical, summary, local_as, &mut scratch, |term, permitted| {
                stages.push(StageTrace { term: term.map(|t| t.name.to_string()), permitted });
            });
        let permitted = matches!(outcome, Outcome::Permit { .. });
        // A term whose changes do not fit stops what it would have permitted.
        if let Some(last) = stages.last_mut() {
            last.permitted &= permitted;
        }
        Trace { stages, permitted }
    }

    fn run(
        &self,
        bits: Option<&[u64]>,
        canonical: &[u8],
        summary: &Summary,
        local_as: Asn,
        scratch: &mut Scratch,
        mut seen: impl FnMut(Option<&CompiledTerm>, bool),
    ) -> Outcome {
        let mut edited = false;
        let mut med_set = false;
        let mut next_hop = None;
        let mut by_prefix = false;
        let mut summary = *summary;
        for stage in &self.stages {
            let current = if edited { &scratch.canonical } else { canonical };
            let mut route = Attributes {
                canonical: current,
                summary: &summary,
                patterns: &self.patterns,
                paths: &mut scratch.paths,
            };
            let term = match stage.first_match(bits, &mut route, &mut by_prefix) {
                Found::Term(term) => Some(term),
                Found::None => None,
                Found::NeedsPrefix => return Outcome::NeedsPrefix,
            };
            let permitted = match term {
                Some(term) => matches!(term.action, Action::Permit(_)),
                None => stage.default == Disposition::Permit,
            };
            seen(term, permitted);
            if !permitted {
                return Outcome::Deny { by_prefix };
            }
            let Some(Action::Permit(sets)) = term.map(|term| &term.action) else { continue };
            if sets.is_empty() {
                continue;
            }
            std::mem::swap(&mut scratch.canonical, &mut scratch.previous);
            let from = if edited { &*scratch.previous } else { canonical };
            let Some(changes) = apply::apply(sets, from, local_as, &mut scratch.canonical) else {
                return Outcome::Deny { by_prefix };
            };
            edited = true;
            med_set = changes.med.unwrap_or(med_set);
            next_hop = changes.next_hop.or(next_hop);
            summary = Summary::of(&scratch.canonical);
        }
        Outcome::Permit { edited, med_set, next_hop, by_prefix }
    }
}

enum Found<'a> {
    Term(&'a CompiledTerm),
    None,
    NeedsPrefix,
}

impl Stage {
    fn first_match(
        &self,
        bits: Option<&[u64]>,
        route: &mut Attributes<'_>,
        by_prefix: &mut bool,
    ) -> Found<'_> {
        for term in &self.terms {
            if !term.on_attributes.iter().all(|test| test.holds(route)) {
                continue;
            }
            if !term.on_prefix.is_empty() {
                *by_prefix = true;
                let Some(bits) = bits else { return Found::NeedsPrefix };
                if !term.on_prefix.iter().all(|condition| has_bit(bits, *condition)) {
                    continue;
                }
            }
            return Found::Term(term);
        }
        Found::None
    }
}

/// The attributes a stage looks at.
struct Attributes<'a> {
    canonical: &'a [u8],
    summary: &'a Summary,
    patterns: &'a Arc<[AsPathPattern]>,
    paths: &'a mut PathMemo,
}

impl AttributeTest {
    fn holds(&self, route: &mut Attributes<'_>) -> bool {
        let canonical = route.canonical;
        match self {
            Self::AnyCommunity(list) => {
                Community::of(canonical).any(|community| list.binary_search(&community).is_ok())
            }
            Self::AnyLargeCommunity(list) => LargeCommunity::of(canonical)
                .any(|community| list.binary_search(&community).is_ok()),
            Self::AnyExtCommunity(list) => {
                ExtCommunity::of(canonical).any(|community| list.binary_search(&community).is_ok())
            }
            Self::LocalPref(value) => route.summary.local_pref == Some(*value),
            Self::Med(value) => route.summary.med == Some(*value),
            Self::AsPath(pattern) => route.paths.holds(route.patterns, *pattern, canonical),
            Self::StickyMac => ExtCommunity::of(canonical).any(|community| {
                matches!(community.kind(), ExtKind::MacMobility { sticky: true, .. })
            }),
        }
    }
}
