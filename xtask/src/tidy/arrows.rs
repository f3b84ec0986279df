//! Dependency arrows: which room may know which, and who may touch the outside world.
//!
//! Reads `cargo metadata --no-deps` (declared dependencies, so a forbidden arrow is found even when
//! it is behind a feature). Development dependencies are free, except that `testkit` is allowed
//! only there. The two tables below are the architecture; a change here is a change of design.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Findings;

/// Rooms and the rooms they may use. The root package `cosmos` wires all and is checked by `OUTSIDE` only.
const ROOMS: &[(&str, &[&str])] = &[
    ("bgp-wire", &[]),
    // Codecs of other houses, for comparison only; nothing may depend on it.
    ("bgp-wire-foreign", &["bgp-wire"]),
    ("bgp-fsm", &["bgp-wire"]),
    ("rib", &["bgp-wire"]),
    ("fib-netlink", &[]),
    ("bfd", &["sockopt"]),
    ("nd", &["sockopt"]),
    ("sockopt", &[]),
    ("speaker", &["bgp-wire", "bgp-fsm", "rib", "bfd", "nd", "sockopt", "fib-netlink"]),
    ("capture", &["bgp-wire"]),
    ("intent", &[]),
    ("providers", &["intent", "speaker", "bgp-wire", "rib", "fib-netlink"]),
    ("k8s-bridge", &["intent"]),
    ("testkit", &["bgp-wire", "bgp-fsm", "rib", "bfd", "intent"]),
    (
        "cosmos",
        &[
            "bgp-wire",
            "bgp-fsm",
            "rib",
            "fib-netlink",
            "bfd",
            "nd",
            "sockopt",
            "speaker",
            "capture",
            "intent",
            "providers",
            "k8s-bridge",
        ],
    ),
    ("xtask", &["testkit", "k8s-bridge"]),
];

/// Third-party crates (by prefix) that only some rooms may use, and why.
const OUTSIDE: &[(&str, &[&str], &str)] = &[
    (
        "tokio",
        &["bgp-fsm?", "bfd?", "nd?", "speaker", "fib-netlink", "providers", "k8s-bridge", "cosmos"],
        "protocol logic is synchronous; tokio belongs to the shells",
    ),
    (
        "socket2",
        &["bgp-fsm?", "bfd?", "nd?", "sockopt", "speaker", "fib-netlink", "testkit"],
        "sockets belong to the shells",
    ),
    ("libc", &["sockopt"], "system calls belong to sockopt"),
    (
        "nix",
        &["cosmos", "speaker", "fib-netlink", "sockopt", "testkit", "xtask"],
        "system calls belong to the edge",
    ),
    // The root package: the lab builds its own links, which no running speaker ever does.
    ("rtnetlink", &["fib-netlink", "cosmos"], "one room speaks netlink"),
    ("netlink-", &["fib-netlink"], "one room speaks netlink"),
    ("kube", &["k8s-bridge"], "one room knows Kubernetes"),
    ("k8s-openapi", &["k8s-bridge"], "one room knows Kubernetes"),
    ("anyhow", &["cosmos", "testkit", "xtask"], "libraries have typed errors"),
    ("clap", &["cosmos", "xtask"], "options belong to commands"),
];

/// One declared, non-development dependency.
#[derive(Debug)]
struct Arrow {
    from: String,
    to: String,
    optional: bool,
}

/// Adds a finding for every arrow the tables do not allow.
pub(super) fn check(root: &Path, found: &mut Findings) -> Result<()> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root)
        .args(["metadata", "--no-deps", "--locked", "--format-version", "1"])
        .output()
        .context("run cargo metadata")?;
    anyhow::ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    judge(&metadata, found);
    Ok(())
}

fn judge(metadata: &Value, found: &mut Findings) {
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    if packages.is_empty() {
        found.errors.push("cargo metadata: lists no package".into());
    }
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, may_use)) = ROOMS.iter().find(|(room, _)| *room == name) else {
            found.errors.push(format!(
                "{name}: a new crate; give it a row in xtask/src/tidy/arrows.rs with its reason"
            ));
            continue;
        };
        for arrow in arrows(name, package) {
            if let Some(problem) = forbidden(&arrow, may_use) {
                found.errors.push(format!("{name}/Cargo.toml: {problem}"));
            }
        }
    }
}

fn arrows(from: &str, package: &Value) -> Vec<Arrow> {
    let dependencies = package["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
    dependencies
        .iter()
        .filter(|d| d["kind"].is_null())
        .map(|d| Arrow {
            from: from.to_owned(),
            to: d["name"].as_str().unwrap_or_default().to_owned(),
            optional: d["optional"].as_bool().unwrap_or(false),
        })
        .collect()
}

fn forbidden(arrow: &Arrow, may_use: &[&str]) -> Option<String> {
    let to = arrow.to.as_str();
    if ROOMS.iter().any(|(room, _)| *room == to) {
        return (!may_use.contains(&to)).then(|| format!("may not depend on {to}"));
    }
    let (_, rooms, why) = OUTSIDE
        .iter()
        .find(|(name, _, _)| to == *name || (name.ends_with('-') && to.starts_with(name)))?;
    let allowed = rooms.iter().any(|room| match room.strip_suffix('?') {
        Some(room) => room == arrow.from && arrow.optional,
        None => *room == arrow.from,
    });
    (!allowed).then(|| format!("may not depend on {to} ({why})"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn findings(name: &str, dependency: Value) -> Vec<String> {
        let mut found = Findings::default();
        judge(&json!({"packages": [{"name": name, "dependencies": [dependency]}]}), &mut found);
        found.errors
    }

    #[test]
    fn an_arrow_against_the_grain_is_an_error() {
        let up = json!({"name": "speaker", "kind": null, "optional": false});
        assert_eq!(findings("rib", up), ["rib/Cargo.toml: may not depend on speaker"]);
        let down = json!({"name": "bgp-wire", "kind": null, "optional": false});
        assert!(findings("rib", down).is_empty());
    }

    #[test]
    fn testkit_is_for_tests_only() {
        let normal = json!({"name": "testkit", "kind": null, "optional": false});
        assert_eq!(findings("speaker", normal).len(), 1);
        let dev = json!({"name": "testkit", "kind": "dev", "optional": false});
        assert!(findings("speaker", dev).is_empty());
    }

    #[test]
    fn tokio_in_the_state_machine_only_behind_a_feature() {
        let always = json!({"name": "tokio", "kind": null, "optional": false});
        assert_eq!(findings("bgp-fsm", always).len(), 1);
        let feature = json!({"name": "tokio", "kind": null, "optional": true});
        assert!(findings("bgp-fsm", feature).is_empty());
        let rib = json!({"name": "tokio", "kind": null, "optional": true});
        assert_eq!(findings("rib", rib).len(), 1);
    }

    #[test]
    fn netlink_and_unknown_crates() {
        let netlink = json!({"name": "netlink-sys", "kind": null, "optional": false});
        assert_eq!(findings("speaker", netlink).len(), 1);
        let unknown = json!({"name": "bytes", "kind": null, "optional": false});
        assert_eq!(findings("surprise", unknown).len(), 1);
    }

    #[test]
    fn an_empty_listing_is_an_error() {
        let mut found = Findings::default();
        judge(&json!({"packages": []}), &mut found);
        assert_eq!(found.errors.len(), 1);
    }
}
