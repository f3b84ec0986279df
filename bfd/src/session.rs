//! One session in asynchronous mode, RFC 5880 sections 6.2 and 6.8.
//!
//! Owned by a runner that delivers packets and calls [`Session::poll_timers`] at
//! [`Session::next_deadline`]. The peer's packets drive the state; two deadlines do the rest: when to send
//! next (jittered) and when silence means failure. While not Up a session sends at most once a second;
//! on coming Up it announces its configured interval with a Poll Sequence, as it does for every later change.
//!
//! ```text
//!             heard Down             heard Init, Up
//!   Down ----------------> Init ----------------------> Up
//!    |  \------------ heard Init -------------------->  /
//!    <---- detection time, heard AdminDown (Init, Up), heard Down (Up) ---/
//! ```
//!
//! A change that would make the peer miss us (a longer interval, a shorter promise to listen) counts only
//! after the peer has answered the poll, section 6.8.3.
//!
//! Invariants: no packet has both P and F; the transmit deadline exists unless the peer asked for silence or
//! we are passive and unheard; leaving Up ends a Poll Sequence. Effects are in the order they must happen.

use std::num::NonZeroU8;
use std::time::{Duration, Instant};

use crate::packet::{ControlPacket, Diagnostic, Discriminator, State};

mod timing;

pub(crate) use timing::Jitter;
pub use timing::{Interval, SLOW};

/// Who speaks first, RFC 5880 section 6.1.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Hash)]
pub enum Role {
    /// Sends from the start. At least one end must be active.
    #[default]
    Active,
    /// Waits until the peer is heard.
    Passive,
}

/// What is configured for a session.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub struct SessionConfig {
    /// Who speaks first.
    pub role: Role,
    /// The shortest interval at which we send while Up.
    pub desired_min_tx: Interval,
    /// The shortest interval at which we can receive.
    pub required_min_rx: Interval,
    /// How many of our packets the peer may miss.
    pub detect_mult: NonZeroU8,
}

impl Default for SessionConfig {
    /// Active, 300 ms both ways, three packets.
    fn default() -> Self {
        let interval = Interval::from_millis(300).expect("300 ms is in range");
        Self {
            role: Role::Active,
            desired_min_tx: interval,
            required_min_rx: interval,
            detect_mult: const { NonZeroU8::new(3).expect("not zero") },
        }
    }
}

/// What happens to a session.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Event<'a> {
    /// A packet that [`crate::Demux`] gave to this session.
    Packet(&'a ControlPacket),
    /// The operator holds the session down; the peer is told.
    AdminDown,
    /// The operator lets it go.
    AdminUp,
    /// The link or path is known to be down: no need to wait for the detection time.
    PathDown,
    /// Other intervals or another multiplier; the session stays Up.
    Reconfigured(SessionConfig),
}

/// What is to be done, in this order.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Send this packet now.
    Transmit(ControlPacket),
    /// The state changed; tell whoever depends on the path.
    StateChanged {
        /// Before.
        from: State,
        /// Now.
        to: State,
        /// Why, when it is not Up.
        diagnostic: Diagnostic,
        /// The peer holds the session down by intent, which says nothing about forwarding: a protocol
        /// should not act on it (RFC 5882 section 3.2).
        is_peer_admin_down: bool,
    },
}

/// A session as an operator wants to see it.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Snapshot {
    /// Our state.
    pub state: State,
    /// The peer's state as last heard.
    pub remote_state: State,
    /// Why we last left Up.
    pub diagnostic: Diagnostic,
    /// Our discriminator.
    pub local: Discriminator,
    /// The peer's discriminator, when known.
    pub remote: Option<Discriminator>,
    /// Why the peer last left Up, as it says.
    pub remote_diagnostic: Diagnostic,
    /// The peer's BFD does not share fate with its control plane (the C bit): when it fails while the
    /// peer restarts gracefully, forwarding has failed too (RFC 5882 section 4.3).
    pub is_remote_independent: bool,
    /// The interval at which we send, before jitter; `None` while we keep silent.
    pub transmit_interval: Option<Duration>,
    /// The interval at which the peer is expected to send; `None` while nothing was heard.
    pub receive_interval: Option<Duration>,
    /// Silence of this length means failure; `None` while nothing was heard.
    pub detection_time: Option<Duration>,
    /// A Poll Sequence is under way.
    pub is_polling: bool,
}

