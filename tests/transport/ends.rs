//! The ends of the connection: ports, who dials, addresses and interfaces of ours.

use anyhow::ensure;
use testkit::daemon::Speaker as _;
use testkit::netns::End;

use crate::lab::{ALL, Lab, Way, Wires, each, ip};

/// The port of the end that does not dial is in the connection's addresses.
#[test]
fn each_end_on_a_port_of_its_own_and_one_that_waits() {
    each("each_end_on_a_port_of_its_own_and_one_that_waits", ALL, |kind| {
        for (passive_here, ports) in
            [(false, Some((1791, 1790))), (true, Some((1791, 1790))), (false, None), (true, None)]
        {
            let lab = Lab::new(kind, Way::V4, |ours, theirs| {
                let (ours, theirs) = (&mut ours.neighbors[0], &mut theirs.neighbors[0]);
                (ours.passive, theirs.passive) = (passive_here, !passive_here);
                if let Some((here, there)) = ports {
                    (ours.local_port, theirs.port) = (Some(here), Some(here));
                    (ours.port, theirs.local_port) = (Some(there), Some(there));
                }
            });
            lab.exchanged();
            let view = lab.view().unwrap();
            let (here, there) = ports.unwrap_or((179, 179));
            let (connection, pointer, port) = match passive_here {
                true => ("incoming", "localEndpoint", here),
                false => ("outgoing", "remoteEndpoint", there),
            };
            assert_eq!(view["connection"], connection, "{kind:?}: {view}");
            let end = view[pointer].as_str().unwrap();
            assert!(end.ends_with(&format!(":{port}")), "{kind:?}: {end}");
        }
    });
}

/// A router that never listens still dials.
#[test]
fn a_router_that_does_not_listen() {
    each("a_router_that_does_not_listen", ALL, |kind| {
        let mut lab = Lab::new(kind, Way::V4, |_, theirs| theirs.neighbors[0].passive = true);
        lab.exchanged();
        lab.ours.set_router_field("listenPort", "-1");
        lab.ours.kill();
        lab.ours.start().unwrap();
        lab.exchanged();
        let refused = lab.wires.peer_ns.run(|| std::net::TcpStream::connect((lab.us, 179)));
        assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    });
}

/// The daemon knows our second address only, by which the kernel would not choose to send.
#[test]
fn update_source_is_an_address() {
    each("update_source_is_an_address", ALL, |kind| {
        for passive_here in [false, true] {
            let wires = Wires::new(Way::V4);
            wires.our_ns.add_address("eth0", "192.0.2.11/24".parse().unwrap()).unwrap();
            let lab = Lab::on(wires, kind, Way::V4, |ours, theirs| {
                ours.neighbors[0].local_address = ip("192.0.2.11");
                theirs.neighbors[0].address = ip("192.0.2.11");
                ours.neighbors[0].passive = passive_here;
                theirs.neighbors[0].passive = !passive_here;
            });
            lab.exchanged();
            let local = lab.view().unwrap()["localEndpoint"].to_string();
            assert!(local.contains("192.0.2.11:"), "{kind:?}: {local}");
        }
    });
}

/// The interface holds an address that is not on the way: what is sent leaves by another.
#[test]
fn update_source_is_an_interface() {
    each("update_source_is_an_interface", ALL, |kind| {
        for passive_here in [false, true] {
            let wires = Wires::new(Way::V4);
            wires.our_ns.ip("link add stable type bridge").unwrap();
            wires.our_ns.ip("link set stable up").unwrap();
            wires.our_ns.add_address("stable", "203.0.113.1/32".parse().unwrap()).unwrap();
            wires.peer_ns.ip("route add 203.0.113.1/32 via 192.0.2.1").unwrap();
            let lab = Lab::on(wires, kind, Way::V4, |ours, theirs| {
                let us = ip("203.0.113.1");
                ours.neighbors[0].extra =
                    vec!["updateSource: stable".into(), "ebgpMultihop: 2".into()];
                ours.neighbors[0].local_address = us;
                theirs.neighbors[0].address = us;
                ours.neighbors[0].passive = passive_here;
                theirs.neighbors[0].passive = !passive_here;
                theirs.neighbors[0].extra = crate::gtsm::far(kind, us, 2);
            });
            lab.exchanged();
            let local = lab.view().unwrap()["localEndpoint"].to_string();
            assert!(local.contains("203.0.113.1:"), "{kind:?}: {local}");
        }
    });
}

/// Bound to a second cable nothing is dialed or taken over the first one; bound to the first one it is.
#[test]
fn bind_device_is_the_only_way_in_and_out() {
    each("bind_device_is_the_only_way_in_and_out", ALL, |kind| {
        for passive_here in [false, true] {
            let wires = Wires::new(Way::V4);
            let other = End::new("eth1", &["203.0.113.1/24"]);
            let their_other = End::new("eth1", &["203.0.113.2/24"]);
            wires.our_ns.link(&other, &wires.peer_ns, &their_other).unwrap();
            let mut lab = Lab::on(wires, kind, Way::V4, |ours, theirs| {
                ours.neighbors[0].extra = vec!["bindDevice: eth1".into()];
                ours.neighbors[0].passive = passive_here;
                theirs.neighbors[0].passive = !passive_here;
            });
            if passive_here {
                // Its connections are taken by the kernel and closed at once.
                let before = lab.peer.log().len();
                lab.until("the daemon tries in vain", || {
                    ensure!(lab.peer.log().len() > before + 200, "{}", lab.peer.log());
                    Ok(())
                });
                assert_eq!(lab.count("/attempts/accepted"), 0);
            } else {
                lab.until("we try in vain", || {
                    let failed = lab.count("/attempts/failed");
                    ensure!(failed > 0, "{failed} attempts failed");
                    Ok(())
                });
            }
            assert_eq!(lab.count("/establishedCount"), 0);
            let bind = |config: &mut testkit::daemon::Config| {
                config.neighbors[0].extra = vec!["bindDevice: eth0".into()];
            };
            lab.ours.reconfigure(bind).unwrap();
            lab.exchanged();
        }
    });
}
