//! Text of prefixes: address, slash, length.
//!
//! What for: logs, configuration and tests.
//! Where: `Display` and `FromStr` of the prefix types.
//! How: the length is required; host bits are cleared.
//! Invariants: the text of every prefix parses back to it.
//! References: RFC 4632 section 3.1, RFC 4291 section 2.3.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, str::FromStr};

use super::{Prefix, V4Prefix, V6Prefix};
use crate::error::ParseError;

impl fmt::Display for V4Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr(), self.len)
    }
}

impl fmt::Display for V6Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr(), self.len)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(prefix) => prefix.fmt(f),
            Self::V6(prefix) => prefix.fmt(f),
        }
    }
}

impl fmt::Debug for V4Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for V6Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn split(s: &str, bad: ParseError) -> Result<(&str, u8), ParseError> {
    let (addr, len) = s.split_once('/').ok_or(bad)?;
    if !len.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(bad);
    }
    Ok((addr, len.parse().map_err(|_| bad)?))
}

impl FromStr for V4Prefix {
    type Err = ParseError;

    /// `10.0.0.0/8`; host bits are cleared, the length is required.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let bad = ParseError::new("an IPv4 prefix such as 192.0.2.0/24");
        let (addr, len) = split(s, bad)?;
        Self::new(addr.parse().map_err(|_| bad)?, len).ok_or(bad)
    }
}

impl FromStr for V6Prefix {
    type Err = ParseError;

    /// `2001:db8::/32`; host bits are cleared, the length is required.
    fn from_str(s: &str) -> Result<Self, ParseError> {
        let bad = ParseError::new("an IPv6 prefix such as 2001:db8::/32");
        let (addr, len) = split(s, bad)?;
        Self::new(addr.parse().map_err(|_| bad)?, len).ok_or(bad)
    }
}

impl FromStr for Prefix {
    type Err = ParseError;

    fn from_str(s: &str) -> Result<Self, ParseError> {
        let bad = ParseError::new("a prefix such as 192.0.2.0/24 or 2001:db8::/32");
        let (addr, len) = split(s, bad)?;
        Self::new(addr.parse().map_err(|_| bad)?, len).ok_or(bad)
    }
}
