//! `cosmos run`
use crate::cli::{Failure, RunArgs};
/// x
pub fn run(_: RunArgs) -> Result<(), Failure> {
    Ok(())
}
