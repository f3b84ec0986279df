//! BGP messages as hex digits.
//!
//! What for: what an engineer pastes from a log, `xxd`, `hexdump -C`, `tcpdump -x` or Wireshark.
//! Where: a format of [`Reader`](crate::Reader).
//! How: line by line into a buffer of octets, on which [`framing`](crate::framing) works. A line's
//! first word is an offset when it ends in `:` or is followed by two spaces, and its value is the count
//! of octets so far (or 0, a new dump); a column of characters may then follow the digits.
//! `#` begins a comment. Spaces, `0x`, `\x`, `:`, `,` and `-` between octets mean nothing. An empty
//! line or a new dump ends a message, so that a cut one does not swallow the next.
//! Text that is none of this is told line by line. Headers before the first marker, as `tcpdump -x`
//! shows them, become a gap.
//! Invariants: the buffer holds one message and one line at most; lines are taken in pieces of at
//! most [`LINE`] octets.
//! References: none; the formats of the tools named.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::cast_possible_truncation))]

use crate::error::Error;
use crate::framing::{Cut, cut};
use crate::item::Item;
use crate::raw::{bare, gap, message};
use crate::record::{GapReason, Origin};
use crate::source::Source;

/// Longest piece of a line that is looked at as one. A multiple of the length of an octet in every
/// spelling (`ff`, `ff:`, `\xff`, `0xff,`), so that a line without spaces is not cut within one.
const LINE: usize = 60_000;

/// State of the reader.
#[derive(Debug, Default)]
pub(crate) struct Hex {
    /// Octets that were spelled and not handed out.
    octets: Vec<u8>,
    /// Octets of the last item, still at the front of `octets`.
    taken: usize,
    /// Where `octets` begins, among all octets spelled.
    at: u64,
    /// Octets since the offset was last 0, while lines have offsets.
    dumped: Option<u64>,
    /// The piece before ended inside a line; within a comment if true.
    inside: Option<bool>,
    /// The octets end here, whatever their length fields say.
    boundary: bool,
    /// What begins after the boundary.
    next: Vec<u8>,
    number: u64,
    ended: bool,
}

impl Hex {
    pub(crate) fn chunk(&self) -> &[u8] {
        &self.octets
    }

    pub(crate) fn step(&mut self, source: &mut Source) -> Result<Option<Item>, Error> {
        let taken = std::mem::take(&mut self.taken);
        self.drop_front(taken);
        let mut skipped: Option<(u64, u64, GapReason)> = None;
        loop {
            let at = self.at;
            let next = cut(&self.octets);
            if matches!(next, Cut::More(_)) && !self.boundary && !self.ended {
                self.read_line(source)?;
                continue;
            }
            match (next, skipped) {
                (Cut::Skip(count, reason), first) => {
                    let (at, before, reason) = first.unwrap_or((at, 0, reason));
                    self.drop_front(count);
                    skipped = Some((at, before.saturating_add(count as u64), reason));
                }
                (_, Some((at, octets, reason))) => {
                    return Ok(Some(Item::new(gap(self.origin(at), reason, octets), 0..0)));
                }
                (Cut::Message(length), None) => {
                    self.taken = length;
                    return Ok(Some(Item::message(message(self.origin(at)), 0..length)));
                }
                (Cut::More(need), None) => {
                    let left = self.octets.len();
                    if left > 0 {
                        self.taken = left;
                        let missing = need.saturating_sub(left) as u64;
                        let record = gap(self.origin(at), GapReason::Truncated, missing);
                        return Ok(Some(Item::new(record, 0..left)));
                    }
                    if !self.boundary {
                        return Ok(None);
                    }
                    self.boundary = false;
                    self.octets = std::mem::take(&mut self.next);
                }
            }
        }
    }

    fn origin(&mut self, at: u64) -> Origin {
        self.number = self.number.saturating_add(1);
        bare(at, self.number)
    }

    fn drop_front(&mut self, count: usize) {
        let count = count.min(self.octets.len());
        self.octets.drain(..count);
        self.at = self.at.saturating_add(count as u64);
    }

