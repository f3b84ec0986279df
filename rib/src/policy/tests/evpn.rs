//! Conditions on EVPN routes, over routes as they are on the wire and over made-up views.

use bgp_wire::{EvpnRoute, MacAddr};

use super::*;

const MAC: MacAddr = MacAddr([0, 0x11, 0x22, 0xaa, 0xbb, 0xcc]);

fn mac_ip() -> EvpnRoute {
    "mac-ip rd 65001:1 esi 0 tag 0 mac 00:11:22:aa:bb:cc ip 192.0.2.1 label 100".parse().unwrap()
}

fn prefix() -> EvpnRoute {
    "ip-prefix rd 65001:1 esi 0 tag 0 prefix 10.1.0.0/16 label 300".parse().unwrap()
}

fn multicast() -> EvpnRoute {
    "multicast rd 65001:1 tag 0 originator 192.0.2.1".parse().unwrap()
}

fn with(kind: AttrType, value: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    AttrBuilder::edit(&base()).set(kind, 0xc0, value).finish(&mut out);
    out
}

fn meets(condition: &Match, route: &EvpnRoute, canonical: &[u8]) -> bool {
    let terms = vec![term("t", vec![condition.clone()], Action::Permit(Vec::new()))];
    let subject = Subject::evpn(route, canonical);
    run_on(&chain(terms, Disposition::Deny), &subject, canonical).is_some()
}

#[test]
fn each_condition_holds_and_fails() {
    // VXLAN tunnel of a type 3 route: ingress replication with VNI 200.
    let tunnel = with(AttrType::PMSI_TUNNEL, &[0, 6, 0, 0, 200, 192, 0, 2, 1]);
    let sticky = with(AttrType::EXT_COMMUNITIES, &[6, 0, 1, 0, 0, 0, 0, 5]);
    let moving = with(AttrType::EXT_COMMUNITIES, &[6, 0, 0, 0, 0, 0, 0, 5]);
    let plain = base();
    let ten = Match::PrefixIn(vec![PrefixRange::or_longer(v4("10.0.0.0/8").into())]);
    let host = Match::PrefixIn(vec![PrefixRange::or_longer(v4("192.0.2.0/24").into())]);
    for (condition, route, canonical, wanted) in [
        (Match::EvpnType(vec![EvpnType::MacIp]), mac_ip(), &plain, true),
        (Match::EvpnType(vec![EvpnType::MacIp]), prefix(), &plain, false),
        (Match::EvpnType(vec![EvpnType::MacIp, EvpnType::IpPrefixV4]), prefix(), &plain, true),
        (Match::EvpnType(vec![EvpnType::IpPrefixV6]), prefix(), &plain, false),
        (Match::EvpnType(vec![EvpnType::InclusiveMulticast]), multicast(), &plain, true),
        (Match::EvpnType(Vec::new()), multicast(), &plain, false),
        (Match::EvpnVni(100), mac_ip(), &plain, true),
        (Match::EvpnVni(101), mac_ip(), &plain, false),
        (Match::EvpnVni(300), prefix(), &plain, true),
        (Match::EvpnVni(200), multicast(), &tunnel, true),
        (Match::EvpnVni(201), multicast(), &tunnel, false),
        (Match::EvpnVni(0), multicast(), &plain, false),
        (Match::EvpnMac(MAC), mac_ip(), &plain, true),
        (Match::EvpnMac(MacAddr([0; 6])), mac_ip(), &plain, false),
        (Match::EvpnMac(MAC), prefix(), &plain, false),
        (Match::StickyMac, mac_ip(), &sticky, true),
        (Match::StickyMac, mac_ip(), &moving, false),
        (Match::Family(Family::EVPN), mac_ip(), &plain, true),
        (Match::Family(Family::IPV4_UNICAST), prefix(), &plain, false),
        // The prefix of type 5 is its own; the address of a station is none.
        (ten.clone(), prefix(), &plain, true),
        (host, mac_ip(), &plain, false),
        (ten, multicast(), &plain, false),
    ] {
        assert_eq!(meets(&condition, &route, canonical), wanted, "{condition:?} on {route}");
    }
}

#[test]
fn every_type_has_its_fields() {
    let of = |text: &str| Subject::evpn(&text.parse().unwrap(), &base()).evpn.unwrap();
    let segment = "segment rd 65001:1 esi 0 originator 192.0.2.1";
    assert_eq!(of(segment).kind, EvpnType::EthernetSegment);
    let discovery = of("ethernet-ad rd 65001:1 esi 0 tag 0 label 7");
    assert_eq!(
        (discovery.kind, discovery.vnis),
        (EvpnType::EthernetAutoDiscovery, [Some(7), None])
    );
    let both = "mac-ip rd 65001:1 esi 0 tag 0 mac 00:11:22:aa:bb:cc ip 192.0.2.1 label 100,200";
    assert_eq!(of(both).vnis, [Some(100), Some(200)]);
    let v6 = "ip-prefix rd 65001:1 esi 0 tag 0 prefix 2001:db8::/32 label 300";
    assert_eq!(of(v6).kind, EvpnType::IpPrefixV6);
    let odd = EvpnRoute::from_value(77, &[1, 2]).unwrap();
    let fields = Subject::evpn(&odd, &base()).evpn.unwrap();
    assert_eq!((fields.kind, fields.vnis, fields.mac), (EvpnType::Other(77), [None; 2], None));
}

/// What a family says counts, whatever it is.
#[test]
fn a_made_up_view_is_taken_at_its_word() {
    let fields = EvpnFields { kind: EvpnType::Other(9), vnis: [None, Some(5)], mac: Some(MAC) };
    let subject =
        Subject { family: Family::EVPN, prefix: None, next_hop: None, evpn: Some(fields) };
    let canonical = base();
    for (condition, wanted) in [
        (Match::EvpnVni(5), true),
        (Match::EvpnMac(MAC), true),
        (Match::EvpnType(vec![EvpnType::Other(9)]), true),
        (Match::EvpnType(vec![EvpnType::Other(8), EvpnType::MacIp]), false),
    ] {
        let terms = vec![term("t", vec![condition], Action::Permit(Vec::new()))];
        let passes = run_on(&chain(terms, Disposition::Deny), &subject, &canonical).is_some();
        assert_eq!(passes, wanted);
    }
}

#[test]
fn vpn_routes_are_about_the_prefix_behind_the_distinguisher() {
    let subject = Subject::prefix(Family::IPV4_VPN, v4("10.1.0.0/16"));
    let both = vec![
        Match::Family(Family::IPV4_VPN),
        Match::PrefixIn(vec![PrefixRange::exact(v4("10.1.0.0/16").into())]),
    ];
    let terms = vec![term("t", both, Action::Permit(Vec::new()))];
    let chain = chain(terms, Disposition::Deny);
    assert!(run_on(&chain, &subject, &base()).is_some());
    assert!(run(&chain, v4("10.1.0.0/16"), &base()).is_none());
}
