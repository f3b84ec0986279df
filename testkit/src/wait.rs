//! Waiting without sleeping blindly: poll until a deadline, then say what was seen last.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// How long a test waits for something that should happen at once. Generous: only a failing test
/// spends it, and shared machines are slow.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Pause between two looks.
const STEP: Duration = Duration::from_millis(20);

/// The clock of the test harness; the only place that reads it.
#[expect(clippy::disallowed_methods, reason = "a test harness waits for real processes")]
pub fn clock() -> Instant {
    Instant::now()
}

/// Looks until `look` answers `Ok`, at most [`PATIENCE`].
///
/// # Errors
/// `what`, and the last answer, when the time is over.
pub fn eventually<T>(what: &str, look: impl FnMut() -> Result<T>) -> Result<T> {
    within(PATIENCE, what, look)
}

/// Looks until `look` answers `Ok`, at most `patience`.
///
/// # Errors
/// `what`, and the last answer, when the time is over.
pub fn within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = clock() + patience;
    loop {
        match look() {
            Ok(value) => return Ok(value),
            Err(last) if clock() >= deadline => {
                bail!("{what}: not within {patience:?}; last seen: {last:#}")
            }
            Err(_) => std::thread::sleep(STEP),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_as_soon_as_it_can_and_reports_the_last_look() {
        let mut looks = 0;
        let seen = eventually("third look", || {
            looks += 1;
            anyhow::ensure!(looks == 3, "look {looks}");
            Ok(looks)
        });
        assert_eq!(seen.unwrap(), 3);
        let error = within(Duration::ZERO, "never", || bail!("nothing") as Result<()>).unwrap_err();
        assert!(error.to_string().contains("never") && error.to_string().contains("nothing"));
    }
}
