//! Up, cut, mended, changed, taken away: with every neighbour that has BFD, over every kind of path.

use anyhow::ensure;
use serde_json::Value;
use testkit::daemon::{Kind, Speaker};
use testkit::privilege::in_namespaces;
use testkit::script::{Identity, Session};
use testkit::sender::Sender;
use testkit::skip::skip;
use testkit::table::{Diversity, Table};
use testkit::wait;

use crate::lab::{CALM, FAST, Lab, Path, Wires, configs, cosmos};

/// The path fails and works again: down by BFD, and back without a storm.
fn cut_and_mend<P: Speaker + ?Sized>(lab: &Lab<P>, what: &str) {
    let up = lab.wait_up();
    let times = up["bfd"]["ups"].as_u64().unwrap();
    let cut = lab.cut();
    let down = lab.wait_down_by_bfd();
    assert_eq!(down["bfd"]["lastDown"]["isIntended"], false, "{down:#}");
    let noticed = lab.millis_to(cut, "BFD is down").unwrap_or(-1);
    let ended = lab.millis_to(cut, "Established -> ").unwrap_or(-1);
    eprintln!("{what}: BFD down {noticed} ms after the cut, BGP ended after {ended} ms");
    lab.mend();
    let up = lab.wait_up();
    // A busy machine may cost a second fall of 150 ms, but not a storm of them.
    let count = |value: &Value| value.as_u64().unwrap();
    assert!((1..=5).contains(&count(&up["bfd"]["failures"])), "{up:#}");
    assert!((1..=5).contains(&(count(&up["bfd"]["ups"]) - times)), "{up:#}");
    assert!((2..=6).contains(&count(&up["establishedCount"])), "{up:#}");
}

fn with_daemon(kind: Kind) {
    for path in [Path::Ipv4, Path::Ipv6, Path::Multihop] {
        let lab = Lab::with(kind, path);
        let up = lab.wait_up();
        assert_eq!(up["bfd"]["multihop"], path == Path::Multihop, "{up:#}");
        lab.wait_view("the negotiated intervals", |view| {
            view["bfd"]["txIntervalMicros"] == 50_000
                && view["bfd"]["detectionTimeMicros"] == 150_000
        });
        cut_and_mend(&lab, &format!("{kind:?} {path:?}"));
    }
}

#[test]
fn frr_over_every_path() {
    in_namespaces(|| match Kind::Frr.installed() {
        Ok(()) => with_daemon(Kind::Frr),
        Err(reason) => skip("frr_over_every_path", &reason),
    });
}

#[test]
fn bird_over_every_path() {
    in_namespaces(|| match Kind::Bird.installed() {
        Ok(()) => with_daemon(Kind::Bird),
        Err(reason) => skip("bird_over_every_path", &reason),
    });
}

#[test]
fn frr_that_holds_bfd_down_by_intent_costs_no_session() {
    in_namespaces(|| {
        if let Err(reason) = Kind::Frr.installed() {
            return skip("frr_that_holds_bfd_down_by_intent_costs_no_session", &reason);
        }
        let lab = Lab::with_our(CALM, Kind::Frr, Path::Ipv4);
        lab.wait_up();
        lab.peer.command("configure terminal\nbfd\nprofile fast\nshutdown").unwrap();
        let view = lab.wait_view("the neighbour's AdminDown", |view| {
            view["bfd"]["remoteState"] == "AdminDown"
        });
        assert_eq!(view["bfd"]["lastDown"]["isIntended"], true, "{view:#}");
        lab.peer.command("configure terminal\nbfd\nprofile fast\nno shutdown").unwrap();
        let view = lab.wait_up();
        assert_eq!(view["bfd"]["failures"], 0, "{view:#}");
        assert_eq!((&view["state"], &view["establishedCount"]), (&"Established".into(), &1.into()));
    });
}

