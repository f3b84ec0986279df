//! Text of any kind for every type that reads text: never a panic, and what is read is shown so that
//! it reads back as the same value.
//!
//! What for: manifests and command lines hold these texts.
//! Where: each `FromStr` of the crate.
//! How: every type gets the whole input.
//! Invariants: `parse(show(parse(text))) == parse(text)`.
//! References: RFC 5396 (AS numbers), RFC 5952 (IPv6 addresses).

use std::{
    fmt::{Debug, Display},
    str::FromStr,
};

use bgp_wire::{
    AnyNlri, Asn, AttrType, AttrValue, Community, Esi, EvpnLabel, EvpnRoute, ExtCommunity, Family,
    FlowSpec, Ipv6ExtCommunity, LabelStack, Labeled, LargeCommunity, MacAddr, Prefix,
    RouteDistinguisher, RouteTargetMembership, V4Prefix, V6Prefix, Vpn, VpnFlowSpec,
};

/// Input: an octet that chooses an attribute type, then the text, as UTF-8 with replacements.
pub fn target(data: &[u8]) {
    let Some((&kind, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    value(AttrType(kind), &text);
    one::<Asn>(&text);
    one::<Community>(&text);
    one::<Esi>(&text);
    one::<EvpnLabel>(&text);
    one::<EvpnRoute>(&text);
    one::<ExtCommunity>(&text);
    one::<Family>(&text);
    one::<FlowSpec<V4Prefix>>(&text);
    one::<FlowSpec<V6Prefix>>(&text);
    one::<Ipv6ExtCommunity>(&text);
    one::<LabelStack>(&text);
    one::<Labeled<V4Prefix>>(&text);
    one::<Labeled<V6Prefix>>(&text);
    one::<LargeCommunity>(&text);
    one::<MacAddr>(&text);
    one::<Prefix>(&text);
    one::<RouteDistinguisher>(&text);
    one::<RouteTargetMembership>(&text);
    one::<V4Prefix>(&text);
    one::<V6Prefix>(&text);
    one::<Vpn<V4Prefix>>(&text);
    one::<Vpn<V6Prefix>>(&text);
    one::<VpnFlowSpec<V4Prefix>>(&text);
    one::<VpnFlowSpec<V6Prefix>>(&text);
    for family in [Family::IPV4_UNICAST, Family::IPV6_VPN, Family::EVPN, Family::IPV4_FLOW_SPEC] {
        if let Ok(route) = AnyNlri::parse(family, &text) {
            assert!(route.fits(family));
            assert_eq!(AnyNlri::parse(family, &route.to_string()).as_ref(), Ok(&route));
        }
    }
}

/// Text of an attribute's value gives a value whose text gives the same octets.
fn value(kind: AttrType, text: &str) {
    let Ok(octets) = AttrValue::parse(kind, text) else { return };
    if let Ok(decoded) = AttrValue::decode(kind, &octets, true) {
        assert_eq!(AttrValue::parse(kind, &decoded.to_string()), Ok(octets.clone()), "{text:?}");
    }
}

fn one<T: FromStr + Display + Debug + PartialEq>(text: &str) {
    let Ok(value) = text.parse::<T>() else { return };
    let shown = value.to_string();
    match shown.parse::<T>() {
        Ok(again) => assert_eq!(again, value, "{text:?} is shown as {shown:?}"),
        Err(_) => panic!("{text:?} is shown as {shown:?}, which does not parse"),
    }
}
