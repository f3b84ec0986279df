//! libFuzzer's side of the target; its body and laws are in `src/route_refresh.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cosmos_fuzz::route_refresh::target(data));
