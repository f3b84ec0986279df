//! The decision process: which path of a row is best, and which share its traffic.
//!
//! **Where it sits.** [`Rib`](crate::Rib) calls [`Judge::select`] for a row whose order may have
//! changed and [`Judge::rank`] to see that it cannot have; [`explain`](crate::explain) uses the
//! same keys, so that what is explained is what was decided.
//!
//! **How it works.** A path becomes a few integers, higher is better, whose comparison in order
//! *is* the decision:
//!
//! ```text
//! mobility  sticky | sequence number 32          <- EVPN type 2 only, else 0
//! rank      local | not LLGR_STALE | LOCAL_PREF 32 | AS_PATH length 22 and ORIGIN 8 (inverted)
//! MED       inverted; in the order only with always-compare-med, else per neighbour AS
//! near      eBGP 1 | IGP metric 32 (inverted)          <- equal up to here: multipath
//! identity  router id 32 (inverted) | CLUSTER_LIST length 16 (inverted)
//! peer      address, interface, path id, session       <- lowest wins
//! ```
//!
//! A station that has moved is announced with a higher sequence number by the router it is at now, and
//! only that one is right, whatever the other steps would say (RFC 7432 section 15); a station that
//! must not move is *sticky* and beats any that has (section 15.2).
//!
//! MED compares only within one neighbour AS, so it is no order of paths. It is applied as RFC 4271
//! says: among the paths of the highest rank, each one for which a path of the same neighbour AS
//! with a lower MED exists is removed. The outcome does not depend on the order of arrival. A path
//! of a lower rank than the best can therefore never matter, which is what makes most changes cost
//! one comparison.
//!
//! References: RFC 4271 sections 9.1.1 and 9.1.2.2, RFC 4456 section 9, RFC 5004, RFC 7432 section 15,
//! RFC 9494 section 4.3.

use std::cmp::Ordering;

use bgp_wire::{
    ExtCommunity, ExtKind, SummaryFlags,
    attr::{self, AttrType},
};

use crate::{
    AttrId, AttrTable, NextHopTable, Path, PathFlags, PeerIx, PeerKind, PeerTable, Resolution,
};

/// Knobs of the decision process.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct DecisionConfig {
    /// Compare MED between paths of different neighbour ASes too. Default off.
    pub always_compare_med: bool,
    /// Compare MED within all paths of a neighbour AS at once. Default on. Off is the pairwise
    /// comparison of old routers, whose outcome depends on the order of arrival.
    pub deterministic_med: bool,
    /// Let the lower router id win between eBGP paths (RFC 4271). Default on. Off keeps the best
    /// path there is (RFC 5004), which flaps less and depends on the order of arrival.
    pub compare_router_id: bool,
    /// Let paths of equal AS_PATH length share traffic even if the AS_PATHs differ. Default off.
    pub multipath_relax: bool,
    /// Most paths which share traffic; 1 (or 0) for the best only. Default 64.
    pub maximum_paths: u16,
    /// LOCAL_PREF of a path without one. Default 100.
    pub default_local_pref: u32,
}

impl Default for DecisionConfig {
    fn default() -> Self {
        Self {
            always_compare_med: false,
            deterministic_med: true,
            compare_router_id: true,
            multipath_relax: false,
            maximum_paths: 64,
            default_local_pref: 100,
        }
    }
}

/// Why a path is not the best one, in the order of the decision.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// Not eligible: the session it came from has ended.
    PeerDown,
    /// Not eligible: import policy denied it.
    Filtered,
    /// Not eligible: our AS is in its AS_PATH.
    AsLoop,
    /// Not eligible: our router id or cluster id is in it (RFC 4456 section 8).
    ReflectionLoop,
    /// Not eligible: its next hop is ours or off-subnet.
    InvalidNextHop,
    /// Not eligible: ONLY_TO_CUSTOMER says that it is a route leak (RFC 9234 section 5).
    RouteLeak,
    /// Not eligible: an AS_SET is in its AS_PATH (RFC 9774).
    AsSet,
    /// Not eligible: no route leads to its next hop (RFC 4271 section 9.1.2).
    Unresolved,
    /// The station has moved since, or must not move: lower MAC mobility sequence number, or not
    /// sticky (RFC 7432 section 15).
    MacMobility,
    /// Received, and the best one is originated here.
    LocallyOriginated,
    /// Carries LLGR_STALE, and the best one does not (RFC 9494 section 4.3).
    LongLivedStale,
    /// Lower LOCAL_PREF.
    LocalPref,
    /// Longer AS_PATH (9.1.2.2 a).
    AsPathLen,
    /// Higher ORIGIN (9.1.2.2 b).
    Origin,
    /// Higher MULTI_EXIT_DISC than a path of the same neighbour AS (9.1.2.2 c).
    Med,
    /// iBGP, and the best one is eBGP (9.1.2.2 d).
    EbgpOverIbgp,
    /// Farther next hop (9.1.2.2 e).
    IgpMetric,
    /// The best one was there first (RFC 5004); only without `compare_router_id`.
    Existing,
    /// Higher router id or ORIGINATOR_ID (9.1.2.2 f).
    RouterId,
    /// Longer CLUSTER_LIST (RFC 4456 section 9).
    ClusterListLen,
    /// Higher peer address, or the same on a higher interface (9.1.2.2 g).
    PeerAddress,
    /// Same peer, higher path identifier (RFC 7911).
    PathId,
}

