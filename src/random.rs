//! Jitter's source: `SplitMix64` (Steele, Lea, Flood 2014), the same on every platform.

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) const fn state(&self) -> u64 {
        self.0
    }
}

/// Uniform in `low..=high`, out of 64 random bits; `low` if the range is empty. The bias of multiply-and-shift is
/// below one in 2⁶⁴ per unit of the range.
pub(crate) fn between(low: u64, high: u64, random: u64) -> u64 {
    let width = u128::from(high.saturating_sub(low)) + 1;
    low.saturating_add(((u128::from(random) * width) >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn the_stream_is_the_published_one() {
        // The first outputs for seed 1234567, as listed with the reference implementation.
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }
}
