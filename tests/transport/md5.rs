//! TCP MD5: keys that agree, differ, are missing, change under a session, and go away.

use anyhow::ensure;
use testkit::daemon::{Config, Kind, Speaker as _};

use crate::lab::{ALL, Lab, Way, each, tcp_counter, with};

/// KEEPALIVEs every second, so that what is signed wrongly shows soon.
const TALKATIVE: &str = "timers: {holdTime: 20, keepalive: 1}";

fn keyed(kind: Kind, way: Way, here: Option<&str>, there: Option<&str>) -> Lab {
    Lab::new(kind, way, |ours, theirs| {
        ours.neighbors[0].password = here.map(str::to_owned);
        ours.neighbors[0].extra = vec![TALKATIVE.into()];
        theirs.neighbors[0].password = there.map(str::to_owned);
    })
}

#[test]
fn rfc2385_one_key_on_both_ends() {
    each("rfc2385_one_key_on_both_ends", ALL, |kind| {
        for way in [Way::V4, Way::V6] {
            let lab = keyed(kind, way, Some("one-key"), Some("one-key"));
            lab.exchanged();
        }
    });
}

/// Neither end comes up in three more attempts, and the doctor says why.
fn refused(test: &str, here: Option<&str>, there: Option<&str>, words: &[&str]) {
    with(test, ALL, |kinds| {
        // All at once: what is waited for is that attempts time out.
        let labs: Vec<Lab> = kinds.iter().map(|kind| keyed(*kind, Way::V4, here, there)).collect();
        for lab in labs {
            lab.doctor("key-mismatch-suspected", words);
            lab.never_up("attempts that fail", 3, || lab.count("/attempts/failed"));
            assert!(lab.peer.check_established(lab.us).is_err(), "{:?} is up", lab.kind);
            lab.doctor("key-mismatch-suspected", words);
        }
    });
}

#[test]
fn another_key_there() {
    let words = ["another key", "spec.authSecretRef"];
    refused("another_key_there", Some("ours"), Some("theirs"), &words);
}

#[test]
fn no_key_there() {
    refused("no_key_there", Some("ours"), None, &["without a signature", "spec.authSecretRef"]);
}

#[test]
fn no_key_here() {
    refused("no_key_here", None, Some("theirs"), &["no key is configured"]);
}

/// A neighbour that is waited for is never dialed, so nothing of ours times out: what the kernel has dropped is all there
/// is to see.
#[test]
fn another_key_is_named_when_we_only_wait() {
    with("another_key_is_named_when_we_only_wait", ALL, |kinds| {
        let lab = |kind: &Kind| {
            Lab::new(*kind, Way::V4, |ours, theirs| {
                ours.neighbors[0].passive = true;
                ours.neighbors[0].password = Some("ours".into());
                theirs.neighbors[0].password = Some("theirs".into());
            })
        };
        for lab in kinds.iter().map(lab).collect::<Vec<_>>() {
            lab.doctor("key-mismatch-suspected", &["another key", "spec.authSecretRef"]);
            assert_eq!(lab.count("/establishedCount"), 0);
        }
    });
}

/// Segments that either kernel has dropped for their signature.
fn dropped(lab: &Lab) -> u64 {
    [&lab.wires.our_ns, &lab.wires.peer_ns].map(|ns| tcp_counter(ns, "TCPMD5Failure")).iter().sum()
}

