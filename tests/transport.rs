//! What lies under a session, with FRR, BIRD and GoBGP on the other end: who may connect, how segments are
//! protected, what is on the wire.
//!
//! `md5`: RFC 2385. `gtsm`: RFC 5082 and multihop. `dynamic`: neighbours by prefix, ours and theirs. `ends`:
//! ports, who dials, addresses and interfaces. `length`: RFC 8654. `collision`: RFC 4271 section 6.8.
//! `patience`: how often one that refuses us is dialed. `deaf`: a neighbour that never reads.
//!
//! What each daemon does differently is written at the test, and in `docs/transport.md`.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

#[path = "transport/collision.rs"]
mod collision;
#[path = "transport/deaf.rs"]
mod deaf;
#[path = "transport/dynamic.rs"]
mod dynamic;
#[path = "transport/ends.rs"]
mod ends;
#[path = "transport/gtsm.rs"]
mod gtsm;
#[path = "transport/lab.rs"]
mod lab;
#[path = "transport/length.rs"]
mod length;
#[path = "transport/md5.rs"]
mod md5;
#[path = "transport/patience.rs"]
mod patience;
