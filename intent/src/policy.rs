//! Routing policy as plain data.
//!
//! **For**: what a peer may send us and what we send it. **Sits**: on [`crate::Peer`], lowered to
//! the table's own form by the provider. **How it works**: a [`PolicyChain`] is a list of stages;
//! each [`Policy`] is a list of terms of which the first that matches decides; a permitted route
//! goes on to the next stage with the changes made so far.
//! **Invariants**: a [`PrefixRange`] has `prefix length <= ge <= le <= address length`.
//! **References**: RFC 4271 section 5.1, RFC 1997, RFC 4360, RFC 7432, RFC 8092, RFC 9012.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;

use crate::{AsPathPattern, Asn, Community, ExtCommunity, Family, LargeCommunity, Mac, PolicyName};

/// What happens to a route when no term matches.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Disposition {
    /// It passes unchanged.
    Permit,
    /// It is stopped.
    Deny,
}

/// Stages evaluated one after another; each sees what the one before permitted, as changed by it.
/// No stage at all permits everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct PolicyChain(pub Vec<Policy>);

impl PolicyChain {
    /// The stages in order.
    pub fn stages(&self) -> &[Policy] {
        &self.0
    }

    /// Whether no policy is attached.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// An ordered list of terms; the first that matches decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    /// Shown by `explain`; need not be unique.
    pub name: PolicyName,
    /// In the order of evaluation.
    pub terms: Vec<Term>,
    /// Decides when no term matches.
    pub default: Disposition,
}

impl Policy {
    /// Stops everything: the stand-in for a policy that is named but cannot be used.
    pub fn deny_all(name: impl Into<String>) -> Self {
        Self { name: PolicyName::new(name), terms: Vec::new(), default: Disposition::Deny }
    }
}

/// Conditions that must all hold, and what follows when they do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Term {
    /// Shown by `explain`, such as `default/only-loopbacks:10`.
    pub name: String,
    /// All must hold; none at all always does.
    pub matches: Vec<Match>,
    /// What follows.
    pub action: Action,
}

/// What a matching term does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Let the route pass with these changes, made in order.
    Permit(Vec<Set>),
    /// Stop the route.
    Deny,
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Match {
    /// The route is of this family.
    Family(Family),
    /// The prefix lies in at least one of these ranges.
    PrefixIn(Vec<PrefixRange>),
    /// The AS path matches.
    AsPath(AsPathPattern),
    /// The next hop as received lies in one of these; a route originated here has none.
    NextHopIn(Vec<IpNet>),
    /// At least one of these is attached.
    AnyCommunity(Vec<Community>),
    /// At least one of these is attached.
    AnyLargeCommunity(Vec<LargeCommunity>),
    /// At least one of these is attached.
    AnyExtCommunity(Vec<ExtCommunity>),
    /// LOCAL_PREF is present with this value.
    LocalPref(u32),
    /// MULTI_EXIT_DISC is present with this value.
    Med(u32),
    /// An EVPN route of one of these types.
    EvpnType(Vec<EvpnType>),
    /// An EVPN route with this VXLAN network identifier, 24 bits.
    EvpnVni(u32),
    /// An EVPN route about this station.
    EvpnMac(Mac),
    /// The MAC Mobility community says that the station does not move (RFC 7432 section 15.2).
    StickyMac,
}

/// An EVPN route type that policy can name (RFC 7432 section 7, RFC 9136).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum EvpnType {
    /// Type 2.
    MacIp,
    /// Type 3.
    InclusiveMulticast,
    /// Type 5, an IPv4 prefix.
    IpPrefixV4,
    /// Type 5, an IPv6 prefix.
    IpPrefixV6,
}

/// Prefixes inside `prefix` whose length is `ge` to `le`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct PrefixRange {
    prefix: IpNet,
    ge: u8,
    le: u8,
}

impl PrefixRange {
    /// `None` unless `prefix length <= ge <= le <= address length`. Host bits are cleared.
    pub fn new(prefix: IpNet, ge: u8, le: u8) -> Option<Self> {
        let holds = prefix.prefix_len() <= ge && ge <= le && le <= prefix.max_prefix_len();
        holds.then(|| Self { prefix: prefix.trunc(), ge, le })
    }

    /// Only the prefix itself.
    pub fn exact(prefix: IpNet) -> Self {
        Self { prefix: prefix.trunc(), ge: prefix.prefix_len(), le: prefix.prefix_len() }
    }

    /// The prefix and everything more specific.
    pub fn or_longer(prefix: IpNet) -> Self {
        Self { prefix: prefix.trunc(), ge: prefix.prefix_len(), le: prefix.max_prefix_len() }
    }

    /// The covering prefix, host bits zero.
    pub fn prefix(&self) -> IpNet {
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

    /// Whether `prefix` lies in the range.
    pub fn contains(&self, prefix: &IpNet) -> bool {
        (self.ge..=self.le).contains(&prefix.prefix_len()) && self.prefix.contains(prefix)
    }
}

/// ORIGIN (RFC 4271 section 5.1.1).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// Interior to the originating AS.
    #[default]
    Igp,
    /// Learned by EGP.
    Egp,
    /// By other means.
    Incomplete,
}

/// One change to a permitted route.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Set {
    /// Sets LOCAL_PREF; external sessions never carry it.
    LocalPref(u32),
    /// Sets MULTI_EXIT_DISC.
    Med(u32),
    /// Sets ORIGIN.
    Origin(Origin),
    /// Adds what is not there yet.
    CommunitiesAdd(Vec<Community>),
    /// Removes these.
    CommunitiesRemove(Vec<Community>),
    /// Replaces all standard communities; an empty list removes them all.
    CommunitiesReplace(Vec<Community>),
    /// Adds what is not there yet.
    LargeCommunitiesAdd(Vec<LargeCommunity>),
    /// Removes these.
    LargeCommunitiesRemove(Vec<LargeCommunity>),
    /// Replaces all large communities; an empty list removes them all.
    LargeCommunitiesReplace(Vec<LargeCommunity>),
    /// Adds what is not there yet.
    ExtCommunitiesAdd(Vec<ExtCommunity>),
    /// Removes these.
    ExtCommunitiesRemove(Vec<ExtCommunity>),
    /// Sets the one Color community (RFC 9012 section 4.3), flags 0, in place of others.
    Color(u32),
    /// Prepends to AS_PATH, before the local AS that an external session adds anyway.
    Prepend {
        /// Which AS; the router's own when absent.
        asn: Option<Asn>,
        /// How many times, at least 1.
        count: u8,
    },
    /// Puts this path in place of AS_PATH, before the local AS that an external session adds anyway.
    AsPathReplace(Vec<Asn>),
    /// Chooses the next hop; means something on export only.
    NextHop(NextHopSet),
}

/// A next hop chosen by policy.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum NextHopSet {
    /// The router's address on the session.
    Own,
    /// This address.
    Address(IpAddr),
}
