//! From a neighbour's configuration to what the session's task needs.
//!
//! Pure but for the socket hook, which sets the options that need `sockopt` (see [`crate::keys`]).
//!
//! Invariants: a session with a key configured cannot connect or accept without it: the hook fails
//! and with it the attempt.

use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::num::NonZeroU16;
use std::time::Duration;

use bgp_fsm::session::SessionConfig;
use bgp_fsm::{HoldTime, PeerConfig, RemoteAs};
use bgp_wire::{AddPathDirection, Capability, Family};
use foldhash::fast::FixedState;

use crate::config::{NeighborConfig, RouterConfig};
use crate::keys;
use crate::options::AddPathSend;

/// Longest wait for one connection attempt: a neighbour that drops SYNs must not stop the retries.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Octets that may wait for a neighbour before it leaves its update group and catches up by itself.
const OUTBOX_HIGH: usize = 4 << 20;

/// Socket buffers: a full table is some ten MB, and a round trip must not empty the pipe.
const SOCKET_BUFFER: usize = 4 << 20;

/// What the runner needs for this neighbour.
pub(crate) fn session_config(
    router: &RouterConfig,
    name: &str,
    config: &NeighborConfig,
    remote: SocketAddr,
    local: Option<IpAddr>,
) -> SessionConfig {
    let mut peer =
        PeerConfig::new(config.session_as(router.asn), config.remote_as, router.router_id);
    peer.hold_time = HoldTime::from_secs(config.hold_time);
    peer.keepalive = config.keepalive.and_then(NonZeroU16::new);
    peer.connect_retry = config.connect_retry;
    peer.idle_hold = config.idle_hold;
    peer.passive = config.passive;
    peer.families = config.families.clone();
    peer.route_refresh = true;
    peer.enhanced_route_refresh = true;
    peer.extended_message = config.extended_message;
    peer.extended_next_hop = config.extended_next_hop;
    if let Some(role) = config.role {
        peer.role = bgp_fsm::Role::from_code(role.role as u8);
        peer.strict_role = role.strict;
    }
    peer.add_path = add_path(config);
    peer.graceful_restart = config.graceful_restart.map(|restart| bgp_fsm::GracefulRestart {
        restart_time: restart.restart_time,
        long_lived: restart.long_lived,
    });
    if peer.graceful_restart.is_none() {
        // RFC 4724 section 3: without families it only says that we send and understand End-of-RIB.
        peer.other_capabilities = vec![Capability::GracefulRestart {
            restarting: false,
            notification: false,
            restart_time: 0,
            families: Vec::new(),
        }];
    }
    let mut session = SessionConfig::new(peer, remote);
    session.local = local.map(|a| match (a, remote) {
        // A link-local address means something only together with its interface (RFC 4007).
        (IpAddr::V6(own), SocketAddr::V6(there)) if own.is_unicast_link_local() => {
            SocketAddrV6::new(own, 0, 0, there.scope_id()).into()
        }
        _ => SocketAddr::new(a, 0),
    });
    session.ttl = ttl(router, config, remote.ip());
    session.bind_device = config.bind_device.clone();
    session.connect_timeout = CONNECT_TIMEOUT;
    session.outbox_high = OUTBOX_HIGH;
    session.outbox_low = OUTBOX_HIGH / 4;
    session.send_buffer = Some(SOCKET_BUFFER);
    session.receive_buffer = Some(SOCKET_BUFFER);
    session.setup = keys::hook(config, remote.ip(), None, None);
    session.setup_revision = keys::setup_revision(config);
    session.live_revision = keys::live_revision(&config.auth);
    session.seed = seed(router, name);
    session.starts_gated = config.bfd.is_some_and(|bfd| bfd.strict);
    session
}

/// What the OPEN says about several paths of a prefix (RFC 7911 section 4).
fn add_path(config: &NeighborConfig) -> Vec<(Family, AddPathDirection)> {
    let direction = match (config.add_path.receive, config.add_path.send) {
        (false, AddPathSend::Off) => return Vec::new(),
        (true, AddPathSend::Off) => AddPathDirection::Receive,
        (false, _) => AddPathDirection::Send,
        (true, _) => AddPathDirection::Both,
    };
    config.families.iter().map(|family| (*family, direction)).collect()
}

/// Whether the session crosses an AS border.
pub(crate) fn is_external(router: &RouterConfig, config: &NeighborConfig) -> bool {
    match config.remote_as {
        RemoteAs::Asn(asn) => asn != config.session_as(router.asn),
        RemoteAs::External => true,
        RemoteAs::Internal => false,
    }
}

/// RFC 4271 leaves the TTL open; every implementation sends eBGP with 1 unless told otherwise, and
/// GTSM (RFC 5082) needs 255.
fn ttl(router: &RouterConfig, config: &NeighborConfig, remote: IpAddr) -> Option<u8> {
    let external = is_external(router, config);
    match (config.ttl, config.min_ttl) {
        (Some(ttl), _) => Some(ttl),
        (None, Some(_)) => Some(255),
        (None, None) => (external && !remote.is_loopback()).then_some(1),
    }
}

/// Each neighbour its own jitter, the same after every restart.
fn seed(router: &RouterConfig, name: &str) -> u64 {
    FixedState::default().hash_one((router.router_id, router.asn.0, name))
}
