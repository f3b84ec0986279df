//! Reading and writing the text forms of attribute values.
//!
//! What for: structured attributes (tunnels, prefix-SIDs) as one line that people can read and edit.
//! Where: private to the attribute views.
//! How: a structure is a row of items separated by blanks, `key=value` or `key[items]`. What has no
//! name, or bits a name cannot carry, is `type=0xHEX`: the type number and the octets as they are.
//! Invariants: `items` never yields a bracket that is not closed; depth is bounded by the callers.
//! References: none.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::{fmt, str::FromStr};

use crate::error::ParseError;

/// The right side of an item.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) enum Body<'a> {
    /// `=value`
    Value(&'a str),
    /// `[items]`
    Items(&'a str),
}

impl<'a> Body<'a> {
    pub(super) fn value(self, bad: ParseError) -> Result<&'a str, ParseError> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Items(_) => Err(bad),
        }
    }
}

/// The items of a structure.
pub(super) fn items(
    text: &str,
    bad: ParseError,
) -> impl Iterator<Item = Result<(&str, Body<'_>), ParseError>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        if rest.is_empty() {
            return None;
        }
        let item = take_item(&mut rest).ok_or(bad);
        if item.is_err() {
            rest = "";
        }
        Some(item)
    })
}

fn take_item<'a>(rest: &mut &'a str) -> Option<(&'a str, Body<'a>)> {
    let (key, tail) = rest.split_at_checked(rest.find(['=', '[', ']', ' ', '\t', '\n'])?)?;
    if key.is_empty() {
        return None;
    }
    if let Some(tail) = tail.strip_prefix('=') {
        let (value, behind) =
            tail.split_at_checked(tail.find(char::is_whitespace).unwrap_or(tail.len()))?;
        *rest = behind;
        return Some((key, Body::Value(value)));
    }
    let inside = tail.strip_prefix('[')?;
    let mut depth = 0usize;
    for (at, c) in inside.char_indices() {
        match c {
            '[' => depth = depth.checked_add(1)?,
            ']' if depth == 0 => {
                let (inside, behind) = inside.split_at_checked(at)?;
                let behind = behind.strip_prefix(']')?;
                if !behind.is_empty() && !behind.starts_with(char::is_whitespace) {
                    return None;
                }
                *rest = behind;
                return Some((key, Body::Items(inside)));
            }
            ']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

/// A number without sign, decimal.
pub(super) fn number<T: FromStr>(s: &str, bad: ParseError) -> Result<T, ParseError> {
    if !s.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(bad);
    }
    s.parse().map_err(|_| bad)
}

/// `0x` and `N` octets in hexadecimal.
pub(super) fn hex_array<const N: usize>(s: &str, bad: ParseError) -> Result<[u8; N], ParseError> {
    <[u8; N]>::try_from(hex(s, bad)?.as_slice()).map_err(|_| bad)
}

/// `0x` and any number of octets in hexadecimal.
pub(super) fn hex(s: &str, bad: ParseError) -> Result<Vec<u8>, ParseError> {
    super::hex::parse(s).ok_or(bad)
}

/// Writes a list with a separator between its elements.
pub(super) fn join<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    separator: &str,
    list: impl IntoIterator<Item = T>,
) -> fmt::Result {
    let mut between = "";
    for element in list {
        write!(f, "{between}{element}")?;
        between = separator;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: ParseError = ParseError::new("items");

    #[test]
    fn items_nest() {
        let got: Vec<_> =
            items(" a=1  b[c=2 d[e=3]] 4=0x ", BAD).collect::<Result<_, _>>().unwrap();
        assert_eq!(
            got,
            [("a", Body::Value("1")), ("b", Body::Items("c=2 d[e=3]")), ("4", Body::Value("0x"))]
        );
        for bad in ["a", "a[", "a[b[]", "a]", "=1", "[x]", "a[]b", "a b=1", "]"] {
            assert!(items(bad, BAD).any(|i| i.is_err()), "{bad}");
        }
        assert_eq!(items("", BAD).count(), 0);
    }

    #[test]
    fn octets() {
        assert_eq!(hex_array("0x00fF", BAD), Ok([0, 255]));
        assert_eq!(hex_array::<2>("0x00", BAD), Err(BAD));
    }
}
