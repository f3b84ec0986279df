//! Taking fixed fields off the front of a record.
//!
//! What for: MRT and BMP headers, read without an index that could be out of range.
//! Where: in `mrt` and `bmp`.
//! How: a slice and a position; every read gives `None` past the end and then takes nothing.
//! Invariants: the position never passes the end.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// A reader of fields.
#[derive(Clone, Debug)]
pub(crate) struct Octets<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Octets<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Begins at `at`.
    pub(crate) const fn starting(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    pub(crate) const fn whole(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn rest_span(&self) -> Range<usize> {
        self.at..self.bytes.len()
    }

    pub(crate) fn span(&mut self, count: usize) -> Option<Range<usize>> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len())?;
        let span = self.at..end;
        self.at = end;
        Some(span)
    }

    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let span = self.span(count)?;
        self.bytes.get(span)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(|[b]| b)
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn eight(&mut self) -> Option<[u8; 8]> {
        self.array()
    }

    pub(crate) fn ipv4(&mut self) -> Option<Ipv4Addr> {
        self.array::<4>().map(Ipv4Addr::from)
    }

    /// Four octets, or sixteen if `six`.
    pub(crate) fn addr(&mut self, six: bool) -> Option<IpAddr> {
        if six {
            self.array::<16>().map(|a| Ipv6Addr::from(a).into())
        } else {
            self.ipv4().map(IpAddr::from)
        }
    }

    /// An AS number of two or four octets.
    pub(crate) fn asn(&mut self, four: bool) -> Option<bgp_wire::Asn> {
        if four { self.u32() } else { self.u16().map(u32::from) }.map(bgp_wire::Asn)
    }
}
