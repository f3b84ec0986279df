//! Packing routes into UPDATE messages.
//!
//! What for: as few messages as the routes fit, appended one after another to one buffer.
//! Where: update groups and origination; the buffer becomes shared frames.
//! How: the attribute block is made once and copied in front of (IPv4 with an IPv4 next hop) or
//! behind (everything else, MP_REACH_NLRI first as RFC 7606 section 5.1 asks) the NLRI of each
//! message; routes go straight from the iterator into the buffer.
//! Invariants: no message is longer than `max_len` or without a route; a route that fits no message
//! is counted and left out.
//! References: RFC 4271 section 4.3, RFC 4760, RFC 4724 section 2, RFC 6793, RFC 7911, RFC 8654,
//! RFC 8950.

use std::{
    borrow::{Borrow, Cow},
    net::Ipv4Addr,
};

use super::{as4, next_hop};
use crate::{
    asn::Asn,
    attr::{AsPath, Attr, AttrType, attrs, flags, put_attr},
    family::{Family, Safi},
    frame::{HEADER_LEN, MAX_EXTENDED, MAX_MESSAGE, MessageType, begin_message, finish_message},
    next_hop::NextHop,
    nlri::Nlri,
};

/// What of a session's negotiation changes the bytes of what is sent.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct EncodeContext {
    /// Four-octet AS numbers; otherwise AS_TRANS and AS4_PATH (RFC 6793).
    pub as4: bool,
    /// Longest message, in octets: [`MAX_MESSAGE`] or [`MAX_EXTENDED`].
    pub max_len: usize,
    /// NLRI carry path identifiers (RFC 7911).
    pub add_path: bool,
}

impl Default for EncodeContext {
    /// Four-octet AS numbers, 4096 octets, no path identifiers.
    fn default() -> Self {
        Self { as4: true, max_len: MAX_MESSAGE, add_path: false }
    }
}

/// What a call has written.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Default)]
pub struct PackStats {
    /// Messages appended.
    pub messages: usize,
    /// Routes in them.
    pub prefixes: usize,
    /// Routes that could not be sent because no message has room for them beside the attributes:
    /// those for which [`Nlri::encoded_len`], and 4 more with ADD-PATH, is over `room`. The peer must
    /// not keep an older route for them: withdraw them there (RFC 8654 section 4).
    pub unsendable: usize,
    /// Octets that a message has for routes; 0 when the call was refused or the attributes alone
    /// fill it.
    pub room: usize,
}

/// Appends UPDATEs that announce `nlri` (path identifier, route) of `family` with one attribute set.
///
/// IPv4 unicast with an IPv4 next hop uses the classic fields; everything else MP_REACH_NLRI, so an
/// IPv4 family with an IPv6 next hop must have been negotiated (RFC 8950). An IPv6 family with an
/// IPv4 next hop is sent with the IPv4-mapped address. Flow specifications are sent without a next
/// hop, whatever `next_hop` is (RFC 8955 section 4). Path identifiers are used only with ADD-PATH.
///
/// Routes come by value or by reference; for references the type is named, `pack_announce::<N>`. Of
/// types larger than a prefix, references are quicker.
///
/// `family` must be one of `N::FAMILIES` and have a next hop if it wants one. Anything else is a
/// fault of the caller: it panics where debug assertions are on, else all of `nlri` is unsendable.
pub fn pack_announce<N: Nlri>(
    family: Family,
    canonical: &[u8],
    next_hop: Option<&NextHop>,
    ctx: &EncodeContext,
    nlri: impl IntoIterator<Item = (u32, impl Borrow<N>)>,
    out: &mut Vec<u8>,
) -> PackStats {
    let nlri = nlri.into_iter();
    if !is_of::<N>(family) {
        return refused(nlri);
    }
    let block = if ctx.as4 { Cow::Borrowed(canonical) } else { narrowed(canonical) };
    if let (Family::IPV4_UNICAST, Some(NextHop::V4(addr))) = (family, next_hop) {
        let layout = Classic::new(&block, *addr);
        return pack(&layout, layout.overhead(), family, N::put, ctx, nlri, out);
    }
    let next_hop = next_hop::write(family, next_hop);
    debug_assert!(next_hop.is_some(), "{family} wants a next hop");
    let Some(next_hop) = next_hop else { return refused(nlri) };
    let layout = MpReach { block: &block, family, next_hop };
    pack(&layout, layout.overhead(), family, N::put, ctx, nlri, out)
}

