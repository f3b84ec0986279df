//! What else a session can be asked to do.
//!
//! **For**: [`crate::Peer`]. **Sits**: beside it, so that each stays readable. **How it works**: plain
//! data; an absent option is off. **Invariants**: values are in the ranges their fields name.
//! **References**: RFC 4724, RFC 5880 to 5883, RFC 7911, RFC 9234, RFC 9494.

use std::{num::NonZeroU8, time::Duration};

use serde::{Deserialize, Serialize};

use crate::Asn;

/// Another AS for one session, after a merger for example.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocalAs {
    /// What the neighbour sees in our OPEN and first in our paths.
    pub asn: Asn,
    /// Received paths do not get it prepended.
    pub no_prepend: bool,
    /// Sent paths do not carry the router's own AS behind it.
    pub replace: bool,
}

/// What becomes of private AS numbers (RFC 6996) in paths sent to an external neighbour.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RemovePrivateAs {
    /// They are left out.
    Remove,
    /// Each becomes this one.
    Replace(Asn),
}

/// Which next hop announced routes carry.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
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
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddPaths {
    /// We offer to take them.
    pub receive: bool,
    /// What we offer to send.
    pub send: AddPathsSend,
}

/// Which paths are sent.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AddPathsSend {
    /// The best one, without a path identifier.
    #[default]
    Off,
    /// All that policy and the relay rules permit.
    All,
    /// The best so many.
    Best(NonZeroU8),
}

/// Our role towards an external neighbour (RFC 9234 section 4).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerRole {
    /// What we are.
    pub role: Role,
    /// A neighbour that shows no role is refused.
    pub strict: bool,
}

/// The roles of RFC 9234 section 4.1.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// We sell transit to the neighbour.
    Provider,
    /// We are a route server.
    Rs,
    /// We are a client of a route server.
    RsClient,
    /// We buy transit of the neighbour.
    Customer,
    /// Neither.
    Peer,
}

/// Routes outlive a restart of either side (RFC 4724, RFC 8538, RFC 9494).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GracefulRestart {
    /// Seconds neighbours wait for us to come back, 1 to 4095.
    pub restart_time: u16,
    /// Seconds a restarting neighbour's routes are kept at most, 1 to 65535.
    pub stale_path_time: u16,
    /// Seconds they are kept beyond, as a last resort (RFC 9494), 1 to 16777215.
    pub long_lived: Option<u32>,
}

/// How a session is watched (RFC 5880, RFC 5882).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bfd {
    /// Desired Min TX Interval.
    pub min_tx: Duration,
    /// Required Min RX Interval.
    pub min_rx: Duration,
    /// Detect Mult, at least 1.
    pub multiplier: u8,
    /// RFC 5883 instead of RFC 5881; `None` leaves it to what the session is.
    pub multihop: Option<bool>,
    /// BGP waits for BFD.
    pub strict: bool,
}
