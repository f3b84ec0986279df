//! Codec benches: decode, canonicalise and encode UPDATEs by message shape.
//!
//! Every message carries ORIGIN, an AS_PATH of four, NEXT_HOP or MP_REACH_NLRI, MED and four
//! communities. IPv4 prefixes come in two mixes: all /24, and lengths distributed as in a full table
//! (60 % /24, 35 % /17 to /23, the rest /8 to /16 and /32). Keys are unique.

use std::{hint::black_box, net::Ipv6Addr};

use bgp_wire::{
    Asn, AttrBuilder, AttrOutcome, AttrScratch, Community, EncodeContext, Family, MAX_EXTENDED,
    NextHop, NlriPrefix, Summary, UpdateContext, UpdateView, V4Prefix, V6Prefix, pack_announce,
};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const SIZES: [usize; 4] = [1, 10, 100, 900];
const V4_HOP: NextHop = NextHop::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const V6_HOP: NextHop = NextHop::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));

fn set() -> Vec<u8> {
    let mut out = Vec::new();
    AttrBuilder::new()
        .set_origin(0)
        .replace_as_path(&[Asn(65001), Asn(3356), Asn(70000), Asn(65010)])
        .set_med(Some(10))
        .set_communities(&[1, 2, 3, 4].map(|n| Community::new(65001, n)))
        .finish(&mut out);
    out
}

fn unique<P: NlriPrefix>(list: Vec<P>) -> Vec<P> {
    let mut sorted = list.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), list.len(), "bench keys must be unique");
    list
}

fn v4_24(n: usize) -> Vec<V4Prefix> {
    let make = |i| V4Prefix::from_bits(0x0a00_0000 + ((i as u32) << 8), 24).expect("24 <= 32");
    unique((0..n).map(make).collect())
}

fn v4_table(n: usize) -> Vec<V4Prefix> {
    let make = |i: usize| {
        let r = (i as u32).wrapping_mul(0x9e37_79b1) >> 16;
        let len = match r % 100 {
            0..60 => 24,
            60..95 => 17 + (r >> 8) % 7,
            95..99 => 8 + (r >> 8) % 9,
            _ => 32,
        };
        // Distinct first octets keep short prefixes apart; long ones differ further right.
        let addr = (i as u32).reverse_bits() ^ (r << 3);
        V4Prefix::from_bits(addr, len as u8).expect("at most 32")
    };
    let mut seen = std::collections::BTreeSet::new();
    (0..).map(make).filter(|p| seen.insert(*p)).take(n).collect()
}

fn v6_48(n: usize) -> Vec<V6Prefix> {
    let base = 0x2001_0db8_u128 << 96;
    let make = |i| V6Prefix::from_bits(base | ((i as u128) << 80), 48).expect("48 <= 128");
    unique((0..n).map(make).collect())
}

