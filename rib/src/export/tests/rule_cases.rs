//! The export rules, clause by clause.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_wire::{AsPath, AttrBuilder, AttrType, Community, Family, NextHop, Summary};

use super::{CLUSTER, OWN_V4, OWN_V6, attrs, key, plain, with_policy};
use crate::{
    PeerKind,
    export::{
        GroupKey, NotSent, SessionKind,
        rules::{self, Buffers, Route, Verdict},
    },
    policy::{Action, Chain, Compiled, Disposition, NextHopSet, Policy, Set, Term},
};

const SOURCE_ID: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);
const SOURCE_HOP: NextHop = NextHop::V4(Ipv4Addr::new(192, 0, 2, 1));
const IBGP: PeerKind = PeerKind::Ibgp { client: false };
const CLIENT: PeerKind = PeerKind::Ibgp { client: true };

type Sent = Result<(Vec<u8>, NextHop), NotSent>;

fn export(key: &GroupKey, source: PeerKind, canonical: &[u8]) -> Sent {
    export_family(key, source, canonical, Family::IPV4_UNICAST, SOURCE_HOP)
}

fn export_family(
    key: &GroupKey,
    source: PeerKind,
    canonical: &[u8],
    family: Family,
    next_hop: NextHop,
) -> Sent {
    let summary = Summary::of(canonical);
    let route = Route { canonical, summary: &summary, source, source_id: SOURCE_ID, next_hop };
    let mut buffers = Buffers::default();
    match rules::decide(key, &Compiled::new(&key.policy), family, None, route, &mut buffers) {
        Verdict::Send { next_hop, .. } => Ok((buffers.out, next_hop)),
        Verdict::Withhold { reason, .. } => Err(reason),
        Verdict::NeedsPrefix => panic!("no prefix conditions here"),
    }
}

fn sent(key: &GroupKey, source: PeerKind, canonical: &[u8]) -> Summary {
    Summary::of(&export(key, source, canonical).unwrap().0)
}

fn value(canonical: &[u8], kind: AttrType) -> Option<Vec<u8>> {
    bgp_wire::attrs(canonical).find(|a| a.kind == kind).map(|a| a.value.to_vec())
}

fn setting(session: SessionKind, sets: Vec<Set>) -> GroupKey {
    let term = Term { name: "t".into(), matches: Vec::new(), action: Action::Permit(sets) };
    let policy = Policy { terms: vec![term], default: Disposition::Deny };
    with_policy(session, Chain::new([policy]))
}

fn ebgp() -> GroupKey {
    key(SessionKind::Ebgp)
}

#[test]
fn external_peers_see_our_as_first_and_no_internal_attributes() {
    let inside = attrs(&[65001], |b| {
        b.set_local_pref(Some(300)).set_med(Some(5));
        b.set(AttrType::ORIGINATOR_ID, 0x80, &[1, 1, 1, 1]);
        b.set(AttrType::CLUSTER_LIST, 0x80, &[2, 2, 2, 2]);
    });
    let (out, next_hop) = export(&ebgp(), IBGP, &inside).unwrap();
    assert_eq!(AsPath::of(&out).to_string(), "65000 65001");
    let summary = Summary::of(&out);
    assert_eq!((summary.local_pref, summary.med), (None, None));
    assert_eq!((summary.originator_id, summary.cluster_len), (None, 0));
    assert_eq!(next_hop, NextHop::V4(OWN_V4));
}

#[test]
fn a_full_sequence_gets_a_new_one_in_front() {
    let full: Vec<_> = (0..255).map(|n| 65001 + n).collect();
    let (out, _) = export(&ebgp(), PeerKind::Ebgp, &plain(&full)).unwrap();
    let segments: Vec<_> = AsPath::of(&out).segments().map(|s| s.asns().count()).collect();
    assert_eq!(segments, [1, 255]);
}

