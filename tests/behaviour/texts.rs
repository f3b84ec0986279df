//! RFC 9003: what operators tell each other with a Cease, both ways.

use anyhow::ensure;
use testkit::daemon::{Config, Kind, Speaker as _};

use crate::lab::{Lab, each};

const ALL: &[Kind] = &[Kind::Frr, Kind::Bird, Kind::Gobgp];

#[test]
fn our_shutdown_text_is_shown_by_the_neighbour() {
    each("our_shutdown_text_is_shown_by_the_neighbour", ALL, |kind| {
        let mut lab = Lab::new(kind, |_, _| {});
        lab.established();
        let shut = |config: &mut Config| {
            config.neighbors[0].extra = vec!["shutdown: {reason: \"rack 7 moves\"}".into()];
        };
        lab.ours.reconfigure(shut).unwrap();
        lab.until("the text at the neighbour", || {
            let text = lab.peer.log();
            ensure!(text.contains("rack 7 moves"), "{}", &text[text.len().saturating_sub(600)..]);
            Ok(())
        });
        lab.sees("/shutdown", "rack 7 moves");
    });
}

#[test]
fn the_neighbours_shutdown_text_is_shown_here() {
    each("the_neighbours_shutdown_text_is_shown_here", ALL, |kind| {
        let lab = Lab::new(kind, |_, _| {});
        lab.established();
        lab.tell(match kind {
            Kind::Frr => {
                "configure terminal\nrouter bgp 65002\nneighbor 192.0.2.1 shutdown message power work"
            }
            Kind::Bird => "disable n0 \"power work\"",
            Kind::Gobgp => "neighbor 192.0.2.1 shutdown --reason power-work",
        });
        let text = if kind == Kind::Gobgp { "power-work" } else { "power work" };
        lab.sees("/lastReceived/text", "Cease/Administrative Shutdown");
        lab.sees("/lastReceived/text", text);
    });
}

#[test]
fn a_reset_by_hand_says_why_and_comes_back() {
    each("a_reset_by_hand_says_why_and_comes_back", ALL, |kind| {
        let lab = Lab::new(kind, |_, _| {});
        lab.established();
        lab.demand(lab.ours.command("clear peer n0 --reason new-card"));
        lab.until("the text at the neighbour", || {
            let text = lab.peer.log();
            ensure!(text.contains("new-card"), "{}", &text[text.len().saturating_sub(600)..]);
            Ok(())
        });
        lab.sees("/lastSent/text", "Cease/Administrative Reset \\\"new-card\\\"");
        lab.established();
    });
}
