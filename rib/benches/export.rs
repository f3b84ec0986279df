//! Export of a table to update groups: by members, by routes an attribute set, and to a late joiner.
//!
//! Each figure is the time to bring all members from nothing to the whole table, packing included,
//! with frames counted and dropped. 5.7 routes a set is what a full Internet table has; all the same is
//! what a cluster of nodes looks like.

use std::{
    collections::HashSet,
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use bgp_wire::{Asn, AttrBuilder, Community, NextHop, V4Prefix};
use bytes::Bytes;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rib::{
    DecisionConfig, NextHopKey, PathFlags, PeerInfo, PeerIx, PeerKind, Resolution, Rib,
    export::{Exports, FrameSink, GroupKey, SessionKind},
    policy::{Action, Chain, Disposition, Match, Policy, PrefixRange, Set, Term},
};

const ROUTES: u32 = 100_000;

/// Counts what it is given.
#[derive(Default)]
struct Counter {
    frames: u64,
    bytes: u64,
}

impl FrameSink for Counter {
    fn push(&mut self, _: PeerIx, frame: &Bytes) {
        self.frames += 1;
        self.bytes += frame.len() as u64;
        black_box(frame.clone());
    }

    fn has_room(&self, _: PeerIx) -> bool {
        true
    }
}

fn peer(rib: &mut Rib, number: u16) -> PeerIx {
    let [high, low] = number.to_be_bytes();
    let info = PeerInfo {
        addr: IpAddr::V4(Ipv4Addr::new(10, 0, high, low)),
        ifindex: 0,
        asn: Asn(65001),
        router_id: Ipv4Addr::new(10, 0, high, low),
        kind: PeerKind::Ebgp,
    };
    rib.add_peer(info).expect("few peers")
}

/// A table of `routes` /24 of one source, `per_ten` routes every ten attribute sets.
fn table(routes: u32, per_ten: u32) -> Rib {
    let mut rib = Rib::new(DecisionConfig::default());
    let source = peer(&mut rib, 1);
    let key = NextHopKey { next_hop: NextHop::V4(Ipv4Addr::new(192, 0, 2, 1)), ifindex: 0 };
    let next_hop = rib.next_hops.intern_with(key, |_| Resolution::Resolved { metric: 0 });
    let mut unique = HashSet::new();
    let mut canonical = Vec::new();
    for n in 0..routes {
        let set = u64::from(n) * 10 / u64::from(per_ten);
        let set = u32::try_from(set).expect("fewer sets than routes");
        canonical.clear();
        let mut builder = AttrBuilder::new();
        builder.set_origin(0).replace_as_path(&[65001, 3356, 100_000 + set, 64_512].map(Asn));
        builder.set_communities(&[Community::new(3356, 2), Community(set)]);
        builder.finish(&mut canonical);
        let attr = rib.attrs.intern(&canonical);
        // Odd multiples visit each /24 once.
        let net = n.wrapping_mul(0x9e_3779) & 0xff_ffff;
        let prefix = V4Prefix::from_bits(net << 8, 24).expect("24 bits");
        assert!(unique.insert(prefix), "keys are unique");
        rib.announce(source, 0, prefix, attr, next_hop, PathFlags::NONE);
        rib.attrs.release(attr);
    }
    assert_eq!(rib.table::<V4Prefix>().best_count(), routes as usize);
    rib
}

fn key() -> GroupKey {
    GroupKey {
        next_hop_v4: Some(Ipv4Addr::new(192, 0, 2, 254)),
        ..GroupKey::new(SessionKind::Ebgp, Asn(65000))
    }
}

/// Matches on prefix and community, so that no term is decided by the attributes alone.
fn policy() -> Arc<Chain> {
    let ranges = (0..1000u32).map(|n| {
        let prefix = V4Prefix::from_bits(n << 18, 14).expect("14 bits");
        PrefixRange::or_longer(prefix.into())
    });
    let term = |name: &str, condition, action| Term {
        name: name.into(),
        matches: vec![condition],
        action,
    };
    Arc::new(Chain::new([Policy {
        terms: vec![
            term("no", Match::AnyCommunity(vec![Community::new(1, 1)]), Action::Deny),
            term(
                "listed",
                Match::PrefixIn(ranges.collect()),
                Action::Permit(vec![Set::Med(Some(10))]),
            ),
        ],
        default: Disposition::Permit,
    }]))
}

fn export(rib: &mut Rib, exports: &mut Exports) -> Counter {
    let mut sink = Counter::default();
    while exports.pump(rib, &mut sink, 1 << 20) {}
    assert!(sink.frames > 0);
    sink
}

/// A table with members that have not been sent anything.
fn joined(routes: u32, per_ten: u32, members: u16, key: &GroupKey) -> (Rib, Exports) {
    let mut rib = table(routes, per_ten);
    let mut exports = Exports::new();
    for number in 0..members {
        let member = peer(&mut rib, 2 + number);
        exports.join(&mut rib, key.clone(), member);
    }
    (rib, exports)
}

fn by_members(c: &mut Criterion) {
    let mut group = c.benchmark_group("export/100k");
    group.throughput(Throughput::Elements(ROUTES.into())).sample_size(10);
    for (name, per_ten) in [("1", 10), ("5.7", 57), ("100", 1000)] {
        for members in [1u16, 16, 256] {
            let id = BenchmarkId::new(format!("{name} routes a set"), members);
            group.bench_function(id, |b| {
                b.iter_batched_ref(
                    || joined(ROUTES, per_ten, members, &key()),
                    |(rib, exports)| export(rib, exports),
                    BatchSize::PerIteration,
                );
            });
        }
    }
    let with_policy = GroupKey { policy: policy(), ..key() };
    group.bench_function("5.7 routes a set, prefix policy/16", |b| {
        b.iter_batched_ref(
            || joined(ROUTES, 57, 16, &with_policy),
            |(rib, exports)| export(rib, exports),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn million(c: &mut Criterion) {
    let mut group = c.benchmark_group("export/1M");
    group.throughput(Throughput::Elements(1_000_000)).sample_size(10);
    group.bench_function("5.7 routes a set/1", |b| {
        b.iter_batched_ref(
            || joined(1_000_000, 57, 1, &key()),
            |(rib, exports)| export(rib, exports),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn late_join(c: &mut Criterion) {
    let mut group = c.benchmark_group("export/late join");
    group.throughput(Throughput::Elements(ROUTES.into())).sample_size(10);
    for members in [1u16, 256] {
        group.bench_function(BenchmarkId::new("5.7 routes a set", members), |b| {
            b.iter_batched_ref(
                || {
                    let (mut rib, mut exports) = joined(ROUTES, 57, 1, &key());
                    export(&mut rib, &mut exports);
                    for number in 0..members {
                        let late = peer(&mut rib, 1000 + number);
                        exports.join(&mut rib, key(), late);
                    }
                    (rib, exports)
                },
                |(rib, exports)| export(rib, exports),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// Every route is announced with other attributes: table and export together.
fn churn(c: &mut Criterion) {
    let mut group = c.benchmark_group("export/churn");
    group.throughput(Throughput::Elements(ROUTES.into())).sample_size(10);
    let (mut rib, mut exports) = joined(ROUTES, 57, 16, &key());
    export(&mut rib, &mut exports);
    let table = rib.table::<V4Prefix>();
    let rows: Vec<_> = (0..table.slots()).map(rib::RowId).collect();
    let routes: Vec<_> = rows
        .iter()
        .map(|row| (table.prefix(*row), *table.best(*row).expect("all rows have a path")))
        .collect();
    for (_, path) in &routes {
        rib.attrs.retain(path.attr);
    }
    let mut turn = 0;
    group.bench_function("announce all anew and export/16", |b| {
        b.iter(|| {
            turn += 1;
            for (n, (prefix, path)) in routes.iter().enumerate() {
                let other = routes[(n + turn * 57) % routes.len()].1.attr;
                rib.announce(path.peer, 0, *prefix, other, path.next_hop, PathFlags::NONE);
            }
            export(&mut rib, &mut exports)
        });
    });
    group.finish();
}

criterion_group!(benches, by_members, million, late_join, churn);
criterion_main!(benches);