/// The change of our key resets nothing. FRR, BIRD and GoBGP reset the session when theirs changes. What they say then is
/// signed with the key that we have given up; the new connection under the new key takes the place of the dead one.
#[test]
fn our_key_changes_under_the_session_and_then_theirs() {
    with("our_key_changes_under_the_session_and_then_theirs", ALL, |kinds| {
        let keyed = |kind: &Kind| keyed(*kind, Way::V4, Some("first"), Some("first"));
        let mut labs: Vec<Lab> = kinds.iter().map(keyed).collect();
        for lab in &mut labs {
            lab.exchanged();
            let before = dropped(lab);
            lab.ours.change_neighbor(lab.them, &|n| n.password = Some("second".into())).unwrap();
            lab.until("our key is another", || {
                let now = dropped(lab);
                ensure!(now > before, "{now} segments dropped, {before} before");
                Ok(())
            });
            let view = lab.view().unwrap();
            assert_eq!(view["state"], "Established", "{view}");
            assert_eq!((&view["establishedCount"], &view["droppedCount"]), (&1.into(), &0.into()));
            assert!(view["lastSent"].is_null(), "{view}");
            let us = lab.us;
            lab.peer.change_neighbor(us, &|n| n.password = Some("second".into())).unwrap();
        }
        for lab in labs {
            lab.until("the session is up with the new key", || {
                let view = lab.view()?;
                ensure!(view["establishedCount"] == 2 && view["state"] == "Established", "{view}");
                Ok(())
            });
            // It was not we who wanted another session.
            let reason = lab.view().unwrap()["lastDown"]["reason"].to_string();
            let text = lab.view().unwrap()["lastDown"]["text"].to_string();
            eprintln!("{:?}: {reason} {text}", lab.kind);
            assert!(!text.contains("Configuration Change"), "{:?}: {text}", lab.kind);
            assert!(
                !text.contains("Hold Timer"),
                "{:?}: a dead connection was kept: {text}",
                lab.kind
            );
            lab.exchanged();
            assert!(!lab.ours.log().contains("does not change the keys"), "{}", lab.ours.log());
        }
    });
}

/// In this order the reset of the daemon reaches us, and the session is back as soon as our key is the same.
#[test]
fn their_key_changes_under_the_session_and_then_ours() {
    with("their_key_changes_under_the_session_and_then_ours", ALL, |kinds| {
        let keyed = |kind: &Kind| keyed(*kind, Way::V4, Some("first"), Some("first"));
        let mut labs: Vec<Lab> = kinds.iter().map(keyed).collect();
        for lab in &mut labs {
            lab.exchanged();
            let us = lab.us;
            lab.peer.change_neighbor(us, &|n| n.password = Some("second".into())).unwrap();
            lab.until("they have reset the session", || {
                let view = lab.view()?;
                ensure!(view["droppedCount"] == 1, "{view}");
                Ok(())
            });
            lab.ours.change_neighbor(lab.them, &|n| n.password = Some("second".into())).unwrap();
            lab.exchanged();
            eprintln!("{:?}: {}", lab.kind, lab.view().unwrap()["lastDown"]);
        }
    });
}

/// Nothing goes out unsigned while the Secret is away: the neighbour's kernel would count it.
#[test]
fn without_its_secret_a_session_stays_down() {
    each("without_its_secret_a_session_stays_down", ALL, |kind| {
        let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: fabric, namespace: default}\n\
                      stringData: {password: one-key}\n";
        let change = |ours: &mut Config, theirs: &mut Config| {
            ours.neighbors[0].extra = vec!["authSecretRef: {name: fabric}".into()];
            ours.extra = vec![secret.into()];
            theirs.neighbors[0].password = Some("one-key".into());
        };
        let mut lab = Lab::new(kind, Way::V4, change);
        lab.exchanged();
        lab.ours.reconfigure(|config| config.extra.clear()).unwrap();
        lab.doctor("secret-missing", &["fabric"]);
        lab.until("the neighbour is without a session", || {
            ensure!(lab.peer.check_established(lab.us).is_err());
            Ok(())
        });
        // It dials us, with a signature, and is not let in.
        let unexpected = tcp_counter(&lab.wires.our_ns, "TCPMD5Unexpected");
        lab.until("the neighbour tries", || {
            let now = tcp_counter(&lab.wires.our_ns, "TCPMD5Unexpected");
            ensure!(now > unexpected + 1, "{now} segments with a signature");
            Ok(())
        });
        assert!(lab.peer.check_established(lab.us).is_err());
        assert_eq!(tcp_counter(&lab.wires.peer_ns, "TCPMD5NotFound"), 0, "unsigned segments");
        lab.ours.reconfigure(|config| config.extra.push(secret.into())).unwrap();
        lab.exchanged();
    });
}
