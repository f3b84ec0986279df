//! Properties of whole messages: octets to value to octets is the identity, for every capability,
//! every form of OPEN, and UPDATEs of arbitrary attributes in arbitrary order.

use bgp_wire::{
    AttrOutcome, AttrScratch, AttrType, Capability, EncodeContext, Framed, HEADER_LEN,
    MAX_EXTENDED, MAX_MESSAGE, NextHop, Notification, Open, RouteRefresh, UpdateContext,
    UpdateView, attrs, next_frame, pack_announce,
    update::{Verdict, findings},
};
use proptest::{collection::vec, prelude::*};

use crate::arb;

fn encoded(open: &Open) -> Vec<u8> {
    let mut wire = Vec::new();
    open.encode(&mut wire);
    wire
}

/// The body of an OPEN with these parameters, each of which holds these capabilities.
fn open_body(parameters: &[Vec<u8>], extended: bool) -> Vec<u8> {
    let mut all = Vec::new();
    for value in parameters {
        all.push(2);
        let length = u16::try_from(value.len()).unwrap();
        if extended {
            all.extend_from_slice(&length.to_be_bytes());
        } else {
            all.push(u8::try_from(length).unwrap());
        }
        all.extend_from_slice(value);
    }
    let mut body = vec![4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1];
    if extended {
        body.extend_from_slice(&[255, 255]);
        body.extend_from_slice(&u16::try_from(all.len()).unwrap().to_be_bytes());
    } else {
        body.push(u8::try_from(all.len()).unwrap());
    }
    body.extend_from_slice(&all);
    body
}

/// Good values of every attribute that stands in canonical bytes, by type and flags.
fn attribute() -> impl Strategy<Value = (u8, u8, Vec<u8>)> {
    let octets = |n: usize| vec(any::<u8>(), n..=n);
    let multiple = |n: usize, most: usize| {
        (1..=most).prop_flat_map(move |count| vec(any::<u8>(), n * count..=n * count))
    };
    let distinct = any::<[u8; 11]>().prop_map(|tail| [&[1][..], &tail].concat());
    let pmsi = (any::<u8>(), octets(3), octets(4))
        .prop_map(|(flags, label, endpoint)| [&[flags, 6], &label[..], &endpoint].concat());
    let tunnel = (any::<u16>(), vec(any::<u8>(), 0..20)).prop_map(|(kind, value)| {
        // One sub-TLV of an unknown type.
        let length = u8::try_from(value.len()).unwrap();
        let [a, b] = kind.to_be_bytes();
        [&[a, b, 0, length + 2, 100, length], &value[..]].concat()
    });
    let prefix_sid = (any::<u32>(), vec(any::<u8>(), 0..20)).prop_map(|(index, value)| {
        let length = u8::try_from(value.len()).unwrap();
        let index = index.to_be_bytes();
        [&[1, 0, 7, 0, 0, 0], &index[..], &[200, 0, length], &value].concat()
    });
    let aigp = any::<u64>().prop_map(|metric| [&[1, 0, 11][..], &metric.to_be_bytes()].concat());
    prop_oneof![
        octets(4).prop_map(|v| (4, 0x80, v)),
        octets(4).prop_map(|v| (5, 0x40, v)),
        Just((6, 0x40, Vec::new())),
        (1u32.., octets(4)).prop_map(|(asn, id)| (7, 0xc0, [&asn.to_be_bytes(), &id[..]].concat())),
        multiple(4, 80).prop_map(|v| (8, 0xc0, v)),
        octets(4).prop_map(|v| (9, 0x80, v)),
        multiple(4, 5).prop_map(|v| (10, 0x80, v)),
        multiple(8, 40).prop_map(|v| (16, 0xc0, v)),
        pmsi.prop_map(|v| (22, 0xc0, v)),
        tunnel.prop_map(|v| (23, 0xc0, v)),
        multiple(20, 5).prop_map(|v| (25, 0xc0, v)),
        aigp.prop_map(|v| (26, 0x80, v)),
        distinct.prop_map(|v| (32, 0xc0, v)),
        octets(4).prop_map(|v| (35, 0xc0, v)),
        prefix_sid.prop_map(|v| (40, 0xc0, v)),
        (130u8..=255, vec(any::<u8>(), 0..300)).prop_map(|(kind, v)| (kind, 0xc0, v)),
    ]
}

