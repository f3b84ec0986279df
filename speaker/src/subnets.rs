//! The subnets of an interface: who else is on the link.
//!
//! For next hops: one that an external neighbour one hop away names must be on a subnet that we share
//! (RFC 4271 section 6.3), and one on a subnet shared with such a neighbour is passed on to it as it is
//! (section 5.1.3). Read from the system when a session comes up.
//!
//! Invariants: link-local prefixes and single addresses are left out, the first being on every link
//! and the second shared with nobody.

use std::net::IpAddr;

use bgp_wire::{Prefix, V4Prefix, V6Prefix};
use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;

/// Subnets that an interface of ours is on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subnets {
    v4: Vec<V4Prefix>,
    v6: Vec<V6Prefix>,
}

impl Subnets {
    /// Looks at the addresses of an interface.
    pub(crate) fn of(ifindex: u32) -> Self {
        let Ok(all) = getifaddrs() else { return Self::default() };
        let found = all.filter_map(|entry| {
            let (storage, mask) = (entry.address?, entry.netmask?);
            if if_nametoindex(entry.interface_name.as_str()) != Ok(ifindex) {
                return None;
            }
            if let (Some(address), Some(mask)) = (storage.as_sockaddr_in(), mask.as_sockaddr_in()) {
                let len = mask.ip().to_bits().leading_ones();
                return Prefix::new(address.ip().into(), u8::try_from(len).ok()?);
            }
            let (address, mask) = (storage.as_sockaddr_in6()?, mask.as_sockaddr_in6()?);
            let len = mask.ip().to_bits().leading_ones();
            Prefix::new(address.ip().into(), u8::try_from(len).ok()?)
        });
        found.collect()
    }

    /// Whether an address is on one of them.
    pub(crate) fn cover(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(_) => self.v4_of(address).is_some(),
            IpAddr::V6(_) => self.v6_of(address).is_some(),
        }
    }

    /// The IPv4 subnet of an address.
    pub(crate) fn v4_of(&self, address: IpAddr) -> Option<V4Prefix> {
        let IpAddr::V4(address) = address else { return None };
        let host = V4Prefix::new(address, 32)?;
        self.v4.iter().find(|subnet| subnet.covers(&host)).copied()
    }

    /// The IPv6 subnet of an address.
    pub(crate) fn v6_of(&self, address: IpAddr) -> Option<V6Prefix> {
        let IpAddr::V6(address) = address else { return None };
        let host = V6Prefix::new(address, 128)?;
        self.v6.iter().find(|subnet| subnet.covers(&host)).copied()
    }
}

impl FromIterator<Prefix> for Subnets {
    fn from_iter<I: IntoIterator<Item = Prefix>>(all: I) -> Self {
        let mut subnets = Self::default();
        for prefix in all {
            match prefix {
                Prefix::V4(v4) if v4.len() < 32 => subnets.v4.push(v4),
                Prefix::V6(v6) if v6.len() < 128 && !v6.addr().is_unicast_link_local() => {
                    subnets.v6.push(v6);
                }
                Prefix::V4(_) | Prefix::V6(_) => {}
            }
        }
        subnets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_link_local_prefixes_are_no_subnets() {
        let all = ["10.0.0.0/31", "10.0.0.9/32", "fe80::/64", "2001:db8::/64", "2001:db8:1::1/128"];
        let subnets: Subnets = all.iter().map(|text| text.parse().unwrap()).collect();
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(subnets.v4_of(address("10.0.0.1")), Some("10.0.0.0/31".parse().unwrap()));
        assert!(subnets.cover(address("2001:db8::9")));
        for none in ["10.0.0.9", "10.0.0.2", "fe80::1", "2001:db8:1::1"] {
            assert!(!subnets.cover(address(none)), "{none}");
        }
    }

    #[test]
    fn the_loopback_interface_is_on_its_subnet() {
        let loopback = if_nametoindex("lo").expect("every system has one");
        assert!(Subnets::of(loopback).cover(IpAddr::from([127, 0, 0, 5])));
    }
}
