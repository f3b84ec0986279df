//! What the lab shows, in order. Each step waits until the thing is there and says so; a thing not
//! seen in time ends the story with its name.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use fib_netlink::DEFAULT_PROTOCOL;
use ipnet::IpNet;
use speaker::view::{PeerView, RouteQuery, RouteTable, RouteView};

use super::net::{KernelRoute, NetError, VethEnd};
use super::probe::{Stream, echo, outage, who_answers};
use super::report::Report;
use super::topology::{ANYCAST, End, FABRIC, Role, address, net};
use super::{Lab, clock};
use crate::cli::Failure;
use crate::control::Request;

/// How often the kernel is looked at while convergence is measured.
const FINE: Duration = Duration::from_micros(500);
/// Traffic before the cut and after the change, so that the stream is known to be whole.
const WARM_UP: Duration = Duration::from_millis(200);

/// Builds, watches, cuts and heals.
pub(super) fn tell(lab: &mut Lab, report: &Report) -> Result<(), Failure> {
    let shares_by_flow = build(lab, report)?;
    start(lab, report)?;
    sessions(lab, report)?;
    anycast_on_leaves(lab, report)?;
    fabric_on_nodes(lab, report)?;
    data(lab, report, shares_by_flow)?;
    cut(lab, report)?;
    heal(lab, report)?;
    report.say(&format!("all was seen, in {:.1} s", report.elapsed().as_secs_f64()))
}

/// Namespaces prepared, links up. Whether the kernels share traffic by flow.
fn build(lab: &Lab, report: &Report) -> Result<bool, Failure> {
    let mut refused = BTreeSet::new();
    for running in &lab.routers {
        refused.extend(running.prepare()?);
    }
    for link in &lab.topology.links {
        let (leaf, node) = (&link.leaf, &link.node);
        let far = lab.routers[node.router].namespace.fd();
        let here = VethEnd { name: leaf.interface.to_owned(), index: leaf.index };
        let there = VethEnd { name: node.interface.to_owned(), index: node.index };
        lab.routers[leaf.router].namespace.run(move |net| net.add_veth(&here, &there, far))?;
        for end in [leaf, node] {
            connect(lab, end)?;
        }
        report.say(&format!(
            "link {} {} -- {} {}",
            lab.routers[node.router].router.name,
            both(&node.addresses),
            both(&leaf.addresses),
            lab.routers[leaf.router].router.name,
        ))?;
    }
    if !refused.is_empty() {
        let names: Vec<_> = refused.iter().copied().collect();
        report.detail(&format!("not settable on this machine: {}", names.join(" ")))?;
    }
    Ok(!refused.iter().any(|name| name.contains("fib_multipath_hash_policy")))
}

fn connect(lab: &Lab, end: &End) -> Result<(), NetError> {
    let end = end.clone();
    lab.routers[end.router].namespace.run(move |net| {
        net.set_up(end.interface, true)?;
        // After the link is up: taking a link down takes its IPv6 addresses away.
        end.addresses.iter().try_for_each(|address| net.add_address(end.interface, *address))
    })
}

fn both(addresses: &[IpNet; 2]) -> String {
    format!("{} {}", addresses[0], addresses[1])
}

fn start(lab: &mut Lab, report: &Report) -> Result<(), Failure> {
    let topology = lab.topology.clone();
    for (index, running) in lab.routers.iter_mut().enumerate() {
        let pid = running.start(&topology, index)?;
        let router = &running.router;
        report.say(&format!("cosmos run as {}, AS {}, process {pid}", router.name, router.asn))?;
    }
    Ok(())
}

/// Every session of every router, each told once when both ends are Established.
fn sessions(lab: &mut Lab, report: &Report) -> Result<(), Failure> {
    let wanted = lab.topology.links.len() * 2;
    // (pair of routers, family) -> ends that are up
    let mut up: BTreeMap<(&str, &str, String), BTreeSet<String>> = BTreeMap::new();
    let mut told = BTreeSet::new();
    report.wait("every BGP session Established", || {
        if let Some(text) = lab.routers.iter_mut().find_map(super::Running::ended) {
            return Err(Failure::Failed(text));
        }
        for running in &lab.routers {
            let own = running.router.name;
            // Not listening yet is no failure here.
            let Ok(peers) = running.client().all::<PeerView>(&Request::Peers { router: None })
            else {
                continue;
            };
            for peer in peers.into_iter().filter(|p| p.state == "Established") {
                let Some((other, family)) = far_end(&peer.name) else { continue };
                let Some(other) = lab.topology.routers.iter().find(|r| r.name == other) else {
                    continue;
                };
                let key = (own.min(other.name), own.max(other.name), family.to_owned());
                up.entry(key).or_default().insert(own.to_owned());
            }
        }
        for (key, ends) in &up {
            if ends.len() == 2 && told.insert(key.clone()) {
                report.say(&format!("session {} -- {} {} Established", key.0, key.1, key.2))?;
            }
        }
        Ok((told.len() == wanted).then_some(()))
    })
}

