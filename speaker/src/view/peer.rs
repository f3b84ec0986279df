//! What there is to know about one neighbour and the session with it.
//!
//! One structure for all readers: `show peers` prints a line of it, `show peer` a page, `/metrics`
//! its numbers, [`crate::diagnose`] reasons about it. Times are given as ages ("seconds ago") or
//! remainders ("seconds from now"), so that a view means the same wherever it is read.
//!
//! Invariants: names are stable (a scripting interface, `docs/show-peer.md`); lists are bounded; no
//! field can hold a key.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::bfd::BfdView;
use crate::limits::LimitState;

/// One configured neighbour and the session with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PeerView {
    /// Router (BGPRouter or BGPInstance) the neighbour belongs to.
    pub router: String,
    /// Name of the neighbour, unique within the router.
    pub name: String,
    /// Address we peer with; absent while an unnumbered neighbour has not been found, and for a
    /// template of dynamic neighbours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Interface for link-local neighbours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Prefix of a template of dynamic neighbours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<String>,
    /// What a template has of dynamic neighbours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynamic: Option<DynamicView>,
    /// The template a dynamic neighbour came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Free text from the configuration.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Our AS on this session.
    pub local_as: u32,
    /// Our BGP Identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_router_id: Option<Ipv4Addr>,
    /// The neighbour's AS: configured, or learned from its OPEN; 0 while unknown.
    pub remote_as: u32,
    /// `eBGP` or `iBGP`, once known.
    pub session_type: String,
    /// `Idle`, `Connect`, `Active`, `OpenSent`, `OpenConfirm` or `Established`.
    pub state: String,
    /// Seconds in this state.
    pub since_secs: u64,
    /// How often the session has been Established.
    pub established_count: u64,
    /// How often it has ended after that.
    pub dropped_count: u64,
    /// Why the session is administratively down, when it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shutdown: Option<String>,
    /// Why there is no session although there should be one: something it needs is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Why the session is held down here until somebody acts, for example a bound on prefixes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Last reason the session ended or failed to come up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Seconds since `last_error`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error_secs: Option<u64>,
    /// The last end of a session that was up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_down: Option<DownView>,
    /// The last connection or attempt that ended without a NOTIFICATION.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_transport: Option<TransportView>,
    /// Last NOTIFICATION sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sent: Option<NotificationView>,
    /// Last NOTIFICATION received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_received: Option<NotificationView>,
    /// Our end of the TCP connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_endpoint: Option<SocketAddr>,
    /// The neighbour's end of the TCP connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_endpoint: Option<SocketAddr>,
    /// `outgoing` or `incoming`: who opened the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Connections tried, since the neighbour was configured.
    pub attempts: AttemptsView,
    /// The neighbour's BGP Identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_router_id: Option<Ipv4Addr>,
    /// Negotiated hold time in seconds; 0 means off.
    pub hold_time_secs: u16,
    /// Negotiated keepalive interval in seconds; 0 means none.
    pub keepalive_secs: u16,
    /// When timers expire.
    pub timers: TimersView,
    /// Negotiated capabilities by name.
    pub capabilities: Vec<String>,
    /// The OPEN we send, as configured now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_sent: Option<OpenView>,
    /// The neighbour's last OPEN, accepted or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_received: Option<OpenView>,
    /// The neighbour's last OPEN that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_refused: Option<RefusedOpenView>,
    /// One entry a negotiated family (configured families while the session is down).
    pub families: Vec<PeerFamilyView>,
    /// Messages received, by type.
    pub received: MessageCounts,
    /// Messages sent, by type.
    pub sent: MessageCounts,
    /// UPDATEs whose routes were treated as withdrawn (RFC 7606), since the neighbour was configured.
    pub treated_as_withdraw: u64,
    /// Attributes that were discarded (RFC 7606), since the neighbour was configured.
    pub attributes_discarded: u64,
    /// EVPN routes left out: their value does not fit their type (RFC 7606 section 5.4), or their type
    /// is unknown and they are too long to be kept.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unusable_routes: u64,
    /// Prefixes refused because the bound on prefixes, or on paths of one prefix, was reached, since the neighbour was configured.
    pub over_limit: u64,
    /// Paths whose attributes are also kept as they were sent, because import policy changed them and
    /// the neighbour cannot send them again (no route refresh).
    #[serde(default)]
    pub kept_originals: usize,
    /// Octets that wait to be written.
    pub queued_octets: u64,
    /// The kernel's figures of the connection; only when one neighbour is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tcp: Option<TcpView>,
    /// What the configuration asks for, as far as it decides whether a session comes up.
    pub configured: ConfiguredView,
    /// How the neighbour behind an interface is being looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unnumbered: Option<UnnumberedView>,
    /// The BFD session that watches this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bfd: Option<BfdView>,
    /// Graceful restart: what was agreed on, and what runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restart: Option<RestartView>,
    /// The last state changes, oldest first; at most 16.
    pub history: Vec<TransitionView>,
}

