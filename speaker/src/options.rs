//! What a neighbour can be asked to do besides the plain session of RFC 4271.
//!
//! Plain data, part of [`NeighborConfig`](crate::NeighborConfig). An absent option is off.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU8;
use std::time::Duration;

use bgp_wire::{Asn, Prefix};

use crate::config::Md5Key;

/// Whom to peer with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Remote {
    /// An address that needs no interface.
    Address(IpAddr),
    /// A link-local address and where it is meaningful.
    LinkLocal {
        /// In fe80::/10.
        address: Ipv6Addr,
        /// Name of the interface.
        interface: String,
    },
    /// Whoever answers on this point-to-point interface (unnumbered).
    Interface(String),
    /// Whoever connects from this prefix: a template of neighbours.
    Range {
        /// Source addresses accepted.
        prefix: Prefix,
        /// Most neighbours at a time.
        limit: u32,
    },
}

impl Remote {
    /// The address, when it is known beforehand.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(*address),
            Self::LinkLocal { address, .. } => Some((*address).into()),
            Self::Interface(_) | Self::Range { .. } => None,
        }
    }

    /// The interface the neighbour is on, when that is configured.
    pub fn interface(&self) -> Option<&str> {
        match self {
            Self::LinkLocal { interface, .. } | Self::Interface(interface) => Some(interface),
            Self::Address(_) | Self::Range { .. } => None,
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::LinkLocal { address, interface } => write!(f, "{address}%{interface}"),
            Self::Interface(interface) => f.write_str(interface),
            Self::Range { prefix, .. } => prefix.fmt(f),
        }
    }
}

/// How segments are protected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// TCP MD5 signature (RFC 2385).
    Md5(Md5Key),
    /// TCP Authentication Option (RFC 5925); never empty, the first key signs what we send.
    Ao(Vec<AoKey>),
}

/// One master key of TCP-AO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AoKey {
    /// 1 to 80 octets.
    pub key: Md5Key,
    /// KeyID of what we send.
    pub send_id: u8,
    /// KeyID of what we accept.
    pub recv_id: u8,
    /// MAC algorithm.
    pub algorithm: AoAlgorithm,
}

/// MAC algorithms of RFC 5926.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum AoAlgorithm {
    /// HMAC-SHA-1-96.
    HmacSha1,
    /// AES-128-CMAC-96.
    Aes128Cmac,
}

/// Another AS on one session.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct LocalAs {
    /// What the neighbour sees.
    pub asn: Asn,
    /// Received paths do not get it prepended.
    pub no_prepend: bool,
    /// Sent paths do not carry the router's AS behind it.
    pub replace: bool,
}

/// What becomes of private AS numbers (RFC 6996) in paths sent.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub enum RemovePrivateAs {
    /// They are left out.
    Remove,
    /// Each becomes this one.
    Replace(Asn),
}

/// Which next hop announced routes carry.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum NextHopMode {
    /// As RFC 4271 section 5.1.3 says.
    #[default]
    Standard,
    /// Always ours.
    Own,
    /// As received, where the session can carry it.
    Unchanged,
}

/// Several paths for one prefix (RFC 7911).
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct AddPath {
    /// We offer to take them.
    pub receive: bool,
    /// What we offer to send.
    pub send: AddPathSend,
}

/// Which paths are sent.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum AddPathSend {
    /// The best one, without a path identifier.
    #[default]
    Off,
    /// All that policy and the relay rules permit.
    All,
    /// The best so many.
    Best(NonZeroU8),
}

/// Our role towards the neighbour (RFC 9234).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// What we are.
    pub role: RoleName,
    /// A neighbour that shows no role is refused.
    pub strict: bool,
}

/// The roles of RFC 9234 section 4.1, with their values on the wire.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RoleName {
    /// We sell transit.
    Provider = 0,
    /// We are a route server.
    Rs = 1,
    /// We are a client of a route server.
    RsClient = 2,
    /// We buy transit.
    Customer = 3,
    /// Neither.
    Peer = 4,
}

/// Routes outlive a restart of either side (RFC 4724, RFC 8538, RFC 9494).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct GracefulRestart {
    /// Seconds the neighbour waits for us, 1 to 4095.
    pub restart_time: u16,
    /// Seconds the neighbour's routes are kept at most.
    pub stale_time: u16,
    /// Seconds they are kept beyond, least preferred (RFC 9494).
    pub long_lived: Option<u32>,
}

/// How a session is watched (RFC 5880, RFC 5882).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct BfdConfig {
    /// Desired Min TX Interval.
    pub min_tx: Duration,
    /// Required Min RX Interval.
    pub min_rx: Duration,
    /// Detect Mult.
    pub multiplier: u8,
    /// RFC 5883 instead of RFC 5881; `None` is so for external sessions configured to cross routers and
    /// for internal ones whose neighbour is on no subnet of ours. Link-local neighbours are always one hop
    /// away.
    pub multihop: Option<bool>,
    /// BGP waits for BFD.
    pub strict: bool,
}
