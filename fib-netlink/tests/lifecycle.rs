//! Restart, link and address changes, and the event stream, in a real kernel.
#![allow(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

mod lab;

use std::time::Duration;

use fib_netlink::{Change, Fib, FibConfig, Hop, KernelEvent, KernelView, Route, monitor};
use ipnet::IpNet;
use lab::{eventually, in_namespace, ip, veth};
use tokio::sync::mpsc;

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn route(prefix: &str, hops: &[(&str, u32)]) -> Route {
    let hop = |(via, ifindex): &(&str, u32)| Hop::via(via.parse().unwrap()).dev(*ifindex);
    Route::new(net(prefix), hops.iter().map(hop)).normal().unwrap()
}

fn replace(routes: &[Route]) -> Vec<Change> {
    routes.iter().cloned().map(Change::Replace).collect()
}

async fn install(fib: &Fib, routes: &[Route]) {
    let applied = fib.apply_wait(replace(routes)).await.unwrap();
    assert_eq!(applied.errors, [], "every route is accepted");
}

#[test]
fn a_restart_keeps_equal_routes_and_sweeps_only_what_nobody_confirms() {
    in_namespace(async || {
        let a = veth("a", &["10.0.0.1/24", "2001:db8:a::1/64"]);
        ip("route add 192.0.9.0/24 via 10.0.0.9 proto static");
        ip("route add 192.0.9.0/24 via 10.0.0.9 proto 179 table 99");
        // Ours by name, from a run with another metric, and one that is no unicast route.
        ip("route add 192.0.8.0/24 via 10.0.0.9 proto 179 metric 777");
        ip("route add blackhole 192.0.7.0/24 proto 179 metric 20");
        let kept = route("192.0.2.0/24", &[("10.0.0.2", a), ("10.0.0.3", a)]);
        let kept6 = route("2001:db8:1::/48", &[("fe80::2", a), ("fe80::3", a)]);
        let old = route("192.0.3.0/24", &[("10.0.0.2", a)]);
        let new = route("192.0.3.0/24", &[("10.0.0.3", a)]);
        let stale = route("192.0.4.0/24", &[("10.0.0.2", a)]);
        let stale6 = route("2001:db8:4::/48", &[("fe80::2", a)]);
        let first = Fib::open(FibConfig::default()).await.unwrap();
        install(&first, &[kept.clone(), kept6.clone(), old, stale, stale6]).await;
        drop(first);

        let second = Fib::open(FibConfig::default()).await.unwrap();
        assert!(second.status().is_syncing);
        assert_eq!(second.status().routes_v4, 3, "found in the kernel");
        let wished = [kept.clone(), kept6.clone(), new.clone()];
        let applied = second.apply_wait(replace(&wished)).await.unwrap();
        assert_eq!((applied.unchanged, applied.replaced, applied.created), (2, 1, 0));
        assert_eq!(second.read_back().await.unwrap().len(), 5, "nothing is removed before the end");
        let swept = second.end_sync().await.unwrap();
        assert_eq!((swept.removed, swept.errors.len()), (2, 0));
        assert_eq!(second.read_back().await.unwrap(), [kept, new, kept6]);
        assert_eq!(second.status().swept, 4);
        let shown = ip("-N route show table all");
        assert!(!shown.contains("192.0.8.0") && !shown.contains("192.0.7.0"), "{shown}");
        assert_eq!(shown.matches("192.0.9.0/24").count(), 2, "{shown}");
        // A second round removes what was not stated again.
        second.begin_sync().await.unwrap();
        install(&second, &wished[..2]).await;
        assert_eq!(second.end_sync().await.unwrap().removed, 1);
        assert_eq!(second.end_sync().await.unwrap().removed, 0);
    });
}

