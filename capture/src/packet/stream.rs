//! One direction of a TCP connection: segments in any order, messages in order.
//!
//! What for: a capture shows segments as the wire had them: late, twice, overlapping, missing.
//! Where: two in each connection of [`flows`](super::flows).
//! How: octets lie in one buffer by sequence number; `smoltcp`'s `Assembler`, which keeps the same
//! account in that TCP stack, says which ranges beyond the contiguous front are there. It is small,
//! fuzzed, permissive and does nothing else; the complete reassembly crates either keep whole
//! streams, want to drive the capture themselves, or are not maintained. On the contiguous front
//! works [`framing`] (or BMP's). A hole that will not be filled is told as a gap, and the next marker
//! is looked for behind it. Of octets sent twice the first copy counts once it is contiguous.
//! Invariants: the buffer holds at most [`WINDOW`] octets ([`MAX_BMP`] more for BMP) and the assembler
//! 32 ranges; a hole is given up when either is exceeded, after [`PATIENCE`] further segments, when
//! the capture is known to lack it, or at the end of the connection.
//! References: RFC 9293 (sequence numbers), RFC 4271 section 4.1.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::ops::Range;

use smoltcp::storage::Assembler;

use crate::bmp::{self, BmpCut, MAX_BMP};
use crate::framing::{Cut, cut, is_header};
use crate::item::Item;
use crate::raw::{gap, message};
use crate::record::{
    Container, Endpoint, GapReason, Origin, Record, StateKind, StateRecord, Timestamp,
};

/// Octets from the oldest one not handed out to the newest, at most.
pub(super) const WINDOW: usize = 256 * 1024;
/// Segments that may arrive while a hole stays open.
const PATIENCE: u32 = 256;
/// Octets that may turn out to begin a BMP message, kept while looking for one.
const BMP_LOOK: usize = 26;

/// What the connection carries.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(super) enum Protocol {
    Bgp,
    Bmp,
}

/// The direction.
#[derive(Debug)]
pub(super) struct Stream {
    from: Endpoint,
    to: Endpoint,
    protocol: Protocol,
    /// Sequence number of the SYN, once seen.
    isn: Option<u32>,
    /// The SYN had a payload.
    syn_data: bool,
    /// Sequence number of the buffer's first octet.
    base: Option<u32>,
    buffer: Vec<u8>,
    /// Octets handed out or skipped.
    start: usize,
    /// Octets that are there without hole.
    ready: usize,
    /// What is there beyond `ready`.
    ranges: Assembler,
    waiting: u32,
    /// The capture lacks the next octets for certain.
    lacking: bool,
    give_up: bool,
    /// A segment that does not fit before a hole is given up.
    stash: Option<(u32, Vec<u8>)>,
    /// Sequence number behind the last octet.
    fin: Option<u32>,
    closing: Option<GapReason>,
    done: bool,
    skipped: Option<(GapReason, u64)>,
    queue: VecDeque<Item>,
    problem: Option<&'static str>,
    /// Told when all before it is.
    last_words: Option<Item>,
    origin: Origin,
    time: Option<Timestamp>,
}

impl Stream {
    pub(super) fn new(from: SocketAddr, to: SocketAddr, protocol: Protocol) -> Self {
        let end = |a: SocketAddr| Endpoint { addr: Some(a.ip()), port: Some(a.port()), asn: None };
        Self {
            from: end(from),
            to: end(to),
            protocol,
            isn: None,
            syn_data: false,
            base: None,
            buffer: Vec::new(),
            start: 0,
            ready: 0,
            ranges: Assembler::new(),
            waiting: 0,
            lacking: false,
            give_up: false,
            stash: None,
            fin: None,
            closing: None,
            done: false,
            skipped: None,
            queue: VecDeque::new(),
            problem: None,
            last_words: None,
            origin: Origin { at: 0, number: 0, container: Container::Packet },
            time: None,
        }
    }

