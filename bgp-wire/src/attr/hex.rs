//! Octets as text: `0x0a1b`.
//!
//! What for: showing, and reading back, what has no form of its own.
//! Where: the text forms of attribute values.
//! How: lower case, two digits an octet, `0x` in front, so that no octets at all are still a word.
//! Invariants: what [`Hex`] writes, [`parse`] reads back.
//! References: none.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::fmt;

/// Octets to be shown.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// The octets of a text such as [`Hex`] writes; upper case is allowed.
pub(crate) fn parse(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|n| u8::try_from(n).ok());
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        for bytes in [&[][..], &[0], &[0x0a, 0xff, 0x10]] {
            assert_eq!(parse(&Hex(bytes).to_string()).as_deref(), Some(bytes));
        }
        assert_eq!(parse("0xAb"), Some(vec![0xab]));
        for bad in ["", "0", "0x0", "0xg0", "0x0g", "00", "0x+1"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
