//! This node: its labels, its addresses and what runs BGP on it.
//!
//! **For**: finding the providers objects select, and a router ID. **Sits**: first step of compiling.
//! **How it works**: providers carry the label `bgp.miloapis.com/node`. Where there is no provider
//! object at all, one is assumed: `<node>-native`, with the Node's labels, as the agent would
//! bootstrap it. **Invariants**: a router ID is never 0. **References**: RFC 6286; FNV-1a.

use std::net::{IpAddr, Ipv4Addr};

use intent::{ObjectRef, Provider, ProviderKind, Reason, RouterId};

use super::verdict::{Refusal, Verdicts};
use crate::{Index, crd::ProviderType, object::NodeData, selector::Labels};

/// Says which node a provider is on.
pub(super) const NODE_LABEL: &str = "bgp.miloapis.com/node";
const DAEMON_LABEL: &str = "bgp.miloapis.com/daemon";
/// Says who made an object.
pub(super) const MANAGED_BY_LABEL: &str = "bgp.miloapis.com/managed-by";

/// Something that runs BGP on this node.
#[derive(Clone, Debug)]
pub(super) struct LocalProvider {
    pub(super) provider: Provider,
    pub(super) labels: Labels,
    /// Absent for the assumed one.
    pub(super) object: Option<ObjectRef>,
}

#[derive(Debug)]
pub(super) struct LocalNode {
    pub(super) name: String,
    pub(super) internal_ips: Vec<IpAddr>,
    /// By name.
    pub(super) providers: Vec<LocalProvider>,
    /// What runs routers that name no provider.
    pub(super) default_provider: LocalProvider,
    known: bool,
}

impl LocalNode {
    pub(super) fn new(index: &Index, name: &str, verdicts: &mut Verdicts) -> Self {
        let data = index.node(name);
        let assumed = assumed_provider(name, data);
        let mut providers = Vec::new();
        let mut any = false;
        for entry in index.providers() {
            any = true;
            let metadata = &entry.object.metadata;
            let label = metadata.labels.as_ref().and_then(|l| l.get(NODE_LABEL));
            let annotation = metadata.annotations.as_ref().and_then(|a| a.get(NODE_LABEL));
            match label.or(annotation) {
                Some(node) if node == name => providers.push(LocalProvider {
                    provider: Provider {
                        name: entry.key.name.clone(),
                        kind: match entry.object.spec.kind {
                            ProviderType::Native => ProviderKind::Native,
                            ProviderType::Frr => ProviderKind::Frr,
                            ProviderType::GoBgp => ProviderKind::Gobgp,
                        },
                    },
                    labels: metadata.labels.clone().unwrap_or_default(),
                    object: Some(entry.key.clone()),
                }),
                Some(node) => verdicts.elsewhere(entry.key, format!("runs on node {node}")),
                None => verdicts.refuse(
                    entry.key,
                    (
                        Reason::InvalidSpec,
                        format!("no node runs it: add the label {NODE_LABEL}: <node name>"),
                    ),
                ),
            }
        }
        let native = |p: &&LocalProvider| p.provider.kind == ProviderKind::Native;
        let default_provider = providers.iter().find(native).unwrap_or(&assumed).clone();
        if !any {
            providers.push(assumed);
        }
        Self {
            name: name.to_owned(),
            internal_ips: data.map(|d| d.internal_ips.clone()).unwrap_or_default(),
            providers,
            default_provider,
            known: data.is_some(),
        }
    }

    pub(super) fn provider(&self, name: &str) -> Option<&LocalProvider> {
        self.providers.iter().find(|p| p.provider.name == name)
    }

    /// The node's IPv4 InternalIP, else a hash of its lowest global IPv6 InternalIP.
    pub(super) fn automatic_router_id(&self) -> Result<RouterId, Refusal> {
        let v4 = self.internal_ips.iter().find_map(|ip| match ip {
            IpAddr::V4(ip) => RouterId::new(*ip),
            IpAddr::V6(_) => None,
        });
        let v6 = self.internal_ips.iter().filter_map(|ip| match ip {
            IpAddr::V6(ip) if !ip.is_unicast_link_local() && !ip.is_loopback() => Some(*ip),
            _ => None,
        });
        let hashed = || v6.min().map(|ip| hash(&ip.octets()));
        v4.or_else(hashed).ok_or_else(|| {
            let why = if self.known { "has no InternalIP" } else { "is not known" };
            let message = format!(
                "node {} {why}: give its Node object with an InternalIP, or set routerIDSource: Manual and routerID",
                self.name
            );
            (Reason::RouterIDResolutionFailed, message)
        })
    }
}

/// The provider the agent bootstraps on every node.
fn assumed_provider(name: &str, data: Option<&NodeData>) -> LocalProvider {
    let mut labels = data.map(|d| d.labels.clone()).unwrap_or_default();
    labels.insert(NODE_LABEL.to_owned(), name.to_owned());
    labels.insert(DAEMON_LABEL.to_owned(), "native".to_owned());
    labels.insert(MANAGED_BY_LABEL.to_owned(), "cosmos-bootstrap".to_owned());
    let provider = Provider { name: format!("{name}-native"), kind: ProviderKind::Native };
    LocalProvider { provider, labels, object: None }
}

/// 32-bit FNV-1a; 1 in place of 0.
fn hash(bytes: &[u8]) -> RouterId {
    let hash = bytes
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    RouterId::new(Ipv4Addr::from(hash.max(1))).expect("at least 1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Object, Stored};

    fn node(ips: &[&str]) -> LocalNode {
        let data = NodeData {
            name: "n".to_owned(),
            labels: Labels::new(),
            internal_ips: ips.iter().map(|ip| ip.parse().unwrap()).collect(),
        };
        let index: Index = [Stored::new(Object::Node(data))].into_iter().collect();
        LocalNode::new(&index, "n", &mut Verdicts::default())
    }

    #[test]
    fn the_router_id_is_the_ipv4_address_else_a_hash_of_the_lowest_global_ipv6_one() {
        let id = |ips: &[&str]| node(ips).automatic_router_id().map(|id| id.to_string());
        assert_eq!(id(&["2001:db8::1", "10.0.0.7"]).unwrap(), "10.0.0.7");
        let hashed = id(&["2001:db8::1"]).unwrap();
        assert_eq!(id(&["fe80::1", "2001:db8::2", "2001:db8::1"]).unwrap(), hashed);
        assert_ne!(id(&["2001:db8::2"]).unwrap(), hashed);
        assert_eq!(id(&[]).unwrap_err().0, Reason::RouterIDResolutionFailed);
    }

    #[test]
    fn without_provider_objects_a_native_one_is_assumed() {
        let node = node(&[]);
        assert_eq!(node.providers.len(), 1);
        assert_eq!(node.providers[0].provider.name, "n-native");
        assert_eq!(node.providers[0].labels[NODE_LABEL], "n");
        assert_eq!(node.providers[0].labels[DAEMON_LABEL], "native");
    }
}
