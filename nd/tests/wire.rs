//! The runner on real links: two namespaces, one wire.

#![expect(clippy::unwrap_used, reason = "a test's set-up fails the test")]

use std::net::Ipv6Addr;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use nd::runner::{Handle, start};
use nd::{Config, Finding, Own};
use testkit::netns::{End, NetNs};
use testkit::privilege::in_namespaces;
use testkit::wait;
use tokio::runtime::Runtime;
use tokio::sync::Notify;

/// One end: a namespace, a runtime whose threads live in it, and the runner.
struct Host {
    ns: NetNs,
    link_local: Ipv6Addr,
}

impl Host {
    fn new(label: &str, n: u16) -> Self {
        let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, n);
        Self { ns: NetNs::new(label).unwrap(), link_local }
    }

    fn end(&self) -> End {
        End::new("eth0", &[&format!("{}/64", self.link_local)])
    }

    fn ifindex(&self) -> u32 {
        let text = self.ns.ip("-j link show dev eth0").unwrap();
        let digits = text.split("\"ifindex\":").nth(1).unwrap();
        digits.split(',').next().unwrap().parse().unwrap()
    }

    /// Starts the runner inside.
    fn start(&self, runtime: &Runtime) -> Handle {
        let ifindex = self.ifindex();
        let own = Own { link_local: self.link_local, link_layer: None };
        self.ns.run(|| {
            let _inside = runtime.enter();
            start("eth0", ifindex, own, Config::default(), Arc::new(Notify::new())).unwrap()
        })
    }
}

/// The kernel's own link-local addresses would be second sources.
fn link(a: &Host, b: &Host) {
    a.ns.link(&End::new("eth0", &[]), &b.ns, &End::new("eth0", &[])).unwrap();
    for host in [a, b] {
        host.ns.ip("link set eth0 down").unwrap();
        host.ns.ip("link set eth0 addrgenmode none").unwrap();
        for address in host.end().addresses {
            host.ns.add_address("eth0", address).unwrap();
        }
        host.ns.ip("link set eth0 up").unwrap();
    }
}

#[test]
fn two_ends_of_a_wire_find_each_other() {
    in_namespaces(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (a, b) = (Host::new("a", 0xa), Host::new("b", 0xb));
        link(&a, &b);
        let (at_a, at_b) = (a.start(&runtime), b.start(&runtime));
        let found = |handle: &Handle, who: Ipv6Addr| {
            wait::eventually("the neighbour", || {
                let report = handle.report();
                ensure!(report.finding == Finding::One(who), "{report:?}");
                Ok(())
            })
        };
        found(&at_a, b.link_local).unwrap();
        found(&at_b, a.link_local).unwrap();
        assert_eq!(at_a.report().refused, 0);

        // The other end goes away without a word and asks for nothing: we would wait for 30 s. A new
        // one with the same address is heard at once.
        let heard = at_a.report().received;
        drop(at_b);
        let again = b.start(&runtime);
        wait::eventually("heard again", || {
            ensure!(at_a.report().received > heard, "{:?}", at_a.report());
            Ok(())
        })
        .unwrap();
        runtime.block_on(again.stop());
        runtime.block_on(at_a.stop());
    });
}

#[test]
fn an_interface_that_is_not_there_and_one_that_goes_away() {
    in_namespaces(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (a, b) = (Host::new("a", 0xa), Host::new("b", 0xb));
        let own = Own { link_local: a.link_local, link_layer: None };
        let missing = a.ns.run(|| {
            let _inside = runtime.enter();
            start("eth0", 99, own, Config::default(), Arc::new(Notify::new())).map(drop)
        });
        let error = missing.unwrap_err().to_string();
        assert!(error.contains("No such device"), "{error}");

        link(&a, &b);
        let at_a = a.start(&runtime);
        a.ns.ip("link delete eth0").unwrap();
        wait::eventually("the fault is shown", || at_a.report().error.context("no fault yet"))
            .unwrap();
        runtime.block_on(at_a.stop());
    });
}
