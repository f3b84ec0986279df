//! The short walk and the general one, on the same attributes.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    attr::put_attr,
    update::{
        AttrOutcome,
        canonical::{General, canonicalise_any},
    },
};

/// Attributes nearly all of which are good, in nearly ascending order.
fn attribute() -> impl Strategy<Value = (u8, u8, Vec<u8>)> {
    let value = vec(prop_oneof![3 => Just(0u8), 2 => 1u8..4, 1 => any::<u8>()], 0..40);
    let sized = |kind: u8, flags: u8, n: usize| {
        vec(prop_oneof![3 => 0u8..3, 1 => any::<u8>()], n).prop_map(move |v| (flags, kind, v))
    };
    prop_oneof![
        4 => (0u8..4).prop_map(|v| (0x40, 1, vec![v])),
        4 => vec(1u8..3, 0..5).prop_map(|asns| {
            let mut path = vec![2, u8::try_from(asns.len()).unwrap()];
            asns.iter().for_each(|n| path.extend([0, 0, 0, *n]));
            (0x40, 2, if asns.is_empty() { Vec::new() } else { path })
        }),
        4 => prop_oneof![Just(10u8), any::<u8>()].prop_map(|a| (0x40, 3, vec![a, 0, 0, 1])),
        2 => sized(4, 0x80, 4),
        1 => sized(5, 0x40, 4),
        1 => sized(6, 0x40, 0),
        1 => sized(7, 0xc0, 8),
        2 => sized(8, 0xe0, 8),
        1 => sized(8, 0xd0, 260),
        1 => sized(9, 0x80, 4),
        1 => sized(10, 0x80, 8),
        1 => Just((0x80, 14, vec![0])),
        1 => Just((0x80, 15, vec![0])),
        1 => sized(16, 0xc0, 8),
        1 => sized(32, 0xc0, 24),
        1 => (any::<u8>(), prop_oneof![0u8..41, any::<u8>()], value),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn agrees_with_the_general_walk(
        mut list in vec(attribute(), 0..9),
        in_order in prop::bool::weighted(0.8),
        [as4, ebgp, confederation, aigp, mandatory, next_hop] in any::<[bool; 6]>(),
        mp_next_hop in prop_oneof![
            2 => Just(None),
            1 => Just(Some(NextHop::V4([192, 0, 2, 1].into()))),
            1 => Just(Some(NextHop::V4([224, 0, 0, 1].into()))),
        ],
    ) {
        if in_order {
            list.sort_by_key(|(_, kind, _)| *kind);
            list.dedup_by_key(|(_, kind, _)| *kind);
        }
        let mut mp = 0u8;
        list.retain(|(_, kind, _)| {
            let before = mp;
            mp |= u8::from(*kind == 14) | u8::from(*kind == 15) << 1;
            !matches!(kind, 14 | 15) || mp != before
        });
        let mut input = Vec::new();
        for (flags, kind, value) in &list {
            let at = input.len();
            prop_assert!(put_attr(&mut input, 0, AttrType(*kind), value));
            input[at] |= flags & !flags::EXTENDED_LENGTH;
        }
        let ctx = UpdateContext {
            as4: as4 || in_order,
            ebgp,
            confederation,
            aigp,
            local_as: crate::asn::Asn(2),
            ..UpdateContext::default()
        };
        let needs = Needs { mandatory, next_hop, mp_next_hop };
        let mut general = General::default();
        let wanted = canonicalise_any(&input, 0, &ctx, needs, &mut general);
        if let Some((canonical, own_as)) = tidy(&input, &ctx, &needs, &mut Vec::new()) {
            prop_assert_eq!(AttrOutcome::Ok { canonical, discarded: 0, own_as }, wanted);
        }
    }
}

/// What a usual peer sends must not fall to the general walk.
#[test]
fn usual_messages_are_tidy() {
    let external = UpdateContext::default();
    let internal = UpdateContext { ebgp: false, ..external };
    let path: &[u8] = &[2, 1, 0, 0, 0, 7];
    let mut kept = Vec::new();
    for (flags, kind, value) in
        [(0x40, 1, &[0][..]), (0x40, 2, path), (0x80, 4, &[0; 4]), (0xc0, 8, &[1; 8])]
    {
        assert!(put_attr(&mut kept, flags, AttrType(kind), value));
    }
    let needs = Needs { mandatory: true, next_hop: true, mp_next_hop: None };
    // NEXT_HOP in its place: cut out.
    let with_hop = [&kept[..13], &[0x40, 3, 4, 10, 0, 0, 1], &kept[13..]].concat();
    assert_eq!(tidy(&with_hop, &external, &needs, &mut Vec::new()), Some((&kept[..], 0)));
    // MP_REACH_NLRI in front: nothing is copied.
    let needs = Needs { next_hop: false, ..needs };
    let with_mp = [&[0x80, 14, 1, 0], &kept[..]].concat();
    let mut out = Vec::new();
    assert_eq!(tidy(&with_mp, &external, &needs, &mut out), Some((&kept[..], 0)));
    assert!(out.is_empty());
    // LOCAL_PREF only from an internal peer.
    let local_pref = [&kept[..20], &[0x40, 5, 4, 0, 0, 0, 100], &kept[20..]].concat();
    assert_eq!(tidy(&local_pref, &internal, &needs, &mut out), Some((&local_pref[..], 0)));
    assert_eq!(tidy(&local_pref, &external, &needs, &mut Vec::new()), None);
}
