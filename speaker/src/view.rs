//! Read-only pictures of a running speaker: what `show`, `explain`, status and metrics are made of.
//!
//! Plain data with serde on both ends: the daemon serialises, the command deserialises. A view is
//! taken under the router's lock in small pages, so that reading a table of a million routes never
//! stops it (see [`Cursor`]).
//!
//! Invariants: a view never holds a secret; names are stable (they are a scripting interface).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

mod bfd;
mod peer;

pub use crate::limits::LimitState;
pub use bfd::{BfdDownView, BfdView};
pub use peer::{
    AttemptsView, ConfiguredView, DownView, DynamicView, FamilyCountsView, MessageCounts,
    NotificationView, OpenView, PeerFamilyView, PeerView, RefusedOpenView, RestartView, TcpView,
    TimersView, TransitionView, TransportView, UnnumberedView,
};

/// One path to one prefix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteView {
    /// Router whose table this is.
    pub router: String,
    /// The destination: a prefix, `65001:1:192.0.2.0/24` of a VPN route, type and key fields of an
    /// EVPN route.
    pub prefix: String,
    /// For example `ipv4/unicast`.
    pub family: String,
    /// Neighbour's name, or `local` for what this router originates.
    pub peer: String,
    /// Neighbour's address; absent for local routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_address: Option<IpAddr>,
    /// ADD-PATH identifier, 0 without.
    #[serde(default)]
    pub path_id: u32,
    /// Whether this is the best path.
    pub best: bool,
    /// Whether it is in the multipath set (the best path is).
    pub multipath: bool,
    /// `eligible`, or why the path takes no part in the decision.
    pub status: String,
    /// What its NLRI say beside the prefix.
    #[serde(flatten)]
    pub nlri: NlriView,
    /// The attributes.
    #[serde(flatten)]
    pub attributes: AttributesView,
}

/// What the NLRI of labelled, VPN and EVPN routes say beside their prefix; empty for unicast.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NlriView {
    /// Route distinguisher; also part of `prefix`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rd: Option<String>,
    /// MPLS labels, top first; of EVPN routes with VXLAN encapsulation the VNIs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<u32>,
    /// Ethernet segment of an EVPN route, where it is not part of `prefix` and not zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub esi: Option<String>,
    /// Gateway of an EVPN route, where it is not zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<IpAddr>,
}

/// Path attributes in their text forms.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributesView {
    /// Next hop; link-local ones carry `%interface`.
    pub next_hop: String,
    /// `IGP`, `EGP` or `incomplete`, as the codec names them.
    pub origin: String,
    /// AS_PATH, sets in braces.
    pub as_path: String,
    /// MULTI_EXIT_DISC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub med: Option<u32>,
    /// LOCAL_PREF.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_pref: Option<u32>,
    /// ATOMIC_AGGREGATE present.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub atomic_aggregate: bool,
    /// AGGREGATOR as `asn address`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregator: Option<String>,
    /// Standard communities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub communities: Vec<String>,
    /// Extended communities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ext_communities: Vec<String>,
    /// Large communities.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub large_communities: Vec<String>,
    /// ORIGINATOR_ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub originator_id: Option<Ipv4Addr>,
    /// CLUSTER_LIST.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cluster_list: Vec<Ipv4Addr>,
    /// Attributes without a text form here: `type:flags:hex`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other: Vec<String>,
}

/// Why a prefix goes where it goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainView {
    /// Router asked.
    pub router: String,
    /// The prefix as asked.
    pub prefix: String,
    /// Every path known, the winner first.
    pub candidates: Vec<CandidateView>,
    /// What the kernel was told, when this router installs routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<FibView>,
    /// Neighbours the best path is advertised to, and why not to the others.
    #[serde(default)]
    pub advertised: Vec<ExportView>,
}

/// One candidate in an [`ExplainView`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateView {
    /// The path.
    #[serde(flatten)]
    pub route: RouteView,
    /// `best`, or the step at which it lost to the best path, or why it is not eligible.
    pub decided_by: String,
    /// The two values compared, for people.
    pub detail: String,
    /// What each stage of the neighbour's import policy said; empty without policy, and where what was
    /// sent is not known any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub import_policy: Vec<PolicyStepView>,
}

