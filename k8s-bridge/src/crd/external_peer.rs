//! `BGPExternalPeer`: a registry entry for a device outside the fleet.
//!
//! **For**: writing a top-of-rack switch's address and AS once. **Sits**: cluster-scoped; sessions
//! name it. **How it works**: see the fields. **References**: the manifests of the fleet model.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::{IP, validations};

/// A device outside the fleet, such as a top-of-rack switch or an upstream router.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bgp.miloapis.com",
    version = "v1alpha1",
    kind = "BGPExternalPeer",
    root = "BgpExternalPeer",
    plural = "bgpexternalpeers",
    shortname = "bgpep",
    status = "BgpExternalPeerStatus",
    derive = "PartialEq",
    doc = "A device outside the fleet.",
    printcolumn = r#"{"name":"Address","type":"string","jsonPath":".spec.address"}"#,
    printcolumn = r#"{"name":"AS","type":"integer","jsonPath":".spec.asNumber"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct BgpExternalPeerSpec {
    /// Its address.
    #[schemars(length(max = 45), extend("x-kubernetes-validations" = validations(IP)))]
    pub address: String,
    /// Its AS.
    #[schemars(range(min = 1, max = 4294967295u32))]
    pub as_number: u32,
    /// What it is, for people.
    #[schemars(length(max = 256))]
    pub description: Option<String>,
}

/// Who refers to the device.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BgpExternalPeerStatus {
    /// `InUse`, `DeletionBlocked`.
    #[serde(default)]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// How many sessions name it.
    pub referenced_by: Option<u32>,
    /// Names of the first 50 of them.
    #[serde(default)]
    #[schemars(length(max = 50), inner(length(max = 253)))]
    pub referenced_by_list: Vec<String>,
}
