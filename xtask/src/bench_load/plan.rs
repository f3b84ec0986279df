//! Who speaks with the daemon, in words that every driver can write down in its own language.

use std::net::Ipv4Addr;

use testkit::load::{IPV4_UNICAST, SubsequentFamily};

/// AS of the daemon under test, private and beyond 16 bits.
pub(super) const DAEMON_AS: u32 = 4_200_000_001;
/// BGP Identifier of the daemon, also its cluster identifier.
pub(super) const ROUTER_ID: Ipv4Addr = Ipv4Addr::new(10, 255, 0, 1);
/// Hold time configured on every daemon, in seconds.
pub(super) const HOLD_TIME: u16 = 240;

/// Where a peer sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// A peer that sends, number so and so.
    Feed(u16),
    /// A peer that receives.
    Receiver(u16),
}

impl Seat {
    /// Its own address.
    pub(super) fn address(self) -> Ipv4Addr {
        let (side, number) = match self {
            Self::Feed(number) => (0xc612_8000, number),
            Self::Receiver(number) => (0xc613_8000, number),
        };
        assert!(number < 0x7000, "the subnet has room for 28,672 peers");
        Ipv4Addr::from(side + 1 + u32::from(number))
    }

    /// The daemon's address on the same subnet.
    pub(super) const fn daemon(self) -> Ipv4Addr {
        match self {
            Self::Feed(_) => Ipv4Addr::new(198, 18, 0, 1),
            Self::Receiver(_) => Ipv4Addr::new(198, 19, 0, 1),
        }
    }

    /// Its AS on an external session.
    pub(super) fn asn(self) -> u32 {
        match self {
            Self::Feed(number) => 4_200_100_000 + u32::from(number),
            Self::Receiver(number) => 4_200_200_000 + u32::from(number),
        }
    }
}

/// What the daemon is to those around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// External sessions with all; everything is passed on with the daemon as next hop.
    Transit,
    /// Internal sessions with all, each a client (RFC 4456); nothing is changed on the way.
    Reflector,
}

/// One run's neighbours.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// What the daemon is.
    pub(super) role: Role,
    /// The one family of all sessions.
    pub(super) family: SubsequentFamily,
    /// Everybody who may connect; the daemon waits.
    pub(super) seats: Vec<Seat>,
}

impl Plan {
    /// IPv4 between external neighbours.
    pub(super) fn transit(feeds: u16, receivers: u16) -> Self {
        let seats = (0..feeds).map(Seat::Feed).chain((0..receivers).map(Seat::Receiver)).collect();
        Self { role: Role::Transit, family: IPV4_UNICAST, seats }
    }

    /// The AS of a neighbour.
    pub(super) fn asn(&self, seat: Seat) -> u32 {
        match self.role {
            Role::Transit => seat.asn(),
            Role::Reflector => DAEMON_AS,
        }
    }

    /// Whether the sessions carry VPN-IPv4.
    pub(super) fn is_vpn(&self) -> bool {
        self.family != IPV4_UNICAST
    }
}
