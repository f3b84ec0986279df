//! Routes of every family, as strategies. Each yields what the wire can carry, odd cases included.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_wire::{
    AnyNlri, Asn, Esi, EvpnRoute, ExtCommunity, Family, FlowSpec, Label, LabelStack, Labeled,
    MacAddr, Nlri, NlriPrefix, RouteDistinguisher, RouteTargetMembership, V4Prefix, V6Prefix, Vpn,
    VpnFlowSpec,
    nlri::{EvpnLabel, EvpnPrefix},
};
use proptest::{collection::vec, option, prelude::*};

use crate::arb;

/// Every family whose routes there are.
pub(crate) const FAMILIES: [Family; 15] = AnyNlri::FAMILIES;

/// Routes that can be announced in `family`, one of [`FAMILIES`].
pub(crate) fn route(family: Family) -> BoxedStrategy<AnyNlri> {
    let v4 = family.afi == bgp_wire::Afi::IPV4;
    match family {
        Family::IPV4_UNICAST | Family::IPV4_MULTICAST => arb::v4().prop_map_into().boxed(),
        Family::IPV6_UNICAST | Family::IPV6_MULTICAST => arb::v6().prop_map_into().boxed(),
        Family::IPV4_LABELED => labeled(arb::v4()).prop_map_into().boxed(),
        Family::IPV6_LABELED => labeled(arb::v6()).prop_map_into().boxed(),
        Family::IPV4_VPN => vpn(arb::v4()).prop_map_into().boxed(),
        Family::IPV6_VPN => vpn(arb::v6()).prop_map_into().boxed(),
        Family::EVPN => evpn().prop_map_into().boxed(),
        Family::IPV4_FLOW_SPEC => flow_spec::<V4Prefix>().prop_map_into().boxed(),
        Family::IPV6_FLOW_SPEC => flow_spec::<V6Prefix>().prop_map_into().boxed(),
        Family::IPV4_FLOW_SPEC_VPN => vpn_flow_spec::<V4Prefix>().prop_map_into().boxed(),
        Family::IPV6_FLOW_SPEC_VPN => vpn_flow_spec::<V6Prefix>().prop_map_into().boxed(),
        _ if v4 || family.safi == bgp_wire::Safi::ROUTE_TARGET => {
            membership().prop_map_into().boxed()
        }
        _ => panic!("{family} has no routes"),
    }
}

/// A family and a route of it.
pub(crate) fn any_route() -> impl Strategy<Value = (Family, AnyNlri)> {
    proptest::sample::select(&FAMILIES[..]).prop_flat_map(|family| (Just(family), route(family)))
}

pub(crate) fn rd() -> impl Strategy<Value = RouteDistinguisher> {
    // The types with a text of their own, and all others.
    (option::of(0u8..=2), any::<[u8; 8]>()).prop_map(|(kind, mut octets)| {
        if let Some(kind) = kind {
            octets[..2].copy_from_slice(&[0, kind]);
        }
        RouteDistinguisher(octets)
    })
}

/// At least one label; a lone one may lack the bottom bit.
pub(crate) fn labels() -> impl Strategy<Value = LabelStack> {
    let label = (0u32..1 << 20, 0u8..8)
        .prop_map(|(value, class)| Label::new(value).unwrap().with_traffic_class(class));
    prop_oneof![
        6 => label.clone().prop_map(LabelStack::single),
        2 => vec(label.clone(), 1..=LabelStack::MAX).prop_map(|l| LabelStack::new(&l).unwrap()),
        1 => label.prop_map(|l| format!("{l}/s=0").parse().unwrap()),
    ]
}

pub(crate) fn labeled<P: NlriPrefix>(
    prefix: impl Strategy<Value = P>,
) -> impl Strategy<Value = Labeled<P>> {
    (labels(), prefix).prop_map(|(labels, prefix)| {
        let one = LabelStack::single(Label::default());
        Labeled::new(labels, prefix).or_else(|| Labeled::new(one, prefix)).unwrap()
    })
}

pub(crate) fn vpn<P: NlriPrefix>(
    prefix: impl Strategy<Value = P>,
) -> impl Strategy<Value = Vpn<P>> {
    (labels(), rd(), prefix).prop_map(|(labels, rd, prefix)| {
        let one = LabelStack::single(Label::default());
        Vpn::new(labels, rd, prefix).or_else(|| Vpn::new(one, rd, prefix)).unwrap()
    })
}

fn esi() -> impl Strategy<Value = Esi> {
    (0u8..=6, any::<[u8; 9]>(), any::<bool>()).prop_map(|(kind, tail, zero_end)| {
        let mut octets = [kind; 10];
        octets[1..].copy_from_slice(&tail);
        octets[9] = if zero_end { 0 } else { octets[9] };
        if octets[1] < 16 { Esi::ZERO } else { Esi(octets) }
    })
}

fn addr() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|a| IpAddr::V4(Ipv4Addr::from_bits(a))),
        any::<u128>().prop_map(|a| IpAddr::V6(Ipv6Addr::from_bits(a))),
    ]
}

