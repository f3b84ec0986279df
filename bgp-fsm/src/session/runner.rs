//! The task of a peer.
//!
//! One loop: write what can be written, sleep until a command, a deadline, the end of an attempt to
//! connect, readiness of a socket or a push to the outbox, handle that, again. Each wake handles one
//! thing, so that no source starves another: one read of at most 256 KiB, one budget of writes.
//!
//! All consequences go through `apply`: an event into the state machine, its effects carried out in
//! order. UPDATEs do not: they go straight to the handler (`process`).

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_wire::{Framed, Message as Decoded, MessageType, RouteRefresh, next_frame};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant as TokioInstant;

use super::close::close;
use super::config::SessionConfig;
use super::dial::{Dialing, dial, prepare_incoming};
use super::gate::Gate;
use super::handle::Command;
use super::link::{Input, Link, Read};
use super::outbox::Outbox;
use super::snapshot::View;
use super::{Established, SessionHandler};
use crate::effect::{Effect, Effects};
use crate::event::{ConnId, Event, Message, StopReason};
use crate::negotiate::Negotiated;
use crate::peer::Peer;
use crate::state::send_hold;

/// Everything a peer owns.
pub(super) struct Runner<H> {
    pub(super) cfg: SessionConfig,
    pub(super) peer: Peer,
    handler: H,
    commands: mpsc::Receiver<Command>,
    pub(super) dialing: Option<Dialing>,
    pub(super) outgoing: Option<Link>,
    pub(super) incoming: Option<Link>,
    /// A connection of the peer between `Accepted` and the answer.
    offered: Option<Link>,
    /// Connections that only have to say goodbye.
    closing: JoinSet<()>,
    effects: Effects,
    pub(super) gate: Gate,
    pub(super) view: Arc<View>,
}

enum Wake {
    Command(Option<Command>),
    Deadline,
    Dialed(io::Result<TcpStream>),
    Ready(ConnId),
    Pushed,
    Closed,
}

impl<H: SessionHandler> Runner<H> {
    pub(super) fn new(
        cfg: SessionConfig,
        handler: H,
        commands: mpsc::Receiver<Command>,
        view: Arc<View>,
    ) -> Self {
        let peer = Peer::new(cfg.peer.clone(), cfg.seed);
        let gate = Gate::new(cfg.starts_gated);
        Self {
            cfg,
            peer,
            handler,
            commands,
            dialing: None,
            outgoing: None,
            incoming: None,
            offered: None,
            closing: JoinSet::new(),
            effects: Effects::new(),
            gate,
            view,
        }
    }

    pub(super) async fn run(mut self) {
        self.show_offer();
        self.start();
        let mut sleep = pin!(tokio::time::sleep_until(TokioInstant::now()));
        let mut armed = None;
        loop {
            self.flush(ConnId::Outgoing);
            self.flush(ConnId::Incoming);
            let deadline = self.peer.next_deadline();
            if let Some(at) = deadline.filter(|_| deadline != armed) {
                sleep.as_mut().reset(TokioInstant::from_std(at));
            }
            armed = deadline;
            let wake = tokio::select! {
                command = self.commands.recv() => Wake::Command(command),
                () = sleep.as_mut(), if armed.is_some() => Wake::Deadline,
                dialed = finished(&mut self.dialing) => Wake::Dialed(dialed),
                () = ready(self.outgoing.as_ref()) => Wake::Ready(ConnId::Outgoing),
                () = ready(self.incoming.as_ref()) => Wake::Ready(ConnId::Incoming),
                () = pushed(self.outgoing.as_ref(), self.incoming.as_ref()) => Wake::Pushed,
                Some(_) = self.closing.join_next() => Wake::Closed,
            };
            match wake {
                Wake::Command(Some(Command::Stop(reason))) => return self.stop(reason).await,
                Wake::Command(None) => return self.stop(StopReason::PeerDeconfigured).await,
                Wake::Command(Some(command)) => self.command(command),
                Wake::Deadline => {
                    // The sleep is spent; the same deadline would have to be armed anew.
                    armed = None;
                    let mut effects = std::mem::take(&mut self.effects);
                    self.peer.poll_timers(clock(), &mut effects);
                    self.note_unanswered(&effects);
                    self.carry_out(effects);
                }
                Wake::Dialed(result) => self.dialed(result),
                Wake::Ready(id) => {
                    if self.read(id) >= LARGE_READ {
                        tokio::task::yield_now().await;
                    }
                }
                Wake::Pushed | Wake::Closed => {}
            }
        }
    }

