//! `cargo xtask bench-roots DIR SUITE`: daemons of another Debian suite, for `bench-load --roots DIR`.
//!
//! Makes `DIR/SUITE`, a small Debian root with the daemons installed, by mmdebstrap or debootstrap;
//! nothing of the host changes. The index of `sid` may be past its validity date on a machine whose
//! mirror is frozen: the date is not checked inside that root; signatures are. Needs root.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use crate::out;

/// Options of `bench-roots`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder of all roots, outside the repository
    dir: PathBuf,
    /// Debian suite: trixie, sid
    suite: String,
    /// What is installed; BIRD 2 and BIRD 3 exclude each other
    #[arg(long, value_delimiter = ',', default_value = "frr,bird3,gobgpd,openbgpd")]
    packages: Vec<String>,
    /// The root's name in DIR [default: SUITE]
    #[arg(long)]
    name: Option<String>,
    /// Where Debian comes from
    #[arg(long, default_value = "http://deb.debian.org/debian")]
    mirror: String,
}

const NO_DATE: [&str; 2] =
    ["Acquire::Check-Valid-Until \"false\";", "Acquire::Check-Date \"false\";"];

/// Makes the root; `Ok(false)` when the tool failed, whose words are on the terminal.
pub(crate) fn run(args: &Args) -> Result<bool> {
    ensure!(nix::unistd::geteuid().is_root(), "a root is made as root; use sudo");
    for word in args.packages.iter().chain([&args.suite]) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        ensure!(!word.is_empty() && word.chars().all(is_plain), "{word:?} is no name of Debian's");
    }
    let name = args.name.as_ref().unwrap_or(&args.suite);
    let root = std::path::absolute(&args.dir)?.join(name);
    ensure!(!root.exists(), "{} is there already; remove it to make it anew", root.display());
    std::fs::create_dir_all(&args.dir).with_context(|| args.dir.display().to_string())?;
    let is_good = if is_installed("mmdebstrap") {
        succeeds(&mut mmdebstrap(args, &root))?
    } else if is_installed("debootstrap") {
        debootstrap(args, &root)?
    } else {
        bail!("neither mmdebstrap nor debootstrap is installed: apt-get install mmdebstrap")
    };
    if is_good {
        out::line(&format!("made {}; use it with bench-load --roots", root.display()));
    }
    Ok(is_good)
}

fn mmdebstrap(args: &Args, root: &Path) -> Command {
    let mut command = Command::new("mmdebstrap");
    command.arg("--variant=apt").arg(format!("--include={}", args.packages.join(",")));
    for option in NO_DATE.iter().chain(&["APT::Install-Recommends \"false\";"]) {
        command.arg(format!("--aptopt={option}"));
    }
    command.arg(&args.suite).arg(root).arg(&args.mirror);
    command
}

/// The base first; debootstrap resolves no dependencies of what is included.
fn debootstrap(args: &Args, root: &Path) -> Result<bool> {
    let mut base = Command::new("debootstrap");
    base.arg("--variant=minbase").arg(&args.suite).arg(root).arg(&args.mirror);
    if !succeeds(&mut base)? {
        return Ok(false);
    }
    std::fs::write(root.join("etc/apt/apt.conf.d/99date"), NO_DATE.join("\n") + "\n")?;
    // Packages must not start their daemons.
    let policy = root.join("usr/sbin/policy-rc.d");
    std::fs::write(&policy, "#!/bin/sh\nexit 101\n")?;
    let mode: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&policy, mode)?;
    let mut index = Command::new("chroot");
    index.arg(root).args(["apt-get", "update"]);
    let mut install = Command::new("chroot");
    install.arg(root).args(["apt-get", "install", "-y", "--no-install-recommends"]);
    install.args(&args.packages).env("DEBIAN_FRONTEND", "noninteractive");
    Ok(succeeds(&mut index)? && succeeds(&mut install)?)
}

fn is_installed(program: &str) -> bool {
    let is_there = |folder: PathBuf| folder.join(program).is_file();
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(is_there))
}

fn succeeds(command: &mut Command) -> Result<bool> {
    let status = command.status().with_context(|| format!("run {:?}", command.get_program()))?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_date_is_relaxed() {
        let args = Args {
            dir: "/tmp/roots".into(),
            suite: "sid".into(),
            packages: vec!["frr".into(), "bird3".into()],
            name: None,
            mirror: "http://deb.debian.org/debian".into(),
        };
        let command = mmdebstrap(&args, Path::new("/tmp/roots/sid"));
        let words: Vec<_> = command.get_args().map(|a| a.to_string_lossy().into_owned()).collect();
        assert!(words.contains(&"--include=frr,bird3".to_owned()));
        assert!(words.iter().any(|word| word.contains("Check-Valid-Until")));
        let lowered = words.join(" ").to_lowercase();
        assert!(!lowered.contains("unauthenticated") && !lowered.contains("trusted=yes"));
    }
}
