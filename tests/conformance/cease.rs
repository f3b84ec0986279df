//! RFC 4486, 9003 (8203): what we say when we end a session on purpose, and what we make of theirs.

use anyhow::{Result, ensure};
use testkit::wait;

use crate::clause::{Clause, clause};
use crate::lab::{Lab, PEER_AS, Router, closed_without_a_word, is_alive, refused};
use crate::wire::{notification, update};

pub(crate) const CLAUSES: &[Clause] = &[
    clause!(rfc4486_s4_administrative_shutdown, "A peer that is shut down: 6/2"),
    clause!(rfc9003_s2_shutdown_communication, "With a reason: its length in octets and its UTF-8"),
    clause!(rfc9003_s2_longest_communication, "Up to 255 octets are sent, whole characters"),
    clause!(rfc4486_s4_peer_deconfigured, "A peer that is removed: 6/3"),
    clause!(
        rfc4486_s4_connection_rejected,
        "A connection while the peer is shut down is closed before any OPEN; 6/5 is optional and not sent"
    ),
    clause!(rfc4486_s4_other_configuration_change, "A change that needs a new session: 6/6"),
    clause!(
        rfc4271_s8_2_2_change_without_reset,
        "A change that needs none leaves the session alone"
    ),
    clause!(rfc4486_s4_maximum_prefixes, "More prefixes than the bound: 6/1 with family and bound"),
    clause!(
        rfc4271_s6_7_maximum_prefixes_warning,
        "Where only a warning is wanted, more prefixes end nothing"
    ),
    clause!(
        rfc4271_s6_7_maximum_prefixes_restart,
        "After the time that is set, the neighbour is taken again"
    ),
    clause!(
        rfc4486_s4_administrative_reset,
        "A session that is cleared: 6/4 with the reason, and a new start"
    ),
    clause!(rfc9003_s2_received_communication, "A received reason is shown to the operator"),
    clause!(
        rfc9003_s2_received_malformed,
        "A malformed one (length, UTF-8, none at all) ends the session like any other (CVE-2019-16159)"
    ),
    clause!(
        rfc4486_s4_received_subcodes,
        "Every Cease closes without an answer, and the neighbour may come back"
    ),
    Clause::not_testable(
        "rfc4486_s4_out_of_resources",
        "Out of resources: 6/8",
        "nothing a test can use up; the message is proven in `bgp-fsm`",
    ),
];

const PASSIVE: &str = "passive: true";

fn rfc4486_s4_administrative_shutdown(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.up()?;
    peer.configure(&[PASSIVE, "shutdown: {}"])?;
    refused(&mut session, 6, 2, &[])
}

fn shut_down_with(lab: &Lab, text: &str) -> Result<Vec<u8>> {
    let peer = lab.peer()?;
    let mut session = peer.up()?;
    peer.configure(&[PASSIVE, &format!("shutdown: {{reason: \"{text}\"}}")])?;
    let (code, subcode, data) = session.notification()?;
    ensure!((code, subcode) == (6, 2), "{code}/{subcode}");
    session.expect_end()?;
    Ok(data)
}

fn rfc9003_s2_shutdown_communication(lab: &Lab) -> Result<()> {
    let text = "Wartung \u{fc}ber Nacht";
    let data = shut_down_with(lab, text)?;
    let expected = [&[u8::try_from(text.len())?][..], text.as_bytes()].concat();
    ensure!(data == expected, "{data:02x?}");
    Ok(())
}

fn rfc9003_s2_longest_communication(lab: &Lab) -> Result<()> {
    // 255 octets: one of one octet, 127 of two.
    let text = format!("x{}", "\u{fc}".repeat(127));
    let data = shut_down_with(lab, &text)?;
    ensure!(data[0] == 255 && &data[1..] == text.as_bytes(), "{data:02x?}");
    Ok(())
}

fn rfc4486_s4_peer_deconfigured(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.up()?;
    peer.deconfigure()?;
    refused(&mut session, 6, 3, &[])
}

fn rfc4486_s4_connection_rejected(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.up()?;
    peer.configure(&[PASSIVE, "shutdown: {reason: \"later\"}"])?;
    session.notification()?;
    session.expect_end()?;
    peer.dial()?.expect_end()
}

