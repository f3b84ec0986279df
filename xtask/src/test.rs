//! `cargo xtask test`: everything CI runs, with an honest count at the end.
//!
//! Steps: install what the tests need (root on Debian only, see [`packages`]), `cargo fmt --check`,
//! clippy, tidy, `cargo test --workspace`. All steps run even if one fails. cargo's own output stays
//! visible; its closing lines are added up here, and tests that skipped themselves are taken out of
//! "passed" and listed. The last line is `N passed, N failed, N skipped`.
//!
//! A test that cannot run says so through `testkit::skip`, which appends one line to the file named
//! by `COSMOS_SKIP_LOG`. With `--strict` or `CI=true` a skip for want of a program or of a privilege
//! fails in the test itself; only what the machine cannot do may then still be skipped.

mod packages;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::{out, tidy};

/// Options of `test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A skip of something this machine could do is a failure (as with CI=true).
    #[arg(long)]
    strict: bool,
    /// Never install packages, even as root on Debian.
    #[arg(long)]
    no_install: bool,
    /// Arguments for `cargo test`, after `--` (for example a test's name).
    #[arg(last = true)]
    cargo_test: Vec<String>,
}

/// Sums of libtest's closing lines.
#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
pub(crate) struct Totals {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) ignored: usize,
}

/// Runs all steps; `Ok(false)` when any failed.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let root = tidy::workspace_root()?;
    let strict = args.strict || std::env::var("CI").is_ok_and(|v| v == "true");
    if !args.no_install {
        packages::ensure()?;
    }

    let mut failed_steps = Vec::new();
    let mut step = |name: &'static str, ok: bool| {
        if !ok {
            failed_steps.push(name);
        }
    };
    step("fmt", cargo(&root, &["fmt", "--all", "--check"])?);
    step(
        "clippy",
        cargo(
            &root,
            &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"],
        )?,
    );
    out::line("=== tidy");
    // The generated files are compared by the test step below; no need to do it twice.
    step("tidy", tidy::run(&tidy::Args { skip_generated: true })?);

    let log = SkipLog::create()?;
    let (tests_ok, totals) = cargo_test(&root, strict, &log, &args.cargo_test)?;
    // A harness that dies (or does not compile) prints no closing line, so its status counts too.
    step("test", tests_ok || totals.failed > 0);
    let skipped = log.read()?;

    for line in summary(&failed_steps, totals, &skipped) {
        out::line(&line);
    }
    Ok(failed_steps.is_empty() && totals.failed == 0)
}

fn cargo(root: &Path, args: &[&str]) -> Result<bool> {
    out::line(&format!("=== cargo {}", args.join(" ")));
    let status = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(args)
        .status()
        .with_context(|| format!("run cargo {}", args.join(" ")))?;
    Ok(status.success())
}

/// Runs the workspace's tests, copying stdout while adding up.
fn cargo_test(
    root: &Path,
    strict: bool,
    log: &SkipLog,
    extra: &[String],
) -> Result<(bool, Totals)> {
    let mut command = Command::new(env!("CARGO"));
    command
        .current_dir(root)
        .args(["test", "--workspace", "--locked", "--no-fail-fast"])
        .args(extra)
        .env("COSMOS_SKIP_LOG", &log.0)
        .stdout(Stdio::piped());
    if strict {
        command.env("COSMOS_STRICT", "1");
    }
    out::line("=== cargo test --workspace --locked --no-fail-fast");
    let mut child = command.spawn().context("run cargo test")?;
    let stdout = child.stdout.take().context("cargo test's stdout is piped")?;
    let mut totals = Totals::default();
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        add(&mut totals, &line);
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    }
    Ok((child.wait()?.success(), totals))
}

/// Adds up every closing line in `text`.
pub(crate) fn totals(text: &str) -> Totals {
    let mut totals = Totals::default();
    for line in text.lines() {
        add(&mut totals, line);
    }
    totals
}

/// Adds one line if it is a closing line:
/// `test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; ...`.
fn add(totals: &mut Totals, line: &str) {
    let Some(counts) = line.trim_start().strip_prefix("test result: ") else {
        return;
    };
    let counts = counts.split_once(". ").map_or(counts, |(_, c)| c);
    for field in counts.split(';') {
        let mut words = field.split_whitespace();
        let (Some(number), Some(what)) = (words.next(), words.next()) else {
            continue;
        };
        let Ok(number) = number.parse::<usize>() else {
            continue;
        };
        match what {
            "passed" => totals.passed += number,
            "failed" => totals.failed += number,
            "ignored" => totals.ignored += number,
            _ => {}
        }
    }
}

/// The closing lines; the last one is the count.
fn summary(failed_steps: &[&str], totals: Totals, skipped: &BTreeSet<String>) -> Vec<String> {
    let mut lines = vec!["=== summary".to_owned()];
    lines.extend(skipped.iter().map(|line| format!("skipped: {line}")));
    if totals.ignored > 0 {
        lines.push(format!(
            "skipped: {} tests marked #[ignore]; their reasons are in the listing above",
            totals.ignored
        ));
    }
    lines.extend(failed_steps.iter().map(|step| format!("failed: step {step}")));
    lines.push(format!(
        "{} passed, {} failed, {} skipped",
        totals.passed.saturating_sub(skipped.len()),
        totals.failed + failed_steps.len(),
        totals.ignored + skipped.len()
    ));
    lines
}

/// The file into which tests write that they did not run; removed at the end.
#[derive(Debug)]
struct SkipLog(std::path::PathBuf);

impl SkipLog {
    fn create() -> Result<Self> {
        let path = std::env::temp_dir().join(format!("cosmos-skips-{}", std::process::id()));
        std::fs::write(&path, "").with_context(|| path.display().to_string())?;
        Ok(Self(path))
    }

    /// Distinct lines: a test tried again is still one test.
    fn read(&self) -> Result<BTreeSet<String>> {
        let text = std::fs::read_to_string(&self.0)?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

impl Drop for SkipLog {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_add_up() {
        let text = "running 3 tests\n\
            test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.1s\n";
        assert_eq!(totals(text), Totals { passed: 7, failed: 3, ignored: 1 });
        assert_eq!(totals("nothing here"), Totals::default());
    }

    #[test]
    fn the_last_line_counts_steps_and_skips() {
        let totals = Totals { passed: 5, failed: 1, ignored: 1 };
        let skipped = BTreeSet::from(["a: no bird".to_owned()]);
        let lines = summary(&["fmt"], totals, &skipped);
        assert_eq!(lines.last().unwrap(), "4 passed, 2 failed, 2 skipped");
        assert!(lines.contains(&"skipped: a: no bird".to_owned()));
        assert!(lines.contains(&"failed: step fmt".to_owned()));
    }

    #[test]
    fn the_skip_log_counts_a_test_once() {
        let log = SkipLog::create().unwrap();
        std::fs::write(&log.0, "a: no bird\na: no bird\nb: no root\n").unwrap();
        assert_eq!(log.read().unwrap().len(), 2);
    }
}
