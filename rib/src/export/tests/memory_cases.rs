//! What is kept of sets once sent, and when it goes.

use super::*;

const EBGP: PeerKind = PeerKind::Ebgp;

fn host(number: u16) -> V4Prefix {
    let [a, b] = number.to_be_bytes();
    V4Prefix::new(Ipv4Addr::new(10, 0, a, b), 32).unwrap()
}

/// Distinct sets, so that each is one that has to be kept.
fn set(number: u16, generation: u32) -> Vec<u8> {
    plain(&[65001, 65002, 100_000 * generation + u32::from(number)])
}

#[test]
fn sets_go_when_nothing_is_advertised_any_more() {
    let mut world = World::new();
    let (from, to) = (world.peer(EBGP), world.peer(EBGP));
    let member = world.join(to, key(SessionKind::Ebgp));
    const ROUTES: u16 = 3000;
    for number in 0..ROUTES {
        world.announce(from, host(number), &set(number, 1));
    }
    world.pump();
    assert_eq!(world.held(to).routes.len(), usize::from(ROUTES));
    assert_eq!(world.rib.attrs.len(), usize::from(ROUTES));
    for number in 0..ROUTES {
        world.withdraw(from, 0, host(number));
    }
    world.pump();
    assert!(world.held(to).routes.is_empty());
    assert_eq!(world.rib.attrs.len(), 0, "sets as received are let go with those as sent");
    let group = world.exports.group_of(member).unwrap();
    let outs = &world.exports.group(group).families.of::<V4Prefix>().outs;
    assert_eq!(outs.len(), 0);
}

#[test]
fn sets_that_are_replaced_do_not_pile_up() {
    let mut world = World::new();
    let (from, to) = (world.peer(EBGP), world.peer(EBGP));
    world.join(to, key(SessionKind::Ebgp));
    const ROUTES: u16 = 1500;
    for generation in 1..8 {
        for number in 0..ROUTES {
            world.announce(from, host(number), &set(number, generation));
        }
        world.pump();
        // At most: in use, as many again before a collection, and what the memo holds.
        let kept = world.rib.attrs.len();
        assert!(kept <= 5 * usize::from(ROUTES) + 1024, "{kept} in generation {generation}");
    }
    // What is kept is what was sent, after collections too.
    let held = world.held(to);
    for number in [0, 1, ROUTES / 2, ROUTES - 1] {
        let expected = plain(&[65000, 65001, 65002, 700_000 + u32::from(number)]);
        let (sent, _) = &held.routes[&(host(number).into(), 0)];
        assert_eq!(*sent, naive::values(&expected));
    }
}
