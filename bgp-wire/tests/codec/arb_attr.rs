//! Valid attribute values, for properties of attributes and of whole messages.

use bgp_wire::AttrType;
use proptest::{collection::vec, prelude::*, sample::select};

/// A value with its type and length in front: `wide` octets of length.
fn tlv(kind: &[u8], value: &[u8], wide: bool) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    [kind, if wide { &length } else { &length[1..] }, value].concat()
}

fn octets(len: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(0u8), Just(1), any::<u8>()], len)
}

fn asn() -> impl Strategy<Value = u32> {
    prop_oneof![1u32..65536, 65536u32..=u32::MAX]
}

/// An AS_PATH value; AS numbers two octets wide unless `as4`; with confederation segments if wanted.
pub(crate) fn as_path(as4: bool, confederation: bool) -> impl Strategy<Value = Vec<u8>> {
    let kinds = if confederation { 1u8..=4 } else { 1u8..=2 };
    let sizes = prop_oneof![4 => 1usize..=8, 1 => Just(255usize), 1 => 250usize..=255];
    let segment = (kinds, sizes).prop_flat_map(|(kind, size)| (Just(kind), vec(asn(), size)));
    vec(segment, 0..4).prop_map(move |segments| {
        let mut value = Vec::new();
        for (kind, numbers) in segments {
            value.extend_from_slice(&[kind, numbers.len() as u8]);
            for n in numbers {
                let (wide, narrow) = (n.to_be_bytes(), (n as u16).max(1).to_be_bytes());
                value.extend_from_slice(if as4 { &wide[..] } else { &narrow });
            }
        }
        value
    })
}

/// A TUNNEL_ENCAPSULATION value: known and unknown tunnels and sub-TLVs, of right and wrong lengths.
pub(crate) fn tunnel_encapsulation() -> impl Strategy<Value = Vec<u8>> {
    let lengths = select(&[0usize, 1, 2, 4, 6, 8, 10, 12, 22][..]);
    let kind = prop_oneof![4 => 1u8..=11, 1 => any::<u8>()];
    let any_sub = (kind, lengths.prop_flat_map(octets));
    let prefix_sid = prefix_sid().prop_filter("a short length", |v| v.len() < 256);
    let sub = prop_oneof![
        8 => any_sub,
        1 => prefix_sid.prop_map(|value| (11u8, value)),
        1 => (any::<[u8; 2]>(), any::<u32>()).prop_map(|(flags, color)| {
            (4u8, [&[3, 11][..], &flags, &color.to_be_bytes()].concat())
        }),
        1 => prop_oneof![octets(4), octets(16)].prop_map(|address| {
            let family = if address.len() == 4 { 1 } else { 2 };
            (6u8, [&[0, 0, 0, 0, 0, family][..], &address].concat())
        }),
    ];
    let sub = sub.prop_map(|(kind, value)| tlv(&[kind], &value, kind >= 128));
    let kind = prop_oneof![4 => 0u16..20, 1 => any::<u16>()];
    let tunnel = (kind, vec(sub, 0..5))
        .prop_map(|(kind, subs)| tlv(&kind.to_be_bytes(), &subs.concat(), true));
    vec(tunnel, 1..4).prop_map(|tunnels| tunnels.concat())
}

/// A PREFIX_SID value: label index, SRGB, SRv6 services with SIDs and structures, unknown TLVs.
pub(crate) fn prefix_sid() -> impl Strategy<Value = Vec<u8>> {
    let label_index = octets(7).prop_map(|v| tlv(&[1], &v, true));
    let srgb = (1usize..4).prop_flat_map(|n| octets(2 + 6 * n)).prop_map(|v| tlv(&[3], &v, true));
    let unknown = || (7u8..=255, octets(0..12)).prop_map(|(kind, v)| tlv(&[kind], &v, true));
    let below = prop_oneof![octets(6..8).prop_map(|v| tlv(&[1], &v, true)), unknown()];
    let sid = (octets(21), vec(below, 0..3))
        .prop_map(|(head, below)| tlv(&[1], &[head, below.concat()].concat(), true));
    let subs = vec(prop_oneof![3 => sid, 1 => unknown()], 0..3);
    let service = (5u8..=6, octets(1), subs)
        .prop_map(|(kind, reserved, subs)| tlv(&[kind], &[reserved, subs.concat()].concat(), true));
    vec(prop_oneof![label_index, srgb, service, unknown()], 1..4).prop_map(|tlvs| tlvs.concat())
}

