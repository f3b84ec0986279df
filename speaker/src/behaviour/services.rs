//! VPN, EVPN and route target routes through a session: in, kept, told and asked for.

use bgp_wire::{ExtCommunity, Nlri, RouteTargetMembership};
use rib::export::RouteTargets;
use rib::keys::{EvpnRowKey, VpnKey};
use rib::{RowId, TableFamily};

use super::*;
use crate::render::{Shown, nlri};

const FAMILIES: [Family; 3] = [Family::IPV4_VPN, Family::EVPN, Family::ROUTE_TARGET];

fn desk() -> Desk {
    Desk::new(|config, theirs| {
        config.families.extend(FAMILIES);
        theirs.families.extend(FAMILIES);
    })
}

impl Desk {
    /// The neighbour announces routes given as text.
    fn tell<P: TableFamily>(&mut self, routes: &[&str], targets: &[ExtCommunity])
    where
        P::Wire: std::str::FromStr<Err = bgp_wire::ParseError>,
    {
        let mut attributes = Vec::new();
        let mut builder = AttrBuilder::new();
        builder.set_origin(0).replace_as_path(&[Asn(65002)]).set_ext_communities(targets);
        assert!(builder.finish(&mut attributes));
        let next_hop = NextHop::V4(Ipv4Addr::new(203, 0, 113, 9));
        let nlri = routes.iter().map(|text| (0, text.parse::<P::Wire>().expect("a route")));
        let mut frames = Vec::new();
        let context = EncodeContext::default();
        pack_announce::<P::Wire>(
            P::FAMILY,
            &attributes,
            Some(&next_hop),
            &context,
            nlri,
            &mut frames,
        );
        self.hear(&frames);
    }

    fn end_of(&mut self, family: Family) {
        let mut frames = Vec::new();
        end_of_rib(family, &mut frames);
        self.hear(&frames);
    }

    /// Names of the neighbour's routes of a family, with their labels and flags.
    fn has<P: Shown>(&self) -> Vec<(String, Vec<u32>, PathFlags)> {
        let page = self.core.rib.adj_rib_in::<P>(self.ix, RowId(0), 100);
        let shown = page.paths.into_iter().map(|(key, path)| {
            let view = nlri(key, self.core.rib.next_hops.rest(path.next_hop), &[]);
            (key.to_string(), view.labels, path.flags.without(selected()))
        });
        shown.collect()
    }
}

/// What the decision and the generation put beside what was found wrong with a path.
fn selected() -> PathFlags {
    PathFlags(!(PathFlags::AS_LOOP.0 | PathFlags::INVALID_NEXT_HOP.0 | PathFlags::FILTERED.0))
}

#[test]
fn vpn_routes_come_in_with_their_labels_and_go_by_their_key() {
    let mut desk = desk();
    let routes = ["65001:1:10.0.1.0/24 label 100", "65001:2:10.0.1.0/24 label 200,300"];
    desk.tell::<VpnKey<V4Prefix>>(&routes, &[]);
    let held = |desk: &Desk| desk.has::<VpnKey<V4Prefix>>();
    // One hop away in another AS a unicast next hop would have to be on the link.
    assert_eq!(
        held(&desk),
        [
            ("65001:1:10.0.1.0/24".to_owned(), vec![100], PathFlags::NONE),
            ("65001:2:10.0.1.0/24".to_owned(), vec![200, 300], PathFlags::NONE),
        ]
    );
    desk.tell::<VpnKey<V4Prefix>>(&["65001:1:10.0.1.0/24 label 101"], &[]);
    assert_eq!(held(&desk)[0].1, [101], "an implicit withdraw replaces the label");
    let counts = desk.life().tally.of(Family::IPV4_VPN);
    assert_eq!((counts.announced, counts.withdrawn), (3, 0));

    let mut frames = Vec::new();
    let gone: bgp_wire::Vpn<V4Prefix> = "65001:1:10.0.1.0/24".parse().expect("a route");
    let context = EncodeContext::default();
    pack_withdraw::<bgp_wire::Vpn<V4Prefix>>(Family::IPV4_VPN, &context, [(0, gone)], &mut frames);
    desk.hear(&frames);
    assert_eq!(held(&desk).len(), 1);
    assert_eq!(desk.core.rib.next_hops.pairs(), 1, "labels go with their paths");
    desk.end();
    assert_eq!((desk.core.rib.next_hops.pairs(), held(&desk).len()), (0, 0));
}

#[test]
fn limits_count_each_family() {
    let mut desk = Desk::new(|config, theirs| {
        config.families.extend(FAMILIES);
        theirs.families.extend(FAMILIES);
        config.maximum_prefix = limit(1, 100, OverLimit::Refuse);
    });
    let routes = ["65001:1:10.0.1.0/24 label 100", "65001:2:10.0.1.0/24 label 200"];
    desk.tell::<VpnKey<V4Prefix>>(&routes, &[]);
    desk.announce(0, [1]);
    assert_eq!((desk.has::<VpnKey<V4Prefix>>().len(), desk.held().len()), (1, 1));
    assert_eq!(desk.life().over_limit, 1);
}

#[test]
fn a_malformed_evpn_route_costs_only_itself() {
    let mut desk = desk();
    let odd = bgp_wire::EvpnRoute::from_value(2, &[1, 2, 3]).expect("shorter than 256 octets");
    assert!(odd.is_malformed());
    let (odd, good) = (odd.to_string(), "multicast rd 65001:1 tag 0 originator 192.0.2.9");
    desk.tell::<EvpnRowKey>(&[&odd, good], &[]);
    let held: Vec<_> = desk.has::<EvpnRowKey>().into_iter().map(|(name, ..)| name).collect();
    assert_eq!(held, [good]);
    assert_eq!(desk.life().tally.unusable_routes, 1);
}

#[test]
fn nothing_constrained_is_sent_before_the_wishes_are_known() {
    let mut desk = desk();
    assert_eq!(desk.life().targets, RouteTargets::Pending);
    // We ask for everything.
    let ours = desk.core.rib.row(RouteTargetMembership::DEFAULT).expect("our membership");
    let best = desk.core.rib.best::<RouteTargetMembership>(ours).expect("a path");
    assert_eq!(best.peer, desk.core.local);

    let target = ExtCommunity::route_target(65001, 7);
    let wish = RouteTargetMembership::new(Asn(65002), target);
    desk.tell::<RouteTargetMembership>(&[&wish.to_string()], &[]);
    assert_eq!(desk.life().targets, RouteTargets::Pending, "there may be more");
    desk.end_of(Family::ROUTE_TARGET);
    assert_eq!(desk.life().targets, RouteTargets::of([wish]));
    desk.tell::<RouteTargetMembership>(&["default"], &[]);
    assert_eq!(desk.life().targets, RouteTargets::All);
}

#[test]
fn the_wait_for_wishes_has_an_end() {
    let mut desk = desk();
    let wish = RouteTargetMembership::new(Asn(65002), ExtCommunity::route_target(65001, 7));
    desk.tell::<RouteTargetMembership>(&[&wish.to_string()], &[]);
    desk.wait(Duration::from_secs(59));
    assert_eq!(desk.life().targets, RouteTargets::Pending);
    desk.wait(Duration::from_secs(2));
    assert_eq!(desk.life().targets, RouteTargets::of([wish]));
    // Without the family everything is wanted.
    let plain = Desk::new(|config, theirs| {
        config.families.push(Family::IPV4_VPN);
        theirs.families.push(Family::IPV4_VPN);
    });
    assert_eq!(plain.life().targets, RouteTargets::All);
}