    pub(super) fn is_shut_down(&self) -> bool {
        self.cfg.shutdown.is_some()
    }

    async fn stop(mut self, reason: StopReason) {
        self.apply(Event::Stop(reason));
        while self.closing.join_next().await.is_some() {}
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Incoming(stream) => self.accept(stream),
            Command::Reconfigure(cfg) => self.reconfigure(*cfg),
            Command::Reset(reason) => self.apply(Event::Restart(reason)),
            Command::Fail(notification) => {
                if let Some(id) = self.peer.established() {
                    self.apply(Event::DecodeFailed(id, notification));
                }
            }
            Command::Hold(reason) => self.hold(reason),
            Command::Start => self.start(),
            Command::CloseGate(reason) => self.close_gate(reason),
            Command::OpenGate => self.open_gate(),
            Command::LinkDown(text) => self.link_down(&text),
            Command::RestartState(state) => self.apply(Event::RestartState(state)),
            Command::Stop(_) => unreachable!("handled where the loop can end"),
        }
    }

    fn accept(&mut self, stream: TcpStream) {
        match prepare_incoming(&self.cfg, &stream).and_then(|()| Link::new(stream)) {
            Ok(link) => {
                self.offered = Some(link);
                self.apply(Event::Accepted);
            }
            Err(error) => {
                tracing::warn!(remote = %self.cfg.remote, %error, "cannot set up a connection");
            }
        }
    }

    fn dialed(&mut self, result: io::Result<TcpStream>) {
        self.dialing = None;
        match result.and_then(Link::new) {
            Ok(link) => {
                self.outgoing = Some(link);
                self.apply(Event::Connected);
            }
            Err(error) => {
                self.note_dial_failed(&error);
                let text = format!("cannot connect to {}: {error}", self.cfg.remote);
                self.apply(Event::ConnectFailed(&text));
            }
        }
    }

    /// Writes what waits. A failure is looked at only after reading: what the peer sent before it
    /// closed may be the NOTIFICATION that says why.
    fn flush(&mut self, id: ConnId) {
        let link = match id {
            ConnId::Outgoing => &mut self.outgoing,
            ConnId::Incoming => &mut self.incoming,
        };
        let Some(link) = link else { return };
        match link.flush(&self.view.sent) {
            Ok(true) => {
                let now = clock();
                self.peer.sent(now);
                self.view.note_said(now);
            }
            Ok(false) => {}
            Err(error) => {
                self.read(id);
                self.lost(id, Some(&error));
            }
        }
    }

    /// Reads once and handles what came; returns how many octets that were.
    fn read(&mut self, id: ConnId) -> usize {
        let Some(link) = self.link(id) else { return 0 };
        match link.read() {
            Ok(Read::Some(count)) => {
                self.view.received.add_octets(count);
                self.process(id);
                count
            }
            Ok(Read::Nothing) => 0,
            Ok(Read::End) => {
                self.lost(id, None);
                0
            }
            Err(error) => {
                self.lost(id, Some(&error));
                0
            }
        }
    }

    /// The connection ended under us.
    fn lost(&mut self, id: ConnId, error: Option<&io::Error>) {
        let Some(mut link) = self.link_slot(id).take() else { return };
        link.seal();
        self.note_lost(id, error);
        let text = error.map(|error| format!("connection lost: {error}"));
        self.apply(Event::Closed(id, text.as_deref()));
    }

    /// Nothing more can come or go over the link of a directly connected peer.
    fn link_down(&mut self, text: &str) {
        let error = io::Error::new(io::ErrorKind::NetworkDown, text);
        for id in [ConnId::Outgoing, ConnId::Incoming] {
            self.lost(id, Some(&error));
        }
    }

    /// Handles every whole message in the buffer of a connection.
    fn process(&mut self, id: ConnId) {
        let Some(link) = self.link(id) else { return };
        let Input { buffer, start, end } = std::mem::take(&mut link.input);
        // UPDATEs from `run` to `at` have been framed and not been handed over.
        let (mut run, mut at) = (start, start);
        let mut updates = 0;
        let mut heard = false;
        while let Some(link) = self.link(id) {
            let (is_up, max_message) = (link.outbox.is_some(), link.max_message);
            let rest = &buffer[at..end];
            let further = rest.get(18).is_some_and(|kind| *kind != MessageType::NOTIFICATION.0);
            if further && !is_up && self.peer.keeps_back(id) {
                // It goes on where we waited: this message belongs to an Established session.
                self.apply(Event::Message(id, Message::Keepalive));
                continue;
            }
            let framed = next_frame(rest, max_message);
            if let Ok(Framed::Message { kind: MessageType::UPDATE, frame }) = framed
                && is_up
            {
                at += frame.len();
                updates += 1;
                continue;
            }
            if run < at {
                heard = true;
                self.view.received.add(MessageType::UPDATE, std::mem::take(&mut updates));
                if let Err(notification) = self.handler.updates(&buffer[run..at]) {
                    self.apply(Event::DecodeFailed(id, notification));
                    break;
                }
            }
            match framed {
                Ok(Framed::Incomplete { .. }) => break,
                Ok(Framed::Message { kind, frame }) => {
                    at += frame.len();
                    run = at;
                    self.view.received.add(kind, 1);
                    if is_up && kind == MessageType::KEEPALIVE {
                        heard = true;
                    } else {
                        self.message(id, is_up, frame);
                    }
                }
                Err(error) => {
                    self.apply(Event::DecodeFailed(id, error.notification(rest)));
                    break;
                }
            }
        }
        if heard {
            let now = clock();
            self.peer.heard(now);
            self.view.note_heard(now);
        }
        if let Some(link) = self.link(id) {
            link.input = Input { buffer, start: at, end };
        }
    }

    /// Handles a message that is no UPDATE or KEEPALIVE of an Established session.
    fn message(&mut self, id: ConnId, is_up: bool, frame: &[u8]) {
        self.view.note_heard(clock());
        match Decoded::decode(frame) {
            Ok(Decoded::RouteRefresh(refresh)) if is_up => self.route_refresh(refresh),
            Ok(Decoded::Open(open)) => {
                self.note_open(id, &open);
                self.apply(Event::Message(id, Message::Open(&open)));
            }
            Ok(Decoded::Keepalive) => self.apply(Event::Message(id, Message::Keepalive)),
            Ok(Decoded::Update(_)) => self.apply(Event::Message(id, Message::Update)),
            Ok(Decoded::RouteRefresh(_)) => self.apply(Event::Message(id, Message::RouteRefresh)),
            Ok(Decoded::Notification(notification)) => {
                self.apply(Event::Message(id, Message::Notification(&notification)));
            }
            Err(error) => {
                let notification = error.notification(frame);
                self.note_undecoded(frame, &notification, &error);
                self.apply(Event::DecodeFailed(id, notification));
            }
        }
    }

    /// What was not negotiated is ignored (RFC 2918 section 4, RFC 7313 section 5).
    fn route_refresh(&mut self, refresh: RouteRefresh) {
        let Some(negotiated) = self.peer.negotiated() else { return };
        let understood = match refresh.subtype {
            RouteRefresh::REQUEST => negotiated.route_refresh,
            RouteRefresh::BEGIN | RouteRefresh::END => negotiated.enhanced_route_refresh,
            _ => false,
        };
        if understood && negotiated.families.contains(refresh.family) {
            self.handler.route_refresh(refresh);
        }
    }

    pub(super) fn apply(&mut self, event: Event<'_>) {
        let mut effects = std::mem::take(&mut self.effects);
        self.peer.handle(clock(), event, &mut effects);
        self.carry_out(effects);
    }

    /// Carries out the effects in order and gives the empty buffer back.
    fn carry_out(&mut self, mut effects: Effects) {
        for effect in effects.drain() {
            match effect {
                Effect::Connect => {
                    self.view.facts().snapshot.attempts.dialed += 1;
                    self.dialing = Some(dial(&self.cfg));
                }
                Effect::Adopt => {
                    self.view.facts().snapshot.attempts.accepted += 1;
                    self.incoming = self.offered.take();
                }
                Effect::Refuse(cease) => {
                    self.view.facts().snapshot.attempts.refused += 1;
                    if let Some(mut link) = self.offered.take() {
                        link.send(cease);
                        self.close(link);
                    }
                }
                Effect::Send(id, frame) => {
                    if let Some(link) = self.link(id) {
                        link.send(frame);
                    }
                }
                Effect::Close(id) => match self.link_slot(id).take() {
                    Some(link) => self.close(link),
                    None => self.dialing = None,
                },
                Effect::Up(id, negotiated) => self.up(id, negotiated),
                Effect::Down(reason) => {
                    tracing::debug!(remote = %self.cfg.remote, %reason, "session down");
                    self.note_down(&reason);
                    self.handler.down(&reason);
                }
                Effect::StateChanged { from, to } => {
                    tracing::debug!(remote = %self.cfg.remote, %from, %to, "state changed");
                    self.note_transition(from, to);
                    self.show();
                    self.handler.state_changed(&self.view.snapshot());
                }
            }
        }
        self.effects = effects;
        self.show();
    }

    fn up(&mut self, id: ConnId, negotiated: Arc<Negotiated>) {
        let outbox = Outbox::new(self.cfg.outbox_high, self.cfg.outbox_low);
        let max_message = negotiated.max_received();
        let Some(link) = self.link(id) else { return };
        link.establish(max_message, outbox.clone());
        let (local, remote) = (link.local, link.remote);
        let hold = negotiated.hold_time.unwrap_or_default();
        link.set_user_timeout(send_hold(hold) + USER_TIMEOUT_MARGIN);
        let ifindex = match remote {
            SocketAddr::V6(remote) => remote.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        tracing::debug!(%remote, peer_as = negotiated.peer_as.0, "session established");
        self.view.facts().snapshot.established_count += 1;
        self.handler.established(&Established { negotiated, local, remote, ifindex }, outbox);
    }

    /// Lets a connection say what is queued and end; UPDATEs are not worth the time.
    fn close(&mut self, mut link: Link) {
        let had_session = link.outbox.is_some();
        link.seal();
        if self.closing.len() >= MAX_CLOSING && !had_session {
            // Someone opens connections faster than they can be refused in good manner.
            return;
        }
        self.closing.spawn(close(link, Arc::clone(&self.view)));
    }

    fn link(&mut self, id: ConnId) -> Option<&mut Link> {
        self.link_slot(id).as_mut()
    }

    fn link_slot(&mut self, id: ConnId) -> &mut Option<Link> {
        match id {
            ConnId::Outgoing => &mut self.outgoing,
            ConnId::Incoming => &mut self.incoming,
        }
    }

    pub(super) fn link_ref(&self, id: ConnId) -> Option<&Link> {
        match id {
            ConnId::Outgoing => self.outgoing.as_ref(),
            ConnId::Incoming => self.incoming.as_ref(),
        }
    }
}

/// The only place where the runner reads the clock; tokio's, so that tests can pause it.
pub(super) fn clock() -> Instant {
    TokioInstant::now().into_std()
}

async fn finished(dialing: &mut Option<Dialing>) -> io::Result<TcpStream> {
    match dialing {
        Some(attempt) => attempt.await,
        None => std::future::pending().await,
    }
}

async fn ready(link: Option<&Link>) {
    match link {
        // An error is seen again, and handled, by the read that follows.
        Some(link) => drop(link.ready().await),
        None => std::future::pending().await,
    }
}

async fn pushed(outgoing: Option<&Link>, incoming: Option<&Link>) {
    let outbox = [outgoing, incoming].into_iter().flatten().find_map(|link| link.outbox.as_ref());
    match outbox {
        Some(outbox) => outbox.pushed().await,
        None => std::future::pending().await,
    }
}

/// How much later than the send hold timer the kernel gives up.
const USER_TIMEOUT_MARGIN: Duration = Duration::from_secs(10);
/// A read after which others get their turn.
const LARGE_READ: usize = 64 << 10;
/// Connections without a session that may be saying goodbye at the same time.
const MAX_CLOSING: usize = 8;
