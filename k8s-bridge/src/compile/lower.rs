//! One policy object in the neutral form.
//!
//! **For**: [`super::policies`]. **Sits**: pure functions below it. **How it works**: a condition that
//! offers a choice no single match can express becomes several terms of one name. What cannot be
//! expressed and would let more pass if left out refuses the policy.
//! **References**: RFC 4271 section 5.1, RFC 1997, RFC 4360, RFC 7432, RFC 8092, RFC 9012.

use std::net::IpAddr;

use intent::{
    Action, AsPathExtent, AsPathPattern, Asn, Community, EvpnType, ExtCommunity, Family,
    LargeCommunity, Mac, Match, NextHopSet, ObjectRef, Origin, PrefixRange, Reason, Set, Term,
};
use ipnet::IpNet;

use super::verdict::Refusal;
use crate::crd::{
    AsPathMatchType, BgpPolicySpec, Direction, EvpnRouteType, PolicyTerm, RouteActions,
    RouteConditions, RouteDisposition, RouteOrigin, RouteStatement, SetCommunityMethod, TermAction,
    TermMatch, TermSet,
};

/// A policy in the neutral form.
#[derive(Debug, Default)]
pub(super) struct Lowered {
    pub(super) terms: Vec<Term>,
    pub(super) not_realised: Vec<String>,
}

/// Alternatives, each a list of conditions that must all hold.
type Alternatives = Vec<Vec<Match>>;

pub(super) fn lower_policy(key: &ObjectRef, spec: &BgpPolicySpec) -> Result<Lowered, Refusal> {
    let mut lowered = Lowered::default();
    let mut terms: Vec<(usize, &PolicyTerm)> = spec.terms.iter().enumerate().collect();
    terms.sort_by_key(|(_, term)| term.sequence);
    for (i, term) in terms {
        let field = format!("spec.terms[{i}]");
        let namespace = key.namespace.as_deref().unwrap_or_default();
        let name = format!("{namespace}/{}:{}", key.name, term.sequence);
        let alternatives = term_matches(&field, &term.matches, &mut lowered)?;
        let action = match term.action {
            TermAction::Deny => Action::Deny,
            TermAction::Permit => {
                let set = term.set.clone().unwrap_or_default();
                Action::Permit(term_sets(&field, &set, spec.direction, &mut lowered)?)
            }
        };
        lowered.terms.extend(alternatives.into_iter().map(|matches| Term {
            name: name.clone(),
            matches,
            action: action.clone(),
        }));
    }
    Ok(lowered)
}

fn term_matches(
    field: &str,
    matches: &TermMatch,
    lowered: &mut Lowered,
) -> Result<Alternatives, Refusal> {
    let mut all: Alternatives = vec![Vec::new()];
    if let Some(families) = matches.address_families.as_ref().filter(|f| !f.is_empty()) {
        let mut families: Vec<Family> = families.iter().filter_map(|f| f.family()).collect();
        families.sort_unstable();
        families.dedup();
        if families.is_empty() {
            lowered.not_realised.push(format!("{field}.match.addressFamilies"));
        }
        // No family at all leaves no alternative: the term matches nothing.
        all = either(all, families.into_iter().map(Match::Family).collect());
    }
    all = evpn_matches(field, matches, all)?;
    if let Some(filter) = &matches.as_path_filter {
        let extent = match filter.match_type {
            Some(AsPathMatchType::Full) => AsPathExtent::Full,
            Some(AsPathMatchType::Contains) | None => AsPathExtent::Contains,
        };
        let pattern = AsPathPattern::new(&filter.pattern, extent).map_err(|error| {
            (Reason::InvalidSpec, format!("{field}.match.asPathFilter.pattern: {error}"))
        })?;
        all = either(all, vec![Match::AsPath(pattern)]);
    }
    if let Some(list) = matches.prefix_list.as_ref().filter(|l| !l.is_empty()) {
        let ranges = prefixes(&format!("{field}.match.prefixList"), list)?;
        let ranges = ranges.into_iter().map(PrefixRange::or_longer).collect();
        all = either(all, vec![Match::PrefixIn(ranges)]);
    }
    if let Some(prefix) = &matches.ip_prefix {
        let exact = prefixes(&format!("{field}.match.ipPrefix"), std::slice::from_ref(prefix))?;
        let exact = exact.into_iter().map(PrefixRange::exact).collect();
        all = either(all, vec![Match::PrefixIn(exact)]);
    }
    if let Some(list) = matches.community_match.as_ref().filter(|l| !l.is_empty()) {
        let (standard, large) = communities(&format!("{field}.match.communityMatch"), list)?;
        let mut any = Vec::new();
        if !standard.is_empty() {
            any.push(Match::AnyCommunity(standard));
        }
        if !large.is_empty() {
            any.push(Match::AnyLargeCommunity(large));
        }
        all = either(all, any);
    }
    let single = [matches.local_preference.map(Match::LocalPref), matches.med.map(Match::Med)];
    for condition in single.into_iter().flatten() {
        all = either(all, vec![condition]);
    }
    Ok(all)
}

