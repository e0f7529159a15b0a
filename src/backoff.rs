//! How long to wait before the next dial.

use core::time::Duration;

use crate::check::{ConfigError, MILLISECOND, YEAR, within};
use crate::random::between;
use crate::time::{Span, nanos};

/// How randomness spreads a delay below its ceiling: the truncated exponential `base · 2ⁿ`, at most `max`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Jitter {
    /// The ceiling itself. A crowd that was cut off together comes back together.
    None,
    /// Uniform in the upper half of the ceiling.
    Equal,
    /// Uniform from zero to the ceiling: spreads a crowd best.
    Full,
    /// Uniform from `base` to three times the previous delay (the first: three times `base`), at most `max`.
    Decorrelated,
}

/// A schedule of delays. Every delay lies in `min..=max`, whatever the attempt, and jitter is drawn
/// below the cap, so a long outage does not line the clients up.
///
/// The default is RFC 6455 §7.2.3: the first retry uniform in 0–5 s, then truncated binary
/// exponential backoff, here up to 30 s with full jitter.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Backoff {
    /// The ceiling of the first retry: from 1 ms without jitter, from `min` + 1 ms with it. Default 5 s.
    pub base: Duration,
    /// No delay is shorter. Default 0.
    pub min: Duration,
    /// No delay is longer: from `min` without jitter, from `min` + 1 ms with it (`Decorrelated`: from `base` +
    /// 1 ms), up to a year. Default 30 s.
    pub max: Duration,
    /// How a delay is drawn below its ceiling. Default full.
    pub jitter: Jitter,
}

impl Backoff {
    /// RFC 6455 §7.2.3, capped at 30 s.
    pub const RFC_6455: Self =
        Self { base: Duration::from_secs(5), min: Duration::ZERO, max: Duration::from_secs(30), jitter: Jitter::Full };

    /// The same delay every time.
    pub const fn constant(delay: Duration) -> Self {
        Self { base: delay, min: delay, max: delay, jitter: Jitter::None }
    }

    /// `base`, `2 · base`, `4 · base` … up to `max`, drawn by `jitter`.
    pub const fn exponential(base: Duration, max: Duration, jitter: Jitter) -> Self {
        Self { base, min: Duration::ZERO, max, jitter }
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        // Jitter needs room, or a crowd would come back at the same moment all the same.
        let (base, room) = match self.jitter {
            Jitter::None => (self.min.max(MILLISECOND), self.min),
            Jitter::Equal | Jitter::Full => {
                (self.min.saturating_add(MILLISECOND), self.min.saturating_add(MILLISECOND))
            }
            Jitter::Decorrelated => (self.min.saturating_add(MILLISECOND), self.base.saturating_add(MILLISECOND)),
        };
        within("backoff.min", self.min, Duration::ZERO, YEAR)?;
        within("backoff.base", self.base, base, YEAR)?;
        within("backoff.max", self.max, room, YEAR)
    }

    /// The delay before retry number `attempt` (1 is the first) out of 64 random bits. `previous` is
    /// the delay before, and matters to [`Jitter::Decorrelated`] alone.
    ///
    /// ```
    /// use core::time::Duration;
    /// use heartline::backoff::{Backoff, Jitter};
    ///
    /// let backoff = Backoff::exponential(Duration::from_secs(1), Duration::from_secs(60), Jitter::None);
    /// assert_eq!(backoff.delay(1, Duration::ZERO, 0), Duration::from_secs(1));
    /// assert_eq!(backoff.delay(4, Duration::ZERO, 0), Duration::from_secs(8));
    /// assert_eq!(backoff.delay(u32::MAX, Duration::ZERO, 0), Duration::from_secs(60));
    /// ```
    pub fn delay(&self, attempt: u32, previous: Duration, random: u64) -> Duration {
        Duration::from_nanos(self.delay_nanos(attempt, nanos(previous), random))
    }

    fn delay_nanos(&self, attempt: u32, previous: u64, random: u64) -> u64 {
        let (base, min) = (nanos(self.base), nanos(self.min));
        let max = nanos(self.max).max(min);
        let doublings = attempt.saturating_sub(1);
        let ceiling = 1_u64.checked_shl(doublings).map_or(max, |factor| base.saturating_mul(factor)).min(max);
        let (low, high) = match self.jitter {
            Jitter::None => (ceiling, ceiling),
            Jitter::Equal => ((ceiling / 2).max(min), ceiling),
            Jitter::Full => (min, ceiling),
            Jitter::Decorrelated => {
                let floor = base.clamp(min, max);
                (floor, previous.max(floor).saturating_mul(3).min(max))
            }
        };
        between(low, high, random).clamp(min, max)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::RFC_6455
    }
}

/// How many retries there have been in a row.
///
/// A retry is drawn when it is scheduled and counted when its dial has come to something, so that a
/// retry which is preempted in between leaves no trace.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Retries {
    attempt: u32,
    previous_nanos: u64,
}

/// A retry that was drawn and is not counted yet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Retry {
    attempt: u32,
    delay_nanos: u64,
}

