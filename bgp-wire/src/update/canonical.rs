//! Attributes: verdicts of RFC 7606 and the canonical form, in one walk.
//!
//! What for: turning the attribute section of a message into the interning key.
//! Where: behind [`UpdateView::attrs`](super::UpdateView::attrs).
//! How: a tidy message is done by [`tidy`]. Of any other each attribute is judged by its row of the table (in `judge`) and becomes an entry (keep as
//! it is, keep with another header, take from the side buffer) or nothing. Entries that stand in
//! the input as the canonical form wants them and next to each other are one range: a message from
//! a tidy peer is borrowed, or copied once when NEXT_HOP stands in the middle.
//! Invariants: canonicalising canonical bytes (on a four-octet internal session of a confederation
//! that has AIGP enabled) gives the same bytes; no attribute of the input decides how much work
//! another one makes.
//! References: RFC 4271 section 6.3, RFC 7606 sections 3 and 7, RFC 7607, RFC 6793 section 4.2.3,
//! RFC 8092 section 5.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use super::{
    UpdateContext, as4,
    judge::{Judgement, SeenTypes, judge},
    tidy::tidy,
};
use crate::{
    asn::Asn,
    attr::{Attr, AttrType, attrs, flags, put_header, table},
    error::{DecodeError, DecodeErrorKind},
    next_hop::NextHop,
};

/// What became of the attributes of a message.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum AttrOutcome<'b> {
    /// The set is good.
    Ok {
        /// The canonical bytes; see [`attr`](crate::attr).
        canonical: &'b [u8],
        /// How many attributes were discarded (RFC 7606 attribute discard): malformed ones, repeated
        /// ones, and those this peer has no business to send.
        discarded: u8,
        /// How often `UpdateContext::local_as` is in the path: more than allowed is a loop.
        own_as: u16,
    },
    /// All routes the message announces are to be treated as withdrawn, for this reason.
    TreatAsWithdraw(DecodeError),
}

/// Buffers for [`UpdateView::attrs`](super::UpdateView::attrs), to be kept by the session.
#[derive(Clone, Debug, Default)]
pub struct AttrScratch {
    /// The result for a tidy message.
    tidy: Vec<u8>,
    general: General,
}

/// Buffers of the general walk.
#[derive(Clone, Debug, Default)]
pub(super) struct General {
    out: Vec<u8>,
    /// Attributes that had to be written anew, headers included.
    side: Vec<u8>,
    entries: Vec<Entry>,
    /// The four-octet path of a two-octet speaker.
    wide: Vec<u8>,
}

/// An attribute of the result.
#[derive(Copy, Clone, Debug)]
struct Entry {
    kind: AttrType,
    /// In the side buffer, else in the input.
    side: bool,
    start: usize,
    end: usize,
}

/// What the routes of the message ask of its attributes.
#[derive(Copy, Clone, Debug)]
pub(super) struct Needs {
    /// It announces something: ORIGIN and AS_PATH must be there.
    pub(super) mandatory: bool,
    /// It has a classic NLRI field: NEXT_HOP must be there.
    pub(super) next_hop: bool,
    /// The next hop of MP_REACH_NLRI, if that announces something.
    pub(super) mp_next_hop: Option<NextHop>,
}

/// Attributes of a two-octet speaker that go together (RFC 6793).
#[derive(Default)]
struct Narrow<'a> {
    as_path: Option<&'a [u8]>,
    as4_path: Option<&'a [u8]>,
    aggregator: Option<(u8, &'a [u8])>,
    as4_aggregator: Option<&'a [u8]>,
}

#[inline]
pub(super) fn canonicalise<'b>(
    input: &'b [u8],
    input_at: usize,
    ctx: &UpdateContext,
    needs: Needs,
    scratch: &'b mut AttrScratch,
) -> AttrOutcome<'b> {
    match tidy(input, ctx, &needs, &mut scratch.tidy) {
        Some((canonical, own_as)) => AttrOutcome::Ok { canonical, discarded: 0, own_as },
        None => canonicalise_any(input, input_at, ctx, needs, &mut scratch.general),
    }
}

