//! Where test data lies: real tables, captures, vectors. They are not part of the checkout.
//!
//! `COSMOS_DATA` names the folder; without it `../shared/data`, seen from the checkout.

use std::path::PathBuf;

use crate::skip::Reason;

/// The real RIPE RIS table of 2010: 641,957 IPv4 paths of 5 peers.
pub const RRC06: &str = "mrt/built/rrc06-20100701-reencoded.rib.bz2";

/// The full path of one data file.
///
/// # Errors
/// [`Reason::Data`] when it is absent, for [`skip`](crate::skip::skip).
pub fn file(relative: &str) -> Result<PathBuf, Reason> {
    let folder = std::env::var_os("COSMOS_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    );
    let path = folder.join(relative);
    if path.is_file() { Ok(path) } else { Err(Reason::Data(path.display().to_string())) }
}
