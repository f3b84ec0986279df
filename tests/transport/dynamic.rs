//! Neighbours by prefix: ours that take the daemons in, and the daemons' that take us in.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use testkit::cosmos::{Cosmos, Fib};
use testkit::daemon::{Config, Kind, Neighbor, Speaker};
use testkit::netns::{End, NetNs};
use testkit::route::{Announcement, router_id};
use testkit::script::Session;
use testkit::wait::{eventually, within};

use crate::lab::{ALL, BIN, Lab, OUR_AS, THEIR_AS, Way, announced, each, tcp_counter, with};

/// One of ours, 192.0.2.1, with a range, and a daemon of each kind; all on one subnet.
struct Hub {
    _bridge: NetNs,
    ours: Cosmos,
    peers: Vec<(IpAddr, Arc<NetNs>, Box<dyn Speaker>)>,
}

fn address(n: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, n])
}

fn us() -> IpAddr {
    address(1)
}

impl Hub {
    fn new(kinds: &[Kind], lines: &[&str], password: Option<&str>) -> Self {
        let bridge = NetNs::new("hub").unwrap();
        bridge.bridge("lan").unwrap();
        let node = |n: u8| {
            let ns = Arc::new(NetNs::new(&format!("n{n}")).unwrap());
            let end = End::new("eth0", &[&format!("192.0.2.{n}/24")]);
            bridge.attach("lan", &format!("port{n}"), &ns, &end).unwrap();
            ns
        };
        let our_ns = node(1);
        let mut config = Config::new(OUR_AS, router_id(1));
        config.announcements =
            vec![Announcement { med: Some(0), ..Announcement::new("10.1.0.0/24") }];
        // The template is the first; the others are how the test asks for what it makes.
        let spec = format!(
            "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPeer\nmetadata: {{name: racks, \
             namespace: default}}\nspec:\n  routerRef: {{name: dut}}\n  addressRange: \
             192.0.2.0/24\n  remoteAS: external\n  addressFamilies: [{{afi: ipv4, safi: \
             unicast}}]\n{}{}",
            lines.iter().map(|line| format!("  {line}\n")).collect::<String>(),
            password.map_or_else(String::new, |password| format!(
                "  authSecretRef: {{name: racks}}\n---\napiVersion: v1\nkind: Secret\nmetadata: \
                 {{name: racks, namespace: default}}\nstringData: {{password: \"{password}\"}}\n"
            ))
        );
        config.extra = vec![spec];
        let mut ours = Cosmos::new(BIN, &our_ns, config, Fib::None).unwrap();
        ours.start().unwrap();
        let peers = (2..).zip(kinds).map(|(n, kind)| {
            let ns = node(n);
            let mut config = Config::new(THEIR_AS + u32::from(n), router_id(n));
            let mut neighbor = Neighbor::new(address(n), us(), OUR_AS);
            neighbor.password = password.map(str::to_owned);
            config.neighbors.push(neighbor);
            config.announcements =
                vec![Announcement { med: Some(0), ..Announcement::new(&format!("10.{n}.0.0/24")) }];
            let peer = kind.start(&ns, config).unwrap();
            (address(n), ns, peer)
        });
        let peers = peers.collect();
        Self { _bridge: bridge, ours, peers }
    }

    fn named(&self, name: &str) -> anyhow::Result<Value> {
        let all = self.ours.show("peers")?;
        let found = all.iter().find(|view| view["name"] == name).cloned();
        found.with_context(|| format!("no {name} in {all:?}"))
    }

    fn census(&self) -> Value {
        self.named("default/racks").unwrap()["dynamic"].clone()
    }

    /// Every daemon has a neighbour made for it, and the routes are right on both ends.
    #[track_caller]
    fn wait_all(&self) {
        for (address, _, peer) in &self.peers {
            let both = eventually(&format!("session with {address}"), || {
                let child = self.named(&format!("default/racks@{address}"))?;
                ensure!(child["state"] == "Established", "{child}");
                peer.check_established(us())?;
                let mine: Vec<_> =
                    announced(peer.config(), *address).into_iter().map(|r| r.prefix).collect();
                let received = self.ours.show(&format!("received {address}"))?;
                let got = received.iter().any(|route| {
                    route["status"] == "eligible"
                        && mine.iter().any(|p| route["prefix"] == p.to_string())
                        && route["nextHop"] == address.to_string()
                });
                ensure!(got, "{received:?}");
                let here = announced(self.ours.config(), us());
                let there = peer.routes_from(us())?;
                ensure!(here.is_subset(&there), "{there:?}");
                Ok(())
            });
            both.unwrap_or_else(|error| {
                panic!("{error:#}\n--- ours\n{}\n--- theirs\n{}", self.ours.log(), peer.log())
            });
        }
    }
}

