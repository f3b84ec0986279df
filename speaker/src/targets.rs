//! Route target constraint: what each neighbour wants of VPN and EVPN routes, and what we want.
//!
//! **For**: RFC 4684. **Sits**: between [`ingest`](crate::ingest), which takes memberships in as routes
//! of their family, and [`egress`](crate::egress), where the wishes become part of a session's group
//! key. **How it works**: a neighbour that agreed on the family is sent nothing that is constrained
//! until the End-of-RIB of its memberships, or [`LONGEST`]; from then on what its Adj-RIB-In of the
//! family says. A change of wishes is a change of group: only differences are sent.
//!
//! We hold every route and pass on what each neighbour wants, so we ask each of them for everything, by
//! the default route target. Memberships are passed on like other routes, so that speakers behind us
//! can do the same.
//!
//! **Invariants**: wishes are those of the present session. **References**: RFC 4684 sections 3.2, 4
//! and 6.

use std::time::{Duration, Instant};

use bgp_fsm::Negotiated;
use bgp_wire::{Family, RouteTargetMembership};
use rib::export::RouteTargets;
use rib::{NextHopId, PathFlags, PeerIx, Reason, RowId, is_constrained};
use tracing::warn;

use crate::alarm::Alarm;
use crate::core::Core;

/// The longest wait for a neighbour's memberships (RFC 4684 section 6 leaves it open).
const LONGEST: Duration = Duration::from_secs(60);

/// ORIGIN IGP and an empty AS_PATH.
const OURS: [u8; 7] = [0x40, 1, 1, 0, 0x40, 2, 0];

/// What a neighbour wants before it has said anything.
pub(crate) fn first_targets(negotiated: &Negotiated) -> RouteTargets {
    let families = negotiated.families;
    match families.contains(Family::ROUTE_TARGET) && families.iter().any(is_constrained) {
        true => RouteTargets::Pending,
        false => RouteTargets::All,
    }
}

impl Core {
    /// A session is up: where both sides take part, we ask for everything and wait for its wishes.
    pub(crate) fn begin_targets(&mut self, ix: PeerIx, now: Instant) {
        let Some(life) = self.lives.get(ix) else { return };
        if !life.established.negotiated.families.contains(Family::ROUTE_TARGET) {
            return;
        }
        if life.targets == RouteTargets::Pending {
            self.alarms.set(Alarm::TargetsOverdue(ix), now + LONGEST);
        }
        let attr = self.rib.attrs.intern(&OURS);
        let all = RouteTargetMembership::DEFAULT;
        self.rib.announce(self.local, 0, all, attr, NextHopId::LOCAL, PathFlags::NONE);
        self.rib.attrs.release(attr);
    }

    /// A neighbour's memberships have changed, or their End-of-RIB has come.
    pub(crate) fn review_targets(&mut self, ix: PeerIx) {
        let Some(life) = self.lives.get(ix) else { return };
        if life.end_of_rib.contains(Family::ROUTE_TARGET) {
            self.alarms.clear(Alarm::TargetsOverdue(ix));
        } else if life.targets == RouteTargets::Pending {
            return;
        }
        self.take_targets(ix);
    }

    /// The End-of-RIB has not come: what is here counts.
    pub(crate) fn targets_overdue(&mut self, ix: PeerIx) {
        let Some(life) = self.lives.get(ix) else { return };
        warn!(peer = %life.name, "no End-of-RIB of its route target memberships within {LONGEST:?}; \
            those here are taken for all");
        self.take_targets(ix);
    }

    fn take_targets(&mut self, ix: PeerIx) {
        let page = self.rib.adj_rib_in::<RouteTargetMembership>(ix, RowId(0), u32::MAX);
        // Whoever wants routes need not be reachable by a route of the kernel.
        // While the neighbour says everything once more, what it said before still holds.
        let again = self.alarms.is_set(Alarm::RefreshOverdue(ix, Family::ROUTE_TARGET));
        let counts = |path| {
            matches!(self.rib.ineligible(path), None | Some(Reason::Unresolved))
                && (again || !self.rib.is_stale::<RouteTargetMembership>(path))
        };
        let wanted = page.paths.iter().filter(|(_, path)| counts(path)).map(|(key, _)| *key);
        let targets = RouteTargets::of(wanted);
        let Some(life) = self.lives.get_mut(ix) else { return };
        if life.established.negotiated.families.iter().any(is_constrained)
            && life.targets != targets
        {
            life.targets = targets;
            self.regroup(ix);
        }
    }
}
