//! `BGPInstance`: the speaker configuration of every provider it selects.
//!
//! **For**: one identity for a fleet. **Sits**: cluster-scoped; peers, advertisements and route
//! policies of the fleet model name it. **How it works**: see the fields.
//! **References**: RFC 4271, RFC 4456.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    common::{AddressFamily, LabelSelector, ProviderEntry},
    rule::{Rule, has, is, validations},
};

/// The speaker configuration (local AS, router ID, families, timers) applied to every provider
/// selected by label.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bgp.miloapis.com",
    version = "v1alpha1",
    kind = "BGPInstance",
    root = "BgpInstance",
    plural = "bgpinstances",
    shortname = "bgpi",
    status = "BgpInstanceStatus",
    derive = "PartialEq",
    doc = "The speaker configuration of every provider it selects.",
    printcolumn = r#"{"name":"AS","type":"integer","jsonPath":".spec.asNumber"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = validations(RULES)))]
pub struct BgpInstanceSpec {
    /// Which BGPProviders get this speaker; empty selects all.
    pub provider_selector: LabelSelector,
    /// Local AS.
    #[schemars(range(min = 1, max = 4294967295u32))]
    pub as_number: u32,
    /// How the router ID is found: Auto (the node's IPv4 InternalIP, else a hash of its IPv6
    /// InternalIP) or Manual (routerID). Unset means Auto.
    #[serde(rename = "routerIDSource")]
    pub router_id_source: Option<RouterIdSource>,
    /// The router ID, with routerIDSource Manual.
    #[serde(rename = "routerID")]
    #[schemars(length(max = 15), extend("format" = "ipv4"))]
    pub router_id: Option<String>,
    /// Families to activate.
    #[schemars(length(min = 1, max = 16))]
    pub address_families: Vec<AddressFamily>,
    /// Defaults for the instance's peers.
    pub timers: Option<DefaultTimers>,
    /// Best-path choices.
    pub best_path: Option<InstanceBestPath>,
    /// TCP port to listen on, -1 for none. Unset means 179.
    #[schemars(range(min = -1, max = 65535))]
    pub listen_port: Option<i32>,
    /// Makes the speaker a route reflector (RFC 4456).
    pub route_reflector: Option<RouteReflector>,
}

/// How the router ID is found: Auto or Manual.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RouterIdSource {
    /// From the node's addresses.
    Auto,
    /// From routerID.
    Manual,
}

/// Defaults for the instance's peers, in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DefaultTimers {
    /// Hold time, at least 3. Unset means 90.
    #[schemars(range(min = 3, max = 65535))]
    pub default_hold_time: Option<u16>,
    /// Keepalive interval. Unset: the smaller of 30 and a third of the hold time.
    #[schemars(range(min = 1, max = 21845))]
    pub default_keepalive: Option<u16>,
}

/// Best-path choices (RFC 4271 section 9.1.2.2).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceBestPath {
    /// Compare MED between different neighbouring ASes too.
    pub always_compare_med: Option<bool>,
    /// Group by neighbouring AS before comparing MED. Unset means true.
    pub deterministic_med: Option<bool>,
    /// Compare router IDs of external paths.
    pub compare_router_id: Option<bool>,
}

/// Route reflection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteReflector {
    /// The cluster ID, written like an IPv4 address.
    #[serde(rename = "clusterID")]
    #[schemars(length(max = 15), extend("format" = "ipv4"))]
    pub cluster_id: String,
}

pub(crate) const RULES: &[Rule] = &[Rule {
    cel: "!has(self.routerIDSource) || self.routerIDSource != 'Manual' || has(self.routerID)",
    message: "routerID is required when routerIDSource is Manual",
    holds: |v| !is(v, "routerIDSource", "Manual") || has(v, "routerID"),
}];

/// What became of the instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BgpInstanceStatus {
    /// `Accepted`, `ProviderNotMatched`, `Conflict`.
    #[serde(default)]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// One entry a provider.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["providerName"]))]
    pub providers: Vec<ProviderEntry>,
}
