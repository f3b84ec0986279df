//! RFC 4271 sections 6.4, 6.6 and 8, RFC 6608: messages out of place, and ends of connections.

use anyhow::{Result, ensure};
use testkit::frame::{KEEPALIVE, OPEN};
use testkit::script::Session;
use testkit::wait;

use crate::clause::{Clause, clause};
use crate::lab::{Lab, Router, State, closed_without_a_word, is_alive, refused};
use crate::wire::{announced, keepalive, message, notification, refresh, update, withdrawn};

pub(crate) const CLAUSES: &[Clause] = &[
    clause!(rfc6608_s4_keepalive_in_open_sent, "KEEPALIVE in OpenSent: 5/1"),
    clause!(rfc6608_s4_update_in_open_sent, "UPDATE in OpenSent: 5/1"),
    clause!(rfc6608_s4_route_refresh_in_open_sent, "ROUTE-REFRESH in OpenSent: 5/1"),
    clause!(rfc6608_s4_open_in_open_confirm, "A second OPEN in OpenConfirm: 5/2"),
    clause!(rfc6608_s4_update_in_open_confirm, "UPDATE in OpenConfirm: 5/2"),
    clause!(rfc6608_s4_route_refresh_in_open_confirm, "ROUTE-REFRESH in OpenConfirm: 5/2"),
    clause!(rfc6608_s4_open_in_established, "OPEN in Established: 5/3"),
    clause!(
        rfc6608_s4_malformed_update_in_open_confirm,
        "Even a malformed UPDATE is only out of place in OpenConfirm"
    ),
    clause!(
        rfc4271_s6_4_notification_is_not_answered,
        "A NOTIFICATION closes in each state, and is never answered"
    ),
    clause!(
        rfc4271_s6_4_notification_with_unknown_code,
        "So does one with a code nobody knows, or without data"
    ),
    clause!(
        rfc4271_s8_2_2_end_in_each_state,
        "The neighbour may end TCP in each state, and come back"
    ),
    clause!(rfc4271_s8_2_2_reset_in_each_state, "The same with an RST"),
    clause!(
        rfc4271_s6_7_closed_after_notification,
        "After our NOTIFICATION TCP is closed though the neighbour goes on sending"
    ),
    clause!(
        rfc4271_s8_2_1_second_incoming,
        "Of two connections of the neighbour in the handshake the newer goes on"
    ),
    clause!(
        rfc4271_s8_2_1_unconfigured_neighbour,
        "A connection from an unknown address is closed without an OPEN"
    ),
    clause!(
        rfc4271_s8_2_2_established,
        "KEEPALIVE after OPEN makes a session: routes, End-of-RIB, shown as Established"
    ),
    clause!(
        rfc4271_s9_4_end_removes_routes,
        "The end of a session withdraws its routes elsewhere, TCP loss"
    ),
    clause!(rfc4271_s6_4_notification_removes_routes, "The same with a NOTIFICATION"),
    clause!(rfc4271_s8_2_2_half_a_message_at_the_end, "Half a message before the end harms nobody"),
];

fn out_of_place(mut session: Session, octets: &[u8], subcode: u8) -> Result<()> {
    session.send(octets)?;
    refused(&mut session, 5, subcode, &[])
}

fn rfc6608_s4_keepalive_in_open_sent(lab: &Lab) -> Result<()> {
    out_of_place(lab.peer()?.open_sent()?, &keepalive(), 1)
}

fn rfc6608_s4_update_in_open_sent(lab: &Lab) -> Result<()> {
    out_of_place(lab.peer()?.open_sent()?, &update(&[], &[], &[]), 1)
}

fn rfc6608_s4_route_refresh_in_open_sent(lab: &Lab) -> Result<()> {
    out_of_place(lab.peer()?.open_sent()?, &refresh(1, 0, 1), 1)
}

fn rfc6608_s4_open_in_open_confirm(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    out_of_place(peer.open_confirm()?, &peer.open().octets(), 2)
}

fn rfc6608_s4_update_in_open_confirm(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let route = update(&[], &peer.mandatory(), &peer.prefix());
    out_of_place(peer.open_confirm()?, &route, 2)
}

fn rfc6608_s4_route_refresh_in_open_confirm(lab: &Lab) -> Result<()> {
    out_of_place(lab.peer()?.open_confirm()?, &refresh(1, 0, 1), 2)
}

fn rfc6608_s4_open_in_established(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    out_of_place(peer.up()?, &peer.open().octets(), 3)
}

