//! What is sent: synthetic tables of known diversity, and a real one.
//!
//! The real table is one peer's full table from an MRT file of the test data. What a speaker may or
//! must refuse or keep to itself is left out, so that one outcome is right for all: loops, AS_SETs
//! (RFC 9774), well-known communities, prefixes of reserved space. How much that is, is said.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use anyhow::{Result, bail, ensure};
use ipnet::IpNet;
use testkit::data;
use testkit::frame::{Attributes, Segment};
use testkit::mrt::Dump;
use testkit::table::{Diversity, Table};

use super::plan::{DAEMON_AS, Seat};
use crate::out;

/// One peer's full table.
const REAL: &str = "mrt/built/full-1m-1peer.rib.bz2";

/// Choices of `--input`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Input {
    /// Every route has an attribute set of its own
    #[value(name = "1")]
    One,
    /// 5.7 routes a set on average, as in the Internet
    #[value(name = "5.7")]
    Internet,
    /// 100 routes a set
    #[value(name = "100")]
    Hundred,
    /// A real table from the test data
    #[value(name = "real")]
    Real,
}

impl Input {
    /// All of them.
    pub(super) const ALL: &[Self] = &[Self::One, Self::Internet, Self::Hundred, Self::Real];

    /// As on the command line.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Internet => "5.7",
            Self::Hundred => "100",
            Self::Real => "real",
        }
    }
}

/// What sizes and rates are multiplied by: above 0, at most 4.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale(f64);

impl Scale {
    /// Routes instead of `full`; never so few that a table is no table.
    pub(super) fn routes(self, full: usize) -> usize {
        ((full as f64 * self.0) as usize).max(100)
    }

    /// Peers instead of `full`; never below three.
    pub(super) fn peers(self, full: usize) -> usize {
        ((full as f64 * self.0) as usize).clamp(3, full.max(3))
    }

    /// Changes a second instead of `full`.
    pub(super) fn rate(self, full: f64) -> f64 {
        (full * self.0).max(200.0)
    }

    /// Seconds instead of `full`: all of them down to a tenth of the size.
    pub(super) fn seconds(self, full: f64) -> f64 {
        (full * self.0 * 10.0).clamp(0.5, full)
    }
}

impl FromStr for Scale {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(scale) if scale > 0.0 && scale <= 4.0 => Ok(Self(scale)),
            _ => Err("expected a number above 0, at most 4".to_owned()),
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Makes tables; reads the real one once.
#[derive(Debug)]
pub(super) struct Inputs {
    /// The scale of the run.
    pub(super) scale: Scale,
    real: Option<Vec<(Attributes, Vec<IpNet>)>>,
}

impl Inputs {
    pub(super) const fn new(scale: Scale) -> Self {
        Self { scale, real: None }
    }

    /// A table of `routes` routes (the real one: at most so many) as `seat` would send it over eBGP.
    pub(super) fn table(&mut self, input: Input, routes: usize, seat: Seat) -> Result<Table> {
        let diversity = match input {
            Input::One => Diversity::One,
            Input::Internet => Diversity::Internet,
            Input::Hundred => Diversity::Hundred,
            Input::Real => return self.real(routes, seat),
        };
        Ok(Table::synthetic(routes, diversity, seat.asn(), seat.address()))
    }

