//! Interning, rows, decision, sweep: time, and bytes a route.
//!
//! `cargo bench -p rib --bench table`. Before the timings it prints what a million routes occupy,
//! as counted by the tables themselves and as the process grew (`/proc/self/statm`).
//!
//! Prefixes are distinct (asserted), in an order which is random for the index. Attribute sets are
//! 58 bytes on average; tables are filled at 1, 5.7 (a real transit table) and all routes a set.

use std::{
    hint::black_box,
    io::Write,
    net::{IpAddr, Ipv4Addr},
};

use bgp_wire::{Asn, Family, FamilySet, NextHop, V4Prefix};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rib::{
    AttrId, AttrTable, DecisionConfig, Interest, NextHopId, NextHopKey, PathFlags, PeerInfo,
    PeerIx, PeerKind, Resolution, Rib,
};

const ROUTES: u32 = 1_000_000;
const SETS: u32 = 150_000;

/// The `n`th of 16 million distinct /24s; neighbours are far apart.
fn prefix(n: u32) -> V4Prefix {
    let scattered = n.wrapping_mul(0x9e37_79b1) & 0xff_ffff;
    V4Prefix::new(Ipv4Addr::from_bits(scattered << 8), 24).expect("24 is a length")
}

fn assert_distinct() {
    let mut all: Vec<_> = (0..ROUTES).map(prefix).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), ROUTES as usize, "bench prefixes must be distinct");
}

/// A canonical set of 45 to 69 bytes, different for each `n`.
fn set(n: u32) -> Vec<u8> {
    let mut out = Vec::new();
    put_set(n, &mut out);
    out
}

fn put_set(n: u32, out: &mut Vec<u8>) {
    let hops = 3 + n % 4;
    out.extend_from_slice(&[0x40, 1, 1, 0, 0x40, 2, (2 + 4 * hops) as u8, 2, hops as u8]);
    for hop in 0..hops {
        out.extend_from_slice(&(64_512 + hop * 977 + n % 1009).to_be_bytes());
    }
    out.extend_from_slice(&[0x80, 4, 4]);
    out.extend_from_slice(&(n % 50).to_be_bytes());
    out.extend_from_slice(&[0xc0, 8, 12]);
    for community in [n, n.rotate_left(7), 0xfde8_0001] {
        out.extend_from_slice(&community.to_be_bytes());
    }
}

fn peer(rib: &mut Rib, n: u8) -> PeerIx {
    let addr = Ipv4Addr::new(192, 0, 2, n);
    let info = PeerInfo {
        addr: IpAddr::V4(addr),
        ifindex: 0,
        asn: Asn(65000 + u32::from(n)),
        router_id: addr,
        kind: PeerKind::Ebgp,
    };
    rib.add_peer(info).expect("few peers")
}

fn next_hop(rib: &mut Rib, n: u8) -> NextHopId {
    let key = NextHopKey { next_hop: NextHop::V4(Ipv4Addr::new(192, 0, 2, n)), ifindex: 0 };
    rib.next_hops.intern_with(key, |_| Resolution::Resolved { metric: 0 })
}

/// A RIB with `peers` peers and two readers.
fn new_rib(peers: u8) -> (Rib, Vec<PeerIx>, NextHopId) {
    let mut rib = Rib::new(DecisionConfig { multipath_relax: true, ..DecisionConfig::default() });
    let peers = (1..=peers).map(|n| peer(&mut rib, n)).collect();
    let next_hop = next_hop(&mut rib, 1);
    let mut families = FamilySet::EMPTY;
    families.insert(Family::IPV4_UNICAST);
    rib.register_consumer(Interest::Multipath, families);
    rib.register_consumer(Interest::Best, families);
    (rib, peers, next_hop)
}

/// Announce all routes from one peer, `per_ten_sets` / 10 routes a set; sets are interned as met.
fn fill(rib: &mut Rib, peer: PeerIx, next_hop: NextHopId, per_ten_sets: u32) {
    let mut bytes = Vec::new();
    let mut last: Option<(u32, AttrId)> = None;
    for n in 0..ROUTES {
        let number = (u64::from(n) * 10 / u64::from(per_ten_sets)) as u32;
        let attr = match last {
            Some((same, attr)) if same == number => attr,
            _ => {
                bytes.clear();
                put_set(number, &mut bytes);
                let attr = rib.attrs.intern(&bytes);
                if let Some((_, old)) = last.replace((number, attr)) {
                    rib.attrs.release(old);
                }
                attr
            }
        };
        rib.announce(peer, 0, prefix(n), attr, next_hop, PathFlags::NONE);
    }
    if let Some((_, attr)) = last {
        rib.attrs.release(attr);
    }
}

fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or_default() * 4096
}

fn bytes_a_route() {
    let mut out = std::io::stdout();
    // Later tables reuse what earlier ones gave back: only the first shows how the process grows.
    let mut before = Some(resident());
    let shapes = [(1, "5.7 routes a set", 57), (1, "1 route a set", 10)]
        .into_iter()
        .chain([(1, "one set", ROUTES * 10), (10, "ten feeds, 5.7 routes a set", 57)]);
    for (feeds, name, per_ten_sets) in shapes {
        let (mut rib, peers, next_hop) = new_rib(feeds);
        for peer in peers {
            fill(&mut rib, peer, next_hop, per_ten_sets);
        }
        let paths = f64::from(ROUTES) * f64::from(feeds);
        let counted = rib.memory() as f64 / paths;
        let _ = writeln!(out, "{name}: {counted:.1} bytes a path");
        if let Some(before) = before.take() {
            let grown = resident().saturating_sub(before) as f64 / paths;
            let _ = writeln!(out, "{name}: {grown:.1} bytes a path resident");
        }
    }
}

