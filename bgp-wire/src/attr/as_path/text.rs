//! Paths as text, both ways.
//!
//! What for: what `show` prints, and what origination and tests write.
//! Where: `Display` of [`AsPath`] and [`AsPath2`], [`AsPath::parse`], [`AsPath2::parse`].
//! How: AS numbers with blanks between; a set in braces, a confederation sequence in parentheses, a
//! confederation set in brackets. A sequence that goes on in another segment shows nothing when the
//! first is full (255 numbers, the only place where senders need to break), else a bar:
//! `65001 | 65002`. So the text keeps every segment boundary.
//! Invariants: the text of a valid path reads back to the same octets.
//! References: RFC 4271 section 4.3, RFC 5065 section 3, RFC 5396.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::fmt;

use super::{AsPath, AsPath2, MAX_SEGMENT, SegmentType};
use crate::{asn::Asn, error::ParseError};

impl AsPath<'_> {
    /// The value of an AS_PATH, AS numbers four octets wide, from the text that `Display` writes.
    /// Commas are blanks; AS numbers may be asdot. More than 255 numbers in a row fill segments from
    /// the left.
    ///
    /// # Errors
    /// AS 0, brackets that do not match, nothing or more than 255 numbers in them.
    pub fn parse(text: &str) -> Result<Vec<u8>, ParseError> {
        parse(text, |asn, out| {
            out.extend_from_slice(&asn.0.to_be_bytes());
            Ok(())
        })
    }
}

impl AsPath2<'_> {
    /// As [`AsPath::parse`], AS numbers two octets wide.
    ///
    /// # Errors
    /// As [`AsPath::parse`], and AS numbers over 65535.
    pub fn parse(text: &str) -> Result<Vec<u8>, ParseError> {
        parse(text, |asn, out| {
            let asn = u16::try_from(asn.0).map_err(|_| BAD)?;
            out.extend_from_slice(&asn.to_be_bytes());
            Ok(())
        })
    }
}

const BAD: ParseError = ParseError::new("an AS path such as 65001 65002 {65003 65004} (65005)");

/// What is put down segment by segment.
struct Writer<P> {
    kind: SegmentType,
    asns: Vec<Asn>,
    out: Vec<u8>,
    put: P,
}

impl<P: Fn(Asn, &mut Vec<u8>) -> Result<(), ParseError>> Writer<P> {
    fn push(&mut self, asn: Asn) -> Result<(), ParseError> {
        if self.asns.len() == MAX_SEGMENT {
            // Only a sequence can go on in another segment.
            if self.kind != SegmentType::SEQUENCE {
                return Err(BAD);
            }
            self.flush()?;
        }
        self.asns.push(asn);
        Ok(())
    }

    /// Ends a segment; a sequence without numbers is none.
    fn flush(&mut self) -> Result<(), ParseError> {
        if self.asns.is_empty() {
            return if self.kind == SegmentType::SEQUENCE { Ok(()) } else { Err(BAD) };
        }
        self.out.push(self.kind.0);
        self.out.push(u8::try_from(self.asns.len()).map_err(|_| BAD)?);
        for asn in self.asns.drain(..) {
            (self.put)(asn, &mut self.out)?;
        }
        Ok(())
    }
}

fn parse(
    text: &str,
    put: impl Fn(Asn, &mut Vec<u8>) -> Result<(), ParseError>,
) -> Result<Vec<u8>, ParseError> {
    let mut path = Writer { kind: SegmentType::SEQUENCE, asns: Vec::new(), out: Vec::new(), put };
    let (mut after_bar, mut rest) = (false, text);
    loop {
        rest = rest.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
        let Some(first) = rest.chars().next() else { break };
        let opens = opened(first);
        let closes = path.kind != SegmentType::SEQUENCE && closing(path.kind) == first;
        if first.is_ascii_alphanumeric() {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.');
            let (number, behind) = rest.split_at_checked(end.unwrap_or(rest.len())).ok_or(BAD)?;
            match number.parse()? {
                Asn::ZERO => return Err(BAD),
                asn => path.push(asn)?,
            }
            after_bar = false;
            rest = behind;
            continue;
        }
        // What is not a number is one character of ASCII.
        rest = rest.get(1..).ok_or(BAD)?;
        match opens {
            Some(kind) if path.kind == SegmentType::SEQUENCE && !after_bar => {
                path.flush()?;
                path.kind = kind;
            }
            None if closes => {
                path.flush()?;
                path.kind = SegmentType::SEQUENCE;
            }
            None if first == '|' && path.kind == SegmentType::SEQUENCE && !path.asns.is_empty() => {
                path.flush()?;
                after_bar = true;
            }
            _ => return Err(BAD),
        }
    }
    if path.kind != SegmentType::SEQUENCE || after_bar {
        return Err(BAD);
    }
    path.flush()?;
    Ok(path.out)
}

