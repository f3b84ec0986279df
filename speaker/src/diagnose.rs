//! Why a session is not up, or not well, and what to do about it.
//!
//! What for: `cosmos doctor`. Where: between the views of a running speaker and the command; the
//! daemon gathers [`HostFacts`] (`host`), everything else is here and pure: facts in, findings out.
//! How: a session that is not up has a newest piece of evidence (an OPEN refused, a NOTIFICATION, a
//! transport fault, something missing on this node), and that names the cause; a session that is up
//! is checked against a list of troubles (`up`). Invariants: a session that is meant to be up and is
//! not has at least one finding; names of causes are stable (`docs/doctor.md`).
//!
//! References: RFC 4271 sections 6 and 8, RFC 4486, RFC 5082, RFC 8212, RFC 9003, RFC 9234.

use serde::{Deserialize, Serialize};

use crate::view::{FibTotalsView, PeerView};

mod cause;
mod here;
mod host;
mod notification;
mod refused;
mod transport;
mod up;

#[cfg(test)]
mod tests;

pub use cause::Cause;
pub(crate) use host::Baseline;
pub use host::{HostFacts, InterfaceFact, RouteFact, SegmentDrops};

/// A neighbour and what was found about it; with an empty `peer`, what concerns the whole router.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// Router's name.
    pub router: String,
    /// Neighbour's name.
    pub peer: String,
    /// Its address, interface or prefix.
    pub place: String,
    /// Its AS; 0 while unknown.
    pub remote_as: u32,
    /// State of the session; empty for a router.
    pub state: String,
    /// Seconds in this state.
    pub since_secs: u64,
    /// What was found; the likeliest first. None: all is well.
    pub findings: Vec<Finding>,
}

impl Diagnosis {
    /// Whether somebody has to act.
    pub fn is_wrong(&self) -> bool {
        self.findings.iter().any(|f| f.severity != Severity::Note)
    }
}

/// One thing that is wrong or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Stable name.
    pub cause: Cause,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence.
    pub summary: String,
    /// What was seen.
    pub evidence: Vec<String>,
    /// What to do, the likeliest first.
    pub fix: Vec<String>,
}

/// How bad a finding is.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As configured, or under way; nothing to do.
    Note,
    /// Works, but not as it should.
    Warning,
    /// Does not work.
    Broken,
}

impl Finding {
    /// A finding that breaks the session.
    pub(crate) fn broken(cause: Cause, summary: impl Into<String>) -> Self {
        Self::new(Severity::Broken, cause, summary)
    }

    /// A finding with which the session works, but not as it should.
    pub(crate) fn warning(cause: Cause, summary: impl Into<String>) -> Self {
        Self::new(Severity::Warning, cause, summary)
    }

    /// Something to know.
    pub(crate) fn note(cause: Cause, summary: impl Into<String>) -> Self {
        Self::new(Severity::Note, cause, summary)
    }

    fn new(severity: Severity, cause: Cause, summary: impl Into<String>) -> Self {
        Self { cause, severity, summary: summary.into(), evidence: Vec::new(), fix: Vec::new() }
    }

    /// Adds what was seen.
    #[must_use]
    pub(crate) fn seen(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix.push(fix.into());
        self
    }
}

/// Everything about one neighbour.
pub fn diagnose(peer: &PeerView, host: &HostFacts) -> Diagnosis {
    let findings = match peer.state.as_str() {
        "Established" => up::check(peer, host),
        _ => down(peer, host),
    };
    Diagnosis {
        router: peer.router.clone(),
        peer: peer.name.clone(),
        place: place(peer),
        remote_as: peer.remote_as,
        state: peer.state.clone(),
        since_secs: peer.since_secs,
        findings,
    }
}

/// What concerns a router as a whole: `deaf` are listening sockets that are not open, and why.
pub(crate) fn router(name: &str, deaf: &[String]) -> Diagnosis {
    let mut findings = Vec::new();
    if !deaf.is_empty() {
        let mut finding = Finding::broken(
            Cause::NotListening,
            "neighbours cannot connect to us: a listening socket is not open",
        );
        finding.evidence = deaf.to_vec();
        findings.push(
            finding
                .fix("stop the other program that holds the port (ss -ltnp), or set listenPort")
                .fix(
                    "check that spec.listenAddresses are addresses of this node; it is tried again",
                ),
        );
    }
    Diagnosis { router: name.to_owned(), findings, ..Diagnosis::default() }
}

/// What concerns the routes given to the kernel.
pub(crate) fn kernel(totals: &FibTotalsView, errors: &[String]) -> Diagnosis {
    let mut findings = Vec::new();
    if totals.pending > 0 && (!errors.is_empty() || totals.failures > 0) {
        let summary = format!("the kernel does not hold {} routes as wished", totals.pending);
        let mut finding = Finding::warning(Cause::KernelRefusesRoutes, summary)
            .seen(format!("{} writes refused since the start", totals.failures));
        finding.evidence.extend(errors.iter().take(5).cloned());
        findings.push(finding.fix("see all of them: cosmos show fib; they are tried again"));
    }
    Diagnosis { findings, ..Diagnosis::default() }
}

