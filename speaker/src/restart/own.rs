//! The restarting speaker: what our OPENs say of our own start, and what waits until we know all.
//!
//! **How it works.** After a restart the tables are empty while the kernel forwards by the routes of
//! the run before, and neighbours keep what it had announced. Nothing is said to neighbours and
//! nothing written to the kernel until every neighbour that can restart gracefully has sent its
//! End-of-RIB (or does not count: see [`Core::has_heard_all`]); then the routes go out, each
//! family's End-of-RIB behind them, and the kernel is brought in step.
//!
//! What we originate is there before the first session is: a router gets its originations with its
//! neighbours, in one piece.
//!
//! **The F bit.** A family is preserved when [`Recorder`](super::record::Recorder) says so. A router
//! that installs no routes forwards by what others install: its F bit is set when the machine has
//! been up for as long as a neighbour would have kept anything, or an earlier run is recorded.
//!
//! **Invariants.** A first start defers nothing and sets no R bit. The deferral is bounded.
//!
//! References: RFC 4724 section 4.1.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_fsm::{Restart, RestartState};
use bgp_wire::{Family, FamilySet};
use tracing::info;

use super::record::{Found, machine_up_for};
use crate::clock;
use crate::config::RouterConfig;
use crate::core::{Core, Neighbor};
use crate::router::Shared;

/// How long a neighbour without a session is waited for: those that are alive have seen our end and
/// answer at once.
const ABSENT: Duration = Duration::from_secs(30);

/// How often convergence is looked at during the deferral.
const POLL: Duration = Duration::from_millis(50);

/// Our own restart, as one router sees it.
#[derive(Debug)]
pub(crate) struct OwnRestart {
    found: Found,
    began: Instant,
    /// Route selection waits.
    deferring: bool,
    /// Neighbours and originations are known.
    sourced: bool,
    lost: FamilySet,
    /// When nobody can have kept anything from before, for a router that installs no routes.
    past_at: Option<Instant>,
}

impl OwnRestart {
    /// At the start of a router.
    pub(crate) fn new(found: Found, now: Instant) -> Self {
        Self {
            found,
            began: now,
            deferring: found.restarted,
            sourced: false,
            lost: FamilySet::EMPTY,
            past_at: None,
        }
    }

    /// What the next OPEN says.
    pub(crate) fn state(&self) -> RestartState {
        RestartState { restarting: self.deferring, lost: self.lost }
    }
}

impl Core {
    /// The first configuration is known, its neighbours are not there yet.
    pub(crate) fn judge_own_restart(&mut self, config: &RouterConfig) {
        if self.own.sourced {
            return;
        }
        // Beyond unicast nothing of ours forwards, so nothing can have been lost (RFC 4724 section 4.1).
        let all: FamilySet = [Family::IPV4_UNICAST, Family::IPV6_UNICAST].into_iter().collect();
        let longest = longest_restart(config);
        let preserved = if self.fib.is_some() {
            self.own.found.preserved
        } else if self.own.found.restarted || machine_up_for() >= longest {
            all
        } else {
            FamilySet::EMPTY
        };
        self.own.lost = all.iter().filter(|family| !preserved.contains(*family)).collect();
        if self.fib.is_none() && !self.own.lost.is_empty() {
            self.own.past_at = Some(self.own.began + longest);
        }
    }

    /// Without routes of our own in the kernel there is nothing to come in step: time is enough.
    fn outlive_the_past(&mut self, now: Instant) -> bool {
        self.own.past_at.take_if(|at| *at <= now).is_some() && self.forwarding_is_whole()
    }

    /// All that is configured is here: the deferral can end.
    pub(crate) fn sources_are_synced(&mut self) {
        self.own.sourced = true;
    }

    /// Whether routes are neither announced nor installed for now.
    pub(crate) fn is_deferring(&self) -> bool {
        self.own.deferring
    }

    /// Ends the deferral if there is nothing more to wait for. Returns whether it ended now.
    pub(crate) fn end_deferral(&mut self, now: Instant) -> bool {
        if !self.own.deferring || !self.own.sourced {
            return false;
        }
        let waited = now.saturating_duration_since(self.own.began);
        let bounded = waited >= longest_restart_of(self.neighbors.values());
        if !bounded && !self.has_heard_all(waited) {
            return false;
        }
        info!(
            waited_ms = waited.as_millis(),
            complete = !bounded,
            "restart: routes are selected and announced"
        );
        self.own.deferring = false;
        true
    }

    /// The kernel's routes are in step: forwarding survives the end of any session from now on.
    /// Returns whether later OPENs say something else.
    pub(crate) fn forwarding_is_whole(&mut self) -> bool {
        !std::mem::take(&mut self.own.lost).is_empty()
    }

    /// Whether every neighbour has sent what it has. Not waited for: one without the capability, or
    /// without our asking for it; one that restarts itself, or both would wait for ever; one that
    /// did not answer for a while.
    fn has_heard_all(&self, waited: Duration) -> bool {
        let gracious = |neighbor: &&Neighbor| {
            neighbor.config.graceful_restart.is_some() && neighbor.is_expected()
        };
        self.neighbors.values().filter(gracious).all(|neighbor| {
            let Some(life) = neighbor.life.and_then(|ix| self.lives.get(ix)) else {
                return waited >= ABSENT;
            };
            match &life.established.negotiated.restart {
                None => true,
                Some(Restart { peer_restarting: true, .. }) => true,
                Some(restart) => {
                    restart.families.iter().all(|f| life.end_of_rib.contains(f.family))
                }
            }
        })
    }
}

impl Shared {
    /// Watches over restarts, the neighbours' and ours, as long as the router runs.
    pub(crate) async fn watch_restarts(self: Arc<Self>) {
        loop {
            let (deferring, next, past_at) = {
                let core = self.core();
                (core.is_deferring(), core.next_expiry(), core.own.past_at)
            };
            let now = clock();
            let poll = deferring.then(|| now + POLL);
            let wait = [poll, next, past_at].into_iter().flatten().min();
            let changed = self.restarts.notified();
            match wait {
                Some(at) => {
                    let at = tokio::time::Instant::from_std(at);
                    let _timeout = tokio::time::timeout_at(at, changed).await;
                }
                None => changed.await,
            }
            let ended = {
                let mut core = self.core();
                core.expire_kept(clock());
                core.end_deferral(clock()) | core.outlive_the_past(clock())
            };
            if ended {
                self.tell_restart_state();
            }
            self.wake();
        }
    }

    /// Later OPENs of all sessions say what is true now.
    pub(crate) fn tell_restart_state(&self) {
        let state = self.core().own.state();
        for session in self.all_sessions() {
            tokio::spawn(async move {
                // Closed: the task has ended, and no OPEN follows.
                let _closed = session.restart_state(state).await;
            });
        }
    }
}

fn longest_restart(config: &RouterConfig) -> Duration {
    let times = config.peers.values().filter_map(|peer| peer.graceful_restart);
    Duration::from_secs(times.map(|restart| restart.restart_time).max().unwrap_or(0).into())
}

fn longest_restart_of<'a>(neighbors: impl Iterator<Item = &'a Neighbor>) -> Duration {
    let times = neighbors.filter_map(|neighbor| neighbor.config.graceful_restart);
    Duration::from_secs(times.map(|restart| restart.restart_time).max().unwrap_or(0).into())
}
