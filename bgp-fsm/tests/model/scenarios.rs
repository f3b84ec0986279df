//! Scripted lives of two speakers: what each law looks like at work.

use std::time::Duration;

use bgp_fsm::{ConnId, Event, HoldTime, Message, StateName, StopReason};
use bgp_wire::{Asn, Open};

use crate::network::{Net, speakers};
use crate::shell::{Action, Shell};

const fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn started(seed: u64, latency_ms: u64) -> Net {
    let mut net = Net::new(speakers(seed, |_, _| {}), Duration::from_millis(latency_ms));
    for side in [0, 1] {
        net.event(side, Event::Start, None);
    }
    net
}

#[test]
fn simultaneous_open_leaves_the_connection_of_the_higher_identifier() {
    // Equal distances and no jitter in the first attempt: both dial at once.
    let mut net = started(3, 50);
    net.run(secs(2));
    net.assert_one_session();
    assert_eq!(net.shells[1].peer.established(), Some(ConnId::Outgoing), "10.0.0.2 is higher");
    assert_eq!(net.shells.each_ref().map(|shell| shell.ups), [1, 1]);
}

#[test]
fn the_second_connection_may_overtake_the_first() {
    for first in [1, 40, 200, 1000, 4000] {
        let mut net = Net::new(speakers(1, |_, _| {}), Duration::from_millis(first));
        net.event(0, Event::Start, None);
        net.latency = Duration::from_millis(20);
        net.event(1, Event::Start, None);
        net.heal();
    }
}

#[test]
fn a_collision_costs_no_session_whatever_overtakes_what() {
    // Latencies and how slow either side is on each connection, in milliseconds.
    let distances = [1, 10, 31, 100];
    let slower = [[0, 0], [0, 20], [0, 150], [20, 0], [150, 0], [40, 90]].map(|s| s.map(millis));
    let gaps = [0, 1, 2, 4, 7, 11, 20, 30, 45, 62, 95, 130, 200];
    let each = |n: usize| (0..n).flat_map(move |a| (0..n).map(move |b| (a, b)));
    let mut both = 0;
    for ((l1, l2), (s1, s2)) in each(4).flat_map(|l| each(6).map(move |s| (l, s))) {
        for (gap, starter) in gaps.iter().flat_map(|gap| [(*gap, 0), (*gap, 1)]) {
            let mut net = Net::new(speakers(3, |_, _| {}), millis(distances[l1]));
            net.slower = slower[s1];
            net.event(starter, Event::Start, None);
            net.run(millis(gap));
            (net.latency, net.slower) = (millis(distances[l2]), slower[s2]);
            net.event(1 - starter, Event::Start, None);
            both += usize::from(net.shells.iter().all(|shell| shell.dialing));
            net.run(secs(5));
            net.assert_one_session();
            let lives = net.shells.each_ref().map(|shell| (shell.ups, shell.downs));
            let case = format!("{l1} {l2} {s1} {s2}, {starter} first by {gap} ms");
            assert_eq!(lives, [(1, 0); 2], "{case}");
        }
    }
    assert!(both > 3000, "only {both} collisions");
}

#[test]
fn silence_ends_the_session_after_exactly_the_hold_time() {
    for hold in [3, 9, 90, 240] {
        let peers = speakers(5, |side, cfg| {
            cfg.hold_time = HoldTime::from_secs(if side == 0 { hold } else { 240 });
        });
        let mut net = Net::new(peers, Duration::from_millis(5));
        net.event(0, Event::Start, None);
        net.event(1, Event::Start, None);
        net.run(secs(5));
        net.assert_one_session();
        net.silence_all();
        // That it is exact is checked by the network itself.
        net.run(secs(hold.into()));
        for shell in &net.shells {
            let reason = shell.peer.last_error().unwrap().notification().unwrap().clone();
            assert_eq!((reason.code, reason.subcode), (4, 0));
        }
        net.heal();
    }
}

#[test]
fn keepalives_come_between_three_quarters_and_a_third_of_the_hold_time() {
    let mut net = started(8, 5);
    net.run(secs(2));
    let third = secs(30);
    let (mut last, mut seen) = ([None; 2], 0);
    while seen < 400 {
        let at = net.shells.iter().filter_map(|s| s.peer.next_deadline()).min().unwrap();
        net.now = at;
        for side in [0, 1] {
            let actions = net.shells[side].poll_timers(at);
            let keepalive = |a: &Action| matches!(a, Action::Send(_, frame) if frame.len() == 19);
            if actions.iter().any(keepalive) {
                if let Some(before) = last[side].replace(at) {
                    let gap = at - before;
                    assert!(gap <= third && gap >= Duration::from_millis(22_499), "{gap:?}");
                    seen += 1;
                }
                net.shells[side].peer.sent(at);
                net.shells[1 - side].peer.heard(at);
            }
        }
    }
}

