//! Real neighbours: our daemon in a namespace, FRR, BIRD or GoBGP in the next one.
//!
//! `matrix` walks every combination of session address, eBGP/iBGP and AS number width with each
//! daemon through one life: up, routes both ways, withdraw, the peer dies and returns, we stop, we
//! are killed and return. `old_speaker` is a neighbour without 4-octet AS numbers.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

#[path = "interop/lab.rs"]
mod lab;
#[path = "interop/matrix.rs"]
mod matrix;
#[path = "interop/old_speaker.rs"]
mod old_speaker;
