//! Everything random in a simulation comes from its seed.

use std::ops::Range;
use std::time::Duration;

/// A small generator (SplitMix64): the same seed, the same numbers, on every platform. Not for secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator with this seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 for a bound of 0.
    pub const fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product: no modulo, and a bias nobody can measure.
        ((self.next() as u128 * bound as u128) >> 64) as u64
    }

    /// True `part` times out of `whole`.
    pub const fn chance(&mut self, part: u64, whole: u64) -> bool {
        self.below(whole) < part
    }

    /// A duration in the range, to the nanosecond; its start if it is empty.
    pub fn duration(&mut self, range: Range<Duration>) -> Duration {
        let nanos = range.end.saturating_sub(range.start).as_nanos();
        let drawn = self.below(u64::try_from(nanos).unwrap_or(u64::MAX));
        range.start.saturating_add(Duration::from_nanos(drawn))
    }

    /// One of these; `None` if there are none.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len() as u64) as usize)
    }

    /// A generator of its own, so that what one part draws does not change what another draws.
    #[must_use]
    pub const fn fork(&mut self) -> Self {
        Self(self.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_lies_in_its_range_and_reaches_both_ends_of_it() {
        let mut random = Random::new(1);
        let drawn: Vec<u64> = (0..1000).map(|_| random.below(5)).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&0), Some(&4)));
        assert_eq!(random.below(0), 0);
        let (low, high) = (Duration::from_millis(3), Duration::from_millis(4));
        assert!((0..1000).all(|_| (low..high).contains(&random.duration(low..high))));
        assert_eq!(random.duration(high..low), high);
        assert_eq!(random.pick::<u8>(&[]), None);
    }

    #[test]
    fn a_seed_decides_everything_and_neighbours_have_nothing_in_common() {
        let mut draws = [3, 3].map(Random::new);
        assert!((0..100).all(|_| draws[0].next() == draws[1].next()));
        let firsts: std::collections::BTreeSet<u64> = (0..1000).map(|seed| Random::new(seed).next()).collect();
        assert_eq!(firsts.len(), 1000);
    }
}
