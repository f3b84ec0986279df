//! Rows of figures: printed as they come, and written as markdown, JSON and the README's table.
//!
//! The figure of a leg is its fastest round. A ratio compares the best of the others with ours,
//! separately for time, CPU and memory: each by whoever is best there.

mod json;
mod markdown;
mod readme;

use std::path::Path;

use anyhow::{Context as _, Result};

use super::input::Input;
use super::run::{End, Leg, Round};
use super::scenario::Scenario;
use super::subject::Subject;
use crate::out;

/// One scenario, one input, one subject.
#[derive(Clone, Debug)]
pub(super) struct Row {
    scenario: &'static str,
    input: Input,
    subject: String,
    is_ours: bool,
    pub(super) rounds: Vec<Round>,
}

impl Row {
    pub(super) fn new(scenario: &'static str, input: Input, subject: &dyn Subject) -> Self {
        let (subject, is_ours) = (subject.label(), subject.is_ours());
        Self { scenario, input, subject, is_ours, rounds: Vec::new() }
    }

    /// The fastest round of each leg, in the order of the scenario.
    fn best(&self) -> Vec<&Leg> {
        let mut best: Vec<&Leg> = Vec::new();
        for leg in self.rounds.iter().flat_map(|round| &round.legs) {
            match best.iter_mut().find(|known| known.name == leg.name) {
                Some(known) if leg.figure() < known.figure() => *known = leg,
                Some(_) => {}
                None => best.push(leg),
            }
        }
        best
    }

    fn leg(&self, name: &str) -> Option<&Leg> {
        self.best().into_iter().find(|leg| leg.name == name)
    }

    /// How a round ended early, if one did.
    pub(super) fn end(&self) -> Option<&End> {
        self.rounds.iter().find_map(|round| round.end.as_ref())
    }
}

/// The best of the others against ours: above 1 ours is better.
#[derive(Clone, Debug, PartialEq)]
struct Ratio {
    leg: String,
    /// Of the figure: seconds, or the median lateness.
    time: f64,
    /// Who is fastest.
    by: String,
    cpu: f64,
    memory: f64,
}

/// The ratios of one scenario and input, for every leg that ours and another finished.
fn ratios(rows: &[&Row]) -> Vec<Ratio> {
    let Some(ours) = rows.iter().find(|row| row.is_ours) else { return Vec::new() };
    let ratio = |leg: &Leg| {
        let others = rows.iter().filter(|row| !row.is_ours);
        let others: Vec<_> =
            others.filter_map(|row| Some((&row.subject, row.leg(&leg.name)?))).collect();
        let least = |of: fn(&Leg) -> f64| others.iter().map(|(_, o)| of(o)).min_by(f64::total_cmp);
        let (by, fastest) =
            others.iter().min_by(|a, b| a.1.figure().total_cmp(&b.1.figure())).copied()?;
        // The kernel counts CPU in hundredths of a second.
        let cpu = |leg: &Leg| leg.cpu_seconds.max(0.01);
        Some(Ratio {
            leg: leg.name.clone(),
            time: fastest.figure() / leg.figure(),
            by: by.clone(),
            cpu: least(cpu)? / cpu(leg),
            memory: least(|o| o.peak_kib as f64)? / leg.peak_kib as f64,
        })
    };
    ours.best().into_iter().filter_map(ratio).collect()
}

/// A leg in a few words: the figure, CPU seconds, peak megabytes.
fn cell(leg: &Leg) -> String {
    let figure = match leg.lag {
        Some(lag) => format!("p50 {} p99 {} ms", millis(lag.p50), millis(lag.p99)),
        None => format!("{:.2} s", leg.seconds),
    };
    format!("{figure} / {:.2} / {}", leg.cpu_seconds, leg.peak_kib / 1024)
}

fn millis(seconds: f64) -> String {
    let millis = seconds * 1000.0;
    if millis < 10.0 { format!("{millis:.2}") } else { format!("{millis:.0}") }
}

/// Everything measured in one run.
#[derive(Debug)]
pub(super) struct Report {
    machine: Vec<String>,
    subjects: Vec<String>,
    rows: Vec<Row>,
    titles: Vec<(&'static str, &'static str)>,
    ceilings: Vec<(&'static str, Input, Leg)>,
}

impl Report {
    pub(super) fn new(machine: Vec<String>, subjects: &[Box<dyn Subject>]) -> Self {
        let subjects = subjects.iter().map(|subject| subject.label()).collect();
        Self { machine, subjects, rows: Vec::new(), titles: Vec::new(), ceilings: Vec::new() }
    }

    /// Prints machine and subjects.
    pub(super) fn head(&self) {
        self.machine.iter().for_each(|line| out::line(line));
        self.subjects.iter().for_each(|subject| out::line(&format!("  {subject}")));
    }

    /// Prints the title of what follows.
    pub(super) fn begin(&mut self, scenario: &dyn Scenario, input: Input) {
        let (name, title) = (scenario.name(), scenario.title());
        if !self.titles.contains(&(name, title)) {
            self.titles.push((name, title));
        }
        out::line(&format!("\n== {name}, {}: {title}", input_words(input)));
        out::line("   a leg: time, CPU seconds, peak MB; routes a second");
    }

    /// Keeps and prints what there is without a daemon.
    pub(super) fn ceiling(&mut self, scenario: &'static str, input: Input, leg: Leg) {
        out::line(&format!(
            "{:<24} {:.3} s for the same, {} routes",
            "no daemon", leg.seconds, leg.routes
        ));
        self.ceilings.push((scenario, input, leg));
    }

