//! Octets as hexadecimal text, for what has no better one.
//!
//! What for: opaque routes in text that parses back.
//! Where: private to the NLRI types.
//! How: `0x` and two digits an octet; `0x` alone is no octet.
//! Invariants: [`unhex`] reads what [`Hex`] writes.
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

/// Shows octets as `0x0102`.
pub(super) struct Hex<'a>(pub(super) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// Reads `0x0102`.
pub(super) fn unhex(s: &str) -> Option<Vec<u8>> {
    let digits = s.strip_prefix("0x")?.as_bytes();
    let (pairs, rest) = digits.as_chunks::<2>();
    let digit = |c: u8| char::from(c).to_digit(16).and_then(|n| u8::try_from(n).ok());
    rest.is_empty()
        .then(|| pairs.iter().map(|[a, b]| Some(digit(*a)? << 4 | digit(*b)?)).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        assert_eq!(Hex(&[0, 0xab]).to_string(), "0x00ab");
        assert_eq!(unhex("0x00aB"), Some(vec![0, 0xab]));
        assert_eq!(unhex("0x"), Some(vec![]));
        for bad in ["", "00", "0x0", "0xg0", "0x+1", "0xé"] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }
}
