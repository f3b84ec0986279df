//! The project's chores, one sub-command each: `cargo xtask tidy`, `test`, `fuzz`,
//! `bench-load`, `bench-roots`, `conformance`.
//!
//! Called by people and by `.ci/run`; owns no product logic. Each chore lives in its own module,
//! returns `Result`, and reports on stdout what it did; the exit code is 0 only when all went well.
#![forbid(unsafe_code)]

mod bench_load;
mod bench_roots;
mod conformance;
mod fuzz;
mod out;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chores of the Cosmos project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Check what the compiler does not: dependency arrows, file sizes, module headers, stale files.
    Tidy(tidy::Args),
    /// Run all that CI runs: format, lints, tidy, every test of the workspace.
    Test(test::Args),
    /// Fuzz the codec on the pinned toolchain, and keep the corpora.
    Fuzz(fuzz::Args),
    /// Measure whole daemons under load: ours and what is installed, in the same run (docs/bench.md).
    BenchLoad(bench_load::Args),
    /// Make a root with daemons of another Debian suite, for `bench-load --roots`.
    BenchRoots(bench_roots::Args),
    /// Run the conformance suite and write its matrix, docs/conformance.md.
    Conformance(conformance::Args),
}

fn main() -> ExitCode {
    let result = match Args::parse().chore {
        Chore::Tidy(args) => tidy::run(&args),
        Chore::Test(args) => test::run(&args),
        Chore::Fuzz(args) => fuzz::run(&args),
        Chore::BenchLoad(args) => bench_load::run(&args),
        Chore::BenchRoots(args) => bench_roots::run(&args),
        Chore::Conformance(args) => conformance::run(&args),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            out::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
