//! BGP tables: interned attributes, best path, multipath, policy, update groups.
//!
//! A [`Rib`] holds what all sessions announced, decides which path of each prefix is best and which
//! ones share its traffic, and lets any number of readers follow the changes. It is a plain data
//! structure: no threads, no sockets, no clock; its owner calls it.
//!
//! ```
//! use std::net::{IpAddr, Ipv4Addr};
//! use bgp_wire::{Asn, Family, FamilySet, NextHop, V4Prefix};
//! use rib::{DecisionConfig, Interest, NextHopKey, PathFlags, PeerInfo, PeerKind, Resolution, Rib};
//!
//! let mut rib = Rib::new(DecisionConfig::default());
//! let peer = rib.add_peer(PeerInfo {
//!     addr: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
//!     ifindex: 0,
//!     asn: Asn(65001),
//!     router_id: Ipv4Addr::new(192, 0, 2, 1),
//!     kind: PeerKind::Ebgp,
//! }).expect("not 65,536 sessions yet");
//!
//! let mut families = FamilySet::EMPTY;
//! families.insert(Family::IPV4_UNICAST);
//! let kernel = rib.register_consumer(Interest::Multipath, families);
//!
//! // ORIGIN IGP, AS_PATH 65001: what an UPDATE carries, in canonical form.
//! let canonical = [0x40, 1, 1, 0, 0x40, 2, 6, 2, 1, 0, 0, 0xfd, 0xe9];
//! let attr = rib.attrs.intern(&canonical);
//! let key = NextHopKey { next_hop: NextHop::V4(Ipv4Addr::new(192, 0, 2, 1)), ifindex: 0 };
//! let next_hop = rib.next_hops.intern_with(key, |_| Resolution::Resolved { metric: 0 });
//! let prefix: V4Prefix = "203.0.113.0/24".parse().expect("a prefix");
//! assert!(rib.announce(peer, 0, prefix, attr, next_hop, PathFlags::NONE).best());
//! rib.attrs.release(attr);           // the row has a reference of its own
//! rib.next_hops.release(next_hop);
//!
//! let mut rows = Vec::new();
//! rib.next_dirty::<V4Prefix>(kernel, 100, &mut rows);
//! assert_eq!(rib.best::<V4Prefix>(rows[0]).expect("one path is the best").peer, peer);
//!
//! rib.peer_down(peer);
//! while rib.sweep(1000) {}
//! rows.clear();
//! rib.next_dirty::<V4Prefix>(kernel, 100, &mut rows);
//! assert_eq!(rib.prefix::<V4Prefix>(rows[0]), prefix);
//! assert!(rib.best::<V4Prefix>(rows[0]).is_none());
//! ```
//!
//! # What it costs
//!
//! | what | bytes | where |
//! |---|---|---|
//! | path | 16 | [`Path`]: attributes 4, next hop 4, path id 4, peer 2, flags 2 |
//! | row, first path included | IPv4 32, IPv6 44 | prefix 8 or 17, block 4, count 2, claims 2 |
//! | row of another family | VPN 40 or 52, EVPN 60 | key 16, 25 or 36 |
//! | next hop with labels | 48 | one for all routes of a VRF, or one a route: see [`NextHopTable::with_rest`] |
//! | index entry | 6 to 11 | 5 at a load of 44 to 87 % |
//! | each further path | 16 to 20 | 17.8 at ten paths a prefix |
//! | attribute set | 60, and its bytes | box 16, summary and count 36, index 6 to 11 |
//! | dirty row | 1/8 a consumer | bitmap, whether dirty or not |
//! | next hop, peer | about 60, 140 | of no weight: there are few |
//!
//! An IPv4 route with one path, attributes of 58 bytes shared by 5.7 routes, and three consumers:
//! row 32, index 8, dirty bits 0.4, its share of a set (118 / 5.7) 21, together 61 bytes. The
//! tables grow in chunks of 4096 rows and 1024 sets, so capacity is use; only the index doubles.
#![forbid(unsafe_code)]

mod attrs;
mod chunks;
mod decide;
mod dirty;
mod explain;
pub mod export;
mod extra;
mod family;
mod feed;
mod ids;
mod next_hop;
mod page;
mod peer;
pub mod policy;
mod ranked;
mod rib;
mod row;
mod stale;
mod sweep;
mod table;

pub use attrs::AttrTable;
pub use decide::{DecisionConfig, Reason};
pub use dirty::Interest;
pub use explain::{ExplainedPath, Explanation, Verdict};
pub use family::{
    FAMILIES, FAMILY_COUNT, TableFamily, family_index, is_constrained, keeps_next_hop,
};
pub use ids::{AttrId, ConsumerIx, GroupIx, NextHopId, OutId, PeerIx, RowId};
pub use next_hop::{NextHopKey, NextHopTable, Resolution};
pub use page::Page;
pub use peer::{PeerCounts, PeerInfo, PeerKind, PeerTable};
pub use rib::{Change, Rib};
pub use row::{Path, PathFlags};
pub use table::{MAX_PATHS, Paths, Table, Tables};

/// The keys of all families' rows.
pub mod keys {
    pub use crate::family::{EvpnRowKey, LabeledKey, VpnKey};
    pub use bgp_wire::{RouteTargetMembership, V4Prefix, V6Prefix};
}
