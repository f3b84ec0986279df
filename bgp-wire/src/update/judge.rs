//! The verdict on one attribute.
//!
//! What for: one place that decides, for the canonicaliser that acts on it and for the diagnostic
//! walk that explains it.
//! Where: both call [`judge`] for each attribute of a message, in its order.
//! How: repeated, unknown, from a peer that must not send it, flags, length, content: the first that
//! applies decides, with the attribute's row of the table saying what it costs.
//! Invariants: a verdict depends on the attribute, the session, and whether its type was met before.
//! References: RFC 4271 section 6.3, RFC 7606 sections 3, 4 and 7, RFC 7607, RFC 5065 section 5,
//! RFC 6793 sections 4.1 and 6, and those of the rows.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use super::UpdateContext;
use crate::{
    attr::{
        Aigp, Attr, AttrType, Pmsi, as_path, flags, prefix_sid,
        table::{Keep, OnError, Row},
        tunnel_encap,
    },
    error::DecodeErrorKind,
};

/// What is to be done with an attribute.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) enum Judgement {
    /// It goes into the canonical form.
    Keep,
    /// Represented elsewhere, or not ours to relay: goes without being counted.
    Skip,
    /// It is dropped, and counted.
    Discard(Why),
    /// The routes of the message are withdrawn.
    Withdraw(DecodeErrorKind),
}

/// Why an attribute is discarded.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) enum Why {
    /// It is malformed.
    Malformed(DecodeErrorKind),
    /// There was one of its type before.
    Repeated,
    /// This peer has no business to send it.
    NotFromPeer,
}

/// Types that have been met.
#[derive(Default)]
pub(super) struct SeenTypes([u64; 4]);

impl SeenTypes {
    /// Whether `kind` was met before; it is now.
    #[inline]
    pub(super) fn replace(&mut self, kind: AttrType) -> bool {
        let bit = 1u64 << (kind.0 & 63);
        match self.0.get_mut(usize::from(kind.0 >> 6)) {
            Some(word) => {
                let before = *word & bit != 0;
                *word |= bit;
                before
            }
            None => false,
        }
    }

    #[inline]
    pub(super) fn has(&self, kind: AttrType) -> bool {
        self.0.get(usize::from(kind.0 >> 6)).is_some_and(|w| w & (1u64 << (kind.0 & 63)) != 0)
    }
}

/// Judges the next attribute of a message; `row` is that of its type.
#[inline]
pub(super) fn judge(
    attr: &Attr<'_>,
    row: Option<&Row>,
    seen: &mut SeenTypes,
    ctx: &UpdateContext,
) -> Judgement {
    if seen.replace(attr.kind) {
        return Judgement::Discard(Why::Repeated);
    }
    match row {
        Some(row) => judge_known(attr, row, ctx),
        None if attr.flags & flags::TRANSITIVE != 0 => Judgement::Keep,
        None => Judgement::Skip,
    }
}

/// The verdict on the first occurrence of an attribute we know.
#[inline(always)]
pub(super) fn judge_known(attr: &Attr<'_>, row: &Row, ctx: &UpdateContext) -> Judgement {
    match row.keep {
        // RFC 7606 sections 7.5, 7.9, 7.10: from an external peer, whatever it looks like.
        Keep::FromInternal if ctx.is_outside() => return Judgement::Discard(Why::NotFromPeer),
        // RFC 6793 section 4.1: a four-octet speaker must not send it.
        Keep::Merged if ctx.as4 => return Judgement::Discard(Why::NotFromPeer),
        // RFC 7311 section 3.3: as an unrecognised non-transitive one.
        Keep::IfEnabled if !ctx.aigp => return Judgement::Skip,
        _ => {}
    }
    let (fault, cost) = if attr.flags & (flags::OPTIONAL | flags::TRANSITIVE) != row.class.flags() {
        (DecodeErrorKind::AttributeFlags(attr.kind.0), row.on_wrong_flags)
    } else if !row.allows(attr.value.len(), ctx.as4) {
        (DecodeErrorKind::AttributeLength(attr.kind.0), row.on_error)
    } else {
        match content_fault(attr, ctx) {
            None if matches!(row.keep, Keep::Apart | Keep::Never) => return Judgement::Skip,
            None => return Judgement::Keep,
            Some(kind) => (kind, row.on_error),
        }
    };
    match cost {
        OnError::Discard => Judgement::Discard(Why::Malformed(fault)),
        OnError::TreatAsWithdraw | OnError::Reset => Judgement::Withdraw(fault),
    }
}

/// Faults that the length does not show.
#[inline(always)]
fn content_fault(attr: &Attr<'_>, ctx: &UpdateContext) -> Option<DecodeErrorKind> {
    let good = match attr.kind {
        AttrType::ORIGIN => {
            return (!matches!(attr.value, [0..=2])).then_some(DecodeErrorKind::InvalidOrigin);
        }
        AttrType::AS_PATH => {
            // Confederation segments from outside: RFC 5065 section 5.
            let good = if ctx.as4 {
                as_path::validate::<4>(attr.value, ctx.confederation)
            } else {
                as_path::validate::<2>(attr.value, ctx.confederation)
            };
            return (!good).then_some(DecodeErrorKind::MalformedAsPath);
        }
        // Confederation segments are dropped from it, not refused (RFC 6793 section 6).
        AttrType::AS4_PATH => as_path::validate::<4>(attr.value, true),
        // AS 0 (RFC 7607); the AS is all but the last four octets.
        AttrType::AGGREGATOR | AttrType::AS4_AGGREGATOR => attr
            .value
            .split_last_chunk::<4>()
            .is_some_and(|(asn, _)| asn.iter().any(|octet| *octet != 0)),
        AttrType::PMSI_TUNNEL => Pmsi::new(attr.value).is_some(),
        AttrType::AIGP => Aigp::new(attr.value).is_some(),
        AttrType::BGP_LS => is_tlvs(attr.value),
        AttrType::TUNNEL_ENCAPSULATION => tunnel_encap::check(attr.value).is_ok(),
        // A fault inside an SRv6 service is one of the attribute (RFC 9252 section 7).
        AttrType::PREFIX_SID => prefix_sid::check(attr.value).is_ok(),
        _ => return None,
    };
    (!good).then_some(DecodeErrorKind::OptionalAttribute(attr.kind.0))
}

/// Whether the octets are whole TLVs with two octets of type and two of length (RFC 9552
/// section 5.1).
fn is_tlvs(mut rest: &[u8]) -> bool {
    while let Some((&[_, _, high, low], tail)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some((_, tail)) = tail.split_at_checked(length) else { return false };
        rest = tail;
    }
    rest.is_empty()
}