    pub(super) fn chunk(&self) -> &[u8] {
        &self.buffer
    }

    pub(super) fn held(&self) -> usize {
        self.buffer.capacity()
    }

    pub(super) const fn is_done(&self) -> bool {
        self.done
    }

    pub(super) const fn is_begun(&self) -> bool {
        self.base.is_some()
    }

    pub(super) const fn has_fin(&self) -> bool {
        self.fin.is_some()
    }

    /// Whether a SYN of this sequence number belongs to what was seen before.
    pub(super) fn is_own_syn(&self, seq: u32) -> bool {
        match self.isn {
            Some(isn) => isn == seq,
            None => self.start == 0 && self.base == Some(seq.wrapping_add(1)),
        }
    }

    /// How far ahead of the contiguous octets `seq` is.
    pub(super) fn ahead(&self, seq: u32) -> Option<i32> {
        let next = self.base?.wrapping_add(low_half(self.ready));
        Some(seq.wrapping_sub(next).cast_signed())
    }

    /// Where and when the segment that is pushed next was seen.
    pub(super) fn seen(&mut self, origin: Origin, time: Option<Timestamp>) {
        (self.origin, self.time) = (origin, time);
    }

    /// A SYN, with or without payload.
    pub(super) fn open(&mut self, seq: u32, has_data: bool) {
        self.isn = Some(seq);
        self.syn_data = has_data;
        self.base.get_or_insert_with(|| seq.wrapping_add(1));
    }

    /// The end of the stream lies before `seq`.
    pub(super) fn end_at(&mut self, seq: u32) {
        if self.fin.is_none() {
            self.fin = Some(seq);
            self.base.get_or_insert(seq);
            self.last_words = Some(self.event(StateKind::TcpClosed));
        }
    }

    /// Nothing more will come.
    pub(super) fn close(&mut self, reason: GapReason) {
        self.closing.get_or_insert(reason);
    }

    /// Tells `item` when all before it is.
    pub(super) fn end_with(&mut self, item: Item) {
        self.last_words = Some(item);
    }

    /// Where the packet lies that was seen last.
    pub(super) const fn offset(&self) -> u64 {
        self.origin.at
    }

    /// An event of the connection, seen from this side.
    pub(super) fn event(&self, kind: StateKind) -> Item {
        let record = StateRecord {
            origin: self.origin,
            time: self.time,
            remote: self.from,
            local: self.to,
            kind,
            data: &[],
            bmp: None,
        };
        Item::new(Record::State(record), 0..0)
    }

    /// Tells `item` before anything else.
    pub(super) fn tell(&mut self, item: Item) {
        self.queue.push_back(item);
    }

    /// Octets of a segment; `missing` more were sent behind them and not captured.
    pub(super) fn push(&mut self, seq: u32, payload: &[u8], missing: usize) {
        if self.done || (payload.is_empty() && missing == 0) {
            return;
        }
        self.place(seq, payload);
        let end = seq.wrapping_add(low_half(payload.len().saturating_add(missing)));
        if missing > 0 && self.ahead(end).is_some_and(|ahead| ahead > 0) {
            self.lacking = true;
        }
    }

    /// Gives back memory once nothing more is expected.
    pub(super) fn release(&mut self) {
        if self.done || self.start == self.buffer.len() {
            self.drop_front();
            if self.buffer.is_empty() || self.done {
                self.buffer = Vec::new();
                (self.start, self.ready) = (0, 0);
                if self.done {
                    self.base = self.fin.or(self.base);
                }
            }
        }
    }

    fn drop_front(&mut self) {
        if self.start > 0 {
            self.buffer.drain(..self.start.min(self.buffer.len()));
            self.base = self.base.map(|b| b.wrapping_add(low_half(self.start)));
            self.ready = self.ready.saturating_sub(self.start);
            self.start = 0;
        }
    }

