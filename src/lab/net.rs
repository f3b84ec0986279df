//! Links, addresses and routes of one namespace, by netlink: what `ip link`, `ip address` and
//! `ip route` would do, without needing them.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::RawFd;

use futures_util::TryStreamExt;
use ipnet::IpNet;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags};
use rtnetlink::packet_route::link::{InfoData, InfoVeth, LinkAttribute};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteMessage, RouteNextHop, RouteProtocol, RouteVia,
};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};
use tokio::runtime::Runtime;

/// The netlink socket of a namespace. Every call blocks until the kernel has answered.
#[derive(Debug)]
pub(super) struct Net {
    runtime: Runtime,
    handle: Handle,
}

/// A kernel route, as far as the lab looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KernelRoute {
    pub(super) prefix: IpNet,
    pub(super) protocol: u8,
    pub(super) hops: Vec<KernelHop>,
}

/// One leg of a [`KernelRoute`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KernelHop {
    pub(super) via: Option<IpAddr>,
    pub(super) dev: String,
}

/// One end of a veth pair.
#[derive(Clone, Debug)]
pub(super) struct VethEnd {
    pub(super) name: String,
    /// Interface index to ask for.
    pub(super) index: u32,
}

impl Net {
    /// Opens a netlink socket in the namespace of the calling thread.
    pub(super) fn open() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let guard = runtime.enter();
        let (connection, handle, _) = rtnetlink::new_connection()?;
        drop(guard);
        runtime.spawn(connection);
        Ok(Self { runtime, handle })
    }

    /// Makes a veth pair: `here` in this namespace, `there` in the one of `namespace`.
    ///
    /// Both ends carry an index of their own. The kernel tells about carrier loss at once only on
    /// devices whose index differs from their peer's; equal ones wait for the next tick of up to a
    /// second, which no real network card does.
    pub(super) fn add_veth(
        &self,
        here: &VethEnd,
        there: &VethEnd,
        namespace: RawFd,
    ) -> Result<(), NetError> {
        let peer = LinkMessageBuilder::<LinkUnspec>::new()
            .name(there.name.clone())
            .index(there.index)
            .setns_by_fd(namespace)
            .build();
        let message = LinkMessageBuilder::<LinkVeth>::new(&here.name, &there.name)
            .index(here.index)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .build();
        self.block(format!("link {}", here.name), self.handle.link().add(message).execute())
    }

    /// Brings a link up or takes it down.
    pub(super) fn set_up(&self, name: &str, up: bool) -> Result<(), NetError> {
        let link = LinkUnspec::new_with_name(name);
        let message = if up { link.up() } else { link.down() }.build();
        self.block(format!("link {name}"), self.handle.link().set(message).execute())
    }

    /// Adds an address, usable at once: no duplicate detection on a cable of two.
    pub(super) fn add_address(&self, link: &str, address: IpNet) -> Result<(), NetError> {
        let index = nix::net::if_::if_nametoindex(link)
            .map_err(|e| NetError { what: format!("link {link}"), why: e.desc().to_owned() })?;
        let mut request =
            self.handle.address().add(index, address.addr(), address.prefix_len()).replace();
        if address.addr().is_ipv6() {
            let flags = AddressAttribute::Flags(AddressFlags::Nodad);
            request.message_mut().attributes.push(flags);
        }
        self.block(format!("address {address} on {link}"), request.execute())
    }

    /// The routes of the main tables that `protocol` marks, IPv4 then IPv6.
    pub(super) fn routes(&self, protocol: u8) -> Result<Vec<KernelRoute>, NetError> {
        let v4 = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let v6 = RouteMessageBuilder::<Ipv6Addr>::new().build();
        let names = self.link_names()?;
        let mut routes: Vec<KernelRoute> = Vec::new();
        for family in [v4, v6] {
            let dump = self.handle.route().get(family).execute().try_collect::<Vec<_>>();
            let messages = self.block("route dump".to_owned(), dump)?;
            for message in &messages {
                let Some(route) = route_of(message, &names) else { continue };
                if route.protocol != protocol {
                    continue;
                }
                // IPv6 may list the legs of one route as several messages.
                match routes.iter_mut().find(|r| r.prefix == route.prefix) {
                    Some(known) => known.hops.extend(route.hops),
                    None => routes.push(route),
                }
            }
        }
        routes.iter_mut().for_each(|r| r.hops.sort_by(|a, b| a.dev.cmp(&b.dev)));
        Ok(routes)
    }

    fn link_names(&self) -> Result<Vec<(u32, String)>, NetError> {
        let dump = self.handle.link().get().execute().try_collect::<Vec<_>>();
        let links = self.block("link dump".to_owned(), dump)?;
        let name = |attributes: &[LinkAttribute]| {
            attributes.iter().find_map(|a| match a {
                LinkAttribute::IfName(name) => Some(name.clone()),
                _ => None,
            })
        };
        Ok(links.iter().filter_map(|l| Some((l.header.index, name(&l.attributes)?))).collect())
    }

    fn block<T>(
        &self,
        what: String,
        future: impl Future<Output = Result<T, rtnetlink::Error>>,
    ) -> Result<T, NetError> {
        self.runtime.block_on(future).map_err(|e| NetError { what, why: reason(&e) })
    }
}