/// Appends UPDATEs that withdraw `nlri` (path identifier, route) of `family`, which must be one of
/// `N::FAMILIES`, as for [`pack_announce`].
pub fn pack_withdraw<N: Nlri>(
    family: Family,
    ctx: &EncodeContext,
    nlri: impl IntoIterator<Item = (u32, impl Borrow<N>)>,
    out: &mut Vec<u8>,
) -> PackStats {
    let nlri = nlri.into_iter();
    if !is_of::<N>(family) {
        return refused(nlri);
    }
    if family == Family::IPV4_UNICAST {
        pack(&Withdrawn, HEADER_LEN + 4, family, N::put_withdrawn, ctx, nlri, out)
    } else {
        pack(&MpUnreach(family), HEADER_LEN + 11, family, N::put_withdrawn, ctx, nlri, out)
    }
}

/// The most octets of NLRI to put in one message, whatever its size. FRR takes a whole field of flow
/// specifications for one of them and ends the session over 4094 octets, the most one can have
/// (RFC 8955 section 4.1).
const fn longest_field(family: Family) -> usize {
    match family.safi {
        Safi::FLOW_SPEC | Safi::FLOW_SPEC_VPN => 4094,
        _ => MAX_EXTENDED,
    }
}

fn is_of<N: Nlri>(family: Family) -> bool {
    let is_of = N::FAMILIES.contains(&family);
    debug_assert!(is_of, "{family} has routes of another type");
    is_of
}

#[cold]
fn refused<B>(nlri: impl Iterator<Item = (u32, B)>) -> PackStats {
    PackStats { unsendable: nlri.count(), ..PackStats::default() }
}

/// Appends the End-of-RIB marker of `family` (RFC 4724 section 2).
pub fn end_of_rib(family: Family, out: &mut Vec<u8>) {
    let start = begin_message(out, MessageType::UPDATE);
    if family == Family::IPV4_UNICAST {
        out.extend_from_slice(&[0; 4]);
    } else {
        out.extend_from_slice(&[0, 0, 0, 6]);
        out.extend_from_slice(&[flags::OPTIONAL, AttrType::MP_UNREACH_NLRI.0, 3]);
        put_family(family, out);
    }
    finish_message(out, start);
}

/// What stands before and behind the NLRI of a message.
trait Layout {
    /// Appends what goes before the NLRI, header included, with lengths left open.
    fn open(&self, out: &mut Vec<u8>) -> usize;
    /// Appends what goes behind, and fills in the lengths of the message that began at `start`.
    fn close(&self, start: usize, out: &mut Vec<u8>);
}

