//! Routes kept without a session: what readers are told, what is asked of the decision.

#![allow(clippy::unwrap_used, reason = "test code outside of test functions")]

mod common;

use bgp_wire::{Family, V4Prefix};
use rib::{AttrId, Change, Interest, NextHopId, PathFlags, PeerIx, PeerKind, Reason, Rib, Verdict};

use common::{Set, both_families, ebgp, next_hop, peer_info, settle, v4};

const V4: Family = Family::IPV4_UNICAST;

struct Bench {
    rib: Rib,
    attr: AttrId,
    next_hop: NextHopId,
}

impl Bench {
    fn new() -> Self {
        let mut rib = Rib::default();
        let attr = rib.attrs.intern(&Set::path(&[1]).canonical());
        let next_hop = next_hop(&mut rib, 1, 0);
        Self { rib, attr, next_hop }
    }

    fn announce(&mut self, peer: PeerIx, n: u32) -> Change {
        self.rib.announce(peer, 0, v4(n), self.attr, self.next_hop, PathFlags::NONE)
    }

    fn dirty(&mut self, consumer: rib::ConsumerIx) -> Vec<V4Prefix> {
        let mut rows = Vec::new();
        self.rib.next_dirty::<V4Prefix>(consumer, 100, &mut rows);
        rows.into_iter().map(|row| self.rib.prefix::<V4Prefix>(row)).collect()
    }

    fn stale(&self, peer: PeerIx) -> u32 {
        self.rib.counts::<V4Prefix>(peer).stale
    }
}

/// RFC 4724 section 4.2: routes announced again as they were are kept, and nobody notices.
#[test]
fn a_restart_that_changes_nothing_is_told_to_nobody() {
    let mut b = Bench::new();
    let peer = ebgp(&mut b.rib, 1);
    for n in 0..3 {
        b.announce(peer, n);
    }
    let reader = b.rib.register_consumer(Interest::Multipath, both_families());
    assert_eq!(b.dirty(reader).len(), 3);
    b.rib.peer_lost(peer);
    assert!(b.rib.peers().is_lost(peer) && b.stale(peer) == 3);
    assert!(b.rib.best::<V4Prefix>(b.rib.row(v4(0)).unwrap()).is_some(), "stale routes count");
    assert!(b.rib.peer_back(peer, peer_info(1, 1, PeerKind::Ebgp)));
    assert_eq!(b.announce(peer, 0), Change::NONE);
    assert_eq!(b.announce(peer, 2), Change::NONE);
    assert_eq!(b.stale(peer), 1);
    settle(&mut b.rib);
    assert_eq!(b.dirty(reader), []);
    b.rib.sweep_stale(peer, V4);
    settle(&mut b.rib);
    assert_eq!(b.dirty(reader), [v4(1)], "only what was not announced again goes");
    assert_eq!((b.stale(peer), b.rib.counts::<V4Prefix>(peer).received), (0, 2));
}

/// RFC 4724 section 4.2: a second loss deletes what the first one had left stale.
#[test]
fn a_second_loss_keeps_only_what_was_fresh() {
    let mut b = Bench::new();
    let peer = ebgp(&mut b.rib, 1);
    b.announce(peer, 0);
    b.announce(peer, 1);
    b.rib.peer_lost(peer);
    b.rib.peer_back(peer, peer_info(1, 1, PeerKind::Ebgp));
    b.announce(peer, 1);
    b.rib.sweep_stale(peer, V4);
    b.rib.peer_lost(peer);
    settle(&mut b.rib);
    assert_eq!(b.rib.row(v4(0)).filter(|r| b.rib.best::<V4Prefix>(*r).is_some()), None);
    assert_eq!((b.stale(peer), b.rib.counts::<V4Prefix>(peer).received), (1, 1));
    b.rib.peer_down(peer);
    settle(&mut b.rib);
    assert_eq!(b.rib.counts::<V4Prefix>(peer).received, 0);
}

/// The number of a generation comes round.
#[test]
fn any_number_of_marks_without_a_sweep() {
    let mut b = Bench::new();
    let peer = ebgp(&mut b.rib, 1);
    for n in 0..300 {
        b.announce(peer, n);
        b.rib.mark_stale(peer, V4);
        assert_eq!(b.stale(peer), n + 1, "what was stale stays so");
    }
    b.rib.sweep_stale(peer, V4);
    b.announce(peer, 7);
    for n in 1000..1200 {
        b.announce(peer, n);
        b.rib.mark_stale(peer, V4);
    }
    settle(&mut b.rib);
    assert_eq!(b.stale(peer), 201, "what was to go has gone, and only that");
}

/// Its routes look different to those they are reflected to.
#[test]
fn a_peer_back_under_another_router_id_is_told_to_readers() {
    let mut b = Bench::new();
    let (peer, other) = (ebgp(&mut b.rib, 1), ebgp(&mut b.rib, 2));
    b.announce(peer, 0);
    b.announce(other, 1);
    let reader = b.rib.register_consumer(Interest::Best, both_families());
    assert_eq!(b.dirty(reader).len(), 2);
    b.rib.peer_lost(peer);
    b.rib.peer_back(peer, peer_info(1, 9, PeerKind::Ebgp));
    settle(&mut b.rib);
    assert_eq!(b.dirty(reader), [v4(0)]);
}

/// RFC 9494 section 4.3: least preferred, whatever its attributes.
#[test]
fn long_lived_stale_routes_are_the_last_resort() {
    let mut b = Bench::new();
    let (peer, other) = (ebgp(&mut b.rib, 1), ebgp(&mut b.rib, 2));
    b.announce(peer, 0);
    b.announce(peer, 1);
    let poor = Set { local_pref: Some(1), ..Set::path(&[2, 3, 4]) }.canonical();
    let poor = b.rib.attrs.intern(&poor);
    b.rib.announce(other, 0, v4(0), poor, b.next_hop, PathFlags::NONE);
    b.rib.peer_lost(peer);
    b.rib.begin_long_lived(peer, V4);
    settle(&mut b.rib);
    let explained = b.rib.explain(v4(0)).unwrap();
    assert_eq!(explained.candidates[0].path.peer, other);
    assert_eq!(explained.candidates[1].verdict, Verdict::Lost(Reason::LongLivedStale));
    assert_eq!(Reason::LongLivedStale.name(), "long-lived-stale");
    assert_eq!(b.rib.explain(v4(1)).unwrap().candidates[0].verdict, Verdict::Best);
    b.rib.peer_back(peer, peer_info(1, 1, PeerKind::Ebgp));
    assert!(b.announce(peer, 0).best(), "fresh again, it wins again");
}
