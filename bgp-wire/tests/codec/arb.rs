//! What the properties are tried on.

pub(crate) mod nlri;

use std::net::Ipv4Addr;

use bgp_wire::{
    AddPathDirection, Afi, Asn, AttrBuilder, AttrType, Capability, Community, ExtCommunity,
    ExtendedNextHop, Family, GracefulFamily, LargeCommunity, LongLivedFamily, Notification, Open,
    OrfFamily, RouteRefresh, Safi, V4Prefix, V6Prefix,
};
use proptest::{collection::vec, option, prelude::*};

pub(crate) fn v4() -> impl Strategy<Value = V4Prefix> {
    (any::<u32>(), 0u8..=32).prop_map(|(a, l)| V4Prefix::from_bits(a, l).unwrap())
}

pub(crate) fn v6() -> impl Strategy<Value = V6Prefix> {
    (any::<u128>(), 0u8..=128).prop_map(|(a, l)| V6Prefix::from_bits(a, l).unwrap())
}

pub(crate) fn family() -> impl Strategy<Value = Family> {
    (any::<u16>(), any::<u8>()).prop_map(|(a, s)| Family::new(Afi(a), Safi(s)))
}

fn asn() -> impl Strategy<Value = u32> {
    prop_oneof![1u32..65536, 65536u32..=u32::MAX]
}

/// The value of a valid four-octet AS_PATH without confederation segments.
fn as_path() -> impl Strategy<Value = Vec<u8>> {
    vec((1u8..=2, vec(asn(), 1..=20)), 0..4).prop_map(|segments| {
        let mut value = Vec::new();
        for (kind, numbers) in segments {
            value.extend_from_slice(&[kind, numbers.len() as u8]);
            numbers.iter().for_each(|n| value.extend_from_slice(&n.to_be_bytes()));
        }
        value
    })
}

/// A canonical attribute set as an internal four-octet session would yield it.
pub(crate) fn canonical() -> impl Strategy<Value = Vec<u8>> {
    let numbers = (0u8..=2, as_path(), option::of(any::<u32>()), option::of(any::<u32>()));
    let lists = (vec(any::<u32>(), 0..80), vec(any::<[u8; 8]>(), 0..5), vec(any::<u32>(), 0..5));
    let rest = (
        option::of((asn(), any::<u32>())),
        option::of((any::<[u8; 4]>(), vec(any::<u8>(), 1..4))),
        any::<bool>(),
        vec((128u8..=255, vec(any::<u8>(), 0..300)), 0..3),
    );
    (numbers, lists, rest).prop_map(|((origin, path, med, lp), (std, ext, large), rest)| {
        let mut b = AttrBuilder::new();
        let std: Vec<_> = std.into_iter().map(Community).collect();
        let ext: Vec<_> = ext.into_iter().map(ExtCommunity).collect();
        let large: Vec<_> = large.into_iter().map(|n| LargeCommunity(n, 1, 2)).collect();
        b.set_origin(origin).set(AttrType::AS_PATH, 0x40, &path).set_med(med).set_local_pref(lp);
        b.set_communities(&std).set_ext_communities(&ext).set_large_communities(&large);
        let (aggregator, reflection, atomic, unknown) = rest;
        if let Some((asn, id)) = aggregator {
            let value = [asn.to_be_bytes(), id.to_be_bytes()].concat();
            b.set(AttrType::AGGREGATOR, 0xc0, &value);
        }
        if let Some((originator, clusters)) = reflection {
            b.set(AttrType::ORIGINATOR_ID, 0x80, &originator);
            b.set(AttrType::CLUSTER_LIST, 0x80, &clusters.repeat(4));
        }
        if atomic {
            b.set(AttrType::ATOMIC_AGGREGATE, 0x40, &[]);
        }
        for (kind, value) in unknown {
            b.set(AttrType(kind), 0xe0, &value);
        }
        let mut out = Vec::new();
        assert!(b.finish(&mut out));
        out
    })
}

