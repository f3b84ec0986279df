//! BMP: a router's account of its sessions.
//!
//! What for: a file with the octets of a BMP session, or such a session within a capture.
//! Where: [`BmpFile`] is a format of [`Reader`](crate::Reader); `tcp` uses [`cut`] and [`items`].
//! How: each BMP message becomes zero or more items: the BGP messages inside, and an event for
//! what is none. Peer Up gives the event, then the OPEN that was sent, then the one received.
//! Invariants: a BMP message has at most [`MAX_BMP`] octets, hence no more than 60,000 items; every
//! per-peer header field reaches the records.
//! References: RFC 7854 (section 4), RFC 8671 (Adj-RIB-Out), RFC 9069 (Loc-RIB).
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::collections::VecDeque;

use crate::error::Error;
use crate::format::Format;
use crate::framing::{self, Cut};
use crate::item::Item;
use crate::octets::Octets;
use crate::raw::gap;
use crate::record::{
    BmpPeer, BmpView, Container, Endpoint, GapReason, MessageRecord, Origin, Record, StateKind,
    StateRecord, Timestamp,
};
use crate::source::Source;

/// Longest BMP message that is read, in octets. The format allows 4 GiB; the longest real ones
/// mirror a few extended messages.
pub(crate) const MAX_BMP: usize = 1 << 20;
/// Length of the common header, in octets.
pub(crate) const COMMON: usize = 6;
const PER_PEER: usize = 42;

/// What is at the front of a run of octets.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum BmpCut {
    /// A BMP message of so many octets and this type.
    Message(usize, u8),
    /// So many octets are needed to tell more.
    More(usize),
    /// Longer than [`MAX_BMP`].
    TooLong(usize),
    /// No BMP here.
    Bad(&'static str),
}

/// Looks at the front of `bytes`.
pub(crate) fn cut(bytes: &[u8]) -> BmpCut {
    let mut o = Octets::new(bytes);
    let (Some(version), Some(length), Some(kind)) = (o.u8(), o.u32(), o.u8()) else {
        return match bytes.first() {
            Some(version) if *version != 3 => BmpCut::Bad("the version is not 3"),
            _ => BmpCut::More(COMMON),
        };
    };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if version != 3 {
        BmpCut::Bad("the version is not 3")
    } else if length < COMMON {
        BmpCut::Bad("a length below 6")
    } else if length > MAX_BMP {
        BmpCut::TooLong(length)
    } else if length > bytes.len() {
        BmpCut::More(length)
    } else {
        BmpCut::Message(length, kind)
    }
}

/// Whether `bytes` begins with a BMP message whose fields all make sense.
pub(crate) fn is_start(bytes: &[u8]) -> bool {
    let mut o = Octets::new(bytes);
    let (Some(3), Some(length), Some(kind)) = (o.u8(), o.u32(), o.u8()) else { return false };
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > MAX_BMP {
        return false;
    }
    match kind {
        // Per-peer header: known type, address padded as its flag says.
        0..=3 | 6 => {
            let head = o.u8().zip(o.u8());
            let padding = o.take(8).and_then(|_distinguisher| o.take(12));
            matches!((head, padding), (Some((kind, flags)), Some(pad))
                if length >= COMMON.saturating_add(PER_PEER)
                    && kind <= 3
                    && (kind == 3 || flags & 0x80 != 0 || pad.iter().all(|&b| b == 0)))
        }
        // Information TLVs: known type, within the message.
        4 | 5 => match (o.u16(), o.u16()) {
            (Some(kind), Some(tlv)) => kind <= 4 && usize::from(tlv).saturating_add(10) <= length,
            _ => length == COMMON,
        },
        _ => false,
    }
}

/// The per-peer header, read.
struct PerPeer {
    peer: BmpPeer,
    remote: Endpoint,
    six: bool,
    as4: bool,
    time: Option<Timestamp>,
}

impl PerPeer {
    fn read(o: &mut Octets<'_>) -> Option<Self> {
        let (kind, flags, distinguisher) = (o.u8()?, o.u8()?, o.eight()?);
        let loc_rib = kind == 3;
        let six = !loc_rib && flags & 0x80 != 0;
        let addr = address(o, six)?;
        let (asn, id, secs, micros) = (o.asn(true)?, o.ipv4()?, o.u32()?, o.u32()?);
        let view = if loc_rib {
            BmpView::LocRib { filtered: flags & 0x80 != 0 }
        } else {
            match (flags & 0x10 != 0, flags & 0x40 != 0) {
                (false, false) => BmpView::AdjRibInPre,
                (false, true) => BmpView::AdjRibInPost,
                (true, false) => BmpView::AdjRibOutPre,
                (true, true) => BmpView::AdjRibOutPost,
            }
        };
        let unspecified = addr.is_unspecified();
        Some(Self {
            peer: BmpPeer { kind, distinguisher, id, view },
            remote: Endpoint { addr: (!unspecified).then_some(addr), port: None, asn: Some(asn) },
            six,
            as4: loc_rib || flags & 0x20 == 0,
            // Zero says that the router does not know (RFC 7854 section 4.2).
            time: (secs != 0).then(|| Timestamp::from_micros(secs, micros)),
        })
    }

