//! What a speaker should be: routers, neighbours, originated prefixes.
//!
//! Plain data. Whoever embeds the speaker builds a whole [`SpeakerConfig`] and hands it to
//! [`SpeakerHandle::apply`](crate::SpeakerHandle::apply), which compares it with what runs and acts
//! on the difference only: a changed description touches no session.
//!
//! Invariants: names are unique by construction (maps); a neighbour is an address, and for a
//! link-local address an interface too.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bgp_fsm::RemoteAs;
use bgp_wire::{Asn, Family, Prefix};
use rib::DecisionConfig;
use rib::export::ExportScope;
use rib::policy::Chain;

use crate::options::{
    AddPath, Auth, BfdConfig, GracefulRestart, LocalAs, NextHopMode, Remote, RemovePrivateAs, Role,
};

/// The port of RFC 4271.
pub const BGP_PORT: u16 = 179;

/// Everything a speaker runs.
#[derive(Clone, Debug, Default)]
pub struct SpeakerConfig {
    /// Independent BGP instances by name, each with its own identity and tables.
    pub routers: BTreeMap<String, RouterConfig>,
}

/// One BGP instance.
#[derive(Clone, Debug)]
pub struct RouterConfig {
    /// Local AS.
    pub asn: Asn,
    /// BGP Identifier (RFC 6286: any value but 0).
    pub router_id: Ipv4Addr,
    /// Where to accept connections.
    pub listen: Listen,
    /// Makes this router a route reflector (RFC 4456).
    pub cluster_id: Option<Ipv4Addr>,
    /// Best-path options.
    pub decision: DecisionConfig,
    /// What leaves this router by default.
    pub export_scope: ExportScope,
    /// Whether best paths go to the kernel.
    pub install_routes: bool,
    /// Whether a default route may go to the kernel.
    pub install_default: bool,
    /// Prefixes this router originates.
    pub originations: BTreeMap<Prefix, Origination>,
    /// Neighbours by name.
    pub peers: BTreeMap<String, NeighborConfig>,
}

/// Where a router accepts connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// TCP port; `None` never listens.
    pub port: Option<u16>,
    /// Local addresses; empty means all.
    pub addresses: Vec<IpAddr>,
}

impl Default for Listen {
    fn default() -> Self {
        Self { port: Some(BGP_PORT), addresses: Vec::new() }
    }
}

/// One originated prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origination {
    /// Canonical attributes without a next hop, as [`bgp_wire::attr::AttrBuilder`] makes them.
    pub attributes: Vec<u8>,
    /// Next hop to announce; `None` is our own address on each session.
    pub next_hop: Option<IpAddr>,
    /// Only to these neighbours; `None` is all.
    pub peers: Option<Vec<String>>,
}

