//! `docs/conformance.md`: clause, test, verdict.
//!
//! Written from a run of all tests. A plain run only compares its rows with the table of clauses,
//! so that no clause is added, reworded or dropped without the file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::clause::{Clause, Test};
use crate::runner::Failure;

const HEAD: &str = "\
# Conformance of sessions

What a peer sees on TCP, clause by clause: `tests/conformance` sends exact octets to the daemon and
compares the exact answer. Written by `cargo xtask conformance`, which runs every test; do not edit.
Names are those of the tests: `cargo test --test conformance NAME`.
";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md")
}

/// Writes the file with the verdicts of a run.
pub(crate) fn write(clauses: &[Clause], verdicts: &[(&'static str, Failure)]) -> Result<()> {
    let verdicts: BTreeMap<_, _> = verdicts.iter().map(|(n, f)| (*n, f.is_none())).collect();
    let mut out = HEAD.to_owned();
    let mut counts = BTreeMap::new();
    let mut rows = String::new();
    for clause in clauses {
        let verdict = match clause.test {
            Test::Run(_) if verdicts.get(clause.name) == Some(&true) => "pass",
            Test::Run(_) => "FAIL",
            Test::NotImplemented(_) => "not implemented",
            Test::NotTestable(_) => "not testable",
        };
        *counts.entry(verdict).or_insert(0) += 1;
        let why = match clause.test {
            Test::Run(_) => String::new(),
            Test::NotImplemented(why) | Test::NotTestable(why) => format!(": {why}"),
        };
        let _ = writeln!(rows, "{} {verdict}{why} |", stub(clause));
    }
    let counts: Vec<_> = counts.iter().map(|(verdict, n)| format!("{n} {verdict}")).collect();
    let _ = write!(out, "\n{} clauses: {}.\n\n", clauses.len(), counts.join(", "));
    out.push_str("| RFC | section | clause | test | verdict |\n|---|---|---|---|---|\n");
    std::fs::write(path(), out + &rows).context("write docs/conformance.md")
}

/// Compares the rows of the file with the clauses, and looks for verdicts that are none.
pub(crate) fn check(clauses: &[Clause]) -> Result<()> {
    const ANEW: &str = "run `cargo xtask conformance`";
    let text = std::fs::read_to_string(path()).with_context(|| format!("no matrix; {ANEW}"))?;
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    ensure!(rows.len() == clauses.len(), "{} rows, {} clauses; {ANEW}", rows.len(), clauses.len());
    for (row, clause) in rows.iter().zip(clauses) {
        let verdict = row.strip_prefix(&stub(clause));
        let verdict =
            verdict.with_context(|| format!("the row of {} is old; {ANEW}", clause.name))?;
        let expected = match clause.test {
            Test::Run(_) => " pass |".to_owned(),
            Test::NotImplemented(why) => format!(" not implemented: {why} |"),
            Test::NotTestable(why) => format!(" not testable: {why} |"),
        };
        ensure!(verdict == expected, "{}: the file says{verdict}; {ANEW}", clause.name);
    }
    Ok(())
}

/// A row up to its verdict.
fn stub(clause: &Clause) -> String {
    let test = match clause.test {
        Test::Run(_) => format!("`{}`", clause.name),
        Test::NotImplemented(_) | Test::NotTestable(_) => "none".to_owned(),
    };
    format!("| {} | {} | {} | {test} |", clause.rfc(), clause.section(), clause.says)
}
