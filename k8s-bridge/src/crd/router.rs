//! `BGPRouter`: a logical BGP speaker bound to a node.
//!
//! **For**: the router model's root of ownership; one per routing plane per node. **Sits**:
//! namespaced; peers, advertisements and policies name it or select it by label.
//! **How it works**: see the fields. **References**: RFC 4271, RFC 4456, RFC 8212, RFC 4724, RFC 9494.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    common::AddressFamily,
    rule::{DURATION, HOLD_TIME, IP, KEEPALIVE_TIME, Rule, has, is_true, strings, validations},
};

/// A logical BGP speaker bound to what executes it.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bgp.miloapis.com",
    version = "v1alpha1",
    kind = "BGPRouter",
    root = "BgpRouter",
    plural = "bgprouters",
    shortname = "bgpr",
    namespaced,
    status = "BgpRouterStatus",
    derive = "PartialEq",
    doc = "A logical BGP speaker bound to a node.",
    printcolumn = r#"{"name":"TARGET","type":"string","jsonPath":".spec.targetRef.name"}"#,
    printcolumn = r#"{"name":"ROLES","type":"string","jsonPath":".spec.roles"}"#,
    printcolumn = r#"{"name":"ASN","type":"integer","jsonPath":".spec.localASN"}"#,
    printcolumn = r#"{"name":"ROUTER-ID","type":"string","jsonPath":".spec.routerID"}"#,
    printcolumn = r#"{"name":"PHASE","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = validations(RULES)))]
pub struct BgpRouterSpec {
    /// What executes this router; node agents act on kind Node and leave other kinds alone.
    pub target_ref: TargetRef,
    /// What the router is for. `transit` announces all best paths; `fabric` and `tenant`, and no
    /// role at all, announce only what the router originates.
    #[schemars(length(min = 1, max = 3))]
    pub roles: Option<Vec<RouterRole>>,
    /// Local AS.
    #[serde(rename = "localASN")]
    #[schemars(range(min = 1, max = 4294967295u32))]
    pub local_asn: u32,
    /// BGP identifier, written like an IPv4 address; needs no such address on the node.
    #[serde(rename = "routerID")]
    #[schemars(length(max = 15), extend("format" = "ipv4"))]
    pub router_id: String,
    /// The families activated; peers offer subsets of them.
    #[schemars(length(min = 1, max = 16))]
    pub address_families: Vec<AddressFamily>,
    /// TCP port to listen on, -1 for none. Unset means 179.
    #[schemars(range(min = -1, max = 65535))]
    pub listen_port: Option<i32>,
    /// Addresses to listen on. Unset means all.
    #[schemars(length(max = 16), extend("items" = strings(45, IP)))]
    pub listen_addresses: Option<Vec<String>>,
    /// Makes the router a route reflector (RFC 4456); written like an IPv4 address.
    #[serde(rename = "clusterID")]
    #[schemars(length(max = 15), extend("format" = "ipv4"))]
    pub cluster_id: Option<String>,
    /// Defaults for the router's peers.
    pub timers: Option<RouterTimers>,
    /// Best-path choices.
    pub best_path: Option<RouterBestPath>,
    /// External peers without a policy neither accept nor announce routes (RFC 8212).
    pub require_policy: Option<bool>,
    /// Learned routes go to the kernel. Unset means true.
    pub install_routes: Option<bool>,
    /// Graceful restart (RFC 4724).
    pub graceful_restart: Option<RouterGracefulRestart>,
    /// Long-lived graceful restart (RFC 9494); needs gracefulRestart.
    pub long_lived_graceful_restart: Option<LongLivedGracefulRestart>,
}

/// What executes a router.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TargetRef {
    /// `Node`; other kinds are left to other runtimes.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// What a router is for: fabric, tenant or transit.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RouterRole {
    /// Connects the node to the fabric.
    Fabric,
    /// Carries tenants' routes.
    Tenant,
    /// Passes on what it learns.
    Transit,
}

