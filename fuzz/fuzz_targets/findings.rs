//! libFuzzer's side of the target; its body and laws are in `src/findings.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cosmos_fuzz::findings::target(data));
