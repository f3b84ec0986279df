//! The receiving speaker: routes of a neighbour that is away.
//!
//! **How it works.** Each family of a lost session goes its own way, with one deadline at a time:
//!
//! ```text
//!   session lost ──> Away ── restart time passed ──> LongLived ── stale time passed ──> swept
//!                     │            (without LLGR: swept)   │
//!                     └── session back, F bit set ─────────┴──> Back / LongLived
//!                          (else: swept at once)                 │
//!                                       End-of-RIB, or stale-path time passed ──> swept
//! ```
//!
//! A second loss before the End-of-RIB sweeps what was still stale, and begins anew with the rest.
//!
//! **Where it sits.** Part of [`Core`]; the rows are marked and swept by [`rib::Rib`], the deadlines
//! are watched by [`Shared::watch_restarts`](crate::router::Shared).
//!
//! **Invariants.** A neighbour has kept routes only while its configuration wants them kept; without
//! a session they belong to a lost peer of the tables, with one to the session's own.
//!
//! References: RFC 4724 section 4.2, RFC 8538 section 4, RFC 9494 section 4.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_fsm::{DownReason, Negotiated};
use bgp_wire::Family;
use rib::{PeerInfo, PeerIx, each_family};
use tracing::info;

use crate::config::NeighborConfig;
use crate::core::{Core, Neighbor};
use crate::life::Life;
use crate::view::RestartView;

/// Routes of one neighbour that are stale.
#[derive(Debug)]
pub(crate) struct Kept {
    ix: PeerIx,
    families: Vec<KeptFamily>,
}

/// See the module's documentation.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptFamily {
    pub(crate) family: Family,
    pub(crate) phase: Phase,
    /// When the phase ends by itself.
    pub(crate) until: Instant,
}

/// Where a family with stale routes is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No session; after the restart time the routes may become long-lived ones for this long.
    Away(Option<Duration>),
    /// The last resort, with or without a session.
    LongLived,
    /// The session is back and the neighbour sends its routes.
    Back,
}

impl Phase {
    /// The word for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Away(_) => "waiting-for-peer",
            Self::LongLived => "long-lived",
            Self::Back => "waiting-for-end-of-rib",
        }
    }
}

impl Kept {
    pub(crate) fn ix(&self) -> PeerIx {
        self.ix
    }

    fn take(&mut self, family: Family) -> Option<KeptFamily> {
        let at = self.families.iter().position(|kept| kept.family == family)?;
        Some(self.families.swap_remove(at))
    }
}

impl Core {
    /// A session has ended: its routes are kept, or stop counting at once and are swept in slices.
    pub(crate) fn keep_or_drop(
        &mut self,
        ix: PeerIx,
        life: &Life,
        reason: &DownReason,
        now: Instant,
    ) {
        let neighbor = self.neighbors.get_mut(&life.name);
        let earlier = neighbor.and_then(|neighbor| neighbor.kept.take());
        let families = kept_families(life, reason, now);
        if families.is_empty() {
            self.rib.peer_down(ix);
            return;
        }
        for stale in earlier.iter().flat_map(|kept| &kept.families) {
            self.rib.sweep_stale(ix, stale.family);
        }
        self.rib.peer_lost(ix);
        for family in life.established.negotiated.families.iter() {
            match families.iter().find(|kept| kept.family == family) {
                Some(kept) if kept.phase == Phase::LongLived => {
                    self.rib.begin_long_lived(ix, family);
                }
                Some(_) => {}
                None => self.rib.sweep_stale(ix, family),
            }
        }
        if let Some(neighbor) = self.neighbors.get_mut(&life.name) {
            info!(peer = %life.name, "{reason}; its routes are kept as stale");
            neighbor.kept = Some(Kept { ix, families });
        }
    }

    /// A neighbour is back: the peer its kept routes belong to. What it has not preserved is swept.
    pub(crate) fn return_of(
        &mut self,
        name: &Arc<str>,
        info: &PeerInfo,
        negotiated: &Negotiated,
        now: Instant,
    ) -> Option<PeerIx> {
        let neighbor = self.neighbors.get_mut(name)?;
        let mut kept = neighbor.kept.take()?;
        let Some(config) = neighbor.config.graceful_restart else {
            self.rib.peer_down(kept.ix);
            return None;
        };
        let before = self.rib.peers().info(kept.ix);
        let same = (before.addr, before.ifindex, before.asn, before.kind)
            == (info.addr, info.ifindex, info.asn, info.kind);
        if !same || !self.rib.peer_back(kept.ix, info.clone()) {
            self.rib.peer_down(kept.ix);
            return None;
        }
        let bound = now + Duration::from_secs(config.stale_time.into());
        kept.families.retain_mut(|stale| {
            let restart = negotiated.restart.as_ref();
            let preserved = restart.is_some_and(|restart| match stale.phase {
                Phase::LongLived => restart.long_lived(stale.family).is_some_and(|f| f.forwarding),
                Phase::Away(_) | Phase::Back => restart.preserved(stale.family) == Some(true),
            });
            if !preserved {
                self.rib.sweep_stale(kept.ix, stale.family);
                return false;
            }
            if stale.phase != Phase::LongLived {
                *stale = KeptFamily { phase: Phase::Back, until: bound, ..*stale };
            }
            true
        });
        let ix = kept.ix;
        neighbor.kept = (!kept.families.is_empty()).then_some(kept);
        Some(ix)
    }

