//! Becoming somebody who may build networks, without being root.
//!
//! Root makes network namespaces directly. Anybody else first enters a user namespace of their own
//! in which they are root; that must happen while the process has one thread, so the lab does it
//! before anything else. The maps are written as `user_namespaces(7)` asks: `setgroups` denied
//! first, then one identity each.

use std::fs;
use std::io;

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};

/// How the lab came to its rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    /// The process had them: no user namespace.
    Own,
    /// Root of a user namespace made for the lab.
    UserNamespace,
}

/// Gains the right to make network namespaces, for this and all later threads.
///
/// # Errors
/// One line that says which setting forbids it and how to go on.
pub(super) fn gain_rights() -> Result<Rights, String> {
    // The network namespace made here stays empty; it is the proof that more can be made.
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => return Ok(Rights::Own),
        Err(Errno::EPERM) => {}
        Err(e) => return Err(format!("cannot make a network namespace: {e}")),
    }
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    enter(uid.as_raw(), gid.as_raw()).map_err(|(step, e)| explain(step, e, &Settings::read()))?;
    Ok(Rights::UserNamespace)
}

fn enter(uid: u32, gid: u32) -> Result<(), (&'static str, Errno)> {
    let write =
        |path: &'static str, text: String| fs::write(path, text).map_err(|e| (path, errno(&e)));
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|e| ("a user namespace", e))?;
    write("/proc/self/setgroups", "deny".to_owned())?;
    write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    write("/proc/self/gid_map", format!("0 {gid} 1"))?;
    unshare(CloneFlags::CLONE_NEWNET).map_err(|e| ("a network namespace", e))
}

fn errno(e: &io::Error) -> Errno {
    e.raw_os_error().map_or(Errno::EIO, Errno::from_raw)
}

/// The settings that can forbid user namespaces; `None` where the kernel has no such setting.
#[derive(Debug, Default)]
struct Settings {
    /// Ubuntu since 23.10.
    apparmor_restrict: Option<u64>,
    /// Debian up to 10 and some others.
    unprivileged_clone: Option<u64>,
    max_user_namespaces: Option<u64>,
}

impl Settings {
    fn read() -> Self {
        let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse().ok();
        Self {
            apparmor_restrict: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            unprivileged_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
        }
    }
}

fn explain(step: &str, e: Errno, settings: &Settings) -> String {
    let remedy = if settings.unprivileged_clone == Some(0) {
        "allow it with `sudo sysctl kernel.unprivileged_userns_clone=1`, or run `sudo cosmos lab`"
    } else if settings.apparmor_restrict == Some(1) {
        "allow it with `sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0`, or run \
         `sudo cosmos lab`"
    } else if settings.max_user_namespaces == Some(0) || e == Errno::ENOSPC {
        "allow it with `sudo sysctl user.max_user_namespaces=10000`, or run `sudo cosmos lab`"
    } else {
        "run `sudo cosmos lab`; in a container, give it CAP_SYS_ADMIN or a seccomp profile that \
         allows unshare"
    };
    format!("this kernel does not let an ordinary user make {step} ({}); {remedy}", e.desc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_setting_that_forbids_it() {
        let all_fine = Settings {
            apparmor_restrict: Some(0),
            unprivileged_clone: Some(1),
            max_user_namespaces: Some(1000),
        };
        let debian = Settings { unprivileged_clone: Some(0), ..Settings::default() };
        let ubuntu = Settings { apparmor_restrict: Some(1), ..Settings::default() };
        let none = Settings { max_user_namespaces: Some(0), ..Settings::default() };
        for (settings, e, word) in [
            (&debian, Errno::EPERM, "unprivileged_userns_clone=1"),
            (&ubuntu, Errno::EACCES, "apparmor_restrict_unprivileged_userns=0"),
            (&none, Errno::ENOSPC, "user.max_user_namespaces="),
            (&all_fine, Errno::ENOSPC, "user.max_user_namespaces="),
            (&all_fine, Errno::EPERM, "seccomp"),
        ] {
            let text = explain("a user namespace", e, settings);
            assert!(text.contains(word) && text.contains("sudo"), "{text}");
            assert!(!text.contains('\n'), "{text}");
        }
    }
}
