//! Every family there and back: announced and withdrawn, with and without path identifiers, in
//! messages of both sizes.

use std::net::{Ipv4Addr, Ipv6Addr};

use bgp_wire::{
    AttrOutcome, AttrScratch, EncodeContext, Family, FamilySet, MAX_EXTENDED, MAX_MESSAGE, NextHop,
    Nlri, NlriIter, UpdateContext, UpdateView, V4Prefix, V6Prefix, attrs,
    nlri::{EvpnRoute, Vpn},
    pack_announce, pack_withdraw,
};
use proptest::{collection::vec, prelude::*};

use crate::{arb, roundtrip::frames};

const V4: NextHop = NextHop::V4(Ipv4Addr::new(192, 0, 2, 1));
const GLOBAL: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
const V6: NextHop = NextHop::V6(GLOBAL);
const BOTH: NextHop = NextHop::V6WithLinkLocal {
    global: GLOBAL,
    link_local: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
};

/// Next hops that a family can have as they are.
fn next_hops(family: Family) -> &'static [Option<NextHop>] {
    match family {
        Family::IPV6_UNICAST | Family::IPV6_MULTICAST | Family::IPV6_LABELED | Family::IPV6_VPN => {
            &[Some(V6), Some(BOTH)]
        }
        Family::IPV4_UNICAST => &[Some(V6), Some(BOTH)],
        Family::EVPN | Family::ROUTE_TARGET => &[Some(V4), Some(V6)],
        family if family.to_string().contains("flowspec") => &[None],
        _ => &[Some(V4), Some(V6), Some(BOTH)],
    }
}

/// What the peer of a session with `ctx` reads `family`'s messages with.
pub(crate) fn receiver(family: Family, ctx: &EncodeContext) -> UpdateContext {
    let only: FamilySet = [family].into_iter().collect();
    UpdateContext {
        as4: ctx.as4,
        ebgp: false,
        families: only,
        add_path: if ctx.add_path { only } else { FamilySet::EMPTY },
        extended_next_hop: only,
        ..UpdateContext::default()
    }
}

/// The route as a withdrawal of it is read.
fn withdrawn<N: Nlri>(route: &N) -> N {
    let mut octets = Vec::new();
    route.put_withdrawn(&mut octets);
    assert!(octets.len() <= route.encoded_len() && octets.len() <= N::MAX_LEN);
    let (route, rest) = N::take_withdrawn(&octets).unwrap();
    assert!(rest.is_empty());
    route
}

fn collect<N: Nlri>(iter: Option<NlriIter<'_, N>>, to: &mut Vec<(u32, N)>) {
    let iter = iter.unwrap();
    let mut column = Vec::new();
    iter.clone().read_into(&mut column);
    assert!(!column.is_empty() && iter.clone().map(|(_, route)| route).eq(column));
    to.extend(iter);
}

fn there_and_back<N: Nlri>(family: Family, set: &[u8], nlri: &[(u32, N)], ectx: EncodeContext) {
    let ids = u32::from(ectx.add_path);
    let nlri: Vec<_> = nlri.iter().map(|(id, route)| (id * ids, route.clone())).collect();
    let ctx = receiver(family, &ectx);
    let mut scratch = AttrScratch::default();
    for next_hop in next_hops(family) {
        let mut wire = Vec::new();
        let stats =
            pack_announce(family, set, next_hop.as_ref(), &ectx, nlri.iter().cloned(), &mut wire);
        assert_eq!((stats.prefixes, stats.unsendable), (nlri.len(), 0));
        let mut got = Vec::new();
        let all = frames(&wire, ectx.max_len);
        assert_eq!(all.len(), stats.messages);
        for frame in all {
            let view = UpdateView::parse(&frame[19..], &ctx).unwrap();
            let kinds: Vec<_> = attrs(view.raw_attrs()).map(|a| a.kind.0).collect();
            assert_eq!(kinds[0], 14, "MP_REACH_NLRI is first");
            assert!(kinds[1..].is_sorted_by(|a, b| a < b));
            let mp = view.mp_reach().unwrap();
            assert_eq!((mp.family(), mp.next_hop()), (family, *next_hop));
            let any = mp.any().map(|(id, route)| (id, route.to_string()));
            let iter = mp.iter::<N>().unwrap().map(|(id, route)| (id, route.to_string()));
            assert!(any.eq(iter));
            collect(mp.iter::<N>(), &mut got);
            let AttrOutcome::Ok { canonical, discarded, .. } = view.attrs(&mut scratch) else {
                panic!("treat-as-withdraw of our own message")
            };
            assert_eq!((canonical, discarded), (set, 0));
        }
        assert_eq!(got, nlri);
    }

    let mut wire = Vec::new();
    let stats = pack_withdraw(family, &ectx, nlri.iter().cloned(), &mut wire);
    assert_eq!((stats.prefixes, stats.unsendable), (nlri.len(), 0));
    let mut got = Vec::new();
    for frame in frames(&wire, ectx.max_len) {
        let view = UpdateView::parse(&frame[19..], &ctx).unwrap();
        assert!(view.has_unreach() && !view.has_reach() && view.end_of_rib().is_none());
        if family == Family::IPV4_UNICAST {
            assert!(view.mp_unreach().is_none());
            got.extend(view.withdrawn_v4().map(|(id, p)| (id, p.to_string())));
        } else {
            let mut routes = Vec::new();
            collect(view.mp_unreach().unwrap().iter::<N>(), &mut routes);
            got.extend(routes.into_iter().map(|(id, route)| (id, route.to_string())));
        }
    }
    let want: Vec<_> = nlri.iter().map(|(id, n)| (*id, withdrawn(n).to_string())).collect();
    assert_eq!(got, want);
}

