//! Routes in a real kernel: every kind, replacement, errors, ownership.

#![allow(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

mod lab;

use fib_netlink::{Action, Change, Fib, FibConfig, Hop, Route};
use ipnet::IpNet;
use lab::{in_namespace, ip, veth};

fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

fn via(text: &str) -> Hop {
    Hop::via(text.parse().unwrap())
}

fn route(prefix: &str, hops: &[Hop]) -> Route {
    Route::new(net(prefix), hops.iter().copied())
}

async fn install(fib: &Fib, routes: &[Route]) {
    let applied =
        fib.apply_wait(routes.iter().cloned().map(Change::Replace).collect()).await.unwrap();
    assert_eq!(applied.errors, [], "every route is accepted");
}

/// The routes in normal form and sorted, as `read_back` gives them.
fn normal(routes: &[Route]) -> Vec<Route> {
    let mut routes: Vec<Route> = routes.iter().cloned().map(|r| r.normal().unwrap()).collect();
    routes.sort_by_key(|route| route.prefix);
    routes
}

#[test]
fn every_kind_of_route_reads_back_equal() {
    in_namespace(async || {
        let a = veth("a", &["10.0.0.1/24", "2001:db8:a::1/64"]);
        let b = veth("b", &["10.0.1.1/24", "2001:db8:b::1/64"]);
        for table in [254, 1000] {
            let fib = Fib::open(FibConfig { table, ..FibConfig::default() }).await.unwrap();
            let direct = Hop { via: None, ifindex: Some(a), weight: 1 };
            let routes = [
                route("192.0.2.0/24", &[via("10.0.0.2").dev(a)]),
                route("192.0.2.7/32", &[via("10.0.0.2").dev(a).weight(3), via("10.0.1.2").dev(b)]),
                route("198.51.100.0/24", &[via("fe80::1").dev(a)]),
                route("198.51.101.0/24", &[via("fe80::1").dev(a), via("fe80::1").dev(b)]),
                route("198.51.102.0/24", &[via("2001:db8:a::2").dev(a), via("10.0.1.2").dev(b)]),
                route("203.0.113.0/24", &[direct]),
                route("0.0.0.0/0", &[via("10.0.1.2").dev(b)]),
                route("2001:db8:1::/48", &[via("2001:db8:a::2").dev(a)]),
                route("2001:db8:2::/48", &[via("fe80::1").dev(a), via("fe80::2").dev(b).weight(9)]),
                route("2001:db8:3::/48", &[via("fe80::1").dev(a), via("fe80::2").dev(a)]),
                route("2001:db8:4::/48", &[direct]),
                route("::/0", &[via("fe80::9").dev(b)]),
            ];
            install(&fib, &routes).await;
            assert_eq!(fib.read_back().await.unwrap(), normal(&routes));
            assert_eq!((fib.status().routes_v4, fib.status().routes_v6), (7, 5));
            let shown = ip(&format!("-N route show table {table} 198.51.100.0/24"));
            assert!(shown.contains("via inet6 fe80::1 dev a proto 179 metric 20"), "{shown}");
            // Once more: nothing is written.
            let again = routes.iter().cloned().map(Change::Replace).collect();
            let applied = fib.apply_wait(again).await.unwrap();
            assert_eq!(
                (applied.unchanged, applied.created, applied.replaced),
                (routes.len(), 0, 0)
            );
            let gone = routes.iter().map(|route| Change::Remove(route.prefix)).collect();
            assert_eq!(fib.apply_wait(gone).await.unwrap().removed, routes.len());
            assert_eq!(fib.read_back().await.unwrap(), []);
        }
    });
}

#[test]
fn a_gateway_without_interface_is_found_by_the_kernel_and_not_written_again() {
    in_namespace(async || {
        let a = veth("a", &["10.0.0.1/24"]);
        let fib = Fib::open(FibConfig::default()).await.unwrap();
        let wish = route("192.0.2.0/24", &[via("10.0.0.2"), via("10.0.0.3")]);
        install(&fib, std::slice::from_ref(&wish)).await;
        let expected = route("192.0.2.0/24", &[via("10.0.0.2").dev(a), via("10.0.0.3").dev(a)]);
        assert_eq!(fib.read_back().await.unwrap(), normal(&[expected]));
        drop(fib);
        let fib = Fib::open(FibConfig::default()).await.unwrap();
        let applied = fib.apply_wait(vec![Change::Replace(wish)]).await.unwrap();
        assert_eq!((applied.unchanged, applied.replaced), (1, 0));
    });
}

