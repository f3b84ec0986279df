//! `cosmos crds`: prints the CustomResourceDefinitions.

use std::io::{self, Write};

use crate::cli::{Failure, Output};

/// Runs `cosmos crds`.
///
/// # Errors
/// Standard output cannot be written.
pub fn run() -> Result<(), Failure> {
    let mut out = Output::new(io::stdout());
    for (_, document) in k8s_bridge::crd::crd_yaml() {
        out.write_all(document.as_bytes())?;
    }
    Ok(out.flush()?)
}
