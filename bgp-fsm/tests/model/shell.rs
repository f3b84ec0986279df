//! A shell that owns nothing: it plays the part of the runner for one `Peer`, keeps the books of
//! connections and sessions, and fails when an effect breaks the contract of `effect.rs`.

use std::time::{Duration, Instant};

use bgp_fsm::{ConnId, DownReason, Effect, Effects, Event, Peer, StateName};
use bgp_wire::{Framed, KEEPALIVE, MAX_MESSAGE, Message, next_frame};
use bytes::Bytes;

/// What the outside world sees of a handled event.
#[derive(Debug)]
pub(crate) enum Action {
    Connect,
    GiveUp,
    Adopt,
    Refuse(Bytes),
    Send(ConnId, Bytes),
    Close(ConnId),
    Up,
    /// With the hold time of the session that ended.
    Down(DownReason, Option<Duration>),
}

pub(crate) struct Shell {
    pub(crate) peer: Peer,
    pub(crate) dialing: bool,
    open: [bool; 2],
    up: Option<ConnId>,
    hold_time: Option<Duration>,
    /// When the last KEEPALIVE left, by connection.
    keepalive: [Option<Instant>; 2],
    pub(crate) ups: u32,
    pub(crate) downs: u32,
    state: StateName,
}

impl Shell {
    pub(crate) fn new(peer: Peer) -> Self {
        let state = peer.state();
        Self {
            peer,
            dialing: false,
            open: [false; 2],
            up: None,
            hold_time: None,
            keepalive: [None; 2],
            ups: 0,
            downs: 0,
            state,
        }
    }

    pub(crate) fn is_open(&self, id: ConnId) -> bool {
        self.open[id as usize]
    }

    pub(crate) fn handle(&mut self, now: Instant, event: Event<'_>) -> Vec<Action> {
        let offered = matches!(event, Event::Accepted);
        match event {
            Event::Connected => {
                assert!(std::mem::take(&mut self.dialing));
                self.open[ConnId::Outgoing as usize] = true;
            }
            Event::ConnectFailed(_) => assert!(std::mem::take(&mut self.dialing)),
            Event::Closed(id, _) => {
                assert!(std::mem::take(&mut self.open[id as usize]));
                self.keepalive[id as usize] = None;
            }
            _ => {}
        }
        let mut out = Effects::new();
        self.peer.handle(now, event, &mut out);
        self.check(now, out, offered)
    }

    pub(crate) fn poll_timers(&mut self, now: Instant) -> Vec<Action> {
        let mut out = Effects::new();
        self.peer.poll_timers(now, &mut out);
        let actions = self.check(now, out, false);
        assert!(self.peer.next_deadline().is_none_or(|at| at > now), "a due timer is left");
        actions
    }

    fn check(&mut self, now: Instant, mut out: Effects, mut offered: bool) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut changes = 0;
        for effect in out.drain() {
            match effect {
                Effect::Connect => {
                    assert!(!self.dialing && !self.is_open(ConnId::Outgoing), "dials twice");
                    self.dialing = true;
                    actions.push(Action::Connect);
                }
                Effect::Adopt => {
                    assert!(std::mem::take(&mut offered), "adopts what was not offered");
                    assert!(!self.is_open(ConnId::Incoming), "adopts over an open connection");
                    self.open[ConnId::Incoming as usize] = true;
                    actions.push(Action::Adopt);
                }
                Effect::Refuse(frame) => {
                    assert!(std::mem::take(&mut offered), "refuses what was not offered");
                    assert_frame(&frame);
                    actions.push(Action::Refuse(frame));
                }
                Effect::Send(id, frame) => {
                    assert!(self.is_open(id), "sends on a connection that is not open");
                    assert_frame(&frame);
                    self.check_cadence(now, id, &frame);
                    actions.push(Action::Send(id, frame));
                }
                Effect::Close(id) => {
                    self.keepalive[id as usize] = None;
                    if std::mem::take(&mut self.open[id as usize]) {
                        actions.push(Action::Close(id));
                    } else {
                        assert!(id == ConnId::Outgoing && self.dialing, "closes what is not open");
                        self.dialing = false;
                        actions.push(Action::GiveUp);
                    }
                }
                Effect::Up(id, negotiated) => {
                    assert!(self.is_open(id), "up without a connection");
                    assert_eq!(self.up.replace(id), None, "two sessions at once");
                    self.hold_time = negotiated.hold_time;
                    self.ups += 1;
                    actions.push(Action::Up);
                }
                Effect::Down(reason) => {
                    let id = self.up.take().expect("down without up");
                    assert!(!self.is_open(id), "down before the connection is closed");
                    self.downs += 1;
                    actions.push(Action::Down(reason, self.hold_time));
                }
                Effect::StateChanged { from, to } => {
                    assert_eq!(from, self.state);
                    assert_ne!(from, to);
                    self.state = to;
                    changes += 1;
                }
            }
        }
        assert!(!offered, "an offered connection got no answer");
        assert!(changes <= 1);
        assert_eq!(self.state, self.peer.state());
        assert_eq!(self.peer.established(), self.up);
        assert_eq!(self.up.is_some(), self.state == StateName::Established);
        self.check_deadline(now);
        actions
    }

    /// Never more than one KEEPALIVE a second (RFC 4271 section 4.4).
    fn check_cadence(&mut self, now: Instant, id: ConnId, frame: &[u8]) {
        if frame == KEEPALIVE
            && let Some(before) = self.keepalive[id as usize].replace(now)
        {
            let gap = now - before;
            assert!(gap >= Duration::from_secs(1), "two KEEPALIVEs in {gap:?}");
        }
    }

    /// A running peer always waits for something that will come by itself. The exceptions are a
    /// passive one that listens, and sessions without a hold time.
    fn check_deadline(&self, now: Instant) {
        let holdless = [ConnId::Outgoing, ConnId::Incoming].into_iter().any(|id| {
            let negotiated = self.peer.connection(id).and_then(|fsm| fsm.negotiated());
            negotiated.is_some_and(|n| n.hold_time.is_none())
        });
        let listens = self.peer.config().passive && self.state == StateName::Active;
        match self.peer.next_deadline() {
            None if self.peer.is_running() => {
                assert!(holdless || listens, "stuck in {}", self.state)
            }
            None => assert_eq!(self.state, StateName::Idle),
            Some(at) => {
                assert!(self.peer.is_running(), "a stopped peer has a timer");
                assert!(at.saturating_duration_since(now).as_secs() <= 600, "{at:?}");
            }
        }
    }
}

/// One whole message that a peer can decode.
fn assert_frame(frame: &[u8]) {
    match next_frame(frame, MAX_MESSAGE) {
        Ok(Framed::Message { frame: whole, .. }) => assert_eq!(whole.len(), frame.len()),
        other => panic!("not a whole message: {other:?}"),
    }
    Message::decode(frame).expect("what we send can be decoded");
}
