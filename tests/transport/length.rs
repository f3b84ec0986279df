//! RFC 8654: messages beyond 4096 octets, seen on the wire by a relay that both ends take for each other.
//!
//! FRR 8.4 offers them by itself, BIRD when told to, GoBGP never.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use ipnet::IpNet;
use serde_json::Value;
use testkit::daemon::{Config, Kind, Neighbor, Speaker as _};
use testkit::frame::{MAX_MESSAGE, encode};
use testkit::netns::{End, NetNs};
use testkit::relay::Relay;
use testkit::route::{Announcement, router_id};
use testkit::script::{Identity, Session};

use crate::lab::{Lab, Way, Wires, announced, each, ip};

/// Communities of a route that fits no ordinary message.
const MANY: u16 = 1200;
/// Communities of a route that fits one, but not with one AS more in front.
const BRINK: u16 = 1011;
const FEEDER_AS: u32 = 65003;

/// A session through a relay, and a third speaker that gives us a route of 4095 octets.
struct Wire {
    lab: Lab,
    relay: Relay,
    _ends: [Arc<NetNs>; 2],
    _feeder: (NetNs, Session),
}

/// Which side has messages beyond 4096 octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Long {
    Both,
    Here,
    There,
}

impl Wire {
    fn new(kind: Kind, long: Long, change: impl FnOnce(&mut Config, &mut Config)) -> Self {
        let wires = Wires::apart();
        let (near, far) =
            (Arc::new(NetNs::new("near").unwrap()), Arc::new(NetNs::new("far").unwrap()));
        let end = |address: &str| End::new("eth0", &[address]);
        wires.our_ns.link(&end("192.0.2.1/24"), &near, &end("192.0.2.2/24")).unwrap();
        far.link(&end("192.0.2.1/24"), &wires.peer_ns, &end("192.0.2.2/24")).unwrap();
        let feeder = NetNs::new("feeder").unwrap();
        let (ours, theirs) =
            (End::new("eth1", &["203.0.113.1/24"]), End::new("eth0", &["203.0.113.2/24"]));
        wires.our_ns.link(&ours, &feeder, &theirs).unwrap();

        let at = SocketAddr::from(([192, 0, 2, 2], 179));
        let relay = Relay::start(&near, at, &far, ip("192.0.2.1"), at).unwrap();
        let lab = Lab::on(wires, kind, Way::V4, |ours, theirs| {
            // The relay is dialed.
            theirs.neighbors[0].passive = true;
            if long == Long::There {
                ours.neighbors[0].extra = vec!["extendedMessage: false".into()];
            }
            if kind == Kind::Bird && long != Long::Here {
                theirs.neighbors[0].extra = vec!["enable extended messages yes;".into()];
            }
            let feed = Neighbor::new(ip("203.0.113.1"), ip("203.0.113.2"), FEEDER_AS);
            ours.neighbors.push(Neighbor { passive: true, ..feed });
            change(ours, theirs);
        });
        let to = SocketAddr::from(([203, 0, 113, 1], 179));
        let mut session = Session::connect(&feeder, ip("203.0.113.2"), to).unwrap();
        session.handshake(&Identity::new(FEEDER_AS, router_id(3))).unwrap();
        session.send(&brink_update()).unwrap();
        Self { lab, relay, _ends: [near, far], _feeder: (feeder, session) }
    }

    /// Prefixes the daemon has from us.
    fn there(&self) -> anyhow::Result<BTreeSet<IpNet>> {
        let Kind::Frr = self.lab.kind else {
            let routes = self.lab.peer.routes_from(self.lab.us)?;
            return Ok(routes.into_iter().map(|route| route.prefix).collect());
        };
        // The driver asks for each prefix by itself, which takes long for thousands.
        let text = self.lab.peer.command("show bgp ipv4 unicast json")?;
        let table: Value = serde_json::from_str(&text)?;
        let routes = table["routes"].as_object().context("routes")?;
        let from_us = routes.iter().filter(|(_, paths)| {
            paths[0]["peerId"].as_str().is_some_and(|id| id == self.lab.us.to_string())
        });
        Ok(from_us.map(|(prefix, _)| prefix.parse()).collect::<Result<_, _>>()?)
    }

    /// Waits until the daemon has exactly these from us.
    #[track_caller]
    fn wait_there(&self, wanted: &BTreeSet<IpNet>) {
        self.lab.until("our routes there", || {
            let there = self.there()?;
            let missing: Vec<_> = wanted.difference(&there).take(3).collect();
            let extra: Vec<_> = there.difference(wanted).take(3).collect();
            ensure!(missing.is_empty() && extra.is_empty(), "missing {missing:?}, {extra:?} more");
            Ok(())
        });
    }
}

/// What the third speaker announces.
fn brink() -> IpNet {
    "10.3.0.0/24".parse().unwrap()
}