/// Every alternative so far with the conditions that EVPN routes meet.
fn evpn_matches(
    field: &str,
    matches: &TermMatch,
    mut all: Alternatives,
) -> Result<Alternatives, Refusal> {
    if let Some(types) = matches.evpn_route_type.as_ref().filter(|t| !t.is_empty()) {
        all = evpn_types(all, types);
    }
    if let Some(vni) = matches.vni {
        all = either(all, vec![Match::EvpnVni(vni)]);
    }
    if let Some(text) = &matches.mac_address {
        let mac = text
            .parse::<Mac>()
            .map_err(|error| (Reason::InvalidSpec, format!("{field}.match.macAddress: {error}")))?;
        all = either(all, vec![Match::EvpnMac(mac)]);
    }
    Ok(all)
}

/// Every alternative so far with a route type; a station that does not move is of type 2 too.
fn evpn_types(all: Alternatives, types: &[EvpnRouteType]) -> Alternatives {
    let mut plain: Vec<EvpnType> = types
        .iter()
        .filter_map(|kind| match kind {
            EvpnRouteType::InclusiveMulticastEthernetTag => Some(EvpnType::InclusiveMulticast),
            EvpnRouteType::MacIpAdvertisement => Some(EvpnType::MacIp),
            EvpnRouteType::IpPrefixAdvertisement => Some(EvpnType::IpPrefixV4),
            EvpnRouteType::Ipv6PrefixAdvertisement => Some(EvpnType::IpPrefixV6),
            EvpnRouteType::StickyMacAddress => None,
        })
        .collect();
    plain.sort_unstable();
    plain.dedup();
    let mut out = Vec::new();
    if !plain.is_empty() {
        out.extend(either(all.clone(), vec![Match::EvpnType(plain)]));
    }
    if types.contains(&EvpnRouteType::StickyMacAddress) {
        let sticky = either(all, vec![Match::EvpnType(vec![EvpnType::MacIp])]);
        out.extend(either(sticky, vec![Match::StickyMac]));
    }
    out
}

/// Every alternative so far together with each of `conditions`.
fn either(all: Alternatives, conditions: Vec<Match>) -> Alternatives {
    let with = |alternative: &Vec<Match>, condition: &Match| {
        alternative.iter().chain([condition]).cloned().collect()
    };
    all.iter().flat_map(|a| conditions.iter().map(move |c| with(a, c))).collect()
}

