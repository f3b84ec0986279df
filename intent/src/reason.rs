//! Why something is as it is: one vocabulary for conditions, events, logs and the command.
//!
//! **For**: a word that can be searched everywhere. **Sits**: used by the bridge's verdicts and by
//! [`crate::observed`]. **How it works**: the variant's name *is* the text, CamelCase as Kubernetes
//! asks of reasons. **Invariants**: names never change once released; tests list them.
//! **References**: Kubernetes API conventions, conditions.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::ParseError;

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Why something is as it is.
        #[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Reason {
            /// Every reason there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable CamelCase word.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// One sentence on what it means.
            pub fn explanation(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

reasons! {
    // what is well
    /// The object is in use as written.
    Accepted,
    /// The runtime took the configuration.
    ConfigAccepted,
    /// The router runs with this configuration.
    InstanceConfigured,
    /// The peer is configured on its router.
    PeerConfigured,
    /// The prefixes are originated.
    Advertised,
    /// The policy is attached to all it selects.
    Applied,
    /// The session's peers are generated.
    Reconciled,
    /// The daemon answers.
    DaemonResponsive,
    /// The session carries routes.
    Established,
    /// How many objects refer to this one.
    ReferenceCount,
    /// The object concerns another node.
    NotOnThisNode,
    /// The from-side is an external device; nothing is generated.
    ExternalPeerRef,

    // what the object itself says wrongly
    /// A value or a combination of values is not allowed.
    InvalidSpec,
    /// A field is accepted but nothing acts on it yet.
    NotRealised,
    /// Hold time and keepalive do not fit together.
    InvalidTimers,
    /// Multihop was asked of an internal session.
    InvalidForIBGP,
    /// Only an internal neighbour can be a reflector client.
    InvalidForEBGP,
    /// The neighbour's address is this node's own.
    SkippedSelfPeer,
    /// None of the address families can be carried here.
    UnsupportedAddressFamily,
    /// Prefixes of another family than the one declared.
    AddressFamilyMismatch,

    // what the object names and is not there
    /// The instance named does not exist.
    InstanceNotFound,
    /// The router named does not exist, or no router has the selected labels.
    RouterNotFound,
    /// The provider named does not exist, or no provider has the selected labels.
    ProviderNotMatched,
    /// No provider matches the session's selector.
    NoMatchedProviders,
    /// The instance does not select that provider.
    InstanceNotMatchedOnProvider,
    /// The external peer named does not exist.
    ExternalPeerNotFound,
    /// The policy named does not exist or cannot be used; routes are denied until it can.
    PolicyNotFound,
    /// The Secret or its key does not exist; the session stays down.
    SecretNotFound,
    /// The Node named does not exist.
    NodeNotFound,
    /// The target is not a Node; some other runtime executes this router.
    UnsupportedTarget,
    /// The router ID cannot be derived from the node's addresses.
    RouterIDResolutionFailed,

    // what contradicts another object
    /// Another object says otherwise about the same thing, and is older.
    Conflict,
    /// A younger object contradicts this one and was left out.
    ConflictIgnored,

    // what the runtime reports
    /// Waiting before the next attempt.
    BackOff,
    /// Nothing has been tried yet, or the session is stopped.
    Idle,
    /// Trying to establish the TCP connection.
    Connect,
    /// Waiting to try the TCP connection again, or for the neighbour.
    Active,
    /// OPEN was sent.
    OpenSent,
    /// OPEN was received; waiting for the first KEEPALIVE.
    OpenConfirm,
    /// The neighbour refuses TCP connections.
    ConnectionRefused,
    /// Packets to the neighbour find no way.
    Unreachable,
    /// The connection attempt took too long.
    ConnectionTimedOut,
    /// The connection failed for another reason of the socket.
    ConnectionFailed,
    /// Nothing was heard within the hold time.
    HoldTimerExpired,
    /// The neighbour ended the session with a NOTIFICATION.
    NotificationReceived,
    /// We ended the session with a NOTIFICATION.
    NotificationSent,
    /// The neighbour closed the connection.
    ConnectionClosed,
    /// Shut down by configuration.
    AdministrativeShutdown,
    /// More prefixes than allowed.
    MaximumPrefixReached,
    /// No interface of that name, or it is down.
    InterfaceNotReady,
    /// No neighbour has been discovered on the interface.
    NeighborNotDiscovered,
    /// The provider is not there.
    DaemonUnavailable,
    /// The provider refused the router.
    ConfigurationFailed,
    /// The provider refused the peer.
    PeerConfigurationFailed,
    /// The provider refused the prefixes.
    AdvertisementFailed,
    /// The provider refused the policy.
    PolicyApplicationFailed,
    /// The listening socket could not be opened.
    ListenFailed,
    /// The kernel refused a route.
    RouteInstallFailed,
    /// The provider cannot do what a field asks.
    UnsupportedByProvider,
    /// Not yet known.
    Pending,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Reason {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let found = Self::ALL.iter().find(|reason| reason.as_str() == s);
        found.copied().ok_or_else(|| ParseError::new(s, "a known reason"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_camel_case_and_explained() {
        let mut words: Vec<_> = Reason::ALL.iter().map(|r| r.as_str()).collect();
        assert!(words.iter().all(|w| w.starts_with(|c: char| c.is_ascii_uppercase())));
        assert!(words.iter().all(|w| w.bytes().all(|b| b.is_ascii_alphanumeric())));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Reason::ALL.len());
        for reason in Reason::ALL {
            assert!(reason.explanation().ends_with('.'), "{reason}");
            assert_eq!(reason.as_str().parse(), Ok(*reason));
            assert_eq!(serde_json::to_string(reason).unwrap(), format!("\"{reason}\""));
        }
    }
}
