//! netgauze-bgp-pkt's reading.
//!
//! What for: a complete and strict codec of another house (Apache-2.0).
//! Where: [`compare`](crate::compare), and the benches.
//! How: its parser, then its own writer for the octets of attributes and routes.
//! Invariants: families it keeps as opaque octets make the message [`Reading::Unable`].
//! References: docs.rs/netgauze-bgp-pkt.

use std::net::IpAddr;

use bgp_wire::Family;
use netgauze_bgp_pkt::{
    BgpMessage,
    nlri::LabeledNextHop,
    path_attribute::{MpReach, MpUnreach, PathAttributeValue},
    update::BgpUpdateMessage,
    wire::deserializer::BgpParsingContext,
};
use netgauze_parse_utils::{WritablePdu, reader::SliceReader, traits::ParseFromWithOneInput};

use crate::{Open, Reading, Route, Update};

/// Its parser, for an internal four-octet session.
///
/// # Errors
/// Its error as text.
pub fn parse(message: &[u8]) -> Result<BgpMessage, String> {
    let mut context = BgpParsingContext::default();
    BgpMessage::parse(&mut SliceReader::new(message), &mut context)
        .map_err(|e| innermost(&format!("{e:?}")).to_owned())
}

/// An error without the errors it is wrapped in, each of which only says where.
fn innermost(error: &str) -> &str {
    let name = error.find([' ', ')']).unwrap_or(error.len());
    error.get(..name).and_then(|head| error.get(head.rfind('(')? + 1..)).unwrap_or(error)
}

/// Reads a whole UPDATE message.
pub fn update(message: &[u8]) -> Reading<Update> {
    match parse(message) {
        Ok(BgpMessage::Update(update)) => read(&update).map_or(Reading::Unable, Reading::Good),
        Ok(_) => Reading::Unable,
        Err(e) => Reading::Bad(e),
    }
}

fn read(message: &BgpUpdateMessage) -> Option<Update> {
    let mut update = Update {
        withdrawn: routes(Family::IPV4_UNICAST, message.withdraw_routes(), |r| r.path_id())?,
        announced: routes(Family::IPV4_UNICAST, message.nlri(), |r| r.path_id())?,
        ..Update::default()
    };
    for attribute in message.path_attributes() {
        match attribute.value() {
            PathAttributeValue::MpReach(reach) => {
                let (next_hop, routes) = read_reach(reach)?;
                update.mp_next_hop = next_hop;
                update.announced.extend(routes);
            }
            PathAttributeValue::MpUnreach(unreach) => {
                update.withdrawn.extend(read_unreach(unreach)?);
            }
            PathAttributeValue::NextHop(hop) => {
                if !message.nlri().is_empty() {
                    update.next_hop = Some(hop.next_hop().into());
                }
            }
            _ => {
                let wire = octets(attribute)?;
                let header = if attribute.extended_length() { 4 } else { 3 };
                // The first of two counts (RFC 7606 section 3 g).
                update.attributes.entry(*wire.get(1)?).or_insert(wire.get(header..)?.to_vec());
            }
        }
    }
    update.announced.sort();
    update.withdrawn.sort();
    Some(update)
}

fn octets<E>(pdu: &impl WritablePdu<E>) -> Option<Vec<u8>> {
    let mut wire = Vec::new();
    pdu.write(&mut wire).ok()?;
    Some(wire)
}

fn routes<N: WritablePdu<E>, E>(
    family: Family,
    list: &[N],
    path_id: impl Fn(&N) -> Option<u32>,
) -> Option<Vec<Route>> {
    list.iter()
        .map(|route| {
            let wire = octets(route)?;
            Some(match path_id(route) {
                Some(id) => (family, id, wire.get(4..)?.to_vec()),
                None => (family, 0, wire),
            })
        })
        .collect()
}

fn pair(next_hop: IpAddr, local: Option<std::net::Ipv6Addr>) -> Vec<IpAddr> {
    std::iter::once(next_hop).chain(local.map(IpAddr::V6)).collect()
}

fn labeled(next_hop: &LabeledNextHop) -> Vec<IpAddr> {
    match next_hop {
        LabeledNextHop::Ipv4(hop) => vec![hop.next_hop().into()],
        LabeledNextHop::Ipv6(hop) => pair(hop.next_hop().into(), hop.next_hop_local()),
    }
}