#[test]
fn routes_lost_with_a_link_come_back_with_it() {
    in_namespace(async || {
        let a = veth("a", &["10.0.0.1/24", "2001:db8:a::1/64"]);
        let b = veth("b", &["10.0.1.1/24", "2001:db8:b::1/64"]);
        // The kernel forgets IPv6 addresses of a link that goes down; routers are set up like this.
        std::fs::write("/proc/sys/net/ipv6/conf/a/keep_addr_on_down", "1").unwrap();
        let fib = Fib::open(FibConfig::default()).await.unwrap();
        let routes = [
            route("192.0.2.0/24", &[("10.0.0.2", a)]),
            route("192.0.3.0/24", &[("10.0.0.2", a), ("10.0.1.2", b)]),
            route("192.0.4.0/24", &[("10.0.1.2", b)]),
            route("198.51.100.0/24", &[("fe80::2", a)]),
            route("2001:db8:1::/48", &[("2001:db8:a::2", a)]),
            route("2001:db8:2::/48", &[("fe80::2", a), ("fe80::3", b)]),
        ];
        install(&fib, &routes).await;
        fib.end_sync().await.unwrap();
        for round in 1..=3 {
            ip("link set dev a down");
            eventually("the loss is noticed", async || fib.status().pending == 3).await;
            assert_eq!(ip("route show 192.0.2.0/24"), "");
            let errors = fib.status().errors;
            assert!(errors.iter().all(|error| !error.text.is_empty()), "{errors:?}");
            ip("link set dev a up");
            eventually("all routes are back", async || {
                fib.status().pending == 0 && fib.read_back().await.unwrap() == routes
            })
            .await;
            assert!(fib.status().repaired >= 3 * round, "{:?}", fib.status());
        }
        assert_eq!(fib.status().errors, []);
    });
}

#[test]
fn a_route_withdrawn_while_its_link_is_down_stays_away() {
    in_namespace(async || {
        let a = veth("a", &["10.0.0.1/24"]);
        let fib = Fib::open(FibConfig::default()).await.unwrap();
        let gone = route("192.0.2.0/24", &[("10.0.0.2", a)]);
        let back = route("192.0.3.0/24", &[("10.0.0.2", a)]);
        install(&fib, &[gone.clone(), back.clone()]).await;
        ip("link set dev a down");
        eventually("the loss is noticed", async || fib.status().pending == 2).await;
        fib.apply_wait(vec![Change::Remove(gone.prefix)]).await.unwrap();
        assert_eq!(fib.status().pending, 1);
        ip("link set dev a up");
        eventually("the other is back", async || fib.status().pending == 0).await;
        assert_eq!(fib.read_back().await.unwrap(), [back]);
    });
}

#[test]
fn what_others_delete_or_alter_is_put_back() {
    in_namespace(async || {
        let a = veth("a", &["10.0.0.1/24", "2001:db8:a::1/64"]);
        let fib = Fib::open(FibConfig::default()).await.unwrap();
        let routes = [
            route("192.0.2.0/24", &[("10.0.0.2", a)]),
            route("2001:db8:2::/48", &[("fe80::2", a), ("fe80::3", a)]),
        ];
        install(&fib, &routes).await;
        ip("route del 192.0.2.0/24 proto 179");
        ip("route del 2001:db8:2::/48 via fe80::2 dev a");
        let is_whole = async || fib.read_back().await.unwrap() == routes;
        eventually("both are back", is_whole).await;
        ip("addr flush dev a");
        eventually("the loss is noticed", async || fib.status().pending > 0).await;
        ip("addr add 10.0.0.1/24 dev a");
        ip("addr add 2001:db8:a::1/64 dev a nodad");
        ip("addr add fe80::1/64 dev a nodad");
        eventually("both are back again", is_whole).await;
        eventually("nothing is pending", async || fib.status().pending == 0).await;
    });
}

/// Feed the view until it says yes.
async fn until(
    events: &mut mpsc::Receiver<KernelEvent>,
    view: &mut KernelView,
    what: &str,
    probe: impl Fn(&KernelView) -> bool,
) {
    let feed = async {
        while !probe(view) {
            let event = events.recv().await.expect("the subscription lives");
            view.apply(&event);
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), feed).await.is_ok(), "never: {what}");
}

