//! No bytes make the codec panic: random bytes, and mutations of valid messages.

use bgp_wire::{
    Afi, AnyNlri, AsPath, AttrOutcome, AttrScratch, AttrType, Community, EncodeContext, Family,
    FamilySet, Framed, HEADER_LEN, MAX_EXTENDED, MAX_MESSAGE, Message, MpFault, NextHop, Nlri,
    NlriIter, Safi, Summary, UpdateContext, UpdateView, V4Prefix, V6Prefix, next_frame,
    nlri::{EvpnRoute, FlowSpec, Labeled, RouteTargetMembership, Vpn, VpnFlowSpec},
    pack_announce, pack_withdraw,
};
use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::{arb, roundtrip::canonicalised};

/// Every family that has a type for its routes, and one that has none; or no family.
fn families(all: bool) -> FamilySet {
    let without = Family::new(Afi::L2VPN, Safi::VPLS);
    AnyNlri::FAMILIES.into_iter().chain([without]).filter(|_| all).collect()
}

fn contexts() -> impl Iterator<Item = UpdateContext> {
    (0..32).map(|bits: u8| UpdateContext {
        as4: bits & 1 != 0,
        ebgp: bits & 2 != 0,
        confederation: bits & 4 != 0,
        aigp: bits & 8 != 0,
        local_as: bgp_wire::Asn(65001),
        add_path: families(bits & 4 != 0),
        extended_next_hop: families(bits & 8 != 0),
        families: match bits {
            9 => FamilySet::IPV4_UNICAST,
            1 | 13 => UpdateContext::default().families,
            _ => families(true),
        },
        mp_fault: if bits & 16 != 0 { MpFault::DisableFamily } else { MpFault::Reset },
    })
}

fn drain<N: Nlri>(iter: NlriIter<'_, N>) {
    let mut column = Vec::new();
    iter.clone().read_into(&mut column);
    assert_eq!(column.len(), iter.len());
    for route in &column {
        assert!(!route.to_string().is_empty());
        let mut octets = Vec::new();
        route.put(&mut octets);
        assert_eq!(octets.len(), route.encoded_len());
        let again = N::take(&octets);
        assert!(again.is_some_and(|(_, rest)| rest.is_empty()));
    }
    assert!(iter.map(|(_, route)| route).eq(column));
}

/// Reads the routes of both MP attributes as the type of their family.
fn drain_mp(view: &UpdateView<'_>) {
    fn both<N: Nlri>(view: &UpdateView<'_>) {
        let (reach, unreach) = (view.mp_reach(), view.mp_unreach());
        reach.and_then(|mp| mp.iter::<N>()).into_iter().for_each(drain);
        unreach.and_then(|mp| mp.iter::<N>()).into_iter().for_each(drain);
    }
    both::<V4Prefix>(view);
    both::<V6Prefix>(view);
    both::<Labeled<V4Prefix>>(view);
    both::<Labeled<V6Prefix>>(view);
    both::<Vpn<V4Prefix>>(view);
    both::<Vpn<V6Prefix>>(view);
    both::<EvpnRoute>(view);
    both::<RouteTargetMembership>(view);
    both::<FlowSpec<V4Prefix>>(view);
    both::<FlowSpec<V6Prefix>>(view);
    both::<VpnFlowSpec<V4Prefix>>(view);
    both::<VpnFlowSpec<V6Prefix>>(view);
    if let Some(mp) = view.mp_reach() {
        assert!(mp.any().all(|(_, route)| route.fits(mp.family())));
        assert_eq!(mp.any().count(), mp.len());
    }
    if let Some(mp) = view.mp_unreach() {
        assert_eq!(mp.any().count(), mp.len());
    }
}

/// Does all there is to do with the body of an UPDATE; returns whether it was accepted.
fn exercise_update(body: &[u8], scratch: &mut AttrScratch) -> usize {
    let mut accepted = 0;
    for ctx in contexts() {
        let view = match UpdateView::parse(body, &ctx) {
            Ok(view) => view,
            Err(e) => {
                let message = [&[0xff; HEADER_LEN], body].concat();
                assert!(usize::from(e.at) <= message.len());
                assert_eq!(e.notification(&message).code, 3);
                continue;
            }
        };
        accepted += 1;
        drain(view.withdrawn_v4());
        drain(view.reach_v4());
        drain(view.reach_v6());
        drain(view.unreach_v6());
        if let Some((_, second)) = view.second_reach_v4() {
            drain(second);
        }
        drain_mp(&view);
        if let Some((family, _)) = view.disabled_family() {
            assert!(ctx.mp_fault == MpFault::DisableFamily && ctx.families.contains(family));
            assert!(view.mp_reach().is_none_or(|mp| mp.family() != family));
            assert!(view.mp_unreach().is_none_or(|mp| mp.family() != family));
        }
        let mp_reach = view.mp_reach().map_or(0, |mp| mp.len());
        let has_reach = view.reach_v4().len() + mp_reach > 0;
        assert_eq!(view.has_reach(), has_reach);
        let AttrOutcome::Ok { canonical, .. } = view.attrs(scratch) else { continue };
        if has_reach {
            let hop = match view.mp_reach() {
                Some(mp) if mp_reach > 0 => mp.next_hop(),
                _ => view.next_hop_v4(),
            };
            assert!(hop.is_none_or(|hop| hop.is_valid()));
            assert!(hop.is_some() || view.mp_reach().is_some());
        }
        let _ = Summary::of(canonical);
        assert!(Community::of(canonical).count() <= canonical.len());
        let _ = AsPath::of(canonical).to_string();
        if canonical.len() <= 0xffff {
            assert_eq!(canonicalised(canonical), canonical);
        }
    }
    accepted
}

