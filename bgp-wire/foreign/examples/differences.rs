//! Says where foreign codecs differ from ours, for messages in files.
//!
//! Each file holds inputs as the fuzz target `differential` takes them (type octet, then body), one
//! a file, or any octets with whole messages in them (a capture without compression, a raw stream):
//! those are found by their marker. Prints each kind of difference once, how often it came, and the
//! first input. `--all` also prints the known ones.

use std::{collections::BTreeMap, fs, io::Write as _, path::Path};

use bgp_wire_foreign::compare;

fn main() -> std::io::Result<()> {
    let mut all = false;
    let mut messages = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--all" => all = true,
            path => collect(Path::new(path), &mut messages)?,
        }
    }
    let mut kinds: BTreeMap<String, (usize, String, Vec<u8>)> = BTreeMap::new();
    for message in &messages {
        let lines = if all { compare::differences(message) } else { compare::unknown(message) };
        for line in lines {
            // Octets and numbers vary; what it is about does not.
            let kind: String = line.chars().filter(|c| !c.is_ascii_digit()).take(70).collect();
            kinds.entry(kind).or_insert_with(|| (0, line, message.clone())).0 += 1;
        }
    }
    let mut out = std::io::stdout().lock();
    for (count, line, message) in kinds.values() {
        let hex: String = message.iter().skip(18).map(|b| format!("{b:02x}")).collect();
        writeln!(out, "{count} x {line}\n    {hex}")?;
    }
    writeln!(out, "{} messages, {} kinds of difference", messages.len(), kinds.len())
}

fn collect(path: &Path, messages: &mut Vec<Vec<u8>>) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), messages)?;
        }
        return Ok(());
    }
    let octets = fs::read(path)?;
    let mut found = false;
    let mut rest = &octets[..];
    while let Some(at) = rest.windows(16).position(|w| w == [0xff; 16]) {
        rest = &rest[at..];
        match bgp_wire::next_frame(rest, bgp_wire::MAX_EXTENDED) {
            Ok(bgp_wire::Framed::Message { frame, .. }) => {
                messages.push(frame.to_vec());
                found = true;
                rest = &rest[frame.len()..];
            }
            _ => rest = &rest[1..],
        }
    }
    if !found && let Ok(length) = u16::try_from(octets.len() + 18) {
        messages.push([&[0xff; 16][..], &length.to_be_bytes(), &octets].concat());
    }
    Ok(())
}
