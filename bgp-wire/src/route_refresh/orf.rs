//! Outbound route filters in a ROUTE-REFRESH (RFC 5291), and the address prefix ORF (RFC 5292).
//!
//! What for: showing what filters a peer sends; a malformed list is told from a good one.
//! Where: [`RouteRefresh::orf`](super::RouteRefresh::orf).
//! How: borrowed views over the message: lists by ORF type, entries within a list. Only the address
//! prefix type says where its entries end; lists of other types stay octets.
//! Invariants: an iterator takes at least one octet a step or ends; [`OrfEntries::Malformed`] means
//! that the receiver drops what it holds of that type (RFC 5291 section 6), so no entry of such a
//! list is ever shown as one to be applied.
//! References: RFC 5291 sections 4 and 6, RFC 5292 section 3.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::fmt;

use crate::{
    Nlri as _,
    cursor::Cursor,
    family::Afi,
    prefix::{Prefix, V4Prefix, V6Prefix},
};

/// ORF type of the address prefix ORF (RFC 5292).
const ADDRESS_PREFIX: u8 = 64;

/// The filters of one request.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Orf<'a> {
    /// When-to-refresh as on the wire: 1 immediate, 2 defer, others are malformed.
    pub when: u8,
    afi: Afi,
    lists: &'a [u8],
}

impl<'a> Orf<'a> {
    pub(super) fn of(afi: Afi, octets: &'a [u8]) -> Option<Self> {
        let (when, lists) = octets.split_first()?;
        Some(Self { when: *when, afi, lists })
    }

    /// The lists by ORF type, in the order they came.
    pub const fn lists(&self) -> OrfLists<'a> {
        OrfLists { afi: self.afi, cursor: Cursor::new(self.lists, 0) }
    }
}

/// The lists of a request, by ORF type.
#[derive(Clone, Debug)]
pub struct OrfLists<'a> {
    afi: Afi,
    cursor: Cursor<'a>,
}

impl<'a> Iterator for OrfLists<'a> {
    /// ORF type and entries.
    type Item = (u8, OrfEntries<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let kind = self.cursor.u8()?;
        let length = self.cursor.u16();
        let Some(octets) = length.and_then(|n| self.cursor.take(usize::from(n))) else {
            // The length runs past the message: nothing behind it can be found.
            self.cursor = Cursor::new(&[], 0);
            return Some((kind, OrfEntries::Malformed));
        };
        let entries = match kind {
            ADDRESS_PREFIX => {
                let entries = PrefixOrfs { afi: self.afi, cursor: Cursor::new(octets, 0) };
                if entries.are_good() {
                    OrfEntries::Prefixes(entries)
                } else {
                    OrfEntries::Malformed
                }
            }
            _ => OrfEntries::Opaque(octets),
        };
        Some((kind, entries))
    }
}

/// The entries of one ORF type.
#[derive(Clone, Debug)]
pub enum OrfEntries<'a> {
    /// Address prefix entries (type 64, RFC 5292), all of them good.
    Prefixes(PrefixOrfs<'a>),
    /// Entries of a type this crate has no form for.
    Opaque(&'a [u8]),
    /// Something in the list cannot be: all filters of this type and family are to be removed.
    Malformed,
}

/// Address prefix entries.
#[derive(Clone, Debug)]
pub struct PrefixOrfs<'a> {
    afi: Afi,
    cursor: Cursor<'a>,
}

impl PrefixOrfs<'_> {
    fn are_good(&self) -> bool {
        let mut rest = self.clone();
        while !rest.cursor.is_empty() {
            if rest.entry().is_none() {
                return false;
            }
        }
        true
    }

    fn entry(&mut self) -> Option<PrefixOrf> {
        let head = self.cursor.u8()?;
        let action = match head >> 6 {
            0 => OrfAction::Add,
            1 => OrfAction::Remove,
            // Nothing follows the first octet (RFC 5291 section 4).
            2 => return Some(PrefixOrf::RemoveAll),
            _ => return None,
        };
        let sequence = self.cursor.array().map(u32::from_be_bytes)?;
        let min = self.cursor.u8()?;
        let max = self.cursor.u8()?;
        let field = self.cursor.rest();
        let (prefix, rest) = match self.afi {
            Afi::IPV4 => V4Prefix::take(field).map(|(p, rest)| (Prefix::V4(p), rest))?,
            Afi::IPV6 => V6Prefix::take(field).map(|(p, rest)| (Prefix::V6(p), rest))?,
            _ => return None,
        };
        let length = *field.first()?;
        let width = if self.afi == Afi::IPV4 { 32 } else { 128 };
        // Zero is "not given"; what is given is no shorter than the prefix and in order.
        let floor = if min == 0 { length } else { min };
        if floor < length || min > width || max > width || (max != 0 && max < floor) {
            return None;
        }
        self.cursor.take(field.len().saturating_sub(rest.len()))?;
        let permit = head & 0x20 == 0;
        Some(PrefixOrf::Entry { action, permit, sequence, min, max, prefix })
    }
}

impl Iterator for PrefixOrfs<'_> {
    type Item = PrefixOrf;

    fn next(&mut self) -> Option<PrefixOrf> {
        self.entry()
    }
}

/// What to do with an entry.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum OrfAction {
    /// Add it to the filter.
    Add,
    /// Take it out.
    Remove,
}

/// One address prefix entry (RFC 5292 section 3).
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum PrefixOrf {
    /// Remove all entries of this type.
    RemoveAll,
    /// One line of a prefix list.
    Entry {
        /// Add or remove.
        action: OrfAction,
        /// Whether matching routes are to be sent; else they are not.
        permit: bool,
        /// Place in the list; the lowest match decides.
        sequence: u32,
        /// Shortest length that matches; 0 is not given.
        min: u8,
        /// Longest length that matches; 0 is not given.
        max: u8,
        /// The prefix.
        prefix: Prefix,
    },
}

impl fmt::Display for PrefixOrf {
    /// `add 5 permit 10.0.0.0/8 ge 9 le 24`, `remove all`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Entry { action, permit, sequence, min, max, prefix } = self else {
            return f.write_str("remove all");
        };
        f.write_str(if *action == OrfAction::Add { "add" } else { "remove" })?;
        let way = if *permit { "permit" } else { "deny" };
        write!(f, " {sequence} {way} {prefix}")?;
        if *min != 0 {
            write!(f, " ge {min}")?;
        }
        if *max != 0 { write!(f, " le {max}") } else { Ok(()) }
    }
}

impl fmt::Display for Orf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            1 => f.write_str("filters (immediate)")?,
            2 => f.write_str("filters (defer)")?,
            other => write!(f, "filters (when {other})")?,
        }
        for (kind, entries) in self.lists() {
            write!(f, ", type {kind}:")?;
            match entries {
                OrfEntries::Prefixes(entries) => {
                    for (i, entry) in entries.enumerate() {
                        write!(f, "{} {entry}", if i == 0 { "" } else { ";" })?;
                    }
                }
                OrfEntries::Opaque(octets) => write!(f, " {} octets", octets.len())?,
                OrfEntries::Malformed => f.write_str(" malformed")?,
            }
        }
        Ok(())
    }
}