fn exercise(bytes: &[u8], scratch: &mut AttrScratch) {
    for max_len in [MAX_MESSAGE, MAX_EXTENDED] {
        match next_frame(bytes, max_len) {
            Ok(Framed::Message { frame, .. }) => {
                match Message::decode(frame) {
                    Ok(Message::Open(open)) => {
                        let mut again = Vec::new();
                        open.encode(&mut again);
                        assert!(matches!(Message::decode(&again), Ok(Message::Open(_))));
                    }
                    Ok(Message::Notification(n)) => assert!(!n.to_string().is_empty()),
                    Ok(_) => {}
                    Err(e) => assert!(e.notification(frame).data.len() < MAX_MESSAGE),
                }
                exercise_update(&frame[HEADER_LEN..], scratch);
            }
            Ok(Framed::Incomplete { needed }) => assert!(needed > bytes.len()),
            Err(e) => assert_eq!(e.notification(bytes).code, 1),
        }
    }
}

/// xorshift64*: the same mutations on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }
}

/// Four messages of a family: announced and withdrawn, with and without path identifiers.
fn of_family<N: Nlri>(
    family: Family,
    route: impl Strategy<Value = N>,
    runner: &mut TestRunner,
    out: &mut Vec<Vec<u8>>,
) {
    let strategy = (arb::canonical(), vec((any::<u32>(), route), 1..8));
    for add_path in [false, true] {
        let ctx = EncodeContext { add_path, ..EncodeContext::default() };
        let (set, nlri) = strategy.new_tree(runner).unwrap().current();
        let hop = NextHop::V6("2001:db8::1".parse().unwrap());
        let mut wire = Vec::new();
        let stats = pack_announce(family, &set, Some(&hop), &ctx, nlri.clone(), &mut wire);
        assert_eq!(stats.messages, 1);
        out.push(std::mem::take(&mut wire));
        assert_eq!(pack_withdraw(family, &ctx, nlri, &mut wire).messages, 1);
        out.push(wire);
    }
}

/// A sample of every kind of message.
fn valid_messages() -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let mut out = vec![bgp_wire::KEEPALIVE.to_vec()];
    let mut one = |f: &mut dyn FnMut(&mut TestRunner, &mut Vec<u8>)| {
        let mut wire = Vec::new();
        f(&mut runner, &mut wire);
        out.push(wire);
    };
    for i in 0..6 {
        one(&mut |r, w| arb::open().new_tree(r).unwrap().current().encode(w));
        one(&mut |r, w| arb::notification().new_tree(r).unwrap().current().encode(w));
        one(&mut |r, w| arb::route_refresh().new_tree(r).unwrap().current().encode(w));
        let ctx = EncodeContext { as4: i % 2 == 0, add_path: i > 3, ..EncodeContext::default() };
        one(&mut |r, w| {
            let set = arb::canonical().new_tree(r).unwrap().current();
            let nlri = vec((any::<u32>(), arb::v4()), 1..40).new_tree(r).unwrap().current();
            let v4 = NextHop::V4([192, 0, 2, 1].into());
            let v6 = NextHop::V6("fe80::1".parse().unwrap());
            let hop = if i % 3 == 0 { &v6 } else { &v4 };
            pack_announce(Family::IPV4_UNICAST, &set, Some(hop), &ctx, nlri, w);
        });
        one(&mut |r, w| {
            let set = arb::canonical().new_tree(r).unwrap().current();
            let nlri = vec((any::<u32>(), arb::v6()), 1..40).new_tree(r).unwrap().current();
            let hop = NextHop::V6("2001:db8::1".parse().unwrap());
            pack_announce(Family::IPV6_UNICAST, &set, Some(&hop), &ctx, nlri, w);
        });
    }
    let (v4, v6) = (arb::v4, arb::v6);
    of_family(Family::IPV4_MULTICAST, v4(), &mut runner, &mut out);
    of_family(Family::IPV6_MULTICAST, v6(), &mut runner, &mut out);
    of_family(Family::IPV4_LABELED, arb::nlri::labeled(v4()), &mut runner, &mut out);
    of_family(Family::IPV6_LABELED, arb::nlri::labeled(v6()), &mut runner, &mut out);
    of_family(Family::IPV4_VPN, arb::nlri::vpn(v4()), &mut runner, &mut out);
    of_family(Family::IPV6_VPN, arb::nlri::vpn(v6()), &mut runner, &mut out);
    of_family(Family::EVPN, arb::nlri::evpn(), &mut runner, &mut out);
    of_family(Family::ROUTE_TARGET, arb::nlri::route_target(), &mut runner, &mut out);
    let (f4, f6) = (arb::nlri::flow_spec::<V4Prefix>, arb::nlri::flow_spec::<V6Prefix>);
    of_family(Family::IPV4_FLOW_SPEC, f4(), &mut runner, &mut out);
    of_family(Family::IPV6_FLOW_SPEC, f6(), &mut runner, &mut out);
    of_family(Family::IPV4_FLOW_SPEC_VPN, arb::nlri::vpn_flow_spec(f4()), &mut runner, &mut out);
    of_family(Family::IPV6_FLOW_SPEC_VPN, arb::nlri::vpn_flow_spec(f6()), &mut runner, &mut out);
    out
}

