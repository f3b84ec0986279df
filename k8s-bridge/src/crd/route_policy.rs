//! `BGPRoutePolicy`: ordered import and export statements for an instance.
//!
//! **For**: policy in the fleet model. **Sits**: cluster-scoped. **How it works**: see the fields.
//! **References**: RFC 4271 section 9, RFC 1997.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::{LabelSelector, ProviderEntry};

/// Ordered import and export statements for the routers of an instance. The first statement that
/// matches decides; a route that none matches is rejected.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bgp.miloapis.com",
    version = "v1alpha1",
    kind = "BGPRoutePolicy",
    root = "BgpRoutePolicy",
    plural = "bgproutepolicies",
    shortname = "bgprp",
    status = "BgpRoutePolicyStatus",
    derive = "PartialEq",
    doc = "Ordered import and export statements for an instance.",
    printcolumn = r#"{"name":"Instance","type":"string","jsonPath":".spec.instanceRef"}"#,
    printcolumn = r#"{"name":"Priority","type":"integer","jsonPath":".spec.priority"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct BgpRoutePolicySpec {
    /// The BGPInstance concerned.
    #[schemars(length(min = 1, max = 253))]
    pub instance_ref: String,
    /// Only towards the BGPPeers with these labels. Unset: all peers of the instance.
    pub peer_selector: Option<LabelSelector>,
    /// Place among the policies of one instance: ascending, then by name. Unset means 100.
    #[schemars(range(min = 0, max = 1000))]
    pub priority: Option<u16>,
    /// What may come in.
    #[schemars(length(max = 64))]
    pub import_statements: Option<Vec<RouteStatement>>,
    /// What may go out.
    #[schemars(length(max = 64))]
    pub export_statements: Option<Vec<RouteStatement>>,
}

/// Conditions that must all hold, and what then happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RouteStatement {
    /// Shown when the statement decides.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Conditions; none at all matches every route.
    pub conditions: Option<RouteConditions>,
    /// What happens to a route that matches.
    pub actions: RouteActions,
}

/// Conditions on a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteConditions {
    /// Prefixes, each written out (10.0.0.0/24) and matched exactly; any of them matches.
    #[schemars(length(max = 256), inner(length(max = 253)))]
    pub prefix_sets: Option<Vec<String>>,
    /// A community, written out (65000:1, 65000:1:2 or a well-known name).
    #[schemars(length(max = 253))]
    pub community_set: Option<String>,
    /// The next hop as received is this address, or lies in this prefix.
    #[schemars(length(max = 253))]
    pub next_hop_set: Option<String>,
}

/// What happens to a route that matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteActions {
    /// Accept or Reject.
    pub route_disposition: RouteDisposition,
    /// Change the communities.
    pub set_community: Option<SetCommunity>,
    /// Set LOCAL_PREF.
    #[schemars(range(min = 0, max = 4294967295u32))]
    pub set_local_preference: Option<u32>,
    /// Set MULTI_EXIT_DISC.
    #[serde(rename = "setMED")]
    #[schemars(range(min = 0, max = 4294967295u32))]
    pub set_med: Option<u32>,
    /// Set the next hop, on export: an address, or `self`.
    #[schemars(length(min = 1, max = 45))]
    pub set_next_hop: Option<String>,
}

/// Accept or Reject.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RouteDisposition {
    /// The route passes.
    Accept,
    /// The route stops.
    Reject,
}

/// A change of communities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetCommunity {
    /// Communities: ASN:NN, a large one ASN:NN:NN, or a well-known name.
    #[schemars(length(max = 64), inner(length(min = 1, max = 32)))]
    pub communities: Vec<String>,
    /// Add, Replace or Remove.
    pub method: SetCommunityMethod,
}

/// Add, Replace or Remove.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SetCommunityMethod {
    /// Add to what is there.
    Add,
    /// Replace what is there, of each kind that is listed; an empty list removes all.
    Replace,
    /// Remove from what is there.
    Remove,
}

/// What became of the policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BgpRoutePolicyStatus {
    /// `Accepted`, `InstanceNotFound`, `NotRealised`.
    #[serde(default)]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// One entry a provider.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["providerName"]))]
    pub providers: Vec<ProviderEntry>,
}
