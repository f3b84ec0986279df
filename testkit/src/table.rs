//! Synthetic tables with a known diversity, in the form the load bench needs.
//!
//! A bench with one attribute set flatters every implementation, so the diversity is a parameter:
//! routes an attribute set. Each set carries its number as first community, by which a sink checks
//! that a route arrived with its own attributes. Prefixes are unique by construction, of mixed lengths,
//! and in an order that is not that of the addresses; everything is the same in each run.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::frame::{Attributes, encode};
use crate::route::Origin;

/// Routes an attribute set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Diversity {
    /// Every route has its own set.
    One,
    /// 5.7 on average, as in a full Internet table, with runs from 1 to 20.
    Internet,
    /// 100.
    Hundred,
}

impl Diversity {
    /// The three of them.
    pub const ALL: [Self; 3] = [Self::One, Self::Internet, Self::Hundred];

    /// The average, in text form.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Internet => "5.7",
            Self::Hundred => "100",
        }
    }

    const fn runs(self) -> &'static [usize] {
        match self {
            Self::One => &[1],
            Self::Internet => &[1, 2, 1, 5, 3, 20, 8],
            Self::Hundred => &[100],
        }
    }
}

/// A table: sets, and the routes of each.
#[derive(Clone, Debug)]
pub struct Table {
    /// Attribute sets with their prefixes.
    pub sets: Vec<(Attributes, Vec<IpNet>)>,
}

/// First community of set 0; above the reserved range 0:0 to 0:65535.
const FIRST_TAG: u32 = 0x0001_0000;

impl Table {
    /// `routes` IPv4 routes as AS `asn` with next hop `next_hop` would send them over eBGP.
    ///
    /// # Panics
    /// Beyond 8 million routes: the address space of the generator ends.
    #[must_use]
    pub fn synthetic(routes: usize, diversity: Diversity, asn: u32, next_hop: Ipv4Addr) -> Self {
        let mut prefixes = (0..routes).map(|i| prefix(i, routes));
        let mut sets = Vec::new();
        let mut runs = diversity.runs().iter().cycle();
        loop {
            let run = *runs.next().expect("cycles");
            let some: Vec<_> = prefixes.by_ref().take(run).collect();
            if some.is_empty() {
                return Self { sets };
            }
            let number = u32::try_from(sets.len()).expect("fewer sets than routes");
            sets.push((attributes(number, asn, next_hop.into()), some));
        }
    }

    /// Number of routes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.iter().map(|(_, prefixes)| prefixes.len()).sum()
    }

    /// Whether there is no route.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// The UPDATEs, one set after the other.
    #[must_use]
    pub fn frames(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (attributes, prefixes) in &self.sets {
            encode::update(attributes, prefixes, &mut out);
        }
        out
    }

    /// UPDATEs that withdraw everything.
    #[must_use]
    pub fn withdrawals(&self) -> Vec<u8> {
        let all: Vec<_> = self.sets.iter().flat_map(|(_, p)| p).copied().collect();
        let mut out = Vec::new();
        encode::withdraw(&all, &mut out);
        out
    }

    /// What a [`Sink`](crate::sink::Sink) must end up with.
    pub fn expected(&self) -> impl Iterator<Item = (IpNet, u32)> + '_ {
        self.sets.iter().flat_map(|(attributes, prefixes)| {
            let tag = attributes.communities.first().copied().unwrap_or(0);
            prefixes.iter().map(move |p| (*p, tag))
        })
    }
}

/// The i-th of `total` prefixes: /22, /23 and /24 at distinct /24 boundaries from 16.0.0.0 on.
fn prefix(i: usize, total: usize) -> IpNet {
    // A stride that shares no factor with the total visits every block once.
    let mut stride = total / 3 * 2 + 1;
    while gcd(stride, total) != 1 {
        stride += 1;
    }
    let block = u32::try_from(i * stride % total).expect("a table this big is not made");
    assert!(block < 8 << 20, "16.0.0.0 to 143.255.255.0 are 8M blocks");
    let len = match block % 4 {
        0 => 22,
        2 => 23,
        _ => 24,
    };
    let mut address = 0x1000_0000 + (block << 8);
    if address >= 0x7f00_0000 {
        address += 0x0100_0000; // not 127.0.0.0/8
    }
    IpNet::new(Ipv4Addr::from(address).into(), len).expect("a length up to 24")
}

const fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// Set number `n`: three to six hops, sometimes a MED, its number and sometimes more communities.
fn attributes(n: u32, asn: u32, next_hop: IpAddr) -> Attributes {
    let mixed = n.wrapping_mul(0x9e37_79b9);
    let mut path = vec![asn, 64_600 + mixed % 50];
    path.extend((0..mixed % 4 + 1).map(|hop| 100_000 + (mixed.rotate_left(hop * 7) % 300_000)));
    let mut a = Attributes::new(&path, next_hop);
    a.origin = if mixed.is_multiple_of(16) { Origin::Incomplete } else { Origin::Igp };
    a.med = mixed.is_multiple_of(5).then_some(mixed % 1000);
    a.communities = vec![FIRST_TAG + n];
    a.communities.extend((0..mixed % 4).map(|i| 0xfde8_0000 + (mixed >> (i * 5) & 0xfff)));
    // Ascending, as many daemons keep them; the set's own number stays first.
    a.communities.sort_unstable();
    a.communities.dedup();
    a
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn prefixes_and_sets_are_unique_and_the_diversity_is_as_said() {
        for (diversity, average) in
            [(Diversity::One, 1.0), (Diversity::Internet, 5.7), (Diversity::Hundred, 100.0)]
        {
            let table = Table::synthetic(20_000, diversity, 65001, Ipv4Addr::new(192, 0, 2, 1));
            let prefixes: HashSet<_> = table.expected().map(|(p, _)| p).collect();
            assert_eq!((prefixes.len(), table.len()), (20_000, 20_000));
            assert!(prefixes.iter().all(|p| p.addr() == p.network()), "no host bits");
            let sets: HashSet<_> = table.sets.iter().map(|(a, _)| a.clone()).collect();
            assert_eq!(sets.len(), table.sets.len());
            let real = table.len() as f64 / sets.len() as f64;
            assert!((real - average).abs() < 0.1, "{real} routes a set");
            let tags: HashSet<_> = table.expected().map(|(_, tag)| tag).collect();
            assert_eq!(tags.len(), sets.len(), "the first community names the set");
        }
    }
}
