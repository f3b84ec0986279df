//! One fixed vector for each class of published vulnerability in BGP parsers that concerns a codec,
//! and the attributes that took sessions down two hops away (CERT VU#347067).
//!
//! Each test is named after the entries it stands for and states the whole outcome: NOTIFICATION
//! code, subcode and data, or verdict and what is kept.

mod families;
mod grave;

use bgp_wire::{
    AttrOutcome, AttrScratch, AttrType, Capability, DecodeErrorKind as Kind, Framed, MAX_EXTENDED,
    MAX_MESSAGE, Message, Notification, Open, RouteRefresh, UpdateContext, UpdateView, attr,
    next_frame,
    route_refresh::{OrfEntries, PrefixOrf},
};

/// A header of the right length before `body`.
fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 19).unwrap().to_be_bytes();
    [&[0xff; 16][..], &length, &[kind], body].concat()
}

/// The NOTIFICATION that answers a message, which must be refused.
fn refused(message: &[u8]) -> (u8, u8, Vec<u8>) {
    let error = match next_frame(message, MAX_MESSAGE) {
        Ok(Framed::Message { frame, .. }) => Message::decode(frame).unwrap_err(),
        Ok(Framed::Incomplete { .. }) => panic!("incomplete"),
        Err(error) => error,
    };
    let n = error.notification(message);
    (n.code, n.subcode, n.data.to_vec())
}

/// An OPEN body with these optional parameters, length field included.
fn open(parameters: &[u8]) -> Vec<u8> {
    framed(1, &[&[4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1], parameters].concat())
}

/// An OPEN with one capability.
fn open_with(code: u8, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    open(&[&[length + 4, 2, length + 2, code, length], value].concat())
}

fn capabilities(message: &[u8]) -> Vec<Capability> {
    Open::decode(&message[19..]).unwrap().capabilities
}

const ORIGIN: &[u8] = &[0x40, 1, 1, 0];
const AS_PATH: &[u8] = &[0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9];
const NEXT_HOP: &[u8] = &[0x40, 3, 4, 192, 0, 2, 1];
const PREFIX: &[u8] = &[8, 10];

/// The body of an UPDATE.
fn body(attributes: &[&[u8]], nlri: &[u8]) -> Vec<u8> {
    let list = attributes.concat();
    let length = u16::try_from(list.len()).unwrap().to_be_bytes();
    [&[0, 0], &length[..], &list, nlri].concat()
}

/// What becomes of an UPDATE.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// Attributes kept, in canonical form, and how many were discarded.
    Kept(Vec<u8>, u8),
    Withdraw(Kind),
    Reset(u8, u8, Vec<u8>),
}
use Outcome::{Kept, Reset, Withdraw};

fn outcome(body: &[u8], ebgp: bool) -> Outcome {
    let ctx = UpdateContext { ebgp, aigp: true, ..UpdateContext::default() };
    let view = match UpdateView::parse(body, &ctx) {
        Ok(view) => view,
        Err(error) => {
            let n = error.notification(&framed(2, body));
            return Reset(n.code, n.subcode, n.data.to_vec());
        }
    };
    match view.attrs(&mut AttrScratch::default()) {
        AttrOutcome::Ok { canonical, discarded, .. } => Kept(canonical.to_vec(), discarded),
        AttrOutcome::TreatAsWithdraw(error) => {
            assert!(view.has_reach(), "routes to withdraw");
            Withdraw(error.kind)
        }
    }
}

/// The outcome of a good route with one more attribute, from external and internal peers alike.
#[track_caller]
fn with(attribute: &[u8]) -> Outcome {
    let body = body(&[ORIGIN, AS_PATH, NEXT_HOP, attribute], PREFIX);
    let external = outcome(&body, true);
    assert_eq!(external, outcome(&body, false));
    external
}

fn good() -> Vec<u8> {
    [ORIGIN, AS_PATH].concat()
}

#[test]
fn cve_2022_37032_capability_shorter_than_its_minimum() {
    for (code, value) in
        [(1, &[0u8, 1][..]), (64, &[0]), (65, &[0, 0]), (69, &[0, 1, 1]), (5, &[0])]
    {
        assert_eq!(refused(&open_with(code, value)), (2, 0, vec![]), "{code}");
    }
}

#[test]
fn cve_2022_40302_extended_parameters_past_the_end() {
    for parameters in [
        &[255u8, 255, 0xff, 0xff][..],
        &[255, 255, 0, 1],
        &[255, 255, 0, 4, 2, 0, 9, 2],
        &[255, 255, 0, 5, 2, 0, 3, 2, 0],
        &[255, 255, 0],
    ] {
        assert_eq!(refused(&open(parameters)), (2, 0, vec![]), "{parameters:?}");
    }
}

