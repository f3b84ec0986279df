//! What the kernel tells: links, addresses, routes, as plain data.
//!
//! Made by [`crate::monitor()`], consumed by whoever subscribes and by [`crate::KernelView`]. A stream
//! is a full dump, then [`KernelEvent::Synced`], then changes. When the kernel had to drop
//! notifications the stream says [`KernelEvent::Reset`] and starts over with a full dump.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::Serialize;
use smallvec::SmallVec;

use crate::route::Hop;

/// One piece of kernel state. Routes of our own protocol are never reported.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum KernelEvent {
    /// Forget everything: notifications were lost, a new dump follows.
    Reset,
    /// A link exists, new or changed.
    Link(Link),
    /// A link is gone, and with it its addresses.
    LinkGone {
        /// Interface index.
        index: u32,
    },
    /// An address exists, new or changed.
    Address(Address),
    /// An address is gone.
    AddressGone(Address),
    /// A route that is not ours exists, new or changed.
    Route(KernelRoute),
    /// A route that is not ours is gone.
    RouteGone(KernelRoute),
    /// The dump is complete; what follows are changes.
    Synced,
}

/// A network interface.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Link {
    /// Interface index, at least 1.
    pub index: u32,
    /// Name, such as `eth0`.
    pub name: String,
    /// Administratively up.
    pub up: bool,
    /// The other end is there (lower layer up).
    pub carrier: bool,
    /// The loopback interface.
    pub loopback: bool,
    /// MTU in bytes.
    pub mtu: u32,
    /// Index of the bridge, bond or VRF this link belongs to.
    pub master: Option<u32>,
}

impl Link {
    /// Up with carrier: packets can leave.
    pub fn is_usable(&self) -> bool {
        self.up && self.carrier
    }
}

/// An address of an interface.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Serialize)]
pub struct Address {
    /// Interface index.
    pub ifindex: u32,
    /// Our own address.
    pub addr: IpAddr,
    /// Length of the connected prefix.
    pub prefix_len: u8,
    /// Duplicate detection is still running or has failed; the address cannot be used yet.
    pub tentative: bool,
}

/// What a route does with a packet.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RouteKind {
    /// Forward it.
    Unicast,
    /// It is for us.
    Local,
    /// Drop or refuse it (blackhole, unreachable, prohibit).
    Discard,
    /// Broadcast, multicast, anycast and others.
    Other,
}

/// A route as the kernel shows it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct KernelRoute {
    /// Routing table.
    pub table: u32,
    /// Who made it (`rtm_protocol`; 2 kernel, 3 boot, 4 static).
    pub protocol: u8,
    /// Destination.
    pub prefix: IpNet,
    /// Metric (priority); lower wins.
    pub metric: u32,
    /// What it does.
    pub kind: RouteKind,
    /// Next hops, sorted; empty for routes that do not forward.
    pub next_hops: SmallVec<[Hop; 4]>,
    /// It took the place of the route with the same prefix and metric.
    pub replaces: bool,
}
