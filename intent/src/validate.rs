//! Contradictions that only a whole router shows.
//!
//! **For**: providers, which may rely on it. **Sits**: after intent is made, before it is carried
//! out. **How it works**: one pass over each router; the bridge never makes what is refused here, so
//! a finding means intent came from elsewhere (a test, another front end).
//! **References**: RFC 4271 sections 4.2 and 8, RFC 5082, RFC 9003.

use std::collections::BTreeMap;

use crate::{Intent, LimitAction, PeerAddress, PeerName, Router, RouterName, Ttl};

/// A contradiction within one router.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// A map key differs from the name inside.
    #[error("router {0}: a key of a map differs from the name of what it holds")]
    Key(RouterName),
    /// A router or peer without address families does nothing.
    #[error("router {0}: no address families")]
    NoFamilies(RouterName),
    /// The same of a peer.
    #[error("router {0}: peer {1} has no address families")]
    NoPeerFamilies(RouterName, PeerName),
    /// A peer offers what its router does not carry.
    #[error("router {0}: peer {1} offers a family the router does not carry")]
    FamilyNotOnRouter(RouterName, PeerName),
    /// Two peers are one neighbour.
    #[error("router {0}: peers {1} and {2} are the same neighbour {3}")]
    SameNeighbor(RouterName, PeerName, PeerName, PeerAddress),
    /// Multihop means something on external sessions only.
    #[error("router {0}: peer {1} is internal and cannot be multihop")]
    InternalMultihop(RouterName, PeerName),
    /// A value out of its range.
    #[error("router {0}: peer {1}: {2}")]
    Peer(RouterName, PeerName, &'static str),
    /// An address outside fe80::/10 with an interface, or one inside without.
    #[error("router {0}: peer {1}: {2} needs an interface exactly when it is link-local")]
    Scope(RouterName, PeerName, PeerAddress),
    /// A prefix with host bits.
    #[error("router {0}: prefix {1} has host bits set")]
    HostBits(RouterName, ipnet::IpNet),
}

impl Intent {
    /// Everything that contradicts itself; empty when all is well.
    pub fn validate(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        for (name, router) in &self.routers {
            if *name != router.name {
                found.push(Invalid::Key(name.clone()));
            }
            router.validate(&mut found);
        }
        found
    }
}

impl Router {
    fn validate(&self, found: &mut Vec<Invalid>) {
        let router = || self.name.clone();
        if self.families.is_empty() {
            found.push(Invalid::NoFamilies(router()));
        }
        for o in self.originations.iter().filter(|o| o.prefix != o.prefix.trunc()) {
            found.push(Invalid::HostBits(router(), o.prefix));
        }
        let mut seen = BTreeMap::new();
        for (name, peer) in &self.peers {
            if *name != peer.name {
                found.push(Invalid::Key(router()));
            }
            if peer.families.is_empty() {
                found.push(Invalid::NoPeerFamilies(router(), name.clone()));
            }
            if !peer.families.is_subset(&self.families) {
                found.push(Invalid::FamilyNotOnRouter(router(), name.clone()));
            }
            if let Some(other) = seen.insert(&peer.address, name) {
                let (a, b) = (other.clone(), name.clone());
                found.push(Invalid::SameNeighbor(router(), a, b, peer.address.clone()));
            }
            if matches!(peer.ttl, Ttl::Multihop(_)) && !peer.is_external(self.asn) {
                found.push(Invalid::InternalMultihop(router(), name.clone()));
            }
            if peer.route_reflector_client && peer.is_external(self.asn) {
                let why = "an external neighbour cannot be a reflector client";
                found.push(Invalid::Peer(router(), name.clone(), why));
            }
            let scoped = match &peer.address {
                PeerAddress::Ip(std::net::IpAddr::V6(ip)) => !ip.is_unicast_link_local(),
                PeerAddress::LinkLocal { address, .. } => address.is_unicast_link_local(),
                PeerAddress::Ip(_) | PeerAddress::Interface(_) | PeerAddress::Range { .. } => true,
            };
            if !scoped {
                found.push(Invalid::Scope(router(), name.clone(), peer.address.clone()));
            }
            for why in out_of_range(peer) {
                found.push(Invalid::Peer(router(), name.clone(), why));
            }
        }
    }
}

fn out_of_range(peer: &crate::Peer) -> impl Iterator<Item = &'static str> {
    let limit = &peer.maximum_prefix;
    let restart = peer.graceful_restart.as_ref();
    [
        (peer.remote_port == 0).then_some("remote port 0"),
        (limit.limit == 0).then_some("a prefix limit of 0"),
        (!(1..=100).contains(&limit.threshold_percent)).then_some("a threshold outside 1 to 100"),
        matches!(limit.action, LimitAction::Restart { after } if after.is_zero())
            .then_some("restart after no time at all"),
        peer.shutdown
            .as_ref()
            .is_some_and(|text| text.len() > 255)
            .then_some("a shutdown text of more than 255 octets"),
        matches!(peer.address, PeerAddress::Range { limit: 0, .. })
            .then_some("a limit of 0 dynamic neighbours"),
        matches!(&peer.auth, crate::Auth::Ao(keys) if keys.is_empty())
            .then_some("TCP-AO without a key"),
        restart
            .is_some_and(|g| !(1..=4095).contains(&g.restart_time))
            .then_some("a restart time outside 1 to 4095"),
        restart
            .and_then(|g| g.long_lived)
            .is_some_and(|t| !(1..=0xff_ffff).contains(&t))
            .then_some("a long-lived stale time outside 1 to 16777215"),
        peer.bfd
            .is_some_and(|b| b.multiplier == 0 || b.min_tx.is_zero())
            .then_some("BFD without an interval or multiplier"),
    ]
    .into_iter()
    .flatten()
}
