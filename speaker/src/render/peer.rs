//! A neighbour as a view: configuration, session, tables.
//!
//! Pure: from the router's tables and a snapshot of the session to a [`PeerView`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use bgp_fsm::session::{
    Deadlines, ErrorRecord, MessageCounts as Counts, PeerSnapshot, RefusedOpen, TransportRecord,
};
use bgp_fsm::{ConnId, Negotiated, RemoteAs};
use bgp_wire::notification::{code, open as open_error};
use bgp_wire::{Capability, Family, Open};
use rib::{family_index, with_family};

use crate::config::NeighborConfig;
use crate::core::{Core, Neighbor};
use crate::life::Life;
use crate::options::{Auth, Remote};
use crate::restart::helper::Kept;
use crate::soft::Originals;
use crate::view::{
    AttemptsView, ConfiguredView, DownView, MessageCounts, NotificationView, OpenView,
    PeerFamilyView, PeerView, RefusedOpenView, TimersView, TransitionView, TransportView,
};

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
    let local_as = config.session_as(core.config.asn).0;
    let remote_as = match (negotiated, config.remote_as) {
        (Some(n), _) => n.peer_as.0,
        (None, RemoteAs::Asn(asn)) => asn.0,
        (None, RemoteAs::Internal) => local_as,
        (None, RemoteAs::External) => 0,
    };
    let session_type = match (config.remote_as, remote_as) {
        (RemoteAs::External, _) => "eBGP",
        (_, asn) if asn == local_as => "iBGP",
        _ => "eBGP",
    };
    let families = match negotiated {
        Some(n) => n.families.iter().collect(),
        None => config.families.clone(),
    };
    let mut view = PeerView {
        router: router.to_owned(),
        name: name.to_string(),
        address: config.remote.ip().or(neighbor.found),
        interface: config.remote.interface().map(str::to_owned),
        range: match &config.remote {
            Remote::Range { prefix, .. } => Some(prefix.to_string()),
            _ => None,
        },
        template: neighbor.template.as_ref().map(ToString::to_string),
        description: config.description.clone(),
        local_as,
        local_router_id: Some(core.config.router_id),
        remote_as,
        session_type: session_type.to_owned(),
        state: "Idle".to_owned(),
        shutdown: config.shutdown.clone(),
        problem: neighbor.problem.clone(),
        local_endpoint: life.map(|(_, life)| life.established.local),
        remote_endpoint: life.map(|(_, life)| life.established.remote),
        remote_router_id: negotiated.map(|n| n.peer_router_id),
        hold_time_secs: secs(negotiated.and_then(|n| n.hold_time)),
        keepalive_secs: secs(negotiated.and_then(|n| n.keepalive)),
        capabilities: negotiated.map_or_else(Vec::new, capabilities),
        restart: core.restart_view(neighbor, now),
        families: families.into_iter().map(|f| family(core, neighbor, life, f)).collect(),
        configured: configured(config),
        ..PeerView::default()
    };
    let mut total = neighbor.past;
    if let Some((_, life)) = life {
        total.add(&life.tally);
    }
    view.treated_as_withdraw = total.treated_as_withdraw;
    view.attributes_discarded = total.attributes_discarded;
    view.unusable_routes = total.unusable_routes;
    view.over_limit = total.families().map(|f| f.over_limit).sum();
    let originals = life.and_then(|(_, life)| life.originals.as_ref());
    view.kept_originals = originals.map_or(0, Originals::len);
    if let Some(snapshot) = snapshot {
        session(&mut view, config, snapshot, now);
    }
    if let Some(held) = &neighbor.held {
        view.held = Some(held.text(now));
    }
    view
}

