//! The tables against a naive model: random announcements, replacements, withdrawals, sessions
//! ending, restarting or sending everything again, next hops changing, sliced sweeps and readers draining, compared with a decision written
//! down from the words of RFC 4271 section 9.1.2.2 over plain vectors.
//!
//! The model knows nothing of arrival order, so equality is order independence too. Readers keep a
//! mirror by row id: a lost change, or a row id reused before its withdrawal was reported, shows as
//! a difference.

#![allow(clippy::unwrap_used, reason = "test code outside of test functions")]

#[path = "../common/mod.rs"]
mod common;
mod model;

use std::collections::BTreeMap;

use bgp_wire::{MacAddr, RouteDistinguisher, V4Prefix};
use proptest::{collection::vec, option, prelude::*, sample::select};
use rib::{
    AttrId, ConsumerIx, DecisionConfig, Interest, NextHopId, Path, PathFlags, PeerIx, Resolution,
    Rib, RowId, TableFamily,
    keys::{EvpnRowKey, VpnKey},
};

use model::{Key, Model, NEXT_HOPS, Op, PEERS, PREFIXES, Route, peer, step};

use common::{Set, all_families, next_hop_key, peer_info, settle, v4, v6};

/// A reader of changes with what it believes, by row.
struct Reader {
    consumer: ConsumerIx,
    interest: Interest,
    mirror: BTreeMap<RowId, (u32, Vec<Key>)>,
}

/// The real tables, driven by the same operations; one family.
struct Real<P> {
    rib: Rib,
    peers: Vec<PeerIx>,
    next_hops: Vec<NextHopId>,
    readers: Vec<Reader>,
    prefix: fn(u32) -> P,
}

