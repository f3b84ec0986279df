//! Which rows changed, for each reader of changes.
//!
//! **What it is for.** Update groups and the kernel's routes pull: a change sets a bit, the reader
//! drains bits when it has room and reads what is best *then*. A prefix which flaps a thousand
//! times between two drains costs one bit, and memory is bounded by rows, not by churn.
//!
//! **How it works.** One [`RowSet`] a consumer and family: a bitmap with two levels of summary bits
//! (a word is looked at only if something is in it) and a cursor which goes round, so that rows are
//! drained in row order (good for the caches: neighbours were announced together) and none waits
//! longer than one round.
//!
//! **Invariants.** A row without paths stays what it is, prefix included, while any consumer's
//! bit is set or it is among the rows of a consumer's last drain.
//!
//! **Cost.** 1/8 byte a row and consumer.

use crate::{ConsumerIx, FAMILY_COUNT, RowId};

/// Which changes of a row a consumer is told.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Interest {
    /// The best path: another source, other attributes, another next hop, or gone. Update groups.
    Best,
    /// The best path or any change of the multipath set or of its resolution. Kernel routes.
    Multipath,
    /// Any change of the eligible paths or their order: update groups which send several paths of a
    /// prefix (RFC 7911). May be told of a change which turns out to be none.
    Paths,
}

/// Set of rows, drained round-robin.
#[derive(Debug, Default)]
pub(crate) struct RowSet {
    words: Vec<u64>,
    upper: Vec<u64>,
    top: Vec<u64>,
    /// Word the next drain starts at.
    cursor: usize,
    len: usize,
    /// Rounds begun; a row in the set now is drained before this has grown by two.
    rounds: u64,
}

impl RowSet {
    #[inline]
    pub(crate) fn insert(&mut self, row: RowId) {
        let (word, bit) = (row.index() / 64, 1 << (row.index() % 64));
        if word >= self.words.len() {
            self.grow(word + 1);
        }
        let old = self.words[word];
        if old & bit != 0 {
            return;
        }
        self.words[word] = old | bit;
        self.len += 1;
        if old == 0 {
            self.upper[word / 64] |= 1 << (word % 64);
            self.top[word / 4096] |= 1 << (word / 64 % 64);
        }
    }

    #[inline]
    pub(crate) fn contains(&self, row: RowId) -> bool {
        self.words.get(row.index() / 64).is_some_and(|word| word >> (row.index() % 64) & 1 != 0)
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// Add all rows below `end`.
    pub(crate) fn fill(&mut self, end: u32) {
        for row in 0..end {
            self.insert(RowId(row));
        }
    }

    /// Take the next row of the round.
    pub(crate) fn take(&mut self) -> Option<RowId> {
        if self.len == 0 {
            return None;
        }
        let word = match self.next_word(self.cursor) {
            Some(word) => word,
            None => {
                self.rounds += 1;
                self.next_word(0).expect("a set which is not empty has a word which is not zero")
            }
        };
        self.cursor = word;
        let bit = self.words[word].trailing_zeros();
        self.words[word] &= self.words[word] - 1;
        self.len -= 1;
        if self.words[word] == 0 {
            self.upper[word / 64] &= !(1 << (word % 64));
            if self.upper[word / 64] == 0 {
                self.top[word / 4096] &= !(1 << (word / 64 % 64));
            }
        }
        Some(RowId(u32::try_from(word).expect("row ids are 32 bits") * 64 + bit))
    }

    /// Forget everything and give the memory back.
    fn shrink(&mut self) {
        *self = Self { rounds: self.rounds + 2, ..Self::default() };
    }

    #[cold]
    fn grow(&mut self, words: usize) {
        let words = words.next_multiple_of(64);
        self.words.resize(words, 0);
        self.upper.resize(words / 64, 0);
        self.top.resize(words.div_ceil(4096), 0);
    }

    /// First word from `from` on which is not zero.
    fn next_word(&self, from: usize) -> Option<usize> {
        let in_group = |group: usize, bit: usize| {
            let found = self.upper.get(group)? & (u64::MAX << bit);
            (found != 0).then(|| group * 64 + found.trailing_zeros() as usize)
        };
        if let Some(word) = in_group(from / 64, from % 64) {
            return Some(word);
        }
        let next = from / 64 + 1;
        let mut bits = self.top.get(next / 64)? & (u64::MAX << (next % 64));
        let mut at = next / 64;
        while bits == 0 {
            at += 1;
            bits = *self.top.get(at)?;
        }
        in_group(at * 64 + bits.trailing_zeros() as usize, 0)
    }
}

#[derive(Debug)]
struct Consumer {
    interest: Interest,
    families: [bool; FAMILY_COUNT],
    rows: [RowSet; FAMILY_COUNT],
    /// Rows without paths among those of the last drain: claimed until the next one.
    drained: [Vec<RowId>; FAMILY_COUNT],
}

/// What a consumer that is gone had kept, families apart.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) rows: [RowSet; FAMILY_COUNT],
    pub(crate) drained: [Vec<RowId>; FAMILY_COUNT],
}

