//! The state table and the clauses of RFC 5880 section 6, one test each.

use super::*;

const STATES: [State; 4] = [State::AdminDown, State::Down, State::Init, State::Up];

#[expect(clippy::disallowed_methods, reason = "an origin for virtual time; only differences count")]
fn origin() -> Instant {
    Instant::now()
}

fn discr(n: u32) -> Discriminator {
    Discriminator::new(n).unwrap()
}

fn heard(state: State) -> ControlPacket {
    ControlPacket {
        diagnostic: Diagnostic::NONE,
        state,
        poll: false,
        is_final: false,
        control_plane_independent: false,
        demand: false,
        detect_mult: NonZeroU8::new(4).unwrap(),
        my_discriminator: discr(200),
        your_discriminator: Some(discr(100)),
        desired_min_tx: 50_000,
        required_min_rx: 100_000,
        required_min_echo_rx: 0,
    }
}

/// A session, its clock, and what it did last.
struct Bench {
    session: Session,
    now: Instant,
    out: Vec<Effect>,
}

impl Bench {
    fn new(config: SessionConfig) -> Self {
        let now = origin();
        Self { session: Session::new(config, discr(100), 1, now), now, out: Vec::new() }
    }

    /// Led into a state by packets.
    fn in_state(state: State) -> Self {
        let mut bench = Self::new(SessionConfig::default());
        match state {
            State::AdminDown => bench.event(Event::AdminDown),
            State::Down => {}
            State::Init => bench.packet(heard(State::Down)),
            State::Up => bench.packet(heard(State::Init)),
        }
        assert_eq!(bench.session.state(), state);
        bench
    }

    fn event(&mut self, event: Event<'_>) {
        self.out.clear();
        self.session.handle(self.now, event, &mut self.out);
    }

    fn packet(&mut self, packet: ControlPacket) {
        self.event(Event::Packet(&packet));
    }

    fn advance(&mut self, time: Duration) {
        self.now += time;
        self.out.clear();
        self.session.poll_timers(self.now, &mut self.out);
    }

    fn sent(&self) -> Vec<ControlPacket> {
        let packet = |effect: &Effect| match effect {
            Effect::Transmit(packet) => Some(*packet),
            Effect::StateChanged { .. } => None,
        };
        self.out.iter().filter_map(packet).collect()
    }

    fn answer_poll(&mut self) {
        self.packet(ControlPacket { is_final: true, ..heard(State::Up) });
        assert!(!self.session.snapshot().is_polling);
    }
}

#[test]
fn every_state_and_event_has_its_row() {
    let mut table = String::new();
    for state in STATES {
        let mut row = |name: &str, act: &dyn Fn(&mut Bench)| {
            let mut bench = Bench::in_state(state);
            bench.out.clear();
            act(&mut bench);
            let snapshot = bench.session.snapshot();
            let said = bench.out.iter().map(|effect| match effect {
                Effect::Transmit(packet) => format!("send {}", packet.state),
                Effect::StateChanged { .. } => "changed".to_owned(),
            });
            let said: Vec<String> = said.collect();
            let (now, diagnostic) = (snapshot.state, snapshot.diagnostic);
            table += &format!(
                "{state:<10} | {name:<15} | {now:<10} | {} | {diagnostic}\n",
                said.join(", ")
            );
        };
        for remote in STATES {
            row(&format!("hears {remote}"), &|bench| bench.packet(heard(remote)));
        }
        row("silence", &|bench| {
            if let Some(time) = bench.session.snapshot().detection_time {
                // Only the detection: what is sent meanwhile is another matter.
                bench.session.transmit_at = None;
                bench.advance(time);
            }
        });
        row("admin down", &|bench| bench.event(Event::AdminDown));
        row("admin up", &|bench| bench.event(Event::AdminUp));
        row("path down", &|bench| bench.event(Event::PathDown));
    }
    let lines: Vec<&str> = table.lines().map(str::trim_end).collect();
    let expected: Vec<&str> = EXPECTED.trim().lines().map(str::trim_end).collect();
    assert_eq!(lines, expected, "\n{table}");
}

/// state before | event | state after | effects | diagnostic after
const EXPECTED: &str = "
admin-down | hears admin-down | admin-down |  | administratively down
admin-down | hears down      | admin-down |  | administratively down
admin-down | hears init      | admin-down |  | administratively down
admin-down | hears up        | admin-down |  | administratively down
admin-down | silence         | admin-down |  | administratively down
admin-down | admin down      | admin-down |  | administratively down
admin-down | admin up        | down       | changed, send down | no diagnostic
admin-down | path down       | admin-down |  | administratively down
down       | hears admin-down | down       |  | no diagnostic
down       | hears down      | init       | changed, send init | no diagnostic
down       | hears init      | up         | changed, send up | no diagnostic
down       | hears up        | down       |  | no diagnostic
down       | silence         | down       |  | no diagnostic
down       | admin down      | admin-down | changed, send admin-down | administratively down
down       | admin up        | down       |  | no diagnostic
down       | path down       | down       |  | no diagnostic
init       | hears admin-down | down       | changed, send down | neighbor signaled session down
init       | hears down      | init       |  | no diagnostic
init       | hears init      | up         | changed, send up | no diagnostic
init       | hears up        | up         | changed, send up | no diagnostic
init       | silence         | down       | changed, send down | control detection time expired
init       | admin down      | admin-down | changed, send admin-down | administratively down
init       | admin up        | init       |  | no diagnostic
init       | path down       | down       | changed, send down | path down
up         | hears admin-down | down       | changed, send down | neighbor signaled session down
up         | hears down      | down       | changed, send down | neighbor signaled session down
up         | hears init      | up         |  | no diagnostic
up         | hears up        | up         |  | no diagnostic
up         | silence         | down       | changed, send down | control detection time expired
up         | admin down      | admin-down | changed, send admin-down | administratively down
up         | admin up        | up         |  | no diagnostic
up         | path down       | down       | changed, send down | path down
";

