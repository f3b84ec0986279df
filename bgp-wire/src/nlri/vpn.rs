//! VPN routes: SAFI 128.
//!
//! What for: prefixes of customers, kept apart by a route distinguisher, with their labels.
//! Where: NLRI of `ipv4/vpn` and `ipv6/vpn`.
//! How: a length octet in bits, label fields ([`LabelStack`] says where they end), the route
//! distinguisher, the prefix. Equality, order and hash take the labels in; tables key by
//! [`Vpn::key`], for labels belong to the path.
//! Invariants: labels, distinguisher and prefix together are at most 255 bits.
//! Cost: no allocation, whatever the depth of the stack; `Vpn<V4Prefix>` 48 bytes, `Vpn<V6Prefix>`
//! 56.
//! References: RFC 4364 section 4.3.4, RFC 4659 section 3.2, RFC 8277 section 2.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, net::IpAddr, str::FromStr};

use super::{Label, Nlri, join, label::LabelStack, put_cut, rd::RouteDistinguisher};
use crate::{
    error::ParseError,
    family::Family,
    prefix::{NlriPrefix, V4Prefix, V6Prefix},
};

/// Bits of a route distinguisher.
const RD_BITS: u8 = 64;

/// A VPN prefix and its labels, shown as `65001:100:192.0.2.0/24 label 100`; a withdrawn one has no
/// labels.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Vpn<P> {
    rd: RouteDistinguisher,
    prefix: P,
    labels: LabelStack,
}

const _: () = assert!(size_of::<Vpn<V4Prefix>>() == 48);
const _: () = assert!(size_of::<Vpn<V6Prefix>>() == 56);

impl<P: NlriPrefix> Vpn<P> {
    /// A VPN route; `None` if labels, distinguisher and prefix are more than 255 bits, or if a lone
    /// label without bottom bit would be taken for the first of several. With an empty stack it is
    /// announced with implicit null.
    pub fn new(labels: LabelStack, rd: RouteDistinguisher, prefix: P) -> Option<Self> {
        u8::try_from(total(&labels, prefix.len())).ok()?;
        let route = Self { rd, prefix, labels };
        (!labels.is_open() || super::reads_back(&route)).then_some(route)
    }

    /// What names the route in a table: the distinguisher and the prefix.
    pub const fn key(&self) -> (RouteDistinguisher, P) {
        (self.rd, self.prefix)
    }

    /// The route distinguisher.
    pub const fn rd(&self) -> RouteDistinguisher {
        self.rd
    }

    /// The prefix.
    pub const fn prefix(&self) -> P {
        self.prefix
    }

    /// The labels; empty for a withdrawn route.
    pub const fn labels(&self) -> &LabelStack {
        &self.labels
    }

    /// Bits of an announcement, as the length octet counts.
    #[inline]
    fn bits(&self) -> u8 {
        u8::try_from(total(&self.labels, self.prefix.len()))
            .expect("new and take allow at most 255 bits")
    }

    /// Reads a route with one label, which is nearly always so: its parts, so that a column is filled
    /// without a copy of the whole.
    #[inline]
    fn take_lone(bytes: &[u8]) -> Option<(Label, RouteDistinguisher, P, &[u8])> {
        let (&[bits, l, m, n, a, b, c, d, e, f, g, h], rest) = bytes.split_first_chunk::<12>()?;
        let label = Label::from_bytes([l, m, n]);
        let len = bits.checked_sub(24)?.checked_sub(RD_BITS)?;
        let (prefix, rest) =
            if label.is_bottom() { P::take_addr(len, rest)? } else { return None };
        Some((label, RouteDistinguisher([a, b, c, d, e, f, g, h]), prefix, rest))
    }

    /// Reads a route with any labels.
    #[cold]
    fn take_deep(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&bits, rest) = bytes.split_first()?;
        let (labels, left, rest) = LabelStack::take(bits, RD_BITS, rest)?;
        Self::take_behind(labels, left, rest)
    }

    #[inline]
    fn take_behind(labels: LabelStack, left: u8, rest: &[u8]) -> Option<(Self, &[u8])> {
        let (&rd, rest) = rest.split_first_chunk::<8>()?;
        let (prefix, rest) = P::take_addr(left.checked_sub(RD_BITS)?, rest)?;
        Some((Self { rd: RouteDistinguisher(rd), prefix, labels }, rest))
    }
}