/// The leaves share the anycast address over both nodes, in their tables and kernels.
fn anycast_on_leaves(lab: &Lab, report: &Report) -> Result<(), Failure> {
    for leaf in ["leaf1", "leaf2"] {
        for prefix in ANYCAST {
            let route = kernel_hops(lab, report, leaf, prefix, 2)?;
            report.say(&format!("{leaf} shares {prefix} over both nodes; its kernel:"))?;
            report.detail(&route.to_string())?;
            let shared = multipath(lab, leaf, prefix)?;
            if shared != BTreeSet::from(["node1".to_owned(), "node2".to_owned()]) {
                return Err(Failure::Failed(format!(
                    "{leaf}'s table shares {prefix} over {shared:?}, its kernel over both nodes"
                )));
            }
        }
    }
    Ok(())
}

/// The nodes reach the fabric and each other through both leaves.
fn fabric_on_nodes(lab: &Lab, report: &Report) -> Result<(), Failure> {
    for (node, other) in [("node1", "node2"), ("node2", "node1")] {
        let loopback = format!("{}/32", lab.router(other).router.loopback);
        report.wait(&format!("{node} knows the fabric"), || {
            Ok(kernel_route(lab, node, FABRIC[0])?.filter(|r| r.hops.len() == 2))
        })?;
        report.say(&format!(
            "{node} reaches the fabric and {other} through both leaves; its kernel:"
        ))?;
        for prefix in [FABRIC[0], FABRIC[1], &loopback] {
            report.detail(&kernel_hops(lab, report, node, prefix, 2)?.to_string())?;
        }
    }
    Ok(())
}

/// Packets, not only routes.
fn data(lab: &Lab, report: &Report, shares_by_flow: bool) -> Result<(), Failure> {
    for running in lab.routers.iter().filter(|r| r.router.role == Role::Fabric) {
        let name = running.router.name;
        let mut addresses: Vec<IpAddr> = ANYCAST.iter().map(|p| address(p)).collect();
        addresses.push(IpAddr::V4(running.router.loopback));
        running.namespace.run(move |_| addresses.into_iter().try_for_each(|a| echo(a, name)))?;
    }
    for prefix in ANYCAST {
        let to = address(prefix);
        let enough = if shares_by_flow { 2 } else { 1 };
        let names = report.wait(&format!("echoes from {to}"), || {
            let names = ask(lab, "leaf1", to)?;
            Ok((names.len() >= enough).then_some(names))
        })?;
        let names: Vec<_> = names.into_iter().collect();
        report.say(&format!("leaf1 sends UDP to {to}; answers from {}", names.join(" and ")))?;
    }
    let (from, to) = (lab.router("node1").router.loopback, lab.router("node2").router.loopback);
    report.wait("echoes from node2 to node1 through the leaves", || {
        let names = ask(lab, "node1", to.into())?;
        Ok(names.contains("node2").then_some(()))
    })?;
    report.say(&format!("node1 ({from}) sends UDP to node2 ({to}) through the leaves; answered"))
}

/// Who answers `router`, asking from its loopback address.
fn ask(lab: &Lab, router: &str, to: IpAddr) -> Result<BTreeSet<String>, Failure> {
    let patience = Duration::from_millis(300);
    let running = lab.router(router);
    let from = running.router.own_address(to.is_ipv6());
    // No way there yet is an answer too: nobody.
    Ok(running.namespace.run(move |_| who_answers(from, to, patience)).unwrap_or_default())
}

