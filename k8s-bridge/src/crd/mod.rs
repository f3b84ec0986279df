//! The kinds, as Rust types and as CustomResourceDefinitions.
//!
//! **For**: reading objects, and installing their definitions in a cluster. **Sits**: at the bottom of
//! the bridge; one file a kind. **How it works**: `kube` derives each definition from its struct;
//! [`crds`] then makes the schema what the API server wants: no `nullable` (an explicit null is
//! dropped, as with absent fields, which the rules rely on), no defaults (an unset field stays
//! unset), integer formats Kubernetes knows. [`crd_yaml`] prints them; `config/crd` holds the
//! output and a test compares.
//! **Invariants**: structural schemas without references; every kind served as `v1alpha1` only.
//! **References**: Kubernetes "structural schemas", "CRD validation rules".

mod advertisement;
mod common;
mod duration;
mod external_peer;
mod instance;
mod peer;
mod peer_parts;
mod peer_status;
mod policy;
mod provider;
mod route_policy;
mod router;
pub(crate) mod rule;
mod schema;
mod session;

pub use self::{
    advertisement::*, common::*, external_peer::*, instance::*, peer::*, peer_parts::*,
    peer_status::*, policy::*, provider::*, route_policy::*, router::*, session::*,
};
pub(crate) use self::{duration::parse_duration, schema::structural};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::Value;

/// The custom resource definitions, as JSON values with integers kept as integers.
pub(crate) fn definitions() -> Vec<Value> {
    let all = [
        BgpAdvertisement::crd(),
        BgpExternalPeer::crd(),
        BgpInstance::crd(),
        BgpPeer::crd(),
        BgpPolicy::crd(),
        BgpRoutePolicy::crd(),
        BgpRouter::crd(),
        BgpSession::crd(),
        BgpProvider::crd(),
    ];
    all.into_iter().map(structural).collect()
}

/// The custom resource definitions of the bundle.
pub fn crds() -> Vec<CustomResourceDefinition> {
    let typed = |value| serde_json::from_value(value).expect("came from the same type");
    definitions().into_iter().map(typed).collect()
}

/// File name and content of every definition, as kept in `config/crd`.
pub fn crd_yaml() -> Vec<(String, String)> {
    let file = |crd: Value| {
        let text = |pointer| crd.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let name = format!("{}_{}.yaml", text("/spec/group"), text("/spec/names/plural"));
        let body = serde_saphyr::to_string(&crd).expect("JSON values print as YAML");
        (name, format!("---\n{body}"))
    };
    definitions().into_iter().map(file).collect()
}

#[cfg(test)]
mod tests;
