//! Network layer reachability information: one type for the routes of each address family.
//!
//! What for: what a route *is* in each family the speaker carries, in memory and on the wire.
//! Where: parsed by the UPDATE view, written by the packer, keys of the tables.
//! How: each family's routes are one type that implements [`Nlri`]. Plain prefixes
//! ([`V4Prefix`](crate::V4Prefix), [`V6Prefix`](crate::V6Prefix)) stand for unicast and multicast
//! alike, so a family is always named beside the type.
//! Invariants: what `take` accepts, `put` writes so that `take` reads it back as an equal value; an
//! NLRI field that `scan` accepts can be read to its end.
//! References: RFC 4271 section 4.3, RFC 4760 section 5, RFC 7606 section 5.4, RFC 7911 section 3, and
//! those of the types.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

pub(crate) mod any;
mod esi;
mod evpn;
mod flowspec;
mod hex;
mod label;
mod labeled;
mod rd;
mod rtc;
mod vpn;

use std::{fmt, hash::Hash};

pub use any::AnyNlri;
pub use esi::{Esi, EsiKind, MacAddr};
pub use evpn::{EvpnKey, EvpnLabel, EvpnPrefix, EvpnRoute, OpaqueEvpn};
pub use flowspec::{
    BitmaskTest, Component, ComponentType, ComponentValue, FlowSpec, NumericTest, Operator, Tests,
    VpnFlowSpec,
};
pub use label::{Label, LabelStack};
pub use labeled::Labeled;
pub use rd::RouteDistinguisher;
pub use rtc::RouteTargetMembership;
pub use vpn::Vpn;

use crate::family::Family;

/// A route as it travels in NLRI fields: what packers and views are generic over.
pub trait Nlri:
    Clone + Eq + Ord + Hash + fmt::Debug + fmt::Display + Send + Sync + 'static
{
    /// The families whose routes these are.
    const FAMILIES: &'static [Family];
    /// The most octets [`Self::put`] appends.
    const MAX_LEN: usize;

    /// Octets on the wire, length octets included, without a path identifier.
    fn encoded_len(&self) -> usize;

    /// Whether the route could be told from its neighbours and yet is none that may be used: an EVPN
    /// or flowspec value that does not fit its type. It is to be treated as withdrawn (RFC 7606
    /// section 5.4); other routes of the field are good.
    fn is_malformed(&self) -> bool {
        false
    }

    /// Appends the wire form.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads one route off the front; `None` if its length is impossible or it is cut short. Bits
    /// behind a prefix's length are cleared.
    fn take(bytes: &[u8]) -> Option<(Self, &[u8])>;

    /// Appends the form for MP_UNREACH_NLRI, never longer than that of [`Self::put`]. Labels of a
    /// withdrawn route mean nothing (RFC 8277 section 2.4).
    fn put_withdrawn(&self, out: &mut Vec<u8>) {
        self.put(out);
    }

    /// Reads one route off the front of MP_UNREACH_NLRI.
    fn take_withdrawn(bytes: &[u8]) -> Option<(Self, &[u8])> {
        Self::take(bytes)
    }

    /// Checks a whole field (without path identifiers): how many routes it has.
    ///
    /// # Errors
    /// The offset of the first route whose length is impossible or that is cut short.
    fn scan(field: &[u8]) -> Result<usize, usize> {
        scan(field, Self::take)
    }

    /// As [`Self::scan`], for the form of MP_UNREACH_NLRI.
    ///
    /// # Errors
    /// As [`Self::scan`].
    fn scan_withdrawn(field: &[u8]) -> Result<usize, usize> {
        scan(field, Self::take_withdrawn)
    }

    /// Appends every route of a field that [`Self::scan`] accepts.
    fn read_all(field: &[u8], out: &mut Vec<Self>) {
        let mut rest = field;
        while let Some((route, tail)) = Self::take(rest) {
            out.push(route);
            rest = tail;
        }
    }

    /// Appends every route of a field that [`Self::scan_withdrawn`] accepts.
    fn read_all_withdrawn(field: &[u8], out: &mut Vec<Self>) {
        let mut rest = field;
        while let Some((route, tail)) = Self::take_withdrawn(rest) {
            out.push(route);
            rest = tail;
        }
    }
}

/// How many routes `take` finds in a field; the error is the offset of the first it refuses.
#[inline]
pub(crate) fn scan<N>(
    field: &[u8],
    take: impl Fn(&[u8]) -> Option<(N, &[u8])>,
) -> Result<usize, usize> {
    let mut rest = field;
    let mut count = 0usize;
    while !rest.is_empty() {
        let Some((_, tail)) = take(rest) else {
            return Err(field.len().saturating_sub(rest.len()));
        };
        rest = tail;
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// Two arrays as one: `N` is `A` and `B` together.
#[inline]
fn join<const A: usize, const B: usize, const N: usize>(a: [u8; A], b: [u8; B]) -> [u8; N] {
    const { assert!(A + B == N) };
    let mut all = [0; N];
    if let Some(head) = all.first_chunk_mut() {
        *head = a;
    }
    if let Some(tail) = all.last_chunk_mut() {
        *tail = b;
    }
    all
}

/// Appends the first `len` of these octets. A fixed-size copy and a cut is quicker than a copy of
/// variable length.
#[inline]
fn put_cut<const N: usize>(octets: [u8; N], len: usize, out: &mut Vec<u8>) {
    let end = out.len().saturating_add(len);
    out.extend_from_slice(&octets);
    out.truncate(end);
}

/// Whether `take` yields what `put` writes.
fn reads_back<N: Nlri>(route: &N) -> bool {
    let mut octets = Vec::new();
    route.put(&mut octets);
    N::take(&octets).is_some_and(|(read, rest)| rest.is_empty() && read == *route)
}