#[test]
fn the_event_stream_keeps_the_view_true() {
    in_namespace(async || {
        let a = veth("a", &["10.0.0.1/24", "2001:db8:a::1/64"]);
        ip("route add 192.0.2.0/24 via 10.0.0.9 metric 5");
        let config = FibConfig::default();
        let fib = Fib::open(config.clone()).await.unwrap();
        install(&fib, &[route("203.0.113.0/24", &[("10.0.0.2", a)])]).await;
        let mut view = KernelView::new(&config);
        let mut events = monitor(&config).unwrap();
        until(&mut events, &mut view, "synced", KernelView::is_synced).await;
        let at = |view: &KernelView, addr: &str| view.resolve(addr.parse().unwrap(), None);
        assert_eq!(
            view.link_by_name("a").map(|link| (link.index, link.is_usable())),
            Some((a, true))
        );
        assert!(view.is_local("2001:db8:a::1".parse().unwrap()));
        assert!(at(&view, "10.0.0.7").unwrap().connected);
        assert_eq!(at(&view, "192.0.2.1").map(|found| (found.ifindex, found.metric)), Some((a, 5)));
        assert_eq!(at(&view, "203.0.113.1"), None, "our own route");

        let b = veth("b", &["10.0.1.1/24", "fe80::b/64"]);
        until(&mut events, &mut view, "a new link resolves", |view| {
            at(view, "10.0.1.2").is_some_and(|found| found.ifindex == b)
                && view.link_local(b) == Some("fe80::b".parse().unwrap())
        })
        .await;
        // Another of ours makes no event; the next foreign one does.
        install(&fib, &[route("203.0.114.0/24", &[("10.0.0.2", a)])]).await;
        ip("route replace 192.0.2.0/24 via 10.0.1.9 metric 5");
        until(&mut events, &mut view, "a replaced route", |view| {
            at(view, "192.0.2.1").is_some_and(|found| found.ifindex == b)
        })
        .await;
        ip("link set dev bp down");
        until(&mut events, &mut view, "lost carrier", |view| at(view, "192.0.2.1").is_none()).await;
        ip("link set dev bp up");
        until(&mut events, &mut view, "carrier", |view| at(view, "192.0.2.1").is_some()).await;
        ip("addr del 10.0.0.1/24 dev a");
        until(&mut events, &mut view, "a lost address", |view| {
            !view.is_local("10.0.0.1".parse().unwrap()) && at(view, "10.0.0.7").is_none()
        })
        .await;
        ip("link del dev b");
        until(&mut events, &mut view, "a lost link", |view| view.link(b).is_none()).await;
        assert_eq!(at(&view, "203.0.114.1"), None, "our own route");
    });
}

#[test]
fn a_subscriber_that_fell_behind_is_told_and_resynchronised() {
    in_namespace(async || {
        veth("a", &["10.0.0.1/24"]);
        let config = FibConfig::default();
        let mut events = monitor(&config).unwrap();
        let mut view = KernelView::new(&config);
        until(&mut events, &mut view, "synced", KernelView::is_synced).await;
        // Far more notifications than channel and socket hold, while nobody reads.
        let add: String = (0..30_000u32)
            .map(|n| {
                let [_, _, b, c] = n.to_be_bytes();
                format!("route add 20.{b}.{c}.0/24 via 10.0.0.9\n")
            })
            .collect();
        let file = std::env::temp_dir().join(format!("cosmos-routes-{}", std::process::id()));
        std::fs::write(&file, add).unwrap();
        ip(&format!("-batch {}", file.display()));
        std::fs::remove_file(&file).unwrap();
        let mut resets = 0;
        let feed = async {
            while resets == 0 || !view.is_synced() {
                let event = events.recv().await.unwrap();
                resets += usize::from(event == KernelEvent::Reset);
                view.apply(&event);
            }
        };
        tokio::time::timeout(Duration::from_secs(20), feed).await.expect("a reset comes");
        for addr in ["20.0.0.1", "20.58.0.1", "20.117.47.1"] {
            assert!(view.resolve(addr.parse().unwrap(), None).is_some(), "{addr}");
        }
    });
}
