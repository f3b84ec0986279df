//! What two neighbours are to each other: roles (RFC 9234), policies (RFC 8212), reflection
//! (RFC 4456), TTL security (RFC 5082).

use anyhow::{Context as _, Result, ensure};
use testkit::frame::OPEN;
use testkit::wait;

use crate::clause::{Clause, clause};
use crate::lab::{AS, Lab, ORIGINATED, PEER_AS, Peer, Router, refused};
use crate::wire::{
    WELL_KNOWN, announced, attribute, capabilities, find, parts, read_until, refresh, update,
};

pub(crate) const CLAUSES: &[Clause] = &[
    clause!(rfc9234_s4_1_capability, "A configured role is offered, to another AS only"),
    clause!(
        rfc9234_s4_2_pairs,
        "Provider and customer, route server and client, peer and peer: a session"
    ),
    clause!(rfc9234_s4_2_mismatch, "Any other pair: 2/11"),
    clause!(
        rfc9234_s4_2_conflicting_roles,
        "Several roles that differ: 2/11; the same one twice is fine"
    ),
    clause!(rfc9234_s4_2_no_role, "A neighbour without a role: a session, but 2/11 in strict mode"),
    clause!(rfc9234_s5_otc_added, "To a customer: OTC with our AS is added if there is none"),
    clause!(rfc9234_s5_otc_not_to_provider, "A route with OTC is not sent to a provider"),
    clause!(rfc9234_s5_leak_from_customer, "A route with OTC from a customer is not used"),
    clause!(
        rfc5082_s3_low_ttl_is_dropped,
        "With TTL security a neighbour is heard with TTL 255, and not with 64"
    ),
    clause!(rfc8212_s3_export_nothing, "Without a policy nothing is announced to another AS"),
    clause!(rfc8212_s3_import_nothing, "Without a policy nothing of another AS is used"),
    clause!(rfc8212_s3_internal, "Inside the AS no policy is needed"),
    clause!(
        rfc4456_s8_reflected,
        "From a client to a client: ORIGINATOR_ID, CLUSTER_LIST, all else as it was"
    ),
    clause!(rfc4456_s6_non_clients, "From a non-client to a client, not to another non-client"),
    clause!(
        rfc4456_s8_loops,
        "Our identifier as ORIGINATOR_ID, or our cluster in CLUSTER_LIST: not used"
    ),
    clause!(rfc4456_s8_not_to_outside, "Neither attribute leaves the AS"),
];

fn with_role<'a>(lab: &'a Lab, ours: &str, strict: bool) -> Result<Peer<'a>> {
    let lines =
        ["passive: true".to_owned(), format!("role: {ours}"), format!("strictRole: {strict}")];
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    lab.peer_of(Router::Transit, PEER_AS, &lines)
}

const ROLES: [(&str, u8, u8); 5] =
    [("provider", 0, 3), ("rs", 1, 2), ("rs-client", 2, 1), ("customer", 3, 0), ("peer", 4, 4)];

fn rfc9234_s4_1_capability(lab: &Lab) -> Result<()> {
    for (name, code, _) in ROLES {
        let offered = capabilities(&with_role(lab, name, false)?.connect()?.expect(OPEN)?.body)?;
        ensure!(offered.contains(&(9, vec![code])), "{name}: {offered:02x?}");
    }
    let inside = lab.internal(Router::Fabric)?;
    let offered = capabilities(&inside.connect()?.expect(OPEN)?.body)?;
    ensure!(offered.iter().all(|(code, _)| *code != 9), "{offered:02x?}");
    Ok(())
}

fn rfc9234_s4_2_pairs(lab: &Lab) -> Result<()> {
    for (name, _, theirs) in ROLES {
        let peer = with_role(lab, name, true)?;
        peer.up_as(&peer.open().and(9, &[theirs]))?;
    }
    Ok(())
}

fn rfc9234_s4_2_mismatch(lab: &Lab) -> Result<()> {
    for (name, _, right) in ROLES {
        for theirs in (0..=5).filter(|role| *role != right) {
            let peer = with_role(lab, name, false)?;
            let mut session = peer.open_sent()?;
            session.send(&peer.open().and(9, &[theirs]).octets())?;
            refused(&mut session, 2, 11, &[]).with_context(|| format!("{name} and {theirs}"))?;
        }
    }
    Ok(())
}

fn rfc9234_s4_2_conflicting_roles(lab: &Lab) -> Result<()> {
    let peer = with_role(lab, "provider", false)?;
    let mut session = peer.open_sent()?;
    session.send(&peer.open().and(9, &[3]).and(9, &[4]).octets())?;
    refused(&mut session, 2, 11, &[])?;
    let peer = with_role(lab, "provider", false)?;
    peer.up_as(&peer.open().and(9, &[3]).and(9, &[3])).map(drop)
}

fn rfc9234_s4_2_no_role(lab: &Lab) -> Result<()> {
    with_role(lab, "provider", false)?.up()?;
    let peer = with_role(lab, "provider", true)?;
    let mut session = peer.open_sent()?;
    session.send(&peer.open().octets())?;
    refused(&mut session, 2, 11, &[])
}

