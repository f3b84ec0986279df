//! Routes as the caller wishes them: prefix, next hops, changes, and what identifies ours.
//!
//! Called by everything in this crate; owns nothing. A route is *normal* when host bits are zero,
//! hops are sorted and distinct, weights are at least 1 and a lone hop has weight 1 (the kernel
//! does not store the weight of a lone hop). [`Route::normal`] makes it so or says why the route
//! can never be installed. All maps and comparisons inside the crate hold normal routes only.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::error::{Action, RouteError};

/// Route protocol number that marks our routes unless configured otherwise: BGP's port, and nobody
/// else's number. (186 is what iproute2 calls `bgp`, and daemons that use it sweep it at start; 189
/// to 198 are FRR's.)
pub const DEFAULT_PROTOCOL: u8 = 179;
/// The main routing table.
pub const MAIN_TABLE: u32 = 254;
/// Metric of our IPv4 routes when none is configured: after connected routes (0), before a DHCP default (100).
pub const DEFAULT_METRIC_V4: u32 = 20;
/// Metric of our IPv6 routes when none is configured: after connected routes (256), before the kernel's default (1024).
pub const DEFAULT_METRIC_V6: u32 = 512;

/// Which kernel routes are ours and where they go.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct FibConfig {
    /// Kernel routing table, 1 to 2^32-1; 254 is the main table.
    pub table: u32,
    /// Protocol number that marks our routes; every route that carries it in `table` is ours.
    pub protocol: u8,
    /// Metric (priority) of every route, at least 1. `None`: [`DEFAULT_METRIC_V4`] and [`DEFAULT_METRIC_V6`].
    pub metric: Option<u32>,
}

impl Default for FibConfig {
    fn default() -> Self {
        Self { table: MAIN_TABLE, protocol: DEFAULT_PROTOCOL, metric: None }
    }
}

impl FibConfig {
    /// The metric a route to `prefix` gets.
    pub fn metric_of(&self, prefix: &IpNet) -> u32 {
        self.metric.unwrap_or(match prefix {
            IpNet::V4(_) => DEFAULT_METRIC_V4,
            IpNet::V6(_) => DEFAULT_METRIC_V6,
        })
    }
}

/// One next hop of a route.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash, Serialize, Deserialize)]
pub struct Hop {
    /// Gateway; an IPv6 one for an IPv4 prefix is `via inet6` (RFC 8950). `None`: on the link itself.
    pub via: Option<IpAddr>,
    /// Outgoing interface. `None`: the kernel finds it by the gateway. Needed for a link-local gateway.
    pub ifindex: Option<u32>,
    /// Share of the traffic relative to the other hops, 1 to 255 (0 is taken as 1).
    pub weight: u8,
}

impl Hop {
    /// A hop through a gateway, weight 1.
    pub fn via(gateway: IpAddr) -> Self {
        Self { via: Some(gateway), ifindex: None, weight: 1 }
    }

    /// The same hop, pinned to an interface.
    #[must_use]
    pub fn dev(self, ifindex: u32) -> Self {
        Self { ifindex: Some(ifindex), ..self }
    }

    /// The same hop with another weight.
    #[must_use]
    pub fn weight(self, weight: u8) -> Self {
        Self { weight, ..self }
    }
}

/// A destination and where to send its packets; several hops are equal-cost paths.
#[derive(Clone, Debug, Eq, PartialEq, Hash, Serialize, Deserialize)]
pub struct Route {
    /// Destination; host bits are ignored.
    pub prefix: IpNet,
    /// At least one; order does not matter.
    pub next_hops: SmallVec<[Hop; 4]>,
}

impl Route {
    /// A route from its parts.
    pub fn new(prefix: IpNet, next_hops: impl IntoIterator<Item = Hop>) -> Self {
        Self { prefix, next_hops: next_hops.into_iter().collect() }
    }

    /// The normal form (see the module head), or why this route can never be installed.
    pub fn normal(mut self) -> Result<Self, RouteError> {
        self.prefix = self.prefix.trunc();
        let refuse = |text: &str| {
            Err(RouteError {
                prefix: self.prefix,
                action: Action::Install,
                errno: 0,
                text: text.to_owned(),
            })
        };
        if self.next_hops.is_empty() {
            return refuse("a route needs at least one next hop");
        }
        for hop in &self.next_hops {
            match (hop.via, hop.ifindex) {
                (None, None | Some(0)) => {
                    return refuse("a next hop needs a gateway or an interface");
                }
                (Some(IpAddr::V4(_)), _) if matches!(self.prefix, IpNet::V6(_)) => {
                    return refuse("an IPv6 route cannot have an IPv4 gateway");
                }
                (Some(IpAddr::V6(via)), None | Some(0)) if via.is_unicast_link_local() => {
                    return refuse("a link-local gateway needs an interface");
                }
                _ => {}
            }
        }
        normalise(&mut self.next_hops);
        Ok(self)
    }
}

