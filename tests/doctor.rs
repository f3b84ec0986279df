//! `cosmos doctor` and `cosmos show peer` against real neighbours that fail in every way we can make
//! them fail: each test breaks one thing, waits until the daemon names the cause, and checks that
//! evidence and fix are there, in JSON and on a terminal of 80 columns.
//!
//! `here` is what is missing on this node, `way` what happens on the way, `there` what FRR, BIRD and
//! GoBGP refuse or do.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

#[path = "doctor/here.rs"]
mod here;
#[path = "doctor/lab.rs"]
mod lab;
#[path = "doctor/there.rs"]
mod there;
#[path = "doctor/way.rs"]
mod way;
