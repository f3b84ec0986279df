//! RFC 4271 sections 4.4, 6.5, 8.2.2 and 10: hold, KEEPALIVE and ConnectRetry timers; RFC 9687.
//!
//! Times themselves are proven in virtual time (`bgp-fsm/tests/model`). Here hold time 3, the
//! shortest, shows that the timers run and what restarts them.

use std::time::Duration;

use anyhow::{Result, ensure};
use testkit::frame::{KEEPALIVE, OPEN};
use testkit::script::Session;
use testkit::wait::clock;

use crate::clause::{Clause, clause};
use crate::lab::{Lab, PEER_AS, Peer, Router, is_alive, refused};
use crate::wire::{keepalive, refresh, update};

pub(crate) const CLAUSES: &[Clause] = &[
    clause!(
        rfc4271_s6_5_hold_timer_in_established,
        "Silence for the hold time in Established: 4/0"
    ),
    clause!(rfc4271_s6_5_hold_timer_in_open_confirm, "The same in OpenConfirm"),
    Clause::not_testable(
        "rfc4271_s8_2_2_hold_timer_in_open_sent",
        "The hold timer is a large value, four minutes, until the neighbour's OPEN",
        "takes four minutes; in virtual time in `bgp-fsm`",
    ),
    clause!(rfc4271_s4_2_smaller_hold_time_theirs, "The smaller offer is in force: theirs"),
    clause!(rfc4271_s4_2_smaller_hold_time_ours, "The smaller offer is in force: ours"),
    clause!(
        rfc4271_s4_4_keepalive_cadence,
        "KEEPALIVEs come within a third of the hold time, at most one a second"
    ),
    clause!(
        rfc4271_s4_4_no_keepalives_with_hold_0,
        "With hold time 0 there are none, and no hold timer"
    ),
    clause!(rfc4271_s8_2_2_update_restarts_hold, "UPDATEs alone keep a session up"),
    clause!(rfc4271_s8_2_2_half_messages_do_not, "Octets that are no whole message do not"),
    clause!(rfc4271_s8_2_2_keepalives_in_open_confirm, "KEEPALIVEs are sent in OpenConfirm too"),
    clause!(rfc4271_s8_1_3_connect_retry_after_refusal, "A refused attempt to connect is repeated"),
    clause!(
        rfc4271_s8_2_2_connect_again_after_end,
        "A connection that ended is opened again by us"
    ),
    clause!(rfc4271_s8_2_2_connect_again_after_fault, "So is one that we refused, after a while"),
    Clause::not_testable(
        "rfc4271_s10_jitter",
        "Timers run for 0.75 to 1.0 of their time",
        "needs statistics over minutes; in virtual time in `bgp-fsm`",
    ),
    Clause::not_testable(
        "rfc9687_s3_send_hold_timer",
        "No progress in sending for eight minutes or twice the hold time: 8/0 and close",
        "takes eight minutes; in virtual time in `bgp-fsm`",
    ),
    Clause::not_implemented(
        "rfc4271_s8_1_1_delay_open",
        "DelayOpen: wait for the neighbour's OPEN before sending ours",
        "optional, and no manifest field sets it; in the state machine, with tests in `bgp-fsm`",
    ),
];

/// A neighbour whose sessions have a hold time of three seconds.
fn hasty(lab: &Lab) -> Result<Peer<'_>> {
    lab.peer_of(Router::Fabric, PEER_AS, &["passive: true", "holdTime: 3s"])
}

/// `octets` every half second until `seconds` are over, while the session lasts.
fn keep_sending(session: &mut Session, octets: &[u8], seconds: u64) -> Result<()> {
    let end = clock() + Duration::from_secs(seconds);
    while clock() < end {
        session.send(octets)?;
        std::thread::sleep(Duration::from_millis(500));
    }
    Ok(())
}

fn rfc4271_s6_5_hold_timer_in_established(lab: &Lab) -> Result<()> {
    let mut session = hasty(lab)?.up()?;
    refused(&mut session, 4, 0, &[])
}

fn rfc4271_s6_5_hold_timer_in_open_confirm(lab: &Lab) -> Result<()> {
    let mut session = hasty(lab)?.open_confirm()?;
    refused(&mut session, 4, 0, &[])
}

