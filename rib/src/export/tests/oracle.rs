//! Grouped export equals a naive exporter per peer, under random operations.

use bgp_wire::{Community, Family};
use proptest::prelude::*;

use super::{
    World, attrs,
    decode::Name,
    key, marking,
    naive::{self, Values},
    plain, refusing, station, v4, v6, vpn,
};
use crate::{
    PeerIx, PeerKind, TableFamily,
    export::{AddPathSend, ExportScope, GroupKey, MemberId, NextHopMode, SessionKind},
    policy::Chain,
};

const PEERS: usize = 6;
const PREFIXES: u8 = 10;
const VARIANTS: usize = 9;
const FAMILIES: [Family; 4] =
    [Family::IPV4_UNICAST, Family::IPV6_UNICAST, Family::IPV4_VPN, Family::EVPN];

#[derive(Clone, Debug)]
enum Op {
    /// Peer (0 to `PEERS`, the last being the router itself), path identifier, prefix, attribute set.
    Announce(usize, u32, u8, usize),
    Withdraw(usize, u32, u8),
    /// Originates for an origination set.
    Originate(u32, u8, usize),
    Unoriginate(u32, u8),
    Down(usize),
    Join(usize, usize),
    Leave(usize),
    Slow(usize, bool),
    /// Peer, family, enhanced.
    Refresh(usize, usize, bool),
    Rekey(usize, usize),
    SetPolicy(usize, usize),
    Pump(usize),
    Sweep(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let peer = 0..PEERS;
    let prefix = 0..PREFIXES;
    prop_oneof![
        8 => (0..=PEERS, received(), prefix.clone(), 0..6usize)
            .prop_map(|(p, id, n, a)| Op::Announce(p, id, n, a)),
        4 => (0..=PEERS, received(), prefix.clone()).prop_map(|(p, id, n)| Op::Withdraw(p, id, n)),
        2 => (1..3u32, prefix.clone(), 0..6usize).prop_map(|(s, n, a)| Op::Originate(s, n, a)),
        1 => (1..3u32, prefix).prop_map(|(s, n)| Op::Unoriginate(s, n)),
        1 => peer.clone().prop_map(Op::Down),
        4 => (peer.clone(), 0..VARIANTS).prop_map(|(p, k)| Op::Join(p, k)),
        1 => peer.clone().prop_map(Op::Leave),
        3 => (peer.clone(), any::<bool>()).prop_map(|(p, slow)| Op::Slow(p, slow)),
        2 => (peer.clone(), 0..4usize, any::<bool>())
            .prop_map(|(p, family, enhanced)| Op::Refresh(p, family, enhanced)),
        2 => (peer.clone(), 0..VARIANTS).prop_map(|(p, k)| Op::Rekey(p, k)),
        1 => (peer, 0..3usize).prop_map(|(p, k)| Op::SetPolicy(p, k)),
        6 => (1..12usize).prop_map(Op::Pump),
        1 => (1..12usize).prop_map(Op::Sweep),
    ]
}

/// Path identifiers of peers that send several paths: mostly none, some small, one that is not.
fn received() -> impl Strategy<Value = u32> {
    prop_oneof![4 => Just(0u32), 1 => Just(1), 1 => Just(2), 1 => Just(u32::MAX)]
}

fn kind(slot: usize) -> PeerKind {
    match slot {
        0..3 => PeerKind::Ebgp,
        3 => PeerKind::Ibgp { client: false },
        4 => PeerKind::Ibgp { client: true },
        _ => PeerKind::Ibgp { client: true },
    }
}

fn policies(at: usize) -> Chain {
    match at {
        0 => Chain::permit_all(),
        1 => marking(),
        _ => refusing(),
    }
}

fn variant(slot: usize, at: usize) -> GroupKey {
    let session = match kind(slot) {
        PeerKind::Ibgp { client: true } => SessionKind::IbgpClient,
        PeerKind::Ibgp { client: false } => SessionKind::Ibgp,
        PeerKind::Ebgp | PeerKind::Local => SessionKind::Ebgp,
    };
    let base = GroupKey { families: FAMILIES.into_iter().collect(), ..key(session) };
    match at {
        0..3 => GroupKey { policy: policies(at).into(), ..base },
        3 => {
            GroupKey { originations: [2].into_iter().collect(), next_hop: NextHopMode::Own, ..base }
        }
        5 => several(base, AddPathSend::All, AddPathSend::All),
        6 => several(
            GroupKey {
                policy: policies(1).into(),
                originations: [1].into_iter().collect(),
                next_hop: NextHopMode::Own,
                ..base
            },
            AddPathSend::All,
            AddPathSend::Best(TWO),
        ),
        7 => several(base, AddPathSend::Best(TWO), AddPathSend::Off),
        8 => several(
            GroupKey { policy: policies(2).into(), ..base },
            AddPathSend::Best(TWO),
            AddPathSend::All,
        ),
        _ => GroupKey {
            originations: [1, 2].into_iter().collect(),
            scope: ExportScope::OriginatedOnly,
            ..base
        },
    }
}

const TWO: std::num::NonZeroU8 = std::num::NonZeroU8::new(2).unwrap();

fn several(key: GroupKey, v4: AddPathSend, v6: AddPathSend) -> GroupKey {
    let mut key = key;
    key.set_add_path(Family::IPV4_UNICAST, v4);
    key.set_add_path(Family::IPV6_UNICAST, v6);
    key.set_add_path(Family::IPV4_VPN, v4);
    key.set_add_path(Family::EVPN, v6);
    key
}

fn set(at: usize) -> Vec<u8> {
    match at {
        0 => plain(&[65001, 65010]),
        1 => attrs(&[65001], |b| {
            b.set_med(Some(30)).set_communities(&[Community::NO_EXPORT]);
        }),
        2 => attrs(&[65001], |b| {
            b.set_communities(&[Community::new(65000, 666), Community::new(1, 1)]);
        }),
        3 => attrs(&[65002], |b| {
            b.set_communities(&[Community::NO_ADVERTISE]);
        }),
        4 => attrs(&[], |b| {
            b.set_local_pref(Some(200)).set_med(Some(9));
        }),
        _ => plain(&[65001]),
    }
}

/// The sessions of a run: what the test knows of each.
struct Run {
    world: World,
    peers: [PeerIx; PEERS],
    keys: [Option<GroupKey>; PEERS],
}

impl Run {
    fn new() -> Self {
        let mut world = World::new();
        let peers = std::array::from_fn(|slot| world.peer(kind(slot)));
        Self { world, peers, keys: Default::default() }
    }