/// OTC with an AS number.
fn otc(asn: u32) -> Vec<u8> {
    attribute(0xc0, 35, &asn.to_be_bytes())
}

fn rfc9234_s5_otc_added(lab: &Lab) -> Result<()> {
    let customer = with_role(lab, "provider", false)?;
    let mut session = customer.up_as(&customer.open().and(9, &[3]))?;
    session.send(&refresh(1, 0, 1))?;
    let seen = announced(&mut session, &ORIGINATED)?;
    ensure!(find(&seen, 35).is_some_and(|(_, v)| v == AS.to_be_bytes()), "{seen:02x?}");
    Ok(())
}

fn rfc9234_s5_otc_not_to_provider(lab: &Lab) -> Result<()> {
    let plain = lab.peer_of(Router::Transit, 65101, &["passive: true"])?;
    let customer = with_role(lab, "provider", false)?;
    let provider = with_role(lab, "customer", false)?;
    let mut below = customer.up_as(&customer.open().and(9, &[3]))?;
    let mut above = provider.up_as(&provider.open().and(9, &[0]))?;
    let mut session = plain.up()?;
    let attributes = [plain.mandatory(), otc(65300)].concat();
    session.send(&update(&[], &attributes, &plain.prefix()))?;
    let seen = announced(&mut below, &plain.prefix())?;
    ensure!(find(&seen, 35).is_some_and(|(_, v)| v == 65300_u32.to_be_bytes()), "{seen:02x?}");
    never_before_refresh_ends(&mut above, &plain.prefix())
}

fn rfc9234_s5_leak_from_customer(lab: &Lab) -> Result<()> {
    let watcher = lab.peer_of(Router::Transit, 65200, &["passive: true"])?;
    let mut watching = watcher.up()?;
    let customer = with_role(lab, "provider", false)?;
    let mut session = customer.up_as(&customer.open().and(9, &[3]))?;
    let attributes = [customer.mandatory(), otc(65300)].concat();
    session.send(&update(&[], &attributes, &customer.prefix()))?;
    // Read by the time the answer to this comes.
    crate::lab::is_alive(&mut session)?;
    never_before_refresh_ends(&mut watching, &customer.prefix())
}

/// `prefix` is not among the routes of a whole refresh.
fn never_before_refresh_ends(session: &mut testkit::script::Session, prefix: &[u8]) -> Result<()> {
    session.send(&refresh(1, 0, 1))?;
    read_until(session, |body| {
        let (_, _, nlri) = parts(body)?;
        ensure!(!nlri.windows(prefix.len()).any(|w| w == prefix), "the route is announced");
        Ok(nlri.windows(4).any(|w| w == ORIGINATED).then_some(()))
    })
}

fn careful(lab: &Lab) -> Result<Peer<'_>> {
    lab.peer_of(Router::Careful, PEER_AS, &["passive: true"])
}

fn rfc8212_s3_export_nothing(lab: &Lab) -> Result<()> {
    let peer = careful(lab)?;
    let mut session = peer.open_confirm()?;
    session.send(&crate::wire::keepalive())?;
    // All there is before End-of-RIB.
    loop {
        let message = session.receive()?;
        if crate::wire::is_end_of_rib(&message, 1) {
            return Ok(());
        }
        ensure!(message.kind == 4 || message.body.len() < 12, "{:02x?}", message.body);
    }
}

fn rfc8212_s3_import_nothing(lab: &Lab) -> Result<()> {
    let (peer, inside) = (careful(lab)?, lab.internal(Router::Careful)?);
    let mut watching = inside.up()?;
    let mut session = peer.up()?;
    session.send(&update(&[], &peer.mandatory(), &peer.prefix()))?;
    wait::eventually("the UPDATE is counted", || {
        let shown = peer.shown()?;
        let updates = shown["received"]["update"].as_u64();
        ensure!(updates.is_some_and(|n| n > 0), "{shown}");
        Ok(())
    })?;
    never_before_refresh_ends(&mut watching, &peer.prefix())
}

fn rfc8212_s3_internal(lab: &Lab) -> Result<()> {
    let (peer, other) = (lab.internal(Router::Careful)?, lab.internal(Router::Careful)?);
    let mut watching = other.up()?;
    watching.send(&refresh(1, 0, 1))?;
    announced(&mut watching, &ORIGINATED)?;
    // What comes from inside is used, though not passed on inside: it is shown.
    let mut session = peer.up()?;
    let [_, a, b, c] = peer.prefix()[..] else { anyhow::bail!("a prefix of 24 bits") };
    session.send(&update(&[], &inside_route(&peer), &peer.prefix()))?;
    let wanted = format!("{a}.{b}.{c}.0/24");
    wait::eventually("the route is used", || {
        let routes = lab.show("routes")?;
        let used =
            routes.iter().any(|r| r["prefix"].as_str() == Some(&wanted) && r["best"] == true);
        ensure!(used, "{wanted} is not shown as best");
        Ok(())
    })
}