#[inline]
fn total(labels: &LabelStack, len: u8) -> u16 {
    labels.bits().saturating_add(u16::from(RD_BITS)).saturating_add(u16::from(len))
}

/// Appends a route with one label field.
#[inline]
fn put_lone<P: NlriPrefix>(label: Label, rd: RouteDistinguisher, prefix: P, out: &mut Vec<u8>) {
    let [l, m, n] = label.to_bytes();
    // One label, a distinguisher and any prefix are at most 216 bits.
    let bits = prefix.len().saturating_add(24).saturating_add(RD_BITS);
    let octets = usize::from(bits).div_ceil(8).saturating_add(1);
    let head: [u8; 12] = join([bits, l, m, n], rd.0);
    match prefix.addr() {
        IpAddr::V4(addr) => put_cut::<16>(join(head, addr.octets()), octets, out),
        IpAddr::V6(addr) => put_cut::<28>(join(head, addr.octets()), octets, out),
    }
}

impl<P: NlriPrefix> Nlri for Vpn<P> {
    const FAMILIES: &'static [Family] =
        if P::MAX_BITS == 32 { &[Family::IPV4_VPN] } else { &[Family::IPV6_VPN] };
    const MAX_LEN: usize = 33;

    #[inline]
    fn encoded_len(&self) -> usize {
        usize::from(self.bits()).div_ceil(8).saturating_add(1)
    }

    #[inline]
    fn put(&self, out: &mut Vec<u8>) {
        if let [label] = self.labels.as_slice() {
            return put_lone(*label, self.rd, self.prefix, out);
        }
        out.push(self.bits());
        self.labels.put(out);
        out.extend_from_slice(&self.rd.0);
        self.prefix.put_addr(out);
    }

    #[inline]
    fn take(bytes: &[u8]) -> Option<(Self, &[u8])> {
        match Self::take_lone(bytes) {
            Some((label, rd, prefix, rest)) => {
                Some((Self { rd, prefix, labels: LabelStack::single(label) }, rest))
            }
            None => Self::take_deep(bytes),
        }
    }

    #[inline]
    fn read_all(field: &[u8], out: &mut Vec<Self>) {
        let mut rest = field;
        loop {
            while let Some((label, rd, prefix, tail)) = Self::take_lone(rest) {
                out.push(Self { rd, prefix, labels: LabelStack::single(label) });
                rest = tail;
            }
            let Some((route, tail)) = Self::take_deep(rest) else { return };
            out.push(route);
            rest = tail;
        }
    }

    #[inline]
    fn put_withdrawn(&self, out: &mut Vec<u8>) {
        put_lone(Label::WITHDRAWN, self.rd, self.prefix, out);
    }

    #[inline]
    fn take_withdrawn(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (&bits, rest) = bytes.split_first()?;
        let (labels, left, rest) = LabelStack::take_withdrawn(bits, RD_BITS, rest)?;
        Self::take_behind(labels, left, rest)
    }

    #[inline]
    fn scan(field: &[u8]) -> Result<usize, usize> {
        super::scan(field, |rest| {
            // One label, which is nearly always so: the length says all.
            match rest {
                [bits, _, _, low, ..] if low & 1 == 1 => skip_one_label::<P>(*bits, rest),
                _ => Self::take(rest).map(|(_, tail)| ((), tail)),
            }
        })
    }

    #[inline]
    fn scan_withdrawn(field: &[u8]) -> Result<usize, usize> {
        super::scan(field, |rest| skip_one_label::<P>(*rest.first()?, rest))
    }
}

/// Steps over a route with one label field.
#[inline]
fn skip_one_label<P: NlriPrefix>(bits: u8, route: &[u8]) -> Option<((), &[u8])> {
    let len = bits.checked_sub(24)?.checked_sub(RD_BITS)?;
    let octets = usize::from(bits).div_ceil(8).saturating_add(1);
    if len <= P::MAX_BITS { Some(((), route.get(octets..)?)) } else { None }
}