fn intern(c: &mut Criterion) {
    let sets: Vec<_> = (0..SETS).map(set).collect();
    let mut group = c.benchmark_group("intern");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(SETS)));
    group.bench_function("miss", |b| {
        b.iter_batched_ref(
            AttrTable::new,
            |table| {
                for set in &sets {
                    black_box(table.intern(set));
                }
            },
            BatchSize::PerIteration,
        );
    });
    let mut table = AttrTable::new();
    sets.iter().for_each(|set| {
        table.intern(set);
    });
    assert_eq!(table.len(), SETS as usize, "bench sets must be distinct");
    let order: Vec<_> =
        (0..SETS).map(|n| (u64::from(n) * 1_000_003 % u64::from(SETS)) as usize).collect();
    group.bench_function("random hit", |b| {
        b.iter(|| {
            for &n in &order {
                let id = table.intern(&sets[n]);
                table.release(id);
            }
        });
    });
    group.bench_function("same as last", |b| {
        b.iter(|| {
            for _ in 0..SETS {
                let id = table.intern(black_box(&sets[7]));
                table.release(id);
            }
        });
    });
    group.finish();
}

fn rows(c: &mut Criterion) {
    let mut group = c.benchmark_group("rows");
    group.sample_size(10);
    group.throughput(Throughput::Elements(u64::from(ROUTES)));
    for (name, per_ten_sets) in [("1", 10), ("5.7", 57), ("all", ROUTES * 10)] {
        group.bench_function(BenchmarkId::new("insert, routes a set", name), |b| {
            b.iter_batched_ref(
                || new_rib(1),
                |(rib, peers, next_hop)| fill(rib, peers[0], *next_hop, per_ten_sets),
                BatchSize::PerIteration,
            );
        });
    }
    let filled = || {
        let (mut rib, peers, next_hop) = new_rib(1);
        fill(&mut rib, peers[0], next_hop, 57);
        (rib, peers[0], next_hop)
    };
    let (mut rib, peer, next_hop) = filled();
    let [one, other] = [1, 2].map(|n| rib.attrs.intern(&set(n)));
    let mut attr = one;
    group.bench_function("replace", |b| {
        b.iter(|| {
            attr = if attr == one { other } else { one };
            for n in 0..ROUTES {
                rib.announce(peer, 0, prefix(n), attr, next_hop, PathFlags::NONE);
            }
        });
    });
    group.bench_function("announce again, unchanged", |b| {
        b.iter(|| {
            for n in 0..ROUTES {
                rib.announce(peer, 0, prefix(n), attr, next_hop, PathFlags::NONE);
            }
        });
    });
    drop(rib);
    group.bench_function("withdraw", |b| {
        b.iter_batched_ref(
            filled,
            |(rib, peer, _)| {
                for n in 0..ROUTES {
                    rib.withdraw(*peer, 0, prefix(n));
                }
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("sweep of a peer with all routes", |b| {
        b.iter_batched_ref(
            filled,
            |(rib, peer, _)| {
                rib.peer_down(*peer);
                while rib.sweep(4096) {}
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("sweep of a peer with one route", |b| {
        let (mut rib, _, next_hop) = filled();
        let attr = rib.attrs.intern(&set(1));
        b.iter_batched(
            || (),
            |()| {
                let small = peer_with_one_route(&mut rib, attr, next_hop);
                rib.peer_down(small);
                while rib.sweep(4096) {}
            },
            BatchSize::PerIteration,
        );
    });
    group.bench_function("drain", |b| {
        let (mut rib, _, _) = filled();
        let mut families = FamilySet::EMPTY;
        families.insert(Family::IPV4_UNICAST);
        let reader = rib.register_consumer(Interest::Best, families);
        let mut rows = Vec::new();
        b.iter(|| {
            rib.replay::<V4Prefix>(reader);
            while rib.next_dirty::<V4Prefix>(reader, 1024, &mut rows) > 0 {
                rows.clear();
            }
        });
    });
    group.finish();
}

fn peer_with_one_route(rib: &mut Rib, attr: AttrId, next_hop: NextHopId) -> PeerIx {
    let small = peer(rib, 2);
    rib.announce(small, 0, prefix(ROUTES / 2), attr, next_hop, PathFlags::NONE);
    small
}

/// One path of a row with `n` candidates changes its attributes, back and forth.
fn decision(c: &mut Criterion) {
    let mut group = c.benchmark_group("decision");
    for n in [1, 4, 16] {
        for (name, len) in [("equal candidates", 0), ("worse candidates", 2)] {
            group.bench_function(BenchmarkId::new(name, n), |b| {
                let (mut rib, peers, next_hop) = new_rib(n);
                let attrs: Vec<_> = (0..4).map(|n| rib.attrs.intern(&set(n * 4))).collect();
                let longer = rib.attrs.intern(&set(4 + len));
                for peer in &peers[1..] {
                    let attr = if len == 0 { attrs[3] } else { longer };
                    rib.announce(*peer, 0, prefix(1), attr, next_hop, PathFlags::NONE);
                }
                let mut turn = 0;
                b.iter(|| {
                    turn ^= 1;
                    rib.announce(peers[0], 0, prefix(1), attrs[turn], next_hop, PathFlags::NONE)
                });
            });
        }
    }
    group.finish();
}

fn all(c: &mut Criterion) {
    assert_distinct();
    bytes_a_route();
    intern(c);
    rows(c);
    decision(c);
}

criterion_group!(benches, all);
criterion_main!(benches);
