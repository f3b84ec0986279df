//! Thousands of routes of every family, with attribute sets from bare to rich.

use std::fmt::Debug;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use bgp_wire::nlri::{EvpnRoute, FlowSpec, Labeled, RouteTargetMembership, Vpn, VpnFlowSpec};
use bgp_wire::{
    Asn, AttrBuilder, AttrType, Community, EncodeContext, ExtCommunity, Family, LargeCommunity,
    NextHop, Nlri, V4Prefix, V6Prefix, end_of_rib, pack_announce, pack_withdraw,
};

/// Routes a family; enough for several messages of 65535 octets in most.
const ROUTES: u32 = 6000;

const V4: NextHop = NextHop::V4(Ipv4Addr::new(192, 0, 2, 101));
const V6: NextHop = NextHop::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x101));
/// UPDATEs that announce, UPDATEs that withdraw.
type Encode = Box<dyn Fn(&EncodeContext) -> (Vec<u8>, Vec<u8>)>;

/// What is sent of a family.
pub(crate) struct Cargo {
    pub(crate) family: Family,
    pub(crate) routes: usize,
    encode: Encode,
}

impl Cargo {
    /// UPDATEs that announce all, with the End-of-RIB, and UPDATEs that withdraw all.
    pub(crate) fn messages(&self, ctx: &EncodeContext) -> (Vec<u8>, Vec<u8>) {
        (self.encode)(ctx)
    }

    fn new<N: Nlri>(family: Family, next_hop: Option<NextHop>, make: impl Fn(u32) -> N) -> Self {
        // GoBGP's work grows with the square of the route targets it knows.
        let count = if family == Family::ROUTE_TARGET { ROUTES / 12 } else { ROUTES };
        let mut routes: Vec<N> = (0..count).map(make).collect();
        let list = routes.clone();
        routes.sort_unstable();
        routes.dedup();
        assert_eq!(routes.len(), list.len(), "{family}: routes must differ");
        let encode = move |ctx: &EncodeContext| {
            let (mut announce, mut withdraw) = (Vec::new(), Vec::new());
            let sets = attribute_sets();
            let share = list.len().div_ceil(sets.len());
            let mut sent = 0;
            for (set, routes) in sets.iter().zip(list.chunks(share)) {
                let nlri = routes.iter().map(|r| (7, r.clone()));
                let stats = pack_announce(family, set, next_hop.as_ref(), ctx, nlri, &mut announce);
                assert_eq!((stats.prefixes, stats.unsendable), (routes.len(), 0));
                sent += stats.prefixes;
            }
            assert_eq!(sent, list.len());
            end_of_rib(family, &mut announce);
            let nlri = list.iter().map(|r| (7, r.clone()));
            let stats = pack_withdraw(family, ctx, nlri, &mut withdraw);
            assert_eq!((stats.prefixes, stats.unsendable), (list.len(), 0));
            (announce, withdraw)
        };
        Self { family, routes: count as usize, encode: Box::new(encode) }
    }

    /// Routes from their text.
    fn text<N: Nlri + FromStr<Err: Debug>>(
        family: Family,
        next_hop: Option<NextHop>,
        text: impl Fn(u32) -> String,
    ) -> Self {
        let parse = |i| {
            let text = text(i);
            text.parse().unwrap_or_else(|e| panic!("{family} {text}: {e:?}"))
        };
        Self::new::<N>(family, next_hop, parse)
    }
}

