//! Tests of the exporter: a world of peers around a table, a naive exporter as oracle, and cases.

mod cases;
mod decode;
mod memory_cases;
mod naive;
mod oracle;
mod path_cases;
mod policy_cases;
mod rule_cases;
mod service_cases;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use bgp_wire::{
    Asn, AttrBuilder, Community, ExtCommunity, Family, FamilySet, MacAddr, NextHop,
    RouteDistinguisher, V4Prefix, V6Prefix,
};
use bytes::Bytes;

use self::decode::{Held, Session};
use super::*;
use crate::{
    DecisionConfig, FAMILIES, NextHopId, NextHopKey, PathFlags, PeerInfo, PeerKind, Resolution,
    keys::{EvpnRowKey, VpnKey},
    policy::{Action, Chain, Disposition, Match, Policy, PrefixRange, Set, Term},
};

pub(super) const LOCAL_AS: Asn = Asn(65000);
pub(super) const OWN_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 254);
pub(super) const OWN_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xfe);
pub(super) const CLUSTER: Ipv4Addr = Ipv4Addr::new(9, 9, 9, 9);

/// Collects frames and folds them into what the receiver holds.
#[derive(Default)]
pub(super) struct Sink {
    pub(super) held: BTreeMap<PeerIx, Held>,
    /// Peers without room.
    pub(super) slow: Vec<PeerIx>,
    pub(super) frames: Vec<(PeerIx, Bytes)>,
    pub(super) sessions: BTreeMap<PeerIx, Session>,
}

impl FrameSink for Sink {
    fn push(&mut self, peer: PeerIx, frame: &Bytes) {
        let session = self.sessions[&peer];
        self.held.entry(peer).or_default().receive(frame, session);
        self.frames.push((peer, frame.clone()));
    }

    fn has_room(&self, peer: PeerIx) -> bool {
        !self.slow.contains(&peer)
    }
}

pub(super) struct World {
    pub(super) rib: Rib,
    pub(super) exports: Exports,
    pub(super) sink: Sink,
    /// Source of originated routes.
    pub(super) local: PeerIx,
    peers: u8,
    /// Announcements so far, so that labels change.
    turns: u8,
}

impl World {
    pub(super) fn new() -> Self {
        let mut rib = Rib::new(DecisionConfig::default());
        let local = rib.add_peer(info(0, LOCAL_AS, PeerKind::Local)).unwrap();
        Self { rib, exports: Exports::new(), sink: Sink::default(), local, peers: 0, turns: 0 }
    }

    /// A new session; not yet a member.
    pub(super) fn peer(&mut self, kind: PeerKind) -> PeerIx {
        self.peers = self.peers.wrapping_add(1).max(1);
        let asn = match kind {
            PeerKind::Ebgp => Asn(65001),
            _ => LOCAL_AS,
        };
        let peer = self.rib.add_peer(info(self.peers, asn, kind)).unwrap();
        let session = Session { ebgp: kind == PeerKind::Ebgp, add_path: FamilySet::EMPTY };
        self.sink.sessions.insert(peer, session);
        self.sink.held.remove(&peer);
        peer
    }

    pub(super) fn join(&mut self, peer: PeerIx, key: GroupKey) -> MemberId {
        let several =
            FAMILIES.into_iter().filter(|family| key.add_path(*family) != AddPathSend::Off);
        self.sink.sessions.get_mut(&peer).unwrap().add_path = several.collect();
        self.exports.join(&mut self.rib, key, peer)
    }

    pub(super) fn announce<P: TableFamily>(&mut self, from: PeerIx, prefix: P, attrs: &[u8]) {
        self.announce_as(from, 0, prefix, attrs);
    }

    pub(super) fn announce_as<P: TableFamily>(
        &mut self,
        from: PeerIx,
        path_id: u32,
        prefix: P,
        attrs: &[u8],
    ) {
        let attr = self.rib.attrs.intern(attrs);
        let base = self.next_hop::<P>(from);
        self.turns = self.turns.wrapping_add(1);
        let text: u32 = prefix.to_string().bytes().map(u32::from).sum();
        let rest = rest::<P>((text % 3) as u8 + self.turns / 5 % 2);
        let next_hop = self.rib.next_hops.with_rest(base, &rest);
        self.rib.next_hops.release(base);
        self.rib.announce(from, path_id, prefix, attr, next_hop, PathFlags::NONE);
        self.rib.attrs.release(attr);
        self.rib.next_hops.release(next_hop);
        if from == self.local {
            self.exports.reconsider(&self.rib, prefix);
        }
    }

    pub(super) fn withdraw<P: TableFamily>(&mut self, from: PeerIx, path_id: u32, prefix: P) {
        self.rib.withdraw(from, path_id, prefix);
        if from == self.local {
            self.exports.reconsider(&self.rib, prefix);
        }
    }

