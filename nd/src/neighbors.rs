//! Who was heard on a link, and whether that is one.
//!
//! Owned by [`Interface`](crate::Interface); pure. A neighbour stays for [`WINDOW`] after it was last
//! heard. Long before that we ask (solicit) who is there, so that neighbours with long intervals stay.
//!
//! When a second address appears there are two stories: the neighbour has another address now, or there
//! are two neighbours. The same link-layer address tells the first story at once. Otherwise the old one
//! is *doubted*: we ask, and if it is silent for [`DOUBT`] it is gone; if it answers there are two.
//! An address that is *vouched for*, because a session with it lives, does not go by silence.
//!
//! Invariants: at most [`CAPACITY`] entries, so that a flood of made-up sources costs nothing; those that
//! were there first stay. The answer changes only with the table.
//!
//! References: RFC 4861 section 6.3.4 (lifetimes), section 10 (how fast a router must answer).

use std::fmt;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use crate::packet::LinkLayer;

/// Silence after which a neighbour is gone.
pub(crate) const WINDOW: Duration = Duration::from_secs(30);
/// Silence after which it is asked for.
pub(crate) const SILENCE: Duration = Duration::from_secs(15);
/// Time to answer for a neighbour that seems to have been replaced: a router may wait
/// MIN_DELAY_BETWEEN_RAS and MAX_RA_DELAY_TIME, 3.5 s together, and a packet may be lost.
pub(crate) const DOUBT: Duration = Duration::from_secs(5);
/// Pause between questions while there are several: the fault is to end soon after one is gone.
const SEVERAL: Duration = Duration::from_secs(10);
/// Most neighbours remembered; more than one is a fault already.
pub(crate) const CAPACITY: usize = 8;

/// What a link holds.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub enum Finding {
    /// No neighbour is heard.
    Nobody,
    /// The neighbour.
    One(Ipv6Addr),
    /// At least these two: nobody can say which of them is meant.
    Several(Ipv6Addr, Ipv6Addr),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody"),
            Self::One(address) => write!(f, "{address}"),
            Self::Several(one, other) => write!(f, "two neighbours, {one} and {other}"),
        }
    }
}

/// One neighbour heard.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Neighbor {
    /// Its link-local address.
    pub address: Ipv6Addr,
    /// Its Ethernet address, if it said.
    pub link_layer: Option<LinkLayer>,
    /// When it was last heard.
    pub last_heard: Instant,
    /// Router lifetime of its last advertisement in seconds; 0 also when it has sent none.
    pub router_lifetime: u16,
    /// Must be heard after this, or it is gone.
    doubted: Option<Instant>,
}

/// The neighbours of one link.
#[derive(Clone, Debug, Default)]
pub struct Neighbors {
    /// In the order of their appearance.
    entries: Vec<Neighbor>,
    vouched: Option<Ipv6Addr>,
    /// Who was replaced last, and when: two that take turns are two.
    replaced: Option<(Ipv6Addr, Instant)>,
    finding: Option<Finding>,
}

impl Neighbors {
    /// An advertisement came. Returns whether the neighbour was not known.
    pub fn advertised(
        &mut self,
        address: Ipv6Addr,
        link_layer: Option<LinkLayer>,
        router_lifetime: u16,
        now: Instant,
    ) -> bool {
        let known = self.entries.iter().find(|n| n.address == address);
        // RFC 4861 section 6.2.5: a router that stops says so. One that never was a default router
        // cannot say it.
        let steps_down = router_lifetime == 0 && known.is_some_and(|n| n.router_lifetime > 0);
        if steps_down && self.vouched != Some(address) {
            self.entries.retain(|n| n.address != address);
            return false;
        }
        let is_new = self.heard(address, link_layer, now);
        if let Some(known) = self.entries.iter_mut().find(|n| n.address == address) {
            known.router_lifetime = router_lifetime;
        }
        is_new
    }

    /// A sign of life of any kind, such as a connection. Returns whether the neighbour was not known.
    pub fn heard(
        &mut self,
        address: Ipv6Addr,
        link_layer: Option<LinkLayer>,
        now: Instant,
    ) -> bool {
        if let Some(known) = self.entries.iter_mut().find(|n| n.address == address) {
            known.last_heard = now;
            known.doubted = None;
            known.link_layer = link_layer.or(known.link_layer);
            return false;
        }
        let returns = self.replaced.is_some_and(|(who, when)| {
            who == address && now < when.checked_add(WINDOW).unwrap_or(now)
        });
        let same = |n: &Neighbor| link_layer.is_some() && n.link_layer == link_layer;
        if !returns && let Some(old) = self.entries.iter().position(same) {
            let old = self.entries.remove(old);
            self.replaced = Some((old.address, now));
        } else if self.entries.len() >= CAPACITY {
            return false;
        } else {
            for other in self.entries.iter_mut().filter(|n| self.vouched != Some(n.address)) {
                other.doubted.get_or_insert(now);
            }
        }
        self.entries.push(Neighbor {
            address,
            link_layer,
            last_heard: now,
            router_lifetime: 0,
            doubted: None,
        });
        true
    }