    fn source(&self, slot: usize) -> PeerIx {
        self.peers.get(slot).copied().unwrap_or(self.world.local)
    }

    /// Identifiers of paths originated here are origination sets; there are other operations for these.
    fn received(&self, slot: usize, id: u32) -> u32 {
        if slot < PEERS { id } else { 0 }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Announce(slot, id, n, at) => {
                let id = self.received(slot, id);
                let from = self.source(slot);
                self.announce(from, id, n, at);
            }
            Op::Withdraw(slot, id, n) => {
                self.withdraw(self.source(slot), self.received(slot, id), n);
            }
            Op::Originate(id, n, at) => {
                self.announce(self.world.local, id, n, at);
            }
            Op::Unoriginate(id, n) => self.withdraw(self.world.local, id, n),
            Op::Down(slot) => {
                self.leave(slot);
                self.world.rib.peer_down(self.peers[slot]);
                self.peers[slot] = self.world.peer(kind(slot));
            }
            Op::Join(slot, at) => {
                self.leave(slot);
                self.world.sink.held.remove(&self.peers[slot]);
                let key = variant(slot, at);
                self.world.join(self.peers[slot], key.clone());
                self.keys[slot] = Some(key);
            }
            Op::Leave(slot) => self.leave(slot),
            Op::Slow(slot, slow) => {
                let peer = self.peers[slot];
                self.world.sink.slow.retain(|other| *other != peer);
                if slow {
                    self.world.sink.slow.push(peer);
                }
            }
            Op::Refresh(slot, family, enhanced) => {
                let family = FAMILIES[family];
                let member = MemberId(self.peers[slot]);
                match enhanced {
                    true => self.world.exports.refresh_enhanced(member, family),
                    false => self.world.exports.refresh(member, family),
                }
            }
            Op::Rekey(slot, at) => {
                if let Some(old) = &self.keys[slot] {
                    let key = variant(slot, at).bound_to(old);
                    let member = MemberId(self.peers[slot]);
                    self.world.exports.rekey(&mut self.world.rib, member, key.clone());
                    self.keys[slot] = Some(key);
                }
            }
            Op::SetPolicy(slot, at) => self.set_policy(slot, at),
            Op::Pump(budget) => {
                let World { rib, exports, sink, .. } = &mut self.world;
                exports.pump(rib, sink, budget);
            }
            Op::Sweep(budget) => {
                self.world.rib.sweep(budget);
            }
        }
    }

    fn withdraw(&mut self, from: PeerIx, id: u32, n: u8) {
        let world = &mut self.world;
        match n % 4 {
            0 => world.withdraw(from, id, v4(n)),
            1 => world.withdraw(from, id, v6(n)),
            2 => world.withdraw(from, id, vpn(n)),
            _ => world.withdraw(from, id, station(n)),
        }
    }

    fn announce(&mut self, from: PeerIx, id: u32, n: u8, at: usize) {
        let world = &mut self.world;
        match n % 4 {
            0 => world.announce_as(from, id, v4(n), &set(at)),
            1 => world.announce_as(from, id, v6(n), &set(at)),
            2 => world.announce_as(from, id, vpn(n), &set(at)),
            _ => world.announce_as(from, id, station(n), &set(at)),
        }
    }

