//! What the kernel would do with a packet to a next hop: a pure picture, fed by events.
//!
//! Owned by whoever tracks next hops (the speaker); fed with every [`KernelEvent`] of a subscription.
//! Routes of our own protocol are not part of it, so a BGP route never resolves a BGP next hop.
//! Lookup goes from the longest prefix length in use to the shortest, one hash probe each: at most 33 or
//! 129, in practice about ten. At one length the lowest metric that has a usable link wins, as in the kernel.
//!
//! Invariants: a link that is gone has no addresses; the counts by length equal the routes held.

use std::collections::BTreeMap;
use std::net::IpAddr;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use ipnet::IpNet;
use serde::Serialize;
use smallvec::SmallVec;

use crate::event::{Address, KernelEvent, KernelRoute, Link, RouteKind};
use crate::route::{FibConfig, Hop};

/// How a next hop is reached.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Serialize)]
pub struct Resolved {
    /// The gateway in between; `None` when the next hop is on the link.
    pub gateway: Option<IpAddr>,
    /// Outgoing interface.
    pub ifindex: u32,
    /// Metric of the resolving route; 0 when connected.
    pub metric: u32,
    /// The next hop is on the link itself.
    pub connected: bool,
    /// Length of the resolving prefix; 0 means that only a default route leads there.
    pub prefix_len: u8,
}

/// Links, addresses and routes that are not ours.
#[derive(Debug)]
pub struct KernelView {
    table: u32,
    protocol: u8,
    links: BTreeMap<u32, Link>,
    addresses: Vec<Address>,
    routes: HashMap<IpNet, SmallVec<[Candidate; 1]>, RandomState>,
    lengths: [BTreeMap<u8, usize>; 2],
    synced: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Candidate {
    protocol: u8,
    metric: u32,
    kind: RouteKind,
    next_hops: SmallVec<[Hop; 4]>,
}

impl KernelView {
    /// An empty picture for the table of `config`, without the routes of its protocol.
    pub fn new(config: &FibConfig) -> Self {
        Self {
            table: config.table,
            protocol: config.protocol,
            links: BTreeMap::new(),
            addresses: Vec::new(),
            routes: HashMap::default(),
            lengths: [BTreeMap::new(), BTreeMap::new()],
            synced: false,
        }
    }

    /// Take in one event. Returns whether something that could change a resolution changed.
    pub fn apply(&mut self, event: &KernelEvent) -> bool {
        match event {
            KernelEvent::Reset => {
                self.links.clear();
                self.addresses.clear();
                self.routes.clear();
                self.lengths = [BTreeMap::new(), BTreeMap::new()];
                self.synced = false;
                true
            }
            KernelEvent::Link(link) => {
                self.links.insert(link.index, link.clone()).as_ref() != Some(link)
            }
            KernelEvent::LinkGone { index } => {
                self.addresses.retain(|address| address.ifindex != *index);
                self.links.remove(index).is_some()
            }
            KernelEvent::Address(address) => {
                let same =
                    |a: &&mut Address| a.ifindex == address.ifindex && a.addr == address.addr;
                match self.addresses.iter_mut().find(same) {
                    Some(known) if known == address => false,
                    Some(known) => {
                        *known = *address;
                        true
                    }
                    None => {
                        self.addresses.push(*address);
                        true
                    }
                }
            }
            KernelEvent::AddressGone(gone) => {
                let before = self.addresses.len();
                self.addresses.retain(|a| a.ifindex != gone.ifindex || a.addr != gone.addr);
                self.addresses.len() != before
            }
            KernelEvent::Route(route) => self.is_relevant(route) && self.insert(route),
            KernelEvent::RouteGone(route) => self.is_relevant(route) && self.remove(route),
            KernelEvent::Synced => !std::mem::replace(&mut self.synced, true),
        }
    }

    /// Whether the first dump is complete; before that an answer of "no route" means nothing.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// How the kernel reaches `next_hop`. `scope` is the interface of a link-local address (RFC 4007)
    /// and ignored for others. `None`: no usable route, a discarding route, or one of our own addresses
    /// (which RFC 4271 section 5.1.3 forbids as a next hop).
    pub fn resolve(&self, next_hop: IpAddr, scope: Option<u32>) -> Option<Resolved> {
        if self.is_local(next_hop) || next_hop.is_unspecified() || next_hop.is_multicast() {
            return None;
        }
        if let IpAddr::V6(addr) = next_hop
            && addr.is_unicast_link_local()
        {
            let ifindex = scope.filter(|index| self.is_usable(*index))?;
            return Some(Resolved {
                gateway: None,
                ifindex,
                metric: 0,
                connected: true,
                prefix_len: 64,
            });
        }
        let host = IpNet::from(next_hop);
        for len in self.lengths[family(&host)].keys().rev() {
            let Ok(net) = IpNet::new(next_hop, *len) else { continue };
            let Some(candidates) = self.routes.get(&net.trunc()) else { continue };
            for candidate in candidates {
                if candidate.kind == RouteKind::Discard {
                    return None;
                }
                let usable = |hop: &&Hop| hop.ifindex.is_some_and(|index| self.is_usable(index));
                let Some(hop) = candidate.next_hops.iter().find(usable) else { continue };
                let connected = hop.via.is_none();
                return Some(Resolved {
                    gateway: hop.via,
                    ifindex: hop.ifindex?,
                    metric: if connected { 0 } else { candidate.metric },
                    connected,
                    prefix_len: *len,
                });
            }
        }
        None
    }