/// [`canonicalise`] for attributes in whatever state.
#[inline(never)]
pub(super) fn canonicalise_any<'b>(
    input: &'b [u8],
    input_at: usize,
    ctx: &UpdateContext,
    needs: Needs,
    scratch: &'b mut General,
) -> AttrOutcome<'b> {
    scratch.out.clear();
    scratch.side.clear();
    scratch.entries.clear();
    let mut seen = SeenTypes::default();
    let mut narrow = Narrow::default();
    let mut discarded = 0u8;
    let mut own_as = 0u16;
    let mut sorted = true;
    let mut last = AttrType(0);
    let mut at = 0usize;
    let mut next_hop = None;
    let mut mp_reach_at = 0usize;
    let mut as_path_at = 0usize;
    for attr in attrs(input) {
        let (start, end) = (at, at.saturating_add(attr.raw.len()));
        at = end;
        let row = table::row(attr.kind);
        match judge(&attr, row, &mut seen, ctx) {
            Judgement::Keep => {}
            Judgement::Skip => {
                match attr.kind {
                    AttrType::NEXT_HOP => next_hop = Some((start, attr.value)),
                    AttrType::MP_REACH_NLRI => mp_reach_at = start,
                    _ => {}
                }
                continue;
            }
            Judgement::Discard(_) => {
                discarded = discarded.saturating_add(1);
                continue;
            }
            Judgement::Withdraw(kind) => return withdraw(input_at, start, kind),
        }
        match attr.kind {
            AttrType::AS_PATH if ctx.as4 => own_as = count(attr.value, ctx.local_as),
            AttrType::AS_PATH => {
                narrow.as_path = Some(attr.value);
                as_path_at = start;
                continue;
            }
            AttrType::AGGREGATOR if !ctx.as4 => {
                narrow.aggregator = Some((attr.flags, attr.value));
                continue;
            }
            AttrType::AS4_PATH => {
                narrow.as4_path = Some(attr.value);
                continue;
            }
            AttrType::AS4_AGGREGATOR => {
                narrow.as4_aggregator = Some(attr.value);
                continue;
            }
            AttrType::LARGE_COMMUNITIES if has_repetition(attr.value) => {
                scratch.put_distinct(&attr);
                sorted &= last < attr.kind;
                last = attr.kind;
                continue;
            }
            _ => {}
        }
        sorted &= last < attr.kind;
        last = attr.kind;
        let wanted = match row {
            Some(row) => row.class.normalised(attr.flags),
            None => flags::OPTIONAL | flags::TRANSITIVE | flags::PARTIAL,
        };
        let extended = if attr.value.len() > 255 { flags::EXTENDED_LENGTH } else { 0 };
        if attr.flags == wanted | extended {
            scratch.entries.push(Entry { kind: attr.kind, side: false, start, end });
        } else {
            scratch.put_side(attr.kind, wanted, attr.value);
        }
    }

    if needs.mandatory {
        for kind in [AttrType::ORIGIN, AttrType::AS_PATH] {
            if !seen.has(kind) {
                return withdraw(input_at, at, DecodeErrorKind::MissingWellKnown(kind.0));
            }
        }
        if needs.mp_next_hop.is_some_and(|next_hop| !next_hop.is_valid()) {
            return withdraw(input_at, mp_reach_at, DecodeErrorKind::InvalidNextHop);
        }
    }
    if needs.next_hop {
        let Some((start, value)) = next_hop else {
            let missing = DecodeErrorKind::MissingWellKnown(AttrType::NEXT_HOP.0);
            return withdraw(input_at, at, missing);
        };
        let valid = <[u8; 4]>::try_from(value).is_ok_and(|a| NextHop::V4(a.into()).is_valid());
        if !valid {
            return withdraw(input_at, start, DecodeErrorKind::InvalidNextHop);
        }
    }
    if !ctx.as4 {
        match scratch.widen(&narrow) {
            Some(path) => own_as = count(scratch.side.get(path).unwrap_or_default(), ctx.local_as),
            None => return withdraw(input_at, as_path_at, DecodeErrorKind::MalformedAsPath),
        }
        sorted = false;
    }
    if !sorted {
        scratch.entries.sort_unstable_by_key(|e| e.kind);
    }
    AttrOutcome::Ok { canonical: scratch.assemble(input), discarded, own_as }
}

#[cold]
fn withdraw(input_at: usize, at: usize, kind: DecodeErrorKind) -> AttrOutcome<'static> {
    AttrOutcome::TreatAsWithdraw(DecodeError::new(input_at.saturating_add(at), kind))
}

/// How often `asn` is in a valid four-octet path.
#[inline]
pub(super) fn count(path: &[u8], asn: Asn) -> u16 {
    let wanted = asn.0.to_be_bytes();
    let mut n = 0u16;
    let mut rest = path;
    while let Some((&[_, length], tail)) = rest.split_first_chunk::<2>() {
        let Some((numbers, tail)) = tail.split_at_checked(usize::from(length).saturating_mul(4))
        else {
            break;
        };
        for number in numbers.as_chunks::<4>().0 {
            n = n.saturating_add(u16::from(*number == wanted));
        }
        rest = tail;
    }
    n
}

