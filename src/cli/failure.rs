//! How a subcommand fails: one line on stderr, one exit code.

use std::fmt::Display;
use std::io::Write;
use std::process::ExitCode;

/// All went well.
pub const EXIT_OK: u8 = 0;
/// It was tried and failed.
pub const EXIT_FAILED: u8 = 1;
/// The command line makes no sense.
pub const EXIT_USAGE: u8 = 2;
/// No daemon answers on the control socket.
pub const EXIT_UNREACHABLE: u8 = 3;

/// Why a subcommand did not do what was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum Failure {
    /// Tried and failed; the text says what and how to go on.
    Failed(String),
    /// The arguments are well-formed but make no sense.
    Usage(String),
    /// No daemon answers; the text says how to start one.
    Unreachable(String),
    /// All was said already; only the exit code is left.
    Reported(u8),
    /// Whoever read our output has left.
    ClosedPipe,
}

impl Failure {
    /// A failure from any error, with what was attempted in front.
    pub fn context(what: impl Display) -> impl FnOnce(anyhow::Error) -> Self {
        move |e| Self::Failed(format!("{what}: {e:#}"))
    }

    /// The exit code that goes with it.
    pub fn code(&self) -> u8 {
        match self {
            Self::Failed(_) => EXIT_FAILED,
            Self::Usage(_) => EXIT_USAGE,
            Self::Unreachable(_) => EXIT_UNREACHABLE,
            Self::Reported(code) => *code,
            Self::ClosedPipe => EXIT_OK,
        }
    }

    /// Says so on stderr and gives the exit code.
    pub fn report(self) -> ExitCode {
        if let Self::Failed(text) | Self::Usage(text) | Self::Unreachable(text) = &self {
            let _ = writeln!(std::io::stderr(), "cosmos: {text}");
        }
        self.into()
    }
}

impl From<std::io::Error> for Failure {
    fn from(e: std::io::Error) -> Self {
        if e.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::ClosedPipe;
        }
        Self::Failed(e.to_string())
    }
}

impl From<anyhow::Error> for Failure {
    fn from(e: anyhow::Error) -> Self {
        Self::Failed(format!("{e:#}"))
    }
}