macro_rules! families {
    ($($name:ident: $family:expr, $route:expr;)*) => {
        proptest! {
            #![proptest_config(ProptestConfig::with_cases(64))]
            $(
                #[test]
                fn $name(
                    set in arb::canonical(),
                    nlri in vec((any::<u32>(), $route), 1..400),
                    as4 in any::<bool>(),
                    add_path in any::<bool>(),
                    extended in any::<bool>(),
                ) {
                    let max_len = if extended { MAX_EXTENDED } else { MAX_MESSAGE };
                    let ectx = EncodeContext { as4, max_len, add_path };
                    there_and_back($family, &set, &nlri, ectx);
                }
            )*
        }
    };
}

families! {
    ipv4_unicast: Family::IPV4_UNICAST, arb::v4();
    ipv6_unicast: Family::IPV6_UNICAST, arb::v6();
    ipv4_multicast: Family::IPV4_MULTICAST, arb::v4();
    ipv6_multicast: Family::IPV6_MULTICAST, arb::v6();
    ipv4_labeled: Family::IPV4_LABELED, arb::nlri::labeled(arb::v4());
    ipv6_labeled: Family::IPV6_LABELED, arb::nlri::labeled(arb::v6());
    ipv4_vpn: Family::IPV4_VPN, arb::nlri::vpn(arb::v4());
    ipv6_vpn: Family::IPV6_VPN, arb::nlri::vpn(arb::v6());
    evpn: Family::EVPN, arb::nlri::evpn();
    route_target: Family::ROUTE_TARGET, arb::nlri::route_target();
    ipv4_flow_spec: Family::IPV4_FLOW_SPEC, arb::nlri::flow_spec::<V4Prefix>();
    ipv6_flow_spec: Family::IPV6_FLOW_SPEC, arb::nlri::flow_spec::<V6Prefix>();
    ipv4_flow_spec_vpn: Family::IPV4_FLOW_SPEC_VPN,
        arb::nlri::vpn_flow_spec(arb::nlri::flow_spec::<V4Prefix>());
    ipv6_flow_spec_vpn: Family::IPV6_FLOW_SPEC_VPN,
        arb::nlri::vpn_flow_spec(arb::nlri::flow_spec::<V6Prefix>());
}

