//! What comes out of a file: messages, table routes, events, and what is missing.
//!
//! What for: one shape for everything, whatever the file's format, so that a caller renders BGP and
//! not formats.
//! Where: built by the format modules, handed out by [`Reader::next`](crate::Reader::next).
//! How: records borrow the reader's buffers; only octets are variable, all else is plain data.
//! Invariants: `bytes` of a message begins with the marker and is as long as its length field says.
//! References: RFC 6396 (MRT), RFC 7854, 8671, 9069 (BMP), RFC 4271 (messages).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use bgp_wire::{Asn, Family};

/// A moment in UTC.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash, Debug, Default)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub secs: u64,
    /// Nanoseconds within the second, 0 to 999,999,999.
    pub nanos: u32,
}

impl Timestamp {
    /// Whole seconds, as MRT has them.
    #[must_use]
    pub const fn from_secs(secs: u32) -> Self {
        Self { secs: secs as u64, nanos: 0 }
    }

    /// Seconds and microseconds; microseconds beyond a second are carried over.
    #[must_use]
    pub fn from_micros(secs: u32, micros: u32) -> Self {
        Self {
            secs: u64::from(secs).saturating_add(u64::from(micros / 1_000_000)),
            nanos: (micros % 1_000_000).saturating_mul(1000),
        }
    }
}

/// One end of a session, as far as the file tells.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, Default)]
pub struct Endpoint {
    /// Its address.
    pub addr: Option<IpAddr>,
    /// Its TCP port; only captures of packets and BMP Peer Up know it.
    pub port: Option<u16>,
    /// Its AS; MRT and BMP know it.
    pub asn: Option<Asn>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.addr, self.port, self.asn) {
            (Some(addr), Some(port), None) => {
                write!(f, "{}", std::net::SocketAddr::new(addr, port))
            }
            (Some(addr), _, Some(asn)) => write!(f, "{addr} AS{asn}"),
            (Some(addr), None, None) => write!(f, "{addr}"),
            (None, _, Some(asn)) => write!(f, "AS{asn}"),
            (None, ..) => f.write_str("?"),
        }
    }
}

/// The neighbour a table route was learned from.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Peer {
    /// Its address.
    pub addr: IpAddr,
    /// Its AS.
    pub asn: Asn,
    /// Its BGP Identifier; 0.0.0.0 where the format has none (TABLE_DUMP).
    pub id: Ipv4Addr,
}

/// Where a record lies in the file.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Origin {
    /// Octet offset of the enclosing record or packet, counted after decompression. For hex text,
    /// the offset among the octets that the text spells.
    pub at: u64,
    /// Number of the enclosing record or packet, from 1.
    pub number: u64,
    /// What encloses it.
    pub container: Container,
}

/// What encloses a record in its file.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub enum Container {
    /// An MRT record (RFC 6396 section 4).
    Mrt {
        /// Type.
        kind: u16,
        /// Subtype.
        subtype: u16,
    },
    /// A packet of a capture; the packet that completed the message.
    Packet,
    /// A BMP message (RFC 7854 section 4.1), in a file of its own or in a capture.
    Bmp {
        /// Message type.
        kind: u8,
    },
    /// Nothing: raw octets or hex text.
    Bare,
}

/// Which of a router's tables a BMP station sees (RFC 7854, 8671, 9069).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum BmpView {
    /// What the peer sent, before inbound policy.
    AdjRibInPre,
    /// What the peer sent, after inbound policy.
    AdjRibInPost,
    /// What is sent to the peer, before outbound policy (RFC 8671).
    AdjRibOutPre,
    /// What is sent to the peer, after outbound policy (RFC 8671).
    AdjRibOutPost,
    /// The router's own best routes (RFC 9069).
    LocRib {
        /// Whether the table is filtered (F flag).
        filtered: bool,
    },
}

