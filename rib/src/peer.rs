//! Who routes come from, as far as the decision process cares, and how many each has.
//!
//! **How it works.** A [`PeerIx`] stands for one session from Established to its end. When a
//! session ends its paths become ineligible at once and are removed by
//! [`Rib::sweep`](crate::Rib::sweep); the next session of the same neighbour gets another index, so
//! new routes never mix with old ones.
//!
//! **Invariants.** An index is reused only when the sweep is done and every consumer has drained
//! the rows that were dirty then: nobody remembers a route of the old peer under the new peer's
//! index.
//!
//! References: RFC 4271 sections 3.2, 9.1.2.2; RFC 4456.

use std::net::{IpAddr, Ipv4Addr};

use bgp_wire::Asn;

use crate::{ConsumerIx, PeerIx, dirty::Consumers};

/// What kind of session a path came over.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Debug)]
pub enum PeerKind {
    /// Another AS.
    Ebgp,
    /// Our own AS.
    Ibgp {
        /// Whether we reflect to and from it (RFC 4456).
        client: bool,
    },
    /// Not a session: locally originated routes. They win over everything received and need no
    /// next hop.
    Local,
}

/// What the decision process knows of a peer.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct PeerInfo {
    /// Its address, the last tie-breaker.
    pub addr: IpAddr,
    /// Interface of a link-local address, 0 otherwise; tells equal addresses on two links apart.
    pub ifindex: u32,
    /// Its AS.
    pub asn: Asn,
    /// Its BGP identifier.
    pub router_id: Ipv4Addr,
    /// eBGP, iBGP or ourselves.
    pub kind: PeerKind,
}

/// Routes of one peer in one family.
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub struct PeerCounts {
    /// Paths held, refused ones included (Adj-RIB-In).
    pub received: u32,
    /// Paths held which neither policy nor a loop check refused.
    pub accepted: u32,
    /// Prefixes whose best path is this peer's (Loc-RIB).
    pub best: u32,
}

/// Sessions and local sources, and their counters.
#[derive(Debug, Default)]
pub struct PeerTable {
    entries: Vec<Entry>,
    /// Swept peers whose index may still be remembered by a consumer.
    resting: Vec<Resting>,
    /// Paths of peers which are down, both families: what the sweep still has to remove.
    pub(crate) to_sweep: u64,
}

#[derive(Debug)]
struct Entry {
    info: PeerInfo,
    /// `info.addr` as a number, IPv4 as IPv4-mapped.
    addr: u128,
    counts: [PeerCounts; 2],
    state: State,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug)]
enum State {
    Up,
    Down,
    Gone,
}

#[derive(Debug)]
struct Resting {
    peer: PeerIx,
    /// How far each consumer was when the sweep ended, families apart.
    seen: Vec<(ConsumerIx, [u64; 2])>,
}

impl PeerTable {
    /// `None` when 65,536 sessions are up or not yet forgotten.
    pub(crate) fn add(&mut self, info: PeerInfo, consumers: &Consumers) -> Option<PeerIx> {
        let addr = match info.addr {
            IpAddr::V4(addr) => addr.to_ipv6_mapped(),
            IpAddr::V6(addr) => addr,
        };
        let entry =
            Entry { info, addr: addr.to_bits(), counts: Default::default(), state: State::Up };
        let rested = |resting: &Resting| {
            resting.seen.iter().all(|&(consumer, seen)| consumers.has_passed(consumer, seen))
        };
        if let Some(at) = self.resting.iter().position(rested) {
            let peer = self.resting.swap_remove(at).peer;
            self.entries[peer.index()] = entry;
            return Some(peer);
        }
        let peer = PeerIx(u16::try_from(self.entries.len()).ok()?);
        self.entries.push(entry);
        Some(peer)
    }

    /// The session has ended. Returns whether it was up.
    pub(crate) fn down(&mut self, peer: PeerIx) -> bool {
        let Some(entry) = self.entries.get_mut(peer.index()) else { return false };
        if entry.state != State::Up {
            return false;
        }
        entry.state = State::Down;
        self.to_sweep += entry.counts.iter().map(|counts| u64::from(counts.received)).sum::<u64>();
        true
    }

    /// The sweep has removed all paths of peers which are down.
    pub(crate) fn swept(&mut self, consumers: &Consumers) {
        debug_assert_eq!(self.to_sweep, 0);
        for (at, entry) in (0u16..).zip(&mut self.entries) {
            if entry.state == State::Down {
                debug_assert!(entry.counts.iter().all(|counts| *counts == PeerCounts::default()));
                entry.state = State::Gone;
                self.resting.push(Resting { peer: PeerIx(at), seen: consumers.progress() });
            }
        }
    }

    /// What the decision process knows of a peer.
    pub fn info(&self, peer: PeerIx) -> &PeerInfo {
        &self.entries[peer.index()].info
    }

    /// Whether the session is still there.
    #[inline]
    pub fn is_up(&self, peer: PeerIx) -> bool {
        self.entries.get(peer.index()).is_some_and(|entry| entry.state == State::Up)
    }

    /// Every peer whose session is there.
    pub fn iter(&self) -> impl Iterator<Item = (PeerIx, &PeerInfo)> {
        let up = |(_, entry): &(u16, &Entry)| entry.state == State::Up;
        (0u16..).zip(&self.entries).filter(up).map(|(at, entry)| (PeerIx(at), &entry.info))
    }

    /// Peer address as a number, for the last step of the decision.
    #[inline]
    pub(crate) fn addr(&self, peer: PeerIx) -> u128 {
        self.entries[peer.index()].addr
    }

    #[inline]
    pub(crate) fn counts(&self, peer: PeerIx, family: usize) -> PeerCounts {
        self.entries[peer.index()].counts[family]
    }

    #[inline]
    pub(crate) fn counts_mut(&mut self, peer: PeerIx, family: usize) -> &mut PeerCounts {
        &mut self.entries[peer.index()].counts[family]
    }

    /// A path slot of `peer` is gone.
    #[inline]
    pub(crate) fn removed(&mut self, peer: PeerIx, family: usize, accepted: bool) {
        let entry = &mut self.entries[peer.index()];
        entry.counts[family].received -= 1;
        entry.counts[family].accepted -= u32::from(accepted);
        if entry.state == State::Down {
            self.to_sweep -= 1;
        }
    }
}