/// What one stage of a policy said of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyStepView {
    /// The term that matched; absent where none did and the default decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<String>,
    /// The route passed.
    pub permitted: bool,
}

/// Whether a prefix is sent to one neighbour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportView {
    /// Neighbour's name.
    pub peer: String,
    /// Path identifier it is sent with; a neighbour that is sent several paths has an entry for each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_id: Option<u32>,
    /// Whether it is in the Adj-RIB-Out.
    pub sent: bool,
    /// Stable reason.
    pub reason: String,
    /// What each stage of the export policy said; empty where it was not asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub export_policy: Vec<PolicyStepView>,
}

/// One prefix as the kernel has it, or should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FibView {
    /// The destination.
    pub prefix: String,
    /// Where it goes.
    pub next_hops: Vec<FibHopView>,
    /// Whether the kernel has accepted it.
    pub installed: bool,
    /// The kernel's refusal, when it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// One leg of a kernel route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FibHopView {
    /// Gateway, absent for on-link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<IpAddr>,
    /// Interface name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<String>,
    /// Relative weight, 1 to 256.
    pub weight: u16,
}

/// Counts of kernel routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FibTotalsView {
    /// Routes of ours in the kernel.
    pub installed: u64,
    /// Routes the kernel does not hold as wished; tried again when the network changes.
    pub pending: u64,
    /// Routes created, replaced and removed since the start.
    pub writes: u64,
    /// Writes the kernel refused since the start.
    pub failures: u64,
    /// Routes that had vanished or were altered and were put back.
    pub repaired: u64,
    /// Routes of an earlier run that were swept.
    pub swept: u64,
    /// Stale routes of an earlier run may still be there.
    pub is_syncing: bool,
}

/// Totals of one router.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouterView {
    /// Name of the router.
    pub name: String,
    /// Local AS.
    pub asn: u32,
    /// BGP Identifier.
    pub router_id: String,
    /// Where it listens; empty when it does not.
    pub listening: Vec<SocketAddr>,
    /// Configured neighbours.
    pub peers: usize,
    /// Established sessions.
    pub established: usize,
    /// Prefixes and paths by family.
    pub tables: Vec<TableView>,
    /// Distinct attribute sets held.
    pub attribute_sets: usize,
}

/// Totals of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableView {
    /// For example `ipv4/unicast`.
    pub family: String,
    /// Prefixes with at least one path.
    pub prefixes: usize,
    /// Paths of all neighbours.
    pub paths: usize,
}

/// Which routes to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteQuery {
    /// Only this router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub router: Option<String>,
    /// Only this family, in text form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// Only this prefix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Which table.
    pub table: RouteTable,
}

/// The table a [`RouteQuery`] reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", content = "peer")]
pub enum RouteTable {
    /// All paths, best and others.
    LocRib,
    /// Adj-RIB-In of the neighbour of this name or address.
    Received(String),
    /// Adj-RIB-Out towards the neighbour of this name or address.
    Advertised(String),
}

/// Where a paged read stands: router, family, row. Opaque to callers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    pub(crate) router: usize,
    pub(crate) family: usize,
    pub(crate) row: u32,
}

/// One page of a read.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items; possibly none although there is more.
    pub items: Vec<T>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

/// What happens in a speaker, as it happens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum SpeakerEvent {
    /// A session changed state.
    PeerState {
        /// Router's name.
        router: String,
        /// Neighbour's name.
        peer: String,
        /// State left.
        from: String,
        /// State entered.
        to: String,
        /// Why, for a step down.
        reason: Option<String>,
    },
    /// A neighbour's End-of-RIB arrived.
    EndOfRib {
        /// Router's name.
        router: String,
        /// Neighbour's name.
        peer: String,
        /// Text form of the family.
        family: String,
    },
    /// A neighbour came near its bound on prefixes, reached it, or is below again.
    PrefixLimit {
        /// Router's name.
        router: String,
        /// Neighbour's name.
        peer: String,
        /// Text form of the family.
        family: String,
        /// Where it stands now.
        state: LimitState,
        /// Paths held.
        count: u32,
        /// The bound.
        limit: u32,
    },
    /// The kernel refused a route, or took it after refusing it.
    Kernel {
        /// The destination.
        prefix: String,
        /// The refusal; `None` when it is settled.
        error: Option<String>,
    },
}
