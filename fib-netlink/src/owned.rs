//! What we believe the kernel holds of ours: prefix to next-hop set, compact.
//!
//! Owned by the netlink thread; read by [`crate::plan`]. A full table has a million prefixes and
//! few distinct sets of hops, so a set is stored once and counted; an entry is key, set number and
//! the epoch of its last confirmation: 16 bytes for IPv4, 28 for IPv6, plus the hash table's slack.
//!
//! Invariants: hops are normal (see [`crate::route`]); a set lives while an entry points at it.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;
use hashbrown::{HashMap, HashTable};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use smallvec::SmallVec;

use crate::route::{Hop, Route};

/// The routes of ours in the kernel, as far as we know.
#[derive(Debug, Default)]
pub struct OwnedRoutes {
    v4: HashMap<u64, Entry, RandomState>,
    v6: HashMap<[u8; 17], Entry, RandomState>,
    sets: HopSets,
    epoch: u32,
}

#[derive(Copy, Clone, Debug)]
struct Entry {
    set: u32,
    epoch: u32,
}

impl OwnedRoutes {
    /// Record a route as present; it counts as confirmed. `route` must be normal.
    pub fn insert(&mut self, prefix: &IpNet, next_hops: &[Hop]) {
        let entry = Entry { set: self.sets.retain(next_hops), epoch: self.epoch };
        if let Some(old) = self.put(prefix, entry) {
            self.sets.release(old.set);
        }
    }

    /// Record a route as present but of an earlier epoch: the next sweep removes it unless confirmed.
    pub(crate) fn insert_stale(&mut self, prefix: &IpNet, next_hops: &[Hop]) {
        let epoch = self.epoch.wrapping_sub(1);
        let entry = Entry { set: self.sets.retain(next_hops), epoch };
        if let Some(old) = self.put(prefix, entry) {
            self.sets.release(old.set);
        }
    }

    /// Forget a route. Returns whether it was there.
    pub fn remove(&mut self, prefix: &IpNet) -> bool {
        let old = match prefix {
            IpNet::V4(net) => self.v4.remove(&key4(net)),
            IpNet::V6(net) => self.v6.remove(&key6(net)),
        };
        if let Some(old) = old {
            self.sets.release(old.set);
        }
        old.is_some()
    }

    /// Say that a present route is still wished in this epoch.
    pub(crate) fn confirm(&mut self, prefix: &IpNet) {
        let epoch = self.epoch;
        let entry = match prefix {
            IpNet::V4(net) => self.v4.get_mut(&key4(net)),
            IpNet::V6(net) => self.v6.get_mut(&key6(net)),
        };
        if let Some(entry) = entry {
            entry.epoch = epoch;
        }
    }

    /// Whether a present route is wished in this epoch.
    pub(crate) fn is_confirmed(&self, prefix: &IpNet) -> bool {
        let entry = match prefix {
            IpNet::V4(net) => self.v4.get(&key4(net)),
            IpNet::V6(net) => self.v6.get(&key6(net)),
        };
        entry.is_some_and(|entry| entry.epoch == self.epoch)
    }

    /// From now on every route is unconfirmed until inserted or confirmed again.
    pub(crate) fn begin_epoch(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
    }

    /// The next hops of a prefix, if it is ours.
    pub fn next_hops(&self, prefix: &IpNet) -> Option<&[Hop]> {
        let entry = match prefix {
            IpNet::V4(net) => self.v4.get(&key4(net)),
            IpNet::V6(net) => self.v6.get(&key6(net)),
        };
        entry.map(|entry| self.sets.hops(entry.set))
    }

    /// Whether a route to the prefix is there.
    pub fn contains(&self, prefix: &IpNet) -> bool {
        self.next_hops(prefix).is_some()
    }

    /// Routes that were not confirmed since the epoch began.
    pub(crate) fn unconfirmed(&self) -> Vec<IpNet> {
        self.entries().filter(|(_, entry)| entry.epoch != self.epoch).map(|(net, _)| net).collect()
    }

    /// Every route, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (IpNet, &[Hop])> {
        self.entries().map(|(net, entry)| (net, self.sets.hops(entry.set)))
    }

    /// Number of IPv4 and IPv6 routes.
    pub fn len_by_family(&self) -> (usize, usize) {
        (self.v4.len(), self.v6.len())
    }

    /// Number of routes.
    pub fn len(&self) -> usize {
        self.v4.len() + self.v6.len()
    }

    /// Whether there is no route.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether any route may leave through the interface (a hop without interface may).
    pub(crate) fn may_use(&self, ifindex: u32) -> bool {
        self.sets.may_use(ifindex)
    }

    fn entries(&self) -> impl Iterator<Item = (IpNet, Entry)> {
        let v4 = self.v4.iter().map(|(key, entry)| (net4(*key), *entry));
        let v6 = self.v6.iter().map(|(key, entry)| (net6(key), *entry));
        v4.chain(v6)
    }

    fn put(&mut self, prefix: &IpNet, entry: Entry) -> Option<Entry> {
        match prefix {
            IpNet::V4(net) => self.v4.insert(key4(net), entry),
            IpNet::V6(net) => self.v6.insert(key6(net), entry),
        }
    }
}