impl fmt::Display for BmpView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AdjRibInPre => "adj-rib-in pre-policy",
            Self::AdjRibInPost => "adj-rib-in post-policy",
            Self::AdjRibOutPre => "adj-rib-out pre-policy",
            Self::AdjRibOutPost => "adj-rib-out post-policy",
            Self::LocRib { filtered: false } => "loc-rib",
            Self::LocRib { filtered: true } => "loc-rib filtered",
        })
    }
}

/// The BMP per-peer header beyond address and AS (RFC 7854 section 4.2).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct BmpPeer {
    /// Peer type: 0 global, 1 RD, 2 local, 3 Loc-RIB instance.
    pub kind: u8,
    /// Peer distinguisher: the route distinguisher of the peer's instance, or zero.
    pub distinguisher: [u8; 8],
    /// The peer's BGP Identifier.
    pub id: Ipv4Addr,
    /// Which table.
    pub view: BmpView,
}

/// One thing out of the file.
#[derive(Clone, Eq, PartialEq, Debug)]
pub enum Record<'a> {
    /// A BGP message.
    Message(MessageRecord<'a>),
    /// A route of a table dump.
    Route(RouteRecord<'a>),
    /// Something that happened to a session, or a record that is no message.
    State(StateRecord<'a>),
    /// Octets that are missing or unusable.
    Gap(GapRecord<'a>),
}

impl Record<'_> {
    /// Where it lies in the file.
    #[must_use]
    pub const fn origin(&self) -> Origin {
        match self {
            Self::Message(m) => m.origin,
            Self::Route(r) => r.origin,
            Self::State(s) => s.origin,
            Self::Gap(g) => g.origin,
        }
    }

    /// When it happened, where the file says.
    #[must_use]
    pub const fn time(&self) -> Option<Timestamp> {
        match self {
            Self::Message(m) => m.time,
            Self::Route(r) => r.time,
            Self::State(s) => s.time,
            Self::Gap(g) => g.time,
        }
    }
}

/// A whole BGP message.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct MessageRecord<'a> {
    /// Where it lies.
    pub origin: Origin,
    /// When it was seen; none in raw octets and hex text.
    pub time: Option<Timestamp>,
    /// Who sent it.
    pub from: Endpoint,
    /// Who got it. In BMP this is the monitored router, of which only Peer Up tells the address.
    pub to: Endpoint,
    /// The message with its header, 19 to 65,535 octets, as long as its length field says. Its type
    /// may be one nobody defined.
    pub bytes: &'a [u8],
    /// Whether AS_PATH has four-octet numbers, where the file says; else the OPENs tell.
    pub as4: Option<bool>,
    /// Whether NLRI have path identifiers (RFC 8050 subtypes), where the file says.
    pub add_path: Option<bool>,
    /// The BMP per-peer header, for messages out of BMP.
    pub bmp: Option<BmpPeer>,
}

/// A route of a table dump (RFC 6396 sections 4.2 and 4.3).
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct RouteRecord<'a> {
    /// Where it lies; the same for all entries of one RIB record.
    pub origin: Origin,
    /// When the route was received (the entry's originated time).
    pub time: Option<Timestamp>,
    /// When the table was dumped (the MRT header's time).
    pub dumped: Timestamp,
    /// The neighbour it came from.
    pub peer: Peer,
    /// Its family.
    pub family: Family,
    /// Its path identifier, in the ADDPATH subtypes (RFC 8050).
    pub path_id: Option<u32>,
    /// The NLRI in wire form: for plain families a length in bits and as many octets as it needs.
    pub nlri: &'a [u8],
    /// The path attributes in wire form.
    pub attrs: &'a [u8],
    /// Whether AS_PATH has four-octet numbers: always in TABLE_DUMP_V2, never in TABLE_DUMP.
    pub as4: bool,
    /// Whether MP_REACH_NLRI holds the next hop alone (RFC 6396 section 4.3.4); some writers put
    /// the whole attribute there.
    pub abbreviated_mp_reach: bool,
}

