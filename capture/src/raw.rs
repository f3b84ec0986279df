//! BGP messages one after the other, with nothing around them.
//!
//! What for: dumps of one direction of a session, fuzz inputs, single messages.
//! Where: a format of [`Reader`](crate::Reader).
//! How: [`framing`](crate::framing) on the window; what is between messages becomes one gap.
//! Invariants: the window never has to hold more than one message.
//! References: RFC 4271 section 4.1.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::cast_possible_truncation))]

use crate::error::Error;
use crate::framing::{Cut, cut};
use crate::item::Item;
use crate::record::{Container, Endpoint, GapReason, GapRecord, MessageRecord, Origin, Record};
use crate::source::Source;

/// State of the reader.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    /// Octets of the last item, still at the front of the window.
    taken: usize,
    number: u64,
}

impl Raw {
    pub(crate) fn step(&mut self, source: &mut Source) -> Result<Option<Item>, Error> {
        source.consume(std::mem::take(&mut self.taken));
        let mut skipped: Option<(Origin, u64, GapReason)> = None;
        loop {
            let origin = bare(source.offset(), self.number.saturating_add(1));
            let next = match cut(source.bytes()) {
                Cut::More(need) if source.fill(need) >= need => continue,
                next => next,
            };
            match (next, skipped) {
                (Cut::Skip(count, reason), first) => {
                    let (origin, before, reason) = first.unwrap_or((origin, 0, reason));
                    source.consume(count);
                    skipped = Some((origin, before.saturating_add(count as u64), reason));
                }
                (_, Some((origin, octets, reason))) => {
                    self.number = origin.number;
                    return Ok(Some(Item::new(gap(origin, reason, octets), 0..0)));
                }
                (Cut::Message(length), None) => {
                    self.number = origin.number;
                    self.taken = length;
                    return Ok(Some(Item::message(message(origin), 0..length)));
                }
                (Cut::More(need), None) => {
                    let left = source.bytes().len();
                    if left == 0 {
                        return Ok(None);
                    }
                    self.number = origin.number;
                    self.taken = left;
                    let missing = need.saturating_sub(left) as u64;
                    let record = gap(origin, GapReason::Truncated, missing);
                    return Ok(Some(Item::new(record, 0..left)));
                }
            }
        }
    }
}

pub(crate) const fn bare(at: u64, number: u64) -> Origin {
    Origin { at, number, container: Container::Bare }
}

pub(crate) fn message(origin: Origin) -> MessageRecord<'static> {
    MessageRecord {
        origin,
        time: None,
        from: Endpoint::default(),
        to: Endpoint::default(),
        bytes: &[],
        as4: None,
        add_path: None,
        bmp: None,
    }
}

pub(crate) fn gap(origin: Origin, reason: GapReason, octets: u64) -> Record<'static> {
    Record::Gap(GapRecord {
        origin,
        time: None,
        from: Endpoint::default(),
        to: Endpoint::default(),
        reason,
        octets,
        data: &[],
    })
}
