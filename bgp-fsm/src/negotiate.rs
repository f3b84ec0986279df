//! The OPEN we send, what we accept in the peer's, and what the two together mean.
//!
//! `local_open` turns configuration into an OPEN, `check` refuses a peer's OPEN as RFC 4271 section
//! 6.2 says, `negotiate` is the product of two OPENs: a feature is on when both sides offered it.
//! All are functions of their arguments; the machine of a connection calls them once.
//!
//! Capabilities we do not know, repeated ones and ones we did not offer are no error (RFC 5492
//! section 4). A peer without any multiprotocol capability speaks IPv4 unicast (RFC 4760 section 8).
//!
//! References: RFC 4271 sections 4.2 and 6.2, RFC 4760, RFC 5492, RFC 6286, RFC 6793, RFC 7313,
//! RFC 7607, RFC 7911, RFC 8654, RFC 8950, RFC 9234.

use std::net::Ipv4Addr;
use std::time::Duration;

use bgp_wire::notification::{code, open};
use bgp_wire::{
    AddPathDirection, Afi, Asn, Capability, ExtendedNextHop, Family, FamilySet, MAX_EXTENDED,
    MAX_MESSAGE, Notification, Open,
};

use crate::config::PeerConfig;
use crate::restart::{self, Restart};
use crate::role::{self, Role};

/// What both sides agreed on; constant for the life of a session.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct Negotiated {
    /// The smaller of the two offers; `None` when either side asked for 0 (RFC 4271 section 4.2).
    pub hold_time: Option<Duration>,
    /// Time between KEEPALIVEs before jitter; `None` without a hold time.
    pub keepalive: Option<Duration>,
    /// AS numbers are four octets in AS_PATH and AGGREGATOR, both ways (RFC 6793).
    pub as4: bool,
    /// Families both sides offered.
    pub families: FamilySet,
    /// The OPEN we sent.
    pub local: Open,
    /// The OPEN the peer sent. Capabilities that are only carried, graceful restart for one, are
    /// found in its list.
    pub peer: Open,
    /// Our AS number on this session.
    pub local_as: Asn,
    /// The peer's AS number, the real one also when it does not fit the OPEN's field.
    pub peer_as: Asn,
    /// Our BGP identifier.
    pub local_router_id: Ipv4Addr,
    /// The peer's BGP identifier.
    pub peer_router_id: Ipv4Addr,
    /// The peer is in another AS.
    pub ebgp: bool,
    /// IPv4 families whose routes may have an IPv6 next hop, both ways (RFC 8950).
    pub ext_next_hop: FamilySet,
    /// Messages of up to 65535 octets, both ways (RFC 8654).
    pub extended_message: bool,
    /// Families whose NLRI carries a path identifier when the peer sends it (RFC 7911).
    pub add_path_rx: FamilySet,
    /// Families whose NLRI carries a path identifier when we send it.
    pub add_path_tx: FamilySet,
    /// ROUTE-REFRESH may be sent and will be honoured (RFC 2918).
    pub route_refresh: bool,
    /// ROUTE-REFRESH is bracketed by BoRR and EoRR (RFC 7313).
    pub enhanced_route_refresh: bool,
    /// Our role as the peer was told (RFC 9234); none inside one AS.
    pub role: Option<Role>,
    /// The peer's role, if it showed one. With `role` given, its counterpart.
    pub peer_role: Option<Role>,
    /// Graceful restart, when we are configured for it and the peer sent the capability.
    pub restart: Option<Restart>,
}

impl Negotiated {
    /// The longest message to send, in octets with the header.
    pub fn max_message(&self) -> usize {
        if self.extended_message { MAX_EXTENDED } else { MAX_MESSAGE }
    }

    /// The longest message to accept: whoever has offered long ones takes them, even from a peer
    /// that has not (RFC 8654 section 4).
    pub fn max_received(&self) -> usize {
        let offered = self.local.capabilities.contains(&Capability::ExtendedMessage);
        if offered { MAX_EXTENDED } else { MAX_MESSAGE }
    }

    /// The peer's graceful restart capability, if it sent one; of several the last counts (RFC 4724
    /// section 3).
    pub fn peer_graceful_restart(&self) -> Option<&Capability> {
        self.peer.capabilities.iter().rfind(|c| matches!(c, Capability::GracefulRestart { .. }))
    }
}

/// The OPEN this configuration sends.
pub fn local_open(cfg: &PeerConfig) -> Open {
    let mut capabilities: Vec<_> =
        cfg.families.iter().map(|&family| Capability::MultiProtocol(family)).collect();
    if cfg.route_refresh {
        capabilities.push(Capability::RouteRefresh);
    }
    if cfg.enhanced_route_refresh {
        capabilities.push(Capability::EnhancedRouteRefresh);
    }
    let over_v6 = |family: &Family| ExtendedNextHop { family: *family, next_hop: Afi::IPV6 };
    let over_v6: Vec<_> =
        V4_OVER_V6.iter().filter(|f| cfg.families.contains(f)).map(over_v6).collect();
    if cfg.extended_next_hop && !over_v6.is_empty() {
        capabilities.push(Capability::ExtendedNextHop(over_v6));
    }
    if cfg.extended_message {
        capabilities.push(Capability::ExtendedMessage);
    }
    if cfg.four_octet_as {
        capabilities.push(Capability::FourOctetAs(cfg.local_as));
    }
    if !cfg.add_path.is_empty() {
        capabilities.push(Capability::AddPath(cfg.add_path.clone()));
    }
    if let Some(role) = cfg.role_to_send() {
        capabilities.push(Capability::Role(role.code()));
    }
    if let Some(configured) = &cfg.graceful_restart {
        restart::offer(configured, cfg.restart_state, &cfg.families, &mut capabilities);
    }
    capabilities.extend(cfg.other_capabilities.iter().cloned());
    Open {
        version: VERSION,
        asn: cfg.local_as,
        my_as_field: cfg.local_as.to_two_octets(),
        hold_time: cfg.hold_time.secs(),
        router_id: cfg.router_id,
        capabilities,
    }
}

