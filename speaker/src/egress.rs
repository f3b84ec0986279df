//! What a session is sent, as far as its settings and what was negotiated decide it.
//!
//! Everything that changes a byte towards a neighbour becomes a field of its [`GroupKey`]; sessions with
//! equal keys share an update group, and a session whose key changes is sent the differences only.
//!
//! References: RFC 4271 section 5.1.3, RFC 2545 section 3, RFC 7911, RFC 8950, RFC 9234.

use std::sync::Arc;

use bgp_fsm::Role;
use bgp_wire::{Capability, Open};
use rib::FAMILIES;
use rib::export::{AddPathSend, GroupKey, NextHopMode, OtcRule, PrivateAs, SessionKind};

use crate::core::Core;
use crate::life::{Life, is_one_hop};
use crate::options::{self, RemovePrivateAs};

impl Core {
    /// All that changes the bytes sent on this session.
    pub(crate) fn group_key(&self, life: &Life) -> GroupKey {
        let negotiated = &life.established.negotiated;
        let config = &life.config;
        let session = match (negotiated.ebgp, config.route_reflector_client) {
            (true, _) => SessionKind::Ebgp,
            (false, true) => SessionKind::IbgpClient,
            (false, false) => SessionKind::Ibgp,
        };
        let mut key = GroupKey::new(session, negotiated.local_as);
        key.cluster_id = self.config.cluster_id.unwrap_or(self.config.router_id);
        key.as4 = negotiated.as4;
        key.max_len = negotiated.max_message();
        key.families = negotiated.families;
        // Identifiers are expected from the OPENs on; what is sent under them is ours to say.
        let add_path =
            |family| match (negotiated.add_path_tx.contains(family), config.add_path.send) {
                (true, options::AddPathSend::Best(most)) => AddPathSend::Best(most),
                (true, _) => AddPathSend::All,
                (false, _) => AddPathSend::Off,
            };
        key.add_path = FAMILIES.map(add_path);
        key.next_hop_v4 = life.ends.v4;
        key.next_hop_v6 = life.ends.v6;
        let remote = life.established.remote.ip();
        let one_hop = is_one_hop(config, &life.established, &life.ends);
        // RFC 2545 section 3: the link-local address only to a neighbour on the same link.
        let on_link = life.established.ifindex != 0 || one_hop || life.subnets.cover(remote);
        key.link_local = life.ends.link_local.filter(|_| on_link);
        key.ext_next_hop = negotiated.ext_next_hop;
        key.next_hop = match config.next_hop {
            options::NextHopMode::Standard => NextHopMode::Standard,
            options::NextHopMode::Own => NextHopMode::Own,
            options::NextHopMode::Unchanged => NextHopMode::Unchanged,
        };
        if negotiated.ebgp {
            key.second_as = config.local_as.filter(|local| !local.replace).map(|_| self.config.asn);
            key.private_as = config.remove_private_as.map(|rule| PrivateAs {
                replace: match rule {
                    RemovePrivateAs::Remove => None,
                    RemovePrivateAs::Replace(asn) => Some(asn),
                },
                keep: Some(negotiated.peer_as).filter(|asn| asn.is_private()),
            });
            key.otc = otc(negotiated.role);
            // Only for the session's own family we know that the neighbour is on the subnet.
            key.shared_v4 = life.subnets.v4_of(remote).filter(|_| one_hop);
            key.shared_v6 = life.subnets.v6_of(remote).filter(|_| one_hop);
        }
        // RFC 9494 section 4.3: whoever does not know what they are is not sent such routes.
        key.long_lived = offers_long_lived(&negotiated.peer);
        key.targets = life.targets.clone();
        key.policy = Arc::clone(&config.export);
        key.scope = self.config.export_scope;
        key.originations = (1u32..)
            .zip(&self.origination_sets)
            .filter(|(_, peers)| peers.iter().any(|p| **p == *life.name))
            .map(|(id, _)| id)
            .collect();
        key
    }
}

/// RFC 9234 section 5: downwards and to peers the mark is added, upwards and to peers it stops.
fn otc(role: Option<Role>) -> OtcRule {
    match role {
        None => OtcRule { attach: false, stop: false },
        Some(Role::Provider | Role::RouteServer) => OtcRule { attach: true, stop: false },
        Some(Role::Peer) => OtcRule { attach: true, stop: true },
        Some(Role::Customer | Role::RouteServerClient) => OtcRule { attach: false, stop: true },
    }
}

fn offers_long_lived(peer: &Open) -> bool {
    peer.capabilities.iter().any(|c| matches!(c, Capability::LongLivedGracefulRestart(_)))
}
