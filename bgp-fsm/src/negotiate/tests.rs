//! One test per rule of the OPEN.

use std::num::NonZeroU16;

use super::*;
use crate::config::{HoldTime, RemoteAs};

fn config() -> PeerConfig {
    PeerConfig::new(Asn(65001), RemoteAs::Asn(Asn(65002)), Ipv4Addr::new(10, 0, 0, 1))
}

/// What a peer with `config` turned around would send.
fn peer_open() -> Open {
    let id = Ipv4Addr::new(10, 0, 0, 2);
    local_open(&PeerConfig::new(Asn(65002), RemoteAs::External, id))
}

fn refused(cfg: &PeerConfig, open: &Open) -> (u8, u8, Vec<u8>) {
    let n = check(cfg, open).expect_err("must be refused");
    (n.code, n.subcode, n.data.to_vec())
}

#[test]
fn what_we_send_decodes_to_what_we_meant() {
    let mut cfg = config();
    cfg.local_as = Asn(4_200_000_001);
    cfg.extended_next_hop = true;
    cfg.extended_message = true;
    cfg.enhanced_route_refresh = true;
    cfg.add_path = vec![(Family::IPV4_UNICAST, AddPathDirection::Both)];
    cfg.role = Some(Role::Customer);
    let open = local_open(&cfg);
    let mut wire = Vec::new();
    open.encode(&mut wire);
    assert_eq!(Open::decode(&wire[19..]).unwrap(), open);
    assert_eq!((open.asn, open.my_as_field), (Asn(4_200_000_001), 23456));
    for wanted in [
        Capability::MultiProtocol(Family::IPV4_UNICAST),
        Capability::MultiProtocol(Family::IPV6_UNICAST),
        Capability::RouteRefresh,
        Capability::EnhancedRouteRefresh,
        Capability::ExtendedNextHop(vec![ExtendedNextHop {
            family: Family::IPV4_UNICAST,
            next_hop: Afi::IPV6,
        }]),
        Capability::ExtendedMessage,
        Capability::FourOctetAs(cfg.local_as),
        Capability::AddPath(cfg.add_path),
        Capability::Role(3),
    ] {
        assert!(open.capabilities.contains(&wanted), "{wanted:?}");
    }
}

#[test]
fn rfc4271_6_2_each_fault_has_its_subcode() {
    let cfg = config();
    assert_eq!(check(&cfg, &peer_open()), Ok(()));
    assert_eq!(refused(&cfg, &Open { version: 3, ..peer_open() }), (2, 1, vec![0, 4]));
    assert_eq!(refused(&cfg, &Open { asn: Asn(65003), ..peer_open() }), (2, 2, vec![]));
    assert_eq!(refused(&cfg, &Open { hold_time: 1, ..peer_open() }), (2, 6, vec![]));
    assert_eq!(refused(&cfg, &Open { hold_time: 2, ..peer_open() }), (2, 6, vec![]));
    let zero = Ipv4Addr::UNSPECIFIED;
    assert_eq!(refused(&cfg, &Open { router_id: zero, ..peer_open() }), (2, 3, vec![]));
    assert_eq!(check(&cfg, &Open { hold_time: 0, ..peer_open() }), Ok(()));
    assert_eq!(check(&cfg, &Open { hold_time: 3, ..peer_open() }), Ok(()));
}

#[test]
fn remote_as_internal_external_number_and_never_zero() {
    let accepts = |remote_as, asn| {
        let cfg = PeerConfig { remote_as, ..config() };
        check(&cfg, &Open { asn: Asn(asn), ..peer_open() }).is_ok()
    };
    assert!(accepts(RemoteAs::Internal, 65001) && !accepts(RemoteAs::Internal, 65002));
    assert!(accepts(RemoteAs::External, 65002) && !accepts(RemoteAs::External, 65001));
    assert!(accepts(RemoteAs::Asn(Asn(65001)), 65001));
    assert!(!accepts(RemoteAs::External, 0));
    assert!(!accepts(RemoteAs::Asn(Asn(0)), 0));
}

#[test]
fn rfc6286_equal_identifiers_are_a_fault_inside_one_as_only() {
    let cfg = PeerConfig { remote_as: RemoteAs::External, ..config() };
    let same_id = Open { router_id: cfg.router_id, ..peer_open() };
    assert_eq!(check(&cfg, &same_id), Ok(()));
    let cfg = PeerConfig { remote_as: RemoteAs::Internal, ..config() };
    assert_eq!(refused(&cfg, &Open { asn: Asn(65001), ..same_id }), (2, 3, vec![]));
    let class_e = Open { router_id: Ipv4Addr::new(250, 1, 1, 1), asn: Asn(65001), ..peer_open() };
    assert_eq!(check(&cfg, &class_e), Ok(()));
}

