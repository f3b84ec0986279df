//! One row of the table a test.

use bgp_wire::attr::Summary;

use super::*;

const PEER_AS: Asn = Asn(65001);

fn inbound(role: Option<Role>) -> Inbound {
    Inbound { external: true, role, peer_as: PEER_AS, prepend: None, router_as: None, link: None }
}

fn set(with: impl FnOnce(&mut AttrBuilder<'_>)) -> Vec<u8> {
    let mut builder = AttrBuilder::new();
    builder.set_origin(0).replace_as_path(&[PEER_AS, Asn(64999)]);
    with(&mut builder);
    let mut out = Vec::new();
    builder.finish(&mut out);
    out
}

fn applied(inbound: &Inbound, canonical: &[u8]) -> (Vec<u8>, PathFlags) {
    let mut edited = Vec::new();
    let (out, flags) = inbound.apply(true, canonical, &mut edited);
    (out.to_vec(), flags)
}

fn otc(canonical: &[u8]) -> Option<Asn> {
    attrs(canonical).find(|a| a.kind == AttrType::ONLY_TO_CUSTOMER).and_then(|a| asn(a.value))
}

#[test]
fn rfc9234_5_what_a_role_makes_of_only_to_customer() {
    use Role::{Customer, Peer, Provider, RouteServer, RouteServerClient};
    let (ours, other) = (Some(PEER_AS), Some(Asn(7)));
    // Our role, what came, what is stored, whether it is a leak.
    let cases = [
        (None, None, None, false),
        (None, other, other, false),
        (Some(Provider), None, None, false),
        (Some(Provider), ours, ours, true),
        (Some(RouteServer), None, None, false),
        (Some(RouteServer), other, other, true),
        (Some(Peer), None, ours, false),
        (Some(Peer), ours, ours, false),
        (Some(Peer), other, other, true),
        (Some(Customer), None, ours, false),
        (Some(Customer), other, other, false),
        (Some(RouteServerClient), None, ours, false),
        (Some(RouteServerClient), other, other, false),
    ];
    for (role, came, stored, leak) in cases {
        let canonical = set(|b| {
            b.set_only_to_customer(came);
        });
        let (out, flags) = applied(&inbound(role), &canonical);
        assert_eq!(
            (otc(&out), flags.any(PathFlags::ROUTE_LEAK)),
            (stored, leak),
            "{role:?} {came:?}"
        );
    }
}

#[test]
fn rfc9774_a_set_in_the_path_is_flagged() {
    for (kind, flagged) in [(1, true), (2, false), (3, false), (4, true)] {
        let value = [2, 1, 0, 0, 0xfd, 0xe9, kind, 1, 0, 0, 0, 9];
        let canonical = set(|b| {
            b.set(AttrType::AS_PATH, 0x40, &value);
        });
        let (out, flags) = applied(&inbound(None), &canonical);
        assert_eq!((out, flags.any(PathFlags::AS_SET)), (canonical, flagged));
    }
}

#[test]
fn rfc8326_4_2_graceful_shutdown_is_least_preferred() {
    let canonical = set(|b| {
        b.set_communities(&[Community::new(1, 1), Community::GRACEFUL_SHUTDOWN]);
    });
    let (out, flags) = applied(&inbound(None), &canonical);
    assert_eq!((Summary::of(&out).local_pref, flags), (Some(0), PathFlags::NONE));
    assert_eq!(Community::of(&out).count(), 2, "it goes on to our other routers");
    // Inside the AS the border router's LOCAL_PREF counts.
    let internal = Inbound { external: false, ..inbound(None) };
    assert_eq!(applied(&internal, &canonical).0, canonical);
}

#[test]
fn rfc7999_3_2_a_blackhole_stays_inside() {
    let with = |list: &[Community]| {
        let canonical = set(|b| {
            b.set_communities(list);
        });
        Community::of(&applied(&inbound(None), &canonical).0).collect::<Vec<_>>()
    };
    let (hole, kept) = (Community::BLACKHOLE, Community::NO_EXPORT);
    assert_eq!(with(&[hole]), [hole, kept]);
    assert_eq!(with(&[hole, kept]), [hole, kept]);
    let nobody = Community::NO_ADVERTISE;
    assert_eq!(with(&[nobody, hole]), [nobody, hole]);
    assert_eq!(with(&[Community::new(1, 2)]), [Community::new(1, 2)]);
}

#[test]
fn a_local_as_goes_in_front_and_the_routers_own_is_a_loop_too() {
    let canonical = set(|_| {});
    let session =
        Inbound { prepend: Some(Asn(65100)), router_as: Some(Asn(64999)), ..inbound(None) };
    let (out, _) = applied(&session, &canonical);
    assert_eq!(AsPath::of(&out).to_string(), "65100 65001 64999");
    assert_eq!(session.router_as_count(&canonical), 1);
    assert!(session.is_loop(&out, Asn(65100), 0) && !session.is_loop(&out, Asn(65100), 1));
    let other = Inbound { router_as: None, ..session };
    assert!(!other.is_loop(&out, Asn(65100), 0), "what we put there is no loop");
    assert_eq!(inbound(None).router_as_count(&canonical), 0);
}

#[test]
fn rfc4271_6_3_a_next_hop_is_the_neighbour_or_on_its_subnet() {
    let neighbor = IpAddr::from([10, 0, 0, 2]);
    let subnets =
        Subnets::from_iter(["10.0.0.0/24", "2001:db8:1::/64"].map(|p| p.parse().unwrap()));
    let one_hop = Inbound { link: Some((neighbor, subnets)), ..inbound(None) };
    let v4 = |text: &str| NextHop::V4(text.parse().unwrap());
    let v6 = |text: &str| NextHop::V6(text.parse().unwrap());
    let both = |global: &str| NextHop::V6WithLinkLocal {
        global: global.parse().unwrap(),
        link_local: "fe80::1".parse().unwrap(),
    };
    for good in [v4("10.0.0.2"), v4("10.0.0.77"), v6("2001:db8:1::7"), v6("fe80::1")] {
        assert!(one_hop.accepts(&good), "{good}");
    }
    for good in [both("2001:db8:1::7"), both("::"), both("fe80::1")] {
        assert!(one_hop.accepts(&good), "{good}");
    }
    for bad in [v4("10.0.1.2"), v6("2001:db8:2::7"), both("2001:db8:2::7")] {
        assert!(!one_hop.accepts(&bad), "{bad}");
        assert!(inbound(None).accepts(&bad), "more than one hop away it may be anywhere");
    }
    // A neighbour outside every subnet of ours is its own next hop.
    let lone = Inbound { link: Some((neighbor, Subnets::default())), ..inbound(None) };
    assert!(lone.accepts(&v4("10.0.0.2")) && !lone.accepts(&v4("10.0.0.3")));
}
