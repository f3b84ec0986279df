//! The right to make network namespaces: as root, or as an ordinary user in a user namespace.
//!
//! [`in_namespaces`] wraps a test body. As root (or once inside) the body runs here. An ordinary
//! user's test binary runs itself once more, for this one test, under `unshare -Urnm` (own user,
//! network and mount namespace, tmpfs on `/run`), and takes over its result: a user namespace
//! cannot be entered by a process with several threads, which a test binary is.

use std::process::{Command, ExitCode, Stdio};

use crate::skip::{Reason, skip};

/// Set in the environment of the inner run.
const INSIDE: &str = "COSMOS_TEST_INSIDE_USERNS";

/// Runs `body` where network namespaces can be made; skips the test where they cannot.
///
/// Call it first in a `#[test]` function, with a closure (not a function), since the closure's type
/// name tells which test it is.
///
/// # Panics
/// When the body does, or the inner run fails; in strict mode also instead of skipping.
pub fn in_namespaces<F: FnOnce()>(body: F) {
    let test = test_name::<F>();
    if nix::unistd::geteuid().is_root() {
        match can_make_namespaces() {
            Ok(()) => body(),
            Err(reason) => skip(&test, &reason),
        }
        return;
    }
    if let Err(reason) = has_user_namespaces() {
        skip(&test, &reason);
        return;
    }
    let args = ["--exact", &test, "--nocapture", "--include-ignored", "--test-threads=1"];
    let output = inner(&args.map(String::from)).output().expect("unshare was there a moment ago");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    // "0 passed" would mean that the name was wrong and nothing was tested.
    assert!(
        output.status.success() && text.contains("test result: ok. 1 passed"),
        "inside the user namespace:\n{text}\n{errors}"
    );
}

/// As [`in_namespaces`] for a test program with a `main` of its own: `body` is all of it. An ordinary
/// user's program runs itself once more, with the same arguments, and takes over its exit code.
///
/// # Panics
/// In strict mode, instead of skipping.
pub fn program_in_namespaces(name: &str, body: impl FnOnce() -> ExitCode) -> ExitCode {
    if nix::unistd::geteuid().is_root() {
        return match can_make_namespaces() {
            Ok(()) => body(),
            Err(reason) => {
                skip(name, &reason);
                ExitCode::SUCCESS
            }
        };
    }
    if let Err(reason) = has_user_namespaces() {
        skip(name, &reason);
        return ExitCode::SUCCESS;
    }
    let status = inner(&std::env::args().skip(1).collect::<Vec<_>>()).status();
    let code = status.ok().and_then(|status| status.code());
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// This program once more, as root of a user namespace.
fn inner(args: &[String]) -> Command {
    let exe = std::env::current_exe().expect("a running test has a path");
    let mut command = Command::new("unshare");
    command
        .args(["-Urnm", "sh", "-c"])
        .arg("mount -t tmpfs tmpfs /run && ip link set lo up && exec \"$0\" \"$@\"")
        .arg(exe)
        .args(args)
        .env(INSIDE, "1");
    command
}

/// Whether an ordinary user can be root somewhere.
fn has_user_namespaces() -> Result<(), Reason> {
    let probe = Command::new("unshare")
        .args(["-Urnm", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if probe.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err(Reason::Privilege(
        "no user namespaces for ordinary users here: run as root, or allow them \
         (sysctl kernel.apparmor_restrict_unprivileged_userns=0, or \
         kernel.unprivileged_userns_clone=1)"
            .into(),
    ))
}

/// Whether this process may make network namespaces.
fn can_make_namespaces() -> Result<(), Reason> {
    crate::netns::NetNs::new("probe").map(drop).map_err(|error| {
        Reason::Privilege(format!(
            "root may not make network namespaces here ({error:#}); give the container CAP_SYS_ADMIN"
        ))
    })
}

/// libtest's name of the test whose body is the closure `F`: its path without crate and `{{closure}}`.
fn test_name<F>() -> String {
    let full = std::any::type_name::<F>();
    let path = full.split("::{{closure}}").next().unwrap_or(full);
    path.split_once("::").map_or(path, |(_, rest)| rest).to_owned()
}

/// Whether this process is the inner run in a user namespace.
#[must_use]
pub fn is_inside_user_namespace() -> bool {
    std::env::var_os(INSIDE).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name_of<F: FnOnce()>(_: F) -> String {
        test_name::<F>()
    }

    #[test]
    fn the_closure_knows_its_test() {
        assert_eq!(name_of(|| {}), "privilege::tests::the_closure_knows_its_test");
    }
}