    /// The End-of-RIB of a neighbour: what it has not announced again is gone.
    pub(crate) fn end_of_kept(&mut self, name: &Arc<str>, family: Family) {
        let Some(neighbor) = self.neighbors.get_mut(name) else { return };
        let Some(kept) = &mut neighbor.kept else { return };
        if kept.take(family).is_some() {
            self.rib.sweep_stale(kept.ix, family);
        }
        if kept.families.is_empty() {
            neighbor.kept = None;
        }
    }

    /// A neighbour's routes are not to be kept any more, if they are.
    pub(crate) fn forget_kept(&mut self, name: &str) {
        let Some(neighbor) = self.neighbors.get_mut(name) else { return };
        let Some(kept) = neighbor.kept.take() else { return };
        if neighbor.life.is_none() {
            self.rib.peer_down(kept.ix);
            return;
        }
        for stale in kept.families {
            self.rib.sweep_stale(kept.ix, stale.family);
        }
    }

    /// Does what is due at `now`.
    pub(crate) fn expire_kept(&mut self, now: Instant) {
        for (name, neighbor) in &mut self.neighbors {
            let Some(kept) = &mut neighbor.kept else { continue };
            let ix = kept.ix;
            kept.families.retain_mut(|stale| {
                if stale.until > now {
                    return true;
                }
                if let Phase::Away(Some(time)) = stale.phase {
                    info!(peer = %name, family = %stale.family, "did not come back in its restart time; long-lived stale");
                    self.rib.begin_long_lived(ix, stale.family);
                    *stale = KeptFamily { phase: Phase::LongLived, until: stale.until + time, ..*stale };
                    return true;
                }
                info!(peer = %name, family = %stale.family, phase = stale.phase.name(), "time is up; stale routes go");
                self.rib.sweep_stale(ix, stale.family);
                false
            });
            if kept.families.is_empty() {
                if neighbor.life.is_none() {
                    self.rib.peer_down(ix);
                }
                neighbor.kept = None;
            }
        }
    }

    /// When [`expire_kept`](Self::expire_kept) has something to do next.
    pub(crate) fn next_expiry(&self) -> Option<Instant> {
        let kept = self.neighbors.values().filter_map(|neighbor| neighbor.kept.as_ref());
        kept.flat_map(|kept| &kept.families).map(|stale| stale.until).min()
    }
}

impl Core {
    /// What is agreed on with a neighbour, and what runs; `None` without either.
    pub(crate) fn restart_view(&self, neighbor: &Neighbor, now: Instant) -> Option<RestartView> {
        let life = neighbor.life.and_then(|ix| self.lives.get(ix));
        let agreed = life.and_then(|life| life.established.negotiated.restart.as_ref());
        let kept = neighbor.kept.as_ref();
        if agreed.is_none() && kept.is_none() {
            return None;
        }
        let mut view = RestartView { state: "inactive".to_owned(), ..RestartView::default() };
        if let Some(restart) = agreed {
            view.families = restart.families.iter().map(|f| f.family.to_string()).collect();
            view.peer_restart_secs =
                u16::try_from(restart.restart_time.as_secs()).unwrap_or(u16::MAX);
        }
        // The family whose time is up first speaks for all.
        let first = kept.and_then(|kept| kept.families.iter().min_by_key(|stale| stale.until));
        if let (Some(kept), Some(first)) = (kept, first) {
            view.state = first.phase.name().to_owned();
            view.stale_secs_left = Some(first.until.saturating_duration_since(now).as_secs());
            each_family!(P => {
                view.stale_paths += u64::from(self.rib.counts::<P>(kept.ix).stale);
            });
        }
        Some(view)
    }
}

/// Families of an ended session whose routes are kept.
fn kept_families(life: &Life, reason: &DownReason, now: Instant) -> Vec<KeptFamily> {
    let (Some(config), Some(restart)) =
        (life.config.graceful_restart, &life.established.negotiated.restart)
    else {
        return Vec::new();
    };
    let retained = restart.retained(reason);
    retained
        .iter()
        .map(|family| {
            let long_lived = match (config.long_lived, restart.long_lived(family)) {
                (Some(ours), Some(theirs)) => {
                    Some(Duration::from_secs(ours.min(theirs.stale_time).into()))
                }
                _ => None,
            };
            match (restart.preserved(family), long_lived) {
                // RFC 9494 section 4.2: not in the first capability, so its restart time is 0.
                (None, Some(time)) => {
                    KeptFamily { family, phase: Phase::LongLived, until: now + time }
                }
                (_, long_lived) => KeptFamily {
                    family,
                    phase: Phase::Away(long_lived),
                    until: now + restart.restart_time,
                },
            }
        })
        .collect()
}

/// Whether a change of configuration ends the keeping of routes.
pub(crate) fn ends_keeping(config: &NeighborConfig) -> bool {
    config.graceful_restart.is_none() || config.shutdown.is_some()
}