/// A list of attributes as they come: any order, Partial where it may be, long form or short.
fn list() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let mandatory =
        [(1, 0x40, vec![0]), (2, 0x40, vec![2, 1, 0, 1, 0, 0]), (3, 0x40, vec![192, 0, 2, 1])];
    vec((attribute(), any::<bool>(), any::<bool>()), 0..12)
        .prop_map(move |list| {
            let mut seen = Vec::new();
            let mut out = Vec::new();
            let mandatory = mandatory.iter().map(|a| (a.clone(), false, false));
            for ((kind, flags, value), partial, long) in mandatory.chain(list) {
                if seen.contains(&kind) {
                    continue;
                }
                seen.push(kind);
                let flags = if partial && flags == 0xc0 { flags | 0x20 } else { flags };
                let length = u16::try_from(value.len()).unwrap();
                let mut octets = match u8::try_from(length) {
                    Ok(short) if !long => vec![flags, kind, short],
                    _ => [&[flags | 0x10, kind][..], &length.to_be_bytes()].concat(),
                };
                octets.extend_from_slice(&value);
                out.push(octets);
            }
            out
        })
        .prop_shuffle()
}

fn update_body(list: &[Vec<u8>], nlri: &[u8]) -> Vec<u8> {
    let attributes = list.concat();
    let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
    [&[0, 0], &length[..], &attributes, nlri].concat()
}

fn canonical(body: &[u8]) -> Vec<u8> {
    let ctx = UpdateContext { ebgp: false, aigp: true, ..UpdateContext::default() };
    let view = UpdateView::parse(body, &ctx).unwrap();
    match view.attrs(&mut AttrScratch::default()) {
        AttrOutcome::Ok { canonical, discarded: 0, .. } => canonical.to_vec(),
        other => panic!("{other:?}"),
    }
}

