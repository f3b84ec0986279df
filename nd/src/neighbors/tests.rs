//! The two stories of a second address, and the bounds.

use super::*;

fn ll(n: u16) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n)
}

fn mac(n: u8) -> Option<LinkLayer> {
    Some(LinkLayer([2, 0, 0, 0, 0, n]))
}

#[expect(clippy::disallowed_methods, reason = "any instant will do")]
fn start() -> Instant {
    Instant::now()
}

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Runs time in whole seconds; whoever is in `answers` answers every question at once.
fn run(neighbors: &mut Neighbors, from: Instant, to: Instant, answers: &[Ipv6Addr]) -> Finding {
    let (mut now, mut asked) = (from, None);
    while now < to {
        now += secs(1);
        neighbors.expire(now);
        if neighbors.next_question(asked).is_some_and(|at| at <= now) {
            asked = Some(now);
            neighbors.asked(now);
            for a in answers {
                neighbors.heard(*a, None, now);
            }
        }
    }
    neighbors.finding()
}

#[test]
fn a_neighbour_is_found_and_lost_by_silence() {
    let (mut n, t) = (Neighbors::default(), start());
    assert_eq!(n.finding(), Finding::Nobody);
    assert!(n.advertised(ll(1), mac(1), 30, t), "new");
    assert!(!n.advertised(ll(1), mac(1), 30, t), "known");
    assert_eq!(n.finding(), Finding::One(ll(1)));
    assert_eq!(n.next_question(None), Some(t + SILENCE));
    n.expire(t + WINDOW - secs(1));
    assert_eq!(n.finding(), Finding::One(ll(1)));
    n.expire(t + WINDOW);
    assert_eq!(n.finding(), Finding::Nobody);
    assert_eq!(n.next_expiry(), None);
}

#[test]
fn long_intervals_are_bridged_by_asking() {
    let (mut n, t) = (Neighbors::default(), start());
    n.advertised(ll(1), None, 1800, t);
    assert_eq!(run(&mut n, t, t + secs(600), &[ll(1)]), Finding::One(ll(1)));
    assert_eq!(run(&mut n, t + secs(600), t + secs(640), &[]), Finding::Nobody);
}

#[test]
fn a_router_that_stops_says_so_and_one_that_never_was_a_default_router_cannot() {
    let (mut n, t) = (Neighbors::default(), start());
    n.advertised(ll(1), mac(1), 30, t);
    n.advertised(ll(1), mac(1), 0, t + secs(1));
    assert_eq!(n.finding(), Finding::Nobody);
    n.advertised(ll(1), mac(1), 0, t + secs(2));
    n.advertised(ll(1), mac(1), 0, t + secs(3));
    assert_eq!(n.finding(), Finding::One(ll(1)), "lifetime 0 from the first is a neighbour");
}

#[test]
fn another_address_of_the_same_station_replaces_at_once() {
    let (mut n, t) = (Neighbors::default(), start());
    n.advertised(ll(1), mac(1), 30, t);
    n.vouch(Some(ll(1)), t);
    n.advertised(ll(2), mac(1), 30, t + secs(1));
    assert_eq!(n.finding(), Finding::One(ll(2)));
    // Two stations with one link-layer address take turns: that is two.
    n.advertised(ll(1), mac(1), 30, t + secs(2));
    assert_eq!(run(&mut n, t + secs(2), t + secs(3), &[ll(1), ll(2)]), {
        Finding::Several(ll(2), ll(1))
    });
}

#[test]
fn another_station_replaces_one_that_does_not_answer() {
    let (mut n, t) = (Neighbors::default(), start());
    n.advertised(ll(1), mac(1), 30, t);
    assert_eq!(n.finding(), Finding::One(ll(1)));
    n.advertised(ll(2), mac(2), 30, t + secs(3));
    assert_eq!(n.finding(), Finding::One(ll(1)), "not yet");
    assert_eq!(n.next_question(Some(t)), Some(t + secs(3)), "asks at once");
    assert_eq!(run(&mut n, t + secs(3), t + secs(9), &[ll(2)]), Finding::One(ll(2)));
}

#[test]
fn two_that_answer_are_two_until_one_is_gone() {
    let (mut n, t) = (Neighbors::default(), start());
    n.advertised(ll(1), mac(1), 30, t);
    n.advertised(ll(2), mac(2), 30, t);
    let both = [ll(1), ll(2)];
    assert_eq!(run(&mut n, t, t + secs(100), &both), Finding::Several(ll(1), ll(2)));
    assert_eq!(run(&mut n, t + secs(100), t + secs(117), &[ll(2)]), Finding::One(ll(2)));
}

#[test]
fn a_living_session_is_not_replaced_by_silence() {
    let (mut n, t) = (Neighbors::default(), start());
    n.vouch(Some(ll(1)), t);
    assert_eq!(run(&mut n, t, t + secs(300), &[]), Finding::One(ll(1)), "never advertises");
    n.advertised(ll(2), mac(2), 30, t + secs(300));
    assert_eq!(n.finding(), Finding::Several(ll(1), ll(2)));
    n.vouch(None, t + secs(300));
    assert_eq!(run(&mut n, t + secs(300), t + secs(306), &[ll(2)]), Finding::One(ll(2)));
}

#[test]
fn a_flood_of_sources_is_bounded_and_does_not_displace_the_first() {
    let (mut n, t) = (Neighbors::default(), start());
    for i in 1..5000 {
        n.advertised(ll(i), mac(0), 30, t);
        n.advertised(ll(i), None, 30, t);
        assert!(n.iter().count() <= CAPACITY);
    }
    let (mut n, t) = (Neighbors::default(), start());
    for i in 1..5000 {
        n.heard(ll(i), None, t);
    }
    assert_eq!(n.iter().count(), CAPACITY);
    assert_eq!(n.iter().next().map(|n| n.address), Some(ll(1)));
    assert!(matches!(n.finding(), Finding::One(a) if a == ll(1)));
}
