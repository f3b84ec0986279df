//! What a neighbour is told when we leave it, and one that comes back with nothing to say: a scripted
//! neighbour, octet by octet.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use testkit::cosmos::Cosmos;
use testkit::daemon::{Config, Speaker as _};
use testkit::frame::{Attributes, KEEPALIVE, OPEN, encode};
use testkit::netns::NetNs;
use testkit::privilege::in_namespaces;
use testkit::script::Session;
use testkit::wait;

use crate::bed::{
    THEIR_PREFIX, THEM, US, ip, kernel, neighbor, ours, places, wait_kernel_empty, wait_log,
};

/// Graceful restart for IPv4 unicast with the F bit: 60 seconds, and the flags before that.
const GRACEFUL: [u8; 6] = [0, 60, 0, 1, 1, 0x80];
const N: u8 = 0x40;

struct Scene {
    ours: Cosmos,
    session: Session,
    our_ns: Arc<NetNs>,
    peer_ns: Arc<NetNs>,
    _state: TempDir,
}

impl Scene {
    /// The neighbour has sent one route, which is in our kernel. `flags` are those of its capability.
    fn new(flags: u8) -> Self {
        let (our_ns, peer_ns) = places();
        let state = tempfile::tempdir().unwrap();
        let mut ours = ours(&our_ns, &state, true, true);
        ours.start().unwrap();
        let session = up(&peer_ns, Some(flags));
        let mut scene = Self { ours, session, our_ns, peer_ns, _state: state };
        let next_hop: IpAddr = ip(THEM);
        let mut update = Vec::new();
        let attributes = Attributes::new(&[65002], next_hop);
        encode::update(&attributes, &[THEIR_PREFIX.parse().unwrap()], &mut update);
        encode::message(2, &[0; 4], &mut update);
        scene.session.send(&update).unwrap();
        wait::eventually("the route in the kernel", || {
            let routes = kernel(&scene.our_ns)?;
            ensure!(routes == [THEIR_PREFIX], "{routes:?}");
            Ok(())
        })
        .unwrap();
        wait_log(&scene.ours, "kernel routes are in step", 1).unwrap();
        scene
    }
}

/// A session with us; `flags` are those of its graceful restart capability, if it has one.
fn up(peer_ns: &NetNs, flags: Option<u8>) -> Session {
    let remote = SocketAddr::new(ip(US), 179);
    let mut session = wait::eventually("a connection that is taken", || {
        let session = Session::connect(peer_ns, ip(THEM), remote)?;
        ensure!(session.is_greeted()?, "closed at once");
        Ok(session)
    })
    .unwrap();
    let ours = session.expect(OPEN).unwrap();
    // Restart flags of ours: the N bit (RFC 8538), and a first start.
    let graceful = capability(&ours.body, 64).unwrap();
    assert_eq!(graceful[0] & 0xf0, N, "{graceful:02x?}");
    session.send(&open(flags)).unwrap();
    let mut keepalive = Vec::new();
    encode::keepalive(&mut keepalive);
    session.send(&keepalive).unwrap();
    session.expect(KEEPALIVE).unwrap();
    session
}

fn open(flags: Option<u8>) -> Vec<u8> {
    let mut capabilities = vec![1, 4, 0, 1, 0, 1, 65, 4];
    capabilities.extend_from_slice(&65002_u32.to_be_bytes());
    if let Some(flags) = flags {
        capabilities.extend_from_slice(&[64, 6, flags | GRACEFUL[0]]);
        capabilities.extend_from_slice(&GRACEFUL[1..]);
    }
    let length = u8::try_from(capabilities.len()).unwrap();
    let mut body = vec![4];
    body.extend_from_slice(&65002_u16.to_be_bytes());
    // Without keepalives.
    body.extend_from_slice(&[0, 0]);
    body.extend_from_slice(&Ipv4Addr::new(192, 0, 2, 2).octets());
    body.extend_from_slice(&[length + 2, 2, length]);
    body.extend_from_slice(&capabilities);
    let mut out = Vec::new();
    encode::message(OPEN, &body, &mut out);
    out
}