    fn place(&mut self, seq: u32, payload: &[u8]) {
        self.drop_front();
        self.base.get_or_insert(seq);
        // Sessions written by tools: a SYN with payload that was not counted itself.
        if self.syn_data && self.ahead(seq) == Some(-1) && self.ready == 0 && is_header(payload) {
            self.base = Some(seq);
        }
        let Some(ahead) = self.ahead(seq) else { return };
        // Negative: sent before, at least in part.
        let (at, old) = if ahead < 0 {
            (0, usize::try_from(ahead.unsigned_abs()).unwrap_or(usize::MAX))
        } else {
            (usize::try_from(ahead).unwrap_or(usize::MAX), 0)
        };
        let Some(fresh) = payload.get(old..).filter(|f| !f.is_empty()) else { return };
        let from = self.ready.saturating_add(at);
        let to = from.saturating_add(fresh.len());
        let window = match self.protocol {
            Protocol::Bgp => WINDOW,
            Protocol::Bmp => WINDOW.saturating_add(MAX_BMP),
        };
        let placed = if to > window {
            None
        } else {
            self.ranges.add_then_remove_front(at, fresh.len()).ok()
        };
        let Some(joined) = placed else {
            let seq = seq.wrapping_add(low_half(old));
            self.stash = Some((seq, fresh.to_vec()));
            self.give_up = true;
            return;
        };
        if self.buffer.len() < to {
            self.buffer.resize(to, 0);
        }
        if let Some(room) = self.buffer.get_mut(from..to) {
            room.copy_from_slice(fresh);
        }
        self.ready = self.ready.saturating_add(joined);
        if self.ranges.is_empty() {
            (self.waiting, self.lacking) = (0, false);
        } else {
            self.waiting = if joined > 0 { 0 } else { self.waiting.saturating_add(1) };
            self.give_up |= self.lacking || self.waiting > PATIENCE;
        }
    }

