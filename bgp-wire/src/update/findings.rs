//! Findings: everything that is wrong with a message, or only odd, for people and tools.
//!
//! What for: saying which octet breaks which rule and what it costs, where the receive path only
//! wants the one fault it acts on.
//! Where: called by tools and tests, never on the receive path.
//! How: [`findings`] walks an UPDATE on its own, fault by fault; verdicts on attributes come from the
//! same `judge` as the receive path's, those on routes from [`UpdateView`] itself, shown one field at
//! a time. `message_findings` takes whole messages of any type. The forms are in `finding`.
//! Invariants: the first finding is what a speaker acts on: a `Reset` exactly when
//! [`UpdateView::parse`] fails, a `TreatAsWithdraw` exactly when
//! [`UpdateView::attrs`](UpdateView::attrs) says so. Then as many `Discard`s as it counts.
//! Cost: time and space linear in the message; at most [`MAX_FINDINGS`] findings and one more for
//! each worse verdict.
//! References: RFC 7606 sections 3 to 7, RFC 4271 section 6.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

mod finding;

use std::cmp::Reverse;

pub use finding::{Finding, FindingKind, Verdict};

use super::{
    AttrOutcome, AttrScratch, UpdateContext, UpdateView,
    judge::{Judgement, SeenTypes, Why, judge},
};
use crate::{
    attr::{
        Attr, AttrType, LargeCommunity, as_path, attrs, flags,
        table::{self, Class, OnError, Row},
    },
    cursor::Cursor,
    error::{DecodeError, DecodeErrorKind},
    family::{Afi, Family, Safi},
    frame::{Framed, HEADER_LEN, MAX_EXTENDED, MAX_MESSAGE, MessageType, next_frame},
    message::Message,
    next_hop::NextHop,
};

/// How many findings are listed before further ones are left out that are not worse than all.
pub const MAX_FINDINGS: usize = 1000;

const GENERAL: &str = "RFC 7606 section 3";

/// Everything there is to say about the body of an UPDATE (without header), the decisive finding
/// first, then the worse before the lesser, in the order of their octets.
pub fn findings(body: &[u8], ctx: &UpdateContext) -> Vec<Finding> {
    let mut walk = Walk { ctx, list: Vec::new() };
    walk.update(body);
    let decisive = match UpdateView::parse(body, ctx) {
        Err(error) => Some((error, Verdict::Reset)),
        Ok(view) => match view.attrs(&mut AttrScratch::default()) {
            AttrOutcome::TreatAsWithdraw(error) => Some((error, Verdict::TreatAsWithdraw)),
            AttrOutcome::Ok { .. } => None,
        },
    };
    let mut list = walk.list;
    list.sort_by_key(|f| (Reverse(f.verdict), f.at));
    if let Some((error, verdict)) = decisive {
        let kind = FindingKind::Fault(error.kind);
        let is_it = |f: &Finding| f.at == error.at && f.kind == kind && f.verdict == verdict;
        let first = match list.iter().position(is_it) {
            Some(at) => list.remove(at),
            // Left out, or a path that only became too long in the making.
            None => Finding { at: error.at, verdict, kind, attr: None, rfc: GENERAL },
        };
        list.insert(0, first);
    }
    list
}

