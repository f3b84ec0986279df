//! What the codec allocates: nothing for an UPDATE in the steady state, and never more than a stated
//! multiple of the message.
//!
//! A binary of its own, because its allocator counts (per thread, so tests do not disturb each
//! other).
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use allocation_counter::{AllocationInfo, measure};
use bgp_wire::{
    Asn, AttrBuilder, AttrOutcome, AttrScratch, Community, EncodeContext, EvpnRoute, Family,
    FamilySet, HEADER_LEN, Label, LabelStack, MAX_EXTENDED, Message, NextHop, Nlri,
    RouteDistinguisher, UpdateContext, UpdateView, V4Prefix, V6Prefix, Vpn, end_of_rib, next_frame,
    pack_announce, pack_withdraw,
};
use proptest::{collection::vec, prelude::*};

/// The bound of the crate's documentation: octets allocated to decode a message of `length` octets,
/// all allocations added up, none of them reused.
const fn bound(length: usize) -> u64 {
    (128 * length + 4096) as u64
}

fn families() -> FamilySet {
    [
        Family::IPV4_UNICAST,
        Family::IPV6_UNICAST,
        Family::IPV4_VPN,
        Family::IPV6_VPN,
        Family::IPV4_LABELED,
        Family::IPV6_LABELED,
        Family::EVPN,
        Family::ROUTE_TARGET,
        Family::IPV4_FLOW_SPEC,
        Family::IPV6_FLOW_SPEC,
        Family::IPV4_FLOW_SPEC_VPN,
        Family::IPV6_FLOW_SPEC_VPN,
    ]
    .into_iter()
    .collect()
}

fn context() -> UpdateContext {
    UpdateContext { families: families(), aigp: true, ..UpdateContext::default() }
}

fn set() -> Vec<u8> {
    let mut out = Vec::new();
    AttrBuilder::new()
        .set_origin(0)
        .replace_as_path(&[Asn(65001), Asn(3356), Asn(70000), Asn(65010)])
        .set_med(Some(10))
        .set_communities(&[1, 2, 3, 4].map(|n| Community::new(65001, n)))
        .finish(&mut out);
    out
}

fn v4() -> Vec<V4Prefix> {
    (0..100).map(|i| V4Prefix::from_bits(0x0a00_0000 + (i << 8), 24).unwrap()).collect()
}

fn v6() -> Vec<V6Prefix> {
    let base = 0x2001_0db8_u128 << 96;
    (0..100).map(|i| V6Prefix::from_bits(base + (i << 64), 64).unwrap()).collect()
}

fn vpn() -> Vec<Vpn<V4Prefix>> {
    let labels = || LabelStack::single(Label::new(1000).unwrap());
    let rd = RouteDistinguisher::from_asn2(65001, 7);
    v4().into_iter().map(|prefix| Vpn::new(labels(), rd, prefix).unwrap()).collect()
}

fn evpn() -> Vec<EvpnRoute> {
    let route = |i: u8| {
        let mut octets = vec![5, 34, 0, 0, 0xfd, 0xe9, 0, 0, 0, 7];
        octets.extend_from_slice(&[0; 14]);
        octets.extend_from_slice(&[24, 10, 0, i, 0, 0, 0, 0, 0, 0, 3, 0xe8]);
        let (route, rest) = EvpnRoute::take(&octets).unwrap();
        assert!(rest.is_empty() && matches!(route, EvpnRoute::IpPrefix { .. }), "{route}");
        route
    };
    (0..50).map(route).collect()
}