#[test]
fn replacing_exchanges_the_whole_set_of_hops() {
    in_namespace(async || {
        let a = veth("a", &["10.0.0.1/24", "2001:db8:a::1/64"]);
        let b = veth("b", &["10.0.1.1/24", "2001:db8:b::1/64"]);
        let fib = Fib::open(FibConfig::default()).await.unwrap();
        let sets4 = [via("10.0.0.2").dev(a), via("10.0.0.3").dev(a), via("10.0.1.2").dev(b)];
        let sets6 = [via("2001:db8:a::2").dev(a), via("fe80::3").dev(a), via("fe80::4").dev(b)];
        // Every transition between one, two and three hops, overlapping and not.
        let choices: [&[usize]; 6] = [&[0], &[0, 1], &[1, 2], &[0, 1, 2], &[2], &[1]];
        for from in choices {
            for to in choices {
                for step in [from, to] {
                    let pick = |set: &[Hop]| step.iter().map(|at| set[*at]).collect::<Vec<_>>();
                    let routes = [
                        route("192.0.2.0/24", &pick(&sets4)),
                        route("2001:db8:1::/48", &pick(&sets6)),
                    ];
                    install(&fib, &routes).await;
                    assert_eq!(fib.read_back().await.unwrap(), normal(&routes), "{from:?} {to:?}");
                }
            }
        }
        assert!(fib.status().replaced > 50, "{:?}", fib.status());
        assert_eq!(fib.status().removed, 0, "a replacement never deletes first");
    });
}

#[test]
fn a_refused_route_is_reported_and_stops_no_other() {
    in_namespace(async || {
        let a = veth("a", &["10.0.0.1/24"]);
        let fib = Fib::open(FibConfig::default()).await.unwrap();
        let good = [
            route("192.0.2.0/24", &[via("10.0.0.2").dev(a)]),
            route("192.0.3.0/24", &[via("10.0.0.2").dev(a)]),
        ];
        let bad = [
            route("198.51.100.0/24", &[via("172.16.0.1")]),
            route("198.51.101.0/24", &[via("10.0.0.2").dev(9999)]),
            route("198.51.102.0/24", &[]),
        ];
        let batch = [&good[0], &bad[0], &bad[1], &bad[2], &good[1]];
        let batch = batch.map(|route| Change::Replace(route.clone())).to_vec();
        let mut applied = fib.apply_wait(batch).await.unwrap();
        assert_eq!(fib.read_back().await.unwrap(), normal(&good));
        applied.errors.sort_by_key(|error| error.prefix);
        let prefixes: Vec<IpNet> = applied.errors.iter().map(|error| error.prefix).collect();
        assert_eq!(prefixes, bad.clone().map(|route| route.prefix));
        assert!(applied.errors.iter().all(|error| error.action == Action::Install));
        let text = applied.errors[0].to_string();
        assert!(text.contains("198.51.100.0/24") && text.contains("unreachable"), "{text}");
        assert_eq!(fib.status().pending, 2, "the impossible one is not tried again");
        // When the wish is withdrawn nothing is pending.
        let withdrawn = bad.iter().map(|route| Change::Remove(route.prefix)).collect();
        fib.apply_wait(withdrawn).await.unwrap();
        assert_eq!((fib.status().pending, fib.status().errors.len()), (0, 0));
    });
}

#[test]
fn a_replacement_that_fails_leaves_the_old_hops_and_can_be_taken_back() {
    in_namespace(async || {
        let a = veth("a", &["10.0.0.1/24", "2001:db8:a::1/64"]);
        let fib = Fib::open(FibConfig::default()).await.unwrap();
        let good = [
            route("192.0.2.0/24", &[via("10.0.0.2").dev(a)]),
            route("2001:db8:1::/48", &[via("fe80::2").dev(a), via("fe80::3").dev(a)]),
        ];
        let bad = [
            route("192.0.2.0/24", &[via("10.0.0.2").dev(a), via("172.16.0.1")]),
            route("2001:db8:1::/48", &[via("fe80::2").dev(a), via("2001:db8:ffff::1")]),
        ];
        install(&fib, &good).await;
        for round in 0..2 {
            let batch = bad.iter().cloned().map(Change::Replace).collect();
            assert_eq!(fib.apply_wait(batch).await.unwrap().errors.len(), 2);
            assert_eq!((fib.status().pending, fib.status().errors.len()), (2, 2));
            // Neither the sweep nor a retry removes what still forwards.
            fib.end_sync().await.unwrap();
            assert_eq!(fib.read_back().await.unwrap(), normal(&good), "round {round}");
            let batch = good.iter().cloned().map(Change::Replace).collect();
            let applied = fib.apply_wait(batch).await.unwrap();
            assert_eq!((applied.unchanged, applied.errors.len()), (2, 0));
            assert_eq!(fib.status().pending, 0);
        }
        let batch = bad.iter().cloned().map(Change::Replace).collect();
        fib.apply_wait(batch).await.unwrap();
        let gone = bad.iter().map(|route| Change::Remove(route.prefix)).collect();
        assert_eq!(fib.apply_wait(gone).await.unwrap().removed, 2);
        assert_eq!((fib.status().pending, fib.read_back().await.unwrap().len()), (0, 0));
    });
}

