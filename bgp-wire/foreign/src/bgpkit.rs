//! bgpkit-parser's reading.
//!
//! What for: the parser most MRT tools in Rust stand on (MIT).
//! Where: [`compare`](crate::compare), and the benches.
//! How: its message parser, then its own encoder for attributes whose octets are needed.
//! Invariants: a validation warning makes the message [`Reading::Bad`]: it is how this parser says
//! what RFC 7606 says. Families it has no NLRI type for make it [`Reading::Unable`].
//! References: docs.rs/bgpkit-parser.

use std::net::IpAddr;

use bgp_wire::{Afi, Family, Safi};
use bgpkit_parser::{
    error::BgpValidationWarning,
    models::{AsnLength, AttrType, AttributeValue, BgpMessage, NetworkPrefix, Nlri, ParamValue},
    parser::bgp::parse_bgp_message,
};
use bytes::Bytes;

use crate::{Open, Reading, Route, Update, mp_families};

/// Its parser, for a four-octet session.
///
/// # Errors
/// Its error as text.
pub fn parse(message: &[u8]) -> Result<BgpMessage, String> {
    let mut octets = Bytes::copy_from_slice(message);
    parse_bgp_message(&mut octets, false, &AsnLength::Bits32).map_err(|e| format!("{e:?}"))
}

/// Reads a whole UPDATE message.
pub fn update(message: &[u8]) -> Reading<Update> {
    if !mp_families(message).iter().all(|f| matches!(f.safi, Safi::UNICAST | Safi::MULTICAST)) {
        return Reading::Unable;
    }
    let read = match parse(message) {
        Ok(BgpMessage::Update(update)) => update,
        Ok(_) => return Reading::Unable,
        Err(e) => return Reading::Bad(e),
    };
    if let Some(warning) = read.attributes.validation_warnings().first() {
        return Reading::Bad(refusal(warning));
    }
    let mut update = Update {
        withdrawn: routes(Family::IPV4_UNICAST, &read.withdrawn_prefixes),
        announced: routes(Family::IPV4_UNICAST, &read.announced_prefixes),
        ..Update::default()
    };
    for attribute in read.attributes.into_attributes_iter() {
        match &attribute.value {
            AttributeValue::NextHop(addr) => {
                if !read.announced_prefixes.is_empty() {
                    update.next_hop = Some(*addr);
                }
            }
            AttributeValue::MpReachNlri(nlri) => {
                let Some(routes) = mp(nlri) else { return Reading::Unable };
                update.announced.extend(routes);
                update.mp_next_hop = next_hops(nlri);
            }
            AttributeValue::MpUnreachNlri(nlri) => {
                let Some(routes) = mp(nlri) else { return Reading::Unable };
                update.withdrawn.extend(routes);
            }
            other => {
                let Ok(wire) = attribute.encode(AsnLength::Bits32) else { return Reading::Unable };
                let header =
                    if wire.first().is_some_and(|flags| flags & 0x10 != 0) { 4 } else { 3 };
                let value = wire.get(header..).unwrap_or_default().to_vec();
                update.attributes.entry(other.attr_code()).or_insert(value);
            }
        }
    }
    // It guesses ADD-PATH from the octets, whatever it is told.
    if update.announced.iter().chain(&update.withdrawn).any(|(_, id, _)| *id != 0) {
        return Reading::Unable;
    }
    update.announced.sort();
    update.withdrawn.sort();
    Reading::Good(update)
}

/// Its complaint; of the value of an attribute that we relay unread, told as such.
fn refusal(warning: &BgpValidationWarning) -> String {
    use AttrType as Kind;
    use BgpValidationWarning as Warning;
    let (Warning::OptionalAttributeError { attr_type, reason }
    | Warning::PartialAttributeError { attr_type, reason }) = warning
    else {
        return format!("{warning:?}");
    };
    match attr_type {
        Kind::TRAFFIC_ENGINEERING
        | Kind::PE_DISTINGUISHER_LABELS
        | Kind::BGPSEC_PATH
        | Kind::BGP_DOMAIN_PATH
        | Kind::SFP_ATTRIBUTE
        | Kind::BFD_DISCRIMINATOR
        | Kind::BIER
        | Kind::ATTR_SET => format!("attribute relayed unread: {attr_type:?}, {reason}"),
        _ => format!("{warning:?}"),
    }
}

fn routes(family: Family, list: &[NetworkPrefix]) -> Vec<Route> {
    list.iter()
        .map(|route| {
            // It keeps the bits behind the prefix's length, which mean nothing (RFC 4271 section 4.3).
            let wire = NetworkPrefix::new(route.prefix.trunc(), None).encode();
            (family, route.path_id.map_or(0, |_| u32::MAX), wire.to_vec())
        })
        .collect()
}

/// Plain prefixes only; labelled ones are compared by the other codecs.
fn mp(nlri: &Nlri) -> Option<Vec<Route>> {
    let family = Family::new(Afi(nlri.afi as u16), Safi(nlri.safi as u8));
    matches!(family.safi, Safi::UNICAST | Safi::MULTICAST).then(|| routes(family, &nlri.prefixes))
}

fn next_hops(nlri: &Nlri) -> Vec<IpAddr> {
    use bgpkit_parser::models::NextHopAddress;
    match nlri.next_hop {
        Some(NextHopAddress::Ipv4(addr)) => vec![addr.into()],
        Some(NextHopAddress::Ipv6(addr) | NextHopAddress::VpnIpv6(_, addr)) => vec![addr.into()],
        Some(
            NextHopAddress::Ipv6LinkLocal(global, local)
            | NextHopAddress::VpnIpv6LinkLocal(_, global, _, local),
        ) => vec![global.into(), local.into()],
        None => Vec::new(),
    }
}

/// Reads a whole OPEN message.
pub fn open(message: &[u8]) -> Reading<Open> {
    let open = match parse(message) {
        Ok(BgpMessage::Open(open)) => open,
        Ok(_) => return Reading::Unable,
        Err(e) => return Reading::Bad(e),
    };
    let mut read = Open {
        version: open.version,
        my_as: u16::from(open.asn),
        hold_time: open.hold_time,
        id: open.bgp_identifier.octets(),
        capabilities: Vec::new(),
    };
    for parameter in &open.opt_params {
        let ParamValue::Capacities(list) = &parameter.param_value else { continue };
        for capability in list {
            use bgpkit_parser::models::CapabilityValue as Value;
            use bgpkit_parser::models::capabilities::BgpCapabilityType as Code;
            let value = match &capability.value {
                Value::MultiprotocolExtensions(v) => v.encode(),
                Value::RouteRefresh(v) => v.encode(),
                Value::ExtendedNextHop(v) => v.encode(),
                Value::GracefulRestart(v) => v.encode(),
                Value::FourOctetAs(v) => v.encode(),
                Value::AddPath(v) => v.encode(),
                Value::BgpRole(v) => v.encode(),
                Value::BgpExtendedMessage(v) => v.encode(),
                Value::Raw(octets) => octets.clone().into(),
            };
            let code: Code = capability.ty;
            read.capabilities.push((u8::from(code), value.to_vec()));
        }
    }
    Reading::Good(read)
}
