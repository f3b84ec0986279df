//! The plain reading of a chain, term by term on fields, and random chains and routes against it.

use bgp_wire::{MacAddr, attr::SegmentType};

use super::*;

/// A route in fields.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Route {
    subject: Subject,
    origin: u8,
    /// Sequences, sets where the flag is true.
    path: Vec<(bool, Vec<u32>)>,
    local_pref: Option<u32>,
    med: Option<u32>,
    standard: Vec<Community>,
    large: Vec<LargeCommunity>,
    ext: Vec<ExtCommunity>,
}

impl Route {
    fn canonical(&self) -> Vec<u8> {
        let mut path = Vec::new();
        for (set, asns) in &self.path {
            let kind = if *set { SegmentType::SET } else { SegmentType::SEQUENCE };
            path.extend([kind.0, asns.len() as u8]);
            asns.iter().for_each(|asn| path.extend(asn.to_be_bytes()));
        }
        let mut out = Vec::new();
        let mut builder = AttrBuilder::new();
        builder.set_origin(self.origin).set(AttrType::AS_PATH, 0x40, &path);
        builder.set_local_pref(self.local_pref).set_med(self.med);
        builder.set_communities(&self.standard).set_large_communities(&self.large);
        builder.set_ext_communities(&self.ext).finish(&mut out);
        out
    }

    fn asns(&self) -> Vec<u32> {
        self.path.iter().flat_map(|(_, asns)| asns.clone()).collect()
    }
}

/// A route as it goes out, and the next hop it is given.
type Sent = (Route, Option<NextHopSet>);

/// Whether a route is meant by a pattern.
type Meant = fn(&Route) -> bool;

/// Patterns, each with what it says in code.
const PATTERNS: [(&str, Meant); 6] = [
    ("^$", |r| r.path.is_empty()),
    (r"\b3\b", |r| r.asns().contains(&3)),
    (r"^1\b", |r| r.path.first().is_some_and(|(set, asns)| !set && asns[0] == 1)),
    (r"\b2$", |r| r.path.last().is_some_and(|(set, asns)| !set && asns.last() == Some(&2))),
    (r"\{", |r| r.path.iter().any(|(set, _)| *set)),
    (r"^\d+( \d+)?$", |r| r.path.iter().all(|(set, _)| !set) && (1..=2).contains(&r.asns().len())),
];

fn covers(range: &PrefixRange, prefix: Prefix) -> bool {
    let inside = match (range.prefix(), prefix) {
        (Prefix::V4(wide), Prefix::V4(p)) => wide.covers(&p),
        (Prefix::V6(wide), Prefix::V6(p)) => wide.covers(&p),
        _ => false,
    };
    inside && (range.ge()..=range.le()).contains(&prefix.len())
}

fn holds(condition: &Match, r: &Route) -> bool {
    let evpn = |test: &dyn Fn(&EvpnFields) -> bool| r.subject.evpn.as_ref().is_some_and(test);
    match condition {
        Match::Any => true,
        Match::Family(family) => *family == r.subject.family,
        Match::PrefixIn(ranges) => {
            r.subject.prefix.is_some_and(|p| ranges.iter().any(|range| covers(range, p)))
        }
        Match::AsPath(pattern) => {
            let known = PATTERNS.iter().find(|(text, _)| *text == pattern.expression());
            known.unwrap().1(r)
        }
        Match::NextHopIn(prefixes) => r.subject.next_hop.is_some_and(|hop| {
            let host: Prefix =
                format!("{hop}/{}", if hop.is_ipv4() { 32 } else { 128 }).parse().unwrap();
            prefixes.iter().any(|prefix| covers(&PrefixRange::or_longer(*prefix), host))
        }),
        Match::AnyCommunity(list) => list.iter().any(|c| r.standard.contains(c)),
        Match::AnyLargeCommunity(list) => list.iter().any(|c| r.large.contains(c)),
        Match::AnyExtCommunity(list) => list.iter().any(|c| r.ext.contains(c)),
        Match::LocalPref(value) => r.local_pref == Some(*value),
        Match::Med(value) => r.med == Some(*value),
        Match::EvpnType(list) => evpn(&|fields| list.contains(&fields.kind)),
        Match::EvpnVni(vni) => evpn(&|fields| fields.vnis.contains(&Some(*vni))),
        Match::EvpnMac(mac) => evpn(&|fields| fields.mac == Some(*mac)),
        Match::StickyMac => r.ext.iter().any(|c| c.0[..2] == [6, 0] && c.0[2] & 1 == 1),
    }
}

fn union<T: Clone + PartialEq>(to: &mut Vec<T>, list: &[T]) {
    for item in list {
        if !to.contains(item) {
            to.push(item.clone());
        }
    }
}

