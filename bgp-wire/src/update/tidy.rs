//! Attributes of a tidy message: the canonical form where next to nothing has to be done for it.
//!
//! What for: nearly every message of a four-octet session has good attributes in ascending order
//! with the flags they should have. For a message of one route, judging attributes is most of the
//! work.
//! Where: tried by [`canonicalise`](super::canonical::canonicalise) before it does anything else.
//! How: the rows of the table are constants here, so that the compiler makes of each attribute's row
//! and `judge_known` the few comparisons that matter to it. Ascending order shows that no type is
//! repeated. Whatever is out of the ordinary makes it give up; the general walk then decides.
//! Invariants: what is found here is what the general walk finds.
//! References: RFC 4271 section 6.3, RFC 7606 sections 3 and 7.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use super::{
    UpdateContext,
    canonical::{Needs, count, has_repetition},
    judge::{Judgement, judge_known},
};
use crate::{
    attr::{
        Attr, AttrType, attrs, flags,
        table::{ROWS, Row},
    },
    next_hop::NextHop,
};

/// The canonical bytes and how often the local AS is in the path; `None` if the message is not tidy.
///
/// `input` has at most one MP_REACH_NLRI and one MP_UNREACH_NLRI, which may stand anywhere.
#[inline]
pub(super) fn tidy<'b>(
    input: &'b [u8],
    ctx: &UpdateContext,
    needs: &Needs,
    out: &'b mut Vec<u8>,
) -> Option<(&'b [u8], u16)> {
    if !ctx.as4 || needs.mp_next_hop.is_some_and(|next_hop| !next_hop.is_valid()) {
        return None;
    }
    out.clear();
    let mut last = AttrType(0);
    let (mut origin, mut as_path, mut next_hop) = (false, false, !needs.next_hop);
    let mut own_as = 0;
    // The octets behind those in `out` that are to be kept, and where the attribute begins.
    let (mut run_start, mut run_end, mut at) = (0usize, 0usize, 0usize);
    for attr in attrs(input) {
        let start = at;
        at = at.saturating_add(attr.raw.len());
        let kept = match attr.kind {
            AttrType::ORIGIN => {
                origin = true;
                keeps::<1>(&attr, ctx)
            }
            AttrType::AS_PATH => {
                as_path = true;
                own_as = count(attr.value, ctx.local_as);
                keeps::<2>(&attr, ctx)
            }
            AttrType::NEXT_HOP => {
                let addr = <[u8; 4]>::try_from(attr.value).ok()?;
                next_hop |= NextHop::V4(addr.into()).is_valid();
                if last >= attr.kind || !skips::<3>(&attr, ctx) {
                    return None;
                }
                last = attr.kind;
                continue;
            }
            AttrType::MED => keeps::<4>(&attr, ctx),
            AttrType::LOCAL_PREF => keeps::<5>(&attr, ctx),
            AttrType::ATOMIC_AGGREGATE => keeps::<6>(&attr, ctx),
            AttrType::AGGREGATOR => keeps::<7>(&attr, ctx),
            AttrType::COMMUNITIES => keeps::<8>(&attr, ctx),
            AttrType::ORIGINATOR_ID => keeps::<9>(&attr, ctx),
            AttrType::CLUSTER_LIST => keeps::<10>(&attr, ctx),
            AttrType::MP_REACH_NLRI => {
                if skips::<14>(&attr, ctx) {
                    continue;
                }
                return None;
            }
            AttrType::MP_UNREACH_NLRI => {
                if skips::<15>(&attr, ctx) {
                    continue;
                }
                return None;
            }
            AttrType::EXT_COMMUNITIES => keeps::<16>(&attr, ctx),
            AttrType::LARGE_COMMUNITIES => keeps::<32>(&attr, ctx) && !has_repetition(attr.value),
            _ => false,
        };
        if !kept || last >= attr.kind {
            return None;
        }
        last = attr.kind;
        if start != run_end {
            out.extend_from_slice(input.get(run_start..run_end)?);
            run_start = start;
        }
        run_end = at;
    }
    if needs.mandatory && !(origin && as_path) || !next_hop {
        return None;
    }
    let run = input.get(run_start..run_end)?;
    if out.is_empty() {
        return Some((run, own_as));
    }
    out.extend_from_slice(run);
    Some((out, own_as))
}

/// The row of type `KIND`, which must have one.
#[cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "evaluated by the compiler"
    )
)]
const fn row_of<const KIND: u8>() -> Row {
    let mut i = 0;
    while ROWS[i].kind.0 != KIND {
        i += 1;
    }
    ROWS[i]
}

/// Whether a first attribute of type `KIND` goes into the canonical form as it is.
#[inline(always)]
fn keeps<const KIND: u8>(attr: &Attr<'_>, ctx: &UpdateContext) -> bool {
    let row = const { &row_of::<KIND>() };
    let extended = if attr.value.len() > 255 { flags::EXTENDED_LENGTH } else { 0 };
    attr.flags == row.class.normalised(attr.flags) | extended
        && matches!(judge_known(attr, row, ctx), Judgement::Keep)
}

/// Whether a first attribute of type `KIND` is good and has no place in the canonical form.
#[inline(always)]
fn skips<const KIND: u8>(attr: &Attr<'_>, ctx: &UpdateContext) -> bool {
    matches!(judge_known(attr, const { &row_of::<KIND>() }, ctx), Judgement::Skip)
}

#[cfg(test)]
mod tests;
