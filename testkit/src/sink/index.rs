//! Which prefixes are expected, held and right.
//!
//! One 16-byte slot an IPv4 prefix in an open-addressing table that never deletes a key (a withdrawn
//! prefix keeps its slot); an ordinary map for IPv6. Reading an UPDATE costs a few nanoseconds a prefix.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result, ensure};
use ipnet::IpNet;

/// Expect any attribute set.
pub const ANY: u32 = u32::MAX - 1;
/// Not held; as expectation: nobody expects it.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// Prefix as address << 8 | length, plus one so that 0 is "empty".
    key: u64,
    want: u32,
    have: u32,
}

const EMPTY: Slot = Slot { key: 0, want: NONE, have: NONE };

impl Slot {
    const fn is_right(&self) -> bool {
        self.want != NONE && self.have != NONE && (self.want == ANY || self.want == self.have)
    }

    /// Neither held nor expected: withdrawn again.
    const fn is_absent(&self) -> bool {
        self.want == NONE && self.have == NONE
    }

    const fn is_unexpected(&self) -> bool {
        self.want == NONE && self.have != NONE
    }
}

/// The table of a [`Sink`](super::Sink).
#[derive(Debug)]
pub struct Index {
    v4: Vec<Slot>,
    used: usize,
    v6: HashMap<(u128, u8), Slot>,
    expected: usize,
    right: usize,
    unexpected: usize,
}

impl Index {
    /// An index that expects these prefixes with these first communities.
    #[must_use]
    pub fn new(expected: impl IntoIterator<Item = (IpNet, u32)>) -> Self {
        let mut index = Self {
            v4: vec![EMPTY; 1024],
            used: 0,
            v6: HashMap::new(),
            expected: 0,
            right: 0,
            unexpected: 0,
        };
        for (prefix, tag) in expected {
            let slot = index.slot_of(&prefix);
            let is_new = slot.want == NONE;
            slot.want = tag;
            index.expected += usize::from(is_new);
        }
        index
    }

    /// Prefixes expected.
    #[must_use]
    pub const fn expected(&self) -> usize {
        self.expected
    }

    /// Prefixes expected and held with the right first community.
    #[must_use]
    pub const fn right(&self) -> usize {
        self.right
    }

    /// Prefixes held that are not expected.
    #[must_use]
    pub const fn unexpected(&self) -> usize {
        self.unexpected
    }

