//! IP fragments of TCP segments, put together.
//!
//! What for: a path with a small MTU and no path-MTU discovery cuts BGP's segments in IP.
//! Where: between [`link`](super::link) and [`flows`](super::flows).
//! How: `etherparse`'s pool; each packet in it remembers the count of fragments when it began.
//! Invariants: a packet that is not whole after [`PATIENCE`] further fragments is dropped and told as a
//! gap, so no more than that many packets of at most 65,535 octets are held.
//! References: RFC 791 section 3.2, RFC 8200 section 4.5.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use std::cell::Cell;

use etherparse::defrag::IpDefragPool;
use etherparse::{SlicedPacket, TcpSlice};

use super::flows::Flows;
use super::link::{Segment, addresses};
use crate::item::Item;
use crate::raw::gap;
use crate::record::{GapReason, Origin, Record, Timestamp};

/// Fragments after which an incomplete packet is given up.
const PATIENCE: u64 = 256;

/// The pool.
#[derive(Debug)]
pub(super) struct Fragments {
    pool: IpDefragPool<(u64, Origin, Option<Timestamp>), ()>,
    count: u64,
}

impl Default for Fragments {
    fn default() -> Self {
        Self { pool: IpDefragPool::new(), count: 0 }
    }
}

impl Fragments {
    /// Takes a fragment; a segment that becomes whole goes to `flows`.
    pub(super) fn add(
        &mut self,
        packet: Box<SlicedPacket<'_>>,
        origin: Origin,
        time: Option<Timestamp>,
        flows: &mut Flows,
    ) {
        self.count = self.count.saturating_add(1);
        let Some((from, to)) = addresses(&packet) else { return };
        match self.pool.process_sliced_packet(&packet, (self.count, origin, time), ()) {
            Ok(Some(whole)) => {
                if let Ok(tcp) = TcpSlice::from_slice(&whole.payload) {
                    flows.push(origin, time, &Segment::new(from, to, &tcp, 0));
                }
                self.pool.return_buf(whole);
            }
            Ok(None) => {}
            // Fragments that contradict each other.
            Err(_) => flows.note(fragment_gap(origin, time)),
        }
        let oldest = self.count.saturating_sub(PATIENCE);
        self.drop_until(oldest, flows);
    }

    /// Gives up what is not whole.
    pub(super) fn finish(&mut self, flows: &mut Flows) {
        self.drop_until(u64::MAX, flows);
    }

    fn drop_until(&mut self, oldest: u64, flows: &mut Flows) {
        let dropped = Cell::new(Vec::new());
        self.pool.retain(|&(count, origin, time)| {
            let keep = count > oldest;
            if !keep {
                let mut so_far = dropped.take();
                so_far.push((origin, time));
                dropped.set(so_far);
            }
            keep
        });
        let mut dropped = dropped.into_inner();
        dropped.sort_unstable_by_key(|(origin, _)| origin.number);
        dropped.dedup();
        for (origin, time) in dropped {
            flows.note(fragment_gap(origin, time));
        }
    }
}

fn fragment_gap(origin: Origin, time: Option<Timestamp>) -> Item {
    let mut record = gap(origin, GapReason::Fragment, 0);
    if let Record::Gap(g) = &mut record {
        g.time = time;
    }
    Item::new(record, 0..0)
}
