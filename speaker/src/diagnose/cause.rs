//! The names of causes. Stable: scripts and alerts match on them, `docs/doctor.md` lists them.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What is wrong, by a stable name.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Cause {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Cause {
            /// All causes, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

causes! {
    /// An RST answers our SYN.
    ConnectionRefused = "connection-refused",
    /// Nothing answers our SYN.
    ConnectionTimedOut = "connection-timed-out",
    /// Nothing answers, and a TCP MD5 or TCP-AO key is configured here or used there.
    KeyMismatchSuspected = "key-mismatch-suspected",
    /// The external neighbour is not on a connected subnet, and packets go out with TTL 1.
    MultihopNeeded = "multihop-needed",
    /// Packets arrive with a TTL below the least accepted.
    TtlTooLow = "ttl-too-low",
    /// No route leads to the neighbour.
    NoRoute = "no-route",
    /// The neighbour is on a connected subnet and does not answer ARP or neighbour discovery.
    NeighborSilent = "neighbor-silent",
    /// A router on the way says that the host is not there.
    HostUnreachable = "host-unreachable",
    /// The kernel forbids the connection.
    ConnectDenied = "connect-denied",
    /// The connection was reset before the session was up.
    ConnectionReset = "connection-reset",
    /// TCP connects and is closed before an OPEN.
    ClosedBeforeOpen = "closed-before-open",
    /// TCP is closed between the OPENs and Established.
    ClosedAfterOpen = "closed-after-open",
    /// TCP is up and no OPEN comes.
    NoOpen = "no-open",
    /// A session that was up lost its connection.
    ConnectionLost = "connection-lost",
    /// The neighbour's AS is not the configured one.
    WrongAs = "wrong-as",
    /// The neighbour expects another AS than ours.
    NeighborExpectsAnotherAs = "neighbor-expects-another-as",
    /// Both sides have one router id, or it is not acceptable.
    RouterIdConflict = "router-id-conflict",
    /// The hold time is not acceptable.
    HoldTimeUnacceptable = "hold-time-unacceptable",
    /// No family, or a required capability, in common.
    CapabilityMismatch = "capability-mismatch",
    /// The roles of RFC 9234 do not fit.
    RoleMismatch = "role-mismatch",
    /// The OPEN was refused for another reason.
    OpenRefused = "open-refused",
    /// Cease: the neighbour does not want the connection.
    RejectedByNeighbor = "rejected-by-neighbor",
    /// Cease: the neighbour's operator has shut the session down.
    ShutDownThere = "shut-down-there",
    /// Our configuration has shut the session down.
    ShutDownHere = "shut-down-here",
    /// Cease: the neighbour has removed us from its configuration.
    RemovedThere = "removed-there",
    /// Cease: the neighbour reset the session.
    ResetThere = "reset-there",
    /// We reset the session; it comes back.
    ResetHere = "reset-here",
    /// Cease: we announce more than the neighbour takes.
    PrefixLimitThere = "prefix-limit-there",
    /// The neighbour announced more than we take.
    PrefixLimitHere = "prefix-limit-here",
    /// Cease: a side is out of resources.
    OutOfResources = "out-of-resources",
    /// Connections collide again and again.
    CollisionLoop = "collision-loop",
    /// We did not hear the neighbour for the hold time.
    HoldExpiredHere = "hold-expired-here",
    /// The neighbour did not hear us for its hold time.
    HoldExpiredThere = "hold-expired-there",
    /// A side takes nothing for longer than the send hold time (RFC 9687).
    NotReading = "not-reading",
    /// BFD says that the neighbour is not reachable.
    BfdDown = "bfd-down",
    /// A message was malformed.
    MalformedMessage = "malformed-message",
    /// The interface is not there.
    InterfaceMissing = "interface-missing",
    /// The interface is down or has no carrier.
    InterfaceDown = "interface-down",
    /// Nobody was heard on the interface of an unnumbered session.
    NoLinkLocalNeighbor = "no-link-local-neighbor",
    /// More than one neighbour was heard on it.
    SeveralNeighbors = "several-neighbors",
    /// The local address to connect from is not on this node.
    UpdateSourceNotHere = "update-source-not-here",
    /// A Secret is missing or unusable.
    SecretMissing = "secret-missing",
    /// An object of the configuration is refused.
    ObjectRefused = "object-refused",
    /// The session cannot be started for another reason of this node.
    NotPossible = "not-possible",
    /// No socket listens for the neighbour's connections.
    NotListening = "not-listening",
    /// Passive: the neighbour has to connect and has not.
    WaitingForNeighbor = "waiting-for-neighbor",
    /// An attempt is under way.
    Connecting = "connecting",
    /// The session rests after a fault before it is tried again.
    BackOff = "back-off",
    /// The session goes up and down.
    Flapping = "flapping",
    /// The number of prefixes comes near the bound.
    PrefixesNearLimit = "prefixes-near-limit",
    /// Prefixes beyond the bound are not accepted.
    PrefixesOverLimit = "prefixes-over-limit",
    /// No received route is accepted.
    NoRouteAccepted = "no-route-accepted",
    /// A configured family is not negotiated.
    FamilyNotShared = "family-not-shared",
    /// Next hops of received routes cannot be reached.
    NextHopUnresolved = "next-hop-unresolved",
    /// The kernel does not hold routes as wished.
    KernelRefusesRoutes = "kernel-refuses-routes",
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
