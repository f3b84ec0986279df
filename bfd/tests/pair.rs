//! Two sessions over a lossy wire in virtual time.
#![allow(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use std::collections::BinaryHeap;
use std::num::NonZeroU8;
use std::time::{Duration, Instant};

use bfd::{
    ControlPacket, Demux, Diagnostic, Discriminator, Effect, Event, Interval, PathKey, Session,
    SessionConfig, State,
};
use proptest::prelude::*;

const DELAY: Duration = Duration::from_millis(5);

/// A packet on the wire: arrival (reversed for the heap), receiver, bytes.
#[derive(Eq, PartialEq, Ord, PartialOrd)]
struct Flying(std::cmp::Reverse<(Instant, usize)>, usize, [u8; 24]);

struct Pair {
    now: Instant,
    ends: [Session; 2],
    /// Each end finds its session like a runner would.
    demux: [Demux<usize>; 2],
    wire: BinaryHeap<Flying>,
    sent: usize,
    /// Loss in percent towards each end.
    loss: [u64; 2],
    random: u64,
    log: Vec<(Instant, usize, State, State, Diagnostic)>,
}

impl Pair {
    fn new(configs: [SessionConfig; 2], seed: u64) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an origin for virtual time")]
        let now = Instant::now();
        let mut demux = [Demux::new(seed), Demux::new(seed + 1)];
        let mut end = |at: usize| {
            let local: Discriminator = demux[at].insert(at, path(), 0).unwrap();
            Session::new(configs[at], local, seed + 10 + at as u64, now)
        };
        Self {
            now,
            ends: [end(0), end(1)],
            demux,
            wire: BinaryHeap::new(),
            sent: 0,
            loss: [0, 0],
            random: seed | 1,
            log: Vec::new(),
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let timers = self.ends.iter().filter_map(Session::next_deadline).min();
            let arrival = self.wire.peek().map(|flying| flying.0.0.0);
            let Some(next) = timers.into_iter().chain(arrival).min().filter(|at| *at <= end) else {
                break;
            };
            // A changed interval may put a deadline into the past: it is due now.
            self.now = next.max(self.now);
            while self.wire.peek().is_some_and(|flying| flying.0.0.0 <= self.now) {
                let Flying(_, to, bytes) = self.wire.pop().unwrap();
                let packet = ControlPacket::decode(&bytes).expect("we send what can be decoded");
                assert!(!(packet.poll && packet.is_final));
                if self.demux[to].select(&packet, path(), 255).is_ok() {
                    self.event(to, Event::Packet(&packet));
                }
            }
            for at in 0..2 {
                let mut out = Vec::new();
                self.ends[at].poll_timers(self.now, &mut out);
                self.carry_out(at, out);
                let waits = self.ends[at].next_deadline().is_none_or(|due| due > self.now);
                assert!(waits, "what was due is done, or a runner would spin");
            }
        }
        self.now = end;
    }

    fn event(&mut self, at: usize, event: Event<'_>) {
        let mut out = Vec::new();
        self.ends[at].handle(self.now, event, &mut out);
        self.carry_out(at, out);
    }

    fn carry_out(&mut self, at: usize, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Transmit(packet) => {
                    self.random ^= self.random << 13;
                    self.random ^= self.random >> 7;
                    self.random ^= self.random << 17;
                    self.sent += 1;
                    if self.random % 100 >= self.loss[1 - at] {
                        let order = std::cmp::Reverse((self.now + DELAY, self.sent));
                        self.wire.push(Flying(order, 1 - at, packet.encode()));
                    }
                }
                Effect::StateChanged { from, to, diagnostic, .. } => {
                    self.log.push((self.now, at, from, to, diagnostic));
                }
            }
        }
    }

    fn states(&self) -> [State; 2] {
        [self.ends[0].state(), self.ends[1].state()]
    }
}

fn path() -> PathKey {
    PathKey::SingleHop { ifindex: 1, remote: [10, 0, 0, 1].into() }
}

fn config(tx: u32, rx: u32, mult: u8) -> SessionConfig {
    SessionConfig {
        desired_min_tx: Interval::from_millis(tx).unwrap(),
        required_min_rx: Interval::from_millis(rx).unwrap(),
        detect_mult: NonZeroU8::new(mult).unwrap(),
        ..SessionConfig::default()
    }
}

fn up(seed: u64) -> Pair {
    let mut pair = Pair::new([config(50, 50, 3), config(100, 20, 3)], seed);
    pair.run(Duration::from_secs(5));
    assert_eq!(pair.states(), [State::Up, State::Up]);
    pair
}

#[test]
fn both_come_up_and_settle_on_the_negotiated_rates() {
    let mut pair = up(1);
    let interval = |at: usize| pair.ends[at].snapshot().transmit_interval;
    assert_eq!(interval(0), Some(Duration::from_millis(50)));
    assert_eq!(interval(1), Some(Duration::from_millis(100)));
    assert_eq!(pair.ends[0].snapshot().detection_time, Some(Duration::from_millis(300)));
    assert_eq!(pair.ends[1].snapshot().detection_time, Some(Duration::from_millis(150)));
    assert!(pair.ends.iter().all(|end| !end.snapshot().is_polling));
    let before = pair.sent;
    pair.run(Duration::from_secs(10));
    // 75 to 100 % of 50 ms and of 100 ms: 200 to 267 and 100 to 134 packets.
    let sent = pair.sent - before;
    assert!((299..=401).contains(&sent), "{sent}");
    assert!(pair.log.iter().all(|entry| entry.2 != State::Up), "never left Up: {:?}", pair.log);
    assert_eq!(pair.log.iter().filter(|entry| entry.3 == State::Up).count(), 2);
}