/// Exact octets of one route of each kind of next hop and place.
#[test]
fn octets_of_each_layout() {
    let set = [0x40, 1, 1, 0, 0x40, 2, 0];
    let ctx = EncodeContext::default();
    let mut wire = Vec::new();
    let multicast = [(0, "10.0.0.0/8".parse::<V4Prefix>().unwrap())];
    pack_announce(Family::IPV4_MULTICAST, &set, Some(&V4), &ctx, multicast, &mut wire);
    let head = [0x90, 14, 0, 11, 0, 1, 2, 4, 192, 0, 2, 1, 0];
    assert_eq!(wire[23..], [&head[..], &[8, 10], &set].concat());

    wire.clear();
    pack_withdraw(Family::IPV4_MULTICAST, &ctx, multicast, &mut wire);
    assert_eq!(wire[19..], [0, 0, 0, 9, 0x90, 15, 0, 5, 0, 1, 2, 8, 10]);

    wire.clear();
    let vpn = [(7, "65001:100:192.0.2.0/24 label 100".parse::<Vpn<V4Prefix>>().unwrap())];
    let with_ids = EncodeContext { add_path: true, ..ctx };
    pack_announce(Family::IPV4_VPN, &set, Some(&V4), &with_ids, vpn, &mut wire);
    let want = [
        &[0x90, 14, 0, 36, 0, 1, 128, 12, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1, 0][..],
        &[0, 0, 0, 7, 112, 0, 6, 0x41, 0, 0, 0xfd, 0xe9, 0, 0, 0, 100, 192, 0, 2],
        &set,
    ];
    assert_eq!(wire[23..], want.concat());

    wire.clear();
    pack_withdraw(Family::IPV4_VPN, &ctx, vpn, &mut wire);
    let want = [
        &[0, 0, 0, 22, 0x90, 15, 0, 18, 0, 1, 128, 112, 0x80, 0, 0][..],
        &[0, 0, 0xfd, 0xe9, 0, 0, 0, 100, 192, 0, 2],
    ];
    assert_eq!(wire[19..], want.concat());
}

/// A route that has no room beside the attributes is left out and counted; its neighbours are sent.
#[test]
fn routes_too_long_for_a_message() {
    let set = [&[0x40, 1, 1, 0, 0x40, 2, 0][..], &[0xd0, 99, 0x0f, 0], &[1; 0xf00]].concat();
    let ctx = EncodeContext::default();
    let evpn = |len: usize| EvpnRoute::from_value(77, &vec![0; len]).unwrap();
    let lengths = [0, 190, 120, 3, 255, 118, 119];
    let nlri: Vec<_> = lengths.iter().map(|len| (0, evpn(*len))).collect();
    let mut wire = Vec::new();
    let stats = pack_announce(Family::EVPN, &set, Some(&V4), &ctx, nlri.clone(), &mut wire);
    let room = MAX_MESSAGE - 19 - 4 - 4 - 4 - 4 - 1 - set.len();
    assert_eq!(stats.room, room);
    let fit = |(_, route): &(u32, EvpnRoute)| route.encoded_len() <= room;
    assert_eq!(stats.unsendable, nlri.iter().filter(|n| !fit(n)).count());
    let mut got = Vec::new();
    for frame in frames(&wire, MAX_MESSAGE) {
        let view = UpdateView::parse(&frame[19..], &receiver(Family::EVPN, &ctx)).unwrap();
        collect(view.mp_reach().unwrap().iter::<EvpnRoute>(), &mut got);
    }
    nlri.into_iter().filter(fit).for_each(|n| assert!(got.contains(&n)));
    assert!(stats.unsendable > 0 && stats.prefixes == got.len() && !got.is_empty());
}

/// Routes of another type than the family's are a fault of the caller; nothing is sent.
#[test]
#[cfg_attr(debug_assertions, should_panic = "has routes of another type")]
fn a_family_of_another_type_is_refused() {
    let mut wire = Vec::new();
    let nlri = [(0, "10.0.0.0/8".parse::<V4Prefix>().unwrap())];
    let ctx = EncodeContext::default();
    let stats = pack_announce(Family::IPV6_UNICAST, &[], Some(&V6), &ctx, nlri, &mut wire);
    assert_eq!((stats.unsendable, stats.messages, wire.len()), (1, 0, 0));
    let stats = pack_withdraw(Family::EVPN, &ctx, nlri, &mut wire);
    assert_eq!((stats.unsendable, stats.messages, wire.len()), (1, 0, 0));
}

/// So is a route without the next hop that its family wants.
#[test]
#[cfg_attr(debug_assertions, should_panic = "wants a next hop")]
fn a_missing_next_hop_is_refused() {
    let mut wire = Vec::new();
    let nlri = [(0, "2001:db8::/32".parse::<V6Prefix>().unwrap())];
    let ctx = EncodeContext::default();
    let stats = pack_announce(Family::IPV6_UNICAST, &[], None, &ctx, nlri, &mut wire);
    assert_eq!((stats.unsendable, stats.messages, wire.len()), (1, 0, 0));
}
