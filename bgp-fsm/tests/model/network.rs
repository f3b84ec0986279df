//! Two speakers on a virtual network in virtual time.
//!
//! What for: the laws of a peering under everything a network and two operators can do.
//! Where: driven by the proptest beside it, by the fuzz target `fsm`, and by scripted scenarios.
//! How: each side is a `Shell` around a `Peer`. Connections have latencies of their own, so they
//! overtake each other; what is sent on one stays in order. [`target`] reads operations from octets,
//! disturbs, then lets the network heal and looks whether the two find each other.
//! Invariants checked here: a refused or adopted connection is the offered one; 4/0 is sent when the
//! hold time since the peer was last heard is over, exactly then if the clock did not jump; healed,
//! both are Established on one and the same connection, and stay so; a poll before a deadline does
//! nothing. `Shell` checks the contract of the effects.
//! References: RFC 4271 sections 6.8 and 8, RFC 4724, RFC 7606.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use bgp_fsm::restart::GracefulRestart;
use bgp_fsm::{
    ConnId, DownReason, Event, HoldTime, Message, Peer, PeerConfig, RemoteAs, StateName, StopReason,
};
use bgp_wire::{Asn, Family, Message as Decoded, Notification};
use bytes::Bytes;

use crate::shell::{Action, Shell};

/// One of the two speakers.
pub(crate) type Side = usize;

/// TCP gives up an attempt to connect after this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest way back to a session: an OPEN hold time of 240 s, then a rest of 120 s, both with a
/// retry behind them, and once more for the other side.
const HEALING: Duration = Duration::from_secs(1500);

#[derive(Debug)]
pub(crate) enum Delivery {
    /// The SYN arrives.
    Syn {
        wire: u32,
    },
    /// The answer to the SYN arrives, or the attempt has timed out.
    SynAck {
        wire: u32,
    },
    Frame {
        wire: u32,
        to: Side,
        frame: Bytes,
    },
    /// The other end is closed: orderly, or with an RST.
    End {
        wire: u32,
        to: Side,
        reset: bool,
    },
}

/// A TCP connection.
#[derive(Debug)]
struct Wire {
    /// Who opened it.
    opener: Side,
    /// Opened by a stranger with the opener's address: that end says nothing.
    mute: bool,
    /// Which ends are open.
    open: [bool; 2],
    /// One way.
    latency: Duration,
    /// How much longer what each side sends is on its way.
    slower: [Duration; 2],
    /// Nothing arrives any more, and nobody is told.
    silent: bool,
}

pub(crate) struct Net {
    pub(crate) now: Instant,
    pub(crate) shells: [Shell; 2],
    wires: BTreeMap<u32, Wire>,
    /// The attempt under way, by side.
    attempts: [Option<u32>; 2],
    queue: BTreeMap<(Instant, u64), Delivery>,
    sequence: u64,
    pub(crate) latency: Duration,
    /// How much longer what each side sends on new connections is on its way: a busy process.
    pub(crate) slower: [Duration; 2],
    /// SYNs are lost until then.
    partitioned_until: Instant,
    /// This side refuses connections until then.
    refusing_until: [Instant; 2],
    /// When the peer was last heard in Established.
    heard: [Instant; 2],
    /// The clock has jumped since: deadlines were met late.
    jumped: [bool; 2],
}

impl Net {
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of a test")]
    pub(crate) fn new(peers: [Peer; 2], latency: Duration) -> Self {
        let now = Instant::now();
        Self {
            now,
            shells: peers.map(Shell::new),
            wires: BTreeMap::new(),
            attempts: [None; 2],
            queue: BTreeMap::new(),
            sequence: 0,
            latency,
            slower: [Duration::ZERO; 2],
            partitioned_until: now,
            refusing_until: [now; 2],
            heard: [now; 2],
            jumped: [false; 2],
        }
    }

    fn after(&mut self, wait: Duration, delivery: Delivery) {
        self.sequence += 1;
        self.queue.insert((self.now + wait, self.sequence), delivery);
    }

    /// Lets time pass, everything on time.
    pub(crate) fn run(&mut self, wait: Duration) {
        let end = self.now + wait;
        while self.step(end) {}
        self.now = end;
    }

    /// The next thing until `end`; `false` when there is none.
    fn step(&mut self, end: Instant) -> bool {
        let delivery = self.queue.first_key_value().map(|(&(at, _), _)| at);
        let timer = self.shells.iter().filter_map(|s| s.peer.next_deadline()).min();
        let Some(next) = [delivery, timer].into_iter().flatten().min().filter(|at| *at <= end)
        else {
            return false;
        };
        self.now = self.now.max(next);
        if delivery == Some(next) {
            let (_, delivery) = self.queue.pop_first().unwrap();
            self.deliver(delivery);
        } else {
            self.poll([0, 1]);
        }
        true
    }

