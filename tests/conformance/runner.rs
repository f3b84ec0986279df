//! Runs the clauses: side by side, since most of them wait for a timer or for the other end.
//!
//! The arguments are those of libtest that people and tools use: parts of names, `--exact`,
//! `--skip`, `--list`, `--ignored`, `--nocapture` (always so), `--test-threads`.

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::privilege::program_in_namespaces;

use crate::clause::{Clause, Test};
use crate::lab::Lab;
use crate::matrix;

/// Set to write the matrix instead of checking it.
const WRITE: &str = "COSMOS_WRITE_CONFORMANCE";

/// Tests at the same time: they wait much and compute little.
const THREADS: usize = 32;

/// How a test went: `None`, or what was seen instead.
pub(crate) type Failure = Option<String>;

#[derive(Default)]
struct Selection {
    parts: Vec<String>,
    skipped: Vec<String>,
    exact: bool,
    list: bool,
}

pub(crate) fn main(clauses: &[Clause]) -> ExitCode {
    let selection = selection(std::env::args().skip(1));
    let chosen: Vec<Clause> = clauses.iter().filter(|c| selection.takes(c.name)).copied().collect();
    if selection.list {
        let names: String = chosen.iter().map(|c| format!("{}: test\n", c.name)).collect();
        say(&names);
        return ExitCode::SUCCESS;
    }
    program_in_namespaces("conformance", || run(clauses, &chosen))
}

fn run(all: &[Clause], chosen: &[Clause]) -> ExitCode {
    let started = testkit::wait::clock();
    let tests: Vec<_> = chosen
        .iter()
        .filter_map(|clause| match clause.test {
            Test::Run(test) => Some((clause.name, test)),
            Test::NotImplemented(_) | Test::NotTestable(_) => None,
        })
        .collect();
    say(&format!("\nrunning {} tests\n", tests.len()));
    let lab = Lab::start().expect("the daemon starts");
    let (next, verdicts) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS.min(tests.len()) {
            scope.spawn(|| {
                while let Some((name, test)) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let failure = attempt(name, &lab, *test);
                    verdicts.lock().expect("no test holds it").push((*name, failure));
                }
            });
        }
    });
    let verdicts = verdicts.into_inner().expect("no test holds it");
    let mut failed: Vec<_> = verdicts
        .iter()
        .filter_map(|(name, failure)| Some(format!("{name}: {}", failure.as_ref()?)))
        .collect();
    failed.sort();
    failed.extend(lab.stop().err().map(|error| format!("the daemon: {error:#}")));
    if chosen.len() == all.len() {
        let write = std::env::var_os(WRITE).is_some();
        let done = if write { matrix::write(all, &verdicts) } else { matrix::check(all) };
        failed.extend(done.err().map(|error| format!("the matrix: {error:#}")));
    }
    report(&failed, verdicts.len(), all.len() - tests.len(), started.elapsed().as_secs_f64());
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs one test; a panic is a failure like another.
fn attempt(name: &str, lab: &Lab, test: fn(&Lab) -> anyhow::Result<()>) -> Failure {
    let failure = match catch_unwind(AssertUnwindSafe(|| test(lab))) {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("{error:#}")),
        Err(_) => Some("panicked".to_owned()),
    };
    say(&format!("test {name} ... {}\n", if failure.is_some() { "FAILED" } else { "ok" }));
    failure
}

/// The closing lines in libtest's words, which tools add up.
fn report(failed: &[String], ran: usize, left_out: usize, seconds: f64) {
    if !failed.is_empty() {
        say(&format!("\nfailures:\n{}\n", failed.join("\n")));
    }
    let verdict = if failed.is_empty() { "ok" } else { "FAILED" };
    let passed = ran.saturating_sub(failed.len());
    say(&format!(
        "\ntest result: {verdict}. {passed} passed; {} failed; 0 ignored; 0 measured; \
         {left_out} filtered out; finished in {seconds:.2}s\n\n",
        failed.len()
    ));
}

fn selection(args: impl Iterator<Item = String>) -> Selection {
    let (mut out, mut args) = (Selection::default(), args);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--exact" => out.exact = true,
            "--list" => out.list = true,
            // No test here is an ignored one.
            "--ignored" | "--include-ignored" => {}
            "--skip" => out.skipped.extend(args.next()),
            "--test-threads" | "--format" | "--color" | "-Z" => drop(args.next()),
            option if option.starts_with('-') => {}
            _ => out.parts.push(arg),
        }
    }
    out
}

impl Selection {
    fn takes(&self, name: &str) -> bool {
        let matches =
            |part: &String| if self.exact { name == part } else { name.contains(part.as_str()) };
        (self.parts.is_empty() || self.parts.iter().any(matches))
            && !self.skipped.iter().any(matches)
    }
}

fn say(text: &str) {
    // A closed pipe is no reason to fail.
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
