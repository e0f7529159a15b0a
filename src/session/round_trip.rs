//! How long a ping and its pong take.

use core::time::Duration;

/// Round trips measured by the heartbeat on the current connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub struct RoundTrip {
    /// The latest sample, in whole microseconds.
    pub latest: Duration,
    /// The samples smoothed as RFC 6298 §2 does: each new one counts for an eighth.
    pub smoothed: Duration,
}

/// Microseconds in eight bytes; `latest` is one more than the sample, 0 before the first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Estimate {
    latest: u32,
    smoothed: u32,
}

impl Estimate {
    #[inline]
    pub(crate) fn sample(&mut self, nanos: u64) {
        let sample = (nanos / 1_000).min(u64::from(u32::MAX - 1)) as u32;
        let smoothed = match self.latest {
            0 => u64::from(sample),
            _ => (7 * u64::from(self.smoothed) + u64::from(sample) + 4) / 8,
        };
        // An average of two values of 32 bits is one.
        self.smoothed = smoothed as u32;
        self.latest = sample + 1;
    }

    pub(crate) fn get(&self) -> Option<RoundTrip> {
        let micros = |micros: u32| Duration::from_micros(u64::from(micros));
        (self.latest > 0).then(|| RoundTrip { latest: micros(self.latest - 1), smoothed: micros(self.smoothed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_counts_whole_and_each_further_one_an_eighth() {
        let mut estimate = Estimate::default();
        assert_eq!(estimate.get(), None);
        estimate.sample(80_000_000);
        estimate.sample(160_000_000);
        let latest = Duration::from_millis(160);
        assert_eq!(estimate.get(), Some(RoundTrip { latest, smoothed: Duration::from_millis(90) }));
    }

    #[test]
    fn samples_at_the_edges_neither_vanish_nor_overflow() {
        let mut estimate = Estimate::default();
        estimate.sample(0);
        assert_eq!(estimate.get().map(|round_trip| round_trip.latest), Some(Duration::ZERO));
        estimate.sample(u64::MAX);
        estimate.sample(u64::MAX);
        assert_eq!(estimate.get().map(|round_trip| round_trip.latest.as_secs()), Some(4294));
    }
}
