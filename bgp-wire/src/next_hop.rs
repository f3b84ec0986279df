//! The next hop of a route.
//!
//! What for: NEXT_HOP, and the next hop field of MP_REACH_NLRI, as one type.
//! Where: kept beside the attribute set by the tables, because it changes the set's identity for
//! nothing; handed back to the packer.
//! How: three shapes, one for each length on the wire (4, 16, 32 octets).
//! Invariants: `V6WithLinkLocal` has the global address first, as on the wire.
//! References: RFC 4271 section 5.1.3, RFC 2545 section 3, RFC 8950.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Where a route's packets go next.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum NextHop {
    /// An IPv4 address (4 octets).
    V4(Ipv4Addr),
    /// One IPv6 address (16 octets); global or link-local.
    V6(Ipv6Addr),
    /// A global address and the link-local of the same interface (32 octets, RFC 2545).
    V6WithLinkLocal {
        /// The global address; some peers put their link-local or `::` here.
        global: Ipv6Addr,
        /// The link-local address, good only on the link shared with the peer.
        link_local: Ipv6Addr,
    },
}

impl NextHop {
    /// The address to resolve: the global one when there are two.
    pub const fn addr(&self) -> IpAddr {
        match *self {
            Self::V4(addr) => IpAddr::V4(addr),
            Self::V6(addr) | Self::V6WithLinkLocal { global: addr, .. } => IpAddr::V6(addr),
        }
    }

    /// The link-local address, if the next hop has one.
    pub const fn link_local(&self) -> Option<Ipv6Addr> {
        match *self {
            Self::V6WithLinkLocal { link_local, .. } => Some(link_local),
            Self::V6(addr) if addr.is_unicast_link_local() => Some(addr),
            _ => None,
        }
    }

    /// Whether it can be a host on some link: not 0/8, 127/8, 224/3; not `::`, `::1`, ff00::/8.
    ///
    /// A 32-octet next hop is valid when either address is, since peers without a global address
    /// fill the first half with zeros or with the link-local.
    pub const fn is_valid(&self) -> bool {
        match *self {
            Self::V4(addr) => {
                let first = addr.octets()[0];
                first != 0 && first != 127 && first < 224
            }
            Self::V6(addr) => valid_v6(addr),
            Self::V6WithLinkLocal { global, link_local } => {
                valid_v6(global) || link_local.is_unicast_link_local()
            }
        }
    }
}

const fn valid_v6(addr: Ipv6Addr) -> bool {
    !addr.is_unspecified() && !addr.is_loopback() && !addr.is_multicast()
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(addr) => fmt::Display::fmt(addr, f),
            Self::V6(addr) => fmt::Display::fmt(addr, f),
            Self::V6WithLinkLocal { global, link_local } => write!(f, "{global} ({link_local})"),
        }
    }
}

impl From<IpAddr> for NextHop {
    fn from(addr: IpAddr) -> Self {
        match addr {
            IpAddr::V4(addr) => Self::V4(addr),
            IpAddr::V6(addr) => Self::V6(addr),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity() {
        for bad in ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.5", "255.255.255.255", "::", "::1"]
        {
            assert!(!NextHop::from(bad.parse::<IpAddr>().unwrap()).is_valid(), "{bad}");
        }
        for good in ["10.0.0.1", "223.255.255.255", "2001:db8::1", "fe80::1"] {
            assert!(NextHop::from(good.parse::<IpAddr>().unwrap()).is_valid(), "{good}");
        }
        let both = NextHop::V6WithLinkLocal {
            global: Ipv6Addr::UNSPECIFIED,
            link_local: "fe80::1".parse().unwrap(),
        };
        assert!(both.is_valid());
        assert_eq!(both.to_string(), ":: (fe80::1)");
    }
}
