//! RFC 4684 with GoBGP: it is sent what its VRFs want.

use anyhow::ensure;
use testkit::daemon::Kind;
use testkit::privilege::in_namespaces;
use testkit::skip::skip;

use crate::lab::{self, client, reflector};
use crate::lan::{Lan, address, eventually};

const FROM: u8 = 11;
const TO: u8 = 12;

#[test]
fn gobgp_gets_only_what_its_vrfs_want() {
    in_namespaces(|| {
        if let Err(missing) = Kind::Gobgp.installed() {
            return skip("route target constraint with GoBGP", &missing);
        }
        let lan = Lan::new();
        let families = &["l3vpn-ipv4-unicast", "rtc"];
        let ours = reflector(&lan, &[FROM, TO], true, &[]);
        let from = client(&lan, FROM, Kind::Gobgp, families);
        let to = client(&lan, TO, Kind::Gobgp, families);
        to.command("vrf add red rd 65000:12 rt both 65000:1").unwrap();
        for (net, target) in [("10.1.1.0/24", 1), ("10.1.2.0/24", 2)] {
            let route = format!("{net} label 100 rd 65000:1 rt 65000:{target} nexthop 192.0.2.11");
            from.command(&format!("global rib add -a vpnv4 {route}")).unwrap();
        }
        let holds = |what: &str, wanted: &[&str]| {
            eventually(what, &[&ours, &*from, &*to], || {
                let seen: Vec<_> = lab::table(&*to, "vpnv4")?.into_keys().collect();
                ensure!(seen == wanted, "{seen:?}");
                // Both are here: we asked for everything.
                let here = ours.show("routes --family vpnv4")?.len();
                ensure!(here == 2, "{here} routes here");
                Ok(())
            });
        };
        holds("only the red route", &["65000:1:10.1.1.0/24"]);
        let advertised = format!("advertised {} --family vpnv4", address(TO));
        assert_eq!(ours.show(&advertised).unwrap().len(), 1);
        to.command("vrf add blue rd 65000:13 rt both 65000:2").unwrap();
        holds("the blue one too", &["65000:1:10.1.1.0/24", "65000:1:10.1.2.0/24"]);
        to.command("vrf del red").unwrap();
        holds("only the blue route", &["65000:1:10.1.2.0/24"]);
    });
}
