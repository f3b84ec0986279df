//! Tests of the codec through its public interface.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod arb;
mod arb_nlri;
mod cve;
mod families;
mod findings;
mod messages;
mod mutations;
mod nlri;
mod nlri_vectors;
mod pack;
mod rfc7606;
mod roundtrip;
