//! One test per rule of the arbiter and the timers, each with its clause.

mod replaced;

use std::net::Ipv4Addr;
use std::num::NonZeroU16;

use bgp_wire::{Asn, Message as Decoded};

use super::*;
use crate::config::{HoldTime, RemoteAs};

const SECOND: Duration = Duration::from_secs(1);

/// A peer with its clock and what it last wanted.
struct Bench {
    peer: Peer,
    now: Instant,
    did: Vec<String>,
}

impl Bench {
    #[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of a test")]
    fn new(change: impl FnOnce(&mut PeerConfig)) -> Self {
        let mut cfg =
            PeerConfig::new(Asn(65001), RemoteAs::Asn(Asn(65002)), Ipv4Addr::new(10, 0, 0, 5));
        change(&mut cfg);
        let mut bench = Self { peer: Peer::new(cfg, 11), now: Instant::now(), did: Vec::new() };
        bench.event(Event::Start);
        bench
    }

    fn event(&mut self, event: Event<'_>) -> &[String] {
        let mut out = Effects::new();
        self.peer.handle(self.now, event, &mut out);
        self.keep(&out)
    }

    fn message(&mut self, id: ConnId, message: Message<'_>) -> &[String] {
        self.event(Event::Message(id, message))
    }

    fn wait(&mut self, duration: Duration) -> &[String] {
        self.now += duration;
        let mut out = Effects::new();
        self.peer.poll_timers(self.now, &mut out);
        self.keep(&out)
    }

    /// Waits for the next deadline; returns how long that was.
    fn next(&mut self) -> Duration {
        let wait = self.peer.next_deadline().expect("a timer runs") - self.now;
        self.wait(wait);
        wait
    }

    fn keep(&mut self, out: &Effects) -> &[String] {
        let short = |id: &ConnId| if *id == ConnId::Outgoing { "out" } else { "in" };
        let say = |frame: &[u8]| match Decoded::decode(frame).expect("well-formed") {
            Decoded::Notification(n) => format!("{}/{}", n.code, n.subcode),
            other => other.kind().to_string(),
        };
        self.did = out
            .iter()
            .filter_map(|effect| match effect {
                Effect::Connect => Some("connect".into()),
                Effect::Adopt => Some("adopt".into()),
                Effect::Refuse(frame) => Some(format!("refuse {}", say(frame))),
                Effect::Send(id, frame) => Some(format!("{} {}", short(id), say(frame))),
                Effect::Close(id) => Some(format!("{} close", short(id))),
                Effect::Up(id, _) => Some(format!("{} up", short(id))),
                Effect::Down(reason) => Some(format!("down {}", reason.name())),
                Effect::StateChanged { .. } => None,
            })
            .collect();
        &self.did
    }

    fn up(&mut self, hold_time: u16) {
        self.event(Event::Connected);
        self.message(ConnId::Outgoing, Message::Open(&peer_open(hold_time)));
        self.message(ConnId::Outgoing, Message::Keepalive);
        assert_eq!(self.peer.state(), StateName::Established);
    }
}

fn peer_open(hold_time: u16) -> Open {
    Open::new(Asn(65002), hold_time, Ipv4Addr::new(10, 0, 0, 9), [])
}

#[test]
fn rfc4271_8_2_2_a_failed_attempt_is_repeated_after_the_connect_retry_time() {
    let mut bench = Bench::new(|cfg| cfg.connect_retry = 100 * SECOND);
    assert_eq!(bench.did, ["connect"]);
    bench.event(Event::ConnectFailed("refused"));
    assert_eq!(bench.peer.state(), StateName::Active);
    assert_eq!(bench.peer.last_error().map(ToString::to_string), Some("refused".into()));
    let waited = bench.next();
    assert!((75 * SECOND..=100 * SECOND).contains(&waited), "{waited:?}");
    assert_eq!(bench.did, ["connect"]);
    // An attempt that gets no answer is given up and repeated too.
    bench.next();
    assert_eq!(bench.did, ["out close", "connect"]);
}

#[test]
fn the_peer_may_connect_while_we_wait_to() {
    let mut bench = Bench::new(|_| {});
    bench.event(Event::ConnectFailed("refused"));
    assert_eq!(bench.event(Event::Accepted), ["adopt", "in OPEN"]);
    // While that handshake goes on nothing is dialed.
    bench.wait(59 * SECOND);
    assert!(bench.did.is_empty(), "{:?}", bench.did);
    // It fails: the rest in Idle, then the next attempt.
    bench.event(Event::Closed(ConnId::Incoming, None));
    assert_eq!(bench.peer.state(), StateName::Idle);
    let waited = bench.next();
    assert!(waited <= 5 * SECOND, "{waited:?}");
    assert_eq!(bench.did, ["connect"]);
}

