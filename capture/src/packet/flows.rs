//! TCP connections of a capture that carry BGP or BMP.
//!
//! What for: a capture mixes many connections; each needs its two streams.
//! Where: [`Packets`](super::Packets) pushes segments and takes items.
//! How: a table by address and port of both ends. A connection is of interest when a port says so
//! (179, or one given), or as soon as a segment begins with a BGP header or a BMP message. A SYN with a
//! new sequence number, or a message far from the window, is a new connection on the same ports. A
//! closed connection stays as a small mark, so that late copies of its segments are not taken for
//! a new one.
//! Invariants: at most [`MAX_FLOWS`] connections and [`MAX_HELD`] octets of buffers; the connection not
//! seen for the longest time is forgotten first, and what it still held is told as a gap.
//! References: RFC 9293.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;

use super::link::Segment;
use super::stream::{Protocol, Stream};
use crate::bmp;
use crate::framing::is_header;
use crate::item::Item;
use crate::reader::Options;
use crate::record::{GapReason, Origin, StateKind, Timestamp};

const BGP: u16 = 179;
/// Connections kept.
const MAX_FLOWS: usize = 4096;
/// Octets of buffers kept for connections that wait for more.
const MAX_HELD: usize = 64 << 20;
/// Octets from what is expected, beyond which a segment cannot be of the same connection.
const FAR: u32 = 4 << 20;

type Key = (SocketAddr, SocketAddr);

#[derive(Debug)]
struct Flow {
    key: Key,
    /// From the lower end of the key, and from the higher.
    streams: [Stream; 2],
    /// The stream that gave the last item.
    last: bool,
    tick: u64,
    held: usize,
}

/// The table.
#[derive(Debug)]
pub(super) struct Flows {
    bgp_port: Option<u16>,
    bmp_port: Option<u16>,
    table: HashMap<Key, Box<Flow>>,
    /// Keys by when they were last seen.
    order: BTreeMap<u64, Key>,
    tick: u64,
    held: usize,
    /// Connections that have items to give, and whether they stay.
    work: VecDeque<(Box<Flow>, bool)>,
    current: Option<(Box<Flow>, bool)>,
    notes: VecDeque<Item>,
}

impl Flow {
    fn new(key: Key, protocol: Protocol) -> Box<Self> {
        let (low, high) = key;
        Box::new(Self {
            key,
            streams: [Stream::new(low, high, protocol), Stream::new(high, low, protocol)],
            last: false,
            tick: 0,
            held: 0,
        })
    }

    fn stream(&mut self, high: bool) -> &mut Stream {
        let [low_stream, high_stream] = &mut self.streams;
        if high { high_stream } else { low_stream }
    }

    fn close(&mut self, reason: GapReason) {
        for stream in &mut self.streams {
            stream.close(reason);
        }
    }

