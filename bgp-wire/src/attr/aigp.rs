//! AIGP: the accumulated IGP metric.
//!
//! What for: reading the metric, checking the attribute, its text.
//! Where: over the value of the attribute; the canonicaliser calls [`Aigp::new`] for each one it
//! keeps.
//! How: a list of TLVs whose lengths include their own three octets of header. The first AIGP TLV
//! counts; further ones and unknown types are carried and do no harm.
//! Invariants: an [`Aigp`] has whole TLVs only, and its first AIGP TLV has eight octets of metric.
//! References: RFC 7311 sections 3 and 3.2, RFC 7606 section 4 (no octets at all are a fault).
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::fmt;

use super::hex::{self, Hex};
use crate::error::ParseError;

/// The AIGP TLV's type.
const METRIC: u8 = 1;

/// The value of an AIGP attribute.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub struct Aigp<'a>(&'a [u8]);

impl<'a> Aigp<'a> {
    /// The view of `value`; `None` when it is malformed (RFC 7311 section 3.2): nothing in it, a TLV
    /// that is cut short or shorter than its header, or a first AIGP TLV that is not 11 octets long.
    pub fn new(value: &'a [u8]) -> Option<Self> {
        let mut tlvs = Tlvs(value);
        let mut first = None;
        for (kind, content) in tlvs.by_ref() {
            if kind == METRIC && first.is_none() {
                first = Some(content.len());
            }
        }
        let whole = tlvs.0.is_empty() && !value.is_empty();
        (whole && first.is_none_or(|length| length == 8)).then_some(Self(value))
    }

    /// The value of an attribute with just this metric.
    pub const fn encode(metric: u64) -> [u8; 11] {
        let [a, b, c, d, e, f, g, h] = metric.to_be_bytes();
        [METRIC, 0, 11, a, b, c, d, e, f, g, h]
    }

    /// The octets.
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    /// The accumulated metric: that of the first AIGP TLV. `None` without one.
    pub fn metric(self) -> Option<u64> {
        let (_, content) = self.tlvs().find(|(kind, _)| *kind == METRIC)?;
        content.try_into().ok().map(u64::from_be_bytes)
    }

    /// Type and content of every TLV, in their order.
    pub fn tlvs(self) -> impl Iterator<Item = (u8, &'a [u8])> + Clone {
        Tlvs(self.0)
    }

    /// Reads the text that `Display` writes, and a plain number; yields the octets of the value.
    ///
    /// # Errors
    /// When the text is not that, or makes no valid attribute.
    pub fn parse(text: &str) -> Result<Vec<u8>, ParseError> {
        let bad = ParseError::new("an AIGP metric 0..18446744073709551615, such as 100");
        let mut out = Vec::new();
        for part in text.split(',') {
            let words: Vec<&str> = part.split_whitespace().collect();
            match words.as_slice() {
                ["metric", metric] | [metric] => {
                    let digits = metric.starts_with(|c: char| c.is_ascii_digit());
                    let metric = metric.parse().ok().filter(|_| digits).ok_or(bad)?;
                    out.extend_from_slice(&Self::encode(metric));
                }
                ["tlv", kind, content] => {
                    let kind: u8 = kind.parse().map_err(|_| bad)?;
                    let content = hex::parse(content).ok_or(bad)?;
                    let length = content.len().saturating_add(3);
                    let [high, low] = u16::try_from(length).map_err(|_| bad)?.to_be_bytes();
                    out.extend_from_slice(&[kind, high, low]);
                    out.extend_from_slice(&content);
                }
                _ => return Err(bad),
            }
        }
        if Aigp::new(&out).is_some() { Ok(out) } else { Err(bad) }
    }
}

impl fmt::Display for Aigp<'_> {
    /// `metric 100`, further TLVs as `metric 100, tlv 9 0xabcd`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (kind, content) in self.tlvs() {
            f.write_str(separator)?;
            separator = ", ";
            match <[u8; 8]>::try_from(content) {
                Ok(metric) if kind == METRIC => write!(f, "metric {}", u64::from_be_bytes(metric))?,
                _ => write!(f, "tlv {kind} {}", Hex(content))?,
            }
        }
        Ok(())
    }
}

/// Walks TLVs; ends at the first that is not whole, with it still in `.0`.
#[derive(Clone, Debug)]
struct Tlvs<'a>(&'a [u8]);

impl<'a> Iterator for Tlvs<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let &[kind, high, low] = self.0.first_chunk::<3>()?;
        let (tlv, rest) = self.0.split_at_checked(usize::from(u16::from_be_bytes([high, low])))?;
        let content = tlv.get(3..)?;
        self.0 = rest;
        Some((kind, content))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn the_first_metric_counts() {
        let two = [Aigp::encode(7), Aigp::encode(9)].concat();
        assert_eq!(Aigp::new(&two).unwrap().metric(), Some(7));
        let unknown = [&[9, 0, 4, 1][..], &Aigp::encode(5)].concat();
        let aigp = Aigp::new(&unknown).unwrap();
        assert_eq!((aigp.metric(), aigp.tlvs().count()), (Some(5), 2));
        assert_eq!(aigp.to_string(), "tlv 9 0x01, metric 5");
        assert_eq!(Aigp::new(&[9, 0, 3]).unwrap().metric(), None);
        // Only the first AIGP TLV has to be right.
        assert!(Aigp::new(&[&Aigp::encode(1)[..], &[1, 0, 3]].concat()).is_some());
    }

    #[test]
    fn malformed() {
        let good = Aigp::encode(1);
        for cut in 0..good.len() {
            assert_eq!(Aigp::new(&good[..cut]), None, "{cut}");
        }
        for bad in [&[1, 0, 10, 0, 0, 0, 0, 0, 0, 0][..], &[1, 0, 3], &[9, 0, 2], &[9, 0, 0]] {
            assert_eq!(Aigp::new(bad), None, "{bad:?}");
        }
        // CVE-2023-41359 class: a TLV past the end.
        assert_eq!(Aigp::new(&[1, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }

    #[test]
    fn text() {
        assert_eq!(Aigp::parse("100").unwrap(), Aigp::encode(100));
        assert_eq!(Aigp::parse("metric 100").unwrap(), Aigp::encode(100));
        for bad in ["", "x", "-1", "+1", "tlv 1 0x00", "metric", "18446744073709551616", "1,"] {
            assert!(Aigp::parse(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_parses_back(tlvs in vec((1u8..4, vec(any::<u8>(), 0..12)), 1..4)) {
            let mut value = Vec::new();
            for (kind, content) in tlvs {
                value.extend_from_slice(&[kind, 0, content.len() as u8 + 3]);
                value.extend_from_slice(&content);
            }
            if let Some(aigp) = Aigp::new(&value) {
                prop_assert_eq!(Aigp::parse(&aigp.to_string()).unwrap(), value);
            }
        }

        #[test]
        fn any_octets(value in vec(any::<u8>(), 0..64)) {
            if let Some(aigp) = Aigp::new(&value) {
                prop_assert_eq!(Aigp::parse(&aigp.to_string()).unwrap(), value);
            }
        }
    }
}
