//! What a NOTIFICATION says about the cause, received or sent.

use bgp_wire::notification::{cease, code, open};

use super::{Cause, Finding, HostFacts, ago, transport};
use crate::view::{NotificationView, PeerView};

/// The neighbour ended the session, or refused to begin one.
pub(super) fn received(peer: &PeerView, host: &HostFacts, n: &NotificationView) -> Finding {
    let seen = format!("{} it sent {}", ago(n.secs_ago), bare(&n.text));
    let finding = match (n.code, n.subcode) {
        (code::OPEN, open::BAD_PEER_AS) => broken(
            Cause::NeighborExpectsAnotherAs,
            format!("the neighbour expects another AS than ours, {}", peer.local_as),
        )
        .fix(format!("set the neighbour's remote AS for us to {}", peer.local_as))
        .fix("or show it the AS it expects: spec.localASN (here), or the router's localASN"),
        (code::OPEN, open::BAD_IDENTIFIER) => broken(
            Cause::RouterIdConflict,
            format!(
                "the neighbour does not accept our router id {}",
                peer.local_router_id.map(|id| id.to_string()).unwrap_or_default()
            ),
        )
        .fix("give each router a router id of its own: spec.routerID of the BGPRouter"),
        (code::OPEN, open::UNACCEPTABLE_HOLD_TIME) => broken(
            Cause::HoldTimeUnacceptable,
            format!("the neighbour does not accept our hold time of {} s", peer.configured.hold_time_secs),
        )
        .fix("raise timers.holdTime here to the neighbour's minimum, or lower that minimum"),
        (code::OPEN, open::UNSUPPORTED_CAPABILITY) => broken(
            Cause::CapabilityMismatch,
            "the neighbour refuses a capability of ours, or misses one",
        )
        .seen(format!("we offer {}", offered(peer)))
        .fix("compare the families and capabilities of both sides: cosmos show peer"),
        (code::OPEN, open::ROLE_MISMATCH) => broken(
            Cause::RoleMismatch,
            format!("the neighbour refuses our role {}", peer.configured.role.as_deref().unwrap_or("(none)")),
        )
        .fix("provider goes with customer, rs with rs-client, peer with peer: correct spec.role or the neighbour's role"),
        (code::OPEN, _) => broken(Cause::OpenRefused, "the neighbour refuses our OPEN")
            .fix("look at the neighbour's log; `cosmos show peer` has the OPEN we send"),
        (code::HOLD_TIMER, _) => broken(
            Cause::HoldExpiredThere,
            "the neighbour did not hear us for its hold time",
        )
        .fix("look for packet loss or an overloaded node; `cosmos show peer` counts what was sent")
        .fix("if large messages are lost only: the path MTU is smaller than the interfaces say"),
        (code::SEND_HOLD_TIMER, _) => broken(
            Cause::NotReading,
            "the neighbour could not send to us for minutes: it says that we do not read",
        )
        .fix("look for a stuck or overloaded cosmos, and for a path that passes one direction only"),
        (code::CEASE, subcode) => ceased(peer, host, subcode, n),
        _ => broken(Cause::MalformedMessage, "the neighbour found a fault in a message of ours")
            .fix("capture the session and run `cosmos decode` on it; report what is found"),
    };
    finding.seen(seen)
}

fn ceased(peer: &PeerView, host: &HostFacts, subcode: u8, n: &NotificationView) -> Finding {
    let words = n.communication.as_ref().map(|text| format!("its operator says: {text}"));
    let finding = match subcode {
        cease::MAX_PREFIXES => {
            broken(Cause::PrefixLimitThere, "we announce more prefixes than the neighbour takes")
                .fix("look at `cosmos show advertised` for what should not be announced")
                .fix("or raise the neighbour's limit")
        }
        cease::ADMIN_SHUTDOWN => {
            broken(Cause::ShutDownThere, "the neighbour's operator has shut the session down")
                .fix("ask the neighbour's operator; the session comes back when it is enabled there")
        }
        cease::DECONFIGURED => {
            broken(Cause::RemovedThere, "the neighbour has removed us from its configuration")
                .fix("configure us on the neighbour again, or remove it here")
        }
        cease::ADMIN_RESET | cease::CONFIG_CHANGE => {
            broken(Cause::ResetThere, "the neighbour has reset the session").fix(
                "wait: it comes back by itself; when it does not, look at the neighbour's configuration",
            )
        }
        cease::REJECTED => {
            let from = host.source(peer).map(|a| format!(" from {a}")).unwrap_or_default();
            broken(
                Cause::RejectedByNeighbor,
                format!("the neighbour rejects our connection{from}"),
            )
            .fix(format!("check that the neighbour has our address{from} configured and enabled"))
            .fix("or connect from the address it has for us: spec.updateSource")
        }
        cease::COLLISION => {
            broken(Cause::CollisionLoop, "connections of both sides end each other")
                .fix("wait a moment: RFC 4271 section 6.8 leaves one of them")
                .fix("when it does not settle: check that the router ids differ, or make one side passive")
        }
        cease::RESOURCES => broken(Cause::OutOfResources, "the neighbour is out of resources")
            .fix("look at memory and table sizes of the neighbour"),
        cease::BFD_DOWN => broken(Cause::BfdDown, "BFD says that the path to us is dead")
            .fix("check the link, and that UDP 3784 (4784 for multihop) passes both ways"),
        cease::HARD_RESET => broken(Cause::ResetThere, "the neighbour has reset the session for good")
            .fix("read what it sent, below"),
        _ => broken(Cause::ResetThere, "the neighbour has ended the session")
            .fix("look at the neighbour's log"),
    };
    match words {
        Some(words) => finding.seen(words),
        None => finding,
    }
}

