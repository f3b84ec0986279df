//! The kinds a manifest may hold: schema, scope and Rust type of each.
//!
//! **For**: turning a checked document into an [`Object`]. **Sits**: used by the loader.
//! **How it works**: schemas of our kinds are those of the custom resource definitions; those of Node,
//! Secret and metadata come from the Kubernetes types. Made once. **References**: Kubernetes API
//! groups and versions.

use std::sync::LazyLock;

use k8s_openapi::{
    api::core::v1::{Node, Secret},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{crd, object::Object};

/// One kind.
pub(super) struct Kind {
    pub(super) api_version: String,
    pub(super) name: String,
    pub(super) namespaced: bool,
    /// Of the whole object.
    pub(super) schema: Value,
    read: fn(&Value) -> Result<Object, Mistyped>,
}

/// A value of the right shape that its type still does not take.
pub(super) struct Mistyped {
    pub(super) field: String,
    pub(super) message: String,
}

impl Kind {
    /// The typed object.
    pub(super) fn read(&self, value: &Value) -> Result<Object, Mistyped> {
        (self.read)(value)
    }
}

/// Every kind, ours first.
pub(super) fn all() -> &'static [Kind] {
    static ALL: LazyLock<Vec<Kind>> = LazyLock::new(|| {
        let metadata = schema_of::<ObjectMeta>();
        let mut kinds: Vec<Kind> =
            crd::definitions().iter().map(|crd| custom(crd, &metadata)).collect();
        kinds.push(Kind {
            api_version: "v1".to_owned(),
            name: "Node".to_owned(),
            namespaced: false,
            schema: schema_of::<Node>(),
            read: |v| typed::<Node>(v).map(|node| Object::Node(node.into())),
        });
        kinds.push(Kind {
            api_version: "v1".to_owned(),
            name: "Secret".to_owned(),
            namespaced: true,
            schema: schema_of::<Secret>(),
            read: |v| typed::<Secret>(v).map(|secret| Object::Secret(secret.into())),
        });
        kinds
    });
    &ALL
}

fn custom(definition: &Value, metadata: &Value) -> Kind {
    let spec = &definition["spec"];
    let name = spec["names"]["kind"].as_str().unwrap_or_default();
    let mut schema = spec["versions"][0]["schema"]["openAPIV3Schema"].clone();
    schema["properties"]["metadata"] = metadata.clone();
    let read: fn(&Value) -> Result<Object, Mistyped> = match name {
        "BGPProvider" => |v| typed(v).map(Object::Provider),
        "BGPInstance" => |v| typed(v).map(Object::Instance),
        "BGPSession" => |v| typed(v).map(Object::Session),
        "BGPExternalPeer" => |v| typed(v).map(Object::ExternalPeer),
        "BGPRouter" => |v| typed(v).map(Object::Router),
        "BGPPeer" => |v| typed(v).map(Object::Peer),
        "BGPAdvertisement" => |v| typed(v).map(Object::Advertisement),
        "BGPPolicy" => |v| typed(v).map(Object::Policy),
        "BGPRoutePolicy" => |v| typed(v).map(Object::RoutePolicy),
        other => unreachable!("{other} has a definition but no type"),
    };
    Kind {
        api_version: format!("{}/v1alpha1", spec["group"].as_str().unwrap_or_default()),
        name: name.to_owned(),
        namespaced: spec["scope"] == "Namespaced",
        schema,
        read,
    }
}

fn schema_of<T: JsonSchema>() -> Value {
    let inline = SchemaSettings::openapi3().with(|s| s.inline_subschemas = true);
    let schema = inline.into_generator().into_root_schema_for::<T>();
    let mut schema = Value::from(schema);
    if schema["properties"]["kind"].is_object() {
        schema["required"] = json!(["apiVersion", "kind", "metadata"]);
    }
    schema
}

fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, Mistyped> {
    serde_path_to_error::deserialize(value).map_err(|error| Mistyped {
        field: error.path().to_string(),
        message: error.into_inner().to_string(),
    })
}