/// The value of a capability in an OPEN's body with one or more parameters of them.
fn capability(open: &[u8], wanted: u8) -> anyhow::Result<Vec<u8>> {
    let mut rest = open.get(10..).context("OPEN is too short")?;
    while let [2, length, tail @ ..] = rest {
        let (mut inside, next) = tail.split_at(usize::from(*length));
        while let [code, length, tail @ ..] = inside {
            let (value, next) = tail.split_at(usize::from(*length));
            if *code == wanted {
                return Ok(value.to_vec());
            }
            inside = next;
        }
        rest = next;
    }
    anyhow::bail!("no capability {wanted} in {open:02x?}")
}

fn shut_down(config: &mut Config) {
    config.neighbors[0].extra = vec!["shutdown: {reason: \"rack 7 moves\"}".to_owned()];
}

/// RFC 8538 section 3.1: subcode 9 around what is meant, which is Administrative Shutdown with its text
/// (RFC 9003). The neighbour's routes go at once.
#[test]
fn a_shutdown_is_a_hard_reset() {
    in_namespaces(|| {
        let mut scene = Scene::new(N);
        scene.ours.reconfigure(shut_down).unwrap();
        let (code, subcode, data) = scene.session.notification().unwrap();
        assert_eq!((code, subcode), (6, 9));
        assert_eq!(data, [&[6, 2, 12][..], b"rack 7 moves"].concat());
        wait_kernel_empty(&scene.our_ns).unwrap();
    });
}

/// To one that does not know Hard Reset the same is said without.
#[test]
fn a_shutdown_without_the_n_bit() {
    in_namespaces(|| {
        let mut scene = Scene::new(0);
        scene.ours.reconfigure(shut_down).unwrap();
        let (code, subcode, data) = scene.session.notification().unwrap();
        assert_eq!((code, subcode), (6, 2));
        assert_eq!(data, [&[12][..], b"rack 7 moves"].concat());
        wait_kernel_empty(&scene.our_ns).unwrap();
    });
}

/// A stop is a restart: with the N bit a reset that routes survive, else not a word. The kernel goes on.
#[test]
fn a_stop_keeps_routes() {
    in_namespaces(|| {
        let mut scene = Scene::new(N);
        scene.ours.stop().unwrap();
        let (code, subcode, _) = scene.session.notification().unwrap();
        assert_eq!((code, subcode), (6, 4));
        assert_eq!(kernel(&scene.our_ns).unwrap(), [THEIR_PREFIX]);

        let mut scene = Scene::new(0);
        scene.ours.stop().unwrap();
        let said: Vec<_> = scene.session.finish().unwrap().iter().map(|m| m.kind).collect();
        assert!(!said.contains(&testkit::frame::NOTIFICATION), "{said:?}");
        assert_eq!(kernel(&scene.our_ns).unwrap(), [THEIR_PREFIX]);
    });
}

/// Neither routes nor End-of-RIB come: the missing capability alone says that the old ones are void.
#[test]
fn back_without_the_capability_and_silent() {
    in_namespaces(|| {
        let scene = Scene::new(0);
        let Scene { ours, session, our_ns, peer_ns, _state } = scene;
        session.reset().unwrap();
        wait::eventually("waiting-for-peer", || {
            let restart = &neighbor(&ours)?["restart"];
            ensure!(restart["state"] == "waiting-for-peer", "{restart}");
            Ok(())
        })
        .unwrap();
        assert_eq!(kernel(&our_ns).unwrap(), [THEIR_PREFIX]);
        let session = up(&peer_ns, None);
        wait_kernel_empty(&our_ns).unwrap();
        ours.check_established(ip(THEM)).unwrap();
        drop(session);
    });
}
