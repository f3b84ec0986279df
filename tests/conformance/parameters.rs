//! Optional parameters and capabilities: RFC 4271 sections 4.2 and 6.2, RFC 5492, RFC 9072.

use anyhow::{Result, ensure};

use crate::clause::{Clause, clause};
use crate::lab::{Lab, Peer, is_alive, refused};
use crate::wire::{Open, capability, family, message};

pub(crate) const CLAUSES: &[Clause] = &[
    clause!(rfc4271_s6_2_unknown_parameter, "An optional parameter nobody knows: 2/4"),
    clause!(rfc4271_s6_2_authentication_parameter, "The withdrawn authentication parameter: 2/4"),
    clause!(rfc4271_s6_2_malformed_parameters, "Parameters that do not add up: 2/0"),
    clause!(rfc4271_s6_2_no_parameters, "An OPEN without parameters is a session for IPv4 unicast"),
    clause!(rfc5492_s3_unknown_capability, "A capability nobody knows is ignored"),
    clause!(rfc5492_s4_each_in_its_parameter, "Capabilities may come in a parameter each"),
    clause!(rfc5492_s4_duplicates, "The same capability several times is no fault"),
    clause!(rfc5492_s4_empty_parameter, "A parameter without capabilities is no fault"),
    clause!(rfc5492_s3_capability_overrun, "A capability that runs past its parameter: 2/0"),
    clause!(
        rfc5492_s5_no_family_in_common,
        "No family in common: 2/7, data the capabilities we want"
    ),
    clause!(
        rfc4760_s8_unknown_families,
        "Families we do not offer are ignored, whatever their number"
    ),
    clause!(rfc4760_s8_one_family, "One family in common is enough, and only its routes are sent"),
    clause!(
        rfc4271_s6_2_known_capability_of_wrong_length,
        "A known capability of impossible length: 2/0"
    ),
    clause!(
        rfc5492_s3_malformed_but_unused,
        "A malformed capability we make no use of is ignored (CVE-2022-37032, 2025-43971)"
    ),
    clause!(rfc9072_s2_extended_form_short, "The extended form is taken for any length"),
    clause!(rfc9072_s2_extended_form_long, "The extended form with over 255 octets is taken"),
    clause!(
        rfc9072_s2_length_octet_ignored,
        "In the extended form the one-octet length is not looked at, unless it is 0"
    ),
    clause!(
        rfc9072_s2_malformed,
        "An extended form that is cut or does not add up: 2/0 (CVE-2022-40302, 40318, 43681)"
    ),
    Clause::not_testable(
        "rfc9072_s2_sent_when_needed",
        "The extended form is sent when the parameters need more than 255 octets",
        "no configuration makes ours that long; `bgp-wire` proves the encoding",
    ),
];

fn malformed(lab: &Lab, parameters: &[u8], subcode: u8) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.open_sent()?;
    session.send(&peer.open().raw(parameters).octets())?;
    refused(&mut session, 2, subcode, &[])
}

fn taken(peer: &Peer<'_>, open: &Open) -> Result<()> {
    is_alive(&mut peer.up_as(open)?)
}

/// One parameter of capabilities, without the length octet in front.
fn parameter(capabilities: &[Vec<u8>]) -> Vec<u8> {
    let all = capabilities.concat();
    [&[2, u8::try_from(all.len()).expect("fits")][..], &all].concat()
}

fn with_length(parameters: &[u8]) -> Vec<u8> {
    [&[u8::try_from(parameters.len()).expect("fits")][..], parameters].concat()
}

/// The extended form, with `first` as the octet where the length used to be.
fn extended(first: u8, parameters: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let length = |n: usize| u16::try_from(n).expect("fits").to_be_bytes();
    let all: Vec<u8> = parameters
        .iter()
        .flat_map(|(kind, value)| [&[*kind][..], &length(value.len()), value].concat())
        .collect();
    [&[first, 255][..], &length(all.len()), &all].concat()
}

fn rfc4271_s6_2_unknown_parameter(lab: &Lab) -> Result<()> {
    malformed(lab, &[3, 9, 1, 0], 4)?;
    malformed(lab, &[2, 254, 0], 4)
}

fn rfc4271_s6_2_authentication_parameter(lab: &Lab) -> Result<()> {
    malformed(lab, &[3, 1, 1, 0], 4)
}

fn rfc4271_s6_2_malformed_parameters(lab: &Lab) -> Result<()> {
    // Longer than the message; shorter; a head that is cut; a value that is cut.
    for parameters in [&[5, 2, 2, 2, 0][..], &[3, 2, 2, 2, 0], &[1, 2], &[4, 2, 9, 2, 0], &[8]] {
        malformed(lab, parameters, 0)?;
    }
    Ok(())
}

fn rfc4271_s6_2_no_parameters(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.up_as(&peer.open().raw(&[0]))?;
    // Without the route refresh capability it cannot be asked to speak; its routes have come.
    session.send(&message(4, &[]))?;
    let shown = peer.shown()?;
    ensure!(shown["state"].as_str() == Some("Established"), "{shown}");
    Ok(())
}

fn rfc5492_s3_unknown_capability(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let open = peer.open().and(63, &[]).and(129, &[1, 2, 3]).and(255, &[0; 40]).and(0, &[1]);
    taken(&peer, &open)
}

