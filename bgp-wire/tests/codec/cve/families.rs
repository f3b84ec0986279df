//! Vulnerabilities in the routes of families beside plain prefixes.

use bgp_wire::{Afi, Family, FlowSpec, Nlri, Safi, V4Prefix};

use super::*;

fn context() -> UpdateContext {
    let families = [
        Family::IPV4_UNICAST,
        Family::IPV4_FLOW_SPEC,
        Family::IPV4_LABELED,
        Family::IPV4_VPN,
        Family::EVPN,
    ];
    UpdateContext { families: families.into_iter().collect(), ..UpdateContext::default() }
}

fn mp(kind: u8, family: Family, next_hop: &[u8], nlri: &[u8]) -> Vec<u8> {
    let Family { afi: Afi(afi), safi: Safi(safi) } = family;
    let mut value = [&afi.to_be_bytes()[..], &[safi]].concat();
    if kind == 14 {
        value.push(u8::try_from(next_hop.len()).unwrap());
        value.extend_from_slice(next_hop);
        value.push(0);
    }
    value.extend_from_slice(nlri);
    bytes(&[&[0x80, kind, u8::try_from(value.len()).unwrap()], &value])
}

/// The routes of a flow specification field, good and malformed; the field is read to its end.
fn flows(nlri: &[u8]) -> (usize, usize) {
    let message = body(&[ORIGIN, AS_PATH, &mp(14, Family::IPV4_FLOW_SPEC, &[], nlri)], &[]);
    let view = UpdateView::parse(&message, &context()).unwrap();
    let reach = view.mp_reach().unwrap();
    let list: Vec<_> = reach.iter::<FlowSpec<V4Prefix>>().unwrap().collect();
    assert_eq!(list.len(), reach.len(), "what was counted can be read");
    let bad = list.iter().filter(|(_, flow)| flow.is_malformed()).count();
    (list.len() - bad, bad)
}

#[test]
fn cve_2023_38406_flow_specification_of_length_zero() {
    let good = [5, 1, 24, 192, 0, 2];
    assert_eq!(flows(&good), (1, 0));
    // Malformed, and still told from the good one behind it (RFC 7606 section 5.4).
    assert_eq!(flows(&bytes(&[&[0], &good])), (1, 1));
    assert_eq!(flows(&[0, 0, 0]), (0, 3));
}

#[test]
fn cve_2025_43973_flow_specification_shorter_than_it_says() {
    for nlri in [&[5u8, 1, 24, 192][..], &[0xf0], &[0xf0, 20, 1], &[255, 255, 1, 24]] {
        let attribute = mp(14, Family::IPV4_FLOW_SPEC, &[], nlri);
        let message = body(&[ORIGIN, AS_PATH, &attribute], &[]);
        let error = UpdateView::parse(&message, &context()).unwrap_err();
        assert_eq!(error.kind, Kind::OptionalAttribute(14), "{nlri:?}");
    }
    // Components that run past their flow: that one is malformed.
    for inside in [&[1u8][..], &[1, 24], &[1, 24, 192, 0], &[3], &[3, 0x81], &[3, 0x01, 6], &[99]] {
        let length = u8::try_from(inside.len()).unwrap();
        assert_eq!(flows(&bytes(&[&[length], inside])), (0, 1), "{inside:?}");
    }
}

#[test]
fn cve_2023_41909_flow_specification_withdrawn_without_attributes() {
    let nlri = [5, 1, 24, 192, 0, 2];
    let message = body(&[&mp(15, Family::IPV4_FLOW_SPEC, &[], &nlri)], &[]);
    let view = UpdateView::parse(&message, &context()).unwrap();
    assert_eq!(view.mp_unreach().unwrap().len(), 1);
    assert!(!view.has_reach());
    assert!(matches!(view.attrs(&mut AttrScratch::default()), AttrOutcome::Ok { .. }));
}

#[test]
fn cve_2023_38407_labelled_prefix_past_the_end() {
    let hop = [192, 0, 2, 1];
    for nlri in [
        &[48u8, 0, 1][..],
        &[48, 0, 1, 1, 10, 0],
        &[23, 0, 1, 1],
        &[57, 0, 1, 1, 10, 0, 0, 0, 0],
        &[255, 0, 1, 1],
    ] {
        let attribute = mp(14, Family::IPV4_LABELED, &hop, nlri);
        let message = body(&[ORIGIN, AS_PATH, &attribute], &[]);
        let error = UpdateView::parse(&message, &context()).unwrap_err();
        let n = error.notification(&framed(2, &message));
        assert_eq!((n.code, n.subcode, &n.data[..]), (3, 9, &attribute[..]), "{nlri:?}");
    }
}
