//! One neighbour of a router.
//!
//! **For**: everything a session needs before it starts. **Sits**: in [`crate::Router::peers`].
//! **How it works**: alternatives that exclude each other are enums: an address or an interface,
//! multihop or TTL security, a password or none. **Invariants**: [`HoldTimes`] has a hold time of
//! at least 3 s and a keepalive of 1 s to a third of it. **References**: RFC 4271 sections 4.2, 8
//! and 10, RFC 2385, RFC 4456, RFC 5082, RFC 8950, RFC 8654, RFC 9003.

use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU8,
    time::Duration,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{
    AddPaths, Asn, Bfd, Family, GracefulRestart, InterfaceName, LocalAs, NextHopMode, ObjectRef,
    PeerName, PeerRole, PolicyChain, RemovePrivateAs, Secret,
};

/// A configured neighbour.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Peer {
    /// Unique within the router.
    pub name: PeerName,
    /// The object that asks for it.
    pub source: ObjectRef,
    /// Free text for people.
    pub description: Option<String>,
    /// Whom to talk to.
    pub address: PeerAddress,
    /// Which AS the neighbour must show.
    pub remote_as: RemoteAs,
    /// Which AS we show instead of the router's.
    pub local_as: Option<LocalAs>,
    /// TCP port to dial, 1 to 65535.
    pub remote_port: u16,
    /// Wait for the neighbour to dial.
    pub passive: bool,
    /// Our end of the connection.
    pub local: LocalEnd,
    /// Interface or VRF device the connection is bound to.
    pub bind_device: Option<InterfaceName>,
    /// Session timers.
    pub timers: PeerTimers,
    /// Families offered; never empty.
    pub families: BTreeSet<Family>,
    /// How far away the neighbour may be.
    pub ttl: Ttl,
    /// How segments are protected.
    pub auth: Auth,
    /// IPv4 routes with IPv6 next hops (RFC 8950) are offered.
    pub extended_next_hop: bool,
    /// Messages up to 65535 octets (RFC 8654) are offered.
    pub extended_message: bool,
    /// Several paths for one prefix (RFC 7911).
    pub add_paths: AddPaths,
    /// Our role towards the neighbour (RFC 9234); external sessions only.
    pub role: Option<PeerRole>,
    /// Routes outlive a restart of either side (RFC 4724, RFC 9494).
    pub graceful_restart: Option<GracefulRestart>,
    /// The session is watched by BFD (RFC 5882).
    pub bfd: Option<Bfd>,
    /// We reflect to and from this neighbour (RFC 4456).
    pub route_reflector_client: bool,
    /// Which next hop announced routes carry.
    pub next_hop: NextHopMode,
    /// What becomes of private AS numbers sent to this external neighbour.
    pub remove_private_as: Option<RemovePrivateAs>,
    /// How often our own AS may occur in a received AS_PATH.
    pub allow_as_in: AllowAsIn,
    /// Bound on accepted prefixes; always present, see [`MaximumPrefix::DEFAULT`].
    pub maximum_prefix: MaximumPrefix,
    /// Applied to what is received; no stage permits everything.
    pub import: PolicyChain,
    /// Applied to what is sent; no stage permits what the router's export scope allows.
    pub export: PolicyChain,
    /// Administratively down, with the text sent in the Cease (RFC 9003), at most 255 octets.
    pub shutdown: Option<String>,
}

impl Peer {
    /// Whether the session crosses an AS border, on a router of AS `router_as`.
    pub fn is_external(&self, router_as: Asn) -> bool {
        let local_as = self.local_as.map_or(router_as, |local| local.asn);
        match self.remote_as {
            RemoteAs::Asn(asn) => asn != local_as,
            RemoteAs::Internal => false,
            RemoteAs::External => true,
        }
    }
}

/// Where the neighbour is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PeerAddress {
    /// An address that needs no interface to be unambiguous.
    Ip(IpAddr),
    /// A link-local address and the interface it is meaningful on.
    LinkLocal {
        /// In fe80::/10.
        address: Ipv6Addr,
        /// Where.
        interface: InterfaceName,
    },
    /// Whoever answers on this point-to-point interface (unnumbered).
    Interface(InterfaceName),
    /// Whoever connects from this prefix (dynamic neighbours).
    Range {
        /// Source addresses accepted.
        prefix: IpNet,
        /// Most neighbours at a time, at least 1.
        limit: u32,
    },
}

impl PeerAddress {
    /// The neighbour's address when it is known beforehand.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            Self::LinkLocal { address, .. } => Some((*address).into()),
            Self::Interface(_) | Self::Range { .. } => None,
        }
    }

    /// The interface the session is bound to.
    pub fn interface(&self) -> Option<&InterfaceName> {
        match self {
            Self::Ip(_) | Self::Range { .. } => None,
            Self::LinkLocal { interface, .. } | Self::Interface(interface) => Some(interface),
        }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(ip) => ip.fmt(f),
            Self::LinkLocal { address, interface } => write!(f, "{address}%{interface}"),
            Self::Interface(interface) => interface.fmt(f),
            Self::Range { prefix, .. } => prefix.fmt(f),
        }
    }
}

/// Which AS the neighbour must show in its OPEN.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RemoteAs {
    /// Exactly this one.
    Asn(Asn),
    /// The router's own.
    Internal,
    /// Any but the router's own.
    External,
}

impl fmt::Display for RemoteAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asn(asn) => asn.fmt(f),
            Self::Internal => f.pad("internal"),
            Self::External => f.pad("external"),
        }
    }
}