#[test]
fn cve_2022_40318_parameter_without_its_length() {
    assert_eq!(refused(&open(&[1, 2])), (2, 0, vec![]));
    assert_eq!(refused(&open(&[255, 255, 0, 1, 2])), (2, 0, vec![]));
    assert_eq!(refused(&open(&[255, 255, 0, 2, 2, 0])), (2, 0, vec![]));
}

#[test]
fn cve_2022_43681_open_ends_inside_a_parameter() {
    assert_eq!(refused(&open(&[10, 2, 8, 1, 4, 0, 1])), (2, 0, vec![]));
    // No octet at all behind a length that promises some.
    assert_eq!(refused(&open(&[1])), (2, 0, vec![]));
}

#[test]
fn cve_2022_36440_peek_for_the_as_number_past_the_end() {
    // The four-octet AS capability claims more than its parameter has.
    assert_eq!(refused(&open(&[4, 2, 2, 65, 4])), (2, 0, vec![]));
    assert_eq!(refused(&open(&[6, 2, 4, 65, 4, 0, 1])), (2, 0, vec![]));
}

#[test]
fn cve_2023_31489_long_lived_restart_capability_length() {
    for length in [1, 2, 6, 8, 13] {
        let message = open_with(71, &vec![0; length]);
        assert_eq!(refused(&message), (2, 0, vec![]), "{length}");
    }
    assert!(Open::decode(&open_with(71, &[0; 14])[19..]).is_ok());
}

#[test]
fn cve_2023_41361_cve_2025_43971_software_version_length() {
    for value in [&[][..], &[0, 1], &[64, b'x'], &[255]] {
        let kept = Capability::Unknown { code: 75, value: value.to_vec().into() };
        assert_eq!(capabilities(&open_with(75, value)), [kept]);
    }
    let empty = Capability::SoftwareVersion(String::new());
    assert_eq!(capabilities(&open_with(75, &[0])), [empty]);
}

#[test]
fn cve_2024_31949_capabilities_that_never_end() {
    // A capability of length zero must move on, thousands of them must end.
    let message = open(&[&[254u8, 2, 252][..], &[2, 0].repeat(126)].concat());
    assert_eq!(capabilities(&message).len(), 126);
}

#[test]
fn cve_2023_31490_cve_2024_31948_prefix_sid_tlv_cut_short() {
    for value in [
        &[][..],
        &[1],
        &[1, 0],
        &[1, 0, 7],
        &[1, 0, 7, 0, 0, 0, 0],
        &[1, 0, 3, 0, 0, 0],
        &[3, 0, 2, 0, 0],
        &[3, 0xff, 0xff, 0],
        // An SRv6 L3 service whose sub-TLV, and sub-sub-TLV, run past it.
        &[5, 0, 4, 0, 1, 0, 30],
        &[5, 0, 7, 0, 1, 0, 30, 0, 0, 0],
    ] {
        let length = u8::try_from(value.len()).unwrap();
        let attribute = [&[0xc0, 40, length], value].concat();
        assert_eq!(with(&attribute), Kept(good(), 1), "{value:?}");
    }
}

#[test]
fn cve_2023_38802_cve_2024_44070_tunnel_encapsulation_short_or_corrupt() {
    for value in [
        &[][..],
        &[0],
        &[0, 8, 0],
        &[0, 8, 0, 9],
        &[0, 8, 0, 1, 1],
        &[0, 8, 0, 3, 1, 2, 0],
        &[0, 8, 0, 3, 128, 0, 9],
        &[0, 8, 0xff, 0xff, 1, 0],
    ] {
        let length = u8::try_from(value.len()).unwrap();
        let attribute = [&[0xc0, 23, length], value].concat();
        assert!(matches!(with(&attribute), Withdraw(_)), "{value:?}");
    }
}

#[test]
fn cve_2023_41358_routes_with_no_attributes() {
    assert_eq!(outcome(&body(&[], PREFIX), true), Withdraw(Kind::MissingWellKnown(1)));
}

#[test]
fn cve_2023_41359_aigp_past_the_end() {
    let attribute = [0x80, 26, 4, 1, 0, 11, 0];
    assert_eq!(with(&attribute), Kept(good(), 1));
    assert_eq!(with(&[0x80, 26, 0]), Kept(good(), 1));
    assert_eq!(with(&[0x80, 26, 3, 1, 0, 2]), Kept(good(), 1));
}

#[test]
fn cve_2023_41360_filter_cut_behind_its_first_octet() {
    let message = framed(5, &[0, 1, 0, 1, 1, 64, 0, 1, 0]);
    let Ok(Message::RouteRefresh(refresh)) = Message::decode(&message) else { panic!() };
    let lists: Vec<_> = refresh.orf().unwrap().lists().collect();
    assert!(matches!(lists[..], [(64, OrfEntries::Malformed)]));
}

