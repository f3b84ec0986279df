//! What happens to a peering.
//!
//! [`Event`] is what a shell tells a [`Peer`](crate::Peer); [`Input`] is what the collision arbiter
//! inside the peer tells the machine of one connection. An `Input` is an event of RFC 4271 section
//! 8.1, after the message has been decoded and an OPEN has been checked.
//!
//! Events of the RFC that are never raised, and why:
//!
//! | event | why not |
//! |---|---|
//! | 3 AutomaticStart, 5 .._with_PassiveTcpEstablishment | the automatic start is the expiry of the IdleHold timer (13), also when damping has nothing to hold |
//! | 4 ManualStart_with_PassiveTcpEstablishment | passive is configuration: `Input::Start` reads it |
//! | 6, 7 AutomaticStart_with_DampPeerOscillations | the IdleHold timer is armed on the way into Idle, so 13 is the only start there is |
//! | 8 AutomaticStop | whoever stops the peer says why in `StopReason`; nothing inside the machine wants to |
//! | 14 TcpConnection_Valid, 15 Tcp_CR_Invalid | the listener hands over only established connections from a configured address |
//! | 16 Tcp_CR_Acked | told apart from 17 by the connection id only: both are `Input::TcpConfirmed` |
//! | 20 BGPOpen with DelayOpenTimer running | `Input::Open` in Connect and Active, where that timer always runs while a connection is up |
//!
//! References: RFC 4271 section 8.1, RFC 4486, RFC 9003, RFC 9687.

use bgp_wire::{Family, Notification, Open};

use crate::config::PeerConfig;
use crate::restart::RestartState;
use crate::timers::Timer;

/// Which of the two possible connections of a peer.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug)]
pub enum ConnId {
    /// The one we opened.
    Outgoing,
    /// The one the peer opened.
    Incoming,
}

impl ConnId {
    /// The opposite direction.
    pub fn other(self) -> Self {
        match self {
            Self::Outgoing => Self::Incoming,
            Self::Incoming => Self::Outgoing,
        }
    }
}

/// What a shell tells a peer.
#[derive(Debug)]
pub enum Event<'a> {
    /// Begin, or resume after a stop (RFC 4271 event 1). Without effect on a running peer.
    Start,
    /// End the session with a Cease and stay in Idle until `Start` (event 2).
    Stop(StopReason),
    /// End the session with a Cease and come back at once.
    Restart(StopReason),
    /// The attempt asked for with `Effect::Connect` succeeded (event 16).
    Connected,
    /// The attempt asked for with `Effect::Connect` failed (event 18); the text is for people.
    ConnectFailed(&'a str),
    /// The listener accepted a connection from this peer (event 17). Answered by exactly one
    /// `Effect::Adopt` or `Effect::Refuse`.
    Accepted,
    /// The connection ended under us (event 18): `None` for an orderly end, else the error.
    Closed(ConnId, Option<&'a str>),
    /// A whole message arrived.
    Message(ConnId, Message<'a>),
    /// A message could not be decoded, or an UPDATE asks for a session reset; this NOTIFICATION
    /// answers it (events 21, 22, 28).
    DecodeFailed(ConnId, Notification),
    /// Something else is true of our own restart: later OPENs say so, nothing else happens.
    RestartState(RestartState),
    /// The keys of the open connections were exchanged (RFC 2385, RFC 5925). Until the peer is heard
    /// again on the Established one, a further connection shows that it has given that one up.
    KeysChanged,
    /// New configuration. What it costs is told by [`PeerConfig::impact`].
    Reconfigured(PeerConfig),
}

/// A decoded message.
#[derive(Copy, Clone, Debug)]
pub enum Message<'a> {
    /// OPEN, not yet compared with the configuration.
    Open(&'a Open),
    /// KEEPALIVE.
    Keepalive,
    /// UPDATE. In Established the shell does not pass UPDATEs: it calls
    /// [`Peer::heard`](crate::Peer::heard).
    Update,
    /// ROUTE-REFRESH, likewise.
    RouteRefresh,
    /// NOTIFICATION.
    Notification(&'a Notification),
}

/// Why we end a session ourselves; decides the Cease subcode (RFC 4486).
#[derive(Clone, Eq, PartialEq, Debug)]
pub enum StopReason {
    /// Subcode 2 with an optional communication of at most 255 octets of UTF-8 (RFC 9003).
    AdministrativeShutdown(Option<String>),
    /// Subcode 3: the peer has left the configuration.
    PeerDeconfigured,
    /// Subcode 4 with an optional communication.
    AdministrativeReset(Option<String>),
    /// Subcode 6: the configuration changed in a way that needs a new session.
    ConfigurationChange,
    /// Subcode 1 with the family and the bound that was passed.
    MaximumPrefixes {
        /// The family that has too many prefixes.
        family: Family,
        /// The configured upper bound, in prefixes.
        bound: u32,
    },
    /// Subcode 8.
    OutOfResources,
    /// Subcode 10 (RFC 9384).
    BfdDown,
    /// This process ends and comes back, and the peer is to keep our routes meanwhile: no
    /// NOTIFICATION (RFC 4724), or subcode 4 with both N bits (RFC 8538). Without graceful restart
    /// subcode 2. With an optional communication.
    Restarting(Option<String>),
}

impl StopReason {
    /// Stable name for status, logs and metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AdministrativeShutdown(_) => "AdministrativeShutdown",
            Self::PeerDeconfigured => "PeerDeconfigured",
            Self::AdministrativeReset(_) => "AdministrativeReset",
            Self::ConfigurationChange => "ConfigurationChange",
            Self::MaximumPrefixes { .. } => "MaximumPrefixes",
            Self::OutOfResources => "OutOfResources",
            Self::BfdDown => "BfdDown",
            Self::Restarting(_) => "Restarting",
        }
    }
}

/// An event of RFC 4271 section 8.1 for the machine of one connection.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// 1 ManualStart; also the resumption of the dialing machine after the other connection ended.
    Start,
    /// 2 ManualStop, with the reason the Cease gives.
    Stop(&'a StopReason),
    /// 9 to 13, and 29 of RFC 9687.
    Expired(Timer),
    /// 16 Tcp_CR_Acked and 17 TcpConnectionConfirmed: the connection is up.
    TcpConfirmed,
    /// 18 TcpConnectionFails.
    TcpFails(Option<&'a str>),
    /// 19 and 20 BGPOpen: checked against the configuration.
    Open(&'a Open),
    /// 21 BGPHeaderErr.
    HeaderErr(Notification),
    /// 22 BGPOpenMsgErr: malformed, or refused by the configuration.
    OpenErr(Notification),
    /// 23 OpenCollisionDump: the other connection of the peer wins.
    CollisionDump,
    /// 24 NotifMsgVerErr.
    NotificationVersion(&'a Notification),
    /// 25 NotifMsg.
    Notification(&'a Notification),
    /// 26 KeepAliveMsg.
    Keepalive,
    /// 27 UpdateMsg.
    Update,
    /// 28 UpdateMsgErr: one that needs a session reset (RFC 7606 section 2).
    UpdateErr(Notification),
    /// ROUTE-REFRESH (RFC 2918); RFC 4271 has no event for it. Treated like an UPDATE.
    RouteRefresh,
}
