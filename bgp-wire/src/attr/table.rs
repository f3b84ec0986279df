//! The table: one row for each attribute this crate knows.
//!
//! What for: flags, lengths, who may send an attribute and what a fault in it costs, in one place.
//! Where: read by the canonicaliser for every attribute it sees, and by anything that wants a name.
//! How: `row` is an array lookup. An attribute without a row is relayed untouched if it is optional
//! transitive and dropped if it is optional non-transitive. Checks that need the content (segments,
//! AS 0, ORIGIN values) are in `update::canonical`, next to the only place that runs them.
//! Invariants: rows are in ascending code order; codes are unique.
//! References: RFC 4271 section 5, RFC 7606 sections 3 and 7, RFC 4456, 4760, 6793, 8092.

use super::{AttrType, flags};

/// What the Optional and Transitive flags must be.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Class {
    /// Optional 0, Transitive 1.
    WellKnown,
    /// Optional 1, Transitive 1.
    OptionalTransitive,
    /// Optional 1, Transitive 0.
    OptionalNonTransitive,
}

impl Class {
    /// The two flag bits.
    pub const fn flags(self) -> u8 {
        match self {
            Self::WellKnown => flags::TRANSITIVE,
            Self::OptionalTransitive => flags::OPTIONAL | flags::TRANSITIVE,
            Self::OptionalNonTransitive => flags::OPTIONAL,
        }
    }

    /// The flag bits of the canonical form: Partial stays only where it means something.
    pub const fn normalised(self, flags: u8) -> u8 {
        match self {
            Self::OptionalTransitive => self.flags() | flags & flags::PARTIAL,
            _ => self.flags(),
        }
    }
}

/// What the length of the value must be, in octets.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Length {
    /// Exactly this.
    Exactly(u16),
    /// A multiple of this, not zero.
    MultipleOf(u16),
    /// 8 between four-octet speakers, else 6.
    Aggregator,
    /// Decided by the structure inside.
    Structured,
}

/// What a fault costs (RFC 7606 section 2).
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum OnError {
    /// The routes of the UPDATE.
    TreatAsWithdraw,
    /// The attribute.
    Discard,
    /// The session; such attributes are judged by `UpdateView::parse`.
    Reset,
}

/// What becomes of a good attribute in the canonical form.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Keep {
    /// It stays.
    Always,
    /// It stays when it comes from an internal peer; from an external one it is discarded unread.
    FromInternal,
    /// It is represented elsewhere (next hop, NLRI).
    Apart,
    /// It is merged into another attribute; from a four-octet speaker it is discarded.
    Merged,
}

/// One attribute.
#[derive(Copy, Clone, Debug)]
pub struct Row {
    /// Type code.
    pub kind: AttrType,
    /// Name as in its RFC.
    pub name: &'static str,
    /// Flags it must have.
    pub class: Class,
    /// Lengths it can have.
    pub length: Length,
    /// What a fault in its value or length costs. Wrong flags always cost the routes.
    pub on_error: OnError,
    /// Its place in the canonical form.
    pub keep: Keep,
}

impl Row {
    /// Whether `length` octets are allowed by the row; `as4` for a four-octet session.
    #[inline]
    pub const fn allows(&self, length: usize, as4: bool) -> bool {
        match self.length {
            Length::Exactly(n) => length == n as usize,
            Length::MultipleOf(n) => length != 0 && length.is_multiple_of(n as usize),
            Length::Aggregator => length == if as4 { 8 } else { 6 },
            Length::Structured => true,
        }
    }
}

const fn row_of(
    kind: AttrType,
    name: &'static str,
    class: Class,
    length: Length,
    on_error: OnError,
    keep: Keep,
) -> Row {
    Row { kind, name, class, length, on_error, keep }
}