/// A change of the manifest's `bfd` on a live session.
fn set_bfd<P: Speaker + ?Sized>(lab: &mut Lab<P>, line: Option<&str>) {
    let change = |config: &mut testkit::daemon::Config| {
        config.neighbors[0].extra = line.map(str::to_owned).into_iter().collect();
    };
    lab.ours.reconfigure(change).unwrap();
}

#[test]
fn ourselves_on_both_ends_changed_and_taken_away_under_way() {
    in_namespaces(|| {
        let (mut ours, mut theirs) = configs(Path::Ipv4);
        ours.neighbors[0].extra.push(FAST.to_owned());
        theirs.neighbors[0].extra.push(FAST.to_owned());
        let mut lab = Lab::start(Wires::new(), ours, theirs, cosmos);
        cut_and_mend(&lab, "ourselves");
        let count = |view: &Value| (view["bfd"]["ups"].clone(), view["establishedCount"].clone());
        let before = count(&lab.wait_up());

        set_bfd(
            &mut lab,
            Some("bfd: {enabled: true, minimumTx: 80000, minimumRx: 120000, detectMultiplier: 5}"),
        );
        let view = lab.wait_view("the new intervals", |view| {
            view["bfd"]["txIntervalMicros"] == 80_000 && view["bfd"]["rxIntervalMicros"] == 120_000
        });
        assert_eq!(count(&view), before, "changed without a flap: {view:#}");

        set_bfd(&mut lab, None);
        lab.wait_view("no BFD any more", |view| view["bfd"].is_null());
        let told = wait::eventually("the neighbour is told", || {
            let view = lab.peer.show("peers")?.remove(0);
            ensure!(view["bfd"]["remoteState"] == "AdminDown", "{view:#}");
            Ok(view)
        });
        let told = lab.demand(told);
        assert_eq!(told["state"], "Established", "{told:#}");
        assert_eq!(told["bfd"]["lastDown"]["isIntended"], true, "{told:#}");

        set_bfd(&mut lab, Some(FAST));
        let view = lab.wait_up();
        assert_eq!(view["establishedCount"], before.1, "{view:#}");
    });
}

#[test]
fn a_full_table_does_not_disturb_it() {
    in_namespaces(|| {
        let (mut ours, mut theirs) = configs(Path::Ipv4);
        ours.neighbors[0].extra.push(FAST.to_owned());
        theirs.neighbors[0].extra.push(FAST.to_owned());
        let feed = "192.0.2.3".parse().unwrap();
        ours.neighbors.push(testkit::daemon::Neighbor {
            passive: true,
            maximum_prefix: Some(1_000_000),
            ..testkit::daemon::Neighbor::new(theirs.neighbors[0].address, feed, 65003)
        });
        let wires = Wires::new();
        wires.peer_ns.add_address("eth0", "192.0.2.3/24".parse().unwrap()).unwrap();
        let lab = Lab::start(wires, ours, theirs, cosmos);
        lab.wait_up();
        let table = Table::synthetic(200_000, Diversity::Internet, 65003, [192, 0, 2, 3].into());
        let connect = || Session::connect(&lab.peer_ns, feed, (lab.our_address, 179).into());
        let session = lab.demand(wait::eventually("a connection", connect));
        let identity = Identity::new(65003, [10, 0, 0, 3].into());
        let sender = lab.demand(Sender::start(session, &identity));
        sender.send(&table.frames()).unwrap();
        let loaded = wait::within(std::time::Duration::from_secs(180), "all routes", || {
            sender.check_running()?;
            let peers = lab.ours.show("peers")?;
            let from = peers.iter().find(|p| p["address"] == "192.0.2.3").unwrap();
            let received = &from["families"][0]["received"];
            ensure!(received == table.len(), "{received}");
            Ok(())
        });
        lab.demand(loaded);
        let view = lab.wait_up();
        assert_eq!((&view["bfd"]["failures"], &view["establishedCount"]), (&0.into(), &1.into()));
    });
}
