//! routecore's reading.
//!
//! What for: the codec of the Rotonda collector (BSD-3-Clause), lazy like ours.
//! Where: [`compare`](crate::compare), and the benches.
//! How: its parser and its typed accessors, every one of them; octets are composed from the typed
//! values.
//! Invariants: an error of any accessor makes the message [`Reading::Bad`].
//! References: docs.rs/routecore.

use std::net::IpAddr;

use bgp_wire::{Afi, Family, Safi};
use routecore::bgp::{
    ParseError,
    message::{OpenMessage, SessionConfig, UpdateMessage},
    nlri::afisafi::{Nlri, NlriType},
    path_attributes::PathAttribute,
    types::NextHop,
};

use crate::{Open, Reading, Route, Update};

/// Reads a whole UPDATE message.
pub fn update(message: &[u8]) -> Reading<Update> {
    match read(message) {
        Ok(Some(update)) => Reading::Good(update),
        Ok(None) => Reading::Unable,
        Err(e) => Reading::Bad(format!("{e:?}")),
    }
}

fn read(octets: &[u8]) -> Result<Option<Update>, ParseError> {
    let message = UpdateMessage::from_octets(octets, &SessionConfig::modern())?;
    let mut update = Update::default();
    // It ends such iterations early, without an error.
    let (_, _, withdrawn, announced) = message.afi_safis();
    let unsupported = |t: Option<NlriType>| matches!(t, Some(NlriType::Unsupported(..)));
    if unsupported(withdrawn) || unsupported(announced) {
        return Ok(None);
    }
    for nlri in message.announcements()? {
        let Some(route) = route(&nlri?) else { return Ok(None) };
        update.announced.push(route);
    }
    for nlri in message.withdrawals()? {
        let Some(route) = route(&nlri?) else { return Ok(None) };
        update.withdrawn.push(route);
    }
    if message.has_conventional_nlri()
        && let Some(hop) = message.conventional_next_hop()?
    {
        update.next_hop = addresses(&hop).first().copied();
    }
    if let Some(hop) = message.mp_next_hop()? {
        if matches!(hop, NextHop::Unimplemented(_)) {
            return Ok(None);
        }
        update.mp_next_hop = addresses(&hop);
    }
    for attribute in message.path_attributes()? {
        let attribute = attribute?;
        let kind = attribute.type_code();
        let value = match attribute.to_owned()? {
            // Read above.
            PathAttribute::ConventionalNextHop(_) | PathAttribute::MpReachNlri(_) => continue,
            _ if kind == 15 => continue,
            PathAttribute::Invalid(..) => return Err(ParseError::form_error("invalid attribute")),
            PathAttribute::Unimplemented(other) => other.value().clone(),
            // Its typed path merges segments; the borrowed one keeps them.
            PathAttribute::AsPath(_) => {
                let mut value = Vec::new();
                if let Some(path) = message.aspath()? {
                    for segment in path.segments() {
                        let _ = segment.compose(&mut value);
                    }
                }
                value
            }
            typed => {
                let mut wire = Vec::new();
                let _ = typed.compose(&mut wire);
                let header =
                    if wire.first().is_some_and(|flags| flags & 0x10 != 0) { 4 } else { 3 };
                wire.get(header..).unwrap_or_default().to_vec()
            }
        };
        update.attributes.entry(kind).or_insert(value);
    }
    update.announced.sort();
    update.withdrawn.sort();
    Ok(Some(update))
}

fn route<O: AsRef<[u8]>>(nlri: &Nlri<O>) -> Option<Route> {
    let (afi, safi) = nlri.afi_safi().into();
    let mut wire = Vec::new();
    nlri.compose(&mut wire).ok()?;
    let family = Family::new(Afi(afi), Safi(safi));
    Some((family, 0, wire))
}

fn addresses(hop: &NextHop) -> Vec<IpAddr> {
    match hop {
        NextHop::Unicast(addr) | NextHop::Multicast(addr) => vec![*addr],
        NextHop::Ipv6LL { global, link_local } => vec![(*global).into(), (*link_local).into()],
        NextHop::MplsVpnUnicast(_, addr) => vec![*addr],
        _ => Vec::new(),
    }
}

/// Reads a whole OPEN message.
pub fn open(message: &[u8]) -> Reading<Open> {
    match OpenMessage::from_octets(message) {
        Ok(open) => {
            let mut id = [0; 4];
            id.copy_from_slice(open.identifier());
            let field = message.get(20..22).unwrap_or(&[0, 0]);
            Reading::Good(Open {
                version: open.version(),
                my_as: u16::from_be_bytes([field[0], field[1]]),
                hold_time: open.holdtime(),
                id,
                capabilities: open
                    .capabilities()
                    .map(|c| (u8::from(c.typ()), c.value().to_vec()))
                    .collect(),
            })
        }
        Err(e) => Reading::Bad(format!("{e:?}")),
    }
}
