//! From a [`Chain`] to the form that is evaluated.
//!
//! **For**: evaluation without a look at the prefix wherever the attributes alone decide.
//! **Sits**: owned by an import policy or an export group, one each. **How it works**: conditions
//! are split into those on attributes, checked in place, and those on the route itself ([`Subject`]:
//! prefix, family, next hop, EVPN fields), which are numbered over the whole chain; ranges go into one
//! [`PrefixIndex`] for prefixes and one for next hops. The set of numbers a route meets is interned as
//! a [`PrefixClass`]. **Invariants**: class 0 is "meets nothing"; classes are never freed, and there
//! are at most as many as distinct sets, which the configured ranges bound.

use std::{net::IpAddr, sync::Arc};

use bgp_wire::{
    Community, ExtCommunity, Family, LargeCommunity, MacAddr, NlriPrefix, V4Prefix, V6Prefix,
};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

use super::{
    Action, AsPathPattern, Chain, Disposition, EvpnType, Match, NextHopSet, PrefixRange, Set,
    Subject,
    prefix_index::{Bits, PrefixIndex, set_bit},
};

/// Which conditions of a chain on the route itself a route meets (prefix, next hop, EVPN fields), as
/// a small number.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrefixClass(pub(crate) u32);

/// A chain ready for evaluation.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub(super) stages: Vec<Stage>,
    conditions: u32,
    index: PrefixIndex,
    next_hops: PrefixIndex,
    families: Vec<(Family, u32)>,
    evpn: Vec<(EvpnTest, u32)>,
    /// Distinct patterns, by the number that tests have.
    pub(super) patterns: Arc<[AsPathPattern]>,
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

/// A condition on an EVPN route.
#[derive(Clone, Debug)]
enum EvpnTest {
    Type(Vec<EvpnType>),
    Vni(u32),
    Mac(MacAddr),
}

impl EvpnTest {
    fn holds(&self, subject: &Subject) -> bool {
        let Some(fields) = &subject.evpn else { return false };
        match self {
            Self::Type(any) => any.contains(&fields.kind),
            Self::Vni(vni) => fields.vnis.contains(&Some(*vni)),
            Self::Mac(mac) => fields.mac == Some(*mac),
        }
    }
}

/// A condition on attributes; lists are sorted.
#[derive(Clone, Debug)]
pub(super) enum AttributeTest {
    AnyCommunity(Vec<Community>),
    AnyLargeCommunity(Vec<LargeCommunity>),
    AnyExtCommunity(Vec<ExtCommunity>),
    LocalPref(u32),
    Med(u32),
    /// The number of a pattern.
    AsPath(u32),
    StickyMac,
}

impl Compiled {
    /// Prepares `chain`.
    pub fn new(chain: &Chain) -> Self {
        let mut compiled = Self {
            stages: Vec::new(),
            conditions: 0,
            index: PrefixIndex::default(),
            next_hops: PrefixIndex::default(),
            families: Vec::new(),
            evpn: Vec::new(),
            patterns: Arc::default(),
            classes: vec![Bits::new()],
            by_bits: HashMap::default(),
            scratch: Bits::new(),
        };
        compiled.by_bits.insert(Bits::new(), 0);
        let mut patterns = Vec::new();
        for policy in chain.stages() {
            let terms = policy.terms.iter().map(|term| {
                let mut out = CompiledTerm {
                    name: term.name.as_str().into(),
                    on_attributes: Vec::new(),
                    on_prefix: Vec::new(),
                    action: term.action.clone(),
                };
                for condition in &term.matches {
                    compiled.condition(condition, &mut out, &mut patterns);
                }
                out
            });
            let stage = Stage { terms: terms.collect(), default: policy.default };
            compiled.stages.push(stage);
        }
        compiled.patterns = patterns.into();
        compiled
    }

    fn condition(
        &mut self,
        condition: &Match,
        term: &mut CompiledTerm,
        patterns: &mut Vec<AsPathPattern>,
    ) {
        match condition {
            Match::Any => {}
            Match::Family(family) => {
                let number = self.on_prefix(term);
                self.families.push((*family, number));
            }
            Match::PrefixIn(ranges) => {
                let number = self.on_prefix(term);
                for range in ranges {
                    self.index.insert(number, *range);
                }
            }
            Match::NextHopIn(prefixes) => {
                let number = self.on_prefix(term);
                for prefix in prefixes {
                    self.next_hops.insert(number, PrefixRange::or_longer(*prefix));
                }
            }
            Match::EvpnType(any) => self.on_evpn(term, EvpnTest::Type(any.clone())),
            Match::EvpnVni(vni) => self.on_evpn(term, EvpnTest::Vni(*vni)),
            Match::EvpnMac(mac) => self.on_evpn(term, EvpnTest::Mac(*mac)),
            Match::AsPath(pattern) => {
                let known = patterns.iter().position(|other| other == pattern);
                let at = known.unwrap_or_else(|| {
                    patterns.push(pattern.clone());
                    patterns.len() - 1
                });
                let at = u32::try_from(at).expect("fewer patterns than memory has octets");
                term.on_attributes.push(AttributeTest::AsPath(at));
            }
            Match::StickyMac => term.on_attributes.push(AttributeTest::StickyMac),
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

    /// The number of a new condition on the route itself, which `term` asks.
    fn on_prefix(&mut self, term: &mut CompiledTerm) -> u32 {
        let number = self.conditions;
        term.on_prefix.push(number);
        self.conditions += 1;
        number
    }

    fn on_evpn(&mut self, term: &mut CompiledTerm, test: EvpnTest) {
        let number = self.on_prefix(term);
        self.evpn.push((test, number));
    }

    /// Permits everything unchanged.
    pub fn is_permit_all(&self) -> bool {
        self.stages.is_empty()
    }

    /// The class of a route: routes of one class get the same result for the same attributes.
    pub fn class(&mut self, subject: &Subject) -> PrefixClass {
        if self.conditions == 0 {
            return PrefixClass(0);
        }
        let mut bits = std::mem::take(&mut self.scratch);
        self.bits(subject, &mut bits);
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

    /// The conditions that a route meets.
    pub(super) fn bits(&self, subject: &Subject, met: &mut Bits) {
        met.clear();
        if let Some(prefix) = subject.prefix {
            self.index.lookup(prefix.addr(), prefix.len(), met);
        }
        if let Some(next_hop) = subject.next_hop {
            self.next_hops.lookup(next_hop, host_len(next_hop), met);
        }
        for (family, condition) in &self.families {
            if *family == subject.family {
                set_bit(met, *condition);
            }
        }
        for (test, condition) in &self.evpn {
            if test.holds(subject) {
                set_bit(met, *condition);
            }
        }
    }

    /// The conditions that routes of `class` meet.
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

/// The length of the prefix that is one address.
fn host_len(addr: IpAddr) -> u8 {
    match addr {
        IpAddr::V4(_) => V4Prefix::MAX_BITS,
        IpAddr::V6(_) => V6Prefix::MAX_BITS,
    }
}

fn sorted<T: Ord + Clone>(list: &[T]) -> Vec<T> {
    let mut list = list.to_vec();
    list.sort_unstable();
    list
}
