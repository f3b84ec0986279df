//! A neighbour's BFD session as it is shown.

use std::time::{Duration, Instant};

use bfd::{Diagnostic, State};

use super::watcher::Seen;
use crate::view::{BfdDownView, BfdView};

pub(super) fn of(seen: &Seen, strict: bool, now: Instant) -> BfdView {
    let mut view = BfdView {
        state: name(State::Down).to_owned(),
        strict,
        holds_bgp: seen.holds_bgp,
        problem: seen.problem.clone(),
        ..BfdView::default()
    };
    let Some(watch) = &seen.watch else { return view };
    let report = watch.report();
    let micros = |time: Option<Duration>| time.and_then(|t| u64::try_from(t.as_micros()).ok());
    let ago = |at: Instant| now.saturating_duration_since(at);
    let said =
        |diagnostic: Diagnostic| (diagnostic != Diagnostic::NONE).then(|| diagnostic.to_string());
    view.state = name(report.state()).to_owned();
    view.since_secs = ago(report.since).as_secs();
    view.multihop = report.endpoints.is_multihop();
    view.local = Some(report.endpoints.local());
    view.remote = Some(report.endpoints.remote());
    view.interface = nix::net::if_::if_indextoname(report.endpoints.ifindex())
        .ok()
        .and_then(|name| name.into_string().ok())
        .filter(|name| !name.is_empty());
    view.problem = view.problem.or(report.problem);
    view.last_heard_micros = micros(report.last_heard.map(ago));
    view.sent = report.counters.sent;
    view.received = report.counters.received;
    view.send_errors = report.counters.send_errors;
    view.low_ttl = report.counters.low_ttl;
    view.ups = report.counters.ups;
    view.failures = report.counters.failures;
    view.last_down = report.last_down.map(|down| BfdDownView {
        secs_ago: ago(down.at).as_secs(),
        diagnostic: down.diagnostic.to_string(),
        remote_diagnostic: said(down.remote_diagnostic),
        is_intended: down.is_intended,
    });
    if let Some(session) = report.session {
        view.remote_state = Some(name(session.remote_state).to_owned());
        view.diagnostic = said(session.diagnostic);
        view.remote_diagnostic = said(session.remote_diagnostic);
        view.local_discriminator = Some(session.local.get());
        view.remote_discriminator = session.remote.map(bfd::Discriminator::get);
        view.tx_interval_micros = micros(session.transmit_interval).unwrap_or(0);
        view.rx_interval_micros = micros(session.receive_interval).unwrap_or(0);
        view.detection_time_micros = micros(session.detection_time).unwrap_or(0);
    }
    view
}

/// The names of RFC 5880 section 4.1.
fn name(state: State) -> &'static str {
    match state {
        State::AdminDown => "AdminDown",
        State::Down => "Down",
        State::Init => "Init",
        State::Up => "Up",
    }
}
