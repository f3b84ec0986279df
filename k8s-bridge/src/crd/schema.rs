//! From a derived schema to one the API server takes as we mean it.
//!
//! **For**: [`super::crds`]. **Sits**: behind the derive. **How it works**: one walk over the schema; see
//! the comments. **References**: Kubernetes "structural schemas", "nullable", "defaulting".

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Map, Value};

/// The definition with its schema tidied.
pub(crate) fn structural(crd: CustomResourceDefinition) -> Value {
    let mut crd = serde_json::to_value(crd).expect("definitions serialise");
    let schema = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema");
    let schema = schema.and_then(Value::as_object_mut).expect("one version with a schema");
    schema.remove("title");
    tidy(schema);
    for (name, description) in [
        ("apiVersion", "The group and version of this object's schema."),
        ("kind", "The kind of this object."),
    ] {
        let property = serde_json::json!({"type": "string", "description": description});
        properties(schema).insert(name.to_owned(), property);
    }
    properties(schema).insert("metadata".to_owned(), serde_json::json!({"type": "object"}));
    crd
}

fn properties(schema: &mut Map<String, Value>) -> &mut Map<String, Value> {
    let properties = schema.entry("properties").or_insert_with(|| Value::Object(Map::new()));
    properties.as_object_mut().expect("properties are a map")
}

fn tidy(schema: &mut Map<String, Value>) {
    // With `nullable`, `has(self.field)` would be true of an explicit null.
    schema.remove("nullable");
    // A default written by the server could not be told from one a person wrote.
    schema.remove("default");
    if let Some(Value::String(format)) = schema.get_mut("format") {
        match format.as_str() {
            "uint8" | "uint16" | "int16" => *format = "int32".to_owned(),
            "uint32" | "uint64" | "uint" => *format = "int64".to_owned(),
            _ => {}
        }
    }
    for bound in ["minimum", "maximum"] {
        if let Some(value) = schema.get_mut(bound)
            && let Some(whole) = value.as_f64().filter(|f| f.fract() == 0.0)
        {
            // Bounds are at most 32 bits wide, which a double holds exactly.
            *value = Value::from(whole as i64);
        }
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.values_mut().filter_map(Value::as_object_mut).for_each(tidy);
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(Value::Object(inner)) = schema.get_mut(inner) {
            tidy(inner);
        }
    }
}