fn brink_update() -> Vec<u8> {
    let mut attributes = Vec::new();
    encode::attribute(0x40, 1, &[0], &mut attributes);
    let path = [&[2, 1][..], &FEEDER_AS.to_be_bytes()].concat();
    encode::attribute(0x40, 2, &path, &mut attributes);
    encode::attribute(0x40, 3, &[203, 0, 113, 2], &mut attributes);
    let communities = (0..BRINK).flat_map(|n| [[0xfd, 0xeb], n.to_be_bytes()].concat());
    encode::attribute(0xc0, 8, &communities.collect::<Vec<_>>(), &mut attributes);
    let (mut nlri, mut frame) = (Vec::new(), Vec::new());
    encode::prefix(&brink(), &mut nlri);
    encode::update_body(&[], &attributes, &nlri, &mut frame);
    assert_eq!(frame.len(), MAX_MESSAGE - 1);
    frame
}

/// Two thousand prefixes of one attribute set: 8,000 octets if packed into one message.
fn packed(ours: &mut Config) -> BTreeSet<IpNet> {
    ours.announcements.clear();
    let mut all = BTreeSet::new();
    for high in 0..8_u8 {
        let some = (0..250_u8).map(|low| format!("10.{}.{low}.0/24", 100 + high));
        let some: Vec<String> = some.collect();
        ours.extra.push(format!(
            "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPAdvertisement\nmetadata: {{name: \
             block{high}, namespace: default}}\nspec:\n  routerRef: {{name: dut}}\n  \
             addressFamily: {{afi: ipv4, safi: unicast}}\n  prefixes: [{}]\n",
            some.join(", ")
        ));
        all.extend(some.iter().map(|p| p.parse::<IpNet>().unwrap()));
    }
    all
}

fn with_communities(announcement: &mut Announcement, count: u16) {
    announcement.communities = (0..count).map(|n| (65002, n)).collect();
}

#[test]
fn rfc8654_both_ends_send_what_fits_no_ordinary_message() {
    let kinds = &[Kind::Frr, Kind::Bird];
    each("rfc8654_both_ends_send_what_fits_no_ordinary_message", kinds, |kind| {
        let mut wanted = BTreeSet::new();
        let wire = Wire::new(kind, Long::Both, |ours, theirs| {
            wanted = packed(ours);
            theirs.announcements.iter_mut().for_each(|a| with_communities(a, MANY));
        });
        wanted.insert(brink());
        let lab = &wire.lab;
        lab.demand(lab.ours.wait_routes(lab.them, &announced(lab.peer.config(), lab.them)));
        wire.wait_there(&wanted);
        lab.until("the capability is shown", || {
            let shown = lab.view()?["capabilities"].to_string();
            ensure!(shown.contains("extended-message"), "{shown}");
            Ok(())
        });
        let longest = (wire.relay.longest(true), wire.relay.longest(false));
        // Packed: all that we originate fits two messages; and a route of 4,800 octets is one.
        assert!(longest.0 > 2 * MAX_MESSAGE - 1000, "{kind:?}: {longest:?}");
        assert!(longest.1 > MAX_MESSAGE, "{kind:?}: {longest:?}");
        assert_eq!(lab.count("/establishedCount"), 1);
    });
}

#[test]
fn rfc8654_without_agreement_no_message_is_long() {
    let kinds = &[Kind::Frr, Kind::Bird];
    each("rfc8654_without_agreement_no_message_is_long", kinds, |kind| {
        let sides: &[Long] = match kind {
            // It always offers.
            Kind::Frr => &[Long::There],
            Kind::Bird => &[Long::Here, Long::There],
            Kind::Gobgp => unreachable!("it is not among them"),
        };
        for long in sides {
            let mut wanted = BTreeSet::new();
            let wire = Wire::new(kind, *long, |ours, theirs| {
                wanted = packed(ours);
                with_communities(&mut theirs.announcements[0], MANY);
                // The others share one set, and are too long for one message.
                theirs.announcements.truncate(1);
                let (communities, prefixes) = match kind {
                    // It takes a minute for long lists of communities, or many route-maps.
                    Kind::Frr => (0, 1300),
                    // It gives up attributes that leave less than about half of a message.
                    Kind::Bird => (450, 700),
                    Kind::Gobgp => unreachable!("it is not among them"),
                };
                for n in 0..prefixes {
                    let prefix = format!("10.{}.{}.0/24", 200 + n / 250, n % 250);
                    let mut one = Announcement { med: Some(0), ..Announcement::new(&prefix) };
                    with_communities(&mut one, communities);
                    theirs.announcements.push(one);
                }
            });
            let lab = &wire.lab;
            let mut theirs = lab.peer.config().clone();
            theirs.announcements.remove(0);
            lab.demand(lab.ours.wait_routes(lab.them, &announced(&theirs, lab.them)));
            // All but the one that is too long with our AS in front.
            wire.wait_there(&wanted);
            // It was on its way to them: we have it.
            lab.until("the third speaker's route", || {
                let routes = lab.ours.routes_from(ip("203.0.113.2"))?;
                ensure!(routes.iter().any(|r| r.prefix == brink()), "{routes:?}");
                Ok(())
            });
            wire.wait_there(&wanted);
            let longest = (wire.relay.longest(true), wire.relay.longest(false));
            // BIRD packs few prefixes behind long attributes.
            assert!((4000..=MAX_MESSAGE).contains(&longest.0), "{kind:?}: {longest:?}");
            assert!((2000..=MAX_MESSAGE).contains(&longest.1), "{kind:?}: {longest:?}");
            assert_eq!(lab.count("/establishedCount"), 1, "{kind:?}");
        }
    });
}
