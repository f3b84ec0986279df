//! libFuzzer's side of the target; its body and laws are the virtual network of `bgp-fsm`'s model
//! tests, which also replay the corpus.
#![no_main]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails like a test")]

#[path = "../../bgp-fsm/tests/model/network.rs"]
#[allow(dead_code, reason = "scenarios use more of it")]
mod network;
#[path = "../../bgp-fsm/tests/model/shell.rs"]
mod shell;

libfuzzer_sys::fuzz_target!(|data: &[u8]| network::target(data));
