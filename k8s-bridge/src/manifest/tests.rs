//! The rules' predicates against a CEL interpreter, on generated objects.
//!
//! Objects are drawn from each kind's own schema: any subset of the fields, values of the right type,
//! texts from a pool of good and bad ones. What the API server's expressions refuse must be what
//! the predicates refuse.

use std::collections::BTreeSet;

use kube_cel::Validator;
use proptest::{prelude::*, sample::select, strategy::ValueTree};
use serde_json::{Map, Value, json};

use super::{
    check::check,
    kinds,
    yaml::{Tree, documents},
};

/// Texts that rules look into.
const TEXTS: [&str; 23] = [
    "10.0.0.1",
    "2001:db8::1",
    "::ffff:10.0.0.1",
    "10.0.0.256",
    "fe80::1%eth0",
    "10.0.0.1/32",
    "10.0.0.5/24",
    "2001:db8::/32",
    "10.0.0.0/33",
    "0.0.0.0/0",
    "::/0",
    "0s",
    "2s",
    "3s",
    "90s",
    "1m30s",
    "31s",
    "65536s",
    "-5s",
    "25h",
    "500ms",
    "",
    "text",
];

/// Values that fit a schema in type.
fn fitting(schema: &Value) -> BoxedStrategy<Value> {
    if let Some(words) = schema["enum"].as_array() {
        return select(words.clone()).boxed();
    }
    match schema["type"].as_str() {
        Some("string") => select(TEXTS.to_vec()).prop_map(Value::from).boxed(),
        Some("integer") => {
            let least = schema["minimum"].as_i64().unwrap_or(0);
            (least..least + 3).prop_map(Value::from).boxed()
        }
        Some("boolean") => any::<bool>().prop_map(Value::from).boxed(),
        Some("array") => {
            let least = usize::try_from(schema["minItems"].as_u64().unwrap_or(0)).unwrap();
            proptest::collection::vec(fitting(&schema["items"]), least..least + 3)
                .prop_map(Value::from)
                .boxed()
        }
        Some("object") => match schema["properties"].as_object() {
            Some(properties) => object(schema, properties),
            None => Just(json!({"a": "b"})).boxed(),
        },
        _ => Just(json!("best")).boxed(),
    }
}

fn object(schema: &Value, properties: &Map<String, Value>) -> BoxedStrategy<Value> {
    let required = schema["required"].as_array().cloned().unwrap_or_default();
    let mut object = Just(Map::new()).boxed();
    for (name, property) in properties {
        let (name, needed) = (name.clone(), required.contains(&name.as_str().into()));
        // Few fields of many, so that "exactly one of" has a chance.
        let share = (4.0 / properties.len() as f64).min(0.5);
        let value = if needed {
            fitting(property).prop_map(Some).boxed()
        } else {
            proptest::option::weighted(share, fitting(property)).boxed()
        };
        object = (object, value)
            .prop_map(move |(mut object, value)| {
                if let Some(value) = value {
                    object.insert(name.clone(), value);
                }
                object
            })
            .boxed();
    }
    object.prop_map(Value::Object).boxed()
}

fn tree(value: &Value) -> Tree {
    let text = value.to_string();
    documents(&text).first().unwrap().parse().unwrap()
}

fn spec_schemas() -> Vec<(String, Value)> {
    let ours = kinds::all().iter().filter(|k| k.api_version.ends_with("/v1alpha1"));
    ours.map(|k| (k.name.clone(), k.schema["properties"]["spec"].clone())).collect()
}

/// Messages of the rules that fail, of all that are in the schema.
fn refused_by_predicates(schema: &Value, value: &Value) -> BTreeSet<String> {
    let known = |message: String| message.split("; found ").next().unwrap_or_default().to_owned();
    let all = messages(schema);
    let found = check(&without_shape(schema), &tree(value)).into_iter().map(|f| known(f.message));
    found.filter(|message| all.contains(message)).collect()
}

fn refused_by_cel(schema: &Value, value: &Value) -> BTreeSet<String> {
    let errors = match Validator::new().validate(schema, value, None) {
        Ok(()) => return BTreeSet::new(),
        Err(errors) => errors.into_vec(),
    };
    // An expression that fails to evaluate refuses too; its message is the interpreter's.
    errors.into_iter().map(|error| message_of(schema, &error.rule)).collect()
}

fn rules(schema: &Value, found: &mut Vec<(String, String)>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let text = |field: &str| rule[field].as_str().unwrap().to_owned();
        found.push((text("rule"), text("message")));
    }
    for property in schema["properties"].as_object().into_iter().flat_map(|p| p.values()) {
        rules(property, found);
    }
    if schema["items"].is_object() {
        rules(&schema["items"], found);
    }
}

fn messages(schema: &Value) -> BTreeSet<String> {
    let mut found = Vec::new();
    rules(schema, &mut found);
    found.into_iter().map(|(_, message)| message).collect()
}

fn message_of(schema: &Value, rule: &str) -> String {
    let mut found = Vec::new();
    rules(schema, &mut found);
    let found = found.into_iter().find(|(text, _)| text == rule);
    found.unwrap_or_else(|| panic!("no rule {rule}")).1
}

/// Rules are evaluated only where the shape is sound; lengths and patterns are not what is tested.
fn without_shape(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(map) = schema.as_object_mut() {
        for keyword in ["minLength", "maxLength", "pattern", "format", "x-kubernetes-list-type"] {
            map.remove(keyword);
        }
        for inner in ["properties", "items"] {
            match map.get_mut(inner) {
                Some(Value::Object(properties)) if inner == "properties" => {
                    properties.values_mut().for_each(|p| *p = without_shape(p));
                }
                Some(items) => *items = without_shape(items),
                None => {}
            }
        }
    }
    schema
}

#[test]
fn predicates_refuse_what_the_expressions_refuse() {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for (kind, schema) in spec_schemas() {
        let values = fitting(&schema);
        for _ in 0..150 {
            let value = values.new_tree(&mut runner).unwrap().current();
            let (ours, theirs) =
                (refused_by_predicates(&schema, &value), refused_by_cel(&schema, &value));
            assert_eq!(ours, theirs, "{kind}: {value}");
            seen.extend(ours);
        }
    }
    assert!(seen.len() > 25, "only {} rules were ever broken: {seen:#?}", seen.len());
}

#[test]
fn every_expression_compiles() {
    for (kind, schema) in spec_schemas() {
        let compiled = kube_cel::compile_schema(&schema);
        assert!(!compiled.has_errors(), "{kind}: {:?}", compiled.compilation_errors());
    }
}

/// What Go's parsers refuse and the interpreter used above does not.
#[test]
fn prefixes_are_as_strict_as_the_api_server() {
    let cidr = crate::crd::rule::find("isCIDR(self)").unwrap();
    for text in ["10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/ 8", "10.0.0.0", "::ffff:10.0.0.0/104"] {
        assert!(!(cidr.holds)(&text.into()), "{text}");
    }
    for text in ["10.0.0.5/8", "0.0.0.0/0", "::/0", "2001:DB8::/32"] {
        assert!((cidr.holds)(&text.into()), "{text}");
    }
}
