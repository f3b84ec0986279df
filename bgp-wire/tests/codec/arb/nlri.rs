//! Routes of every family.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_wire::{
    Asn, ExtCommunity, NlriPrefix,
    nlri::{
        Esi, EvpnLabel, EvpnPrefix, EvpnRoute, FlowSpec, Label, LabelStack, Labeled, MacAddr,
        RouteDistinguisher, RouteTargetMembership, Vpn, VpnFlowSpec,
    },
};
use proptest::{collection::vec, option, prelude::*};

fn labels() -> impl Strategy<Value = LabelStack> {
    // Three labels, a distinguisher and 119 bits are the most that a length octet counts.
    vec(0u32..1 << 20, 1..=3).prop_map(|list| {
        let list: Vec<_> = list.into_iter().map(|n| Label::new(n).unwrap()).collect();
        LabelStack::new(&list).unwrap()
    })
}

fn rd() -> impl Strategy<Value = RouteDistinguisher> {
    any::<[u8; 8]>().prop_map(RouteDistinguisher)
}

fn ip() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<u32>().prop_map(|n| IpAddr::V4(Ipv4Addr::from_bits(n))),
        any::<u128>().prop_map(|n| IpAddr::V6(Ipv6Addr::from_bits(n))),
    ]
}

pub(crate) fn labeled<P: NlriPrefix>(
    prefix: impl Strategy<Value = P>,
) -> impl Strategy<Value = Labeled<P>> {
    (labels(), prefix).prop_map(|(labels, prefix)| Labeled::new(labels, prefix).unwrap())
}

pub(crate) fn vpn<P: NlriPrefix>(
    prefix: impl Strategy<Value = P>,
) -> impl Strategy<Value = Vpn<P>> {
    (labels(), rd(), prefix).prop_map(|(labels, rd, prefix)| {
        let one = LabelStack::single(labels.as_slice()[0]);
        Vpn::new(labels, rd, prefix).or_else(|| Vpn::new(one, rd, prefix)).unwrap()
    })
}

pub(crate) fn evpn() -> impl Strategy<Value = EvpnRoute> {
    let esi = || any::<[u8; 10]>().prop_map(Esi);
    let label = || any::<[u8; 3]>().prop_map(EvpnLabel);
    let prefix = prop_oneof![
        (super::v4(), any::<u32>())
            .prop_map(|(p, gateway)| EvpnPrefix::V4(p, Ipv4Addr::from_bits(gateway))),
        (super::v6(), any::<u128>())
            .prop_map(|(p, gateway)| EvpnPrefix::V6(p, Ipv6Addr::from_bits(gateway))),
    ];
    let mac_ip = (rd(), esi(), any::<u32>(), any::<[u8; 6]>(), option::of(ip()), label());
    prop_oneof![
        (rd(), esi(), any::<u32>(), label())
            .prop_map(|(rd, esi, tag, label)| EvpnRoute::EthernetAd { rd, esi, tag, label }),
        (mac_ip, option::of(label())).prop_map(|((rd, esi, tag, mac, ip, label), ip_label)| {
            EvpnRoute::MacIp { rd, esi, tag, mac: MacAddr(mac), ip, label, ip_label }
        }),
        (rd(), any::<u32>(), ip()).prop_map(|(rd, tag, originator)| {
            EvpnRoute::InclusiveMulticast { rd, tag, originator }
        }),
        (rd(), esi(), ip()).prop_map(|(rd, esi, originator)| EvpnRoute::EthernetSegment {
            rd,
            esi,
            originator
        }),
        (rd(), esi(), any::<u32>(), prefix, label()).prop_map(|(rd, esi, tag, route, label)| {
            EvpnRoute::IpPrefix { rd, esi, tag, route, label }
        }),
        // Of any type and any length, so also known types that do not fit.
        (any::<u8>(), vec(any::<u8>(), 0..=255))
            .prop_map(|(kind, value)| EvpnRoute::from_value(kind, &value).unwrap()),
    ]
}

pub(crate) fn route_target() -> impl Strategy<Value = RouteTargetMembership> {
    let bits = prop_oneof![Just(0u8), 32u8..=96];
    (any::<u32>(), any::<[u8; 8]>(), bits).prop_map(|(origin, target, bits)| match bits {
        0 => RouteTargetMembership::DEFAULT,
        bits => RouteTargetMembership::partial(Asn(origin), ExtCommunity(target), bits).unwrap(),
    })
}

/// Flow specifications that match something, and octets that are none.
pub(crate) fn flow_spec<P: NlriPrefix>() -> impl Strategy<Value = FlowSpec<P>> {
    // Protocol 6 or 17, destination port, packet length: in ascending order of type.
    let components = (any::<u8>(), any::<u16>(), option::of(any::<u16>())).prop_map(|(p, d, l)| {
        let [high, low] = d.to_be_bytes();
        let mut value = vec![3, 0x01, p, 0x81, 17, 5, 0x91, high, low];
        if let Some(length) = l {
            value.extend_from_slice(&[10, 0x93]);
            value.extend_from_slice(&length.to_be_bytes());
        }
        value
    });
    // Lengths around 240 change the form of the length field.
    prop_oneof![4 => components, 1 => vec(any::<u8>(), 0..400)]
        .prop_map(|value| FlowSpec::from_value(&value).unwrap())
}

pub(crate) fn vpn_flow_spec<P: NlriPrefix>(
    spec: impl Strategy<Value = FlowSpec<P>>,
) -> impl Strategy<Value = VpnFlowSpec<P>> {
    (rd(), spec).prop_map(|(rd, spec)| VpnFlowSpec::new(rd, spec).unwrap())
}
