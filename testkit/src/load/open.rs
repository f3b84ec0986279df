//! The handshake of a load peer, for any family, and what the speaker offered.

use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};

use crate::frame::{KEEPALIVE, OPEN, encode};
use crate::script::Session;

/// AFI and SAFI.
pub type SubsequentFamily = (u16, u8);
/// IPv4 unicast.
pub const IPV4_UNICAST: SubsequentFamily = (1, 1);
/// VPN-IPv4 (RFC 4364).
pub const IPV4_VPN: SubsequentFamily = (1, 128);

fn open(asn: u32, hold_time: u16, router_id: Ipv4Addr, family: SubsequentFamily) -> Vec<u8> {
    let mut out = Vec::new();
    encode::open_for(asn, hold_time, router_id, [family], true, &mut out);
    out
}

/// OPENs both ways; the families the speaker offers, and the hold time in force. The KEEPALIVEs are
/// left to [`confirm`].
pub(super) fn exchange(
    session: &mut Session,
    asn: u32,
    hold_time: u16,
    router_id: Ipv4Addr,
    family: SubsequentFamily,
) -> Result<(Vec<SubsequentFamily>, u16)> {
    session.send(&open(asn, hold_time, router_id, family))?;
    let open = session.expect(OPEN)?;
    let offered = open.body.get(3..5).context("OPEN is too short")?;
    let offered = u16::from_be_bytes([offered[0], offered[1]]);
    Ok((families(open.body.get(10..).unwrap_or_default()), offered.min(hold_time)))
}

/// KEEPALIVEs both ways.
pub(super) fn confirm(session: &mut Session) -> Result<()> {
    let mut keepalive = Vec::new();
    encode::keepalive(&mut keepalive);
    session.send(&keepalive)?;
    session.expect(KEEPALIVE).map(drop)
}

/// Multiprotocol capabilities in the optional parameters of an OPEN.
fn families(mut parameters: &[u8]) -> Vec<SubsequentFamily> {
    let mut families = Vec::new();
    while let Some((&[kind, len], rest)) = parameters.split_first_chunk() {
        let Some((mut value, rest)) = rest.split_at_checked(usize::from(len)) else { break };
        parameters = rest;
        while kind == 2
            && let Some((&[code, len], rest)) = value.split_first_chunk()
            && let Some((one, rest)) = rest.split_at_checked(usize::from(len))
        {
            value = rest;
            if let (1, &[a, f, _, safi]) = (code, one) {
                families.push((u16::from_be_bytes([a, f]), safi));
            }
        }
    }
    families
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::HEADER;

    #[test]
    fn offered_families_read_back() {
        for family in [IPV4_UNICAST, IPV4_VPN] {
            let open = open(4_200_000_000, 240, Ipv4Addr::LOCALHOST, family);
            assert_eq!(families(&open[HEADER + 10..]), [family]);
        }
        assert_eq!(families(&[2, 9, 1, 4]), []);
    }
}