    fn poll(&mut self, order: [Side; 2]) {
        for side in order {
            let actions = self.shells[side].poll_timers(self.now);
            self.act(side, actions, None);
        }
    }

    /// The clock leaps forward: many things are due at once, timers before or after what arrived.
    pub(crate) fn jump(&mut self, leap: Duration, timers_first: bool) {
        self.now += leap;
        self.jumped = [true; 2];
        if timers_first {
            self.poll([1, 0]);
        }
    }

    /// Before its deadline nothing happens, however often one asks.
    pub(crate) fn poll_early(&mut self) {
        for side in [0, 1] {
            if self.shells[side].peer.next_deadline().is_none_or(|at| at > self.now) {
                let actions = self.shells[side].poll_timers(self.now);
                assert!(actions.is_empty(), "a timer has fired early: {actions:?}");
            }
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Syn { wire } => self.syn(wire),
            Delivery::SynAck { wire } => self.syn_ack(wire),
            Delivery::Frame { wire, to, frame } => self.frame(wire, to, &frame),
            Delivery::End { wire, to, reset } => {
                if self.wires[&wire].silent {
                    return;
                }
                if let Some(id) = self.id_at(wire, to) {
                    self.close_end(wire, to);
                    self.event(to, Event::Closed(id, reset.then_some("reset")), None);
                }
            }
        }
    }

    fn syn(&mut self, wire: u32) {
        let side = 1 - self.wires[&wire].opener;
        if self.now >= self.partitioned_until && self.now >= self.refusing_until[side] {
            self.wires.get_mut(&wire).unwrap().open[side] = true;
            self.event(side, Event::Accepted, Some(wire));
        }
    }

    fn syn_ack(&mut self, wire: u32) {
        // Given up meanwhile?
        let Some(side) = self.attempts.iter().position(|&a| a == Some(wire)) else { return };
        // The listener's end may be closed again: its frames and its end are on their way.
        let told = self.queue.values().any(|d| match d {
            Delivery::Frame { wire: of, .. } | Delivery::End { wire: of, .. } => *of == wire,
            Delivery::Syn { .. } | Delivery::SynAck { .. } => false,
        });
        let state = self.wires.get_mut(&wire).unwrap();
        let answered = !state.silent && (state.open[1 - side] || told);
        if answered {
            self.attempts[side] = None;
            state.open[side] = true;
            self.event(side, Event::Connected, None);
        } else if self.now < self.refusing_until[1 - side] {
            self.attempts[side] = None;
            self.event(side, Event::ConnectFailed("refused"), None);
        } else if state.latency < CONNECT_TIMEOUT {
            // Nothing yet; TCP tries until it is tired.
            state.latency = CONNECT_TIMEOUT;
            self.after(CONNECT_TIMEOUT, Delivery::SynAck { wire });
        } else {
            self.attempts[side] = None;
            self.event(side, Event::ConnectFailed("timed out"), None);
        }
    }

    fn frame(&mut self, wire: u32, to: Side, frame: &[u8]) {
        let state = &self.wires[&wire];
        if state.silent || (state.mute && state.opener == to) {
            return;
        }
        let Some(id) = self.id_at(wire, to) else {
            // Nobody is there any more: an RST.
            let latency = self.wires[&wire].latency;
            self.after(latency, Delivery::End { wire, to: 1 - to, reset: true });
            return;
        };
        let is_up = self.shells[to].peer.established() == Some(id);
        if is_up {
            self.heard[to] = self.now;
        }
        match Decoded::decode(frame).unwrap() {
            Decoded::Open(open) => {
                self.event(to, Event::Message(id, Message::Open(&open)), None);
            }
            Decoded::Keepalive | Decoded::Update(_) if is_up => {
                self.shells[to].peer.heard(self.now);
            }
            Decoded::Keepalive => self.event(to, Event::Message(id, Message::Keepalive), None),
            Decoded::Update(_) => self.event(to, Event::Message(id, Message::Update), None),
            Decoded::Notification(n) => {
                self.event(to, Event::Message(id, Message::Notification(&n)), None);
            }
            other @ Decoded::RouteRefresh(_) => panic!("nobody sends {other:?} here"),
        }
    }

    pub(crate) fn event(&mut self, side: Side, event: Event<'_>, offered: Option<u32>) {
        let actions = self.shells[side].handle(self.now, event);
        self.act(side, actions, offered);
    }

