//! The octets of each capability, both ways.
//!
//! What for: `Capability::decode` and `Capability::put`.
//! Where: under [`Capability`]; OPEN and NOTIFICATION call it.
//! How: each value is a small fixed record or a list of them, which nom reads well. Which faults
//! refuse the OPEN: an impossible length of a capability that negotiation uses (2/0). Everything
//! else is "not understood", which RFC 5492 has us ignore: kept as `Unknown`.
//! Invariants: what `put` writes decodes to itself, unless it had to be cut or continued.
//! References: see the parent module.
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
    combinator::{all_consuming, map, map_opt},
    multi::{length_count, length_data, many0},
    number::complete::{be_u8, be_u16, be_u24, be_u32},
};

use super::{
    AddPathDirection, Capability, ExtendedNextHop, GracefulFamily, LongLivedFamily, OrfFamily, code,
};
use crate::{
    asn::Asn,
    error::{DecodeError, DecodeErrorKind},
    family::{Afi, Family, Safi},
};

impl Capability {
    /// Reads the value of capability `code`, which begins `at` octets into the message.
    pub(crate) fn decode(code: u8, value: &[u8], at: usize) -> Result<Self, DecodeError> {
        let known = match code {
            code::MULTI_PROTOCOL => whole(map(mp_family, Self::MultiProtocol), value),
            code::ROUTE_REFRESH => value.is_empty().then_some(Self::RouteRefresh),
            code::ENHANCED_ROUTE_REFRESH => value.is_empty().then_some(Self::EnhancedRouteRefresh),
            code::EXTENDED_MESSAGE => value.is_empty().then_some(Self::ExtendedMessage),
            // A number that is no SAFI: not understood, hence ignored (RFC 5492 section 3).
            code::EXTENDED_NEXT_HOP => whole(many0((be_u16, be_u16, be_u16)), value)
                .map(|list| extended_next_hop(&list).unwrap_or_else(|| Self::unknown(code, value))),
            code::ROLE => whole(map(be_u8, Self::Role), value),
            code::GRACEFUL_RESTART => whole(graceful_restart, value),
            code::FOUR_OCTET_AS => whole(map(be_u32, |n| Self::FourOctetAs(Asn(n))), value),
            // Another direction than the three: not understood, hence ignored (RFC 7911 section 4).
            code::ADD_PATH => whole(many0((family, be_u8)), value)
                .map(|list| add_path(&list).unwrap_or_else(|| Self::unknown(code, value))),
            code::LONG_LIVED_GRACEFUL_RESTART => {
                whole(map(many0(long_lived_family), Self::LongLivedGracefulRestart), value)
            }
            _ => Some(unused(code, value).unwrap_or_else(|| Self::unknown(code, value))),
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
            Self::RouteRefresh
            | Self::EnhancedRouteRefresh
            | Self::ExtendedMessage
            | Self::LinkLocalNextHop => put_one(out, self.code(), &[]),
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
            Self::OutboundRouteFiltering(list) => put_filters(out, list),
            Self::MultipleLabels(list) => put_list(out, self.code(), list, |(f, count)| {
                let [a, b] = f.afi.0.to_be_bytes();
                [a, b, f.safi.0, *count]
            }),
            Self::PathsLimit(list) => put_list(out, self.code(), list, |(f, limit)| {
                let ([a, b], [c, d]) = (f.afi.0.to_be_bytes(), limit.to_be_bytes());
                [a, b, f.safi.0, c, d]
            }),
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

/// One family after another; where 255 octets are full, another capability is begun.
fn put_filters(out: &mut Vec<u8>, list: &[OrfFamily]) {
    const HEAD: usize = 5;
    let mut value = Vec::new();
    for entry in list {
        let mut rest = entry.filters.as_slice();
        loop {
            let (part, more) = rest.split_at_checked(125).unwrap_or((rest, &[]));
            let length = part.len().saturating_mul(2).saturating_add(HEAD);
            if value.len().saturating_add(length) > 255 {
                put_one(out, code::OUTBOUND_ROUTE_FILTERING, &value);
                value.clear();
            }
            let [a, b] = entry.family.afi.0.to_be_bytes();
            let count = u8::try_from(part.len()).unwrap_or(u8::MAX);
            value.extend_from_slice(&[a, b, 0, entry.family.safi.0, count]);
            value.extend(part.iter().flat_map(|(kind, way)| [*kind, way.to_wire()]));
            rest = more;
            if rest.is_empty() {
                break;
            }
        }
    }
    put_one(out, code::OUTBOUND_ROUTE_FILTERING, &value);
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

/// The SAFI is two octets wide here and nowhere else (RFC 8950 section 4).
fn extended_next_hop(list: &[(u16, u16, u16)]) -> Option<Capability> {
    list.iter()
        .map(|&(afi, safi, next_hop)| {
            let family = Family::new(Afi(afi), Safi(u8::try_from(safi).ok()?));
            Some(ExtendedNextHop { family, next_hop: Afi(next_hop) })
        })
        .collect::<Option<_>>()
        .map(Capability::ExtendedNextHop)
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
    let entries = list
        .iter()
        .map(|(family, direction)| Some((*family, AddPathDirection::from_wire(*direction)?)));
    entries.collect::<Option<_>>().map(Capability::AddPath)
}

/// A capability that negotiation makes no use of, so that a malformed one costs nothing: `None`.
fn unused(code: u8, value: &[u8]) -> Option<Capability> {
    match code {
        code::FQDN => fqdn(value),
        code::SOFTWARE_VERSION => software_version(value),
        code::OUTBOUND_ROUTE_FILTERING => {
            whole(map(many0(orf_family), Capability::OutboundRouteFiltering), value)
        }
        code::MULTIPLE_LABELS => {
            whole(map(many0((family, be_u8)), Capability::MultipleLabels), value)
        }
        code::PATHS_LIMIT => whole(map(many0((family, be_u16)), Capability::PathsLimit), value),
        code::LINK_LOCAL_NEXT_HOP => value.is_empty().then_some(Capability::LinkLocalNextHop),
        _ => None,
    }
}

fn orf_family(i: &[u8]) -> IResult<&[u8], OrfFamily> {
    let filter = map_opt((be_u8, be_u8), |(kind, way)| {
        AddPathDirection::from_wire(way).map(|way| (kind, way))
    });
    map((mp_family, length_count(be_u8, filter)), |(family, filters)| OrfFamily { family, filters })
        .parse(i)
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
