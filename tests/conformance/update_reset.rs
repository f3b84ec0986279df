//! UPDATEs that end the session: RFC 4271 section 6.3 as far as RFC 7606 leaves it.

use anyhow::Result;

use crate::clause::{Clause, clause};
use crate::lab::{Lab, Peer, Router, refused};
use crate::wire::{NON_TRANSITIVE, WELL_KNOWN, attribute, message, update};

pub(crate) const CLAUSES: &[Clause] = &[
    clause!(rfc7606_s3_total_attribute_length, "Total Attribute Length past the message: 3/1"),
    clause!(rfc7606_s3_withdrawn_length, "Withdrawn Routes Length past the message: 3/1"),
    clause!(rfc7606_s3_mp_reach_twice, "MP_REACH_NLRI twice: 3/1"),
    clause!(rfc7606_s3_mp_unreach_twice, "MP_UNREACH_NLRI twice: 3/1"),
    clause!(rfc7606_s5_3_nlri_over_32, "A prefix longer than 32 bits in the NLRI: 3/10"),
    clause!(rfc7606_s5_3_nlri_cut, "A prefix that runs past the NLRI: 3/10"),
    clause!(
        rfc7606_s5_3_withdrawn_over_32,
        "A prefix longer than 32 bits, or cut, in the withdrawn routes: 3/10"
    ),
    clause!(
        rfc7606_s7_11_mp_next_hop_length,
        "MP_REACH_NLRI whose next hop has an impossible length: 3/9, data the attribute"
    ),
    clause!(
        rfc7606_s7_11_mp_reach_too_short,
        "MP_REACH_NLRI too short for its header: 3/9 (CVE-2023-46752)"
    ),
    clause!(rfc7606_s7_12_mp_unreach_too_short, "MP_UNREACH_NLRI of less than 3 octets: 3/9"),
    clause!(
        rfc7606_s5_3_mp_nlri_over_128,
        "A prefix over 128 bits, or cut, in the MP attributes: 3/9"
    ),
    clause!(
        rfc4271_s6_3_unrecognised_well_known,
        "An attribute nobody knows flagged well-known: 3/2, data the attribute (CVE-2026-41642)"
    ),
    clause!(
        rfc7606_s5_2_fault_without_routes,
        "A fault worth more than a discard in an UPDATE without routes: the fault's own 3/x"
    ),
];

