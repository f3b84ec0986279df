//! The table: one row for each attribute this crate knows.
//!
//! What for: flags, lengths, who may send an attribute and what a fault in it costs, in one place.
//! Where: read by the canonicaliser for every attribute it sees, by the diagnostic walk, and by
//! anything that wants a name.
//! How: `row` is an array lookup. An attribute without a row (AS_PATHLIMIT, ATTR_SET, BGPsec_Path,
//! D-PATH, what is yet to come) is relayed untouched, with Partial set, if it is optional transitive,
//! and dropped if it is optional non-transitive. Checks that need the content (segments, AS 0,
//! TLVs) are in `update::judge`, next to the only places that run them.
//! Invariants: rows are in ascending code order; codes are unique.
//! References: RFC 4271 section 5, RFC 7606 sections 3, 4 and 7, and the section each row names.

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
    /// This or more.
    AtLeast(u16),
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
    /// It stays on sessions where it is enabled; on others it is as good as unknown.
    IfEnabled,
    /// It is represented elsewhere (next hop, NLRI).
    Apart,
    /// It is merged into another attribute; from a four-octet speaker it is discarded.
    Merged,
    /// It belongs to routes this speaker does not carry, and goes no further.
    Never,
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
    /// What a fault in its value or length costs.
    pub on_error: OnError,
    /// What wrong Optional and Transitive flags cost: the routes (RFC 7606 section 3 c), unless the
    /// attribute's own RFC has another rule.
    pub on_wrong_flags: OnError,
    /// Its place in the canonical form.
    pub keep: Keep,
    /// Where `on_error` comes from.
    pub rfc: &'static str,
}

impl Row {
    /// Whether `length` octets are allowed by the row; `as4` for a four-octet session.
    #[inline]
    pub const fn allows(&self, length: usize, as4: bool) -> bool {
        match self.length {
            Length::Exactly(n) => length == n as usize,
            Length::MultipleOf(n) => length != 0 && length.is_multiple_of(n as usize),
            Length::AtLeast(n) => length >= n as usize,
            Length::Aggregator => length == if as4 { 8 } else { 6 },
            Length::Structured => true,
        }
    }

    /// For attributes whose RFC has them discarded when the flags are wrong.
    const fn wrong_flags_discard(self) -> Self {
        Self { on_wrong_flags: OnError::Discard, ..self }
    }
}

const fn row_of(
    kind: AttrType,
    name: &'static str,
    class: Class,
    length: Length,
    on_error: OnError,
    keep: Keep,
    rfc: &'static str,
) -> Row {
    let on_wrong_flags = OnError::TreatAsWithdraw;
    Row { kind, name, class, length, on_error, on_wrong_flags, keep, rfc }
}

