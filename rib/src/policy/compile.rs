//! From a [`Chain`] to the form that is evaluated.
//!
//! **For**: evaluation without a look at the prefix wherever the attributes alone decide.
//! **Sits**: owned by an import policy or an export group, one each. **How it works**: conditions
//! are split into those on attributes, checked in place, and those on the prefix (ranges and
//! family), which are numbered over the whole chain and put into one [`PrefixIndex`]. The set of
//! numbers a prefix meets is interned as a [`PrefixClass`]. **Invariants**: class 0 is "meets
//! nothing"; classes are never freed, and there are at most as many as distinct sets, which the
//! configured ranges bound.

use bgp_wire::{Community, ExtCommunity, Family, LargeCommunity};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::TableFamily;

use super::{
    Action, Chain, Disposition, Match, NextHopSet, Set,
    prefix_index::{Bits, PrefixIndex, set_bit},
};

/// Which prefix conditions of a chain a prefix meets, as a small number.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrefixClass(pub(crate) u32);

/// A chain ready for evaluation.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(super) stages: Vec<Stage>,
    conditions: u32,
    index: PrefixIndex,
    families: Vec<(Family, u32)>,
    classes: Vec<Bits>,
    by_bits: HashMap<Bits, u32, FixedState>,
    scratch: Bits,
}

#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) terms: Vec<CompiledTerm>,
    pub(super) default: Disposition,
}

#[derive(Clone, Debug)]
pub(super) struct CompiledTerm {
    pub(super) name: Box<str>,
    pub(super) on_attributes: Vec<AttributeTest>,
    /// Condition numbers, all of which the prefix must meet.
    pub(super) on_prefix: Vec<u32>,
    pub(super) action: Action,
}

/// A condition on attributes; lists are sorted.
#[derive(Clone, Debug)]
pub(super) enum AttributeTest {
    AnyCommunity(Vec<Community>),
    AnyLargeCommunity(Vec<LargeCommunity>),
    AnyExtCommunity(Vec<ExtCommunity>),
    LocalPref(u32),
    Med(u32),
}

impl Compiled {
    /// Prepares `chain`.
    pub fn new(chain: &Chain) -> Self {
        let mut compiled = Self {
            stages: Vec::new(),
            conditions: 0,
            index: PrefixIndex::default(),
            families: Vec::new(),
            classes: vec![Bits::new()],
            by_bits: HashMap::default(),
            scratch: Bits::new(),
        };
        compiled.by_bits.insert(Bits::new(), 0);
        for policy in chain.stages() {
            let terms = policy.terms.iter().map(|term| {
                let mut out = CompiledTerm {
                    name: term.name.as_str().into(),
                    on_attributes: Vec::new(),
                    on_prefix: Vec::new(),
                    action: term.action.clone(),
                };
                for condition in &term.matches {
                    compiled.condition(condition, &mut out);
                }
                out
            });
            let stage = Stage { terms: terms.collect(), default: policy.default };
            compiled.stages.push(stage);
        }
        compiled
    }

    fn condition(&mut self, condition: &Match, term: &mut CompiledTerm) {
        match condition {
            Match::Any => {}
            Match::Family(family) => {
                self.families.push((*family, self.conditions));
                term.on_prefix.push(self.conditions);
                self.conditions += 1;
            }
            Match::PrefixIn(ranges) => {
                for range in ranges {
                    self.index.insert(self.conditions, *range);
                }
                term.on_prefix.push(self.conditions);
                self.conditions += 1;
            }
            Match::AnyCommunity(list) => {
                term.on_attributes.push(AttributeTest::AnyCommunity(sorted(list)));
            }
            Match::AnyLargeCommunity(list) => {
                term.on_attributes.push(AttributeTest::AnyLargeCommunity(sorted(list)));
            }
            Match::AnyExtCommunity(list) => {
                term.on_attributes.push(AttributeTest::AnyExtCommunity(sorted(list)));
            }
            Match::LocalPref(value) => term.on_attributes.push(AttributeTest::LocalPref(*value)),
            Match::Med(value) => term.on_attributes.push(AttributeTest::Med(*value)),
        }
    }

    /// Permits everything unchanged.
    pub fn is_permit_all(&self) -> bool {
        self.stages.is_empty()
    }

    /// The class of `prefix`: prefixes of one class get the same result for the same attributes.
    pub fn class<P: TableFamily>(&mut self, prefix: P) -> PrefixClass {
        if self.conditions == 0 {
            return PrefixClass(0);
        }
        let mut bits = std::mem::take(&mut self.scratch);
        self.bits(prefix, &mut bits);
        let class = match self.by_bits.get(&bits) {
            Some(&class) => class,
            None => {
                let class = u32::try_from(self.classes.len()).expect("bounded by the ranges");
                self.classes.push(bits.clone());
                self.by_bits.insert(bits.clone(), class);
                class
            }
        };
        self.scratch = bits;
        PrefixClass(class)
    }

    /// The conditions that `prefix` meets.
    pub(super) fn bits<P: TableFamily>(&self, prefix: P, met: &mut Bits) {
        met.clear();
        if let Some(prefix) = prefix.prefix() {
            self.index.lookup(prefix.addr(), prefix.len(), met);
        }
        for (family, condition) in &self.families {
            if *family == P::FAMILY {
                set_bit(met, *condition);
            }
        }
    }

    /// The conditions that prefixes of `class` meet.
    pub(super) fn class_bits(&self, class: PrefixClass) -> &[u64] {
        &self.classes[class.0 as usize]
    }

    /// Some term chooses the next hop.
    pub fn sets_next_hop(&self) -> Option<(&str, NextHopSet)> {
        self.stages.iter().flat_map(|stage| &stage.terms).find_map(|term| match &term.action {
            Action::Permit(sets) => sets.iter().find_map(|set| match set {
                Set::NextHop(to) => Some((&*term.name, *to)),
                _ => None,
            }),
            Action::Deny => None,
        })
    }
}

fn sorted<T: Ord + Clone>(list: &[T]) -> Vec<T> {
    let mut list = list.to_vec();
    list.sort_unstable();
    list
}
