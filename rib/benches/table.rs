//! Table benches.

fn main() {}
