//! The naive side: routes in one map, every question answered from the words of the RFCs.
#![allow(unreachable_pub, reason = "a part of one test")]

use std::collections::BTreeMap;

use rib::{DecisionConfig, PathFlags, PeerCounts, PeerKind};

use crate::common::Set;

pub const PEERS: usize = 7;
pub const NEXT_HOPS: u8 = 4;
pub const PREFIXES: u32 = 3;

/// Peer number -> router id and kind; two routers have two sessions each.
pub fn peer(n: usize) -> (u8, PeerKind) {
    match n {
        0 => (1, PeerKind::Ebgp),
        1 => (1, PeerKind::Ebgp),
        2 => (3, PeerKind::Ebgp),
        3 => (4, PeerKind::Ibgp { client: false }),
        4 => (5, PeerKind::Ibgp { client: true }),
        5 => (5, PeerKind::Ibgp { client: false }),
        _ => (7, PeerKind::Local),
    }
}

#[derive(Clone, Debug)]
pub struct Route {
    pub set: Set,
    pub next_hop: u8,
    /// What the NLRI has beside its key.
    pub rest: u8,
    pub flags: PathFlags,
    pub stale: bool,
}

#[derive(Clone, Debug)]
pub enum Op {
    Announce { peer: usize, path_id: u32, prefix: u32, route: Route },
    Withdraw { peer: usize, path_id: u32, prefix: u32 },
    Restart { peer: usize },
    MarkStale { peer: usize },
    SweepStale { peer: usize },
    Lose { peer: usize },
    Back { peer: usize, router_id: u8 },
    LongLived { peer: usize },
    NextHop { next_hop: u8, metric: Option<u32> },
    Sweep { budget: usize },
    Drain { reader: usize, max: usize },
    Configure { config: DecisionConfig },
}

/// Key of a path in the model.
pub type Key = (u32, usize, u32);

pub struct Model {
    pub routes: BTreeMap<Key, Route>,
    metrics: BTreeMap<u8, Option<u32>>,
    config: DecisionConfig,
    router_ids: Vec<u8>,
    lost: [bool; PEERS],
    /// Rows are stations whose moves are counted.
    pub stations: bool,
}

impl Model {
    pub fn new(config: DecisionConfig) -> Self {
        let metrics = (0..NEXT_HOPS).map(|n| (n, Some(u32::from(n) / 2))).collect();
        let router_ids = (0..PEERS).map(|n| peer(n).0).collect();
        Self {
            routes: BTreeMap::new(),
            metrics,
            config,
            router_ids,
            lost: [false; PEERS],
            stations: false,
        }
    }

    /// The multipath set, the best path first.
    pub fn select(&self, prefix: u32) -> Vec<Key> {
        let of_prefix = self.routes.iter().filter(|(key, _)| key.0 == prefix);
        let mut left: Vec<(Key, &Route)> = of_prefix.map(|(key, route)| (*key, route)).collect();
        left.retain(|(_, r)| r.flags == PathFlags::NONE && self.metrics[&r.next_hop].is_some());
        let local = |key: &Key| matches!(peer(key.1).1, PeerKind::Local);
        let external = |key: &Key| !matches!(peer(key.1).1, PeerKind::Ibgp { .. });
        if self.stations {
            keep_least(&mut left, |_, r| std::cmp::Reverse(r.set.mobility.unwrap_or_default()));
        }
        if left.iter().any(|(key, _)| local(key)) {
            left.retain(|(key, _)| local(key));
        }
        keep_least(&mut left, |_, r| r.set.llgr_stale);
        let pref = |r: &Route| r.set.local_pref.unwrap_or(self.config.default_local_pref);
        keep_least(&mut left, |_, r| std::cmp::Reverse(pref(r)));
        keep_least(&mut left, |_, r| path_len(&r.set));
        keep_least(&mut left, |_, r| r.set.origin);
        let all = left.clone();
        left.retain(|(_, mine)| {
            !all.iter().any(|(_, other)| {
                let comparable = self.config.always_compare_med
                    || neighbor_as(&mine.set) == neighbor_as(&other.set);
                comparable && other.set.med.unwrap_or(0) < mine.set.med.unwrap_or(0)
            })
        });
        if left.iter().any(|(key, _)| external(key)) {
            left.retain(|(key, _)| external(key));
        }
        keep_least(&mut left, |_, r| self.metrics[&r.next_hop]);
        left.sort_by_key(|(key, r)| {
            let router_id = r.set.originator.unwrap_or(self.router_ids[key.1]);
            (router_id, r.set.clusters, key.1, key.2)
        });
        let Some(&(best, best_route)) = left.first() else { return Vec::new() };
        let most = if local(&best) { 1 } else { usize::from(self.config.maximum_paths.max(1)) };
        if !self.config.multipath_relax {
            left.retain(|(_, r)| r.set.as_path == best_route.set.as_path);
        }
        left.truncate(most);
        left.into_iter().map(|(key, _)| key).collect()
    }

