//! Ours beside the foreign codecs, over the committed corpus and over recorded messages.
//!
//! What for: an ordinary `cargo test` holds what the fuzz target `differential` holds.
//! Where: inputs lie in `fuzz/corpus/differential.bin` and `fuzz/regressions/differential/`;
//! recordings in the data folder.
//! How: every difference must be one that [`compare::KNOWN`] names.
//! Invariants: nothing passes by seeing nothing; every known difference is documented, and no other.
#![allow(missing_docs, unreachable_pub)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use bgp_wire_foreign::compare;
use capture::{Format, Input, Record, open};

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
    let mut regressions = 0;
    for file in fs::read_dir(fuzz("regressions/differential")).unwrap() {
        compare::target(&fs::read(file.unwrap().path()).unwrap());
        regressions += 1;
    }
    assert!(regressions > 0, "an empty folder");
    println(&format!("{} inputs and {regressions} regressions replayed", inputs.len()));
}

/// Every whole message of the recordings, from sessions with four-octet AS numbers and no ADD-PATH
/// as far as the file tells.
#[test]
fn recorded_messages() {
    let index = match testkit::data::file("INDEX.md") {
        Ok(index) => index,
        Err(reason) => return testkit::skip::skip("differential::recorded_messages", &reason),
    };
    let root = index.parent().unwrap();
    let (mut files, mut messages, mut skipped, mut faults) = (0, 0, 0, BTreeMap::new());
    for path in ["mrt", "pcap", "vectors"].iter().flat_map(|name| all_files(&root.join(name))) {
        // Tables: their routes are not messages.
        if path.to_string_lossy().contains("built") {
            continue;
        }
        let Ok(reader) = fs::read(&path).map(Input::bytes) else {
            continue;
        };
        let Ok(mut reader) = open(reader, Format::Auto) else { continue };
        files += 1;
        while let Ok(Some(record)) = reader.next() {
            let Record::Message(message) = record else { continue };
            if message.as4 == Some(false) || message.add_path == Some(true) {
                skipped += 1;
                continue;
            }
            messages += 1;
            for line in compare::unknown(message.bytes) {
                let hex: String = message.bytes.iter().map(|b| format!("{b:02x}")).collect();
                faults.entry(line).or_insert_with(|| format!("{}: {hex}", path.display()));
            }
        }
    }
    println(&format!("{files} files: {messages} messages compared, {skipped} of other sessions"));
    let shown: Vec<_> = faults.iter().map(|(line, at)| format!("{line}\n  {at}")).collect();
    assert!(shown.is_empty(), "{}", shown.join("\n"));
    assert!(messages > 10_000, "{messages} messages");
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() { found.extend(all_files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
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

/// One input a known difference, out of reach of the corpus's minimising. An exception nobody needs
/// any more hides the next fault of ours.
#[test]
fn every_known_difference_is_shown_by_an_input() {
    let mut seen = Vec::new();
    for file in fs::read_dir(fuzz("regressions/differential")).unwrap() {
        let input = fs::read(file.unwrap().path()).unwrap();
        let length = u16::try_from(input.len() + 18).unwrap();
        seen.extend(compare::differences(
            &[&[0xff; 16][..], &length.to_be_bytes(), &input].concat(),
        ));
    }
    let unseen: Vec<_> = compare::KNOWN
        .iter()
        .filter(|known| !seen.iter().any(|s| s.starts_with(**known)))
        .collect();
    assert!(unseen.is_empty(), "{unseen:#?}");
}

fn println(line: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stdout(), "{line}");
}
