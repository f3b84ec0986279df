//! Intervals and jitter, RFC 5880 sections 6.8.2, 6.8.3 and 6.8.7.
//!
//! Used by [`super::Session`] (jitter) and [`crate::Demux`] (random discriminators). Randomness comes from
//! a seed, so a simulation repeats exactly; it need not be cryptographic.

use std::num::{NonZeroU8, NonZeroU32};
use std::time::Duration;

/// An interval as the protocol carries it: 1 microsecond to about 71 minutes.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Interval(NonZeroU32);

/// Least transmit interval while a session is not Up, RFC 5880 section 6.8.3.
pub const SLOW: Interval = Interval(const { NonZeroU32::new(1_000_000).expect("not zero") });

impl Interval {
    /// From microseconds; `None` for 0.
    pub const fn from_micros(micros: u32) -> Option<Self> {
        match NonZeroU32::new(micros) {
            Some(micros) => Some(Self(micros)),
            None => None,
        }
    }

    /// From milliseconds; `None` for 0 and above 4,294,967.
    pub fn from_millis(millis: u32) -> Option<Self> {
        millis.checked_mul(1000).and_then(Self::from_micros)
    }

    /// In microseconds.
    pub const fn micros(self) -> u32 {
        self.0.get()
    }
}

impl From<Interval> for Duration {
    fn from(interval: Interval) -> Self {
        Self::from_micros(u64::from(interval.micros()))
    }
}

/// Seeded randomness (splitmix64) and the jitter made of it.
#[derive(Clone, Debug)]
pub(crate) struct Jitter {
    state: u64,
    current: u32,
}

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        let mut jitter = Self { state: seed, current: 0 };
        jitter.roll();
        jitter
    }

    /// A new random value for the next interval.
    pub(crate) fn roll(&mut self) {
        self.current = self.next_u32();
    }

    pub(crate) fn next_u32(&mut self) -> u32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let [a, b, c, d, ..] = (z ^ (z >> 31)).to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// Shorten an interval by up to 25 %; with a multiplier of 1 by 10 to 25 %, because one late packet
    /// would already be a failure. Rescheduling without a new roll gives the same share.
    pub(crate) fn shorten(&self, interval: Duration, detect_mult: NonZeroU8) -> Duration {
        let (least, span) = if detect_mult.get() == 1 { (10_000, 15_001) } else { (0, 25_001) };
        let share = least + self.current % span;
        interval.saturating_sub(interval * share / 100_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_stays_within_the_bounds_of_section_6_8_7() {
        let second = Duration::from_secs(1);
        for (mult, most) in [(1, 900), (3, 1000)] {
            let mut jitter = Jitter::new(7);
            let mut seen = [false; 2];
            for _ in 0..1000 {
                jitter.roll();
                let shortened = jitter.shorten(second, NonZeroU8::new(mult).unwrap());
                assert!(shortened >= Duration::from_millis(750), "{shortened:?}");
                assert!(shortened <= Duration::from_millis(most), "{shortened:?}");
                seen[usize::from(shortened > Duration::from_millis(830))] = true;
            }
            assert_eq!(seen, [true, true], "both halves of the range occur");
        }
    }

    #[test]
    fn the_longest_interval_does_not_overflow() {
        let longest = Interval::from_micros(u32::MAX).unwrap();
        let jitter = Jitter::new(1);
        assert!(jitter.shorten(longest.into(), NonZeroU8::MIN) < longest.into());
        assert_eq!(Interval::from_millis(u32::MAX), None);
        assert_eq!(Interval::from_micros(0), None);
    }
}