/// What the session shows of itself.
fn session(view: &mut PeerView, config: &NeighborConfig, s: &PeerSnapshot, now: Instant) {
    let ago = |at: Instant| now.saturating_duration_since(at).as_secs();
    view.state = s.state.to_string();
    view.since_secs = ago(s.since);
    view.established_count = s.established_count;
    view.dropped_count = s.dropped_count;
    let ended = s.last_error.as_ref().map(|error| (error.at, error.text.clone()));
    let failed = s.last_transport.as_ref().map(|record| (record.at, record.text.to_string()));
    // An attempt that nobody answers is given up for the next one without an end of its own.
    let unanswered = failed.filter(|(at, _)| ended.as_ref().is_none_or(|(end, _)| end < at));
    if let Some((at, text)) = unanswered.or(ended) {
        view.last_error = Some(text);
        view.last_error_secs = Some(ago(at));
    }
    view.last_down = s.last_down.as_ref().map(|down| DownView {
        secs_ago: ago(down.at),
        up_secs: down.up_for.as_secs(),
        reason: down.reason.name().to_owned(),
        text: down.reason.to_string(),
    });
    view.last_transport = s.last_transport.as_ref().map(|record| transport(record, now));
    view.last_sent = s.last_sent.as_ref().and_then(|record| notification(record, now));
    view.last_received = s.last_received.as_ref().and_then(|record| notification(record, now));
    view.connection = s.connection.map(|id| direction(id).to_owned());
    if view.local_endpoint.is_none() {
        view.local_endpoint = s.local;
        view.remote_endpoint = s.local.map(|_| s.remote);
    }
    view.attempts = AttemptsView {
        dialed: s.attempts.dialed,
        failed: s.attempts.failed,
        accepted: s.attempts.accepted,
        refused: s.attempts.refused,
        dialing: s.is_dialing,
    };
    if !s.is_running && config.shutdown.is_none() && s.attempts.dialed + s.attempts.accepted > 0 {
        view.held = view.last_error.clone();
    }
    view.timers = timers(&s.deadlines, s, now);
    view.open_sent = s.offered.as_ref().map(|offer| open(offer, None));
    view.open_received =
        s.received_open.as_ref().map(|record| open(&record.open, Some(ago(record.at))));
    view.open_refused = s.refused_open.as_ref().map(|refused| RefusedOpenView {
        secs_ago: ago(refused.at),
        open: refused.open.as_ref().map(|record| open(&record.open, Some(ago(record.at)))),
        code: refused.notification.code,
        subcode: refused.notification.subcode,
        text: refused.text.to_string(),
        expected: expected(view, refused),
    });
    view.received = counts(&s.counters.received);
    view.sent = counts(&s.counters.sent);
    view.queued_octets = s.queued_bytes as u64;
    view.history = s
        .history
        .iter()
        .map(|t| TransitionView {
            secs_ago: ago(t.at),
            from: t.from.to_string(),
            to: t.to.to_string(),
            reason: t.reason.as_deref().map(str::to_owned),
        })
        .collect();
}

/// What would have been accepted instead of what a refused OPEN said.
fn expected(view: &PeerView, refused: &RefusedOpen) -> String {
    if refused.notification.code != code::OPEN {
        return "a well-formed OPEN".to_owned();
    }
    match refused.notification.subcode {
        open_error::UNSUPPORTED_VERSION => "version 4".to_owned(),
        open_error::BAD_PEER_AS => match view.configured.remote_as.as_str() {
            "external" => format!("any AS but {}", view.local_as),
            "internal" => format!("AS {}", view.local_as),
            asn => format!("AS {asn}"),
        },
        open_error::BAD_IDENTIFIER => match view.local_router_id {
            Some(id) => format!("a router id other than 0.0.0.0 and, in our AS, than ours, {id}"),
            None => "another router id".to_owned(),
        },
        open_error::UNACCEPTABLE_HOLD_TIME => "a hold time of 0 or at least 3 s".to_owned(),
        open_error::UNSUPPORTED_CAPABILITY => {
            format!("one of {}", view.configured.families.join(", "))
        }
        open_error::ROLE_MISMATCH => match &view.configured.role {
            Some(role) => format!("the role opposite to {role}"),
            None => "no role".to_owned(),
        },
        _ => "a well-formed OPEN".to_owned(),
    }
}

