//! `cosmos run`: manifests in, a speaker running.

use crate::cli::{Failure, RunArgs};

/// Runs `cosmos run`.
///
/// # Errors
/// This build cannot.
pub fn run(args: RunArgs) -> Result<(), Failure> {
    let node = args.node;
    Err(Failure::Failed(format!("this build has no speaker to run as {node}")))
}