    fn next_hop<P: TableFamily>(&mut self, from: PeerIx) -> NextHopId {
        if from == self.local {
            self.rib.next_hops.retain(NextHopId::LOCAL);
            return NextHopId::LOCAL;
        }
        let last = self.rib.peers().info(from).router_id.octets()[3];
        let next_hop = if P::FAMILY != Family::IPV6_UNICAST {
            NextHop::V4(Ipv4Addr::new(192, 0, 2, last))
        } else {
            NextHop::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into()))
        };
        let key = NextHopKey { next_hop, ifindex: 0 };
        self.rib.next_hops.intern_with(key, |_| Resolution::Resolved { metric: 0 })
    }

    /// Turns the pump until nothing more can be done.
    pub(super) fn pump(&mut self) {
        while self.rib.sweep(1000) {}
        for _ in 0..10_000 {
            if !self.exports.pump(&mut self.rib, &mut self.sink, 3) {
                return;
            }
        }
        panic!("the pump does not come to rest");
    }

    pub(super) fn held(&self, peer: PeerIx) -> Held {
        self.sink.held.get(&peer).cloned().unwrap_or_default()
    }
}

/// What NLRI have beside their key: a label, and for stations a segment.
fn rest<P: TableFamily>(number: u8) -> Vec<u8> {
    let label = [0, number, 0x41];
    match P::FAMILY {
        Family::IPV4_VPN => label.to_vec(),
        Family::EVPN => [&[number; 10][..], &label].concat(),
        _ => Vec::new(),
    }
}

fn info(number: u8, asn: Asn, kind: PeerKind) -> PeerInfo {
    PeerInfo {
        addr: IpAddr::V4(Ipv4Addr::new(192, 0, 2, number)),
        ifindex: 0,
        asn,
        router_id: Ipv4Addr::new(10, 255, 0, number),
        kind,
    }
}

pub(super) fn key(session: SessionKind) -> GroupKey {
    GroupKey {
        next_hop_v4: Some(OWN_V4),
        next_hop_v6: Some(OWN_V6),
        cluster_id: CLUSTER,
        ..GroupKey::new(session, LOCAL_AS)
    }
}

pub(super) fn with_policy(session: SessionKind, policy: Chain) -> GroupKey {
    GroupKey { policy: Arc::new(policy), ..key(session) }
}

/// ORIGIN IGP, the given path, and nothing else but `more`.
pub(super) fn attrs(path: &[u32], more: impl FnOnce(&mut AttrBuilder<'_>)) -> Vec<u8> {
    let path: Vec<_> = path.iter().map(|asn| Asn(*asn)).collect();
    let mut builder = AttrBuilder::new();
    builder.set_origin(0).replace_as_path(&path);
    more(&mut builder);
    let mut out = Vec::new();
    builder.finish(&mut out);
    out
}

pub(super) fn plain(path: &[u32]) -> Vec<u8> {
    attrs(path, |_| {})
}

pub(super) fn v4(number: u8) -> V4Prefix {
    V4Prefix::new(Ipv4Addr::new(10, number, 0, 0), 16).unwrap()
}

pub(super) fn v6(number: u8) -> V6Prefix {
    V6Prefix::new(Ipv6Addr::new(0x2001, 0xdb8, number.into(), 0, 0, 0, 0, 0), 48).unwrap()
}

pub(super) fn vpn(number: u8) -> VpnKey<V4Prefix> {
    VpnKey { rd: RouteDistinguisher::from_asn2(65000, number.into()), prefix: v4(number) }
}

pub(super) fn station(number: u8) -> EvpnRowKey {
    let mac = MacAddr([2, 0, 0, 0, 0, number]);
    format!("mac-ip rd 65000:1 tag 0 mac {mac}").parse().unwrap()
}

/// With a route target 65000:`number`.
pub(super) fn for_target(number: u32) -> Vec<u8> {
    attrs(&[65001], |b| {
        b.set_ext_communities(&[ExtCommunity::route_target(65000, number)]);
    })
}

/// Denies community 65000:666, marks 10.0.0.0/14 and longer, prepends the rest.
pub(super) fn marking() -> Chain {
    let low: V4Prefix = "10.0.0.0/14".parse().unwrap();
    let term = |name: &str, matches, action| Term { name: name.into(), matches, action };
    Chain::new([Policy {
        terms: vec![
            term("drop", vec![Match::AnyCommunity(vec![Community::new(65000, 666)])], Action::Deny),
            term(
                "mark",
                vec![Match::PrefixIn(vec![PrefixRange::or_longer(low.into())])],
                Action::Permit(vec![
                    Set::Med(Some(50)),
                    Set::CommunitiesAdd(vec![Community::new(65000, 50)]),
                ]),
            ),
            term(
                "prepend",
                vec![Match::Any],
                Action::Permit(vec![Set::Prepend { asn: None, count: 2 }]),
            ),
        ],
        default: Disposition::Deny,
    }])
}

/// Denies IPv6 and routes with MED 30.
pub(super) fn refusing() -> Chain {
    let term = |name: &str, condition| Term {
        name: name.into(),
        matches: vec![condition],
        action: Action::Deny,
    };
    Chain::new([Policy {
        terms: vec![
            term("no-v6", Match::Family(Family::IPV6_UNICAST)),
            term("no-med", Match::Med(30)),
        ],
        default: Disposition::Permit,
    }])
}