    /// Whether the address is one of ours, on any interface.
    pub fn is_local(&self, addr: IpAddr) -> bool {
        self.addresses.iter().any(|address| address.addr == addr)
    }

    /// A link by its index.
    pub fn link(&self, index: u32) -> Option<&Link> {
        self.links.get(&index)
    }

    /// A link by its name.
    pub fn link_by_name(&self, name: &str) -> Option<&Link> {
        self.links.values().find(|link| link.name == name)
    }

    /// All links, by index.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    /// The addresses of an interface that can be used (not tentative).
    pub fn addresses(&self, ifindex: u32) -> impl Iterator<Item = &Address> {
        self.addresses.iter().filter(move |a| a.ifindex == ifindex && !a.tentative)
    }

    /// The usable link-local IPv6 address of an interface.
    pub fn link_local(&self, ifindex: u32) -> Option<std::net::Ipv6Addr> {
        self.addresses(ifindex).find_map(|address| match address.addr {
            IpAddr::V6(addr) if addr.is_unicast_link_local() => Some(addr),
            _ => None,
        })
    }

    fn is_usable(&self, ifindex: u32) -> bool {
        self.links.get(&ifindex).is_some_and(Link::is_usable)
    }

    fn is_relevant(&self, route: &KernelRoute) -> bool {
        route.table == self.table
            && route.protocol != self.protocol
            && matches!(route.kind, RouteKind::Unicast | RouteKind::Discard)
    }

    fn insert(&mut self, route: &KernelRoute) -> bool {
        let new = Candidate {
            protocol: route.protocol,
            metric: route.metric,
            kind: route.kind,
            next_hops: route.next_hops.clone(),
        };
        let candidates = self.routes.entry(route.prefix).or_default();
        if candidates.is_empty() {
            let len = route.prefix.prefix_len();
            *self.lengths[family(&route.prefix)].entry(len).or_default() += 1;
        }
        // Several routes of one prefix and metric may stand side by side (IPv6 connected prefixes,
        // `ip route append`), so only a declared replacement or a shared hop identifies the old one.
        let is_old = |c: &Candidate| {
            c.metric == new.metric
                && (route.replaces
                    || c.kind == new.kind
                        && c.protocol == new.protocol
                        && (c.next_hops.is_empty()
                            || c.next_hops.iter().any(|hop| new.next_hops.contains(hop))))
        };
        if let Some(old) = candidates.iter().find(|c| is_old(c))
            && *old == new
        {
            return false;
        }
        candidates.retain(|c| !is_old(c));
        let at = candidates.partition_point(|c| c.metric <= new.metric);
        candidates.insert(at, new);
        true
    }

    fn remove(&mut self, route: &KernelRoute) -> bool {
        let Some(candidates) = self.routes.get_mut(&route.prefix) else { return false };
        let before = candidates.len();
        let matches = |c: &Candidate| c.metric == route.metric && c.protocol == route.protocol;
        // IPv6 may report the members of a multipath route one by one.
        for candidate in candidates.iter_mut().filter(|c| matches(c)) {
            candidate.next_hops.retain(|hop| !route.next_hops.contains(hop));
        }
        candidates.retain(|c| !matches(c) || !c.next_hops.is_empty());
        let changed = candidates.len() != before || !route.next_hops.is_empty();
        if candidates.is_empty() {
            self.routes.remove(&route.prefix);
            let len = route.prefix.prefix_len();
            if let Some(count) = self.lengths[family(&route.prefix)].get_mut(&len) {
                *count -= 1;
                if *count == 0 {
                    self.lengths[family(&route.prefix)].remove(&len);
                }
            }
        }
        changed
    }
}

fn family(net: &IpNet) -> usize {
    match net {
        IpNet::V4(_) => 0,
        IpNet::V6(_) => 1,
    }
}

#[cfg(test)]
mod tests;
