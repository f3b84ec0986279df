//! Random disturbances of two speakers, and the inputs the fuzzer has found worth keeping.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::network::target;

#[path = "../../../fuzz/src/pack.rs"]
#[allow(unreachable_pub, dead_code, reason = "shared with the fuzz targets, which export it")]
mod pack;

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..Default::default() })]

    #[test]
    fn two_speakers_find_each_other_again(
        configuration in any::<[u8; 4]>(),
        operations in prop::collection::vec(any::<[u8; 3]>(), 0..40),
    ) {
        target(&[&configuration[..], operations.as_flattened()].concat());
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(name)
}

/// What was kept, by name.
fn inputs() -> Vec<(String, Vec<u8>)> {
    let packed = fs::read(folder("corpus/fsm.bin")).unwrap();
    let corpus = pack::read(&packed).expect("the corpus is whole");
    let mut inputs: Vec<_> = corpus
        .iter()
        .enumerate()
        .map(|(n, input)| (format!("corpus input {n}"), input.to_vec()))
        .collect();
    assert!(!inputs.is_empty());
    // A folder exists once something was found.
    for file in fs::read_dir(folder("regressions/fsm")).into_iter().flatten() {
        let path = file.unwrap().path();
        inputs.push((path.display().to_string(), fs::read(&path).unwrap()));
    }
    inputs
}

#[test]
fn what_the_fuzzer_kept() {
    let inputs = inputs();
    for (name, input) in &inputs {
        let run = std::panic::catch_unwind(|| target(input));
        assert!(run.is_ok(), "{name}: {input:02x?}");
    }
    let _ = writeln!(std::io::stdout(), "fsm: {} inputs replayed", inputs.len());
}