    fn act(&mut self, side: Side, actions: Vec<Action>, mut offered: Option<u32>) {
        // Until it is adopted, the offered connection is not this side's incoming one.
        let mut pending = VecDeque::from(actions);
        while let Some(action) = pending.pop_front() {
            match action {
                Action::Connect => self.connect(side),
                Action::GiveUp => {
                    let wire = self.attempts[side].take().unwrap();
                    self.end(wire, side, false);
                }
                Action::Adopt => offered = None,
                Action::Refuse(frame) => {
                    let wire = offered.take().unwrap();
                    self.write(wire, side, frame);
                    self.end(wire, side, false);
                }
                Action::Send(id, frame) => {
                    let wire = self.wire_of(side, id, offered);
                    self.write(wire, side, frame);
                    self.shells[side].peer.sent(self.now);
                }
                Action::Close(id) => {
                    let wire = self.wire_of(side, id, offered);
                    self.end(wire, side, false);
                }
                Action::Up => {
                    (self.heard[side], self.jumped[side]) = (self.now, false);
                }
                Action::Down(reason, hold) => self.check_hold(side, &reason, hold),
            }
        }
    }

    /// 4/0 says that nothing was heard for the hold time: true, and said at once.
    fn check_hold(&self, side: Side, reason: &DownReason, hold: Option<Duration>) {
        let DownReason::Sent(sent) = reason else { return };
        if sent.code == 4 {
            let silence = self.now - self.heard[side];
            let hold = hold.expect("no hold timer without a hold time");
            assert!(silence >= hold, "hold timer after {silence:?} of {hold:?}");
            assert!(self.jumped[side] || silence == hold, "late: {silence:?} of {hold:?}");
        }
    }

    fn connect(&mut self, side: Side) {
        let wire = self.add_wire(side, false);
        self.attempts[side] = Some(wire);
        let latency = self.wires[&wire].latency;
        self.after(latency, Delivery::Syn { wire });
        self.after(latency * 2, Delivery::SynAck { wire });
    }

    fn add_wire(&mut self, opener: Side, mute: bool) -> u32 {
        self.sequence += 1;
        let wire = u32::try_from(self.sequence).unwrap();
        let state = Wire {
            opener,
            mute,
            open: [false; 2],
            latency: self.latency,
            slower: self.slower,
            silent: false,
        };
        self.wires.insert(wire, state);
        wire
    }

    fn write(&mut self, wire: u32, from: Side, frame: Bytes) {
        let wait = self.wires[&wire].latency + self.wires[&wire].slower[from];
        self.after(wait, Delivery::Frame { wire, to: 1 - from, frame });
    }

    /// `side` closes its end and the other is told.
    fn end(&mut self, wire: u32, side: Side, reset: bool) {
        self.close_end(wire, side);
        let wait = self.wires[&wire].latency + self.wires[&wire].slower[side];
        self.after(wait, Delivery::End { wire, to: 1 - side, reset });
    }

    fn close_end(&mut self, wire: u32, side: Side) {
        self.wires.get_mut(&wire).unwrap().open[side] = false;
    }

    /// What `side` calls an open connection.
    fn id_at(&self, wire: u32, side: Side) -> Option<ConnId> {
        let state = self.wires.get(&wire)?;
        if state.mute && state.opener == side {
            return None;
        }
        let id = if state.opener == side { ConnId::Outgoing } else { ConnId::Incoming };
        state.open[side].then_some(id)
    }

    fn wire_of(&self, side: Side, id: ConnId, offered: Option<u32>) -> u32 {
        let mut wires = self
            .wires
            .keys()
            .copied()
            .filter(|&wire| offered != Some(wire) && self.id_at(wire, side) == Some(id));
        let wire = wires.next().expect("the connection is open");
        assert_eq!(wires.next(), None, "one connection a direction");
        wire
    }

    fn open_wires(&self) -> Vec<u32> {
        let open = |wire: &Wire| wire.open != [false; 2];
        self.wires.iter().filter(|(_, wire)| open(wire)).map(|(id, _)| *id).collect()
    }

    /// Every connection breaks; both ends are told at once.
    pub(crate) fn break_all(&mut self) {
        for (wire, to) in self.open_wires().into_iter().flat_map(|wire| [(wire, 0), (wire, 1)]) {
            if let Some(id) = self.id_at(wire, to) {
                self.close_end(wire, to);
                self.event(to, Event::Closed(id, Some("reset")), None);
            }
        }
    }