fn configured(config: &NeighborConfig) -> ConfiguredView {
    ConfiguredView {
        remote_as: match config.remote_as {
            RemoteAs::Asn(asn) => asn.0.to_string(),
            RemoteAs::Internal => "internal".to_owned(),
            RemoteAs::External => "external".to_owned(),
        },
        remote_port: config.remote_port,
        passive: config.passive,
        local_address: config.local_address,
        local_interface: config.local_interface.clone(),
        bind_device: config.bind_device.clone(),
        hold_time_secs: config.hold_time,
        families: config.families.iter().map(ToString::to_string).collect(),
        ttl: config.ttl,
        min_ttl: config.min_ttl,
        auth: match config.auth {
            Auth::None => "none",
            Auth::Md5(_) => "md5",
            Auth::Ao(_) => "ao",
        }
        .to_owned(),
        role: config.role.and_then(|r| Some(Capability::role_name(r.role as u8)?.to_owned())),
        maximum_prefix: config.maximum_prefix.map(|m| m.limit),
        maximum_prefix_warning: config.maximum_prefix.map(|m| m.threshold_percent),
        import_policy: !config.import.stages().is_empty(),
        export_policy: !config.export.stages().is_empty(),
    }
}

fn transport(record: &TransportRecord, now: Instant) -> TransportView {
    TransportView {
        secs_ago: now.saturating_duration_since(record.at).as_secs(),
        fault: record.fault.as_str().to_owned(),
        phase: record.phase.as_str().to_owned(),
        connection: direction(record.connection).to_owned(),
        text: record.text.to_string(),
    }
}

fn direction(id: ConnId) -> &'static str {
    match id {
        ConnId::Outgoing => "outgoing",
        ConnId::Incoming => "incoming",
    }
}

fn timers(deadlines: &Deadlines, s: &PeerSnapshot, now: Instant) -> TimersView {
    let left = |at: Option<Instant>| at.map(|at| at.saturating_duration_since(now).as_secs());
    let ago = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at).as_secs());
    TimersView {
        hold_secs: left(deadlines.hold),
        keepalive_secs: left(deadlines.keepalive),
        connect_retry_secs: left(deadlines.connect_retry),
        idle_hold_secs: left(deadlines.idle_hold),
        heard_secs_ago: ago(s.heard_at),
        said_secs_ago: ago(s.said_at),
    }
}

fn open(open: &Open, secs_ago: Option<u64>) -> OpenView {
    let is_family = |c: &&Capability| matches!(c, Capability::MultiProtocol(_));
    OpenView {
        secs_ago,
        asn: open.asn.0,
        router_id: open.router_id.to_string(),
        hold_time_secs: open.hold_time,
        families: open.families().iter().map(|f| f.to_string()).collect(),
        capabilities: open
            .capabilities
            .iter()
            .filter(|c| !is_family(c))
            .map(ToString::to_string)
            .collect(),
    }
}

fn notification(record: &ErrorRecord, now: Instant) -> Option<NotificationView> {
    let sent = record.notification.as_ref()?;
    Some(NotificationView {
        secs_ago: now.saturating_duration_since(record.at).as_secs(),
        code: sent.code,
        subcode: sent.subcode,
        text: record.text.clone(),
        communication: sent.shutdown_communication().map(str::to_owned),
    })
}

fn secs(duration: Option<Duration>) -> u16 {
    duration.map_or(0, |d| u16::try_from(d.as_secs()).unwrap_or(u16::MAX))
}

fn family(
    core: &Core,
    neighbor: &Neighbor,
    life: Option<(rib::PeerIx, &Life)>,
    family: Family,
) -> PeerFamilyView {
    let mut told = neighbor.past;
    if let Some((_, life)) = life {
        told.add(&life.tally);
    }
    let told = told.of(family);
    let mut view = PeerFamilyView { family: family.to_string(), told, ..PeerFamilyView::default() };
    // Without a session there may be routes that are kept for a neighbour that restarts.
    let kept = neighbor.kept.as_ref().map(Kept::ix);
    let Some(ix) = life.map(|(ix, _)| ix).or(kept) else { return view };
    let index = family_index(family);
    let counts = index.and_then(|index| with_family!(index, P => core.rib.counts::<P>(ix)));
    let Some(counts) = counts else { return view };
    view.received = u64::from(counts.received);
    view.accepted = u64::from(counts.accepted);
    view.best = u64::from(counts.best);
    let Some((_, life)) = life else { return view };
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
        octets: c.octets,
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
    add(!n.ext_next_hop.is_empty(), "extended-next-hop");
    if let Some(restart) = &n.restart {
        add(true, "graceful-restart");
        add(restart.notification, "graceful-restart-notification");
        add(!restart.long_lived.is_empty(), "long-lived-graceful-restart");
    }
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
