//! The README's table: a line a leg, ours beside the fastest other, and the three ratios.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use super::{Report, Row, cell, ratios};

const BEGIN: &str = "<!-- bench-load:begin, written by `cargo xtask bench-load --readme` -->";
const END: &str = "<!-- bench-load:end -->";

/// `old` with `table` between the markers.
pub(super) fn replace(old: &str, table: &str) -> Result<String> {
    let (before, rest) = old.split_once(BEGIN).with_context(|| format!("no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("no line {END}"))?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

pub(super) fn table(report: &Report) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "{}; subjects: {}. In brackets: routes that share an \
         attribute set. A cell is time (or lateness), CPU seconds, peak MB. A ratio is the best of \
         the others in that column against ours: above 1 ours is better.\n\n\
         | what | Cosmos | fastest other | time, CPU, memory |\n|---|---|---|---|\n",
        report.machine.join("; "),
        report.subjects.join("; "),
    );
    for (scenario, input) in report.groups() {
        let rows = report.group(scenario, input);
        let ratios = ratios(&rows);
        let Some(ours) = rows.iter().find(|row| row.is_ours) else { continue };
        for leg in ours.best() {
            let ratio = ratios.iter().find(|ratio| ratio.leg == leg.name);
            let other = ratio.and_then(|ratio| {
                let row: &&Row = rows.iter().find(|row| row.subject == ratio.by)?;
                Some(format!("{}: {}", ratio.by, cell(row.leg(&leg.name)?)))
            });
            let ratio = ratio.map_or_else(
                || "-".to_owned(),
                |r| format!("{:.1}, {:.1}, {:.2}", r.time, r.cpu, r.memory),
            );
            let _ = writeln!(
                out,
                "| {scenario} ({}), {} | {} | {} | {ratio} |",
                input.label(),
                leg.name,
                cell(leg),
                other.unwrap_or_else(|| "none finished".to_owned()),
            );
        }
        if let Some(end) = ours.end() {
            let _ = writeln!(out, "| {scenario} ({}) | {end} | | |", input.label());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let old = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let new = replace(&old, "new\n").unwrap();
        assert_eq!(new, format!("a\n{BEGIN}\nnew\n{END}\nb\n"));
        assert!(replace("a\nb\n", "new\n").is_err());
    }

    #[test]
    fn a_line_a_leg() {
        let text = table(&super::super::tests::report());
        let line = "| churn (1), converge | 1.00 s / 2.00 / 4 | FRR 10: 4.00 s / 4.00 / 8 | 4.0, 0.5, 0.50 |";
        assert!(text.lines().any(|l| l == line), "{text}");
    }
}