fn read_reach(reach: &MpReach) -> Option<(Vec<IpAddr>, Vec<Route>)> {
    Some(match reach {
        MpReach::Ipv4Unicast { next_hop, next_hop_local, nlri } => {
            (pair(*next_hop, *next_hop_local), routes(Family::IPV4_UNICAST, nlri, |r| r.path_id())?)
        }
        MpReach::Ipv4Multicast { next_hop, next_hop_local, nlri } => (
            pair(*next_hop, *next_hop_local),
            routes(Family::IPV4_MULTICAST, nlri, |r| r.path_id())?,
        ),
        MpReach::Ipv4NlriMplsLabels { next_hop, next_hop_local, nlri } => {
            (pair(*next_hop, *next_hop_local), routes(Family::IPV4_LABELED, nlri, |r| r.path_id())?)
        }
        MpReach::Ipv4MplsVpnUnicast { next_hop, nlri } => {
            (labeled(next_hop), routes(Family::IPV4_VPN, nlri, |r| r.path_id())?)
        }
        MpReach::Ipv6Unicast { next_hop_global, next_hop_local, nlri } => (
            pair((*next_hop_global).into(), *next_hop_local),
            routes(Family::IPV6_UNICAST, nlri, |r| r.path_id())?,
        ),
        MpReach::Ipv6Multicast { next_hop_global, next_hop_local, nlri } => (
            pair((*next_hop_global).into(), *next_hop_local),
            routes(Family::IPV6_MULTICAST, nlri, |r| r.path_id())?,
        ),
        MpReach::Ipv6NlriMplsLabels { next_hop, next_hop_local, nlri } => {
            (pair(*next_hop, *next_hop_local), routes(Family::IPV6_LABELED, nlri, |r| r.path_id())?)
        }
        MpReach::Ipv6MplsVpnUnicast { next_hop, nlri } => {
            (labeled(next_hop), routes(Family::IPV6_VPN, nlri, |r| r.path_id())?)
        }
        MpReach::L2Evpn { next_hop, nlri } => {
            (vec![*next_hop], routes(Family::EVPN, nlri, |r| r.path_id())?)
        }
        MpReach::RouteTargetMembership { next_hop, nlri } => {
            (vec![*next_hop], routes(Family::ROUTE_TARGET, nlri, |r| r.path_id())?)
        }
        MpReach::BgpLs { .. } | MpReach::BgpLsVpn { .. } | MpReach::Unknown { .. } => return None,
    })
}

fn read_unreach(unreach: &MpUnreach) -> Option<Vec<Route>> {
    match unreach {
        MpUnreach::Ipv4Unicast { nlri } => routes(Family::IPV4_UNICAST, nlri, |r| r.path_id()),
        MpUnreach::Ipv4Multicast { nlri } => routes(Family::IPV4_MULTICAST, nlri, |r| r.path_id()),
        MpUnreach::Ipv4NlriMplsLabels { nlri } => {
            routes(Family::IPV4_LABELED, nlri, |r| r.path_id())
        }
        MpUnreach::Ipv4MplsVpnUnicast { nlri } => routes(Family::IPV4_VPN, nlri, |r| r.path_id()),
        MpUnreach::Ipv6Unicast { nlri } => routes(Family::IPV6_UNICAST, nlri, |r| r.path_id()),
        MpUnreach::Ipv6Multicast { nlri } => routes(Family::IPV6_MULTICAST, nlri, |r| r.path_id()),
        MpUnreach::Ipv6NlriMplsLabels { nlri } => {
            routes(Family::IPV6_LABELED, nlri, |r| r.path_id())
        }
        MpUnreach::Ipv6MplsVpnUnicast { nlri } => routes(Family::IPV6_VPN, nlri, |r| r.path_id()),
        MpUnreach::L2Evpn { nlri } => routes(Family::EVPN, nlri, |r| r.path_id()),
        MpUnreach::RouteTargetMembership { nlri } => {
            routes(Family::ROUTE_TARGET, nlri, |r| r.path_id())
        }
        MpUnreach::BgpLs { .. } | MpUnreach::BgpLsVpn { .. } | MpUnreach::Unknown { .. } => None,
    }
}

/// Reads a whole OPEN message.
pub fn open(message: &[u8]) -> Reading<Open> {
    match parse(message) {
        Ok(BgpMessage::Open(open)) => {
            let mut capabilities = Vec::new();
            for capability in open.capabilities() {
                let Some(wire) = octets(capability) else { return Reading::Unable };
                if let [code, _, value @ ..] = &wire[..] {
                    capabilities.push((*code, value.to_vec()));
                }
            }
            Reading::Good(Open {
                version: open.version(),
                my_as: open.my_as(),
                hold_time: open.hold_time(),
                id: open.bgp_id().octets(),
                capabilities,
            })
        }
        Ok(_) => Reading::Unable,
        Err(e) => Reading::Bad(e),
    }
}