/// FRR issue 22828: a good filter, a bad one, then a plain refresh. The bad list is no list.
#[test]
fn frr_22828_bad_filter_after_a_good_one() {
    let entry = [0u8, 0, 0, 0, 5, 9, 24, 8, 10];
    let refresh = |filters: &[u8]| {
        let filters = bytes(&[&[1, 64, 0, u8::try_from(filters.len()).unwrap()], filters]);
        RouteRefresh::decode(&[&[0, 1, 0, 1], &filters[..]].concat()).unwrap()
    };
    let entries = |refresh: &RouteRefresh| match refresh.orf().unwrap().lists().next() {
        Some((64, OrfEntries::Prefixes(entries))) => Some(entries.count()),
        Some((64, OrfEntries::Malformed)) => None,
        other => panic!("{other:?}"),
    };
    assert_eq!(entries(&refresh(&entry)), Some(1));
    assert_eq!(entries(&refresh(&[&entry[..], &entry[..8]].concat())), None);
    let clear = refresh(&[0x80]);
    let Some((_, OrfEntries::Prefixes(mut all))) = clear.orf().unwrap().lists().next() else {
        panic!()
    };
    assert_eq!(all.next(), Some(PrefixOrf::RemoveAll));
    assert_eq!(RouteRefresh::decode(&[0, 1, 0, 1]).unwrap().orf(), None);
}

fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[test]
fn cve_2023_46752_malformed_mp_reach() {
    for value in [
        &[][..],
        &[0, 2, 1],
        &[0, 2, 1, 16],
        &[0, 2, 1, 16, 1, 2, 3],
        &[0, 2, 1, 3, 1, 2, 3, 0],
        &[0, 2, 1, 255, 0],
    ] {
        let length = u8::try_from(value.len()).unwrap();
        let attribute = [&[0x80, 14, length], value].concat();
        assert_eq!(with(&attribute), Reset(3, 9, attribute.clone()), "{value:?}");
    }
}

#[test]
fn cve_2023_46753_routes_with_only_an_unknown_attribute() {
    let unknown: &[u8] = &[0xc0, 99, 1, 0];
    assert_eq!(outcome(&body(&[unknown], PREFIX), true), Withdraw(Kind::MissingWellKnown(1)));
    // One that claims to be well-known is another matter (RFC 4271 section 6.3).
    let odd = [0x40, 99, 1, 0];
    assert_eq!(outcome(&body(&[&odd], PREFIX), true), Reset(3, 2, odd.to_vec()));
}

#[test]
fn cve_2023_47234_unreach_with_routes_and_nothing_mandatory() {
    let unreach: &[u8] = &[0x80, 15, 3, 0, 2, 1];
    assert_eq!(outcome(&body(&[unreach], PREFIX), true), Withdraw(Kind::MissingWellKnown(1)));
}

#[test]
fn cve_2023_47235_end_of_rib_look_alike() {
    let ctx = UpdateContext::default();
    let unreach: &[u8] = &[0x80, 15, 3, 0, 2, 1];
    // An attribute beside an empty MP_UNREACH_NLRI: no End-of-RIB, and no fault either.
    let odd = body(&[unreach, ORIGIN], &[]);
    let view = UpdateView::parse(&odd, &ctx).unwrap();
    assert_eq!(view.end_of_rib(), None);
    assert!(matches!(view.attrs(&mut AttrScratch::default()), AttrOutcome::Ok { .. }));
    // A malformed one: the session, since there is no route to withdraw (RFC 7606 section 5.2).
    let bad = [0x40, 1, 1, 9];
    assert_eq!(outcome(&body(&[unreach, &bad], &[]), true), Reset(3, 6, bad.to_vec()));
    let real = body(&[unreach], &[]);
    let end = UpdateView::parse(&real, &ctx).unwrap().end_of_rib();
    assert_eq!(end, Some(bgp_wire::Family::IPV6_UNICAST));
}

#[test]
fn cve_2019_16159_shutdown_communication_longer_than_the_buffer() {
    // 255 octets of text are all there is; a length octet beyond the message is no text.
    let longest = bytes(&[&[6, 2, 255], &[b'x'; 255]]);
    let n = Notification::decode(&longest).unwrap();
    assert_eq!(n.shutdown_communication().unwrap().len(), 255);
    let lying = bytes(&[&[6, 2, 255], &[b'x'; 128]]);
    let n = Notification::decode(&lying).unwrap();
    assert_eq!(n.shutdown_communication(), None);
    assert!(n.to_string().contains("[ff7878"));
    // Data far beyond what the text may have, from a peer with extended messages.
    let long = framed(3, &bytes(&[&[6, 4, 255], &[b'x'; 60_000]]));
    let Ok(Framed::Message { frame, .. }) = next_frame(&long, MAX_EXTENDED) else { panic!() };
    let Ok(Message::Notification(n)) = Message::decode(frame) else { panic!() };
    assert_eq!(n.shutdown_communication(), None);
    assert_eq!(n.data.len(), 60_001);
}