#[test]
fn med_leaves_only_if_it_is_ours() {
    let with_med = attrs(&[65001], |b| {
        b.set_med(Some(5));
    });
    assert_eq!(sent(&ebgp(), PeerKind::Ebgp, &with_med).med, None);
    assert_eq!(sent(&ebgp(), PeerKind::Local, &with_med).med, Some(5));
    let policy = setting(SessionKind::Ebgp, vec![Set::Med(Some(9))]);
    assert_eq!(sent(&policy, PeerKind::Ebgp, &with_med).med, Some(9));
    let removed = setting(SessionKind::Ebgp, vec![Set::Med(Some(9)), Set::Med(None)]);
    assert_eq!(sent(&removed, PeerKind::Ebgp, &with_med).med, None);
    assert_eq!(sent(&key(SessionKind::Ibgp), PeerKind::Ebgp, &with_med).med, Some(5));
}

#[test]
fn internal_peers_get_the_path_as_it_is_and_always_a_local_pref() {
    let ibgp = key(SessionKind::Ibgp);
    let (out, next_hop) = export(&ibgp, PeerKind::Ebgp, &plain(&[65001])).unwrap();
    assert_eq!(AsPath::of(&out).to_string(), "65001");
    assert_eq!(Summary::of(&out).local_pref, Some(100));
    assert_eq!(next_hop, SOURCE_HOP);
    let preferred = attrs(&[65001], |b| {
        b.set_local_pref(Some(7));
    });
    assert_eq!(export(&ibgp, PeerKind::Ebgp, &preferred).unwrap().0, preferred);
    let other = GroupKey { default_local_pref: 50, ..ibgp };
    assert_eq!(sent(&other, PeerKind::Ebgp, &plain(&[65001])).local_pref, Some(50));
}

#[test]
fn well_known_communities_bind_who_received_them() {
    let with = |community| {
        attrs(&[65001], |b: &mut AttrBuilder<'_>| {
            b.set_communities(&[community]);
        })
    };
    let ibgp = key(SessionKind::Ibgp);
    let cases = [
        (Community::NO_EXPORT, NotSent::NoExport, false),
        (Community::NO_EXPORT_SUBCONFED, NotSent::NoExportSubconfed, false),
        (Community::NO_ADVERTISE, NotSent::NoAdvertise, true),
    ];
    for (community, reason, also_internal) in cases {
        let canonical = with(community);
        assert_eq!(export(&ebgp(), PeerKind::Ebgp, &canonical).unwrap_err(), reason);
        assert_eq!(export(&ibgp, PeerKind::Ebgp, &canonical).is_err(), also_internal);
        assert!(export(&ebgp(), PeerKind::Local, &canonical).is_ok(), "meant for the receiver");
    }
}

#[test]
fn internal_routes_are_relayed_only_by_reflection() {
    let route = attrs(&[65001], |b| {
        b.set_local_pref(Some(100));
    });
    let (ibgp, client) = (key(SessionKind::Ibgp), key(SessionKind::IbgpClient));
    assert_eq!(export(&ibgp, IBGP, &route).unwrap_err(), NotSent::NotReflected);
    for (group, source) in [(&ibgp, CLIENT), (&client, IBGP), (&client, CLIENT)] {
        let (out, next_hop) = export(group, source, &route).unwrap();
        assert_eq!(value(&out, AttrType::ORIGINATOR_ID).unwrap(), SOURCE_ID.octets());
        assert_eq!(value(&out, AttrType::CLUSTER_LIST).unwrap(), CLUSTER.octets());
        assert_eq!(next_hop, SOURCE_HOP);
    }
    for source in [PeerKind::Ebgp, PeerKind::Local] {
        let (out, _) = export(&client, source, &route).unwrap();
        assert_eq!(value(&out, AttrType::ORIGINATOR_ID), None);
        assert_eq!(value(&out, AttrType::CLUSTER_LIST), None);
    }
}

#[test]
fn a_second_reflection_keeps_the_originator_and_lengthens_the_cluster_list() {
    let route = attrs(&[65001], |b| {
        b.set_local_pref(Some(100));
        b.set(AttrType::ORIGINATOR_ID, 0x80, &[1, 1, 1, 1]);
        b.set(AttrType::CLUSTER_LIST, 0x80, &[2, 2, 2, 2]);
    });
    let (out, _) = export(&key(SessionKind::IbgpClient), IBGP, &route).unwrap();
    assert_eq!(value(&out, AttrType::ORIGINATOR_ID).unwrap(), [1, 1, 1, 1]);
    assert_eq!(value(&out, AttrType::CLUSTER_LIST).unwrap(), [9, 9, 9, 9, 2, 2, 2, 2]);
}