/// Everything there is to say about a whole message, header included. `ctx` matters to UPDATEs only.
pub fn message_findings(message: &[u8], ctx: &UpdateContext) -> Vec<Finding> {
    let mut walk = Walk { ctx, list: Vec::new() };
    let (kind, frame) = match next_frame(message, MAX_EXTENDED) {
        Err(error) => {
            walk.fault(error, Verdict::Reset, None, "RFC 4271 section 6.1");
            return walk.list;
        }
        Ok(Framed::Incomplete { .. }) => {
            walk.note(message.len(), FindingKind::CutShort, None, "RFC 4271 section 4.1");
            return walk.list;
        }
        Ok(Framed::Message { kind, frame }) => (kind, frame),
    };
    let mut list = Vec::new();
    if kind == MessageType::UPDATE {
        list = findings(frame.get(HEADER_LEN..).unwrap_or_default(), ctx);
    } else if let Err(error) = Message::decode(frame) {
        // A NOTIFICATION is never answered with another.
        let verdict = match kind {
            MessageType::NOTIFICATION => Verdict::Note,
            _ => Verdict::Reset,
        };
        let rfc = match (kind, error.kind) {
            (_, DecodeErrorKind::BadBgpIdentifier) => "RFC 6286 section 2.2",
            (_, DecodeErrorKind::BadPeerAs(_)) => "RFC 7607 section 2",
            (MessageType::OPEN, _) => "RFC 4271 section 6.2",
            (MessageType::ROUTE_REFRESH, _) => "RFC 7313 section 5",
            _ => "RFC 4271 section 6.4",
        };
        walk.fault(error, verdict, None, rfc);
    }
    if frame.len() > MAX_MESSAGE {
        walk.note(16, FindingKind::ExtendedMessage, None, "RFC 8654 section 4");
    }
    if message.len() > frame.len() {
        walk.note(frame.len(), FindingKind::Surplus, None, "RFC 4271 section 4.1");
    }
    list.append(&mut walk.list);
    list
}

struct Walk<'c> {
    ctx: &'c UpdateContext,
    list: Vec<Finding>,
}

/// What the walk over the attributes has met.
#[derive(Default)]
struct Met<'a> {
    seen: SeenTypes,
    /// The highest type so far, MP attributes aside, which go first (RFC 7606 section 5.1).
    highest: u8,
    /// Something announces routes, of whatever family.
    announces: bool,
    /// The family of MP_REACH_NLRI if it has routes that are wanted and readable, and what is wrong
    /// with their next hop.
    mp_reach: Option<(Family, Option<DecodeError>)>,
    /// The family whose routes cannot be known.
    disabled: Option<Family>,
    /// An attribute other than MP_UNREACH_NLRI.
    others: bool,
    next_hop: Option<(usize, &'a [u8])>,
}