fn rfc4271_s4_2_smaller_hold_time_theirs(lab: &Lab) -> Result<()> {
    let peer = lab.peer()?;
    let mut session = peer.up_as(&peer.open().hold(3))?;
    refused(&mut session, 4, 0, &[])
}

fn rfc4271_s4_2_smaller_hold_time_ours(lab: &Lab) -> Result<()> {
    let peer = hasty(lab)?;
    let mut session = peer.connect()?;
    let open = session.expect(OPEN)?;
    ensure!(open.body[3..5] == [0, 3], "{:02x?}", open.body);
    session.send(&[peer.open().hold(240).octets(), keepalive()].concat())?;
    refused(&mut session, 4, 0, &[])
}

fn rfc4271_s4_4_keepalive_cadence(lab: &Lab) -> Result<()> {
    let mut session = hasty(lab)?.up()?;
    let started = clock();
    for _ in 0..5 {
        session.expect(KEEPALIVE)?;
        session.send(&keepalive())?;
    }
    // Five at a second each; the first may have been due at once. Later is the machine's fault.
    let took = started.elapsed();
    ensure!(took >= Duration::from_millis(3900), "five KEEPALIVEs in {took:?}");
    Ok(())
}

fn rfc4271_s4_4_no_keepalives_with_hold_0(lab: &Lab) -> Result<()> {
    let peer = hasty(lab)?;
    let mut session = peer.up_as(&peer.open().hold(0))?;
    // Longer than the hold time it would have been: nothing comes, and nothing is missed.
    session.set_patience(Duration::from_secs(4))?;
    ensure!(session.receive().is_err(), "something came");
    session.set_patience(testkit::wait::PATIENCE)?;
    is_alive(&mut session)
}

fn rfc4271_s8_2_2_update_restarts_hold(lab: &Lab) -> Result<()> {
    let mut session = hasty(lab)?.up()?;
    keep_sending(&mut session, &update(&[], &[], &[]), 5)?;
    is_alive(&mut session)
}

fn rfc4271_s8_2_2_half_messages_do_not(lab: &Lab) -> Result<()> {
    let mut session = hasty(lab)?.up()?;
    // 23 octets of a ROUTE-REFRESH that claims more, one at a time: never whole.
    let long = crate::wire::message(5, &[0; 200]);
    let started = clock();
    for octet in long {
        if session.send(&[octet]).is_err() || started.elapsed() > Duration::from_secs(5) {
            break;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    refused(&mut session, 4, 0, &[])
}

fn rfc4271_s8_2_2_keepalives_in_open_confirm(lab: &Lab) -> Result<()> {
    let mut session = hasty(lab)?.open_confirm()?;
    session.expect(KEEPALIVE).map(drop)
}

/// A neighbour that we dial.
fn dialed(lab: &Lab) -> Peer<'_> {
    lab.stranger(Router::Fabric, PEER_AS)
}

fn rfc4271_s8_1_3_connect_retry_after_refusal(lab: &Lab) -> Result<()> {
    let peer = dialed(lab);
    // Nobody listens while the first attempts are made.
    peer.configure(&["passive: false"])?;
    testkit::wait::eventually("a failed attempt", || {
        let shown = peer.shown()?;
        ensure!(shown.to_string().contains("refused"), "{shown}");
        Ok(())
    })?;
    let listener = peer.listen()?;
    let mut session = Session::new(listener.accept()?.0)?;
    session.expect(OPEN).map(drop)
}

fn rfc4271_s8_2_2_connect_again_after_end(lab: &Lab) -> Result<()> {
    let peer = dialed(lab);
    let listener = peer.listen()?;
    peer.configure(&["passive: false"])?;
    for _ in 0..2 {
        let mut session = Session::new(listener.accept()?.0)?;
        session.expect(OPEN)?;
        session.send(&[peer.open().octets(), keepalive()].concat())?;
        session.expect(KEEPALIVE)?;
        session.send(&refresh(1, 0, 1))?;
        is_alive(&mut session)?;
    }
    Ok(())
}

fn rfc4271_s8_2_2_connect_again_after_fault(lab: &Lab) -> Result<()> {
    let peer = dialed(lab);
    let listener = peer.listen()?;
    peer.configure(&["passive: false"])?;
    for _ in 0..3 {
        let mut session = Session::new(listener.accept()?.0)?;
        session.expect(OPEN)?;
        session.send(&peer.open().hold(1).octets())?;
        refused(&mut session, 2, 6, &[])?;
    }
    Ok(())
}
