//! NetGauze (Apache-2.0): good and bad octets of messages, attributes, capabilities and routes.

use bgp_wire::{
    Capability, EvpnRoute, FamilySet, Message, Nlri, Notification, Open, RouteRefresh,
    RouteTargetMembership, UpdateContext,
};

use crate::read::{Outcome, body, context, field, hex, json, update};

const FILE: &str = "vectors/netgauze/wire_vectors.json";

/// Cases we judge otherwise: function, variable, and why.
#[rustfmt::skip]
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("test_extended_next_hop_encoding", "invalid_afi_wire", "RFC 4760 section 8: any numbers name a family; one we do not know is not negotiated, no fault"),
    ("test_extended_next_hop_encoding", "invalid_safi_wire", "RFC 4760 section 8: as above"),
    ("test_bgp_message_route_refresh", "bad_payload_wire", "RFC 7313 section 5: a subtype other than 0, 1 and 2 is ignored"),
    ("test_message_header_error", "bad_undefined_wire", "RFC 4271 section 6.4: no NOTIFICATION is answered with another, so every code is read"),
    ("test_open_message_error", "bad_undefined_wire", "RFC 4271 section 6.4: as above"),
    ("test_bgp_notification_open_message", "bad_undefined_wire", "RFC 4271 section 6.4: as above"),
    ("test_update_message_error", "bad_undefined_wire", "RFC 4271 section 6.4: as above"),
    ("test_bgp_notification_finite_state_machine", "bad_undefined_wire", "RFC 4271 section 6.4: as above"),
    ("test_bgp_notification_cease", "bad_undefined_wire", "RFC 4271 section 6.4: as above"),
    ("test_parse_path_attribute_mp_reach_nlri_ipv6_multicast", "invalid_addr_wire", "RFC 4760 section 6: SAFI 2 is for the reverse path check, so its prefixes are those of sources"),
    ("test_parse_path_attribute_mp_unreach_nlri_ipv6_multicast", "invalid_afi_wire", "RFC 4760 section 6, and section 8: routes of a family that was not negotiated are ignored"),
];

/// An OPEN body with these octets as its one parameter of capabilities.
fn open(capabilities: &[u8]) -> Vec<u8> {
    let length = u8::try_from(capabilities.len()).unwrap();
    [&[4, 0xfd, 0xe9, 0, 90, 10, 0, 0, 1, length + 2, 2, length], capabilities].concat()
}

fn is_capability(octets: &[u8]) -> bool {
    let Ok(open) = Open::decode(&open(octets)) else { return false };
    !matches!(open.capabilities[..], [Capability::Unknown { .. }])
}

/// Whether a route with this attribute keeps both.
fn is_attribute(attribute: &[u8], ctx: &UpdateContext) -> bool {
    let path: &[u8] = if ctx.as4 {
        &[0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9]
    } else {
        &[0x40, 2, 4, 2, 1, 0xfd, 0xe9]
    };
    let (kind, nlri): (u8, &[u8]) = match attribute {
        [_, kind @ (14 | 15), ..] => (*kind, &[]),
        [_, kind, ..] => (*kind, &[8, 10]),
        _ => return false,
    };
    let mut list = Vec::new();
    for other in [&[0x40, 1, 1, 0][..], path, &[0x40, 3, 4, 192, 0, 2, 1]] {
        if other[1] != kind && kind != 15 {
            list.extend_from_slice(other);
        }
    }
    list.extend_from_slice(attribute);
    matches!(update(&body(&list, nlri), ctx), Outcome::Good(update) if update.discarded == 0)
}

fn is_message(octets: &[u8], ctx: &UpdateContext) -> bool {
    match Message::decode(octets) {
        Ok(Message::Update(body)) => matches!(update(body, ctx), Outcome::Good(_)),
        other => other.is_ok(),
    }
}

