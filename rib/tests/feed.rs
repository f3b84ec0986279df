//! Readers of changes, claims on rows, paged views, and that memory comes back.

#![allow(clippy::unwrap_used, reason = "test code outside of test functions")]

mod common;

use bgp_wire::{Family, FamilySet, V4Prefix, V6Prefix};
use rib::{ConsumerIx, Interest, NextHopId, PathFlags, PeerIx, Resolution, Rib, RowId};

use common::{Set, both_families, ebgp, next_hop, settle, v4, v6};

struct Bed {
    rib: Rib,
    peer: PeerIx,
    hop: NextHopId,
}

impl Bed {
    fn new() -> Self {
        let mut rib = Rib::default();
        let peer = ebgp(&mut rib, 1);
        let hop = next_hop(&mut rib, 1, 0);
        Self { rib, peer, hop }
    }

    fn announce(&mut self, n: u32, asn: u32) -> rib::Change {
        let attr = self.rib.attrs.intern(&Set::path(&[asn]).canonical());
        let change = self.rib.announce(self.peer, 0, v4(n), attr, self.hop, PathFlags::NONE);
        self.rib.attrs.release(attr);
        change
    }

    fn withdraw(&mut self, n: u32) {
        assert!(self.rib.withdraw(self.peer, 0, v4(n)).best());
    }

    fn drain(&mut self, consumer: ConsumerIx) -> Vec<V4Prefix> {
        let (mut rows, mut prefixes) = (Vec::new(), Vec::new());
        while self.rib.next_dirty::<V4Prefix>(consumer, 7, &mut rows) > 0 {
            prefixes.extend(rows.drain(..).map(|row| self.rib.prefix::<V4Prefix>(row)));
        }
        prefixes
    }
}

#[test]
fn a_flapping_prefix_costs_one_entry() {
    let mut bed = Bed::new();
    let reader = bed.rib.register_consumer(Interest::Best, both_families());
    for round in 0..1000 {
        bed.announce(1, 1 + round % 2);
    }
    assert_eq!(bed.rib.dirty_count(reader), 1);
    assert_eq!(bed.drain(reader), [v4(1)]);
    assert!(!bed.announce(1, 2).best(), "the same route again is no change");
    assert!(!bed.rib.has_dirty(reader));
}

#[test]
fn a_late_reader_is_told_of_every_row_and_only_of_its_families() {
    let mut bed = Bed::new();
    for n in 0..500 {
        bed.announce(n, 1);
    }
    let attr = bed.rib.attrs.intern(&Set::path(&[1]).canonical());
    bed.rib.announce(bed.peer, 0, v6(1), attr, bed.hop, PathFlags::NONE);
    let late = bed.rib.register_consumer(Interest::Best, both_families());
    let mut prefixes = bed.drain(late);
    prefixes.sort_unstable();
    assert_eq!(prefixes, (0..500).map(v4).collect::<Vec<_>>());
    let mut rows = Vec::new();
    assert_eq!(bed.rib.next_dirty::<V6Prefix>(late, 10, &mut rows), 1);

    let mut only_v6 = FamilySet::EMPTY;
    only_v6.insert(Family::IPV6_UNICAST);
    let picky = bed.rib.register_consumer(Interest::Best, only_v6);
    bed.announce(0, 2);
    assert_eq!(bed.rib.dirty_count(picky), 1);
    assert!(bed.drain(picky).is_empty());
    bed.rib.replay::<V4Prefix>(late);
    assert_eq!(bed.drain(late).len(), 500);
}

#[test]
fn a_withdrawn_row_waits_for_its_slowest_reader_and_its_holders() {
    let mut bed = Bed::new();
    let fast = bed.rib.register_consumer(Interest::Best, both_families());
    let slow = bed.rib.register_consumer(Interest::Multipath, both_families());
    bed.announce(1, 1);
    bed.announce(2, 1);
    assert_eq!(bed.drain(fast).len() + bed.drain(slow).len(), 4);
    let row = bed.rib.row(v4(1)).unwrap();
    bed.withdraw(1);
    assert_eq!(bed.drain(fast), [v4(1)]);
    bed.announce(3, 1);
    assert_ne!(bed.rib.row(v4(3)), Some(row), "the slow reader has not seen the withdrawal");
    bed.rib.hold_row::<V4Prefix>(row);
    let mut drained = bed.drain(slow);
    drained.sort_unstable();
    assert_eq!(drained, [v4(1), v4(3)]);
    bed.announce(4, 1);
    assert_ne!(bed.rib.row(v4(4)), Some(row), "the row is held");
    assert_eq!(bed.rib.prefix::<V4Prefix>(row), v4(1));
    bed.rib.release_row::<V4Prefix>(row);
    assert_eq!(bed.rib.row(v4(1)), None);
    bed.announce(5, 1);
    assert_eq!(bed.rib.row(v4(5)), Some(row));
}

