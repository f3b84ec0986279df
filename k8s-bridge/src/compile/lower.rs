//! One policy object in the neutral form.
//!
//! **For**: [`super::policies`]. **Sits**: pure functions below it. **How it works**: a condition that
//! offers a choice no single match can express becomes several terms of one name. Conditions only
//! EVPN routes meet never hold here, so their terms are left out and told. What cannot be
//! expressed and would let more pass if left out refuses the policy.
//! **References**: RFC 4271 section 5.1, RFC 1997, RFC 4360, RFC 8092.

use std::net::IpAddr;

use intent::{
    Action, Asn, Community, ExtCommunity, Family, LargeCommunity, Match, NextHopSet, ObjectRef,
    Origin, PrefixRange, Reason, Set, Term,
};
use ipnet::IpNet;

use super::verdict::Refusal;
use crate::crd::{
    BgpPolicySpec, Direction, PolicyTerm, RouteActions, RouteConditions, RouteDisposition,
    RouteOrigin, RouteStatement, SetCommunityMethod, TermAction, TermMatch, TermSet,
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
        let Some(alternatives) = term_matches(&field, &term.matches, &mut lowered)? else {
            continue;
        };
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

/// `None` when the term can never match a route carried here.
fn term_matches(
    field: &str,
    matches: &TermMatch,
    lowered: &mut Lowered,
) -> Result<Option<Alternatives>, Refusal> {
    if matches.as_path_filter.is_some() {
        let message = format!("{field}.match.asPathFilter cannot be evaluated yet: remove it");
        return Err((Reason::NotRealised, message));
    }
    let evpn = [
        (matches.evpn_route_type.as_ref().is_some_and(|t| !t.is_empty()), "evpnRouteType"),
        (matches.vni.is_some(), "vni"),
        (matches.mac_address.is_some(), "macAddress"),
    ];
    let evpn: Vec<_> = evpn.into_iter().filter(|(given, _)| *given).collect();
    if !evpn.is_empty() {
        let fields = evpn.into_iter().map(|(_, name)| format!("{field}.match.{name}"));
        lowered.not_realised.extend(fields);
        return Ok(None);
    }
    let mut all: Alternatives = vec![Vec::new()];
    if let Some(families) = matches.address_families.as_ref().filter(|f| !f.is_empty()) {
        let known: Vec<Family> = families.iter().filter_map(|f| f.family()).collect();
        if known.is_empty() {
            lowered.not_realised.push(format!("{field}.match.addressFamilies"));
            return Ok(None);
        }
        all = either(all, known.into_iter().map(Match::Family).collect());
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
    Ok(Some(all))
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
        if change.replace.as_ref().is_some_and(|r| !r.is_empty()) {
            lowered.not_realised.push(format!("{field}.set.asPath.replace"));
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
    if set.color.is_some() {
        lowered.not_realised.push(format!("{field}.set.color"));
    }
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
    if conditions.next_hop_set.is_some() {
        let message = format!("{field}.conditions.nextHopSet cannot be evaluated yet: remove it");
        return Err((Reason::NotRealised, message));
    }
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
                if !large.is_empty() {
                    let message = format!(
                        "{field}: large communities cannot be replaced: use Add and Remove"
                    );
                    return Err((Reason::NotRealised, message));
                }
                sets.push(Set::CommunitiesReplace(standard));
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
