//! `cosmos crds`
use crate::cli::Failure;
/// x
pub fn run() -> Result<(), Failure> {
    Ok(())
}
