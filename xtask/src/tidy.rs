//! `cargo xtask tidy`: house rules the compiler cannot hold.
//!
//! Three checks that only read: [`arrows`] (who may depend on whom, from `cargo metadata`),
//! [`sources`] (length, module header, forbidden words, `forbid(unsafe_code)`), and one that runs a
//! test: generated files in `config/` equal what the code generates. Every finding is one line
//! `path: what is wrong and what to do`; warnings do not fail.

mod arrows;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::out;

/// Options of `tidy`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave out the comparison of generated files, which has to compile a crate.
    #[arg(long)]
    pub(crate) skip_generated: bool,
}

/// What a check found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// Break the build.
    pub(crate) errors: Vec<String>,
    /// Are listed.
    pub(crate) warnings: Vec<String>,
}

/// Runs all checks; `Ok(false)` when something was found.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let root = workspace_root()?;
    let mut found = Findings::default();
    arrows::check(&root, &mut found)?;
    sources::check(&root, &mut found)?;
    if !args.skip_generated {
        generated(&root, &mut found)?;
    }
    for warning in &found.warnings {
        out::line(&format!("warning: {warning}"));
    }
    for error in &found.errors {
        out::line(&format!("error: {error}"));
    }
    out::line(&format!("tidy: {} errors, {} warnings", found.errors.len(), found.warnings.len()));
    Ok(found.errors.is_empty())
}

/// The folder of the workspace's `Cargo.toml`.
pub(crate) fn workspace_root() -> Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.parent().context("xtask lies inside the workspace")?;
    if !root.join("Cargo.toml").is_file() {
        bail!("no Cargo.toml in {}", root.display());
    }
    Ok(root.to_path_buf())
}

/// The name that tests comparing committed generated files carry.
const GENERATED_TEST: &str = "generated_files_are_current";

/// Runs the tests that compare `config/` with what the code generates.
fn generated(root: &Path, found: &mut Findings) -> Result<()> {
    if !root.join("config/crd").is_dir() {
        found.errors.push("config/crd: missing; write it with `cosmos crds`".into());
        return Ok(());
    }
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["test", "--locked", "--quiet", "--package", "k8s-bridge"])
        .arg(GENERATED_TEST)
        .output()
        .context("run cargo test -p k8s-bridge")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let ran = crate::test::totals(&text).passed;
    if !output.status.success() {
        found.errors.push(
            "config/crd: differs from what the code generates; run `cosmos crds --write config/crd` \
             (details: `cargo test -p k8s-bridge generated_files_are_current`)"
                .into(),
        );
    } else if ran == 0 {
        found.errors.push(format!(
            "k8s-bridge: no test named {GENERATED_TEST}: nothing compares config/crd with the types"
        ));
    }
    Ok(())
}
