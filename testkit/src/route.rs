//! One route as any daemon sees it, in one normal form, so that sets can be compared.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

/// Address families the harness drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// AFI 1, SAFI 1.
    Ipv4,
    /// AFI 2, SAFI 1.
    Ipv6,
}

impl Family {
    /// The family of an address or prefix of this kind.
    #[must_use]
    pub const fn of(address: &IpAddr) -> Self {
        if address.is_ipv4() { Self::Ipv4 } else { Self::Ipv6 }
    }

    /// `ipv4` or `ipv6`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}

/// ORIGIN (RFC 4271 section 5.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Origin {
    /// 0
    #[default]
    Igp,
    /// 1
    Egp,
    /// 2
    Incomplete,
}

impl Origin {
    /// From any daemon's word for it.
    ///
    /// # Errors
    /// When the word is not known.
    pub fn parse(word: &str) -> anyhow::Result<Self> {
        match word.to_ascii_lowercase().as_str() {
            "igp" | "i" => Ok(Self::Igp),
            "egp" | "e" => Ok(Self::Egp),
            "incomplete" | "?" => Ok(Self::Incomplete),
            other => anyhow::bail!("unknown ORIGIN {other:?}"),
        }
    }
}

/// A route with every attribute the harness compares.
///
/// LOCAL_PREF is `None` on routes learned over eBGP: it does not travel there, and each daemon
/// fills in a default of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// Destination.
    pub prefix: IpNet,
    /// Next hop; the global one where there are two.
    pub next_hop: IpAddr,
    /// ORIGIN.
    pub origin: Origin,
    /// AS_PATH: ASNs separated by blanks, sets in braces with sorted members.
    pub as_path: String,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF, on iBGP only.
    pub local_pref: Option<u32>,
    /// Communities, `ASN:value`.
    pub communities: BTreeSet<String>,
    /// Large communities, `ASN:value:value`.
    pub large_communities: BTreeSet<String>,
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} via {} path [{}] {:?}",
            self.prefix, self.next_hop, self.as_path, self.origin
        )?;
        if let Some(med) = self.med {
            write!(f, " med {med}")?;
        }
        if let Some(local_pref) = self.local_pref {
            write!(f, " local-pref {local_pref}")?;
        }
        for community in &self.communities {
            write!(f, " {community}")?;
        }
        for community in &self.large_communities {
            write!(f, " {community}")?;
        }
        Ok(())
    }
}

/// Something to announce. Absent attributes are left to the daemon's habit, except ORIGIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Destination.
    pub prefix: IpNet,
    /// ORIGIN.
    pub origin: Origin,
    /// AS numbers the path holds before the daemon prepends its own (on eBGP).
    pub as_path: Vec<u32>,
    /// MULTI_EXIT_DISC.
    pub med: Option<u32>,
    /// LOCAL_PREF (seen by iBGP neighbours only).
    pub local_pref: Option<u32>,
    /// Communities.
    pub communities: Vec<(u16, u16)>,
    /// Large communities.
    pub large_communities: Vec<(u32, u32, u32)>,
}

impl Announcement {
    /// Only a prefix.
    ///
    /// # Panics
    /// When the text is no prefix: tests write it literally.
    #[must_use]
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.parse().unwrap_or_else(|_| panic!("{prefix}: no prefix")),
            origin: Origin::Igp,
            as_path: Vec::new(),
            med: None,
            local_pref: None,
            communities: Vec::new(),
            large_communities: Vec::new(),
        }
    }

    /// The family of the prefix.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(&self.prefix.addr())
    }

    /// What a neighbour must see when `asn` at `next_hop` announces this, over eBGP or iBGP.
    #[must_use]
    pub fn seen_by_neighbor(&self, asn: u32, next_hop: IpAddr, ebgp: bool) -> Route {
        let path = ebgp.then_some(asn).into_iter().chain(self.as_path.iter().copied());
        let path: Vec<_> = path.map(|asn| asn.to_string()).collect();
        Route {
            prefix: self.prefix.trunc(),
            next_hop,
            origin: self.origin,
            as_path: path.join(" "),
            med: self.med,
            local_pref: (!ebgp).then(|| self.local_pref.unwrap_or(100)),
            communities: self.communities.iter().map(|(a, b)| format!("{a}:{b}")).collect(),
            large_communities: self
                .large_communities
                .iter()
                .map(|(a, b, c)| format!("{a}:{b}:{c}"))
                .collect(),
        }
    }
}

/// AS_PATH in normal form from any daemon's text: `65001 65002 {1 2}`, `[AS65001 65002]`, `{1,2}`.
#[must_use]
pub fn normal_as_path(text: &str) -> String {
    let mut out = Vec::new();
    let mut set: Option<BTreeSet<u32>> = None;
    let mut number = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        if let Ok(asn) = number.parse::<u32>() {
            match &mut set {
                Some(members) => {
                    members.insert(asn);
                }
                None => out.push(asn.to_string()),
            }
        }
        number.clear();
        match c {
            '{' => set = Some(BTreeSet::new()),
            '}' => {
                let members: Vec<_> =
                    set.take().unwrap_or_default().iter().map(u32::to_string).collect();
                out.push(format!("{{{}}}", members.join(" ")));
            }
            _ => {}
        }
    }
    out.join(" ")
}

/// How two sets differ, one line a route; empty when equal.
#[must_use]
pub fn difference(expected: &BTreeSet<Route>, seen: &BTreeSet<Route>) -> String {
    let missing = expected.difference(seen).map(|r| format!("  missing:    {r}"));
    let extra = seen.difference(expected).map(|r| format!("  unexpected: {r}"));
    let lines: Vec<_> = missing.chain(extra).take(40).collect();
    lines.join("\n")
}

/// A router id from a small number: `10.255.0.n`.
#[must_use]
pub const fn router_id(n: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 255, 0, n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_paths_of_all_daemons_read_the_same() {
        for text in ["65001 65002 {3 1}", "65001 65002 {1,3}", "65001 65002 {1 3}"] {
            assert_eq!(normal_as_path(text), "65001 65002 {1 3}");
        }
        assert_eq!(normal_as_path(""), "");
        assert_eq!(normal_as_path("4200000000"), "4200000000");
    }

    #[test]
    fn expectation_over_ebgp_and_ibgp() {
        let announced = Announcement { as_path: vec![64999], ..Announcement::new("10.1.0.0/16") };
        let next_hop = "192.0.2.1".parse().unwrap();
        let ebgp = announced.seen_by_neighbor(65001, next_hop, true);
        assert_eq!((ebgp.as_path.as_str(), ebgp.local_pref), ("65001 64999", None));
        let ibgp = announced.seen_by_neighbor(65001, next_hop, false);
        assert_eq!((ibgp.as_path.as_str(), ibgp.local_pref), ("64999", Some(100)));
    }

    #[test]
    fn a_difference_names_both_sides() {
        let next_hop = "192.0.2.1".parse().unwrap();
        let route = |p: &str| Announcement::new(p).seen_by_neighbor(65001, next_hop, true);
        let a = BTreeSet::from([route("10.1.0.0/16")]);
        let b = BTreeSet::from([route("10.2.0.0/16")]);
        assert_eq!(difference(&a, &a), "");
        assert_eq!(difference(&a, &b).lines().count(), 2);
    }
}