/// A PMSI_TUNNEL value of ingress replication, PIM, no tunnel, or a type carried unread.
pub(crate) fn pmsi_tunnel() -> impl Strategy<Value = Vec<u8>> {
    let id = prop_oneof![
        Just((0u8, vec![])),
        (3u8..=5, octets(8)),
        (3u8..=5, octets(32)),
        octets(4).prop_map(|address| (6u8, address)),
        octets(16).prop_map(|address| (6u8, address)),
        octets(0..20).prop_map(|id| (11u8, id)),
    ];
    (any::<u8>(), any::<[u8; 3]>(), id)
        .prop_map(|(flags, label, (kind, id))| [&[flags, kind][..], &label, &id].concat())
}

/// A valid value for each attribute with a type of its own, and for unknown ones. The flag is
/// whether the session is a four-octet one.
pub(crate) fn attribute() -> impl Strategy<Value = (AttrType, Vec<u8>, bool)> {
    let number = || any::<[u8; 4]>().prop_map(|n| n.to_vec());
    let list = |width: usize| (1usize..6).prop_flat_map(move |n| octets(n * width));
    let of = |kind: AttrType| move |value: Vec<u8>| (kind, value, true);
    let aggregator = |kind: AttrType, as4: bool| {
        (asn(), any::<[u8; 4]>()).prop_map(move |(asn, id)| {
            let narrow = (asn as u16).max(1).to_be_bytes();
            let asn = if as4 { asn.to_be_bytes().to_vec() } else { narrow.to_vec() };
            (kind, [asn, id.to_vec()].concat(), as4)
        })
    };
    prop_oneof![
        (0u8..=2).prop_map(|v| (AttrType::ORIGIN, vec![v], true)),
        as_path(true, true).prop_map(of(AttrType::AS_PATH)),
        as_path(false, true).prop_map(|value| (AttrType::AS_PATH, value, false)),
        as_path(true, true).prop_map(|value| (AttrType::AS4_PATH, value, false)),
        (
            select(
                &[
                    AttrType::NEXT_HOP,
                    AttrType::MED,
                    AttrType::LOCAL_PREF,
                    AttrType::ORIGINATOR_ID,
                    AttrType::ONLY_TO_CUSTOMER,
                ][..]
            ),
            number()
        )
            .prop_map(|(kind, value)| (kind, value, true)),
        Just((AttrType::ATOMIC_AGGREGATE, vec![], true)),
        aggregator(AttrType::AGGREGATOR, true),
        aggregator(AttrType::AGGREGATOR, false),
        aggregator(AttrType::AS4_AGGREGATOR, true),
        list(4).prop_map(of(AttrType::COMMUNITIES)),
        list(4).prop_map(of(AttrType::CLUSTER_LIST)),
        list(8).prop_map(of(AttrType::EXT_COMMUNITIES)),
        list(20).prop_map(of(AttrType::IPV6_EXT_COMMUNITIES)),
        list(12).prop_map(of(AttrType::LARGE_COMMUNITIES)),
        any::<u64>().prop_map(|metric| {
            (AttrType::AIGP, bgp_wire::attr::Aigp::encode(metric).to_vec(), true)
        }),
        pmsi_tunnel().prop_map(of(AttrType::PMSI_TUNNEL)),
        tunnel_encapsulation().prop_map(of(AttrType::TUNNEL_ENCAPSULATION)),
        prefix_sid().prop_map(of(AttrType::PREFIX_SID)),
        (129u8..=255, octets(0..40)).prop_map(|(kind, value)| (AttrType(kind), value, true)),
    ]
}
