//! Octets as hex digits.

use std::fmt;

/// Shows octets as lower-case hex digits without separators.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

/// The digits.
pub(crate) fn text(octets: &[u8]) -> String {
    Hex(octets).to_string()
}
