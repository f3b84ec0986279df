//! UPDATE parsing: sections, families, positions, canonical form.

mod families;

use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;
use crate::{
    attr::{AsPath, AttrType, LargeCommunity},
    error::{DecodeError, DecodeErrorKind as Kind},
    family::Family,
    frame::HEADER_LEN,
    next_hop::NextHop,
    prefix::{V4Prefix, V6Prefix},
};

const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
const AS_PATH: &[u8] = &[0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9];
const NEXT_HOP: &[u8] = &[0x40, 3, 4, 192, 0, 2, 1];
const LL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const GLOBAL: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

pub(crate) fn body(withdrawn: &[u8], attrs: &[&[u8]], nlri: &[u8]) -> Vec<u8> {
    let attrs = attrs.concat();
    let mut out = Vec::new();
    out.extend_from_slice(&(withdrawn.len() as u16).to_be_bytes());
    out.extend_from_slice(withdrawn);
    out.extend_from_slice(&(attrs.len() as u16).to_be_bytes());
    out.extend_from_slice(&attrs);
    out.extend_from_slice(nlri);
    out
}

fn attr(flags: u8, kind: u8, value: &[u8]) -> Vec<u8> {
    [&[flags | 0x10, kind], &(value.len() as u16).to_be_bytes()[..], value].concat()
}

fn mp_reach(afi: u16, safi: u8, next_hop: &[u8], nlri: &[u8]) -> Vec<u8> {
    let mut value = afi.to_be_bytes().to_vec();
    value.extend_from_slice(&[safi, next_hop.len() as u8]);
    value.extend_from_slice(next_hop);
    value.push(0);
    value.extend_from_slice(nlri);
    attr(0x80, 14, &value)
}

fn parse<'a>(body: &'a [u8], ctx: &UpdateContext) -> UpdateView<'a> {
    UpdateView::parse(body, ctx).unwrap()
}

fn canonical(body: &[u8], ctx: &UpdateContext) -> Vec<u8> {
    match parse(body, ctx).attrs(&mut AttrScratch::default()) {
        AttrOutcome::Ok { canonical, .. } => canonical.to_vec(),
        AttrOutcome::TreatAsWithdraw(e) => panic!("{e}"),
    }
}

fn v4(list: impl Iterator<Item = (u32, V4Prefix)>) -> Vec<String> {
    list.map(|(id, p)| if id == 0 { p.to_string() } else { format!("{p} id {id}") }).collect()
}

fn v6(list: impl Iterator<Item = (u32, V6Prefix)>) -> Vec<String> {
    list.map(|(_, p)| p.to_string()).collect()
}

#[test]
fn classic() {
    let b = body(&[8, 11], &[ORIGIN, AS_PATH, NEXT_HOP], &[24, 10, 0, 1, 0, 17, 172, 16, 0xff]);
    let view = parse(&b, &UpdateContext::default());
    assert_eq!(v4(view.withdrawn_v4()), ["11.0.0.0/8"]);
    assert_eq!(v4(view.reach_v4()), ["10.0.1.0/24", "0.0.0.0/0", "172.16.128.0/17"]);
    assert_eq!(view.reach_v4().len(), 3);
    assert_eq!(view.next_hop_v4(), Some(NextHop::V4(Ipv4Addr::new(192, 0, 2, 1))));
    assert!(view.has_reach() && view.has_unreach() && view.end_of_rib().is_none());
    assert!(view.second_reach_v4().is_none());
    let mut column = Vec::new();
    view.reach_v4().read_into(&mut column);
    assert_eq!(column, view.reach_v4().map(|(_, p)| p).collect::<Vec<_>>());
}

/// Runs of /17 to /24 are read four at a time: every border of a run, against one at a time.
#[test]
fn runs_of_common_lengths() {
    for odd in [0u8, 8, 16, 25, 32] {
        for at in 0..12 {
            let mut nlri = Vec::new();
            for i in 0..12u8 {
                let len = if i == at { odd } else { 17 + i % 8 };
                nlri.push(len);
                nlri.extend_from_slice(&[10, i, 0xff, 0xff][..usize::from(len).div_ceil(8)]);
            }
            let b = body(&[], &[ORIGIN, AS_PATH, NEXT_HOP], &nlri);
            let view = parse(&b, &UpdateContext::default());
            let mut column = Vec::new();
            view.reach_v4().read_into(&mut column);
            assert_eq!((column.len(), view.reach_v4().len()), (12, 12));
            assert_eq!(column, view.reach_v4().map(|(_, p)| p).collect::<Vec<_>>());
            // Cut short anywhere but at a border: the session's end.
            nlri.pop();
            if odd != 0 || at != 11 {
                let b = body(&[], &[ORIGIN, AS_PATH, NEXT_HOP], &nlri);
                assert!(UpdateView::parse(&b, &UpdateContext::default()).is_err());
            }
        }
    }
}

