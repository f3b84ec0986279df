//! Neighbours named by an interface, with real links, kernels and daemons.
//!
//! Interfaces between the speakers have link-local addresses only; what is announced and pinged is on
//! the loopback interfaces. `cosmos` has our daemon at both ends and goes through what happens to links;
//! `daemons` has FRR, BIRD and GoBGP at the other end. GoBGP installs no kernel routes by itself, so that
//! only tables are compared there; it finds its neighbour once, in the kernel's neighbour table, when it
//! is started. BIRD has no unnumbered neighbours: it is named by our address, or accepts a range.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

#[path = "unnumbered/cosmos.rs"]
mod cosmos;
#[path = "unnumbered/daemons.rs"]
mod daemons;
#[path = "unnumbered/lab.rs"]
mod lab;
#[path = "unnumbered/links.rs"]
mod links;