#[test]
fn families_intersect_and_none_in_common_is_unsupported_capability() {
    let mut cfg = config();
    cfg.families = vec![Family::IPV6_UNICAST];
    let mut v4_only = peer_open();
    v4_only.capabilities.retain(|c| *c != Capability::MultiProtocol(Family::IPV6_UNICAST));
    assert_eq!(refused(&cfg, &v4_only), (2, 7, vec![1, 4, 0, 2, 0, 1]));
    cfg.families = vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST];
    assert_eq!(check(&cfg, &v4_only), Ok(()));
    assert_eq!(negotiate(&cfg, &local_open(&cfg), &v4_only).families, FamilySet::IPV4_UNICAST);
    cfg.require_families = true;
    assert_eq!(refused(&cfg, &v4_only).1, 7);
    // Without any capability the peer speaks IPv4 unicast.
    cfg.require_families = false;
    let plain = Open { capabilities: vec![], ..peer_open() };
    assert_eq!(check(&cfg, &plain), Ok(()));
    let session = negotiate(&cfg, &local_open(&cfg), &plain);
    assert_eq!(session.families, FamilySet::IPV4_UNICAST);
    assert!(!session.as4 && !session.route_refresh);
}

#[test]
fn hold_time_is_the_smaller_and_keepalive_at_most_a_third() {
    let session = |ours: u16, keepalive: Option<u16>, theirs: u16| {
        let cfg = PeerConfig {
            hold_time: HoldTime::from_secs(ours),
            keepalive: keepalive.and_then(NonZeroU16::new),
            ..config()
        };
        let n = negotiate(&cfg, &local_open(&cfg), &Open { hold_time: theirs, ..peer_open() });
        (n.hold_time.map(|d| d.as_secs()), n.keepalive.map(|d| d.as_secs()))
    };
    assert_eq!(session(90, None, 30), (Some(30), Some(10)));
    assert_eq!(session(90, Some(10), 180), (Some(90), Some(10)));
    assert_eq!(session(90, Some(60), 90), (Some(90), Some(30)));
    assert_eq!(session(0, Some(60), 90), (None, None));
    assert_eq!(session(90, None, 0), (None, None));
    assert_eq!(session(2, None, 90), (Some(3), Some(1)), "2 is not legal, 3 is offered");
}

#[test]
fn a_feature_is_on_when_both_offer_it() {
    let family = Family::IPV4_UNICAST;
    let mut cfg = config();
    cfg.extended_message = true;
    cfg.extended_next_hop = true;
    cfg.enhanced_route_refresh = true;
    cfg.add_path = vec![(family, AddPathDirection::Receive)];
    let mut theirs = PeerConfig::new(Asn(65002), RemoteAs::External, Ipv4Addr::new(10, 0, 0, 2));
    let session = negotiate(&cfg, &local_open(&cfg), &local_open(&theirs));
    assert!(session.ebgp && session.as4 && session.route_refresh);
    assert!(!session.extended_message && session.max_message() == 4096);
    assert_eq!(session.max_received(), 65535, "we have offered it");
    assert!(session.ext_next_hop.is_empty() && !session.enhanced_route_refresh);
    assert!(session.add_path_rx.is_empty() && session.add_path_tx.is_empty());

    theirs.extended_message = true;
    theirs.extended_next_hop = true;
    theirs.enhanced_route_refresh = true;
    theirs.add_path =
        vec![(family, AddPathDirection::Both), (Family::IPV6_UNICAST, AddPathDirection::Both)];
    let session = negotiate(&cfg, &local_open(&cfg), &local_open(&theirs));
    assert!(session.extended_message && session.max_message() == 65535);
    assert!(session.enhanced_route_refresh);
    assert_eq!(session.ext_next_hop, FamilySet::IPV4_UNICAST);
    assert_eq!(session.add_path_rx, FamilySet::IPV4_UNICAST, "we receive, they send");
    assert!(session.add_path_tx.is_empty());
    // The peer's view is the mirror image.
    let theirs = negotiate(&theirs, &local_open(&theirs), &local_open(&cfg));
    assert_eq!(theirs.add_path_tx, session.add_path_rx);
    assert_eq!((theirs.peer_as, theirs.peer_router_id), (Asn(65001), cfg.router_id));
}