impl Reason {
    /// Stable name for status, metrics, logs and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PeerDown => "peer-down",
            Self::Filtered => "filtered",
            Self::AsLoop => "as-loop",
            Self::ReflectionLoop => "reflection-loop",
            Self::InvalidNextHop => "invalid-next-hop",
            Self::RouteLeak => "route-leak",
            Self::AsSet => "as-set",
            Self::Unresolved => "unresolved",
            Self::MacMobility => "mac-mobility",
            Self::LocallyOriginated => "locally-originated",
            Self::LongLivedStale => "long-lived-stale",
            Self::LocalPref => "local-pref",
            Self::AsPathLen => "as-path-len",
            Self::Origin => "origin",
            Self::Med => "med",
            Self::EbgpOverIbgp => "ebgp-over-ibgp",
            Self::IgpMetric => "igp-metric",
            Self::Existing => "existing",
            Self::RouterId => "router-id",
            Self::ClusterListLen => "cluster-list-len",
            Self::PeerAddress => "peer-address",
            Self::PathId => "path-id",
        }
    }

    /// Whether the path took no part in the comparison at all.
    pub const fn is_ineligible(self) -> bool {
        matches!(
            self,
            Self::PeerDown
                | Self::Filtered
                | Self::AsLoop
                | Self::ReflectionLoop
                | Self::InvalidNextHop
                | Self::RouteLeak
                | Self::AsSet
                | Self::Unresolved
        )
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// A path as the integers which decide.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) slot: u16,
    /// It was the best path before.
    incumbent: bool,
    attr: AttrId,
    pub(crate) rank: Rank,
    med: u32,
    neighbor_as: u32,
    near: u64,
    identity: u64,
    addr: u128,
    ifindex: u32,
    path_id: u32,
    peer: PeerIx,
}

/// The first part of the order; higher is better.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Default, Debug)]
pub(crate) struct Rank {
    mobility: u64,
    usual: u64,
}

const STICKY: u64 = 1 << 32;
const LOCAL: u64 = 1 << 63;
const NOT_LLGR_STALE: u64 = 1 << 62;
const EBGP: u64 = 1 << 32;
const LEN_MAX: u32 = (1 << 22) - 1;

/// The decision process over borrowed tables.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Judge<'a> {
    pub(crate) attrs: &'a AttrTable,
    pub(crate) next_hops: &'a NextHopTable,
    pub(crate) peers: &'a PeerTable,
    pub(crate) config: &'a DecisionConfig,
    /// The row is a station whose moves are counted.
    pub(crate) station: bool,
}

