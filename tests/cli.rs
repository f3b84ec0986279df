//! The command as people and scripts meet it: words, exit codes, sockets, closed pipes.

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn cosmos(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cosmos"))
        .args(args)
        .env_remove("COSMOS_CONTROL")
        .output()
        .expect("the binary was built with this test")
}

/// Exit code, and stderr as text.
fn failure(args: &[&str]) -> (Option<i32>, String) {
    let output = cosmos(args);
    assert!(output.stdout.is_empty(), "{output:?}");
    (output.status.code(), String::from_utf8(output.stderr).expect("text"))
}

#[test]
fn crds_are_yaml_documents_kubectl_can_apply() {
    let output = cosmos(&["crds"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    for kind in ["BGPRouter", "BGPPeer", "BGPAdvertisement", "BGPPolicy", "BGPInstance"] {
        assert!(text.contains(&format!("kind: {kind}\n")), "no {kind}");
    }
    let documents = text.split("\n---\n").count();
    assert_eq!(documents, text.matches("kind: CustomResourceDefinition\n").count());
}

#[test]
fn wrong_usage_is_exit_code_2_with_a_hint() {
    for (args, word) in [
        (&["shwo"][..], "'show'"),
        (&["show", "routes", "10.0.0.0"], "10.0.0.0"),
        (&["show", "routes", "--family", "ipx"], "ipv4/unicast or ipv6/unicast"),
        (&["run"], "--manifests"),
        (&["lab", "--once", "--shell", "node1"], "cannot be used with"),
    ] {
        let (code, text) = failure(args);
        assert_eq!(code, Some(2), "{args:?}: {text}");
        assert!(text.contains(word), "{args:?}: {text}");
    }
}

#[test]
fn no_daemon_is_exit_code_3_and_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("absent.sock");
    let path = path.to_str().expect("text");
    for args in [&["show", "peers"][..], &["explain", "route", "10.0.0.0/8"]] {
        let (code, text) = failure(&[args, &["--control", path]].concat());
        assert_eq!(code, Some(3), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("cosmos run --manifests") && text.contains(path), "{text}");
    }
}

#[test]
fn a_user_without_a_runtime_folder_is_told_to_name_the_socket() {
    if nix::unistd::geteuid().is_root() {
        // Root has a default socket; the rule itself has a unit test.
        return;
    }
    let output = Command::new(env!("CARGO_BIN_EXE_cosmos"))
        .args(["show", "peers"])
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("COSMOS_CONTROL")
        .output()
        .expect("runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--control PATH"));
}

#[test]
fn a_missing_manifest_folder_is_said_at_once() {
    let (code, text) = failure(&["run", "--manifests", "/nonexistent/folder", "--node", "n"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("/nonexistent/folder"), "{text}");
}

#[test]
fn help_and_version_go_to_stdout_and_end_well() {
    for args in [&["--help"][..], &["show", "--help"], &["--version"]] {
        let output = cosmos(args);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        assert!(!output.stdout.is_empty());
    }
    let help = String::from_utf8(cosmos(&["run", "--help"]).stdout).expect("text");
    assert!(help.contains("SIGTERM") && help.contains("--remove-routes-on-exit"), "{help}");
}

#[test]
fn writing_to_a_closed_pipe_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cosmos"))
        .arg("crds")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ends");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
}

#[test]
fn the_samples_are_where_the_readme_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert!(root.join("config/samples/quickstart/node1.yaml").is_file());
}
