//! What this node says about the way to a neighbour: links, addresses, the kernel's route, segments
//! that TCP has dropped.
//!
//! Gathered when asked for, from the namespace the daemon runs in: getifaddrs(3), the choice the
//! kernel makes for a datagram socket (nothing is sent), and the counters of
//! `/proc/thread-self/net/netstat`, which count the whole namespace since its beginning and are
//! therefore compared with what they were when the speaker was started.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::SockaddrStorage;
use socket2::{Domain, Socket, Type};

use crate::view::PeerView;

/// What this node says about the way to one neighbour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Whether links and addresses could be read; without that their absence means nothing.
    pub interfaces_known: bool,
    /// Links.
    pub interfaces: Vec<InterfaceFact>,
    /// Addresses of all links.
    pub addresses: BTreeSet<IpAddr>,
    /// How the kernel would send to the neighbour.
    pub route: RouteFact,
    /// Sockets the router accepts connections on.
    pub listening: Vec<SocketAddr>,
    /// Segments dropped since the speaker was started.
    pub drops: SegmentDrops,
    /// Received routes that were looked at, by status.
    pub statuses: BTreeMap<String, u64>,
}

/// A link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InterfaceFact {
    /// Its name.
    pub name: String,
    /// Administratively up.
    pub up: bool,
    /// Has a carrier.
    pub running: bool,
    /// Addresses with the length of their prefix, and the other end of a point-to-point link.
    pub networks: Vec<(IpAddr, u8, Option<IpAddr>)>,
}

/// How the kernel would send to a neighbour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RouteFact {
    /// Not asked.
    #[default]
    Unknown,
    /// Over a connected subnet.
    Connected {
        /// The address we send from.
        source: IpAddr,
        /// The interface that has it.
        interface: Option<String>,
    },
    /// Through a router.
    Gateway {
        /// The address we send from.
        source: IpAddr,
        /// The interface that has it.
        interface: Option<String>,
    },
    /// No route; the system's words.
    None(String),
    /// A blackhole, unreachable or prohibit route; the system's words.
    Blocked(String),
}

/// Segments that TCP dropped before a connection saw them.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct SegmentDrops {
    /// No signature where a key is set (TCPMD5NotFound, TCPAORequired).
    pub not_found: u64,
    /// A signature where no key is set (TCPMD5Unexpected, TCPAOKeyNotFound).
    pub unexpected: u64,
    /// A signature by another key (TCPMD5Failure, TCPAOBad).
    pub failure: u64,
    /// A TTL below the least accepted (TCPMinTTLDrop).
    pub min_ttl: u64,
}

/// The counters when the speaker was started.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Baseline(SegmentDrops);

impl Baseline {
    /// As they are now.
    pub(crate) fn now() -> Self {
        Self(SegmentDrops::read())
    }
}

impl SegmentDrops {
    fn read() -> Self {
        // Not there outside Linux or without procfs: then nothing is known to be dropped.
        Self::parse(&std::fs::read_to_string("/proc/thread-self/net/netstat").unwrap_or_default())
    }

    /// Lines come in pairs: names, values.
    fn parse(text: &str) -> Self {
        let mut drops = Self::default();
        let mut lines = text.lines();
        while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
            for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
                let Ok(value) = value.parse::<u64>() else { continue };
                match name {
                    "TCPMD5NotFound" | "TCPAORequired" => drops.not_found += value,
                    "TCPMD5Unexpected" | "TCPAOKeyNotFound" => drops.unexpected += value,
                    "TCPMD5Failure" | "TCPAOBad" => drops.failure += value,
                    "TCPMinTTLDrop" => drops.min_ttl += value,
                    _ => {}
                }
            }
        }
        drops
    }

    /// Those for what is signed, or not signed.
    pub(super) fn signatures(self) -> u64 {
        self.not_found + self.unexpected + self.failure
    }

    fn since(self, before: Self) -> Self {
        Self {
            not_found: self.not_found.saturating_sub(before.not_found),
            unexpected: self.unexpected.saturating_sub(before.unexpected),
            failure: self.failure.saturating_sub(before.failure),
            min_ttl: self.min_ttl.saturating_sub(before.min_ttl),
        }
    }
}

