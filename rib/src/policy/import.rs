//! Import policy: between a session and the table.
//!
//! **For**: the speaker, once a route before [`Rib::announce`](crate::Rib::announce). **Sits**: one a
//! session or a set of sessions with the same policy. **How it works**: a bounded, direct-mapped
//! cache from attribute set (and class where some term asks about the route itself) to verdict. On a miss the chain is
//! evaluated and the edited set interned. **Invariants**: a cached verdict holds references to both
//! sets, so their ids stay what they are; [`ImportPolicy::clear`] gives them back.
//! **Cost**: 16 B a slot, [`SLOTS`] slots at most; about 2 ns a hit.
//! **References**: RFC 4271 section 9.1.1.

use std::sync::Arc;

use bgp_wire::Asn;

use super::{Chain, Compiled, Edit, Outcome, PrefixClass, Scratch, Subject, Trace};
use crate::{AttrId, AttrTable};

/// Why a chain cannot be an import policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// The next hop of a received route cannot be set; remove the action from the term.
    #[error("term \"{0}\" sets the next hop, which only an export policy can do")]
    NextHopOnImport(String),
}

/// What becomes of a received route.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum ImportVerdict {
    /// Into the table, with these attributes. The policy holds a reference only until the next call:
    /// announce the route, or retain the id, before that.
    Accept(AttrId),
    /// Not eligible; announce it with [`PathFlags::FILTERED`](crate::PathFlags::FILTERED) to have it shown.
    Deny,
}

/// A compiled import policy with its cache.
#[derive(Debug)]
pub struct ImportPolicy {
    chain: Arc<Chain>,
    compiled: Compiled,
    local_as: Asn,
    slots: Vec<Option<Slot>>,
    scratch: Scratch,
}

#[derive(Copy, Clone, Debug)]
struct Slot {
    attr: AttrId,
    class: u32,
    verdict: Cached,
}

#[derive(Copy, Clone, Debug)]
enum Cached {
    Accept(AttrId),
    Deny,
    ByPrefix,
}

/// Cached verdicts at most.
const SLOTS: usize = 4096;
const ANY_CLASS: u32 = u32::MAX;

impl ImportPolicy {
    /// Compiles `chain`. `local_as` stands for the AS in a prepend that names none.
    ///
    /// # Errors
    ///
    /// [`PolicyError::NextHopOnImport`] if a term sets the next hop.
    pub fn new(chain: &Arc<Chain>, local_as: Asn) -> Result<Self, PolicyError> {
        let compiled = Compiled::new(chain);
        if let Some((term, _)) = compiled.sets_next_hop() {
            return Err(PolicyError::NextHopOnImport(term.to_owned()));
        }
        let (chain, slots) = (Arc::clone(chain), Vec::new());
        Ok(Self { chain, compiled, local_as, slots, scratch: Scratch::default() })
    }

    /// What another chain in place of this one can change.
    pub fn edit_to(&self, chain: &Chain) -> Edit {
        Edit::between(&self.chain, chain)
    }

    /// Some term changes what it permits, so that accepted routes are not all held as received.
    pub fn changes_routes(&self) -> bool {
        self.chain.changes_routes()
    }

    /// Whether every route is accepted as it is, so that asking can be left out.
    pub fn is_permit_all(&self) -> bool {
        self.compiled.is_permit_all()
    }

    /// Decides about a route. `attr` must be alive, that is, somebody holds a reference to it. `subject`
    /// is called only where the attributes alone do not decide.
    #[inline]
    pub fn apply(
        &mut self,
        attrs: &mut AttrTable,
        attr: AttrId,
        subject: impl FnOnce(&AttrTable) -> Subject,
    ) -> ImportVerdict {
        if self.compiled.is_permit_all() {
            return ImportVerdict::Accept(attr);
        }
        let verdict = match self.lookup(attr, ANY_CLASS) {
            Some(cached) => cached,
            None => self.evaluate(attrs, attr, ANY_CLASS),
        };
        match verdict {
            Cached::Accept(attr) => ImportVerdict::Accept(attr),
            Cached::Deny => ImportVerdict::Deny,
            Cached::ByPrefix => {
                let subject = subject(attrs);
                self.apply_by_prefix(attrs, attr, &subject)
            }
        }
    }