fn pack<N: Nlri, B: Borrow<N>>(
    layout: &impl Layout,
    overhead: usize,
    family: Family,
    put: impl Fn(&N, &mut Vec<u8>),
    ctx: &EncodeContext,
    mut nlri: impl Iterator<Item = (u32, B)>,
    out: &mut Vec<u8>,
) -> PackStats {
    let max_len = ctx.max_len.min(MAX_EXTENDED);
    let room = max_len.saturating_sub(overhead).min(longest_field(family));
    let mut stats = PackStats { room, ..PackStats::default() };
    let id_len = if ctx.add_path { 4 } else { 0 };
    let longest = id_len + N::MAX_LEN;
    // A route that is taken from the iterator and not written: the first of a message.
    let mut pending = nlri.next();
    while let Some(first) = pending.take() {
        if id_len + first.1.borrow().encoded_len() > room {
            stats.unsendable += 1;
            pending = nlri.next();
            continue;
        }
        let routes = nlri.size_hint().0.saturating_add(1);
        out.reserve(max_len.min(overhead.saturating_add(longest.saturating_mul(routes))));
        let start = layout.open(out);
        let end = out.len() + room;
        let mut write = |(id, route): (u32, B), out: &mut Vec<u8>| {
            if ctx.add_path {
                out.extend_from_slice(&id.to_be_bytes());
            }
            put(route.borrow(), out);
            stats.prefixes += 1;
        };
        write(first, out);
        for next in nlri.by_ref() {
            // While even the longest route fits, none needs to be asked for its length.
            if out.len() + longest > end && out.len() + id_len + next.1.borrow().encoded_len() > end
            {
                pending = Some(next);
                break;
            }
            write(next, out);
        }
        layout.close(start, out);
        stats.messages += 1;
    }
    stats
}

/// Announcement in the classic fields, NEXT_HOP at its place among the attributes.
struct Classic<'a> {
    before: &'a [u8],
    next_hop: Ipv4Addr,
    behind: &'a [u8],
}

impl<'a> Classic<'a> {
    fn new(block: &'a [u8], next_hop: Ipv4Addr) -> Self {
        let at = attrs(block)
            .take_while(|a| a.kind < AttrType::NEXT_HOP)
            .map(|a| a.raw.len())
            .sum::<usize>();
        let (before, behind) = block.split_at_checked(at).unwrap_or((block, &[]));
        Self { before, next_hop, behind }
    }

    const fn overhead(&self) -> usize {
        HEADER_LEN + 4 + self.before.len() + 7 + self.behind.len()
    }
}

impl Layout for Classic<'_> {
    fn open(&self, out: &mut Vec<u8>) -> usize {
        let start = begin_message(out, MessageType::UPDATE);
        out.extend_from_slice(&[0; 2]);
        let length = self.before.len() + 7 + self.behind.len();
        out.extend_from_slice(&two(length));
        out.extend_from_slice(self.before);
        out.extend_from_slice(&[flags::TRANSITIVE, AttrType::NEXT_HOP.0, 4]);
        out.extend_from_slice(&self.next_hop.octets());
        out.extend_from_slice(self.behind);
        start
    }

    fn close(&self, start: usize, out: &mut Vec<u8>) {
        finish_message(out, start);
    }
}

/// Announcement in MP_REACH_NLRI, which is the first attribute.
struct MpReach<'a> {
    block: &'a [u8],
    family: Family,
    next_hop: next_hop::Field,
}

impl MpReach<'_> {
    fn overhead(&self) -> usize {
        // Section lengths 4, attribute header 4, family 3, reserved 1.
        HEADER_LEN + 12 + self.next_hop.as_bytes().len() + self.block.len()
    }
}

impl Layout for MpReach<'_> {
    fn open(&self, out: &mut Vec<u8>) -> usize {
        let start = begin_message(out, MessageType::UPDATE);
        out.extend_from_slice(&[0; 4]);
        open_mp(AttrType::MP_REACH_NLRI, self.family, out);
        out.extend_from_slice(self.next_hop.as_bytes());
        out.push(0);
        start
    }

    fn close(&self, start: usize, out: &mut Vec<u8>) {
        close_mp(start, out);
        out.extend_from_slice(self.block);
        close_attributes(start, out);
    }
}

/// Withdrawal in the classic field.
struct Withdrawn;

impl Layout for Withdrawn {
    fn open(&self, out: &mut Vec<u8>) -> usize {
        let start = begin_message(out, MessageType::UPDATE);
        out.extend_from_slice(&[0; 2]);
        start
    }

    fn close(&self, start: usize, out: &mut Vec<u8>) {
        let length = out.len() - start - HEADER_LEN - 2;
        patch(out, start + HEADER_LEN, length);
        out.extend_from_slice(&[0; 2]);
        finish_message(out, start);
    }
}

