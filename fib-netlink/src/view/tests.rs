//! The picture against hand-made events.

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn link(index: u32, usable: bool) -> KernelEvent {
    KernelEvent::Link(Link {
        index,
        name: format!("eth{index}"),
        up: true,
        carrier: usable,
        loopback: false,
        mtu: 1500,
        master: None,
    })
}

fn route(prefix: &str, protocol: u8, metric: u32, via: Option<&str>, ifindex: u32) -> KernelRoute {
    let hop = Hop { via: via.map(ip), ifindex: Some(ifindex), weight: 1 };
    KernelRoute {
        table: 254,
        protocol,
        prefix: prefix.parse().unwrap(),
        metric,
        kind: RouteKind::Unicast,
        next_hops: SmallVec::from_slice(&[hop]),
        replaces: false,
    }
}

fn address(ifindex: u32, addr: &str, prefix_len: u8, tentative: bool) -> KernelEvent {
    KernelEvent::Address(Address { ifindex, addr: ip(addr), prefix_len, tentative })
}

fn view() -> KernelView {
    let mut view = KernelView::new(&FibConfig::default());
    for event in [
        link(2, true),
        link(3, true),
        address(2, "10.0.0.1", 24, false),
        KernelEvent::Route(route("10.0.0.0/24", 2, 0, None, 2)),
        KernelEvent::Route(route("0.0.0.0/0", 16, 100, Some("10.0.0.254"), 2)),
        KernelEvent::Route(route("192.0.2.0/24", 4, 7, Some("10.0.0.9"), 2)),
        KernelEvent::Synced,
    ] {
        assert!(view.apply(&event), "{event:?} is new");
    }
    view
}

#[test]
fn the_longest_match_decides() {
    let view = view();
    let at = |addr: &str| view.resolve(ip(addr), None);
    assert_eq!(
        at("10.0.0.7"),
        Some(Resolved { gateway: None, ifindex: 2, metric: 0, connected: true, prefix_len: 24 })
    );
    let through = at("192.0.2.1").unwrap();
    assert_eq!(
        (through.gateway, through.metric, through.connected),
        (Some(ip("10.0.0.9")), 7, false)
    );
    assert_eq!(at("198.51.100.1").unwrap().prefix_len, 0, "only the default route");
    assert_eq!(at("2001:db8::1"), None);
}

#[test]
fn our_own_routes_and_other_tables_do_not_resolve() {
    let mut view = view();
    let ours = route("192.0.2.128/25", 179, 20, Some("10.0.0.66"), 2);
    assert!(!view.apply(&KernelEvent::Route(ours)));
    let other = KernelRoute { table: 100, ..route("192.0.2.128/25", 4, 0, Some("10.0.0.66"), 2) };
    assert!(!view.apply(&KernelEvent::Route(other)));
    assert_eq!(view.resolve(ip("192.0.2.129"), None).unwrap().gateway, Some(ip("10.0.0.9")));
}

#[test]
fn our_own_address_is_no_next_hop() {
    let mut view = view();
    assert!(view.is_local(ip("10.0.0.1")));
    assert_eq!(view.resolve(ip("10.0.0.1"), None), None);
    let gone = Address { ifindex: 2, addr: ip("10.0.0.1"), prefix_len: 24, tentative: false };
    assert!(view.apply(&KernelEvent::AddressGone(gone)));
    assert!(view.resolve(ip("10.0.0.1"), None).unwrap().connected);
}

#[test]
fn a_link_without_carrier_falls_back_to_the_next_metric_then_the_next_length() {
    let mut view = view();
    view.apply(&KernelEvent::Route(route("10.0.0.0/24", 2, 50, None, 3)));
    assert_eq!(view.resolve(ip("10.0.0.7"), None).unwrap().ifindex, 2);
    assert!(view.apply(&link(2, false)));
    assert_eq!(view.resolve(ip("10.0.0.7"), None).unwrap().ifindex, 3);
    assert_eq!(
        view.resolve(ip("192.0.2.1"), None),
        None,
        "and the default leaves by the same link"
    );
    assert!(view.apply(&link(2, true)));
    assert!(!view.apply(&link(2, true)), "nothing new");
    assert_eq!(view.resolve(ip("192.0.2.1"), None).unwrap().ifindex, 2);
}

