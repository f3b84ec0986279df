//! The provider-neutral form of a policy: plain data, compared and hashed by content.
//!
//! **For**: whoever configures the table. **Sits**: input of [`super::compile`]; part of an export
//! group's key, where equal content means one group. **How it works**: see the fields.
//! **Invariants**: a [`PrefixRange`] always has `len <= ge <= le <= address length`.
//! **References**: RFC 4271 section 5.1, RFC 1997, RFC 4360, RFC 7432 section 7, RFC 8092, RFC 9012.

use std::{
    fmt,
    hash::{BuildHasher, Hash, Hasher},
    net::IpAddr,
};

use bgp_wire::{Asn, Community, ExtCommunity, Family, LargeCommunity, MacAddr, Prefix};
use foldhash::fast::FixedState;

use super::{AsPathPattern, EvpnType};

/// What happens to a route when no term says otherwise.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum Disposition {
    /// Let it pass unchanged.
    Permit,
    /// Stop it.
    Deny,
}

/// An ordered list of terms; the first that matches decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// Terms in the order of evaluation.
    pub terms: Vec<Term>,
    /// Decides when no term matches.
    pub default: Disposition,
}

impl Policy {
    /// Permits everything unchanged.
    pub const PERMIT_ALL: Self = Self { terms: Vec::new(), default: Disposition::Permit };
    /// Stops everything; the stand-in for a policy that is referred to but does not exist.
    pub const DENY_ALL: Self = Self { terms: Vec::new(), default: Disposition::Deny };

    /// Joins policies into one list of terms. No policy at all permits everything; otherwise the
    /// default of the last one decides when no term of any of them matches.
    pub fn concat(policies: impl IntoIterator<Item = Self>) -> Self {
        policies.into_iter().fold(Self::PERMIT_ALL, |mut all, policy| {
            all.terms.extend(policy.terms);
            all.default = policy.default;
            all
        })
    }
}

/// One step of a policy: conditions that must all hold, and what then happens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Term {
    /// Shown by `explain`; need not be unique.
    pub name: String,
    /// All of these must hold; an empty list always does.
    pub matches: Vec<Match>,
    /// What a match leads to.
    pub action: Action,
}

/// What a matching term does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Pass on, with these changes applied in order.
    Permit(Vec<Set>),
    /// Stop the route.
    Deny,
}

/// One condition of a term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Match {
    /// Always holds.
    Any,
    /// The route's address family.
    Family(Family),
    /// The prefix lies in at least one of these ranges. Of VPN and EVPN type 5 routes the prefix
    /// behind the route distinguisher is meant; other routes have none.
    PrefixIn(Vec<PrefixRange>),
    /// AS_PATH, as the text that [`AsPathPattern`] describes, matches.
    AsPath(AsPathPattern),
    /// The next hop as received lies in one of these prefixes (the global address, where there are
    /// two). A route originated here has none.
    NextHopIn(Vec<Prefix>),
    /// At least one of these is attached (RFC 1997).
    AnyCommunity(Vec<Community>),
    /// At least one of these is attached (RFC 8092).
    AnyLargeCommunity(Vec<LargeCommunity>),
    /// At least one of these is attached (RFC 4360); compared byte for byte.
    AnyExtCommunity(Vec<ExtCommunity>),
    /// LOCAL_PREF has exactly this value; false where it is absent.
    LocalPref(u32),
    /// MULTI_EXIT_DISC has exactly this value; false where it is absent.
    Med(u32),
    /// An EVPN route of one of these types.
    EvpnType(Vec<EvpnType>),
    /// An EVPN route with this VNI, 24 bits: a label of its NLRI, or that of the tunnel (type 3).
    EvpnVni(u32),
    /// An EVPN route about this station (type 2).
    EvpnMac(MacAddr),
    /// The MAC Mobility community says that the station does not move (RFC 7432 section 15.2).
    StickyMac,
}

/// Prefixes covered by `prefix` whose length is between `ge` and `le`, both included.
#[derive(Copy, Clone, PartialEq, Eq, Hash)]
pub struct PrefixRange {
    prefix: Prefix,
    ge: u8,
    le: u8,
}

impl PrefixRange {
    /// Covered prefixes of length `ge` to `le`. `None` unless
    /// `prefix length <= ge <= le <= 32` (128 for IPv6).
    pub fn new(prefix: Prefix, ge: u8, le: u8) -> Option<Self> {
        (prefix.len() <= ge && ge <= le && le <= max_len(&prefix)).then_some(Self {
            prefix,
            ge,
            le,
        })
    }