#[test]
fn a_passive_peer_never_connects() {
    let mut bench = Bench::new(|cfg| cfg.passive = true);
    assert!(bench.did.is_empty());
    assert_eq!((bench.peer.state(), bench.peer.next_deadline()), (StateName::Active, None));
    assert_eq!(bench.event(Event::Accepted), ["adopt", "in OPEN"]);
    bench.event(Event::Closed(ConnId::Incoming, None));
    bench.next();
    assert!(bench.did.is_empty());
    assert_eq!(bench.peer.state(), StateName::Active);
}

#[test]
fn our_own_verdict_keeps_the_peer_out_for_longer_each_time() {
    let mut bench = Bench::new(|cfg| cfg.idle_hold = 8 * SECOND);
    let wrong = Open { asn: Asn(65099), ..peer_open(90) };
    let mut waits = Vec::new();
    for _ in 0..7 {
        bench.event(Event::Connected);
        assert_eq!(
            bench.message(ConnId::Outgoing, Message::Open(&wrong)),
            ["out 2/2", "out close"]
        );
        assert_eq!(bench.event(Event::Accepted), ["refuse 6/5"]);
        waits.push(bench.next());
        assert_eq!(bench.did, ["connect"]);
    }
    for (wait, nominal) in waits.iter().zip([8, 16, 32, 64, 120, 120, 120]) {
        let nominal = nominal * SECOND;
        assert!((nominal * 3 / 4..=nominal).contains(wait), "{wait:?} of {nominal:?}");
    }
}

#[test]
fn after_an_ordinary_end_the_peer_is_let_in_at_once() {
    let mut bench = Bench::new(|_| {});
    bench.up(90);
    bench.event(Event::Closed(ConnId::Outgoing, Some("reset")));
    assert_eq!(bench.did, ["down TransportFailed"]);
    assert_eq!(bench.peer.state(), StateName::Idle);
    assert_eq!(bench.event(Event::Accepted), ["adopt", "in OPEN"]);
}

#[test]
fn a_stopped_peer_refuses_and_waits_for_nothing() {
    let mut bench = Bench::new(|_| {});
    bench.up(90);
    bench.event(Event::Stop(StopReason::AdministrativeShutdown(None)));
    assert_eq!(bench.did, ["out 6/2", "out close", "down AdministrativeShutdown"]);
    assert_eq!(bench.event(Event::Accepted), ["refuse 6/5"]);
    assert_eq!(bench.peer.next_deadline(), None);
    assert_eq!(bench.event(Event::Start), ["connect"]);
}

#[test]
fn rfc4271_6_8_established_wins_over_any_identifier() {
    for id in [1, 9] {
        let mut bench = Bench::new(|_| {});
        // Both handshakes run; the outgoing one is Established before the other OPEN comes.
        bench.event(Event::Accepted);
        bench.event(Event::Connected);
        let open = Open { router_id: Ipv4Addr::new(10, 0, 0, id), ..peer_open(90) };
        bench.message(ConnId::Outgoing, Message::Open(&open));
        bench.message(ConnId::Outgoing, Message::Keepalive);
        if id == 9 {
            // The other one should win, if the peer goes on with it.
            assert!(bench.did.is_empty());
            bench.wait(contest::PATIENCE);
        }
        assert_eq!(bench.did, ["out up", "in 6/7", "in close"]);
        assert_eq!(bench.event(Event::Accepted), ["refuse 6/7"]);
    }
}

#[test]
fn an_attempt_under_way_is_given_up_when_the_peers_connection_is_established() {
    let mut bench = Bench::new(|_| {});
    bench.event(Event::Accepted);
    bench.message(ConnId::Incoming, Message::Open(&peer_open(90)));
    bench.message(ConnId::Incoming, Message::Keepalive);
    assert_eq!(bench.did, ["in up", "out close"]);
}

/// Both connections wait for the peer's OPEN. Its identifier is higher: `in` is to stay.
fn colliding() -> Bench {
    let mut bench = Bench::new(|_| {});
    bench.event(Event::Connected);
    bench.event(Event::Accepted);
    bench
}

#[test]
fn rfc4271_6_8_the_peer_that_goes_on_with_the_survivor_decides() {
    let mut bench = colliding();
    let open = peer_open(90);
    assert_eq!(bench.message(ConnId::Outgoing, Message::Open(&open)), ["out KEEPALIVE"]);
    assert!(bench.message(ConnId::Outgoing, Message::Keepalive).is_empty(), "kept back");
    assert_eq!(bench.message(ConnId::Incoming, Message::Open(&open)), ["in KEEPALIVE"]);
    assert_eq!(
        bench.message(ConnId::Incoming, Message::Keepalive),
        ["in up", "out 6/7", "out close"]
    );
    let deadline = bench.peer.next_deadline().unwrap();
    assert!(deadline > bench.now + 2 * contest::PATIENCE, "nothing of the contest is left");
}

