//! The BFD session of a neighbour as it is shown (RFC 5880).
//!
//! **Sits**: in [`PeerView`](super::PeerView). **Invariants**: names are stable.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// The BFD session that watches a BGP session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BfdView {
    /// `AdminDown`, `Down`, `Init` or `Up`.
    pub state: String,
    /// Seconds in this state.
    pub since_secs: u64,
    /// The neighbour's state as last heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_state: Option<String>,
    /// Why we last left Up, as we tell the neighbour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnostic: Option<String>,
    /// The same, as the neighbour tells us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_diagnostic: Option<String>,
    /// RFC 5883 instead of RFC 5881.
    pub multihop: bool,
    /// BGP waits for BFD.
    pub strict: bool,
    /// BGP is kept from running now.
    pub holds_bgp: bool,
    /// Why there are no packets, when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Our end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<IpAddr>,
    /// The neighbour's end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<IpAddr>,
    /// The interface of a single-hop session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
    /// Our discriminator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local_discriminator: Option<u32>,
    /// The neighbour's discriminator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_discriminator: Option<u32>,
    /// Between our packets, before jitter; 0 while none are sent.
    pub tx_interval_micros: u64,
    /// Between the neighbour's; 0 while it is not heard.
    pub rx_interval_micros: u64,
    /// Time without a packet after which the neighbour counts as down; 0 while it is not heard.
    pub detection_time_micros: u64,
    /// Since the neighbour was last heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_heard_micros: Option<u64>,
    /// Packets sent.
    pub sent: u64,
    /// Packets received and believed.
    pub received: u64,
    /// Packets that could not be sent.
    pub send_errors: u64,
    /// Packets dropped for a TTL below 255 (single hop).
    pub low_ttl: u64,
    /// Times it came up.
    pub ups: u64,
    /// Times it left Up because of a fault.
    pub failures: u64,
    /// How it last left Up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_down: Option<BfdDownView>,
}

/// How a BFD session last left Up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BfdDownView {
    /// Seconds ago.
    pub secs_ago: u64,
    /// Why, as we told the neighbour.
    pub diagnostic: String,
    /// Why the neighbour had left Up, as it told us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_diagnostic: Option<String>,
    /// By intent of one side, which ends no BGP session.
    pub is_intended: bool,
}
