//! The session runner over TCP on loopback, against a peer that is played by the test.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

mod collision;
mod gate;
mod handshake;
mod lifecycle;
mod remembered;
mod script;
mod writing;
