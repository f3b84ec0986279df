//! Hostile neighbours: mutated messages of every type, and nobody else is hurt.
//!
//! One neighbour behaves and must never notice, another watches what is announced. A thousand more
//! each send one message with random octets changed, cut or repeated, in the state where it belongs:
//! a hundred mutations of each valid message. The daemon may answer with a NOTIFICATION, drop the
//! connection, or take the message; it may not panic, lose a good session, pass on what is broken
//! beyond the offender's session, or refuse an offender for ever.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use testkit::cosmos::{Cosmos, Fib};
use testkit::daemon::{Config, Neighbor, Speaker as _};
use testkit::frame::{Attributes, HEADER, NOTIFICATION, Segment, encode};
use testkit::netns::{End, NetNs};
use testkit::privilege::in_namespaces;
use testkit::route::{Family, router_id};
use testkit::script::{Identity, Session};
use testkit::sender::Sender;
use testkit::sink::{ANY, Sink};
use testkit::wait;

const OURS: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
const GOOD: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
const GOOD_AS: u32 = 65002;
const WATCHER: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 3);
const WATCHER_AS: u32 = 65004;
/// The offenders' addresses count from here.
const FIRST_BAD: Ipv4Addr = Ipv4Addr::new(10, 99, 1, 0);
const BAD: Ipv4Addr = FIRST_BAD;
const BAD_AS: u32 = 65003;
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

fn identity(asn: u32, address: Ipv4Addr) -> Identity {
    Identity { hold_time: 90, ..Identity::new(asn, address) }
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

/// Where the mutated message is sent.
#[derive(Clone, Copy, Debug)]
enum State {
    OpenSent,
    OpenConfirm,
    Established,
}

/// One offence: a neighbour of its own, since the daemon makes an offender wait before it may return.
struct Offence {
    address: Ipv4Addr,
    state: State,
    message: Vec<u8>,
}

fn offences() -> Vec<Offence> {
    let mut keepalive = Vec::new();
    encode::keepalive(&mut keepalive);
    let mut originals =
        vec![(State::OpenSent, identity(BAD_AS, BAD).open()), (State::OpenConfirm, keepalive)];
    originals.extend(messages().into_iter().map(|m| (State::Established, m)));
    let mut out = Vec::new();
    for seed in 0..MUTATIONS {
        let mut random = Random(seed);
        for (state, original) in &originals {
            let n = u32::try_from(out.len()).unwrap();
            let address = Ipv4Addr::from(u32::from(FIRST_BAD) + n);
            out.push(Offence { address, state: *state, message: mutate(original, &mut random) });
        }
    }
    out
}

/// Commits one offence and waits until the daemon has read it all.
fn commit(session: &mut Session, offence: &Offence) -> anyhow::Result<()> {
    let identity = identity(BAD_AS, offence.address);
    match offence.state {
        State::OpenSent => {}
        State::OpenConfirm => session.send(&identity.open())?,
        State::Established => session.handshake(&identity)?,
    }
    session.send(&offence.message)
}

#[test]
fn mutated_messages_hurt_only_their_own_session() {
    in_namespaces(|| {
        let offences = offences();
        let ours = Arc::new(NetNs::new("ours").unwrap());
        let others = NetNs::new("others").unwrap();
        let theirs = End::new("eth0", &["10.99.0.2/16", "10.99.0.3/16"]);
        ours.link(&End::new("eth0", &["10.99.0.1/16"]), &others, &theirs).unwrap();
        for offence in &offences {
            let address = IpNet::new(offence.address.into(), 16).unwrap();
            others.add_address("eth0", address).unwrap();
        }
        let neighbor = |address: Ipv4Addr, asn| Neighbor {
            passive: true,
            families: vec![Family::Ipv4, Family::Ipv6],
            ..Neighbor::new(OURS.into(), address.into(), asn)
        };
        let mut neighbors = vec![neighbor(GOOD, GOOD_AS), neighbor(WATCHER, WATCHER_AS)];
        neighbors.extend(offences.iter().map(|offence| neighbor(offence.address, BAD_AS)));
        let config = Config {
            asn: 65001,
            router_id: router_id(1),
            neighbors,
            announcements: vec![],
            extra: vec![],
        };
        let mut cosmos =
            Cosmos::new(env!("CARGO_BIN_EXE_cosmos"), &ours, config, Fib::None).unwrap();
        cosmos.start().unwrap();
        let speaker = SocketAddr::new(OURS.into(), 179);
        let connect = |from: Ipv4Addr| Session::connect(&others, from.into(), speaker).unwrap();

        // The good one announces; the watcher must hold its routes at the end, never having lost one.
        let good = Sender::start(connect(GOOD), &identity(GOOD_AS, GOOD)).unwrap();
        let nets: Vec<IpNet> =
            ["10.2.0.0/16", "10.2.1.0/24"].iter().map(|p| p.parse().unwrap()).collect();
        let mut frames = Vec::new();
        encode::update(&Attributes::new(&[GOOD_AS], GOOD.into()), &nets, &mut frames);
        let expected = nets.iter().map(|p| (*p, ANY));
        let watcher =
            Sink::start(connect(WATCHER), &identity(WATCHER_AS, WATCHER), expected, true).unwrap();
        good.send(&frames).unwrap();
        watcher.wait_complete(wait::PATIENCE).unwrap();

        let mut refused = 0;
        for (n, offence) in offences.iter().enumerate() {
            let mut session = connect(offence.address);
            commit(&mut session, offence).unwrap_or_else(|error| {
                panic!("offence {n} in {:?}: {error:#}\n{}", offence.state, cosmos.log())
            });
            let answers = session
                .finish()
                .unwrap_or_else(|error| panic!("offence {n} {:02x?}: {error:#}", offence.message));
            refused += usize::from(answers.iter().any(|m| m.kind == NOTIFICATION));
        }
        // Neither all nor none: else the mutations would not reach the parsers behind the framing.
        let total = offences.len();
        assert!(refused > total / 10 && refused < total * 9 / 10, "{refused} of {total} refused");

        good.check_running().unwrap();
        // The offenders' routes went with their sessions; the good ones are still there.
        watcher.wait_complete(wait::PATIENCE).unwrap();
        for (prefix, attributes) in watcher.routes() {
            assert_eq!(attributes.as_path_text(), format!("65001 {GOOD_AS}"), "{prefix}");
        }
        for address in [GOOD, WATCHER] {
            cosmos.check_established(address.into()).unwrap();
        }
        // An offender may come back and is served as any other.
        wait::eventually("an offender returns", || {
            let offender = offences.last().unwrap();
            let mut session = Session::connect(&others, offender.address.into(), speaker)?;
            session.handshake(&identity(BAD_AS, offender.address))
        })
        .unwrap();
        let log = cosmos.log();
        assert!(!log.contains("panicked at"), "{log}");
        cosmos.stop().unwrap();
    });
}
