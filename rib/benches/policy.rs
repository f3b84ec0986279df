//! Import policy a route, remembered and not, and an edit of an export policy over a table.
//!
//! Routes have distinct attribute sets of 58 octets and paths of four numbers. `miss` cycles through more
//! sets than are remembered, `hit` through few; the result is that of one route.

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use bgp_wire::{Asn, AttrBuilder, Community, NextHop, V4Prefix, V6Prefix};
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use rib::{
    AttrId, AttrTable, DecisionConfig, NextHopKey, PathFlags, PeerInfo, PeerIx, PeerKind,
    Resolution, Rib,
    export::{Exports, FrameSink, GroupKey, SessionKind},
    policy::{
        Action, AsPathPattern, Chain, Disposition, ImportPolicy, Match, Policy, PrefixRange, Set,
        Subject, Term,
    },
};

const ROUTES: u32 = 100_000;

fn canonical(set: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut builder = AttrBuilder::new();
    builder.set_origin(0).replace_as_path(&[65001, 3356, 100_000 + set, 64_512].map(Asn));
    builder.set_communities(&[Community::new(3356, 2), Community(set)]);
    builder.finish(&mut out);
    out
}

fn prefix(n: u32) -> V4Prefix {
    // Odd multiples visit each /24 once.
    V4Prefix::from_bits((n.wrapping_mul(0x9e_3779) & 0xff_ffff) << 8, 24).expect("24 bits")
}

fn term(name: &str, matches: Vec<Match>, action: Action) -> Term {
    Term { name: name.into(), matches, action }
}

fn chain(terms: Vec<Term>) -> Arc<Chain> {
    Arc::new(Chain::new([Policy { terms, default: Disposition::Permit }]))
}

fn ranges(count: u32) -> Match {
    let range =
        |n: u32| PrefixRange::or_longer(V4Prefix::from_bits(n << 18, 14).expect("14 bits").into());
    Match::PrefixIn((0..count).map(range).collect())
}

/// Policies, by what their terms ask.
fn policies() -> Vec<(&'static str, Arc<Chain>)> {
    let communities = |n: u16| vec![Match::AnyCommunity(vec![Community::new(1, n)])];
    let pattern = |text: &str| {
        let pattern = AsPathPattern::new(text).expect("an expression");
        vec![Match::AsPath(pattern)]
    };
    vec![
        (
            "10 communities",
            chain((0..10).map(|n| term("c", communities(n), Action::Deny)).collect()),
        ),
        (
            "10 AS paths",
            chain(
                (0..10)
                    .map(|n| term("p", pattern(&format!(r"\b{}\b", 7 + n)), Action::Deny))
                    .collect(),
            ),
        ),
        ("1,000 prefixes", chain(vec![term("l", vec![ranges(1000)], Action::Deny)])),
        (
            "set local-pref",
            chain(vec![term("s", Vec::new(), Action::Permit(vec![Set::LocalPref(200)]))]),
        ),
    ]
}

fn import(c: &mut Criterion) {
    let mut group = c.benchmark_group("policy/import");
    group.throughput(Throughput::Elements(1));
    for (name, chain) in policies() {
        for (kind, sets) in [("hit", 1000), ("miss", ROUTES)] {
            let mut attrs = AttrTable::new();
            let ids: Vec<AttrId> = (0..sets).map(|n| attrs.intern(&canonical(n))).collect();
            let mut policy = ImportPolicy::new(&chain, Asn(65000)).expect("no next hop");
            let mut n = 0u32;
            group.bench_function(BenchmarkId::new(name, kind), |b| {
                b.iter(|| {
                    n = n.wrapping_add(1);
                    let attr = ids[(n % sets) as usize];
                    // The class of the prefix goes with the set, so that a hit is one.
                    let subject = Subject::unicast(prefix(n % sets));
                    black_box(policy.apply(&mut attrs, attr, |_| subject))
                });
            });
            policy.clear(&mut attrs);
        }
    }
    group.finish();
}

/// Counts prefixes sent, and drops them.
#[derive(Default)]
struct Counter(u64);

impl FrameSink for Counter {
    fn push(&mut self, _: PeerIx, frame: &Bytes) {
        self.0 += frame.len() as u64;
    }

    fn has_room(&self, _: PeerIx) -> bool {
        true
    }
}

fn peer(rib: &mut Rib, last: u8) -> PeerIx {
    let addr = Ipv4Addr::new(10, 0, 0, last);
    let info = PeerInfo {
        addr: IpAddr::V4(addr),
        ifindex: 0,
        asn: Asn(65001),
        router_id: addr,
        kind: PeerKind::Ebgp,
    };
    rib.add_peer(info).expect("few peers")
}

/// An edit, over and back, until all differences are sent: of terms that match 1 route in 64, and of one
/// that no route of the table can match.
fn edit(c: &mut Criterion) {
    let mut group = c.benchmark_group("policy/edit, 100k routes, 5.7 a set");
    group.throughput(Throughput::Elements(u64::from(ROUTES))).sample_size(20);
    let some = || term("some", vec![ranges(256)], Action::Permit(vec![Set::Med(Some(5))]));
    let six: V6Prefix = "2001:db8::/32".parse().expect("a prefix");
    let six = Match::PrefixIn(vec![PrefixRange::or_longer(six.into())]);
    let rest = || term("rest", vec![], Action::Permit(vec![Set::Prepend { asn: None, count: 1 }]));
    let plain = chain(vec![rest()]);
    for (name, other) in [
        ("1 in 64 differs", chain(vec![some(), rest()])),
        ("another family", chain(vec![term("six", vec![six], Action::Deny), rest()])),
    ] {
        let mut rib = Rib::new(DecisionConfig::default());
        let (source, to) = (peer(&mut rib, 1), peer(&mut rib, 2));
        let key = NextHopKey { next_hop: NextHop::V4(Ipv4Addr::new(192, 0, 2, 1)), ifindex: 0 };
        let next_hop = rib.next_hops.intern_with(key, |_| Resolution::Resolved { metric: 0 });
        for n in 0..ROUTES {
            let attr = rib.attrs.intern(&canonical(n * 10 / 57));
            rib.announce(source, 0, prefix(n), attr, next_hop, PathFlags::NONE);
            rib.attrs.release(attr);
        }
        let mut exports = Exports::new();
        let key = GroupKey {
            next_hop_v4: Some(Ipv4Addr::new(192, 0, 2, 254)),
            policy: Arc::clone(&plain),
            ..GroupKey::new(SessionKind::Ebgp, Asn(65000))
        };
        let member = exports.join(&mut rib, key, to);
        let mut sink = Counter::default();
        while exports.pump(&mut rib, &mut sink, 1 << 20) {}
        let mut turn = false;
        group.bench_function(name, |b| {
            b.iter(|| {
                turn = !turn;
                let policy = if turn { &other } else { &plain };
                let at = exports.group_of(member).expect("a member");
                exports.set_policy(&mut rib, at, Arc::clone(policy));
                while exports.pump(&mut rib, &mut sink, 1 << 20) {}
                sink.0
            });
        });
    }
    group.finish();
}

criterion_group!(benches, import, edit);
criterion_main!(benches);
