//! Test support: real peers, scripted peers, namespaces, tables and naive oracles.
//!
//! A development dependency only. What a test of a BGP speaker needs from the outside:
//!
//! - [`netns`]: private networks (namespaces and veth pairs) that vanish with the test;
//!   [`privilege::in_namespaces`] runs a test body where it may make them, or skips it;
//! - [`daemon`]: FRR, BIRD and GoBGP behind one [`daemon::Speaker`] trait.
//!
//! Nothing here depends on the crates under test: a shared bug would hide itself.
//!
//! Invariants: every process started dies with the test (also when it panics or is killed); waiting
//! is polling with a deadline, never a fixed sleep; what cannot run says so ([`skip`]).
#![forbid(unsafe_code)]

pub mod daemon;
pub mod data;
pub mod netns;
pub mod privilege;
pub mod process;
pub mod route;
pub mod skip;
pub mod wait;
