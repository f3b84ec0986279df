//! The desired state of one node: its routers.
//!
//! **For**: providers, which make it so. **Sits**: the root of this crate's data.
//! **How it works**: each [`Router`] is a BGP speaker of its own, with its identity, tables and
//! peers; several share a listening port. **Invariants**: a [`RouterId`] is never 0 (RFC 6286);
//! keys of the maps equal the `name` fields. **References**: RFC 4271, RFC 4456, RFC 6286, RFC 8212.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU16,
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use crate::{Asn, Family, ObjectRef, Origination, ParseError, Peer, PeerName, RouterName};

/// All that one node should do. Replaced as a whole, never edited in place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// By name.
    pub routers: BTreeMap<RouterName, Router>,
}

/// One BGP speaker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Router {
    /// Unique on the node.
    pub name: RouterName,
    /// The object that asks for it.
    pub source: ObjectRef,
    /// What runs it.
    pub provider: Provider,
    /// Its AS.
    pub asn: Asn,
    /// Its BGP identifier.
    pub router_id: RouterId,
    /// Where it takes connections.
    pub listen: Listen,
    /// Families it may carry; never empty. Peers offer subsets.
    pub families: BTreeSet<Family>,
    /// Best-path choices.
    pub best_path: BestPath,
    /// Present on a route reflector.
    pub cluster_id: Option<Ipv4Addr>,
    /// RFC 8212 was asked for. Already carried out: peers it concerns have a chain that denies.
    pub require_policy: bool,
    /// Learned routes go to the kernel.
    pub install_routes: bool,
    /// Learned default routes go to the kernel too, because a policy names them.
    pub install_default_route: bool,
    /// What leaves beyond the router's own prefixes.
    pub export_scope: ExportScope,
    /// What the router announces itself; one entry a prefix and scope.
    pub originations: Vec<Origination>,
    /// By name.
    pub peers: BTreeMap<PeerName, Peer>,
}

/// What runs a router.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    /// Such as `node-1-native`.
    pub name: String,
    /// Which implementation.
    pub kind: ProviderKind,
}

/// Which implementation runs a router.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// The embedded speaker.
    Native,
    /// A local FRR.
    Frr,
    /// A local GoBGP.
    Gobgp,
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Native => "native",
            Self::Frr => "frr",
            Self::Gobgp => "gobgp",
        })
    }
}

/// A BGP identifier: 32 bits written like an IPv4 address, never 0 (RFC 6286).
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Ipv4Addr", into = "Ipv4Addr")]
pub struct RouterId(Ipv4Addr);

impl RouterId {
    /// `None` for 0.0.0.0.
    pub fn new(id: Ipv4Addr) -> Option<Self> {
        (!id.is_unspecified()).then_some(Self(id))
    }

    /// The identifier.
    pub fn value(self) -> Ipv4Addr {
        self.0
    }
}

impl TryFrom<Ipv4Addr> for RouterId {
    type Error = &'static str;

    fn try_from(id: Ipv4Addr) -> Result<Self, Self::Error> {
        Self::new(id).ok_or("a router ID must not be 0.0.0.0")
    }
}

impl From<RouterId> for Ipv4Addr {
    fn from(id: RouterId) -> Self {
        id.0
    }
}

impl fmt::Display for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RouterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RouterId {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let id = s.parse().ok().and_then(Self::new);
        id.ok_or_else(|| ParseError::new(s, "a router ID: four decimal octets, not 0.0.0.0"))
    }
}

/// Where a router takes connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Listen {
    /// TCP port; `None` never listens.
    pub port: Option<NonZeroU16>,
    /// Local addresses; none means all, IPv4 and IPv6.
    pub addresses: Vec<IpAddr>,
}

impl Default for Listen {
    fn default() -> Self {
        Self { port: NonZeroU16::new(179), addresses: Vec::new() }
    }
}

/// Choices in best-path selection (RFC 4271 section 9.1.2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BestPath {
    /// Compare MED between different neighbouring ASes too.
    pub always_compare_med: bool,
    /// Group by neighbouring AS before comparing MED.
    pub deterministic_med: bool,
    /// Compare router IDs of external paths instead of keeping the older one.
    pub compare_router_id: bool,
    /// Equal-length AS paths of different content share load.
    pub multipath_relax: bool,
    /// Next hops in one multipath set, 1 to 512.
    pub maximum_paths: u16,
}

impl Default for BestPath {
    fn default() -> Self {
        Self {
            always_compare_med: false,
            deterministic_med: true,
            compare_router_id: false,
            multipath_relax: true,
            maximum_paths: 64,
        }
    }
}

/// What leaves a router besides what policy takes away.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ExportScope {
    /// Only what the router originates.
    Originated,
    /// Every best path, by the usual rules (RFC 4271 section 9.1.3, RFC 4456 on a reflector).
    AllBest,
}
