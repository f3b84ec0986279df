//! Who is linked to whom, with which numbers, and the manifests that say so. Pure.
//!
//! ```text
//!          leaf1 AS 65101          leaf2 AS 65102      transit: pass on all best paths
//!           |        \            /        |           10.100.0.0/16 from both
//!           |         \__________/__       |
//!           |    ________/          \      |           each line: a veth pair, numbered /31 and
//!           |   /                    \     |           /126, one eBGP session a family
//!          node1 AS 65001          node2 AS 65002      fabric: announce what is theirs
//!             10.10.10.10/32 and fd00:10::10/128 anycast from both
//! ```

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

/// The address both nodes announce, IPv4 and IPv6.
pub(super) const ANYCAST: [&str; 2] = ["10.10.10.10/32", "fd00:10::10/128"];
/// What both leaves announce, IPv4 and IPv6.
pub(super) const FABRIC: [&str; 2] = ["10.100.0.0/16", "fd00:100::/32"];

/// One router of the lab.
#[derive(Clone, Debug)]
pub(super) struct Router {
    pub(super) name: &'static str,
    pub(super) asn: u32,
    pub(super) role: Role,
    /// Also its BGP Identifier.
    pub(super) loopback: Ipv4Addr,
    /// Addresses on `lo`.
    pub(super) addresses: Vec<IpNet>,
    /// Prefixes it originates.
    pub(super) originates: Vec<IpNet>,
}

/// What a router is for; decides what it passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Announces only its own.
    Fabric,
    /// Passes on all best paths.
    Transit,
}

/// One end of a link: which router, and its addresses there.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) router: usize,
    /// The interface is named after the router at the other end.
    pub(super) interface: &'static str,
    pub(super) index: u32,
    pub(super) addresses: [IpNet; 2],
}

/// A veth pair between a node and a leaf.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) node: End,
    pub(super) leaf: End,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Topology {
    pub(super) routers: Vec<Router>,
    pub(super) links: Vec<Link>,
}

impl Router {
    /// Its own loopback address of a family.
    pub(super) fn own_address(&self, v6: bool) -> IpAddr {
        let own = self.addresses.iter().map(IpNet::addr).find(|a| a.is_ipv6() == v6);
        own.expect("every router has both, its own first")
    }
}

impl Topology {
    /// Two nodes, two leaves, four links.
    pub(super) fn new() -> Self {
        let routers = vec![
            router("node1", 65001, Role::Fabric, 1, &ANYCAST),
            router("node2", 65002, Role::Fabric, 2, &ANYCAST),
            router("leaf1", 65101, Role::Transit, 101, &FABRIC),
            router("leaf2", 65102, Role::Transit, 102, &FABRIC),
        ];
        let pairs = [(0, 2), (0, 3), (1, 2), (1, 3)];
        let link = |(n, (node, leaf)): (u8, (usize, usize))| {
            let end = |router: usize, other: usize, base: u32, host: u8| End {
                router,
                interface: routers[other].name,
                index: base + u32::from(n),
                addresses: [
                    net(format!("10.1.0.{}/31", 2 * n + host)),
                    net(format!("fd00:1:0:{}::{}/126", n + 1, host + 1)),
                ],
            };
            Link { leaf: end(leaf, node, 100, 0), node: end(node, leaf, 200, 1) }
        };
        let links = (0..).zip(pairs).map(link).collect();
        Self { routers, links }
    }

    /// Every router's sessions as (own end, other end).
    pub(super) fn ends(&self, router: usize) -> impl Iterator<Item = (&End, &End)> {
        self.links.iter().filter_map(move |link| match router {
            r if link.node.router == r => Some((&link.node, &link.leaf)),
            r if link.leaf.router == r => Some((&link.leaf, &link.node)),
            _ => None,
        })
    }