impl Walk<'_> {
    fn push(&mut self, finding: Finding) {
        let is_worse = || self.list.iter().all(|f| f.verdict < finding.verdict);
        if self.list.len() < MAX_FINDINGS || is_worse() {
            self.list.push(finding);
        }
    }

    fn fault(
        &mut self,
        error: DecodeError,
        verdict: Verdict,
        attr: Option<AttrType>,
        rfc: &'static str,
    ) {
        let kind = FindingKind::Fault(error.kind);
        self.push(Finding { at: error.at, verdict, kind, attr, rfc });
    }

    fn note(&mut self, at: usize, kind: FindingKind, attr: Option<AttrType>, rfc: &'static str) {
        let at = u16::try_from(at).unwrap_or(u16::MAX);
        self.push(Finding { at, verdict: Verdict::Note, kind, attr, rfc });
    }

    fn update(&mut self, body: &[u8]) {
        let Some((withdrawn, section, nlri)) = self.sections(body) else { return };
        self.classic(withdrawn, true);
        let classic_is_good = self.classic(nlri, false);
        let mut met = Met { announces: !nlri.is_empty(), ..Met::default() };

        let mut at = section.at();
        let mut iter = attrs(section.rest());
        for attr in iter.by_ref() {
            self.attribute(&attr, at, &mut met);
            at = at.saturating_add(attr.raw.len());
        }
        let cut_short = !iter.rest().is_empty();
        if cut_short {
            let error = DecodeError::new(at, DecodeErrorKind::MalformedAttributeList);
            self.fault(error, Verdict::TreatAsWithdraw, None, "RFC 7606 section 4");
        } else {
            let is_disabled = met.disabled == Some(Family::IPV4_UNICAST);
            self.mandatory(at, &met, classic_is_good && !nlri.is_empty() && !is_disabled);
        }
        if !met.announces && (met.others || cut_short) {
            for finding in &mut self.list {
                if finding.verdict == Verdict::TreatAsWithdraw {
                    finding.verdict = Verdict::Reset;
                    finding.rfc = "RFC 7606 section 5.2";
                }
            }
        }
    }

    /// Withdrawn routes, attributes, NLRI.
    fn sections<'b>(&mut self, body: &'b [u8]) -> Option<(Cursor<'b>, Cursor<'b>, Cursor<'b>)> {
        let mut c = Cursor::new(body, HEADER_LEN);
        let mut next = || {
            let at = c.at();
            let section = c.u16().and_then(|length| c.sub(usize::from(length)));
            section.ok_or_else(|| DecodeError::new(at, DecodeErrorKind::MalformedAttributeList))
        };
        match (next(), next()) {
            (Ok(withdrawn), Ok(section)) => Some((withdrawn, section, c)),
            (Err(error), _) | (_, Err(error)) => {
                self.fault(error, Verdict::Reset, None, GENERAL);
                None
            }
        }
    }

    /// One of the two fields outside the attributes; whether its routes are wanted and readable.
    fn classic(&mut self, field: Cursor<'_>, withdrawn: bool) -> bool {
        let length = u16::try_from(field.rest().len()).unwrap_or(u16::MAX).to_be_bytes();
        let probe = if withdrawn {
            [&length[..], field.rest(), &[0, 0]].concat()
        } else {
            [&[0; 4], field.rest()].concat()
        };
        let moved_by: usize = if withdrawn { 21 } else { 23 };
        match UpdateView::parse(&probe, self.ctx) {
            Err(DecodeError { at, kind }) => {
                let at = usize::from(at).saturating_sub(moved_by).saturating_add(field.at());
                let error = DecodeError::new(at, kind);
                self.fault(error, Verdict::Reset, None, "RFC 7606 section 5.3");
                false
            }
            Ok(view) if view.ignored_fields() > 0 => {
                let kind = FindingKind::NotNegotiated(Family::IPV4_UNICAST);
                self.note(field.at(), kind, None, "RFC 4760 section 6");
                false
            }
            Ok(_) => {
                self.trailing_bits(field, Family::IPV4_UNICAST, None);
                true
            }
        }
    }

    fn attribute<'b>(&mut self, attr: &Attr<'b>, at: usize, met: &mut Met<'b>) {
        let row = table::row(attr.kind);
        let is_mp = matches!(attr.kind, AttrType::MP_REACH_NLRI | AttrType::MP_UNREACH_NLRI);
        self.header(attr, at, row, (!is_mp).then_some(&mut met.highest));
        met.others |= attr.kind != AttrType::MP_UNREACH_NLRI;
        let kind = Some(attr.kind);

        if is_mp && met.seen.has(attr.kind) {
            let error = DecodeError::new(at, DecodeErrorKind::MalformedAttributeList);
            return self.fault(error, Verdict::Reset, kind, GENERAL);
        }
        if is_mp {
            self.multiprotocol(attr, at, met);
        }
        if row.is_none() && attr.flags & flags::OPTIONAL == 0 {
            let fault = DecodeErrorKind::UnrecognizedWellKnown(attr.kind.0);
            let rfc = "RFC 4271 section 6.3";
            self.fault(DecodeError::new(at, fault), Verdict::Reset, kind, rfc);
        }
        match judge(attr, row, &mut met.seen, self.ctx) {
            Judgement::Keep => self.kept(attr, at, row),
            Judgement::Skip if row.is_none() => {
                self.note(at, FindingKind::UnknownDropped, kind, "RFC 4271 section 5");
            }
            Judgement::Skip => match attr.kind {
                AttrType::NEXT_HOP => met.next_hop = Some((at, attr.value)),
                AttrType::AIGP => {
                    self.note(at, FindingKind::NotEnabled, kind, "RFC 7311 section 3.3");
                }
                AttrType::BGP_LS => {
                    self.note(at, FindingKind::NotCarried, kind, "RFC 9552 section 5.3");
                }
                _ => {}
            },
            Judgement::Discard(why) => {
                let (kind, rfc) = match (why, row) {
                    (Why::Repeated, _) | (_, None) => (FindingKind::Repeated, GENERAL),
                    (Why::NotFromPeer, Some(row)) => (FindingKind::NotFromPeer, row.rfc),
                    (Why::Malformed(k), Some(row)) => (FindingKind::Fault(k), rfc_of(k, row)),
                };
                let at = u16::try_from(at).unwrap_or(u16::MAX);
                let attr = Some(attr.kind);
                self.push(Finding { at, verdict: Verdict::Discard, kind, attr, rfc });
            }
            Judgement::Withdraw(fault) => {
                let rfc = if self.is_confederation_fault(attr, fault) {
                    "RFC 5065 section 5"
                } else {
                    row.map_or(GENERAL, |row| rfc_of(fault, row))
                };
                let error = DecodeError::new(at, fault);
                self.fault(error, Verdict::TreatAsWithdraw, kind, rfc);
            }
        }
    }

    /// What is odd about a header but allowed.
    fn header(&mut self, attr: &Attr<'_>, at: usize, row: Option<&Row>, highest: Option<&mut u8>) {
        let kind = Some(attr.kind);
        if attr.flags & flags::EXTENDED_LENGTH != 0 && attr.value.len() <= 255 {
            self.note(at, FindingKind::NeedlessExtendedLength, kind, "RFC 4271 section 4.3");
        }
        if attr.flags & 0x0f != 0 {
            self.note(at, FindingKind::LowFlagBits, kind, "RFC 4271 section 4.3");
        }
        let can_be_partial = row.is_none_or(|row| row.class == Class::OptionalTransitive);
        if attr.flags & flags::PARTIAL != 0 && !can_be_partial {
            self.note(at, FindingKind::NeedlessPartial, kind, "RFC 4271 section 4.3");
        }
        if let Some(highest) = highest {
            if attr.kind.0 < *highest {
                self.note(at, FindingKind::OutOfOrder, kind, "RFC 4271 section 5");
            }
            *highest = attr.kind.0.max(*highest);
        }
    }

    /// The routes in an MP attribute, shown to the view with right flags and what is mandatory.
    fn multiprotocol(&mut self, attr: &Attr<'_>, at: usize, met: &mut Met<'_>) {
        const BEFORE: [u8; 7] = [0x40, 1, 1, 0, 0x40, 2, 0];
        let length = u16::try_from(attr.value.len()).unwrap_or(u16::MAX).to_be_bytes();
        let header = [flags::OPTIONAL | flags::EXTENDED_LENGTH, attr.kind.0];
        let section = [&BEFORE, &header[..], &length, attr.value].concat();
        let length = u16::try_from(section.len()).unwrap_or(u16::MAX).to_be_bytes();
        let probe = [&[0, 0], &length[..], &section].concat();
        let rfc = table::row(attr.kind).map_or(GENERAL, |row| row.rfc);
        let kind = Some(attr.kind);

        let value_at = at.saturating_add(attr.raw.len().saturating_sub(attr.value.len()));
        let mut value = Cursor::new(attr.value, value_at);
        let family = value.u16().zip(value.u8()).map(|(a, s)| Family::new(Afi(a), Safi(s)));
        if attr.kind == AttrType::MP_REACH_NLRI {
            let next_hop = value.u8().and_then(|n| value.take(usize::from(n)));
            let reserved = next_hop.and_then(|_| value.u8());
            // If that cannot be read, what it would have announced is anyone's guess.
            met.announces |= reserved.is_none() || !value.is_empty();
        }
        let view = match UpdateView::parse(&probe, self.ctx) {
            Err(DecodeError { kind: fault, .. }) => {
                return self.fault(DecodeError::new(at, fault), Verdict::Reset, kind, rfc);
            }
            Ok(view) => view,
        };
        let Some(family) = family else { return };
        if view.ignored_fields() > 0 {
            let note = FindingKind::NotNegotiated(family);
            return self.note(at, note, kind, "RFC 4760 section 6");
        }
        if let Some((family, DecodeError { kind: fault, .. })) = view.disabled_family() {
            // Faults in two families are not confined to one.
            let verdict = match met.disabled {
                Some(other) if other != family => Verdict::Reset,
                _ => Verdict::DisableFamily,
            };
            met.disabled = Some(family);
            return self.fault(DecodeError::new(at, fault), verdict, kind, rfc);
        }
        if view.has_reach() {
            let error = match view.attrs(&mut AttrScratch::default()) {
                AttrOutcome::TreatAsWithdraw(error) => Some(DecodeError::new(at, error.kind)),
                AttrOutcome::Ok { .. } => None,
            };
            met.mp_reach = Some((family, error));
        }
        self.trailing_bits(value, family, kind);
    }

    /// An attribute that stays.
    fn kept(&mut self, attr: &Attr<'_>, at: usize, row: Option<&Row>) {
        let kind = Some(attr.kind);
        if row.is_none() {
            if attr.flags & flags::OPTIONAL != 0 {
                self.note(at, FindingKind::UnknownRelayed, kind, "RFC 4271 section 5");
            }
        } else if attr.kind == AttrType::LARGE_COMMUNITIES {
            let mut list: Vec<LargeCommunity> = LargeCommunity::of(attr.raw).collect();
            let before = list.len();
            list.sort_unstable();
            list.dedup();
            if list.len() < before {
                self.note(at, FindingKind::RepeatedValues, kind, "RFC 8092 section 5");
            }
        }
    }

    /// What must be there; `at` is the end of the attributes.
    fn mandatory(&mut self, at: usize, met: &Met<'_>, classic: bool) {
        let mp_reach = met.mp_reach.filter(|(family, _)| Some(*family) != met.disabled);
        if let Some((_, Some(error))) = mp_reach {
            let kind = Some(AttrType::MP_REACH_NLRI);
            self.fault(error, Verdict::TreatAsWithdraw, kind, "RFC 7606 section 7.3");
        }
        let mut missing = |kind: AttrType, needed: bool| {
            if needed && !met.seen.has(kind) {
                let error = DecodeError::new(at, DecodeErrorKind::MissingWellKnown(kind.0));
                self.fault(error, Verdict::TreatAsWithdraw, Some(kind), GENERAL);
            }
        };
        missing(AttrType::ORIGIN, classic || mp_reach.is_some());
        missing(AttrType::AS_PATH, classic || mp_reach.is_some());
        missing(AttrType::NEXT_HOP, classic);
        if let Some((at, value)) = met.next_hop.filter(|_| classic) {
            let is_valid =
                <[u8; 4]>::try_from(value).is_ok_and(|a| NextHop::V4(a.into()).is_valid());
            if !is_valid {
                let error = DecodeError::new(at, DecodeErrorKind::InvalidNextHop);
                let kind = Some(AttrType::NEXT_HOP);
                self.fault(error, Verdict::TreatAsWithdraw, kind, "RFC 7606 section 7.3");
            }
        }
    }

    /// Whether an AS_PATH would be good if the peer were in our confederation.
    fn is_confederation_fault(&self, attr: &Attr<'_>, fault: DecodeErrorKind) -> bool {
        fault == DecodeErrorKind::MalformedAsPath
            && match self.ctx.as4 {
                true => as_path::validate::<4>(attr.value, true),
                false => as_path::validate::<2>(attr.value, true),
            }
    }

    /// Notes the first prefix of a good field that has bits behind its length.
    fn trailing_bits(&mut self, mut field: Cursor<'_>, family: Family, attr: Option<AttrType>) {
        let is_plain = matches!(family.afi, Afi::IPV4 | Afi::IPV6)
            && matches!(family.safi, Safi::UNICAST | Safi::MULTICAST);
        let has_ids = self.ctx.add_path.contains(family);
        while is_plain && !field.is_empty() {
            if has_ids && field.take(4).is_none() {
                return;
            }
            let at = field.at();
            let Some(length) = field.u8() else { return };
            let Some(octets) = field.take(usize::from(length).div_ceil(8)) else { return };
            let beyond = 0xffu8.checked_shr(u32::from(length & 7)).unwrap_or(0);
            if length & 7 != 0 && octets.last().is_some_and(|last| last & beyond != 0) {
                return self.note(at, FindingKind::TrailingBits, attr, "RFC 4271 section 4.3");
            }
        }
    }
}

/// The rule a fault in a known attribute breaks.
fn rfc_of(fault: DecodeErrorKind, row: &Row) -> &'static str {
    match fault {
        DecodeErrorKind::AttributeFlags(_) if row.on_wrong_flags != OnError::Discard => GENERAL,
        _ => row.rfc,
    }
}

#[cfg(test)]
mod tests;
