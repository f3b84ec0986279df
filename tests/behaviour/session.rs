//! Hold time 0, messages beyond 4096 octets, RFC 8212.

use testkit::cosmos::Cosmos;
use testkit::daemon::{Kind, Speaker as _};

use crate::lab::{Lab, each, ip};

const ALL: &[Kind] = &[Kind::Frr, Kind::Bird, Kind::Gobgp];

/// Not with GoBGP: without a hold time its first write has no time left and fails.
#[test]
fn rfc4271_4_2_without_a_hold_time_no_keepalives_are_needed() {
    let kinds = &[Kind::Frr, Kind::Bird];
    each("rfc4271_4_2_without_a_hold_time_no_keepalives_are_needed", kinds, |kind| {
        let lab = Lab::new(kind, |ours, theirs| {
            ours.neighbors[0].extra = vec!["holdTime: 0s".into()];
            match kind {
                Kind::Frr => {
                    theirs.neighbors[0].extra = vec!["neighbor 192.0.2.1 timers 0 0".into()]
                }
                _ => theirs.neighbors[0].extra = vec!["hold time 0;".into()],
            }
        });
        lab.established();
        lab.routes(3, 3);
        let view = lab.demand(lab.view());
        assert_eq!((&view["holdTimeSecs"], &view["keepaliveSecs"]), (&0.into(), &0.into()));
        // The one of the handshake.
        assert_eq!(view["sent"]["keepalive"], 1);
    });
}

#[test]
fn rfc8654_an_update_of_more_than_4096_octets_is_taken() {
    each("rfc8654_an_update_of_more_than_4096_octets_is_taken", &[Kind::Bird], |kind| {
        // 1,200 communities are 4,800 octets.
        let lab = Lab::new(kind, |_, theirs| {
            theirs.neighbors[0].extra = vec!["enable extended messages yes;".into()];
            theirs.announcements[0].communities = (0..1200).map(|n| (65002, n)).collect();
        });
        lab.established();
        lab.sees("/capabilities", "extended-message");
        lab.routes(3, 3);
        let routes = lab.ours.routes_from(ip("192.0.2.2")).unwrap();
        let longest = routes.iter().map(|r| r.communities.len()).max();
        assert_eq!(longest, Some(1200));
    });
}

/// The manifests of these tests have an export policy, so the way out is open. That without one
/// nothing goes out is a test of the compiler (`rfc_8212_and_rfc_8326_are_carried_out_here`).
#[test]
fn rfc8212_without_an_import_policy_nothing_comes_in() {
    each("rfc8212_without_an_import_policy_nothing_comes_in", ALL, |kind| {
        let prepare = |ours: &mut Cosmos| ours.set_router_field("requirePolicy", "true");
        // FRR sends back what it is sent.
        let mut lab = Lab::with(kind, |ours, _| ours.announcements.clear(), prepare);
        lab.established();
        lab.sees("/families/0/received", "3");
        lab.sees("/families/0/accepted", "0");
        lab.routes(0, 0);
        let objects = lab.demand(lab.ours.command("show objects -o json"));
        assert!(objects.contains("no import policy: none of its routes is accepted"), "{objects}");
        // With one they count, without a new session.
        let allow = "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPolicy\nmetadata: {name: in, \
                     namespace: default}\nspec: {routerRef: {name: dut}, direction: import, \
                     terms: [{sequence: 1, action: permit, match: {any: true}}]}";
        lab.ours.reconfigure(|config| config.extra.push(allow.into())).unwrap();
        lab.routes(3, 0);
        assert_eq!(lab.times_up(), 1);
    });
}
