//! Why a prefix is not sent to a peer.
//!
//! **For**: `explain`, status and tests: the names are stable. **Sits**: returned by the export
//! rules and by [`super::Exports::explain`]. **References**: beside each variant.

use std::fmt;

/// Why a route is withheld from a peer.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotSent {
    /// The peer has no established session here.
    NotEstablished,
    /// The session does not carry this family.
    FamilyNotNegotiated,
    /// The prefix is not in the table.
    UnknownPrefix,
    /// No path of the prefix is eligible.
    NoBestPath,
    /// The path came from this very peer.
    SplitHorizon,
    /// The router advertises only what it originates.
    NotOriginated,
    /// It is eligible, but not among the best so many that are sent (RFC 7911).
    NotAmongBest,
    /// The originated path is meant for other peers.
    OtherPeersOnly,
    /// An internal route does not go to an internal peer without reflection (RFC 4271 section 9.2,
    /// RFC 4456).
    NotReflected,
    /// NO_ADVERTISE is attached (RFC 1997).
    NoAdvertise,
    /// NO_EXPORT is attached and the peer is external (RFC 1997).
    NoExport,
    /// NO_EXPORT_SUBCONFED is attached and the peer is external (RFC 1997).
    NoExportSubconfed,
    /// ONLY_TO_CUSTOMER is attached and the peer is a provider, a route server or a peer by our role
    /// (RFC 9234 section 5).
    OnlyToCustomer,
    /// LLGR_STALE is attached and the peer does not know long-lived graceful restart (RFC 9494
    /// section 4.3).
    LongLivedStale,
    /// Export policy denies it.
    Policy,
    /// No next hop of a form that the session can carry.
    NoNextHop,
    /// The peer has asked for none of its route targets (RFC 4684), or has not said yet what it wants.
    RouteTarget,
    /// Export policy gives it another next hop, but its labels (in EVPN its VNI and gateway too) mean
    /// something only to the one it has.
    LabelNotOurs,
    /// The attributes do not fit into one message to this peer.
    TooLarge,
}

impl NotSent {
    /// The stable name, in kebab case.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotEstablished => "not-established",
            Self::FamilyNotNegotiated => "family-not-negotiated",
            Self::UnknownPrefix => "unknown-prefix",
            Self::NoBestPath => "no-best-path",
            Self::SplitHorizon => "split-horizon",
            Self::NotOriginated => "not-originated",
            Self::NotAmongBest => "not-among-best",
            Self::OtherPeersOnly => "other-peers-only",
            Self::NotReflected => "not-reflected",
            Self::NoAdvertise => "no-advertise",
            Self::NoExport => "no-export",
            Self::NoExportSubconfed => "no-export-subconfed",
            Self::OnlyToCustomer => "only-to-customer",
            Self::LongLivedStale => "long-lived-stale",
            Self::Policy => "policy",
            Self::NoNextHop => "no-next-hop",
            Self::RouteTarget => "route-target",
            Self::LabelNotOurs => "label-not-ours",
            Self::TooLarge => "too-large",
        }
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
