//! Route refresh, both ways: asking, and what BoRR and EoRR do to what is held.
//!
//! **For**: RFC 2918 and RFC 7313. **Sits**: between [`session`](crate::session), which hands over
//! what arrives, and the tables. **How it works**: a request is answered by the exporter, between
//! BoRR and EoRR where both agreed on it. A BoRR of the neighbour makes its routes of the family
//! stale (they stay in use), each one announced again is fresh, the EoRR sweeps the rest. An EoRR that
//! does not come within [`LONGEST`] is taken as come.
//! **Invariants**: a BoRR before the family's End-of-RIB, and an EoRR without BoRR, are ignored.
//! **References**: RFC 2918 sections 3 and 4, RFC 7313 section 4.

use std::time::{Duration, Instant};

use bgp_wire::{Family, RouteRefresh};
use bytes::Bytes;
use rib::PeerIx;
use tracing::{debug, warn};

use crate::alarm::Alarm;
use crate::core::Core;

/// The longest time between a BoRR and its EoRR. RFC 7313 section 4 leaves it open.
const LONGEST: Duration = Duration::from_secs(360);

impl Core {
    /// A ROUTE-REFRESH of a negotiated family arrived.
    pub(crate) fn route_refresh(&mut self, ix: PeerIx, refresh: &RouteRefresh, now: Instant) {
        let family = refresh.family;
        match refresh.subtype {
            RouteRefresh::REQUEST => {
                if let Some(counts) = self.lives.get_mut(ix).and_then(|l| l.tally.family(family)) {
                    counts.refresh_requests += 1;
                }
                self.send_again(ix, family);
            }
            RouteRefresh::BEGIN => self.begin_refresh(ix, family, now),
            RouteRefresh::END => self.end_refresh(ix, family),
            _ => {}
        }
    }

    /// Sends a neighbour all routes of a family once more.
    pub(crate) fn send_again(&mut self, ix: PeerIx, family: Family) {
        let Some(life) = self.lives.get(ix) else { return };
        let Some(member) = life.member else { return };
        if life.established.negotiated.enhanced_route_refresh {
            self.exports.refresh_enhanced(member, family);
        } else {
            self.exports.refresh(member, family);
        }
    }

    /// Asks a neighbour for all its routes of a family; does nothing when it cannot be asked.
    pub(crate) fn request_refresh(&mut self, ix: PeerIx, family: Family) -> bool {
        let Some(life) = self.lives.get_mut(ix) else { return false };
        let negotiated = &life.established.negotiated;
        if !negotiated.route_refresh || !negotiated.families.contains(family) {
            return false;
        }
        let mut frame = Vec::new();
        RouteRefresh::new(family, RouteRefresh::REQUEST).encode(&mut frame);
        // Closed: the session is ending, and the next one starts from nothing.
        let _closed = life.outbox.push(Bytes::from(frame));
        if let Some(counts) = life.tally.family(family) {
            counts.refreshes_asked += 1;
        }
        true
    }

    fn begin_refresh(&mut self, ix: PeerIx, family: Family, now: Instant) {
        let Some(life) = self.lives.get(ix) else { return };
        // Before the first transfer is over there is nothing to repeat (RFC 7313 section 4).
        let sends_end = life.established.negotiated.peer_graceful_restart().is_some();
        if sends_end && !life.end_of_rib.contains(family) {
            debug!(peer = %life.name, %family, "a BoRR before End-of-RIB is ignored");
            return;
        }
        self.rib.mark_stale(ix, family);
        self.alarms.set(Alarm::RefreshOverdue(ix, family), now + LONGEST);
    }

    fn end_refresh(&mut self, ix: PeerIx, family: Family) {
        if self.alarms.clear(Alarm::RefreshOverdue(ix, family)) {
            self.rib.sweep_stale(ix, family);
            if family == Family::ROUTE_TARGET {
                self.review_targets(ix);
            }
        }
    }

    /// The EoRR has not come in time.
    pub(crate) fn refresh_overdue(&mut self, ix: PeerIx, family: Family) {
        let Some(life) = self.lives.get(ix) else { return };
        warn!(peer = %life.name, %family, "began a refresh and did not end it within {LONGEST:?}; \
            routes it has not repeated are removed");
        self.rib.sweep_stale(ix, family);
    }
}