    /// Prints the last round of `row`.
    pub(super) fn round(&self, row: &Row) {
        let Some(round) = row.rounds.last() else { return };
        for leg in &round.legs {
            let rate = leg.routes as f64 / leg.seconds.max(1e-9);
            let note = leg.note.as_ref().map_or_else(String::new, |note| format!("; {note}"));
            out::line(&format!(
                "{:<24} round {}  {:<24} {:<32} {rate:>12.0}/s{note}",
                row.subject,
                row.rounds.len(),
                leg.name,
                cell(leg)
            ));
        }
        if let Some(end) = &round.end {
            out::line(&format!("{:<24} round {}  {end}", row.subject, row.rounds.len()));
            if let End::Stalled { why, .. } | End::NotCarried(why) = end {
                out::line(&format!("{:<24}          {why}", ""));
            }
        }
    }

    pub(super) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Prints the ratios of the scenario and input that are over.
    pub(super) fn end_of_input(&self) {
        let Some(last) = self.rows.last() else { return };
        let rows = self.group(last.scenario, last.input);
        for ratio in ratios(&rows) {
            out::line(&format!(
                "best other against ours, {}: time {:.2} ({}), CPU {:.2}, memory {:.2}",
                ratio.leg, ratio.time, ratio.by, ratio.cpu, ratio.memory
            ));
        }
    }

    fn group(&self, scenario: &str, input: Input) -> Vec<&Row> {
        self.rows.iter().filter(|row| row.scenario == scenario && row.input == input).collect()
    }

    /// Each scenario and input once, in order.
    fn groups(&self) -> Vec<(&'static str, Input)> {
        let mut groups = Vec::new();
        for row in &self.rows {
            if !groups.contains(&(row.scenario, row.input)) {
                groups.push((row.scenario, row.input));
            }
        }
        groups
    }

    /// Whether no row of ours stalled or failed.
    pub(super) fn ours_delivered(&self) -> bool {
        self.rows
            .iter()
            .filter(|row| row.is_ours)
            .all(|row| row.end().is_none_or(|end| matches!(end, End::NotCarried(_))))
    }

    #[cfg(test)]
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn write_json(&self, path: &Path) -> Result<()> {
        write(path, &format!("{:#}\n", json::value(self)))
    }

    pub(super) fn write_markdown(&self, path: &Path) -> Result<()> {
        write(path, &markdown::text(self))
    }

    /// Replaces what stands between the markers.
    pub(super) fn write_readme(&self, path: &Path) -> Result<()> {
        let old = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        write(path, &readme::replace(&old, &readme::table(self))?)
    }
}

fn input_words(input: Input) -> &'static str {
    match input {
        Input::One => "1 route an attribute set",
        Input::Internet => "5.7 routes an attribute set",
        Input::Hundred => "100 routes an attribute set",
        Input::Real => "a real table",
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::write(path, text).with_context(|| format!("write {}", path.display()))?;
    out::line(&format!("written: {}", path.display()));
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(super) fn leg(name: &str, seconds: f64, cpu_seconds: f64, peak_kib: u64) -> Leg {
        let name = name.to_owned();
        Leg { name, routes: 100, seconds, cpu_seconds, peak_kib, lag: None, note: None }
    }

    pub(super) fn row(subject: &str, legs: &[&[Leg]], end: Option<End>) -> Row {
        let mut rounds: Vec<_> =
            legs.iter().map(|legs| Round { legs: legs.to_vec(), end: None }).collect();
        rounds.last_mut().unwrap().end = end;
        let is_ours = subject.starts_with("Cosmos");
        Row { scenario: "churn", input: Input::One, subject: subject.into(), is_ours, rounds }
    }

    pub(super) fn report() -> Report {
        let fast = leg("converge", 1.0, 2.0, 4096);
        let slow = leg("converge", 3.0, 1.0, 1024);
        let stalled = End::Stalled { right: 7, of: 9, why: "x".into() };
        Report {
            machine: vec!["2 cores".into()],
            subjects: vec!["Cosmos 0.1.0".into(), "FRR 10".into()],
            rows: vec![
                row("Cosmos 0.1.0", &[&[slow], &[fast]], None),
                row("FRR 10", &[&[leg("converge", 4.0, 4.0, 8192)]], None),
                row("BIRD 3", &[&[leg("converge", 5.0, 1.0, 2048)]], None),
                row("GoBGP 4", &[&[]], Some(stalled)),
            ],
            titles: vec![("churn", "changes")],
            ceilings: vec![("churn", Input::One, leg("converge", 0.25, 0.0, 0))],
        }
    }

    #[test]
    fn the_fastest_round_counts_and_each_ratio_takes_the_best_other() {
        let report = report();
        let rows = report.group("churn", Input::One);
        let ratios = ratios(&rows);
        assert_eq!(ratios.len(), 1);
        let ratio = &ratios[0];
        assert_eq!((ratio.time, ratio.cpu, ratio.memory), (4.0, 0.5, 0.5));
        assert_eq!(ratio.by, "FRR 10");
        assert!(report.ours_delivered());
    }

    #[test]
    fn ours_stalled_is_a_failed_run_and_not_carried_is_not() {
        let mut report = report();
        report.rows[0].rounds[0].end = Some(End::NotCarried("x".into()));
        assert!(report.ours_delivered());
        report.rows[0].rounds[0].end = Some(End::Failed("x".into()));
        assert!(!report.ours_delivered());
    }
}