#[test]
fn a_packet_for_another_discriminator_changes_nothing() {
    let mut bench = Bench::in_state(State::Down);
    let stray = ControlPacket { your_discriminator: Some(discr(101)), ..heard(State::Init) };
    bench.packet(stray);
    assert_eq!((bench.session.state(), bench.out.len()), (State::Down, 0));
    assert_eq!(bench.session.snapshot().remote, None);
}

#[test]
fn detection_time_is_the_peers_multiplier_times_the_slower_interval() {
    let mut bench = Bench::in_state(State::Up);
    // We take one in 300 ms, the peer would send every 50 ms, multiplier 4.
    let time = Duration::from_millis(1200);
    assert_eq!(bench.session.snapshot().detection_time, Some(time));
    bench.packet(ControlPacket { desired_min_tx: 400_000, ..heard(State::Up) });
    assert_eq!(bench.session.snapshot().detection_time, Some(Duration::from_millis(1600)));
    bench.advance(Duration::from_micros(1_599_999));
    assert_eq!(bench.session.state(), State::Up);
    bench.advance(Duration::from_micros(1));
    assert_eq!(bench.session.state(), State::Down);
    assert_eq!(bench.session.snapshot().remote, None, "the peer is a stranger again");
}

#[test]
fn what_the_peer_says_of_itself_is_shown_and_kept_over_its_silence() {
    let mut bench = Bench::in_state(State::Up);
    let says = ControlPacket {
        diagnostic: Diagnostic::PATH_DOWN,
        control_plane_independent: true,
        ..heard(State::Up)
    };
    bench.packet(says);
    let snapshot = bench.session.snapshot();
    assert_eq!(snapshot.remote_diagnostic, Diagnostic::PATH_DOWN);
    assert!(snapshot.is_remote_independent);
    assert_eq!(snapshot.receive_interval, Some(Duration::from_millis(300)));
    bench.advance(Duration::from_secs(2));
    let snapshot = bench.session.snapshot();
    assert_eq!((snapshot.state, snapshot.receive_interval), (State::Down, None));
    assert!(snapshot.is_remote_independent, "needed to judge the failure afterwards");
    assert_eq!(snapshot.remote_diagnostic, Diagnostic::PATH_DOWN);
}

#[test]
fn not_up_means_at_most_one_packet_a_second() {
    for state in [State::AdminDown, State::Down, State::Init] {
        let bench = Bench::in_state(state);
        assert_eq!(
            bench.session.snapshot().transmit_interval,
            Some(Duration::from_secs(1)),
            "{state}"
        );
        assert!(bench.sent().iter().all(|packet| packet.desired_min_tx == 1_000_000));
    }
}

#[test]
fn coming_up_polls_until_the_peer_answers() {
    let mut bench = Bench::in_state(State::Up);
    let first = bench.sent()[0];
    assert!(first.poll && !first.is_final);
    assert_eq!(first.desired_min_tx, 300_000);
    bench.advance(Duration::from_millis(300));
    assert!(bench.sent()[0].poll, "unanswered, so again");
    bench.answer_poll();
    bench.advance(Duration::from_millis(300));
    assert!(!bench.sent()[0].poll);
}

#[test]
fn the_slower_of_both_sides_sets_the_transmit_interval() {
    let mut bench = Bench::in_state(State::Up);
    assert_eq!(bench.session.snapshot().transmit_interval, Some(Duration::from_millis(300)));
    bench.packet(ControlPacket { required_min_rx: 700_000, ..heard(State::Up) });
    assert_eq!(bench.session.snapshot().transmit_interval, Some(Duration::from_millis(700)));
}

#[test]
fn a_poll_is_answered_at_once_with_the_new_state_and_never_with_poll() {
    let mut bench = Bench::in_state(State::Init);
    bench.packet(ControlPacket { poll: true, ..heard(State::Up) });
    let sent = bench.sent();
    assert_eq!(sent.len(), 1);
    assert!(sent[0].is_final && !sent[0].poll);
    assert_eq!(sent[0].state, State::Up);
    // Our own poll goes on with the next periodic packet.
    bench.advance(Duration::from_secs(1));
    assert!(bench.sent()[0].poll && !bench.sent()[0].is_final);
}

