//! The progress bar: on standard error, when that is a terminal and the output goes elsewhere.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far a file is.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: Option<ProgressBar>,
    records: u32,
    known: bool,
}

/// Records between two looks at the bar.
const EVERY: u32 = 256;

impl Bar {
    /// A bar, if somebody can see it and it is in nobody's way.
    pub(crate) fn new(path: &Path) -> Self {
        let wanted = io::stderr().is_terminal() && !io::stdout().is_terminal();
        let bar = wanted.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(style("{msg} {spinner} {bytes} {bytes_per_sec} {elapsed}"));
            bar.with_message(path.display().to_string())
        });
        Self { bar, records: 0, known: false }
    }

    /// Counts a record; `read` of `total` octets are behind it.
    pub(crate) fn at(&mut self, read: u64, total: Option<u64>) {
        let Some(bar) = &self.bar else { return };
        self.records = self.records.wrapping_add(1);
        if !self.records.is_multiple_of(EVERY) {
            return;
        }
        if let (false, Some(total)) = (self.known, total) {
            self.known = true;
            bar.set_length(total);
            bar.set_style(style("{msg} [{bar:30}] {percent}% {bytes_per_sec} eta {eta}"));
        }
        bar.set_position(read);
    }

    /// Runs `f`, which writes to standard error, with the bar out of the way.
    pub(crate) fn hide(&self, f: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(f),
            None => f(),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
