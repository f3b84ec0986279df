//! The one way in: a reader over any format.
//!
//! What for: callers open a thing and take records until there are no more.
//! Where: the top of the crate.
//! How: a small enum of format readers, each with `step` (find the next item, may fail) and `record`
//! (attach the octets).
//! Invariants: after an error that is not recoverable, and after the end, `next` gives `None`.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::bmp::BmpFile;
use crate::error::Error;
use crate::format::{Format, LOOK, detect};
use crate::hex::Hex;
use crate::mrt::Mrt;
use crate::packet::Packets;
use crate::raw::Raw;
use crate::record::Record;
use crate::source::Source;
use crate::unpack;

/// Where the octets come from.
pub struct Input {
    reader: Box<dyn Read + Send>,
    total: Option<u64>,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("total", &self.total).finish_non_exhaustive()
    }
}

impl Input {
    /// A file, or standard input for `-`.
    ///
    /// # Errors
    /// [`Error::Open`].
    pub fn path(path: &Path) -> Result<Self, Error> {
        if path == Path::new("-") {
            return Ok(Self::stdin());
        }
        let open = || -> io::Result<Self> {
            let file = File::open(path)?;
            let about = file.metadata()?;
            if about.is_dir() {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            let total = about.is_file().then_some(about.len());
            Ok(Self { reader: Box::new(file), total })
        };
        open().map_err(|source| Error::Open { path: path.display().to_string(), source })
    }

    /// Standard input; its length is not known.
    #[must_use]
    pub fn stdin() -> Self {
        Self::reader(io::stdin())
    }

    /// Octets in memory.
    #[must_use]
    pub fn bytes(bytes: Vec<u8>) -> Self {
        let total = Some(bytes.len() as u64);
        Self { reader: Box::new(Cursor::new(bytes)), total }
    }

    /// Anything that can be read; its length is not known.
    #[must_use]
    pub fn reader(reader: impl Read + Send + 'static) -> Self {
        Self { reader: Box::new(reader), total: None }
    }
}

/// How to read.
#[derive(Copy, Clone, Eq, PartialEq, Debug, Default)]
pub struct Options {
    /// The format, or [`Format::Auto`].
    pub format: Format,
    /// A TCP port that carries BGP besides 179.
    pub bgp_port: Option<u16>,
    /// A TCP port that carries BMP; without it BMP is told by its first message.
    pub bmp_port: Option<u16>,
}

impl From<Format> for Options {
    fn from(format: Format) -> Self {
        Self { format, ..Self::default() }
    }
}

/// How far reading is, in octets of the file as it lies there (compressed, if it is).
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Progress {
    /// Octets read; with compression a little ahead of the records.
    pub read: u64,
    /// Octets in all, where known.
    pub total: Option<u64>,
}

/// Opens a thing; see [`Reader`].
///
/// # Errors
/// What [`Error`] says of empty, unknown and unreadable input.
pub fn open(input: Input, options: impl Into<Options>) -> Result<Reader, Error> {
    let options = options.into();
    let (mut source, read) = unpack::begin(input.reader)?;
    let format = match options.format {
        Format::Auto => {
            source.fill(LOOK);
            let head = source.bytes();
            match detect(head.get(..LOOK).unwrap_or(head)) {
                // Nothing could be decompressed.
                Err(Error::Empty) => return Err(source.failure().unwrap_or(Error::Empty)),
                other => other?,
            }
        }
        forced => forced,
    };
    let body = match format {
        Format::Pcap | Format::Pcapng => Body::Packets(Box::new(Packets::new(format, &options))),
        Format::Mrt => Body::Mrt(Box::default()),
        Format::Bmp => Body::Bmp(Box::default()),
        Format::Hex => Body::Hex(Box::default()),
        Format::Raw | Format::Auto => Body::Raw(Raw::default()),
    };
    Ok(Reader { source, body, format, read, total: input.total, ended: false })
}

#[derive(Debug)]
enum Body {
    Packets(Box<Packets>),
    Mrt(Box<Mrt>),
    Bmp(Box<BmpFile>),
    Hex(Box<Hex>),
    Raw(Raw),
}

/// A stream of records out of one input.
#[derive(Debug)]
pub struct Reader {
    source: Source,
    body: Body,
    format: Format,
    read: Arc<AtomicU64>,
    total: Option<u64>,
    ended: bool,
}

impl Reader {
    /// The next record; `None` at the end.
    ///
    /// # Errors
    /// A damaged file. After an error that [is recoverable](Error::is_recoverable) the next call
    /// goes on behind the damage; after any other it gives `None`.
    #[allow(clippy::should_implement_trait)] // records borrow the reader, an iterator's cannot
    pub fn next(&mut self) -> Result<Option<Record<'_>>, Error> {
        if self.ended {
            return Ok(None);
        }
        let source = &mut self.source;
        let found = match &mut self.body {
            Body::Packets(p) => p.step(source),
            Body::Mrt(m) => m.step(source),
            Body::Bmp(b) => b.step(source),
            Body::Hex(h) => h.step(source),
            Body::Raw(r) => r.step(source),
        };
        let item = match found {
            Ok(Some(item)) => item,
            Ok(None) => {
                self.ended = true;
                // An end by a read error is no end.
                return self.source.failure().map_or(Ok(None), Err);
            }
            Err(e) => {
                self.ended = !e.is_recoverable();
                return Err(e);
            }
        };
        Ok(Some(match &self.body {
            Body::Packets(p) => item.attach(p.chunk()),
            Body::Mrt(m) => m.attach(item, self.source.bytes()),
            Body::Hex(h) => item.attach(h.chunk()),
            Body::Bmp(_) | Body::Raw(_) => item.attach(self.source.bytes()),
        }))
    }

    /// How far reading is.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress { read: self.read.load(Ordering::Relaxed), total: self.total }
    }

    /// The format that was recognised or forced.
    #[must_use]
    pub const fn format(&self) -> Format {
        self.format
    }
}