#[test]
fn drained_rows_keep_their_prefix_until_the_next_drain() {
    let mut bed = Bed::new();
    let reader = bed.rib.register_consumer(Interest::Best, both_families());
    bed.announce(1, 1);
    bed.announce(2, 1);
    bed.drain(reader);
    bed.withdraw(1);
    let mut rows = Vec::new();
    assert_eq!(bed.rib.next_dirty::<V4Prefix>(reader, 10, &mut rows), 1);
    bed.announce(9, 1);
    assert_eq!(bed.rib.prefix::<V4Prefix>(rows[0]), v4(1));
    bed.rib.hold_row::<V4Prefix>(rows[0]);
    bed.drain(reader);
    assert_eq!(bed.rib.row(v4(1)), Some(rows[0]));
    bed.rib.release_row::<V4Prefix>(rows[0]);
    assert_eq!(bed.rib.row(v4(1)), None);
}

#[test]
fn removing_a_reader_frees_the_rows_only_it_kept() {
    let mut bed = Bed::new();
    let reader = bed.rib.register_consumer(Interest::Best, both_families());
    for n in 0..10 {
        bed.announce(n, 1);
    }
    bed.drain(reader);
    for n in 0..10 {
        bed.withdraw(n);
    }
    let mut rows = Vec::new();
    bed.rib.next_dirty::<V4Prefix>(reader, 3, &mut rows);
    assert_eq!(bed.rib.table::<V4Prefix>().len(), 10);
    bed.rib.remove_consumer(reader);
    assert!(bed.rib.table::<V4Prefix>().is_empty());
    assert_eq!(bed.rib.table::<V4Prefix>().memory(), 0);
    assert!(!bed.rib.has_dirty(reader));
    assert_eq!(bed.rib.next_dirty::<V4Prefix>(reader, 3, &mut rows), 0);
}

#[test]
fn a_change_of_the_set_alone_is_told_to_those_who_want_it() {
    let mut bed = Bed::new();
    let group = bed.rib.register_consumer(Interest::Best, both_families());
    let kernel = bed.rib.register_consumer(Interest::Multipath, both_families());
    bed.announce(1, 1);
    bed.drain(group);
    bed.drain(kernel);

    let other = ebgp(&mut bed.rib, 2);
    let hop = next_hop(&mut bed.rib, 2, 0);
    let attr = bed.rib.attrs.intern(&Set::path(&[1]).canonical());
    let change = bed.rib.announce(other, 0, v4(1), attr, hop, PathFlags::NONE);
    assert!(change.multipath() && !change.best());
    assert!(!bed.rib.has_dirty(group));
    assert_eq!(bed.drain(kernel), [v4(1)]);

    // Another next hop of a member which is not the best one.
    let third = next_hop(&mut bed.rib, 3, 0);
    assert!(bed.rib.announce(other, 0, v4(1), attr, third, PathFlags::NONE).multipath());
    assert!(!bed.rib.has_dirty(group));
    assert_eq!(bed.drain(kernel), [v4(1)]);

    // A next-hop-only change of the best path is a change of the best path.
    let fourth = next_hop(&mut bed.rib, 4, 0);
    let change = bed.rib.announce(bed.peer, 0, v4(1), attr, fourth, PathFlags::NONE);
    assert!(change.best() && change.multipath());
    assert_eq!(bed.drain(group), [v4(1)]);
    assert_eq!(bed.drain(kernel), [v4(1)]);

    // The way to a next hop changed, the decision did not.
    bed.rib.touch_next_hop(third);
    settle(&mut bed.rib);
    assert!(!bed.rib.has_dirty(group));
    assert_eq!(bed.drain(kernel), [v4(1)]);
}

