//! The schedule, and two interfaces on a virtual link.

use proptest::prelude::*;

use super::*;

fn own(n: u16) -> Own {
    let [_, last] = n.to_be_bytes();
    Own {
        link_local: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n),
        link_layer: Some(LinkLayer([2, 0, 0, 0, 0, last])),
    }
}

#[expect(clippy::disallowed_methods, reason = "any instant will do")]
fn start() -> Instant {
    Instant::now()
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const SOLICITATION: Message = Message::Solicitation(RouterSolicitation { link_layer: None });

/// Runs alone until `to`; the times of advertisements and of solicitations, in ms.
fn alone(i: &mut Interface, from: Instant, to: Instant) -> (Vec<u128>, Vec<u128>) {
    let (mut sent, mut asked, mut effects) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(at) = i.next_deadline().filter(|at| *at <= to) {
        i.poll(at, &mut effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Advertise(_) => sent.push((at - from).as_millis()),
                Effect::Solicit(_) => asked.push((at - from).as_millis()),
                Effect::Found(_) => {}
            }
        }
    }
    (sent, asked)
}

#[test]
fn three_quick_ones_then_every_ten_seconds_at_most() {
    let t = start();
    let mut i = Interface::new(Config::default(), own(1), 7, t);
    let (sent, asked) = alone(&mut i, t, t + ms(120_000));
    assert_eq!(sent[..3], [0, 1000, 2000]);
    for pair in sent[2..].windows(2) {
        assert!((7500..=10_000).contains(&(pair[1] - pair[0])), "{sent:?}");
    }
    assert!(sent.len() > 13);
    assert_eq!(asked, [0, 4000, 8000], "three questions while nobody answers");
}

#[test]
fn a_solicitation_is_answered_soon_but_not_often() {
    let t = start();
    let mut i = Interface::new(Config::default(), own(1), 7, t);
    alone(&mut i, t, t + ms(20_000));
    let last = i.advertised.expect("has advertised");
    let asked = last + ms(4000);
    let received = Event::Received { source: Ipv6Addr::UNSPECIFIED, message: SOLICITATION };
    let mut effects = Vec::new();
    i.handle(asked, received, &mut effects);
    let (sent, _) = alone(&mut i, asked, asked + ms(1000));
    assert!(matches!(sent[..], [at] if at <= 500), "{sent:?}");
    // A thousand a second for ten seconds.
    let began = asked + ms(1000);
    let mut count = 0;
    for n in 0..10_000 {
        effects.clear();
        i.handle(began + ms(n), received, &mut effects);
        count += effects.iter().filter(|e| matches!(e, Effect::Advertise(_))).count();
    }
    assert!((2..=4).contains(&count), "{count} advertisements in 10 s");
}

#[test]
fn what_we_sent_ourselves_is_not_a_neighbour() {
    let t = start();
    let mut i = Interface::new(Config::default(), own(1), 7, t);
    let message = i.advertisement(0);
    let mut effects = Vec::new();
    i.handle(t, Event::Received { source: own(1).link_local, message }, &mut effects);
    assert!(effects.iter().all(|e| !matches!(e, Effect::Found(_))), "{effects:?}");
    assert_eq!(i.neighbors().iter().count(), 0);
}

#[test]
fn a_final_advertisement_only_where_there_is_something_to_take_back() {
    let t = start();
    let stop = |router_lifetime| {
        let config = Config { router_lifetime, ..Config::default() };
        let mut i = Interface::new(config, own(1), 7, t);
        alone(&mut i, t, t + ms(5000));
        let mut effects = Vec::new();
        i.handle(t + ms(6000), Event::Stop, &mut effects);
        assert_eq!(i.next_advertisement, None);
        (effects, i)
    };
    assert_eq!(stop(0).0, []);
    let (effects, i) = stop(30);
    assert_eq!(effects, [Effect::Advertise(i.advertisement(0))]);
}

