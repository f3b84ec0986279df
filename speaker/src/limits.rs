//! Bounds on what a neighbour may announce: warning, refusing, ending the session.
//!
//! **For**: `maximum_prefix`. **Sits**: between [`ingest`](crate::ingest), which asks before it takes
//! a route in, and [`session`](crate::session), which ends sessions. **How it works**: what counts is
//! the paths held of the neighbour in one family (Adj-RIB-In, those that import policy denied
//! included, for they take room too): with ADD-PATH each path, without it each prefix. A path held
//! already is replaced, not counted again. The state of a family follows from its count:
//!
//! ```text
//!   Below ── threshold ──> Warning ── one more than the limit: refused ──> Reached
//!     ^── 5 % under it ──────┘  ^────── below the limit again ──────────────┘
//! ```
//!
//! When there is room again the neighbour is asked for what was refused (RFC 2918), at most every
//! [`ASK_EVERY`]. **Invariants**: one note a change of state. **References**: RFC 4271 section 6.7,
//! RFC 4486 section 4.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_wire::Family;
use rib::{FAMILIES, FAMILY_COUNT, PeerIx, TableFamily, each_family, family_index};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::alarm::Alarm;
use crate::config::{MaximumPrefix, OverLimit};
use crate::core::Core;
use crate::life::Life;

/// Time between two requests for what was refused.
const ASK_EVERY: Duration = Duration::from_secs(30);

/// Where a family stands with the bound on its prefixes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LimitState {
    /// Under the threshold, or without a bound.
    #[default]
    Below,
    /// At the threshold or above it.
    Warning,
    /// Prefixes beyond the bound were refused and there is no room for them yet.
    Reached,
}

/// Where one family of a session stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Limit {
    pub(crate) state: LimitState,
    /// Some prefix was refused and has not been asked for again.
    pub(crate) refused: bool,
    asked: Option<Instant>,
}

/// A change of state, for log and events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LimitNote {
    pub(crate) peer: Arc<str>,
    pub(crate) family: Family,
    pub(crate) state: LimitState,
    pub(crate) count: u32,
    pub(crate) limit: u32,
}

/// Why a session is kept down, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) exceeded: Exceeded,
    /// `None` until the configuration changes or an operator clears it.
    pub(crate) until: Option<Instant>,
}

impl Held {
    /// For people.
    pub(crate) fn text(&self, now: Instant) -> String {
        let Exceeded { family, limit } = self.exceeded;
        match self.until {
            Some(until) => {
                let secs = until.saturating_duration_since(now).as_secs();
                format!("more than {limit} prefixes of {family}; starts again in {secs} s")
            }
            None => format!(
                "more than {limit} prefixes of {family}; stays down until its configuration changes \
                 or it is cleared"
            ),
        }
    }
}

/// The bound that was passed by a session that is to end for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    pub(crate) family: Family,
    pub(crate) limit: u32,
}

impl MaximumPrefix {
    fn state(&self, count: u32, limit: &Limit) -> LimitState {
        let threshold = u64::from(self.limit) * u64::from(self.threshold_percent);
        let scaled = u64::from(count) * 100;
        // Around the threshold one prefix that comes and goes is not worth a line each time.
        let falling = limit.state != LimitState::Below && scaled * 100 >= threshold * 95;
        if limit.refused && count >= self.limit {
            LimitState::Reached
        } else if scaled >= threshold || falling {
            LimitState::Warning
        } else {
            LimitState::Below
        }
    }
}

impl Life {
    /// Whether the neighbour has passed its bound in the family so that the session is to end.
    pub(crate) fn exceeds(&self, count: u32) -> bool {
        self.config
            .maximum_prefix
            .is_some_and(|m| count > m.limit && !matches!(m.action, OverLimit::Refuse))
    }
}

impl Core {
    /// Brings the states up to date with the counts; changes are noted.
    pub(crate) fn review_limits(&mut self, ix: PeerIx, now: Instant) {
        let counts = self.received(ix);
        let Some(life) = self.lives.get_mut(ix) else { return };
        let Some(maximum) = life.config.maximum_prefix else { return };
        let mut ask = Vec::new();
        for ((family, count), limit) in counts.zip(&mut life.limits) {
            if limit.refused && count < maximum.limit {
                limit.refused = false;
                ask.push((family, limit.asked.map_or(now, |at| now.max(at + ASK_EVERY))));
            }
            let state = maximum.state(count, limit);
            if state != limit.state {
                limit.state = state;
                let peer = Arc::clone(&life.name);
                let limit = maximum.limit;
                self.notes.push(LimitNote { peer, family, state, count, limit });
            }
        }
        for (family, at) in ask {
            self.alarms.set(Alarm::AskAgain(ix, family), at);
        }
    }

    /// Paths held of a neighbour, by family.
    fn received(&self, ix: PeerIx) -> impl Iterator<Item = (Family, u32)> + Clone + use<> {
        let mut counts = [0; FAMILY_COUNT];
        each_family!(P => counts[P::INDEX] = self.rib.counts::<P>(ix).received);
        FAMILIES.into_iter().zip(counts)
    }

    /// All sessions; after a sweep has removed routes.
    pub(crate) fn review_all_limits(&mut self, now: Instant) {
        let lives: Vec<PeerIx> = self.lives.iter().map(|(ix, _)| ix).collect();
        for ix in lives {
            self.review_limits(ix, now);
        }
    }

    /// The bound was changed under way: a higher one lets in what was refused, a lower one acts on
    /// what is there.
    pub(crate) fn limit_changed(&mut self, ix: PeerIx, now: Instant) -> Option<Exceeded> {
        self.review_limits(ix, now);
        let mut counts = self.received(ix);
        let life = self.lives.get(ix)?;
        let limit = life.config.maximum_prefix?.limit;
        let (family, _) = counts.find(|(_, count)| life.exceeds(*count))?;
        Some(Exceeded { family, limit })
    }

    /// There is room again: asks for what was refused.
    pub(crate) fn ask_again(&mut self, ix: PeerIx, family: Family, now: Instant) {
        let Some(life) = self.lives.get_mut(ix) else { return };
        if let Some(limit) = life.limit_mut(family) {
            limit.asked = Some(now);
        }
        if !self.request_refresh(ix, family)
            && let Some(life) = self.lives.get(ix)
        {
            warn!(peer = %life.name, %family, "there is room again, but the neighbour cannot be asked \
                for what was refused; clear the session to get it");
        }
    }
}

impl Life {
    /// Where a family stands.
    pub(crate) fn limit(&self, family: Family) -> Limit {
        family_index(family).map_or_else(Limit::default, |index| self.limits[index])
    }

    pub(crate) fn limit_mut(&mut self, family: Family) -> Option<&mut Limit> {
        family_index(family).map(|index| &mut self.limits[index])
    }
}