#[test]
fn policy_prepends_behind_our_own_as() {
    let policy = setting(
        SessionKind::Ebgp,
        vec![Set::Prepend { asn: Some(bgp_wire::Asn(64999)), count: 1 }],
    );
    let (out, _) = export(&policy, PeerKind::Ebgp, &plain(&[65001])).unwrap();
    assert_eq!(AsPath::of(&out).to_string(), "65000 64999 65001");
}

#[test]
fn next_hops() {
    let hop = |key: &GroupKey, source, family, from: NextHop| {
        export_family(key, source, &plain(&[65001]), family, from).map(|(_, next_hop)| next_hop)
    };
    let (v4, v6) = (Family::IPV4_UNICAST, Family::IPV6_UNICAST);
    let ibgp = key(SessionKind::Ibgp);
    let global: Ipv6Addr = "2001:db8::1".parse().unwrap();
    let link_local: Ipv6Addr = "fe80::1".parse().unwrap();
    let both = NextHop::V6WithLinkLocal { global, link_local };
    let own_ll: Ipv6Addr = "fe80::fe".parse().unwrap();

    // Kept towards internal peers, without the link-local half; own where only that is known.
    assert_eq!(hop(&ibgp, PeerKind::Ebgp, v6, both), Ok(NextHop::V6(global)));
    assert_eq!(hop(&ibgp, PeerKind::Ebgp, v6, NextHop::V6(link_local)), Ok(NextHop::V6(OWN_V6)));
    assert_eq!(hop(&ibgp, PeerKind::Local, v4, SOURCE_HOP), Ok(NextHop::V4(OWN_V4)));
    let own = GroupKey { next_hop_self: true, ..ibgp.clone() };
    assert_eq!(hop(&own, PeerKind::Ebgp, v4, SOURCE_HOP), Ok(NextHop::V4(OWN_V4)));

    // IPv4 over IPv6 only where the session can carry it (RFC 8950).
    let v6_hop = NextHop::V6(global);
    assert_eq!(hop(&ibgp, PeerKind::Ebgp, v4, v6_hop), Err(NotSent::NoNextHop));
    let extended = GroupKey { ext_next_hop_v4: true, ..ibgp };
    assert_eq!(hop(&extended, PeerKind::Ebgp, v4, v6_hop), Ok(v6_hop));
    let unnumbered = GroupKey {
        next_hop_v4: None,
        next_hop_v6: None,
        link_local: Some(own_ll),
        ext_next_hop_v4: true,
        ..ebgp()
    };
    assert_eq!(hop(&unnumbered, PeerKind::Ebgp, v4, SOURCE_HOP), Ok(NextHop::V6(own_ll)));
    let lan = GroupKey { link_local: Some(own_ll), ..ebgp() };
    let sent = NextHop::V6WithLinkLocal { global: OWN_V6, link_local: own_ll };
    assert_eq!(hop(&lan, PeerKind::Ebgp, v6, both), Ok(sent));
    let v4_only = GroupKey { next_hop_v6: None, ..ebgp() };
    assert_eq!(hop(&v4_only, PeerKind::Ebgp, v6, both), Err(NotSent::NoNextHop));

    // Policy has the last word.
    let other = Ipv4Addr::new(198, 51, 100, 1);
    let address = Set::NextHop(NextHopSet::Address(IpAddr::V4(other)));
    let chosen = setting(SessionKind::Ebgp, vec![address.clone()]);
    assert_eq!(hop(&chosen, PeerKind::Ebgp, v4, SOURCE_HOP), Ok(NextHop::V4(other)));
    assert_eq!(hop(&chosen, PeerKind::Ebgp, v6, both), Err(NotSent::NoNextHop));
    let own = setting(SessionKind::Ibgp, vec![address, Set::NextHop(NextHopSet::Own)]);
    assert_eq!(hop(&own, PeerKind::Ebgp, v4, SOURCE_HOP), Ok(NextHop::V4(OWN_V4)));
}
