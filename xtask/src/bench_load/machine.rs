//! What the figures were taken on, and whether it was idle.

use anyhow::{Context as _, Result};

use super::input::Scale;
use crate::out;

/// A load average from which figures are not worth keeping.
const BUSY: f64 = 0.5;

/// The machine in lines for the head of a report; a warning goes out at once.
pub(super) fn describe(scale: Scale, pin: Option<u32>) -> Result<Vec<String>> {
    let read = |path: &str| std::fs::read_to_string(path).with_context(|| format!("read {path}"));
    let cpu = read("/proc/cpuinfo")?;
    let model = cpu.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or(": unknown");
    let kernel = read("/proc/sys/kernel/osrelease")?;
    let cores = std::thread::available_parallelism()?;
    let mut lines = vec![format!(
        "{cores} cores, {}, Linux {}",
        model.trim_start_matches([' ', '\t', ':']).trim_end(),
        kernel.trim()
    )];
    let load: f64 = read("/proc/loadavg")?
        .split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .context("/proc/loadavg begins with a number")?;
    lines.push(format!("load average at the start: {load}"));
    if load > BUSY {
        let warning =
            format!("warning: the machine is not idle (load {load}): figures are not quotable");
        out::line(&warning);
        lines.push(warning);
    }
    let pinned =
        pin.map_or_else(|| "not pinned".to_owned(), |core| format!("pinned to core {core}"));
    lines.push(format!("daemon {pinned}; sizes and rates times {scale}; no kernel routes"));
    Ok(lines)
}