fn term_sets(
    field: &str,
    set: &TermSet,
    direction: Direction,
    lowered: &mut Lowered,
) -> Result<Vec<Set>, Refusal> {
    let mut sets = Vec::new();
    sets.extend(set.local_preference.map(Set::LocalPref));
    sets.extend(set.metric.map(Set::Med));
    sets.extend(set.origin.map(|origin| Set::Origin(route_origin(origin))));
    if let Some(change) = &set.communities {
        let field = format!("{field}.set.communities");
        // What is to go must not take away what is to come.
        let (standard, large) = communities(&field, change.remove.as_deref().unwrap_or_default())?;
        push(&mut sets, standard, Set::CommunitiesRemove);
        push(&mut sets, large, Set::LargeCommunitiesRemove);
        let (standard, large) = communities(&field, change.add.as_deref().unwrap_or_default())?;
        push(&mut sets, standard, Set::CommunitiesAdd);
        push(&mut sets, large, Set::LargeCommunitiesAdd);
    }
    if let Some(change) = &set.ext_communities {
        let field = format!("{field}.set.extCommunities");
        let remove = ext_communities(&field, change.remove.as_deref().unwrap_or_default())?;
        push(&mut sets, remove, Set::ExtCommunitiesRemove);
        let add = ext_communities(&field, change.add.as_deref().unwrap_or_default())?;
        push(&mut sets, add, Set::ExtCommunitiesAdd);
    }
    if let Some(change) = &set.as_path {
        if let Some(count) = change.prepend {
            sets.push(Set::Prepend { asn: change.asn.and_then(Asn::new), count });
        } else if change.asn.is_some() {
            lowered.not_realised.push(format!("{field}.set.asPath.asn (without prepend)"));
        }
        if let Some(path) = change.replace.as_ref().filter(|path| !path.is_empty()) {
            let asns = path.iter().map(|asn| Asn::new(*asn));
            let asns = asns.collect::<Option<Vec<Asn>>>().ok_or_else(|| {
                let message = format!("{field}.set.asPath.replace: 0 is no AS number");
                (Reason::InvalidSpec, message)
            })?;
            sets.push(Set::AsPathReplace(asns));
        }
    }
    if let Some(change) = &set.next_hop {
        let address = change.address.as_deref().filter(|a| !a.is_empty());
        let field = format!("{field}.set.nextHop");
        let wanted = match address {
            _ if change.own == Some(true) => Some("self"),
            address => address,
        };
        if let Some(wanted) = wanted {
            next_hop(&field, wanted, direction, &mut sets, lowered)?;
        }
    }
    // After the extended communities, which it must survive.
    sets.extend(set.color.map(Set::Color));
    if set.srv6_endpoint_behavior.is_some() {
        lowered.not_realised.push(format!("{field}.set.srv6EndpointBehavior"));
    }
    Ok(sets)
}

pub(super) fn lower_statements(
    key: &ObjectRef,
    direction: Direction,
    statements: &[RouteStatement],
) -> Result<Lowered, Refusal> {
    let mut lowered = Lowered::default();
    for (i, statement) in statements.iter().enumerate() {
        let field = match direction {
            Direction::Import => format!("spec.importStatements[{i}]"),
            Direction::Export => format!("spec.exportStatements[{i}]"),
        };
        let none = RouteConditions::default();
        let conditions = statement.conditions.as_ref().unwrap_or(&none);
        let alternatives = statement_matches(&field, conditions)?;
        let action = match statement.actions.route_disposition {
            RouteDisposition::Reject => Action::Deny,
            RouteDisposition::Accept => {
                let sets = statement_sets(&field, &statement.actions, direction, &mut lowered)?;
                Action::Permit(sets)
            }
        };
        lowered.terms.extend(alternatives.into_iter().map(|matches| Term {
            name: format!("{}:{}", key.name, statement.name),
            matches,
            action: action.clone(),
        }));
    }
    Ok(lowered)
}

fn statement_matches(field: &str, conditions: &RouteConditions) -> Result<Alternatives, Refusal> {
    let mut all: Alternatives = vec![Vec::new()];
    if let Some(list) = conditions.prefix_sets.as_ref().filter(|l| !l.is_empty()) {
        let exact = prefixes(&format!("{field}.conditions.prefixSets"), list)?;
        let exact = exact.into_iter().map(PrefixRange::exact).collect();
        all = either(all, vec![Match::PrefixIn(exact)]);
    }
    if let Some(text) = &conditions.community_set {
        let list = std::slice::from_ref(text);
        let (standard, large) = communities(&format!("{field}.conditions.communitySet"), list)?;
        let condition = if standard.is_empty() {
            Match::AnyLargeCommunity(large)
        } else {
            Match::AnyCommunity(standard)
        };
        all = either(all, vec![condition]);
    }
    if let Some(text) = &conditions.next_hop_set {
        let prefix = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let prefix = prefix.map_err(|_| {
            let message = format!(
                "{field}.conditions.nextHopSet: {text:?} is neither an address nor a prefix such as 192.0.2.0/24"
            );
            (Reason::InvalidSpec, message)
        })?;
        all = either(all, vec![Match::NextHopIn(vec![prefix])]);
    }
    Ok(all)
}