/// The cable between node1 and leaf1 is pulled while leaf1 sends to the anycast address.
fn cut(lab: &Lab, report: &Report) -> Result<(), Failure> {
    let to = address(ANYCAST[0]);
    let leaf = lab.router("leaf1");
    let from = leaf.router.own_address(false);
    let stream = leaf.namespace.run(move |_| Stream::start(from, to))?;
    std::thread::sleep(WARM_UP);
    let cable = lab.topology.links[0].node.interface;
    report.say("the cable node1 -- leaf1 is pulled while leaf1 sends to 10.10.10.10")?;
    let cut = clock();
    lab.router("node1").namespace.run(move |net| net.set_up(cable, false))?;
    let mut routes = Vec::new();
    for prefix in ANYCAST {
        let route = kernel_hops(lab, report, "leaf1", prefix, 1)?;
        routes.push((route, cut.elapsed()));
    }
    for (route, after) in &routes {
        report.say(&format!("leaf1's kernel after {:.1} ms:", millis(*after)))?;
        report.detail(&route.to_string())?;
        if route.hops.iter().any(|hop| hop.dev != "node2") {
            return Err(Failure::Failed(format!("leaf1 still sends to the dead link: {route}")));
        }
    }
    let node = kernel_hops(lab, report, "node1", FABRIC[0], 1)?;
    report.say("node1's kernel:")?;
    report.detail(&node.to_string())?;
    traffic(lab, report, stream, cut)
}

fn traffic(lab: &Lab, report: &Report, stream: Stream, cut: Instant) -> Result<(), Failure> {
    // The stream goes on for a while after the routes have changed.
    let (to, settled) = (address(ANYCAST[0]), clock());
    std::thread::sleep(WARM_UP);
    report.wait("answers from node2 alone", || {
        Ok((ask(lab, "leaf1", to)? == BTreeSet::from(["node2".to_owned()])).then_some(()))
    })?;
    let probes = stream.finish();
    let before = probes.iter().filter(|p| p.sent < cut);
    if before.clone().count() == 0 || before.clone().any(|p| !p.answered) {
        return Err(Failure::Failed("packets were lost before the cable was pulled".to_owned()));
    }
    let after = outage(&probes, settled);
    if after.sent == 0 || after.lost > 0 {
        return Err(Failure::Failed(format!(
            "{} of {} packets were lost after the routes had changed",
            after.lost, after.sent
        )));
    }
    let seen = outage(&probes, cut);
    report.say(&match seen.lost {
        0 => format!("traffic flowed on: none of {} packets lost", seen.sent),
        lost => format!(
            "traffic flows again after {:.1} ms; {lost} of {} packets lost",
            millis(seen.lasted),
            seen.sent
        ),
    })
}

/// The cable is plugged in again.
fn heal(lab: &Lab, report: &Report) -> Result<(), Failure> {
    report.say("the cable is plugged in again")?;
    let back = clock();
    connect(lab, &lab.topology.links[0].node)?;
    for prefix in ANYCAST {
        let route = kernel_hops(lab, report, "leaf1", prefix, 2)?;
        let after = back.elapsed().as_secs_f64();
        report
            .say(&format!("leaf1's kernel shares it over both nodes again, after {after:.1} s:"))?;
        report.detail(&route.to_string())?;
    }
    kernel_hops(lab, report, "node1", FABRIC[0], 2)?;
    Ok(())
}

/// Waits until `router`'s kernel has `prefix` with `legs` next hops.
fn kernel_hops(
    lab: &Lab,
    report: &Report,
    router: &str,
    prefix: &str,
    legs: usize,
) -> Result<KernelRoute, Failure> {
    let what = format!("{prefix} with {legs} next hop(s) in {router}'s kernel");
    report.wait_paced(&what, FINE, || {
        Ok(kernel_route(lab, router, prefix)?.filter(|route| route.hops.len() == legs))
    })
}

fn kernel_route(lab: &Lab, router: &str, prefix: &str) -> Result<Option<KernelRoute>, NetError> {
    let prefix = net(prefix.to_owned());
    let routes = lab.router(router).namespace.run(|net| net.routes(DEFAULT_PROTOCOL))?;
    Ok(routes.into_iter().find(|route| route.prefix == prefix))
}

/// The routers that `router`'s table shares `prefix` over.
fn multipath(lab: &Lab, router: &str, prefix: &str) -> Result<BTreeSet<String>, Failure> {
    let query = RouteQuery {
        router: None,
        family: None,
        prefix: Some(prefix.to_owned()),
        table: RouteTable::LocRib,
    };
    let routes: Vec<RouteView> = lab.router(router).client().all(&Request::Routes { query })?;
    let shared = routes.iter().filter(|r| r.best || r.multipath);
    Ok(shared
        .map(|r| far_end(&r.peer).map_or(r.peer.as_str(), |(name, _)| name).to_owned())
        .collect())
}

/// Router and family of a neighbour's name such as `default/leaf1-ipv4`.
fn far_end(peer: &str) -> Option<(&str, &str)> {
    let name = peer.rsplit_once('/').map_or(peer, |(_, name)| name);
    name.rsplit_once('-')
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl From<NetError> for Failure {
    fn from(e: NetError) -> Self {
        Self::Failed(e.to_string())
    }
}