    /// Nothing arrives on the connections there are, in either direction, and nobody is told.
    pub(crate) fn silence_all(&mut self) {
        for wire in self.open_wires() {
            self.wires.get_mut(&wire).unwrap().silent = true;
        }
    }

    /// For this long nobody can connect.
    pub(crate) fn partition(&mut self, wait: Duration) {
        self.partitioned_until = self.now + wait;
    }

    /// For this long `side` refuses connections.
    pub(crate) fn refuse(&mut self, side: Side, wait: Duration) {
        self.refusing_until[side] = self.now + wait;
    }

    /// The process of `side` dies and starts again. Its kernel resets its connections, or has died
    /// with it: then only what still comes is answered with an RST.
    pub(crate) fn crash(&mut self, side: Side, seed: u64, reset: bool) {
        for wire in self.open_wires() {
            if self.id_at(wire, side).is_some() {
                if reset {
                    self.end(wire, side, true);
                } else {
                    self.close_end(wire, side);
                }
            }
        }
        if let Some(wire) = self.attempts[side].take() {
            self.close_end(wire, side);
        }
        let cfg = self.shells[side].peer.config().clone();
        self.shells[side] = Shell::new(Peer::new(cfg, seed));
        self.event(side, Event::Start, None);
    }

    /// Someone connects from the peer's address, and then says nothing.
    pub(crate) fn intrude(&mut self, side: Side) {
        let wire = self.add_wire(1 - side, true);
        self.wires.get_mut(&wire).unwrap().open = [true; 2];
        self.event(side, Event::Accepted, Some(wire));
    }

    /// The peer of `side` sends something wrong on a connection it has.
    pub(crate) fn garble(&mut self, side: Side, id: ConnId, code: u8) {
        if self.shells[side].is_open(id) {
            self.event(side, Event::DecodeFailed(id, Notification::new(code, 1)), None);
        }
    }

    /// A route goes over the session of `side`.
    pub(crate) fn update(&mut self, side: Side) {
        if let Some(id) = self.shells[side].peer.established() {
            let wire = self.wire_of(side, id, None);
            self.write(wire, side, Bytes::from_static(&END_OF_RIB));
            self.shells[side].peer.sent(self.now);
        }
    }

    pub(crate) fn reconfigure(&mut self, side: Side, change: impl FnOnce(&mut PeerConfig)) {
        let mut cfg = self.shells[side].peer.config().clone();
        change(&mut cfg);
        self.event(side, Event::Reconfigured(cfg), None);
    }

    pub(crate) fn assert_one_session(&self) {
        let states = self.shells.each_ref().map(|shell| shell.peer.state());
        assert_eq!(states, [StateName::Established; 2]);
        let [a, b] = self.shells.each_ref().map(|shell| shell.peer.established().unwrap());
        assert_eq!(a, b.other(), "both ends of one connection");
        let wires = [self.wire_of(0, a, None), self.wire_of(1, b, None)];
        assert_eq!(wires[0], wires[1], "both ends of one connection");
        let ends = self.wires.keys().flat_map(|&wire| [self.id_at(wire, 0), self.id_at(wire, 1)]);
        assert_eq!(ends.flatten().count(), 2, "no other connection is left");
        for shell in &self.shells {
            assert_eq!(shell.ups, shell.downs + 1);
        }
    }

    /// Disturbances are over and both want a session: they get one and keep it.
    pub(crate) fn heal(&mut self) {
        self.partitioned_until = self.now;
        self.refusing_until = [self.now; 2];
        // A handshake needs less than the shortest hold time.
        self.latency = self.latency.min(Duration::from_millis(700));
        self.slower = [Duration::ZERO; 2];
        for side in [0, 1] {
            self.event(side, Event::Start, None);
        }
        self.run(HEALING);
        self.assert_one_session();
        let ups = self.shells.each_ref().map(|shell| shell.ups);
        self.run(Duration::from_secs(3600));
        self.assert_one_session();
        assert_eq!(self.shells.each_ref().map(|shell| shell.ups), ups, "it did not last");
        // What is closed at both ends is history; the books must not grow for ever.
        assert!(self.queue.len() < 16, "{} deliveries wait", self.queue.len());
    }
}

/// Two speakers of neighbouring ASes; `change` bends their configuration.
pub(crate) fn speakers(seed: u64, change: impl Fn(Side, &mut PeerConfig)) -> [Peer; 2] {
    [0u8, 1].map(|side| {
        let id = Ipv4Addr::new(10, 0, 0, 1 + side);
        let asn = Asn(65001 + u32::from(side));
        let mut cfg = PeerConfig::new(asn, RemoteAs::External, id);
        cfg.connect_retry = Duration::from_secs(10);
        change(side.into(), &mut cfg);
        Peer::new(cfg, seed.wrapping_add(side.into()))
    })
}

