//! Packing: exact bytes, borders of messages, old speakers, sets that fit nowhere.

use bgp_wire::{
    AsPath, Asn, AttrBuilder, AttrOutcome, AttrScratch, AttrType, Community, EncodeContext, Family,
    FlowSpec, MAX_EXTENDED, MAX_MESSAGE, NextHop, Nlri, UpdateContext, UpdateView, V4Prefix,
    V6Prefix, end_of_rib, pack_announce, pack_withdraw,
};

use crate::roundtrip::frames;

const V4: Family = Family::IPV4_UNICAST;
const HOP: NextHop = NextHop::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn set(path: &[u32]) -> Vec<u8> {
    let mut out = Vec::new();
    let path: Vec<_> = path.iter().copied().map(Asn).collect();
    AttrBuilder::new().set_origin(0).replace_as_path(&path).set_med(Some(5)).finish(&mut out);
    out
}

fn host(i: u32) -> V4Prefix {
    V4Prefix::from_bits(0x0a00_0000 + i, 32).unwrap()
}

#[test]
fn classic_bytes() {
    let mut out = Vec::new();
    let nlri = [(0, "10.0.0.0/8".parse::<V4Prefix>().unwrap())];
    let stats =
        pack_announce(V4, &set(&[65001]), Some(&HOP), &EncodeContext::default(), nlri, &mut out);
    assert_eq!((stats.messages, stats.prefixes, stats.unsendable), (1, 1, 0));
    let want = [
        &[0, 52, 2, 0, 0, 0, 27][..],
        &[0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9],
        &[0x40, 3, 4, 192, 0, 2, 1, 0x80, 4, 4, 0, 0, 0, 5],
        &[8, 10],
    ]
    .concat();
    assert_eq!(out[16..], want);
}

#[test]
fn mp_reach_is_first() {
    let mut out = Vec::new();
    let nlri = [(9, "2001:db8::/32".parse::<V6Prefix>().unwrap())];
    let ctx = EncodeContext { add_path: true, ..EncodeContext::default() };
    // An IPv4 next hop for IPv6 goes out IPv4-mapped.
    pack_announce(Family::IPV6_UNICAST, &set(&[]), Some(&HOP), &ctx, nlri, &mut out);
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1];
    let want = [
        &[0, 0, 0, 48, 0x90, 14, 0, 30, 0, 2, 1, 16][..],
        &mapped,
        &[0, 0, 0, 0, 9, 32, 0x20, 1, 0xd, 0xb8],
        &set(&[]),
    ]
    .concat();
    assert_eq!(out[19..], want);
}

#[test]
fn end_of_rib_bytes() {
    let mut out = Vec::new();
    end_of_rib(Family::IPV4_UNICAST, &mut out);
    end_of_rib(Family::IPV6_UNICAST, &mut out);
    assert_eq!(out[16..23], [0, 23, 2, 0, 0, 0, 0]);
    assert_eq!(out[39..], [0, 29, 2, 0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1]);
}

/// Messages are filled to the last octet that a prefix of the size at hand can use.
#[test]
fn messages_are_full() {
    let mut out = Vec::new();
    let all = (0..10_000).map(|i| (0, host(i)));
    let set = set(&[65001]);
    let stats =
        pack_announce(V4, &set, Some(&HOP), &EncodeContext::default(), all.clone(), &mut out);
    let list = frames(&out, MAX_MESSAGE);
    assert_eq!((list.len(), stats.messages, stats.prefixes), (13, 13, 10_000));
    assert!(list[..12].iter().all(|f| (MAX_MESSAGE - 4..=MAX_MESSAGE).contains(&f.len())));
    let big = EncodeContext { max_len: MAX_EXTENDED, ..EncodeContext::default() };
    out.clear();
    assert_eq!(pack_announce(V4, &set, Some(&HOP), &big, all, &mut out).messages, 1);
    // A short prefix still goes into the gap a long one would not fit.
    for short in 0..=32 {
        out.clear();
        let mix = (0..1000).map(|i| (0, V4Prefix::from_bits(i << 8, short).unwrap()));
        let n = pack_withdraw(V4, &EncodeContext::default(), mix, &mut out);
        assert_eq!(n.prefixes, 1000);
        let list = frames(&out, MAX_MESSAGE);
        let size = 1 + usize::from(short).div_ceil(8);
        assert!(list[..list.len() - 1].iter().all(|f| f.len() + size > MAX_MESSAGE));
    }
}