impl FromIterator<Route> for OwnedRoutes {
    fn from_iter<T: IntoIterator<Item = Route>>(routes: T) -> Self {
        let mut owned = Self::default();
        for route in routes {
            owned.insert(&route.prefix, &route.next_hops);
        }
        owned
    }
}

fn key4(net: &Ipv4Net) -> u64 {
    (u64::from(net.addr().to_bits()) << 8) | u64::from(net.prefix_len())
}

fn net4(key: u64) -> IpNet {
    let [_, _, _, a, b, c, d, len] = key.to_be_bytes();
    Ipv4Net::new([a, b, c, d].into(), len).expect("the key was made from a prefix").into()
}

fn key6(net: &Ipv6Net) -> [u8; 17] {
    let mut key = [0; 17];
    let (addr, len) = key.split_at_mut(16);
    addr.copy_from_slice(&net.addr().octets());
    len.copy_from_slice(&[net.prefix_len()]);
    key
}

fn net6(key: &[u8; 17]) -> IpNet {
    let (addr, len) = key.split_first_chunk::<16>().expect("17 bytes hold 16");
    Ipv6Net::new((*addr).into(), len[0]).expect("the key was made from a prefix").into()
}

/// Interned, counted sets of hops.
#[derive(Debug, Default)]
struct HopSets {
    index: HashTable<u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    hasher: RandomState,
    /// The set of the last call: runs of routes share one.
    last: u32,
}

#[derive(Debug)]
struct Slot {
    hops: SmallVec<[Hop; 4]>,
    users: u32,
}

impl HopSets {
    fn retain(&mut self, hops: &[Hop]) -> u32 {
        if let Some(slot) = self.slots.get_mut(self.last as usize)
            && slot.users > 0
            && slot.hops.as_slice() == hops
        {
            slot.users += 1;
            return self.last;
        }
        let hash = self.hasher.hash_one(hops);
        let slots = &mut self.slots;
        let found = self.index.find(hash, |id| slots[*id as usize].hops.as_slice() == hops);
        let id = match found {
            Some(id) => {
                slots[*id as usize].users += 1;
                *id
            }
            None => {
                let slot = Slot { hops: SmallVec::from_slice(hops), users: 1 };
                let id = match self.free.pop() {
                    Some(id) => {
                        slots[id as usize] = slot;
                        id
                    }
                    None => {
                        slots.push(slot);
                        u32::try_from(slots.len() - 1).expect("fewer sets than 2^32")
                    }
                };
                let hasher = &self.hasher;
                self.index.insert_unique(hash, id, |id| {
                    hasher.hash_one(slots[*id as usize].hops.as_slice())
                });
                id
            }
        };
        self.last = id;
        id
    }

    fn release(&mut self, id: u32) {
        let slot = &mut self.slots[id as usize];
        slot.users -= 1;
        if slot.users > 0 {
            return;
        }
        let hash = self.hasher.hash_one(slot.hops.as_slice());
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == id) {
            entry.remove();
        }
        slot.hops.clear();
        self.free.push(id);
    }

    fn hops(&self, id: u32) -> &[Hop] {
        &self.slots[id as usize].hops
    }

    fn may_use(&self, ifindex: u32) -> bool {
        let through = |hop: &Hop| hop.ifindex.is_none_or(|index| index == ifindex);
        self.slots.iter().any(|slot| slot.users > 0 && slot.hops.iter().any(through))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> IpNet {
        text.parse().unwrap()
    }

    fn hops(last: u8) -> Vec<Hop> {
        vec![Hop::via([10, 0, 0, last].into()).dev(u32::from(last))]
    }

    #[test]
    fn sets_are_shared_and_freed() {
        let mut owned = OwnedRoutes::default();
        owned.insert(&net("10.1.0.0/16"), &hops(1));
        owned.insert(&net("10.2.0.0/16"), &hops(1));
        owned.insert(&net("2001:db8::/32"), &hops(2));
        assert_eq!(owned.sets.slots.len(), 2);
        assert!(owned.may_use(1) && owned.may_use(2) && !owned.may_use(3));
        owned.insert(&net("10.1.0.0/16"), &hops(3));
        assert!(owned.remove(&net("10.2.0.0/16")));
        assert!(!owned.remove(&net("10.2.0.0/16")));
        assert!(!owned.may_use(1));
        owned.insert(&net("10.9.0.0/16"), &hops(9));
        assert_eq!(owned.sets.slots.len(), 3, "the freed slot is used again");
        assert_eq!(owned.len_by_family(), (2, 1));
        assert_eq!(owned.next_hops(&net("10.1.0.0/16")).unwrap(), hops(3));
    }

    #[test]
    fn what_is_not_confirmed_is_found() {
        let mut owned = OwnedRoutes::default();
        for prefix in ["10.1.0.0/16", "10.2.0.0/16", "2001:db8::/32"] {
            owned.insert(&net(prefix), &hops(1));
        }
        assert!(owned.unconfirmed().is_empty());
        owned.begin_epoch();
        owned.confirm(&net("10.2.0.0/16"));
        owned.insert(&net("2001:db8::/32"), &hops(2));
        assert_eq!(owned.unconfirmed(), [net("10.1.0.0/16")]);
        owned.insert_stale(&net("0.0.0.0/0"), &hops(1));
        assert_eq!(owned.unconfirmed().len(), 2);
    }
}