impl HostFacts {
    /// What holds for all neighbours.
    pub(crate) fn gather(baseline: Baseline) -> Self {
        let interfaces = interfaces();
        Self {
            interfaces_known: interfaces.is_ok(),
            addresses: interfaces
                .iter()
                .flatten()
                .flat_map(|link| link.networks.iter().map(|(address, _, _)| *address))
                .collect(),
            interfaces: interfaces.unwrap_or_default(),
            drops: SegmentDrops::read().since(baseline.0),
            ..Self::default()
        }
    }

    /// The same with what holds for this neighbour.
    pub(crate) fn towards(&self, peer: &PeerView) -> Self {
        let route = match peer.address {
            Some(address) => self.route_to(address, peer),
            None => RouteFact::Unknown,
        };
        Self { route, ..self.clone() }
    }

    /// The link of this name.
    pub(super) fn interface(&self, name: &str) -> Option<&InterfaceFact> {
        self.interfaces.iter().find(|link| link.name == name)
    }

    /// The names of all links.
    pub(super) fn interface_names(&self) -> String {
        self.interfaces.iter().map(|link| link.name.as_str()).collect::<Vec<_>>().join(", ")
    }

    /// The address the neighbour sees us come from.
    pub(super) fn source(&self, peer: &PeerView) -> Option<IpAddr> {
        match &self.route {
            RouteFact::Connected { source, .. } | RouteFact::Gateway { source, .. } => {
                Some(*source)
            }
            _ => peer.configured.local_address,
        }
    }

    fn route_to(&self, address: IpAddr, peer: &PeerView) -> RouteFact {
        let scope = peer.interface.as_deref().and_then(|name| if_nametoindex(name).ok());
        let local = peer.configured.local_address.filter(|a| a.is_ipv4() == address.is_ipv4());
        match chosen_source(address, scope, local, peer.configured.bind_device.as_deref()) {
            Ok(source) => {
                let is_ours =
                    |link: &&InterfaceFact| link.networks.iter().any(|(own, _, _)| *own == source);
                let interface = match &peer.interface {
                    Some(name) => Some(name.clone()),
                    None => self.interfaces.iter().find(is_ours).map(|link| link.name.clone()),
                };
                let networks = self.interfaces.iter().flat_map(|link| &link.networks);
                let connected = is_link_local(address)
                    || networks.clone().any(|network| contains(network, address));
                match connected {
                    true => RouteFact::Connected { source, interface },
                    false => RouteFact::Gateway { source, interface },
                }
            }
            Err(error) => match error.kind() {
                io::ErrorKind::NetworkUnreachable => RouteFact::None(error.to_string()),
                io::ErrorKind::HostUnreachable
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::InvalidInput => RouteFact::Blocked(error.to_string()),
                _ => RouteFact::Unknown,
            },
        }
    }
}

/// The address the kernel sends from; a datagram socket is connected, which sends nothing.
fn chosen_source(
    address: IpAddr,
    scope: Option<u32>,
    local: Option<IpAddr>,
    device: Option<&str>,
) -> io::Result<IpAddr> {
    let remote = match address {
        IpAddr::V4(_) => SocketAddr::new(address, 179),
        IpAddr::V6(v6) => SocketAddrV6::new(v6, 179, 0, scope.unwrap_or(0)).into(),
    };
    let socket = Socket::new(Domain::for_address(remote), Type::DGRAM, None)?;
    if let Some(device) = device {
        socket.bind_device(Some(device.as_bytes()))?;
    }
    if let Some(local) = local {
        socket.bind(&SocketAddr::new(local, 0).into())?;
    }
    socket.connect(&remote.into())?;
    let source = socket.local_addr()?.as_socket().map(|source| source.ip());
    source.ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
}

