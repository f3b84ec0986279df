//! Counts for the end: messages by type, routes, findings.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

use bgp_wire::Family;

use super::message::{Message, Verdict};

/// What was seen, before filters.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    types: BTreeMap<&'static str, u64>,
    announced: BTreeMap<Family, u64>,
    withdrawn: BTreeMap<Family, u64>,
    findings: [u64; Verdict::ALL.len()],
    shown: u64,
}

impl Summary {
    /// Counts a message.
    pub(crate) fn count(&mut self, message: &Message<'_>) {
        *self.types.entry(message.body.name()).or_default() += 1;
        if let Some(update) = message.body.update() {
            count_routes(&mut self.announced, &update.announced);
            count_routes(&mut self.withdrawn, &update.withdrawn);
        }
        for finding in &message.findings {
            self.findings[finding.verdict as usize] += 1;
        }
    }

    /// Counts a message shown.
    pub(crate) fn show(&mut self) {
        self.shown += 1;
    }

    /// How many were shown.
    pub(crate) const fn shown(&self) -> u64 {
        self.shown
    }

    /// How many findings are worse than a note.
    pub(crate) fn serious(&self) -> u64 {
        self.findings.iter().skip(1).sum()
    }

    /// Writes the counts.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "messages: {}", list(self.types.iter().map(|(k, v)| (k, *v))))?;
        writeln!(out, "announced: {}", list(self.announced.iter().map(|(k, v)| (k, *v))))?;
        writeln!(out, "withdrawn: {}", list(self.withdrawn.iter().map(|(k, v)| (k, *v))))?;
        let findings = Verdict::ALL.iter().map(|v| (v.name(), self.findings[*v as usize]));
        writeln!(out, "findings: {}", list(findings))?;
        writeln!(out, "shown: {}", self.shown)
    }
}

/// `name count, name count`, without zeros.
fn list(counts: impl Iterator<Item = (impl fmt::Display, u64)>) -> String {
    let words: Vec<_> =
        counts.filter(|(_, n)| *n > 0).map(|(name, n)| format!("{name} {n}")).collect();
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

fn count_routes(map: &mut BTreeMap<Family, u64>, routes: &[super::route::Route]) {
    for run in routes.chunk_by(|a, b| a.family == b.family) {
        let Some(first) = run.first() else { continue };
        *map.entry(first.family).or_default() += u64::try_from(run.len()).unwrap_or(u64::MAX);
    }
}