#[test]
fn a_discarding_route_hides_shorter_ones() {
    let mut view = view();
    let discard = KernelRoute {
        kind: RouteKind::Discard,
        next_hops: SmallVec::new(),
        ..route("192.0.2.0/25", 4, 0, None, 0)
    };
    view.apply(&KernelEvent::Route(discard.clone()));
    assert_eq!(view.resolve(ip("192.0.2.1"), None), None);
    assert!(view.apply(&KernelEvent::RouteGone(discard)));
    assert!(view.resolve(ip("192.0.2.1"), None).is_some());
}

#[test]
fn link_local_needs_a_usable_scope() {
    let mut view = view();
    let addr = ip("fe80::1");
    assert_eq!(view.resolve(addr, None), None);
    assert_eq!(view.resolve(addr, Some(9)), None);
    assert_eq!(view.resolve(addr, Some(3)).map(|r| (r.ifindex, r.connected)), Some((3, true)));
    view.apply(&address(3, "fe80::a", 64, true));
    assert_eq!(view.link_local(3), None, "tentative");
    view.apply(&address(3, "fe80::a", 64, false));
    assert_eq!(view.link_local(3), Some("fe80::a".parse().unwrap()));
    view.apply(&KernelEvent::LinkGone { index: 3 });
    assert_eq!(view.link_local(3), None);
    assert_eq!(view.resolve(addr, Some(3)), None);
}

#[test]
fn members_of_a_multipath_route_may_leave_one_by_one() {
    let mut view = view();
    let mut both = route("2001:db8::/32", 4, 1024, Some("2001:db8:1::1"), 2);
    both.next_hops.push(Hop::via(ip("2001:db8:2::1")).dev(3));
    view.apply(&KernelEvent::Route(both));
    view.apply(&KernelEvent::RouteGone(route("2001:db8::/32", 4, 1024, Some("2001:db8:1::1"), 2)));
    assert_eq!(view.resolve(ip("2001:db8::5"), None).unwrap().ifindex, 3);
    view.apply(&KernelEvent::RouteGone(route("2001:db8::/32", 4, 1024, Some("2001:db8:2::1"), 3)));
    assert_eq!(view.resolve(ip("2001:db8::5"), None), None);
}

#[test]
fn routes_of_one_metric_stand_side_by_side_unless_replaced() {
    let mut view = view();
    view.apply(&KernelEvent::Route(route("2001:db8::/64", 2, 256, None, 2)));
    view.apply(&KernelEvent::Route(route("2001:db8::/64", 2, 256, None, 3)));
    view.apply(&link(2, false));
    assert_eq!(view.resolve(ip("2001:db8::5"), None).unwrap().ifindex, 3);
    view.apply(&link(2, true));
    let new = KernelRoute { replaces: true, ..route("192.0.2.0/24", 4, 7, Some("10.0.0.8"), 2) };
    view.apply(&KernelEvent::Route(new));
    assert_eq!(view.resolve(ip("192.0.2.1"), None).unwrap().gateway, Some(ip("10.0.0.8")));
    view.apply(&KernelEvent::RouteGone(route("192.0.2.0/24", 4, 7, Some("10.0.0.8"), 2)));
    assert_eq!(view.resolve(ip("192.0.2.1"), None).unwrap().prefix_len, 0);
}

#[test]
fn reset_forgets_everything() {
    let mut view = view();
    assert!(view.is_synced() && view.link_by_name("eth2").is_some());
    view.apply(&KernelEvent::Reset);
    assert!(!view.is_synced() && view.links().next().is_none() && !view.is_local(ip("10.0.0.1")));
    assert_eq!(view.resolve(ip("10.0.0.7"), None), None);
}
