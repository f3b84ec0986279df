//! What may be wrong with a session that is up.

use super::{Cause, Finding, HostFacts, ago, span};
use crate::view::{PeerFamilyView, PeerView};

/// Troubles of an Established session; none: all is well.
pub(super) fn check(peer: &PeerView, host: &HostFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for family in &peer.families {
        findings.extend(limit(peer, family));
        findings.extend(nothing_accepted(peer, family));
    }
    findings.extend(unresolved(host));
    findings.extend(families(peer));
    findings.extend(flapping(peer));
    findings.extend(queue(peer));
    findings.extend(bfd(peer));
    findings
}

fn limit(peer: &PeerView, f: &PeerFamilyView) -> Option<Finding> {
    let limit = u64::from(peer.configured.maximum_prefix?);
    let percent = u64::from(peer.configured.maximum_prefix_warning.unwrap_or(80));
    let seen = format!("{} of at most {limit} prefixes of {}", f.received, f.family);
    let fix =
        "raise spec.maximumPrefix.limit if they are wanted, or let the neighbour announce fewer";
    if f.received >= limit && f.told.over_limit > 0 {
        let summary = format!("prefixes of {} beyond the bound are not accepted", f.family);
        let more = format!("{} announcements refused so far", f.told.over_limit);
        let finding = Finding::warning(Cause::PrefixesOverLimit, summary);
        return Some(finding.seen(seen).seen(more).fix(fix));
    }
    if limit > 0 && f.received * 100 >= limit * percent {
        let summary = format!("the number of {} prefixes comes near the bound", f.family);
        return Some(Finding::warning(Cause::PrefixesNearLimit, summary).seen(seen).fix(fix));
    }
    None
}

fn nothing_accepted(peer: &PeerView, f: &PeerFamilyView) -> Option<Finding> {
    if f.received == 0 || f.accepted > 0 {
        return None;
    }
    let t = &f.told;
    let summary = format!("none of {} received routes of {} is accepted", f.received, f.family);
    let mut finding = Finding::warning(Cause::NoRouteAccepted, summary);
    if t.denied_by_policy > 0 {
        finding =
            finding.seen(format!("{} announcements denied by import policy", t.denied_by_policy));
        finding = match (peer.session_type.as_str(), peer.configured.import_policy) {
            ("eBGP", false) => finding.fix(
                "attach an import policy: the router requires one for external neighbours (RFC 8212)",
            ),
            _ => finding.fix("look at the import policies: without a matching term a route is denied"),
        };
    }
    if t.looped > 0 {
        finding = finding
            .seen(format!("{} announcements carry our AS or our router or cluster id", t.looped))
            .fix("a loop is right to be refused; if two of our sites share an AS: spec.allowASIn");
    }
    if t.bad_next_hop > 0 {
        finding = finding
            .seen(format!("{} announcements have a next hop that cannot be one", t.bad_next_hop))
            .fix("look at the neighbour's next-hop settings: it may announce our own address");
    }
    if finding.fix.is_empty() {
        finding = finding.fix("see why, route by route: cosmos show received");
    }
    Some(finding)
}

fn unresolved(host: &HostFacts) -> Option<Finding> {
    let count = host.statuses.get("unresolved").copied().filter(|n| *n > 0)?;
    let all: u64 = host.statuses.values().sum();
    Some(
        Finding::warning(
            Cause::NextHopUnresolved,
            "the next hops of received routes cannot be reached",
        )
        .seen(format!("{count} of {all} received routes looked at have an unresolved next hop"))
        .fix("add a route to the next hops (an IGP, or static), or let the neighbour announce itself: next-hop-self there")
        .fix("see which: cosmos show received, column NOTE"),
    )
}

fn families(peer: &PeerView) -> Option<Finding> {
    let has = |family: &String| peer.families.iter().any(|f| f.family == *family);
    let missing: Vec<_> =
        peer.configured.families.iter().filter(|f| !has(f)).map(String::as_str).collect();
    if missing.is_empty() {
        return None;
    }
    let theirs = peer.open_received.as_ref().map(|o| o.families.join(", ")).unwrap_or_default();
    Some(
        Finding::warning(
            Cause::FamilyNotShared,
            format!("{} is configured, but the neighbour does not offer it", missing.join(", ")),
        )
        .seen(format!(
            "the neighbour offers {}",
            if theirs.is_empty() { "ipv4/unicast only, by silence" } else { &theirs }
        ))
        .fix("activate the family on the neighbour, or remove it from spec.addressFamilies"),
    )
}

/// Up for a short while, after several losses.
fn flapping(peer: &PeerView) -> Option<Finding> {
    let down = peer.last_down.as_ref()?;
    let losses = peer.history.iter().filter(|t| t.from == "Established").count();
    if losses < 2 || peer.since_secs > 600 {
        return None;
    }
    Some(
        Finding::warning(Cause::Flapping, format!("the session was lost {losses} times lately"))
            .seen(format!(
                "up for {} now, lost {} after {}",
                span(peer.since_secs),
                ago(down.secs_ago),
                span(down.up_secs)
            ))
            .seen(format!("last time: {}", down.text))
            .fix("treat the cause of the last loss: cosmos show peer has the history"),
    )
}

/// Octets that wait although nothing left for a while.
fn queue(peer: &PeerView) -> Option<Finding> {
    let silent = peer.timers.said_secs_ago.filter(|secs| *secs >= 30)?;
    if peer.queued_octets == 0 {
        return None;
    }
    Some(
        Finding::warning(Cause::NotReading, "the neighbour takes nothing from its connection")
            .seen(format!("{} octets wait; nothing left for {}", peer.queued_octets, span(silent)))
            .fix("check that the neighbour's BGP daemon is not stuck or overloaded"),
    )
}

fn bfd(peer: &PeerView) -> Option<Finding> {
    let bfd = peer.bfd.as_ref()?;
    if let Some(problem) = &bfd.problem {
        return Some(
            Finding::warning(Cause::BfdDown, "BFD is configured, but does not run")
                .seen(problem.clone()),
        );
    }
    let bfd = Some(bfd).filter(|b| b.state != "Up" && b.since_secs >= 10)?;
    let theirs = bfd.remote_state.as_deref().unwrap_or("never heard");
    Some(
        Finding::warning(Cause::BfdDown, "BFD is configured, but does not come up")
            .seen(format!("{} for {}, the neighbour is {theirs}", bfd.state, span(bfd.since_secs)))
            .fix("enable BFD for this session on the neighbour")
            .fix("check that UDP 3784 (4784 for multihop) passes both ways"),
    )
}