fn accepts(file: &str, func: &str, octets: &[u8]) -> bool {
    let ctx = context();
    let with = |head: &[u8]| [head, octets].concat();
    let notification = |code: u8| Notification::decode(&with(&[code])).is_ok();
    match (file, func) {
        ("bgp_ls.rs", "test_bgp_ls_nlri_ipv4_parse") => {
            let length = u8::try_from(octets.len() + 9).unwrap();
            is_attribute(&with(&[0x80, 14, length, 0x40, 4, 71, 4, 192, 0, 2, 1, 0]), &ctx)
        }
        ("bgp_ls.rs", "test_bgp_ls_mp_reach") => {
            let head = if octets[0] == octets.len() as u8 - 1 { &[0x80, 14][..] } else { &[] };
            is_attribute(&with(head), &ctx)
        }
        ("bgp_ls.rs", _) => is_attribute(octets, &ctx),
        ("capabilities.rs", "test_extended_next_hop_encoding") => {
            is_capability(&with(&[5, u8::try_from(octets.len()).unwrap()]))
        }
        ("capabilities.rs", _) => is_capability(octets),
        ("community.rs", "test_community") => {
            is_attribute(&with(&[0xc0, 8, u8::try_from(octets.len()).unwrap()]), &ctx)
        }
        // Without the octet of the type.
        ("community.rs", _) => is_attribute(&with(&[0xc0, 16, 8, 0x40]), &ctx),
        ("mod.rs", "test_bgp_message_route_refresh") => RouteRefresh::decode(octets).is_ok(),
        ("mod.rs", name) => {
            let ids = name.contains("add_path");
            let add_path = if ids { ctx.families } else { FamilySet::EMPTY };
            is_message(octets, &UpdateContext { add_path, ..ctx })
        }
        ("update.rs", _) => is_message(octets, &ctx),
        ("nlri.rs", "test_route_distinguisher") => octets.len() == 8,
        ("nlri.rs", "test_ethernet_auto_discovery") => {
            matches!(EvpnRoute::from_value(1, octets), Some(EvpnRoute::EthernetAd { .. }))
        }
        ("nlri.rs", _) => {
            let whole = with(&[96]);
            matches!(RouteTargetMembership::take(&whole), Some((_, [])))
        }
        ("notification.rs", "test_message_header_error") => notification(1),
        ("notification.rs", "test_open_message_error") => notification(2),
        ("notification.rs", "test_update_message_error") => notification(3),
        ("notification.rs", _) => Notification::decode(octets).is_ok(),
        ("open.rs", _) => Open::decode(octets).is_ok(),
        ("path_attribute.rs", "test_next_hop") => is_attribute(&with(&[0x40, 3]), &ctx),
        ("path_attribute.rs", "test_multi_exit_discriminator") => {
            let flags = if octets.len() == 6 { 0x90 } else { 0x80 };
            is_attribute(&with(&[flags, 4]), &ctx)
        }
        ("path_attribute.rs", "test_unknown_attribute") => {
            let flags = if octets.len() == 7 { 0xd0 } else { 0xc0 };
            is_attribute(&with(&[flags]), &ctx)
        }
        ("path_attribute.rs", "test_path_attribute_as2_aggregator") => {
            is_attribute(octets, &UpdateContext { as4: false, ..ctx })
        }
        ("path_attribute.rs", _) => is_attribute(octets, &ctx),
        other => panic!("no rule for {other:?}"),
    }
}

#[test]
fn good_and_bad_octets() {
    let Some(cases) = json("netgauze::good_and_bad_octets", FILE) else { return };
    let (mut seen, mut odd, mut wrong) = (0, 0, Vec::new());
    for case in &cases {
        let file = field(case, "file").rsplit('/').next().unwrap();
        let (func, var) = (field(case, "func"), field(case, "var"));
        // The two without an expectation are good ones.
        let expected = field(case, "expect") != "reject";
        let octets = hex(field(case, "hex"));
        let is_exception = EXCEPTIONS.iter().any(|(f, v, why)| {
            assert!(why.contains("RFC"));
            (*f, *v) == (func, var)
        });
        if (accepts(file, func, &octets) == expected) == is_exception {
            wrong.push(format!("{func} {var} {}", field(case, "hex")));
        }
        seen += 1;
        odd += usize::from(is_exception);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!((seen, odd), (114, EXCEPTIONS.len()));
}