#[test]
fn a_peer_that_is_established_on_the_other_one_decides_too() {
    let cease = Notification::cease(cease::COLLISION);
    // By closing the survivor, before or after its OPEN.
    for with_open in [false, true] {
        let mut bench = colliding();
        bench.message(ConnId::Outgoing, Message::Open(&peer_open(90)));
        bench.message(ConnId::Outgoing, Message::Keepalive);
        if with_open {
            bench.message(ConnId::Incoming, Message::Open(&peer_open(90)));
        }
        let did = bench.message(ConnId::Incoming, Message::Notification(&cease));
        assert_eq!(did, ["in close", "out up"]);
    }
    // By a route, or by one more KEEPALIVE.
    for message in [Message::Update, Message::Keepalive] {
        let mut bench = colliding();
        bench.message(ConnId::Outgoing, Message::Open(&peer_open(90)));
        assert!(!bench.peer.keeps_back(ConnId::Outgoing));
        bench.message(ConnId::Outgoing, Message::Keepalive);
        assert!(bench.peer.keeps_back(ConnId::Outgoing));
        assert_eq!(bench.message(ConnId::Outgoing, message), ["out up", "in 6/7", "in close"]);
        assert!(!bench.peer.keeps_back(ConnId::Outgoing));
    }
    // By closing the one that should lose: its OPEN and its KEEPALIVE count for nothing.
    let mut bench = colliding();
    bench.message(ConnId::Outgoing, Message::Open(&peer_open(90)));
    bench.message(ConnId::Outgoing, Message::Keepalive);
    let did = bench.message(ConnId::Outgoing, Message::Notification(&cease));
    assert_eq!(did, ["out close"]);
    bench.message(ConnId::Incoming, Message::Open(&peer_open(90)));
    assert_eq!(bench.message(ConnId::Incoming, Message::Keepalive), ["in up"]);
}

#[test]
fn a_peer_that_shows_no_choice_is_not_waited_for_long() {
    // The survivor says nothing: what is confirmed goes on.
    let mut bench = colliding();
    bench.message(ConnId::Outgoing, Message::Open(&peer_open(90)));
    bench.message(ConnId::Outgoing, Message::Keepalive);
    assert_eq!(bench.next(), contest::PATIENCE);
    assert_eq!(bench.did, ["out up", "in 6/7", "in close"]);
    // Neither is confirmed: RFC 4271 section 6.8 to the letter.
    let mut bench = colliding();
    bench.message(ConnId::Outgoing, Message::Open(&peer_open(90)));
    bench.message(ConnId::Incoming, Message::Open(&peer_open(90)));
    assert_eq!(bench.next(), contest::PATIENCE);
    assert_eq!(bench.did, ["out 6/7", "out close"]);
    assert_eq!(bench.message(ConnId::Incoming, Message::Keepalive), ["in up"]);
}

#[test]
fn rfc4271_6_8_the_one_that_loses_is_closed_at_once_when_its_open_comes_last() {
    let mut bench = colliding();
    bench.message(ConnId::Incoming, Message::Open(&peer_open(90)));
    let did = bench.message(ConnId::Outgoing, Message::Open(&peer_open(90)));
    assert_eq!(did, ["out 6/7", "out close"]);
}

#[test]
fn a_wrong_open_does_not_win_a_collision() {
    let mut bench = Bench::new(|_| {});
    bench.event(Event::Connected);
    bench.message(ConnId::Outgoing, Message::Open(&peer_open(90)));
    bench.event(Event::Accepted);
    let wrong = Open { asn: Asn(65099), ..peer_open(90) };
    assert_eq!(bench.message(ConnId::Incoming, Message::Open(&wrong)), ["in 2/2", "in close"]);
    assert_eq!(bench.message(ConnId::Outgoing, Message::Keepalive), ["out up"]);
}

#[test]
fn rfc4271_8_2_2_delay_open_waits_for_the_peer() {
    let delay = |cfg: &mut PeerConfig| cfg.delay_open = Some(10 * SECOND);
    let mut bench = Bench::new(delay);
    assert!(bench.event(Event::Connected).is_empty());
    bench.wait(10 * SECOND);
    assert_eq!(bench.did, ["out OPEN"]);
    assert_eq!(bench.peer.state(), StateName::OpenSent);

    let mut bench = Bench::new(delay);
    bench.event(Event::Connected);
    bench.message(ConnId::Outgoing, Message::Open(&peer_open(90)));
    assert_eq!(bench.did, ["out OPEN", "out KEEPALIVE"]);
    assert_eq!(bench.peer.state(), StateName::OpenConfirm);
}

