//! Terms, sets, chains, prefix lookups and the import cache, each against what the text says; the whole
//! evaluation against a naive one ([`naive`]).

mod as_path;
mod edits;
mod evpn;
mod naive;

use std::{net::Ipv4Addr, sync::Arc};

use bgp_wire::{
    AsPath, Asn, AttrBuilder, AttrType, Community, ExtCommunity, Family, LargeCommunity, NextHop,
    NlriPrefix, Prefix, Summary, V4Prefix, V6Prefix,
};
use proptest::prelude::*;

use super::*;
use crate::AttrTable;

const LOCAL_AS: Asn = Asn(65000);

fn v4(text: &str) -> V4Prefix {
    text.parse().unwrap()
}

fn range(text: &str, ge: u8, le: u8) -> PrefixRange {
    PrefixRange::new(v4(text).into(), ge, le).unwrap()
}

fn term(name: &str, matches: Vec<Match>, action: Action) -> Term {
    Term { name: name.into(), matches, action }
}

fn chain(terms: Vec<Term>, default: Disposition) -> Chain {
    Chain::new([Policy { terms, default }])
}

fn base() -> Vec<u8> {
    let mut out = Vec::new();
    let mut builder = AttrBuilder::new();
    builder.set_origin(0).replace_as_path(&[Asn(65001)]).set_local_pref(Some(150)).set_med(Some(7));
    builder.set_communities(&[Community::new(65000, 1), Community::NO_EXPORT]);
    builder.set_large_communities(&[LargeCommunity(1, 2, 3)]);
    builder.set_ext_communities(&[ExtCommunity::route_target(65001, 100)]);
    builder.finish(&mut out);
    out
}

fn pattern(expression: &str) -> Match {
    Match::AsPath(AsPathPattern::new(expression).unwrap())
}

/// Evaluates for a unicast route; `None` if denied, else the resulting attributes.
fn run<P: NlriPrefix>(chain: &Chain, prefix: P, canonical: &[u8]) -> Option<Vec<u8>> {
    run_on(chain, &Subject::unicast(prefix), canonical)
}

/// Evaluates with the class of a route; `None` if denied, else the resulting attributes.
fn run_on(chain: &Chain, subject: &Subject, canonical: &[u8]) -> Option<Vec<u8>> {
    let mut compiled = Compiled::new(chain);
    let class = compiled.class(subject);
    let mut scratch = Scratch::default();
    let summary = Summary::of(canonical);
    match compiled.eval(Some(class), canonical, &summary, LOCAL_AS, &mut scratch) {
        Outcome::Permit { edited: true, .. } => Some(scratch.canonical),
        Outcome::Permit { edited: false, .. } => Some(canonical.to_vec()),
        Outcome::Deny { .. } => None,
        Outcome::NeedsPrefix => panic!("a class was given"),
    }
}

fn permits(matches: Vec<Match>) -> bool {
    let chain = chain(vec![term("t", matches, Action::Permit(Vec::new()))], Disposition::Deny);
    let next_hop = NextHop::V4(Ipv4Addr::new(192, 0, 2, 1));
    let subject = Subject::unicast(v4("10.1.2.0/24")).via(next_hop);
    run_on(&chain, &subject, &base()).is_some()
}

