//! What a person types, what they get back: arguments, failures with exit codes, output.
//!
//! Invariants: every failure is one line on stderr that says how to go on; exit codes are an
//! interface ([`EXIT_OK`], [`EXIT_FAILED`], [`EXIT_USAGE`], [`EXIT_UNREACHABLE`]); output that
//! nobody reads any more (a closed pipe) is no failure.

mod args;
#[cfg(test)]
mod example;
mod failure;
mod output;
pub(crate) mod render;

pub use args::{
    Cli, Command, ControlArgs, DoctorArgs, ExplainArgs, ExplainWhat, FibChoice, LabArgs,
    OutputFormat, RunArgs, ShowArgs, ShowWhat, default_control_path,
};
#[cfg(test)]
pub(crate) use example::example_peer;
pub use failure::{EXIT_FAILED, EXIT_OK, EXIT_UNREACHABLE, EXIT_USAGE, Failure};
pub use output::{JsonArray, Output, Table};
pub use render::{
    Columns, FIB_COLUMNS, OBJECT_COLUMNS, PEER_COLUMNS, ROUTE_COLUMNS, doctor_text, duration,
    explain_text, fib_rows, object_row, peer_rows, peer_text, route_row,
};