/// The rows, in ascending order of type code.
///
/// Where an RFC leaves room: IPv6 extended communities are held to the rule of RFC 7606 section 4,
/// that an attribute which needs a value has one; RFC 8669 has no rule for wrong flags, so the general
/// one holds; a BGP-LS attribute on routes of other families means nothing and is not passed on.
#[rustfmt::skip]
pub const ROWS: [Row; 23] = {
    use Class::*;
    use Keep::*;
    use Length::*;
    use OnError::*;
    [
        row_of(AttrType::ORIGIN, "ORIGIN", WellKnown, Exactly(1), TreatAsWithdraw, Always, "RFC 7606 section 7.1"),
        row_of(AttrType::AS_PATH, "AS_PATH", WellKnown, Structured, TreatAsWithdraw, Always, "RFC 7606 section 7.2"),
        row_of(AttrType::NEXT_HOP, "NEXT_HOP", WellKnown, Exactly(4), TreatAsWithdraw, Apart, "RFC 7606 section 7.3"),
        row_of(AttrType::MED, "MULTI_EXIT_DISC", OptionalNonTransitive, Exactly(4), TreatAsWithdraw, Always, "RFC 7606 section 7.4"),
        row_of(AttrType::LOCAL_PREF, "LOCAL_PREF", WellKnown, Exactly(4), TreatAsWithdraw, FromInternal, "RFC 7606 section 7.5"),
        row_of(AttrType::ATOMIC_AGGREGATE, "ATOMIC_AGGREGATE", WellKnown, Exactly(0), Discard, Always, "RFC 7606 section 7.6"),
        row_of(AttrType::AGGREGATOR, "AGGREGATOR", OptionalTransitive, Aggregator, Discard, Always, "RFC 7606 section 7.7"),
        row_of(AttrType::COMMUNITIES, "COMMUNITIES", OptionalTransitive, MultipleOf(4), TreatAsWithdraw, Always, "RFC 7606 section 7.8"),
        row_of(AttrType::ORIGINATOR_ID, "ORIGINATOR_ID", OptionalNonTransitive, Exactly(4), TreatAsWithdraw, FromInternal, "RFC 7606 section 7.9"),
        row_of(AttrType::CLUSTER_LIST, "CLUSTER_LIST", OptionalNonTransitive, MultipleOf(4), TreatAsWithdraw, FromInternal, "RFC 7606 section 7.10"),
        row_of(AttrType::MP_REACH_NLRI, "MP_REACH_NLRI", OptionalNonTransitive, Structured, Reset, Apart, "RFC 7606 section 7.11"),
        row_of(AttrType::MP_UNREACH_NLRI, "MP_UNREACH_NLRI", OptionalNonTransitive, Structured, Reset, Apart, "RFC 7606 section 7.12"),
        row_of(AttrType::EXT_COMMUNITIES, "EXTENDED_COMMUNITIES", OptionalTransitive, MultipleOf(8), TreatAsWithdraw, Always, "RFC 7606 section 7.14"),
        row_of(AttrType::AS4_PATH, "AS4_PATH", OptionalTransitive, Structured, Discard, Merged, "RFC 6793 section 6").wrong_flags_discard(),
        row_of(AttrType::AS4_AGGREGATOR, "AS4_AGGREGATOR", OptionalTransitive, Exactly(8), Discard, Merged, "RFC 6793 section 6").wrong_flags_discard(),
        row_of(AttrType::PMSI_TUNNEL, "PMSI_TUNNEL", OptionalTransitive, AtLeast(5), TreatAsWithdraw, Always, "RFC 6514 section 5"),
        row_of(AttrType::TUNNEL_ENCAPSULATION, "TUNNEL_ENCAPSULATION", OptionalTransitive, AtLeast(4), TreatAsWithdraw, Always, "RFC 9012 section 13"),
        row_of(AttrType::IPV6_EXT_COMMUNITIES, "IPV6_EXTENDED_COMMUNITIES", OptionalTransitive, MultipleOf(20), TreatAsWithdraw, Always, "RFC 7606 section 7.15"),
        row_of(AttrType::AIGP, "AIGP", OptionalNonTransitive, AtLeast(3), Discard, IfEnabled, "RFC 7311 section 3.2").wrong_flags_discard(),
        row_of(AttrType::BGP_LS, "BGP_LS", OptionalNonTransitive, AtLeast(4), Discard, Never, "RFC 9552 section 8.2.2").wrong_flags_discard(),
        row_of(AttrType::LARGE_COMMUNITIES, "LARGE_COMMUNITY", OptionalTransitive, MultipleOf(12), TreatAsWithdraw, Always, "RFC 8092 section 6"),
        row_of(AttrType::ONLY_TO_CUSTOMER, "ONLY_TO_CUSTOMER", OptionalTransitive, Exactly(4), TreatAsWithdraw, Always, "RFC 9234 section 5"),
        row_of(AttrType::PREFIX_SID, "PREFIX_SID", OptionalTransitive, AtLeast(3), Discard, Always, "RFC 8669 section 6"),
    ]
};

/// Names of registered attributes without a row, for people.
pub(super) const fn name_without_row(kind: AttrType) -> Option<&'static str> {
    Some(match kind.0 {
        19 => "SSA",
        20 => "CONNECTOR",
        21 => "AS_PATHLIMIT",
        24 => "TRAFFIC_ENGINEERING",
        27 => "PE_DISTINGUISHER_LABELS",
        28 => "ENTROPY_LABEL_CAPABILITY",
        33 => "BGPSEC_PATH",
        34 => "BGP_COMMUNITY_CONTAINER",
        36 => "D_PATH",
        37 => "SFP_ATTRIBUTE",
        38 => "BFD_DISCRIMINATOR",
        39 => "NEXT_HOP_DEPENDENT_CHARACTERISTICS",
        128 => "ATTR_SET",
        _ => return None,
    })
}
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
    static TABLE: [Row; ROWS.len()] = ROWS;
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
