//! The decision process of RFC 4271 section 9.1, written to be read.
//!
//! Elimination, step by step, exactly as the RFC words it: start with all candidates, at each step
//! throw out those that are worse than the best of the rest. No packed keys, no shortcuts. Slow, and
//! independent of the order of the candidates: the reference with which a fast one is compared.

use std::net::{IpAddr, Ipv4Addr};

use crate::frame::Attributes;

/// LOCAL_PREF of a route that has none.
const DEFAULT_LOCAL_PREF: u32 = 100;

/// A route to some prefix, with what the decision process must know of its sender.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// Its attributes.
    pub attributes: &'a Attributes,
    /// Learned over eBGP.
    pub ebgp: bool,
    /// BGP Identifier of the sender, or ORIGINATOR_ID.
    pub router_id: Ipv4Addr,
    /// Address of the sender.
    pub peer_address: IpAddr,
    /// Interior cost to the next hop.
    pub igp_metric: u32,
    /// Length of CLUSTER_LIST (RFC 4456 section 9).
    pub cluster_list_len: usize,
}

/// Options that change the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Compare MULTI_EXIT_DISC between different neighbouring AS too.
    pub always_compare_med: bool,
    /// Paths of equal length but different content may share load.
    pub multipath_relax: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { always_compare_med: false, multipath_relax: true }
    }
}

/// What was decided: indices into the candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The best route.
    pub best: usize,
    /// All routes that may share the load, the best among them, ascending.
    pub multipath: Vec<usize>,
}

/// Decides. `None` without candidates.
#[must_use]
pub fn decide(candidates: &[Candidate<'_>], options: Options) -> Option<Decision> {
    let mut rest: Vec<usize> = (0..candidates.len()).collect();
    let c = |i: &usize| &candidates[*i];

    // 9.1.1: the highest degree of preference.
    let local_pref = |i: &usize| match c(i) {
        c if c.ebgp => DEFAULT_LOCAL_PREF,
        c => c.attributes.local_pref.unwrap_or(DEFAULT_LOCAL_PREF),
    };
    let highest = rest.iter().map(local_pref).max()?;
    rest.retain(|i| local_pref(i) == highest);

    // 9.1.2.2 a) the fewest AS numbers.
    keep_lowest(&mut rest, |i| c(i).attributes.as_path_len());
    // b) the lowest ORIGIN.
    keep_lowest(&mut rest, |i| c(i).attributes.origin);
    // c) the lowest MULTI_EXIT_DISC among those from the same neighbouring AS.
    let med = |i: &usize| c(i).attributes.med.unwrap_or(0);
    let comparable = |a: &usize, b: &usize| {
        options.always_compare_med || c(a).attributes.neighbor_as() == c(b).attributes.neighbor_as()
    };
    let before = rest.clone();
    rest.retain(|i| !before.iter().any(|other| comparable(i, other) && med(other) < med(i)));
    // d) eBGP before iBGP.
    keep_lowest(&mut rest, |i| !c(i).ebgp);
    // e) the lowest interior cost.
    keep_lowest(&mut rest, |i| c(i).igp_metric);
    let equal = rest.clone();
    // f) the lowest BGP Identifier; RFC 4456: then the shortest CLUSTER_LIST.
    keep_lowest(&mut rest, |i| c(i).router_id);
    keep_lowest(&mut rest, |i| c(i).cluster_list_len);
    // g) the lowest peer address.
    keep_lowest(&mut rest, |i| c(i).peer_address);

    let best = *rest.first()?;
    let path = &c(&best).attributes.as_path;
    let multipath = equal
        .into_iter()
        .filter(|i| options.multipath_relax || &c(i).attributes.as_path == path)
        .collect();
    Some(Decision { best, multipath })
}

fn keep_lowest<T: Ord>(rest: &mut Vec<usize>, key: impl Fn(&usize) -> T) {
    if let Some(lowest) = rest.iter().map(&key).min() {
        rest.retain(|i| key(i) == lowest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(path: &[u32]) -> Attributes {
        Attributes::new(path, IpAddr::from([192, 0, 2, 1]))
    }

    fn candidate(attributes: &Attributes, n: u8) -> Candidate<'_> {
        Candidate {
            attributes,
            ebgp: true,
            router_id: Ipv4Addr::new(10, 0, 0, n),
            peer_address: IpAddr::from([192, 0, 2, n]),
            igp_metric: 0,
            cluster_list_len: 0,
        }
    }

    fn best(candidates: &[Candidate<'_>]) -> usize {
        decide(candidates, Options::default()).unwrap().best
    }

    #[test]
    fn nothing_in_nothing_out() {
        assert_eq!(decide(&[], Options::default()), None);
    }

    #[test]
    fn each_step_decides_when_those_before_are_equal() {
        let long = attributes(&[1, 2]);
        let short = attributes(&[3]);
        assert_eq!(best(&[candidate(&long, 1), candidate(&short, 2)]), 1);
        let preferred = Attributes { local_pref: Some(200), ..attributes(&[1, 2, 3]) };
        let ibgp = Candidate { ebgp: false, ..candidate(&preferred, 9) };
        assert_eq!(best(&[candidate(&short, 1), ibgp]), 1);
        let worse = Attributes { origin: crate::route::Origin::Incomplete, ..attributes(&[1]) };
        assert_eq!(best(&[candidate(&worse, 1), candidate(&short, 2)]), 1);
        let ibgp = Candidate { ebgp: false, ..candidate(&short, 1) };
        assert_eq!(best(&[ibgp, candidate(&short, 2)]), 1);
        let far = Candidate { igp_metric: 10, ..candidate(&short, 1) };
        assert_eq!(best(&[far, candidate(&short, 2)]), 1);
        assert_eq!(best(&[candidate(&short, 2), candidate(&short, 1)]), 1);
    }

    #[test]
    fn med_counts_within_one_neighbouring_as_only() {
        let high = Attributes { med: Some(20), ..attributes(&[1, 9]) };
        let low = Attributes { med: Some(10), ..attributes(&[1, 8]) };
        let other = Attributes { med: Some(5), ..attributes(&[2, 9]) };
        assert_eq!(best(&[candidate(&high, 1), candidate(&low, 2)]), 1);
        assert_eq!(best(&[candidate(&high, 1), candidate(&other, 2)]), 0);
        let always = Options { always_compare_med: true, ..Options::default() };
        let decided = decide(&[candidate(&high, 1), candidate(&other, 2)], always);
        assert_eq!(decided.unwrap().best, 1);
        // The loser within its AS is gone, although it would beat the third at the next steps.
        assert_eq!(best(&[candidate(&high, 1), candidate(&low, 3), candidate(&other, 2)]), 2);
    }

    #[test]
    fn multipath_is_what_is_equal_up_to_the_interior_cost() {
        let (one, two) = (attributes(&[1, 9]), attributes(&[2, 9]));
        let both = [candidate(&one, 1), candidate(&two, 2)];
        assert_eq!(decide(&both, Options::default()).unwrap().multipath, [0, 1]);
        let strict = Options { multipath_relax: false, ..Options::default() };
        assert_eq!(decide(&both, strict).unwrap().multipath, [0]);
    }
}
