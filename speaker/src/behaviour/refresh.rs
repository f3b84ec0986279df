//! BoRR and EoRR of a neighbour, and our answer to its request.

use super::*;

const BEGIN: u8 = RouteRefresh::BEGIN;
const END: u8 = RouteRefresh::END;

#[test]
fn rfc7313_4_what_is_not_repeated_goes_at_the_end_of_the_refresh() {
    let mut desk = Desk::new(|_, _| {});
    desk.announce(0, 0..6);
    desk.mark(BEGIN);
    desk.announce(0, 0..4);
    desk.pump();
    assert_eq!(desk.held().len(), 6, "stale routes stay in use");
    desk.mark(END);
    desk.pump();
    assert_eq!(desk.held().len(), 4);
    // An end without a beginning is ignored, and so is what follows it.
    desk.mark(END);
    desk.pump();
    assert_eq!(desk.held().len(), 4);
}

#[test]
fn rfc7313_4_a_second_beginning_starts_over() {
    let mut desk = Desk::new(|_, _| {});
    desk.announce(0, 0..6);
    desk.mark(BEGIN);
    desk.announce(0, 0..4);
    desk.mark(BEGIN);
    desk.announce(0, 3..5);
    desk.mark(END);
    desk.pump();
    assert_eq!(desk.held().keys().copied().collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn rfc7313_4_an_end_that_does_not_come_is_taken_as_come() {
    let mut desk = Desk::new(|_, _| {});
    desk.announce(0, 0..6);
    desk.mark(BEGIN);
    desk.announce(0, 0..4);
    desk.wait(Duration::from_secs(359));
    assert_eq!(desk.held().len(), 6);
    desk.wait(Duration::from_secs(1));
    assert_eq!(desk.held().len(), 4);
    assert_eq!(desk.core.next_alarm(), None);
}

#[test]
fn rfc7313_4_a_beginning_before_end_of_rib_is_ignored() {
    let mut desk = Desk::new(|_, _| {});
    let life = desk.core.lives.get_mut(desk.ix).expect("the session is up");
    life.end_of_rib = bgp_wire::FamilySet::EMPTY;
    desk.announce(0, 0..6);
    desk.mark(BEGIN);
    desk.mark(END);
    desk.pump();
    assert_eq!(desk.held().len(), 6);
}

#[test]
fn a_session_that_ends_takes_its_alarms_along() {
    let mut desk = Desk::new(|_, _| {});
    desk.announce(0, 0..6);
    desk.mark(BEGIN);
    desk.end();
    assert_eq!((desk.core.next_alarm(), desk.held().len()), (None, 0));
}

#[test]
fn rfc7313_4_our_answer_is_bracketed_when_both_agreed_on_it() {
    for enhanced in [true, false] {
        let mut desk = Desk::new(|_, theirs| theirs.enhanced_route_refresh = enhanced);
        desk.mark(RouteRefresh::REQUEST);
        desk.pump();
        let want: &[&str] =
            if enhanced { &["ipv4/unicast BoRR", "ipv4/unicast EoRR"] } else { &[] };
        assert_eq!(desk.refreshes(), want);
    }
}