/// One neighbour.
#[derive(Clone, Debug, PartialEq)]
pub struct NeighborConfig {
    /// Free text.
    pub description: String,
    /// Whom to peer with.
    pub remote: Remote,
    /// The AS expected.
    pub remote_as: RemoteAs,
    /// Another AS than the router's on this session.
    pub local_as: Option<LocalAs>,
    /// TCP port to dial.
    pub remote_port: u16,
    /// Only wait for the neighbour to dial.
    pub passive: bool,
    /// Local address to dial from, and the only one connections are accepted on.
    pub local_address: Option<IpAddr>,
    /// Interface whose address to dial from, when no address is given.
    pub local_interface: Option<String>,
    /// Interface or VRF device both directions are bound to.
    pub bind_device: Option<String>,
    /// Families to negotiate.
    pub families: Vec<Family>,
    /// Hold time in seconds, 0 or at least 3.
    pub hold_time: u16,
    /// Keepalive interval in seconds; the effective one is at most a third of the hold time.
    pub keepalive: Option<u16>,
    /// Pause between connection attempts.
    pub connect_retry: Duration,
    /// Pause after a session ended with an error; grows when that repeats.
    pub idle_hold: Duration,
    /// Offer IPv4 routes with IPv6 next hops (RFC 8950).
    pub extended_next_hop: bool,
    /// Offer messages up to 65,535 octets (RFC 8654).
    pub extended_message: bool,
    /// TTL of our packets; `None` is 1 on eBGP and the system's default on iBGP.
    pub ttl: Option<u8>,
    /// Least TTL accepted (GTSM, RFC 5082).
    pub min_ttl: Option<u8>,
    /// How segments are protected.
    pub auth: Auth,
    /// Several paths for one prefix (RFC 7911).
    pub add_path: AddPath,
    /// Our role (RFC 9234); external sessions only.
    pub role: Option<Role>,
    /// Routes outlive a restart of either side; `None` offers End-of-RIB only.
    pub graceful_restart: Option<GracefulRestart>,
    /// Watch the session by BFD.
    pub bfd: Option<BfdConfig>,
    /// The neighbour is our route-reflector client.
    pub route_reflector_client: bool,
    /// Which next hop announced routes carry.
    pub next_hop: NextHopMode,
    /// Private AS numbers in paths sent; external sessions only.
    pub remove_private_as: Option<RemovePrivateAs>,
    /// Occurrences of our own AS tolerated in a received AS_PATH.
    pub allow_as_in: u8,
    /// Most prefixes accepted in a family, and what happens beyond.
    pub maximum_prefix: Option<MaximumPrefix>,
    /// Policy on receipt; an empty chain accepts all.
    pub import: Arc<Chain>,
    /// Policy on sending; an empty chain permits all that the scope permits.
    pub export: Arc<Chain>,
    /// Administratively down, with the text for the neighbour (RFC 9003).
    pub shutdown: Option<String>,
}

impl NeighborConfig {
    /// Our AS on this session, on a router of AS `router_as`.
    pub fn session_as(&self, router_as: Asn) -> Asn {
        self.local_as.map_or(router_as, |local| local.asn)
    }
}

/// A bound on what a neighbour may announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaximumPrefix {
    /// Most prefixes in a family.
    pub limit: u32,
    /// 1 to 100: from this share of the limit on a warning is given.
    pub threshold_percent: u8,
    /// What happens beyond.
    pub action: OverLimit,
}

/// What happens when a neighbour announces more than its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverLimit {
    /// Further prefixes are not accepted; the session stays.
    Refuse,
    /// Cease (Maximum Number of Prefixes Reached); started again after this long.
    Restart(Duration),
    /// Cease; stays down until the configuration changes.
    Shutdown,
}

/// A TCP MD5 key that never shows itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Md5Key(Vec<u8>);

impl Md5Key {
    /// Takes 1 to 80 octets, the kernel's bound.
    pub fn new(key: impl Into<Vec<u8>>) -> Option<Self> {
        let key = key.into();
        (1..=80).contains(&key.len()).then_some(Self(key))
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Md5Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Md5Key(redacted)")
    }
}

/// Whether routes reach the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FibMode {
    /// Best paths are installed; next hops must be reachable by the kernel's tables.
    Kernel,
    /// The kernel is neither read nor written; every next hop counts as reachable.
    None,
}

/// How to start a speaker.
#[derive(Clone, Debug)]
pub struct SpeakerOptions {
    /// Whether routes reach the kernel.
    pub fib: FibMode,
    /// Kernel table the routes go to.
    pub table: u32,
    /// Route protocol number that marks our routes.
    pub protocol: u8,
    /// File that tells the next process what this one left in the kernel; it must survive the
    /// process but need not survive the machine. `None`: a restart is never a graceful one of ours.
    pub state_file: Option<PathBuf>,
}

impl Default for SpeakerOptions {
    fn default() -> Self {
        Self {
            fib: FibMode::Kernel,
            table: fib_netlink::MAIN_TABLE,
            protocol: fib_netlink::DEFAULT_PROTOCOL,
            state_file: None,
        }
    }
}
