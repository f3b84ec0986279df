//! From intent to the speaker's configuration. Pure and total: what cannot be carried out is left
//! out and said.

use std::collections::BTreeMap;

use bgp_wire::attr::{AttrBuilder, Community, ExtCommunity, LargeCommunity};
use bgp_wire::{Asn, Family, Prefix, V4Prefix, V6Prefix};
use intent::{
    LimitAction, LocalEnd, NextHopSet, ObjectRef, PeerAddress, PeerScope, Reason, RemoteAs, Ttl,
};
use ipnet::IpNet;
use rib::DecisionConfig;
use rib::export::ExportScope;
use speaker::{
    Listen, MaximumPrefix, NeighborConfig, Origination, OverLimit, Remote, RouterConfig,
};

use super::{
    options,
    policy::{self, Chains},
};
use crate::Outcome;

/// LOCAL_PREF of paths that carry none (RFC 4271 leaves the value to us; everybody uses 100).
const DEFAULT_LOCAL_PREF: u32 = 100;

/// A router and what had to be left out of it.
pub(super) fn router(router: &intent::Router) -> (RouterConfig, Vec<Outcome>) {
    let mut outcomes = Vec::new();
    let mut peers = BTreeMap::new();
    let mut chains = Chains::default();
    for (name, peer) in &router.peers {
        match neighbor(router, peer, &mut chains) {
            Ok(config) => {
                peers.insert(name.as_str().to_owned(), config);
            }
            Err((reason, message)) => {
                let is_refused = true;
                outcomes
                    .push(Outcome { is_refused, ..outcome(router, &peer.source, reason, message) });
            }
        }
    }
    let config = RouterConfig {
        asn: Asn(router.asn.value()),
        router_id: router.router_id.value(),
        listen: Listen {
            port: router.listen.port.map(std::num::NonZeroU16::get),
            addresses: router.listen.addresses.clone(),
        },
        cluster_id: router.cluster_id,
        decision: DecisionConfig {
            always_compare_med: router.best_path.always_compare_med,
            deterministic_med: router.best_path.deterministic_med,
            compare_router_id: router.best_path.compare_router_id,
            multipath_relax: router.best_path.multipath_relax,
            maximum_paths: router.best_path.maximum_paths,
            default_local_pref: DEFAULT_LOCAL_PREF,
        },
        export_scope: match router.export_scope {
            intent::ExportScope::Originated => ExportScope::OriginatedOnly,
            intent::ExportScope::AllBest => ExportScope::AllBest,
        },
        install_routes: router.install_routes,
        install_default: router.install_default_route,
        originations: router
            .originations
            .iter()
            .map(|o| (prefix(o.prefix), origination(o)))
            .collect(),
        peers,
    };
    (config, outcomes)
}

pub(super) fn outcome(
    router: &intent::Router,
    object: &ObjectRef,
    reason: Reason,
    message: String,
) -> Outcome {
    let (router, object) = (router.name.clone(), object.clone());
    Outcome { router, object, is_refused: false, reason, message }
}

fn neighbor<'a>(
    router: &intent::Router,
    peer: &'a intent::Peer,
    chains: &mut Chains<'a>,
) -> Result<NeighborConfig, (Reason, String)> {
    let remote = match &peer.address {
        PeerAddress::Ip(address) => Remote::Address(*address),
        PeerAddress::LinkLocal { address, interface } => {
            Remote::LinkLocal { address: *address, interface: interface.to_string() }
        }
        PeerAddress::Interface(interface) => Remote::Interface(interface.to_string()),
        PeerAddress::Range { prefix: range, limit } => {
            Remote::Range { prefix: prefix(*range), limit: *limit }
        }
    };
    let families: Vec<Family> = peer.families.iter().filter_map(|f| family(*f)).collect();
    if families.is_empty() {
        let message =
            "none of its address families is carried yet; add ipv4/unicast or ipv6/unicast";
        return Err((Reason::UnsupportedAddressFamily, message.to_owned()));
    }
    let auth = options::auth(&peer.auth)?;
    let (local_address, local_interface) = match &peer.local {
        LocalEnd::Auto => (None, None),
        LocalEnd::Address(address) => (Some(*address), None),
        LocalEnd::Interface(interface) => (None, Some(interface.to_string())),
    };
    Ok(NeighborConfig {
        description: peer.description.clone().unwrap_or_default(),
        remote,
        remote_as: match peer.remote_as {
            RemoteAs::Asn(asn) => speaker::RemoteAs::Asn(Asn(asn.value())),
            RemoteAs::Internal => speaker::RemoteAs::Internal,
            RemoteAs::External => speaker::RemoteAs::External,
        },
        local_as: peer.local_as.map(options::local_as),
        remote_port: peer.remote_port,
        passive: peer.passive,
        local_address,
        local_interface,
        bind_device: peer.bind_device.as_ref().map(ToString::to_string),
        families,
        hold_time: peer.timers.hold.map_or(0, |h| h.hold()),
        keepalive: peer.timers.hold.map(|h| h.keepalive()),
        connect_retry: peer.timers.connect_retry,
        idle_hold: peer.timers.idle_hold,
        extended_next_hop: peer.extended_next_hop,
        extended_message: peer.extended_message,
        ttl: match peer.ttl {
            Ttl::Multihop(ttl) => Some(ttl.get()),
            Ttl::Default | Ttl::Security(_) => None,
        },
        min_ttl: match peer.ttl {
            Ttl::Security(ttl) => Some(ttl.get()),
            Ttl::Default | Ttl::Multihop(_) => None,
        },
        auth,
        add_path: options::add_path(peer.add_paths),
        role: peer.role.map(options::role),
        graceful_restart: peer.graceful_restart.map(options::graceful_restart),
        bfd: peer.bfd.map(options::bfd),
        route_reflector_client: peer.route_reflector_client && !peer.is_external(router.asn),
        next_hop: options::next_hop(peer.next_hop),
        remove_private_as: peer.remove_private_as.map(options::remove_private_as),
        allow_as_in: peer.allow_as_in.count(),
        maximum_prefix: Some(MaximumPrefix {
            limit: peer.maximum_prefix.limit,
            threshold_percent: peer.maximum_prefix.threshold_percent,
            action: match peer.maximum_prefix.action {
                LimitAction::Warn => OverLimit::Refuse,
                LimitAction::Restart { after } => OverLimit::Restart(after),
                LimitAction::Shutdown => OverLimit::Shutdown,
            },
        }),
        import: chains.of(&peer.import)?,
        export: chains.of(&peer.export)?,
        shutdown: peer.shutdown.clone(),
    })
}