/// A Poll Sequence, RFC 5880 section 6.5.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Poll {
    Idle,
    Active,
    /// Values changed again after the poll began: its answer may speak of the older ones.
    Again,
}

/// What the peer last said.
#[derive(Copy, Clone, Debug)]
struct Remote {
    state: State,
    discriminator: Option<Discriminator>,
    min_rx: u32,
    min_tx: u32,
    detect_mult: u8,
    demand: bool,
    diagnostic: Diagnostic,
    is_independent: bool,
}

impl Remote {
    /// Before the first packet, RFC 5880 section 6.8.1.
    const UNHEARD: Self = Self {
        state: State::Down,
        discriminator: None,
        min_rx: 1,
        min_tx: 0,
        detect_mult: 0,
        demand: false,
        diagnostic: Diagnostic::NONE,
        is_independent: false,
    };
}

/// One BFD session.
#[derive(Clone, Debug)]
pub struct Session {
    config: SessionConfig,
    local: Discriminator,
    state: State,
    diagnostic: Diagnostic,
    remote: Remote,
    poll: Poll,
    /// The interval in use for sending; differs from the announced one until a poll is answered.
    min_tx_in_use: Interval,
    /// The interval in use for the detection time, likewise.
    min_rx_in_use: Interval,
    jitter: Jitter,
    last_sent: Instant,
    transmit_at: Option<Instant>,
    detect_at: Option<Instant>,
    last_heard: Option<Instant>,
}

impl Session {
    /// A session that begins Down; an active one sends its first packet within the first second.
    /// `seed` feeds the jitter.
    pub fn new(config: SessionConfig, local: Discriminator, seed: u64, now: Instant) -> Self {
        let mut session = Self {
            config,
            local,
            state: State::Down,
            diagnostic: Diagnostic::NONE,
            remote: Remote::UNHEARD,
            poll: Poll::Idle,
            min_tx_in_use: config.desired_min_tx.max(SLOW),
            min_rx_in_use: config.required_min_rx,
            jitter: Jitter::new(seed),
            last_sent: now,
            transmit_at: None,
            detect_at: None,
            last_heard: None,
        };
        session.schedule_transmit();
        session
    }

    /// Take in an event. Effects are appended to `out`.
    pub fn handle(&mut self, now: Instant, event: Event<'_>, out: &mut Vec<Effect>) {
        match event {
            Event::Packet(packet) => self.received(now, packet, out),
            Event::AdminDown => {
                self.change_state(now, State::AdminDown, Diagnostic::ADMIN_DOWN, out);
            }
            Event::AdminUp if self.state == State::AdminDown => {
                self.change_state(now, State::Down, Diagnostic::NONE, out);
            }
            Event::AdminUp => {}
            Event::PathDown if matches!(self.state, State::Init | State::Up) => {
                self.change_state(now, State::Down, Diagnostic::PATH_DOWN, out);
            }
            Event::PathDown => {}
            Event::Reconfigured(config) => self.reconfigure(now, config, out),
        }
    }

    /// Do what is due at `now`. Effects are appended to `out`.
    pub fn poll_timers(&mut self, now: Instant, out: &mut Vec<Effect>) {
        if self.detect_at.is_some_and(|at| at <= now) {
            self.detect_at = None;
            self.last_heard = None;
            // RFC 5880 section 6.8.1: after a detection time of silence the peer is a stranger again.
            let Remote { state, diagnostic, is_independent, .. } = self.remote;
            self.remote = Remote { state, diagnostic, is_independent, ..Remote::UNHEARD };
            // RFC 5880 section 6.8.4: only Init and Up fail; Down has nothing to lose.
            if matches!(self.state, State::Init | State::Up) {
                self.change_state(now, State::Down, Diagnostic::TIME_EXPIRED, out);
            }
            self.schedule_transmit();
        }
        if self.transmit_at.is_some_and(|at| at <= now) {
            self.transmit(now, out);
        }
    }

