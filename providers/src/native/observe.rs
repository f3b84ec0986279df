//! From the speaker's views to observed state.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use intent::observed::{
    FamilyStatus, MessageCounters, Negotiated, NotificationRecord, OriginationStatus, PeerCounters,
    PeerStatus, Phase, RouterStatus, SessionError, SessionState, TableStatus, UnixMillis,
};
use intent::{Asn, Family, Peer, Reason, Router, RouterName};
use speaker::SpeakerHandle;
use speaker::view::{MessageCounts, NotificationView, PeerView, RouterView};

pub(super) async fn routers(
    speaker: &SpeakerHandle,
    applied: &BTreeMap<RouterName, Router>,
) -> BTreeMap<RouterName, RouterStatus> {
    let now = unix_millis();
    let views = speaker.routers_view().await;
    let statuses = applied.iter().map(|(name, router)| {
        let view = views.iter().find(|v| v.name == name.as_str());
        let peers = speaker.peers(Some(name.as_str()));
        (name.clone(), status(router, view, &peers, speaker, now))
    });
    statuses.collect()
}

fn status(
    router: &Router,
    view: Option<&RouterView>,
    peers: &[PeerView],
    speaker: &SpeakerHandle,
    now: UnixMillis,
) -> RouterStatus {
    let deaf = router.listen.port.is_some() && view.is_some_and(|v| v.listening.is_empty());
    let (phase, reason, message) = match view {
        None => (Phase::Failed, Reason::ConfigurationFailed, "not running".to_owned()),
        Some(_) if deaf => (
            Phase::Pending,
            Reason::ListenFailed,
            "the listening socket is not open; sessions we dial are not affected".to_owned(),
        ),
        Some(_) => (Phase::Ready, Reason::InstanceConfigured, "running".to_owned()),
    };
    RouterStatus {
        name: router.name.clone(),
        provider: router.provider.clone(),
        asn: router.asn,
        router_id: router.router_id,
        phase,
        reason,
        message,
        listening: view.map_or_else(Vec::new, |v| v.listening.clone()),
        peers: router
            .peers
            .iter()
            .map(|(name, peer)| {
                let view = peers.iter().find(|v| v.name == name.as_str());
                (name.clone(), peer_status(peer, view, now))
            })
            .collect(),
        originations: router
            .originations
            .iter()
            .map(|o| {
                let explained = speaker.explain(Some(router.name.as_str()), &o.prefix.to_string());
                let advertised = explained.iter().flat_map(|e| &e.advertised);
                let advertised_to = advertised.filter(|a| a.sent).count();
                let best = explained
                    .iter()
                    .flat_map(|e| &e.candidates)
                    .any(|c| c.route.best && c.route.peer == "local");
                OriginationStatus {
                    prefix: o.prefix,
                    source: o.source.clone(),
                    advertised_to: u32::try_from(advertised_to).unwrap_or(u32::MAX),
                    best,
                    reason: Reason::Advertised,
                    message: format!("advertised to {advertised_to} neighbours"),
                }
            })
            .collect(),
        tables: view.map_or_else(Vec::new, |v| {
            v.tables
                .iter()
                .filter_map(|t| {
                    Some(TableStatus {
                        family: t.family.parse().ok()?,
                        prefixes: t.prefixes as u64,
                        paths: t.paths as u64,
                    })
                })
                .collect()
        }),
    }
}