fn rfc5492_s4_each_in_its_parameter(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let all: Vec<u8> =
        peer.open().capabilities.iter().flat_map(|c| parameter(std::slice::from_ref(c))).collect();
    taken(&peer, &peer.open().raw(&with_length(&all)))
}

fn rfc5492_s4_duplicates(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut open = peer.open();
    open.capabilities.extend(open.capabilities.clone());
    taken(&peer, &open)
}

fn rfc5492_s4_empty_parameter(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let all = [vec![2, 0], parameter(&peer.open().capabilities), vec![2, 0]].concat();
    taken(&peer, &peer.open().raw(&with_length(&all)))
}

fn rfc5492_s3_capability_overrun(lab: &Lab) -> Result<()> {
    // A head that is cut; a value that is cut; one that would end in the next parameter.
    for parameters in [&[3, 2, 1, 65][..], &[6, 2, 4, 65, 4, 0, 0], &[8, 2, 2, 65, 4, 2, 2, 2, 0]] {
        malformed(lab, parameters, 0)?;
    }
    Ok(())
}

fn rfc5492_s5_no_family_in_common(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut open = peer.open().without(1);
    open.capabilities.insert(0, family(1, 4));
    let mut session = peer.open_sent()?;
    session.send(&open.octets())?;
    refused(&mut session, 2, 7, &[family(1, 1), family(2, 1)].concat())
}

fn rfc4760_s8_unknown_families(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut open = peer.open();
    open.capabilities.splice(0..0, [family(25, 70), family(0, 0), family(16, 128), family(1, 66)]);
    taken(&peer, &open)
}

fn rfc4760_s8_one_family(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut open = peer.open().without(1);
    open.capabilities.insert(0, family(1, 1));
    let mut session = peer.up_as(&open)?;
    is_alive(&mut session)?;
    // An IPv6 refresh was not negotiated: nothing comes but the answer to the next for IPv4.
    session.send(&crate::wire::refresh(2, 0, 1))?;
    session.send(&crate::wire::refresh(1, 0, 1))?;
    crate::wire::read_until(&mut session, |body| {
        let (withdrawn, attributes, nlri) = crate::wire::parts(body)?;
        let foreign = [14, 15].iter().any(|kind| crate::wire::find(attributes, *kind).is_some());
        ensure!(!foreign, "IPv6 in {body:02x?}");
        Ok((withdrawn.is_empty() && !nlri.is_empty()).then_some(()))
    })
}

fn rfc4271_s6_2_known_capability_of_wrong_length(lab: &Lab) -> Result<()> {
    let wrong: [(u8, &[u8]); 8] = [
        (1, &[0, 1, 0]),
        (1, &[0, 1, 0, 1, 0]),
        (2, &[0]),
        (65, &[0, 1]),
        (64, &[0]),
        (69, &[0, 1, 1]),
        (5, &[0, 1, 0, 1, 0]),
        (6, &[1]),
    ];
    for (code, value) in wrong {
        let peer = lab.peer()?;
        let mut session = peer.open_sent()?;
        session.send(&peer.open().and(code, value).octets())?;
        refused(&mut session, 2, 0, &[])?;
    }
    Ok(())
}

fn rfc5492_s3_malformed_but_unused(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    // FQDN, software version, outbound route filtering: short, long, empty.
    let open = peer
        .open()
        .and(73, &[200, b'a'])
        .and(73, &[])
        .and(75, &[])
        .and(75, &[9, b'x'])
        .and(3, &[0, 1, 0, 1, 200])
        .and(67, &[1, 2, 3]);
    taken(&peer, &open)
}

fn rfc9072_s2_extended_form_short(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let capabilities = peer.open().capabilities.concat();
    taken(&peer, &peer.open().raw(&extended(255, &[(2, capabilities)])))?;
    // Nothing in it at all: IPv4 unicast.
    let peer = lab.peer()?;
    peer.up_as(&peer.open().raw(&extended(255, &[]))).map(drop)
}

fn rfc9072_s2_extended_form_long(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut first = peer.open().capabilities.concat();
    first.extend(capability(200, &[7; 250]));
    let second = capability(201, &[8; 255]).repeat(12);
    taken(&peer, &peer.open().raw(&extended(255, &[(2, first), (2, second)])))
}

fn rfc9072_s2_length_octet_ignored(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let capabilities = peer.open().capabilities.concat();
    taken(&peer, &peer.open().raw(&extended(1, &[(2, capabilities.clone())])))?;
    malformed(lab, &extended(0, &[(2, capabilities)]), 0)
}

fn rfc9072_s2_malformed(lab: &Lab) -> Result<()> {
    let good = extended(255, &[(2, capability(2, &[]))]);
    // Cut everywhere behind the first two octets, and one octet too many.
    for cut in 2..good.len() {
        malformed(lab, &good[..cut], 0)?;
    }
    malformed(lab, &[&good[..], &[0]].concat(), 0)?;
    // A parameter that overruns; a parameter of type 255 inside; an unknown one.
    malformed(lab, &[255, 255, 0, 3, 2, 0, 9], 0)?;
    malformed(lab, &extended(255, &[(9, vec![0])]), 4)
}
