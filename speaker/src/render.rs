//! Attributes and sessions in the words that people and scripts read.
//!
//! Pure: from canonical attribute bytes and session snapshots to [`crate::view`] structs.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use bgp_fsm::session::{ErrorRecord, MessageCounts as Counts, PeerSnapshot};
use bgp_fsm::{Negotiated, RemoteAs};
use bgp_wire::attr::{AsPath, AttrType, Community, ExtCommunity, LargeCommunity, attrs, origin};
use bgp_wire::{Asn, Family, NextHop, V4Prefix, V6Prefix};

use crate::core::{Core, Life, Neighbor};
use crate::options::Remote;
use crate::soft::Originals;
use crate::view::{AttributesView, MessageCounts, NotificationView, PeerFamilyView, PeerView};

/// Text forms of an attribute set; `scope` is the interface of a link-local next hop.
pub(crate) fn attributes(
    canonical: &[u8],
    next_hop: &NextHop,
    scope: Option<&str>,
) -> AttributesView {
    let mut view = AttributesView {
        next_hop: match scope {
            Some(scope) => format!("{next_hop}%{scope}"),
            None => next_hop.to_string(),
        },
        as_path: AsPath::of(canonical).to_string(),
        communities: Community::of(canonical).map(|c| c.to_string()).collect(),
        ext_communities: ExtCommunity::of(canonical).map(|c| c.to_string()).collect(),
        large_communities: LargeCommunity::of(canonical).map(|c| c.to_string()).collect(),
        ..AttributesView::default()
    };
    for attr in attrs(canonical) {
        let value = attr.value;
        match attr.kind {
            AttrType::ORIGIN => {
                view.origin = value.first().map_or("incomplete", |o| origin::name(*o)).to_owned();
            }
            AttrType::MED => view.med = number(value),
            AttrType::LOCAL_PREF => view.local_pref = number(value),
            AttrType::ATOMIC_AGGREGATE => view.atomic_aggregate = true,
            AttrType::AGGREGATOR => {
                let asn = value.first_chunk().map(|b| Asn(u32::from_be_bytes(*b)));
                let address = value.get(4..).and_then(address);
                if let (Some(asn), Some(address)) = (asn, address) {
                    view.aggregator = Some(format!("{asn} {address}"));
                }
            }
            AttrType::ORIGINATOR_ID => view.originator_id = address(value),
            AttrType::CLUSTER_LIST => {
                view.cluster_list = value.chunks_exact(4).filter_map(address).collect();
            }
            AttrType::AS_PATH
            | AttrType::COMMUNITIES
            | AttrType::EXT_COMMUNITIES
            | AttrType::LARGE_COMMUNITIES => {}
            AttrType(kind) => {
                let hex: String = value.iter().map(|b| format!("{b:02x}")).collect();
                view.other.push(format!("{kind}:{:#04x}:{hex}", attr.flags));
            }
        }
    }
    view
}

fn number(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|b| u32::from_be_bytes(*b))
}

fn address(value: &[u8]) -> Option<Ipv4Addr> {
    value.first_chunk::<4>().map(|b| Ipv4Addr::from(*b))
}

