//! The whole run as markdown: a table a scenario and input, and all rounds under it.

use std::fmt::Write as _;

use super::{Input, Report, Row, cell, input_words, ratios};

pub(super) fn text(report: &Report) -> String {
    let mut out = String::from("# Load bench\n\n");
    for line in report.machine.iter().chain(&report.subjects) {
        let _ = writeln!(out, "- {line}");
    }
    out.push_str("\nA cell: time (or lateness), CPU seconds, peak MB; the fastest round.\n");
    for (scenario, input) in report.groups() {
        let title = report.titles.iter().find(|(name, _)| *name == scenario).map_or("", |t| t.1);
        let _ = write!(out, "\n## {scenario}, {}\n\n{title}\n\n", input_words(input));
        let is_here = |known: &&(&str, Input, _)| known.0 == scenario && known.1 == input;
        if let Some((_, _, leg)) = report.ceilings.iter().find(is_here) {
            let _ = writeln!(out, "With no daemon between: {:.3} s.\n", leg.seconds);
        }
        table(&report.group(scenario, input), &mut out);
    }
    out
}

fn table(rows: &[&Row], out: &mut String) {
    let mut names: Vec<&str> = Vec::new();
    for leg in rows.iter().flat_map(|row| row.best()) {
        if !names.contains(&leg.name.as_str()) {
            names.push(&leg.name);
        }
    }
    let _ = writeln!(out, "| subject | {} |", names.join(" | "));
    let _ = writeln!(out, "|---|{}", "---|".repeat(names.len().max(1)));
    for row in rows {
        let mut end = row.end().map(ToString::to_string);
        let cells: Vec<_> = names
            .iter()
            // The first leg that is missing says why.
            .map(|name| row.leg(name).map_or_else(|| end.take().unwrap_or_default(), cell))
            .collect();
        let rest = end.map_or_else(String::new, |end| format!(" ({end})"));
        let _ = writeln!(out, "| {}{rest} | {} |", row.subject, cells.join(" | "));
    }
    let ratios = ratios(rows);
    if !ratios.is_empty() {
        let of = |name: &&str| {
            let ratio = ratios.iter().find(|ratio| ratio.leg == **name);
            ratio.map_or_else(String::new, |r| {
                format!("{:.2} / {:.2} / {:.2} ({})", r.time, r.cpu, r.memory, r.by)
            })
        };
        let cells: Vec<_> = names.iter().map(of).collect();
        let _ = writeln!(out, "| **best other against ours** | {} |", cells.join(" | "));
    }
    out.push_str("\nAll rounds:\n\n");
    for row in rows {
        for (number, round) in row.rounds.iter().enumerate() {
            let mut words: Vec<_> =
                round.legs.iter().map(|leg| format!("{} {}", leg.name, cell(leg))).collect();
            words.extend(round.legs.iter().filter_map(|leg| leg.note.clone()));
            words.extend(round.end.as_ref().map(ToString::to_string));
            let _ = writeln!(out, "- {}, {}: {}", row.subject, number + 1, words.join("; "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_figures_ends_and_ratios() {
        let text = text(&super::super::tests::report());
        for line in [
            "With no daemon between: 0.250 s.",
            "| subject | converge |",
            "| Cosmos 0.1.0 | 1.00 s / 2.00 / 4 |",
            "| GoBGP 4 | stalled at 7 of 9 |",
            "| **best other against ours** | 4.00 / 0.50 / 0.50 (FRR 10) |",
            "- Cosmos 0.1.0, 1: converge 3.00 s / 1.00 / 1",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
    }
}
