//! RFC 4271 sections 4.1 and 6.1: framing, and faults in the message header.

use anyhow::Result;
use testkit::frame::KEEPALIVE;

use crate::clause::{Clause, clause};
use crate::lab::{Lab, State, is_alive, refused};
use crate::wire::{claiming, keepalive, message, update};

pub(crate) const CLAUSES: &[Clause] = &[
    clause!(rfc4271_s4_1_fragmented, "A message may arrive octet by octet"),
    clause!(rfc4271_s4_1_coalesced, "Several messages may arrive at once"),
    clause!(rfc4271_s6_1_marker_in_open_sent, "Marker not all ones: 1/1 without data, in OpenSent"),
    clause!(rfc4271_s6_1_marker_in_open_confirm, "The same in OpenConfirm"),
    clause!(rfc4271_s6_1_marker_in_established, "The same in Established"),
    clause!(rfc4271_s6_1_every_octet_of_the_marker, "Each of the 16 octets counts, each bit of it"),
    clause!(rfc4271_s6_1_length_below_19, "Length under 19: 1/2, data the length field"),
    clause!(rfc4271_s6_1_length_above_4096, "Length over 4096: 1/2, before the body has arrived"),
    clause!(rfc4271_s6_1_length_above_4096_established, "The same in Established"),
    clause!(rfc4271_s6_1_length_of_4096, "A message of exactly 4096 octets is taken"),
    clause!(rfc4271_s6_1_open_below_29, "OPEN of less than 29 octets: 1/2"),
    clause!(rfc4271_s6_1_update_below_23, "UPDATE of less than 23 octets: 1/2"),
    clause!(rfc4271_s6_1_keepalive_not_19, "KEEPALIVE of other than 19 octets: 1/2"),
    clause!(rfc4271_s6_1_notification_below_21, "NOTIFICATION of less than 21 octets: 1/2"),
    clause!(rfc4271_s6_1_route_refresh_below_23, "ROUTE-REFRESH of less than 23 octets: 1/2"),
    clause!(rfc4271_s6_1_unknown_type, "Unknown type: 1/3, data the type octet, in each state"),
    clause!(
        rfc4271_s6_1_marker_before_length,
        "Of several faults the first is told: marker, length, type"
    ),
    clause!(
        rfc4271_s6_1_fault_behind_a_good_message,
        "A fault behind good messages: those count, then 1/1"
    ),
];

fn bent(at: usize, mask: u8) -> Vec<u8> {
    let mut out = keepalive();
    out[at] ^= mask;
    out
}

/// Sends `octets` in a state: exactly this answer, and the end.
fn answer(lab: &Lab, state: State, octets: &[u8], told: (u8, u8, &[u8])) -> Result<()> {
    let mut session = lab.peer()?.in_state(state)?;
    session.send(octets)?;
    refused(&mut session, told.0, told.1, told.2)
}

fn rfc4271_s4_1_fragmented(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.open_sent()?;
    for octet in peer.open().octets() {
        session.send(&[octet])?;
    }
    session.expect(KEEPALIVE)?;
    for octet in keepalive() {
        session.send(&[octet])?;
    }
    is_alive(&mut session)
}

fn rfc4271_s4_1_coalesced(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.open_sent()?;
    let route = update(&[], &peer.mandatory(), &peer.prefix());
    let end = update(&[], &[], &[]);
    let all = [peer.open().octets(), keepalive(), route, end, keepalive(), keepalive()].concat();
    session.send(&all)?;
    session.expect(KEEPALIVE)?;
    is_alive(&mut session)
}

fn rfc4271_s6_1_marker_in_open_sent(lab: &Lab) -> Result<()> {
    answer(lab, State::OpenSent, &bent(0, 0xff), (1, 1, &[]))
}

fn rfc4271_s6_1_marker_in_open_confirm(lab: &Lab) -> Result<()> {
    answer(lab, State::OpenConfirm, &bent(7, 0xff), (1, 1, &[]))
}