impl Judge<'_> {
    /// Why a path may not be used at all.
    #[inline]
    pub(crate) fn ineligible(&self, path: &Path) -> Option<Reason> {
        let usable = !path.flags.any(PathFlags::EXCLUDED)
            && self.next_hops.resolution(path.next_hop).is_resolved()
            && self.peers.is_up(path.peer);
        if usable { None } else { Some(self.exclusion(path)) }
    }

    #[cold]
    fn exclusion(&self, path: &Path) -> Reason {
        if !self.peers.is_up(path.peer) {
            return Reason::PeerDown;
        }
        let flagged = [
            (PathFlags::FILTERED, Reason::Filtered),
            (PathFlags::AS_LOOP, Reason::AsLoop),
            (PathFlags::REFLECTION_LOOP, Reason::ReflectionLoop),
            (PathFlags::INVALID_NEXT_HOP, Reason::InvalidNextHop),
            (PathFlags::ROUTE_LEAK, Reason::RouteLeak),
            (PathFlags::AS_SET, Reason::AsSet),
        ];
        let found = flagged.iter().find(|(flag, _)| path.flags.any(*flag));
        found.map_or(Reason::Unresolved, |(_, reason)| *reason)
    }

    /// The first part of the order; paths of a lower rank than the best one never matter.
    #[inline]
    pub(crate) fn rank(&self, path: &Path) -> Rank {
        let summary = self.attrs.summary(path.attr);
        let local = self.peers.info(path.peer).kind == PeerKind::Local;
        let local_pref = summary.local_pref.unwrap_or(self.config.default_local_pref);
        let len = LEN_MAX - u32::from(summary.as_path_len);
        let local = if local { LOCAL } else { 0 };
        let stale = summary.flags.contains(SummaryFlags::LLGR_STALE);
        let usual = local
            | if stale { 0 } else { NOT_LLGR_STALE }
            | (u64::from(local_pref) << 30)
            | (u64::from(len) << 8)
            | u64::from(u8::MAX - summary.origin);
        Rank { mobility: if self.station { self.mobility(path) } else { 0 }, usual }
    }

    /// No community is sequence number 0 (RFC 7432 section 15).
    #[cold]
    fn mobility(&self, path: &Path) -> u64 {
        let moves = ExtCommunity::of(self.attrs.bytes(path.attr)).filter_map(|c| match c.kind() {
            ExtKind::MacMobility { sticky, sequence } => {
                Some(u64::from(sequence) | if sticky { STICKY } else { 0 })
            }
            _ => None,
        });
        moves.max().unwrap_or_default()
    }

    pub(crate) fn candidate(&self, slot: u16, path: &Path, rank: Rank) -> Candidate {
        let summary = self.attrs.summary(path.attr);
        let info = self.peers.info(path.peer);
        let metric = match self.next_hops.resolution(path.next_hop) {
            Resolution::Resolved { metric } => metric,
            Resolution::Unresolved => u32::MAX,
        };
        let ebgp = if matches!(info.kind, PeerKind::Ibgp { .. }) { 0 } else { EBGP };
        let router_id = summary.originator_id.unwrap_or(info.router_id);
        Candidate {
            slot,
            incumbent: path.flags.any(PathFlags::BEST),
            attr: path.attr,
            rank,
            med: summary.med.unwrap_or(0),
            neighbor_as: summary.neighbor_as.0,
            near: ebgp | u64::from(!metric),
            identity: (u64::from(!router_id.to_bits()) << 16) | u64::from(!summary.cluster_len),
            addr: self.peers.addr(path.peer),
            ifindex: info.ifindex,
            path_id: path.path_id,
            peer: path.peer,
        }
    }

    /// Leave in `set` the multipath set of `paths`, the best path first; nothing if none is
    /// eligible.
    pub(crate) fn select<'p>(
        &self,
        paths: impl Iterator<Item = &'p Path>,
        set: &mut Vec<Candidate>,
    ) {
        set.clear();
        let mut top = Rank::default();
        for (slot, path) in (0u16..).zip(paths) {
            if self.ineligible(path).is_some() {
                continue;
            }
            let rank = self.rank(path);
            if rank > top {
                set.clear();
                top = rank;
            }
            if rank >= top {
                set.push(self.candidate(slot, path, rank));
            }
        }
        if set.len() > 1 {
            self.narrow(set);
            self.limit(set);
        }
    }

    /// From paths of equal rank leave those equal up to the IGP metric, the best one first.
    pub(crate) fn narrow(&self, set: &mut Vec<Candidate>) {
        let winner = if self.config.deterministic_med || self.config.always_compare_med {
            self.drop_higher_med(set);
            let near = set.iter().map(|c| c.near).max().unwrap_or_default();
            set.retain(|c| c.near == near);
            self.last_steps(set)
        } else {
            let winner = self.one_by_one(set);
            let best = set[winner];
            let same_med = |c: &Candidate| c.neighbor_as != best.neighbor_as || c.med == best.med;
            set.retain(|c| c.near == best.near && same_med(c));
            let again = |c: &Candidate| c.slot == best.slot;
            set.iter().position(again).expect("the best path is as good as itself")
        };
        set.swap(0, winner);
    }

    /// Whether a path with `med` of `neighbor_as` loses the MED step against `other`.
    pub(crate) fn med_loses(&self, candidate: &Candidate, other: &Candidate) -> bool {
        let comparable =
            self.config.always_compare_med || candidate.neighbor_as == other.neighbor_as;
        comparable && candidate.med > other.med
    }

    fn drop_higher_med(&self, set: &mut Vec<Candidate>) {
        let first = set[0].med;
        if set.iter().all(|c| c.med == first) {
            return;
        }
        if self.config.always_compare_med {
            let lowest = set.iter().map(|c| c.med).min().unwrap_or_default();
            set.retain(|c| c.med == lowest);
            return;
        }
        set.sort_unstable_by_key(|c| (c.neighbor_as, c.med));
        let mut group = None;
        set.retain(|c| match group {
            Some((neighbor_as, lowest)) if neighbor_as == c.neighbor_as => c.med == lowest,
            _ => {
                group = Some((c.neighbor_as, c.med));
                true
            }
        });
    }

    /// The winner among paths equal up to the IGP metric.
    fn last_steps(&self, set: &[Candidate]) -> usize {
        let mut winner = 0;
        for (at, candidate) in set.iter().enumerate().skip(1) {
            if self.compare_last(candidate, &set[winner]).is_gt() {
                winner = at;
            }
        }
        if self.config.compare_router_id {
            return winner;
        }
        match set.iter().position(|c| c.incumbent) {
            Some(there) if keeps(&set[there], &set[winner]) => there,
            _ => winner,
        }
    }

    fn compare_last(&self, a: &Candidate, b: &Candidate) -> Ordering {
        let order = |c: &Candidate| (c.addr, c.ifindex, c.path_id, c.peer);
        a.identity.cmp(&b.identity).then_with(|| order(b).cmp(&order(a)))
    }

    /// Old routers' way: best so far against the next one, MED only between the two.
    fn one_by_one(&self, set: &[Candidate]) -> usize {
        let mut best = 0;
        for (at, candidate) in set.iter().enumerate().skip(1) {
            let there = &set[best];
            let order = if self.med_loses(there, candidate) {
                Ordering::Greater
            } else if self.med_loses(candidate, there) {
                Ordering::Less
            } else {
                candidate.near.cmp(&there.near).then_with(|| {
                    if !self.config.compare_router_id && there.incumbent && keeps(there, candidate)
                    {
                        return Ordering::Less;
                    }
                    self.compare_last(candidate, there)
                })
            };
            if order.is_gt() {
                best = at;
            }
        }
        best
    }

    /// From the paths equal up to the IGP metric keep those which may share with the first.
    fn limit(&self, set: &mut Vec<Candidate>) {
        let most = usize::from(self.config.maximum_paths.max(1));
        if most == 1 || set[0].rank.usual & LOCAL != 0 {
            set.truncate(1);
            return;
        }
        if !self.config.multipath_relax {
            let (best, best_path) = (set[0].attr, as_path(self.attrs.bytes(set[0].attr)));
            set.retain(|c| c.attr == best || as_path(self.attrs.bytes(c.attr)) == best_path);
        }
        if set.len() > most {
            set[1..].sort_unstable_by(|a, b| self.compare_last(b, a));
            set.truncate(most);
        }
    }

    /// The step at which `loser` loses to `winner`, both eligible. `others` are all eligible paths.
    pub(crate) fn losing_step(
        &self,
        loser: &Candidate,
        winner: &Candidate,
        others: &[Candidate],
    ) -> Reason {
        if loser.rank.mobility != winner.rank.mobility {
            return Reason::MacMobility;
        }
        let differ = loser.rank.usual ^ winner.rank.usual;
        match differ.leading_zeros() {
            0 => return Reason::LocallyOriginated,
            1 => return Reason::LongLivedStale,
            2..=33 => return Reason::LocalPref,
            34..=55 => return Reason::AsPathLen,
            56..=63 => return Reason::Origin,
            _ => {}
        }
        let by_med = if self.config.deterministic_med || self.config.always_compare_med {
            others.iter().any(|o| o.rank == loser.rank && self.med_loses(loser, o))
        } else {
            self.med_loses(loser, winner)
        };
        if by_med {
            return Reason::Med;
        }
        let differ = loser.near ^ winner.near;
        if differ & EBGP != 0 {
            return Reason::EbgpOverIbgp;
        }
        if differ != 0 {
            return Reason::IgpMetric;
        }
        if !self.config.compare_router_id
            && winner.incumbent
            && self.compare_last(loser, winner).is_gt()
        {
            return Reason::Existing;
        }
        match (loser.identity ^ winner.identity).leading_zeros() {
            0..=47 => Reason::RouterId,
            48..=63 => Reason::ClusterListLen,
            _ if (loser.addr, loser.ifindex) != (winner.addr, winner.ifindex) => {
                Reason::PeerAddress
            }
            _ => Reason::PathId,
        }
    }
}

/// RFC 5004 section 3: the best path there is stays against another eBGP path, unless both come
/// from the same router.
const fn keeps(there: &Candidate, other: &Candidate) -> bool {
    there.near & EBGP != 0 && other.near & EBGP != 0 && there.identity >> 16 != other.identity >> 16
}

/// The AS_PATH of a canonical set; empty if it has none.
fn as_path(canonical: &[u8]) -> &[u8] {
    attr::find(canonical, AttrType::AS_PATH).unwrap_or_default()
}
