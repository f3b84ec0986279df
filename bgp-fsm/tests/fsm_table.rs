//! The golden table: every (state, input) of the machine of one connection with the state it leads
//! to, the effects, and the timers that run afterwards.
//!
//! `tests/fsm_table.txt` is what a reader checks against RFC 4271 section 8.2.2; a change of the
//! machine shows up there. `UPDATE_GOLDEN=1 cargo test -p bgp-fsm --test fsm_table` writes it anew.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, Instant};

use bgp_fsm::jitter::Jitter;
use bgp_fsm::state::{Active, Connect};
use bgp_fsm::{
    ConnId, Effect, Effects, Fsm, HoldTime, Input, PeerConfig, RemoteAs, State, StateName,
    StopReason, Timer,
};
use bgp_wire::{Asn, Message, Notification, Open};

#[test]
fn every_state_and_input() {
    let table = print_table();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fsm_table.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &table).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (number, (is, was)) in table.lines().zip(golden.lines()).enumerate() {
        assert_eq!(is, was, "line {} of tests/fsm_table.txt", number + 1);
    }
    assert_eq!(table.lines().count(), golden.lines().count());
}

/// The table leaves nothing out: the matches below have no wildcard, so that a new state, timer or
/// input does not compile until it has a place here.
#[test]
fn nothing_is_left_out() {
    let (peer, stop, notification) =
        (peer_open(), StopReason::PeerDeconfigured, Notification::cease(4));
    let inputs = inputs(&peer, &stop, &notification);
    let named: BTreeSet<_> = inputs.iter().map(|(_, input)| input_number(input)).collect();
    assert_eq!(named, (0..20).collect(), "every input, every timer");
    let peer = Box::leak(Box::new(peer_open()));
    for (id, expected) in [(ConnId::Outgoing, 0..8), (ConnId::Incoming, 3..8)] {
        let rows = rows(peer).into_iter().filter(|row| row.id == id);
        let named: BTreeSet<_> = rows
            .map(|row| {
                let mut fixture = Fixture::new(&row);
                row.path.into_iter().for_each(|input| fixture.handle(input));
                state_number(fixture.fsm.state())
            })
            .collect();
        assert_eq!(named, expected.collect(), "{id:?}: every state");
    }
}

fn state_number(state: &State) -> usize {
    match state {
        State::Idle(_) => 0,
        State::Connect(Connect::Dialing) => 1,
        State::Connect(Connect::Delaying) => 2,
        State::Active(Active::Listening) => 3,
        State::Active(Active::Delaying) => 4,
        State::OpenSent(_) => 5,
        State::OpenConfirm(_) => 6,
        State::Established(_) => 7,
    }
}

fn input_number(input: &Input<'_>) -> usize {
    match input {
        Input::Start => 0,
        Input::Stop(_) => 1,
        Input::Expired(Timer::ConnectRetry) => 2,
        Input::Expired(Timer::Hold) => 3,
        Input::Expired(Timer::Keepalive) => 4,
        Input::Expired(Timer::DelayOpen) => 5,
        Input::Expired(Timer::IdleHold) => 6,
        Input::Expired(Timer::SendHold) => 7,
        Input::TcpConfirmed => 8,
        Input::TcpFails(_) => 9,
        Input::Open(_) => 10,
        Input::HeaderErr(_) => 11,
        Input::OpenErr(_) => 12,
        Input::CollisionDump => 13,
        Input::NotificationVersion(_) => 14,
        Input::Notification(_) => 15,
        Input::Keepalive => 16,
        Input::Update => 17,
        Input::UpdateErr(_) => 18,
        Input::RouteRefresh => 19,
    }
}

/// The machine in one state, and how it got there.
struct Row {
    title: &'static str,
    id: ConnId,
    cfg: PeerConfig,
    path: Vec<Input<'static>>,
    expected: StateName,
}

