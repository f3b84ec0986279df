//! Where test data lies: real tables, captures, vectors. They are not part of the checkout.
//!
//! `COSMOS_DATA` names the folder; without it, it is looked for beside the checkout: `data` with an
//! `INDEX.md` in some folder there.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::skip::Reason;

/// The real RIPE RIS table of 2010: 641,957 IPv4 paths of 5 peers.
pub const RRC06: &str = "mrt/built/rrc06-20100701-reencoded.rib.bz2";

/// The folder, or one that is not there, for messages.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let named = std::env::var_os("COSMOS_DATA").map(PathBuf::from);
    named.or_else(beside_checkout).unwrap_or_else(|| "data".into())
});

/// The full path of one data file.
///
/// # Errors
/// [`Reason::Data`] when it is absent, for [`skip`](crate::skip::skip).
pub fn file(relative: &str) -> Result<PathBuf, Reason> {
    let path = FOLDER.join(relative);
    if path.is_file() { Ok(path) } else { Err(Reason::Data(path.display().to_string())) }
}

/// The first by name, so that two of them are no matter of chance.
fn beside_checkout() -> Option<PathBuf> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
    let entries = std::fs::read_dir(checkout.parent()?).ok()?;
    let folders = entries.filter_map(|entry| Some(entry.ok()?.path().join("data")));
    folders.filter(|folder| folder.join("INDEX.md").is_file()).min()
}