    fn state(&self, origin: Origin, local: Endpoint, kind: StateKind) -> Record<'static> {
        let (time, remote, bmp) = (self.time, self.remote, Some(self.peer));
        Record::State(StateRecord { origin, time, remote, local, kind, data: &[], bmp })
    }

    fn message(&self, origin: Origin, from: Endpoint, to: Endpoint) -> MessageRecord<'static> {
        MessageRecord {
            origin,
            time: self.time,
            from,
            to,
            bytes: &[],
            as4: Some(self.as4),
            add_path: None,
            bmp: Some(self.peer),
        }
    }

    /// Who sent what the view shows.
    fn direction(&self) -> (Endpoint, Endpoint) {
        match self.peer.view {
            BmpView::AdjRibOutPre | BmpView::AdjRibOutPost => (Endpoint::default(), self.remote),
            _ => (self.remote, Endpoint::default()),
        }
    }
}

/// A field of sixteen octets that holds an IPv4 address in its last four.
fn address(o: &mut Octets<'_>, six: bool) -> Option<std::net::IpAddr> {
    if !six {
        o.take(12)?;
    }
    o.addr(six)
}

/// The items of one whole BMP message; spans count from its first octet.
///
/// # Errors
/// What does not fit; the items before it are in `out`.
pub(crate) fn items(
    message: &[u8],
    origin: Origin,
    seen: Option<Timestamp>,
    out: &mut VecDeque<Item>,
) -> Result<(), &'static str> {
    const SHORT: &str = "the message is shorter than its fixed fields";
    let mut o = Octets::starting(message, 5);
    let kind = o.u8().ok_or(SHORT)?;
    let sessionless = match kind {
        0..=3 | 6 => None,
        4 => Some(StateKind::BmpInitiation),
        5 => Some(StateKind::BmpTermination),
        _ => Some(StateKind::BmpUnknown),
    };
    if let Some(kind) = sessionless {
        let record = StateRecord {
            origin,
            time: seen,
            remote: Endpoint::default(),
            local: Endpoint::default(),
            kind,
            data: &[],
            bmp: None,
        };
        out.push_back(Item::new(Record::State(record), o.rest_span()));
        return Ok(());
    }
    let mut per_peer = PerPeer::read(&mut o).ok_or(SHORT)?;
    per_peer.time = per_peer.time.or(seen);
    let per_peer = per_peer;
    let (from, to) = per_peer.direction();
    match kind {
        0 => {
            while !o.rest().is_empty() {
                out.push_back(one(&mut o, per_peer.message(origin, from, to)));
            }
            Ok(())
        }
        1 => {
            let record = per_peer.state(origin, Endpoint::default(), StateKind::BmpStatistics);
            out.push_back(Item::new(record, o.rest_span()));
            Ok(())
        }
        2 => {
            let reason = o.u8().ok_or("a Peer Down without reason")?;
            let down = StateKind::BmpPeerDown { reason };
            let record = per_peer.state(origin, Endpoint::default(), down);
            // Reason 1: the router sent a NOTIFICATION; 3: it received one.
            let (from, to) = match reason {
                1 => (Endpoint::default(), per_peer.remote),
                3 => (per_peer.remote, Endpoint::default()),
                _ => {
                    out.push_back(Item::new(record, o.rest_span()));
                    return Ok(());
                }
            };
            out.push_back(Item::new(record, 0..0));
            if o.rest().is_empty() {
                return Err("a Peer Down without its NOTIFICATION");
            }
            out.push_back(one(&mut o, per_peer.message(origin, from, to)));
            left(&o)
        }
        3 => {
            let addr = address(&mut o, per_peer.six).ok_or(SHORT)?;
            let (local_port, remote_port) = o.u16().zip(o.u16()).ok_or(SHORT)?;
            let port = |p: u16| (p != 0).then_some(p);
            let local = Endpoint {
                addr: (!addr.is_unspecified()).then_some(addr),
                port: port(local_port),
                asn: None,
            };
            let per_peer = PerPeer {
                remote: Endpoint { port: port(remote_port), ..per_peer.remote },
                ..per_peer
            };
            let sent = one(&mut o, per_peer.message(origin, local, per_peer.remote));
            let received = one(&mut o, per_peer.message(origin, per_peer.remote, local));
            let up = per_peer.state(origin, local, StateKind::BmpPeerUp);
            out.extend([Item::new(up, o.rest_span()), sent, received]);
            Ok(())
        }
        _ => mirrored(&mut o, &per_peer, origin, out),
    }
}

