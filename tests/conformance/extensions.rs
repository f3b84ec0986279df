//! Capabilities beyond RFC 4271, and what they change on the wire.

use anyhow::{Context as _, Result, ensure};
use testkit::frame::OPEN;

use crate::clause::{Clause, clause};
use crate::lab::{AS, Lab, ORIGINATED, PEER_AS, Peer, Router, is_alive, refused};
use crate::wire::{
    WELL_KNOWN, announced, as_path, attribute, capabilities, claiming, find, keepalive, update,
    withdrawn,
};

pub(crate) const CLAUSES: &[Clause] = &[
    clause!(rfc4271_s5_1_2_prepend, "To outside: our AS in front of the path, no LOCAL_PREF"),
    clause!(rfc4271_s5_1_5_local_pref, "To inside: the path as it was, LOCAL_PREF always there"),
    clause!(rfc4271_s5_1_4_med, "MULTI_EXIT_DISC of a neighbour AS does not go to a third"),
    clause!(
        rfc4271_s9_2_1_1_duplicates,
        "A route announced again without a change is not sent on again"
    ),
    clause!(
        rfc6793_s4_2_2_to_old_speaker,
        "To a two-octet speaker: AS_TRANS in AS_PATH, and AS4_PATH"
    ),
    clause!(rfc6793_s4_2_3_from_old_speaker, "From one: AS_PATH and AS4_PATH are merged"),
    clause!(rfc4724_s2_end_of_rib, "End-of-RIB for each family after the initial routes"),
    clause!(rfc8654_s4_long_update, "Once both offered, an UPDATE over 4096 octets is taken"),
    clause!(
        rfc8654_s4_only_offered_by_us,
        "Who offered takes long messages even if the other did not"
    ),
    clause!(rfc8654_s4_open_and_keepalive, "KEEPALIVE stays at 19 octets: 1/2"),
    clause!(rfc7911_s4_receive, "Two paths with identifiers; each is withdrawn by its own"),
    clause!(rfc7911_s4_not_negotiated, "Without it NLRI is plain: identifiers would be prefixes"),
    clause!(rfc8950_s4_capability, "IPv4 over IPv6 next hops is offered as 1/1/2"),
    clause!(
        rfc8950_s4_receive,
        "An IPv4 route with an IPv6 next hop of 16 octets is taken in MP_REACH_NLRI"
    ),
    clause!(
        rfc4760_s3_ipv4_in_mp_reach,
        "IPv4 in MP_REACH_NLRI is taken, and withdrawn in either field"
    ),
];

fn passive<'a>(lab: &'a Lab, asn: u32, line: &str) -> Result<Peer<'a>> {
    lab.peer_of(Router::Transit, asn, &["passive: true", line])
}

fn rfc4271_s5_1_2_prepend(lab: &Lab) -> Result<()> {
    let mut session = passive(lab, 65200, "")?.up()?;
    session.send(&crate::wire::refresh(1, 0, 1))?;
    let seen = announced(&mut session, &ORIGINATED)?;
    let path = find(&as_path(&[AS]), 2);
    ensure!(find(&seen, 2) == path, "{seen:02x?}");
    ensure!(find(&seen, 5).is_none(), "LOCAL_PREF: {seen:02x?}");
    Ok(())
}

fn rfc4271_s5_1_5_local_pref(lab: &Lab) -> Result<()> {
    let (peer, inside) = (passive(lab, PEER_AS, "")?, lab.internal(Router::Transit)?);
    let mut watching = inside.up()?;
    let mut session = peer.up()?;
    session.send(&update(&[], &peer.mandatory(), &peer.prefix()))?;
    let seen = announced(&mut watching, &peer.prefix())?;
    ensure!(find(&seen, 2) == find(&as_path(&[PEER_AS]), 2), "{seen:02x?}");
    ensure!(find(&seen, 5).is_some_and(|(_, v)| v == [0, 0, 0, 100]), "{seen:02x?}");
    // The next hop on the shared subnet is kept.
    ensure!(find(&seen, 3).is_some_and(|(_, v)| v == peer.address.octets()), "{seen:02x?}");
    Ok(())
}

fn rfc4271_s5_1_4_med(lab: &Lab) -> Result<()> {
    let (peer, third) = (passive(lab, PEER_AS, "")?, passive(lab, 65200, "")?);
    let mut watching = third.up()?;
    let mut session = peer.up()?;
    let attributes = [peer.mandatory(), attribute(0x80, 4, &[0, 0, 0, 7])].concat();
    session.send(&update(&[], &attributes, &peer.prefix()))?;
    let seen = announced(&mut watching, &peer.prefix())?;
    ensure!(find(&seen, 4).is_none(), "{seen:02x?}");
    Ok(())
}

