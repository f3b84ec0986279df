//! One session on the thread: its machine, its sending socket, and the account of what happened.
//!
//! Owned by [`super::engine::Engine`], which delivers packets and calls when a deadline is due. Every
//! call ends with the new state of affairs published, so that what is shown is what is.
//!
//! ```text
//!   waiting for sockets ──opened──> running ──last watch gone──> closing (AdminDown) ──LINGER──> gone
//! ```

use std::time::Instant;

use super::report::{LastDown, Status};
use super::sockets::Sender;
use super::wishes::{Output, Wish};
use super::{Endpoints, LINGER, RETRY};
use crate::packet::{ControlPacket, Discriminator, State};
use crate::session::{Effect, Event, Session};

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) endpoints: Endpoints,
    pub(super) discriminator: Discriminator,
    output: Output,
    wish: Wish,
    running: Option<Running>,
    /// When to try again to open sockets; only while not running.
    retry_at: Option<Instant>,
    /// When a session that nobody wants any more is forgotten.
    closing: Option<Instant>,
    failures: u64,
}

#[derive(Debug)]
struct Running {
    session: Session,
    sender: Sender,
}

impl Slot {
    pub(super) fn new(
        endpoints: Endpoints,
        discriminator: Discriminator,
        output: Output,
        wish: Wish,
        now: Instant,
    ) -> Self {
        let retry_at = Some(now);
        let (running, closing) = (None, None);
        Self { endpoints, discriminator, output, wish, running, retry_at, closing, failures: 0 }
    }

    /// When [`Self::poll`] or, while not running, [`Self::opened`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let session = self.running.as_ref().and_then(|running| running.session.next_deadline());
        [self.retry_at, self.closing, session].into_iter().flatten().min()
    }

    /// Whether sockets are to be opened now.
    pub(super) fn wants_sockets(&self, now: Instant) -> bool {
        self.running.is_none() && self.retry_at.is_some_and(|at| at <= now)
    }

    /// Whether the time of a session that nobody wants is over.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.closing.is_some_and(|at| at <= now)
    }

    pub(super) fn source_port(&self) -> Option<u16> {
        self.running.as_ref().map(|running| running.sender.port)
    }

    /// The result of opening sockets.
    pub(super) fn opened(&mut self, result: Result<Sender, String>, seed: u64, now: Instant) {
        match result {
            Ok(sender) => {
                self.retry_at = None;
                let session = Session::new(self.wish.config, self.discriminator, seed, now);
                self.output.report.lock().source_port = Some(sender.port);
                self.running = Some(Running { session, sender });
                self.set_problem(None);
                if self.wish.is_held {
                    self.event(now, Event::AdminDown);
                }
            }
            Err(problem) => {
                self.retry_at = Some(now + RETRY);
                self.set_problem(Some(problem));
            }
        }
        self.publish();
    }

    /// Takes over what is asked for now.
    pub(super) fn wish(&mut self, output: &Output, wish: Wish, now: Instant) {
        if !self.output.status.same_channel(&output.status) {
            self.output = output.clone();
            self.failures = 0;
            self.output.report.lock().source_port = self.source_port();
        }
        let was_closing = self.closing.take().is_some();
        let before = std::mem::replace(&mut self.wish, wish);
        self.output.report.lock().config = wish.config;
        if before.config != wish.config {
            self.event(now, Event::Reconfigured(wish.config));
        }
        if before.is_held != wish.is_held || was_closing {
            self.event(now, if wish.is_held { Event::AdminDown } else { Event::AdminUp });
        }
        self.publish();
    }

    /// Nobody wants it any more. The peer hears so for a while, unless it was never spoken to.
    pub(super) fn close(&mut self, now: Instant) {
        if self.closing.is_none() {
            self.closing = Some(if self.running.is_some() { now + LINGER } else { now });
            self.event(now, Event::AdminDown);
        }
    }

    pub(super) fn packet(&mut self, now: Instant, packet: &ControlPacket) {
        if self.running.is_none() {
            return;
        }
        {
            let mut report = self.output.report.lock();
            report.counters.received += 1;
            report.last_heard = Some(now);
        }
        self.event(now, Event::Packet(packet));
        self.publish();
    }

    /// A packet of the peer with too low a TTL.
    pub(super) fn low_ttl(&self) {
        self.output.report.lock().counters.low_ttl += 1;
    }

    /// Does what is due.
    pub(super) fn poll(&mut self, now: Instant) {
        let Some(running) = &mut self.running else { return };
        let mut effects = Vec::new();
        running.session.poll_timers(now, &mut effects);
        self.carry_out(now, effects);
        self.publish();
    }

    fn event(&mut self, now: Instant, event: Event<'_>) {
        let Some(running) = &mut self.running else { return };
        let mut effects = Vec::new();
        running.session.handle(now, event, &mut effects);
        self.carry_out(now, effects);
    }

    fn carry_out(&mut self, now: Instant, effects: Vec<Effect>) {
        let Some(Running { session, sender }) = &self.running else { return };
        for effect in effects {
            let mut report = self.output.report.lock();
            match effect {
                Effect::Transmit(packet) => match sender.send(&packet.encode()) {
                    Ok(()) => {
                        report.counters.sent += 1;
                        report.problem = None;
                    }
                    Err(error) => {
                        report.counters.send_errors += 1;
                        report.problem = Some(format!("cannot send: {error}"));
                    }
                },
                Effect::StateChanged { from, to, diagnostic, is_peer_admin_down } => {
                    report.since = now;
                    let is_intended = is_peer_admin_down || to == State::AdminDown;
                    if to == State::Up {
                        report.counters.ups += 1;
                    }
                    if from == State::Up {
                        let remote_diagnostic = session.snapshot().remote_diagnostic;
                        report.last_down =
                            Some(LastDown { at: now, diagnostic, remote_diagnostic, is_intended });
                        if !is_intended {
                            self.failures += 1;
                            report.counters.failures += 1;
                        }
                    }
                    tracing::debug!(
                        remote = %self.endpoints.remote(), local = %self.endpoints.local(),
                        "BFD {from} -> {to}: {diagnostic}"
                    );
                }
            }
        }
    }

    fn set_problem(&self, problem: Option<String>) {
        let mut report = self.output.report.lock();
        if let Some(problem) = problem.as_ref().filter(|now| report.problem.as_ref() != Some(now)) {
            tracing::warn!(
                remote = %self.endpoints.remote(), local = %self.endpoints.local(),
                "BFD cannot run, trying again every {RETRY:?}: {problem}"
            );
        }
        report.problem = problem;
    }

    fn publish(&self) {
        let session = self.running.as_ref().map(|running| running.session.snapshot());
        let mut report = self.output.report.lock();
        report.session = session;
        let status = Status {
            state: report.state(),
            is_peer_admin_down: session.is_some_and(|s| s.remote_state == State::AdminDown),
            failures: self.failures,
            problem: report.problem.clone(),
        };
        drop(report);
        self.output.status.send_if_modified(|before| {
            let differs = *before != status;
            *before = status;
            differs
        });
    }
}
