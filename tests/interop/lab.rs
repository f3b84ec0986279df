//! The bench every scenario uses: two namespaces, one link with IPv4 and IPv6, two speakers.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::{Context as _, ensure};
use ipnet::IpNet;
use testkit::cosmos::{Cosmos, Fib, KERNEL_PROTOCOL};
use testkit::daemon::{Config, Kind, Neighbor, Speaker};
use testkit::netns::{End, NetNs};
use testkit::route::{Announcement, Origin, Route, router_id};
use testkit::wait;

/// What a scenario varies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Variant {
    pub(crate) peer: Kind,
    pub(crate) ipv6: bool,
    pub(crate) ebgp: bool,
    pub(crate) four_octet_as: bool,
}

/// Our daemon, its neighbour, and what lies between.
pub(crate) struct Lab {
    pub(crate) variant: Variant,
    pub(crate) ours: Cosmos,
    pub(crate) peer: Box<dyn Speaker>,
    pub(crate) our_ns: Arc<NetNs>,
    peer_ns: Arc<NetNs>,
    pub(crate) our_address: IpAddr,
    pub(crate) peer_address: IpAddr,
}

impl Lab {
    /// Both speakers started, not yet waited for.
    pub(crate) fn new(variant: Variant) -> Self {
        Self::with(variant, |_, _| {})
    }

    /// As [`Lab::new`], with a last change to our and the peer's configuration.
    pub(crate) fn with(variant: Variant, change: impl FnOnce(&mut Config, &mut Config)) -> Self {
        let our_ns = Arc::new(NetNs::new("ours").unwrap());
        let peer_ns = Arc::new(NetNs::new("peer").unwrap());
        our_ns
            .link(
                &End::new("eth0", &["192.0.2.1/24", "2001:db8::1/64"]),
                &peer_ns,
                &End::new("eth0", &["192.0.2.2/24", "2001:db8::2/64"]),
            )
            .unwrap();
        let address = |n: u8| -> IpAddr {
            let text = if variant.ipv6 { format!("2001:db8::{n}") } else { format!("192.0.2.{n}") };
            text.parse().unwrap()
        };
        let (our_address, peer_address) = (address(1), address(2));
        let our_as = if variant.four_octet_as { 4_200_000_001 } else { 65001 };
        let peer_as = our_as + u32::from(variant.ebgp);
        let config = |asn, local, remote, remote_as, n: u8| Config {
            asn,
            router_id: router_id(n),
            neighbors: vec![Neighbor::new(local, remote, remote_as)],
            announcements: vec![rich(variant, n), plain(variant, n)],
            extra: vec![],
        };
        let mut ours = config(our_as, our_address, peer_address, peer_as, 1);
        for announcement in &mut ours.announcements {
            announcement.large_communities.clear(); // no field in our manifests
        }
        let mut theirs = config(peer_as, peer_address, our_address, our_as, 2);
        change(&mut ours, &mut theirs);
        let peer = variant.peer.start(&peer_ns, theirs).unwrap();
        let mut ours =
            Cosmos::new(env!("CARGO_BIN_EXE_cosmos"), &our_ns, ours, Fib::Kernel).unwrap();
        ours.start().unwrap();
        Self { variant, ours, peer, our_ns, peer_ns, our_address, peer_address }
    }

    /// What the peer must see of ours.
    pub(crate) fn expected_at_peer(&self) -> BTreeSet<Route> {
        expected(self.ours.config(), self.our_address, self.variant.ebgp)
    }

    /// What we must see of the peer's.
    pub(crate) fn expected_here(&self) -> BTreeSet<Route> {
        expected(self.peer.config(), self.peer_address, self.variant.ebgp)
    }

    /// Waits until the session is up at both ends, both tables are exactly right, and the kernel
    /// has exactly the peer's prefixes through the peer.
    #[track_caller]
    pub(crate) fn wait_converged(&self) {
        self.demand(
            self.ours
                .wait_established(self.peer_address)
                .and_then(|()| self.peer.wait_established(self.our_address))
                .and_then(|()| self.ours.wait_routes(self.peer_address, &self.expected_here()))
                .and_then(|()| self.peer.wait_routes(self.our_address, &self.expected_at_peer()))
                .and_then(|()| self.wait_kernel()),
        );
    }