fn statement_sets(
    field: &str,
    actions: &RouteActions,
    direction: Direction,
    lowered: &mut Lowered,
) -> Result<Vec<Set>, Refusal> {
    let mut sets = Vec::new();
    sets.extend(actions.set_local_preference.map(Set::LocalPref));
    sets.extend(actions.set_med.map(Set::Med));
    if let Some(change) = &actions.set_community {
        let field = format!("{field}.actions.setCommunity.communities");
        let (standard, large) = communities(&field, &change.communities)?;
        match change.method {
            SetCommunityMethod::Add => {
                push(&mut sets, standard, Set::CommunitiesAdd);
                push(&mut sets, large, Set::LargeCommunitiesAdd);
            }
            SetCommunityMethod::Remove => {
                push(&mut sets, standard, Set::CommunitiesRemove);
                push(&mut sets, large, Set::LargeCommunitiesRemove);
            }
            SetCommunityMethod::Replace => {
                // Each kind that is listed; nothing listed takes both away.
                let nothing = standard.is_empty() && large.is_empty();
                if nothing || !standard.is_empty() {
                    sets.push(Set::CommunitiesReplace(standard));
                }
                if nothing || !large.is_empty() {
                    sets.push(Set::LargeCommunitiesReplace(large));
                }
            }
        }
    }
    if let Some(wanted) = &actions.set_next_hop {
        next_hop(&format!("{field}.actions.setNextHop"), wanted, direction, &mut sets, lowered)?;
    }
    Ok(sets)
}

fn next_hop(
    field: &str,
    wanted: &str,
    direction: Direction,
    sets: &mut Vec<Set>,
    lowered: &mut Lowered,
) -> Result<(), Refusal> {
    let next_hop = match wanted {
        "self" => NextHopSet::Own,
        address => NextHopSet::Address(address.parse::<IpAddr>().map_err(|_| {
            (Reason::InvalidSpec, format!("{field}: {address} is neither an address nor self"))
        })?),
    };
    match direction {
        Direction::Export => sets.push(Set::NextHop(next_hop)),
        Direction::Import => lowered.not_realised.push(format!("{field} (on import)")),
    }
    Ok(())
}

fn push<T>(sets: &mut Vec<Set>, list: Vec<T>, set: impl Fn(Vec<T>) -> Set) {
    if !list.is_empty() {
        sets.push(set(list));
    }
}

pub(super) fn route_origin(origin: RouteOrigin) -> Origin {
    match origin {
        RouteOrigin::Igp => Origin::Igp,
        RouteOrigin::Egp => Origin::Egp,
        RouteOrigin::Incomplete => Origin::Incomplete,
    }
}

fn prefixes(field: &str, list: &[String]) -> Result<Vec<IpNet>, Refusal> {
    let parse = |(i, text): (usize, &String)| {
        text.parse::<IpNet>().map_err(|_| {
            let message = format!("{field}[{i}]: {text:?} is no prefix such as 10.0.0.0/24");
            (Reason::InvalidSpec, message)
        })
    };
    list.iter().enumerate().map(parse).collect()
}

/// Standard and large communities apart.
pub(super) fn communities(
    field: &str,
    list: &[String],
) -> Result<(Vec<Community>, Vec<LargeCommunity>), Refusal> {
    let (mut standard, mut large) = (Vec::new(), Vec::new());
    for (i, text) in list.iter().enumerate() {
        if let Ok(community) = text.parse::<LargeCommunity>() {
            large.push(community);
            continue;
        }
        let community = text.parse::<Community>();
        standard.push(community.map_err(|error| {
            (Reason::InvalidSpec, format!("{field}[{i}]: {error}, or a large one ASN:NN:NN"))
        })?);
    }
    Ok((standard, large))
}

/// A bare ASN:NN or IP:NN is a route target.
fn ext_communities(field: &str, list: &[String]) -> Result<Vec<ExtCommunity>, Refusal> {
    let parse = |(i, text): (usize, &String)| {
        let bare = || format!("rt:{text}").parse::<ExtCommunity>();
        text.parse::<ExtCommunity>()
            .or_else(|error| bare().map_err(|_| error))
            .map_err(|error| (Reason::InvalidSpec, format!("{field}[{i}]: {error}")))
    };
    list.iter().enumerate().map(parse).collect()
}
