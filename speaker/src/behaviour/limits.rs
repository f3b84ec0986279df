//! The bound on prefixes: what counts, when it is said, what happens beyond.

use super::*;
use crate::limits::LimitState;

const V4: Family = Family::IPV4_UNICAST;

impl Desk {
    fn notes(&mut self) -> Vec<(LimitState, u32)> {
        self.core.take_notes().into_iter().map(|note| (note.state, note.count)).collect()
    }
}

#[test]
fn a_threshold_is_said_once_and_so_is_its_end() {
    let mut desk = Desk::new(|config, _| config.maximum_prefix = limit(100, 80, OverLimit::Refuse));
    desk.announce(0, 0..79);
    assert_eq!(desk.notes(), []);
    desk.announce(0, [79]);
    desk.announce(0, 80..90);
    assert_eq!(desk.notes(), [(LimitState::Warning, 80)]);
    // Around the threshold nothing is said; well below it is.
    desk.withdraw(78..90);
    desk.announce(0, 78..82);
    assert_eq!(desk.notes(), []);
    desk.withdraw(70..82);
    assert_eq!(desk.notes(), [(LimitState::Below, 70)]);
}

#[test]
fn refused_prefixes_are_asked_for_when_there_is_room_again() {
    let mut desk = Desk::new(|config, _| config.maximum_prefix = limit(10, 100, OverLimit::Refuse));
    assert_eq!(desk.announce(0, 0..13), None, "the session stays");
    assert_eq!((desk.held().len(), desk.life().over_limit), (10, 3));
    assert_eq!(desk.notes(), [(LimitState::Reached, 10)]);
    // Known ones may be announced again: they are not counted twice.
    desk.announce(0, 0..10);
    assert_eq!((desk.held().len(), desk.life().over_limit), (10, 3));
    desk.withdraw([0]);
    desk.pump();
    assert_eq!(desk.notes(), [(LimitState::Below, 9)]);
    assert_eq!(desk.refreshes(), ["ipv4/unicast request"]);
    // The answer is refused in part; the next request is not sent at once.
    desk.announce(0, 1..13);
    desk.withdraw([1]);
    desk.pump();
    assert!(desk.refreshes().is_empty());
    desk.wait(Duration::from_secs(30));
    assert_eq!(desk.refreshes(), ["ipv4/unicast request"]);
}

#[test]
fn rfc4486_the_session_is_to_end_beyond_the_limit_not_at_it() {
    for action in [OverLimit::Shutdown, OverLimit::Restart(Duration::from_secs(5))] {
        let mut desk = Desk::new(|config, _| config.maximum_prefix = limit(10, 80, action));
        assert_eq!(desk.announce(0, 0..10), None);
        assert_eq!(desk.announce(0, 0..11), Some((V4, 10)));
        assert_eq!(desk.held().len(), 10);
    }
}

#[test]
fn paths_are_counted_with_add_path_and_denied_ones_too() {
    let mut desk = Desk::new(|config, theirs| {
        config.add_path.receive = true;
        config.import = policy(200);
        config.maximum_prefix = limit(10, 100, OverLimit::Shutdown);
        theirs.add_path = vec![(V4, bgp_wire::AddPathDirection::Both)];
    });
    if !desk.life().context.add_path.contains(V4) {
        // Offering ADD-PATH is the session's affair; without it each prefix has one path.
        assert_eq!(desk.announce(0, 0..10), None);
        assert_eq!(desk.announce(0, [11]), Some((V4, 10)));
        return;
    }
    assert_eq!(desk.announce(1, 3..8), None);
    assert_eq!(desk.announce(2, 3..8), None);
    assert_eq!(desk.announce(3, [3]), Some((V4, 10)));
}

#[test]
fn a_limit_changed_under_way_acts_at_once() {
    let mut desk = Desk::new(|config, _| config.maximum_prefix = limit(10, 100, OverLimit::Refuse));
    desk.announce(0, 0..20);
    assert_eq!(desk.held().len(), 10);
    // Higher: what was refused is asked for.
    assert_eq!(desk.edit(|c| c.maximum_prefix = limit(20, 100, OverLimit::Refuse)), None);
    desk.pump();
    assert_eq!(desk.refreshes(), ["ipv4/unicast request"]);
    desk.announce(0, 0..20);
    assert_eq!((desk.held().len(), desk.life().limit(V4).state), (20, LimitState::Warning));
    // Lower, warning only: nothing is taken away, nothing more is taken in.
    assert_eq!(desk.edit(|c| c.maximum_prefix = limit(5, 80, OverLimit::Refuse)), None);
    desk.announce(0, [30]);
    assert_eq!((desk.held().len(), desk.life().limit(V4).state), (20, LimitState::Reached));
    // Lower, and the session is to end for it.
    let found = desk.edit(|c| c.maximum_prefix = limit(5, 80, OverLimit::Shutdown));
    assert_eq!(found, Some((V4, 5)));
    assert_eq!(desk.edit(|c| c.maximum_prefix = None), None);
}
