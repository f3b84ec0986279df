//! Address families: what a row is keyed by, and what else travels in the NLRI.
//!
//! **What it is for.** Everything else in this crate is the same for all families. What differs is
//! behind one small trait, [`TableFamily`]: the key of a row, the type on the wire, and how the two
//! are converted.
//!
//! **How it works.** NLRI of some families hold more than the key: labels (RFC 8277 section 2), and
//! of EVPN routes the segment, the gateway and labels, which "are to be treated as route attributes
//! as opposed to being part of the route" (RFC 7432 section 7.2). That *rest* belongs to the path. It
//! is octets, interned together with the next hop ([`NextHopTable::with_rest`]): next hop and labels
//! say together where packets go, and a path is the same size in every family.
//!
//! ```text
//! NLRI ── split ──> key ──> row          65001:1:192.0.2.0/24
//!              └──> rest ─> next hop id  (203.0.113.1, label 100)
//! NLRI <─ join ─── key, rest
//! ```
//!
//! | family | key | rest |
//! |---|---|---|
//! | IPv4, IPv6 unicast | prefix | nothing |
//! | labelled unicast | prefix | labels |
//! | VPN-IPv4, VPN-IPv6 | distinguisher, prefix | labels |
//! | EVPN | as RFC 7432 section 7 and RFC 9136 section 3.1 say | segment, gateway, labels |
//! | route target membership | all | nothing |
//!
//! **Invariants.** `join` of what `split` gave is the route it was given. [`FAMILIES`] and
//! [`TableFamily::INDEX`] agree.
//!
//! **Cost.** Nothing for unicast: there is no rest, and the key is the route.
//!
//! [`NextHopTable::with_rest`]: crate::NextHopTable::with_rest

mod evpn;
mod labels;

use std::{fmt, hash::Hash};

use bgp_wire::{Family, Nlri, Prefix, RouteTargetMembership, V4Prefix, V6Prefix};

use crate::table::{Table, Tables};

pub use evpn::EvpnRowKey;
pub use labels::{LabeledKey, VpnKey};

/// How many families have a table.
pub const FAMILY_COUNT: usize = 8;

/// The families that have a table, in the order of [`TableFamily::INDEX`].
pub const FAMILIES: [Family; FAMILY_COUNT] = [
    Family::IPV4_UNICAST,
    Family::IPV6_UNICAST,
    Family::IPV4_LABELED,
    Family::IPV6_LABELED,
    Family::IPV4_VPN,
    Family::IPV6_VPN,
    Family::EVPN,
    Family::ROUTE_TARGET,
];