proptest! {
    /// Each capability by itself: value to octets to value to the same octets.
    #[test]
    fn capability(capability in arb::capability()) {
        let open = Open { capabilities: vec![capability.clone()], ..base() };
        let wire = encoded(&open);
        let again = Open::decode(&wire[HEADER_LEN..]).unwrap();
        prop_assert_eq!(&again.capabilities[..], std::slice::from_ref(&capability));
        prop_assert_eq!(encoded(&again), wire);
        prop_assert!(!capability.to_string().contains(char::is_control));
        // NOTIFICATION 2/7 carries capabilities in the same octets.
        let n = Notification::unsupported_capability(std::slice::from_ref(&capability));
        prop_assert_eq!(n.required_capabilities(), Some(vec![capability]));
    }

    /// Both forms, one parameter or one for each, and octets back from values.
    #[test]
    fn open_in_every_form(open in arb::open(), extended in any::<bool>(), apart in any::<bool>()) {
        let wire = encoded(&open);
        let again = Open::decode(&wire[HEADER_LEN..]).unwrap();
        prop_assert_eq!(&again, &open);
        prop_assert_eq!(encoded(&again), wire);
        let each: Vec<Vec<u8>> = open.capabilities.iter().map(|c| {
            let mut out = Vec::new();
            c.put(&mut out);
            out
        }).collect();
        let parameters = if apart { each } else { vec![each.concat()] };
        let total = parameters.iter().map(|p| p.len() + 2).sum::<usize>();
        if extended || total <= 255 {
            let body = open_body(&parameters, extended);
            prop_assert_eq!(Open::decode(&body).unwrap().capabilities, open.capabilities);
        }
    }

    /// Any octets that decode are the same value when they are sent again.
    #[test]
    fn decoded_is_stable(body in vec(prop_oneof![any::<u8>(), 0u8..8], 0..80), code in any::<u8>()) {
        if let Ok(refresh) = RouteRefresh::decode(&body) {
            let mut wire = Vec::new();
            refresh.encode(&mut wire);
            prop_assert_eq!(&wire[HEADER_LEN..], &body[..]);
        }
        if let Ok(n) = Notification::decode(&body) {
            let mut wire = Vec::new();
            n.encode(&mut wire);
            prop_assert_eq!(&wire[HEADER_LEN..], &body[..]);
            prop_assert!(!n.to_string().contains(char::is_control));
        }
        let one = [&[code, u8::try_from(body.len()).unwrap()], &body[..]].concat();
        if let Ok(open) = Open::decode(&open_body(&[one], false)) {
            let wire = encoded(&open);
            prop_assert_eq!(Open::decode(&wire[HEADER_LEN..]), Ok(open));
        }
    }

    /// An UPDATE of any good attributes is good; what it means does not depend on their order; and
    /// it is sent and read as the same set.
    #[test]
    fn update_of_any_attributes(list in list()) {
        let body = update_body(&list, &[8, 10]);
        let set = canonical(&body);
        prop_assert_eq!(attrs(&set).count(), list.len() - 1, "all but NEXT_HOP");
        let mut sorted = list;
        sorted.sort_by_key(|a| a[1]);
        prop_assert_eq!(&canonical(&update_body(&sorted, &[8, 10])), &set);

        let prefix = "10.0.0.0/8".parse::<bgp_wire::V4Prefix>().unwrap();
        let hop = NextHop::V4([192, 0, 2, 1].into());
        let ectx = EncodeContext { max_len: MAX_EXTENDED, ..EncodeContext::default() };
        let mut wire = Vec::new();
        let family = bgp_wire::Family::IPV4_UNICAST;
        let stats = pack_announce(family, &set, Some(&hop), &ectx, [(0, prefix)], &mut wire);
        prop_assert_eq!((stats.messages, stats.unsendable), (1, 0));
        let Ok(Framed::Message { frame, .. }) = next_frame(&wire, MAX_EXTENDED) else { panic!() };
        prop_assert_eq!(frame.len(), wire.len());
        prop_assert_eq!(&canonical(&frame[HEADER_LEN..]), &set);
        // What we send is in ascending order, in the short form, without a fault.
        let ctx = UpdateContext { ebgp: false, aigp: true, ..UpdateContext::default() };
        let found = findings(&frame[HEADER_LEN..], &ctx);
        prop_assert!(found.iter().all(|f| f.verdict == Verdict::Note), "{found:?}");
    }

    /// One damaged octet in the attributes never panics, and never loses the route unseen.
    #[test]
    fn damaged_update(list in list(), at in any::<prop::sample::Index>(), octet in any::<u8>()) {
        let mut body = update_body(&list, &[8, 10]);
        let end = body.len() - 2;
        body[4 + at.index(end - 4)] = octet;
        let ctx = UpdateContext { ebgp: false, ..UpdateContext::default() };
        if let Ok(view) = UpdateView::parse(&body, &ctx) {
            prop_assert_eq!(view.reach_v4().count(), 1);
            if let AttrOutcome::Ok { canonical, .. } = view.attrs(&mut AttrScratch::default()) {
                let kinds: Vec<_> = attrs(canonical).map(|a| a.kind).collect();
                prop_assert!(kinds.is_sorted());
                // The damage may have made an unknown attribute of type 0, which sorts first.
                let known = kinds.iter().filter(|kind| kind.0 != 0);
                prop_assert!(known.take(2).eq(&[AttrType::ORIGIN, AttrType::AS_PATH]));
            }
        }
    }
}

fn base() -> Open {
    Open::decode(&open_body(&[], false)).unwrap()
}

/// The strategies reach what they are for.
#[test]
fn strategies_reach_long_opens_and_every_capability() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut long, mut codes) = (0, [false; 256]);
    for _ in 0..200 {
        let open = arb::open().new_tree(&mut runner).unwrap().current();
        open.capabilities.iter().for_each(|c| codes[usize::from(c.code())] = true);
        let wire = encoded(&open);
        assert!(wire.len() <= MAX_MESSAGE);
        long += usize::from(wire[28] == 255);
    }
    assert!(long > 20, "{long}");
    for code in [1, 2, 3, 5, 6, 8, 9, 64, 65, 69, 70, 71, 73, 75, 76, 77] {
        assert!(codes[code], "{code}");
    }
    let unknown = Capability::Unknown { code: 200, value: vec![1].into() };
    assert_eq!(unknown.name(), "unknown");
}
