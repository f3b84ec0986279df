//! `cargo xtask conformance`: runs the conformance suite and writes its matrix, `docs/conformance.md`.
//!
//! The suite itself (`tests/conformance`) knows the clauses and the verdicts; this only says that the
//! file is to be written.

use std::process::Command;

use anyhow::{Context as _, Result};

use crate::{out, tidy};

/// Options of `conformance`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Runs the suite; `Ok(false)` when a clause does not hold. The file is written either way.
pub(crate) fn run(_: &Args) -> Result<bool> {
    let root = tidy::workspace_root()?;
    let status = Command::new(env!("CARGO"))
        .current_dir(&root)
        .args(["test", "--locked", "--test", "conformance"])
        .env("COSMOS_WRITE_CONFORMANCE", "1")
        .status()
        .context("run cargo test --test conformance")?;
    out::line("written: docs/conformance.md");
    Ok(status.success())
}
