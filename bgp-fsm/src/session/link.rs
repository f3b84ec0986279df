//! One TCP connection: its read buffer and its write queue.
//!
//! Writing takes, in this order: the rest of the frame that TCP took only partly, frames of the
//! state machine, a batch of frames from the outbox. So a KEEPALIVE waits for one frame at most,
//! however much is queued behind it. One `write_vectored` carries up to [`SLICES`] frames.
//!
//! Reading fills one buffer that is reused. Its size follows what the peer sends: it doubles when a read fills it
//! and halves when reads have been small for a while, so that a full table comes in large bursts and five
//! hundred quiet sessions cost little. What is left of a message after a burst is moved to its front.
//!
//! Invariants: frames are never interleaved; after `seal` nothing of the outbox is sent.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bgp_wire::{KEEPALIVE, MAX_MESSAGE};
use bytes::{Buf, Bytes};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::counters::Tally;
use super::outbox::Outbox;

/// A connection of the peer.
#[derive(Debug)]
pub(super) struct Link {
    /// Shared with readers of its figures, who never hold it for long.
    pub(super) stream: Arc<TcpStream>,
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) input: Input,
    /// The longest message the peer may send now.
    pub(super) max_message: usize,
    /// There from Established on.
    pub(super) outbox: Option<Outbox>,
    /// The size the read buffer should have, and how many small reads in a row it has seen.
    room: usize,
    small_reads: u8,
    partial: Bytes,
    control: VecDeque<Bytes>,
    batch: VecDeque<Bytes>,
}

/// What has been read and not been used.
#[derive(Default, Debug)]
pub(super) struct Input {
    pub(super) buffer: Vec<u8>,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What came of an attempt to read.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) enum Read {
    /// This many octets are new.
    Some(usize),
    /// Nothing for now.
    Nothing,
    /// The peer has closed its side.
    End,
}

