//! Our own end of a session: which interface it leaves by and what we can be reached as over it.
//!
//! A next hop we announce must be an address of the link the neighbour is on (RFC 4271 section
//! 5.1.3, RFC 2545 section 3): for the session's own family that is the session's local address,
//! for the other family an address of the same interface.
//!
//! Read from the system when a session comes up, with or without a FIB; a session lives on one
//! local address, so the answer holds as long as it does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::SockaddrStorage;

use crate::config::NeighborConfig;

/// Addresses of ours that a neighbour can use as next hops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ends {
    /// Interface that holds the session's local address; 0 when no interface does.
    pub(crate) ifindex: u32,
    pub(crate) v4: Option<Ipv4Addr>,
    /// Global, or unique local, IPv6 address.
    pub(crate) v6: Option<Ipv6Addr>,
    pub(crate) link_local: Option<Ipv6Addr>,
}

impl Ends {
    /// Looks up the interface of the session's local address.
    pub(crate) fn of(local: IpAddr, scope: u32) -> Self {
        Self::among(local, scope, &all_addresses())
    }

    fn among(local: IpAddr, scope: u32, all: &[(u32, IpAddr)]) -> Self {
        let mut ends = Self::from_address(local);
        let found =
            all.iter().find(|(ifindex, a)| *a == local && (scope == 0 || *ifindex == scope));
        let Some(&(ifindex, _)) = found else { return ends };
        ends.ifindex = ifindex;
        for (_, address) in all.iter().filter(|(index, _)| *index == ifindex) {
            match address {
                IpAddr::V4(v4) if ends.v4.is_none() => ends.v4 = Some(*v4),
                IpAddr::V6(v6) if v6.is_unicast_link_local() => {
                    ends.link_local = ends.link_local.or(Some(*v6));
                }
                IpAddr::V6(v6) if ends.v6.is_none() => ends.v6 = Some(*v6),
                _ => {}
            }
        }
        ends
    }

    fn from_address(local: IpAddr) -> Self {
        match local {
            IpAddr::V4(v4) => Self { v4: Some(v4), ..Self::default() },
            IpAddr::V6(v6) if v6.is_unicast_link_local() => {
                Self { link_local: Some(v6), ..Self::default() }
            }
            IpAddr::V6(v6) => Self { v6: Some(v6), ..Self::default() },
        }
    }

    /// Whether the address is one of these.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.v4 == Some(v4),
            IpAddr::V6(v6) => self.v6 == Some(v6) || self.link_local == Some(v6),
        }
    }
}

fn ip(storage: SockaddrStorage) -> Option<IpAddr> {
    match (storage.as_sockaddr_in(), storage.as_sockaddr_in6()) {
        (Some(v4), _) => Some(v4.ip().into()),
        (_, Some(v6)) => Some(v6.ip().into()),
        _ => None,
    }
}

/// Every address of ours with its interface.
fn all_addresses() -> Vec<(u32, IpAddr)> {
    let Ok(all) = getifaddrs() else { return Vec::new() };
    all.filter_map(|entry| {
        let address = ip(entry.address?)?;
        let ifindex = if_nametoindex(entry.interface_name.as_str()).ok()?;
        Some((ifindex, address))
    })
    .collect()
}

/// The local address to use, when one is asked for.
pub(crate) fn local_end(config: &NeighborConfig) -> Result<Option<IpAddr>, String> {
    let (None, Some(interface)) = (config.local_address, &config.local_interface) else {
        return Ok(config.local_address);
    };
    let Some(remote) = config.remote.ip() else { return Ok(None) };
    match address_of(interface, remote) {
        Some(address) => Ok(Some(address)),
        None => Err(format!(
            "interface {interface} has no address that can reach {remote}; give it one or name another \
             update source",
        )),
    }
}

/// An address of the interface of the same kind as `remote`: family, and link-local or not.
pub(crate) fn address_of(interface: &str, remote: IpAddr) -> Option<IpAddr> {
    let index = if_nametoindex(interface).ok()?;
    all_addresses()
        .into_iter()
        .find(|(i, a)| *i == index && kind(*a) == kind(remote))
        .map(|(_, a)| a)
}

/// The interface that has the address's subnet, the longest if several have.
pub(crate) fn link_to(remote: IpAddr) -> Option<u32> {
    let subnets = getifaddrs().ok()?.filter_map(|entry| {
        let (address, mask) = (ip(entry.address?)?, ip(entry.netmask?)?);
        // The kernel gives point-to-point links the far end as the address of the route.
        let far = entry.destination.and_then(ip).unwrap_or(address);
        let length = common_bits(remote, address).max(common_bits(remote, far))?;
        let mask = ipnet::ip_mask_to_prefix(mask).ok()?;
        (length >= mask).then_some((mask, entry.interface_name))
    });
    let (_, name) = subnets.max_by_key(|(mask, _)| *mask)?;
    if_nametoindex(name.as_str()).ok()
}

/// How many leading bits two addresses of a family have in common.
fn common_bits(a: IpAddr, b: IpAddr) -> Option<u8> {
    let zeros = match (a, b) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros(),
        _ => return None,
    };
    u8::try_from(zeros).ok()
}

fn kind(address: IpAddr) -> (bool, bool) {
    match address {
        IpAddr::V4(_) => (true, false),
        IpAddr::V6(v6) => (false, v6.is_unicast_link_local()),
    }
}

/// Whether a device is a VRF, whose connections are none of the default table's.
pub(crate) fn is_vrf(device: &str) -> bool {
    let kind = std::fs::read_to_string(format!("/sys/class/net/{device}/uevent"));
    kind.is_ok_and(|text| text.lines().any(|line| line == "DEVTYPE=vrf"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn other_family_comes_from_the_same_interface() {
        let all = [
            (1, a("127.0.0.1")),
            (2, a("10.0.0.1")),
            (2, a("fe80::2")),
            (2, a("2001:db8:2::1")),
            (3, a("2001:db8:3::1")),
            (3, a("fe80::2")),
        ];
        let ends = Ends::among(a("10.0.0.1"), 0, &all);
        assert_eq!(ends.ifindex, 2);
        assert_eq!(ends.v6, Some("2001:db8:2::1".parse().unwrap()));
        assert_eq!(ends.link_local, Some("fe80::2".parse().unwrap()));
        assert!(ends.contains(a("10.0.0.1")) && !ends.contains(a("2001:db8:3::1")));
        assert_eq!(Ends::among(a("fe80::2"), 3, &all).ifindex, 3, "a scope tells two links apart");
        assert_eq!(Ends::among(a("192.0.2.9"), 0, &all).ifindex, 0);
    }

    #[test]
    fn the_link_to_a_neighbour_is_that_of_its_subnet() {
        assert_eq!(link_to(a("127.1.2.3")), Some(Ends::of(a("127.0.0.1"), 0).ifindex));
        assert_eq!(link_to(a("203.0.113.1")), None);
        assert_eq!(common_bits(a("10.0.0.1"), a("10.0.0.2")), Some(30));
        assert_eq!(common_bits(a("2001:db8::1"), a("2001:db8::1")), Some(128));
        assert_eq!(common_bits(a("10.0.0.1"), a("::1")), None);
    }

    #[test]
    fn loopback_has_an_interface() {
        let ends = Ends::of(a("127.0.0.1"), 0);
        assert_ne!(ends.ifindex, 0);
        assert_eq!(ends.v4, Some(Ipv4Addr::LOCALHOST));
    }
}