/// Compares a peer's OPEN with the configuration; the error is the NOTIFICATION that refuses it.
///
/// The order is that of RFC 4271 section 6.2: version, AS, hold time, identifier, capabilities.
pub fn check(cfg: &PeerConfig, peer: &Open) -> Result<(), Notification> {
    if peer.version != VERSION {
        let data = u16::from(VERSION).to_be_bytes().to_vec();
        return Err(Notification::with_data(code::OPEN, open::UNSUPPORTED_VERSION, data));
    }
    if !cfg.accepts_as(peer.asn) {
        return Err(Notification::bad_peer_as());
    }
    if matches!(peer.hold_time, 1 | 2) {
        return Err(Notification::unacceptable_hold_time());
    }
    // Equal identifiers are a fault only inside one AS (RFC 6286 section 2.2).
    let same_speaker = peer.asn == cfg.local_as && peer.router_id == cfg.router_id;
    if peer.router_id.is_unspecified() || same_speaker {
        return Err(Notification::bad_identifier());
    }
    let (ours, theirs) = (local_open(cfg).families(), peer.families());
    let missing = if cfg.require_families {
        ours.iter().any(|family| !theirs.contains(family))
    } else {
        ours.intersection(theirs).is_empty()
    };
    if missing {
        let required: Vec<_> = ours.iter().map(Capability::MultiProtocol).collect();
        return Err(Notification::unsupported_capability(&required));
    }
    if peer.asn == cfg.local_as {
        return Ok(());
    }
    role::verdict(cfg.role, cfg.strict_role, &peer.capabilities)
}

/// The product of our OPEN and the peer's.
pub fn negotiate(cfg: &PeerConfig, local: &Open, peer: &Open) -> Negotiated {
    let both = |wanted: fn(&Capability) -> bool| {
        local.capabilities.iter().any(wanted) && peer.capabilities.iter().any(wanted)
    };
    let hold = local.hold_time.min(peer.hold_time);
    let hold_time = (hold != 0).then(|| Duration::from_secs(hold.into()));
    let third = hold_time.map(|hold| hold / 3);
    let keepalive = match cfg.keepalive {
        Some(secs) => third.map(|third| third.min(Duration::from_secs(secs.get().into()))),
        None => third,
    };
    let (ours, theirs) = (local.families(), peer.families());
    let agreed = ours.intersection(theirs);
    let add_path = |tx: &Open, rx: &Open| -> FamilySet {
        let sent = add_path_offers(tx, AddPathDirection::sends);
        let received = add_path_offers(rx, AddPathDirection::receives);
        agreed.iter().filter(|&f| sent.contains(f) && received.contains(f)).collect()
    };
    Negotiated {
        hold_time,
        keepalive,
        as4: both(|c| matches!(c, Capability::FourOctetAs(_))),
        ext_next_hop: V4_OVER_V6
            .into_iter()
            .filter(|family| agreed.contains(*family))
            .filter(|family| offers_over_v6(local, *family) && offers_over_v6(peer, *family))
            .collect(),
        extended_message: both(|c| matches!(c, Capability::ExtendedMessage)),
        add_path_rx: add_path(peer, local),
        add_path_tx: add_path(local, peer),
        route_refresh: both(|c| matches!(c, Capability::RouteRefresh)),
        enhanced_route_refresh: both(|c| matches!(c, Capability::EnhancedRouteRefresh)),
        role: cfg.role_to_send(),
        peer_role: role::shown(&peer.capabilities).filter(|_| peer.asn != cfg.local_as),
        restart: cfg.graceful_restart.and_then(|_| Restart::of(local, peer, agreed)),
        families: agreed,
        local_as: cfg.local_as,
        peer_as: peer.asn,
        local_router_id: local.router_id,
        peer_router_id: peer.router_id,
        ebgp: peer.asn != cfg.local_as,
        local: local.clone(),
        peer: peer.clone(),
    }
}

/// Whether an OPEN offers IPv6 next hops for a family (RFC 8950 section 4).
fn offers_over_v6(open: &Open, family: Family) -> bool {
    let wanted = ExtendedNextHop { family, next_hop: Afi::IPV6 };
    open.capabilities
        .iter()
        .any(|c| matches!(c, Capability::ExtendedNextHop(list) if list.contains(&wanted)))
}

fn add_path_offers(open: &Open, wanted: fn(AddPathDirection) -> bool) -> FamilySet {
    open.capabilities
        .iter()
        .filter_map(|c| match c {
            Capability::AddPath(list) => Some(list),
            _ => None,
        })
        .flatten()
        .filter(|(_, direction)| wanted(*direction))
        .map(|(family, _)| *family)
        .collect()
}

/// BGP version 4.
const VERSION: u8 = 4;
/// The families whose routes RFC 8950 section 3 lets have an IPv6 next hop.
const V4_OVER_V6: [Family; 3] = [Family::IPV4_UNICAST, Family::IPV4_LABELED, Family::IPV4_VPN];

#[cfg(test)]
mod tests;
