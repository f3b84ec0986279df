//! BGP4MP: messages and state changes of sessions.
//!
//! What for: update files of collectors, message dumps of routers.
//! Where: called by [`Mrt`](super::Mrt) for each such record.
//! How: two AS numbers, an interface, two addresses, then the message or two states. In the LOCAL
//! subtypes the collector is the sender.
//! Invariants: what follows the first message of a record is looked at too.
//! References: RFC 6396 section 4.4, RFC 8050 section 3.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        clippy::arithmetic_side_effects
    )
)]

use std::collections::VecDeque;

use super::Head;
use crate::framing::{Cut, cut};
use crate::item::Item;
use crate::octets::Octets;
use crate::raw::gap;
use crate::record::{Endpoint, GapReason, MessageRecord, Record, StateKind, StateRecord};

pub(super) fn items(
    mut o: Octets<'_>,
    head: Head,
    out: &mut VecDeque<Item>,
) -> Result<(), &'static str> {
    const SHORT: &str = "the record is shorter than its fixed fields";
    let as4 = matches!(head.subtype, 4 | 5 | 7 | 9 | 11);
    let (remote_as, local_as) = o.asn(as4).zip(o.asn(as4)).ok_or(SHORT)?;
    let (_interface, afi) = o.u16().zip(o.u16()).ok_or(SHORT)?;
    let six = match afi {
        1 => false,
        2 => true,
        _ => return Err("the address family is neither IPv4 nor IPv6"),
    };
    let (remote_addr, local_addr) = o.addr(six).zip(o.addr(six)).ok_or(SHORT)?;
    let remote = Endpoint { addr: Some(remote_addr), port: None, asn: Some(remote_as) };
    let local = Endpoint { addr: Some(local_addr), port: None, asn: Some(local_as) };
    let (origin, time) = (head.origin, Some(head.time));
    if matches!(head.subtype, 0 | 5) {
        let (old, new) = o.u16().zip(o.u16()).ok_or(SHORT)?;
        let kind = StateKind::Transition { old, new };
        let state = StateRecord { origin, time, remote, local, kind, data: &[], bmp: None };
        out.push_back(Item::new(Record::State(state), 0..0));
        return if o.rest().is_empty() { Ok(()) } else { Err("octets are left after the states") };
    }
    let (from, to) = match head.subtype {
        6 | 7 | 10 | 11 => (local, remote),
        _ => (remote, local),
    };
    if o.rest().is_empty() {
        return Err("a message record without message");
    }
    while !o.rest().is_empty() {
        let (reason, octets) = match cut(o.rest()) {
            Cut::Message(length) => {
                if let Some(span) = o.span(length) {
                    let message = MessageRecord {
                        origin,
                        time,
                        from,
                        to,
                        bytes: &[],
                        as4: Some(as4),
                        add_path: Some(head.subtype >= 8),
                        bmp: None,
                    };
                    out.push_back(Item::message(message, span));
                    continue;
                }
                (GapReason::Truncated, 0)
            }
            Cut::More(need) => (GapReason::Truncated, need.saturating_sub(o.rest().len()) as u64),
            Cut::Skip(_, reason) => (reason, 0),
        };
        let mut record = gap(origin, reason, octets);
        if let Record::Gap(g) = &mut record {
            (g.time, g.from, g.to) = (time, from, to);
        }
        let span = o.rest_span();
        o.take(span.len());
        out.push_back(Item::new(record, span));
    }
    Ok(())
}