#[test]
fn a_leap_of_the_clock_is_survived() {
    for leap in [10, 60, 91, 240, 600, 7200] {
        for timers_first in [true, false] {
            let mut net = started(leap, 30);
            net.run(Duration::from_millis(45));
            net.jump(secs(leap), timers_first);
            net.run(secs(3));
            net.jump(secs(leap), timers_first);
            net.heal();
        }
    }
}

#[test]
fn a_crash_at_any_moment_of_the_handshake_is_survived() {
    for millis in 0..120 {
        for reset in [true, false] {
            let mut net = started(millis, 20);
            net.run(Duration::from_millis(millis));
            net.crash(usize::from(millis % 2 == 0), 77, reset);
            net.heal();
        }
    }
}

#[test]
fn connections_that_stay_mute_do_not_keep_the_peer_out() {
    for passive in 0..3 {
        let peers = speakers(2, |side, cfg| cfg.passive = side == passive);
        let mut net = Net::new(peers, Duration::from_millis(10));
        net.event(0, Event::Start, None);
        net.event(1, Event::Start, None);
        for side in [0, 1].repeat(20) {
            net.intrude(side);
            net.run(Duration::from_millis(7));
        }
        net.heal();
    }
}

#[test]
fn a_stop_in_any_state_says_goodbye_once() {
    for millis in 0..150 {
        let mut net = started(9, 20);
        net.run(Duration::from_millis(millis));
        net.event(0, Event::Stop(StopReason::AdministrativeShutdown(None)), None);
        assert_eq!(net.shells[0].peer.state(), StateName::Idle);
        assert_eq!(net.shells[0].ups, net.shells[0].downs);
        net.run(secs(600));
        assert_eq!(net.shells[0].peer.state(), StateName::Idle, "nothing but a start ends it");
        assert_ne!(net.shells[1].peer.state(), StateName::Established);
        net.heal();
    }
}

/// One peer that hears KEEPALIVEs and cannot send (RFC 9687): a full window on its way out.
fn stuck(hold: u16) -> Duration {
    let [peer, _] = speakers(4, |_, cfg| cfg.hold_time = HoldTime::from_secs(hold));
    let mut shell = Shell::new(peer);
    let mut now = Net::new(speakers(4, |_, _| {}), secs(1)).now;
    let open = Open::new(Asn(65002), hold, [10, 0, 0, 5].into(), []);
    shell.handle(now, Event::Start);
    shell.handle(now, Event::Connected);
    shell.handle(now, Event::Message(ConnId::Outgoing, Message::Open(&open)));
    shell.handle(now, Event::Message(ConnId::Outgoing, Message::Keepalive));
    let begin = now;
    while shell.peer.established().is_some() {
        shell.peer.heard(now);
        now = shell.peer.next_deadline().unwrap();
        shell.poll_timers(now);
        assert!(now - begin <= secs(3600));
    }
    let reason = shell.peer.last_error().unwrap().notification().unwrap().clone();
    assert_eq!((reason.code, reason.subcode), (8, 0));
    now - begin
}

#[test]
fn rfc9687_send_hold_time_is_eight_minutes_or_twice_the_hold_time() {
    assert_eq!(stuck(3), secs(480));
    assert_eq!(stuck(90), secs(480));
    assert_eq!(stuck(240), secs(480));
    assert_eq!(stuck(300), secs(600));
    assert_eq!(stuck(1000), secs(2000));
}

#[test]
fn the_hold_timer_of_a_handshake_is_four_minutes() {
    let [peer, _] = speakers(4, |_, _| {});
    let mut shell = Shell::new(peer);
    let now = Net::new(speakers(4, |_, _| {}), secs(1)).now;
    shell.handle(now, Event::Start);
    shell.handle(now, Event::Connected);
    assert_eq!(shell.peer.next_deadline(), Some(now + secs(240)));
    shell.poll_timers(now + secs(240));
    let reason = shell.peer.last_error().unwrap().notification().unwrap().clone();
    assert_eq!((reason.code, reason.subcode), (4, 0));
}