#[test]
fn multiprotocol() {
    let reach = mp_reach(2, 1, &[GLOBAL.octets(), LL.octets()].concat(), &[32, 0x20, 1, 0xd, 0xb8]);
    let unreach = attr(0x80, 15, &[0, 2, 1, 0]);
    let b = body(&[], &[&reach, ORIGIN, AS_PATH, &unreach], &[]);
    let view = parse(&b, &UpdateContext::default());
    assert_eq!(v6(view.reach_v6()), ["2001:db8::/32"]);
    assert_eq!(v6(view.unreach_v6()), ["::/0"]);
    let both = NextHop::V6WithLinkLocal { global: GLOBAL, link_local: LL };
    assert_eq!(view.next_hop_v6(), Some(both));
    assert_eq!((view.reach_v4().len(), view.next_hop_v4()), (0, None));
    // ORIGIN and AS_PATH stand together, so nothing is copied.
    let mut scratch = AttrScratch::default();
    let AttrOutcome::Ok { canonical, .. } = view.attrs(&mut scratch) else { panic!() };
    assert_eq!(canonical, [ORIGIN, AS_PATH].concat());
    assert!(b.as_ptr_range().contains(&canonical.as_ptr()));
}

#[test]
fn ipv4_with_ipv6_next_hop() {
    let reach = mp_reach(1, 1, &LL.octets(), &[8, 10]);
    let b = body(&[8, 11], &[&reach, ORIGIN, AS_PATH], &[]);
    let ctx =
        UpdateContext { extended_next_hop: FamilySet::IPV4_UNICAST, ..UpdateContext::default() };
    let view = parse(&b, &ctx);
    assert_eq!(v4(view.reach_v4()), ["10.0.0.0/8"]);
    assert_eq!(v4(view.withdrawn_v4()), ["11.0.0.0/8"]);
    assert_eq!(view.next_hop_v4(), Some(NextHop::V6(LL)));
    assert_eq!(view.next_hop_v4().unwrap().link_local(), Some(LL));
    // Not negotiated: a next hop of impossible length.
    let e = UpdateView::parse(&b, &UpdateContext::default()).unwrap_err();
    assert_eq!(e.kind, Kind::OptionalAttribute(14));
}

#[test]
fn both_places_for_ipv4() {
    let reach = mp_reach(1, 1, &[192, 0, 2, 9], &[8, 10]);
    let unreach = attr(0x80, 15, &[0, 1, 1, 8, 12]);
    let b = body(&[8, 11], &[&reach, ORIGIN, AS_PATH, NEXT_HOP, &unreach], &[8, 13]);
    let view = parse(&b, &UpdateContext::default());
    assert_eq!(v4(view.withdrawn_v4()), ["11.0.0.0/8", "12.0.0.0/8"]);
    assert_eq!(v4(view.reach_v4()), ["13.0.0.0/8"]);
    assert_eq!(view.next_hop_v4(), Some(NextHop::V4(Ipv4Addr::new(192, 0, 2, 1))));
    let (next_hop, second) = view.second_reach_v4().unwrap();
    assert_eq!(next_hop, NextHop::V4(Ipv4Addr::new(192, 0, 2, 9)));
    assert_eq!(v4(second), ["10.0.0.0/8"]);
    let mut column = Vec::new();
    view.withdrawn_v4().read_into(&mut column);
    assert_eq!(column.len(), 2);
}

#[test]
fn add_path() {
    let ctx = UpdateContext { add_path: FamilySet::IPV4_UNICAST, ..UpdateContext::default() };
    let nlri = [0, 0, 0, 7, 8, 10, 0, 0, 0, 8, 8, 10];
    let b = body(&[0, 0, 0, 9, 0], &[ORIGIN, AS_PATH, NEXT_HOP], &nlri);
    let view = parse(&b, &ctx);
    assert_eq!(v4(view.reach_v4()), ["10.0.0.0/8 id 7", "10.0.0.0/8 id 8"]);
    assert_eq!(v4(view.withdrawn_v4()), ["0.0.0.0/0 id 9"]);
    assert!(view.reach_v4().has_path_ids());
    for cut in [1, 3, 4, 5, 7] {
        let b = body(&[], &[ORIGIN, AS_PATH, NEXT_HOP], &nlri[..cut]);
        assert_eq!(UpdateView::parse(&b, &ctx).unwrap_err().kind, Kind::InvalidNetworkField);
    }
}