/// What is sent of each family.
pub(crate) fn cargos() -> Vec<Cargo> {
    let v4 = |i: u32| {
        V4Prefix::from_bits(0x0a00_0000 + (i << 8), 24 + u8::from(i.is_multiple_of(7))).unwrap()
    };
    let v6 = |i: u32| {
        let bits = 0x2001_0db8_u128 << 96 | u128::from(i) << 64;
        V6Prefix::from_bits(bits, if i.is_multiple_of(5) { 128 } else { 64 }).unwrap()
    };
    let rd = |i: u32| match i % 3 {
        0 => format!("65000:{}", i / 1000),
        1 => format!("192.0.2.101:{}", i / 1000),
        _ => format!("4200000000L:{}", i / 1000),
    };
    let labeled = move |i| format!("{} label {}", v4(i), 16 + i);
    let labeled6 = move |i| format!("{} label {}", v6(i), 16 + i);
    vec![
        Cargo::new(Family::IPV4_UNICAST, Some(V4), v4),
        Cargo::new(Family::IPV6_UNICAST, Some(V6), v6),
        Cargo::new(Family::IPV4_MULTICAST, Some(V4), v4),
        Cargo::new(Family::IPV6_MULTICAST, Some(V6), v6),
        Cargo::text::<Labeled<V4Prefix>>(Family::IPV4_LABELED, Some(V4), labeled),
        Cargo::text::<Labeled<V6Prefix>>(Family::IPV6_LABELED, Some(V6), labeled6),
        Cargo::text::<Vpn<V4Prefix>>(Family::IPV4_VPN, Some(V4), move |i| {
            format!("{}:{}", rd(i), labeled(i))
        }),
        Cargo::text::<Vpn<V6Prefix>>(Family::IPV6_VPN, Some(V6), move |i| {
            format!("{}:{}", rd(i), labeled6(i))
        }),
        Cargo::text::<EvpnRoute>(Family::EVPN, Some(V4), move |i| evpn(i, &rd(i))),
        Cargo::text::<RouteTargetMembership>(Family::ROUTE_TARGET, Some(V4), |i| {
            format!("65000:rt:65000:{i}/96")
        }),
        Cargo::text::<FlowSpec<V4Prefix>>(Family::IPV4_FLOW_SPEC, None, move |i| {
            format!("dst {} proto =6 dport >=80 &<=90 =8080", v4(i))
        }),
        Cargo::text::<FlowSpec<V6Prefix>>(Family::IPV6_FLOW_SPEC, None, move |i| {
            format!("dst {} proto =17 dport =53", v6(i))
        }),
        Cargo::text::<VpnFlowSpec<V4Prefix>>(Family::IPV4_FLOW_SPEC_VPN, None, move |i| {
            format!("rd {} dst {} proto =6", rd(i), v4(i))
        }),
        Cargo::text::<VpnFlowSpec<V6Prefix>>(Family::IPV6_FLOW_SPEC_VPN, None, move |i| {
            format!("rd {} dst {} proto =6", rd(i), v6(i))
        }),
    ]
}

/// Each of the five types in turn.
fn evpn(i: u32, rd: &str) -> String {
    let [_, b, c, d] = i.to_be_bytes();
    let (mac, label) = (format!("02:00:00:{b:02x}:{c:02x}:{d:02x}"), 100 + i);
    let ip = Ipv4Addr::from_bits(0x0a00_0000 + i);
    let esi = format!("00:01:02:03:04:05:06:{b:02x}:{c:02x}:{d:02x}");
    match i % 6 {
        0 => format!("ethernet-ad rd {rd} esi {esi} tag {i} label {label}"),
        1 => format!("mac-ip rd {rd} esi 0 tag 0 mac {mac} label {label}"),
        2 => {
            format!("mac-ip rd {rd} esi {esi} tag 0 mac {mac} ip {ip} label {label},{}", label + 1)
        }
        3 => format!("multicast rd {rd} tag {i} originator {ip}"),
        4 => format!("segment rd {rd} esi {esi} originator {ip}"),
        _ => format!("ip-prefix rd {rd} esi 0 tag 0 prefix {ip}/32 label {label}"),
    }
}

/// From the least a route can have to more than fits 4096 octets with ease.
fn attribute_sets() -> Vec<Vec<u8>> {
    let bare = |b: &mut AttrBuilder<'_>| {
        b.set_origin(0).replace_as_path(&[]).set_local_pref(Some(100));
    };
    let built = |edit: &dyn Fn(&mut AttrBuilder<'_>)| {
        let mut builder = AttrBuilder::new();
        bare(&mut builder);
        edit(&mut builder);
        let mut out = Vec::new();
        assert!(builder.finish(&mut out));
        out
    };
    let long_path: Vec<Asn> = (0..300).map(|i| Asn(100_000 + i)).collect();
    let communities: Vec<_> = (1..=200).map(|i| Community::new(65000, i)).collect();
    let large: Vec<_> = (1..=60).map(|i| LargeCommunity(65000, i, 1)).collect();
    let ext: Vec<ExtCommunity> = (1..=40).map(|i| ExtCommunity::route_target(65000, i)).collect();
    vec![
        built(&|b| {
            b.set_ext_communities(&ext[..1]);
        }),
        built(&|b| {
            b.set_origin(2)
                .replace_as_path(&[Asn(4_200_000_001), Asn(65001)])
                .set_med(Some(7))
                .set_communities(&[Community::new(65000, 1)])
                .set_ext_communities(&ext[..2])
                .set_large_communities(&large[..1]);
        }),
        built(&|b| {
            b.set_origin(1)
                .replace_as_path(&long_path)
                .set_communities(&communities)
                .set_ext_communities(&ext)
                .set_large_communities(&large)
                .set(AttrType::ATOMIC_AGGREGATE, 0x40, &[])
                .set(AttrType::AGGREGATOR, 0xc0, &[0, 1, 0x86, 0xa0, 192, 0, 2, 1])
                .set(AttrType::ORIGINATOR_ID, 0x80, &[198, 51, 100, 1])
                .set(AttrType::CLUSTER_LIST, 0x80, &[198, 51, 100, 2, 198, 51, 100, 3])
                .set(AttrType(99), 0xe0, &[1, 2, 3]);
        }),
    ]
}