/// Defaults for a router's peers, as durations such as `90s`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouterTimers {
    /// Hold time: 0s switches it off, else at least 3s. Unset means 90s.
    #[schemars(length(max = 32), extend("x-kubernetes-validations" = validations(HOLD_TIME)))]
    pub hold_time: Option<String>,
    /// Keepalive interval. Unset: the smaller of 30s and a third of the hold time.
    #[schemars(length(max = 32), extend("x-kubernetes-validations" = validations(KEEPALIVE_TIME)))]
    pub keepalive_time: Option<String>,
    /// Between attempts to connect. Unset means 5s.
    #[schemars(length(max = 32), extend("x-kubernetes-validations" = validations(DURATION)))]
    pub connect_retry: Option<String>,
    /// In Idle after a failure. Unset means 1s.
    #[schemars(length(max = 32), extend("x-kubernetes-validations" = validations(DURATION)))]
    pub idle_hold: Option<String>,
    /// Least time between announcements to one peer. Unset means 0s: at once.
    #[schemars(length(max = 32), extend("x-kubernetes-validations" = validations(DURATION)))]
    pub minimum_advertisement: Option<String>,
}

/// Best-path choices (RFC 4271 section 9.1.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouterBestPath {
    /// Compare MED between different neighbouring ASes too.
    pub always_compare_med: Option<bool>,
    /// Group by neighbouring AS before comparing MED. Unset means true.
    pub deterministic_med: Option<bool>,
    /// Compare router IDs of external paths.
    pub compare_router_id: Option<bool>,
    /// Equal-length AS paths of different content share load. Unset means true.
    pub multipath_relax: Option<bool>,
    /// Most next hops that share load. Unset means 64.
    #[schemars(range(min = 1, max = 512))]
    pub maximum_paths: Option<u16>,
}

/// Graceful restart (RFC 4724).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouterGracefulRestart {
    /// Whether it is offered.
    #[serde(default)]
    pub enabled: bool,
    /// Seconds neighbours wait for us. Unset means 120.
    #[schemars(range(min = 1, max = 4095))]
    pub restart_time: Option<u16>,
    /// Seconds we keep a restarting neighbour's routes. Unset means 360.
    #[schemars(range(min = 1, max = 65535))]
    pub stale_path_time: Option<u16>,
}

/// Long-lived graceful restart (RFC 9494).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LongLivedGracefulRestart {
    /// Seconds stale routes are kept.
    #[schemars(range(min = 1, max = 16777215))]
    pub stale_time: u32,
}

pub(crate) const RULES: &[Rule] = &[Rule {
    cel: "!has(self.longLivedGracefulRestart) || (has(self.gracefulRestart) && has(self.gracefulRestart.enabled) && self.gracefulRestart.enabled)",
    message: "longLivedGracefulRestart needs gracefulRestart with enabled: true",
    holds: |v| {
        !has(v, "longLivedGracefulRestart")
            || v.get("gracefulRestart").is_some_and(|g| is_true(g, "enabled"))
    },
}];

/// What became of the router.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BgpRouterStatus {
    /// Pending, Ready or Failed.
    #[schemars(length(max = 32))]
    pub phase: Option<String>,
    /// The generation of the spec this status speaks of.
    pub observed_generation: Option<i64>,
    /// Roles in effect.
    #[serde(default)]
    #[schemars(length(max = 3))]
    pub roles: Vec<RouterRole>,
    /// Counts of the router's peers.
    pub peers: Option<PeerCounts>,
    /// `Accepted`, `Ready`, `RuntimeAvailable`, `ConfigApplied`, `Degraded`, `PeersEstablished`.
    #[serde(default)]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// Counts of a router's peers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeerCounts {
    /// Configured.
    pub total: u32,
    /// Of those, Established.
    pub established: u32,
}