fn reason(e: &rtnetlink::Error) -> String {
    match e {
        rtnetlink::Error::NetlinkError(message) => message.to_io().to_string(),
        other => other.to_string(),
    }
}

fn route_of(message: &RouteMessage, names: &[(u32, String)]) -> Option<KernelRoute> {
    let mut prefix = None;
    let mut legs = Vec::new();
    let mut single = (None, None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(address) => prefix = ip(address),
            RouteAttribute::Oif(index) => single.1 = Some(*index),
            RouteAttribute::MultiPath(hops) => legs.extend(
                hops.iter()
                    .map(|hop: &RouteNextHop| (gateway(&hop.attributes), hop.interface_index)),
            ),
            _ => {}
        }
    }
    single.0 = gateway(&message.attributes);
    if let (true, (via, Some(index))) = (legs.is_empty(), single) {
        legs.push((via, index));
    }
    let name = |index| {
        names
            .iter()
            .find(|(known, _)| *known == index)
            .map_or_else(|| format!("if{index}"), |(_, name)| name.clone())
    };
    Some(KernelRoute {
        prefix: IpNet::new(prefix?, message.header.destination_prefix_length).ok()?,
        protocol: protocol_number(message.header.protocol),
        hops: legs.into_iter().map(|(via, index)| KernelHop { via, dev: name(index) }).collect(),
    })
}

fn protocol_number(protocol: RouteProtocol) -> u8 {
    protocol.into()
}

fn gateway(attributes: &[RouteAttribute]) -> Option<IpAddr> {
    attributes.iter().find_map(|a| match a {
        RouteAttribute::Gateway(address) => ip(address),
        RouteAttribute::Via(RouteVia::Inet(address)) => Some(IpAddr::V4(*address)),
        RouteAttribute::Via(RouteVia::Inet6(address)) => Some(IpAddr::V6(*address)),
        _ => None,
    })
}

fn ip(address: &RouteAddress) -> Option<IpAddr> {
    match address {
        RouteAddress::Inet(address) => Some(IpAddr::V4(*address)),
        RouteAddress::Inet6(address) => Some(IpAddr::V6(*address)),
        _ => None,
    }
}

/// The way `ip route` says it.
impl fmt::Display for KernelRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.prefix)?;
        for hop in &self.hops {
            if self.hops.len() > 1 {
                write!(f, "  nexthop")?;
            }
            if let Some(via) = hop.via {
                write!(f, " via {via}")?;
            }
            write!(f, " dev {}", hop.dev)?;
        }
        write!(f, "  proto {}", self.protocol)
    }
}

/// The kernel refused to build the network.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {why}")]
pub(super) struct NetError {
    what: String,
    why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_read_like_ip_route() {
        let hop = |via: &str, dev: &str| KernelHop { via: via.parse().ok(), dev: dev.into() };
        let mut route = KernelRoute {
            prefix: "10.10.10.10/32".parse().unwrap(),
            protocol: 179,
            hops: vec![hop("10.1.0.1", "node1"), hop("10.1.0.3", "node2")],
        };
        assert_eq!(
            route.to_string(),
            "10.10.10.10/32  nexthop via 10.1.0.1 dev node1  nexthop via 10.1.0.3 dev node2  proto 179"
        );
        route.hops.truncate(1);
        assert_eq!(route.to_string(), "10.10.10.10/32 via 10.1.0.1 dev node1  proto 179");
    }
}
