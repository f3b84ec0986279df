//! `BGPProvider`: something on one node that runs BGP.
//!
//! **For**: instances and peers select providers by label. **Sits**: cluster-scoped; made by the
//! node agent at start, or written by hand. **How it works**: see the fields.
//! **References**: the manifests of the fleet model.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    common::AddressFamily,
    rule::{Rule, count, has, is, validations},
};

/// One BGP implementation running on one node: the embedded speaker, an FRR or a GoBGP. The label
/// `bgp.miloapis.com/node` says which node.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "providers.bgp.miloapis.com",
    version = "v1alpha1",
    kind = "BGPProvider",
    root = "BgpProvider",
    plural = "bgpproviders",
    shortname = "bgpp",
    status = "BgpProviderStatus",
    derive = "PartialEq",
    doc = "One BGP implementation running on one node.",
    printcolumn = r#"{"name":"Type","type":"string","jsonPath":".spec.type"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = validations(RULES)))]
pub struct BgpProviderSpec {
    /// What it is: Native (the embedded speaker), FRR or GoBGP.
    #[serde(rename = "type")]
    pub kind: ProviderType,
    /// How FRR is reached; with type FRR only.
    pub frr: Option<ProviderEndpoint>,
    /// How GoBGP is reached; with type GoBGP only.
    pub gobgp: Option<ProviderEndpoint>,
}

/// What a provider is: Native (the embedded speaker), FRR or GoBGP.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ProviderType {
    /// The embedded speaker.
    Native,
    /// FRRouting.
    #[serde(rename = "FRR")]
    Frr,
    /// GoBGP.
    #[serde(rename = "GoBGP")]
    GoBgp,
}

/// Where a daemon is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ProviderEndpoint {
    /// `host:port` on this node; unset means `localhost:50051`.
    #[schemars(length(max = 253))]
    pub endpoint: Option<String>,
}

pub(crate) const RULES: &[Rule] = &[
    Rule {
        cel: "self.type == 'Native' || has(self.frr) != has(self.gobgp)",
        message: "exactly one of frr or gobgp must be set",
        holds: |v| is(v, "type", "Native") || count(v, &["frr", "gobgp"]) == 1,
    },
    Rule {
        cel: "self.type == 'FRR' ? has(self.frr) : self.type == 'GoBGP' ? has(self.gobgp) : !has(self.frr) && !has(self.gobgp)",
        message: "type must match the set daemon block: frr with FRR, gobgp with GoBGP, neither with Native",
        holds: |v| {
            if is(v, "type", "FRR") {
                has(v, "frr")
            } else if is(v, "type", "GoBGP") {
                has(v, "gobgp")
            } else {
                count(v, &["frr", "gobgp"]) == 0
            }
        },
    },
];

/// What is known of the provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BgpProviderStatus {
    /// `Ready`, `DeletionBlocked`.
    #[serde(default)]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// What it can do.
    pub capabilities: Option<ProviderCapabilities>,
    /// The endpoint that answered.
    #[schemars(length(max = 253))]
    pub resolved_endpoint: Option<String>,
    /// The daemon that answered.
    #[schemars(length(max = 32))]
    pub daemon: Option<String>,
}

/// What a provider can do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderCapabilities {
    /// Families it can carry.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub address_families: Vec<AddressFamily>,
    /// Whether it can reflect routes.
    pub route_reflection: bool,
    /// Whether it can run BFD.
    pub bfd: bool,
}
