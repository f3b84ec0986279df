//! Capabilities (RFC 5492): what a speaker can do, announced in its OPEN.
//!
//! What for: typed capabilities both ways; what we do not know is kept as it came.
//! Where: inside [`Open`](crate::Open); negotiation (bgp-fsm) compares two lists of these.
//! How: the types are here, their wire form is in `wire`, their text in `text`. A list that does
//! not fit 255 octets is sent as several capabilities of the same code.
//! Invariants: decoding never fails for an unknown code; a capability the speaker makes no use of
//! (names, versions, filters, limits) never fails at all but is kept as `Unknown`, octet for octet,
//! when it is malformed.
//! References: RFC 5492; RFC 4760 (1), RFC 2918 (2), RFC 5291 (3), RFC 8950 (5), RFC 8654 (6),
//! RFC 8277 (8), RFC 9234 (9), RFC 4724 and 8538 (64), RFC 6793 (65), RFC 7911 (69), RFC 7313 (70),
//! RFC 9494 (71), draft-walton-bgp-hostname-capability (73),
//! draft-abraitis-bgp-version-capability (75), draft-abraitis-idr-addpath-paths-limit (76),
//! draft-ietf-idr-linklocal-capability (77).
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

mod text;
mod wire;

use bytes::Bytes;

use crate::{
    asn::Asn,
    family::{Afi, Family},
};

/// Capability codes (IANA "Capability Codes").
pub mod code {
    /// Multiprotocol extensions (RFC 4760).
    pub const MULTI_PROTOCOL: u8 = 1;
    /// Route refresh (RFC 2918).
    pub const ROUTE_REFRESH: u8 = 2;
    /// Outbound route filtering (RFC 5291).
    pub const OUTBOUND_ROUTE_FILTERING: u8 = 3;
    /// Extended next hop encoding (RFC 8950).
    pub const EXTENDED_NEXT_HOP: u8 = 5;
    /// Extended messages (RFC 8654).
    pub const EXTENDED_MESSAGE: u8 = 6;
    /// Multiple labels (RFC 8277).
    pub const MULTIPLE_LABELS: u8 = 8;
    /// BGP role (RFC 9234).
    pub const ROLE: u8 = 9;
    /// Graceful restart (RFC 4724).
    pub const GRACEFUL_RESTART: u8 = 64;
    /// Four-octet AS numbers (RFC 6793).
    pub const FOUR_OCTET_AS: u8 = 65;
    /// ADD-PATH (RFC 7911).
    pub const ADD_PATH: u8 = 69;
    /// Enhanced route refresh (RFC 7313).
    pub const ENHANCED_ROUTE_REFRESH: u8 = 70;
    /// Long-lived graceful restart (RFC 9494).
    pub const LONG_LIVED_GRACEFUL_RESTART: u8 = 71;
    /// Host and domain name.
    pub const FQDN: u8 = 73;
    /// Software version.
    pub const SOFTWARE_VERSION: u8 = 75;
    /// Most paths wanted for a prefix.
    pub const PATHS_LIMIT: u8 = 76;
    /// Next hop that is only link-local.
    pub const LINK_LOCAL_NEXT_HOP: u8 = 77;
}

/// One capability.
#[derive(Clone, Eq, PartialEq, Hash, Debug)]
pub enum Capability {
    /// The family may be exchanged (RFC 4760).
    MultiProtocol(Family),
    /// ROUTE-REFRESH is understood (RFC 2918).
    RouteRefresh,
    /// BoRR and EoRR are understood (RFC 7313).
    EnhancedRouteRefresh,
    /// Families whose next hop may be of another address family (RFC 8950).
    ExtendedNextHop(Vec<ExtendedNextHop>),
    /// Messages up to 65535 octets are understood (RFC 8654).
    ExtendedMessage,
    /// Graceful restart (RFC 4724, RFC 8538).
    GracefulRestart {
        /// R bit: the speaker has restarted; do not wait for its End-of-RIB.
        restarting: bool,
        /// N bit: NOTIFICATIONs are handled gracefully too (RFC 8538).
        notification: bool,
        /// How long to keep stale routes, in seconds; 0..=4095.
        restart_time: u16,
        /// Families whose forwarding state can survive; may be empty (helper only).
        families: Vec<GracefulFamily>,
    },
    /// Four-octet AS numbers, and the speaker's own (RFC 6793).
    FourOctetAs(Asn),
    /// Several paths a prefix, by family and direction (RFC 7911).
    AddPath(Vec<(Family, AddPathDirection)>),
    /// Role of the speaker on this session (RFC 9234): 0 provider, 1 route server, 2 route server
    /// client, 3 customer, 4 peer; others are to be refused by the negotiation.
    Role(u8),
    /// Names, for people.
    Fqdn {
        /// Host name; up to 255 octets are sent.
        hostname: String,
        /// Domain name; cut first when both do not fit.
        domain: String,
    },
    /// Software and version, for people.
    SoftwareVersion(String),
    /// Long-lived graceful restart (RFC 9494).
    LongLivedGracefulRestart(Vec<LongLivedFamily>),
    /// Filters the speaker can send, or will apply to what it sends (RFC 5291).
    OutboundRouteFiltering(Vec<OrfFamily>),
    /// How many labels a route of the family may carry (RFC 8277 section 2.1); 255 is no limit.
    MultipleLabels(Vec<(Family, u8)>),
    /// How many paths of a prefix the speaker cares to receive, by family.
    PathsLimit(Vec<(Family, u16)>),
    /// A next hop of 16 octets may be a link-local address.
    LinkLocalNextHop,
    /// A capability this crate does not know, or a malformed one that it makes no use of.
    Unknown {
        /// Capability code.
        code: u8,
        /// Capability value as it came; over 255 octets cannot be sent and is left out.
        value: Bytes,
    },
}