fn rfc6608_s4_malformed_update_in_open_confirm(lab: &Lab) -> Result<()> {
    out_of_place(lab.peer()?.open_confirm()?, &message(2, &[0xff; 8]), 2)
}

fn each_state(lab: &Lab, end: impl Fn(Session) -> Result<()>) -> Result<()> {
    for state in State::ALL {
        let peer = lab.peer()?;
        end(peer.in_state(state)?)?;
        is_alive(&mut wait::eventually("a session after the end", || peer.up())?)?;
    }
    Ok(())
}

fn rfc4271_s6_4_notification_is_not_answered(lab: &Lab) -> Result<()> {
    each_state(lab, |mut session| {
        session.send(&notification(6, 4, &[]))?;
        closed_without_a_word(&mut session)
    })
}

fn rfc4271_s6_4_notification_with_unknown_code(lab: &Lab) -> Result<()> {
    for (code, subcode, data) in [(0, 0, &[][..]), (99, 99, &[1, 2, 3]), (2, 1, &[]), (6, 9, &[])] {
        for state in State::ALL {
            let mut session = lab.peer()?.in_state(state)?;
            session.send(&notification(code, subcode, data))?;
            closed_without_a_word(&mut session)?;
        }
    }
    Ok(())
}

fn rfc4271_s8_2_2_end_in_each_state(lab: &Lab) -> Result<()> {
    each_state(lab, |session| {
        let said = session.finish()?;
        ensure!(said.iter().all(|m| m.kind != 3), "{said:02x?}");
        Ok(())
    })
}

fn rfc4271_s8_2_2_reset_in_each_state(lab: &Lab) -> Result<()> {
    each_state(lab, Session::reset)
}

fn rfc4271_s6_7_closed_after_notification(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.up()?;
    // What follows the fault is on its way already.
    session.send(&[message(9, &[]), keepalive().repeat(2000)].concat())?;
    refused(&mut session, 1, 3, &[9])
}

fn rfc4271_s8_2_1_second_incoming(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut old = peer.open_sent()?;
    let mut new = peer.open_sent()?;
    refused(&mut old, 6, 7, &[])?;
    new.send(&[peer.open().octets(), keepalive()].concat())?;
    new.expect(KEEPALIVE)?;
    is_alive(&mut new)
}

fn rfc4271_s8_2_1_unconfigured_neighbour(lab: &Lab) -> Result<()> {
    let mut session = lab.stranger(Router::Fabric, 65100).dial()?;
    session.expect_end()
}

fn rfc4271_s8_2_2_established(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.connect()?;
    session.expect(OPEN)?;
    session.send(&peer.open().octets())?;
    session.expect(KEEPALIVE)?;
    ensure!(peer.shown()?["state"].as_str() == Some("OpenConfirm"), "{}", peer.shown()?);
    session.send(&keepalive())?;
    announced(&mut session, &crate::lab::ORIGINATED)?;
    ensure!(peer.shown()?["state"].as_str() == Some("Established"), "{}", peer.shown()?);
    is_alive(&mut session)
}

/// A route goes over one session, `end` ends that, and another session sees it go.
fn route_goes_with_its_session(lab: &Lab, end: fn(Session) -> Result<()>) -> Result<()> {
    let peer = lab.peer_of(Router::Transit, 65100, &["passive: true"])?;
    let watcher = lab.peer_of(Router::Transit, 65200, &["passive: true"])?;
    let mut watching = watcher.up()?;
    let mut session = peer.up()?;
    session.send(&update(&[], &peer.mandatory(), &peer.prefix()))?;
    announced(&mut watching, &peer.prefix())?;
    end(session)?;
    withdrawn(&mut watching, &peer.prefix())
}

fn rfc4271_s9_4_end_removes_routes(lab: &Lab) -> Result<()> {
    route_goes_with_its_session(lab, Session::reset)
}

fn rfc4271_s6_4_notification_removes_routes(lab: &Lab) -> Result<()> {
    route_goes_with_its_session(lab, |mut session| {
        session.send(&notification(6, 2, &[]))?;
        closed_without_a_word(&mut session)
    })
}

fn rfc4271_s8_2_2_half_a_message_at_the_end(lab: &Lab) -> Result<()> {
    each_state(lab, |mut session| {
        session.send(&keepalive()[..18])?;
        let said = session.finish()?;
        ensure!(said.iter().all(|m| m.kind != 3), "{said:02x?}");
        Ok(())
    })
}