fn print_table() -> String {
    let peer = peer_open();
    let stop = StopReason::AdministrativeShutdown(None);
    let notification = Notification::cease(4);
    let mut out = String::new();
    for row in rows(Box::leak(Box::new(peer_open()))) {
        let mut start = Fixture::new(&row);
        for input in row.path.clone() {
            start.handle(input);
        }
        assert_eq!(start.fsm.name(), row.expected, "{}", row.title);
        writeln!(out, "## {}\n", row.title).unwrap();
        for (name, input) in inputs(&peer, &stop, &notification) {
            let mut case = start.clone_at_rest();
            let expired = if let Input::Expired(timer) = input { Some(timer) } else { None };
            if expired.is_some() {
                // Ten minutes later, so that the lazy timers have really run out.
                case.now += Duration::from_secs(600);
            }
            case.handle(input);
            writeln!(out, "{name:<28} -> {}", case.describe(expired)).unwrap();
        }
        out.push('\n');
    }
    out
}

fn rows(peer: &'static Open) -> Vec<Row> {
    let plain = config();
    let delaying = PeerConfig { delay_open: Some(Duration::from_secs(10)), ..config() };
    let passive = PeerConfig { passive: true, ..config() };
    let delaying_passive = PeerConfig { passive: true, ..delaying.clone() };
    let holdless = PeerConfig { hold_time: HoldTime::Off, ..config() };
    let row = |title, id, cfg: &PeerConfig, path: &[Input<'static>], expected| Row {
        title,
        id,
        cfg: cfg.clone(),
        path: path.to_vec(),
        expected,
    };
    let (out, inc) = (ConnId::Outgoing, ConnId::Incoming);
    let dialed = [Input::Start, Input::TcpConfirmed];
    let refused = [Input::Start, Input::TcpFails(None)];
    let confirmed = [&dialed[..], &[Input::Open(peer)]].concat();
    let up = [&confirmed[..], &[Input::Keepalive]].concat();
    let accepted = [Input::TcpConfirmed];
    let in_confirm = [Input::TcpConfirmed, Input::Open(peer)];
    let in_up = [Input::TcpConfirmed, Input::Open(peer), Input::Keepalive];
    vec![
        row("Idle", out, &plain, &[], StateName::Idle),
        row("Idle, passive peer", out, &passive, &[], StateName::Idle),
        row("Connect, dialing", out, &plain, &dialed[..1], StateName::Connect),
        row("Connect, OPEN delayed", out, &delaying, &dialed, StateName::Connect),
        row("Active, waiting to dial", out, &plain, &refused, StateName::Active),
        row("Active, passive peer", out, &passive, &dialed[..1], StateName::Active),
        row("Active, OPEN delayed", out, &delaying_passive, &dialed, StateName::Active),
        row("OpenSent", out, &plain, &dialed, StateName::OpenSent),
        row("OpenConfirm", out, &plain, &confirmed, StateName::OpenConfirm),
        row("OpenConfirm, no hold time", out, &holdless, &confirmed, StateName::OpenConfirm),
        row("Established", out, &plain, &up, StateName::Established),
        row("Established, no hold time", out, &holdless, &up, StateName::Established),
        row("Incoming connection: Active", inc, &plain, &[], StateName::Active),
        row(
            "Incoming connection: Active, OPEN delayed",
            inc,
            &delaying,
            &accepted,
            StateName::Active,
        ),
        row("Incoming connection: OpenSent", inc, &plain, &accepted, StateName::OpenSent),
        row("Incoming connection: OpenConfirm", inc, &plain, &in_confirm, StateName::OpenConfirm),
        row("Incoming connection: Established", inc, &plain, &in_up, StateName::Established),
    ]
}