fn rfc4271_s6_1_marker_in_established(lab: &Lab) -> Result<()> {
    answer(lab, State::Established, &bent(15, 0xff), (1, 1, &[]))
}

fn rfc4271_s6_1_every_octet_of_the_marker(lab: &Lab) -> Result<()> {
    for (at, bit) in (0..16).zip((0..8).cycle()) {
        answer(lab, State::OpenSent, &bent(at, 1 << bit), (1, 1, &[]))?;
    }
    Ok(())
}

fn rfc4271_s6_1_length_below_19(lab: &Lab) -> Result<()> {
    for length in [0_u16, 1, 18] {
        for state in State::ALL {
            answer(lab, state, &claiming(length, 4), (1, 2, &length.to_be_bytes()))?;
        }
    }
    Ok(())
}

fn rfc4271_s6_1_length_above_4096(lab: &Lab) -> Result<()> {
    for length in [4097_u16, 65535] {
        // Only the header: nothing is waited for.
        let header = &claiming(length, 1)[..19];
        answer(lab, State::OpenSent, header, (1, 2, &length.to_be_bytes()))?;
    }
    Ok(())
}

fn rfc4271_s6_1_length_above_4096_established(lab: &Lab) -> Result<()> {
    let peer = lab.peer_of(
        crate::lab::Router::Fabric,
        crate::lab::PEER_AS,
        &["passive: true", "extendedMessage: false"],
    )?;
    let mut session = peer.up()?;
    session.send(&claiming(4097, 2)[..19])?;
    refused(&mut session, 1, 2, &4097_u16.to_be_bytes())
}

fn rfc4271_s6_1_length_of_4096(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.up()?;
    // Withdrawals of four octets each, and one of three, fill it.
    let mut withdrawn = [24, 203, 0, 113].repeat(1018);
    withdrawn.extend_from_slice(&[0]);
    let whole = update(&withdrawn, &[], &[]);
    anyhow::ensure!(whole.len() == 4096, "{} octets", whole.len());
    session.send(&whole)?;
    is_alive(&mut session)
}

fn rfc4271_s6_1_open_below_29(lab: &Lab) -> Result<()> {
    answer(lab, State::OpenSent, &claiming(28, 1), (1, 2, &[0, 28]))
}

fn rfc4271_s6_1_update_below_23(lab: &Lab) -> Result<()> {
    answer(lab, State::Established, &claiming(22, 2), (1, 2, &[0, 22]))
}

fn rfc4271_s6_1_keepalive_not_19(lab: &Lab) -> Result<()> {
    answer(lab, State::Established, &claiming(20, 4), (1, 2, &[0, 20]))?;
    answer(lab, State::OpenConfirm, &claiming(23, 4), (1, 2, &[0, 23]))
}

fn rfc4271_s6_1_notification_below_21(lab: &Lab) -> Result<()> {
    for length in [19_u8, 20] {
        answer(lab, State::Established, &claiming(length.into(), 3), (1, 2, &[0, length]))?;
    }
    Ok(())
}

fn rfc4271_s6_1_route_refresh_below_23(lab: &Lab) -> Result<()> {
    answer(lab, State::Established, &claiming(22, 5), (1, 2, &[0, 22]))
}

fn rfc4271_s6_1_unknown_type(lab: &Lab) -> Result<()> {
    for state in State::ALL {
        for kind in [0, 6, 255] {
            answer(lab, state, &message(kind, &[]), (1, 3, &[kind]))?;
        }
    }
    Ok(())
}

fn rfc4271_s6_1_marker_before_length(lab: &Lab) -> Result<()> {
    let mut all_wrong = claiming(7, 99);
    answer(lab, State::OpenSent, &all_wrong, (1, 2, &[0, 7]))?;
    all_wrong[3] = 0;
    answer(lab, State::OpenSent, &all_wrong, (1, 1, &[]))
}

fn rfc4271_s6_1_fault_behind_a_good_message(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.open_sent()?;
    session.send(&[peer.open().octets(), keepalive(), bent(0, 1)].concat())?;
    session.expect(KEEPALIVE)?;
    refused(&mut session, 1, 1, &[])
}
