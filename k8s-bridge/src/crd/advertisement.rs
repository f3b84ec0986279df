//! `BGPAdvertisement`: prefixes to originate.
//!
//! **For**: loopbacks, locators, anycast addresses. **Sits**: namespaced. **How it works**: the fleet
//! shape names an instance, the router shape a router and a family. **References**: RFC 4271
//! section 9.1, RFC 1997.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    common::{AddressFamily, LabelSelector, LocalRef, ProviderEntry},
    rule::{CIDR, Rule, count, filled, has, is, strings, validations},
};

/// Prefixes to originate. Set instanceRef with prefixes (fleet), or routerRef with addressFamily
/// and a source (router).
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bgp.miloapis.com",
    version = "v1alpha1",
    kind = "BGPAdvertisement",
    root = "BgpAdvertisement",
    plural = "bgpadvertisements",
    shortname = "bgpadv",
    namespaced,
    status = "BgpAdvertisementStatus",
    derive = "PartialEq",
    doc = "Prefixes to originate.",
    printcolumn = r#"{"name":"ROUTER","type":"string","jsonPath":".spec.routerRef.name"}"#,
    printcolumn = r#"{"name":"INSTANCE","type":"string","jsonPath":".spec.instanceRef"}"#,
    printcolumn = r#"{"name":"ADDRESS-FAMILY","type":"string","jsonPath":".spec.addressFamily.afi"}"#,
    printcolumn = r#"{"name":"PREFIXES","type":"integer","jsonPath":".status.advertisedPrefixes"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = validations(RULES)))]
pub struct BgpAdvertisementSpec {
    /// Fleet shape: the BGPInstance whose routers announce.
    #[schemars(length(min = 1, max = 253))]
    pub instance_ref: Option<String>,
    /// Router shape: the BGPRouter that announces.
    pub router_ref: Option<LocalRef>,
    /// The family of the prefixes. Required in the router shape.
    pub address_family: Option<AddressFamily>,
    /// Prefixes to announce. Host bits are cleared.
    #[schemars(length(max = 1024), extend("items" = strings(64, CIDR), "x-kubernetes-list-type" = "set"))]
    pub prefixes: Option<Vec<String>>,
    /// Only the BGPPeers with these labels are told. Unset: all peers.
    pub peer_selector: Option<LabelSelector>,
    /// Announce routes of the node's tables.
    #[schemars(length(max = 3), extend("x-kubernetes-list-type" = "set"))]
    pub redistribute: Option<Vec<Redistribute>>,
    /// Announce the addresses of an interface, or of the kernel.
    pub originate_from: Option<OriginateFrom>,
    /// The BGPPolicy the prefixes pass through before they are announced.
    pub policy_ref: Option<LocalRef>,
    /// Communities attached to every prefix: ASN:NN, a large one ASN:NN:NN, or a well-known name
    /// such as no-export.
    #[schemars(length(max = 64), inner(length(min = 1, max = 32)))]
    pub communities: Option<Vec<String>>,
    /// LOCAL_PREF of every prefix, on internal sessions. Unset means 100.
    #[schemars(range(min = 0, max = 4294967295u32))]
    pub local_preference: Option<u32>,
}

/// Which of the node's routes: static, connected or kernel.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Redistribute {
    /// Static routes.
    Static,
    /// Routes of connected networks.
    Connected,
    /// Other routes of the kernel.
    Kernel,
}

/// Where addresses to announce come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = validations(ORIGINATE_FROM)))]
pub struct OriginateFrom {
    /// An interface, or the kernel's table.
    #[serde(rename = "type")]
    pub kind: OriginateFromType,
    /// The interface, with type interface.
    #[schemars(length(min = 1, max = 15))]
    pub interface_name: Option<String>,
}

/// An interface, or the kernel's table.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OriginateFromType {
    /// The addresses of one interface.
    Interface,
    /// The kernel's table.
    Kernel,
}

pub(crate) const ORIGINATE_FROM: &[Rule] = &[Rule {
    cel: "self.type == 'interface' ? has(self.interfaceName) : !has(self.interfaceName)",
    message: "interfaceName is required with type interface and not allowed with type kernel",
    holds: |v| is(v, "type", "interface") == has(v, "interfaceName"),
}];

pub(crate) const RULES: &[Rule] = &[
    Rule {
        cel: "has(self.instanceRef) != has(self.routerRef)",
        message: "exactly one of instanceRef or routerRef must be set",
        holds: |v| count(v, &["instanceRef", "routerRef"]) == 1,
    },
    Rule {
        cel: "!has(self.routerRef) || has(self.addressFamily)",
        message: "addressFamily is required with routerRef",
        holds: |v| !has(v, "routerRef") || has(v, "addressFamily"),
    },
    Rule {
        cel: "!has(self.instanceRef) || (has(self.prefixes) && self.prefixes.size() > 0)",
        message: "prefixes must name at least one prefix with instanceRef",
        holds: |v| !has(v, "instanceRef") || filled(v, "prefixes"),
    },
    Rule {
        cel: "(has(self.prefixes) && self.prefixes.size() > 0) || (has(self.redistribute) && self.redistribute.size() > 0) || has(self.originateFrom)",
        message: "at least one of prefixes, redistribute or originateFrom must be set",
        holds: |v| filled(v, "prefixes") || filled(v, "redistribute") || has(v, "originateFrom"),
    },
];

/// What became of the prefixes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BgpAdvertisementStatus {
    /// The generation of the spec this status speaks of.
    pub observed_generation: Option<i64>,
    /// How many prefixes are originated now.
    pub advertised_prefixes: Option<i32>,
    /// `Accepted`, `Ready`, `Advertised`, `Conflict`, `NotRealised`.
    #[serde(default)]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// One entry a provider, in the fleet shape.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["providerName"]))]
    pub providers: Vec<ProviderEntry>,
}