    /// Whether everything expected is held and nothing else.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.right == self.expected && self.unexpected == 0
    }

    /// Everything held, with its first community.
    #[must_use]
    pub fn held(&self) -> Vec<(IpNet, u32)> {
        let held = self.slots().filter(|(_, slot)| slot.have != NONE);
        held.map(|(prefix, slot)| (prefix, slot.have)).collect()
    }

    /// Up to `limit` prefixes that are not as expected, in words.
    #[must_use]
    pub fn wrong(&self, limit: usize) -> String {
        let words = |(prefix, slot): (IpNet, Slot)| match (slot.want, slot.have) {
            (_, NONE) => format!("{prefix} is missing"),
            (NONE, _) => format!("{prefix} is not expected"),
            (want, have) => format!("{prefix} has first community {have:#x}, not {want:#x}"),
        };
        let is_wrong = |(_, slot): &(IpNet, Slot)| !(slot.is_right() || slot.is_absent());
        self.slots().filter(is_wrong).take(limit).map(words).collect::<Vec<_>>().join(", ")
    }

    fn slots(&self) -> impl Iterator<Item = (IpNet, Slot)> + '_ {
        let v4 = self.v4.iter().filter(|slot| slot.key != 0).map(|slot| {
            let [a, b, c, d, len] =
                *(slot.key - 1).to_be_bytes().last_chunk::<5>().expect("8 octets");
            (net(Ipv4Addr::new(a, b, c, d).into(), len), *slot)
        });
        let v6 = self.v6.iter();
        let v6 = v6.map(|(&(address, len), s)| (net(Ipv6Addr::from(address).into(), len), *s));
        v4.chain(v6)
    }

    /// Holds `prefix` with this first community.
    pub fn announce_net(&mut self, prefix: &IpNet, tag: u32) {
        let slot = self.slot_of(prefix);
        let (was, now) = set(slot, tag);
        self.count(was, now);
    }

    /// Applies the body of an UPDATE: prefixes withdrawn and announced.
    pub(super) fn update(&mut self, body: &[u8]) -> Result<(u64, u64)> {
        let (withdrawn, rest) = counted(body)?;
        let (attributes, nlri) = counted(rest)?;
        let mut counts = (self.column(withdrawn, false, NONE)?, 0);
        let mut tag = 0;
        let mut reach = None;
        let mut rest = attributes;
        while !rest.is_empty() {
            let (&[flags, kind], after) = rest.split_first_chunk().context("attribute header")?;
            let (value, after) = if flags & 0x10 == 0 {
                let (&len, after) = after.split_first().context("attribute length")?;
                after.split_at_checked(usize::from(len)).context("attribute cut")?
            } else {
                counted(after)?
            };
            rest = after;
            match kind {
                8 => tag = value.first_chunk().map_or(0, |c| u32::from_be_bytes(*c)),
                14 => reach = Some(value),
                15 => {
                    let nlri = value.get(3..).context("MP_UNREACH_NLRI")?;
                    counts.0 += self.column(nlri, value[1] == 2, NONE)?;
                }
                _ => {}
            }
        }
        counts.1 += self.column(nlri, false, tag)?;
        if let Some(value) = reach {
            let next_hop = usize::from(*value.get(3).context("MP_REACH_NLRI")?);
            let nlri = value.get(5 + next_hop..).context("MP_REACH_NLRI")?;
            counts.1 += self.column(nlri, value[1] == 2, tag)?;
        }
        Ok(counts)
    }

    /// Sets every prefix of a column to `have`; how many there are.
    fn column(&mut self, mut bytes: &[u8], is_v6: bool, have: u32) -> Result<u64> {
        let mut count = 0;
        while let Some((&len, rest)) = bytes.split_first() {
            let octets = usize::from(len).div_ceil(8);
            let (address, rest) = rest.split_at_checked(octets).context("prefix cut")?;
            bytes = rest;
            count += 1;
            let (was, now) = if is_v6 {
                let mut full = [0; 16];
                full.get_mut(..octets).context("prefix too long")?.copy_from_slice(address);
                set(self.v6_slot(u128::from_be_bytes(full), len), have)
            } else {
                ensure!(len <= 32, "IPv4 prefix of {len} bits");
                let mut full = [0; 4];
                full[..octets].copy_from_slice(address);
                set(self.v4_slot(u32::from_be_bytes(full), len), have)
            };
            self.count(was, now);
        }
        Ok(count)
    }

    fn count(&mut self, was: Slot, now: Slot) {
        self.right = self.right + usize::from(now.is_right()) - usize::from(was.is_right());
        self.unexpected =
            self.unexpected + usize::from(now.is_unexpected()) - usize::from(was.is_unexpected());
    }

    fn slot_of(&mut self, prefix: &IpNet) -> &mut Slot {
        match prefix.network() {
            IpAddr::V4(address) => self.v4_slot(address.into(), prefix.prefix_len()),
            IpAddr::V6(address) => self.v6_slot(address.into(), prefix.prefix_len()),
        }
    }

    fn v6_slot(&mut self, address: u128, len: u8) -> &mut Slot {
        self.v6.entry((address, len)).or_insert(EMPTY)
    }

    fn v4_slot(&mut self, address: u32, len: u8) -> &mut Slot {
        if self.used * 2 >= self.v4.len() {
            self.grow();
        }
        let key = (u64::from(address) << 8 | u64::from(len)) + 1;
        let at = find(&self.v4, key);
        let slot = &mut self.v4[at];
        if slot.key == 0 {
            slot.key = key;
            self.used += 1;
        }
        slot
    }

    fn grow(&mut self) {
        let mut bigger = vec![EMPTY; self.v4.len() * 4];
        for slot in self.v4.iter().filter(|slot| slot.key != 0) {
            let at = find(&bigger, slot.key);
            bigger[at] = *slot;
        }
        self.v4 = bigger;
    }
}

