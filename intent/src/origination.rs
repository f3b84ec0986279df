//! Prefixes a router announces on its own account.
//!
//! **For**: loopbacks, locators, anycast and service addresses. **Sits**: in a
//! [`crate::Router`]. **How it works**: one [`Origination`] a prefix and set of peers, already
//! filtered by its own policy. **Invariants**: the prefix has no host bits.
//! **References**: RFC 4271 sections 5.1 and 9.1.

use std::collections::BTreeSet;

use ipnet::IpNet;
use serde::Serialize;

use crate::{
    Asn, Community, ExtCommunity, Family, LargeCommunity, NextHopSet, ObjectRef, Origin, PeerName,
};

/// One announced prefix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Origination {
    /// Host bits zero.
    pub prefix: IpNet,
    /// What is attached to it.
    pub attributes: Attributes,
    /// Who is told.
    pub peers: PeerScope,
    /// The object that asks for it.
    pub source: ObjectRef,
}

impl Origination {
    /// The unicast family the prefix belongs to.
    pub fn family(&self) -> Family {
        match self.prefix {
            IpNet::V4(_) => Family::Ipv4Unicast,
            IpNet::V6(_) => Family::Ipv6Unicast,
        }
    }
}

/// Path attributes of an origination; what is empty is not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attributes {
    /// ORIGIN.
    pub origin: Origin,
    /// LOCAL_PREF; 100 when absent; internal sessions only.
    pub local_pref: Option<u32>,
    /// MULTI_EXIT_DISC; sent to external peers too, since we originate it.
    pub med: Option<u32>,
    /// Ascending, unique.
    pub communities: BTreeSet<Community>,
    /// Ascending, unique.
    pub large_communities: BTreeSet<LargeCommunity>,
    /// Ascending, unique.
    pub ext_communities: BTreeSet<ExtCommunity>,
    /// AS_PATH before export, nearest first; usually empty.
    pub as_path: Vec<Asn>,
    /// Next hop chosen by policy; absent means each session's own address.
    pub next_hop: Option<NextHopSet>,
}

/// Which peers of the router are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PeerScope {
    /// Every peer.
    All,
    /// These only; may be empty while a selector matches nobody.
    Only(BTreeSet<PeerName>),
}

impl PeerScope {
    /// Whether `peer` is told.
    pub fn includes(&self, peer: &PeerName) -> bool {
        match self {
            Self::All => true,
            Self::Only(peers) => peers.contains(peer),
        }
    }
}
