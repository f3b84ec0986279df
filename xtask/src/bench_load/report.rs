//! The figures, as lines for people and for the README.

use anyhow::Result;
use testkit::process::Usage;
use testkit::table::Diversity;

use super::subject::Running;
use super::{Leg, Load};
use crate::out;

/// One round of one subject.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) subject: String,
    pub(super) diversity: Diversity,
    pub(super) routes: usize,
    pub(super) announce: Leg,
    pub(super) withdraw: Option<Leg>,
    pub(super) usage: Option<Usage>,
    pub(super) updates_received: u64,
}

pub(super) fn head(routes: u32, pin: Option<u32>, subjects: &[Running]) -> Result<()> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or(": unknown");
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let cores = std::thread::available_parallelism()?;
    let pinned = pin.map_or_else(String::new, |core| format!(", daemon pinned to core {core}"));
    out::line(&format!("{routes} IPv4 routes, one sender, one sink, no kernel routes{pinned}"));
    out::line(&format!(
        "{cores} cores, {}, Linux {}",
        model.trim_start_matches([' ', '\t', ':']).trim_end(),
        kernel.trim()
    ));
    for subject in subjects {
        out::line(&format!("  {:<8} {}", subject.name(), subject.version()));
    }
    Ok(())
}

pub(super) fn load(load: &Load) {
    out::line(&format!(
        "\n== {} routes an attribute set: {} sets, {:.1} MB of UPDATEs",
        load.diversity.label(),
        load.table.sets.len(),
        load.frames.len() as f64 / 1e6
    ));
    out::line(
        "subject      seconds   routes/s  first/s   cpu s  peak MB  threads  updates  withdraw s",
    );
}

pub(super) fn row(row: &Row) {
    let rate = row.routes as f64 / row.announce.seconds;
    let of = |f: fn(&Usage) -> String| row.usage.as_ref().map_or_else(|| "-".to_owned(), f);
    let cpu = row.announce.cpu_seconds.map_or_else(|| "-".to_owned(), |s| format!("{s:.2}"));
    let withdraw = row.withdraw.map_or_else(|| "-".to_owned(), |w| format!("{:.3}", w.seconds));
    out::line(&format!(
        "{:<10} {:>9.3} {:>10.0} {:>8.3} {:>7} {:>8} {:>8} {:>8} {:>11}",
        row.subject,
        row.announce.seconds,
        rate,
        row.announce.first_update_seconds,
        cpu,
        of(|u| (u.peak_kib / 1024).to_string()),
        of(|u| u.threads.to_string()),
        row.updates_received,
        withdraw,
    ));
}

/// Ours against the others, best round of each.
pub(super) fn ratios(best: &[Row]) {
    let Some(ours) = best.iter().find(|row| row.subject == "cosmos") else { return };
    for other in best.iter().filter(|row| row.usage.is_some() && row.subject != "cosmos") {
        let cpu = other.announce.cpu_seconds.zip(ours.announce.cpu_seconds);
        let memory = other.usage.zip(ours.usage);
        out::line(&format!(
            "{} against cosmos at {}: {:.2} of the time, {:.2} of the CPU, {:.2} of the memory",
            other.subject,
            ours.diversity.label(),
            other.announce.seconds / ours.announce.seconds,
            cpu.map_or(f64::NAN, |(other, ours)| other / ours),
            memory.map_or(f64::NAN, |(o, u)| o.peak_kib as f64 / u.peak_kib as f64),
        ));
    }
}