#[test]
fn routes_of_others_are_never_touched() {
    in_namespace(async || {
        let a = veth("a", &["10.0.0.1/24", "2001:db8:a::1/64"]);
        ip("route add 192.0.2.0/24 via 10.0.0.9 metric 20 proto static");
        ip("route add 2001:db8:1::/48 via 2001:db8:a::9 metric 512 proto static");
        ip("route add 192.0.4.0/24 via 10.0.0.9 proto 195");
        let before = (ip("route show"), ip("-6 route show"));
        let fib = Fib::open(FibConfig::default()).await.unwrap();
        let wishes = [
            route("192.0.2.0/24", &[via("10.0.0.2").dev(a)]),
            route("2001:db8:1::/48", &[via("2001:db8:a::2").dev(a)]),
            route("10.0.0.0/24", &[via("10.0.0.2").dev(a)]),
        ];
        let batch = wishes.iter().cloned().map(Change::Replace).collect();
        let applied = fib.apply_wait(batch).await.unwrap();
        let errors: Vec<String> = applied.errors.iter().map(ToString::to_string).collect();
        assert_eq!(errors.len(), 2, "{errors:?}");
        assert!(errors.iter().all(|text| text.contains("not ours")), "{errors:?}");
        let gone = wishes.iter().map(|route| Change::Remove(route.prefix)).collect();
        fib.apply_wait(gone).await.unwrap();
        fib.apply_wait(vec![Change::Remove(net("192.0.4.0/24"))]).await.unwrap();
        fib.end_sync().await.unwrap();
        assert_eq!((ip("route show"), ip("-6 route show")), before);
    });
}

#[test]
fn a_refused_route_is_installed_when_the_obstacle_goes() {
    in_namespace(async || {
        let a = veth("a", &["10.0.0.1/24"]);
        ip("route add 192.0.2.0/24 via 10.0.0.9 metric 20 proto static");
        let fib = Fib::open(FibConfig::default()).await.unwrap();
        let wish = route("192.0.2.0/24", &[via("10.0.0.2").dev(a)]);
        let applied = fib.apply_wait(vec![Change::Replace(wish.clone())]).await.unwrap();
        assert_eq!(applied.errors.len(), 1);
        ip("route del 192.0.2.0/24 via 10.0.0.9 metric 20 proto static");
        lab::eventually("the route is there", async || {
            fib.read_back().await.unwrap() == normal(std::slice::from_ref(&wish))
        })
        .await;
        lab::eventually("nothing is pending", async || fib.status().pending == 0).await;
    });
}

#[test]
fn twenty_thousand_routes_read_back_equal() {
    in_namespace(async || {
        let a = veth("a", &["10.0.0.1/24", "2001:db8:a::1/64"]);
        let fib = Fib::open(FibConfig::default()).await.unwrap();
        let mut routes = Vec::new();
        for n in 0..10_000u32 {
            let net4 = IpNet::new((0x1400_0000 + (n << 8)).to_be_bytes().into(), 24).unwrap();
            let hop = u8::try_from(2 + n % 5).unwrap();
            let mut hops = vec![Hop::via([10, 0, 0, hop].into()).dev(a)];
            if n % 3 == 0 {
                hops.push(Hop::via([10, 0, 0, hop + 100].into()).dev(a));
            }
            routes.push(Route::new(net4, hops));
            let net6 =
                IpNet::new((0x2001_0db9u128 << 96 | u128::from(n) << 80).to_be_bytes().into(), 48);
            routes.push(Route::new(net6.unwrap(), [via("2001:db8:a::2").dev(a)]));
        }
        fib.apply(routes.iter().cloned().map(Change::Replace).collect()).await.unwrap();
        fib.flush().await.unwrap();
        assert_eq!(fib.status().errors, []);
        assert_eq!(fib.read_back().await.unwrap(), normal(&routes));
    });
}
