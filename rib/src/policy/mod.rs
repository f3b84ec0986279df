//! Routing policy: what may pass, and how its attributes are changed on the way.
//!
//! **For**: import (between a session and the table) and export (between the table and an update
//! group). **Sits**: the speaker builds [`Policy`] values from its intent and gives them to
//! [`ImportPolicy`] or, as a [`Chain`], to an export group key; nothing here knows where a policy
//! came from.
//!
//! **How it works**: a [`Chain`] is a list of stages. Within a stage the first term that matches
//! decides, and the stage's default decides when none does. A later stage sees the attributes as
//! the earlier one left them, and only routes that it permitted. The chain is compiled once: every
//! condition on the route itself (a [`Subject`]: prefix, next hop, EVPN fields) goes into one index, so
//! that a route is looked up once whatever the number of terms, and yields a [`PrefixClass`] (the set
//! of such conditions it meets). Evaluation first runs on the attributes alone. Only when it reaches a
//! term that also asks about the route does the class matter. So a result can be remembered per
//! attribute set, or per (attribute set, class), never per route.
//!
//! ```text
//! Policy ─┐
//! Policy ─┴─ Chain ── compile ── Compiled ─┬─ eval(class?, attributes) ── Outcome (memoised above)
//!                                          └─ trace(subject, attributes) ── which term, for explain
//! ```
//!
//! [`Edit`] says what a change from one chain to another can concern, so that the rest is left alone.
//!
//! **Invariants**: evaluation is a pure function of (chain, subject, canonical attributes, local AS);
//! two routes of one class get the same result for the same attributes.
//!
//! **References**: RFC 4271 section 9.1.1 and 9.1.3 (policy before and after the decision),
//! RFC 1997, RFC 4360, RFC 8092 (communities), RFC 7432 (EVPN).

mod apply;
mod as_path;
mod compile;
mod edit;
mod eval;
mod import;
mod ir;
mod prefix_index;
mod subject;
#[cfg(test)]
mod tests;

pub use as_path::{
    AsPathPattern, MAX_AUTOMATON, MAX_EXPRESSION, MAX_NESTING, PatternError, write_path,
};
pub use compile::{Compiled, PrefixClass};
pub use edit::Edit;
pub use eval::{Outcome, Scratch, StageTrace, Trace};
pub use import::{ImportPolicy, ImportVerdict, PolicyError};
pub use ir::{
    Action, Chain, Disposition, Match, NextHopSet, Origin, Policy, PrefixRange, Set, Term,
};
pub use subject::{EvpnFields, EvpnType, Subject};