#[test]
fn old_speakers_get_as_trans() {
    let mut canonical = Vec::new();
    AttrBuilder::edit(&set(&[65001, 70000]))
        .set(AttrType::AGGREGATOR, 0xc0, &[0, 1, 0x11, 0x70, 10, 0, 0, 1])
        .set_large_communities(&["1:2:3".parse().unwrap()])
        .finish(&mut canonical);
    let mut out = Vec::new();
    let ctx = EncodeContext { as4: false, ..EncodeContext::default() };
    pack_announce(V4, &canonical, Some(&HOP), &ctx, [(0, host(1))], &mut out);
    let body = &out[19..];
    let kinds: Vec<u8> = bgp_wire::attrs(&body[4..body.len() - 5]).map(|a| a.kind.0).collect();
    assert_eq!(kinds, [1, 2, 3, 4, 7, 17, 18, 32]);
    let as_path = bgp_wire::attr::find(&body[4..], AttrType::AS_PATH).unwrap();
    assert_eq!(as_path, [2, 2, 0xfd, 0xe9, 0x5b, 0xa0]);
    // A four-octet receiver of the same bytes would be wrong; a two-octet one gets it all back.
    let ctx = UpdateContext { as4: false, ..UpdateContext::default() };
    let view = UpdateView::parse(body, &ctx).unwrap();
    let mut scratch = AttrScratch::default();
    let AttrOutcome::Ok { canonical: back, .. } = view.attrs(&mut scratch) else { panic!() };
    assert_eq!(back, canonical);
    assert_eq!(AsPath::of(back).to_string(), "65001 70000");
}

#[test]
fn no_as4_path_without_need() {
    let mut out = Vec::new();
    let ctx = EncodeContext { as4: false, ..EncodeContext::default() };
    pack_announce(V4, &set(&[65001]), Some(&HOP), &ctx, [(0, host(1))], &mut out);
    assert!(bgp_wire::attr::find(&out[23..], AttrType::AS4_PATH).is_none());
}

/// A set that fills a message by itself: nothing is sent, and the caller is told.
#[test]
fn sets_that_leave_no_room() {
    let mut out = vec![1, 2, 3];
    for (communities, fits) in [(1000, true), (1100, false)] {
        let mut canonical = Vec::new();
        AttrBuilder::edit(&set(&[1]))
            .set_communities(&vec![Community(7); communities])
            .finish(&mut canonical);
        let nlri = (0..50).map(|i| (0, host(i)));
        let n =
            pack_announce(V4, &canonical, Some(&HOP), &EncodeContext::default(), nlri, &mut out);
        assert_eq!((n.messages > 0, n.unsendable), (fits, if fits { 0 } else { 50 }));
        if fits {
            assert_eq!(frames(&out[3..], MAX_MESSAGE).len(), n.messages);
        }
        out.truncate(3);
    }
    assert_eq!(out, [1, 2, 3]);
}

#[test]
fn nothing_to_say() {
    let mut out = Vec::new();
    let none: [(u32, V4Prefix); 0] = [];
    assert_eq!(
        pack_announce(V4, &set(&[]), Some(&HOP), &EncodeContext::default(), none, &mut out)
            .messages,
        0
    );
    assert_eq!(pack_withdraw(V4, &EncodeContext::default(), none, &mut out).messages, 0);
    assert!(out.is_empty());
}

/// FRR ends the session when a field of flow specifications is longer than one of them can be.
#[test]
fn flow_specifications_come_in_fields_that_others_take() {
    let routes: Vec<(u32, FlowSpec<V4Prefix>)> = (0..2000u32)
        .map(|i| {
            let address = std::net::Ipv4Addr::from_bits(0x0a00_0000 + i);
            (0, format!("dst {address}/32 proto =6").parse().unwrap())
        })
        .collect();
    let ctx = EncodeContext { max_len: MAX_EXTENDED, ..EncodeContext::default() };
    let mut wire = Vec::new();
    let stats = pack_announce(Family::IPV4_FLOW_SPEC, &[], None, &ctx, routes, &mut wire);
    assert_eq!((stats.prefixes, stats.unsendable), (2000, 0));
    let families = [Family::IPV4_FLOW_SPEC].into_iter().collect();
    let update = UpdateContext { families, ..UpdateContext::default() };
    let mut seen = 0;
    for frame in frames(&wire, MAX_EXTENDED) {
        let view = UpdateView::parse(&frame[19..], &update).unwrap();
        let reach = view.mp_reach().unwrap();
        let octets: usize =
            reach.iter::<FlowSpec<V4Prefix>>().unwrap().map(|(_, f)| f.encoded_len()).sum();
        assert!((3000..=4094).contains(&octets) || seen + reach.len() == 2000, "{octets}");
        seen += reach.len();
    }
    assert_eq!(seen, 2000);
}
