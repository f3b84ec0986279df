//! The definitions: structural, fresh, bounded, and with a predicate for every rule.

use std::{fs, path::PathBuf};

use super::*;

fn schemas() -> Vec<(String, Value)> {
    let named = |crd: Value| {
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap().to_owned();
        (kind, crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone())
    };
    let all: Vec<_> = definitions().into_iter().map(named).collect();
    assert_eq!(all.len(), 9);
    all
}

/// Calls `see` with every schema node and its path.
fn walk(path: &str, node: &Value, see: &mut dyn FnMut(&str, &Value)) {
    see(path, node);
    for (name, property) in node["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), property, see);
    }
    for inner in ["items", "additionalProperties"] {
        if node[inner].is_object() {
            walk(&format!("{path}[]"), &node[inner], see);
        }
    }
}

#[test]
fn generated_files_are_current() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../config/crd"));
    let rewrite = std::env::var_os("UPDATE_CRDS").is_some();
    let mut names = Vec::new();
    for (name, wanted) in crd_yaml() {
        let path = folder.join(&name);
        if rewrite {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &wanted).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == wanted, "{name} is stale: run UPDATE_CRDS=1 cargo test -p k8s-bridge");
        names.push(name);
    }
    let kustomization = fs::read_to_string(folder.join("kustomization.yaml")).unwrap();
    for name in &names {
        assert!(kustomization.contains(name.as_str()), "kustomization.yaml lacks {name}");
    }
    for file in fs::read_dir(&folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(names.contains(&name) || name == "kustomization.yaml", "{name} is nobody's");
    }
}

#[test]
fn schemas_are_structural_and_say_nothing_twice() {
    for (kind, schema) in schemas() {
        walk(&kind, &schema, &mut |path, node| {
            let forbidden = ["$ref", "anyOf", "oneOf", "allOf", "nullable", "default", "title"];
            for keyword in forbidden {
                assert!(node.get(keyword).is_none(), "{path} has {keyword}");
            }
            let open = node.get("x-kubernetes-preserve-unknown-fields").is_some();
            assert!(node.get("type").is_some() || open, "{path} has no type");
        });
    }
}

#[test]
fn everything_in_a_spec_is_documented_and_bounded() {
    for (kind, schema) in schemas() {
        let spec = &schema["properties"]["spec"];
        assert!(schema["required"].as_array().unwrap().contains(&"spec".into()), "{kind}");
        walk(&format!("{kind}.spec"), spec, &mut |path, node| {
            if !path.ends_with("[]") {
                assert!(node["description"].is_string(), "{path} has no description");
            }
            let bounded = match node["type"].as_str() {
                Some("string") => node["maxLength"].is_u64() || node["enum"].is_array(),
                Some("array") => node["maxItems"].is_u64(),
                Some("integer") => node["maximum"].is_i64(),
                _ => true,
            };
            assert!(bounded || path.ends_with("ID"), "{path} has no upper bound: {node}");
        });
    }
}

#[test]
fn every_rule_in_a_schema_has_a_predicate() {
    let mut seen = 0;
    for (kind, schema) in schemas() {
        walk(&kind, &schema, &mut |path, node| {
            for rule in node["x-kubernetes-validations"].as_array().into_iter().flatten() {
                let found = rule::find(rule["rule"].as_str().unwrap());
                let found = found.unwrap_or_else(|| panic!("{path}: no predicate for {rule}"));
                assert_eq!(rule["message"], found.message, "{path}");
                seen += 1;
            }
        });
    }
    assert!(seen > 40, "only {seen} rules found");
}

#[test]
fn as_numbers_reach_their_full_range() {
    for (pointer, kind) in
        [("peerASN", "BGPPeer"), ("localASN", "BGPRouter"), ("asNumber", "BGPInstance")]
    {
        let (_, schema) = schemas().into_iter().find(|(k, _)| k == kind).unwrap();
        let field = &schema["properties"]["spec"]["properties"][pointer];
        assert_eq!(field["format"], "int64");
        assert_eq!(field["minimum"], 1);
        assert_eq!(field["maximum"], 4_294_967_295_u32);
    }
}
