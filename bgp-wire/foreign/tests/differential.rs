//! Ours beside the foreign codecs, over the committed corpus and over recorded messages.
//!
//! What for: an ordinary `cargo test` holds what the fuzz target `differential` holds.
//! Where: inputs lie in `fuzz/corpus/differential.bin` and `fuzz/regressions/differential/`;
//! recordings in the data folder.
//! How: every difference must be one that [`compare::KNOWN`] names.
//! Invariants: nothing passes by seeing nothing; every known difference is documented, and no other.
#![allow(missing_docs, unreachable_pub)]

use std::{fs, path::PathBuf};

use bgp_wire_foreign::compare;

#[path = "../../../fuzz/src/pack.rs"]
#[allow(dead_code, reason = "shared with those who write corpora")]
mod pack;

fn fuzz(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz")).join(name)
}

#[test]
fn corpus_and_regressions() {
    let packed = fs::read(fuzz("corpus/differential.bin")).unwrap();
    let inputs = pack::read(&packed).expect("not cut");
    assert!(inputs.len() > 20, "{} inputs", inputs.len());
    inputs.iter().for_each(|input| compare::target(input));
    let folder = fuzz("regressions/differential");
    let mut regressions = 0;
    if folder.exists() {
        for file in fs::read_dir(folder).unwrap() {
            compare::target(&fs::read(file.unwrap().path()).unwrap());
            regressions += 1;
        }
        assert!(regressions > 0, "an empty folder");
    }
    println(&format!("{} inputs and {regressions} regressions replayed", inputs.len()));
}

#[test]
fn every_known_difference_is_documented() {
    let text = fs::read_to_string(fuzz("DISAGREEMENTS.md")).unwrap();
    let documented: Vec<&str> = text
        .lines()
        .filter_map(|l| l.strip_prefix("- `")?.split_once('`'))
        .map(|(k, _)| k)
        .collect();
    for known in compare::KNOWN {
        assert!(documented.contains(known), "DISAGREEMENTS.md has no entry `{known}`");
    }
    for entry in documented {
        assert!(compare::KNOWN.contains(&entry), "`{entry}` is documented but not known");
    }
}

fn println(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}