/// We ended the session, or refused to begin one; refused OPENs are told of elsewhere.
pub(super) fn sent(peer: &PeerView, host: &HostFacts, n: &NotificationView) -> Finding {
    let seen = format!("{} we sent {}", ago(n.secs_ago), bare(&n.text));
    let finding = match (n.code, n.subcode) {
        (code::HOLD_TIMER, _) => {
            let was_up = peer.last_down.as_ref().is_some_and(|d| d.secs_ago <= n.secs_ago + 1);
            if was_up {
                let hold = peer.configured.hold_time_secs;
                broken(
                    Cause::HoldExpiredHere,
                    "the neighbour fell silent: nothing was heard for the hold time",
                )
                .seen(format!("hold time offered here: {hold} s"))
                .fix("check that the neighbour's BGP daemon runs and is not stuck or overloaded")
                .fix("look for packet loss on the way, and for an MTU that swallows large segments")
            } else if let Some(finding) =
                transport::too_far(peer, host, "TCP connects, but nothing comes from the neighbour")
            {
                finding
            } else {
                broken(Cause::NoOpen, "TCP connects, but no OPEN comes from the neighbour")
                    .fix("check that what listens there is BGP, and that its daemon is not stuck")
            }
        }
        (code::SEND_HOLD_TIMER, _) => {
            broken(Cause::NotReading, "the neighbour takes nothing from its connection")
                .fix("check that the neighbour's BGP daemon is not stuck or overloaded")
        }
        (code::CEASE, cease::MAX_PREFIXES) => broken(
            Cause::PrefixLimitHere,
            format!(
                "the neighbour announced more than {} prefixes",
                peer.configured.maximum_prefix.unwrap_or_default()
            ),
        )
        .fix("find out why it announces so many; a leak is stopped at its source")
        .fix("if they are wanted: raise spec.maximumPrefix.limit"),
        (code::CEASE, cease::COLLISION) => ceased(peer, host, cease::COLLISION, n),
        (code::CEASE, cease::BFD_DOWN) => {
            broken(Cause::BfdDown, "BFD says that the path to the neighbour is dead")
                .fix("check the link, and that UDP 3784 (4784 for multihop) passes both ways")
        }
        (code::CEASE, cease::RESOURCES) => {
            broken(Cause::OutOfResources, "there is no room here for this session")
                .fix("look at memory and at the number of sessions of this node")
        }
        (code::CEASE, cease::REJECTED) => rest(peer),
        (code::CEASE, _) => Finding::warning(Cause::ResetHere, "we reset the session; it comes back")
            .fix("wait: it is connected again"),
        (code::OPEN, _) => broken(Cause::OpenRefused, "the neighbour's OPEN is refused")
            .fix("look at the neighbour's configuration"),
        _ => broken(Cause::MalformedMessage, "a message of the neighbour was malformed")
            .fix("capture the session and run `cosmos decode` on it; look for a known fault of its version"),
    };
    finding.seen(seen)
}

/// The session rests before it is tried again.
fn rest(peer: &PeerView) -> Finding {
    let finding = Finding::broken(Cause::BackOff, "the session rests after a fault");
    match &peer.last_error {
        Some(error) => finding.seen(error.clone()),
        None => finding,
    }
    .fix("wait, or restart the session by changing the neighbour's configuration")
}

/// The families and capabilities of our OPEN.
fn offered(peer: &PeerView) -> String {
    match &peer.open_sent {
        Some(open) => [open.families.as_slice(), open.capabilities.as_slice()].concat().join(", "),
        None => peer.configured.families.join(", "),
    }
}

/// The text without the direction, which the sentence around it gives.
fn bare(text: &str) -> &str {
    let text = text.strip_prefix("received ").unwrap_or(text);
    text.strip_prefix("sent ").unwrap_or(text)
}

fn broken(cause: Cause, summary: impl Into<String>) -> Finding {
    Finding::broken(cause, summary)
}
