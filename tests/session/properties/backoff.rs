//! Delays between dials, for any settings, even those that no config accepts.

use std::time::Duration;

use heartline::backoff::{Backoff, Jitter, Retries};
use proptest::prelude::*;

fn backoffs() -> impl Strategy<Value = Backoff> {
    let time = || prop_oneof![any::<u64>(), 0..1_000_000_u64].prop_map(Duration::from_nanos);
    let jitter = prop::sample::select(vec![Jitter::None, Jitter::Equal, Jitter::Full, Jitter::Decorrelated]);
    (time(), time(), time(), jitter).prop_map(|(base, one, other, jitter)| Backoff {
        base,
        min: one.min(other),
        max: one.max(other),
        jitter,
    })
}

proptest! {
    /// [R2]
    #[test]
    fn every_delay_lies_within_its_bounds_whatever_the_attempt(
        backoff in backoffs(),
        attempt in prop_oneof![any::<u32>(), 0..70_u32, Just(u32::MAX)],
        previous in any::<u64>(),
        random in prop_oneof![any::<u64>(), Just(0), Just(u64::MAX)],
    ) {
        let delay = backoff.delay(attempt, Duration::from_nanos(previous), random);
        prop_assert!((backoff.min..=backoff.max).contains(&delay), "{delay:?} of {backoff:?}");
    }

    /// [R2]
    #[test]
    fn a_row_of_retries_counts_up_within_the_bounds(backoff in backoffs(), randoms in any::<[u64; 32]>()) {
        let mut retries = Retries::default();
        for (attempt, random) in (1..).zip(randoms) {
            let retry = retries.draw(&backoff, random);
            retries.count(retry);
            prop_assert!((backoff.min..=backoff.max).contains(&retry.delay()));
            prop_assert_eq!(retries.attempt(), attempt);
        }
    }
}
