//! What the table tests share: canonical attribute sets from a few fields, peers, next hops.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part")]
#![allow(clippy::unwrap_used, reason = "test code outside of test functions")]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_wire::{Asn, Family, FamilySet, NextHop, V4Prefix, V6Prefix};
use rib::{NextHopId, NextHopKey, PeerInfo, PeerIx, PeerKind, Resolution, Rib};

/// The fields of an attribute set which decide.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Debug, Default)]
pub struct Set {
    pub origin: u8,
    /// (is an AS_SET, its ASes).
    pub as_path: Vec<(bool, Vec<u32>)>,
    pub med: Option<u32>,
    pub local_pref: Option<u32>,
    pub llgr_stale: bool,
    pub no_llgr: bool,
    pub originator: Option<u8>,
    pub clusters: u8,
    /// Sticky, and the sequence number (RFC 7432 section 15).
    pub mobility: Option<(bool, u32)>,
}

impl Set {
    /// ORIGIN IGP and an AS_PATH of one sequence.
    pub fn path(asns: &[u32]) -> Self {
        Self { as_path: vec![(false, asns.to_vec())], ..Self::default() }
    }

    /// Canonical bytes: ascending types, 4-octet ASes.
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = vec![0x40, 1, 1, self.origin];
        let mut path = Vec::new();
        for (set, asns) in self.as_path.iter().filter(|(_, asns)| !asns.is_empty()) {
            path.extend([if *set { 1 } else { 2 }, asns.len() as u8]);
            path.extend(asns.iter().flat_map(|asn| asn.to_be_bytes()));
        }
        out.extend([0x40, 2, path.len() as u8]);
        out.extend(path);
        if let Some(med) = self.med {
            out.extend([0x80, 4, 4]);
            out.extend(med.to_be_bytes());
        }
        if let Some(local_pref) = self.local_pref {
            out.extend([0x40, 5, 4]);
            out.extend(local_pref.to_be_bytes());
        }
        let communities = [(self.no_llgr, 7u8), (self.llgr_stale, 6)];
        let communities: Vec<u8> =
            communities.into_iter().filter_map(|(is, n)| is.then_some(n)).collect();
        if !communities.is_empty() {
            out.extend([0xc0, 8, 4 * communities.len() as u8]);
            out.extend(communities.into_iter().flat_map(|n| [0xff, 0xff, 0, n]));
        }
        if let Some(originator) = self.originator {
            out.extend([0x80, 9, 4, 10, 9, 9, originator]);
        }
        if self.clusters > 0 {
            out.extend([0x80, 10, 4 * self.clusters]);
            out.extend((0..self.clusters).flat_map(|n| [10, 8, 8, n]));
        }
        if let Some((sticky, sequence)) = self.mobility {
            out.extend([0xc0, 16, 8, 6, 0, u8::from(sticky), 0]);
            out.extend(sequence.to_be_bytes());
        }
        out
    }
}

/// A peer 192.0.2.`n`, router id 10.9.9.`router_id`.
pub fn peer_info(n: u8, router_id: u8, kind: PeerKind) -> PeerInfo {
    PeerInfo {
        addr: IpAddr::V4(Ipv4Addr::new(192, 0, 2, n)),
        ifindex: 0,
        asn: Asn(65000 + u32::from(n)),
        router_id: Ipv4Addr::new(10, 9, 9, router_id),
        kind,
    }
}

/// Add an eBGP peer 192.0.2.`n` with router id 10.9.9.`n`.
pub fn ebgp(rib: &mut Rib, n: u8) -> PeerIx {
    rib.add_peer(peer_info(n, n, PeerKind::Ebgp)).unwrap()
}

pub fn next_hop_key(n: u8) -> NextHopKey {
    NextHopKey { next_hop: NextHop::V4(Ipv4Addr::new(192, 0, 2, n)), ifindex: 0 }
}

/// A next hop 192.0.2.`n` resolved at `metric`; the caller's reference is kept for ever.
pub fn next_hop(rib: &mut Rib, n: u8, metric: u32) -> NextHopId {
    rib.next_hops.intern_with(next_hop_key(n), |_| Resolution::Resolved { metric })
}

/// Every family that has a table.
pub fn all_families() -> FamilySet {
    rib::FAMILIES.into_iter().collect()
}

pub fn both_families() -> FamilySet {
    let mut families = FamilySet::EMPTY;
    families.insert(Family::IPV4_UNICAST);
    families.insert(Family::IPV6_UNICAST);
    families
}

/// The `n`th of 16 million /24s.
pub fn v4(n: u32) -> V4Prefix {
    V4Prefix::new(Ipv4Addr::from_bits(n << 8), 24).unwrap()
}

/// The `n`th of four billion /64s.
pub fn v6(n: u32) -> V6Prefix {
    let bits = 0x2001_0db8 << 96 | u128::from(n) << 64;
    V6Prefix::new(Ipv6Addr::from_bits(bits), 64).unwrap()
}

/// Run all pending work.
pub fn settle(rib: &mut Rib) {
    while rib.sweep(1000) {}
}
