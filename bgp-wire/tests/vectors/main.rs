//! Octets that other projects use to test their codecs, and what they expect of them.
//!
//! The files are read through `testkit::data` and are not part of the checkout. Where this codec
//! disagrees with an expectation, the case is named in a table of exceptions with the rule that says
//! so; every test counts what it has seen, so that none passes by seeing nothing. The OpenBGPD and
//! holo folders hold text and decoded events, no octets of BGP, and have no test here.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod corpora;
mod exabgp;
mod frr;
mod netgauze;
mod read;
