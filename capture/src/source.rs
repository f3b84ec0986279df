//! A bounded window on the octets of the input, after decompression.
//!
//! What for: format modules look ahead, take and go on; nobody holds a whole file.
//! Where: under every format module.
//! How: one buffer that is filled at its end and consumed at its front; it grows to the largest
//! look-ahead that was asked for, and only as octets really arrive, so a length field alone
//! allocates nothing.
//! Invariants: `offset` counts consumed octets; a read error is told once, after all octets before it.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::cast_possible_truncation))]

use std::io::{self, Read};

use crate::error::Error;

/// Octets read in one go.
const CHUNK: usize = 256 * 1024;

/// The window.
pub(crate) struct Source {
    reader: Box<dyn Read + Send>,
    /// Name of the compression, for error messages.
    packed: Option<&'static str>,
    buffer: Vec<u8>,
    start: usize,
    offset: u64,
    ended: bool,
    failed: Option<io::Error>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("offset", &self.offset)
            .field("packed", &self.packed)
            .finish_non_exhaustive()
    }
}

impl Source {
    pub(crate) fn new(reader: Box<dyn Read + Send>, packed: Option<&'static str>) -> Self {
        Self { reader, packed, buffer: Vec::new(), start: 0, offset: 0, ended: false, failed: None }
    }

    /// Octet offset of the front of the window.
    pub(crate) const fn offset(&self) -> u64 {
        self.offset
    }

    /// What is in the window.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Tries to have `need` octets in the window; fewer are there only at the end of the input.
    pub(crate) fn fill(&mut self, need: usize) -> usize {
        while self.bytes().len() < need && !self.ended {
            if self.start > 0 {
                self.buffer.drain(..self.start);
                self.start = 0;
            }
            // Large records come in steps, each as large as what is there already.
            let step = CHUNK.max(self.buffer.len().min(need));
            let room = need.saturating_sub(self.buffer.len()).clamp(CHUNK, step);
            let have = self.buffer.len();
            self.buffer.resize(have.saturating_add(room), 0);
            let got = match self.buffer.get_mut(have..).map(|to| self.reader.read(to)) {
                Some(Ok(got)) => got.min(room),
                Some(Err(e)) if e.kind() == io::ErrorKind::Interrupted => {
                    self.buffer.truncate(have);
                    continue;
                }
                Some(Err(e)) => {
                    self.failed = Some(e);
                    0
                }
                None => 0,
            };
            self.buffer.truncate(have.saturating_add(got));
            self.ended = got == 0;
        }
        self.bytes().len()
    }

    /// Takes octets off the front; no more than are there.
    pub(crate) fn consume(&mut self, count: usize) {
        let count = count.min(self.bytes().len());
        self.start = self.start.saturating_add(count);
        self.offset = self.offset.saturating_add(count as u64);
    }

    /// The read error that ended the input, if one did.
    pub(crate) fn failure(&mut self) -> Option<Error> {
        let source = self.failed.take()?;
        let at = self.offset.saturating_add(self.bytes().len() as u64);
        Some(match self.packed {
            Some(kind) => Error::Unpack { at, kind, source },
            None => Error::Read { at, source },
        })
    }

    /// The error for a record that wants more octets than are left: the read error, or truncation.
    /// What is left is dropped.
    pub(crate) fn shortfall(&mut self, what: &'static str, need: usize) -> Error {
        let (have, need) = (self.bytes().len() as u64, need as u64);
        let error =
            self.failure().unwrap_or(Error::Truncated { at: self.offset, what, have, need });
        self.consume(usize::MAX);
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One octet a read, then an error.
    struct Drip(u8);

    impl Read for Drip {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            if self.0 == 5 {
                return Err(io::Error::other("gone"));
            }
            self.0 += 1;
            to[0] = self.0;
            Ok(1)
        }
    }

    #[test]
    fn what_came_before_an_error_is_delivered() {
        let mut source = Source::new(Box::new(Drip(0)), None);
        assert_eq!(source.fill(3), 3);
        source.consume(2);
        assert_eq!((source.offset(), source.bytes()), (2, &[3][..]));
        assert_eq!(source.fill(9), 3);
        assert_eq!(source.bytes(), [3, 4, 5]);
        let e = source.shortfall("record", 9);
        assert!(matches!(e, Error::Read { at: 5, .. }), "{e}");
        assert!(source.bytes().is_empty());
        assert!(matches!(source.shortfall("record", 9), Error::Truncated { .. }));
    }

    #[test]
    fn a_length_alone_allocates_little() {
        let mut source = Source::new(Box::new(&[1_u8, 2, 3][..]), None);
        assert_eq!(source.fill(usize::MAX / 2), 3);
        assert!(source.buffer.capacity() <= 4 * CHUNK);
    }
}
