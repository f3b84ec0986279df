//! The samples of both models: they load without a fault and come to what is written down here.

use std::path::Path;

use intent::observed::ConditionStatus;
use k8s_bridge::{Compiled, Index, compile, manifest::load_dir};

fn sample(name: &str) -> Compiled {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/samples").join(name);
    let loaded = load_dir(&dir);
    let errors: Vec<_> = loaded.errors.iter().map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert!(!loaded.objects.is_empty(), "no sample in {}", dir.display());
    let index: Index = loaded.objects.into_iter().collect();
    compile(&index, "node-1")
}

fn conditions(compiled: &Compiled) -> String {
    let mut text = String::new();
    for verdict in &compiled.verdicts {
        assert!(verdict.accepted, "{verdict:#?}");
        text.push_str(&format!("{}: {}\n", verdict.object, verdict.message));
        for c in &verdict.conditions[1..] {
            text.push_str(&format!("    {}={} {}: {}\n", c.kind, c.status, c.reason, c.message));
            assert_ne!(c.status, ConditionStatus::Unknown);
        }
    }
    text
}

#[test]
fn the_router_model() {
    let compiled = sample("router");
    insta::assert_json_snapshot!("router_intent", compiled.intent);
    insta::assert_snapshot!("router_conditions", conditions(&compiled));
}

#[test]
fn the_fleet_model() {
    let compiled = sample("fleet");
    insta::assert_json_snapshot!("fleet_intent", compiled.intent);
    insta::assert_snapshot!("fleet_conditions", conditions(&compiled));
}

#[test]
fn passwords_are_not_in_the_intent_anyone_sees() {
    let shown = format!("{:?}", sample("router"));
    assert!(shown.contains("<redacted>"));
    assert!(!shown.contains("change-me"));
}