impl Retry {
    /// Which retry in a row it is; the first is 1.
    pub const fn attempt(self) -> u32 {
        self.attempt
    }

    /// The delay before it.
    pub const fn delay(self) -> Duration {
        Duration::from_nanos(self.delay_nanos)
    }

    pub(crate) const fn span(self) -> Span {
        Span::from_nanos(self.delay_nanos)
    }
}

impl Retries {
    /// Draws the next retry out of 64 random bits.
    pub fn draw(&self, backoff: &Backoff, random: u64) -> Retry {
        let attempt = self.attempt.saturating_add(1);
        Retry { attempt, delay_nanos: backoff.delay_nanos(attempt, self.previous_nanos, random) }
    }

    /// Counts a retry that was drawn.
    pub fn count(&mut self, retry: Retry) {
        *self = Self { attempt: retry.attempt, previous_nanos: retry.delay_nanos };
    }

    /// The number of the latest retry counted; 0 if there has been none since the last reset.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Starts counting anew.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn fingerprint(&self) -> [u64; 2] {
        [u64::from(self.attempt), self.previous_nanos]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const EDGES: [u64; 3] = [0, u64::MAX / 2, u64::MAX];

    #[test]
    fn rfc_6455_spreads_the_first_retry_over_five_seconds_and_doubles_up_to_the_cap() {
        let ceilings = [5, 10, 20, 30, 30];
        for (attempt, ceiling) in (1..).zip(ceilings) {
            assert_eq!(Backoff::RFC_6455.delay(attempt, Duration::ZERO, 0), Duration::ZERO);
            assert_eq!(Backoff::RFC_6455.delay(attempt, Duration::ZERO, u64::MAX), ceiling * SECOND);
        }
    }

    #[test]
    fn every_delay_stays_within_its_bounds_up_to_the_last_attempt() {
        for jitter in [Jitter::None, Jitter::Equal, Jitter::Full, Jitter::Decorrelated] {
            let backoff = Backoff { base: SECOND, min: SECOND / 2, max: 7 * SECOND, jitter };
            for attempt in [0, 1, 2, 3, 31, 64, 65, u32::MAX] {
                for random in EDGES {
                    for previous in [Duration::ZERO, SECOND, Duration::MAX] {
                        let delay = backoff.delay(attempt, previous, random);
                        assert!((backoff.min..=backoff.max).contains(&delay), "{jitter:?} {attempt}: {delay:?}");
                    }
                }
            }
        }
    }

    /// [R2]
    #[test]
    fn every_jitter_has_its_range_and_spreads_below_the_cap() {
        let range = |jitter, attempt, previous| {
            let backoff = Backoff { base: 2 * SECOND, min: SECOND, max: 10 * SECOND, jitter };
            [0, u64::MAX].map(|random| backoff.delay(attempt, previous * SECOND, random).as_secs_f64())
        };
        assert_eq!(range(Jitter::None, 2, 0), [4.0, 4.0]);
        assert_eq!(range(Jitter::Equal, 2, 0), [2.0, 4.0]);
        assert_eq!(range(Jitter::Full, 2, 0), [1.0, 4.0]);
        assert_eq!(range(Jitter::Decorrelated, 2, 3), [2.0, 9.0]);
        for attempt in [5, 64, 65, u32::MAX] {
            assert_eq!(range(Jitter::None, attempt, 10), [10.0, 10.0]);
            assert_eq!(range(Jitter::Equal, attempt, 10), [5.0, 10.0]);
            assert_eq!(range(Jitter::Full, attempt, 10), [1.0, 10.0]);
            assert_eq!(range(Jitter::Decorrelated, attempt, 10), [2.0, 10.0]);
        }
    }

    #[test]
    fn constant_is_constant() {
        let backoff = Backoff::constant(10 * SECOND);
        assert!(EDGES.iter().all(|random| backoff.delay(9, SECOND, *random) == 10 * SECOND));
    }

    #[test]
    fn impossible_settings_still_give_a_delay() {
        let backoff = Backoff { base: Duration::MAX, min: 9 * SECOND, max: SECOND, jitter: Jitter::Full };
        assert_eq!(backoff.delay(3, Duration::MAX, u64::MAX), 9 * SECOND);
    }

    #[test]
    fn the_count_neither_overflows_nor_survives_a_reset() {
        let mut retries = Retries { attempt: u32::MAX, previous_nanos: 1 };
        retries.count(retries.draw(&Backoff::RFC_6455, 7));
        assert_eq!(retries.attempt(), u32::MAX);
        retries.reset();
        assert_eq!(retries, Retries::default());
    }

    #[test]
    fn a_retry_that_was_drawn_and_not_counted_is_drawn_again() {
        let backoff = Backoff::exponential(SECOND, 60 * SECOND, Jitter::None);
        let mut retries = Retries::default();
        retries.count(retries.draw(&backoff, 0));
        assert_eq!(retries.draw(&backoff, 0), retries.draw(&backoff, 0));
        assert_eq!((retries.attempt(), retries.draw(&backoff, 0).delay()), (1, 2 * SECOND));
    }
}
