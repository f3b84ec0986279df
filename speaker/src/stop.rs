//! Ending a session for what its neighbour announced, and what is told about it.
//!
//! **Sits**: part of [`Shared`]: the tables find out, the session's task acts. **Invariants**: a
//! session that was ended for too many prefixes begins again when its time is over, when its
//! configuration changes or when it is cleared, whichever comes first, and once.
//! **References**: RFC 4486 sections 3 and 4.

use std::sync::{Arc, Weak};

use bgp_fsm::StopReason;
use tracing::{info, warn};

use crate::config::OverLimit;
use crate::limits::{Exceeded, Held, LimitNote, LimitState};
use crate::router::Shared;
use crate::view::SpeakerEvent;

impl Shared {
    /// Cease (Maximum Number of Prefixes Reached), then wait or stay down.
    pub(crate) fn end_over_limit(self: &Arc<Self>, name: &Arc<str>, exceeded: Exceeded) {
        let Exceeded { family, limit } = exceeded;
        let after = {
            let mut core = self.core();
            let Some(neighbor) = core.neighbors.get_mut(name) else { return };
            let after = match neighbor.config.maximum_prefix.map(|m| m.action) {
                Some(OverLimit::Restart(after)) => Some(after),
                Some(OverLimit::Shutdown) => None,
                Some(OverLimit::Refuse) | None => return,
            };
            let until = after.map(|after| crate::clock() + after);
            neighbor.held = Some(Held { exceeded, until });
            after
        };
        warn!(router = %self.name, peer = %name, %family, limit, ?after, "too many prefixes; session ends");
        let session = self.sessions().get(name).and_then(Weak::upgrade);
        let Some(session) = session else { return };
        let (shared, name) = (Arc::downgrade(self), Arc::clone(name));
        tokio::spawn(async move {
            let reason = StopReason::MaximumPrefixes { family, bound: limit };
            // Closed: the task has ended, which is what is asked for.
            if session.hold(reason).await.is_err() {
                return;
            }
            let Some(after) = after else { return };
            tokio::time::sleep(after).await;
            if shared.upgrade().is_some_and(|shared| shared.release(&name)) {
                let _closed = session.start().await;
            }
        });
    }

    /// The time is over; false if something else has let it go before.
    fn release(&self, name: &Arc<str>) -> bool {
        let mut core = self.core();
        let Some(neighbor) = core.neighbors.get_mut(name) else { return false };
        let due = |held: &mut Held| held.until.is_some_and(|until| until <= crate::clock());
        neighbor.held.take_if(due).is_some()
    }

    /// Says what changed, in the log and to subscribers.
    pub(crate) fn tell(&self, notes: Vec<LimitNote>) {
        for note in notes {
            let LimitNote { peer, family, state, count, limit } = note;
            let router = &self.name;
            match state {
                LimitState::Below => {
                    info!(%router, %peer, %family, count, limit, "prefixes are below the threshold again");
                }
                LimitState::Warning => {
                    warn!(%router, %peer, %family, count, limit, "prefixes are near the limit");
                }
                LimitState::Reached => {
                    warn!(%router, %peer, %family, count, limit, "prefix limit reached; further ones are refused");
                }
            }
            self.emit(SpeakerEvent::PrefixLimit {
                router: router.to_string(),
                peer: peer.to_string(),
                family: family.to_string(),
                state,
                count,
                limit,
            });
        }
    }
}
