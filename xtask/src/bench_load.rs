//! `cargo xtask bench-load`: how fast whole daemons carry routes, ours beside the others in one run.
//!
//! ```text
//!   namespace "peers"                            namespace "daemon"
//!   feeds      198.18.128.0/17 ---- veth ---- 198.18.0.1   one subject at a time,
//!   receivers  198.19.128.0/17 ---- veth ---- 198.19.0.1   no kernel routes
//! ```
//!
//! A [`scenario`] is one row of the bench: it prepares what is sent and what must arrive, once, and
//! then plays it against every [`subject`]. Each receiver knows every route it must hold with a digest
//! of all attributes, and the clock stops when it holds exactly that. CPU seconds and peak memory are
//! of all processes of the daemon. Every round is printed, the fastest of each leg is the figure; a
//! subject that stalls ends its own row only. `docs/bench.md` says how to read and run it.

mod ceiling;
mod changes;
mod input;
mod machine;
mod net;
mod plan;
mod report;
mod root;
mod run;
mod scenario;
#[cfg(test)]
mod smoke;
mod subject;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use self::input::{Input, Inputs, Scale};
use self::report::{Report, Row};
use self::run::Run;
use self::scenario::Scenario;
use self::subject::Subject;
use crate::{out, tidy};

/// Options of `bench-load`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rows to run, by name; all when absent
    #[arg(long)]
    scenario: Vec<String>,
    /// Subjects to run: any part of the name shown, such as `cosmos`, `frr` or `bird 3`; all when absent
    #[arg(long)]
    subject: Vec<String>,
    /// Tables: 1, 5.7 or 100 routes an attribute set, or the real one; what each row is made for when absent
    #[arg(long, value_enum)]
    input: Vec<Input>,
    /// Sizes and rates are multiplied by this; 0.1 for a quick trial
    #[arg(long, default_value = "1")]
    scale: Scale,
    /// Rounds of each row and subject
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Pin the daemon to this core; the peers stay free
    #[arg(long)]
    pin: Option<u32>,
    /// Our binary, instead of building one in release mode
    #[arg(long)]
    binary: Option<PathBuf>,
    /// A folder of roots made by `cargo xtask bench-roots`, whose daemons take part too
    #[arg(long)]
    roots: Option<PathBuf>,
    /// Seconds without progress after which a subject has stalled
    #[arg(long, default_value_t = 60)]
    patience: u64,
    /// Where the figures go as JSON [default: target/bench-load.json]
    #[arg(long)]
    json: Option<PathBuf>,
    /// Where the figures go as markdown [default: target/bench-load.md]
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Put the table of this run into README.md, between its markers
    #[arg(long)]
    readme: bool,
    /// Only list the rows
    #[arg(long)]
    list: bool,
}

/// Runs the bench; `Ok(false)` when a subject of the name `Cosmos` did not deliver.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let root = tidy::workspace_root()?;
    let scenarios = scenario::chosen(&args.scenario)?;
    if args.list {
        for scenario in &scenarios {
            out::line(&format!("{:<14} {}", scenario.name(), scenario.title()));
        }
        return Ok(true);
    }
    ensure!(
        testkit::netns::NetNs::new("probe").is_ok(),
        "no right to make network namespaces: run as root, or under `unshare -Urnm`"
    );
    let subjects = subject::all(&root, args.binary.as_deref(), args.roots.as_deref())?;
    let subjects = subject::chosen(subjects, &args.subject)?;
    let mut report = Report::new(machine::describe(args.scale, args.pin)?, &subjects);
    report.head();
    let options = run::Options {
        pin: args.pin,
        patience: Duration::from_secs(args.patience),
        rounds: args.rounds,
    };
    let mut inputs = Inputs::new(args.scale);
    for scenario in scenarios {
        let chosen = if args.input.is_empty() { scenario.inputs() } else { &args.input };
        for &input in chosen {
            match rows(scenario, input, &mut inputs, &subjects, &options, &mut report) {
                Ok(()) => {}
                // The real table may be absent, and one row that cannot be prepared is not the run.
                Err(error) => out::line(&format!(
                    "left out: {} at {}: {error:#}",
                    scenario.name(),
                    input.label()
                )),
            }
        }
    }
    let folder =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    let path =
        |asked: &Option<PathBuf>, name: &str| asked.clone().unwrap_or_else(|| folder.join(name));
    report.write_json(&path(&args.json, "bench-load.json"))?;
    report.write_markdown(&path(&args.markdown, "bench-load.md"))?;
    if args.readme {
        report.write_readme(&root.join("README.md"))?;
    }
    Ok(report.ours_delivered())
}

/// One scenario with one input, all subjects.
fn rows(
    scenario: &dyn Scenario,
    input: Input,
    inputs: &mut Inputs,
    subjects: &[Box<dyn Subject>],
    options: &run::Options,
    report: &mut Report,
) -> Result<()> {
    let prepared = scenario.prepare(inputs, input).context("prepare")?;
    report.begin(scenario, input);
    if let Some(leg) = prepared.ceiling().context("no daemon")? {
        report.ceiling(scenario.name(), input, leg);
    }
    for subject in subjects {
        let mut row = Row::new(scenario.name(), input, subject.as_ref());
        for _ in 0..options.rounds {
            let mut run = Run::new(subject.as_ref(), options);
            let end = prepared.run(&mut run).err();
            let is_over = end.is_some();
            row.rounds.push(run.finish(end.as_ref()));
            report.round(&row);
            if is_over {
                break;
            }
        }
        report.add(row);
    }
    report.end_of_input();
    Ok(())
}