    /// A session with this address lives: it is there, whatever it advertises. `None` when it ended.
    pub fn vouch(&mut self, address: Option<Ipv6Addr>, now: Instant) {
        if self.vouched == address {
            return;
        }
        let before = std::mem::replace(&mut self.vouched, address);
        for address in [before, address].into_iter().flatten() {
            // Known until now by the session, from now on by what it says; or the other way.
            if self.entries.iter().any(|n| n.address == address) || self.vouched == Some(address) {
                self.heard(address, None, now);
            }
        }
        if self.entries.len() > 1 {
            // The session may have ended because that one of them is gone.
            self.doubt(before, now);
        }
    }

    /// Everybody was asked to show that he is there. Of several each has to.
    pub(crate) fn asked(&mut self, now: Instant) {
        if self.entries.len() > 1 {
            let vouched = self.vouched;
            for n in self.entries.iter_mut().filter(|n| vouched != Some(n.address)) {
                n.doubted.get_or_insert(now);
            }
        }
    }

    /// Forgets who has been silent for too long.
    pub fn expire(&mut self, now: Instant) {
        let vouched = self.vouched;
        self.entries.retain(|n| vouched == Some(n.address) || now < n.deadline());
        if self.replaced.is_some_and(|(_, when)| when + WINDOW <= now) {
            self.replaced = None;
        }
    }

    /// When [`expire`](Self::expire) has something to do.
    pub fn next_expiry(&self) -> Option<Instant> {
        self.unvouched().map(Neighbor::deadline).min()
    }

    /// When to ask who is there, if the last time was `asked`.
    pub(crate) fn next_question(&self, asked: Option<Instant>) -> Option<Instant> {
        let after = |pause: u64| asked.map(|at| at + Duration::from_secs(pause));
        let several = self.entries.len() > 1;
        self.unvouched()
            .map(|n| match n.doubted {
                Some(since) => after(2).map_or(since, |at| at.max(since)),
                None if several => asked.map_or(n.last_heard, |at| at + SEVERAL),
                None => (n.last_heard + SILENCE).max(after(5).unwrap_or(n.last_heard)),
            })
            .min()
    }

    /// What the link holds now.
    pub fn finding(&mut self) -> Finding {
        let in_doubt = self.entries.iter().any(|n| n.doubted.is_some());
        let finding = match (self.entries.as_slice(), self.finding) {
            ([], _) => Finding::Nobody,
            ([only], _) => Finding::One(only.address),
            // Not before it is known which of the two stories is true.
            ([..], Some(before)) if in_doubt && self.holds(before) => before,
            ([first, ..], _) if in_doubt => Finding::One(first.address),
            ([first, second, ..], _) => Finding::Several(first.address, second.address),
        };
        self.finding = Some(finding);
        finding
    }

    /// All neighbours, in the order of their appearance.
    pub fn iter(&self) -> impl Iterator<Item = &Neighbor> {
        self.entries.iter()
    }

    fn doubt(&mut self, address: Option<Ipv6Addr>, now: Instant) {
        if let Some(known) = self.entries.iter_mut().find(|n| Some(n.address) == address) {
            known.doubted = Some(now);
        }
    }

    fn holds(&self, finding: Finding) -> bool {
        let is_there = |a: Ipv6Addr| self.entries.iter().any(|n| n.address == a);
        match finding {
            Finding::Nobody => false,
            Finding::One(one) => is_there(one),
            Finding::Several(one, other) => is_there(one) && is_there(other),
        }
    }

    fn unvouched(&self) -> impl Iterator<Item = &Neighbor> {
        self.entries.iter().filter(|n| self.vouched != Some(n.address))
    }
}

impl Neighbor {
    fn deadline(&self) -> Instant {
        let silent = self.last_heard + WINDOW;
        self.doubted.map_or(silent, |since| silent.min(since + DOUBT))
    }
}

#[cfg(test)]
mod tests;
