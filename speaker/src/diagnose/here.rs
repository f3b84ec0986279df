//! What is missing on this node, before any packet is sent.

use super::{Cause, Finding, HostFacts, ago};
use crate::view::PeerView;

/// Why there can be no session with the neighbour as this node is now.
pub(super) fn check(peer: &PeerView, host: &HostFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(interfaces(peer, host));
    if findings.is_empty() {
        findings.extend(unnumbered(peer));
    }
    if findings.is_empty() {
        findings.extend(source(peer, host));
    }
    if findings.is_empty() {
        findings.extend(held(peer));
    }
    if findings.is_empty()
        && let Some(problem) = &peer.problem
    {
        let finding = Finding::broken(Cause::NotPossible, "this node cannot start the session");
        findings.push(finding.seen(problem.clone()).fix("resolve what it says; it is tried again"));
    }
    findings
}

fn interfaces(peer: &PeerView, host: &HostFacts) -> Option<Finding> {
    let c = &peer.configured;
    let named = [
        ("spec.interface", peer.interface.as_ref()),
        ("spec.updateSource", c.local_interface.as_ref()),
        ("spec.bindDevice", c.bind_device.as_ref()),
    ];
    for (field, name) in named {
        let Some(name) = name else { continue };
        match host.interface(name) {
            None if host.interfaces_known => {
                let summary = format!("there is no interface {name} on this node");
                let there = host.interface_names();
                return Some(
                    Finding::broken(Cause::InterfaceMissing, summary)
                        .seen(format!("{field} says {name}; this node has {there}"))
                        .fix(format!("create or rename the interface, or correct {field}")),
                );
            }
            Some(link) if !link.up => {
                let summary = format!("interface {name} is administratively down");
                return Some(
                    Finding::broken(Cause::InterfaceDown, summary)
                        .seen(format!("{field} says {name}; its flag UP is not set"))
                        .fix(format!("ip link set {name} up")),
                );
            }
            Some(link) if !link.running => {
                let summary = format!("interface {name} has no carrier");
                return Some(
                    Finding::broken(Cause::InterfaceDown, summary)
                        .seen(format!("{field} says {name}; it is up, but the link is dead"))
                        .fix("check the cable, and that the other end is up"),
                );
            }
            _ => {}
        }
    }
    None
}

fn unnumbered(peer: &PeerView) -> Option<Finding> {
    if peer.address.is_some() {
        return None;
    }
    let interface = peer.interface.as_ref()?;
    let heard = peer.unnumbered.as_ref().map_or(&[][..], |u| &u.neighbors);
    if heard.len() > 1 {
        let summary = format!("{} neighbours share the link of {interface}", heard.len());
        return Some(
            Finding::broken(Cause::SeveralNeighbors, summary)
                .seen(format!("heard {}", heard.join(", ")))
                .fix(
                    "an unnumbered session needs a link with one other end; take the others off it",
                )
                .fix("or name the neighbour by its link-local address"),
        );
    }
    let problem = peer.problem.as_deref().unwrap_or_default();
    if problem.contains("two neighbours") {
        let summary = format!("more than one neighbour is on the link of {interface}");
        return Some(
            Finding::broken(Cause::SeveralNeighbors, summary)
                .seen(problem)
                .fix(
                    "an unnumbered session needs a link with one other end; take the others off it",
                )
                .fix("or name the neighbour by its link-local address"),
        );
    }
    let summary = format!("no neighbour was heard on {interface} yet");
    let mut finding = Finding::broken(Cause::NoLinkLocalNeighbor, summary);
    finding = finding.seen(format!("{interface} is up, with a carrier"));
    if !problem.is_empty() {
        finding = finding.seen(problem);
    }
    if let Some(u) = &peer.unnumbered {
        finding = finding.seen(format!(
            "{} router advertisements sent, {} heard",
            u.advertisements_sent, u.advertisements_received
        ));
        if let Some(detail) = &u.detail {
            finding = finding.seen(detail.clone());
        }
    }
    Some(
        finding
            .fix(format!("let the neighbour send router advertisements on its end of {interface}, or connect to us"))
            .fix("check that IPv6 is enabled on both ends (net.ipv6.conf.*.disable_ipv6 = 0)"),
    )
}

fn source(peer: &PeerView, host: &HostFacts) -> Option<Finding> {
    let c = &peer.configured;
    if let Some(address) = c.local_address
        && host.interfaces_known
        && !host.addresses.contains(&address)
    {
        let summary = format!("the address to connect from, {address}, is not on this node");
        return Some(
            Finding::broken(Cause::UpdateSourceNotHere, summary)
                .seen(format!("spec.updateSource says {address}; no interface has it"))
                .fix("add the address to an interface, or correct spec.updateSource"),
        );
    }
    if let (Some(interface), Some(problem)) = (&c.local_interface, &peer.problem) {
        let summary = format!("interface {interface} has no address to connect from");
        return Some(
            Finding::broken(Cause::UpdateSourceNotHere, summary)
                .seen(problem.clone())
                .fix(format!("give {interface} an address of the neighbour's family")),
        );
    }
    None
}

/// The session is stopped until somebody acts, or a timer does.
fn held(peer: &PeerView) -> Option<Finding> {
    let text = peer.held.as_ref()?;
    let sent = peer.last_sent.as_ref();
    if sent.is_some_and(|n| (n.code, n.subcode) == (6, 1)) {
        let limit = peer.configured.maximum_prefix.unwrap_or_default();
        let when = sent.map_or(0, |n| n.secs_ago);
        return Some(
            Finding::broken(
                Cause::PrefixLimitHere,
                format!(
                    "the neighbour announced more than {limit} prefixes; the session is held down"
                ),
            )
            .seen(format!("{}: {text}", ago(when)))
            .fix("find out why it announces so many; a leak is stopped at its source")
            .fix(
                "if they are wanted: raise spec.maximumPrefix.limit, or choose action warning-only",
            ),
        );
    }
    Some(
        Finding::broken(Cause::NotPossible, "the session is held down")
            .seen(text.clone())
            .fix("change the configuration of the neighbour, or restart it, to begin again"),
    )
}