    /// Only `prefix` itself.
    pub fn exact(prefix: Prefix) -> Self {
        Self { prefix, ge: prefix.len(), le: prefix.len() }
    }

    /// `prefix` and everything more specific.
    pub fn or_longer(prefix: Prefix) -> Self {
        Self { prefix, ge: prefix.len(), le: max_len(&prefix) }
    }

    /// The covering prefix.
    pub fn prefix(&self) -> Prefix {
        self.prefix
    }

    /// Shortest length that matches, in bits.
    pub fn ge(&self) -> u8 {
        self.ge
    }

    /// Longest length that matches, in bits.
    pub fn le(&self) -> u8 {
        self.le
    }
}

impl fmt::Debug for PrefixRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ge {} le {}", self.prefix, self.ge, self.le)
    }
}

fn max_len(prefix: &Prefix) -> u8 {
    match prefix.addr() {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// ORIGIN (RFC 4271 section 5.1.1).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Origin {
    /// Interior to the originating AS.
    Igp = 0,
    /// Learned by EGP (RFC 904).
    Egp = 1,
    /// By other means.
    Incomplete = 2,
}

/// One change to a permitted route.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Set {
    /// Sets LOCAL_PREF. Never leaves the AS: an external group strips it again.
    LocalPref(u32),
    /// Sets or removes MULTI_EXIT_DISC. A value set on export is sent to external peers too.
    Med(Option<u32>),
    /// Sets ORIGIN.
    Origin(Origin),
    /// Adds communities that are not there yet.
    CommunitiesAdd(Vec<Community>),
    /// Removes communities.
    CommunitiesRemove(Vec<Community>),
    /// Replaces all communities; an empty list removes them all.
    CommunitiesReplace(Vec<Community>),
    /// Adds large communities that are not there yet.
    LargeCommunitiesAdd(Vec<LargeCommunity>),
    /// Removes large communities.
    LargeCommunitiesRemove(Vec<LargeCommunity>),
    /// Replaces all large communities; an empty list removes them all.
    LargeCommunitiesReplace(Vec<LargeCommunity>),
    /// Adds extended communities that are not there yet.
    ExtCommunitiesAdd(Vec<ExtCommunity>),
    /// Removes extended communities.
    ExtCommunitiesRemove(Vec<ExtCommunity>),
    /// Sets the one Color community, flags 0, in place of others (RFC 9012 section 4.3).
    Color(u32),
    /// Prepends an AS to AS_PATH, before the local AS is added on export to an external peer.
    Prepend {
        /// Which AS; the local one when absent.
        asn: Option<Asn>,
        /// How many times; 0 does nothing.
        count: u8,
    },
    /// Puts this sequence in place of AS_PATH, before the local AS is added on export to an external
    /// peer. Loops through the ASes left out are no longer seen (RFC 4271 section 9.1.2).
    AsPathReplace(Vec<Asn>),
    /// Chooses the next hop. Export only: [`super::ImportPolicy::new`] refuses it.
    NextHop(NextHopSet),
}

/// A next hop chosen by policy.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum NextHopSet {
    /// The group's own address.
    Own,
    /// This address.
    Address(IpAddr),
}

/// Policies evaluated one after another: each stage sees what the one before permitted, with that
/// stage's changes. Compared by content; the hash is computed once.
#[derive(Clone, Debug)]
pub struct Chain {
    stages: Vec<Policy>,
    hash: u64,
}

impl Chain {
    /// Stages in the order of evaluation. Stages that permit everything are left out, so that
    /// chains with the same effect compare equal more often.
    pub fn new(stages: impl IntoIterator<Item = Policy>) -> Self {
        let stages: Vec<_> = stages.into_iter().filter(|s| *s != Policy::PERMIT_ALL).collect();
        let hash = FixedState::default().hash_one(&stages);
        Self { stages, hash }
    }

    /// A chain that permits everything unchanged.
    pub fn permit_all() -> Self {
        Self::new([])
    }

    /// The stages in order.
    pub fn stages(&self) -> &[Policy] {
        &self.stages
    }

    /// Some term changes what it permits.
    pub fn changes_routes(&self) -> bool {
        let actions = self.stages.iter().flat_map(|stage| &stage.terms).map(|term| &term.action);
        actions.into_iter().any(|action| matches!(action, Action::Permit(sets) if !sets.is_empty()))
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self::permit_all()
    }
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.stages == other.stages
    }
}

impl Eq for Chain {}

impl Hash for Chain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}