    /// Spells the next line, or piece of one, out into `octets`.
    fn read_line(&mut self, source: &mut Source) -> Result<(), Error> {
        let have = source.fill(LINE).min(LINE);
        let window = source.bytes().get(..have).unwrap_or_default();
        let (length, whole) = match window.iter().position(|&b| b == b'\n') {
            Some(end) => (end.saturating_add(1), true),
            None if have < LINE => (have, true),
            // Too long: up to its last space.
            None => match window.iter().rposition(u8::is_ascii_whitespace) {
                Some(space) if space > 0 => (space, false),
                _ => (LINE, false),
            },
        };
        self.ended = have == 0;
        let at = source.offset();
        let line = window.get(..length).unwrap_or_default();
        let inside = self.inside.take();
        let hash = line.iter().position(|&b| b == b'#');
        let text = match (inside, hash) {
            (Some(true), _) => &[],
            (_, Some(hash)) => line.get(..hash).unwrap_or_default(),
            (_, None) => line,
        };
        if !whole {
            self.inside = Some(inside == Some(true) || hash.is_some());
        }
        let is_empty = whole && inside.is_none() && line.trim_ascii().is_empty();
        let spelled = self.spell(text, inside.is_some());
        source.consume(length);
        if is_empty {
            (self.boundary, self.dumped) = (!self.ended, None);
        }
        spelled.map_err(|problem| {
            (self.boundary, self.dumped) = (true, None);
            Error::Malformed { at, what: "line of hex", problem }
        })
    }

    fn spell(&mut self, text: &[u8], continued: bool) -> Result<(), &'static str> {
        let text = text.trim_ascii();
        if text.is_empty() {
            return Ok(());
        }
        if continued {
            return words(text, &mut self.octets);
        }
        let Some((offset, digits)) = offset(text, self.dumped) else {
            self.dumped = None;
            return words(text, &mut self.octets);
        };
        if offset != 0 && self.dumped != Some(offset) {
            return Err("the offset is not the count of octets before it");
        }
        let begins = offset == 0 && !self.octets.is_empty();
        let mut fresh = Vec::new();
        words(digits, &mut fresh)?;
        self.dumped = Some(offset.saturating_add(fresh.len() as u64));
        if begins {
            self.boundary = true;
            self.next = fresh;
        } else {
            self.octets.append(&mut fresh);
        }
        Ok(())
    }
}

/// The offset that `line` begins with, and its digits without the column of characters.
fn offset(line: &[u8], dumped: Option<u64>) -> Option<(u64, &[u8])> {
    let end = line.iter().position(u8::is_ascii_whitespace).unwrap_or(line.len());
    let (word, rest) = line.split_at_checked(end)?;
    let spaces = rest.len().saturating_sub(rest.trim_ascii_start().len());
    let digits = word.strip_suffix(b":").unwrap_or(word);
    let with_colon = digits.len() < word.len() && spaces > 0;
    let digits = digits.strip_prefix(b"0x").unwrap_or(digits);
    if !(4..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let value = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    let rest = rest.trim_ascii_start();
    let rest = rest.split(|&b| b == b'|').next().unwrap_or_default();
    if with_colon {
        // xxd, tcpdump: two spaces end the digits.
        let end = rest.windows(2).position(|two| two == b"  ").unwrap_or(rest.len());
        return Some((value, rest.get(..end)?));
    }
    let follows = dumped == Some(value);
    // hexdump ends with the length alone.
    let is_offset = (spaces >= 2 && (follows || value == 0)) || (rest.is_empty() && follows);
    if !is_offset {
        return None;
    }
    // hexdump, Wireshark: octets of two digits, sixteen at most, two spaces in the middle.
    let end = rest.windows(3).position(|three| three == b"   ").unwrap_or(rest.len());
    let end = end.min("ff ff ff ff ff ff ff ff  ff ff ff ff ff ff ff ff".len());
    Some((value, rest.get(..end)?))
}

/// Octets of words of digits.
fn words(text: &[u8], out: &mut Vec<u8>) -> Result<(), &'static str> {
    let separates = |b: &u8| b.is_ascii_whitespace() || b",:;-\\\"'{}[]".contains(b);
    let begin = out.len();
    for word in text.split(separates).filter(|w| !w.is_empty()) {
        let bare = [&b"0x"[..], b"0X", b"x"].iter().find_map(|p| word.strip_prefix(*p));
        let digits = bare.unwrap_or(word);
        let value = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let fault = if !digits.iter().all(u8::is_ascii_hexdigit) {
            Some("there is a word that is not hex digits; put # before comments")
        } else if digits.len() % 2 != 0 && !(bare.is_some() && digits.len() == 1) {
            Some("there is a word with an odd number of hex digits")
        } else {
            None
        };
        if let Some(fault) = fault {
            out.truncate(begin);
            return Err(fault);
        }
        out.extend(digits.rchunks(2).rev().map(|pair| {
            pair.iter().filter_map(value).fold(0_u8, |octet, digit| (octet << 4) | digit)
        }));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
