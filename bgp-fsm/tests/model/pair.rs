//! Two peers on a virtual network in virtual time: connections take time, break, are refused; either
//! side stops and starts. When the disturbance is over they must find each other, on one and the
//! same connection.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use bgp_fsm::{ConnId, Event, Message, Peer, PeerConfig, RemoteAs, StateName, StopReason};
use bgp_wire::{Asn, Message as Decoded};
use bytes::Bytes;
use proptest::prelude::*;

use crate::shell::{Action, Shell};

/// One of the two speakers.
type Side = usize;

#[derive(Debug)]
enum Delivery {
    /// The SYN arrives at the other side.
    Syn {
        wire: u32,
    },
    /// The SYN is answered, or not.
    SynAck {
        wire: u32,
    },
    Frame {
        wire: u32,
        to: Side,
        frame: Bytes,
    },
    Fin {
        wire: u32,
        to: Side,
    },
    Disturb(Disturbance),
}

#[derive(Clone, Debug)]
enum Disturbance {
    Stop(Side),
    Start(Side),
    Restart(Side),
    /// Every connection breaks, both ends see it.
    Break,
    /// For this many seconds nobody can connect.
    Partition(u64),
}

/// A TCP connection: who opened it and which ends are open.
struct Wire {
    opener: Side,
    open: [bool; 2],
}

struct Net {
    now: Instant,
    shells: [Shell; 2],
    wires: BTreeMap<u32, Wire>,
    /// The attempt under way, by side.
    attempts: [Option<u32>; 2],
    queue: BTreeMap<(Instant, u64), Delivery>,
    sequence: u64,
    latency: Duration,
    partitioned_until: Instant,
}

impl Net {
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of a test")]
    fn new(peers: [Peer; 2], latency: Duration) -> Self {
        let now = Instant::now();
        Self {
            now,
            shells: peers.map(Shell::new),
            wires: BTreeMap::new(),
            attempts: [None; 2],
            queue: BTreeMap::new(),
            sequence: 0,
            latency,
            partitioned_until: now,
        }
    }

    fn after(&mut self, wait: Duration, delivery: Delivery) {
        self.sequence += 1;
        self.queue.insert((self.now + wait, self.sequence), delivery);
    }

    fn run_until(&mut self, end: Instant) {
        loop {
            let delivery = self.queue.first_key_value().map(|(&(at, _), _)| at);
            let timer = self.shells.iter().filter_map(|s| s.peer.next_deadline()).min();
            let Some(next) = [delivery, timer].into_iter().flatten().min() else { break };
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            if delivery == Some(next) {
                let (_, delivery) = self.queue.pop_first().unwrap();
                self.deliver(delivery);
            } else {
                for side in [0, 1] {
                    let actions = self.shells[side].poll_timers(self.now);
                    self.act(side, actions, None);
                }
            }
        }
        self.now = end;
    }

