//! Replays what the fuzzer has found worth keeping: every committed corpus and every regression.
//!
//! What for: an ordinary `cargo test` holds the laws of the fuzz targets on all inputs ever kept.
//! Where: the targets are the files of `fuzz/src`, included by path; inputs lie in `fuzz/corpus`
//! (one packed file a target) and `fuzz/regressions/<target>/` (one file a finding).
//! How: each input is given to its target, which panics when a law is broken.
//! Invariants: no target without a corpus, no corpus without a target, no empty folder or file.
#![allow(missing_docs, unreachable_pub)]

use std::{collections::BTreeSet, fs, io::Write as _, path::PathBuf};

#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

use fuzz::{TARGETS, Target, pack};

fn folder(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz")).join(name)
}

/// Runs the target, and says which input it was if a law is broken.
fn replay((name, target): &Target, input: &[u8], what: &str) {
    let run = std::panic::AssertUnwindSafe(|| target(input));
    if let Err(panic) = std::panic::catch_unwind(run) {
        let hex: String = input.iter().map(|b| format!("{b:02x}")).collect();
        let _ = writeln!(std::io::stderr(), "{name}, {what}: {hex}");
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn corpora() {
    let mut total = 0;
    for target in TARGETS {
        let path = folder("corpus").join(format!("{}.bin", target.0));
        let packed = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let inputs = pack::read(&packed).unwrap_or_else(|| panic!("{}: cut", path.display()));
        assert!(!inputs.is_empty(), "{}: empty", path.display());
        for (n, input) in inputs.iter().enumerate() {
            replay(target, input, &format!("corpus input {n}"));
        }
        let _ = writeln!(std::io::stdout(), "{}: {} inputs replayed", target.0, inputs.len());
        total += inputs.len();
    }
    let _ = writeln!(std::io::stdout(), "{total} inputs replayed");
}

#[test]
fn regressions() {
    let mut total = 0;
    for entry in fs::read_dir(folder("regressions")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        // `bgp-wire/foreign` and `bgp-fsm` replay those.
        let elsewhere = ["differential", "fsm"].contains(&name.as_str());
        if !entry.file_type().unwrap().is_dir() || elsewhere {
            continue;
        }
        let target = TARGETS.iter().find(|(target, _)| *target == name);
        let target = target.unwrap_or_else(|| panic!("regressions/{name}: no such target"));
        let mut here = 0;
        for file in fs::read_dir(entry.path()).unwrap() {
            let path = file.unwrap().path();
            replay(target, &fs::read(&path).unwrap(), &path.display().to_string());
            here += 1;
        }
        assert!(here > 0, "regressions/{name}: empty");
        let _ = writeln!(std::io::stdout(), "{name}: {here} regressions replayed");
        total += here;
    }
    let _ = writeln!(std::io::stdout(), "{total} regressions replayed");
}

#[test]
fn every_corpus_has_its_target() {
    let files: BTreeSet<String> = fs::read_dir(folder("corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".bin"))
        .collect();
    let mut want: BTreeSet<String> =
        TARGETS.iter().map(|(name, _)| format!("{name}.bin")).collect();
    // Replayed where their targets are: `bgp-wire/foreign` and `bgp-fsm`.
    want.extend(["differential.bin", "fsm.bin"].map(String::from));
    assert_eq!(files, want);
}

#[test]
fn packing_is_lossless_and_notices_a_cut() {
    let inputs: [&[u8]; 3] = [b"", b"one", &[0; 300]];
    let mut packed = Vec::new();
    for input in inputs {
        pack::write(input, &mut packed);
    }
    assert_eq!(pack::read(&packed).as_deref(), Some(&inputs[..]));
    let whole: Vec<usize> = vec![0, 4, 11];
    for cut in 0..packed.len() {
        assert_eq!(pack::read(&packed[..cut]).is_some(), whole.contains(&cut), "{cut}");
    }
}
