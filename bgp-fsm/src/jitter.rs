//! Jitter for the timers of RFC 4271 section 10.
//!
//! One generator lives in each peer, seeded by its owner, so that a run with the same seed and the
//! same events is the same run. The generator is SplitMix64: eight bytes of state and no
//! dependency; nothing here needs to be unpredictable.
//!
//! Invariant: `Jitter::scale` returns between 0.75 and 1.0 of its argument.

use std::time::Duration;

/// Deterministic source of timer jitter.
#[derive(Clone, Debug)]
pub struct Jitter {
    state: u64,
}

impl Jitter {
    /// A generator; the same seed gives the same sequence.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// `base` multiplied by a factor drawn evenly from 0.75..=1.0 (RFC 4271 section 10).
    pub fn scale(&mut self, base: Duration) -> Duration {
        // 10 bits of randomness are plenty to keep peers apart.
        let step = u32::try_from(self.draw() >> 54).expect("ten bits fit");
        (base / 4096).saturating_mul(3072 + step + u32::from(step == 1023))
    }

    /// The next 64 bits of the sequence.
    pub fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_between_three_quarters_and_one_and_spreads() {
        let base = Duration::from_secs(30);
        let mut jitter = Jitter::new(7);
        let drawn: Vec<_> = (0..10_000).map(|_| jitter.scale(base)).collect();
        let (low, high) = (drawn.iter().min().unwrap(), drawn.iter().max().unwrap());
        assert!(*low >= base * 3 / 4 - Duration::from_micros(50), "{low:?}");
        assert!(*high <= base, "{high:?}");
        assert!(*high - *low > base / 5, "{low:?}..{high:?}");
    }

    #[test]
    fn same_seed_same_sequence() {
        let (mut a, mut b) = (Jitter::new(1), Jitter::new(1));
        assert!((0..100).all(|_| a.draw() == b.draw()));
    }
}
