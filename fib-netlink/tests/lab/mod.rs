//! A network namespace a test: the thread leaves the host's network and builds its own.
//!
//! Needs CAP_SYS_ADMIN and CAP_NET_ADMIN. Without them a test says `SKIPPED` and passes, but fails where
//! `CI=true` promises a machine that can do it.

use std::future::Future;
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};

/// Run `test` on a thread of its own in a fresh network namespace.
pub(crate) fn in_namespace<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let thread = std::thread::spawn(move || {
        if let Err(error) = unshare(CloneFlags::CLONE_NEWNET) {
            assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "no namespace: {error}");
            eprintln!("SKIPPED: cannot make a network namespace: {error} (run as root)");
            return;
        }
        ip("link set lo up");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test());
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Run `ip ARGS` in the namespace of this thread; returns what it printed.
pub(crate) fn ip(args: &str) -> String {
    let output =
        Command::new("ip").args(args.split_whitespace()).output().expect("ip is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {args}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// A veth pair with both ends here; the near end has addresses. Returns the index of the near end.
pub(crate) fn veth(name: &str, addresses: &[&str]) -> u32 {
    ip(&format!("link add name {name} type veth peer name {name}p"));
    ip(&format!("link set dev {name} up"));
    ip(&format!("link set dev {name}p up"));
    for address in addresses {
        let nodad = if address.contains(':') { "nodad" } else { "" };
        ip(&format!("addr add {address} dev {name} {nodad}"));
    }
    index(name)
}

/// The index of an interface.
pub(crate) fn index(name: &str) -> u32 {
    ip(&format!("-o link show dev {name}")).split(':').next().unwrap().trim().parse().unwrap()
}

/// Poll until `probe` says yes; fails with `what` after ten seconds.
pub(crate) async fn eventually<F: AsyncFnMut() -> bool>(what: &str, mut probe: F) {
    for _ in 0..500 {
        if probe().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}