/// Route Mirroring: TLVs of messages and of information.
fn mirrored(
    o: &mut Octets<'_>,
    per_peer: &PerPeer,
    origin: Origin,
    out: &mut VecDeque<Item>,
) -> Result<(), &'static str> {
    const TLV: &str = "a Route Mirroring TLV ends outside the message";
    let (from, to) = per_peer.direction();
    while !o.rest().is_empty() {
        let (kind, length) = o.u16().zip(o.u16()).ok_or(TLV)?;
        let start = o.position();
        let value = o.take(usize::from(length)).ok_or(TLV)?;
        let mut value = Octets::new(value);
        match kind {
            0 => {
                let message = per_peer.message(origin, from, to);
                out.push_back(one(&mut value, message).shifted(start));
                left(&value)?;
            }
            1 => {
                let code = value.u16().ok_or("Route Mirroring information without code")?;
                let kind = StateKind::BmpMirroring { code };
                out.push_back(Item::new(per_peer.state(origin, Endpoint::default(), kind), 0..0));
                left(&value)?;
            }
            _ => return Err("a Route Mirroring TLV of unknown type"),
        }
    }
    Ok(())
}

/// The BGP message at the front, or all that is left as a gap.
fn one(o: &mut Octets<'_>, message: MessageRecord<'static>) -> Item {
    let (reason, octets) = match framing::cut(o.rest()) {
        Cut::Message(length) => {
            if let Some(span) = o.span(length) {
                return Item::message(message, span);
            }
            (GapReason::Truncated, 0)
        }
        Cut::More(need) => (GapReason::Truncated, need.saturating_sub(o.rest().len()) as u64),
        Cut::Skip(_, reason) => (reason, 0),
    };
    let mut record = gap(message.origin, reason, octets);
    if let Record::Gap(g) = &mut record {
        (g.time, g.from, g.to) = (message.time, message.from, message.to);
    }
    let span = o.rest_span();
    o.take(span.len());
    Item::new(record, span)
}

fn left(o: &Octets<'_>) -> Result<(), &'static str> {
    if o.rest().is_empty() { Ok(()) } else { Err("octets are left after the last field") }
}

/// State of the reader of a BMP file.
#[derive(Debug, Default)]
pub(crate) struct BmpFile {
    /// Length of the message at the front of the window that `queue` is about.
    taken: usize,
    queue: VecDeque<Item>,
    /// Told after the items that were found before it.
    problem: Option<Error>,
    number: u64,
}

impl BmpFile {
    pub(crate) fn step(&mut self, source: &mut Source) -> Result<Option<Item>, Error> {
        const WHAT: &str = "BMP message";
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Ok(Some(item));
            }
            source.consume(std::mem::take(&mut self.taken));
            if let Some(problem) = self.problem.take() {
                return Err(problem);
            }
            let at = source.offset();
            match cut(source.bytes()) {
                BmpCut::Message(length, kind) => {
                    self.number = self.number.saturating_add(1);
                    self.taken = length;
                    let container = Container::Bmp { kind };
                    let origin = Origin { at, number: self.number, container };
                    let message = source.bytes().get(..length).unwrap_or_default();
                    if let Err(problem) = items(message, origin, None, &mut self.queue) {
                        self.problem = Some(Error::Malformed { at, what: WHAT, problem });
                    }
                }
                BmpCut::More(need) => match source.fill(need) {
                    0 => return Ok(None),
                    have if have >= need => {}
                    _ => return Err(source.shortfall(WHAT, need)),
                },
                BmpCut::TooLong(length) => {
                    let (length, max) = (length as u64, MAX_BMP as u64);
                    return Err(Error::TooLong {
                        at,
                        what: WHAT,
                        length,
                        max,
                        format: Format::Bmp,
                    });
                }
                BmpCut::Bad(problem) => {
                    return Err(Error::Broken { at, what: WHAT, problem, format: Format::Bmp });
                }
            }
        }
    }
}