fn message<P: NlriPrefix>(hop: NextHop, nlri: &[P]) -> Vec<u8> {
    let ctx = EncodeContext { max_len: MAX_EXTENDED, ..EncodeContext::default() };
    let mut out = Vec::new();
    let stats =
        pack_announce(P::FAMILY, &set(), Some(&hop), &ctx, nlri.iter().map(|p| (0, *p)), &mut out);
    assert_eq!((stats.messages, stats.prefixes), (1, nlri.len()));
    out.split_off(19)
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    let ctx = UpdateContext::default();
    let mut scratch = AttrScratch::default();
    for n in SIZES {
        group.throughput(Throughput::Elements(n as u64));
        for (name, nlri) in [("v4-24", v4_24(n)), ("v4-table", v4_table(n))] {
            let body = message(V4_HOP, &nlri);
            let mut column: Vec<V4Prefix> = Vec::with_capacity(n);
            group.bench_with_input(BenchmarkId::new(name, n), &body, |b, body| {
                b.iter(|| {
                    let view = UpdateView::parse(black_box(body), &ctx).expect("valid");
                    let AttrOutcome::Ok { canonical, .. } = view.attrs(&mut scratch) else {
                        unreachable!("valid")
                    };
                    black_box(canonical);
                    column.clear();
                    view.reach_v4().read_into(&mut column);
                    black_box(&column);
                });
            });
            group.bench_with_input(
                BenchmarkId::new(format!("{name}-iter"), n),
                &body,
                |b, body| {
                    b.iter(|| {
                        let view = UpdateView::parse(black_box(body), &ctx).expect("valid");
                        view.reach_v4().for_each(|item| {
                            black_box(item);
                        });
                    });
                },
            );
        }
        let body = message(V6_HOP, &v6_48(n));
        let mut column: Vec<V6Prefix> = Vec::with_capacity(n);
        group.bench_with_input(BenchmarkId::new("v6-48", n), &body, |b, body| {
            b.iter(|| {
                let view = UpdateView::parse(black_box(body), &ctx).expect("valid");
                black_box(view.attrs(&mut scratch));
                column.clear();
                view.reach_v6().read_into(&mut column);
                black_box(&column);
            });
        });
    }
    group.finish();
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    let ctx = EncodeContext::default();
    let set = set();
    let mut out = Vec::with_capacity(1 << 20);
    for n in SIZES {
        group.throughput(Throughput::Elements(n as u64));
        let v4 = v4_24(n);
        group.bench_with_input(BenchmarkId::new("v4-24", n), &v4, |b, v4| {
            b.iter(|| {
                out.clear();
                let nlri = v4.iter().map(|p| (0, *p));
                pack_announce(
                    Family::IPV4_UNICAST,
                    black_box(&set),
                    Some(&V4_HOP),
                    &ctx,
                    nlri,
                    &mut out,
                )
            });
        });
        let v6 = v6_48(n);
        group.bench_with_input(BenchmarkId::new("v6-48", n), &v6, |b, v6| {
            b.iter(|| {
                out.clear();
                let nlri = v6.iter().map(|p| (0, *p));
                pack_announce(
                    Family::IPV6_UNICAST,
                    black_box(&set),
                    Some(&V6_HOP),
                    &ctx,
                    nlri,
                    &mut out,
                )
            });
        });
    }
    group.finish();
}

fn attributes(c: &mut Criterion) {
    let mut group = c.benchmark_group("attributes");
    let mut scratch = AttrScratch::default();
    let ctx = UpdateContext::default();
    let v4 = message(V4_HOP, &v4_24(1));
    let v6 = message(V6_HOP, &v6_48(1));
    // An old speaker: paths are widened and merged.
    let narrow = EncodeContext { as4: false, ..EncodeContext::default() };
    let mut old = Vec::new();
    pack_announce(
        Family::IPV4_UNICAST,
        &set(),
        Some(&V4_HOP),
        &narrow,
        [(0, v4_24(1)[0])],
        &mut old,
    );
    let old_ctx = UpdateContext { as4: false, ..ctx };
    for (name, body, ctx) in [
        ("copied", &v4[..], &ctx),
        ("borrowed", &v6[..], &ctx),
        ("two-octet", &old[19..], &old_ctx),
    ] {
        let view = UpdateView::parse(body, ctx).expect("valid");
        group.bench_function(BenchmarkId::new("canonicalise", name), |b| {
            b.iter(|| {
                black_box(black_box(&view).attrs(&mut scratch));
            });
        });
    }
    let set = set();
    group.bench_function("summary", |b| b.iter(|| Summary::of(black_box(&set))));
    let view = UpdateView::parse(&v4, &ctx).expect("valid");
    group.bench_function("canonicalise+summary", |b| {
        b.iter(|| match black_box(&view).attrs(&mut scratch) {
            AttrOutcome::Ok { canonical, .. } => Summary::of(canonical),
            AttrOutcome::TreatAsWithdraw(_) => unreachable!("valid"),
        });
    });
    group.finish();
}

criterion_group!(benches, decode, encode, attributes);
criterion_main!(benches);