/// A wish of the caller.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub enum Change {
    /// The route shall be in the kernel exactly so.
    Replace(Route),
    /// No route of ours to this prefix shall be in the kernel.
    Remove(IpNet),
}

impl Change {
    /// The destination that is changed, host bits zero.
    pub fn prefix(&self) -> IpNet {
        match self {
            Self::Replace(route) => route.prefix.trunc(),
            Self::Remove(prefix) => prefix.trunc(),
        }
    }
}

/// Sort, drop doubles, make weights what the kernel stores.
pub(crate) fn normalise(hops: &mut SmallVec<[Hop; 4]>) {
    for hop in hops.iter_mut() {
        hop.weight = hop.weight.max(1);
        hop.ifindex = hop.ifindex.filter(|index| *index != 0);
    }
    hops.sort_unstable();
    hops.dedup_by(|a, b| a.via == b.via && a.ifindex == b.ifindex);
    if let [only] = hops.as_mut_slice() {
        only.weight = 1;
    }
}

/// Whether hops read from the kernel are what was wished; a wish without interface accepts any.
pub(crate) fn satisfies(kernel: &[Hop], wished: &[Hop]) -> bool {
    if kernel.len() != wished.len() {
        return false;
    }
    if kernel == wished {
        return true;
    }
    let mut taken: SmallVec<[bool; 8]> = SmallVec::from_elem(false, kernel.len());
    // Hops that name their interface choose first, so that one without cannot take theirs.
    let (named, free): (Vec<&Hop>, Vec<&Hop>) =
        wished.iter().partition(|hop| hop.ifindex.is_some());
    named.into_iter().chain(free).all(|wish| {
        let found = kernel.iter().zip(taken.iter_mut()).find(|(hop, taken)| {
            !**taken
                && hop.via == wish.via
                && hop.weight == wish.weight
                && (wish.ifindex.is_none() || hop.ifindex == wish.ifindex)
        });
        match found {
            Some((_, taken)) => {
                *taken = true;
                true
            }
            None => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(via: &str, ifindex: Option<u32>, weight: u8) -> Hop {
        Hop { via: Some(via.parse().unwrap()), ifindex, weight }
    }

    #[test]
    fn normal_form_sorts_dedups_and_masks() {
        let route = Route::new(
            "10.1.2.3/16".parse().unwrap(),
            [hop("10.0.0.2", Some(3), 0), hop("10.0.0.1", Some(0), 2), hop("10.0.0.2", Some(3), 1)],
        );
        let normal = route.normal().unwrap();
        assert_eq!(normal.prefix.to_string(), "10.1.0.0/16");
        assert_eq!(
            normal.next_hops.as_slice(),
            [hop("10.0.0.1", None, 2), hop("10.0.0.2", Some(3), 1)]
        );
    }

    #[test]
    fn a_lone_hop_has_weight_one() {
        let route = Route::new("::/0".parse().unwrap(), [hop("fe80::1", Some(2), 9)]);
        assert_eq!(route.normal().unwrap().next_hops[0].weight, 1);
    }

    #[test]
    fn impossible_routes_are_refused_with_a_reason() {
        let refused = |prefix: &str, hops: Vec<Hop>| {
            Route::new(prefix.parse().unwrap(), hops).normal().unwrap_err().text
        };
        assert!(refused("10.0.0.0/8", vec![]).contains("at least one"));
        let nothing = Hop { via: None, ifindex: None, weight: 1 };
        assert!(refused("10.0.0.0/8", vec![nothing]).contains("gateway or an interface"));
        assert!(refused("2001:db8::/32", vec![hop("10.0.0.1", None, 1)]).contains("IPv4 gateway"));
        assert!(refused("10.0.0.0/8", vec![hop("fe80::1", None, 1)]).contains("link-local"));
    }

    #[test]
    fn a_wish_without_interface_accepts_any_interface() {
        let kernel = [hop("10.0.0.1", Some(3), 1), hop("10.0.0.1", Some(4), 1)];
        assert!(satisfies(&kernel, &[hop("10.0.0.1", None, 1), hop("10.0.0.1", Some(3), 1)]));
        assert!(!satisfies(&kernel, &[hop("10.0.0.1", None, 1), hop("10.0.0.1", Some(5), 1)]));
        assert!(!satisfies(&kernel, &[hop("10.0.0.1", None, 1)]));
        assert!(!satisfies(&kernel[..1], &[hop("10.0.0.1", Some(3), 2)]));
    }
}