    /// The value, or a failure that shows what both sides wrote.
    #[track_caller]
    pub(crate) fn demand<T>(&self, result: anyhow::Result<T>) -> T {
        result.unwrap_or_else(|error| {
            let (ours, peer) = (self.ours.log(), self.peer.log());
            panic!("{:?}: {error:#}\n--- our log\n{ours}\n--- peer's log\n{peer}", self.variant)
        })
    }

    /// Waits until the kernel's routes of ours are exactly the peer's announcements.
    fn wait_kernel(&self) -> anyhow::Result<()> {
        let want: BTreeSet<IpNet> = self.expected_here().iter().map(|r| r.prefix).collect();
        wait::eventually("kernel routes", || {
            let routes = kernel_routes(&self.our_ns)?;
            let seen: BTreeSet<IpNet> = routes.iter().map(|(prefix, _)| *prefix).collect();
            ensure!(seen == want && seen.len() == routes.len(), "kernel has {routes:?}");
            // Over IPv6 the peer may have sent a link-local next hop beside the global one, and
            // then that is the one to use (RFC 2545 section 3).
            let gateways = self.peer_gateways()?;
            let strange =
                routes.iter().find(|(_, via)| via.is_none_or(|via| !gateways.contains(&via)));
            ensure!(strange.is_none(), "{strange:?}: the peer is {gateways:?}");
            Ok(())
        })
    }

    /// Addresses of the peer on the link.
    fn peer_gateways(&self) -> anyhow::Result<BTreeSet<IpAddr>> {
        let text = self.peer_ns.ip("-j address show dev eth0")?;
        let links: serde_json::Value = serde_json::from_str(&text)?;
        let addresses = links[0]["addr_info"].as_array().context("addr_info")?;
        let own: Vec<IpAddr> = addresses
            .iter()
            .map(|a| Ok(a["local"].as_str().context("local")?.parse()?))
            .collect::<anyhow::Result<_>>()?;
        Ok(own
            .into_iter()
            .filter(|a| match a {
                IpAddr::V6(v6) => *a == self.peer_address || v6.is_unicast_link_local(),
                IpAddr::V4(_) => *a == self.peer_address,
            })
            .collect())
    }
}

/// Our routes in the kernel: prefix and gateway.
fn kernel_routes(ns: &NetNs) -> anyhow::Result<Vec<(IpNet, Option<IpAddr>)>> {
    let routes = ns.kernel_routes(KERNEL_PROTOCOL)?;
    routes
        .iter()
        .map(|route| {
            let dst = route["dst"].as_str().unwrap_or_default();
            // Host routes are printed without a length.
            let prefix =
                dst.parse::<IpNet>().or_else(|_| dst.parse::<IpAddr>().map(IpNet::from))?;
            let gateway = route["gateway"].as_str().or_else(|| route["via"]["host"].as_str());
            Ok((prefix, gateway.map(str::parse).transpose()?))
        })
        .collect()
}

fn expected(config: &Config, next_hop: IpAddr, ebgp: bool) -> BTreeSet<Route> {
    config.announcements.iter().map(|a| a.seen_by_neighbor(config.asn, next_hop, ebgp)).collect()
}

/// A route with every attribute a test can ask for. `n` makes it unique.
pub(crate) fn rich(variant: Variant, n: u8) -> Announcement {
    Announcement {
        origin: Origin::Incomplete,
        as_path: vec![64999, 64999],
        med: Some(70),
        local_pref: Some(250),
        communities: vec![(65010, 1), (65010, u16::from(n))],
        large_communities: vec![(4_200_000_009, 1, u32::from(n)), (65010, 2, 3)],
        ..Announcement::new(&prefix(variant, n, 1))
    }
}

/// A route with nothing special. FRR sends a MED with each, so that all do here.
pub(crate) fn plain(variant: Variant, n: u8) -> Announcement {
    Announcement { med: Some(0), ..Announcement::new(&prefix(variant, n, 2)) }
}

/// A prefix of the session's family.
pub(crate) fn prefix(variant: Variant, n: u8, m: u8) -> String {
    if variant.ipv6 { format!("2001:db8:{n}:{m}::/64") } else { format!("10.{n}.{m}.0/24") }
}
