//! A policy applied to something we originate ourselves.
//!
//! **For**: a policy attached to an announcement filters and edits it before any session sees it.
//! **Sits**: called while intent is made, so no provider needs to know. **How it works**: the
//! plain reading of [`Policy`]: first matching term decides. Routes from the wire never come here;
//! the table has its own compiled evaluation. **References**: RFC 4271 section 9.1.

use crate::{
    Action, Asn, Attributes, Disposition, ExtCommunity, Match, Origination, Policy, PolicyChain,
    Set,
};

impl PolicyChain {
    /// The origination as all stages leave it; `None` when one of them denies it.
    pub fn originate(&self, origination: Origination, local_as: Asn) -> Option<Origination> {
        self.stages().iter().try_fold(origination, |o, policy| policy.originate(o, local_as))
    }
}

impl Policy {
    /// The origination as this policy leaves it; `None` when it denies it. Prepending without an
    /// AS uses `local_as`.
    pub fn originate(&self, mut origination: Origination, local_as: Asn) -> Option<Origination> {
        let term = self.terms.iter().find(|t| t.matches.iter().all(|m| m.holds(&origination)));
        match term.map(|t| &t.action) {
            Some(Action::Permit(sets)) => {
                for set in sets {
                    set.apply(&mut origination.attributes, local_as);
                }
                Some(origination)
            }
            Some(Action::Deny) => None,
            None => (self.default == Disposition::Permit).then_some(origination),
        }
    }
}

impl Match {
    fn holds(&self, origination: &Origination) -> bool {
        let attributes = &origination.attributes;
        match self {
            Self::Family(family) => *family == origination.family(),
            Self::PrefixIn(ranges) => ranges.iter().any(|r| r.contains(&origination.prefix)),
            Self::AsPath(pattern) => {
                let path: Vec<String> = attributes.as_path.iter().map(Asn::to_string).collect();
                pattern.is_match(&path.join(" "))
            }
            Self::AnyCommunity(any) => any.iter().any(|c| attributes.communities.contains(c)),
            Self::AnyLargeCommunity(any) => {
                any.iter().any(|c| attributes.large_communities.contains(c))
            }
            Self::AnyExtCommunity(any) => {
                any.iter().any(|c| attributes.ext_communities.contains(c))
            }
            Self::LocalPref(value) => attributes.local_pref == Some(*value),
            Self::Med(value) => attributes.med == Some(*value),
            Self::StickyMac => attributes.ext_communities.iter().any(ExtCommunity::is_sticky_mac),
            // An origination is no EVPN route and was received from nobody.
            Self::NextHopIn(_) | Self::EvpnType(_) | Self::EvpnVni(_) | Self::EvpnMac(_) => false,
        }
    }
}

