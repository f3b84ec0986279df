//! Bounds on prefixes: each of our actions, and the daemons' bounds on us.

use anyhow::ensure;
use testkit::daemon::{Kind, Speaker as _};

use crate::lab::{Lab, each, ip, prefixes};

const ALL: &[Kind] = &[Kind::Frr, Kind::Bird, Kind::Gobgp];

fn bounded(kind: Kind, maximum_prefix: &str) -> Lab {
    Lab::new(kind, |ours, theirs| {
        ours.neighbors[0].extra = vec![format!("maximumPrefix: {maximum_prefix}")];
        theirs.announcements = prefixes(2, 0..4);
        // FRR sends back what it is sent, and that counts too.
        ours.announcements.clear();
    })
}

#[test]
fn warning_only_refuses_and_takes_the_rest_when_it_may() {
    each("warning_only_refuses_and_takes_the_rest_when_it_may", ALL, |kind| {
        let mut lab = bounded(kind, "{limit: 3, action: warning-only}");
        lab.established();
        lab.routes(3, 0);
        lab.sees("/families/0/limitState", "reached");
        assert!(lab.ours.log().contains("prefix limit reached"), "{}", lab.ours.log());
        // Room under the same bound: the refused one is asked for and comes.
        let gone = lab.ours.routes_from(ip("192.0.2.2")).unwrap().first().unwrap().prefix;
        lab.peer.withdraw(gone).unwrap();
        lab.until("the refused prefix", || {
            let routes = lab.ours.routes_from(ip("192.0.2.2"))?;
            ensure!(routes.len() == 3 && routes.iter().all(|r| r.prefix != gone), "{routes:?}");
            Ok(())
        });
        assert_eq!(lab.times_up(), 1);
    });
}

#[test]
fn shutdown_stays_down_until_the_configuration_changes() {
    each("shutdown_stays_down_until_the_configuration_changes", ALL, |kind| {
        let mut lab = bounded(kind, "{limit: 3, action: shutdown}");
        lab.sees("/held", "more than 3 prefixes of ipv4/unicast; stays down");
        lab.sees("/lastSent/text", "Maximum Number of Prefixes Reached (ipv4/unicast over 3)");
        let told = lab.demand(lab.peer.last_notification(ip("192.0.2.1")));
        assert_eq!((told.code, told.subcode), (6, 1));
        let change = |config: &mut testkit::daemon::Config| {
            config.neighbors[0].extra = vec!["maximumPrefix: {limit: 4, action: shutdown}".into()];
        };
        lab.ours.reconfigure(change).unwrap();
        lab.established();
        lab.routes(4, 0);
        assert_eq!(lab.demand(lab.view())["held"], serde_json::Value::Null);
    });
}

#[test]
fn restart_comes_back_by_itself_and_clear_lets_go_at_once() {
    each("restart_comes_back_by_itself_and_clear_lets_go_at_once", &[Kind::Bird], |kind| {
        let lab = bounded(kind, "{limit: 3, action: restart, restartAfter: 1s}");
        lab.until("a third session", || {
            let count = lab.view()?["establishedCount"].as_u64().unwrap_or_default();
            ensure!(count >= 3, "up {count} times");
            Ok(())
        });
        drop(lab);
        let lab = bounded(kind, "{limit: 3, action: restart, restartAfter: 1h}");
        lab.sees("/held", "starts again in 3");
        let before = lab.times_up();
        let said = lab.demand(lab.ours.command("clear peer n0"));
        assert!(said.contains("let go"), "{said}");
        lab.until("another session", || {
            let count = lab.view()?["establishedCount"].as_u64().unwrap_or_default();
            ensure!(count > before, "up {count} times");
            Ok(())
        });
    });
}

#[test]
fn a_lower_limit_acts_at_once() {
    each("a_lower_limit_acts_at_once", &[Kind::Frr], |kind| {
        let mut lab = bounded(kind, "{limit: 10, action: shutdown}");
        lab.established();
        lab.routes(4, 0);
        let change = |config: &mut testkit::daemon::Config| {
            config.neighbors[0].extra = vec!["maximumPrefix: {limit: 2, action: shutdown}".into()];
        };
        lab.ours.reconfigure(change).unwrap();
        lab.sees("/held", "more than 2 prefixes of ipv4/unicast; stays down");
    });
}

/// Not with BIRD: the driver writes its channel block, and BIRD takes no second one with a limit.
#[test]
fn the_neighbours_bound_is_understood() {
    each("the_neighbours_bound_is_understood", &[Kind::Frr, Kind::Gobgp], |kind| {
        let lab = Lab::new(kind, |ours, theirs| {
            // FRR 8.4 stays up at one more than its bound.
            ours.announcements = prefixes(1, 0..6);
            if kind == Kind::Frr {
                theirs.neighbors[0].extra = vec![
                    "address-family ipv4 unicast".into(),
                    "neighbor 192.0.2.1 activate".into(),
                    "neighbor 192.0.2.1 maximum-prefix 2".into(),
                    "exit-address-family".into(),
                ];
            } else {
                let limit = "[neighbors.afi-safis.prefix-limit.config]\n    max-prefixes = 2";
                theirs.neighbors[0].extra = vec![limit.into()];
            }
        });
        lab.sees("/lastReceived/text", "Maximum Number of Prefixes Reached");
    });
}