/// The rows, in ascending order of type code.
#[rustfmt::skip]
pub const ROWS: [Row; 16] = {
    use Class::*;
    use Keep::*;
    use Length::*;
    use OnError::*;
    [
        row_of(AttrType::ORIGIN, "ORIGIN", WellKnown, Exactly(1), TreatAsWithdraw, Always),
        row_of(AttrType::AS_PATH, "AS_PATH", WellKnown, Structured, TreatAsWithdraw, Always),
        row_of(AttrType::NEXT_HOP, "NEXT_HOP", WellKnown, Exactly(4), TreatAsWithdraw, Apart),
        row_of(AttrType::MED, "MULTI_EXIT_DISC", OptionalNonTransitive, Exactly(4), TreatAsWithdraw, Always),
        row_of(AttrType::LOCAL_PREF, "LOCAL_PREF", WellKnown, Exactly(4), TreatAsWithdraw, FromInternal),
        row_of(AttrType::ATOMIC_AGGREGATE, "ATOMIC_AGGREGATE", WellKnown, Exactly(0), Discard, Always),
        row_of(AttrType::AGGREGATOR, "AGGREGATOR", OptionalTransitive, Aggregator, Discard, Always),
        row_of(AttrType::COMMUNITIES, "COMMUNITIES", OptionalTransitive, MultipleOf(4), TreatAsWithdraw, Always),
        row_of(AttrType::ORIGINATOR_ID, "ORIGINATOR_ID", OptionalNonTransitive, Exactly(4), TreatAsWithdraw, FromInternal),
        row_of(AttrType::CLUSTER_LIST, "CLUSTER_LIST", OptionalNonTransitive, MultipleOf(4), TreatAsWithdraw, FromInternal),
        row_of(AttrType::MP_REACH_NLRI, "MP_REACH_NLRI", OptionalNonTransitive, Structured, Reset, Apart),
        row_of(AttrType::MP_UNREACH_NLRI, "MP_UNREACH_NLRI", OptionalNonTransitive, Structured, Reset, Apart),
        row_of(AttrType::EXT_COMMUNITIES, "EXTENDED_COMMUNITIES", OptionalTransitive, MultipleOf(8), TreatAsWithdraw, Always),
        row_of(AttrType::AS4_PATH, "AS4_PATH", OptionalTransitive, Structured, Discard, Merged),
        row_of(AttrType::AS4_AGGREGATOR, "AS4_AGGREGATOR", OptionalTransitive, Exactly(8), Discard, Merged),
        row_of(AttrType::LARGE_COMMUNITIES, "LARGE_COMMUNITY", OptionalTransitive, MultipleOf(12), TreatAsWithdraw, Always),
    ]
};

/// Row number by type code, 255 where there is none.
#[cfg_attr(
    not(test),
    expect(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "evaluated by the compiler"
    )
)]
const INDEX: [u8; 256] = {
    let mut index = [255; 256];
    let mut i = 0;
    while i < ROWS.len() {
        index[ROWS[i].kind.0 as usize] = i as u8;
        i += 1;
    }
    index
};

/// The row of `kind`, if this crate knows the attribute.
#[inline]
pub fn row(kind: AttrType) -> Option<&'static Row> {
    static TABLE: [Row; 16] = ROWS;
    TABLE.get(usize::from(*INDEX.get(usize::from(kind.0))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_and_ascending() {
        assert!(ROWS.is_sorted_by(|a, b| a.kind < b.kind));
        for r in &ROWS {
            assert_eq!(row(r.kind).unwrap().name, r.name);
        }
        let known = (0..=255).filter(|c| row(AttrType(*c)).is_some()).count();
        assert_eq!(known, ROWS.len());
    }

    #[test]
    fn flags_and_lengths() {
        let communities = row(AttrType::COMMUNITIES).unwrap();
        assert_eq!(communities.class.normalised(0xff), 0xe0);
        assert!(!communities.allows(0, true) && communities.allows(8, true));
        assert!(!communities.allows(6, true));
        assert_eq!(row(AttrType::ORIGIN).unwrap().class.normalised(0xff), 0x40);
        let aggregator = row(AttrType::AGGREGATOR).unwrap();
        assert!(aggregator.allows(8, true) && aggregator.allows(6, false));
        assert!(!aggregator.allows(6, true) && !aggregator.allows(8, false));
    }
}
