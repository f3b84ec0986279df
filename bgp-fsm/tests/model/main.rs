//! Model tests of `Peer` in virtual time: random events on one peer, and two peers on a virtual
//! network. `shell` plays the runner and checks every effect.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

mod network;
mod random_events;
mod random_network;
mod scenarios;
mod shell;