#[test]
fn sweeping_is_sliced_and_ends_with_the_last_path() {
    let mut bed = Bed::new();
    for n in 0..10_000 {
        bed.announce(n, 1);
    }
    let small = ebgp(&mut bed.rib, 2);
    let attr = bed.rib.attrs.intern(&Set::path(&[1]).canonical());
    bed.rib.announce(small, 0, v4(50), attr, bed.hop, PathFlags::NONE);
    assert_eq!(bed.rib.counts::<V4Prefix>(small).received, 1);
    bed.rib.peer_down(small);
    let slices = (0..).take_while(|_| bed.rib.sweep(10)).count();
    assert!(slices < 10, "row 50 ends the sweep, not row 9999: {slices} slices");
    assert_eq!(bed.rib.table::<V4Prefix>().path_count(), 10_000);

    bed.rib.peer_down(bed.peer);
    let slices = (0..).take_while(|_| bed.rib.sweep(100)).count();
    assert!((99..=101).contains(&slices), "{slices} slices of 100 rows");
    assert!(bed.rib.table::<V4Prefix>().is_empty());
    assert!(!bed.rib.sweep(100), "nothing left to do");
}

#[test]
fn rows_which_come_while_the_walk_goes_round_do_not_hide_others() {
    let mut bed = Bed::new();
    for n in 0..10 {
        bed.announce(n, 1);
    }
    let hop = bed.hop;
    bed.rib.set_next_hop(hop, Resolution::Unresolved);
    bed.rib.sweep(5);
    bed.rib.set_next_hop(hop, Resolution::Resolved { metric: 1 });
    bed.rib.sweep(1);
    bed.rib.set_next_hop(hop, Resolution::Unresolved);
    for n in 10..30 {
        bed.announce(n, 1);
    }
    settle(&mut bed.rib);
    assert_eq!(bed.rib.table::<V4Prefix>().best_count(), 0);
}

#[test]
fn memory_comes_back_after_everything_is_withdrawn() {
    let mut bed = Bed::new();
    let reader = bed.rib.register_consumer(Interest::Best, both_families());
    for n in 0..20_000 {
        bed.announce(n, n);
    }
    assert_eq!(bed.rib.attrs.len(), 20_000);
    assert!(bed.rib.memory() > 20_000 * 90);
    bed.drain(reader);
    for n in 0..20_000 {
        bed.withdraw(n);
    }
    bed.drain(reader);
    assert!(bed.rib.attrs.is_empty());
    assert!(bed.rib.memory() < 1000, "{} bytes left", bed.rib.memory());
    bed.announce(1, 1);
    assert_eq!(bed.rib.row(v4(1)), Some(RowId(0)));
    assert_eq!(bed.drain(reader), [v4(1)]);
}

#[test]
fn a_peer_index_rests_until_readers_have_forgotten_it() {
    let mut bed = Bed::new();
    let reader = bed.rib.register_consumer(Interest::Best, both_families());
    bed.announce(1, 1);
    let old = bed.peer;
    bed.rib.peer_down(old);
    let meanwhile = ebgp(&mut bed.rib, 3);
    assert_ne!(meanwhile, old, "not swept");
    settle(&mut bed.rib);
    assert_ne!(ebgp(&mut bed.rib, 4), old, "the reader has not seen the withdrawal");
    bed.drain(reader);
    assert_eq!(ebgp(&mut bed.rib, 5), old);
}

#[test]
fn views_come_in_pages() {
    let mut bed = Bed::new();
    let other = ebgp(&mut bed.rib, 2);
    for n in 0..100 {
        bed.announce(n, 1);
    }
    let attr = bed.rib.attrs.intern(&Set::path(&[1, 2]).canonical());
    for n in (0..100).step_by(2) {
        let flags = if n % 4 == 0 { PathFlags::FILTERED } else { PathFlags::NONE };
        bed.rib.announce(other, 0, v4(n), attr, bed.hop, flags);
    }
    let mut at = Some(RowId(0));
    let (mut received, mut local, mut pages) = (Vec::new(), Vec::new(), 0);
    while let Some(from) = at {
        let page = bed.rib.adj_rib_in::<V4Prefix>(other, from, 8);
        received.extend(page.paths.iter().map(|(prefix, _)| *prefix));
        let best = bed.rib.loc_rib::<V4Prefix>(from, 8);
        local.extend(best.paths.iter().map(|(prefix, path)| (*prefix, path.peer)));
        assert_eq!(page.next, best.next);
        (at, pages) = (page.next, pages + 1);
    }
    assert_eq!(pages, 13);
    assert_eq!(received, (0..100).step_by(2).map(v4).collect::<Vec<_>>());
    assert_eq!(local, (0..100).map(|n| (v4(n), bed.peer)).collect::<Vec<_>>());
    let counts = bed.rib.counts::<V4Prefix>(other);
    assert_eq!((counts.received, counts.accepted, counts.best), (50, 25, 0));
    assert_eq!(bed.rib.counts::<V4Prefix>(bed.peer).best, 100);
}
