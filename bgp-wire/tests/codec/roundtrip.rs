//! Properties: what is encoded decodes to itself; canonical is a fixed point; packing loses nothing.

use std::net::Ipv6Addr;

use bgp_wire::{
    AttrOutcome, AttrScratch, EncodeContext, Family, FamilySet, Framed, MAX_EXTENDED, MAX_MESSAGE,
    Message, NextHop, NlriPrefix, UpdateContext, UpdateView, next_frame, pack_announce,
    pack_withdraw,
};
use proptest::{collection::vec, prelude::*};

use crate::arb;

/// The frames of a stream, which must hold nothing else.
pub(crate) fn frames(mut stream: &[u8], max_len: usize) -> Vec<&[u8]> {
    let mut out = Vec::new();
    while !stream.is_empty() {
        match next_frame(stream, max_len).unwrap() {
            Framed::Message { frame, .. } => {
                out.push(frame);
                stream = &stream[frame.len()..];
            }
            Framed::Incomplete { needed } => panic!("{needed} octets needed, {}", stream.len()),
        }
    }
    out
}

/// Canonical bytes of a set, by way of a message of an internal four-octet session.
pub(crate) fn canonicalised(attrs: &[u8]) -> Vec<u8> {
    let length = u16::try_from(attrs.len()).unwrap().to_be_bytes();
    let body = [&[0, 0], &length[..], attrs].concat();
    let ctx =
        UpdateContext { ebgp: false, confederation: true, aigp: true, ..UpdateContext::default() };
    let view = UpdateView::parse(&body, &ctx).unwrap();
    match view.attrs(&mut AttrScratch::default()) {
        AttrOutcome::Ok { canonical, discarded: 0, .. } => canonical.to_vec(),
        other => panic!("{other:?}"),
    }
}

fn decoded(wire: &[u8]) -> Message<'_> {
    let all = frames(wire, MAX_MESSAGE);
    assert_eq!(all.len(), 1);
    Message::decode(all[0]).unwrap()
}

fn families(all: bool) -> FamilySet {
    if all { UpdateContext::default().families } else { FamilySet::EMPTY }
}

