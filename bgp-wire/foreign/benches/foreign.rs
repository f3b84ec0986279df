//! Our codec beside routecore, bgpkit-parser and netgauze-bgp-pkt, in one run on one machine.
//!
//! Messages: ORIGIN, AS_PATH of four, next hop, MED, four communities, and for VPN and EVPN two
//! extended communities; 1, 10, 100 and 900 routes of IPv4 (/24), IPv6 (/48), VPNv4 and EVPN type 5.
//! Those over 4096 octets are extended messages (RFC 8654).
//!
//! Decoding: everybody reads all attributes and all routes. `ours` is the receive path: canonical
//! attributes, their summary, and every route in a column that is kept; `ours-iter` takes the routes
//! one by one instead; `ours-typed` also decodes each attribute's value and walks every list in it. netgauze and bgpkit build owned values; routecore, which is lazy, is made
//! to turn each attribute into its owned type and to yield each route. bgpkit-parser has no VPN or
//! EVPN routes. Building and dropping of values is part of the time.
//!
//! Encoding: from what each codec holds in memory to one message. Ours packs a column's routes, by
//! reference, behind a canonical attribute block that is copied as it is, into a kept buffer. netgauze
//! writes a decoded message, attribute by attribute, into a kept buffer; bgpkit the same into one it
//! makes, and again no VPN or EVPN. routecore's builder consumes its lists and sends IPv4 in
//! MP_REACH_NLRI within 4096 octets, which is another task; it is left out.
//!
//! Allocations a message are printed before the times: `cargo bench -p bgp-wire-foreign`.

use std::{any::Any, hint::black_box, io::Write as _};

use allocation_counter::measure;
use bgp_wire::{
    Asn, AttrBuilder, AttrOutcome, AttrScratch, AttrValue, Community, EncodeContext, EvpnRoute,
    ExtCommunity, Family, HEADER_LEN, Label, LabelStack, MAX_EXTENDED, NextHop, Nlri, NlriIter,
    RouteDistinguisher, Summary, UpdateContext, UpdateView, V4Prefix, V6Prefix, Vpn, attrs,
    pack_announce,
};
use bgp_wire_foreign::{netgauze, ours};
use bgpkit_parser::{
    models::{AsnLength, BgpMessage},
    parser::bgp::parse_bgp_message,
};
use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use netgauze_parse_utils::WritablePdu as _;
use routecore::bgp::message::{SessionConfig, UpdateMessage};

