//! From objects to the intent of one node, and a verdict for every object.
//!
//! **For**: the meaning of the API, in one pure function. **Sits**: between [`crate::Index`] and whoever
//! carries intent out. **How it works**, in this order, each step reading what those before it made:
//!
//! 1. `node`: which providers run here, and the automatic router ID;
//! 2. `routers`: one for each instance and provider, one for each BGPRouter of this node;
//! 3. `policies`: every policy lowered and attached;
//! 4. `peers`: BGPPeers and expanded BGPSessions, built and put into routers, neighbours that
//!    occur twice sorted out;
//! 5. `originations`: prefixes, filtered by their policy, contradictions sorted out.
//!
//! Whatever cannot be used is refused with a reason on its object and leaves the rest alone.
//! **Invariants**: the result depends on the set of objects only, not on the order in which they
//! came; the intent is valid ([`Intent::validate`]). Of two contradicting objects the older counts,
//! of equally old ones the first by kind, namespace and name.
//! **References**: RFC 4271 sections 5.1, 8, 9; RFC 8212.

mod auth;
mod lower;
mod node;
mod originations;
mod peer;
mod peer_options;
mod peers;
mod policies;
mod routers;
mod sessions;
mod verdict;

use intent::{Intent, ObjectRef};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub use self::verdict::{RouterVerdict, Verdict};
use self::{
    node::LocalNode, originations::Originations, peers::Peers, policies::Policies,
    routers::Routers, verdict::Verdicts,
};
use crate::{Index, object::Stored};

/// What the objects come to on one node.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    /// What the node should do.
    pub intent: Intent,
    /// One for each object of ours, ordered by kind, namespace and name.
    pub verdicts: Vec<Verdict>,
}

/// What the objects come to on the node of this name.
pub fn compile(index: &Index, node: &str) -> Compiled {
    let mut verdicts = Verdicts::default();
    let node = LocalNode::new(index, node, &mut verdicts);
    let mut routers = Routers::new(index, &node, &mut verdicts);
    let policies = Policies::new(index, &routers, &mut verdicts);
    let peers = Peers::new(index, &node, &routers, &mut verdicts);
    let labels = peers.place(index, &node, &policies, &mut routers, &mut verdicts);
    Originations::new(index, &routers, &policies, &labels, &mut verdicts).place(&mut routers);
    let intent = Intent {
        routers: routers.drafts.into_iter().map(|(name, draft)| (name, draft.router)).collect(),
    };
    debug_assert_eq!(intent.validate(), [], "what is invalid is refused above");
    Compiled { intent, verdicts: verdicts.finish(index) }
}

/// Order in which contradicting objects count: older first, then by key. Objects of unknown age are
/// the youngest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Age {
    unknown: bool,
    created: Option<Time>,
    key: ObjectRef,
}

impl Age {
    fn of(stored: &Stored) -> Self {
        let created = stored.created().cloned();
        Self { unknown: created.is_none(), created, key: stored.object.key() }
    }
}

#[cfg(test)]
mod tests;