/// Our end of a session's connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LocalEnd {
    /// As the kernel's routes choose.
    #[default]
    Auto,
    /// From this address.
    Address(IpAddr),
    /// From an address of this interface.
    Interface(InterfaceName),
}

/// Session timers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerTimers {
    /// Hold and keepalive time; `None` sends 0 and switches both off.
    pub hold: Option<HoldTimes>,
    /// Between attempts to connect.
    #[serde(serialize_with = "seconds")]
    pub connect_retry: Duration,
    /// In Idle after a failure.
    #[serde(serialize_with = "seconds")]
    pub idle_hold: Duration,
    /// Least time between announcements to this neighbour; 0 announces at once.
    #[serde(serialize_with = "seconds")]
    pub minimum_advertisement: Duration,
}

impl Default for PeerTimers {
    /// 90 s and 30 s; connect retry 5 s; idle hold 1 s; announcements at once.
    fn default() -> Self {
        Self {
            hold: Some(HoldTimes::default()),
            connect_retry: Duration::from_secs(5),
            idle_hold: Duration::from_secs(1),
            minimum_advertisement: Duration::ZERO,
        }
    }
}

fn seconds<S: serde::Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64(d.as_secs_f64())
}

/// A hold time with its keepalive interval.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct HoldTimes {
    hold: u16,
    keepalive: u16,
}

/// Why two numbers are no hold time and keepalive.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimerError {
    /// RFC 4271 section 4.2 forbids 1 and 2.
    #[error("hold time {0}s is too short: 0 (off) or at least 3s")]
    HoldTooShort(u16),
    /// RFC 4271 section 10.
    #[error("keepalive {keepalive}s must be 1s to a third of the hold time {hold}s")]
    Keepalive {
        /// Hold time in seconds.
        hold: u16,
        /// Keepalive in seconds.
        keepalive: u16,
    },
}

impl HoldTimes {
    /// Both in seconds; an absent keepalive becomes the smaller of 30 and a third of the hold time.
    pub fn new(hold: u16, keepalive: Option<u16>) -> Result<Self, TimerError> {
        if hold < 3 {
            return Err(TimerError::HoldTooShort(hold));
        }
        let keepalive = keepalive.unwrap_or_else(|| (hold / 3).min(30));
        if keepalive == 0 || keepalive > hold / 3 {
            return Err(TimerError::Keepalive { hold, keepalive });
        }
        Ok(Self { hold, keepalive })
    }

    /// Seconds, 3 to 65535.
    pub fn hold(self) -> u16 {
        self.hold
    }

    /// Seconds, 1 to a third of the hold time.
    pub fn keepalive(self) -> u16 {
        self.keepalive
    }
}

impl Default for HoldTimes {
    fn default() -> Self {
        Self { hold: 90, keepalive: 30 }
    }
}

/// How far away the neighbour may be.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Ttl {
    /// TTL 1 and a connected neighbour on external sessions; the kernel's TTL on internal ones.
    #[default]
    Default,
    /// Packets leave with this TTL; external sessions only.
    Multihop(NonZeroU8),
    /// Packets leave with 255 and are accepted with at least this (RFC 5082).
    Security(NonZeroU8),
}

/// How the session's segments are protected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// TCP MD5 signature (RFC 2385); at most 80 octets on Linux.
    Md5(Secret),
    /// TCP Authentication Option (RFC 5925); never empty, the first key signs what we send.
    Ao(Vec<AoKey>),
}

/// One master key of TCP-AO (RFC 5925 section 3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AoKey {
    /// The master key; 1 to 80 octets on Linux.
    pub secret: Secret,
    /// KeyID of segments we send.
    pub send_id: u8,
    /// KeyID of segments we accept.
    pub recv_id: u8,
    /// MAC algorithm (RFC 5926).
    pub algorithm: AoAlgorithm,
}

/// MAC algorithms of RFC 5926.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub enum AoAlgorithm {
    /// HMAC-SHA-1-96, 20-octet key derivation.
    #[default]
    #[serde(rename = "hmac-sha-1-96")]
    HmacSha1,
    /// AES-128-CMAC-96.
    #[serde(rename = "aes-128-cmac-96")]
    Aes128Cmac,
}

impl AoAlgorithm {
    /// From its name in RFC 5926, in lower case.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "hmac-sha-1-96" => Some(Self::HmacSha1),
            "aes-128-cmac-96" => Some(Self::Aes128Cmac),
            _ => None,
        }
    }
}

/// How often our own AS may occur in a received AS_PATH: 0 to 10.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct AllowAsIn(u8);

impl AllowAsIn {
    /// `None` beyond 10.
    pub fn new(count: u8) -> Option<Self> {
        (count <= 10).then_some(Self(count))
    }

    /// The number of occurrences tolerated.
    pub fn count(self) -> u8 {
        self.0
    }
}

/// Bound on the prefixes accepted from one neighbour, in each family by itself.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MaximumPrefix {
    /// At least 1.
    pub limit: u32,
    /// 1 to 100: from here on a warning is given.
    pub threshold_percent: u8,
    /// What happens beyond the limit.
    pub action: LimitAction,
}

impl MaximumPrefix {
    /// 100,000 prefixes, warn at 80 percent, accept no more beyond.
    pub const DEFAULT: Self =
        Self { limit: 100_000, threshold_percent: 80, action: LimitAction::Warn };
}

/// What happens beyond a prefix limit.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LimitAction {
    /// Accept no more, say so, keep the session.
    Warn,
    /// Cease (Maximum Number of Prefixes Reached), start again after this time.
    Restart {
        /// How long to stay down.
        #[serde(serialize_with = "seconds")]
        after: Duration,
    },
    /// Cease and stay down until the configuration changes.
    Shutdown,
}