    fn real(&mut self, routes: usize, seat: Seat) -> Result<Table> {
        if self.real.is_none() {
            let path = match data::file(REAL) {
                Ok(path) => path,
                Err(reason) => bail!("{reason}"),
            };
            self.real = Some(sets(&Dump::load(&path)?));
        }
        let mut left = routes;
        let mut sets = Vec::new();
        for (attributes, prefixes) in self.real.iter().flatten() {
            let some: Vec<_> = prefixes.iter().take(left).copied().collect();
            left -= some.len();
            if some.is_empty() {
                break;
            }
            let mut attributes = attributes.clone();
            prepend(&mut attributes, seat.asn());
            attributes.next_hop = seat.address().into();
            sets.push((attributes, some));
        }
        ensure!(!sets.is_empty(), "the real table is empty");
        Ok(Table { sets })
    }
}

/// Puts `asn` in front of the path.
pub(super) fn prepend(attributes: &mut Attributes, asn: u32) {
    match attributes.as_path.first_mut() {
        Some(Segment::Sequence(asns)) if asns.len() < 255 => asns.insert(0, asn),
        _ => attributes.as_path.insert(0, Segment::Sequence(vec![asn])),
    }
}

/// The biggest peer's IPv4 table, routes with equal attributes together, without what would not pass
/// any speaker unchanged.
fn sets(dump: &Dump) -> Vec<(Attributes, Vec<IpNet>)> {
    let mut sizes = vec![0; dump.peers.len()];
    dump.entries.iter().for_each(|entry| sizes[entry.peer] += 1);
    let peer = (0..sizes.len()).max_by_key(|peer| sizes[*peer]).unwrap_or(0);
    let mut sets: Vec<(Attributes, Vec<IpNet>)> = Vec::new();
    let mut index = HashMap::new();
    let mut seen = HashSet::new();
    let mut left_out = 0;
    for entry in dump.of_peer(peer) {
        if !passes(&entry.prefix, &entry.attributes) || !seen.insert(entry.prefix) {
            left_out += 1;
            continue;
        }
        let mut attributes = (*entry.attributes).clone();
        // Some speakers sort and deduplicate communities, which is right too.
        attributes.communities.sort_unstable();
        attributes.communities.dedup();
        attributes.large_communities.sort_unstable();
        attributes.large_communities.dedup();
        attributes.ext_communities.sort_unstable();
        attributes.ext_communities.dedup();
        attributes.local_pref = None;
        attributes.med = None;
        attributes.next_hop = Ipv4Addr::UNSPECIFIED.into();
        let at = *index.entry(attributes.clone()).or_insert_with(|| {
            sets.push((attributes, Vec::new()));
            sets.len() - 1
        });
        sets[at].1.push(entry.prefix);
    }
    out::line(&format!(
        "real table: {} routes in {} attribute sets; {left_out} left out (reserved space, loops, \
         AS_SETs, well-known and non-transitive communities)",
        seen.len(),
        sets.len()
    ));
    sets
}

fn passes(prefix: &IpNet, attributes: &Attributes) -> bool {
    let IpAddr::V4(address) = prefix.network() else { return false };
    let first = address.octets()[0];
    // The bench's own addresses are in 198.18.0.0/15 (RFC 2544).
    let is_ours = first == 198 && (18..20).contains(&address.octets()[1]);
    // Markers lie in shared address space (RFC 6598).
    let is_shared = first == 100 && (64..128).contains(&address.octets()[1]);
    let is_reserved =
        prefix.prefix_len() < 8 || matches!(first, 0 | 127 | 224..) || is_ours || is_shared;
    let plain = |segment: &Segment| match segment {
        Segment::Sequence(asns) => {
            !asns.is_empty() && !asns.iter().any(|asn| matches!(asn, 0 | 23456 | DAEMON_AS..))
        }
        Segment::Set(_) => false,
    };
    // RFC 4360 section 2.
    let is_transitive = |community: &[u8; 8]| community[0] & 0x40 == 0;
    let is_well_known = |community: &u32| community >> 16 == 0xffff;
    !is_reserved
        && prefix.network() == prefix.addr()
        && attributes.as_path_len() < 200
        && attributes.as_path.iter().all(plain)
        && !attributes.communities.iter().any(is_well_known)
        && attributes.ext_communities.iter().all(is_transitive)
        && attributes.aggregator.is_none_or(|(asn, _)| asn != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_numbers_in_range() {
        assert_eq!("0.1".parse::<Scale>().unwrap().routes(1_000_000), 100_000);
        let tiny: Scale = "0.001".parse().unwrap();
        assert_eq!((tiny.routes(1000), tiny.peers(200)), (100, 3));
        assert_eq!("1".parse::<Scale>().unwrap().peers(200), 200);
        assert!((tiny.seconds(10.0) - 0.5).abs() < 1e-9);
        for text in ["0", "-1", "5", "x", "NaN"] {
            assert!(text.parse::<Scale>().is_err(), "{text}");
        }
    }

    #[test]
    fn what_no_two_speakers_treat_alike_does_not_pass() {
        let good = Attributes::new(&[1, 2], "192.0.2.1".parse().unwrap());
        let net = |text: &str| text.parse().unwrap();
        assert!(passes(&net("8.8.8.0/24"), &good));
        for bad in ["127.1.0.0/16", "0.0.0.0/0", "240.0.0.0/8", "198.19.1.0/24", "2001:db8::/32"] {
            assert!(!passes(&net(bad), &good), "{bad}");
        }
        let set = Attributes { as_path: vec![Segment::Set(vec![1])], ..good.clone() };
        let no_export = Attributes { communities: vec![0xffff_ff01], ..good };
        let own = Attributes::new(&[1, DAEMON_AS], "192.0.2.1".parse().unwrap());
        for bad in [set, no_export, own] {
            assert!(!passes(&net("8.8.8.0/24"), &bad), "{bad:?}");
        }
    }
}