/// An object of the configuration that is not carried out.
pub fn refused_object(what: &str, reason: &str, message: &str, source: Option<&str>) -> Diagnosis {
    let is_secret = reason.contains("Secret") || message.contains("Secret");
    let (cause, summary) = match is_secret {
        true => {
            (Cause::SecretMissing, format!("{what} is not carried out: its Secret is not usable"))
        }
        false => (Cause::ObjectRefused, format!("{what} is not carried out")),
    };
    let mut finding = Finding::broken(cause, summary).seen(format!("{reason}: {message}"));
    if let Some(source) = source {
        finding = finding.seen(format!("it is in {source}"));
    }
    let fix = match is_secret {
        true => "create the Secret with the key it names; no session is opened without it",
        false => "correct the object; it is read again at once",
    };
    Diagnosis { findings: vec![finding.fix(fix)], ..Diagnosis::default() }
}

/// Where the neighbour is, in words.
fn place(peer: &PeerView) -> String {
    match (&peer.address, &peer.interface, &peer.range) {
        (Some(address), Some(interface), _) => format!("{address}%{interface}"),
        (Some(address), None, _) => address.to_string(),
        (None, Some(name), _) | (None, None, Some(name)) => name.clone(),
        (None, None, None) => String::new(),
    }
}

/// Evidence older than the newest by more than this belongs to an earlier story: longer than the
/// longest rest between two attempts, jitter included.
const SAME_STORY: u64 = 180;

/// A session that is not up.
fn down(peer: &PeerView, host: &HostFacts) -> Vec<Finding> {
    if let Some(text) = &peer.shutdown {
        let text = if text.is_empty() { "no text was given" } else { text };
        return vec![
            Finding::note(Cause::ShutDownHere, "our configuration keeps this session down")
                .seen(format!("spec.shutdown: {text}"))
                .fix("remove spec.shutdown when the session may come up"),
        ];
    }
    if peer.range.is_some() && peer.problem.is_none() {
        // A template has no session of its own; the neighbours made from it are listed beside it.
        return Vec::new();
    }
    let mut findings = here::check(peer, host);
    if !findings.is_empty() {
        return findings;
    }
    findings = story(peer, host);
    let next = peer.timers.idle_hold_secs.or(peer.timers.connect_retry_secs);
    if let (Some(first), Some(next)) = (findings.first_mut(), next) {
        first.evidence.push(format!("the next attempt is in {}", span(next)));
    }
    if findings.is_empty() {
        findings.push(transport::waiting(peer, host));
    }
    findings
}

/// What the connections and messages so far say.
fn story(peer: &PeerView, host: &HostFacts) -> Vec<Finding> {
    let refused = peer.open_refused.as_ref().map(|r| r.secs_ago);
    let received = peer.last_received.as_ref().map(|n| n.secs_ago);
    let sent = peer.last_sent.as_ref().map(|n| n.secs_ago);
    let fault = peer.last_transport.as_ref().map(|t| t.secs_ago);
    let Some(newest) = [refused, received, sent, fault].into_iter().flatten().min() else {
        return Vec::new();
    };
    let recent = |age: Option<u64>| age.is_some_and(|age| age <= newest + SAME_STORY);
    // Attempts that do not even connect say more about now than any message before them.
    let unconnected = peer
        .last_transport
        .as_ref()
        .filter(|t| t.phase == "connecting" && t.secs_ago < messages(refused, received, sent));
    if let Some(fault) = unconnected {
        return vec![transport::fault(peer, host, fault)];
    }
    let mut findings = Vec::new();
    if recent(refused) {
        findings.extend(peer.open_refused.as_ref().map(|r| refused::open(peer, r)));
    }
    if recent(received) {
        let known = |f: &Finding| findings.iter().any(|k: &Finding| k.cause == f.cause);
        let said = peer.last_received.as_ref().map(|n| notification::received(peer, host, n));
        findings.extend(said.filter(|f| !known(f)));
    }
    if findings.is_empty() && recent(sent) && sent <= fault.or(sent) {
        findings.extend(peer.last_sent.as_ref().map(|n| notification::sent(peer, host, n)));
    }
    if findings.is_empty() {
        findings.extend(peer.last_transport.as_ref().map(|t| transport::fault(peer, host, t)));
    }
    findings
}

/// Age of the newest message among these.
fn messages(refused: Option<u64>, received: Option<u64>, sent: Option<u64>) -> u64 {
    [refused, received, sent].into_iter().flatten().min().unwrap_or(u64::MAX)
}

/// `3m ago`, from seconds.
fn ago(secs: u64) -> String {
    format!("{} ago", span(secs))
}

/// Seconds in words.
fn span(secs: u64) -> String {
    match secs {
        0..60 => format!("{secs} s"),
        60..3600 => format!("{} min {} s", secs / 60, secs % 60),
        _ => format!("{} h {} min", secs / 3600, secs % 3600 / 60),
    }
}

/// How often was tried, for evidence.
fn attempts(peer: &PeerView) -> String {
    let a = &peer.attempts;
    match a.failed {
        0 => format!("{} attempts to connect so far", a.dialed),
        failed => format!("{failed} of {} attempts to connect failed so far", a.dialed),
    }
}
