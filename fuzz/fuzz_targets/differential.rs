//! libFuzzer's side of the comparison with foreign codecs; its body is in `bgp-wire/foreign`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bgp_wire_foreign::compare::target(data));
