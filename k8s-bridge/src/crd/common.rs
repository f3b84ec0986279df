//! Parts that several kinds share.
//!
//! **For**: one definition, one schema, one set of rules. **Sits**: used by every kind's file.
//! **How it works**: plain serde structs; field documentation is what `kubectl explain` shows.
//! **Invariants**: every string and list is bounded, which the CEL cost budget needs.
//! **References**: Kubernetes API conventions; RFC 4760 (families).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::{Rule, count, filled, is, validations};

/// Selects objects by their labels: all of `matchLabels` and all of `matchExpressions` must hold.
/// An empty selector selects everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct LabelSelector {
    /// Labels the object must carry with exactly these values.
    #[schemars(extend("maxProperties" = 64, "additionalProperties" = {"type": "string", "maxLength": 63}))]
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Further requirements.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub match_expressions: Vec<LabelRequirement>,
}

/// One requirement of a selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = validations(REQUIREMENT)))]
pub struct LabelRequirement {
    /// The label concerned.
    #[schemars(length(min = 1, max = 317))]
    pub key: String,
    /// How the label is compared: In and NotIn with values, Exists and DoesNotExist without.
    pub operator: SelectorOperator,
    /// Values to compare with.
    #[serde(default)]
    #[schemars(length(max = 64), inner(length(max = 63)))]
    pub values: Vec<String>,
}

/// How a label is compared: In and NotIn with values, Exists and DoesNotExist without.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SelectorOperator {
    /// The label has one of the values.
    In,
    /// The label is absent or has none of the values.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
}

pub(crate) const REQUIREMENT: &[Rule] = &[Rule {
    cel: "self.operator in ['In', 'NotIn'] ? has(self.values) && self.values.size() > 0 : !has(self.values) || self.values.size() == 0",
    message: "values are needed with In and NotIn, and not allowed with Exists and DoesNotExist",
    holds: |v| {
        let needed = is(v, "operator", "In") || is(v, "operator", "NotIn");
        needed == filled(v, "values")
    },
}];

/// An address family, in either spelling: `IPv6`/`Unicast` or `ipv6`/`unicast`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("x-kubernetes-validations" = validations(ADDRESS_FAMILY)))]
pub struct AddressFamily {
    /// Address Family Identifier.
    pub afi: Afi,
    /// Subsequent Address Family Identifier.
    pub safi: Safi,
}

/// Address Family Identifier, in either spelling.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Afi {
    /// IPv4.
    #[serde(rename = "ipv4")]
    Ipv4,
    /// IPv6.
    #[serde(rename = "ipv6")]
    Ipv6,
    /// L2VPN.
    #[serde(rename = "l2vpn")]
    L2vpn,
    /// IPv4.
    #[serde(rename = "IPv4")]
    UpperIpv4,
    /// IPv6.
    #[serde(rename = "IPv6")]
    UpperIpv6,
    /// L2VPN.
    #[serde(rename = "L2VPN")]
    UpperL2vpn,
}

/// Subsequent Address Family Identifier, in either spelling.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Safi {
    /// Unicast.
    #[serde(rename = "unicast")]
    Unicast,
    /// VPN unicast (SAFI 128).
    #[serde(rename = "vpn")]
    Vpn,
    /// EVPN.
    #[serde(rename = "evpn")]
    Evpn,
    /// Unicast with MPLS labels (SAFI 4).
    #[serde(rename = "labeled-unicast")]
    Labeled,
    /// Route target membership (SAFI 132), with afi ipv4.
    #[serde(rename = "route-target")]
    RouteTarget,
    /// Unicast.
    #[serde(rename = "Unicast")]
    UpperUnicast,
    /// VPN unicast (SAFI 128).
    #[serde(rename = "VPNUnicast")]
    UpperVpn,
    /// EVPN.
    #[serde(rename = "EVPN")]
    UpperEvpn,
}

impl AddressFamily {
    /// The family, whichever way it is spelt; `None` for a combination that does not exist, which
    /// the upper-case spelling admits.
    pub fn family(self) -> Option<intent::Family> {
        use intent::Family;
        match (self.afi, self.safi) {
            (Afi::Ipv4 | Afi::UpperIpv4, Safi::Unicast | Safi::UpperUnicast) => {
                Some(Family::Ipv4Unicast)
            }
            (Afi::Ipv6 | Afi::UpperIpv6, Safi::Unicast | Safi::UpperUnicast) => {
                Some(Family::Ipv6Unicast)
            }
            (Afi::Ipv4 | Afi::UpperIpv4, Safi::Vpn | Safi::UpperVpn) => Some(Family::Ipv4Vpn),
            (Afi::Ipv6 | Afi::UpperIpv6, Safi::Vpn | Safi::UpperVpn) => Some(Family::Ipv6Vpn),
            (Afi::L2vpn | Afi::UpperL2vpn, Safi::Evpn | Safi::UpperEvpn) => Some(Family::L2vpnEvpn),
            (Afi::Ipv4 | Afi::UpperIpv4, Safi::Labeled) => Some(Family::Ipv4Labeled),
            (Afi::Ipv6 | Afi::UpperIpv6, Safi::Labeled) => Some(Family::Ipv6Labeled),
            (Afi::Ipv4 | Afi::UpperIpv4, Safi::RouteTarget) => Some(Family::Ipv4RouteTarget),
            _ => None,
        }
    }
}

