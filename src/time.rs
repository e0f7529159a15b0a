//! Time as a number the driver hands in.

use core::fmt;
use core::time::Duration;

/// A moment: nanoseconds since an origin that the driver chose, usually the start of the process.
///
/// The origin must stay the same for one session. The type holds 584 years and does not know any
/// system clock: the driver measures the time since its origin and calls [`Timestamp::after`];
/// [`Timestamp::since_origin`] leads back.
///
/// ```
/// use core::time::Duration;
/// use heartline::Timestamp;
///
/// let origin = std::time::Instant::now();
/// let now = Timestamp::after(origin.elapsed());
/// let due = now.saturating_add(Duration::from_secs(20));
/// let timer: std::time::Instant = origin + due.since_origin();
/// # let _ = timer;
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Timestamp(u64);

impl Timestamp {
    /// The origin itself.
    pub const ORIGIN: Self = Self(0);
    /// The last moment the type can hold. No deadline ever falls on it.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The moment `elapsed` after the origin; [`Timestamp::MAX`] when that is past the end.
    pub const fn after(elapsed: Duration) -> Self {
        Self(nanos(elapsed))
    }

    /// The time from the origin to this moment: the inverse of [`after`](Self::after).
    pub const fn since_origin(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// This moment moved later by `by`, stopping at [`Timestamp::MAX`].
    #[must_use]
    pub const fn saturating_add(self, by: Duration) -> Self {
        self.plus(Span::of(by))
    }

    pub(crate) const fn plus(self, by: Span) -> Self {
        Self(self.0.saturating_add(by.0))
    }

    /// How long after `earlier` this moment is; zero if it is not.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.since(earlier).0)
    }

    pub(crate) const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

/// A length of time in whole nanoseconds; the longest stands for no end.
// One number to compare and to add where a `Duration` has two: 250 bytes less to download.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Span(u64);

impl Span {
    pub(crate) const ZERO: Self = Self(0);
    pub(crate) const NANOSECOND: Self = Self(1);
    pub(crate) const ENDLESS: Self = Self(u64::MAX);

    pub(crate) const fn of(duration: Duration) -> Self {
        Self(nanos(duration))
    }

    /// Endless for none.
    #[cfg_attr(not(target_arch = "wasm32"), inline)]
    #[cfg_attr(target_arch = "wasm32", inline(never))]
    pub(crate) const fn of_option(duration: Option<Duration>) -> Self {
        match duration {
            Some(duration) => Self::of(duration),
            None => Self::ENDLESS,
        }
    }

    pub(crate) const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    pub(crate) const fn as_nanos(self) -> u64 {
        self.0
    }
}

/// A duration in whole nanoseconds, stopping at the end of `u64`.
// WebAssembly has no multiplication that tells of an overflow: inlined everywhere it would be 270 bytes more to download.
#[cfg_attr(target_arch = "wasm32", inline(never))]
pub(crate) const fn nanos(duration: Duration) -> u64 {
    match duration.as_secs().checked_mul(1_000_000_000) {
        Some(nanos) => nanos.saturating_add(duration.subsec_nanos() as u64),
        None => u64::MAX,
    }
}

/// The time since the origin, such as `12.5s`.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.since_origin(), formatter)
    }
}

/// A moment that something waits for, or never.
///
/// Eight bytes instead of the sixteen of `Option<Timestamp>`: [`Timestamp::MAX`] stands for never, so a
/// deadline past the end of time is none without a special case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Deadline(Timestamp);

impl Deadline {
    pub(crate) const NEVER: Self = Self(Timestamp::MAX);

    pub(crate) const fn at(instant: Timestamp) -> Self {
        Self(instant)
    }

    /// So long after a moment; never if there is none, or no end.
    #[inline]
    pub(crate) const fn after(since: Self, by: Span) -> Self {
        Self(since.0.plus(by))
    }

    /// So much sooner; never if it is never.
    pub(crate) const fn earlier(self, by: Duration) -> Self {
        if self.is_never() { self } else { Self(Timestamp(self.0.0.saturating_sub(nanos(by)))) }
    }

    pub(crate) const fn passed(self, now: Timestamp) -> bool {
        self.0.0 <= now.0 && !self.is_never()
    }

    pub(crate) const fn is_never(self) -> bool {
        self.0.0 == u64::MAX
    }

    /// The moment, [`Timestamp::MAX`] for never.
    pub(crate) const fn instant(self) -> Timestamp {
        self.0
    }

    pub(crate) const fn get(self) -> Option<Timestamp> {
        if self.is_never() { None } else { Some(self.0) }
    }

    /// How far away it is and how far over, up to `late`: for fingerprints.
    pub(crate) fn distance(self, now: Timestamp, late: Duration) -> [u64; 2] {
        if self.is_never() {
            return [u64::MAX, 0];
        }
        let (at, now) = (self.0.0, now.0);
        [at.saturating_sub(now), now.saturating_sub(at).min(nanos(late))]
    }

    /// How long ago it passed; zero for one that has not.
    pub(crate) const fn lateness(self, now: Timestamp) -> Span {
        now.since(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_shown_as_the_time_since_the_origin() {
        use alloc::string::ToString;
        assert_eq!(Timestamp::after(Duration::from_millis(12_500)).to_string(), "12.5s");
    }

    #[test]
    fn a_deadline_passes_at_its_very_moment() {
        let deadline = Deadline::at(Timestamp::from_nanos(5));
        assert!(!deadline.passed(Timestamp::from_nanos(4)));
        assert!(deadline.passed(Timestamp::from_nanos(5)));
    }

    #[test]
    fn a_deadline_past_the_end_of_time_is_none() {
        let late = Timestamp::from_nanos(u64::MAX - 1).saturating_add(Duration::from_secs(1));
        assert_eq!(Deadline::at(late).get(), None);
        assert!(!Deadline::at(late).passed(Timestamp::MAX));
    }

    #[test]
    fn the_time_since_the_origin_is_the_inverse_of_after() {
        let elapsed = Duration::new(7, 9);
        assert_eq!(Timestamp::after(elapsed).since_origin(), elapsed);
    }

    #[test]
    fn durations_longer_than_time_itself_saturate() {
        assert_eq!(Timestamp::after(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::ORIGIN.saturating_since(Timestamp::MAX), Duration::ZERO);
    }
}
