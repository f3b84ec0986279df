//! Hostile neighbours: mutated messages of every type, and nobody else is hurt.
//!
//! One neighbour behaves and must never notice; the other sends each valid message a hundred times
//! with random octets changed, cut or repeated, in each state where it can. The daemon may answer with
//! a NOTIFICATION, drop the connection, or take the message; it may not panic, lose the good session,
//! or stop accepting the bad one's next connection.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use testkit::cosmos::{Cosmos, Fib};
use testkit::daemon::{Config, Neighbor, Speaker as _};
use testkit::frame::{Attributes, HEADER, Segment, encode};
use testkit::netns::{End, NetNs};
use testkit::privilege::in_namespaces;
use testkit::route::{Family, router_id};
use testkit::script::{Identity, Session};
use testkit::sender::Sender;
use testkit::sink::{ANY, Sink};
use testkit::wait;

const OURS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const GOOD: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
const BAD: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 3);
const WATCHER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 4);
/// Mutations of each message.
const MUTATIONS: u64 = 100;

/// A small generator with a known sequence: a failure names the seed and can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// Changes a few octets, cuts, or repeats a piece. The length field is put right again three times
/// out of four, so that the mutation reaches the parser behind the framing.
fn mutate(message: &[u8], random: &mut Random) -> Vec<u8> {
    let mut out = message.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(out.len());
        match random.below(4) {
            0 => out[at] = u8::try_from(random.below(256)).unwrap(),
            1 => out[at] ^= 1 << random.below(8),
            2 if out.len() > HEADER + 1 => out.truncate(at.max(HEADER)),
            _ => {
                let piece = out[at..(at + 8).min(out.len())].to_vec();
                out.splice(at..at, piece);
            }
        }
    }
    if random.below(4) > 0 && out.len() >= HEADER {
        let len = u16::try_from(out.len()).unwrap();
        out[..16].fill(0xff);
        out[16..18].copy_from_slice(&len.to_be_bytes());
    }
    out
}

fn identity(asn: u32, n: u8) -> Identity {
    Identity { hold_time: 90, ..Identity::new(asn, router_id(n)) }
}

/// One valid message of each kind that may come after the handshake.
fn messages() -> Vec<Vec<u8>> {
    let mut rich = Attributes::new(&[65003, 65010], BAD.into());
    rich.as_path.push(Segment::Set(vec![1, 2]));
    rich.med = Some(1);
    rich.atomic_aggregate = true;
    rich.aggregator = Some((65003, BAD));
    rich.communities = vec![0xfdeb_0001, 0xffff_ff01];
    rich.ext_communities = vec![[0, 2, 0, 1, 0, 0, 0, 2]];
    rich.large_communities = vec![[1, 2, 3]];
    rich.other = vec![(0xc0, 250, vec![1, 2, 3])];
    let v6 = Attributes { next_hop: "2001:db8::3".parse().unwrap(), ..rich.clone() };
    let nets = |texts: &[&str]| texts.iter().map(|t| t.parse().unwrap()).collect::<Vec<_>>();
    let mut out = vec![Vec::new(); 8];
    encode::update(&rich, &nets(&["10.3.0.0/16", "10.3.1.0/24", "0.0.0.0/0"]), &mut out[0]);
    encode::update(&v6, &nets(&["2001:db8:3::/48", "2001:db8:3:1::/64"]), &mut out[1]);
    encode::withdraw(&nets(&["10.3.0.0/16", "10.3.1.0/24"]), &mut out[2]);
    encode::withdraw(&nets(&["2001:db8:3::/48"]), &mut out[3]);
    encode::end_of_rib(Family::Ipv6, &mut out[4]);
    encode::keepalive(&mut out[5]);
    encode::notification(6, 2, b"\x03bye", &mut out[6]);
    encode::message(5, &[0, 1, 0, 1], &mut out[7]); // ROUTE-REFRESH
    out
}

#[test]
#[ignore = "waits for `cosmos run`"]
fn mutated_messages_hurt_only_their_own_session() {
    in_namespaces(|| {
        let ours = Arc::new(NetNs::new("ours").unwrap());
        let others = NetNs::new("others").unwrap();
        let theirs = End::new("eth0", &["192.0.2.2/24", "192.0.2.3/24", "192.0.2.4/24"]);
        ours.link(&End::new("eth0", &["192.0.2.1/24"]), &others, &theirs).unwrap();
        let neighbor = |address: Ipv4Addr, asn| Neighbor {
            passive: true,
            families: vec![Family::Ipv4, Family::Ipv6],
            ..Neighbor::new(OURS.into(), address.into(), asn)
        };
        let config = Config {
            asn: 65001,
            router_id: router_id(1),
            neighbors: vec![neighbor(GOOD, 65002), neighbor(BAD, 65003), neighbor(WATCHER, 65004)],
            announcements: vec![],
        };
        let mut cosmos =
            Cosmos::new(env!("CARGO_BIN_EXE_cosmos"), &ours, config, Fib::None).unwrap();
        cosmos.start().unwrap();
        let speaker = SocketAddr::new(OURS.into(), 179);
        let connect =
            |from: Ipv4Addr| Session::connect(&others, IpAddr::V4(from), speaker).unwrap();

        // The good one announces; the watcher must hold its routes at all times.
        let good = Sender::start(connect(GOOD), &identity(65002, 2)).unwrap();
        let nets: Vec<_> =
            ["10.2.0.0/16", "10.2.1.0/24"].iter().map(|p| p.parse().unwrap()).collect();
        let mut frames = Vec::new();
        encode::update(&Attributes::new(&[65002], GOOD.into()), &nets, &mut frames);
        let expected = nets.iter().map(|p| (*p, ANY));
        let watcher = Sink::start(connect(WATCHER), &identity(65004, 4), expected, false).unwrap();
        good.send(&frames).unwrap();
        watcher.wait_complete(wait::PATIENCE).unwrap();

        let bad = identity(65003, 3);
        let mut handshake = vec![bad.open()];
        let mut keepalive = Vec::new();
        encode::keepalive(&mut keepalive);
        handshake.push(keepalive);
        for seed in 0..MUTATIONS {
            let mut random = Random(seed);
            // In OpenSent: a mutated OPEN.
            let mut session = connect(BAD);
            let _ = session.send(&mutate(&handshake[0], &mut random));
            drop(session);
            // In OpenConfirm: a mutated KEEPALIVE.
            let mut session = connect(BAD);
            let _ = session.send(&handshake[0]);
            let _ = session.send(&mutate(&handshake[1], &mut random));
            drop(session);
            // In Established: one mutation of each message, until the session is gone.
            let mut session = connect(BAD);
            if session.handshake(&bad).is_err() {
                continue; // the previous connection is not yet forgotten
            }
            for message in messages() {
                if session.send(&mutate(&message, &mut random)).is_err() {
                    session = connect(BAD);
                    if session.handshake(&bad).is_err() {
                        break;
                    }
                }
            }
        }

        good.check_running().unwrap();
        let counts = watcher.counts();
        assert_eq!(counts.right, 2, "the good routes stayed: {counts:?}");
        // The offender may come back and is served as before.
        wait::eventually("the offender returns", || {
            let mut session = Session::connect(&others, BAD.into(), speaker)?;
            session.handshake(&bad)
        })
        .unwrap();
        for address in [GOOD, WATCHER] {
            cosmos.check_established(address.into()).unwrap();
        }
        let log = cosmos.log();
        assert!(!log.contains("panicked at"), "{log}");
        cosmos.stop().unwrap();
    });
}