fn direction() -> impl Strategy<Value = AddPathDirection> + Clone {
    use AddPathDirection::{Both, Receive, Send};
    proptest::sample::select(&[Receive, Send, Both][..])
}

/// Capabilities whose lists are of no great length; see [`open`] for many.
pub(crate) fn capability() -> impl Strategy<Value = Capability> {
    let filters = vec((any::<u8>(), direction()), 0..5);
    prop_oneof![
        vec((family(), filters), 0..4).prop_map(|list| Capability::OutboundRouteFiltering(
            list.into_iter().map(|(family, filters)| OrfFamily { family, filters }).collect()
        )),
        vec((family(), any::<u8>()), 0..5).prop_map(Capability::MultipleLabels),
        vec((family(), any::<u16>()), 0..5).prop_map(Capability::PathsLimit),
        Just(Capability::LinkLocalNextHop),
        family().prop_map(Capability::MultiProtocol),
        Just(Capability::RouteRefresh),
        Just(Capability::EnhancedRouteRefresh),
        Just(Capability::ExtendedMessage),
        // The high octet of this capability's SAFI is reserved, the family's own is all there is.
        vec((family(), any::<u16>()), 0..5).prop_map(|list| Capability::ExtendedNextHop(
            list.into_iter()
                .map(|(family, afi)| ExtendedNextHop { family, next_hop: Afi(afi) })
                .collect()
        )),
        (any::<bool>(), any::<bool>(), 0u16..4096, vec((family(), any::<bool>()), 0..5)).prop_map(
            |(restarting, notification, restart_time, list)| Capability::GracefulRestart {
                restarting,
                notification,
                restart_time,
                families: list
                    .into_iter()
                    .map(|(family, forwarding)| GracefulFamily { family, forwarding })
                    .collect(),
            }
        ),
        vec((family(), direction()), 0..5).prop_map(Capability::AddPath),
        any::<u8>().prop_map(Capability::Role),
        ("[a-z]{0,20}", "[a-z.]{0,20}")
            .prop_map(|(hostname, domain)| Capability::Fqdn { hostname, domain }),
        "\\PC{0,40}".prop_map(Capability::SoftwareVersion),
        vec((family(), any::<bool>(), 0u32..1 << 24), 0..5).prop_map(|list| {
            Capability::LongLivedGracefulRestart(
                list.into_iter()
                    .map(|(family, forwarding, stale_time)| LongLivedFamily {
                        family,
                        forwarding,
                        stale_time,
                    })
                    .collect(),
            )
        }),
        (128u8..=255, vec(any::<u8>(), 0..200))
            .prop_map(|(code, value)| Capability::Unknown { code, value: value.into() }),
    ]
}

/// OPENs with few capabilities, and with more than 255 octets of them.
pub(crate) fn open() -> impl Strategy<Value = Open> {
    let hold = prop_oneof![Just(0u16), 3u16..];
    let few = vec(capability(), 0..8);
    let many = vec(capability(), 30..60);
    (asn(), hold, 1u32.., prop_oneof![3 => few, 1 => many]).prop_map(
        |(asn, hold, id, capabilities)| {
            Open::new(Asn(asn), hold, Ipv4Addr::from_bits(id), capabilities)
        },
    )
}

pub(crate) fn notification() -> impl Strategy<Value = Notification> {
    (any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..300))
        .prop_map(|(code, subcode, data)| Notification::with_data(code, subcode, data))
}

pub(crate) fn route_refresh() -> impl Strategy<Value = RouteRefresh> {
    (family(), any::<u8>(), vec(any::<u8>(), 0..40)).prop_map(|(family, subtype, filters)| {
        let filters = if matches!(subtype, 1 | 2) { Vec::new() } else { filters };
        RouteRefresh { family, subtype, filters: filters.into() }
    })
}
