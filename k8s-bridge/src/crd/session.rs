//! `BGPSession`: these local providers peer with those remote addresses.
//!
//! **For**: intent about many sessions at once. **Sits**: cluster-scoped; expanded into peers on
//! every provider it selects. **How it works**: the from-side is local, the to-side remote; two
//! one-sided objects make one adjacency. **References**: the manifests of the fleet model.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    common::{AddressFamily, LabelSelector, LocalRef, SecondsTimers},
    rule::{IP, Rule, count, filled, has, validations},
};

/// These local providers peer with those remote addresses; one peer is made for each pair.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bgp.miloapis.com",
    version = "v1alpha1",
    kind = "BGPSession",
    root = "BgpSession",
    plural = "bgpsessions",
    shortname = "bgps",
    status = "BgpSessionStatus",
    derive = "PartialEq",
    doc = "These local providers peer with those remote addresses.",
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = validations(RULES)))]
pub struct BgpSessionSpec {
    /// Which local BGPProviders open sessions.
    pub from_provider_selector: Option<LabelSelector>,
    /// The BGPInstance of the from-side.
    #[schemars(length(min = 1, max = 253))]
    pub from_instance_ref: Option<String>,
    /// The from-side is a device outside the fleet: nothing is generated.
    pub from_external_peer_ref: Option<LocalRef>,
    /// The remote ends.
    #[schemars(length(max = 256))]
    pub to_peers: Option<Vec<SessionPeer>>,
    /// Families of every session.
    #[schemars(length(min = 1, max = 16))]
    pub address_families: Vec<AddressFamily>,
    /// Timers of every session; the instance's where unset.
    pub timers: Option<SecondsTimers>,
    /// Occurrences of the own AS tolerated in received paths.
    #[schemars(range(min = 1, max = 10))]
    pub allow_as_in: Option<u8>,
}

/// One remote end: given by address and AS, or by naming a BGPExternalPeer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = validations(TO_PEER)))]
pub struct SessionPeer {
    /// The neighbour's address.
    #[schemars(length(max = 45), extend("x-kubernetes-validations" = validations(IP)))]
    pub address: Option<String>,
    /// The neighbour's AS.
    #[schemars(range(min = 1, max = 4294967295u32))]
    pub as_number: Option<u32>,
    /// The BGPExternalPeer to take address and AS from.
    pub external_peer_ref: Option<LocalRef>,
    /// The BGPInstance for this peer; overrides fromInstanceRef. Unset means fromInstanceRef.
    #[schemars(length(min = 1, max = 253))]
    pub instance_ref: Option<String>,
    /// Reflect to and from this neighbour (RFC 4456).
    pub route_reflector_client: Option<bool>,
    /// TCP port to dial. Unset means 179.
    #[schemars(range(min = 1, max = 65535))]
    pub remote_port: Option<u16>,
}

pub(crate) const RULES: &[Rule] = &[
    Rule {
        cel: "has(self.fromProviderSelector) != has(self.fromExternalPeerRef)",
        message: "exactly one of fromProviderSelector or fromExternalPeerRef must be set",
        holds: |v| count(v, &["fromProviderSelector", "fromExternalPeerRef"]) == 1,
    },
    Rule {
        cel: "!has(self.fromProviderSelector) || (has(self.fromInstanceRef) && has(self.toPeers))",
        message: "fromInstanceRef and toPeers are required with fromProviderSelector",
        holds: |v| {
            !has(v, "fromProviderSelector") || count(v, &["fromInstanceRef", "toPeers"]) == 2
        },
    },
    Rule {
        cel: "self.addressFamilies.size() > 0",
        message: "addressFamilies must name at least one family",
        holds: |v| filled(v, "addressFamilies"),
    },
];

pub(crate) const TO_PEER: &[Rule] = &[Rule {
    cel: "has(self.externalPeerRef) ? !has(self.address) && !has(self.asNumber) : has(self.address) && has(self.asNumber)",
    message: "set either externalPeerRef, or address and asNumber",
    holds: |v| {
        let given = count(v, &["address", "asNumber"]);
        if has(v, "externalPeerRef") { given == 0 } else { given == 2 }
    },
}];

/// What became of the session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BgpSessionStatus {
    /// `Accepted`, `PeersReconciled`.
    #[serde(default)]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Counts of the local side.
    pub from_side: Option<FromSide>,
    /// Counts of the remote side.
    pub to_side: Option<ToSide>,
}

/// Counts of the local side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FromSide {
    /// Providers selected.
    pub matched_providers: u32,
    /// Peers made.
    pub generated_peers: u32,
}

/// Counts of the remote side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ToSide {
    /// Remote ends listed.
    pub peer_count: u32,
}