#[test]
fn each_match_holds_and_fails() {
    let exact = |text: &str| Match::PrefixIn(vec![PrefixRange::exact(v4(text).into())]);
    let next_hop = |text: &str| Match::NextHopIn(vec![v4(text).into()]);
    let longer = |text: &str| Match::PrefixIn(vec![PrefixRange::or_longer(v4(text).into())]);
    let cases = [
        (Match::Any, true),
        (Match::Family(Family::IPV4_UNICAST), true),
        (Match::Family(Family::IPV6_UNICAST), false),
        (exact("10.1.2.0/24"), true),
        (exact("10.1.0.0/16"), false),
        (longer("10.1.0.0/16"), true),
        (longer("10.1.2.0/24"), true),
        (longer("10.1.2.0/25"), false),
        (longer("0.0.0.0/0"), true),
        (Match::PrefixIn(vec![range("10.0.0.0/8", 17, 23)]), false),
        (Match::PrefixIn(vec![range("10.0.0.0/8", 17, 24)]), true),
        (Match::PrefixIn(Vec::new()), false),
        (Match::AnyCommunity(vec![Community::NO_EXPORT]), true),
        (Match::AnyCommunity(vec![Community::NO_ADVERTISE, Community::new(65000, 1)]), true),
        (Match::AnyCommunity(vec![Community::new(65000, 2)]), false),
        (Match::AnyLargeCommunity(vec![LargeCommunity(1, 2, 3)]), true),
        (Match::AnyLargeCommunity(vec![LargeCommunity(1, 2, 4)]), false),
        (Match::AnyExtCommunity(vec![ExtCommunity::route_target(65001, 100)]), true),
        (Match::AnyExtCommunity(vec![ExtCommunity::route_target(65001, 101)]), false),
        (Match::LocalPref(150), true),
        (Match::LocalPref(100), false),
        (Match::Med(7), true),
        (Match::Med(0), false),
        (pattern("^65001$"), true),
        (pattern("^65002$"), false),
        (next_hop("192.0.2.1/32"), true),
        (next_hop("192.0.2.0/24"), true),
        (next_hop("0.0.0.0/0"), true),
        (next_hop("192.0.2.0/32"), false),
        (Match::NextHopIn(vec!["::/0".parse::<V6Prefix>().unwrap().into()]), false),
        (Match::NextHopIn(Vec::new()), false),
        (Match::EvpnType(vec![EvpnType::MacIp]), false),
        (Match::EvpnVni(0), false),
        (Match::EvpnMac(bgp_wire::MacAddr([0; 6])), false),
        (Match::StickyMac, false),
    ];
    for (condition, expected) in cases {
        assert_eq!(permits(vec![condition.clone()]), expected, "{condition:?}");
    }
    assert!(!permits(vec![Match::Any, Match::Med(0)]), "all conditions must hold");
    assert!(permits(Vec::new()));
}

#[test]
fn a_range_must_be_possible() {
    let prefix = v4("10.0.0.0/8").into();
    assert!(PrefixRange::new(prefix, 7, 9).is_none());
    assert!(PrefixRange::new(prefix, 9, 8).is_none());
    assert!(PrefixRange::new(prefix, 8, 33).is_none());
    assert!(PrefixRange::new(prefix, 8, 32).is_some());
    let v6: V6Prefix = "2001:db8::/32".parse().unwrap();
    assert!(PrefixRange::new(v6.into(), 32, 128).is_some());
}

#[test]
fn each_set_changes_what_it_names() {
    let edit = |set: Set| {
        let chain =
            chain(vec![term("t", Vec::new(), Action::Permit(vec![set]))], Disposition::Deny);
        run(&chain, v4("10.1.2.0/24"), &base()).unwrap()
    };
    let summary = |set: Set| Summary::of(&edit(set));
    assert_eq!(summary(Set::LocalPref(9)).local_pref, Some(9));
    assert_eq!(summary(Set::Med(Some(9))).med, Some(9));
    assert_eq!(summary(Set::Med(None)).med, None);
    assert_eq!(summary(Set::Origin(Origin::Incomplete)).origin, 2);
    let standard = |set: Set| Community::of(&edit(set)).collect::<Vec<_>>();
    let one = Community::new(65000, 1);
    let two = Community::new(65000, 2);
    assert_eq!(standard(Set::CommunitiesAdd(vec![two, one])), [one, Community::NO_EXPORT, two]);
    assert_eq!(standard(Set::CommunitiesRemove(vec![one, two])), [Community::NO_EXPORT]);
    assert_eq!(standard(Set::CommunitiesReplace(vec![two])), [two]);
    assert_eq!(standard(Set::CommunitiesReplace(Vec::new())), []);
    let large = |set: Set| LargeCommunity::of(&edit(set)).collect::<Vec<_>>();
    let (a, b) = (LargeCommunity(1, 2, 3), LargeCommunity(4, 5, 6));
    assert_eq!(large(Set::LargeCommunitiesAdd(vec![b])), [a, b]);
    assert_eq!(large(Set::LargeCommunitiesRemove(vec![a])), []);
    let ext = |set: Set| ExtCommunity::of(&edit(set)).collect::<Vec<_>>();
    let (a, b) = (ExtCommunity::route_target(65001, 100), ExtCommunity::route_target(65001, 5));
    assert_eq!(ext(Set::ExtCommunitiesAdd(vec![b])).len(), 2);
    assert_eq!(ext(Set::ExtCommunitiesRemove(vec![a])), []);
    let path = |set: Set| AsPath::of(&edit(set)).to_string();
    assert_eq!(path(Set::Prepend { asn: None, count: 2 }), "65000 65000 65001");
    assert_eq!(path(Set::Prepend { asn: Some(Asn(64512)), count: 1 }), "64512 65001");
    assert_eq!(path(Set::Prepend { asn: None, count: 0 }), "65001");
    assert_eq!(path(Set::AsPathReplace(vec![Asn(64512), Asn(7)])), "64512 7");
    assert_eq!(path(Set::AsPathReplace(Vec::new())), "");
    let large = |set: Set| LargeCommunity::of(&edit(set)).collect::<Vec<_>>();
    let b = LargeCommunity(4, 5, 6);
    assert_eq!(large(Set::LargeCommunitiesReplace(vec![b, b])), [b]);
    assert_eq!(large(Set::LargeCommunitiesReplace(Vec::new())), []);
    let target = ExtCommunity::route_target(65001, 100);
    let color = ExtCommunity([3, 0x0b, 0, 0, 0, 0, 0, 9]);
    assert_eq!(ext(Set::Color(9)), [target, color]);
    assert_eq!(ext(Set::LocalPref(9)), [target], "what is not named stays");
}

