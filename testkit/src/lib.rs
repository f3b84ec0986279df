//! Test support: real peers, scripted peers, namespaces, tables and naive oracles.
//!
//! A development dependency only. What a test of a BGP speaker needs from the outside:
//!
//! - [`netns`]: private networks (namespaces and veth pairs) that vanish with the test;
//!   [`privilege::in_namespaces`] runs a test body where it may make them, or skips it;
//! - [`daemon`]: FRR, BIRD and GoBGP behind one [`daemon::Speaker`] trait; [`cosmos`]: our own
//!   binary behind the same one;
//! - [`frame`], [`script`]: a second, deliberately simple BGP codec and a peer that follows a
//!   script; [`sender`] and [`sink`] are its fast forms for tables of millions; [`relay`] sits between two
//!   real speakers and notes every message;
//!   [`load`] is the form for benches: many of them, every route checked with its attributes;
//! - [`ping`]: traffic across what a test does, and which packets were lost;
//! - [`mrt`], [`table`]: real tables from MRT files and synthetic ones with a known diversity;
//! - [`oracle`]: the decision process written to be read, and [`replay`]: a whole dump at a speaker
//!   with what must come out.
//!
//! Nothing here depends on the crates under test: a shared bug would hide itself.
//!
//! Invariants: every process started dies with the test (also when it panics or is killed); waiting
//! is polling with a deadline, never a fixed sleep; what cannot run says so ([`skip`]).
#![forbid(unsafe_code)]

pub mod cosmos;
pub mod daemon;
pub mod data;
pub mod frame;
pub mod load;
pub mod mrt;
pub mod netns;
pub mod oracle;
pub mod ping;
pub mod privilege;
pub mod process;
pub mod relay;
pub mod replay;
pub mod route;
pub mod script;
pub mod sender;
pub mod sink;
pub mod skip;
pub mod table;
pub mod wait;
