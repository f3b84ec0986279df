//! Capabilities (RFC 5492): what a speaker can do, announced in its OPEN.
//!
//! What for: typed capabilities both ways; what we do not know is kept as it came.
//! Where: inside [`Open`](crate::Open); negotiation (bgp-fsm) compares two lists of these.
//! How: each value is a small fixed record or a list of them, which nom reads well. A list that
//! does not fit 255 octets is sent as several capabilities of the same code.
//! Invariants: decoding never fails for an unknown code; a capability that is only informational
//! (names, versions) never fails at all but is kept as `Unknown` when it is malformed.
//! References: RFC 5492; RFC 4760 (1), RFC 2918 (2), RFC 8950 (5), RFC 8654 (6), RFC 9234 (9),
//! RFC 4724 and 8538 (64), RFC 6793 (65), RFC 7911 (69), RFC 7313 (70), RFC 9494 (71),
//! draft-walton-bgp-hostname-capability (73), draft-abraitis-bgp-version-capability (75).
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use bytes::Bytes;
use nom::{
    IResult, Parser,
    bytes::complete::take,
    combinator::{all_consuming, map},
    multi::{length_data, many0},
    number::complete::{be_u8, be_u16, be_u24, be_u32},
};

use crate::{
    asn::Asn,
    error::{DecodeError, DecodeErrorKind},
    family::{Afi, Family, Safi},
};

/// Capability codes (IANA "Capability Codes").
pub mod code {
    /// Multiprotocol extensions (RFC 4760).
    pub const MULTI_PROTOCOL: u8 = 1;
    /// Route refresh (RFC 2918).
    pub const ROUTE_REFRESH: u8 = 2;
    /// Extended next hop encoding (RFC 8950).
    pub const EXTENDED_NEXT_HOP: u8 = 5;
    /// Extended messages (RFC 8654).
    pub const EXTENDED_MESSAGE: u8 = 6;
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
    /// A capability this crate does not know, or a malformed informational one.
    Unknown {
        /// Capability code.
        code: u8,
        /// Capability value as it came; over 255 octets cannot be sent and is left out.
        value: Bytes,
    },
}

/// One entry of the extended next hop capability (RFC 8950 section 4).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct ExtendedNextHop {
    /// The family of the routes.
    pub family: Family,
    /// The address family their next hop may have.
    pub next_hop: Afi,
}

/// One family of the graceful restart capability (RFC 4724 section 3).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct GracefulFamily {
    /// The family.
    pub family: Family,
    /// F bit: its forwarding state was preserved.
    pub forwarding: bool,
}

/// One family of the long-lived graceful restart capability (RFC 9494 section 3).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct LongLivedFamily {
    /// The family.
    pub family: Family,
    /// F bit: its forwarding state was preserved.
    pub forwarding: bool,
    /// Long-lived stale time in seconds, 24 bits.
    pub stale_time: u32,
}

/// What the speaker can do with path identifiers of a family (RFC 7911 section 4).
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
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
            Self::Unknown { code, .. } => *code,
        }
    }

    /// Reads the value of capability `code`, which begins `at` octets into the message.
    pub(crate) fn decode(code: u8, value: &[u8], at: usize) -> Result<Self, DecodeError> {
        let known = match code {
            code::MULTI_PROTOCOL => whole(map(mp_family, Self::MultiProtocol), value),
            code::ROUTE_REFRESH => value.is_empty().then_some(Self::RouteRefresh),
            code::ENHANCED_ROUTE_REFRESH => value.is_empty().then_some(Self::EnhancedRouteRefresh),
            code::EXTENDED_MESSAGE => value.is_empty().then_some(Self::ExtendedMessage),
            code::EXTENDED_NEXT_HOP => {
                whole(map(many0(extended_next_hop), Self::ExtendedNextHop), value)
            }
            code::ROLE => whole(map(be_u8, Self::Role), value),
            code::GRACEFUL_RESTART => whole(graceful_restart, value),
            code::FOUR_OCTET_AS => whole(map(be_u32, |n| Self::FourOctetAs(Asn(n))), value),
            // Another direction than the three: not understood, hence ignored (RFC 7911 section 4).
            code::ADD_PATH => whole(many0((family, be_u8)), value)
                .map(|list| add_path(&list).unwrap_or_else(|| Self::unknown(code, value))),
            code::LONG_LIVED_GRACEFUL_RESTART => {
                whole(map(many0(long_lived_family), Self::LongLivedGracefulRestart), value)
            }
            code::FQDN => Some(fqdn(value).unwrap_or_else(|| Self::unknown(code, value))),
            code::SOFTWARE_VERSION => {
                Some(software_version(value).unwrap_or_else(|| Self::unknown(code, value)))
            }
            _ => Some(Self::unknown(code, value)),
        };
        known.ok_or_else(|| DecodeError::new(at, DecodeErrorKind::MalformedCapability(code)))
    }

    fn unknown(code: u8, value: &[u8]) -> Self {
        Self::Unknown { code, value: Bytes::copy_from_slice(value) }
    }

    /// Appends code, length and value; a list too long for one is continued in another.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::MultiProtocol(f) => {
                let [high, low] = f.afi.0.to_be_bytes();
                put_one(out, self.code(), &[high, low, 0, f.safi.0]);
            }
            Self::RouteRefresh | Self::EnhancedRouteRefresh | Self::ExtendedMessage => {
                put_one(out, self.code(), &[]);
            }
            Self::FourOctetAs(asn) => put_one(out, self.code(), &asn.0.to_be_bytes()),
            Self::Role(role) => put_one(out, self.code(), &[*role]),
            Self::ExtendedNextHop(list) => put_list(out, self.code(), list, |e| {
                let ([a, b], [c, d]) = (e.family.afi.0.to_be_bytes(), e.next_hop.0.to_be_bytes());
                [a, b, 0, e.family.safi.0, c, d]
            }),
            Self::AddPath(list) => put_list(out, self.code(), list, |(f, direction)| {
                let [a, b] = f.afi.0.to_be_bytes();
                [a, b, f.safi.0, direction.to_wire()]
            }),
            Self::LongLivedGracefulRestart(list) => put_list(out, self.code(), list, |e| {
                let ([a, b], [_, c, d, f]) =
                    (e.family.afi.0.to_be_bytes(), e.stale_time.min(0xff_ffff).to_be_bytes());
                [a, b, e.family.safi.0, forwarding_bit(e.forwarding), c, d, f]
            }),
            Self::GracefulRestart { restarting, notification, restart_time, families } => {
                let flags = u16::from(*restarting) << 15 | u16::from(*notification) << 14;
                let mut value = Vec::from((flags | (*restart_time).min(0xfff)).to_be_bytes());
                // The last of several counts (RFC 4724), so this list cannot be continued; 63
                // families are more than exist.
                for e in families.iter().take(63) {
                    value.extend_from_slice(&e.family.afi.0.to_be_bytes());
                    value.extend_from_slice(&[e.family.safi.0, forwarding_bit(e.forwarding)]);
                }
                put_one(out, self.code(), &value);
            }
            Self::Fqdn { hostname, domain } => {
                // Two length octets leave 253 for both names.
                let host = cut(hostname, 253);
                let domain = cut(domain, 253usize.saturating_sub(host.len()));
                let mut value = Vec::with_capacity(255);
                for name in [host, domain] {
                    value.push(u8::try_from(name.len()).unwrap_or(0));
                    value.extend_from_slice(name.as_bytes());
                }
                put_one(out, self.code(), &value);
            }
            Self::SoftwareVersion(version) => {
                let version = cut(version, 254);
                let mut value = vec![u8::try_from(version.len()).unwrap_or(0)];
                value.extend_from_slice(version.as_bytes());
                put_one(out, self.code(), &value);
            }
            Self::Unknown { code, value } => put_one(out, *code, value),
        }
    }
}

