//! `BGPPolicy`: import or export terms for routers.
//!
//! **For**: policy in the router model. **Sits**: namespaced. **How it works**: terms ascend by
//! sequence; the first that matches decides; with any policy attached, no match means deny.
//! **References**: RFC 4271 sections 5.1 and 9, RFC 1997, RFC 4360, RFC 8092.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    common::{AddressFamily, LabelSelector, LocalRef, ROUTER_TARGET, RouterEntry},
    peer_parts::RouteOrigin,
    rule::{CIDR, Rule, count, filled, has, is, is_true, strings, validations},
};

/// Import or export terms for routers. Set routerRef or routerSelector.
#[derive(CustomResource, Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bgp.miloapis.com",
    version = "v1alpha1",
    kind = "BGPPolicy",
    root = "BgpPolicy",
    plural = "bgppolicies",
    shortname = "bgpp",
    shortname = "bgppol",
    namespaced,
    status = "BgpPolicyStatus",
    derive = "PartialEq",
    doc = "Import or export terms for routers.",
    printcolumn = r#"{"name":"DIRECTION","type":"string","jsonPath":".spec.direction"}"#,
    printcolumn = r#"{"name":"TERMS","type":"string","jsonPath":".spec.terms[*].sequence"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = both(ROUTER_TARGET, RULES)))]
pub struct BgpPolicySpec {
    /// The BGPRouter concerned.
    pub router_ref: Option<LocalRef>,
    /// The BGPRouters concerned.
    pub router_selector: Option<LabelSelector>,
    /// import or export.
    pub direction: Direction,
    /// Ascending by sequence; the first that matches decides; no match denies.
    #[schemars(length(min = 1, max = 32))]
    pub terms: Vec<PolicyTerm>,
}

/// import or export.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Routes from neighbours.
    Import,
    /// Routes to neighbours.
    Export,
}

/// Conditions that must all hold, and what then happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = validations(TERM)))]
pub struct PolicyTerm {
    /// Place among the terms; unique in the policy.
    #[schemars(range(min = 1, max = 65535))]
    pub sequence: u16,
    /// permit or deny.
    pub action: TermAction,
    /// All conditions given must hold; none at all matches every route.
    #[serde(rename = "match")]
    pub matches: TermMatch,
    /// Changes to a permitted route.
    pub set: Option<TermSet>,
}

/// permit or deny.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TermAction {
    /// The route passes.
    Permit,
    /// The route stops.
    Deny,
}

/// Conditions on a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = validations(MATCH)))]
pub struct TermMatch {
    /// Every route; no other condition may be given.
    pub any: Option<bool>,
    /// The route's family is one of these; empty means every family.
    #[schemars(length(max = 8))]
    pub address_families: Option<Vec<AddressFamily>>,
    /// The prefix equals one of these or is more specific.
    #[schemars(length(max = 256), extend("items" = strings(43, CIDR)))]
    pub prefix_list: Option<Vec<String>>,
    /// The AS path matches.
    pub as_path_filter: Option<AsPathFilter>,
    /// At least one of these communities is attached: ASN:NN, ASN:NN:NN, or a well-known name.
    #[schemars(length(max = 32), inner(length(min = 1, max = 32)))]
    pub community_match: Option<Vec<String>>,
    /// The EVPN route type is one of these.
    #[schemars(length(max = 5))]
    pub evpn_route_type: Option<Vec<EvpnRouteType>>,
    /// The VXLAN network identifier of an EVPN route.
    #[schemars(range(min = 0, max = 16777215))]
    pub vni: Option<u32>,
    /// The MAC address of an EVPN route.
    #[schemars(length(max = 17), regex(pattern = r"^([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}$"))]
    pub mac_address: Option<String>,
    /// The prefix is exactly this one.
    #[schemars(length(max = 43), extend("x-kubernetes-validations" = validations(CIDR)))]
    pub ip_prefix: Option<String>,
    /// LOCAL_PREF is exactly this.
    #[schemars(range(min = 0, max = 4294967295u32))]
    pub local_preference: Option<u32>,
    /// MULTI_EXIT_DISC is exactly this.
    #[schemars(range(min = 0, max = 4294967295u32))]
    pub med: Option<u32>,
}

/// A regular expression over the AS path: plain decimals with one blank between, the nearest AS
/// first, sets as {65003 65004}; _ stands for a boundary of numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AsPathFilter {
    /// The expression.
    #[schemars(length(min = 1, max = 256))]
    pub pattern: String,
    /// full: the whole path; contains: a part of it. Unset means contains.
    pub match_type: Option<AsPathMatchType>,
}

/// full: the whole path; contains: a part of it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AsPathMatchType {
    /// The whole path.
    Full,
    /// A part of it.
    Contains,
}

/// An EVPN route type.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EvpnRouteType {
    /// Type 3.
    #[serde(rename = "inclusiveMulticastEthernetTag")]
    InclusiveMulticastEthernetTag,
    /// Type 2.
    #[serde(rename = "macIPAdvertisement")]
    MacIpAdvertisement,
    /// Type 5, IPv4.
    #[serde(rename = "iPPrefixAdvertisement")]
    IpPrefixAdvertisement,
    /// Type 2 with the sticky bit.
    #[serde(rename = "stickyMACAddress")]
    StickyMacAddress,
    /// Type 5, IPv6.
    #[serde(rename = "iPv6PrefixAdvertisement")]
    Ipv6PrefixAdvertisement,
}