impl<P: TableFamily> Real<P> {
    fn new(config: DecisionConfig, prefix: fn(u32) -> P) -> Self {
        let mut rib = Rib::new(config);
        let peers = (0..PEERS).map(|n| add_peer(&mut rib, n)).collect();
        let next_hops = (0..NEXT_HOPS)
            .map(|n| {
                let resolution = Resolution::Resolved { metric: u32::from(n) / 2 };
                rib.next_hops.intern_with(next_hop_key(n), |_| resolution)
            })
            .collect();
        let mut readers = Vec::new();
        for interest in [Interest::Best, Interest::Multipath, Interest::Best] {
            let consumer = rib.register_consumer(interest, all_families());
            readers.push(Reader { consumer, interest, mirror: BTreeMap::new() });
        }
        Self { rib, peers, next_hops, readers, prefix }
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Announce { peer, path_id, prefix, route } => {
                let attr = self.rib.attrs.intern(&route.set.canonical());
                let next_hop = self.next_hops[usize::from(route.next_hop)];
                let next_hop = self.rib.next_hops.with_rest(next_hop, &rest::<P>(route.rest));
                let (peer, prefix) = (self.peers[*peer], (self.prefix)(*prefix));
                let change = self.rib.announce(peer, *path_id, prefix, attr, next_hop, route.flags);
                assert!(!change.is_refused());
                self.rib.attrs.release(attr);
                self.rib.next_hops.release(next_hop);
            }
            Op::Withdraw { peer, path_id, prefix } => {
                self.rib.withdraw(self.peers[*peer], *path_id, (self.prefix)(*prefix));
            }
            Op::Restart { peer } => {
                self.rib.peer_down(self.peers[*peer]);
                self.peers[*peer] = add_peer(&mut self.rib, *peer);
            }
            Op::MarkStale { peer } => self.rib.mark_stale(self.peers[*peer], P::FAMILY),
            Op::SweepStale { peer } => self.rib.sweep_stale(self.peers[*peer], P::FAMILY),
            Op::Lose { peer } => self.rib.peer_lost(self.peers[*peer]),
            Op::Back { peer: n, router_id } => {
                let lost = self.rib.peers().is_lost(self.peers[*n]);
                let info = peer_info(*n as u8, *router_id, peer(*n).1);
                assert_eq!(self.rib.peer_back(self.peers[*n], info), lost);
            }
            Op::LongLived { peer } => {
                self.rib.begin_long_lived(self.peers[*peer], P::FAMILY);
            }
            Op::NextHop { next_hop, metric } => {
                let resolution = match metric {
                    Some(metric) => Resolution::Resolved { metric: *metric },
                    None => Resolution::Unresolved,
                };
                self.rib.set_next_hop(self.next_hops[usize::from(*next_hop)], resolution);
            }
            Op::Sweep { budget } => {
                self.rib.sweep(*budget);
            }
            Op::Drain { reader, max } => {
                self.drain(*reader, *max);
            }
            Op::Configure { config } => self.rib.set_config(config.clone()),
        }
    }

    fn drain(&mut self, reader: usize, max: usize) -> usize {
        let mut rows = Vec::new();
        let Reader { consumer, interest, mirror } = &mut self.readers[reader];
        self.rib.next_dirty::<P>(*consumer, max, &mut rows);
        for row in &rows {
            let prefix = self.rib.prefix::<P>(*row);
            let prefix = (0..PREFIXES).find(|n| (self.prefix)(*n) == prefix).unwrap();
            let all: Vec<Key> =
                self.rib.ecmp::<P>(*row).map(|p| key(&self.peers, prefix, p)).collect();
            let seen = if *interest == Interest::Best { &all[..all.len().min(1)] } else { &all };
            let old = mirror.remove(row);
            if let Some((old, _)) = old {
                assert_eq!(old, prefix, "{row:?} was reused before its withdrawal was reported");
            }
            if !seen.is_empty() {
                mirror.insert(*row, (prefix, seen.to_vec()));
            }
        }
        rows.len()
    }

    fn check(&mut self, model: &Model) {
        settle(&mut self.rib);
        assert!(!self.rib.has_pending_work());
        let mut best_rows = 0;
        for n in 0..PREFIXES {
            let expected = model.select(n);
            best_rows += usize::from(!expected.is_empty());
            let row = self.rib.row((self.prefix)(n));
            let paths = |row: RowId| {
                self.rib.ecmp::<P>(row).map(|p| key(&self.peers, n, p)).collect::<Vec<_>>()
            };
            let found = row.map(paths).unwrap_or_default();
            assert_eq!(found.first(), expected.first(), "best of {n}: {:#?}", model.routes);
            assert_eq!(sorted(&found), sorted(&expected), "set of {n}: {:#?}", model.routes);
            for path in row.into_iter().flat_map(|row| self.rib.paths::<P>(row)) {
                let route = &model.routes[&key(&self.peers, n, path)];
                assert_eq!(self.rib.is_stale::<P>(path), route.stale);
                assert_eq!(self.rib.attrs.bytes(path.attr), route.set.canonical());
                assert_eq!(self.rib.next_hops.rest(path.next_hop), rest::<P>(route.rest));
            }
            let held = row.map_or(0, |row| self.rib.paths::<P>(row).count());
            assert_eq!(held, model.routes.keys().filter(|key| key.0 == n).count());
            let best = row.and_then(|row| self.rib.best::<P>(row));
            assert_eq!(best.is_some(), !expected.is_empty());
            let explained = self.rib.explain((self.prefix)(n));
            assert_eq!(explained.is_some(), held > 0);
            if let Some(explained) = explained {
                assert_eq!(explained.candidates.len(), held);
                let first = &explained.candidates[0];
                assert_eq!(first.verdict.reason().is_none(), best.is_some());
                assert!(best.is_none_or(|best| *best == first.path));
                let losers = &explained.candidates[usize::from(best.is_some())..];
                assert!(losers.iter().all(|loser| loser.verdict.reason().is_some()));
            }
        }
        assert_eq!(self.rib.table::<P>().best_count(), best_rows);
        assert_eq!(self.rib.table::<P>().path_count(), model.routes.len());
        for n in 0..PEERS {
            assert_eq!(self.rib.counts::<P>(self.peers[n]), model.counts(n), "counts of peer {n}");
        }
        for reader in 0..self.readers.len() {
            while self.drain(reader, 3) > 0 {}
            assert!(!self.rib.has_dirty(self.readers[reader].consumer));
            let Reader { interest, mirror, .. } = &self.readers[reader];
            let mut believed: Vec<_> =
                mirror.values().map(|(n, keys)| (*n, sorted(keys))).collect();
            believed.sort();
            let mut truth = Vec::new();
            for n in 0..PREFIXES {
                let mut set = model.select(n);
                if *interest == Interest::Best {
                    set.truncate(1);
                }
                if !set.is_empty() {
                    truth.push((n, sorted(&set)));
                }
            }
            assert_eq!(believed, truth, "reader {reader} missed a change");
        }
    }

    /// Everything withdrawn and drained leaves nothing behind.
    fn check_empty(mut self) {
        for peer in self.peers.clone() {
            self.rib.peer_down(peer);
        }
        settle(&mut self.rib);
        for reader in 0..self.readers.len() {
            while self.drain(reader, 100) > 0 {}
            assert!(self.readers[reader].mirror.is_empty());
        }
        assert!(self.rib.table::<P>().is_empty());
        assert_eq!(self.rib.table::<P>().memory(), 0);
        assert!(self.rib.attrs.is_empty());
        for next_hop in self.next_hops {
            self.rib.next_hops.release(next_hop);
        }
        assert!(self.rib.next_hops.is_empty());
        assert_eq!(self.rib.next_hops.pairs(), 0);
        assert!((0..40).all(|n| add_peer(&mut self.rib, n % PEERS).index() < 200));
    }
}

