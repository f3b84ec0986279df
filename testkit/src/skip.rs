//! Saying that a test did not run, and why.
//!
//! libtest has no "skipped", so the line `SKIPPED: <test>: <reason>` goes to stderr (past libtest's
//! capture) and to the file named by `COSMOS_SKIP_LOG`, from which `cargo xtask test` counts.
//! With `CI=true` or `COSMOS_STRICT=1` a skip for want of something that can be had (a program, a
//! privilege) panics: a test that silently never runs is worse than none.

use std::fmt;
use std::io::Write as _;

/// Why a test cannot run here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// A program is not installed.
    Program(&'static str),
    /// No right to make namespaces; the text says how to get it.
    Privilege(String),
    /// Test data is not beside the checkout (see [`crate::data`]).
    Data(String),
    /// The kernel lacks a feature.
    Kernel(&'static str),
}

impl Reason {
    /// Whether a well-prepared machine would not have to skip.
    #[must_use]
    pub const fn is_avoidable(&self) -> bool {
        matches!(self, Self::Program(_) | Self::Privilege(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(name) => write!(f, "{name} is not installed"),
            Self::Privilege(text) => write!(f, "{text}"),
            Self::Data(path) => write!(f, "{path} is absent; point COSMOS_DATA at the test data"),
            Self::Kernel(feature) => write!(f, "this kernel has no {feature}"),
        }
    }
}

/// Records that `test` did not run; the caller returns right after.
///
/// # Panics
/// In strict mode, when the reason [is avoidable](Reason::is_avoidable).
pub fn skip(test: &str, reason: &Reason) {
    let line = format!("{test}: {reason}");
    assert!(!(is_strict() && reason.is_avoidable()), "would skip {line} (strict mode)");
    let _ = writeln!(std::io::stderr().lock(), "SKIPPED: {line}");
    record(&line, std::env::var_os("COSMOS_SKIP_LOG").as_deref());
}

fn record(line: &str, log: Option<&std::ffi::OsStr>) {
    if let Some(path) = log {
        let written = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        assert!(written.is_ok(), "cannot write {}: {written:?}", path.display());
    }
}

/// Whether a skip that could be avoided is a failure.
#[must_use]
pub fn is_strict() -> bool {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|v| v == value);
    is("CI", "true") || is("COSMOS_STRICT", "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skip_is_appended_to_the_log() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let log = Some(file.path().as_os_str());
        record("a: x", log);
        record("b: y", log);
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), "a: x\nb: y\n");
    }

    #[test]
    fn only_what_can_be_had_is_avoidable() {
        assert!(Reason::Program("bird").is_avoidable());
        assert!(Reason::Privilege("no".into()).is_avoidable());
        assert!(!Reason::Data("mrt".into()).is_avoidable());
        assert!(!Reason::Kernel("VRF").is_avoidable());
    }
}