/// What a neighbour inside the AS says of a route from AS 65300.
fn inside_route(peer: &Peer<'_>) -> Vec<u8> {
    let path = crate::wire::as_path(&[65300]);
    let local_pref = attribute(WELL_KNOWN, 5, &[0, 0, 0, 200]);
    let next_hop = attribute(WELL_KNOWN, 3, &peer.address.octets());
    [attribute(WELL_KNOWN, 1, &[0]), path, next_hop, local_pref].concat()
}

fn client(lab: &Lab) -> Result<Peer<'_>> {
    lab.peer_of(Router::Reflector, AS, &["passive: true", "routeReflectorClient: true"])
}

fn rfc4456_s8_reflected(lab: &Lab) -> Result<()> {
    let (from, to) = (client(lab)?, client(lab)?);
    let mut watching = to.up()?;
    let mut session = from.up()?;
    let sent = inside_route(&from);
    session.send(&update(&[], &sent, &from.prefix()))?;
    let seen = announced(&mut watching, &from.prefix())?;
    for kind in [1, 2, 3, 5] {
        ensure!(find(&seen, kind) == find(&sent, kind), "attribute {kind}: {seen:02x?}");
    }
    let value = |kind| find(&seen, kind).map(|(_, value)| value);
    ensure!(value(9) == Some(from.address.octets().to_vec()), "ORIGINATOR_ID: {seen:02x?}");
    ensure!(value(10) == Some(vec![10, 99, 0, 3]), "CLUSTER_LIST: {seen:02x?}");
    // Through another reflector before: the first stays, ours goes in front.
    let before = [attribute(0x80, 9, &[9, 9, 9, 9]), attribute(0x80, 10, &[8, 8, 8, 8])].concat();
    session.send(&update(&[], &[sent, before].concat(), &from.prefix()))?;
    let seen = announced(&mut watching, &from.prefix())?;
    let value = |kind| find(&seen, kind).map(|(_, value)| value);
    ensure!(value(9) == Some(vec![9, 9, 9, 9]), "ORIGINATOR_ID: {seen:02x?}");
    ensure!(value(10) == Some(vec![10, 99, 0, 3, 8, 8, 8, 8]), "CLUSTER_LIST: {seen:02x?}");
    Ok(())
}

fn rfc4456_s6_non_clients(lab: &Lab) -> Result<()> {
    let from = lab.internal(Router::Reflector)?;
    let (to_client, to_other) = (client(lab)?, lab.internal(Router::Reflector)?);
    let (mut of_client, mut of_other) = (to_client.up()?, to_other.up()?);
    let mut session = from.up()?;
    session.send(&update(&[], &inside_route(&from), &from.prefix()))?;
    announced(&mut of_client, &from.prefix())?;
    never_before_refresh_ends(&mut of_other, &from.prefix())
}

fn rfc4456_s8_loops(lab: &Lab) -> Result<()> {
    let (from, to) = (client(lab)?, client(lab)?);
    let mut watching = to.up()?;
    let mut session = from.up()?;
    for loops in [
        attribute(0x80, 9, &Router::Reflector.id().octets()),
        attribute(0x80, 10, &[8, 8, 8, 8, 10, 99, 0, 3]),
    ] {
        session.send(&update(&[], &inside_route(&from), &from.prefix()))?;
        announced(&mut watching, &from.prefix())?;
        let looped = [inside_route(&from), loops].concat();
        session.send(&update(&[], &looped, &from.prefix()))?;
        crate::wire::withdrawn(&mut watching, &from.prefix())?;
    }
    Ok(())
}

fn rfc4456_s8_not_to_outside(lab: &Lab) -> Result<()> {
    let from = client(lab)?;
    let outside = lab.peer_of(Router::Reflector, PEER_AS, &["passive: true"])?;
    let mut watching = outside.up()?;
    let mut session = from.up()?;
    let reflected =
        [attribute(0x80, 9, &[9, 9, 9, 9]), attribute(0x80, 10, &[8, 8, 8, 8])].concat();
    let attributes = [inside_route(&from), reflected].concat();
    session.send(&update(&[], &attributes, &from.prefix()))?;
    let seen = announced(&mut watching, &from.prefix())?;
    for kind in [5, 9, 10] {
        ensure!(find(&seen, kind).is_none(), "attribute {kind}: {seen:02x?}");
    }
    Ok(())
}

fn rfc5082_s3_low_ttl_is_dropped(lab: &Lab) -> Result<()> {
    let peer = lab.peer_of(Router::Fabric, PEER_AS, &["passive: true", "ttlSecurity: 255"])?;
    let mut session = peer.dial_with_ttl(255)?;
    session.expect(OPEN)?;
    session.send(&peer.open().octets())?;
    session.expect(testkit::frame::KEEPALIVE)?;
    drop(session);
    let peer = lab.peer_of(Router::Fabric, PEER_AS, &["passive: true", "ttlSecurity: 255"])?;
    // Our OPEN never arrives: in this time an answer would have come many times over.
    let mut session = peer.dial_with_ttl(64)?;
    session.set_patience(std::time::Duration::from_secs(3))?;
    session.send(&peer.open().octets())?;
    while let Ok(message) = session.receive() {
        ensure!(message.kind == 1, "the answer to what should not have arrived: {message:02x?}");
    }
    Ok(())
}
