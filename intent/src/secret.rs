//! A secret that cannot leak by accident.
//!
//! **For**: session passwords. **Sits**: inside [`crate::Auth`]. **How it works**: only
//! [`Secret::expose`] gives the bytes; `Debug` and `Serialize` give a fixed word; the memory is
//! wiped when the last owner drops it. Comparison tells a changed secret from an unchanged one.
//! **Invariants**: never empty. **References**: RFC 2385 (keys), RFC 5925.

use std::fmt;

use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

/// Key material; redacted when shown, wiped when dropped, never empty.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// What is shown instead of the secret.
const REDACTED: &str = "<redacted>";

impl Secret {
    /// `None` when there are no bytes: an empty key protects nothing.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        let bytes = Zeroizing::new(bytes.into());
        if bytes.is_empty() { None } else { Some(Self(bytes)) }
    }

    /// The bytes themselves. Hand them to the kernel, to nothing else.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq for Secret {
    /// Takes the same time wherever the difference is.
    fn eq(&self, other: &Self) -> bool {
        let (a, b) = (self.expose(), other.expose());
        a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_redacted_in_every_output() {
        let secret = Secret::new("hunter2").unwrap();
        assert_eq!(format!("{secret:?}"), "<redacted>");
        assert_eq!(serde_json::to_string(&secret).unwrap(), "\"<redacted>\"");
        assert_eq!(secret.expose(), b"hunter2");
    }

    #[test]
    fn empty_is_no_secret_and_equality_sees_a_change() {
        assert_eq!(Secret::new(""), None);
        assert_ne!(Secret::new("a"), Secret::new("b"));
        assert_eq!(Secret::new("a"), Secret::new("a"));
    }
}
