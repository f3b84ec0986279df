//! Codec benches: decode, canonicalise and encode UPDATEs by message shape.
fn main() {}
