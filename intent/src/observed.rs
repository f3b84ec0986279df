//! What is really there: the way back from providers.
//!
//! **For**: status, metrics and `show`. **Sits**: made by providers, read by the bridge and the
//! command; plain data that travels as JSON. **How it works**: one [`NodeStatus`] a node with a
//! [`RouterStatus`] a router, and in it a [`PeerStatus`] a peer. Times are Unix milliseconds given
//! by the shell that saw the event. **Invariants**: `established_since` is present exactly in
//! [`SessionState::Established`]; `last_established` is kept after loss.
//! **References**: RFC 4271 section 8.2.2, RFC 4273 (counters), RFC 9003.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{Asn, Family, ObjectRef, PeerName, Provider, Reason, RouterId, RouterName};

/// A moment: milliseconds since 1970-01-01T00:00:00Z.
#[derive(
    Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// How long ago `earlier` was; zero if it is in the future.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Everything observed on one node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    /// When this was taken.
    pub at: UnixMillis,
    /// By name; also routers that could not start.
    pub routers: BTreeMap<RouterName, RouterStatus>,
    /// Per object: what its writer should know.
    pub objects: Vec<ObjectStatus>,
}

/// One router.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouterStatus {
    /// Its name.
    pub name: RouterName,
    /// What runs it.
    pub provider: Provider,
    /// Its AS.
    pub asn: Asn,
    /// Its BGP identifier.
    pub router_id: RouterId,
    /// Whether it runs with the current configuration.
    pub phase: Phase,
    /// Why it is in this phase.
    pub reason: Reason,
    /// One line for people.
    pub message: String,
    /// Sockets that take connections.
    pub listening: Vec<SocketAddr>,
    /// By name.
    pub peers: BTreeMap<PeerName, PeerStatus>,
    /// One entry a prefix we originate.
    pub originations: Vec<OriginationStatus>,
    /// Sizes of the tables.
    pub tables: Vec<TableStatus>,
}

impl RouterStatus {
    /// Peers in Established.
    pub fn established(&self) -> usize {
        self.peers.values().filter(|p| p.state == SessionState::Established).count()
    }
}

/// Where a router stands.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Phase {
    /// Not carried out yet.
    Pending,
    /// Runs as configured.
    Ready,
    /// Could not be carried out.
    Failed,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pending => "Pending",
            Self::Ready => "Ready",
            Self::Failed => "Failed",
        })
    }
}

/// Size of one family's table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableStatus {
    /// Which family.
    pub family: Family,
    /// Distinct prefixes.
    pub prefixes: u64,
    /// Paths of all peers.
    pub paths: u64,
}

/// States of RFC 4271 section 8.2.2.
#[derive(
    Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum SessionState {
    /// Not trying.
    #[default]
    Idle,
    /// TCP handshake under way.
    Connect,
    /// Waiting to try again, or for the neighbour.
    Active,
    /// OPEN sent.
    OpenSent,
    /// OPEN received.
    OpenConfirm,
    /// Routes may flow.
    Established,
}

impl SessionState {
    /// The name used in status and output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        }
    }

    /// The reason word that mirrors the state.
    pub fn reason(self) -> Reason {
        match self {
            Self::Idle => Reason::Idle,
            Self::Connect => Reason::Connect,
            Self::Active => Reason::Active,
            Self::OpenSent => Reason::OpenSent,
            Self::OpenConfirm => Reason::OpenConfirm,
            Self::Established => Reason::Established,
        }
    }
}

impl fmt::Display for SessionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerStatus {
    /// Its name.
    pub name: PeerName,
    /// The object it comes from.
    pub source: ObjectRef,
    /// As configured: an address, an address with interface, or an interface.
    pub address: String,
    /// The neighbour's address once known.
    pub remote: Option<SocketAddr>,
    /// Our end while connected.
    pub local: Option<SocketAddr>,
    /// The neighbour's AS: as negotiated, else as configured if that is one number.
    pub remote_as: Option<Asn>,
    /// Where the session stands.
    pub state: SessionState,
    /// Why.
    pub reason: Reason,
    /// One line for people.
    pub message: String,
    /// When the state last changed.
    pub since: UnixMillis,
    /// When it last entered Established, also after it was lost.
    pub last_established: Option<UnixMillis>,
    /// How long it has been Established without a break.
    #[serde(default, with = "seconds")]
    pub uptime: Option<Duration>,
    /// What both sides agreed on, while Established.
    pub negotiated: Option<Negotiated>,
    /// Why the session last went down or could not come up.
    pub last_error: Option<SessionError>,
    /// The last NOTIFICATION received.
    pub last_received: Option<NotificationRecord>,
    /// The last NOTIFICATION sent.
    pub last_sent: Option<NotificationRecord>,
    /// Since the peer was configured.
    pub counters: PeerCounters,
    /// Per negotiated family.
    pub families: Vec<FamilyStatus>,
}

