//! Two connections of which it is not yet certain which one the peer keeps.
//!
//! RFC 4271 section 6.8 names the survivor, but each end judges by the states it has itself, when an
//! OPEN reaches it. One end may already be Established on the connection that should lose while the
//! other closes it: the first then closes the second, and the session falls right after it rose, or
//! both connections are lost. So the loser is closed only when what the *peer* did on either
//! connection says that it chose alike, or after [`PATIENCE`]:
//!
//! | what comes | means | done |
//! |---|---|---|
//! | KEEPALIVE on the one that should win | the peer went on with it | it is Established, the loser gets 6/7 |
//! | first KEEPALIVE on the one that should lose | the peer knew of no other then | kept back |
//! | anything further on that one | the peer is Established on it | so are we, the other gets 6/7 |
//! | either one ends | the peer chose | the remaining one goes on |
//!
//! While the other connection has not sent its OPEN there is no collision by the RFC, but one that is
//! about to be; the same table holds.
//!
//! Invariant: a contest lasts only while the loser is in OpenConfirm and the other one in OpenSent or
//! OpenConfirm, and never longer than [`PATIENCE`].

use std::time::{Duration, Instant};

use super::Peer;
use crate::collision::survivor;
use crate::effect::Effects;
use crate::event::{ConnId, Input};
use crate::state::StateName;

/// The peer's choice is a round trip away.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// An undecided collision.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contest {
    /// The one that loses by the identifiers.
    loser: ConnId,
    /// The peer's KEEPALIVE came on it and is kept back.
    confirmed: bool,
    until: Instant,
}

impl Peer {
    /// Whether the peer has confirmed connection `id`, and it is not Established only because another
    /// one is expected to take its place. A further message that is no NOTIFICATION shows that the
    /// peer is Established on it; telling of one more KEEPALIVE before that message makes it so.
    pub fn keeps_back(&self, id: ConnId) -> bool {
        self.contest.is_some_and(|contest| contest.loser == id && contest.confirmed)
    }

    /// `loser` is to go, when it is certain that the peer thinks so too.
    pub(super) fn contest(&mut self, now: Instant, loser: ConnId) {
        if self.contest.is_none_or(|contest| contest.loser != loser) {
            self.contest = Some(Contest { loser, confirmed: false, until: now + PATIENCE });
        }
    }

    /// The peer's KEEPALIVE on `id`: whether it is to wait for what happens to the other connection.
    pub(super) fn keep_back(&mut self, now: Instant, id: ConnId) -> bool {
        let other = self.connection(id.other()).map(|fsm| fsm.name());
        let rival = matches!(other, Some(StateName::OpenSent | StateName::OpenConfirm));
        if !rival || self.keeps_back(id) || self.expected_survivor(id) != Some(id.other()) {
            return false;
        }
        self.contest(now, id);
        if let Some(contest) = &mut self.contest {
            contest.confirmed = true;
        }
        true
    }

    /// Which of two connections stays, by the OPEN that came on `id`; `None` unless it is in
    /// OpenConfirm.
    fn expected_survivor(&self, id: ConnId) -> Option<ConnId> {
        let fsm = self.connection(id).filter(|fsm| fsm.name() == StateName::OpenConfirm)?;
        let negotiated = fsm.negotiated()?;
        let local = (self.cfg.router_id, self.cfg.local_as);
        Some(survivor(local, (negotiated.peer_router_id, negotiated.peer_as)))
    }

    /// Ends the contest if one of the two is gone or Established: the confirmed one goes on.
    pub(super) fn settle_contest(&mut self, now: Instant, out: &mut Effects) {
        let Some(contest) = self.contest else { return };
        let name = |id| self.connection(id).map(|fsm| fsm.name());
        let ready = name(contest.loser) == Some(StateName::OpenConfirm);
        let rival = name(contest.loser.other());
        if ready && matches!(rival, Some(StateName::OpenSent | StateName::OpenConfirm)) {
            return;
        }
        self.contest = None;
        if ready && contest.confirmed && rival != Some(StateName::Established) {
            self.input(now, contest.loser, Input::Keepalive, out);
        }
    }

    /// The peer has not shown its choice: a confirmed connection is better than one that may come.
    pub(super) fn poll_contest(&mut self, now: Instant, out: &mut Effects) {
        let Some(contest) = self.contest.filter(|contest| contest.until <= now) else { return };
        self.contest = None;
        let input = if contest.confirmed { Input::Keepalive } else { Input::CollisionDump };
        self.input(now, contest.loser, input, out);
    }

    pub(super) fn contest_deadline(&self) -> Option<Instant> {
        self.contest.map(|contest| contest.until)
    }
}
