//! `BGPPeer`: one neighbour, in the fleet model's shape or the router model's.
//!
//! **For**: a session. **Sits**: namespaced. **How it works**: the fleet shape has `instanceRef` with
//! `providerRef` or `providerSelector`; the router shape has `routerRef` or `routerSelector`.
//! Everything else goes with either. Where the two models spell one thing twice, one spelling is
//! allowed per object. **References**: RFC 4271, RFC 2385, RFC 5082, RFC 5880, RFC 7911, RFC 8326,
//! RFC 8950, RFC 8654, RFC 9003, RFC 9234.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use kube::CustomResource;

use super::{
    common::{AddressFamily, LabelSelector, LocalRef, SecondsTimers, SecretKeyRef},
    peer_parts::{
        AddPaths, Bfd, MaximumPrefix, PeerGracefulRestart, PeerRole, PlainPassword, RemoteAs,
        RouteOrigin, Shutdown, TcpAo,
    },
    peer_status::BgpPeerStatus,
    rule::{CIDR, HOLD_TIME, IP, KEEPALIVE_TIME, Rule, count, filled, has, validations},
};

/// One neighbour. Set instanceRef with providerRef or providerSelector (fleet), or routerRef or
/// routerSelector (router).
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "bgp.miloapis.com",
    version = "v1alpha1",
    kind = "BGPPeer",
    root = "BgpPeer",
    plural = "bgppeers",
    shortname = "bgppr",
    namespaced,
    status = "BgpPeerStatus",
    derive = "PartialEq",
    doc = "One BGP neighbour.",
    printcolumn = r#"{"name":"ROUTER","type":"string","jsonPath":".spec.routerRef.name"}"#,
    printcolumn = r#"{"name":"PEER-ADDRESS","type":"string","jsonPath":".spec.address"}"#,
    printcolumn = r#"{"name":"PEER-ASN","type":"integer","jsonPath":".spec.peerASN"}"#,
    printcolumn = r#"{"name":"STATE","type":"string","jsonPath":".status.sessionState"}"#,
    printcolumn = r#"{"name":"UPTIME","type":"string","priority":1,"jsonPath":".status.uptime"}"#,
    printcolumn = r#"{"name":"AGE","type":"date","jsonPath":".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = validations(RULES)))]
pub struct BgpPeerSpec {
    /// Fleet shape: the BGPInstance this peer belongs to.
    #[schemars(length(min = 1, max = 253))]
    pub instance_ref: Option<String>,
    /// Fleet shape: the one BGPProvider that has this peer.
    #[schemars(length(min = 1, max = 253))]
    pub provider_ref: Option<String>,
    /// Fleet shape: the BGPProviders that have this peer.
    pub provider_selector: Option<LabelSelector>,
    /// Router shape: the BGPRouter that has this peer.
    pub router_ref: Option<LocalRef>,
    /// Router shape: the BGPRouters that have this peer.
    pub router_selector: Option<LabelSelector>,

    /// The neighbour's address. A link-local address needs updateSource to name the interface.
    #[schemars(length(max = 45), extend("x-kubernetes-validations" = validations(IP)))]
    pub address: Option<String>,
    /// Unnumbered: the interface on whose far end the neighbour is.
    #[schemars(length(min = 1, max = 15), regex(pattern = r"^[^/:\s]+$"))]
    pub interface: Option<String>,
    /// Dynamic neighbours: accept whoever connects from this prefix.
    #[schemars(length(max = 43), extend("x-kubernetes-validations" = validations(CIDR)))]
    pub address_range: Option<String>,
    /// With addressRange: most neighbours at a time. Unset means 100.
    #[schemars(range(min = 1, max = 10000))]
    pub address_range_limit: Option<u32>,

    /// The neighbour's AS (router model's spelling).
    #[serde(rename = "peerASN")]
    #[schemars(range(min = 1, max = 4294967295u32))]
    pub peer_asn: Option<u32>,
    /// The neighbour's AS (fleet model's spelling).
    #[schemars(range(min = 1, max = 4294967295u32))]
    pub as_number: Option<u32>,
    /// The neighbour's AS by relation: external (any but ours) or internal (ours).
    #[serde(rename = "remoteAS")]
    pub remote_as: Option<RemoteAs>,

    /// What the neighbour is, for people.
    #[schemars(length(max = 256))]
    pub description: Option<String>,
    /// Families to negotiate. Required in the router shape; unset in the fleet shape means the
    /// instance's.
    #[schemars(length(max = 16))]
    pub address_families: Option<Vec<AddressFamily>>,

    /// Timers in seconds (fleet model's spelling).
    pub timers: Option<SecondsTimers>,
    /// Hold time: 0s switches it off, else at least 3s. Unset: the router's, else 90s.
    #[schemars(length(max = 32), extend("x-kubernetes-validations" = validations(HOLD_TIME)))]
    pub hold_time: Option<String>,
    /// Keepalive interval, at most a third of the hold time. Unset: the smaller of 30s and a third
    /// of the hold time.
    #[schemars(length(max = 32), extend("x-kubernetes-validations" = validations(KEEPALIVE_TIME)))]
    pub keepalive_time: Option<String>,

