//! `cosmos doctor` for people: what is wrong comes first, what is well is one line.
//!
//! Pure: diagnoses in, text out.

use std::fmt::Write as _;

use speaker::diagnose::{Diagnosis, Finding, Severity};

use super::duration;
use super::page::wrap;

/// The whole answer; `one` when a single neighbour was asked for.
pub fn doctor_text(found: &[Diagnosis], one: bool) -> String {
    let mut text = String::new();
    let wrong: Vec<_> = found.iter().filter(|d| d.is_wrong()).collect();
    let notes = found.iter().filter(|d| !d.is_wrong() && !d.findings.is_empty());
    for diagnosis in wrong.iter().copied().chain(notes) {
        describe(&mut text, diagnosis);
        text.push('\n');
    }
    let peers: Vec<_> = found.iter().filter(|d| !d.peer.is_empty()).collect();
    if one {
        for diagnosis in peers.iter().filter(|d| d.findings.is_empty()) {
            let _ = writeln!(text, "{}", title(diagnosis));
            let _ = writeln!(text, "  all is well");
        }
        return text.trim_end().to_owned() + "\n";
    }
    let up = peers.iter().filter(|d| d.state == "Established").count();
    let neighbours = if peers.len() == 1 { "neighbour" } else { "neighbours" };
    let sum = match wrong.len() {
        0 => "all is well".to_owned(),
        1 => "1 thing needs attention".to_owned(),
        n => format!("{n} things need attention"),
    };
    let _ = writeln!(text, "{up} of {} {neighbours} Established; {sum}", peers.len());
    text
}

fn title(d: &Diagnosis) -> String {
    if d.peer.is_empty() {
        return match d.router.as_str() {
            "" => "this node".to_owned(),
            router => format!("router {router}"),
        };
    }
    let asn = if d.remote_as == 0 { String::new() } else { format!("  AS {}", d.remote_as) };
    format!("{}  {}{asn}  {} for {}", d.peer, d.place, d.state, duration(d.since_secs))
}

fn describe(text: &mut String, d: &Diagnosis) {
    let _ = writeln!(text, "{}", title(d));
    for finding in &d.findings {
        describe_finding(text, finding);
    }
}

fn describe_finding(text: &mut String, finding: &Finding) {
    let mark = match finding.severity {
        Severity::Broken => "broken",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    *text +=
        &wrap(&format!("  {mark:<8} "), 11, &format!("{}: {}", finding.cause, finding.summary));
    for seen in &finding.evidence {
        *text += &wrap("  seen     ", 11, seen);
    }
    for (ix, fix) in finding.fix.iter().enumerate() {
        let head = if ix == 0 { "  fix      " } else { "  or       " };
        *text += &wrap(head, 11, fix.strip_prefix("or ").unwrap_or(fix));
    }
}