fn peer_status(peer: &Peer, view: Option<&PeerView>, now: UnixMillis) -> PeerStatus {
    let state = view.map_or(SessionState::Idle, |v| state(&v.state));
    let last_error = view.and_then(|v| {
        Some(SessionError {
            at: ago(now, v.last_error_secs?),
            reason: error_reason(v),
            message: v.last_error.clone()?,
        })
    });
    let up = state == SessionState::Established;
    let since = view.map_or(now, |v| ago(now, v.since_secs));
    let (reason, message) = match (&peer.shutdown, &last_error) {
        (Some(text), _) => (Reason::AdministrativeShutdown, text.clone()),
        (None, _) if up => (Reason::Established, "the session carries routes".to_owned()),
        (None, Some(error)) => (error.reason, error.message.clone()),
        (None, None) => (state.reason(), "no attempt has ended yet".to_owned()),
    };
    PeerStatus {
        name: peer.name.clone(),
        source: peer.source.clone(),
        address: peer.address.to_string(),
        remote: view.and_then(|v| v.remote_endpoint),
        local: view.and_then(|v| v.local_endpoint),
        remote_as: view.and_then(|v| Asn::new(v.remote_as)),
        state,
        reason,
        message,
        since,
        last_established: match view.and_then(|v| v.last_down.as_ref()) {
            _ if up => Some(since),
            Some(down) => Some(ago(now, down.secs_ago.saturating_add(down.up_secs))),
            None => None,
        },
        uptime: view.filter(|_| up).map(|v| Duration::from_secs(v.since_secs)),
        negotiated: view.filter(|_| up).and_then(negotiated),
        last_error,
        last_received: view.and_then(|v| record(v.last_received.as_ref()?, now)),
        last_sent: view.and_then(|v| record(v.last_sent.as_ref()?, now)),
        counters: view.map_or_else(PeerCounters::default, |v| PeerCounters {
            received: counters(v.received),
            sent: counters(v.sent),
            established: v.established_count,
            flaps: v.dropped_count,
            treated_as_withdraw: v.treated_as_withdraw,
            attributes_discarded: v.attributes_discarded,
        }),
        families: view.map_or_else(Vec::new, |v| {
            v.families
                .iter()
                .filter_map(|f| {
                    Some(FamilyStatus {
                        family: f.family.parse().ok()?,
                        received: f.received,
                        accepted: f.accepted,
                        advertised: f.advertised,
                        end_of_rib_received: f.end_of_rib_received,
                    })
                })
                .collect()
        }),
    }
}

fn state(name: &str) -> SessionState {
    let all = [
        SessionState::Idle,
        SessionState::Connect,
        SessionState::Active,
        SessionState::OpenSent,
        SessionState::OpenConfirm,
        SessionState::Established,
    ];
    all.into_iter().find(|s| s.as_str() == name).unwrap_or_default()
}

/// The stable word for how the session last ended.
fn error_reason(view: &PeerView) -> Reason {
    let at = view.last_error_secs;
    let is_now = |n: &Option<NotificationView>| n.as_ref().map(|n| n.secs_ago) == at;
    if view.last_sent.as_ref().is_some_and(|n| n.code == 4) && is_now(&view.last_sent) {
        return Reason::HoldTimerExpired;
    }
    if is_now(&view.last_received) {
        return Reason::NotificationReceived;
    }
    if is_now(&view.last_sent) {
        return Reason::NotificationSent;
    }
    let Some(fault) = &view.last_transport else { return Reason::ConnectionClosed };
    match fault.fault.as_str() {
        "refused" => Reason::ConnectionRefused,
        "host-unreachable" | "network-unreachable" => Reason::Unreachable,
        "timed-out" => Reason::ConnectionTimedOut,
        _ if fault.phase == "connecting" => Reason::ConnectionFailed,
        _ => Reason::ConnectionClosed,
    }
}

fn negotiated(view: &PeerView) -> Option<Negotiated> {
    let has = |name: &str| view.capabilities.iter().any(|c| c == name);
    let families = |prefix: &str| -> std::collections::BTreeSet<Family> {
        let matching = view.capabilities.iter().filter_map(|c| c.strip_prefix(prefix));
        matching.filter_map(|f| f.trim().parse().ok()).collect()
    };
    Some(Negotiated {
        hold_time: view.hold_time_secs,
        keepalive: view.keepalive_secs,
        router_id: view.remote_router_id?,
        families: view.families.iter().filter_map(|f| f.family.parse().ok()).collect(),
        four_octet_as: has("four-octet-as"),
        route_refresh: has("route-refresh"),
        extended_message: has("extended-message"),
        extended_next_hop: has("extended-next-hop"),
        graceful_restart: false,
        add_path_receive: families("add-path-receive "),
        add_path_send: families("add-path-send "),
    })
}

fn record(view: &NotificationView, now: UnixMillis) -> Option<NotificationRecord> {
    Some(NotificationRecord {
        at: ago(now, view.secs_ago),
        code: view.code,
        subcode: view.subcode,
        text: view.text.clone(),
    })
}

fn counters(c: MessageCounts) -> MessageCounters {
    MessageCounters {
        open: c.open,
        update: c.update,
        notification: c.notification,
        keepalive: c.keepalive,
        route_refresh: c.route_refresh,
    }
}

fn ago(now: UnixMillis, secs: u64) -> UnixMillis {
    UnixMillis(now.0.saturating_sub(secs.saturating_mul(1000)))
}

/// The one place where this crate reads the clock: status is dated for people.
#[expect(clippy::disallowed_methods, reason = "status carries wall-clock times")]
fn unix_millis() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
