//! What the way to the neighbour says: connections that fail, and connections that are awaited.

use super::{Cause, Finding, HostFacts, RouteFact, ago, attempts, span};
use crate::view::{PeerView, TransportView};

/// A connection or an attempt that ended without a NOTIFICATION.
pub(super) fn fault(peer: &PeerView, host: &HostFacts, t: &TransportView) -> Finding {
    let to = target(peer);
    let seen = format!("{}: {}", ago(t.secs_ago), t.text);
    let finding = match (t.fault.as_str(), t.phase.as_str()) {
        (_, "established") => return lost(peer, t).seen(seen),
        ("refused", _) => Finding::broken(
            Cause::ConnectionRefused,
            format!("the neighbour's host answers, but refuses TCP connections to {to}"),
        )
        .fix("start BGP on the neighbour, and check that it listens on this address and port")
        .fix("look for a firewall there that rejects our connections"),
        ("timed-out", _) => return timed_out(peer, host).seen(seen).seen(attempts(peer)),
        ("host-unreachable", _) => return unreachable(peer, host).seen(seen).seen(attempts(peer)),
        ("network-unreachable", _) => no_route(peer),
        ("address-not-here", _) => {
            let from = peer.configured.local_address.map(|a| format!(", {a},")).unwrap_or_default();
            Finding::broken(
                Cause::UpdateSourceNotHere,
                format!("the address to connect from{from} is not usable on this node"),
            )
            .fix("add the address to an interface, or correct spec.updateSource")
        }
        ("no-device", _) => {
            Finding::broken(Cause::InterfaceMissing, "the interface to connect over is not there")
                .fix("create the interface, or correct spec.interface or spec.bindDevice")
        }
        ("denied", _) => Finding::broken(
            Cause::ConnectDenied,
            format!("this node's kernel forbids the connection to {to}"),
        )
        .fix("look for a local firewall rule, or a `prohibit` route (ip route get)"),
        ("link-down", _) => {
            Finding::broken(Cause::InterfaceDown, "the link to the neighbour is down")
                .fix("check the cable, and that the other end is up")
        }
        ("other", _) if matches!(host.route, RouteFact::Blocked(_)) => no_route(peer),
        // Which of the two it is depends on whether our OPEN was there before the neighbour closed.
        ("closed" | "reset", "before-open") => before_open(peer, host),
        (_, "after-open") => Finding::broken(
            Cause::ClosedAfterOpen,
            "the connection ends between the OPENs and Established, without a NOTIFICATION",
        )
        .fix("look at the neighbour's log: it did not like our OPEN, or stopped"),
        _ => Finding::broken(Cause::ConnectionReset, format!("the connection to {to} fails"))
            .fix("look at the neighbour's log and at firewalls between"),
    };
    finding.seen(seen).seen(attempts(peer)).seen_route(host)
}

/// Nothing has gone wrong yet.
pub(super) fn waiting(peer: &PeerView, host: &HostFacts) -> Finding {
    let to = target(peer);
    if matches!(peer.state.as_str(), "OpenSent" | "OpenConfirm") && peer.since_secs >= 10 {
        // The handshake of TCP passes the listening socket, which serves neighbours at any distance.
        if let Some(finding) = too_far(peer, host, &format!("{to} sends nothing")) {
            return finding.seen(format!("in {} for {}", peer.state, span(peer.since_secs)));
        }
        let summary = match peer.state.as_str() {
            "OpenSent" => format!("TCP to {to} is up, but the neighbour sends no OPEN"),
            _ => "the neighbour sent its OPEN and does not confirm ours".to_owned(),
        };
        return Finding::broken(Cause::NoOpen, summary)
            .seen(format!("in {} for {}", peer.state, span(peer.since_secs)))
            .fix("check that what listens there is BGP, and that its daemon is not stuck");
    }
    if peer.configured.passive {
        // Nothing of ours can time out: what was dropped is all there is to see.
        let silence = "we only wait (passive), and the neighbour has not connected";
        let keys =
            if host.drops.signatures() > 0 { keys_differ(peer, host, silence) } else { None };
        if let Some(finding) = keys.or_else(|| too_far(peer, host, silence)) {
            return finding;
        }
        let listening = match host.listening.as_slice() {
            [] => "no socket of ours listens".to_owned(),
            some => format!(
                "we listen on {}",
                some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            ),
        };
        return Finding::broken(
            Cause::WaitingForNeighbor,
            "we only wait (passive), and the neighbour has not connected",
        )
        .seen(listening)
        .fix("let the neighbour connect to us from the address configured here")
        .fix("or let us connect: spec.passive: false");
    }
    // A SYN that nobody answers looks like this until the first limit has passed.
    let finding = if peer.attempts.dialing {
        Finding::broken(Cause::Connecting, format!("connecting to {to}, no answer yet"))
    } else {
        Finding::broken(Cause::Connecting, "the session is about to be tried")
    };
    finding
        .seen(format!("in {} for {}", peer.state, span(peer.since_secs)))
        .seen_route(host)
        .fix("ask again in some seconds")
}