    fn of(&mut self, n: usize) -> impl Iterator<Item = &mut Route> {
        self.routes.iter_mut().filter(move |(key, _)| key.1 == n).map(|(_, route)| route)
    }

    pub fn counts(&self, n: usize) -> PeerCounts {
        let mine: Vec<_> = self.routes.iter().filter(|(key, _)| key.1 == n).collect();
        let accepted = mine.iter().filter(|(_, r)| r.flags == PathFlags::NONE).count();
        let best = (0..PREFIXES)
            .filter(|prefix| self.select(*prefix).first().is_some_and(|key| key.1 == n));
        PeerCounts {
            received: mine.len() as u32,
            accepted: accepted as u32,
            best: best.count() as u32,
            stale: mine.iter().filter(|(_, r)| r.stale).count() as u32,
        }
    }
}

fn keep_least<K: Ord>(left: &mut Vec<(Key, &Route)>, key: impl Fn(&Key, &Route) -> K) {
    if let Some(least) = left.iter().map(|(k, r)| key(k, r)).min() {
        left.retain(|(k, r)| key(k, r) == least);
    }
}

fn path_len(set: &Set) -> usize {
    set.as_path.iter().map(|(is_set, asns)| if *is_set { 1 } else { asns.len() }).sum()
}

fn neighbor_as(set: &Set) -> u32 {
    match set.as_path.first() {
        Some((false, asns)) => asns[0],
        _ => 0,
    }
}

/// What an operation does to the model.
pub fn step(model: &mut Model, op: &Op) {
    match op {
        Op::Announce { peer, path_id, prefix, route } => {
            model.routes.insert((*prefix, *peer, *path_id), route.clone());
        }
        Op::Withdraw { peer, path_id, prefix } => {
            model.routes.remove(&(*prefix, *peer, *path_id));
        }
        Op::Restart { peer: n } => {
            model.routes.retain(|key, _| key.1 != *n);
            model.router_ids[*n] = peer(*n).0;
            model.lost[*n] = false;
        }
        Op::MarkStale { peer } => model.of(*peer).for_each(|route| route.stale = true),
        Op::SweepStale { peer } => model.routes.retain(|key, route| key.1 != *peer || !route.stale),
        Op::Lose { peer } => {
            if !std::mem::replace(&mut model.lost[*peer], true) {
                model.of(*peer).for_each(|route| route.stale = true);
            }
        }
        Op::Back { peer, router_id } => {
            if std::mem::take(&mut model.lost[*peer]) {
                model.router_ids[*peer] = *router_id;
            }
        }
        Op::LongLived { peer } => {
            model.routes.retain(|key, route| key.1 != *peer || !route.stale || !route.set.no_llgr);
            model.of(*peer).filter(|r| r.stale).for_each(|route| route.set.llgr_stale = true);
        }
        Op::NextHop { next_hop, metric } => {
            model.metrics.insert(*next_hop, *metric);
        }
        Op::Configure { config } => model.config = config.clone(),
        Op::Sweep { .. } | Op::Drain { .. } => {}
    }
}