impl Set {
    fn apply(&self, to: &mut Attributes, local_as: Asn) {
        match self {
            Self::LocalPref(value) => to.local_pref = Some(*value),
            Self::Med(value) => to.med = Some(*value),
            Self::Origin(origin) => to.origin = *origin,
            Self::CommunitiesAdd(list) => to.communities.extend(list),
            Self::CommunitiesRemove(list) => to.communities.retain(|c| !list.contains(c)),
            Self::CommunitiesReplace(list) => to.communities = list.iter().copied().collect(),
            Self::LargeCommunitiesAdd(list) => to.large_communities.extend(list),
            Self::LargeCommunitiesRemove(list) => {
                to.large_communities.retain(|c| !list.contains(c));
            }
            Self::LargeCommunitiesReplace(list) => {
                to.large_communities = list.iter().copied().collect();
            }
            Self::ExtCommunitiesAdd(list) => to.ext_communities.extend(list),
            Self::ExtCommunitiesRemove(list) => to.ext_communities.retain(|c| !list.contains(c)),
            Self::Color(color) => {
                to.ext_communities.retain(|c| !c.is_color());
                to.ext_communities.insert(ExtCommunity::color(*color));
            }
            Self::AsPathReplace(path) => to.as_path.clone_from(path),
            Self::Prepend { asn, count } => {
                let asn = asn.unwrap_or(local_as);
                to.as_path.splice(..0, std::iter::repeat_n(asn, usize::from(*count)));
            }
            Self::NextHop(next_hop) => to.next_hop = Some(*next_hop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Family, ObjectRef, PeerScope, PrefixRange, Term};

    fn origination(prefix: &str) -> Origination {
        Origination {
            prefix: prefix.parse().unwrap(),
            attributes: Attributes::default(),
            peers: PeerScope::All,
            source: ObjectRef::namespaced("BGPAdvertisement", "default", "a"),
        }
    }

    fn policy() -> Policy {
        Policy {
            name: "p".into(),
            terms: vec![
                Term {
                    name: "10".into(),
                    matches: vec![Match::PrefixIn(vec![PrefixRange::or_longer(
                        "10.0.0.0/8".parse().unwrap(),
                    )])],
                    action: Action::Permit(vec![
                        Set::CommunitiesAdd(vec!["65000:1".parse().unwrap()]),
                        Set::Prepend { asn: None, count: 2 },
                    ]),
                },
                Term {
                    name: "20".into(),
                    matches: vec![Match::Family(Family::Ipv6Unicast)],
                    action: Action::Deny,
                },
            ],
            default: Disposition::Permit,
        }
    }

    #[test]
    fn first_match_decides_and_edits() {
        let asn = Asn::new(65000).unwrap();
        let out = policy().originate(origination("10.1.0.0/16"), asn).unwrap();
        assert_eq!(out.attributes.as_path, [asn, asn]);
        assert_eq!(out.attributes.communities.len(), 1);
        assert_eq!(policy().originate(origination("2001:db8::/32"), asn), None);
        let untouched = origination("192.0.2.0/24");
        assert_eq!(policy().originate(untouched.clone(), asn), Some(untouched));
    }

    #[test]
    fn every_kind_of_condition_and_change_is_read() {
        use crate::{AsPathExtent, AsPathPattern};
        let asn = Asn::new(65000).unwrap();
        let first = vec![
            Set::AsPathReplace(vec![Asn::new(7).unwrap()]),
            Set::LargeCommunitiesReplace(vec!["1:2:3".parse().unwrap()]),
            Set::Color(5),
            Set::Color(6),
            Set::ExtCommunitiesAdd(vec!["0600010000000000".parse().unwrap()]),
        ];
        let permit = |name: &str, matches, sets| Policy {
            name: name.into(),
            terms: vec![Term { name: "t".into(), matches, action: Action::Permit(sets) }],
            default: Disposition::Deny,
        };
        let pattern = |text| Match::AsPath(AsPathPattern::new(text, AsPathExtent::Full).unwrap());
        let passes = |condition: Match| {
            let chain = vec![
                permit("empty", vec![pattern("")], first.clone()),
                permit("second", vec![condition], Vec::new()),
            ];
            PolicyChain(chain).originate(origination("10.0.0.0/8"), asn)
        };
        let out = passes(pattern("7")).unwrap().attributes;
        assert_eq!(out.large_communities.len(), 1);
        let colors = out.ext_communities.iter().filter(|c| c.is_color());
        assert_eq!(colors.collect::<Vec<_>>(), [&ExtCommunity::color(6)]);
        assert!(passes(pattern("8")).is_none());
        assert!(passes(Match::StickyMac).is_some());
        for never in [Match::EvpnVni(0), Match::NextHopIn(vec!["0.0.0.0/0".parse().unwrap()])] {
            assert!(passes(never).is_none(), "an origination has neither");
        }
    }

    #[test]
    fn a_chain_stops_at_the_first_denial() {
        let asn = Asn::new(65000).unwrap();
        let chain = PolicyChain(vec![policy(), Policy::deny_all("none")]);
        assert_eq!(chain.originate(origination("10.1.0.0/16"), asn), None);
        assert!(PolicyChain::default().originate(origination("10.1.0.0/16"), asn).is_some());
    }
}