#[test]
fn graceful_restart_is_carried() {
    let gr = Capability::GracefulRestart {
        restarting: true,
        notification: true,
        restart_time: 120,
        families: vec![],
    };
    let mut peer = peer_open();
    // Of several the last counts (RFC 4724 section 3).
    peer.capabilities.push(Capability::GracefulRestart {
        restarting: false,
        notification: false,
        restart_time: 5,
        families: vec![],
    });
    peer.capabilities.push(gr.clone());
    let cfg = config();
    assert_eq!(negotiate(&cfg, &local_open(&cfg), &peer).peer_graceful_restart(), Some(&gr));
}

#[test]
fn rfc9234_4_2_roles_are_between_systems_only() {
    let mut cfg = config();
    (cfg.role, cfg.strict_role) = (Some(Role::Customer), true);
    let shows = |code| {
        let mut peer = peer_open();
        peer.capabilities.push(Capability::Role(code));
        peer
    };
    assert_eq!(refused(&cfg, &peer_open()), (2, 11, vec![]), "strict, and none shown");
    assert_eq!(refused(&cfg, &shows(3)), (2, 11, vec![]));
    assert_eq!(check(&cfg, &shows(0)), Ok(()));
    let session = negotiate(&cfg, &local_open(&cfg), &shows(0));
    assert_eq!((session.role, session.peer_role), (Some(Role::Customer), Some(Role::Provider)));
    // The same between two routers of one AS: neither sent nor looked at.
    cfg.remote_as = RemoteAs::Internal;
    let open = local_open(&cfg);
    assert!(!open.capabilities.contains(&Capability::Role(3)));
    let inside = Open { asn: cfg.local_as, ..shows(3) };
    assert_eq!(check(&cfg, &inside), Ok(()));
    let session = negotiate(&cfg, &open, &inside);
    assert_eq!((session.role, session.peer_role), (None, None));
}

#[test]
fn unknown_and_repeated_capabilities_are_no_error() {
    let mut peer = peer_open();
    peer.capabilities
        .push(Capability::Unknown { code: 200, value: bytes::Bytes::from_static(b"x") });
    peer.capabilities.extend(peer.capabilities.clone());
    assert_eq!(check(&config(), &peer), Ok(()));
}

#[test]
fn changes_are_sorted_by_what_they_cost() {
    let old = config();
    assert!(old.impact(&old).is_none());
    let mut new = old.clone();
    new.connect_retry = Duration::from_secs(7);
    new.passive = true;
    let impact = old.impact(&new);
    assert_eq!(impact.next_session, ["connect_retry", "passive"]);
    assert!(!impact.needs_reset());
    new.hold_time = HoldTime::Off;
    new.families.pop();
    assert_eq!(old.impact(&new).reset, ["hold_time", "families"]);
}

#[test]
fn ipv6_next_hops_are_agreed_on_family_by_family() {
    let families = [Family::IPV4_UNICAST, Family::IPV4_VPN, Family::IPV6_VPN, Family::EVPN];
    let mut cfg = config();
    cfg.families = families.to_vec();
    cfg.extended_next_hop = true;
    let offered = |cfg: &PeerConfig| {
        let list = local_open(cfg).capabilities.into_iter().find_map(|c| match c {
            Capability::ExtendedNextHop(list) => Some(list),
            _ => None,
        });
        list.map(|list| list.into_iter().map(|e| e.family).collect::<Vec<_>>())
    };
    assert_eq!(offered(&cfg), Some(vec![Family::IPV4_UNICAST, Family::IPV4_VPN]));
    let mut theirs = PeerConfig::new(Asn(65002), RemoteAs::External, Ipv4Addr::new(10, 0, 0, 2));
    theirs.families = vec![Family::IPV4_VPN, Family::IPV4_LABELED, Family::EVPN];
    theirs.extended_next_hop = true;
    assert_eq!(offered(&theirs), Some(vec![Family::IPV4_LABELED, Family::IPV4_VPN]));
    let session = negotiate(&cfg, &local_open(&cfg), &local_open(&theirs));
    assert_eq!(session.families, [Family::IPV4_VPN, Family::EVPN].into_iter().collect());
    assert_eq!(session.ext_next_hop, [Family::IPV4_VPN].into_iter().collect());
    cfg.families = vec![Family::IPV6_VPN];
    assert_eq!(offered(&cfg), None);
}