#[test]
fn changes_of_one_term_follow_each_other() {
    let edit = |sets: Vec<Set>| {
        let chain = chain(vec![term("t", Vec::new(), Action::Permit(sets))], Disposition::Deny);
        run(&chain, v4("10.1.2.0/24"), &base()).unwrap()
    };
    let replace = Set::AsPathReplace(vec![Asn(1)]);
    let out = edit(vec![replace, Set::Prepend { asn: None, count: 1 }]);
    assert_eq!(AsPath::of(&out).to_string(), "65000 1");
    // One color, however often it is set, and whatever flags an old one has.
    let flagged = ExtCommunity([3, 0x0b, 0xc0, 0, 0, 0, 0, 1]);
    let out = edit(vec![Set::ExtCommunitiesAdd(vec![flagged]), Set::Color(5), Set::Color(6)]);
    let colors = ExtCommunity::of(&out).filter(|c| c.0[..2] == [3, 0x0b]);
    assert_eq!(colors.collect::<Vec<_>>(), [ExtCommunity([3, 0x0b, 0, 0, 0, 0, 0, 6])]);
    let one = Community::new(1, 1);
    let out = edit(vec![
        Set::CommunitiesAdd(vec![one]),
        Set::CommunitiesRemove(vec![one, Community::NO_EXPORT]),
        Set::CommunitiesAdd(vec![one]),
    ]);
    let left: Vec<_> = Community::of(&out).collect();
    assert_eq!(left, [Community::new(65000, 1), one]);
}

#[test]
fn what_does_not_fit_into_an_attribute_is_denied_not_cut() {
    let mut canonical = Vec::new();
    let many: Vec<_> = (0..16_383).map(Community).collect();
    assert!(AttrBuilder::edit(&base()).set_communities(&many).finish(&mut canonical));
    let more = Set::CommunitiesAdd(vec![Community(70_000)]);
    let chain = chain(vec![term("t", Vec::new(), Action::Permit(vec![more]))], Disposition::Permit);
    assert_eq!(run(&chain, v4("10.0.0.0/8"), &canonical), None);
    let summary = Summary::of(&canonical);
    let subject = Subject::unicast(v4("10.0.0.0/8"));
    let trace = Compiled::new(&chain).trace(&subject, &canonical, &summary, LOCAL_AS);
    assert_eq!(trace.denied_by(), Some("t"));
}

