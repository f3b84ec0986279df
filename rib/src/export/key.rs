//! What makes two peers members of one update group.
//!
//! **For**: whoever brings a session to the exporter. **Sits**: beside [`super::Exports::join`].
//! **How it works**: everything that changes a byte of what a peer is sent, or whether it is sent, is
//! a field; peers whose keys are equal share one Adj-RIB-Out and its encoded messages.
//! **Invariants**: no field that leaves the bytes alone; [`GroupKey::originations`] is sorted.
//! **References**: RFC 4271 sections 5.1.3 and 9.1.3, RFC 4456, RFC 6793, RFC 6996, RFC 7911,
//! RFC 8654, RFC 8950, RFC 9234, RFC 9494.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    num::NonZeroU8,
    sync::Arc,
};

use bgp_wire::{Asn, Family, FamilySet, V4Prefix, V6Prefix};
use smallvec::SmallVec;

use super::RouteTargets;
use crate::{FAMILY_COUNT, family_index, keeps_next_hop, policy::Chain};

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

/// Which paths of a prefix are sent (RFC 7911).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum AddPathSend {
    /// The best one, without a path identifier.
    #[default]
    Off,
    /// Every eligible one, each with its path identifier.
    All,
    /// The first so many in the order of the decision, each with its path identifier.
    Best(NonZeroU8),
}

/// Which next hop a received route is sent on with.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum NextHopMode {
    /// Internal peers: as received. External peers: our own, but one on a subnet that we share with
    /// the peer is kept (RFC 4271 section 5.1.3, "third party").
    #[default]
    Standard,
    /// Always our own.
    Own,
    /// As received, also to external peers, where the session can carry it; else our own.
    Unchanged,
}

/// What becomes of private AS numbers (RFC 6996) in the AS_PATH of a route sent to an external peer.
/// All of them are meant, wherever they stand and whatever else the path has, but two: our own AS
/// numbers on this session, and the peer's own, without which it could not see a loop.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct PrivateAs {
    /// What stands in their place; `None` leaves them out.
    pub replace: Option<Asn>,
    /// The peer's AS, if that is a private one.
    pub keep: Option<Asn>,
}

/// What our role on a session asks of routes sent (RFC 9234 section 5).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct OtcRule {
    /// Add ONLY_TO_CUSTOMER where it is not there: to customers, route server clients and peers.
    pub attach: bool,
    /// Hold back routes with ONLY_TO_CUSTOMER: to providers, route servers and peers.
    pub stop: bool,
}

/// All that changes the bytes sent to a peer. Peers with equal keys share an update group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupKey {
    /// The kind of session.
    pub session: SessionKind,
    /// Our AS as the members see it.
    pub local_as: Asn,
    /// Our other AS, which stands behind `local_as` in paths sent to external members: that of the
    /// router, where the session has a local AS of its own and does not hide it.
    pub second_as: Option<Asn>,
    /// What becomes of private AS numbers; external members only.
    pub private_as: Option<PrivateAs>,
    /// CLUSTER_ID for reflected routes (RFC 4456 section 7); ignored for external sessions.
    pub cluster_id: Ipv4Addr,
    /// The members read four-octet AS numbers (RFC 6793).
    pub as4: bool,
    /// Longest message the members accept, in octets: 4096, or up to 65535 (RFC 8654).
    pub max_len: usize,
    /// Families negotiated; those that have a table ([`FAMILIES`](crate::FAMILIES)) are served.
    pub families: FamilySet,
    /// Which paths of a prefix are sent, by [`family_index`]; other than `Off` the members expect a
    /// path identifier with each route of the family (RFC 7911).
    pub add_path: [AddPathSend; FAMILY_COUNT],
    /// Our IPv4 address as a next hop.
    pub next_hop_v4: Option<Ipv4Addr>,
    /// Our global (or only) IPv6 address as a next hop.
    pub next_hop_v6: Option<Ipv6Addr>,
    /// Our link-local address as a next hop, where the members share a link with us.
    pub link_local: Option<Ipv6Addr>,
    /// IPv4 families whose routes the members take with an IPv6 next hop (RFC 8950).
    pub ext_next_hop: FamilySet,
    /// The next hop of received routes. Originated routes always have our own; of routes with labels
    /// the next hop always stays ([`keeps_next_hop`]).
    pub next_hop: NextHopMode,
    /// The subnet that we share with external members one hop away.
    pub shared_v4: Option<V4Prefix>,
    /// The same for IPv6.
    pub shared_v6: Option<V6Prefix>,
    /// What our role asks; external members only.
    pub otc: OtcRule,
    /// The members know long-lived graceful restart: LLGR_STALE routes go only to such (RFC 9494
    /// section 4.3).
    pub long_lived: bool,
    /// LOCAL_PREF sent to internal members for routes that carry none.
    pub default_local_pref: u32,
    /// Which route targets the members asked for (RFC 4684).
    pub targets: RouteTargets,
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
            second_as: None,
            private_as: None,
            cluster_id: Ipv4Addr::UNSPECIFIED,
            as4: true,
            max_len: bgp_wire::MAX_MESSAGE,
            families: [Family::IPV4_UNICAST, Family::IPV6_UNICAST].into_iter().collect(),
            add_path: [AddPathSend::Off; FAMILY_COUNT],
            next_hop_v4: None,
            next_hop_v6: None,
            link_local: None,
            ext_next_hop: FamilySet::EMPTY,
            next_hop: NextHopMode::Standard,
            shared_v4: None,
            shared_v6: None,
            otc: OtcRule::default(),
            long_lived: false,
            default_local_pref: 100,
            targets: RouteTargets::All,
            policy: Arc::new(Chain::permit_all()),
            scope: ExportScope::AllBest,
            originations: SmallVec::new(),
        }
    }

    /// The session is with another AS.
    pub fn is_ebgp(&self) -> bool {
        self.session == SessionKind::Ebgp
    }

    /// Which paths of a prefix of `family` are sent.
    pub fn add_path(&self, family: Family) -> AddPathSend {
        family_index(family).map_or(AddPathSend::Off, |index| self.add_path[index])
    }

    /// Changes which paths of a prefix of `family` are sent.
    pub fn set_add_path(&mut self, family: Family, send: AddPathSend) {
        if let Some(index) = family_index(family) {
            self.add_path[index] = send;
        }
    }

    /// The next hop a route has takes part in what is sent.
    pub(super) fn reads_next_hop(&self, family: Family) -> bool {
        if family == Family::ROUTE_TARGET {
            return false;
        }
        if keeps_next_hop(family) {
            return true;
        }
        let shares = if family == Family::IPV4_UNICAST {
            // An IPv4 route may have a next hop of either kind (RFC 8950).
            self.shared_v4.is_some() || self.shared_v6.is_some()
        } else {
            self.shared_v6.is_some()
        };
        match self.next_hop {
            NextHopMode::Own => false,
            NextHopMode::Unchanged => true,
            NextHopMode::Standard => !self.is_ebgp() || shares,
        }
    }

    /// What stays for the life of a session, whatever it is asked to become: its families, and
    /// whether its prefixes have path identifiers.
    pub(super) fn bound_to(mut self, session: &Self) -> Self {
        self.families = session.families;
        for (asked, had) in self.add_path.iter_mut().zip(session.add_path) {
            if (*asked == AddPathSend::Off) != (had == AddPathSend::Off) {
                *asked = had;
            }
        }
        self
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