/// Decodes a stream of UPDATEs to its last route and attribute, and encodes it, both without a
/// single allocation once the buffers have grown.
fn steady<N: Nlri>(family: Family, next_hop: NextHop, routes: &[N]) {
    let (set, ectx, ctx) = (set(), EncodeContext::default(), context());
    let mut wire = Vec::new();
    let encode = |wire: &mut Vec<u8>| {
        wire.clear();
        let announced = routes.iter().cloned().map(|n| (0, n));
        let stats = pack_announce(family, &set, Some(&next_hop), &ectx, announced, wire);
        assert_eq!((stats.prefixes, stats.unsendable), (routes.len(), 0));
        let withdrawn = routes.iter().cloned().map(|n| (0, n));
        assert_eq!(pack_withdraw(family, &ectx, withdrawn, wire).prefixes, routes.len());
        end_of_rib(family, wire);
    };
    encode(&mut wire);
    let first = wire.clone();
    let encoding = measure(|| encode(&mut wire));
    assert_eq!((encoding.count_total, &wire), (0, &first), "encode {family}");

    let mut scratch = AttrScratch::default();
    let mut decode = || {
        let (mut announced, mut withdrawn, mut kept) = (0, 0, 0);
        let mut rest = &wire[..];
        while let Ok(bgp_wire::Framed::Message { frame, .. }) = next_frame(rest, MAX_EXTENDED) {
            rest = &rest[frame.len()..];
            let view = UpdateView::parse(&frame[HEADER_LEN..], &ctx).unwrap();
            if family == Family::IPV4_UNICAST {
                announced += view.reach_v4().filter(|(_, p)| p.len() > 0).count();
                withdrawn += view.withdrawn_v4().filter(|(_, p)| p.len() > 0).count();
            } else {
                let reach = view.mp_reach().and_then(|mp| mp.iter::<N>());
                announced +=
                    reach.into_iter().flatten().filter(|(_, n)| n.encoded_len() > 0).count();
                let unreach = view.mp_unreach().and_then(|mp| mp.iter::<N>());
                withdrawn +=
                    unreach.into_iter().flatten().filter(|(_, n)| n.encoded_len() > 0).count();
            }
            match view.attrs(&mut scratch) {
                AttrOutcome::Ok { canonical, .. } => kept += canonical.len(),
                AttrOutcome::TreatAsWithdraw(error) => panic!("{error}"),
            }
        }
        assert!(rest.is_empty());
        (announced, withdrawn, kept > 0)
    };
    assert_eq!(decode(), (routes.len(), routes.len(), true), "{family}");
    let decoding = measure(|| assert!(decode().2));
    assert_eq!(decoding.count_total, 0, "decode {family}");
}

#[test]
fn an_update_allocates_nothing_in_the_steady_state() {
    let v4_hop = NextHop::V4([192, 0, 2, 1].into());
    let v6_hop = NextHop::V6("2001:db8::1".parse().unwrap());
    steady(Family::IPV4_UNICAST, v4_hop, &v4());
    steady(Family::IPV6_UNICAST, v6_hop, &v6());
    steady(Family::IPV4_VPN, v4_hop, &vpn());
    steady(Family::EVPN, v6_hop, &evpn());
    // The counter does count.
    assert_eq!(measure(|| drop(std::hint::black_box(vec![0u8; 7]))).count_total, 1);
}

/// Attributes that are out of order, repeated, and of a two-octet speaker: the slow way through.
#[test]
fn rewritten_attributes_allocate_nothing_in_the_steady_state() {
    let attributes: &[&[u8]] = &[
        &[0xc0, 8, 8, 0, 1, 0, 2, 0, 1, 0, 2],
        &[0xc0, 17, 6, 2, 1, 0, 1, 0, 0],
        &[0x40, 3, 4, 192, 0, 2, 1],
        &[0x40, 2, 4, 2, 1, 0x5b, 0xa0],
        &[0xd0, 99, 0, 2, 1, 2],
        &[0x40, 1, 1, 0],
        &[0x40, 1, 1, 1],
    ];
    let list = attributes.concat();
    let length = u16::try_from(list.len()).unwrap().to_be_bytes();
    let body = [&[0, 0], &length[..], &list, &[8, 10]].concat();
    let ctx = UpdateContext { as4: false, ..context() };
    let mut scratch = AttrScratch::default();
    let mut run = || {
        let view = UpdateView::parse(&body, &ctx).unwrap();
        let AttrOutcome::Ok { canonical, discarded: 1, .. } = view.attrs(&mut scratch) else {
            panic!("not as expected")
        };
        assert_eq!(bgp_wire::AsPath::of(canonical).origin(), Some(Asn(65536)));
        canonical.len()
    };
    let length = run();
    let again = measure(|| assert_eq!(run(), length));
    assert_eq!(again.count_total, 0);
}

/// Everything there is to do with a message of unknown content.
fn decode_all(message: &[u8]) -> AllocationInfo {
    let (wide, narrow) = (context(), UpdateContext { as4: false, ebgp: false, ..context() });
    let one = |ctx: &UpdateContext, body: &[u8]| {
        if let Ok(view) = UpdateView::parse(body, ctx) {
            let _ = (view.reach_v4().count(), view.reach_v6().count());
            let _ = (view.withdrawn_v4().count(), view.unreach_v6().count());
            let _ = view.attrs(&mut AttrScratch::default());
        }
    };
    let body = message.get(HEADER_LEN..).unwrap_or_default();
    let mut most = measure(|| one(&wide, body));
    let other = measure(|| one(&narrow, body));
    if other.bytes_total > most.bytes_total {
        most = other;
    }
    let typed = measure(|| match Message::decode(message) {
        Ok(message) => drop(message),
        Err(error) => drop(error.notification(message)),
    });
    if typed.bytes_total > most.bytes_total { typed } else { most }
}

