//! Route refresh both ways: enhanced with FRR and BIRD, plain with GoBGP.

use anyhow::ensure;
use testkit::daemon::{Kind, Speaker as _};

use crate::lab::{Lab, each};

const ALL: &[Kind] = &[Kind::Frr, Kind::Bird, Kind::Gobgp];

impl Lab {
    fn refreshes(&self, way: &str) -> u64 {
        let view = self.demand(self.view());
        view[way]["routeRefresh"].as_u64().unwrap_or_default()
    }

    fn wait_refreshes(&self, way: &str, more_than: u64) {
        self.until(&format!("ROUTE-REFRESH {way}"), || {
            let now = self.refreshes(way);
            ensure!(now > more_than, "{now}");
            Ok(())
        });
    }
}

#[test]
fn the_neighbour_asks_and_is_sent_everything() {
    // Not GoBGP: it keeps what it received and asks nobody.
    each("the_neighbour_asks_and_is_sent_everything", &[Kind::Frr, Kind::Bird], |kind| {
        let lab = Lab::new(kind, |_, _| {});
        lab.established();
        lab.routes(3, 3);
        if kind == Kind::Frr {
            // With that, which the driver sets, FRR asks itself.
            lab.tell(
                "configure terminal\nrouter bgp 65002\naddress-family ipv4 unicast\n\
                 no neighbor 192.0.2.1 soft-reconfiguration inbound",
            );
        }
        let (asked, answered) = (lab.refreshes("received"), lab.refreshes("sent"));
        lab.tell(match kind {
            Kind::Frr => "clear bgp ipv4 unicast 192.0.2.1 soft in",
            _ => "reload in n0",
        });
        lab.wait_refreshes("received", asked);
        lab.sees("/capabilities", "enhanced-route-refresh");
        // BoRR and EoRR.
        lab.wait_refreshes("sent", answered + 1);
        if kind != Kind::Frr {
            lab.routes(3, 3);
        }
        assert_eq!(lab.times_up(), 1);
    });
}

#[test]
fn we_ask_and_keep_every_route() {
    each("we_ask_and_keep_every_route", ALL, |kind| {
        let lab = Lab::new(kind, |_, _| {});
        lab.established();
        lab.routes(3, 3);
        let before = lab.refreshes("received");
        let said = lab.demand(lab.ours.command("clear peer n0 soft in"));
        assert!(said.contains("asked for all its routes"), "{said}");
        if kind == Kind::Gobgp {
            lab.wait_refreshes("sent", 0);
        } else {
            lab.wait_refreshes("received", before + 1);
        }
        lab.routes(3, 3);
        let said = lab.demand(lab.ours.command("clear peer n0 soft out"));
        assert!(said.contains("sent again"), "{said}");
        lab.routes(3, 3);
        assert_eq!(lab.times_up(), 1);
    });
}