fn rfc4486_s4_other_configuration_change(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.up()?;
    peer.configure(&[PASSIVE, "holdTime: 30s"])?;
    refused(&mut session, 6, 6, &[])?;
    is_alive(&mut peer.up()?)
}

fn rfc4271_s8_2_2_change_without_reset(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.up()?;
    peer.configure(&[PASSIVE, "description: another"])?;
    wait::eventually("the change is seen", || {
        let shown = peer.shown()?.to_string();
        ensure!(shown.contains("another"), "{shown}");
        Ok(())
    })?;
    is_alive(&mut session)
}

fn rfc4486_s4_maximum_prefixes(lab: &Lab) -> Result<()> {
    let limit = "maximumPrefix: {limit: 2, action: shutdown}";
    let peer = lab.peer_of(Router::Fabric, PEER_AS, &[PASSIVE, limit])?;
    let mut session = peer.up()?;
    let three = [&[24, 20, 200, 1][..], &[24, 20, 200, 2], &[24, 20, 200, 3]].concat();
    session.send(&update(&[], &peer.mandatory(), &three))?;
    refused(&mut session, 6, 1, &[0, 1, 1, 0, 0, 0, 2])
}

fn rfc9003_s2_received_communication(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.up()?;
    session.send(&notification(6, 2, b"\x0bmaintenance"))?;
    closed_without_a_word(&mut session)?;
    wait::eventually("the reason is shown", || {
        let shown = peer.shown()?.to_string();
        ensure!(shown.contains("maintenance"), "{shown}");
        Ok(())
    })
}

fn rfc9003_s2_received_malformed(lab: &Lab) -> Result<()> {
    let long = [&[255][..], &[b'a'; 300]].concat();
    for data in [&[][..], &[0], &[9, b'a'], &[1, b'a', b'b'], &[2, 0xff, 0xfe], &long] {
        for subcode in [2, 4] {
            let peer = lab.peer()?;
            let mut session = peer.up()?;
            session.send(&notification(6, subcode, data))?;
            closed_without_a_word(&mut session)?;
        }
    }
    Ok(())
}

fn rfc4486_s4_received_subcodes(lab: &Lab) -> Result<()> {
    for subcode in 0..=11 {
        let peer = lab.peer()?;
        let mut session = peer.up()?;
        session.send(&notification(6, subcode, &[]))?;
        closed_without_a_word(&mut session)?;
        is_alive(&mut peer.up()?)?;
    }
    Ok(())
}

fn three_prefixes(peer: &crate::lab::Peer<'_>) -> Vec<u8> {
    let three = [&[24, 20, 200, 1][..], &[24, 20, 200, 2], &[24, 20, 200, 3]].concat();
    update(&[], &peer.mandatory(), &three)
}

fn rfc4271_s6_7_maximum_prefixes_warning(lab: &Lab) -> Result<()> {
    let limit = "maximumPrefix: {limit: 2, action: warning-only}";
    let peer = lab.peer_of(Router::Fabric, PEER_AS, &[PASSIVE, limit])?;
    let mut session = peer.up()?;
    session.send(&three_prefixes(&peer))?;
    is_alive(&mut session)
}

fn rfc4271_s6_7_maximum_prefixes_restart(lab: &Lab) -> Result<()> {
    let limit = "maximumPrefix: {limit: 2, action: restart, restartAfter: 2s}";
    let peer = lab.peer_of(Router::Fabric, PEER_AS, &[PASSIVE, limit])?;
    let mut session = peer.up()?;
    session.send(&three_prefixes(&peer))?;
    refused(&mut session, 6, 1, &[0, 1, 1, 0, 0, 0, 2])?;
    wait::eventually("the neighbour is taken again", || is_alive(&mut peer.up()?))
}

fn rfc4486_s4_administrative_reset(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.up()?;
    peer.command("clear peer NAME --reason maintenance")?;
    refused(&mut session, 6, 4, b"\x0bmaintenance")?;
    is_alive(&mut peer.up()?)
}
