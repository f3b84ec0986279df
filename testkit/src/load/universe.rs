//! All prefixes of a run, numbered in the order in which they are sent.
//!
//! A key is address << 8 | length, with the number of a route distinguisher above it. Receivers look a
//! key up by guessing first: speakers mostly keep the order, so the next number is tried before the
//! hash index.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

/// Prefixes with dense numbers, shared by all receivers of a run.
#[derive(Debug)]
pub struct Universe {
    keys: Vec<u64>,
    /// Open addressing: number + 1, 0 is empty.
    index: Vec<u32>,
    distinguishers: HashMap<[u8; 8], u64>,
}

impl Universe {
    /// IPv4 unicast prefixes.
    ///
    /// # Panics
    /// When one comes twice, or is not IPv4: a bench must know what it sends.
    #[must_use]
    pub fn unicast(prefixes: impl IntoIterator<Item = IpNet>) -> Self {
        Self::new(prefixes.into_iter().map(|prefix| key_of(&prefix)).collect(), HashMap::new())
    }

    /// VPN-IPv4 prefixes with their route distinguishers.
    ///
    /// # Panics
    /// As [`Universe::unicast`].
    #[must_use]
    pub fn vpn(routes: impl IntoIterator<Item = ([u8; 8], IpNet)>) -> Self {
        let mut distinguishers = HashMap::new();
        let mut keys = Vec::new();
        for (rd, prefix) in routes {
            let next = distinguishers.len() as u64 + 1;
            keys.push(*distinguishers.entry(rd).or_insert(next) << 40 | key_of(&prefix));
        }
        Self::new(keys, distinguishers)
    }

    fn new(keys: Vec<u64>, distinguishers: HashMap<[u8; 8], u64>) -> Self {
        let index = vec![0; (keys.len() * 2).next_power_of_two().max(16)];
        let mut universe = Self { keys, index, distinguishers };
        for number in 0..universe.keys.len() {
            let key = universe.keys[number];
            let slot = universe.slot(key);
            assert!(universe.index[slot] == 0, "{} comes twice", universe.name(number));
            universe.index[slot] = u32::try_from(number + 1).expect("fewer than 4 billion");
        }
        universe
    }

    /// Number of prefixes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The number of `key`; `guess` is tried first.
    #[must_use]
    pub fn find(&self, key: u64, guess: usize) -> Option<usize> {
        if self.keys.get(guess) == Some(&key) {
            return Some(guess);
        }
        let number = self.index[self.slot(key)];
        (number != 0).then(|| number as usize - 1)
    }

    /// The key of an IPv4 address and length.
    #[must_use]
    pub const fn key(address: u32, len: u8) -> u64 {
        (address as u64) << 8 | len as u64
    }

    /// The key with a route distinguisher; one that nobody knows gets a key that nobody has.
    #[must_use]
    pub fn vpn_key(&self, rd: [u8; 8], address: u32, len: u8) -> u64 {
        let rd = self.distinguishers.get(&rd).copied().unwrap_or(0xff_ffff);
        rd << 40 | Self::key(address, len)
    }

    /// Prefix number `number` in words.
    #[must_use]
    pub fn name(&self, number: usize) -> String {
        self.keys.get(number).map_or_else(|| "?".to_owned(), |key| name(*key))
    }

    /// The slot of `key`, or the empty one where it belongs. The index is never full.
    fn slot(&self, key: u64) -> usize {
        let mask = self.index.len() - 1;
        let mut at = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize & mask;
        while self.index[at] != 0 && self.keys[self.index[at] as usize - 1] != key {
            at = (at + 1) & mask;
        }
        at
    }
}

/// A key in words.
pub(super) fn name(key: u64) -> String {
    let [_, _, _, a, b, c, d, len] = key.to_be_bytes();
    let prefix = format!("{}/{len}", Ipv4Addr::new(a, b, c, d));
    match key >> 40 {
        0 => prefix,
        rd => format!("{prefix} of route distinguisher {rd}"),
    }
}

fn key_of(prefix: &IpNet) -> u64 {
    match prefix.network() {
        IpAddr::V4(address) => Universe::key(address.into(), prefix.prefix_len()),
        IpAddr::V6(_) => panic!("{prefix}: loads are IPv4"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(i: u32) -> IpNet {
        IpNet::new(Ipv4Addr::from(i << 12).into(), 20).unwrap()
    }

    #[test]
    fn numbers_are_dense_and_found_with_any_guess() {
        let universe = Universe::unicast((0..5000).map(net));
        assert_eq!(universe.len(), 5000);
        for i in 0..5000_u32 {
            let key = Universe::key(i << 12, 20);
            for guess in [i as usize, 0, 4999, 60_000] {
                assert_eq!(universe.find(key, guess), Some(i as usize));
            }
            assert_eq!(universe.find(Universe::key(i << 12, 21), i as usize), None);
        }
    }

    #[test]
    fn one_prefix_under_two_distinguishers_is_two() {
        let universe = Universe::vpn([([1; 8], net(1)), ([2; 8], net(1))]);
        assert_eq!(universe.find(universe.vpn_key([2; 8], 1 << 12, 20), 0), Some(1));
        assert_eq!(universe.find(universe.vpn_key([3; 8], 1 << 12, 20), 0), None);
        assert!(universe.name(1).contains("0.0.16.0/20 of route distinguisher 2"));
    }

    #[test]
    #[should_panic(expected = "comes twice")]
    fn a_prefix_that_comes_twice_is_refused() {
        let _ = Universe::unicast([net(1), net(2), net(1)]);
    }
}