const fn opened(c: char) -> Option<SegmentType> {
    match c {
        '{' => Some(SegmentType::SET),
        '(' => Some(SegmentType::CONFED_SEQUENCE),
        '[' => Some(SegmentType::CONFED_SET),
        _ => None,
    }
}

const fn closing(kind: SegmentType) -> char {
    match kind {
        SegmentType::SET => '}',
        SegmentType::CONFED_SEQUENCE => ')',
        SegmentType::CONFED_SET => ']',
        _ => ' ',
    }
}

/// Writes a path as the module's header says.
fn write(
    f: &mut fmt::Formatter<'_>,
    segments: impl Iterator<Item = (SegmentType, impl ExactSizeIterator<Item = Asn>)>,
) -> fmt::Result {
    let mut before = None;
    for (kind, asns) in segments {
        let open = match kind {
            SegmentType::SET => "{",
            SegmentType::CONFED_SEQUENCE => "(",
            SegmentType::CONFED_SET => "[",
            _ => "",
        };
        let sequence = open.is_empty();
        f.write_str(match before {
            None => "",
            Some((true, count)) if sequence && count < MAX_SEGMENT => " | ",
            Some(_) => " ",
        })?;
        before = Some((sequence, asns.len()));
        f.write_str(open)?;
        super::super::text::join(f, " ", asns)?;
        if !sequence {
            write!(f, "{}", closing(kind))?;
        }
    }
    Ok(())
}

impl fmt::Display for AsPath<'_> {
    /// `65001 65002 {65003 65004}`; confederations as `(65005 65006)` and `[65007]`; a sequence that
    /// ends before it is full and goes on in another segment as `65001 | 65002`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.segments().map(|segment| (segment.kind, segment.asns())))
    }
}

impl fmt::Debug for AsPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl fmt::Display for AsPath2<'_> {
    /// As [`AsPath`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.segments())
    }
}

impl fmt::Debug for AsPath2<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_are_kept() {
        for (text, bytes) in [
            ("", vec![]),
            ("7", vec![2, 1, 0, 7]),
            ("7 | 8", vec![2, 1, 0, 7, 2, 1, 0, 8]),
            ("7 {8 9} {1} 2", vec![2, 1, 0, 7, 1, 2, 0, 8, 0, 9, 1, 1, 0, 1, 2, 1, 0, 2]),
            ("(7) (8) [9] 1", vec![3, 1, 0, 7, 3, 1, 0, 8, 4, 1, 0, 9, 2, 1, 0, 1]),
        ] {
            assert_eq!(AsPath2::parse(text).unwrap(), bytes);
            assert_eq!(AsPath2::new(&bytes).to_string(), text);
            assert_eq!(AsPath::new(&AsPath::parse(text).unwrap()).to_string(), text);
        }
        let long: Vec<String> = (1..=600).map(|n| n.to_string()).collect();
        let bytes = AsPath::parse(&long.join(" ")).unwrap();
        let counts: Vec<_> = AsPath::new(&bytes).segments().map(|s| s.count()).collect();
        assert_eq!(counts, [255, 255, 90]);
        assert_eq!(AsPath::new(&bytes).to_string(), long.join(" "));
        // As prepending leaves it: the short segment first.
        let odd = format!("{} | {}", long[..90].join(" "), long[90..345].join(" "));
        assert_eq!(AsPath::new(&AsPath::parse(&odd).unwrap()).to_string(), odd);
    }

    #[test]
    fn forms() {
        for (text, same) in
            [("AS65001,1.0", "65001 65536"), ("1{2,3}4", "1 {2 3} 4"), ("( 1\t2 )3", "(1 2) 3")]
        {
            assert_eq!(AsPath::new(&AsPath::parse(text).unwrap()).to_string(), same);
        }
        let full = format!("{{{}}}", vec!["1"; 256].join(" "));
        for bad in [
            "0",
            "{0}",
            "1 |",
            "| 1",
            "1 | | 2",
            "1 | {2}",
            "{}",
            "()",
            "{1",
            "1}",
            "{1)",
            "{1 (2)}",
            "4294967296",
            "-1",
            "1;2",
            "1é",
            "{1 | 2}",
            &full,
        ] {
            assert!(AsPath::parse(bad).is_err(), "{bad}");
        }
        assert!(AsPath2::parse("65536").is_err() && AsPath::parse("65536").is_ok());
    }
}
