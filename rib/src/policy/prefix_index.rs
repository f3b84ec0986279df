//! One lookup that tells which of many prefix conditions a prefix meets.
//!
//! **For**: [`super::Compiled`]. **Sits**: built once a chain, read once a route whose attributes
//! alone do not decide. **How it works**: all ranges of all conditions are keyed by their covering
//! prefix in one hash table. A lookup masks the prefix to every length that occurs in the table and
//! is not longer than the prefix: a handful of probes for the usual lists, 33 at worst for IPv4.
//! Addresses are held left-aligned in 128 bits, so both families share the code.
//! **Invariants**: the bit set returned has exactly one bit for every condition met.
//! **Cost**: about 5 ns a probe.

use std::net::IpAddr;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use smallvec::SmallVec;

use super::PrefixRange;

/// The set of prefix conditions met, one bit each.
pub(super) type Bits = SmallVec<[u64; 2]>;

#[derive(Clone, Debug, Default)]
pub(super) struct PrefixIndex {
    v4: Lengths,
    v6: Lengths,
}

/// The ranges of one address family.
#[derive(Clone, Debug, Default)]
struct Lengths {
    /// Lengths that occur as a covering prefix, ascending.
    lengths: Vec<u8>,
    ranges: HashMap<(u128, u8), SmallVec<[Range; 1]>, FixedState>,
}

#[derive(Copy, Clone, Debug)]
struct Range {
    condition: u32,
    ge: u8,
    le: u8,
}

impl PrefixIndex {
    /// Adds `range` to the ranges of `condition`.
    pub(super) fn insert(&mut self, condition: u32, range: PrefixRange) {
        let (family, bits) = self.family_mut(range.prefix().addr());
        let len = range.prefix().len();
        if let Err(at) = family.lengths.binary_search(&len) {
            family.lengths.insert(at, len);
        }
        family.ranges.entry((mask(bits, len), len)).or_default().push(Range {
            condition,
            ge: range.ge(),
            le: range.le(),
        });
    }

    /// Sets the bit of every condition that `addr/len` meets.
    pub(super) fn lookup(&self, addr: IpAddr, len: u8, met: &mut Bits) {
        let (family, bits) = match addr {
            IpAddr::V4(a) => (&self.v4, u128::from(a.to_bits()) << 96),
            IpAddr::V6(a) => (&self.v6, a.to_bits()),
        };
        for &covering in family.lengths.iter().take_while(|l| **l <= len) {
            let Some(ranges) = family.ranges.get(&(mask(bits, covering), covering)) else {
                continue;
            };
            for range in ranges {
                if (range.ge..=range.le).contains(&len) {
                    set_bit(met, range.condition);
                }
            }
        }
    }

    fn family_mut(&mut self, addr: IpAddr) -> (&mut Lengths, u128) {
        match addr {
            IpAddr::V4(a) => (&mut self.v4, u128::from(a.to_bits()) << 96),
            IpAddr::V6(a) => (&mut self.v6, a.to_bits()),
        }
    }
}

pub(super) fn set_bit(bits: &mut Bits, at: u32) {
    let word = at as usize / 64;
    if bits.len() <= word {
        bits.resize(word + 1, 0);
    }
    bits[word] |= 1 << (at % 64);
}

pub(super) fn has_bit(bits: &[u64], at: u32) -> bool {
    bits.get(at as usize / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
}

fn mask(bits: u128, len: u8) -> u128 {
    // A shift by 128 is not defined; length 0 keeps nothing.
    u128::MAX.checked_shl(128 - u32::from(len)).map_or(0, |m| bits & m)
}