fn announced<P: NlriPrefix>(
    canonical: &[u8],
    next_hop: NextHop,
    ectx: EncodeContext,
    nlri: &[(u32, P)],
    read: impl Fn(&UpdateView<'_>) -> (Vec<(u32, P)>, Option<NextHop>),
) {
    let mut wire = Vec::new();
    let stats = pack_announce(
        P::FAMILY,
        canonical,
        Some(&next_hop),
        &ectx,
        nlri.iter().copied(),
        &mut wire,
    );
    assert_eq!((stats.prefixes, stats.unsendable), (nlri.len(), 0));
    let ctx = UpdateContext {
        as4: ectx.as4,
        ebgp: false,
        add_path: families(ectx.add_path),
        extended_next_hop: families(true),
        ..UpdateContext::default()
    };
    let mut got = Vec::new();
    let all = frames(&wire, ectx.max_len);
    assert_eq!(all.len(), stats.messages);
    let mut scratch = AttrScratch::default();
    for frame in all {
        let view = UpdateView::parse(&frame[19..], &ctx).unwrap();
        let (prefixes, found) = read(&view);
        assert!(!prefixes.is_empty());
        assert_eq!(found, Some(next_hop));
        got.extend(prefixes);
        let AttrOutcome::Ok { canonical: back, discarded, .. } = view.attrs(&mut scratch) else {
            panic!("treat-as-withdraw of our own message")
        };
        assert_eq!((back, discarded), (canonical, 0));
    }
    assert_eq!(got, nlri);
}

proptest! {
    #[test]
    fn open(open in arb::open()) {
        let mut wire = Vec::new();
        open.encode(&mut wire);
        prop_assert_eq!(decoded(&wire), Message::Open(open));
    }

    #[test]
    fn notification(n in arb::notification()) {
        let mut wire = Vec::new();
        n.encode(&mut wire);
        prop_assert!(!n.to_string().is_empty());
        prop_assert_eq!(decoded(&wire), Message::Notification(n));
    }

    #[test]
    fn route_refresh(rr in arb::route_refresh()) {
        let mut wire = Vec::new();
        rr.encode(&mut wire);
        prop_assert_eq!(decoded(&wire), Message::RouteRefresh(rr));
    }

    #[test]
    fn prefix_text(v4 in arb::v4(), v6 in arb::v6(), family in arb::family()) {
        prop_assert_eq!(v4.to_string().parse(), Ok(v4));
        prop_assert_eq!(v6.to_string().parse(), Ok(v6));
        prop_assert_eq!(family.to_string().parse(), Ok(family));
    }

    #[test]
    fn canonical_is_a_fixed_point(set in arb::canonical()) {
        prop_assert_eq!(canonicalised(&set), set);
    }

    #[test]
    fn announce_v4(
        set in arb::canonical(),
        nlri in vec((1u32.., arb::v4()), 1..600),
        as4 in any::<bool>(),
        add_path in any::<bool>(),
    ) {
        let nlri: Vec<_> =
            nlri.into_iter().map(|(id, p)| (if add_path { id } else { 0 }, p)).collect();
        let ectx = EncodeContext { as4, max_len: MAX_MESSAGE, add_path };
        let read = |v: &UpdateView<'_>| (v.reach_v4().collect(), v.next_hop_v4());
        announced(&set, NextHop::V4([192, 0, 2, 1].into()), ectx, &nlri, read);
        let v6 = NextHop::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
        announced(&set, v6, ectx, &nlri, read);
    }

    #[test]
    fn announce_v6(
        set in arb::canonical(),
        nlri in vec((1u32.., arb::v6()), 1..400),
        as4 in any::<bool>(),
        add_path in any::<bool>(),
        extended in any::<bool>(),
    ) {
        let nlri: Vec<_> =
            nlri.into_iter().map(|(id, p)| (if add_path { id } else { 0 }, p)).collect();
        let max_len = if extended { MAX_EXTENDED } else { MAX_MESSAGE };
        let ectx = EncodeContext { as4, max_len, add_path };
        let next_hop = NextHop::V6WithLinkLocal {
            global: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1),
            link_local: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1),
        };
        announced(&set, next_hop, ectx, &nlri, |v| (v.reach_v6().collect(), v.next_hop_v6()));
    }

    #[test]
    fn withdraw(
        v4 in vec(arb::v4(), 0..1500),
        v6 in vec(arb::v6(), 0..500),
        add_path in any::<bool>(),
    ) {
        let ectx = EncodeContext { add_path, ..EncodeContext::default() };
        let id = u32::from(add_path) * 7;
        let mut wire = Vec::new();
        let a = pack_withdraw(Family::IPV4_UNICAST, &ectx, v4.iter().map(|p| (id, *p)), &mut wire);
        let b = pack_withdraw(Family::IPV6_UNICAST, &ectx, v6.iter().map(|p| (id, *p)), &mut wire);
        prop_assert_eq!((a.prefixes, b.prefixes), (v4.len(), v6.len()));
        let ctx = UpdateContext {
            add_path: families(add_path), ..UpdateContext::default()
        };
        let (mut got4, mut got6) = (Vec::new(), Vec::new());
        for frame in frames(&wire, MAX_MESSAGE) {
            let view = UpdateView::parse(&frame[19..], &ctx).unwrap();
            prop_assert!(view.has_unreach() && !view.has_reach() && view.end_of_rib().is_none());
            view.withdrawn_v4().read_into(&mut got4);
            view.unreach_v6().read_into(&mut got6);
            prop_assert!(view.withdrawn_v4().all(|(i, _)| i == id));
        }
        prop_assert_eq!(got4, v4);
        prop_assert_eq!(got6, v6);
    }
}