/// Changes to a permitted route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TermSet {
    /// Add and remove communities.
    pub communities: Option<CommunityChange>,
    /// Set LOCAL_PREF; internal sessions only.
    #[schemars(range(min = 0, max = 4294967295u32))]
    pub local_preference: Option<u32>,
    /// Set ORIGIN.
    pub origin: Option<RouteOrigin>,
    /// Change the AS path.
    pub as_path: Option<AsPathChange>,
    /// Change the next hop, on export.
    pub next_hop: Option<NextHopChange>,
    /// Add and remove extended communities: rt:ASN:NN, soo:ASN:NN or 16 hexadecimal digits.
    pub ext_communities: Option<ExtCommunityChange>,
    /// Set MULTI_EXIT_DISC.
    #[schemars(range(min = 0, max = 4294967295u32))]
    pub metric: Option<u32>,
    /// Set the Color community, in place of others.
    #[schemars(range(min = 0, max = 4294967295u32))]
    pub color: Option<u32>,
    /// SRv6 endpoint behavior, such as End.DT6.
    #[serde(rename = "srv6EndpointBehavior")]
    #[schemars(length(max = 64))]
    pub srv6_endpoint_behavior: Option<String>,
}

/// Communities to add and remove: ASN:NN, ASN:NN:NN, or a well-known name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CommunityChange {
    /// To add.
    #[schemars(length(max = 32), inner(length(min = 1, max = 32)))]
    pub add: Option<Vec<String>>,
    /// To remove.
    #[schemars(length(max = 32), inner(length(min = 1, max = 32)))]
    pub remove: Option<Vec<String>>,
}

/// Extended communities to add and remove.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExtCommunityChange {
    /// To add.
    #[schemars(
        length(max = 32),
        inner(length(min = 1, max = 64), regex(pattern = r"^((rt|soo):)?[0-9a-fA-F:.]+$"))
    )]
    pub add: Option<Vec<String>>,
    /// To remove.
    #[schemars(
        length(max = 32),
        inner(length(min = 1, max = 64), regex(pattern = r"^((rt|soo):)?[0-9a-fA-F:.]+$"))
    )]
    pub remove: Option<Vec<String>>,
}

/// A change of the AS path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = validations(AS_PATH)))]
pub struct AsPathChange {
    /// How many times to prepend.
    #[schemars(range(min = 1, max = 10))]
    pub prepend: Option<u8>,
    /// Which AS to prepend. Unset: the router's own.
    #[schemars(range(min = 1, max = 4294967295u32))]
    pub asn: Option<u32>,
    /// The path to put in place of the old one.
    #[schemars(length(max = 32), inner(range(min = 1, max = 4294967295u32)))]
    pub replace: Option<Vec<u32>>,
}

/// A change of the next hop.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = validations(NEXT_HOP)))]
pub struct NextHopChange {
    /// The router's address on the session.
    #[serde(rename = "self")]
    pub own: Option<bool>,
    /// This address.
    #[schemars(length(max = 45))]
    pub address: Option<String>,
}

pub(crate) const RULES: &[Rule] = &[Rule {
    cel: "self.terms.all(t1, self.terms.filter(t2, t2.sequence == t1.sequence).size() == 1)",
    message: "each term needs a sequence of its own",
    holds: |v| {
        let terms = v.get("terms").and_then(Value::as_array);
        let sequences = terms.into_iter().flatten().map(|t| t.get("sequence"));
        let all: Vec<_> = sequences.collect();
        all.iter().enumerate().all(|(i, s)| !all.iter().take(i).any(|earlier| earlier == s))
    },
}];

pub(crate) const TERM: &[Rule] = &[Rule {
    cel: "self.action == 'deny' ? !has(self.set) : true",
    message: "set is allowed on permit terms only",
    holds: |v| !is(v, "action", "deny") || !has(v, "set"),
}];

pub(crate) const MATCH: &[Rule] = &[Rule {
    cel: "!has(self.any) || !self.any || ((!has(self.addressFamilies) || self.addressFamilies.size() == 0) && (!has(self.prefixList) || self.prefixList.size() == 0) && !has(self.asPathFilter) && (!has(self.communityMatch) || self.communityMatch.size() == 0) && (!has(self.evpnRouteType) || self.evpnRouteType.size() == 0) && !has(self.vni) && !has(self.macAddress) && !has(self.ipPrefix) && !has(self.localPreference) && !has(self.med))",
    message: "any: true matches every route: remove the other conditions, or any",
    holds: |v| {
        let lists = ["addressFamilies", "prefixList", "communityMatch", "evpnRouteType"];
        let single = ["asPathFilter", "vni", "macAddress", "ipPrefix", "localPreference", "med"];
        let others = count(v, &single) > 0 || lists.iter().any(|list| filled(v, list));
        !is_true(v, "any") || !others
    },
}];

pub(crate) const AS_PATH: &[Rule] = &[Rule {
    cel: "!has(self.prepend) || !has(self.replace) || self.replace.size() == 0",
    message: "prepend and replace exclude each other: keep one",
    holds: |v| !(has(v, "prepend") && filled(v, "replace")),
}];

pub(crate) const NEXT_HOP: &[Rule] = &[Rule {
    cel: "!has(self.self) || !self.self || !has(self.address) || self.address.size() == 0",
    message: "self and address exclude each other: keep one",
    holds: |v| !(is_true(v, "self") && filled(v, "address")),
}];

fn both(a: &[Rule], b: &[Rule]) -> Value {
    let (Value::Array(mut a), Value::Array(b)) = (validations(a), validations(b)) else {
        unreachable!("validations are lists")
    };
    a.extend(b);
    Value::Array(a)
}

/// What became of the policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BgpPolicyStatus {
    /// The generation of the spec this status speaks of.
    pub observed_generation: Option<i64>,
    /// `Accepted`, `Ready`, `PolicyApplied`, `NotRealised`.
    #[serde(default)]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// One entry a router.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["routerName"]))]
    pub routers: Vec<RouterEntry>,
}