impl Link {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        Ok(Self {
            local: stream.local_addr()?,
            remote: stream.peer_addr()?,
            stream: Arc::new(stream),
            input: Input { buffer: vec![0; HANDSHAKE_BUFFER], start: 0, end: 0 },
            max_message: MAX_MESSAGE,
            outbox: None,
            room: HANDSHAKE_BUFFER,
            small_reads: 0,
            partial: Bytes::new(),
            control: VecDeque::new(),
            batch: VecDeque::new(),
        })
    }

    /// The session on this connection is Established.
    pub(super) fn establish(&mut self, max_message: usize, outbox: Outbox) {
        self.max_message = max_message;
        self.outbox = Some(outbox);
    }

    /// Queues a frame of the state machine. One waiting KEEPALIVE says as much as two.
    pub(super) fn send(&mut self, frame: Bytes) {
        if frame[..] == KEEPALIVE && self.control.contains(&frame) {
            return;
        }
        self.control.push_back(frame);
    }

    /// No more UPDATEs: drops what the outbox and the batch hold. The rest of a frame that TCP
    /// took partly stays, or the peer could not find the next one.
    pub(super) fn seal(&mut self) {
        if let Some(outbox) = self.outbox.take() {
            outbox.close();
        }
        self.batch.clear();
    }

    /// Waits until there is something to read, or room to write if something waits.
    pub(super) async fn ready(&self) -> io::Result<()> {
        let interest = if self.wants_to_write() { READ_OR_WRITE } else { Interest::READABLE };
        self.stream.ready(interest).await.map(|_| ())
    }

    /// Whether something waits to be written.
    pub(super) fn wants_to_write(&self) -> bool {
        self.partial.has_remaining()
            || !self.control.is_empty()
            || !self.batch.is_empty()
            || self.outbox.as_ref().is_some_and(|outbox| outbox.queued_bytes() > 0)
    }

    /// Gives the connection up when the peer's TCP has taken nothing for so long (RFC 5482): later than
    /// the send hold timer, which says goodbye, and long before the kernel would by itself. That an option is
    /// refused costs the backstop, not the session.
    pub(super) fn set_user_timeout(&self, timeout: Duration) {
        if let Err(error) = SockRef::from(&*self.stream).set_tcp_user_timeout(Some(timeout)) {
            tracing::debug!(remote = %self.remote, %error, "no TCP user timeout");
        }
    }

    /// Reads once into the free part of the buffer.
    pub(super) fn read(&mut self) -> io::Result<Read> {
        let Input { buffer, start, end } = &mut self.input;
        buffer.copy_within(*start..*end, 0);
        (*start, *end) = (0, *end - *start);
        if *end + LEAST_READ > self.room {
            self.room = (self.room * 2).min(SESSION_BUFFER);
        }
        if buffer.len() != self.room && *end < self.room {
            buffer.resize(self.room, 0);
            buffer.shrink_to_fit();
        }
        match self.stream.try_read(&mut buffer[*end..]) {
            Ok(0) => Ok(Read::End),
            Ok(count) => {
                *end += count;
                let full = *end == buffer.len();
                self.adapt(count, full);
                Ok(Read::Some(count))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Read::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Chooses the size of the buffer for the next read.
    fn adapt(&mut self, count: usize, full: bool) {
        if full {
            (self.room, self.small_reads) = ((self.room * 2).min(SESSION_BUFFER), 0);
        } else if count * 8 > self.room || self.room <= HANDSHAKE_BUFFER {
            self.small_reads = 0;
        } else {
            self.small_reads += 1;
            if self.small_reads == SMALL_READS {
                (self.room, self.small_reads) = ((self.room / 2).max(HANDSHAKE_BUFFER), 0);
            }
        }
    }

    /// Writes what TCP takes, up to a budget that leaves time for reading. Returns whether a whole
    /// frame left.
    pub(super) fn flush(&mut self, tally: &Tally) -> io::Result<bool> {
        let (mut written, mut whole) = (0, false);
        while written < WRITE_BUDGET && self.wants_to_write() {
            if let Some(outbox) = &self.outbox {
                outbox.take(SLICES - self.batch.len(), &mut self.batch);
            }
            let mut slices = [IoSlice::new(&[]); SLICES];
            let mut used = 0;
            let partial = Some(&self.partial).filter(|partial| partial.has_remaining());
            let frames = partial.into_iter().chain(&self.control).chain(&self.batch);
            for (slice, frame) in slices.iter_mut().zip(frames) {
                *slice = IoSlice::new(frame);
                used += 1;
            }
            match self.stream.try_write_vectored(&slices[..used]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    written += count;
                    whole |= self.advance(count, tally);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(whole)
    }

    /// Takes `count` written octets off the queues. Returns whether a frame was finished.
    fn advance(&mut self, mut count: usize, tally: &Tally) -> bool {
        let mut whole = false;
        while count > 0 {
            if !self.partial.has_remaining() {
                let next = self.control.pop_front().or_else(|| self.batch.pop_front());
                self.partial = next.expect("no more is written than was given");
                tally.add_frames(&self.partial);
            }
            let step = count.min(self.partial.remaining());
            self.partial.advance(step);
            count -= step;
            whole |= !self.partial.has_remaining();
        }
        whole
    }
}

/// The most frames in one system call.
const SLICES: usize = 64;
/// Octets written before reading gets its turn.
const WRITE_BUDGET: usize = 1 << 20;
/// The smallest buffer: twice the largest message of a handshake.
const HANDSHAKE_BUFFER: usize = 2 * MAX_MESSAGE;
/// The largest buffer, and so the largest read.
const SESSION_BUFFER: usize = 256 << 10;
/// Room for new octets that a read should find at least.
const LEAST_READ: usize = MAX_MESSAGE;
/// Reads of less than an eighth of the buffer, one after the other, that halve it.
const SMALL_READS: u8 = 16;
const READ_OR_WRITE: Interest = Interest::READABLE.add(Interest::WRITABLE);