    fn step(&mut self) -> Result<Option<Item>, &'static str> {
        for high in [false, true] {
            self.last = high;
            if let Some(item) = self.stream(high).step()? {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }
}

impl Flows {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            bgp_port: options.bgp_port,
            bmp_port: options.bmp_port,
            table: HashMap::new(),
            order: BTreeMap::new(),
            tick: 0,
            held: 0,
            work: VecDeque::new(),
            current: None,
            notes: VecDeque::new(),
        }
    }

    pub(super) fn chunk(&self) -> &[u8] {
        self.current.as_ref().map_or(&[], |(flow, _)| {
            let [low, high] = &flow.streams;
            if flow.last { high.chunk() } else { low.chunk() }
        })
    }

    /// Tells `item` as it is.
    pub(super) fn note(&mut self, item: Item) {
        self.notes.push_back(item);
    }

    /// What the ports say of a connection.
    fn by_port(&self, segment: &Segment<'_>) -> Option<Protocol> {
        let ports = [segment.from.port(), segment.to.port()];
        let is = |port: Option<u16>| port.is_some_and(|p| ports.contains(&p));
        if is(self.bmp_port) {
            Some(Protocol::Bmp)
        } else if is(self.bgp_port) || is(Some(BGP)) {
            Some(Protocol::Bgp)
        } else {
            None
        }
    }

    /// Takes a segment; [`step`](Self::step) must have given `None` before.
    pub(super) fn push(&mut self, origin: Origin, time: Option<Timestamp>, s: &Segment<'_>) {
        let high = s.from > s.to;
        let key = if high { (s.to, s.from) } else { (s.from, s.to) };
        let content = protocol_of(s.payload);
        let known = self.take(&key);
        let is_new = known.is_none();
        let by_port = self.by_port(s);
        let Some(protocol) = by_port.or(content) else {
            // Not of interest, unless it was before.
            if let Some(flow) = known {
                self.advance(flow, false, high, origin, time, s);
            }
            return;
        };
        let mut flow = match known {
            Some(flow) => flow,
            // An acknowledgment or an end alone tells nothing.
            None if s.payload.is_empty() && s.missing == 0 && !s.syn => return,
            None => Flow::new(key, protocol),
        };
        let stream = flow.stream(high);
        let begun = if s.syn {
            let used = if s.ack { stream.is_begun() } else { !is_new };
            used && !stream.is_own_syn(s.seq)
        } else {
            content.is_some()
                && stream.ahead(s.seq).is_some_and(|ahead| {
                    ahead.unsigned_abs() > FAR || (stream.is_done() && ahead > 0)
                })
        };
        if begun {
            let mut old = std::mem::replace(&mut flow, Flow::new(key, protocol));
            old.close(GapReason::Truncated);
            self.work.push_back((old, false));
        }
        let opened = s.syn && !s.ack && (begun || is_new);
        self.advance(flow, opened, high, origin, time, s);
    }

    fn advance(
        &mut self,
        mut flow: Box<Flow>,
        opened: bool,
        high: bool,
        origin: Origin,
        time: Option<Timestamp>,
        s: &Segment<'_>,
    ) {
        let stream = flow.stream(high);
        stream.seen(origin, time);
        if s.syn {
            stream.open(s.seq, !s.payload.is_empty());
        }
        if opened {
            let event = stream.event(StateKind::TcpOpened);
            stream.tell(event);
        }
        let first = s.seq.wrapping_add(u32::from(s.syn));
        if s.rst {
            // The payload of a reset is a text for people, if anything (RFC 9293 section 3.5.3).
            if !stream.is_done() {
                let event = stream.event(StateKind::TcpReset);
                // The streams give what they hold in this order, so the reset is told behind it.
                flow.stream(true).end_with(event);
                flow.close(GapReason::Truncated);
                self.work.push_back((flow, true));
                return;
            }
        } else {
            stream.push(first, s.payload, s.missing);
        }
        if s.fin {
            let length = s.payload.len().saturating_add(s.missing);
            stream.end_at(first.wrapping_add(u32::try_from(length).unwrap_or_default()));
        }
        if flow.streams.iter().all(Stream::has_fin) {
            flow.close(GapReason::Truncated);
        }
        self.work.push_back((flow, true));
    }

    /// The next item, spans in [`chunk`](Self::chunk).
    ///
    /// # Errors
    /// A BMP message that does not fit its type, with the offset of its last packet.
    pub(super) fn step(&mut self) -> Result<Option<Item>, (u64, &'static str)> {
        loop {
            if let Some(item) = self.notes.pop_front() {
                return Ok(Some(item));
            }
            if self.current.is_none() {
                self.current = self.work.pop_front();
            }
            let Some((flow, _)) = &mut self.current else { return Ok(None) };
            match flow.step() {
                Ok(Some(item)) => return Ok(Some(item)),
                Ok(None) => {
                    if let Some((flow, true)) = self.current.take() {
                        self.keep(flow);
                    }
                }
                Err(problem) => {
                    let at = flow.stream(flow.last).offset();
                    return Err((at, problem));
                }
            }
        }
    }

    /// The capture is at its end: every connection gives what it holds.
    pub(super) fn finish(&mut self) {
        let order = std::mem::take(&mut self.order);
        for key in order.into_values() {
            if let Some(mut flow) = self.table.remove(&key) {
                flow.close(GapReason::Truncated);
                self.work.push_back((flow, false));
            }
        }
        self.held = 0;
    }

    fn take(&mut self, key: &Key) -> Option<Box<Flow>> {
        let flow = self.table.remove(key)?;
        self.order.remove(&flow.tick);
        self.held = self.held.saturating_sub(flow.held);
        Some(flow)
    }

    fn keep(&mut self, mut flow: Box<Flow>) {
        for stream in &mut flow.streams {
            stream.release();
        }
        self.tick = self.tick.saturating_add(1);
        flow.tick = self.tick;
        flow.held = flow.streams.iter().map(Stream::held).fold(0, usize::saturating_add);
        self.held = self.held.saturating_add(flow.held);
        self.order.insert(flow.tick, flow.key);
        self.table.insert(flow.key, flow);
        while self.table.len() > MAX_FLOWS || self.held > MAX_HELD {
            let Some(key) = self.order.first_key_value().map(|(_, key)| *key) else { return };
            let Some(mut oldest) = self.take(&key) else { return };
            oldest.close(GapReason::Evicted);
            self.work.push_back((oldest, false));
        }
    }
}

/// What the first octets of a segment say.
fn protocol_of(payload: &[u8]) -> Option<Protocol> {
    if is_header(payload) {
        Some(Protocol::Bgp)
    } else if bmp::is_start(payload) {
        Some(Protocol::Bmp)
    } else {
        None
    }
}