fn change(set: &Set, r: &mut Route, next_hop: &mut Option<NextHopSet>) {
    match set {
        Set::LocalPref(value) => r.local_pref = Some(*value),
        Set::Med(value) => r.med = *value,
        Set::Origin(origin) => r.origin = *origin as u8,
        Set::CommunitiesAdd(list) => union(&mut r.standard, list),
        Set::CommunitiesRemove(list) => r.standard.retain(|c| !list.contains(c)),
        Set::CommunitiesReplace(list) => {
            r.standard.clear();
            union(&mut r.standard, list);
        }
        Set::LargeCommunitiesAdd(list) => union(&mut r.large, list),
        Set::LargeCommunitiesRemove(list) => r.large.retain(|c| !list.contains(c)),
        Set::LargeCommunitiesReplace(list) => {
            r.large.clear();
            union(&mut r.large, list);
        }
        Set::ExtCommunitiesAdd(list) => union(&mut r.ext, list),
        Set::ExtCommunitiesRemove(list) => r.ext.retain(|c| !list.contains(c)),
        Set::Color(color) => {
            r.ext.retain(|c| c.0[..2] != [3, 0x0b]);
            let [a, b, c, d] = color.to_be_bytes();
            r.ext.push(ExtCommunity([3, 0x0b, 0, 0, a, b, c, d]));
        }
        Set::Prepend { asn, count } => {
            for _ in 0..*count {
                let asn = asn.unwrap_or(LOCAL_AS).0;
                match r.path.first_mut() {
                    Some((false, asns)) => asns.insert(0, asn),
                    _ => r.path.insert(0, (false, vec![asn])),
                }
            }
        }
        Set::AsPathReplace(path) => {
            r.path.clear();
            if !path.is_empty() {
                r.path.push((false, path.iter().map(|asn| asn.0).collect()));
            }
        }
        Set::NextHop(to) => *next_hop = Some(*to),
    }
}

/// Which terms decide, and the route as it comes out with the next hop that was chosen.
fn naive(chain: &Chain, route: &Route) -> (Vec<Option<String>>, Option<Sent>) {
    let (mut route, mut next_hop, mut deciders) = (route.clone(), None, Vec::new());
    for stage in chain.stages() {
        let term = stage.terms.iter().find(|t| t.matches.iter().all(|m| holds(m, &route)));
        deciders.push(term.map(|term| term.name.clone()));
        match term.map(|term| &term.action) {
            Some(Action::Deny) => return (deciders, None),
            Some(Action::Permit(sets)) => {
                sets.iter().for_each(|set| change(set, &mut route, &mut next_hop));
            }
            None if stage.default == Disposition::Deny => return (deciders, None),
            None => {}
        }
    }
    (deciders, Some((route, next_hop)))
}

fn list<T: Clone + std::fmt::Debug + 'static>(
    of: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Vec<T>> {
    prop::collection::vec(of, 0..3).boxed()
}

fn prefix() -> BoxedStrategy<Prefix> {
    let four = (0u32..8, 0u8..=4)
        .prop_map(|(n, len)| V4Prefix::from_bits(n << 29, len * 8).unwrap().into());
    let six = (0u128..4, 0u8..=3)
        .prop_map(|(n, len)| V6Prefix::from_bits(n << 126, len * 2).unwrap().into());
    prop_oneof![3 => four, 1 => six].boxed()
}

fn range() -> BoxedStrategy<PrefixRange> {
    let range = (prefix(), 0u8..20, 0u8..20).prop_map(|(prefix, a, b)| {
        let ge = prefix.len() + a;
        PrefixRange::new(prefix, ge, ge + b).unwrap_or_else(|| PrefixRange::or_longer(prefix))
    });
    range.boxed()
}

fn standard() -> impl Strategy<Value = Community> {
    (0u16..4).prop_map(|n| Community::new(65000, n))
}

fn large() -> impl Strategy<Value = LargeCommunity> {
    (0u32..3).prop_map(|n| LargeCommunity(1, 2, n))
}

fn ext() -> impl Strategy<Value = ExtCommunity> {
    prop_oneof![
        (0u32..3).prop_map(|n| ExtCommunity::route_target(65000, n)),
        (0u8..2).prop_map(|flags| ExtCommunity([6, 0, flags, 0, 0, 0, 0, 1])),
        (0u8..2).prop_map(|n| ExtCommunity([3, 0x0b, 0x40, 0, 0, 0, 0, n])),
    ]
}