/// The slot of `key`, or the empty one where it belongs. The table is never full.
fn find(slots: &[Slot], key: u64) -> usize {
    let mask = slots.len() - 1;
    let mut at = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
    while slots[at].key != 0 && slots[at].key != key {
        at = (at + 1) & mask;
    }
    at
}

fn set(slot: &mut Slot, have: u32) -> (Slot, Slot) {
    let was = *slot;
    slot.have = have;
    (was, *slot)
}

fn counted(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<2>().context("length")?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*len))).context("too short")
}

fn net(address: IpAddr, len: u8) -> IpNet {
    IpNet::new(address, len).expect("the length was checked when it was stored")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Attributes, encode};

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|t| t.parse().unwrap()).collect()
    }

    fn feed(index: &mut Index, frames: &[u8]) -> (u64, u64) {
        index.update(&frames[crate::frame::HEADER..]).unwrap()
    }

    fn announce(index: &mut Index, prefixes: &[IpNet], community: u32) -> (u64, u64) {
        let next_hop = if prefixes[0].addr().is_ipv4() { "192.0.2.1" } else { "2001:db8::1" };
        let mut attributes = Attributes::new(&[1], next_hop.parse().unwrap());
        attributes.communities = vec![community, 5];
        let mut frames = Vec::new();
        encode::update(&attributes, prefixes, &mut frames);
        feed(index, &frames)
    }

    #[test]
    fn complete_means_all_right_and_nothing_else() {
        for texts in [
            ["10.0.0.0/8", "10.0.0.0/9", "0.0.0.0/0", "10.1.0.0/16"],
            ["2001:db8::/32", "2001:db8::/33", "::/0", "2001:db8:1::/48"],
        ] {
            let all = nets(&texts);
            let mut index = Index::new(all[..3].iter().map(|p| (*p, 7)));
            assert!(!index.is_complete());
            assert_eq!(announce(&mut index, &all[..3], 8), (0, 3));
            assert!(!index.is_complete(), "wrong community");
            assert!(index.wrong(1).contains("community 0x8, not 0x7"), "{}", index.wrong(1));
            announce(&mut index, &all[..3], 7);
            assert!(index.is_complete());
            announce(&mut index, &all[3..], 7);
            assert_eq!((index.is_complete(), index.unexpected()), (false, 1));
            let mut frames = Vec::new();
            encode::withdraw(&all[3..], &mut frames);
            assert_eq!(feed(&mut index, &frames), (1, 0));
            assert!(index.is_complete());
            let mut held: Vec<_> = index.held().into_iter().map(|(p, _)| p).collect();
            held.sort();
            let mut want = all[..3].to_vec();
            want.sort();
            assert_eq!(held, want);
        }
    }

    #[test]
    fn the_table_grows_and_keeps_everything() {
        let nets: Vec<IpNet> =
            (0..10_000_u32).map(|i| net(Ipv4Addr::from(i << 12).into(), 20)).collect();
        let mut index = Index::new(nets.iter().map(|p| (*p, ANY)));
        for prefix in &nets {
            index.announce_net(prefix, 1);
        }
        assert_eq!((index.right(), index.expected()), (10_000, 10_000));
    }

    #[test]
    fn an_empty_expectation_is_complete_until_something_comes() {
        let mut index = Index::new([]);
        assert!(index.is_complete());
        announce(&mut index, &nets(&["10.0.0.0/8"]), 7);
        assert!(!index.is_complete());
    }
}