fn rfc6793_s4_2_2_to_old_speaker(lab: &Lab) -> Result<()> {
    let (peer, old) = (passive(lab, 4_200_000_000, "")?, passive(lab, 65200, "")?);
    let mut watching = old.up_as(&old.open().without(65))?;
    let mut session = peer.up()?;
    session.send(&update(&[], &peer.mandatory(), &peer.prefix()))?;
    let seen = announced(&mut watching, &peer.prefix())?;
    let [a, b] = u16::try_from(AS)?.to_be_bytes();
    let (_, path) = find(&seen, 2).context("AS_PATH")?;
    ensure!(path == [2, 2, a, b, 0x5b, 0xa0], "{seen:02x?}");
    let (flags, as4) = find(&seen, 17).context("AS4_PATH")?;
    let real = [&[2, 2, 0, 0, a, b][..], &4_200_000_000_u32.to_be_bytes()].concat();
    ensure!(flags & 0xc0 == 0xc0 && as4 == real, "{seen:02x?}");
    Ok(())
}

fn rfc6793_s4_2_3_from_old_speaker(lab: &Lab) -> Result<()> {
    let (old, new) = (passive(lab, PEER_AS, "")?, passive(lab, 65200, "")?);
    let mut watching = new.up()?;
    let mut session = old.up_as(&old.open().without(65))?;
    let attributes = [
        attribute(WELL_KNOWN, 1, &[0]),
        attribute(WELL_KNOWN, 2, &[2, 2, 0xfe, 0x4c, 0x5b, 0xa0]),
        attribute(WELL_KNOWN, 3, &old.address.octets()),
        attribute(0xc0, 17, &[2, 1, 0, 9, 0, 1]),
    ];
    session.send(&update(&[], &attributes.concat(), &old.prefix()))?;
    let seen = announced(&mut watching, &old.prefix())?;
    ensure!(find(&seen, 2) == find(&as_path(&[AS, PEER_AS, 0x0009_0001]), 2), "{seen:02x?}");
    ensure!(find(&seen, 17).is_none(), "AS4_PATH goes on: {seen:02x?}");
    Ok(())
}

fn rfc4724_s2_end_of_rib(lab: &Lab) -> Result<()> {
    let mut session = lab.peer()?.open_confirm()?;
    session.send(&keepalive())?;
    let mut missing = vec![1, 2];
    while !missing.is_empty() {
        let message = session.receive()?;
        ensure!(message.kind != 3, "NOTIFICATION {:02x?}", message.body);
        missing.retain(|afi| !crate::wire::is_end_of_rib(&message, *afi));
    }
    is_alive(&mut session)
}

/// An UPDATE of about 6000 octets.
fn long_update(peer: &Peer<'_>) -> Vec<u8> {
    let communities = attribute(0xc0, 8, &[0xfe, 0x4c, 0, 1].repeat(1500));
    update(&[], &[peer.mandatory(), communities].concat(), &peer.prefix())
}

fn rfc8654_s4_long_update(lab: &Lab) -> Result<()> {
    let (peer, third) = (passive(lab, PEER_AS, "")?, passive(lab, 65200, "")?);
    let mut watching = third.up_as(&third.open().and(6, &[]))?;
    let mut session = peer.up_as(&peer.open().and(6, &[]))?;
    session.send(&long_update(&peer))?;
    let seen = announced(&mut watching, &peer.prefix())?;
    ensure!(find(&seen, 8).is_some(), "no communities");
    is_alive(&mut session)
}

fn rfc8654_s4_only_offered_by_us(lab: &Lab) -> Result<()> {
    let peer = passive(lab, PEER_AS, "")?;
    let mut session = peer.up()?;
    session.send(&long_update(&peer))?;
    is_alive(&mut session)
}

fn rfc8654_s4_open_and_keepalive(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.up_as(&peer.open().and(6, &[]))?;
    session.send(&claiming(5000, 4))?;
    refused(&mut session, 1, 2, &5000_u16.to_be_bytes())
}

fn rfc7911_s4_not_negotiated(lab: &Lab) -> Result<()> {
    let peer = passive(lab, PEER_AS, "")?;
    let mut session = peer.up()?;
    // Identifier 33 in front: read as a prefix of 0, 0, 0 and then one of 33 bits.
    let nlri = [&[0, 0, 0, 33][..], &peer.prefix()].concat();
    session.send(&update(&[], &peer.mandatory(), &nlri))?;
    refused(&mut session, 3, 10, &[])
}

fn rfc8950_s4_capability(lab: &Lab) -> Result<()> {
    let peer = passive(lab, PEER_AS, "extendedNextHop: true")?;
    let open = peer.connect()?.expect(OPEN)?;
    let offered = capabilities(&open.body)?;
    ensure!(offered.contains(&(5, vec![0, 1, 0, 1, 0, 2])), "{offered:?}");
    Ok(())
}