#[test]
fn a_dead_wire_is_noticed_within_the_detection_time_at_both_ends() {
    let mut pair = up(2);
    let cut = pair.now;
    pair.log.clear();
    pair.loss = [100, 100];
    pair.run(Duration::from_secs(3));
    assert_eq!(pair.log.len(), 2);
    for (at, end, from, to, diagnostic) in &pair.log {
        assert_eq!((*from, *to, *diagnostic), (State::Up, State::Down, Diagnostic::TIME_EXPIRED));
        let limit = Duration::from_millis(if *end == 0 { 300 } else { 150 }) + DELAY;
        assert!(*at - cut <= limit, "end {end} after {:?}", *at - cut);
    }
    pair.loss = [0, 0];
    pair.run(Duration::from_secs(5));
    assert_eq!(pair.states(), [State::Up, State::Up]);
}

#[test]
fn a_wire_dead_in_one_direction_takes_both_down() {
    let mut pair = up(3);
    pair.log.clear();
    pair.loss = [100, 0];
    pair.run(Duration::from_secs(1));
    let why: Vec<_> = pair.log.iter().take(2).map(|entry| (entry.1, entry.4)).collect();
    assert_eq!(why, [(0, Diagnostic::TIME_EXPIRED), (1, Diagnostic::NEIGHBOR_DOWN)]);
    pair.run(Duration::from_secs(5));
    assert!(!pair.states().contains(&State::Up), "{:?}", pair.states());
}

#[test]
fn held_down_and_let_go() {
    let mut pair = up(4);
    pair.event(0, Event::AdminDown);
    pair.run(Duration::from_secs(3));
    assert_eq!(pair.states(), [State::AdminDown, State::Down]);
    assert_eq!(pair.ends[1].snapshot().diagnostic, Diagnostic::NEIGHBOR_DOWN);
    pair.event(0, Event::AdminUp);
    pair.run(Duration::from_secs(5));
    assert_eq!(pair.states(), [State::Up, State::Up]);
}

#[test]
fn intervals_change_under_way_without_a_flap_even_with_loss() {
    for seed in 0..50 {
        let mut pair = up(100 + seed);
        pair.log.clear();
        pair.loss = [5, 5];
        for (tx, rx) in [(400, 400), (30, 30), (1000, 20), (20, 1000), (60, 60)] {
            pair.event(0, Event::Reconfigured(config(tx, rx, 10)));
            pair.event(1, Event::Reconfigured(config(rx, tx, 10)));
            pair.run(Duration::from_secs(20));
            assert_eq!(pair.log, [], "seed {seed}, {tx}/{rx}");
            assert!(pair.ends.iter().all(|end| !end.snapshot().is_polling), "seed {seed}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    /// Whatever was lost and done before: a good wire brings both up, and they stay so.
    #[test]
    fn a_good_wire_always_ends_up(
        seed: u64,
        steps in prop::collection::vec((0u8..6, 0usize..2, 0u64..=100, 1u64..4000), 1..25),
    ) {
        let seed = seed >> 8;
        let mut pair = Pair::new([config(50, 50, 3), config(100, 20, 1)], seed);
        for (what, end, percent, millis) in steps {
            match what {
                0 => pair.event(end, Event::AdminDown),
                1 => pair.event(end, Event::AdminUp),
                2 => pair.event(end, Event::PathDown),
                3 => {
                    let millis = u32::try_from(millis).unwrap();
                    pair.event(end, Event::Reconfigured(config(millis, 4001 - millis, 2)));
                }
                _ => pair.loss[end] = percent,
            }
            pair.run(Duration::from_millis(millis));
            prop_assert!(pair.ends.iter().all(|end| end.next_deadline().is_some()));
        }
        pair.loss = [0, 0];
        for end in 0..2 {
            pair.event(end, Event::AdminUp);
            pair.event(end, Event::Reconfigured(config(50, 50, 3)));
        }
        pair.run(Duration::from_secs(60));
        prop_assert_eq!(pair.states(), [State::Up, State::Up]);
        pair.log.clear();
        pair.run(Duration::from_secs(60));
        prop_assert_eq!(pair.log.len(), 0);
    }

    /// Packets with any content at any time: no panic, and a session that can go on.
    #[test]
    fn no_packet_panics(
        packets in prop::collection::vec((any::<[u8; 24]>(), 0u64..10_000, any::<bool>()), 1..60),
    ) {
        let mut pair = Pair::new([SessionConfig::default(); 2], 5);
        for (mut bytes, millis, ours) in packets {
            (bytes[0], bytes[1], bytes[3]) = (0x20 | bytes[0] & 0x1f, bytes[1] & 0xfa, 24);
            if ours {
                bytes[8..12].copy_from_slice(&pair.ends[0].snapshot().local.get().to_be_bytes());
            }
            if let Ok(packet) = ControlPacket::decode(&bytes) {
                pair.event(0, Event::Packet(&packet));
            }
            pair.run(Duration::from_millis(millis));
        }
    }
}
