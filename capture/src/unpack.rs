//! Opening the input: counting its octets and undoing its compression.
//!
//! What for: dumps come as `.gz` and `.bz2`, captures often too.
//! Where: between the file and [`Source`].
//! How: the first octets tell the compression, whatever the name. Compressed input is undone by a
//! thread of its own, which hands over blocks through a short channel: it works on the next block
//! while the caller renders this one. Members one after the other (`cat a.gz b.gz`) are one stream.
//! Invariants: at most [`BLOCKS`] + 2 blocks of [`BLOCK`] octets are in flight; the thread ends when
//! the receiver is dropped.
//! References: RFC 1952 (gzip), RFC 8878 (Zstandard).

use std::io::{self, BufReader, Chain, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::error::Error;
use crate::source::Source;

/// Octets of a block handed over by the thread.
const BLOCK: usize = 256 * 1024;
/// Blocks that wait in the channel at most.
const BLOCKS: usize = 8;

/// Counts what is read from the file itself.
struct Counting {
    inner: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(to)?;
        self.count.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

type Peeked = Chain<Cursor<Vec<u8>>, Counting>;

/// Begins to read: the window on the decompressed octets, and the count of octets read so far.
pub(crate) fn begin(inner: Box<dyn Read + Send>) -> Result<(Source, Arc<AtomicU64>), Error> {
    let count = Arc::new(AtomicU64::new(0));
    let mut input = Counting { inner, count: Arc::clone(&count) };
    let mut head = Vec::with_capacity(6);
    (&mut input).take(6).read_to_end(&mut head).map_err(|source| Error::Read { at: 0, source })?;
    let input: Peeked = Cursor::new(head.clone()).chain(input);
    let source = match head.as_slice() {
        [0x1f, 0x8b, 8, ..] => unpacked("gzip", flate2::bufread::MultiGzDecoder::new, input)?,
        [b'B', b'Z', b'h', b'1'..=b'9', ..] => {
            unpacked("bzip2", bzip2::bufread::MultiBzDecoder::new, input)?
        }
        [0x28, 0xb5, 0x2f, 0xfd, ..] => {
            return Err(Error::Unsupported {
                what: "Zstandard",
                fix: "zstd -dc FILE | cosmos decode -",
            });
        }
        [0xfd, b'7', b'z', b'X', b'Z', 0] => {
            return Err(Error::Unsupported { what: "xz", fix: "xz -dc FILE | cosmos decode -" });
        }
        _ => Source::new(Box::new(input), None),
    };
    Ok((source, count))
}

fn unpacked<D: Read>(
    name: &'static str,
    decoder: impl FnOnce(BufReader<Peeked>) -> D + Send + 'static,
    input: Peeked,
) -> Result<Source, Error> {
    let (send, receive) = sync_channel(BLOCKS);
    std::thread::Builder::new()
        .name(format!("un{name}"))
        .spawn(move || pump(decoder(BufReader::with_capacity(BLOCK, input)), &send))
        .map_err(|source| Error::Read { at: 0, source })?;
    let blocks = Blocks { receive, current: Cursor::new(Vec::new()) };
    Ok(Source::new(Box::new(blocks), Some(name)))
}

/// Decompresses until the end, an error, or until nobody listens.
fn pump(mut decoder: impl Read, send: &SyncSender<io::Result<Vec<u8>>>) {
    loop {
        let mut block = Vec::with_capacity(BLOCK);
        let outcome = (&mut decoder).take(BLOCK as u64).read_to_end(&mut block);
        let last = block.is_empty() || outcome.is_err();
        // What was decoded before an error is good.
        if !block.is_empty() && send.send(Ok(block)).is_err() {
            return;
        }
        if let Err(e) = outcome {
            // Nobody listens any more when this fails, so nobody misses it.
            let _ = send.send(Err(e));
        }
        if last {
            return;
        }
    }
}

/// The receiving side of the thread.
struct Blocks {
    receive: Receiver<io::Result<Vec<u8>>>,
    current: Cursor<Vec<u8>>,
}

impl Read for Blocks {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.current.read(to)? {
                0 if !to.is_empty() => {}
                got => return Ok(got),
            }
            match self.receive.recv() {
                Ok(block) => self.current = Cursor::new(block?),
                Err(_ended) => return Ok(0),
            }
        }
    }
}
