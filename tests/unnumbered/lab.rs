//! The bench: namespaces whose addresses are on loopback, wires between them, and what to ask.

use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use testkit::cosmos::{Cosmos, Fib, KERNEL_PROTOCOL};
use testkit::daemon::{Config, Speaker as _};
use testkit::netns::{End, NetNs};
use testkit::route::{Announcement, router_id};
use testkit::wait;

/// A namespace of number `n`, with 10.0.n.1 and fd00:n::1 on loopback.
pub(crate) fn host(label: &str, n: u8) -> Arc<NetNs> {
    let ns = NetNs::new(label).unwrap();
    // Duplicate address detection takes a second or two of each test.
    ns.run(|| std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0")).unwrap();
    ns.ip(&format!("address add 10.0.{n}.1/32 dev lo")).unwrap();
    ns.ip(&format!("address add fd00:{n}::1/128 dev lo nodad")).unwrap();
    Arc::new(ns)
}

/// A wire between two hosts; both ends are called `name`.
pub(crate) fn wire(a: &NetNs, b: &NetNs, name: &str) {
    a.link(&End::new(name, &[]), b, &End::new(name, &[])).unwrap();
}

/// What the speaker of host `n` originates.
pub(crate) fn config(n: u8, asn: u32) -> Config {
    let mut config = Config::new(asn, router_id(n));
    config.announcements = vec![
        Announcement::new(&format!("10.0.{n}.0/24")),
        Announcement::new(&format!("fd00:{n}::/64")),
    ];
    config
}

/// A BGPPeer called `name`; `spec` are further lines of its spec.
pub(crate) fn peer(name: &str, spec: &[&str]) -> String {
    let mut text = format!(
        "apiVersion: bgp.miloapis.com/v1alpha1\nkind: BGPPeer\n\
         metadata: {{name: {name}, namespace: default}}\nspec:\n  routerRef: {{name: dut}}\n  \
         addressFamilies: [{{afi: ipv4, safi: unicast}}, {{afi: ipv6, safi: unicast}}]\n"
    );
    for line in spec {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

/// Our daemon on host `n`, started, with these neighbours.
pub(crate) fn cosmos(ns: &Arc<NetNs>, n: u8, asn: u32, peers: Vec<String>) -> Cosmos {
    let mut config = config(n, asn);
    config.extra = peers;
    let mut cosmos = Cosmos::new(env!("CARGO_BIN_EXE_cosmos"), ns, config, Fib::Kernel).unwrap();
    cosmos.set_router_field("bestPath", "{maximumPaths: 8}");
    cosmos.start().unwrap();
    cosmos
}

/// What `show peers` says of a neighbour.
pub(crate) fn shown(cosmos: &Cosmos, name: &str) -> Result<Value> {
    let peers = cosmos.show("peers")?;
    let seen = format!("{peers:?}");
    let full = format!("default/{name}");
    peers
        .into_iter()
        .find(|p| p["name"] == full.as_str())
        .with_context(|| format!("no {name} in {seen}"))
}

/// Waits until the session is up, and gives back what is shown.
#[track_caller]
pub(crate) fn wait_up(cosmos: &Cosmos, name: &str) -> Value {
    let up = wait::eventually(&format!("session {name}"), || {
        let peer = shown(cosmos, name)?;
        ensure!(peer["state"] == "Established", "{} {}", peer["state"], peer["lastError"]);
        Ok(peer)
    });
    up.unwrap_or_else(|error| panic!("{error:#}\n--- log\n{}", cosmos.log()))
}

/// Waits until the session is not up and the reason shown contains `why`.
#[track_caller]
pub(crate) fn wait_reason(cosmos: &Cosmos, name: &str, why: &str) -> Value {
    let down = wait::eventually(&format!("{name}: {why}"), || {
        let peer = shown(cosmos, name)?;
        let said =
            peer["problem"].as_str().or_else(|| peer["lastError"].as_str()).unwrap_or_default();
        ensure!(peer["state"] != "Established" && said.contains(why), "{} {said}", peer["state"]);
        Ok(peer)
    });
    down.unwrap_or_else(|error| panic!("{error:#}\n--- log\n{}", cosmos.log()))
}

/// Waits until a session has come up once more than before.
#[track_caller]
pub(crate) fn wait_again(cosmos: &Cosmos, name: &str, before: &Value) -> Value {
    let count = |peer: &Value| peer["establishedCount"].as_u64().unwrap();
    let up = wait::eventually(&format!("session {name} again"), || {
        let peer = shown(cosmos, name)?;
        ensure!(peer["state"] == "Established", "{} {}", peer["state"], peer["lastError"]);
        ensure!(count(&peer) > count(before), "the same session");
        Ok(peer)
    });
    up.unwrap_or_else(|error| panic!("{error:#}\n--- log\n{}", cosmos.log()))
}

/// Waits until pings over IPv4 and IPv6 go from host `from` to host `to`.
#[track_caller]
pub(crate) fn wait_ping(ns: &NetNs, from: u8, to: u8) {
    let ping = |source: String, target: String| {
        ns.exec("ping", &["-c", "1", "-W", "1", "-I", &source, &target]).map(drop)
    };
    let both = wait::eventually("pings", || {
        ping(format!("10.0.{from}.1"), format!("10.0.{to}.1"))?;
        ping(format!("fd00:{from}::1"), format!("fd00:{to}::1"))
    });
    both.unwrap_or_else(|error| {
        let routes = ns.ip("-4 route show").unwrap_or_default()
            + &ns.ip("-6 route show").unwrap_or_default();
        panic!("{error:#}\n--- routes\n{routes}")
    });
}

/// The link-local addresses of an interface.
pub(crate) fn link_locals(ns: &NetNs, interface: &str) -> Vec<IpAddr> {
    let text = ns.ip(&format!("-j -6 address show dev {interface} scope link")).unwrap();
    let links: Value = serde_json::from_str(&text).unwrap();
    let addresses = links.as_array().into_iter().flatten();
    addresses
        .flat_map(|link| link["addr_info"].as_array().cloned().unwrap_or_default())
        .filter_map(|a| a["local"].as_str()?.parse().ok())
        .collect()
}

/// Waits until host `to`'s IPv4 prefix is in our kernel through exactly these legs, all IPv6 gateways.
#[track_caller]
pub(crate) fn wait_legs(ns: &NetNs, to: u8, legs: &[(IpAddr, &str)]) {
    let seen = wait::eventually("legs of the kernel route", || {
        let routes = ns.kernel_routes(KERNEL_PROTOCOL)?;
        let prefix = format!("10.0.{to}.0/24");
        let route = routes.iter().find(|r| r["dst"] == prefix.as_str()).context("no route")?;
        let hops = route["nexthops"].as_array().cloned();
        let hops = hops.unwrap_or_else(|| vec![route.clone()]);
        let mut found: Vec<(IpAddr, String)> = hops
            .iter()
            .map(|hop| {
                ensure!(hop["via"]["family"] == "inet6", "{hop}");
                let gateway = hop["via"]["host"].as_str().context("gateway")?.parse()?;
                Ok((gateway, hop["dev"].as_str().context("dev")?.to_owned()))
            })
            .collect::<Result<_>>()?;
        found.sort_by(|a, b| a.1.cmp(&b.1));
        let want: Vec<_> = legs.iter().map(|(a, dev)| (*a, (*dev).to_owned())).collect();
        ensure!(found == want, "{found:?}, not {want:?}");
        Ok(())
    });
    seen.unwrap();
}