pub(crate) const ADDRESS_FAMILY: &[Rule] = &[
    Rule {
        cel: "self.afi in ['ipv4', 'ipv6'] ? self.safi in ['unicast', 'vpn', 'labeled-unicast'] || (self.afi == 'ipv4' && self.safi == 'route-target') : true",
        message: "ipv4, ipv6 go with unicast, vpn, labeled-unicast; ipv4 with route-target",
        holds: |v| {
            let safi = |name| is(v, "safi", name);
            !(is(v, "afi", "ipv4") || is(v, "afi", "ipv6"))
                || ["unicast", "vpn", "labeled-unicast"].into_iter().any(safi)
                || (is(v, "afi", "ipv4") && safi("route-target"))
        },
    },
    Rule {
        cel: "self.afi == 'l2vpn' ? self.safi == 'evpn' : true",
        message: "afi l2vpn goes with safi evpn",
        holds: |v| !is(v, "afi", "l2vpn") || is(v, "safi", "evpn"),
    },
];

/// Names an object in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocalRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Names one key of a Secret in the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretKeyRef {
    /// The Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key within it.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

/// For kinds that go with one router by name or with several by label.
pub(crate) const ROUTER_TARGET: &[Rule] = &[Rule {
    cel: "has(self.routerRef) != has(self.routerSelector)",
    message: "Exactly one of routerRef or routerSelector must be set",
    holds: |v| count(v, &["routerRef", "routerSelector"]) == 1,
}];

/// Timers in whole seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecondsTimers {
    /// Hold time in seconds, at least 3. Unset: the instance's, else 90.
    #[schemars(range(min = 3, max = 65535))]
    pub hold_time: Option<u16>,
    /// Keepalive interval in seconds, at most a third of the hold time. Unset: the smaller of 30
    /// and a third of the hold time.
    #[schemars(range(min = 1, max = 21845))]
    pub keepalive: Option<u16>,
}

/// How an object fares on one provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderEntry {
    /// Which provider.
    #[schemars(length(max = 253))]
    pub provider_name: String,
    /// What it is: Native, FRR or GoBGP.
    #[schemars(length(max = 32))]
    pub daemon: Option<String>,
    /// Conditions on this provider.
    #[serde(default)]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// What the configuration came to.
    pub resolved_config: Option<ResolvedConfig>,
}

/// How an object fares on one router.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouterEntry {
    /// Which router.
    #[schemars(length(max = 253))]
    pub router_name: String,
    /// Conditions on this router.
    #[serde(default)]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// State of the session on this router, for peers.
    #[schemars(length(max = 32))]
    pub session_state: Option<String>,
    /// What the configuration came to.
    pub resolved_config: Option<ResolvedConfig>,
}

/// What a configuration came to, once everything was filled in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedConfig {
    /// BGP identifier.
    #[serde(rename = "routerID")]
    #[schemars(length(max = 15))]
    pub router_id: Option<String>,
    /// Listening port; -1 when it never listens.
    pub listen_port: Option<i32>,
    /// AS number.
    pub as_number: Option<u32>,
    /// Families in use.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub address_families: Vec<AddressFamily>,
    /// Timers in seconds.
    pub timers: Option<ResolvedTimers>,
    /// Neighbour's address.
    #[schemars(length(max = 64))]
    pub address: Option<String>,
    /// iBGP or eBGP.
    #[schemars(length(max = 8))]
    pub session_type: Option<String>,
    /// Occurrences of the own AS tolerated.
    pub allow_as_in: Option<u8>,
    /// Whether the session waits for the neighbour.
    pub passive: Option<bool>,
    /// Whether a password protects the session.
    pub password_configured: Option<bool>,
    /// Prefixes originated.
    #[serde(default)]
    #[schemars(length(max = 1024), inner(length(max = 64)))]
    pub resolved_prefixes: Vec<String>,
}

/// Timers in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedTimers {
    /// Hold time.
    pub hold_time: u16,
    /// Keepalive interval.
    pub keepalive: u16,
}
