//! Objects as the bridge holds them, and where each came from.
//!
//! **For**: sources fill the index with them. **Sits**: between the sources ([`crate::manifest`]) and
//! [`crate::Index`]. **How it works**: kinds of ours are kept as they are; of a Node and a Secret
//! only what is used is kept, so that memory does not follow what others write into them.
//! **Invariants**: a [`SecretData`] never shows its values.

use std::{collections::BTreeMap, fmt, net::IpAddr, path::PathBuf, sync::Arc};

use intent::{ObjectRef, Secret};
use k8s_openapi::{
    api::core::v1::{Node, Secret as KubeSecret},
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time},
};

use crate::crd::{
    BgpAdvertisement, BgpExternalPeer, BgpInstance, BgpPeer, BgpPolicy, BgpProvider,
    BgpRoutePolicy, BgpRouter, BgpSession,
};

/// Any object the bridge reads.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// A BGPProvider.
    Provider(Box<BgpProvider>),
    /// A BGPInstance.
    Instance(Box<BgpInstance>),
    /// A BGPSession.
    Session(Box<BgpSession>),
    /// A BGPExternalPeer.
    ExternalPeer(Box<BgpExternalPeer>),
    /// A BGPRouter.
    Router(Box<BgpRouter>),
    /// A BGPPeer.
    Peer(Box<BgpPeer>),
    /// A BGPAdvertisement.
    Advertisement(Box<BgpAdvertisement>),
    /// A BGPPolicy.
    Policy(Box<BgpPolicy>),
    /// A BGPRoutePolicy.
    RoutePolicy(Box<BgpRoutePolicy>),
    /// A Node.
    Node(NodeData),
    /// A Secret.
    Secret(SecretData),
}

impl Object {
    /// Kind, namespace and name.
    pub fn key(&self) -> ObjectRef {
        match self {
            Self::Provider(o) => cluster("BGPProvider", &o.metadata),
            Self::Instance(o) => cluster("BGPInstance", &o.metadata),
            Self::Session(o) => cluster("BGPSession", &o.metadata),
            Self::ExternalPeer(o) => cluster("BGPExternalPeer", &o.metadata),
            Self::RoutePolicy(o) => cluster("BGPRoutePolicy", &o.metadata),
            Self::Router(o) => namespaced("BGPRouter", &o.metadata),
            Self::Peer(o) => namespaced("BGPPeer", &o.metadata),
            Self::Advertisement(o) => namespaced("BGPAdvertisement", &o.metadata),
            Self::Policy(o) => namespaced("BGPPolicy", &o.metadata),
            Self::Node(node) => ObjectRef::cluster("Node", &node.name),
            Self::Secret(secret) => {
                ObjectRef::namespaced("Secret", &secret.namespace, &secret.name)
            }
        }
    }

    /// Labels, annotations and the rest; absent for kinds of which only a part is kept.
    pub fn metadata(&self) -> Option<&ObjectMeta> {
        match self {
            Self::Provider(o) => Some(&o.metadata),
            Self::Instance(o) => Some(&o.metadata),
            Self::Session(o) => Some(&o.metadata),
            Self::ExternalPeer(o) => Some(&o.metadata),
            Self::RoutePolicy(o) => Some(&o.metadata),
            Self::Router(o) => Some(&o.metadata),
            Self::Peer(o) => Some(&o.metadata),
            Self::Advertisement(o) => Some(&o.metadata),
            Self::Policy(o) => Some(&o.metadata),
            Self::Node(_) | Self::Secret(_) => None,
        }
    }
}

/// The namespace of objects that do not say.
pub const DEFAULT_NAMESPACE: &str = "default";

fn cluster(kind: &str, metadata: &ObjectMeta) -> ObjectRef {
    ObjectRef::cluster(kind, metadata.name.as_deref().unwrap_or_default())
}

fn namespaced(kind: &str, metadata: &ObjectMeta) -> ObjectRef {
    let namespace = metadata.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE);
    ObjectRef::namespaced(kind, namespace, metadata.name.as_deref().unwrap_or_default())
}

/// What is used of a Node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeData {
    /// Its name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its addresses of type InternalIP, in the order given.
    pub internal_ips: Vec<IpAddr>,
}

impl From<Node> for NodeData {
    fn from(node: Node) -> Self {
        let addresses = node.status.and_then(|s| s.addresses).unwrap_or_default();
        let internal = addresses.into_iter().filter(|a| a.type_ == "InternalIP");
        Self {
            name: node.metadata.name.unwrap_or_default(),
            labels: node.metadata.labels.unwrap_or_default(),
            internal_ips: internal.filter_map(|a| a.address.parse().ok()).collect(),
        }
    }
}

/// What is used of a Secret: its keys and values, never shown.
#[derive(Clone, PartialEq)]
pub struct SecretData {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its values; empty ones are left out.
    pub data: BTreeMap<String, Secret>,
}

impl fmt::Debug for SecretData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.data.keys().collect();
        write!(f, "SecretData({}/{}, keys {keys:?})", self.namespace, self.name)
    }
}

impl From<KubeSecret> for SecretData {
    fn from(secret: KubeSecret) -> Self {
        let decoded = secret.data.unwrap_or_default().into_iter();
        let decoded = decoded.filter_map(|(key, value)| Some((key, Secret::new(value.0)?)));
        let plain = secret.string_data.unwrap_or_default().into_iter();
        let plain = plain.filter_map(|(key, value)| Some((key, Secret::new(value)?)));
        Self {
            namespace: secret.metadata.namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
            name: secret.metadata.name.unwrap_or_default(),
            data: decoded.chain(plain).collect(),
        }
    }
}

/// Where in a folder an object was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// Relative to the folder.
    pub file: PathBuf,
    /// Counted from 1, empty documents left out.
    pub document: usize,
    /// Line in the file where the object begins, from 1.
    pub line: u64,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, document {}, line {}", self.file.display(), self.document, self.line)
    }
}

/// An object with what is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The object.
    pub object: Arc<Object>,
    /// Where it was read, for objects of a folder.
    pub origin: Option<Origin>,
    /// The file says something else by now, but something broken: this is the last good version.
    pub retained: bool,
}

impl Stored {
    /// An object that did not come from a file.
    pub fn new(object: Object) -> Self {
        Self { object: Arc::new(object), origin: None, retained: false }
    }

    /// When the object was created, where that is known.
    pub(crate) fn created(&self) -> Option<&Time> {
        self.object.metadata()?.creation_timestamp.as_ref()
    }
}