    fn deliver(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::Syn { wire } => {
                let accepts = self.now >= self.partitioned_until;
                let Some(state) = self.wires.get_mut(&wire) else { return };
                let side = 1 - state.opener;
                if accepts {
                    state.open[side] = true;
                    self.event(side, Event::Accepted, Some(wire));
                }
            }
            Delivery::SynAck { wire } => {
                // Given up meanwhile?
                let Some(side) = self.attempts.iter().position(|&a| a == Some(wire)) else {
                    return;
                };
                self.attempts[side] = None;
                let state = self.wires.get_mut(&wire).unwrap();
                // The listener's end may be closed again: its frames and FIN are on their way.
                if state.open[1 - side] || self.queue.values().any(|d| concerns(d, wire)) {
                    state.open[side] = true;
                    self.event(side, Event::Connected, None);
                } else {
                    self.event(side, Event::ConnectFailed("unreachable"), None);
                }
            }
            Delivery::Frame { wire, to, frame } => {
                let Some(id) = self.id_at(wire, to) else { return };
                match Decoded::decode(&frame).unwrap() {
                    Decoded::Open(open) => {
                        self.event(to, Event::Message(id, Message::Open(&open)), None);
                    }
                    Decoded::Keepalive if self.shells[to].peer.established() == Some(id) => {
                        self.shells[to].peer.heard(self.now);
                    }
                    Decoded::Keepalive => {
                        self.event(to, Event::Message(id, Message::Keepalive), None);
                    }
                    Decoded::Notification(n) => {
                        self.event(to, Event::Message(id, Message::Notification(&n)), None);
                    }
                    other => panic!("nobody sends {other:?} here"),
                }
            }
            Delivery::Fin { wire, to } => {
                if let Some(id) = self.id_at(wire, to) {
                    self.wires.get_mut(&wire).unwrap().open[to] = false;
                    self.event(to, Event::Closed(id, None), None);
                }
            }
            Delivery::Disturb(disturbance) => self.disturb(&disturbance),
        }
    }

    fn disturb(&mut self, disturbance: &Disturbance) {
        match *disturbance {
            Disturbance::Stop(side) => {
                let reason = StopReason::AdministrativeShutdown(None);
                self.event(side, Event::Stop(reason), None);
            }
            Disturbance::Start(side) => self.event(side, Event::Start, None),
            Disturbance::Restart(side) => {
                let reason = StopReason::AdministrativeReset(None);
                self.event(side, Event::Restart(reason), None);
            }
            Disturbance::Partition(seconds) => {
                self.partitioned_until = self.now + Duration::from_secs(seconds);
            }
            Disturbance::Break => {
                let wires: Vec<u32> = self.wires.keys().copied().collect();
                for (wire, to) in wires.into_iter().flat_map(|wire| [(wire, 0), (wire, 1)]) {
                    let Some(id) = self.id_at(wire, to) else { continue };
                    self.wires.get_mut(&wire).unwrap().open[to] = false;
                    self.event(to, Event::Closed(id, Some("reset")), None);
                }
                self.queue.retain(|_, delivery| {
                    !matches!(delivery, Delivery::Frame { .. } | Delivery::Fin { .. })
                });
            }
        }
    }

    fn event(&mut self, side: Side, event: Event<'_>, offered: Option<u32>) {
        let actions = self.shells[side].handle(self.now, event);
        self.act(side, actions, offered);
    }

    fn act(&mut self, side: Side, actions: Vec<Action>, mut offered: Option<u32>) {
        // Until it is adopted, the offered connection is not this side's incoming one.
        let mut pending = VecDeque::from(actions);
        while let Some(action) = pending.pop_front() {
            match action {
                Action::Connect => {
                    let wire = u32::try_from(self.sequence).unwrap();
                    self.wires.insert(wire, Wire { opener: side, open: [false; 2] });
                    self.attempts[side] = Some(wire);
                    self.after(self.latency, Delivery::Syn { wire });
                    self.after(self.latency * 2, Delivery::SynAck { wire });
                }
                Action::GiveUp => {
                    let wire = self.attempts[side].take().unwrap();
                    self.after(self.latency, Delivery::Fin { wire, to: 1 - side });
                }
                Action::Adopt => offered = None,
                Action::Refuse(frame) => {
                    let wire = offered.take().unwrap();
                    self.wires.get_mut(&wire).unwrap().open[side] = false;
                    self.after(self.latency, Delivery::Frame { wire, to: 1 - side, frame });
                    self.after(self.latency, Delivery::Fin { wire, to: 1 - side });
                }
                Action::Send(id, frame) => {
                    let wire = self.wire_of(side, id, offered);
                    self.after(self.latency, Delivery::Frame { wire, to: 1 - side, frame });
                    self.shells[side].peer.sent(self.now);
                }
                Action::Close(id) => {
                    let wire = self.wire_of(side, id, offered);
                    self.wires.get_mut(&wire).unwrap().open[side] = false;
                    self.after(self.latency, Delivery::Fin { wire, to: 1 - side });
                }
            }
        }
    }

    /// What `side` calls an open connection.
    fn id_at(&self, wire: u32, side: Side) -> Option<ConnId> {
        let state = self.wires.get(&wire)?;
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

    fn assert_one_session(&self) {
        let states = self.shells.each_ref().map(|shell| shell.peer.state());
        assert_eq!(states, [StateName::Established; 2]);
        let [a, b] = self.shells.each_ref().map(|shell| shell.peer.established().unwrap());
        assert_eq!(a, b.other(), "both ends of one connection");
        let open = self.wires.values().filter(|wire| wire.open != [false; 2]).count();
        assert_eq!(open, 1, "no other connection is left");
        for shell in &self.shells {
            assert_eq!(shell.ups, shell.downs + 1);
        }
    }
}

/// Whether a delivery will still tell the opener about `wire`.
fn concerns(delivery: &Delivery, of: u32) -> bool {
    matches!(delivery, Delivery::Frame { wire, .. } | Delivery::Fin { wire, .. } if *wire == of)
}

