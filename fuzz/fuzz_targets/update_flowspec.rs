//! libFuzzer's side of the target; its body and laws are in `src/update.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cosmos_fuzz::update::flowspec(data));