    /// The manifests of one router, one file's text.
    pub(super) fn manifests(&self, router: usize) -> String {
        let own = &self.routers[router];
        let role = match own.role {
            Role::Fabric => "fabric",
            Role::Transit => "transit",
        };
        let (name, asn, id) = (own.name, own.asn, own.loopback);
        let mut yaml = format!(
            "apiVersion: bgp.miloapis.com/v1alpha1\n\
             kind: BGPRouter\n\
             metadata: {{name: {name}, namespace: default}}\n\
             spec:\n\
             \x20 targetRef: {{kind: Node, name: {name}}}\n\
             \x20 roles: [{role}]\n\
             \x20 localASN: {asn}\n\
             \x20 routerID: {id}\n\
             \x20 addressFamilies:\n\
             \x20 - {{afi: ipv4, safi: unicast}}\n\
             \x20 - {{afi: ipv6, safi: unicast}}\n\
             \x20 timers: {{holdTime: 9s, keepaliveTime: 3s, connectRetry: 1s}}\n"
        );
        for (_, other) in self.ends(router) {
            let peer = &self.routers[other.router];
            for (address, afi) in other.addresses.iter().zip(["ipv4", "ipv6"]) {
                // Writing to a String cannot fail.
                let _ = write!(
                    yaml,
                    "---\n\
                     apiVersion: bgp.miloapis.com/v1alpha1\n\
                     kind: BGPPeer\n\
                     metadata: {{name: {}-{afi}, namespace: default}}\n\
                     spec:\n\
                     \x20 routerRef: {{name: {name}}}\n\
                     \x20 peerASN: {}\n\
                     \x20 address: {}\n\
                     \x20 addressFamilies: [{{afi: {afi}, safi: unicast}}]\n",
                    peer.name,
                    peer.asn,
                    address.addr()
                );
            }
        }
        for (afi, v6) in [("ipv4", false), ("ipv6", true)] {
            let _ = write!(
                yaml,
                "---\n\
                 apiVersion: bgp.miloapis.com/v1alpha1\n\
                 kind: BGPAdvertisement\n\
                 metadata: {{name: own-{afi}, namespace: default}}\n\
                 spec:\n\
                 \x20 routerRef: {{name: {name}}}\n\
                 \x20 addressFamily: {{afi: {afi}, safi: unicast}}\n\
                 \x20 prefixes:\n"
            );
            for prefix in own.originates.iter().filter(|p| p.addr().is_ipv6() == v6) {
                let _ = writeln!(yaml, "  - \"{prefix}\"");
            }
        }
        yaml
    }
}

fn router(name: &'static str, asn: u32, role: Role, n: u8, shared: &[&str; 2]) -> Router {
    let loopback = Ipv4Addr::new(10, 0, 0, n);
    let own = [net(format!("{loopback}/32")), net(format!("fd00::{n}/128"))];
    let shared = shared.map(|text| net(text.to_owned()));
    let mut addresses = own.to_vec();
    if role == Role::Fabric {
        addresses.extend(shared);
    }
    Router {
        name,
        asn,
        role,
        loopback,
        addresses,
        originates: own.into_iter().chain(shared).collect(),
    }
}

/// The address of a prefix of one address.
pub(super) fn address(prefix: &str) -> IpAddr {
    net(prefix.to_owned()).addr()
}

pub(super) fn net(text: String) -> IpNet {
    text.parse().expect("the lab's own numbers are well-formed")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_node_is_linked_to_every_leaf_with_numbers_of_its_own() {
        let lab = Topology::new();
        assert_eq!(lab.links.len(), 4);
        let mut addresses = BTreeSet::new();
        let mut indexes = BTreeSet::new();
        for link in &lab.links {
            assert_eq!(lab.routers[link.node.router].role, Role::Fabric);
            assert_eq!(lab.routers[link.leaf.router].role, Role::Transit);
            for (a, b) in link.node.addresses.iter().zip(&link.leaf.addresses) {
                assert_eq!(a.trunc(), b.trunc(), "one subnet a link");
                assert!(addresses.insert(a.addr()) && addresses.insert(b.addr()));
            }
            assert!(indexes.insert(link.node.index) && indexes.insert(link.leaf.index));
        }
        assert!((0..4).all(|r| lab.ends(r).count() == 2));
    }

    #[test]
    fn manifests_of_a_node() {
        insta::assert_snapshot!(Topology::new().manifests(0));
    }
}