/// What NLRI have beside their key: labels, and of stations the segment.
fn rest<P: TableFamily>(number: u8) -> Vec<u8> {
    match (P::HAS_REST, P::HAS_STATIONS) {
        (false, _) => Vec::new(),
        (true, false) => [0, number, 0x41].repeat(1 + usize::from(number)),
        (true, true) => [number; 13].to_vec(),
    }
}

fn vpn(n: u32) -> VpnKey<V4Prefix> {
    VpnKey { rd: RouteDistinguisher::from_asn2(65000, n), prefix: v4(n) }
}

fn station(n: u32) -> EvpnRowKey {
    let [a, b, c, d] = n.to_be_bytes();
    let mac = MacAddr([2, 0, a, b, c, d]);
    format!("mac-ip rd 65000:1 tag 0 mac {mac} ip 192.0.2.1").parse().unwrap()
}

fn add_peer(rib: &mut Rib, n: usize) -> PeerIx {
    let (router_id, kind) = peer(n);
    rib.add_peer(peer_info(n as u8, router_id, kind)).unwrap()
}

fn key(peers: &[PeerIx], prefix: u32, path: &Path) -> Key {
    // A path of an ended session, not yet swept, is nobody's.
    let peer = peers.iter().position(|peer| *peer == path.peer).unwrap_or(usize::MAX);
    (prefix, peer, path.path_id)
}

fn sorted(keys: &[Key]) -> Vec<Key> {
    let mut keys = keys.to_vec();
    keys.sort();
    keys
}

fn sets() -> impl Strategy<Value = Set> {
    // Mostly equal up to MED, so that the later steps and multipath have work.
    let usual = vec![vec![(false, vec![1])], vec![(false, vec![2])], vec![(false, vec![1])]];
    let rare = vec![
        vec![],
        vec![(false, vec![1, 3])],
        vec![(false, vec![2, 3])],
        vec![(false, vec![1]), (true, vec![5, 6, 7])],
        vec![(true, vec![5, 6])],
    ];
    (
        prop_oneof![9 => Just(0u8), 1 => 1u8..3],
        prop_oneof![4 => select(usual), 1 => select(rare)],
        option::of(select(vec![0u32, 10, 20])),
        prop_oneof![9 => Just(None), 1 => select(vec![Some(100u32), Some(200), Some(50)])],
        prop_oneof![9 => Just((false, false)), 1 => any::<(bool, bool)>()],
        prop_oneof![4 => Just(None), 1 => (1u8..8).prop_map(Some)],
        prop_oneof![3 => Just(0u8), 1 => 1u8..3],
        prop_oneof![6 => Just(None), 1 => (any::<bool>(), 0u32..3).prop_map(Some)],
    )
        .prop_map(
            |(origin, as_path, med, local_pref, llgr, originator, clusters, mobility)| Set {
                mobility,
                llgr_stale: llgr.0,
                no_llgr: llgr.1,
                origin,
                as_path,
                med,
                local_pref,
                originator,
                clusters,
            },
        )
}

fn configs() -> impl Strategy<Value = DecisionConfig> {
    (any::<bool>(), any::<bool>(), select(vec![1u16, 2, 64]), select(vec![100u32, 200])).prop_map(
        |(always_compare_med, multipath_relax, maximum_paths, default_local_pref)| DecisionConfig {
            always_compare_med,
            multipath_relax,
            maximum_paths,
            default_local_pref,
            ..DecisionConfig::default()
        },
    )
}

fn ops() -> impl Strategy<Value = Op> {
    let flags = prop_oneof![
        9 => Just(PathFlags::NONE),
        1 => select(vec![PathFlags::FILTERED, PathFlags::AS_LOOP]),
    ];
    let route = (sets(), 0..NEXT_HOPS, flags, 0u8..3).prop_map(|(set, next_hop, flags, rest)| {
        Route { set, next_hop, rest, flags, stale: false }
    });
    let place = (0..PEERS, prop_oneof![3 => Just(0u32), 1 => 1u32..3], 0..PREFIXES);
    prop_oneof![
        20 => (place.clone(), route).prop_map(|((peer, path_id, prefix), route)| {
            Op::Announce { peer, path_id, prefix, route }
        }),
        8 => place.prop_map(|(peer, path_id, prefix)| Op::Withdraw { peer, path_id, prefix }),
        1 => (0..PEERS).prop_map(|peer| Op::Restart { peer }),
        2 => (0..PEERS).prop_map(|peer| Op::MarkStale { peer }),
        2 => (0..PEERS).prop_map(|peer| Op::SweepStale { peer }),
        1 => (0..PEERS).prop_map(|peer| Op::Lose { peer }),
        1 => (0..PEERS, 1u8..9).prop_map(|(peer, router_id)| Op::Back { peer, router_id }),
        1 => (0..PEERS).prop_map(|peer| Op::LongLived { peer }),
        2 => (0..NEXT_HOPS, option::of(0u32..3))
            .prop_map(|(next_hop, metric)| Op::NextHop { next_hop, metric }),
        3 => (1usize..4).prop_map(|budget| Op::Sweep { budget }),
        4 => (0usize..3, 1usize..4).prop_map(|(reader, max)| Op::Drain { reader, max }),
        1 => configs().prop_map(|config| Op::Configure { config }),
    ]
}

