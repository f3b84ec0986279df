//! GTSM (RFC 5082) and multihop: who is near enough.

use std::net::IpAddr;

use testkit::daemon::{Config, Kind};

use crate::lab::{ALL, Lab, Way, each, tcp_counter, with};

/// The daemon's lines for GTSM with a direct neighbour.
fn security(kind: Kind, theirs: &mut Config) {
    let us = theirs.neighbors[0].address;
    let line = match kind {
        Kind::Frr => format!("neighbor {us} ttl-security hops 1"),
        Kind::Bird => "ttl security on;".to_owned(),
        Kind::Gobgp => {
            "[neighbors.ttl-security.config]\n    enabled = true\n    ttl-min = 255".to_owned()
        }
    };
    theirs.neighbors[0].extra = vec![line];
}

/// The daemon's lines to send to `us` with this TTL, without asking for any.
pub(crate) fn far(kind: Kind, us: IpAddr, ttl: u8) -> Vec<String> {
    vec![match kind {
        Kind::Frr => format!("neighbor {us} ebgp-multihop {ttl}"),
        Kind::Bird => format!("multihop {ttl};"),
        Kind::Gobgp => {
            format!(
                "[neighbors.ebgp-multihop.config]\n    enabled = true\n    multihop-ttl = {ttl}"
            )
        }
    }]
}

fn multihop(kind: Kind, theirs: &mut Config, ttl: u8) {
    theirs.neighbors[0].extra = far(kind, theirs.neighbors[0].address, ttl);
}

/// Segments our kernel has dropped for their TTL.
fn too_low(lab: &Lab) -> u64 {
    tcp_counter(&lab.wires.our_ns, "TCPMinTTLDrop")
}

fn ours_with(ours: &mut Config, line: &str) {
    ours.neighbors[0].extra = vec![line.to_owned()];
}

#[test]
fn rfc5082_both_ends_ask_for_255() {
    each("rfc5082_both_ends_ask_for_255", ALL, |kind| {
        for way in [Way::V4, Way::V6] {
            for passive_here in [false, true] {
                let lab = Lab::new(kind, way, |ours, theirs| {
                    ours_with(ours, "ttlSecurity: 255");
                    ours.neighbors[0].passive = passive_here;
                    theirs.neighbors[0].passive = !passive_here;
                    security(kind, theirs);
                });
                lab.exchanged();
            }
        }
    });
}

/// FRR, BIRD and GoBGP send with TTL 1 to an external neighbour unless told otherwise.
#[test]
fn a_neighbour_that_sends_ttl_1_is_not_heard() {
    with("a_neighbour_that_sends_ttl_1_is_not_heard", ALL, |kinds| {
        // Whoever dials, it is the TTL that is named.
        for passive_here in [false, true] {
            let lab = |kind: &Kind| {
                Lab::new(*kind, Way::V4, |ours, theirs| {
                    ours_with(ours, "ttlSecurity: 255");
                    ours.neighbors[0].passive = passive_here;
                    theirs.neighbors[0].passive = !passive_here;
                })
            };
            for lab in kinds.iter().map(lab).collect::<Vec<_>>() {
                lab.doctor("ttl-too-low", &["TTL", "255"]);
                lab.never_up("segments dropped", 3, || too_low(&lab));
                lab.doctor("ttl-too-low", &["TTL", "255"]);
            }
        }
    });
}

#[test]
fn a_neighbour_one_hop_too_far_is_not_heard() {
    with("a_neighbour_one_hop_too_far_is_not_heard", ALL, |kinds| {
        let lab = |kind: &Kind| {
            Lab::new(*kind, Way::Routed, |ours, theirs| {
                ours_with(ours, "ttlSecurity: 255");
                // Or it may believe in a session with what we have said in the handshake, and be busy with that.
                theirs.neighbors[0].passive = true;
                multihop(*kind, theirs, 255);
            })
        };
        for mut lab in kinds.iter().map(lab).collect::<Vec<_>>() {
            lab.doctor("ttl-too-low", &["254"]);
            lab.never_up("segments dropped", 3, || too_low(&lab));
            // As far as the fix of the doctor says it is.
            lab.ours.reconfigure(|ours| ours_with(ours, "ttlSecurity: 254")).unwrap();
            lab.exchanged();
        }
    });
}

#[test]
fn an_external_neighbour_behind_a_router() {
    each("an_external_neighbour_behind_a_router", ALL, |kind| {
        for passive_here in [false, true] {
            let lab = Lab::new(kind, Way::Routed, |ours, theirs| {
                ours_with(ours, "ebgpMultihop: 2");
                ours.neighbors[0].passive = passive_here;
                theirs.neighbors[0].passive = !passive_here;
                multihop(kind, theirs, 2);
            });
            lab.exchanged();
        }
    });
}