    /// The next item, spans in [`chunk`](Self::chunk).
    ///
    /// # Errors
    /// A BMP message that does not fit its type.
    pub(super) fn step(&mut self) -> Result<Option<Item>, &'static str> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Ok(Some(item));
            }
            if let Some(problem) = self.problem.take() {
                return Err(problem);
            }
            let front = self.buffer.get(self.start..self.ready).unwrap_or_default();
            let next = match self.protocol {
                Protocol::Bgp => cut(front),
                Protocol::Bmp => cut_bmp(front),
            };
            match next {
                Cut::Skip(count, reason) => {
                    let (reason, before) = self.skipped.unwrap_or((reason, 0));
                    self.skipped = Some((reason, before.saturating_add(count as u64)));
                    self.start = self.start.saturating_add(count).min(self.ready);
                }
                Cut::Message(length) => {
                    if let Some((reason, octets)) = self.skipped.take() {
                        return Ok(Some(self.gap(reason, octets, 0..0)));
                    }
                    let end = self.start.saturating_add(length);
                    let span = self.start..end;
                    self.start = end;
                    match self.protocol {
                        Protocol::Bgp => return Ok(Some(self.message(span))),
                        Protocol::Bmp => self.open_bmp(span),
                    }
                }
                Cut::More(need) => match self.idle(need) {
                    Idle::Item(item) => return Ok(Some(item)),
                    Idle::Again => {}
                    Idle::Nothing => return Ok(None),
                },
            }
        }
    }

    /// Nothing in order is left but the beginning of a message that needs `need` octets.
    fn idle(&mut self, need: usize) -> Idle {
        if self.fin.and_then(|fin| self.ahead(fin)) == Some(0) {
            self.closing.get_or_insert(GapReason::Truncated);
        }
        let give_up = std::mem::take(&mut self.give_up);
        if (give_up || self.closing.is_some()) && !self.ranges.is_empty() {
            return Idle::Item(self.jump_hole());
        }
        if give_up && let Some((seq, _)) = &self.stash {
            // Beyond the window with nothing between: go on there.
            let seq = *seq;
            let lost = self.ahead(seq).map_or(0, i32::unsigned_abs);
            let item = self.lost(lost.into());
            self.start = self.ready;
            self.base = Some(seq.wrapping_sub(low_half(self.ready)));
            return Idle::Item(item);
        }
        if let Some((seq, octets)) = self.stash.take() {
            self.place(seq, &octets);
            return Idle::Again;
        }
        let Some(reason) = self.closing else { return Idle::Nothing };
        let span = self.start..self.ready;
        if !span.is_empty() {
            self.start = self.ready;
            let reason = if self.lacking { GapReason::Lost } else { reason };
            let before = self.skipped.take().map_or(0, |(_, octets)| octets);
            let missing = need.saturating_sub(span.len()) as u64;
            return Idle::Item(self.gap(reason, before.saturating_add(missing), span));
        }
        if let Some((reason, octets)) = self.skipped.take() {
            return Idle::Item(self.gap(reason, octets, 0..0));
        }
        self.done = true;
        self.last_words.take().map_or(Idle::Nothing, Idle::Item)
    }

    /// Gives up the first hole: what was before it is a cut message.
    fn jump_hole(&mut self) -> Item {
        let hole = self.ranges.iter_data().next().map_or(0, |(from, _)| from);
        let item = self.lost(hole as u64);
        self.start = self.ready.saturating_add(hole);
        // Filling the hole joins it to the range behind it; a range less never is one too many.
        let joined = self.ranges.add_then_remove_front(0, hole).unwrap_or(hole);
        self.ready = self.ready.saturating_add(joined);
        (self.waiting, self.lacking) = (0, false);
        item
    }

    fn lost(&mut self, octets: u64) -> Item {
        let before = self.skipped.take().map_or(0, |(_, octets)| octets);
        self.gap(GapReason::Lost, before.saturating_add(octets), self.start..self.ready)
    }

    fn gap(&self, reason: GapReason, octets: u64, span: Range<usize>) -> Item {
        let mut record = gap(self.origin, reason, octets);
        if let Record::Gap(g) = &mut record {
            (g.time, g.from, g.to) = (self.time, self.from, self.to);
        }
        Item::new(record, span)
    }

    fn message(&self, span: Range<usize>) -> Item {
        let mut m = message(self.origin);
        (m.time, m.from, m.to) = (self.time, self.from, self.to);
        Item::message(m, span)
    }

    fn open_bmp(&mut self, span: Range<usize>) {
        let at = span.start;
        let octets = self.buffer.get(span).unwrap_or_default();
        let kind = octets.get(5).copied().unwrap_or_default();
        let origin = Origin { container: Container::Bmp { kind }, ..self.origin };
        let before = self.queue.len();
        self.problem = bmp::items(octets, origin, self.time, &mut self.queue).err();
        for item in self.queue.iter_mut().skip(before) {
            *item = item.clone().shifted(at);
        }
    }
}

enum Idle {
    Item(Item),
    Again,
    Nothing,
}

fn cut_bmp(bytes: &[u8]) -> Cut {
    match bmp::cut(bytes) {
        BmpCut::Message(length, _) => Cut::Message(length),
        BmpCut::More(need) => Cut::More(need),
        BmpCut::TooLong(_) | BmpCut::Bad(_) => {
            let starts = |&at: &usize| bytes.get(at..).is_some_and(bmp::is_start);
            let kept = bytes.len().saturating_sub(BMP_LOOK).max(1);
            let count = (1..kept).find(starts).unwrap_or(kept);
            Cut::Skip(count, GapReason::NoMarker)
        }
    }
}

/// Sequence numbers count modulo 2^32.
fn low_half(count: usize) -> u32 {
    u32::try_from(count & 0xffff_ffff).unwrap_or_default()
}