#[test]
fn the_next_hop_is_a_matter_of_the_route_not_of_the_set() {
    let from = Match::NextHopIn(vec![v4("192.0.2.0/24").into()]);
    let accept = term("near", vec![from], Action::Permit(vec![Set::LocalPref(200)]));
    let chain = Arc::new(chain(vec![accept], Disposition::Deny));
    let mut attrs = AttrTable::new();
    let received = attrs.intern(&base());
    let mut policy = ImportPolicy::new(&chain, LOCAL_AS).unwrap();
    let via = |last| NextHop::V4(Ipv4Addr::new(192, 0, last, 1));
    for _ in 0..2 {
        for (last, passes) in [(2, true), (3, false)] {
            let subject = Subject::unicast(v4("10.0.0.0/8")).via(via(last));
            let verdict = policy.apply(&mut attrs, received, |_| subject);
            assert_eq!(verdict != ImportVerdict::Deny, passes);
        }
    }
    // A route originated here has the unspecified address: none.
    let local = Subject::unicast(v4("10.0.0.0/8")).via(NextHop::V4(Ipv4Addr::UNSPECIFIED));
    assert_eq!(local.next_hop, None);
    policy.clear(&mut attrs);
}

#[test]
fn first_match_decides_and_the_default_otherwise() {
    let chain = chain(
        vec![
            term("drop", vec![Match::Med(8)], Action::Deny),
            term("low", vec![Match::Med(7)], Action::Permit(vec![Set::LocalPref(1)])),
            term("never", vec![Match::Any], Action::Deny),
        ],
        Disposition::Permit,
    );
    let out = run(&chain, v4("10.0.0.0/8"), &base()).unwrap();
    assert_eq!(Summary::of(&out).local_pref, Some(1));
    assert!(run(&Chain::new([Policy::DENY_ALL]), v4("10.0.0.0/8"), &base()).is_none());
    assert!(run(&Chain::permit_all(), v4("10.0.0.0/8"), &base()).is_some());
}

#[test]
fn a_later_stage_sees_what_the_earlier_one_left() {
    let first = Policy {
        terms: vec![term("set", Vec::new(), Action::Permit(vec![Set::LocalPref(300)]))],
        default: Disposition::Deny,
    };
    let second = Policy {
        terms: vec![term("seen", vec![Match::LocalPref(300)], Action::Permit(Vec::new()))],
        default: Disposition::Deny,
    };
    let chain = Chain::new([first.clone(), second.clone()]);
    assert!(run(&chain, v4("10.0.0.0/8"), &base()).is_some());
    assert!(run(&Chain::new([second, first]), v4("10.0.0.0/8"), &base()).is_none());
    let canonical = base();
    let trace = Compiled::new(&chain).trace(
        &Subject::unicast(v4("10.0.0.0/8")),
        &canonical,
        &Summary::of(&canonical),
        LOCAL_AS,
    );
    let names: Vec<_> = trace.stages.iter().map(|stage| stage.term.as_deref()).collect();
    assert_eq!(names, [Some("set"), Some("seen")]);
    assert!(trace.permitted);
}

#[test]
fn policies_join_into_one_list_of_terms() {
    let one = Policy { terms: vec![term("a", vec![], Action::Deny)], default: Disposition::Permit };
    let joined = Policy::concat([one, Policy::DENY_ALL]);
    assert_eq!((joined.terms.len(), joined.default), (1, Disposition::Deny));
    assert_eq!(Policy::concat([]), Policy::PERMIT_ALL);
}

#[test]
fn the_prefix_is_asked_for_only_where_it_matters() {
    let chain = chain(
        vec![
            term("by-med", vec![Match::Med(7)], Action::Permit(Vec::new())),
            term(
                "by-prefix",
                vec![Match::PrefixIn(vec![PrefixRange::or_longer(v4("10.0.0.0/8").into())])],
                Action::Deny,
            ),
        ],
        Disposition::Permit,
    );
    let compiled = Compiled::new(&chain);
    let mut scratch = Scratch::default();
    let with_med = base();
    let outcome = compiled.eval(None, &with_med, &Summary::of(&with_med), LOCAL_AS, &mut scratch);
    assert!(matches!(outcome, Outcome::Permit { by_prefix: false, .. }));
    let mut without = Vec::new();
    AttrBuilder::edit(&with_med).set_med(None).finish(&mut without);
    let outcome = compiled.eval(None, &without, &Summary::of(&without), LOCAL_AS, &mut scratch);
    assert_eq!(outcome, Outcome::NeedsPrefix);
}