/// All readers of changes.
#[derive(Debug, Default)]
pub(crate) struct Consumers {
    slots: Vec<Option<Consumer>>,
    /// Consumers of [`Interest::Paths`], families apart.
    paths: [u16; FAMILY_COUNT],
}

impl Consumers {
    pub(crate) fn add(&mut self, interest: Interest, families: [bool; FAMILY_COUNT]) -> ConsumerIx {
        self.count_paths(interest, families, true);
        let consumer =
            Consumer { interest, families, rows: Default::default(), drained: Default::default() };
        let at = if let Some(at) = self.slots.iter().position(Option::is_none) {
            self.slots[at] = Some(consumer);
            at
        } else {
            self.slots.push(Some(consumer));
            self.slots.len() - 1
        };
        ConsumerIx(u16::try_from(at).expect("fewer than 65,536 consumers"))
    }

    /// Remove a consumer. Returns, families apart, the rows without paths it kept and all it had not
    /// drained.
    pub(crate) fn remove(&mut self, consumer: ConsumerIx) -> Option<Left> {
        let Consumer { interest, families, rows, drained } =
            self.slots.get_mut(consumer.index())?.take()?;
        self.count_paths(interest, families, false);
        Some(Left { rows, drained })
    }

    fn count_paths(&mut self, interest: Interest, families: [bool; FAMILY_COUNT], more: bool) {
        for (count, wanted) in self.paths.iter_mut().zip(families) {
            if interest == Interest::Paths && wanted {
                *count = if more { *count + 1 } else { *count - 1 };
            }
        }
    }

    /// Tell everyone concerned that a row has changed.
    #[inline]
    pub(crate) fn mark(&mut self, family: usize, row: RowId, best: bool) {
        for consumer in self.slots.iter_mut().flatten() {
            if consumer.families[family] && (best || consumer.interest != Interest::Best) {
                consumer.rows[family].insert(row);
            }
        }
    }

    /// Tell those who follow every path that some path of a row may have changed.
    #[inline]
    pub(crate) fn mark_paths(&mut self, family: usize, row: RowId) {
        if self.paths[family] == 0 {
            return;
        }
        for consumer in self.slots.iter_mut().flatten() {
            if consumer.families[family] && consumer.interest == Interest::Paths {
                consumer.rows[family].insert(row);
            }
        }
    }

    /// Whether anyone still has to be told of `row`.
    pub(crate) fn any_dirty(&self, family: usize, row: RowId) -> bool {
        self.slots.iter().flatten().any(|consumer| consumer.rows[family].contains(row))
    }

    pub(crate) fn rows_mut(&mut self, consumer: ConsumerIx, family: usize) -> Option<&mut RowSet> {
        Some(&mut self.slots.get_mut(consumer.index())?.as_mut()?.rows[family])
    }

