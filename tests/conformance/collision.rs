//! RFC 4271 section 6.8, RFC 6286 section 2.3: two connections between the same two speakers.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use testkit::frame::{KEEPALIVE, OPEN};
use testkit::script::Session;

use crate::clause::{Clause, clause};
use crate::lab::{Lab, PEER_AS, Peer, Router, is_alive, refused};
use crate::wire::{Open, keepalive};

pub(crate) const CLAUSES: &[Clause] = &[
    clause!(
        rfc4271_s6_8_higher_identifier_theirs,
        "Both in OpenConfirm, their identifier is higher: their connection stays, ours gets 6/7"
    ),
    clause!(
        rfc4271_s6_8_higher_identifier_ours,
        "Our identifier is higher: ours stays, theirs gets 6/7"
    ),
    clause!(rfc4271_s6_8_unsigned_comparison, "Identifiers are compared as unsigned numbers"),
    clause!(
        rfc6286_s2_3_equal_identifiers,
        "Equal identifiers: the higher AS keeps its connection"
    ),
    clause!(
        rfc4271_s6_8_established_wins,
        "A new connection beside an Established session gets 6/7; the session stays"
    ),
    clause!(
        rfc4271_s6_8_open_sent_is_no_collision,
        "The other in OpenSent: no collision yet, both go on"
    ),
    clause!(
        rfc4271_s6_8_established_while_open_sent,
        "One gets Established while the other is in OpenSent: that gets 6/7"
    ),
];

/// The two connections, each with the daemon's OPEN read.
struct Pair<'a> {
    peer: Peer<'a>,
    /// The daemon's.
    theirs: Session,
    /// The neighbour's.
    ours: Session,
}

fn pair(lab: &Lab) -> Result<Pair<'_>> {
    let peer = lab.stranger(Router::Fabric, PEER_AS);
    let listener = peer.listen()?;
    peer.configure(&["passive: false"])?;
    let mut theirs = Session::new(listener.accept()?.0)?;
    theirs.expect(OPEN)?;
    let ours = peer.open_sent()?;
    Ok(Pair { peer, theirs, ours })
}

/// Both get the OPEN; which one stays?
fn collide(lab: &Lab, id: Ipv4Addr, daemons_stays: bool) -> Result<()> {
    for daemons_first in [true, false] {
        let Pair { peer, theirs, ours } = pair(lab)?;
        let open = Open { id, ..peer.open() }.octets();
        let (mut first, mut second) = if daemons_first { (theirs, ours) } else { (ours, theirs) };
        first.send(&open)?;
        first.expect(KEEPALIVE)?;
        second.send(&open)?;
        let first_stays = daemons_first == daemons_stays;
        let (stays, goes) = if first_stays {
            (&mut first, &mut second)
        } else {
            second.expect(KEEPALIVE)?;
            (&mut second, &mut first)
        };
        refused(goes, 6, 7, &[])?;
        stays.send(&keepalive())?;
        is_alive(stays)?;
    }
    Ok(())
}

fn rfc4271_s6_8_higher_identifier_theirs(lab: &Lab) -> Result<()> {
    collide(lab, Ipv4Addr::new(10, 99, 200, 1), false)
}

fn rfc4271_s6_8_higher_identifier_ours(lab: &Lab) -> Result<()> {
    collide(lab, Ipv4Addr::new(9, 255, 255, 255), true)
}

fn rfc4271_s6_8_unsigned_comparison(lab: &Lab) -> Result<()> {
    collide(lab, Ipv4Addr::new(250, 0, 0, 1), false)
}

fn rfc6286_s2_3_equal_identifiers(lab: &Lab) -> Result<()> {
    ensure!(PEER_AS > crate::lab::AS, "the test's own numbers");
    collide(lab, Router::Fabric.id(), false)
}

fn rfc4271_s6_8_established_wins(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.up()?;
    // Refused before any OPEN, whoever has the higher identifier.
    let mut second = peer.connect()?;
    refused(&mut second, 6, 7, &[])?;
    is_alive(&mut session)
}

fn rfc4271_s6_8_open_sent_is_no_collision(lab: &Lab) -> Result<()> {
    let Pair { peer, mut theirs, mut ours } = pair(lab)?;
    let open = Open { id: Ipv4Addr::new(1, 1, 1, 1), ..peer.open() };
    ours.send(&open.octets())?;
    // It would lose, but the other has had no OPEN: it goes on, and the other still can.
    ours.expect(KEEPALIVE)?;
    theirs.send(&open.octets())?;
    theirs.expect(KEEPALIVE)?;
    refused(&mut ours, 6, 7, &[])
}

fn rfc4271_s6_8_established_while_open_sent(lab: &Lab) -> Result<()> {
    let Pair { peer, mut theirs, mut ours } = pair(lab)?;
    theirs.send(&[peer.open().octets(), keepalive()].concat())?;
    theirs.expect(KEEPALIVE)?;
    refused(&mut ours, 6, 7, &[])?;
    is_alive(&mut theirs)
}
