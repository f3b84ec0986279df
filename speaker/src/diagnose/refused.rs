//! An OPEN of the neighbour that we refused: what it said, and what was expected.

use bgp_wire::notification::open;

use super::{Cause, Finding, ago};
use crate::view::{PeerView, RefusedOpenView};

/// The finding for a refused OPEN.
pub(super) fn open(peer: &PeerView, refused: &RefusedOpenView) -> Finding {
    let shown = refused.open.as_ref();
    let said = match shown {
        Some(o) => format!(
            "{} its OPEN showed AS {}, router id {}, hold time {} s",
            ago(refused.secs_ago),
            o.asn,
            o.router_id,
            o.hold_time_secs
        ),
        None => format!("{} its OPEN could not be used: {}", ago(refused.secs_ago), refused.text),
    };
    let expected = format!("expected here: {}", refused.expected);
    let finding = match (refused.subcode, shown) {
        (open::BAD_PEER_AS, Some(o)) => {
            let want = &peer.configured.remote_as;
            let configured = match want.as_str() {
                "internal" | "external" => format!("remoteAS {want}, and our AS is {}", peer.local_as),
                asn => format!("AS {asn}"),
            };
            let fix = match want.as_str() {
                "external" => "an external neighbour has another AS than ours: use remoteAS: internal, or correct one side's AS".to_owned(),
                "internal" => format!("use peerASN: {} (or remoteAS: external) here, or correct the neighbour's AS", o.asn),
                asn => format!("set spec.peerASN: {} here, or AS {asn} on the neighbour", o.asn),
            };
            Finding::broken(
                Cause::WrongAs,
                format!("the neighbour is AS {}, configured is {configured}", o.asn),
            )
            .fix(fix)
        }
        (open::BAD_IDENTIFIER, _) => {
            let theirs = shown.map_or("unusable", |o| o.router_id.as_str());
            let ours = peer.local_router_id.map(|id| id.to_string()).unwrap_or_default();
            Finding::broken(
                Cause::RouterIdConflict,
                format!("the neighbour's router id {theirs} is not acceptable; ours is {ours}"),
            )
            .fix("give each router of the AS a router id of its own (spec.routerID here)")
        }
        (open::UNACCEPTABLE_HOLD_TIME, _) => Finding::broken(
            Cause::HoldTimeUnacceptable,
            "the neighbour offers a hold time of 1 or 2 seconds",
        )
        .fix("set the neighbour's hold time to 0 or to at least 3 s"),
        (open::UNSUPPORTED_CAPABILITY, Some(o)) => {
            let theirs = if o.families.is_empty() { "ipv4/unicast".to_owned() } else { o.families.join(", ") };
            let ours = peer.configured.families.join(", ");
            Finding::broken(Cause::CapabilityMismatch, "the two sides have no address family in common")
                .seen(format!("we offer {ours}; it offers {theirs}"))
                .fix("activate one of our families on the neighbour, or add one of its families to spec.addressFamilies")
        }
        (open::ROLE_MISMATCH, _) => {
            let ours = peer.configured.role.as_deref().unwrap_or("none");
            let theirs = shown.and_then(role).unwrap_or_else(|| "none".to_owned());
            Finding::broken(
                Cause::RoleMismatch,
                format!("the roles do not fit: ours is {ours}, the neighbour's is {theirs}"),
            )
            .fix("provider goes with customer, rs with rs-client, peer with peer: correct spec.role or the neighbour's role")
        }
        _ => Finding::broken(Cause::OpenRefused, format!("the neighbour's OPEN is refused: {}", refused.text))
            .fix("look at the neighbour's software and configuration; `cosmos decode` shows a capture in detail"),
    };
    finding.seen(said).seen(expected)
}

/// The role in an OPEN.
fn role(open: &crate::view::OpenView) -> Option<String> {
    open.capabilities.iter().find_map(|c| Some(c.strip_prefix("role ")?.to_owned()))
}
