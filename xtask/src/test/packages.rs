//! Programs the tests talk to, installed when we may.
//!
//! As root on Debian (or a relative with `apt-get`) the missing ones are installed; nobody else's
//! machine is touched. Installing must start no daemon, because the tests start their own inside
//! namespaces: a `policy-rc.d` that refuses is put in place for the time of the installation, and
//! one that exists already is left alone.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::out;

/// A program (one of these paths or names exists) and the package that brings it.
const PROGRAMS: &[(&[&str], &str)] = &[
    (&["/usr/lib/frr/bgpd"], "frr"),
    (&["bird"], "bird2"),
    (&["gobgpd"], "gobgpd"),
    (&["bgpd", "/usr/sbin/bgpctl"], "openbgpd"),
    (&["tshark"], "tshark"),
    (&["ip"], "iproute2"),
    (&["ps"], "procps"),
    (&["unshare"], "util-linux"),
    (&["ping"], "iputils-ping"),
];

const POLICY: &str = "/usr/sbin/policy-rc.d";

/// Installs what is missing, if this machine lets us.
pub(super) fn ensure() -> Result<()> {
    let missing = missing();
    if missing.is_empty() {
        return Ok(());
    }
    if !nix::unistd::geteuid().is_root() || !Path::new("/etc/debian_version").exists() {
        out::line(&format!("not installed (tests that need them skip): {}", missing.join(" ")));
        return Ok(());
    }
    out::line(&format!("=== installing {}", missing.join(" ")));
    let _policy = Policy::refuse_starts()?;
    apt(&["update", "-qq"])?;
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(&missing);
    apt(&install)
}

fn missing() -> Vec<&'static str> {
    PROGRAMS
        .iter()
        .filter(|(programs, _)| !programs.iter().any(|program| exists(program)))
        .map(|(_, package)| *package)
        .collect()
}

fn exists(program: &str) -> bool {
    if program.starts_with('/') {
        return Path::new(program).exists();
    }
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"]
        .iter()
        .any(|folder| Path::new(folder).join(program).exists())
}

fn apt(args: &[&str]) -> Result<()> {
    let output = Command::new("apt-get")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("RUNLEVEL", "1")
        .stdin(Stdio::null())
        .output()
        .context("run apt-get")?;
    if !output.status.success() {
        bail!("apt-get {}: {}", args.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Holds Debian's "may this service start?" hook at "no"; gone when dropped.
#[derive(Debug)]
struct Policy {
    ours: bool,
}

impl Policy {
    fn refuse_starts() -> Result<Self> {
        use std::os::unix::fs::PermissionsExt as _;

        if Path::new(POLICY).exists() {
            return Ok(Self { ours: false });
        }
        std::fs::write(POLICY, "#!/bin/sh\nexit 101\n").context(POLICY)?;
        let policy = Self { ours: true };
        std::fs::set_permissions(POLICY, std::fs::Permissions::from_mode(0o755)).context(POLICY)?;
        Ok(policy)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if self.ours {
            let _ = std::fs::remove_file(POLICY);
        }
    }
}