fn timed_out(peer: &PeerView, host: &HostFacts) -> Finding {
    let to = target(peer);
    let c = &peer.configured;
    if let Some(finding) = unheard(peer, host, &format!("{to} does not answer")) {
        return finding;
    }
    if needs_multihop(peer, host) {
        return multihop(peer, host);
    }
    if let RouteFact::Blocked(_) | RouteFact::None(_) = &host.route {
        return no_route(peer).seen_route(host);
    }
    let finding = Finding::broken(
        Cause::ConnectionTimedOut,
        format!("nothing answers TCP connections to {to}"),
    )
    .seen_route(host);
    let finding = match c.min_ttl {
        Some(min) => finding.fix(format!(
            "check that the neighbour sends with TTL {min} or more (ttlSecurity is set here)"
        )),
        None => finding,
    };
    finding
        .fix("look for a filter on the way that drops TCP to this port, in either direction")
        .fix("check that the address is right and the neighbour is switched on: ping it")
        .fix("check that the neighbour does not ask for a TCP MD5 key that is not configured here")
}

/// What the kernel has dropped, or may drop, of the neighbour before a connection sees it; `silence` is how that looks.
fn unheard(peer: &PeerView, host: &HostFacts, silence: &str) -> Option<Finding> {
    keys_differ(peer, host, silence).or_else(|| too_far(peer, host, silence))
}

fn keys_differ(peer: &PeerView, host: &HostFacts, silence: &str) -> Option<Finding> {
    let drops = &host.drops;
    let keyed = peer.configured.auth != "none";
    if !keyed && drops.unexpected == 0 {
        return None;
    }
    let which = if peer.configured.auth == "ao" { "TCP-AO" } else { "TCP MD5" };
    let mut finding = Finding::broken(
        Cause::KeyMismatchSuspected,
        match keyed {
            true => {
                format!("{silence}, and a {which} key is configured: the keys may differ")
            }
            false => {
                format!("{silence}, and signed segments arrive for which there is no key here")
            }
        },
    );
    for (count, what) in [
        (drops.not_found, "segments without a signature, where a key is configured"),
        (drops.unexpected, "segments with a signature, where no key is configured"),
        (drops.failure, "segments signed with another key"),
    ] {
        if count > 0 {
            finding = finding.seen(format!("this kernel dropped {count} {what}"));
        }
    }
    if drops.signatures() == 0 {
        finding = finding.seen("this kernel dropped no segment for its signature: it may be the neighbour that drops ours");
    }
    let finding = finding
        .fix("set the same key on both sides (spec.authSecretRef here), or on neither")
        .fix("if the keys are right: a filter drops TCP to this port");
    Some(finding)
}

/// Segments were dropped for their TTL.
pub(super) fn too_far(peer: &PeerView, host: &HostFacts, silence: &str) -> Option<Finding> {
    let min = peer.configured.min_ttl.filter(|_| host.drops.min_ttl > 0)?;
    let summary = format!("{silence} with a TTL of at least {min} (ttlSecurity)");
    let finding = Finding::broken(Cause::TtlTooLow, summary)
        .seen(format!("this kernel dropped {} segments for their TTL", host.drops.min_ttl))
        .fix("turn on ttl-security on the neighbour too, so that it sends with TTL 255")
        .fix(format!(
            "or accept the distance: spec.ttlSecurity: {} for one hop more",
            min.saturating_sub(1)
        ));
    Some(finding)
}

