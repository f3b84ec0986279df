//! RFC 4271 section 6.2: what an OPEN may say, and what we say in ours.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use testkit::frame::{KEEPALIVE, OPEN};

use crate::clause::{Clause, clause};
use crate::lab::{AS, Lab, PEER_AS, Peer, Router, is_alive, refused};
use crate::wire::{Open, capabilities};

pub(crate) const CLAUSES: &[Clause] = &[
    clause!(
        rfc4271_s4_2_our_open,
        "Version 4, our AS, hold time and identifier; the configured families"
    ),
    clause!(rfc4271_s6_2_version, "A version other than 4: 2/1, data the version we speak"),
    clause!(rfc4271_s6_2_bad_peer_as, "An AS that is not the configured one: 2/2"),
    clause!(rfc4271_s6_2_bad_peer_as_four_octets, "The same when only the four-octet AS differs"),
    clause!(rfc7607_s2_open_with_as_0, "AS 0, in either place: 2/2"),
    clause!(rfc4271_s6_2_unacceptable_hold_time, "Hold time 1 or 2: 2/6"),
    clause!(rfc4271_s6_2_hold_time_0_3_65535, "Hold times 0, 3 and 65535 are taken"),
    clause!(rfc4271_s6_2_identifier_0, "Identifier 0.0.0.0: 2/3"),
    clause!(
        rfc6286_s2_2_identifier_of_ours_inside,
        "Our identifier from a neighbour in our AS: 2/3"
    ),
    clause!(rfc6286_s2_1_identifier_of_ours_outside, "Our identifier from another AS is fine"),
    clause!(
        rfc6286_s2_1_any_identifier,
        "Any other number is an identifier: multicast, class E, 255.255.255.255"
    ),
    clause!(rfc4271_s6_2_order_of_faults, "Of several faults the first of the section is told"),
    clause!(rfc6793_s4_1_as_trans, "A four-octet AS comes as AS_TRANS and the capability"),
    clause!(
        rfc6793_s4_1_old_speaker,
        "A neighbour without the capability is taken by its two octets"
    ),
    clause!(
        rfc6793_s9_as_trans_is_no_as,
        "AS_TRANS without the capability is no configured AS: 2/2"
    ),
    clause!(
        rfc4271_s6_2_refused_then_taken,
        "A refused neighbour may come back, and is taken when it is right"
    ),
];

/// An OPEN and its refusal, with nothing else before the end.
fn refusal(peer: &Peer<'_>, open: &Open, subcode: u8, data: &[u8]) -> Result<()> {
    let mut session = peer.open_sent()?;
    session.send(&open.octets())?;
    refused(&mut session, 2, subcode, data)
}

/// An OPEN that leads to a session.
fn taken(peer: &Peer<'_>, open: &Open) -> Result<()> {
    is_alive(&mut peer.up_as(open)?)
}

fn rfc4271_s4_2_our_open(lab: &Lab) -> Result<()> {
    let mut session = lab.peer()?.connect()?;
    let open = session.expect(OPEN)?;
    let id = Router::Fabric.id().octets();
    let [high, low] = u16::try_from(AS)?.to_be_bytes();
    let fixed = [&[4, high, low, 0, 90][..], &id].concat();
    ensure!(open.body[..9] == fixed, "{:02x?}", open.body);
    let offered = capabilities(&open.body)?;
    let has = |code: u8, value: &[u8]| offered.iter().any(|(c, v)| (*c, &v[..]) == (code, value));
    ensure!(has(1, &[0, 1, 0, 1]), "IPv4 unicast: {offered:?}");
    ensure!(has(1, &[0, 2, 0, 1]), "IPv6 unicast: {offered:?}");
    ensure!(has(2, &[]), "route refresh: {offered:?}");
    ensure!(has(65, &AS.to_be_bytes()), "four-octet AS: {offered:?}");
    Ok(())
}

fn rfc4271_s6_2_version(lab: &Lab) -> Result<()> {
    for version in [0, 3, 5, 255] {
        let peer = lab.peer()?;
        refusal(&peer, &Open { version, ..peer.open() }, 1, &[0, 4])?;
    }
    Ok(())
}

