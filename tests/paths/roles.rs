//! RFC 9234 with FRR and BIRD; GoBGP has no roles.

use anyhow::{Context as _, ensure};
use testkit::daemon::Kind;
use testkit::privilege::in_namespaces;
use testkit::skip::skip;

use crate::lan::{Lan, address, config, eventually, paths, plain};

const OURS: (u8, u32) = (1, 3001);
const PEER: (u8, u32) = (2, 3002);
/// Neither above nor below us.
const BESIDE: (u8, u32) = (3, 3003);
const THEIRS: &str = "10.2.0.0/24";
const OWN: &str = "10.1.0.0/24";

fn line(kind: Kind, role: &str) -> String {
    match kind {
        Kind::Frr => format!("neighbor {} local-role {role}", address(OURS.0)),
        Kind::Bird => format!("local role {role};"),
        Kind::Gobgp => unreachable!("it has no roles"),
    }
}

/// The daemon is our provider: its routes go to nobody but our customers.
fn from_a_provider(kind: Kind) {
    if let Err(missing) = kind.installed() {
        return skip(&format!("OTC {kind:?}"), &missing);
    }
    let lan = Lan::new();
    let role = line(kind, "provider");
    let peer = config(PEER.0, PEER.1, &[(OURS.0, OURS.1, &[&role])], vec![plain(THEIRS)]);
    let peer = lan.daemon(PEER.0, kind, peer);
    let beside = config(BESIDE.0, BESIDE.1, &[(OURS.0, OURS.1, &["role: peer"])], vec![]);
    let beside = lan.cosmos(BESIDE.0, beside, &[]);
    let neighbors =
        [(PEER.0, PEER.1, &["role: customer"][..]), (BESIDE.0, BESIDE.1, &["role: peer"][..])];
    let ours = lan.cosmos(OURS.0, config(OURS.0, OURS.1, &neighbors, vec![plain(OWN)]), &[]);
    eventually("the provider's route is here, marked", &[&ours, &*peer], || {
        let items = ours.show(&format!("received {}", address(PEER.0)))?;
        let item = items.iter().find(|item| item["prefix"] == THEIRS).context("not there")?;
        let other = item["other"].to_string();
        // Type 35 and the provider's AS.
        ensure!(other.contains("35:") && other.contains("00000bba"), "{item}");
        ensure!(item["status"] == "eligible", "{item}");
        Ok(())
    });
    // Ours is there, so the session works; the provider's is not.
    eventually("only ours goes sideways", &[&ours, &beside], || {
        let items = beside.show(&format!("received {}", address(OURS.0)))?;
        ensure!(!paths(&items, OWN)?.is_empty(), "ours is not there yet: {items:?}");
        ensure!(!items.iter().any(|item| item["prefix"] == THEIRS), "{items:?}");
        let views = ours.explain(plain(THEIRS).prefix)?;
        let told = views[0]["advertised"].to_string();
        ensure!(told.contains("only-to-customer"), "{told}");
        Ok(())
    });
}

/// The daemon is our customer: it sees our mark.
fn to_a_customer(kind: Kind) {
    if let Err(missing) = kind.installed() {
        return skip(&format!("OTC {kind:?}"), &missing);
    }
    let lan = Lan::new();
    let role = line(kind, "customer");
    let peer = config(PEER.0, PEER.1, &[(OURS.0, OURS.1, &[&role])], vec![]);
    let peer = lan.daemon(PEER.0, kind, peer);
    let neighbors = [(PEER.0, PEER.1, &["role: provider"][..])];
    let ours = lan.cosmos(OURS.0, config(OURS.0, OURS.1, &neighbors, vec![plain(OWN)]), &[]);
    eventually("our mark", &[&ours, &*peer], || {
        let (command, wanted) = match kind {
            Kind::Frr => (format!("show bgp ipv4 unicast {OWN} json"), "\"otc\":3001"),
            _ => (format!("show route {OWN} all"), "BGP.otc: 3001"),
        };
        let text = peer.command(&command)?;
        ensure!(text.replace("\": ", "\":").contains(wanted) || text.contains(wanted), "{text}");
        Ok(())
    });
}

#[test]
fn frr_is_our_provider() {
    in_namespaces(|| from_a_provider(Kind::Frr));
}

#[test]
fn bird_is_our_provider() {
    in_namespaces(|| from_a_provider(Kind::Bird));
}

#[test]
fn frr_is_our_customer() {
    in_namespaces(|| to_a_customer(Kind::Frr));
}

#[test]
fn bird_is_our_customer() {
    in_namespaces(|| to_a_customer(Kind::Bird));
}
