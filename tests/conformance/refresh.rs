//! RFC 2918, 7313: asking for routes again.

use anyhow::{Result, ensure};
use testkit::frame::OPEN;

use crate::clause::{Clause, clause};
use crate::lab::{Lab, ORIGINATED, Router, is_alive, refused};
use crate::wire::{
    ROUTE_REFRESH, announced, capabilities, message, parts, read_until, refresh, update,
};

pub(crate) const CLAUSES: &[Clause] = &[
    clause!(rfc2918_s4_sends_again, "A request brings all routes of the family again"),
    clause!(
        rfc2918_s4_requests_in_a_row,
        "Requests in a row are all served, none ends the session"
    ),
    clause!(
        rfc2918_s4_family_not_negotiated,
        "A request for a family that was not negotiated is ignored"
    ),
    clause!(rfc7313_s5_unknown_subtype, "An unknown subtype is ignored, whatever its length"),
    clause!(rfc7313_s5_wrong_length, "BoRR or EoRR of other than 4 octets: 7/1, data the message"),
    clause!(rfc7313_s3_capability, "Enhanced route refresh is offered"),
    clause!(
        rfc7313_s4_bracketed,
        "To who offers it too: BoRR, the routes, EoRR; to others the routes alone"
    ),
    clause!(
        rfc7313_s4_sweep,
        "What does not come between the neighbour's BoRR and EoRR goes, the rest stays"
    ),
    clause!(rfc7313_s4_end_without_beginning, "EoRR without BoRR is ignored"),
    clause!(
        rfc5291_s6_filters_not_negotiated,
        "A request with filters that were not negotiated is a request (CVE-2023-41360, FRR 22828)"
    ),
];

fn rfc2918_s4_sends_again(lab: &Lab) -> Result<()> {
    let mut session = lab.peer()?.up()?;
    for _ in 0..2 {
        session.send(&refresh(1, 0, 1))?;
        let attributes = announced(&mut session, &ORIGINATED)?;
        ensure!(!attributes.is_empty(), "no attributes");
    }
    Ok(())
}

fn rfc2918_s4_requests_in_a_row(lab: &Lab) -> Result<()> {
    let mut session = lab.peer()?.up()?;
    session.send(&refresh(1, 0, 1).repeat(200))?;
    announced(&mut session, &ORIGINATED)?;
    is_alive(&mut session)
}

fn ignored(lab: &Lab, octets: &[u8]) -> Result<()> {
    let mut session = lab.peer()?.up()?;
    session.send(octets)?;
    is_alive(&mut session)
}

fn rfc2918_s4_family_not_negotiated(lab: &Lab) -> Result<()> {
    for (afi, safi) in [(1, 4), (2, 128), (25, 70), (0, 0)] {
        ignored(lab, &refresh(afi, 0, safi))?;
    }
    Ok(())
}

fn rfc7313_s5_unknown_subtype(lab: &Lab) -> Result<()> {
    ignored(lab, &refresh(1, 3, 1))?;
    ignored(lab, &message(5, &[0, 1, 255, 1, 9, 9, 9]))
}

fn rfc7313_s5_wrong_length(lab: &Lab) -> Result<()> {
    for subtype in [1, 2] {
        let peer = lab.peer()?;
        let mut session = peer.up_as(&peer.open().and(70, &[]))?;
        let wrong = message(5, &[0, 1, subtype, 1, 0]);
        session.send(&wrong)?;
        refused(&mut session, 7, 1, &wrong)?;
    }
    Ok(())
}

fn rfc7313_s4_end_without_beginning(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.up_as(&peer.open().and(70, &[]))?;
    session.send(&refresh(1, 2, 1))?;
    is_alive(&mut session)
}

fn rfc5291_s6_filters_not_negotiated(lab: &Lab) -> Result<()> {
    // Immediate, prefix filter, add one entry; then one whose header runs past the end.
    for filters in [&[1, 64, 0, 7, 0, 0, 0, 0, 5, 0, 24][..], &[1, 64, 0xff, 0xff, 0], &[9]] {
        ignored(lab, &message(5, &[&[0, 1, 0, 1], filters].concat()))?;
    }
    Ok(())
}

fn rfc7313_s3_capability(lab: &Lab) -> Result<()> {
    let offered = capabilities(&lab.peer()?.connect()?.expect(OPEN)?.body)?;
    ensure!(offered.contains(&(70, vec![])), "{offered:02x?}");
    Ok(())
}

fn rfc7313_s4_bracketed(lab: &Lab) -> Result<()> {
    for able in [true, false] {
        let peer = lab.peer()?;
        let open = if able { peer.open().and(70, &[]) } else { peer.open() };
        let mut session = peer.up_as(&open)?;
        session.send(&refresh(1, 0, 1))?;
        let (mut subtypes, mut routes) = (Vec::new(), false);
        // Without brackets the next answer is the end.
        while !(routes && (!able || subtypes.len() == 2)) {
            let message = session.receive()?;
            ensure!(message.kind != 3, "NOTIFICATION {:02x?}", message.body);
            if message.kind == ROUTE_REFRESH {
                ensure!(message.body[..2] == [0, 1] && message.body[3] == 1, "{message:02x?}");
                ensure!(routes != subtypes.is_empty(), "routes outside of the brackets");
                subtypes.push(message.body[2]);
            } else if message.kind == 2 {
                routes |= parts(&message.body)?.2 == ORIGINATED;
            }
        }
        ensure!(subtypes == if able { vec![1, 2] } else { vec![] }, "{subtypes:?}");
    }
    Ok(())
}

fn rfc7313_s4_sweep(lab: &Lab) -> Result<()> {
    let passive = ["passive: true"];
    let peer = lab.peer_of(Router::Transit, 65100, &passive)?;
    let mut watching = lab.peer_of(Router::Transit, 65200, &passive)?.up()?;
    let mut session = peer.up_as(&peer.open().and(70, &[]))?;
    let stays = peer.prefix();
    let goes = [&[24, 22][..], &stays[2..]].concat();
    for prefix in [&stays, &goes] {
        session.send(&update(&[], &peer.mandatory(), prefix))?;
        announced(&mut watching, prefix)?;
    }
    let again = update(&[], &peer.mandatory(), &stays);
    session.send(&[refresh(1, 1, 1), again, refresh(1, 2, 1)].concat())?;
    read_until(&mut watching, |body| {
        let gone = parts(body)?.0;
        let holds = |prefix: &[u8]| gone.windows(prefix.len()).any(|w| w == prefix);
        ensure!(!holds(&stays), "the route that came again went");
        Ok(holds(&goes).then_some(()))
    })
}