fn rfc8950_s4_receive(lab: &Lab) -> Result<()> {
    let peer = passive(lab, PEER_AS, "extendedNextHop: true")?;
    let mut session = peer.up_as(&peer.open().and(5, &[0, 1, 0, 1, 0, 2]))?;
    let next_hop = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    let reach = [&[0, 1, 1, 16][..], &next_hop, &[0], &peer.prefix()].concat();
    let path = [attribute(WELL_KNOWN, 1, &[0]), as_path(&[PEER_AS])].concat();
    session.send(&update(&[], &[path, attribute(0x80, 14, &reach)].concat(), &[]))?;
    is_alive(&mut session)?;
    let routes = lab.show("routes")?;
    let [_, a, b, c] = peer.prefix()[..] else { anyhow::bail!("a prefix of 24 bits") };
    let wanted = format!("{a}.{b}.{c}.0/24");
    let route = routes.iter().find(|r| r["prefix"].as_str() == Some(&wanted));
    let route = route.with_context(|| format!("{wanted} is not shown"))?.to_string();
    ensure!(route.contains("2001:db8::1"), "{route}");
    Ok(())
}

fn rfc4760_s3_ipv4_in_mp_reach(lab: &Lab) -> Result<()> {
    let (peer, third) = (passive(lab, PEER_AS, "")?, passive(lab, 65200, "")?);
    let mut watching = third.up()?;
    let mut session = peer.up()?;
    let address = peer.address.octets();
    let reach = [&[0, 1, 1, 4][..], &address, &[0], &peer.prefix()].concat();
    let path = [attribute(WELL_KNOWN, 1, &[0]), as_path(&[PEER_AS])].concat();
    let announce = update(&[], &[path, attribute(0x80, 14, &reach)].concat(), &[]);
    let unreach = attribute(0x80, 15, &[&[0, 1, 1][..], &peer.prefix()].concat());
    for withdraw in [update(&peer.prefix(), &[], &[]), update(&[], &unreach, &[])] {
        session.send(&announce)?;
        announced(&mut watching, &peer.prefix())?;
        session.send(&withdraw)?;
        withdrawn(&mut watching, &peer.prefix())?;
    }
    is_alive(&mut session)
}

fn rfc7911_s4_receive(lab: &Lab) -> Result<()> {
    let peer = passive(lab, PEER_AS, "addPaths: {receive: true}")?;
    let third = passive(lab, 65200, "")?;
    let mut watching = third.up()?;
    let mut session = peer.up_as(&peer.open().and(69, &[0, 1, 1, 2]))?;
    let with_id = |id: u8| [&[0, 0, 0, id][..], &peer.prefix()].concat();
    let longer = [peer.mandatory()[..4].to_vec(), as_path(&[PEER_AS, 65300])].concat();
    let longer = [longer, attribute(WELL_KNOWN, 3, &peer.address.octets())].concat();
    session.send(&update(&[], &longer, &with_id(2)))?;
    announced(&mut watching, &peer.prefix())?;
    session.send(&update(&[], &peer.mandatory(), &with_id(1)))?;
    let seen = announced(&mut watching, &peer.prefix())?;
    ensure!(find(&seen, 2) == find(&as_path(&[AS, PEER_AS]), 2), "{seen:02x?}");
    session.send(&update(&with_id(1), &[], &[]))?;
    let seen = announced(&mut watching, &peer.prefix())?;
    ensure!(find(&seen, 2) == find(&as_path(&[AS, PEER_AS, 65300]), 2), "{seen:02x?}");
    session.send(&update(&with_id(2), &[], &[]))?;
    withdrawn(&mut watching, &peer.prefix())
}

fn rfc4271_s9_2_1_1_duplicates(lab: &Lab) -> Result<()> {
    let (peer, third) = (passive(lab, PEER_AS, "")?, passive(lab, 65200, "")?);
    let mut watching = third.up()?;
    let mut session = peer.up()?;
    let next = [&[24, 23][..], &peer.prefix()[2..]].concat();
    let route = update(&[], &peer.mandatory(), &peer.prefix());
    session.send(&route)?;
    announced(&mut watching, &peer.prefix())?;
    session.send(&[route.clone(), route, update(&[], &peer.mandatory(), &next)].concat())?;
    crate::wire::read_until(&mut watching, |body| {
        let (_, _, nlri) = crate::wire::parts(body)?;
        let holds = |prefix: &[u8]| nlri.windows(prefix.len()).any(|w| w == prefix);
        ensure!(!holds(&peer.prefix()), "sent again");
        Ok(holds(&next).then_some(()))
    })
}
