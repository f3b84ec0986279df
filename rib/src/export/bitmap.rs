//! A growing set of row numbers, one bit each.
//!
//! **For**: what a member that is not in sync still has to be sent. **How it works**: words of 64
//! bits, grown on demand, with a count, and a scan from a position. **Cost**: one bit a row of the
//! table while a member catches up, nothing otherwise.

#[derive(Clone, Debug, Default)]
pub(super) struct Bitmap {
    words: Vec<u64>,
    count: usize,
}

impl Bitmap {
    pub(super) fn contains(&self, at: u32) -> bool {
        self.words.get(at as usize / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    /// Returns whether `at` was new.
    pub(super) fn insert(&mut self, at: u32) -> bool {
        let word = at as usize / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] >> (at % 64) & 1 == 0;
        self.words[word] |= 1 << (at % 64);
        self.count += usize::from(new);
        new
    }

    /// Returns whether `at` was there.
    pub(super) fn remove(&mut self, at: u32) -> bool {
        let was = self.contains(at);
        if was {
            self.words[at as usize / 64] &= !(1 << (at % 64));
            self.count -= 1;
        }
        was
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first member at or after `from`.
    pub(super) fn next_from(&self, from: u32) -> Option<u32> {
        let mut at = from as usize / 64;
        let mut word = self.words.get(at)? & (u64::MAX << (from % 64));
        loop {
            if word != 0 {
                let found = at * 64 + word.trailing_zeros() as usize;
                return Some(u32::try_from(found).expect("only u32 positions are inserted"));
            }
            at += 1;
            word = *self.words.get(at)?;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let mut next = self.next_from(0);
        std::iter::from_fn(move || {
            let at = next?;
            next = self.next_from(at + 1);
            Some(at)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Bitmap;

    #[test]
    fn keeps_count_and_order() {
        let mut set = Bitmap::default();
        for at in [5, 64, 63, 1000, 5] {
            set.insert(at);
        }
        assert_eq!(set.len(), 4);
        assert_eq!(set.iter().collect::<Vec<_>>(), [5, 63, 64, 1000]);
        assert!(set.remove(63) && !set.remove(63) && !set.remove(9_999));
        assert_eq!(set.next_from(6), Some(64));
        assert_eq!(set.next_from(1001), None);
        assert_eq!(set.len(), 3);
    }
}