/// Withdrawal in MP_UNREACH_NLRI.
struct MpUnreach(Family);

impl Layout for MpUnreach {
    fn open(&self, out: &mut Vec<u8>) -> usize {
        let start = begin_message(out, MessageType::UPDATE);
        out.extend_from_slice(&[0; 4]);
        open_mp(AttrType::MP_UNREACH_NLRI, self.0, out);
        start
    }

    fn close(&self, start: usize, out: &mut Vec<u8>) {
        close_mp(start, out);
        close_attributes(start, out);
    }
}

/// Header of an MP attribute with its length left open, and the family.
fn open_mp(kind: AttrType, family: Family, out: &mut Vec<u8>) {
    out.extend_from_slice(&[flags::OPTIONAL | flags::EXTENDED_LENGTH, kind.0, 0, 0]);
    put_family(family, out);
}

/// Length of the MP attribute, which is the first and ends at the end of `out`.
fn close_mp(start: usize, out: &mut [u8]) {
    let value = start + HEADER_LEN + 8;
    let length = out.len() - value;
    patch(out, value - 2, length);
}

/// Length of the attribute section, which ends at the end of `out`; and the message's.
fn close_attributes(start: usize, out: &mut [u8]) {
    let section = start + HEADER_LEN + 4;
    let length = out.len() - section;
    patch(out, section - 2, length);
    finish_message(out, start);
}

fn put_family(family: Family, out: &mut Vec<u8>) {
    out.extend_from_slice(&family.afi.0.to_be_bytes());
    out.push(family.safi.0);
}

fn two(n: usize) -> [u8; 2] {
    u16::try_from(n).unwrap_or(u16::MAX).to_be_bytes()
}

fn patch(out: &mut [u8], at: usize, n: usize) {
    if let Some(field) = out.get_mut(at..).and_then(|b| b.first_chunk_mut()) {
        *field = two(n);
    }
}

/// The block for a two-octet speaker (RFC 6793 section 4.2.2).
fn narrowed(canonical: &[u8]) -> Cow<'_, [u8]> {
    let mut out = Vec::with_capacity(canonical.len());
    let mut as4_path = None;
    let mut as4_aggregator = None;
    let late = |out: &mut Vec<u8>, path: &mut Option<Vec<u8>>, agg: &mut Option<Attr<'_>>| {
        let class = flags::OPTIONAL | flags::TRANSITIVE;
        if let Some(value) = path.take() {
            put_attr(out, class, AttrType::AS4_PATH, &value);
        }
        if let Some(attr) = agg.take() {
            put_attr(
                out,
                class | attr.flags & flags::PARTIAL,
                AttrType::AS4_AGGREGATOR,
                attr.value,
            );
        }
    };
    for attr in attrs(canonical) {
        match attr.kind {
            AttrType::AS_PATH => {
                let path = AsPath::new(attr.value);
                let mut two = Vec::with_capacity(attr.value.len());
                if as4::narrow(path, &mut two) {
                    let mut four = Vec::with_capacity(attr.value.len());
                    as4::as4_path(path, &mut four);
                    as4_path = Some(four);
                }
                put_attr(&mut out, attr.flags, attr.kind, &two);
            }
            AttrType::AGGREGATOR => {
                if let &[a, b, c, d, e, f, g, h] = attr.value {
                    let asn = Asn(u32::from_be_bytes([a, b, c, d]));
                    let [high, low] = asn.to_two_octets().to_be_bytes();
                    put_attr(&mut out, attr.flags, attr.kind, &[high, low, e, f, g, h]);
                    if asn.is_four_octet() {
                        as4_aggregator = Some(attr);
                    }
                }
            }
            kind => {
                if kind > AttrType::AS4_AGGREGATOR {
                    late(&mut out, &mut as4_path, &mut as4_aggregator);
                }
                out.extend_from_slice(attr.raw);
            }
        }
    }
    late(&mut out, &mut as4_path, &mut as4_aggregator);
    Cow::Owned(out)
}