#[test]
fn end_of_rib_forms() {
    let ctx = UpdateContext::default();
    assert_eq!(parse(&[0; 4], &ctx).end_of_rib(), Some(Family::IPV4_UNICAST));
    let unreach = attr(0x80, 15, &[0, 2, 1]);
    let b = body(&[], &[&unreach], &[]);
    assert_eq!(parse(&b, &ctx).end_of_rib(), Some(Family::IPV6_UNICAST));
    // With anything else it is not (CVE-2023-47235 class).
    for b in [
        body(&[8, 10], &[&unreach], &[]),
        body(&[], &[&unreach, ORIGIN], &[]),
        body(&[8, 10], &[], &[]),
    ] {
        assert_eq!(parse(&b, &ctx).end_of_rib(), None, "{b:?}");
    }
    let only_v6 = UpdateContext {
        families: [Family::IPV6_UNICAST].into_iter().collect(),
        ..UpdateContext::default()
    };
    assert_eq!(parse(&[0; 4], &only_v6).end_of_rib(), None);
}

#[test]
fn families_that_were_not_negotiated_are_ignored() {
    let only_v4 = UpdateContext {
        families: [Family::IPV4_UNICAST].into_iter().collect(),
        ..UpdateContext::default()
    };
    let v6_reach = mp_reach(2, 1, &[1, 2, 3], &[200]);
    let evpn = attr(0x80, 15, &[0, 25, 70, 1, 2, 3]);
    let b = body(&[], &[&v6_reach, ORIGIN, AS_PATH, NEXT_HOP, &evpn], &[8, 10]);
    let view = parse(&b, &only_v4);
    assert_eq!((view.ignored_fields(), view.reach_v6().len(), view.reach_v4().len()), (2, 0, 1));
    let only_v6 = UpdateContext {
        families: [Family::IPV6_UNICAST].into_iter().collect(),
        ..UpdateContext::default()
    };
    let b = body(&[200, 1], &[ORIGIN, AS_PATH, NEXT_HOP], &[201]);
    let view = parse(&b, &only_v6);
    assert_eq!((view.ignored_fields(), view.has_reach(), view.has_unreach()), (2, false, false));
}

#[test]
fn canonical_form() {
    // Out of order, extended length where none is needed, low flag bits, Partial on a well-known.
    let origin = [0x7f, 1, 0, 1, 0];
    let b = body(
        &[],
        &[
            &attr(0xc0, 99, &[1, 2, 3]),
            &attr(0x80, 98, &[9]),
            &attr(0xe0, 8, &[0, 1, 0, 2]),
            NEXT_HOP,
            AS_PATH,
            &origin,
            &attr(0xc0, 32, &[7; 24]),
        ],
        &[8, 10],
    );
    let want = [
        ORIGIN,
        AS_PATH,
        &[0xe0, 8, 4, 0, 1, 0, 2],
        &[0xc0, 32, 12, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7],
        &[0xe0, 99, 3, 1, 2, 3],
    ]
    .concat();
    assert_eq!(canonical(&b, &UpdateContext::default()), want);
}

#[test]
fn long_values_keep_their_extended_length() {
    let communities = attr(0xc0, 8, &[1; 400]);
    let b = body(&[], &[ORIGIN, AS_PATH, NEXT_HOP, &communities], &[8, 10]);
    let want = [ORIGIN, AS_PATH, &communities].concat();
    assert_eq!(canonical(&b, &UpdateContext::default()), want);
}

#[test]
fn internal_and_external() {
    let local_pref = &[0x40, 5, 4, 0, 0, 0, 100];
    let originator = &[0x80, 9, 4, 10, 0, 0, 1];
    let clusters = &[0x80, 10, 4, 10, 0, 0, 2];
    let list: [&[u8]; 6] = [ORIGIN, AS_PATH, NEXT_HOP, local_pref, originator, clusters];
    let b = body(&[], &list, &[8, 10]);
    let ebgp = UpdateContext { local_as: Asn(65001), ..UpdateContext::default() };
    let mut scratch = AttrScratch::default();
    assert_eq!(
        parse(&b, &ebgp).attrs(&mut scratch),
        AttrOutcome::Ok { canonical: &[ORIGIN, AS_PATH].concat(), discarded: 3, own_as: 1 }
    );
    let ibgp = UpdateContext { ebgp: false, ..ebgp };
    let want = [ORIGIN, AS_PATH, local_pref, originator, clusters].concat();
    assert_eq!(canonical(&b, &ibgp), want);
}

