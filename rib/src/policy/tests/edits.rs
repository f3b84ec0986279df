//! What an edit concerns.

use super::*;

fn by_prefix(name: &str, text: &str, action: Action) -> Term {
    let prefix: Prefix = match text.parse::<V4Prefix>() {
        Ok(prefix) => prefix.into(),
        Err(_) => text.parse::<V6Prefix>().unwrap().into(),
    };
    term(name, vec![Match::PrefixIn(vec![PrefixRange::or_longer(prefix)])], action)
}

/// Whether an edit concerns IPv4 unicast, IPv6 unicast and EVPN.
fn concerns(old: Vec<Term>, new: Vec<Term>) -> [bool; 3] {
    let edit = Edit::between(&chain(old, Disposition::Deny), &chain(new, Disposition::Deny));
    let families = [Family::IPV4_UNICAST, Family::IPV6_UNICAST, Family::EVPN];
    assert!(!edit.is_empty() || !families.iter().any(|family| edit.concerns(*family)));
    families.map(|family| edit.concerns(family))
}

#[test]
fn only_families_that_changed_terms_can_match() {
    let permit = || Action::Permit(Vec::new());
    let any = || term("any", Vec::new(), permit());
    let four = || by_prefix("four", "10.0.0.0/8", permit());
    let six = || by_prefix("six", "2001:db8::/32", permit());
    assert_eq!(concerns(vec![four(), any()], vec![four(), any()]), [false; 3]);
    // Only a name.
    let renamed = Term { name: "other".into(), ..four() };
    assert_eq!(concerns(vec![four(), any()], vec![renamed, any()]), [false; 3]);
    // EVPN type 5 routes have IPv4 prefixes too.
    assert_eq!(concerns(vec![any()], vec![four(), any()]), [true, false, true]);
    assert_eq!(concerns(vec![six(), any()], vec![any()]), [false, true, true]);
    let changed = by_prefix("four", "10.0.0.0/8", Action::Deny);
    assert_eq!(concerns(vec![six(), four()], vec![six(), changed]), [true, false, true]);
    // Two terms in another order.
    assert_eq!(concerns(vec![six(), four(), any()], vec![four(), six(), any()]), [true; 3]);
    let unicast = |mut term: Term| {
        term.matches.push(Match::Family(Family::IPV4_UNICAST));
        term
    };
    assert_eq!(concerns(vec![any()], vec![unicast(any()), any()]), [true, false, false]);
    assert_eq!(concerns(vec![any()], vec![unicast(six()), any()]), [false; 3]);
    let vni = term("vni", vec![Match::EvpnVni(5)], Action::Deny);
    assert_eq!(concerns(vec![any()], vec![vni, any()]), [false, false, true]);
    let long = term("long", vec![pattern("1 2 3")], Action::Deny);
    assert_eq!(concerns(vec![any()], vec![any(), long]), [true; 3]);
}

#[test]
fn another_default_or_number_of_stages_concerns_everything() {
    let one = || Policy { terms: Vec::new(), default: Disposition::Deny };
    let deny = Chain::new([one()]);
    for other in [Chain::permit_all(), Chain::new([one(), one()])] {
        assert!(Edit::between(&deny, &other).concerns(Family::IPV4_UNICAST));
        assert!(Edit::between(&other, &deny).concerns(Family::EVPN));
    }
    assert!(Edit::between(&deny, &deny).is_empty());
}

#[test]
fn a_chain_knows_whether_it_changes_routes() {
    let with = |action| chain(vec![term("t", Vec::new(), action)], Disposition::Permit);
    assert!(!with(Action::Deny).changes_routes());
    assert!(!with(Action::Permit(Vec::new())).changes_routes());
    assert!(with(Action::Permit(vec![Set::Med(None)])).changes_routes());
}
