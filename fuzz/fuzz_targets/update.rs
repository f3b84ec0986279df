//! An UPDATE body of any bytes, in a context of any kind (the first octet): parsed, iterated,
//! canonicalised; what is canonical stays so; what was parsed can be packed and parsed again.
#![no_main]

use bgp_wire::{
    Asn, AttrOutcome, AttrScratch, EncodeContext, Family, FamilySet, HEADER_LEN, MAX_EXTENDED,
    NlriIter, NlriPrefix, Summary, UpdateContext, UpdateView, pack_announce,
};
use libfuzzer_sys::fuzz_target;

fn set(on: bool, family: Family) -> FamilySet {
    on.then_some(family).into_iter().collect()
}

fn column<P: NlriPrefix>(iter: NlriIter<'_, P>) -> Vec<(u32, P)> {
    let mut plain = Vec::new();
    iter.clone().read_into(&mut plain);
    let all: Vec<_> = iter.clone().collect();
    assert_eq!((plain.len(), all.len()), (iter.len(), iter.len()));
    assert!(all.iter().zip(&plain).all(|((_, a), b)| a == b));
    all
}

fuzz_target!(|input: &[u8]| {
    let Some((&bits, body)) = input.split_first() else { return };
    let mut ctx = UpdateContext {
        as4: bits & 1 != 0,
        ebgp: bits & 2 != 0,
        local_as: Asn(65001),
        add_path: set(bits & 4 != 0, Family::IPV4_UNICAST)
            .union(set(bits & 8 != 0, Family::IPV6_UNICAST)),
        extended_next_hop: set(bits & 16 != 0, Family::IPV4_UNICAST),
        ..UpdateContext::default()
    };
    if bits & 32 != 0 {
        ctx.families = FamilySet::IPV4_UNICAST;
    }
    let view = match UpdateView::parse(body, &ctx) {
        Ok(view) => view,
        Err(e) => {
            let message = [&[0xff; HEADER_LEN][..], body].concat();
            assert_eq!(e.notification(&message).code, 3);
            return;
        }
    };
    column(view.withdrawn_v4());
    column(view.unreach_v6());
    if let Some((_, second)) = view.second_reach_v4() {
        column(second);
    }
    let (v4, v6) = (column(view.reach_v4()), column(view.reach_v6()));
    let mut scratch = AttrScratch::default();
    let AttrOutcome::Ok { canonical, .. } = view.attrs(&mut scratch) else { return };
    let _ = Summary::of(canonical);

    // What was parsed, sent to an internal peer, is the same again.
    let ectx = EncodeContext { as4: true, max_len: MAX_EXTENDED, add_path: true };
    let again = UpdateContext {
        ebgp: false,
        add_path: UpdateContext::default().families,
        extended_next_hop: FamilySet::IPV4_UNICAST,
        ..UpdateContext::default()
    };
    let mut wire = Vec::new();
    if let (Some(hop), false) = (view.next_hop_v4(), v4.is_empty()) {
        let stats = pack_announce(
            Family::IPV4_UNICAST,
            canonical,
            Some(&hop),
            &ectx,
            v4.iter().copied(),
            &mut wire,
        );
        if stats.messages == 1 {
            let back = UpdateView::parse(&wire[HEADER_LEN..], &again).expect("our own message");
            assert!(back.reach_v4().eq(v4) && back.next_hop_v4() == Some(hop));
            let mut scratch = AttrScratch::default();
            let AttrOutcome::Ok { canonical: same, discarded: 0, .. } = back.attrs(&mut scratch)
            else {
                panic!("our own attributes")
            };
            assert_eq!(same, canonical);
        }
    }
    wire.clear();
    if let (Some(hop), false) = (view.next_hop_v6(), v6.is_empty()) {
        let stats = pack_announce(
            Family::IPV6_UNICAST,
            canonical,
            Some(&hop),
            &ectx,
            v6.iter().copied(),
            &mut wire,
        );
        if stats.messages == 1 {
            let back = UpdateView::parse(&wire[HEADER_LEN..], &again).expect("our own message");
            assert!(back.reach_v6().eq(v6) && back.next_hop_v6() == Some(hop));
        }
    }
});
