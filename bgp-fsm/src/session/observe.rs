//! How the runner shows what it does: the part of its loop that only writes the view.
//!
//! Nothing here changes the session. It is called where something happened that an operator may ask
//! about later, and after every event for what is true now.

use std::io;
use std::sync::Arc;

use bgp_wire::{MessageType, Notification, Open};

use super::SessionHandler;
use super::record::{
    Deadlines, DownRecord, OpenRecord, Phase, RefusedOpen, Transition, TransportRecord,
};
use super::runner::{Runner, clock};
use crate::effect::{DownReason, Effect, Effects};
use crate::event::ConnId;
use crate::negotiate::{check, local_open};
use crate::state::StateName;
use crate::timers::Timer;

impl<H: SessionHandler> Runner<H> {
    /// Brings what is seen from outside up to date.
    pub(super) fn show(&self) {
        let best = self.peer.established().or_else(|| {
            [ConnId::Outgoing, ConnId::Incoming]
                .into_iter()
                .filter(|&id| self.link_ref(id).is_some())
                .max_by_key(|&id| self.peer.connection(id).map(crate::Fsm::name))
        });
        let link = best.and_then(|id| self.link_ref(id));
        let running = |id, timer| self.peer.connection(id).and_then(|fsm| fsm.deadline(timer));
        let mut facts = self.view.facts();
        facts.outbox = link.and_then(|link| link.outbox.clone());
        facts.stream = link.map(|link| Arc::downgrade(&link.stream)).unwrap_or_default();
        facts.set_errors(self.peer.errors());
        let snapshot = &mut facts.snapshot;
        snapshot.is_running = self.peer.is_running();
        snapshot.established_at = self.peer.established_since();
        snapshot.negotiated = self.peer.negotiated().cloned();
        snapshot.local = link.map(|link| link.local);
        snapshot.remote = link.map_or(self.cfg.remote, |link| link.remote);
        snapshot.connection = best;
        snapshot.is_dialing = self.dialing.is_some();
        snapshot.deadlines = Deadlines {
            hold: best.and_then(|id| running(id, Timer::Hold)),
            keepalive: best.and_then(|id| running(id, Timer::Keepalive)),
            connect_retry: running(ConnId::Outgoing, Timer::ConnectRetry),
            idle_hold: running(ConnId::Outgoing, Timer::IdleHold),
        };
    }

    /// The configuration may have changed what we say in our OPEN.
    pub(super) fn show_offer(&self) {
        let offer = local_open(self.peer.config());
        let mut facts = self.view.facts();
        if facts.snapshot.offered.as_deref() != Some(&offer) {
            facts.snapshot.offered = Some(Arc::new(offer));
        }
    }

    /// An attempt to connect has failed.
    pub(super) fn note_dial_failed(&self, error: &io::Error) {
        let record =
            TransportRecord::new(clock(), Some(error), Phase::Connecting, ConnId::Outgoing);
        let mut facts = self.view.facts();
        facts.snapshot.attempts.failed += 1;
        facts.snapshot.last_transport = Some(record);
    }

    /// Timers have expired: with an attempt under way, a new one means that nobody answered.
    pub(super) fn note_unanswered(&self, effects: &Effects) {
        let again = effects.iter().any(|effect| matches!(effect, Effect::Connect));
        if again && self.dialing.is_some() {
            let text =
                format!("no answer from {} before the next attempt was due", self.cfg.remote);
            self.note_dial_failed(&io::Error::new(io::ErrorKind::TimedOut, text));
        }
    }

    /// A connection has ended under us.
    pub(super) fn note_lost(&self, id: ConnId, error: Option<&io::Error>) {
        let phase = Phase::of(self.peer.connection(id).map(crate::Fsm::name));
        let record = TransportRecord::new(clock(), error, phase, id);
        self.view.facts().snapshot.last_transport = Some(record);
    }

    /// An OPEN of the peer was read, and is now going to be judged.
    pub(super) fn note_open(&self, id: ConnId, open: &Open) {
        let refusal = check(self.peer.config(), open).err();
        let at = clock();
        let record = Arc::new(OpenRecord { at, connection: id, open: open.clone() });
        let mut facts = self.view.facts();
        facts.snapshot.received_open = Some(Arc::clone(&record));
        if let Some(notification) = refusal {
            let text = notification.to_string().into();
            facts.snapshot.refused_open =
                Some(RefusedOpen { at, open: Some(record), notification, text });
        }
    }

    /// A message could not be decoded; an OPEN among them is remembered.
    pub(super) fn note_undecoded(
        &self,
        frame: &[u8],
        notification: &Notification,
        error: &dyn std::fmt::Display,
    ) {
        if frame.get(18) == Some(&MessageType::OPEN.0) {
            self.view.facts().snapshot.refused_open = Some(RefusedOpen {
                at: clock(),
                open: None,
                notification: notification.clone(),
                text: error.to_string().into(),
            });
        }
    }

    /// A session that was up has ended.
    pub(super) fn note_down(&self, reason: &DownReason) {
        let at = clock();
        let mut facts = self.view.facts();
        let up_since = facts.snapshot.established_at.unwrap_or(at);
        let up_for = at.saturating_duration_since(up_since);
        facts.snapshot.dropped_count += 1;
        facts.snapshot.last_down = Some(DownRecord { at, up_for, reason: reason.clone() });
    }

    /// The state has changed; why, if the event that did it also ended something.
    pub(super) fn note_transition(&self, from: StateName, to: StateName) {
        let at = clock();
        let ended = self.peer.errors().last.as_ref();
        let mut facts = self.view.facts();
        let known = facts.snapshot.last_error.as_ref().map(|error| error.at);
        let new = ended.filter(|(when, _)| Some(*when) != known);
        let reason = new.map(|(_, reason)| reason.to_string().into());
        facts.snapshot.state = to;
        facts.snapshot.since = at;
        facts.history.push(Transition { at, from, to, reason });
    }
}