/// What the configuration asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConfiguredView {
    /// The AS expected: a number, `internal` or `external`.
    pub remote_as: String,
    /// TCP port dialed.
    pub remote_port: u16,
    /// Only wait for the neighbour to dial.
    pub passive: bool,
    /// Local address to dial from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_address: Option<IpAddr>,
    /// Interface whose address to dial from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_interface: Option<String>,
    /// Interface or VRF device both directions are bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bind_device: Option<String>,
    /// Hold time offered, in seconds.
    pub hold_time_secs: u16,
    /// Families offered.
    pub families: Vec<String>,
    /// TTL of our packets, when it is not the system's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u8>,
    /// Least TTL accepted (RFC 5082).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ttl: Option<u8>,
    /// `none`, `md5` or `ao`; never the key.
    pub auth: String,
    /// Our role (RFC 9234).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Most prefixes accepted in a family.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_prefix: Option<u32>,
    /// Percent of the bound from which on there is a warning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_prefix_warning: Option<u8>,
    /// Whether there is an import policy.
    pub import_policy: bool,
    /// Whether there is an export policy.
    pub export_policy: bool,
}

/// The end of a session that was up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DownView {
    /// Seconds ago.
    pub secs_ago: u64,
    /// Seconds it had been up.
    pub up_secs: u64,
    /// Stable name: `NotificationReceived`, `TransportFailed`, `AdministrativeReset`...
    pub reason: String,
    /// Decoded, for people.
    pub text: String,
}

/// A connection or an attempt that ended without a NOTIFICATION.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransportView {
    /// Seconds ago.
    pub secs_ago: u64,
    /// `refused`, `timed-out`, `host-unreachable`, `network-unreachable`, `address-not-here`,
    /// `no-device`, `denied`, `link-down`, `reset`, `closed` or `other`.
    pub fault: String,
    /// `connecting`, `before-open`, `after-open` or `established`: how far it had got.
    pub phase: String,
    /// `outgoing` or `incoming`.
    pub connection: String,
    /// The system's words.
    pub text: String,
}

/// Connections tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptsView {
    /// We began to open.
    pub dialed: u64,
    /// Of those, did not open.
    pub failed: u64,
    /// Of the neighbour, taken.
    pub accepted: u64,
    /// Of the neighbour, turned away.
    pub refused: u64,
    /// An attempt of ours is under way.
    pub dialing: bool,
}

/// An OPEN, decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenView {
    /// Seconds ago; absent for ours, which is as configured now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secs_ago: Option<u64>,
    /// AS.
    pub asn: u32,
    /// BGP Identifier.
    pub router_id: String,
    /// Hold time in seconds, 0 for none.
    pub hold_time_secs: u16,
    /// Families of its multiprotocol capabilities.
    pub families: Vec<String>,
    /// The other capabilities, decoded, in order.
    pub capabilities: Vec<String>,
}

/// An OPEN that was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedOpenView {
    /// Seconds ago.
    pub secs_ago: u64,
    /// What it said; absent when it could not be decoded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<OpenView>,
    /// Error code of the answer.
    pub code: u8,
    /// Error subcode of the answer.
    pub subcode: u8,
    /// Why, decoded.
    pub text: String,
    /// What would have been accepted, in words.
    pub expected: String,
}

/// When timers expire, in seconds from now; absent ones do not run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TimersView {
    /// The neighbour counts as lost unless it is heard before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_secs: Option<u64>,
    /// A KEEPALIVE is due unless something else is sent before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keepalive_secs: Option<u64>,
    /// The next attempt to connect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_retry_secs: Option<u64>,
    /// The end of the rest after a fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_hold_secs: Option<u64>,
    /// Seconds since a message of the neighbour arrived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard_secs_ago: Option<u64>,
    /// Seconds since a message left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said_secs_ago: Option<u64>,
}