#[test]
fn a_longer_interval_counts_only_after_the_poll_is_answered() {
    let mut bench = Bench::in_state(State::Up);
    bench.answer_poll();
    let slower = SessionConfig {
        desired_min_tx: Interval::from_millis(900).unwrap(),
        required_min_rx: Interval::from_millis(100).unwrap(),
        ..SessionConfig::default()
    };
    bench.event(Event::Reconfigured(slower));
    let said = bench.sent()[0];
    assert!(said.poll);
    assert_eq!((said.desired_min_tx, said.required_min_rx), (900_000, 100_000));
    let snapshot = bench.session.snapshot();
    assert_eq!(snapshot.transmit_interval, Some(Duration::from_millis(300)));
    assert_eq!(snapshot.detection_time, Some(Duration::from_millis(1200)));
    // A second change before the answer: that answer may speak of the first.
    let slowest = SessionConfig { desired_min_tx: Interval::from_millis(950).unwrap(), ..slower };
    bench.event(Event::Reconfigured(slowest));
    bench.packet(ControlPacket { is_final: true, ..heard(State::Up) });
    assert!(bench.session.snapshot().is_polling);
    bench.answer_poll();
    let snapshot = bench.session.snapshot();
    assert_eq!(snapshot.transmit_interval, Some(Duration::from_millis(950)));
    assert_eq!(snapshot.detection_time, Some(Duration::from_millis(400)));
}

#[test]
fn a_shorter_interval_counts_at_once() {
    let mut bench = Bench::in_state(State::Up);
    bench.answer_poll();
    let faster = SessionConfig {
        desired_min_tx: Interval::from_millis(150).unwrap(),
        required_min_rx: Interval::from_millis(500).unwrap(),
        ..SessionConfig::default()
    };
    bench.event(Event::Reconfigured(faster));
    let snapshot = bench.session.snapshot();
    assert_eq!(snapshot.transmit_interval, Some(Duration::from_millis(150)));
    assert_eq!(snapshot.detection_time, Some(Duration::from_millis(2000)));
    assert!(snapshot.is_polling);
    assert_eq!(bench.session.state(), State::Up);
}

#[test]
fn leaving_up_ends_the_poll_and_slows_down() {
    let mut bench = Bench::in_state(State::Up);
    assert!(bench.session.snapshot().is_polling);
    bench.packet(heard(State::Down));
    let snapshot = bench.session.snapshot();
    assert!(!snapshot.is_polling);
    assert_eq!(snapshot.transmit_interval, Some(Duration::from_secs(1)));
    assert_eq!(bench.sent()[0].diagnostic, Diagnostic::NEIGHBOR_DOWN);
}

#[test]
fn a_passive_end_waits_until_it_is_spoken_to() {
    let config = SessionConfig { role: Role::Passive, ..SessionConfig::default() };
    let mut bench = Bench::new(config);
    assert_eq!(bench.session.next_deadline(), None);
    bench.packet(ControlPacket { your_discriminator: None, ..heard(State::Down) });
    assert_eq!(bench.sent()[0].your_discriminator, Some(discr(200)));
    assert_eq!(bench.session.state(), State::Init);
    bench.advance(Duration::from_millis(1200));
    assert_eq!(bench.session.state(), State::Down);
    assert_eq!(bench.session.next_deadline(), None, "unheard once more");
}

#[test]
fn a_peer_that_wants_no_packets_gets_only_changes_and_answers() {
    let mut bench = Bench::in_state(State::Up);
    bench.answer_poll();
    bench.packet(ControlPacket { required_min_rx: 0, ..heard(State::Up) });
    assert_eq!(bench.session.snapshot().transmit_interval, None);
    bench.packet(ControlPacket { required_min_rx: 0, poll: true, ..heard(State::Up) });
    assert!(bench.sent()[0].is_final);
    bench.packet(ControlPacket { required_min_rx: 0, ..heard(State::Down) });
    assert_eq!(bench.sent()[0].state, State::Down);
}

#[test]
fn demand_mode_of_the_peer_silences_us_only_while_both_are_up() {
    let mut bench = Bench::in_state(State::Up);
    let demanding = ControlPacket { demand: true, ..heard(State::Up) };
    bench.packet(demanding);
    assert!(bench.session.snapshot().transmit_interval.is_some(), "our poll is not answered yet");
    bench.packet(ControlPacket { is_final: true, ..demanding });
    assert_eq!(bench.session.snapshot().transmit_interval, None);
    bench.packet(ControlPacket { demand: true, ..heard(State::Down) });
    assert!(bench.session.snapshot().transmit_interval.is_some());
}

#[test]
fn a_peer_held_down_by_intent_is_told_apart() {
    let mut bench = Bench::in_state(State::Up);
    bench.packet(heard(State::AdminDown));
    let changed = Effect::StateChanged {
        from: State::Up,
        to: State::Down,
        diagnostic: Diagnostic::NEIGHBOR_DOWN,
        is_peer_admin_down: true,
    };
    assert_eq!(bench.out[0], changed);
}