const SIZES: [usize; 4] = [1, 10, 100, 900];
const V4_HOP: NextHop = NextHop::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
const V6_HOP: NextHop = NextHop::V6(std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
const ENCODE: EncodeContext = EncodeContext { as4: true, max_len: MAX_EXTENDED, add_path: false };

/// One family's routes and what goes with them.
struct Case<N> {
    name: &'static str,
    family: Family,
    next_hop: NextHop,
    set: Vec<u8>,
    routes: Vec<(u32, N)>,
    message: Vec<u8>,
}

impl<N: Nlri> Case<N> {
    fn new(name: &'static str, family: Family, n: usize, route: impl Fn(u32) -> N) -> Self {
        let next_hop = if family == Family::IPV6_UNICAST { V6_HOP } else { V4_HOP };
        let mut builder = AttrBuilder::new();
        builder
            .set_origin(0)
            .replace_as_path(&[Asn(65001), Asn(3356), Asn(70000), Asn(65010)])
            .set_med(Some(10))
            .set_communities(&[1, 2, 3, 4].map(|n| Community::new(65001, n)));
        if !matches!(family, Family::IPV4_UNICAST | Family::IPV6_UNICAST) {
            builder.set_ext_communities(&[1, 2].map(|n| ExtCommunity::route_target(65001, n)));
        }
        let mut set = Vec::new();
        assert!(builder.finish(&mut set));
        let routes: Vec<_> = (0..n as u32).map(|i| (0, route(i))).collect();
        let mut message = Vec::new();
        let stats = pack_announce(
            family,
            &set,
            Some(&next_hop),
            &ENCODE,
            routes.iter().cloned(),
            &mut message,
        );
        assert_eq!((stats.messages, stats.prefixes), (1, n));
        Self { name, family, next_hop, set, routes, message }
    }

    fn is_plain(&self) -> bool {
        matches!(self.family, Family::IPV4_UNICAST | Family::IPV6_UNICAST)
    }
}

fn v4(n: usize) -> Case<V4Prefix> {
    let route = |i: u32| V4Prefix::from_bits(0x0a00_0000 + (i << 8), 24).expect("at most 32");
    Case::new("ipv4", Family::IPV4_UNICAST, n, route)
}

fn v6(n: usize) -> Case<V6Prefix> {
    let base = 0x2001_0db8_u128 << 96;
    let route =
        |i: u32| V6Prefix::from_bits(base | (u128::from(i) << 80), 48).expect("at most 128");
    Case::new("ipv6", Family::IPV6_UNICAST, n, route)
}

fn vpn(n: usize) -> Case<Vpn<V4Prefix>> {
    let rd = RouteDistinguisher::from_asn2(65001, 7);
    Case::new("vpnv4", Family::IPV4_VPN, n, |i| {
        let prefix = V4Prefix::from_bits(0x0a00_0000 + (i << 8), 24).expect("at most 32");
        let labels = LabelStack::single(Label::new(1000).expect("20 bits"));
        Vpn::new(labels, rd, prefix).expect("fits the length octet")
    })
}

fn evpn(n: usize) -> Case<EvpnRoute> {
    Case::new("evpn5", Family::EVPN, n, |i| {
        let [_, a, b, c] = (0x0a_0000 + i).to_be_bytes();
        let mut octets = vec![5, 34, 0, 0, 0xfd, 0xe9, 0, 0, 0, 7];
        octets.extend_from_slice(&[0; 14]);
        octets.extend_from_slice(&[24, a, b, c, 0, 0, 0, 0, 0, 0, 0x3e, 0x81]);
        EvpnRoute::take(&octets).expect("a type 5 route").0
    })
}

/// What a session keeps from one message to the next.
struct Kept<N> {
    scratch: AttrScratch,
    column: Vec<N>,
}

impl<N> Kept<N> {
    fn new() -> Self {
        Self { scratch: AttrScratch::default(), column: Vec::new() }
    }
}

/// How ours reads.
#[derive(Copy, Clone, Eq, PartialEq)]
enum Mode {
    /// The receive path.
    Column,
    /// Routes one by one, nothing kept.
    Iter,
    /// The receive path, and every attribute's value.
    Typed,
}

const MODES: [(&str, Mode); 3] =
    [("ours", Mode::Column), ("ours-iter", Mode::Iter), ("ours-typed", Mode::Typed)];

fn routes<N: Nlri>(iter: NlriIter<'_, N>, mode: Mode, column: &mut Vec<N>) {
    if mode == Mode::Iter {
        iter.for_each(|route| {
            black_box(route);
        });
    } else {
        iter.read_into(column);
    }
}

fn ours<N: Nlri>(message: &[u8], ctx: &UpdateContext, kept: &mut Kept<N>, mode: Mode) {
    let view = UpdateView::parse(&message[HEADER_LEN..], ctx).expect("valid");
    let AttrOutcome::Ok { canonical, .. } = view.attrs(&mut kept.scratch) else {
        unreachable!("valid")
    };
    black_box(Summary::of(canonical));
    if mode == Mode::Typed {
        for attr in attrs(canonical) {
            match AttrValue::decode(attr.kind, attr.value, true).expect("canonical") {
                AttrValue::AsPath(path) => path.asns().for_each(|asn| {
                    black_box(asn);
                }),
                AttrValue::Communities(list) => list.iter().for_each(|c| {
                    black_box(c);
                }),
                AttrValue::ExtCommunities(list) => list.iter().for_each(|c| {
                    black_box(c.kind());
                }),
                other => {
                    black_box(other);
                }
            }
        }
    }
    kept.column.clear();
    match view.mp_reach() {
        Some(reach) => {
            routes(reach.iter::<N>().expect("its own type"), mode, &mut kept.column);
        }
        None => {
            let column: &mut dyn Any = &mut kept.column;
            let column = column.downcast_mut().expect("classic routes are IPv4");
            routes::<V4Prefix>(view.reach_v4(), mode, column);
        }
    }
    black_box(&kept.column);
}

fn routecore(message: &[u8], config: &SessionConfig) {
    let update = UpdateMessage::from_octets(message, config).expect("valid");
    for attribute in update.path_attributes().expect("valid") {
        black_box(attribute.expect("valid").to_owned().expect("valid"));
    }
    black_box(update.mp_next_hop().expect("valid"));
    for route in update.announcements().expect("valid") {
        black_box(route.expect("valid"));
    }
}

fn bgpkit(message: &Bytes) -> BgpMessage {
    parse_bgp_message(&mut message.clone(), false, &AsnLength::Bits32).expect("valid")
}

fn decode_case<N: Nlri>(c: &mut Criterion, case: &Case<N>) {
    let (n, message) = (case.routes.len(), &case.message);
    let mut group = c.benchmark_group(format!("decode-{}", case.name));
    group.throughput(Throughput::Elements(n as u64));
    let ctx = ours::context();
    let mut kept = Kept::new();
    for (name, mode) in MODES {
        group.bench_function(BenchmarkId::new(name, n), |b| {
            b.iter(|| ours::<N>(black_box(message), &ctx, &mut kept, mode));
        });
    }
    group.bench_function(BenchmarkId::new("netgauze", n), |b| {
        b.iter(|| netgauze::parse(black_box(message)).expect("valid"));
    });
    let config = SessionConfig::modern();
    group.bench_function(BenchmarkId::new("routecore", n), |b| {
        b.iter(|| routecore(black_box(message), &config));
    });
    if case.is_plain() {
        let octets = Bytes::from(message.clone());
        group.bench_function(BenchmarkId::new("bgpkit", n), |b| {
            b.iter(|| bgpkit(black_box(&octets)));
        });
    }
    group.finish();
}

fn encode_case<N: Nlri>(c: &mut Criterion, case: &Case<N>) {
    let n = case.routes.len();
    let mut group = c.benchmark_group(format!("encode-{}", case.name));
    group.throughput(Throughput::Elements(n as u64));
    let mut out = Vec::with_capacity(1 << 17);
    group.bench_function(BenchmarkId::new("ours", n), |b| {
        b.iter(|| {
            out.clear();
            let routes = case.routes.iter().map(|(id, route)| (*id, route));
            let hop = Some(&case.next_hop);
            pack_announce::<N>(case.family, black_box(&case.set), hop, &ENCODE, routes, &mut out)
        });
    });
    let held = netgauze::parse(&case.message).expect("valid");
    group.bench_function(BenchmarkId::new("netgauze", n), |b| {
        b.iter(|| {
            out.clear();
            black_box(&held).write(&mut out).expect("valid");
        });
    });
    if case.is_plain() {
        let held = bgpkit(&Bytes::from(case.message.clone()));
        group.bench_function(BenchmarkId::new("bgpkit", n), |b| {
            b.iter(|| black_box(&held).encode(AsnLength::Bits32).expect("valid"));
        });
    }
    group.finish();
}

/// Allocations to decode one message, after a first one has warmed up what is kept.
fn allocations<N: Nlri>(case: &Case<N>) {
    let message = &case.message;
    let ctx = ours::context();
    let mut kept = Kept::new();
    let config = SessionConfig::modern();
    let octets = Bytes::from(message.clone());
    let line = |name: &str, run: &mut dyn FnMut()| {
        run();
        let info = measure(run);
        let _ = writeln!(
            std::io::stdout(),
            "allocations decode-{}/{name}/{}: {} ({} octets)",
            case.name,
            case.routes.len(),
            info.count_total,
            info.bytes_total
        );
    };
    for (name, mode) in MODES {
        line(name, &mut || ours::<N>(message, &ctx, &mut kept, mode));
    }
    line("netgauze", &mut || {
        black_box(netgauze::parse(message).expect("valid"));
    });
    line("routecore", &mut || routecore(message, &config));
    if case.is_plain() {
        line("bgpkit", &mut || {
            black_box(bgpkit(&octets));
        });
    }
}

fn decode(c: &mut Criterion) {
    for n in SIZES {
        allocations(&v4(n));
        allocations(&v6(n));
        allocations(&vpn(n));
        allocations(&evpn(n));
    }
    for n in SIZES {
        decode_case(c, &v4(n));
        decode_case(c, &v6(n));
        decode_case(c, &vpn(n));
        decode_case(c, &evpn(n));
    }
}

fn encode(c: &mut Criterion) {
    for n in SIZES {
        encode_case(c, &v4(n));
        encode_case(c, &v6(n));
        encode_case(c, &vpn(n));
        encode_case(c, &evpn(n));
    }
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