/// A neighbour and its session.
pub(crate) fn peer(
    core: &Core,
    router: &str,
    name: &Arc<str>,
    neighbor: &Neighbor,
    snapshot: Option<&PeerSnapshot>,
    now: Instant,
) -> PeerView {
    let config = &neighbor.config;
    let life = neighbor.life.and_then(|ix| core.lives.get(ix).map(|life| (ix, life)));
    let negotiated = life.map(|(_, life)| &*life.established.negotiated);
    let remote_as = match (negotiated, config.remote_as) {
        (Some(n), _) => n.peer_as.0,
        (None, RemoteAs::Asn(asn)) => asn.0,
        (None, RemoteAs::Internal) => core.config.asn.0,
        (None, RemoteAs::External) => 0,
    };
    let session_type = match (config.remote_as, remote_as) {
        (RemoteAs::External, _) => "eBGP",
        (_, asn) if asn == core.config.asn.0 => "iBGP",
        _ => "eBGP",
    };
    let families = match negotiated {
        Some(n) => n.families.iter().collect(),
        None => config.families.clone(),
    };
    PeerView {
        router: router.to_owned(),
        name: name.to_string(),
        address: config.remote.ip(),
        interface: config.remote.interface().map(str::to_owned),
        range: match &config.remote {
            Remote::Range { prefix, .. } => Some(prefix.to_string()),
            _ => None,
        },
        description: config.description.clone(),
        local_as: config.session_as(core.config.asn).0,
        remote_as,
        session_type: session_type.to_owned(),
        state: snapshot.map_or_else(|| "Idle".to_owned(), |s| s.state.to_string()),
        since_secs: snapshot.map_or(0, |s| now.saturating_duration_since(s.since).as_secs()),
        established_count: snapshot.map_or(0, |s| s.established_count),
        shutdown: config.shutdown.clone(),
        last_error: snapshot.and_then(|s| Some(s.last_error.as_ref()?.text.clone())),
        last_error_secs: snapshot
            .and_then(|s| Some(now.saturating_duration_since(s.last_error.as_ref()?.at).as_secs())),
        last_sent: snapshot.and_then(|s| notification(s.last_sent.as_ref()?, now)),
        last_received: snapshot.and_then(|s| notification(s.last_received.as_ref()?, now)),
        local_endpoint: life.map(|(_, life)| life.established.local),
        remote_endpoint: life.map(|(_, life)| life.established.remote),
        remote_router_id: negotiated.map(|n| n.peer_router_id),
        hold_time_secs: secs(negotiated.and_then(|n| n.hold_time)),
        keepalive_secs: secs(negotiated.and_then(|n| n.keepalive)),
        capabilities: negotiated.map_or_else(Vec::new, capabilities),
        families: families.into_iter().map(|f| family(core, life, f)).collect(),
        received: snapshot.map_or_else(MessageCounts::default, |s| counts(&s.counters.received)),
        sent: snapshot.map_or_else(MessageCounts::default, |s| counts(&s.counters.sent)),
        treated_as_withdraw: life.map_or(0, |(_, life)| life.treated_as_withdraw),
        attributes_discarded: life.map_or(0, |(_, life)| life.attributes_discarded),
        over_limit: life.map_or(0, |(_, life)| life.over_limit),
        kept_originals: life
            .and_then(|(_, life)| life.originals.as_ref())
            .map_or(0, Originals::len),
        held: neighbor.held.as_ref().map(|held| held.text(now)),
    }
}

fn notification(record: &ErrorRecord, now: Instant) -> Option<NotificationView> {
    let sent = record.notification.as_ref()?;
    Some(NotificationView {
        secs_ago: now.saturating_duration_since(record.at).as_secs(),
        code: sent.code,
        subcode: sent.subcode,
        text: record.text.clone(),
    })
}

fn secs(duration: Option<std::time::Duration>) -> u16 {
    duration.map_or(0, |d| u16::try_from(d.as_secs()).unwrap_or(u16::MAX))
}

fn family(core: &Core, life: Option<(rib::PeerIx, &Life)>, family: Family) -> PeerFamilyView {
    let mut view = PeerFamilyView { family: family.to_string(), ..PeerFamilyView::default() };
    let Some((ix, life)) = life else { return view };
    let counts = match family {
        Family::IPV4_UNICAST => core.rib.counts::<V4Prefix>(ix),
        Family::IPV6_UNICAST => core.rib.counts::<V6Prefix>(ix),
        _ => return view,
    };
    view.received = u64::from(counts.received);
    view.accepted = u64::from(counts.accepted);
    view.best = u64::from(counts.best);
    if let Some(member) = life.member {
        view.advertised = u64::from(core.exports.advertised_count(member, family));
    }
    view.end_of_rib_received = life.end_of_rib.contains(family);
    view.limit = life.config.maximum_prefix.map(|m| m.limit);
    view.limit_state = life.limit(family).state;
    view
}

fn counts(c: &Counts) -> MessageCounts {
    MessageCounts {
        open: c.open,
        update: c.update,
        notification: c.notification,
        keepalive: c.keepalive,
        route_refresh: c.route_refresh,
    }
}

/// What both sides agreed on, by the names of the RFCs.
fn capabilities(n: &Negotiated) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let mut add = |on: bool, name: &str| {
        if on {
            names.push(name.to_owned());
        }
    };
    add(n.as4, "four-octet-as");
    add(n.route_refresh, "route-refresh");
    add(n.enhanced_route_refresh, "enhanced-route-refresh");
    add(n.extended_message, "extended-message");
    add(n.ext_next_hop_v4, "extended-next-hop");
    if let Some(role) = n.role {
        names.push(format!("role {role}"));
    }
    if let Some(role) = n.peer_role {
        names.push(format!("peer-role {role}"));
    }
    for family in n.add_path_rx.iter() {
        names.push(format!("add-path-receive {family}"));
    }
    for family in n.add_path_tx.iter() {
        names.push(format!("add-path-send {family}"));
    }
    names
}
