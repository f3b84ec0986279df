//! What makes two peers members of one update group.
//!
//! **For**: whoever brings a session to the exporter. **Sits**: beside [`super::Exports::join`].
//! **How it works**: everything that changes a byte of what a peer is sent, or whether it is sent, is
//! a field; peers whose keys are equal share one Adj-RIB-Out and its encoded messages.
//! **Invariants**: no field that leaves the bytes alone; [`GroupKey::originations`] is sorted.
//! **References**: RFC 4271 section 9.1.3, RFC 4456, RFC 6793, RFC 8654, RFC 8950.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use bgp_wire::{Asn, Family, FamilySet};
use smallvec::SmallVec;

use crate::policy::Chain;

/// The kind of session towards the members.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum SessionKind {
    /// Another AS.
    Ebgp,
    /// The same AS; not a client of ours.
    Ibgp,
    /// The same AS; a route reflection client of ours (RFC 4456).
    IbgpClient,
}

/// Which best paths a group considers at all, before policy.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum ExportScope {
    /// Only what this speaker originates.
    OriginatedOnly,
    /// Every best path that the rules of BGP allow.
    AllBest,
}

/// All that changes the bytes sent to a peer. Peers with equal keys share an update group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupKey {
    /// The kind of session.
    pub session: SessionKind,
    /// Our AS as the members see it.
    pub local_as: Asn,
    /// CLUSTER_ID for reflected routes (RFC 4456 section 7); ignored for external sessions.
    pub cluster_id: Ipv4Addr,
    /// The members read four-octet AS numbers (RFC 6793).
    pub as4: bool,
    /// Longest message the members accept, in octets: 4096, or up to 65535 (RFC 8654).
    pub max_len: usize,
    /// Families negotiated, IPv4 and IPv6 unicast among them being served.
    pub families: FamilySet,
    /// The members expect a path identifier with each IPv4 prefix (RFC 7911). One path is sent.
    pub add_path_v4: bool,
    /// The same for IPv6.
    pub add_path_v6: bool,
    /// Our IPv4 address as a next hop.
    pub next_hop_v4: Option<Ipv4Addr>,
    /// Our global (or only) IPv6 address as a next hop.
    pub next_hop_v6: Option<Ipv6Addr>,
    /// Our link-local address as a next hop, where the members share a link with us.
    pub link_local: Option<Ipv6Addr>,
    /// The members take IPv4 prefixes with an IPv6 next hop (RFC 8950).
    pub ext_next_hop_v4: bool,
    /// Replace the next hop of internal routes too. External groups and originated routes always
    /// use our own address.
    pub next_hop_self: bool,
    /// LOCAL_PREF sent to internal members for routes that carry none.
    pub default_local_pref: u32,
    /// Export policy; shared, compared by content.
    pub policy: Arc<Chain>,
    /// What is considered at all.
    pub scope: ExportScope,
    /// Origination sets that include the members, ascending. A locally originated path whose path
    /// identifier is 0 goes to everybody; any other identifier names an origination set, and the
    /// path goes only to groups that list it.
    pub originations: SmallVec<[u32; 4]>,
}

impl GroupKey {
    /// A key with the usual defaults: four-octet AS numbers, 4096-octet messages, both unicast
    /// families, no policy, every best path, no restricted originations, no next hop address yet.
    pub fn new(session: SessionKind, local_as: Asn) -> Self {
        Self {
            session,
            local_as,
            cluster_id: Ipv4Addr::UNSPECIFIED,
            as4: true,
            max_len: bgp_wire::MAX_MESSAGE,
            families: [Family::IPV4_UNICAST, Family::IPV6_UNICAST].into_iter().collect(),
            add_path_v4: false,
            add_path_v6: false,
            next_hop_v4: None,
            next_hop_v6: None,
            link_local: None,
            ext_next_hop_v4: false,
            next_hop_self: false,
            default_local_pref: 100,
            policy: Arc::new(Chain::permit_all()),
            scope: ExportScope::AllBest,
            originations: SmallVec::new(),
        }
    }

    /// The session is with another AS.
    pub fn is_ebgp(&self) -> bool {
        self.session == SessionKind::Ebgp
    }

    /// Paths of origination set `id` go to the members.
    pub(super) fn includes_origination(&self, id: u32) -> bool {
        id == 0 || self.originations.binary_search(&id).is_ok()
    }

    /// Brings the key into the form that is compared.
    pub(super) fn normalized(mut self) -> Self {
        self.originations.sort_unstable();
        self.originations.dedup();
        self
    }
}