/// One UPDATE on a session: exactly this answer, and the end; another session does not notice.
fn resets(
    lab: &Lab,
    octets: impl Fn(&Peer<'_>) -> Vec<u8>,
    subcode: u8,
    data: &[u8],
) -> Result<()> {
    let peer = lab.peer_of(Router::Transit, 65100, &["passive: true"])?;
    let mut session = peer.up()?;
    session.send(&octets(&peer))?;
    refused(&mut session, 3, subcode, data)
}

/// With the mandatory attributes, and no IPv4 routes.
fn with_attribute(lab: &Lab, flags: u8, kind: u8, value: &[u8], subcode: u8) -> Result<()> {
    let bad = attribute(flags, kind, value);
    let octets = |peer: &Peer<'_>| update(&[], &[peer.mandatory(), bad.clone()].concat(), &[]);
    resets(lab, octets, subcode, &bad)
}

fn rfc7606_s3_total_attribute_length(lab: &Lab) -> Result<()> {
    resets(lab, |_| message(2, &[0, 0, 0, 1]), 1, &[])?;
    resets(lab, |_| message(2, &[0, 0, 0xff, 0xff, 0x40, 1, 1, 0]), 1, &[])
}

fn rfc7606_s3_withdrawn_length(lab: &Lab) -> Result<()> {
    resets(lab, |_| message(2, &[0, 5, 24, 20, 0]), 1, &[])?;
    // It leaves no room for the other length.
    resets(lab, |_| message(2, &[0, 4, 24, 20, 0, 0]), 1, &[])?;
    resets(lab, |_| message(2, &[0xff, 0xff, 0, 0]), 1, &[])
}

fn twice(lab: &Lab, kind: u8, value: &[u8]) -> Result<()> {
    let one = attribute(NON_TRANSITIVE, kind, value);
    resets(lab, |peer| update(&[], &[peer.mandatory(), one.repeat(2)].concat(), &[]), 1, &[])
}

fn rfc7606_s3_mp_reach_twice(lab: &Lab) -> Result<()> {
    let mut value = vec![0, 2, 1, 16];
    value.extend_from_slice(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    value.extend_from_slice(&[32, 0x20, 1, 0xd, 0xb8]);
    twice(lab, 14, &value)
}

fn rfc7606_s3_mp_unreach_twice(lab: &Lab) -> Result<()> {
    twice(lab, 15, &[0, 2, 1])
}

fn rfc7606_s5_3_nlri_over_32(lab: &Lab) -> Result<()> {
    for length in [33, 255] {
        let nlri = [&[length][..], &[20; 32]].concat();
        resets(lab, |peer| update(&[], &peer.mandatory(), &nlri), 10, &[])?;
    }
    Ok(())
}

fn rfc7606_s5_3_nlri_cut(lab: &Lab) -> Result<()> {
    for nlri in [&[24, 20, 0][..], &[8], &[0, 32, 20, 0, 0]] {
        resets(lab, |peer| update(&[], &peer.mandatory(), nlri), 10, &[])?;
    }
    Ok(())
}

fn rfc7606_s5_3_withdrawn_over_32(lab: &Lab) -> Result<()> {
    for withdrawn in [&[33, 20, 0, 0, 0, 0][..], &[24, 20, 0]] {
        resets(lab, |_| update(withdrawn, &[], &[]), 10, &[])?;
    }
    Ok(())
}

/// MP_REACH_NLRI for IPv6 unicast with one good prefix.
fn reach(next_hop: &[u8]) -> Vec<u8> {
    let length = u8::try_from(next_hop.len()).expect("short");
    [&[0, 2, 1, length][..], next_hop, &[0, 32, 0x20, 1, 0xd, 0xb8]].concat()
}

fn rfc7606_s7_11_mp_next_hop_length(lab: &Lab) -> Result<()> {
    for length in [0, 1, 15, 17, 20] {
        with_attribute(lab, NON_TRANSITIVE, 14, &reach(&vec![0x20; length]), 9)?;
    }
    // A next hop that runs past the attribute.
    with_attribute(lab, NON_TRANSITIVE, 14, &[0, 2, 1, 16, 0x20, 1], 9)
}

fn rfc7606_s7_11_mp_reach_too_short(lab: &Lab) -> Result<()> {
    for value in [&[][..], &[0, 2], &[0, 2, 1], &[0, 2, 1, 0]] {
        with_attribute(lab, NON_TRANSITIVE, 14, value, 9)?;
    }
    Ok(())
}

fn rfc7606_s7_12_mp_unreach_too_short(lab: &Lab) -> Result<()> {
    for value in [&[][..], &[0, 2]] {
        with_attribute(lab, NON_TRANSITIVE, 15, value, 9)?;
    }
    Ok(())
}

fn rfc7606_s5_3_mp_nlri_over_128(lab: &Lab) -> Result<()> {
    let next_hop = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    for nlri in [&[129; 18][..], &[64, 0x20, 1]] {
        let value = [&[0, 2, 1, 16][..], &next_hop, &[0], nlri].concat();
        with_attribute(lab, NON_TRANSITIVE, 14, &value, 9)?;
        with_attribute(lab, NON_TRANSITIVE, 15, &[&[0, 2, 1][..], nlri].concat(), 9)?;
    }
    Ok(())
}

fn rfc4271_s6_3_unrecognised_well_known(lab: &Lab) -> Result<()> {
    for (flags, kind) in [(0x40, 99), (0x00, 99), (0x40, 255), (0x00, 0)] {
        let bad = attribute(flags, kind, &[1, 2, 3]);
        let octets = |peer: &Peer<'_>| {
            update(&[], &[peer.mandatory(), bad.clone()].concat(), &peer.prefix())
        };
        resets(lab, octets, 2, &bad)?;
    }
    Ok(())
}

fn rfc7606_s5_2_fault_without_routes(lab: &Lab) -> Result<()> {
    let bad = attribute(WELL_KNOWN, 1, &[9]);
    resets(lab, |_| update(&[], &bad, &[]), 6, &bad)?;
    let bad = attribute(0xc0, 1, &[0]);
    resets(lab, |_| update(&[], &bad, &[]), 4, &bad)?;
    let bad = attribute(WELL_KNOWN, 3, &[1, 2, 3]);
    resets(lab, |_| update(&[], &bad, &[]), 5, &bad)
}
