//! Any sequence of events, however absurd, on one peer with up to two connections: the books of
//! `Shell` stay balanced.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use bgp_fsm::{
    ConnId, Event, HoldTime, Message, Peer, PeerConfig, RemoteAs, StateName, StopReason,
};
use bgp_wire::{Asn, Notification, Open};
use proptest::prelude::*;

use crate::shell::Shell;

#[derive(Clone, Debug)]
enum Op {
    Start,
    Stop,
    Restart,
    Connected,
    ConnectFailed,
    Accepted,
    Closed(ConnId),
    GoodOpen(ConnId),
    HoldlessOpen(ConnId),
    WrongAs(ConnId),
    Keepalive(ConnId),
    Update(ConnId),
    RouteRefresh(ConnId),
    Notified(ConnId, u8, u8),
    DecodeFailed(ConnId, u8),
    Reconfigured { hold: u16, passive: bool, retry: u16 },
    Wait(u32),
    NextDeadline,
    Traffic,
    KeysChanged,
}

fn op() -> impl Strategy<Value = Op> {
    let id = || prop_oneof![Just(ConnId::Outgoing), Just(ConnId::Incoming)];
    prop_oneof![
        2 => Just(Op::Start),
        1 => Just(Op::Stop),
        1 => Just(Op::Restart),
        6 => Just(Op::Connected),
        2 => Just(Op::ConnectFailed),
        5 => Just(Op::Accepted),
        2 => id().prop_map(Op::Closed),
        8 => id().prop_map(Op::GoodOpen),
        1 => id().prop_map(Op::HoldlessOpen),
        1 => id().prop_map(Op::WrongAs),
        8 => id().prop_map(Op::Keepalive),
        1 => id().prop_map(Op::Update),
        1 => id().prop_map(Op::RouteRefresh),
        1 => (id(), 1u8..9, 0u8..11).prop_map(|(id, code, sub)| Op::Notified(id, code, sub)),
        1 => (id(), 1u8..9).prop_map(|(id, code)| Op::DecodeFailed(id, code)),
        1 => (prop_oneof![Just(0u16), 3u16..100], any::<bool>(), 0u16..200)
            .prop_map(|(hold, passive, retry)| Op::Reconfigured { hold, passive, retry }),
        3 => (0u32..100_000).prop_map(Op::Wait),
        6 => Just(Op::NextDeadline),
        1 => Just(Op::Traffic),
        1 => Just(Op::KeysChanged),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn invariants_hold(
        ops in prop::collection::vec(op(), 1..120),
        seed in any::<u64>(),
        passive in any::<bool>(),
        delay_open in prop::option::of(1u64..20),
        low_id in any::<bool>(),
    ) {
        let id = if low_id { Ipv4Addr::new(10, 0, 0, 1) } else { Ipv4Addr::new(10, 0, 0, 9) };
        let mut cfg = PeerConfig::new(Asn(65001), RemoteAs::Asn(Asn(65002)), id);
        cfg.passive = passive;
        cfg.delay_open = delay_open.map(Duration::from_secs);
        run(Peer::new(cfg, seed), &ops);
    }
}

#[expect(clippy::disallowed_methods, reason = "any instant will do as the origin of a test")]
fn run(peer: Peer, ops: &[Op]) {
    let mut shell = Shell::new(peer);
    let mut now = Instant::now();
    shell.handle(now, Event::Start);
    for op in ops {
        step(&mut shell, &mut now, op);
    }
    // Whatever happened, a stop ends it all.
    shell.handle(now, Event::Stop(StopReason::PeerDeconfigured));
    assert_eq!(shell.peer.state(), StateName::Idle);
    assert_eq!(shell.peer.next_deadline(), None);
    assert_eq!(shell.ups, shell.downs);
    assert!(!shell.dialing && !shell.is_open(ConnId::Outgoing) && !shell.is_open(ConnId::Incoming));
}

fn step(shell: &mut Shell, now: &mut Instant, op: &Op) {
    let open = Open::new(Asn(65002), 90, Ipv4Addr::new(10, 0, 0, 5), []);
    match *op {
        Op::Start => drop(shell.handle(*now, Event::Start)),
        Op::Stop => {
            let reason = StopReason::AdministrativeShutdown(Some("bye".into()));
            shell.handle(*now, Event::Stop(reason));
        }
        Op::Restart => drop(shell.handle(*now, Event::Restart(StopReason::BfdDown))),
        Op::Connected if shell.dialing => drop(shell.handle(*now, Event::Connected)),
        Op::ConnectFailed if shell.dialing => {
            shell.handle(*now, Event::ConnectFailed("refused"));
        }
        Op::Accepted => drop(shell.handle(*now, Event::Accepted)),
        Op::Closed(id) if shell.is_open(id) => drop(shell.handle(*now, Event::Closed(id, None))),
        Op::GoodOpen(id) => message(shell, *now, id, Message::Open(&open)),
        Op::HoldlessOpen(id) => {
            message(shell, *now, id, Message::Open(&Open { hold_time: 0, ..open }));
        }
        Op::WrongAs(id) => {
            message(shell, *now, id, Message::Open(&Open { asn: Asn(65009), ..open }));
        }
        Op::Keepalive(id) => message(shell, *now, id, Message::Keepalive),
        Op::Update(id) => message(shell, *now, id, Message::Update),
        Op::RouteRefresh(id) => message(shell, *now, id, Message::RouteRefresh),
        Op::Notified(id, code, subcode) => {
            let notification = Notification::new(code, subcode);
            message(shell, *now, id, Message::Notification(&notification));
        }
        Op::DecodeFailed(id, code) if shell.is_open(id) => {
            shell.handle(*now, Event::DecodeFailed(id, Notification::new(code, 1)));
        }
        Op::Reconfigured { hold, passive, retry } => {
            let cfg = PeerConfig {
                hold_time: HoldTime::from_secs(hold),
                passive,
                connect_retry: Duration::from_secs(retry.into()),
                ..shell.peer.config().clone()
            };
            shell.handle(*now, Event::Reconfigured(cfg));
        }
        Op::KeysChanged => drop(shell.handle(*now, Event::KeysChanged)),
        Op::Wait(millis) => {
            *now += Duration::from_millis(millis.into());
            shell.poll_timers(*now);
        }
        Op::NextDeadline => {
            if let Some(at) = shell.peer.next_deadline() {
                *now = at.max(*now);
                shell.poll_timers(*now);
            }
        }
        Op::Traffic => {
            shell.peer.heard(*now);
            shell.peer.sent(*now);
        }
        // The event cannot happen now.
        Op::Connected | Op::ConnectFailed | Op::Closed(_) | Op::DecodeFailed(..) => {}
    }
}

fn message(shell: &mut Shell, now: Instant, id: ConnId, message: Message<'_>) {
    if shell.is_open(id) {
        shell.handle(now, Event::Message(id, message));
    }
}