#[test]
fn daemons_are_taken_in_up_to_the_limit_and_go_again() {
    with("daemons_are_taken_in_up_to_the_limit_and_go_again", ALL, |kinds| {
        let limit = format!("addressRangeLimit: {}", kinds.len());
        let mut hub = Hub::new(kinds, &[&limit], None);
        hub.wait_all();
        assert_eq!(hub.census()["neighbors"], kinds.len());
        // One more is told why it is turned away.
        let (_, ns, _) = &hub.peers[0];
        ns.add_address("eth0", "192.0.2.99/24".parse().unwrap()).unwrap();
        let mut newcomer =
            Session::connect(ns, address(99), SocketAddr::from((us(), 179))).unwrap();
        let (code, subcode, _) = newcomer.notification().unwrap();
        assert_eq!((code, subcode), (6, 5));
        newcomer.expect_end().unwrap();
        assert_eq!(hub.census()["refused"], 1);
        hub.wait_all();
        // They go a minute after their sessions, and their routes at once.
        hub.peers.iter_mut().for_each(|(_, _, peer)| peer.kill());
        eventually("no routes of theirs", || {
            let routes = hub.ours.show("routes")?;
            ensure!(routes.len() == 1, "{routes:?}");
            Ok(())
        })
        .unwrap();
        within(Duration::from_secs(240), "the neighbours made for them are gone", || {
            let census = hub.census();
            ensure!(census["neighbors"] == 0, "{census}");
            Ok(())
        })
        .unwrap();
        assert_eq!(hub.ours.show("peers").unwrap().len(), 1, "only the template");
        // And may come again.
        hub.peers.iter_mut().for_each(|(_, _, peer)| peer.start().unwrap());
        hub.wait_all();
    });
}

#[test]
fn one_key_for_the_whole_range_and_it_changes() {
    with("one_key_for_the_whole_range_and_it_changes", ALL, |kinds| {
        // Short, for the reason given for the change of a key in `md5`.
        let mut hub = Hub::new(kinds, &["holdTime: 20s"], Some("racks"));
        hub.wait_all();
        // Without the key nobody of the range gets as far as a connection.
        let (_, ns, _) = &hub.peers[0];
        ns.add_address("eth0", "192.0.2.99/24".parse().unwrap()).unwrap();
        let unsigned = ns.run(|| {
            use socket2::{Domain, Socket, Type};
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            socket.bind(&SocketAddr::from((address(99), 0)).into()).unwrap();
            socket.connect_timeout(&SocketAddr::from((us(), 179)).into(), Duration::from_secs(3))
        });
        assert_eq!(unsigned.unwrap_err().kind(), std::io::ErrorKind::TimedOut);

        let established = |hub: &Hub| -> Vec<u64> {
            let of = |(address, _, _): &(IpAddr, _, _)| {
                let child = hub.named(&format!("default/racks@{address}")).unwrap();
                child["establishedCount"].as_u64().unwrap()
            };
            hub.peers.iter().map(of).collect()
        };
        assert_eq!(established(&hub), vec![1; kinds.len()]);
        let new = |config: &mut Config| {
            config.extra[0] = config.extra[0].replace("password: \"racks\"", "password: \"new\"");
        };
        hub.ours.reconfigure(new).unwrap();
        for (_, _, peer) in &mut hub.peers {
            peer.change_neighbor(us(), &|n| n.password = Some("new".into())).unwrap();
        }
        eventually("each has come back with the new key", || {
            for (address, _, peer) in &hub.peers {
                let child = hub.named(&format!("default/racks@{address}"))?;
                ensure!(child["state"] == "Established", "{child}");
                ensure!(child["establishedCount"] == 2, "{child}");
                peer.check_established(us())?;
            }
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{error:#}\n--- ours\n{}", hub.ours.log()));
        hub.wait_all();
    });
}

/// Peer-group and `bgp listen range` in FRR, `neighbor range` in BIRD, peer-group and dynamic-neighbors in GoBGP, which
/// gives its socket no key for a range: signed segments are not answered, unsigned ones are.
#[test]
fn daemons_take_us_in() {
    each("daemons_take_us_in", ALL, |kind| {
        let passwords: &[_] = if kind == Kind::Gobgp { &[None] } else { &[None, Some("racks")] };
        for password in passwords {
            let lab = Lab::new(kind, Way::V4, |ours, theirs| {
                theirs.neighbors[0].range = Some("192.0.2.0/25".parse().unwrap());
                theirs.neighbors[0].password = password.map(str::to_owned);
                ours.neighbors[0].password = password.map(str::to_owned);
            });
            lab.exchanged();
            if password.is_some() {
                let before = tcp_counter(&lab.wires.peer_ns, "TCPMD5NotFound");
                let address = SocketAddr::from((lab.them, 179));
                let unsigned = lab
                    .wires
                    .our_ns
                    .run(|| std::net::TcpStream::connect_timeout(&address, Duration::from_secs(2)));
                assert!(unsigned.is_err(), "{kind:?} takes unsigned segments");
                assert!(tcp_counter(&lab.wires.peer_ns, "TCPMD5NotFound") > before);
            }
        }
    });
}