#[test]
fn rfc4271_6_5_the_hold_timer_looks_at_when_the_peer_was_heard() {
    let mut bench = Bench::new(|_| {});
    bench.up(30);
    bench.now += 20 * SECOND;
    bench.peer.heard(bench.now);
    bench.peer.sent(bench.now);
    bench.wait(29 * SECOND);
    assert_eq!(bench.peer.state(), StateName::Established);
    bench.wait(SECOND);
    assert_eq!(bench.did, ["out 4/0", "out close", "down NotificationSent"]);
}

#[test]
fn rfc4271_10_keepalives_are_jittered_and_put_off_by_what_is_sent() {
    // A hold time so long that its timer stays out of the way.
    let mut bench = Bench::new(|cfg| {
        cfg.keepalive = NonZeroU16::new(8);
        cfg.hold_time = HoldTime::from_secs(60_000);
    });
    bench.up(60_000);
    let mut gaps = Vec::new();
    for _ in 0..20 {
        gaps.push(bench.next());
        assert_eq!(bench.did, ["out KEEPALIVE"]);
        bench.peer.heard(bench.now);
        bench.peer.sent(bench.now);
    }
    assert!(gaps.iter().all(|gap| (6 * SECOND..=8 * SECOND).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap != gaps[0]), "no jitter: {gaps:?}");
    // An UPDATE was written in between: the KEEPALIVE moves.
    bench.now += 5 * SECOND;
    bench.peer.sent(bench.now);
    bench.next();
    assert!(bench.did.is_empty());
    bench.next();
    assert_eq!(bench.did, ["out KEEPALIVE"]);
}

#[test]
fn rfc4271_4_4_no_more_than_one_keepalive_a_second() {
    let mut bench = Bench::new(|_| {});
    bench.up(3);
    for _ in 0..10 {
        bench.peer.heard(bench.now);
        bench.peer.sent(bench.now);
        assert_eq!(bench.next(), SECOND);
    }
}

#[test]
fn rfc4271_4_2_without_a_hold_time_nothing_expires() {
    let mut bench = Bench::new(|cfg| cfg.hold_time = HoldTime::Off);
    bench.up(90);
    assert_eq!(bench.peer.next_deadline(), None);
    bench.wait(100_000 * SECOND);
    assert_eq!(bench.peer.state(), StateName::Established);
}

#[test]
fn rfc9687_a_peer_that_takes_nothing_for_eight_minutes_is_given_up() {
    let mut bench = Bench::new(|_| {});
    bench.up(90);
    let up = bench.now;
    while bench.peer.state() == StateName::Established {
        // The peer sends, but nothing we write goes through.
        bench.peer.heard(bench.now);
        bench.next();
    }
    assert_eq!(bench.did, ["out 8/0", "out close", "down NotificationSent"]);
    assert_eq!(bench.now - up, 480 * SECOND);
}

#[test]
fn rfc4271_6_4_a_notification_is_never_answered() {
    for prepare in [
        |bench: &mut Bench| {
            bench.event(Event::Connected);
        },
        |bench: &mut Bench| {
            bench.event(Event::Connected);
            bench.message(ConnId::Outgoing, Message::Open(&peer_open(90)));
        },
        |bench: &mut Bench| bench.up(90),
    ] {
        let mut bench = Bench::new(|_| {});
        prepare(&mut bench);
        let received = Notification::new(6, 2);
        bench.message(ConnId::Outgoing, Message::Notification(&received));
        assert_eq!(bench.did[0], "out close", "{:?}", bench.did);
        assert_eq!(bench.peer.errors().received.as_ref().map(|(_, n)| n), Some(&received));
    }
}

#[test]
fn reconfiguration_touches_a_session_only_when_it_must() {
    let mut bench = Bench::new(|_| {});
    bench.up(90);
    let mut cfg = bench.peer.config().clone();
    cfg.connect_retry = SECOND;
    cfg.idle_hold = SECOND;
    assert!(bench.event(Event::Reconfigured(cfg.clone())).is_empty());
    cfg.extended_message = true;
    bench.event(Event::Reconfigured(cfg));
    assert_eq!(bench.did, ["out 6/6", "out close", "down ConfigurationChange", "connect"]);
}

#[test]
fn reconfiguration_ends_a_wait() {
    let mut bench = Bench::new(|cfg| cfg.connect_retry = 1000 * SECOND);
    bench.event(Event::ConnectFailed("refused"));
    let mut cfg = bench.peer.config().clone();
    assert!(bench.event(Event::Reconfigured(cfg.clone())).is_empty(), "nothing has changed");
    cfg.remote_as = RemoteAs::External;
    assert_eq!(bench.event(Event::Reconfigured(cfg)), ["connect"]);
}
