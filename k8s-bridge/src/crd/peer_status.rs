//! The status of a `BGPPeer`: what its session does.
//!
//! **For**: `kubectl get bgppeers -o yaml`. **Sits**: written by the node agent. **How it works**: a
//! superset of what both models have; per-router entries where a selector matches several.
//! **References**: RFC 4271 section 8.2.2, RFC 4273.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{ProviderEntry, RouterEntry};

/// What the session does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BgpPeerStatus {
    /// The generation of the spec this status speaks of.
    pub observed_generation: Option<i64>,
    /// Idle, Connect, Active, OpenSent, OpenConfirm or Established.
    #[schemars(length(max = 32))]
    pub session_state: Option<String>,
    /// When the session last became Established; kept after it is lost.
    pub last_established_time: Option<Time>,
    /// When the state last changed.
    pub last_state_change: Option<Time>,
    /// How long the session has been Established.
    #[schemars(length(max = 32))]
    pub uptime: Option<String>,
    /// Counts per family.
    #[serde(default)]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["afi", "safi"]))]
    pub afi_safi: Vec<AfiSafiStatus>,
    /// Messages sent, by type.
    pub messages_sent: Option<MessageCounts>,
    /// Messages received, by type.
    pub messages_received: Option<MessageCounts>,
    /// Why the session last ended or could not start.
    #[schemars(length(max = 1024))]
    pub last_error: Option<String>,
    /// `Accepted`, `Ready`, `SessionEstablished`, `NotRealised`.
    #[serde(default)]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// One entry a provider, in the fleet shape.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["providerName"]))]
    pub providers: Vec<ProviderEntry>,
    /// One entry a router, in the router shape.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["routerName"]))]
    pub routers: Vec<RouterEntry>,
}

/// Counts of one family.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AfiSafiStatus {
    /// ipv4, ipv6 or l2vpn.
    #[schemars(length(max = 8))]
    pub afi: String,
    /// unicast, vpn or evpn.
    #[schemars(length(max = 8))]
    pub safi: String,
    /// Negotiated on the running session.
    pub active: bool,
    /// Held from the neighbour.
    pub prefixes_received: Option<i64>,
    /// Announced to the neighbour.
    pub prefixes_advertised: Option<i64>,
}

/// Messages by type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageCounts {
    /// OPEN.
    pub open: i64,
    /// UPDATE.
    pub update: i64,
    /// NOTIFICATION.
    pub notification: i64,
    /// KEEPALIVE.
    pub keepalive: i64,
    /// ROUTE-REFRESH.
    pub route_refresh: i64,
}