/// Every input of the machine, named with its number in RFC 4271 section 8.1.
fn inputs<'a>(
    peer: &'a Open,
    stop: &'a StopReason,
    received: &'a Notification,
) -> Vec<(&'static str, Input<'a>)> {
    vec![
        ("1 Start", Input::Start),
        ("2 Stop", Input::Stop(stop)),
        ("9 ConnectRetry expires", Input::Expired(Timer::ConnectRetry)),
        ("10 Hold expires", Input::Expired(Timer::Hold)),
        ("11 Keepalive expires", Input::Expired(Timer::Keepalive)),
        ("12 DelayOpen expires", Input::Expired(Timer::DelayOpen)),
        ("13 IdleHold expires", Input::Expired(Timer::IdleHold)),
        ("16,17 TCP confirmed", Input::TcpConfirmed),
        ("18 TCP fails", Input::TcpFails(Some("reset"))),
        ("19,20 OPEN", Input::Open(peer)),
        ("21 header error", Input::HeaderErr(Notification::new(1, 1))),
        ("22 OPEN error", Input::OpenErr(Notification::new(2, 2))),
        ("23 collision dump", Input::CollisionDump),
        ("24 NOTIFICATION, version", Input::NotificationVersion(received)),
        ("25 NOTIFICATION", Input::Notification(received)),
        ("26 KEEPALIVE", Input::Keepalive),
        ("27 UPDATE", Input::Update),
        ("28 UPDATE error", Input::UpdateErr(Notification::new(3, 1))),
        ("29 SendHold expires", Input::Expired(Timer::SendHold)),
        ("ROUTE-REFRESH", Input::RouteRefresh),
    ]
}

struct Fixture {
    fsm: Fsm,
    cfg: PeerConfig,
    jitter: Jitter,
    out: Effects,
    now: Instant,
}

impl Fixture {
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of a test")]
    fn new(row: &Row) -> Self {
        let fsm = match row.id {
            ConnId::Outgoing => Fsm::dialing(),
            ConnId::Incoming => Fsm::listening(),
        };
        let (cfg, jitter) = (row.cfg.clone(), Jitter::new(1));
        Self { fsm, cfg, jitter, out: Effects::new(), now: Instant::now() }
    }

    fn clone_at_rest(&self) -> Self {
        Self {
            fsm: self.fsm.clone(),
            cfg: self.cfg.clone(),
            jitter: self.jitter.clone(),
            out: Effects::new(),
            now: self.now,
        }
    }

    fn handle(&mut self, input: Input<'_>) {
        self.fsm.handle(self.now, input, &self.cfg, &mut self.jitter, &mut self.out);
    }

    /// State, effects and armed timers; the one that expired counts only if it was armed again.
    fn describe(&self, expired: Option<Timer>) -> String {
        let detail = match self.fsm.state() {
            State::Connect(state) => format!("Connect/{state:?}"),
            State::Active(state) => format!("Active/{state:?}"),
            other => other.name().to_string(),
        };
        let effects: Vec<_> = self.out.iter().map(effect).collect();
        let timers: Vec<_> = Timer::ALL
            .iter()
            .filter(|&&timer| {
                let deadline = self.fsm.deadline(timer);
                deadline.is_some_and(|at| at > self.now || expired != Some(timer))
            })
            .map(|timer| format!("{timer:?}"))
            .collect();
        let line = format!("{detail:<17} {:<46} [{}]", effects.join(", "), timers.join(" "));
        line.trim_end().to_owned()
    }
}

fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Connect => "Connect".into(),
        Effect::Send(_, frame) => match Message::decode(frame).unwrap() {
            Message::Notification(n) => format!("Send {}/{}", n.code, n.subcode),
            Message::Open(_) => "Send OPEN".into(),
            Message::Keepalive => "Send KEEPALIVE".into(),
            other => panic!("the machine never sends {other:?}"),
        },
        Effect::Close(_) => "Close".into(),
        Effect::Up(..) => "Up".into(),
        Effect::Down(reason) => format!("Down {}", reason.name()),
        Effect::Adopt | Effect::Refuse(_) | Effect::StateChanged { .. } => {
            panic!("only the peer says {effect:?}")
        }
    }
}

fn config() -> PeerConfig {
    PeerConfig::new(Asn(65001), RemoteAs::Asn(Asn(65002)), Ipv4Addr::new(10, 0, 0, 1))
}

fn peer_open() -> Open {
    Open::new(Asn(65002), 90, Ipv4Addr::new(10, 0, 0, 2), [])
}