#[track_caller]
fn bounded(message: &[u8]) -> u64 {
    let used = decode_all(message).bytes_total;
    let bound = bound(message.len());
    assert!(used <= bound, "{used} octets for a message of {}, over {bound}", message.len());
    used
}

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + HEADER_LEN).unwrap().to_be_bytes();
    [&[0xff; 16][..], &length, &[kind], body].concat()
}

/// An OPEN of the longest kind with capabilities of this code and value, as many as fit.
fn open_full_of(code: u8, value: &[u8]) -> Vec<u8> {
    let one = [&[code, u8::try_from(value.len()).unwrap()], value].concat();
    let capabilities = one.repeat((4096 - 40) / one.len());
    let length = u16::try_from(capabilities.len()).unwrap();
    let head = [4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1, 255, 255];
    let parameter = [&(length + 3).to_be_bytes()[..], &[2], &length.to_be_bytes()].concat();
    framed(1, &[&head[..], &parameter, &capabilities].concat())
}

/// An UPDATE full of attributes of three octets, or of one attribute over and over.
fn update_full_of(attribute: &[u8]) -> Vec<u8> {
    let list = attribute.repeat((65535 - 23) / attribute.len());
    let length = u16::try_from(list.len()).unwrap().to_be_bytes();
    framed(2, &[&[0, 0], &length[..], &list].concat())
}

/// The worst that can be thought of: much structure in few octets.
#[test]
fn dense_messages_stay_within_the_bound() {
    for code in 0..=255 {
        bounded(&open_full_of(code, &[]));
    }
    let mut most = 0;
    for (code, value) in [
        (3, &[0u8, 1, 0, 1, 0][..]),
        (3, &[0, 1, 0, 1, 255]),
        (5, &[0, 1, 0, 1, 0, 2]),
        (8, &[0, 1, 4, 2]),
        (64, &[0, 0]),
        (64, &[0, 0, 0, 1, 1, 0]),
        (69, &[0, 1, 1, 1]),
        (69, &[0, 1, 1, 9]),
        (71, &[0, 1, 1, 0, 0, 0, 1]),
        (73, &[1, b'a', 1, b'b']),
        (75, &[1, b'a']),
        (76, &[0, 1, 1, 0, 1]),
    ] {
        most = most.max(bounded(&open_full_of(code, value)));
    }
    assert!(most > 10_000, "the capabilities were not reached: {most}");
    let mut most = 0;
    for attribute in [
        &[0xc0, 99, 0][..],
        &[0x40, 1, 1, 0],
        &[0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9],
        &[0xc0, 8, 4, 0, 1, 0, 2],
        &[0x80, 14, 5, 0, 1, 1, 0, 0],
    ] {
        most = most.max(bounded(&update_full_of(attribute)));
    }
    // Every unknown attribute there is, so that none is a repetition.
    let list: Vec<u8> = (41..=255).flat_map(|kind| [0xc0, kind, 0]).collect();
    let length = u16::try_from(list.len()).unwrap().to_be_bytes();
    most = most.max(bounded(&framed(2, &[&[0, 0], &length[..], &list].concat())));
    assert!(most > 1000, "the attributes were not reached: {most}");
    // A two-octet AS_PATH doubles.
    let path = [&[2, 255][..], &[0xfd, 0xe9].repeat(255)].concat().repeat(100);
    let length = u16::try_from(path.len()).unwrap().to_be_bytes();
    let list = [&[0x50, 2][..], &length, &path].concat();
    let length = u16::try_from(list.len()).unwrap().to_be_bytes();
    bounded(&framed(2, &[&[0, 0], &length[..], &list].concat()));
    for kind in 1..=6 {
        bounded(&framed(kind, &[0xff; 65_516]));
        bounded(&framed(kind, &[0; 65_516]));
        bounded(&framed(kind, &[]));
    }
}

proptest! {
    #[test]
    fn arbitrary_messages_stay_within_the_bound(
        body in vec(prop_oneof![any::<u8>(), 0u8..4, Just(0xff)], 0..600),
        kind in 0u8..7,
    ) {
        bounded(&framed(kind, &body));
        bounded(&body);
    }
}