#[test]
fn two_octet_speaker() {
    let ctx = UpdateContext { as4: false, local_as: Asn(70000), ..UpdateContext::default() };
    let as_path = &[0x40, 2, 8, 2, 3, 0, 1, 0x5b, 0xa0, 0, 3];
    let aggregator = &[0xc0, 7, 6, 0x5b, 0xa0, 10, 0, 0, 1];
    let as4_path = &[0xc0, 17, 10, 2, 2, 0, 1, 0x11, 0x70, 0, 0, 0, 3];
    let as4_aggregator = &[0xc0, 18, 8, 0, 1, 0x11, 0x70, 10, 0, 0, 1];
    let list: [&[u8]; 6] = [ORIGIN, as_path, NEXT_HOP, aggregator, as4_path, as4_aggregator];
    let b = body(&[], &list, &[8, 10]);
    let mut scratch = AttrScratch::default();
    let AttrOutcome::Ok { canonical: bytes, discarded, own_as } =
        parse(&b, &ctx).attrs(&mut scratch)
    else {
        panic!()
    };
    assert_eq!(AsPath::of(bytes).to_string(), "1 70000 3");
    assert_eq!((discarded, own_as), (0, 1));
    let aggregator_value = crate::attr::find(bytes, AttrType::AGGREGATOR);
    assert_eq!(aggregator_value, Some(&[0, 1, 0x11, 0x70, 10, 0, 0, 1][..]));
    assert_eq!(crate::attr::attrs(bytes).count(), 3);

    // A real AS in AGGREGATOR: both AS4 attributes are stale.
    let stale = &[0xc0, 7, 6, 0, 9, 10, 0, 0, 1];
    let list: [&[u8]; 6] = [ORIGIN, as_path, NEXT_HOP, stale, as4_path, as4_aggregator];
    let bytes = canonical(&body(&[], &list, &[8, 10]), &ctx);
    assert_eq!(AsPath::of(&bytes).to_string(), "1 23456 3");

    // From a four-octet speaker they are discarded (and AS_PATH read four octets wide).
    let list: [&[u8]; 5] = [ORIGIN, AS_PATH, NEXT_HOP, as4_path, as4_aggregator];
    let b = body(&[], &list, &[8, 10]);
    assert_eq!(canonical(&b, &UpdateContext::default()), [ORIGIN, AS_PATH].concat());
}

#[test]
fn many_large_communities_are_made_distinct_in_order() {
    let list: Vec<LargeCommunity> = (0..40).map(|i| LargeCommunity(9, 50 - i % 20, 1)).collect();
    let value: Vec<u8> = list.iter().flat_map(|c| c.to_bytes()).collect();
    let b = body(&[], &[ORIGIN, AS_PATH, NEXT_HOP, &attr(0xc0, 32, &value)], &[8, 10]);
    let bytes = canonical(&b, &UpdateContext::default());
    assert_eq!(LargeCommunity::of(&bytes).collect::<Vec<_>>(), list[..20]);
}

#[test]
fn section_lengths() {
    let ctx = UpdateContext::default();
    for (b, at) in [
        (vec![], 19),
        (vec![0], 19),
        (vec![0, 1, 0, 0], 22),
        (vec![0, 9, 0, 0], 19),
        (vec![0, 0, 0, 1], 21),
        (vec![0, 0, 0xff, 0xff, 1], 21),
        (vec![0xff, 0xff, 0, 0], 19),
    ] {
        let e = UpdateView::parse(&b, &ctx).unwrap_err();
        assert_eq!(e, DecodeError { at, kind: Kind::MalformedAttributeList }, "{b:?}");
        assert_eq!(e.kind.code(), (3, 1));
    }
}

#[test]
fn bad_prefixes_say_where() {
    let ctx = UpdateContext::default();
    let b = body(&[8, 10, 33, 0, 0, 0, 0, 0], &[], &[]);
    let e = UpdateView::parse(&b, &ctx).unwrap_err();
    assert_eq!(e, DecodeError { at: 23, kind: Kind::InvalidNetworkField });
    let b = body(&[], &[ORIGIN], &[8, 10, 24, 1]);
    let e = UpdateView::parse(&b, &ctx).unwrap_err();
    assert_eq!(usize::from(e.at), HEADER_LEN + 4 + ORIGIN.len() + 2);
    let reach = mp_reach(2, 1, &GLOBAL.octets(), &[129]);
    let b = body(&[], &[ORIGIN, AS_PATH, &reach], &[]);
    let e = UpdateView::parse(&b, &ctx).unwrap_err();
    let mut message = vec![0xff; HEADER_LEN];
    message.extend_from_slice(&b);
    let n = e.notification(&message);
    assert_eq!((n.code, n.subcode, &n.data[..]), (3, 9, &reach[..]));
}