/// Position of a family in [`FAMILIES`] and arrays like it; `None` if it has no table.
pub const fn family_index(family: Family) -> Option<usize> {
    let mut at = 0;
    while at < FAMILY_COUNT {
        let there = FAMILIES[at];
        if there.afi.0 == family.afi.0 && there.safi.0 == family.safi.0 {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// The key of a table's rows, and its family.
pub trait TableFamily:
    Copy + Eq + Ord + Hash + fmt::Debug + fmt::Display + Send + Sync + sealed::Sealed + 'static
{
    /// Position of this family in per-family arrays.
    const INDEX: usize;
    /// The family.
    const FAMILY: Family = FAMILIES[Self::INDEX];
    /// NLRI may hold something beside the key.
    const HAS_REST: bool = false;
    /// Rows may be stations whose moves are counted (RFC 7432 section 15).
    const HAS_STATIONS: bool = false;
    /// A route as it travels.
    type Wire: Nlri;

    /// The key of a route; appends what else it holds to `rest`. `None` for a route that cannot be
    /// kept: it is to be treated as withdrawn where its key is known, else ignored.
    fn split(route: &Self::Wire, rest: &mut Vec<u8>) -> Option<Self>;

    /// The route again. With an empty `rest`, in the form for a withdrawal.
    fn join(self, rest: &[u8]) -> Self::Wire;

    /// The IP prefix that the route is about, which policy looks at.
    fn prefix(&self) -> Option<Prefix>;

    /// Whether this is a station whose moves are counted (RFC 7432 section 15).
    #[inline]
    fn is_station(&self) -> bool {
        false
    }

    #[doc(hidden)]
    fn table(tables: &Tables) -> &Table<Self>;
    #[doc(hidden)]
    fn table_mut(tables: &mut Tables) -> &mut Table<Self>;
}

/// Whether the next hop of a family's routes has to stay what it is: the labels, and in EVPN the VNI
/// and the gateway, mean something only to the router that the next hop is. We forward no labelled
/// packets, so putting ourselves in its place would send them into the void.
pub const fn keeps_next_hop(family: Family) -> bool {
    matches!(
        family,
        Family::IPV4_LABELED
            | Family::IPV6_LABELED
            | Family::IPV4_VPN
            | Family::IPV6_VPN
            | Family::EVPN
    )
}

/// Whether routes of a family go only to those who ask for their route targets, among peers that do
/// so (RFC 4684).
pub const fn is_constrained(family: Family) -> bool {
    matches!(family, Family::IPV4_VPN | Family::IPV6_VPN | Family::EVPN)
}

macro_rules! in_tables {
    ($field:ident) => {
        #[inline]
        fn table(tables: &Tables) -> &Table<Self> {
            &tables.$field
        }

        #[inline]
        fn table_mut(tables: &mut Tables) -> &mut Table<Self> {
            &mut tables.$field
        }
    };
}

macro_rules! plain {
    ($key:ty, $index:expr, $field:ident, $prefix:expr) => {
        impl TableFamily for $key {
            const INDEX: usize = $index;
            type Wire = Self;

            #[inline]
            fn split(route: &Self, _: &mut Vec<u8>) -> Option<Self> {
                Some(*route)
            }

            #[inline]
            fn join(self, _: &[u8]) -> Self {
                self
            }

            #[inline]
            fn prefix(&self) -> Option<Prefix> {
                $prefix(*self)
            }

            in_tables!($field);
        }
    };
}

plain!(V4Prefix, 0, v4, |prefix| Some(Prefix::V4(prefix)));
plain!(V6Prefix, 1, v6, |prefix| Some(Prefix::V6(prefix)));
plain!(RouteTargetMembership, 7, route_target, |_| None);

use in_tables;

mod sealed {
    pub trait Sealed {}
    impl Sealed for bgp_wire::V4Prefix {}
    impl Sealed for bgp_wire::V6Prefix {}
    impl<P> Sealed for super::LabeledKey<P> {}
    impl<P> Sealed for super::VpnKey<P> {}
    impl Sealed for super::EvpnRowKey {}
    impl Sealed for bgp_wire::RouteTargetMembership {}
}

/// Does the same for every family that has a table, its key type called `$p`.
#[macro_export]
macro_rules! each_family {
    ($p:ident => $body:expr) => {
        $crate::each_family!(@ $p $body;
            $crate::keys::V4Prefix,
            $crate::keys::V6Prefix,
            $crate::keys::LabeledKey<$crate::keys::V4Prefix>,
            $crate::keys::LabeledKey<$crate::keys::V6Prefix>,
            $crate::keys::VpnKey<$crate::keys::V4Prefix>,
            $crate::keys::VpnKey<$crate::keys::V6Prefix>,
            $crate::keys::EvpnRowKey,
            $crate::keys::RouteTargetMembership
        )
    };
    (@ $p:ident $body:expr; $($key:ty),*) => {{
        $({
            type $p = $key;
            $body;
        })*
    }};
}

/// Does something for the family with an index, its key type called `$p`; `None` if there is none.
#[macro_export]
macro_rules! with_family {
    ($index:expr, $p:ident => $body:expr) => {
        $crate::with_family!(@ $index, $p $body;
            0 $crate::keys::V4Prefix,
            1 $crate::keys::V6Prefix,
            2 $crate::keys::LabeledKey<$crate::keys::V4Prefix>,
            3 $crate::keys::LabeledKey<$crate::keys::V6Prefix>,
            4 $crate::keys::VpnKey<$crate::keys::V4Prefix>,
            5 $crate::keys::VpnKey<$crate::keys::V6Prefix>,
            6 $crate::keys::EvpnRowKey,
            7 $crate::keys::RouteTargetMembership
        )
    };
    (@ $index:expr, $p:ident $body:expr; $($at:literal $key:ty),*) => {
        match $index {
            $($at => {
                type $p = $key;
                Some($body)
            })*
            _ => None,
        }
    };
}

#[cfg(test)]
mod tests;