fn run<P: TableFamily>(
    config: DecisionConfig,
    ops: &[Op],
    check_every: usize,
    prefix: fn(u32) -> P,
) {
    let mut real = Real::new(config.clone(), prefix);
    let mut model = Model::new(config);
    model.stations = P::HAS_STATIONS;
    for (at, op) in ops.iter().enumerate() {
        real.apply(op);
        step(&mut model, op);
        if at % check_every == check_every - 1 {
            real.check(&model);
        }
    }
    real.check(&model);
    real.check_empty();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn ipv4_tables_equal_the_model(
        config in configs(), ops in vec(ops(), 1..120), check_every in 1usize..60,
    ) {
        run(config, &ops, check_every, v4);
    }

    #[test]
    fn ipv6_tables_equal_the_model(config in configs(), ops in vec(ops(), 1..60)) {
        run(config, &ops, 20, v6);
    }

    #[test]
    fn vpn_tables_equal_the_model(config in configs(), ops in vec(ops(), 1..60)) {
        run(config, &ops, 20, vpn);
    }

    #[test]
    fn evpn_tables_equal_the_model(config in configs(), ops in vec(ops(), 1..60)) {
        run(config, &ops, 20, station);
    }

    #[test]
    fn arrival_order_does_not_matter(
        config in configs(),
        routes in vec((0..PEERS, 0u32..3, sets(), 0..NEXT_HOPS), 1..20),
        seed in any::<u64>(),
    ) {
        any_order(&config, &routes, seed, v4)?;
        any_order(&config, &routes, seed, vpn)?;
        any_order(&config, &routes, seed, station)?;
    }
}

/// Whatever the order in which the routes of a row arrive, the outcome is the same.
fn any_order<P: TableFamily>(
    config: &DecisionConfig,
    routes: &[(usize, u32, Set, u8)],
    seed: u64,
    prefix: fn(u32) -> P,
) -> Result<(), TestCaseError> {
    {
        let mut one: BTreeMap<(usize, u32), (Set, u8)> = BTreeMap::new();
        for (peer, path_id, set, next_hop) in routes.iter().cloned() {
            one.insert((peer, path_id), (set, next_hop));
        }
        let mut order: Vec<_> = one.into_iter().collect();
        let mut outcomes = Vec::new();
        for round in 0..3u64 {
            order.sort_by_key(|((peer, path_id), _)| {
                let n = *peer as u64 * 3 + u64::from(*path_id) + 1;
                (seed ^ round)
                    .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                    .rotate_left(n as u32 * 7 % 64)
                    .wrapping_mul(n)
            });
            let mut real = Real::<P>::new(config.clone(), prefix);
            for ((peer, path_id), (set, next_hop)) in &order {
                let route = Route {
                    set: set.clone(),
                    next_hop: *next_hop,
                    rest: 0,
                    flags: PathFlags::NONE,
                    stale: false,
                };
                real.apply(&Op::Announce { peer: *peer, path_id: *path_id, prefix: 0, route });
            }
            let row = real.rib.row(prefix(0)).unwrap();
            let best = real.rib.best::<P>(row).map(|p| (p.peer, p.path_id));
            let set = real.rib.ecmp::<P>(row);
            let set: Vec<_> = set.map(|path| key(&real.peers, 0, path)).collect();
            outcomes.push((best, sorted(&set)));
        }
        prop_assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]), "{outcomes:?}");
    }
    Ok(())
}

#[test]
fn attribute_ids_are_reused_only_when_nobody_holds_them() {
    let mut rib = Rib::default();
    let first = rib.attrs.intern(&Set::path(&[1]).canonical());
    let held = rib.attrs.intern(&Set::path(&[2]).canonical());
    rib.attrs.retain(first);
    rib.attrs.release(first);
    assert_eq!(rib.attrs.references(first), 1);
    rib.attrs.release(first);
    let third: AttrId = rib.attrs.intern(&Set::path(&[3]).canonical());
    assert_eq!(third, first, "a free id is used again");
    assert_eq!(rib.attrs.bytes(held), Set::path(&[2]).canonical());
    rib.attrs.release(third);
    rib.attrs.release(held);
    assert!(rib.attrs.is_empty());
    assert_eq!(rib.attrs.find(&Set::path(&[2]).canonical()), None);
}