/// What both OPENs agree on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Negotiated {
    /// Seconds; 0 is off.
    pub hold_time: u16,
    /// Seconds; 0 is off.
    pub keepalive: u16,
    /// The neighbour's BGP identifier.
    pub router_id: Ipv4Addr,
    /// Carried in both directions.
    pub families: BTreeSet<Family>,
    /// Four-octet AS numbers (RFC 6793).
    pub four_octet_as: bool,
    /// ROUTE-REFRESH (RFC 2918).
    pub route_refresh: bool,
    /// Messages of up to 65535 octets (RFC 8654).
    pub extended_message: bool,
    /// IPv4 routes with IPv6 next hops (RFC 8950).
    pub extended_next_hop: bool,
    /// Graceful restart (RFC 4724) offered by the neighbour.
    pub graceful_restart: bool,
    /// Families in which several paths a prefix are received (RFC 7911).
    pub add_path_receive: BTreeSet<Family>,
    /// Families in which several paths a prefix are sent (RFC 7911).
    pub add_path_send: BTreeSet<Family>,
}

/// Why a session ended or could not start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionError {
    /// When.
    pub at: UnixMillis,
    /// Which class of cause.
    pub reason: Reason,
    /// The detail, such as the errno's text.
    pub message: String,
}

/// One NOTIFICATION.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationRecord {
    /// When.
    pub at: UnixMillis,
    /// Error code.
    pub code: u8,
    /// Error subcode.
    pub subcode: u8,
    /// Both in words, with the neighbour's text if it gave one (RFC 9003).
    pub text: String,
}

/// Message counts of one direction.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageCounters {
    /// OPEN.
    pub open: u64,
    /// UPDATE.
    pub update: u64,
    /// NOTIFICATION.
    pub notification: u64,
    /// KEEPALIVE.
    pub keepalive: u64,
    /// ROUTE-REFRESH.
    pub route_refresh: u64,
}

impl MessageCounters {
    /// Of all types.
    pub fn total(&self) -> u64 {
        self.open + self.update + self.notification + self.keepalive + self.route_refresh
    }
}

/// Counters of one peer.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerCounters {
    /// Messages from the neighbour.
    pub received: MessageCounters,
    /// Messages to the neighbour.
    pub sent: MessageCounters,
    /// Times the session entered Established.
    pub established: u64,
    /// Times it left Established.
    pub flaps: u64,
    /// UPDATEs treated as withdraw (RFC 7606).
    pub treated_as_withdraw: u64,
    /// Attributes discarded (RFC 7606).
    pub attributes_discarded: u64,
}

/// Routes of one family on one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FamilyStatus {
    /// Which.
    pub family: Family,
    /// Held from the neighbour, before import policy.
    pub received: u64,
    /// Of those, permitted by import policy.
    pub accepted: u64,
    /// Announced to the neighbour.
    pub advertised: u64,
    /// The neighbour has sent its End-of-RIB (RFC 4724).
    pub end_of_rib_received: bool,
}

/// One originated prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OriginationStatus {
    /// Which.
    pub prefix: IpNet,
    /// Who asked.
    pub source: ObjectRef,
    /// How many established peers hold it from us.
    pub advertised_to: u32,
    /// Our path is the best one.
    pub best: bool,
    /// Why it is or is not announced.
    pub reason: Reason,
    /// One line for people.
    pub message: String,
}

/// What the writer of an object should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectStatus {
    /// Which object.
    pub object: ObjectRef,
    /// By type; at most one of each.
    pub conditions: Vec<Condition>,
}

/// One condition in Kubernetes' sense.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Such as `Accepted`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why.
    pub reason: Reason,
    /// One line for people, with the fix where there is one.
    pub message: String,
}

/// Whether a condition holds.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not.
    False,
    /// Not known yet.
    Unknown,
}

impl fmt::Display for ConditionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        })
    }
}

/// A route the node has put into, or failed to put into, the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelRoute {
    /// Destination.
    pub prefix: IpNet,
    /// Next hops.
    pub via: Vec<KernelNextHop>,
    /// The kernel's refusal, if it refused.
    pub error: Option<String>,
}

/// One next hop of a kernel route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KernelNextHop {
    /// Gateway; absent for a directly connected destination.
    pub gateway: Option<IpAddr>,
    /// Interface name.
    pub interface: Option<String>,
    /// 1 for equal shares.
    pub weight: u16,
}

/// Durations as seconds with a fraction.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(d: &Option<Duration>, s: S) -> Result<S::Ok, S::Error> {
        match d {
            Some(d) => s.serialize_some(&d.as_secs_f64()),
            None => s.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(d)?;
        seconds
            .map(|s| Duration::try_from_secs_f64(s).map_err(serde::de::Error::custom))
            .transpose()
    }
}