fn kind() -> impl Strategy<Value = EvpnType> {
    prop::sample::select(vec![
        EvpnType::MacIp,
        EvpnType::InclusiveMulticast,
        EvpnType::IpPrefixV4,
        EvpnType::IpPrefixV6,
    ])
}

fn mac() -> impl Strategy<Value = MacAddr> {
    (0u8..2).prop_map(|n| MacAddr([n; 6]))
}

fn family() -> impl Strategy<Value = Family> {
    prop::sample::select(vec![
        Family::IPV4_UNICAST,
        Family::IPV6_UNICAST,
        Family::IPV4_VPN,
        Family::EVPN,
    ])
}

fn condition() -> BoxedStrategy<Match> {
    prop_oneof![
        1 => Just(Match::Any),
        2 => family().prop_map(Match::Family),
        4 => list(range()).prop_map(Match::PrefixIn),
        3 => (0..PATTERNS.len()).prop_map(|n| pattern(PATTERNS[n].0)),
        2 => list(prefix()).prop_map(Match::NextHopIn),
        2 => list(standard()).prop_map(Match::AnyCommunity),
        1 => list(large()).prop_map(Match::AnyLargeCommunity),
        1 => list(ext()).prop_map(Match::AnyExtCommunity),
        1 => (0u32..3).prop_map(Match::LocalPref),
        1 => (0u32..3).prop_map(Match::Med),
        1 => list(kind()).prop_map(Match::EvpnType),
        1 => (0u32..3).prop_map(Match::EvpnVni),
        1 => mac().prop_map(Match::EvpnMac),
        1 => Just(Match::StickyMac),
    ]
    .boxed()
}

fn set() -> BoxedStrategy<Set> {
    let asn = || (1u32..4).prop_map(Asn);
    prop_oneof![
        (0u32..3).prop_map(Set::LocalPref),
        prop::option::of(0u32..3).prop_map(Set::Med),
        Just(Set::Origin(Origin::Egp)),
        list(standard()).prop_map(Set::CommunitiesAdd),
        list(standard()).prop_map(Set::CommunitiesRemove),
        list(standard()).prop_map(Set::CommunitiesReplace),
        list(large()).prop_map(Set::LargeCommunitiesAdd),
        list(large()).prop_map(Set::LargeCommunitiesRemove),
        list(large()).prop_map(Set::LargeCommunitiesReplace),
        list(ext()).prop_map(Set::ExtCommunitiesAdd),
        list(ext()).prop_map(Set::ExtCommunitiesRemove),
        (0u32..3).prop_map(Set::Color),
        (prop::option::of(asn()), 0u8..3).prop_map(|(asn, count)| Set::Prepend { asn, count }),
        list(asn()).prop_map(Set::AsPathReplace),
    ]
    .boxed()
}

fn any_term() -> BoxedStrategy<Term> {
    let permit = prop::collection::vec(set(), 0..3).prop_map(Action::Permit);
    let action = prop_oneof![1 => Just(Action::Deny), 3 => permit];
    let name = (0u32..1000).prop_map(|n| n.to_string());
    let term = (name, prop::collection::vec(condition(), 0..3), action)
        .prop_map(|(name, matches, action)| Term { name, matches, action });
    term.boxed()
}

fn stages() -> BoxedStrategy<Vec<Policy>> {
    let default = prop_oneof![Just(Disposition::Permit), Just(Disposition::Deny)];
    let policy = (prop::collection::vec(any_term(), 0..5), default)
        .prop_map(|(terms, default)| Policy { terms, default });
    prop::collection::vec(policy, 0..4).boxed()
}

fn subject() -> BoxedStrategy<Subject> {
    let fields = (kind(), prop::option::of(0u32..3), prop::option::of(0u32..3), mac())
        .prop_map(|(kind, a, b, mac)| EvpnFields { kind, vnis: [a, b], mac: Some(mac) });
    let hop = prop::option::of(prefix().prop_map(|p| p.addr()));
    let subject = (prefix(), hop, 0u8..4, fields).prop_map(|(prefix, next_hop, which, fields)| {
        let (family, prefix, evpn) = match (which, prefix) {
            (0, _) => (Family::EVPN, None, Some(fields)),
            (1, Prefix::V4(_)) => (Family::IPV4_VPN, Some(prefix), None),
            (_, Prefix::V4(_)) => (Family::IPV4_UNICAST, Some(prefix), None),
            (_, Prefix::V6(_)) => (Family::IPV6_UNICAST, Some(prefix), None),
        };
        Subject { family, prefix, next_hop, evpn }
    });
    subject.boxed()
}