fn evpn_label() -> impl Strategy<Value = EvpnLabel> {
    any::<[u8; 3]>().prop_map(EvpnLabel)
}

pub(crate) fn evpn() -> impl Strategy<Value = EvpnRoute> {
    let opaque = (any::<u8>(), vec(any::<u8>(), 0..=255))
        .prop_map(|(kind, value)| EvpnRoute::from_value(kind, &value).unwrap());
    let gateway = prop_oneof![Just(0), any::<u128>()];
    let prefix = (arb::v4(), arb::v6(), gateway, any::<bool>()).prop_map(|(v4, v6, gw, is_v4)| {
        if is_v4 {
            EvpnPrefix::V4(v4, Ipv4Addr::from_bits(gw as u32))
        } else {
            EvpnPrefix::V6(v6, Ipv6Addr::from_bits(gw))
        }
    });
    prop_oneof![
        (rd(), esi(), any::<u32>(), evpn_label())
            .prop_map(|(rd, esi, tag, label)| EvpnRoute::EthernetAd { rd, esi, tag, label }),
        (
            (rd(), esi(), any::<u32>(), any::<[u8; 6]>().prop_map(MacAddr)),
            (option::of(addr()), evpn_label(), option::of(evpn_label())),
        )
            .prop_map(|((rd, esi, tag, mac), (ip, label, ip_label))| {
                EvpnRoute::MacIp { rd, esi, tag, mac, ip, label, ip_label }
            }),
        (rd(), any::<u32>(), addr()).prop_map(|(rd, tag, originator)| {
            EvpnRoute::InclusiveMulticast { rd, tag, originator }
        }),
        (rd(), esi(), addr()).prop_map(|(rd, esi, originator)| EvpnRoute::EthernetSegment {
            rd,
            esi,
            originator
        }),
        (rd(), esi(), any::<u32>(), prefix, evpn_label()).prop_map(
            |(rd, esi, tag, route, label)| EvpnRoute::IpPrefix { rd, esi, tag, route, label }
        ),
        opaque,
    ]
}

pub(crate) fn membership() -> impl Strategy<Value = RouteTargetMembership> {
    prop_oneof![
        1 => Just(RouteTargetMembership::DEFAULT),
        9 => (any::<u32>(), any::<[u8; 8]>(), 32u8..=96).prop_map(|(asn, target, bits)| {
            RouteTargetMembership::partial(Asn(asn), ExtCommunity(target), bits).unwrap()
        }),
    ]
}

/// One component of a filter: nearly always well formed.
fn component<P: NlriPrefix>(kind: u8) -> BoxedStrategy<Vec<u8>> {
    if kind <= 2 {
        return if P::MAX_BITS == 32 {
            arb::v4().prop_map(move |prefix| put(&[kind], &prefix)).boxed()
        } else {
            (arb::v6(), any::<u8>())
                .prop_map(move |(prefix, offset)| {
                    // A pattern of `prefix.len()` bits, some bits further on.
                    let offset = offset % (129 - prefix.len());
                    let offset = if prefix.len() == 0 { 0 } else { offset };
                    let mut out = vec![kind, prefix.len() + offset, offset];
                    prefix.put_addr(&mut out);
                    out
                })
                .boxed()
        };
    }
    let sizes = match kind {
        9 => 0u8..=1,
        11 | 12 => 0..=0,
        _ => 0..=3,
    };
    vec((sizes, any::<u8>(), any::<[u8; 8]>()), 1..5)
        .prop_map(move |tests| {
            let mut out = vec![kind];
            for (at, (size, op, value)) in tests.iter().enumerate() {
                let end = if at + 1 == tests.len() { 0x80 } else { 0 };
                // A reserved bit now and then.
                let reserved = if *op >= 0xf8 { 0x08 } else { 0 };
                out.push(end | op & 0x47 | size << 4 | reserved);
                out.extend_from_slice(&value[..1 << size]);
            }
            out
        })
        .boxed()
}

fn put<N: Nlri>(head: &[u8], route: &N) -> Vec<u8> {
    let mut out = head.to_vec();
    route.put(&mut out);
    out
}

pub(crate) fn flow_spec<P: NlriPrefix>() -> impl Strategy<Value = FlowSpec<P>> {
    let last = if P::MAX_BITS == 32 { 12u8 } else { 13 };
    let good = proptest::sample::subsequence((1..=last).collect::<Vec<_>>(), 1..=last as usize)
        .prop_flat_map(|kinds| kinds.into_iter().map(component::<P>).collect::<Vec<_>>())
        .prop_map(|components| components.concat());
    let odd = prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 230..260)];
    prop_oneof![4 => good, 1 => odd].prop_map(|value| FlowSpec::from_value(&value).unwrap())
}

pub(crate) fn vpn_flow_spec<P: NlriPrefix>() -> impl Strategy<Value = VpnFlowSpec<P>> {
    (rd(), flow_spec()).prop_map(|(rd, spec)| VpnFlowSpec::new(rd, spec).unwrap())
}