    /// Wait for the neighbour to connect.
    pub passive: Option<bool>,
    /// TCP port to dial. Unset means 179.
    #[schemars(range(min = 1, max = 65535))]
    pub remote_port: Option<u16>,
    /// Our end of the session: an address of this node, or an interface.
    #[schemars(length(min = 1, max = 45))]
    pub update_source: Option<String>,
    /// Interface or VRF device the connection is bound to.
    #[schemars(length(min = 1, max = 15), regex(pattern = r"^[^/:\s]+$"))]
    pub bind_device: Option<String>,
    /// External neighbour several hops away: the TTL of our packets (fleet model's spelling).
    #[schemars(range(min = 1, max = 255))]
    pub ebgp_multihop: Option<u8>,
    /// External neighbour several hops away: true sets TTL 64 (router model's spelling).
    pub ebgp_multi_hop: Option<bool>,
    /// Minimum TTL accepted from the neighbour (RFC 5082); 255 for a neighbour on the link.
    #[schemars(range(min = 1, max = 255))]
    pub ttl_security: Option<u8>,

    /// TCP MD5 password (RFC 2385): one key of a Secret in this namespace.
    pub password_secret_ref: Option<SecretKeyRef>,
    /// TCP MD5 password (RFC 2385): key `password` of a Secret in this namespace.
    pub auth_secret_ref: Option<LocalRef>,
    /// Password in plain text, for trials only; authSecretRef wins.
    pub authentication: Option<PlainPassword>,
    /// TCP Authentication Option (RFC 5925).
    #[serde(rename = "tcpAO")]
    pub tcp_ao: Option<TcpAo>,

    /// Occurrences of our own AS tolerated in received paths (fleet model's spelling).
    #[schemars(range(min = 1, max = 10))]
    pub allow_as_in: Option<u8>,
    /// Occurrences of our own AS tolerated in received paths (other spelling).
    #[serde(rename = "allowASIn")]
    #[schemars(range(min = 1, max = 10))]
    pub allow_asin: Option<u8>,
    /// Reflect to and from this neighbour (RFC 4456).
    pub route_reflector_client: Option<bool>,
    /// Announce learned routes with our own address as next hop.
    pub next_hop_self: Option<bool>,
    /// Announce routes with the next hop they were received with.
    pub next_hop_unchanged: Option<bool>,
    /// Strip private AS numbers towards this external neighbour; a value other than 0 replaces
    /// each with that number.
    #[serde(rename = "removePrivateAS")]
    #[schemars(range(min = 0, max = 4294967295u32))]
    pub remove_private_as: Option<u32>,
    /// Announce a default route to this neighbour, with this ORIGIN.
    pub default_origin_route: Option<RouteOrigin>,
    /// BGPPolicy with direction import, applied after the router's own policies.
    #[schemars(length(min = 1, max = 253))]
    pub route_map_in: Option<String>,
    /// BGPPolicy with direction export, applied after the router's own policies.
    #[schemars(length(min = 1, max = 253))]
    pub route_map_out: Option<String>,
    /// Bound on accepted prefixes. Unset: 100000, and no more accepted beyond.
    pub maximum_prefix: Option<MaximumPrefix>,

    /// Show this AS to the neighbour instead of the router's.
    #[serde(rename = "localASN")]
    #[schemars(range(min = 1, max = 4294967295u32))]
    pub local_asn: Option<u32>,
    /// With localASN: do not prepend it to received paths.
    #[serde(rename = "localASNoPrepend")]
    pub local_as_no_prepend: Option<bool>,
    /// With localASN: do not prepend the router's AS to sent paths.
    #[serde(rename = "localASReplace")]
    pub local_as_replace: Option<bool>,
    /// Several paths for one prefix (RFC 7911).
    pub add_paths: Option<AddPaths>,
    /// Our role towards the neighbour (RFC 9234).
    pub role: Option<PeerRole>,
    /// With role: refuse a neighbour that does not show one.
    pub strict_role: Option<bool>,
    /// IPv4 routes with IPv6 next hops (RFC 8950). Unset: on for interface and IPv6 sessions.
    pub extended_next_hop: Option<bool>,
    /// Messages up to 65535 octets (RFC 8654). Unset means true.
    pub extended_message: Option<bool>,
    /// BFD (RFC 5880 to 5883).
    pub bfd: Option<Bfd>,
    /// Graceful restart (RFC 4724).
    pub graceful_restart: Option<PeerGracefulRestart>,
    /// One BFD session per address family. Not done, one watches all of them.
    pub multi_session: Option<bool>,
    /// Ask the neighbour to move traffic away before maintenance (RFC 8326).
    pub graceful_shutdown: Option<bool>,
    /// Administratively down; the reason is sent to the neighbour (RFC 9003).
    pub shutdown: Option<Shutdown>,
}

