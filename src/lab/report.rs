//! Saying what happens as it happens, and waiting for it with an end in sight.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};

use super::clock;
use crate::cli::Failure;

/// Pause between two looks at something awaited.
const PACE: Duration = Duration::from_millis(10);

/// The lab's voice and its patience.
#[derive(Debug)]
pub(super) struct Report {
    start: Instant,
    deadline: Instant,
    interrupted: Arc<AtomicBool>,
}

impl Report {
    /// Starts the clock, and a thread that waits for signals. Handlers rather than a mask: a mask
    /// would be inherited by everything the lab starts.
    pub(super) fn new(patience: Duration) -> io::Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&interrupted);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let guard = runtime.enter();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        drop(guard);
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                loop {
                    tokio::select! {
                        _ = interrupt.recv() => {}
                        _ = terminate.recv() => {}
                        _ = hangup.recv() => {}
                    }
                    flag.store(true, Ordering::Relaxed);
                }
            });
        })?;
        let start = clock();
        Ok(Self { start, deadline: start + patience, interrupted })
    }

    /// A line with the time since the start.
    pub(super) fn say(&self, text: &str) -> Result<(), Failure> {
        let elapsed = self.start.elapsed().as_secs_f64();
        self.plain(&format!("[{elapsed:7.3}s] {text}"))
    }

    /// A line that belongs to the one before.
    pub(super) fn detail(&self, text: &str) -> Result<(), Failure> {
        self.plain(&format!("             {text}"))
    }

    /// A line as it is.
    pub(super) fn plain(&self, text: &str) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        Ok(out.flush()?)
    }

    /// Looks until there is something to see; `what` completes "not seen: ...".
    pub(super) fn wait<T>(
        &self,
        what: &str,
        look: impl FnMut() -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        self.wait_paced(what, PACE, look)
    }

    /// The same, looking more often.
    pub(super) fn wait_paced<T>(
        &self,
        what: &str,
        pace: Duration,
        mut look: impl FnMut() -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        loop {
            if let Some(seen) = look()? {
                return Ok(seen);
            }
            if self.interrupted() {
                return Err(Failure::Failed("interrupted".to_owned()));
            }
            if clock() >= self.deadline {
                return Err(Failure::Failed(format!("not seen in time: {what}")));
            }
            std::thread::sleep(pace);
        }
    }

    /// Whether somebody wants the lab to end.
    pub(super) fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Sleeps until Ctrl-C.
    pub(super) fn wait_for_interrupt(&self) {
        while !self.interrupted() {
            std::thread::sleep(PACE);
        }
    }

    /// Time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}