    pub(crate) fn follows(&self, consumer: ConsumerIx, family: usize) -> bool {
        self.get(consumer).is_some_and(|consumer| consumer.families[family])
    }

    pub(crate) fn drained_mut(
        &mut self,
        consumer: ConsumerIx,
        family: usize,
    ) -> Option<&mut Vec<RowId>> {
        Some(&mut self.slots.get_mut(consumer.index())?.as_mut()?.drained[family])
    }

    /// Rows a consumer has to look at, families apart.
    pub(crate) fn dirty(&self, consumer: ConsumerIx) -> [usize; FAMILY_COUNT] {
        self.get(consumer).map_or([0; FAMILY_COUNT], |c| c.rows.each_ref().map(RowSet::len))
    }

    /// Whether a consumer has a drain to close.
    pub(crate) fn has_drained(&self, consumer: ConsumerIx) -> bool {
        self.get(consumer).is_some_and(|c| c.drained.iter().any(|rows| !rows.is_empty()))
    }

    /// How far every consumer is.
    pub(crate) fn progress(&self) -> Vec<(ConsumerIx, [u64; FAMILY_COUNT])> {
        let rounds = |c: &Consumer| c.rows.each_ref().map(|rows| rows.rounds);
        let all = (0u16..).zip(&self.slots);
        all.filter_map(|(at, slot)| Some((ConsumerIx(at), rounds(slot.as_ref()?)))).collect()
    }

    /// Whether a consumer has drained all that was dirty when its progress was `seen`.
    pub(crate) fn has_passed(&self, consumer: ConsumerIx, seen: [u64; FAMILY_COUNT]) -> bool {
        let Some(consumer) = self.get(consumer) else { return true };
        let passed = |(rows, seen): (&RowSet, u64)| rows.len == 0 || rows.rounds >= seen + 2;
        consumer.rows.iter().zip(seen).all(passed)
    }

    /// The table of `family` has become empty.
    pub(crate) fn shrink(&mut self, family: usize) {
        for consumer in self.slots.iter_mut().flatten() {
            consumer.rows[family].shrink();
        }
    }

    /// Bytes allocated.
    pub(crate) fn memory(&self) -> usize {
        let words = |set: &RowSet| set.words.capacity() + set.upper.capacity() + set.top.capacity();
        self.slots.iter().flatten().flat_map(|c| &c.rows).map(words).sum::<usize>() * 8
    }

    fn get(&self, consumer: ConsumerIx) -> Option<&Consumer> {
        self.slots.get(consumer.index())?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_row_set_is_a_set(
            ops in proptest::collection::vec(proptest::option::of(0u32..600_000), 1..300),
        ) {
            let (mut set, mut model) = (RowSet::default(), BTreeSet::new());
            for op in ops {
                match op {
                    Some(row) => {
                        set.insert(RowId(row));
                        model.insert(RowId(row));
                    }
                    None => {
                        let taken = set.take();
                        prop_assert_eq!(taken.is_some(), !model.is_empty());
                        if let Some(row) = taken {
                            prop_assert!(model.remove(&row));
                            prop_assert!(!set.contains(row));
                        }
                    }
                }
                prop_assert_eq!(set.len(), model.len());
            }
            while let Some(row) = set.take() {
                prop_assert!(model.remove(&row));
            }
            prop_assert!(model.is_empty());
        }
    }

    #[test]
    fn every_row_is_taken_within_two_rounds_whatever_comes() {
        let mut set = RowSet::default();
        set.fill(100);
        while set.take() != Some(RowId(50)) {}
        set.insert(RowId(10));
        let seen = set.rounds;
        let mut flapping = (0..).map(|n| RowId(20 + n % 60));
        while set.contains(RowId(10)) {
            assert!(set.rounds < seen + 2);
            set.insert(flapping.next().expect("endless"));
            set.take();
        }
    }
}