impl<P: NlriPrefix> fmt::Display for Vpn<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.rd, self.prefix)?;
        self.labels.fmt_behind(f)
    }
}

impl<P: NlriPrefix> fmt::Debug for Vpn<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<P: NlriPrefix + FromStr<Err = ParseError>> FromStr for Vpn<P> {
    type Err = ParseError;

    /// `65001:100:192.0.2.0/24 label 100`, `192.0.2.1:7:2001:db8::/32`.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let bad = ParseError::new("a VPN route such as 65001:100:192.0.2.0/24 label 100");
        let (route, labels) = LabelStack::split_text(s)?;
        // A distinguisher of an unknown type is one word, the others are two.
        let colons = if route.starts_with("0x") { 0 } else { 1 };
        let (at, _) = route.match_indices(':').nth(colons).ok_or(bad)?;
        let (rd, prefix) = route.split_at_checked(at).ok_or(bad)?;
        let prefix = prefix.strip_prefix(':').ok_or(bad)?.parse()?;
        Self::new(labels, rd.parse()?, prefix).ok_or(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RD: [u8; 8] = [0, 0, 0xfd, 0xe9, 0, 0, 0, 100];

    #[test]
    fn announced() {
        for (text, octets) in [
            (
                "65001:100:192.0.2.0/24 label 100",
                [&[112, 0, 6, 0x41][..], &RD, &[192, 0, 2]].concat(),
            ),
            ("65001:100:0.0.0.0/0 label 3", [&[88, 0, 0, 0x31][..], &RD].concat()),
            (
                "65001:100:10.1.2.3/32 label 1,2",
                [&[144, 0, 0, 0x10, 0, 0, 0x21][..], &RD, &[10, 1, 2, 3]].concat(),
            ),
        ] {
            let route: Vpn<V4Prefix> = text.parse().unwrap();
            let mut out = Vec::new();
            route.put(&mut out);
            assert_eq!((out.len(), route.to_string().as_str()), (route.encoded_len(), text));
            assert_eq!(out, octets);
            assert_eq!(Vpn::take(&octets), Some((route, &[][..])));
            assert_eq!(Vpn::<V4Prefix>::scan(&octets), Ok(1));
        }
        let text = "0x0009000000000000:2001:db8::/33 label 16";
        let route: Vpn<V6Prefix> = text.parse().unwrap();
        assert_eq!((route.to_string().as_str(), route.prefix().len()), (text, 33));
        let text = "192.0.2.1:7:::/0";
        assert_eq!(text.parse::<Vpn<V6Prefix>>().unwrap().to_string(), text);
    }

    #[test]
    fn withdrawn() {
        let route: Vpn<V4Prefix> = "65001:100:192.0.2.0/24".parse().unwrap();
        let mut out = Vec::new();
        route.put_withdrawn(&mut out);
        assert_eq!(out, [&[112, 0x80, 0, 0][..], &RD, &[192, 0, 2]].concat());
        for field in [[0x80, 0, 0], [0, 0, 0], [0, 6, 0x41]] {
            let octets = [&[112], &field[..], &RD, &[192, 0, 2]].concat();
            assert_eq!(Vpn::take_withdrawn(&octets), Some((route, &[][..])));
        }
    }

    #[test]
    fn impossible_lengths() {
        let whole = [&[120, 0, 0, 1][..], &RD, &[1, 2, 3, 4, 5, 6, 7]].concat();
        for bits in 0..=255u8 {
            let octets = [&[bits], &whole[1..]].concat();
            let possible = (88..=120).contains(&bits);
            assert_eq!(Vpn::<V4Prefix>::take(&octets).is_some(), possible, "{bits}");
            assert_eq!(Vpn::<V4Prefix>::take_withdrawn(&octets).is_some(), possible, "{bits}");
            let room = usize::from(bits).div_ceil(8) + 1;
            let exact = octets.get(..room).unwrap_or(&octets);
            assert_eq!(
                Vpn::<V4Prefix>::scan(exact),
                if possible { Ok(1) } else { Err(0) },
                "{bits}"
            );
        }
        assert_eq!(Vpn::<V4Prefix>::scan(&whole[..15]), Err(0));
        assert_eq!(Vpn::<V4Prefix>::scan(&[]), Ok(0));
    }
}
