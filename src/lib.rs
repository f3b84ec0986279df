//! The `cosmos` command as a library: composition only.
//!
//! This is the only place where the Kubernetes side (`k8s-bridge`) and the engines (`providers`)
//! meet. One module a subcommand, wiring and no protocol logic:
//!
//! ```text
//!   cli/      arguments, exit codes, tables for people and JSON for scripts
//!   control/  the control socket: one JSON request line, NDJSON answer lines
//!   run       manifests -> compile -> provider.apply; signals; control and HTTP servers
//!   http, metrics   /metrics /healthz /readyz /version
//!   show, explain, doctor, crds   clients of a running daemon, or none
//!   decode/   captures, tables and streams to text or JSON, without a daemon
//!   lab/      four routers in network namespaces, driven and watched
//! ```
#![forbid(unsafe_code)]

use std::process::ExitCode;

pub mod clear;
pub mod cli;
pub mod control;
pub mod crds;
mod daemon;
pub mod decode;
pub mod doctor;
pub mod explain;
mod http;
pub mod lab;
mod metrics;
mod objects;
pub mod run;
pub mod show;
mod verdicts;

use clap::Parser;
use cli::{Cli, Command, Failure};

/// Parses the arguments, runs the subcommand and turns its outcome into an exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            // A closed pipe while printing help is no failure.
            let _ = e.print();
            return ExitCode::from(if e.use_stderr() { cli::EXIT_USAGE } else { cli::EXIT_OK });
        }
    };
    let outcome = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Show(args) => show::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Clear(args) => clear::run(args),
        Command::Decode(args) => decode::run(args),
        Command::Crds => crds::run(),
        Command::Lab(args) => lab::run(args),
    };
    match outcome {
        Ok(()) => ExitCode::from(cli::EXIT_OK),
        Err(failure) => failure.report(),
    }
}

impl From<Failure> for ExitCode {
    fn from(failure: Failure) -> Self {
        Self::from(failure.code())
    }
}