/// Input: four octets of configuration, then operations of three octets each.
pub(crate) fn target(data: &[u8]) {
    let [seed, latency, passive, holds, operations @ ..] = data else { return };
    let hold = |side: Side| HOLDS[usize::from(*holds >> (4 * side)) % HOLDS.len()];
    let peers = speakers(u64::from(*seed), |side, cfg| {
        cfg.passive = side == usize::from(passive % 3);
        cfg.delay_open =
            (passive & 0x80 != 0).then(|| Duration::from_secs(1 + u64::from(*seed % 8)));
        cfg.hold_time = HoldTime::from_secs(hold(side));
        cfg.graceful_restart = (passive & 0x20 != 0)
            .then_some(GracefulRestart { restart_time: 120, long_lived: Some(3600) });
        if passive & 0x40 != 0 {
            // Equal identifiers: the AS numbers decide (RFC 6286).
            cfg.router_id = Ipv4Addr::new(10, 0, 0, 9);
        }
    });
    let mut net = Net::new(peers, Duration::from_millis(1 + 3 * u64::from(*latency)));
    for side in [0, 1] {
        net.event(side, Event::Start, None);
    }
    let (operations, _) = operations.as_chunks::<3>();
    // Bounded work for any input.
    for operation in operations.iter().take(200) {
        operate(&mut net, *operation);
    }
    for side in [0, 1] {
        net.reconfigure(side, |cfg| {
            cfg.passive = side == usize::from(passive % 3);
            cfg.remote_as = RemoteAs::External;
            cfg.hold_time = HoldTime::from_secs(hold(side));
            cfg.connect_retry = Duration::from_secs(10);
        });
    }
    net.heal();
}

/// One disturbance, and time for it to act.
fn operate(net: &mut Net, [what, how, wait]: [u8; 3]) {
    let side = usize::from(how & 1);
    let id = if how & 2 == 0 { ConnId::Outgoing } else { ConnId::Incoming };
    let seconds = Duration::from_secs(u64::from(how));
    match what % 21 {
        0 => net.run(seconds * 2),
        1 => net.jump(seconds * 10, how & 1 == 0),
        2 => net.event(side, Event::Stop(reason(how >> 1)), None),
        3 => net.event(side, Event::Start, None),
        4 => net.event(side, Event::Restart(reason(how >> 1)), None),
        5 => net.break_all(),
        6 => net.silence_all(),
        7 => net.partition(seconds),
        8 => net.refuse(side, seconds),
        9 => net.crash(side, seconds.as_secs(), true),
        10 => net.crash(side, seconds.as_secs(), false),
        11 => net.intrude(side),
        12 => net.garble(side, id, 1 + (how >> 2) % 3),
        13 => net.update(side),
        14 => net.poll_early(),
        15 => net.latency = Duration::from_millis(1 + 7 * u64::from(how)),
        16 => net.reconfigure(side, |cfg| {
            cfg.hold_time = HoldTime::from_secs(HOLDS[usize::from(how >> 1) % HOLDS.len()]);
        }),
        17 => net.reconfigure(side, |cfg| cfg.passive = how & 2 != 0),
        18 => net.reconfigure(side, |cfg| {
            let wrong = RemoteAs::Asn(Asn(65099));
            cfg.remote_as = if how & 2 == 0 { wrong } else { RemoteAs::External };
        }),
        19 => net.slower[side] = Duration::from_millis(7 * u64::from(how)),
        _ => net.reconfigure(side, |cfg| cfg.connect_retry = seconds / 2),
    }
    // Short waits, so that the next disturbance meets a handshake under way.
    net.run(Duration::from_millis(u64::from(wait) * u64::from(wait) / 8));
}

/// Why a session is to end.
fn reason(choice: u8) -> StopReason {
    match choice % 5 {
        0 => StopReason::AdministrativeShutdown(None),
        1 => StopReason::AdministrativeReset(Some("again".into())),
        2 => StopReason::BfdDown,
        3 => StopReason::Restarting(None),
        _ => StopReason::MaximumPrefixes { family: Family::IPV4_UNICAST, bound: 1 },
    }
}

/// Hold times in seconds. Not 0: who has no hold timer cannot notice that a peer is silent.
const HOLDS: [u16; 5] = [90, 3, 9, 30, 240];
/// A whole UPDATE.
const END_OF_RIB: [u8; 23] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0, 23, 2, 0, 0, 0, 0,
];