fn route() -> BoxedStrategy<Route> {
    let path = prop::collection::vec(
        (prop::bool::weighted(0.2), prop::collection::vec(1u32..5, 1..3)),
        0..3,
    );
    let unique = |list: Vec<ExtCommunity>| {
        let mut out = Vec::new();
        union(&mut out, &list);
        out
    };
    let numbers = (0u8..3, prop::option::of(0u32..3), prop::option::of(0u32..3));
    (subject(), path, numbers, list(standard()), list(large()), list(ext()))
        .prop_map(move |(subject, path, (origin, local_pref, med), standard, large, ext)| {
            let (mut s, mut l) = (Vec::new(), Vec::new());
            union(&mut s, &standard);
            union(&mut l, &large);
            let ext = unique(ext);
            Route { subject, origin, path, local_pref, med, standard: s, large: l, ext }
        })
        .boxed()
}

proptest! {
    /// Compiled, with classes and everything remembered, a chain says what its plain reading says:
    /// the result, the next hop and the terms.
    #[test]
    fn evaluation_equals_the_plain_reading(
        stages in stages(),
        routes in prop::collection::vec(route(), 1..20),
        next_hop in prop::option::of((0usize..4, 0usize..5)),
    ) {
        // On import nothing may set the next hop; on export any permitting term may.
        let plain = Arc::new(Chain::new(stages.clone()));
        let mut stages = stages;
        if let Some((stage, at)) = next_hop
            && let Some(term) = stages.get_mut(stage).and_then(|stage| stage.terms.get_mut(at))
            && let Action::Permit(sets) = &mut term.action
        {
            sets.push(Set::NextHop(NextHopSet::Own));
        }
        let chain = Chain::new(stages);
        let mut attrs = AttrTable::new();
        let mut import = ImportPolicy::new(&plain, LOCAL_AS).unwrap();
        let mut compiled = Compiled::new(&chain);
        let mut scratch = Scratch::default();
        for route in routes.iter().chain(&routes) {
            let canonical = route.canonical();
            let summary = Summary::of(&canonical);

            let (deciders, wanted) = naive(&plain, route);
            let received = attrs.intern(&canonical);
            let verdict = import.apply(&mut attrs, received, |_| route.subject);
            let got = match verdict {
                ImportVerdict::Accept(id) => Some(attrs.bytes(id).to_vec()),
                ImportVerdict::Deny => None,
            };
            prop_assert_eq!(&got, &wanted.as_ref().map(|(route, _)| route.canonical()));
            let trace = import.trace(&attrs, &route.subject, received);
            let terms: Vec<_> = trace.stages.into_iter().map(|stage| stage.term).collect();
            prop_assert_eq!(terms, deciders);
            if let ImportVerdict::Accept(id) = verdict
                && !import.is_permit_all()
                && let Some(trace) = import.trace_accepted(&attrs, &route.subject, id)
            {
                prop_assert!(trace.permitted);
            }
            attrs.release(received);

            let (_, wanted) = naive(&chain, route);
            let first = compiled.eval(None, &canonical, &summary, LOCAL_AS, &mut scratch);
            let outcome = if first == Outcome::NeedsPrefix {
                let class = compiled.class(&route.subject);
                compiled.eval(Some(class), &canonical, &summary, LOCAL_AS, &mut scratch)
            } else {
                first
            };
            match (outcome, wanted) {
                (Outcome::Deny { .. }, None) => {}
                (Outcome::Permit { edited, next_hop, .. }, Some((route, chosen))) => {
                    let bytes = if edited { &scratch.canonical } else { &canonical };
                    prop_assert_eq!(bytes, &route.canonical());
                    prop_assert_eq!(next_hop, chosen);
                }
                (outcome, wanted) => prop_assert!(false, "{:?} but {:?}", outcome, wanted),
            }
        }
        import.clear(&mut attrs);
        prop_assert!(attrs.is_empty());
    }

    /// A family that an edit does not concern is treated as before.
    #[test]
    fn what_an_edit_does_not_concern_stays_as_it_was(
        stages in stages(),
        at in (0usize..4, 0usize..5),
        edited in prop::option::of(any_term()),
        routes in prop::collection::vec(route(), 1..10),
    ) {
        let mut other = stages.clone();
        if let Some(stage) = other.get_mut(at.0) {
            if at.1 < stage.terms.len() {
                stage.terms.remove(at.1);
            }
            let at = at.1.min(stage.terms.len());
            stage.terms.splice(at..at, edited);
        }
        let (old, new) = (Chain::new(stages), Chain::new(other));
        let edit = Edit::between(&old, &new);
        for route in &routes {
            if !edit.concerns(route.subject.family) {
                prop_assert_eq!(naive(&old, route).1, naive(&new, route).1);
            }
        }
    }
}