/// One entry of the extended next hop capability (RFC 8950 section 4).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct ExtendedNextHop {
    /// The family of the routes.
    pub family: Family,
    /// The address family their next hop may have.
    pub next_hop: Afi,
}

/// One family of the graceful restart capability (RFC 4724 section 3).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct GracefulFamily {
    /// The family.
    pub family: Family,
    /// F bit: its forwarding state was preserved.
    pub forwarding: bool,
}

/// One family of the long-lived graceful restart capability (RFC 9494 section 3).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub struct LongLivedFamily {
    /// The family.
    pub family: Family,
    /// F bit: its forwarding state was preserved.
    pub forwarding: bool,
    /// Long-lived stale time in seconds, 24 bits.
    pub stale_time: u32,
}

/// One family of the outbound route filtering capability (RFC 5291 section 5).
#[derive(Clone, Eq, PartialEq, Hash, Debug)]
pub struct OrfFamily {
    /// The family.
    pub family: Family,
    /// ORF type (64 is the address prefix ORF of RFC 5292) and whether the speaker is willing to
    /// receive such filters, to send them, or both; RFC 7911 numbers the directions alike.
    pub filters: Vec<(u8, AddPathDirection)>,
}

/// What the speaker can do with path identifiers of a family (RFC 7911 section 4).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
pub enum AddPathDirection {
    /// Can receive several paths.
    Receive,
    /// Can send several paths.
    Send,
    /// Both.
    Both,
}

impl AddPathDirection {
    /// Whether the speaker can receive several paths.
    pub const fn receives(self) -> bool {
        matches!(self, Self::Receive | Self::Both)
    }

    /// Whether the speaker can send several paths.
    pub const fn sends(self) -> bool {
        matches!(self, Self::Send | Self::Both)
    }

    const fn to_wire(self) -> u8 {
        match self {
            Self::Receive => 1,
            Self::Send => 2,
            Self::Both => 3,
        }
    }

    const fn from_wire(octet: u8) -> Option<Self> {
        match octet {
            1 => Some(Self::Receive),
            2 => Some(Self::Send),
            3 => Some(Self::Both),
            _ => None,
        }
    }
}

impl Capability {
    /// Capability code.
    pub const fn code(&self) -> u8 {
        match self {
            Self::MultiProtocol(_) => code::MULTI_PROTOCOL,
            Self::RouteRefresh => code::ROUTE_REFRESH,
            Self::EnhancedRouteRefresh => code::ENHANCED_ROUTE_REFRESH,
            Self::ExtendedNextHop(_) => code::EXTENDED_NEXT_HOP,
            Self::ExtendedMessage => code::EXTENDED_MESSAGE,
            Self::GracefulRestart { .. } => code::GRACEFUL_RESTART,
            Self::FourOctetAs(_) => code::FOUR_OCTET_AS,
            Self::AddPath(_) => code::ADD_PATH,
            Self::Role(_) => code::ROLE,
            Self::Fqdn { .. } => code::FQDN,
            Self::SoftwareVersion(_) => code::SOFTWARE_VERSION,
            Self::LongLivedGracefulRestart(_) => code::LONG_LIVED_GRACEFUL_RESTART,
            Self::OutboundRouteFiltering(_) => code::OUTBOUND_ROUTE_FILTERING,
            Self::MultipleLabels(_) => code::MULTIPLE_LABELS,
            Self::PathsLimit(_) => code::PATHS_LIMIT,
            Self::LinkLocalNextHop => code::LINK_LOCAL_NEXT_HOP,
            Self::Unknown { code, .. } => *code,
        }
    }

    /// A short name for people and for JSON; `unknown` for [`Self::Unknown`].
    pub const fn name(&self) -> &'static str {
        match self {
            Self::MultiProtocol(_) => "multiprotocol",
            Self::RouteRefresh => "route-refresh",
            Self::EnhancedRouteRefresh => "enhanced-route-refresh",
            Self::ExtendedNextHop(_) => "extended-next-hop",
            Self::ExtendedMessage => "extended-message",
            Self::GracefulRestart { .. } => "graceful-restart",
            Self::FourOctetAs(_) => "four-octet-as",
            Self::AddPath(_) => "add-path",
            Self::Role(_) => "role",
            Self::Fqdn { .. } => "fqdn",
            Self::SoftwareVersion(_) => "software-version",
            Self::LongLivedGracefulRestart(_) => "long-lived-graceful-restart",
            Self::OutboundRouteFiltering(_) => "outbound-route-filtering",
            Self::MultipleLabels(_) => "multiple-labels",
            Self::PathsLimit(_) => "paths-limit",
            Self::LinkLocalNextHop => "link-local-next-hop",
            Self::Unknown { .. } => "unknown",
        }
    }
}

#[cfg(test)]
mod tests;