#[test]
fn a_new_address_of_ours_and_a_failed_send_begin_anew() {
    let t = start();
    let mut i = Interface::new(Config::default(), own(1), 7, t);
    alone(&mut i, t, t + ms(30_000));
    let now = t + ms(30_000);
    i.handle(now, Event::Own(own(3)), &mut Vec::new());
    let (sent, _) = alone(&mut i, now, now + ms(5000));
    assert_eq!(sent, [1000, 2000], "the first went with the event");
    i.handle(now + ms(5000), Event::SendFailed, &mut Vec::new());
    let (sent, _) = alone(&mut i, now, now + ms(6000));
    assert_eq!(sent, [6000]);
}

/// Two interfaces on a link that loses some packets. Returns when both had found each other, in ms.
fn pair(b_starts: u64, lost: impl Fn(u64) -> bool) -> u64 {
    let t = start();
    let mut a = Interface::new(Config::default(), own(1), 1, t);
    let mut b = Interface::new(Config::default(), own(2), 2, t + ms(b_starts));
    let mut packets = 0;
    for now_ms in 0..120_000 {
        let now = t + ms(now_ms);
        let mut crossing = Vec::new();
        for (from, interface) in [(1, &mut a), (2, &mut b)] {
            let mut effects = Vec::new();
            if from == 1 || now_ms >= b_starts {
                interface.poll(now, &mut effects);
            }
            crossing.extend(effects.into_iter().map(|e| (from, e)));
        }
        for (from, effect) in crossing {
            let (Effect::Advertise(message) | Effect::Solicit(message)) = effect else { continue };
            packets += 1;
            if lost(packets) {
                continue;
            }
            let to = if from == 1 { &mut b } else { &mut a };
            if from == 2 || now_ms >= b_starts {
                let source = own(from).link_local;
                // What this asks for is sent with the next poll.
                to.handle(now, Event::Received { source, message }, &mut Vec::new());
            }
        }
        let both = (a.neighbors.finding(), b.neighbors.finding());
        if both == (Finding::One(own(2).link_local), Finding::One(own(1).link_local)) {
            return now_ms;
        }
    }
    panic!("they never met");
}

#[test]
fn two_find_each_other_at_once_also_long_after_the_burst_of_one() {
    assert_eq!(pair(0, |_| false), 0);
    let late = pair(27_000, |_| false) - 27_000;
    assert!(late <= 3500, "{late} ms");
}

proptest! {
    #[test]
    fn two_find_each_other_whatever_is_lost(seed in any::<u64>(), b_starts in 0u64..15_000) {
        // One packet in three gets lost.
        let lost = |n: u64| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed).is_multiple_of(3);
        prop_assert!(pair(b_starts, lost) < 110_000);
    }

    /// Any events at any time: neither too many packets nor too much memory, and a deadline that moves.
    #[test]
    fn bounded_whatever_comes(steps in prop::collection::vec((0u64..3000, 0u8..6, 1u16..20), 1..200)) {
        let mut now = start();
        let mut i = Interface::new(Config::default(), own(1), 1, now);
        let began = now;
        let (mut sent, mut asked) = (0, 0);
        for (pause, kind, who) in steps {
            now += ms(pause);
            let mut effects = Vec::new();
            let source = own(who).link_local;
            let event = match kind {
                0 => Event::Received { source, message: SOLICITATION },
                1 => Event::Received { source, message: i.advertisement(who) },
                2 => Event::Heard(source),
                3 => Event::Vouched((who % 2 == 0).then_some(source)),
                4 => Event::Received { source, message: i.advertisement(0) },
                _ => Event::Received { source: own(2).link_local, message: i.advertisement(0) },
            };
            i.handle(now, event, &mut effects);
            sent += effects.iter().filter(|e| matches!(e, Effect::Advertise(_))).count() as u128;
            asked += effects.iter().filter(|e| matches!(e, Effect::Solicit(_))).count() as u128;
            prop_assert!(i.next_deadline().is_some_and(|at| at > now));
            prop_assert!(i.neighbors().iter().count() <= 8);
        }
        let seconds = (now - began).as_millis() / 1000 + 1;
        prop_assert!(sent <= 3 + seconds / 3 + 1, "{sent} advertisements in {seconds} s");
        prop_assert!(asked <= seconds, "{asked} questions in {seconds} s");
    }
}