#[test]
fn mutations_never_panic() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut scratch = AttrScratch::default();
    let messages = valid_messages();
    assert_eq!(messages.len(), 31 + 4 * 12);
    for message in &messages {
        exercise(message, &mut scratch);
        for _ in 0..150 {
            let mut m = message.clone();
            for _ in 0..1 + random.below(4) {
                let at = if random.below(4) == 0 { 16 } else { HEADER_LEN };
                let at = (at + random.below(m.len().max(20) - 18)).min(m.len() - 1);
                match random.below(5) {
                    0 => m[at] = random.below(256) as u8,
                    1 => m[at] ^= 1 << random.below(8),
                    2 => m[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
                    3 => drop(m.remove(at)),
                    _ => m.insert(at, random.below(256) as u8),
                }
                // Half of them with a header that fits, so that the body is reached.
                if random.below(2) == 0 && m.len() >= HEADER_LEN {
                    let length = (m.len() as u16).to_be_bytes();
                    m[16..18].copy_from_slice(&length);
                }
                if m.len() < 2 {
                    break;
                }
            }
            exercise(&m, &mut scratch);
        }
    }
}

/// The mutations above do reach the interior: most flips of value octets are accepted.
#[test]
fn untouched_messages_are_accepted() {
    let mut scratch = AttrScratch::default();
    let updates = valid_messages().into_iter().filter(|m| m.get(18) == Some(&2));
    let mut accepted = 0;
    let mut seen = 0;
    for m in updates {
        seen += 1;
        accepted += usize::from(exercise_update(&m[HEADER_LEN..], &mut scratch) > 0);
    }
    assert_eq!((seen, accepted), (12 + 4 * 12, 12 + 4 * 12));
}

#[test]
fn every_truncation_of_an_update() {
    let mut wire = Vec::new();
    let mut set = Vec::new();
    bgp_wire::AttrBuilder::new()
        .set_origin(0)
        .replace_as_path(&[bgp_wire::Asn(65001)])
        .set(AttrType(99), 0xe0, &[1; 300])
        .finish(&mut set);
    let hop = NextHop::V4([192, 0, 2, 1].into());
    let nlri = [(0, "10.0.0.0/8".parse::<V4Prefix>().unwrap())];
    pack_announce(
        Family::IPV4_UNICAST,
        &set,
        Some(&hop),
        &EncodeContext::default(),
        nlri,
        &mut wire,
    );
    let mut scratch = AttrScratch::default();
    for cut in HEADER_LEN..wire.len() {
        exercise_update(&wire[HEADER_LEN..cut], &mut scratch);
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes(bytes in vec(any::<u8>(), 0..200), kind in 1u8..6) {
        let mut scratch = AttrScratch::default();
        exercise(&bytes, &mut scratch);
        exercise_update(&bytes, &mut scratch);
        let mut framed = vec![0xff; 16];
        framed.extend_from_slice(&((bytes.len() + 19) as u16).to_be_bytes());
        framed.push(kind);
        framed.extend_from_slice(&bytes);
        exercise(&framed, &mut scratch);
    }

    /// Random attributes with right lengths, in random order: the interior of the canonicaliser.
    #[test]
    fn arbitrary_attributes(
        list in vec((any::<u8>(), prop_oneof![0u8..40, any::<u8>()], vec(any::<u8>(), 0..40)), 0..12),
        nlri in any::<bool>(),
    ) {
        let mut attrs = Vec::new();
        for (flags, kind, value) in list {
            attrs.extend_from_slice(&[flags & !0x10, kind, value.len() as u8]);
            attrs.extend_from_slice(&value);
        }
        let mut body = vec![0, 0];
        body.extend_from_slice(&(attrs.len() as u16).to_be_bytes());
        body.extend_from_slice(&attrs);
        if nlri {
            body.extend_from_slice(&[8, 10]);
        }
        exercise_update(&body, &mut AttrScratch::default());
    }
}