fn put_one(out: &mut Vec<u8>, code: u8, value: &[u8]) {
    if let Ok(length) = u8::try_from(value.len()) {
        out.extend_from_slice(&[code, length]);
        out.extend_from_slice(value);
    }
}

fn put_list<T, const N: usize>(
    out: &mut Vec<u8>,
    code: u8,
    list: &[T],
    encode: impl Fn(&T) -> [u8; N],
) {
    if list.is_empty() {
        return put_one(out, code, &[]);
    }
    for part in list.chunks(255usize.checked_div(N).unwrap_or(1)) {
        let value: Vec<u8> = part.iter().flat_map(&encode).collect();
        put_one(out, code, &value);
    }
}

const fn forwarding_bit(set: bool) -> u8 {
    if set { 0x80 } else { 0 }
}

fn cut(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

/// The whole of `value` by `parser`, or nothing.
fn whole<'a, O>(
    parser: impl Parser<&'a [u8], Output = O, Error = nom::error::Error<&'a [u8]>>,
    value: &'a [u8],
) -> Option<O> {
    all_consuming(parser).parse(value).ok().map(|(_, output)| output)
}

fn family(i: &[u8]) -> IResult<&[u8], Family> {
    map((be_u16, be_u8), |(afi, safi)| Family::new(Afi(afi), Safi(safi))).parse(i)
}

fn mp_family(i: &[u8]) -> IResult<&[u8], Family> {
    map((be_u16, take(1usize), be_u8), |(afi, _, safi)| Family::new(Afi(afi), Safi(safi))).parse(i)
}

fn extended_next_hop(i: &[u8]) -> IResult<&[u8], ExtendedNextHop> {
    // The SAFI is two octets wide here and nowhere else; the high one is never set.
    map((mp_family, be_u16), |(family, afi)| ExtendedNextHop { family, next_hop: Afi(afi) })
        .parse(i)
}

fn graceful_restart(i: &[u8]) -> IResult<&[u8], Capability> {
    let entry = map((family, be_u8), |(family, flags)| GracefulFamily {
        family,
        forwarding: flags & 0x80 != 0,
    });
    map((be_u16, many0(entry)), |(head, families)| Capability::GracefulRestart {
        restarting: head & 0x8000 != 0,
        notification: head & 0x4000 != 0,
        restart_time: head & 0x0fff,
        families,
    })
    .parse(i)
}

fn long_lived_family(i: &[u8]) -> IResult<&[u8], LongLivedFamily> {
    map((family, be_u8, be_u24), |(family, flags, stale_time)| LongLivedFamily {
        family,
        forwarding: flags & 0x80 != 0,
        stale_time,
    })
    .parse(i)
}

fn add_path(list: &[(Family, u8)]) -> Option<Capability> {
    let entries = list.iter().map(|(family, direction)| {
        let direction = match direction {
            1 => AddPathDirection::Receive,
            2 => AddPathDirection::Send,
            3 => AddPathDirection::Both,
            _ => return None,
        };
        Some((*family, direction))
    });
    entries.collect::<Option<_>>().map(Capability::AddPath)
}

fn fqdn(value: &[u8]) -> Option<Capability> {
    let (hostname, domain) = whole((length_data(be_u8), length_data(be_u8)), value)?;
    Some(Capability::Fqdn { hostname: text(hostname)?, domain: text(domain)? })
}

fn software_version(value: &[u8]) -> Option<Capability> {
    let version = whole(length_data(be_u8), value)?;
    text(version).map(Capability::SoftwareVersion)
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests;