    fn apply_by_prefix(
        &mut self,
        attrs: &mut AttrTable,
        attr: AttrId,
        subject: &Subject,
    ) -> ImportVerdict {
        let class = self.compiled.class(subject).0;
        let verdict = match self.lookup(attr, class) {
            Some(cached) => cached,
            None => self.evaluate(attrs, attr, class),
        };
        match verdict {
            Cached::Accept(attr) => ImportVerdict::Accept(attr),
            Cached::Deny | Cached::ByPrefix => ImportVerdict::Deny,
        }
    }

    /// Which terms decide about a route that was received with `attr`, for `explain`.
    pub fn trace(&self, attrs: &AttrTable, subject: &Subject, attr: AttrId) -> Trace {
        self.compiled.trace(subject, attrs.bytes(attr), attrs.summary(attr), self.local_as)
    }

    /// Which terms accepted a route that is held as `attr` by now, for `explain`: what it was received
    /// with is looked for in the cache. `None` where that has been forgotten or is not sure.
    pub fn trace_accepted(
        &self,
        attrs: &AttrTable,
        subject: &Subject,
        attr: AttrId,
    ) -> Option<Trace> {
        let mut results = self.slots.iter().flatten().filter_map(|slot| match slot.verdict {
            Cached::Accept(result) if result == attr => Some(slot.attr),
            _ => None,
        });
        let traced = |received| {
            let mut scratch = Scratch::default();
            let (bytes, summary) = (attrs.bytes(received), attrs.summary(received));
            let mut bits = super::prefix_index::Bits::new();
            self.compiled.bits(subject, &mut bits);
            let outcome =
                self.compiled.eval_bits(&bits, bytes, summary, self.local_as, &mut scratch);
            let result = match outcome {
                Outcome::Permit { edited: true, .. } => &scratch.canonical,
                Outcome::Permit { edited: false, .. } => bytes,
                Outcome::Deny { .. } | Outcome::NeedsPrefix => return None,
            };
            (result == attrs.bytes(attr)).then(|| self.trace(attrs, subject, received))
        };
        let mut found = results.by_ref().filter_map(traced).chain(traced(attr));
        let first = found.next()?;
        found.all(|other| other == first).then_some(first)
    }

    /// Forgets all cached verdicts and gives back the references they hold. Call it before dropping
    /// the policy and when its sessions have ended.
    pub fn clear(&mut self, attrs: &mut AttrTable) {
        for slot in self.slots.drain(..).flatten() {
            slot.forget(attrs);
        }
        self.slots = Vec::new();
    }

    #[inline]
    fn lookup(&self, attr: AttrId, class: u32) -> Option<Cached> {
        match self.slots.get(slot(attr, class))? {
            Some(found) if (found.attr, found.class) == (attr, class) => Some(found.verdict),
            _ => None,
        }
    }

    #[cold]
    fn evaluate(&mut self, attrs: &mut AttrTable, attr: AttrId, class: u32) -> Cached {
        let given = (class != ANY_CLASS).then_some(PrefixClass(class));
        let (canonical, summary) = (attrs.bytes(attr), *attrs.summary(attr));
        let outcome =
            self.compiled.eval(given, canonical, &summary, self.local_as, &mut self.scratch);
        let verdict = match outcome {
            Outcome::Permit { edited: true, .. } => {
                Cached::Accept(attrs.intern(&self.scratch.canonical))
            }
            Outcome::Permit { edited: false, .. } => {
                attrs.retain(attr);
                Cached::Accept(attr)
            }
            Outcome::Deny { .. } => Cached::Deny,
            Outcome::NeedsPrefix => Cached::ByPrefix,
        };
        attrs.retain(attr);
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, None);
        }
        if let Some(old) = self.slots[slot(attr, class)].replace(Slot { attr, class, verdict }) {
            old.forget(attrs);
        }
        verdict
    }
}

impl Slot {
    fn forget(self, attrs: &mut AttrTable) {
        attrs.release(self.attr);
        if let Cached::Accept(result) = self.verdict {
            attrs.release(result);
        }
    }
}

fn slot(attr: AttrId, class: u32) -> usize {
    attr.0.wrapping_add(class.wrapping_add(1).wrapping_mul(0x9e37_79b1)) as usize % SLOTS
}