fn rfc4271_s6_2_bad_peer_as(lab: &Lab) -> Result<()> {
    for wrong in [PEER_AS + 1, AS, 1] {
        let peer = lab.peer()?;
        refusal(&peer, &Open::new(wrong, peer.address), 2, &[])?;
    }
    Ok(())
}

fn rfc4271_s6_2_bad_peer_as_four_octets(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let other = (PEER_AS + (1 << 16)).to_be_bytes();
    refusal(&peer, &peer.open().without(65).and(65, &other), 2, &[])
}

fn rfc7607_s2_open_with_as_0(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    refusal(&peer, &Open { my_as: 0, ..peer.open() }, 2, &[])?;
    let peer = lab.peer()?;
    refusal(&peer, &peer.open().without(65).and(65, &[0; 4]), 2, &[])
}

fn rfc4271_s6_2_unacceptable_hold_time(lab: &Lab) -> Result<()> {
    for hold in [1, 2] {
        let peer = lab.peer()?;
        refusal(&peer, &peer.open().hold(hold), 6, &[])?;
    }
    Ok(())
}

fn rfc4271_s6_2_hold_time_0_3_65535(lab: &Lab) -> Result<()> {
    for hold in [0, 3, 65535] {
        let peer = lab.peer()?;
        taken(&peer, &peer.open().hold(hold))?;
    }
    Ok(())
}

fn rfc4271_s6_2_identifier_0(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    refusal(&peer, &Open { id: Ipv4Addr::UNSPECIFIED, ..peer.open() }, 3, &[])
}

fn rfc6286_s2_2_identifier_of_ours_inside(lab: &Lab) -> Result<()> {
    let peer = lab.internal(Router::Fabric)?;
    refusal(&peer, &Open { id: Router::Fabric.id(), ..peer.open() }, 3, &[])
}

fn rfc6286_s2_1_identifier_of_ours_outside(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    taken(&peer, &Open { id: Router::Fabric.id(), ..peer.open() })
}

fn rfc6286_s2_1_any_identifier(lab: &Lab) -> Result<()> {
    for id in [1, 0x7f00_0001, 0xe000_0001, 0xf000_0001, u32::MAX] {
        let peer = lab.peer()?;
        taken(&peer, &Open { id: Ipv4Addr::from(id), ..peer.open() })?;
    }
    Ok(())
}

fn rfc4271_s6_2_order_of_faults(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut open = Open { id: Ipv4Addr::UNSPECIFIED, ..Open::new(1, peer.address) }.hold(1);
    refusal(&peer, &Open { version: 3, ..open.clone() }, 1, &[0, 4])?;
    let peer = lab.peer()?;
    refusal(&peer, &Open { my_as: 0, ..open.clone() }, 2, &[])?;
    open = Open { id: open.id, ..peer.open() }.hold(1);
    let peer = lab.peer()?;
    refusal(&peer, &open, 6, &[])
}

fn rfc6793_s4_1_as_trans(lab: &Lab) -> Result<()> {
    let peer = lab.peer_of(Router::Fabric, 4_200_000_000, &["passive: true"])?;
    let open = peer.open();
    ensure!(open.my_as == 23456, "the test's own OPEN");
    taken(&peer, &open)
}

fn rfc6793_s4_1_old_speaker(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    taken(&peer, &peer.open().without(65))
}

fn rfc6793_s9_as_trans_is_no_as(lab: &Lab) -> Result<()> {
    let peer = lab.peer_of(Router::Fabric, 4_200_000_000, &["passive: true"])?;
    refusal(&peer, &peer.open().without(65), 2, &[])
}

fn rfc4271_s6_2_refused_then_taken(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    refusal(&peer, &Open::new(1, peer.address), 2, &[])?;
    // It is held back for a while, and then welcome.
    testkit::wait::eventually("the neighbour is taken again", || {
        let mut session = peer.open_sent()?;
        session.send(&peer.open().octets())?;
        session.expect(KEEPALIVE)
    })
    .map(drop)
}
