//! UPDATE: the hot path, both ways.
//!
//! What for: taking an UPDATE apart without allocating, judging it by RFC 7606, and packing routes
//! into as few UPDATEs as they fit.
//! Where: the session hands bodies to [`UpdateView::parse`]; the tables take prefixes from the view
//! and canonical attribute bytes from [`UpdateView::attrs`]; update groups call [`pack_announce`].
//! How:
//! ```text
//!   body ──parse──> UpdateView (ranges, checked) ──withdrawn_v4, reach_v6, ...──> prefixes
//!                        │
//!                        └──attrs(scratch)──> canonical bytes | treat-as-withdraw
//!   canonical bytes + next hop + prefixes ──pack_announce──> messages
//! ```
//! What ends the session comes out of `parse`; what costs only routes or attributes comes out of
//! `attrs`, so that a message with the same attribute section as the one before need not ask twice.
//! Invariants: a view that exists can be iterated without errors.
//! References: RFC 4271 sections 4.3 and 6.3, RFC 4760, RFC 7606, RFC 6793, RFC 7911, RFC 8950.

mod as4;
mod canonical;
pub mod findings;
mod judge;
mod mp;
mod next_hop;
mod nlri;
pub mod pack;
mod tidy;
mod view;

pub use canonical::{AttrOutcome, AttrScratch};
pub use findings::{Finding, FindingKind, Verdict, findings, message_findings};
pub use mp::{MpReach, MpUnreach};
pub use nlri::NlriIter;
pub use pack::{EncodeContext, PackStats, end_of_rib, pack_announce, pack_withdraw};
pub use view::UpdateView;

use crate::{asn::Asn, family::FamilySet};

/// What of a session's negotiation changes the meaning of an UPDATE's bytes.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct UpdateContext {
    /// Both sides have offered four-octet AS numbers (RFC 6793).
    pub as4: bool,
    /// The peer is in another AS, or another member AS. Unless it is inside our confederation, its
    /// LOCAL_PREF, ORIGINATOR_ID and CLUSTER_LIST are discarded unread.
    pub ebgp: bool,
    /// The peer is inside our confederation, in our member AS or another (RFC 5065): it may send
    /// confederation segments in AS_PATH, and the attributes that are for internal peers.
    pub confederation: bool,
    /// AIGP is enabled on the session (RFC 7311 section 3.3, AIGP_SESSION). Where it is not, the
    /// attribute is ignored as one of an unknown type would be.
    pub aigp: bool,
    /// The AS whose occurrences in AS_PATH are counted ([`AttrOutcome::Ok`]).
    pub local_as: Asn,
    /// Families that were negotiated; NLRI of others are ignored.
    pub families: FamilySet,
    /// Families whose NLRI from the peer carry path identifiers (RFC 7911).
    pub add_path: FamilySet,
    /// IPv4 families whose routes may come with an IPv6 next hop (RFC 8950).
    pub extended_next_hop: FamilySet,
    /// What a fault in the routes or the next hop of a negotiated family costs.
    pub mp_fault: MpFault,
}

/// What a fault costs that is confined to the next hop or the NLRI of one MP attribute, so that the
/// family is known and its routes are not. RFC 4760 section 7 and RFC 7606 section 2 allow both.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, Default)]
pub enum MpFault {
    /// The session: [`UpdateView::parse`] fails.
    #[default]
    Reset,
    /// The family: [`UpdateView::disabled_family`] names it, its routes are not delivered, the rest
    /// of the message is. The caller must drop the family's routes from this peer and take it out
    /// of [`UpdateContext::families`], so that NLRI of it are ignored from then on.
    DisableFamily,
}

impl Default for UpdateContext {
    /// An external four-octet session with IPv4 and IPv6 unicast and nothing else.
    fn default() -> Self {
        use crate::family::Family;
        Self {
            as4: true,
            ebgp: true,
            confederation: false,
            aigp: false,
            local_as: Asn::ZERO,
            families: [Family::IPV4_UNICAST, Family::IPV6_UNICAST].into_iter().collect(),
            add_path: FamilySet::EMPTY,
            extended_next_hop: FamilySet::EMPTY,
            mp_fault: MpFault::Reset,
        }
    }
}

impl UpdateContext {
    /// Whether the peer is outside: external, and not of our confederation.
    #[inline]
    pub const fn is_outside(&self) -> bool {
        self.ebgp && !self.confederation
    }
}

#[cfg(test)]
pub(crate) mod tests;
