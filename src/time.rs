//! Time as a number the driver hands in.

use core::time::Duration;

/// A moment: nanoseconds since an origin that the driver chose.
///
/// The origin is the driver's business (the start of the process, usually) as long as it stays the
/// same for one session. The type holds 584 years and has no conversion from a system clock: the
/// driver subtracts its own origin and calls [`Instant::after`].
///
/// ```
/// use core::time::Duration;
/// use heartline::Instant;
///
/// let origin = std::time::Instant::now();
/// let now = Instant::after(origin.elapsed());
/// assert!(now < now.saturating_add(Duration::from_nanos(1)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Instant(u64);

impl Instant {
    /// The origin itself.
    pub const ORIGIN: Self = Self(0);
    /// The last moment that can be told. No deadline ever falls on it.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The moment `elapsed` after the origin; [`Instant::MAX`] when that is past the end.
    pub const fn after(elapsed: Duration) -> Self {
        Self(nanos(elapsed))
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This moment moved later by `by`, stopping at [`Instant::MAX`].
    #[must_use]
    pub const fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(nanos(by)))
    }

    /// How long after `earlier` this moment is; zero if it is not.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A duration in whole nanoseconds, stopping at the end of `u64`.
pub(crate) const fn nanos(duration: Duration) -> u64 {
    let nanos = duration.as_nanos();
    if nanos > u64::MAX as u128 { u64::MAX } else { nanos as u64 }
}

/// A moment that something waits for, or never.
///
/// Eight bytes instead of the sixteen of `Option<Instant>`: [`Instant::MAX`] stands for never, so a
/// deadline past the end of time is none by itself.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) const NEVER: Self = Self(Instant::MAX);

    pub(crate) const fn at(instant: Instant) -> Self {
        Self(instant)
    }

    pub(crate) const fn passed(self, now: Instant) -> bool {
        self.0.0 <= now.0 && !self.is_never()
    }

    pub(crate) const fn is_never(self) -> bool {
        self.0.0 == u64::MAX
    }

    /// The moment, [`Instant::MAX`] for never.
    pub(crate) const fn instant(self) -> Instant {
        self.0
    }

    pub(crate) const fn get(self) -> Option<Instant> {
        if self.is_never() { None } else { Some(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_passes_at_its_very_moment() {
        let deadline = Deadline::at(Instant::from_nanos(5));
        assert!(!deadline.passed(Instant::from_nanos(4)));
        assert!(deadline.passed(Instant::from_nanos(5)));
    }

    #[test]
    fn a_deadline_past_the_end_of_time_is_none() {
        let late = Instant::from_nanos(u64::MAX - 1).saturating_add(Duration::from_secs(1));
        assert_eq!(Deadline::at(late).get(), None);
        assert!(!Deadline::at(late).passed(Instant::MAX));
    }

    #[test]
    fn durations_longer_than_time_itself_saturate() {
        assert_eq!(Instant::after(Duration::MAX), Instant::MAX);
        assert_eq!(Instant::ORIGIN.saturating_since(Instant::MAX), Duration::ZERO);
    }
}