fn unreachable(peer: &PeerView, host: &HostFacts) -> Finding {
    let to = target(peer);
    if needs_multihop(peer, host) {
        return multihop(peer, host);
    }
    match &host.route {
        RouteFact::Connected { interface, source } => {
            let over = interface.as_deref().unwrap_or("the connected interface");
            Finding::broken(
                Cause::NeighborSilent,
                format!("{to} is on a subnet of {over}, but does not answer there"),
            )
            .seen(format!("no answer to ARP or neighbour discovery from {source} over {over}"))
            .fix("check that the neighbour is switched on, and the address and prefix length on both sides")
            .fix(format!("check cable, VLAN and bridge of {over}: are both on one link?"))
        }
        RouteFact::None(_) | RouteFact::Blocked(_) => no_route(peer).seen_route(host),
        _ => Finding::broken(
            Cause::HostUnreachable,
            format!("a router on the way says that {to} cannot be reached"),
        )
        .seen_route(host)
        .fix("check that the neighbour is switched on, and the routes on the way")
        .fix("look for a firewall that rejects with an ICMP message"),
    }
}

fn no_route(peer: &PeerView) -> Finding {
    Finding::broken(Cause::NoRoute, format!("this node has no route to {}", target(peer)))
        .fix("add a route, or an address on the neighbour's subnet: ip route get shows what the kernel does")
        .fix("or correct spec.address")
}

/// External, not on a connected subnet, and sent with a TTL that dies at the first router.
fn needs_multihop(peer: &PeerView, host: &HostFacts) -> bool {
    peer.session_type == "eBGP"
        && peer.configured.ttl.is_none_or(|ttl| ttl == 1)
        && peer.configured.min_ttl.is_none()
        && matches!(host.route, RouteFact::Gateway { .. })
}

fn multihop(peer: &PeerView, host: &HostFacts) -> Finding {
    Finding::broken(
        Cause::MultihopNeeded,
        format!("{} is an external neighbour and not on a connected subnet", target(peer)),
    )
    .seen("packets to external neighbours have TTL 1 unless told otherwise: they die at the first router")
    .seen_route(host)
    .fix("set spec.ebgpMultihop to the number of hops, on both sides")
    .fix("or peer with the neighbour's address on the shared subnet")
}

fn before_open(peer: &PeerView, host: &HostFacts) -> Finding {
    let from = host.source(peer).map(|a| format!(" {a}")).unwrap_or_default();
    Finding::broken(
        Cause::ClosedBeforeOpen,
        "the neighbour takes the connection and ends it before its OPEN, without a word",
    )
    .fix(format!(
        "check that the neighbour has our address{from} configured as a neighbour, and enabled"
    ))
    .fix("or connect from the address it has for us: spec.updateSource")
}

/// A session that was up lost its connection.
fn lost(peer: &PeerView, t: &TransportView) -> Finding {
    let up = peer.last_down.as_ref().map(|d| format!(" after {}", span(d.up_secs)));
    let how = match t.fault.as_str() {
        "closed" => "the neighbour closed the connection without a NOTIFICATION",
        "reset" => "the connection was reset",
        "timed-out" => "the neighbour stopped acknowledging",
        "link-down" => "the link to the neighbour went down",
        _ => "the connection broke",
    };
    let cause = if t.fault == "link-down" { Cause::InterfaceDown } else { Cause::ConnectionLost };
    Finding::broken(cause, format!("the session was lost{}: {how}", up.unwrap_or_default()))
        .fix("look at the neighbour: its daemon stopped, crashed or restarted, or the path broke")
        .fix("the session is tried again by itself")
}

/// The neighbour's address and port.
fn target(peer: &PeerView) -> String {
    let port = match peer.configured.remote_port {
        0 => 179,
        port => port,
    };
    match (&peer.address, &peer.interface) {
        (Some(address), Some(interface)) => format!("[{address}%{interface}]:{port}"),
        (Some(address), None) if address.is_ipv6() => format!("[{address}]:{port}"),
        (Some(address), None) => format!("{address}:{port}"),
        (None, _) => format!("port {port} of the neighbour"),
    }
}

impl Finding {
    /// Adds how this node would send to the neighbour.
    pub(super) fn seen_route(self, host: &HostFacts) -> Self {
        let over = |interface: &Option<String>| {
            interface.as_ref().map(|i| format!(" over {i}")).unwrap_or_default()
        };
        match &host.route {
            RouteFact::Unknown => self,
            RouteFact::Connected { source, interface } => self.seen(format!(
                "it is on a connected subnet{}; we send from {source}",
                over(interface)
            )),
            RouteFact::Gateway { source, interface } => self
                .seen(format!("it is behind a router{}; we send from {source}", over(interface))),
            RouteFact::None(why) => self.seen(format!("the kernel has no route there: {why}")),
            RouteFact::Blocked(why) => {
                self.seen(format!("the kernel's route there forbids sending: {why}"))
            }
        }
    }
}