pub(crate) const RULES: &[Rule] = &[
    Rule {
        cel: "(has(self.instanceRef) ? 1 : 0) + (has(self.routerRef) ? 1 : 0) + (has(self.routerSelector) ? 1 : 0) == 1",
        message: "Exactly one of routerRef or routerSelector must be set, or else instanceRef",
        holds: |v| count(v, &["instanceRef", "routerRef", "routerSelector"]) == 1,
    },
    Rule {
        cel: "has(self.instanceRef) ? has(self.providerRef) != has(self.providerSelector) : !has(self.providerRef) && !has(self.providerSelector)",
        message: "exactly one of providerRef or providerSelector must be set with instanceRef, and none without",
        holds: |v| {
            let wanted = usize::from(has(v, "instanceRef"));
            count(v, &["providerRef", "providerSelector"]) == wanted
        },
    },
    Rule {
        cel: "(has(self.address) ? 1 : 0) + (has(self.interface) ? 1 : 0) + (has(self.addressRange) ? 1 : 0) == 1",
        message: "exactly one of address, interface or addressRange must be set",
        holds: |v| count(v, &["address", "interface", "addressRange"]) == 1,
    },
    Rule {
        cel: "(has(self.peerASN) ? 1 : 0) + (has(self.asNumber) ? 1 : 0) + (has(self.remoteAS) ? 1 : 0) == 1",
        message: "exactly one of peerASN, asNumber or remoteAS must be set",
        holds: |v| count(v, &["peerASN", "asNumber", "remoteAS"]) == 1,
    },
    Rule {
        cel: "has(self.instanceRef) || (has(self.addressFamilies) && self.addressFamilies.size() > 0)",
        message: "addressFamilies must name at least one family in the router shape",
        holds: |v| has(v, "instanceRef") || filled(v, "addressFamilies"),
    },
    Rule {
        cel: "!(has(self.ebgpMultihop) && has(self.ebgpMultiHop))",
        message: "ebgpMultihop and ebgpMultiHop are two spellings of one field: keep one",
        holds: |v| count(v, &["ebgpMultihop", "ebgpMultiHop"]) < 2,
    },
    Rule {
        cel: "!(has(self.ebgpMultihop) && has(self.ttlSecurity)) && !(has(self.ebgpMultiHop) && self.ebgpMultiHop && has(self.ttlSecurity))",
        message: "ebgpMultihop and ttlSecurity exclude each other: keep one",
        holds: |v| {
            let multihop = has(v, "ebgpMultihop") || super::rule::is_true(v, "ebgpMultiHop");
            !(multihop && has(v, "ttlSecurity"))
        },
    },
    Rule {
        cel: "!(has(self.timers) && (has(self.holdTime) || has(self.keepaliveTime)))",
        message: "timers and holdTime/keepaliveTime are two spellings of one thing: keep one",
        holds: |v| !has(v, "timers") || count(v, &["holdTime", "keepaliveTime"]) == 0,
    },
    Rule {
        cel: "!(has(self.allowAsIn) && has(self.allowASIn))",
        message: "allowAsIn and allowASIn are two spellings of one field: keep one",
        holds: |v| count(v, &["allowAsIn", "allowASIn"]) < 2,
    },
    Rule {
        cel: "!(has(self.passwordSecretRef) && has(self.authSecretRef))",
        message: "passwordSecretRef and authSecretRef are two spellings of one thing: keep one",
        holds: |v| count(v, &["passwordSecretRef", "authSecretRef"]) < 2,
    },
    Rule {
        cel: "!(has(self.tcpAO) && (has(self.passwordSecretRef) || has(self.authSecretRef) || has(self.authentication)))",
        message: "tcpAO and a TCP MD5 password exclude each other: keep one",
        holds: |v| {
            let md5 = ["passwordSecretRef", "authSecretRef", "authentication"];
            !has(v, "tcpAO") || count(v, &md5) == 0
        },
    },
    Rule {
        cel: "has(self.localASN) || (!has(self.localASNoPrepend) && !has(self.localASReplace))",
        message: "localASNoPrepend and localASReplace need localASN",
        holds: |v| has(v, "localASN") || count(v, &["localASNoPrepend", "localASReplace"]) == 0,
    },
    Rule {
        cel: "has(self.addressRange) || !has(self.addressRangeLimit)",
        message: "addressRangeLimit needs addressRange",
        holds: |v| has(v, "addressRange") || !has(v, "addressRangeLimit"),
    },
    Rule {
        cel: "!(has(self.nextHopSelf) && self.nextHopSelf && has(self.nextHopUnchanged) && self.nextHopUnchanged)",
        message: "nextHopSelf and nextHopUnchanged exclude each other: keep one",
        holds: |v| {
            !(super::rule::is_true(v, "nextHopSelf") && super::rule::is_true(v, "nextHopUnchanged"))
        },
    },
    Rule {
        cel: "has(self.role) || !has(self.strictRole)",
        message: "strictRole needs role",
        holds: |v| has(v, "role") || !has(v, "strictRole"),
    },
];
