//! What the renderers show: one message, table route or event, decoded as far as it goes.
//!
//! Where: made by the reader from a record and its session, dropped before the next record.
//! Invariants: whatever could not be read is in `unread` with its octets; nothing is left out
//! silently.

use std::net::IpAddr;

use bgp_wire::attr::AttrType;
use bgp_wire::{Family, Notification, Open, RouteRefresh};

use super::args::TypeName;
use super::route::Route;
use capture::{Endpoint, Timestamp};

/// One thing to show.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    /// When it was captured; raw messages have no time.
    pub(crate) time: Option<Timestamp>,
    /// Who sent it.
    pub(crate) from: Endpoint,
    /// Who received it.
    pub(crate) to: Endpoint,
    /// All octets, header included; of a table route, its attributes.
    pub(crate) bytes: &'a [u8],
    /// What it says.
    pub(crate) body: Body<'a>,
    /// What is wrong with it.
    pub(crate) findings: Vec<Finding>,
    /// How it was read, where that was a decision.
    pub(crate) notes: Vec<String>,
}

/// What a message says.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    /// OPEN.
    Open(Open),
    /// UPDATE.
    Update(Update<'a>),
    /// NOTIFICATION.
    Notification(Notification),
    /// KEEPALIVE.
    Keepalive,
    /// ROUTE-REFRESH.
    RouteRefresh(RouteRefresh),
    /// A route of a table dump.
    Route(Update<'a>),
    /// Something that happened to a session.
    State {
        /// What, in words.
        text: String,
        /// The states left and entered, by their names in RFC 4271 section 8.2.2.
        change: Option<(String, String)>,
        /// It is about a BGP session; others are about the transport or the file.
        session: bool,
    },
    /// Something missing, or not BGP.
    Gap {
        /// What happened.
        text: String,
        /// How many octets are lost.
        octets: u64,
    },
    /// A message of this type that could not be read.
    Unreadable(u8),
}

impl Body<'_> {
    /// The type's name.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Open(_) | Self::Unreadable(1) => "OPEN",
            Self::Update(_) | Self::Unreadable(2) => "UPDATE",
            Self::Notification(_) | Self::Unreadable(3) => "NOTIFICATION",
            Self::Keepalive | Self::Unreadable(4) => "KEEPALIVE",
            Self::RouteRefresh(_) | Self::Unreadable(5) => "ROUTE-REFRESH",
            Self::Route(_) => "ROUTE",
            Self::State { .. } => "STATE",
            Self::Gap { .. } => "GAP",
            Self::Unreadable(_) => "UNKNOWN",
        }
    }

    /// The type for `--type`.
    pub(crate) fn kind(&self) -> TypeName {
        match self.name() {
            "OPEN" => TypeName::Open,
            "UPDATE" => TypeName::Update,
            "NOTIFICATION" => TypeName::Notification,
            "KEEPALIVE" => TypeName::Keepalive,
            "ROUTE-REFRESH" => TypeName::RouteRefresh,
            "ROUTE" => TypeName::Route,
            "STATE" => TypeName::State,
            "GAP" => TypeName::Gap,
            _ => TypeName::Unknown,
        }
    }

    /// The routes and attributes, if it has any.
    pub(crate) fn update(&self) -> Option<&Update<'_>> {
        match self {
            Self::Update(update) | Self::Route(update) => Some(update),
            _ => None,
        }
    }
}

/// Routes and attributes.
#[derive(Debug, Default)]
pub(crate) struct Update<'a> {
    /// AS numbers were read as four octets.
    pub(crate) as4: bool,
    /// The family of the table it stands in, for table routes.
    pub(crate) table: Option<Family>,
    /// Routes withdrawn.
    pub(crate) withdrawn: Vec<Route>,
    /// Routes announced.
    pub(crate) announced: Vec<Route>,
    /// Next hops by family; the classic field's is IPv4 unicast.
    pub(crate) next_hops: Vec<(Family, NextHops)>,
    /// Attributes, in order of appearance.
    pub(crate) attributes: Vec<Attribute<'a>>,
    /// The path a speaker makes of the AS_PATH and AS4_PATH of a two-octet one (RFC 6793
    /// section 4.2.3): the value of an AS_PATH, four octets an AS number.
    pub(crate) merged_path: Option<Vec<u8>>,
    /// The family whose End-of-RIB it is (RFC 4724 section 2).
    pub(crate) end_of_rib: Option<Family>,
    /// What could not be read.
    pub(crate) unread: Vec<Unread<'a>>,
}

impl Update<'_> {
    /// The next hops of `family`.
    pub(crate) fn next_hop(&self, family: Family) -> Option<&NextHops> {
        self.next_hops.iter().find(|(f, _)| *f == family).map(|(_, hops)| hops)
    }
}

/// A next hop field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NextHops {
    /// No next hop (flow specification).
    None,
    /// One address, or a global and a link-local one.
    Address {
        /// The route distinguisher in front, where the family has one; zero is not kept.
        rd: Option<String>,
        /// The address.
        address: IpAddr,
        /// The link-local address beside it (RFC 2545).
        link_local: Option<IpAddr>,
    },
    /// Octets of a length no next hop has.
    Odd(Vec<u8>),
}

/// An attribute.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attribute<'a> {
    /// Flags as they came.
    pub(crate) flags: u8,
    /// Type code.
    pub(crate) kind: AttrType,
    /// The value.
    pub(crate) value: &'a [u8],
}

/// Octets nothing could be made of.
#[derive(Debug)]
pub(crate) struct Unread<'a> {
    /// What they should be.
    pub(crate) what: String,
    /// Where they begin, counted from the message header.
    pub(crate) at: usize,
    /// The octets.
    pub(crate) bytes: &'a [u8],
}

/// A fault and its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What RFC 7606 makes of it.
    pub(crate) verdict: Verdict,
    /// Where it says so.
    pub(crate) rfc: &'static str,
    /// Octet, counted from the first of the message header; of a table route, from its first
    /// attribute.
    pub(crate) octet: usize,
    /// The attribute it is in.
    pub(crate) attribute: Option<AttrType>,
    /// What is wrong.
    pub(crate) text: String,
}

/// What a fault costs, from nothing to the session (RFC 7606 section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Nothing.
    Note,
    /// The attribute.
    AttributeDiscard,
    /// The routes of the message.
    TreatAsWithdraw,
    /// The family.
    FamilyDisable,
    /// The session.
    SessionReset,
}

impl Verdict {
    /// All of them, mildest first.
    pub(crate) const ALL: [Self; 5] = [
        Self::Note,
        Self::AttributeDiscard,
        Self::TreatAsWithdraw,
        Self::FamilyDisable,
        Self::SessionReset,
    ];

    /// The RFC's words.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::AttributeDiscard => "attribute discard",
            Self::TreatAsWithdraw => "treat-as-withdraw",
            Self::FamilyDisable => "AFI/SAFI disable",
            Self::SessionReset => "session reset",
        }
    }
}