fn speakers(seed: u64, change: impl Fn(Side, &mut PeerConfig)) -> [Peer; 2] {
    [0u8, 1].map(|side| {
        let id = Ipv4Addr::new(10, 0, 0, 1 + side);
        let asn = Asn(65001 + u32::from(side));
        let mut cfg = PeerConfig::new(asn, RemoteAs::External, id);
        cfg.connect_retry = Duration::from_secs(10);
        change(side.into(), &mut cfg);
        Peer::new(cfg, seed.wrapping_add(side.into()))
    })
}

fn disturbance() -> impl Strategy<Value = Disturbance> {
    prop_oneof![
        (0usize..2).prop_map(Disturbance::Stop),
        (0usize..2).prop_map(Disturbance::Start),
        (0usize..2).prop_map(Disturbance::Restart),
        Just(Disturbance::Break),
        (1u64..40).prop_map(Disturbance::Partition),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn two_speakers_find_each_other_again(
        seed in any::<u64>(),
        latency_ms in 1u64..400,
        passive in 0usize..3,
        delay_open in prop::option::of(1u64..5),
        events in prop::collection::vec((0u64..200_000, disturbance()), 0..25),
    ) {
        let peers = speakers(seed, |side, cfg| {
            cfg.passive = side == passive;
            cfg.delay_open = delay_open.filter(|_| side == 0).map(Duration::from_secs);
        });
        let mut net = Net::new(peers, Duration::from_millis(latency_ms));
        for (at, disturbance) in events {
            net.after(Duration::from_millis(at), Delivery::Disturb(disturbance));
        }
        for side in [0, 1] {
            net.after(Duration::ZERO, Delivery::Disturb(Disturbance::Start(side)));
            net.after(Duration::from_secs(201), Delivery::Disturb(Disturbance::Start(side)));
        }
        let start = net.now;
        // The longest rest is two minutes, and may have been earned by both.
        net.run_until(start + Duration::from_secs(201 + 600));
        net.assert_one_session();
        // And it stays: three hours of nothing but KEEPALIVEs.
        let ups = net.shells.each_ref().map(|shell| shell.ups);
        net.run_until(start + Duration::from_secs(3 * 3600));
        net.assert_one_session();
        assert_eq!(net.shells.each_ref().map(|shell| shell.ups), ups);
    }
}

#[test]
fn simultaneous_open_leaves_the_connection_of_the_higher_identifier() {
    // Equal distances and no jitter in the first attempt: both dial at once.
    let mut net = Net::new(speakers(3, |_, _| {}), Duration::from_millis(50));
    for side in [0, 1] {
        net.after(Duration::ZERO, Delivery::Disturb(Disturbance::Start(side)));
    }
    let end = net.now + Duration::from_secs(2);
    net.run_until(end);
    net.assert_one_session();
    assert_eq!(net.shells[1].peer.established(), Some(ConnId::Outgoing), "10.0.0.2 is higher");
    assert_eq!(net.shells[0].peer.established(), Some(ConnId::Incoming));
    assert_eq!(net.shells.each_ref().map(|shell| shell.ups), [1, 1]);
}

#[test]
fn keepalives_keep_to_a_third_of_the_hold_time_and_silence_ends_the_session() {
    let mut net = Net::new(speakers(5, |_, _| {}), Duration::from_millis(5));
    for side in [0, 1] {
        net.after(Duration::ZERO, Delivery::Disturb(Disturbance::Start(side)));
    }
    let start = net.now;
    net.run_until(start + Duration::from_secs(5));
    net.assert_one_session();
    // Side 1 goes dumb: nothing reaches side 0 any more.
    let silent_from = net.now;
    let mut last_keepalive = net.now;
    while net.shells[0].peer.established().is_some() {
        net.queue.retain(|_, d| !matches!(d, Delivery::Frame { to: 0, .. }));
        let at = net.shells.iter().filter_map(|s| s.peer.next_deadline()).min().unwrap();
        net.now = at;
        let actions = net.shells[0].poll_timers(at);
        for action in &actions {
            if matches!(action, Action::Send(_, frame) if frame.len() == 19) {
                let gap = at - last_keepalive;
                assert!(gap <= Duration::from_secs(30), "{gap:?}");
                last_keepalive = at;
            }
        }
        net.act(0, actions, None);
        let actions = net.shells[1].poll_timers(at);
        net.act(1, actions, None);
    }
    let silence = net.now - silent_from;
    assert!((Duration::from_secs(60)..=Duration::from_secs(90)).contains(&silence), "{silence:?}");
    let reason = net.shells[0].peer.last_error().unwrap().notification().unwrap().clone();
    assert_eq!((reason.code, reason.subcode), (4, 0));
}