/// Something that is not a message.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct StateRecord<'a> {
    /// Where it lies.
    pub origin: Origin,
    /// When it happened.
    pub time: Option<Timestamp>,
    /// The peer; in captures of packets, who sent the segment.
    pub remote: Endpoint,
    /// The other end.
    pub local: Endpoint,
    /// What happened.
    pub kind: StateKind,
    /// What belongs to it in wire form; each kind says.
    pub data: &'a [u8],
    /// The BMP per-peer header, for events out of BMP.
    pub bmp: Option<BmpPeer>,
}

/// What a [`StateRecord`] tells.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
#[non_exhaustive]
pub enum StateKind {
    /// A session went from one state to another: 1 Idle, 2 Connect, 3 Active, 4 OpenSent,
    /// 5 OpenConfirm, 6 Established (RFC 6396 section 4.4.1; Quagga also writes 7 Clearing,
    /// 8 Deleted). No data.
    Transition {
        /// Before.
        old: u16,
        /// After.
        new: u16,
    },
    /// The peers of the table that follows (RFC 6396 section 4.3.1). Data: the view's name.
    PeerIndex {
        /// Collector's BGP Identifier.
        collector: Ipv4Addr,
        /// How many peers.
        peers: u16,
    },
    /// A record that holds no BGP messages or routes, e.g. OSPF or geo-location (RFC 6397). Data:
    /// its body.
    Skipped,
    /// A TCP connection was opened (SYN). No data.
    TcpOpened,
    /// One side of a TCP connection is closed (FIN). No data.
    TcpClosed,
    /// A TCP connection was reset (RST). No data.
    TcpReset,
    /// BMP Initiation. Data: information TLVs (RFC 7854 section 4.4).
    BmpInitiation,
    /// BMP Termination. Data: information TLVs (RFC 7854 section 4.5).
    BmpTermination,
    /// BMP Statistics Report. Data: the count and the TLVs (RFC 7854 section 4.8).
    BmpStatistics,
    /// BMP Peer Up; the two OPENs follow as messages. Data: information TLVs, mostly empty.
    BmpPeerUp,
    /// BMP Peer Down; reasons 1 and 3 are followed by the NOTIFICATION as message. Data: what
    /// follows the reason octet and is not a NOTIFICATION.
    BmpPeerDown {
        /// Reason code (RFC 7854 section 4.9, RFC 9069 section 5.3).
        reason: u8,
    },
    /// BMP Route Mirroring information (RFC 7854 section 4.7). No data.
    BmpMirroring {
        /// 0: the mirrored PDU was malformed; 1: messages were lost.
        code: u16,
    },
    /// A BMP message of a type nobody defined. Data: its body.
    BmpUnknown,
}

/// Octets that are missing or unusable in a stream.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct GapRecord<'a> {
    /// Where it lies: the packet or record after which it was noticed.
    pub origin: Origin,
    /// When it was noticed.
    pub time: Option<Timestamp>,
    /// Who sent the octets.
    pub from: Endpoint,
    /// Who got them.
    pub to: Endpoint,
    /// Why.
    pub reason: GapReason,
    /// How many octets are not in any message: known to be missing, or skipped. Does not count
    /// `data`.
    pub octets: u64,
    /// The beginning of the message that was cut, if one was.
    pub data: &'a [u8],
}

/// Why octets are missing.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
#[non_exhaustive]
pub enum GapReason {
    /// The capture lacks packets of the stream, or their tails (snap length).
    Lost,
    /// The stream, or the file, ends inside a message.
    Truncated,
    /// Octets before the next marker: the capture began inside a message, or the stream is broken
    /// or encrypted.
    NoMarker,
    /// The header's length field is below 19, so the message has no end.
    BadLength,
    /// The connection was forgotten to keep memory bounded.
    Evicted,
    /// An IP fragment whose packet never became whole.
    Fragment,
}

impl fmt::Display for GapReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "octets are not in the capture",
            Self::Truncated => "the stream ends inside a message",
            Self::NoMarker => "no message begins here",
            Self::BadLength => "a message with an impossible length",
            Self::Evicted => "too many connections at once",
            Self::Fragment => "an IP fragment without its other parts",
        })
    }
}
