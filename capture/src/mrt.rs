//! MRT: the dumps of route collectors and routers.
//!
//! What for: tables (TABLE_DUMP, TABLE_DUMP_V2) and sessions (BGP4MP) from RIPE RIS, RouteViews,
//! BIRD, FRR, OpenBGPD.
//! Where: a format of [`Reader`](crate::Reader).
//! How: one record at a time lies at the front of the window. Session records become a few items in
//! a queue; a table record is walked entry by entry by a cursor, so that a table of a million routes
//! needs the memory of one record.
//! Invariants: a record has at most [`MAX_RECORD`] octets; a record that cannot be understood is told
//! and the next one is read; a length beyond the bound ends reading, since framing is lost.
//! References: RFC 6396, RFC 6397 (geo-location, skipped), RFC 8050 (path identifiers).
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

mod rib;
mod session;

use std::collections::VecDeque;

use crate::error::Error;
use crate::format::Format;
use crate::item::Item;
use crate::octets::Octets;
use crate::record::{Container, Endpoint, Origin, Peer, Record, StateKind, StateRecord, Timestamp};
use crate::source::Source;

/// Longest record that is read, in octets, header included. Real records stay under 1 MiB: a prefix
/// with a few thousand entries.
pub(crate) const MAX_RECORD: usize = 16 << 20;
const HEADER: usize = 12;
const WHAT: &str = "MRT record";

const TABLE_DUMP: u16 = 12;
const TABLE_DUMP_V2: u16 = 13;
const BGP4MP: u16 = 16;
const BGP4MP_ET: u16 = 17;

/// The common header, and where the record lies.
#[derive(Copy, Clone, Debug)]
struct Head {
    origin: Origin,
    time: Timestamp,
    subtype: u16,
}

/// State of the reader.
#[derive(Debug, Default)]
pub(crate) struct Mrt {
    /// Length of the record at the front of the window.
    taken: usize,
    queue: VecDeque<Item>,
    entries: Option<rib::Entries>,
    peers: Vec<Peer>,
    /// The NLRI of a TABLE_DUMP record, whose prefix is not in wire form.
    nlri: rib::Plain,
    number: u64,
}

/// Whether `head` begins with an MRT header whose fields all make sense.
pub(crate) fn is_start(head: &[u8]) -> bool {
    let mut o = Octets::new(head);
    let (Some(_time), Some(kind), Some(subtype), Some(length)) =
        (o.u32(), o.u16(), o.u16(), o.u32())
    else {
        return false;
    };
    let known = match kind {
        TABLE_DUMP => matches!(subtype, 1 | 2),
        TABLE_DUMP_V2 => matches!(subtype, 1..=12),
        BGP4MP | BGP4MP_ET => subtype <= 11,
        // OSPFv2, IS-IS, OSPFv3: valid dumps, though nothing here is for us.
        11 | 32 | 33 | 48 | 49 => subtype <= 1,
        _ => false,
    };
    known && usize::try_from(length).is_ok_and(|l| (4..=MAX_RECORD).contains(&l))
}

impl Mrt {
    pub(crate) fn step(&mut self, source: &mut Source) -> Result<Option<Item>, Error> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Ok(Some(item));
            }
            let record = source.bytes().get(..self.taken).unwrap_or_default();
            if let Some(entries) = &mut self.entries {
                let at = source.offset();
                match entries.next(record, &self.peers) {
                    Ok(Some(item)) => return Ok(Some(item)),
                    Ok(None) => self.entries = None,
                    Err((problem, goes_on)) => {
                        if !goes_on {
                            self.entries = None;
                        }
                        return Err(Error::Malformed { at, what: WHAT, problem });
                    }
                }
            }
            source.consume(std::mem::take(&mut self.taken));
            if !self.load(source)? {
                return Ok(None);
            }
            let at = source.offset();
            let record = source.bytes().get(..self.taken).unwrap_or_default();
            self.number = self.number.saturating_add(1);
            self.open(record, at).map_err(|problem| Error::Malformed {
                at,
                what: WHAT,
                problem,
            })?;
        }
    }

    /// Attaches the octets; `window` begins with the record.
    pub(crate) fn attach<'a>(&'a self, item: Item, window: &'a [u8]) -> Record<'a> {
        let plain = matches!(&item.record, Record::Route(r)
            if matches!(r.origin.container, Container::Mrt { kind: TABLE_DUMP, .. }));
        if plain { item.attach_with(window, self.nlri.octets()) } else { item.attach(window) }
    }

    /// Brings the next record to the front of the window; false at the end.
    fn load(&mut self, source: &mut Source) -> Result<bool, Error> {
        match source.fill(HEADER) {
            0 => return Ok(false),
            HEADER.. => {}
            _ => return Err(source.shortfall("MRT header", HEADER)),
        }
        let length = Octets::starting(source.bytes(), 8).u32().unwrap_or_default();
        let whole = usize::try_from(length).unwrap_or(usize::MAX).saturating_add(HEADER);
        if whole > MAX_RECORD {
            return Err(Error::TooLong {
                at: source.offset(),
                what: WHAT,
                length: u64::from(length),
                max: MAX_RECORD as u64,
                format: Format::Mrt,
            });
        }
        if source.fill(whole) < whole {
            return Err(source.shortfall(WHAT, whole));
        }
        self.taken = whole;
        Ok(true)
    }

    /// Begins a record: fills the queue or sets up the walk of its entries.
    fn open(&mut self, record: &[u8], at: u64) -> Result<(), &'static str> {
        const SHORT: &str = "the record is shorter than its fixed fields";
        let mut o = Octets::new(record);
        let (secs, kind, subtype) =
            o.u32().zip(o.u16()).zip(o.u16()).map(|((a, b), c)| (a, b, c)).ok_or(SHORT)?;
        o.u32().ok_or(SHORT)?;
        let container = Container::Mrt { kind, subtype };
        let mut head = Head {
            origin: Origin { at, number: self.number, container },
            time: Timestamp::from_secs(secs),
            subtype,
        };
        if matches!(kind, BGP4MP_ET | 33 | 49) {
            head.time = Timestamp::from_micros(secs, o.u32().ok_or(SHORT)?);
        }
        match (kind, subtype) {
            (TABLE_DUMP, 1 | 2) => {
                let (item, nlri) = rib::table_dump(o, head)?;
                self.nlri = nlri;
                self.queue.push_back(item);
            }
            (TABLE_DUMP_V2, 1) => {
                let item = rib::peer_index(o, head, &mut self.peers)?;
                self.queue.push_back(item);
            }
            (TABLE_DUMP_V2, 2..=6 | 8..=12) => self.entries = Some(rib::Entries::open(o, head)?),
            (BGP4MP | BGP4MP_ET, 0 | 1 | 4..=11) => session::items(o, head, &mut self.queue)?,
            _ => self.queue.push_back(Item::new(
                Record::State(StateRecord {
                    origin: head.origin,
                    time: Some(head.time),
                    remote: Endpoint::default(),
                    local: Endpoint::default(),
                    kind: StateKind::Skipped,
                    data: &[],
                    bmp: None,
                }),
                o.rest_span(),
            )),
        }
        Ok(())
    }
}
