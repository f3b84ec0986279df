//! Which format a file is in, told by its first octets.
//!
//! What for: names lie and standard input has none.
//! Where: once, when the reader begins; after decompression.
//! How: magic numbers first (pcap, pcapng, the BGP marker), then headers whose fields must all make
//! sense (BMP, MRT), then text that spells hex.
//! Invariants: what is recognised as MRT or BMP has a first header that the reader accepts.
//! References: RFC 6396 section 2, RFC 7854 section 4.1, the pcap and pcapng drafts of the IETF opsawg.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::cast_possible_truncation))]

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::{bmp, mrt};

/// Octets looked at to tell the format.
pub(crate) const LOOK: usize = 4096;

/// What a file holds.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum Format {
    /// Told by the content.
    #[default]
    Auto,
    /// Packets, the old libpcap format, with micro- or nanoseconds.
    Pcap,
    /// Packets, the block format.
    Pcapng,
    /// Multi-threaded Routing Toolkit dumps (RFC 6396).
    Mrt,
    /// The octets of a BMP session (RFC 7854).
    Bmp,
    /// BGP messages one after the other.
    Raw,
    /// BGP messages written as hex digits.
    Hex,
}

impl Format {
    /// All that can be forced.
    pub const ALL: [Self; 6] =
        [Self::Pcap, Self::Pcapng, Self::Mrt, Self::Bmp, Self::Raw, Self::Hex];

    const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Pcap => "pcap",
            Self::Pcapng => "pcapng",
            Self::Mrt => "mrt",
            Self::Bmp => "bmp",
            Self::Raw => "raw",
            Self::Hex => "hex",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A format name that is none.
#[derive(thiserror::Error, Clone, Eq, PartialEq, Debug)]
#[error("no format {0:?}; use auto, pcap, pcapng, mrt, bmp, raw or hex")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Auto]
            .into_iter()
            .chain(Self::ALL)
            .find(|f| f.name() == text)
            .ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

/// Tells the format from the first octets, up to [`LOOK`] of them.
pub(crate) fn detect(head: &[u8]) -> Result<Format, Error> {
    match head {
        [] => return Err(Error::Empty),
        [0xa1, 0xb2, 0xc3, 0xd4, ..]
        | [0xd4, 0xc3, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0x3c, 0x4d, ..]
        | [0x4d, 0x3c, 0xb2, 0xa1, ..]
        | [0xa1, 0xb2, 0xcd, 0x34, ..]
        | [0x34, 0xcd, 0xb2, 0xa1, ..] => return Ok(Format::Pcap),
        [0x0a, 0x0d, 0x0d, 0x0a, ..] => return Ok(Format::Pcapng),
        [b's', b'n', b'o', b'o', b'p', 0, 0, 0, ..] => {
            return Err(Error::Unsupported {
                what: "a snoop capture",
                fix: "editcap -F pcap IN OUT",
            });
        }
        _ => {}
    }
    if head.get(..16).unwrap_or(head).iter().all(|&b| b == 0xff) {
        Ok(Format::Raw)
    } else if bmp::is_start(head) {
        Ok(Format::Bmp)
    } else if mrt::is_start(head) {
        Ok(Format::Mrt)
    } else if is_hex_text(head) {
        Ok(Format::Hex)
    } else {
        let head = head.iter().take(12).map(|b| format!("{b:02x}")).collect();
        Err(Error::Unrecognized { head })
    }
}

/// Text only, whose first word that is no comment spells octets.
fn is_hex_text(head: &[u8]) -> bool {
    if !head.iter().all(|b| matches!(b, b' '..=b'~' | b'\n' | b'\r' | b'\t')) {
        return false;
    }
    let mut lines = head.split(|&b| b == b'\n').map(<[u8]>::trim_ascii);
    let Some(line) = lines.find(|line| !line.is_empty() && !line.starts_with(b"#")) else {
        return false;
    };
    let word = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    let digits = word.iter().filter(|b| b.is_ascii_hexdigit()).count();
    digits >= 2 && word.iter().all(|b| b.is_ascii_hexdigit() || b"x:,-\\".contains(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert!("wav".parse::<Format>().is_err());
    }

    #[test]
    fn content_tells() {
        let ok = |head: &[u8]| detect(head).unwrap();
        assert_eq!(ok(&[0xa1, 0xb2, 0xc3, 0xd4]), Format::Pcap);
        assert_eq!(ok(&[0x4d, 0x3c, 0xb2, 0xa1]), Format::Pcap);
        assert_eq!(ok(&[0x0a, 0x0d, 0x0d, 0x0a]), Format::Pcapng);
        assert_eq!(ok(&bgp_wire::KEEPALIVE), Format::Raw);
        assert_eq!(ok(b"# a comment\nffff ffff"), Format::Hex);
        assert_eq!(ok(b"0x0000:  4500 0034"), Format::Hex);
        assert_eq!(ok(b"FF:FF:ff"), Format::Hex);
        assert!(matches!(detect(b""), Err(Error::Empty)));
        assert!(matches!(detect(b"<html>"), Err(Error::Unrecognized { .. })));
        assert!(matches!(detect(b"snoop\0\0\0\0"), Err(Error::Unsupported { .. })));
    }
}