/// What of a carried-out object has no effect yet, so that it can be said.
pub(super) fn partly(router: &intent::Router) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for peer in router.peers.values() {
        let missing: Vec<&str> =
            peer.families.iter().filter(|f| family(**f).is_none()).map(|f| f.as_str()).collect();
        if !missing.is_empty() && missing.len() < peer.families.len() {
            let message = format!("not carried yet: {}", missing.join(", "));
            outcomes.push(outcome(router, &peer.source, Reason::UnsupportedAddressFamily, message));
        }
        if !peer.timers.minimum_advertisement.is_zero() {
            let message = "minimumAdvertisement is not carried out: changes are sent at once";
            let reason = Reason::UnsupportedByProvider;
            outcomes.push(outcome(router, &peer.source, reason, message.to_owned()));
        }
    }
    outcomes
}

fn origination(origination: &intent::Origination) -> Origination {
    let a = &origination.attributes;
    let list = |asns: &[intent::Asn]| asns.iter().map(|a| Asn(a.value())).collect::<Vec<_>>();
    let communities: Vec<Community> = a.communities.iter().map(|c| Community(c.0)).collect();
    let large: Vec<LargeCommunity> =
        a.large_communities.iter().map(|c| LargeCommunity(c.0, c.1, c.2)).collect();
    let ext: Vec<ExtCommunity> = a.ext_communities.iter().map(|c| ExtCommunity(c.0)).collect();
    let mut builder = AttrBuilder::new();
    builder
        .set_origin(policy::origin(a.origin) as u8)
        .replace_as_path(&list(&a.as_path))
        .set_med(a.med)
        .set_local_pref(a.local_pref)
        .set_communities(&communities)
        .set_large_communities(&large)
        .set_ext_communities(&ext);
    let mut attributes = Vec::new();
    let fits = builder.finish(&mut attributes);
    debug_assert!(fits, "the lists of an advertisement are bounded far below 65,535 octets");
    Origination {
        attributes,
        next_hop: match a.next_hop {
            Some(NextHopSet::Address(address)) => Some(address),
            Some(NextHopSet::Own) | None => None,
        },
        peers: match &origination.peers {
            PeerScope::All => None,
            PeerScope::Only(peers) => Some(peers.iter().map(|p| p.as_str().to_owned()).collect()),
        },
    }
}

/// Families the speaker carries.
pub(super) fn family(family: intent::Family) -> Option<Family> {
    match family {
        intent::Family::Ipv4Unicast => Some(Family::IPV4_UNICAST),
        intent::Family::Ipv6Unicast => Some(Family::IPV6_UNICAST),
        intent::Family::Ipv4Labeled => Some(Family::IPV4_LABELED),
        intent::Family::Ipv6Labeled => Some(Family::IPV6_LABELED),
        intent::Family::Ipv4Vpn => Some(Family::IPV4_VPN),
        intent::Family::Ipv6Vpn => Some(Family::IPV6_VPN),
        intent::Family::L2vpnEvpn => Some(Family::EVPN),
        intent::Family::Ipv4RouteTarget => Some(Family::ROUTE_TARGET),
    }
}

pub(super) fn prefix(net: IpNet) -> Prefix {
    let net = net.trunc();
    match net {
        IpNet::V4(n) => {
            Prefix::V4(V4Prefix::new(n.addr(), n.prefix_len()).expect("at most 32 bits long"))
        }
        IpNet::V6(n) => {
            Prefix::V6(V6Prefix::new(n.addr(), n.prefix_len()).expect("at most 128 bits long"))
        }
    }
}