#[test]
fn import_remembers_and_gives_back() {
    let chain = chain(
        vec![
            term(
                "ten",
                vec![Match::PrefixIn(vec![PrefixRange::or_longer(v4("10.0.0.0/8").into())])],
                Action::Permit(vec![Set::LocalPref(200)]),
            ),
            term("v6", vec![Match::Family(Family::IPV6_UNICAST)], Action::Permit(Vec::new())),
        ],
        Disposition::Deny,
    );
    let mut attrs = AttrTable::new();
    let received = attrs.intern(&base());
    let chain = Arc::new(chain);
    let mut policy = ImportPolicy::new(&chain, LOCAL_AS).unwrap();
    let ten = Subject::unicast(v4("10.1.0.0/16"));
    let eleven = Subject::unicast(v4("11.0.0.0/8"));
    let v6 = Subject::unicast("2001:db8::/32".parse::<V6Prefix>().unwrap());
    for _ in 0..2 {
        let ImportVerdict::Accept(edited) = policy.apply(&mut attrs, received, |_| ten) else {
            panic!("the first term permits");
        };
        assert_eq!(attrs.summary(edited).local_pref, Some(200));
        assert_eq!(policy.apply(&mut attrs, received, |_| eleven), ImportVerdict::Deny);
        assert_eq!(policy.apply(&mut attrs, received, |_| v6), ImportVerdict::Accept(received));
        // What is held tells how it was received, as long as that is remembered.
        let trace = policy.trace_accepted(&attrs, &ten, edited).unwrap();
        assert_eq!(trace.stages[0].term.as_deref(), Some("ten"));
        let trace = policy.trace_accepted(&attrs, &v6, received).unwrap();
        assert_eq!(trace.stages[0].term.as_deref(), Some("v6"));
        assert_eq!(policy.trace_accepted(&attrs, &eleven, edited), None);
    }
    let trace = policy.trace(&attrs, &eleven, received);
    assert!(!trace.permitted && trace.denied_by().is_none());
    assert_eq!(attrs.len(), 2);
    policy.clear(&mut attrs);
    assert_eq!((attrs.len(), attrs.references(received)), (1, 1));
}

#[test]
fn import_refuses_to_set_the_next_hop() {
    let chain = chain(
        vec![term("nh", vec![], Action::Permit(vec![Set::NextHop(NextHopSet::Own)]))],
        Disposition::Deny,
    );
    let refused = ImportPolicy::new(&Arc::new(chain), LOCAL_AS).unwrap_err();
    assert_eq!(refused, PolicyError::NextHopOnImport("nh".into()));
}

#[test]
fn equal_content_is_an_equal_chain() {
    let make = || chain(vec![term("a", vec![Match::Med(1)], Action::Deny)], Disposition::Permit);
    assert_eq!(make(), make());
    let other = chain(vec![term("a", vec![Match::Med(2)], Action::Deny)], Disposition::Permit);
    assert_ne!(make(), other);
    assert_eq!(Chain::new([Policy::PERMIT_ALL]), Chain::permit_all());
}

proptest! {
    /// The index finds exactly what a look at every range finds.
    #[test]
    fn prefix_index_equals_linear_search(
        ranges in prop::collection::vec((0u32..64, 0u8..=32, 0u8..=32, 0u8..=32), 0..20),
        probes in prop::collection::vec((0u32..64, 0u8..=32), 1..20),
    ) {
        let prefix = |addr: u32, len| V4Prefix::from_bits(addr << 26 | addr, len).unwrap();
        let ranges: Vec<_> = ranges
            .into_iter()
            .filter_map(|(addr, len, a, b)| {
                PrefixRange::new(prefix(addr, len).into(), a.min(b).max(len), a.max(b).max(len))
            })
            .collect();
        let terms = ranges
            .iter()
            .map(|range| term("r", vec![Match::PrefixIn(vec![*range])], Action::Deny))
            .collect();
        let mut compiled = Compiled::new(&chain(terms, Disposition::Permit));
        for (addr, len) in probes {
            let probe = prefix(addr, len);
            let class = compiled.class(&Subject::unicast(probe));
            let found: Vec<bool> = (0..ranges.len())
                .map(|at| prefix_index::has_bit(compiled.class_bits(class), at as u32))
                .collect();
            let naive: Vec<bool> = ranges
                .iter()
                .map(|range| {
                    let Prefix::V4(covering) = range.prefix() else { unreachable!() };
                    covering.covers(&probe) && (range.ge()..=range.le()).contains(&probe.len())
                })
                .collect();
            prop_assert_eq!(found, naive);
        }
    }
}
