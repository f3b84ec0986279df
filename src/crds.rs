//! `cosmos crds`: prints the CustomResourceDefinitions.

use crate::cli::Failure;

/// Runs `cosmos crds`.
///
/// # Errors
/// This build has none.
pub fn run() -> Result<(), Failure> {
    Err(Failure::Failed("this build has no CustomResourceDefinitions".to_owned()))
}
