//! How long the way to the server and back takes.

use core::time::Duration;

/// Round trips measured by the heartbeat on the current connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RoundTrip {
    /// The latest sample, in whole microseconds.
    pub latest: Duration,
    /// The samples smoothed as RFC 6298 §2 does: each new one counts for an eighth.
    pub smoothed: Duration,
}

/// Microseconds in eight bytes; a zero `latest` is no sample yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct Estimate {
    latest: u32,
    smoothed: u32,
}

impl Estimate {
    pub(crate) fn sample(&mut self, round_trip: Duration) {
        let sample = u32::try_from(round_trip.as_micros()).unwrap_or(u32::MAX).max(1);
        let smoothed = match self.latest {
            0 => u64::from(sample),
            _ => (7 * u64::from(self.smoothed) + u64::from(sample) + 4) / 8,
        };
        self.smoothed = u32::try_from(smoothed).unwrap_or(u32::MAX);
        self.latest = sample;
    }

    pub(crate) fn get(&self) -> Option<RoundTrip> {
        let micros = |micros: u32| Duration::from_micros(u64::from(micros));
        (self.latest > 0).then(|| RoundTrip { latest: micros(self.latest), smoothed: micros(self.smoothed) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sample_counts_whole_and_each_further_one_an_eighth() {
        let mut estimate = Estimate::default();
        assert_eq!(estimate.get(), None);
        estimate.sample(Duration::from_millis(80));
        estimate.sample(Duration::from_millis(160));
        let latest = Duration::from_millis(160);
        assert_eq!(estimate.get(), Some(RoundTrip { latest, smoothed: Duration::from_millis(90) }));
    }

    #[test]
    fn samples_at_the_edges_neither_vanish_nor_overflow() {
        let mut estimate = Estimate::default();
        estimate.sample(Duration::ZERO);
        assert_eq!(estimate.get().map(|round_trip| round_trip.latest), Some(Duration::from_micros(1)));
        estimate.sample(Duration::MAX);
        estimate.sample(Duration::MAX);
        assert_eq!(estimate.get().map(|round_trip| round_trip.latest.as_secs()), Some(4294));
    }
}