/// A NOTIFICATION and when it went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotificationView {
    /// Seconds ago.
    pub secs_ago: u64,
    /// Error code (RFC 4271 section 4.5).
    pub code: u8,
    /// Error subcode.
    pub subcode: u8,
    /// Decoded, with a shutdown communication if there is one.
    pub text: String,
    /// The operator's words in it (RFC 9003).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub communication: Option<String>,
}

/// Route counts of one family of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PeerFamilyView {
    /// For example `ipv4/unicast`.
    pub family: String,
    /// Paths in the Adj-RIB-In.
    pub received: u64,
    /// Paths that import policy and sanity checks let in.
    pub accepted: u64,
    /// Paths of this neighbour that are best.
    pub best: u64,
    /// Prefixes in the Adj-RIB-Out.
    pub advertised: u64,
    /// Whether the neighbour's End-of-RIB has been seen.
    pub end_of_rib_received: bool,
    /// Most paths accepted, if bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where it stands with that bound.
    #[serde(default)]
    pub limit_state: LimitState,
    /// What the neighbour has told us, since it was configured.
    pub told: FamilyCountsView,
}

/// What came of one family, since the neighbour was configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FamilyCountsView {
    /// Prefixes announced.
    pub announced: u64,
    /// Prefixes withdrawn.
    pub withdrawn: u64,
    /// Prefixes announced that import policy denied.
    pub denied_by_policy: u64,
    /// Prefixes announced whose path has our AS, or our identifier or cluster, in it.
    pub looped: u64,
    /// Prefixes announced with a next hop that cannot be one.
    pub bad_next_hop: u64,
    /// Prefixes refused because the bound was reached.
    pub over_limit: u64,
    /// ROUTE-REFRESH requests of the neighbour.
    pub refresh_requests: u64,
    /// ROUTE-REFRESH requests of ours.
    pub refreshes_asked: u64,
}

/// Messages by type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageCounts {
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
    /// Octets of all of them.
    #[serde(default)]
    pub octets: u64,
}

impl MessageCounts {
    /// Messages of all types.
    pub fn total(&self) -> u64 {
        self.open + self.update + self.notification + self.keepalive + self.route_refresh
    }
}

/// The kernel's figures of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TcpView {
    /// Smoothed round trip time in microseconds.
    pub rtt_micros: u32,
    /// Its variation in microseconds.
    pub rtt_variation_micros: u32,
    /// Segments sent again, in total.
    pub retransmits: u32,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Largest segment we send, in octets.
    pub segment_size: u32,
    /// Congestion window in segments.
    pub congestion_window: u32,
}

/// How the neighbour behind an interface is being looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UnnumberedView {
    /// The interface.
    pub interface: String,
    /// Stable word, for example `found`, `waiting`, `several-neighbours`, `no-interface`, `link-down`.
    pub state: String,
    /// Link-local addresses heard on the link.
    pub neighbors: Vec<String>,
    /// Router advertisements sent.
    pub advertisements_sent: u64,
    /// Router advertisements heard.
    pub advertisements_received: u64,
    /// More, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Graceful restart of a session (RFC 4724, RFC 9494).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RestartView {
    /// Families whose routes are kept over a restart of the neighbour.
    pub families: Vec<String>,
    /// The neighbour's restart time in seconds.
    pub peer_restart_secs: u16,
    /// `inactive`, `waiting-for-peer` (its routes are stale), `waiting-for-end-of-rib`, `long-lived`.
    pub state: String,
    /// Seconds until stale routes are given up, while there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_secs_left: Option<u64>,
    /// Stale paths held.
    pub stale_paths: u64,
}

/// One change of state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TransitionView {
    /// Seconds ago.
    pub secs_ago: u64,
    /// The state left.
    pub from: String,
    /// The state entered.
    pub to: String,
    /// Why, where a connection or an attempt ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
/// Dynamic neighbours of a template.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DynamicView {
    /// Most at a time.
    pub limit: u32,
    /// There are now.
    pub neighbors: u32,
    /// Connections turned away because all places were taken, since the start.
    pub refused: u64,
}

const fn is_zero(count: &u64) -> bool {
    *count == 0
}