    /// When [`Self::poll_timers`] has something to do; `None` when only a packet can change anything.
    pub fn next_deadline(&self) -> Option<Instant> {
        [self.transmit_at, self.detect_at].into_iter().flatten().min()
    }

    /// Our state.
    pub fn state(&self) -> State {
        self.state
    }

    /// Everything an operator may want to see.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            state: self.state,
            remote_state: self.remote.state,
            diagnostic: self.diagnostic,
            local: self.local,
            remote: self.remote.discriminator,
            remote_diagnostic: self.remote.diagnostic,
            is_remote_independent: self.remote.is_independent,
            transmit_interval: self.transmit_at.map(|_| self.transmit_interval()),
            receive_interval: self.last_heard.map(|_| self.receive_interval()),
            detection_time: self.last_heard.map(|_| self.detection_time()),
            is_polling: self.poll != Poll::Idle,
        }
    }

    /// RFC 5880 section 6.8.6, from where the session is known.
    fn received(&mut self, now: Instant, packet: &ControlPacket, out: &mut Vec<Effect>) {
        if packet.your_discriminator.is_some_and(|named| named != self.local) {
            return;
        }
        self.remote = Remote {
            state: packet.state,
            discriminator: Some(packet.my_discriminator),
            min_rx: packet.required_min_rx,
            min_tx: packet.desired_min_tx,
            detect_mult: packet.detect_mult.get(),
            demand: packet.demand,
            diagnostic: packet.diagnostic,
            is_independent: packet.control_plane_independent,
        };
        if packet.is_final {
            self.poll_answered();
        }
        if self.state == State::AdminDown {
            self.schedule_transmit();
            return;
        }
        self.last_heard = Some(now);
        self.schedule_detection();
        let down = Some((State::Down, Diagnostic::NEIGHBOR_DOWN));
        let up = Some((State::Up, Diagnostic::NONE));
        let change = match (self.state, packet.state) {
            (State::Init | State::Up, State::AdminDown) | (State::Up, State::Down) => down,
            (State::Down, State::Down) => Some((State::Init, self.diagnostic)),
            (State::Down | State::Init, State::Init) | (State::Init, State::Up) => up,
            (State::AdminDown, _)
            | (State::Down, State::AdminDown | State::Up)
            | (State::Init, State::Down)
            | (State::Up, State::Init | State::Up) => None,
        };
        if packet.poll {
            // The answer already tells the new state; it ignores every limit, section 6.8.7.
            if let Some((to, diagnostic)) = change {
                self.enter(to, diagnostic, out);
            }
            let answer = ControlPacket { poll: false, is_final: true, ..self.packet() };
            out.push(Effect::Transmit(answer));
            self.schedule_transmit();
        } else if let Some((to, diagnostic)) = change {
            self.change_state(now, to, diagnostic, out);
        } else {
            self.schedule_transmit();
        }
    }

    fn reconfigure(&mut self, now: Instant, config: SessionConfig, out: &mut Vec<Effect>) {
        let old = std::mem::replace(&mut self.config, config);
        if self.state != State::Up {
            self.min_tx_in_use = config.desired_min_tx.max(SLOW);
            self.min_rx_in_use = config.required_min_rx;
        } else if old.desired_min_tx != config.desired_min_tx
            || old.required_min_rx != config.required_min_rx
        {
            // Section 6.8.3: sending more often and listening longer may begin at once.
            self.min_tx_in_use = self.min_tx_in_use.min(config.desired_min_tx);
            self.min_rx_in_use = self.min_rx_in_use.max(config.required_min_rx);
            self.begin_poll();
        }
        self.schedule_detection();
        if old != config && self.may_transmit() {
            self.transmit(now, out);
        } else {
            self.schedule_transmit();
        }
    }

    fn begin_poll(&mut self) {
        self.poll = match self.poll {
            Poll::Idle => Poll::Active,
            Poll::Active | Poll::Again => Poll::Again,
        };
    }

    fn poll_answered(&mut self) {
        match self.poll {
            Poll::Idle => {}
            Poll::Active => {
                self.poll = Poll::Idle;
                self.min_tx_in_use = self.announced_min_tx();
                self.min_rx_in_use = self.config.required_min_rx;
            }
            Poll::Again => self.poll = Poll::Active,
        }
    }

    /// Change the state and tell the peer at once, section 6.8.7.
    fn change_state(
        &mut self,
        now: Instant,
        to: State,
        diagnostic: Diagnostic,
        out: &mut Vec<Effect>,
    ) {
        if self.state == to {
            return;
        }
        self.enter(to, diagnostic, out);
        if self.may_transmit() {
            self.transmit(now, out);
        } else {
            self.schedule_transmit();
        }
    }

    fn enter(&mut self, to: State, diagnostic: Diagnostic, out: &mut Vec<Effect>) {
        let from = std::mem::replace(&mut self.state, to);
        self.diagnostic = diagnostic;
        if to == State::AdminDown {
            self.detect_at = None;
            self.last_heard = None;
        }
        if to == State::Up {
            // We may send faster from now on; the peer learns it by a poll.
            self.min_tx_in_use = self.config.desired_min_tx;
            if self.config.desired_min_tx < SLOW {
                self.begin_poll();
            }
        } else {
            self.poll = Poll::Idle;
            self.min_tx_in_use = self.announced_min_tx();
            self.min_rx_in_use = self.config.required_min_rx;
        }
        self.schedule_detection();
        out.push(Effect::StateChanged {
            from,
            to,
            diagnostic,
            is_peer_admin_down: self.remote.state == State::AdminDown,
        });
    }

    /// Section 6.8.3: at least one second while not Up.
    fn announced_min_tx(&self) -> Interval {
        match self.state {
            State::Up => self.config.desired_min_tx,
            _ => self.config.desired_min_tx.max(SLOW),
        }
    }

    fn transmit(&mut self, now: Instant, out: &mut Vec<Effect>) {
        out.push(Effect::Transmit(self.packet()));
        self.last_sent = now;
        self.jitter.roll();
        self.schedule_transmit();
    }

    fn packet(&self) -> ControlPacket {
        ControlPacket {
            diagnostic: self.diagnostic,
            state: self.state,
            poll: self.poll != Poll::Idle,
            is_final: false,
            control_plane_independent: false,
            demand: false,
            detect_mult: self.config.detect_mult,
            my_discriminator: self.local,
            your_discriminator: self.remote.discriminator,
            desired_min_tx: self.announced_min_tx().micros(),
            required_min_rx: self.config.required_min_rx.micros(),
            required_min_echo_rx: 0,
        }
    }

    /// Section 6.8.7: a passive end says nothing before the peer is heard.
    fn may_transmit(&self) -> bool {
        self.config.role == Role::Active || self.remote.discriminator.is_some()
    }

    /// Section 6.8.7: when periodic packets must not be sent; a change of state is told all the same.
    fn may_transmit_periodically(&self) -> bool {
        let both_up = self.state == State::Up && self.remote.state == State::Up;
        let silenced = self.remote.demand && both_up && self.poll == Poll::Idle;
        self.may_transmit() && self.remote.min_rx != 0 && !silenced
    }

    fn schedule_transmit(&mut self) {
        let interval = self.jitter.shorten(self.transmit_interval(), self.config.detect_mult);
        self.transmit_at = self.may_transmit_periodically().then(|| self.last_sent + interval);
    }

    fn schedule_detection(&mut self) {
        self.detect_at = self.last_heard.map(|at| at + self.detection_time());
    }

    /// Section 6.8.2: the slower of what we wish and what the peer can take.
    fn transmit_interval(&self) -> Duration {
        Duration::from_micros(u64::from(self.min_tx_in_use.micros().max(self.remote.min_rx)))
    }

    /// Section 6.8.4: the peer's multiplier times the agreed interval of its packets.
    fn detection_time(&self) -> Duration {
        self.receive_interval() * u32::from(self.remote.detect_mult)
    }

    /// The slower of what we can take and what the peer wishes.
    fn receive_interval(&self) -> Duration {
        Duration::from_micros(u64::from(self.min_rx_in_use.micros().max(self.remote.min_tx)))
    }
}

#[cfg(test)]
mod tests;
