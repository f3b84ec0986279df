//! Back-off: who refuses us again and again is asked less and less often, and comes up when it is mended.

use std::time::Duration;

use anyhow::ensure;
use testkit::wait::{clock, within};

use crate::lab::{ALL, Lab, OUR_AS, Way, with};

/// The daemon expects another AS and says so with each OPEN. Only we dial; the rests double from a second on. They are
/// compared with each other and not with a clock, for the machine may be busy.
#[test]
fn rfc4271_8_1_1_who_refuses_us_is_dialed_more_rarely() {
    with("rfc4271_8_1_1_who_refuses_us_is_dialed_more_rarely", ALL, |kinds| {
        let lab = |kind: &testkit::daemon::Kind| {
            Lab::new(*kind, Way::V4, |_, theirs| {
                theirs.neighbors[0].remote_as = 65077;
                theirs.neighbors[0].passive = true;
            })
        };
        let mut labs: Vec<Lab> = kinds.iter().map(lab).collect();
        // When each attempt was first seen, for each daemon.
        let mut seen = vec![Vec::new(); labs.len()];
        within(Duration::from_secs(180), "five attempts each", || {
            for (lab, seen) in labs.iter().zip(&mut seen) {
                let dialed = usize::try_from(lab.count("/attempts/dialed"))?;
                while seen.len() < dialed {
                    seen.push(clock());
                }
            }
            let counts: Vec<_> = seen.iter().map(Vec::len).collect();
            ensure!(counts.iter().all(|count| *count >= 5), "{counts:?}");
            Ok(())
        })
        .unwrap();
        for (lab, seen) in labs.iter_mut().zip(&seen) {
            let rests: Vec<_> = seen.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let (first, fourth) = (rests[0], rests[3]);
            assert!(fourth > first, "{:?}: {rests:?}", lab.kind);
            assert_eq!(lab.count("/establishedCount"), 0, "{:?}", lab.kind);
            lab.doctor("neighbor-expects-another-as", &["65001"]);
            let us = lab.us;
            lab.peer.change_neighbor(us, &|n| n.remote_as = OUR_AS).unwrap();
        }
        labs.iter().for_each(Lab::exchanged);
    });
}

/// As above, but the daemon dials too when it is mended: we do not let it wait for the end of our rest.
#[test]
fn who_has_changed_its_mind_is_welcome_at_once() {
    with("who_has_changed_its_mind_is_welcome_at_once", ALL, |kinds| {
        let lab = |kind: &testkit::daemon::Kind| {
            Lab::new(*kind, Way::V4, |_, theirs| theirs.neighbors[0].remote_as = 65077)
        };
        let mut labs: Vec<Lab> = kinds.iter().map(lab).collect();
        for lab in &mut labs {
            lab.until("it has refused us some times", || {
                let refused = lab.count("/received/notification");
                ensure!(refused >= 3, "{refused} NOTIFICATIONs");
                Ok(())
            });
            let us = lab.us;
            lab.peer.change_neighbor(us, &|n| n.remote_as = OUR_AS).unwrap();
        }
        labs.iter().for_each(Lab::exchanged);
    });
}