/// BIRD 3's crash at a NOTIFICATION of an unlucky moment: any two octets are one, none is answered.
#[test]
fn cve_2025_59688_any_notification_decodes() {
    for code in 0..=255 {
        for subcode in [0, 1, 9, 255] {
            let n = Notification::decode(&[code, subcode]).unwrap();
            assert_eq!((n.code, n.subcode, n.data.len()), (code, subcode, 0));
            assert!(!n.to_string().is_empty());
        }
    }
}

#[test]
fn cve_2026_49943_as_path_of_more_than_2048_numbers() {
    let segment = bytes(&[&[2, 255], &[0, 0, 0xfd, 0xe9].repeat(255)]);
    let path = segment.repeat(60);
    let length = u16::try_from(path.len()).unwrap().to_be_bytes();
    let attribute = bytes(&[&[0x50, 2], &length, &path]);
    let message = body(&[ORIGIN, &attribute, NEXT_HOP], PREFIX);
    let Kept(canonical, 0) = outcome(&message, true) else { panic!() };
    let path = bgp_wire::AsPath::of(&canonical);
    assert_eq!(path.count(bgp_wire::Asn(65001)), 60 * 255);
    assert_eq!(path.to_string().split(' ').count(), 60 * 255);
}

#[test]
fn cve_2023_38283_attribute_length_fault_from_afar() {
    // An attribute that came through others says it is longer than the list.
    let body = body(&[ORIGIN, AS_PATH, NEXT_HOP, &[0xe0, 99, 9, 1]], PREFIX);
    assert_eq!(outcome(&body, true), Withdraw(Kind::MalformedAttributeList));
}

#[test]
fn cve_2023_46565_message_of_unknown_type() {
    for kind in [0, 6, 128, 255] {
        assert_eq!(refused(&framed(kind, &[0; 10])), (1, 3, vec![kind]));
    }
}

#[test]
fn cve_2026_41642_unknown_attribute_flagged_well_known() {
    for (flags, kind) in [(0x40, 99), (0x00, 99), (0x60, 200), (0x40, 33)] {
        let attribute = [flags, kind, 2, 7, 7];
        assert_eq!(with(&attribute), Reset(3, 2, attribute.to_vec()));
    }
}

#[test]
fn cve_2026_41643_ghsa_frrj_87jh_2772_empty_as_path() {
    let empty: &[u8] = &[0x40, 2, 0];
    let body = |path: &[u8]| body(&[ORIGIN, path, NEXT_HOP], PREFIX);
    // From inside the AS an empty path is what a route of its own has.
    let Kept(canonical, 0) = outcome(&body(empty), false) else { panic!() };
    assert_eq!(canonical, bytes(&[ORIGIN, empty]));
    assert_eq!(bgp_wire::AsPath::of(&canonical).first(), None);
    // A segment that is empty, or is of a confederation we are not in.
    for segment in [&[2u8, 0][..], &[1, 0], &[3, 0], &[3, 1, 0, 0, 0xfd, 0xe9]] {
        let path = bytes(&[&[0x40, 2, u8::try_from(segment.len()).unwrap()], segment]);
        assert_eq!(outcome(&body(&path), true), Withdraw(Kind::MalformedAsPath), "{segment:?}");
    }
}

#[test]
fn cve_2026_42285_lengths_that_contradict_each_other() {
    // The AS_PATH claims the octets of the NEXT_HOP behind it.
    let message = body(&[ORIGIN, &[0x40, 2, 13, 2, 1, 0, 0, 0xfd, 0xe9], NEXT_HOP], PREFIX);
    assert_eq!(outcome(&message, true), Withdraw(Kind::MalformedAsPath));
    // An extended length of which one octet is there.
    let message = body(&[ORIGIN, AS_PATH, NEXT_HOP, &[0xd0, 99, 0]], PREFIX);
    assert_eq!(outcome(&message, true), Withdraw(Kind::MalformedAttributeList));
    // Total Attribute Length past the message: nothing can be found (3/1).
    let mut long = body(&[ORIGIN], &[]);
    long[3] += 1;
    assert_eq!(outcome(&long, true), Reset(3, 1, vec![]));
}

#[test]
fn gobgp_3392_origin_without_the_transitive_flag() {
    let origin: &[u8] = &[0x00, 1, 1, 0];
    let message = body(&[origin, AS_PATH, NEXT_HOP], PREFIX);
    assert_eq!(outcome(&message, true), Withdraw(Kind::AttributeFlags(1)));
}