    fn leave(&mut self, slot: usize) {
        self.keys[slot] = None;
        self.world.exports.leave(&mut self.world.rib, MemberId(self.peers[slot]));
        self.world.sink.held.remove(&self.peers[slot]);
    }

    /// For everybody in the group of `slot`, whatever key the test had in mind for them.
    fn set_policy(&mut self, slot: usize, at: usize) {
        let World { rib, exports, .. } = &mut self.world;
        let Some(group) = exports.group_of(MemberId(self.peers[slot])) else { return };
        let policy = std::sync::Arc::new(policies(at));
        for (peer, key) in self.peers.iter().zip(&mut self.keys) {
            let leaving = exports.moves.iter().any(|(member, _)| member.peer() == *peer);
            if exports.group_of(MemberId(*peer)) == Some(group) && !leaving {
                let old = exports.key(group).unwrap().clone();
                *key = Some(GroupKey { policy: policy.clone(), ..old });
            }
        }
        exports.set_policy(rib, group, policy);
    }

    /// Lets everything come to rest and compares.
    fn check(&mut self) {
        self.world.sink.slow.clear();
        self.world.pump();
        for (peer, key) in self.peers.iter().zip(&self.keys) {
            let Some(key) = key else {
                assert_eq!(self.world.exports.group_of(MemberId(*peer)), None);
                continue;
            };
            let held = self.world.held(*peer);
            let mut by_prefix = Expected::new();
            for ((prefix, id), route) in held.routes {
                assert_eq!(id != 0, key.add_path(prefix.family()) != AddPathSend::Off);
                by_prefix.entry(prefix).or_default().push(route);
            }
            let mut expected = Expected::new();
            for n in 0..PREFIXES {
                match n % 4 {
                    0 => self.expect(&mut expected, key, *peer, v4(n)),
                    1 => self.expect(&mut expected, key, *peer, v6(n)),
                    2 => self.expect(&mut expected, key, *peer, vpn(n)),
                    _ => self.expect(&mut expected, key, *peer, station(n)),
                }
            }
            by_prefix.values_mut().chain(expected.values_mut()).for_each(|routes| routes.sort());
            assert_eq!(by_prefix, expected, "what {peer:?} holds, with {key:?}");
            assert_eq!(held.end_of_rib.len(), FAMILIES.len(), "one End-of-RIB a family");
            assert!(held.stale.is_empty(), "each BoRR has its EoRR");
            self.check_views(*peer, expected.values().map(Vec::len).sum());
        }
    }

    fn expect<P: TableFamily + Into<Name>>(
        &self,
        into: &mut Expected,
        key: &GroupKey,
        peer: PeerIx,
        prefix: P,
    ) {
        let expected = naive::expected(&self.world, key, peer, prefix);
        let verdicts = self.world.exports.explain(&self.world.rib, prefix, peer);
        let sent = verdicts.iter().filter(|verdict| verdict.withheld.is_none()).count();
        assert_eq!(sent, expected.len(), "{prefix}: {verdicts:?}");
        assert!(verdicts.iter().all(|verdict| !verdict.pending), "{prefix}: {verdicts:?}");
        if !expected.is_empty() {
            into.insert(prefix.into(), expected);
        }
    }

    fn check_views(&self, peer: PeerIx, expected: usize) {
        let World { rib, exports, .. } = &self.world;
        let member = MemberId(peer);
        let counted: u32 =
            FAMILIES.iter().map(|family| exports.advertised_count(member, *family)).sum();
        assert_eq!(counted as usize, expected);
        let start = crate::RowId(0);
        let mut shown = 0;
        crate::each_family!(P => {
            shown += exports.adj_rib_out::<P>(rib, member, start, 1000).routes.len();
        });
        assert_eq!(shown, expected);
    }
}

type Expected = std::collections::BTreeMap<Name, Vec<(Values, bgp_wire::NextHop)>>;

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn grouped_export_equals_naive_export(ops in prop::collection::vec(op(), 1..120)) {
        let mut run = Run::new();
        for (at, op) in ops.iter().enumerate() {
            run.apply(op);
            if at % 40 == 39 {
                let slow = run.world.sink.slow.clone();
                run.check();
                run.world.sink.slow = slow;
            }
        }
        run.check();
        // Nothing is held in the tables once everybody has left.
        for slot in 0..PEERS {
            run.leave(slot);
            run.world.rib.peer_down(run.peers[slot]);
        }
        run.world.rib.peer_down(run.world.local);
        run.world.pump();
        prop_assert_eq!(run.world.rib.attrs.len(), 0);
        prop_assert_eq!(run.world.rib.next_hops.len(), 0);
    }
}
