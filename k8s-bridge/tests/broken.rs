//! A folder of broken manifests: every fault is named with its place and fix, and the good objects
//! still make a router.

use std::path::Path;

use k8s_bridge::{Compiled, Index, compile, manifest::load_dir};

fn load() -> (Vec<String>, Compiled) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let loaded = load_dir(&dir);
    let errors = loaded.errors.iter().map(ToString::to_string).collect();
    let index: Index = loaded.objects.into_iter().collect();
    (errors, compile(&index, "node-1"))
}

#[test]
fn every_fault_is_named() {
    let (errors, compiled) = load();
    insta::assert_snapshot!("faults", errors.join("\n"));
    let refused = compiled.verdicts.iter().filter(|v| !v.accepted).map(|v| {
        let origin = v.origin.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{origin}: {}: {}: {}", v.object, v.reason, v.message)
    });
    insta::assert_snapshot!("refusals", refused.collect::<Vec<_>>().join("\n"));
}

#[test]
fn every_broken_file_is_told_of() {
    let (errors, compiled) = load();
    let refused = compiled.verdicts.iter().filter(|v| !v.accepted);
    let refused: Vec<_> = refused.map(|v| v.origin.as_ref().unwrap().to_string()).collect();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut seen = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.starts_with("00-") {
            assert!(!errors.iter().any(|e| e.starts_with(&name)), "{name} is good");
            continue;
        }
        let told = errors.iter().chain(&refused).any(|e| e.starts_with(&name));
        assert!(told, "nothing is said of {name}");
        seen += 1;
    }
    assert!(seen >= 20, "only {seen} broken files");
}

#[test]
fn the_good_objects_run() {
    let (_, compiled) = load();
    let router = &compiled.intent.routers["default/r1"];
    let peers: Vec<_> = router.peers.keys().map(|name| name.as_str()).collect();
    assert_eq!(peers, ["default/good"]);
    let prefixes: Vec<_> = router.originations.iter().map(|o| o.prefix.to_string()).collect();
    assert_eq!(prefixes, ["203.0.113.0/24"]);
    assert_eq!(compiled.intent.validate(), []);
}

#[test]
fn no_secret_is_shown() {
    let (errors, _) = load();
    assert!(!errors.iter().any(|e| e.contains("8675309")));
}
