//! `cosmos doctor`: what is wrong with the sessions of a running daemon, and what to do about it.

use std::io::{self, Write};

use speaker::diagnose::Diagnosis;

use crate::cli::{DoctorArgs, EXIT_FAILED, Failure, JsonArray, Output, OutputFormat, doctor_text};
use crate::control::Request;

/// Runs `cosmos doctor`.
///
/// # Errors
/// [`Failure::Unreachable`] when no daemon answers; [`Failure::Reported`] with exit code 1 when
/// something is wrong.
pub fn run(args: DoctorArgs) -> Result<(), Failure> {
    let client = crate::show::client(&args.control)?;
    let asked_one = args.peer.is_some();
    let request = Request::Doctor { router: args.control.router, peer: args.peer };
    let found: Vec<Diagnosis> = client.all(&request)?;
    let mut out = Output::new(io::stdout());
    match args.control.output {
        OutputFormat::Json => {
            let mut array = JsonArray::new(out);
            found.iter().try_for_each(|diagnosis| array.push(diagnosis))?;
            array.finish()?;
        }
        OutputFormat::Table => {
            out.write_all(doctor_text(&found, asked_one).as_bytes())?;
            out.flush()?;
        }
    }
    match found.iter().any(Diagnosis::is_wrong) {
        true => Err(Failure::Reported(EXIT_FAILED)),
        false => Ok(()),
    }
}
