//! The export rules, clause by clause.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_wire::{AsPath, AttrBuilder, AttrType, Community, Family, FamilySet, NextHop, Summary};

use super::{CLUSTER, OWN_V4, OWN_V6, attrs, key, plain, with_policy};
use crate::{
    PeerKind,
    export::{
        GroupKey, NextHopMode, NotSent, OtcRule, PrivateAs, SessionKind,
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
    let own = GroupKey { next_hop: NextHopMode::Own, ..ibgp.clone() };
    assert_eq!(hop(&own, PeerKind::Ebgp, v4, SOURCE_HOP), Ok(NextHop::V4(OWN_V4)));

    // IPv4 over IPv6 only where the session can carry it (RFC 8950).
    let v6_hop = NextHop::V6(global);
    assert_eq!(hop(&ibgp, PeerKind::Ebgp, v4, v6_hop), Err(NotSent::NoNextHop));
    let extended = GroupKey { ext_next_hop: FamilySet::IPV4_UNICAST, ..ibgp };
    assert_eq!(hop(&extended, PeerKind::Ebgp, v4, v6_hop), Ok(v6_hop));
    let unnumbered = GroupKey {
        next_hop_v4: None,
        next_hop_v6: None,
        link_local: Some(own_ll),
        ext_next_hop: FamilySet::IPV4_UNICAST,
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

const ASN: bgp_wire::Asn = bgp_wire::Asn(65000);

#[test]
fn private_as_numbers_go_wherever_they_stand_but_ours_and_the_peers() {
    let mut canonical = Vec::new();
    let path = [2, 4, 0, 0, 0xfc, 0x01, 0, 0, 0x0d, 0x1c, 0, 0, 0xfd, 0xe8, 0, 0, 0xfc, 0x02];
    let set = [1, 2, 0xfa, 0x56, 0xea, 0x00, 0, 0, 0, 7];
    let lone = [1, 1, 0, 0, 0xff, 0xfe];
    let value = [&path[..], &set, &lone].concat();
    AttrBuilder::new().set_origin(0).set(AttrType::AS_PATH, 0x40, &value).finish(&mut canonical);
    assert_eq!(AsPath::of(&canonical).to_string(), "64513 3356 65000 64514 {4200000000 7} {65534}");
    let sent = |rule| {
        let key = GroupKey { private_as: Some(rule), ..ebgp() };
        AsPath::of(&export(&key, PeerKind::Ebgp, &canonical).unwrap().0).to_string()
    };
    assert_eq!(sent(PrivateAs { replace: None, keep: None }), "65000 3356 65000 {7}");
    let keep = Some(bgp_wire::Asn(64514));
    assert_eq!(sent(PrivateAs { replace: None, keep }), "65000 3356 65000 64514 {7}");
    let replaced = "65000 65000 3356 65000 64514 {65000 7} {65000}";
    assert_eq!(sent(PrivateAs { replace: Some(ASN), keep }), replaced);
    // Inside the AS nothing is touched.
    let inside = GroupKey {
        private_as: Some(PrivateAs { replace: None, keep: None }),
        ..key(SessionKind::Ibgp)
    };
    let (out, _) = export(&inside, PeerKind::Ebgp, &canonical).unwrap();
    assert_eq!(AsPath::of(&out).to_string(), AsPath::of(&canonical).to_string());
}

#[test]
fn a_local_as_stands_before_our_own() {
    let key = GroupKey { second_as: Some(bgp_wire::Asn(64999)), ..ebgp() };
    let path = |canonical: &[u8]| {
        AsPath::of(&export(&key, PeerKind::Ebgp, canonical).unwrap().0).to_string()
    };
    assert_eq!(path(&plain(&[65001])), "65000 64999 65001");
    assert_eq!(path(&plain(&[])), "65000 64999");
}

#[test]
fn rfc9234_5_only_to_customer_is_added_downwards_and_stops_upwards() {
    let plain = plain(&[65001]);
    let marked = attrs(&[65001], |b| {
        b.set_only_to_customer(Some(bgp_wire::Asn(65001)));
    });
    let rule = |attach, stop| GroupKey { otc: OtcRule { attach, stop }, ..ebgp() };
    let otc = |key: &GroupKey, source, canonical: &[u8]| {
        let (out, _) = export(key, source, canonical)?;
        Ok(value(&out, AttrType::ONLY_TO_CUSTOMER))
    };
    let own = Some(ASN.0.to_be_bytes().to_vec());
    let theirs = Some(65001u32.to_be_bytes().to_vec());
    // To a customer or route server client.
    let customer = rule(true, false);
    assert_eq!(otc(&customer, PeerKind::Ebgp, &plain), Ok(own.clone()));
    assert_eq!(otc(&customer, PeerKind::Local, &attrs(&[], |_| {})), Ok(own.clone()));
    assert_eq!(otc(&customer, PeerKind::Ebgp, &marked), Ok(theirs.clone()));
    // To a peer.
    let peer = rule(true, true);
    assert_eq!(otc(&peer, PeerKind::Ebgp, &plain), Ok(own));
    assert_eq!(otc(&peer, IBGP, &marked), Err(NotSent::OnlyToCustomer));
    // To a provider or route server.
    let provider = rule(false, true);
    assert_eq!(otc(&provider, PeerKind::Ebgp, &plain), Ok(None));
    assert_eq!(otc(&provider, PeerKind::Ebgp, &marked), Err(NotSent::OnlyToCustomer));
    // Without a role, and inside the AS, it is only carried.
    assert_eq!(otc(&ebgp(), PeerKind::Ebgp, &marked), Ok(theirs.clone()));
    assert_eq!(otc(&key(SessionKind::Ibgp), PeerKind::Ebgp, &marked), Ok(theirs));
}

#[test]
fn rfc9494_4_3_long_lived_stale_routes_go_only_to_those_who_know() {
    let stale = attrs(&[65001], |b| {
        b.set_communities(&[Community::LLGR_STALE]);
    });
    for session in [SessionKind::Ebgp, SessionKind::Ibgp, SessionKind::IbgpClient] {
        let not = export(&key(session), PeerKind::Ebgp, &stale);
        assert_eq!(not.unwrap_err(), NotSent::LongLivedStale);
        let knowing = GroupKey { long_lived: true, ..key(session) };
        assert!(export(&knowing, PeerKind::Ebgp, &stale).is_ok());
    }
}

#[test]
fn rfc4271_5_1_3_a_next_hop_on_the_shared_subnet_is_kept() {
    let shared = GroupKey { shared_v4: Some("192.0.2.0/24".parse().unwrap()), ..ebgp() };
    let hop = |key: &GroupKey, next_hop: &str| {
        let next_hop = NextHop::V4(next_hop.parse().unwrap());
        let sent = export_family(key, IBGP, &plain(&[65001]), Family::IPV4_UNICAST, next_hop);
        sent.unwrap().1.to_string()
    };
    assert_eq!(hop(&shared, "192.0.2.7"), "192.0.2.7");
    assert_eq!(hop(&shared, "192.0.3.7"), OWN_V4.to_string());
    assert_eq!(hop(&ebgp(), "192.0.2.7"), OWN_V4.to_string());
    let own = GroupKey { next_hop: NextHopMode::Own, ..shared.clone() };
    assert_eq!(hop(&own, "192.0.2.7"), OWN_V4.to_string());
    let originated = export(&shared, PeerKind::Local, &plain(&[])).unwrap().1;
    assert_eq!(originated, NextHop::V4(OWN_V4));
    // IPv6, with the link-local address of the same link (RFC 2545 section 3).
    let shared = GroupKey { shared_v6: Some("2001:db8::/64".parse().unwrap()), ..ebgp() };
    let (global, link_local) = ("2001:db8::7".parse().unwrap(), "fe80::7".parse().unwrap());
    let both = NextHop::V6WithLinkLocal { global, link_local };
    let v6 = |key: &GroupKey, next_hop| {
        let family = Family::IPV6_UNICAST;
        export_family(key, PeerKind::Ebgp, &plain(&[65001]), family, next_hop).unwrap().1
    };
    assert_eq!(v6(&shared, both), both);
    assert_eq!(v6(&shared, NextHop::V6(link_local)), NextHop::V6(OWN_V6));
    assert_eq!(v6(&ebgp(), both), NextHop::V6(OWN_V6));
}

#[test]
fn an_unchanged_next_hop_is_kept_where_the_session_can_carry_it() {
    let unchanged = GroupKey { next_hop: NextHopMode::Unchanged, ..ebgp() };
    assert_eq!(export(&unchanged, PeerKind::Ebgp, &plain(&[65001])).unwrap().1, SOURCE_HOP);
    assert_eq!(export(&unchanged, PeerKind::Local, &plain(&[])).unwrap().1, NextHop::V4(OWN_V4));
    let (global, link_local) = ("2001:db8:1::7".parse().unwrap(), "fe80::7".parse().unwrap());
    let send = |key: &GroupKey, family, next_hop| {
        export_family(key, PeerKind::Ebgp, &plain(&[65001]), family, next_hop).unwrap().1
    };
    let both = NextHop::V6WithLinkLocal { global, link_local };
    let v6 = Family::IPV6_UNICAST;
    assert_eq!(send(&unchanged, v6, both), NextHop::V6(global));
    assert_eq!(send(&unchanged, v6, NextHop::V6(link_local)), NextHop::V6(OWN_V6));
    // RFC 8950: an IPv6 next hop of an IPv4 route, with and without the capability.
    let v4 = Family::IPV4_UNICAST;
    assert_eq!(send(&unchanged, v4, NextHop::V6(global)), NextHop::V4(OWN_V4));
    let extended = GroupKey { ext_next_hop: FamilySet::IPV4_UNICAST, ..unchanged };
    assert_eq!(send(&extended, v4, NextHop::V6(global)), NextHop::V6(global));
}