/// Whether some large community is there twice.
pub(super) fn has_repetition(value: &[u8]) -> bool {
    let list = value.as_chunks::<12>().0;
    if list.len() <= 16 {
        return list.iter().enumerate().any(|(i, c)| list.iter().take(i).any(|d| c == d));
    }
    let mut sorted = list.to_vec();
    sorted.sort_unstable();
    !sorted.is_sorted_by(|a, b| a < b)
}

impl General {
    /// Writes an attribute anew.
    fn put_side(&mut self, kind: AttrType, flags: u8, value: &[u8]) {
        let start = self.side.len();
        // A value that came in an attribute fits one.
        put_header(&mut self.side, flags, kind, value.len());
        self.side.extend_from_slice(value);
        self.entries.push(Entry { kind, side: true, start, end: self.side.len() });
    }

    /// Writes LARGE_COMMUNITY without repetitions, first occurrences in their order.
    #[cold]
    fn put_distinct(&mut self, attr: &Attr<'_>) {
        let mut list: Vec<_> = attr.value.as_chunks::<12>().0.iter().enumerate().collect();
        list.sort_unstable_by_key(|(i, c)| (*c, *i));
        list.dedup_by_key(|(_, c)| *c);
        list.sort_unstable_by_key(|(i, _)| *i);
        let value: Vec<u8> = list.into_iter().flat_map(|(_, c)| *c).collect();
        let flags = flags::OPTIONAL | flags::TRANSITIVE | attr.flags & flags::PARTIAL;
        self.put_side(attr.kind, flags, &value);
    }

    /// AS_PATH and AGGREGATOR in four-octet form. The range of the path's value in the side buffer,
    /// empty without a path; `None` if the path would not fit an attribute.
    fn widen(&mut self, narrow: &Narrow<'_>) -> Option<std::ops::Range<usize>> {
        // An AGGREGATOR with a real two-octet AS says that the AS4 attributes are stale: an old
        // speaker has aggregated after they were made (RFC 6793 section 4.2.3).
        let stale = match (narrow.aggregator, narrow.as4_aggregator) {
            (Some((_, [high, low, ..])), Some(_)) => {
                u16::from_be_bytes([*high, *low]) != Asn::TRANS.to_two_octets()
            }
            _ => false,
        };
        let mut path_value = 0..0;
        if let Some(as_path) = narrow.as_path {
            let as4_path = narrow.as4_path.filter(|_| !stale);
            let mut wide = std::mem::take(&mut self.wide);
            wide.clear();
            as4::merge(as_path, as4_path, &mut wide);
            let fits = u16::try_from(wide.len()).is_ok();
            if fits {
                self.put_side(AttrType::AS_PATH, flags::TRANSITIVE, &wide);
                let end = self.side.len();
                path_value = end.saturating_sub(wide.len())..end;
            }
            self.wide = wide;
            if !fits {
                return None;
            }
        }
        if let Some((flags, value)) = narrow.aggregator {
            let flags = flags::OPTIONAL | flags::TRANSITIVE | flags & flags::PARTIAL;
            let as4 = narrow.as4_aggregator.filter(|_| !stale);
            match (as4, value) {
                (Some(as4), _) => self.put_side(AttrType::AGGREGATOR, flags, as4),
                (None, [high, low, a, b, c, d]) => {
                    let wide = [0, 0, *high, *low, *a, *b, *c, *d];
                    self.put_side(AttrType::AGGREGATOR, flags, &wide);
                }
                _ => {}
            }
        }
        Some(path_value)
    }

    /// The entries as one slice: of the input where they are one range of it, else copied together.
    #[inline]
    fn assemble<'b>(&'b mut self, input: &'b [u8]) -> &'b [u8] {
        let Some(first) = self.entries.first() else { return &[] };
        let mut run = *first;
        for entry in self.entries.iter().skip(1) {
            if entry.side == run.side && entry.start == run.end {
                run.end = entry.end;
                continue;
            }
            let bytes = if run.side { &self.side } else { input };
            self.out.extend_from_slice(bytes.get(run.start..run.end).unwrap_or_default());
            run = *entry;
        }
        let bytes = if run.side { &self.side } else { input };
        let tail = bytes.get(run.start..run.end).unwrap_or_default();
        if self.out.is_empty() {
            return tail;
        }
        self.out.extend_from_slice(tail);
        &self.out
    }
}
