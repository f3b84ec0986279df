//! The examples of docs/policy.md: manifests, each followed by routes and what becomes of them.

use k8s_bridge::compile::Compiled;

use super::bench::{compiled, outcome, route};

const DOCS: &str = include_str!("../../../../../docs/policy.md");

/// Fenced blocks of the page, each with its language.
fn blocks() -> Vec<(&'static str, &'static str)> {
    let mut found = Vec::new();
    let mut rest = DOCS;
    while let Some((_, opened)) = rest.split_once("\n```") {
        let (language, body) = opened.split_once('\n').unwrap();
        let (body, behind) = body.split_once("```\n").unwrap();
        found.push((language, body));
        rest = behind;
    }
    found
}

#[test]
fn the_examples_are_true() {
    let mut manifest = None;
    let mut checked = 0;
    for (language, body) in blocks() {
        match language {
            "yaml" => manifest = Some(compiled(body)),
            "routes" => {
                let compiled = manifest.as_ref().expect("a manifest stands before its routes");
                let policy = compiled.verdicts.iter().find(|v| v.object.kind.ends_with("Policy"));
                assert!(policy.is_some_and(|v| v.accepted), "{policy:#?}");
                let (peer, import) = where_it_applies(compiled);
                for line in body.lines() {
                    let (before, wanted) = line.split_once(" -> ").unwrap();
                    let said = outcome(compiled, peer, import, &route(before.trim_end()));
                    assert_eq!(said, wanted.trim_start(), "{line}");
                    checked += 1;
                }
            }
            _ => {}
        }
    }
    assert!(checked >= 15, "{checked} examples");
}

/// The neighbour and direction in which some policy of the manifest stands.
fn where_it_applies(compiled: &Compiled) -> (&'static str, bool) {
    let routers = compiled.intent.routers.values();
    let peers: Vec<_> = routers.flat_map(|router| &router.peers).collect();
    for name in ["default/leaf1", "default/upstream"] {
        let (_, peer) = peers.iter().find(|(found, _)| found.as_str() == name).unwrap();
        if !peer.import.is_empty() {
            return (name, true);
        }
        if !peer.export.is_empty() {
            return (name, false);
        }
    }
    panic!("no neighbour has a policy");
}