fn interfaces() -> io::Result<Vec<InterfaceFact>> {
    let mut links: Vec<InterfaceFact> = Vec::new();
    for entry in getifaddrs().map_err(io::Error::from)? {
        let known = links.iter().position(|link| link.name == entry.interface_name);
        let ix = known.unwrap_or_else(|| {
            links.push(InterfaceFact {
                name: entry.interface_name.clone(),
                up: entry.flags.contains(InterfaceFlags::IFF_UP),
                running: entry.flags.contains(InterfaceFlags::IFF_RUNNING),
                networks: Vec::new(),
            });
            links.len() - 1
        });
        if let Some(address) = entry.address.as_ref().and_then(ip) {
            let length = entry.netmask.as_ref().and_then(ip).map_or(0, prefix_length);
            let far = entry.destination.as_ref().and_then(ip);
            links[ix].networks.push((address, length, far));
        }
    }
    Ok(links)
}

fn ip(storage: &SockaddrStorage) -> Option<IpAddr> {
    match (storage.as_sockaddr_in(), storage.as_sockaddr_in6()) {
        (Some(v4), _) => Some(v4.ip().into()),
        (_, Some(v6)) => Some(v6.ip().into()),
        _ => None,
    }
}

fn prefix_length(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(v4) => u32::from(v4).leading_ones(),
        IpAddr::V6(v6) => u128::from(v6).leading_ones(),
    };
    u8::try_from(ones).unwrap_or(128)
}

fn contains((own, length, far): &(IpAddr, u8, Option<IpAddr>), address: IpAddr) -> bool {
    if *own == address || *far == Some(address) {
        return true;
    }
    match (own, address) {
        (IpAddr::V4(own), IpAddr::V4(address)) => {
            let mask = |a: Ipv4Addr| u32::from(a).checked_shr(32 - u32::from((*length).min(32)));
            mask(*own) == mask(address)
        }
        (IpAddr::V6(own), IpAddr::V6(address)) => {
            let mask = |a: Ipv6Addr| u128::from(a).checked_shr(128 - u32::from((*length).min(128)));
            mask(*own) == mask(address)
        }
        _ => false,
    }
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn counters_of_the_kernel_are_found_by_name() {
        let text = "TcpExt: SyncookiesSent TCPMD5NotFound TCPMD5Failure TCPMinTTLDrop\n\
                    TcpExt: 7 3 2 1\nIpExt: InNoRoutes\nIpExt: 9\n";
        let drops = SegmentDrops::parse(text);
        assert_eq!((drops.not_found, drops.unexpected, drops.failure, drops.min_ttl), (3, 0, 2, 1));
        let later = SegmentDrops { failure: 5, ..drops };
        assert_eq!(later.since(drops), SegmentDrops { failure: 3, ..SegmentDrops::default() });
    }

    #[test]
    fn a_subnet_holds_its_addresses_and_no_others() {
        let a = |text: &str| -> IpAddr { text.parse().unwrap() };
        let net = (a("192.0.2.1"), 24, None);
        assert!(contains(&net, a("192.0.2.200")) && !contains(&net, a("192.0.3.1")));
        let pair = (a("192.0.2.1"), 31, None);
        assert!(contains(&pair, a("192.0.2.0")) && !contains(&pair, a("192.0.2.2")));
        let host = (a("192.0.2.1"), 32, Some(a("198.51.100.1")));
        assert!(contains(&host, a("198.51.100.1")) && !contains(&host, a("192.0.2.2")));
        let six = (a("2001:db8::1"), 64, None);
        assert!(contains(&six, a("2001:db8::ffff")) && !contains(&six, a("2001:db8:1::1")));
        assert!(!contains(&six, a("192.0.2.1")));
        assert!(contains(&(a("::1"), 0, None), a("2001:db8::1")), "a prefix of length 0 holds all");
    }

    #[test]
    fn the_way_to_ourselves_is_connected() {
        let facts = HostFacts::gather(Baseline::now());
        assert!(facts.interfaces_known && facts.interface("lo").is_some());
        assert_eq!(facts.drops, SegmentDrops::default());
        let peer = PeerView { address: Some(a_loopback()), ..PeerView::default() };
        let RouteFact::Connected { source, interface } = facts.towards(&peer).route else {
            panic!("{:?}", facts.towards(&peer).route)
        };
        assert_eq!((source, interface.as_deref()), (a_loopback(), Some("lo")));
    }

    fn a_loopback() -> IpAddr {
        Ipv4Addr::LOCALHOST.into()
    }
}
