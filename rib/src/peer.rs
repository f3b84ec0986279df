//! Who routes come from, as far as the decision process cares, and how many each has.
//!
//! **How it works.** A [`PeerIx`] stands for one session from Established to its end. When a
//! session ends its paths become ineligible at once and are removed by
//! [`Rib::sweep`](crate::Rib::sweep); the next session of the same neighbour gets another index, so
//! new routes never mix with old ones. Where routes outlive a session (graceful restart) the index
//! does too, and [`stale`](crate::stale) tells old routes from new ones.
//!
//! **Invariants.** An index is reused only when the sweep is done and every consumer has drained
//! the rows that were dirty then: nobody remembers a route of the old peer under the new peer's
//! index.
//!
//! References: RFC 4271 sections 3.2, 9.1.2.2; RFC 4456.

use std::net::{IpAddr, Ipv4Addr};

use bgp_wire::Asn;

use crate::{ConsumerIx, FAMILY_COUNT, PathFlags, PeerIx, dirty::Consumers, stale::Marks};

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
    /// Paths held which are stale: see [`Rib::mark_stale`](crate::Rib::mark_stale).
    pub stale: u32,
}

/// Sessions and local sources, and their counters.
#[derive(Debug, Default)]
pub struct PeerTable {
    entries: Vec<Entry>,
    /// Swept peers whose index may still be remembered by a consumer.
    resting: Vec<Resting>,
    /// Paths of peers which are down and stale ones to be removed, of all families: what the sweep still has to remove.
    pub(crate) to_sweep: u64,
}

#[derive(Debug)]
struct Entry {
    info: PeerInfo,
    /// `info.addr` as a number, IPv4 as IPv4-mapped.
    addr: u128,
    counts: [PeerCounts; FAMILY_COUNT],
    marks: [Marks; FAMILY_COUNT],
    /// What the decision knows of it has changed; its rows are to be visited.
    renamed: bool,
    state: State,
}

#[derive(Copy, Clone, Eq, PartialEq, Debug)]
enum State {
    Up,
    /// No session, but its routes are kept.
    Lost,
    Down,
    Gone,
}

#[derive(Debug)]
struct Resting {
    peer: PeerIx,
    /// How far each consumer was when the sweep ended, families apart.
    seen: Vec<(ConsumerIx, [u64; FAMILY_COUNT])>,
}

impl PeerTable {
    /// `None` when 65,536 sessions are up or not yet forgotten.
    pub(crate) fn add(&mut self, info: PeerInfo, consumers: &Consumers) -> Option<PeerIx> {
        let entry = Entry {
            addr: number(info.addr),
            info,
            counts: Default::default(),
            marks: Default::default(),
            renamed: false,
            state: State::Up,
        };
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
        if !matches!(entry.state, State::Up | State::Lost) {
            return false;
        }
        entry.state = State::Down;
        entry.renamed = false;
        for (counts, marks) in entry.counts.iter_mut().zip(&mut entry.marks) {
            self.to_sweep += u64::from(counts.received) - u64::from(marks.doomed);
            counts.stale = 0;
            marks.doomed = 0;
        }
        true
    }

    /// The session has ended and its routes are kept. Returns whether it was up.
    pub(crate) fn lose(&mut self, peer: PeerIx) -> bool {
        let Some(entry) = self.entries.get_mut(peer.index()) else { return false };
        let up = entry.state == State::Up;
        if up {
            entry.state = State::Lost;
        }
        up
    }

    /// A lost peer has a session again. `None` if it was not lost, else whether all that the
    /// decision knows of it is as before.
    pub(crate) fn back(&mut self, peer: PeerIx, info: PeerInfo) -> Option<bool> {
        let entry = self.entries.get_mut(peer.index())?;
        if entry.state != State::Lost {
            return None;
        }
        entry.state = State::Up;
        let same = entry.info == info;
        entry.addr = number(info.addr);
        entry.info = info;
        entry.renamed |= !same;
        Some(same)
    }

    /// What is still stale is to be removed. Returns whether there is anything new to remove.
    pub(crate) fn doom(&mut self, peer: PeerIx, family: usize) -> bool {
        let entry = &mut self.entries[peer.index()];
        let (marks, stale) = (&mut entry.marks[family], entry.counts[family].stale);
        let more = stale - marks.doomed;
        marks.doomed = stale;
        marks.keep_current();
        self.to_sweep += u64::from(more);
        more > 0
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
            entry.renamed = false;
            entry.marks.iter_mut().for_each(Marks::swept);
        }
    }

    /// What the decision process knows of a peer.
    pub fn info(&self, peer: PeerIx) -> &PeerInfo {
        &self.entries[peer.index()].info
    }

    /// Whether routes of the peer count: its session is there, or they are kept without one.
    #[inline]
    pub fn is_up(&self, peer: PeerIx) -> bool {
        let entry = self.entries.get(peer.index());
        entry.is_some_and(|entry| matches!(entry.state, State::Up | State::Lost))
    }

    /// Whether the peer has no session but its routes are kept.
    pub fn is_lost(&self, peer: PeerIx) -> bool {
        self.entries.get(peer.index()).is_some_and(|entry| entry.state == State::Lost)
    }

    /// Every peer whose routes count.
    pub fn iter(&self) -> impl Iterator<Item = (PeerIx, &PeerInfo)> {
        let up = |(_, entry): &(u16, &Entry)| matches!(entry.state, State::Up | State::Lost);
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

    #[inline]
    pub(crate) fn marks(&self, peer: PeerIx, family: usize) -> &Marks {
        &self.entries[peer.index()].marks[family]
    }

    pub(crate) fn marks_mut(&mut self, peer: PeerIx, family: usize) -> &mut Marks {
        &mut self.entries[peer.index()].marks[family]
    }

    /// Whether the walk has to tell everybody of the peer's routes once more.
    #[inline]
    pub(crate) fn is_renamed(&self, peer: PeerIx) -> bool {
        self.entries[peer.index()].renamed
    }

    /// A path slot of `peer` is gone.
    #[inline]
    pub(crate) fn removed(&mut self, peer: PeerIx, family: usize, flags: PathFlags) {
        let entry = &mut self.entries[peer.index()];
        entry.counts[family].received -= 1;
        entry.counts[family].accepted -= u32::from(!flags.any(PathFlags::EXCLUDED));
        if entry.state == State::Down {
            self.to_sweep -= 1;
        } else {
            self.refreshed(peer, family, flags);
        }
    }

    /// A path is not any more what it was when it had `flags`: announced again, or gone.
    #[inline]
    pub(crate) fn refreshed(&mut self, peer: PeerIx, family: usize, flags: PathFlags) {
        let entry = &mut self.entries[peer.index()];
        let marks = &mut entry.marks[family];
        if marks.is_stale(flags) {
            entry.counts[family].stale -= 1;
            if marks.is_doomed(flags) {
                marks.doomed -= 1;
                self.to_sweep -= 1;
            }
        }
    }
}

/// A peer's address as a number, IPv4 as IPv4-mapped.
const fn number(addr: IpAddr) -> u128 {
    match addr {
        IpAddr::V4(addr) => addr.to_ipv6_mapped().to_bits(),
        IpAddr::V6(addr) => addr.to_bits(),
    }
}
